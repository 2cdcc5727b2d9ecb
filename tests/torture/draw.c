/* SPDX-License-Identifier: MIT */
/*
 * A guest that draws on a vhost-user device what is not a picture that compresses
 * well, until it has so many answers, and for so many seconds at least. Then it says
 * how many answers it got. Exit status 1: the device has died.
 */
#include "torture/drawing.h"

#include "vgpu.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

/* Against hanging: a busy or emulated machine is slow. */
#define PATIENCE_MS 60000u

int main(int argc, char **argv)
{
	if (argc < 3 || argc > 4) {
		fprintf(stderr, "Usage: draw SOCKET ANSWERS [SECONDS]\n");
		return 2;
	}
	struct drawing drawing = {
		.enough = strtoul(argv[2], NULL, 10),
		.time_ns = argc > 3 ? (uint64_t)(strtod(argv[3], NULL) * 1e9) : 0,
		.quick = true,
		.patience_ms = PATIENCE_MS,
	};
	signal(SIGPIPE, SIG_IGN);
	bool alive = drawing_until_death(&drawing, argv[1], 1);
	printf("%zu\n", drawing.num_answers);
	drawing_fini(&drawing);
	return alive ? 0 : 1;
}
