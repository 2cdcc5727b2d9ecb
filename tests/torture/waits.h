/* SPDX-License-Identifier: MIT */
/*
 * How long a process's threads, but for its first, were ready to run without a
 * processor, or waited for a disk: where others take both, that is longer than any
 * promise of a recorder. The kernel is asked every few milliseconds.
 */
#ifndef VGPU_TORTURE_WAITS_H
#define VGPU_TORTURE_WAITS_H

#include <stdint.h>
#include <sys/types.h>

#define WAITS_MAX 512u

struct waits {
	struct {
		uint64_t time_ns;
		uint64_t wanted_ns, had_ns; /* processor or disk, since the beginning */
	} samples[WAITS_MAX];
	unsigned int count;
};

/* Watches the process until then. */
void waits_watch(struct waits *waits, pid_t pid, uint64_t end_ns);
/* How long it has waited from then on. */
uint64_t waits_since(const struct waits *waits, uint64_t time_ns);

#endif
