/* SPDX-License-Identifier: MIT */
/*
 * The driver's half of virtqueues in a small guest memory, as an operation of a
 * fuzzer's program says: mostly chains that a device can take, split or packed.
 */
#ifndef VGPU_FUZZ_RINGS_H
#define VGPU_FUZZ_RINGS_H

#include "fuzz/program.h"
#include "vgpu.h"

/* Offsets in guest memory: per queue three areas, then buffers. */
#define RINGS_BYTES    0x8000u
#define RINGS_DESC(q)  ((q)*RINGS_BYTES)
#define RINGS_AVAIL(q) ((q)*RINGS_BYTES + 0x4000u)
#define RINGS_USED(q)  ((q)*RINGS_BYTES + 0x5000u)

struct rings {
	void (*write)(void *opaque, uint32_t offset, const void *data, size_t len);
	void *opaque;
	bool packed;
	struct {
		uint16_t size;	/* 0: not set up */
		uint16_t avail; /* split: free running */
		uint16_t next;	/* the descriptor that is used next */
		bool wrap;
		uint32_t chains; /* that were put there */
	} queues[VGPU_NUM_QUEUES];
};

void rings_set_up(struct rings *rings, unsigned int queue, uint16_t size);

/*
 * A command: queue and notify (1 byte), shape (1), room for the response (2),
 * where the request is cut in two (2), the request.
 */
#define RINGS_QUEUE  0x01u
#define RINGS_SILENT 0x02u
enum {
	SHAPE_INDIRECT = 1,
	SHAPE_DIRECT_FIRST = 2, /* one descriptor before the indirect table */
	SHAPE_NO_RESPONSE = 4,
	SHAPE_CUT_RESPONSE = 8,
	SHAPE_CUT_REQUEST = 16,
	SHAPE_TAIL = 32,      /* the request's descriptor is longer than the request */
	SHAPE_READ_BACK = 64, /* the response lies where the request is */
};
/* Returns the queue to notify, or -1. */
int rings_command(struct rings *rings, struct program_op *op);
void rings_make_command(struct dice *dice, struct bytes *op);
bool rings_change_command(struct dice *dice, uint8_t *bytes, size_t len);
#define RINGS_COMMAND_HEAD 6u

/* A descriptor as it stands: queue (1), index (2), address (8), length (4), flags (2), next (2). */
void rings_desc(struct rings *rings, struct program_op *op);
void rings_make_desc(struct dice *dice, struct bytes *op);
/* An entry of the available ring: queue (1), slot (2), head (2), what the index grows by (2). */
void rings_avail(struct rings *rings, struct program_op *op);
void rings_make_avail(struct dice *dice, struct bytes *op);

#endif
