/* SPDX-License-Identifier: MIT */
/*
 * What the driver did lately: which request put a pixel on a scanout. It
 * remembers so many transfers and forgets those before.
 */
#ifndef VGPU_HISTORY_H
#define VGPU_HISTORY_H

#include "decode.h"
#include "player.h"

struct vgpu_history;

/* A request, in words. */
struct vgpu_history_request {
	uint64_t number;
	char text[VGPU_DECODE_TEXT];
};

/* NULL: no memory. */
struct vgpu_history *vgpu_history_new(void);
void vgpu_history_free(struct vgpu_history *history);
/* Takes a request that was played. */
void vgpu_history_add(struct vgpu_history *history, const struct vgpu_trace_request *request);
/* The last transfer that wrote this pixel of a scanout; false: none that is remembered. */
bool vgpu_history_writer(const struct vgpu_history *history, uint32_t scanout, uint32_t x,
			 uint32_t y, struct vgpu_history_request *writer);
/* The last request; false: there was none. */
bool vgpu_history_last(const struct vgpu_history *history, struct vgpu_history_request *last);

#endif
