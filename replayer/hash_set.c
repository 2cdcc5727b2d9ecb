/* SPDX-License-Identifier: MIT */
#include "trace_tools.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

void vgpu_hash_set_fini(struct vgpu_hash_set *set)
{
	free(set->slots);
	*set = (struct vgpu_hash_set){0};
}

/*
 * The slot that holds hash, or the free one where it belongs. Hashed again, with
 * a number that nobody who wrote a trace can have known: the hashes in it may
 * have been chosen to meet.
 */
static struct vgpu_frame_hash *slot_of(struct vgpu_frame_hash *slots, size_t capacity,
				       uint64_t seed, const struct vgpu_frame_hash *hash)
{
	static const struct vgpu_frame_hash empty;
	size_t at = XXH3_64bits_withSeed(hash->bytes, sizeof(hash->bytes), seed);

	for (at &= capacity - 1;; at = (at + 1) & (capacity - 1))
		if (vgpu_frame_hash_equal(&slots[at], &empty) ||
		    vgpu_frame_hash_equal(&slots[at], hash))
			return &slots[at];
}

static int grow(struct vgpu_hash_set *set)
{
	static const struct vgpu_frame_hash empty;
	size_t capacity = set->capacity == 0 ? 64 : set->capacity * 2;
	struct vgpu_frame_hash *slots = calloc(capacity, sizeof(*slots));
	uint64_t seed = vgpu_now_ns();

	if (slots == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < set->capacity; i++)
		if (!vgpu_frame_hash_equal(&set->slots[i], &empty))
			*slot_of(slots, capacity, seed, &set->slots[i]) = set->slots[i];
	free(set->slots);
	set->slots = slots;
	set->capacity = capacity;
	set->seed = seed;
	return 0;
}

int vgpu_hash_set_add(struct vgpu_hash_set *set, const struct vgpu_frame_hash *hash)
{
	if (set->count >= set->capacity / 2 && grow(set) < 0)
		return -ENOMEM;
	struct vgpu_frame_hash *slot = slot_of(set->slots, set->capacity, set->seed, hash);
	if (vgpu_frame_hash_equal(slot, hash))
		return 0;
	*slot = *hash;
	set->count++;
	return 1;
}
