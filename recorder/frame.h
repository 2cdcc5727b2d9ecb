/* SPDX-License-Identifier: MIT */
/*
 * A frame: the visible rectangle of one scanout as 8-bit RGB, and its content
 * hash. The definition is the one of traces/FORMAT.md.
 */
#ifndef VGPU_FRAME_H
#define VGPU_FRAME_H

#include "trace.h"

/* width * height pixels of 3 bytes R, G, B; rows from the top, no padding. */
struct vgpu_frame {
	uint32_t width, height;
	uint8_t *rgb;	 /* owned */
	size_t capacity; /* bytes that rgb has room for */
};

void vgpu_frame_fini(struct vgpu_frame *frame);
/* Makes room for width x height pixels, contents undefined. 0 or -ENOMEM. */
int vgpu_frame_resize(struct vgpu_frame *frame, uint32_t width, uint32_t height);
/* Reads a scanout of a device. 0, -ENOENT if it is disabled, -ENOMEM. */
int vgpu_frame_capture(struct vgpu_frame *frame, const struct vgpu_device *device,
		       uint32_t scanout_id);
/* Packs x8r8g8b8 words in host byte order into 3 bytes R, G, B each. */
void vgpu_frame_pack(uint8_t *rgb, const uint32_t *pixels, size_t count);
/* XXH3 128 of the RGB bytes, canonical (big-endian) form. */
struct vgpu_frame_hash vgpu_frame_hash(const struct vgpu_frame *frame);
/* The hash of what vgpu_frame_capture() would read, faster. Returns as that does. */
int vgpu_frame_hash_scanout(const struct vgpu_device *device, uint32_t scanout_id,
			    struct vgpu_frame_hash *hash);

#define VGPU_FRAME_HASH_TEXT 33
void vgpu_frame_hash_text(const struct vgpu_frame_hash *hash, char text[VGPU_FRAME_HASH_TEXT]);
/* Reads 32 hexadecimal digits. 0 or -EINVAL. */
int vgpu_frame_hash_parse(const char *text, struct vgpu_frame_hash *hash);
/* False for the all-zero hash of a frame that the recorder had no memory for. */
bool vgpu_frame_hash_known(const struct vgpu_frame_hash *hash);
bool vgpu_frame_hash_equal(const struct vgpu_frame_hash *a, const struct vgpu_frame_hash *b);

#endif
