/* SPDX-License-Identifier: MIT */
/* The requirements, which are the rows of requirements.json and nowhere else. */
#ifndef CONFORM_REQUIREMENTS_H
#define CONFORM_REQUIREMENTS_H

#include "vgpu.h"

/* Strings are kept by the list; those that a row does not have are NULL. */
struct requirement {
	const char *id, *level, *text, *source, *check, *expected;
	const char *no_vector; /* why nothing asks for it */
	const char *area;      /* "XFR" */
	const char *area_name;
};

/* The levels from the strictest on: "MUST", ...; NULL after the last. */
const char *requirement_level(unsigned int index);

struct requirements;

/* What is in the program. NULL with a sentence in err: that is broken. */
struct requirements *requirements_new(struct vgpu_error *err);
void requirements_free(struct requirements *requirements);
unsigned int requirements_count(const struct requirements *requirements);
const struct requirement *requirements_at(const struct requirements *requirements,
					  unsigned int index);
/* NULL: there is none. */
const struct requirement *requirements_find(const struct requirements *requirements,
					    const char *id);

#endif
