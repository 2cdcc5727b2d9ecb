/* SPDX-License-Identifier: MIT */
/*
 * The virtio-mmio version 2 register file: what a driver's loads and stores
 * mean. It must not know who traps them.
 */
#include "virtio/virtqueue.h"

#include <endian.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC	  0x74726976 /* "virt" */
#define VENDOR_ID 0x55504756 /* "VGPU" */

/* Registers that the kernel's header may lack. */
#define SHM_SEL	      0x0ac
#define SHM_LEN_LOW   0x0b0
#define SHM_LEN_HIGH  0x0b4
#define SHM_BASE_LOW  0x0b8
#define SHM_BASE_HIGH 0x0bc
#define QUEUE_RESET   0x0c0

struct vgpu_mmio {
	struct vgpu_device *device;
	void (*irq)(void *opaque, bool level);
	void *opaque;
	uint32_t device_features_sel, driver_features_sel, queue_sel;
	uint64_t driver_features;
	uint32_t status, interrupt_status, generation;
	struct vgpu_queue_info queues[VGPU_NUM_QUEUES];
	bool more[VGPU_NUM_QUEUES]; /* left before it was empty, or notified before DRIVER_OK */
};

static void set_interrupt(struct vgpu_mmio *mmio, uint32_t status)
{
	bool was = mmio->interrupt_status != 0;

	mmio->interrupt_status = status;
	if (mmio->irq != NULL && was != (status != 0))
		mmio->irq(mmio->opaque, status != 0);
}

static void on_used(void *opaque, unsigned int queue)
{
	struct vgpu_mmio *mmio = opaque;

	(void)queue;
	set_interrupt(mmio, mmio->interrupt_status | VIRTIO_MMIO_INT_VRING);
}

static void on_config_changed(void *opaque)
{
	struct vgpu_mmio *mmio = opaque;

	mmio->generation++;
	if (vgpu_device_needs_reset(mmio->device))
		mmio->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
	/* Before DRIVER_OK nobody may be interrupted (VG-RSZ-009). */
	if ((mmio->status & VIRTIO_CONFIG_S_DRIVER_OK) != 0)
		set_interrupt(mmio, mmio->interrupt_status | VIRTIO_MMIO_INT_CONFIG);
}

static void run_queue(struct vgpu_mmio *mmio, unsigned int queue)
{
	/* As many as the largest queue holds; what a guest adds meanwhile waits its turn. */
	for (int i = 0; i < VGPU_QUEUE_SIZE_MAX / VGPU_NOTIFY_MAX; i++) {
		mmio->more[queue] = vgpu_device_notify(mmio->device, queue) == VGPU_NOTIFY_MAX;
		if (!mmio->more[queue])
			return;
	}
}

static void on_more(void *opaque, unsigned int queue)
{
	run_queue(opaque, queue);
}

static const struct vgpu_bus_ops bus_ops = {
	.used = on_used, .config_changed = on_config_changed, .more = on_more};

struct vgpu_mmio *vgpu_mmio_new(struct vgpu_device *device, void (*irq)(void *opaque, bool level),
				void *opaque)
{
	struct vgpu_mmio *mmio = calloc(1, sizeof(*mmio));

	if (mmio == NULL)
		return NULL;
	mmio->device = device;
	mmio->irq = irq;
	mmio->opaque = opaque;
	vgpu_device_set_bus(device, &bus_ops, mmio);
	return mmio;
}

void vgpu_mmio_free(struct vgpu_mmio *mmio)
{
	if (mmio == NULL)
		return;
	vgpu_device_set_bus(mmio->device, NULL, NULL);
	free(mmio);
}

static void reset(struct vgpu_mmio *mmio)
{
	vgpu_device_reset(mmio->device);
	mmio->device_features_sel = 0;
	mmio->driver_features_sel = 0;
	mmio->queue_sel = 0;
	mmio->driver_features = 0;
	mmio->status = 0;
	memset(mmio->queues, 0, sizeof(mmio->queues));
	memset(mmio->more, 0, sizeof(mmio->more));
	set_interrupt(mmio, 0);
}

/* NULL where QueueSel names no queue. */
static struct vgpu_queue_info *selected(struct vgpu_mmio *mmio)
{
	return mmio->queue_sel < VGPU_NUM_QUEUES ? &mmio->queues[mmio->queue_sel] : NULL;
}

void vgpu_mmio_poll(struct vgpu_mmio *mmio)
{
	if ((mmio->status & VIRTIO_CONFIG_S_DRIVER_OK) == 0)
		return;
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		if (mmio->more[i])
			run_queue(mmio, i);
}

static void write_status(struct vgpu_mmio *mmio, uint32_t status)
{
	uint32_t raised = status & ~mmio->status;

	if (status == 0) {
		reset(mmio);
		return;
	}
	/* Only the device sets this one, and only a reset clears it. */
	status &= ~(uint32_t)VIRTIO_CONFIG_S_NEEDS_RESET;
	status |= mmio->status & VIRTIO_CONFIG_S_NEEDS_RESET;
	if ((raised & VIRTIO_CONFIG_S_FEATURES_OK) != 0) {
		/* A set that was not offered is not accepted (VG-FEA-005). */
		if ((mmio->driver_features & ~vgpu_device_features(mmio->device)) != 0)
			status &= ~(uint32_t)VIRTIO_CONFIG_S_FEATURES_OK;
		else
			vgpu_device_set_features(mmio->device, mmio->driver_features);
	}
	mmio->status = status;
	/*
	 * Buffers that were notified of before (VG-STA-006). A ring that no notify was
	 * for is not looked at: its index can be that of a driver before, whose
	 * memory nobody has cleared.
	 */
	if ((raised & VIRTIO_CONFIG_S_DRIVER_OK) != 0)
		vgpu_mmio_poll(mmio);
}

static void write_queue_ready(struct vgpu_mmio *mmio, struct vgpu_queue_info *info, uint32_t value)
{
	uint32_t first = vgpu_first_index(vgpu_device_accepted_features(mmio->device));

	info->ready = (value & 1) != 0;
	if (vgpu_device_set_queue(mmio->device, mmio->queue_sel, info, first) == 0)
		return;
	/* Unusable rings: the queue stays off and reads back so (VG-SPL-018). */
	vgpu_device_count(mmio->device, VGPU_VIOLATION_REGISTER);
	info->ready = false;
}

/*
 * The other queue goes on, and so does all that the driver's commands have made
 * (VG-STA-014, VG-STA-015). It is over at once, so the register reads 0 again.
 */
static void write_queue_reset(struct vgpu_mmio *mmio, struct vgpu_queue_info *info, uint32_t value)
{
	uint64_t agreed = vgpu_device_accepted_features(mmio->device);

	if (value != 1 || (agreed & 1ull << VIRTIO_F_RING_RESET) == 0) {
		vgpu_device_count(mmio->device, VGPU_VIOLATION_REGISTER);
		return;
	}
	*info = (struct vgpu_queue_info){0};
	mmio->more[mmio->queue_sel] = false;
	vgpu_device_set_queue(mmio->device, mmio->queue_sel, info, 0);
}

static void set_low(uint64_t *value, uint32_t low)
{
	*value = (*value & 0xffffffff00000000ull) | low;
}

static void set_high(uint64_t *value, uint32_t high)
{
	*value = (*value & 0xffffffffull) | (uint64_t)high << 32;
}

static void write_queue_register(struct vgpu_mmio *mmio, uint32_t offset, uint32_t value)
{
	struct vgpu_queue_info *info = selected(mmio);

	/* Of a ready queue only QueueReady and QueueReset may be written (VG-MMI-027). */
	if (info == NULL ||
	    (info->ready && offset != VIRTIO_MMIO_QUEUE_READY && offset != QUEUE_RESET)) {
		vgpu_device_count(mmio->device, VGPU_VIOLATION_REGISTER);
		return;
	}
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM:
		/* A size that does not fit is refused when the queue becomes ready. */
		info->size = value <= UINT16_MAX ? (uint16_t)value : 0;
		break;
	case VIRTIO_MMIO_QUEUE_READY:
		write_queue_ready(mmio, info, value);
		break;
	case QUEUE_RESET:
		write_queue_reset(mmio, info, value);
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
		set_low(&info->desc, value);
		break;
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_high(&info->desc, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
		set_low(&info->driver, value);
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		set_high(&info->driver, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
		set_low(&info->device, value);
		break;
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		set_high(&info->device, value);
		break;
	}
}

static void write_driver_features(struct vgpu_mmio *mmio, uint32_t value)
{
	/* What was agreed stays in force (VG-FEA-008). */
	if ((mmio->status & VIRTIO_CONFIG_S_FEATURES_OK) != 0)
		vgpu_device_count(mmio->device, VGPU_VIOLATION_REGISTER);
	else if (mmio->driver_features_sel == 0)
		set_low(&mmio->driver_features, value);
	else if (mmio->driver_features_sel == 1)
		set_high(&mmio->driver_features, value);
}

static void notify(struct vgpu_mmio *mmio, uint32_t queue)
{
	/* Not for each answer: a driver cannot acknowledge between those of a batch. */
	if ((mmio->interrupt_status & VIRTIO_MMIO_INT_VRING) != 0)
		vgpu_device_count(mmio->device, VGPU_VIOLATION_NO_INTERRUPT_ACK);
	/* No buffer is taken before DRIVER_OK (VG-STA-006). */
	if (queue < VGPU_NUM_QUEUES && (mmio->status & VIRTIO_CONFIG_S_DRIVER_OK) != 0) {
		run_queue(mmio, queue);
		return;
	}
	vgpu_device_count(mmio->device, VGPU_VIOLATION_REGISTER);
	if (queue < VGPU_NUM_QUEUES)
		mmio->more[queue] = true;
}

static void write_register(struct vgpu_mmio *mmio, uint32_t offset, uint32_t value)
{
	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		mmio->device_features_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		mmio->driver_features_sel = value;
		break;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		write_driver_features(mmio, value);
		break;
	case VIRTIO_MMIO_QUEUE_SEL:
		mmio->queue_sel = value;
		break;
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		notify(mmio, value);
		break;
	case VIRTIO_MMIO_INTERRUPT_ACK:
		set_interrupt(mmio, mmio->interrupt_status & ~value);
		break;
	case VIRTIO_MMIO_STATUS:
		write_status(mmio, value);
		break;
	case SHM_SEL: /* there is no region to select */
		break;
	case VIRTIO_MMIO_QUEUE_NUM:
	case VIRTIO_MMIO_QUEUE_READY:
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
	case QUEUE_RESET:
		write_queue_register(mmio, offset, value);
		break;
	default:
		vgpu_device_count(mmio->device, VGPU_VIOLATION_REGISTER);
	}
}

static uint32_t device_features(const struct vgpu_mmio *mmio)
{
	uint64_t features = vgpu_device_features(mmio->device);

	switch (mmio->device_features_sel) {
	case 0:
		return (uint32_t)features;
	case 1:
		return (uint32_t)(features >> 32);
	default: /* VG-MMI-006 */
		return 0;
	}
}

static uint32_t read_register(struct vgpu_mmio *mmio, uint32_t offset)
{
	const struct vgpu_queue_info *info = selected(mmio);

	switch (offset) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		return MAGIC;
	case VIRTIO_MMIO_VERSION:
		return 2;
	case VIRTIO_MMIO_DEVICE_ID:
		return VIRTIO_ID_GPU;
	case VIRTIO_MMIO_VENDOR_ID:
		return VENDOR_ID;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		return device_features(mmio);
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		return info != NULL ? VGPU_QUEUE_SIZE_MAX : 0;
	case VIRTIO_MMIO_QUEUE_READY:
		return info != NULL && info->ready;
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		return mmio->interrupt_status;
	case VIRTIO_MMIO_STATUS:
		return mmio->status;
	case VIRTIO_MMIO_CONFIG_GENERATION:
		return mmio->generation;
	case QUEUE_RESET: /* no reset takes any time */
		return 0;
	case SHM_LEN_LOW: /* there is no region (VG-MMI-021) */
	case SHM_LEN_HIGH:
	case SHM_BASE_LOW:
	case SHM_BASE_HIGH:
		return UINT32_MAX;
	default:
		vgpu_device_count(mmio->device, VGPU_VIOLATION_REGISTER);
		return 0;
	}
}

uint64_t vgpu_mmio_read(struct vgpu_mmio *mmio, uint32_t offset, unsigned int size)
{
	uint64_t value = 0;

	if (offset >= VIRTIO_MMIO_CONFIG && size <= sizeof(value)) {
		uint8_t bytes[sizeof(value)] = {0};

		vgpu_device_read_config(mmio->device, offset - VIRTIO_MMIO_CONFIG, bytes, size);
		memcpy(&value, bytes, sizeof(value));
		value = le64toh(value);
	} else if (offset < VIRTIO_MMIO_CONFIG && size == 4) {
		value = read_register(mmio, offset);
	} else {
		/* Registers have 32 bits and are accessed whole (VG-MMI-025). */
		vgpu_device_count(mmio->device, VGPU_VIOLATION_REGISTER);
	}
	vgpu_device_tell_register(mmio->device, false, offset, size, value);
	return value;
}

void vgpu_mmio_write(struct vgpu_mmio *mmio, uint32_t offset, unsigned int size, uint64_t value)
{
	if (size < sizeof(value))
		value &= (1ull << (8 * size)) - 1;
	/* Before what it causes, so that a recording reads in order. */
	vgpu_device_tell_register(mmio->device, true, offset, size, value);
	if (offset >= VIRTIO_MMIO_CONFIG && size <= sizeof(value)) {
		uint64_t bytes = htole64(value);

		vgpu_device_write_config(mmio->device, offset - VIRTIO_MMIO_CONFIG, &bytes, size);
	} else if (offset < VIRTIO_MMIO_CONFIG && size == 4) {
		write_register(mmio, offset, (uint32_t)value);
	} else {
		vgpu_device_count(mmio->device, VGPU_VIOLATION_REGISTER);
	}
}
