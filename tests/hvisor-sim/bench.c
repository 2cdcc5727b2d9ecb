/* SPDX-License-Identifier: MIT */
#include "hvisor-sim/bench.h"

#include "hvisor-sim/fixture.h"
#include "vgpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define POLLED 20000
#define SLEPT  500

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return (x > y) - (x < y);
}

/* One read after another, or with a pause in which the daemon falls asleep. */
static int measure(struct fixture *fixture, const char *what, unsigned int count,
		   unsigned int pause_us)
{
	uint64_t *times = calloc(count, sizeof(*times));
	int ret = 0;

	if (times == NULL)
		return -1;
	for (unsigned int i = 0; i < count && ret == 0; i++) {
		uint64_t value = 0;

		if (pause_us != 0)
			usleep(pause_us);
		uint64_t begin = vgpu_now_ns();
		ret = sim_read(fixture->sim, 2, GPU_BASE, 4, &value);
		times[i] = vgpu_now_ns() - begin;
	}
	qsort(times, count, sizeof(*times), compare);
	if (ret == 0)
		printf("%-28s p50 %8.1f us   p99 %8.1f us   max %8.1f us   of %u\n", what,
		       (double)times[count / 2] / 1e3, (double)times[count - 1 - count / 100] / 1e3,
		       (double)times[count - 1] / 1e3, count);
	free(times);
	return ret;
}

static void measure_idle(const struct fixture *fixture)
{
	sleep(1);
	uint64_t cpu = fixture_cpu_ns(fixture), begin = vgpu_now_ns();
	sleep(2);
	printf("%-28s %.2f %% of a CPU\n", "idle",
	       100.0 * (double)(fixture_cpu_ns(fixture) - cpu) / (double)(vgpu_now_ns() - begin));
}

int bench_run(void)
{
	struct fixture fixture;
	int ret = -1;

	fixture_init(&fixture);
	fixture_open(&fixture);
	if (fixture_serve(&fixture, "bench.trace")) {
		ret = measure(&fixture, "register, daemon polls", POLLED, 0);
		if (ret == 0)
			ret = measure(&fixture, "register, daemon sleeps", SLEPT, 5000);
		measure_idle(&fixture);
		fixture_stop(&fixture);
	}
	return fixture_close(&fixture) != 0 || ret != 0 ? 1 : 0;
}
