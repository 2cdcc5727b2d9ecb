/* SPDX-License-Identifier: MIT */
/*
 * A simulated machine in a folder of its own, its configuration, and the daemon
 * that runs on it, which is the vgpu-record beside this program.
 */
#ifndef HVISOR_SIM_FIXTURE_H
#define HVISOR_SIM_FIXTURE_H

#include "hvisor-sim/sim.h"

#define GPU_BASE 0xa003400ull
#define GPU_SIZE 0x200ull

struct fixture {
	struct sim_options options;
	uint32_t width, height; /* of the display, in the configuration */
	struct sim *sim;
	char folder[64], config[128], trace[128], log[128];
	pid_t daemon; /* 0: none runs */
};

/* The program's name, from which the folder of what was built is known. */
void fixture_set_program(const char *argv0);

/* Options for the machine, to be changed before fixture_open(). */
void fixture_init(struct fixture *fixture);
/* The machine without a daemon. Ends the program if that cannot be had. */
void fixture_open(struct fixture *fixture);
/* Ends what still runs, removes the folder, returns the number of findings, which are printed. */
unsigned int fixture_close(struct fixture *fixture);

/*
 * Starts vgpu-record zone1 with one more argument, or NULL, recording to a file
 * of that name. Does not wait.
 */
void fixture_start(struct fixture *fixture, const char *trace, const char *argument);
/* Starts it and waits until it is ready. */
bool fixture_serve(struct fixture *fixture, const char *trace);
void fixture_signal(const struct fixture *fixture, int signal);
/* Waits for its end: the exit status, 128 and the signal, or -1 if it does not end. */
int fixture_wait(struct fixture *fixture);
/* SIGTERM, and its end. */
int fixture_stop(struct fixture *fixture);
/* Whether the daemon has printed the text. */
bool fixture_said(const struct fixture *fixture, const char *text);
/* CPU time that the daemon has used. */
uint64_t fixture_cpu_ns(const struct fixture *fixture);

/* Replaces the configuration. */
void fixture_write_config(const struct fixture *fixture, const char *json);

#endif
