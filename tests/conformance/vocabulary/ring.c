/* SPDX-License-Identifier: MIT */
#include "conformance/vocabulary/ring.h"

#include <endian.h>
#include <sched.h>
#include <string.h>
#include <time.h>

#define SPINS	 2000
#define YIELD_NS 200000

struct ring *ring_of(struct rig *t, unsigned int queue)
{
	const struct vgpu_driver_queue *q = &t->driver.queues[queue];
	struct ring *ring = t->rings[queue];

	if (ring != NULL)
		return ring;
	require(t, q->info.ready, "queue %u is not set up", queue);
	ring = t->rings[queue] = keep(t, sizeof(*ring));
	ring->rig = t;
	ring->queue = queue;
	ring->size = q->info.size;
	ring->packed = (t->driver.features & FEATURE(VIRTIO_F_RING_PACKED)) != 0;
	ring->desc = q->info.desc;
	ring->driver = q->info.driver;
	ring->device = q->info.device;
	ring->avail_wrap = true;
	ring->used_wrap = true;
	ring->chains = keep(t, ring->size * sizeof(*ring->chains));
	return ring;
}

/* ---- raw --------------------------------------------------------------------------- */

struct vring_desc *ring_desc(struct ring *ring, unsigned int index)
{
	return (struct vring_desc *)(void *)guest_at(ring->rig, ring->desc) + index;
}

struct vring_avail *ring_avail(struct ring *ring)
{
	return (struct vring_avail *)(void *)guest_at(ring->rig, ring->driver);
}

struct vring_used *ring_used(struct ring *ring)
{
	return (struct vring_used *)(void *)guest_at(ring->rig, ring->device);
}

uint16_t *ring_used_event(struct ring *ring)
{
	return &ring_avail(ring)->ring[ring->size];
}

uint16_t *ring_avail_event(struct ring *ring)
{
	return (uint16_t *)(void *)&ring_used(ring)->ring[ring->size];
}

struct vring_packed_desc *ring_packed_desc(struct ring *ring, unsigned int index)
{
	return (struct vring_packed_desc *)(void *)guest_at(ring->rig, ring->desc) + index;
}

struct vring_packed_desc_event *ring_driver_event(struct ring *ring)
{
	return (struct vring_packed_desc_event *)(void *)guest_at(ring->rig, ring->driver);
}

struct vring_packed_desc_event *ring_device_event(struct ring *ring)
{
	return (struct vring_packed_desc_event *)(void *)guest_at(ring->rig, ring->device);
}

/* ---- chains --------------------------------------------------------------------------- */

static uint16_t add_split(struct ring *ring, const struct piece *pieces, unsigned int num)
{
	uint16_t head = ring->next_desc;

	for (unsigned int i = 0; i < num; i++) {
		unsigned int index = (head + i) % ring->size, next = (index + 1) % ring->size;
		bool last = i + 1 == num;

		*ring_desc(ring, index) = (struct vring_desc){
			.addr = htole64(pieces[i].gpa),
			.len = htole32(pieces[i].len),
			.flags = htole16(pieces[i].flags | (last ? 0 : VRING_DESC_F_NEXT)),
			.next = last ? 0 : htole16((uint16_t)next),
		};
	}
	ring->next_desc = (uint16_t)((head + num) % ring->size);
	return head;
}

static uint16_t wrap_flags(bool wrap)
{
	return wrap ? 1 << VRING_PACKED_DESC_F_AVAIL : 1 << VRING_PACKED_DESC_F_USED;
}

/* All but the first descriptor's flags are written, which ring_publish() does. */
static uint16_t add_packed(struct ring *ring, const struct piece *pieces, unsigned int num)
{
	uint16_t slot = ring->next_desc, id = ring->next_id;

	ring->next_id = (uint16_t)((id + 1) % ring->size);
	ring->chains[id] = (struct packed_chain){.slot = slot, .len = (uint16_t)num};
	for (unsigned int i = 0; i < num; i++) {
		unsigned int index = (slot + i) % ring->size;
		bool wrap = slot + i < ring->size ? ring->avail_wrap : !ring->avail_wrap;
		struct vring_packed_desc *desc = ring_packed_desc(ring, index);
		uint16_t flags = (uint16_t)(pieces[i].flags | wrap_flags(wrap) |
					    (i + 1 < num ? VRING_DESC_F_NEXT : 0));

		desc->addr = htole64(pieces[i].gpa);
		desc->len = htole32(pieces[i].len);
		desc->id = htole16(id);
		if (i > 0)
			desc->flags = htole16(flags);
		else
			/* Not available: the device's own flags of the lap before. */
			desc->flags =
				htole16((uint16_t)(flags ^ wrap_flags(true) ^ wrap_flags(false)));
	}
	ring->next_desc = (uint16_t)((slot + num) % ring->size);
	if (slot + num >= ring->size)
		ring->avail_wrap = !ring->avail_wrap;
	return id;
}

uint16_t ring_add(struct ring *ring, const struct piece *pieces, unsigned int num_pieces)
{
	require(ring->rig, num_pieces > 0 && num_pieces <= ring->size,
		"a chain of %u descriptors in a queue of %u", num_pieces, ring->size);
	return ring->packed ? add_packed(ring, pieces, num_pieces)
			    : add_split(ring, pieces, num_pieces);
}

static void publish_packed(struct ring *ring, uint16_t id)
{
	struct vring_packed_desc *desc = ring_packed_desc(ring, ring->chains[id].slot);
	uint16_t flags = (uint16_t)(le16toh(desc->flags) ^ wrap_flags(true) ^ wrap_flags(false));

	__atomic_store_n(&desc->flags, htole16(flags), __ATOMIC_RELEASE);
}

void ring_publish(struct ring *ring, uint16_t head)
{
	if (ring->packed) {
		publish_packed(ring, head);
		return;
	}
	struct vring_avail *avail = ring_avail(ring);
	avail->ring[ring->available % ring->size] = htole16(head);
	ring->available++;
	__atomic_store_n(&avail->idx, htole16(ring->available), __ATOMIC_RELEASE);
}

void ring_kick(struct ring *ring)
{
	uint32_t value = ring->queue;

	/* Where the next chain will be, with the wrap counter or the index's top bit. */
	if ((ring->rig->driver.features & FEATURE(F_NOTIFICATION_DATA)) != 0 && ring->packed)
		value |= (uint32_t)(ring->next_desc | (ring->avail_wrap ? 1u << 15 : 0)) << 16;
	else if ((ring->rig->driver.features & FEATURE(F_NOTIFICATION_DATA)) != 0)
		value |= (uint32_t)ring->available << 16;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	set_reg(ring->rig, VIRTIO_MMIO_QUEUE_NOTIFY, value);
}

/* ---- used ----------------------------------------------------------------------------- */

static bool is_used(struct ring *ring, unsigned int slot, bool wrap)
{
	uint16_t flags =
		le16toh(__atomic_load_n(&ring_packed_desc(ring, slot)->flags, __ATOMIC_ACQUIRE));
	bool avail = (flags & 1 << VRING_PACKED_DESC_F_AVAIL) != 0;
	bool used = (flags & 1 << VRING_PACKED_DESC_F_USED) != 0;

	return avail == wrap && used == wrap;
}

/* Steps over the used chain at the slot: the next one is where that chain's end was. */
static void step_used(struct ring *ring, uint16_t *slot, bool *wrap)
{
	uint16_t id = le16toh(ring_packed_desc(ring, *slot)->id);
	unsigned int len = id < ring->size && ring->chains[id].len > 0 ? ring->chains[id].len : 1;

	if (*slot + len >= ring->size)
		*wrap = !*wrap;
	*slot = (uint16_t)((*slot + len) % ring->size);
}

unsigned int ring_num_used(struct ring *ring)
{
	if (!ring->packed)
		return (uint16_t)(le16toh(__atomic_load_n(&ring_used(ring)->idx,
							  __ATOMIC_ACQUIRE)) -
				  ring->next_used);
	uint16_t slot = ring->next_used;
	bool wrap = ring->used_wrap;
	unsigned int count = 0;

	while (count < ring->size && is_used(ring, slot, wrap)) {
		step_used(ring, &slot, &wrap);
		count++;
	}
	return count;
}

bool ring_wait(struct ring *ring, unsigned int num)
{
	uint64_t begin = vgpu_now_ns(), looked = begin;

	for (unsigned int i = 0; ring_num_used(ring) < num; i++) {
		if (i < SPINS)
			continue;
		uint64_t now = vgpu_now_ns();

		/* A device beside this process answers sooner than a sleep ends. */
		if (now - begin < YIELD_NS) {
			sched_yield();
			continue;
		}
		if (now - begin > ring->rig->timeout_ms * 1000000ull)
			return false;
		/* A device that died will not answer, and this ends the vector. */
		if (now - looked > 20000000ull) {
			looked = now;
			if ((status(ring->rig) & VIRTIO_CONFIG_S_NEEDS_RESET) != 0)
				return ring_num_used(ring) >= num;
		}
		nanosleep(&(struct timespec){.tv_nsec = 50000}, NULL);
	}
	return true;
}

static struct used take_packed(struct ring *ring)
{
	const struct vring_packed_desc *desc = ring_packed_desc(ring, ring->next_used);
	struct used used = {
		.id = le16toh(desc->id),
		.len = le32toh(desc->len),
		.flags = le16toh(desc->flags),
	};

	step_used(ring, &ring->next_used, &ring->used_wrap);
	return used;
}

struct used ring_take(struct ring *ring)
{
	require(ring->rig, ring_num_used(ring) > 0, "nothing was used");
	if (ring->packed)
		return take_packed(ring);
	const struct vring_used_elem *element =
		&ring_used(ring)->ring[ring->next_used % ring->size];
	ring->next_used++;
	return (struct used){.id = le32toh(element->id), .len = le32toh(element->len)};
}
