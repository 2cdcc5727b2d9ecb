/* SPDX-License-Identifier: MIT */
#include "fuzz/seeds.h"

#include "fuzz/commands.h"
#include "fuzz/device-ops.h"
#include "fuzz/rings.h"
#include "fuzz/vhost-user-ops.h"
#include "trace.h"

#include <errno.h>
#include <libgen.h>
#include <linux/virtio_gpu.h>
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

static void put_request(struct bytes *seed, uint8_t kind, const struct vgpu_trace_request *request)
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
	program_put(seed, kind, &op);
	bytes_fini(&op);
}

/* All features, queues of 64, and something to see in guest memory. */
static void begin_device(struct bytes *seed)
{
	struct bytes op = {0};

	program_put_number(&op, UINT64_MAX, 8);
	program_put_number(&op, 0x66, 1);
	program_put(seed, OP_SET_UP, &op);
	op.len = 0;
	program_put_number(&op, FUZZ_PICTURES, 4);
	program_put_number(&op, FUZZ_RAM_SIZE - FUZZ_PICTURES - 1, 4);
	program_put(seed, OP_FILL, &op);
	bytes_fini(&op);
}

static void put_reply(struct bytes *seed, uint8_t question)
{
	struct bytes op = {0};

	program_put_number(&op, question, 1);
	program_put(seed, VHOST_USER_OP_DISPLAY_REPLY, &op);
	bytes_fini(&op);
}

static void begin_vhost_user(struct bytes *seed)
{
	struct bytes op = {0};

	program_put_number(&op, UINT64_MAX, 8);
	program_put_number(&op, 0x66, 1);
	program_put(seed, VHOST_USER_OP_SET_UP, &op);
	bytes_fini(&op);
	put_reply(seed, 0);
}

/* The front end is asked before these are answered. */
static void answer_vhost_user(struct bytes *seed, uint32_t type)
{
	if (type == VIRTIO_GPU_CMD_GET_DISPLAY_INFO || type == VIRTIO_GPU_CMD_GET_EDID)
		put_reply(seed, 1);
}

/* How a program begins, and the operation that is a command. */
struct dialect {
	void (*begin)(struct bytes *seed);
	void (*answer)(struct bytes *seed, uint32_t type); /* after a request; NULL: nothing */
	uint8_t command;
};

static bool seed_requests(const char *trace, const char *folder, const struct dialect *dialect)
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
	dialect->begin(&seed);
	while (good && seeds < SEEDS_MAX && vgpu_trace_reader_next(reader, &record, &err) > 0) {
		uint32_t type = 0;

		if (record.type != VGPU_TRACE_REQUEST || record.request.request_len < sizeof(type))
			continue;
		memcpy(&type, record.request.request, sizeof(type));
		repeats = type == before ? repeats + 1 : 0;
		before = type;
		if (repeats >= REPEATS_MAX)
			continue;
		put_request(&seed, dialect->command, &record.request);
		if (dialect->answer != NULL)
			dialect->answer(&seed, type);
		if (++requests % REQUESTS_MAX != 0)
			continue;
		good = seed_write(trace, folder, seeds++, &seed);
		dialect->begin(&seed);
	}
	if (good && seeds < SEEDS_MAX)
		good = seed_write(trace, folder, seeds, &seed);
	vgpu_trace_reader_close(reader);
	bytes_fini(&seed);
	return good;
}

bool seed_device(const char *trace, const char *folder)
{
	const struct dialect dialect = {.begin = begin_device, .command = OP_COMMAND};

	return seed_requests(trace, folder, &dialect);
}

bool seed_vhost_user(const char *trace, const char *folder)
{
	const struct dialect dialect = {.begin = begin_vhost_user,
					.answer = answer_vhost_user,
					.command = VHOST_USER_OP_COMMAND};

	return seed_requests(trace, folder, &dialect);
}
