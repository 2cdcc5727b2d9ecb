/* SPDX-License-Identifier: MIT */
/*
 * Random guests. Requests are mostly well formed, with values that lie at the
 * edges, so that they reach deep; chains are cut at random; now and then a
 * descriptor or an index is nonsense. Nothing may happen that a sanitizer
 * would see, every chain comes back unless the device asks for a reset, and no
 * memory stays charged.
 */
#include "guest.h"
#include "unit.h"

#include <string.h>

extern const struct unit_suite hostile_suite;

#define ROUNDS	     60000
#define MEMORY_LIMIT (8u << 20)
/* With UUIDs and blobs. */
#define FEATURES (GUEST_FEATURES | 1u << 2 | 1u << 3)

struct dice {
	uint64_t state;
};

static uint32_t roll(struct dice *dice)
{
	/* xorshift64*: the same numbers on every machine */
	dice->state ^= dice->state >> 12;
	dice->state ^= dice->state << 25;
	dice->state ^= dice->state >> 27;
	return (uint32_t)((dice->state * 0x2545f4914f6cdd1dull) >> 32);
}

static bool once_in(struct dice *dice, uint32_t n)
{
	return roll(dice) % n == 0;
}

static uint32_t any_value(struct dice *dice)
{
	static const uint32_t edges[] = {
		0,	1,	 2,	3,	    4,		15,	    16,
		63,	64,	 65,	67,	    68,		121,	    134,
		255,	256,	 1024,	4096,	    0x7fff,	0x8000,	    0x4001,
		0xffff, 0x10000, 65537, 0x7fffffff, 0x80000000, 0xfffffff0, 0xffffffff};

	return once_in(dice, 8) ? roll(dice) : edges[roll(dice) % (sizeof(edges) / sizeof(*edges))];
}

static uint32_t small(struct dice *dice)
{
	return once_in(dice, 20) ? any_value(dice) : roll(dice) % 48;
}

static uint64_t address(struct dice *dice)
{
	if (once_in(dice, 100))
		return (uint64_t)roll(dice) << 32 | roll(dice);
	return GUEST_RAM + GUEST_PIXELS + roll(dice) % (GUEST_RAM_SIZE - GUEST_PIXELS + 64);
}

/* Eight of them; returns their length. */
static uint32_t add_entries(struct dice *dice, uint32_t *words)
{
	for (uint32_t i = 0; i < 8; i++) {
		uint64_t gpa = address(dice);

		memcpy(&words[4 * i], &gpa, sizeof(gpa));
		words[2 + 4 * i] = once_in(dice, 50) ? any_value(dice) : 1 + roll(dice) % 9000;
	}
	return 8 * 16;
}

static const uint32_t types[] = {0x100, 0x101, 0x101, 0x101, 0x102, 0x103, 0x103, 0x104, 0x104,
				 0x105, 0x105, 0x105, 0x105, 0x106, 0x106, 0x106, 0x107, 0x10a,
				 0x10b, 0x10c, 0x10c, 0x10d, 0x10d, 0x207, 0x300, 0x301};

/* Of commands about blobs and UUIDs; the id is one that others have too. */
static uint32_t make_blob_request(struct dice *dice, uint32_t *words)
{
	if (words[0] == 0x10d) {
		words[10] = roll(dice) % 5;
		words[11] = roll(dice) % 6;
		words[12] += 12;
		words[13] += 12;
		words[14] = once_in(dice, 10) ? any_value(dice) : 1 + roll(dice) % 2;
		words[16] = once_in(dice, 10) ? any_value(dice) : 256 + 4 * (roll(dice) % 16);
		words[20] = once_in(dice, 10) ? any_value(dice) : 4 * (roll(dice) % 99);
		return 96;
	}
	words[6] = roll(dice) % 6;
	if (words[0] == 0x10b)
		return 32;
	/* memory, flags, entries, size */
	words[7] = once_in(dice, 10) ? any_value(dice) : 1;
	words[8] = once_in(dice, 10) ? any_value(dice) : roll(dice) % 8;
	words[9] = once_in(dice, 10) ? any_value(dice) : roll(dice) % 9;
	words[12] = once_in(dice, 10) ? any_value(dice) : roll(dice) % 20000;
	words[13] = once_in(dice, 30) ? any_value(dice) : 0;
	return 56 + add_entries(dice, &words[14]);
}

/* Fills a request; returns its length. */
static uint32_t make_request(struct dice *dice, uint32_t *words, unsigned int *queue)
{
	uint32_t type = types[roll(dice) % (sizeof(types) / sizeof(types[0]))];
	uint32_t len = 56;
	bool placed = !once_in(dice, 4);

	for (int i = 0; i < 14; i++)
		words[i] = small(dice);
	if (placed) /* a rectangle that fits most pictures */
		for (int i = 6; i < 10; i++)
			words[i] = roll(dice) % 12;
	words[0] = type;
	words[1] = once_in(dice, 2) ? 1 : any_value(dice);
	*queue = type >= 0x300 && !once_in(dice, 10);
	switch (type) {
	case 0x101:
		words[6] = roll(dice) % 6; /* id, format */
		words[7] = once_in(dice, 10) ? any_value(dice) : 1 + roll(dice) % 2;
		words[8] += 12;
		words[9] += 12;
		if (once_in(dice, 3)) /* a cursor's size */
			words[8] = words[9] = 64;
		break;
	case 0x102:
	case 0x107:
		words[6] = roll(dice) % 6;
		break;
	case 0x103:
		words[10] = roll(dice) % 5;
		words[11] = roll(dice) % 6;
		break;
	case 0x104:
		words[10] = roll(dice) % 6;
		break;
	case 0x105:
		words[11] = once_in(dice, 10) ? any_value(dice) : 0;
		words[12] = roll(dice) % 6;
		break;
	case 0x106:
		words[6] = roll(dice) % 6;
		words[7] = once_in(dice, 10) ? any_value(dice) : roll(dice) % 9;
		len = 32 + add_entries(dice, &words[8]);
		break;
	case 0x10b:
	case 0x10c:
	case 0x10d:
		len = make_blob_request(dice, words);
		break;
	case 0x300:
	case 0x301:
		words[6] = roll(dice) % 4;
		words[10] = roll(dice) % 6;
		break;
	}
	return once_in(dice, 40) ? roll(dice) % (len + 1) : len;
}

/* Cuts len bytes at gpa into descriptors from index on; returns the next index. */
static unsigned int cut(struct dice *dice, struct vring_desc *table, unsigned int index,
			uint64_t gpa, uint32_t len, uint16_t flags)
{
	for (int pieces = 0; len > 0 || pieces == 0; pieces++) {
		uint32_t piece = pieces < 4 && len > 0 && once_in(dice, 3) ? roll(dice) % len : len;

		table[index] = (struct vring_desc){.addr = gpa,
						   .len = piece,
						   .flags = (uint16_t)(flags | VRING_DESC_F_NEXT),
						   .next = (uint16_t)(index + 1)};
		index++;
		gpa += piece;
		len -= piece;
	}
	return index;
}

static void spoil(struct dice *dice, struct guest *guest, unsigned int queue,
		  struct vring_desc *desc)
{
	switch (roll(dice) % 6) {
	case 0:
		desc->addr = (uint64_t)roll(dice) << 32 | roll(dice);
		break;
	case 1:
		desc->len = any_value(dice);
		break;
	case 2:
		desc->flags = (uint16_t)roll(dice);
		break;
	case 3:
		desc->next = (uint16_t)any_value(dice);
		break;
	case 4:
		guest->avail[queue]->idx = (uint16_t)any_value(dice);
		break;
	case 5:
		guest->avail[queue]->ring[roll(dice) % GUEST_QUEUE_SIZE] = (uint16_t)roll(dice);
		break;
	}
}

static void send_one(struct dice *dice, struct guest *guest)
{
	uint32_t words[64] = {0};
	unsigned int queue;
	uint32_t len = make_request(dice, words, &queue);
	/* over the seam of memory, now and then */
	uint32_t at = GUEST_REQUEST + (once_in(dice, 4) ? 0x1800 - 1 - roll(dice) % 100 : 0);
	uint32_t room = once_in(dice, 5) ? roll(dice) % 500 : 24 + roll(dice) % 1100;
	bool indirect = once_in(dice, 3);
	struct vring_desc *table =
		indirect ? (void *)(guest->ram + GUEST_REQUEST + 0x4000) : guest->desc[queue];

	memcpy(guest->ram + at, words, len);
	unsigned int end = cut(dice, table, 0, GUEST_RAM + at, len, 0);
	if (!once_in(dice, 10))
		end = cut(dice, table, end, GUEST_RAM + GUEST_RESPONSE, room, VRING_DESC_F_WRITE);
	table[end - 1].flags &= (uint16_t)~VRING_DESC_F_NEXT;
	if (once_in(dice, 300))
		spoil(dice, guest, queue, &table[roll(dice) % end]);
	if (indirect)
		guest->desc[queue][0] =
			(struct vring_desc){.addr = GUEST_RAM + GUEST_REQUEST + 0x4000,
					    .len = once_in(dice, 500) ? any_value(dice) : end * 16,
					    .flags = VRING_DESC_F_INDIRECT};
	uint16_t used = guest->used[queue]->idx;
	guest->avail[queue]->ring[guest->avail[queue]->idx % GUEST_QUEUE_SIZE] = 0;
	guest->avail[queue]->idx++;
	guest_write(guest, 0x050, queue);
	bool answered = guest->used[queue]->idx != used;
	if (vgpu_device_needs_reset(guest->device) || !answered || once_in(dice, 5000))
		guest_init_device(guest, FEATURES | (uint64_t)once_in(dice, 2) << 29);
}

static void random_guests_do_no_harm(void)
{
	struct dice dice = {.state = 0x5eed600107ef};
	struct guest guest;
	uint32_t row[80];

	guest_start_with(&guest, 3, FEATURES, MEMORY_LIMIT);
	for (uint32_t i = 0; i < GUEST_RAM_SIZE - GUEST_PIXELS; i++)
		guest.ram[GUEST_PIXELS + i] = (uint8_t)roll(&dice);
	for (int i = 0; i < ROUNDS; i++) {
		struct vgpu_rect rect = {
			.x = small(&dice), .y = small(&dice), .width = 80, .height = 1};

		send_one(&dice, &guest);
		if (once_in(&dice, 10))
			vgpu_device_read_scanout(guest.device, roll(&dice) % 4, &rect, row,
						 sizeof(row));
	}
	/* it got somewhere, and it still works */
	const uint64_t *violations = vgpu_device_violations(guest.device);
	CU_ASSERT_TRUE(violations[VGPU_VIOLATION_FAILED_COMMAND] < ROUNDS * 3 / 4);
	CU_ASSERT_NOT_EQUAL(violations[VGPU_VIOLATION_BAD_CHAIN], 0);
	CU_ASSERT_NOT_EQUAL(violations[VGPU_VIOLATION_BAD_ADDRESS], 0);
	guest_init_device(&guest, GUEST_FEATURES);
	/* all of the limit but a kilobyte is there again */
	CU_ASSERT_EQUAL(guest_create(&guest, 1, 1, 1024, MEMORY_LIMIT / 4096 - 1),
			VIRTIO_GPU_RESP_OK_NODATA);
	guest_stop(&guest);
}

static const struct unit_test tests[] = {
	{"random guests do no harm", random_guests_do_no_harm},
	{NULL, NULL},
};

const struct unit_suite hostile_suite = {"hostile", tests};
