/* SPDX-License-Identifier: MIT */
#include "lint/guest.h"

#include "decode.h"
#include "lint/pixels.h"

#include <linux/virtio_gpu.h>
#include <stdlib.h>
#include <string.h>

bool lint_guest_accepted(const struct lint_guest *guest, unsigned int feature)
{
	return feature == LINT_NO_FEATURE || (guest->features >> feature & 1) != 0;
}

/* Where the resource is, or would have to be. */
static unsigned int place_of(const struct lint_guest *guest, uint32_t id)
{
	unsigned int begin = 0, end = guest->num_resources;

	while (begin < end) {
		unsigned int middle = begin + (end - begin) / 2;

		if (guest->resources[middle]->id < id)
			begin = middle + 1;
		else
			end = middle;
	}
	return begin;
}

struct lint_resource *lint_guest_find(const struct lint_guest *guest, uint32_t id)
{
	unsigned int place = place_of(guest, id);

	return place < guest->num_resources && guest->resources[place]->id == id
		       ? guest->resources[place]
		       : NULL;
}

struct lint_resource *lint_guest_living(const struct lint_guest *guest, uint32_t id)
{
	struct lint_resource *resource = lint_guest_find(guest, id);

	return resource != NULL && !resource->gone ? resource : NULL;
}

bool lint_guest_shows(const struct lint_guest *guest, uint32_t id)
{
	for (unsigned int i = 0; i < VGPU_MAX_SCANOUTS; i++)
		if (id != 0 && guest->scanouts[i].resource_id == id)
			return true;
	return false;
}

bool lint_guest_needs(const struct lint_guest *guest, uint32_t id)
{
	for (unsigned int i = 0; i < VGPU_MAX_SCANOUTS; i++)
		if (guest->cursors[i].resource_id == id)
			return true;
	return lint_guest_shows(guest, id);
}

void lint_guest_reset(struct lint_guest *guest)
{
	for (unsigned int i = 0; i < guest->num_resources; i++) {
		lint_pixels_free(guest, guest->resources[i]);
		free(guest->resources[i]);
	}
	free(guest->resources);
	guest->resources = NULL;
	guest->num_resources = guest->capacity = 0;
	memset(guest->scanouts, 0, sizeof(guest->scanouts));
	memset(guest->cursors, 0, sizeof(guest->cursors));
	guest->lost = false;
	guest->started = false;
}

static bool grow(struct lint_guest *guest)
{
	unsigned int capacity = guest->capacity != 0 ? guest->capacity * 2 : 64;

	if (guest->num_resources < guest->capacity)
		return true;
	if (capacity > LINT_RESOURCES_MAX)
		return false;
	struct lint_resource **resources =
		reallocarray(guest->resources, capacity, sizeof(struct lint_resource *));
	if (resources == NULL)
		return false;
	guest->resources = resources;
	guest->capacity = capacity;
	return true;
}

static struct lint_resource *insert(struct lint_guest *guest, uint32_t id)
{
	unsigned int place = place_of(guest, id);
	struct lint_resource *resource = grow(guest) ? calloc(1, sizeof(*resource)) : NULL;

	if (resource == NULL)
		return NULL;
	memmove(&guest->resources[place + 1], &guest->resources[place],
		(guest->num_resources - place) * sizeof(struct lint_resource *));
	guest->resources[place] = resource;
	guest->num_resources++;
	return resource;
}

/* A living resource, all fields but id and kind zero; NULL: it is not followed. */
static struct lint_resource *add(struct lint_guest *guest, const struct lint_request *request,
				 enum lint_kind kind)
{
	struct lint_resource *resource = lint_guest_find(guest, request->id);

	if (resource != NULL)
		lint_pixels_free(guest, resource);
	else
		resource = insert(guest, request->id);
	if (resource == NULL)
		guest->lost = true;
	else
		*resource = (struct lint_resource){
			.id = request->id, .kind = kind, .last = request->raw->number};
	return resource;
}

static void create(struct lint_guest *guest, const struct lint_request *request,
		   enum lint_kind kind)
{
	struct lint_resource *resource = add(guest, request, kind);

	if (resource == NULL)
		return;
	resource->format = request->format;
	resource->width = request->width;
	resource->height = request->height;
	if (__builtin_mul_overflow((uint64_t)request->width * 4, request->height, &resource->size))
		resource->size = UINT64_MAX;
	if (kind == LINT_2D)
		lint_pixels_new(guest, resource);
}

static void create_blob(struct lint_guest *guest, const struct lint_request *request)
{
	struct lint_resource *resource = add(guest, request, LINT_BLOB);

	if (resource == NULL)
		return;
	resource->size = vgpu_message_u64(request->raw->request, request->raw->request_len,
					  offsetof(struct virtio_gpu_resource_create_blob, size));
	resource->attached = request->num_entries > 0;
	resource->used = true;
}

static void unref(struct lint_guest *guest, struct lint_resource *resource)
{
	lint_pixels_free(guest, resource);
	resource->gone = true;
	for (unsigned int i = 0; i < VGPU_MAX_SCANOUTS; i++)
		if (guest->scanouts[i].resource_id == resource->id)
			guest->scanouts[i].resource_id = 0;
}

static void attach(struct lint_resource *resource, const struct lint_request *request)
{
	resource->attached = request->num_entries > 0;
	resource->backing_len = 0;
	if (request->entries == NULL) {
		resource->backing_len = UINT64_MAX;
		return;
	}
	for (uint32_t i = 0; i < request->num_entries; i++)
		resource->backing_len += lint_entry_len(request, i);
}

static void remember_pending(struct lint_resource *resource, const struct lint_request *request)
{
	if (request->rect.width == 0 || request->rect.height == 0)
		return;
	if (resource->num_pending == 0)
		resource->pending_since = request->raw->number;
	/* More than these are let go: better silent than wrong. */
	if (resource->num_pending < LINT_PENDING_MAX)
		resource->pending[resource->num_pending++] = request->rect;
	resource->transferred += (uint64_t)request->rect.width * request->rect.height;
}

static void transfer(struct lint_guest *guest, struct lint_resource *resource,
		     const struct lint_request *request, struct lint_change *change)
{
	struct lint_change ignored;

	resource->used = true;
	resource->num_flushed = 0;
	resource->fenced = (vgpu_message_u32(request->raw->request, request->raw->request_len,
					     offsetof(struct virtio_gpu_ctrl_hdr, flags)) &
			    VIRTIO_GPU_FLAG_FENCE) != 0;
	for (unsigned int i = 0; i < VGPU_MAX_SCANOUTS; i++)
		if (guest->cursors[i].resource_id == resource->id)
			guest->cursors[i].stale = true;
	if (request->type != VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D)
		return;
	remember_pending(resource, request);
	lint_pixels_transfer(resource, request, change != NULL ? change : &ignored);
}

static void flush(struct lint_resource *resource, const struct lint_request *request)
{
	unsigned int kept = 0;

	for (unsigned int i = 0; i < resource->num_pending; i++)
		if (lint_common(&resource->pending[i], &request->rect) == 0)
			resource->pending[kept++] = resource->pending[i];
	resource->num_pending = kept;
	resource->pending_since = request->raw->number;
	resource->transferred = 0;
	if (resource->num_flushed < LINT_PENDING_MAX)
		resource->flushed[resource->num_flushed++] = request->rect;
}

static void set_scanout(struct lint_guest *guest, const struct lint_request *request)
{
	struct lint_resource *resource = lint_guest_living(guest, request->id);

	if (request->scanout >= VGPU_MAX_SCANOUTS)
		return;
	guest->scanouts[request->scanout] = (struct lint_scanout){
		.set = true,
		.resource_id = request->id,
		.rect = request->rect,
		.blob = request->type == VIRTIO_GPU_CMD_SET_SCANOUT_BLOB,
	};
	if (resource != NULL)
		resource->num_flushed = 0;
}

static void update_cursor(struct lint_guest *guest, const struct lint_request *request)
{
	const struct vgpu_trace_request *raw = request->raw;

	if (request->scanout >= VGPU_MAX_SCANOUTS)
		return;
	guest->cursors[request->scanout] = (struct lint_cursor){
		.updated = true,
		.resource_id = request->id,
		.hot_x = vgpu_message_u32(raw->request, raw->request_len,
					  offsetof(struct virtio_gpu_update_cursor, hot_x)),
		.hot_y = vgpu_message_u32(raw->request, raw->request_len,
					  offsetof(struct virtio_gpu_update_cursor, hot_y)),
	};
}

static void apply_to(struct lint_guest *guest, struct lint_resource *resource,
		     const struct lint_request *request, struct lint_change *change)
{
	switch (request->type) {
	case VIRTIO_GPU_CMD_RESOURCE_UNREF:
		unref(guest, resource);
		break;
	case VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING:
		attach(resource, request);
		break;
	case VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING:
		resource->attached = false;
		resource->backing_len = 0;
		break;
	case VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D:
	case VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D:
		transfer(guest, resource, request, change);
		break;
	case VIRTIO_GPU_CMD_RESOURCE_FLUSH:
		flush(resource, request);
		break;
	case VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE:
		/* Whatever a context draws. */
		resource->used = true;
		break;
	default:
		break;
	}
}

void lint_guest_apply(struct lint_guest *guest, const struct lint_request *request,
		      struct lint_change *change)
{
	struct lint_resource *resource = lint_guest_living(guest, request->id);

	if (request->refused || !request->whole)
		return;
	if (resource != NULL)
		resource->last = request->raw->number;
	switch (request->type) {
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_2D:
		create(guest, request, LINT_2D);
		return;
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_3D:
		create(guest, request, LINT_3D);
		return;
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB:
		create_blob(guest, request);
		return;
	case VIRTIO_GPU_CMD_SET_SCANOUT:
	case VIRTIO_GPU_CMD_SET_SCANOUT_BLOB:
		set_scanout(guest, request);
		return;
	case VIRTIO_GPU_CMD_UPDATE_CURSOR:
		update_cursor(guest, request);
		return;
	default:
		break;
	}
	if (!lint_names_resource(request) && request->type != VIRTIO_GPU_CMD_RESOURCE_UNREF)
		return;
	/* The device knows better. */
	if (resource == NULL && request->answered_ok) {
		resource = add(guest, request, LINT_UNKNOWN);
		if (resource != NULL)
			resource->used = true;
	}
	if (resource != NULL)
		apply_to(guest, resource, request, change);
}
