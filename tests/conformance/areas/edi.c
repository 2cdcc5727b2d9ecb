/* SPDX-License-Identifier: MIT */
/* VG-EDI: GET_EDID (0x010a). */
#include "conformance/vocabulary/command.h"

extern const struct vector edi_vectors[];

const struct vector edi_vectors[] = {
	{0},
};
