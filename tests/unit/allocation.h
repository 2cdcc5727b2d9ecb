/* SPDX-License-Identifier: MIT */
/*
 * The heap as a test sees it: how much of it is in use, and a point from which
 * on there is none. Counts what this project's own code allocates and frees, in
 * this thread; what a library does by itself is not seen.
 */
#ifndef VGPU_UNIT_ALLOCATION_H
#define VGPU_UNIT_ALLOCATION_H

#include <stdbool.h>

/* Allocations that have not been freed, since the program began. */
long allocation_live(void);
/* The next count allocations succeed, the one after them fails, once. */
void allocation_fail_after(unsigned int count);
/* Ends that. Returns whether an allocation has failed. */
bool allocation_end(void);

#endif
