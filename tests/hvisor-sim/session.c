/* SPDX-License-Identifier: MIT */
#include "hvisor-sim/session.h"

#include "hvisor-sim/recording.h"
#include "lint/lint.h"
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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

struct guest *boot_guest(struct fixture *fixture, enum guest_kind kind, unsigned int pause_us)
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

void check_recording(const struct fixture *fixture, const struct guest *guest, unsigned int starts)
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

/* The rules that each driver breaks: real accesses to registers, and no false finding. */
static void check_driver(const struct fixture *fixture, enum guest_kind kind)
{
	static const char *const broken[] = {
		[RUXOS_0_4] = "VD-FEA-001 VD-INI-003 VD-QUE-001 VD-INT-001 VD-INT-004 VD-TIM-001 "
			      "VD-MSG-002 VD-XFR-005 VD-SCN-005 ",
		[RUXOS_0_11] = "VD-FEA-001 VD-INI-003 VD-INT-001 VD-TIM-001 VD-MSG-002 VD-XFR-005 "
			       "VD-SCN-005 ",
		[LINUX_6_1] = "VD-INT-004 VD-SCN-004 ",
	};
	char found[LINT_NUM_RULES * 12 + 1] = "";
	struct lint *lint = calloc(1, sizeof(*lint));
	struct vgpu_trace_record record;
	struct vgpu_error err;
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(fixture->trace, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	CU_ASSERT_PTR_NOT_NULL_FATAL(lint);
	while (vgpu_trace_reader_next(reader, &record, &err) > 0)
		lint_record(lint, &record);
	lint_end(lint);
	for (unsigned int id = 0; id < LINT_NUM_RULES; id++)
		if (lint_found(&lint->findings, (enum lint_rule_id)id))
			strcat(strcat(found, lint_rule_at(id)->id), " ");
	CU_ASSERT_STRING_EQUAL(found, broken[kind]);
	if (strcmp(found, broken[kind]) != 0)
		fprintf(stderr, "\n  found %s\n", found);
	vgpu_trace_reader_close(reader);
	lint_fini(lint);
	free(lint);
}

void run_guest(struct fixture *fixture, enum guest_kind kind, unsigned int pause_us)
{
	char golden[128];

	fixture_open(fixture);
	if (fixture_serve(fixture, "zone1.trace")) {
		struct guest *guest = boot_guest(fixture, kind, pause_us);

		CU_ASSERT_EQUAL(fixture_stop(fixture), 0);
		check_recording(fixture, guest, 1);
		check_driver(fixture, kind);
		guest_free(guest);
		snprintf(golden, sizeof(golden), "%s/golden", fixture->folder);
		if (kind != LINUX_6_1)
			CU_ASSERT_TRUE(recording_is_golden(fixture->trace, "ruxos_boot", golden,
							   "builtin"));
	}
	CU_ASSERT_EQUAL(fixture_close(fixture), 0);
}

void use_device_region(struct fixture *fixture)
{
	fixture->options.virtio_base = GPU_BASE;
	fixture->options.virtio_len = GPU_SIZE;
}

void use_linux_zone(struct fixture *fixture)
{
	use_device_region(fixture);
	fixture->options.zonex_ipa = fixture->options.zone0_ipa;
}

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

pthread_t start_vcpu(struct vcpu_job *job)
{
	pthread_t thread;

	CU_ASSERT_EQUAL_FATAL(pthread_create(&thread, NULL, run_vcpu, job), 0);
	return thread;
}
