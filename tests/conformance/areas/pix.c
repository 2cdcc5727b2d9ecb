/* SPDX-License-Identifier: MIT */
/* VG-PIX: Pixel formats. */
#include "conformance/vocabulary/command.h"

extern const struct vector pix_vectors[];

const struct vector pix_vectors[] = {
	{0},
};
