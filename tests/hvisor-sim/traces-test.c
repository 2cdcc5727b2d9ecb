/* SPDX-License-Identifier: MIT */
/* Every recording of traces/, driven through the daemon of a zone. */
#include "hvisor-sim/recording.h"
#include "hvisor-sim/session.h"
#include "hvisor-sim/sim_target.h"
#include "player.h"
#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct unit_suite traces_suite;

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

/* The recording that the daemon made, on the device that QEMU has. */
static void check_on_qemu(const struct fixture *fixture, const char *name, const char *golden)
{
	if (system("command -v \"${VGPU_QEMU:-qemu-system-aarch64}\" >/dev/null 2>&1") != 0) {
		printf(" (without QEMU, which is not in PATH) ");
		return;
	}
	CU_ASSERT_TRUE(recording_is_golden(fixture->trace, name, golden, "qemu"));
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
	/* The guest is faster than any: what waits to be compressed must have room. */
	fixture_start(&fixture, "carried.trace", "--buffer=1024");
	if (fixture_ready(&fixture)) {
		play_into(&fixture, player);
		CU_ASSERT_EQUAL(fixture_stop(&fixture), 0);
		snprintf(golden, sizeof(golden), "%s/golden", fixture.folder);
		CU_ASSERT_TRUE(recording_is_golden(fixture.trace, name, golden, "builtin"));
		if (strcmp(name, "ruxos_boot") == 0)
			check_on_qemu(&fixture, name, golden);
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

static const struct unit_test tests[] = {
	{"ruxos_boot is carried with its golden frames", carry_ruxos_boot},
	{"linux_modetest is carried with its golden frames", carry_linux_modetest},
	{"linux_console is carried with its golden frames", carry_linux_console},
	{"edk2_console is carried with its golden frames", carry_edk2_console},
	{NULL, NULL},
};

const struct unit_suite traces_suite = {"traces", tests};
