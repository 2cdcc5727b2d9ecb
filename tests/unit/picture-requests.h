/* SPDX-License-Identifier: MIT */
/* What a driver says to show a picture: resource 1 on scanout 0, as bytes lie in memory here. */
#ifndef VGPU_PICTURE_REQUESTS_H
#define VGPU_PICTURE_REQUESTS_H

#include <linux/virtio_gpu.h>
#include <stdint.h>

struct picture_requests {
	struct virtio_gpu_resource_create_2d create;
	struct {
		struct virtio_gpu_resource_attach_backing head;
		struct virtio_gpu_mem_entry entry;
	} attach;
	struct virtio_gpu_set_scanout scanout;
	struct virtio_gpu_transfer_to_host_2d transfer;
	struct virtio_gpu_resource_flush flush;
};

/* Of B8G8R8X8 pixels that lie at this guest address, one row behind the other. */
struct picture_requests picture_requests(uint32_t width, uint32_t height, uint64_t gpa);

#endif
