/* SPDX-License-Identifier: MIT */
/* A driver that draws on a vhost-user device until that dies or it has enough, and remembers
 * what it saw. */
#ifndef VGPU_TORTURE_DRAWING_H
#define VGPU_TORTURE_DRAWING_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct drawing {
	uint32_t *sent; /* the type of each request */
	size_t num_sent, sent_capacity;
	uint64_t *answered_ns; /* when the driver saw its answer */
	size_t num_answers, answers_capacity;
	/* When to stop by itself: after so many answers, and not before so much time. 0: never */
	size_t enough;
	uint64_t time_ns;
	bool quick;		  /* without a pause */
	unsigned int patience_ms; /* until there is a device */
};

/* The next of a row of random numbers; *state is any number. */
uint64_t drawing_random(uint64_t *state);
/* Connects to the socket when it is there, which it need not ever be. False: it died. */
bool drawing_until_death(struct drawing *drawing, const char *socket, uint64_t seed);
void drawing_fini(struct drawing *drawing);

#endif
