/* SPDX-License-Identifier: MIT */
/*
 * The guest's memory as a list of regions, sorted by address. It must not know
 * what lies in the memory or who mapped it.
 */
#include "vgpu.h"
#include "virtio/mem_guard.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

struct region {
	uint64_t gpa, size;
	uint8_t *host;
	void *mapping; /* what to unmap; NULL if the memory is the caller's */
	size_t mapping_size;
	int guard; /* of a mapping */
};

struct vgpu_mem_map {
	struct region *regions;
	size_t num_regions;
};

struct vgpu_mem_map *vgpu_mem_map_new(void)
{
	return calloc(1, sizeof(struct vgpu_mem_map));
}

void vgpu_mem_map_free(struct vgpu_mem_map *map)
{
	if (map == NULL)
		return;
	vgpu_mem_map_clear(map);
	free(map);
}

static int insert(struct vgpu_mem_map *map, const struct region *region)
{
	uint64_t last;
	size_t at = 0;

	if (region->size == 0 || __builtin_add_overflow(region->gpa, region->size - 1, &last))
		return -EINVAL;
	while (at < map->num_regions && map->regions[at].gpa < region->gpa)
		at++;
	if (at > 0) {
		const struct region *before = &map->regions[at - 1];

		if (before->gpa + (before->size - 1) >= region->gpa)
			return -EEXIST;
	}
	if (at < map->num_regions && map->regions[at].gpa <= last)
		return -EEXIST;

	struct region *regions =
		reallocarray(map->regions, map->num_regions + 1, sizeof(*map->regions));
	if (regions == NULL)
		return -ENOMEM;
	map->regions = regions;
	memmove(&regions[at + 1], &regions[at], (map->num_regions - at) * sizeof(*regions));
	regions[at] = *region;
	map->num_regions++;
	return 0;
}

int vgpu_mem_map_add(struct vgpu_mem_map *map, uint64_t gpa, uint64_t size, void *host)
{
	return insert(map, &(struct region){.gpa = gpa, .size = size, .host = host});
}

static void release(const struct region *region)
{
	if (region->mapping == NULL)
		return;
	if (region->guard >= 0)
		vgpu_mem_guard_remove(region->guard);
	munmap(region->mapping, region->mapping_size);
}

int vgpu_mem_map_add_fd(struct vgpu_mem_map *map, uint64_t gpa, uint64_t size, int fd,
			uint64_t offset)
{
	struct stat st;
	uint64_t end;

	if (__builtin_add_overflow(size, offset, &end) || end > SIZE_MAX)
		return -EINVAL;
	if (fstat(fd, &st) != 0)
		return -errno;
	/* Beyond the end of a file there would be SIGBUS, not memory. */
	if (S_ISREG(st.st_mode) && (uint64_t)st.st_size < end)
		return -EINVAL;

	/* From 0, as hugetlbfs wants lengths and offsets in whole huge pages. */
	void *mapping = mmap(NULL, end, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (mapping == MAP_FAILED)
		return -errno;
	const struct region region = {.gpa = gpa,
				      .size = size,
				      .host = (uint8_t *)mapping + offset,
				      .mapping = mapping,
				      .mapping_size = end,
				      .guard = vgpu_mem_guard_add(mapping, end)};
	int rc = region.guard >= 0 ? insert(map, &region) : region.guard;
	if (rc != 0)
		release(&region);
	return rc;
}

int vgpu_mem_map_remove(struct vgpu_mem_map *map, uint64_t gpa, uint64_t size)
{
	for (size_t i = 0; i < map->num_regions; i++) {
		if (map->regions[i].gpa != gpa || map->regions[i].size != size)
			continue;
		release(&map->regions[i]);
		map->num_regions--;
		memmove(&map->regions[i], &map->regions[i + 1],
			(map->num_regions - i) * sizeof(*map->regions));
		return 0;
	}
	return -ENOENT;
}

void vgpu_mem_map_clear(struct vgpu_mem_map *map)
{
	for (size_t i = 0; i < map->num_regions; i++)
		release(&map->regions[i]);
	free(map->regions);
	map->regions = NULL;
	map->num_regions = 0;
}

bool vgpu_mem_map_lost(const struct vgpu_mem_map *map)
{
	for (size_t i = 0; i < map->num_regions; i++)
		if (map->regions[i].mapping != NULL && vgpu_mem_guard_lost(map->regions[i].guard))
			return true;
	return false;
}

static void *translate(void *opaque, uint64_t gpa, uint64_t *len)
{
	const struct vgpu_mem_map *map = opaque;

	for (size_t i = 0; i < map->num_regions; i++) {
		const struct region *region = &map->regions[i];

		if (gpa < region->gpa || gpa - region->gpa >= region->size)
			continue;
		uint64_t left = region->size - (gpa - region->gpa);
		if (*len > left)
			*len = left;
		return region->host + (gpa - region->gpa);
	}
	return NULL;
}

struct vgpu_memory vgpu_mem_map_memory(struct vgpu_mem_map *map)
{
	return (struct vgpu_memory){.translate = translate, .opaque = map};
}

static size_t copy(const struct vgpu_memory *memory, uint64_t gpa, uint8_t *data, size_t len,
		   bool to_guest)
{
	size_t done = 0;
	uint64_t at;

	while (done < len && !__builtin_add_overflow(gpa, done, &at)) {
		uint64_t piece = len - done;
		void *host = memory->translate(memory->opaque, at, &piece);

		if (host == NULL)
			break;
		if (to_guest)
			memcpy(host, data + done, piece);
		else
			memcpy(data + done, host, piece);
		done += piece;
	}
	return done;
}

size_t vgpu_memory_read(const struct vgpu_memory *memory, uint64_t gpa, void *data, size_t len)
{
	return copy(memory, gpa, data, len, false);
}

size_t vgpu_memory_write(const struct vgpu_memory *memory, uint64_t gpa, const void *data,
			 size_t len)
{
	/* Only read from, whatever the helper's prototype says. */
	return copy(memory, gpa, (uint8_t *)(uintptr_t)data, len, true);
}
