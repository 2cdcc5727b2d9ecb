/* SPDX-License-Identifier: MIT */
/* What is not a whole and right trace is an error with a place, and never worse than that. */
#include "trace-file.h"
#include "trace/reader.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

extern const struct unit_suite trace_damage_suite;

/* ---- helpers ------------------------------------------------------------------------------ */

static void put_request(struct vgpu_trace_writer *writer, const uint8_t *data, uint32_t len)
{
	const struct vgpu_trace_segment segments[] = {{0x40000000, len / 2}, {0x50000000, len / 2}};

	trace_file_put_request(writer, segments, len == 0 ? 0 : 2, data, 0);
}

static void put_life(struct vgpu_trace_writer *writer)
{
	struct vgpu_trace_record start = {.type = VGPU_TRACE_START, .start = {.queues[0].size = 8}};
	struct vgpu_trace_record outputs = {.type = VGPU_TRACE_OUTPUTS, .outputs.num_scanouts = 1};
	struct vgpu_trace_record reg = {.type = VGPU_TRACE_REGISTER, .reg = {true, 0x70, 4, 15}};

	vgpu_trace_writer_put(writer, &start);
	vgpu_trace_writer_put(writer, &outputs);
	vgpu_trace_writer_put(writer, &reg);
}

/* Of small_trace(), by block: a busy machine may make more of them. */
#define BLOCKS 16
static unsigned int records[BLOCKS];

static void count_records(const char *path)
{
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, NULL);
	struct vgpu_trace_record record;

	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	memset(records, 0, sizeof(records));
	while (vgpu_trace_reader_next(reader, &record, NULL) > 0)
		records[trace_reader_progress(reader)->blocks % BLOCKS]++;
	vgpu_trace_reader_close(reader);
}

/* Three blocks of records, one of them compressed, and every record type. */
static struct bytes small_trace(void)
{
	struct vgpu_trace_record frame = {.type = VGPU_TRACE_FRAME, .frame = {.width = 1}};
	struct timespec pause = {.tv_nsec = 150000000};
	char path[TRACE_FILE_PATH];
	uint8_t data[512];

	trace_file_path(path);
	struct vgpu_trace_writer *writer = vgpu_trace_writer_open(path, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(writer);
	put_life(writer);
	nanosleep(&pause, NULL);
	memset(data, 7, sizeof(data));
	put_request(writer, data, sizeof(data));
	vgpu_trace_writer_put(writer, &frame);
	nanosleep(&pause, NULL);
	put_request(writer, data, sizeof(data));
	put_request(writer, NULL, 0);
	CU_ASSERT_EQUAL(vgpu_trace_writer_close(writer, NULL, NULL), 0);
	struct bytes bytes = trace_file_load(path);
	count_records(path);
	trace_file_remove(path);
	return bytes;
}

/* How many records lie in whole blocks of the first len bytes. */
static unsigned int records_within(const struct bytes *trace, size_t len)
{
	struct trace_block_header header;
	size_t at = sizeof(struct trace_file_header);
	unsigned int count = 0;

	for (size_t i = 0; i < BLOCKS && at + sizeof(header) <= trace->len; i++) {
		memcpy(&header, trace->data + at, sizeof(header));
		at += sizeof(header) + le32toh(header.stored_len);
		if (at > len)
			break;
		count += records[i];
	}
	return count;
}

static bool names_a_place(const struct vgpu_error *err, const char *path)
{
	return strncmp(err->text, path, strlen(path)) == 0 && strstr(err->text, "offset ") != NULL;
}

static int read_bytes(const struct bytes *bytes, struct vgpu_error *err)
{
	struct trace_memory memory = trace_memory_new(bytes);
	int ret = trace_file_read(memory.path, NULL, err);

	trace_memory_free(&memory);
	return ret;
}

static uint64_t next_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

/* ---- damage that checksums find -------------------------------------------------------------- */

static void reads_a_truncated_trace_up_to_its_last_block(void)
{
	struct bytes trace = small_trace();
	struct trace_memory memory = trace_memory_new(&trace);
	unsigned int count;
	struct vgpu_error err;

	CU_ASSERT_EQUAL(trace_file_read(memory.path, &count, &err), 0);
	CU_ASSERT_EQUAL(count, 8);
	for (size_t len = 0; len < trace.len; len++) {
		trace_memory_set(&memory, trace.data, len);
		int ret = trace_file_read(memory.path, &count, &err);
		/* Without a description it cannot even be opened. */
		CU_ASSERT(ret == -ENODATA || (ret == -EIO && len < 60));
		CU_ASSERT_EQUAL(count, records_within(&trace, len));
		CU_ASSERT(names_a_place(&err, memory.path));
	}
	trace_memory_free(&memory);
	bytes_fini(&trace);
}

static void finds_every_changed_byte(void)
{
	struct bytes trace = small_trace();
	struct trace_memory memory = trace_memory_new(&trace);
	struct vgpu_error err;

	for (size_t at = 0; at < trace.len; at++) {
		for (unsigned int bit = 0; bit <= 8; bit++) {
			uint8_t byte = trace.data[at] ^ (bit == 8 ? 0xff : 1u << bit);
			if (pwrite(memory.fd, &byte, 1, (off_t)at) != 1)
				abort();
			int ret = trace_file_read(memory.path, NULL, &err);
			CU_ASSERT(ret == -EBADMSG || (ret == -EIO && at < 60));
			CU_ASSERT(names_a_place(&err, memory.path));
		}
		if (pwrite(memory.fd, trace.data + at, 1, (off_t)at) != 1)
			abort();
	}
	CU_ASSERT_EQUAL(trace_file_read(memory.path, NULL, &err), 0);
	trace_memory_free(&memory);
	bytes_fini(&trace);
}

static void finds_random_flips(void)
{
	struct bytes trace = small_trace();
	struct trace_memory memory = trace_memory_new(&trace);
	uint8_t *changed = malloc(trace.len);
	uint64_t random = 88172645463325252u;

	for (int i = 0; i < 10000; i++) {
		memcpy(changed, trace.data, trace.len);
		for (uint64_t flips = 1 + next_random(&random) % 16; flips > 0; flips--)
			changed[next_random(&random) % trace.len] ^=
				(uint8_t)(1u << next_random(&random) % 8);
		trace_memory_set(&memory, changed, trace.len);
		if (memcmp(changed, trace.data, trace.len) != 0)
			CU_ASSERT(trace_file_read(memory.path, NULL, NULL) < 0);
	}
	free(changed);
	trace_memory_free(&memory);
	bytes_fini(&trace);
}

static void finds_what_follows_the_end(void)
{
	struct bytes trace = small_trace();
	size_t len = trace.len;
	struct vgpu_error err = {0};

	bytes_put_u8(&trace, 0);
	CU_ASSERT_EQUAL(read_bytes(&trace, &err), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "something follows it"));
	trace.len = len;
	bytes_reserve(&trace, len);
	bytes_put(&trace, trace.data, len);
	CU_ASSERT_EQUAL(read_bytes(&trace, &err), -EBADMSG);
	bytes_fini(&trace);
}

static size_t block_size(const struct bytes *trace, size_t at)
{
	struct trace_block_header header;

	memcpy(&header, trace->data + at, sizeof(header));
	return sizeof(header) + le32toh(header.stored_len);
}

static void finds_a_missing_and_a_doubled_block(void)
{
	struct bytes trace = small_trace(), other = {0};
	size_t first = sizeof(struct trace_file_header);
	size_t second = first + block_size(&trace, first);
	size_t third = second + block_size(&trace, second);
	struct vgpu_error err = {0};

	bytes_put(&other, trace.data, second);
	bytes_put(&other, trace.data + third, trace.len - third);
	CU_ASSERT_EQUAL(read_bytes(&other, &err), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "block 1 at offset 58: is numbered 2"));
	other.len = 0;
	bytes_put(&other, trace.data, third);
	bytes_put(&other, trace.data + second, trace.len - second);
	CU_ASSERT_EQUAL(read_bytes(&other, &err), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "block 2 at offset"));
	bytes_fini(&other);
	bytes_fini(&trace);
}

static void says_which_file_is_no_trace(void)
{
	struct bytes text = {0}, newer = {0};
	struct vgpu_error err = {0};

	bytes_put(&text, "#!/bin/sh\necho this is no trace\n", 32);
	CU_ASSERT_EQUAL(read_bytes(&text, &err), -EIO);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, ": offset 0: not a trace"));
	forge_begin(&newer);
	newer.data[8] = 2;
	uint64_t checksum = forge_checksum(newer.data, 16);
	memcpy(newer.data + 16, &checksum, 8);
	CU_ASSERT_EQUAL(read_bytes(&newer, &err), -EIO);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "format version 2.0, this program reads 1.x"));
	bytes_fini(&text);
	bytes_fini(&newer);
}

/* ---- hostile files whose checksums are right ---------------------------------------------------
 */

static void put_all(struct bytes *out, const uint64_t *values, size_t count)
{
	for (size_t i = 0; i < count; i++)
		bytes_put_uint(out, values[i]);
}
#define PUT(out, ...)                                                                              \
	put_all(out, (const uint64_t[]){__VA_ARGS__},                                              \
		sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))

/* Reads a trace that is right but for one block of records with one record. */
static int read_forged(uint64_t type, const struct bytes *body, struct vgpu_error *err)
{
	struct bytes file = {0}, payload = {0}, content = {0}, end = {0};

	forge_begin(&file);
	forge_records(&payload, 0, 0);
	/* Four chunks of three bytes to refer to. */
	PUT(&content, 4, 3);
	bytes_put(&content, "aaabbbcccddd", 12);
	forge_record(&payload, TRACE_RECORD_CONTENT, &content);
	forge_record(&payload, type, body);
	PUT(&end, 0, type == VGPU_TRACE_REQUEST ? 1 : 0, 0, 0, 0);
	forge_record(&payload, VGPU_TRACE_END, &end);
	forge_block(&file, TRACE_BLOCK_RECORDS, TRACE_FLAG_RESTART, payload.data, payload.len,
		    (uint32_t)payload.len);
	forge_end(&file);
	int ret = read_bytes(&file, err);
	bytes_fini(&end);
	bytes_fini(&content);
	bytes_fini(&payload);
	bytes_fini(&file);
	return ret;
}

/* time, duration, flags, queue, head; no descriptors, no bytes; then what is asked for. */
#define REQUEST_HEAD	0, 0, 0, 0, 0
#define REQUEST_MESSAGE REQUEST_HEAD, 0, 0, 0, 0, 0
#define HUGE		(1ull << 60)

struct forged {
	uint64_t type;
	const char *why; /* a part of the sentence; NULL: it is right */
	unsigned int count;
	uint64_t values[24];
};
#define FORGED(type, why, ...)                                                                     \
	{                                                                                          \
		type, why, sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t),             \
		{                                                                                  \
			__VA_ARGS__                                                                \
		}                                                                                  \
	}

static const struct forged forged[] = {
	/* Right ones, so that the others are known to fail for their own reason. */
	FORGED(VGPU_TRACE_REQUEST, NULL, REQUEST_MESSAGE, 0, 0),
	FORGED(VGPU_TRACE_REQUEST, NULL, REQUEST_MESSAGE, 1, 1, 9, 0, 1, 6, 2),
	FORGED(VGPU_TRACE_REQUEST, NULL, REQUEST_MESSAGE, 1, 1, 9, 0, 1, 7, 2),
	/* More at the end of a record, as a later version may write it. */
	FORGED(VGPU_TRACE_REQUEST, NULL, REQUEST_MESSAGE, 0, 0, 1, 2, 3),
	FORGED(VGPU_TRACE_RESET, NULL, 0, 1, 2, 3),
	FORGED(99, NULL, 1, 2, 3),
	FORGED(HUGE, NULL, 1, 2, 3),

	FORGED(VGPU_TRACE_START, "ends too early", 0, 1, 2),
	FORGED(VGPU_TRACE_START, "queue size", 0, 1, 2, 0, 65536, 0, 0, 0, 0, 0, 0, 0, 0),
	FORGED(VGPU_TRACE_OUTPUTS, "16 scanouts", 0, 17),
	FORGED(VGPU_TRACE_OUTPUTS, "16 scanouts", 0, HUGE),
	FORGED(VGPU_TRACE_OUTPUTS, "no scanouts", 0, 0),
	FORGED(VGPU_TRACE_OUTPUTS, "32 bits", 0, 1, 0, 0, 0, 1ull << 32, 0),
	FORGED(VGPU_TRACE_REGISTER, "8 bytes", 0, 0, 0, 9, 0),
	FORGED(VGPU_TRACE_REGISTER, "1, 2, 4 or 8", 0, 0, 0, 3, 0),
	FORGED(VGPU_TRACE_REGISTER, "1, 2, 4 or 8", 0, 0, 0, 0, 0),
	FORGED(VGPU_TRACE_FRAME, "no such scanout", 0, 16),
	FORGED(VGPU_TRACE_FRAME, "ends too early", 0, 0, 1, 1, 0, 0, 1, 1),
	FORGED(VGPU_TRACE_FRAME, "before any request", 0, 0, 1, 1, 0, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0,
	       0, 0, 0, 0, 0, 0, 0, 0, 0),
	FORGED(VGPU_TRACE_END, "totals", 0, 1, 0, 0, 0),
	FORGED(VGPU_TRACE_END, "after the END record", 0, 0, 0, 0, 0),
	FORGED(VGPU_TRACE_END, "ends too early", 0, 0, 0, 0, HUGE),

	FORGED(VGPU_TRACE_REQUEST, "no such queue", 0, 0, 0, 2),
	FORGED(VGPU_TRACE_REQUEST, "head out of range", 0, 0, 0, 0, 65536),
	FORGED(VGPU_TRACE_REQUEST, "too many descriptors", REQUEST_HEAD, HUGE),
	FORGED(VGPU_TRACE_REQUEST, "more descriptors than bytes", REQUEST_HEAD, 65536),
	FORGED(VGPU_TRACE_REQUEST, "32 bits", REQUEST_HEAD, 1, 1ull << 33, 0),
	FORGED(VGPU_TRACE_REQUEST, "outside the chain", REQUEST_HEAD, 1, 0, 2),
	FORGED(VGPU_TRACE_REQUEST, "request too long", REQUEST_HEAD, 0, 0, HUGE),
	FORGED(VGPU_TRACE_REQUEST, "ends too early", REQUEST_HEAD, 0, 0, 4u << 20),
	FORGED(VGPU_TRACE_REQUEST, "response too long", REQUEST_HEAD, 0, 0, 0, HUGE),
	FORGED(VGPU_TRACE_REQUEST, "too many segments", REQUEST_MESSAGE, HUGE),
	FORGED(VGPU_TRACE_REQUEST, "ends too early", REQUEST_MESSAGE, 1 << 20),
	FORGED(VGPU_TRACE_REQUEST, "empty run", REQUEST_MESSAGE, 1, 0, 9, 0),
	FORGED(VGPU_TRACE_REQUEST, "more segments", REQUEST_MESSAGE, 1, 2, 9, 0, 0),
	FORGED(VGPU_TRACE_REQUEST, "256 MiB", REQUEST_MESSAGE, 1, 1, (256u << 20) + 1, 0, 1, 6, 0),
	FORGED(VGPU_TRACE_REQUEST, "256 MiB", REQUEST_MESSAGE, 1 << 20, 1 << 20, UINT32_MAX, 0, 0,
	       1, 6, 0),
	FORGED(VGPU_TRACE_REQUEST, "more references", REQUEST_MESSAGE, 1, 1, 9, 0, HUGE),
	FORGED(VGPU_TRACE_REQUEST, "referenced content", REQUEST_MESSAGE, 1, 1, 9, 0, 0),
	FORGED(VGPU_TRACE_REQUEST, "referenced content", REQUEST_MESSAGE, 1, 1, 9, 0, 1, 0, 0),
	FORGED(VGPU_TRACE_REQUEST, "referenced content", REQUEST_MESSAGE, 1, 1, 9, 0, 1, 4, 0),
	FORGED(VGPU_TRACE_REQUEST, "referenced content", REQUEST_MESSAGE, 1, 1, 9, 0, 1, 8, 0),
	FORGED(VGPU_TRACE_REQUEST, "referenced content", REQUEST_MESSAGE, 1, 1, 9, 0, 1, 6, 4),
	FORGED(VGPU_TRACE_REQUEST, "outside the content table", REQUEST_MESSAGE, 1, 1, 9, 0, 1, 6,
	       1),
	FORGED(VGPU_TRACE_REQUEST, "outside the content table", REQUEST_MESSAGE, 1, 1, 9, 0, 1, 6,
	       HUGE),
	FORGED(VGPU_TRACE_REQUEST, "referenced content", REQUEST_MESSAGE, 1, 1, 9, 0, 1, 0xffffffff,
	       0),
	FORGED(VGPU_TRACE_REQUEST, "too many chunks", REQUEST_MESSAGE, 1, 1, 9, 0, 1, HUGE, 0),

	FORGED(TRACE_RECORD_CONTENT, "no content", 0, 3),
	FORGED(TRACE_RECORD_CONTENT, "no content", 3, 0),
	FORGED(TRACE_RECORD_CONTENT, "64 KiB", 1, 65537),
	FORGED(TRACE_RECORD_CONTENT, "more chunks", (1 << 20) - 3, 1),
	FORGED(TRACE_RECORD_CONTENT, "more bytes", 8192, 65536),
	FORGED(TRACE_RECORD_CONTENT, "ends too early", 8191, 65536),
};

static void refuses_hostile_records(void)
{
	for (size_t i = 0; i < sizeof(forged) / sizeof(forged[0]); i++) {
		struct bytes body = {0};
		struct vgpu_error err = {0};

		put_all(&body, forged[i].values, forged[i].count);
		int ret = read_forged(forged[i].type, &body, &err);
		CU_ASSERT_EQUAL(ret, forged[i].why == NULL ? 0 : -EBADMSG);
		CU_ASSERT(forged[i].why == NULL || strstr(err.text, forged[i].why) != NULL);
		if (forged[i].why != NULL && strstr(err.text, forged[i].why) == NULL)
			fprintf(stderr, "forged record %zu: \"%s\" instead of \"%s\"\n", i,
				err.text, forged[i].why);
		bytes_fini(&body);
	}
}

/* A number that does not end, and one that has more than 64 bits. */
static void refuses_hostile_numbers(void)
{
	struct bytes body = {0};
	struct vgpu_error err = {0};

	for (int i = 0; i < 9; i++)
		bytes_put_u8(&body, 0xff);
	CU_ASSERT_EQUAL(read_forged(VGPU_TRACE_RESET, &body, &err), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "ends too early"));
	bytes_put_u8(&body, 2);
	CU_ASSERT_EQUAL(read_forged(VGPU_TRACE_RESET, &body, &err), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "more than 64 bits"));
	body.data[9] = 1;
	CU_ASSERT_EQUAL(read_forged(VGPU_TRACE_RESET, &body, &err), 0);
	bytes_fini(&body);
}

/* Reads a description, one block as told, and a right end. */
static int read_block(uint16_t type, uint16_t flags, const void *payload, size_t stored_len,
		      uint32_t raw_len, struct vgpu_error *err)
{
	struct bytes file = {0};

	forge_begin(&file);
	forge_block(&file, type, flags, payload, stored_len, raw_len);
	forge_end(&file);
	int ret = read_bytes(&file, err);
	bytes_fini(&file);
	return ret;
}

static void refuses_hostile_blocks(void)
{
	static uint8_t zeros[1 << 20], bomb[4096];
	size_t len = ZSTD_compress(bomb, sizeof(bomb), zeros, sizeof(zeros), 3);
	const uint16_t zstd = TRACE_FLAG_ZSTD | TRACE_FLAG_RESTART;
	struct vgpu_error err = {0};

	CU_ASSERT_FALSE_FATAL(ZSTD_isError(len));
	CU_ASSERT_EQUAL(read_block(TRACE_BLOCK_RECORDS, zstd, bomb, len, 16, &err), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "more than 16 bytes"));
	CU_ASSERT_EQUAL(read_block(TRACE_BLOCK_RECORDS, zstd, bomb, len, 2 << 20, &err), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "bytes instead of"));
	CU_ASSERT_EQUAL(read_block(TRACE_BLOCK_RECORDS, zstd, bomb, len, UINT32_MAX, &err),
			-EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "longer than 16 MiB"));
	CU_ASSERT_EQUAL(read_block(TRACE_BLOCK_RECORDS, zstd, zeros, 64, 64, &err), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "zstd: "));
	CU_ASSERT_EQUAL(read_block(TRACE_BLOCK_RECORDS, TRACE_FLAG_RESTART, zeros, 64, 65, &err),
			-EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "two lengths"));
	CU_ASSERT_EQUAL(read_block(TRACE_BLOCK_RECORDS, 0x80, zeros, 64, 64, &err), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "flags 0x80 are not known"));
	CU_ASSERT_EQUAL(read_block(TRACE_BLOCK_RECORDS, 0, "\0\0\0", 3, 3, &err), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "not a restart"));
	CU_ASSERT_EQUAL(read_block(TRACE_BLOCK_RECORDS, 2, "\0\1\0", 3, 3, &err), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "are missing"));
	CU_ASSERT_EQUAL(read_block(TRACE_BLOCK_RECORDS, 2, "\0\0", 2, 2, &err), -EBADMSG);
	CU_ASSERT_EQUAL(read_block(TRACE_BLOCK_RECORDS, 2, "\0\0\0", 3, 3, &err), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "the END record before it is missing"));
	CU_ASSERT_EQUAL(read_block(TRACE_BLOCK_META, 0, "{}", 2, 2, &err), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "second description"));
	CU_ASSERT_EQUAL(read_block(TRACE_BLOCK_INDEX, 0, "x", 1, 1, &err), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "does not describe this file"));
}

static void skips_blocks_it_does_not_know(void)
{
	struct bytes file = {0}, payload = {0}, end = {0};
	struct vgpu_error err = {0};
	unsigned int count;

	forge_begin(&file);
	forge_block(&file, 77, 0xffff, "whatever", 8, 4711);
	forge_records(&payload, 0, 0);
	PUT(&end, 0, 0, 0, 0, 0);
	forge_record(&payload, VGPU_TRACE_END, &end);
	/* Flags above 0x00ff are for readers that know them. */
	forge_block(&file, TRACE_BLOCK_RECORDS, 0x4000 | TRACE_FLAG_RESTART, payload.data,
		    payload.len, (uint32_t)payload.len);
	forge_block(&file, UINT16_MAX, 0, "", 0, 0);
	size_t before_end = file.len;
	forge_end(&file);
	struct trace_memory memory = trace_memory_new(&file);
	CU_ASSERT_EQUAL(trace_file_read(memory.path, &count, &err), 0);
	CU_ASSERT_EQUAL(count, 1);
	trace_memory_free(&memory);

	/* But nothing may stand between index and footer. */
	file.len -= sizeof(struct trace_footer);
	forge_block(&file, 77, 0, "", 0, 0);
	CU_ASSERT_EQUAL(read_bytes(&file, &err), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "comes after the index"));
	/* And a footer needs an index. */
	struct trace_footer footer = {.magic = htole32(TRACE_FOOTER_MAGIC)};
	footer.checksum = htole64(forge_checksum(&footer, 24));
	file.len = before_end;
	bytes_put(&file, &footer, sizeof(footer));
	CU_ASSERT_EQUAL(read_bytes(&file, &err), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "no index before it"));
	bytes_fini(&end);
	bytes_fini(&payload);
	bytes_fini(&file);
}

/* Appends a block that is compressed as part of the stream. */
static void forge_stream(struct bytes *file, ZSTD_CCtx *stream, uint16_t flags,
			 const struct bytes *payload)
{
	uint8_t stored[512];
	ZSTD_inBuffer in = {.src = payload->data, .size = payload->len};
	ZSTD_outBuffer out = {.dst = stored, .size = sizeof(stored)};

	CU_ASSERT_EQUAL(ZSTD_compressStream2(stream, &out, &in, ZSTD_e_flush), 0);
	forge_block(file, TRACE_BLOCK_RECORDS, flags | TRACE_FLAG_ZSTD, stored, out.pos,
		    (uint32_t)payload->len);
}

/* What forge_end() takes for granted of compressed blocks: all before them is 0. */
static void forge_empty_records(struct bytes *payload)
{
	payload->len = 0;
	PUT(payload, 0, 0, 0);
}

static void begins_the_stream_anew_at_a_restart(void)
{
	struct bytes file = {0}, payload = {0}, end = {0};
	ZSTD_CCtx *stream = ZSTD_createCCtx();
	struct vgpu_error err = {0};

	forge_begin(&file);
	forge_empty_records(&payload);
	forge_stream(&file, stream, TRACE_FLAG_RESTART, &payload);
	forge_stream(&file, stream, 0, &payload);
	/* A restart that is not compressed itself. */
	ZSTD_CCtx_reset(stream, ZSTD_reset_session_only);
	forge_block(&file, TRACE_BLOCK_RECORDS, TRACE_FLAG_RESTART, payload.data, payload.len,
		    (uint32_t)payload.len);
	PUT(&end, 0, 0, 0, 0, 0);
	forge_record(&payload, VGPU_TRACE_END, &end);
	forge_stream(&file, stream, 0, &payload);
	forge_end(&file);
	CU_ASSERT_EQUAL(read_bytes(&file, &err), 0);
	CU_ASSERT_STRING_EQUAL(err.text, "");
	ZSTD_freeCCtx(stream);
	bytes_fini(&end);
	bytes_fini(&payload);
	bytes_fini(&file);
}

/* Changes behind the checksums: any answer is right as long as it is one. */
static void survives_random_records(void)
{
	struct bytes file = {0}, payload = {0}, body = {0};
	uint64_t random = 0x2545f4914f6cdd1d;

	forge_begin(&file);
	size_t begin = file.len;
	struct trace_memory memory = trace_memory_new(&file);
	for (int i = 0; i < 10000; i++) {
		forge_records(&payload, 0, 0);
		body.len = 0;
		PUT(&body, 200, 16);
		for (int j = 0; j < 3200; j++)
			bytes_put_u8(&body, (uint8_t)j);
		forge_record(&payload, TRACE_RECORD_CONTENT, &body);
		body.len = 0;
		PUT(&body, REQUEST_HEAD, 3, 112, 49, 8, 2, 2, 0, 0, 2, 0, 0, 64, 11, 10, 64, 4096,
		    1000, 1, 1, 3, 2, 20, 0, 21, 9);
		forge_record(&payload, VGPU_TRACE_REQUEST, &body);
		forge_record(&payload, VGPU_TRACE_REQUEST, &body);
		for (uint64_t n = 1 + next_random(&random) % 4; n > 0; n--)
			payload.data[payload.len - 1 - next_random(&random) % 80] =
				(uint8_t)next_random(&random);
		file.len = begin;
		forge_block(&file, TRACE_BLOCK_RECORDS, TRACE_FLAG_RESTART, payload.data,
			    payload.len, (uint32_t)payload.len);
		forge_end(&file);
		trace_memory_set(&memory, file.data, file.len);
		CU_ASSERT(trace_file_read(memory.path, NULL, NULL) <= 0);
	}
	trace_memory_free(&memory);
	bytes_fini(&body);
	bytes_fini(&payload);
	bytes_fini(&file);
}

/* ---- repair --------------------------------------------------------------------------------- */

/* Repairs memory to output; what is there must then be whole. Returns its records. */
static unsigned int repair(const struct trace_memory *memory, const char *output,
			   struct vgpu_trace_repair *result)
{
	struct vgpu_error err = {0};
	unsigned int count = 0;
	int ret = vgpu_trace_make_whole(memory->path, output, result, &err);

	if (ret < 0) {
		CU_ASSERT_STRING_NOT_EQUAL(err.text, "");
		CU_ASSERT_EQUAL(access(output, F_OK), -1);
		return 0;
	}
	ret = trace_file_read(output, &count, &err);
	CU_ASSERT_EQUAL(ret, 0);
	if (ret < 0)
		fprintf(stderr, "repaired: %s\n", err.text);
	unlink(output);
	return count;
}

static void repairs_a_trace_cut_anywhere(void)
{
	struct bytes trace = small_trace();
	struct trace_memory memory = trace_memory_new(&trace);
	struct vgpu_trace_repair result;
	char output[TRACE_FILE_PATH];

	trace_file_path(output);
	for (size_t len = 0; len < trace.len; len++) {
		trace_memory_set(&memory, trace.data, len);
		unsigned int whole = records_within(&trace, len);
		/* And END, where it was not whole. */
		unsigned int count = repair(&memory, output, &result);
		bool opens = len >= 60;
		CU_ASSERT(!opens || count == (whole == 8 ? 8 : whole + 1));
		CU_ASSERT(!opens || (!result.whole && result.lost_bytes < len));
		CU_ASSERT(!opens || strncmp(result.reason, "block ", 6) == 0);
	}
	trace_memory_set(&memory, trace.data, trace.len);
	CU_ASSERT_EQUAL(repair(&memory, output, &result), 8);
	CU_ASSERT(result.whole && result.requests == 3 && result.frames == 1);
	CU_ASSERT_EQUAL(result.lost_bytes, 0);
	trace_file_remove(output);
	trace_memory_free(&memory);
	bytes_fini(&trace);
}

static void a_whole_trace_is_repaired_to_itself(void)
{
	struct bytes trace = small_trace();
	struct trace_memory memory = trace_memory_new(&trace);
	struct vgpu_trace_repair result;
	char output[TRACE_FILE_PATH];

	trace_file_path(output);
	CU_ASSERT_EQUAL(vgpu_trace_make_whole(memory.path, output, &result, NULL), 0);
	struct bytes copy = trace_file_load(output);
	CU_ASSERT(copy.len == trace.len && memcmp(copy.data, trace.data, copy.len) == 0);
	bytes_fini(&copy);
	trace_file_remove(output);
	trace_memory_free(&memory);
	bytes_fini(&trace);
}

static void repairs_what_was_damaged_anywhere(void)
{
	struct bytes trace = small_trace();
	struct trace_memory memory = trace_memory_new(&trace);
	struct vgpu_trace_repair result;
	char output[TRACE_FILE_PATH];

	trace_file_path(output);
	for (size_t at = 0; at < trace.len; at++) {
		trace.data[at] ^= 0x10;
		trace_memory_set(&memory, trace.data, trace.len);
		trace.data[at] ^= 0x10;
		unsigned int count = repair(&memory, output, &result);
		unsigned int whole = records_within(&trace, at);
		CU_ASSERT(at < 60 || count == (whole == 8 ? 8 : whole + 1));
	}
	trace_file_remove(output);
	trace_memory_free(&memory);
	bytes_fini(&trace);
}

/* The description says it to whom has only the file. */
static void a_repaired_trace_says_so(void)
{
	struct bytes trace = small_trace();
	struct trace_memory memory;
	struct vgpu_trace_repair result;
	struct vgpu_error err;
	char output[TRACE_FILE_PATH];

	trace.len -= 100;
	memory = trace_memory_new(&trace);
	trace_file_path(output);
	CU_ASSERT_EQUAL(vgpu_trace_make_whole(memory.path, output, &result, NULL), 0);
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(output, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	const char *text = vgpu_trace_reader_metadata(reader);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"repaired\":\"lost: "));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "ends too early"));
	CU_ASSERT_PTR_NULL(strstr(text, "/proc"));
	vgpu_trace_reader_close(reader);
	/* Where it is to replace what it was made of. */
	CU_ASSERT_EQUAL(vgpu_trace_make_whole(output, output, &result, NULL), 0);
	CU_ASSERT_EQUAL(trace_file_read(output, NULL, NULL), 0);
	trace_file_remove(output);
	trace_memory_free(&memory);
	bytes_fini(&trace);
}

/* A block whose checksums are right and whose second record is not, is not whole. */
static void repair_leaves_out_a_block_with_a_bad_record(void)
{
	struct bytes file = {0}, payload = {0}, body = {0};
	struct vgpu_trace_repair result;
	char output[TRACE_FILE_PATH];

	forge_begin(&file);
	forge_records(&payload, 0, 0);
	PUT(&body, 0);
	forge_record(&payload, VGPU_TRACE_RESET, &body);
	forge_block(&file, TRACE_BLOCK_RECORDS, TRACE_FLAG_RESTART, payload.data, payload.len,
		    (uint32_t)payload.len);
	PUT(&body, 17);
	forge_record(&payload, VGPU_TRACE_OUTPUTS, &body);
	forge_block(&file, TRACE_BLOCK_RECORDS, 0, payload.data, payload.len,
		    (uint32_t)payload.len);
	forge_end(&file);
	struct trace_memory memory = trace_memory_new(&file);
	trace_file_path(output);
	CU_ASSERT_EQUAL(repair(&memory, output, &result), 2);
	CU_ASSERT_PTR_NOT_NULL(strstr(result.reason, "16 scanouts"));
	trace_file_remove(output);
	trace_memory_free(&memory);
	bytes_fini(&body);
	bytes_fini(&payload);
	bytes_fini(&file);
}

static const struct unit_test tests[] = {
	{"reads a truncated trace up to its last block",
	 reads_a_truncated_trace_up_to_its_last_block},
	{"finds every changed byte", finds_every_changed_byte},
	{"finds random flips", finds_random_flips},
	{"finds what follows the end", finds_what_follows_the_end},
	{"finds a missing and a doubled block", finds_a_missing_and_a_doubled_block},
	{"says which file is no trace", says_which_file_is_no_trace},
	{"refuses hostile records", refuses_hostile_records},
	{"refuses hostile numbers", refuses_hostile_numbers},
	{"refuses hostile blocks", refuses_hostile_blocks},
	{"skips blocks it does not know", skips_blocks_it_does_not_know},
	{"begins the stream anew at a restart", begins_the_stream_anew_at_a_restart},
	{"survives random records", survives_random_records},
	{"repairs a trace cut anywhere", repairs_a_trace_cut_anywhere},
	{"a whole trace is repaired to itself", a_whole_trace_is_repaired_to_itself},
	{"repairs what was damaged anywhere", repairs_what_was_damaged_anywhere},
	{"a repaired trace says so", a_repaired_trace_says_so},
	{"repair leaves out a block with a bad record",
	 repair_leaves_out_a_block_with_a_bad_record},
	{NULL, NULL},
};

const struct unit_suite trace_damage_suite = {"trace-damage", tests};
