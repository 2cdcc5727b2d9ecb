/* SPDX-License-Identifier: MIT */
/* VG-BLB: Blob resources. */
#include "conformance/vocabulary/command.h"

extern const struct vector blb_vectors[];

const struct vector blb_vectors[] = {
	{0},
};
