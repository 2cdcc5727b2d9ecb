/* SPDX-License-Identifier: MIT */
/*
 * A request as the rules see it: which command it is and the fields that it
 * names, as far as they are there.
 */
#ifndef VGPU_LINT_COMMAND_H
#define VGPU_LINT_COMMAND_H

#include "trace.h"

#define LINT_NO_FEATURE 64

/* What the specification says of a command. */
struct lint_command {
	uint32_t type;
	unsigned int queue;
	unsigned int feature; /* bit that it needs; LINT_NO_FEATURE: none */
	uint32_t size;	      /* of the fixed part; 0: not known here */
	uint32_t answer;      /* size of the answer; 0: depends */
	uint32_t count_at;    /* offset of the number of entries that follow; 0: none do */
	bool bytes_follow;    /* any number of bytes follows the fixed part */
	uint32_t padding[2];  /* offsets of 4 bytes that must be zero; 0: none */
};

struct lint_request {
	const struct vgpu_trace_request *raw;
	uint32_t type;
	const struct lint_command *command; /* NULL: unknown type, or no whole header */
	uint64_t readable, writable;	    /* bytes of the descriptors */
	bool whole;			    /* all of the fixed part is there */
	bool refused;			    /* answered with an error */
	bool answered_ok;		    /* answered, and without an error */

	/* 0 where the command has no such field. */
	uint32_t id, scanout, format, width, height;
	struct vgpu_rect rect;
	uint64_t offset;
	uint32_t num_entries;
	const uint8_t *entries; /* the list; NULL unless all of it was recorded */
};

void lint_request_decode(const struct vgpu_trace_request *raw, struct lint_request *request);
/* Of an entry of the list: its address and length. */
uint64_t lint_entry_gpa(const struct lint_request *request, uint32_t index);
uint32_t lint_entry_len(const struct lint_request *request, uint32_t index);

/* Whether the command names a resource that must exist. */
bool lint_names_resource(const struct lint_request *request);
/* Pixels of the part of a that lies in b. */
uint64_t lint_common(const struct vgpu_rect *a, const struct vgpu_rect *b);

#endif
