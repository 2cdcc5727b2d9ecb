/* SPDX-License-Identifier: MIT */
/* Split virtqueues: a table of descriptors, an available ring and a used ring. */
#include "virtio/ring.h"

#include <errno.h>

static bool valid(const struct vgpu_queue_info *info, uint32_t index)
{
	return (info->size & (info->size - 1)) == 0 && index <= UINT16_MAX;
}

static void areas(const struct vgpu_virtqueue *queue, struct vgpu_ring_area areas[NUM_AREAS])
{
	uint64_t size = queue->info.size, event = queue->event_idx ? sizeof(uint16_t) : 0;

	areas[AREA_DESC] = (struct vgpu_ring_area){16 * size, 16};
	areas[AREA_DRIVER] = (struct vgpu_ring_area){4 + 2 * size + event, 2};
	areas[AREA_DEVICE] = (struct vgpu_ring_area){4 + 8 * size + event, 4};
}

static void start(struct vgpu_virtqueue *queue, uint32_t index)
{
	struct vring_used *used = queue->device;

	queue->next_avail = (uint16_t)index;
	queue->next_used = (uint16_t)index;
	/*
	 * Chains are finished in order, so both indices are equal here. A new
	 * driver expects zero; it may not have cleared memory that an earlier
	 * driver used, and would take a stale index for answers.
	 */
	WRITE_ONCE(used->flags, 0);
	__atomic_store_n(&used->idx, queue->next_used, __ATOMIC_RELEASE);
}

static uint32_t next_index(const struct vgpu_virtqueue *queue)
{
	return queue->next_avail;
}

/* One descriptor, copied once: what is checked is what is used. */
static struct vring_desc fetch(const struct vring_desc *table, unsigned int index)
{
	return (struct vring_desc){.addr = READ_ONCE(table[index].addr),
				   .len = READ_ONCE(table[index].len),
				   .flags = READ_ONCE(table[index].flags),
				   .next = READ_ONCE(table[index].next)};
}

static int walk(struct vgpu_virtqueue *queue, const struct vgpu_memory *memory,
		struct vgpu_chain *chain, enum vgpu_violation *violation)
{
	const struct vring_desc *table = queue->desc;
	unsigned int table_size = queue->info.size;
	unsigned int index = chain->head;
	unsigned int steps = 0;

	*violation = VGPU_VIOLATION_BAD_CHAIN;
	for (;;) {
		/* More steps than entries is a loop (VG-SPL-009, VG-IND-009). */
		if (index >= table_size || steps++ >= table_size)
			return -EPROTO;
		struct vring_desc desc = fetch(table, index);

		if ((desc.flags & VRING_DESC_F_INDIRECT) != 0) {
			/* A table in a table (VG-IND-005). */
			if (chain->indirect_at >= 0)
				return -EPROTO;
			/* WRITE and NEXT do not matter here (VG-IND-002, VG-IND-006). */
			int num = vgpu_chain_load_table(chain, memory, desc.addr, desc.len,
							violation);
			if (num < 0)
				return num;
			table = chain->table;
			table_size = (unsigned int)num;
			index = 0;
			steps = 0;
			continue;
		}
		int rc = vgpu_chain_add(chain, desc.addr, desc.len, desc.flags, violation);
		if (rc != 0)
			return rc;
		if ((desc.flags & VRING_DESC_F_NEXT) == 0)
			return 1;
		index = desc.next;
	}
}

static int pop(struct vgpu_virtqueue *queue, const struct vgpu_memory *memory,
	       struct vgpu_chain *chain, enum vgpu_violation *violation)
{
	const struct vring_avail *avail = queue->driver;
	uint16_t waiting = __atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE) - queue->next_avail;

	if (waiting == 0)
		return 0;
	*violation = VGPU_VIOLATION_BAD_AVAIL;
	if (waiting > queue->info.size)
		return -EPROTO;

	vgpu_chain_begin(chain, READ_ONCE(avail->ring[queue->next_avail % queue->info.size]));
	if (chain->head >= queue->info.size)
		return -EPROTO;
	int rc = walk(queue, memory, chain, violation);
	if (rc == 1)
		queue->next_avail++;
	return rc;
}

static void unpop(struct vgpu_virtqueue *queue)
{
	queue->next_avail--;
}

static void push(struct vgpu_virtqueue *queue, const struct vgpu_chain *chain, uint32_t len)
{
	struct vring_used *used = queue->device;
	struct vring_used_elem *elem = &used->ring[queue->next_used % queue->info.size];

	WRITE_ONCE(elem->id, chain->head);
	WRITE_ONCE(elem->len, len);
	queue->next_used++;
	/* The element and the answer are visible before the index (VG-SPL-002). */
	__atomic_store_n(&used->idx, queue->next_used, __ATOMIC_RELEASE);
}

static bool should_notify(struct vgpu_virtqueue *queue)
{
	const struct vring_avail *avail = queue->driver;

	if (!queue->event_idx)
		return (READ_ONCE(avail->flags) & VRING_AVAIL_F_NO_INTERRUPT) == 0;

	uint16_t used_event = READ_ONCE(avail->ring[queue->info.size]);
	bool notify = !queue->signalled ||
		      vring_need_event(used_event, queue->next_used, queue->signalled_used);
	queue->signalled = true;
	queue->signalled_used = queue->next_used;
	return notify;
}

static bool rearm(struct vgpu_virtqueue *queue)
{
	const struct vring_avail *avail = queue->driver;
	struct vring_used *used = queue->device;

	if (queue->event_idx) {
		uint16_t *avail_event = (uint16_t *)&used->ring[queue->info.size];

		__atomic_store_n(avail_event, queue->next_avail, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	return __atomic_load_n(&avail->idx, __ATOMIC_ACQUIRE) != queue->next_avail;
}

const struct vgpu_ring_ops vgpu_split_ring = {
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
