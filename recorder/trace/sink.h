/* SPDX-License-Identifier: MIT */
/*
 * Where blocks go: compresses and checksums them, appends them to NAME.part,
 * keeps the index, and gives the file its name when it is whole. Knows nothing
 * of records.
 */
#ifndef VGPU_TRACE_SINK_H
#define VGPU_TRACE_SINK_H

#include "trace.h"
#include "trace/bytes.h"
#include "trace/format.h"

struct trace_sink;

/* A block is stored as it is. */
#define TRACE_LEVEL_NONE 0

/* What the index tells of a block, beside what the sink knows itself. */
struct trace_block_info {
	uint64_t base_ns, requests, frames;
};

/*
 * Creates path + suffix (".part"), holding a lock on it, and writes the file
 * header. NULL with a sentence in err; then no new file is left behind.
 */
struct trace_sink *trace_sink_open(const char *path, const char *suffix, struct vgpu_error *err);
/*
 * Appends a block. RECORDS are compressed as one stream from each RESTART to the
 * next, at the level given there, or stored as they are; others stand alone, and are
 * stored as they are where compression does not make them smaller. 0 or a negative errno; then the
 * file ends with the last whole block, as far as that can be had, and nothing
 * more may be appended.
 */
int trace_sink_block(struct trace_sink *sink, enum trace_block_type type, uint16_t flags,
		     const struct trace_block_info *info, const struct bytes *raw, int level);
/*
 * Appends a block of another file as it is there. It must have the number that
 * is next here. 0 or a negative errno, as above.
 */
int trace_sink_copy(struct trace_sink *sink, const struct trace_block_header *header,
		    const uint8_t *payload, const struct trace_block_info *info);
/* Appends index and footer and waits for the disk. 0 or a negative errno. */
int trace_sink_finish(struct trace_sink *sink);
/* Gives the finished file its name. 0 or a negative errno. */
int trace_sink_commit(struct trace_sink *sink);
/* Frees the sink; a file that has no name yet stays as it is called. */
void trace_sink_close(struct trace_sink *sink);
/* Removes the file; only before trace_sink_commit(). */
void trace_sink_discard(struct trace_sink *sink);
/* Bytes of the file so far. */
uint64_t trace_sink_written(const struct trace_sink *sink);
const char *trace_sink_path(const struct trace_sink *sink);

#endif
