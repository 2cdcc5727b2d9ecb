/* SPDX-License-Identifier: MIT */
/* What a target said to each requirement. */
#ifndef CONFORM_RESULTS_H
#define CONFORM_RESULTS_H

#include "conformance/runner/outcome.h"
#include "conformance/runner/requirements.h"

#include <cjson/cJSON.h>

struct result {
	const struct requirement *requirement;
	const struct vector *vector; /* NULL: there is none; see table_join() */
	bool chosen;		     /* by the call */
	bool done;		     /* outcome is there */
	struct outcome outcome;
	const char *known; /* evidence of the profile that it is known to be so, or NULL */
	bool unexpected;   /* neither passed nor known nor not asked */
};

struct results {
	char name[256];	    /* that reports give the device */
	char target[256];   /* as the call named it */
	char version[256];  /* what the target said of itself */
	char command[1024]; /* options that ask the same device again */
	struct result *all; /* one for each requirement, in their order */
	unsigned int count;
	cJSON *file; /* that they were read from and point into, or NULL */
};

struct results_summary {
	unsigned int verdicts[NUM_VERDICTS];
	unsigned int inexact;	 /* of those that passed */
	unsigned int known;	 /* of those that failed, crashed or hung */
	unsigned int unexpected; /* likewise */
};

/* An empty result for each requirement. -ENOMEM. */
int results_init(struct results *results, const struct requirements *requirements);
void results_fini(struct results *results);
struct result *results_find(struct results *results, const char *id);
void results_summarize(const struct results *results, struct results_summary *summary);

/* The file format is in vgpu-conform(1). 0 or a negative errno with a sentence. */
int results_write(const struct results *results, const char *path, struct vgpu_error *err);
/* What results_write() wrote, also without results_fini() on an error. */
int results_read(struct results *results, const struct requirements *requirements, const char *path,
		 struct vgpu_error *err);

#endif
