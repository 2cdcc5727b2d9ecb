/* SPDX-License-Identifier: MIT */
#include "fuzz/commands.h"

#include <linux/virtio_gpu.h>
#include <string.h>

/* Fields after the header, 32 bits each. */
enum field {
	PADDING = 'p',
	RESOURCE = 'i',
	FORMAT = 'f',
	SIDE = 'w',  /* of a picture or a rectangle */
	WHOLE = 'v', /* side of what a rectangle lies in */
	PLACE = 'x',
	SCANOUT = 's',
	COUNT = 'n', /* of the backing entries after the last field */
	OFFSET = 'o',
	HIGH = 'h', /* the upper half of the field before */
	STRIDE = 't',
	MEMORY = 'm', /* kind of a blob's memory */
	FLAGS = 'b',  /* of a blob */
	BYTES = 'l',  /* of a blob */
	ANY = '?',
};

struct command {
	uint32_t type;
	const char *fields; /* of enum field */
	unsigned int queue;
	unsigned int weight; /* how often it is made */
};

static const struct command commands[] = {
	{VIRTIO_GPU_CMD_GET_DISPLAY_INFO, "", 0, 2},
	{VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, "ifww", 0, 6},
	{VIRTIO_GPU_CMD_RESOURCE_UNREF, "ip", 0, 3},
	{VIRTIO_GPU_CMD_SET_SCANOUT, "xxwwsi", 0, 5},
	{VIRTIO_GPU_CMD_RESOURCE_FLUSH, "xxwwip", 0, 5},
	{VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, "xxwwohip", 0, 6},
	{VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, "in", 0, 6},
	{VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, "ip", 0, 2},
	{VIRTIO_GPU_CMD_GET_CAPSET_INFO, "?p", 0, 1},
	{VIRTIO_GPU_CMD_GET_CAPSET, "??", 0, 1},
	{VIRTIO_GPU_CMD_GET_EDID, "sp", 0, 2},
	{VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, "ip", 0, 2},
	{VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, "imbnphlh", 0, 4},
	{VIRTIO_GPU_CMD_SET_SCANOUT_BLOB, "xxwwsivvfpttttoooo", 0, 4},
	{VIRTIO_GPU_CMD_CTX_CREATE, "??????????????????", 0, 1},
	{VIRTIO_GPU_CMD_CTX_DESTROY, "", 0, 1},
	{VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, "ip", 0, 1},
	{VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE, "ip", 0, 1},
	{VIRTIO_GPU_CMD_RESOURCE_CREATE_3D, "i?f?www?????", 0, 1},
	{VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D, "xxxwwwohi???", 0, 1},
	{VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D, "xxxwwwohi???", 0, 1},
	{VIRTIO_GPU_CMD_SUBMIT_3D, "lp", 0, 1},
	{VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, "ipoh", 0, 1},
	{VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, "ip", 0, 1},
	{VIRTIO_GPU_CMD_UPDATE_CURSOR, "sxxpiwwp", 1, 4},
	{VIRTIO_GPU_CMD_MOVE_CURSOR, "sxxpiwwp", 1, 2},
	{0x7777, "????", 0, 1},
};

#define NUM_COMMANDS (sizeof(commands) / sizeof(commands[0]))
#define HEADER	     sizeof(struct virtio_gpu_ctrl_hdr)
#define ENTRY	     sizeof(struct virtio_gpu_mem_entry)

static const struct command *find(const uint8_t *request, size_t len)
{
	uint32_t type;

	if (len < HEADER)
		return NULL;
	memcpy(&type, request, sizeof(type));
	for (size_t i = 0; i < NUM_COMMANDS; i++)
		if (commands[i].type == type)
			return &commands[i];
	return NULL;
}

static uint32_t value_of(struct dice *dice, char field)
{
	if (field != PADDING && field != HIGH && dice_once_in(dice, 20))
		return dice_edge(dice);
	switch (field) {
	case RESOURCE:
		return dice_roll(dice) % 6;
	case FORMAT:
		return 1 + dice_roll(dice) % 4;
	case SIDE:
		return dice_once_in(dice, 4) ? 64 : dice_roll(dice) % 48;
	case WHOLE:
		return 60 + dice_roll(dice) % 5;
	case PLACE:
		return dice_once_in(dice, 2) ? 0 : dice_roll(dice) % 12;
	case SCANOUT:
		return dice_roll(dice) % 4;
	case COUNT:
		return dice_once_in(dice, 10) ? dice_edge(dice) : 1 + dice_roll(dice) % 4;
	case OFFSET:
		return dice_once_in(dice, 2) ? 0 : 4 * (dice_roll(dice) % 4096);
	case STRIDE:
		return 4 * (dice_once_in(dice, 4) ? dice_roll(dice) % 80 : 64);
	case MEMORY:
		return dice_once_in(dice, 8) ? dice_roll(dice) % 4 : VIRTIO_GPU_BLOB_MEM_GUEST;
	case FLAGS:
		return dice_roll(dice) % 8;
	case BYTES:
		return dice_roll(dice) % 0x10000;
	case ANY:
		return dice_edge(dice);
	default: /* PADDING, HIGH */
		return dice_once_in(dice, 40) ? dice_roll(dice) : 0;
	}
}

static void make_entry(struct dice *dice, struct virtio_gpu_mem_entry *entry)
{
	uint64_t place = FUZZ_PICTURES + dice_roll(dice) % (FUZZ_RAM_SIZE - FUZZ_PICTURES);

	if (dice_once_in(dice, 2))
		place &= ~4095ull;
	entry->addr = FUZZ_RAM + place;
	entry->length = 1 + dice_roll(dice) % (FUZZ_RAM_SIZE - (uint32_t)place);
	entry->padding = 0;
	if (dice_once_in(dice, 40))
		entry->addr = (uint64_t)dice_edge(dice) << 32 | dice_edge(dice);
	if (dice_once_in(dice, 40))
		entry->length = dice_edge(dice);
}

static void make_header(struct dice *dice, struct bytes *request, uint32_t type)
{
	struct virtio_gpu_ctrl_hdr header = {.type = type};

	if (dice_once_in(dice, 3)) {
		header.flags = dice_once_in(dice, 8) ? dice_edge(dice) : VIRTIO_GPU_FLAG_FENCE;
		header.fence_id = dice_roll(dice);
		header.ctx_id = dice_roll(dice) % 3;
	}
	bytes_put(request, &header, sizeof(header));
}

void command_make(struct dice *dice, struct bytes *request, unsigned int *queue)
{
	unsigned int total = 0;
	const struct command *command = commands;

	for (size_t i = 0; i < NUM_COMMANDS; i++)
		total += commands[i].weight;
	for (uint32_t at = dice_roll(dice) % total; at >= command->weight; command++)
		at -= command->weight;
	*queue = dice_once_in(dice, 40) ? 1 - command->queue : command->queue;
	make_header(dice, request, command->type);
	uint32_t entries = 0;
	for (const char *field = command->fields; *field != '\0'; field++) {
		uint32_t value = value_of(dice, *field);

		entries = *field == COUNT ? value : entries;
		program_put_number(request, value, 4);
	}
	for (uint32_t i = 0; i < entries && i < FUZZ_ENTRIES; i++) {
		struct virtio_gpu_mem_entry entry;

		make_entry(dice, &entry);
		bytes_put(request, &entry, sizeof(entry));
	}
}

bool command_change(struct dice *dice, uint8_t *request, size_t len)
{
	const struct command *command = find(request, len);
	size_t num = command != NULL ? strlen(command->fields) : 0;
	size_t end = HEADER + 4 * num;

	if (num == 0)
		return false;
	if (len >= end + ENTRY && dice_once_in(dice, 2)) {
		struct virtio_gpu_mem_entry entry;

		make_entry(dice, &entry);
		memcpy(request + end + ENTRY * (dice_roll(dice) % ((len - end) / ENTRY)), &entry,
		       sizeof(entry));
		return true;
	}
	size_t field = dice_roll(dice) % num;
	if (len < HEADER + 4 * (field + 1))
		return false;
	uint32_t value = value_of(dice, command->fields[field]);
	memcpy(request + HEADER + 4 * field, &value, sizeof(value));
	return true;
}

/* ---- recorded requests ------------------------------------------------------------ */

static void shrink_entry(uint8_t *bytes)
{
	struct virtio_gpu_mem_entry entry;

	memcpy(&entry, bytes, sizeof(entry));
	uint32_t place =
		FUZZ_PICTURES + (uint32_t)(entry.addr % (FUZZ_RAM_SIZE - FUZZ_PICTURES) & ~4095ull);
	uint32_t length = entry.length > 4096 ? entry.length / 256 : entry.length;
	entry.addr = FUZZ_RAM + place;
	entry.length = length < FUZZ_RAM_SIZE - place ? length : FUZZ_RAM_SIZE - place;
	memcpy(bytes, &entry, sizeof(entry));
}

static uint32_t shrink_field(char field, uint32_t value)
{
	switch (field) {
	case WHOLE:
	case SIDE: /* a cursor stays one */
		return value > VIRTIO_GPU_MAX_SCANOUTS && value != 64 ? value / 16 : value;
	case PLACE:
		return value / 16;
	case OFFSET:
		return value / 256 & ~3u;
	case COUNT:
		return value < FUZZ_ENTRIES ? value : FUZZ_ENTRIES;
	default:
		return value;
	}
}

size_t command_shrink(uint8_t *request, size_t len)
{
	const struct command *command = find(request, len);
	size_t at = HEADER;

	if (command == NULL)
		return len;
	for (const char *field = command->fields; *field != '\0' && at + 4 <= len; field++) {
		uint32_t value;

		memcpy(&value, request + at, sizeof(value));
		value = shrink_field(*field, value);
		memcpy(request + at, &value, sizeof(value));
		at += sizeof(value);
	}
	if (strchr(command->fields, COUNT) == NULL)
		return len;
	for (uint32_t i = 0; i < FUZZ_ENTRIES && at + ENTRY <= len; i++, at += ENTRY)
		shrink_entry(request + at);
	return at;
}
