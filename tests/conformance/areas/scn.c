/* SPDX-License-Identifier: MIT */
/* VG-SCN: SET_SCANOUT (0x0103). */
#include "conformance/vocabulary/command.h"

extern const struct vector scn_vectors[];

const struct vector scn_vectors[] = {
	{0},
};
