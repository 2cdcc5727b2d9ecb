/* SPDX-License-Identifier: MIT */
/* VG-UID: RESOURCE_ASSIGN_UUID (0x010b). */
#include "conformance/vocabulary/command.h"

extern const struct vector uid_vectors[];

const struct vector uid_vectors[] = {
	{0},
};
