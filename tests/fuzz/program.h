/* SPDX-License-Identifier: MIT */
/*
 * What most fuzzers take as their input: a little program, a list of operations.
 * One operation is a kind (1 byte), a length (2 bytes, little-endian) and that
 * many bytes, so any bytes are a program. The mutator works on whole operations
 * and on their fields, because bytes that are changed blindly seldom get past a
 * handshake. It knows nothing of what an operation does.
 */
#ifndef VGPU_FUZZ_PROGRAM_H
#define VGPU_FUZZ_PROGRAM_H

#include "trace/bytes.h"

#define PROGRAM_HEAD   3u /* kind and length */
#define PROGRAM_OP_MAX 65535u

struct program_op {
	uint8_t kind;
	const uint8_t *bytes;
	size_t len;
};

/* Takes the first operation off the program; false at its end. The last may be cut. */
bool program_next(const uint8_t **program, size_t *size, struct program_op *op);
/* Takes a little-endian number of some bytes off the operation; what is missing is 0. */
uint64_t program_number(struct program_op *op, unsigned int bytes);
/* Appends an operation. */
void program_put(struct bytes *program, uint8_t kind, const struct bytes *op);
void program_put_number(struct bytes *op, uint64_t value, unsigned int bytes);

struct dice {
	uint64_t state;
};
uint32_t dice_roll(struct dice *dice);
bool dice_once_in(struct dice *dice, uint32_t n);
/* A number that code likes to stumble over. */
uint32_t dice_edge(struct dice *dice);

struct program_grammar {
	unsigned int num_kinds;
	uint8_t usual; /* the kind of every second new operation */
	/* Appends the bytes of a new operation. */
	void (*make)(struct dice *dice, uint8_t kind, struct bytes *op);
	/* Changes a field of an operation in place; false: the mutator's own ways will do. */
	bool (*change)(struct dice *dice, uint8_t kind, uint8_t *bytes, size_t len);
};

/* What the mutator goes by; each fuzzer that takes programs has one. */
extern const struct program_grammar fuzz_grammar;

#endif
