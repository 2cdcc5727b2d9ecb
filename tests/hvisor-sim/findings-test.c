/* SPDX-License-Identifier: MIT */
/* The simulator tells a good daemon from bad ones: bad-daemon.c makes one mistake each. */
#include "hvisor-sim/fixture.h"
#include "unit/unit.h"

#include <errno.h>
#include <linux/virtio_mmio.h>
#include <stdio.h>
#include <string.h>

extern const struct unit_suite findings_suite;

static bool found(const struct fixture *fixture, const char *text)
{
	for (unsigned int i = 0; i < sim_num_findings(fixture->sim); i++)
		if (strstr(sim_finding(fixture->sim, i), text) != NULL)
			return true;
	return false;
}

/* Some accesses to a daemon with this fault, after which the finding, if any, is there. */
static void expect_finding(const char *fault, const char *text)
{
	struct fixture fixture;
	uint64_t value = 0;

	fixture_init(&fixture);
	fixture.options.virtio_base = GPU_BASE;
	fixture.options.virtio_len = GPU_SIZE;
	/* Only who is to wait in vain. */
	if (strcmp(fault, "never") == 0)
		fixture.options.timeout_ms = 300;
	fixture_open(&fixture);
	fixture_start_bad(&fixture, fault);
	if (fixture_ready(&fixture)) {
		sim_read(fixture.sim, 2, GPU_BASE, 4, &value);
		sim_write(fixture.sim, 2, GPU_BASE + VIRTIO_MMIO_QUEUE_NOTIFY, 4, 0);
		sim_read(fixture.sim, 3, GPU_BASE, 4, &value);
		sim_read(fixture.sim, 2, GPU_BASE, 4, &value);
	}
	sim_check_idle(fixture.sim);
	CU_ASSERT_TRUE(text != NULL ? found(&fixture, text) : sim_num_findings(fixture.sim) == 0);
	sim_forget_findings(fixture.sim);
	/* What was wrong with the page is wrong still. */
	fixture_close_quietly(&fixture);
}

static void no_fault(void)
{
	expect_finding("none", NULL);
}

static void unmasked(void)
{
	expect_finding("unmasked", "was answered 0x");
}

static void twice(void)
{
	expect_finding("twice", "flag");
}

static void answers_async(void)
{
	expect_finding("async", "an increment that no access waited for");
}

static void never(void)
{
	expect_finding("never", "was never answered");
}

static void bad_front(void)
{
	expect_finding("front", "req_front");
}

static void early_map(void)
{
	expect_finding("early-map", "mapped before INIT_VIRTIO");
}

static void early_finish(void)
{
	expect_finding("early-finish", "FINISH_REQ before INIT_VIRTIO");
}

static void foreign_memory(void)
{
	expect_finding("foreign", "the root zone's death");
}

static void unfinished(void)
{
	expect_finding("unfinished", "without a FINISH_REQ");
}

static void early_access(void)
{
	struct fixture fixture;
	uint64_t value = 0;

	fixture_init(&fixture);
	fixture_open(&fixture);
	CU_ASSERT_EQUAL(sim_read(fixture.sim, 2, GPU_BASE, 4, &value), -ENODEV);
	CU_ASSERT_TRUE(found(&fixture, "access before INIT_VIRTIO"));
	fixture_close_quietly(&fixture);
}

static const struct unit_test tests[] = {
	{"a daemon without a fault has no finding", no_fault},
	{"an answer wider than the access is found", unmasked},
	{"an access that is answered twice is found", twice},
	{"an answer to a notify that does not block is found", answers_async},
	{"an access that is not answered ends in a finding, not in a hang", never},
	{"a req_front outside the ring is found", bad_front},
	{"a mapping of the page before INIT_VIRTIO is found", early_map},
	{"FINISH_REQ before INIT_VIRTIO is found", early_finish},
	{"a mapping of memory that is not the zone's is found", foreign_memory},
	{"interrupts without FINISH_REQ are found", unfinished},
	{"an access before INIT_VIRTIO is found", early_access},
	{NULL, NULL},
};

const struct unit_suite findings_suite = {"findings", tests};
