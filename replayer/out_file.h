/* SPDX-License-Identifier: MIT */
/*
 * A file that is written whole or not at all: under another name (PATH.part),
 * renamed when it is closed. What is no regular file (a pipe, /dev/stdout) is
 * written to as it is.
 */
#ifndef VGPU_OUT_FILE_H
#define VGPU_OUT_FILE_H

#include "vgpu.h"

#include <stdio.h>

struct vgpu_out_file {
	FILE *file; /* to write to */
	char *path; /* NULL: the standard output */
	char *part; /* NULL: nothing to rename */
};

/* path is copied; "-" is the standard output. 0 or a negative errno with a sentence. */
int vgpu_out_file_open(struct vgpu_out_file *out, const char *path, struct vgpu_error *err);
/*
 * Writes what waits. 0 or a negative errno with a sentence, also for what failed
 * while it was written to: then no file has changed.
 */
int vgpu_out_file_close(struct vgpu_out_file *out, struct vgpu_error *err);
/* Closes it and leaves things as they were. Does nothing to one that is all zero. */
void vgpu_out_file_abandon(struct vgpu_out_file *out);

#endif
