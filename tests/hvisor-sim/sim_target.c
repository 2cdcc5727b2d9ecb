/* SPDX-License-Identifier: MIT */
#include "hvisor-sim/sim_target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct sim_target {
	struct vgpu_target target;
	struct sim *sim;
	unsigned int cpu;
	uint64_t base;
};

static struct sim_target *sim_target_of(struct vgpu_target *target)
{
	return (struct sim_target *)target;
}

static int sim_target_read(struct vgpu_target *target, uint32_t offset, unsigned int size,
			   uint32_t *value, struct vgpu_error *err)
{
	const struct sim_target *t = sim_target_of(target);
	uint64_t got = 0;
	int ret = sim_read(t->sim, t->cpu, t->base + offset, size, &got);

	*value = (uint32_t)got;
	return ret == 0 ? 0 : vgpu_error_set(err, EPIPE, "trapped read: %s", strerror(-ret));
}

static int sim_target_write(struct vgpu_target *target, uint32_t offset, unsigned int size,
			    uint32_t value, struct vgpu_error *err)
{
	const struct sim_target *t = sim_target_of(target);
	int ret = sim_write(t->sim, t->cpu, t->base + offset, size, value);

	return ret == 0 ? 0 : vgpu_error_set(err, EPIPE, "trapped write: %s", strerror(-ret));
}

static int sim_target_capture(struct vgpu_target *target, uint32_t scanout_id,
			      struct vgpu_frame *frame, struct vgpu_error *err)
{
	(void)target;
	(void)scanout_id;
	(void)frame;
	return vgpu_error_set(err, ENOTSUP, "a zone has no picture");
}

static const char *sim_target_version(struct vgpu_target *target)
{
	(void)target;
	return "vgpu-record under a simulated hvisor";
}

static void sim_target_close(struct vgpu_target *target)
{
	free(sim_target_of(target));
}

static const struct vgpu_target_ops sim_target_ops = {
	.name = "hvisor-sim",
	.description = "the daemon of a simulated hvisor",
	.exact = true,
	.close = sim_target_close,
	.read = sim_target_read,
	.write = sim_target_write,
	.capture = sim_target_capture,
	.version = sim_target_version,
};

struct vgpu_target *sim_target_new(struct sim *sim, unsigned int cpu, uint64_t gpu_base,
				   uint64_t gpa, uint64_t size)
{
	struct sim_target *target = calloc(1, sizeof(*target));

	if (target == NULL)
		return NULL;
	target->target = (struct vgpu_target){
		.ops = &sim_target_ops,
		.memory = sim_ram(sim, gpa, size),
		.memory_gpa = gpa,
		.memory_size = size,
	};
	target->sim = sim;
	target->cpu = cpu;
	target->base = gpu_base;
	return &target->target;
}
