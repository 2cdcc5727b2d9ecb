/* SPDX-License-Identifier: MIT */
/*
 * Gives an unmodified vgpu-record a /dev/hvisor: system calls on it go to the
 * simulated hypervisor (sim.c) over a socket that HVISOR_SIM_SOCKET names.
 *
 * umockdev, which fakes devices the same way, does not carry this one: a device
 * of its ioctl trees is mapped as the plain file that stands for it, but here an
 * offset of mmap() is either the page of the last INIT_VIRTIO, another one each
 * time, or a physical address; and nothing there can make the kernel signal an
 * eventfd that an ioctl has handed over, or send a signal to the caller of one.
 */
#include "hvisor-sim/wire.h"

#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <unistd.h>

#define DEVICE	    "/dev/hvisor"
#define DEVICE_TREE "/proc/device-tree"
#define MAX_FDS	    1024

/* The facts' ioctls that carry more than a number. */
#define ZONE_LIST    _IOR(1, 5, void *)
#define CONFIG_CHECK _IOR(1, 6, uint64_t *)
#define SET_EVENTFD  _IOW(1, 7, int)

struct zone_list {
	uint64_t count;
	void *zones;
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int connection = -1;
static bool is_device[MAX_FDS];

/* The C library's own function, or that of the next library in line. */
static void find_next(const char *name, void *function)
{
	void *address = dlsym(RTLD_NEXT, name);

	if (address == NULL)
		abort();
	memcpy(function, &address, sizeof(address));
}

typedef int open_function(const char *path, int flags, ...);
typedef int openat_function(int folder, const char *path, int flags, ...);
typedef int close_function(int fd);
typedef int ioctl_function(int fd, unsigned long command, ...);
typedef void *mmap_function(void *address, size_t len, int prot, int flags, int fd, off_t offset);
typedef FILE *fopen_function(const char *path, const char *mode);
typedef DIR *opendir_function(const char *path);

static int real_open(const char *path, int flags, int mode)
{
	open_function *real;

	find_next("open", &real);
	return real(path, flags, mode);
}

static int real_close(int fd)
{
	close_function *real;

	find_next("close", &real);
	return real(fd);
}

static void *real_mmap(void *address, size_t len, int prot, int flags, int fd, off_t offset)
{
	mmap_function *real;

	find_next("mmap", &real);
	return real(address, len, prot, flags, fd, offset);
}

/* ---- the connection ---------------------------------------------------------------- */

static int connect_simulator(void)
{
	const char *path = getenv(SIM_ENV_SOCKET);
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (connection >= 0)
		return 0;
	if (strlen(path) >= sizeof(address.sun_path))
		return -1;
	strcpy(address.sun_path, path);
	connection = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (connection < 0)
		return -1;
	return connect(connection, (struct sockaddr *)&address, sizeof(address));
}

/* So that a program that has closed all that it opened leaves nothing. */
__attribute__((destructor)) static void disconnect(void)
{
	if (connection >= 0)
		real_close(connection);
}

static int send_request(const struct sim_request *request, int fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {.bytes = {0}};
	struct iovec iov = {.iov_base = (void *)request, .iov_len = sizeof(*request)};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control.bytes);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	return sendmsg(connection, &message, MSG_NOSIGNAL) == sizeof(*request) ? 0 : -1;
}

static int receive_reply(struct sim_reply *reply, int *fd)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = reply, .iov_len = sizeof(*reply)};
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t got;

	do
		got = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);
	while (got < 0 && errno == EINTR);
	*fd = -1;
	if (got != sizeof(*reply))
		return -1;
	if (CMSG_FIRSTHDR(&message) != NULL)
		memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(*fd));
	return 0;
}

/* One call, forwarded. *fd: a descriptor to send, and then the one that came or -1. */
static int forward(struct sim_request *request, struct sim_reply *reply, int *fd)
{
	int ret;

	request->tid = (int32_t)syscall(SYS_gettid);
	pthread_mutex_lock(&lock);
	ret = connect_simulator();
	if (ret == 0)
		ret = send_request(request, *fd);
	if (ret == 0)
		ret = receive_reply(reply, fd);
	pthread_mutex_unlock(&lock);
	if (ret != 0)
		errno = EIO;
	return ret;
}

/* ---- open and close ------------------------------------------------------------------ */

static bool is_forwarded(int fd)
{
	return fd >= 0 && fd < MAX_FDS && __atomic_load_n(&is_device[fd], __ATOMIC_RELAXED);
}

static bool is_simulated(const char *path, const char *what)
{
	size_t len = strlen(what);

	return getenv(SIM_ENV_SOCKET) != NULL && strncmp(path, what, len) == 0 &&
	       (path[len] == '\0' || path[len] == '/');
}

/* A plain file stands for the device, so that it can be locked as one. */
static int open_device(int flags)
{
	char path[4096];
	int fd;

	snprintf(path, sizeof(path), "%s" SIM_NODE_SUFFIX, getenv(SIM_ENV_SOCKET));
	fd = real_open(path, flags, 0);
	if (fd >= MAX_FDS) {
		real_close(fd);
		errno = EMFILE;
		return -1;
	}
	if (fd >= 0)
		__atomic_store_n(&is_device[fd], true, __ATOMIC_RELAXED);
	return fd;
}

static int mode_of(int flags, va_list args)
{
	return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(args, int) : 0;
}

int open(const char *path, int flags, ...)
{
	va_list args;

	va_start(args, flags);
	int mode = mode_of(flags, args);
	va_end(args);
	if (is_simulated(path, DEVICE))
		return open_device(flags);
	return real_open(path, flags, mode);
}

int open64(const char *path, int flags, ...)
{
	va_list args;

	va_start(args, flags);
	int mode = mode_of(flags, args);
	va_end(args);
	return open(path, flags, mode);
}

int openat(int folder, const char *path, int flags, ...)
{
	va_list args;

	va_start(args, flags);
	int mode = mode_of(flags, args);
	va_end(args);
	if (is_simulated(path, DEVICE))
		return open_device(flags);
	openat_function *real;
	find_next("openat", &real);
	return real(folder, path, flags, mode);
}

int openat64(int folder, const char *path, int flags, ...)
{
	va_list args;

	va_start(args, flags);
	int mode = mode_of(flags, args);
	va_end(args);
	return openat(folder, path, flags, mode);
}

int close(int fd)
{
	if (is_forwarded(fd))
		__atomic_store_n(&is_device[fd], false, __ATOMIC_RELAXED);
	return real_close(fd);
}

/*
 * The device tree of the root zone, which says where there is memory, and the
 * mappings of a process that is to be a daemon.
 */
static const char *redirect(const char *path, char *buffer, size_t size)
{
	const char *socket_path = getenv(SIM_ENV_SOCKET);
	int pid, end = 0;

	if (is_simulated(path, DEVICE_TREE)) {
		snprintf(buffer, size, "%s" SIM_TREE_SUFFIX "%s", socket_path,
			 path + strlen(DEVICE_TREE));
		return buffer;
	}
	if (socket_path == NULL || sscanf(path, "/proc/%d/maps%n", &pid, &end) != 1 || end == 0)
		return path;
	snprintf(buffer, size, "%s" SIM_MAPS_SUFFIX "%d", socket_path, pid);
	return access(buffer, R_OK) == 0 ? buffer : path;
}

FILE *fopen(const char *path, const char *mode)
{
	char buffer[4096];

	fopen_function *real;

	find_next("fopen", &real);
	return real(redirect(path, buffer, sizeof(buffer)), mode);
}

FILE *fopen64(const char *path, const char *mode)
{
	return fopen(path, mode);
}

DIR *opendir(const char *path)
{
	char buffer[4096];

	opendir_function *real;

	find_next("opendir", &real);
	return real(redirect(path, buffer, sizeof(buffer)));
}

/* ---- ioctl ----------------------------------------------------------------------------- */

static int device_ioctl(unsigned long command, uintptr_t argument)
{
	struct sim_request request = {
		.call = SIM_IOCTL,
		.command = command,
		.argument = argument,
	};
	struct zone_list *list = (struct zone_list *)argument;
	struct sim_reply reply;
	int fd = -1;

	if (command == SET_EVENTFD && fcntl((int)argument, F_GETFD) >= 0)
		fd = (int)argument;
	if (command == ZONE_LIST)
		request.argument = list->count;
	if (forward(&request, &reply, &fd) != 0)
		return -1;
	if (reply.data_len != 0)
		memcpy(command == ZONE_LIST ? list->zones : (void *)argument, reply.data,
		       reply.data_len);
	if (reply.result < 0)
		errno = reply.error;
	return reply.result;
}

int ioctl(int fd, unsigned long command, ...)
{
	va_list args;

	va_start(args, command);
	uintptr_t argument = va_arg(args, uintptr_t);
	va_end(args);
	if (is_forwarded(fd))
		return device_ioctl(command, argument);
	ioctl_function *real;
	find_next("ioctl", &real);
	return real(fd, command, argument);
}

/* ---- mmap ------------------------------------------------------------------------------ */

static void *device_mmap(void *address, size_t len, int prot, int flags, off_t offset)
{
	struct sim_request request = {
		.call = SIM_MMAP,
		.offset = (uint64_t)offset,
		.len = len,
		.prot = (uint32_t)prot,
		.flags = (uint32_t)flags,
	};
	struct sim_reply reply;
	int fd = -1;

	if (forward(&request, &reply, &fd) != 0)
		return MAP_FAILED;
	if (reply.result < 0) {
		errno = reply.error;
		return MAP_FAILED;
	}
	/* Where the machine has nothing the call succeeds, and a touch is the end. */
	if (fd < 0)
		return real_mmap(address, len, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	void *mapped = real_mmap(address, len, prot, flags, fd, (off_t)reply.offset);
	real_close(fd);
	return mapped;
}

void *mmap(void *address, size_t len, int prot, int flags, int fd, off_t offset)
{
	if (is_forwarded(fd))
		return device_mmap(address, len, prot, flags, offset);
	return real_mmap(address, len, prot, flags, fd, offset);
}

void *mmap64(void *address, size_t len, int prot, int flags, int fd, off_t offset)
{
	return mmap(address, len, prot, flags, fd, offset);
}
