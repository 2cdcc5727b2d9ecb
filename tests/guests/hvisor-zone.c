/* SPDX-License-Identifier: MIT */
/*
 * Usage: hvisor-zone FOLDER TRACE
 *
 * A simulated hvisor whose zone 1 is the guest that TRACE was recorded from:
 * prints the socket that the daemon's preload library takes, waits for a
 * daemon, plays the guest, and stays until SIGTERM, so that what the daemon
 * shows can be looked at. The zone is that of the RuxOS example. Exits with 1 if
 * the daemon has given another answer than the recording has, or done what a
 * real machine would not survive.
 */
#include "hvisor-sim/sim.h"
#include "hvisor-sim/sim_target.h"
#include "player.h"

#include <signal.h>
#include <stdio.h>

#define GPU_BASE 0xa003400ull
#define GPU_CPU	 2
#define WAIT_MS	 60000

struct zone {
	uint64_t requests; /* of the recording */
	unsigned int answers, different;
};

static void on_answer(void *opaque, const struct vgpu_player_answer *answer)
{
	struct zone *zone = opaque;

	zone->answers++;
	if (answer->verdict == VGPU_ANSWER_EQUAL)
		return;
	zone->different++;
	printf("request %llu: %s\n", (unsigned long long)answer->recorded->number, answer->why);
}

/* What comes after the last request, such as a reset, would leave no picture. */
static bool on_stop(void *opaque)
{
	const struct zone *zone = opaque;

	return zone->answers >= zone->requests;
}

static int play(struct sim *sim, const struct sim_options *options, struct vgpu_player *player)
{
	static const struct vgpu_player_events events = {.answer = on_answer, .stop = on_stop};
	struct zone zone = {.requests = vgpu_player_requests(player)};
	struct vgpu_error err;
	struct vgpu_target *target =
		sim_target_new(sim, GPU_CPU, GPU_BASE, options->zonex_ipa, options->ram_size);

	if (target == NULL)
		return 1;
	enum vgpu_player_end end = vgpu_player_play(player, target, &events, &zone, &err);
	bool all = end == VGPU_PLAYER_DONE || end == VGPU_PLAYER_STOPPED;
	if (!all)
		printf("%s\n", err.text);
	else
		printf("played: %u requests, %u with another answer\n", zone.answers,
		       zone.different);
	target->ops->close(target);
	return all && zone.different == 0 ? 0 : 1;
}

static void wait_for_end(void)
{
	sigset_t set;
	int signal;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigwait(&set, &signal);
}

static int run(const char *folder, struct vgpu_player *player)
{
	struct sim_options options;
	int status = 1;

	sim_default_options(&options);
	struct sim *sim = sim_new(&options, folder);
	if (sim == NULL)
		return 1;
	printf("socket %s\n", sim_socket(sim));
	if (!sim_wait_ready(sim, 0, WAIT_MS))
		printf("no daemon within %d s\n", WAIT_MS / 1000);
	else
		status = play(sim, &options, player);
	if (status == 0)
		wait_for_end();
	unsigned int findings = sim_num_findings(sim);
	for (unsigned int i = 0; i < findings; i++)
		printf("finding: %s\n", sim_finding(sim, i));
	sim_free(sim);
	return status != 0 || findings != 0 ? 1 : 0;
}

int main(int argc, char **argv)
{
	struct vgpu_error err = {{0}};
	sigset_t set;
	int status = 2;

	if (argc != 3) {
		fputs("Usage: hvisor-zone FOLDER TRACE\n", stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	/* For the simulation's threads too. */
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(argv[2], &err);
	struct vgpu_player *player = reader != NULL ? vgpu_player_new(reader, &err) : NULL;
	if (player != NULL)
		status = run(argv[1], player);
	else
		fprintf(stderr, "hvisor-zone: %s\n", err.text);
	vgpu_player_free(player);
	vgpu_trace_reader_close(reader);
	return status;
}
