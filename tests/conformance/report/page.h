/* SPDX-License-Identifier: MIT */
/* Devices beside each other as one HTML page: each requirement with every device's verdict. */
#ifndef CONFORM_PAGE_H
#define CONFORM_PAGE_H

#include "conformance/runner/devices.h"

/* "-" is the standard output. 0 or a negative errno with a sentence. */
int page_write(const struct devices *devices, const struct requirements *requirements,
	       const char *path, struct vgpu_error *err);

#endif
