/* SPDX-License-Identifier: MIT */
/*
 * The display end of vhost-user-gpu: the socket on which the device tells the
 * front end what to show, and asks it how large its displays are. Nothing here
 * blocks. It must not know the vhost-user socket.
 */
#ifndef VGPU_GPU_SOCKET_H
#define VGPU_GPU_SOCKET_H

#include "vgpu.h"

struct vgpu_gpu_socket;

/* The device's display. ask: outputs are what the front end says. */
struct vgpu_gpu_socket *vgpu_gpu_socket_new(struct vgpu_device *device, bool ask,
					    void (*log)(void *opaque, const char *line),
					    void *opaque);
void vgpu_gpu_socket_free(struct vgpu_gpu_socket *gpu);
/* Takes fd over, in place of the one before; everything shown is sent again. */
void vgpu_gpu_socket_open(struct vgpu_gpu_socket *gpu, int fd);
void vgpu_gpu_socket_close(struct vgpu_gpu_socket *gpu);

/* -1 if there is none. */
int vgpu_gpu_socket_fd(const struct vgpu_gpu_socket *gpu);
/* What to poll for. */
short vgpu_gpu_socket_events(const struct vgpu_gpu_socket *gpu);
/* When an answer is overdue, on vgpu_now_ns()'s clock; UINT64_MAX: none is awaited. */
uint64_t vgpu_gpu_socket_deadline(const struct vgpu_gpu_socket *gpu);
/* Does what can be done now; revents as poll() gave them, 0 after a time-out. */
void vgpu_gpu_socket_run(struct vgpu_gpu_socket *gpu, short revents);

#endif
