/* SPDX-License-Identifier: MIT */
/* What a driver waits for its answers, with recording on and off. */
#include "bench/bench.h"
#include "bench/guest.h"
#include "bench/record.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WIDTH	 1280u
#define HEIGHT	 800u
#define PICTURES 6u
#define REQUESTS 2000u
#define FRAMES	 30u
#define FRAME_US 16667u

/* One back end. */
struct end {
	char spec[1200];
	struct guest guest;
	double values[REQUESTS];
};

struct ends {
	struct end off, on;
	uint32_t **pictures;
};

/* Times of one run; quantiles are of all runs. */
struct series {
	int (*run)(struct ends *ends, struct end *end, unsigned int run, struct vgpu_error *err);
	unsigned int count; /* of values in one run */
};

static double timed_transfer(struct guest *guest, const struct vgpu_rect *rect, int *ret,
			     struct vgpu_error *err)
{
	double begin = bench_wall_seconds();

	*ret = guest_transfer(guest, 1, rect, 0, err);
	return bench_wall_seconds() - begin;
}

static int run_small(struct ends *ends, struct end *end, unsigned int run, struct vgpu_error *err)
{
	const struct vgpu_rect small = {.width = 16, .height = 16};
	int ret = 0;

	(void)ends;
	(void)run;
	for (unsigned int i = 0; ret == 0 && i < REQUESTS; i++)
		end->values[i] = timed_transfer(&end->guest, &small, &ret, err);
	return ret;
}

static int draw_frames(struct ends *ends, struct end *end, unsigned int run, unsigned int pause_us,
		       struct vgpu_error *err)
{
	const struct vgpu_rect all = {.width = WIDTH, .height = HEIGHT};
	int ret = 0;

	for (unsigned int i = 0; ret == 0 && i < FRAMES; i++) {
		if (pause_us != 0)
			usleep(pause_us);
		memcpy(guest_memory(&end->guest, 0), ends->pictures[(run + i) % PICTURES],
		       (size_t)WIDTH * HEIGHT * 4);
		end->values[i] = timed_transfer(&end->guest, &all, &ret, err);
		if (ret == 0)
			ret = guest_flush(&end->guest, 1, &all, err);
	}
	return ret;
}

static int run_frames(struct ends *ends, struct end *end, unsigned int run, struct vgpu_error *err)
{
	return draw_frames(ends, end, run, FRAME_US, err);
}

static int run_flood(struct ends *ends, struct end *end, unsigned int run, struct vgpu_error *err)
{
	return draw_frames(ends, end, run, 0, err);
}

/* Medians over the runs of the medians and of the 99th percentiles of each. */
struct quantiles {
	double p50[BENCH_RUNS], p99[BENCH_RUNS];
};

static int run_both(struct ends *ends, const struct series *series, struct quantiles both[2],
		    struct vgpu_error *err)
{
	struct end *const sides[] = {&ends->on, &ends->off};

	for (unsigned int run = 0; run < BENCH_RUNS + 1; run++) {
		for (unsigned int i = 0; i < 2; i++) {
			int ret = series->run(ends, sides[i], run, err);
			if (ret < 0)
				return ret;
			/* The first turn does not count: the second takes its place. */
			unsigned int at = run == 0 ? 0 : run - 1;
			both[i].p50[at] = bench_quantile(sides[i]->values, series->count, 0.5);
			both[i].p99[at] = bench_quantile(sides[i]->values, series->count, 0.99);
		}
	}
	return 0;
}

static void add(struct bench_report *report, const char *what, double on, double off, double bar,
		const char *why)
{
	struct bench_row row = {.ratio = on / off,
				.kind = bar != 0 ? BENCH_AT_MOST : BENCH_NO_BAR,
				.bar = bar,
				.why = why};

	snprintf(row.what, sizeof(row.what), "%s", what);
	snprintf(row.ours, sizeof(row.ours), "on %.1f µs", on * 1e6);
	snprintf(row.against, sizeof(row.against), "off %.1f µs", off * 1e6);
	bench_add(report, &row);
}

static int measure(struct ends *ends, struct bench_report *report, struct vgpu_error *err)
{
	static const char *const small_why =
		"the record of a request is copied to the writer's queue before the next request "
		"is looked at; and where driver and device both wait actively, the writer's thread "
		"takes one of two processors from them";
	static const char *const frame_why =
		"after its answer the pixels of a transfer are copied to the writer's queue, and "
		"the "
		"picture of a flush is hashed: a request that comes at once waits for that. A "
		"driver "
		"that waits actively on the same processor is let go first";
	static const struct {
		const char *what;
		struct series series;
		double bar50, bar99;
	} rows[] = {
		{"small requests, one after the other", {run_small, REQUESTS}, 1.05, 1.2},
		{"full frames of 1280x800 at 60 frames/s", {run_frames, FRAMES}, 1.5, 0},
		{"full frames as fast as they are answered", {run_flood, FRAMES}, 1.5, 0},
	};
	struct quantiles both[2];

	for (unsigned int i = 0; i < 3; i++) {
		char what[128];
		int ret = run_both(ends, &rows[i].series, both, err);

		if (ret < 0)
			return ret;
		snprintf(what, sizeof(what), "%s: p50", rows[i].what);
		add(report, what, bench_quantile(both[0].p50, BENCH_RUNS, 0.5),
		    bench_quantile(both[1].p50, BENCH_RUNS, 0.5), rows[i].bar50,
		    i == 0 ? small_why : frame_why);
		snprintf(what, sizeof(what), "%s: p99", rows[i].what);
		add(report, what, bench_quantile(both[0].p99, BENCH_RUNS, 0.5),
		    bench_quantile(both[1].p99, BENCH_RUNS, 0.5), rows[i].bar99,
		    i == 0 ? small_why : frame_why);
	}
	return 0;
}

static int open_end(struct end *end, struct vgpu_error *err)
{
	int ret = guest_open(&end->guest, end->spec, (uint64_t)WIDTH * HEIGHT * 4, err);

	return ret == 0 ? guest_show(&end->guest, 1, WIDTH, HEIGHT, err) : ret;
}

int bench_latency(struct bench_report *report, struct vgpu_error *err)
{
	struct ends *ends = calloc(1, sizeof(*ends));
	char record[512], self[512];
	int ret;

	if (ends == NULL)
		return vgpu_error_set(err, ENOMEM, "out of memory");
	bench_section(report, "Latency of requests",
		      "From the kick to the used ring as a driver sees it, over vhost-user: "
		      "vgpu-record beside the same server without a recorder. Wall time; p50 and "
		      "p99 of each run, of these the median.");
	snprintf(ends->on.spec, sizeof(ends->on.spec), "vhost-user:exec:%s -q -o %s/latency.trace",
		 bench_program("vgpu-record", record), bench_folder(report));
	snprintf(ends->off.spec, sizeof(ends->off.spec), "vhost-user:exec:%s",
		 bench_program("tests/bench/bench", self));
	ends->pictures = bench_pictures_new("desktop", WIDTH, HEIGHT, PICTURES);
	ret = ends->pictures == NULL ? vgpu_error_set(err, ENOMEM, "out of memory") : 0;
	if (ret == 0)
		ret = open_end(&ends->on, err);
	if (ret == 0)
		ret = open_end(&ends->off, err);
	if (ret == 0)
		ret = measure(ends, report, err);
	guest_close(&ends->on.guest);
	guest_close(&ends->off.guest);
	bench_pictures_free(ends->pictures, PICTURES);
	free(ends);
	return ret;
}
