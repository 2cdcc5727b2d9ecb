/* SPDX-License-Identifier: MIT */
/* What a daemon recorded, held against what the guest did. */
#ifndef HVISOR_SIM_RECORDING_H
#define HVISOR_SIM_RECORDING_H

#include "trace.h"

struct recording {
	unsigned int starts, resets, requests, registers;
	unsigned int notifies; /* writes of QueueNotify */
	struct vgpu_frame_hash *frames;
	unsigned int num_frames;
	bool whole; /* it was closed properly */
};

/* False with a line on stderr if it cannot be read. */
bool recording_load(struct recording *recording, const char *path);
void recording_fini(struct recording *recording);

/* Whether it replays on a target with its own answers and frames. */
bool recording_replays(const char *path, const char *target);
/*
 * Whether it replays with the golden frames of the recording called name, all of
 * them. folder: for a golden set that says so.
 */
bool recording_is_golden(const char *path, const char *name, const char *folder,
			 const char *target);

#endif
