/* SPDX-License-Identifier: MIT */
#include "golden/compare.h"
#include "golden/golden.h"
#include "golden/png_io.h"
#include "scene.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const struct unit_suite golden_suite;

static void make_frame(struct vgpu_frame *frame, uint32_t width, uint32_t height)
{
	CU_ASSERT_EQUAL_FATAL(vgpu_frame_resize(frame, width, height), 0);
	for (size_t i = 0; i < (size_t)width * height * 3; i++)
		frame->rgb[i] = (uint8_t)(i * 7 + i / 100);
}

static void put_file(const char *path, const void *bytes, size_t len)
{
	FILE *file = fopen(path, "wb");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_EQUAL(fwrite(bytes, 1, len, file), len);
	fclose(file);
}

/* ---- PNG ---------------------------------------------------------------------------------- */

static void png_comes_back_as_it_was(void)
{
	static const uint32_t sizes[][2] = {{1, 1}, {3, 5}, {17, 31}, {1280, 2}};
	char *folder = scene_folder(), *path = scene_path(folder, "a.png");
	struct vgpu_frame frame = {0}, back = {0};
	struct vgpu_frame_difference difference;
	struct vgpu_error err;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		make_frame(&frame, sizes[i][0], sizes[i][1]);
		CU_ASSERT_EQUAL(vgpu_png_write(path, &frame, &err), 0);
		CU_ASSERT_EQUAL(vgpu_png_read(path, &back, &err), 0);
		CU_ASSERT_TRUE(vgpu_frame_compare(&frame, &back, NULL, &difference));
	}
	vgpu_frame_fini(&frame);
	vgpu_frame_fini(&back);
	free(path);
	scene_folder_remove(folder);
}

static void equal_frames_make_equal_png_bytes(void)
{
	struct vgpu_frame frame = {0};
	uint8_t *a, *b;
	size_t a_len, b_len;

	make_frame(&frame, 100, 80);
	CU_ASSERT_EQUAL_FATAL(vgpu_png_encode(&frame, &a, &a_len), 0);
	CU_ASSERT_EQUAL_FATAL(vgpu_png_encode(&frame, &b, &b_len), 0);
	CU_ASSERT_EQUAL_FATAL(a_len, b_len);
	CU_ASSERT_EQUAL(memcmp(a, b, a_len), 0);
	free(a);
	free(b);
	vgpu_frame_fini(&frame);
}

static void broken_png_is_refused(void)
{
	char *folder = scene_folder(), *path = scene_path(folder, "a.png");
	struct vgpu_frame frame = {0}, back = {0};
	struct vgpu_error err;
	uint8_t *bytes;
	size_t len;

	make_frame(&frame, 20, 20);
	CU_ASSERT_EQUAL_FATAL(vgpu_png_encode(&frame, &bytes, &len), 0);
	CU_ASSERT_EQUAL(vgpu_png_read(path, &back, &err), -ENOENT);
	for (size_t cut = 0; cut < len - 12; cut++) {
		put_file(path, bytes, cut);
		CU_ASSERT_EQUAL(vgpu_png_read(path, &back, &err), -EBADMSG);
	}
	/* A width that is too large; the header's checksum no longer fits either. */
	bytes[16] = 0x7f;
	put_file(path, bytes, len);
	CU_ASSERT_EQUAL(vgpu_png_read(path, &back, &err), -EBADMSG);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "a.png: "));
	free(bytes);
	frame.width = 0;
	CU_ASSERT_EQUAL(vgpu_png_encode(&frame, &bytes, &len), -EINVAL);
	frame.width = VGPU_PNG_SIDE_MAX + 1;
	CU_ASSERT_EQUAL(vgpu_png_encode(&frame, &bytes, &len), -EINVAL);
	CU_ASSERT_EQUAL(vgpu_png_write("/nonexistent/a.png", &frame, &err), -EINVAL);
	frame.width = 20;
	CU_ASSERT_EQUAL(vgpu_png_write("/nonexistent/a.png", &frame, &err), -ENOENT);
	vgpu_frame_fini(&frame);
	vgpu_frame_fini(&back);
	free(path);
	scene_folder_remove(folder);
}

/* ---- comparison ------------------------------------------------------------------------------ */

static void a_difference_is_found_and_described(void)
{
	struct vgpu_frame a = {0}, b = {0}, picture = {0};
	struct vgpu_frame_difference difference;
	char text[VGPU_DIFFERENCE_TEXT];

	make_frame(&a, 10, 10);
	make_frame(&b, 10, 10);
	CU_ASSERT_TRUE(vgpu_frame_compare(&a, &b, NULL, &difference));
	memset(a.rgb, 0, 300);
	memset(b.rgb, 0, 300);
	b.rgb[(3 * 10 + 7) * 3] = 2;
	b.rgb[(5 * 10 + 2) * 3 + 1] = 9;
	CU_ASSERT_FALSE(vgpu_frame_compare(&a, &b, NULL, &difference));
	CU_ASSERT_EQUAL(difference.pixels, 2);
	CU_ASSERT_EQUAL(difference.largest, 9);
	vgpu_frame_difference_text(&difference, &a, &b, text);
	CU_ASSERT_STRING_EQUAL(text, "2 pixels differ in 6x3+2+3, first at 7,3: expected #000000, "
				     "got #020000");
	CU_ASSERT_EQUAL(vgpu_frame_difference_picture(&a, &b, &picture), 0);
	CU_ASSERT_EQUAL(picture.rgb[(3 * 10 + 7) * 3], 0xe0);
	CU_ASSERT_EQUAL(picture.rgb[0], 160);
	make_frame(&b, 9, 11);
	CU_ASSERT_FALSE(vgpu_frame_compare(&a, &b, NULL, &difference));
	vgpu_frame_difference_text(&difference, &a, &b, text);
	CU_ASSERT_STRING_EQUAL(text, "expected 10x10 pixels, got 9x11");
	CU_ASSERT_EQUAL(vgpu_frame_difference_picture(&a, &b, &picture), 0);
	CU_ASSERT_EQUAL(picture.width, 10);
	CU_ASSERT_EQUAL(picture.height, 11);
	vgpu_frame_fini(&a);
	vgpu_frame_fini(&b);
	vgpu_frame_fini(&picture);
}

static void tolerance_and_ignored_areas_are_as_large_as_said(void)
{
	const struct vgpu_rect area = {4, 4, 2, 1};
	struct vgpu_compare_rules rules = {.tolerance = 2};
	struct vgpu_frame a = {0}, b = {0};
	struct vgpu_frame_difference difference;

	make_frame(&a, 10, 10);
	make_frame(&b, 10, 10);
	a.rgb[0] = 10;
	b.rgb[0] = 12;
	CU_ASSERT_TRUE(vgpu_frame_compare(&a, &b, &rules, &difference));
	b.rgb[0] = 13;
	CU_ASSERT_FALSE(vgpu_frame_compare(&a, &b, &rules, &difference));
	b.rgb[0] = 10;
	rules = (struct vgpu_compare_rules){.ignore = &area, .num_ignore = 1};
	b.rgb[(4 * 10 + 5) * 3] ^= 0x80;
	CU_ASSERT_TRUE(vgpu_frame_compare(&a, &b, &rules, &difference));
	b.rgb[(4 * 10 + 6) * 3] ^= 0x80;
	CU_ASSERT_FALSE(vgpu_frame_compare(&a, &b, &rules, &difference));
	CU_ASSERT_EQUAL(difference.pixels, 1);
	vgpu_frame_fini(&a);
	vgpu_frame_fini(&b);
}

/* ---- manifest ----------------------------------------------------------------------------------
 */

#define HASH "\"00112233445566778899aabbccddeeff\""
#define HEAD                                                                                       \
	"{\"format\":1,\"trace\":{\"file\":\"a.trace\",\"xxh3_128\":" HASH "},"                    \
	"\"confirmed_by\":\"QEMU\","
#define FRAME(number)                                                                              \
	"{\"number\":" number ",\"scanout\":0,\"width\":4,\"height\":4,\"hash\":" HASH "}"

static struct vgpu_golden *load_text(const char *text, struct vgpu_error *err)
{
	char *folder = scene_folder(), *path = scene_path(folder, VGPU_GOLDEN_MANIFEST);
	int status;

	put_file(path, text, strlen(text));
	struct vgpu_golden *golden = vgpu_golden_load(folder, &status, err);
	CU_ASSERT_EQUAL(golden == NULL, status < 0);
	free(path);
	scene_folder_remove(folder);
	return golden;
}

static void a_manifest_comes_back_as_it_was(void)
{
	char *folder = scene_folder();
	struct vgpu_golden_frame frames[] = {
		{.number = 0, .width = 64, .height = 48, .hash = {{1}}, .png = "frame-000000.png"},
		{.number = 7, .scanout_id = 3, .width = 1, .height = 2, .hash = {{2}}},
	};
	struct vgpu_rect area = {1, 2, 3, 4};
	struct vgpu_golden_exception exceptions[] = {
		{.first = 7,
		 .last = 9,
		 .target = "qemu",
		 .reason = "a \"reason\"",
		 .tolerance = 3,
		 .ignore = &area,
		 .num_ignore = 1},
		{.first = 0, .last = 0, .reason = "other", .fails = true},
	};
	struct vgpu_golden golden = {.trace = "x.trace",
				     .trace_hash = {{9}},
				     .confirmed_by = "QEMU 7.2",
				     .frames = frames,
				     .num_frames = 2,
				     .exceptions = exceptions,
				     .num_exceptions = 2};
	struct vgpu_error err;
	int status;

	CU_ASSERT_EQUAL_FATAL(vgpu_golden_save(&golden, folder, &err), 0);
	struct vgpu_golden *back = vgpu_golden_load(folder, &status, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(back);
	CU_ASSERT_STRING_EQUAL(back->trace, "x.trace");
	CU_ASSERT_STRING_EQUAL(back->confirmed_by, "QEMU 7.2");
	CU_ASSERT_TRUE(vgpu_frame_hash_equal(&back->trace_hash, &golden.trace_hash));
	CU_ASSERT_EQUAL_FATAL(back->num_frames, 2);
	CU_ASSERT_STRING_EQUAL(back->frames[0].png, "frame-000000.png");
	const struct vgpu_golden_frame *frame = vgpu_golden_find(back, 7);
	CU_ASSERT_PTR_EQUAL_FATAL(frame, &back->frames[1]);
	CU_ASSERT_PTR_NULL(frame->png);
	CU_ASSERT_EQUAL(frame->scanout_id, 3);
	CU_ASSERT_PTR_NULL(vgpu_golden_find(back, 6));
	CU_ASSERT_PTR_NULL(vgpu_golden_exception(back, 8, "builtin"));
	const struct vgpu_golden_exception *exception = vgpu_golden_exception(back, 8, "qemu");
	CU_ASSERT_PTR_NOT_NULL_FATAL(exception);
	CU_ASSERT_EQUAL(exception->tolerance, 3);
	CU_ASSERT_STRING_EQUAL(exception->reason, "a \"reason\"");
	CU_ASSERT_EQUAL_FATAL(exception->num_ignore, 1);
	CU_ASSERT_EQUAL(exception->ignore[0].height, 4);
	CU_ASSERT_TRUE(vgpu_golden_exception(back, 0, "builtin")->fails);
	vgpu_golden_free(back);
	CU_ASSERT_EQUAL(vgpu_golden_save(&golden, "/nonexistent", &err), -ENOENT);
	scene_folder_remove(folder);
}

static void a_bad_manifest_is_refused_with_its_fault(void)
{
	static const struct {
		const char *text, *fault;
	} cases[] = {
		{"", "not JSON"},
		{"[]", "not a golden manifest"},
		{"{\"format\":2}", "format 2"},
		{"{\"format\":1.5}", "not a golden manifest"},
		{"{\"format\":1}", "no trace"},
		{"{\"format\":1,\"trace\":{\"file\":\"a\",\"xxh3_128\":\"00\"}}", "no trace"},
		{"{\"format\":1,\"trace\":{\"file\":\"a\",\"xxh3_128\":" HASH "},\"frames\":[]}",
		 "not confirmed"},
		{HEAD "\"frames\":{}}", "no list of frames"},
		{HEAD "\"frames\":[1]}", "a frame without"},
		{HEAD "\"frames\":[" FRAME("-1") "]}", "a frame without"},
		{HEAD "\"frames\":[" FRAME("1e300") "]}", "a frame without"},
		{HEAD "\"frames\":[" FRAME("3") "," FRAME("3") "]}", "not in the order"},
		{HEAD
		 "\"frames\":[{\"number\":0,\"scanout\":16,\"width\":4,\"height\":4,\"hash\":" HASH
		 "}]}",
		 "a frame without"},
		{HEAD
		 "\"frames\":[{\"number\":0,\"scanout\":0,\"width\":4,\"height\":4,\"hash\":" HASH
		 ",\"png\":\"../x.png\"}]}",
		 "not a file name"},
		{HEAD "\"frames\":[],\"exceptions\":1}", "not a list"},
		{HEAD "\"frames\":[],\"exceptions\":[{\"first\":0,\"last\":1}]}",
		 "without a reason"},
		{HEAD "\"frames\":[],\"exceptions\":[{\"first\":2,\"last\":1,\"reason\":\"r\"}]}",
		 "without first and last"},
		{HEAD "\"frames\":[],\"exceptions\":[{\"first\":0,\"last\":1,\"reason\":\"r\","
		      "\"tolerance\":256}]}",
		 "tolerance"},
		{HEAD "\"frames\":[],\"exceptions\":[{\"first\":0,\"last\":1,\"reason\":\"r\","
		      "\"ignore\":[{}]}]}",
		 "rectangle"},
	};
	struct vgpu_error err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct vgpu_golden *golden = load_text(cases[i].text, &err);
		CU_ASSERT_PTR_NULL(golden);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, cases[i].fault));
		vgpu_golden_free(golden);
	}
	struct vgpu_golden *good = load_text(HEAD "\"frames\":[" FRAME("3") "]}", &err);
	CU_ASSERT_PTR_NOT_NULL(good);
	vgpu_golden_free(good);
}

static void a_missing_manifest_is_told_from_a_broken_one(void)
{
	char *folder = scene_folder(), *path = scene_path(folder, VGPU_GOLDEN_MANIFEST);
	struct vgpu_error err;
	int status;

	CU_ASSERT_PTR_NULL(vgpu_golden_load(folder, &status, &err));
	CU_ASSERT_EQUAL(status, -ENOENT);
	CU_ASSERT_EQUAL(mkdir(path, 0777), 0);
	CU_ASSERT_PTR_NULL(vgpu_golden_load(folder, &status, &err));
	CU_ASSERT_EQUAL(status, -EISDIR);
	free(path);
	scene_folder_remove(folder);
}

static void pictures_are_kept_up_to_the_limit(void)
{
	char *folder = scene_folder();
	struct vgpu_pictures *pictures = vgpu_pictures_new(folder, 2 * 300);
	static const char *const names[] = {"a.png", "b.png", "c.png"};
	struct vgpu_frame frame = {0};
	struct vgpu_error err;

	CU_ASSERT_PTR_NOT_NULL_FATAL(pictures);
	for (int i = 0; i < 3; i++) {
		char *path = scene_path(folder, names[i]);
		make_frame(&frame, 10, 10);
		frame.rgb[0] = (uint8_t)i;
		CU_ASSERT_EQUAL(vgpu_png_write(path, &frame, &err), 0);
		const struct vgpu_frame *picture = vgpu_pictures_get(pictures, names[i], &err);
		CU_ASSERT_PTR_NOT_NULL_FATAL(picture);
		CU_ASSERT_EQUAL(picture->rgb[0], i);
		unlink(path);
		free(path);
	}
	/* Of the files nothing is left: what comes now comes from memory. */
	CU_ASSERT_PTR_NOT_NULL(vgpu_pictures_get(pictures, "b.png", &err));
	CU_ASSERT_PTR_NOT_NULL(vgpu_pictures_get(pictures, "c.png", &err));
	CU_ASSERT_PTR_NULL(vgpu_pictures_get(pictures, "a.png", &err));
	vgpu_pictures_free(pictures);
	vgpu_frame_fini(&frame);
	scene_folder_remove(folder);
}

static void pictures_that_are_read_ahead_are_the_same(void)
{
	static const char *const names[] = {"0.png", "1.png", "2.png", "3.png", "4.png", "5.png"};
	char *folder = scene_folder();
	struct vgpu_golden_frame frames[6] = {0};
	const struct vgpu_golden golden = {.frames = frames, .num_frames = 6};
	struct vgpu_frame frame = {0};
	struct vgpu_error err;

	for (unsigned int i = 0; i < 6; i++) {
		char *path = scene_path(folder, names[i]);
		make_frame(&frame, 10, 10);
		frame.rgb[0] = (uint8_t)i;
		/* The last one is not there. */
		if (i < 5)
			CU_ASSERT_EQUAL(vgpu_png_write(path, &frame, &err), 0);
		free(path);
		frames[i].number = i;
		frames[i].png = (char *)(uintptr_t)names[i];
	}
	/* With room for all, for some, and for one of them. */
	for (uint64_t room = 1; room <= 6; room += 2) {
		struct vgpu_pictures *pictures = vgpu_pictures_new(folder, room * 300);

		CU_ASSERT_PTR_NOT_NULL_FATAL(pictures);
		vgpu_pictures_read_ahead(pictures, &golden, 1, 5);
		for (unsigned int i = 0; i < 12; i++) {
			unsigned int at = i * 5 % 6;
			const struct vgpu_frame *picture =
				vgpu_pictures_get(pictures, names[at], &err);

			CU_ASSERT_EQUAL(picture == NULL, at == 5);
			if (picture != NULL)
				CU_ASSERT_EQUAL(picture->rgb[0], at);
		}
		vgpu_pictures_free(pictures);
	}
	vgpu_frame_fini(&frame);
	scene_folder_remove(folder);
}

static const struct unit_test tests[] = {
	{"a PNG comes back as it was", png_comes_back_as_it_was},
	{"equal frames make equal PNG bytes", equal_frames_make_equal_png_bytes},
	{"a broken PNG is refused", broken_png_is_refused},
	{"a difference is found and described", a_difference_is_found_and_described},
	{"tolerance and ignored areas are as large as said",
	 tolerance_and_ignored_areas_are_as_large_as_said},
	{"a manifest comes back as it was", a_manifest_comes_back_as_it_was},
	{"a bad manifest is refused with its fault", a_bad_manifest_is_refused_with_its_fault},
	{"a missing manifest is told from a broken one",
	 a_missing_manifest_is_told_from_a_broken_one},
	{"pictures are kept up to the limit", pictures_are_kept_up_to_the_limit},
	{"pictures that are read ahead are the same", pictures_that_are_read_ahead_are_the_same},
	{NULL, NULL},
};

const struct unit_suite golden_suite = {"golden", tests};
