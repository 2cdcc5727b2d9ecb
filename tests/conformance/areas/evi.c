/* SPDX-License-Identifier: MIT */
/* VG-EVI: Event index (bit 29) and suppression. */
#include "conformance/vocabulary/command.h"

extern const struct vector evi_vectors[];

const struct vector evi_vectors[] = {
	{0},
};
