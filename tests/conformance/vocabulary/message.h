/* SPDX-License-Identifier: MIT */
/*
 * A request and its reply. Whatever is sent, it is also seen that the device
 * used the right chain, said no more bytes than there was room for, wrote
 * nothing before, between, after or beyond what it said, and left the request
 * alone.
 */
#ifndef CONFORM_MESSAGE_H
#define CONFORM_MESSAGE_H

#include "conformance/vocabulary/ring.h"

enum { CONTROL, CURSOR };

#define REPLY_ROOM_MAX 8192

struct reply {
	const char *name; /* of the command, for messages */
	bool answered;
	unsigned int order; /* in which it was used among those it was collected with, from 0 */
	uint32_t used_len;  /* as the device said it */
	uint32_t room;	    /* that the writable descriptors had */
	uint32_t type;	    /* 0 where there are no bytes for it */
	struct virtio_gpu_ctrl_hdr hdr;
	uint8_t bytes[REPLY_ROOM_MAX]; /* UNWRITTEN where the device wrote nothing */
};

/* What an answer's bytes are before. */
#define UNWRITTEN 0xaa

/* Sends a request with that much room for the answer, and waits for it. */
struct reply submit(struct rig *t, unsigned int queue, const void *request, uint32_t len,
		    uint32_t room);

/*
 * The same, cut as shape says: lengths of descriptors from left to right, "/"
 * before those that are for the answer, "*" for the rest of either, "3x8" for
 * three of 8 bytes, "[" and "]" around what is in an indirect table. What submit()
 * does is "* / *"; "16 [8 * / 10 14]" is a direct descriptor and a table of four.
 */
struct reply submit_shaped(struct rig *t, unsigned int queue, const void *request, uint32_t len,
			   uint32_t room, const char *shape);

/* Several requests that are with the device at a time. */
struct pending;

/* Makes it available without a kick. It is kept by the rig until the vector ends. */
struct pending *post(struct rig *t, unsigned int queue, const void *request, uint32_t len,
		     uint32_t room, const char *shape);
void kick(struct rig *t, unsigned int queue);
/* Waits until all num are used, in whatever order; replies[i] is that of pending[i]. */
void collect(struct rig *t, struct pending *const *pending, unsigned int num,
	     struct reply *replies);
/* That nothing on this queue is used within a moment. */
void expect_no_answer(struct rig *t, unsigned int queue);

/* ---- what is expected of a reply -------------------------------------------------------- */

/* Answered with success, and nothing else. */
void expect_ok(struct rig *t, struct reply reply);
/* Answered with success and this type: RESP_OK_EDID and such, all of it. */
void expect_type(struct rig *t, struct reply reply, uint32_t type, uint32_t used_len);
/* Answered with an error; code is the one that fits best. */
void expect_error(struct rig *t, struct reply reply, uint32_t code);
/* Answered with success or with an error; type is what fits best. */
void expect_either(struct rig *t, struct reply reply, uint32_t type);
/* What was answered are the first bytes of what is answered with enough room. */
void expect_beginning(struct rig *t, const struct reply *reply, const struct reply *whole);
/* The buffer came back, whatever is in it. */
void expect_returned(struct rig *t, struct reply reply);
/*
 * For what breaks the ring's rules: answered in any way, or DEVICE_NEEDS_RESET,
 * or dropped. Says whether the device asks for a reset.
 */
bool expect_survived(struct rig *t, const struct reply *reply);
bool is_ok(const struct reply *reply);
bool is_error(const struct reply *reply);

#endif
