/* SPDX-License-Identifier: MIT */
/* The device's insides, shared by the files of this folder only. */
#ifndef VGPU_DEVICE_H
#define VGPU_DEVICE_H

#include "gpu/resource.h"
#include "virtio/virtqueue.h"

#include <linux/virtio_gpu.h>

/* A longer list of backing entries is refused (VG-BAK-008). */
#define VGPU_BACKING_ENTRIES_MAX 16384u
/* The longest request: RESOURCE_ATTACH_BACKING with its entries. */
#define VGPU_REQUEST_MAX                                                                           \
	(sizeof(struct virtio_gpu_resource_attach_backing) +                                       \
	 VGPU_BACKING_ENTRIES_MAX * sizeof(struct virtio_gpu_mem_entry))

union vgpu_response {
	struct virtio_gpu_ctrl_hdr hdr;
	struct virtio_gpu_resp_display_info display_info;
	struct virtio_gpu_resp_edid edid;
};

struct vgpu_device {
	struct vgpu_memory memory;
	unsigned int num_scanouts;
	struct vgpu_output outputs[VGPU_MAX_SCANOUTS];

	const struct vgpu_bus_ops *bus;
	void *bus_opaque;
	const struct vgpu_display_ops *display;
	void *display_opaque;
	const struct vgpu_observer_ops *observer;
	void *observer_opaque;

	uint64_t features; /* accepted */
	bool started;	   /* the observer was told of the driver's set-up */
	bool needs_reset;
	bool held;	     /* the control queue waits for the display */
	bool refreshed;	     /* the display has answered for the request at its head */
	uint64_t held_since; /* when that request was first taken */
	uint32_t events_read;
	struct vgpu_virtqueue queues[VGPU_NUM_QUEUES];
	struct vgpu_resources resources;
	struct vgpu_scanout scanouts[VGPU_MAX_SCANOUTS];
	struct vgpu_cursor cursors[VGPU_MAX_SCANOUTS];
	uint64_t violations[VGPU_NUM_VIOLATIONS];

	/* The request that is being executed. */
	struct vgpu_chain chain;
	_Alignas(8) uint8_t request[VGPU_REQUEST_MAX];
	size_t request_len;
	union vgpu_response response;
	struct vgpu_reads reads;
	uint32_t read_pitch;
	struct vgpu_frame_event frames[VGPU_MAX_SCANOUTS];
	unsigned int num_frames;
};

/* One command: what it is called, how long it is, who executes it. */
struct vgpu_command {
	uint32_t type;
	const char *name;
	unsigned int queue;
	size_t request_size;  /* header included, without a list that follows */
	size_t response_size; /* on success, header included */
	uint64_t feature;     /* bit that must have been accepted; 0: none */
	bool asks_display;    /* the display may want to refresh the outputs first */
	/* Executes device->request, fills the payload of device->response. Returns its type. */
	uint32_t (*execute)(struct vgpu_device *device);
};

/* NULL if there is no such command. */
const struct vgpu_command *vgpu_command_find(uint32_t type);

/* Bytes that follow the fixed part of a request whose fixed part has been read. */
size_t vgpu_command_list_size(const struct vgpu_command *command, const void *request);

uint32_t vgpu_execute_update_cursor(struct vgpu_device *device);
uint32_t vgpu_execute_move_cursor(struct vgpu_device *device);

/* Sets or, with NULL, disables a scanout, and tells the display. */
void vgpu_scanout_set(struct vgpu_device *device, uint32_t scanout_id,
		      const struct vgpu_scanout *scanout);
void vgpu_cursor_hide(struct vgpu_device *device, uint32_t scanout_id);

#endif
