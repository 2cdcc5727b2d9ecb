/* SPDX-License-Identifier: MIT */
/* A trace that is read ahead, or skimmed, is the trace that it is. */
#include "trace-file.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

extern const struct unit_suite trace_ahead_suite;

#define DATA_LEN (1u << 20)
#define REQUESTS 5u

/* ---- helpers ------------------------------------------------------------------------------ */

static void put_request(struct vgpu_trace_writer *writer, const uint8_t *data)
{
	const struct vgpu_trace_segment segment = {0x40000000, DATA_LEN};

	trace_file_put_request(writer, &segment, 1, data, 4096);
}

/* Blocks of a mebibyte that do not compress, and one that only refers to them. */
static struct bytes large_trace(void)
{
	struct vgpu_trace_record start = {.type = VGPU_TRACE_START, .start = {.queues[0].size = 8}};
	uint8_t *data = malloc(DATA_LEN);
	char path[TRACE_FILE_PATH];
	uint32_t state = 1;

	CU_ASSERT_PTR_NOT_NULL_FATAL(data);
	trace_file_path(path);
	struct vgpu_trace_writer *writer = vgpu_trace_writer_open(path, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(writer);
	vgpu_trace_writer_put(writer, &start);
	for (unsigned int i = 0; i < REQUESTS; i++) {
		for (size_t at = 0; at < DATA_LEN; at++) {
			state = state * 1664525 + 1013904223;
			data[at] = (uint8_t)(state >> 24);
		}
		put_request(writer, data);
	}
	put_request(writer, data);
	CU_ASSERT_EQUAL(vgpu_trace_writer_close(writer, NULL, NULL), 0);
	free(data);
	struct bytes bytes = trace_file_load(path);
	trace_file_remove(path);
	return bytes;
}

/* What a reader said of a trace. */
struct reading {
	unsigned int records;
	uint64_t data; /* hash of all data */
	uint64_t data_len;
	int status;
	struct vgpu_error err;
};

static struct reading read_all(struct vgpu_trace_reader *reader)
{
	struct reading reading = {0};
	struct vgpu_trace_record record;

	while ((reading.status = vgpu_trace_reader_next(reader, &record, &reading.err)) > 0) {
		reading.records++;
		if (record.type != VGPU_TRACE_REQUEST)
			continue;
		reading.data_len += record.request.data_len;
		if (record.request.data != NULL)
			reading.data = XXH3_64bits_withSeed(record.request.data,
							    record.request.data_len, reading.data);
	}
	return reading;
}

static struct reading read_from(const char *path, bool ahead, bool skim)
{
	struct reading reading = {.status = -1};
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, &reading.err);

	if (reader == NULL)
		return reading;
	if (ahead)
		vgpu_trace_reader_read_ahead(reader);
	if (skim)
		vgpu_trace_reader_skim(reader);
	reading = read_all(reader);
	vgpu_trace_reader_close(reader);
	return reading;
}

static void check_same(const struct reading *a, const struct reading *b)
{
	CU_ASSERT_EQUAL(a->records, b->records);
	CU_ASSERT_EQUAL(a->data, b->data);
	CU_ASSERT_EQUAL(a->data_len, b->data_len);
	CU_ASSERT_EQUAL(a->status, b->status);
	CU_ASSERT_STRING_EQUAL(a->err.text, b->err.text);
}

/* ---- tests -------------------------------------------------------------------------------- */

static void what_is_read_ahead_is_the_same(void)
{
	struct bytes bytes = large_trace();
	struct trace_memory memory = trace_memory_new(&bytes);
	struct reading plain = read_from(memory.path, false, false);
	struct reading ahead = read_from(memory.path, true, false);

	CU_ASSERT_EQUAL(plain.records, REQUESTS + 3);
	CU_ASSERT_EQUAL(plain.data_len, (uint64_t)(REQUESTS + 1) * DATA_LEN);
	CU_ASSERT_EQUAL(plain.status, 0);
	check_same(&plain, &ahead);
	trace_memory_free(&memory);
	bytes_fini(&bytes);
}

static void a_reader_that_reads_ahead_can_go_back(void)
{
	struct bytes bytes = large_trace();
	struct trace_memory memory = trace_memory_new(&bytes);
	struct reading plain = read_from(memory.path, false, false);
	struct vgpu_trace_record record;
	struct vgpu_error err;

	/* From the beginning, the middle and the end; then it is closed in the middle. */
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(memory.path, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	vgpu_trace_reader_read_ahead(reader);
	for (unsigned int taken = 0; taken < REQUESTS + 4; taken++) {
		for (unsigned int i = 0; i < taken; i++)
			vgpu_trace_reader_next(reader, &record, &err);
		CU_ASSERT_EQUAL(vgpu_trace_reader_rewind(reader, &err), 0);
	}
	struct reading ahead = read_all(reader);
	check_same(&plain, &ahead);
	CU_ASSERT_EQUAL(vgpu_trace_reader_next(reader, &record, &err), 0);
	CU_ASSERT_EQUAL(vgpu_trace_reader_rewind(reader, &err), 0);
	CU_ASSERT_EQUAL(vgpu_trace_reader_next(reader, &record, &err), 1);
	vgpu_trace_reader_close(reader);
	trace_memory_free(&memory);
	bytes_fini(&bytes);
}

static void damage_has_the_same_place_and_words(void)
{
	struct bytes bytes = large_trace();
	struct trace_memory memory = trace_memory_new(&bytes);

	/* A byte that is another one, and an end that comes too early, all over the file. */
	for (size_t at = 20; at < bytes.len; at += bytes.len / 23) {
		bytes.data[at] ^= 0x10;
		trace_memory_set(&memory, bytes.data, bytes.len);
		bytes.data[at] ^= 0x10;
		struct reading plain = read_from(memory.path, false, false);
		struct reading ahead = read_from(memory.path, true, false);
		struct reading skimmed = read_from(memory.path, true, true);
		CU_ASSERT_TRUE(plain.status < 0);
		check_same(&plain, &ahead);
		skimmed.data = plain.data;
		check_same(&plain, &skimmed);

		trace_memory_set(&memory, bytes.data, at);
		plain = read_from(memory.path, false, false);
		ahead = read_from(memory.path, true, false);
		CU_ASSERT_TRUE(plain.status < 0);
		check_same(&plain, &ahead);
	}
	trace_memory_free(&memory);
	bytes_fini(&bytes);
}

static void a_skimmed_trace_has_all_but_its_data(void)
{
	struct bytes bytes = large_trace();
	struct trace_memory memory = trace_memory_new(&bytes);
	struct reading plain = read_from(memory.path, false, false);
	struct vgpu_error err;

	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(memory.path, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	vgpu_trace_reader_skim(reader);
	struct reading skimmed = read_all(reader);
	CU_ASSERT_EQUAL(skimmed.data, 0);
	skimmed.data = plain.data;
	check_same(&plain, &skimmed);
	CU_ASSERT_EQUAL(vgpu_trace_reader_rewind(reader, &err), 0);
	struct reading again = read_all(reader);
	check_same(&plain, &again);
	vgpu_trace_reader_close(reader);
	trace_memory_free(&memory);
	bytes_fini(&bytes);
}

/* In parts that end where no chunk and no reference does. */
static void data_can_be_copied_in_parts(void)
{
	struct bytes bytes = large_trace();
	struct trace_memory memory = trace_memory_new(&bytes);
	struct vgpu_trace_record record;
	struct vgpu_error err;
	uint8_t *data = calloc(1, DATA_LEN + 1);

	CU_ASSERT_PTR_NOT_NULL_FATAL(data);
	struct reading plain = read_from(memory.path, false, false);
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(memory.path, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	vgpu_trace_reader_read_ahead(reader);
	vgpu_trace_reader_hold_data(reader);
	uint64_t hash = 0;
	while (vgpu_trace_reader_next(reader, &record, &err) > 0) {
		if (record.type != VGPU_TRACE_REQUEST)
			continue;
		CU_ASSERT_PTR_NULL(record.request.data);
		for (uint64_t at = 0, len; at < DATA_LEN; at += len) {
			len = DATA_LEN - at < 1003 ? DATA_LEN - at : 1003;
			vgpu_trace_reader_copy_data(reader, data + at, len);
		}
		hash = XXH3_64bits_withSeed(data, DATA_LEN, hash);
		/* There is no more of it. */
		vgpu_trace_reader_copy_data(reader, data + DATA_LEN, 1);
		CU_ASSERT_EQUAL(data[DATA_LEN], 0);
	}
	CU_ASSERT_EQUAL(hash, plain.data);
	vgpu_trace_reader_close(reader);
	free(data);
	trace_memory_free(&memory);
	bytes_fini(&bytes);
}

/* A block that has little content beside its requests is not kept for that. */
static void little_content_outlives_its_block(void)
{
	enum { LITTLE = 600, LONG = 1 << 20, COUNT = 5 };
	static uint8_t request[LONG];
	static const struct vgpu_chain_desc desc = {LONG, false};
	struct vgpu_trace_segment segment = {0x40000000, LITTLE};
	struct vgpu_trace_record record = {.type = VGPU_TRACE_REQUEST,
					   .request = {.indirect_at = -1,
						       .descs = &desc,
						       .num_descs = 1,
						       .request = request,
						       .request_len = LONG,
						       .segments = &segment,
						       .num_segments = 1,
						       .data_len = LITTLE,
						       .pitch = LITTLE}};
	uint8_t data[LITTLE];
	char path[TRACE_FILE_PATH];
	struct vgpu_error err;

	trace_file_path(path);
	struct vgpu_trace_writer *writer = vgpu_trace_writer_open(path, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(writer);
	record.request.data = data;
	/* Each is new, and then each is only referred to. */
	for (unsigned int i = 0; i < 2 * COUNT; i++) {
		memset(data, 'a' + (int)(i % COUNT), sizeof(data));
		vgpu_trace_writer_put(writer, &record);
	}
	CU_ASSERT_EQUAL(vgpu_trace_writer_close(writer, NULL, NULL), 0);
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	for (unsigned int i = 0; i < 2 * COUNT; i++) {
		memset(data, 'a' + (int)(i % COUNT), sizeof(data));
		CU_ASSERT_EQUAL_FATAL(vgpu_trace_reader_next(reader, &record, &err), 1);
		CU_ASSERT_EQUAL_FATAL(record.request.data_len, LITTLE);
		CU_ASSERT_EQUAL(memcmp(record.request.data, data, LITTLE), 0);
	}
	vgpu_trace_reader_close(reader);
	trace_file_remove(path);
}

/* A request's data goes with it, and where nobody keeps it there is none. */
static void there_is_no_data_but_of_the_last_request(void)
{
	struct bytes bytes = large_trace();
	struct trace_memory memory = trace_memory_new(&bytes);
	struct vgpu_trace_record record;
	struct vgpu_error err;
	uint8_t byte = 0xee;

	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(memory.path, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	vgpu_trace_reader_copy_data(reader, &byte, 1);
	vgpu_trace_reader_skim(reader);
	while (vgpu_trace_reader_next(reader, &record, &err) > 0)
		vgpu_trace_reader_copy_data(reader, &byte, 1);
	CU_ASSERT_EQUAL(vgpu_trace_reader_rewind(reader, &err), 0);
	vgpu_trace_reader_hold_data(reader);
	while (vgpu_trace_reader_next(reader, &record, &err) > 0)
		if (record.type != VGPU_TRACE_REQUEST)
			vgpu_trace_reader_copy_data(reader, &byte, 1);
	CU_ASSERT_EQUAL(record.type, VGPU_TRACE_END);
	vgpu_trace_reader_copy_data(reader, &byte, 1);
	CU_ASSERT_EQUAL(byte, 0xee);
	vgpu_trace_reader_close(reader);
	trace_memory_free(&memory);
	bytes_fini(&bytes);
}

static const struct unit_test tests[] = {
	{"there is no data but of the last request", there_is_no_data_but_of_the_last_request},
	{"data can be copied in parts", data_can_be_copied_in_parts},
	{"little content outlives its block", little_content_outlives_its_block},
	{"what is read ahead is the same", what_is_read_ahead_is_the_same},
	{"a reader that reads ahead can go back", a_reader_that_reads_ahead_can_go_back},
	{"damage has the same place and words", damage_has_the_same_place_and_words},
	{"a skimmed trace has all but its data", a_skimmed_trace_has_all_but_its_data},
	{NULL, NULL},
};

const struct unit_suite trace_ahead_suite = {"trace_ahead", tests};
