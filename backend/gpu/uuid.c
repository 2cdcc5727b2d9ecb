/* SPDX-License-Identifier: MIT */
/*
 * RESOURCE_ASSIGN_UUID: the name by which other devices of the guest know a
 * resource. Two devices of one guest must not give the same one, so it is random
 * (RFC 4122, version 4), and every recording has others.
 */
#include "gpu/device.h"

#include <endian.h>
#include <string.h>
#include <sys/random.h>

/* False while the kernel has no random numbers yet: a guest must not wait for them. */
static bool make_uuid(uint8_t uuid[16])
{
	if (getrandom(uuid, 16, GRND_NONBLOCK) != 16)
		return false;
	uuid[6] = (uint8_t)((uuid[6] & 0x0f) | 0x40);
	uuid[8] = (uint8_t)((uuid[8] & 0x3f) | 0x80);
	return true;
}

uint32_t vgpu_execute_assign_uuid(struct vgpu_device *device)
{
	const struct virtio_gpu_resource_assign_uuid *request = (const void *)device->request;
	struct vgpu_resource *resource =
		vgpu_resource_find(&device->resources, le32toh(request->resource_id));

	if (resource == NULL)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (!resource->has_uuid && !make_uuid(resource->uuid))
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	resource->has_uuid = true;
	memcpy(device->response.uuid.uuid, resource->uuid, sizeof(resource->uuid));
	return VIRTIO_GPU_RESP_OK_RESOURCE_UUID;
}
