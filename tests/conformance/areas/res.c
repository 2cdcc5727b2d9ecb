/* SPDX-License-Identifier: MIT */
/* VG-RES: RESOURCE_CREATE_2D and RESOURCE_UNREF. */
#include "conformance/vocabulary/command.h"

#include <endian.h>
#include <string.h>

extern const struct vector res_vectors[];

static const uint32_t formats[] = {B8G8R8A8, B8G8R8X8, A8R8G8B8, X8R8G8B8,
				   R8G8B8A8, X8B8G8R8, A8B8G8R8, R8G8B8X8};

/* It has this id and this size, and no other. */
static void expect_made(struct rig *t, uint32_t id, uint32_t width, uint32_t height)
{
	expect_ok(t, flush(t, rect(0, 0, width, height), id));
	expect_error(t, flush(t, rect(0, 0, width + 1, height), id),
		     VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	expect_error(t, flush(t, rect(0, 0, width, height + 1), id),
		     VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
}

static void create(struct rig *t)
{
	expect_ok(t, create_2d(t, 1, 64, 48, B8G8R8X8));
	expect_made(t, 1, 64, 48);
}

static void create_id_0(struct rig *t)
{
	expect_error(t, create_2d(t, 0, 64, 48, B8G8R8X8), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
}

static void create_live_id(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);

	expect_error(t, create_2d(t, r.id, 32, 32, B8G8R8X8),
		     VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_ok(t, transfer(t, rect(0, 0, 64, 64), 0, r.id));
	expect_ok(t, flush(t, whole(&r), r.id));
	expect_screen(t, 0, p);
}

static void create_after_unref(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);

	expect_ok(t, unref(t, r.id));
	expect_ok(t, create_2d(t, r.id, 32, 16, R8G8B8A8));
	expect_made(t, r.id, 32, 16);
}

static void create_any_id(struct rig *t)
{
	expect_ok(t, create_2d(t, 0xffffffff, 16, 16, B8G8R8X8));
	expect_ok(t, create_2d(t, 0x80000000, 32, 24, B8G8R8X8));
	expect_made(t, 0xffffffff, 16, 16);
	expect_made(t, 0x80000000, 32, 24);
	expect_ok(t, unref(t, 0xffffffff));
	expect_ok(t, unref(t, 0x80000000));
}

static void create_each_format(struct rig *t)
{
	for (uint32_t i = 0; i < COUNT(formats); i++)
		expect_ok(t, create_2d(t, i + 1, 16, 16, formats[i]));
}

static void create_other_formats(struct rig *t)
{
	static const uint32_t others[] = {0, 5, 66, 69, 120, 122, 133, 135, 0xffffffff};

	for (uint32_t i = 0; i < COUNT(others); i++)
		expect_error(t, create_2d(t, 1, 16, 16, others[i]),
			     VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	expect_ok(t, create_2d(t, 1, 16, 16, B8G8R8X8));
}

/* Whatever is answered, what can be done with it does no harm. */
static void create_empty(struct rig *t)
{
	static const struct {
		uint32_t width, height;
	} sizes[] = {{0, 0}, {0, 16}, {16, 0}};

	for (uint32_t i = 0; i < COUNT(sizes); i++) {
		uint32_t id = i + 1;
		struct virtio_gpu_rect r = rect(0, 0, sizes[i].width, sizes[i].height);
		struct reply reply = create_2d(t, id, sizes[i].width, sizes[i].height, B8G8R8X8);

		expect_either(t, reply, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
		if (!is_ok(&reply))
			continue;
		expect_ok(t, attach_one(t, id, guest_alloc(t, 4096), 4096));
		expect_returned(t, transfer(t, r, 0, id));
		expect_returned(t, set_scanout(t, r, 0, id));
		expect_returned(t, flush(t, r, id));
	}
}

static void create_one_pixel(struct rig *t)
{
	expect_ok(t, create_2d(t, 1, 1, 1, B8G8R8X8));
	expect_made(t, 1, 1, 1);
}

/* Sizes whose bytes do not fit 32 bits, or 64, or any memory. */
static void create_huge(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);
	static const struct {
		uint32_t width, height;
	} sizes[] = {
		{0xffffffff, 0xffffffff}, {0x80000000, 0x80000000}, {0x10000, 0x10000},
		{0x8000, 0x8000},	  {0x40000001, 1},	    {0x40000000, 1},
		{1, 0x40000000},	  {1, 0x40000001},
	};

	for (uint32_t i = 0; i < COUNT(sizes); i++) {
		uint32_t id = 100 + i;

		expect_error(t, create_2d(t, id, sizes[i].width, sizes[i].height, B8G8R8X8),
			     VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY);
		expect_error(t, unref(t, id), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
		expect_ok(t, create_2d(t, id, 16, 16, B8G8R8X8));
	}
	expect_ok(t, flush(t, whole(&r), r.id));
	expect_screen(t, 0, p);
}

#define BIG	2048
#define TO_FILL 256

/* Resources of 16 MiB until the device has no more; returns how many. */
static uint32_t fill_memory(struct rig *t)
{
	for (uint32_t i = 0; i < TO_FILL; i++) {
		struct reply reply = create_2d(t, 1000 + i, BIG, BIG, B8G8R8X8);

		if (is_ok(&reply))
			continue;
		expect_error(t, reply, VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY);
		return i;
	}
	note(t, "%u resources of 16 MiB, and no limit", TO_FILL);
	return TO_FILL;
}

static void memory_limit(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);

	fill_memory(t);
	expect_ok(t, transfer(t, whole(&r), 0, r.id));
	expect_ok(t, flush(t, whole(&r), r.id));
	expect_screen(t, 0, p);
}

static void memory_comes_back(struct rig *t)
{
	uint32_t count = fill_memory(t);

	require(t, count > 0, "no resource of 16 MiB");
	expect_ok(t, unref(t, 1000));
	expect_ok(t, create_2d(t, 1, BIG, BIG, B8G8R8X8));
}

static void failed_create(struct rig *t)
{
	expect_error(t, create_2d(t, 1, 16, 16, 5), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	expect_error(t, unref(t, 1), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
}

static void first_content(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);

	show_pattern(t, &r, 0);
	expect_ok(t, unref(t, r.id));
	expect_ok(t, create_2d(t, r.id, 64, 64, B8G8R8X8));
	expect_ok(t, attach_one(t, r.id, r.gpa, r.size));
	show(t, &r, 0);
	expect_screen(t, 0, picture(t, 64, 64));
}

static void unref_one(struct rig *t)
{
	struct resource r = bare_2d(t, 64, 64, B8G8R8X8);

	expect_ok(t, unref(t, r.id));
	expect_error(t, flush(t, whole(&r), r.id), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
}

static void unref_unknown(struct rig *t)
{
	expect_error(t, unref(t, 999), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_error(t, unref(t, 0), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_ok(t, create_2d(t, 1, 16, 16, B8G8R8X8));
	expect_ok(t, unref(t, 1));
	expect_error(t, unref(t, 1), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
}

static void unref_shown(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);

	show(t, &r, 1);
	expect_ok(t, unref(t, r.id));
	expect_error(t, flush(t, whole(&r), r.id), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_off(t, 0, p);
	expect_off(t, 1, p);
}

static void unref_cursor(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8A8);
	const struct virtio_gpu_transfer_to_host_2d request = {
		.hdr = fenced(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, 1),
		.r = {0, 0, htole32(64), htole32(64)},
		.resource_id = htole32(r.id),
	};

	/* Without a fence the other queue may be faster. */
	store(t, &r, pattern(t, 64, 64, 1));
	expect_ok(t, submit_struct(t, &request, sizeof(request)));
	expect_returned(t, update_cursor(t, 0, 10, 20, r.id, 0, 0));
	struct vgpu_cursor before = cursor_of(t, 0);
	expect_ok(t, unref(t, r.id));
	expect_returned(t, move_cursor(t, 0, 30, 40, r.id, 0, 0));
	struct vgpu_cursor after = cursor_of(t, 0);

	check(t, before.visible && after.visible, "the cursor is not visible");
	check(t, memcmp(before.pixels, after.pixels, sizeof(before.pixels)) == 0,
	      "the cursor's picture changed");
}

static void unref_drops_backing(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = pattern(t, 64, 64, 3);

	expect_ok(t, unref(t, r.id));
	expect_ok(t, create_2d(t, r.id, 64, 64, B8G8R8X8));
	store(t, &r, p);
	expect_error(t, transfer(t, whole(&r), 0, r.id), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_ok(t, attach_one(t, r.id, guest_alloc(t, r.size), r.size));
	show(t, &r, 0);
	expect_off(t, 0, p);
}

/* The transfer still finds its resource, and what comes later does not. */
static void unref_behind_transfer(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	struct virtio_gpu_transfer_to_host_2d first = {
		.hdr = fenced(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, 77),
		.r = {0, 0, htole32(64), htole32(64)},
		.resource_id = htole32(r.id),
	};
	struct virtio_gpu_resource_unref second = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_UNREF),
		.resource_id = htole32(r.id),
	};
	struct pending *pending[] = {
		post(t, CONTROL, &first, sizeof(first), 24, "* / *"),
		post(t, CONTROL, &second, sizeof(second), 24, "* / *"),
	};
	struct reply *replies = keep(t, 2 * sizeof(*replies));

	kick(t, CONTROL);
	collect(t, pending, 2, replies);
	expect_ok(t, replies[0]);
	expect_ok(t, replies[1]);
	/* A command without a fence may be answered before it is executed. */
	prefer(t, replies[0].order == 0 && replies[1].order == 1,
	       "UNREF is answered before the transfer");
	check(t,
	      (replies[0].hdr.flags & VIRTIO_GPU_FLAG_FENCE) != 0 && replies[0].hdr.fence_id == 77,
	      "the transfer's flags are 0x%x and its fence is %llu", replies[0].hdr.flags,
	      (unsigned long long)replies[0].hdr.fence_id);
	expect_error(t, transfer(t, whole(&r), 0, r.id), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_ok(t, create_2d(t, r.id, 64, 64, B8G8R8X8));
}

#define MANY 10000

static void create_many(struct rig *t)
{
	struct mark begin = set_mark(t);

	for (uint32_t i = 1; i <= MANY; i++, rewind_to(t, begin))
		expect_ok(t, create_2d(t, i, 1, 1, B8G8R8X8));
	/* Factor 7919 is prime: each id once, in no order. */
	for (uint32_t i = 0; i < MANY; i++, rewind_to(t, begin))
		expect_ok(t, unref(t, (uint32_t)((uint64_t)i * 7919 % MANY) + 1));
	expect_error(t, unref(t, 1), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
}

static void one_namespace(struct rig *t)
{
	uint64_t page = guest_alloc(t, 4096);

	expect_ok(t, create_2d(t, 1, 16, 16, B8G8R8X8));
	expect_error(t, create_blob(t, 1, page, 4096, 0), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_ok(t, create_blob(t, 2, page, 4096, 0));
	expect_error(t, create_2d(t, 2, 16, 16, B8G8R8X8), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
}

const struct vector res_vectors[] = {
	VECTOR("VG-RES-001", "a request of 40 bytes makes a resource", create),
	VECTOR("VG-RES-002", "resource_id 0 is refused", create_id_0),
	VECTOR("VG-RES-003", "a second create with a live id is refused and changes nothing",
	       create_live_id),
	VECTOR("VG-RES-004", "after UNREF the id makes a resource of another size",
	       create_after_unref),
	VECTOR("VG-RES-005", "any id but 0 is allowed", create_any_id),
	VECTOR("VG-RES-006", "the eight formats are accepted", create_each_format),
	VECTOR("VG-RES-007", "other formats are refused, and leave the id free",
	       create_other_formats),
	VECTOR("VG-RES-008", "an empty resource is answered and does no harm later", create_empty),
	VECTOR("VG-RES-009", "a resource of one pixel is made", create_one_pixel),
	VECTOR("VG-RES-010", "sizes that wrap in 32 bits are refused", create_huge),
	VECTOR("VG-RES-011", "at the limit of memory a create fails and the rest goes on",
	       memory_limit, .seconds = 30),
	VECTOR("VG-RES-012", "memory that UNREF frees can be had again", memory_comes_back,
	       .seconds = 30),
	VECTOR("VG-RES-013", "a create that fails leaves no resource", failed_create),
	VECTOR("VG-RES-014", "a new resource is black, whatever had its id before", first_content),
	VECTOR("VG-RES-015", "a request of 32 bytes destroys a resource", unref_one),
	VECTOR("VG-RES-016", "UNREF of what is not there fails", unref_unknown),
	VECTOR("VG-RES-017", "UNREF of a shown resource turns its scanouts off", unref_shown,
	       .scanouts = 2),
	VECTOR("VG-RES-018", "the cursor's picture outlives its resource", unref_cursor,
	       .needs = NEED_CURSOR),
	VECTOR("VG-RES-019", "UNREF drops the backing", unref_drops_backing),
	VECTOR("VG-RES-020", "a fenced transfer and the UNREF behind it are both answered",
	       unref_behind_transfer),
	VECTOR("VG-RES-021", "ten thousand resources live and die", create_many, .seconds = 180),
	VECTOR("VG-RES-022", "2D resources and blobs share one range of ids", one_namespace,
	       .with = FEATURE(VIRTIO_GPU_F_RESOURCE_BLOB)),
	{0},
};
