/* SPDX-License-Identifier: MIT */
/* What vgpu-trace(1) does with a trace; each prints to out and reports to stderr. */
#ifndef VGPU_TRACE_TOOLS_H
#define VGPU_TRACE_TOOLS_H

#include "frame.h"
#include "lint/rules.h"

#include <stdio.h>

struct vgpu_trace_tool_options {
	bool json;
	bool registers;		     /* dump: register accesses too */
	const char *output;	     /* frames, repair: where to; NULL: where they think best */
	const char *rules;	     /* lint: those that are looked at; NULL: all */
	enum lint_severity severity; /* lint: findings below it are no failure */
	bool list_rules;	     /* lint: print the rules */
};

/*
 * Each returns 0, 1 if a frame was not drawn as recorded or a rule was broken, or 2 with a sentence
 * in err if the trace or the output cannot be used; what could be read of a
 * damaged trace is printed first.
 */
typedef int vgpu_trace_tool_fn(const char *path, const struct vgpu_trace_tool_options *options,
			       FILE *out, struct vgpu_error *err);
vgpu_trace_tool_fn vgpu_trace_info;
vgpu_trace_tool_fn vgpu_trace_dump;
vgpu_trace_tool_fn vgpu_trace_verify;
vgpu_trace_tool_fn vgpu_trace_frames;
vgpu_trace_tool_fn vgpu_trace_lint;
vgpu_trace_tool_fn vgpu_trace_repair;

/* A set of frame hashes; zeroed is empty. */
struct vgpu_hash_set {
	struct vgpu_frame_hash *slots; /* open addressing; all zero: free */
	size_t count, capacity;
	uint64_t seed;
};

void vgpu_hash_set_fini(struct vgpu_hash_set *set);
/* 1 if it is new, 0 if it was there, -ENOMEM. */
int vgpu_hash_set_add(struct vgpu_hash_set *set, const struct vgpu_frame_hash *hash);

#endif
