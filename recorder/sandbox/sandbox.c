/* SPDX-License-Identifier: MIT */
#include "sandbox/sandbox.h"

#include "sandbox/calls.h"
#include "sandbox/files.h"
#include "sandbox/user.h"

#include <errno.h>
#include <linux/capability.h>
#include <seccomp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

/* A front end passes what a message may carry, and the rest are a few dozen. */
#define MAX_FILES 256

#ifdef VGPU_INSTRUMENTED
static const bool instrumented = true;
#else
static const bool instrumented = false;
#endif

struct sandbox {
	struct sandbox_options options;
	struct sandbox_user user; /* if the options have one */
	scmp_filter_ctx filter;	  /* NULL: the kernel takes none */
	int files;		  /* of sandbox_files_new(), or negative */
};

static int lacks(const struct sandbox *sandbox, const char *what, const char *why,
		 struct vgpu_error *err)
{
	struct vgpu_error line;

	if (sandbox->options.required)
		return vgpu_error_set(err, ENOTSUP, "--require-sandbox: %s", what);
	vgpu_error_set(&line, ENOTSUP, "warning: %s; %s", what, why);
	if (sandbox->options.log != NULL)
		sandbox->options.log(sandbox->options.opaque, line.text);
	return 0;
}

static int prepare(struct sandbox *sandbox, struct vgpu_error *err)
{
	const struct sandbox_options *options = &sandbox->options;
	int rc = 0;

	if (options->user != NULL)
		rc = sandbox_user_find(&sandbox->user, options->user, options->output, err);
	if (rc == 0 && !sandbox_calls_available())
		rc = lacks(sandbox, "the kernel does not filter system calls",
			   "the sandbox is an open one", err);
	else if (rc == 0 && (sandbox->filter = sandbox_calls_new(options)) == NULL)
		rc = vgpu_error_set(err, ENOMEM, "cannot make a filter of system calls");
	if (rc != 0)
		return rc;
	/* Counts of what ran are written at the end, and to other files. */
	if (instrumented)
		return lacks(sandbox, "this program is instrumented",
			     "its sandbox forbids no calls and no files", err);
	sandbox->files = sandbox_files_new(options);
	if (sandbox->files == -ENOTSUP)
		return lacks(sandbox, "the kernel has no Landlock",
			     "files are protected by their permissions alone", err);
	if (sandbox->files < 0)
		return vgpu_error_set(err, -sandbox->files, "Landlock: %s",
				      strerror(-sandbox->files));
	return 0;
}

/* A device and the standard output get no name, and their folders no files. */
static bool is_open_already(const char *output)
{
	struct stat info;

	return strcmp(output, "-") == 0 || (stat(output, &info) == 0 && !S_ISREG(info.st_mode));
}

struct sandbox *sandbox_new(const struct sandbox_options *options, struct vgpu_error *err)
{
	struct sandbox *sandbox = calloc(1, sizeof(*sandbox));

	if (sandbox == NULL) {
		vgpu_error_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	sandbox->options = *options;
	if (is_open_already(options->output))
		sandbox->options.output = NULL;
	sandbox->files = -1;
	if (prepare(sandbox, err) == 0)
		return sandbox;
	sandbox_free(sandbox);
	return NULL;
}

void sandbox_free(struct sandbox *sandbox)
{
	if (sandbox == NULL)
		return;
	if (sandbox->filter != NULL)
		seccomp_release(sandbox->filter);
	if (sandbox->files >= 0)
		close(sandbox->files);
	free(sandbox);
}

/* ---- entering --------------------------------------------------------------------- */

static int drop_capabilities(void)
{
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	const struct __user_cap_data_struct none[_LINUX_CAPABILITY_U32S_3] = {{0}};

	return syscall(SYS_capset, &header, none) == 0 ? 0 : -errno;
}

static int limit_thread(const struct sandbox *sandbox, struct vgpu_error *err)
{
	int rc;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
		return vgpu_error_set(err, errno, "no new privileges: %s", strerror(errno));
	rc = sandbox->files >= 0 ? sandbox_files_enter(sandbox->files) : 0;
	if (rc != 0)
		return vgpu_error_set(err, -rc, "Landlock: %s", strerror(-rc));
	return 0;
}

static int drop_all(struct vgpu_error *err)
{
	int rc = drop_capabilities();

	return rc == 0 ? 0 : vgpu_error_set(err, -rc, "capabilities: %s", strerror(-rc));
}

void sandbox_enter_thread(const struct sandbox *sandbox)
{
	/* Whoever becomes another user loses them by that, in all threads, and needs them for it.
	 */
	if (limit_thread(sandbox, NULL) == 0 && sandbox->options.user == NULL)
		drop_all(NULL);
}

/* How large a file may be is the user's business. */
static int set_limits(struct vgpu_error *err)
{
	const struct rlimit no_core = {0, 0};
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) != 0)
		return vgpu_error_set(err, errno, "limits: %s", strerror(errno));
	/* The hard limit may stay: the call that would raise this one is not allowed. */
	if (files.rlim_cur > MAX_FILES)
		files.rlim_cur = MAX_FILES;
	/* The guest's memory has no place in a file on the disk. */
	if (setrlimit(RLIMIT_CORE, &no_core) != 0 || setrlimit(RLIMIT_NOFILE, &files) != 0)
		return vgpu_error_set(err, errno, "limits: %s", strerror(errno));
	return 0;
}

int sandbox_enter(struct sandbox *sandbox, struct vgpu_error *err)
{
	int rc = set_limits(err);

	if (rc == 0 && sandbox->options.user != NULL)
		rc = sandbox_user_become(&sandbox->user, sandbox->options.output, err);
	if (rc == 0)
		rc = limit_thread(sandbox, err);
	if (rc == 0)
		rc = drop_all(err);
	if (rc != 0 || sandbox->filter == NULL)
		return rc;
	rc = seccomp_load(sandbox->filter);
	return rc == 0 ? 0 : vgpu_error_set(err, -rc, "system calls: %s", strerror(-rc));
}
