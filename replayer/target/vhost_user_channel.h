/* SPDX-License-Identifier: MIT */
/*
 * The front end's end of a vhost-user connection: one request, one answer. The
 * back end may die, fall silent or talk nonsense at any time: every wait ends.
 */
#ifndef VGPU_VHOST_USER_CHANNEL_H
#define VGPU_VHOST_USER_CHANNEL_H

#include "vgpu.h"

struct vgpu_vhost_user_channel {
	int fd;	  /* owned; -1: not connected */
	bool ack; /* REPLY_ACK was agreed: every message is answered */
	int timeout_ms;
};

struct vgpu_vhost_user_message {
	uint32_t request;
	const void *payload;
	uint32_t size;
	const int *fds; /* that go with it; not taken over */
	unsigned int num_fds;
};

void vgpu_vhost_user_channel_init(struct vgpu_vhost_user_channel *channel, int fd);
void vgpu_vhost_user_channel_fini(struct vgpu_vhost_user_channel *channel);
/*
 * Sends a message that has no reply of its own. Without REPLY_ACK nobody knows
 * what becomes of it. 0; -EPIPE: the back end is gone; -ETIMEDOUT; -EREMOTEIO: it
 * refused the message; -EPROTO: what it answered is no answer.
 */
int vgpu_vhost_user_tell(struct vgpu_vhost_user_channel *channel,
			 const struct vgpu_vhost_user_message *message, struct vgpu_error *err);
/* Sends a message and waits for its reply, which must have reply_size bytes. Errors as above. */
int vgpu_vhost_user_ask(struct vgpu_vhost_user_channel *channel,
			const struct vgpu_vhost_user_message *message, void *reply,
			uint32_t reply_size, struct vgpu_error *err);
/* 0 while the back end is there and silent, -EPIPE, -EPROTO if it speaks unasked. */
int vgpu_vhost_user_channel_check(struct vgpu_vhost_user_channel *channel, struct vgpu_error *err);

#endif
