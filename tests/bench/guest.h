/* SPDX-License-Identifier: MIT */
/* A driver of a target that draws: what a guest asks of the device, one call each. */
#ifndef BENCH_GUEST_H
#define BENCH_GUEST_H

#include "driver.h"
#include "target.h"

#include <linux/virtio_gpu.h>

/* Lists of backing entries are this long at most. */
#define GUEST_ENTRIES_MAX 16384u

struct guest {
	struct vgpu_target *target;
	struct vgpu_driver driver;
	uint64_t memory; /* offset of what the user of this has in the target's memory */
	struct virtio_gpu_mem_entry *entries; /* of the attach at hand */
};

/* Opens a target ("builtin", "vhost-user:…") with bytes of memory, and sets it up. */
int guest_open(struct guest *guest, const char *spec, uint64_t bytes, struct vgpu_error *err);
void guest_close(struct guest *guest);
/* Does without the target's own set-up; for who wants to observe that. */
int guest_open_target(struct guest *guest, const char *spec, uint64_t bytes,
		      struct vgpu_error *err);
int guest_start(struct guest *guest, struct vgpu_error *err);

/* The user's bytes from offset on, in this process. */
uint8_t *guest_memory(const struct guest *guest, uint64_t offset);

/* Each is one request, whose answer must be an OK. */
int guest_create(struct guest *guest, uint32_t id, uint32_t width, uint32_t height,
		 struct vgpu_error *err);
int guest_unref(struct guest *guest, uint32_t id, struct vgpu_error *err);
/* Pieces of size bytes each, piece i from memory byte offsets[i] on; NULL: one after the other. */
int guest_attach(struct guest *guest, uint32_t id, const uint64_t *offsets, uint32_t num,
		 uint32_t size, struct vgpu_error *err);
int guest_set_scanout(struct guest *guest, uint32_t id, uint32_t width, uint32_t height,
		      struct vgpu_error *err);
int guest_transfer(struct guest *guest, uint32_t id, const struct vgpu_rect *rect, uint64_t offset,
		   struct vgpu_error *err);
int guest_flush(struct guest *guest, uint32_t id, const struct vgpu_rect *rect,
		struct vgpu_error *err);

/* A resource of that size from the user's first byte on, shown on scanout 0. */
int guest_show(struct guest *guest, uint32_t id, uint32_t width, uint32_t height,
	       struct vgpu_error *err);
/* A transfer and a flush of all of it. */
int guest_draw(struct guest *guest, uint32_t id, uint32_t width, uint32_t height,
	       struct vgpu_error *err);

#endif
