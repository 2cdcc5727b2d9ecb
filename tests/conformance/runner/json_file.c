/* SPDX-License-Identifier: MIT */
#include "conformance/runner/json_file.h"

#include "text_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No profile is longer; more is another kind of file. */
#define FILE_MAX (64u << 20)

cJSON *json_file_read(const char *path, struct vgpu_error *err)
{
	int status;
	char *text = vgpu_text_file_read(path, FILE_MAX, &status);

	if (text == NULL) {
		vgpu_error_set(err, -status, "%s: %s", path,
			       status == -EFBIG ? "too large" : strerror(-status));
		return NULL;
	}
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
