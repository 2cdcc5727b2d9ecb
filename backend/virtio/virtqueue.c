/* SPDX-License-Identifier: MIT */
#include "virtio/ring.h"

#include <errno.h>
#include <stdlib.h>

#define BIT(n) (1ull << (n))

/*
 * Index entries of a split table are 16 bits, so no longer table can be used. It
 * is also what bounds the work and the memory that one chain can ask for, with what
 * it has in the ring before its table: a trace takes no more descriptors of one.
 */
#define TABLE_MAX 65536u
#define CHAIN_MAX TABLE_MAX

/* A descriptor of either format has as many bytes. */
#define DESC_SIZE sizeof(struct vring_desc)
_Static_assert(sizeof(struct vring_packed_desc) == DESC_SIZE, "wire size");

static const struct vgpu_ring_ops *format_of(const struct vgpu_virtqueue *queue)
{
	return queue->packed ? &vgpu_packed_ring : &vgpu_split_ring;
}

uint32_t vgpu_first_index(uint64_t features)
{
	/* Both at the first slot, with the wrap counters at 1. */
	return (features & BIT(VIRTIO_F_RING_PACKED)) != 0 ? 0x80008000u : 0;
}

/* Also where the guest's address is aligned, memory may be mapped at an odd offset. */
static void *map_whole(const struct vgpu_memory *memory, uint64_t gpa,
		       const struct vgpu_ring_area *area)
{
	uint64_t contiguous = area->len;
	void *host = memory->translate(memory->opaque, gpa, &contiguous);

	return contiguous == area->len && (uintptr_t)host % area->align == 0 ? host : NULL;
}

int vgpu_virtqueue_map(struct vgpu_virtqueue *queue, const struct vgpu_memory *memory)
{
	const struct vgpu_queue_info *info = &queue->info;
	struct vgpu_ring_area areas[NUM_AREAS];

	if (!info->ready)
		return 0;
	format_of(queue)->areas(queue, areas);
	queue->desc = map_whole(memory, info->desc, &areas[AREA_DESC]);
	queue->driver = map_whole(memory, info->driver, &areas[AREA_DRIVER]);
	queue->device = map_whole(memory, info->device, &areas[AREA_DEVICE]);
	if (queue->desc != NULL && queue->driver != NULL && queue->device != NULL)
		return 0;
	vgpu_virtqueue_stop(queue);
	return -EFAULT;
}

void vgpu_virtqueue_stop(struct vgpu_virtqueue *queue)
{
	queue->info.ready = false;
	queue->desc = NULL;
	queue->driver = NULL;
	queue->device = NULL;
}

static bool is_aligned(const struct vgpu_virtqueue *queue)
{
	struct vgpu_ring_area areas[NUM_AREAS];

	format_of(queue)->areas(queue, areas);
	return queue->info.desc % areas[AREA_DESC].align == 0 &&
	       queue->info.driver % areas[AREA_DRIVER].align == 0 &&
	       queue->info.device % areas[AREA_DEVICE].align == 0;
}

int vgpu_virtqueue_setup(struct vgpu_virtqueue *queue, const struct vgpu_memory *memory,
			 const struct vgpu_queue_info *info, uint32_t index)
{
	vgpu_virtqueue_stop(queue);
	if (!info->ready)
		return 0;
	if (info->size == 0 || info->size > VGPU_QUEUE_SIZE_MAX ||
	    !format_of(queue)->valid(info, index))
		return -EINVAL;

	queue->info = *info;
	if (!is_aligned(queue)) {
		vgpu_virtqueue_stop(queue);
		return -EINVAL;
	}
	int rc = vgpu_virtqueue_map(queue, memory);
	if (rc != 0)
		return rc;
	queue->signalled = false;
	format_of(queue)->start(queue, index);
	/* What an earlier driver left there would keep this one from its first notifies. */
	vgpu_virtqueue_rearm(queue);
	return 0;
}

void vgpu_virtqueue_set_features(struct vgpu_virtqueue *queue, const struct vgpu_memory *memory,
				 uint64_t features)
{
	const struct vgpu_queue_info info = queue->info;
	bool packed = (features & BIT(VIRTIO_F_RING_PACKED)) != 0;
	bool same = queue->packed == packed;

	queue->packed = packed;
	queue->event_idx = (features & BIT(VIRTIO_RING_F_EVENT_IDX)) != 0;
	queue->indirect = (features & BIT(VIRTIO_RING_F_INDIRECT_DESC)) != 0;
	if (same)
		vgpu_virtqueue_map(queue, memory);
	else
		vgpu_virtqueue_setup(queue, memory, &info, vgpu_first_index(features));
}

uint32_t vgpu_virtqueue_index(const struct vgpu_virtqueue *queue)
{
	return format_of(queue)->index(queue);
}

int vgpu_virtqueue_pop(struct vgpu_virtqueue *queue, const struct vgpu_memory *memory,
		       struct vgpu_chain *chain, enum vgpu_violation *violation)
{
	return queue->info.ready ? format_of(queue)->pop(queue, memory, chain, violation) : 0;
}

void vgpu_virtqueue_unpop(struct vgpu_virtqueue *queue)
{
	format_of(queue)->unpop(queue);
}

void vgpu_virtqueue_push(struct vgpu_virtqueue *queue, const struct vgpu_chain *chain, uint32_t len)
{
	format_of(queue)->push(queue, chain, len);
}

bool vgpu_virtqueue_should_notify(struct vgpu_virtqueue *queue)
{
	/* What was used must be out before the driver's wish is read. */
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return format_of(queue)->should_notify(queue);
}

bool vgpu_virtqueue_rearm(struct vgpu_virtqueue *queue)
{
	return queue->info.ready && format_of(queue)->rearm(queue);
}

/* ---- chains ------------------------------------------------------------------- */

void vgpu_chain_fini(struct vgpu_chain *chain)
{
	free(chain->descs);
	free(chain->gpas);
	free(chain->table);
	*chain = (struct vgpu_chain){0};
}

void vgpu_chain_begin(struct vgpu_chain *chain, uint16_t head)
{
	chain->head = head;
	chain->id = head;
	chain->slots = 0;
	chain->indirect_at = -1;
	chain->num_descs = 0;
	chain->readable = 0;
	chain->writable = 0;
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

int vgpu_chain_add(struct vgpu_chain *chain, uint64_t gpa, uint32_t len, uint16_t flags,
		   enum vgpu_violation *violation)
{
	bool writable = (flags & VRING_DESC_F_WRITE) != 0;

	if (!writable && chain->writable != 0) {
		*violation = VGPU_VIOLATION_CHAIN_ORDER;
		return -EPROTO;
	}
	if (chain->num_descs == CHAIN_MAX) {
		*violation = VGPU_VIOLATION_BAD_CHAIN;
		return -EPROTO;
	}
	if (chain->num_descs == chain->capacity && grow(chain) != 0)
		return -ENOMEM;
	chain->descs[chain->num_descs] =
		(struct vgpu_chain_desc){.len = len, .device_writable = writable};
	chain->gpas[chain->num_descs] = gpa;
	chain->num_descs++;
	if (writable)
		chain->writable += len;
	else
		chain->readable += len;
	return 0;
}

/* The table may cross a seam of two regions, so it is copied (VG-IND-011). */
int vgpu_chain_load_table(struct vgpu_chain *chain, const struct vgpu_memory *memory, uint64_t gpa,
			  uint32_t len, enum vgpu_violation *violation)
{
	if (len == 0 || len % DESC_SIZE != 0 || len / DESC_SIZE > TABLE_MAX) {
		*violation = VGPU_VIOLATION_BAD_CHAIN;
		return -EPROTO;
	}
	if (len > chain->table_capacity) {
		void *table = realloc(chain->table, len);
		if (table == NULL)
			return -ENOMEM;
		chain->table = table;
		chain->table_capacity = len;
	}
	if (vgpu_memory_read(memory, gpa, chain->table, len) != len) {
		*violation = VGPU_VIOLATION_BAD_ADDRESS;
		return -EPROTO;
	}
	chain->indirect_at = (int)chain->num_descs;
	return (int)(len / DESC_SIZE);
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
