/* SPDX-License-Identifier: MIT */
/* What traces/FORMAT.md says is so: its example is a trace and holds what it says. */
#include "frame.h"
#include "trace-file.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct unit_suite format_suite;

#define FORMAT_PATH  "traces/FORMAT.md"
#define EXAMPLE_SIZE 585

/* "0018  56 47 54 42    what it is": an offset, two spaces, bytes with one space between. */
static void take_line(struct bytes *example, const char *line)
{
	unsigned int byte;
	int used = 0;

	if (strtoul(line, NULL, 16) != example->len)
		CU_FAIL("an offset in the example is wrong");
	for (line += 5; sscanf(line, " %2x%n", &byte, &used) == 1; line += used) {
		bytes_put_u8(example, (uint8_t)byte);
		if (line[used] != ' ' || line[used + 1] == ' ')
			break;
	}
}

/* The bytes of the fenced block below "## Example". */
static struct bytes load_example(void)
{
	struct bytes example = {0};
	bool below = false, inside = false;
	char line[512];
	FILE *file = fopen(FORMAT_PATH, "re");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	while (fgets(line, sizeof(line), file) != NULL) {
		below = below || strcmp(line, "## Example\n") == 0;
		if (below && strncmp(line, "```", 3) == 0)
			inside = !inside;
		else if (inside)
			take_line(&example, line);
	}
	fclose(file);
	return example;
}

static const struct vgpu_trace_record *next(struct vgpu_trace_reader *reader,
					    enum vgpu_trace_type type)
{
	static struct vgpu_trace_record record;
	struct vgpu_error err = {0};

	CU_ASSERT_EQUAL_FATAL(vgpu_trace_reader_next(reader, &record, &err), 1);
	CU_ASSERT_EQUAL_FATAL(record.type, type);
	return &record;
}

static void check_requests(struct vgpu_trace_reader *reader)
{
	static const uint8_t pixels[] = {0,   0, 255, 0, 0,   255, 0,	0,
					 255, 0, 0,   0, 255, 255, 255, 0};
	const struct vgpu_trace_request *request = &next(reader, VGPU_TRACE_REQUEST)->request;

	CU_ASSERT_EQUAL(request->begin_ns, 1000002000);
	CU_ASSERT_EQUAL(request->end_ns, 1000042000);
	CU_ASSERT(request->interrupt && request->head == 0 && request->indirect_at == -1);
	CU_ASSERT(request->num_descs == 2 && request->descs[0].len == 56 &&
		  request->descs[1].len == 24 && request->descs[1].device_writable);
	CU_ASSERT(request->request_len == 56 && request->request[0] == 5 &&
		  request->used_len == 24);
	CU_ASSERT_EQUAL(request->pitch, 8);
	CU_ASSERT(request->num_segments == 1 && request->segments[0].gpa == 0x40100000);
	CU_ASSERT_FATAL(request->data_len == sizeof(pixels));
	CU_ASSERT_EQUAL(memcmp(request->data, pixels, sizeof(pixels)), 0);
	request = &next(reader, VGPU_TRACE_REQUEST)->request;
	CU_ASSERT(request->number == 1 && request->head == 2 && request->request_len == 48);
}

static void example_holds_what_it_says(void)
{
	struct bytes example = load_example();
	uint8_t rgb[] = {255, 0, 0, 0, 255, 0, 0, 0, 255, 255, 255, 255};
	struct vgpu_frame frame = {.width = 2, .height = 2, .rgb = rgb};
	struct vgpu_frame_hash hash = vgpu_frame_hash(&frame);
	struct vgpu_trace_record record;
	struct vgpu_error err = {0};

	CU_ASSERT_EQUAL_FATAL(example.len, EXAMPLE_SIZE);
	struct trace_memory memory = trace_memory_new(&example);
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(memory.path, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	CU_ASSERT_STRING_EQUAL(vgpu_trace_reader_metadata(reader), "{\"guest\":\"example\"}");
	const struct vgpu_trace_record *found = next(reader, VGPU_TRACE_OUTPUTS);
	CU_ASSERT(found->outputs.num_scanouts == 1 && found->outputs.outputs[0].enabled &&
		  found->outputs.outputs[0].rect.width == 2);
	found = next(reader, VGPU_TRACE_START);
	CU_ASSERT(found->start.features_offered == 0x130000002 &&
		  found->start.features_accepted == 0x100000000 &&
		  found->start.queues[1].device == 0x40002140);
	check_requests(reader);
	found = next(reader, VGPU_TRACE_FRAME);
	CU_ASSERT(found->frame.width == 2 && found->frame.request == 1);
	CU_ASSERT_TRUE(vgpu_frame_hash_equal(&found->frame.hash, &hash));
	found = next(reader, VGPU_TRACE_END);
	CU_ASSERT(found->end.requests == 2 && found->end.frames == 1);
	CU_ASSERT_EQUAL(found->end.violations[VGPU_VIOLATION_NO_INTERRUPT_ACK], 1);
	CU_ASSERT_EQUAL(vgpu_trace_reader_next(reader, &record, &err), 0);
	vgpu_trace_reader_close(reader);
	trace_memory_free(&memory);
	bytes_fini(&example);
}

static const struct unit_test tests[] = {
	{"the example holds what it says", example_holds_what_it_says},
	{NULL, NULL},
};

const struct unit_suite format_suite = {"format", tests};
