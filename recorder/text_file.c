/* SPDX-License-Identifier: MIT */
#include "text_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

static int read_all(FILE *file, size_t max, char **text)
{
	size_t len = 0, size = 4096;

	for (;;) {
		char *bigger = realloc(*text, size);

		if (bigger == NULL)
			return -ENOMEM;
		*text = bigger;
		errno = 0;
		len += fread(bigger + len, 1, size - len, file);
		if (ferror(file) != 0)
			return errno != 0 ? -errno : -EIO;
		if (len > max)
			return -EFBIG;
		if (len < size)
			break;
		size *= 2;
	}
	(*text)[len] = '\0';
	return 0;
}

char *vgpu_text_file_read(const char *path, size_t max, int *status)
{
	FILE *file = fopen(path, "rbe");
	char *text = NULL;

	*status = file == NULL ? -errno : read_all(file, max, &text);
	if (file != NULL)
		fclose(file);
	if (*status == 0)
		return text;
	free(text);
	return NULL;
}
