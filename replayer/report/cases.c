/* SPDX-License-Identifier: MIT */
#include "report/cases.h"

#include "out_file.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* The texts of a case, which the list owns. */
static const char **text_at(struct report_case *one, unsigned int index)
{
	const char **texts[] = {&one->suite, &one->name,    &one->classname,
				&one->file,  &one->message, &one->detail};

	return index < sizeof(texts) / sizeof(texts[0]) ? texts[index] : NULL;
}

static void free_texts(struct report_case *one)
{
	const char **text;

	for (unsigned int i = 0; (text = text_at(one, i)) != NULL; i++)
		free((char *)*text);
}

/* On failure the texts are those that were copied. */
static bool copy_texts(struct report_case *one)
{
	const char **text;
	bool copied = true;

	for (unsigned int i = 0; (text = text_at(one, i)) != NULL; i++) {
		if (*text == NULL)
			continue;
		*text = copied ? strdup(*text) : NULL;
		copied = copied && *text != NULL;
	}
	return copied;
}

int report_cases_add(struct report_cases *cases, const struct report_case *one)
{
	struct report_case copy = *one;

	if (cases->count == cases->capacity) {
		size_t capacity = cases->capacity == 0 ? 64 : cases->capacity * 2;
		struct report_case *bigger = reallocarray(cases->all, capacity, sizeof(*bigger));
		if (bigger == NULL)
			return -ENOMEM;
		cases->all = bigger;
		cases->capacity = capacity;
	}
	if (!copy_texts(&copy)) {
		free_texts(&copy);
		return -ENOMEM;
	}
	cases->all[cases->count++] = copy;
	return 0;
}

void report_cases_fini(struct report_cases *cases)
{
	for (size_t i = 0; i < cases->count; i++)
		free_texts(&cases->all[i]);
	free(cases->all);
	*cases = (struct report_cases){0};
}

int report_cases_write(report_cases_fn *write, const char *path, const struct report_run *run,
		       const struct report_cases *cases, struct vgpu_error *err)
{
	struct vgpu_out_file out;
	int ret = vgpu_out_file_open(&out, path, err);

	if (ret < 0)
		return ret;
	write(out.file, run, cases);
	return vgpu_out_file_close(&out, err);
}
