/* SPDX-License-Identifier: MIT */
#include "request.h"

#include <endian.h>
#include <linux/virtio_ring.h>
#include <string.h>

bool vgpu_message_holds(uint64_t len, uint64_t offset, uint64_t size)
{
	return offset <= len && size <= len - offset;
}

uint32_t vgpu_message_u32(const uint8_t *bytes, uint64_t len, uint64_t offset)
{
	uint32_t value;

	if (!vgpu_message_holds(len, offset, sizeof(value)))
		return 0;
	memcpy(&value, bytes + offset, sizeof(value));
	return le32toh(value);
}

uint64_t vgpu_message_u64(const uint8_t *bytes, uint64_t len, uint64_t offset)
{
	uint64_t value;

	if (!vgpu_message_holds(len, offset, sizeof(value)))
		return 0;
	memcpy(&value, bytes + offset, sizeof(value));
	return le64toh(value);
}

uint32_t vgpu_request_u32(const struct vgpu_trace_request *request, size_t offset)
{
	return vgpu_message_u32(request->request, request->request_len, offset);
}

uint32_t vgpu_request_command(const struct vgpu_trace_request *request)
{
	return vgpu_request_u32(request, offsetof(struct virtio_gpu_ctrl_hdr, type));
}

bool vgpu_request_accepted(const struct vgpu_trace_request *request)
{
	uint32_t type = vgpu_message_u32(request->response, request->used_len,
					 offsetof(struct virtio_gpu_ctrl_hdr, type));

	return type >= VIRTIO_GPU_RESP_OK_NODATA && type < VIRTIO_GPU_RESP_ERR_UNSPEC;
}

struct vgpu_entry_list vgpu_request_entries(const struct vgpu_trace_request *request)
{
	struct vgpu_entry_list list = {0};
	size_t nr_entries;

	switch (vgpu_request_command(request)) {
	case VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING:
		list.first = sizeof(struct virtio_gpu_resource_attach_backing);
		nr_entries = offsetof(struct virtio_gpu_resource_attach_backing, nr_entries);
		break;
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB:
		list.first = sizeof(struct virtio_gpu_resource_create_blob);
		nr_entries = offsetof(struct virtio_gpu_resource_create_blob, nr_entries);
		break;
	default:
		return list;
	}
	if (request->request_len < list.first)
		return list;
	uint32_t said = vgpu_request_u32(request, nr_entries);
	uint32_t there =
		(request->request_len - list.first) / (uint32_t)sizeof(struct virtio_gpu_mem_entry);
	list.count = said < there ? said : there;
	return list;
}

struct virtio_gpu_mem_entry vgpu_request_entry(const struct vgpu_trace_request *request,
					       const struct vgpu_entry_list *list, uint32_t index)
{
	struct virtio_gpu_mem_entry entry;

	memcpy(&entry, request->request + list->first + index * sizeof(entry), sizeof(entry));
	return entry;
}

uint64_t vgpu_chain_size(const struct vgpu_chain_desc *descs, unsigned int num_descs,
			 int indirect_at)
{
	uint64_t size = 0;

	if (indirect_at >= 0)
		size = (uint64_t)num_descs * sizeof(struct vring_desc);
	/* At most 2^32 descriptors of 2^32 bytes: this does not wrap for real counts. */
	for (unsigned int i = 0; i < num_descs; i++)
		size = ((size + 7) & ~7ull) + descs[i].len;
	return size;
}

unsigned int vgpu_chain_direct_descs(unsigned int num_descs, int indirect_at)
{
	return indirect_at < 0 ? num_descs : (unsigned int)indirect_at + 1;
}
