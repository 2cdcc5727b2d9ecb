/* SPDX-License-Identifier: MIT */
/* VG-IND: indirect descriptors. */
#include "conformance/vocabulary/command.h"

#include <endian.h>
#include <string.h>

extern const struct vector ind_vectors[];

#define INDIRECT FEATURE(VIRTIO_RING_F_INDIRECT_DESC)

/* A table of GET_DISPLAY_INFO at this address; returns where its buffers are. */
static uint64_t make_table(struct rig *t, uint64_t gpa)
{
	uint64_t buffers = guest_display_info(t);
	const struct vring_desc table[2] = {
		{htole64(buffers), htole32(24), htole16(VRING_DESC_F_NEXT), htole16(1)},
		{htole64(buffers + 1024), htole32(408), htole16(VRING_DESC_F_WRITE), 0},
	};

	memcpy(guest_at(t, gpa), table, sizeof(table));
	return buffers;
}

/* Offers the table by a descriptor with these flags; what comes is survived. */
static bool offer(struct rig *t, uint64_t table, uint32_t len, uint16_t flags)
{
	struct ring *ring = ring_of(t, CONTROL);
	const struct piece piece = {table, len, flags};
	unsigned int timeout = t->timeout_ms;

	ring_publish(ring, ring_add(ring, &piece, 1));
	ring_kick(ring);
	t->timeout_ms = 200;
	bool used = ring_wait(ring, 1);
	t->timeout_ms = timeout;
	bool good = used && ring_take(ring).len == 408;
	if (!used && (status(t) & VIRTIO_CONFIG_S_NEEDS_RESET) == 0)
		note(t, "dropped in silence");
	if (!used)
		make_ready(t);
	return good;
}

static void one_table(struct rig *t)
{
	expect_info(t, get_display_info_shaped(t, "[* / *]"));
	expect_info(t, get_display_info_shaped(t, "[24x1 / 8x50 8]"));
}

static void write_flag_on_table(struct rig *t)
{
	uint64_t table = guest_alloc(t, 4096);

	make_table(t, table);
	check(t, offer(t, table, 32, VRING_DESC_F_INDIRECT | VRING_DESC_F_WRITE),
	      "the table is not taken");
}

static void direct_then_table(struct rig *t)
{
	struct virtio_gpu_resource_create_2d request = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D),
		.resource_id = htole32(1),
		.format = htole32(B8G8R8X8),
		.width = htole32(16),
		.height = htole32(16),
	};

	expect_ok(t, submit_shaped(t, CONTROL, &request, sizeof(request), 24, "24 [16 / *]"));
	expect_ok(t, unref(t, 1));
}

static void table_length(struct rig *t)
{
	static const uint32_t lens[] = {31, 0};

	for (unsigned int i = 0; i < COUNT(lens); i++) {
		uint64_t table = guest_alloc(t, 4096);

		make_table(t, table);
		offer(t, table, lens[i], VRING_DESC_F_INDIRECT);
		make_ready(t);
	}
	expect_serving(t);
}

static void nested(struct rig *t)
{
	uint64_t outer = guest_alloc(t, 4096), inner = guest_alloc(t, 4096);
	const struct vring_desc desc = {htole64(inner), htole32(32), htole16(VRING_DESC_F_INDIRECT),
					0};

	make_table(t, inner);
	memcpy(guest_at(t, outer), &desc, sizeof(desc));
	offer(t, outer, 16, VRING_DESC_F_INDIRECT);
	/* And one that holds itself. */
	make_ready(t);
	memcpy(guest_at(t, outer),
	       &(struct vring_desc){htole64(outer), htole32(16), htole16(VRING_DESC_F_INDIRECT), 0},
	       sizeof(desc));
	offer(t, outer, 16, VRING_DESC_F_INDIRECT);
	make_ready(t);
	expect_serving(t);
}

static void table_and_next(struct rig *t)
{
	uint64_t table = guest_alloc(t, 4096);

	make_table(t, table);
	offer(t, table, 32, VRING_DESC_F_INDIRECT | VRING_DESC_F_NEXT);
	make_ready(t);
	expect_serving(t);
}

static void not_negotiated(struct rig *t)
{
	uint64_t table = guest_alloc(t, 4096);

	make_table(t, table);
	if (offer(t, table, 32, VRING_DESC_F_INDIRECT))
		note(t, "a table is taken without the feature");
	make_ready(t);
	expect_serving(t);
}

static void longer_than_the_queue(struct rig *t)
{
	make_ready_with(t, usual_features(t), 16, 16);
	expect_info(t, get_display_info_shaped(t, "[24x1 / 16x25 8]"));
}

static void next_outside(struct rig *t)
{
	uint64_t table = guest_alloc(t, 4096);
	struct vring_desc *desc = (struct vring_desc *)(void *)guest_at(t, table);

	make_table(t, table);
	desc[0].next = htole16(99);
	offer(t, table, 32, VRING_DESC_F_INDIRECT);
	make_ready(t);
	make_table(t, table);
	desc[0].next = 0;
	offer(t, table, 32, VRING_DESC_F_INDIRECT);
	make_ready(t);
	expect_serving(t);
}

static void any_alignment(struct rig *t)
{
	uint64_t table = guest_alloc(t, 4096) + 7;

	make_table(t, table);
	check(t, offer(t, table, 32, VRING_DESC_F_INDIRECT), "the table is not taken");
}

static void over_the_seam(struct rig *t)
{
	uint64_t table = guest_alloc_at_seam(t, 20, 12);

	make_table(t, table);
	check(t, offer(t, table, 32, VRING_DESC_F_INDIRECT), "the table is not taken");
	offer(t, NO_MEMORY, 32, VRING_DESC_F_INDIRECT);
	make_ready(t);
	expect_serving(t);
}

static void longest_list(struct rig *t)
{
	struct {
		struct virtio_gpu_resource_attach_backing head;
		struct virtio_gpu_mem_entry entries[16384];
	} *request = keep(t, sizeof(*request));
	struct resource r = bare_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = pattern(t, 64, 64, 2);
	uint64_t gpa = guest_alloc(t, 16384);

	request->head.hdr = header(VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING);
	request->head.resource_id = htole32(r.id);
	request->head.nr_entries = htole32(16384);
	for (unsigned int i = 0; i < 16384; i++)
		request->entries[i] = entry(gpa + i, 1);
	store_picture(t, gpa, r.stride, r.format, p);
	expect_ok(t, submit_shaped(t, CONTROL, request, sizeof(*request), 24, "[32 64x4096 / *]"));
	expect_ok(t, transfer(t, whole(&r), 0, r.id));
	show(t, &r, 0);
	expect_screen(t, 0, p);
}

const struct vector ind_vectors[] = {
	VECTOR("VG-IND-001", "a whole request may be in a table", one_table, .with = INDIRECT),
	VECTOR("VG-IND-002", "the WRITE flag of a table is ignored", write_flag_on_table,
	       .with = INDIRECT),
	VECTOR("VG-IND-003", "a table may follow direct descriptors", direct_then_table,
	       .with = INDIRECT),
	VECTOR("VG-IND-004", "a table of a length that is none is survived", table_length,
	       .with = INDIRECT),
	VECTOR("VG-IND-005", "a table in a table is survived", nested, .with = INDIRECT),
	VECTOR("VG-IND-006", "INDIRECT with NEXT is survived", table_and_next, .with = INDIRECT),
	VECTOR("VG-IND-007", "a table without the feature is survived", not_negotiated,
	       .without = INDIRECT),
	VECTOR("VG-IND-008", "a table longer than the queue is taken", longer_than_the_queue,
	       .with = INDIRECT),
	VECTOR("VG-IND-009", "a next outside the table, or a loop, is survived", next_outside,
	       .with = INDIRECT),
	VECTOR("VG-IND-010", "a table may be at any address", any_alignment, .with = INDIRECT),
	VECTOR("VG-IND-011", "a table may cross the seam of two regions", over_the_seam,
	       .with = INDIRECT, .needs = NEED_SEAM),
	VECTOR("VG-IND-012", "16384 entries come through a table", longest_list, .with = INDIRECT),
	{0},
};
