/* SPDX-License-Identifier: MIT */
#include "target/child.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* Between fork and exec: only what is safe there. Does not return. */
static void become(char *const argv[], const int *keep, unsigned int num_keep, pid_t parent,
		   int output, int failure)
{
	/* Ctrl-C is for the caller, who then ends this process himself. */
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	int null = open("/dev/null", O_RDONLY);
	bool ready = null >= 0 && dup2(null, STDIN_FILENO) >= 0 &&
		     dup2(output, STDOUT_FILENO) >= 0 && dup2(output, STDERR_FILENO) >= 0;
	for (unsigned int i = 0; ready && i < num_keep; i++)
		ready = fcntl(keep[i], F_SETFD, 0) == 0;
	if (ready)
		execvp(argv[0], argv);
	int error = errno;
	ssize_t n = write(failure, &error, sizeof(error));
	_exit(n == sizeof(error) ? 127 : 126);
}

int vgpu_child_start(struct vgpu_child *child, char *const argv[], const int *keep,
		     unsigned int num_keep, struct vgpu_error *err)
{
	int failure[2], error;

	*child = (struct vgpu_child){0};
	child->output = memfd_create("vgpu-child-output", MFD_CLOEXEC);
	if (child->output < 0)
		return vgpu_error_set(err, errno, "memfd: %s", strerror(errno));
	if (pipe2(failure, O_CLOEXEC) < 0) {
		error = errno;
		goto fail;
	}
	pid_t parent = getpid();
	child->pid = fork();
	if (child->pid == 0)
		become(argv, keep, num_keep, parent, child->output, failure[1]);
	error = errno;
	close(failure[1]);
	/* The pipe closes without a word when exec has succeeded. */
	ssize_t n = child->pid < 0 ? -1 : read(failure[0], &error, sizeof(error));
	close(failure[0]);
	if (n == 0)
		return 0;
fail:
	if (child->pid > 0)
		vgpu_child_stop(child);
	else if (child->output >= 0)
		close(child->output);
	child->pid = 0;
	child->output = -1;
	return vgpu_error_set(err, error, "%s: %s", argv[0], strerror(error));
}

void vgpu_child_stop(struct vgpu_child *child)
{
	if (child->pid > 0) {
		kill(child->pid, SIGKILL);
		while (waitpid(child->pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	child->pid = 0;
	if (child->output >= 0)
		close(child->output);
	child->output = -1;
}

/* Copies the last line with something in it, printable characters only. */
static void last_line(int fd, char *line, size_t size)
{
	char tail[2048];
	off_t end = lseek(fd, 0, SEEK_END);
	off_t from = end > (off_t)sizeof(tail) ? end - (off_t)sizeof(tail) : 0;
	ssize_t len = end > 0 ? pread(fd, tail, sizeof(tail), from) : 0;
	size_t out = 0;

	while (len > 0 && (tail[len - 1] == '\n' || tail[len - 1] == '\r'))
		len--;
	ssize_t begin = len;
	while (begin > 0 && tail[begin - 1] != '\n')
		begin--;
	for (ssize_t i = begin; i < len && out + 1 < size; i++)
		line[out++] = tail[i] >= ' ' && tail[i] < 0x7f ? tail[i] : '?';
	line[out] = '\0';
}

bool vgpu_child_ended(struct vgpu_child *child, int timeout_ms)
{
	for (int waited = 0; child->pid > 0; waited++) {
		pid_t pid = waitpid(child->pid, &child->status, WNOHANG);

		if (pid == child->pid) {
			child->pid = 0;
			child->ended = true;
		} else if (pid < 0 || waited >= timeout_ms) {
			return false;
		} else {
			usleep(1000);
		}
	}
	return true;
}

void vgpu_child_last_words(struct vgpu_child *child, int timeout_ms,
			   char text[VGPU_CHILD_LAST_WORDS])
{
	char line[160], end[64] = "does not answer";

	if (vgpu_child_ended(child, timeout_ms)) {
		if (!child->ended)
			snprintf(end, sizeof(end), "has ended");
		else if (WIFSIGNALED(child->status))
			snprintf(end, sizeof(end), "killed by signal %d (%s)",
				 WTERMSIG(child->status), strsignal(WTERMSIG(child->status)));
		else
			snprintf(end, sizeof(end), "ended with status %d",
				 WEXITSTATUS(child->status));
	}
	last_line(child->output, line, sizeof(line));
	snprintf(text, VGPU_CHILD_LAST_WORDS, "%s%s%s", end, line[0] != '\0' ? ": " : "", line);
}
