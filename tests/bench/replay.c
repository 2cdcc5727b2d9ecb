/* SPDX-License-Identifier: MIT */
/* Whole replay from a file on the built-in target, beside what it is made of. */
#include "replay.h"
#include "bench/bench.h"
#include "bench/guest.h"
#include "bench/record.h"
#include "trace/format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zstd.h>

#define WIDTH	 1280u
#define HEIGHT	 800u
#define FRAMES	 60u
#define PICTURES 8u

struct whole {
	char path[512];
	struct guest guest;
	uint32_t **pictures;
	struct vgpu_frame frame;
	double cpu[3]; /* processor time of the run before, of each side */
};

/* ---- decompression alone ------------------------------------------------------------- */

static int decompress(ZSTD_DCtx *zstd, const uint8_t *stored, size_t len, uint8_t *raw)
{
	ZSTD_inBuffer in = {.src = stored, .size = len};

	while (in.pos < in.size) {
		ZSTD_outBuffer out = {.dst = raw, .size = TRACE_MAX_BLOCK};

		if (ZSTD_isError(ZSTD_decompressStream(zstd, &out, &in)))
			return -EBADMSG;
	}
	return 0;
}

/* Of what is stored as it is, zstd would do the same: copy it. */
static int unpack(ZSTD_DCtx *zstd, const struct trace_block_header *header, const uint8_t *stored,
		  uint8_t *raw)
{
	uint32_t len = le32toh(header->stored_len);

	if ((le16toh(header->flags) & TRACE_FLAG_ZSTD) != 0)
		return decompress(zstd, stored, len, raw);
	memcpy(raw, stored, len);
	return 0;
}

static int decompress_file(const uint8_t *file, size_t size, ZSTD_DCtx *zstd, uint8_t *raw)
{
	size_t at = sizeof(struct trace_file_header);
	int ret = 0;

	while (ret == 0 && at + sizeof(struct trace_block_header) < size) {
		struct trace_block_header header;

		memcpy(&header, file + at, sizeof(header));
		at += sizeof(header);
		if ((le16toh(header.flags) & TRACE_FLAG_RESTART) != 0)
			ZSTD_DCtx_reset(zstd, ZSTD_reset_session_only);
		if (le16toh(header.type) == TRACE_BLOCK_RECORDS)
			ret = unpack(zstd, &header, file + at, raw);
		at += le32toh(header.stored_len);
	}
	return ret;
}

static int run_decompress(void *opaque, double *value, struct vgpu_error *err)
{
	struct whole *whole = opaque;
	int fd = open(whole->path, O_RDONLY | O_CLOEXEC), ret = -ENOMEM;
	struct stat info = {0};

	if (fd < 0 || fstat(fd, &info) < 0)
		return vgpu_error_set(err, errno, "%s", whole->path);
	uint8_t *file = mmap(NULL, (size_t)info.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	uint8_t *raw = malloc(TRACE_MAX_BLOCK);
	ZSTD_DCtx *zstd = ZSTD_createDCtx();
	close(fd);
	double begin = bench_wall_seconds(), cpu_begin = bench_process_seconds();
	if (file != MAP_FAILED && raw != NULL && zstd != NULL)
		ret = decompress_file(file, (size_t)info.st_size, zstd, raw);
	*value = bench_wall_seconds() - begin;
	whole->cpu[1] = bench_process_seconds() - cpu_begin;
	if (file != MAP_FAILED)
		munmap(file, (size_t)info.st_size);
	free(raw);
	ZSTD_freeDCtx(zstd);
	return ret == 0 ? 0 : vgpu_error_set(err, -ret, "%s cannot be decompressed", whole->path);
}

/* ---- transfer, hash and comparison alone --------------------------------------------------- */

static int run_work(void *opaque, double *value, struct vgpu_error *err)
{
	struct whole *whole = opaque;
	struct guest *guest = &whole->guest;
	struct vgpu_frame_hash seen[PICTURES] = {0};
	double begin = bench_wall_seconds(), cpu_begin = bench_process_seconds();

	for (unsigned int i = 0; i < FRAMES; i++) {
		unsigned int picture = i % PICTURES;

		memcpy(guest_memory(guest, 0), whole->pictures[picture],
		       (size_t)WIDTH * HEIGHT * 4);
		int ret = guest_draw(guest, 1, WIDTH, HEIGHT, err);
		if (ret == 0)
			ret = guest->target->ops->capture(guest->target, 0, &whole->frame, err);
		if (ret < 0)
			return ret;
		struct vgpu_frame_hash hash = vgpu_frame_hash(&whole->frame);
		if (i >= PICTURES && !vgpu_frame_hash_equal(&hash, &seen[picture]))
			return vgpu_error_set(err, EIO, "frame %u is another one", i);
		seen[picture] = hash;
	}
	*value = bench_wall_seconds() - begin;
	whole->cpu[2] = bench_process_seconds() - cpu_begin;
	return 0;
}

/* ---- all of it ------------------------------------------------------------------------------ */

static int run_replay(void *opaque, double *value, struct vgpu_error *err)
{
	struct whole *whole = opaque;
	const struct vgpu_replay_options options = {
		.target = "builtin", .no_golden = true, .last_frame = UINT64_MAX};
	struct vgpu_replay_result result;
	double cpu_begin = bench_process_seconds();

	vgpu_replay(whole->path, &options, &result);
	bool equal = result.status == VGPU_REPLAY_EQUAL && result.frames_equal == FRAMES;
	*value = (double)result.time_ns / 1e9;
	whole->cpu[0] = bench_process_seconds() - cpu_begin;
	if (!equal)
		vgpu_error_set(err, EIO, "%s",
			       result.num_messages > 0 ? result.messages[0] : "frames are missing");
	vgpu_replay_result_fini(&result);
	return equal ? 0 : -EIO;
}

static int open_whole(struct whole *whole, const char *scene, const char *folder,
		      struct vgpu_error *err)
{
	struct bench_recorded recorded;

	snprintf(whole->path, sizeof(whole->path), "%s/%s.trace", folder, scene);
	struct bench_recording recording = {.path = whole->path,
					    .scene = scene,
					    .width = WIDTH,
					    .height = HEIGHT,
					    .frames = FRAMES,
					    .queue_limit = 1ull << 30};
	int ret = bench_record(&recording, &recorded, err);
	if (ret < 0)
		return ret;
	whole->pictures = bench_pictures_new(scene, WIDTH, HEIGHT, PICTURES);
	if (whole->pictures == NULL)
		return vgpu_error_set(err, ENOMEM, "out of memory");
	ret = guest_open(&whole->guest, "builtin", (uint64_t)WIDTH * HEIGHT * 4, err);
	return ret == 0 ? guest_show(&whole->guest, 1, WIDTH, HEIGHT, err) : ret;
}

static int measure(struct bench_report *report, const char *scene, struct vgpu_error *err)
{
	struct whole whole = {0};
	const struct bench_side sides[] = {
		{run_replay, &whole}, {run_decompress, &whole}, {run_work, &whole}};
	double seconds[3];
	int ret = open_whole(&whole, scene, bench_folder(report), err);

	if (ret == 0)
		ret = bench_in_turn(sides, 3, seconds, err);
	if (ret == 0) {
		double slower = seconds[1] > seconds[2] ? seconds[1] : seconds[2];
		struct bench_row row = {
			.ratio = seconds[0] / slower,
			.kind = BENCH_AT_MOST,
			.bar = 1.25,
			.why = "the thread that reads has more to do than zstd. Of noise, which "
			       "does not compress, it takes as long as the player takes: nearly "
			       "half of that is read() and clearing the 64 MiB that are touched "
			       "for the first time, a quarter is checksums, the rest copies "
			       "(perf). Besides, what both of them move goes through these 64 MiB "
			       "and not through the cache, as it does where drawing is alone",
		};

		snprintf(row.what, sizeof(row.what), "%s, %u frames of %ux%u", scene, FRAMES, WIDTH,
			 HEIGHT);
		snprintf(row.ours, sizeof(row.ours), "%.1f ms, %.0f frames/s", seconds[0] * 1e3,
			 FRAMES / seconds[0]);
		snprintf(row.against, sizeof(row.against), "zstd %.1f ms; draw and hash %.1f ms",
			 seconds[1] * 1e3, seconds[2] * 1e3);
		bench_add(report, &row);
		row = (struct bench_row){.ratio = whole.cpu[0] / (whole.cpu[1] > whole.cpu[2]
									  ? whole.cpu[1]
									  : whole.cpu[2])};
		snprintf(row.what, sizeof(row.what), "%s, processor time of the last run", scene);
		snprintf(row.ours, sizeof(row.ours), "%.1f ms", whole.cpu[0] * 1e3);
		snprintf(row.against, sizeof(row.against), "zstd %.1f ms; draw and hash %.1f ms",
			 whole.cpu[1] * 1e3, whole.cpu[2] * 1e3);
		bench_add(report, &row);
	}
	guest_close(&whole.guest);
	vgpu_frame_fini(&whole.frame);
	bench_pictures_free(whole.pictures, PICTURES);
	return ret;
}

int bench_replay(struct bench_report *report, struct vgpu_error *err)
{
	bench_section(report, "Whole replay",
		      "vgpu-replay --no-golden of a trace in which every pixel of every frame "
		      "changes, beside zstd decompression of that file alone, and transfer, hash "
		      "and comparison of as many pictures alone. Wall time.");
	int ret = measure(report, "gradient", err);
	return ret == 0 ? measure(report, "noise", err) : ret;
}
