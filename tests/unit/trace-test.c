/* SPDX-License-Identifier: MIT */
/* What the writer was given is what the reader gives back, and how much space it takes. */
#include "trace-file.h"
#include "unit.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

extern const struct unit_suite trace_suite;

/* ---- helpers ----------------------------------------------------------------------- */

static struct vgpu_trace_writer *open_writer(const char *path, uint64_t queue_limit,
					     uint64_t window_limit)
{
	const struct vgpu_trace_writer_options options = {
		.metadata = "{\"guest\":\"unit test\"}",
		.queue_limit = queue_limit,
		.window_limit = window_limit,
	};
	struct vgpu_error err = {0};
	struct vgpu_trace_writer *writer = vgpu_trace_writer_open(path, &options, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(writer);
	return writer;
}

static void close_writer(struct vgpu_trace_writer *writer)
{
	struct vgpu_error err = {0};

	CU_ASSERT_EQUAL(vgpu_trace_writer_close(writer, NULL, &err), 0);
	CU_ASSERT_STRING_EQUAL(err.text, "");
}

static void wait_for_disk(struct vgpu_trace_writer *writer)
{
	uint64_t before = vgpu_trace_writer_stats(writer).written_bytes;

	for (int i = 0; i < 30000; i++) {
		nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
		if (vgpu_trace_writer_stats(writer).written_bytes > before)
			return;
	}
	CU_FAIL("nothing is written");
}

static off_t file_size(const char *path)
{
	struct stat info;

	return stat(path, &info) < 0 ? -1 : info.st_size;
}

/* A request that read len bytes of memory in one piece, as rows of pitch bytes. */
static struct vgpu_trace_record transfer(const uint8_t *data, uint64_t len, uint32_t pitch,
					 struct vgpu_trace_segment *segment)
{
	static const struct vgpu_chain_desc descs[] = {{56, false}, {24, true}};
	static const uint8_t request[56] = {5, 1}, response[24] = {0, 0x11};
	struct vgpu_trace_record record = {.type = VGPU_TRACE_REQUEST, .time_ns = 1000};

	*segment = (struct vgpu_trace_segment){.gpa = 0x40000000, .len = (uint32_t)len};
	record.request.begin_ns = 1000;
	record.request.end_ns = 3000;
	record.request.indirect_at = -1;
	record.request.descs = descs;
	record.request.num_descs = 2;
	record.request.request = request;
	record.request.request_len = sizeof(request);
	record.request.response = response;
	record.request.used_len = sizeof(response);
	record.request.segments = segment;
	record.request.num_segments = 1;
	record.request.data = data;
	record.request.data_len = len;
	record.request.pitch = pitch;
	return record;
}

static void put_transfer(struct vgpu_trace_writer *writer, const uint8_t *data, uint64_t len,
			 uint32_t pitch)
{
	struct vgpu_trace_segment segment;
	struct vgpu_trace_record record = transfer(data, len, pitch, &segment);

	vgpu_trace_writer_put(writer, &record);
}

/* Bytes that do not compress and repeat nowhere. */
static void fill_random(uint8_t *data, size_t len, uint64_t seed)
{
	for (size_t i = 0; i < len; i++) {
		seed = seed * 6364136223846793005u + 1442695040888963407u;
		data[i] = (uint8_t)(seed >> 56);
	}
}

static bool same_bytes(const void *a, uint64_t a_len, const void *b, uint64_t b_len)
{
	return a_len == b_len && (a_len == 0 || memcmp(a, b, a_len) == 0);
}

static void check_request(const struct vgpu_trace_request *a, const struct vgpu_trace_request *b)
{
	CU_ASSERT_EQUAL(a->begin_ns, b->begin_ns);
	CU_ASSERT_EQUAL(a->end_ns, b->end_ns);
	CU_ASSERT_EQUAL(a->queue, b->queue);
	CU_ASSERT_EQUAL(a->head, b->head);
	CU_ASSERT_EQUAL(a->interrupt, b->interrupt);
	CU_ASSERT_EQUAL(a->indirect_at, b->indirect_at);
	CU_ASSERT_EQUAL(a->pitch, b->pitch);
	CU_ASSERT_EQUAL(a->dropped, b->dropped);
	CU_ASSERT_EQUAL_FATAL(a->num_descs, b->num_descs);
	for (unsigned int i = 0; i < a->num_descs; i++)
		CU_ASSERT(a->descs[i].len == b->descs[i].len &&
			  a->descs[i].device_writable == b->descs[i].device_writable);
	CU_ASSERT(same_bytes(a->request, a->request_len, b->request, b->request_len));
	CU_ASSERT(same_bytes(a->response, a->used_len, b->response, b->used_len));
	CU_ASSERT_EQUAL_FATAL(a->num_segments, b->num_segments);
	for (size_t i = 0; i < a->num_segments; i++)
		CU_ASSERT(a->segments[i].gpa == b->segments[i].gpa &&
			  a->segments[i].len == b->segments[i].len);
	CU_ASSERT(same_bytes(a->data, a->data_len, b->data, b->data_len));
}

static bool same_rect(const struct vgpu_rect *a, const struct vgpu_rect *b)
{
	return a->x == b->x && a->y == b->y && a->width == b->width && a->height == b->height;
}

static void check_start(const struct vgpu_start_event *a, const struct vgpu_start_event *b)
{
	CU_ASSERT_EQUAL(a->features_offered, b->features_offered);
	CU_ASSERT_EQUAL(a->features_accepted, b->features_accepted);
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		CU_ASSERT(a->queues[i].ready == b->queues[i].ready &&
			  a->queues[i].size == b->queues[i].size &&
			  a->queues[i].desc == b->queues[i].desc &&
			  a->queues[i].driver == b->queues[i].driver &&
			  a->queues[i].device == b->queues[i].device);
}

static void check_outputs(const struct vgpu_trace_outputs *a, const struct vgpu_trace_outputs *b)
{
	CU_ASSERT_EQUAL_FATAL(a->num_scanouts, b->num_scanouts);
	for (unsigned int i = 0; i < a->num_scanouts; i++)
		CU_ASSERT(same_rect(&a->outputs[i].rect, &b->outputs[i].rect) &&
			  a->outputs[i].enabled == b->outputs[i].enabled);
}

static void check_record(const struct vgpu_trace_record *a, const struct vgpu_trace_record *b)
{
	CU_ASSERT_EQUAL_FATAL(a->type, b->type);
	CU_ASSERT_EQUAL(a->time_ns, b->time_ns);
	switch (a->type) {
	case VGPU_TRACE_START:
		check_start(&a->start, &b->start);
		break;
	case VGPU_TRACE_OUTPUTS:
		check_outputs(&a->outputs, &b->outputs);
		break;
	case VGPU_TRACE_REGISTER:
		CU_ASSERT(a->reg.write == b->reg.write && a->reg.offset == b->reg.offset &&
			  a->reg.size == b->reg.size && a->reg.value == b->reg.value);
		break;
	case VGPU_TRACE_REQUEST:
		check_request(&a->request, &b->request);
		break;
	case VGPU_TRACE_FRAME:
		CU_ASSERT(a->frame.scanout_id == b->frame.scanout_id &&
			  a->frame.width == b->frame.width && a->frame.height == b->frame.height &&
			  same_rect(&a->frame.damage, &b->frame.damage));
		CU_ASSERT(memcmp(&a->frame.hash, &b->frame.hash, sizeof(a->frame.hash)) == 0);
		break;
	default:
		break;
	}
}

/* Writes the records, and reads them back twice: the second time after a rewind. */
static void round_trip(const struct vgpu_trace_record *records, size_t count)
{
	char path[TRACE_FILE_PATH];
	uint64_t violations[VGPU_NUM_VIOLATIONS] = {7, 0, UINT64_MAX};
	struct vgpu_trace_record record;
	struct vgpu_error err = {0};

	trace_file_path(path);
	struct vgpu_trace_writer *writer = open_writer(path, 0, 0);
	for (size_t i = 0; i < count; i++)
		vgpu_trace_writer_put(writer, &records[i]);
	CU_ASSERT_EQUAL(vgpu_trace_writer_close(writer, violations, &err), 0);

	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	CU_ASSERT_STRING_EQUAL(vgpu_trace_reader_metadata(reader), "{\"guest\":\"unit test\"}");
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < count; i++) {
			CU_ASSERT_EQUAL_FATAL(vgpu_trace_reader_next(reader, &record, &err), 1);
			check_record(&record, &records[i]);
		}
		CU_ASSERT_EQUAL_FATAL(vgpu_trace_reader_next(reader, &record, &err), 1);
		CU_ASSERT_EQUAL(record.type, VGPU_TRACE_END);
		CU_ASSERT_EQUAL(record.end.violations[0], 7);
		CU_ASSERT_EQUAL(record.end.violations[2], UINT64_MAX);
		CU_ASSERT_EQUAL(vgpu_trace_reader_next(reader, &record, &err), 0);
		CU_ASSERT_EQUAL(vgpu_trace_reader_next(reader, &record, &err), 0);
		CU_ASSERT_EQUAL(vgpu_trace_reader_rewind(reader, &err), 0);
	}
	vgpu_trace_reader_close(reader);
	trace_file_remove(path);
}

/* ---- every record type ------------------------------------------------------------------ */

static void keeps_device_life(void)
{
	const struct vgpu_trace_record records[] = {
		{.type = VGPU_TRACE_OUTPUTS,
		 .time_ns = UINT64_MAX,
		 .outputs = {1, {{{0, 0, 1280, 800}, true}}}},
		{.type = VGPU_TRACE_REGISTER,
		 .time_ns = 0,
		 .reg = {true, UINT32_MAX, 8, UINT64_MAX}},
		{.type = VGPU_TRACE_REGISTER, .time_ns = 5, .reg = {false, 0, 1, 0}},
		{.type = VGPU_TRACE_START,
		 .time_ns = 12345,
		 .start = {.features_offered = UINT64_MAX,
			   .features_accepted = 1,
			   .queues = {{true, 1024, UINT64_MAX, 0, 1}, {false, 0, 0, 0, 0}}}},
		{.type = VGPU_TRACE_RESET, .time_ns = 12344},
		{.type = VGPU_TRACE_OUTPUTS,
		 .time_ns = 1,
		 .outputs = {VGPU_MAX_SCANOUTS,
			     {[15] = {{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}, true}}}},
	};

	round_trip(records, sizeof(records) / sizeof(records[0]));
}

static void keeps_requests(void)
{
	static uint8_t data[3 * 4096 + 5], message[TRACE_MAX_MESSAGE];
	struct vgpu_trace_segment segments[] = {
		{0x40001000, 4096}, {0x40000000, 4096}, {UINT64_MAX, 1}, {0, 4096}, {7, 4}};
	struct vgpu_chain_desc descs[] = {{0, false}, {UINT32_MAX, false}, {UINT32_MAX, true}};
	struct vgpu_trace_segment one[3];
	struct vgpu_trace_record records[] = {
		transfer(data, sizeof(data), 0, &one[0]),
		transfer(data, 4096, 64, &one[1]),
		transfer(NULL, 0, 0, &one[2]),
		{.type = VGPU_TRACE_REQUEST, .request = {.indirect_at = -1}},
		{.type = VGPU_TRACE_FRAME,
		 .time_ns = 9,
		 .frame = {15, .width = UINT32_MAX, .height = 1, .damage = {1, 2, 3, 4},
			   .hash = {{1, 2, 3, [15] = 255}}}},
	};

	fill_random(data, sizeof(data), 1);
	fill_random(message, sizeof(message), 2);
	records[0].request.segments = segments;
	records[0].request.num_segments = 5;
	records[1].request.descs = descs;
	records[1].request.num_descs = 3;
	records[1].request.indirect_at = 2;
	records[1].request.queue = 1;
	records[1].request.head = UINT16_MAX;
	records[1].request.interrupt = true;
	records[1].request.begin_ns = records[1].time_ns = UINT64_MAX;
	records[1].request.end_ns = 0;
	records[2].request.num_segments = 0;
	records[2].request.request = message;
	records[2].request.request_len = sizeof(message);
	records[2].request.response = message;
	records[2].request.used_len = sizeof(message);
	round_trip(records, sizeof(records) / sizeof(records[0]));
}

static void keeps_memory_of_any_shape(void)
{
	enum { LEN = 3000000 };
	static const uint32_t pitches[] = {0,	 1,	3,     511,    512,
					   5120, 65536, 65537, 200001, UINT32_MAX};
	struct vgpu_trace_record records[sizeof(pitches) / sizeof(pitches[0])];
	struct vgpu_trace_segment segments[sizeof(pitches) / sizeof(pitches[0])];
	uint8_t *data = malloc(LEN);

	fill_random(data, LEN, 3);
	memset(data + LEN / 4, 0, LEN / 2);
	for (size_t i = 0; i < sizeof(pitches) / sizeof(pitches[0]); i++)
		records[i] = transfer(data, LEN - i, pitches[i], &segments[i]);
	round_trip(records, sizeof(pitches) / sizeof(pitches[0]));
	free(data);
}

static void keeps_many_segments(void)
{
	enum { ROWS = 4000 };
	static struct vgpu_trace_segment segments[ROWS + 7];
	static uint8_t data[ROWS * 8 + 7];
	struct vgpu_trace_segment unused;
	struct vgpu_trace_record record = transfer(data, sizeof(data), 8, &unused);

	fill_random(data, sizeof(data), 4);
	for (unsigned int i = 0; i < ROWS; i++)
		segments[i] = (struct vgpu_trace_segment){0x80000000u - 5120u * i, 8};
	for (unsigned int i = ROWS; i < ROWS + 7; i++)
		segments[i] = (struct vgpu_trace_segment){0x1234567890u * i * i, 1};
	record.request.segments = segments;
	record.request.num_segments = ROWS + 7;
	round_trip(&record, 1);
}

static void numbers_requests_and_frames(void)
{
	char path[TRACE_FILE_PATH];
	struct vgpu_trace_record record = {.type = VGPU_TRACE_FRAME};
	struct vgpu_error err = {0};

	trace_file_path(path);
	struct vgpu_trace_writer *writer = open_writer(path, 0, 0);
	for (int i = 0; i < 3; i++) {
		put_transfer(writer, NULL, 0, 0);
		record.type = VGPU_TRACE_FRAME;
		vgpu_trace_writer_put(writer, &record);
		vgpu_trace_writer_put(writer, &record);
		if (i == 1)
			wait_for_disk(writer);
	}
	CU_ASSERT_EQUAL(vgpu_trace_writer_stats(writer).requests, 3);
	CU_ASSERT_EQUAL(vgpu_trace_writer_stats(writer).frames, 6);
	close_writer(writer);

	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	for (uint64_t i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL_FATAL(vgpu_trace_reader_next(reader, &record, &err), 1);
		CU_ASSERT_EQUAL(record.request.number, i);
		for (uint64_t j = 0; j < 2; j++) {
			CU_ASSERT_EQUAL_FATAL(vgpu_trace_reader_next(reader, &record, &err), 1);
			CU_ASSERT_EQUAL(record.frame.number, 2 * i + j);
			CU_ASSERT_EQUAL(record.frame.request, i);
		}
	}
	vgpu_trace_reader_close(reader);
	trace_file_remove(path);
}

/* ---- content that the file already holds ------------------------------------------------- */

static off_t size_with_transfers(const uint8_t *data, uint64_t len, uint32_t pitch, int count,
				 size_t step)
{
	char path[TRACE_FILE_PATH];

	trace_file_path(path);
	struct vgpu_trace_writer *writer = open_writer(path, 0, 0);
	for (int i = 0; i < count; i++)
		put_transfer(writer, data + (size_t)i * step, len, pitch);
	close_writer(writer);
	CU_ASSERT_EQUAL(trace_file_read(path, NULL, NULL), 0);
	off_t size = file_size(path);
	trace_file_remove(path);
	return size;
}

static void stores_the_same_frame_once(void)
{
	enum { PITCH = 5120, ROWS = 800 };
	uint8_t *data = malloc(PITCH * ROWS);

	fill_random(data, PITCH * ROWS, 5);
	off_t once = size_with_transfers(data, PITCH * ROWS, PITCH, 1, 0);
	off_t ten = size_with_transfers(data, PITCH * ROWS, PITCH, 10, 0);
	CU_ASSERT(once >= PITCH * ROWS);
	CU_ASSERT(ten - once < 9 * 200);
	free(data);
}

static void stores_what_scrolls_once(void)
{
	enum { PITCH = 5120, ROWS = 800, LINE = 16, STEPS = 10 };
	uint8_t *data = malloc(PITCH * (ROWS + STEPS * LINE));

	fill_random(data, PITCH * (ROWS + STEPS * LINE), 6);
	off_t once = size_with_transfers(data, PITCH * ROWS, PITCH, 1, 0);
	off_t all = size_with_transfers(data, PITCH * ROWS, PITCH, STEPS + 1, PITCH * LINE);
	CU_ASSERT(all - once < STEPS * (PITCH * LINE + 400));
	free(data);
}

static void forgets_at_the_window_limit(void)
{
	enum { LEN = 1 << 20, COUNT = 8 };
	static uint8_t data[COUNT][LEN];
	char path[TRACE_FILE_PATH];
	struct vgpu_trace_record record;
	struct vgpu_error err = {0};

	fill_random(data[0], sizeof(data), 7);
	trace_file_path(path);
	struct vgpu_trace_writer *writer = open_writer(path, 0, 2 * LEN);
	for (int i = 0; i < 2 * COUNT; i++)
		put_transfer(writer, data[i / 2 % COUNT], LEN, 4096);
	put_transfer(writer, data[0], LEN, 4096);
	close_writer(writer);
	/* Each is stored once, and the first again because it was forgotten. */
	CU_ASSERT(file_size(path) > (COUNT + 1) * LEN);
	CU_ASSERT(file_size(path) < (COUNT + 2) * LEN);

	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	for (int i = 0; i < 2 * COUNT; i++) {
		CU_ASSERT_EQUAL_FATAL(vgpu_trace_reader_next(reader, &record, &err), 1);
		CU_ASSERT(same_bytes(record.request.data, record.request.data_len,
				     data[i / 2 % COUNT], LEN));
	}
	vgpu_trace_reader_close(reader);
	trace_file_remove(path);
}

/* ---- when the disk cannot keep up, or is full ------------------------------------------------ */

static void drops_data_but_no_request(void)
{
	enum { LEN = 4 << 20, COUNT = 40 };
	char path[TRACE_FILE_PATH];
	uint8_t *data = malloc(LEN + COUNT);
	struct vgpu_trace_record record;
	struct vgpu_error err = {0};
	uint64_t dropped = 0;

	fill_random(data, LEN + COUNT, 8);
	trace_file_path(path);
	struct vgpu_trace_writer *writer = open_writer(path, 1, 0);
	for (int i = 0; i < COUNT; i++)
		put_transfer(writer, data + i, LEN, 4096);
	close_writer(writer);

	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	for (int i = 0; i < COUNT; i++) {
		CU_ASSERT_EQUAL_FATAL(vgpu_trace_reader_next(reader, &record, &err), 1);
		CU_ASSERT_EQUAL(record.request.data_len, LEN);
		CU_ASSERT_EQUAL(record.request.num_segments, 1);
		dropped += record.request.dropped;
		if (record.request.dropped)
			CU_ASSERT_PTR_NULL(record.request.data)
		else
			CU_ASSERT(same_bytes(record.request.data, LEN, data + i, LEN));
		CU_ASSERT(i > 0 || !record.request.dropped);
	}
	CU_ASSERT(dropped > 0);
	CU_ASSERT_EQUAL_FATAL(vgpu_trace_reader_next(reader, &record, &err), 1);
	CU_ASSERT_EQUAL(record.end.dropped, dropped);
	CU_ASSERT_EQUAL(record.end.requests, COUNT);
	vgpu_trace_reader_close(reader);
	trace_file_remove(path);
	free(data);
}

static struct vgpu_trace_end end_of(const char *path)
{
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, NULL);
	struct vgpu_trace_record record;
	struct vgpu_trace_end end = {0};

	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	while (vgpu_trace_reader_next(reader, &record, NULL) > 0)
		if (record.type == VGPU_TRACE_END)
			end = record.end;
	vgpu_trace_reader_close(reader);
	return end;
}

struct pipe_reader {
	char path[TRACE_FILE_PATH + 8];
	bool full; /* it may be read */
	uint64_t bytes;
};

static void *read_all(void *opaque)
{
	static uint8_t room[1u << 16];
	struct pipe_reader *reader = opaque;
	int fd = open(reader->path, O_RDONLY);
	ssize_t n;

	while (!__atomic_load_n(&reader->full, __ATOMIC_ACQUIRE))
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	while ((n = read(fd, room, sizeof(room))) > 0)
		reader->bytes += (uint64_t)n;
	close(fd);
	return NULL;
}

/*
 * The thread writes the first record while the others wait. They would take next to
 * nothing, were there the time to compress them.
 */
static void compresses_nothing_while_too_much_waits(void)
{
	enum { LEN = 1 << 20, COUNT = 6 };
	static uint8_t noise[LEN];
	static uint32_t numbers[COUNT][LEN / 4];
	struct pipe_reader reader = {0};
	char path[TRACE_FILE_PATH];
	pthread_t thread;

	trace_file_path(path);
	/* What there is already under the name of a file to be is taken for it. */
	snprintf(reader.path, sizeof(reader.path), "%s.part", path);
	fill_random(noise, LEN, 5);
	for (uint32_t i = 0; i < COUNT * LEN / 4; i++)
		numbers[i / (LEN / 4)][i % (LEN / 4)] = i / 64;
	CU_ASSERT_EQUAL_FATAL(mkfifo(reader.path, 0600), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, read_all, &reader), 0);
	/* Half of this is less than what is behind the first and the second of the six. */
	struct vgpu_trace_writer *writer = open_writer(path, 15u << 19, 0);
	put_transfer(writer, noise, LEN, 4096);
	for (int i = 0; i < COUNT; i++)
		put_transfer(writer, (const uint8_t *)numbers[i], LEN, 4096);
	__atomic_store_n(&reader.full, true, __ATOMIC_RELEASE);
	close_writer(writer);
	pthread_join(thread, NULL);
	CU_ASSERT_TRUE(reader.bytes > 5u << 19);
	trace_file_remove(path);
}

/* The file may not grow beyond a limit: what a full disk does, without filling one. */
static void ends_cleanly_when_the_disk_is_full(void)
{
	enum { LEN = 1 << 20, COUNT = 8, LIMIT = 2500000 };
	char path[TRACE_FILE_PATH], part[TRACE_FILE_PATH + 8];
	uint8_t *data = malloc(COUNT * LEN);
	struct rlimit old, small;
	struct vgpu_trace_writer_stats stats;
	struct vgpu_error err = {0};
	unsigned int records;

	fill_random(data, COUNT * LEN, 9);
	trace_file_path(path);
	snprintf(part, sizeof(part), "%s.part", path);
	getrlimit(RLIMIT_FSIZE, &old);
	small = (struct rlimit){.rlim_cur = LIMIT, .rlim_max = old.rlim_max};
	struct vgpu_trace_writer *writer = open_writer(path, 0, 0);
	setrlimit(RLIMIT_FSIZE, &small);
	for (int i = 0; i < COUNT; i++)
		put_transfer(writer, data + (size_t)i * LEN, LEN, 4096);
	for (int i = 0; i < 60000 && vgpu_trace_writer_stats(writer).error == 0; i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	setrlimit(RLIMIT_FSIZE, &old);
	CU_ASSERT_EQUAL(vgpu_trace_writer_stats(writer).error, EFBIG);
	uint64_t requests = vgpu_trace_writer_stats(writer).requests;
	put_transfer(writer, data, LEN, 4096);
	CU_ASSERT_EQUAL(vgpu_trace_writer_stats(writer).requests, requests);
	CU_ASSERT_EQUAL(vgpu_trace_writer_close_stats(writer, NULL, &stats, &err), -EFBIG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, ": File too large; the trace ends after "));
	/* It is whole up to there, and says what it lacks. */
	CU_ASSERT_EQUAL(file_size(part), -1);
	CU_ASSERT(file_size(path) > LIMIT / 4 && file_size(path) <= LIMIT);
	CU_ASSERT_EQUAL(trace_file_read(path, &records, &err), 0);
	CU_ASSERT(stats.requests > 0 && records == stats.requests + 1);
	CU_ASSERT_EQUAL(stats.requests + stats.lost_requests, COUNT + 1);
	struct vgpu_trace_end end = end_of(path);
	CU_ASSERT_EQUAL(end.cause, VGPU_TRACE_CAUSE_ERROR);
	CU_ASSERT(end.lost_requests > 0 && end.lost_requests <= stats.lost_requests);
	trace_file_remove(path);
	free(data);
}

/* No file is larger than it may be, and none is much smaller for it. */
static void keeps_to_a_size(void)
{
	enum { LEN = 64 << 10, COUNT = 40 };
	static const uint64_t sizes[] = {1000, 4096, 65536, 300000, 1000001, 1u << 30};
	uint8_t *data = malloc(COUNT * LEN);
	struct vgpu_trace_writer_stats stats;
	char path[TRACE_FILE_PATH];
	unsigned int records;

	fill_random(data, COUNT * LEN, 12);
	trace_file_path(path);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		const struct vgpu_trace_writer_options options = {.max_size = sizes[i]};
		struct vgpu_error err = {0};
		struct vgpu_trace_writer *writer = vgpu_trace_writer_open(path, &options, &err);

		CU_ASSERT_PTR_NOT_NULL_FATAL(writer);
		for (int n = 0; n < COUNT; n++)
			put_transfer(writer, data + (size_t)n * LEN, LEN, 4096);
		CU_ASSERT_EQUAL(vgpu_trace_writer_close_stats(writer, NULL, &stats, &err), 0);
		bool cut = sizes[i] < COUNT * LEN;
		CU_ASSERT_EQUAL(stats.limit_reached, cut);
		CU_ASSERT_EQUAL(stats.error, 0);
		CU_ASSERT((uint64_t)file_size(path) <= sizes[i]);
		CU_ASSERT(!cut || sizes[i] - (uint64_t)file_size(path) < (1u << 20) + 70000);
		CU_ASSERT_EQUAL(trace_file_read(path, &records, NULL), 0);
		CU_ASSERT_EQUAL(records, stats.requests + 1);
		CU_ASSERT_EQUAL(stats.requests + stats.lost_requests, COUNT);
		struct vgpu_trace_end end = end_of(path);
		CU_ASSERT_EQUAL(end.cause, cut ? VGPU_TRACE_CAUSE_LIMIT : VGPU_TRACE_CAUSE_ASKED);
		CU_ASSERT(end.lost_requests <= stats.lost_requests);
		CU_ASSERT(!cut || end.lost_requests > 0);
	}
	trace_file_remove(path);
	free(data);
}

/* The index has the room that was kept for it, and needs none besides. */
static void is_whole_whatever_the_limit(void)
{
	uint8_t data[64] = {0};
	char path[TRACE_FILE_PATH];
	unsigned int records;

	trace_file_path(path);
	for (uint64_t limit = 800; limit < 1400; limit += 5) {
		const struct vgpu_trace_writer_options options = {.max_size = limit};
		struct vgpu_error err = {0};
		struct vgpu_trace_writer *writer = vgpu_trace_writer_open(path, &options, &err);

		CU_ASSERT_PTR_NOT_NULL_FATAL(writer);
		put_transfer(writer, data, sizeof(data), 0);
		CU_ASSERT_EQUAL(vgpu_trace_writer_close(writer, NULL, &err), 0);
		CU_ASSERT((uint64_t)file_size(path) <= limit);
		CU_ASSERT_EQUAL(trace_file_read(path, &records, NULL), 0);
	}
	trace_file_remove(path);
}

static void says_that_the_file_was_removed(void)
{
	char path[TRACE_FILE_PATH] = "", part[TRACE_FILE_PATH + 8];
	struct vgpu_error err = {0};

	trace_file_path(path);
	snprintf(part, sizeof(part), "%s.part", path);
	struct vgpu_trace_writer *writer = open_writer(path, 0, 0);
	put_transfer(writer, (const uint8_t *)path, sizeof(path), 0);
	unlink(part);
	CU_ASSERT_EQUAL(vgpu_trace_writer_close(writer, NULL, &err), -ENOENT);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "x.trace.part: was removed while it was written"));
	trace_file_remove(path);
}

static void says_why_it_cannot_open(void)
{
	char path[TRACE_FILE_PATH], part[TRACE_FILE_PATH + 8];
	struct vgpu_error err = {0};

	CU_ASSERT_PTR_NULL(vgpu_trace_writer_open("/nonexistent/x.trace", NULL, &err));
	CU_ASSERT_STRING_EQUAL(err.text, "/nonexistent/x.trace.part: No such file or directory");
	CU_ASSERT_PTR_NULL(vgpu_trace_reader_open("/nonexistent/x.trace", &err));
	CU_ASSERT_STRING_EQUAL(err.text, "/nonexistent/x.trace: No such file or directory");
	trace_file_path(path);
	snprintf(part, sizeof(part), "%s.part", path);
	CU_ASSERT_EQUAL(symlink("/dev/full", part), 0);
	CU_ASSERT_PTR_NULL(vgpu_trace_writer_open(path, NULL, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "No space left on device"));
	unlink(part);

	/* Two recorders must not write one file. */
	struct vgpu_trace_writer *writer = open_writer(path, 0, 0);
	CU_ASSERT_PTR_NULL(vgpu_trace_writer_open(path, NULL, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "another recorder"));
	close_writer(writer);
	CU_ASSERT_EQUAL(trace_file_read(path, NULL, &err), 0);
	trace_file_remove(path);
}

static void is_named_part_until_closed(void)
{
	char path[TRACE_FILE_PATH], part[TRACE_FILE_PATH + 8];
	struct vgpu_error err = {0};
	unsigned int records;

	trace_file_path(path);
	snprintf(part, sizeof(part), "%s.part", path);
	struct vgpu_trace_writer *writer = open_writer(path, 0, 0);
	put_transfer(writer, NULL, 0, 0);
	wait_for_disk(writer);
	CU_ASSERT_EQUAL(file_size(path), -1);
	CU_ASSERT_EQUAL(trace_file_read(part, &records, &err), -ENODATA);
	CU_ASSERT_EQUAL(records, 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "the recording was not finished"));
	close_writer(writer);
	CU_ASSERT_EQUAL(file_size(part), -1);
	CU_ASSERT_EQUAL(trace_file_read(path, &records, &err), 0);
	CU_ASSERT_EQUAL(records, 2);
	/* Somebody else's link is not followed. */
	CU_ASSERT_EQUAL_FATAL(symlink(path, part), 0);
	CU_ASSERT_PTR_NULL_FATAL(vgpu_trace_writer_open(path, NULL, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "x.trace.part: is a link"));
	CU_ASSERT_EQUAL(trace_file_read(path, &records, &err), 0);
	CU_ASSERT_EQUAL(unlink(part), 0);
	trace_file_remove(path);
}

/* A record lies on disk soon, also if nothing comes after it. */
static void writes_within_a_moment(void)
{
	char path[TRACE_FILE_PATH];
	uint64_t least = UINT64_MAX;

	trace_file_path(path);
	struct vgpu_trace_writer *writer = open_writer(path, 0, 0);
	/* 100 ms, and much for a machine that is busy, which it need not be each time. */
	for (int i = 0; i < 10 && least >= 1000000000; i++) {
		uint64_t begin = vgpu_now_ns();

		put_transfer(writer, NULL, 0, 0);
		wait_for_disk(writer);
		uint64_t taken = vgpu_now_ns() - begin;
		CU_ASSERT(taken > 50000000);
		least = taken < least ? taken : least;
	}
	CU_ASSERT(least < 1000000000);
	close_writer(writer);
	trace_file_remove(path);
}

/* ---- threads ------------------------------------------------------------------------------------
 */

struct producer {
	struct vgpu_trace_writer *writer;
	const uint8_t *data;
};

static void *produce(void *opaque)
{
	struct producer *producer = opaque;

	for (int i = 0; i < 300; i++) {
		put_transfer(producer->writer, producer->data + i, 20000, 160);
		vgpu_trace_writer_stats(producer->writer);
	}
	return NULL;
}

static void takes_records_from_several_threads(void)
{
	enum { THREADS = 3 };
	static uint8_t data[THREADS][20300];
	struct producer producers[THREADS];
	pthread_t threads[THREADS];
	char path[TRACE_FILE_PATH];
	unsigned int records;

	fill_random(data[0], sizeof(data), 10);
	trace_file_path(path);
	struct vgpu_trace_writer *writer = open_writer(path, 1 << 20, 1 << 20);
	for (int i = 0; i < THREADS; i++) {
		producers[i] = (struct producer){writer, data[i]};
		CU_ASSERT_EQUAL(pthread_create(&threads[i], NULL, produce, &producers[i]), 0);
	}
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	CU_ASSERT_EQUAL(vgpu_trace_writer_stats(writer).requests, 300 * THREADS);
	close_writer(writer);
	CU_ASSERT_EQUAL(trace_file_read(path, &records, NULL), 0);
	CU_ASSERT_EQUAL(records, 300 * THREADS + 1);
	trace_file_remove(path);
}

/* Requests without data fill the queue beyond its limit: then put() waits, none is lost. */
static void waits_rather_than_lose_a_request(void)
{
	enum { LEN = 2 << 20, COUNT = 30 };
	char path[TRACE_FILE_PATH];
	uint8_t *message = malloc(LEN);
	struct vgpu_trace_segment segment;
	unsigned int records;

	trace_file_path(path);
	fill_random(message, LEN, 11);
	struct vgpu_trace_writer *writer = open_writer(path, 1, 0);
	for (int i = 0; i < COUNT; i++) {
		struct vgpu_trace_record record = transfer(NULL, 0, 0, &segment);
		record.request.num_segments = 0;
		record.request.request = message;
		record.request.request_len = LEN;
		vgpu_trace_writer_put(writer, &record);
	}
	close_writer(writer);
	CU_ASSERT_EQUAL(trace_file_read(path, &records, NULL), 0);
	CU_ASSERT_EQUAL(records, COUNT + 1);
	trace_file_remove(path);
	free(message);
}

/* ---- limits
 * ---------------------------------------------------------------------------------------- */

static void marks_memory_beyond_the_limit_as_dropped(void)
{
	char path[TRACE_FILE_PATH];
	struct vgpu_trace_segment segment;
	struct vgpu_trace_record record =
		transfer((const uint8_t *)"", TRACE_MAX_DATA + 1, 0, &segment);
	struct vgpu_error err = {0};

	trace_file_path(path);
	struct vgpu_trace_writer *writer = open_writer(path, 0, 0);
	vgpu_trace_writer_put(writer, &record);
	close_writer(writer);
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	CU_ASSERT_EQUAL_FATAL(vgpu_trace_reader_next(reader, &record, &err), 1);
	CU_ASSERT_TRUE(record.request.dropped);
	CU_ASSERT_EQUAL(record.request.data_len, TRACE_MAX_DATA + 1);
	vgpu_trace_reader_close(reader);
	trace_file_remove(path);
}

/* A list of segments that is too long for a block must not end the recording. */
static void marks_too_many_segments_as_dropped(void)
{
	enum { COUNT = TRACE_MAX_SEGMENTS };
	struct vgpu_trace_segment *segments = calloc(COUNT + 1, sizeof(*segments));
	uint8_t *data = calloc(1, TRACE_MAX_MESSAGE);
	struct vgpu_trace_segment unused;
	struct vgpu_trace_record record = transfer(data, COUNT, 0, &unused);
	char path[TRACE_FILE_PATH];
	struct vgpu_error err = {0};

	for (size_t i = 0; i <= COUNT; i++)
		segments[i] = (struct vgpu_trace_segment){i * i * i << 20, 1};
	record.request.segments = segments;
	record.request.num_segments = COUNT;
	record.request.request = record.request.response = data;
	record.request.request_len = record.request.used_len = TRACE_MAX_MESSAGE;
	trace_file_path(path);
	struct vgpu_trace_writer *writer = open_writer(path, 0, 0);
	vgpu_trace_writer_put(writer, &record);
	record.request.num_segments = record.request.data_len = COUNT + 1;
	vgpu_trace_writer_put(writer, &record);
	close_writer(writer);
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	for (int i = 0; i < 2; i++) {
		CU_ASSERT_EQUAL_FATAL(vgpu_trace_reader_next(reader, &record, &err), 1);
		CU_ASSERT_TRUE(record.request.dropped);
		CU_ASSERT_EQUAL(record.request.num_segments, 0);
	}
	CU_ASSERT_EQUAL_FATAL(vgpu_trace_reader_next(reader, &record, &err), 1);
	CU_ASSERT_EQUAL(record.end.dropped, 2);
	vgpu_trace_reader_close(reader);
	trace_file_remove(path);
	free(segments);
	free(data);
}

/* ---- standard input
 * ----------------------------------------------------------------------------------- */

static void reads_standard_input(void)
{
	char path[TRACE_FILE_PATH];
	struct vgpu_error err = {0};
	struct vgpu_trace_record record;

	trace_file_path(path);
	struct vgpu_trace_writer *writer = open_writer(path, 0, 0);
	put_transfer(writer, NULL, 0, 0);
	close_writer(writer);
	int old = dup(STDIN_FILENO), fd = open(path, O_RDONLY | O_CLOEXEC);
	dup2(fd, STDIN_FILENO);
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open("-", &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	CU_ASSERT_EQUAL(vgpu_trace_reader_next(reader, &record, &err), 1);
	CU_ASSERT_EQUAL(vgpu_trace_reader_rewind(reader, &err), -ESPIPE);
	CU_ASSERT_EQUAL(vgpu_trace_reader_next(reader, &record, &err), 1);
	CU_ASSERT_EQUAL(vgpu_trace_reader_next(reader, &record, &err), 0);
	vgpu_trace_reader_close(reader);
	CU_ASSERT_EQUAL(trace_file_read("-", NULL, &err), -EIO);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "standard input: "));
	dup2(old, STDIN_FILENO);
	close(old);
	close(fd);
	trace_file_remove(path);
}

static const struct unit_test tests[] = {
	{"keeps the device's life", keeps_device_life},
	{"keeps requests", keeps_requests},
	{"keeps memory of any shape", keeps_memory_of_any_shape},
	{"keeps many segments", keeps_many_segments},
	{"numbers requests and frames", numbers_requests_and_frames},
	{"stores the same frame once", stores_the_same_frame_once},
	{"stores what scrolls once", stores_what_scrolls_once},
	{"forgets at the window limit", forgets_at_the_window_limit},
	{"drops data but no request", drops_data_but_no_request},
	{"compresses nothing while too much waits", compresses_nothing_while_too_much_waits},
	{"ends cleanly when the disk is full", ends_cleanly_when_the_disk_is_full},
	{"says why it cannot open", says_why_it_cannot_open},
	{"keeps to a size", keeps_to_a_size},
	{"is whole whatever the limit", is_whole_whatever_the_limit},
	{"says that the file was removed", says_that_the_file_was_removed},
	{"is named .part until closed", is_named_part_until_closed},
	{"writes within a moment", writes_within_a_moment},
	{"takes records from several threads", takes_records_from_several_threads},
	{"waits rather than lose a request", waits_rather_than_lose_a_request},
	{"marks memory beyond the limit as dropped", marks_memory_beyond_the_limit_as_dropped},
	{"marks too many segments as dropped", marks_too_many_segments_as_dropped},
	{"reads standard input", reads_standard_input},
	{NULL, NULL},
};

const struct unit_suite trace_suite = {"trace", tests};
