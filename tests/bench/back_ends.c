/* SPDX-License-Identifier: MIT */
/* Requests and frames per second over vhost-user, beside QEMU's back end. */
#include "bench/bench.h"
#include "bench/guest.h"
#include "bench/record.h"

#include <errno.h>
#include <string.h>

#define THEIRS	 "/usr/lib/qemu/vhost-user-gpu"
#define WIDTH	 1280u
#define HEIGHT	 800u
#define REQUESTS 3000u
#define FRAMES	 40u
#define PICTURES 6u

struct end {
	struct guest guest;
	uint32_t **pictures;
};

static int run_small(void *opaque, double *value, struct vgpu_error *err)
{
	const struct vgpu_rect small = {.width = 16, .height = 16};
	struct end *end = opaque;
	double begin = bench_wall_seconds();
	int ret = 0;

	for (unsigned int i = 0; ret == 0 && i < REQUESTS; i++)
		ret = guest_transfer(&end->guest, 1, &small, 0, err);
	*value = REQUESTS / (bench_wall_seconds() - begin);
	return ret;
}

/* Each frame is waited for until the display has it. */
static int run_frames(void *opaque, double *value, struct vgpu_error *err)
{
	struct end *end = opaque;
	struct vgpu_target *target = end->guest.target;
	struct vgpu_frame frame = {0};
	double begin = bench_wall_seconds();
	int ret = 0;

	for (unsigned int i = 0; ret == 0 && i < FRAMES; i++) {
		memcpy(guest_memory(&end->guest, 0), end->pictures[i % PICTURES],
		       (size_t)WIDTH * HEIGHT * 4);
		ret = guest_draw(&end->guest, 1, WIDTH, HEIGHT, err);
		if (ret == 0)
			ret = target->ops->capture(target, 0, &frame, err);
	}
	*value = FRAMES / (bench_wall_seconds() - begin);
	vgpu_frame_fini(&frame);
	return ret;
}

static void add(struct bench_report *report, const char *what, double ours, double theirs,
		double bar, const char *why)
{
	struct bench_row row = {.ratio = ours / theirs,
				.kind = bar != 0 ? BENCH_AT_LEAST : BENCH_NO_BAR,
				.bar = bar,
				.why = why};

	snprintf(row.what, sizeof(row.what), "%s", what);
	snprintf(row.ours, sizeof(row.ours), "%.0f/s", ours);
	snprintf(row.against, sizeof(row.against), "vhost-user-gpu %.0f/s", theirs);
	bench_add(report, &row);
}

static int measure(struct bench_report *report, struct end ends[3], struct vgpu_error *err)
{
	static const char *const frames_why =
		"most of a frame's time is the way of its pixels through the socket and the front "
		"end, which is the same for both; less would take buffers that are shared";
	const struct bench_side small[] = {
		{run_small, &ends[0]}, {run_small, &ends[1]}, {run_small, &ends[2]}};
	const struct bench_side frames[] = {
		{run_frames, &ends[0]}, {run_frames, &ends[1]}, {run_frames, &ends[2]}};
	double rates[3];
	int ret = bench_in_turn(small, 3, rates, err);

	if (ret < 0)
		return ret;
	add(report, "small requests, the device alone", rates[0], rates[2], 1.5,
	    "the way of a kick through the kernel is the same for both");
	add(report, "small requests, while vgpu-record records", rates[1], rates[2], 0, NULL);
	ret = bench_in_turn(frames, 3, rates, err);
	if (ret < 0)
		return ret;
	add(report, "full frames of 1280x800, the device alone", rates[0], rates[2], 1.2,
	    frames_why);
	add(report, "full frames, while vgpu-record records", rates[1], rates[2], 0, NULL);
	return 0;
}

static int open_ends(struct bench_report *report, struct end ends[3], uint32_t **pictures,
		     struct vgpu_error *err)
{
	char specs[3][1200], path[512];
	int ret = 0;

	snprintf(specs[0], sizeof(specs[0]), "vhost-user:exec:%s",
		 bench_program("tests/bench/bench", path));
	snprintf(specs[1], sizeof(specs[1]), "vhost-user:exec:%s -q -o %s/back-end.trace",
		 bench_program("vgpu-record", path), bench_folder(report));
	snprintf(specs[2], sizeof(specs[2]), "vhost-user:exec:" THEIRS);
	for (unsigned int i = 0; ret == 0 && i < 3; i++) {
		struct guest *guest = &ends[i].guest;

		ends[i].pictures = pictures;
		ret = guest_open(guest, specs[i], (uint64_t)WIDTH * HEIGHT * 4, err);
		if (ret == 0)
			ret = guest_show(guest, 1, WIDTH, HEIGHT, err);
	}
	return ret;
}

int bench_back_ends(struct bench_report *report, struct vgpu_error *err)
{
	struct end ends[3] = {0};

	bench_section(
		report, "Back ends over vhost-user",
		"The same front end, one request at a time; a small request is a transfer of "
		"16x16 pixels, a frame is a transfer and a flush, and is waited for until the "
		"display has it. The front end has a processor of its own, the back ends have the "
		"others. Wall time.");
	if (!bench_has_program(THEIRS)) {
		bench_add_missing(report, THEIRS, "not installed");
		return 0;
	}
	uint32_t **pictures = bench_pictures_new("desktop", WIDTH, HEIGHT, PICTURES);
	int ret = pictures == NULL ? vgpu_error_set(err, ENOMEM, "out of memory") : 0;
	bench_place(BENCH_OTHER_PROCESSORS);
	if (ret == 0)
		ret = open_ends(report, ends, pictures, err);
	bench_place(BENCH_FIRST_PROCESSOR);
	if (ret == 0)
		ret = measure(report, ends, err);
	bench_place(BENCH_ANYWHERE);
	for (unsigned int i = 0; i < 3; i++)
		guest_close(&ends[i].guest);
	bench_pictures_free(pictures, PICTURES);
	return ret;
}
