/* SPDX-License-Identifier: MIT */
/* The observer that turns a device's life into trace records. */
#ifndef VGPU_RECORDER_H
#define VGPU_RECORDER_H

#include "trace.h"

struct vgpu_recorder;

/* Becomes the device's observer. Neither device nor writer is owned. */
struct vgpu_recorder *vgpu_recorder_new(struct vgpu_device *device,
					struct vgpu_trace_writer *writer);
/*
 * Of a writer that keeps the last while: from now on a trace of it is written when the
 * driver does what is an error, or the device is reset while a scanout shows something.
 * From one such trace to the next it takes wait_ns at least, and twice that, four times,
 * and so on, while faults go on; what happens meanwhile waits for its turn. watch.h says
 * how many there are at most.
 */
void vgpu_recorder_watch(struct vgpu_recorder *recorder, uint64_t wait_ns);
/* Whether that has happened: for the thread that serves, between requests, as often as it likes. */
void vgpu_recorder_look(struct vgpu_recorder *recorder);
/* Asks for a trace of the last while. 0, or as vgpu_trace_writer_dump(). The same thread. */
int vgpu_recorder_dump(struct vgpu_recorder *recorder);
/* How often the driver did so, and how many traces were begun because of that. */
void vgpu_recorder_faults(const struct vgpu_recorder *recorder, uint64_t *faults, uint64_t *traces);
/* Leaves the device without an observer. */
void vgpu_recorder_free(struct vgpu_recorder *recorder);

#endif
