/* SPDX-License-Identifier: MIT */
/* VG-CFG: Device configuration space. */
#include "conformance/vocabulary/command.h"

extern const struct vector cfg_vectors[];

const struct vector cfg_vectors[] = {
	{0},
};
