/* SPDX-License-Identifier: MIT */
#include "replay.h"
#include "trace_tools.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PART ".part"

/*
 * Where the trace goes when nobody says: NAME for NAME.part, as if the recording
 * had been closed. A trace that is there already is not to be lost.
 */
static int choose_output(const char *path, char **output, struct vgpu_error *err)
{
	size_t len = strlen(path);

	if (len <= strlen(PART) || strcmp(path + len - strlen(PART), PART) != 0)
		return vgpu_error_set(err, EINVAL, "%s: is no .part; name a file with -o", path);
	*output = strndup(path, len - strlen(PART));
	if (*output == NULL)
		return vgpu_error_set(err, ENOMEM, "%s: out of memory", path);
	if (access(*output, F_OK) != 0)
		return 0;
	vgpu_error_set(err, EEXIST, "%s: %s is there already; name a file with -o", path, *output);
	free(*output);
	return -EEXIST;
}

static void print_json(FILE *out, const char *path, const char *output,
		       const struct vgpu_trace_repair *repair)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "trace", path);
	cJSON_AddStringToObject(object, "output", output);
	cJSON_AddBoolToObject(object, "whole", repair->whole);
	cJSON_AddNumberToObject(object, "requests", (double)repair->requests);
	cJSON_AddNumberToObject(object, "frames", (double)repair->frames);
	cJSON_AddNumberToObject(object, "dropped", (double)repair->dropped);
	cJSON_AddNumberToObject(object, "seconds", (double)repair->time_ns / 1e9);
	cJSON_AddNumberToObject(object, "lost_bytes", (double)repair->lost_bytes);
	if (!repair->whole)
		cJSON_AddStringToObject(object, "reason", repair->reason);
	char *text = cJSON_PrintUnformatted(object);
	if (text != NULL)
		fprintf(out, "%s\n", text);
	cJSON_free(text);
	cJSON_Delete(object);
}

static void print_text(FILE *out, const char *path, const char *output,
		       const struct vgpu_trace_repair *repair)
{
	fprintf(out, "%s: %" PRIu64 " requests, %" PRIu64 " frames in %.3f s", output,
		repair->requests, repair->frames, (double)repair->time_ns / 1e9);
	if (repair->dropped > 0)
		fprintf(out, ", %" PRIu64 " requests without their pixels", repair->dropped);
	if (repair->whole)
		fprintf(out, "\n%s: was whole\n", path);
	else
		fprintf(out, "\n%s: lost: %" PRIu64 " bytes, and what was not written yet: %s\n",
			path, repair->lost_bytes, repair->reason);
}

int vgpu_trace_repair(const char *path, const struct vgpu_trace_tool_options *options, FILE *out,
		      struct vgpu_error *err)
{
	struct vgpu_trace_repair repair;
	char *chosen = NULL;

	if (strcmp(path, "-") == 0) {
		vgpu_error_set(err, ESPIPE, "standard input: cannot be read twice");
		return 2;
	}
	if (options->output == NULL && choose_output(path, &chosen, err) < 0)
		return 2;
	const char *output = chosen != NULL ? chosen : options->output;
	int ret = vgpu_trace_make_whole(path, output, &repair, err);
	if (ret == 0 && options->json)
		print_json(out, path, output, &repair);
	else if (ret == 0)
		print_text(out, path, output, &repair);
	free(chosen);
	return ret == 0 ? 0 : 2;
}
