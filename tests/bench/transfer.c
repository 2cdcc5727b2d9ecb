/* SPDX-License-Identifier: MIT */
/* TRANSFER_TO_HOST_2D of the device alone, beside a memcpy of the same bytes. */
#include "bench/bench.h"
#include "bench/guest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define PAGE 4096u
/* One run copies about as much. */
#define RUN_BYTES (256ull << 20)

struct picture {
	struct guest guest;
	uint32_t width, height;
	uint64_t size;
	uint8_t *copy; /* where memcpy copies to */
};

static unsigned int repeats(const struct picture *picture)
{
	return (unsigned int)(RUN_BYTES / picture->size) + 1;
}

static int run_transfer(void *opaque, double *value, struct vgpu_error *err)
{
	struct picture *picture = opaque;
	const struct vgpu_rect all = {.width = picture->width, .height = picture->height};
	unsigned int count = repeats(picture);
	double begin = bench_cpu_seconds();

	for (unsigned int i = 0; i < count; i++) {
		int ret = guest_transfer(&picture->guest, 1, &all, 0, err);
		if (ret < 0)
			return ret;
	}
	*value = (double)(picture->size * count) / (bench_cpu_seconds() - begin);
	return 0;
}

static int run_memcpy(void *opaque, double *value, struct vgpu_error *err)
{
	struct picture *picture = opaque;
	unsigned int count = repeats(picture);
	double begin = bench_cpu_seconds();

	(void)err;
	for (unsigned int i = 0; i < count; i++) {
		memcpy(picture->copy, guest_memory(&picture->guest, 0), picture->size);
		/* So that the copy is not taken for useless. */
		__asm__ volatile("" : : "r"(picture->copy) : "memory");
	}
	*value = (double)(picture->size * count) / (bench_cpu_seconds() - begin);
	return 0;
}

/* The pages of the picture in an order that repeats in no pattern. */
static int attach_scattered(struct picture *picture, struct vgpu_error *err)
{
	uint32_t num = (uint32_t)((picture->size + PAGE - 1) / PAGE);
	uint64_t *offsets = calloc(num, sizeof(*offsets));
	uint32_t state = 1;

	if (offsets == NULL)
		return vgpu_error_set(err, ENOMEM, "out of memory");
	for (uint32_t i = 0; i < num; i++)
		offsets[i] = (uint64_t)i * PAGE;
	for (uint32_t i = num - 1; i > 0; i--) {
		state = state * 1664525 + 1013904223;
		uint32_t other = (state >> 8) % (i + 1);
		uint64_t offset = offsets[i];

		offsets[i] = offsets[other];
		offsets[other] = offset;
	}
	int ret = guest_attach(&picture->guest, 1, offsets, num, PAGE, err);
	free(offsets);
	return ret;
}

static int open_picture(struct picture *picture, bool scattered, struct vgpu_error *err)
{
	int ret = guest_open(&picture->guest, "builtin", picture->size + PAGE, err);

	picture->copy = malloc(picture->size);
	if (ret == 0 && picture->copy == NULL)
		ret = vgpu_error_set(err, ENOMEM, "out of memory");
	if (ret < 0)
		return ret;
	memset(guest_memory(&picture->guest, 0), 0x5a, picture->size + PAGE);
	memset(picture->copy, 1, picture->size);
	ret = guest_create(&picture->guest, 1, picture->width, picture->height, err);
	if (ret < 0)
		return ret;
	return scattered ? attach_scattered(picture, err)
			 : guest_attach(&picture->guest, 1, NULL, 1, (uint32_t)picture->size, err);
}

static int measure(struct bench_report *report, uint32_t width, uint32_t height, bool scattered,
		   struct vgpu_error *err)
{
	struct picture picture = {
		.width = width, .height = height, .size = (uint64_t)width * height * 4};
	const struct bench_side sides[] = {{run_transfer, &picture}, {run_memcpy, &picture}};
	double speed[2];
	int ret = open_picture(&picture, scattered, err);

	if (ret == 0)
		ret = bench_in_turn(sides, 2, speed, err);
	if (ret == 0) {
		struct bench_row row = {
			.ratio = speed[0] / speed[1],
			.kind = BENCH_AT_LEAST,
			.bar = 0.8,
			.why = "each page is a copy of its own, for which the processor begins to "
			       "fetch anew; of the next one the first 2 KiB are asked for while "
			       "this one is copied. One memcpy() of a picture larger than the "
			       "cache also writes past it: the copy would have to choose its "
			       "stores by the whole transfer",
		};

		snprintf(row.what, sizeof(row.what), "%ux%u, %s backing", width, height,
			 scattered ? "scattered 4 KiB pages as" : "contiguous");
		snprintf(row.ours, sizeof(row.ours), "%.1f GB/s", speed[0] / 1e9);
		snprintf(row.against, sizeof(row.against), "memcpy %.1f GB/s", speed[1] / 1e9);
		bench_add(report, &row);
	}
	guest_close(&picture.guest);
	free(picture.copy);
	return ret;
}

int bench_transfer(struct bench_report *report, struct vgpu_error *err)
{
	static const uint32_t sizes[][2] = {{1280, 800}, {3840, 2160}};
	int ret = 0;

	bench_section(report, "Transfers of the device alone",
		      "TRANSFER_TO_HOST_2D of a whole picture that lies in guest memory, through "
		      "the registers and rings of the built-in target, in processor time of one "
		      "thread; beside one memcpy() of the same bytes in the same process.");
	for (unsigned int i = 0; ret == 0 && i < 4; i++)
		ret = measure(report, sizes[i / 2][0], sizes[i / 2][1], i % 2 != 0, err);
	return ret;
}
