/* SPDX-License-Identifier: MIT */
/* What a recorded request says: its fields, its backing entries, its fate. */
#ifndef VGPU_REQUEST_H
#define VGPU_REQUEST_H

#include "trace.h"

#include <linux/virtio_gpu.h>

/* The le32 at offset of the request; 0 where it ends before. */
uint32_t vgpu_request_u32(const struct vgpu_trace_request *request, size_t offset);
uint32_t vgpu_request_command(const struct vgpu_trace_request *request);
/* Whether the recording device executed the command. */
bool vgpu_request_accepted(const struct vgpu_trace_request *request);

/* Entries of guest memory: of RESOURCE_ATTACH_BACKING and RESOURCE_CREATE_BLOB. */
struct vgpu_entry_list {
	uint32_t first; /* where they begin in the request */
	uint32_t count; /* of those that are there in full */
};

/* Empty for other commands. */
struct vgpu_entry_list vgpu_request_entries(const struct vgpu_trace_request *request);
struct virtio_gpu_mem_entry vgpu_request_entry(const struct vgpu_trace_request *request,
					       const struct vgpu_entry_list *list, uint32_t index);

#endif
