/* SPDX-License-Identifier: MIT */
#include "gpu/format.h"

#include <errno.h>
#include <limits.h>
#include <linux/virtio_gpu.h>
#include <pixman.h>

/*
 * A virtio name is the order of bytes in memory, a pixman name the order of
 * bits in a word of the host, so that they read reversed on a little-endian
 * one (VG-PIX-001).
 */
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define HOST_FORMAT(little, big) PIXMAN_##little
#else
#define HOST_FORMAT(little, big) PIXMAN_##big
#endif

struct vgpu_format {
	uint32_t id;
	const char *name;
	pixman_format_code_t pixman;
};

static const struct vgpu_format formats[] = {
	{VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, "B8G8R8A8", HOST_FORMAT(a8r8g8b8, b8g8r8a8)},
	{VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, "B8G8R8X8", HOST_FORMAT(x8r8g8b8, b8g8r8x8)},
	{VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM, "A8R8G8B8", HOST_FORMAT(b8g8r8a8, a8r8g8b8)},
	{VIRTIO_GPU_FORMAT_X8R8G8B8_UNORM, "X8R8G8B8", HOST_FORMAT(b8g8r8x8, x8r8g8b8)},
	{VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, "R8G8B8A8", HOST_FORMAT(a8b8g8r8, r8g8b8a8)},
	{VIRTIO_GPU_FORMAT_X8B8G8R8_UNORM, "X8B8G8R8", HOST_FORMAT(r8g8b8x8, x8b8g8r8)},
	{VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM, "A8B8G8R8", HOST_FORMAT(r8g8b8a8, a8b8g8r8)},
	{VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM, "R8G8B8X8", HOST_FORMAT(x8b8g8r8, r8g8b8x8)},
};

/*
 * pixman computes positions in 16 bits, and a row's place in an int, so larger
 * pictures go tile by tile.
 */
#define TILE_MAX 16384u

static uint32_t tile_rows(size_t source_stride, size_t stride)
{
	size_t rows = INT_MAX / (source_stride > stride ? source_stride : stride);

	return rows > TILE_MAX ? TILE_MAX : rows > 0 ? (uint32_t)rows : 1;
}

const struct vgpu_format *vgpu_format_find(uint32_t format)
{
	for (size_t i = 0; i < sizeof(formats) / sizeof(formats[0]); i++)
		if (formats[i].id == format)
			return &formats[i];
	return NULL;
}

uint32_t vgpu_format_id(const struct vgpu_format *format)
{
	return format->id;
}

const char *vgpu_format_name(uint32_t format)
{
	const struct vgpu_format *found = vgpu_format_find(format);

	return found != NULL ? found->name : NULL;
}

static int convert_tile(pixman_format_code_t from, const void *source, size_t source_stride,
			pixman_format_code_t to, uint32_t *pixels, size_t stride, int width,
			int height)
{
	/* pixman only reads the source, whatever its prototype says. */
	pixman_image_t *in = pixman_image_create_bits_no_clear(
		from, width, height, (uint32_t *)(uintptr_t)source, (int)source_stride);
	pixman_image_t *out =
		pixman_image_create_bits_no_clear(to, width, height, pixels, (int)stride);
	int rc = in != NULL && out != NULL ? 0 : -ENOMEM;

	if (rc == 0)
		pixman_image_composite32(PIXMAN_OP_SRC, in, NULL, out, 0, 0, 0, 0, 0, 0, width,
					 height);
	if (in != NULL)
		pixman_image_unref(in);
	if (out != NULL)
		pixman_image_unref(out);
	return rc;
}

int vgpu_format_convert(const struct vgpu_format *format, const void *source, size_t source_stride,
			uint32_t *pixels, size_t stride, uint32_t width, uint32_t height,
			bool keep_alpha)
{
	pixman_format_code_t to = keep_alpha ? PIXMAN_a8r8g8b8 : PIXMAN_x8r8g8b8;
	uint32_t rows = tile_rows(source_stride, stride), tile_height;

	for (uint32_t y = 0; y < height; y += tile_height) {
		tile_height = height - y < rows ? height - y : rows;

		for (uint32_t x = 0; x < width; x += TILE_MAX) {
			uint32_t tile_width = width - x < TILE_MAX ? width - x : TILE_MAX;
			const uint8_t *in = (const uint8_t *)source + y * source_stride +
					    (size_t)x * VGPU_BYTES_PER_PIXEL;
			uint32_t *out = (uint32_t *)((uint8_t *)pixels + y * stride) + x;
			int rc = convert_tile(format->pixman, in, source_stride, to, out, stride,
					      (int)tile_width, (int)tile_height);
			if (rc != 0)
				return rc;
		}
	}
	return 0;
}
