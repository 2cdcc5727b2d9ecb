/* SPDX-License-Identifier: MIT */
#include "conformance/runner/results.h"

#include "conformance/runner/json_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Of the file; a reader refuses others. */
#define FORMAT 1

static const char *const kinds[] = {
	[FINDING_HARD] = "hard",   [FINDING_EXACT] = "exact",	      [FINDING_NOTE] = "note",
	[FINDING_DEATH] = "death", [FINDING_NOT_ASKED] = "not asked",
};
#define NUM_KINDS COUNT(kinds)

int results_init(struct results *results, const struct requirements *requirements)
{
	memset(results, 0, sizeof(*results));
	results->count = requirements_count(requirements);
	results->all = calloc(results->count, sizeof(*results->all));
	if (results->all == NULL)
		return -ENOMEM;
	for (unsigned int i = 0; i < results->count; i++)
		results->all[i].requirement = requirements_at(requirements, i);
	return 0;
}

void results_fini(struct results *results)
{
	for (unsigned int i = 0; i < results->count; i++)
		outcome_fini(&results->all[i].outcome);
	free(results->all);
	cJSON_Delete(results->file);
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
				  result->outcome.verdict != PASSED &&
				  result->outcome.verdict != NOT_ASKED;
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

	cJSON_AddNumberToObject(root, "format", FORMAT);
	cJSON_AddStringToObject(root, "name", results->name);
	cJSON_AddStringToObject(root, "target", results->target);
	cJSON_AddStringToObject(root, "version", results->version);
	cJSON_AddStringToObject(root, "command", results->command);
	cJSON *list = cJSON_AddArrayToObject(root, "results");
	for (unsigned int i = 0; i < results->count; i++)
		if (results->all[i].done)
			cJSON_AddItemToArray(list, json_of(&results->all[i]));
	return json_file_write(root, path, err);
}

static const char *string_in(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

static int read_finding(struct outcome *outcome, const cJSON *object)
{
	const char *kind = string_in(object, "kind"), *text = string_in(object, "text");

	for (unsigned int i = 0; kind != NULL && text != NULL && i < NUM_KINDS; i++)
		if (strcmp(kinds[i], kind) == 0) {
			outcome_add(outcome, (enum finding)i, text);
			return 0;
		}
	return -EBADMSG;
}

static int read_result(struct results *results, const cJSON *object)
{
	const char *id = string_in(object, "id");
	struct result *result = id != NULL ? results_find(results, id) : NULL;
	enum verdict verdict = verdict_find(string_in(object, "verdict"));
	const cJSON *time = cJSON_GetObjectItemCaseSensitive(object, "milliseconds");
	const cJSON *finding;

	if (result == NULL || result->done || verdict == NUM_VERDICTS)
		return -EBADMSG;
	result->done = true;
	result->known = string_in(object, "known");
	cJSON_ArrayForEach(finding, cJSON_GetObjectItemCaseSensitive(object, "findings"))
	{
		if (read_finding(&result->outcome, finding) < 0)
			return -EBADMSG;
	}
	/* These are said, not computed from findings, of which some may be left out. */
	result->outcome.verdict = verdict;
	result->outcome.exact = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "exact"));
	if (cJSON_IsNumber(time) && time->valuedouble > 0 && time->valuedouble < 1e9)
		result->outcome.time_ns = (uint64_t)(time->valuedouble * 1e6);
	return 0;
}

static int read_root(struct results *results, const char *path, struct vgpu_error *err)
{
	const cJSON *root = results->file;
	const cJSON *format = cJSON_GetObjectItemCaseSensitive(root, "format");
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "results"), *object;
	const char *name = string_in(root, "name"), *target = string_in(root, "target");
	const char *version = string_in(root, "version"), *command = string_in(root, "command");

	if (!cJSON_IsNumber(format) || format->valuedouble != FORMAT || name == NULL ||
	    target == NULL || version == NULL || command == NULL || !cJSON_IsArray(list))
		return vgpu_error_set(err, EBADMSG,
				      "%s: not results of format %d, as --json writes them", path,
				      FORMAT);
	snprintf(results->name, sizeof(results->name), "%s", name);
	snprintf(results->target, sizeof(results->target), "%s", target);
	snprintf(results->version, sizeof(results->version), "%s", version);
	snprintf(results->command, sizeof(results->command), "%s", command);
	cJSON_ArrayForEach(object, list)
	{
		const char *id = string_in(object, "id");

		if (read_result(results, object) < 0)
			return vgpu_error_set(err, EBADMSG, "%s: a result that is none: %s", path,
					      id != NULL ? id : "without an id");
	}
	return 0;
}

int results_read(struct results *results, const struct requirements *requirements, const char *path,
		 struct vgpu_error *err)
{
	if (results_init(results, requirements) < 0)
		return vgpu_error_set(err, ENOMEM, "out of memory");
	results->file = json_file_read(path, err);
	if (results->file != NULL && read_root(results, path, err) == 0)
		return 0;
	results_fini(results);
	return -EBADMSG;
}
