/* SPDX-License-Identifier: MIT */
#include "conformance/vocabulary/rig.h"

#include "conformance/vocabulary/command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Long enough for a busy machine, short enough for a device that never answers. */
#define TIMEOUT_MS 2000

/* Ring areas of the driver come first, then this, then what vectors allocate. */
#define ARENA_SIZE (1ull << 20)
/* Around the seam, for those who ask for it. */
#define SEAM_ROOM (64ull << 10)
#define PAGE	  4096ull

struct kept {
	struct kept *next;
};

/* ---- findings ----------------------------------------------------------------------- */

static void tell(struct rig *t, enum finding finding, const char *format, va_list args)
{
	char text[1024];

	vsnprintf(text, sizeof(text), format, args);
	t->tell(t->opaque, finding, text);
}

bool check(struct rig *t, bool ok, const char *format, ...)
{
	va_list args;

	if (ok)
		return true;
	va_start(args, format);
	tell(t, FINDING_HARD, format, args);
	va_end(args);
	return false;
}

void require(struct rig *t, bool ok, const char *format, ...)
{
	va_list args;

	if (ok)
		return;
	va_start(args, format);
	tell(t, FINDING_HARD, format, args);
	va_end(args);
	longjmp(t->end, 1);
}

void prefer(struct rig *t, bool ok, const char *format, ...)
{
	va_list args;

	if (ok)
		return;
	va_start(args, format);
	tell(t, FINDING_EXACT, format, args);
	va_end(args);
}

void note(struct rig *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell(t, FINDING_NOTE, format, args);
	va_end(args);
}

void not_asked(struct rig *t, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	tell(t, FINDING_NOT_ASKED, format, args);
	va_end(args);
	t->asked = false;
	longjmp(t->end, 1);
}

void give_up(struct rig *t, int ret, const struct vgpu_error *err)
{
	if (ret == -ENOTSUP)
		not_asked(t, "%s", err->text);
	/* Nothing more can be asked of who is dead. */
	t->asked = ret != -EPIPE;
	t->tell(t->opaque, ret == -EPIPE ? FINDING_DEATH : FINDING_HARD, err->text);
	longjmp(t->end, 1);
}

/* ---- registers ------------------------------------------------------------------------ */

uint32_t reg_sized(struct rig *t, uint32_t offset, unsigned int size)
{
	struct vgpu_error err;
	uint32_t value = 0;
	int ret = t->target->ops->read(t->target, offset, size, &value, &err);

	if (ret < 0)
		give_up(t, ret, &err);
	return value;
}

void set_reg_sized(struct rig *t, uint32_t offset, unsigned int size, uint32_t value)
{
	struct vgpu_error err;
	int ret = t->target->ops->write(t->target, offset, size, value, &err);

	if (ret < 0)
		give_up(t, ret, &err);
}

uint32_t reg(struct rig *t, uint32_t offset)
{
	return reg_sized(t, offset, 4);
}

void set_reg(struct rig *t, uint32_t offset, uint32_t value)
{
	set_reg_sized(t, offset, 4, value);
}

uint32_t status(struct rig *t)
{
	return reg(t, VIRTIO_MMIO_STATUS);
}

void set_status(struct rig *t, uint32_t value)
{
	set_reg(t, VIRTIO_MMIO_STATUS, value);
}

uint32_t interrupts(struct rig *t)
{
	return reg(t, VIRTIO_MMIO_INTERRUPT_STATUS);
}

void ack(struct rig *t)
{
	set_reg(t, VIRTIO_MMIO_INTERRUPT_ACK, interrupts(t));
}

bool wait_interrupt(struct rig *t, uint32_t bits)
{
	uint64_t begin = vgpu_now_ns();

	while ((interrupts(t) & bits) == 0) {
		if (vgpu_now_ns() - begin > t->timeout_ms * 1000000ull)
			return false;
		sleep_ms(1);
	}
	return true;
}

bool interrupt_line(struct rig *t)
{
	struct vgpu_error err;
	bool level = false;
	int ret = t->target->ops->interrupt(t->target, &level, &err);

	if (ret < 0)
		give_up(t, ret, &err);
	return level;
}

uint32_t config(struct rig *t, uint32_t offset)
{
	return reg(t, VIRTIO_MMIO_CONFIG + offset);
}

uint32_t num_scanouts(struct rig *t)
{
	return config(t, offsetof(struct virtio_gpu_config, num_scanouts));
}

void set_outputs(struct rig *t, const struct vgpu_output *outputs, unsigned int num)
{
	struct vgpu_trace_outputs all = {.num_scanouts = num};
	struct vgpu_error err;

	memcpy(all.outputs, outputs, num * sizeof(*outputs));
	int ret = t->target->ops->set_outputs(t->target, &all, &err);
	if (ret < 0)
		give_up(t, ret, &err);
}

void set_output(struct rig *t, uint32_t width, uint32_t height)
{
	const struct vgpu_output output = {.rect = {0, 0, width, height}, .enabled = width > 0};

	set_outputs(t, &output, 1);
}

void restore_output(struct rig *t)
{
	set_output(t, OUTPUT_WIDTH, OUTPUT_HEIGHT);
	set_reg(t, VIRTIO_MMIO_CONFIG + offsetof(struct virtio_gpu_config, events_clear),
		VIRTIO_GPU_EVENT_DISPLAY);
	ack(t);
}

/* ---- set-up ----------------------------------------------------------------------------- */

static void or_give_up(struct rig *t, int ret, const struct vgpu_error *err)
{
	if (ret < 0)
		give_up(t, ret, err);
}

void reset(struct rig *t)
{
	struct vgpu_error err;

	or_give_up(t, vgpu_driver_reset(&t->driver, &err), &err);
	memset(t->rings, 0, sizeof(t->rings));
}

bool negotiate(struct rig *t, uint64_t features)
{
	struct vgpu_error err;
	int ret = vgpu_driver_negotiate(&t->driver, features, &err);

	if (ret == -ENOTSUP)
		return false;
	or_give_up(t, ret, &err);
	return true;
}

uint64_t usual_features(struct rig *t)
{
	const uint64_t usual = FEATURE(VIRTIO_F_VERSION_1) | FEATURE(VIRTIO_GPU_F_EDID) |
			       FEATURE(VIRTIO_RING_F_INDIRECT_DESC);

	return (usual & t->offered & ~t->vector->without) | t->vector->with;
}

void set_queue(struct rig *t, unsigned int queue, uint16_t size)
{
	struct vgpu_error err;

	or_give_up(t, vgpu_driver_set_queue(&t->driver, queue, size, &err), &err);
	t->rings[queue] = NULL;
}

static void set_address(struct rig *t, uint32_t low, uint64_t gpa)
{
	set_reg(t, low, (uint32_t)gpa);
	set_reg(t, low + 4, (uint32_t)(gpa >> 32));
}

void set_queue_at(struct rig *t, unsigned int queue, uint16_t size, uint64_t areas)
{
	struct vgpu_queue_info info = {
		.ready = true,
		.size = size,
		.desc = areas,
		.driver = areas + 0x4000,
		.device = areas + 0x5000,
	};

	set_reg(t, VIRTIO_MMIO_QUEUE_SEL, queue);
	set_reg(t, VIRTIO_MMIO_QUEUE_NUM, size);
	set_address(t, VIRTIO_MMIO_QUEUE_DESC_LOW, info.desc);
	set_address(t, VIRTIO_MMIO_QUEUE_AVAIL_LOW, info.driver);
	set_address(t, VIRTIO_MMIO_QUEUE_USED_LOW, info.device);
	set_reg(t, VIRTIO_MMIO_QUEUE_READY, 1);
	t->driver.queues[queue] = (struct vgpu_driver_queue){.info = info};
	t->rings[queue] = NULL;
}

void reset_queue(struct rig *t, unsigned int queue)
{
	uint64_t begin = vgpu_now_ns();

	set_reg(t, VIRTIO_MMIO_QUEUE_SEL, queue);
	set_reg(t, MMIO_QUEUE_RESET, 1);
	while (reg(t, MMIO_QUEUE_RESET) != 0) {
		require(t, vgpu_now_ns() - begin < t->timeout_ms * 1000000ull,
			"the reset of queue %u does not end", queue);
		sleep_ms(1);
	}
	require(t, reg(t, VIRTIO_MMIO_QUEUE_READY) == 0, "queue %u is ready after its reset",
		queue);
}

void driver_ok(struct rig *t)
{
	struct vgpu_error err;

	or_give_up(t, vgpu_driver_ok(&t->driver, &err), &err);
}

void make_ready_with(struct rig *t, uint64_t features, uint16_t control_size, uint16_t cursor_size)
{
	reset(t);
	require(t, negotiate(t, features), "device refuses features 0x%llx",
		(unsigned long long)features);
	set_queue(t, CONTROL, control_size);
	set_queue(t, CURSOR, cursor_size);
	driver_ok(t);
}

void make_ready(struct rig *t)
{
	make_ready_with(t, usual_features(t), CONTROL_SIZE, CURSOR_SIZE);
}

void expect_alive(struct rig *t)
{
	make_ready(t);
	struct reply reply = get_display_info(t);

	check(t, reply.answered && reply.type == VIRTIO_GPU_RESP_OK_DISPLAY_INFO,
	      "after a reset, GET_DISPLAY_INFO is %s 0x%x", reply.answered ? "answered" : "silent",
	      reply.type);
}

/* ---- memory -------------------------------------------------------------------------------- */

static uint64_t round_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) / to * to;
}

static bool is_at_seam(const struct rig *t, uint64_t gpa, uint64_t size)
{
	uint64_t seam = t->target->memory_seam;

	return seam != 0 && gpa < seam + SEAM_ROOM && gpa + size > seam - SEAM_ROOM;
}

uint64_t guest_alloc_aligned(struct rig *t, uint64_t size, uint64_t align)
{
	uint64_t gpa = round_up(t->next_gpa, align);

	if (is_at_seam(t, gpa, size))
		gpa = round_up(t->target->memory_seam + SEAM_ROOM, align);
	if (size > t->guest_end || gpa > t->guest_end - size)
		not_asked(t, "the target has too little memory");
	t->next_gpa = gpa + size;
	return gpa;
}

uint64_t guest_alloc(struct rig *t, uint64_t size)
{
	return guest_alloc_aligned(t, round_up(size, PAGE), PAGE);
}

uint64_t guest_alloc_at_seam(struct rig *t, uint64_t before, uint64_t after)
{
	uint64_t seam = t->target->memory_seam;

	if (seam == 0)
		not_asked(t, "the target's memory is one region");
	require(t, before <= SEAM_ROOM && after <= SEAM_ROOM, "a seam in %llu bytes",
		(unsigned long long)(before + after));
	return seam - before;
}

uint8_t *guest_at(struct rig *t, uint64_t gpa)
{
	return t->target->memory + (gpa - t->target->memory_gpa);
}

void *keep(struct rig *t, size_t size)
{
	struct kept *kept = calloc(1, sizeof(*kept) + size);

	if (kept == NULL)
		abort();
	kept->next = t->kept;
	t->kept = kept;
	return kept + 1;
}

static void free_kept(struct rig *t, struct kept *last)
{
	while (t->kept != last) {
		struct kept *kept = t->kept;

		t->kept = kept->next;
		free(kept);
	}
}

struct mark set_mark(struct rig *t)
{
	/* Rings are kept too, and used on. */
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		if (t->driver.queues[i].info.ready)
			ring_of(t, i);
	return (struct mark){.gpa = t->next_gpa, .kept = t->kept};
}

void rewind_to(struct rig *t, struct mark mark)
{
	free_kept(t, mark.kept);
	t->next_gpa = mark.gpa;
}

void sleep_ms(unsigned int ms)
{
	nanosleep(&(struct timespec){.tv_sec = ms / 1000, .tv_nsec = ms % 1000 * 1000000l}, NULL);
}

/* ---- for the runner -----------------------------------------------------------------------------
 */

void rig_init(struct rig *t, struct vgpu_target *target)
{
	memset(t, 0, sizeof(*t));
	t->target = target;
	vgpu_driver_init(&t->driver, target, ARENA_SIZE);
	t->timeout_ms = TIMEOUT_MS;
	t->driver.timeout_ms = TIMEOUT_MS;
	t->vector_gpa = target->memory_gpa + VGPU_DRIVER_RINGS_BYTES + ARENA_SIZE;
	t->next_gpa = t->vector_gpa;
	t->guest_end = target->memory_gpa + target->memory_size;
}

void rig_fini(struct rig *t)
{
	free_kept(t, NULL);
	vgpu_driver_fini(&t->driver);
}

static void clear_guest(struct rig *t)
{
	uint64_t seam = t->target->memory_seam;

	memset(guest_at(t, t->vector_gpa), 0, t->next_gpa - t->vector_gpa);
	if (seam != 0)
		memset(guest_at(t, seam - SEAM_ROOM), 0, 2 * SEAM_ROOM);
	t->next_gpa = t->vector_gpa;
}

static const char *feature_name(unsigned int bit)
{
	static const struct {
		unsigned int bit;
		const char *name;
	} names[] = {
		{VIRTIO_GPU_F_VIRGL, "VIRGL"},
		{VIRTIO_GPU_F_EDID, "EDID"},
		{VIRTIO_GPU_F_RESOURCE_UUID, "RESOURCE_UUID"},
		{VIRTIO_GPU_F_RESOURCE_BLOB, "RESOURCE_BLOB"},
		{VIRTIO_GPU_F_CONTEXT_INIT, "CONTEXT_INIT"},
		{5, "BLOB_ALIGNMENT"},
		{VIRTIO_RING_F_INDIRECT_DESC, "INDIRECT_DESC"},
		{VIRTIO_RING_F_EVENT_IDX, "EVENT_IDX"},
		{VIRTIO_F_VERSION_1, "VERSION_1"},
		{VIRTIO_F_RING_PACKED, "RING_PACKED"},
		{VIRTIO_F_IN_ORDER, "IN_ORDER"},
		{F_NOTIFICATION_DATA, "NOTIFICATION_DATA"},
		{F_RING_RESET, "RING_RESET"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (names[i].bit == bit)
			return names[i].name;
	return "a feature";
}

static void check_needs(struct rig *t, const struct vector *vector)
{
	const struct vgpu_target_ops *ops = t->target->ops;
	uint64_t missing = vector->with & ~t->offered;

	if (missing != 0)
		not_asked(t, "the device does not offer %s",
			  feature_name((unsigned int)__builtin_ctzll(missing)));
	if ((vector->needs & NEED_CURSOR) != 0 && !is_cursor_seen(t))
		not_asked(t, "nobody sees the cursor of this target");
	if ((vector->needs & NEED_OUTPUTS) != 0 && ops->set_outputs == NULL)
		not_asked(t, "the outputs of this target cannot be changed");
	if ((vector->needs & NEED_REGISTERS) != 0 && ops->own_registers)
		not_asked(t, "registers and status are the front end's, not the device's");
	if ((vector->needs & NEED_RESET) != 0 && t->target->reset_is_new)
		not_asked(t, "the device has no reset: a new one takes its place");
	if ((vector->needs & NEED_SEAM) != 0 && t->target->memory_seam == 0)
		not_asked(t, "the target's memory is one region");
	if ((vector->needs & NEED_INTERRUPT) != 0 && ops->interrupt == NULL)
		not_asked(t, "nobody sees the interrupt line of this target");
	if (t->target->num_scanouts < vector->scanouts)
		not_asked(t, "the device has %u scanouts, not %u", t->target->num_scanouts,
			  vector->scanouts);
}

static void begin(struct rig *t, const struct vector *vector)
{
	struct vgpu_error err;

	reset(t);
	or_give_up(t, vgpu_driver_offered(&t->driver, &t->offered, &err), &err);
	check_needs(t, vector);
	if (vector->start == READY)
		make_ready(t);
}

void rig_run(struct rig *t, const struct vector *vector)
{
	t->vector = vector;
	t->next_resource = 0;
	clear_guest(t);
	t->asked = true;
	if (setjmp(t->end) == 0) {
		begin(t, vector);
		vector->run(t);
	}
	if (t->asked && setjmp(t->end) == 0)
		expect_alive(t);
	free_kept(t, NULL);
	memset(t->rings, 0, sizeof(t->rings));
	t->vector = NULL;
}
