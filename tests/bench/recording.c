/* SPDX-License-Identifier: MIT */
/* How many frames per second can be recorded for as long as one likes. */
#include "bench/bench.h"
#include "bench/record.h"

#include <errno.h>
#include <sys/resource.h>

#define WIDTH	 1920u
#define HEIGHT	 1072u /* whole lines of text: 8 rows less than 1080 */
#define FRAMES	 40u
#define PACED	 240u
#define PACE	 120.0
#define QUEUE	 (1ull << 30)
#define PICTURES 12u

struct load {
	struct bench_recording recording;
	char path[512];
};

static int run(void *opaque, double *value, struct vgpu_error *err)
{
	const struct load *load = opaque;
	struct bench_recorded recorded;
	int ret = bench_record(&load->recording, &recorded, err);

	if (ret == 0 && recorded.dropped != 0)
		return vgpu_error_set(err, EIO, "pixels were dropped from a queue of 1 GiB");
	*value = (double)load->recording.frames / recorded.seconds;
	return ret;
}

/* At a guest's pace, with the writer's usual queue. */
static int run_paced(const struct load *load, struct bench_recorded *recorded,
		     struct vgpu_error *err)
{
	struct bench_recording recording = load->recording;

	recording.frames = PACED;
	recording.rate = PACE;
	recording.queue_limit = 0;
	return bench_record(&recording, recorded, err);
}

static int measure(struct bench_report *report, const char *scene, struct vgpu_error *err)
{
	struct load load = {.recording = {.scene = scene,
					  .width = WIDTH,
					  .height = HEIGHT,
					  .frames = FRAMES,
					  .queue_limit = QUEUE}};
	const struct bench_side side = {run, &load};
	struct bench_recorded paced = {0};
	uint32_t **pictures = bench_pictures_new(scene, WIDTH, HEIGHT, PICTURES);
	double rate = 0;

	if (pictures == NULL)
		return vgpu_error_set(err, ENOMEM, "out of memory");
	snprintf(load.path, sizeof(load.path), "%s/%s.trace", bench_folder(report), scene);
	load.recording.path = load.path;
	load.recording.pictures = pictures;
	load.recording.num_pictures = PICTURES;
	int ret = bench_in_turn(&side, 1, &rate, err);
	if (ret == 0)
		ret = run_paced(&load, &paced, err);
	bench_pictures_free(pictures, PICTURES);
	if (ret < 0)
		return ret;
	struct bench_row row = {
		.ratio = rate,
		.kind = BENCH_AT_LEAST,
		.bar = 120,
		.unit = "/s",
		.why = "one thread hashes, compresses and writes a gigabyte of pixels a second; a "
		       "second one for the compression would need a third processor",
	};

	snprintf(row.what, sizeof(row.what), "%s, %ux%u, as fast as it can", scene, WIDTH, HEIGHT);
	snprintf(row.ours, sizeof(row.ours), "%.0f frames/s", rate);
	snprintf(row.against, sizeof(row.against), "60 frames/s");
	bench_add(report, &row);
	row = (struct bench_row){.against = "none"};
	snprintf(row.what, sizeof(row.what), "%s, frames without pixels at %.0f frames/s", scene,
		 PACE);
	snprintf(row.ours, sizeof(row.ours), "%llu of %u", (unsigned long long)paced.dropped,
		 PACED);
	bench_add(report, &row);
	return 0;
}

int bench_recording(struct bench_report *report, struct vgpu_error *err)
{
	bench_section(
		report, "Sustained recording",
		"A guest of the built-in target and the recorder, on two processors, from "
		"the first request to the closed file. What waits is bounded: 64 MiB in the "
		"queue and 16 MiB for requests alone, 64 MiB of compressor and content table.");
	int ret = measure(report, "noise", err);
	if (ret == 0)
		ret = measure(report, "gradient", err);
	return ret == 0 ? measure(report, "desktop", err) : ret;
}
