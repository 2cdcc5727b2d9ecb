/* SPDX-License-Identifier: MIT */
#include "torture/waits.h"

#include "vgpu.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define REST_NS 3000000ull

static void sleep_until(uint64_t ns)
{
	const struct timespec time = {.tv_sec = (time_t)(ns / 1000000000u),
				      .tv_nsec = (long)(ns % 1000000000u)};

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL);
}

/* Whether it wants to run or waits for a disk, and how long it has run. */
static bool thread_wants(pid_t pid, const char *thread, uint64_t *had_ns)
{
	unsigned long user = 0, system = 0;
	char path[320], text[512], state = 'S';

	snprintf(path, sizeof(path), "/proc/%d/task/%s/stat", (int)pid, thread);
	FILE *file = fopen(path, "re");
	if (file == NULL)
		return false;
	const char *line = fgets(text, sizeof(text), file);
	fclose(file);
	/* A name may have anything in it but ends with the last of these. */
	const char *at = line != NULL ? strrchr(text, ')') : NULL;
	if (at == NULL || sscanf(at, ") %c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &state,
				 &user, &system) != 3)
		return false;
	*had_ns += (user + system) * (1000000000ull / (unsigned long)sysconf(_SC_CLK_TCK));
	return state == 'R' || state == 'D';
}

static void sample(struct waits *waits, pid_t pid)
{
	uint64_t now = vgpu_now_ns(), wanted = 0, had = 0, before = now;
	const struct dirent *entry;
	bool wants = false;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/task", (int)pid);
	DIR *folder = opendir(path);
	if (folder == NULL)
		return;
	while ((entry = readdir(folder)) != NULL)
		if (entry->d_name[0] != '.' && atoi(entry->d_name) != pid)
			wants |= thread_wants(pid, entry->d_name, &had);
	closedir(folder);
	if (waits->count > 0) {
		before = waits->samples[waits->count - 1].time_ns;
		wanted = waits->samples[waits->count - 1].wanted_ns;
	}
	waits->samples[waits->count].time_ns = now;
	/* Where this thread came late, which only rests, the other may have had to wait. */
	bool late = now - before > 4 * REST_NS;
	waits->samples[waits->count].wanted_ns = wanted + (wants || late ? now - before : 0);
	waits->samples[waits->count++].had_ns = had;
}

void waits_watch(struct waits *waits, pid_t pid, uint64_t end_ns)
{
	uint64_t now;

	while (waits->count < WAITS_MAX && (now = vgpu_now_ns()) + REST_NS < end_ns) {
		sample(waits, pid);
		sleep_until(now + REST_NS);
	}
	sleep_until(end_ns);
	if (waits->count < WAITS_MAX)
		sample(waits, pid);
}

uint64_t waits_since(const struct waits *waits, uint64_t time_ns)
{
	unsigned int last = waits->count - 1, i = 0;

	if (waits->count == 0)
		return 0;
	/* From the last sample before then. */
	while (i < last && waits->samples[i + 1].time_ns <= time_ns)
		i++;
	uint64_t wanted = waits->samples[last].wanted_ns - waits->samples[i].wanted_ns;
	uint64_t had = waits->samples[last].had_ns - waits->samples[i].had_ns;
	return wanted > had ? wanted - had : 0;
}
