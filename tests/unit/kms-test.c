/* SPDX-License-Identifier: MIT */
/* What a display on a card computes: modes, places, damage of two buffers, the cursor. */
#include "display/kms_layout.h"
#include "guest.h"
#include "unit.h"

#include <string.h>

extern const struct unit_suite kms_suite;

static const drmModeModeInfo modes[] = {
	{.hdisplay = 1920, .vdisplay = 1080, .vrefresh = 60, .type = DRM_MODE_TYPE_PREFERRED},
	{.hdisplay = 1920, .vdisplay = 1080, .vrefresh = 50},
	{.hdisplay = 1280, .vdisplay = 1024, .vrefresh = 75},
	{.hdisplay = 1280, .vdisplay = 800, .vrefresh = 60, .flags = DRM_MODE_FLAG_INTERLACE},
	{.hdisplay = 1024, .vdisplay = 768, .vrefresh = 75},
	{.hdisplay = 1024, .vdisplay = 768, .vrefresh = 60},
	{.hdisplay = 640, .vdisplay = 480, .vrefresh = 60},
};
#define NUM_MODES ((int)(sizeof(modes) / sizeof(modes[0])))

static long chosen(uint32_t width, uint32_t height)
{
	return kms_choose_mode(modes, NUM_MODES, width, height) - modes;
}

static bool equal(struct vgpu_rect rect, uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
	return rect.x == x && rect.y == y && rect.width == width && rect.height == height;
}

static void test_exact_mode(void)
{
	CU_ASSERT_EQUAL(chosen(1024, 768), 4);
	CU_ASSERT_EQUAL(chosen(640, 480), 6);
	CU_ASSERT_EQUAL(chosen(1920, 1080), 0);
}

static void test_smallest_mode(void)
{
	CU_ASSERT_EQUAL(chosen(800, 600), 4);
	CU_ASSERT_EQUAL(chosen(320, 200), 6);
	CU_ASSERT_EQUAL(chosen(1100, 900), 2);
	/* Not the interlaced one, although it has the very size. */
	CU_ASSERT_EQUAL(chosen(1280, 800), 2);
}

static void test_preferred_mode(void)
{
	CU_ASSERT_EQUAL(chosen(3840, 2160), 0);
	CU_ASSERT_EQUAL(chosen(640, 2000), 0);
	CU_ASSERT_EQUAL(chosen(0, 0), 0);
	CU_ASSERT_PTR_EQUAL(kms_choose_mode(modes + 1, 2, 9999, 9999), modes + 1);
	CU_ASSERT_PTR_NULL(kms_choose_mode(modes, 0, 640, 480));
}

static void test_frame_time(void)
{
	const drmModeModeInfo unknown = {.hdisplay = 640, .vdisplay = 480};

	CU_ASSERT_EQUAL(kms_frame_ns(&modes[1]), 20000000);
	CU_ASSERT_EQUAL(kms_frame_ns(&unknown), 1000000000 / 60);
}

static void test_place(void)
{
	CU_ASSERT(equal(kms_place(1280, 800, 1280, 800), 0, 0, 1280, 800));
	CU_ASSERT(equal(kms_place(1280, 800, 1024, 768), 128, 16, 1024, 768));
	CU_ASSERT(equal(kms_place(1280, 800, 1279, 799), 0, 0, 1279, 799));
	CU_ASSERT(equal(kms_place(1280, 800, 2000, 600), 0, 100, 1280, 600));
	CU_ASSERT(equal(kms_place(1280, 800, 2000, 1000), 0, 0, 1280, 800));
}

static void test_to_screen(void)
{
	const struct vgpu_rect centered = kms_place(1280, 800, 1024, 768);
	const struct vgpu_rect cut = kms_place(1280, 800, 2000, 1000);
	const struct vgpu_rect part = {.x = 10, .y = 20, .width = 30, .height = 40};
	const struct vgpu_rect edge = {.x = 1270, .y = 790, .width = 100, .height = 100};
	const struct vgpu_rect beyond = {.x = 1280, .y = 0, .width = 10, .height = 10};

	CU_ASSERT(equal(kms_to_screen(&centered, &part), 138, 36, 30, 40));
	CU_ASSERT(equal(kms_to_screen(&cut, &edge), 1270, 790, 10, 10));
	CU_ASSERT(equal(kms_to_screen(&cut, &beyond), 0, 0, 0, 0));
}

static void test_both_buffers_get_damage(void)
{
	const struct vgpu_rect first = {.x = 10, .y = 10, .width = 10, .height = 10};
	const struct vgpu_rect second = {.x = 100, .y = 50, .width = 20, .height = 5};
	struct kms_swap swap = {0};

	kms_swap_reset(&swap, 640, 480);
	unsigned int back = kms_swap_back(&swap);
	CU_ASSERT(equal(swap.stale[back], 0, 0, 640, 480));
	kms_swap_flip(&swap);
	CU_ASSERT(!swap.changed && swap.front == back && kms_swap_back(&swap) != back);
	/* The other buffer still lacks everything. */
	kms_swap_damage(&swap, &first);
	CU_ASSERT(swap.changed && equal(swap.stale[kms_swap_back(&swap)], 0, 0, 640, 480));
	kms_swap_flip(&swap);
	/* This one lacks the first damage, and from now on the second. */
	CU_ASSERT(equal(swap.stale[kms_swap_back(&swap)], 10, 10, 10, 10));
	kms_swap_damage(&swap, &second);
	CU_ASSERT(equal(swap.stale[kms_swap_back(&swap)], 10, 10, 110, 45));
	kms_swap_flip(&swap);
	CU_ASSERT(equal(swap.stale[kms_swap_back(&swap)], 100, 50, 20, 5));
}

static void test_frames_merge(void)
{
	const struct vgpu_rect first = {.x = 50, .y = 60, .width = 10, .height = 10};
	const struct vgpu_rect second = {.x = 10, .y = 100, .width = 10, .height = 10};
	const struct vgpu_rect nothing = {.x = 600, .y = 400};
	struct kms_swap swap = {0};

	kms_swap_damage(&swap, &nothing);
	CU_ASSERT_FALSE(swap.changed);
	kms_swap_damage(&swap, &first);
	kms_swap_damage(&swap, &second);
	kms_swap_damage(&swap, &nothing);
	CU_ASSERT(equal(swap.stale[0], 10, 60, 50, 50));
	CU_ASSERT(equal(swap.stale[1], 10, 60, 50, 50));
}

static void test_single_buffer(void)
{
	const struct vgpu_rect rect = {.x = 1, .y = 2, .width = 3, .height = 4};
	struct kms_swap swap = {.single = true, .front = 1};

	kms_swap_damage(&swap, &rect);
	CU_ASSERT_EQUAL(kms_swap_back(&swap), 1);
	kms_swap_flip(&swap);
	CU_ASSERT(swap.front == 1 && kms_rect_empty(&swap.stale[1]));
}

static void test_cursor_rect(void)
{
	struct vgpu_cursor cursor = {.visible = true, .x = 100, .y = 50};

	CU_ASSERT(equal(kms_cursor_rect(&cursor, 640, 480), 100, 50, 64, 64));
	cursor.x = 630;
	cursor.y = (uint32_t)-10;
	CU_ASSERT(equal(kms_cursor_rect(&cursor, 640, 480), 630, 0, 10, 54));
	cursor.x = (uint32_t)-64;
	CU_ASSERT(equal(kms_cursor_rect(&cursor, 640, 480), 0, 0, 0, 0));
	cursor.x = 0x7fffffff;
	CU_ASSERT(equal(kms_cursor_rect(&cursor, 640, 480), 0, 0, 0, 0));
	cursor.x = 0;
	cursor.visible = false;
	CU_ASSERT(equal(kms_cursor_rect(&cursor, 640, 480), 0, 0, 0, 0));
}

static void test_cursor_blend(void)
{
	static struct vgpu_cursor cursor = {.visible = true, .x = 1, .y = (uint32_t)-1};
	const struct vgpu_rect rect = {.width = 4, .height = 2};
	uint32_t pixels[2][4];

	memset(pixels, 0x40, sizeof(pixels));
	cursor.pixels[VGPU_CURSOR_SIZE] = 0xff102030;	  /* at 1,0: covers */
	cursor.pixels[VGPU_CURSOR_SIZE + 1] = 0x00ffffff; /* at 2,0: leaves */
	cursor.pixels[VGPU_CURSOR_SIZE + 2] = 0x80ff0000; /* at 3,0: half */
	kms_cursor_blend(&cursor, &rect, pixels[0], sizeof(pixels[0]));
	CU_ASSERT_EQUAL(pixels[0][0], 0x40404040);
	CU_ASSERT_EQUAL(pixels[0][1], 0x102030);
	CU_ASSERT_EQUAL(pixels[0][2], 0x404040);
	CU_ASSERT_EQUAL(pixels[0][3], 0xa02020);
	CU_ASSERT_EQUAL(pixels[1][0], 0x40404040);
	CU_ASSERT_EQUAL(pixels[1][1], 0x404040);
}

static void test_cursor_premultiplied(void)
{
	CU_ASSERT_EQUAL(kms_cursor_premultiplied(0xff123456), 0xff123456);
	CU_ASSERT_EQUAL(kms_cursor_premultiplied(0x00ffffff), 0);
	CU_ASSERT_EQUAL(kms_cursor_premultiplied(0x80ff8000), 0x80804000);
}

/* What a machine without a display gets; cards themselves are for `make live-kms`. */
static void what_is_no_card_is_refused(void)
{
	static const char *const cards[] = {"/nonexistent/card0", "/dev/null", "/"};
	struct guest guest;

	guest_start(&guest);
	for (size_t i = 0; i < sizeof(cards) / sizeof(cards[0]); i++) {
		const struct vgpu_kms_options options = {.device = guest.device, .card = cards[i]};
		struct vgpu_error err = {0};
		int code = 0;

		CU_ASSERT_PTR_NULL(vgpu_kms_new(&options, &code, &err));
		CU_ASSERT_TRUE(code < 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, cards[i]));
	}
	guest_stop(&guest);
}

static const struct unit_test tests[] = {
	{"a mode of exactly the picture's size is chosen", test_exact_mode},
	{"else the smallest mode that holds the picture is", test_smallest_mode},
	{"else the preferred mode is", test_preferred_mode},
	{"a mode without a refresh rate has 60 Hz", test_frame_time},
	{"a smaller picture is centered, a larger one cut", test_place},
	{"damage goes where the picture is, and no farther", test_to_screen},
	{"both of two buffers get all damage", test_both_buffers_get_damage},
	{"frames that are not shown leave their damage", test_frames_merge},
	{"without flips the front buffer is drawn into", test_single_buffer},
	{"a cursor may be partly or wholly outside", test_cursor_rect},
	{"a cursor is blended by its alpha", test_cursor_blend},
	{"a cursor is premultiplied for the kernel", test_cursor_premultiplied},
	{"what is no card is refused", what_is_no_card_is_refused},
	{NULL, NULL},
};

const struct unit_suite kms_suite = {"kms", tests};
