/* SPDX-License-Identifier: MIT */
/*
 * A profile: how a device is known to deviate, so that its CI holds the line. It
 * is a JSON file: {"device": "QEMU 7.2", "deviations": {"VG-XFR-016": {"verdict":
 * "crashed", "evidence": "..."}}}.
 */
#ifndef CONFORM_PROFILE_H
#define CONFORM_PROFILE_H

#include "conformance/runner/results.h"

struct profile;

/* name is a file, or what is in the folder of profiles beside the program, without ".json". */
struct profile *profile_read(const char *name, const struct requirements *requirements,
			     struct vgpu_error *err);
void profile_free(struct profile *profile);
const char *profile_device(const struct profile *profile);
/* Sets known and unexpected of a result that is done; profile may be NULL. */
void profile_judge(const struct profile *profile, struct result *result);
/* What is known of a requirement whose vector passed. NULL: nothing. */
const char *profile_evidence(const struct profile *profile, const char *id);
/* Writes what failed as a profile. */
int profile_write(const struct results *results, const char *path, struct vgpu_error *err);

#endif
