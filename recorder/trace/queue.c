/* SPDX-License-Identifier: MIT */
#include "trace/queue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define ALIGNMENT 16

static size_t align(size_t size)
{
	return (size + ALIGNMENT - 1) & ~(size_t)(ALIGNMENT - 1);
}

int trace_queue_init(struct trace_queue *queue, size_t capacity)
{
	*queue = (struct trace_queue){.capacity = align(capacity)};
	queue->ring = aligned_alloc(ALIGNMENT, queue->capacity);
	return queue->ring == NULL ? -ENOMEM : 0;
}

void trace_queue_fini(struct trace_queue *queue)
{
	free(queue->ring);
	*queue = (struct trace_queue){0};
}

size_t trace_entry_size(const struct vgpu_trace_record *record, bool without_data)
{
	const struct vgpu_trace_request *request = &record->request;
	size_t size = align(sizeof(struct trace_entry));

	if (record->type != VGPU_TRACE_REQUEST)
		return size;
	size += align(request->num_descs * sizeof(*request->descs));
	size += align(request->num_segments * sizeof(*request->segments));
	size += align(request->request_len) + align(request->used_len);
	return without_data ? size : size + align(request->data_len);
}

/* Only called while the ring is empty, so nothing points into it. */
static bool grow(struct trace_queue *queue, size_t size)
{
	if (size <= queue->capacity)
		return true;
	uint8_t *ring = aligned_alloc(ALIGNMENT, size);
	if (ring == NULL)
		return false;
	free(queue->ring);
	queue->ring = ring;
	queue->capacity = size;
	return true;
}

struct trace_entry *trace_queue_reserve(struct trace_queue *queue, size_t size)
{
	if (queue->used == 0) {
		queue->head = queue->tail = 0;
		if (!grow(queue, size))
			return NULL;
	}
	bool wrapped = queue->used > 0 && queue->head <= queue->tail;
	size_t end = wrapped ? queue->tail : queue->capacity;
	if (end - queue->head < size) {
		if (wrapped || queue->tail < size)
			return NULL;
		queue->head = 0;
	}
	struct trace_entry *entry = (struct trace_entry *)(queue->ring + queue->head);
	entry->size = size;
	queue->head += size;
	queue->used += size;
	return entry;
}

/* Copies an array to *room and moves *room behind it. */
static const void *copy(uint8_t **room, const void *data, size_t size)
{
	uint8_t *at = *room;

	if (size == 0)
		return NULL;
	memcpy(at, data, size);
	*room += align(size);
	return at;
}

void trace_entry_fill(struct trace_entry *entry, const struct vgpu_trace_record *record,
		      bool without_data)
{
	struct vgpu_trace_request *request = &entry->record.request;
	uint8_t *room = (uint8_t *)entry + align(sizeof(*entry));

	entry->put_ns = vgpu_now_ns();
	entry->record = *record;
	if (record->type != VGPU_TRACE_REQUEST)
		return;
	request->descs = copy(&room, request->descs, request->num_descs * sizeof(*request->descs));
	request->segments =
		copy(&room, request->segments, request->num_segments * sizeof(*request->segments));
	request->request = copy(&room, request->request, request->request_len);
	request->response = copy(&room, request->response, request->used_len);
	if (without_data) {
		request->data = NULL;
		request->dropped = true;
	} else {
		request->data = copy(&room, request->data, request->data_len);
	}
}

void trace_queue_publish(struct trace_queue *queue, struct trace_entry *entry)
{
	entry->next = NULL;
	if (queue->last != NULL)
		queue->last->next = entry;
	else
		queue->first = entry;
	queue->last = entry;
}

void trace_queue_take(struct trace_queue *queue, struct trace_batch *batch)
{
	*batch = (struct trace_batch){.next = queue->first};
	queue->first = queue->last = NULL;
}

struct trace_entry *trace_batch_next(struct trace_batch *batch)
{
	struct trace_entry *entry = batch->next;

	if (entry == NULL)
		return NULL;
	batch->next = entry->next;
	batch->done = entry;
	batch->size += entry->size;
	return entry;
}

void trace_queue_release(struct trace_queue *queue, struct trace_batch *batch)
{
	if (batch->done == NULL)
		return;
	queue->used -= batch->size;
	queue->tail = (size_t)((uint8_t *)batch->done - queue->ring) + batch->done->size;
	batch->done = NULL;
	batch->size = 0;
}
