/* SPDX-License-Identifier: MIT */
#include "lint/pixels.h"

#include "gpu/resource.h"

#include <linux/virtio_gpu.h>
#include <stdlib.h>
#include <string.h>

#define PIXEL 4

static uint64_t cost(const struct lint_resource *resource)
{
	return resource->size + (uint64_t)resource->height * sizeof(*resource->rows);
}

void lint_pixels_new(struct lint_guest *guest, struct lint_resource *resource)
{
	if (resource->size == 0)
		return;
	if (resource->size > LINT_PIXELS_MAX ||
	    cost(resource) > LINT_PIXELS_MAX - guest->pixel_bytes) {
		guest->unkept++;
		return;
	}
	resource->pixels = calloc(1, resource->size);
	resource->rows = calloc(resource->height, sizeof(*resource->rows));
	if (resource->pixels == NULL || resource->rows == NULL) {
		free(resource->pixels);
		free(resource->rows);
		resource->pixels = NULL;
		resource->rows = NULL;
		guest->unkept++;
		return;
	}
	guest->pixel_bytes += cost(resource);
}

void lint_pixels_free(struct lint_guest *guest, struct lint_resource *resource)
{
	if (resource->pixels == NULL)
		return;
	guest->pixel_bytes -= cost(resource);
	free(resource->pixels);
	free(resource->rows);
	resource->pixels = NULL;
	resource->rows = NULL;
}

/* The rectangle around what changed, while it grows. */
struct bounds {
	uint32_t left, top, right, bottom;
	bool any;
};

static void widen(struct bounds *bounds, uint32_t left, uint32_t right, uint32_t y)
{
	if (!bounds->any) {
		*bounds = (struct bounds){left, y, right, y + 1, true};
		return;
	}
	bounds->left = left < bounds->left ? left : bounds->left;
	bounds->right = right > bounds->right ? right : bounds->right;
	bounds->bottom = y + 1;
}

static void compare_row(const uint8_t *had, const uint8_t *got, uint32_t width, uint32_t y,
			struct bounds *bounds)
{
	uint32_t left = 0, right = width;

	if (memcmp(had, got, (size_t)width * PIXEL) == 0)
		return;
	while (memcmp(had + (size_t)left * PIXEL, got + (size_t)left * PIXEL, PIXEL) == 0)
		left++;
	while (memcmp(had + (size_t)(right - 1) * PIXEL, got + (size_t)(right - 1) * PIXEL,
		      PIXEL) == 0)
		right--;
	widen(bounds, left, right, y);
}

/* Where the alpha of a pixel is; -1: the format has none. */
static int alpha_byte(uint32_t format)
{
	switch (format) {
	case VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM:
	case VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM:
		return 3;
	case VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM:
	case VIRTIO_GPU_FORMAT_A8B8G8R8_UNORM:
		return 0;
	default:
		return -1;
	}
}

/* The row, with nothing known of it if that is of another generation. */
static struct lint_row *row_at(struct lint_resource *resource, uint32_t y)
{
	struct lint_row *row = &resource->rows[y];

	if (row->generation != resource->generation)
		*row = (struct lint_row){.generation = resource->generation};
	return row;
}

/* One range for each row is enough: drivers transfer rows whole, or the same part again. */
static void know(struct lint_row *row, uint32_t begin, uint32_t end)
{
	if (begin > row->end || end < row->begin || row->begin == row->end) {
		row->begin = begin;
		row->end = end;
		return;
	}
	row->begin = begin < row->begin ? begin : row->begin;
	row->end = end > row->end ? end : row->end;
}

/*
 * Looks at what came, not at what is there: a part of a row adds to what is known
 * of it, so alpha that was overwritten in parts may still count, which finds less.
 */
static void look_for_alpha(struct lint_resource *resource, struct lint_row *row,
			   const uint8_t *bytes, uint32_t width)
{
	int at = alpha_byte(resource->format);
	bool alpha = width < resource->width && row->alpha;
	bool colored = width < resource->width && row->colored;

	if (at < 0)
		return;
	for (uint32_t x = 0; x < width && !alpha; x++) {
		uint32_t pixel;
		memcpy(&pixel, bytes + (size_t)x * PIXEL, PIXEL);
		alpha = bytes[(size_t)x * PIXEL + (size_t)at] != 0;
		colored = colored || pixel != 0;
	}
	resource->alpha += alpha - row->alpha;
	resource->colored += colored - row->colored;
	row->alpha = alpha;
	row->colored = colored;
}

static void take_row(struct lint_resource *resource, const struct vgpu_rect *rect, uint32_t y,
		     const uint8_t *bytes, struct lint_change *change, struct bounds *bounds)
{
	struct lint_row *row = row_at(resource, rect->y + y);
	uint8_t *had =
		resource->pixels + ((size_t)(rect->y + y) * resource->width + rect->x) * PIXEL;

	if (row->begin > rect->x || row->end < rect->x + rect->width)
		change->compared = false;
	compare_row(had, bytes, rect->width, y, bounds);
	memcpy(had, bytes, (size_t)rect->width * PIXEL);
	know(row, rect->x, rect->x + rect->width);
	look_for_alpha(resource, row, bytes, rect->width);
}

/* What was transferred is not in the trace, or not all of it. */
static void forget(struct lint_resource *resource)
{
	resource->generation++;
	resource->unseen = true;
}

void lint_pixels_transfer(struct lint_resource *resource, const struct lint_request *request,
			  struct lint_change *change)
{
	const struct vgpu_rect *rect = &request->rect;
	const struct vgpu_trace_request *raw = request->raw;
	uint64_t pitch = (uint64_t)rect->width * PIXEL;
	struct bounds bounds = {0};

	*change = (struct lint_change){.bytes = pitch * rect->height};
	change->needed = change->bytes;
	if (resource->pixels == NULL || rect->width == 0 || rect->height == 0 ||
	    !vgpu_rect_within(rect, resource->width, resource->height))
		return;
	if (raw->data == NULL || raw->data_len != change->bytes) {
		forget(resource);
		return;
	}
	change->compared = true;
	for (uint32_t y = 0; y < rect->height; y++)
		take_row(resource, rect, y, raw->data + y * pitch, change, &bounds);
	change->rect = (struct vgpu_rect){rect->x + bounds.left, rect->y + bounds.top,
					  bounds.right - bounds.left, bounds.bottom - bounds.top};
	if (change->compared)
		change->needed = (uint64_t)change->rect.width * change->rect.height * PIXEL;
}

bool lint_pixels_invisible(const struct lint_resource *resource)
{
	return alpha_byte(resource->format) >= 0 && !resource->unseen && resource->alpha == 0 &&
	       resource->colored > 0;
}
