/* SPDX-License-Identifier: MIT */
/* The operations of vhost-user-fuzz.c, for itself and for who makes programs from traces. */
#ifndef VGPU_FUZZ_VHOST_USER_OPS_H
#define VGPU_FUZZ_VHOST_USER_OPS_H

enum vhost_user_op {
	VHOST_USER_OP_SET_UP,  /* features (8), log2 of both queues' sizes (1), base (2) */
	VHOST_USER_OP_COMMAND, /* as rings_command(), and a kick */
	VHOST_USER_OP_MESSAGE, /* descriptors (1) and the kind of each, request (1), flags (1),
				  payload */
	VHOST_USER_OP_BYTES,   /* on the socket, as they are */
	VHOST_USER_OP_DISPLAY_BYTES, /* on the display socket, as they are */
	VHOST_USER_OP_DISPLAY_REPLY, /* to which question (1), payload */
	VHOST_USER_OP_MEMORY,	     /* guest memory: offset (4), bytes */
	VHOST_USER_OP_DESC,	     /* as rings_desc() */
	VHOST_USER_OP_AVAIL,	     /* as rings_avail(), and a kick */
	VHOST_USER_OP_STOP,	     /* queue (1) */
	VHOST_USER_OP_CLOSE,	     /* 0: the socket, 1: the display socket */
	NUM_VHOST_USER_OPS,
};

#endif
