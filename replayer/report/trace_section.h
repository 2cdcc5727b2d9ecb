/* SPDX-License-Identifier: MIT */
/*
 * The part of a report that is about one trace: what was drawn, and what differs,
 * with pictures. It watches a replay, and is written when that has ended.
 */
#ifndef VGPU_TRACE_SECTION_H
#define VGPU_TRACE_SECTION_H

#include "replay.h"

#include <stdio.h>

/* More is counted and left out. */
#define VGPU_SECTION_ANSWERS 20
#define VGPU_SECTION_FRAMES  8
/* No picture of a difference is shown that makes them all more than this. */
#define VGPU_SECTION_BYTES (16u << 20)

struct vgpu_trace_section;

/* id is the number of the trace in the call, from 1. NULL: no memory. */
struct vgpu_trace_section *vgpu_trace_section_new(unsigned int id);
void vgpu_trace_section_free(struct vgpu_trace_section *section);
/* Watches, with the section as its opaque. */
const struct vgpu_replay_watch *vgpu_trace_section_watch(void);
/* section may be NULL: then there is only what the result says. */
void vgpu_trace_section_write(struct vgpu_trace_section *section, unsigned int id,
			      const struct vgpu_replay_result *result, FILE *out);

#endif
