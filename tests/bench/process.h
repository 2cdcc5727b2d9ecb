/* SPDX-License-Identifier: MIT */
/* A program, from its start to its end. */
#ifndef BENCH_PROCESS_H
#define BENCH_PROCESS_H

#include "vgpu.h"

struct bench_process {
	double seconds, cpu_seconds;
	uint64_t memory; /* bytes that it had at most */
	int status;	 /* that it ended with */
};

/* Runs argv[0] from PATH without output. -EIO if it could not be started or was killed. */
int bench_process(char *const argv[], struct bench_process *process, struct vgpu_error *err);

/* What "bench --run PROGRAM..." does for that: runs argv[0] and writes down how it was. */
int bench_process_serve(char **argv);

#endif
