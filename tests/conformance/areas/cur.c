/* SPDX-License-Identifier: MIT */
/* VG-CUR: Cursor queue (UPDATE_CURSOR 0x0300, MOVE_CURSOR 0x0301). */
#include "conformance/vocabulary/command.h"

extern const struct vector cur_vectors[];

const struct vector cur_vectors[] = {
	{0},
};
