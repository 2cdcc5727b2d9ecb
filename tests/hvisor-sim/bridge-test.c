/* SPDX-License-Identifier: MIT */
/* The shared page: wake-ups, several vCPUs, a full ring, odd accesses. */
#include "hvisor-sim/recording.h"
#include "hvisor-sim/session.h"
#include "unit/unit.h"

#include <linux/virtio_mmio.h>
#include <signal.h>
#include <unistd.h>

extern const struct unit_suite bridge_suite;

static void lost_wakes(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture.options.drop_wake_every = 2;
	run_guest(&fixture, RUXOS_0_4, 1500);
}

static void all_wakes_lost(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture.options.drop_wake_every = 1;
	run_guest(&fixture, RUXOS_0_4, 1500);
}

/* A wake-up soon after another is dropped by hvisor: none may be asked for so soon. */
static void busy_wakes(void)
{
	struct fixture fixture;
	struct sim_stats stats;

	fixture_init(&fixture);
	fixture.options.wake_busy_us = 200;
	fixture_open(&fixture);
	if (fixture_serve(&fixture, "zone1.trace")) {
		guest_free(boot_guest(&fixture, RUXOS_0_4, 0));
		for (int i = 0; i < 300; i++) {
			uint64_t value = 0;

			usleep((useconds_t)(i * 5));
			CU_ASSERT_EQUAL(sim_read(fixture.sim, 2, GPU_BASE, 4, &value), 0);
			CU_ASSERT_EQUAL(value, MAGIC);
		}
		sim_stats(fixture.sim, &stats);
		CU_ASSERT_EQUAL(stats.lost_wakes, 0);
		CU_ASSERT_EQUAL(fixture_stop(&fixture), 0);
	}
	CU_ASSERT_EQUAL(fixture_close(&fixture), 0);
}

static void two_vcpus(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture_open(&fixture);
	if (fixture_serve(&fixture, "zone1.trace")) {
		struct vcpu_job jobs[] = {
			{.cpu = 2, .address = GPU_BASE, .value = MAGIC, .count = 3000},
			{.cpu = 3, .address = GPU_BASE + 4, .value = 2, .count = 3000},
			{.cpu = 31, .address = GPU_BASE + 8, .value = 16, .count = 3000},
		};
		pthread_t threads[3];

		for (int i = 0; i < 3; i++) {
			jobs[i].sim = fixture.sim;
			threads[i] = start_vcpu(&jobs[i]);
		}
		for (int i = 0; i < 3; i++) {
			pthread_join(threads[i], NULL);
			CU_ASSERT_EQUAL(jobs[i].wrong, 0);
		}
		CU_ASSERT_EQUAL(fixture_stop(&fixture), 0);
	}
	CU_ASSERT_EQUAL(fixture_close(&fixture), 0);
}

static uint64_t num_requests(struct sim *sim)
{
	struct sim_stats stats;

	sim_stats(sim, &stats);
	return stats.requests;
}

/* 31 of them are in the ring, the 32nd spins: as seen on a running hvisor. */
static void full_ring(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	use_device_region(&fixture);
	fixture_open(&fixture);
	if (fixture_serve(&fixture, "zone1.trace")) {
		struct guest *guest = boot_guest(&fixture, RUXOS_0_4, 0);
		unsigned int notifies = guest_num_requests(guest) + 45;
		uint64_t magic = 0;
		struct recording recording;
		struct vcpu_job job = {
			.sim = fixture.sim,
			.cpu = 3,
			.address = GPU_BASE + VIRTIO_MMIO_QUEUE_NOTIFY,
			.write = true,
			.count = 45,
		};

		/* Its answer says that all before it has been taken out of the ring. */
		CU_ASSERT_EQUAL(sim_read(fixture.sim, 2, GPU_BASE, 4, &magic), 0);
		fixture_pause(&fixture);
		uint64_t before = num_requests(fixture.sim);
		pthread_t thread = start_vcpu(&job);
		for (int i = 0; i < 60000 && num_requests(fixture.sim) - before < 31; i++)
			usleep(1000);
		usleep(50000);
		CU_ASSERT_EQUAL(num_requests(fixture.sim) - before, 31);
		fixture_signal(&fixture, SIGCONT);
		pthread_join(thread, NULL);
		CU_ASSERT_EQUAL(job.wrong, 0);
		CU_ASSERT_EQUAL(num_requests(fixture.sim) - before, 45);
		CU_ASSERT_EQUAL(fixture_stop(&fixture), 0);
		check_recording(&fixture, guest, 1);
		guest_free(guest);
		CU_ASSERT_TRUE_FATAL(recording_load(&recording, fixture.trace));
		CU_ASSERT_EQUAL(recording.notifies, notifies);
		recording_fini(&recording);
	}
	CU_ASSERT_EQUAL(fixture_close(&fixture), 0);
}

/* What a driver reads at addresses and in sizes that no device has. */
static void odd_accesses(void)
{
	static const struct {
		uint64_t address;
		unsigned int size;
		uint64_t value;
	} reads[] = {
		{0xa000000, 4, 0},	  {0xa002000, 8, 0},	    {0xa003600, 1, 0},
		{0xa000050, 4, 0},	  {GPU_BASE + 1, 4, 0},	    {GPU_BASE, 1, 0},
		{GPU_BASE, 2, 0},	  {GPU_BASE, 8, 0},	    {GPU_BASE + 0x1fc, 4, 0},
		{GPU_BASE + 0x108, 1, 1}, {GPU_BASE + 0x108, 8, 1}, {GPU_BASE + 0x1ff, 8, 0},
		{GPU_BASE, 4, MAGIC},
	};
	struct fixture fixture;

	fixture_init(&fixture);
	fixture_open(&fixture);
	if (fixture_serve(&fixture, "zone1.trace")) {
		for (size_t i = 0; i < sizeof(reads) / sizeof(reads[0]); i++) {
			uint64_t value = 7;

			CU_ASSERT_EQUAL(
				sim_read(fixture.sim, 2, reads[i].address, reads[i].size, &value),
				0);
			CU_ASSERT_EQUAL(value, reads[i].value);
			CU_ASSERT_EQUAL(
				sim_write(fixture.sim, 2, 0xa000000 + 64 * i, 1 << i % 4, i), 0);
		}
		CU_ASSERT_EQUAL(fixture_stop(&fixture), 0);
	}
	CU_ASSERT_EQUAL(fixture_close(&fixture), 0);
}

/* Of a second without a guest's request, whether less than 2 % was the daemon's: 1 % is the aim. */
static bool is_idle(const struct fixture *fixture)
{
	uint64_t cpu = fixture_cpu_ns(fixture), begin = vgpu_now_ns();

	usleep(1000000);
	return 50 * (fixture_cpu_ns(fixture) - cpu) < vgpu_now_ns() - begin;
}

static void idle(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture_open(&fixture);
	if (fixture_serve(&fixture, "zone1.trace")) {
		bool idle = false;

		guest_free(boot_guest(&fixture, RUXOS_0_4, 0));
		/* An emulator of processors may still translate in the first one. */
		for (int seconds = 0; !idle && seconds < 10; seconds++)
			idle = is_idle(&fixture);
		CU_ASSERT_TRUE(idle);
		CU_ASSERT_EQUAL(fixture_stop(&fixture), 0);
	}
	CU_ASSERT_EQUAL(fixture_close(&fixture), 0);
}

static const struct unit_test tests[] = {
	{"every other wake-up lost delays a guest and no more", lost_wakes},
	{"all wake-ups lost delay a guest and no more", all_wakes_lost},
	{"no wake-up is asked for while the last is still handled", busy_wakes},
	{"several vCPUs wait at once and each gets its own answer", two_vcpus},
	{"45 notifies while the daemon stands still: none is lost", full_ring},
	{"accesses to no register, in odd sizes, are answered", odd_accesses},
	{"an idle daemon uses no CPU time", idle},
	{NULL, NULL},
};

const struct unit_suite bridge_suite = {"bridge", tests};
