/* SPDX-License-Identifier: MIT */
/*
 * Runs vectors against a target in a process of their own: a device that dies or
 * hangs, also one that lives in that process, costs one vector.
 */
#ifndef CONFORM_RUNNER_H
#define CONFORM_RUNNER_H

#include "conformance/runner/outcome.h"

struct runner;

struct runner_options {
	const char *target;  /* NAME or NAME:ARGUMENT, as vgpu_target_open() takes it */
	const char *program; /* --qemu */
	const char *device;  /* --device */
};

/* NULL with a sentence in err if there is no such target or it cannot be opened. */
struct runner *runner_new(const struct runner_options *options, struct vgpu_error *err);
void runner_free(struct runner *runner);
/* What the target said of itself: "QEMU 7.2.22 virtio-gpu-device". */
const char *runner_version(const struct runner *runner);
/* The caller calls outcome_fini(). */
void runner_run(struct runner *runner, const struct vector *vector, struct outcome *outcome);

#endif
