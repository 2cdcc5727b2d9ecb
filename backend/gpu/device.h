/* SPDX-License-Identifier: MIT */
/* The device's insides, shared by the files of this folder only. */
#ifndef VGPU_DEVICE_H
#define VGPU_DEVICE_H

#include "gpu/resource.h"
#include "virtio/virtqueue.h"

#include <linux/virtio_gpu.h>

/* The longest request: RESOURCE_CREATE_BLOB with its entries. */
#define VGPU_REQUEST_MAX                                                                           \
	(sizeof(struct virtio_gpu_resource_create_blob) +                                          \
	 VGPU_BACKING_ENTRIES_MAX * sizeof(struct virtio_gpu_mem_entry))

union vgpu_response {
	struct virtio_gpu_ctrl_hdr hdr;
	struct virtio_gpu_resp_display_info display_info;
	struct virtio_gpu_resp_edid edid;
	struct virtio_gpu_resp_resource_uuid uuid;
};

/* How the picture that a scanout shows a part of lies in its resource. */
struct vgpu_layout {
	const struct vgpu_format *format;
	uint64_t offset; /* of its first byte */
	size_t stride;
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

	uint64_t offered, features; /* features, and those of them that are accepted */
	bool started;		    /* the observer was told of the driver's set-up */
	bool needs_reset;
	bool held;	     /* the control queue waits for the display */
	bool refreshed;	     /* the display has answered for the request at its head */
	uint64_t held_since; /* when that request was first taken */
	uint32_t events_read;
	struct vgpu_virtqueue queues[VGPU_NUM_QUEUES];
	struct vgpu_resources resources;
	struct vgpu_scanout scanouts[VGPU_MAX_SCANOUTS];
	struct vgpu_layout layouts[VGPU_MAX_SCANOUTS]; /* of those that are not disabled */
	struct vgpu_cursor cursors[VGPU_MAX_SCANOUTS];
	uint64_t violations[VGPU_NUM_VIOLATIONS];

	/* The request that is being executed. */
	struct vgpu_chain chain;
	_Alignas(8) uint8_t request[VGPU_REQUEST_MAX];
	size_t request_len;
	union vgpu_response response;
	struct vgpu_reads reads;
	uint32_t read_pitch;
	/* A cursor that was read from a blob. */
	_Alignas(4) uint8_t
		cursor_bytes[VGPU_CURSOR_SIZE * VGPU_CURSOR_SIZE * VGPU_BYTES_PER_PIXEL];
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

uint32_t vgpu_execute_create_blob(struct vgpu_device *device);
uint32_t vgpu_execute_set_scanout_blob(struct vgpu_device *device);
uint32_t vgpu_execute_assign_uuid(struct vgpu_device *device);
uint32_t vgpu_execute_update_cursor(struct vgpu_device *device);
uint32_t vgpu_execute_move_cursor(struct vgpu_device *device);

/* Attaches the entries that follow the fixed part of the request. Returns the answer's type. */
uint32_t vgpu_attach_entries(struct vgpu_device *device, struct vgpu_resource *resource,
			     size_t fixed_size, uint32_t num);
/*
 * Reads what the scanouts show of a blob that a flush of rect touches: all of it, once.
 * -EFAULT: the guest's memory has gone.
 */
int vgpu_blob_read(struct vgpu_device *device, const struct vgpu_resource *blob,
		   const struct vgpu_rect *rect);
struct vgpu_rect vgpu_rect_of(const struct virtio_gpu_rect *rect);

/* Sets or, with NULL, disables a scanout, and tells the display. */
void vgpu_scanout_set(struct vgpu_device *device, uint32_t scanout_id,
		      const struct vgpu_scanout *scanout, const struct vgpu_layout *layout);
/* The device's copy of a scanout's pixel; the scanout must not be disabled. */
uint8_t *vgpu_scanout_pixel(const struct vgpu_device *device, uint32_t scanout_id, uint32_t x,
			    uint32_t y);
void vgpu_cursor_hide(struct vgpu_device *device, uint32_t scanout_id);

#endif
