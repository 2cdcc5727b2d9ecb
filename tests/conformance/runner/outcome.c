/* SPDX-License-Identifier: MIT */
#include "conformance/runner/outcome.h"

#include <stdlib.h>
#include <string.h>

/* A vector that finds the same a thousand times says it often enough. */
#define FINDINGS_MAX 20

const char *verdict_name(enum verdict verdict)
{
	static const char *const names[NUM_VERDICTS] = {
		[PASSED] = "passed", [FAILED] = "failed",	[CRASHED] = "crashed",
		[HUNG] = "hung",     [NOT_ASKED] = "not asked",
	};

	return names[verdict];
}

enum verdict verdict_find(const char *name)
{
	for (unsigned int i = 0; name != NULL && i < NUM_VERDICTS; i++)
		if (strcmp(verdict_name((enum verdict)i), name) == 0)
			return (enum verdict)i;
	return NUM_VERDICTS;
}

static enum verdict worse(enum verdict verdict, enum finding kind)
{
	if (kind == FINDING_DEATH)
		return CRASHED;
	if (kind == FINDING_HARD && verdict == PASSED)
		return FAILED;
	/* What was found before it turned out that there is nothing to ask counts. */
	if (kind == FINDING_NOT_ASKED && verdict == PASSED)
		return NOT_ASKED;
	return verdict;
}

void outcome_add(struct outcome *outcome, enum finding kind, const char *text)
{
	outcome->verdict = worse(outcome->verdict, kind);
	if (kind != FINDING_NOTE)
		outcome->exact = false;
	if (outcome->num_findings >= FINDINGS_MAX && kind != FINDING_DEATH)
		return;
	struct outcome_finding *findings =
		realloc(outcome->findings, (outcome->num_findings + 1) * sizeof(*findings));
	if (findings == NULL)
		return;
	outcome->findings = findings;
	findings[outcome->num_findings].kind = kind;
	findings[outcome->num_findings].text = strdup(text);
	if (findings[outcome->num_findings].text != NULL)
		outcome->num_findings++;
}

static const char *first_of(const struct outcome *outcome, enum finding kind)
{
	for (unsigned int i = 0; i < outcome->num_findings; i++)
		if (outcome->findings[i].kind == kind)
			return outcome->findings[i].text;
	return NULL;
}

const char *outcome_reason(const struct outcome *outcome)
{
	static const enum finding order[] = {FINDING_DEATH, FINDING_HARD, FINDING_NOT_ASKED,
					     FINDING_EXACT};

	for (unsigned int i = 0; i < COUNT(order); i++) {
		const char *text = first_of(outcome, order[i]);

		if (text != NULL)
			return text;
	}
	return "";
}

void outcome_fini(struct outcome *outcome)
{
	for (unsigned int i = 0; i < outcome->num_findings; i++)
		free(outcome->findings[i].text);
	free(outcome->findings);
	memset(outcome, 0, sizeof(*outcome));
}
