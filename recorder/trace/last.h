/* SPDX-License-Identifier: MIT */
/*
 * The last while of a recording, in memory: segments, each a whole trace that begins
 * with the state it needs. The oldest are let go; on demand all become one trace on the
 * disk, written by a thread of its own. Knows nothing of devices and queues.
 */
#ifndef VGPU_TRACE_LAST_H
#define VGPU_TRACE_LAST_H

#include "trace/sink.h"

struct trace_last;

/*
 * Tries out whether path can be written, and starts the thread. Options: as of the
 * writer, of which last_ns is not 0. NULL with a sentence in err.
 */
struct trace_last *trace_last_new(const char *path, const struct vgpu_trace_writer_options *options,
				  uint64_t window, struct vgpu_error *err);
/* When a segment is to end: after so many bytes, or nanoseconds. */
uint64_t trace_last_segment_bytes(const struct trace_last *last);
uint64_t trace_last_segment_ns(const struct trace_last *last);
/*
 * Takes the file of a finished segment off the sink. requests: those of them that a
 * driver sent; end: what the segment ends with. 0 or -ENOMEM, with which it is lost.
 */
int trace_last_add(struct trace_last *last, struct trace_sink *sink, uint64_t begin_ns,
		   uint64_t requests, const struct vgpu_trace_end *end);
/* False: a trace is being written, or about to be. Otherwise it is about to be now. */
bool trace_last_reserve(struct trace_last *last);
/* Whether that still is. */
bool trace_last_busy(struct trace_last *last);
/*
 * Hands all segments to the thread; what comes after them begins anew. After
 * trace_last_reserve(), or with VGPU_TRACE_DUMP_EXIT, which waits for the trace
 * before it and leaves none where no driver sent anything since.
 */
void trace_last_dump(struct trace_last *last, const struct vgpu_trace_dump *dump);
/*
 * Waits for the thread and frees all. The sum of what it did is added to stats.
 * A negative errno with a sentence in err: the first trace that could not be written.
 */
int trace_last_close(struct trace_last *last, struct vgpu_trace_writer_stats *stats,
		     struct vgpu_error *err);

#endif
