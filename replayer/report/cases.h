/* SPDX-License-Identifier: MIT */
/*
 * Test cases for machines: JUnit XML, as GitLab, Jenkins and GitHub's actions
 * read it, and TAP 14. What becomes a case is its user's to say; the formats are
 * documented in replayer/REPORTS.md.
 */
#ifndef VGPU_CASES_H
#define VGPU_CASES_H

#include "vgpu.h"

#include <stdio.h>

enum vgpu_case_verdict {
	VGPU_CASE_PASS,
	VGPU_CASE_FAIL,	 /* what was tested is not as it must be */
	VGPU_CASE_ERROR, /* it died or hung, or could not be tested */
	VGPU_CASE_KNOWN, /* it fails, as it is known to: the message is what is known */
	VGPU_CASE_SKIP,	 /* not tested: the message says why */
};

/* Any text: what a format cannot hold is replaced. NULL: there is none. */
struct report_case {
	const char *suite;     /* "XFR"; cases of a suite stand together */
	const char *name;      /* what must be true, unique in its suite */
	const char *classname; /* what people group by: "vgpu-conform.XFR"; NULL: the suite */
	const char *file;      /* in the repository, for annotations */
	uint64_t time_ns;      /* that it took */
	enum vgpu_case_verdict verdict;
	const char *message; /* one sentence; for a case that passed a note, or NULL */
	const char *detail;  /* any number of lines */
};

/* What all cases have in common. */
struct report_run {
	const char *name;    /* "vgpu-replay" */
	const char *target;  /* "qemu" */
	const char *version; /* "QEMU 7.2.22 virtio-gpu-device" */
};

/* A list that owns its texts. All zero is an empty one. */
struct report_cases {
	struct report_case *all;
	size_t count, capacity;
};

/* Copies the case. 0 or -ENOMEM. */
int report_cases_add(struct report_cases *cases, const struct report_case *one);
void report_cases_fini(struct report_cases *cases);

/* Errors are those of the FILE, as everywhere with one. */
void report_junit(FILE *out, const struct report_run *run, const struct report_cases *cases);
void report_tap(FILE *out, const struct report_run *run, const struct report_cases *cases);
/*
 * Either of them to a file that is there whole or not at all; "-" is the standard
 * output. 0 or a negative errno with a sentence.
 */
typedef void report_cases_fn(FILE *out, const struct report_run *run,
			     const struct report_cases *cases);
int report_cases_write(report_cases_fn *write, const char *path, const struct report_run *run,
		       const struct report_cases *cases, struct vgpu_error *err);

#endif
