/* SPDX-License-Identifier: MIT */
/* VG-BLB: blobs of guest memory, and scanouts that show them. */
#include "conformance/vocabulary/command.h"

#include <endian.h>
#include <string.h>

extern const struct vector blb_vectors[];

#define BLOB	  FEATURE(VIRTIO_GPU_F_RESOURCE_BLOB)
#define ALIGNMENT 5 /* VIRTIO_GPU_F_BLOB_ALIGNMENT, which the kernel's headers lack */

/* A blob with a pattern that scanout 0 shows. */
static const struct picture *shown_blob(struct rig *t, struct resource *blob)
{
	*blob = resource_blob(t, 64, 64, B8G8R8X8);
	const struct picture *p = pattern(t, 64, 64, blob->id);

	store(t, blob, p);
	show_blob(t, blob, 0);
	expect_screen(t, 0, p);
	return p;
}

static struct reply set(struct rig *t, const struct virtio_gpu_set_scanout_blob *request)
{
	return submit_struct(t, request, sizeof(*request));
}

/* There is no resource of that number: one can be made. */
static void expect_free(struct rig *t, uint32_t id)
{
	expect_ok(t, create_2d(t, id, 16, 16, B8G8R8X8));
	expect_ok(t, unref(t, id));
}

/* ---- RESOURCE_CREATE_BLOB ---------------------------------------------------------------- */

/* Its second half lies before its first one. */
static void create(struct rig *t)
{
	struct resource r = {.id = new_id(t), .width = 64, .height = 64, .format = B8G8R8X8};
	const struct picture *p = pattern(t, 64, 64, 1);
	uint64_t gpa = guest_alloc(t, 4ull * 4096);
	const struct virtio_gpu_mem_entry entries[] = {entry(gpa + 8192, 8192), entry(gpa, 8192)};

	r.stride = 256;
	expect_ok(t, create_blob_of(t, blob_request(r.id, 16384), entries, 2));
	store_picture(t, gpa + 8192, 256, B8G8R8X8, part_of(t, p, rect(0, 0, 64, 32)));
	store_picture(t, gpa, 256, B8G8R8X8, part_of(t, p, rect(0, 32, 64, 32)));
	show_blob(t, &r, 0);
	expect_screen(t, 0, p);
}

static void guest_memory(struct rig *t)
{
	struct resource r;

	shown_blob(t, &r);
	expect_ok(t, unref(t, r.id));
}

/* The same request with something else in it is an error and makes nothing. */
static void refuse_request(struct rig *t, struct virtio_gpu_resource_create_blob request,
			   uint32_t code)
{
	struct virtio_gpu_mem_entry one = entry(guest_alloc(t, 4096), 4096);

	expect_error(t, create_blob_of(t, request, &one, 1), code);
	if (request.resource_id != 0)
		expect_free(t, le32toh(request.resource_id));
}

static void host_memory(struct rig *t)
{
	static const uint32_t flags[] = {VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE,
					 VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE};
	struct virtio_gpu_resource_create_blob request = blob_request(new_id(t), 4096);

	for (uint32_t mem = VIRTIO_GPU_BLOB_MEM_HOST3D; mem <= VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST;
	     mem++)
		for (unsigned int i = 0; i < COUNT(flags); i++) {
			request.blob_mem = htole32(mem);
			request.blob_flags = htole32(flags[i]);
			refuse_request(t, request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
		}
}

static void no_memory_type(struct rig *t)
{
	static const uint32_t types[] = {0, 4, 0xffffffff};
	struct virtio_gpu_resource_create_blob request = blob_request(new_id(t), 4096);

	for (unsigned int i = 0; i < COUNT(types); i++) {
		request.blob_mem = htole32(types[i]);
		refuse_request(t, request, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	}
}

/* Made or refused, but not something between. */
static void unknown_flags(struct rig *t)
{
	static const uint32_t flags[] = {8, 0x80000000, 0xffffffff};
	uint64_t page = guest_alloc(t, 4096);

	for (unsigned int i = 0; i < COUNT(flags); i++) {
		uint32_t id = new_id(t);
		struct reply reply = create_blob(t, id, page, 4096, flags[i]);

		expect_either(t, reply, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
		if (is_ok(&reply))
			expect_ok(t, unref(t, id));
		expect_free(t, id);
	}
}

static void bad_ids(struct rig *t)
{
	struct resource r;
	const struct picture *p = shown_blob(t, &r);
	uint64_t page = guest_alloc(t, 4096);

	expect_error(t, create_blob(t, 0, page, 4096, 0), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_error(t, create_blob(t, r.id, page, 4096, 0),
		     VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	show_blob(t, &r, 0);
	expect_screen(t, 0, p);
}

static void empty(struct rig *t)
{
	uint32_t id = new_id(t);
	struct reply reply = create_blob_of(t, blob_request(id, 0), NULL, 0);

	expect_either(t, reply, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	if (is_ok(&reply))
		expect_ok(t, unref(t, id));
	expect_free(t, id);
}

static void larger_than_its_entries(struct rig *t)
{
	static const uint64_t sizes[] = {4097, 1 << 20, 1ull << 32, UINT64_MAX};

	for (unsigned int i = 0; i < COUNT(sizes); i++)
		refuse_request(t, blob_request(new_id(t), sizes[i]),
			       VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
}

static void attached_later(struct rig *t)
{
	struct resource r = {.id = new_id(t),
			     .width = 64,
			     .height = 64,
			     .format = B8G8R8X8,
			     .stride = 256,
			     .gpa = guest_alloc(t, 16384)};
	const struct virtio_gpu_set_scanout_blob request = scanout_request(&r, 0);
	const struct picture *p = pattern(t, 64, 64, 2);

	expect_ok(t, create_blob_of(t, blob_request(r.id, 16384), NULL, 0));
	expect_error(t, set(t, &request), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_ok(t, attach_one(t, r.id, r.gpa, 16384));
	store(t, &r, p);
	show_blob(t, &r, 0);
	expect_screen(t, 0, p);
}

static void detached(struct rig *t)
{
	struct resource r = resource_blob(t, 64, 64, B8G8R8X8), shown;
	const struct virtio_gpu_set_scanout_blob request = scanout_request(&r, 0);
	const struct picture *p = shown_blob(t, &shown);

	expect_ok(t, detach(t, r.id));
	expect_error(t, set(t, &request), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_screen(t, 0, p);
}

static void unaligned_size(struct rig *t)
{
	uint32_t alignment = config(t, 16), id = new_id(t);

	if (alignment < 2 || alignment > 1 << 20)
		not_asked(t, "blob_alignment is %u", alignment);
	struct virtio_gpu_mem_entry one = entry(guest_alloc(t, 2ull * alignment), 2 * alignment);
	expect_error(t, create_blob_of(t, blob_request(id, alignment + 1ull), &one, 1),
		     VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	expect_free(t, id);
}

/* ---- SET_SCANOUT_BLOB ---------------------------------------------------------------------- */

static void set_scanout_blob(struct rig *t)
{
	struct resource r;

	shown_blob(t, &r);
}

/* Each is an error, and the screen stays what it is. */
static void refuse_scanouts(struct rig *t, const struct picture *p,
			    const struct virtio_gpu_set_scanout_blob *requests, unsigned int num,
			    uint32_t code)
{
	for (unsigned int i = 0; i < num; i++)
		expect_error(t, set(t, &requests[i]), code);
	expect_screen(t, 0, p);
}

static void unknown_format(struct rig *t)
{
	static const uint32_t formats[] = {0, 5, 66, 99, 0x34325258, 0xffffffff};
	struct virtio_gpu_set_scanout_blob requests[COUNT(formats)];
	struct resource r;
	const struct picture *p = shown_blob(t, &r);

	for (unsigned int i = 0; i < COUNT(formats); i++) {
		requests[i] = scanout_request(&r, 0);
		requests[i].format = htole32(formats[i]);
	}
	refuse_scanouts(t, p, requests, COUNT(requests), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
}

/* A picture of 100x40 in a buffer of 128x60, which lies a page into the blob. */
static void part_of_a_buffer(struct rig *t)
{
	struct resource r = {.id = new_id(t), .gpa = guest_alloc(t, 9ull * 4096)};
	const struct picture *p = pattern(t, 128, 60, 3);
	const struct virtio_gpu_set_scanout_blob request = {
		.hdr = header(VIRTIO_GPU_CMD_SET_SCANOUT_BLOB),
		.r = {htole32(8), htole32(16), htole32(100), htole32(40)},
		.resource_id = htole32(r.id),
		.width = htole32(120),
		.height = htole32(60),
		.format = htole32(B8G8R8X8),
		.strides = {htole32(512)},
		.offsets = {htole32(4096)},
	};

	expect_ok(t, create_blob(t, r.id, r.gpa, 9 * 4096, 0));
	store_picture(t, r.gpa + 4096, 512, B8G8R8X8, p);
	expect_ok(t, set(t, &request));
	expect_ok(t, flush(t, rect(0, 0, 120, 60), r.id));
	expect_screen(t, 0, part_of(t, p, rect(8, 16, 100, 40)));
	/* and what is written to it later, there and nowhere else */
	p = pattern(t, 128, 60, 4);
	store_picture(t, r.gpa + 4096, 512, B8G8R8X8, p);
	expect_ok(t, flush(t, rect(0, 0, 120, 60), r.id));
	expect_screen(t, 0, part_of(t, p, rect(8, 16, 100, 40)));
}

static void short_stride(struct rig *t)
{
	static const uint32_t strides[] = {0, 4, 128, 252};
	struct virtio_gpu_set_scanout_blob requests[COUNT(strides)];
	struct resource r;
	const struct picture *p = shown_blob(t, &r);

	for (unsigned int i = 0; i < COUNT(strides); i++) {
		requests[i] = scanout_request(&r, 0);
		requests[i].strides[0] = htole32(strides[i]);
	}
	refuse_scanouts(t, p, requests, COUNT(requests), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
}

/* Also where 32 bits would take the end for one inside. */
static void past_the_end(struct rig *t)
{
	static const struct {
		uint32_t width, height, stride, offset;
	} buffers[] = {
		{64, 65, 256, 0},	   {64, 64, 256, 256},	      {64, 64, 260, 0},
		{64, 64, 0xfffffffc, 0},   {64, 64, 256, 0xffffff00}, {64, 64, 0x4000000, 0},
		{64, 64, 0x80000000, 256}, {64, 0x1000001, 256, 0},   {64, 64, 256, 16384},
	};
	struct virtio_gpu_set_scanout_blob requests[COUNT(buffers)];
	struct resource r;
	const struct picture *p = shown_blob(t, &r);

	for (unsigned int i = 0; i < COUNT(buffers); i++) {
		requests[i] = scanout_request(&r, 0);
		requests[i].r.height = htole32(buffers[i].height);
		requests[i].width = htole32(buffers[i].width);
		requests[i].height = htole32(buffers[i].height);
		requests[i].strides[0] = htole32(buffers[i].stride);
		requests[i].offsets[0] = htole32(buffers[i].offset);
	}
	refuse_scanouts(t, p, requests, COUNT(requests), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
}

static void outside_the_buffer(struct rig *t)
{
	const struct virtio_gpu_rect rects[] = {
		rect(1, 0, 64, 64),	     rect(0, 1, 64, 64), rect(0, 0, 65, 64),
		rect(0xfffffff0, 0, 32, 32), rect(64, 0, 1, 64), rect(48, 48, 0xffffffe0, 16),
	};
	struct virtio_gpu_set_scanout_blob requests[COUNT(rects)];
	struct resource r;
	const struct picture *p = shown_blob(t, &r);

	for (unsigned int i = 0; i < COUNT(rects); i++) {
		requests[i] = scanout_request(&r, 0);
		requests[i].r =
			(struct virtio_gpu_rect){htole32(rects[i].x), htole32(rects[i].y),
						 htole32(rects[i].width), htole32(rects[i].height)};
	}
	refuse_scanouts(t, p, requests, COUNT(requests), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
}

static void unknown_scanout_or_resource(struct rig *t)
{
	struct resource r;
	const struct picture *p = shown_blob(t, &r);
	struct virtio_gpu_set_scanout_blob request = scanout_request(&r, 99);

	refuse_scanouts(t, p, &request, 1, VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
	request = scanout_request(&r, 0);
	request.resource_id = htole32(999);
	refuse_scanouts(t, p, &request, 1, VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
}

static void disabled(struct rig *t)
{
	struct resource r;
	const struct picture *p = shown_blob(t, &r);
	struct virtio_gpu_set_scanout_blob request = scanout_request(&r, 0);

	request.resource_id = 0;
	expect_ok(t, set(t, &request));
	expect_off(t, 0, p);
	show_blob(t, &r, 0);
	expect_screen(t, 0, p);
}

/* A picture has no bytes, a blob no picture. */
static void crosswise(struct rig *t)
{
	struct resource blob, r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = shown_blob(t, &blob);
	const struct virtio_gpu_set_scanout_blob request = scanout_request(&r, 0);

	upload(t, &r, pattern(t, 64, 64, 50));
	refuse_scanouts(t, p, &request, 1, VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_error(t, set_scanout(t, whole(&blob), 0, blob.id),
		     VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_screen(t, 0, p);
	show(t, &r, 0);
	expect_screen(t, 0, pattern(t, 64, 64, 50));
}

/* ---- RESOURCE_FLUSH ---------------------------------------------------------------------------
 */

static void shows_what_is_written(struct rig *t)
{
	struct resource r;

	shown_blob(t, &r);
	for (uint32_t i = 0; i < 5; i++) {
		const struct picture *next = pattern(t, 64, 64, 60 + i);

		store(t, &r, next);
		expect_ok(t, flush(t, whole(&r), r.id));
		expect_screen(t, 0, next);
	}
}

static void flush_elsewhere(struct rig *t)
{
	struct resource r, unseen = resource_blob(t, 64, 64, B8G8R8X8);
	const struct picture *p = shown_blob(t, &r);

	expect_either(t, flush(t, rect(1000, 1000, 10, 10), r.id), VIRTIO_GPU_RESP_OK_NODATA);
	expect_either(t, flush(t, rect(0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff), r.id),
		      VIRTIO_GPU_RESP_OK_NODATA);
	expect_either(t, flush(t, whole(&unseen), unseen.id), VIRTIO_GPU_RESP_OK_NODATA);
	expect_screen(t, 0, p);
}

static void other_planes(struct rig *t)
{
	struct resource r = resource_blob(t, 64, 64, B8G8R8X8);
	struct virtio_gpu_set_scanout_blob request = scanout_request(&r, 0);
	const struct picture *p = pattern(t, 64, 64, 70);

	memset(&request.strides[1], 0xff, 3 * sizeof(request.strides[0]));
	memset(&request.offsets[1], 0xff, 3 * sizeof(request.offsets[0]));
	store(t, &r, p);
	expect_ok(t, set(t, &request));
	expect_ok(t, flush(t, whole(&r), r.id));
	expect_screen(t, 0, p);
}

/* ---- RESOURCE_MAP_BLOB, without anything that can be mapped ---------------------------------- */

/* Without the host-visible region a device has no such command (VG-BLB-026). */
#define NO_COMMAND VIRTIO_GPU_RESP_ERR_UNSPEC

static struct reply map(struct rig *t, uint32_t id, uint64_t offset)
{
	const struct virtio_gpu_resource_map_blob request = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB),
		.resource_id = htole32(id),
		.offset = htole64(offset),
	};

	return submit_struct(t, &request, sizeof(request));
}

static struct reply unmap(struct rig *t, uint32_t id)
{
	const struct virtio_gpu_resource_unmap_blob request = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB),
		.resource_id = htole32(id),
	};

	return submit_struct(t, &request, sizeof(request));
}

/* The blob is as it was. */
static void expect_usable(struct rig *t, const struct resource *r)
{
	const struct picture *p = pattern(t, 64, 64, 75);

	store(t, r, p);
	show_blob(t, r, 0);
	expect_screen(t, 0, p);
}

static void map_anywhere(struct rig *t)
{
	static const uint64_t offsets[] = {
		1, 0xfff, 1ull << 40, 1ull << 63, UINT64_MAX - 4095, UINT64_MAX};
	struct resource r;

	shown_blob(t, &r);
	for (unsigned int i = 0; i < COUNT(offsets); i++)
		expect_error(t, map(t, r.id, offsets[i]), NO_COMMAND);
	expect_usable(t, &r);
}

static void map_what_cannot_be(struct rig *t)
{
	struct resource blob, r = bare_2d(t, 16, 16, B8G8R8X8);

	shown_blob(t, &blob);
	expect_error(t, map(t, 999, 0), NO_COMMAND);
	expect_error(t, map(t, 0, 0), NO_COMMAND);
	expect_error(t, map(t, r.id, 0), NO_COMMAND);
	expect_error(t, map(t, blob.id, 0), NO_COMMAND);
	expect_usable(t, &blob);
}

static void unmap_what_is_not_mapped(struct rig *t)
{
	struct resource r;

	shown_blob(t, &r);
	expect_either(t, unmap(t, r.id), NO_COMMAND);
	expect_either(t, unmap(t, r.id), NO_COMMAND);
	expect_usable(t, &r);
}

const struct vector blb_vectors[] = {
	VECTOR("VG-BLB-001", "a request of 56 bytes and its entries makes a blob", create,
	       .with = BLOB),
	VECTOR("VG-BLB-002", "guest memory makes a blob without 3D", guest_memory, .with = BLOB,
	       .without = FEATURE(VIRTIO_GPU_F_VIRGL)),
	VECTOR("VG-BLB-003", "memory of the host takes 3D", host_memory, .with = BLOB,
	       .without = FEATURE(VIRTIO_GPU_F_VIRGL)),
	VECTOR("VG-BLB-004", "memory of no known type is refused", no_memory_type, .with = BLOB),
	VECTOR("VG-BLB-005", "unknown flags make a blob or an error", unknown_flags, .with = BLOB),
	VECTOR("VG-BLB-006", "id 0 and ids in use are refused", bad_ids, .with = BLOB),
	VECTOR("VG-BLB-007", "a blob of no size does no harm", empty, .with = BLOB),
	VECTOR("VG-BLB-008", "a blob larger than its entries is refused", larger_than_its_entries,
	       .with = BLOB),
	VECTOR("VG-BLB-009", "a blob may get its memory later", attached_later, .with = BLOB),
	VECTOR("VG-BLB-010", "a blob whose memory was detached cannot be shown", detached,
	       .with = BLOB),
	VECTOR("VG-BLB-012", "a size that is not aligned is refused", unaligned_size,
	       .with = BLOB | FEATURE(ALIGNMENT)),
	VECTOR("VG-BLB-013", "a request of 96 bytes shows a blob", set_scanout_blob, .with = BLOB),
	VECTOR("VG-BLB-014", "a format that is none is refused", unknown_format, .with = BLOB),
	VECTOR("VG-BLB-015", "the rectangle is a part of the buffer that the rest describes",
	       part_of_a_buffer, .with = BLOB),
	VECTOR("VG-BLB-016", "a stride shorter than a row is refused", short_stride, .with = BLOB),
	VECTOR("VG-BLB-017", "a buffer that ends past the blob is refused", past_the_end,
	       .with = BLOB),
	VECTOR("VG-BLB-018", "a rectangle outside the buffer is refused", outside_the_buffer,
	       .with = BLOB),
	VECTOR("VG-BLB-019", "scanouts and resources that do not exist are refused",
	       unknown_scanout_or_resource, .with = BLOB),
	VECTOR("VG-BLB-020", "resource 0 disables the scanout", disabled, .with = BLOB),
	VECTOR("VG-BLB-021", "2D resources and blobs each have a command to show them", crosswise,
	       .with = BLOB),
	VECTOR("VG-BLB-022", "what the guest writes shows after a flush alone",
	       shows_what_is_written, .with = BLOB),
	VECTOR("VG-BLB-023", "a flush beside every scanout changes nothing", flush_elsewhere,
	       .with = BLOB),
	VECTOR("VG-BLB-024", "planes that a format does not have are not looked at", other_planes,
	       .with = BLOB),
	VECTOR("VG-BLB-029", "a blob is not mapped where there is nothing", map_anywhere,
	       .with = BLOB),
	VECTOR("VG-BLB-031", "what is not a blob of the host is not mapped", map_what_cannot_be,
	       .with = BLOB),
	VECTOR("VG-BLB-033", "what is not mapped is unmapped without harm",
	       unmap_what_is_not_mapped, .with = BLOB),
	{0},
};
