/* SPDX-License-Identifier: MIT */
#include "target/peer_socket.h"

#include "target/socket_io.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

void vgpu_peer_socket_init(struct vgpu_peer_socket *socket, int fd)
{
	socket->fd = fd;
	socket->begin = 0;
	socket->end = 0;
}

void vgpu_peer_socket_fini(struct vgpu_peer_socket *socket)
{
	if (socket->fd >= 0)
		close(socket->fd);
	socket->fd = -1;
}

int vgpu_peer_socket_send(struct vgpu_peer_socket *socket, const char *bytes, size_t len,
			  int timeout_ms)
{
	return vgpu_peer_socket_send_fd(socket, bytes, len, -1, timeout_ms);
}

int vgpu_peer_socket_send_fd(struct vgpu_peer_socket *socket, const char *bytes, size_t len, int fd,
			     int timeout_ms)
{
	return vgpu_socket_send(socket->fd, bytes, len, &fd, fd >= 0,
				vgpu_socket_deadline(timeout_ms));
}

/* The line that the buffer holds in full; NULL: it holds none. */
static char *take_line(struct vgpu_peer_socket *socket)
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
static int fill(struct vgpu_peer_socket *socket, uint64_t deadline)
{
	memmove(socket->buffer, socket->buffer + socket->begin, socket->end - socket->begin);
	socket->end -= socket->begin;
	socket->begin = 0;
	if (socket->end == sizeof(socket->buffer))
		return -EMSGSIZE;
	ssize_t n = vgpu_socket_receive(socket->fd, socket->buffer + socket->end,
					sizeof(socket->buffer) - socket->end, deadline);
	if (n < 0)
		return (int)n;
	socket->end += (size_t)n;
	return 0;
}

int vgpu_peer_socket_receive(struct vgpu_peer_socket *socket, char **line, int timeout_ms)
{
	uint64_t deadline = vgpu_socket_deadline(timeout_ms);

	while ((*line = take_line(socket)) == NULL) {
		int ret = fill(socket, deadline);

		if (ret < 0)
			return ret;
	}
	return 0;
}

int vgpu_peer_socket_read(struct vgpu_peer_socket *socket, void *bytes, size_t len, int timeout_ms)
{
	uint64_t deadline = vgpu_socket_deadline(timeout_ms);
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
