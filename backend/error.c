/* SPDX-License-Identifier: MIT */
#include "vgpu.h"

#include <stdarg.h>
#include <stdio.h>
#include <time.h>

int vgpu_error_set(struct vgpu_error *err, int code, const char *format, ...)
{
	if (err != NULL) {
		va_list args;

		va_start(args, format);
		vsnprintf(err->text, sizeof(err->text), format, args);
		va_end(args);
	}
	return -code;
}

uint64_t vgpu_now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}
