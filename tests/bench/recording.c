/* SPDX-License-Identifier: MIT */
/* How many frames per second can be recorded for as long as one likes. */
#include "bench/bench.h"
#include "bench/record.h"

#include <errno.h>

#define WIDTH	 1920u
#define HEIGHT	 1072u /* whole lines of text: 8 rows less than 1080 */
#define FRAMES	 125u
#define PACE	 125.0 /* frames per second that the guest draws */
#define PICTURES 12u

struct load {
	struct bench_recording recording;
	char path[512];
	uint64_t dropped;   /* in all runs */
	double least;	    /* frames per second of the worst */
	double cpu_seconds; /* of a frame, in the run before */
};

/* Frames per second that are recorded with all their pixels. */
static int run(void *opaque, double *value, struct vgpu_error *err)
{
	struct load *load = opaque;
	struct bench_recorded recorded = {0};
	int ret = bench_record(&load->recording, &recorded, err);

	*value = (double)(FRAMES - recorded.dropped) / recorded.draw_seconds;
	if (load->least == 0 || *value < load->least)
		load->least = *value;
	load->dropped += recorded.dropped;
	load->cpu_seconds = recorded.cpu_seconds / FRAMES;
	return ret;
}

static int measure(struct bench_report *report, const char *scene, struct vgpu_error *err)
{
	struct load load = {.recording = {.scene = scene,
					  .width = WIDTH,
					  .height = HEIGHT,
					  .frames = FRAMES,
					  .rate = PACE}};
	const struct bench_side side = {run, &load};
	uint32_t **pictures = bench_pictures_new(scene, WIDTH, HEIGHT, PICTURES);
	double median = 0;

	if (pictures == NULL)
		return vgpu_error_set(err, ENOMEM, "out of memory");
	snprintf(load.path, sizeof(load.path), "%s/%s.trace", bench_folder(report), scene);
	load.recording.path = load.path;
	load.recording.pictures = pictures;
	load.recording.num_pictures = PICTURES;
	int ret = bench_in_turn(&side, 1, &median, err);
	bench_pictures_free(pictures, PICTURES);
	if (ret < 0)
		return ret;
	struct bench_row row = {
		.ratio = load.least,
		.kind = BENCH_AT_LEAST,
		.bar = 120,
		.unit = "/s",
		.why = "noise is a gigabyte a second for the disk, and costs two threads together "
		       "14 ms of processor time a frame, of which two processors have 16 at 120 "
		       "frames/s: most of it is copying, to the queue, to the block and to the "
		       "kernel, and what the disk holds up must fit into the queue, which is 8 "
		       "frames",
	};

	snprintf(row.what, sizeof(row.what), "%s, %ux%u", scene, WIDTH, HEIGHT);
	snprintf(row.ours, sizeof(row.ours), "median %.0f/s, %.1f ms of processor time a frame",
		 median, load.cpu_seconds * 1e3);
	snprintf(row.against, sizeof(row.against), "%llu frames of %u without pixels",
		 (unsigned long long)load.dropped, FRAMES * (BENCH_RUNS + 1));
	bench_add(report, &row);
	return 0;
}

int bench_recording(struct bench_report *report, struct vgpu_error *err)
{
	bench_section(report, "Sustained recording",
		      "A guest of the built-in target that draws 125 frames a second, and the "
		      "recorder with its usual bounds: 64 MiB wait in the queue and 16 MiB for "
		      "requests alone, 64 MiB of content are remembered. Held against the bar are "
		      "frames per second that have all their pixels, in the worst of the runs. In "
		      "noise and gradient every pixel of every frame changes; desktop is text "
		      "that scrolls and a window that moves.");
	int ret = measure(report, "gradient", err);
	if (ret == 0)
		ret = measure(report, "noise", err);
	return ret == 0 ? measure(report, "desktop", err) : ret;
}
