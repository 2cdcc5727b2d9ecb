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
	pid_t daemon;	    /* 0: none runs */
	unsigned int inits; /* before it was started */
	bool was_not_ready;
};

/* The program's name, from which the folder of what was built is known. */
void fixture_set_program(const char *argv0);

/* Options for the machine, to be changed before fixture_open(). */
void fixture_init(struct fixture *fixture);
/* The machine without a daemon. Ends the program if that cannot be had. */
void fixture_open(struct fixture *fixture);
/*
 * Ends what still runs and removes the folder. Returns the number of findings,
 * which are printed; a daemon that was not ready is one.
 */
unsigned int fixture_close(struct fixture *fixture);

/* The same for a test that has looked at the findings, or made them. */
void fixture_close_quietly(struct fixture *fixture);

/*
 * Starts vgpu-record zone1 with one more argument, or NULL, recording to a file
 * of that name. Does not wait.
 */
void fixture_start(struct fixture *fixture, const char *trace, const char *argument);
/* Starts vgpu-record with these arguments and no others. */
void fixture_run(struct fixture *fixture, const char *const *arguments);
/* Starts bad-daemon with a fault. */
void fixture_start_bad(struct fixture *fixture, const char *fault);
/* Whether the daemon is ready, soon; if not, fixture_close() tells of it as well. */
bool fixture_ready(struct fixture *fixture);
/* Starts vgpu-record and waits until it is ready. */
bool fixture_serve(struct fixture *fixture, const char *trace);
void fixture_signal(const struct fixture *fixture, int signal);
/* Stops it where it is, until it gets SIGCONT. */
void fixture_pause(const struct fixture *fixture);
/* Waits for its end: the exit status, 128 and the signal, or -1 if it does not end. */
int fixture_wait(struct fixture *fixture);
/* SIGTERM, and its end. */
int fixture_stop(struct fixture *fixture);
/* Whether the daemon has printed the text. */
bool fixture_said(const struct fixture *fixture, const char *text);
/* Waits for it. */
bool fixture_says(const struct fixture *fixture, const char *text);
/* CPU time that the daemon has used. */
uint64_t fixture_cpu_ns(const struct fixture *fixture);

/* Replaces the configuration. */
void fixture_write_config(const struct fixture *fixture, const char *json);

#endif
