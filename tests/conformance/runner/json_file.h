/* SPDX-License-Identifier: MIT */
/* JSON in files: results and profiles. */
#ifndef CONFORM_JSON_FILE_H
#define CONFORM_JSON_FILE_H

#include "vgpu.h"

#include <cjson/cJSON.h>

/* The caller deletes it. NULL with a sentence: the file cannot be read or is not JSON. */
cJSON *json_file_read(const char *path, struct vgpu_error *err);
/*
 * Writes root and deletes it; "-" is the standard output. 0 or a negative errno
 * with a sentence.
 */
int json_file_write(cJSON *root, const char *path, struct vgpu_error *err);

#endif
