/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include "vgpu.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct unit_suite edid_suite;

struct size {
	uint32_t width, height;
};

/* Sizes that people use, and those around the limits of a field. */
static const struct size sizes[] = {
	{1, 1},	      {16, 16},	    {320, 200},	  {409, 300},	  {640, 480},	{720, 400},
	{800, 600},   {1024, 768},  {1080, 1920}, {1279, 801},	  {1280, 720},	{1280, 800},
	{1366, 768},  {1920, 1080}, {1920, 1200}, {2560, 1440},	  {3440, 1440}, {3840, 2160},
	{4095, 2160}, {4096, 2160}, {4095, 4095}, {5120, 1440},	  {5120, 2880}, {7680, 4320},
	{10070, 500}, {1, 16384},   {16384, 1},	  {16384, 16384},
};
#define NUM_SIZES (sizeof(sizes) / sizeof(sizes[0]))

struct timing {
	uint64_t clock_hz;
	uint32_t width, h_blank, h_front, h_sync;
	uint32_t height, v_blank, v_front, v_sync;
};

static uint32_t le16(const uint8_t *p)
{
	return p[0] | (uint32_t)p[1] << 8;
}

static struct timing dtd(const uint8_t *p)
{
	return (struct timing){
		.clock_hz = le16(p) * 10000ull,
		.width = p[2] | (p[4] & 0xf0u) << 4,
		.h_blank = p[3] | (p[4] & 0x0fu) << 8,
		.h_front = p[8] | (p[11] & 0xc0u) << 2,
		.h_sync = p[9] | (p[11] & 0x30u) << 4,
		.height = p[5] | (p[7] & 0xf0u) << 4,
		.v_blank = p[6] | (p[7] & 0x0fu) << 8,
		.v_front = p[10] >> 4 | (p[11] & 0x0cu) << 2,
		.v_sync = (p[10] & 0x0f) | (p[11] & 0x03u) << 4,
	};
}

static struct timing type_1(const uint8_t *p)
{
	return (struct timing){
		.clock_hz = ((le16(p) | (uint32_t)p[2] << 16) + 1) * 10000ull,
		.width = le16(p + 4) + 1,
		.h_blank = le16(p + 6) + 1,
		.h_front = (le16(p + 8) & 0x7fff) + 1,
		.h_sync = le16(p + 10) + 1,
		.height = le16(p + 12) + 1,
		.v_blank = le16(p + 14) + 1,
		.v_front = (le16(p + 16) & 0x7fff) + 1,
		.v_sync = le16(p + 18) + 1,
	};
}

/* The data block of the DisplayID extension with this tag; NULL if it has none. */
static const uint8_t *data_block(const uint8_t *edid, uint8_t tag)
{
	const uint8_t *section = edid + 128;
	const uint8_t *end = section + 5 + section[2];

	for (const uint8_t *p = section + 5; p + 3 <= end && p[2] != 0; p += 3 + p[2])
		if (p[0] == tag)
			return p;
	return NULL;
}

static uint8_t sum(const uint8_t *bytes, size_t len)
{
	uint8_t total = 0;

	for (size_t i = 0; i < len; i++)
		total += bytes[i];
	return total;
}

static bool is_60_hz(const struct timing *t)
{
	uint64_t pixels = (uint64_t)(t->width + t->h_blank) * (uint64_t)(t->height + t->v_blank);
	uint64_t millihertz = t->clock_hz * 1000 / pixels;

	return millihertz >= 59900 && millihertz <= 60100;
}

static bool porches_fit(const struct timing *t)
{
	return t->h_front + t->h_sync < t->h_blank && t->v_front + t->v_sync < t->v_blank;
}

static void is_well_formed_at_every_size(void)
{
	static const uint8_t header[8] = {0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00};
	uint8_t edid[VGPU_EDID_SIZE];

	for (size_t i = 0; i < NUM_SIZES; i++) {
		memset(edid, 0xaa, sizeof(edid));
		vgpu_edid(edid, 0, sizes[i].width, sizes[i].height);
		CU_ASSERT_EQUAL(memcmp(edid, header, sizeof(header)), 0);
		CU_ASSERT_EQUAL(edid[18], 1);
		CU_ASSERT_EQUAL(edid[19], 4);
		CU_ASSERT_EQUAL(edid[126], 1);
		CU_ASSERT_EQUAL(edid[128], 0x70);
		CU_ASSERT_EQUAL(sum(edid, 128), 0);
		CU_ASSERT_EQUAL(sum(edid + 128, 128), 0);
		CU_ASSERT_EQUAL(sum(edid + 129, 126), 0);
	}
}

static void extension_prefers_the_size_at_60_hz(void)
{
	uint8_t edid[VGPU_EDID_SIZE];

	for (size_t i = 0; i < NUM_SIZES; i++) {
		vgpu_edid(edid, 0, sizes[i].width, sizes[i].height);
		const uint8_t *block = data_block(edid, 0x03);
		CU_ASSERT_PTR_NOT_NULL_FATAL(block);
		struct timing t = type_1(block + 3);
		CU_ASSERT_EQUAL(block[6] & 0x80, 0x80);
		CU_ASSERT_EQUAL(t.width, sizes[i].width);
		CU_ASSERT_EQUAL(t.height, sizes[i].height);
		CU_ASSERT(is_60_hz(&t));
		CU_ASSERT(porches_fit(&t));
	}
}

static void base_block_prefers_the_size_where_it_can(void)
{
	uint8_t edid[VGPU_EDID_SIZE];

	for (size_t i = 0; i < NUM_SIZES; i++) {
		vgpu_edid(edid, 0, sizes[i].width, sizes[i].height);
		struct timing native = type_1(data_block(edid, 0x03) + 3);
		struct timing first = dtd(edid + 54);
		bool fits = native.width <= 4095 && native.height <= 4095 &&
			    native.clock_hz <= 655350000;

		CU_ASSERT_EQUAL((edid[24] & 0x02) != 0, fits);
		CU_ASSERT(is_60_hz(&first));
		CU_ASSERT(porches_fit(&first));
		if (fits) {
			CU_ASSERT_EQUAL(first.width, sizes[i].width);
			CU_ASSERT_EQUAL(first.height, sizes[i].height);
		} else {
			CU_ASSERT(first.width <= sizes[i].width);
			CU_ASSERT(first.height <= sizes[i].height);
			CU_ASSERT(first.width < sizes[i].width || first.height < sizes[i].height);
		}
	}
}

static uint32_t standard_height(const uint8_t *p)
{
	static const struct size ratios[4] = {{16, 10}, {4, 3}, {5, 4}, {16, 9}};
	uint32_t width = (p[0] + 31u) * 8;

	return width * ratios[p[1] >> 6].height / ratios[p[1] >> 6].width;
}

static void offers_no_mode_larger_than_the_size(void)
{
	uint8_t edid[VGPU_EDID_SIZE];

	for (size_t i = 0; i < NUM_SIZES; i++) {
		const struct size *size = &sizes[i];

		vgpu_edid(edid, 0, size->width, size->height);
		bool vga = size->width >= 640 && size->height >= 480;
		CU_ASSERT_EQUAL((edid[35] & 0x20) != 0, vga);
		for (const uint8_t *p = edid + 38; p < edid + 54; p += 2) {
			if (p[0] == 1 && p[1] == 1)
				continue;
			CU_ASSERT((p[0] + 31u) * 8 <= size->width);
			CU_ASSERT(standard_height(p) <= size->height);
		}
		const uint8_t *block = data_block(edid, 0x03);
		for (unsigned int at = 3; at < 3u + block[2]; at += 20) {
			struct timing t = type_1(block + at);
			CU_ASSERT(t.width <= size->width && t.height <= size->height);
			CU_ASSERT(is_60_hz(&t));
		}
	}
}

static void depends_on_its_arguments_alone(void)
{
	uint8_t first[VGPU_EDID_SIZE], again[VGPU_EDID_SIZE], other[VGPU_EDID_SIZE];

	vgpu_edid(first, 0, 1280, 800);
	vgpu_edid(other, 15, 1280, 800);
	vgpu_edid(again, 0, 1280, 800);
	CU_ASSERT_EQUAL(memcmp(first, again, sizeof(first)), 0);
	CU_ASSERT_EQUAL(le16(first + 12), 1);
	CU_ASSERT_EQUAL(le16(other + 12), 16);
	CU_ASSERT_EQUAL(memcmp(first + 77, "vgpu 0\n", 7), 0);
	CU_ASSERT_EQUAL(memcmp(other + 77, "vgpu 15\n", 8), 0);
	vgpu_edid(other, UINT32_MAX, 1280, 800);
	CU_ASSERT_EQUAL(memcmp(other + 77, "vgpu 42949672", 13), 0);
}

static void sizes_outside_the_range_have_a_stand_in(void)
{
	uint8_t edid[VGPU_EDID_SIZE], expected[VGPU_EDID_SIZE];

	vgpu_edid(expected, 0, 1024, 768);
	vgpu_edid(edid, 0, 0, 0);
	CU_ASSERT_EQUAL(memcmp(edid, expected, sizeof(edid)), 0);
	vgpu_edid(edid, 0, 640, 0);
	CU_ASSERT_EQUAL(memcmp(edid, expected, sizeof(edid)), 0);
	vgpu_edid(expected, 0, 16384, 16384);
	vgpu_edid(edid, 0, UINT32_MAX, 16385);
	CU_ASSERT_EQUAL(memcmp(edid, expected, sizeof(edid)), 0);
}

/* Whether edid-decode's report on a file ends well; its failures go to stderr. */
static bool conforms(const char *path)
{
	char command[128], report[16384];

	snprintf(command, sizeof(command), "edid-decode --check %s 2>&1", path);
	FILE *pipe = popen(command, "r");
	if (pipe == NULL)
		return false;
	size_t len = fread(report, 1, sizeof(report) - 1, pipe);
	int status = pclose(pipe);
	report[len] = '\0';
	const char *failures = strstr(report, "Failures:");
	if (failures != NULL)
		fprintf(stderr, "%s", failures);
	return status == 0 && strstr(report, "EDID conformity: PASS") != NULL;
}

static void edid_decode_finds_no_failure(void)
{
	char path[] = "/tmp/vgpu-edid-XXXXXX";
	uint8_t edid[VGPU_EDID_SIZE];

	if (system("command -v edid-decode >/dev/null") != 0) {
		printf("skipped: edid-decode is not installed\n");
		return;
	}
	int fd = mkstemp(path);
	CU_ASSERT_FATAL(fd >= 0);
	for (size_t i = 0; i < NUM_SIZES; i++) {
		vgpu_edid(edid, i % VGPU_MAX_SCANOUTS, sizes[i].width, sizes[i].height);
		CU_ASSERT_EQUAL(pwrite(fd, edid, sizeof(edid), 0), (ssize_t)sizeof(edid));
		CU_ASSERT(conforms(path));
	}
	close(fd);
	unlink(path);
}

static const struct unit_test tests[] = {
	{"is well-formed at every size (VG-EDI-004)", is_well_formed_at_every_size},
	{"extension prefers the size at 60 Hz", extension_prefers_the_size_at_60_hz},
	{"base block prefers the size where it can (VG-EDI-005)",
	 base_block_prefers_the_size_where_it_can},
	{"offers no mode larger than the size", offers_no_mode_larger_than_the_size},
	{"depends on its arguments alone (VG-EDI-011)", depends_on_its_arguments_alone},
	{"sizes outside the range have a stand-in", sizes_outside_the_range_have_a_stand_in},
	{"edid-decode finds no failure", edid_decode_finds_no_failure},
	{NULL, NULL},
};

const struct unit_suite edid_suite = {"edid", tests};
