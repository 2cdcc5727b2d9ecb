/* SPDX-License-Identifier: MIT */
/* VG-RSZ: Hot resize / display events. */
#include "conformance/vocabulary/command.h"

extern const struct vector rsz_vectors[];

const struct vector rsz_vectors[] = {
	{0},
};
