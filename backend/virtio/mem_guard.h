/* SPDX-License-Identifier: MIT */
/*
 * Memory that is mapped from another process's file, which that process can shorten at
 * any time: touching it is SIGBUS then. Knows addresses, and not what lies there.
 */
#ifndef VGPU_MEM_GUARD_H
#define VGPU_MEM_GUARD_H

#include <stdbool.h>
#include <stddef.h>

/*
 * Once vgpu_mem_guard_start() was called, zeros take the place of the len bytes from begin,
 * a whole mapping, when some of them are gone. Returns what the others take, or -ENOMEM.
 */
int vgpu_mem_guard_add(void *begin, size_t len);
/* Before the memory is unmapped. */
void vgpu_mem_guard_remove(int guard);
/* Whether zeros have taken its place. */
bool vgpu_mem_guard_lost(int guard);

#endif
