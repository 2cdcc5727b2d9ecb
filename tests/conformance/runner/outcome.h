/* SPDX-License-Identifier: MIT */
/* What became of a vector. */
#ifndef CONFORM_OUTCOME_H
#define CONFORM_OUTCOME_H

#include "conformance/vocabulary/rig.h"

enum verdict {
	PASSED,
	FAILED,	   /* a hard finding */
	CRASHED,   /* the device died */
	HUNG,	   /* the vector did not end in its time */
	NOT_ASKED, /* the target cannot be asked */
	NUM_VERDICTS
};

struct outcome_finding {
	enum finding kind;
	char *text;
};

struct outcome {
	enum verdict verdict;
	bool exact; /* passed without a finding of the kind EXACT */
	struct outcome_finding *findings;
	unsigned int num_findings;
	uint64_t time_ns;
};

/* "passed", "failed", "crashed", "hung", "not asked" */
const char *verdict_name(enum verdict verdict);
/* NUM_VERDICTS: none is called so; name may be NULL. */
enum verdict verdict_find(const char *name);
/* The finding that decided; "" where everything passed. */
const char *outcome_reason(const struct outcome *outcome);
/* Sets verdict and exact by what is there; text is copied. */
void outcome_add(struct outcome *outcome, enum finding kind, const char *text);
void outcome_fini(struct outcome *outcome);

#endif
