/* SPDX-License-Identifier: MIT */
/*
 * The device's side of a virtqueue, split or packed: takes chains that the
 * driver made available, copies their bytes, returns them as used. It knows
 * rings and descriptors, and nothing of what the bytes mean.
 */
#ifndef VGPU_VIRTQUEUE_H
#define VGPU_VIRTQUEUE_H

#include "vgpu.h"

#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>

/* The kernel's header may lack it. */
#ifndef VIRTIO_F_RING_RESET
#define VIRTIO_F_RING_RESET 40
#endif

struct vgpu_virtqueue {
	struct vgpu_queue_info info;
	bool packed;	/* VIRTIO_F_RING_PACKED was negotiated */
	bool event_idx; /* VIRTIO_RING_F_EVENT_IDX was negotiated */
	bool indirect;	/* VIRTIO_RING_F_INDIRECT_DESC was negotiated */
	/* The ring's areas in this process; NULL unless the queue is ready. */
	void *desc, *driver, *device;
	/*
	 * Split: free running, as the ring's indices are. Packed: slots, counted
	 * over two laps, of which the first has the wrap counter 1.
	 */
	uint16_t next_avail, next_used;
	uint16_t popped;	 /* next_avail before the last pop */
	uint16_t signalled_used; /* next_used when the driver was last notified */
	bool signalled;		 /* signalled_used is valid */
};

/* One request as the driver cut it. Reused from request to request. */
struct vgpu_chain {
	uint16_t head;	 /* index of the first descriptor */
	uint16_t id;	 /* packed: what the driver calls it */
	uint16_t slots;	 /* packed: descriptors of the ring that it takes */
	int indirect_at; /* as in struct vgpu_request_event */
	unsigned int num_descs, capacity;
	struct vgpu_chain_desc *descs;
	uint64_t *gpas;		     /* of each descriptor */
	uint64_t readable, writable; /* bytes in all */
	void *table;		     /* copy of the indirect table */
	size_t table_capacity;
};

void vgpu_chain_fini(struct vgpu_chain *chain);

/*
 * Takes over the features that the driver accepted. A queue that is ready
 * already is looked up again, since the areas of its ring may now be longer.
 */
void vgpu_virtqueue_set_features(struct vgpu_virtqueue *queue, const struct vgpu_memory *memory,
				 uint64_t features);
/* As vgpu_device_set_queue(). */
int vgpu_virtqueue_setup(struct vgpu_virtqueue *queue, const struct vgpu_memory *memory,
			 const struct vgpu_queue_info *info, uint32_t index);
/* Looks the ring up again. On -EFAULT the queue is no longer ready. */
int vgpu_virtqueue_map(struct vgpu_virtqueue *queue, const struct vgpu_memory *memory);
void vgpu_virtqueue_stop(struct vgpu_virtqueue *queue);
/* As vgpu_device_queue_index(). */
uint32_t vgpu_virtqueue_index(const struct vgpu_virtqueue *queue);

/*
 * Takes the next available chain. Returns 1, 0 if there is none, -EPROTO with
 * *violation set if the driver broke the ring, or -ENOMEM.
 */
int vgpu_virtqueue_pop(struct vgpu_virtqueue *queue, const struct vgpu_memory *memory,
		       struct vgpu_chain *chain, enum vgpu_violation *violation);
/* Puts the chain that was popped last back. */
void vgpu_virtqueue_unpop(struct vgpu_virtqueue *queue);
/* Returns a chain with the number of bytes that were written to it. */
void vgpu_virtqueue_push(struct vgpu_virtqueue *queue, const struct vgpu_chain *chain,
			 uint32_t len);
/* Whether the driver wants to be notified of what was pushed since last asked. */
bool vgpu_virtqueue_should_notify(struct vgpu_virtqueue *queue);
/*
 * Asks the driver for a notification of the next chain. Returns true if one
 * came meanwhile, which the driver may not have told (VG-EVI-009).
 */
bool vgpu_virtqueue_rearm(struct vgpu_virtqueue *queue);

/*
 * Copies up to len bytes of the readable descriptors from offset on. Returns
 * the bytes copied; fewer if the chain ends or, with *fault set, where a
 * descriptor lies outside guest memory.
 */
size_t vgpu_chain_read(const struct vgpu_chain *chain, const struct vgpu_memory *memory,
		       uint64_t offset, void *data, size_t len, bool *fault);
/* The same for writing to the start of the writable descriptors. */
size_t vgpu_chain_write(const struct vgpu_chain *chain, const struct vgpu_memory *memory,
			const void *data, size_t len, bool *fault);

#endif
