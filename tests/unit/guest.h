/* SPDX-License-Identifier: MIT */
/*
 * A guest made of memory and registers, for tests that break rules on purpose:
 * it writes descriptors and ring indices exactly as it is told.
 */
#ifndef VGPU_UNIT_GUEST_H
#define VGPU_UNIT_GUEST_H

#include "vgpu.h"

#include <linux/virtio_gpu.h>
#include <linux/virtio_ring.h>

#define GUEST_RAM	 0x40000000ull
#define GUEST_RAM_SIZE	 (4u << 20)
#define GUEST_QUEUE_SIZE 16
/* Offsets in RAM of what a test may use freely. */
#define GUEST_REQUEST  0x10000u
#define GUEST_RESPONSE 0x60000u
#define GUEST_PIXELS   0x100000u
#define GUEST_FEATURES (1ull << 32 | 1ull << 1 | 1ull << 28)

struct guest {
	uint8_t *ram; /* two mappings with a seam between them, to be crossed */
	struct vgpu_mem_map *map;
	struct vgpu_device *device;
	struct vgpu_mmio *mmio;
	struct vring_desc *desc[VGPU_NUM_QUEUES];
	struct vring_avail *avail[VGPU_NUM_QUEUES];
	struct vring_used *used[VGPU_NUM_QUEUES];
	unsigned int interrupts; /* rising edges of the line */
};

/* A device with two scanouts of 64x48 that is ready to be used. */
void guest_start(struct guest *guest);
/* The same with another number of scanouts, features and memory limit (0: default). */
void guest_start_with(struct guest *guest, unsigned int scanouts, uint64_t features,
		      uint64_t memory_limit);
void guest_stop(struct guest *guest);
/* Sets the device up again, as after a reset. */
void guest_init_device(struct guest *guest, uint64_t features);

uint32_t guest_read(struct guest *guest, uint32_t offset);
void guest_write(struct guest *guest, uint32_t offset, uint32_t value);

void guest_set_desc(struct guest *guest, unsigned int queue, unsigned int index, uint64_t addr,
		    uint32_t len, uint16_t flags, uint16_t next);
/* Makes a chain available and notifies. Returns used.len, or -1 if it was not used. */
int64_t guest_offer(struct guest *guest, unsigned int queue, uint16_t head);
/*
 * Sends len bytes in one descriptor with room for response_room bytes in
 * another. Returns used.len or -1; the answer is at GUEST_RESPONSE.
 */
int64_t guest_send(struct guest *guest, unsigned int queue, const void *request, uint32_t len,
		   uint32_t response_room);
/* Sends a command to the control queue and returns the answer's type. */
uint32_t guest_command(struct guest *guest, const void *request, uint32_t len);
const struct virtio_gpu_ctrl_hdr *guest_response(const struct guest *guest);

/* A command of any type, and of none: words are what follows its header. */
struct guest_request {
	struct virtio_gpu_ctrl_hdr header;
	uint32_t words[64];
};

/* Sends all of it to the queue of its type; the answer, which must come, has the returned type. */
uint32_t guest_ask(struct guest *guest, const struct guest_request *request);
unsigned int guest_queue_of(uint32_t type);
bool guest_is_error(uint32_t type);
/* Bytes that the device charges to its memory limit. */
uint64_t guest_charged(const struct guest *guest);

/* Commands that tests share. Each returns the answer's type. */
uint32_t guest_create(struct guest *guest, uint32_t id, uint32_t format, uint32_t width,
		      uint32_t height);
uint32_t guest_attach(struct guest *guest, uint32_t id, uint64_t gpa, uint32_t len);
uint32_t guest_transfer(struct guest *guest, uint32_t id, struct vgpu_rect rect, uint64_t offset);
uint32_t guest_set_scanout(struct guest *guest, uint32_t scanout, uint32_t id,
			   struct vgpu_rect rect);
uint32_t guest_flush(struct guest *guest, uint32_t id, struct vgpu_rect rect);
uint32_t guest_unref(struct guest *guest, uint32_t id);
/* A resource with backing at GUEST_PIXELS that scanout 0 shows all of. */
void guest_show(struct guest *guest, uint32_t id, uint32_t format, uint32_t width, uint32_t height);
/* The color of a pixel that a scanout shows, as 0xrrggbb. */
uint32_t guest_pixel(struct guest *guest, uint32_t scanout, uint32_t x, uint32_t y);

#endif
