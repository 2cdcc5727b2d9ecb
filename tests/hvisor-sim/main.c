/* SPDX-License-Identifier: MIT */
/*
 * The unmodified vgpu-record as the virtio daemon of a simulated hvisor.
 *
 *   hvisor-test [--list | --bench | TEXT...]   runs tests with a TEXT in suite or name
 */
#include "hvisor-sim/bench.h"
#include "hvisor-sim/fixture.h"
#include "unit/unit.h"

#include <CUnit/Basic.h>
#include <stdio.h>
#include <string.h>

extern const struct unit_suite findings_suite;
extern const struct unit_suite guests_suite;
extern const struct unit_suite bridge_suite;
extern const struct unit_suite life_suite;
extern const struct unit_suite refusal_suite;
extern const struct unit_suite traces_suite;

static const struct unit_suite *const suites[] = {
	&findings_suite, &guests_suite, &bridge_suite, &life_suite, &refusal_suite, &traces_suite,
};

#define NUM_SUITES (sizeof(suites) / sizeof(suites[0]))

static bool wanted(const char *suite, const char *name, int argc, char **argv)
{
	for (int i = 1; i < argc; i++)
		if (strstr(suite, argv[i]) != NULL || strstr(name, argv[i]) != NULL)
			return true;
	return argc < 2;
}

static int list(void)
{
	for (size_t i = 0; i < NUM_SUITES; i++)
		for (const struct unit_test *test = suites[i]->tests; test->name != NULL; test++)
			printf("%-10s %s\n", suites[i]->name, test->name);
	return 0;
}

static unsigned int add_suite(const struct unit_suite *suite, int argc, char **argv)
{
	CU_pSuite added = NULL;
	unsigned int count = 0;

	for (const struct unit_test *test = suite->tests; test->name != NULL; test++) {
		if (!wanted(suite->name, test->name, argc, argv))
			continue;
		if (added == NULL)
			added = CU_add_suite(suite->name, NULL, NULL);
		if (added != NULL)
			count += CU_add_test(added, test->name, test->run) != NULL;
	}
	return count;
}

static int run_tests(int argc, char **argv)
{
	unsigned int added = 0;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return 2;
	for (size_t i = 0; i < NUM_SUITES; i++)
		added += add_suite(suites[i], argc, argv);
	if (added == 0) {
		fprintf(stderr, "hvisor-test: no test has that in its name, see --list\n");
		return 2;
	}
	CU_basic_set_mode(CU_BRM_NORMAL);
	CU_basic_run_tests();
	unsigned int failed = CU_get_number_of_tests_failed();
	CU_cleanup_registry();
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
