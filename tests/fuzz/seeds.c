/* SPDX-License-Identifier: MIT */
#include "fuzz/seeds.h"

#include "fuzz/commands.h"
#include "fuzz/device-ops.h"
#include "fuzz/rings.h"
#include "trace.h"

#include <errno.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Requests of one kind that follow each other teach nothing after the first few. */
#define REPEATS_MAX  3u
#define REQUESTS_MAX 24u
#define SEEDS_MAX    4u

bool seed_write(const char *trace, const char *folder, unsigned int number, struct bytes *seed)
{
	char path[4096], name[4096];

	snprintf(name, sizeof(name), "%s", trace);
	snprintf(path, sizeof(path), "%s/%s-%u", folder, basename(name), number);
	FILE *file = fopen(path, "we");
	bool written = file != NULL && !seed->failed &&
		       fwrite(seed->data, 1, seed->len, file) == seed->len;
	if (file != NULL && fclose(file) != 0)
		written = false;
	if (!written)
		fprintf(stderr, "make-seeds: %s: %s\n", path, strerror(errno));
	seed->len = 0;
	return written;
}

void device_op_set_up(struct bytes *program, uint64_t features)
{
	struct bytes op = {0};

	program_put_number(&op, features, 8);
	program_put_number(&op, 0x66, 1);
	program_put(program, OP_SET_UP, &op);
	bytes_fini(&op);
}

static uint8_t shape_of(const struct vgpu_trace_request *request)
{
	unsigned int readable = 0, writable = 0;
	uint8_t shape = 0;

	for (unsigned int i = 0; i < request->num_descs; i++) {
		readable += !request->descs[i].device_writable;
		writable += request->descs[i].device_writable;
	}
	if (request->indirect_at >= 0)
		shape |= SHAPE_INDIRECT;
	if (readable > 1)
		shape |= SHAPE_CUT_REQUEST;
	if (writable == 0)
		shape |= SHAPE_NO_RESPONSE;
	return shape;
}

static void put_request(struct bytes *seed, const struct vgpu_trace_request *request)
{
	struct bytes op = {0};
	uint8_t message[FUZZ_REQUEST_MAX];
	size_t len =
		request->request_len < sizeof(message) ? request->request_len : sizeof(message);

	memcpy(message, request->request, len);
	len = command_shrink(message, len);
	program_put_number(&op, request->queue, 1);
	program_put_number(&op, shape_of(request), 1);
	program_put_number(&op, request->used_len > 24 ? request->used_len : 24, 2);
	program_put_number(&op, 24, 2);
	bytes_put(&op, message, len);
	program_put(seed, OP_COMMAND, &op);
	bytes_fini(&op);
}

static void put_picture(struct bytes *seed)
{
	struct bytes op = {0};

	program_put_number(&op, FUZZ_PICTURES, 4);
	program_put_number(&op, FUZZ_RAM_SIZE - FUZZ_PICTURES - 1, 4);
	program_put(seed, OP_FILL, &op);
	bytes_fini(&op);
}

bool seed_device(const char *trace, const char *folder)
{
	struct vgpu_error err;
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(trace, &err);
	struct vgpu_trace_record record;
	struct bytes seed = {0};
	unsigned int requests = 0, repeats = 0, seeds = 0;
	uint32_t before = 0;
	bool good = true;

	if (reader == NULL) {
		fprintf(stderr, "make-seeds: %s\n", err.text);
		return false;
	}
	device_op_set_up(&seed, UINT64_MAX);
	put_picture(&seed);
	while (good && seeds < SEEDS_MAX && vgpu_trace_reader_next(reader, &record, &err) > 0) {
		uint32_t type = 0;

		if (record.type != VGPU_TRACE_REQUEST || record.request.request_len < sizeof(type))
			continue;
		memcpy(&type, record.request.request, sizeof(type));
		repeats = type == before ? repeats + 1 : 0;
		before = type;
		if (repeats >= REPEATS_MAX)
			continue;
		put_request(&seed, &record.request);
		if (++requests % REQUESTS_MAX != 0)
			continue;
		good = seed_write(trace, folder, seeds++, &seed);
		device_op_set_up(&seed, UINT64_MAX);
	}
	if (good && seeds < SEEDS_MAX)
		good = seed_write(trace, folder, seeds, &seed);
	vgpu_trace_reader_close(reader);
	bytes_fini(&seed);
	return good;
}
