/* SPDX-License-Identifier: MIT */
/*
 * A vhost-user-gpu front end that speaks as QEMU does: the messages and their order
 * are those captured from QEMU 7.2 and 10.0. A real QEMU is what `make live` runs;
 * this one can also break the rules. What it says and hears is asserted.
 */
#ifndef VGPU_FRONT_END_H
#define VGPU_FRONT_END_H

#include "bus/vhost_user.h"
#include "vgpu.h"

#include <linux/virtio_config.h>
#include <linux/virtio_gpu.h>
#include <linux/virtio_ring.h>

#define FRONT_RAM      0x40000000ull
#define FRONT_RAM_SIZE (8u << 20)
/* Where the front end has the guest's memory, as far as the server is told. */
#define FRONT_USER	 0x7f0000000000ull
#define FRONT_QUEUE_SIZE 64
#define FRONT_RING(q)	 (0x1000u + (q)*0x4000u)
#define FRONT_REQUEST	 0x10000u
#define FRONT_RESPONSE	 0x20000u
#define FRONT_PIXELS	 0x100000u
#define FRONT_PACKED	 (1ull << VIRTIO_F_RING_PACKED)

struct front {
	struct vgpu_mem_map *map;
	struct vgpu_device *device;
	struct vgpu_vhost_user *server;
	int fd, gpu, ram_fd;
	int kick[VGPU_NUM_QUEUES], call[VGPU_NUM_QUEUES];
	uint8_t *ram;
	uint64_t features;  /* of the guest */
	uint16_t used_seen; /* packed: slots over two laps, as the device counts them */
	char log[1024];	    /* the last line */
	unsigned int num_lines;
};

void front_start(struct front *front, bool ask);
void front_stop(struct front *front);
/* Connects again, after the server has ended the connection before. */
void front_attach(struct front *front);
/* Lets the server do all that it can do now. Returns its last verdict. */
int front_pump(struct front *front);

/* ---- vhost-user ---- */
void front_say_with_fds(struct front *front, uint32_t request, uint32_t flags, const void *payload,
			uint32_t size, const int *fds, unsigned int num_fds);
void front_say(struct front *front, uint32_t request, const void *payload, uint32_t size);
void front_say_state(struct front *front, uint32_t request, uint32_t index, uint32_t num);
void front_say_fd(struct front *front, uint32_t request, uint64_t value, int fd);
/* The reply to a request of this kind; returns its payload's size or -1. */
int front_hear(struct front *front, uint32_t request, void *payload, size_t room);
uint64_t front_ask_u64(struct front *front, uint32_t request);

/* What a front end says when it creates the device. */
void front_create(struct front *front);
void front_send_memory(struct front *front, uint32_t flags);
void front_open_gpu_socket(struct front *front);
/* The guest's driver says DRIVER_OK, or the guest goes on. */
void front_start_rings(struct front *front, uint32_t base);
/* A reset of the guest, or a stop. Returns the base of queue 0. */
uint32_t front_stop_rings(struct front *front);

/* ---- the guest's driver ---- */
void front_kick(struct front *front, unsigned int queue);
/* Makes a request available on queue 0. */
void front_offer(struct front *front, const void *request, uint32_t len);
/* The answer's type, or 0 if there is none yet. */
uint32_t front_answer(struct front *front);
/* Both, with all that the server does in between. */
uint32_t front_command(struct front *front, const void *request, uint32_t len);
uint32_t front_flush(struct front *front, struct virtio_gpu_rect rect);
/* Shows a picture of width x height whose pixel n is n. */
void front_show(struct front *front, uint32_t width, uint32_t height);

/* ---- the display socket ---- */
struct front_gpu_message {
	uint32_t request, flags, size;
	uint32_t words[5 + (128 << 10) / 4];
};

/* The server's next message; false if there is none. */
bool front_gpu_hear(struct front *front, struct front_gpu_message *message);
void front_gpu_reply(struct front *front, uint32_t request, const void *payload, uint32_t size);
/* What QEMU does first on a new display socket. */
void front_gpu_handshake(struct front *front);

#endif
