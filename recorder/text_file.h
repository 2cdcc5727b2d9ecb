/* SPDX-License-Identifier: MIT */
/* Files that are read whole: configurations, manifests, profiles. */
#ifndef VGPU_TEXT_FILE_H
#define VGPU_TEXT_FILE_H

#include <stddef.h>

/*
 * The whole file with a zero byte behind it; the caller frees it. NULL with a
 * negative errno in status, which is -EFBIG if the file has more than max bytes.
 */
char *vgpu_text_file_read(const char *path, size_t max, int *status);

#endif
