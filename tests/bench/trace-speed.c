/* SPDX-License-Identifier: MIT */
/*
 * How fast traces replay on the built-in device, beside a memcpy of the guest
 * memory that they transfer: one line per trace, the best of some runs.
 *
 * "played" is reading, decompressing, sending and answering; "drawn" also turns
 * every frame into a picture and hashes it, which is what vgpu-replay does.
 */
#include "player.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* A short trace is played again and again, for about as long as this. */
#define ENOUGH_NS 1000000000ull

struct totals {
	uint64_t requests, frames;
	uint64_t bytes;	     /* of guest memory that requests read */
	uint64_t bytes_max;  /* of one request */
	uint64_t file_bytes; /* of the trace */
};

struct times {
	uint64_t memcpy_ns, played_ns, drawn_ns;
};

static int fail(const char *path, const char *text)
{
	fprintf(stderr, "trace-speed: %s: %s\n", path, text);
	return 2;
}

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static double per_second(uint64_t count, uint64_t ns)
{
	return ns != 0 ? (double)count * 1e9 / (double)ns : 0;
}

static int count(struct vgpu_trace_reader *reader, struct totals *totals, struct vgpu_error *err)
{
	struct vgpu_trace_record record;
	int rc;

	while ((rc = vgpu_trace_reader_next(reader, &record, err)) > 0) {
		totals->frames += record.type == VGPU_TRACE_FRAME;
		if (record.type != VGPU_TRACE_REQUEST)
			continue;
		totals->requests++;
		totals->bytes += record.request.data_len;
		if (record.request.data_len > totals->bytes_max)
			totals->bytes_max = record.request.data_len;
	}
	return rc < 0 ? rc : vgpu_trace_reader_rewind(reader, err);
}

/*
 * Copies what each request read to one place, as a transfer to one resource
 * does, right after the reader made it: source and target are as warm as they
 * are for the device.
 */
static int time_memcpy(struct vgpu_trace_reader *reader, uint8_t *to, uint64_t *ns,
		       struct vgpu_error *err)
{
	struct vgpu_trace_record record;
	int rc = vgpu_trace_reader_rewind(reader, err);

	*ns = 0;
	if (rc < 0)
		return rc;
	while ((rc = vgpu_trace_reader_next(reader, &record, err)) > 0) {
		if (record.type != VGPU_TRACE_REQUEST || record.request.data == NULL)
			continue;
		uint64_t begin = vgpu_now_ns();
		memcpy(to, record.request.data, record.request.data_len);
		/* So that the copy is not taken for useless. */
		__asm__ volatile("" : : "r"(to) : "memory");
		*ns += vgpu_now_ns() - begin;
	}
	return rc;
}

static bool wants_none(void *opaque, const struct vgpu_trace_frame *frame)
{
	(void)opaque;
	(void)frame;
	return false;
}

static void hash(void *opaque, const struct vgpu_player_frame *frame)
{
	unsigned int *differ = opaque;
	struct vgpu_frame_hash actual;

	if (frame->actual == NULL)
		return;
	actual = vgpu_frame_hash(frame->actual);
	*differ += !vgpu_frame_hash_equal(&actual, &frame->recorded->hash);
}

static int time_play(struct vgpu_player *player, const struct vgpu_player_events *events,
		     uint64_t *ns, struct vgpu_error *err)
{
	struct vgpu_target_options options;
	unsigned int differ = 0;

	vgpu_player_target_options(player, &options);
	struct vgpu_target *target = vgpu_target_builtin.open(&options, err);
	if (target == NULL)
		return -1;
	uint64_t begin = vgpu_now_ns();
	enum vgpu_player_end end = vgpu_player_play(player, target, events, &differ, err);
	*ns = vgpu_now_ns() - begin;
	vgpu_target_builtin.close(target);
	if (end != VGPU_PLAYER_DONE)
		return -1;
	return differ != 0 ? vgpu_error_set(err, EIO, "%u frames differ", differ) : 0;
}

static int time_all(struct vgpu_trace_reader *reader, struct vgpu_player *player, uint8_t *to,
		    struct times *times, struct vgpu_error *err)
{
	static const struct vgpu_player_events play = {.wants_frame = wants_none};
	static const struct vgpu_player_events draw = {.frame = hash};

	if (time_memcpy(reader, to, &times->memcpy_ns, err) < 0 ||
	    time_play(player, &play, &times->played_ns, err) < 0 ||
	    time_play(player, &draw, &times->drawn_ns, err) < 0)
		return -1;
	return 0;
}

static int best_times(struct vgpu_trace_reader *reader, struct vgpu_player *player, uint8_t *to,
		      struct times *best, struct vgpu_error *err)
{
	uint64_t begin = vgpu_now_ns();

	*best = (struct times){UINT64_MAX, UINT64_MAX, UINT64_MAX};
	do {
		struct times times;

		if (time_all(reader, player, to, &times, err) < 0)
			return -1;
		best->memcpy_ns = min_u64(best->memcpy_ns, times.memcpy_ns);
		best->played_ns = min_u64(best->played_ns, times.played_ns);
		best->drawn_ns = min_u64(best->drawn_ns, times.drawn_ns);
	} while (vgpu_now_ns() - begin < ENOUGH_NS);
	return 0;
}

static void print_header(void)
{
	printf("%-20s %8s %7s %8s | %7s | %10s %8s %7s | %8s %7s | %8s\n", "", "", "", "moved",
	       "memcpy", "played", "", "", "drawn", "", "recorded");
	printf("%-20s %8s %7s %8s | %7s | %10s %8s %7s | %8s %7s | %8s\n", "trace", "requests",
	       "frames", "MB", "MB/s", "requests/s", "frames/s", "MB/s", "frames/s", "MB/s",
	       "B/frame");
}

static void print_row(const char *path, const struct totals *totals, const struct times *times)
{
	const char *slash = strrchr(path, '/');
	double per_frame =
		totals->frames != 0 ? (double)totals->file_bytes / (double)totals->frames : 0;

	printf("%-20s %8" PRIu64 " %7" PRIu64 " %8.1f | %7.0f | %10.0f %8.0f %7.0f | %8.0f %7.0f |"
	       " %8.0f\n",
	       slash != NULL ? slash + 1 : path, totals->requests, totals->frames,
	       (double)totals->bytes / 1e6, per_second(totals->bytes, times->memcpy_ns) / 1e6,
	       per_second(totals->requests, times->played_ns),
	       per_second(totals->frames, times->played_ns),
	       per_second(totals->bytes, times->played_ns) / 1e6,
	       per_second(totals->frames, times->drawn_ns),
	       per_second(totals->bytes, times->drawn_ns) / 1e6, per_frame);
}

static int bench_open(const char *path, struct vgpu_trace_reader *reader, struct vgpu_error *err)
{
	struct totals totals = {0};
	struct times best;
	struct stat status;
	uint8_t *to = NULL;
	int rc = -1;

	if (count(reader, &totals, err) < 0)
		return -1;
	if (stat(path, &status) == 0)
		totals.file_bytes = (uint64_t)status.st_size;
	struct vgpu_player *player = vgpu_player_new(reader, err);
	if (player == NULL)
		return -1;
	to = malloc(totals.bytes_max + 1);
	if (to != NULL)
		rc = best_times(reader, player, to, &best, err);
	else
		vgpu_error_set(err, ENOMEM, "out of memory");
	if (rc == 0)
		print_row(path, &totals, &best);
	free(to);
	vgpu_player_free(player);
	return rc;
}

static int bench(const char *path)
{
	struct vgpu_error err;
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, &err);
	int rc;

	if (reader == NULL)
		return fail(path, err.text);
	rc = bench_open(path, reader, &err);
	vgpu_trace_reader_close(reader);
	return rc < 0 ? fail(path, err.text) : 0;
}

int main(int argc, char **argv)
{
	int status = 0;

	if (argc < 2) {
		fprintf(stderr, "Usage: trace-speed TRACE...\n");
		return 2;
	}
	print_header();
	for (int i = 1; i < argc; i++) {
		if (bench(argv[i]) != 0)
			status = 2;
		fflush(stdout);
	}
	return status;
}
