/* SPDX-License-Identifier: MIT */
#include "target/line_socket.h"

#include "vgpu.h"

#include <errno.h>
#include <poll.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void vgpu_line_socket_init(struct vgpu_line_socket *socket, int fd)
{
	socket->fd = fd;
	socket->begin = 0;
	socket->end = 0;
}

void vgpu_line_socket_fini(struct vgpu_line_socket *socket)
{
	if (socket->fd >= 0)
		close(socket->fd);
	socket->fd = -1;
}

static int wait_for(int fd, short events, uint64_t deadline_ns)
{
	for (;;) {
		uint64_t now = vgpu_now_ns();
		struct pollfd poller = {.fd = fd, .events = events};

		if (now >= deadline_ns)
			return -ETIMEDOUT;
		int n = poll(&poller, 1, (int)((deadline_ns - now) / 1000000) + 1);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return -errno;
	}
}

static uint64_t deadline_after(int timeout_ms)
{
	return vgpu_now_ns() + (uint64_t)timeout_ms * 1000000;
}

/* What a read or write of a socket whose peer died can fail with. */
static int peer_error(int error)
{
	return error == ECONNRESET || error == EPIPE || error == ENOTCONN ? -EPIPE : -error;
}

int vgpu_line_socket_send(struct vgpu_line_socket *socket, const char *bytes, size_t len,
			  int timeout_ms)
{
	uint64_t deadline = deadline_after(timeout_ms);

	while (len > 0) {
		ssize_t n = send(socket->fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n >= 0) {
			bytes += n;
			len -= (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return peer_error(errno);
		int ret = wait_for(socket->fd, POLLOUT, deadline);
		if (ret < 0)
			return ret;
	}
	return 0;
}

int vgpu_line_socket_send_fd(struct vgpu_line_socket *socket, const char *bytes, size_t len, int fd,
			     int timeout_ms)
{
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = {0};
	struct iovec iov = {.iov_base = (void *)bytes, .iov_len = len};
	struct msghdr message = {.msg_iov = &iov,
				 .msg_iovlen = 1,
				 .msg_control = control.bytes,
				 .msg_controllen = sizeof(control.bytes)};
	struct cmsghdr *rights = CMSG_FIRSTHDR(&message);
	uint64_t deadline = deadline_after(timeout_ms);
	ssize_t n;

	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(rights), &fd, sizeof(fd));
	while ((n = sendmsg(socket->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT)) < 0) {
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return peer_error(errno);
		int ret = wait_for(socket->fd, POLLOUT, deadline);
		if (ret < 0)
			return ret;
	}
	return vgpu_line_socket_send(socket, bytes + n, len - (size_t)n, timeout_ms);
}

/* The line that the buffer holds in full; NULL: it holds none. */
static char *take_line(struct vgpu_line_socket *socket)
{
	char *line = socket->buffer + socket->begin;
	char *end = memchr(line, '\n', socket->end - socket->begin);

	if (end == NULL)
		return NULL;
	socket->begin = (size_t)(end + 1 - socket->buffer);
	if (end > line && end[-1] == '\r')
		end--;
	*end = '\0';
	return line;
}

/* Waits for more bytes behind those that the buffer holds. */
static int fill(struct vgpu_line_socket *socket, uint64_t deadline)
{
	memmove(socket->buffer, socket->buffer + socket->begin, socket->end - socket->begin);
	socket->end -= socket->begin;
	socket->begin = 0;
	if (socket->end == sizeof(socket->buffer))
		return -EMSGSIZE;
	for (;;) {
		ssize_t n = recv(socket->fd, socket->buffer + socket->end,
				 sizeof(socket->buffer) - socket->end, MSG_DONTWAIT);
		if (n > 0) {
			socket->end += (size_t)n;
			return 0;
		}
		if (n == 0)
			return -EPIPE;
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return peer_error(errno);
		int ret = wait_for(socket->fd, POLLIN, deadline);
		if (ret < 0)
			return ret;
	}
}

int vgpu_line_socket_receive(struct vgpu_line_socket *socket, char **line, int timeout_ms)
{
	uint64_t deadline = deadline_after(timeout_ms);

	while ((*line = take_line(socket)) == NULL) {
		int ret = fill(socket, deadline);

		if (ret < 0)
			return ret;
	}
	return 0;
}

int vgpu_line_socket_read(struct vgpu_line_socket *socket, void *bytes, size_t len, int timeout_ms)
{
	uint64_t deadline = deadline_after(timeout_ms);
	uint8_t *to = bytes;

	while (len > 0) {
		size_t held = socket->end - socket->begin;
		int ret = held == 0 ? fill(socket, deadline) : 0;

		if (ret < 0)
			return ret;
		held = socket->end - socket->begin;
		held = held < len ? held : len;
		if (to != NULL)
			memcpy(to, socket->buffer + socket->begin, held);
		to = to != NULL ? to + held : NULL;
		socket->begin += held;
		len -= held;
	}
	return 0;
}
