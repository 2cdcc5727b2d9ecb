/* SPDX-License-Identifier: MIT */
/* Holds a target's answer against the recorded one. */
#ifndef VGPU_ANSWER_H
#define VGPU_ANSWER_H

#include "trace.h"

enum vgpu_answer_verdict {
	VGPU_ANSWER_EQUAL,
	VGPU_ANSWER_TOLERATED, /* not equal, but in the table of known peculiarities */
	VGPU_ANSWER_DIFFERENT,
};

struct vgpu_answer {
	uint32_t used_len;
	const uint8_t *bytes;
	uint64_t len;
};

struct vgpu_answer_rules {
	bool exact;	  /* byte by byte, for the device that recorded */
	uint64_t offered; /* features, by the device that answers */
	/*
	 * Outputs of the recording and of the target: what GET_DISPLAY_INFO tells
	 * of one is compared where both were given the same, and its size where it
	 * is on.
	 */
	const struct vgpu_trace_outputs *recorded, *given;
};

/* *why gets a few words on what differs or is tolerated, NULL if equal. */
enum vgpu_answer_verdict vgpu_answer_compare(const struct vgpu_answer_rules *rules,
					     const struct vgpu_trace_request *recorded,
					     const struct vgpu_answer *answer, const char **why);

#endif
