/* SPDX-License-Identifier: MIT */
/* Which requirements a call is about. */
#ifndef CONFORM_SELECTION_H
#define CONFORM_SELECTION_H

#include "conformance/runner/requirements.h"

/* Lists with commas between; NULL: all. */
struct selection {
	const char *areas, *levels;
	const char *ids; /* shell patterns */
};

bool selection_has(const struct selection *selection, const struct requirement *requirement);

#endif
