/* SPDX-License-Identifier: MIT */
/* Lives of zones and daemons: restarts, crashes, ends. */
#include "hvisor-sim/recording.h"
#include "hvisor-sim/session.h"
#include "unit/unit.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

extern const struct unit_suite life_suite;

/* Against hanging; a busy or emulated machine is slow. */
#define WAIT_MS 60000

/* The zone starts again, memory as it was left: rings hold the indices of before. */
static void restart_zone(enum guest_kind kind, bool device_region)
{
	struct fixture fixture;

	fixture_init(&fixture);
	if (device_region)
		use_device_region(&fixture);
	fixture_open(&fixture);
	if (fixture_serve(&fixture, "zone1.trace")) {
		struct guest *guest = boot_guest(&fixture, kind, 0);

		CU_ASSERT_TRUE(guest_run(guest));
		CU_ASSERT_EQUAL(fixture_stop(&fixture), 0);
		check_recording(&fixture, guest, 2);
		guest_free(guest);
	}
	CU_ASSERT_EQUAL(fixture_close(&fixture), 0);
}

static void zone_restart_4(void)
{
	restart_zone(RUXOS_0_4, false);
}

static void zone_restart_4_device_region(void)
{
	restart_zone(RUXOS_0_4, true);
}

static void zone_restart_11(void)
{
	restart_zone(RUXOS_0_11, false);
}

/* Whether all that the guest asked is in the file, which is still being written, after a while. */
static bool is_recorded(const char *path, const struct guest *guest)
{
	unsigned int requests = 0;

	for (int ms = 0; ms < WAIT_MS && requests < guest_num_requests(guest); ms += 20) {
		struct recording recording;

		usleep(20000);
		if (!recording_load(&recording, path))
			return false;
		requests = recording.requests;
		recording_fini(&recording);
	}
	return requests == guest_num_requests(guest);
}

/* A daemon that dies with a vCPU in an access, and the next that finds it there. */
static void kill_daemon(bool first_access)
{
	struct fixture fixture;
	char recorded[128];

	fixture_init(&fixture);
	fixture_open(&fixture);
	if (fixture_serve(&fixture, "first.trace")) {
		struct vcpu_job job = {
			.sim = fixture.sim,
			.cpu = 2,
			.address = GPU_BASE,
			.count = 1,
		};

		snprintf(recorded, sizeof(recorded), "%.120s.part", fixture.trace);
		if (!first_access) {
			struct guest *first = boot_guest(&fixture, RUXOS_0_4, 0);

			CU_ASSERT_TRUE(is_recorded(recorded, first));
			guest_free(first);
		}
		fixture_pause(&fixture);
		pthread_t thread = start_vcpu(&job);
		CU_ASSERT_TRUE(sim_wait_blocked(fixture.sim, 2, WAIT_MS));
		fixture_signal(&fixture, SIGKILL);
		CU_ASSERT_EQUAL(fixture_wait(&fixture), 128 + SIGKILL);

		CU_ASSERT_TRUE(fixture_serve(&fixture, "second.trace"));
		pthread_join(thread, NULL);
		CU_ASSERT_EQUAL(job.ret, 0);
		CU_ASSERT_EQUAL(job.got, 0);
		struct guest *guest = boot_guest(&fixture, RUXOS_0_4, 0);
		CU_ASSERT_EQUAL(fixture_stop(&fixture), 0);
		check_recording(&fixture, guest, 1);
		if (!first_access) {
			struct recording recording;

			CU_ASSERT_TRUE(recording_load(&recording, recorded));
			CU_ASSERT_FALSE(recording.whole);
			CU_ASSERT_EQUAL(recording.requests, guest_num_requests(guest));
			recording_fini(&recording);
		}
		guest_free(guest);
	}
	CU_ASSERT_EQUAL(fixture_close(&fixture), 0);
}

static void kill_first_access(void)
{
	kill_daemon(true);
}

static void kill_later_access(void)
{
	kill_daemon(false);
}

/* Daemons that end while a vCPU is busy, at whatever it is: the next one goes on. */
static void end_while_busy(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture_open(&fixture);
	for (unsigned int i = 0; i < 8; i++) {
		struct vcpu_job job = {
			.sim = fixture.sim,
			.cpu = 2 + i % 2,
			.address = GPU_BASE,
			.value = MAGIC,
			.count = 20000,
		};

		if (!fixture_serve(&fixture, "busy.trace"))
			break;
		pthread_t thread = start_vcpu(&job);
		usleep(1000 + 777 * i);
		fixture_signal(&fixture, i % 4 == 3 ? SIGKILL : SIGTERM);
		CU_ASSERT_EQUAL(fixture_wait(&fixture), i % 4 == 3 ? 128 + SIGKILL : 0);
		CU_ASSERT_TRUE(fixture_serve(&fixture, "next.trace"));
		pthread_join(thread, NULL);
		CU_ASSERT_EQUAL(job.ret, 0);
		/*
		 * One was answered 0 by the daemon that ended, one was freed by the new
		 * page, and one came between the new daemon's look at the ring and its
		 * freeing of who waits (backend/bus/hvisor.c).
		 */
		CU_ASSERT_TRUE(job.wrong <= 3);
		CU_ASSERT_EQUAL(fixture_stop(&fixture), 0);
	}
	CU_ASSERT_EQUAL(fixture_close(&fixture), 0);
}

/*
 * A daemon that frees no vCPUs at its start has died: one waits since its first
 * access, so its flag is 0 as in the new page. Another, if there is one, is freed
 * by the new page itself, and is in its next access before the daemon looks.
 */
static void free_first_access(bool beside_busy)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture_open(&fixture);
	fixture_start_bad(&fixture, "one-cpu");
	if (fixture_ready(&fixture)) {
		struct vcpu_job stuck = {
			.sim = fixture.sim, .cpu = 3, .address = GPU_BASE, .count = 1};
		struct vcpu_job busy = {.sim = fixture.sim,
					.cpu = 2,
					.address = GPU_BASE,
					.value = MAGIC,
					.count = beside_busy ? 2000 : 1};
		pthread_t threads[] = {start_vcpu(&stuck), start_vcpu(&busy)};

		CU_ASSERT_TRUE(sim_wait_blocked(fixture.sim, 3, WAIT_MS));
		usleep(5000);
		fixture_signal(&fixture, SIGKILL);
		CU_ASSERT_EQUAL(fixture_wait(&fixture), 128 + SIGKILL);
		CU_ASSERT_TRUE(fixture_serve(&fixture, "second.trace"));
		pthread_join(threads[0], NULL);
		pthread_join(threads[1], NULL);
		CU_ASSERT_EQUAL(stuck.ret, 0);
		CU_ASSERT_EQUAL(busy.ret, 0);
		CU_ASSERT_TRUE(busy.wrong <= 1);
		CU_ASSERT_EQUAL(fixture_stop(&fixture), 0);
	}
	CU_ASSERT_EQUAL(fixture_close(&fixture), 0);
}

static void stuck_in_first_access(void)
{
	free_first_access(false);
}

static void stuck_beside_busy(void)
{
	free_first_access(true);
}

static void second_daemon(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture_open(&fixture);
	if (fixture_serve(&fixture, "zone1.trace")) {
		struct fixture other = fixture;
		struct sim_stats stats;

		fixture_start(&other, "other.trace", NULL);
		CU_ASSERT_EQUAL(fixture_wait(&other), 2);
		CU_ASSERT_TRUE(fixture_said(&fixture, "another vgpu-record serves it"));
		sim_stats(fixture.sim, &stats);
		CU_ASSERT_EQUAL(stats.inits, 1);
		guest_free(boot_guest(&fixture, RUXOS_0_4, 0));
		CU_ASSERT_EQUAL(fixture_stop(&fixture), 0);
	}
	CU_ASSERT_EQUAL(fixture_close(&fixture), 0);
}

static void end_with_blocked_vcpu(int signal)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture_open(&fixture);
	if (fixture_serve(&fixture, "zone1.trace")) {
		struct guest *guest = boot_guest(&fixture, RUXOS_0_4, 0);
		struct vcpu_job job = {
			.sim = fixture.sim,
			.cpu = 2,
			.address = GPU_BASE,
			.count = 1,
		};

		fixture_pause(&fixture);
		pthread_t thread = start_vcpu(&job);
		CU_ASSERT_TRUE(sim_wait_blocked(fixture.sim, 2, WAIT_MS));
		fixture_signal(&fixture, signal);
		fixture_signal(&fixture, SIGCONT);
		CU_ASSERT_EQUAL(fixture_wait(&fixture), 0);
		pthread_join(thread, NULL);
		CU_ASSERT_EQUAL(job.ret, 0);
		check_recording(&fixture, guest, 1);
		guest_free(guest);
	}
	CU_ASSERT_EQUAL(fixture_close(&fixture), 0);
}

static void sigterm_blocked(void)
{
	end_with_blocked_vcpu(SIGTERM);
}

static void sigint_blocked(void)
{
	end_with_blocked_vcpu(SIGINT);
}

/* Points the fixture at the trace of that number, once it is there. */
static bool wait_for_last(struct fixture *fixture, const char *path, unsigned int number)
{
	char *name = vgpu_trace_numbered(path, number);

	snprintf(fixture->trace, sizeof(fixture->trace), "%.120s", name);
	free(name);
	for (int ms = 0; ms < WAIT_MS && access(fixture->trace, F_OK) != 0; ms += 20)
		usleep(20000);
	return access(fixture->trace, F_OK) == 0;
}

/* On a signal, when the zone starts again without a word, and at the end. */
static void last_while(bool by_signal, int signal)
{
	struct fixture fixture;
	char path[128];

	fixture_init(&fixture);
	fixture.options.by_signal = by_signal;
	fixture_open(&fixture);
	fixture_start(&fixture, "zone1.trace", "--last=60");
	snprintf(path, sizeof(path), "%s", fixture.trace);
	if (fixture_ready(&fixture)) {
		struct guest *guest = boot_guest(&fixture, RUXOS_0_4, 0);

		CU_ASSERT_EQUAL(fixture_said(&fixture, "SIGUSR2 writes a trace"), by_signal);
		fixture_signal(&fixture, signal);
		CU_ASSERT_TRUE(wait_for_last(&fixture, path, 0));
		CU_ASSERT_TRUE(fixture_says(&fixture, "because of: signal"));
		check_recording(&fixture, guest, 1);
		CU_ASSERT_TRUE(guest_run(guest));
		CU_ASSERT_TRUE(wait_for_last(&fixture, path, 1));
		CU_ASSERT_TRUE(fixture_says(&fixture, "because of: reset"));
		CU_ASSERT_TRUE(recording_replays(fixture.trace, "builtin"));
		CU_ASSERT_EQUAL(fixture_stop(&fixture), 0);
		CU_ASSERT_TRUE(wait_for_last(&fixture, path, 2));
		CU_ASSERT_TRUE(recording_replays(fixture.trace, "builtin"));
		guest_free(guest);
	}
	CU_ASSERT_EQUAL(fixture_close(&fixture), 0);
}

static void last_while_of_a_zone(void)
{
	last_while(false, SIGUSR1);
}

static void last_while_where_signals_wake(void)
{
	last_while(true, SIGUSR2);
}

static const struct unit_test tests[] = {
	{"a zone that restarts has a new device and a new segment", zone_restart_4},
	{"a zone that restarts with notifies that do not block", zone_restart_4_device_region},
	{"a zone that restarts with indirect tables", zone_restart_11},
	{"a vCPU stuck since the daemon came is freed by the next daemon", kill_first_access},
	{"a vCPU stuck in a later access is freed by the next daemon", kill_later_access},
	{"a daemon that ends while a vCPU is busy leaves it to the next", end_while_busy},
	{"a vCPU stuck in its first access is freed", stuck_in_first_access},
	{"a vCPU stuck in its first access is freed beside a busy one", stuck_beside_busy},
	{"a second daemon leaves the first alone", second_daemon},
	{"SIGTERM does not leave a vCPU blocked", sigterm_blocked},
	{"SIGINT does not leave a vCPU blocked", sigint_blocked},
	{"the last while of a zone is written when it is wanted", last_while_of_a_zone},
	{"where the module wakes by SIGUSR1, SIGUSR2 asks for it", last_while_where_signals_wake},
	{NULL, NULL},
};

const struct unit_suite life_suite = {"life", tests};
