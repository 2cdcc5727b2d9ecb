/* SPDX-License-Identifier: MIT */
/*
 * Frames as PNG files of 8-bit RGB. Equal frames make equal bytes with one
 * version of libpng and zlib, and equal pixels with any.
 */
#ifndef VGPU_PNG_IO_H
#define VGPU_PNG_IO_H

#include "frame.h"

/* No frame in a PNG file is wider or higher. */
#define VGPU_PNG_SIDE_MAX 16384

/* Compresses a frame as far as it goes. *bytes is to be freed. 0, -ENOMEM, -EINVAL: too large. */
int vgpu_png_encode(const struct vgpu_frame *frame, uint8_t **bytes, size_t *len);
/* The same in a fraction of the time, less far. */
int vgpu_png_encode_fast(const struct vgpu_frame *frame, uint8_t **bytes, size_t *len);
/* Writes the file under another name and renames it. 0 or a negative errno. */
int vgpu_png_write_bytes(const char *path, const uint8_t *bytes, size_t len,
			 struct vgpu_error *err);
/* The same for a frame, compressed fast. */
int vgpu_png_write(const char *path, const struct vgpu_frame *frame, struct vgpu_error *err);
/*
 * Reads a file as RGB; anything else that PNG can hold is converted, alpha is
 * left out. -ENOENT, -EBADMSG for a file that is no whole PNG, -ENOMEM.
 */
int vgpu_png_read(const char *path, struct vgpu_frame *frame, struct vgpu_error *err);

#endif
