/* SPDX-License-Identifier: MIT */
/* The commands of the cursor queue. A cursor is a layer of its own. */
#include "gpu/device.h"

#include <endian.h>

#define CURSOR_STRIDE 256 /* VGPU_CURSOR_SIZE pixels */

static void show(struct vgpu_device *device, uint32_t scanout_id, bool moved_only)
{
	if (device->display != NULL && device->display->cursor != NULL)
		device->display->cursor(device->display_opaque, scanout_id,
					&device->cursors[scanout_id], moved_only);
}

void vgpu_cursor_hide(struct vgpu_device *device, uint32_t scanout_id)
{
	if (!device->cursors[scanout_id].visible)
		return;
	device->cursors[scanout_id].visible = false;
	show(device, scanout_id, false);
}

/* What the picture of a cursor is, as the format has it; the answer's type. */
static uint32_t fetch_picture(struct vgpu_device *device, const struct vgpu_resource *resource,
			      const struct vgpu_format **format, const uint8_t **picture)
{
	const struct vgpu_rows rows = {
		.stride = CURSOR_STRIDE, .len = CURSOR_STRIDE, .count = VGPU_CURSOR_SIZE};

	*format = resource->format;
	*picture = resource->pixels;
	if (resource->blob_size == 0)
		return resource->width == VGPU_CURSOR_SIZE && resource->height == VGPU_CURSOR_SIZE
			       ? VIRTIO_GPU_RESP_OK_NODATA
			       : VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (resource->backing == NULL)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (resource->blob_size < sizeof(device->cursor_bytes))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	/* A blob begins with rows of the one format that cursors have (VG-CUR-021). */
	*format = vgpu_format_find(VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM);
	*picture = device->cursor_bytes;
	device->read_pitch = CURSOR_STRIDE;
	return vgpu_resource_copy_rows(resource, &device->memory, &rows, device->cursor_bytes,
				       &device->reads) == 0
		       ? VIRTIO_GPU_RESP_OK_NODATA
		       : VIRTIO_GPU_RESP_ERR_UNSPEC;
}

uint32_t vgpu_execute_update_cursor(struct vgpu_device *device)
{
	const struct virtio_gpu_update_cursor *request = (const void *)device->request;
	uint32_t scanout_id = le32toh(request->pos.scanout_id);

	if (scanout_id >= device->num_scanouts)
		return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	struct vgpu_cursor *cursor = &device->cursors[scanout_id];
	const struct vgpu_resource *resource = NULL;

	if (request->resource_id != 0) {
		resource = vgpu_resource_find(&device->resources, le32toh(request->resource_id));
		if (resource == NULL)
			return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
		const struct vgpu_format *format;
		const uint8_t *picture;
		uint32_t answer = fetch_picture(device, resource, &format, &picture);
		if (answer != VIRTIO_GPU_RESP_OK_NODATA)
			return answer;
		/* The picture is the one of now, whatever becomes of the resource (VG-CUR-015). */
		if (vgpu_format_convert(format, picture, CURSOR_STRIDE, cursor->pixels,
					CURSOR_STRIDE, VGPU_CURSOR_SIZE, VGPU_CURSOR_SIZE,
					true) != 0)
			return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
		cursor->hot_x = le32toh(request->hot_x);
		cursor->hot_y = le32toh(request->hot_y);
	}
	cursor->visible = resource != NULL;
	cursor->x = le32toh(request->pos.x);
	cursor->y = le32toh(request->pos.y);
	show(device, scanout_id, false);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

/* Whatever else the request holds is ignored (VG-CUR-006). */
uint32_t vgpu_execute_move_cursor(struct vgpu_device *device)
{
	const struct virtio_gpu_update_cursor *request = (const void *)device->request;
	uint32_t scanout_id = le32toh(request->pos.scanout_id);

	if (scanout_id >= device->num_scanouts)
		return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	device->cursors[scanout_id].x = le32toh(request->pos.x);
	device->cursors[scanout_id].y = le32toh(request->pos.y);
	show(device, scanout_id, true);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

_Static_assert(CURSOR_STRIDE == VGPU_CURSOR_SIZE * VGPU_BYTES_PER_PIXEL, "stride of a cursor");
