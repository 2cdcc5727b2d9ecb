/* SPDX-License-Identifier: MIT */
#include "conformance/runner/results.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* More than any run writes. */
#define FILE_MAX (64l << 20)

static const char *const kinds[] = {
	[FINDING_HARD] = "hard",   [FINDING_EXACT] = "exact",	      [FINDING_NOTE] = "note",
	[FINDING_DEATH] = "death", [FINDING_NOT_ASKED] = "not asked",
};

#define NUM_KINDS (sizeof(kinds) / sizeof(kinds[0]))

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
	FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");

	if (file == NULL)
		return vgpu_error_set(err, errno, "%s: %s", path, strerror(errno));
	cJSON *root = cJSON_CreateObject();
	cJSON_AddNumberToObject(root, "format", 1);
	cJSON_AddStringToObject(root, "target", results->target);
	cJSON_AddStringToObject(root, "version", results->version);
	cJSON *list = cJSON_AddArrayToObject(root, "results");
	for (unsigned int i = 0; i < results->count; i++)
		if (results->all[i].done)
			cJSON_AddItemToArray(list, json_of(&results->all[i]));
	char *text = cJSON_Print(root);
	bool written = text != NULL && fprintf(file, "%s\n", text) > 0 && fflush(file) == 0;
	int error = errno;
	cJSON_Delete(root);
	cJSON_free(text);
	if (file != stdout && fclose(file) != 0)
		written = false;
	return written ? 0 : vgpu_error_set(err, error, "%s: %s", path, strerror(error));
}

char *read_text_file(const char *path, struct vgpu_error *err)
{
	FILE *file = fopen(path, "r");
	char *text = NULL;
	long size = -1;

	if (file != NULL && fseek(file, 0, SEEK_END) == 0)
		size = ftell(file);
	if (size >= 0 && size <= FILE_MAX && fseek(file, 0, SEEK_SET) == 0)
		text = calloc(1, (size_t)size + 1);
	if (text != NULL && fread(text, 1, (size_t)size, file) != (size_t)size) {
		free(text);
		text = NULL;
	}
	if (text == NULL)
		vgpu_error_set(err, errno != 0 ? errno : EFBIG, "%s: %s", path,
			       size > FILE_MAX ? "too large" : strerror(errno));
	if (file != NULL)
		fclose(file);
	return text;
}

static const char *string_in(const cJSON *object, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

	return text != NULL ? text : "";
}

static void read_one(struct result *result, const cJSON *object)
{
	const cJSON *finding;

	result->done = true;
	outcome_fini(&result->outcome);
	result->outcome.exact = true;
	cJSON_ArrayForEach(finding, cJSON_GetObjectItemCaseSensitive(object, "findings"))
	{
		for (unsigned int i = 0; i < NUM_KINDS; i++)
			if (strcmp(kinds[i], string_in(finding, "kind")) == 0)
				outcome_add(&result->outcome, (enum finding)i,
					    string_in(finding, "text"));
	}
	for (unsigned int i = 0; i < NUM_VERDICTS; i++)
		if (strcmp(verdict_name((enum verdict)i), string_in(object, "verdict")) == 0)
			result->outcome.verdict = (enum verdict)i;
	result->outcome.exact = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(object, "exact"));
}

int results_read(struct results *results, const char *path, struct vgpu_error *err)
{
	char *text = read_text_file(path, err);
	const cJSON *object;

	if (text == NULL)
		return -EIO;
	cJSON *root = cJSON_Parse(text);
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "results");
	int ret = cJSON_IsArray(list)
			  ? 0
			  : vgpu_error_set(err, EBADMSG, "%s: not a result of vgpu-conform", path);
	if (ret == 0) {
		snprintf(results->target, sizeof(results->target), "%s", string_in(root, "target"));
		snprintf(results->version, sizeof(results->version), "%s",
			 string_in(root, "version"));
	}
	cJSON_ArrayForEach(object, list)
	{
		struct result *result = results_find(results, string_in(object, "id"));

		if (result != NULL)
			read_one(result, object);
	}
	cJSON_Delete(root);
	free(text);
	return ret;
}
