/* SPDX-License-Identifier: MIT */
/* What make-seeds is made of. */
#ifndef VGPU_FUZZ_SEEDS_H
#define VGPU_FUZZ_SEEDS_H

#include "fuzz/program.h"

#include <stdbool.h>

/* Writes seeds from a trace into a folder; false after a sentence on stderr. */
typedef bool seed_fn(const char *trace, const char *folder);
seed_fn seed_device;
seed_fn seed_vhost_user;
seed_fn seed_trace;

/* Writes one seed, named after the trace and a number, and empties it. */
bool seed_write(const char *trace, const char *folder, unsigned int number, struct bytes *seed);

#endif
