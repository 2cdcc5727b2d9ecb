/* SPDX-License-Identifier: MIT */
/*
 * The unmodified vgpu-record as the virtio daemon of a simulated hvisor.
 *
 *   hvisor-test [--list | --bench | NAME...]   NAME: part of a test's name
 */
#include "hvisor-sim/bench.h"
#include "hvisor-sim/fixture.h"
#include "hvisor-sim/guest.h"
#include "hvisor-sim/recording.h"
#include "hvisor-sim/sim_target.h"
#include "player.h"
#include "unit/unit.h"

#include <CUnit/Basic.h>
#include <errno.h>
#include <linux/virtio_gpu.h>
#include <linux/virtio_mmio.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAGIC 0x74726976

/* ---- pictures -------------------------------------------------------------------------- */

/* What RuxOS drew when ruxos_boot.trace was recorded, transfer by transfer. */
static struct {
	uint8_t *pictures[8];
	unsigned int count;
} ruxos;

static void load_ruxos_pictures(void)
{
	struct vgpu_trace_record record;
	struct vgpu_error err;
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open("traces/ruxos_boot.trace", &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	while (vgpu_trace_reader_next(reader, &record, &err) > 0) {
		const size_t size = (size_t)1280 * 800 * 4;

		if (record.type != VGPU_TRACE_REQUEST || record.request.data_len != size ||
		    ruxos.count == 8)
			continue;
		ruxos.pictures[ruxos.count] = malloc(size);
		if (ruxos.pictures[ruxos.count] == NULL)
			abort();
		memcpy(ruxos.pictures[ruxos.count++], record.request.data, size);
	}
	vgpu_trace_reader_close(reader);
}

static void draw_as_ruxos(void *opaque, unsigned int n, uint8_t *pixels)
{
	(void)opaque;
	if (ruxos.count == 0)
		load_ruxos_pictures();
	CU_ASSERT_FATAL(ruxos.count != 0);
	memcpy(pixels, ruxos.pictures[n % ruxos.count], (size_t)1280 * 800 * 4);
}

/* Something else in every picture and every place. */
static void draw_pattern(void *opaque, unsigned int n, uint8_t *pixels)
{
	(void)opaque;
	for (uint32_t i = 0; i < 1280 * 800; i++) {
		uint32_t color = i * 2654435761u + n * 40503u;

		memcpy(pixels + 4 * (size_t)i, &color, sizeof(color));
	}
}

/* ---- guests ---------------------------------------------------------------------------- */

enum guest_kind {
	RUXOS_0_4,
	RUXOS_0_11,
	LINUX_6_1,
};

static struct guest *boot(struct fixture *fixture, enum guest_kind kind, unsigned int pause_us)
{
	static const char *const scripts[] = {
		[RUXOS_0_4] = "tests/hvisor-sim/guests/ruxos-0.4",
		[RUXOS_0_11] = "tests/hvisor-sim/guests/ruxos-0.11",
		[LINUX_6_1] = "tests/hvisor-sim/guests/linux-6.1",
	};
	struct guest *guest = guest_new(&(struct guest_options){
		.sim = fixture->sim,
		.script = scripts[kind],
		.gpu_base = GPU_BASE,
		.width = 1280,
		.height = 800,
		.draw = kind == LINUX_6_1 ? draw_pattern : draw_as_ruxos,
		.pause_us = pause_us,
	});

	CU_ASSERT_PTR_NOT_NULL_FATAL(guest);
	CU_ASSERT_TRUE(guest_run(guest));
	return guest;
}

/* The recording has what the guest did, and its frames are what it drew. */
static void check_recording(const struct fixture *fixture, const struct guest *guest,
			    unsigned int starts)
{
	struct recording recording;

	CU_ASSERT_TRUE_FATAL(recording_load(&recording, fixture->trace));
	CU_ASSERT_TRUE(recording.whole);
	CU_ASSERT_EQUAL(recording.starts, starts);
	CU_ASSERT_EQUAL(recording.requests, guest_num_requests(guest));
	CU_ASSERT_EQUAL(recording.num_frames, guest_num_frames(guest));
	for (unsigned int i = 0; i < recording.num_frames && i < guest_num_frames(guest); i++) {
		struct vgpu_frame_hash drawn = guest_frame(guest, i);

		CU_ASSERT_TRUE(vgpu_frame_hash_equal(&recording.frames[i], &drawn));
	}
	recording_fini(&recording);
	CU_ASSERT_TRUE(recording_replays(fixture->trace, "builtin"));
}

/* A whole session of one guest on this machine. */
static void run_guest(struct fixture *fixture, enum guest_kind kind, unsigned int pause_us)
{
	char golden[128];

	fixture_open(fixture);
	if (fixture_serve(fixture, "zone1.trace")) {
		struct guest *guest = boot(fixture, kind, pause_us);

		CU_ASSERT_EQUAL(fixture_stop(fixture), 0);
		check_recording(fixture, guest, 1);
		guest_free(guest);
		snprintf(golden, sizeof(golden), "%s/golden", fixture->folder);
		if (kind != LINUX_6_1)
			CU_ASSERT_TRUE(recording_is_golden(fixture->trace, "ruxos_boot", golden,
							   "builtin"));
	} else {
		CU_FAIL("the daemon is not ready");
	}
	CU_ASSERT_EQUAL(fixture_close(fixture), 0);
}

/* One device, one region: a notify does not block the vCPU. */
static void use_device_region(struct fixture *fixture)
{
	fixture->options.virtio_base = GPU_BASE;
	fixture->options.virtio_len = GPU_SIZE;
}

static void use_linux_zone(struct fixture *fixture)
{
	use_device_region(fixture);
	fixture->options.zonex_ipa = fixture->options.zone0_ipa;
}

static void ruxos_4(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	run_guest(&fixture, RUXOS_0_4, 0);
}

static void ruxos_11(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	run_guest(&fixture, RUXOS_0_11, 0);
}

static void ruxos_4_device_region(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	use_device_region(&fixture);
	run_guest(&fixture, RUXOS_0_4, 0);
}

static void ruxos_11_device_region(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	use_device_region(&fixture);
	run_guest(&fixture, RUXOS_0_11, 0);
}

static void linux_6(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	use_linux_zone(&fixture);
	run_guest(&fixture, LINUX_6_1, 0);
}

static void linux_big_region(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture.options.zonex_ipa = fixture.options.zone0_ipa;
	run_guest(&fixture, LINUX_6_1, 0);
}

static void linux_lost_irqs(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	use_linux_zone(&fixture);
	fixture.options.drop_irq_every = 2;
	run_guest(&fixture, LINUX_6_1, 0);
}

/* ---- layouts and modules --------------------------------------------------------------- */

/* A daemon that is told the layout, or has to find it out. */
static void run_layout(enum sim_layout layout, uint64_t version, bool by_signal,
		       const char *argument)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture.options.layout = layout;
	fixture.options.config_version = version;
	fixture.options.by_signal = by_signal;
	fixture_open(&fixture);
	fixture_start(&fixture, "zone1.trace", argument);
	if (sim_wait_ready(fixture.sim, 10000)) {
		struct guest *guest = boot(&fixture, RUXOS_0_4, 1000);

		CU_ASSERT_EQUAL(fixture_stop(&fixture), 0);
		check_recording(&fixture, guest, 1);
		guest_free(guest);
	} else {
		CU_FAIL("the daemon is not ready");
	}
	CU_ASSERT_EQUAL(fixture_close(&fixture), 0);
}

static void layout_32x4(void)
{
	run_layout(SIM_32X4, 1, true, "--bridge-layout=32x4");
}

static void layout_4x4(void)
{
	run_layout(SIM_4X4, 1, true, "--bridge-layout=4x4");
}

static void layout_32x8(void)
{
	run_layout(SIM_32X8, 1, true, "--bridge-layout=32x8");
}

static void old_module(void)
{
	run_layout(SIM_4X4, 0, true, NULL);
}

static void signal_module(void)
{
	run_layout(SIM_32X8, 3, true, NULL);
}

/* ---- wake-ups and several vCPUs -------------------------------------------------------- */

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
		guest_free(boot(&fixture, RUXOS_0_4, 0));
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

struct vcpu_job {
	struct sim *sim;
	unsigned int cpu;
	uint64_t address, value;
	unsigned int count;
	bool write;
	/* What came of it. */
	unsigned int wrong;
	int ret;
	uint64_t got;
};

static void *run_vcpu(void *opaque)
{
	struct vcpu_job *job = opaque;

	for (unsigned int i = 0; i < job->count; i++) {
		job->got = 0;
		if (job->write)
			job->ret = sim_write(job->sim, job->cpu, job->address, 4, job->value);
		else
			job->ret = sim_read(job->sim, job->cpu, job->address, 4, &job->got);
		job->wrong += job->ret != 0 || (!job->write && job->got != job->value);
	}
	return NULL;
}

static pthread_t start_vcpu(struct vcpu_job *job)
{
	pthread_t thread;

	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, run_vcpu, job), 0);
	return thread;
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
		struct guest *guest = boot(&fixture, RUXOS_0_4, 0);
		unsigned int notifies = guest_num_requests(guest) + 45;
		struct recording recording;
		struct vcpu_job job = {
			.sim = fixture.sim,
			.cpu = 3,
			.address = GPU_BASE + VIRTIO_MMIO_QUEUE_NOTIFY,
			.write = true,
			.count = 45,
		};

		fixture_signal(&fixture, SIGSTOP);
		uint64_t before = num_requests(fixture.sim);
		pthread_t thread = start_vcpu(&job);
		usleep(200000);
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

static void idle(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture_open(&fixture);
	if (fixture_serve(&fixture, "zone1.trace")) {
		guest_free(boot(&fixture, RUXOS_0_4, 0));
		usleep(300000);
		uint64_t cpu = fixture_cpu_ns(&fixture), begin = vgpu_now_ns();

		usleep(1000000);
		/* Of what is measured half is the machine's noise: 1 % is the aim. */
		CU_ASSERT_TRUE(50 * (fixture_cpu_ns(&fixture) - cpu) < vgpu_now_ns() - begin);
		CU_ASSERT_EQUAL(fixture_stop(&fixture), 0);
	}
	CU_ASSERT_EQUAL(fixture_close(&fixture), 0);
}

/* ---- lives of zones and daemons -------------------------------------------------------- */

/* The zone starts again, memory as it was left: rings hold the indices of before. */
static void restart_zone(enum guest_kind kind, bool device_region)
{
	struct fixture fixture;

	fixture_init(&fixture);
	if (device_region)
		use_device_region(&fixture);
	fixture_open(&fixture);
	if (fixture_serve(&fixture, "zone1.trace")) {
		struct guest *guest = boot(&fixture, kind, 0);

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

		if (!first_access) {
			guest_free(boot(&fixture, RUXOS_0_4, 0));
			/* What was recorded is in the file after 100 ms (traces/FORMAT.md). */
			usleep(400000);
		}
		fixture_signal(&fixture, SIGSTOP);
		pthread_t thread = start_vcpu(&job);
		CU_ASSERT_TRUE(sim_wait_blocked(fixture.sim, 2, 5000));
		fixture_signal(&fixture, SIGKILL);
		CU_ASSERT_EQUAL(fixture_wait(&fixture), 128 + SIGKILL);
		snprintf(recorded, sizeof(recorded), "%.120s.part", fixture.trace);

		CU_ASSERT_TRUE(fixture_serve(&fixture, "second.trace"));
		pthread_join(thread, NULL);
		CU_ASSERT_EQUAL(job.ret, 0);
		CU_ASSERT_EQUAL(job.got, 0);
		struct guest *guest = boot(&fixture, RUXOS_0_4, 0);
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
		guest_free(boot(&fixture, RUXOS_0_4, 0));
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
		struct guest *guest = boot(&fixture, RUXOS_0_4, 0);
		struct vcpu_job job = {
			.sim = fixture.sim,
			.cpu = 2,
			.address = GPU_BASE,
			.count = 1,
		};

		fixture_signal(&fixture, SIGSTOP);
		pthread_t thread = start_vcpu(&job);
		CU_ASSERT_TRUE(sim_wait_blocked(fixture.sim, 2, 5000));
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

/* ---- what cannot be served ------------------------------------------------------------- */

/* The daemon says the sentence and has touched nothing. */
static void expect_refusal(struct fixture *fixture, const char *argument, const char *sentence)
{
	struct sim_stats stats;

	fixture_start(fixture, "zone1.trace", argument);
	CU_ASSERT_EQUAL(fixture_wait(fixture), 2);
	CU_ASSERT_TRUE(fixture_said(fixture, sentence));
	sim_stats(fixture->sim, &stats);
	CU_ASSERT_EQUAL(stats.inits, 0);
	CU_ASSERT_EQUAL(fixture_close(fixture), 0);
}

static void no_device(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture.options.no_such_node = true;
	fixture_open(&fixture);
	expect_refusal(&fixture, NULL, "hvisor.ko");
}

static void no_tree_node(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture.options.init_result = 25;
	fixture_open(&fixture);
	expect_refusal(&fixture, NULL, "/hvisor_virtio_device");
}

static void unknown_layout(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture.options.config_version = 1;
	fixture_open(&fixture);
	expect_refusal(&fixture, NULL, "--bridge-layout");
}

static void implausible_version(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture.options.config_version = 0xffff8000deadbeef;
	fixture_open(&fixture);
	expect_refusal(&fixture, NULL, "--bridge-layout");
}

static const char foreign_memory[] =
	"{\"zones\": [{\"id\": 1, \"memory_region\": [{\"zone0_ipa\": \"0x%s\", \"zonex_ipa\":"
	" \"0x40000000\", \"size\": \"0x%s\"}], \"devices\": [{\"type\": \"gpu\", \"addr\":"
	" \"0xa003400\", \"len\": \"0x200\", \"irq\": 74, \"width\": 1280, \"height\": 800,"
	" \"status\": \"enable\"}]}]}";

static void foreign(const char *zone0_ipa, const char *size, const char *sentence)
{
	struct fixture fixture;
	char json[1024];

	fixture_init(&fixture);
	fixture_open(&fixture);
	snprintf(json, sizeof(json), foreign_memory, zone0_ipa, size);
	fixture_write_config(&fixture, json);
	expect_refusal(&fixture, NULL, sentence);
}

static void memory_outside(void)
{
	foreign("48000000", "10000000", "touching it would stop the machine");
}

static void memory_partly_outside(void)
{
	foreign("b0000000", "20000000", "touching it would stop the machine");
}

static void memory_not_pages(void)
{
	foreign("50000800", "10000000", "whole pages");
}

static void broken_config(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture_open(&fixture);
	fixture_write_config(&fixture, "{\"zones\": [{\"id\": 1, \"devices\": [{\"type\": \"gpu\", "
				       "\"addr\": \"here\"}]}]}");
	expect_refusal(&fixture, NULL, "zones[0].devices[0].addr");
}

static void other_zone(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture_open(&fixture);
	fixture_write_config(&fixture, "{\"zones\": []}");
	expect_refusal(&fixture, NULL, "zone");
}

/* ---- every recording there is ---------------------------------------------------------- */

struct played {
	unsigned int answers, different;
};

static void on_answer(void *opaque, const struct vgpu_player_answer *answer)
{
	struct played *played = opaque;

	played->answers++;
	if (answer->verdict == VGPU_ANSWER_EQUAL)
		return;
	played->different++;
	fprintf(stderr, "\n  request %llu: %s\n", (unsigned long long)answer->recorded->number,
		answer->why);
}

static void play_into(struct fixture *fixture, struct vgpu_player *player)
{
	static const struct vgpu_player_events events = {.answer = on_answer};
	struct played played = {0};
	struct vgpu_error err;
	struct vgpu_target *target = sim_target_new(
		fixture->sim, 2, GPU_BASE, fixture->options.zonex_ipa, fixture->options.ram_size);

	CU_ASSERT_PTR_NOT_NULL_FATAL(target);
	enum vgpu_player_end end = vgpu_player_play(player, target, &events, &played, &err);
	CU_ASSERT_EQUAL(end, VGPU_PLAYER_DONE);
	if (end != VGPU_PLAYER_DONE)
		fprintf(stderr, "\n  %s\n", err.text);
	CU_ASSERT_EQUAL(played.answers, vgpu_player_requests(player));
	CU_ASSERT_EQUAL(played.different, 0);
	target->ops->close(target);
}

/* Drives a recording through the daemon, which must record the same. */
static void carry(const char *name, bool device_region)
{
	struct vgpu_target_options target;
	struct fixture fixture;
	struct vgpu_error err;
	char path[128], golden[128];

	snprintf(path, sizeof(path), "traces/%s.trace", name);
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	struct vgpu_player *player = vgpu_player_new(reader, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(player);
	vgpu_player_target_options(player, &target);

	fixture_init(&fixture);
	if (device_region)
		use_device_region(&fixture);
	fixture.width = target.outputs[0].rect.width;
	fixture.height = target.outputs[0].rect.height;
	fixture_open(&fixture);
	if (fixture_serve(&fixture, "carried.trace")) {
		play_into(&fixture, player);
		CU_ASSERT_EQUAL(fixture_stop(&fixture), 0);
		snprintf(golden, sizeof(golden), "%s/golden", fixture.folder);
		CU_ASSERT_TRUE(recording_is_golden(fixture.trace, name, golden, "builtin"));
	}
	CU_ASSERT_EQUAL(fixture_close(&fixture), 0);
	vgpu_player_free(player);
	vgpu_trace_reader_close(reader);
}

static void carry_ruxos_boot(void)
{
	carry("ruxos_boot", false);
}

static void carry_linux_modetest(void)
{
	carry("linux_modetest", true);
}

static void carry_linux_console(void)
{
	carry("linux_console", true);
}

static void carry_edk2_console(void)
{
	carry("edk2_console", false);
}

/* ---- the list -------------------------------------------------------------------------- */

static const struct unit_test tests[] = {
	{"RuxOS with virtio-drivers 0.4 is served: 31 empty slots, 40 traps, golden frames",
	 ruxos_4},
	{"RuxOS with virtio-drivers 0.11 is served: indirect tables, event index", ruxos_11},
	{"RuxOS 0.4 is served when its notifies do not block", ruxos_4_device_region},
	{"RuxOS 0.11 is served when its notifies do not block", ruxos_11_device_region},
	{"Linux 6.1 is served: two readable descriptors, interrupts, two CPUs", linux_6},
	{"Linux 6.1 is served when its notifies block", linux_big_region},
	{"Linux 6.1 is served when every other interrupt is lost", linux_lost_irqs},
	{"layout 32x8 on a module with signals", layout_32x8},
	{"layout 32x4 on a module with signals", layout_32x4},
	{"layout 4x4 on a module with signals", layout_4x4},
	{"a module without CONFIG_CHECK and SET_EVENTFD means layout 4x4 and signals", old_module},
	{"a module without SET_EVENTFD wakes by signal", signal_module},
	{"every other wake-up lost delays a guest and no more", lost_wakes},
	{"all wake-ups lost delay a guest and no more", all_wakes_lost},
	{"no wake-up is asked for while the last is still handled", busy_wakes},
	{"several vCPUs wait at once and each gets its own answer", two_vcpus},
	{"45 notifies while the daemon stands still: none is lost", full_ring},
	{"accesses to no register, in odd sizes, are answered", odd_accesses},
	{"an idle daemon uses no CPU time", idle},
	{"a zone that restarts has a new device and a new segment", zone_restart_4},
	{"a zone that restarts with notifies that do not block", zone_restart_4_device_region},
	{"a zone that restarts with indirect tables", zone_restart_11},
	{"a vCPU stuck in its first access is freed by the next daemon", kill_first_access},
	{"a vCPU stuck in a later access is freed by the next daemon", kill_later_access},
	{"a second daemon leaves the first alone", second_daemon},
	{"SIGTERM does not leave a vCPU blocked", sigterm_blocked},
	{"SIGINT does not leave a vCPU blocked", sigint_blocked},
	{"no /dev/hvisor is said", no_device},
	{"a device tree without the module's node is said", no_tree_node},
	{"a version with several layouts is not guessed", unknown_layout},
	{"a version that cannot be one is not believed", implausible_version},
	{"memory that the root zone does not have is not mapped", memory_outside},
	{"memory that the root zone has a part of is not mapped", memory_partly_outside},
	{"memory that is no whole pages is not mapped", memory_not_pages},
	{"a configuration with errors is refused before anything is touched", broken_config},
	{"a configuration without the zone is refused", other_zone},
	{"ruxos_boot is carried with its golden frames", carry_ruxos_boot},
	{"linux_modetest is carried with its golden frames", carry_linux_modetest},
	{"linux_console is carried with its golden frames", carry_linux_console},
	{"edk2_console is carried with its golden frames", carry_edk2_console},
	{NULL, NULL},
};

static bool wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strstr(name, argv[i]) != NULL)
			return true;
	return argc < 2;
}

static int list(void)
{
	for (const struct unit_test *test = tests; test->name != NULL; test++)
		puts(test->name);
	return 0;
}

static int run_tests(int argc, char **argv)
{
	unsigned int added = 0;
	CU_pSuite suite;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return 2;
	suite = CU_add_suite("hvisor", NULL, NULL);
	for (const struct unit_test *test = tests; suite != NULL && test->name != NULL; test++)
		if (wanted(test->name, argc, argv))
			added += CU_add_test(suite, test->name, test->run) != NULL;
	if (added == 0) {
		fprintf(stderr, "hvisor-test: no test has that in its name, see --list\n");
		return 2;
	}
	CU_basic_set_mode(CU_BRM_VERBOSE);
	CU_basic_run_tests();
	unsigned int failed = CU_get_number_of_tests_failed();
	CU_cleanup_registry();
	for (unsigned int i = 0; i < ruxos.count; i++)
		free(ruxos.pictures[i]);
	return failed != 0;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	fixture_set_program(argv[0]);
	if (argc == 2 && strcmp(argv[1], "--list") == 0)
		return list();
	if (argc == 2 && strcmp(argv[1], "--bench") == 0)
		return bench_run();
	return run_tests(argc, argv);
}
