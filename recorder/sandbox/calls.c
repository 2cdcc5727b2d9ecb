/* SPDX-License-Identifier: MIT */
#include "sandbox/calls.h"

#include "bus/hvisor_abi.h"

#include <drm.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <seccomp.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * What instruments a program has calls of its own: it writes counts when the
 * program ends, looks for leaks, reads what is mapped. There the kernel notes in
 * its log what the filter would have stopped, and lets it happen.
 */
#ifdef VGPU_INSTRUMENTED
static const uint32_t forbidden = SCMP_ACT_LOG;
#else
static const uint32_t forbidden = SCMP_ACT_KILL_PROCESS;
#endif

/* With any arguments. */
static const int any_arguments[] = {
	/* what is open already, sockets that a front end has connected among it */
	SCMP_SYS(read),
	SCMP_SYS(write),
	SCMP_SYS(readv),
	SCMP_SYS(writev),
	SCMP_SYS(pread64),
	SCMP_SYS(pwrite64),
	SCMP_SYS(lseek),
	SCMP_SYS(close),
	SCMP_SYS(poll),
	SCMP_SYS(ppoll),
	SCMP_SYS(accept),
	SCMP_SYS(accept4),
	SCMP_SYS(recvfrom),
	SCMP_SYS(recvmsg),
	SCMP_SYS(sendto),
	SCMP_SYS(sendmsg),
	SCMP_SYS(timerfd_settime),
	/* the trace and its name; which files these can be is not told by numbers */
	SCMP_SYS(open),
	SCMP_SYS(openat),
	SCMP_SYS(access),
	SCMP_SYS(faccessat),
	SCMP_SYS(faccessat2),
	SCMP_SYS(stat),
	SCMP_SYS(lstat),
	SCMP_SYS(fstat),
	SCMP_SYS(newfstatat),
	SCMP_SYS(statx),
	SCMP_SYS(flock),
	SCMP_SYS(ftruncate),
	SCMP_SYS(fsync),
	SCMP_SYS(fdatasync),
	SCMP_SYS(rename),
	SCMP_SYS(renameat),
	SCMP_SYS(renameat2),
	SCMP_SYS(unlink),
	SCMP_SYS(unlinkat),
	/* memory */
	SCMP_SYS(brk),
	SCMP_SYS(munmap),
	SCMP_SYS(mremap),
	SCMP_SYS(madvise),
	/* threads, their locks and their ends */
	SCMP_SYS(futex),
	SCMP_SYS(set_robust_list),
	SCMP_SYS(rseq),
	SCMP_SYS(gettid),
	SCMP_SYS(getpid),
	SCMP_SYS(sched_yield),
	SCMP_SYS(sched_getaffinity),
	SCMP_SYS(exit),
	SCMP_SYS(exit_group),
	/* signals, and calls that they interrupt */
	SCMP_SYS(rt_sigaction),
	SCMP_SYS(rt_sigprocmask),
	SCMP_SYS(rt_sigreturn),
	SCMP_SYS(sigaltstack),
	SCMP_SYS(restart_syscall),
	/* time, where it takes a system call, and what the metadata tells */
	SCMP_SYS(clock_gettime),
	SCMP_SYS(clock_getres),
	SCMP_SYS(clock_nanosleep),
	SCMP_SYS(nanosleep),
	SCMP_SYS(gettimeofday),
	SCMP_SYS(time),
	SCMP_SYS(uname),
	SCMP_SYS(getrandom),
};

/* Where one argument, as far as the mask goes, must have this value. */
static const struct rule {
	int call;
	unsigned int argument;
	uint64_t mask, value;
} rules[] = {
	/* no memory whose content could be run */
	{SCMP_SYS(mmap), 2, PROT_EXEC, 0},
	{SCMP_SYS(mprotect), 2, PROT_EXEC, 0},
	/* threads, and no processes */
	{SCMP_SYS(clone), 0, CLONE_THREAD, CLONE_THREAD},
	{SCMP_SYS(prctl), 0, UINT32_MAX, PR_SET_NAME},
	{SCMP_SYS(fcntl), 1, UINT32_MAX, F_GETFD},
	{SCMP_SYS(fcntl), 1, UINT32_MAX, F_SETFD},
	{SCMP_SYS(fcntl), 1, UINT32_MAX, F_GETFL},
	{SCMP_SYS(fcntl), 1, UINT32_MAX, F_SETFL},
	/* room for pictures on their way to the front end */
	{SCMP_SYS(setsockopt), 2, UINT32_MAX, SO_SNDBUF},
	/* how the standard library finds out that it writes to a terminal */
	{SCMP_SYS(ioctl), 1, UINT32_MAX, TCGETS},
};

/* What backend/display/ takes by libdrm once it has a card. */
static const uint32_t display_ioctls[] = {
	DRM_IOCTL_SET_MASTER,		DRM_IOCTL_DROP_MASTER,
	DRM_IOCTL_MODE_GETRESOURCES,	DRM_IOCTL_MODE_GETCONNECTOR,
	DRM_IOCTL_MODE_GETENCODER,	DRM_IOCTL_MODE_GETCRTC,
	DRM_IOCTL_MODE_SETCRTC,		DRM_IOCTL_MODE_CURSOR,
	DRM_IOCTL_MODE_CURSOR2,		DRM_IOCTL_MODE_GETPLANERESOURCES,
	DRM_IOCTL_MODE_GETPLANE,	DRM_IOCTL_MODE_OBJ_GETPROPERTIES,
	DRM_IOCTL_MODE_GETPROPERTY,	DRM_IOCTL_MODE_CREATEPROPBLOB,
	DRM_IOCTL_MODE_DESTROYPROPBLOB, DRM_IOCTL_MODE_CREATE_DUMB,
	DRM_IOCTL_MODE_MAP_DUMB,	DRM_IOCTL_MODE_DESTROY_DUMB,
	DRM_IOCTL_MODE_ADDFB,		DRM_IOCTL_MODE_RMFB,
	DRM_IOCTL_MODE_DIRTYFB,		DRM_IOCTL_MODE_PAGE_FLIP,
	DRM_IOCTL_MODE_ATOMIC,
};

static int allow_where(scmp_filter_ctx filter, int call, unsigned int argument, uint64_t mask,
		       uint64_t value)
{
	return seccomp_rule_add(filter, SCMP_ACT_ALLOW, call, 1,
				SCMP_CMP(argument, SCMP_CMP_MASKED_EQ, mask, value));
}

static int allow_ioctl(scmp_filter_ctx filter, uint32_t command)
{
	return allow_where(filter, SCMP_SYS(ioctl), 1, UINT32_MAX, command);
}

static int add_rules(scmp_filter_ctx filter, const struct sandbox_options *options)
{
	int ret = 0;

	for (size_t i = 0; i < sizeof(any_arguments) / sizeof(any_arguments[0]) && ret == 0; i++)
		ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, any_arguments[i], 0);
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]) && ret == 0; i++)
		ret = allow_where(filter, rules[i].call, rules[i].argument, rules[i].mask,
				  rules[i].value);
	/* abort() */
	if (ret == 0)
		ret = allow_where(filter, SCMP_SYS(tgkill), 0, UINT32_MAX, (uint32_t)getpid());
	/* Its flags lie in memory, where no filter sees them; clone() is taken instead. */
	if (ret == 0)
		ret = seccomp_rule_add(filter, SCMP_ACT_ERRNO(ENOSYS), SCMP_SYS(clone3), 0);
	if (ret == 0 && options->memory_files)
		ret = seccomp_rule_add(filter, SCMP_ACT_ALLOW, SCMP_SYS(memfd_create), 0);
	if (ret == 0 && options->hvisor)
		ret = allow_ioctl(filter, HVISOR_FINISH_REQ);
	for (size_t i = 0; i < sizeof(display_ioctls) / sizeof(display_ioctls[0]); i++)
		if (ret == 0 && options->display)
			ret = allow_ioctl(filter, display_ioctls[i]);
	return ret;
}

bool sandbox_calls_available(void)
{
	/* With a filter that lies nowhere: a kernel that takes one for all threads looks there. */
	return syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, NULL) !=
		       0 &&
	       errno == EFAULT;
}

void *sandbox_calls_new(const struct sandbox_options *options)
{
	uint32_t action = forbidden;
	scmp_filter_ctx filter = seccomp_init(action);

	/* Before Linux 4.14 only a signal could be had, which ends the process as well. */
	if (filter == NULL) {
		action = SCMP_ACT_TRAP;
		filter = seccomp_init(action);
	}
	if (filter == NULL)
		return NULL;
	/* For all threads, and no way to more privileges by way of another program. */
	if (seccomp_attr_set(filter, SCMP_FLTATR_CTL_TSYNC, 1) == 0 &&
	    seccomp_attr_set(filter, SCMP_FLTATR_CTL_NNP, 1) == 0 &&
	    seccomp_attr_set(filter, SCMP_FLTATR_ACT_BADARCH, action) == 0 &&
	    add_rules(filter, options) == 0)
		return filter;
	seccomp_release(filter);
	return NULL;
}
