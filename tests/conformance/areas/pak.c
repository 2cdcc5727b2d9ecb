/* SPDX-License-Identifier: MIT */
/* VG-PAK: packed virtqueues. */
#include "conformance/vocabulary/command.h"

#include <endian.h>
#include <string.h>

extern const struct vector pak_vectors[];

#define PACKED FEATURE(VIRTIO_F_RING_PACKED)
#define AVAIL  (1 << VRING_PACKED_DESC_F_AVAIL)
#define USED   (1 << VRING_PACKED_DESC_F_USED)

/* GET_DISPLAY_INFO, written as descriptors of slot 0 and 1 of a new ring, by hand. */
static void write_info(struct rig *t, uint16_t id, uint16_t first_flags)
{
	uint64_t gpa = guest_display_info(t);
	struct ring *ring = ring_of(t, CONTROL);

	*ring_packed_desc(ring, 1) = (struct vring_packed_desc){
		.addr = htole64(gpa + 1024),
		.len = htole32(408),
		.id = htole16(id),
		.flags = htole16(VRING_DESC_F_WRITE | AVAIL),
	};
	*ring_packed_desc(ring, 0) = (struct vring_packed_desc){
		.addr = htole64(gpa),
		.len = htole32(24),
		.id = htole16(id),
		.flags = htole16((uint16_t)(VRING_DESC_F_NEXT | first_flags)),
	};
}

/* Waits until slot 0 of a new ring is used. */
static bool wait_slot_0(struct rig *t)
{
	const struct vring_packed_desc *desc = ring_packed_desc(ring_of(t, CONTROL), 0);

	for (unsigned int i = 0; i < t->timeout_ms; i++) {
		uint16_t flags = le16toh(__atomic_load_n(&desc->flags, __ATOMIC_ACQUIRE));

		if ((flags & (AVAIL | USED)) == (AVAIL | USED))
			return true;
		sleep_ms(1);
	}
	return false;
}

static void layout(struct rig *t)
{
	expect_serving(t);
}

static void counters_begin_at_1(struct rig *t)
{
	write_info(t, 0, AVAIL);
	ring_kick(ring_of(t, CONTROL));
	check(t, wait_slot_0(t), "the first descriptor is not taken");
}

static void used_flags_by_lap(struct rig *t)
{
	struct ring *ring = ring_of(t, CONTROL);

	/* Two laps: the vocabulary's ring sees by these flags alone what is used. */
	for (unsigned int i = 0; i < ring->size; i++)
		expect_serving(t);
}

static void id_and_length(struct rig *t)
{
	struct ring *ring = ring_of(t, CONTROL);

	write_info(t, 0x30, AVAIL);
	ring_kick(ring);
	require(t, wait_slot_0(t), "no answer");
	check(t, le16toh(ring_packed_desc(ring, 0)->id) == 0x30, "the id is 0x%x",
	      le16toh(ring_packed_desc(ring, 0)->id));
	check(t, le32toh(ring_packed_desc(ring, 0)->len) == 408, "the length is %u",
	      le32toh(ring_packed_desc(ring, 0)->len));
}

static void chains(struct rig *t)
{
	struct ring *ring = ring_of(t, CONTROL);

	expect_info(t, get_display_info_shaped(t, "8 8 8 / 100 308"));
	expect_serving(t);
	expect_info(t, get_display_info_shaped(t, "24x1 / 24x1 *"));
	/* Only the last descriptor has the id. */
	make_ready(t);
	write_info(t, 3, 0);
	ring_packed_desc(ring, 0)->id = htole16(0x7777);
	ring_packed_desc(ring, 0)->flags = htole16(VRING_DESC_F_NEXT | AVAIL);
	ring_kick(ring);
	require(t, wait_slot_0(t), "no answer");
	check(t, le16toh(ring_packed_desc(ring, 0)->id) == 3,
	      "the id is 0x%x, and not that of the last descriptor",
	      le16toh(ring_packed_desc(ring, 0)->id));
}

static void chains_over_the_end(struct rig *t)
{
	make_ready_with(t, usual_features(t), 8, 8);
	for (unsigned int i = 0; i < 20; i++)
		expect_info(t, get_display_info_shaped(t, "12 12 / *"));
}

static void any_size(struct rig *t)
{
	static const uint16_t sizes[] = {5, 7, 100};
	struct mark begin = set_mark(t);

	for (unsigned int i = 0; i < COUNT(sizes); i++, rewind_to(t, begin)) {
		make_ready_with(t, usual_features(t), sizes[i], CURSOR_SIZE);
		for (unsigned int j = 0; j < 2u * sizes[i]; j++)
			expect_serving(t);
	}
}

static void only_what_is_available(struct rig *t)
{
	struct ring *ring = ring_of(t, CONTROL);

	ring_kick(ring);
	expect_no_answer(t, CONTROL);
	write_info(t, 0, USED);
	ring_kick(ring);
	expect_no_answer(t, CONTROL);
}

static void used_stays(struct rig *t)
{
	struct ring *ring = ring_of(t, CONTROL);
	struct vring_packed_desc before;

	write_info(t, 7, AVAIL);
	ring_kick(ring);
	require(t, wait_slot_0(t), "no answer");
	before = *ring_packed_desc(ring, 0);
	ring_kick(ring);
	sleep_ms(20);
	check(t, memcmp(&before, ring_packed_desc(ring, 0), sizeof(before)) == 0,
	      "a used descriptor changed");
}

/* Each needs what the one before it did, and each takes other slots of the ring. */
static void in_order(struct rig *t)
{
	struct virtio_gpu_resource_create_2d create = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D),
		.resource_id = htole32(21),
		.format = htole32(B8G8R8X8),
		.width = htole32(16),
		.height = htole32(16),
	};
	struct virtio_gpu_resource_unref destroy = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_UNREF),
		.resource_id = htole32(21),
	};
	struct pending *const pending[] = {
		post(t, CONTROL, &create, sizeof(create), 24, "* / *"),
		post(t, CONTROL, &create, sizeof(create), 24, "8 8 * / *"),
		post(t, CONTROL, &destroy, sizeof(destroy), 24, "8 8 8 * / 8 *"),
		post(t, CONTROL, &create, sizeof(create), 24, "* / 8 *"),
	};
	struct reply *replies = keep(t, COUNT(pending) * sizeof(*replies));

	kick(t, CONTROL);
	collect(t, pending, COUNT(pending), replies);
	expect_ok(t, replies[0]);
	expect_error(t, replies[1], VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_ok(t, replies[2]);
	expect_ok(t, replies[3]);
	expect_serving(t);
}

static void write_flag(struct rig *t)
{
	struct ring *ring = ring_of(t, CONTROL);

	write_info(t, 0, AVAIL);
	ring_kick(ring);
	require(t, wait_slot_0(t), "no answer");
	if ((le16toh(ring_packed_desc(ring, 0)->flags) & VRING_DESC_F_WRITE) == 0)
		prefer(t, false, "data was written, but the used descriptor has no WRITE flag");
}

/* GET_DISPLAY_INFO in a table whose descriptors have ids, which are reserved. */
static uint64_t make_table(struct rig *t)
{
	uint64_t table = guest_alloc(t, 4096), gpa = guest_display_info(t);
	const struct vring_packed_desc descs[2] = {
		{htole64(gpa), htole32(24), htole16(0x1234), 0},
		{htole64(gpa + 1024), htole32(408), htole16(0xffff), htole16(VRING_DESC_F_WRITE)},
	};

	memcpy(guest_at(t, table), descs, sizeof(descs));
	return table;
}

static void expect_table(struct rig *t, uint16_t flags)
{
	const struct piece piece = {make_table(t), 32, flags};
	struct ring *ring = ring_of(t, CONTROL);
	uint16_t id = ring_add(ring, &piece, 1);

	ring_publish(ring, id);
	ring_kick(ring);
	require(t, ring_wait(ring, 1), "no answer");
	struct used used = ring_take(ring);
	check(t, used.id == id, "the id is 0x%x, expected 0x%x", used.id, id);
	check(t, used.len == 408, "the length is %u", used.len);
}

static void indirect(struct rig *t)
{
	expect_info(t, get_display_info_shaped(t, "[* / *]"));
	expect_info(t, get_display_info_shaped(t, "[8 8 8 / 8 400]"));
	expect_table(t, VRING_DESC_F_INDIRECT);
	expect_serving(t);
}

static void write_flag_on_table(struct rig *t)
{
	expect_table(t, VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE);
	expect_serving(t);
}

/* A table at the end of a chain, then one at its begin. */
static void table_in_chain(struct rig *t)
{
	for (unsigned int i = 0; i < 2; i++) {
		uint64_t gpa = guest_display_info(t);
		struct piece pieces[] = {{gpa, 24, 0}, {gpa + 1024, 408, VRING_DESC_F_WRITE}};
		struct ring *ring = ring_of(t, CONTROL);

		pieces[1 - i] = (struct piece){make_table(t), 32, VRING_DESC_F_INDIRECT};
		ring_publish(ring, ring_add(ring, pieces, COUNT(pieces)));
		ring_kick(ring);
		sleep_ms(20);
		if ((status(t) & VIRTIO_CONFIG_S_NEEDS_RESET) == 0)
			note(t, "the device does not ask for a reset where the table is %s",
			     i == 0 ? "last" : "first");
		make_ready(t);
		expect_serving(t);
	}
}

static void endless_chain(struct rig *t)
{
	struct ring *ring = ring_of(t, CONTROL);
	uint64_t gpa = guest_alloc(t, 4096);

	for (unsigned int i = 0; i < ring->size; i++)
		*ring_packed_desc(ring, i) = (struct vring_packed_desc){
			.addr = htole64(gpa),
			.len = htole32(8),
			.flags = htole16(VRING_DESC_F_NEXT | AVAIL),
		};
	ring_kick(ring);
	sleep_ms(20);
	if ((status(t) & VIRTIO_CONFIG_S_NEEDS_RESET) == 0)
		note(t, "the device does not ask for a reset");
	make_ready(t);
	expect_serving(t);
}

static void no_notification(struct rig *t)
{
	ring_driver_event(ring_of(t, CONTROL))->flags = htole16(VRING_PACKED_EVENT_FLAG_DISABLE);
	expect_serving(t);
	sleep_ms(20);
	check(t, (interrupts(t) & 1) == 0, "an interrupt that the driver does not want");
}

/* The driver wants to know when this slot is used; wrap is that of its lap. */
static void want_at(struct rig *t, uint16_t slot, bool wrap)
{
	struct vring_packed_desc_event *event = ring_driver_event(ring_of(t, CONTROL));

	event->off_wrap =
		htole16((uint16_t)(slot | (wrap ? 1u << VRING_PACKED_EVENT_F_WRAP_CTR : 0)));
	__atomic_store_n(&event->flags, htole16(VRING_PACKED_EVENT_FLAG_DESC), __ATOMIC_SEQ_CST);
}

static void expect_interrupt(struct rig *t, bool wanted)
{
	expect_serving(t);
	if (wanted)
		check(t, wait_interrupt(t, 1), "no interrupt");
	else
		sleep_ms(20);
	check(t, wanted || (interrupts(t) & 1) == 0, "an interrupt that the driver does not want");
	ack(t);
}

static void at_a_slot(struct rig *t)
{
	struct ring *ring = ring_of(t, CONTROL);

	expect_interrupt(t, true);
	/* Not this one, nor the next, but the one after. */
	want_at(t, (uint16_t)(ring->next_desc + 4), ring->avail_wrap);
	expect_interrupt(t, false);
	expect_interrupt(t, false);
	expect_interrupt(t, true);
	expect_interrupt(t, false);
	/* This slot, but in the next lap. */
	want_at(t, ring->next_desc, !ring->avail_wrap);
	expect_interrupt(t, false);
	/* And in this one. */
	want_at(t, ring->next_desc, ring->avail_wrap);
	expect_interrupt(t, true);
}

static void reserved_event_flag(struct rig *t)
{
	struct vring_packed_desc_event *event = ring_driver_event(ring_of(t, CONTROL));

	event->flags = htole16(3);
	expect_serving(t);
	event->flags = htole16(VRING_PACKED_EVENT_FLAG_DESC);
	event->off_wrap = htole16(0x7fff);
	expect_serving(t);
}

/* A driver that notifies unless it is told not to. */
static void device_event(struct rig *t)
{
	struct virtio_gpu_ctrl_hdr request = header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	struct reply *reply = keep(t, sizeof(*reply));

	for (unsigned int i = 0; i < 100; i++) {
		struct pending *p = post(t, CONTROL, &request, sizeof(request), 408, "* / *");

		__atomic_thread_fence(__ATOMIC_SEQ_CST);
		uint16_t flags = le16toh(ring_device_event(ring_of(t, CONTROL))->flags);
		check(t, flags <= 2, "the device's event flags are 0x%x", flags);
		if (flags != VRING_PACKED_EVENT_FLAG_DISABLE)
			kick(t, CONTROL);
		collect(t, &p, 1, reply);
		require(t, reply->answered, "round %u: no answer", i);
	}
}

const struct vector pak_vectors[] = {
	VECTOR("VG-PAK-001", "a descriptor's fields are where the specification has them", layout,
	       .with = PACKED),
	VECTOR("VG-PAK-002", "both wrap counters begin at 1", counters_begin_at_1, .with = PACKED),
	VECTOR("VG-PAK-003", "used descriptors have the flags of their lap", used_flags_by_lap,
	       .with = PACKED),
	VECTOR("VG-PAK-004", "a used descriptor has the id and the bytes written", id_and_length,
	       .with = PACKED),
	VECTOR("VG-PAK-005", "a chain is used in its first slot", chains, .with = PACKED),
	VECTOR("VG-PAK-006", "a chain may go over the end of the ring", chains_over_the_end,
	       .with = PACKED),
	VECTOR("VG-PAK-007", "a queue may have any size", any_size, .with = PACKED),
	VECTOR("VG-PAK-008", "a descriptor is taken when it is available, and not before",
	       only_what_is_available, .with = PACKED),
	VECTOR("VG-PAK-009", "a used descriptor stays as it is", used_stays, .with = PACKED),
	VECTOR("VG-PAK-010", "chains are taken in order, and used as they are completed", in_order,
	       .with = PACKED),
	VECTOR("VG-PAK-011", "the WRITE flag of a used descriptor says that data was written",
	       write_flag, .with = PACKED),
	VECTOR("VG-PAK-012", "an indirect table is taken in sequence", indirect,
	       .with = PACKED | FEATURE(VIRTIO_RING_F_INDIRECT_DESC)),
	VECTOR("VG-PAK-013", "the WRITE flag of a table is ignored", write_flag_on_table,
	       .with = PACKED | FEATURE(VIRTIO_RING_F_INDIRECT_DESC)),
	VECTOR("VG-PAK-014", "a table in a chain is survived", table_in_chain,
	       .with = PACKED | FEATURE(VIRTIO_RING_F_INDIRECT_DESC)),
	VECTOR("VG-PAK-015", "a chain without an end is survived", endless_chain, .with = PACKED),
	VECTOR("VG-PAK-016", "the driver is not notified when it does not want that",
	       no_notification, .with = PACKED),
	VECTOR("VG-PAK-017", "the driver is notified when the slot that it names is used",
	       at_a_slot, .with = PACKED | FEATURE(VIRTIO_RING_F_EVENT_IDX)),
	VECTOR("VG-PAK-018", "event flags that are none are survived", reserved_event_flag,
	       .with = PACKED | FEATURE(VIRTIO_RING_F_EVENT_IDX)),
	VECTOR("VG-PAK-019",
	       "the device's event flags are one of three, and a driver may obey them",
	       device_event, .with = PACKED),
	{0},
};
