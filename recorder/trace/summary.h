/* SPDX-License-Identifier: MIT */
/*
 * What has to be known of a trace before it can be played: how much there is of it, and
 * what its requests take. A recorder counts it while it writes; who reads a whole trace
 * can count it too. It knows nothing of who plays, and of what he refuses.
 */
#ifndef VGPU_TRACE_SUMMARY_H
#define VGPU_TRACE_SUMMARY_H

#include "address_map.h"
#include "trace.h"
#include "trace/bytes.h"

struct vgpu_trace_summary {
	uint64_t requests, frames;
	unsigned int longest[VGPU_NUM_QUEUES]; /* descriptors that a chain has in the ring */
	uint64_t chain_size; /* vgpu_chain_size() of the largest, as if it were indirect */
	bool blobs;	     /* were made */
	/* The first that the trace tells, with as many scanouts as any has; 0: it tells none. */
	struct vgpu_trace_outputs outputs;
	struct vgpu_address_map memory; /* guest memory that was read or became backing */
};

void vgpu_trace_summary_fini(struct vgpu_trace_summary *summary);
/* The next record of the trace. -EINVAL: guest memory that wraps around; -ENOMEM. */
int vgpu_trace_summary_add(struct vgpu_trace_summary *summary,
			   const struct vgpu_trace_record *record, struct vgpu_error *err);

/* Appends the payload of a SUMMARY block. False: too many regions, or out of memory. */
bool trace_summary_encode(struct vgpu_trace_summary *summary, struct bytes *out);
/* Into an empty one. 0, -EBADMSG: no such payload, or -ENOMEM. */
int trace_summary_decode(struct vgpu_trace_summary *summary, struct cursor *in);

#endif
