/* SPDX-License-Identifier: MIT */
/* VG-SPL: Split virtqueue. */
#include "conformance/vocabulary/command.h"

extern const struct vector spl_vectors[];

const struct vector spl_vectors[] = {
	{0},
};
