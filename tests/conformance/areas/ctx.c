/* SPDX-License-Identifier: MIT */
/* VG-CTX: Contexts and 3D commands (VIRGL). */
#include "conformance/vocabulary/command.h"

extern const struct vector ctx_vectors[];

const struct vector ctx_vectors[] = {
	{0},
};
