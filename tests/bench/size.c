/* SPDX-License-Identifier: MIT */
/* Bytes of a trace, beside other ways of keeping its pictures. */
#include "bench/bench.h"
#include "bench/record.h"

#include <dlfcn.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <zstd.h>

#define WIDTH  1280u
#define HEIGHT 800u
#define PIXELS ((size_t)WIDTH * HEIGHT)
#define BYTES  (PIXELS * 4)
#define FRAMES 100u
/* Frames per second: where a guest is faster than the compressor, more is stored as it is. */
#define RATE 30

/* LZ4 is held against only, so it is used where it is there anyway. */
struct lz4 {
	void *library;
	int (*bound)(int size);
	int (*compress)(const char *from, char *to, int size, int room);
};

static bool open_lz4(struct lz4 *lz4)
{
	*lz4 = (struct lz4){.library = dlopen("liblz4.so.1", RTLD_NOW)};
	if (lz4->library == NULL)
		return false;
	*(void **)&lz4->bound = dlsym(lz4->library, "LZ4_compressBound");
	*(void **)&lz4->compress = dlsym(lz4->library, "LZ4_compress_default");
	return lz4->bound != NULL && lz4->compress != NULL;
}

struct sizes {
	uint64_t raw, zstd, lz4, trace;
};

/* Room for what either compressor makes of a frame. */
static size_t room_for(const struct lz4 *lz4)
{
	size_t room = ZSTD_compressBound(BYTES);

	if (lz4->library != NULL && (size_t)lz4->bound((int)BYTES) > room)
		room = (size_t)lz4->bound((int)BYTES);
	return room;
}

static void add_frame(struct sizes *sizes, const struct lz4 *lz4, const uint32_t *now,
		      uint32_t *before, char *to, size_t room)
{
	sizes->raw += BYTES;
	sizes->zstd += ZSTD_compress(to, room, now, BYTES, 1);
	if (lz4->library == NULL)
		return;
	for (size_t i = 0; i < PIXELS; i++)
		before[i] ^= now[i];
	sizes->lz4 += (uint64_t)lz4->compress((const char *)before, to, (int)BYTES, (int)room);
	memcpy(before, now, BYTES);
}

static int compress_frames(const char *name, const struct lz4 *lz4, struct sizes *sizes,
			   struct vgpu_error *err)
{
	const struct scene *scene = scene_find(name);
	size_t room = room_for(lz4);
	uint32_t *now = calloc(1, BYTES), *before = calloc(1, BYTES);
	char *to = malloc(room);
	bool ready = now != NULL && before != NULL && to != NULL;

	for (unsigned int i = 0; ready && i < FRAMES; i++) {
		scene->draw(&(struct canvas){now, WIDTH, HEIGHT}, i);
		add_frame(sizes, lz4, now, before, to, room);
	}
	free(now);
	free(before);
	free(to);
	return ready ? 0 : vgpu_error_set(err, ENOMEM, "out of memory");
}

static int record_scene(struct bench_report *report, const char *scene, struct sizes *sizes,
			struct vgpu_error *err)
{
	char path[512];
	struct bench_recorded recorded = {0};
	struct bench_recording recording = {.path = path,
					    .scene = scene,
					    .width = WIDTH,
					    .height = HEIGHT,
					    .frames = FRAMES,
					    .rate = RATE,
					    .queue_limit = 1ull << 30};

	snprintf(path, sizeof(path), "%s/size.trace", bench_folder(report));
	int ret = bench_record(&recording, &recorded, err);
	sizes->trace = recorded.file_bytes;
	return ret;
}

static void add_row(struct bench_report *report, const char *scene, const char *what,
		    const struct sizes *sizes, uint64_t other, double bar)
{
	struct bench_row row = {
		.ratio = (double)sizes->trace / (double)other,
		.kind = BENCH_AT_MOST,
		.bar = bar,
		.why = "noise cannot be compressed: what a trace has beside the pixels, for each "
		       "request and each frame, is what it is larger by",
	};

	snprintf(row.what, sizeof(row.what), "%s", scene);
	snprintf(row.ours, sizeof(row.ours), "%.3f MB", (double)sizes->trace / 1e6);
	snprintf(row.against, sizeof(row.against), "%s %.3f MB", what, (double)other / 1e6);
	bench_add(report, &row);
}

static int measure(struct bench_report *report, const char *scene, double raw_bar,
		   const struct lz4 *lz4, struct vgpu_error *err)
{
	struct sizes sizes = {0};
	int ret = compress_frames(scene, lz4, &sizes, err);

	if (ret == 0)
		ret = record_scene(report, scene, &sizes, err);
	if (ret < 0)
		return ret;
	add_row(report, scene, "raw", &sizes, sizes.raw, raw_bar);
	add_row(report, scene, "zstd -1 of each frame", &sizes, sizes.zstd, 1);
	if (lz4->library != NULL)
		add_row(report, scene, "XOR and LZ4 of each frame", &sizes, sizes.lz4, 1);
	else
		bench_add_missing(report, scene, "LZ4: liblz4 is not installed");
	return 0;
}

int bench_size(struct bench_report *report, struct vgpu_error *err)
{
	struct lz4 lz4;

	bench_section(report, "Size of traces",
		      "100 frames of 1280x800, 30 a second, all transferred whole. The trace has "
		      "requests, answers, times and hashes besides.");
	if (!open_lz4(&lz4) && lz4.library != NULL) {
		dlclose(lz4.library);
		lz4.library = NULL;
	}
	int ret = measure(report, "scroll", 0.01, &lz4, err);
	if (ret == 0)
		ret = measure(report, "desktop", 1, &lz4, err);
	if (ret == 0)
		ret = measure(report, "noise", 1, &lz4, err);
	if (lz4.library != NULL)
		dlclose(lz4.library);
	return ret;
}
