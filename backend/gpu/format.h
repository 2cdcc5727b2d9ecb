/* SPDX-License-Identifier: MIT */
/* The eight pixel formats of virtio-gpu. All have 32 bits a pixel. */
#ifndef VGPU_FORMAT_H
#define VGPU_FORMAT_H

#include "vgpu.h"

#define VGPU_BYTES_PER_PIXEL 4

struct vgpu_format;

/* NULL unless it is one of the eight. */
const struct vgpu_format *vgpu_format_find(uint32_t format);
uint32_t vgpu_format_id(const struct vgpu_format *format);

/*
 * Copies width x height pixels of a format. Both strides are in bytes and
 * multiples of 4. keep_alpha: to a8r8g8b8, with formats without alpha opaque;
 * otherwise to x8r8g8b8. 0 or -ENOMEM.
 */
int vgpu_format_convert(const struct vgpu_format *format, const void *source, size_t source_stride,
			uint32_t *pixels, size_t stride, uint32_t width, uint32_t height,
			bool keep_alpha);

#endif
