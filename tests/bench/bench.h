/* SPDX-License-Identifier: MIT */
/*
 * What the rows of "make bench" are made of: sides that are measured in turn,
 * and a report that people read. Every file with a bench_...() function of its own
 * is one table of the report.
 */
#ifndef BENCH_H
#define BENCH_H

#include "vgpu.h"

#include <stdio.h>

/* Runs of each side; what counts is their median. */
#define BENCH_RUNS 7

/* One thing that is measured, as often as it is called. */
struct bench_side {
	int (*run)(void *opaque, double *value, struct vgpu_error *err);
	void *opaque;
};

/* Runs all sides in turn, A B A B …, after a turn that does not count. 0, or a side's error. */
int bench_in_turn(const struct bench_side *sides, size_t num, double *medians,
		  struct vgpu_error *err);
/* Sorts the values. The share of them that is below the result: 0.5 for the median. */
double bench_quantile(double *values, size_t num, double share);

/*
 * Where a driver and a device wait for each other, it is chance whether they share a
 * processor, and that is what would be measured. The first processor is this program's
 * then, and what it starts gets the others. Without a second one nothing happens.
 */
enum bench_place { BENCH_ANYWHERE, BENCH_FIRST_PROCESSOR, BENCH_OTHER_PROCESSORS };
void bench_place(enum bench_place place);

double bench_wall_seconds(void);
/* Of this thread alone: what other programs do meanwhile is not in it. */
double bench_cpu_seconds(void);
/* Of all threads of this process. */
double bench_process_seconds(void);

enum bench_bar { BENCH_NO_BAR, BENCH_AT_LEAST, BENCH_AT_MOST };

struct bench_row {
	char what[160];
	char ours[96];
	char against[160]; /* empty: nothing */
	double ratio;	   /* that the bar is about; 0: not measured */
	enum bench_bar kind;
	double bar;
	const char *unit; /* of ratio and bar; NULL: none */
	/* Said where the bar is missed: the reason, and what it would take. */
	const char *why;
};

struct bench_report;

/* The folder is for files of a run and is not owned. */
struct bench_report *bench_report_new(const char *folder);
void bench_report_free(struct bench_report *report);
const char *bench_folder(const struct bench_report *report);
/* A heading, and a paragraph on how it was measured. */
void bench_section(struct bench_report *report, const char *title, const char *how);
/* Also prints it. */
void bench_add(struct bench_report *report, const struct bench_row *row);
/* A row of what could not be measured. */
void bench_add_missing(struct bench_report *report, const char *what, const char *why);
/* Markdown. 0 or a negative errno. */
int bench_report_write(const struct bench_report *report, const char *path, struct vgpu_error *err);
/* Counts of bars. */
unsigned int bench_met(const struct bench_report *report);
unsigned int bench_missed(const struct bench_report *report);

/* Names of programs, from the environment or as the build has them. */
const char *bench_program(const char *name, char path[512]);
/* Whether a program can be started: a path, or a name that PATH finds. */
bool bench_has_program(const char *name);

/* The tables. 0, or a negative errno with a sentence. */
int bench_transfer(struct bench_report *report, struct vgpu_error *err);
int bench_replay(struct bench_report *report, struct vgpu_error *err);
int bench_latency(struct bench_report *report, struct vgpu_error *err);
int bench_recording(struct bench_report *report, struct vgpu_error *err);
int bench_back_ends(struct bench_report *report, struct vgpu_error *err);
int bench_size(struct bench_report *report, struct vgpu_error *err);
int bench_compare(struct bench_report *report, struct vgpu_error *err);
int bench_start(struct bench_report *report, struct vgpu_error *err);
int bench_growth(struct bench_report *report, struct vgpu_error *err);

/* Serves the front end at fd with the device alone, until it goes: vgpu-record without a trace. */
int bench_serve(int fd);

#endif
