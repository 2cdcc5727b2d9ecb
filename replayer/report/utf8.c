/* SPDX-License-Identifier: MIT */
#include "report/utf8.h"

#include <string.h>

/* By the number of bytes. */
static const struct {
	unsigned char mask, lead;
	uint32_t least;
} forms[] = {
	{0x80, 0x00, 0},
	{0xe0, 0xc0, 0x80},
	{0xf0, 0xe0, 0x800},
	{0xf8, 0xf0, 0x10000},
};

size_t vgpu_utf8_next(const char *text, uint32_t *character)
{
	const unsigned char *bytes = (const unsigned char *)text;

	*character = VGPU_UTF8_REPLACEMENT;
	for (size_t more = 0; more < sizeof(forms) / sizeof(forms[0]); more++) {
		uint32_t value = bytes[0] & (unsigned char)~forms[more].mask;

		if ((bytes[0] & forms[more].mask) != forms[more].lead)
			continue;
		/* The zero byte at the end continues nothing. */
		for (size_t i = 1; i <= more; i++) {
			if ((bytes[i] & 0xc0) != 0x80)
				return 1;
			value = value << 6 | (bytes[i] & 0x3f);
		}
		if (value < forms[more].least || (value >= 0xd800 && value <= 0xdfff) ||
		    value > 0x10ffff)
			return 1;
		*character = value;
		return more + 1;
	}
	return 1;
}

bool vgpu_utf8_is_control(uint32_t character)
{
	return character < 0x20 || (character >= 0x7f && character < 0xa0) || character == 0x2028 ||
	       character == 0x2029;
}

void vgpu_utf8_make_plain(char *text)
{
	char *to = text;

	while (*text != '\0') {
		uint32_t character;
		size_t len = vgpu_utf8_next(text, &character);

		if (vgpu_utf8_is_control(character) || character == VGPU_UTF8_REPLACEMENT) {
			*to++ = '?';
		} else {
			memmove(to, text, len);
			to += len;
		}
		text += len;
	}
	*to = '\0';
}
