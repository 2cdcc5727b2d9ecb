/* SPDX-License-Identifier: MIT */
#include "conformance/vocabulary/picture.h"

#include "conformance/vocabulary/command.h"

#include <errno.h>
#include <string.h>

/* ---- pictures ---------------------------------------------------------------------- */

struct picture *picture(struct rig *t, uint32_t width, uint32_t height)
{
	struct picture *p = keep(t, sizeof(*p) + (size_t)width * height * sizeof(*p->rgb));

	p->width = width;
	p->height = height;
	p->rgb = (uint32_t *)(void *)(p + 1);
	return p;
}

uint32_t *pixel(const struct picture *p, uint32_t x, uint32_t y)
{
	return &p->rgb[(size_t)y * p->width + x];
}

struct picture *filled(struct rig *t, uint32_t width, uint32_t height, uint32_t rgb)
{
	struct picture *p = picture(t, width, height);

	for (size_t i = 0; i < (size_t)width * height; i++)
		p->rgb[i] = rgb;
	return p;
}

struct picture *pattern(struct rig *t, uint32_t width, uint32_t height, uint32_t seed)
{
	struct picture *p = picture(t, width, height);

	/* An odd factor: no two of 2^24 numbers give the same color. */
	for (uint32_t i = 0; i < width * height; i++)
		p->rgb[i] = ((i + seed * 0x10001) * 0x9e3779u + 0x123456) & 0xffffff;
	return p;
}

struct picture *copy_of(struct rig *t, const struct picture *p)
{
	return part_of(t, p, rect(0, 0, p->width, p->height));
}

struct picture *part_of(struct rig *t, const struct picture *p, struct virtio_gpu_rect r)
{
	struct picture *part = picture(t, r.width, r.height);

	paste(part, 0, 0, p, r);
	return part;
}

void paste(struct picture *to, uint32_t x, uint32_t y, const struct picture *from,
	   struct virtio_gpu_rect r)
{
	for (uint32_t row = 0; row < r.height; row++)
		memcpy(pixel(to, x, y + row), pixel(from, r.x, r.y + row),
		       r.width * sizeof(*to->rgb));
}

/* ---- in memory ---------------------------------------------------------------------- */

/* For each format where its bytes are, alpha or X last. */
static const struct {
	uint32_t format;
	uint8_t red, green, blue, rest;
} orders[] = {
	{B8G8R8A8, 2, 1, 0, 3}, {B8G8R8X8, 2, 1, 0, 3}, {A8R8G8B8, 1, 2, 3, 0},
	{X8R8G8B8, 1, 2, 3, 0}, {R8G8B8A8, 0, 1, 2, 3}, {X8B8G8R8, 3, 2, 1, 0},
	{A8B8G8R8, 3, 2, 1, 0}, {R8G8B8X8, 0, 1, 2, 3},
};

void encode_pixel(uint8_t bytes[4], uint32_t format, uint32_t rgb, uint8_t alpha)
{
	for (size_t i = 0; i < sizeof(orders) / sizeof(orders[0]); i++) {
		if (orders[i].format != format)
			continue;
		bytes[orders[i].red] = (uint8_t)(rgb >> 16);
		bytes[orders[i].green] = (uint8_t)(rgb >> 8);
		bytes[orders[i].blue] = (uint8_t)rgb;
		bytes[orders[i].rest] = alpha;
	}
}

void store_picture(struct rig *t, uint64_t gpa, uint32_t stride, uint32_t format,
		   const struct picture *p)
{
	for (uint32_t y = 0; y < p->height; y++)
		for (uint32_t x = 0; x < p->width; x++)
			encode_pixel(guest_at(t, gpa + (uint64_t)y * stride + 4ull * x), format,
				     *pixel(p, x, y), 0xff);
}

/* ---- on a screen ------------------------------------------------------------------------ */

/* NULL: it shows nothing. */
static struct picture *capture(struct rig *t, uint32_t scanout)
{
	struct vgpu_frame frame = {0};
	struct vgpu_error err;
	int ret = t->target->ops->capture(t->target, scanout, &frame, &err);
	struct picture *p = NULL;

	if (ret == 0) {
		p = picture(t, frame.width, frame.height);
		for (size_t i = 0; i < (size_t)p->width * p->height; i++)
			p->rgb[i] = (uint32_t)frame.rgb[3 * i] << 16 |
				    (uint32_t)frame.rgb[3 * i + 1] << 8 | frame.rgb[3 * i + 2];
	}
	vgpu_frame_fini(&frame);
	if (ret < 0 && ret != -ENOENT)
		give_up(t, ret, &err);
	return p;
}

struct picture *screen(struct rig *t, uint32_t scanout)
{
	struct picture *p = capture(t, scanout);

	require(t, p != NULL, "scanout %u shows nothing", scanout);
	return p;
}

void expect_screen(struct rig *t, uint32_t scanout, const struct picture *p)
{
	const struct picture *shown = screen(t, scanout);
	size_t wrong = 0, first = 0, size = (size_t)p->width * p->height;

	if (!check(t, shown->width == p->width && shown->height == p->height,
		   "scanout %u shows %ux%u pixels, expected %ux%u", scanout, shown->width,
		   shown->height, p->width, p->height))
		return;
	for (size_t i = size; i-- > 0;) {
		if (shown->rgb[i] == p->rgb[i])
			continue;
		wrong++;
		first = i;
	}
	if (wrong > 0)
		check(t, false,
		      "scanout %u: %zu of %zu pixels are wrong, the first at (%zu, %zu): #%06x, "
		      "expected #%06x",
		      scanout, wrong, size, first % p->width, first / p->width, shown->rgb[first],
		      p->rgb[first]);
}

void expect_off(struct rig *t, uint32_t scanout, const struct picture *p)
{
	const struct picture *shown = capture(t, scanout);

	if (shown == NULL || shown->width != p->width || shown->height != p->height)
		return;
	check(t, memcmp(shown->rgb, p->rgb, (size_t)p->width * p->height * sizeof(*p->rgb)) != 0,
	      "scanout %u still shows the picture", scanout);
}

bool is_cursor_seen(struct rig *t)
{
	const struct vgpu_target_ops *ops = t->target->ops;
	struct vgpu_cursor cursor;
	struct vgpu_error err;

	return ops->cursor != NULL && ops->cursor(t->target, 0, &cursor, &err) != -ENOTSUP;
}

struct vgpu_cursor cursor_of(struct rig *t, uint32_t scanout)
{
	struct vgpu_cursor cursor;
	struct vgpu_error err;

	memset(&cursor, 0, sizeof(cursor));
	int ret = t->target->ops->cursor(t->target, scanout, &cursor, &err);
	if (ret < 0)
		give_up(t, ret, &err);
	return cursor;
}
