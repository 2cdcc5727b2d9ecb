/* SPDX-License-Identifier: MIT */
/* VG-CAP: Capsets (GET_CAPSET_INFO 0x0108, GET_CAPSET 0x0109). */
#include "conformance/vocabulary/command.h"

extern const struct vector cap_vectors[];

const struct vector cap_vectors[] = {
	{0},
};
