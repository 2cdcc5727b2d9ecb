/* SPDX-License-Identifier: MIT */
#include "bus/hvisor_memory.h"

#include <dirent.h>
#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#define PAGE 4096u
/* More memory nodes, or ranges in one, than any board has. */
#define MAX_RANGES 64

struct ranges {
	uint64_t base[MAX_RANGES], size[MAX_RANGES];
	unsigned int num;
};

static size_t read_property(const char *path, uint32_t *cells, size_t max)
{
	FILE *file = fopen(path, "rbe");

	if (file == NULL)
		return 0;
	size_t num = fread(cells, sizeof(*cells), max, file);
	fclose(file);
	for (size_t i = 0; i < num; i++)
		cells[i] = be32toh(cells[i]);
	return num;
}

static uint32_t read_cell(const char *tree, const char *name, uint32_t otherwise)
{
	char path[512];
	uint32_t cell;

	snprintf(path, sizeof(path), "%s/%s", tree, name);
	return read_property(path, &cell, 1) == 1 ? cell : otherwise;
}

static uint64_t number(const uint32_t *cells, uint32_t num)
{
	uint64_t value = 0;

	for (uint32_t i = 0; i < num; i++)
		value = value << 32 | cells[i];
	return value;
}

static void read_memory_node(const char *path, uint32_t address_cells, uint32_t size_cells,
			     struct ranges *ranges)
{
	uint32_t cells[4 * MAX_RANGES];
	uint32_t entry = address_cells + size_cells;
	size_t num = read_property(path, cells, sizeof(cells) / sizeof(cells[0]));

	for (size_t i = 0; i + entry <= num && ranges->num < MAX_RANGES; i += entry) {
		ranges->base[ranges->num] = number(cells + i, address_cells);
		ranges->size[ranges->num] = number(cells + i + address_cells, size_cells);
		ranges->num++;
	}
}

/* What the memory nodes of the tree have. Nothing if there is no tree. */
static void read_tree(const char *tree, struct ranges *ranges)
{
	uint32_t address_cells = read_cell(tree, "#address-cells", 2);
	uint32_t size_cells = read_cell(tree, "#size-cells", 1);
	DIR *dir = opendir(tree);
	struct dirent *entry;

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL && address_cells <= 2 && size_cells <= 2) {
		char path[512];

		if (strncmp(entry->d_name, "memory@", 7) != 0 &&
		    strcmp(entry->d_name, "memory") != 0)
			continue;
		if (snprintf(path, sizeof(path), "%s/%s/reg", tree, entry->d_name) <
		    (int)sizeof(path))
			read_memory_node(path, address_cells, size_cells, ranges);
	}
	closedir(dir);
}

static bool contains(const struct ranges *ranges, uint64_t base, uint64_t size)
{
	for (unsigned int i = 0; i < ranges->num; i++)
		if (base >= ranges->base[i] && base - ranges->base[i] < ranges->size[i] &&
		    size <= ranges->size[i] - (base - ranges->base[i]))
			return true;
	return false;
}

static int check_region(const struct vgpu_hvisor_region *region, const struct ranges *ranges,
			struct vgpu_error *err)
{
	unsigned long long zone0 = region->zone0_ipa, zonex = region->zonex_ipa;
	unsigned long long size = region->size;

	/* At 0 the device maps something else. */
	if (zone0 == 0 || size == 0 || (zone0 | zonex | size) % PAGE != 0 || zone0 + size < zone0 ||
	    zonex + size < zonex)
		return vgpu_error_set(
			err, EINVAL,
			"zone memory 0x%llx at 0x%llx, 0x%llx bytes: want whole pages "
			"of 4096 bytes, not at 0",
			zonex, zone0, size);
	if (ranges->num != 0 && !contains(ranges, zone0, size))
		return vgpu_error_set(
			err, EINVAL,
			"zone memory at 0x%llx, 0x%llx bytes: not in the root zone's "
			"memory, by its device tree; touching it would stop the machine",
			zone0, size);
	return 0;
}

int vgpu_hvisor_check_memory(const char *tree, const struct vgpu_hvisor_region *regions,
			     unsigned int num_regions, struct vgpu_error *err)
{
	struct ranges ranges = {.num = 0};

	if (num_regions == 0 || num_regions > VGPU_HVISOR_MAX_REGIONS)
		return vgpu_error_set(err, EINVAL, "a zone with %u pieces of memory", num_regions);
	read_tree(tree, &ranges);
	for (unsigned int i = 0; i < num_regions; i++) {
		int ret = check_region(&regions[i], &ranges, err);

		if (ret != 0)
			return ret;
		for (unsigned int j = 0; j < i; j++)
			if (regions[i].zonex_ipa < regions[j].zonex_ipa + regions[j].size &&
			    regions[j].zonex_ipa < regions[i].zonex_ipa + regions[i].size)
				return vgpu_error_set(err, EINVAL,
						      "zone memory 0x%llx and 0x%llx overlap",
						      (unsigned long long)regions[i].zonex_ipa,
						      (unsigned long long)regions[j].zonex_ipa);
	}
	return 0;
}
