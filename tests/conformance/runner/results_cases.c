/* SPDX-License-Identifier: MIT */
#include "conformance/runner/results_cases.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static enum vgpu_case_verdict verdict_of(const struct result *result)
{
	switch (result->outcome.verdict) {
	case PASSED:
		return VGPU_CASE_PASS;
	case NOT_ASKED:
		return VGPU_CASE_SKIP;
	case FAILED:
		return result->unexpected ? VGPU_CASE_FAIL : VGPU_CASE_KNOWN;
	default:
		return result->unexpected ? VGPU_CASE_ERROR : VGPU_CASE_KNOWN;
	}
}

/* The first finding that made the verdict what it is; NULL: there is none. */
static const char *first_reason(const struct outcome *outcome)
{
	static const enum finding reasons[NUM_VERDICTS] = {
		[PASSED] = FINDING_EXACT,	 [FAILED] = FINDING_HARD,
		[CRASHED] = FINDING_DEATH,	 [HUNG] = FINDING_HARD,
		[NOT_ASKED] = FINDING_NOT_ASKED,
	};

	for (unsigned int i = 0; i < outcome->num_findings; i++)
		if (outcome->findings[i].kind == reasons[outcome->verdict])
			return outcome->findings[i].text;
	return NULL;
}

/* One sentence; the caller frees. NULL: there is nothing to say, or no memory. */
static char *message_of(const struct result *result)
{
	const char *reason = first_reason(&result->outcome);
	enum verdict verdict = result->outcome.verdict;
	char *text = NULL;
	int n = -1;

	if (verdict == PASSED && result->known != NULL)
		n = asprintf(&text, "passed, but the profile knows: %s", result->known);
	else if (verdict == PASSED && reason != NULL)
		n = asprintf(&text, "inexact: %s", reason);
	else if (verdict != PASSED && verdict != NOT_ASKED && !result->unexpected)
		n = asprintf(&text, "known: %s", result->known != NULL ? result->known : "");
	else if (verdict != PASSED)
		n = asprintf(&text, "%s%s%s", verdict_name(verdict), reason != NULL ? ": " : "",
			     reason != NULL ? reason : "");
	return n < 0 ? NULL : text;
}

/* What was to be true, where that is from, and all that was found; the caller frees. */
static char *detail_of(const struct result *result)
{
	static const char *const marks[] = {
		[FINDING_HARD] = "",
		[FINDING_EXACT] = "inexact: ",
		[FINDING_NOTE] = "note: ",
		[FINDING_DEATH] = "died: ",
		[FINDING_NOT_ASKED] = "not asked: ",
	};
	const struct requirement *requirement = result->requirement;
	const struct outcome *outcome = &result->outcome;
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	if (out == NULL)
		return NULL;
	fprintf(out, "%s: %s\nsource: %s\n", requirement->level, requirement->text,
		requirement->source);
	fprintf(out, "verdict: %s\n", verdict_name(outcome->verdict));
	for (unsigned int i = 0; i < outcome->num_findings; i++)
		fprintf(out, "%s%s\n", marks[outcome->findings[i].kind], outcome->findings[i].text);
	if (fclose(out) == 0)
		return text;
	free(text);
	return NULL;
}

/* Where the vector is: "tests/conformance/areas/xfr.c". */
static char *file_of(const struct result *result)
{
	char area[8] = "", *file = NULL;

	for (size_t i = 0; i < sizeof(area) - 1 && result->requirement->area[i] != '\0'; i++)
		area[i] = (char)tolower((unsigned char)result->requirement->area[i]);
	return asprintf(&file, "tests/conformance/areas/%s.c", area) < 0 ? NULL : file;
}

static int add(struct report_cases *cases, const struct result *result)
{
	char *name = NULL, *classname = NULL;
	char *message = message_of(result), *detail = detail_of(result), *file = file_of(result);
	int ret = -ENOMEM;

	if (asprintf(&name, "%s %s", result->requirement->id, result->vector->what) < 0)
		name = NULL;
	if (asprintf(&classname, "vgpu-conform.%s", result->requirement->area) < 0)
		classname = NULL;
	const struct report_case one = {
		.suite = result->requirement->area,
		.name = name,
		.classname = classname,
		.file = file,
		.time_ns = result->outcome.time_ns,
		.verdict = verdict_of(result),
		.message = message,
		.detail = detail,
	};
	if (name != NULL)
		ret = report_cases_add(cases, &one);
	free(name);
	free(classname);
	free(message);
	free(detail);
	free(file);
	return ret;
}

int results_write_cases(const struct results *results, report_cases_fn *write, const char *path,
			struct vgpu_error *err)
{
	const struct report_run run = {
		.name = "vgpu-conform",
		.target = results->target,
		.version = results->version,
	};
	struct report_cases cases = {0};
	int ret = 0;

	for (unsigned int i = 0; ret == 0 && i < results->count; i++)
		if (results->all[i].done)
			ret = add(&cases, &results->all[i]);
	ret = ret < 0 ? vgpu_error_set(err, ENOMEM, "out of memory")
		      : report_cases_write(write, path, &run, &cases, err);
	report_cases_fini(&cases);
	return ret;
}
