/* SPDX-License-Identifier: MIT */
#include "picture-requests.h"

struct picture_requests picture_requests(uint32_t width, uint32_t height, uint64_t gpa)
{
	const struct virtio_gpu_rect all = {.width = width, .height = height};

	return (struct picture_requests){
		.create = {.hdr.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
			   .resource_id = 1,
			   .format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
			   .width = width,
			   .height = height},
		.attach = {.head = {.hdr.type = VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
				    .resource_id = 1,
				    .nr_entries = 1},
			   .entry = {.addr = gpa, .length = width * height * 4}},
		.scanout = {.hdr.type = VIRTIO_GPU_CMD_SET_SCANOUT, .r = all, .resource_id = 1},
		.transfer = {.hdr.type = VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D,
			     .r = all,
			     .resource_id = 1},
		.flush = {.hdr.type = VIRTIO_GPU_CMD_RESOURCE_FLUSH, .r = all, .resource_id = 1},
	};
}
