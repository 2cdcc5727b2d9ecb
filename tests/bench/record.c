/* SPDX-License-Identifier: MIT */
#include "bench/record.h"

#include "bench/bench.h"
#include "bench/guest.h"
#include "recorder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

uint32_t **bench_pictures_new(const char *name, uint32_t width, uint32_t height, unsigned int num)
{
	const struct scene *scene = scene_find(name);
	size_t size = (size_t)width * height * 4;
	uint32_t **pictures = scene != NULL ? calloc(num, sizeof(*pictures)) : NULL;

	for (unsigned int i = 0; pictures != NULL && i < num; i++) {
		pictures[i] = calloc(1, size);
		if (pictures[i] == NULL) {
			bench_pictures_free(pictures, num);
			return NULL;
		}
		if (i > 0)
			memcpy(pictures[i], pictures[i - 1], size);
		scene->draw(&(struct canvas){pictures[i], width, height}, i);
	}
	return pictures;
}

void bench_pictures_free(uint32_t **pictures, unsigned int num)
{
	for (unsigned int i = 0; pictures != NULL && i < num; i++)
		free(pictures[i]);
	free(pictures);
}

static void wait_until(double seconds)
{
	double left = seconds - bench_wall_seconds();
	struct timespec pause = {.tv_sec = (time_t)left};

	if (left <= 0)
		return;
	pause.tv_nsec = (long)((left - (double)pause.tv_sec) * 1e9);
	nanosleep(&pause, NULL);
}

static int draw_all(struct guest *guest, const struct bench_recording *recording,
		    struct vgpu_error *err)
{
	const struct scene *scene = scene_find(recording->scene);
	uint32_t width = recording->width, height = recording->height;
	struct canvas canvas = {(uint32_t *)(void *)guest_memory(guest, 0), width, height};
	double begin = bench_wall_seconds();
	int ret = guest_show(guest, 1, width, height, err);

	for (unsigned int i = 0; ret == 0 && i < recording->frames; i++) {
		if (recording->pictures != NULL)
			memcpy(canvas.pixels, recording->pictures[i % recording->num_pictures],
			       (size_t)width * height * 4);
		else
			scene->draw(&canvas, i);
		if (recording->rate != 0)
			wait_until(begin + (double)i / recording->rate);
		ret = guest_draw(guest, 1, width, height, err);
	}
	return ret;
}

int bench_record(const struct bench_recording *recording, struct bench_recorded *recorded,
		 struct vgpu_error *err)
{
	const struct vgpu_trace_writer_options options = {.queue_limit = recording->queue_limit};
	struct vgpu_trace_writer_stats stats = {0};
	struct vgpu_trace_writer *writer;
	struct vgpu_recorder *recorder = NULL;
	struct guest guest;
	struct stat info = {0};
	int ret = guest_open_target(&guest, "builtin",
				    (uint64_t)recording->width * recording->height * 4, err);

	if (ret < 0)
		goto out;
	ret = -ENOMEM;
	writer = vgpu_trace_writer_open(recording->path, &options, err);
	if (writer == NULL)
		goto out;
	recorder = vgpu_recorder_new(guest.target->ops->device(guest.target), writer);
	double begin = bench_wall_seconds(), cpu_begin = bench_process_seconds();
	if (recorder != NULL)
		ret = guest_start(&guest, err);
	if (ret == 0)
		ret = draw_all(&guest, recording, err);
	recorded->draw_seconds = bench_wall_seconds() - begin;
	vgpu_recorder_free(recorder);
	stats = vgpu_trace_writer_stats(writer);
	if (vgpu_trace_writer_close(writer, NULL, ret == 0 ? err : NULL) < 0 && ret == 0)
		ret = -EIO;
	recorded->cpu_seconds = bench_process_seconds() - cpu_begin;
	recorded->dropped = stats.dropped;
	recorded->raw_bytes = stats.raw_bytes;
	if (stat(recording->path, &info) == 0)
		recorded->file_bytes = (uint64_t)info.st_size;
out:
	guest_close(&guest);
	return ret;
}
