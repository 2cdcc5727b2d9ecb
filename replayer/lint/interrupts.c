/* SPDX-License-Identifier: MIT */
/* Notifications of both sides: interrupts, notifies, and what the driver makes of them. */
#include "lint/lint.h"

#include <inttypes.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#define FIND(lint, rule, ...) lint_find(&(lint)->findings, rule, NULL, __VA_ARGS__)

#define INTERRUPT_BITS ((uint64_t)(VIRTIO_MMIO_INT_VRING | VIRTIO_MMIO_INT_CONFIG))
#define EVENTS_READ    VIRTIO_MMIO_CONFIG
#define EVENTS_CLEAR   (VIRTIO_MMIO_CONFIG + 4)

static void notify(struct lint *lint, uint64_t value)
{
	/* With NOTIFICATION_DATA (38) there is an index above. */
	uint64_t queue = value & 0xffff;

	if (lint->registers.status_set && (lint->registers.status & VIRTIO_CONFIG_S_DRIVER_OK) == 0)
		FIND(lint, INI_006, "Queue %" PRIu64 " was notified with Status 0x%02x.", queue,
		     lint->registers.status);
	if (queue < VGPU_NUM_QUEUES)
		lint->registers.notifies[queue]++;
}

static void acknowledge(struct lint *lint, uint64_t value)
{
	lint->registers.acks++;
	if ((value & ~INTERRUPT_BITS) != 0)
		FIND(lint, INT_002, "InterruptACK got 0x%" PRIx64 ".", value);
}

static void check_register(struct lint *lint, const struct vgpu_trace_register *reg)
{
	if (reg->write && reg->offset == VIRTIO_MMIO_QUEUE_NOTIFY)
		notify(lint, reg->value);
	else if (reg->write && reg->offset == VIRTIO_MMIO_INTERRUPT_ACK)
		acknowledge(lint, reg->value);
	else if (!reg->write && reg->offset == EVENTS_READ && reg->value != 0)
		lint->registers.event_read = true;
	else if (reg->write && reg->offset == EVENTS_CLEAR && reg->value != 0)
		lint->registers.event_read = false;
}

static void check_request(struct lint *lint, const struct lint_request *request)
{
	lint->life.interrupts += request->raw->interrupt;
}

static void check_suppression(struct lint *lint)
{
	uint64_t answers = lint->life.requests[0] + lint->life.requests[1];

	if (answers >= LINT_ANSWERS_MANY && lint->life.interrupts == answers &&
	    (lint->guest.features_offered >> VIRTIO_RING_F_EVENT_IDX & 1) != 0 &&
	    (lint->guest.features >> VIRTIO_RING_F_EVENT_IDX & 1) == 0)
		FIND(lint, INT_004,
		     "Each of %" PRIu64 " answers raised an interrupt, and EVENT_IDX was not "
		     "accepted.",
		     answers);
}

/*
 * A device can take a request before its notify arrives, so a single notify that
 * brings nothing proves nothing; more notifies than requests do.
 */
static void check_notifies(struct lint *lint)
{
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++) {
		uint64_t notifies = lint->registers.notifies[i];

		if (notifies > lint->life.requests[i])
			lint->sums.repeated_notifies += notifies - lint->life.requests[i];
		lint->registers.notifies[i] = 0;
	}
}

static void end_life(struct lint *lint)
{
	check_suppression(lint);
	check_notifies(lint);
	if (lint->registers.seen && lint->registers.acks == 0 && lint->life.interrupts > 1)
		FIND(lint, INT_001, "None of %" PRIu64 " interrupts was acknowledged.",
		     lint->life.interrupts);
	if (lint->registers.event_read)
		FIND(lint, DSP_004, "events_read was not 0, and events_clear was not written.");
	lint->registers.acks = 0;
	lint->registers.event_read = false;
}

static bool rings_broke(const struct lint *lint)
{
	const uint64_t *violations = lint->sums.end.violations;

	return violations[VGPU_VIOLATION_BAD_CHAIN] != 0 ||
	       violations[VGPU_VIOLATION_BAD_AVAIL] != 0 ||
	       violations[VGPU_VIOLATION_CHAIN_ORDER] != 0 ||
	       violations[VGPU_VIOLATION_BAD_ADDRESS] != 0;
}

static void end(struct lint *lint)
{
	uint64_t surplus = lint->sums.repeated_notifies;

	/* Of a trace that was cut off or a device that stopped, requests are missing. */
	if (surplus == 0 || !lint->sums.ended || rings_broke(lint))
		return;
	FIND(lint, INT_003, "%s", "");
	lint_sum_up(&lint->findings, INT_003, surplus,
		    "There are %" PRIu64 " notifies more than requests.", surplus);
}

const struct lint_area lint_area_interrupts = {
	.reg = check_register,
	.request = check_request,
	.life_end = end_life,
	.end = end,
};
