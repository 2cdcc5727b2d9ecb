/* SPDX-License-Identifier: MIT */
/*
 * Where blocks come from: reads them in order, holds every byte of the file
 * against its checksum, and the index and footer against what was read. Knows
 * nothing of records.
 */
#ifndef VGPU_TRACE_SOURCE_H
#define VGPU_TRACE_SOURCE_H

#include "trace.h"
#include "trace/format.h"
#include "trace/pool.h"

struct trace_source;

/* A block that was read, its payload decompressed. */
struct trace_block {
	uint16_t type;
	uint16_t flags;
	const uint8_t *data;
	size_t len;
	struct trace_buffer *buffer; /* that data lies in; NULL: it is valid until the next block */
};

/* Where the block that was read last is, for people. */
struct trace_block_place {
	uint32_t number;
	uint64_t offset;
};

/* Reads the file header; "-" is standard input. NULL with a sentence in err. */
struct trace_source *trace_source_open(const char *path, struct vgpu_error *err);
/* The same of an open file, from its beginning, which stays open; name is for people. */
struct trace_source *trace_source_open_fd(int fd, const char *name, struct vgpu_error *err);
void trace_source_close(struct trace_source *source);
/*
 * The next block that is not part of the index. Returns 1, 0 at the end of a
 * whole file, -ENODATA if the file ends early, -EBADMSG if it is damaged,
 * -ENOMEM, or the error of read(), each with a sentence in err.
 */
int trace_source_next(struct trace_source *source, struct trace_block *block,
		      struct vgpu_error *err);
/* The block that was read last as it is in the file; payload is stored_len bytes. */
void trace_source_stored(const struct trace_source *source, struct trace_block_header *header,
			 const uint8_t **payload);
/* As it is in the file. */
const uint8_t *trace_source_file_header(const struct trace_source *source, size_t *len);
/* How many blocks were read, and where the last of them ends. */
uint32_t trace_source_blocks(const struct trace_source *source);
uint64_t trace_source_position(const struct trace_source *source);
/* What the index must say of the block that was read last; all 0 if not called. */
void trace_source_describe(struct trace_source *source, uint64_t base_ns, uint64_t requests,
			   uint64_t frames);
/*
 * The SUMMARY block before the index, found from the end of the file on; false: there is
 * none, or something is wrong with it. Where it can go back, the source has to be rewound
 * before the next block; otherwise nothing has happened.
 */
bool trace_source_summary(struct trace_source *source, struct trace_block *block);
/* Back to the first block. -ESPIPE on standard input. */
int trace_source_rewind(struct trace_source *source, struct vgpu_error *err);
/*
 * Gives the buffer of the block that was read last to the caller, for as long as it wants;
 * the source takes another one. It has to come back, from any thread, before the source
 * is closed.
 */
void trace_source_take(struct trace_source *source, struct trace_block *block);
/* The source's buffers, for more of them and to put them back. */
struct trace_pool *trace_source_pool(struct trace_source *source);
struct trace_block_place trace_source_place(const struct trace_source *source);
const char *trace_source_name(const struct trace_source *source);
/* Bytes of the file; 0: it is none. */
uint64_t trace_source_size(const struct trace_source *source);
/* Says "path: block 17 at offset 4711: ..." of the block that was read last; returns -code. */
int trace_source_fail(const struct trace_source *source, struct vgpu_error *err, int code,
		      const char *format, ...) __attribute__((format(printf, 4, 5)));

#endif
