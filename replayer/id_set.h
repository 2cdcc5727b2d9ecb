/* SPDX-License-Identifier: MIT */
/*
 * A set of resource ids. Which ids come is a trace's choice, so it takes the same
 * time whatever they are. The id 0 is never in it.
 */
#ifndef VGPU_ID_SET_H
#define VGPU_ID_SET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Zeroed is empty. */
struct vgpu_id_set {
	uint32_t *slots; /* open addressing; 0: free */
	size_t count, capacity;
	uint64_t seed;
};

void vgpu_id_set_fini(struct vgpu_id_set *set);
void vgpu_id_set_clear(struct vgpu_id_set *set);
bool vgpu_id_set_has(const struct vgpu_id_set *set, uint32_t id);
/* 0 or -ENOMEM. */
int vgpu_id_set_add(struct vgpu_id_set *set, uint32_t id);
void vgpu_id_set_remove(struct vgpu_id_set *set, uint32_t id);

#endif
