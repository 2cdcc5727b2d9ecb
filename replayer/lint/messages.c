/* SPDX-License-Identifier: MIT */
/* What every request has: its chain, its length, its header, its fence. */
#include "lint/lint.h"

#include <inttypes.h>
#include <linux/virtio_gpu.h>
#include <linux/virtio_ring.h>

#define PAGE	  4096
#define HEADER	  sizeof(struct virtio_gpu_ctrl_hdr)
#define AT(field) offsetof(struct virtio_gpu_ctrl_hdr, field)

static const char *name_of(const struct lint_request *request)
{
	const char *name = vgpu_type_name(request->type);

	return name != NULL ? name : "the request";
}

/* ---- the chain ------------------------------------------------------------------------- */

static void check_chain(struct lint *lint, const struct lint_request *request)
{
	const struct vgpu_trace_request *raw = request->raw;
	unsigned int size = raw->queue < VGPU_NUM_QUEUES ? lint->guest.queue_size[raw->queue] : 0;

	if (size != 0 && raw->num_descs > size)
		lint_find(&lint->findings, QUE_004, raw,
			  "The chain has %u descriptors, the queue %u entries.", raw->num_descs,
			  size);
	if (lint->guest.started && raw->indirect_at >= 0 &&
	    !lint_guest_accepted(&lint->guest, VIRTIO_RING_F_INDIRECT_DESC))
		lint_find(&lint->findings, QUE_005, raw,
			  "Descriptor %d and on are in an indirect table.", raw->indirect_at);
	if (raw->num_descs > LINT_DESCS_PLENTY && request->readable + request->writable <= PAGE)
		lint_find(&lint->findings, QUE_006, raw, "%u descriptors hold %" PRIu64 " bytes.",
			  raw->num_descs, request->readable + request->writable);
}

/* ---- lengths ----------------------------------------------------------------------------- */

/* Of the command with its list; 0: nobody knows. */
static uint64_t wanted(const struct lint_request *request)
{
	const struct lint_command *command = request->command;

	if (command == NULL || command->bytes_follow || command->size == 0)
		return 0;
	/* How long the list is stands in the fixed part. */
	if (command->count_at != 0 && !request->whole)
		return 0;
	return command->size + (uint64_t)request->num_entries * sizeof(struct virtio_gpu_mem_entry);
}

static void check_length(struct lint *lint, const struct lint_request *request)
{
	uint64_t size = wanted(request);

	if (request->readable < HEADER ||
	    (request->command != NULL && request->readable < request->command->size) ||
	    (size != 0 && request->readable < size))
		lint_blame(lint, MSG_001, request,
			   "%" PRIu64 " bytes are readable, and %s has %" PRIu64 ".",
			   request->readable, name_of(request),
			   size != 0		      ? size
			   : request->command != NULL ? (uint64_t)request->command->size
						      : (uint64_t)HEADER);
	else if (size != 0 && request->readable > size)
		lint_find(&lint->findings, MSG_002, request->raw,
			  "%" PRIu64 " bytes are readable, and %s has %" PRIu64 ".",
			  request->readable, name_of(request), size);
}

static void check_room(struct lint *lint, const struct lint_request *request)
{
	uint64_t size = HEADER;

	/* The cursor queue is not answered, see CUR_006. */
	if (request->raw->queue == VGPU_QUEUE_CURSOR && request->writable == 0)
		return;
	if (request->command != NULL && request->command->answer > size)
		size = request->command->answer;
	if (request->writable < size)
		lint_find(&lint->findings, MSG_004, request->raw,
			  "There is room for %" PRIu64 " bytes, and the answer to %s has %" PRIu64
			  ".",
			  request->writable, name_of(request), size);
}

/* ---- the command ------------------------------------------------------------------------- */

static void check_command(struct lint *lint, const struct lint_request *request)
{
	const struct lint_command *command = request->command;

	if (request->raw->request_len < HEADER)
		return;
	if (command == NULL) {
		lint_blame(lint, MSG_005, request, "The type is 0x%04x.", request->type);
		return;
	}
	if (command->queue != request->raw->queue)
		lint_blame(lint, MSG_007, request, "%s came on queue %u.", name_of(request),
			   request->raw->queue);
	if (lint->guest.started && !lint_guest_accepted(&lint->guest, command->feature))
		lint_blame(lint, MSG_006, request, "%s needs %s, which was not accepted.",
			   name_of(request), vgpu_feature_name(command->feature));
}

static bool is_zero(const struct lint_request *request, uint64_t offset, unsigned int len)
{
	for (unsigned int i = 0; i < len && offset + i < request->raw->request_len; i++)
		if (request->raw->request[offset + i] != 0)
			return false;
	return true;
}

static void check_padding(struct lint *lint, const struct lint_request *request)
{
	const struct lint_command *command = request->command;
	bool has_ring = (lint_flags(request) & VIRTIO_GPU_FLAG_INFO_RING_IDX) != 0;
	uint32_t header_from = has_ring ? AT(padding) : AT(ring_idx);
	uint64_t at = 0;

	if (command == NULL)
		return;
	if (!is_zero(request, header_from, HEADER - header_from))
		at = header_from;
	for (unsigned int i = 0; i < 2; i++)
		if (command->padding[i] != 0 && !is_zero(request, command->padding[i], 4))
			at = command->padding[i];
	for (uint32_t i = 0; request->entries != NULL && i < request->num_entries; i++) {
		uint64_t entry = command->size + (uint64_t)i * sizeof(struct virtio_gpu_mem_entry) +
				 offsetof(struct virtio_gpu_mem_entry, padding);
		if (!is_zero(request, entry, 4))
			at = entry;
	}
	if (at != 0)
		lint_find(&lint->findings, MSG_003, request->raw,
			  "The padding at offset %" PRIu64 " of %s is not zero.", at,
			  name_of(request));
}

/* ---- header ------------------------------------------------------------------------------- */

static void check_flags(struct lint *lint, const struct lint_request *request)
{
	uint32_t known = VIRTIO_GPU_FLAG_FENCE;

	if (request->command == NULL)
		return;
	if (!lint->guest.started || lint_guest_accepted(&lint->guest, VIRTIO_GPU_F_CONTEXT_INIT))
		known |= VIRTIO_GPU_FLAG_INFO_RING_IDX;
	if ((lint_flags(request) & ~known) != 0)
		lint_find(&lint->findings, MSG_008, request->raw, "The flags are 0x%x.",
			  lint_flags(request));
}

static void check_fence(struct lint *lint, const struct lint_request *request)
{
	struct lint_life *life = &lint->life;
	uint64_t id =
		vgpu_message_u64(request->raw->request, request->raw->request_len, AT(fence_id));

	if (request->command == NULL)
		return;
	if ((lint_flags(request) & VIRTIO_GPU_FLAG_FENCE) == 0) {
		if (id != 0)
			lint_find(&lint->findings, FEN_002, request->raw,
				  "The fence id is %" PRIu64 ", and the flags have no FENCE.", id);
		return;
	}
	/* Each ring of a context has a timeline of its own, each queue an order of its own. */
	if ((lint_flags(request) & VIRTIO_GPU_FLAG_INFO_RING_IDX) != 0 ||
	    request->raw->queue != VGPU_QUEUE_CONTROL)
		return;
	if (life->fenced && id <= life->last_fence)
		lint_find(&lint->findings, FEN_001, request->raw,
			  "The fence id is %" PRIu64 ", after %" PRIu64 ".", id, life->last_fence);
	life->fenced = true;
	life->last_fence = id;
}

static void check_request(struct lint *lint, const struct lint_request *request)
{
	check_chain(lint, request);
	check_length(lint, request);
	check_room(lint, request);
	check_command(lint, request);
	check_padding(lint, request);
	check_flags(lint, request);
	check_fence(lint, request);
}

const struct lint_area lint_area_messages = {.request = check_request};
