/* SPDX-License-Identifier: MIT */
#include "conformance/runner/json_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No profile is longer; more is another kind of file. */
#define FILE_MAX (64l << 20)

/* The whole file, ended with a zero byte; the caller frees. */
static char *read_text(const char *path, struct vgpu_error *err)
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

cJSON *json_file_read(const char *path, struct vgpu_error *err)
{
	char *text = read_text(path, err);

	if (text == NULL)
		return NULL;
	cJSON *root = cJSON_Parse(text);
	if (root == NULL)
		vgpu_error_set(err, EBADMSG, "%s: not JSON", path);
	free(text);
	return root;
}

int json_file_write(cJSON *root, const char *path, struct vgpu_error *err)
{
	char *text = cJSON_Print(root);
	FILE *file = strcmp(path, "-") == 0 ? stdout : fopen(path, "w");

	cJSON_Delete(root);
	if (file == NULL) {
		cJSON_free(text);
		return vgpu_error_set(err, errno, "%s: %s", path, strerror(errno));
	}
	bool written = text != NULL && fprintf(file, "%s\n", text) > 0 && fflush(file) == 0;
	int error = errno;
	cJSON_free(text);
	if (file != stdout && fclose(file) != 0)
		written = false;
	return written ? 0 : vgpu_error_set(err, error, "%s: %s", path, strerror(error));
}
