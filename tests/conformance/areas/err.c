/* SPDX-License-Identifier: MIT */
/* VG-ERR: Error code coverage. */
#include "conformance/vocabulary/command.h"

extern const struct vector err_vectors[];

const struct vector err_vectors[] = {
	{0},
};
