/* SPDX-License-Identifier: MIT */
/* The files that can be opened, made, renamed and removed, by Landlock. */
#ifndef VGPU_SANDBOX_FILES_H
#define VGPU_SANDBOX_FILES_H

#include "sandbox/sandbox.h"

/*
 * A set of rules: the trace's folder may be written to, and a socket removed
 * from its own. A file descriptor, or -ENOTSUP if the kernel has no Landlock, or
 * another negative errno.
 */
int sandbox_files_new(const struct sandbox_options *options);
/* From here on they hold for the calling thread and those that it starts. 0 or a negative errno. */
int sandbox_files_enter(int rules);

#endif
