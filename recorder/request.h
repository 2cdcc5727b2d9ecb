/* SPDX-License-Identifier: MIT */
/* What a recorded request says: its fields, its backing entries, its fate, its chain. */
#ifndef VGPU_REQUEST_H
#define VGPU_REQUEST_H

#include "trace.h"

#include <linux/virtio_gpu.h>

/* Whether a message of len bytes has size of them from offset on. */
bool vgpu_message_holds(uint64_t len, uint64_t offset, uint64_t size);
/* The le32 or le64 at offset of a message; 0 where the message ends before. */
uint32_t vgpu_message_u32(const uint8_t *bytes, uint64_t len, uint64_t offset);
uint64_t vgpu_message_u64(const uint8_t *bytes, uint64_t len, uint64_t offset);
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

/*
 * Bytes that a chain takes where its indirect table, if there is one (indirect_at >= 0), and
 * its buffers lie one behind the other, each from a multiple of 8 on. Without one, the
 * descriptors in the ring do not count; with one, all do.
 */
uint64_t vgpu_chain_size(const struct vgpu_chain_desc *descs, unsigned int num_descs,
			 int indirect_at);
/* How many of a chain's descriptors lie in the ring, that of an indirect table included. */
unsigned int vgpu_chain_direct_descs(unsigned int num_descs, int indirect_at);

#endif
