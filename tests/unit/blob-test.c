/* SPDX-License-Identifier: MIT */
/* Blobs of guest memory, scanouts and cursors made of them, and UUIDs. */
#include "gpu/device.h"
#include "guest.h"
#include "unit.h"

#include <linux/virtio_gpu.h>
#include <string.h>

extern const struct unit_suite blob_suite;

#define OK	 VIRTIO_GPU_RESP_OK_NODATA
#define UNSPEC	 VIRTIO_GPU_RESP_ERR_UNSPEC
#define NO_ID	 VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
#define INVALID	 VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER
#define FEATURES (GUEST_FEATURES | 1ull << VIRTIO_GPU_F_RESOURCE_BLOB)
#define WITH_ID	 (FEATURES | 1ull << VIRTIO_GPU_F_RESOURCE_UUID)
#define PIXELS	 (GUEST_RAM + GUEST_PIXELS)
#define ALL	 ((struct vgpu_rect){0, 0, 16, 8})
#define BLOB	 (16 * 8 * 4)

struct create {
	struct virtio_gpu_resource_create_blob head;
	struct virtio_gpu_mem_entry entries[2];
};

/* Of BLOB bytes, in two pieces that lie in memory in the other order. */
static struct create make_create(uint32_t id)
{
	return (struct create){
		.head = {.hdr.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB,
			 .resource_id = id,
			 .blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST,
			 .blob_flags = VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE,
			 .nr_entries = 2,
			 .size = BLOB},
		.entries = {{.addr = PIXELS + BLOB / 2, .length = BLOB / 2},
			    {.addr = PIXELS, .length = BLOB / 2}},
	};
}

static uint32_t create(struct guest *guest, uint32_t id)
{
	const struct create request = make_create(id);

	return guest_command(guest, &request, sizeof(request));
}

/* In one piece. */
static uint32_t create_at(struct guest *guest, uint32_t id, uint64_t gpa, uint32_t size)
{
	struct create request = make_create(id);

	request.head.size = size;
	request.head.nr_entries = 1;
	request.entries[0] = (struct virtio_gpu_mem_entry){.addr = gpa, .length = size};
	return guest_command(guest, &request, sizeof(request) - sizeof(request.entries[1]));
}

static struct virtio_gpu_set_scanout_blob make_scanout(uint32_t scanout, uint32_t id)
{
	return (struct virtio_gpu_set_scanout_blob){
		.hdr.type = VIRTIO_GPU_CMD_SET_SCANOUT_BLOB,
		.r = {0, 0, 16, 8},
		.scanout_id = scanout,
		.resource_id = id,
		.width = 16,
		.height = 8,
		.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
		.strides = {64},
	};
}

static uint32_t set_scanout(struct guest *guest, uint32_t scanout, uint32_t id)
{
	const struct virtio_gpu_set_scanout_blob request = make_scanout(scanout, id);

	return guest_command(guest, &request, sizeof(request));
}

static void set_pixel(struct guest *guest, uint32_t at, uint32_t rgb)
{
	const uint8_t bytes[4] = {(uint8_t)rgb, (uint8_t)(rgb >> 8), (uint8_t)(rgb >> 16), 0x77};

	memcpy(guest->ram + GUEST_PIXELS + at, bytes, sizeof(bytes));
}

static void a_scanout_shows_what_was_there_at_the_flush(void)
{
	struct guest guest;

	guest_start_with(&guest, 2, FEATURES, 0);
	CU_ASSERT_EQUAL(create(&guest, 1), OK);
	CU_ASSERT_EQUAL(set_scanout(&guest, 0, 1), OK);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 3, 1), 0);
	set_pixel(&guest, BLOB / 2 + 64 + 12, 0x123456);
	set_pixel(&guest, 64 * 3 + 60, 0xabcdef);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 3, 1), 0);
	/* all of it, wherever the flush was */
	CU_ASSERT_EQUAL(guest_flush(&guest, 1, (struct vgpu_rect){0, 0, 1, 1}), OK);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 3, 1), 0x123456);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 15, 7), 0xabcdef);
	set_pixel(&guest, BLOB / 2 + 64 + 12, 0x654321);
	/* a transfer does nothing, and neither does a flush elsewhere */
	CU_ASSERT_EQUAL(guest_transfer(&guest, 1, ALL, 0), OK);
	CU_ASSERT_EQUAL(guest_flush(&guest, 1, (struct vgpu_rect){16, 8, 9, 9}), OK);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 3, 1), 0x123456);
	CU_ASSERT_EQUAL(guest_flush(&guest, 1, (struct vgpu_rect){0, 0, UINT32_MAX, 1}), OK);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 3, 1), 0x654321);
	guest_stop(&guest);
}

/* Found by the fuzzer of the device: UBSan saw a pointer to before the pixels. */
static void a_part_is_kept_from_its_first_pixel(void)
{
	struct virtio_gpu_set_scanout_blob request = make_scanout(0, 1);
	struct guest guest;

	guest_start_with(&guest, 2, FEATURES, 0);
	CU_ASSERT_EQUAL(create_at(&guest, 1, PIXELS, BLOB), OK);
	request.r = (struct virtio_gpu_rect){.x = 8, .y = 4, .width = 4, .height = 2};
	CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request)), OK);
	CU_ASSERT_EQUAL(guest_charged(&guest) - sizeof(struct vgpu_resource) -
				sizeof(struct vgpu_backing_entry),
			64 + 4 * 4);
	set_pixel(&guest, 4 * 64 + 8 * 4, 0x112233);
	set_pixel(&guest, 5 * 64 + 11 * 4, 0x445566);
	CU_ASSERT_EQUAL(guest_flush(&guest, 1, ALL), OK);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 0, 0), 0x112233);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 3, 1), 0x445566);
	guest_stop(&guest);
}

static void scanouts_show_parts_of_one_blob(void)
{
	struct virtio_gpu_set_scanout_blob request = make_scanout(1, 1);
	struct guest guest;

	guest_start_with(&guest, 2, FEATURES, 0);
	CU_ASSERT_EQUAL(create_at(&guest, 1, PIXELS, 0x2000), OK);
	/* rows of 128 bytes from 4096 on, of which (2, 1) is the corner */
	request.r = (struct virtio_gpu_rect){2, 1, 4, 3};
	request.strides[0] = 128;
	request.offsets[0] = 4096;
	request.format = VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM;
	CU_ASSERT_EQUAL(set_scanout(&guest, 0, 1), OK);
	set_pixel(&guest, 0, 0x0000ff);
	set_pixel(&guest, 4096 + 3 * 128 + 5 * 4, 0x112233);
	CU_ASSERT_EQUAL(guest_flush(&guest, 1, ALL), OK);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 0, 0), 0x0000ff);
	CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request)), OK);
	/* what the first one shows is still there */
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 0, 0), 0x0000ff);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 1, 3, 2), 0);
	CU_ASSERT_EQUAL(guest_flush(&guest, 1, (struct vgpu_rect){5, 3, 1, 1}), OK);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 1, 3, 2), 0x332211);
	guest_stop(&guest);
}

/* The part of GUEST_PIXELS on is translated once for each time that it is read. */
static unsigned int translations;

static void *count_translations(void *opaque, uint64_t gpa, uint64_t *len)
{
	const struct vgpu_memory memory = vgpu_mem_map_memory(opaque);

	translations += gpa == PIXELS;
	return memory.translate(memory.opaque, gpa, len);
}

static void mirrored_scanouts_read_memory_once(void)
{
	struct guest guest;

	guest_start_with(&guest, 2, FEATURES, 0);
	CU_ASSERT_EQUAL(create_at(&guest, 1, PIXELS, BLOB), OK);
	CU_ASSERT_EQUAL(set_scanout(&guest, 0, 1), OK);
	CU_ASSERT_EQUAL(set_scanout(&guest, 1, 1), OK);
	set_pixel(&guest, 0, 0x102030);
	guest.device->memory =
		(struct vgpu_memory){.translate = count_translations, .opaque = guest.map};
	translations = 0;
	CU_ASSERT_EQUAL(guest_flush(&guest, 1, ALL), OK);
	CU_ASSERT_EQUAL(translations, 1);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 0, 0), 0x102030);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 1, 0, 0), 0x102030);
	CU_ASSERT_EQUAL(guest.device->num_frames, 2);
	guest_stop(&guest);
}

static void *translate_no_pixels(void *opaque, uint64_t gpa, uint64_t *len)
{
	const struct vgpu_memory memory = vgpu_mem_map_memory(opaque);

	return gpa >= PIXELS && gpa < PIXELS + BLOB ? NULL
						    : memory.translate(memory.opaque, gpa, len);
}

/* A front end may take memory away that a blob is made of. */
static void memory_that_has_gone_is_an_error(void)
{
	struct virtio_gpu_update_cursor update = {.hdr.type = VIRTIO_GPU_CMD_UPDATE_CURSOR,
						  .resource_id = 2};
	struct guest guest;

	guest_start_with(&guest, 1, FEATURES, 0);
	CU_ASSERT_EQUAL(create_at(&guest, 1, PIXELS, BLOB), OK);
	CU_ASSERT_EQUAL(create_at(&guest, 2, PIXELS, 64 * 64 * 4), OK);
	CU_ASSERT_EQUAL(set_scanout(&guest, 0, 1), OK);
	set_pixel(&guest, 0, 0x708090);
	CU_ASSERT_EQUAL(guest_flush(&guest, 1, ALL), OK);
	guest.device->memory.translate = translate_no_pixels;
	CU_ASSERT_EQUAL(guest_flush(&guest, 1, ALL), UNSPEC);
	CU_ASSERT_EQUAL(guest.device->num_frames, 0);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 0, 0), 0x708090);
	CU_ASSERT_EQUAL(guest_send(&guest, 1, &update, sizeof(update), 24), 24);
	CU_ASSERT_EQUAL(guest_response(&guest)->type, UNSPEC);
	CU_ASSERT_FALSE(vgpu_device_cursor(guest.device, 0)->visible);
	guest_stop(&guest);
}

static void what_no_blob_can_be_is_refused(void)
{
	static const struct {
		uint32_t mem, flags, nr_entries;
		uint64_t size;
		uint32_t answer;
	} rows[] = {
		{0, 2, 2, BLOB, INVALID},
		{VIRTIO_GPU_BLOB_MEM_HOST3D, 2, 2, BLOB, INVALID},
		{VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST, 2, 2, BLOB, INVALID},
		{4, 2, 2, BLOB, INVALID},
		{1, 8, 2, BLOB, INVALID},
		{1, UINT32_MAX, 2, BLOB, INVALID},
		{1, 2, 2, 0, INVALID},
		{1, 2, 2, BLOB + 1, INVALID},
		{1, 2, 1, BLOB, INVALID},
		{1, 2, 2, UINT64_MAX, INVALID},
		{1, 2, 3, BLOB, INVALID},
		{1, 2, 16384, BLOB, INVALID},
		{1, 2, 16385, BLOB, UNSPEC},
		{1, 2, UINT32_MAX, BLOB, UNSPEC},
		{1, 7, 2, BLOB - 1, OK},
	};
	struct create request = make_create(1);
	struct guest guest;

	guest_start_with(&guest, 1, FEATURES, 0);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		request.head.blob_mem = rows[i].mem;
		request.head.blob_flags = rows[i].flags;
		request.head.nr_entries = rows[i].nr_entries;
		request.head.size = rows[i].size;
		CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request)), rows[i].answer);
	}
	CU_ASSERT_EQUAL(create(&guest, 1), NO_ID);
	CU_ASSERT_EQUAL(create(&guest, 0), NO_ID);
	request = make_create(2);
	request.entries[1].addr = 0x1000;
	CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request)), UNSPEC);
	CU_ASSERT_EQUAL(guest_unref(&guest, 2), NO_ID);
	CU_ASSERT_EQUAL(guest_unref(&guest, 1), OK);
	CU_ASSERT_EQUAL(guest_charged(&guest), 0);
	guest_stop(&guest);
}

/* One field of the request each, with what else it takes to reach it. */
static void what_no_scanout_can_be_is_refused(void)
{
	static const struct {
		struct virtio_gpu_rect r;
		uint32_t width, height, format, stride, offset;
	} rows[] = {
		{{0, 0, 16, 8}, 16, 8, 0, 64, 0},
		{{0, 0, 16, 8}, 16, 8, 99, 64, 0},
		{{0, 0, 16, 8}, 16, 8, 2, 0, 0},
		{{0, 0, 16, 8}, 16, 8, 2, 60, 0},
		{{0, 0, 16, 8}, 16, 8, 2, 66, 0},
		{{0, 0, 16, 8}, 16, 8, 2, 68, 0},
		{{0, 0, 16, 8}, 16, 8, 2, 0x80000000, 0},
		{{0, 0, 16, 8}, 16, 8, 2, UINT32_MAX, 0},
		{{0, 0, 16, 8}, 16, 8, 2, 64, 4},
		{{0, 0, 16, 8}, 16, 8, 2, 64, 0xfffffffc},
		{{0, 0, 16, 4}, 16, 4, 2, 64, 2},
		{{0, 0, 16, 8}, 16, 9, 2, 64, 0},
		{{0, 0, 1, 1}, 1, 0x40000000, 2, 0x7ffffffc, 0},
		{{0, 0, 1, 1}, 0x40000001, 1, 2, 4, 0},
		{{0, 0, 1, 1}, UINT32_MAX, 1, 2, 64, 0},
		{{0, 0, 1, 1}, 1, UINT32_MAX, 2, 64, 0},
		{{1, 0, 16, 8}, 16, 8, 2, 64, 0},
		{{0, 8, 1, 1}, 16, 8, 2, 64, 0},
		{{UINT32_MAX, 0, 2, 1}, 16, 8, 2, 64, 0},
		{{0, 0, 0, 8}, 16, 8, 2, 64, 0},
		{{0, 0, 16, 0}, 16, 8, 2, 64, 0},
		{{0, 0, 0, 0}, 0, 0, 2, 64, 0},
	};
	struct virtio_gpu_set_scanout_blob request = make_scanout(0, 1);
	struct guest guest;

	guest_start_with(&guest, 2, FEATURES, 0);
	CU_ASSERT_EQUAL(create(&guest, 1), OK);
	CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request)), OK);
	set_pixel(&guest, 0, 0x445566);
	CU_ASSERT_EQUAL(guest_flush(&guest, 1, ALL), OK);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		request.r = rows[i].r;
		request.width = rows[i].width;
		request.height = rows[i].height;
		request.format = rows[i].format;
		request.strides[0] = rows[i].stride;
		request.offsets[0] = rows[i].offset;
		CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request)), INVALID);
	}
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 0, 4), 0x445566);
	CU_ASSERT_EQUAL(set_scanout(&guest, 2, 1), VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
	CU_ASSERT_EQUAL(set_scanout(&guest, 0, 9), NO_ID);
	/* a last row may end with its last pixel, and other planes are not looked at */
	request = make_scanout(0, 1);
	request.width = request.r.width = 8;
	request.offsets[0] = 32;
	memset(&request.strides[1], 0xff, 3 * sizeof(uint32_t));
	memset(&request.offsets[1], 0xff, 3 * sizeof(uint32_t));
	CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request)), OK);
	CU_ASSERT_EQUAL(set_scanout(&guest, 0, 0), OK);
	CU_ASSERT_EQUAL(vgpu_device_scanout(guest.device, 0)->resource_id, 0);
	guest_stop(&guest);
}

static void pictures_and_blobs_are_not_the_same(void)
{
	struct guest guest;

	guest_start_with(&guest, 2, FEATURES, 0);
	CU_ASSERT_EQUAL(create(&guest, 1), OK);
	CU_ASSERT_EQUAL(guest_create(&guest, 2, 2, 16, 8), OK);
	CU_ASSERT_EQUAL(guest_attach(&guest, 2, PIXELS, BLOB), OK);
	CU_ASSERT_EQUAL(guest_set_scanout(&guest, 0, 1, ALL), NO_ID);
	CU_ASSERT_EQUAL(set_scanout(&guest, 0, 2), NO_ID);
	CU_ASSERT_EQUAL(guest_create(&guest, 1, 2, 16, 8), NO_ID);
	CU_ASSERT_EQUAL(create(&guest, 2), NO_ID);
	guest_stop(&guest);
}

static void backing_comes_and_goes(void)
{
	struct virtio_gpu_resource_detach_backing detach = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, .resource_id = 1};
	struct create request = make_create(1);
	struct guest guest;

	guest_start_with(&guest, 1, FEATURES, 0);
	request.head.nr_entries = 0;
	CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request.head)), OK);
	CU_ASSERT_EQUAL(set_scanout(&guest, 0, 1), NO_ID);
	CU_ASSERT_EQUAL(guest_transfer(&guest, 1, ALL, 0), NO_ID);
	CU_ASSERT_EQUAL(guest_attach(&guest, 1, PIXELS, BLOB - 1), INVALID);
	CU_ASSERT_EQUAL(guest_attach(&guest, 1, PIXELS, BLOB), OK);
	CU_ASSERT_EQUAL(guest_attach(&guest, 1, PIXELS, BLOB), UNSPEC);
	CU_ASSERT_EQUAL(set_scanout(&guest, 0, 1), OK);
	set_pixel(&guest, 0, 0x0102ff);
	CU_ASSERT_EQUAL(guest_flush(&guest, 1, ALL), OK);
	CU_ASSERT_EQUAL(guest_command(&guest, &detach, sizeof(detach)), OK);
	/* the picture stays: there is nothing to read another one from */
	set_pixel(&guest, 0, 0xffffff);
	CU_ASSERT_EQUAL(guest_flush(&guest, 1, ALL), OK);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 0, 0), 0x0102ff);
	CU_ASSERT_EQUAL(set_scanout(&guest, 0, 1), NO_ID);
	CU_ASSERT_EQUAL(guest_unref(&guest, 1), OK);
	CU_ASSERT_EQUAL(vgpu_device_scanout(guest.device, 0)->resource_id, 0);
	CU_ASSERT_EQUAL(guest_charged(&guest), 0);
	guest_stop(&guest);
}

/* The rectangle that is shown is charged, not the blob. */
static void copies_are_charged(void)
{
	struct virtio_gpu_set_scanout_blob request = make_scanout(0, 1);
	struct guest guest;

	guest_start_with(&guest, 2, FEATURES, 1 << 16);
	CU_ASSERT_EQUAL(create_at(&guest, 1, GUEST_RAM, GUEST_RAM_SIZE), OK);
	CU_ASSERT_TRUE(guest_charged(&guest) < 1024);
	request.width = request.r.width = 1024;
	request.strides[0] = 4096;
	CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request)), OK);
	CU_ASSERT_TRUE(guest_charged(&guest) > 32768 && guest_charged(&guest) < 32768 + 1024);
	/* another place: another copy, instead of the first */
	request.offsets[0] = 1 << 20;
	CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request)), OK);
	CU_ASSERT_TRUE(guest_charged(&guest) < 32768 + 1024);
	/* two scanouts need one that has both */
	request.scanout_id = 1;
	request.offsets[0] = 0;
	CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request)),
			VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY);
	CU_ASSERT_EQUAL(vgpu_device_scanout(guest.device, 1)->resource_id, 0);
	set_pixel(&guest, 0, 0x998877);
	CU_ASSERT_EQUAL(guest_flush(&guest, 1, ALL), OK);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 0, 0), 0x998877);
	request.offsets[0] = (1 << 20) + 8192;
	CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request)), OK);
	CU_ASSERT_TRUE(guest_charged(&guest) > 32768 + 8192 &&
		       guest_charged(&guest) < 32768 + 8192 + 1024);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 0, 0), 0x998877);
	guest_init_device(&guest, FEATURES);
	CU_ASSERT_EQUAL(guest_charged(&guest), 0);
	guest_stop(&guest);
}

/* Every order in which a blob, its scanouts and its backing can go. */
static void nothing_stays_charged(void)
{
	struct virtio_gpu_resource_detach_backing detach = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, .resource_id = 1};
	struct guest guest;

	guest_start_with(&guest, 2, FEATURES, 0);
	for (unsigned int order = 0; order < 64; order++) {
		CU_ASSERT_EQUAL(create(&guest, 1), OK);
		CU_ASSERT_EQUAL(set_scanout(&guest, 0, 1), OK);
		CU_ASSERT_EQUAL(set_scanout(&guest, 1, 1), OK);
		for (unsigned int step = 0; step < 3; step++)
			switch (order >> 2 * step & 3) {
			case 0:
				set_scanout(&guest, 0, 0);
				break;
			case 1:
				set_scanout(&guest, 1, 0);
				break;
			case 2:
				guest_command(&guest, &detach, sizeof(detach));
				break;
			case 3:
				guest_unref(&guest, 1);
				break;
			}
		if (order % 2 == 0)
			guest_init_device(&guest, FEATURES);
		else
			guest_unref(&guest, 1);
		CU_ASSERT_EQUAL_FATAL(guest_charged(&guest), 0);
	}
	guest_stop(&guest);
}

static void a_blob_is_a_cursor(void)
{
	struct virtio_gpu_update_cursor update = {.hdr.type = VIRTIO_GPU_CMD_UPDATE_CURSOR,
						  .pos = {.scanout_id = 0, .x = 5, .y = 6},
						  .resource_id = 1};
	struct guest guest;

	guest_start_with(&guest, 1, FEATURES, 0);
	CU_ASSERT_EQUAL(create_at(&guest, 1, PIXELS, 64 * 64 * 4), OK);
	CU_ASSERT_EQUAL(create_at(&guest, 2, PIXELS, 64 * 64 * 4 - 1), OK);
	set_pixel(&guest, 64 * 4, 0x554433);
	CU_ASSERT_EQUAL(guest_send(&guest, 1, &update, sizeof(update), 24), 24);
	CU_ASSERT_EQUAL(guest_response(&guest)->type, OK);
	CU_ASSERT_EQUAL(vgpu_device_cursor(guest.device, 0)->pixels[64], 0x77554433);
	update.resource_id = 2;
	CU_ASSERT_EQUAL(guest_send(&guest, 1, &update, sizeof(update), 24), 24);
	CU_ASSERT_EQUAL(guest_response(&guest)->type, INVALID);
	CU_ASSERT_EQUAL(vgpu_device_cursor(guest.device, 0)->pixels[64], 0x77554433);
	guest_stop(&guest);
}

static void assign(struct guest *guest, uint32_t id, uint8_t uuid[16])
{
	const struct virtio_gpu_resource_assign_uuid request = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, .resource_id = id};

	CU_ASSERT_EQUAL(guest_send(guest, 0, &request, sizeof(request), 40), 40);
	CU_ASSERT_EQUAL(guest_response(guest)->type, VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
	memcpy(uuid, guest->ram + GUEST_RESPONSE + 24, 16);
}

static void a_resource_has_one_uuid_of_its_own(void)
{
	const struct virtio_gpu_resource_assign_uuid unknown = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, .resource_id = 9};
	uint8_t first[16], again[16], other[16];
	struct guest guest;

	guest_start_with(&guest, 1, WITH_ID, 0);
	CU_ASSERT_EQUAL(create(&guest, 1), OK);
	CU_ASSERT_EQUAL(guest_create(&guest, 2, 2, 16, 8), OK);
	assign(&guest, 1, first);
	assign(&guest, 2, other);
	assign(&guest, 1, again);
	CU_ASSERT_EQUAL(memcmp(first, again, 16), 0);
	CU_ASSERT_NOT_EQUAL(memcmp(first, other, 16), 0);
	CU_ASSERT_EQUAL(first[6] & 0xf0, 0x40);
	CU_ASSERT_EQUAL(first[8] & 0xc0, 0x80);
	CU_ASSERT_EQUAL(guest_unref(&guest, 1), OK);
	CU_ASSERT_EQUAL(create(&guest, 1), OK);
	assign(&guest, 1, again);
	CU_ASSERT_NOT_EQUAL(memcmp(first, again, 16), 0);
	CU_ASSERT_EQUAL(guest_command(&guest, &unknown, sizeof(unknown)), NO_ID);
	guest_stop(&guest);
}

static void nothing_of_it_without_the_features(void)
{
	const struct virtio_gpu_resource_assign_uuid uuid = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, .resource_id = 2};
	struct guest guest;

	guest_start(&guest);
	CU_ASSERT_EQUAL(create(&guest, 1), UNSPEC);
	CU_ASSERT_EQUAL(guest_create(&guest, 2, 2, 16, 8), OK);
	CU_ASSERT_EQUAL(set_scanout(&guest, 0, 2), UNSPEC);
	CU_ASSERT_EQUAL(guest_command(&guest, &uuid, sizeof(uuid)), UNSPEC);
	guest_stop(&guest);
}

static void blobs_can_be_withheld(void)
{
	const struct vgpu_device_options options = {.num_scanouts = 1, .no_blobs = true};
	struct vgpu_device *device = vgpu_device_new(&options);

	CU_ASSERT_PTR_NOT_NULL_FATAL(device);
	vgpu_device_set_features(device, UINT64_MAX);
	CU_ASSERT_EQUAL(vgpu_device_features(device) & 1u << VIRTIO_GPU_F_RESOURCE_BLOB, 0);
	CU_ASSERT_EQUAL(vgpu_device_accepted_features(device), vgpu_device_features(device));
	CU_ASSERT_NOT_EQUAL(vgpu_device_features(device) & 1u << VIRTIO_GPU_F_RESOURCE_UUID, 0);
	vgpu_device_free(device);
}

/* There is no region to map it into. */
static void nothing_is_mapped(void)
{
	const struct virtio_gpu_resource_map_blob map = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, .resource_id = 1};
	const struct virtio_gpu_resource_unmap_blob unmap = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, .resource_id = 1};
	struct guest guest;

	guest_start_with(&guest, 1, FEATURES, 0);
	CU_ASSERT_EQUAL(create(&guest, 1), OK);
	CU_ASSERT_EQUAL(guest_command(&guest, &map, sizeof(map)), UNSPEC);
	CU_ASSERT_EQUAL(guest_command(&guest, &unmap, sizeof(unmap)), UNSPEC);
	guest_stop(&guest);
}

static const struct unit_test tests[] = {
	{"a part is kept from its first pixel", a_part_is_kept_from_its_first_pixel},
	{"a scanout shows what was there at the flush",
	 a_scanout_shows_what_was_there_at_the_flush},
	{"scanouts show parts of one blob", scanouts_show_parts_of_one_blob},
	{"mirrored scanouts read memory once", mirrored_scanouts_read_memory_once},
	{"memory that has gone is an error", memory_that_has_gone_is_an_error},
	{"what no blob can be is refused", what_no_blob_can_be_is_refused},
	{"what no scanout can be is refused", what_no_scanout_can_be_is_refused},
	{"pictures and blobs are not the same", pictures_and_blobs_are_not_the_same},
	{"backing comes and goes", backing_comes_and_goes},
	{"copies are charged", copies_are_charged},
	{"nothing stays charged", nothing_stays_charged},
	{"a blob is a cursor", a_blob_is_a_cursor},
	{"a resource has one UUID of its own", a_resource_has_one_uuid_of_its_own},
	{"nothing of it without the features", nothing_of_it_without_the_features},
	{"blobs can be withheld", blobs_can_be_withheld},
	{"nothing is mapped", nothing_is_mapped},
	{NULL, NULL},
};

const struct unit_suite blob_suite = {"blob", tests};
