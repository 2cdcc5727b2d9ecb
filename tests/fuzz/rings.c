/* SPDX-License-Identifier: MIT */
#include "fuzz/rings.h"

#include "fuzz/commands.h"

#include <linux/virtio_ring.h>
#include <string.h>

/* Buffers take turns, so that several chains can wait. */
#define BUFFERS	  0x10000u
#define RESPONSES 0x18000u
#define TABLES	  0x1c000u
#define SLOTS	  8u
#define PARTS_MAX 6u

_Static_assert(BUFFERS + SLOTS * 2 * FUZZ_REQUEST_MAX <= RESPONSES, "requests fit");
_Static_assert(TABLES + SLOTS * 0x100 <= FUZZ_PICTURES, "tables fit");

/* One descriptor of a chain before it is put anywhere. */
struct part {
	uint64_t addr;
	uint32_t len;
	uint16_t flags;
};

void rings_set_up(struct rings *rings, unsigned int queue, uint16_t size)
{
	rings->queues[queue].size = size;
	rings->queues[queue].avail = 0;
	rings->queues[queue].next = 0;
	rings->queues[queue].wrap = true;
}

static uint16_t packed_flags(bool wrap)
{
	return wrap ? 1u << VRING_PACKED_DESC_F_AVAIL : 1u << VRING_PACKED_DESC_F_USED;
}

static void put_split(struct rings *rings, uint32_t at, const struct part *part, uint16_t next)
{
	struct vring_desc desc = {
		.addr = part->addr, .len = part->len, .flags = part->flags, .next = next};

	rings->write(rings->opaque, at, &desc, sizeof(desc));
}

static void put_packed(struct rings *rings, uint32_t at, const struct part *part, uint16_t id,
		       uint16_t flags)
{
	struct vring_packed_desc desc = {.addr = part->addr,
					 .len = part->len,
					 .id = id,
					 .flags = (uint16_t)(part->flags | flags)};

	rings->write(rings->opaque, at, &desc, sizeof(desc));
}

/* An indirect table: entries follow each other, whatever kind of ring it is. */
static void put_table(struct rings *rings, uint32_t at, const struct part *parts, unsigned int num)
{
	for (unsigned int i = 0; i < num; i++) {
		if (rings->packed)
			put_packed(rings, at + 16 * i, &parts[i], 0, 0);
		else
			put_split(rings, at + 16 * i, &parts[i], (uint16_t)(i + 1));
	}
}

static void put_ring(struct rings *rings, unsigned int queue, const struct part *parts,
		     unsigned int num)
{
	uint16_t size = rings->queues[queue].size;
	uint16_t head = rings->queues[queue].next;

	for (unsigned int i = 0; i < num; i++) {
		uint16_t at = rings->queues[queue].next;
		uint16_t next = (uint16_t)((at + 1) % size);

		if (rings->packed)
			put_packed(rings, RINGS_DESC(queue) + 16u * at, &parts[i], head,
				   packed_flags(rings->queues[queue].wrap));
		else
			put_split(rings, RINGS_DESC(queue) + 16u * at, &parts[i], next);
		rings->queues[queue].wrap ^= next == 0;
		rings->queues[queue].next = next;
	}
	if (rings->packed)
		return;
	uint16_t slot = (uint16_t)(rings->queues[queue].avail++ % size);
	rings->write(rings->opaque, RINGS_AVAIL(queue) + 4 + 2u * slot, &head, 2);
	rings->write(rings->opaque, RINGS_AVAIL(queue) + 2, &rings->queues[queue].avail, 2);
}

static unsigned int cut(struct part *parts, unsigned int num, const struct part *whole,
			uint32_t first, bool twice)
{
	if (!twice || first >= whole->len) {
		parts[num] = *whole;
		return num + 1;
	}
	parts[num] = *whole;
	parts[num].len = first;
	parts[num + 1] = *whole;
	parts[num + 1].addr += first;
	parts[num + 1].len -= first;
	return num + 2;
}

int rings_command(struct rings *rings, struct program_op *op)
{
	uint8_t where = (uint8_t)program_number(op, 1), shape = (uint8_t)program_number(op, 1);
	uint16_t room = (uint16_t)program_number(op, 2), at = (uint16_t)program_number(op, 2);
	unsigned int queue = where & RINGS_QUEUE;
	uint32_t slot = rings->queues[queue].chains++ % SLOTS;
	size_t len = op->len < 2ul * FUZZ_REQUEST_MAX ? op->len : 2ul * FUZZ_REQUEST_MAX;
	uint32_t place = BUFFERS + slot * 2 * FUZZ_REQUEST_MAX;
	struct part request = {.addr = FUZZ_RAM + place, .len = (uint32_t)len};
	struct part response = {.addr = FUZZ_RAM + RESPONSES + slot * 0x800,
				.len = room,
				.flags = VRING_DESC_F_WRITE};
	struct part parts[PARTS_MAX];
	unsigned int num;

	if (rings->queues[queue].size == 0)
		return -1;
	rings->write(rings->opaque, place, op->bytes, len);
	request.len += (shape & SHAPE_TAIL) != 0 ? 40 : 0;
	if ((shape & SHAPE_READ_BACK) != 0)
		response.addr = request.addr;
	num = cut(parts, 0, &request, at, (shape & SHAPE_CUT_REQUEST) != 0);
	if ((shape & SHAPE_NO_RESPONSE) == 0)
		num = cut(parts, num, &response, at, (shape & SHAPE_CUT_RESPONSE) != 0);
	for (unsigned int i = 0; i + 1 < num; i++)
		parts[i].flags |= VRING_DESC_F_NEXT;
	unsigned int direct = (shape & SHAPE_DIRECT_FIRST) != 0 && num > 1;
	if ((shape & SHAPE_INDIRECT) != 0) {
		put_table(rings, TABLES + slot * 0x100, &parts[direct], num - direct);
		parts[direct] = (struct part){.addr = FUZZ_RAM + TABLES + slot * 0x100,
					      .len = 16 * (num - direct),
					      .flags = VRING_DESC_F_INDIRECT};
		num = direct + 1;
	}
	put_ring(rings, queue, parts, num);
	return (where & RINGS_SILENT) != 0 ? -1 : (int)queue;
}

void rings_make_command(struct dice *dice, struct bytes *op)
{
	struct bytes request = {0};
	unsigned int queue = 0;
	uint32_t shape = dice_once_in(dice, 2) ? dice_roll(dice) & (SHAPE_TAIL - 1) : 0;

	if ((shape & SHAPE_NO_RESPONSE) != 0 && !dice_once_in(dice, 8))
		shape &= ~(uint32_t)SHAPE_NO_RESPONSE;
	if (dice_once_in(dice, 20))
		shape |= dice_roll(dice);
	command_make(dice, &request, &queue);
	program_put_number(op, queue | (dice_once_in(dice, 8) ? RINGS_SILENT : 0), 1);
	program_put_number(op, shape, 1);
	program_put_number(op, dice_once_in(dice, 8) ? dice_roll(dice) % 1200 : 1056, 2);
	program_put_number(op, dice_roll(dice) % 64, 2);
	if (request.len != 0)
		bytes_put(op, request.data, request.len);
	bytes_fini(&request);
}

bool rings_change_command(struct dice *dice, uint8_t *bytes, size_t len)
{
	return len > RINGS_COMMAND_HEAD &&
	       command_change(dice, bytes + RINGS_COMMAND_HEAD, len - RINGS_COMMAND_HEAD);
}

void rings_desc(struct rings *rings, struct program_op *op)
{
	unsigned int queue = program_number(op, 1) & 1;
	uint32_t index = (uint32_t)program_number(op, 2);
	struct part part = {.addr = program_number(op, 8)};
	uint16_t size = rings->queues[queue].size != 0 ? rings->queues[queue].size : 1;

	part.len = (uint32_t)program_number(op, 4);
	part.flags = (uint16_t)program_number(op, 2);
	put_split(rings, RINGS_DESC(queue) + 16u * (index % size), &part,
		  (uint16_t)program_number(op, 2));
}

void rings_make_desc(struct dice *dice, struct bytes *op)
{
	/* Also at the device's own rings. */
	uint64_t addr = FUZZ_RAM + dice_roll(dice) % FUZZ_RAM_SIZE;

	program_put_number(op, dice_roll(dice), 1);
	program_put_number(op, dice_roll(dice) % 8, 2);
	program_put_number(op, dice_once_in(dice, 8) ? dice_edge(dice) : addr, 8);
	program_put_number(op, dice_edge(dice), 4);
	program_put_number(op, dice_roll(dice) % 8, 2);
	program_put_number(op, dice_roll(dice) % 8, 2);
}

void rings_avail(struct rings *rings, struct program_op *op)
{
	unsigned int queue = program_number(op, 1) & 1;
	uint32_t slot = (uint32_t)program_number(op, 2);
	uint16_t head = (uint16_t)program_number(op, 2);
	uint16_t size = rings->queues[queue].size != 0 ? rings->queues[queue].size : 1;

	/* The last is the event index. */
	rings->write(rings->opaque, RINGS_AVAIL(queue) + 4 + 2 * (slot % (size + 1u)), &head, 2);
	rings->queues[queue].avail += (uint16_t)program_number(op, 2);
	rings->write(rings->opaque, RINGS_AVAIL(queue) + 2, &rings->queues[queue].avail, 2);
}

void rings_make_avail(struct dice *dice, struct bytes *op)
{
	program_put_number(op, dice_roll(dice), 1);
	program_put_number(op, dice_roll(dice) % 16, 2);
	program_put_number(op, dice_roll(dice) % 8, 2);
	program_put_number(op, dice_once_in(dice, 4) ? dice_edge(dice) : 1, 2);
}
