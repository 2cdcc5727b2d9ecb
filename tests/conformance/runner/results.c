/* SPDX-License-Identifier: MIT */
#include "conformance/runner/results.h"

#include "conformance/runner/json_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static const char *const kinds[] = {
	[FINDING_HARD] = "hard",   [FINDING_EXACT] = "exact",	      [FINDING_NOTE] = "note",
	[FINDING_DEATH] = "death", [FINDING_NOT_ASKED] = "not asked",
};

static const struct vector *find_vector(const char *id)
{
	for (unsigned int i = 0; i < conform_num_areas; i++)
		for (const struct vector *v = conform_areas[i]; v->id != NULL; v++)
			if (strcmp(v->id, id) == 0)
				return v;
	return NULL;
}

int results_init(struct results *results, const struct requirements *requirements)
{
	memset(results, 0, sizeof(*results));
	results->count = requirements_count(requirements);
	results->all = calloc(results->count, sizeof(*results->all));
	if (results->all == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < results->count; i++) {
		results->all[i].requirement = requirements_at(requirements, i);
		results->all[i].vector = find_vector(results->all[i].requirement->id);
	}
	return 0;
}

void results_fini(struct results *results)
{
	for (unsigned int i = 0; i < results->count; i++)
		outcome_fini(&results->all[i].outcome);
	free(results->all);
	memset(results, 0, sizeof(*results));
}

struct result *results_find(struct results *results, const char *id)
{
	for (unsigned int i = 0; i < results->count; i++)
		if (strcmp(results->all[i].requirement->id, id) == 0)
			return &results->all[i];
	return NULL;
}

void results_summarize(const struct results *results, struct results_summary *summary)
{
	memset(summary, 0, sizeof(*summary));
	for (unsigned int i = 0; i < results->count; i++) {
		const struct result *result = &results->all[i];

		if (!result->done)
			continue;
		summary->verdicts[result->outcome.verdict]++;
		summary->inexact += result->outcome.verdict == PASSED && !result->outcome.exact;
		summary->unexpected += result->unexpected;
		summary->known += result->known != NULL && !result->unexpected &&
				  result->outcome.verdict != PASSED;
	}
}

/* ---- files --------------------------------------------------------------------------- */

static cJSON *json_of(const struct result *result)
{
	const struct outcome *outcome = &result->outcome;
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "id", result->requirement->id);
	cJSON_AddStringToObject(object, "level", result->requirement->level);
	cJSON_AddStringToObject(object, "verdict", verdict_name(outcome->verdict));
	cJSON_AddBoolToObject(object, "exact", outcome->exact);
	cJSON_AddNumberToObject(object, "milliseconds", (double)(outcome->time_ns / 1000) / 1e3);
	if (result->known != NULL)
		cJSON_AddStringToObject(object, "known", result->known);
	cJSON *findings = cJSON_AddArrayToObject(object, "findings");
	for (unsigned int i = 0; i < outcome->num_findings; i++) {
		cJSON *finding = cJSON_CreateObject();

		cJSON_AddStringToObject(finding, "kind", kinds[outcome->findings[i].kind]);
		cJSON_AddStringToObject(finding, "text", outcome->findings[i].text);
		cJSON_AddItemToArray(findings, finding);
	}
	return object;
}

int results_write(const struct results *results, const char *path, struct vgpu_error *err)
{
	cJSON *root = cJSON_CreateObject();

	cJSON_AddNumberToObject(root, "format", 1);
	cJSON_AddStringToObject(root, "target", results->target);
	cJSON_AddStringToObject(root, "version", results->version);
	cJSON *list = cJSON_AddArrayToObject(root, "results");
	for (unsigned int i = 0; i < results->count; i++)
		if (results->all[i].done)
			cJSON_AddItemToArray(list, json_of(&results->all[i]));
	return json_file_write(root, path, err);
}
