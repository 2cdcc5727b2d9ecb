/* SPDX-License-Identifier: MIT */
/* VG-STA: status and reset. */
#include "conformance/vocabulary/command.h"

#include <endian.h>
#include <string.h>

extern const struct vector sta_vectors[];

/* A chain that no device can take. */
static void break_the_queue(struct rig *t)
{
	struct ring *ring = ring_of(t, CONTROL);

	ring_publish(ring, 500);
	ring_kick(ring);
	for (unsigned int i = 0; i < 100 && (status(t) & VIRTIO_CONFIG_S_NEEDS_RESET) == 0; i++)
		sleep_ms(1);
}

static void status_0(struct rig *t)
{
	set_status(t, 0);
	for (unsigned int i = 0; i < 1000 && status(t) != 0; i++)
		sleep_ms(1);
	check(t, status(t) == 0, "status is 0x%x", status(t));
}

static void reset_stops_queues(struct rig *t)
{
	struct virtio_gpu_ctrl_hdr request = header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	struct ring *ring = ring_of(t, CONTROL);

	post(t, CONTROL, &request, sizeof(request), 408, "* / *");
	reset(t);
	set_reg(t, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	sleep_ms(20);
	check(t, ring_num_used(ring) == 0, "a ring was written after the reset");
	check(t, interrupts(t) == 0, "an interrupt after the reset");
}

static void reset_destroys_resources(struct rig *t)
{
	expect_ok(t, create_2d(t, 51, 64, 64, B8G8R8X8));
	make_ready(t);
	expect_error(t, flush(t, rect(0, 0, 64, 64), 51), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_ok(t, create_2d(t, 51, 64, 64, B8G8R8X8));
}

static void reset_clears_scanouts(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);
	uint32_t num = num_scanouts(t);

	for (uint32_t i = 1; i < num; i++)
		show(t, &r, i);
	make_ready(t);
	for (uint32_t i = 0; i < num; i++)
		expect_off(t, i, p);
}

static void reset_forgets(struct rig *t)
{
	reset(t);
	for (uint32_t queue = 0; queue < 2; queue++) {
		set_reg(t, VIRTIO_MMIO_QUEUE_SEL, queue);
		check(t, reg(t, VIRTIO_MMIO_QUEUE_READY) == 0, "queue %u is ready", queue);
	}
}

static void not_before_driver_ok(struct rig *t)
{
	struct virtio_gpu_ctrl_hdr request = header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);

	require(t, negotiate(t, usual_features(t)), "features are refused");
	set_queue(t, CONTROL, 64);
	set_queue(t, CURSOR, 16);
	struct pending *p = post(t, CONTROL, &request, sizeof(request), 408, "* / *");
	kick(t, CONTROL);
	expect_no_answer(t, CONTROL);
	if (ring_num_used(ring_of(t, CONTROL)) > 0)
		return;
	driver_ok(t);
	kick(t, CONTROL);
	struct reply *reply = keep(t, sizeof(*reply));
	collect(t, &p, 1, reply);
	expect_info(t, *reply);
}

static void queued_before_driver_ok(struct rig *t)
{
	struct virtio_gpu_ctrl_hdr request = header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);

	require(t, negotiate(t, usual_features(t)), "features are refused");
	set_queue(t, CONTROL, 64);
	set_queue(t, CURSOR, 16);
	struct pending *p = post(t, CONTROL, &request, sizeof(request), 408, "* / *");
	driver_ok(t);
	sleep_ms(20);
	if (ring_num_used(ring_of(t, CONTROL)) == 0) {
		note(t, "what is queued before DRIVER_OK waits for a notification");
		kick(t, CONTROL);
	}
	struct reply *reply = keep(t, sizeof(*reply));
	collect(t, &p, 1, reply);
	expect_info(t, *reply);
}

static void needs_reset(struct rig *t)
{
	break_the_queue(t);
	check(t, (status(t) & VIRTIO_CONFIG_S_NEEDS_RESET) != 0, "status is 0x%x", status(t));
}

static void needs_reset_notifies(struct rig *t)
{
	break_the_queue(t);
	if ((status(t) & VIRTIO_CONFIG_S_NEEDS_RESET) == 0)
		not_asked(t, "the device does not ask for a reset here");
	check(t, wait_interrupt(t, 2), "no configuration interrupt");
}

static void reset_helps(struct rig *t)
{
	break_the_queue(t);
	make_ready(t);
	expect_serving(t);
}

static void many_resets(struct rig *t)
{
	struct mark begin = set_mark(t);

	for (unsigned int i = 0; i < 100; i++, rewind_to(t, begin)) {
		struct resource r = resource_2d(t, 1024, 1024, B8G8R8X8);

		show(t, &r, 0);
		make_ready(t);
	}
	expect_serving(t);
}

static void failed(struct rig *t)
{
	set_status(t, status(t) | VIRTIO_CONFIG_S_FAILED);
	status(t);
	make_ready(t);
	expect_serving(t);
}

static void unordered(struct rig *t)
{
	set_status(t, VIRTIO_CONFIG_S_DRIVER_OK);
	set_status(t, VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER_OK);
	set_status(t, 0xff);
	set_reg(t, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	make_ready(t);
	expect_serving(t);
}

static void queue_alone(struct rig *t)
{
	struct virtio_gpu_ctrl_hdr request = header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	uint64_t areas = guest_alloc(t, QUEUE_AREAS);

	expect_serving(t);
	wait_interrupt(t, 1);
	ack(t);
	post(t, CONTROL, &request, sizeof(request), 408, "* / *");
	reset_queue(t, CONTROL);
	kick(t, CONTROL);
	expect_no_answer(t, CONTROL);
	check(t, (interrupts(t) & 1) == 0, "an interrupt for a queue that was reset");
	expect_returned(t, move_cursor(t, 0, 1, 1, 0, 0, 0));
	/* Elsewhere, with another size, and from the start. */
	set_queue_at(t, CONTROL, CONTROL_SIZE / 2, areas);
	expect_serving(t);
	expect_serving(t);
	expect_returned(t, move_cursor(t, 0, 2, 2, 0, 0, 0));
	/* The same with the other one. */
	reset_queue(t, CURSOR);
	expect_serving(t);
	set_queue(t, CURSOR, CURSOR_SIZE);
	expect_returned(t, move_cursor(t, 0, 3, 3, 0, 0, 0));
}

static void queue_reset_leaves_resources(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);

	reset_queue(t, CONTROL);
	set_queue(t, CONTROL, CONTROL_SIZE);
	expect_screen(t, 0, p);
	expect_ok(t, flush(t, whole(&r), r.id));
	expect_ok(t, unref(t, r.id));
}

/* All that the driver has: rings, requests, answers, pictures. */
static uint64_t memory_in_use(const struct rig *t)
{
	return t->next_gpa - t->target->memory_gpa;
}

static void reset_while_busy(struct rig *t)
{
	struct mark begin = set_mark(t);

	for (unsigned int i = 0; i < 20; i++, rewind_to(t, begin)) {
		struct resource r = resource_2d(t, 256, 256, B8G8R8X8);
		struct virtio_gpu_transfer_to_host_2d request = {
			.hdr = fenced(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, 7),
			.r = rect(0, 0, htole32(256), htole32(256)),
			.resource_id = htole32(r.id),
		};

		for (unsigned int j = 0; j < 24; j++)
			post(t, CONTROL, &request, sizeof(request), 24, "* / *");
		kick(t, CONTROL);
		reset(t);
		uint8_t *before = keep(t, memory_in_use(t));
		memcpy(before, t->target->memory, memory_in_use(t));
		sleep_ms(5);
		/* A device in another process has its turn. */
		status(t);
		require(t, memcmp(before, t->target->memory, memory_in_use(t)) == 0,
			"round %u: the device wrote after its status was 0", i);
		make_ready(t);
	}
	expect_serving(t);
}

const struct vector sta_vectors[] = {
	VECTOR("VG-STA-001", "status is 0 after a reset", status_0, .needs = NEED_REGISTERS),
	VECTOR("VG-STA-002", "a reset stops queues and interrupts", reset_stops_queues,
	       .needs = NEED_RESET),
	VECTOR("VG-STA-003", "a reset destroys all resources", reset_destroys_resources,
	       .needs = NEED_RESET),
	VECTOR("VG-STA-004", "a reset turns scanouts off", reset_clears_scanouts,
	       .needs = NEED_RESET),
	VECTOR("VG-STA-005", "a reset forgets the queues", reset_forgets, .needs = NEED_REGISTERS),
	VECTOR("VG-STA-006", "nothing is answered before DRIVER_OK", not_before_driver_ok,
	       .start = AFTER_RESET, .needs = NEED_REGISTERS),
	VECTOR("VG-STA-007", "what was queued before DRIVER_OK is answered after it",
	       queued_before_driver_ok, .start = AFTER_RESET),
	VECTOR("VG-STA-008", "a broken queue makes the device ask for a reset", needs_reset),
	VECTOR("VG-STA-009", "a device that asks for a reset says so", needs_reset_notifies),
	VECTOR("VG-STA-010", "a reset brings a broken device back", reset_helps,
	       .needs = NEED_RESET),
	VECTOR("VG-STA-011", "a hundred resets with resources leak nothing", many_resets,
	       .needs = NEED_RESET, .seconds = 30),
	VECTOR("VG-STA-012", "a driver that gave up may come back", failed, .needs = NEED_RESET),
	VECTOR("VG-STA-013", "status bits in any order are survived", unordered,
	       .start = AFTER_RESET),
	VECTOR("VG-STA-014", "a queue is reset while the other one goes on", queue_alone,
	       .with = FEATURE(F_RING_RESET)),
	VECTOR("VG-STA-015", "a queue's reset leaves resources alone", queue_reset_leaves_resources,
	       .with = FEATURE(F_RING_RESET)),
	VECTOR("VG-STA-016", "a reset while the device works ends the work", reset_while_busy,
	       .seconds = 30),
	{0},
};
