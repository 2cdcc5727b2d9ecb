/* SPDX-License-Identifier: MIT */
#include "bench/scene.h"

#include <string.h>

#define CELL_W	   8u
#define CELL_H	   16u
#define FOREGROUND 0x00aaaaaau

static uint32_t next_random(void)
{
	static uint64_t state = 88172645463325252u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(state >> 16);
}

/* Shapes that differ from letter to letter, as a font's do. */
static void draw_glyph(const struct canvas *canvas, uint32_t column, uint32_t row, uint32_t letter)
{
	for (uint32_t y = 2; y < CELL_H - 3; y++) {
		uint32_t bits = (letter * 2654435761u) >> (y % 4 * 6);
		uint32_t *pixels = canvas->pixels + (size_t)(row * CELL_H + y) * canvas->width +
				   (size_t)column * CELL_W;

		for (uint32_t x = 1; x < CELL_W; x++)
			pixels[x] = letter != 0 && (bits >> x & 1) ? FOREGROUND : 0;
	}
}

static void draw_line(const struct canvas *canvas, uint32_t row, uint32_t columns)
{
	uint32_t length = 20 + next_random() % (columns - 20);

	for (uint32_t column = 0; column < length; column++)
		draw_glyph(canvas, column, row, next_random() % 64);
}

static void fill_with_text(const struct canvas *canvas)
{
	for (uint32_t row = 0; row < canvas->height / CELL_H; row++)
		draw_line(canvas, row, canvas->width / CELL_W);
}

static void draw_typing(const struct canvas *canvas, unsigned int number)
{
	if (number == 0)
		fill_with_text(canvas);
	draw_glyph(canvas, number % (canvas->width / CELL_W), canvas->height / CELL_H - 1,
		   1 + next_random() % 63);
}

/* The left columns move up by a line. */
static void scroll(const struct canvas *canvas, uint32_t columns)
{
	uint32_t rows = canvas->height / CELL_H, width = columns * CELL_W;

	for (uint32_t y = 0; y < rows * CELL_H; y++) {
		uint32_t *to = canvas->pixels + (size_t)y * canvas->width;

		if (y < (rows - 1) * CELL_H)
			memcpy(to, to + (size_t)CELL_H * canvas->width, width * sizeof(*to));
		else
			memset(to, 0, width * sizeof(*to));
	}
	draw_line(canvas, rows - 1, columns);
}

static void draw_scroll(const struct canvas *canvas, unsigned int number)
{
	if (number == 0)
		fill_with_text(canvas);
	scroll(canvas, canvas->width / CELL_W);
}

/* A box that moves sideways: the rows it is on are other rows each time. */
static void move_box(const struct canvas *canvas, uint32_t left, uint32_t width,
		     unsigned int number)
{
	for (uint32_t y = canvas->height / 4; y < canvas->height * 5 / 8; y++)
		for (uint32_t x = 0; x < 300; x++)
			canvas->pixels[(size_t)y * canvas->width + left +
				       (number * 5 + x) % width] = x < 5 ? 0 : y << 8 | x;
}

static void draw_window(const struct canvas *canvas, unsigned int number)
{
	if (number == 0)
		fill_with_text(canvas);
	move_box(canvas, 0, canvas->width, number);
}

/* A terminal that scrolls, and beside it a window that is moved. */
static void draw_desktop(const struct canvas *canvas, unsigned int number)
{
	uint32_t half = canvas->width / CELL_W / 2;

	if (number == 0)
		fill_with_text(canvas);
	scroll(canvas, half);
	move_box(canvas, half * CELL_W, canvas->width - half * CELL_W, number);
}

static void draw_gradient(const struct canvas *canvas, unsigned int number)
{
	for (uint32_t y = 0; y < canvas->height; y++)
		for (uint32_t x = 0; x < canvas->width; x++)
			canvas->pixels[(size_t)y * canvas->width + x] =
				(x + number) % 256 << 16 | (y + number) % 256 << 8 | (x + y) % 256;
}

static void draw_noise(const struct canvas *canvas, unsigned int number)
{
	(void)number;
	for (size_t i = 0; i < (size_t)canvas->width * canvas->height; i++)
		canvas->pixels[i] = next_random();
}

static const struct scene scenes[] = {
	{"typing", draw_typing, 300},	  /* one letter at a time */
	{"scroll", draw_scroll, 300},	  /* one line at a time */
	{"window", draw_window, 100},	  /* a box over text that moves sideways */
	{"desktop", draw_desktop, 100},	  /* a terminal that scrolls, and a window that moves */
	{"gradient", draw_gradient, 100}, /* every pixel changes, smoothly */
	{"noise", draw_noise, 20},	  /* nothing repeats, nothing compresses */
};

const struct scene *scene_find(const char *name)
{
	for (size_t i = 0; i < sizeof(scenes) / sizeof(scenes[0]); i++)
		if (strcmp(scenes[i].name, name) == 0)
			return &scenes[i];
	return NULL;
}
