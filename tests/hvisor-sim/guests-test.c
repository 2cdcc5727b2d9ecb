/* SPDX-License-Identifier: MIT */
/* Guests as they were seen on a running hvisor, on all of its generations. */
#include "hvisor-sim/session.h"
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>

extern const struct unit_suite guests_suite;

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
	if (fixture_ready(&fixture)) {
		struct guest *guest = boot_guest(&fixture, RUXOS_0_4, 1000);

		CU_ASSERT_EQUAL(fixture_stop(&fixture), 0);
		check_recording(&fixture, guest, 1);
		guest_free(guest);
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

/* ---- zones ----------------------------------------------------------------------------- */

static void list_zones(uint64_t version)
{
	struct fixture fixture;
	uint64_t nothing = 0;

	fixture_init(&fixture);
	fixture.options.config_version = version;
	fixture_open(&fixture);
	CU_ASSERT_EQUAL(sim_read(fixture.sim, 2, 0x9000000, 4, &nothing), -EFAULT);
	fixture_run(&fixture, (const char *[]){"--list", NULL});
	CU_ASSERT_EQUAL(fixture_wait(&fixture), 0);
	CU_ASSERT_TRUE(fixture_said(&fixture, "root-linux"));
	CU_ASSERT_TRUE(fixture_said(&fixture, "ruxos_display"));
	/* An access to nothing has marked the zone, where an entry has room for that. */
	CU_ASSERT_TRUE(fixture_said(&fixture, version != 0 ? "zone1   cpus 0xc  failed"
							   : "zone1   cpus 0xc  running"));
	CU_ASSERT_EQUAL(fixture_close(&fixture), 0);
}

static void zones(void)
{
	list_zones(5);
}

static void zones_of_old(void)
{
	list_zones(0);
}

static void zone_by_name(void)
{
	struct fixture fixture;

	fixture_init(&fixture);
	fixture_open(&fixture);
	snprintf(fixture.trace, sizeof(fixture.trace), "%s/named.trace", fixture.folder);
	fixture_run(&fixture, (const char *[]){"ruxos_display", "--config", fixture.config,
					       "--display=none", "-o", fixture.trace, NULL});
	if (fixture_ready(&fixture)) {
		struct guest *guest = boot_guest(&fixture, RUXOS_0_4, 0);

		CU_ASSERT_EQUAL(fixture_stop(&fixture), 0);
		check_recording(&fixture, guest, 1);
		guest_free(guest);
	}
	CU_ASSERT_EQUAL(fixture_close(&fixture), 0);
}

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
	{"the zones that hvisor reports are listed", zones},
	{"the zones that a hvisor of old reports are listed", zones_of_old},
	{"a zone is found by the name that hvisor has for it", zone_by_name},
	{NULL, NULL},
};

const struct unit_suite guests_suite = {"guests", tests};
