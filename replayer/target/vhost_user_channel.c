/* SPDX-License-Identifier: MIT */
#include "target/vhost_user_channel.h"

#include "bus/vhost_user.h"

#include <errno.h>
#include <poll.h>
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
	if (ret == -ECONNRESET || ret == -ENOTCONN || ret == -EBADF)
		ret = -EPIPE;
	if (ret == -EPIPE)
		return vgpu_error_set(err, EPIPE, "the back end has closed the connection");
	return vgpu_error_set(err, -ret, "vhost-user message %u: %s", request,
			      ret == -ETIMEDOUT ? "no answer" : strerror(-ret));
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

static uint64_t deadline_of(const struct vgpu_vhost_user_channel *channel)
{
	return vgpu_now_ns() + (uint64_t)channel->timeout_ms * 1000000;
}

/* Descriptors go with the first byte. Returns the bytes sent or a negative errno. */
static ssize_t send_part(int fd, const uint8_t *bytes, size_t len,
			 const struct vgpu_vhost_user_message *message)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * VHOST_USER_MAX_REGIONS)];
		struct cmsghdr align;
	} control = {0};
	struct iovec iov = {.iov_base = (void *)(uintptr_t)bytes, .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};

	if (message != NULL && message->num_fds > 0) {
		size_t size = sizeof(int) * message->num_fds;

		msg.msg_control = control.bytes;
		msg.msg_controllen = CMSG_SPACE(size);
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(size);
		memcpy(CMSG_DATA(cmsg), message->fds, size);
	}
	ssize_t n = sendmsg(fd, &msg, MSG_DONTWAIT | MSG_NOSIGNAL);
	return n < 0 ? -errno : n;
}

static int send_message(struct vgpu_vhost_user_channel *channel,
			const struct vgpu_vhost_user_message *message, uint32_t flags)
{
	struct {
		struct vhost_user_header header;
		uint8_t payload[sizeof(union vhost_user_payload)];
	} out = {.header = {message->request, VHOST_USER_VERSION | flags, message->size}};
	size_t len = sizeof(out.header) + message->size, done = 0;
	uint64_t deadline = deadline_of(channel);

	if (message->size > sizeof(out.payload) || message->num_fds > VHOST_USER_MAX_REGIONS)
		return -EMSGSIZE;
	if (message->size > 0)
		memcpy(out.payload, message->payload, message->size);
	while (done < len) {
		ssize_t n = send_part(channel->fd, (uint8_t *)&out + done, len - done,
				      done == 0 ? message : NULL);
		if (n > 0)
			done += (size_t)n;
		if (n >= 0 || n == -EINTR)
			continue;
		int ret = n == -EAGAIN ? wait_for(channel->fd, POLLOUT, deadline) : (int)n;
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* Descriptors that come along are closed by the kernel, as nobody takes them. */
static int receive(int fd, void *data, size_t len, uint64_t deadline)
{
	uint8_t *bytes = data;

	while (len > 0) {
		ssize_t n = recv(fd, bytes, len, MSG_DONTWAIT);

		if (n == 0)
			return -EPIPE;
		if (n > 0) {
			bytes += n;
			len -= (size_t)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		if (errno != EAGAIN)
			return -errno;
		int ret = wait_for(fd, POLLIN, deadline);
		if (ret < 0)
			return ret;
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
	return fail(n == 0 ? -EPIPE : -errno, 0, err);
}
