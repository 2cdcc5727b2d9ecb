/* SPDX-License-Identifier: MIT */
/* What things cost as there is more of them. */
#include "bench/bench.h"
#include "bench/guest.h"
#include "bench/process.h"
#include "bench/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Cost of each one may grow by so much, as caches fill, and be called linear. */
#define LINEAR 1.5

static void add(struct bench_report *report, const char *what, double small, double large,
		const char *unit, const char *why)
{
	struct bench_row row = {
		.ratio = large / small, .kind = BENCH_AT_MOST, .bar = LINEAR, .why = why};

	snprintf(row.what, sizeof(row.what), "%s", what);
	snprintf(row.ours, sizeof(row.ours), "%.3g %s", large, unit);
	snprintf(row.against, sizeof(row.against), "%.3g %s", small, unit);
	bench_add(report, &row);
}

/* ---- traces ------------------------------------------------------------------------------ */

struct trace {
	char path[512];
	unsigned int frames;
	struct bench_process process;
};

static int run_trace(void *opaque, double *value, struct vgpu_error *err)
{
	struct trace *trace = opaque;
	char path[512];
	char *const argv[] = {(char *)(uintptr_t)bench_program("vgpu-replay", path),
			      (char *)(uintptr_t) "--no-golden", trace->path, NULL};
	int ret = bench_process(argv, &trace->process, err);

	if (ret == 0 && trace->process.status != 0)
		ret = vgpu_error_set(err, EIO, "%s differs", trace->path);
	*value = trace->process.cpu_seconds;
	return ret;
}

static int make_trace(struct trace *trace, const char *scene, struct bench_report *report,
		      struct vgpu_error *err)
{
	struct bench_recorded recorded;
	struct bench_recording recording = {.path = trace->path,
					    .scene = scene,
					    .width = 640,
					    .height = 400,
					    .frames = trace->frames,
					    .queue_limit = 1ull << 30};

	snprintf(trace->path, sizeof(trace->path), "%s/%s-%u.trace", bench_folder(report), scene,
		 trace->frames);
	return bench_record(&recording, &recorded, err);
}

static int measure_traces(struct bench_report *report, struct vgpu_error *err)
{
	struct trace traces[] = {{.frames = 10}, {.frames = 100}, {.frames = 1000}};
	const struct bench_side sides[] = {
		{run_trace, &traces[0]}, {run_trace, &traces[1]}, {run_trace, &traces[2]}};
	double seconds[3];
	int ret = 0;

	for (unsigned int i = 0; ret == 0 && i < 3; i++)
		ret = make_trace(&traces[i], "typing", report, err);
	if (ret == 0)
		ret = bench_in_turn(sides, 3, seconds, err);
	/* What a process costs before its first frame is in neither difference. */
	if (ret == 0)
		add(report, "a frame of a trace of 1,000, against one of 100",
		    (seconds[1] - seconds[0]) / 90 * 1e6, (seconds[2] - seconds[1]) / 900 * 1e6,
		    "µs", NULL);
	return ret;
}

/* Noise fills what a reader remembers, 64 MiB, after 64 frames. */
static int measure_memory(struct bench_report *report, struct vgpu_error *err)
{
	struct trace traces[] = {{.frames = 100}, {.frames = 400}};
	double seconds;
	int ret = 0;

	for (unsigned int i = 0; ret == 0 && i < 2; i++) {
		ret = make_trace(&traces[i], "noise", report, err);
		if (ret == 0)
			ret = run_trace(&traces[i], &seconds, err);
	}
	if (ret == 0)
		add(report, "memory of vgpu-replay for 400 frames of noise, against 100",
		    (double)traces[0].process.memory / 1e6, (double)traces[1].process.memory / 1e6,
		    "MB", NULL);
	return ret;
}

/* ---- resources ------------------------------------------------------------------------------ */

struct resources {
	struct guest guest;
	unsigned int num;
};

#define LARGEST 10000u

/* As many runs one after the other as make the largest number. */
static int run_resources(void *opaque, double *value, struct vgpu_error *err)
{
	static const struct vgpu_rect all = {.width = 16, .height = 16};
	struct resources *resources = opaque;
	struct guest *guest = &resources->guest;
	double begin = bench_cpu_seconds();
	int ret = 0;

	for (unsigned int done = 0; ret == 0 && done < LARGEST; done += resources->num) {
		for (uint32_t id = 1; ret == 0 && id <= resources->num; id++) {
			ret = guest_create(guest, id, 16, 16, err);
			if (ret == 0)
				ret = guest_attach(guest, id, NULL, 1, 1024, err);
		}
		for (uint32_t id = 1; ret == 0 && id <= resources->num; id++)
			ret = guest_transfer(guest, id, &all, 0, err);
		for (uint32_t id = 1; ret == 0 && id <= resources->num; id++)
			ret = guest_unref(guest, id, err);
	}
	*value = (bench_cpu_seconds() - begin) / LARGEST;
	return ret;
}

static int measure_resources(struct bench_report *report, struct vgpu_error *err)
{
	struct resources few = {.num = 10}, many = {.num = LARGEST};
	const struct bench_side sides[] = {{run_resources, &few}, {run_resources, &many}};
	double seconds[2];
	int ret = guest_open(&few.guest, "builtin", 4096, err);

	if (ret == 0)
		ret = guest_open(&many.guest, "builtin", 4096, err);
	if (ret == 0)
		ret = bench_in_turn(sides, 2, seconds, err);
	if (ret == 0)
		add(report, "a resource made, drawn to and unmade among 10,000, against 10",
		    seconds[0] * 1e9, seconds[1] * 1e9, "ns",
		    "10,000 resources with pictures do not fit into the cache");
	guest_close(&few.guest);
	guest_close(&many.guest);
	return ret;
}

/* ---- backing entries --------------------------------------------------------------------------
 */

#define SIDE  4096u /* pixels: 16,384 pages of 4 KiB */
#define BYTES ((uint64_t)SIDE * SIDE * 4)

struct backing {
	struct guest guest;
	uint32_t num;
};

static int run_backing(void *opaque, double *value, struct vgpu_error *err)
{
	static const struct vgpu_rect all = {.width = SIDE, .height = SIDE};
	struct backing *backing = opaque;
	double begin = bench_cpu_seconds();
	int ret = guest_transfer(&backing->guest, 1, &all, 0, err);

	*value = bench_cpu_seconds() - begin;
	return ret;
}

static int open_backing(struct backing *backing, struct vgpu_error *err)
{
	uint32_t size = (uint32_t)(BYTES / backing->num);
	int ret = guest_open(&backing->guest, "builtin", BYTES, err);

	if (ret < 0)
		return ret;
	memset(guest_memory(&backing->guest, 0), 1, BYTES);
	ret = guest_create(&backing->guest, 1, SIDE, SIDE, err);
	return ret == 0 ? guest_attach(&backing->guest, 1, NULL, backing->num, size, err) : ret;
}

static int measure_backing(struct bench_report *report, struct vgpu_error *err)
{
	struct backing backings[] = {{.num = 1}, {.num = 256}, {.num = GUEST_ENTRIES_MAX}};
	struct bench_side sides[3];
	double seconds[3];
	int ret = 0;

	for (unsigned int i = 0; ret == 0 && i < 3; i++) {
		ret = open_backing(&backings[i], err);
		sides[i] = (struct bench_side){run_backing, &backings[i]};
	}
	if (ret == 0)
		ret = bench_in_turn(sides, 3, seconds, err);
	if (ret == 0) {
		struct bench_row row = {.what = "64 MiB from 256 backing entries, against 1",
					.ratio = seconds[1] / seconds[0]};

		/* One memcpy() of so much writes past the cache, which is faster. */
		snprintf(row.ours, sizeof(row.ours), "%.3g ms", seconds[1] * 1e3);
		snprintf(row.against, sizeof(row.against), "%.3g ms, one memcpy()",
			 seconds[0] * 1e3);
		bench_add(report, &row);
		add(report, "64 MiB from 16,384 backing entries, against 256", seconds[1] * 1e3,
		    seconds[2] * 1e3, "ms", NULL);
	}
	for (unsigned int i = 0; i < 3; i++)
		guest_close(&backings[i].guest);
	return ret;
}

int bench_growth(struct bench_report *report, struct vgpu_error *err)
{
	bench_section(report, "Cost as work grows",
		      "Processor time of each one, where there are many, beside where there are "
		      "few: at most 1.5 times as much is called linear.");
	int ret = measure_traces(report, err);
	if (ret == 0)
		ret = measure_memory(report, err);
	if (ret == 0)
		ret = measure_resources(report, err);
	return ret == 0 ? measure_backing(report, err) : ret;
}
