/* SPDX-License-Identifier: MIT */
/*
 * The D-Bus protocol between two processes of one machine, without a bus: the
 * part of it that QEMU's display speaks.
 */
#ifndef VGPU_DBUS_H
#define VGPU_DBUS_H

#include "target/peer_socket.h"
#include "vgpu.h"

/* Of a longer body the rest is dropped: what we wait for is shorter. */
#define VGPU_DBUS_BODY_MAX 20480

/* Types of messages. */
enum {
	VGPU_DBUS_CALL = 1,
	VGPU_DBUS_RETURN = 2,
	VGPU_DBUS_ERROR = 3,
};

struct vgpu_dbus {
	struct vgpu_peer_socket socket;
	uint32_t serial; /* of the last message sent */
};

/* A message that came. */
struct vgpu_dbus_message {
	uint8_t type;
	bool wants_reply;
	uint32_t serial, reply_serial;
	char member[64];
	uint32_t body_len; /* as it was sent */
	uint8_t body[VGPU_DBUS_BODY_MAX];
};

/* Marshals a body, and whole messages. Too much of it makes the message unsendable. */
struct vgpu_dbus_writer {
	size_t len;
	uint8_t bytes[1024];
};

void vgpu_dbus_put(struct vgpu_dbus_writer *writer, const void *bytes, size_t len);
void vgpu_dbus_put_align(struct vgpu_dbus_writer *writer, size_t align);
void vgpu_dbus_put_u16(struct vgpu_dbus_writer *writer, uint16_t value);
void vgpu_dbus_put_u32(struct vgpu_dbus_writer *writer, uint32_t value);
void vgpu_dbus_put_string(struct vgpu_dbus_writer *writer, const char *text);
void vgpu_dbus_put_signature(struct vgpu_dbus_writer *writer, const char *text);

/* What is called. */
struct vgpu_dbus_method {
	const char *path, *interface, *member;
	const char *signature; /* of the body; NULL: there is none */
};

/*
 * Authenticates as the user of this process to who serves the other end. fd is
 * owned from now on. 0, -EPIPE, -ETIMEDOUT, -EACCES if it wants none of us.
 */
int vgpu_dbus_open(struct vgpu_dbus *dbus, int fd);
void vgpu_dbus_close(struct vgpu_dbus *dbus);
/*
 * Calls a method; body may be NULL. fd goes with the message and stays the
 * caller's; -1: none does. The reply has the serial dbus->serial.
 */
int vgpu_dbus_call(struct vgpu_dbus *dbus, const struct vgpu_dbus_method *method,
		   const struct vgpu_dbus_writer *body, int fd);
/* Returns from the call that had that serial; signature NULL: with nothing. */
int vgpu_dbus_return(struct vgpu_dbus *dbus, uint32_t serial, const char *signature,
		     const struct vgpu_dbus_writer *body);
/*
 * Waits up to timeout_ms for a message to begin. 0, -ETIMEDOUT if none did.
 * After other errors only vgpu_dbus_close() makes sense: -EPIPE, -EPROTO for
 * what is no message or does not go on.
 */
int vgpu_dbus_receive(struct vgpu_dbus *dbus, struct vgpu_dbus_message *message, int timeout_ms);

#endif
