/* SPDX-License-Identifier: MIT */
#include "torture/waits.h"

#include "vgpu.h"

#include <time.h>

#define REST_NS 2000000ull
#define STEPS	100000u

static void sleep_until(uint64_t ns)
{
	const struct timespec time = {.tv_sec = (time_t)(ns / 1000000000u),
				      .tv_nsec = (long)(ns % 1000000000u)};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

/* Always as much; returns how long it took. */
static uint64_t work(struct waits *waits)
{
	uint64_t begin = vgpu_now_ns(), value = waits->work;

	for (unsigned int i = 0; i < STEPS; i++)
		value = value * 6364136223846793005u + 1442695040888963407u;
	waits->work = value;
	return vgpu_now_ns() - begin;
}

void waits_rest(struct waits *waits, uint64_t end_ns)
{
	uint64_t now = vgpu_now_ns(), waited = 0, shortest = UINT64_MAX;

	while (waits->count < WAITS_MAX && now + REST_NS < end_ns) {
		sleep_until(now + REST_NS);
		waited += vgpu_now_ns() - now - REST_NS;
		uint64_t took = work(waits);
		shortest = took < shortest ? took : shortest;
		waited += took - shortest;
		now = vgpu_now_ns();
		waits->samples[waits->count].time_ns = now;
		waits->samples[waits->count++].waited_ns = waited;
	}
	if (now < end_ns)
		sleep_until(end_ns);
}

uint64_t waits_since(const struct waits *waits, uint64_t time_ns)
{
	unsigned int i = 0;

	if (waits->count == 0)
		return 0;
	/* From the last sample before then. */
	while (i + 1 < waits->count && waits->samples[i + 1].time_ns <= time_ns)
		i++;
	return waits->samples[waits->count - 1].waited_ns - waits->samples[i].waited_ns;
}
