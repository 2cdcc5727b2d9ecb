/* SPDX-License-Identifier: MIT */
/* The commands: what each answers, and what the scanouts show afterwards. */
#include "guest.h"
#include "unit.h"

#include "gpu/format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

extern const struct unit_suite device_suite;

#define OK	      VIRTIO_GPU_RESP_OK_NODATA
#define BAD_ID	      VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID
#define BAD_SCANOUT   VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID
#define BAD_PARAMETER VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER
#define NO_MEMORY     VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY
#define UNSPEC	      VIRTIO_GPU_RESP_ERR_UNSPEC
#define BGRX	      VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM
#define RECT(...)     ((struct vgpu_rect){__VA_ARGS__})
#define ALL	      RECT(0, 0, 64, 48)

/* Pixel (x, y) of the backing says where it is. */
static void fill_pixels(struct guest *guest, uint32_t width, uint32_t height)
{
	uint32_t *pixels = (void *)(guest->ram + GUEST_PIXELS);

	for (uint32_t i = 0; i < width * height; i++)
		pixels[i] = 0xab000000 | (i / width) << 8 | i % width;
}

static void display_info(void)
{
	static const struct virtio_gpu_ctrl_hdr request = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	struct guest guest;

	guest_start(&guest);
	CU_ASSERT_EQUAL(guest_send(&guest, 0, &request, sizeof(request), 2048), 408);
	const struct virtio_gpu_resp_display_info *info = (const void *)guest_response(&guest);
	CU_ASSERT_EQUAL(info->hdr.type, VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	CU_ASSERT_EQUAL(info->pmodes[1].r.x, 64);
	CU_ASSERT_EQUAL(info->pmodes[1].r.width, 64);
	CU_ASSERT_EQUAL(info->pmodes[1].enabled, 1);
	for (unsigned int i = 2; i < VIRTIO_GPU_MAX_SCANOUTS; i++) /* VG-DSP-003 */
		CU_ASSERT_EQUAL(info->pmodes[i].enabled + info->pmodes[i].r.width, 0);
	/* what is changed is told at once, a disconnected output too (VG-DSP-004, 007) */
	vgpu_device_set_output(guest.device, 1,
			       &(struct vgpu_output){.rect = {.x = 1, .y = 2, .width = 3}}, false);
	CU_ASSERT_EQUAL(guest_send(&guest, 0, &request, sizeof(request), 2048), 408);
	CU_ASSERT_EQUAL(info->pmodes[1].r.y, 2);
	CU_ASSERT_EQUAL(info->pmodes[1].r.height, 0);
	CU_ASSERT_EQUAL(info->pmodes[1].enabled, 0);
	/* one without a size is not connected, whatever it says (VG-DSP-004, VG-RSZ-007) */
	vgpu_device_set_output(guest.device, 1,
			       &(struct vgpu_output){.rect = {.width = 3}, .enabled = true}, false);
	CU_ASSERT_EQUAL(guest_send(&guest, 0, &request, sizeof(request), 2048), 408);
	CU_ASSERT_EQUAL(info->pmodes[1].enabled, 0);
	/* VG-DSP-009: a prefix, and no byte more */
	CU_ASSERT_EQUAL(guest_send(&guest, 0, &request, sizeof(request), 30), 30);
	CU_ASSERT_EQUAL(guest.ram[GUEST_RESPONSE + 30], 0xaa);
	guest_stop(&guest);
}

static void edid_is_gated(void)
{
	struct virtio_gpu_cmd_get_edid request = {.hdr.type = VIRTIO_GPU_CMD_GET_EDID,
						  .scanout = 1};
	struct guest guest;

	guest_start(&guest);
	CU_ASSERT_EQUAL(guest_send(&guest, 0, &request, sizeof(request), 2048), 1056);
	CU_ASSERT_EQUAL(guest_response(&guest)->type, VIRTIO_GPU_RESP_OK_EDID);
	const struct virtio_gpu_resp_edid *edid = (const void *)guest_response(&guest);
	uint8_t expected[VGPU_EDID_SIZE];
	vgpu_edid(expected, 1, 64, 48);
	CU_ASSERT_EQUAL(edid->size, VGPU_EDID_SIZE);
	CU_ASSERT_EQUAL(memcmp(edid->edid, expected, sizeof(expected)), 0);
	for (size_t i = VGPU_EDID_SIZE; i < sizeof(edid->edid); i++) /* VG-EDI-009 */
		CU_ASSERT_EQUAL(edid->edid[i], 0);
	/* VG-EDI-008, and the mode of one that is off (VG-EDI-007) */
	struct vgpu_output output = {.rect = {.width = 1920, .height = 1080}, .enabled = true};
	vgpu_device_set_output(guest.device, 1, &output, false);
	CU_ASSERT_EQUAL(guest_send(&guest, 0, &request, sizeof(request), 2048), 1056);
	vgpu_edid(expected, 1, 1920, 1080);
	CU_ASSERT_EQUAL(memcmp(edid->edid, expected, sizeof(expected)), 0);
	vgpu_device_set_output(guest.device, 1, &(struct vgpu_output){0}, false);
	CU_ASSERT_EQUAL(guest_send(&guest, 0, &request, sizeof(request), 2048), 1056);
	vgpu_edid(expected, 1, 1024, 768);
	CU_ASSERT_EQUAL(memcmp(edid->edid, expected, sizeof(expected)), 0);
	request.scanout = 2;
	CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request)), BAD_SCANOUT);
	guest_init_device(&guest, 1ull << 32);
	request.scanout = 0;
	CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request)), UNSPEC);
	guest_stop(&guest);
}

static void create_and_unref(void)
{
	static const uint32_t formats[] = {1, 2, 3, 4, 67, 68, 121, 134};
	static const uint32_t none[] = {0, 5, 66, 69, 120, 122, 133, 135, UINT32_MAX};
	struct guest guest;

	guest_start(&guest);
	for (uint32_t i = 0; i < 8; i++)
		CU_ASSERT_EQUAL(guest_create(&guest, i + 1, formats[i], 3, 5), OK);
	for (uint32_t i = 0; i < 9; i++) {
		CU_ASSERT_EQUAL(guest_create(&guest, 100, none[i], 3, 5), BAD_PARAMETER);
		CU_ASSERT_EQUAL(guest_unref(&guest, 100), BAD_ID); /* VG-RES-013 */
	}
	CU_ASSERT_EQUAL(guest_create(&guest, 0, BGRX, 3, 5), BAD_ID);
	CU_ASSERT_EQUAL(guest_create(&guest, 1, BGRX, 3, 5), BAD_ID);
	CU_ASSERT_EQUAL(guest_create(&guest, UINT32_MAX, BGRX, 1, 1), OK);
	CU_ASSERT_EQUAL(guest_create(&guest, 50, BGRX, 0, 16), BAD_PARAMETER);
	CU_ASSERT_EQUAL(guest_create(&guest, 50, BGRX, 16, 0), BAD_PARAMETER);
	CU_ASSERT_EQUAL(guest_unref(&guest, 1), OK);
	CU_ASSERT_EQUAL(guest_unref(&guest, 1), BAD_ID);
	CU_ASSERT_EQUAL(guest_unref(&guest, 0), BAD_ID);
	CU_ASSERT_EQUAL(guest_create(&guest, 1, BGRX, 8, 8), OK); /* VG-RES-004 */
	guest_stop(&guest);
}

static void sizes_that_overflow(void)
{
	static const uint32_t sizes[][2] = {
		{UINT32_MAX, UINT32_MAX}, {0x10000, 0x10000},	 {0x8000, 0x8000},
		{0x40000001, 1},	  {1, 0x40000000},	 {0x08000001, 16},
		{0x4001, 0x10000},	  {0x80000000, 1},	 {1, UINT32_MAX},
		{0x20000000, 0x80000000}, {0x3fffffff, 0x40000}, {0x80000001, 2},
	};
	struct guest guest;

	guest_start(&guest);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++)
		CU_ASSERT_EQUAL(guest_create(&guest, 1, BGRX, sizes[i][0], sizes[i][1]), NO_MEMORY);
	guest_stop(&guest);
	/* a row longer than pixman counts, however much memory there may be */
	guest_start_with(&guest, 1, GUEST_FEATURES, UINT64_MAX);
	CU_ASSERT_EQUAL(guest_create(&guest, 1, BGRX, 0x20000000, 1), NO_MEMORY);
	guest_stop(&guest);
}

static void memory_limit(void)
{
	struct guest guest;

	guest_start_with(&guest, 1, GUEST_FEATURES, 1 << 20);
	CU_ASSERT_EQUAL(guest_create(&guest, 1, BGRX, 512, 256), OK);
	CU_ASSERT_EQUAL(guest_create(&guest, 2, BGRX, 512, 256), NO_MEMORY);
	CU_ASSERT_EQUAL(guest_create(&guest, 2, BGRX, 256, 256), OK);
	CU_ASSERT_EQUAL(guest_unref(&guest, 1), OK);
	CU_ASSERT_EQUAL(guest_create(&guest, 3, BGRX, 512, 256), OK); /* VG-RES-012 */
	guest_init_device(&guest, GUEST_FEATURES);
	/* nothing is charged twice, whatever came before */
	for (unsigned int i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(guest_create(&guest, 1, BGRX, 512, 400), OK);
		CU_ASSERT_EQUAL(guest_attach(&guest, 1, 0, 4096), UNSPEC);
		CU_ASSERT_EQUAL(guest_attach(&guest, 1, GUEST_RAM, 4096), OK);
		CU_ASSERT_EQUAL(guest_unref(&guest, 1), OK);
	}
	guest_stop(&guest);
}

static void backing_entries_are_charged(void)
{
	struct {
		struct virtio_gpu_resource_attach_backing head;
		struct virtio_gpu_mem_entry entries[300];
	} request = {.head.hdr.type = VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
		     .head.resource_id = 1,
		     .head.nr_entries = 300};
	struct guest guest;

	guest_start_with(&guest, 1, GUEST_FEATURES, 1 << 20);
	for (unsigned int i = 0; i < 300; i++)
		request.entries[i] =
			(struct virtio_gpu_mem_entry){.addr = GUEST_RAM, .length = 4096};
	CU_ASSERT_EQUAL(guest_create(&guest, 1, BGRX, 512, 510), OK);
	CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request)), NO_MEMORY);
	request.head.nr_entries = 100;
	CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request)), OK);
	guest_stop(&guest);
}

/* VG-BAK-008, with all the entries that the request says it has. */
static void list_of_too_many_entries(void)
{
	const uint32_t num = 16500;
	struct virtio_gpu_resource_attach_backing head = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, .resource_id = 1};
	struct guest guest;

	guest_start(&guest);
	guest_create(&guest, 1, BGRX, 64, 48);
	struct virtio_gpu_mem_entry *list = (void *)(guest.ram + GUEST_PIXELS);
	for (uint32_t i = 0; i < num; i++)
		list[i] = (struct virtio_gpu_mem_entry){.addr = GUEST_RAM, .length = 1};
	for (uint32_t n = num;; n = 16384) {
		head.nr_entries = n;
		memcpy(guest.ram + GUEST_REQUEST, &head, sizeof(head));
		guest_set_desc(&guest, 0, 0, GUEST_RAM + GUEST_REQUEST, sizeof(head),
			       VRING_DESC_F_NEXT, 1);
		guest_set_desc(&guest, 0, 1, GUEST_RAM + GUEST_PIXELS, num * sizeof(*list),
			       VRING_DESC_F_NEXT, 2);
		guest_set_desc(&guest, 0, 2, GUEST_RAM + GUEST_RESPONSE, 24, VRING_DESC_F_WRITE, 0);
		CU_ASSERT_EQUAL(guest_offer(&guest, 0, 0), 24);
		CU_ASSERT_EQUAL(guest_response(&guest)->type, n == num ? UNSPEC : OK);
		if (n != num)
			break;
	}
	guest_stop(&guest);
}

static void thousands_of_resources(void)
{
	struct guest guest;
	bool all = true;

	guest_start(&guest);
	for (uint32_t i = 1; i <= 10000; i++)
		all = all && guest_create(&guest, i * 7919, BGRX, 1, 1) == OK;
	for (uint32_t i = 10000; i >= 1; i--)
		all = all && guest_unref(&guest, i * 7919) == OK;
	CU_ASSERT_TRUE(all);
	guest_stop(&guest);
}

static void backing_is_checked(void)
{
	struct guest guest;
	struct {
		struct virtio_gpu_resource_attach_backing head;
		struct virtio_gpu_mem_entry entries[3];
	} request = {.head.hdr.type = VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
		     .head.resource_id = 1,
		     .head.nr_entries = 3};

	guest_start(&guest);
	CU_ASSERT_EQUAL(guest_attach(&guest, 1, GUEST_RAM, 4096), BAD_ID);
	guest_create(&guest, 1, BGRX, 64, 48);
	CU_ASSERT_EQUAL(guest_attach(&guest, 1, 0xfffffffff0000000ull, 4096), UNSPEC);
	CU_ASSERT_EQUAL(guest_attach(&guest, 1, UINT64_MAX - 4095, 8192), UNSPEC);
	CU_ASSERT_EQUAL(guest_attach(&guest, 1, GUEST_RAM + GUEST_RAM_SIZE - 4096, 4097), UNSPEC);
	CU_ASSERT_EQUAL(guest_attach(&guest, 1, GUEST_RAM, 0), UNSPEC);
	/* one bad entry at each place (a whole map is undone) */
	for (unsigned int bad = 0; bad < 3; bad++) {
		for (unsigned int i = 0; i < 3; i++)
			request.entries[i] = (struct virtio_gpu_mem_entry){
				.addr = i == bad ? 0 : GUEST_RAM, .length = 4096};
		CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request)), UNSPEC);
	}
	/* a list that is shorter than it says (VG-BAK-010) */
	CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request) - 1), BAD_PARAMETER);
	request.head.nr_entries = 16385;
	CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request)), UNSPEC);
	request.head.nr_entries = 0x10000001;
	CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request)), UNSPEC);
	request.head.nr_entries = 0;
	CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request)), OK);
	CU_ASSERT_EQUAL(guest_attach(&guest, 1, GUEST_RAM, 4096), OK);
	CU_ASSERT_EQUAL(guest_attach(&guest, 1, GUEST_RAM, 4096), UNSPEC); /* VG-BAK-005 */
	struct virtio_gpu_resource_detach_backing detach = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, .resource_id = 1};
	CU_ASSERT_EQUAL(guest_command(&guest, &detach, sizeof(detach)), OK);
	CU_ASSERT_EQUAL(guest_command(&guest, &detach, sizeof(detach)), OK); /* VG-BAK-020 */
	CU_ASSERT_EQUAL(guest_transfer(&guest, 1, RECT(0, 0, 1, 1), 0), BAD_ID);
	guest_stop(&guest);
}

static void scattered_backing(void)
{
	struct {
		struct virtio_gpu_resource_attach_backing head;
		struct virtio_gpu_mem_entry entries[5];
	} request = {.head.hdr.type = VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
		     .head.resource_id = 1,
		     .head.nr_entries = 5};
	static const uint32_t lengths[] = {1000, 3, 5000, 1, 64 * 48 * 4 - 6004};
	struct guest guest;

	guest_start(&guest);
	fill_pixels(&guest, 64, 48);
	guest_create(&guest, 1, BGRX, 64, 48);
	/* the picture in pieces, in memory in the opposite order (VG-BAK-002) */
	uint8_t *picture = guest.ram + GUEST_PIXELS, *to = guest.ram + 2 * GUEST_PIXELS;
	for (unsigned int i = 5; i-- > 0;) {
		uint32_t from = 0;

		for (unsigned int j = 0; j < i; j++)
			from += lengths[j];
		memcpy(to, picture + from, lengths[i]);
		request.entries[i].addr = GUEST_RAM + (uint64_t)(to - guest.ram);
		request.entries[i].length = lengths[i];
		to += lengths[i];
	}
	CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request)), OK);
	CU_ASSERT_EQUAL(guest_set_scanout(&guest, 0, 1, ALL), OK);
	CU_ASSERT_EQUAL(guest_transfer(&guest, 1, ALL, 0), OK);
	bool all = true;
	for (uint32_t y = 0; y < 48; y++)
		for (uint32_t x = 0; x < 64; x++)
			all = all && guest_pixel(&guest, 0, x, y) == (y << 8 | x);
	CU_ASSERT_TRUE(all);
	guest_stop(&guest);
}

static void transfer_places_pixels(void)
{
	struct guest guest;

	guest_start(&guest);
	fill_pixels(&guest, 64, 48);
	guest_show(&guest, 1, BGRX, 64, 48);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 5, 5), 0); /* VG-RES-014 */
	/* offset names the first byte; the pitch is the resource's (VG-XFR-002, 003) */
	CU_ASSERT_EQUAL(guest_transfer(&guest, 1, RECT(10, 20, 8, 4), (20 * 64 + 10) * 4), OK);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 10, 20), 20 << 8 | 10);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 17, 23), 23 << 8 | 17);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 18, 23), 0); /* VG-XFR-007 */
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 17, 24), 0);
	/* offset 0 takes the start of the backing (VG-XFR-004, 005) */
	CU_ASSERT_EQUAL(guest_transfer(&guest, 1, RECT(40, 30, 2, 2), 0), OK);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 41, 31), 1 << 8 | 1);
	CU_ASSERT_EQUAL(guest_transfer(&guest, 1, RECT(0, 40, 64, 4), 0), OK);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 5, 42), 2 << 8 | 5);
	/* rows that the backing does not reach stay (VG-XFR-006, 018) */
	CU_ASSERT_EQUAL(guest_transfer(&guest, 1, ALL, 256), OK);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 3, 46), 47 << 8 | 3);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 3, 47), 0);
	CU_ASSERT_EQUAL(guest_transfer(&guest, 1, RECT(1, 0, 63, 48), 64 * 47 * 4), OK);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 1, 0), 47 << 8);
	guest_stop(&guest);
}

static void transfer_refuses(void)
{
	static const struct vgpu_rect outside[] = {
		{0, 0, 65, 1},	       {1, 0, 64, 48},	      {0, 1, 64, 48},	     {65, 0, 0, 0},
		{UINT32_MAX, 0, 2, 1}, {1, 0, UINT32_MAX, 1}, {0, UINT32_MAX, 1, 2}, {0, 49, 0, 0},
	};
	static const uint64_t offsets[] = {64 * 48 * 4, 64 * 48 * 4 + 4, 1ull << 40, UINT64_MAX};
	struct guest guest;

	guest_start(&guest);
	fill_pixels(&guest, 64, 48);
	guest_show(&guest, 1, BGRX, 64, 48);
	for (size_t i = 0; i < sizeof(outside) / sizeof(outside[0]); i++) {
		CU_ASSERT_EQUAL(guest_transfer(&guest, 1, outside[i], 0), BAD_PARAMETER);
		CU_ASSERT_EQUAL(guest_flush(&guest, 1, outside[i]), BAD_PARAMETER);
		CU_ASSERT_EQUAL(guest_set_scanout(&guest, 0, 1, outside[i]), BAD_PARAMETER);
	}
	for (size_t i = 0; i < sizeof(offsets) / sizeof(offsets[0]); i++)
		CU_ASSERT_EQUAL(guest_transfer(&guest, 1, RECT(0, 0, 1, 1), offsets[i]),
				BAD_PARAMETER); /* VG-XFR-016, 017 */
	CU_ASSERT_EQUAL(guest_transfer(&guest, 1, RECT(64, 48, 0, 0), UINT64_MAX), OK);
	CU_ASSERT_EQUAL(guest_transfer(&guest, 999, ALL, 0), BAD_ID);
	CU_ASSERT_EQUAL(guest_flush(&guest, 999, ALL), BAD_ID);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 0, 0), 0); /* VG-ERR-008 */
	guest_stop(&guest);
}

static void eight_formats(void)
{
	static const struct {
		uint32_t format, color;
	} cases[] = {{1, 0x332211},  {2, 0x332211},  {3, 0x223344},   {4, 0x223344},
		     {67, 0x112233}, {68, 0x443322}, {121, 0x443322}, {134, 0x112233}};
	static const uint8_t bytes[] = {0x11, 0x22, 0x33, 0x44};
	struct guest guest;

	guest_start(&guest);
	memcpy(guest.ram + GUEST_PIXELS, bytes, sizeof(bytes));
	for (uint32_t i = 0; i < 8; i++) {
		guest_show(&guest, i + 1, cases[i].format, 16, 16);
		CU_ASSERT_EQUAL(guest_transfer(&guest, i + 1, RECT(0, 0, 16, 16), 0), OK);
		CU_ASSERT_EQUAL(guest_pixel(&guest, 0, 0, 0), cases[i].color);
	}
	guest_stop(&guest);
}

static void wide_pictures_are_converted_in_tiles(void)
{
	struct vgpu_rect rect = {.y = 1, .width = 40000, .height = 1};
	uint32_t *row = calloc(rect.width, 4);
	struct guest guest;
	bool all = true;

	guest_start(&guest);
	fill_pixels(&guest, 40000, 2);
	guest_show(&guest, 1, VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, 40000, 2);
	guest_transfer(&guest, 1, RECT(0, 0, 40000, 2), 0);
	CU_ASSERT_EQUAL(vgpu_device_read_scanout(guest.device, 0, &rect, row, 160000), 0);
	for (uint32_t x = 0; x < rect.width; x++)
		all = all && (row[x] & 0xffffff) == ((x & 0xff) << 16 | ((1 << 8 | x) & 0xff00));
	CU_ASSERT_TRUE(all);
	CU_ASSERT_EQUAL(vgpu_device_read_scanout(guest.device, 1, &rect, row, 160000), -ENOENT);
	rect.height = 2;
	CU_ASSERT_EQUAL(vgpu_device_read_scanout(guest.device, 0, &rect, row, 160000), -EINVAL);
	free(row);
	guest_stop(&guest);
}

/*
 * pixman counts bytes of a picture in an int. Such a picture takes 14 GiB here,
 * of which a page per row is touched.
 */
static void rows_far_apart_are_converted(void)
{
	const size_t stride = (2ull << 30) - 4, size = 7 * stride + 4096;
	uint32_t pixels[8] = {0};
	uint8_t *picture = mmap(NULL, size, PROT_READ | PROT_WRITE,
				MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	/* A machine that lends no memory has no such picture either. */
	if (picture == MAP_FAILED)
		return;
	for (uint32_t y = 0; y < 8; y++)
		picture[y * stride + 2] = (uint8_t)(y + 1);
	CU_ASSERT_EQUAL(vgpu_format_convert(vgpu_format_find(VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM),
					    picture, stride, pixels, 4, 1, 8, false),
			0);
	for (uint32_t y = 0; y < 8; y++)
		CU_ASSERT_EQUAL(pixels[y] & 0xffffff, y + 1);
	munmap(picture, size);
}

static void scanouts(void)
{
	struct guest guest;

	guest_start(&guest);
	fill_pixels(&guest, 64, 48);
	guest_show(&guest, 1, BGRX, 64, 48);
	guest_transfer(&guest, 1, ALL, 0);
	CU_ASSERT_EQUAL(guest_set_scanout(&guest, 1, 1, RECT(16, 32, 32, 16)), OK);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 1, 0, 0), 32 << 8 | 16); /* VG-SCN-002 */
	CU_ASSERT_EQUAL(guest_set_scanout(&guest, 2, 1, ALL), BAD_SCANOUT);
	CU_ASSERT_EQUAL(guest_set_scanout(&guest, UINT32_MAX, 0, ALL), BAD_SCANOUT);
	CU_ASSERT_EQUAL(guest_set_scanout(&guest, 1, 999, ALL), BAD_ID);
	CU_ASSERT_EQUAL(guest_set_scanout(&guest, 1, 1, RECT(0, 0, 0, 0)), BAD_PARAMETER);
	CU_ASSERT_EQUAL(guest_set_scanout(&guest, 1, 1, RECT(0, 0, 0, 9)), BAD_PARAMETER);
	CU_ASSERT_EQUAL(guest_set_scanout(&guest, 1, 1, RECT(0, 0, 9, 0)), BAD_PARAMETER);
	CU_ASSERT_EQUAL(guest_pixel(&guest, 1, 0, 0), 32 << 8 | 16); /* VG-SCN-007 */
	/* disabling ignores the rectangle (VG-SCN-010) */
	CU_ASSERT_EQUAL(guest_set_scanout(&guest, 1, 0, RECT(9, 9, 9999, 9999)), OK);
	CU_ASSERT_EQUAL(vgpu_device_scanout(guest.device, 1)->resource_id, 0);
	CU_ASSERT_EQUAL(guest_set_scanout(&guest, 1, 1, RECT(0, 0, 15, 15)), OK);
	/* VG-MUL-007 */
	CU_ASSERT_EQUAL(guest_unref(&guest, 1), OK);
	CU_ASSERT_EQUAL(vgpu_device_scanout(guest.device, 0)->resource_id, 0);
	CU_ASSERT_EQUAL(vgpu_device_scanout(guest.device, 1)->resource_id, 0);
	CU_ASSERT_EQUAL(guest_flush(&guest, 1, ALL), BAD_ID);
	guest_stop(&guest);
}

struct log {
	unsigned int starts, resets, requests, frames, reads, outputs;
	uint64_t read_bytes;
	uint32_t pitch;
	struct vgpu_frame_event frame[4];
	struct vgpu_request_event request; /* the last; what it points to has gone */
};

static void log_start(void *opaque, const struct vgpu_start_event *event)
{
	((struct log *)opaque)->starts++;
	CU_ASSERT_TRUE(event->queues[0].ready);
	CU_ASSERT_EQUAL(event->queues[1].size, GUEST_QUEUE_SIZE);
}

static void log_reset(void *opaque, uint64_t time_ns)
{
	(void)time_ns;
	((struct log *)opaque)->resets++;
}

static void log_outputs(void *opaque, uint64_t time_ns, const struct vgpu_output *outputs,
			unsigned int num_scanouts)
{
	(void)time_ns;
	(void)outputs;
	((struct log *)opaque)->outputs += num_scanouts;
}

static void log_request(void *opaque, const struct vgpu_request_event *event)
{
	struct log *log = opaque;

	log->requests++;
	log->request = *event;
	log->reads += event->num_reads != 0;
	for (size_t i = 0; i < event->num_reads; i++)
		log->read_bytes += event->reads[i].len;
	log->pitch = event->read_pitch;
	for (unsigned int i = 0; i < event->num_frames; i++)
		log->frame[log->frames++ % 4] = event->frames[i];
}

static const struct vgpu_observer_ops observer = {
	.start = log_start, .reset = log_reset, .outputs = log_outputs, .request = log_request};

static void observer_hears_everything(void)
{
	struct guest guest;
	struct log log = {0};

	guest_start(&guest);
	vgpu_device_set_observer(guest.device, &observer, &log);
	CU_ASSERT_EQUAL(log.outputs, 2);
	guest_show(&guest, 1, BGRX, 64, 48);
	guest_set_scanout(&guest, 1, 1, RECT(32, 2, 32, 46));
	guest_transfer(&guest, 1, RECT(1, 2, 10, 5), 0);
	CU_ASSERT_EQUAL(log.starts, 1);
	CU_ASSERT_EQUAL(log.requests, 5);
	CU_ASSERT_EQUAL(log.reads, 1);
	CU_ASSERT_EQUAL(log.read_bytes, 10 * 5 * 4);
	CU_ASSERT_EQUAL(log.pitch, 40);
	/* each scanout gets its part, moved to its origin (VG-FLS-003, 004) */
	guest_flush(&guest, 1, RECT(30, 40, 8, 4));
	CU_ASSERT_EQUAL(log.frames, 2);
	CU_ASSERT_EQUAL(log.frame[0].scanout_id, 0);
	CU_ASSERT_EQUAL(log.frame[0].damage.x, 30);
	CU_ASSERT_EQUAL(log.frame[1].scanout_id, 1);
	CU_ASSERT_EQUAL(log.frame[1].damage.x, 0);
	CU_ASSERT_EQUAL(log.frame[1].damage.y, 38);
	CU_ASSERT_EQUAL(log.frame[1].damage.width, 6);
	CU_ASSERT_EQUAL(log.frame[1].width, 32);
	/* misses both, or nothing there (VG-FLS-005, 010) */
	guest_flush(&guest, 1, RECT(64, 48, 0, 0));
	CU_ASSERT_EQUAL(log.frames, 2);
	/* what was done with the chain, and when */
	CU_ASSERT_TRUE(log.request.interrupt);
	CU_ASSERT_EQUAL(log.request.indirect_at, -1);
	CU_ASSERT_TRUE(log.request.begin_ns != 0 && log.request.begin_ns <= log.request.end_ns);
	CU_ASSERT_TRUE(log.request.end_ns <= vgpu_now_ns());
	guest.avail[0]->flags = VRING_AVAIL_F_NO_INTERRUPT;
	struct vring_desc *table = (void *)(guest.ram + GUEST_REQUEST + 0x1000);
	table[0] = guest.desc[0][1];
	guest_set_desc(&guest, 0, 1, GUEST_RAM + GUEST_REQUEST + 0x1000, 16, VRING_DESC_F_INDIRECT,
		       0);
	CU_ASSERT_EQUAL(guest_offer(&guest, 0, 0), 24);
	CU_ASSERT_FALSE(log.request.interrupt);
	CU_ASSERT_EQUAL(log.request.indirect_at, 1);
	guest_init_device(&guest, GUEST_FEATURES);
	CU_ASSERT_EQUAL(log.resets, 1);
	guest_create(&guest, 1, BGRX, 4, 4);
	CU_ASSERT_EQUAL(log.starts, 2);
	/* whoever comes later hears of the set-up too */
	vgpu_device_set_observer(guest.device, &observer, &log);
	guest_create(&guest, 2, BGRX, 4, 4);
	CU_ASSERT_EQUAL(log.starts, 3);
	guest_stop(&guest);
}

static void cursor_is_sampled_at_update(void)
{
	struct virtio_gpu_update_cursor request = {.hdr.type = VIRTIO_GPU_CMD_UPDATE_CURSOR,
						   .pos = {.scanout_id = 1, .x = 10, .y = 20},
						   .resource_id = 1,
						   .hot_x = 3,
						   .hot_y = 4};
	struct guest guest;

	guest_start(&guest);
	const struct vgpu_cursor *cursor = vgpu_device_cursor(guest.device, 1);
	fill_pixels(&guest, 64, 64);
	guest_show(&guest, 1, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 64, 64);
	guest_transfer(&guest, 1, RECT(0, 0, 64, 64), 0);
	CU_ASSERT_EQUAL(guest_send(&guest, 1, &request, sizeof(request), 24), 24);
	CU_ASSERT_EQUAL(guest_response(&guest)->type, OK);
	CU_ASSERT_TRUE(cursor->visible);
	CU_ASSERT_EQUAL(cursor->hot_x, 3);
	CU_ASSERT_EQUAL(cursor->hot_y, 4);
	CU_ASSERT_EQUAL(cursor->x, 10);
	CU_ASSERT_EQUAL(cursor->y, 20);
	CU_ASSERT_EQUAL(cursor->pixels[65], 0xab000101);
	/* the picture stays, whatever becomes of the resource (VG-CUR-015, VG-RES-018) */
	CU_ASSERT_EQUAL(guest_unref(&guest, 1), OK);
	request.hdr.type = VIRTIO_GPU_CMD_MOVE_CURSOR;
	request.resource_id = 0;
	request.pos.x = 30;
	/* without room for an answer (VG-CUR-003) */
	CU_ASSERT_EQUAL(guest_send(&guest, 1, &request, sizeof(request), 0), 0);
	CU_ASSERT_TRUE(cursor->visible); /* VG-CUR-006 */
	CU_ASSERT_EQUAL(cursor->x, 30);
	CU_ASSERT_EQUAL(cursor->pixels[65], 0xab000101);
	request.hdr.type = VIRTIO_GPU_CMD_UPDATE_CURSOR;
	CU_ASSERT_EQUAL(guest_send(&guest, 1, &request, sizeof(request), 24), 24);
	CU_ASSERT_FALSE(cursor->visible); /* VG-CUR-007 */
	guest_stop(&guest);
}

/* VG-CUR-010, VG-CUR-011: converted; opaque where the format has no alpha */
static void cursor_of_any_format(void)
{
	static const struct {
		uint32_t format, color;
	} cases[] = {{1, 0x44332211},  {2, 0xff332211},	 {3, 0x11223344},   {4, 0xff223344},
		     {67, 0x44112233}, {68, 0xff443322}, {121, 0x11443322}, {134, 0xff112233}};
	static const uint8_t bytes[] = {0x11, 0x22, 0x33, 0x44};
	struct guest guest;

	guest_start(&guest);
	memcpy(guest.ram + GUEST_PIXELS, bytes, sizeof(bytes));
	for (uint32_t i = 0; i < 8; i++) {
		struct virtio_gpu_update_cursor request = {.hdr.type = VIRTIO_GPU_CMD_UPDATE_CURSOR,
							   .resource_id = i + 1};

		guest_show(&guest, i + 1, cases[i].format, 64, 64);
		guest_transfer(&guest, i + 1, RECT(0, 0, 64, 64), 0);
		CU_ASSERT_EQUAL(guest_send(&guest, 1, &request, sizeof(request), 24), 24);
		CU_ASSERT_EQUAL(vgpu_device_cursor(guest.device, 0)->pixels[0], cases[i].color);
	}
	guest_stop(&guest);
}

struct shown {
	unsigned int scanouts, flushes, cursors;
	struct vgpu_scanout scanout;
	struct vgpu_rect damage;
	bool visible, moved_only;
};

static void see_scanout(void *opaque, uint32_t scanout_id, const struct vgpu_scanout *scanout)
{
	struct shown *shown = opaque;

	CU_ASSERT_EQUAL(scanout_id, 0);
	shown->scanouts++;
	shown->scanout = *scanout;
}

static void see_flush(void *opaque, uint32_t scanout_id, const struct vgpu_rect *rect)
{
	struct shown *shown = opaque;

	CU_ASSERT_EQUAL(scanout_id, 0);
	shown->flushes++;
	shown->damage = *rect;
}

static void see_cursor(void *opaque, uint32_t scanout_id, const struct vgpu_cursor *cursor,
		       bool moved_only)
{
	struct shown *shown = opaque;

	CU_ASSERT_EQUAL(scanout_id, 0);
	shown->cursors++;
	shown->visible = cursor->visible;
	shown->moved_only = moved_only;
}

static void display_sees_everything(void)
{
	static const struct vgpu_display_ops ops = {
		.set_scanout = see_scanout, .flush = see_flush, .cursor = see_cursor};
	struct virtio_gpu_update_cursor request = {.hdr.type = VIRTIO_GPU_CMD_UPDATE_CURSOR,
						   .resource_id = 1};
	struct shown shown = {0};
	struct guest guest;

	guest_start(&guest);
	vgpu_device_set_display(guest.device, &ops, &shown);
	guest_show(&guest, 1, BGRX, 64, 64);
	guest_set_scanout(&guest, 0, 1, RECT(8, 4, 32, 32));
	CU_ASSERT_EQUAL(shown.scanouts, 2);
	CU_ASSERT_EQUAL(shown.scanout.rect.y, 4);
	guest_flush(&guest, 1, RECT(0, 0, 10, 10));
	guest_flush(&guest, 1, RECT(0, 0, 8, 64));
	CU_ASSERT_EQUAL(shown.flushes, 1);
	CU_ASSERT(shown.damage.x == 0 && shown.damage.y == 0 && shown.damage.width == 2 &&
		  shown.damage.height == 6);
	guest_send(&guest, 1, &request, sizeof(request), 24);
	CU_ASSERT(shown.cursors == 1 && shown.visible && !shown.moved_only);
	request.hdr.type = VIRTIO_GPU_CMD_MOVE_CURSOR;
	guest_send(&guest, 1, &request, sizeof(request), 24);
	CU_ASSERT(shown.cursors == 2 && shown.visible && shown.moved_only);
	/* VG-STA-004, VG-CUR-022 */
	vgpu_device_reset(guest.device);
	CU_ASSERT(shown.scanouts == 3 && shown.scanout.resource_id == 0);
	CU_ASSERT(shown.cursors == 3 && !shown.visible && !shown.moved_only);
	guest_stop(&guest);
}

static void cursor_refuses(void)
{
	struct virtio_gpu_update_cursor request = {.hdr.type = VIRTIO_GPU_CMD_UPDATE_CURSOR,
						   .resource_id = 1};
	struct guest guest;

	guest_start(&guest);
	guest_send(&guest, 1, &request, sizeof(request), 24);
	CU_ASSERT_EQUAL(guest_response(&guest)->type, BAD_ID);
	guest_create(&guest, 1, BGRX, 64, 63);
	guest_send(&guest, 1, &request, sizeof(request), 24);
	CU_ASSERT_EQUAL(guest_response(&guest)->type, BAD_PARAMETER);
	request.resource_id = 2;
	guest_create(&guest, 2, BGRX, 63, 64);
	guest_send(&guest, 1, &request, sizeof(request), 24);
	CU_ASSERT_EQUAL(guest_response(&guest)->type, BAD_PARAMETER);
	request.pos.scanout_id = 2;
	guest_send(&guest, 1, &request, sizeof(request), 24);
	CU_ASSERT_EQUAL(guest_response(&guest)->type, BAD_SCANOUT);
	guest_send(&guest, 1, &request, 55, 24); /* VG-CUR-018 */
	CU_ASSERT_EQUAL(guest_response(&guest)->type, BAD_PARAMETER);
	request.hdr.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO; /* VG-CUR-017 */
	guest_send(&guest, 1, &request, sizeof(request), 24);
	CU_ASSERT_EQUAL(guest_response(&guest)->type, UNSPEC);
	request.hdr.type = VIRTIO_GPU_CMD_MOVE_CURSOR; /* VG-HDR-014 */
	CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request)), UNSPEC);
	guest_stop(&guest);
}

static void headers_and_fences(void)
{
	struct virtio_gpu_ctrl_hdr request = {.type = 0x0999,
					      .flags = UINT32_MAX,
					      .fence_id = 0x1122334455667788ull,
					      .ctx_id = 7,
					      .padding = {0xff, 0xff, 0xff}};
	struct guest guest;

	guest_start(&guest);
	const struct virtio_gpu_ctrl_hdr *response = guest_response(&guest);
	CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request)), UNSPEC);
	CU_ASSERT_EQUAL(response->flags, VIRTIO_GPU_FLAG_FENCE); /* VG-HDR-010 */
	CU_ASSERT_EQUAL(response->fence_id, request.fence_id);
	CU_ASSERT_EQUAL(response->ctx_id, 7);
	request.flags = 0; /* VG-HDR-007 */
	CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request)), UNSPEC);
	CU_ASSERT_EQUAL(response->flags + response->fence_id + response->ctx_id, 0);
	/* a header cut short is answered too (VG-FRM-004), and not with the last one's fence */
	request.flags = VIRTIO_GPU_FLAG_FENCE;
	CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request)), UNSPEC);
	for (uint32_t len = 0; len < sizeof(request); len++) {
		CU_ASSERT_EQUAL(guest_command(&guest, &request, len), BAD_PARAMETER);
		CU_ASSERT_EQUAL(response->flags + response->fence_id, 0);
	}
	request.flags = 0;
	request.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_2D; /* VG-FRM-005 */
	CU_ASSERT_EQUAL(guest_command(&guest, &request, sizeof(request)), BAD_PARAMETER);
	CU_ASSERT_EQUAL(vgpu_device_violations(guest.device)[VGPU_VIOLATION_SHORT_REQUEST], 25);
	guest_stop(&guest);
}

static void reset_leaves_nothing(void)
{
	struct guest guest;

	guest_start(&guest);
	guest_show(&guest, 51, BGRX, 64, 48);
	vgpu_device_set_output(guest.device, 1, &(struct vgpu_output){0}, true);
	guest_write(&guest, 0x070, 0);
	CU_ASSERT_EQUAL(vgpu_device_accepted_features(guest.device), 0); /* VG-STA-005 */
	CU_ASSERT_EQUAL(guest_read(&guest, 0x100), 0);			 /* VG-CFG-004 */
	guest_init_device(&guest, GUEST_FEATURES);
	CU_ASSERT_EQUAL(vgpu_device_scanout(guest.device, 0)->resource_id, 0);
	CU_ASSERT_EQUAL(guest_flush(&guest, 51, ALL), BAD_ID);
	CU_ASSERT_EQUAL(guest_create(&guest, 51, BGRX, 64, 48), OK);
	guest_stop(&guest);
}

static void display_changes_reach_the_guest(void)
{
	struct vgpu_output output = {.rect = {.width = 800, .height = 600}, .enabled = true};
	struct guest guest;

	guest_start(&guest);
	CU_ASSERT_EQUAL(guest_read(&guest, 0x100), 0);
	CU_ASSERT_EQUAL(guest_read(&guest, 0x108), 2);
	uint32_t generation = guest_read(&guest, 0x0fc);
	vgpu_device_set_output(guest.device, 1, &output, true);
	CU_ASSERT_EQUAL(guest_read(&guest, 0x100), VIRTIO_GPU_EVENT_DISPLAY);
	CU_ASSERT_EQUAL(guest_read(&guest, 0x060), 2); /* VG-CFG-011 */
	CU_ASSERT_NOT_EQUAL(guest_read(&guest, 0x0fc), generation);
	guest_write(&guest, 0x104, 2); /* VG-CFG-006 */
	CU_ASSERT_EQUAL(guest_read(&guest, 0x100), VIRTIO_GPU_EVENT_DISPLAY);
	guest_write(&guest, 0x104, 1);
	CU_ASSERT_EQUAL(guest_read(&guest, 0x100), 0);
	CU_ASSERT_EQUAL(guest_read(&guest, 0x104), 0); /* VG-CFG-007 */
	guest_write(&guest, 0x108, 99);		       /* VG-CFG-008 */
	CU_ASSERT_EQUAL(guest_read(&guest, 0x108), 2);
	CU_ASSERT_EQUAL(vgpu_device_output(guest.device, 1)->rect.width, 800);
	/* no change, no event */
	vgpu_device_set_output(guest.device, 1, &output, true);
	CU_ASSERT_EQUAL(guest_read(&guest, 0x100), 0);
	guest_stop(&guest);
}

static int busy(void *opaque)
{
	++*(unsigned int *)opaque;
	return -EINPROGRESS;
}

static void display_may_take_its_time(void)
{
	static const struct vgpu_display_ops ops = {.refresh = busy};
	static const struct virtio_gpu_ctrl_hdr request = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	struct virtio_gpu_update_cursor move = {.hdr.type = VIRTIO_GPU_CMD_MOVE_CURSOR};
	unsigned int asked = 0;
	struct guest guest;

	guest_start(&guest);
	vgpu_device_set_display(guest.device, &ops, &asked);
	CU_ASSERT_EQUAL(guest_send(&guest, 0, &request, sizeof(request), 408), -1);
	CU_ASSERT_EQUAL(asked, 1);
	/* the cursor does not wait (VG-CUR-016) */
	CU_ASSERT_EQUAL(guest_send(&guest, 1, &move, sizeof(move), 0), 0);
	guest_send(&guest, 0, &request, sizeof(request), 408);
	CU_ASSERT_EQUAL(guest.used[0]->idx, 0);
	CU_ASSERT_EQUAL(asked, 1);
	vgpu_device_refreshed(guest.device);
	/* the first is answered; the second asks again */
	CU_ASSERT_EQUAL(guest.used[0]->idx, 1);
	CU_ASSERT_EQUAL(asked, 2);
	vgpu_device_refreshed(guest.device);
	CU_ASSERT_EQUAL(guest.used[0]->idx, 2);
	/* an EDID is asked for likewise, and a queue that begins anew does not wait */
	struct virtio_gpu_cmd_get_edid edid = {.hdr.type = VIRTIO_GPU_CMD_GET_EDID};
	CU_ASSERT_EQUAL(guest_send(&guest, 0, &edid, sizeof(edid), 2048), -1);
	CU_ASSERT_EQUAL(asked, 3);
	guest_write(&guest, 0x030, 0);
	guest_write(&guest, 0x044, 0);
	guest_write(&guest, 0x044, 1);
	guest.avail[0]->idx = 0;
	CU_ASSERT_EQUAL(guest_create(&guest, 1, BGRX, 4, 4), OK);
	/* a reset while it waits */
	CU_ASSERT_EQUAL(guest_send(&guest, 0, &request, sizeof(request), 408), -1);
	guest_init_device(&guest, GUEST_FEATURES);
	vgpu_device_refreshed(guest.device);
	CU_ASSERT_EQUAL(guest.used[0]->idx, 0);
	CU_ASSERT_EQUAL(guest_create(&guest, 1, BGRX, 4, 4), OK);
	guest_stop(&guest);
}

/* More than one round of the device, behind a request that is held. */
static void display_that_answers_releases_all_of_the_queue(void)
{
	static const struct vgpu_display_ops ops = {.refresh = busy};
	static const struct virtio_gpu_ctrl_hdr request = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	const struct vgpu_queue_info info = {.ready = true,
					     .size = 512,
					     .desc = GUEST_RAM + GUEST_PIXELS,
					     .driver = GUEST_RAM + GUEST_PIXELS + 0x4000,
					     .device = GUEST_RAM + GUEST_PIXELS + 0x8000};
	unsigned int asked = 0;
	struct guest guest;

	guest_start(&guest);
	vgpu_device_set_display(guest.device, &ops, &asked);
	struct vring_desc *desc = (void *)(guest.ram + GUEST_PIXELS);
	struct vring_avail *avail = (void *)(guest.ram + GUEST_PIXELS + 0x4000);
	const struct vring_used *used = (void *)(guest.ram + GUEST_PIXELS + 0x8000);
	memcpy(guest.ram + GUEST_REQUEST, &request, sizeof(request));
	desc[0] = (struct vring_desc){GUEST_RAM + GUEST_REQUEST, sizeof(request), 0, 0};
	for (unsigned int i = 1; i < 400; i++) /* empty ones */
		avail->ring[i] = 1;
	avail->idx = 400;
	CU_ASSERT_EQUAL(vgpu_device_set_queue(guest.device, 0, &info, 0), 0);
	CU_ASSERT_EQUAL(vgpu_device_notify(guest.device, 0), 0);
	CU_ASSERT_EQUAL(asked, 1);
	vgpu_device_refreshed(guest.device);
	CU_ASSERT_EQUAL(used->idx, 400);
	guest_stop(&guest);
}

static void sloppy_drivers_are_served_and_counted(void)
{
	uint8_t page[4096] = {0};
	struct virtio_gpu_ctrl_hdr hdr = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	struct guest guest;

	memset(page, 0xee, sizeof(page));
	memcpy(page, &hdr, sizeof(hdr));
	guest_start_with(&guest, 1, 0, 0);
	/* no feature accepted, a page with a stale tail, no interrupt acknowledged */
	CU_ASSERT_EQUAL(guest_send(&guest, 0, page, sizeof(page), 2048), 408);
	CU_ASSERT_EQUAL(guest_send(&guest, 0, page, sizeof(page), 2048), 408);
	const uint64_t *violations = vgpu_device_violations(guest.device);
	CU_ASSERT_EQUAL(violations[VGPU_VIOLATION_NO_VERSION_1], 1);
	CU_ASSERT_EQUAL(violations[VGPU_VIOLATION_LONG_REQUEST], 2);
	CU_ASSERT_EQUAL(violations[VGPU_VIOLATION_NO_INTERRUPT_ACK], 1);
	/* an answer that does not fit counts; none for the cursor is usual (VG-CUR-003) */
	struct virtio_gpu_update_cursor move = {.hdr.type = VIRTIO_GPU_CMD_MOVE_CURSOR};
	CU_ASSERT_EQUAL(guest_send(&guest, 1, &move, sizeof(move), 0), 0);
	CU_ASSERT_EQUAL(violations[VGPU_VIOLATION_SHORT_RESPONSE], 0);
	CU_ASSERT_EQUAL(guest_send(&guest, 1, &move, sizeof(move), 23), 23);
	CU_ASSERT_EQUAL(guest_send(&guest, 0, &hdr, sizeof(hdr), 0), 0);
	CU_ASSERT_EQUAL(violations[VGPU_VIOLATION_SHORT_RESPONSE], 2);
	CU_ASSERT_EQUAL(violations[VGPU_VIOLATION_FAILED_COMMAND], 0);
	CU_ASSERT_EQUAL(guest_unref(&guest, 1), BAD_ID);
	CU_ASSERT_EQUAL(violations[VGPU_VIOLATION_FAILED_COMMAND], 1);
	for (int i = 0; i < VGPU_NUM_VIOLATIONS; i++)
		CU_ASSERT_PTR_NOT_NULL(vgpu_violation_text((enum vgpu_violation)i));
	guest_stop(&guest);
}

static void names(void)
{
	CU_ASSERT_STRING_EQUAL(vgpu_type_name(0x0104), "RESOURCE_FLUSH");
	CU_ASSERT_STRING_EQUAL(vgpu_type_name(0x1104), "RESP_OK_EDID");
	CU_ASSERT_PTR_NULL(vgpu_type_name(0x0999));
	CU_ASSERT_STRING_EQUAL(vgpu_format_name(134), "R8G8B8X8");
	CU_ASSERT_PTR_NULL(vgpu_format_name(5));
}

static const struct unit_test tests[] = {
	{"VG-DSP-001 display info tells of every scanout", display_info},
	{"VG-FEA-009 an EDID only where it was negotiated", edid_is_gated},
	{"VG-RES-001 resources are created and destroyed", create_and_unref},
	{"VG-RES-010 sizes that overflow are refused", sizes_that_overflow},
	{"VG-RES-011 resources stay within the memory limit", memory_limit},
	{"VG-RES-011 backing entries are charged", backing_entries_are_charged},
	{"VG-BAK-008 a list of too many entries", list_of_too_many_entries},
	{"VG-RES-021 thousands of resources", thousands_of_resources},
	{"VG-BAK-012 backing is checked whole", backing_is_checked},
	{"VG-BAK-002 scattered backing gives the same picture", scattered_backing},
	{"VG-XFR-002 a transfer places pixels", transfer_places_pixels},
	{"VG-XFR-012 a transfer refuses what is outside", transfer_refuses},
	{"VG-PIX-001 eight formats", eight_formats},
	{"VG-SCN-019 wide pictures are converted whole", wide_pictures_are_converted_in_tiles},
	{"VG-SCN-019 rows that lie far apart are converted", rows_far_apart_are_converted},
	{"VG-SCN-001 scanouts", scanouts},
	{"VG-FLS-004 the observer hears everything", observer_hears_everything},
	{"VG-CUR-015 the cursor is sampled at the update", cursor_is_sampled_at_update},
	{"VG-CUR-010 a cursor of any format", cursor_of_any_format},
	{"VG-FLS-001 a display sees everything", display_sees_everything},
	{"VG-CUR-008 the cursor queue refuses", cursor_refuses},
	{"VG-HDR-005 headers and fences", headers_and_fences},
	{"VG-STA-003 a reset leaves nothing", reset_leaves_nothing},
	{"VG-RSZ-001 display changes reach the guest", display_changes_reach_the_guest},
	{"VG-CUR-016 a display may take its time", display_may_take_its_time},
	{"a display that answers releases all of the queue",
	 display_that_answers_releases_all_of_the_queue},
	{"VG-FEA-006 sloppy drivers are served and counted", sloppy_drivers_are_served_and_counted},
	{"types and formats have names", names},
	{NULL, NULL},
};

const struct unit_suite device_suite = {"device", tests};
