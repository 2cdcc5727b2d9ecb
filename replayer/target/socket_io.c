/* SPDX-License-Identifier: MIT */
#include "target/socket_io.h"

#include "vgpu.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

uint64_t vgpu_socket_deadline(int timeout_ms)
{
	return vgpu_now_ns() + (uint64_t)timeout_ms * 1000000;
}

int vgpu_socket_error(int error)
{
	return error == ECONNRESET || error == EPIPE || error == ENOTCONN ? -EPIPE : -error;
}

static int wait_for(int fd, short events, uint64_t deadline)
{
	for (;;) {
		uint64_t now = vgpu_now_ns();
		struct pollfd poller = {.fd = fd, .events = events};

		if (now >= deadline)
			return -ETIMEDOUT;
		int n = poll(&poller, 1, (int)((deadline - now) / 1000000) + 1);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

/* A call failed with error. 0: it is to be done again, after a wait if it must. */
static int try_again(int fd, int error, short events, uint64_t deadline)
{
	if (error == EINTR)
		return 0;
	return error == EAGAIN ? wait_for(fd, events, deadline) : vgpu_socket_error(error);
}

static ssize_t send_part(int fd, const uint8_t *bytes, size_t len, const int *fds,
			 unsigned int num_fds)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * VGPU_SOCKET_MAX_FDS)];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};
	const size_t size = sizeof(int) * num_fds;

	if (num_fds > 0) {
		message.msg_control = control.bytes;
		message.msg_controllen = CMSG_SPACE(size);
		struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
		rights->cmsg_level = SOL_SOCKET;
		rights->cmsg_type = SCM_RIGHTS;
		rights->cmsg_len = CMSG_LEN(size);
		memcpy(CMSG_DATA(rights), fds, size);
	}
	return sendmsg(fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
}

int vgpu_socket_send(int fd, const void *bytes, size_t len, const int *fds, unsigned int num_fds,
		     uint64_t deadline)
{
	const uint8_t *from = bytes;

	if (num_fds > VGPU_SOCKET_MAX_FDS)
		return -EMSGSIZE;
	while (len > 0) {
		ssize_t n = send_part(fd, from, len, fds, num_fds);
		int ret = n < 0 ? try_again(fd, errno, POLLOUT, deadline) : 0;

		if (ret < 0)
			return ret;
		if (n < 0)
			continue;
		from += n;
		len -= (size_t)n;
		num_fds = 0;
	}
	return 0;
}

ssize_t vgpu_socket_receive(int fd, void *bytes, size_t size, uint64_t deadline)
{
	for (;;) {
		ssize_t n = recv(fd, bytes, size, MSG_DONTWAIT);

		if (n != 0 && n != -1)
			return n;
		int ret = n == 0 ? -EPIPE : try_again(fd, errno, POLLIN, deadline);
		if (ret < 0)
			return ret;
	}
}
