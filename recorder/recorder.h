/* SPDX-License-Identifier: MIT */
/* The observer that turns a device's life into trace records. */
#ifndef VGPU_RECORDER_H
#define VGPU_RECORDER_H

#include "trace.h"

struct vgpu_recorder;

/* Becomes the device's observer. Neither device nor writer is owned. */
struct vgpu_recorder *vgpu_recorder_new(struct vgpu_device *device,
					struct vgpu_trace_writer *writer);
/* Leaves the device without an observer. */
void vgpu_recorder_free(struct vgpu_recorder *recorder);

#endif
