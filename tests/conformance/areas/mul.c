/* SPDX-License-Identifier: MIT */
/* VG-MUL: Multi-scanout layouts. */
#include "conformance/vocabulary/command.h"

extern const struct vector mul_vectors[];

const struct vector mul_vectors[] = {
	{0},
};
