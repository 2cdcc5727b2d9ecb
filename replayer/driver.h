/* SPDX-License-Identifier: MIT */
/*
 * The driver side of virtio-mmio version 2 with split rings (packed ones can be
 * set up, for users that write them on their own). It cuts chains as
 * it is told, however odd, and knows nothing of what is in them. One request is
 * with the device at a time, and every wait ends.
 *
 * Target memory from its start: the rings, then the arena that holds the
 * buffers and indirect table of one request, then whatever the user has there.
 */
#ifndef VGPU_DRIVER_H
#define VGPU_DRIVER_H

#include "target.h"

/* Bytes that the rings take: per queue three areas of the largest queue. */
#define VGPU_DRIVER_RING_BYTES	0x8000ull
#define VGPU_DRIVER_RINGS_BYTES (VGPU_NUM_QUEUES * VGPU_DRIVER_RING_BYTES)

#define VGPU_DRIVER_TIMEOUT_MS 10000

struct vgpu_driver_queue {
	struct vgpu_queue_info info; /* addresses are guest-physical */
	uint16_t available, used;    /* indices as the driver has them */
};

struct vgpu_driver {
	struct vgpu_target *target;
	uint64_t arena_size;
	unsigned int timeout_ms; /* for the device to use a chain */
	uint64_t features;	 /* that were accepted */
	struct vgpu_driver_queue queues[VGPU_NUM_QUEUES];
	uint8_t *response; /* of the last request */
	uint64_t response_capacity;
};

struct vgpu_driver_request {
	unsigned int queue;
	uint16_t head; /* index of the chain's first descriptor in the table */
	const struct vgpu_chain_desc *descs;
	unsigned int num_descs;
	/* Descriptors from this index on go to an indirect table; -1: none do. */
	int indirect_at;
	/* Spread over the readable descriptors; zeros follow to their end. */
	const uint8_t *bytes;
	uint64_t len;
};

struct vgpu_driver_answer {
	uint32_t used_len;
	/*
	 * What the writable descriptors hold, valid until the next submit: used_len
	 * bytes, or all that they have room for if that is less.
	 */
	const uint8_t *bytes;
	uint64_t len;
};

/* The target is not owned. arena_size: see vgpu_chain_size(). */
void vgpu_driver_init(struct vgpu_driver *driver, struct vgpu_target *target, uint64_t arena_size);
void vgpu_driver_fini(struct vgpu_driver *driver);

/* Sets status 0 and waits for the device to say 0. -ETIMEDOUT, or as write(). */
int vgpu_driver_reset(struct vgpu_driver *driver, struct vgpu_error *err);
int vgpu_driver_offered(struct vgpu_driver *driver, uint64_t *features, struct vgpu_error *err);
/*
 * Status up to FEATURES_OK with these features, which must be offered.
 * -ENOTSUP if the device takes FEATURES_OK back.
 */
int vgpu_driver_negotiate(struct vgpu_driver *driver, uint64_t features, struct vgpu_error *err);
/*
 * Makes a queue of size entries ready, or of as many as the device can have if
 * that is less. -EINVAL for a size that is too large or, unless packed rings
 * were negotiated, no power of two; -ENODEV if the device has no such queue.
 */
int vgpu_driver_set_queue(struct vgpu_driver *driver, unsigned int queue, uint16_t size,
			  struct vgpu_error *err);
/* Status DRIVER_OK. */
int vgpu_driver_ok(struct vgpu_driver *driver, struct vgpu_error *err);

/*
 * Puts a request on its queue and waits until the device has used it. -EINVAL:
 * a chain that cannot be laid out; -ENOSPC: one that the arena does not hold;
 * -ETIMEDOUT; -EPROTO: the device used another chain, or several.
 */
int vgpu_driver_submit(struct vgpu_driver *driver, const struct vgpu_driver_request *request,
		       struct vgpu_driver_answer *answer, struct vgpu_error *err);

#endif
