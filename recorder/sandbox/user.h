/* SPDX-License-Identifier: MIT */
/* Whom to become, and whether that one can end the recording. */
#ifndef VGPU_SANDBOX_USER_H
#define VGPU_SANDBOX_USER_H

#include "sandbox/sandbox.h"

#include <sys/types.h>

struct sandbox_user {
	uid_t uid;
	gid_t gid;
};

/* By name or number; output may be NULL. 0, or a negative errno with a sentence in err. */
int sandbox_user_find(struct sandbox_user *user, const char *name, const char *output,
		      struct vgpu_error *err);
/* Gives the trace and then this process, all threads of it, to that user. */
int sandbox_user_become(const struct sandbox_user *user, const char *output,
			struct vgpu_error *err);

#endif
