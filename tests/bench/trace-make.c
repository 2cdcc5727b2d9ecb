/* SPDX-License-Identifier: MIT */
/*
 * Writes a trace of full-screen transfers that nobody recorded, to measure the
 * format with: what a console does, and what is hard for it.
 */
#include "bench/scene.h"
#include "trace.h"

#include <stdio.h>
#include <stdlib.h>

#define WIDTH	 1280u
#define HEIGHT	 800u
#define PITCH	 (WIDTH * 4)
#define FRAME_NS 16666667u

static void put_frame(struct vgpu_trace_writer *writer, const uint32_t *pixels, unsigned int number)
{
	static const struct vgpu_chain_desc descs[] = {{56, false}, {24, true}};
	static const uint8_t request[56] = {5, 1}, response[24] = {0, 0x11};
	struct vgpu_trace_segment segment = {0x40000000, PITCH * HEIGHT};
	uint64_t time_ns = (uint64_t)number * FRAME_NS;
	struct vgpu_trace_record record = {
		.type = VGPU_TRACE_REQUEST,
		.time_ns = time_ns,
		.request = {.begin_ns = time_ns,
			    .end_ns = time_ns + 1000000,
			    .indirect_at = -1,
			    .descs = descs,
			    .num_descs = 2,
			    .request = request,
			    .request_len = sizeof(request),
			    .response = response,
			    .used_len = sizeof(response),
			    .segments = &segment,
			    .num_segments = 1,
			    .data = (const uint8_t *)pixels,
			    .data_len = PITCH * HEIGHT,
			    .pitch = PITCH},
	};

	vgpu_trace_writer_put(writer, &record);
}

int main(int argc, char **argv)
{
	const struct vgpu_trace_writer_options options = {.queue_limit = 2ull << 30};
	const struct scene *scene = argc == 3 ? scene_find(argv[1]) : NULL;
	struct vgpu_error err;

	if (scene == NULL) {
		fprintf(stderr,
			"usage: trace-make typing|scroll|window|desktop|gradient|noise FILE\n");
		return 2;
	}
	uint32_t *pixels = calloc(HEIGHT, PITCH);
	struct vgpu_trace_writer *writer = vgpu_trace_writer_open(argv[2], &options, &err);
	if (pixels == NULL || writer == NULL) {
		fprintf(stderr, "trace-make: %s\n", writer == NULL ? err.text : "out of memory");
		return 2;
	}
	for (unsigned int number = 0; number < scene->frames; number++) {
		scene->draw(&(struct canvas){pixels, WIDTH, HEIGHT}, number);
		put_frame(writer, pixels, number);
	}
	free(pixels);
	if (vgpu_trace_writer_close(writer, NULL, &err) == 0)
		return 0;
	fprintf(stderr, "trace-make: %s\n", err.text);
	return 2;
}
