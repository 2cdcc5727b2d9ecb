/* SPDX-License-Identifier: MIT */
/*
 * The writer's side of the content table: cuts guest memory into chunks and
 * tells which of them the file already holds. It keeps hashes, no content.
 */
#ifndef VGPU_TRACE_CONTENT_H
#define VGPU_TRACE_CONTENT_H

#include "trace/codec.h"

struct trace_content;

/* A chunk that the file does not hold yet, by its place in the data. */
struct trace_new_chunk {
	const uint8_t *data;
	uint32_t len;
};

/* What became of a request's data. Valid until the next call. */
struct trace_pieces {
	const struct trace_ref *refs;
	size_t num_refs;
	const struct trace_new_chunk *chunks; /* with consecutive ids, in order */
	size_t num_chunks;
};

/* NULL if out of memory. limit: bytes of content after which the table is full. */
struct trace_content *trace_content_new(uint64_t limit);
void trace_content_free(struct trace_content *content);
void trace_content_clear(struct trace_content *content);
/*
 * Cuts len bytes, rows of pitch bytes each or (0) no rows, and enters what is
 * new into the table. 0; -ENOSPC if something is new and the table was full
 * before, to be tried again when it is cleared; or -ENOMEM.
 */
int trace_content_add(struct trace_content *content, const uint8_t *data, uint64_t len,
		      uint32_t pitch, struct trace_pieces *pieces);

#endif
