/* SPDX-License-Identifier: MIT */
#include "frame.h"
#include "guest.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

extern const struct unit_suite frame_suite;

static void packs_red_green_blue(void)
{
	uint32_t pixels[9];
	uint8_t rgb[3 * 9 + 1];

	for (uint32_t i = 0; i < 9; i++)
		pixels[i] = 0xff000000u | (3 * i) << 16 | (3 * i + 1) << 8 | (3 * i + 2);
	for (size_t count = 0; count <= 9; count++) {
		memset(rgb, 0xee, sizeof(rgb));
		vgpu_frame_pack(rgb, pixels, count);
		for (size_t i = 0; i < sizeof(rgb); i++)
			CU_ASSERT_EQUAL(rgb[i], i < 3 * count ? i : 0xee);
	}
}

/* The value is that of "printf '\001\002\003\004\005\006' | xxhsum -H2". */
static void hashes_as_xxhsum_does(void)
{
	uint8_t rgb[] = {1, 2, 3, 4, 5, 6};
	struct vgpu_frame frame = {.width = 2, .height = 1, .rgb = rgb};
	struct vgpu_frame_hash hash = vgpu_frame_hash(&frame), parsed;
	char text[VGPU_FRAME_HASH_TEXT];

	vgpu_frame_hash_text(&hash, text);
	CU_ASSERT_STRING_EQUAL(text, "866737830f560dbf3e1f439d2d785f44");
	CU_ASSERT_EQUAL(vgpu_frame_hash_parse(text, &parsed), 0);
	CU_ASSERT_TRUE(vgpu_frame_hash_equal(&hash, &parsed));
	parsed.bytes[15] ^= 1;
	CU_ASSERT_FALSE(vgpu_frame_hash_equal(&hash, &parsed));
}

static void refuses_what_is_no_hash(void)
{
	struct vgpu_frame_hash hash;

	CU_ASSERT_EQUAL(vgpu_frame_hash_parse("0123456789abcdefABCDEF0123456789", &hash), 0);
	CU_ASSERT_EQUAL(vgpu_frame_hash_parse("", &hash), -EINVAL);
	CU_ASSERT_EQUAL(vgpu_frame_hash_parse("0123456789abcdefABCDEF012345678", &hash), -EINVAL);
	CU_ASSERT_EQUAL(vgpu_frame_hash_parse("0123456789abcdefABCDEF01234567890", &hash), -EINVAL);
	CU_ASSERT_EQUAL(vgpu_frame_hash_parse("0123456789abcdefgBCDEF0123456789", &hash), -EINVAL);
}

static void refuses_a_frame_that_is_too_large(void)
{
	struct vgpu_frame frame = {0};

	CU_ASSERT_EQUAL(vgpu_frame_resize(&frame, UINT32_MAX, UINT32_MAX), -ENOMEM);
	CU_ASSERT_EQUAL(vgpu_frame_resize(&frame, 0, 0), 0);
	CU_ASSERT_EQUAL(vgpu_frame_resize(&frame, 7, 5), 0);
	uint8_t *rgb = frame.rgb;
	CU_ASSERT_EQUAL(vgpu_frame_resize(&frame, 5, 7), 0);
	CU_ASSERT_PTR_EQUAL(frame.rgb, rgb);
	vgpu_frame_fini(&frame);
}

static void captures_a_scanout(void)
{
	struct vgpu_frame frame = {0};
	struct guest guest;

	guest_start(&guest);
	CU_ASSERT_EQUAL(vgpu_frame_capture(&frame, guest.device, 0), -ENOENT);
	CU_ASSERT_EQUAL(vgpu_frame_capture(&frame, guest.device, 99), -ENOENT);
	guest_show(&guest, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 301, 203);
	for (uint32_t i = 0; i < 301 * 203; i++) {
		uint32_t pixel = htole32(i * 2654435761u);
		memcpy(guest.ram + GUEST_PIXELS + 4 * i, &pixel, 4);
	}
	guest_transfer(&guest, 1, (struct vgpu_rect){0, 0, 301, 203}, 0);
	CU_ASSERT_EQUAL_FATAL(vgpu_frame_capture(&frame, guest.device, 0), 0);
	CU_ASSERT_EQUAL(frame.width, 301);
	CU_ASSERT_EQUAL(frame.height, 203);
	for (uint32_t i = 0; i < 301 * 203; i++) {
		const uint8_t *rgb = frame.rgb + (size_t)3 * i;
		uint32_t color = (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
		if (color != (i * 2654435761u & 0xffffff)) {
			CU_FAIL("a pixel differs");
			break;
		}
	}
	vgpu_frame_fini(&frame);
	guest_stop(&guest);
}

static const struct unit_test tests[] = {
	{"packs red, green, blue", packs_red_green_blue},
	{"hashes as xxhsum does", hashes_as_xxhsum_does},
	{"refuses what is no hash", refuses_what_is_no_hash},
	{"refuses a frame that is too large", refuses_a_frame_that_is_too_large},
	{"captures a scanout", captures_a_scanout},
	{NULL, NULL},
};

const struct unit_suite frame_suite = {"frame", tests};
