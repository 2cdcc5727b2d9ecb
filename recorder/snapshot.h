/* SPDX-License-Identifier: MIT */
/*
 * The device's state as requests that make it: with these at its beginning, a trace
 * that does not begin with the guest's first request can be played like any other.
 */
#ifndef VGPU_SNAPSHOT_H
#define VGPU_SNAPSHOT_H

#include "trace.h"

#include <linux/virtio_gpu.h>

/* For the longest request, or a cursor's picture, and for a list of guest memory. */
struct vgpu_snapshot_room {
	_Alignas(8) uint8_t bytes[sizeof(struct virtio_gpu_resource_create_blob) +
				  VGPU_BACKING_ENTRIES_MAX * sizeof(struct virtio_gpu_mem_entry)];
	struct vgpu_backing_entry entries[VGPU_BACKING_ENTRIES_MAX];
};

/*
 * Hands out the requests that make a device that was just set up have the resources,
 * scanouts and cursors of this one. They are marked as state. Data of a record is
 * valid during the call. Nothing is allocated, so that no state is left out: what has
 * to be put together is so in room.
 */
void vgpu_snapshot(const struct vgpu_device *device, struct vgpu_snapshot_room *room,
		   void (*put)(void *opaque, const struct vgpu_trace_record *record), void *opaque);

#endif
