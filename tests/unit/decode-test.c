/* SPDX-License-Identifier: MIT */
#include "decode.h"
#include "unit.h"

#include <endian.h>
#include <linux/virtio_gpu.h>
#include <string.h>

extern const struct unit_suite decode_suite;

static void reads(const void *bytes, uint64_t len, const char *expected)
{
	char text[VGPU_DECODE_TEXT];

	vgpu_decode_request(bytes, len, text);
	CU_ASSERT_STRING_EQUAL(text, expected);
}

static void commands_read_well(void)
{
	const struct virtio_gpu_transfer_to_host_2d transfer = {
		.hdr = {.type = htole32(0x105),
			.flags = htole32(3),
			.fence_id = htole64(1ull << 40),
			.ctx_id = htole32(4)},
		.r = {htole32(1), htole32(2), htole32(3), htole32(4)},
		.offset = htole64(UINT64_MAX),
		.resource_id = htole32(0xbabe),
	};
	const struct virtio_gpu_resource_create_2d create = {
		.hdr.type = htole32(0x101),
		.resource_id = htole32(1),
		.format = htole32(VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM),
		.width = htole32(1280),
		.height = htole32(800),
	};
	const struct virtio_gpu_update_cursor cursor = {
		.hdr.type = htole32(0x300), .pos.scanout_id = htole32(1), .hot_x = htole32(5)};

	reads(&transfer, sizeof(transfer),
	      "TRANSFER_TO_HOST_2D resource=47806 rect=3x4+1+2 offset=18446744073709551615 "
	      "fence=1099511627776 flags=0x3 context=4");
	reads(&create, sizeof(create),
	      "RESOURCE_CREATE_2D resource=1 format=R8G8B8X8 width=1280 height=800");
	reads(&cursor, sizeof(cursor),
	      "UPDATE_CURSOR scanout=1 x=0 y=0 resource=0 hot_x=5 hot_y=0");
}

static void blobs_read_well(void)
{
	const struct {
		struct virtio_gpu_resource_create_blob head;
		struct virtio_gpu_mem_entry entries[2];
	} create = {
		.head = {.hdr.type = htole32(0x10c),
			 .resource_id = htole32(3),
			 .blob_mem = htole32(1),
			 .blob_flags = htole32(2),
			 .nr_entries = htole32(2),
			 .blob_id = htole64(UINT64_MAX),
			 .size = htole64(1ull << 32)},
		.entries = {{.length = htole32(4096)}, {.length = htole32(1)}},
	};
	const struct virtio_gpu_resource_create_blob strange = {.hdr.type = htole32(0x10c),
								.blob_mem = htole32(4)};
	const struct virtio_gpu_set_scanout_blob scanout = {
		.hdr.type = htole32(0x10d),
		.r = {htole32(1), htole32(2), htole32(3), htole32(4)},
		.scanout_id = htole32(1),
		.resource_id = htole32(3),
		.width = htole32(5),
		.height = htole32(6),
		.format = htole32(2),
		.strides = {htole32(20), htole32(99)},
		.offsets = {htole32(4096), htole32(99)},
	};

	reads(&create, sizeof(create),
	      "RESOURCE_CREATE_BLOB resource=3 memory=GUEST blob_flags=2 "
	      "blob=18446744073709551615 size=4294967296 entries=2 bytes=4097");
	reads(&strange, sizeof(strange),
	      "RESOURCE_CREATE_BLOB resource=0 memory=4 blob_flags=0 blob=0 size=0 entries=0 "
	      "bytes=0");
	reads(&scanout, sizeof(scanout),
	      "SET_SCANOUT_BLOB scanout=1 resource=3 rect=3x4+1+2 format=B8G8R8X8 width=5 "
	      "height=6 stride=20 offset=4096");
}

static void cut_and_unknown_messages_read_too(void)
{
	const struct virtio_gpu_ctrl_hdr unknown = {.type = htole32(0x9999)};
	struct virtio_gpu_resource_create_2d create = {
		.hdr.type = htole32(0x101), .resource_id = htole32(7), .format = htole32(3333)};

	reads("", 0, "short request: 0 bytes");
	reads("\x01", 1, "short request: 1 byte 01");
	reads(&unknown, sizeof(unknown), "type=0x9999");
	reads(&create, 24, "RESOURCE_CREATE_2D");
	reads(&create, 28, "RESOURCE_CREATE_2D resource=7");
	reads(&create, 39, "RESOURCE_CREATE_2D resource=7 format=3333 width=0");
}

/* The count is what the guest says, the sum is of the entries that are there. */
static void entries_are_summed_as_far_as_they_go(void)
{
	struct {
		struct virtio_gpu_resource_attach_backing attach;
		struct virtio_gpu_mem_entry entries[2];
	} request = {
		.attach = {.hdr.type = htole32(0x106), .nr_entries = htole32(UINT32_MAX)},
		.entries = {{.length = htole32(UINT32_MAX)}, {.length = htole32(2)}},
	};

	reads(&request, sizeof(request),
	      "RESOURCE_ATTACH_BACKING resource=0 entries=4294967295 bytes=4294967297");
	reads(&request, sizeof(request) - 1,
	      "RESOURCE_ATTACH_BACKING resource=0 entries=4294967295 bytes=4294967295");
}

static void answers_read_well(void)
{
	struct virtio_gpu_resp_display_info info = {.hdr.type = htole32(0x1101)};
	char text[VGPU_DECODE_TEXT];

	info.pmodes[2].enabled = htole32(1);
	info.pmodes[2].r.width = htole32(640);
	info.pmodes[2].r.height = htole32(480);
	vgpu_decode_answer((const uint8_t *)&info, sizeof(info), text);
	CU_ASSERT_STRING_EQUAL(text, "RESP_OK_DISPLAY_INFO 2:640x480+0+0");
	struct virtio_gpu_resp_resource_uuid uuid = {.hdr.type = htole32(0x1105)};
	for (unsigned int i = 0; i < 16; i++)
		uuid.uuid[i] = (uint8_t)(0xa0 + i);
	vgpu_decode_answer((const uint8_t *)&uuid, sizeof(uuid), text);
	CU_ASSERT_STRING_EQUAL(text,
			       "RESP_OK_RESOURCE_UUID uuid=a0a1a2a3-a4a5-a6a7-a8a9-aaabacadaeaf");
	vgpu_decode_answer((const uint8_t *)&uuid, sizeof(uuid) - 1, text);
	CU_ASSERT_STRING_EQUAL(text, "RESP_OK_RESOURCE_UUID");
	vgpu_decode_answer((const uint8_t *)&info, 2, text);
	CU_ASSERT_STRING_EQUAL(text, "2 bytes 01 11");
	vgpu_decode_answer(NULL, 0, text);
	CU_ASSERT_STRING_EQUAL(text, "nothing");
}

static void json_keeps_64_bits(void)
{
	const struct virtio_gpu_transfer_to_host_2d transfer = {
		.hdr.type = htole32(0x105), .offset = htole64(UINT64_MAX), .r.width = htole32(9)};
	cJSON *object = cJSON_CreateObject();

	vgpu_decode_request_json((const uint8_t *)&transfer, sizeof(transfer), object);
	char *text = cJSON_PrintUnformatted(object);
	CU_ASSERT_STRING_EQUAL(text, "{\"command\":\"TRANSFER_TO_HOST_2D\",\"resource\":0,"
				     "\"rect\":{\"x\":0,\"y\":0,\"width\":9,\"height\":0},"
				     "\"offset\":18446744073709551615}");
	cJSON_free(text);
	cJSON_Delete(object);
}

static void registers_have_names(void)
{
	CU_ASSERT_STRING_EQUAL(vgpu_register_name(0x044), "QueueReady");
	CU_ASSERT_STRING_EQUAL(vgpu_register_name(0x0a4), "QueueDeviceHigh");
	CU_ASSERT_STRING_EQUAL(vgpu_register_name(0x108), "num_scanouts");
	CU_ASSERT_PTR_NULL(vgpu_register_name(0x048));
}

static const struct unit_test tests[] = {
	{"commands read well", commands_read_well},
	{"blobs read well", blobs_read_well},
	{"cut and unknown messages read too", cut_and_unknown_messages_read_too},
	{"entries are summed as far as they go", entries_are_summed_as_far_as_they_go},
	{"answers read well", answers_read_well},
	{"JSON keeps 64 bits", json_keeps_64_bits},
	{"registers have names", registers_have_names},
	{NULL, NULL},
};

const struct unit_suite decode_suite = {"decode", tests};
