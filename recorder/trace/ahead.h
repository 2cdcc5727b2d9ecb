/* SPDX-License-Identifier: MIT */
/*
 * Reads and decompresses blocks ahead of who takes records out of them, on a thread of
 * its own, a few of them at a time.
 */
#ifndef VGPU_TRACE_AHEAD_H
#define VGPU_TRACE_AHEAD_H

#include "trace/source.h"

struct trace_ahead;

/* From the source's next block on; until freed, the source belongs to this. NULL: it cannot. */
struct trace_ahead *trace_ahead_new(struct trace_source *source);
void trace_ahead_free(struct trace_ahead *ahead);
/* As trace_source_next() and trace_source_take(); place is that of the block, or of what is wrong.
 */
int trace_ahead_next(struct trace_ahead *ahead, struct trace_block *block,
		     struct trace_block_place *place, struct vgpu_error *err);

#endif
