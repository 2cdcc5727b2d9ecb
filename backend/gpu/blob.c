/* SPDX-License-Identifier: MIT */
/*
 * Blobs: resources that are bytes of guest memory, and the scanouts that show
 * them. They are read when they are flushed, into a copy of the device's own, so
 * that what is shown, hashed and recorded is one and the same picture.
 */
#include "gpu/device.h"

#include <endian.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

#define BLOB_FLAGS                                                                                 \
	(VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE | VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE |                  \
	 VIRTIO_GPU_BLOB_FLAG_USE_CROSS_DEVICE)

uint32_t vgpu_execute_create_blob(struct vgpu_device *device)
{
	const struct virtio_gpu_resource_create_blob *request = (const void *)device->request;
	uint32_t id = le32toh(request->resource_id);

	if (id == 0 || vgpu_resource_find(&device->resources, id) != NULL)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	/* Memory of the host takes 3D (VG-BLB-003). */
	if (le32toh(request->blob_mem) != VIRTIO_GPU_BLOB_MEM_GUEST ||
	    (le32toh(request->blob_flags) & ~(uint32_t)BLOB_FLAGS) != 0 || request->size == 0)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (vgpu_resource_create_blob(&device->resources, id, le64toh(request->size)) != 0)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;

	struct vgpu_resource *blob = vgpu_resource_find(&device->resources, id);
	uint32_t answer =
		vgpu_attach_entries(device, blob, sizeof(*request), le32toh(request->nr_entries));
	if (answer != VIRTIO_GPU_RESP_OK_NODATA)
		vgpu_resource_destroy(&device->resources, blob);
	return answer;
}

/* Where rows of a part of a picture are; the part must lie in it. */
static struct vgpu_rows rows_of(const struct vgpu_layout *layout, const struct vgpu_rect *part)
{
	return (struct vgpu_rows){
		.offset = layout->offset + (uint64_t)part->y * layout->stride +
			  (uint64_t)part->x * VGPU_BYTES_PER_PIXEL,
		.stride = layout->stride,
		.len = (uint64_t)part->width * VGPU_BYTES_PER_PIXEL,
		.count = part->height,
	};
}

static uint64_t end_of(const struct vgpu_rows *rows)
{
	return rows->offset + (rows->count - 1) * rows->stride + rows->len;
}

/*
 * Whether the picture lies in the blob and the scanout in the picture. With a stride
 * that an int holds, 64 bits hold whatever is computed of it. Rows and pixels that
 * are not aligned to words are nothing that pixman can read.
 */
static bool layout_valid(const struct vgpu_layout *layout, uint32_t width, uint32_t height,
			 const struct vgpu_rect *part, uint64_t blob_size)
{
	const struct vgpu_rect all = {.width = width, .height = height};

	if (layout->format == NULL || part->width == 0 || part->height == 0 ||
	    !vgpu_rect_within(part, width, height))
		return false;
	if (layout->stride > INT_MAX || layout->stride < (uint64_t)width * VGPU_BYTES_PER_PIXEL ||
	    layout->stride % VGPU_BYTES_PER_PIXEL != 0 ||
	    layout->offset % VGPU_BYTES_PER_PIXEL != 0)
		return false;
	const struct vgpu_rows rows = rows_of(layout, &all);
	return end_of(&rows) <= blob_size;
}

/* Whether a scanout other than this one shows the resource. */
static bool shown_elsewhere(const struct vgpu_device *device, uint32_t resource_id,
			    uint32_t scanout_id)
{
	for (uint32_t i = 0; i < device->num_scanouts; i++)
		if (i != scanout_id && device->scanouts[i].resource_id == resource_id)
			return true;
	return false;
}

uint32_t vgpu_execute_set_scanout_blob(struct vgpu_device *device)
{
	const struct virtio_gpu_set_scanout_blob *request = (const void *)device->request;
	uint32_t scanout_id = le32toh(request->scanout_id);

	if (scanout_id >= device->num_scanouts)
		return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	if (request->resource_id == 0) {
		vgpu_scanout_set(device, scanout_id, NULL, NULL);
		return VIRTIO_GPU_RESP_OK_NODATA;
	}
	struct vgpu_resource *blob =
		vgpu_resource_find(&device->resources, le32toh(request->resource_id));
	if (blob == NULL || blob->blob_size == 0 || blob->backing == NULL)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	/* All formats have one plane: the others are not looked at (VG-BLB-024). */
	const struct vgpu_layout layout = {
		.format = vgpu_format_find(le32toh(request->format)),
		.offset = le32toh(request->offsets[0]),
		.stride = le32toh(request->strides[0]),
	};
	const struct vgpu_scanout scanout = {.resource_id = blob->id,
					     .rect = vgpu_rect_of(&request->r)};
	if (!layout_valid(&layout, le32toh(request->width), le32toh(request->height), &scanout.rect,
			  blob->blob_size))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	const struct vgpu_rows rows = rows_of(&layout, &scanout.rect);
	if (vgpu_resource_hold(&device->resources, blob, rows.offset, end_of(&rows),
			       shown_elsewhere(device, blob->id, scanout_id)) != 0)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	vgpu_scanout_set(device, scanout_id, &scanout, &layout);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

/* Whether a scanout before this one shows the same, as mirrored displays do. */
static bool mirrored(const struct vgpu_device *device, uint32_t scanout_id)
{
	const struct vgpu_scanout *scanout = &device->scanouts[scanout_id];
	const struct vgpu_rows rows = rows_of(&device->layouts[scanout_id], &scanout->rect);

	for (uint32_t i = 0; i < scanout_id; i++) {
		const struct vgpu_scanout *other = &device->scanouts[i];
		const struct vgpu_rows others = rows_of(&device->layouts[i], &other->rect);

		if (other->resource_id == scanout->resource_id &&
		    memcmp(&other->rect, &scanout->rect, sizeof(other->rect)) == 0 &&
		    others.offset == rows.offset && others.stride == rows.stride)
			return true;
	}
	return false;
}

int vgpu_blob_read(struct vgpu_device *device, const struct vgpu_resource *blob,
		   const struct vgpu_rect *rect)
{
	bool any = false;

	for (uint32_t i = 0; i < device->num_scanouts; i++) {
		const struct vgpu_rect *shown = &device->scanouts[i].rect;
		struct vgpu_rect common;

		if (device->scanouts[i].resource_id != blob->id ||
		    !vgpu_rect_intersect(rect, shown, &common) || mirrored(device, i))
			continue;
		/*
		 * Scanouts may have a part in common. It is one and the same in the copy: what
		 * was read last is what both show, here and when the recording is played.
		 */
		const struct vgpu_rows rows = rows_of(&device->layouts[i], shown);
		if (vgpu_resource_copy_rows(blob, &device->memory, &rows,
					    vgpu_scanout_pixel(device, i, 0, 0),
					    &device->reads) != 0)
			return -EFAULT;
		device->read_pitch =
			!any || device->read_pitch == rows.len ? (uint32_t)rows.len : 0;
		any = true;
	}
	return 0;
}
