/* SPDX-License-Identifier: MIT */
/*
 * Usage: wrong-answers FROM TO
 *
 * Copies a trace, and changes what was answered to every fifth request, so that
 * a device that is right differs.
 */
#include "trace.h"

#include <stdio.h>
#include <string.h>

#define EVERY 5

/* Its last byte is another; valid until the next call. */
static void change(struct vgpu_trace_request *request)
{
	static uint8_t response[4096];

	if (request->number % EVERY != 1 || request->used_len == 0 ||
	    request->used_len > sizeof(response))
		return;
	memcpy(response, request->response, request->used_len);
	response[request->used_len - 1] ^= 0x5a;
	request->response = response;
}

static int copy(struct vgpu_trace_reader *reader, struct vgpu_trace_writer *writer,
		struct vgpu_error *err)
{
	struct vgpu_trace_record record;
	int ret;

	while ((ret = vgpu_trace_reader_next(reader, &record, err)) > 0) {
		if (record.type == VGPU_TRACE_END)
			continue;
		if (record.type == VGPU_TRACE_REQUEST)
			change(&record.request);
		vgpu_trace_writer_put(writer, &record);
	}
	return ret;
}

static int run(const char *from, const char *to, struct vgpu_error *err)
{
	static const uint64_t violations[VGPU_NUM_VIOLATIONS];
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(from, err);
	int ret = -1, closed;

	if (reader == NULL)
		return ret;
	const struct vgpu_trace_writer_options options = {
		.metadata = vgpu_trace_reader_metadata(reader),
	};
	struct vgpu_trace_writer *writer = vgpu_trace_writer_open(to, &options, err);
	if (writer != NULL) {
		ret = copy(reader, writer, err);
		closed = vgpu_trace_writer_close(writer, violations, err);
		ret = ret < 0 ? ret : closed;
	}
	vgpu_trace_reader_close(reader);
	return ret;
}

int main(int argc, char **argv)
{
	struct vgpu_error err;

	if (argc != 3) {
		fprintf(stderr, "Usage: wrong-answers FROM TO\n");
		return 2;
	}
	if (run(argv[1], argv[2], &err) == 0)
		return 0;
	fprintf(stderr, "wrong-answers: %s\n", err.text);
	return 1;
}
