/* SPDX-License-Identifier: MIT */
#include "sandbox/files.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <linux/landlock.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

/* Rights that came after the first version of Landlock, and after some headers. */
#define RIGHTS_OF_1    (LANDLOCK_ACCESS_FS_MAKE_SYM * 2 - 1)
#define RIGHT_REFER    (1ull << 13)
#define RIGHT_TRUNCATE (1ull << 14)

/* For NAME.part, its lock, its new name, and what makes that one durable. */
#define TRACE_RIGHTS                                                                               \
	(LANDLOCK_ACCESS_FS_WRITE_FILE | LANDLOCK_ACCESS_FS_READ_DIR |                             \
	 LANDLOCK_ACCESS_FS_MAKE_REG | LANDLOCK_ACCESS_FS_REMOVE_FILE | RIGHT_TRUNCATE)

static uint64_t handled_by(long version)
{
	uint64_t rights = RIGHTS_OF_1;

	if (version >= 2)
		rights |= RIGHT_REFER;
	if (version >= 3)
		rights |= RIGHT_TRUNCATE;
	return rights;
}

/* A folder that is not there needs no rule: who wants it will say so. */
static int allow(int rules, const char *path, uint64_t rights)
{
	struct landlock_path_beneath_attr rule = {.allowed_access = rights};
	char *copy = strdup(path);

	if (copy == NULL)
		return -ENOMEM;
	rule.parent_fd = open(dirname(copy), O_PATH | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	if (rule.parent_fd < 0)
		return 0;
	long ret = syscall(SYS_landlock_add_rule, rules, LANDLOCK_RULE_PATH_BENEATH, &rule, 0);
	int code = errno;
	close(rule.parent_fd);
	return ret == 0 ? 0 : -code;
}

int sandbox_files_new(const struct sandbox_options *options)
{
	long version =
		syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);

	if (version < 1)
		return -ENOTSUP;
	const struct landlock_ruleset_attr attr = {.handled_access_fs = handled_by(version)};
	int rules = (int)syscall(SYS_landlock_create_ruleset, &attr, sizeof(attr), 0);
	if (rules < 0)
		return -errno;
	int ret = 0;
	if (options->output != NULL)
		ret = allow(rules, options->output, TRACE_RIGHTS & attr.handled_access_fs);
	if (ret == 0 && options->socket_path != NULL)
		ret = allow(rules, options->socket_path, LANDLOCK_ACCESS_FS_REMOVE_FILE);
	if (ret == 0)
		return rules;
	close(rules);
	return ret;
}

int sandbox_files_enter(int rules)
{
	return syscall(SYS_landlock_restrict_self, rules, 0) == 0 ? 0 : -errno;
}
