/* SPDX-License-Identifier: MIT */
/* VG-MMI: virtio-mmio registers. */
#include "conformance/vocabulary/command.h"

extern const struct vector mmi_vectors[];

const struct vector mmi_vectors[] = {
	{0},
};
