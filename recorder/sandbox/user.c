/* SPDX-License-Identifier: MIT */
#include "sandbox/user.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <libgen.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* A number needs no list of users, which a root zone may not have. */
static int look_up(struct sandbox_user *user, const char *name, struct vgpu_error *err)
{
	char *end;
	unsigned long number = strtoul(name, &end, 10);
	const struct passwd *entry;

	if (*name >= '0' && *name <= '9' && *end == '\0' && number < UINT32_MAX) {
		*user = (struct sandbox_user){.uid = (uid_t)number, .gid = (gid_t)number};
		return 0;
	}
	entry = getpwnam(name);
	if (entry == NULL)
		return vgpu_error_set(err, ENOENT, "--user=%s: there is no such user", name);
	*user = (struct sandbox_user){.uid = entry->pw_uid, .gid = entry->pw_gid};
	return 0;
}

/* As that user, for a moment: every folder on the way counts. */
static bool may_change(const struct sandbox_user *user, const char *folder)
{
	gid_t group = getegid(), groups[64];
	int num = getgroups(64, groups);
	bool may = false;

	if (num < 0)
		return false;
	if (setgroups(0, NULL) == 0 && setegid(user->gid) == 0 && seteuid(user->uid) == 0)
		may = faccessat(AT_FDCWD, folder, W_OK | X_OK, AT_EACCESS) == 0;
	return seteuid(0) == 0 && setegid(group) == 0 && setgroups((size_t)num, groups) == 0 && may;
}

/* Found out before, and not when the recording is complete. */
static int check_folder(const struct sandbox_user *user, const char *name, const char *output,
			struct vgpu_error *err)
{
	char *copy = strdup(output);
	bool may;

	if (copy == NULL)
		return vgpu_error_set(err, ENOMEM, "out of memory");
	may = may_change(user, dirname(copy));
	free(copy);
	if (may)
		return 0;
	return vgpu_error_set(err, EACCES,
			      "--user=%s: who may not write to the folder of %s, and could not "
			      "give it its name",
			      name, output);
}

int sandbox_user_find(struct sandbox_user *user, const char *name, const char *output,
		      struct vgpu_error *err)
{
	int rc = look_up(user, name, err);

	if (rc != 0)
		return rc;
	if (user->uid == 0)
		return vgpu_error_set(err, EINVAL, "--user=%s: that is root", name);
	if (geteuid() != 0)
		return vgpu_error_set(err, EPERM, "--user=%s: only root can become another user",
				      name);
	return output != NULL ? check_folder(user, name, output, err) : 0;
}

/* In a folder like /tmp only the owner of a file can rename it. */
static void give_trace(const struct sandbox_user *user, const char *output)
{
	char part[4096];

	if (output == NULL || snprintf(part, sizeof(part), "%s.part", output) >= (int)sizeof(part))
		return;
	/* Where a file system has no owners, there is nothing to give. */
	if (fchownat(AT_FDCWD, part, user->uid, user->gid, AT_SYMLINK_NOFOLLOW) != 0)
		return;
}

int sandbox_user_become(const struct sandbox_user *user, const char *output, struct vgpu_error *err)
{
	give_trace(user, output);
	if (setgroups(0, NULL) != 0 || setresgid(user->gid, user->gid, user->gid) != 0 ||
	    setresuid(user->uid, user->uid, user->uid) != 0)
		return vgpu_error_set(err, errno, "cannot become user %u: %s", user->uid,
				      strerror(errno));
	return 0;
}
