/* SPDX-License-Identifier: MIT */
/* What cannot be served is said in a sentence, and nothing is touched. */
#include "hvisor-sim/session.h"
#include "hvisor-sim/wire.h"
#include "unit/unit.h"

#include <stdio.h>
#include <unistd.h>

extern const struct unit_suite refusal_suite;

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

/* hvisor-tool's own daemon has the shared page mapped, and no lock. */
static void stock_daemon(void)
{
	struct fixture fixture;
	char path[128];

	fixture_init(&fixture);
	fixture_open(&fixture);
	snprintf(path, sizeof(path), "%s%s%d", sim_socket(fixture.sim), SIM_MAPS_SUFFIX,
		 (int)getpid());
	FILE *file = fopen(path, "we");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fprintf(file, "ffff8b9f0000-ffff8b9f1000 rw-s 00000000 00:05 263 "
		      "                       /dev/hvisor\n");
	fclose(file);
	expect_refusal(&fixture, NULL, "serves it; end that first");
}

static const struct unit_test tests[] = {
	{"no /dev/hvisor is said", no_device},
	{"a device tree without the module's node is said", no_tree_node},
	{"a version with several layouts is not guessed", unknown_layout},
	{"a version that cannot be one is not believed", implausible_version},
	{"memory that the root zone does not have is not mapped", memory_outside},
	{"memory that the root zone has a part of is not mapped", memory_partly_outside},
	{"memory that is no whole pages is not mapped", memory_not_pages},
	{"a configuration with errors is refused before anything is touched", broken_config},
	{"a configuration without the zone is refused", other_zone},
	{"a daemon of hvisor-tool that serves already is left alone", stock_daemon},
	{NULL, NULL},
};

const struct unit_suite refusal_suite = {"refusal", tests};
