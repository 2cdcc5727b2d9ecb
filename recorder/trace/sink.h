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
 * header; "-" is the standard output. NULL with a sentence in err; then no new file is left behind.
 */
struct trace_sink *trace_sink_open(const char *path, const char *suffix, struct vgpu_error *err);
/* A file in memory, which never gets a name; name is for people. NULL with a sentence in err. */
struct trace_sink *trace_sink_open_memory(const char *name, struct vgpu_error *err);
/* The open file, which is the caller's from now on: what was written can be read, and no more is.
 */
int trace_sink_take(struct trace_sink *sink);
/* Replaces the file header, before any block. 0 or a negative errno. */
int trace_sink_file_header(struct trace_sink *sink, const uint8_t *header, size_t len);
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
/* A file may not become longer than this when it is finished; a block that it would then says
 * -EOVERFLOW. */
void trace_sink_limit(struct trace_sink *sink, uint64_t max_size);
/*
 * Asked while a pipe takes nothing: true gives up, with -ETIMEDOUT. Without this it is
 * waited for.
 */
void trace_sink_patience(struct trace_sink *sink, bool (*give_up)(void *opaque), void *opaque);
/* A place to go back to: what was appended after it is gone from the file. */
struct trace_mark {
	uint64_t written;
	uint32_t num_blocks;
	size_t index_len;
};
struct trace_mark trace_sink_mark(const struct trace_sink *sink);
/* -ESPIPE where nothing can be taken back, or another negative errno. */
int trace_sink_return(struct trace_sink *sink, const struct trace_mark *mark);
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
/* What the file is called while it is written, and when it is finished. */
const char *trace_sink_path(const struct trace_sink *sink);
const char *trace_sink_name(const struct trace_sink *sink);

#endif
