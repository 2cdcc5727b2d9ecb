/* SPDX-License-Identifier: MIT */
/* VG-DSP: GET_DISPLAY_INFO (0x0100). */
#include "conformance/vocabulary/command.h"

extern const struct vector dsp_vectors[];

const struct vector dsp_vectors[] = {
	{0},
};
