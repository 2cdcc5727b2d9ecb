/* SPDX-License-Identifier: MIT */
#include "target/vhost_user_channel.h"

#include "bus/vhost_user.h"
#include "target/socket_io.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Longer than any command takes, even on a busy machine. */
#define TIMEOUT_MS 5000

void vgpu_vhost_user_channel_init(struct vgpu_vhost_user_channel *channel, int fd)
{
	channel->fd = fd;
	channel->ack = false;
	channel->timeout_ms = TIMEOUT_MS;
}

void vgpu_vhost_user_channel_fini(struct vgpu_vhost_user_channel *channel)
{
	if (channel->fd >= 0)
		close(channel->fd);
	channel->fd = -1;
}

static int fail(int ret, uint32_t request, struct vgpu_error *err)
{
	if (ret == -EPIPE || ret == -EBADF)
		return vgpu_error_set(err, EPIPE, "the back end has closed the connection");
	return vgpu_error_set(err, -ret, "vhost-user message %u: %s", request,
			      ret == -ETIMEDOUT ? "no answer" : strerror(-ret));
}

static uint64_t deadline_of(const struct vgpu_vhost_user_channel *channel)
{
	return vgpu_socket_deadline(channel->timeout_ms);
}

static int send_message(struct vgpu_vhost_user_channel *channel,
			const struct vgpu_vhost_user_message *message, uint32_t flags)
{
	struct {
		struct vhost_user_header header;
		uint8_t payload[sizeof(union vhost_user_payload)];
	} out = {.header = {message->request, VHOST_USER_VERSION | flags, message->size}};

	if (message->size > sizeof(out.payload))
		return -EMSGSIZE;
	if (message->size > 0)
		memcpy(out.payload, message->payload, message->size);
	return vgpu_socket_send(channel->fd, &out, sizeof(out.header) + message->size, message->fds,
				message->num_fds, deadline_of(channel));
}

static int receive(int fd, void *data, size_t len, uint64_t deadline)
{
	uint8_t *bytes = data;

	while (len > 0) {
		ssize_t n = vgpu_socket_receive(fd, bytes, len, deadline);

		if (n < 0)
			return (int)n;
		bytes += n;
		len -= (size_t)n;
	}
	return 0;
}

static int receive_reply(struct vgpu_vhost_user_channel *channel, uint32_t request, void *reply,
			 uint32_t size, struct vgpu_error *err)
{
	uint64_t deadline = deadline_of(channel);
	struct vhost_user_header header;
	int ret = receive(channel->fd, &header, sizeof(header), deadline);

	if (ret < 0)
		return fail(ret, request, err);
	if (header.request != request || header.flags != (VHOST_USER_VERSION | VHOST_USER_REPLY) ||
	    header.size != size)
		return vgpu_error_set(
			err, EPROTO,
			"vhost-user message %u is answered by message %u, flags 0x%x, "
			"of %u bytes, expected flags 0x%x and %u bytes",
			request, header.request, header.flags, header.size,
			VHOST_USER_VERSION | VHOST_USER_REPLY, size);
	ret = receive(channel->fd, reply, size, deadline);
	return ret < 0 ? fail(ret, request, err) : 0;
}

int vgpu_vhost_user_ask(struct vgpu_vhost_user_channel *channel,
			const struct vgpu_vhost_user_message *message, void *reply,
			uint32_t reply_size, struct vgpu_error *err)
{
	int ret = send_message(channel, message, 0);

	return ret < 0 ? fail(ret, message->request, err)
		       : receive_reply(channel, message->request, reply, reply_size, err);
}

int vgpu_vhost_user_tell(struct vgpu_vhost_user_channel *channel,
			 const struct vgpu_vhost_user_message *message, struct vgpu_error *err)
{
	uint64_t code = 0;
	int ret = send_message(channel, message, channel->ack ? VHOST_USER_NEED_REPLY : 0);

	if (ret < 0)
		return fail(ret, message->request, err);
	if (!channel->ack)
		return 0;
	ret = receive_reply(channel, message->request, &code, sizeof(code), err);
	if (ret == 0 && code != 0)
		return vgpu_error_set(err, EREMOTEIO,
				      "the back end refuses vhost-user message %u: code %llu",
				      message->request, (unsigned long long)code);
	return ret;
}

int vgpu_vhost_user_channel_check(struct vgpu_vhost_user_channel *channel, struct vgpu_error *err)
{
	char byte;
	ssize_t n = recv(channel->fd, &byte, 1, MSG_DONTWAIT | MSG_PEEK);

	if (n > 0)
		return vgpu_error_set(err, EPROTO, "the back end speaks without being asked");
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	return fail(n == 0 ? -EPIPE : vgpu_socket_error(errno), 0, err);
}
