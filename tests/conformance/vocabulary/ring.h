/* SPDX-License-Identifier: MIT */
/*
 * One virtqueue of the device, as a driver writes it: in either format, with
 * several chains outstanding, and as wrong as a vector wants it.
 */
#ifndef CONFORM_RING_H
#define CONFORM_RING_H

#include "conformance/vocabulary/rig.h"

/* A descriptor as it is to be written. */
struct piece {
	uint64_t gpa;
	uint32_t len;
	uint16_t flags; /* VRING_DESC_F_WRITE, VRING_DESC_F_INDIRECT; NEXT is added */
};

struct used {
	uint32_t id, len;
	uint16_t flags; /* of the used descriptor; 0 for split */
};

struct packed_chain {
	uint16_t slot, len;
};

struct ring {
	struct rig *rig;
	unsigned int queue;
	uint16_t size;
	bool packed;
	uint64_t desc, driver, device; /* guest-physical */
	uint16_t next_desc;	       /* where the next chain begins */
	uint16_t available;	       /* split: index; packed: next_desc does it */
	uint16_t next_used;	       /* split: index; packed: slot */
	bool avail_wrap, used_wrap;    /* packed */
	uint16_t next_id;	       /* packed */
	struct packed_chain *chains;   /* packed, by id */
};

/* The ring of a queue that was set up; the same one until it is set up anew. */
struct ring *ring_of(struct rig *t, unsigned int queue);

/*
 * Writes a chain and returns what the device will call it: the head's index, or
 * the buffer id where packed. Not available yet where split; where packed, the
 * first descriptor is made available by ring_publish().
 */
uint16_t ring_add(struct ring *ring, const struct piece *pieces, unsigned int num_pieces);
/* Makes the last chain that was added available. */
void ring_publish(struct ring *ring, uint16_t head);
/* Notifies of it, with data where NOTIFICATION_DATA was negotiated. */
void ring_kick(struct ring *ring);
/* How many chains the device used since the last ring_take(). */
unsigned int ring_num_used(struct ring *ring);
/* Waits for that many; false after the time-out. */
bool ring_wait(struct ring *ring, unsigned int num);
/* The next used element; there must be one. */
struct used ring_take(struct ring *ring);

/* ---- split, raw --------------------------------------------------------------------- */

/* Little-endian, in guest memory. */
struct vring_desc *ring_desc(struct ring *ring, unsigned int index);
struct vring_avail *ring_avail(struct ring *ring);
struct vring_used *ring_used(struct ring *ring);
/* Only with EVENT_IDX. */
uint16_t *ring_used_event(struct ring *ring);
uint16_t *ring_avail_event(struct ring *ring);

/* ---- packed, raw ------------------------------------------------------------------------ */

struct vring_packed_desc *ring_packed_desc(struct ring *ring, unsigned int index);
struct vring_packed_desc_event *ring_driver_event(struct ring *ring);
struct vring_packed_desc_event *ring_device_event(struct ring *ring);

#endif
