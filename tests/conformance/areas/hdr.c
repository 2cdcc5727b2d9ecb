/* SPDX-License-Identifier: MIT */
/* VG-HDR: Request/response header. */
#include "conformance/vocabulary/command.h"

extern const struct vector hdr_vectors[];

const struct vector hdr_vectors[] = {
	{0},
};
