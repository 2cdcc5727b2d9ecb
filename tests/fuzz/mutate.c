/* SPDX-License-Identifier: MIT */
#include "fuzz/fuzz.h"
#include "fuzz/program.h"

#include <string.h>

/* A longer program is mutated in its first operations only. */
#define OPS_MAX 512u

static struct dice dice_of(unsigned int seed)
{
	struct dice dice = {.state = 0x9e3779b97f4a7c15ull ^ seed};

	dice_roll(&dice);
	return dice;
}

/* A program as a list; operations point into the program or into made. */
struct list {
	struct program_op ops[OPS_MAX];
	size_t num;
	struct bytes made;
};

static void load(struct list *list, const uint8_t *data, size_t size)
{
	list->num = 0;
	list->made = (struct bytes){0};
	while (list->num < OPS_MAX && program_next(&data, &size, &list->ops[list->num]))
		list->num++;
}

static size_t store(const struct list *list, uint8_t *out, size_t max)
{
	struct bytes program = {0};

	for (size_t i = 0; i < list->num; i++) {
		const struct program_op *op = &list->ops[i];
		struct bytes bytes = {.data = (uint8_t *)(uintptr_t)op->bytes, .len = op->len};

		if (program.len + PROGRAM_HEAD + op->len > max)
			break;
		program_put(&program, op->kind, &bytes);
	}
	if (program.len != 0)
		memcpy(out, program.data, program.len);
	size_t len = program.len;
	bytes_fini(&program);
	return len;
}

static void insert(struct list *list, size_t at, const struct program_op *op)
{
	if (list->num == OPS_MAX)
		return;
	memmove(&list->ops[at + 1], &list->ops[at], (list->num - at) * sizeof(list->ops[0]));
	list->ops[at] = *op;
	list->num++;
}

static void insert_new(const struct program_grammar *grammar, struct dice *dice, struct list *list)
{
	uint8_t kind = dice_once_in(dice, 2) ? grammar->usual
					     : (uint8_t)(dice_roll(dice) % grammar->num_kinds);

	bytes_fini(&list->made);
	list->made = (struct bytes){0};
	grammar->make(dice, kind, &list->made);
	struct program_op op = {.kind = kind, .bytes = list->made.data, .len = list->made.len};
	insert(list, dice_roll(dice) % (list->num + 1), &op);
}

/* An aligned number of 1, 2, 4 or 8 bytes becomes another. */
static void change_number(struct dice *dice, uint8_t *bytes, size_t len)
{
	size_t size = (size_t)1 << dice_roll(dice) % 4;

	if (len < size)
		return;
	size_t at = dice_roll(dice) % (len - size + 1);
	uint64_t value = dice_edge(dice);

	if (dice_once_in(dice, 3))
		value = (uint64_t)0 - value;
	if (dice_once_in(dice, 3)) {
		uint64_t old = 0;

		memcpy(&old, bytes + at, size);
		value = old + (dice_once_in(dice, 2) ? 1 : UINT64_MAX);
	}
	memcpy(bytes + at, &value, size);
}

static void change_bytes(const struct program_grammar *grammar, struct dice *dice,
			 struct list *list)
{
	struct program_op *op = &list->ops[dice_roll(dice) % list->num];
	size_t room = op->len + 64 < PROGRAM_OP_MAX ? op->len + 64 : PROGRAM_OP_MAX;
	struct bytes bytes = {0};

	if (!bytes_reserve(&bytes, room))
		return;
	bytes_put(&bytes, op->bytes, op->len);
	bool changed = grammar->change != NULL && !dice_once_in(dice, 3) &&
		       grammar->change(dice, op->kind, bytes.data, bytes.len);
	if (!changed && dice_once_in(dice, 2))
		change_number(dice, bytes.data, bytes.len);
	else if (!changed)
		bytes.len = LLVMFuzzerMutate(bytes.data, bytes.len, room);
	bytes_fini(&list->made);
	list->made = bytes;
	op->bytes = bytes.data;
	op->len = bytes.len;
}

static void mutate_once(const struct program_grammar *grammar, struct dice *dice, struct list *list)
{
	uint32_t what = list->num == 0 ? 0 : dice_roll(dice) % 10;
	size_t at = list->num == 0 ? 0 : dice_roll(dice) % list->num;
	struct program_op op;

	switch (what) {
	case 0:
	case 1:
		insert_new(grammar, dice, list);
		break;
	case 2:
		list->num--;
		memmove(&list->ops[at], &list->ops[at + 1],
			(list->num - at) * sizeof(list->ops[0]));
		break;
	case 3:
		op = list->ops[at];
		insert(list, dice_roll(dice) % (list->num + 1), &op);
		break;
	case 4:
		op = list->ops[at];
		list->ops[at] = list->ops[list->num - 1 - at];
		list->ops[list->num - 1 - at] = op;
		break;
	default:
		change_bytes(grammar, dice, list);
	}
}

size_t LLVMFuzzerCustomMutator(uint8_t *data, size_t size, size_t max, unsigned int seed)
{
	struct dice dice = dice_of(seed);
	struct list list;

	/* One at a time, stored in between: what was made lives no longer. */
	do {
		load(&list, data, size);
		mutate_once(&fuzz_grammar, &dice, &list);
		size = store(&list, data, max);
		bytes_fini(&list.made);
	} while (dice_once_in(&dice, 2));
	return size;
}

size_t LLVMFuzzerCustomCrossOver(const uint8_t *a, size_t a_size, const uint8_t *b, size_t b_size,
				 uint8_t *out, size_t max, unsigned int seed)
{
	struct dice dice = dice_of(seed);
	struct list first, second;

	load(&first, a, a_size);
	load(&second, b, b_size);
	/* The beginning of one, then from somewhere in the other. */
	size_t keep = first.num == 0 ? 0 : dice_roll(&dice) % (first.num + 1);
	size_t from = second.num == 0 ? 0 : dice_roll(&dice) % second.num;
	size_t take = second.num == 0 ? 0 : 1 + dice_roll(&dice) % (second.num - from);

	if (dice_once_in(&dice, 2))
		first.num = keep;
	for (size_t i = 0; i < take; i++)
		insert(&first, keep + i < first.num ? keep + i : first.num, &second.ops[from + i]);
	return store(&first, out, max);
}
