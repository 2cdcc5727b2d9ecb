/* SPDX-License-Identifier: MIT */
/*
 * How large a trace is, beside what other ways of writing the same requests
 * down would take, and what each costs:
 *
 *   raw      requests, answers and guest memory, one behind the other
 *   blocks   raw in zstd frames of 1 MiB or 100 ms, each for itself
 *   long-1,3 raw as one zstd stream with a window of 128 MiB and long distance
 *            matching, flushed after every request as a recorder must; level 1, 3
 *   format   this format, written again by this program's writer
 *
 * The times are CPU time per GB of raw, over all threads.
 */
#include "trace.h"
#include "trace/bytes.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zstd.h>

#define BLOCK_SIZE (1u << 20)
#define BLOCK_NS   100000000u
#define OUT_SIZE   (1u << 20)

/* One way of writing requests down. */
struct method {
	const char *name;
	/* NULL if it cannot be set up. */
	void *(*begin)(const struct method *method);
	/* Returns the bytes written so far for certain; the rest comes with end(). */
	void (*add)(void *state, const struct vgpu_trace_record *record);
	uint64_t (*end)(void *state);
	int level;
	bool everything; /* wants records of every type, not only requests */
};

static double cpu_seconds(void)
{
	struct timespec now;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static uint64_t raw_size(const struct vgpu_trace_request *request)
{
	return request->request_len + request->used_len + (request->data ? request->data_len : 0);
}

/* ---- raw --------------------------------------------------------------------------------- */

static void *begin_raw(const struct method *method)
{
	(void)method;
	return calloc(1, sizeof(uint64_t));
}

static void add_raw(void *state, const struct vgpu_trace_record *record)
{
	*(uint64_t *)state += raw_size(&record->request);
}

static uint64_t end_raw(void *state)
{
	uint64_t total = *(uint64_t *)state;

	free(state);
	return total;
}

/* ---- zstd, as one stream or as blocks ------------------------------------------------------- */

struct zstd_state {
	ZSTD_CCtx *zstd;
	uint8_t *out;
	uint64_t total;
	struct bytes block;
	uint64_t block_ns;
	bool blocks;
};

static void compress(struct zstd_state *state, const void *data, size_t len, ZSTD_EndDirective how)
{
	ZSTD_inBuffer in = {.src = data, .size = len};
	size_t left;

	do {
		ZSTD_outBuffer out = {.dst = state->out, .size = OUT_SIZE};
		left = ZSTD_compressStream2(state->zstd, &out, &in, how);
		if (ZSTD_isError(left)) {
			fprintf(stderr, "trace-size: %s\n", ZSTD_getErrorName(left));
			exit(2);
		}
		state->total += out.pos;
	} while (how == ZSTD_e_continue ? in.pos < in.size : left > 0);
}

static void *begin_zstd(const struct method *method)
{
	struct zstd_state *state = calloc(1, sizeof(*state));

	if (state == NULL)
		return NULL;
	state->zstd = ZSTD_createCCtx();
	state->out = malloc(OUT_SIZE);
	if (state->zstd == NULL || state->out == NULL) {
		ZSTD_freeCCtx(state->zstd);
		free(state->out);
		free(state);
		return NULL;
	}
	ZSTD_CCtx_setParameter(state->zstd, ZSTD_c_compressionLevel, method->level);
	return state;
}

static void *begin_long(const struct method *method)
{
	struct zstd_state *state = begin_zstd(method);

	if (state == NULL)
		return NULL;
	ZSTD_CCtx_setParameter(state->zstd, ZSTD_c_enableLongDistanceMatching, 1);
	ZSTD_CCtx_setParameter(state->zstd, ZSTD_c_windowLog, 27);
	return state;
}

static void add_long(void *opaque, const struct vgpu_trace_record *record)
{
	const struct vgpu_trace_request *request = &record->request;

	compress(opaque, request->request, request->request_len, ZSTD_e_continue);
	compress(opaque, request->response, request->used_len, ZSTD_e_continue);
	compress(opaque, request->data, request->data ? request->data_len : 0, ZSTD_e_flush);
}

static void add_block(void *opaque, const struct vgpu_trace_record *record)
{
	const struct vgpu_trace_request *request = &record->request;
	struct zstd_state *state = opaque;

	if (state->block.len == 0)
		state->block_ns = record->time_ns;
	bytes_put(&state->block, request->request, request->request_len);
	bytes_put(&state->block, request->response, request->used_len);
	bytes_put(&state->block, request->data, request->data ? request->data_len : 0);
	if (state->block.len < BLOCK_SIZE && record->time_ns - state->block_ns < BLOCK_NS)
		return;
	compress(state, state->block.data, state->block.len, ZSTD_e_end);
	state->block.len = 0;
}

static uint64_t end_zstd(void *opaque)
{
	struct zstd_state *state = opaque;
	uint64_t total;

	compress(state, state->block.data, state->block.len, ZSTD_e_end);
	total = state->total;
	ZSTD_freeCCtx(state->zstd);
	bytes_fini(&state->block);
	free(state->out);
	free(state);
	return total;
}

/* ---- this format ------------------------------------------------------------------------------
 */

struct format_state {
	struct vgpu_trace_writer *writer;
	char path[64];
};

static void *begin_format(const struct method *method)
{
	/* Nothing may be dropped, as fast as it may come. */
	const struct vgpu_trace_writer_options options = {.queue_limit = 1ull << 30};
	struct format_state *state = calloc(1, sizeof(*state));
	struct vgpu_error err;

	(void)method;
	if (state == NULL)
		return NULL;
	strcpy(state->path, "/tmp/trace-size-XXXXXX");
	int fd = mkstemp(state->path);
	if (fd >= 0) {
		close(fd);
		state->writer = vgpu_trace_writer_open(state->path, &options, &err);
		if (state->writer != NULL)
			return state;
		fprintf(stderr, "trace-size: %s\n", err.text);
	}
	free(state);
	return NULL;
}

static void add_format(void *opaque, const struct vgpu_trace_record *record)
{
	struct format_state *state = opaque;

	if (record->type != VGPU_TRACE_END)
		vgpu_trace_writer_put(state->writer, record);
}

static uint64_t end_format(void *opaque)
{
	struct format_state *state = opaque;
	struct vgpu_error err;
	struct stat info = {0};

	if (vgpu_trace_writer_close(state->writer, NULL, &err) < 0) {
		fprintf(stderr, "trace-size: %s\n", err.text);
		exit(2);
	}
	stat(state->path, &info);
	unlink(state->path);
	free(state);
	return (uint64_t)info.st_size;
}

/* ---- all of them
 * --------------------------------------------------------------------------------- */

static const struct method methods[] = {
	{"raw", begin_raw, add_raw, end_raw, 0, false},
	{"blocks", begin_zstd, add_block, end_zstd, 3, false},
	{"long-1", begin_long, add_long, end_zstd, 1, false},
	{"long-3", begin_long, add_long, end_zstd, 3, false},
	{"format", begin_format, add_format, end_format, 0, true},
};
#define NUM_METHODS (sizeof(methods) / sizeof(methods[0]))

/* Feeds a trace to a method. Returns its bytes, and the CPU time with reading in *seconds. */
static uint64_t measure(const struct method *method, const char *path, double *seconds)
{
	struct vgpu_error err;
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, &err);
	struct vgpu_trace_record record;
	int ret = -EIO;

	if (reader == NULL)
		goto failed;
	double begin = cpu_seconds();
	void *state = method->begin(method);
	if (state == NULL) {
		fprintf(stderr, "trace-size: out of memory\n");
		exit(2);
	}
	while ((ret = vgpu_trace_reader_next(reader, &record, &err)) > 0)
		if (method->everything || record.type == VGPU_TRACE_REQUEST)
			method->add(state, &record);
	uint64_t total = method->end(state);
	*seconds = cpu_seconds() - begin;
	vgpu_trace_reader_close(reader);
	if (ret == 0)
		return total;
failed:
	fprintf(stderr, "trace-size: %s\n", err.text);
	exit(2);
}

static void print_trace(const char *path)
{
	const char *name = strrchr(path, '/');
	uint64_t sizes[NUM_METHODS];
	double seconds[NUM_METHODS];
	struct stat info = {0};

	stat(path, &info);
	for (size_t i = 0; i < NUM_METHODS; i++)
		sizes[i] = measure(&methods[i], path, &seconds[i]);
	printf("%-22s %12lld", name == NULL ? path : name + 1, (long long)info.st_size);
	for (size_t i = 0; i < NUM_METHODS; i++)
		printf(" %12llu", (unsigned long long)sizes[i]);
	/* Reading is what "raw" does and nothing else. */
	for (size_t i = 1; i < NUM_METHODS; i++)
		printf(" %7.2f",
		       sizes[0] == 0 ? 0 : (seconds[i] - seconds[0]) * 1e9 / (double)sizes[0]);
	printf("\n");
}

int main(int argc, char **argv)
{
	if (argc < 2) {
		fprintf(stderr, "usage: trace-size TRACE...\n");
		return 2;
	}
	printf("%-22s %12s", "bytes", "file");
	for (size_t i = 0; i < NUM_METHODS; i++)
		printf(" %12s", methods[i].name);
	for (size_t i = 1; i < NUM_METHODS; i++)
		printf(" %7s", methods[i].name);
	printf(" (s/GB)\n");
	for (int i = 1; i < argc; i++)
		print_trace(argv[i]);
	return 0;
}
