/* SPDX-License-Identifier: MIT */
#include "bench/bench.h"

#include <errno.h>
#include <pixman.h>
#include <png.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

struct bench_report {
	const char *folder;
	char *text;
	size_t len;
	FILE *out; /* to text */
	unsigned int met, missed;
	char began_load[64];
};

/* ---- what it was measured on --------------------------------------------------------- */

/* The rest of the first line of a file that begins with a word. */
static void find_line(const char *path, const char *word, char *text, size_t size)
{
	FILE *file = fopen(path, "r");
	char line[512];

	snprintf(text, size, "unknown");
	while (file != NULL && fgets(line, sizeof(line), file) != NULL) {
		if (strncmp(line, word, strlen(word)) != 0)
			continue;
		char *value = line + strlen(word);
		value += strspn(value, " \t:=\"");
		value[strcspn(value, "\"\n")] = '\0';
		snprintf(text, size, "%s", value);
		break;
	}
	if (file != NULL)
		fclose(file);
}

static void write_environment(const struct bench_report *report, FILE *out)
{
	char cpu[128], memory[64], release[128], load[64], day[32] = "";
	struct utsname system = {0};
	time_t now = time(NULL);
	struct tm utc;

	find_line("/proc/cpuinfo", "model name", cpu, sizeof(cpu));
	find_line("/proc/meminfo", "MemTotal", memory, sizeof(memory));
	find_line("/etc/os-release", "PRETTY_NAME", release, sizeof(release));
	find_line("/proc/loadavg", "", load, sizeof(load));
	uname(&system);
	if (gmtime_r(&now, &utc) != NULL)
		strftime(day, sizeof(day), "%Y-%m-%d %H:%M UTC", &utc);
	fprintf(out, "| | |\n|---|---|\n| date | %s |\n| machine | %s, %ld processors, %s |\n", day,
		cpu, sysconf(_SC_NPROCESSORS_ONLN), memory);
	fprintf(out, "| system | %s, %s %s %s |\n| compiler | %s%s |\n", release, system.sysname,
		system.release, system.machine,
#ifdef __clang__
		"",
#else
		"gcc ",
#endif
		__VERSION__);
	fprintf(out, "| libraries | zstd %s, xxHash %u, libpng %s, pixman %s |\n",
		ZSTD_versionString(), XXH_versionNumber(), png_get_libpng_ver(NULL),
		pixman_version_string());
	fprintf(out,
		"| load average | %s before, %s after (1, 5 and 15 minutes; the bench itself is "
		"1 to 2) |\n| niceness | %d |\n",
		report->began_load, load, getpriority(PRIO_PROCESS, 0));
}

/* ---- the report ----------------------------------------------------------------------- */

struct bench_report *bench_report_new(const char *folder)
{
	struct bench_report *report = calloc(1, sizeof(*report));

	if (report == NULL)
		return NULL;
	report->folder = folder;
	report->out = open_memstream(&report->text, &report->len);
	if (report->out == NULL) {
		free(report);
		return NULL;
	}
	find_line("/proc/loadavg", "", report->began_load, sizeof(report->began_load));
	return report;
}

void bench_report_free(struct bench_report *report)
{
	if (report == NULL)
		return;
	fclose(report->out);
	free(report->text);
	free(report);
}

const char *bench_folder(const struct bench_report *report)
{
	return report->folder;
}

void bench_section(struct bench_report *report, const char *title, const char *how)
{
	printf("\n%s\n", title);
	fprintf(report->out,
		"\n## %s\n\n%s\n\n| what | ours | against | ratio | bar | "
		"|\n|---|---|---|---|---|---|"
		"\n",
		title, how);
	fflush(stdout);
}

static const char *verdict_of(const struct bench_row *row)
{
	if (row->kind == BENCH_NO_BAR)
		return "";
	bool met = row->kind == BENCH_AT_LEAST ? row->ratio >= row->bar : row->ratio <= row->bar;
	return met ? "met" : "missed";
}

void bench_add(struct bench_report *report, const struct bench_row *row)
{
	const char *verdict = verdict_of(row), *unit = row->unit != NULL ? row->unit : "";
	bool missed = strcmp(verdict, "missed") == 0;
	char ratio[32] = "", bar[32] = "";

	report->met += strcmp(verdict, "met") == 0;
	report->missed += missed;
	if (row->ratio != 0)
		snprintf(ratio, sizeof(ratio), "%.3g%s", row->ratio, unit);
	if (row->kind != BENCH_NO_BAR)
		snprintf(bar, sizeof(bar), "%s %g%s", row->kind == BENCH_AT_LEAST ? "≥" : "≤",
			 row->bar, unit);
	printf("  %-58s %22s  %-34s %8s %8s %s\n", row->what, row->ours, row->against, ratio, bar,
	       verdict);
	fprintf(report->out, "| %s | %s | %s | %s | %s | %s%s%s |\n", row->what, row->ours,
		row->against, ratio, bar, missed ? "**" : "", verdict, missed ? "**" : "");
	if (missed && row->why != NULL)
		fprintf(report->out, "| ↳ | %s | | | | |\n", row->why);
	fflush(stdout);
}

void bench_add_missing(struct bench_report *report, const char *what, const char *why)
{
	printf("  %-58s not measured: %s\n", what, why);
	fprintf(report->out, "| %s | not measured: %s | | | | |\n", what, why);
	fflush(stdout);
}

unsigned int bench_met(const struct bench_report *report)
{
	return report->met;
}

unsigned int bench_missed(const struct bench_report *report)
{
	return report->missed;
}

int bench_report_write(const struct bench_report *report, const char *path, struct vgpu_error *err)
{
	FILE *out = fopen(path, "w");

	if (out == NULL)
		return vgpu_error_set(err, errno, "%s: %s", path, strerror(errno));
	fflush(report->out);
	fprintf(out,
		"# Speed and size\n\nWritten by `make bench`; do not edit. Every number is the "
		"median of "
		"%d runs, taken in turn with those it is held against. %u bars are met, %u are "
		"missed.\n\n",
		BENCH_RUNS, report->met, report->missed);
	write_environment(report, out);
	fprintf(out,
		"\nWith a load average above the number of processors, wall times are those of a "
		"machine that did other work as well: processor time is what still counts then, "
		"and ratios only where both sides wait alike.\n");
	fputs(report->text, out);
	bool failed = ferror(out) != 0;
	return fclose(out) != 0 || failed ? vgpu_error_set(err, EIO, "%s: not written", path) : 0;
}

/* ---- programs --------------------------------------------------------------------------- */

const char *bench_program(const char *name, char path[512])
{
	const char *build = getenv("BUILD");

	snprintf(path, 512, "%s/%s", build != NULL ? build : "build", name);
	return path;
}

bool bench_has_program(const char *name)
{
	const char *list = getenv("PATH");
	char path[1024];

	if (strchr(name, '/') != NULL)
		return access(name, X_OK) == 0;
	while (list != NULL && *list != '\0') {
		size_t len = strcspn(list, ":");

		snprintf(path, sizeof(path), "%.*s/%s", (int)len, list, name);
		if (access(path, X_OK) == 0)
			return true;
		list += len + (list[len] == ':');
	}
	return false;
}
