/* SPDX-License-Identifier: MIT */
/* Traces of scenes, as the recorder writes them. */
#ifndef BENCH_RECORD_H
#define BENCH_RECORD_H

#include "bench/scene.h"
#include "vgpu.h"

struct bench_recording {
	const char *path;
	const char *scene;
	uint32_t width, height;
	unsigned int frames;
	/* Frames per second that the guest draws; 0: as fast as it is served. */
	double rate;
	uint64_t queue_limit; /* 0: the writer's own */
	/* Pictures that were drawn before, used again and again; NULL: drawn one by one. */
	uint32_t *const *pictures;
	unsigned int num_pictures;
};

struct bench_recorded {
	uint64_t dropped;
	double draw_seconds; /* until the last frame was drawn */
	double cpu_seconds;  /* of both threads */
	uint64_t file_bytes, raw_bytes;
};

/* Records a guest of the built-in target that draws the scene. */
int bench_record(const struct bench_recording *recording, struct bench_recorded *recorded,
		 struct vgpu_error *err);
/* num pictures of a scene, one after the other; NULL: no memory. */
uint32_t **bench_pictures_new(const char *scene, uint32_t width, uint32_t height, unsigned int num);
void bench_pictures_free(uint32_t **pictures, unsigned int num);

#endif
