/* SPDX-License-Identifier: MIT */
#include "golden/compare.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Pixels that are looked at together, as most are equal also in a row that is not. */
#define STEP 8u

static bool ignored(const struct vgpu_compare_rules *rules, uint32_t x, uint32_t y)
{
	for (size_t i = 0; i < rules->num_ignore; i++) {
		const struct vgpu_rect *rect = &rules->ignore[i];

		if (x >= rect->x && x - rect->x < rect->width && y >= rect->y &&
		    y - rect->y < rect->height)
			return true;
	}
	return false;
}

static unsigned int distance(const uint8_t *a, const uint8_t *b)
{
	unsigned int largest = 0;

	for (int i = 0; i < 3; i++) {
		unsigned int channel = (unsigned int)abs(a[i] - b[i]);
		largest = channel > largest ? channel : largest;
	}
	return largest;
}

static void note(struct vgpu_frame_difference *difference, uint32_t x, uint32_t y,
		 const uint8_t *expected, const uint8_t *actual)
{
	struct vgpu_rect *box = &difference->box;
	uint32_t right, bottom;

	if (difference->pixels++ == 0) {
		*box = (struct vgpu_rect){.x = x, .y = y, .width = 1, .height = 1};
		difference->x = x;
		difference->y = y;
		memcpy(difference->expected, expected, 3);
		memcpy(difference->actual, actual, 3);
	}
	right = x + 1 > box->x + box->width ? x + 1 : box->x + box->width;
	bottom = y + 1 > box->y + box->height ? y + 1 : box->y + box->height;
	box->x = x < box->x ? x : box->x;
	box->width = right - box->x;
	box->height = bottom - box->y;
}

/* How many of num pixels are equal before one differs: in whole steps. */
static uint32_t equal_pixels(const uint8_t *a, const uint8_t *b, uint32_t num)
{
	uint32_t n = 0;

	while (num - n >= STEP &&
	       memcmp(a + 3 * (size_t)n, b + 3 * (size_t)n, 3 * (size_t)STEP) == 0)
		n += STEP;
	return n;
}

static void compare_row(const uint8_t *expected, const uint8_t *actual, uint32_t width, uint32_t y,
			const struct vgpu_compare_rules *rules,
			struct vgpu_frame_difference *difference)
{
	uint32_t x = 0;

	while (x < width) {
		x += equal_pixels(expected + 3 * (size_t)x, actual + 3 * (size_t)x, width - x);
		for (uint32_t end = width - x < STEP ? width : x + STEP; x < end; x++) {
			const uint8_t *e = expected + 3 * (size_t)x, *a = actual + 3 * (size_t)x;
			unsigned int largest = distance(e, a);

			if (largest <= rules->tolerance || ignored(rules, x, y))
				continue;
			note(difference, x, y, e, a);
			if (largest > difference->largest)
				difference->largest = largest;
		}
	}
}

bool vgpu_frame_compare(const struct vgpu_frame *expected, const struct vgpu_frame *actual,
			const struct vgpu_compare_rules *rules,
			struct vgpu_frame_difference *difference)
{
	static const struct vgpu_compare_rules strict;
	size_t pitch = (size_t)expected->width * 3;

	*difference = (struct vgpu_frame_difference){0};
	if (expected->width != actual->width || expected->height != actual->height) {
		difference->size_differs = true;
		return false;
	}
	rules = rules != NULL ? rules : &strict;
	for (uint32_t y = 0; y < expected->height; y++) {
		const uint8_t *a = expected->rgb + y * pitch, *b = actual->rgb + y * pitch;

		/* Nearly every row of nearly every frame is equal. */
		if (memcmp(a, b, pitch) == 0)
			continue;
		compare_row(a, b, expected->width, y, rules, difference);
	}
	return difference->pixels == 0;
}

void vgpu_frame_difference_text(const struct vgpu_frame_difference *difference,
				const struct vgpu_frame *expected, const struct vgpu_frame *actual,
				char text[VGPU_DIFFERENCE_TEXT])
{
	const struct vgpu_rect *box = &difference->box;
	const uint8_t *e = difference->expected, *a = difference->actual;

	if (difference->size_differs) {
		snprintf(text, VGPU_DIFFERENCE_TEXT, "expected %ux%u pixels, got %ux%u",
			 expected->width, expected->height, actual->width, actual->height);
		return;
	}
	snprintf(text, VGPU_DIFFERENCE_TEXT,
		 "%llu pixel%s in %ux%u+%u+%u, first at %u,%u: expected #%02x%02x%02x, "
		 "got #%02x%02x%02x",
		 (unsigned long long)difference->pixels,
		 difference->pixels == 1 ? " differs" : "s differ", box->width, box->height, box->x,
		 box->y, difference->x, difference->y, e[0], e[1], e[2], a[0], a[1], a[2]);
}

static const uint8_t *pixel_at(const struct vgpu_frame *frame, uint32_t x, uint32_t y)
{
	if (x >= frame->width || y >= frame->height)
		return NULL;
	return frame->rgb + ((size_t)y * frame->width + x) * 3;
}

int vgpu_frame_difference_picture(const struct vgpu_frame *expected,
				  const struct vgpu_frame *actual, struct vgpu_frame *picture)
{
	uint32_t width = expected->width > actual->width ? expected->width : actual->width;
	uint32_t height = expected->height > actual->height ? expected->height : actual->height;
	int ret = vgpu_frame_resize(picture, width, height);

	if (ret < 0)
		return ret;
	uint8_t *out = picture->rgb;
	for (uint32_t y = 0; y < height; y++) {
		for (uint32_t x = 0; x < width; x++, out += 3) {
			const uint8_t *e = pixel_at(expected, x, y), *a = pixel_at(actual, x, y);
			if (e != NULL && a != NULL && memcmp(e, a, 3) == 0) {
				memset(out, 160 + (e[0] + 2 * e[1] + e[2]) / 16, 3);
			} else {
				out[0] = 0xe0;
				out[1] = 0;
				out[2] = 0;
			}
		}
	}
	return 0;
}
