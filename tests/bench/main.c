/* SPDX-License-Identifier: MIT */
/* bench: measures all that make bench promises, and writes the report. */
#include "bench/bench.h"
#include "bench/process.h"

#include <errno.h>
#include <ftw.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct table {
	const char *name;
	int (*measure)(struct bench_report *report, struct vgpu_error *err);
};

static const struct table tables[] = {
	{"transfer", bench_transfer},	{"replay", bench_replay},	{"latency", bench_latency},
	{"recording", bench_recording}, {"back-ends", bench_back_ends}, {"size", bench_size},
	{"compare", bench_compare},	{"start", bench_start},		{"growth", bench_growth},
};

static int remove_one(const char *path, const struct stat *info, int type, struct FTW *where)
{
	(void)info;
	(void)type;
	(void)where;
	return remove(path);
}

static bool wanted(const char *name, int count, char **names)
{
	for (int i = 0; i < count; i++)
		if (strcmp(names[i], name) == 0)
			return true;
	return count == 0;
}

static int measure_all(struct bench_report *report, int count, char **names)
{
	struct vgpu_error err;
	int status = 0;

	for (size_t i = 0; i < sizeof(tables) / sizeof(tables[0]); i++) {
		if (!wanted(tables[i].name, count, names) || tables[i].measure(report, &err) == 0)
			continue;
		bench_add_missing(report, tables[i].name, err.text);
		fprintf(stderr, "bench: %s: %s\n", tables[i].name, err.text);
		status = 2;
	}
	return status;
}

/* bench REPORT [TABLE...]; --fd=N and --run PROGRAM... are what it starts itself as. */
int main(int argc, char **argv)
{
	char folder[] = "/tmp/vgpu-bench-XXXXXX";
	struct vgpu_error err;

	if (argc == 2 && strncmp(argv[1], "--fd=", 5) == 0)
		return bench_serve(atoi(argv[1] + 5));
	if (argc > 2 && strcmp(argv[1], "--run") == 0)
		return bench_process_serve(argv + 2);
	if (argc < 2 || mkdtemp(folder) == NULL) {
		fprintf(stderr, "usage: bench REPORT [TABLE...]\n");
		return 2;
	}
	struct bench_report *report = bench_report_new(folder);
	if (report == NULL)
		return 2;
	int status = measure_all(report, argc - 2, argv + 2);
	if (bench_report_write(report, argv[1], &err) < 0) {
		fprintf(stderr, "bench: %s\n", err.text);
		status = 2;
	}
	printf("\n%u bars met, %u missed: %s\n", bench_met(report), bench_missed(report), argv[1]);
	bench_report_free(report);
	nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
	return status;
}
