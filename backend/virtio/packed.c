/* SPDX-License-Identifier: MIT */
/*
 * Packed virtqueues: one ring of descriptors that both sides write, and a word
 * for each side that says which events it wants.
 */
#include "virtio/ring.h"

#include <errno.h>

#define AVAIL (1u << VRING_PACKED_DESC_F_AVAIL)
#define USED  (1u << VRING_PACKED_DESC_F_USED)
#define WRAP  (1u << VRING_PACKED_EVENT_F_WRAP_CTR)
/* The other bits of the event flags are reserved. */
#define EVENT_FLAGS 3u

static uint16_t slot_of(const struct vgpu_virtqueue *queue, unsigned int position)
{
	return (uint16_t)(position < queue->info.size ? position : position - queue->info.size);
}

static bool wrap_of(const struct vgpu_virtqueue *queue, unsigned int position)
{
	return position < queue->info.size;
}

static uint16_t advance(const struct vgpu_virtqueue *queue, unsigned int position,
			unsigned int slots)
{
	return (uint16_t)((position + slots) % (2u * queue->info.size));
}

/* The slots that come from one position to another. */
static unsigned int distance(const struct vgpu_virtqueue *queue, unsigned int from, unsigned int to)
{
	return (to + 2u * queue->info.size - from) % (2u * queue->info.size);
}

/* A position as the ring's events and vhost-user have it: the slot, and the wrap counter above. */
static uint16_t encode(const struct vgpu_virtqueue *queue, unsigned int position)
{
	return (uint16_t)(slot_of(queue, position) | (wrap_of(queue, position) ? WRAP : 0));
}

static uint16_t decode(const struct vgpu_virtqueue *queue, uint16_t code)
{
	return (uint16_t)((code & ~WRAP) + ((code & WRAP) != 0 ? 0 : queue->info.size));
}

static bool valid(const struct vgpu_queue_info *info, uint32_t index)
{
	return (index & ~WRAP & UINT16_MAX) < info->size && (index >> 16 & ~WRAP) < info->size;
}

static void areas(const struct vgpu_virtqueue *queue, struct vgpu_ring_area areas[NUM_AREAS])
{
	areas[AREA_DESC] = (struct vgpu_ring_area){16ull * queue->info.size, 16};
	areas[AREA_DRIVER] = (struct vgpu_ring_area){sizeof(struct vring_packed_desc_event), 4};
	areas[AREA_DEVICE] = (struct vgpu_ring_area){sizeof(struct vring_packed_desc_event), 4};
}

static void start(struct vgpu_virtqueue *queue, uint32_t index)
{
	queue->next_avail = decode(queue, (uint16_t)index);
	queue->next_used = decode(queue, (uint16_t)(index >> 16));
	queue->popped = queue->next_avail;
}

static uint32_t next_index(const struct vgpu_virtqueue *queue)
{
	return encode(queue, queue->next_avail) | (uint32_t)encode(queue, queue->next_used) << 16;
}

static bool is_available(const struct vgpu_virtqueue *queue, unsigned int position, uint16_t flags)
{
	bool wrap = wrap_of(queue, position);

	return ((flags & AVAIL) != 0) == wrap && ((flags & USED) != 0) != wrap;
}

/* Whether there is a chain at next_avail; if so, all of it can be read. */
static bool has_next(const struct vgpu_virtqueue *queue)
{
	const struct vring_packed_desc *ring = queue->desc;
	const struct vring_packed_desc *next = &ring[slot_of(queue, queue->next_avail)];

	return is_available(queue, queue->next_avail,
			    __atomic_load_n(&next->flags, __ATOMIC_ACQUIRE));
}

/* One descriptor, copied once: what is checked is what is used. */
static struct vring_packed_desc fetch(const struct vring_packed_desc *desc)
{
	return (struct vring_packed_desc){.addr = READ_ONCE(desc->addr),
					  .len = READ_ONCE(desc->len),
					  .id = READ_ONCE(desc->id),
					  .flags = READ_ONCE(desc->flags)};
}

/* In sequence; of the flags only WRITE has a meaning here (VG-PAK-012). */
static int walk_table(struct vgpu_chain *chain, const struct vgpu_memory *memory,
		      const struct vring_packed_desc *desc, enum vgpu_violation *violation)
{
	int num = vgpu_chain_load_table(chain, memory, desc->addr, desc->len, violation);
	int rc = num < 0 ? num : 0;

	for (int i = 0; i < num && rc == 0; i++) {
		const struct vring_packed_desc *at = (struct vring_packed_desc *)chain->table + i;

		rc = vgpu_chain_add(chain, at->addr, at->len, at->flags, violation);
	}
	return rc;
}

static int walk(struct vgpu_virtqueue *queue, const struct vgpu_memory *memory,
		struct vgpu_chain *chain, enum vgpu_violation *violation)
{
	const struct vring_packed_desc *ring = queue->desc;
	struct vring_packed_desc desc;
	int rc;

	*violation = VGPU_VIOLATION_BAD_CHAIN;
	do {
		uint16_t position = advance(queue, queue->next_avail, chain->slots);

		/* Longer than the ring: it has no end (VG-PAK-015). */
		if (chain->slots == queue->info.size)
			return -EPROTO;
		desc = fetch(&ring[slot_of(queue, position)]);
		/* The first one was made available last, so they all are. */
		if (!is_available(queue, position, desc.flags))
			return -EPROTO;
		chain->slots++;
		chain->id = desc.id;
		if ((desc.flags & VRING_DESC_F_INDIRECT) == 0) {
			rc = vgpu_chain_add(chain, desc.addr, desc.len, desc.flags, violation);
			continue;
		}
		/* A table is a chain of its own (VG-PAK-014); WRITE is ignored (VG-PAK-013). */
		if (chain->slots > 1 || (desc.flags & VRING_DESC_F_NEXT) != 0)
			return -EPROTO;
		rc = walk_table(chain, memory, &desc, violation);
	} while (rc == 0 && (desc.flags & VRING_DESC_F_NEXT) != 0);
	return rc;
}

static int pop(struct vgpu_virtqueue *queue, const struct vgpu_memory *memory,
	       struct vgpu_chain *chain, enum vgpu_violation *violation)
{
	struct vring_packed_desc_event *event = queue->device;

	if (!has_next(queue))
		return 0;
	vgpu_chain_begin(chain, slot_of(queue, queue->next_avail));
	int rc = walk(queue, memory, chain, violation);
	if (rc != 0)
		return rc;
	queue->popped = queue->next_avail;
	queue->next_avail = advance(queue, queue->next_avail, chain->slots);
	/* No need to tell of more before rearm(); an event that has passed says so by itself. */
	if (!queue->event_idx)
		__atomic_store_n(&event->flags, VRING_PACKED_EVENT_FLAG_DISABLE, __ATOMIC_RELAXED);
	return 1;
}

static void unpop(struct vgpu_virtqueue *queue)
{
	queue->next_avail = queue->popped;
}

static void push(struct vgpu_virtqueue *queue, const struct vgpu_chain *chain, uint32_t len)
{
	struct vring_packed_desc *ring = queue->desc;
	struct vring_packed_desc *desc = &ring[slot_of(queue, queue->next_used)];
	unsigned int flags = wrap_of(queue, queue->next_used) ? AVAIL | USED : 0;

	if (len > 0)
		flags |= VRING_DESC_F_WRITE;
	WRITE_ONCE(desc->id, chain->id);
	WRITE_ONCE(desc->len, len);
	/* What was written is visible before the flags are. */
	__atomic_store_n(&desc->flags, (uint16_t)flags, __ATOMIC_RELEASE);
	queue->next_used = advance(queue, queue->next_used, chain->slots);
}

/* Whether a slot that the driver named is among those used since it was last notified. */
static bool has_passed(const struct vgpu_virtqueue *queue, uint16_t code, unsigned int since)
{
	/* A slot that is none: better once too often than never. */
	if ((code & ~WRAP) >= queue->info.size)
		return true;
	return distance(queue, since, decode(queue, code)) <
	       distance(queue, since, queue->next_used);
}

static bool should_notify(struct vgpu_virtqueue *queue)
{
	const struct vring_packed_desc_event *event = queue->driver;
	uint16_t flags = __atomic_load_n(&event->flags, __ATOMIC_ACQUIRE) & EVENT_FLAGS;
	uint16_t since = queue->signalled_used;
	bool first = !queue->signalled;

	queue->signalled = true;
	queue->signalled_used = queue->next_used;
	if (flags == VRING_PACKED_EVENT_FLAG_DISABLE)
		return false;
	if (flags != VRING_PACKED_EVENT_FLAG_DESC || !queue->event_idx || first)
		return true;
	return has_passed(queue, READ_ONCE(event->off_wrap), since);
}

static bool rearm(struct vgpu_virtqueue *queue)
{
	struct vring_packed_desc_event *event = queue->device;
	uint16_t flags = VRING_PACKED_EVENT_FLAG_ENABLE;

	if (queue->event_idx) {
		flags = VRING_PACKED_EVENT_FLAG_DESC;
		__atomic_store_n(&event->off_wrap, encode(queue, queue->next_avail),
				 __ATOMIC_RELAXED);
	}
	__atomic_store_n(&event->flags, flags, __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return has_next(queue);
}

const struct vgpu_ring_ops vgpu_packed_ring = {
	.valid = valid,
	.areas = areas,
	.start = start,
	.index = next_index,
	.pop = pop,
	.unpop = unpop,
	.push = push,
	.should_notify = should_notify,
	.rearm = rearm,
};
