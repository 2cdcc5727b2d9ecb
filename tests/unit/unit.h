/* SPDX-License-Identifier: MIT */
/* One topic is one file <topic>-test.c with one suite, listed in main.c. */
#ifndef VGPU_UNIT_H
#define VGPU_UNIT_H

#include <CUnit/CUnit.h>

struct unit_test {
	const char *name; /* what must be true */
	void (*run)(void);
};

struct unit_suite {
	const char *name;
	const struct unit_test *tests; /* ends with a NULL name */
};

#endif
