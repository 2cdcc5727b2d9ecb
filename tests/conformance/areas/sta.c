/* SPDX-License-Identifier: MIT */
/* VG-STA: Status and reset. */
#include "conformance/vocabulary/command.h"

extern const struct vector sta_vectors[];

const struct vector sta_vectors[] = {
	{0},
};
