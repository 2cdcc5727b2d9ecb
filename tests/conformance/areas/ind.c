/* SPDX-License-Identifier: MIT */
/* VG-IND: Indirect descriptors. */
#include "conformance/vocabulary/command.h"

extern const struct vector ind_vectors[];

const struct vector ind_vectors[] = {
	{0},
};
