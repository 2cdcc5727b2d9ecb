/* SPDX-License-Identifier: MIT */
/* Pictures that nobody recorded: what consoles and desktops do, and what is hard. */
#ifndef BENCH_SCENE_H
#define BENCH_SCENE_H

#include <stddef.h>
#include <stdint.h>

/* x8r8g8b8, rows without padding; both sides are multiples of 16. */
struct canvas {
	uint32_t *pixels;
	uint32_t width, height;
};

struct scene {
	const char *name;
	/* Makes picture number from the one before; 0 is the first. */
	void (*draw)(const struct canvas *canvas, unsigned int number);
	unsigned int frames; /* that tell enough of it */
};

/* typing, scroll, window, desktop, gradient, noise; NULL: no such scene. */
const struct scene *scene_find(const char *name);

#endif
