/* SPDX-License-Identifier: MIT */
/* Two frames, pixel by pixel. */
#ifndef VGPU_COMPARE_H
#define VGPU_COMPARE_H

#include "frame.h"

/* What may differ; all zero: nothing. */
struct vgpu_compare_rules {
	unsigned int tolerance; /* largest difference of a color channel */
	const struct vgpu_rect *ignore;
	size_t num_ignore;
};

struct vgpu_frame_difference {
	bool size_differs; /* then nothing below is set */
	uint64_t pixels;   /* that differ */
	struct vgpu_rect box;
	uint32_t x, y; /* first of them, by rows */
	uint8_t expected[3], actual[3];
	unsigned int largest; /* difference of a channel */
};

/* True if they are equal as far as rules (may be NULL) asks. */
bool vgpu_frame_compare(const struct vgpu_frame *expected, const struct vgpu_frame *actual,
			const struct vgpu_compare_rules *rules,
			struct vgpu_frame_difference *difference);

#define VGPU_DIFFERENCE_TEXT 200
/* "3 pixels differ in 2x2+10+4, first at 10,4: expected #ffffff, got #000000" */
void vgpu_frame_difference_text(const struct vgpu_frame_difference *difference,
				const struct vgpu_frame *expected, const struct vgpu_frame *actual,
				char text[VGPU_DIFFERENCE_TEXT]);

/*
 * A picture of where they differ: what is equal is pale gray, what differs red.
 * Of frames of unequal size the larger box of both is shown. 0 or -ENOMEM.
 */
int vgpu_frame_difference_picture(const struct vgpu_frame *expected,
				  const struct vgpu_frame *actual, struct vgpu_frame *picture);

#endif
