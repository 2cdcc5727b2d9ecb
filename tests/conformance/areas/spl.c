/* SPDX-License-Identifier: MIT */
/* VG-SPL: split virtqueues. */
#include "conformance/vocabulary/command.h"

#include <endian.h>
#include <string.h>

extern const struct vector spl_vectors[];

/* GET_DISPLAY_INFO in two descriptors; returns the head, which is not available yet. */
static uint16_t add_info(struct rig *t)
{
	uint64_t gpa = guest_display_info(t);
	const struct piece pieces[] = {{gpa, 24, 0}, {gpa + 1024, 408, VRING_DESC_F_WRITE}};

	return ring_add(ring_of(t, CONTROL), pieces, COUNT(pieces));
}

/* After something that no driver may do: the device lives, and serves after a reset. */
static void expect_harmless(struct rig *t)
{
	ring_kick(ring_of(t, CONTROL));
	sleep_ms(20);
	if ((status(t) & VIRTIO_CONFIG_S_NEEDS_RESET) == 0)
		note(t, "the device does not ask for a reset");
	make_ready(t);
	expect_serving(t);
}

static void layout(struct rig *t)
{
	expect_serving(t);
}

static void data_before_index(struct rig *t)
{
	struct mark begin = set_mark(t);
	struct ring *ring = ring_of(t, CONTROL);

	for (unsigned int i = 0; i < 200; i++, rewind_to(t, begin)) {
		uint64_t gpa = guest_display_info(t);
		const struct piece pieces[] = {{gpa, 24, 0}, {gpa + 1024, 408, VRING_DESC_F_WRITE}};
		uint32_t type = 0;

		memset(guest_at(t, gpa + 1024), 0xaa, 408);
		ring_publish(ring, ring_add(ring, pieces, COUNT(pieces)));
		ring_kick(ring);
		require(t, ring_wait(ring, 1), "no answer");
		memcpy(&type, guest_at(t, gpa + 1024), sizeof(type));
		check(t, le32toh(type) == VIRTIO_GPU_RESP_OK_DISPLAY_INFO,
		      "the index moved before the answer was there");
		check(t, ring_take(ring).len == 408, "the index moved before the length");
	}
}

static void lengths(struct rig *t)
{
	expect_serving(t);
	expect_ok(t, create_2d(t, 1, 16, 16, B8G8R8X8));
}

static void driver_areas(struct rig *t)
{
	struct ring *ring = ring_of(t, CONTROL);
	size_t table = ring->size * sizeof(struct vring_desc), avail = 6 + 2u * ring->size;
	uint8_t *before = keep(t, table + avail);

	uint16_t head = add_info(t);
	ring_publish(ring, head);
	memcpy(before, ring_desc(ring, 0), table);
	memcpy(before + table, ring_avail(ring), avail);
	ring_kick(ring);
	require(t, ring_wait(ring, 1), "no answer");
	check(t, memcmp(before, ring_desc(ring, 0), table) == 0, "the descriptor table changed");
	check(t, memcmp(before + table, ring_avail(ring), avail) == 0,
	      "the available ring changed");
	ring_take(ring);
}

static void wrap_of_indices(struct rig *t)
{
	struct mark begin = set_mark(t);

	for (unsigned int i = 0; i < 70000; i++, rewind_to(t, begin)) {
		struct reply reply = unref(t, 999);

		require(t, is_error(&reply), "round %u: answer 0x%x", i, reply.type);
	}
}

/* Once round each, and then some. A request needs a table where there is one descriptor. */
static void ring_sizes(struct rig *t)
{
	set_reg(t, VIRTIO_MMIO_QUEUE_SEL, CONTROL);
	uint32_t max = reg(t, VIRTIO_MMIO_QUEUE_NUM_MAX);
	bool tables = (t->offered & FEATURE(VIRTIO_RING_F_INDIRECT_DESC)) != 0;

	for (uint32_t size = tables ? 1 : 2; size <= max && size <= 1024; size *= 2) {
		struct mark begin;

		make_ready_with(t, usual_features(t), (uint16_t)size, CURSOR_SIZE);
		begin = set_mark(t);
		for (unsigned int i = 0; i < size + 3; i++, rewind_to(t, begin))
			expect_info(t, get_display_info_shaped(t, tables ? "[* / *]" : "* / *"));
	}
}

static void head_outside(struct rig *t)
{
	ring_publish(ring_of(t, CONTROL), 500);
	expect_harmless(t);
}

static void next_outside(struct rig *t)
{
	uint16_t head = add_info(t);

	ring_desc(ring_of(t, CONTROL), head)->next = htole16(200);
	ring_publish(ring_of(t, CONTROL), head);
	expect_harmless(t);
}

static void loop(struct rig *t)
{
	uint16_t head = add_info(t);
	struct vring_desc *second = ring_desc(ring_of(t, CONTROL), head + 1u);

	second->flags = htole16(VRING_DESC_F_NEXT);
	second->next = htole16(head);
	ring_publish(ring_of(t, CONTROL), head);
	expect_harmless(t);
}

static void index_jumps(struct rig *t)
{
	struct ring *ring = ring_of(t, CONTROL);

	ring_avail(ring)->idx = htole16((uint16_t)(le16toh(ring_avail(ring)->idx) + 100));
	expect_harmless(t);
}

static void index_falls(struct rig *t)
{
	struct ring *ring = ring_of(t, CONTROL);

	expect_serving(t);
	ring_avail(ring)->idx = htole16((uint16_t)(le16toh(ring_avail(ring)->idx) - 1));
	expect_harmless(t);
}

static void same_head_twice(struct rig *t)
{
	struct ring *ring = ring_of(t, CONTROL);
	uint16_t head = add_info(t);

	ring_publish(ring, head);
	ring_publish(ring, head);
	ring_kick(ring);
	check(t, ring_wait(ring, 2) || (status(t) & VIRTIO_CONFIG_S_NEEDS_RESET) != 0,
	      "one of two is not answered");
	make_ready(t);
	expect_serving(t);
}

static void spurious_notify(struct rig *t)
{
	struct ring *ring = ring_of(t, CONTROL);

	ring_kick(ring);
	ring_kick(ring);
	expect_no_answer(t, CONTROL);
	expect_serving(t);
}

static void notification(struct rig *t)
{
	expect_serving(t);
	check(t, wait_interrupt(t, 1), "no interrupt");
}

static void no_notification(struct rig *t)
{
	expect_serving(t);
	wait_interrupt(t, 1);
	ack(t);
	ring_avail(ring_of(t, CONTROL))->flags = htole16(VRING_AVAIL_F_NO_INTERRUPT);
	expect_serving(t);
	sleep_ms(20);
	check(t, (interrupts(t) & 1) == 0, "an interrupt that the driver does not want");
}

static void used_flags(struct rig *t)
{
	expect_serving(t);
	uint16_t flags = le16toh(ring_used(ring_of(t, CONTROL))->flags);
	check(t, flags <= 1, "used.flags is 0x%x", flags);
}

static void set_address(struct rig *t, uint32_t low, uint64_t address)
{
	set_reg(t, VIRTIO_MMIO_QUEUE_SEL, 0);
	set_reg(t, VIRTIO_MMIO_QUEUE_READY, 0);
	set_reg(t, low, (uint32_t)address);
	set_reg(t, low + 4, (uint32_t)(address >> 32));
	set_reg(t, VIRTIO_MMIO_QUEUE_READY, 1);
	set_reg(t, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	status(t);
}

static void bad_addresses(struct rig *t)
{
	static const uint32_t areas[] = {VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_MMIO_QUEUE_AVAIL_LOW,
					 VIRTIO_MMIO_QUEUE_USED_LOW};
	static const uint64_t addresses[] = {UINT64_MAX - 15, NO_MEMORY, 0x40000001};

	for (unsigned int i = 0; i < COUNT(areas); i++)
		for (unsigned int j = 0; j < COUNT(addresses); j++) {
			make_ready(t);
			set_address(t, areas[i], addresses[j]);
		}
	make_ready(t);
	expect_serving(t);
}

/* Chains in the order in which they are available; their heads are written down. */
static void publish_infos(struct rig *t, uint16_t *heads, unsigned int num)
{
	for (unsigned int i = 0; i < num; i++) {
		heads[i] = add_info(t);
		ring_publish(ring_of(t, CONTROL), heads[i]);
	}
	ring_kick(ring_of(t, CONTROL));
}

/* A batch may have one used element, for its last chain, at its first place. */
static void used_in_order(struct rig *t)
{
	enum { NUM_INFOS = 24, NOTHING = 0xffff };
	uint16_t heads[NUM_INFOS];
	unsigned int at = 0;

	require(t, negotiate(t, usual_features(t)), "features are refused");
	set_queue(t, CONTROL, CONTROL_SIZE);
	set_queue(t, CURSOR, CURSOR_SIZE);
	struct ring *ring = ring_of(t, CONTROL);
	for (unsigned int i = 0; i < NUM_INFOS; i++)
		ring_used(ring)->ring[i].id = htole32(NOTHING);
	driver_ok(t);
	publish_infos(t, heads, NUM_INFOS);
	require(t, ring_wait(ring, NUM_INFOS), "%u of %u chains are used", ring_num_used(ring),
		NUM_INFOS);
	while (at < NUM_INFOS) {
		uint32_t id = le32toh(ring_used(ring)->ring[at].id);
		unsigned int last = at;

		while (last < NUM_INFOS && heads[last] != id)
			last++;
		require(t, last < NUM_INFOS, "chain %u is used after a later one", id);
		for (at++; at <= last; at++)
			require(t, le32toh(ring_used(ring)->ring[at].id) == NOTHING,
				"chain %u is used before chain %u", id, heads[at - 1]);
	}
}

#define CHAINS 3u

/*
 * Chains that become available in another order than they stand in the table: each
 * answer is that of the chain whose head the used element names.
 */
static void matched_by_head(struct rig *t)
{
	static const uint32_t types[CHAINS] = {VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 0x1fe,
					       VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	struct ring *ring = ring_of(t, CONTROL);
	uint64_t gpa = guest_alloc(t, CHAINS * 1024);
	uint16_t heads[CHAINS];

	for (unsigned int i = 0; i < CHAINS; i++) {
		const struct virtio_gpu_ctrl_hdr request = fenced(types[i], 100 + i);
		const struct piece pieces[] = {
			{gpa + 1024ull * i, sizeof(request), 0},
			{gpa + 1024ull * i + 512, DISPLAY_INFO_SIZE, VRING_DESC_F_WRITE}};

		memcpy(guest_at(t, pieces[0].gpa), &request, sizeof(request));
		heads[i] = ring_add(ring, pieces, COUNT(pieces));
	}
	for (unsigned int i = CHAINS; i-- > 0;)
		ring_publish(ring, heads[i]);
	ring_kick(ring);
	require(t, ring_wait(ring, CHAINS), "%u of %u answers", ring_num_used(ring), CHAINS);
	for (unsigned int i = 0; i < CHAINS; i++) {
		struct used used = ring_take(ring);
		struct virtio_gpu_ctrl_hdr hdr;
		unsigned int chain = 0;

		while (chain < CHAINS && heads[chain] != used.id)
			chain++;
		require(t, chain < CHAINS, "chain %u was not available, or is used twice", used.id);
		heads[chain] = UINT16_MAX;
		memcpy(&hdr, guest_at(t, gpa + 1024ull * chain + 512), sizeof(hdr));
		check(t, le64toh(hdr.fence_id) == 100 + chain,
		      "chain %u has the answer of fence %llu", chain,
		      (unsigned long long)le64toh(hdr.fence_id));
		check(t, used.len == (chain == 1 ? sizeof(hdr) : DISPLAY_INFO_SIZE),
		      "chain %u: %u bytes", chain, used.len);
	}
}

const struct vector spl_vectors[] = {
	VECTOR("VG-SPL-001", "a descriptor's fields are where the specification has them", layout),
	VECTOR("VG-SPL-002", "answer and length are there when the index moves", data_before_index),
	VECTOR("VG-SPL-003", "a used element has the head and the bytes written", lengths),
	VECTOR("VG-SPL-004", "the driver's areas are left alone", driver_areas),
	VECTOR("VG-SPL-005", "indices wrap at 65536", wrap_of_indices, .seconds = 120),
	VECTOR("VG-SPL-006", "any power of two is a size", ring_sizes),
	VECTOR("VG-SPL-007", "a head outside the table is survived", head_outside),
	VECTOR("VG-SPL-008", "a next outside the table is survived", next_outside),
	VECTOR("VG-SPL-009", "a loop is survived", loop),
	VECTOR("VG-SPL-010", "an index that jumps is survived", index_jumps),
	VECTOR("VG-SPL-011", "an index that falls is survived", index_falls),
	VECTOR("VG-SPL-012", "a head that is available twice is survived", same_head_twice),
	VECTOR("VG-SPL-013", "a notification for nothing does nothing", spurious_notify),
	VECTOR("VG-SPL-014", "the driver is notified", notification),
	VECTOR("VG-SPL-015", "the driver is not notified when it does not want that",
	       no_notification),
	VECTOR("VG-SPL-016", "used.flags is 0 or 1", used_flags),
	VECTOR("VG-SPL-017", "with IN_ORDER chains are used in order", used_in_order,
	       .start = AFTER_RESET, .with = FEATURE(VIRTIO_F_IN_ORDER)),
	VECTOR("VG-SPL-018", "rings at impossible addresses are survived", bad_addresses,
	       .needs = NEED_REGISTERS),
	VECTOR("VG-SPL-019", "an answer belongs to the head that is used", matched_by_head),
	{0},
};
