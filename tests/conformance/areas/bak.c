/* SPDX-License-Identifier: MIT */
/* VG-BAK: RESOURCE_ATTACH_BACKING (0x0106) / DETACH_BACKING (0x0107). */
#include "conformance/vocabulary/command.h"

extern const struct vector bak_vectors[];

const struct vector bak_vectors[] = {
	{0},
};
