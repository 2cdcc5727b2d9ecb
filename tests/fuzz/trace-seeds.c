/* SPDX-License-Identifier: MIT */
#include "fuzz/commands.h"
#include "fuzz/seeds.h"
#include "fuzz/trace-forge.h"
#include "trace.h"
#include "trace/codec.h"
#include "trace/format.h"
#include "trace/summary.h"

#include <stdio.h>
#include <string.h>

/* As long as the inputs of a run may be. */
#define SEED_MAX 4000u
/* Of guest memory only so much, since its bytes teach nothing. */
#define CHUNK  64u
#define CHUNKS 4u

struct seed {
	struct bytes program;
	struct vgpu_trace_summary summary; /* of the trace that it makes */
};

static void put_block(struct bytes *seed, uint8_t how)
{
	struct bytes op = {0};

	program_put_number(&op, how, 1);
	program_put(seed, TRACE_OP_BLOCK, &op);
	op.len = 0;
	program_put_number(&op, CHUNKS, 2);
	program_put_number(&op, CHUNK, 2);
	program_put_number(&op, 0x55, 1);
	program_put(seed, TRACE_OP_CONTENT, &op);
	bytes_fini(&op);
}

/* Appends a record as the encoder writes it; false: there is no room. */
static bool put_record(struct seed *seed, const struct vgpu_trace_record *record,
		       const struct trace_ref *refs, size_t num_refs)
{
	struct bytes encoded = {0}, op = {0};
	struct trace_encoder encoder = {
		.out = &encoded, .base_ns = record->time_ns, .refs = refs, .num_refs = num_refs};
	bool room = trace_encode(&encoder, record);
	struct cursor in = {.at = encoded.data, .end = encoded.data + encoded.len};

	program_put_number(&op, cursor_uint(&in), 2);
	cursor_uint(&in);
	bytes_put(&op, in.at, cursor_left(&in));
	room = room && seed->program.len + PROGRAM_HEAD + op.len <= SEED_MAX;
	if (room) {
		program_put(&seed->program, TRACE_OP_RECORD, &op);
		vgpu_trace_summary_add(&seed->summary, record, NULL);
	}
	bytes_fini(&op);
	bytes_fini(&encoded);
	return room;
}

static bool put_request(struct seed *seed, struct vgpu_trace_record *record)
{
	struct vgpu_trace_request *request = &record->request;
	struct vgpu_trace_segment segments[CHUNKS];
	struct trace_ref ref = {0};
	uint8_t message[FUZZ_REQUEST_MAX];

	if (request->request_len > sizeof(message))
		request->request_len = sizeof(message);
	memcpy(message, request->request, request->request_len);
	request->request_len = (uint32_t)command_shrink(message, request->request_len);
	request->request = message;
	if (request->num_segments > CHUNKS)
		request->num_segments = CHUNKS;
	for (size_t i = 0; i < request->num_segments; i++)
		segments[i] = (struct vgpu_trace_segment){
			.gpa = FUZZ_RAM + FUZZ_PICTURES + i * 4096, .len = CHUNK};
	request->segments = segments;
	request->data_len = request->num_segments * CHUNK;
	ref.count = (uint32_t)request->num_segments;
	return put_record(seed, record, &ref, ref.count != 0);
}

static bool seed_from(struct vgpu_trace_reader *reader, struct seed *seed)
{
	struct vgpu_trace_record record;
	struct vgpu_error err;
	bool room = true;
	int ret = 1;

	while (room && ret > 0) {
		ret = vgpu_trace_reader_next(reader, &record, &err);
		if (ret < 0)
			fprintf(stderr, "make-seeds: %s\n", err.text);
		if (ret <= 0 || record.type == VGPU_TRACE_END || record.type == VGPU_TRACE_REGISTER)
			continue;
		room = record.type == VGPU_TRACE_REQUEST ? put_request(seed, &record)
							 : put_record(seed, &record, NULL, 0);
	}
	return ret >= 0;
}

static void put_summary(struct seed *seed)
{
	struct bytes op = {0};

	program_put_number(&op, TRACE_BLOCK_SUMMARY, 2);
	program_put_number(&op, 0, 2);
	if (trace_summary_encode(&seed->summary, &op))
		program_put(&seed->program, TRACE_OP_OTHER, &op);
	bytes_fini(&op);
}

bool seed_trace(const char *trace, const char *folder)
{
	const struct bytes nothing = {0};
	struct vgpu_error err;
	bool good = true;

	/* As it is and compressed, the latter with a summary. */
	for (uint8_t how = 0; good && how <= TRACE_HOW_ZSTD; how++) {
		struct vgpu_trace_reader *reader = vgpu_trace_reader_open(trace, &err);
		struct seed seed = {0};

		if (reader == NULL) {
			fprintf(stderr, "make-seeds: %s\n", err.text);
			return false;
		}
		put_block(&seed.program, how | TRACE_HOW_RESTART);
		good = seed_from(reader, &seed);
		program_put(&seed.program, TRACE_OP_END, &nothing);
		if (how == TRACE_HOW_ZSTD)
			put_summary(&seed);
		good = good && seed_write(trace, folder, how, &seed.program);
		vgpu_trace_reader_close(reader);
		vgpu_trace_summary_fini(&seed.summary);
		bytes_fini(&seed.program);
	}
	return good;
}
