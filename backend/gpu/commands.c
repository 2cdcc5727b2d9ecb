/* SPDX-License-Identifier: MIT */
/*
 * The commands of the control queue, one function each, and the table of all
 * commands. A function finds its request whole and its answer zeroed; headers,
 * lengths and fences are not its business.
 */
#include "gpu/device.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define BIT(n) (1ull << (n))

struct vgpu_rect vgpu_rect_of(const struct virtio_gpu_rect *rect)
{
	return (struct vgpu_rect){.x = le32toh(rect->x),
				  .y = le32toh(rect->y),
				  .width = le32toh(rect->width),
				  .height = le32toh(rect->height)};
}

static struct vgpu_resource *find(const struct vgpu_device *device, __le32 id)
{
	return vgpu_resource_find(&device->resources, le32toh(id));
}

static uint32_t get_display_info(struct vgpu_device *device)
{
	struct virtio_gpu_display_one *pmodes = device->response.display_info.pmodes;

	for (unsigned int i = 0; i < device->num_scanouts; i++) {
		const struct vgpu_output *output = &device->outputs[i];

		pmodes[i].r.x = htole32(output->rect.x);
		pmodes[i].r.y = htole32(output->rect.y);
		pmodes[i].r.width = htole32(output->rect.width);
		pmodes[i].r.height = htole32(output->rect.height);
		/* A display without a size is unplugged (VG-RSZ-007). */
		pmodes[i].enabled = htole32(output->enabled && output->rect.width != 0 &&
					    output->rect.height != 0);
	}
	return VIRTIO_GPU_RESP_OK_DISPLAY_INFO;
}

static uint32_t get_edid(struct vgpu_device *device)
{
	const struct virtio_gpu_cmd_get_edid *request = (const void *)device->request;
	uint32_t scanout_id = le32toh(request->scanout);

	if (scanout_id >= device->num_scanouts)
		return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	const struct vgpu_rect *rect = &device->outputs[scanout_id].rect;
	/* A disconnected output still has a mode to offer (VG-EDI-007). */
	bool sized = rect->width != 0 && rect->height != 0;
	vgpu_edid(device->response.edid.edid, scanout_id, sized ? rect->width : 1024,
		  sized ? rect->height : 768);
	device->response.edid.size = htole32(VGPU_EDID_SIZE);
	return VIRTIO_GPU_RESP_OK_EDID;
}

static uint32_t resource_create_2d(struct vgpu_device *device)
{
	const struct virtio_gpu_resource_create_2d *request = (const void *)device->request;

	if (request->resource_id == 0 || find(device, request->resource_id) != NULL)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	const struct vgpu_format *format = vgpu_format_find(le32toh(request->format));
	if (format == NULL)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	int rc = vgpu_resource_create(&device->resources, le32toh(request->resource_id), format,
				      le32toh(request->width), le32toh(request->height));
	if (rc == -EINVAL)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	return rc == 0 ? VIRTIO_GPU_RESP_OK_NODATA : VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
}

static uint32_t resource_unref(struct vgpu_device *device)
{
	const struct virtio_gpu_resource_unref *request = (const void *)device->request;
	struct vgpu_resource *resource = find(device, request->resource_id);

	if (resource == NULL)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	for (uint32_t i = 0; i < device->num_scanouts; i++)
		if (device->scanouts[i].resource_id == resource->id)
			vgpu_scanout_set(device, i, NULL, NULL);
	vgpu_resource_destroy(&device->resources, resource);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

uint32_t vgpu_attach_entries(struct vgpu_device *device, struct vgpu_resource *resource,
			     size_t fixed_size, uint32_t num)
{
	const struct virtio_gpu_mem_entry *list = (const void *)(device->request + fixed_size);

	if (num > VGPU_BACKING_ENTRIES_MAX)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	if (device->request_len < fixed_size + num * sizeof(*list))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (num == 0)
		return VIRTIO_GPU_RESP_OK_NODATA;

	struct vgpu_backing_entry *entries = calloc(num, sizeof(*entries));
	if (entries == NULL)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	for (uint32_t i = 0; i < num; i++) {
		entries[i].gpa = le64toh(list[i].addr);
		entries[i].len = le32toh(list[i].length);
	}
	int rc = vgpu_resource_attach(&device->resources, resource, &device->memory, entries, num);
	if (rc == -ENOMEM)
		return VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY;
	if (rc == -EINVAL)
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	return rc == 0 ? VIRTIO_GPU_RESP_OK_NODATA : VIRTIO_GPU_RESP_ERR_UNSPEC;
}

static uint32_t resource_attach_backing(struct vgpu_device *device)
{
	const struct virtio_gpu_resource_attach_backing *request = (const void *)device->request;
	struct vgpu_resource *resource = find(device, request->resource_id);

	if (resource == NULL)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	if (resource->backing != NULL)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	return vgpu_attach_entries(device, resource, sizeof(*request),
				   le32toh(request->nr_entries));
}

static uint32_t resource_detach_backing(struct vgpu_device *device)
{
	const struct virtio_gpu_resource_detach_backing *request = (const void *)device->request;
	struct vgpu_resource *resource = find(device, request->resource_id);

	if (resource == NULL)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	vgpu_resource_detach(&device->resources, resource);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

static uint32_t transfer_to_host_2d(struct vgpu_device *device)
{
	const struct virtio_gpu_transfer_to_host_2d *request = (const void *)device->request;
	struct vgpu_resource *resource = find(device, request->resource_id);
	struct vgpu_rect rect = vgpu_rect_of(&request->r);

	if (resource == NULL || resource->backing == NULL)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	/*
	 * A blob is read when it is flushed. Linux transfers its dumb buffers all the same,
	 * before each flush, and complains of an error (VG-XFR-020).
	 */
	if (resource->blob_size != 0)
		return VIRTIO_GPU_RESP_OK_NODATA;
	if (!vgpu_rect_within(&rect, resource->width, resource->height))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	device->read_pitch = rect.width * VGPU_BYTES_PER_PIXEL;
	switch (vgpu_resource_transfer(resource, &device->memory, &rect, le64toh(request->offset),
				       &device->reads)) {
	case 0:
		return VIRTIO_GPU_RESP_OK_NODATA;
	case -EINVAL:
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	default:
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	}
}

static uint32_t set_scanout(struct vgpu_device *device)
{
	const struct virtio_gpu_set_scanout *request = (const void *)device->request;
	uint32_t scanout_id = le32toh(request->scanout_id);

	if (scanout_id >= device->num_scanouts)
		return VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID;
	if (request->resource_id == 0) {
		vgpu_scanout_set(device, scanout_id, NULL, NULL);
		return VIRTIO_GPU_RESP_OK_NODATA;
	}
	const struct vgpu_resource *resource = find(device, request->resource_id);
	/* Nothing says what the picture in a blob is (VG-SCN-021). */
	if (resource == NULL || resource->blob_size != 0)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	const struct vgpu_layout layout = {.format = resource->format, .stride = resource->stride};
	struct vgpu_scanout scanout = {.resource_id = resource->id,
				       .rect = vgpu_rect_of(&request->r)};
	if (scanout.rect.width == 0 || scanout.rect.height == 0 ||
	    !vgpu_rect_within(&scanout.rect, resource->width, resource->height))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	vgpu_scanout_set(device, scanout_id, &scanout, &layout);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

/* Each scanout gets its part of the flush, moved to its origin (VG-FLS-004). */
static void flush_scanout(struct vgpu_device *device, uint32_t scanout_id,
			  const struct vgpu_rect *rect)
{
	const struct vgpu_rect *shown = &device->scanouts[scanout_id].rect;
	struct vgpu_rect damage;

	if (!vgpu_rect_intersect(rect, shown, &damage))
		return;
	damage.x -= shown->x;
	damage.y -= shown->y;
	device->frames[device->num_frames++] = (struct vgpu_frame_event){.scanout_id = scanout_id,
									 .damage = damage,
									 .width = shown->width,
									 .height = shown->height};
	if (device->display != NULL && device->display->flush != NULL)
		device->display->flush(device->display_opaque, scanout_id, &damage);
}

static uint32_t resource_flush(struct vgpu_device *device)
{
	const struct virtio_gpu_resource_flush *request = (const void *)device->request;
	const struct vgpu_resource *resource = find(device, request->resource_id);
	struct vgpu_rect rect = vgpu_rect_of(&request->r);

	if (resource == NULL)
		return VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	/* A blob has no size in pixels: what is flushed beside its scanouts is nothing. */
	if (resource->blob_size == 0 && !vgpu_rect_within(&rect, resource->width, resource->height))
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	if (resource->blob_size != 0 && vgpu_blob_read(device, resource, &rect) != 0)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	for (uint32_t i = 0; i < device->num_scanouts; i++)
		if (device->scanouts[i].resource_id == resource->id)
			flush_scanout(device, i, &rect);
	return VIRTIO_GPU_RESP_OK_NODATA;
}

/* A command without a function is known by name only and answered ERR_UNSPEC. */
static const struct vgpu_command commands[] = {
	{.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO,
	 .name = "GET_DISPLAY_INFO",
	 .request_size = sizeof(struct virtio_gpu_ctrl_hdr),
	 .response_size = sizeof(struct virtio_gpu_resp_display_info),
	 .asks_display = true,
	 .execute = get_display_info},
	{.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
	 .name = "RESOURCE_CREATE_2D",
	 .request_size = sizeof(struct virtio_gpu_resource_create_2d),
	 .execute = resource_create_2d},
	{.type = VIRTIO_GPU_CMD_RESOURCE_UNREF,
	 .name = "RESOURCE_UNREF",
	 .request_size = sizeof(struct virtio_gpu_resource_unref),
	 .execute = resource_unref},
	{.type = VIRTIO_GPU_CMD_SET_SCANOUT,
	 .name = "SET_SCANOUT",
	 .request_size = sizeof(struct virtio_gpu_set_scanout),
	 .execute = set_scanout},
	{.type = VIRTIO_GPU_CMD_RESOURCE_FLUSH,
	 .name = "RESOURCE_FLUSH",
	 .request_size = sizeof(struct virtio_gpu_resource_flush),
	 .execute = resource_flush},
	{.type = VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D,
	 .name = "TRANSFER_TO_HOST_2D",
	 .request_size = sizeof(struct virtio_gpu_transfer_to_host_2d),
	 .execute = transfer_to_host_2d},
	{.type = VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
	 .name = "RESOURCE_ATTACH_BACKING",
	 .request_size = sizeof(struct virtio_gpu_resource_attach_backing),
	 .execute = resource_attach_backing},
	{.type = VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING,
	 .name = "RESOURCE_DETACH_BACKING",
	 .request_size = sizeof(struct virtio_gpu_resource_detach_backing),
	 .execute = resource_detach_backing},
	{.type = VIRTIO_GPU_CMD_GET_EDID,
	 .name = "GET_EDID",
	 .request_size = sizeof(struct virtio_gpu_cmd_get_edid),
	 .response_size = sizeof(struct virtio_gpu_resp_edid),
	 .feature = BIT(VIRTIO_GPU_F_EDID),
	 .asks_display = true,
	 .execute = get_edid},
	{.type = VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID,
	 .name = "RESOURCE_ASSIGN_UUID",
	 .request_size = sizeof(struct virtio_gpu_resource_assign_uuid),
	 .response_size = sizeof(struct virtio_gpu_resp_resource_uuid),
	 .feature = BIT(VIRTIO_GPU_F_RESOURCE_UUID),
	 .execute = vgpu_execute_assign_uuid},
	{.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB,
	 .name = "RESOURCE_CREATE_BLOB",
	 .request_size = sizeof(struct virtio_gpu_resource_create_blob),
	 .feature = BIT(VIRTIO_GPU_F_RESOURCE_BLOB),
	 .execute = vgpu_execute_create_blob},
	{.type = VIRTIO_GPU_CMD_SET_SCANOUT_BLOB,
	 .name = "SET_SCANOUT_BLOB",
	 .request_size = sizeof(struct virtio_gpu_set_scanout_blob),
	 .feature = BIT(VIRTIO_GPU_F_RESOURCE_BLOB),
	 .execute = vgpu_execute_set_scanout_blob},
	{.type = VIRTIO_GPU_CMD_UPDATE_CURSOR,
	 .name = "UPDATE_CURSOR",
	 .queue = VGPU_QUEUE_CURSOR,
	 .request_size = sizeof(struct virtio_gpu_update_cursor),
	 .execute = vgpu_execute_update_cursor},
	{.type = VIRTIO_GPU_CMD_MOVE_CURSOR,
	 .name = "MOVE_CURSOR",
	 .queue = VGPU_QUEUE_CURSOR,
	 .request_size = sizeof(struct virtio_gpu_update_cursor),
	 .execute = vgpu_execute_move_cursor},
	{.type = VIRTIO_GPU_CMD_GET_CAPSET_INFO, .name = "GET_CAPSET_INFO"},
	{.type = VIRTIO_GPU_CMD_GET_CAPSET, .name = "GET_CAPSET"},
	{.type = VIRTIO_GPU_CMD_CTX_CREATE, .name = "CTX_CREATE"},
	{.type = VIRTIO_GPU_CMD_CTX_DESTROY, .name = "CTX_DESTROY"},
	{.type = VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, .name = "CTX_ATTACH_RESOURCE"},
	{.type = VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE, .name = "CTX_DETACH_RESOURCE"},
	{.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_3D, .name = "RESOURCE_CREATE_3D"},
	{.type = VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D, .name = "TRANSFER_TO_HOST_3D"},
	{.type = VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D, .name = "TRANSFER_FROM_HOST_3D"},
	{.type = VIRTIO_GPU_CMD_SUBMIT_3D, .name = "SUBMIT_3D"},
	{.type = VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB, .name = "RESOURCE_MAP_BLOB"},
	{.type = VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB, .name = "RESOURCE_UNMAP_BLOB"},
};

static const struct {
	uint32_t type;
	const char *name;
} responses[] = {
	{VIRTIO_GPU_RESP_OK_NODATA, "RESP_OK_NODATA"},
	{VIRTIO_GPU_RESP_OK_DISPLAY_INFO, "RESP_OK_DISPLAY_INFO"},
	{VIRTIO_GPU_RESP_OK_CAPSET_INFO, "RESP_OK_CAPSET_INFO"},
	{VIRTIO_GPU_RESP_OK_CAPSET, "RESP_OK_CAPSET"},
	{VIRTIO_GPU_RESP_OK_EDID, "RESP_OK_EDID"},
	{VIRTIO_GPU_RESP_OK_RESOURCE_UUID, "RESP_OK_RESOURCE_UUID"},
	{VIRTIO_GPU_RESP_OK_MAP_INFO, "RESP_OK_MAP_INFO"},
	{VIRTIO_GPU_RESP_ERR_UNSPEC, "RESP_ERR_UNSPEC"},
	{VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY, "RESP_ERR_OUT_OF_MEMORY"},
	{VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID, "RESP_ERR_INVALID_SCANOUT_ID"},
	{VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID, "RESP_ERR_INVALID_RESOURCE_ID"},
	{VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID, "RESP_ERR_INVALID_CONTEXT_ID"},
	{VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER, "RESP_ERR_INVALID_PARAMETER"},
};

const struct vgpu_command *vgpu_command_find(uint32_t type)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].type == type)
			return &commands[i];
	return NULL;
}

const char *vgpu_type_name(uint32_t type)
{
	const struct vgpu_command *command = vgpu_command_find(type);

	if (command != NULL)
		return command->name;
	for (size_t i = 0; i < sizeof(responses) / sizeof(responses[0]); i++)
		if (responses[i].type == type)
			return responses[i].name;
	return NULL;
}

size_t vgpu_command_list_size(const struct vgpu_command *command, const void *request)
{
	const struct virtio_gpu_resource_attach_backing *attach = request;
	const struct virtio_gpu_resource_create_blob *create = request;
	uint32_t num = 0;

	if (command->type == VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING)
		num = le32toh(attach->nr_entries);
	if (command->type == VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB)
		num = le32toh(create->nr_entries);
	/* More is refused, so it need not be read. */
	return num <= VGPU_BACKING_ENTRIES_MAX ? num * sizeof(struct virtio_gpu_mem_entry) : 0;
}

_Static_assert(sizeof(struct virtio_gpu_ctrl_hdr) == 24, "wire size");
_Static_assert(sizeof(struct virtio_gpu_resp_display_info) == 408, "wire size");
_Static_assert(sizeof(struct virtio_gpu_resp_edid) == 1056, "wire size");
_Static_assert(sizeof(struct virtio_gpu_resource_create_2d) == 40, "wire size");
_Static_assert(sizeof(struct virtio_gpu_resource_unref) == 32, "wire size");
_Static_assert(sizeof(struct virtio_gpu_set_scanout) == 48, "wire size");
_Static_assert(sizeof(struct virtio_gpu_resource_flush) == 48, "wire size");
_Static_assert(sizeof(struct virtio_gpu_transfer_to_host_2d) == 56, "wire size");
_Static_assert(sizeof(struct virtio_gpu_resource_attach_backing) == 32, "wire size");
_Static_assert(sizeof(struct virtio_gpu_mem_entry) == 16, "wire size");
_Static_assert(sizeof(struct virtio_gpu_update_cursor) == 56, "wire size");
_Static_assert(sizeof(struct virtio_gpu_resource_assign_uuid) == 32, "wire size");
_Static_assert(sizeof(struct virtio_gpu_resp_resource_uuid) == 40, "wire size");
_Static_assert(sizeof(struct virtio_gpu_resource_create_blob) == 56, "wire size");
_Static_assert(sizeof(struct virtio_gpu_set_scanout_blob) == 96, "wire size");
