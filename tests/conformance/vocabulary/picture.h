/* SPDX-License-Identifier: MIT */
/* What a screen must show, computed from the requirement and not by any device. */
#ifndef CONFORM_PICTURE_H
#define CONFORM_PICTURE_H

#include "conformance/vocabulary/rig.h"

/* 0xRRGGBB, rows from the top, width of them in each. Kept by the rig until the vector ends. */
struct picture {
	uint32_t width, height;
	uint32_t *rgb;
};

/* Black. */
struct picture *picture(struct rig *t, uint32_t width, uint32_t height);
/* Each pixel another color, also than its neighbors of other seeds. */
struct picture *pattern(struct rig *t, uint32_t width, uint32_t height, uint32_t seed);
struct picture *filled(struct rig *t, uint32_t width, uint32_t height, uint32_t rgb);
struct picture *copy_of(struct rig *t, const struct picture *p);
/* The part r of p as a picture of its own. */
struct picture *part_of(struct rig *t, const struct picture *p, struct virtio_gpu_rect r);
/* Copies the part r of from to (x, y) of to. */
void paste(struct picture *to, uint32_t x, uint32_t y, const struct picture *from,
	   struct virtio_gpu_rect r);
uint32_t *pixel(const struct picture *p, uint32_t x, uint32_t y);

/* The four bytes of a pixel in memory, by the byte order that the format's name says. */
void encode_pixel(uint8_t bytes[4], uint32_t format, uint32_t rgb, uint8_t alpha);
/* Writes the picture as bytes of the format, rows stride bytes apart, with alpha 0xff. */
void store_picture(struct rig *t, uint64_t gpa, uint32_t stride, uint32_t format,
		   const struct picture *p);

/* The scanout shows exactly this. */
void expect_screen(struct rig *t, uint32_t scanout, const struct picture *p);
/* What it shows now. Ends the vector if it shows nothing. */
struct picture *screen(struct rig *t, uint32_t scanout);
/* The scanout is off: it shows nothing, or at least not this any more. */
void expect_off(struct rig *t, uint32_t scanout, const struct picture *p);

/* Whether this target's cursor can be looked at; if not, its answers can be asked for still. */
bool is_cursor_seen(struct rig *t);
/* The cursor of a scanout, for vectors that NEED_CURSOR. */
struct vgpu_cursor cursor_of(struct rig *t, uint32_t scanout);

#endif
