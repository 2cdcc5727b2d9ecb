/* SPDX-License-Identifier: MIT */
#include "fuzz/program.h"

#include "fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void fuzz_check(bool holds, const char *promise)
{
	if (holds)
		return;
	fprintf(stderr, "broken: %s\n", promise);
	abort();
}

bool program_next(const uint8_t **program, size_t *size, struct program_op *op)
{
	if (*size < PROGRAM_HEAD)
		return false;
	size_t len = (size_t)(*program)[1] | (size_t)(*program)[2] << 8;

	if (len > *size - PROGRAM_HEAD)
		len = *size - PROGRAM_HEAD;
	*op = (struct program_op){
		.kind = (*program)[0], .bytes = *program + PROGRAM_HEAD, .len = len};
	*program += PROGRAM_HEAD + len;
	*size -= PROGRAM_HEAD + len;
	return true;
}

uint64_t program_number(struct program_op *op, unsigned int bytes)
{
	uint64_t value = 0;

	for (unsigned int i = 0; i < bytes && op->len > 0; i++) {
		value |= (uint64_t)*op->bytes << (8 * i);
		op->bytes++;
		op->len--;
	}
	return value;
}

void program_put(struct bytes *program, uint8_t kind, const struct bytes *op)
{
	size_t len = op->len < PROGRAM_OP_MAX ? op->len : PROGRAM_OP_MAX;

	bytes_put_u8(program, kind);
	program_put_number(program, len, 2);
	bytes_put(program, op->data, len);
}

void program_put_number(struct bytes *op, uint64_t value, unsigned int bytes)
{
	for (unsigned int i = 0; i < bytes; i++)
		bytes_put_u8(op, (uint8_t)(value >> (8 * i)));
}

/* ---- dice ------------------------------------------------------------------------ */

uint32_t dice_roll(struct dice *dice)
{
	/* xorshift64*: the same numbers on every machine */
	dice->state ^= dice->state >> 12;
	dice->state ^= dice->state << 25;
	dice->state ^= dice->state >> 27;
	return (uint32_t)((dice->state * 0x2545f4914f6cdd1dull) >> 32);
}

bool dice_once_in(struct dice *dice, uint32_t n)
{
	return dice_roll(dice) % n == 0;
}

uint32_t dice_edge(struct dice *dice)
{
	static const uint32_t edges[] = {
		0,	1,	 2,	3,	    4,		15,	    16,
		63,	64,	 65,	67,	    68,		121,	    134,
		255,	256,	 1024,	4096,	    0x7fff,	0x8000,	    0x4001,
		0xffff, 0x10000, 65537, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};

	return dice_once_in(dice, 8) ? dice_roll(dice)
				     : edges[dice_roll(dice) % (sizeof(edges) / sizeof(*edges))];
}
