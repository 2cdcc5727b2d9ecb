/* SPDX-License-Identifier: MIT */
/* What there is of resources and scanouts, for who wants to make the same elsewhere. */
#include "gpu/device.h"

#include <string.h>

bool vgpu_device_next_resource(const struct vgpu_device *device, uint64_t *position,
			       struct vgpu_resource_state *state)
{
	const struct vgpu_resource *resource = vgpu_resource_next(&device->resources, position);

	if (resource == NULL)
		return false;
	*state = (struct vgpu_resource_state){
		.id = resource->id,
		.pixels = resource->pixels,
		.pixels_len = resource->pixels_len,
		.pixels_begin = resource->pixels_begin,
		.blob_size = resource->blob_size,
		.backing = resource->backing,
		.num_backing = resource->num_backing,
		.has_uuid = resource->has_uuid,
	};
	memcpy(state->uuid, resource->uuid, sizeof(state->uuid));
	if (resource->blob_size != 0)
		return true;
	state->format = vgpu_format_id(resource->format);
	state->width = resource->width;
	state->height = resource->height;
	return true;
}

bool vgpu_device_has_resource(const struct vgpu_device *device, uint32_t id)
{
	return vgpu_resource_find(&device->resources, id) != NULL;
}

bool vgpu_device_scanout_blob(const struct vgpu_device *device, uint32_t scanout_id,
			      struct vgpu_blob_picture *picture)
{
	if (scanout_id >= device->num_scanouts || device->scanouts[scanout_id].resource_id == 0)
		return false;
	const struct vgpu_resource *resource =
		vgpu_resource_find(&device->resources, device->scanouts[scanout_id].resource_id);
	const struct vgpu_layout *layout = &device->layouts[scanout_id];

	if (resource == NULL || resource->blob_size == 0)
		return false;
	*picture = (struct vgpu_blob_picture){.format = vgpu_format_id(layout->format),
					      .offset = (uint32_t)layout->offset,
					      .stride = (uint32_t)layout->stride};
	return true;
}
