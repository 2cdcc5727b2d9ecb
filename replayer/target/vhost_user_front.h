/* SPDX-License-Identifier: MIT */
/*
 * What a vhost-user front end says to a back end, in the order in which QEMU
 * does: features when they meet, memory and rings when the driver is ready. It
 * knows no registers and no pictures.
 */
#ifndef VGPU_VHOST_USER_FRONT_H
#define VGPU_VHOST_USER_FRONT_H

#include "target/vhost_user_channel.h"
#include "target/vhost_user_program.h"

/* Guest memory as two regions of one file, one after the other. */
struct vgpu_vhost_user_memory {
	int fd;
	uint8_t *base; /* where this process has it */
	uint64_t gpa, size;
	uint64_t seam; /* bytes before the second region */
};

struct vgpu_vhost_user_ring {
	int kick, call, error; /* eventfds */
	bool running;
};

struct vgpu_vhost_user_front {
	struct vgpu_vhost_user_program program;
	struct vgpu_vhost_user_channel channel;
	struct vgpu_vhost_user_memory memory;
	uint64_t features; /* that the device offers a driver through this front end */
	bool has_reset;	   /* RESET_DEVICE was agreed */
	bool used;	   /* the device has been started since it was fresh */
	uint64_t accepted; /* features of the driver */
	struct vgpu_vhost_user_ring rings[VGPU_NUM_QUEUES];
};

/* spec: see vhost_user_program.h; kept by the caller. */
void vgpu_vhost_user_front_init(struct vgpu_vhost_user_front *front, const char *spec);
void vgpu_vhost_user_front_fini(struct vgpu_vhost_user_front *front);

/*
 * All that follow return 0 or a negative errno with a sentence, which says also
 * how a program that was started fares: -EPIPE if the back end is gone,
 * -ETIMEDOUT if it does not answer, -EPROTO, -EREMOTEIO as of the channel.
 */

/* Meets the back end. */
int vgpu_vhost_user_front_connect(struct vgpu_vhost_user_front *front, struct vgpu_error *err);
/* DRIVER_OK: gives it the display socket's other end, the features and the memory. */
int vgpu_vhost_user_front_start(struct vgpu_vhost_user_front *front, uint64_t accepted, int display,
				struct vgpu_error *err);
/* Once it is started. -EFAULT: the ring is not in guest memory, and the queue does not run. */
int vgpu_vhost_user_front_start_ring(struct vgpu_vhost_user_front *front, unsigned int queue,
				     const struct vgpu_queue_info *info, struct vgpu_error *err);
int vgpu_vhost_user_front_stop_ring(struct vgpu_vhost_user_front *front, unsigned int queue,
				    struct vgpu_error *err);
/*
 * Status 0: stops the rings, and resets the device. One that has no RESET_DEVICE
 * is left, and met anew.
 */
int vgpu_vhost_user_front_reset(struct vgpu_vhost_user_front *front, struct vgpu_error *err);

void vgpu_vhost_user_front_kick(struct vgpu_vhost_user_front *front, unsigned int queue);
/* Whether the device has called since the last time, and whether it reported an error. */
bool vgpu_vhost_user_front_called(struct vgpu_vhost_user_front *front);
bool vgpu_vhost_user_front_failed(struct vgpu_vhost_user_front *front);
/* That the back end is there; turn: and that it had its turn, by a question. */
int vgpu_vhost_user_front_check(struct vgpu_vhost_user_front *front, bool turn,
				struct vgpu_error *err);
/* The device's configuration space from its start. */
int vgpu_vhost_user_front_get_config(struct vgpu_vhost_user_front *front, void *config,
				     uint32_t size, struct vgpu_error *err);
int vgpu_vhost_user_front_set_config(struct vgpu_vhost_user_front *front, const void *config,
				     uint32_t size, struct vgpu_error *err);

#endif
