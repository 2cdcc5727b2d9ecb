/* SPDX-License-Identifier: MIT */
#include "trace/summary.h"

#include "request.h"

#include <endian.h>
#include <errno.h>

void vgpu_trace_summary_fini(struct vgpu_trace_summary *summary)
{
	vgpu_address_map_fini(&summary->memory);
	*summary = (struct vgpu_trace_summary){0};
}

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
	if (summary->outputs.num_scanouts == 0)
		summary->outputs = *outputs;
	else if (summary->outputs.num_scanouts < outputs->num_scanouts)
		summary->outputs.num_scanouts = outputs->num_scanouts;
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
