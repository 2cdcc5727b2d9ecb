/* SPDX-License-Identifier: MIT */
/*
 * A vhost-user-gpu back end, whoever wrote it, as QEMU would use it: this
 * process is the front end. It has the guest's memory, the displays, and a
 * virtio-mmio register file of its own that becomes vhost-user messages.
 */
#include "target.h"
#include "target/vhost_user_front.h"
#include "target/vhost_user_screen.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <linux/virtio_gpu.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define RAM_BASE 0x40000000ull
#define PAGE	 4096ull
/* A second region comes after what was asked for, so that only who seeks the seam meets it. */
#define BEYOND	  (1ull << 20)
#define MAGIC	  0x74726976 /* "virt" */
#define VENDOR_ID 0x55504756 /* "VGPU" */

/* How long a picture may take to come after the request that drew it was used. */
#define PICTURE_NS 5000000000ull
/* Questions that the back end answers without showing anything, one after the other. */
#define QUIET_ROUNDS 3

struct registers {
	uint32_t device_features_sel, driver_features_sel, queue_sel;
	uint64_t driver_features;
	uint32_t status, interrupt_status, generation, events;
	struct vgpu_queue_info queues[VGPU_NUM_QUEUES];
};

struct vhost_user {
	struct vgpu_target target;
	struct vgpu_vhost_user_front front;
	struct vgpu_vhost_user_screen *screen;
	struct registers regs;
	char version[128];
};

static struct vhost_user *vhost_user_of(struct vgpu_target *target)
{
	return (struct vhost_user *)target;
}

static bool is_running(const struct vhost_user *vhost)
{
	return (vhost->regs.status & VIRTIO_CONFIG_S_DRIVER_OK) != 0;
}

/* ---- configuration space --------------------------------------------------------- */

/*
 * As in QEMU, displays and their events are the front end's. How many scanouts
 * there are is the back end's word if it has one, since it refuses those beyond.
 */
static int make_config(struct vhost_user *vhost, struct virtio_gpu_config *config,
		       struct vgpu_error *err)
{
	int ret = vgpu_vhost_user_front_get_config(&vhost->front, config, sizeof(*config), err);

	config->events_read = htole32(vhost->regs.events);
	config->events_clear = 0;
	config->num_scanouts = htole32(vhost->target.num_scanouts);
	return ret;
}

static int read_config(struct vhost_user *vhost, uint32_t offset, unsigned int size,
		       uint32_t *value, struct vgpu_error *err)
{
	struct virtio_gpu_config config = {0};
	int ret = make_config(vhost, &config, err);

	*value = 0;
	if (ret == 0 && offset <= sizeof(config) && size <= sizeof(config) - offset)
		memcpy(value, (const uint8_t *)&config + offset, size);
	*value = le32toh(*value);
	return ret;
}

static int write_config(struct vhost_user *vhost, uint32_t offset, unsigned int size,
			uint32_t value, struct vgpu_error *err)
{
	struct virtio_gpu_config config = {0};
	int ret = make_config(vhost, &config, err);

	if (ret < 0 || offset > sizeof(config) || size > sizeof(config) - offset)
		return ret;
	value = htole32(value);
	memcpy((uint8_t *)&config + offset, &value, size);
	vhost->regs.events &= ~le32toh(config.events_clear);
	ret = vgpu_vhost_user_front_set_config(&vhost->front, &config, sizeof(config), err);
	/* That the back end does not care is its own matter. */
	return ret == -EREMOTEIO ? 0 : ret;
}

/* ---- status ------------------------------------------------------------------------ */

static int start_queue(struct vhost_user *vhost, unsigned int queue, struct vgpu_error *err)
{
	struct vgpu_queue_info *info = &vhost->regs.queues[queue];
	int ret = vgpu_vhost_user_front_start_ring(&vhost->front, queue, info, err);

	if (ret != -EFAULT)
		return ret;
	info->ready = false;
	return 0;
}

static int start(struct vhost_user *vhost, struct vgpu_error *err)
{
	int theirs = -1;
	int ret = vgpu_vhost_user_screen_open(vhost->screen, vhost->target.num_scanouts, &theirs,
					      err);

	if (ret == 0)
		ret = vgpu_vhost_user_front_start(&vhost->front, vhost->regs.driver_features,
						  theirs, err);
	if (theirs >= 0)
		close(theirs);
	for (unsigned int i = 0; ret == 0 && i < VGPU_NUM_QUEUES; i++)
		if (vhost->regs.queues[i].ready)
			ret = start_queue(vhost, i, err);
	return ret;
}

static int reset(struct vhost_user *vhost, struct vgpu_error *err)
{
	const struct registers old = vhost->regs;

	/* Displays are as they were, and so is an event that nobody has cleared. */
	vhost->regs = (struct registers){.generation = old.generation, .events = old.events};
	vgpu_vhost_user_screen_close(vhost->screen);
	return vgpu_vhost_user_front_reset(&vhost->front, err);
}

static int write_status(struct vhost_user *vhost, uint32_t status, struct vgpu_error *err)
{
	struct registers *regs = &vhost->regs;
	uint32_t raised = status & ~regs->status;

	if (status == 0)
		return reset(vhost, err);
	/* Only the device sets this one, and only a reset clears it. */
	status &= ~(uint32_t)VIRTIO_CONFIG_S_NEEDS_RESET;
	status |= regs->status & VIRTIO_CONFIG_S_NEEDS_RESET;
	if ((raised & VIRTIO_CONFIG_S_FEATURES_OK) != 0 &&
	    (regs->driver_features & ~vhost->front.features) != 0)
		status &= ~(uint32_t)VIRTIO_CONFIG_S_FEATURES_OK;
	regs->status = status;
	return (raised & VIRTIO_CONFIG_S_DRIVER_OK) != 0 ? start(vhost, err) : 0;
}

/* Reading it is also how a driver gives the back end, a process beside it, its turn. */
static int read_status(struct vhost_user *vhost, uint32_t *value, struct vgpu_error *err)
{
	struct registers *regs = &vhost->regs;
	int ret = vgpu_vhost_user_front_check(&vhost->front, is_running(vhost), err);
	uint64_t received;
	bool quiet;

	if (ret == 0)
		ret = vgpu_vhost_user_screen_quiet(vhost->screen, &quiet, &received, err);
	if (vgpu_vhost_user_front_failed(&vhost->front)) {
		regs->status |= VIRTIO_CONFIG_S_NEEDS_RESET;
		regs->interrupt_status |= VIRTIO_MMIO_INT_CONFIG;
	}
	*value = regs->status;
	return ret;
}

/* ---- the other registers -------------------------------------------------------------- */

static uint32_t word_of(uint64_t value, uint32_t select)
{
	return select > 1 ? 0 : (uint32_t)(value >> (32 * select));
}

static void set_word(uint64_t *value, uint32_t select, uint32_t word)
{
	if (select > 1)
		return;
	*value &= ~(0xffffffffull << (32 * select));
	*value |= (uint64_t)word << (32 * select);
}

/* NULL where QueueSel names no queue. */
static struct vgpu_queue_info *selected(struct vhost_user *vhost)
{
	uint32_t queue = vhost->regs.queue_sel;

	return queue < VGPU_NUM_QUEUES ? &vhost->regs.queues[queue] : NULL;
}

static int write_queue_ready(struct vhost_user *vhost, struct vgpu_queue_info *info, bool ready,
			     struct vgpu_error *err)
{
	if (ready && (info->size == 0 || info->size > VGPU_QUEUE_SIZE_MAX))
		return 0;
	bool changes = ready != info->ready && is_running(vhost);
	info->ready = ready;
	if (!changes)
		return 0;
	return ready ? start_queue(vhost, vhost->regs.queue_sel, err)
		     : vgpu_vhost_user_front_stop_ring(&vhost->front, vhost->regs.queue_sel, err);
}

static int write_queue_register(struct vhost_user *vhost, uint32_t offset, uint32_t value,
				struct vgpu_error *err)
{
	struct vgpu_queue_info *info = selected(vhost);

	/* Of a ready queue only QueueReady may be written (VG-MMI-027). */
	if (info == NULL || (info->ready && offset != VIRTIO_MMIO_QUEUE_READY))
		return 0;
	switch (offset) {
	case VIRTIO_MMIO_QUEUE_NUM:
		info->size = value <= UINT16_MAX ? (uint16_t)value : 0;
		return 0;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
	case VIRTIO_MMIO_QUEUE_DESC_HIGH:
		set_word(&info->desc, offset == VIRTIO_MMIO_QUEUE_DESC_HIGH, value);
		return 0;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
	case VIRTIO_MMIO_QUEUE_AVAIL_HIGH:
		set_word(&info->driver, offset == VIRTIO_MMIO_QUEUE_AVAIL_HIGH, value);
		return 0;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
	case VIRTIO_MMIO_QUEUE_USED_HIGH:
		set_word(&info->device, offset == VIRTIO_MMIO_QUEUE_USED_HIGH, value);
		return 0;
	case VIRTIO_MMIO_QUEUE_READY:
		return write_queue_ready(vhost, info, (value & 1) != 0, err);
	default: /* nobody's register */
		return 0;
	}
}

static int write_register(struct vhost_user *vhost, uint32_t offset, uint32_t value,
			  struct vgpu_error *err)
{
	struct registers *regs = &vhost->regs;

	switch (offset) {
	case VIRTIO_MMIO_DEVICE_FEATURES_SEL:
		regs->device_features_sel = value;
		return 0;
	case VIRTIO_MMIO_DRIVER_FEATURES_SEL:
		regs->driver_features_sel = value;
		return 0;
	case VIRTIO_MMIO_DRIVER_FEATURES:
		/* What was agreed stays in force (VG-FEA-008). */
		if ((regs->status & VIRTIO_CONFIG_S_FEATURES_OK) == 0)
			set_word(&regs->driver_features, regs->driver_features_sel, value);
		return 0;
	case VIRTIO_MMIO_QUEUE_SEL:
		regs->queue_sel = value;
		return 0;
	case VIRTIO_MMIO_QUEUE_NOTIFY:
		if (value < VGPU_NUM_QUEUES)
			vgpu_vhost_user_front_kick(&vhost->front, value);
		return vgpu_vhost_user_front_check(&vhost->front, false, err);
	case VIRTIO_MMIO_INTERRUPT_ACK:
		regs->interrupt_status &= ~value;
		return 0;
	case VIRTIO_MMIO_STATUS:
		return write_status(vhost, value, err);
	default:
		return write_queue_register(vhost, offset, value, err);
	}
}

static uint32_t read_interrupt_status(struct vhost_user *vhost)
{
	if (vgpu_vhost_user_front_called(&vhost->front))
		vhost->regs.interrupt_status |= VIRTIO_MMIO_INT_VRING;
	return vhost->regs.interrupt_status;
}

static int read_register(struct vhost_user *vhost, uint32_t offset, uint32_t *value,
			 struct vgpu_error *err)
{
	const struct registers *regs = &vhost->regs;
	const struct vgpu_queue_info *info = selected(vhost);

	*value = 0;
	switch (offset) {
	case VIRTIO_MMIO_MAGIC_VALUE:
		*value = MAGIC;
		break;
	case VIRTIO_MMIO_VERSION:
		*value = 2;
		break;
	case VIRTIO_MMIO_DEVICE_ID:
		*value = VIRTIO_ID_GPU;
		break;
	case VIRTIO_MMIO_VENDOR_ID:
		*value = VENDOR_ID;
		break;
	case VIRTIO_MMIO_DEVICE_FEATURES:
		*value = word_of(vhost->front.features, regs->device_features_sel);
		break;
	case VIRTIO_MMIO_QUEUE_NUM_MAX:
		*value = info != NULL ? VGPU_QUEUE_SIZE_MAX : 0;
		break;
	case VIRTIO_MMIO_QUEUE_READY:
		*value = info != NULL && info->ready;
		break;
	case VIRTIO_MMIO_INTERRUPT_STATUS:
		*value = read_interrupt_status(vhost);
		break;
	case VIRTIO_MMIO_CONFIG_GENERATION:
		*value = regs->generation;
		break;
	case VIRTIO_MMIO_STATUS:
		return read_status(vhost, value, err);
	default: /* nobody's register */
		break;
	}
	return vgpu_vhost_user_front_check(&vhost->front, false, err);
}

static int vhost_user_read(struct vgpu_target *target, uint32_t offset, unsigned int size,
			   uint32_t *value, struct vgpu_error *err)
{
	struct vhost_user *vhost = vhost_user_of(target);

	if (offset >= VIRTIO_MMIO_CONFIG)
		return read_config(vhost, offset - VIRTIO_MMIO_CONFIG, size, value, err);
	if (size == 4)
		return read_register(vhost, offset, value, err);
	*value = 0;
	return 0;
}

static int vhost_user_write(struct vgpu_target *target, uint32_t offset, unsigned int size,
			    uint32_t value, struct vgpu_error *err)
{
	struct vhost_user *vhost = vhost_user_of(target);

	if (offset >= VIRTIO_MMIO_CONFIG)
		return write_config(vhost, offset - VIRTIO_MMIO_CONFIG, size, value, err);
	return size == 4 ? write_register(vhost, offset, value, err) : 0;
}

/* ---- the picture ---------------------------------------------------------------------- */

/*
 * Waits until all that the back end had to show is here. It may answer a request
 * before it shows what that drew, but it cannot do so for long and answer
 * questions too: a picture that is not on its way after a few of them was never
 * sent.
 */
static int wait_for_picture(struct vhost_user *vhost, struct vgpu_error *err)
{
	uint64_t deadline = vgpu_now_ns() + PICTURE_NS, before = 0, received = 0;
	unsigned int rounds = 0;
	bool quiet = false;

	if (!is_running(vhost))
		return 0;
	while (rounds < QUIET_ROUNDS) {
		int ret = vgpu_vhost_user_front_check(&vhost->front, true, err);
		if (ret == 0)
			ret = vgpu_vhost_user_screen_quiet(vhost->screen, &quiet, &received, err);
		if (ret < 0)
			return ret;
		rounds = quiet && received == before ? rounds + 1 : 0;
		before = received;
		if (vgpu_now_ns() > deadline)
			return vgpu_error_set(err, ETIMEDOUT, "the picture does not come to rest");
	}
	return 0;
}

static int vhost_user_capture(struct vgpu_target *target, uint32_t scanout_id,
			      struct vgpu_frame *frame, struct vgpu_error *err)
{
	struct vhost_user *vhost = vhost_user_of(target);
	int ret = wait_for_picture(vhost, err);

	return ret < 0 ? ret
		       : vgpu_vhost_user_screen_capture(vhost->screen, scanout_id, frame, err);
}

static int vhost_user_cursor(struct vgpu_target *target, uint32_t scanout_id,
			     struct vgpu_cursor *cursor, struct vgpu_error *err)
{
	struct vhost_user *vhost = vhost_user_of(target);
	int ret = wait_for_picture(vhost, err);

	return ret < 0 ? ret
		       : vgpu_vhost_user_screen_cursor(vhost->screen, scanout_id, cursor, err);
}

/* The guest learns of it from its front end, and the back end when it asks. */
static int vhost_user_set_outputs(struct vgpu_target *target,
				  const struct vgpu_trace_outputs *outputs, struct vgpu_error *err)
{
	struct vhost_user *vhost = vhost_user_of(target);

	if (outputs->num_scanouts > target->num_scanouts)
		return vgpu_error_set(err, EINVAL, "%u outputs on a device with %u",
				      outputs->num_scanouts, target->num_scanouts);
	for (unsigned int i = 0; i < outputs->num_scanouts; i++)
		vgpu_vhost_user_screen_set_output(vhost->screen, i, &outputs->outputs[i]);
	vhost->regs.events |= VIRTIO_GPU_EVENT_DISPLAY;
	vhost->regs.generation++;
	if (is_running(vhost))
		vhost->regs.interrupt_status |= VIRTIO_MMIO_INT_CONFIG;
	return 0;
}

static const char *vhost_user_version(struct vgpu_target *target)
{
	return vhost_user_of(target)->version;
}

/* ---- life --------------------------------------------------------------------------- */

static int open_memory(struct vhost_user *vhost, uint64_t size, struct vgpu_error *err)
{
	struct vgpu_vhost_user_memory *memory = &vhost->front.memory;
	uint64_t seam = (size + PAGE - 1) & ~(PAGE - 1);
	uint64_t mapped = (seam == 0 ? PAGE : seam) + BEYOND;

	if (size > SIZE_MAX / 4)
		return vgpu_error_set(err, ENOMEM, "guest memory of that size");
	/* The back end has the file too, and must not take it away from under this process. */
	memory->fd = memfd_create("vgpu-guest-memory", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (memory->fd < 0 || ftruncate(memory->fd, (off_t)mapped) < 0 ||
	    fcntl(memory->fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL) < 0)
		return vgpu_error_set(err, errno, "guest memory: %s", strerror(errno));
	void *base = mmap(NULL, mapped, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd, 0);
	if (base == MAP_FAILED)
		return vgpu_error_set(err, errno, "guest memory: %s", strerror(errno));
	memory->base = base;
	memory->gpa = RAM_BASE;
	memory->size = mapped;
	memory->seam = mapped - BEYOND;
	vhost->target.memory = base;
	vhost->target.memory_gpa = RAM_BASE;
	vhost->target.memory_size = mapped;
	vhost->target.memory_seam = RAM_BASE + memory->seam;
	return 0;
}

static int meet(struct vhost_user *vhost, unsigned int num_scanouts, struct vgpu_error *err)
{
	struct virtio_gpu_config config = {0};
	char name[64];
	int ret = vgpu_vhost_user_front_connect(&vhost->front, err);

	if (ret == 0)
		ret = vgpu_vhost_user_front_get_config(&vhost->front, &config, sizeof(config), err);
	if (ret < 0)
		return ret;
	uint32_t own = le32toh(config.num_scanouts);
	/* QEMU's back end has no word of its own there and says 0. */
	vhost->target.num_scanouts = own >= 1 && own <= VGPU_MAX_SCANOUTS ? own : num_scanouts;
	vhost->target.reset_is_new = !vhost->front.has_reset;
	vgpu_vhost_user_program_name(&vhost->front.program, name, sizeof(name));
	snprintf(vhost->version, sizeof(vhost->version), "vhost-user back end %s", name);
	return 0;
}

static void vhost_user_close(struct vgpu_target *target)
{
	struct vhost_user *vhost = vhost_user_of(target);

	/* First, so that the back end does not wait for its display. */
	vgpu_vhost_user_screen_free(vhost->screen);
	vgpu_vhost_user_front_fini(&vhost->front);
	if (target->memory != NULL)
		munmap(target->memory, target->memory_size);
	if (vhost->front.memory.fd >= 0)
		close(vhost->front.memory.fd);
	free(vhost);
}

static struct vgpu_target *vhost_user_open(const struct vgpu_target_options *options,
					   struct vgpu_error *err)
{
	struct vhost_user *vhost = calloc(1, sizeof(*vhost));

	if (vhost == NULL) {
		vgpu_error_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	vhost->target.ops = &vgpu_target_vhost_user;
	vgpu_vhost_user_front_init(&vhost->front,
				   options->argument != NULL ? options->argument : "");
	vhost->screen = vgpu_vhost_user_screen_new(options->outputs);
	int ret = vhost->screen == NULL ? vgpu_error_set(err, ENOMEM, "out of memory") : 0;
	if (ret == 0 && (options->num_scanouts == 0 || options->num_scanouts > VGPU_MAX_SCANOUTS))
		ret = vgpu_error_set(err, EINVAL, "no device with %u scanouts",
				     options->num_scanouts);
	if (ret == 0)
		ret = open_memory(vhost, options->memory_size, err);
	if (ret == 0)
		ret = meet(vhost, options->num_scanouts, err);
	if (ret < 0) {
		vhost_user_close(&vhost->target);
		return NULL;
	}
	return &vhost->target;
}

const struct vgpu_target_ops vgpu_target_vhost_user = {
	.name = "vhost-user",
	.description = "any vhost-user-gpu back end: vhost-user:SOCKET connects to it, "
		       "vhost-user:exec:PROGRAM ARG... starts it",
	.own_registers = true,
	.open = vhost_user_open,
	.close = vhost_user_close,
	.read = vhost_user_read,
	.write = vhost_user_write,
	.capture = vhost_user_capture,
	.cursor = vhost_user_cursor,
	.set_outputs = vhost_user_set_outputs,
	.version = vhost_user_version,
};
