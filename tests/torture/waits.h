/* SPDX-License-Identifier: MIT */
/*
 * A thread that is a witness: it does little, often, and measures by that how
 * long this machine keeps a thread that could run from running. Where others take
 * the processors, that is longer than any promise of a recorder.
 */
#ifndef VGPU_TORTURE_WAITS_H
#define VGPU_TORTURE_WAITS_H

#include <stdint.h>

#define WAITS_MAX 512u

struct waits {
	struct {
		uint64_t time_ns, waited_ns; /* waited: since the beginning */
	} samples[WAITS_MAX];
	unsigned int count;
	uint64_t work; /* keeps the work from being nothing */
};

/* Is a witness until then. */
void waits_rest(struct waits *waits, uint64_t end_ns);
/* How long it has waited from then on. */
uint64_t waits_since(const struct waits *waits, uint64_t time_ns);

#endif
