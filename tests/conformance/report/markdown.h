/* SPDX-License-Identifier: MIT */
/* Devices beside each other as Markdown, the same for the same results: no times in it. */
#ifndef CONFORM_MARKDOWN_H
#define CONFORM_MARKDOWN_H

#include "conformance/runner/devices.h"

/* "-" is the standard output. 0 or a negative errno with a sentence. */
int markdown_write(const struct devices *devices, const struct requirements *requirements,
		   const char *path, struct vgpu_error *err);

#endif
