/* SPDX-License-Identifier: MIT */
/* From the start of vgpu-replay to its verdict, and what it takes as traces grow. */
#include "bench/bench.h"
#include "bench/process.h"

#define TRACE "traces/ruxos_boot.trace"

static int run(void *opaque, double *value, struct vgpu_error *err)
{
	char path[512];
	char *const argv[] = {(char *)(uintptr_t)bench_program("vgpu-replay", path),
			      (char *)(uintptr_t)TRACE, NULL};
	struct bench_process process;
	int ret = bench_process(argv, &process, err);

	*value = opaque == NULL ? process.seconds : process.cpu_seconds;
	return ret;
}

int bench_start(struct bench_report *report, struct vgpu_error *err)
{
	static int cpu;
	const struct bench_side sides[] = {{run, NULL}, {run, &cpu}};
	double seconds[2];

	bench_section(report, "Start to verdict",
		      "vgpu-replay " TRACE ": 15 requests, 5 frames of 1280x800 held against "
		      "their pictures.");
	int ret = bench_in_turn(sides, 2, seconds, err);
	if (ret < 0)
		return ret;
	struct bench_row row = {
		.what = "from fork() to the end of the process",
		.ratio = seconds[0] * 1e3,
		.kind = BENCH_AT_MOST,
		.bar = 60,
		.unit = " ms",
		.why = "more than half of the processor time is zlib's and libpng's for five "
		       "pictures, on a thread of its own, so that it takes two processors that "
		       "have nothing else to do; less would take goldens that need no decoding "
		       "while their hash is right",
	};
	snprintf(row.ours, sizeof(row.ours), "%.1f ms", seconds[0] * 1e3);
	snprintf(row.against, sizeof(row.against), "%.1f ms of processor time", seconds[1] * 1e3);
	bench_add(report, &row);
	return 0;
}
