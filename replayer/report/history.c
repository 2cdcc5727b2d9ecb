/* SPDX-License-Identifier: MIT */
#include "report/history.h"

#include <linux/virtio_gpu.h>
#include <stdlib.h>
#include <string.h>

#define TRANSFERS_MAX 1024

/* The longest request that is kept: a transfer, or the fields of another. */
#define BYTES_MAX 96

struct message {
	uint64_t number;
	uint32_t len;
	uint8_t bytes[BYTES_MAX];
};

struct transfer {
	struct message message;
	uint32_t resource;
	struct vgpu_rect rect;
};

struct shown {
	uint32_t resource; /* 0: none */
	struct vgpu_rect rect;
};

struct vgpu_history {
	struct transfer transfers[TRANSFERS_MAX]; /* a ring */
	uint64_t count;				  /* of all transfers */
	struct shown scanouts[VGPU_MAX_SCANOUTS];
	struct message last;
	bool any;
};

struct vgpu_history *vgpu_history_new(void)
{
	return calloc(1, sizeof(struct vgpu_history));
}

void vgpu_history_free(struct vgpu_history *history)
{
	free(history);
}

static uint32_t field(const struct vgpu_trace_request *request, size_t offset)
{
	return vgpu_message_u32(request->request, request->request_len, offset);
}

static struct vgpu_rect rect_of(const struct vgpu_trace_request *request, size_t offset)
{
	return (struct vgpu_rect){
		.x = field(request, offset + offsetof(struct virtio_gpu_rect, x)),
		.y = field(request, offset + offsetof(struct virtio_gpu_rect, y)),
		.width = field(request, offset + offsetof(struct virtio_gpu_rect, width)),
		.height = field(request, offset + offsetof(struct virtio_gpu_rect, height)),
	};
}

static void keep(struct message *message, const struct vgpu_trace_request *request)
{
	message->number = request->number;
	message->len = request->request_len < BYTES_MAX ? request->request_len : BYTES_MAX;
	if (message->len > 0)
		memcpy(message->bytes, request->request, message->len);
}

static void tell(const struct message *message, struct vgpu_history_request *request)
{
	request->number = message->number;
	vgpu_decode_request(message->bytes, message->len, request->text);
}

static void add_transfer(struct vgpu_history *history, const struct vgpu_trace_request *request)
{
	struct transfer *transfer = &history->transfers[history->count++ % TRANSFERS_MAX];

	keep(&transfer->message, request);
	transfer->resource =
		field(request, offsetof(struct virtio_gpu_transfer_to_host_2d, resource_id));
	transfer->rect = rect_of(request, offsetof(struct virtio_gpu_transfer_to_host_2d, r));
}

static void set_scanout(struct vgpu_history *history, const struct vgpu_trace_request *request)
{
	uint32_t scanout = field(request, offsetof(struct virtio_gpu_set_scanout, scanout_id));

	if (scanout >= VGPU_MAX_SCANOUTS)
		return;
	history->scanouts[scanout] = (struct shown){
		.resource = field(request, offsetof(struct virtio_gpu_set_scanout, resource_id)),
		.rect = rect_of(request, offsetof(struct virtio_gpu_set_scanout, r)),
	};
}

/* What another resource of this number had is not in the new one. */
static void forget(struct vgpu_history *history, uint32_t resource)
{
	for (size_t i = 0; i < TRANSFERS_MAX; i++)
		if (history->transfers[i].resource == resource)
			history->transfers[i].resource = 0;
}

/* Whether the device that recorded it did it. */
static bool was_done(const struct vgpu_trace_request *request)
{
	return vgpu_message_u32(request->response, request->used_len, 0) ==
	       VIRTIO_GPU_RESP_OK_NODATA;
}

void vgpu_history_add(struct vgpu_history *history, const struct vgpu_trace_request *request)
{
	keep(&history->last, request);
	history->any = true;
	if (!was_done(request))
		return;
	switch (field(request, offsetof(struct virtio_gpu_ctrl_hdr, type))) {
	case VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D:
		add_transfer(history, request);
		return;
	case VIRTIO_GPU_CMD_SET_SCANOUT:
	case VIRTIO_GPU_CMD_SET_SCANOUT_BLOB: /* whose fields are the same up to the format */
		set_scanout(history, request);
		return;
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_2D:
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB: /* whose id is in the same place */
		forget(history,
		       field(request, offsetof(struct virtio_gpu_resource_create_2d, resource_id)));
		return;
	default:
		return;
	}
}

static bool contains(const struct vgpu_rect *rect, uint64_t x, uint64_t y)
{
	return x >= rect->x && x - rect->x < rect->width && y >= rect->y &&
	       y - rect->y < rect->height;
}

bool vgpu_history_writer(const struct vgpu_history *history, uint32_t scanout, uint32_t x,
			 uint32_t y, struct vgpu_history_request *writer)
{
	uint64_t remembered = history->count < TRANSFERS_MAX ? history->count : TRANSFERS_MAX;

	if (scanout >= VGPU_MAX_SCANOUTS || history->scanouts[scanout].resource == 0)
		return false;
	const struct shown *shown = &history->scanouts[scanout];
	for (uint64_t i = 1; i <= remembered; i++) {
		const struct transfer *transfer =
			&history->transfers[(history->count - i) % TRANSFERS_MAX];
		if (transfer->resource != shown->resource ||
		    !contains(&transfer->rect, (uint64_t)x + shown->rect.x,
			      (uint64_t)y + shown->rect.y))
			continue;
		tell(&transfer->message, writer);
		return true;
	}
	return false;
}

bool vgpu_history_last(const struct vgpu_history *history, struct vgpu_history_request *last)
{
	if (history->any)
		tell(&history->last, last);
	return history->any;
}
