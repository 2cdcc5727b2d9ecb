/* SPDX-License-Identifier: MIT */
/* VG-PIX: pixel formats. */
#include "conformance/vocabulary/command.h"

#include <endian.h>
#include <string.h>

extern const struct vector pix_vectors[];

/* A screen of one pixel's bytes, over and over. */
static void expect_color(struct rig *t, uint32_t format, const uint8_t bytes[4], uint32_t rgb)
{
	struct resource r = resource_2d(t, 16, 16, format);

	for (uint32_t i = 0; i < r.size; i++)
		guest_at(t, r.gpa)[i] = bytes[i % 4];
	expect_ok(t, transfer(t, whole(&r), 0, r.id));
	show(t, &r, 0);
	expect_screen(t, 0, filled(t, 16, 16, rgb));
}

/* By hand from the names, lowest address first. */
static const struct {
	uint32_t format, rgb;
	int ignored; /* the byte that is alpha or X */
} formats[] = {
	{B8G8R8A8, 0x332211, 3}, {B8G8R8X8, 0x332211, 3}, {A8R8G8B8, 0x223344, 0},
	{X8R8G8B8, 0x223344, 0}, {R8G8B8A8, 0x112233, 3}, {X8B8G8R8, 0x443322, 0},
	{A8B8G8R8, 0x443322, 0}, {R8G8B8X8, 0x112233, 3},
};

static void one_format(struct rig *t)
{
	uint8_t bytes[4] = {0x11, 0x22, 0x33, 0x44};

	for (unsigned int i = 0; i < COUNT(formats); i++) {
		if (formats[i].format != t->vector->arg)
			continue;
		expect_color(t, formats[i].format, bytes, formats[i].rgb);
		bytes[formats[i].ignored] ^= 0xff;
		expect_color(t, formats[i].format, bytes, formats[i].rgb);
	}
}

static void all_formats(struct rig *t)
{
	static const uint8_t bytes[4] = {0x11, 0x22, 0x33, 0x44};

	for (unsigned int i = 0; i < COUNT(formats); i++)
		expect_color(t, formats[i].format, bytes, formats[i].rgb);
}

/* Alpha and X, none and full: the color stays. */
static void fourth_byte(struct rig *t)
{
	uint8_t bytes[4] = {0x11, 0x22, 0x33, 0x44};

	for (unsigned int i = 0; i < COUNT(formats); i++) {
		bytes[0] = 0x11;
		bytes[3] = 0x44;
		bytes[formats[i].ignored] = 0;
		expect_color(t, formats[i].format, bytes, formats[i].rgb);
		bytes[formats[i].ignored] = 0xff;
		expect_color(t, formats[i].format, bytes, formats[i].rgb);
	}
}

static struct picture *red_and_blue_swapped(struct rig *t, const struct picture *p)
{
	struct picture *swapped = picture(t, p->width, p->height);

	for (uint32_t i = 0; i < p->width * p->height; i++)
		swapped->rgb[i] = (p->rgb[i] & 0xff) << 16 | (p->rgb[i] & 0xff00) | p->rgb[i] >> 16;
	return swapped;
}

static void bytes_not_colors(struct rig *t)
{
	struct resource a = resource_2d(t, 64, 64, B8G8R8X8), b = bare_2d(t, 64, 64, R8G8B8X8);
	const struct picture *p = show_pattern(t, &a, 0);

	expect_ok(t, attach_one(t, b.id, a.gpa, a.size));
	expect_ok(t, transfer(t, whole(&b), 0, b.id));
	show(t, &b, 0);
	expect_screen(t, 0, red_and_blue_swapped(t, p));
}

static void blob_of_either_format(struct rig *t)
{
	struct resource r = resource_blob(t, 64, 64, B8G8R8A8);
	const struct picture *p = pattern(t, 64, 64, 2);

	store(t, &r, p);
	show_blob(t, &r, 0);
	expect_screen(t, 0, p);
	r.format = R8G8B8A8;
	show_blob(t, &r, 0);
	expect_screen(t, 0, red_and_blue_swapped(t, p));
}

const struct vector pix_vectors[] = {
	VECTOR("VG-PIX-001", "a format's name is the order of its bytes in memory", all_formats),
	VECTOR("VG-PIX-002", "B8G8R8A8", one_format, .arg = B8G8R8A8),
	VECTOR("VG-PIX-003", "B8G8R8X8", one_format, .arg = B8G8R8X8),
	VECTOR("VG-PIX-004", "A8R8G8B8", one_format, .arg = A8R8G8B8),
	VECTOR("VG-PIX-005", "X8R8G8B8", one_format, .arg = X8R8G8B8),
	VECTOR("VG-PIX-006", "R8G8B8A8", one_format, .arg = R8G8B8A8),
	VECTOR("VG-PIX-007", "X8B8G8R8", one_format, .arg = X8B8G8R8),
	VECTOR("VG-PIX-008", "A8B8G8R8", one_format, .arg = A8B8G8R8),
	VECTOR("VG-PIX-009", "R8G8B8X8", one_format, .arg = R8G8B8X8),
	VECTOR("VG-PIX-010", "a screen ignores alpha", fourth_byte),
	VECTOR("VG-PIX-011", "the X byte is ignored", fourth_byte),
	VECTOR("VG-PIX-012", "a transfer copies bytes, whatever they mean", bytes_not_colors),
	VECTOR("VG-PIX-013", "a blob has the format that its scanout is set with",
	       blob_of_either_format, .with = FEATURE(VIRTIO_GPU_F_RESOURCE_BLOB)),
	{0},
};
