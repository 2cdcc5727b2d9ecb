/* SPDX-License-Identifier: MIT */
/* VG-FRM: Message framing, short and odd buffers. */
#include "conformance/vocabulary/command.h"

extern const struct vector frm_vectors[];

const struct vector frm_vectors[] = {
	{0},
};
