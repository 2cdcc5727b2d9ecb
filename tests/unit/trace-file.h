/* SPDX-License-Identifier: MIT */
/*
 * Trace files for tests: written by the writer, or forged byte by byte with
 * checksums that are right, so that what is behind the checksums is reached.
 */
#ifndef VGPU_UNIT_TRACE_FILE_H
#define VGPU_UNIT_TRACE_FILE_H

#include "trace.h"
#include "trace/bytes.h"
#include "trace/format.h"

#define TRACE_FILE_PATH 64

/* A path in a new folder under /tmp. */
void trace_file_path(char path[TRACE_FILE_PATH]);
/* Removes the file, the unfinished one, and the folder. */
void trace_file_remove(const char *path);
/* The whole file; the caller frees it with bytes_fini(). Empty if there is none. */
struct bytes trace_file_load(const char *path);

/* The same trace in memory, under a path that any number of readers can open. */
struct trace_memory {
	int fd;
	char path[TRACE_FILE_PATH];
};
struct trace_memory trace_memory_new(const struct bytes *bytes);
void trace_memory_set(const struct trace_memory *memory, const uint8_t *data, size_t len);
void trace_memory_free(const struct trace_memory *memory);

/*
 * A transfer and its answer, with guest memory that it read: the segments' bytes, one
 * after the other in data. pitch as in struct vgpu_trace_request.
 */
void trace_file_put_request(struct vgpu_trace_writer *writer,
			    const struct vgpu_trace_segment *segments, size_t num_segments,
			    const uint8_t *data, uint32_t pitch);

/* Reads to the end. Returns what the reader said last, or -EIO if it cannot be opened. */
int trace_file_read(const char *path, unsigned int *num_records, struct vgpu_error *err);

/* XXH3-64 as it stands in the file. */
uint64_t forge_checksum(const void *data, size_t len);
/* Appends a file header and a description. */
void forge_begin(struct bytes *file);
/* Appends a block with the right checksums; raw_len is told, right or not. */
void forge_block(struct bytes *file, uint16_t type, uint16_t flags, const void *payload,
		 size_t stored_len, uint32_t raw_len);
/* Appends index and footer for what is there; compressed RECORDS begin with three zeros. */
void forge_end(struct bytes *file);
/* The start of a RECORDS payload: base time and what was before it. */
void forge_records(struct bytes *payload, uint64_t requests, uint64_t frames);
/* Appends a record of any type with any body. */
void forge_record(struct bytes *payload, uint64_t type, const struct bytes *body);

#endif
