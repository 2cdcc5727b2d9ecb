/* SPDX-License-Identifier: MIT */
/*
 * Where recorded guest memory goes in a target's memory: ranges are collected,
 * merged to regions of whole pages, and the regions are laid side by side. Two
 * addresses of one region keep their distance, so aliasing survives the move.
 */
#ifndef VGPU_ADDRESS_MAP_H
#define VGPU_ADDRESS_MAP_H

#include "vgpu.h"

struct vgpu_address_region {
	uint64_t gpa, size; /* as recorded, whole pages */
	uint64_t offset;    /* in target memory */
};

struct vgpu_address_map {
	struct vgpu_address_region *regions; /* sorted and apart once merged */
	size_t count, capacity;
};

void vgpu_address_map_fini(struct vgpu_address_map *map);
/* Adds a range; an empty one is ignored. -EINVAL if it wraps, -ENOMEM. */
int vgpu_address_map_add(struct vgpu_address_map *map, uint64_t gpa, uint64_t len);
/* Sorts the regions, and joins those that overlap or touch. */
void vgpu_address_map_merge(struct vgpu_address_map *map);
/*
 * Merges, gives every region its place from offset on, and sets *end to the first byte
 * after the last. -EFBIG if that is past limit.
 */
int vgpu_address_map_lay_out(struct vgpu_address_map *map, uint64_t offset, uint64_t limit,
			     uint64_t *end);
/* Where gpa went. False unless len bytes from there lie in one region. */
bool vgpu_address_map_find(const struct vgpu_address_map *map, uint64_t gpa, uint64_t len,
			   uint64_t *offset);

#endif
