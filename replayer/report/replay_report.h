/* SPDX-License-Identifier: MIT */
/* The reports of vgpu-replay: a page for people, test cases for machines. */
#ifndef VGPU_REPLAY_REPORT_H
#define VGPU_REPLAY_REPORT_H

#include "vgpu.h"

#include <cjson/cJSON.h>
#include <stdio.h>

/* Files to write; NULL: not that one, "-" is the standard output. */
struct vgpu_replay_report_options {
	const char *html, *junit, *tap;
	bool compared; /* answers and frames were, not only golden sets made or checked */
};

struct vgpu_replay_report;

/* options is copied, its strings are not. NULL with a sentence. */
struct vgpu_replay_report *vgpu_replay_report_new(const struct vgpu_replay_report_options *options,
						  struct vgpu_error *err);
void vgpu_replay_report_free(struct vgpu_replay_report *report);
/*
 * Adds a trace: takes what vgpu_replay_json() made of its result, and copies what
 * vgpu_trace_section_write() wrote to the file section, which is read from its
 * beginning; -1: there is none.
 */
int vgpu_replay_report_add(struct vgpu_replay_report *report, cJSON *result, int section,
			   struct vgpu_error *err);
/* Writes all files. 0 or a negative errno with a sentence. */
int vgpu_replay_report_write(struct vgpu_replay_report *report, struct vgpu_error *err);

#endif
