/* SPDX-License-Identifier: MIT */
#include "report/markup.h"

#include "report/utf8.h"

#include <string.h>

/* What stands for a character that means something in markup; NULL: it means nothing. */
static const char *name_of(uint32_t character)
{
	switch (character) {
	case '&':
		return "&amp;";
	case '<':
		return "&lt;";
	case '>':
		return "&gt;";
	case '"':
		return "&quot;";
	case VGPU_UTF8_REPLACEMENT:
		return "&#xfffd;";
	default:
		return NULL;
	}
}

void vgpu_markup_text(FILE *out, const struct vgpu_markup *markup, const char *text)
{
	while (*text != '\0') {
		uint32_t character;
		size_t len = vgpu_utf8_next(text, &character);

		if (!markup->is_legal(character))
			character = VGPU_UTF8_REPLACEMENT;
		const char *name = name_of(character);
		if (name != NULL)
			fputs(name, out);
		else if (character < 0x80 && strchr(markup->numbered, (int)character) != NULL)
			fprintf(out, "&#%u;", character);
		else
			fwrite(text, 1, len, out);
		text += len;
	}
}
