/* SPDX-License-Identifier: MIT */
#include "bench/process.h"

#include "bench/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static double seconds_of(const struct timeval *time)
{
	return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

int bench_process(char *const argv[], struct bench_process *process, struct vgpu_error *err)
{
	posix_spawn_file_actions_t actions;
	struct rusage usage;
	pid_t pid;
	int status = 0;

	*process = (struct bench_process){0};
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_addopen(&actions, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&actions, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
	double begin = bench_wall_seconds();
	int ret = posix_spawnp(&pid, argv[0], &actions, NULL, argv, environ);
	posix_spawn_file_actions_destroy(&actions);
	if (ret != 0)
		return vgpu_error_set(err, EIO, "%s cannot be started", argv[0]);
	while (wait4(pid, &status, 0, &usage) < 0 && errno == EINTR)
		;
	process->seconds = bench_wall_seconds() - begin;
	process->cpu_seconds = seconds_of(&usage.ru_utime) + seconds_of(&usage.ru_stime);
	process->memory = (uint64_t)usage.ru_maxrss * 1024;
	process->status = WEXITSTATUS(status);
	return WIFEXITED(status) ? 0 : vgpu_error_set(err, EIO, "%s was killed", argv[0]);
}
