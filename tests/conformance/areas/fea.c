/* SPDX-License-Identifier: MIT */
/* VG-FEA: Feature bits and negotiation. */
#include "conformance/vocabulary/command.h"

extern const struct vector fea_vectors[];

const struct vector fea_vectors[] = {
	{0},
};
