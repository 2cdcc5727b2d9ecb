/* SPDX-License-Identifier: MIT */
/*
 * A device behind the simulated hypervisor as a target of the player: register
 * accesses are trapped, memory is the zone's. There is no picture to look at:
 * the daemon's recording has the frames.
 */
#ifndef HVISOR_SIM_TARGET_H
#define HVISOR_SIM_TARGET_H

#include "hvisor-sim/sim.h"
#include "target.h"

/* Neither is owned. gpu_base: guest-physical; gpa, size: of the zone's memory. */
struct vgpu_target *sim_target_new(struct sim *sim, unsigned int cpu, uint64_t gpu_base,
				   uint64_t gpa, uint64_t size);

#endif
