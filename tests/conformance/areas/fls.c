/* SPDX-License-Identifier: MIT */
/* VG-FLS: RESOURCE_FLUSH (0x0104). */
#include "conformance/vocabulary/command.h"

extern const struct vector fls_vectors[];

const struct vector fls_vectors[] = {
	{0},
};
