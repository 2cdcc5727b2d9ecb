/* SPDX-License-Identifier: MIT */
/* The system calls that serving and recording take; any other ends the process. */
#ifndef VGPU_SANDBOX_CALLS_H
#define VGPU_SANDBOX_CALLS_H

#include "sandbox/sandbox.h"

/* Whether this kernel, or what stands for it, filters system calls. */
bool sandbox_calls_available(void);
/* A filter for seccomp_load(), to be freed by seccomp_release(); NULL: no memory. */
void *sandbox_calls_new(const struct sandbox_options *options);

#endif
