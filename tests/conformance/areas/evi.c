/* SPDX-License-Identifier: MIT */
/* VG-EVI: event indices and suppression of notifications. */
#include "conformance/vocabulary/command.h"

#include <endian.h>

extern const struct vector evi_vectors[];

#define EVENT_IDX FEATURE(VIRTIO_RING_F_EVENT_IDX)

static uint16_t used_index(struct rig *t)
{
	return le16toh(ring_used(ring_of(t, CONTROL))->idx);
}

/* The next interrupt is wanted when the used index passes this. */
static void want_at(struct rig *t, uint16_t index)
{
	*ring_used_event(ring_of(t, CONTROL)) = htole16(index);
}

/* Answered once, so that what comes first is over. */
static void settle(struct rig *t)
{
	expect_serving(t);
	wait_interrupt(t, 1);
	ack(t);
}

static void at_the_event(struct rig *t)
{
	settle(t);
	want_at(t, used_index(t));
	expect_serving(t);
	check(t, wait_interrupt(t, 1), "no interrupt");
}

static void not_elsewhere(struct rig *t)
{
	settle(t);
	want_at(t, (uint16_t)(used_index(t) - 1));
	expect_serving(t);
	sleep_ms(20);
	check(t, (interrupts(t) & 1) == 0, "an interrupt that the driver does not want");
}

static void flags_are_ignored(struct rig *t)
{
	settle(t);
	ring_avail(ring_of(t, CONTROL))->flags = htole16(VRING_AVAIL_F_NO_INTERRUPT);
	want_at(t, used_index(t));
	expect_serving(t);
	check(t, wait_interrupt(t, 1), "no interrupt");
}

static void used_flags(struct rig *t)
{
	expect_serving(t);
	check(t, ring_used(ring_of(t, CONTROL))->flags == 0, "used.flags is 0x%x",
	      le16toh(ring_used(ring_of(t, CONTROL))->flags));
}

/* Whether the device wants to know of the last so many slots or chains. */
static bool is_asked(struct ring *ring, uint16_t num)
{
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!ring->packed)
		return vring_need_event(le16toh(*ring_avail_event(ring)), ring->available,
					(uint16_t)(ring->available - num));
	const struct vring_packed_desc_event *event = ring_device_event(ring);
	uint16_t flags = le16toh(__atomic_load_n(&event->flags, __ATOMIC_ACQUIRE));
	uint16_t code = le16toh(__atomic_load_n(&event->off_wrap, __ATOMIC_RELAXED));
	bool wrap = code >> VRING_PACKED_EVENT_F_WRAP_CTR != 0;
	uint16_t slot = code & ((1u << VRING_PACKED_EVENT_F_WRAP_CTR) - 1);

	if (flags != VRING_PACKED_EVENT_FLAG_DESC)
		return flags != VRING_PACKED_EVENT_FLAG_DISABLE;
	/* A slot of the lap before lies that much behind. */
	return vring_need_event((uint16_t)(wrap == ring->avail_wrap ? slot : slot - ring->size),
				ring->next_desc, (uint16_t)(ring->next_desc - num));
}

/* As a driver that notifies only where it is asked to. */
static struct pending *post_info(struct rig *t)
{
	struct virtio_gpu_ctrl_hdr request = header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	struct ring *ring = ring_of(t, CONTROL);
	struct pending *p = post(t, CONTROL, &request, sizeof(request), 408, "* / *");

	if (is_asked(ring, ring->packed ? 2 : 1))
		kick(t, CONTROL);
	return p;
}

static void expect_served(struct rig *t, unsigned int rounds)
{
	struct reply *reply = keep(t, sizeof(*reply));
	struct mark begin = set_mark(t);

	for (unsigned int i = 0; i < rounds; i++, rewind_to(t, begin)) {
		struct pending *p = post_info(t);

		collect(t, &p, 1, reply);
		require(t, reply->answered, "round %u: no answer", i);
	}
}

static void avail_event(struct rig *t)
{
	expect_served(t, 1000);
}

/* The second one comes at any time after the first, also while the device falls asleep. */
static void lost_kick(struct rig *t)
{
	struct reply *replies = keep(t, 2 * sizeof(*replies));
	struct mark begin = set_mark(t);

	for (unsigned int i = 0; i < 2000; i++, rewind_to(t, begin)) {
		struct pending *pending[2];

		pending[0] = post_info(t);
		for (uint64_t now = vgpu_now_ns(); vgpu_now_ns() - now < i % 200 * 500ull;)
			;
		pending[1] = post_info(t);
		collect(t, pending, 2, replies);
		require(t, replies[0].answered && replies[1].answered, "round %u: no answer", i);
	}
}

/* One answer, which must or must not be told of; see VG-PAK-016 and VG-PAK-017. */
static void expect_told(struct rig *t, uint16_t flags, uint16_t off_wrap, bool told)
{
	struct vring_packed_desc_event *event = ring_driver_event(ring_of(t, CONTROL));

	event->off_wrap = htole16(off_wrap);
	__atomic_store_n(&event->flags, htole16(flags), __ATOMIC_SEQ_CST);
	expect_serving(t);
	if (!told)
		sleep_ms(20);
	check(t, told ? wait_interrupt(t, 1) : (interrupts(t) & 1) == 0,
	      "event flags %u, slot and wrap 0x%x: %s interrupt", flags, off_wrap,
	      told ? "no" : "an");
	ack(t);
}

static uint16_t next_slot(struct rig *t)
{
	const struct ring *ring = ring_of(t, CONTROL);

	return (uint16_t)(ring->next_desc |
			  (ring->avail_wrap ? 1u << VRING_PACKED_EVENT_F_WRAP_CTR : 0));
}

static void packed_flags(struct rig *t)
{
	expect_told(t, VRING_PACKED_EVENT_FLAG_ENABLE, 0, true);
	/* The slot does not matter to these two. */
	expect_told(t, VRING_PACKED_EVENT_FLAG_DISABLE, next_slot(t), false);
	expect_told(t, VRING_PACKED_EVENT_FLAG_ENABLE, 0, true);
	expect_told(t, VRING_PACKED_EVENT_FLAG_DESC, (uint16_t)(next_slot(t) + 6), false);
	expect_told(t, VRING_PACKED_EVENT_FLAG_DESC, next_slot(t), true);
	expect_told(t, VRING_PACKED_EVENT_FLAG_DISABLE, next_slot(t), false);
	expect_told(t, VRING_PACKED_EVENT_FLAG_ENABLE, 0, true);
	/* And the other way round, over several laps. */
	expect_served(t, 200);
}

static void in_a_batch(struct rig *t)
{
	struct virtio_gpu_ctrl_hdr request = header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	struct pending *pending[8];
	struct reply *replies = keep(t, 8 * sizeof(*replies));

	settle(t);
	want_at(t, (uint16_t)(used_index(t) + 3));
	for (unsigned int i = 0; i < 8; i++)
		pending[i] = post(t, CONTROL, &request, sizeof(request), 408, "* / *");
	kick(t, CONTROL);
	collect(t, pending, 8, replies);
	check(t, wait_interrupt(t, 1), "no interrupt");
}

static void wrap_of_indices(struct rig *t)
{
	struct mark begin = set_mark(t);

	settle(t);
	for (unsigned int i = 0; i < 66000; i++, rewind_to(t, begin)) {
		/* Each hundredth is wanted. */
		bool wanted = i % 100 == 0;

		want_at(t, (uint16_t)(used_index(t) - (wanted ? 0 : 1)));
		/* Nothing that a device would have to ask somebody else for. */
		require(t, unref(t, 999).answered, "round %u: no answer", i);
		if (!wanted)
			continue;
		require(t, wait_interrupt(t, 1), "round %u: no interrupt", i);
		ack(t);
	}
}

static void without_the_feature(struct rig *t)
{
	settle(t);
	want_at(t, (uint16_t)(used_index(t) - 1));
	expect_serving(t);
	check(t, wait_interrupt(t, 1), "no interrupt");
}

const struct vector evi_vectors[] = {
	VECTOR("VG-EVI-001", "the driver is notified at used_event", at_the_event,
	       .with = EVENT_IDX),
	VECTOR("VG-EVI-002", "the driver is not notified elsewhere", not_elsewhere,
	       .with = EVENT_IDX),
	VECTOR("VG-EVI-003", "avail.flags is ignored", flags_are_ignored, .with = EVENT_IDX),
	VECTOR("VG-EVI-004", "used.flags is 0", used_flags, .with = EVENT_IDX),
	VECTOR("VG-EVI-005", "a driver that follows avail_event is served", avail_event,
	       .with = EVENT_IDX),
	VECTOR("VG-EVI-006", "an event in the middle of a batch is not lost", in_a_batch,
	       .with = EVENT_IDX),
	VECTOR("VG-EVI-007", "events are right when indices wrap", wrap_of_indices,
	       .with = EVENT_IDX, .seconds = 120),
	VECTOR("VG-EVI-008", "without the feature used_event is ignored", without_the_feature),
	VECTOR("VG-EVI-009", "a chain that comes while notifications are turned on is not lost",
	       lost_kick, .with = EVENT_IDX, .seconds = 60),
	VECTOR("VG-EVI-010", "a packed ring's events are on, off or for a slot", packed_flags,
	       .with = EVENT_IDX | FEATURE(VIRTIO_F_RING_PACKED)),
	{0},
};
