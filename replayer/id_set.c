/* SPDX-License-Identifier: MIT */
#include "id_set.h"

#include "vgpu.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

void vgpu_id_set_fini(struct vgpu_id_set *set)
{
	free(set->slots);
	*set = (struct vgpu_id_set){0};
}

void vgpu_id_set_clear(struct vgpu_id_set *set)
{
	if (set->count != 0)
		memset(set->slots, 0, set->capacity * sizeof(*set->slots));
	set->count = 0;
}

/* Where an id would be if no other were in its way. */
static size_t home(const struct vgpu_id_set *set, uint32_t id)
{
	return XXH3_64bits_withSeed(&id, sizeof(id), set->seed) & (set->capacity - 1);
}

/* The slot that holds the id, or the free one where it belongs. */
static size_t slot_of(const struct vgpu_id_set *set, uint32_t id)
{
	size_t at = home(set, id);

	while (set->slots[at] != 0 && set->slots[at] != id)
		at = (at + 1) & (set->capacity - 1);
	return at;
}

static int grow(struct vgpu_id_set *set)
{
	/* Nobody who wrote a trace can have known this number. */
	struct vgpu_id_set bigger = {.capacity = set->capacity == 0 ? 64 : set->capacity * 2,
				     .count = set->count,
				     .seed = vgpu_now_ns()};

	bigger.slots = calloc(bigger.capacity, sizeof(*bigger.slots));
	if (bigger.slots == NULL)
		return -ENOMEM;
	for (size_t i = 0; i < set->capacity; i++)
		if (set->slots[i] != 0)
			bigger.slots[slot_of(&bigger, set->slots[i])] = set->slots[i];
	free(set->slots);
	*set = bigger;
	return 0;
}

bool vgpu_id_set_has(const struct vgpu_id_set *set, uint32_t id)
{
	return set->count != 0 && id != 0 && set->slots[slot_of(set, id)] == id;
}

int vgpu_id_set_add(struct vgpu_id_set *set, uint32_t id)
{
	if (id == 0 || vgpu_id_set_has(set, id))
		return 0;
	if (set->count >= set->capacity / 2 && grow(set) != 0)
		return -ENOMEM;
	set->slots[slot_of(set, id)] = id;
	set->count++;
	return 0;
}

void vgpu_id_set_remove(struct vgpu_id_set *set, uint32_t id)
{
	if (!vgpu_id_set_has(set, id))
		return;
	size_t mask = set->capacity - 1;
	size_t hole = slot_of(set, id);

	/* What was pushed on by the one that goes moves back. */
	for (size_t at = (hole + 1) & mask; set->slots[at] != 0; at = (at + 1) & mask) {
		size_t wanted = home(set, set->slots[at]);

		if (((at - wanted) & mask) < ((at - hole) & mask))
			continue;
		set->slots[hole] = set->slots[at];
		hole = at;
	}
	set->slots[hole] = 0;
	set->count--;
}
