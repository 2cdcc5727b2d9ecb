/* SPDX-License-Identifier: MIT */
/*
 * Where things go on a screen: which mode, where in it the picture, what of two
 * buffers is out of date, and the cursor in software. It computes, and must not
 * know a card: all of this is tested without one.
 */
#ifndef VGPU_KMS_LAYOUT_H
#define VGPU_KMS_LAYOUT_H

#include "vgpu.h"

#include <xf86drmMode.h>

/* A rectangle without width or height is empty, wherever it lies. */
bool kms_rect_empty(const struct vgpu_rect *rect);
/* The smallest rectangle that holds both. */
struct vgpu_rect kms_rect_merge(const struct vgpu_rect *a, const struct vgpu_rect *b);
/* What both have in common. */
struct vgpu_rect kms_rect_cut(const struct vgpu_rect *a, const struct vgpu_rect *b);

/*
 * The mode for a picture: one of exactly that size, else the smallest that holds
 * it, else the preferred one. With width 0 the preferred one. NULL: no mode.
 */
const drmModeModeInfo *kms_choose_mode(const drmModeModeInfo *modes, int count, uint32_t width,
				       uint32_t height);
/* Nanoseconds from one frame to the next. */
uint64_t kms_frame_ns(const drmModeModeInfo *mode);

/* Where a picture is on a screen: in the center, or cut at its right and bottom. */
struct vgpu_rect kms_place(uint32_t screen_width, uint32_t screen_height, uint32_t width,
			   uint32_t height);
/* A rectangle of the picture in the screen's coordinates; what was cut is left out. */
struct vgpu_rect kms_to_screen(const struct vgpu_rect *place, const struct vgpu_rect *rect);

/* What each of two buffers lacks, in screen coordinates. */
struct kms_swap {
	struct vgpu_rect stale[2];
	unsigned int front; /* the buffer on the screen */
	bool single;	    /* there is no flipping: the front buffer is drawn into */
	bool changed;	    /* something is newer than what is on the screen */
};

/* Nothing in the buffers is right. */
void kms_swap_reset(struct kms_swap *swap, uint32_t width, uint32_t height);
void kms_swap_damage(struct kms_swap *swap, const struct vgpu_rect *rect);
/* The buffer to draw the next frame into: what stale says of it is to be drawn. */
unsigned int kms_swap_back(const struct kms_swap *swap);
/* The back buffer is complete and on its way to the screen. */
void kms_swap_flip(struct kms_swap *swap);

/* The part of the picture that a cursor covers, in the picture's coordinates. */
struct vgpu_rect kms_cursor_rect(const struct vgpu_cursor *cursor, uint32_t width, uint32_t height);
/*
 * Puts the cursor over pixels, which are the part rect of the picture in rows of
 * stride bytes. The cursor's color is straight: not multiplied by its alpha.
 */
void kms_cursor_blend(const struct vgpu_cursor *cursor, const struct vgpu_rect *rect,
		      uint32_t *pixels, size_t stride);
/* A pixel of the cursor as the kernel wants it: multiplied by its alpha. */
uint32_t kms_cursor_premultiplied(uint32_t pixel);

#endif
