/* SPDX-License-Identifier: MIT */
/* VG-XFR: TRANSFER_TO_HOST_2D. */
#include "conformance/vocabulary/command.h"

#include <endian.h>
#include <pthread.h>
#include <string.h>

extern const struct vector xfr_vectors[];

/* Where a pixel is in the backing. */
static uint64_t offset_of(const struct resource *r, uint32_t x, uint32_t y)
{
	return (uint64_t)y * r->stride + 4ull * x;
}

static void flush_all(struct rig *t, const struct resource *r)
{
	expect_ok(t, flush(t, whole(r), r->id));
}

/* Transfers from (x, y) of another picture and expects the part alone to change. */
static void transfer_from(struct rig *t, const struct resource *r, struct picture *expected,
			  struct virtio_gpu_rect part, uint32_t x, uint32_t y, uint32_t seed)
{
	const struct picture *next = pattern(t, r->width, r->height, seed);

	store(t, r, next);
	expect_ok(t, transfer(t, part, offset_of(r, x, y), r->id));
	flush_all(t, r);
	paste(expected, part.x, part.y, next, rect(x, y, part.width, part.height));
	expect_screen(t, 0, expected);
}

/* From the same place. */
static void transfer_part(struct rig *t, const struct resource *r, struct picture *expected,
			  struct virtio_gpu_rect part, uint32_t seed)
{
	transfer_from(t, r, expected, part, part.x, part.y, seed);
}

static void transfer_whole(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 48, B8G8R8X8);

	show_pattern(t, &r, 0);
}

static void offset_names_first_byte(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	struct picture *expected = copy_of(t, show_pattern(t, &r, 0));

	transfer_part(t, &r, expected, rect(5, 2, 7, 9), 50);
}

static void rows_a_stride_apart(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	struct picture *expected = copy_of(t, show_pattern(t, &r, 0));

	transfer_part(t, &r, expected, rect(1, 0, 1, 64), 51);
	transfer_part(t, &r, expected, rect(32, 10, 32, 20), 52);
}

/* The source is the offset alone, whatever the rectangle's corner is. */
static void offset_alone(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	struct picture *expected = copy_of(t, show_pattern(t, &r, 0));

	transfer_from(t, &r, expected, rect(8, 4, 4, 2), 0, 0, 60);
}

static void full_width(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	struct picture *expected = copy_of(t, show_pattern(t, &r, 0));

	transfer_from(t, &r, expected, rect(0, 20, 64, 4), 0, 0, 61);
}

/* One row on: what has a source is as it must be, the last row has none. */
static void whole_with_offset(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	struct picture *expected = copy_of(t, show_pattern(t, &r, 0));
	const struct picture *next = pattern(t, 64, 64, 62), *shown;

	store(t, &r, next);
	struct reply reply = transfer(t, whole(&r), r.stride, r.id);
	expect_either(t, reply, VIRTIO_GPU_RESP_OK_NODATA);
	flush_all(t, &r);
	if (is_ok(&reply))
		paste(expected, 0, 0, next, rect(0, 1, 64, 63));
	shown = screen(t, 0);
	if (is_ok(&reply) && memcmp(pixel(shown, 0, 63), pixel(expected, 0, 63), 64 * 4) != 0) {
		note(t, "the row without a source changed");
		paste(expected, 0, 63, shown, rect(0, 63, 64, 1));
	}
	expect_screen(t, 0, expected);
}

/* What is outside the rectangle stays, whatever its shape. */
static void outside_stays(struct rig *t)
{
	const struct virtio_gpu_rect rects[] = {rect(5, 7, 11, 3), rect(63, 63, 1, 1),
						rect(0, 12, 20, 9), rect(0, 30, 64, 34),
						rect(0, 0, 64, 20)};
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	struct picture *expected = copy_of(t, show_pattern(t, &r, 0));

	for (unsigned int i = 0; i < COUNT(rects); i++)
		transfer_part(t, &r, expected, rects[i], 100 + i);
}

static void unaligned_offset(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	struct picture *expected = copy_of(t, show_pattern(t, &r, 0));
	const uint8_t *bytes = guest_at(t, r.gpa);

	store(t, &r, pattern(t, 64, 64, 63));
	struct reply reply = transfer(t, rect(0, 0, 4, 1), 2, r.id);
	expect_either(t, reply, VIRTIO_GPU_RESP_OK_NODATA);
	for (uint32_t x = 0; is_ok(&reply) && x < 4; x++) {
		const uint8_t *b = bytes + 2 + 4ull * x;

		*pixel(expected, x, 0) = (uint32_t)b[2] << 16 | (uint32_t)b[1] << 8 | b[0];
	}
	flush_all(t, &r);
	expect_screen(t, 0, expected);
}

static void screen_waits_for_flush(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *before = show_pattern(t, &r, 0);
	const struct picture *next = pattern(t, 64, 64, 64), *shown;

	upload(t, &r, next);
	shown = screen(t, 0);
	/* Who shows the host's copy itself may show it early. */
	if (memcmp(shown->rgb, next->rgb, 64 * 64 * sizeof(*next->rgb)) == 0)
		note(t, "the transfer shows before the flush");
	else
		expect_screen(t, 0, before);
	flush_all(t, &r);
	expect_screen(t, 0, next);
}

static void unknown_id(struct rig *t)
{
	expect_error(t, transfer(t, rect(0, 0, 16, 16), 0, 999),
		     VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_error(t, transfer(t, rect(0, 0, 16, 16), 0, 0),
		     VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
}

static void no_backing(struct rig *t)
{
	struct resource r = bare_2d(t, 64, 64, B8G8R8X8);

	expect_error(t, transfer(t, whole(&r), 0, r.id), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
}

/* Each is refused, and nothing is copied. */
static void refuse_all(struct rig *t, const struct virtio_gpu_rect *rects, unsigned int num)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);

	store(t, &r, pattern(t, 64, 64, 65));
	for (unsigned int i = 0; i < num; i++)
		expect_error(t, transfer(t, rects[i], 0, r.id),
			     VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	flush_all(t, &r);
	expect_screen(t, 0, p);
}

static void outside_resource(struct rig *t)
{
	const struct virtio_gpu_rect rects[] = {rect(0, 0, 65, 64), rect(1, 0, 64, 1),
						rect(0, 1, 1, 64), rect(65, 0, 0, 0)};

	refuse_all(t, rects, COUNT(rects));
}

static void wrapping(struct rig *t)
{
	const struct virtio_gpu_rect rects[] = {
		rect(0xffffffff, 0, 2, 1), rect(1, 0, 0xffffffff, 1), rect(0, 0xffffffff, 1, 2),
		rect(0, 1, 1, 0xffffffff)};

	refuse_all(t, rects, COUNT(rects));
}

static void empty_inside(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);

	store(t, &r, pattern(t, 64, 64, 66));
	expect_ok(t, transfer(t, rect(0, 0, 0, 0), 0, r.id));
	expect_ok(t, transfer(t, rect(64, 64, 0, 0), 0, r.id));
	flush_all(t, &r);
	expect_screen(t, 0, p);
}

static void empty_outside(struct rig *t)
{
	const struct virtio_gpu_rect rects[] = {rect(65, 0, 0, 0), rect(0, 65, 0, 0)};

	refuse_all(t, rects, COUNT(rects));
}

/* Without a source nothing can be copied, whatever is answered. */
static struct reply expect_no_copy(struct rig *t, uint64_t offset)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);

	store(t, &r, pattern(t, 64, 64, 67));
	struct reply reply = transfer(t, rect(0, 0, 1, 1), offset, r.id);
	flush_all(t, &r);
	expect_screen(t, 0, p);
	return reply;
}

static void offset_past_end(struct rig *t)
{
	static const uint64_t offsets[] = {64 * 64 * 4, 64 * 64 * 4 + 4};

	for (unsigned int i = 0; i < COUNT(offsets); i++)
		expect_either(t, expect_no_copy(t, offsets[i]),
			      VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
}

static void offset_of_64_bits(struct rig *t)
{
	static const uint64_t offsets[] = {1ull << 40, 1ull << 32, UINT64_MAX};

	for (unsigned int i = 0; i < COUNT(offsets); i++)
		expect_error(t, expect_no_copy(t, offsets[i]),
			     VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
}

/* Backing of one page for a resource of four: what has no source may stay only. */
static void short_backing(struct rig *t)
{
	static const struct virtio_gpu_rect rects[] = {{0, 0, 64, 64}, {1, 0, 63, 64}};
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	struct picture *expected = copy_of(t, show_pattern(t, &r, 0));

	expect_ok(t, detach(t, r.id));
	expect_ok(t, attach_one(t, r.id, r.gpa, 4096));
	for (unsigned int i = 0; i < COUNT(rects); i++) {
		const struct virtio_gpu_rect there = rect(rects[i].x, 0, rects[i].width, 16);
		const struct picture *next = pattern(t, 64, 64, 68 + 100 * i);

		store(t, &r, next);
		struct reply reply = transfer(t, rects[i], 4ull * rects[i].x, r.id);
		expect_either(t, reply, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
		/* An error copies nothing. */
		if (is_ok(&reply))
			paste(expected, there.x, there.y, next, there);
		show(t, &r, 0);
		expect_screen(t, 0, expected);
	}
}

static void part_of_a_row(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	struct picture *expected = copy_of(t, show_pattern(t, &r, 0));
	const struct picture *next = pattern(t, 64, 64, 69);

	store(t, &r, next);
	struct reply reply = transfer(t, rect(0, 0, 64, 33), 8192, r.id);
	expect_either(t, reply, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	flush_all(t, &r);
	if (is_ok(&reply))
		paste(expected, 0, 0, next, rect(0, 32, 64, 32));
	expect_screen(t, 0, expected);
}

/* Linux transfers its dumb buffers before it flushes them, also those that are blobs. */
static void blob(struct rig *t)
{
	struct resource r = resource_blob(t, 64, 64, B8G8R8X8);
	const struct picture *p = pattern(t, 64, 64, 73);

	store(t, &r, p);
	show_blob(t, &r, 0);
	expect_screen(t, 0, p);
	expect_either(t, transfer(t, whole(&r), 0, r.id), VIRTIO_GPU_RESP_OK_NODATA);
	expect_screen(t, 0, p);
	store(t, &r, pattern(t, 64, 64, 74));
	expect_either(t, transfer(t, whole(&r), 0, r.id), VIRTIO_GPU_RESP_OK_NODATA);
	flush_all(t, &r);
	expect_screen(t, 0, pattern(t, 64, 64, 74));
}

struct race {
	uint32_t *words;
	uint32_t count;
	bool end;
};

static void *write_all_the_time(void *opaque)
{
	struct race *race = opaque;

	for (uint32_t n = 0; !__atomic_load_n(&race->end, __ATOMIC_RELAXED); n++)
		__atomic_store_n(&race->words[n % race->count], n * 0x9e3779b1u, __ATOMIC_RELAXED);
	return NULL;
}

static void guest_writes_meanwhile(struct rig *t)
{
	struct resource r = resource_2d(t, 256, 256, B8G8R8X8);
	struct race race = {.words = (uint32_t *)(void *)guest_at(t, r.gpa), .count = r.size / 4};
	struct reply *replies = keep(t, 100 * sizeof(*replies));
	pthread_t thread;

	show(t, &r, 0);
	require(t, pthread_create(&thread, NULL, write_all_the_time, &race) == 0, "no thread");
	/* Nothing here ends the vector while the thread runs. */
	for (unsigned int i = 0; i < 100; i++)
		replies[i] = transfer(t, whole(&r), 0, r.id);
	__atomic_store_n(&race.end, true, __ATOMIC_RELAXED);
	pthread_join(thread, NULL);
	for (unsigned int i = 0; i < 100; i++)
		expect_ok(t, replies[i]);
	upload(t, &r, pattern(t, 256, 256, 70));
	flush_all(t, &r);
	expect_screen(t, 0, pattern(t, 256, 256, 70));
}

static void fence_means_copied(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	struct virtio_gpu_transfer_to_host_2d request = {
		.hdr = fenced(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, 9),
		.r = {0, 0, htole32(64), htole32(64)},
		.resource_id = htole32(r.id),
	};
	const struct picture *old = pattern(t, 64, 64, 71);

	show_pattern(t, &r, 0);
	store(t, &r, old);
	expect_ok(t, submit_struct(t, &request, sizeof(request)));
	store(t, &r, pattern(t, 64, 64, 72));
	flush_all(t, &r);
	expect_screen(t, 0, old);
}

/* Of which a part of 16x16 is shown: not everybody shows any size. */
static void odd_sizes(struct rig *t)
{
	static const struct {
		uint32_t width, height;
	} sizes[] = {{17, 31}, {33, 19}, {47, 16}};
	struct resource tiny = resource_2d(t, 1, 1, B8G8R8X8);
	struct resource small = resource_2d(t, 3, 5, B8G8R8X8);

	expect_ok(t, transfer(t, whole(&tiny), 0, tiny.id));
	expect_ok(t, transfer(t, whole(&small), 0, small.id));
	for (unsigned int i = 0; i < COUNT(sizes); i++) {
		struct resource r = resource_2d(t, sizes[i].width, sizes[i].height, B8G8R8X8);
		struct picture *expected = pattern(t, r.width, r.height, 80 + i);
		const struct picture *next = pattern(t, r.width, r.height, 90 + i);

		upload(t, &r, expected);
		store(t, &r, next);
		expect_ok(t, transfer(t, rect(3, 2, 5, 7), offset_of(&r, 3, 2), r.id));
		paste(expected, 3, 2, next, rect(3, 2, 5, 7));
		expect_ok(t, set_scanout(t, rect(1, 0, 16, 16), 0, r.id));
		flush_all(t, &r);
		expect_screen(t, 0, part_of(t, expected, rect(1, 0, 16, 16)));
	}
}

const struct vector xfr_vectors[] = {
	VECTOR("VG-XFR-001", "a request of 56 bytes copies the whole image", transfer_whole),
	VECTOR("VG-XFR-002", "the offset names the first byte of the rectangle",
	       offset_names_first_byte),
	VECTOR("VG-XFR-003", "rows are the resource's stride apart in the backing",
	       rows_a_stride_apart),
	VECTOR("VG-XFR-004", "the source is at the offset, whatever the corner", offset_alone),
	VECTOR("VG-XFR-005", "a rectangle of full width is no exception", full_width),
	VECTOR("VG-XFR-006", "the whole rectangle with an offset of one row", whole_with_offset),
	VECTOR("VG-XFR-007", "pixels outside the rectangle do not change", outside_stays),
	VECTOR("VG-XFR-008", "an unaligned offset is copied byte by byte, or refused",
	       unaligned_offset),
	VECTOR("VG-XFR-009", "a transfer alone does not change the screen", screen_waits_for_flush),
	VECTOR("VG-XFR-010", "a transfer to what is not there fails", unknown_id),
	VECTOR("VG-XFR-011", "a transfer without backing fails", no_backing),
	VECTOR("VG-XFR-012", "a rectangle outside the resource is refused", outside_resource),
	VECTOR("VG-XFR-013", "a rectangle that wraps is refused", wrapping),
	VECTOR("VG-XFR-014", "an empty rectangle inside changes nothing", empty_inside),
	VECTOR("VG-XFR-015", "an empty rectangle outside is refused", empty_outside),
	VECTOR("VG-XFR-016", "an offset at or past the end of the backing copies nothing",
	       offset_past_end),
	VECTOR("VG-XFR-017", "an offset above 32 bits is not cut", offset_of_64_bits),
	VECTOR("VG-XFR-018", "a rectangle that needs more than the backing does no harm",
	       short_backing),
	VECTOR("VG-XFR-019", "rows that end past the backing do no harm", part_of_a_row),
	VECTOR("VG-XFR-020", "a transfer to a blob has nothing to do", blob,
	       .with = FEATURE(VIRTIO_GPU_F_RESOURCE_BLOB)),
	VECTOR("VG-XFR-021", "a guest that writes meanwhile does no harm", guest_writes_meanwhile),
	VECTOR("VG-XFR-022", "a fenced transfer that is answered has been copied",
	       fence_means_copied),
	VECTOR("VG-XFR-023", "odd sizes have rows without padding", odd_sizes),
	{0},
};
