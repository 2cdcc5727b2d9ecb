/* SPDX-License-Identifier: MIT */
/*
 * A hostile guest: the device through its registers, its rings and its memory. A
 * program of device-ops.h is run; after each step no byte of guest memory may
 * have changed that the device had no right to write, and in the end no host
 * memory may be taken. ASan sees a device that leaves the guest's memory: both
 * regions of it are allocations of their own.
 */
#include "fuzz/commands.h"
#include "fuzz/device-ops.h"
#include "fuzz/fuzz.h"
#include "fuzz/rings.h"
#include "gpu/device.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <stdlib.h>
#include <string.h>

#define MEMORY_LIMIT (2u << 20)
/* Between two buffers and in the middle of one. */
#define SEAM	     0x11400u
#define NUM_SCANOUTS 3u
#define OPS_MAX	     100
#define PIECE	     4096u

struct machine {
	uint8_t *regions[2];
	uint8_t shadow[FUZZ_RAM_SIZE]; /* what guest memory must hold */
	uint8_t writable[FUZZ_RAM_SIZE / 8];
	struct vgpu_mem_map *map;
	struct vgpu_device *device;
	struct vgpu_mmio *mmio;
	struct rings rings;
	bool busy;   /* the display does not answer at once */
	bool mapped; /* the second region */
};

/* ---- guest memory -------------------------------------------------------------------- */

static uint32_t region_size(unsigned int region)
{
	return region == 0 ? SEAM : FUZZ_RAM_SIZE - SEAM;
}

static void guest_write(void *opaque, uint32_t offset, const void *data, size_t len)
{
	struct machine *machine = opaque;

	if (offset >= FUZZ_RAM_SIZE)
		return;
	len = len < FUZZ_RAM_SIZE - offset ? len : FUZZ_RAM_SIZE - offset;
	if (len != 0)
		memcpy(machine->shadow + offset, data, len);
	size_t first = offset >= SEAM ? 0 : SEAM - offset;
	first = first < len ? first : len;
	if (first != 0)
		memcpy(machine->regions[0] + offset, data, first);
	if (first < len)
		memcpy(machine->regions[1] + (offset + first - SEAM), (const uint8_t *)data + first,
		       len - first);
}

static void new_region(struct machine *machine, unsigned int region)
{
	free(machine->regions[region]);
	machine->regions[region] = malloc(region_size(region));
	fuzz_check(machine->regions[region] != NULL, "there is memory for the guest");
	memcpy(machine->regions[region], machine->shadow + (region == 0 ? 0 : SEAM),
	       region_size(region));
}

static void map_region(struct machine *machine, unsigned int region)
{
	uint64_t gpa = FUZZ_RAM + (region == 0 ? 0 : SEAM);

	fuzz_check(vgpu_mem_map_add(machine->map, gpa, region_size(region),
				    machine->regions[region]) == 0,
		   "guest memory can be mapped");
}

/* Memory that is gone is freed, so that whoever still looks there is seen. */
static void set_mapped(struct machine *machine, bool mapped)
{
	if (mapped == machine->mapped)
		return;
	machine->mapped = mapped;
	if (!mapped)
		vgpu_mem_map_remove(machine->map, FUZZ_RAM + SEAM, region_size(1));
	/* While it is gone, what the program writes still needs a place. */
	new_region(machine, 1);
	if (mapped)
		map_region(machine, 1);
	vgpu_device_memory_changed(machine->device);
}

static void allow(struct machine *machine, uint64_t gpa, uint64_t len)
{
	for (uint64_t at = gpa - FUZZ_RAM; len > 0 && at < FUZZ_RAM_SIZE; at++, len--)
		machine->writable[at / 8] |= (uint8_t)(1u << at % 8);
}

/* The device's half of the rings. */
static void allow_rings(struct machine *machine)
{
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++) {
		const struct vgpu_queue_info *info = &machine->device->queues[i].info;

		if (info->size == 0)
			continue;
		allow(machine, info->device, 6 + 8ull * info->size);
		if (machine->rings.packed)
			allow(machine, info->desc, 16ull * info->size);
	}
}

static void check_piece(struct machine *machine, const uint8_t *now, uint32_t begin, uint32_t len)
{
	for (uint32_t i = 0; i < len; i++) {
		uint32_t at = begin + i;

		fuzz_check(now[i] == machine->shadow[at] ||
				   (machine->writable[at / 8] & 1u << at % 8) != 0,
			   "the device writes to writable descriptors and used rings only");
		machine->shadow[at] = now[i];
	}
}

static void check_region(struct machine *machine, unsigned int region)
{
	uint32_t begin = region == 0 ? 0 : SEAM;

	/* Piece by piece, since little of it has changed. */
	for (uint32_t at = 0; at < region_size(region); at += PIECE) {
		uint32_t left = region_size(region) - at;
		uint32_t len = left < PIECE ? left : PIECE;
		const uint8_t *now = machine->regions[region] + at;

		if (memcmp(now, machine->shadow + begin + at, len) != 0)
			check_piece(machine, now, begin + at, len);
	}
}

static void check_memory(struct machine *machine)
{
	allow_rings(machine);
	check_region(machine, 0);
	check_region(machine, 1);
	fuzz_check(machine->device->resources.used <= machine->device->resources.limit,
		   "resources keep to the limit");
	memset(machine->writable, 0, sizeof(machine->writable));
}

/* ---- what the device tells ------------------------------------------------------------ */

static void look(struct machine *machine, uint32_t scanout_id, const struct vgpu_rect *rect)
{
	/* As large as it has to be, for ASan. */
	uint32_t *pixels = malloc((size_t)rect->width * rect->height * 4);

	if (pixels != NULL)
		vgpu_device_read_scanout(machine->device, scanout_id, rect, pixels,
					 (size_t)rect->width * 4);
	free(pixels);
}

static int on_refresh(void *opaque)
{
	const struct machine *machine = opaque;

	return machine->busy ? -EINPROGRESS : 0;
}

static void on_set_scanout(void *opaque, uint32_t scanout_id, const struct vgpu_scanout *scanout)
{
	struct machine *machine = opaque;
	const struct vgpu_resource *resource =
		vgpu_resource_find(&machine->device->resources, scanout->resource_id);

	fuzz_check(scanout_id < NUM_SCANOUTS, "a scanout is one of the device's");
	fuzz_check(scanout->resource_id == 0 || resource != NULL, "a scanout shows what is there");
}

static void on_flush(void *opaque, uint32_t scanout_id, const struct vgpu_rect *rect)
{
	const struct machine *machine = opaque;
	const struct vgpu_scanout *scanout = vgpu_device_scanout(machine->device, scanout_id);

	fuzz_check(rect->width != 0 && rect->height != 0 &&
			   vgpu_rect_within(rect, scanout->rect.width, scanout->rect.height),
		   "damage lies in its scanout");
	look(opaque, scanout_id, rect);
}

static void on_cursor(void *opaque, uint32_t scanout_id, const struct vgpu_cursor *cursor,
		      bool moved_only)
{
	(void)opaque;
	(void)moved_only;
	fuzz_check(scanout_id < NUM_SCANOUTS && cursor != NULL, "a cursor is on a scanout");
}

static const struct vgpu_display_ops display_ops = {
	.refresh = on_refresh,
	.set_scanout = on_set_scanout,
	.flush = on_flush,
	.cursor = on_cursor,
};

static void check_response(const struct vgpu_request_event *event)
{
	const struct virtio_gpu_ctrl_hdr *request = event->request;
	const struct virtio_gpu_ctrl_hdr *response = event->response;

	fuzz_check(vgpu_type_name(response->type) != NULL &&
			   response->type >= VIRTIO_GPU_RESP_OK_NODATA,
		   "an answer has a type");
	bool fenced = event->request_len >= sizeof(*request) &&
		      (request->flags & VIRTIO_GPU_FLAG_FENCE) != 0;
	fuzz_check(fenced == ((response->flags & VIRTIO_GPU_FLAG_FENCE) != 0) &&
			   (!fenced || response->fence_id == request->fence_id),
		   "a fence comes back, and none that was not sent");
}

/* What the device wrote meanwhile may have been what it had read. */
static bool same_as_guest(const struct machine *machine, uint32_t at, const uint8_t *data,
			  uint32_t len)
{
	for (uint32_t i = 0; i < len; i++, at++) {
		uint8_t now = machine->regions[at >= SEAM][at >= SEAM ? at - SEAM : at];

		if (data[i] != now && (machine->writable[at / 8] & 1u << at % 8) == 0)
			return false;
	}
	return true;
}

static void check_reads(struct machine *machine, const struct vgpu_request_event *event)
{
	allow_rings(machine);
	for (size_t i = 0; i < event->num_reads; i++) {
		const struct vgpu_guest_read *read = &event->reads[i];
		uint64_t at = read->gpa - FUZZ_RAM;

		fuzz_check(at < FUZZ_RAM_SIZE && read->len <= FUZZ_RAM_SIZE - at,
			   "what was read is guest memory");
		fuzz_check(same_as_guest(machine, (uint32_t)at, read->data, read->len),
			   "the device has what it says that it read");
	}
}

/* The chain is still in the device, with the addresses that the event leaves out. */
static void on_request(void *opaque, const struct vgpu_request_event *event)
{
	struct machine *machine = opaque;
	uint64_t left = event->used_len;

	for (unsigned int i = 0; i < event->num_descs && left > 0; i++) {
		uint64_t len = event->descs[i].len < left ? event->descs[i].len : left;

		if (!event->descs[i].device_writable)
			continue;
		allow(machine, machine->device->chain.gpas[i], len);
		left -= len;
	}
	fuzz_check(left == 0, "the used length is what the chain has room for");
	check_response(event);
	check_reads(machine, event);
	for (unsigned int i = 0; i < event->num_frames; i++)
		fuzz_check(vgpu_rect_within(&event->frames[i].damage, event->frames[i].width,
					    event->frames[i].height),
			   "damage lies in its frame");
}

static void on_start(void *opaque, const struct vgpu_start_event *event)
{
	(void)opaque;
	fuzz_check((event->features_accepted & ~event->features_offered) == 0,
		   "no feature is in force that was not offered");
}

static const struct vgpu_observer_ops observer_ops = {.request = on_request, .start = on_start};

/* ---- operations ------------------------------------------------------------------------- */

static void write_register(struct machine *machine, uint32_t offset, uint32_t value)
{
	vgpu_mmio_write(machine->mmio, offset, 4, value);
}

static void set_up_queue(struct machine *machine, unsigned int queue, uint16_t size)
{
	static const uint8_t zero[RINGS_BYTES];

	guest_write(machine, RINGS_DESC(queue), zero, sizeof(zero));
	rings_set_up(&machine->rings, queue, size);
	write_register(machine, VIRTIO_MMIO_QUEUE_SEL, queue);
	write_register(machine, VIRTIO_MMIO_QUEUE_NUM, size);
	write_register(machine, VIRTIO_MMIO_QUEUE_DESC_LOW, FUZZ_RAM + RINGS_DESC(queue));
	write_register(machine, VIRTIO_MMIO_QUEUE_AVAIL_LOW, FUZZ_RAM + RINGS_AVAIL(queue));
	write_register(machine, VIRTIO_MMIO_QUEUE_USED_LOW, FUZZ_RAM + RINGS_USED(queue));
	write_register(machine, VIRTIO_MMIO_QUEUE_READY, 1);
}

static void op_set_up(struct machine *machine, struct program_op *op)
{
	uint64_t features = program_number(op, 8) & vgpu_device_features(machine->device);
	uint8_t sizes = (uint8_t)program_number(op, 1);

	write_register(machine, VIRTIO_MMIO_STATUS, 0);
	write_register(machine, VIRTIO_MMIO_STATUS, 3);
	write_register(machine, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	write_register(machine, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
	write_register(machine, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	write_register(machine, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
	write_register(machine, VIRTIO_MMIO_STATUS, 11);
	machine->rings.packed = (features & 1ull << VIRTIO_F_RING_PACKED) != 0;
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		set_up_queue(machine, i, (uint16_t)(1u << (sizes >> 4 * i) % 11));
	write_register(machine, VIRTIO_MMIO_STATUS, 15);
}

static void op_command(struct machine *machine, struct program_op *op)
{
	int queue = rings_command(&machine->rings, op);

	if (queue >= 0)
		write_register(machine, VIRTIO_MMIO_QUEUE_NOTIFY, (uint32_t)queue);
}

static void op_desc(struct machine *machine, struct program_op *op)
{
	rings_desc(&machine->rings, op);
}

static void op_avail(struct machine *machine, struct program_op *op)
{
	rings_avail(&machine->rings, op);
}

/* Of a register file only the sizes that a bus can have. */
static unsigned int access_size(struct program_op *op)
{
	return 1u << (program_number(op, 1) & 3);
}

static void op_write(struct machine *machine, struct program_op *op)
{
	uint32_t offset = (uint32_t)program_number(op, 2);
	unsigned int size = access_size(op);

	vgpu_mmio_write(machine->mmio, offset, size, program_number(op, 8));
	vgpu_mmio_poll(machine->mmio);
}

static void op_read(struct machine *machine, struct program_op *op)
{
	uint32_t offset = (uint32_t)program_number(op, 2);
	unsigned int size = access_size(op);
	uint64_t value = vgpu_mmio_read(machine->mmio, offset, size);

	fuzz_check(size == 8 || value >> (8 * size) == 0, "a register has as many bits as asked");
}

static void op_memory(struct machine *machine, struct program_op *op)
{
	uint32_t offset = (uint32_t)program_number(op, 4);

	guest_write(machine, offset % FUZZ_RAM_SIZE, op->bytes, op->len);
}

static void op_fill(struct machine *machine, struct program_op *op)
{
	uint32_t offset = (uint32_t)program_number(op, 4) % FUZZ_RAM_SIZE;
	uint32_t len = (uint32_t)program_number(op, 4) % (FUZZ_RAM_SIZE - offset);
	uint8_t bytes[256];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(program_number(op, 1) + i);
	for (uint32_t at = 0; at < len; at += sizeof(bytes))
		guest_write(machine, offset + at, bytes,
			    len - at < sizeof(bytes) ? len - at : sizeof(bytes));
}

static void op_output(struct machine *machine, struct program_op *op)
{
	uint32_t scanout_id = (uint32_t)program_number(op, 1);
	struct vgpu_output output = {.enabled = (program_number(op, 1) & 1) != 0};

	output.rect.width = (uint32_t)program_number(op, 4);
	output.rect.height = (uint32_t)program_number(op, 4);
	vgpu_device_set_output(machine->device, scanout_id, &output, true);
}

static void op_display(struct machine *machine, struct program_op *op)
{
	uint64_t what = program_number(op, 1) % 3;

	if (what == 0)
		vgpu_device_refreshed(machine->device);
	else
		machine->busy = what == 1;
}

static void op_look(struct machine *machine, struct program_op *op)
{
	uint32_t scanout_id = (uint32_t)program_number(op, 1);
	struct vgpu_rect rect;

	rect.x = (uint32_t)program_number(op, 2);
	rect.y = (uint32_t)program_number(op, 2);
	rect.width = (uint32_t)program_number(op, 2) % 256;
	rect.height = (uint32_t)program_number(op, 2) % 256;
	look(machine, scanout_id, &rect);
}

static void op_map(struct machine *machine, struct program_op *op)
{
	set_mapped(machine, (program_number(op, 1) & 1) != 0);
}

static const struct {
	void (*run)(struct machine *machine, struct program_op *op);
	bool device_runs; /* or else it cannot have written anything */
} ops[NUM_DEVICE_OPS] = {
	[OP_SET_UP] = {op_set_up, true},  [OP_COMMAND] = {op_command, true},
	[OP_DESC] = {op_desc, false},	  [OP_AVAIL] = {op_avail, false},
	[OP_WRITE] = {op_write, true},	  [OP_READ] = {op_read, false},
	[OP_MEMORY] = {op_memory, false}, [OP_FILL] = {op_fill, false},
	[OP_OUTPUT] = {op_output, false}, [OP_DISPLAY] = {op_display, true},
	[OP_LOOK] = {op_look, false},	  [OP_MAP] = {op_map, true},
};

/* ---- a run ------------------------------------------------------------------------------- */

static void machine_start(struct machine *machine)
{
	struct vgpu_device_options options = {.num_scanouts = NUM_SCANOUTS,
					      .memory_limit = MEMORY_LIMIT};

	/* Allocated once: a new one each time would be half the work. */
	*machine = (struct machine){.regions = {machine->regions[0], machine->regions[1]}};
	for (unsigned int i = 0; i < 2; i++) {
		if (machine->regions[i] == NULL)
			new_region(machine, i);
		memset(machine->regions[i], 0, region_size(i));
	}
	for (unsigned int i = 0; i < NUM_SCANOUTS; i++)
		options.outputs[i] = (struct vgpu_output){
			.rect = {.x = 64 * i, .width = 64, .height = 48}, .enabled = true};
	machine->map = vgpu_mem_map_new();
	fuzz_check(machine->map != NULL, "there is memory for a map");
	options.memory = vgpu_mem_map_memory(machine->map);
	machine->device = vgpu_device_new(&options);
	fuzz_check(machine->device != NULL, "there is memory for a device");
	machine->mmio = vgpu_mmio_new(machine->device, NULL, NULL);
	fuzz_check(machine->mmio != NULL, "there is memory for registers");
	map_region(machine, 0);
	map_region(machine, 1);
	machine->mapped = true;
	machine->rings.write = guest_write;
	machine->rings.opaque = machine;
	vgpu_device_set_display(machine->device, &display_ops, machine);
	vgpu_device_set_observer(machine->device, &observer_ops, machine);
}

static void machine_stop(struct machine *machine)
{
	vgpu_device_reset(machine->device);
	fuzz_check(machine->device->resources.used == 0, "a reset gives all memory back");
	vgpu_mmio_free(machine->mmio);
	vgpu_device_free(machine->device);
	vgpu_mem_map_free(machine->map);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct machine machine;
	struct program_op op;

	machine_start(&machine);
	for (int i = 0; i < OPS_MAX && program_next(&data, &size, &op); i++) {
		ops[op.kind % NUM_DEVICE_OPS].run(&machine, &op);
		if (ops[op.kind % NUM_DEVICE_OPS].device_runs)
			check_memory(&machine);
	}
	machine_stop(&machine);
	return 0;
}

/* ---- mutation ----------------------------------------------------------------------------- */

static void make(struct dice *dice, uint8_t kind, struct bytes *op)
{
	switch (kind) {
	case OP_SET_UP:
		program_put_number(op, dice_once_in(dice, 4) ? dice_roll(dice) : UINT64_MAX, 4);
		program_put_number(op, dice_roll(dice) % 2 == 0 ? UINT64_MAX : 1 | dice_roll(dice),
				   4);
		program_put_number(op, dice_once_in(dice, 4) ? dice_roll(dice) : 0x66, 1);
		break;
	case OP_COMMAND:
		rings_make_command(dice, op);
		break;
	case OP_DESC:
		rings_make_desc(dice, op);
		break;
	case OP_AVAIL:
		rings_make_avail(dice, op);
		break;
	case OP_WRITE:
	case OP_READ:
		program_put_number(op, 4 * (dice_roll(dice) % 72), 2);
		program_put_number(op, dice_once_in(dice, 8) ? dice_roll(dice) : 2, 1);
		program_put_number(
			op, dice_once_in(dice, 2) ? dice_roll(dice) % 8 : dice_edge(dice), 8);
		break;
	case OP_DISPLAY:
	case OP_MAP:
		program_put_number(op, dice_roll(dice) % 3, 1);
		break;
	case OP_LOOK:
		program_put_number(op, dice_roll(dice) % (NUM_SCANOUTS + 1), 1);
		for (int i = 0; i < 4; i++)
			program_put_number(op, dice_roll(dice) % 64, 2);
		break;
	default: /* a place in memory, an output */
		program_put_number(op, dice_roll(dice), 4);
		program_put_number(op, dice_edge(dice), 4);
		program_put_number(op, dice_edge(dice), 4);
	}
}

static bool change(struct dice *dice, uint8_t kind, uint8_t *bytes, size_t len)
{
	return kind % NUM_DEVICE_OPS == OP_COMMAND && rings_change_command(dice, bytes, len);
}

const struct program_grammar fuzz_grammar = {
	.num_kinds = NUM_DEVICE_OPS, .usual = OP_COMMAND, .make = make, .change = change};
