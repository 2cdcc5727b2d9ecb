/* SPDX-License-Identifier: MIT */
/* Runs the suites, or those that the arguments name. Exit status 0: all passed. */
#include "unit.h"

#include <CUnit/Basic.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

extern const struct unit_suite mem_map_suite;
extern const struct unit_suite virtqueue_suite;
extern const struct unit_suite packed_suite;
extern const struct unit_suite device_suite;
extern const struct unit_suite blob_suite;
extern const struct unit_suite mmio_suite;
extern const struct unit_suite hostile_suite;
extern const struct unit_suite cve_suite;
extern const struct unit_suite cve_account_suite;
extern const struct unit_suite double_fetch_suite;
extern const struct unit_suite edid_suite;
extern const struct unit_suite vhost_user_suite;
extern const struct unit_suite gpu_socket_suite;
extern const struct unit_suite connection_suite;
extern const struct unit_suite kms_suite;
extern const struct unit_suite frame_suite;
extern const struct unit_suite queue_suite;
extern const struct unit_suite trace_suite;
extern const struct unit_suite trace_damage_suite;
extern const struct unit_suite trace_ahead_suite;
extern const struct unit_suite pool_suite;
extern const struct unit_suite summary_suite;
extern const struct unit_suite format_suite;
extern const struct unit_suite recorder_suite;
extern const struct unit_suite sandbox_suite;
extern const struct unit_suite command_line_suite;
extern const struct unit_suite text_file_suite;
extern const struct unit_suite zone_config_suite;
extern const struct unit_suite decode_suite;
extern const struct unit_suite lint_suite;
extern const struct unit_suite golden_suite;
extern const struct unit_suite dbus_suite;
extern const struct unit_suite screen_suite;
extern const struct unit_suite target_suite;
extern const struct unit_suite vhost_user_screen_suite;
extern const struct unit_suite vhost_user_target_suite;
extern const struct unit_suite no_memory_suite;
extern const struct unit_suite set_suite;
extern const struct unit_suite player_suite;
extern const struct unit_suite blob_replay_suite;
extern const struct unit_suite replay_suite;
extern const struct unit_suite rotate_suite;
extern const struct unit_suite last_suite;
extern const struct unit_suite report_suite;
extern const struct unit_suite replay_report_suite;

static const struct unit_suite *const suites[] = {
	/* clang-format off */
	&mem_map_suite,
	&virtqueue_suite,
	&packed_suite,
	&device_suite,
	&blob_suite,
	&mmio_suite,
	&hostile_suite,
	&cve_suite,
	&cve_account_suite,
	&double_fetch_suite,
	&edid_suite,
	&vhost_user_suite,
	&gpu_socket_suite,
	&connection_suite,
	&kms_suite,
	&frame_suite,
	&queue_suite,
	&trace_suite,
	&trace_damage_suite,
	&trace_ahead_suite,
	&pool_suite,
	&summary_suite,
	&format_suite,
	&recorder_suite,
	&sandbox_suite,
	&command_line_suite,
	&text_file_suite,
	&zone_config_suite,
	&decode_suite,
	&lint_suite,
	&golden_suite,
	&dbus_suite,
	&screen_suite,
	&target_suite,
	&vhost_user_screen_suite,
	&vhost_user_target_suite,
	&no_memory_suite,
	&set_suite,
	&player_suite,
	&blob_replay_suite,
	&replay_suite,
	&rotate_suite,
	&last_suite,
	&report_suite,
	&replay_report_suite,
	/* clang-format on */
};

static bool wanted(const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strcmp(argv[i], name) == 0)
			return true;
	return argc < 2;
}

static bool is_suite(const char *name)
{
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		if (strcmp(suites[i]->name, name) == 0)
			return true;
	return false;
}

static int complain(const char *name)
{
	fprintf(stderr, "unit-tests: no suite is called '%s'; there are:", name);
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++)
		fprintf(stderr, " '%s'", suites[i]->name);
	fprintf(stderr, "\n");
	return 2;
}

int main(int argc, char **argv)
{
	setvbuf(stdout, NULL, _IOLBF, 0);
	for (int i = 1; i < argc; i++)
		if (!is_suite(argv[i]))
			return complain(argv[i]);
	if (CU_initialize_registry() != CUE_SUCCESS)
		return 2;
	for (size_t i = 0; i < sizeof(suites) / sizeof(suites[0]); i++) {
		if (!wanted(suites[i]->name, argc, argv))
			continue;
		CU_pSuite suite = CU_add_suite(suites[i]->name, NULL, NULL);
		if (suite == NULL)
			return 2;
		for (const struct unit_test *test = suites[i]->tests; test->name != NULL; test++)
			if (CU_add_test(suite, test->name, test->run) == NULL)
				return 2;
	}
	CU_basic_set_mode(CU_BRM_NORMAL);
	CU_basic_run_tests();
	unsigned int failed = CU_get_number_of_tests_failed() + CU_get_number_of_suites_failed();
	CU_cleanup_registry();
	return failed != 0;
}
