/* SPDX-License-Identifier: MIT */
#include "lint/report.h"
#include "trace_tools.h"

#include <errno.h>
#include <stdlib.h>

static int read_all(struct vgpu_trace_reader *reader, struct lint *lint, struct vgpu_error *err)
{
	struct vgpu_trace_record record;
	int ret;

	while ((ret = vgpu_trace_reader_next(reader, &record, err)) > 0)
		lint_record(lint, &record);
	lint_end(lint);
	return ret;
}

static int status_of(const struct vgpu_trace_tool_options *options,
		     const unsigned int counts[LINT_ERROR + 1])
{
	for (int severity = (int)options->severity; severity <= LINT_ERROR; severity++)
		if (counts[severity] > 0)
			return 1;
	return 0;
}

int vgpu_trace_lint(const char *path, const struct vgpu_trace_tool_options *options, FILE *out,
		    struct vgpu_error *err)
{
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, err);
	unsigned int counts[LINT_ERROR + 1];
	struct lint *lint;

	if (reader == NULL)
		return 2;
	lint = calloc(1, sizeof(*lint));
	if (lint == NULL) {
		vgpu_error_set(err, ENOMEM, "out of memory");
		vgpu_trace_reader_close(reader);
		return 2;
	}
	int ret = read_all(reader, lint, err);
	const struct lint_report report = {
		.out = out,
		.path = path,
		.json = options->json,
		.rules = options->rules,
		.whole = ret == 0,
	};
	lint_report(&report, lint, counts);
	lint_fini(lint);
	free(lint);
	vgpu_trace_reader_close(reader);
	return ret < 0 ? 2 : status_of(options, counts);
}
