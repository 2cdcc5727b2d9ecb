/* SPDX-License-Identifier: MIT */
/* A dumb buffer: pixels that the CPU writes and a display can show. */
#ifndef VGPU_KMS_BUFFER_H
#define VGPU_KMS_BUFFER_H

#include "vgpu.h"

struct kms_buffer {
	uint32_t handle, fb_id; /* 0: none */
	uint32_t width, height;
	uint32_t pitch; /* bytes, the driver's choice, a multiple of 4 */
	uint64_t size;
	uint8_t *map;
};

/*
 * x8r8g8b8 words, all zero. framebuffer: also what a CRTC can show. A negative
 * errno: the buffer is as after kms_buffer_fini().
 */
int kms_buffer_init(struct kms_buffer *buffer, int fd, uint32_t width, uint32_t height,
		    bool framebuffer);
void kms_buffer_fini(struct kms_buffer *buffer, int fd);

uint32_t *kms_buffer_pixel(const struct kms_buffer *buffer, uint32_t x, uint32_t y);
void kms_buffer_clear(const struct kms_buffer *buffer, const struct vgpu_rect *rect);

#endif
