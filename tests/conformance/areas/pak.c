/* SPDX-License-Identifier: MIT */
/* VG-PAK: Packed virtqueue (bit 34). */
#include "conformance/vocabulary/command.h"

extern const struct vector pak_vectors[];

const struct vector pak_vectors[] = {
	{0},
};
