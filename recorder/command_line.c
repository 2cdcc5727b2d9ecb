/* SPDX-License-Identifier: MIT */
#include "command_line.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

bool vgpu_number_begin(const char *text, const char **rest, uint64_t *value)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	*rest = end;
	return errno == 0;
}

bool vgpu_number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	const char *rest;

	return vgpu_number_begin(text, &rest, value) && *rest == '\0' && *value >= min &&
	       *value <= max;
}

int vgpu_usage_error(const char *program, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s: ", program);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	return vgpu_usage_hint(program);
}

int vgpu_usage_hint(const char *program)
{
	fprintf(stderr, "Try '%s --help'.\n", program);
	return VGPU_USAGE;
}
