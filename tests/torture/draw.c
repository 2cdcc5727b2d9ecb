/* SPDX-License-Identifier: MIT */
/*
 * A guest that draws on a vhost-user device for some time and then says how many
 * answers it got: what is not a picture that compresses well. Exit status 1: the
 * device has died.
 */
#include "torture/drawing.h"

#include "vgpu.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "Usage: draw SOCKET SECONDS\n");
		return 2;
	}
	struct drawing drawing = {
		.end_ns = vgpu_now_ns() + (uint64_t)(strtod(argv[2], NULL) * 1e9),
		.quick = true,
	};
	signal(SIGPIPE, SIG_IGN);
	bool alive = drawing_until_death(&drawing, argv[1], 1);
	printf("%zu\n", drawing.num_answers);
	drawing_fini(&drawing);
	return alive ? 0 : 1;
}
