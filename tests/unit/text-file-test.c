/* SPDX-License-Identifier: MIT */
/* Files that are read whole. */
#include "scene.h"
#include "text_file.h"
#include "unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct unit_suite text_file_suite;

static void write_letters(const char *path, size_t count)
{
	FILE *file = fopen(path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	for (size_t i = 0; i < count; i++)
		fputc('a' + (int)(i % 26), file);
	CU_ASSERT_EQUAL(fclose(file), 0);
}

static void a_file_up_to_its_limit_is_read(void)
{
	static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 20000};
	char *folder = scene_folder(), *path = scene_path(folder, "a");
	int status;

	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		write_letters(path, sizes[i]);
		char *text = vgpu_text_file_read(path, sizes[i], &status);
		CU_ASSERT_PTR_NOT_NULL_FATAL(text);
		CU_ASSERT_EQUAL(status, 0);
		CU_ASSERT_EQUAL(strlen(text), sizes[i]);
		for (size_t at = 0; at < sizes[i]; at++)
			if (text[at] != 'a' + (char)(at % 26)) {
				CU_FAIL("a byte is another one");
				break;
			}
		free(text);
		if (sizes[i] == 0)
			continue;
		CU_ASSERT_PTR_NULL(vgpu_text_file_read(path, sizes[i] - 1, &status));
		CU_ASSERT_EQUAL(status, -EFBIG);
	}
	free(path);
	scene_folder_remove(folder);
}

static void what_cannot_be_read_is_said(void)
{
	char *folder = scene_folder(), *path = scene_path(folder, "none");
	int status;

	CU_ASSERT_PTR_NULL(vgpu_text_file_read(path, 10, &status));
	CU_ASSERT_EQUAL(status, -ENOENT);
	CU_ASSERT_PTR_NULL(vgpu_text_file_read(folder, 10, &status));
	CU_ASSERT_EQUAL(status, -EISDIR);
	/* It has no end. */
	CU_ASSERT_PTR_NULL(vgpu_text_file_read("/dev/zero", 100000, &status));
	CU_ASSERT_EQUAL(status, -EFBIG);
	free(path);
	scene_folder_remove(folder);
}

static const struct unit_test tests[] = {
	{"a file up to its limit is read", a_file_up_to_its_limit_is_read},
	{"what cannot be read is said", what_cannot_be_read_is_said},
	{NULL, NULL},
};

const struct unit_suite text_file_suite = {"text-file", tests};
