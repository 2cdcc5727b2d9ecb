/* SPDX-License-Identifier: MIT */
/*
 * A trace file from a program: what an operation says goes into the file as it
 * is, and what the program does not speak of (checksums, lengths, compression,
 * index) is right. Else nothing that a fuzzer writes would get past them.
 */
#ifndef VGPU_FUZZ_TRACE_FORGE_H
#define VGPU_FUZZ_TRACE_FORGE_H

#include "fuzz/program.h"

enum trace_op {
	TRACE_OP_RECORD,  /* type (2), body */
	TRACE_OP_BLOCK,	  /* how (1): records go to a new block from here on */
	TRACE_OP_CONTENT, /* a CONTENT record: chunks (2), length of each (2), first byte (1) */
	TRACE_OP_END,	  /* the END record as it has to be here */
	TRACE_OP_RAW,	  /* how (1), payload of a RECORDS block */
	TRACE_OP_OTHER,	  /* a block of any type: type (2), flags (2), payload */
	TRACE_OP_DAMAGE,  /* of the finished file: offset (4), what it is changed by (1) */
	TRACE_OP_CUT,	  /* of the finished file: length (4) */
	TRACE_OP_PLAIN,	  /* these bytes are all of the file */
	NUM_TRACE_OPS,
};

/* How a block is written. */
enum {
	TRACE_HOW_ZSTD = 1,
	TRACE_HOW_RESTART = 2,
	TRACE_HOW_MISCOUNTED = 4, /* what it says of the blocks before is wrong */
	TRACE_HOW_LENGTH = 8,	  /* its length when decompressed is wrong */
};

void trace_forge(const uint8_t *program, size_t size, struct bytes *file);

#endif
