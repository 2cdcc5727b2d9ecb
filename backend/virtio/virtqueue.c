/* SPDX-License-Identifier: MIT */
#include "virtio/virtqueue.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/*
 * Index entries of a table are 16 bits, so no longer table can be used. It is
 * also what bounds the work and the memory that one chain can ask for.
 */
#define TABLE_MAX 65536u

/* Everything here lies in guest memory and may change while it is read. */
#define READ_ONCE(x) __atomic_load_n(&(x), __ATOMIC_RELAXED)

void vgpu_chain_fini(struct vgpu_chain *chain)
{
	free(chain->descs);
	free(chain->gpas);
	free(chain->table);
	*chain = (struct vgpu_chain){0};
}

/* Also where the guest's address is aligned, memory may be mapped at an odd offset. */
static void *map_whole(const struct vgpu_memory *memory, uint64_t gpa, uint64_t len, size_t align)
{
	uint64_t contiguous = len;
	void *host = memory->translate(memory->opaque, gpa, &contiguous);

	return contiguous == len && (uintptr_t)host % align == 0 ? host : NULL;
}

int vgpu_virtqueue_map(struct vgpu_virtqueue *queue, const struct vgpu_memory *memory)
{
	const struct vgpu_queue_info *info = &queue->info;
	uint64_t event = queue->event_idx ? sizeof(uint16_t) : 0;

	if (!info->ready)
		return 0;
	queue->desc =
		map_whole(memory, info->desc, 16ull * info->size, _Alignof(struct vring_desc));
	queue->avail = map_whole(memory, info->driver, 4 + 2ull * info->size + event,
				 _Alignof(struct vring_avail));
	queue->used = map_whole(memory, info->device, 4 + 8ull * info->size + event,
				_Alignof(struct vring_used));
	if (queue->desc != NULL && queue->avail != NULL && queue->used != NULL)
		return 0;
	vgpu_virtqueue_stop(queue);
	return -EFAULT;
}

void vgpu_virtqueue_stop(struct vgpu_virtqueue *queue)
{
	queue->info.ready = false;
	queue->desc = NULL;
	queue->avail = NULL;
	queue->used = NULL;
}

int vgpu_virtqueue_setup(struct vgpu_virtqueue *queue, const struct vgpu_memory *memory,
			 const struct vgpu_queue_info *info, uint16_t index)
{
	vgpu_virtqueue_stop(queue);
	if (!info->ready)
		return 0;
	if (info->size == 0 || info->size > VGPU_QUEUE_SIZE_MAX ||
	    (info->size & (info->size - 1)) != 0)
		return -EINVAL;
	if (info->desc % 16 != 0 || info->driver % 2 != 0 || info->device % 4 != 0)
		return -EINVAL;

	queue->info = *info;
	int rc = vgpu_virtqueue_map(queue, memory);
	if (rc != 0)
		return rc;
	queue->next_avail = index;
	queue->next_used = index;
	queue->signalled = false;
	/*
	 * Chains are finished in order, so both indices are equal here. A new
	 * driver expects zero; it may not have cleared memory that an earlier
	 * driver used, and would take a stale index for answers.
	 */
	/* Mapped, as the queue is ready. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
	queue->used->flags = 0;
	__atomic_store_n(&queue->used->idx, index, __ATOMIC_RELEASE);
	/* And a stale event index would keep it from its first notifies. */
	vgpu_virtqueue_rearm(queue);
	return 0;
}

static int grow(struct vgpu_chain *chain)
{
	unsigned int capacity = chain->capacity != 0 ? chain->capacity * 2 : 64;
	struct vgpu_chain_desc *descs = reallocarray(chain->descs, capacity, sizeof(*chain->descs));
	if (descs == NULL)
		return -ENOMEM;
	chain->descs = descs;
	uint64_t *gpas = reallocarray(chain->gpas, capacity, sizeof(*chain->gpas));
	if (gpas == NULL)
		return -ENOMEM;
	chain->gpas = gpas;
	chain->capacity = capacity;
	return 0;
}

static int append(struct vgpu_chain *chain, const struct vring_desc *desc)
{
	bool writable = (desc->flags & VRING_DESC_F_WRITE) != 0;

	if (chain->num_descs == chain->capacity && grow(chain) != 0)
		return -ENOMEM;
	chain->descs[chain->num_descs] =
		(struct vgpu_chain_desc){.len = desc->len, .device_writable = writable};
	chain->gpas[chain->num_descs] = desc->addr;
	chain->num_descs++;
	if (writable)
		chain->writable += desc->len;
	else
		chain->readable += desc->len;
	return 0;
}

/* The table may cross a seam of two regions, so it is copied (VG-IND-011). */
static int load_table(struct vgpu_chain *chain, const struct vgpu_memory *memory,
		      const struct vring_desc *desc, enum vgpu_violation *violation)
{
	if (desc->len == 0 || desc->len % sizeof(*desc) != 0 ||
	    desc->len / sizeof(*desc) > TABLE_MAX) {
		*violation = VGPU_VIOLATION_BAD_CHAIN;
		return -EPROTO;
	}
	if (desc->len > chain->table_capacity) {
		struct vring_desc *table = realloc(chain->table, desc->len);
		if (table == NULL)
			return -ENOMEM;
		chain->table = table;
		chain->table_capacity = desc->len;
	}
	if (vgpu_memory_read(memory, desc->addr, chain->table, desc->len) != desc->len) {
		*violation = VGPU_VIOLATION_BAD_ADDRESS;
		return -EPROTO;
	}
	return 0;
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
			int rc = load_table(chain, memory, &desc, violation);
			if (rc != 0)
				return rc;
			/* WRITE and NEXT do not matter here (VG-IND-002, VG-IND-006). */
			chain->indirect_at = (int)chain->num_descs;
			table = chain->table;
			table_size = desc.len / sizeof(desc);
			index = 0;
			steps = 0;
			continue;
		}
		if ((desc.flags & VRING_DESC_F_WRITE) == 0 && chain->writable != 0) {
			*violation = VGPU_VIOLATION_CHAIN_ORDER;
			return -EPROTO;
		}
		if (append(chain, &desc) != 0)
			return -ENOMEM;
		if ((desc.flags & VRING_DESC_F_NEXT) == 0)
			return 1;
		index = desc.next;
	}
}

int vgpu_virtqueue_pop(struct vgpu_virtqueue *queue, const struct vgpu_memory *memory,
		       struct vgpu_chain *chain, enum vgpu_violation *violation)
{
	if (!queue->info.ready)
		return 0;
	uint16_t available = __atomic_load_n(&queue->avail->idx, __ATOMIC_ACQUIRE);
	uint16_t waiting = available - queue->next_avail;

	if (waiting == 0)
		return 0;
	*violation = VGPU_VIOLATION_BAD_AVAIL;
	if (waiting > queue->info.size)
		return -EPROTO;

	chain->head = READ_ONCE(queue->avail->ring[queue->next_avail % queue->info.size]);
	chain->indirect_at = -1;
	chain->num_descs = 0;
	chain->readable = 0;
	chain->writable = 0;
	if (chain->head >= queue->info.size)
		return -EPROTO;
	int rc = walk(queue, memory, chain, violation);
	if (rc == 1)
		queue->next_avail++;
	return rc;
}

void vgpu_virtqueue_unpop(struct vgpu_virtqueue *queue)
{
	queue->next_avail--;
}

void vgpu_virtqueue_push(struct vgpu_virtqueue *queue, uint16_t head, uint32_t len)
{
	struct vring_used_elem *elem = &queue->used->ring[queue->next_used % queue->info.size];

	elem->id = head;
	elem->len = len;
	queue->next_used++;
	/* The element and the answer are visible before the index (VG-SPL-002). */
	__atomic_store_n(&queue->used->idx, queue->next_used, __ATOMIC_RELEASE);
}

bool vgpu_virtqueue_should_notify(struct vgpu_virtqueue *queue)
{
	/* The index must be out before the driver's wish is read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (!queue->event_idx)
		return (READ_ONCE(queue->avail->flags) & VRING_AVAIL_F_NO_INTERRUPT) == 0;

	uint16_t used_event = READ_ONCE(queue->avail->ring[queue->info.size]);
	bool notify = !queue->signalled ||
		      vring_need_event(used_event, queue->next_used, queue->signalled_used);
	queue->signalled = true;
	queue->signalled_used = queue->next_used;
	return notify;
}

bool vgpu_virtqueue_rearm(struct vgpu_virtqueue *queue)
{
	if (!queue->info.ready)
		return false;
	if (queue->event_idx) {
		uint16_t *avail_event = (uint16_t *)&queue->used->ring[queue->info.size];

		__atomic_store_n(avail_event, queue->next_avail, __ATOMIC_RELAXED);
		__atomic_thread_fence(__ATOMIC_SEQ_CST);
	}
	return __atomic_load_n(&queue->avail->idx, __ATOMIC_ACQUIRE) != queue->next_avail;
}

size_t vgpu_chain_read(const struct vgpu_chain *chain, const struct vgpu_memory *memory,
		       uint64_t offset, void *data, size_t len, bool *fault)
{
	size_t done = 0;

	for (unsigned int i = 0; i < chain->num_descs && done < len; i++) {
		uint32_t have = chain->descs[i].len;

		if (chain->descs[i].device_writable)
			break;
		if (offset >= have) {
			offset -= have;
			continue;
		}
		size_t want = have - offset < len - done ? have - offset : len - done;
		uint64_t gpa;
		size_t got = 0;
		if (!__builtin_add_overflow(chain->gpas[i], offset, &gpa))
			got = vgpu_memory_read(memory, gpa, (uint8_t *)data + done, want);
		done += got;
		if (got < want) {
			*fault = true;
			break;
		}
		offset = 0;
	}
	return done;
}

size_t vgpu_chain_write(const struct vgpu_chain *chain, const struct vgpu_memory *memory,
			const void *data, size_t len, bool *fault)
{
	size_t done = 0;

	for (unsigned int i = 0; i < chain->num_descs && done < len; i++) {
		uint32_t have = chain->descs[i].len;

		if (!chain->descs[i].device_writable)
			continue;
		size_t want = have < len - done ? have : len - done;
		size_t got = vgpu_memory_write(memory, chain->gpas[i], (const uint8_t *)data + done,
					       want);
		done += got;
		if (got < want) {
			*fault = true;
			break;
		}
	}
	return done;
}
