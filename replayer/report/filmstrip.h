/* SPDX-License-Identifier: MIT */
/*
 * Small pictures of the distinct frames of a trace, in the order of their first
 * showing. Where there are too many, every second one is kept, or every fourth,
 * and so on, and in any case those that are explained and the last one.
 */
#ifndef VGPU_FILMSTRIP_H
#define VGPU_FILMSTRIP_H

#include "replay.h"

#include <stdio.h>

/* No more pictures are kept for their own sake. */
#define VGPU_FILMSTRIP_MAX 48
/* A picture is scaled to fit in. */
#define VGPU_FILMSTRIP_WIDTH  208
#define VGPU_FILMSTRIP_HEIGHT 156

struct vgpu_filmstrip;

/* NULL: no memory. */
struct vgpu_filmstrip *vgpu_filmstrip_new(void);
void vgpu_filmstrip_free(struct vgpu_filmstrip *strip);
/*
 * Takes what the target drew, if it drew anything; explained: more is said of it
 * elsewhere, which is so of a few frames only.
 */
void vgpu_filmstrip_add(struct vgpu_filmstrip *strip, const struct vgpu_replay_frame *frame,
			bool explained);
/* Markup; a frame that is explained is a link to "#PREFIX-frame-NUMBER". */
void vgpu_filmstrip_write(const struct vgpu_filmstrip *strip, const char *prefix, FILE *out);

/*
 * frame scaled down to fit into width x height, each pixel the mean of those it
 * stands for; what fits is copied. 0 or -ENOMEM.
 */
int vgpu_frame_scale(const struct vgpu_frame *frame, uint32_t width, uint32_t height,
		     struct vgpu_frame *scaled);

#endif
