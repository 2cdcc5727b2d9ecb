/* SPDX-License-Identifier: MIT */
/*
 * Writes a trace of full-screen transfers that nobody recorded, to measure the
 * format with: what a console does, and what is hard for it.
 */
#include "trace.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WIDTH	   1280u
#define HEIGHT	   800u
#define PITCH	   (WIDTH * 4)
#define CELL_W	   8u
#define CELL_H	   16u
#define FRAME_NS   16666667u
#define FOREGROUND 0x00aaaaaau

static uint64_t random_state = 88172645463325252u;

static uint32_t next_random(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (uint32_t)(random_state >> 16);
}

/* Shapes that differ from letter to letter, as a font's do. */
static void draw_glyph(uint32_t *pixels, uint32_t column, uint32_t row, uint32_t letter)
{
	for (uint32_t y = 2; y < CELL_H - 3; y++) {
		uint32_t bits = (letter * 2654435761u) >> (y % 4 * 6);
		for (uint32_t x = 1; x < CELL_W; x++)
			pixels[(row * CELL_H + y) * WIDTH + column * CELL_W + x] =
				letter != 0 && (bits >> x & 1) ? FOREGROUND : 0;
	}
}

static void draw_line(uint32_t *pixels, uint32_t row)
{
	uint32_t length = 20 + next_random() % 100;

	for (uint32_t column = 0; column < length; column++)
		draw_glyph(pixels, column, row, next_random() % 64);
}

static void fill_with_text(uint32_t *pixels)
{
	for (uint32_t row = 0; row < HEIGHT / CELL_H; row++)
		draw_line(pixels, row);
}

static void draw_typing(uint32_t *pixels, unsigned int number)
{
	if (number == 0)
		fill_with_text(pixels);
	draw_glyph(pixels, number % (WIDTH / CELL_W), HEIGHT / CELL_H - 1, 1 + next_random() % 63);
}

static void draw_scroll(uint32_t *pixels, unsigned int number)
{
	size_t line = (size_t)WIDTH * CELL_H;

	if (number == 0)
		fill_with_text(pixels);
	memmove(pixels, pixels + line, (size_t)PITCH * (HEIGHT - CELL_H));
	memset(pixels + line * (HEIGHT / CELL_H - 1), 0, line * 4);
	draw_line(pixels, HEIGHT / CELL_H - 1);
}

static void draw_window(uint32_t *pixels, unsigned int number)
{
	/* A box that moves sideways: the rows it is on are other rows each time. */
	if (number == 0)
		fill_with_text(pixels);
	for (uint32_t y = 200; y < 500; y++)
		for (uint32_t x = 0; x < 300; x++)
			pixels[y * WIDTH + (number * 5 + x) % WIDTH] = x < 5 ? 0 : y << 8 | x;
}

static void draw_gradient(uint32_t *pixels, unsigned int number)
{
	for (uint32_t y = 0; y < HEIGHT; y++)
		for (uint32_t x = 0; x < WIDTH; x++)
			pixels[y * WIDTH + x] =
				(x + number) % 256 << 16 | (y + number) % 256 << 8 | (x + y) % 256;
}

static void draw_noise(uint32_t *pixels, unsigned int number)
{
	(void)number;
	for (size_t i = 0; i < (size_t)WIDTH * HEIGHT; i++)
		pixels[i] = next_random();
}

struct scene {
	const char *name;
	void (*draw)(uint32_t *pixels, unsigned int number);
	unsigned int frames;
};

static const struct scene scenes[] = {
	{"typing", draw_typing, 300},	  /* one letter at a time */
	{"scroll", draw_scroll, 300},	  /* one line at a time */
	{"window", draw_window, 100},	  /* a box over text that moves sideways */
	{"gradient", draw_gradient, 100}, /* every pixel changes, smoothly */
	{"noise", draw_noise, 20},	  /* nothing repeats, nothing compresses */
};

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

static const struct scene *find_scene(const char *name)
{
	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++)
		if (strcmp(scenes[i].name, name) == 0)
			return &scenes[i];
	return NULL;
}

int main(int argc, char **argv)
{
	const struct vgpu_trace_writer_options options = {.queue_limit = 2ull << 30};
	const struct scene *scene = argc == 3 ? find_scene(argv[1]) : NULL;
	struct vgpu_error err;

	if (scene == NULL) {
		fprintf(stderr, "usage: trace-make typing|scroll|window|gradient|noise FILE\n");
		return 2;
	}
	uint32_t *pixels = calloc(HEIGHT, PITCH);
	struct vgpu_trace_writer *writer = vgpu_trace_writer_open(argv[2], &options, &err);
	if (pixels == NULL || writer == NULL) {
		fprintf(stderr, "trace-make: %s\n", writer == NULL ? err.text : "out of memory");
		return 2;
	}
	for (unsigned int number = 0; number < scene->frames; number++) {
		scene->draw(pixels, number);
		put_frame(writer, pixels, number);
	}
	free(pixels);
	if (vgpu_trace_writer_close(writer, NULL, &err) == 0)
		return 0;
	fprintf(stderr, "trace-make: %s\n", err.text);
	return 2;
}
