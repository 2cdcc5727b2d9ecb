/* SPDX-License-Identifier: MIT */
/* A FILE in memory, for what is written to one and then looked at. */
#ifndef VGPU_UNIT_TEXT_OUT_H
#define VGPU_UNIT_TEXT_OUT_H

#include <stdio.h>

struct text_out {
	FILE *out;
	char *text;
	size_t size;
};

void text_out_open(struct text_out *text);
/* What was written; the caller frees it. */
char *text_out_close(struct text_out *text);

#endif
