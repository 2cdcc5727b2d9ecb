/* SPDX-License-Identifier: MIT */
/*
 * When the last while is worth a trace without anybody asking for one: a driver broke a
 * MUST, or was gone with its picture still shown. Knows what was seen and when the next
 * trace may be written, and not how.
 */
#ifndef VGPU_WATCH_H
#define VGPU_WATCH_H

#include "trace.h"

/* A guest that is broken is not to fill the disk. */
#define VGPU_WATCH_MAX_TRACES 16u

struct vgpu_watch {
	uint64_t wait_ns; /* at least so long from one trace to the next */
	uint64_t longer;  /* times that wait, as long as faults go on */
	uint64_t next_ns; /* no trace before this */
	uint64_t seen[VGPU_NUM_VIOLATIONS];
	bool pending; /* there was something that has no trace yet: */
	struct vgpu_trace_dump first;
	uint64_t since_ns;
	uint64_t faults; /* all of them */
	uint64_t traces; /* that were written because of them */
};

void vgpu_watch_init(struct vgpu_watch *watch, uint64_t wait_ns);
/*
 * What the device has counted by now: whether there is more of what is an error. That a
 * driver does not accept VERSION_1 is none: so it begins each time, with nothing drawn yet.
 */
void vgpu_watch_violations(struct vgpu_watch *watch, uint64_t now_ns,
			   const uint64_t violations[VGPU_NUM_VIOLATIONS]);
/* The device is being reset while a scanout shows something. */
void vgpu_watch_reset(struct vgpu_watch *watch, uint64_t now_ns);
/*
 * Whether a trace is due, and why; then it has to be written or tried again. None is any
 * more after VGPU_WATCH_MAX_TRACES.
 */
bool vgpu_watch_due(const struct vgpu_watch *watch, uint64_t now_ns, struct vgpu_trace_dump *why);
/* The trace is on its way. One that follows soon, again and again, has to wait longer. */
void vgpu_watch_done(struct vgpu_watch *watch, uint64_t now_ns);

#endif
