/* SPDX-License-Identifier: MIT */
#include "trace/summary.h"

#include "request.h"
#include "trace/codec.h"
#include "trace/format.h"

#include <endian.h>
#include <errno.h>
#include <string.h>

#define PAGE	   4096u
#define PAGES_MAX  (1ull << 52)
#define FLAG_BLOBS 1u

void vgpu_trace_summary_fini(struct vgpu_trace_summary *summary)
{
	vgpu_address_map_fini(&summary->memory);
	*summary = (struct vgpu_trace_summary){0};
}

/* ---- counting ------------------------------------------------------------------- */

static int add_range(struct vgpu_trace_summary *summary, uint64_t number, uint64_t gpa,
		     uint64_t len, struct vgpu_error *err)
{
	int ret = vgpu_address_map_add(&summary->memory, gpa, len);

	if (ret == -ENOMEM)
		return vgpu_error_set(err, ENOMEM, "out of memory");
	if (ret < 0)
		return vgpu_error_set(err, EINVAL,
				      "request %llu: guest memory from 0x%llx wraps around",
				      (unsigned long long)number, (unsigned long long)gpa);
	return 0;
}

static int add_memory(struct vgpu_trace_summary *summary, const struct vgpu_trace_request *request,
		      uint64_t number, struct vgpu_error *err)
{
	int ret = 0;

	for (size_t i = 0; ret == 0 && i < request->num_segments; i++)
		ret = add_range(summary, number, request->segments[i].gpa, request->segments[i].len,
				err);
	const struct vgpu_entry_list list = vgpu_request_entries(request);
	for (uint32_t i = 0; ret == 0 && vgpu_request_accepted(request) && i < list.count; i++) {
		struct virtio_gpu_mem_entry entry = vgpu_request_entry(request, &list, i);
		ret = add_range(summary, number, le64toh(entry.addr), le32toh(entry.length), err);
	}
	return ret;
}

static int add_request(struct vgpu_trace_summary *summary, const struct vgpu_trace_request *request,
		       struct vgpu_error *err)
{
	/* As if it were an indirect chain, which some targets get instead. */
	uint64_t size = vgpu_chain_size(request->descs, request->num_descs, 0);
	unsigned int direct = vgpu_chain_direct_descs(request->num_descs, request->indirect_at);

	if (size > summary->chain_size)
		summary->chain_size = size;
	if (direct > summary->longest[request->queue] && direct <= VGPU_QUEUE_SIZE_MAX)
		summary->longest[request->queue] = direct;
	summary->blobs |= vgpu_request_accepted(request) &&
			  vgpu_request_command(request) == VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB;
	return add_memory(summary, request, summary->requests++, err);
}

static void add_outputs(struct vgpu_trace_summary *summary,
			const struct vgpu_trace_outputs *outputs)
{
	unsigned int *num = &summary->outputs.num_scanouts;

	/* What the record says no more of is no output. */
	if (*num == 0)
		memcpy(summary->outputs.outputs, outputs->outputs,
		       outputs->num_scanouts * sizeof(outputs->outputs[0]));
	if (*num < outputs->num_scanouts)
		*num = outputs->num_scanouts;
}

int vgpu_trace_summary_add(struct vgpu_trace_summary *summary,
			   const struct vgpu_trace_record *record, struct vgpu_error *err)
{
	switch (record->type) {
	case VGPU_TRACE_OUTPUTS:
		add_outputs(summary, &record->outputs);
		return 0;
	case VGPU_TRACE_REQUEST:
		return add_request(summary, &record->request, err);
	case VGPU_TRACE_FRAME:
		summary->frames++;
		return 0;
	default:
		return 0;
	}
}

/* ---- the block ------------------------------------------------------------------ */

static void put_memory(struct bytes *out, const struct vgpu_address_map *memory)
{
	uint64_t end = 0;

	bytes_put_uint(out, memory->count);
	for (size_t i = 0; i < memory->count; i++) {
		const struct vgpu_address_region *region = &memory->regions[i];

		bytes_put_uint(out, (region->gpa - end) / PAGE);
		bytes_put_uint(out, region->size / PAGE);
		end = region->gpa + region->size;
	}
}

bool trace_summary_encode(struct vgpu_trace_summary *summary, struct bytes *out)
{
	vgpu_address_map_merge(&summary->memory);
	if (summary->memory.count > TRACE_MAX_REGIONS)
		return false;
	bytes_put_uint(out, summary->requests);
	bytes_put_uint(out, summary->frames);
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		bytes_put_uint(out, summary->longest[i]);
	bytes_put_uint(out, summary->chain_size);
	bytes_put_uint(out, summary->blobs ? FLAG_BLOBS : 0);
	trace_put_outputs(out, &summary->outputs);
	put_memory(out, &summary->memory);
	return !out->failed;
}

static int take_memory(struct vgpu_address_map *memory, struct cursor *in)
{
	uint64_t count = cursor_max(in, TRACE_MAX_REGIONS, "too many regions");
	uint64_t at = 0; /* page */
	int ret = 0;

	for (uint64_t i = 0; ret == 0 && i < count; i++) {
		at += cursor_max(in, PAGES_MAX - at, "region past the end");
		uint64_t size = cursor_max(in, PAGES_MAX - at, "region past the end");
		if (in->why != NULL)
			return -EBADMSG;
		ret = vgpu_address_map_add(memory, at * PAGE, size * PAGE);
		at += size;
	}
	return ret == -EINVAL ? -EBADMSG : ret;
}

int trace_summary_decode(struct vgpu_trace_summary *summary, struct cursor *in)
{
	summary->requests = cursor_uint(in);
	summary->frames = cursor_uint(in);
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		summary->longest[i] = (unsigned int)cursor_max(in, VGPU_QUEUE_SIZE_MAX,
							       "chain longer than any queue");
	summary->chain_size = cursor_uint(in);
	summary->blobs = (cursor_uint(in) & FLAG_BLOBS) != 0;
	trace_take_outputs(in, &summary->outputs);
	int ret = take_memory(&summary->memory, in);
	return in->why != NULL ? -EBADMSG : ret;
}
