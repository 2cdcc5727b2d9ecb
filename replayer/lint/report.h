/* SPDX-License-Identifier: MIT */
/* Findings and rules, printed for people or for machines. */
#ifndef VGPU_LINT_REPORT_H
#define VGPU_LINT_REPORT_H

#include "lint/lint.h"

#include <stdio.h>

struct lint_report {
	FILE *out;
	const char *path;
	bool json;
	const char *rules; /* see lint_rule_is_named() */
	bool whole;	   /* the trace was read to its end */
};

/* Prints what was found; counts[severity] gets the number of rules that were. */
void lint_report(const struct lint_report *report, const struct lint *lint,
		 unsigned int counts[LINT_ERROR + 1]);
/* The table of all rules that are named: rows of Markdown, or JSON. */
void lint_report_rules(FILE *out, bool json, const char *rules);

#endif
