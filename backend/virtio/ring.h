/* SPDX-License-Identifier: MIT */
/*
 * What a ring format is to virtqueue.c, and what virtqueue.c does for each of
 * them. Chains are put together there, so that every format has the same rules.
 */
#ifndef VGPU_RING_H
#define VGPU_RING_H

#include "virtio/virtqueue.h"

/* Everything in guest memory may change while it is read. */
#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)
/* A guest that writes there at the same time breaks its own ring, and no more. */
#define WRITE_ONCE(x, v) __atomic_store_n(&(x), (v), __ATOMIC_RELAXED)

/* One of a ring's three areas: its bytes, and what its address is a multiple of. */
struct vgpu_ring_area {
	uint64_t len;
	unsigned int align;
};

enum { AREA_DESC, AREA_DRIVER, AREA_DEVICE, NUM_AREAS };

/* All but valid() and index() are called for a queue that is ready. */
struct vgpu_ring_ops {
	/* Whether the format has such a size, and such an index in it. */
	bool (*valid)(const struct vgpu_queue_info *info, uint32_t index);
	void (*areas)(const struct vgpu_virtqueue *queue, struct vgpu_ring_area areas[NUM_AREAS]);
	/* Begins at an index, as vgpu_device_set_queue() has it. */
	void (*start)(struct vgpu_virtqueue *queue, uint32_t index);
	uint32_t (*index)(const struct vgpu_virtqueue *queue);
	/* These are the functions of virtqueue.h. */
	int (*pop)(struct vgpu_virtqueue *queue, const struct vgpu_memory *memory,
		   struct vgpu_chain *chain, enum vgpu_violation *violation);
	void (*unpop)(struct vgpu_virtqueue *queue);
	void (*push)(struct vgpu_virtqueue *queue, const struct vgpu_chain *chain, uint32_t len);
	bool (*should_notify)(struct vgpu_virtqueue *queue);
	bool (*rearm)(struct vgpu_virtqueue *queue);
};

extern const struct vgpu_ring_ops vgpu_split_ring;
extern const struct vgpu_ring_ops vgpu_packed_ring;

/* A chain that has nothing yet, from the descriptor head of the ring. */
void vgpu_chain_begin(struct vgpu_chain *chain, uint16_t head);
/*
 * Adds a buffer with the flags of its descriptor. 0, -ENOMEM, or -EPROTO with
 * *violation set where it is readable and follows a writable one, or is the 65,537th.
 */
int vgpu_chain_add(struct vgpu_chain *chain, uint64_t gpa, uint32_t len, uint16_t flags,
		   enum vgpu_violation *violation);
/*
 * Copies an indirect table of len bytes to chain->table and marks where it
 * begins. The number of its descriptors, or a negative errno as above.
 */
int vgpu_chain_load_table(struct vgpu_chain *chain, const struct vgpu_memory *memory, uint64_t gpa,
			  uint32_t len, enum vgpu_violation *violation);

#endif
