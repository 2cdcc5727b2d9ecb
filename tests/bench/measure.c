/* SPDX-License-Identifier: MIT */
#include "bench/bench.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <time.h>

static double seconds_of(clockid_t clock)
{
	struct timespec now;

	clock_gettime(clock, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

double bench_wall_seconds(void)
{
	return seconds_of(CLOCK_MONOTONIC);
}

double bench_cpu_seconds(void)
{
	return seconds_of(CLOCK_THREAD_CPUTIME_ID);
}

double bench_process_seconds(void)
{
	return seconds_of(CLOCK_PROCESS_CPUTIME_ID);
}

static int ascending(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

double bench_quantile(double *values, size_t num, double share)
{
	qsort(values, num, sizeof(*values), ascending);
	size_t at = (size_t)((double)num * share);
	return num == 0 ? 0 : values[at < num ? at : num - 1];
}

int bench_in_turn(const struct bench_side *sides, size_t num, double *medians,
		  struct vgpu_error *err)
{
	double(*values)[BENCH_RUNS] = calloc(num, sizeof(*values));
	int ret = values == NULL ? vgpu_error_set(err, ENOMEM, "out of memory") : 0;

	for (int run = -1; ret == 0 && run < BENCH_RUNS; run++) {
		for (size_t i = 0; ret == 0 && i < num; i++) {
			double value = 0;

			ret = sides[i].run(sides[i].opaque, &value, err);
			if (run >= 0)
				values[i][run] = value;
		}
	}
	for (size_t i = 0; ret == 0 && i < num; i++)
		medians[i] = bench_quantile(values[i], BENCH_RUNS, 0.5);
	free(values);
	return ret;
}

void bench_place(enum bench_place place)
{
	static cpu_set_t all;
	cpu_set_t set;
	int first = 0;

	if (CPU_COUNT(&all) == 0)
		sched_getaffinity(0, sizeof(all), &all);
	set = all;
	while (first < CPU_SETSIZE && !CPU_ISSET(first, &all))
		first++;
	if (CPU_COUNT(&all) < 2)
		return;
	if (place == BENCH_OTHER_PROCESSORS)
		CPU_CLR(first, &set);
	if (place == BENCH_FIRST_PROCESSOR) {
		CPU_ZERO(&set);
		CPU_SET(first, &set);
	}
	sched_setaffinity(0, sizeof(set), &set);
}
