/* SPDX-License-Identifier: MIT */
#include "trace/reader.h"
#include "trace/ahead.h"
#include "trace/codec.h"
#include "trace/format.h"
#include "trace/source.h"
#include "trace/summary.h"

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A shorter file is read before a thread has begun to. */
#define AHEAD_SIZE (256u << 10)

struct chunk {
	const uint8_t *data;
	uint32_t end; /* where it would end if all chunks lay one after the other */
};

/* How far the data of a request has been copied: up to some byte of some chunk of a reference. */
struct copying {
	size_t ref;
	uint32_t chunk; /* of the reference */
	uint64_t at;	/* byte of the chunk */
	uint64_t left;	/* bytes of the data; 0: there is none, or it may not be there any more */
};

struct vgpu_trace_reader {
	struct trace_source *source;
	struct trace_ahead *ahead; /* has the source; NULL: blocks are read as they are needed */
	bool read_ahead, skim, hold_data;
	struct trace_block_place place; /* of the block at hand */
	char *metadata;
	struct trace_decoder decoder;

	struct cursor block; /* what is left of it */
	uint64_t base_ns;
	uint64_t in_block; /* records taken from it */
	bool any_records;  /* a RECORDS block was seen */

	struct trace_buffer *at_hand; /* what block lies in */
	uint64_t new_content;	      /* bytes of the content table that lie there */
	size_t old_chunks;	      /* those from there on */

	/* The content table: its bytes stay in the blocks that they came in. */
	struct chunk *chunks;
	size_t num_chunks, chunks_capacity;
	uint64_t content_len;
	struct trace_buffer *kept;
	struct copying copying;
	uint8_t *data; /* of a request, put together from chunks */
	size_t data_capacity;

	uint64_t requests, frames, dropped;
	bool end; /* the END record was seen */
	uint64_t last_ns;
	struct trace_progress progress;
	/* After an error, or at the end, every call says the same. */
	int status;
	struct vgpu_error error;
};

static int fail_here(const struct vgpu_trace_reader *reader, struct vgpu_error *err, int code,
		     const char *format, ...) __attribute__((format(printf, 4, 5)));

/* As trace_source_fail(), of the block at hand. */
static int fail_here(const struct vgpu_trace_reader *reader, struct vgpu_error *err, int code,
		     const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return vgpu_error_set(err, code, "%s: block %" PRIu32 " at offset %" PRIu64 ": %s",
			      trace_source_name(reader->source), reader->place.number,
			      reader->place.offset, text);
}

/* ---- content ----------------------------------------------------------------------- */

static uint64_t chunk_begin(const struct vgpu_trace_reader *reader, size_t id)
{
	return id == 0 ? 0 : reader->chunks[id - 1].end;
}

static uint64_t chunk_len(const struct vgpu_trace_reader *reader, size_t id)
{
	return reader->chunks[id].end - chunk_begin(reader, id);
}

static bool grow_chunks(struct vgpu_trace_reader *reader, size_t count)
{
	size_t capacity = reader->chunks_capacity == 0 ? 256 : reader->chunks_capacity;

	if (count <= reader->chunks_capacity)
		return true;
	while (capacity < count)
		capacity *= 2;
	struct chunk *chunks = reallocarray(reader->chunks, capacity, sizeof(*chunks));
	if (chunks == NULL)
		return false;
	reader->chunks = chunks;
	reader->chunks_capacity = capacity;
	return true;
}

/* Returns 0 or a negative errno with in->why set. */
static int take_content(struct vgpu_trace_reader *reader, struct cursor *in)
{
	uint64_t count = cursor_max(in, TRACE_MAX_CHUNKS - reader->num_chunks,
				    "more chunks than the content table takes");
	uint64_t len = cursor_max(in, TRACE_MAX_CHUNK, "chunk longer than 64 KiB");
	uint64_t size = count * len; /* 2^20 times 2^16 at most */

	if (in->why == NULL && size == 0)
		cursor_fail(in, "no content");
	if (size > TRACE_MAX_CONTENT - reader->content_len)
		cursor_fail(in, "more bytes than the content table takes");
	const uint8_t *bytes = cursor_take(in, size);
	if (bytes == NULL)
		return -EBADMSG;
	if (!grow_chunks(reader, reader->num_chunks + count)) {
		cursor_fail(in, "out of memory");
		return -ENOMEM;
	}
	for (uint64_t i = 0; i < count; i++) {
		reader->content_len += len;
		reader->chunks[reader->num_chunks++] =
			(struct chunk){bytes + i * len, (uint32_t)reader->content_len};
	}
	reader->new_content += size;
	return 0;
}

static void forget_content(struct vgpu_trace_reader *reader)
{
	while (reader->kept != NULL) {
		struct trace_buffer *buffer = reader->kept;

		reader->kept = buffer->next;
		trace_pool_put(trace_source_pool(reader->source), buffer);
	}
	reader->num_chunks = 0;
	reader->content_len = 0;
}

/* Moves the content of the block at hand to a buffer that holds nothing else. */
static bool condense(struct vgpu_trace_reader *reader)
{
	struct trace_pool *pool = trace_source_pool(reader->source);
	struct trace_buffer *buffer = trace_pool_get(pool, reader->new_content);
	uint64_t done = 0;

	if (buffer == NULL)
		return false;
	for (size_t i = reader->old_chunks; i < reader->num_chunks; i++) {
		struct chunk *chunk = &reader->chunks[i];
		uint64_t len = chunk_len(reader, i);

		memcpy(buffer->data + done, chunk->data, len);
		chunk->data = buffer->data + done;
		done += len;
	}
	trace_pool_put(pool, reader->at_hand);
	reader->at_hand = buffer;
	return true;
}

/*
 * What the content table needs of the block at hand is kept. So that no file makes the
 * reader keep much more than the table's limit, it is copied out of where it is little.
 */
static int leave_block(struct vgpu_trace_reader *reader)
{
	uint64_t content = reader->skim ? 0 : reader->new_content;
	struct trace_buffer *buffer;

	if (content > 0 && content < reader->at_hand->capacity / 2 && !condense(reader))
		return -ENOMEM;
	buffer = reader->at_hand;
	reader->at_hand = NULL;
	reader->new_content = 0;
	if (content > 0) {
		buffer->next = reader->kept;
		reader->kept = buffer;
	} else {
		trace_pool_put(trace_source_pool(reader->source), buffer);
	}
	return 0;
}

/* Bytes of one pass over the chunks of a reference; checked by measure_refs(). */
static uint64_t ref_size(const struct vgpu_trace_reader *reader, const struct trace_ref *ref)
{
	uint32_t last = ref->repeat ? ref->start : ref->start + ref->count - 1;

	return reader->chunks[last].end - chunk_begin(reader, ref->start);
}

/* The references must be inside the table and make up exactly the data. */
static bool measure_refs(const struct vgpu_trace_reader *reader, uint64_t data_len)
{
	uint64_t total = 0;

	for (size_t i = 0; i < reader->decoder.num_refs; i++) {
		const struct trace_ref *ref = &reader->decoder.refs[i];
		uint64_t end = (uint64_t)ref->start + (ref->repeat ? 1 : ref->count);

		if (ref->count == 0 || end > reader->num_chunks)
			return false;
		/* Less than 2^32 times less than 2^30, and the sum stops at 2^28. */
		total += ref_size(reader, ref) * (ref->repeat ? ref->count : 1);
		if (total > data_len)
			return false;
	}
	return total == data_len;
}

void vgpu_trace_reader_copy_data(struct vgpu_trace_reader *reader, uint8_t *to, uint64_t len)
{
	struct copying *at = &reader->copying;

	while (len > 0 && at->left > 0) {
		const struct trace_ref *ref = &reader->decoder.refs[at->ref];
		uint32_t id = ref->start + (ref->repeat ? 0 : at->chunk);
		uint64_t size = chunk_len(reader, id) - at->at;
		uint64_t part = size < len ? size : len;

		memcpy(to, reader->chunks[id].data + at->at, part);
		to += part;
		len -= part;
		at->at += part;
		at->left -= part;
		if (part < size)
			return;
		at->at = 0;
		if (++at->chunk == ref->count) {
			at->chunk = 0;
			at->ref++;
		}
	}
}

/* The data of a request where it lies in one piece; otherwise NULL. */
static const uint8_t *find_whole(const struct vgpu_trace_reader *reader)
{
	const struct trace_ref *ref = &reader->decoder.refs[0];
	const struct chunk *chunks = reader->chunks;

	if (reader->decoder.num_refs != 1 || (ref->repeat && ref->count > 1))
		return NULL;
	for (uint32_t id = ref->start; id + 1 < ref->start + ref->count; id++)
		if (chunks[id].data + chunk_len(reader, id) != chunks[id + 1].data)
			return NULL;
	return chunks[ref->start].data;
}

static int fill_data(struct vgpu_trace_reader *reader, struct vgpu_trace_request *request,
		     struct cursor *in)
{
	if (request->dropped)
		return 0;
	if (!measure_refs(reader, request->data_len)) {
		cursor_fail(in, "the referenced content is not what was read");
		return -EBADMSG;
	}
	if (request->data_len == 0 || reader->skim)
		return 0;
	reader->copying.left = request->data_len;
	if (reader->hold_data)
		return 0;
	request->data = find_whole(reader);
	if (request->data != NULL)
		return 0;
	uint8_t *data = array_reserve(reader->data, &reader->data_capacity, request->data_len, 1);
	if (data == NULL) {
		cursor_fail(in, "out of memory");
		return -ENOMEM;
	}
	reader->data = data;
	vgpu_trace_reader_copy_data(reader, data, request->data_len);
	request->data = data;
	reader->copying = (struct copying){.left = request->data_len};
	return 0;
}

/* ---- blocks --------------------------------------------------------------------------- */

static int read_block(struct vgpu_trace_reader *reader, struct trace_block *block,
		      struct vgpu_error *err)
{
	int ret = leave_block(reader);

	if (ret < 0)
		return fail_here(reader, err, -ret, "out of memory");
	if (reader->ahead != NULL) {
		ret = trace_ahead_next(reader->ahead, block, &reader->place, err);
	} else {
		ret = trace_source_next(reader->source, block, err);
		reader->place = trace_source_place(reader->source);
		if (ret > 0)
			trace_source_take(reader->source, block);
	}
	if (ret > 0)
		reader->at_hand = block->buffer;
	reader->old_chunks = reader->num_chunks;
	return ret;
}

static int read_metadata(struct vgpu_trace_reader *reader, struct vgpu_error *err)
{
	struct trace_block block = {0};
	int ret = read_block(reader, &block, err);

	if (ret == 0 || (ret > 0 && block.type != TRACE_BLOCK_META))
		return fail_here(reader, err, EBADMSG, "is not the description");
	if (ret < 0)
		return ret;
	if (block.len > TRACE_MAX_META)
		return fail_here(reader, err, EBADMSG, "description of more than 1 MiB");
	if (memchr(block.data, '\0', block.len) != NULL)
		return fail_here(reader, err, EBADMSG, "description is not text");
	char *metadata = strndup((const char *)block.data, block.len);
	if (metadata == NULL)
		return fail_here(reader, err, ENOMEM, "out of memory");
	free(reader->metadata);
	reader->metadata = metadata;
	return 0;
}

static int enter_records(struct vgpu_trace_reader *reader, const struct trace_block *block,
			 struct vgpu_error *err)
{
	struct cursor *in = &reader->block;

	*in = (struct cursor){.at = block->data, .end = block->data + block->len};
	reader->base_ns = cursor_uint(in);
	uint64_t requests = cursor_uint(in);
	uint64_t frames = cursor_uint(in);
	reader->in_block = 0;
	if (in->why != NULL)
		return fail_here(reader, err, EBADMSG, "%s", in->why);
	if (requests != reader->requests || frames != reader->frames)
		return fail_here(reader, err, EBADMSG, "requests or frames before it are missing");
	/* Who reads ahead has done so. */
	if (reader->ahead == NULL)
		trace_source_describe(reader->source, reader->base_ns, requests, frames);
	if ((block->flags & TRACE_FLAG_RESTART) != 0) {
		forget_content(reader);
		reader->old_chunks = 0;
	} else if (!reader->any_records) {
		return fail_here(reader, err, EBADMSG, "first records, but not a restart");
	}
	reader->any_records = true;
	return 1;
}

/* All records of the blocks so far were good. */
static void note_progress(struct vgpu_trace_reader *reader)
{
	reader->progress = (struct trace_progress){
		.blocks = trace_source_blocks(reader->source),
		.end = trace_source_position(reader->source),
		.requests = reader->requests,
		.frames = reader->frames,
		.dropped = reader->dropped,
		.last_ns = reader->last_ns,
		.ended = reader->end,
	};
}

const struct trace_progress *trace_reader_progress(const struct vgpu_trace_reader *reader)
{
	return &reader->progress;
}

/* 1: there are records, 0: whole end, or an error. */
static int next_block(struct vgpu_trace_reader *reader, struct vgpu_error *err)
{
	struct trace_block block = {0};

	if (reader->read_ahead && reader->ahead == NULL && !reader->any_records)
		reader->ahead = trace_ahead_new(reader->source);
	for (;;) {
		if (reader->ahead == NULL)
			note_progress(reader);
		int ret = read_block(reader, &block, err);
		if (ret < 0)
			return ret;
		if (ret == 0 && !reader->end)
			return fail_here(reader, err, EBADMSG,
					 "the END record before it is missing");
		if (ret == 0)
			return 0;
		if (block.type == TRACE_BLOCK_RECORDS)
			return enter_records(reader, &block, err);
		if (block.type == TRACE_BLOCK_META)
			return fail_here(reader, err, EBADMSG, "a second description");
	}
}

/* ---- records ----------------------------------------------------------------------------- */

/* What only makes sense in the light of what came before. NULL, or why not. */
static const char *place_record(struct vgpu_trace_reader *reader, struct vgpu_trace_record *record)
{
	if (reader->end)
		return "comes after the END record";
	switch (record->type) {
	case VGPU_TRACE_REQUEST:
		record->request.number = reader->requests++;
		reader->dropped += record->request.dropped;
		return NULL;
	case VGPU_TRACE_FRAME:
		if (reader->requests == 0)
			return "comes before any request";
		record->frame.number = reader->frames++;
		record->frame.request = reader->requests - 1;
		return NULL;
	case VGPU_TRACE_END:
		reader->end = true;
		if (record->end.requests != reader->requests ||
		    record->end.frames != reader->frames || record->end.dropped != reader->dropped)
			return "its totals are not those of the records";
		return NULL;
	default:
		return NULL;
	}
}

static int fail_record(struct vgpu_trace_reader *reader, struct vgpu_error *err, int code,
		       uint64_t type, const char *why)
{
	return fail_here(reader, err, code, "record %" PRIu64 " (%s): %s", reader->in_block,
			 trace_record_name(type), why);
}

/* 1: a record for the caller, 0: one that was not, or an error. */
static int take_record(struct vgpu_trace_reader *reader, struct vgpu_trace_record *record,
		       struct vgpu_error *err)
{
	struct cursor *in = &reader->decoder.in;
	uint64_t type = cursor_uint(&reader->block);
	uint64_t len = cursor_uint(&reader->block);
	const uint8_t *body = cursor_take(&reader->block, len);
	int ret;

	if (body == NULL)
		return fail_record(reader, err, EBADMSG, type, reader->block.why);
	*in = (struct cursor){.at = body, .end = body + len};
	reader->decoder.base_ns = reader->base_ns;
	if (type == TRACE_RECORD_CONTENT)
		ret = take_content(reader, in);
	else
		ret = trace_decode(&reader->decoder, type, record);
	if (ret > 0 && record->type == VGPU_TRACE_REQUEST) {
		int filled = fill_data(reader, &record->request, in);
		ret = filled < 0 ? filled : ret;
	}
	if (ret > 0) {
		const char *why = place_record(reader, record);
		if (why != NULL) {
			cursor_fail(in, why);
			ret = -EBADMSG;
		}
	}
	if (ret < 0)
		return fail_record(reader, err, -ret, type, in->why);
	reader->in_block++;
	if (ret > 0)
		reader->last_ns = record->time_ns;
	return ret;
}

static int find_record(struct vgpu_trace_reader *reader, struct vgpu_trace_record *record,
		       struct vgpu_error *err)
{
	for (;;) {
		int ret;
		if (cursor_left(&reader->block) == 0) {
			ret = next_block(reader, err);
			if (ret <= 0)
				return ret;
			continue;
		}
		ret = take_record(reader, record, err);
		if (ret != 0)
			return ret;
	}
}

int vgpu_trace_reader_next(struct vgpu_trace_reader *reader, struct vgpu_trace_record *record,
			   struct vgpu_error *err)
{
	reader->copying = (struct copying){0};
	if (reader->status == 1) {
		reader->status = find_record(reader, record, &reader->error);
		if (reader->status == 1)
			return 1;
	}
	if (reader->status < 0 && err != NULL)
		*err = reader->error;
	return reader->status;
}

/* ---- open, close --------------------------------------------------------------------------- */

static int begin(struct vgpu_trace_reader *reader, struct vgpu_error *err)
{
	reader->block = (struct cursor){0};
	reader->copying = (struct copying){0};
	reader->new_content = 0;
	reader->any_records = reader->end = false;
	reader->requests = reader->frames = reader->dropped = reader->last_ns = 0;
	forget_content(reader);
	int ret = read_metadata(reader, err);
	reader->status = ret < 0 ? ret : 1;
	return ret;
}

/* Takes the source, which is NULL where there is none. */
static struct vgpu_trace_reader *open_reader(struct trace_source *source, struct vgpu_error *err)
{
	if (source == NULL)
		return NULL;
	struct vgpu_trace_reader *reader = calloc(1, sizeof(*reader));
	if (reader == NULL) {
		vgpu_error_set(err, ENOMEM, "%s: out of memory", trace_source_name(source));
		trace_source_close(source);
		return NULL;
	}
	reader->source = source;
	if (begin(reader, err) == 0)
		return reader;
	vgpu_trace_reader_close(reader);
	return NULL;
}

struct vgpu_trace_reader *vgpu_trace_reader_open(const char *path, struct vgpu_error *err)
{
	return open_reader(trace_source_open(path, err), err);
}

struct vgpu_trace_reader *trace_reader_open_fd(int fd, const char *name, struct vgpu_error *err)
{
	return open_reader(trace_source_open_fd(fd, name, err), err);
}

void vgpu_trace_reader_close(struct vgpu_trace_reader *reader)
{
	if (reader == NULL)
		return;
	trace_ahead_free(reader->ahead);
	if (reader->source != NULL) {
		forget_content(reader);
		trace_pool_put(trace_source_pool(reader->source), reader->at_hand);
	}
	trace_source_close(reader->source);
	trace_decoder_fini(&reader->decoder);
	free(reader->chunks);
	free(reader->data);
	free(reader->metadata);
	free(reader);
}

const char *vgpu_trace_reader_metadata(const struct vgpu_trace_reader *reader)
{
	return reader->metadata;
}

void vgpu_trace_reader_skim(struct vgpu_trace_reader *reader)
{
	reader->skim = !reader->any_records;
}

void vgpu_trace_reader_hold_data(struct vgpu_trace_reader *reader)
{
	reader->hold_data = true;
}

void vgpu_trace_reader_read_ahead(struct vgpu_trace_reader *reader)
{
	reader->read_ahead = trace_source_size(reader->source) >= AHEAD_SIZE;
}

int vgpu_trace_reader_rewind(struct vgpu_trace_reader *reader, struct vgpu_error *err)
{
	trace_ahead_free(reader->ahead);
	reader->ahead = NULL;
	reader->skim = false;
	int ret = trace_source_rewind(reader->source, err);

	/* Standard input that cannot go back can still go on. */
	if (ret == -ESPIPE)
		return ret;
	if (ret == 0)
		ret = begin(reader, err);
	if (ret < 0 && reader->status >= 0) {
		reader->status = ret;
		if (err != NULL)
			reader->error = *err;
	}
	return ret;
}

int vgpu_trace_reader_summary(struct vgpu_trace_reader *reader, struct vgpu_trace_summary *summary,
			      struct vgpu_error *err)
{
	struct trace_block block = {0};
	int found = 0;

	if (reader->any_records || reader->ahead != NULL)
		return 0;
	if (trace_source_summary(reader->source, &block)) {
		struct cursor in = {.at = block.data, .end = block.data + block.len};
		found = trace_summary_decode(summary, &in) == 0;
	}
	if (!found)
		vgpu_trace_summary_fini(summary);
	int ret = vgpu_trace_reader_rewind(reader, err);
	return ret == 0 || ret == -ESPIPE ? found : ret;
}
