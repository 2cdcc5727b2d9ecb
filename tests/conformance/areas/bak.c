/* SPDX-License-Identifier: MIT */
/* VG-BAK: RESOURCE_ATTACH_BACKING and RESOURCE_DETACH_BACKING. */
#include "conformance/vocabulary/command.h"

#include <endian.h>
#include <string.h>

extern const struct vector bak_vectors[];

#define SIZE (64u * 64 * 4)

/* A picture in guest memory that nothing has attached yet. */
static uint64_t stored(struct rig *t, const struct picture *p)
{
	uint64_t gpa = guest_alloc(t, SIZE);

	store_picture(t, gpa, 64 * 4, B8G8R8X8, p);
	return gpa;
}

static void transfer_and_show(struct rig *t, const struct resource *r, const struct picture *p)
{
	expect_ok(t, transfer(t, whole(r), 0, r->id));
	show(t, r, 0);
	expect_screen(t, 0, p);
}

/*
 * A resource without backing that shows *expected: what one begins with nobody says
 * (VG-RES-014).
 */
static struct resource painted(struct rig *t, struct picture **expected)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);

	*expected = copy_of(t, show_pattern(t, &r, 0));
	expect_ok(t, detach(t, r.id));
	return r;
}

/* Spreads the picture over entries of these lengths, each somewhere else. */
static void scattered(struct rig *t, const uint32_t *lens, unsigned int num)
{
	struct picture *expected;
	struct resource r = painted(t, &expected);
	const struct virtio_gpu_rect part = rect(5, 7, 40, 30);
	const struct picture *p = pattern(t, 64, 64, 1);
	struct virtio_gpu_mem_entry *entries = keep(t, (SIZE + 1) * sizeof(*entries));
	uint64_t from = stored(t, p);
	uint32_t done = 0, count = 0;

	while (done < SIZE) {
		uint32_t len = lens[count % num];

		len = len < SIZE - done ? len : SIZE - done;
		/* Odd addresses, and never the one that follows the last. */
		uint64_t gpa = guest_alloc_aligned(t, len + 3ull, 1) + 1;
		memcpy(guest_at(t, gpa), guest_at(t, from + done), len);
		entries[count++] = entry(gpa, len);
		done += len;
	}
	expect_ok(t, attach(t, r.id, entries, count));
	/* Rows that begin and end inside entries, then all of it. */
	expect_ok(t, transfer(t, part, (part.y * 64 + part.x) * 4, r.id));
	show(t, &r, 0);
	paste(expected, part.x, part.y, p, part);
	expect_screen(t, 0, expected);
	transfer_and_show(t, &r, p);
}

static void one_and_five(struct rig *t)
{
	static const uint32_t five[] = {SIZE / 5 + 1};

	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	show_pattern(t, &r, 0);
	scattered(t, five, COUNT(five));
}

static void any_length(struct rig *t)
{
	static const uint32_t thousands[] = {1000}, tiny[] = {3, 5, 1, 64};

	scattered(t, thousands, COUNT(thousands));
	scattered(t, tiny, COUNT(tiny));
}

static void used_from_then_on(struct rig *t)
{
	struct resource r = bare_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = pattern(t, 64, 64, 2);

	expect_ok(t, attach_one(t, r.id, stored(t, p), SIZE));
	transfer_and_show(t, &r, p);
}

static void no_copy(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);

	expect_ok(t, detach(t, r.id));
	expect_ok(t, attach_one(t, r.id, stored(t, pattern(t, 64, 64, 3)), SIZE));
	expect_ok(t, flush(t, whole(&r), r.id));
	expect_screen(t, 0, p);
}

static void attach_twice(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *first = pattern(t, 64, 64, 4), *second = pattern(t, 64, 64, 5);

	store(t, &r, first);
	struct reply reply = attach_one(t, r.id, stored(t, second), SIZE);
	expect_either(t, reply, VIRTIO_GPU_RESP_ERR_UNSPEC);
	if (is_ok(&reply))
		note(t, "a second attach replaces the first");
	transfer_and_show(t, &r, is_ok(&reply) ? second : first);
}

static void attach_unknown(struct rig *t)
{
	uint64_t gpa = guest_alloc(t, 4096);

	expect_error(t, attach_one(t, 999, gpa, 4096), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_error(t, attach_one(t, 0, gpa, 4096), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
}

static void no_entries(struct rig *t)
{
	struct resource r = bare_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = pattern(t, 64, 64, 6);

	expect_either(t, attach(t, r.id, NULL, 0), VIRTIO_GPU_RESP_OK_NODATA);
	expect_returned(t, transfer(t, whole(&r), 0, r.id));
	expect_ok(t, attach_one(t, r.id, stored(t, p), SIZE));
	transfer_and_show(t, &r, p);
}

/* An attach whose head says another number than there are entries. */
static struct reply attach_saying(struct rig *t, uint32_t id, uint32_t says,
				  const struct virtio_gpu_mem_entry *entries, uint32_t num)
{
	struct {
		struct virtio_gpu_resource_attach_backing head;
		struct virtio_gpu_mem_entry entries[4];
	} request = {
		.head = {.hdr = header(VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING),
			 .resource_id = htole32(id),
			 .nr_entries = htole32(says)},
	};

	memcpy(request.entries, entries, num * sizeof(*entries));
	return submit_struct(t, &request,
			     (uint32_t)(sizeof(request.head) + num * sizeof(*entries)));
}

static void expect_no_backing(struct rig *t, const struct resource *r)
{
	const struct picture *p = pattern(t, 64, 64, 7);

	expect_error(t, transfer(t, whole(r), 0, r->id), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_ok(t, attach_one(t, r->id, stored(t, p), SIZE));
	transfer_and_show(t, r, p);
}

#define ENTRIES 16384u
_Static_assert(ENTRIES == SIZE, "an entry for each byte of the resource");

/* As many as there are for that: all of them, or none. */
static void expect_all_or_none(struct rig *t, const struct resource *r,
			       const struct virtio_gpu_mem_entry *entries, uint32_t num,
			       const struct picture *p)
{
	struct reply reply = attach(t, r->id, entries, num);

	expect_either(t, reply, VIRTIO_GPU_RESP_ERR_UNSPEC);
	if (!is_ok(&reply))
		return;
	transfer_and_show(t, r, p);
	expect_ok(t, detach(t, r->id));
}

/* Each byte of the picture is an entry of its own; then there is one more. */
static void most_entries(struct rig *t)
{
	struct resource r = bare_2d(t, 64, 64, B8G8R8X8), other = bare_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = pattern(t, 64, 64, 21);
	struct virtio_gpu_mem_entry *entries = keep(t, (ENTRIES + 1) * sizeof(*entries));
	uint64_t from = stored(t, p), gpa = guest_alloc(t, ENTRIES + 1);

	for (uint32_t i = 0; i <= ENTRIES; i++) {
		/* Factor 7919 is odd: each byte once, none beside the one before. */
		uint32_t at = i * 7919 % ENTRIES;

		*guest_at(t, gpa + at) = *guest_at(t, from + i % ENTRIES);
		entries[i] = entry(gpa + at, 1);
	}
	expect_ok(t, attach(t, r.id, entries, ENTRIES));
	transfer_and_show(t, &r, p);
	expect_all_or_none(t, &other, entries, ENTRIES + 1, p);
	expect_error(t, attach_saying(t, other.id, 0xffffffff, entries, 1),
		     VIRTIO_GPU_RESP_ERR_UNSPEC);
	expect_no_backing(t, &other);
}

static void list_that_wraps(struct rig *t)
{
	struct resource r = bare_2d(t, 64, 64, B8G8R8X8);
	struct virtio_gpu_mem_entry one = entry(guest_alloc(t, 4096), 4096);

	expect_error(t, attach_saying(t, r.id, 0x10000000, &one, 1), VIRTIO_GPU_RESP_ERR_UNSPEC);
	expect_error(t, attach_saying(t, r.id, 0x10000001, &one, 1), VIRTIO_GPU_RESP_ERR_UNSPEC);
	expect_no_backing(t, &r);
}

static void short_list(struct rig *t)
{
	struct resource r = bare_2d(t, 64, 64, B8G8R8X8);
	struct virtio_gpu_mem_entry one = entry(guest_alloc(t, 4096), 4096);

	expect_error(t, attach_saying(t, r.id, 2, &one, 1), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	expect_no_backing(t, &r);
}

static void long_list(struct rig *t)
{
	struct resource r = bare_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = pattern(t, 64, 64, 8);
	struct virtio_gpu_mem_entry three[] = {entry(stored(t, p), SIZE), entry(NO_MEMORY, 4096),
					       entry(1, 1)};

	expect_ok(t, attach_saying(t, r.id, 1, three, 3));
	transfer_and_show(t, &r, p);
}

static void outside_memory(struct rig *t)
{
	struct resource r = bare_2d(t, 64, 64, B8G8R8X8);

	expect_error(t, attach_one(t, r.id, NO_MEMORY, SIZE), VIRTIO_GPU_RESP_ERR_UNSPEC);
	expect_no_backing(t, &r);
}

static void address_that_wraps(struct rig *t)
{
	struct resource r = bare_2d(t, 64, 64, B8G8R8X8);

	expect_error(t, attach_one(t, r.id, UINT64_MAX - 4095, 8192), VIRTIO_GPU_RESP_ERR_UNSPEC);
	expect_no_backing(t, &r);
}

/* A page of memory and then none, and an entry over the seam of two regions. */
static void over_the_end(struct rig *t)
{
	struct resource r = bare_2d(t, 64, 64, B8G8R8X8);
	uint64_t end = t->target->memory_gpa + t->target->memory_size;
	struct reply reply = attach_one(t, r.id, end - 4096, SIZE);

	expect_error(t, reply, VIRTIO_GPU_RESP_ERR_UNSPEC);
	if (is_ok(&reply))
		expect_ok(t, detach(t, r.id));
	expect_no_backing(t, &r);
	expect_ok(t, detach(t, r.id));
	if (t->target->memory_seam == 0)
		return;
	const struct picture *p = pattern(t, 64, 64, 9);
	uint64_t gpa = guest_alloc_at_seam(t, 1001, SIZE);
	store_picture(t, gpa, 64 * 4, B8G8R8X8, p);
	expect_ok(t, attach_one(t, r.id, gpa, SIZE));
	transfer_and_show(t, &r, p);
}

static void empty_entry(struct rig *t)
{
	struct resource r = bare_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = pattern(t, 64, 64, 10);
	uint64_t gpa = stored(t, p);
	struct virtio_gpu_mem_entry entries[] = {entry(gpa, 4096), entry(gpa, 0),
						 entry(gpa + 4096, SIZE - 4096)};
	struct reply reply = attach(t, r.id, entries, COUNT(entries));

	expect_either(t, reply, VIRTIO_GPU_RESP_OK_NODATA);
	if (!is_ok(&reply))
		expect_ok(t, attach_one(t, r.id, gpa, SIZE));
	transfer_and_show(t, &r, p);
}

static void same_page_twice(struct rig *t)
{
	struct resource r = bare_2d(t, 64, 64, B8G8R8X8);
	struct picture *p = pattern(t, 64, 64, 11);
	uint64_t gpa = stored(t, p);
	struct virtio_gpu_mem_entry entries[] = {entry(gpa, SIZE / 2), entry(gpa, SIZE / 2)};

	expect_ok(t, attach(t, r.id, entries, COUNT(entries)));
	paste(p, 0, 32, p, rect(0, 0, 64, 32));
	transfer_and_show(t, &r, p);
}

static void too_small(struct rig *t)
{
	struct picture *expected;
	struct resource r = painted(t, &expected);
	const struct picture *p = pattern(t, 64, 64, 12);

	expect_ok(t, attach_one(t, r.id, stored(t, p), 4096));
	expect_ok(t, transfer(t, rect(0, 0, 64, 16), 0, r.id));
	show(t, &r, 0);
	paste(expected, 0, 0, p, rect(0, 0, 64, 16));
	expect_screen(t, 0, expected);
}

static void larger(struct rig *t)
{
	struct resource r = bare_2d(t, 64, 64, B8G8R8X8);
	const struct picture *first = pattern(t, 64, 64, 13), *second = pattern(t, 64, 64, 14);
	struct virtio_gpu_mem_entry entries[] = {entry(stored(t, first), SIZE),
						 entry(stored(t, second), SIZE)};

	expect_ok(t, attach(t, r.id, entries, COUNT(entries)));
	expect_ok(t, transfer(t, whole(&r), SIZE, r.id));
	show(t, &r, 0);
	expect_screen(t, 0, second);
}

static void detach_one(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);

	expect_ok(t, detach(t, r.id));
	expect_no_backing(t, &r);
}

/* Best is that there is nothing to do. */
static void expect_nothing_detached(struct rig *t, struct reply reply)
{
	expect_either(t, reply, VIRTIO_GPU_RESP_OK_NODATA);
	check(t, reply.used_len == sizeof(reply.hdr), "%u bytes answered", reply.used_len);
}

static void detach_without(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8), bare = bare_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);

	expect_ok(t, detach(t, r.id));
	expect_nothing_detached(t, detach(t, r.id));
	expect_nothing_detached(t, detach(t, bare.id));
	expect_ok(t, flush(t, whole(&r), r.id));
	expect_screen(t, 0, p);
	expect_no_backing(t, &r);
}

static void detach_unknown(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);

	expect_error(t, detach(t, 999), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_error(t, detach(t, 0), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	/* The one that is there still has its backing. */
	show_pattern(t, &r, 0);
}

static void reads_no_more(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);

	expect_ok(t, detach(t, r.id));
	store(t, &r, pattern(t, 64, 64, 15));
	expect_error(t, transfer(t, whole(&r), 0, r.id), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_ok(t, flush(t, whole(&r), r.id));
	expect_screen(t, 0, p);
}

static void picture_stays(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);

	expect_ok(t, detach(t, r.id));
	expect_ok(t, flush(t, whole(&r), r.id));
	expect_screen(t, 0, p);
}

static void other_pages(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = pattern(t, 64, 64, 16);

	show_pattern(t, &r, 0);
	expect_ok(t, detach(t, r.id));
	expect_ok(t, attach_one(t, r.id, stored(t, p), SIZE));
	transfer_and_show(t, &r, p);
}

const struct vector bak_vectors[] = {
	VECTOR("VG-BAK-001", "one entry and five are attached", one_and_five),
	VECTOR("VG-BAK-002", "entries may be anywhere and of any length", any_length),
	VECTOR("VG-BAK-003", "transfers read what was attached", used_from_then_on),
	VECTOR("VG-BAK-004", "an attach copies nothing", no_copy),
	VECTOR("VG-BAK-005", "a second attach is refused, or replaces the first", attach_twice),
	VECTOR("VG-BAK-006", "an attach to what is not there fails", attach_unknown),
	VECTOR("VG-BAK-007", "after an attach of nothing there is room for another", no_entries),
	VECTOR("VG-BAK-008", "16384 entries are attached, and more do no harm", most_entries),
	VECTOR("VG-BAK-009", "a list whose bytes wrap is refused", list_that_wraps),
	VECTOR("VG-BAK-010", "a list that is cut short attaches nothing", short_list),
	VECTOR("VG-BAK-011", "entries after the last are ignored", long_list),
	VECTOR("VG-BAK-012", "an entry outside memory attaches nothing", outside_memory),
	VECTOR("VG-BAK-013", "an entry that wraps attaches nothing", address_that_wraps),
	VECTOR("VG-BAK-014", "an entry over the seam of two regions works", over_the_end),
	VECTOR("VG-BAK-015", "an empty entry is passed over or refused", empty_entry),
	VECTOR("VG-BAK-016", "two entries may name the same page", same_page_twice),
	VECTOR("VG-BAK-017", "a backing may be smaller than the resource", too_small),
	VECTOR("VG-BAK-018", "an offset reaches all of a larger backing", larger),
	VECTOR("VG-BAK-019", "a request of 32 bytes detaches", detach_one),
	VECTOR("VG-BAK-020", "a detach without backing is answered", detach_without),
	VECTOR("VG-BAK-021", "a detach from what is not there fails", detach_unknown),
	VECTOR("VG-BAK-022", "after a detach the pages are read no more", reads_no_more),
	VECTOR("VG-BAK-023", "after a detach the picture stays", picture_stays),
	VECTOR("VG-BAK-024", "other pages can be attached after a detach", other_pages),
	{0},
};
