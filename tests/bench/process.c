/* SPDX-License-Identifier: MIT */
#include "bench/process.h"

#include "bench/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static double seconds_of(const struct timeval *time)
{
	return (double)time->tv_sec + (double)time->tv_usec / 1e6;
}

static pid_t start(char *const argv[])
{
	pid_t pid = fork();

	if (pid != 0)
		return pid;
	int quiet = open("/dev/null", O_WRONLY | O_CLOEXEC);
	dup2(quiet, STDOUT_FILENO);
	dup2(quiet, STDERR_FILENO);
	execvp(argv[0], argv);
	_exit(127);
}

/* Runs in a process that is still small: the kernel counts what it had as the program's. */
static void measure(char *const argv[], struct bench_process *process)
{
	struct rusage usage = {0};
	double begin = bench_wall_seconds();
	pid_t pid = start(argv);

	while (pid > 0 && wait4(pid, &process->status, 0, &usage) < 0 && errno == EINTR)
		;
	process->seconds = bench_wall_seconds() - begin;
	process->cpu_seconds = seconds_of(&usage.ru_utime) + seconds_of(&usage.ru_stime);
	process->memory = (uint64_t)usage.ru_maxrss * 1024;
	if (pid < 0)
		process->status = 127 << 8;
}

int bench_process_serve(char **argv)
{
	struct bench_process process = {0};
	int out = dup(STDOUT_FILENO);

	measure(argv, &process);
	return write(out, &process, sizeof(process)) == sizeof(process) ? 0 : 2;
}

int bench_process(char *const argv[], struct bench_process *process, struct vgpu_error *err)
{
	char *words[16] = {(char *)(uintptr_t) "bench", (char *)(uintptr_t) "--run"};
	int ends[2], status;
	unsigned int num = 0;

	for (; argv[num] != NULL && num < 13; num++)
		words[2 + num] = argv[num];
	if (pipe2(ends, O_CLOEXEC) < 0)
		return vgpu_error_set(err, errno, "no pipe");
	pid_t pid = vfork();
	if (pid == 0) {
		dup2(ends[1], STDOUT_FILENO);
		execv("/proc/self/exe", words);
		_exit(127);
	}
	close(ends[1]);
	ssize_t n = read(ends[0], process, sizeof(*process));
	close(ends[0]);
	while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (n != sizeof(*process) || !WIFEXITED(process->status) ||
	    WEXITSTATUS(process->status) == 127)
		return vgpu_error_set(err, EIO, "%s could not be started, or was killed", argv[0]);
	process->status = WEXITSTATUS(process->status);
	return 0;
}
