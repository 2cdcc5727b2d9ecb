/* SPDX-License-Identifier: MIT */
/*
 * A child process that cannot outlive this one, and whose last words are kept:
 * what it writes to standard output and error goes to a file in memory.
 */
#ifndef VGPU_CHILD_H
#define VGPU_CHILD_H

#include "vgpu.h"

#include <sys/types.h>

struct vgpu_child {
	pid_t pid; /* 0: none runs, or its end is known */
	int output;
	int status; /* of its end, as of waitpid() */
	bool ended; /* which is known */
};

#define VGPU_CHILD_LAST_WORDS 256

/*
 * Starts argv[0] from PATH with the descriptors in keep open under the same
 * numbers. 0, or a negative errno with a sentence if it could not be started.
 */
int vgpu_child_start(struct vgpu_child *child, char *const argv[], const int *keep,
		     unsigned int num_keep, struct vgpu_error *err);
/* Kills it if it still runs, and forgets its output. */
void vgpu_child_stop(struct vgpu_child *child);
/* Waits up to timeout_ms for its end. True if it has ended, or never ran. */
bool vgpu_child_ended(struct vgpu_child *child, int timeout_ms);
/*
 * Waits up to timeout_ms for its end and describes that with the last line that
 * it wrote: "killed by signal 6 (Aborted): qemu: assertion failed".
 */
void vgpu_child_last_words(struct vgpu_child *child, int timeout_ms,
			   char text[VGPU_CHILD_LAST_WORDS]);

#endif
