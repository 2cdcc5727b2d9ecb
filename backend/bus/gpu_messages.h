/* SPDX-License-Identifier: MIT */
/* The messages of vhost-user-gpu's display socket, as they lie on the wire. */
#ifndef VGPU_GPU_MESSAGES_H
#define VGPU_GPU_MESSAGES_H

#include "vgpu.h"

enum {
	GPU_GET_PROTOCOL_FEATURES = 1,
	GPU_SET_PROTOCOL_FEATURES = 2,
	GPU_GET_DISPLAY_INFO = 3,
	GPU_CURSOR_POS = 4,
	GPU_CURSOR_POS_HIDE = 5,
	GPU_CURSOR_UPDATE = 6,
	GPU_SCANOUT = 7,
	GPU_UPDATE = 8,
	GPU_DMABUF_SCANOUT = 9,
	GPU_DMABUF_UPDATE = 10,
	GPU_GET_EDID = 11,
	GPU_DMABUF_SCANOUT2 = 12,
};

#define GPU_FLAG_REPLY 4u

/* Bits of the protocol features. */
#define GPU_PROTOCOL_F_EDID 0

struct gpu_header {
	uint32_t request, flags, size;
};

struct gpu_scanout {
	uint32_t scanout_id, width, height;
};

struct gpu_cursor_pos {
	uint32_t scanout_id, x, y;
};

struct gpu_cursor_update {
	struct gpu_cursor_pos pos;
	uint32_t hot_x, hot_y;
	uint32_t pixels[VGPU_CURSOR_SIZE * VGPU_CURSOR_SIZE];
};

struct gpu_update {
	uint32_t scanout_id, x, y, width, height;
	uint32_t pixels[];
};

_Static_assert(sizeof(struct gpu_header) == 12, "wire size");
_Static_assert(sizeof(struct gpu_scanout) == 12, "wire size");
_Static_assert(sizeof(struct gpu_cursor_pos) == 12, "wire size");
_Static_assert(sizeof(struct gpu_cursor_update) == 16404, "wire size");
_Static_assert(sizeof(struct gpu_update) == 20, "wire size");

#endif
