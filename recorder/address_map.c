/* SPDX-License-Identifier: MIT */
#include "address_map.h"

#include <errno.h>
#include <stdlib.h>

#define PAGE 4096ull

void vgpu_address_map_fini(struct vgpu_address_map *map)
{
	free(map->regions);
	*map = (struct vgpu_address_map){0};
}

/* Moves the region at root down until none below it in the heap is greater. */
static void sift(struct vgpu_address_region *regions, size_t root, size_t count)
{
	const struct vgpu_address_region moved = regions[root];
	size_t child;

	while ((child = 2 * root + 1) < count) {
		if (child + 1 < count && regions[child + 1].gpa > regions[child].gpa)
			child++;
		if (regions[child].gpa <= moved.gpa)
			break;
		regions[root] = regions[child];
		root = child;
	}
	regions[root] = moved;
}

/* Not qsort(): it asks the system how much memory there is, which a recorder must not. */
static void sort(struct vgpu_address_region *regions, size_t count)
{
	for (size_t i = count / 2; i > 0; i--)
		sift(regions, i - 1, count);
	for (size_t i = count; i > 1; i--) {
		struct vgpu_address_region greatest = regions[0];

		regions[0] = regions[i - 1];
		regions[i - 1] = greatest;
		sift(regions, 0, i - 1);
	}
}

void vgpu_address_map_merge(struct vgpu_address_map *map)
{
	size_t out = 0;

	sort(map->regions, map->count);
	for (size_t i = 0; i < map->count; i++) {
		struct vgpu_address_region *region = &map->regions[i];
		struct vgpu_address_region *last = out > 0 ? &map->regions[out - 1] : NULL;

		/* The end of the last page of all is 2^64: compare sizes, not ends. */
		if (last == NULL || region->gpa - last->gpa > last->size) {
			map->regions[out++] = *region;
			continue;
		}
		uint64_t size = region->gpa - last->gpa + region->size;
		if (size > last->size)
			last->size = size;
	}
	map->count = out;
}

static int make_room(struct vgpu_address_map *map)
{
	if (map->count < map->capacity)
		return 0;
	/* A guest uses the same pages again and again: merging keeps the list short. */
	vgpu_address_map_merge(map);
	if (map->count < map->capacity / 2)
		return 0;
	size_t capacity = map->capacity == 0 ? 64 : map->capacity * 2;
	struct vgpu_address_region *bigger = reallocarray(map->regions, capacity, sizeof(*bigger));
	if (bigger == NULL)
		return -ENOMEM;
	map->regions = bigger;
	map->capacity = capacity;
	return 0;
}

int vgpu_address_map_add(struct vgpu_address_map *map, uint64_t gpa, uint64_t len)
{
	uint64_t first = gpa & ~(PAGE - 1), last;

	if (len == 0)
		return 0;
	if (__builtin_add_overflow(gpa, len - 1, &last))
		return -EINVAL;
	uint64_t size = (last & ~(PAGE - 1)) - first + PAGE;
	if (size == 0)
		return -EINVAL;
	int ret = make_room(map);
	if (ret < 0)
		return ret;
	map->regions[map->count++] = (struct vgpu_address_region){.gpa = first, .size = size};
	return 0;
}

int vgpu_address_map_lay_out(struct vgpu_address_map *map, uint64_t offset, uint64_t limit,
			     uint64_t *end)
{
	vgpu_address_map_merge(map);
	for (size_t i = 0; i < map->count; i++) {
		if (offset > limit || map->regions[i].size > limit - offset)
			return -EFBIG;
		map->regions[i].offset = offset;
		offset += map->regions[i].size;
	}
	*end = offset;
	return 0;
}

bool vgpu_address_map_find(const struct vgpu_address_map *map, uint64_t gpa, uint64_t len,
			   uint64_t *offset)
{
	size_t low = 0, high = map->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct vgpu_address_region *region = &map->regions[middle];

		if (gpa < region->gpa) {
			high = middle;
		} else if (gpa - region->gpa >= region->size) {
			low = middle + 1;
		} else {
			*offset = region->offset + (gpa - region->gpa);
			return len <= region->size - (gpa - region->gpa);
		}
	}
	return false;
}
