/* SPDX-License-Identifier: MIT */
/*
 * Whether a zone's memory is where its configuration says. Memory that the root
 * zone does not have stops the machine when it is touched, so it is looked up
 * in the root zone's device tree before.
 */
#ifndef VGPU_HVISOR_MEMORY_H
#define VGPU_HVISOR_MEMORY_H

#include "vgpu.h"

#define HVISOR_DEVICE_TREE "/proc/device-tree"

/*
 * tree: where the device tree is mounted; one that is not there cannot be asked.
 * -EINVAL with a sentence in err: no whole pages, a range that wraps, two that
 * overlap, or one that is not in a memory node of the tree.
 */
int vgpu_hvisor_check_memory(const char *tree, const struct vgpu_hvisor_region *regions,
			     unsigned int num_regions, struct vgpu_error *err);

#endif
