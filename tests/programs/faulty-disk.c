/* SPDX-License-Identifier: MIT */
/*
 * Preloaded into vgpu-record, makes the disk of its trace faulty: FAULTY_DISK is
 * "error BYTES", EIO for all that comes after them, or "stuck BYTES FILE", where
 * all that comes after them waits until there is such a file. What is meant is
 * every file whose name ends with .part.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static bool is_trace(int fd)
{
	char link[64], name[4096];

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	ssize_t len = readlink(link, name, sizeof(name));
	return len > 5 && memcmp(name + len - 5, ".part", 5) == 0;
}

static bool fails(size_t len)
{
	static size_t written;
	const char *fault = getenv("FAULTY_DISK");
	const struct timespec pause = {.tv_nsec = 10000000};
	unsigned long number = 0;
	char until[64];

	if (fault == NULL)
		return false;
	written += len;
	if (sscanf(fault, "stuck %lu %63s", &number, until) == 2) {
		while (written > number && access(until, F_OK) != 0)
			nanosleep(&pause, NULL);
		return false;
	}
	return sscanf(fault, "error %lu", &number) == 1 && written > number;
}

ssize_t write(int fd, const void *data, size_t len)
{
	ssize_t (*real)(int, const void *, size_t);

	*(void **)&real = dlsym(RTLD_NEXT, "write");
	if (!is_trace(fd) || !fails(len))
		return real(fd, data, len);
	errno = EIO;
	return -1;
}
