/* SPDX-License-Identifier: MIT */
/* The operations of device-fuzz.c, for itself and for who makes programs from traces. */
#ifndef VGPU_FUZZ_DEVICE_OPS_H
#define VGPU_FUZZ_DEVICE_OPS_H

enum device_op {
	OP_SET_UP,  /* features (8), log2 of both queues' sizes (1) */
	OP_COMMAND, /* as rings_command() */
	OP_DESC,    /* as rings_desc() */
	OP_AVAIL,   /* as rings_avail() */
	OP_WRITE,   /* a register: offset (2), size (1), value (8) */
	OP_READ,    /* a register: offset (2), size (1) */
	OP_MEMORY,  /* guest memory: offset (4), bytes */
	OP_FILL,    /* guest memory: offset (4), length (4), byte (1) */
	OP_OUTPUT,  /* scanout (1), enabled (1), width (4), height (4) */
	OP_DISPLAY, /* 0: answers what it was asked; 1: will not answer at once; 2: will */
	OP_LOOK,    /* scanout (1), x, y, width, height (2 each) */
	OP_MAP,	    /* the second region of guest memory is there (1) */
	NUM_DEVICE_OPS,
};

#endif
