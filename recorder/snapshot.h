/* SPDX-License-Identifier: MIT */
/*
 * The device's state as requests that make it: with these at its beginning, a trace
 * that does not begin with the guest's first request can be played like any other.
 */
#ifndef VGPU_SNAPSHOT_H
#define VGPU_SNAPSHOT_H

#include "trace.h"

/*
 * Hands out the requests that make a device that was just set up have the resources,
 * scanouts and cursors of this one. They are marked as state. Data of a record is
 * valid during the call; nothing is allocated that grows with the pictures.
 * Returns 0 or -ENOMEM.
 */
int vgpu_snapshot(const struct vgpu_device *device,
		  void (*put)(void *opaque, const struct vgpu_trace_record *record), void *opaque);

#endif
