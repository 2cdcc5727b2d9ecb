/* SPDX-License-Identifier: MIT */
/* VG-FEN: Fences and completion order. */
#include "conformance/vocabulary/command.h"

extern const struct vector fen_vectors[];

const struct vector fen_vectors[] = {
	{0},
};
