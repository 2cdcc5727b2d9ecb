/* SPDX-License-Identifier: MIT */
/* Transfers, flushes and scanouts: how a picture comes to be seen. */
#include "gpu/resource.h"
#include "lint/lint.h"
#include "lint/pixels.h"

#include <inttypes.h>
#include <linux/virtio_gpu.h>

#define PIXEL	   4
#define EDGE_LEAST 16

static uint64_t area(const struct vgpu_rect *rect)
{
	return (uint64_t)rect->width * rect->height;
}

/* A 2D resource whose size is known; nothing can be said of others. */
static struct lint_resource *named(struct lint *lint, const struct lint_request *request)
{
	struct lint_resource *resource = lint_guest_living(&lint->guest, request->id);

	return resource != NULL && resource->kind == LINT_2D ? resource : NULL;
}

static void check_empty(struct lint *lint, const struct lint_request *request)
{
	if (area(&request->rect) == 0)
		lint_find(&lint->findings, XFR_007, request->raw, "The rectangle is %ux%u.",
			  request->rect.width, request->rect.height);
}

/* ---- transfers --------------------------------------------------------------------------- */

static void check_offset(struct lint *lint, const struct lint_request *request,
			 const struct lint_resource *resource)
{
	const struct vgpu_rect *rect = &request->rect;
	uint64_t stride = (uint64_t)resource->width * PIXEL;
	uint64_t expected = rect->y * stride + (uint64_t)rect->x * PIXEL;
	uint64_t end, last = (rect->height - 1) * stride + (uint64_t)rect->width * PIXEL;

	if (__builtin_add_overflow(request->offset, last, &end) || end > resource->backing_len) {
		lint_blame(lint, XFR_003, request,
			   "%" PRIu64 " bytes from offset %" PRIu64
			   " on are read, the backing has %" PRIu64 ".",
			   last, request->offset, resource->backing_len);
		return;
	}
	/* A backing with room for more may hold pictures one after the other. */
	if (request->offset != expected && resource->backing_len / 2 < resource->size)
		lint_find(&lint->findings, XFR_004, request->raw,
			  "The offset is %" PRIu64 ", that of the rectangle %" PRIu64 ".",
			  request->offset, expected);
}

static void check_transfer(struct lint *lint, const struct lint_request *request)
{
	const struct lint_resource *resource = named(lint, request);

	check_empty(lint, request);
	if (resource == NULL)
		return;
	if (!resource->attached)
		lint_blame(lint, XFR_001, request, "Resource %u has no backing.", request->id);
	if (!vgpu_rect_within(&request->rect, resource->width, resource->height))
		lint_blame(lint, XFR_002, request, "%ux%u+%u+%u is not in %ux%u.",
			   request->rect.width, request->rect.height, request->rect.x,
			   request->rect.y, resource->width, resource->height);
	else if (resource->attached && area(&request->rect) != 0)
		check_offset(lint, request, resource);
}

/* What it cost, now that the model has compared it. */
static void weigh_transfer(struct lint *lint, const struct lint_request *request)
{
	const struct lint_change *change = &lint->change;
	struct lint_sums *sums = &lint->sums;
	uint64_t waste = change->bytes - change->needed;

	sums->transfers++;
	sums->transfer_bytes += change->bytes;
	if (!change->compared || waste == 0)
		return;
	sums->wasted_bytes += waste;
	sums->unchanged += change->needed == 0;
	if (waste <= change->bytes / 2)
		return;
	sums->wasteful++;
	lint_find(&lint->findings, XFR_005, request->raw, "%s", "");
}

/* Transfers long ago to a resource that is shown, and no flush since. */
static void check_pending(struct lint *lint, const struct lint_resource *resource,
			  const struct vgpu_trace_request *request)
{
	if (resource->kind == LINT_2D && !resource->gone && resource->num_pending > 0 &&
	    lint_guest_shows(&lint->guest, resource->id) &&
	    lint->sums.requests - resource->pending_since > LINT_REQUESTS_LATER)
		lint_find(
			&lint->findings, XFR_006, request,
			"%ux%u+%u+%u of resource %u was transferred and not flushed in the %" PRIu64
			" requests after that.",
			resource->pending[0].width, resource->pending[0].height,
			resource->pending[0].x, resource->pending[0].y, resource->id,
			lint->sums.requests - resource->pending_since - 1);
}

/* ---- flushes ------------------------------------------------------------------------------ */

static void check_visible(struct lint *lint, const struct lint_request *request)
{
	bool shown = false, touched = false;

	for (unsigned int i = 0; i < VGPU_MAX_SCANOUTS; i++) {
		const struct lint_scanout *scanout = &lint->guest.scanouts[i];

		if (scanout->resource_id != request->id)
			continue;
		shown = true;
		touched = touched || lint_common(&scanout->rect, &request->rect) != 0;
	}
	if (!shown)
		lint_find(&lint->findings, FLS_002, request->raw, "Resource %u is on no scanout.",
			  request->id);
	else if (!touched && area(&request->rect) != 0)
		lint_find(&lint->findings, FLS_004, request->raw,
			  "No scanout shows any of %ux%u+%u+%u.", request->rect.width,
			  request->rect.height, request->rect.x, request->rect.y);
}

static void check_alpha(struct lint *lint, const struct lint_request *request,
			const struct lint_resource *resource)
{
	if (lint_guest_shows(&lint->guest, request->id) && lint_pixels_invisible(resource))
		lint_find(&lint->findings, SCN_005, request->raw,
			  "All of resource %u has alpha 0, in format %s.", request->id,
			  vgpu_format_name(resource->format));
}

/* Whether all of it was flushed before, and nothing has happened since. */
static bool is_repeated(const struct lint_resource *resource, const struct vgpu_rect *rect)
{
	for (unsigned int i = 0; i < resource->num_flushed; i++)
		if (area(rect) != 0 && lint_common(&resource->flushed[i], rect) == area(rect))
			return true;
	return false;
}

static void check_flush(struct lint *lint, const struct lint_request *request)
{
	struct lint_resource *resource = named(lint, request);
	uint64_t pixels = area(&request->rect);

	check_empty(lint, request);
	if (resource == NULL)
		return;
	if (!vgpu_rect_within(&request->rect, resource->width, resource->height)) {
		lint_blame(lint, FLS_003, request, "%ux%u+%u+%u is not in %ux%u.",
			   request->rect.width, request->rect.height, request->rect.x,
			   request->rect.y, resource->width, resource->height);
		return;
	}
	check_visible(lint, request);
	check_alpha(lint, request, resource);
	if (is_repeated(resource, &request->rect))
		lint_find(&lint->findings, FLS_001, request->raw,
			  "Nothing was transferred to resource %u since its flush before.",
			  request->id);
	if (resource->transferred == 0)
		return;
	lint->sums.flushes++;
	if (pixels <= LINT_FLUSH_FACTOR * resource->transferred)
		return;
	lint->sums.large_flushes++;
	lint->sums.flushed_pixels += pixels;
	lint->sums.transferred_pixels += resource->transferred;
	lint_find(&lint->findings, FLS_005, request->raw, "%s", "");
}

/* ---- scanouts ------------------------------------------------------------------------------- */

static bool is_same(const struct lint_scanout *scanout, const struct lint_request *request)
{
	const struct vgpu_rect *a = &scanout->rect, *b = &request->rect;

	if (!scanout->set || scanout->blob || scanout->resource_id != request->id)
		return false;
	/* A rectangle of nothing does not matter. */
	return request->id == 0 ||
	       (a->x == b->x && a->y == b->y && a->width == b->width && a->height == b->height);
}

static void check_scanout(struct lint *lint, const struct lint_request *request)
{
	const struct lint_resource *resource = named(lint, request);
	const struct vgpu_rect *rect = &request->rect;

	if (request->scanout < VGPU_MAX_SCANOUTS &&
	    is_same(&lint->guest.scanouts[request->scanout], request))
		lint_find(&lint->findings, SCN_004, request->raw,
			  "Scanout %u has resource %u already.", request->scanout, request->id);
	if (resource == NULL || request->id == 0)
		return;
	if (!vgpu_rect_within(rect, resource->width, resource->height))
		lint_blame(lint, SCN_002, request, "%ux%u+%u+%u is not in %ux%u.", rect->width,
			   rect->height, rect->x, rect->y, resource->width, resource->height);
	else if (rect->width < EDGE_LEAST || rect->height < EDGE_LEAST)
		lint_blame(lint, SCN_003, request, "The scanout is %ux%u.", rect->width,
			   rect->height);
}

#define BLOB(field) offsetof(struct virtio_gpu_set_scanout_blob, field)

static void check_scanout_blob(struct lint *lint, const struct lint_request *request)
{
	const struct lint_resource *resource = lint_guest_living(&lint->guest, request->id);
	const struct vgpu_trace_request *raw = request->raw;
	uint64_t stride = vgpu_message_u32(raw->request, raw->request_len, BLOB(strides));
	uint64_t offset = vgpu_message_u32(raw->request, raw->request_len, BLOB(offsets));
	uint64_t rows = request->height, end;

	if (request->id == 0 || resource == NULL || resource->kind != LINT_BLOB)
		return;
	/* Each below 2^32, so the product fits. */
	end = rows == 0 ? 0 : (rows - 1) * stride;
	if (rows == 0 || request->width == 0 ||
	    __builtin_add_overflow(end, offset + (uint64_t)request->width * PIXEL, &end) ||
	    end > resource->size)
		lint_blame(lint, BLB_002, request,
			   "%ux%u with stride %" PRIu64 " from offset %" PRIu64
			   " on is not in %" PRIu64 " bytes.",
			   request->width, request->height, stride, offset, resource->size);
}

static void check_request(struct lint *lint, const struct lint_request *request)
{
	if (!request->whole)
		return;
	switch (request->type) {
	case VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D:
		check_transfer(lint, request);
		break;
	case VIRTIO_GPU_CMD_RESOURCE_FLUSH:
		check_flush(lint, request);
		break;
	case VIRTIO_GPU_CMD_SET_SCANOUT:
		check_scanout(lint, request);
		break;
	case VIRTIO_GPU_CMD_SET_SCANOUT_BLOB:
		check_scanout_blob(lint, request);
		break;
	case VIRTIO_GPU_CMD_RESOURCE_UNREF: {
		const struct lint_resource *resource = named(lint, request);
		if (resource != NULL)
			check_pending(lint, resource, request->raw);
		break;
	}
	default:
		break;
	}
}

static void applied(struct lint *lint, const struct lint_request *request,
		    struct lint_resource *resource)
{
	if (request->type == VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D && request->whole &&
	    !request->refused && resource != NULL && resource->kind == LINT_2D)
		weigh_transfer(lint, request);
}

static void end_life(struct lint *lint)
{
	for (unsigned int i = 0; i < lint->guest.num_resources; i++)
		check_pending(lint, lint->guest.resources[i], NULL);
}

static double mib(uint64_t bytes)
{
	return (double)bytes / (1 << 20);
}

static void end(struct lint *lint)
{
	const struct lint_sums *sums = &lint->sums;

	if (lint_found(&lint->findings, XFR_005)) {
		if (sums->wasted_bytes < (uint64_t)LINT_WASTE_KIB << 10 ||
		    sums->wasted_bytes <= sums->transfer_bytes / 2)
			lint_forget(&lint->findings, XFR_005);
		else
			lint_sum_up(&lint->findings, XFR_005, sums->wasteful,
				    "%.1f of %.1f MiB transferred were there already; %" PRIu64
				    " of %" PRIu64 " transfers changed nothing.",
				    mib(sums->wasted_bytes), mib(sums->transfer_bytes),
				    sums->unchanged, sums->transfers);
	}
	if (lint_found(&lint->findings, FLS_005)) {
		if (sums->large_flushes < LINT_FLUSHES_MANY)
			lint_forget(&lint->findings, FLS_005);
		else
			lint_sum_up(&lint->findings, FLS_005, sums->large_flushes,
				    "%" PRIu64 " of %" PRIu64 " flushes named %" PRIu64
				    " pixels, %" PRIu64 " had been transferred.",
				    sums->large_flushes, sums->flushes, sums->flushed_pixels,
				    sums->transferred_pixels);
	}
}

const struct lint_area lint_area_pictures = {
	.request = check_request,
	.applied = applied,
	.life_end = end_life,
	.end = end,
};
