/* SPDX-License-Identifier: MIT */
#include "conformance/runner/profile.h"

#include "conformance/runner/json_file.h"

#include <errno.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct profile {
	cJSON *json;
	const cJSON *deviations;
};

/* Where profiles are, from the folder of the program: of a build, of an installation. */
static const char *const folders[] = {
	"../tests/conformance/profiles",
	"../share/vgpu/profiles",
};

static void find_file(const char *name, char path[PATH_MAX])
{
	char program[PATH_MAX];
	ssize_t len = readlink("/proc/self/exe", program, sizeof(program) - 1);

	snprintf(path, PATH_MAX, "%s", name);
	if (len < 0 || strchr(name, '/') != NULL || access(name, R_OK) == 0)
		return;
	program[len] = '\0';
	const char *folder = dirname(program);
	for (size_t i = 0; i < sizeof(folders) / sizeof(folders[0]); i++) {
		char candidate[PATH_MAX];

		if (snprintf(candidate, sizeof(candidate), "%s/%s/%s.json", folder, folders[i],
			     name) >= (int)sizeof(candidate) ||
		    access(candidate, R_OK) != 0)
			continue;
		memcpy(path, candidate, PATH_MAX);
		return;
	}
}

static enum verdict verdict_of(const cJSON *deviation)
{
	return verdict_find(
		cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(deviation, "verdict")));
}

static const char *evidence_of(const cJSON *deviation)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(deviation, "evidence"));
}

static int check_profile(struct profile *profile, const char *path,
			 const struct requirements *requirements, struct vgpu_error *err)
{
	const cJSON *deviation;

	profile->deviations = cJSON_GetObjectItemCaseSensitive(profile->json, "deviations");
	if (!cJSON_IsObject(profile->deviations) || profile_device(profile) == NULL)
		return vgpu_error_set(err, EBADMSG,
				      "%s: a profile has \"device\", a string, and "
				      "\"deviations\", an object",
				      path);
	cJSON_ArrayForEach(deviation, profile->deviations)
	{
		enum verdict verdict = verdict_of(deviation);

		if (requirements_find(requirements, deviation->string) == NULL)
			return vgpu_error_set(err, EBADMSG,
					      "%s: deviations.%s: no such requirement", path,
					      deviation->string);
		if ((verdict != FAILED && verdict != CRASHED && verdict != HUNG) ||
		    evidence_of(deviation) == NULL)
			return vgpu_error_set(err, EBADMSG,
					      "%s: deviations.%s: \"verdict\" must be \"failed\", "
					      "\"crashed\" or \"hung\", and \"evidence\" a string",
					      path, deviation->string);
	}
	return 0;
}

struct profile *profile_read(const char *name, const struct requirements *requirements,
			     struct vgpu_error *err)
{
	struct profile *profile = calloc(1, sizeof(*profile));
	char path[PATH_MAX];

	find_file(name, path);
	if (profile == NULL) {
		vgpu_error_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	profile->json = json_file_read(path, err);
	if (profile->json != NULL && check_profile(profile, path, requirements, err) == 0)
		return profile;
	profile_free(profile);
	return NULL;
}

void profile_free(struct profile *profile)
{
	if (profile == NULL)
		return;
	cJSON_Delete(profile->json);
	free(profile);
}

const char *profile_device(const struct profile *profile)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(profile->json, "device"));
}

const char *profile_evidence(const struct profile *profile, const char *id)
{
	return profile == NULL
		       ? NULL
		       : evidence_of(cJSON_GetObjectItemCaseSensitive(profile->deviations, id));
}

void profile_judge(const struct profile *profile, struct result *result)
{
	enum verdict verdict = result->outcome.verdict;
	enum verdict known = NUM_VERDICTS;

	if (profile != NULL)
		known = verdict_of(cJSON_GetObjectItemCaseSensitive(profile->deviations,
								    result->requirement->id));
	result->known = profile_evidence(profile, result->requirement->id);
	result->unexpected = false;
	if (verdict == PASSED || verdict == NOT_ASKED)
		return;
	/* Who was known to crash may well do better, and only fail. */
	result->unexpected = verdict != known && !(verdict == FAILED && known != NUM_VERDICTS);
}

int profile_write(const struct results *results, const char *path, struct vgpu_error *err)
{
	cJSON *root = cJSON_CreateObject();
	cJSON_AddStringToObject(root, "device", results->version);
	cJSON *deviations = cJSON_AddObjectToObject(root, "deviations");
	for (unsigned int i = 0; i < results->count; i++) {
		const struct result *result = &results->all[i];

		if (!result->done || result->outcome.verdict == PASSED ||
		    result->outcome.verdict == NOT_ASKED)
			continue;
		cJSON *deviation = cJSON_AddObjectToObject(deviations, result->requirement->id);
		cJSON_AddStringToObject(deviation, "verdict",
					verdict_name(result->outcome.verdict));
		cJSON_AddStringToObject(deviation, "evidence",
					result->known != NULL ? result->known
							      : outcome_reason(&result->outcome));
	}
	return json_file_write(root, path, err);
}
