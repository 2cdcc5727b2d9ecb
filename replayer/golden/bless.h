/* SPDX-License-Identifier: MIT */
/*
 * Makes golden sets, and checks them. Nothing becomes golden that only the
 * reference device drew: an independent one has to draw the same.
 */
#ifndef VGPU_BLESS_H
#define VGPU_BLESS_H

#include "replay.h"

/* PNG files of one set: so many, and so many bytes in all. */
#define VGPU_BLESS_FILES 64
#define VGPU_BLESS_BYTES (4ull << 20)

/*
 * Plays the trace on the builtin target and on options->target, which must not
 * be it, and if answers are right and frames equal on both writes the golden set.
 * What is new in it is said in the result's messages. Of the options golden,
 * stop, progress and opaque are used too.
 */
void vgpu_bless(const char *trace, const struct vgpu_replay_options *options,
		struct vgpu_replay_result *result);
/* The same, but holds the golden set that is there against what was drawn. */
void vgpu_bless_check(const char *trace, const struct vgpu_replay_options *options,
		      struct vgpu_replay_result *result);

#endif
