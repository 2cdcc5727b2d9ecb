/* SPDX-License-Identifier: MIT */
/*
 * The EDID of a scanout: VESA E-EDID 1.4 base block and a DisplayID 1.3
 * extension. The 18-byte timing of the base block ends at 4095 pixels and
 * 655.35 MHz; DisplayID says every size, so one extension serves all of them.
 * The bytes depend on the arguments alone: a recording can be answered again.
 */
#include "vgpu.h"

#include <stdio.h>
#include <string.h>

#define BLOCK_SIZE     128
#define REFRESH_HZ     60
#define VENDOR	       "VGP"
#define PRODUCT	       1
#define WEEK	       1
#define YEAR	       2024
#define SIZE_MAX_PX    16384
#define DEFAULT_WIDTH  1024
#define DEFAULT_HEIGHT 768

/* CVT reduced blanking version 2: everything but the vertical front porch is fixed. */
#define H_FRONT	       8
#define H_SYNC	       32
#define H_BLANK	       80
#define V_SYNC	       8
#define V_BACK_MIN     6
#define V_BLANK_MIN    (1 + V_SYNC + V_BACK_MIN)
#define V_BLANK_MIN_US 460
#define US_PER_S       1000000

#define CLOCK_STEP 10000
/*
 * No display has less than 10 MHz, and readers of an EDID take it for rubbish:
 * the blanking of a small picture grows until all of it is this large.
 */
#define CLOCK_MIN    1000
#define SMALL_WIDTH  408
#define SMALL_HEIGHT 409

/* An 18-byte timing has six bits for the vertical front porch. */
#define V_FRONT_MAX 63

/* Where the 18-byte timing of the base block ends. */
#define DTD_SIZE_MAX  4095
#define DTD_CLOCK_MAX 65535

struct timing {
	uint32_t clock; /* in CLOCK_STEP, the unit of both kinds of timing */
	uint32_t width, h_blank;
	uint32_t height, v_blank, v_front;
};

struct mode {
	uint16_t width, height;
};

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

static uint32_t clock_steps(const struct timing *t)
{
	uint64_t pixels = (uint64_t)(t->width + t->h_blank) * (t->height + t->v_blank);

	return (uint32_t)((pixels * REFRESH_HZ + CLOCK_STEP / 2) / CLOCK_STEP);
}

static struct timing reduced_blanking(uint32_t width, uint32_t height)
{
	struct timing t = {.width = width, .height = height, .h_blank = H_BLANK};
	/* floor(460 us / line period) + 1 lines, the period being what the active lines share */
	uint32_t lines =
		V_BLANK_MIN_US * REFRESH_HZ * height / (US_PER_S - V_BLANK_MIN_US * REFRESH_HZ) + 1;

	t.v_blank = max_u32(lines, V_BLANK_MIN);
	if (clock_steps(&t) < CLOCK_MIN) {
		t.h_blank = max_u32(t.h_blank, SMALL_WIDTH - min_u32(width, SMALL_WIDTH));
		t.v_blank = max_u32(t.v_blank, SMALL_HEIGHT - min_u32(height, SMALL_HEIGHT));
	}
	t.v_front = min_u32(t.v_blank - V_SYNC - V_BACK_MIN, V_FRONT_MAX);
	t.clock = clock_steps(&t);
	return t;
}

static bool fits_dtd(const struct timing *t)
{
	return t->width <= DTD_SIZE_MAX && t->height <= DTD_SIZE_MAX && t->clock <= DTD_CLOCK_MAX;
}

/* The preferred timing, halved until the base block can say it. */
static struct timing base_timing(const struct timing *preferred)
{
	struct timing t = *preferred;

	while (!fits_dtd(&t))
		t = reduced_blanking(max_u32(t.width / 2, 1), max_u32(t.height / 2, 1));
	return t;
}

static void put_le16(uint8_t *p, uint32_t value)
{
	p[0] = value & 0xff;
	p[1] = value >> 8 & 0xff;
}

static void put_le32(uint8_t *p, uint32_t value)
{
	put_le16(p, value);
	put_le16(p + 2, value >> 16);
}

static uint8_t checksum(const uint8_t *bytes, size_t len)
{
	uint8_t sum = 0;

	for (size_t i = 0; i < len; i++)
		sum += bytes[i];
	return (uint8_t)-sum;
}

/* ---- physical size: 100 pixels to the inch --------------------------------- */

static uint32_t tenths_of_mm(uint32_t px)
{
	return px * 254 / 100;
}

/*
 * Width and height in a unit of so many tenths of a millimeter, at least 1.
 * Both are zero, which means unknown, if one is more than max.
 */
static void image_size(const struct timing *t, uint32_t unit, uint32_t max, uint32_t *width,
		       uint32_t *height)
{
	uint32_t w = tenths_of_mm(t->width);
	uint32_t h = tenths_of_mm(t->height);

	*width = *height = 0;
	if (w >= (max + 1) * unit || h >= (max + 1) * unit)
		return;
	*width = max_u32(min_u32((w + unit / 2) / unit, max), 1);
	*height = max_u32(min_u32((h + unit / 2) / unit, max), 1);
}

/* ---- base block ------------------------------------------------------------ */

/* Zero would mean that there is no serial number. */
static uint32_t serial(uint32_t scanout_id)
{
	return scanout_id + 1;
}

static void put_identity(uint8_t *edid, uint32_t scanout_id)
{
	static const uint8_t header[8] = {0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00};
	/* Three letters of five bits, A being 1. */
	uint32_t vendor = (VENDOR[0] - '@') << 10 | (VENDOR[1] - '@') << 5 | (VENDOR[2] - '@');

	memcpy(edid, header, sizeof(header));
	edid[8] = vendor >> 8;
	edid[9] = vendor & 0xff;
	put_le16(edid + 10, PRODUCT);
	put_le32(edid + 12, serial(scanout_id));
	edid[16] = WEEK;
	edid[17] = YEAR - 1990;
	edid[18] = 1;
	edid[19] = 4;
}

static void put_parameters(uint8_t *edid, const struct timing *preferred)
{
	/* sRGB: red .640 .330, green .300 .600, blue .150 .060, white .3127 .3290 */
	static const uint8_t srgb[10] = {0xee, 0x91, 0xa3, 0x54, 0x4c,
					 0x99, 0x26, 0x0f, 0x50, 0x54};
	uint32_t width_cm, height_cm;

	image_size(preferred, 100, 255, &width_cm, &height_cm);
	edid[20] = 0xa0; /* digital, 8 bits a color, no particular connector */
	edid[21] = width_cm;
	edid[22] = height_cm;
	edid[23] = 220 - 100; /* gamma 2.2 */
	edid[24] = 0x04;      /* RGB 4:4:4, sRGB, no frequencies but those of the timings */
	if (fits_dtd(preferred))
		edid[24] |= 0x02; /* the first timing is the native one */
	memcpy(edid + 25, srgb, sizeof(srgb));
}

static bool not_larger(const struct mode *mode, const struct timing *t)
{
	return mode->width <= t->width && mode->height <= t->height;
}

static void put_established_timings(uint8_t *edid, const struct timing *preferred)
{
	static const struct {
		struct mode mode;
		uint8_t byte, bit;
	} established[] = {
		{{640, 480}, 35, 1 << 5},
		{{800, 600}, 35, 1 << 0},
		{{1024, 768}, 36, 1 << 3},
	};

	for (size_t i = 0; i < sizeof(established) / sizeof(established[0]); i++)
		if (not_larger(&established[i].mode, preferred))
			edid[established[i].byte] |= established[i].bit;
}

static uint8_t standard_aspect(const struct mode *mode)
{
	if (mode->height * 16 == mode->width * 10)
		return 0;
	if (mode->height * 4 == mode->width * 3)
		return 1;
	if (mode->height * 5 == mode->width * 4)
		return 2;
	return 3; /* 16:9 */
}

static void put_standard_timings(uint8_t *edid, const struct timing *preferred)
{
	static const struct mode standard[8] = {
		{1920, 1200}, {1920, 1080}, {1600, 1200}, {1680, 1050},
		{1600, 900},  {1280, 1024}, {1280, 800},  {1280, 720},
	};
	uint8_t *out = edid + 38;

	memset(out, 0x01, 16); /* unused */
	for (size_t i = 0; i < sizeof(standard) / sizeof(standard[0]); i++) {
		if (!not_larger(&standard[i], preferred))
			continue;
		*out++ = standard[i].width / 8 - 31;
		*out++ = standard_aspect(&standard[i]) << 6 | (REFRESH_HZ - 60);
	}
}

/* Detailed timing descriptor, E-EDID 3.10.2. t must fit. */
static void put_dtd(uint8_t *dtd, const struct timing *t, const struct timing *preferred)
{
	uint32_t width_mm, height_mm;

	image_size(preferred, 10, 4095, &width_mm, &height_mm);
	put_le16(dtd, t->clock);
	dtd[2] = t->width & 0xff;
	dtd[3] = t->h_blank & 0xff;
	dtd[4] = t->width >> 8 << 4 | t->h_blank >> 8;
	dtd[5] = t->height & 0xff;
	dtd[6] = t->v_blank & 0xff;
	dtd[7] = t->height >> 8 << 4 | t->v_blank >> 8;
	dtd[8] = H_FRONT;
	dtd[9] = H_SYNC;
	dtd[10] = (t->v_front & 0xf) << 4 | V_SYNC;
	dtd[11] = t->v_front >> 4 << 2;
	dtd[12] = width_mm & 0xff;
	dtd[13] = height_mm & 0xff;
	dtd[14] = width_mm >> 8 << 4 | height_mm >> 8;
	dtd[17] = 0x1a; /* digital separate sync, horizontal positive, vertical negative */
}

static uint32_t line_khz(const struct timing *t)
{
	return (t->height + t->v_blank) * REFRESH_HZ / 1000;
}

/*
 * Display range limits, E-EDID 3.10.3.3.1. They reach to 510 kHz and 2550 MHz;
 * a display beyond that has none.
 */
static void put_range_limits(uint8_t *descriptor, const struct timing *preferred,
			     const struct timing *first)
{
	uint32_t lowest = min_u32(line_khz(first), line_khz(preferred));
	uint32_t min_khz = max_u32(min_u32(lowest, 30), 1);
	uint32_t max_khz = max_u32(line_khz(preferred) + 1, 160);
	uint32_t max_clock = max_u32((preferred->clock + 999) / 1000, 30);

	descriptor[3] = 0x10; /* nothing here */
	if (max_khz > 510 || max_clock > 255)
		return;
	descriptor[3] = 0xfd;
	descriptor[4] = max_khz > 255 ? 0x08 : 0;
	descriptor[5] = 50;
	descriptor[6] = 75;
	descriptor[7] = min_khz;
	descriptor[8] = max_khz > 255 ? max_khz - 255 : max_khz;
	descriptor[9] = max_clock;
	descriptor[10] = 0x01; /* no formula to make timings from */
	descriptor[11] = '\n';
	memset(descriptor + 12, ' ', 6);
}

/* A text of up to 13 characters; a shorter one ends in a line feed and blanks. */
static void put_text(uint8_t *descriptor, uint8_t tag, const char *format, uint32_t number)
	__attribute__((format(printf, 3, 0)));

static void put_text(uint8_t *descriptor, uint8_t tag, const char *format, uint32_t number)
{
	char text[32];
	size_t len;

	snprintf(text, sizeof(text), format, number);
	len = min_u32(strlen(text), 13);
	descriptor[3] = tag;
	memset(descriptor + 5, ' ', 13);
	memcpy(descriptor + 5, text, len);
	if (len < 13)
		descriptor[5 + len] = '\n';
}

static void put_base_block(uint8_t *edid, uint32_t scanout_id, const struct timing *preferred)
{
	struct timing first = base_timing(preferred);

	put_identity(edid, scanout_id);
	put_parameters(edid, preferred);
	put_established_timings(edid, preferred);
	put_standard_timings(edid, preferred);
	put_dtd(edid + 54, &first, preferred);
	put_text(edid + 72, 0xfc, "vgpu %u", scanout_id);
	put_text(edid + 90, 0xff, "%u", serial(scanout_id));
	put_range_limits(edid + 108, preferred, &first);
	edid[126] = 1;
	edid[127] = checksum(edid, BLOCK_SIZE - 1);
}

/* ---- DisplayID extension ----------------------------------------------------- */

/* Product identification, DisplayID 1.3 section 4.1. Returns the end of the block. */
static uint8_t *put_product(uint8_t *p, uint32_t scanout_id)
{
	p[0] = 0x00;
	p[2] = 12;
	memcpy(p + 3, VENDOR, 3);
	put_le16(p + 6, PRODUCT);
	put_le32(p + 8, serial(scanout_id));
	p[12] = WEEK;
	p[13] = YEAR - 2000;
	return p + 15;
}

/* Display parameters, DisplayID 1.3 section 4.2. Returns the end of the block. */
static uint8_t *put_display_parameters(uint8_t *p, const struct timing *t)
{
	uint32_t width, height;

	image_size(t, 1, 65535, &width, &height);
	p[0] = 0x01;
	p[2] = 12;
	put_le16(p + 3, width);
	put_le16(p + 5, height);
	put_le16(p + 7, t->width);
	put_le16(p + 9, t->height);
	p[11] = 0x00;	   /* no audio, no power management, no rotation */
	p[12] = 220 - 100; /* gamma 2.2 */
	p[13] = t->width >= t->height ? min_u32(t->width * 100 / t->height - 100, 255) : 0;
	p[14] = 0x77; /* 8 bits a color, both native and overall */
	return p + 15;
}

/* Display interface, DisplayID 1.3 section 4.13. Returns the end of the block. */
static uint8_t *put_interface(uint8_t *p)
{
	p[0] = 0x0f;
	p[2] = 10;
	p[3] = 0xb1; /* a digital interface of its own kind, one link */
	p[4] = 0x10; /* version 1.0 */
	p[5] = 0x02; /* RGB with 8 bits a color */
	return p + 13;
}

static uint8_t displayid_aspect(const struct timing *t)
{
	static const struct mode ratios[] = {{1, 1},  {5, 4},	{4, 3},	  {15, 9},
					     {16, 9}, {16, 10}, {64, 27}, {256, 135}};

	for (size_t i = 0; i < sizeof(ratios) / sizeof(ratios[0]); i++)
		if (t->width * ratios[i].height == t->height * ratios[i].width)
			return i;
	return 8; /* what width and height say */
}

/* Type I detailed timing, DisplayID 1.3 section 4.4.1: everything is stored less one. */
static void put_type_1_timing(uint8_t *p, const struct timing *t, bool preferred)
{
	put_le16(p, t->clock - 1);
	p[2] = (t->clock - 1) >> 16;
	p[3] = (preferred ? 0x80 : 0) | displayid_aspect(t);
	put_le16(p + 4, t->width - 1);
	put_le16(p + 6, t->h_blank - 1);
	put_le16(p + 8, (H_FRONT - 1) | 0x8000); /* sync is positive */
	put_le16(p + 10, H_SYNC - 1);
	put_le16(p + 12, t->height - 1);
	put_le16(p + 14, t->v_blank - 1);
	put_le16(p + 16, t->v_front - 1);
	put_le16(p + 18, V_SYNC - 1);
}

/* The preferred timing, and the sizes that a standard timing is too small for. */
static void put_timings(uint8_t *p, const struct timing *preferred)
{
	static const struct mode large[] = {{3840, 2160}, {2560, 1440}};
	uint8_t *timing = p + 3;

	put_type_1_timing(timing, preferred, true);
	for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
		struct timing t = reduced_blanking(large[i].width, large[i].height);

		if (!not_larger(&large[i], preferred) ||
		    (t.width == preferred->width && t.height == preferred->height))
			continue;
		timing += 20;
		put_type_1_timing(timing, &t, false);
	}
	p[0] = 0x03;
	p[2] = timing + 20 - (p + 3);
}

static void put_extension(uint8_t *block, uint32_t scanout_id, const struct timing *preferred)
{
	uint8_t *p = block + 5;

	block[0] = 0x70; /* DisplayID */
	block[1] = 0x13; /* version 1.3 */
	block[2] = BLOCK_SIZE - 7;
	block[3] = 3; /* a desktop display */
	p = put_product(p, scanout_id);
	p = put_display_parameters(p, preferred);
	p = put_interface(p);
	put_timings(p, preferred);
	block[126] = checksum(block + 1, BLOCK_SIZE - 3);
	block[127] = checksum(block, BLOCK_SIZE - 1);
}

void vgpu_edid(uint8_t edid[VGPU_EDID_SIZE], uint32_t scanout_id, uint32_t width, uint32_t height)
{
	struct timing preferred;

	/* A scanout that is off has no size, yet an answer (VG-EDI-007). */
	if (width == 0 || height == 0) {
		width = DEFAULT_WIDTH;
		height = DEFAULT_HEIGHT;
	}
	preferred = reduced_blanking(min_u32(width, SIZE_MAX_PX), min_u32(height, SIZE_MAX_PX));
	memset(edid, 0, VGPU_EDID_SIZE);
	put_base_block(edid, scanout_id, &preferred);
	put_extension(edid + BLOCK_SIZE, scanout_id, &preferred);
}
