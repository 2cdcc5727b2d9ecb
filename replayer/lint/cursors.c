/* SPDX-License-Identifier: MIT */
/* The cursor queue, and the pictures that cursors are made of. */
#include "lint/lint.h"

#include <linux/virtio_gpu.h>

#define AT(field) offsetof(struct virtio_gpu_update_cursor, field)

static uint32_t field(const struct lint_request *request, size_t offset)
{
	return vgpu_message_u32(request->raw->request, request->raw->request_len, offset);
}

static void check_picture(struct lint *lint, const struct lint_request *request)
{
	const struct lint_resource *resource = lint_guest_living(&lint->guest, request->id);

	if (resource == NULL || resource->kind != LINT_2D)
		return;
	if (resource->width != VGPU_CURSOR_SIZE || resource->height != VGPU_CURSOR_SIZE)
		lint_blame(lint, CUR_001, request, "Resource %u is %ux%u.", request->id,
			   resource->width, resource->height);
	if (resource->format != VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM)
		lint_find(&lint->findings, CUR_002, request->raw, "Resource %u has format %s.",
			  request->id,
			  vgpu_format_name(resource->format) != NULL
				  ? vgpu_format_name(resource->format)
				  : "of no name");
	if (!resource->used)
		lint_find(&lint->findings, CUR_004, request->raw,
			  "Nothing was transferred to resource %u.", request->id);
	else if (!resource->fenced)
		lint_find(&lint->findings, FEN_003, request->raw,
			  "The last transfer to resource %u had no fence.", request->id);
}

static void check_update(struct lint *lint, const struct lint_request *request)
{
	uint32_t hot_x = field(request, AT(hot_x)), hot_y = field(request, AT(hot_y));
	const struct lint_cursor *before;

	if (request->scanout >= VGPU_MAX_SCANOUTS)
		return;
	before = &lint->guest.cursors[request->scanout];
	if (request->id == 0)
		return;
	if (before->updated && before->resource_id == request->id && !before->stale &&
	    before->hot_x == hot_x && before->hot_y == hot_y &&
	    lint_guest_living(&lint->guest, request->id) != NULL)
		lint_find(&lint->findings, CUR_003, request->raw,
			  "Resource %u and the hot spot are those of the update before.",
			  request->id);
	if (hot_x >= VGPU_CURSOR_SIZE || hot_y >= VGPU_CURSOR_SIZE)
		lint_find(&lint->findings, CUR_005, request->raw, "The hot spot is %u,%u.", hot_x,
			  hot_y);
	check_picture(lint, request);
}

static void check_request(struct lint *lint, const struct lint_request *request)
{
	if (request->raw->queue == VGPU_QUEUE_CURSOR && request->writable > 0)
		lint_find(&lint->findings, CUR_006, request->raw,
			  "There is room for an answer of %llu bytes.",
			  (unsigned long long)request->writable);
	if (request->whole && request->type == VIRTIO_GPU_CMD_UPDATE_CURSOR)
		check_update(lint, request);
}

const struct lint_area lint_area_cursors = {.request = check_request};
