/* SPDX-License-Identifier: MIT */
/*
 * A small recording for tests: a driver that uses every 2D command, cuts its
 * chains in odd ways, makes mistakes and starts twice. And the means to alter it.
 */
#ifndef VGPU_SCENE_H
#define VGPU_SCENE_H

#include "trace.h"

#define SCENE_REQUESTS 36
#define SCENE_FRAMES   7
/* The request that creates resource 1. */
#define SCENE_CREATE_1 2

/* A new folder for a test's files; scene_folder_remove() empties and frees it. */
char *scene_folder(void);
void scene_folder_remove(char *folder);
/* "FOLDER/NAME", to be freed. */
char *scene_path(const char *folder, const char *name);

/* Records the scene on a builtin target. False, with a failed assertion, on errors. */
bool scene_record(const char *path);

/*
 * Copies a trace through reader and writer. change may alter each record on its
 * way, and drops it by returning false.
 */
bool scene_alter(const char *from, const char *to,
		 bool (*change)(struct vgpu_trace_record *record, void *opaque), void *opaque);

/* A trace with just these records. */
bool scene_write(const char *path, const struct vgpu_trace_record *records, size_t count);

#endif
