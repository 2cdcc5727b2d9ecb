/* SPDX-License-Identifier: MIT */
/*
 * Results of several devices beside each other, for reports. A device may have
 * been asked in several configurations, each a run: what could not be asked in
 * the first one is answered by the next.
 */
#ifndef CONFORM_DEVICES_H
#define CONFORM_DEVICES_H

#include "conformance/runner/results.h"

struct device {
	const char *name;
	const struct results **runs; /* at least one */
	unsigned int num_runs;
};

/* All zero: none. */
struct devices {
	struct device *all; /* in the order in which they were added */
	unsigned int count;
};

/* Runs of one name are one device. The run must outlive the list. -ENOMEM. */
int devices_add(struct devices *devices, const struct results *run);
void devices_fini(struct devices *devices);

struct answer {
	const struct result *result; /* NULL: no run was about it */
	const struct results *run;   /* that it is of */
};

/* What a device said to the requirement of this index. */
struct answer device_answer(const struct device *device, unsigned int index);
/* How reports count it; NOT_ASKED also where no run was about it. */
enum verdict answer_verdict(const struct answer *answer);

#endif
