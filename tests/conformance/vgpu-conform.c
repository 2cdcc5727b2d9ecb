/* SPDX-License-Identifier: MIT */
/* vgpu-conform(1): asks a virtio-gpu device for each requirement. */
#include "conformance/runner/requirements.h"
#include "conformance/runner/runner.h"

#include <CUnit/CUnit.h>
#include <CUnit/TestRun.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROGRAM "vgpu-conform"

int main(int argc, char **argv)
{
	struct runner_options options = {.target = argc > 1 ? argv[1] : "builtin"};
	struct vgpu_error err;
	struct requirements *requirements = requirements_new(&err);
	struct runner *runner = requirements == NULL ? NULL : runner_new(&options, &err);
	if (runner == NULL) {
		fprintf(stderr, PROGRAM ": %s\n", err.text);
		return 2;
	}
	printf("%s\n", runner_version(runner));
	for (unsigned int i = 0; i < conform_num_areas; i++)
		for (const struct vector *v = conform_areas[i]; v->id != NULL; v++) {
			struct outcome outcome;
			if (argc > 2 && strncmp(v->id, argv[2], strlen(argv[2])) != 0)
				continue;
			runner_run(runner, v, &outcome);
			printf("%s %s%s (%.1f ms)\n", v->id, verdict_name(outcome.verdict),
			       outcome.exact ? "" : ", inexact", outcome.time_ns / 1e6);
			for (unsigned int j = 0; j < outcome.num_findings; j++)
				printf("    %d %s\n", outcome.findings[j].kind,
				       outcome.findings[j].text);
			outcome_fini(&outcome);
		}
	runner_free(runner);
	requirements_free(requirements);
	return 0;
}
