/* SPDX-License-Identifier: MIT */
/* What a target said, as test cases for machines; replayer/REPORTS.md says how. */
#ifndef CONFORM_RESULTS_CASES_H
#define CONFORM_RESULTS_CASES_H

#include "conformance/runner/results.h"
#include "report/cases.h"

/* Writes a case for each result that is done. 0 or a negative errno with a sentence. */
int results_write_cases(const struct results *results, report_cases_fn *write, const char *path,
			struct vgpu_error *err);

#endif
