/* SPDX-License-Identifier: MIT */
/* How the driver sets the device up: features, status, queues, registers. */
#include "lint/lint.h"

#include <inttypes.h>
#include <linux/virtio_config.h>
#include <linux/virtio_gpu.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#define BIT(n) (1ull << (n))

/* What the kernel's headers may lack. */
#define RING_RESET    40
#define SHM_SEL	      0x0ac
#define SHM_LEN_LOW   0x0b0
#define SHM_BASE_HIGH 0x0bc
#define QUEUE_RESET   0x0c0

static const struct {
	unsigned int feature, needs;
} dependencies[] = {
	{VIRTIO_GPU_F_CONTEXT_INIT, VIRTIO_GPU_F_VIRGL},
};

#define FIND(lint, rule, ...) lint_find(&(lint)->findings, rule, NULL, __VA_ARGS__)

/* ---- features ------------------------------------------------------------------------ */

static void check_features(struct lint *lint, uint64_t offered, uint64_t accepted)
{
	if ((accepted & ~offered) != 0)
		FIND(lint, FEA_002, "0x%" PRIx64 " was accepted that was not offered.",
		     accepted & ~offered);
	for (size_t i = 0; i < sizeof(dependencies) / sizeof(dependencies[0]); i++)
		if ((accepted & BIT(dependencies[i].feature)) != 0 &&
		    (accepted & BIT(dependencies[i].needs)) == 0)
			FIND(lint, FEA_003, "%s was accepted without %s.",
			     vgpu_feature_name(dependencies[i].feature),
			     vgpu_feature_name(dependencies[i].needs));
}

static void check_start(struct lint *lint, const struct vgpu_start_event *start)
{
	unsigned int size = start->queues[VGPU_QUEUE_CONTROL].size;

	if ((start->features_offered & BIT(VIRTIO_F_VERSION_1)) != 0 &&
	    (start->features_accepted & BIT(VIRTIO_F_VERSION_1)) == 0)
		FIND(lint, FEA_001, "0x%" PRIx64 " was offered and 0x%" PRIx64 " accepted.",
		     start->features_offered, start->features_accepted);
	/* What registers show comes from there. */
	if (!lint->registers.seen)
		check_features(lint, start->features_offered, start->features_accepted);
	if (start->queues[VGPU_QUEUE_CONTROL].ready && size < 4 &&
	    (start->features_accepted & BIT(VIRTIO_RING_F_INDIRECT_DESC)) == 0)
		FIND(lint, QUE_001, "The control queue has %u entries.", size);
}

/* ---- registers ------------------------------------------------------------------------ */

enum direction { READ = 1, WRITE = 2 };

static const struct {
	uint32_t first, last;
	unsigned int allowed;
} directions[] = {
	{VIRTIO_MMIO_MAGIC_VALUE, VIRTIO_MMIO_VENDOR_ID, READ},
	{VIRTIO_MMIO_DEVICE_FEATURES, VIRTIO_MMIO_DEVICE_FEATURES, READ},
	{VIRTIO_MMIO_DEVICE_FEATURES_SEL, VIRTIO_MMIO_DEVICE_FEATURES_SEL, WRITE},
	{VIRTIO_MMIO_DRIVER_FEATURES, VIRTIO_MMIO_DRIVER_FEATURES_SEL, WRITE},
	{VIRTIO_MMIO_QUEUE_SEL, VIRTIO_MMIO_QUEUE_SEL, WRITE},
	{VIRTIO_MMIO_QUEUE_NUM_MAX, VIRTIO_MMIO_QUEUE_NUM_MAX, READ},
	{VIRTIO_MMIO_QUEUE_NUM, VIRTIO_MMIO_QUEUE_NUM, WRITE},
	{VIRTIO_MMIO_QUEUE_READY, VIRTIO_MMIO_QUEUE_READY, READ | WRITE},
	{VIRTIO_MMIO_QUEUE_NOTIFY, VIRTIO_MMIO_QUEUE_NOTIFY, WRITE},
	{VIRTIO_MMIO_INTERRUPT_STATUS, VIRTIO_MMIO_INTERRUPT_STATUS, READ},
	{VIRTIO_MMIO_INTERRUPT_ACK, VIRTIO_MMIO_INTERRUPT_ACK, WRITE},
	{VIRTIO_MMIO_STATUS, VIRTIO_MMIO_STATUS, READ | WRITE},
	{VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_MMIO_QUEUE_DESC_HIGH, WRITE},
	{VIRTIO_MMIO_QUEUE_AVAIL_LOW, VIRTIO_MMIO_QUEUE_AVAIL_HIGH, WRITE},
	{VIRTIO_MMIO_QUEUE_USED_LOW, VIRTIO_MMIO_QUEUE_USED_HIGH, WRITE},
	{SHM_SEL, SHM_SEL, WRITE},
	{SHM_LEN_LOW, SHM_BASE_HIGH, READ},
	{QUEUE_RESET, QUEUE_RESET, READ | WRITE},
	{VIRTIO_MMIO_CONFIG_GENERATION, VIRTIO_MMIO_CONFIG_GENERATION, READ},
	{VIRTIO_MMIO_CONFIG, VIRTIO_MMIO_CONFIG + 3, READ},		/* events_read */
	{VIRTIO_MMIO_CONFIG + 4, VIRTIO_MMIO_CONFIG + 7, READ | WRITE}, /* events_clear */
	/* What a later version puts behind num_capsets is not known here. */
	{VIRTIO_MMIO_CONFIG + 8, VIRTIO_MMIO_CONFIG + 15, READ},
	{VIRTIO_MMIO_CONFIG + 16, UINT32_MAX, READ | WRITE},
};

static unsigned int allowed(uint32_t offset)
{
	for (size_t i = 0; i < sizeof(directions) / sizeof(directions[0]); i++)
		if (offset >= directions[i].first && offset <= directions[i].last)
			return directions[i].allowed;
	return 0;
}

static void check_access(struct lint *lint, const struct vgpu_trace_register *reg)
{
	const char *name = vgpu_register_name(reg->offset);

	if (reg->offset < VIRTIO_MMIO_CONFIG && (reg->size != 4 || reg->offset % 4 != 0))
		FIND(lint, REG_001, "Offset 0x%03x (%s) was %s with %u bytes.", reg->offset,
		     name != NULL ? name : "no register", reg->write ? "written" : "read",
		     reg->size);
	else if ((allowed(reg->offset) & (reg->write ? WRITE : READ)) == 0)
		FIND(lint, REG_002, "Offset 0x%03x (%s) was %s.", reg->offset,
		     name != NULL ? name : "no register", reg->write ? "written" : "read");
}

static void read_features(struct lint *lint, uint32_t value)
{
	struct lint_registers *registers = &lint->registers;

	if (!registers->device_sel_set)
		FIND(lint, REG_003,
		     "DeviceFeatures was read before DeviceFeaturesSel was written.");
	if (registers->device_sel > 1)
		return;
	registers->offered |= (uint64_t)value << 32 * registers->device_sel;
	registers->offered_known[registers->device_sel] = true;
}

static void write_features(struct lint *lint, uint32_t value)
{
	struct lint_registers *registers = &lint->registers;
	unsigned int shift = 32 * registers->driver_sel;

	if (!registers->driver_sel_set)
		FIND(lint, REG_003,
		     "DriverFeatures was written before DriverFeaturesSel was written.");
	if ((registers->status & VIRTIO_CONFIG_S_FEATURES_OK) != 0) {
		FIND(lint, FEA_004, "DriverFeatures was written with Status 0x%02x.",
		     registers->status);
		return;
	}
	if (registers->driver_sel <= 1)
		registers->accepted = (registers->accepted & ~(0xffffffffull << shift)) |
				      (uint64_t)value << shift;
}

static void settle_features(struct lint *lint)
{
	struct lint_registers *registers = &lint->registers;
	uint64_t offered = registers->offered;

	/* Of a word that was never read nothing is known. */
	for (unsigned int i = 0; i < 2; i++)
		if (!registers->offered_known[i])
			offered |= 0xffffffffull << 32 * i;
	check_features(lint, offered, registers->accepted);
}

static void check_order(struct lint *lint, uint32_t status)
{
	static const uint32_t steps[] = {VIRTIO_CONFIG_S_ACKNOWLEDGE, VIRTIO_CONFIG_S_DRIVER,
					 VIRTIO_CONFIG_S_FEATURES_OK, VIRTIO_CONFIG_S_DRIVER_OK};
	uint32_t before = 0;

	/* A driver that has given up owes no order. */
	if ((status & VIRTIO_CONFIG_S_FAILED) != 0)
		return;
	for (size_t i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
		if ((status & steps[i]) != 0 && (status & before) != before) {
			FIND(lint, INI_001, "Status was set from 0x%02x to 0x%02x.",
			     lint->registers.status, status);
			return;
		}
		before |= steps[i];
	}
}

static void reset_registers(struct lint_registers *registers)
{
	struct lint_registers kept = {
		.seen = true,
		.status_set = true,
		.magic = registers->magic,
		.version = registers->version,
		.device_id = registers->device_id,
		/* Of the life that ends now; its end is told after this access. */
		.notifies = {registers->notifies[0], registers->notifies[1]},
		.acks = registers->acks,
		.event_read = registers->event_read,
	};

	*registers = kept;
}

static void begin_status(struct lint *lint, uint32_t status)
{
	struct lint_registers *registers = &lint->registers;

	if (!registers->status_set && status != 0)
		FIND(lint, INI_004, "The first write to Status is 0x%02x.", status);
	if ((status & VIRTIO_CONFIG_S_DRIVER_OK) != 0 &&
	    !(registers->magic && registers->version && registers->device_id))
		FIND(lint, INI_007, "DRIVER_OK was set, and%s%s%s had not been read.",
		     registers->magic ? "" : " MagicValue", registers->version ? "" : " Version",
		     registers->device_id ? "" : " DeviceID");
}

static void write_status(struct lint *lint, uint32_t status)
{
	struct lint_registers *registers = &lint->registers;
	uint32_t old = registers->status, raised = status & ~old;
	uint32_t lowered = old & ~status & ~(uint32_t)VIRTIO_CONFIG_S_NEEDS_RESET;

	begin_status(lint, status);
	if (status == 0) {
		reset_registers(registers);
		return;
	}
	registers->status_set = true;
	if (lowered != 0)
		FIND(lint, INI_002, "Status was set from 0x%02x to 0x%02x.", old, status);
	check_order(lint, status);
	if ((raised & VIRTIO_CONFIG_S_FEATURES_OK) != 0) {
		registers->read_back = false;
		settle_features(lint);
	}
	if ((raised & VIRTIO_CONFIG_S_DRIVER_OK) != 0 &&
	    (status & VIRTIO_CONFIG_S_FEATURES_OK) != 0 && !registers->read_back)
		FIND(lint, INI_003, "Status was not read between FEATURES_OK and DRIVER_OK.");
	registers->status = status;
}

/* ---- queues ----------------------------------------------------------------------------- */

static void check_size(struct lint *lint)
{
	const struct lint_registers *registers = &lint->registers;
	uint32_t size = registers->queue_size;
	bool split = (registers->accepted & BIT(VIRTIO_F_RING_PACKED)) == 0;

	if (size == 0 || (split && (size & (size - 1)) != 0) ||
	    (registers->size_max != 0 && size > registers->size_max))
		FIND(lint, QUE_002, "Queue %u has size %u, QueueSizeMax is %u.",
		     registers->queue_sel, size, registers->size_max);
}

static void write_ready(struct lint *lint, bool ready)
{
	struct lint_registers *registers = &lint->registers;
	bool agreed = (registers->status & VIRTIO_CONFIG_S_FEATURES_OK) != 0;
	bool running = (registers->status & VIRTIO_CONFIG_S_DRIVER_OK) != 0;

	if (ready) {
		check_size(lint);
		/* A queue that was stopped may start again with RING_RESET only. */
		if (!agreed || (running && (registers->accepted & BIT(RING_RESET)) == 0))
			FIND(lint, INI_005, "Queue %u was made ready with Status 0x%02x.",
			     registers->queue_sel, registers->status);
	}
	if (registers->queue_sel >= VGPU_NUM_QUEUES)
		return;
	registers->ready[registers->queue_sel] = ready;
	/* START told the sizes of those that were ready when the driver began. */
	if (ready && running)
		lint->guest.queue_size[registers->queue_sel] = registers->queue_size;
}

static void reset_queue(struct lint_registers *registers, uint32_t value)
{
	if (value == 1 && registers->queue_sel < VGPU_NUM_QUEUES)
		registers->ready[registers->queue_sel] = false;
}

static void write_queue(struct lint *lint, const struct vgpu_trace_register *reg)
{
	struct lint_registers *registers = &lint->registers;

	if (reg->offset == VIRTIO_MMIO_QUEUE_READY) {
		write_ready(lint, (reg->value & 1) != 0);
		return;
	}
	if (registers->queue_sel < VGPU_NUM_QUEUES && registers->ready[registers->queue_sel])
		FIND(lint, QUE_003, "%s of queue %u was written while it was ready.",
		     vgpu_register_name(reg->offset), registers->queue_sel);
	if (reg->offset == VIRTIO_MMIO_QUEUE_NUM)
		registers->queue_size = (uint32_t)reg->value;
}

/* ---- each access -------------------------------------------------------------------------- */

static void see_read(struct lint *lint, const struct vgpu_trace_register *reg)
{
	struct lint_registers *registers = &lint->registers;

	switch (reg->offset) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		registers->magic = true;
		break;
	case VIRTIO_MMIO_VERSION:
		registers->version = true;
		break;
	case VIRTIO_MMIO_DEVICE_ID:
		registers->device_id = true;
		break;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		read_features(lint, (uint32_t)reg->value);
		break;
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		registers->size_max = (uint32_t)reg->value;
		break;
	case VIRTIO_MMIO_STATUS:
		registers->read_back = true;
		break;
	default:
		break;
	}
}

static void see_write(struct lint *lint, const struct vgpu_trace_register *reg)
{
	struct lint_registers *registers = &lint->registers;
	uint32_t value = (uint32_t)reg->value;

	switch (reg->offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		registers->device_sel = value;
		registers->device_sel_set = true;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		registers->driver_sel = value;
		registers->driver_sel_set = true;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		write_features(lint, value);
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		registers->queue_sel = value;
		registers->size_max = 0;
		break;
	case VIRTIO_MMIO_QUEUE_NUM:
	case VIRTIO_MMIO_QUEUE_READY:
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		write_queue(lint, reg);
		break;
	case QUEUE_RESET:
		reset_queue(registers, value);
		break;
	case VIRTIO_MMIO_STATUS:
		write_status(lint, value);
		break;
	default:
		break;
	}
}

static void check_register(struct lint *lint, const struct vgpu_trace_register *reg)
{
	lint->registers.seen = true;
	check_access(lint, reg);
	if (reg->size != 4)
		return;
	if (reg->write)
		see_write(lint, reg);
	else
		see_read(lint, reg);
}

const struct lint_area lint_area_set_up = {.start = check_start, .reg = check_register};
