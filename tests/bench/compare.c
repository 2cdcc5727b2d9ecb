/* SPDX-License-Identifier: MIT */
/* Comparing frames with golden pictures, beside programs that compare pictures. */
#include "golden/compare.h"
#include "bench/bench.h"
#include "bench/process.h"
#include "golden/png_io.h"

#include <errno.h>
#include <glob.h>
#include <stdlib.h>
#include <string.h>

#define FRAMES 1000u
/* A run of another program is as long as this, and counted up. */
#define SAMPLE 4u

struct pictures {
	glob_t files;
	char copies[512]; /* the other folder */
};

static const char *picture(const struct pictures *pictures, unsigned int i)
{
	return pictures->files.gl_pathv[i % pictures->files.gl_pathc];
}

/* What a replay does: the frame is in memory, the golden picture in its file. */
static int run_ours(void *opaque, double *value, struct vgpu_error *err)
{
	const struct pictures *pictures = opaque;
	struct vgpu_frame golden = {0}, actual = {0};
	struct vgpu_frame_difference difference;
	const unsigned int sample = 50;
	int ret = vgpu_png_read(picture(pictures, 0), &actual, err);
	double begin = bench_wall_seconds();

	for (unsigned int i = 0; ret == 0 && i < sample; i++) {
		ret = vgpu_png_read(picture(pictures, i), &golden, err);
		if (ret == 0)
			vgpu_frame_compare(&golden, &actual, NULL, &difference);
	}
	*value = (bench_wall_seconds() - begin) * FRAMES / sample;
	vgpu_frame_fini(&golden);
	vgpu_frame_fini(&actual);
	return ret;
}

static int run_other(const struct pictures *pictures, const char *const words[], double *value,
		     struct vgpu_error *err)
{
	struct bench_process process;

	*value = 0;
	for (unsigned int i = 0; i < SAMPLE; i++) {
		const char *argv[8];
		unsigned int num = 0;

		for (; words[num] != NULL; num++)
			argv[num] = strcmp(words[num], "A") == 0   ? picture(pictures, i)
				    : strcmp(words[num], "B") == 0 ? picture(pictures, i + 1)
								   : words[num];
		argv[num] = NULL;
		int ret = bench_process((char *const *)(uintptr_t)argv, &process, err);
		/* 2: it could not compare. odiff says 21 and 22 of pictures that differ. */
		if (ret == 0 && process.status > 1 && process.status < 20)
			ret = vgpu_error_set(err, EIO, "%s: exit status %d", argv[0],
					     process.status);
		if (ret < 0)
			return ret;
		*value += process.seconds * FRAMES / SAMPLE;
	}
	return 0;
}

static int run_compare(void *opaque, double *value, struct vgpu_error *err)
{
	static const char *const words[] = {"compare", "-metric", "AE", "A", "B", "null:", NULL};

	return run_other(opaque, words, value, err);
}

static const char *odiff(void)
{
	const char *program = getenv("ODIFF");

	return program != NULL ? program : "odiff";
}

static int run_odiff(void *opaque, double *value, struct vgpu_error *err)
{
	const struct pictures *pictures = opaque;
	const char *const words[] = {odiff(), "A", "B", pictures->copies, NULL};

	return run_other(pictures, words, value, err);
}

static int measure(struct bench_report *report, struct pictures *pictures, const char *program,
		   const char *what, int (*run)(void *, double *, struct vgpu_error *),
		   struct vgpu_error *err)
{
	const struct bench_side sides[] = {{run_ours, pictures}, {run, pictures}};
	double seconds[2];

	if (!bench_has_program(program)) {
		bench_add_missing(report, what, "not installed");
		return 0;
	}
	int ret = bench_in_turn(sides, 2, seconds, err);
	if (ret < 0)
		return ret;
	struct bench_row row = {.ratio = seconds[1] / seconds[0],
				.kind = BENCH_AT_LEAST,
				.bar = 10,
				.why = "most of our time is zlib's, and theirs has the same part"};
	snprintf(row.what, sizeof(row.what), "1,000 frames of 1280x800");
	snprintf(row.ours, sizeof(row.ours), "%.2f s", seconds[0]);
	snprintf(row.against, sizeof(row.against), "%s %.1f s", what, seconds[1]);
	bench_add(report, &row);
	return 0;
}

int bench_compare(struct bench_report *report, struct vgpu_error *err)
{
	struct pictures pictures = {0};
	int ret = 0;

	bench_section(report, "Comparing with golden pictures",
		      "A frame in memory with its picture on disk, decoding included; the others "
		      "take two files. Counted up from 50 frames of ours and 4 of theirs per run. "
		      "Wall time. A replay keeps decoded pictures, and is faster where one is "
		      "needed again.");
	snprintf(pictures.copies, sizeof(pictures.copies), "%s/odiff.png", bench_folder(report));
	if (glob("golden/linux_console/*.png", 0, NULL, &pictures.files) != 0)
		return vgpu_error_set(err, ENOENT, "golden/linux_console has no pictures");
	ret = measure(report, &pictures, "compare", "ImageMagick compare -metric AE", run_compare,
		      err);
	if (ret == 0)
		ret = measure(report, &pictures, odiff(), "odiff", run_odiff, err);
	globfree(&pictures.files);
	return ret;
}
