/* SPDX-License-Identifier: MIT */
#include "lint/command.h"

#include "decode.h"
#include "gpu/resource.h"

#include <linux/virtio_gpu.h>

#define NONE		 LINT_NO_FEATURE
#define HEADER		 sizeof(struct virtio_gpu_ctrl_hdr)
#define AT(type, member) offsetof(struct virtio_gpu_##type, member)
#define SIZE(type)	 sizeof(struct virtio_gpu_##type)

/* Formats and sizes are those of linux/virtio_gpu.h, as in the device. */
static const struct lint_command commands[] = {
	{VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 0, NONE, HEADER, SIZE(resp_display_info), 0, false, {0}},
	{VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
	 0,
	 NONE,
	 SIZE(resource_create_2d),
	 HEADER,
	 0,
	 false,
	 {0}},
	{VIRTIO_GPU_CMD_RESOURCE_UNREF,
	 0,
	 NONE,
	 SIZE(resource_unref),
	 HEADER,
	 0,
	 false,
	 {AT(resource_unref, padding)}},
	{VIRTIO_GPU_CMD_SET_SCANOUT, 0, NONE, SIZE(set_scanout), HEADER, 0, false, {0}},
	{VIRTIO_GPU_CMD_RESOURCE_FLUSH,
	 0,
	 NONE,
	 SIZE(resource_flush),
	 HEADER,
	 0,
	 false,
	 {AT(resource_flush, padding)}},
	{VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D,
	 0,
	 NONE,
	 SIZE(transfer_to_host_2d),
	 HEADER,
	 0,
	 false,
	 {AT(transfer_to_host_2d, padding)}},
	{VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
	 0,
	 NONE,
	 SIZE(resource_attach_backing),
	 HEADER,
	 AT(resource_attach_backing, nr_entries),
	 false,
	 {0}},
	{VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING,
	 0,
	 NONE,
	 SIZE(resource_detach_backing),
	 HEADER,
	 0,
	 false,
	 {AT(resource_detach_backing, padding)}},
	{VIRTIO_GPU_CMD_GET_CAPSET_INFO,
	 0,
	 VIRTIO_GPU_F_VIRGL,
	 SIZE(get_capset_info),
	 SIZE(resp_capset_info),
	 0,
	 false,
	 {AT(get_capset_info, padding)}},
	{VIRTIO_GPU_CMD_GET_CAPSET, 0, VIRTIO_GPU_F_VIRGL, SIZE(get_capset), 0, 0, false, {0}},
	{VIRTIO_GPU_CMD_GET_EDID,
	 0,
	 VIRTIO_GPU_F_EDID,
	 SIZE(cmd_get_edid),
	 SIZE(resp_edid),
	 0,
	 false,
	 {AT(cmd_get_edid, padding)}},
	{VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID,
	 0,
	 VIRTIO_GPU_F_RESOURCE_UUID,
	 SIZE(resource_assign_uuid),
	 SIZE(resp_resource_uuid),
	 0,
	 false,
	 {AT(resource_assign_uuid, padding)}},
	{VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB,
	 0,
	 VIRTIO_GPU_F_RESOURCE_BLOB,
	 SIZE(resource_create_blob),
	 HEADER,
	 AT(resource_create_blob, nr_entries),
	 false,
	 {0}},
	{VIRTIO_GPU_CMD_SET_SCANOUT_BLOB,
	 0,
	 VIRTIO_GPU_F_RESOURCE_BLOB,
	 SIZE(set_scanout_blob),
	 HEADER,
	 0,
	 false,
	 {AT(set_scanout_blob, padding)}},
	{VIRTIO_GPU_CMD_CTX_CREATE, 0, VIRTIO_GPU_F_VIRGL, SIZE(ctx_create), HEADER, 0, false, {0}},
	{VIRTIO_GPU_CMD_CTX_DESTROY,
	 0,
	 VIRTIO_GPU_F_VIRGL,
	 SIZE(ctx_destroy),
	 HEADER,
	 0,
	 false,
	 {0}},
	{VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE,
	 0,
	 VIRTIO_GPU_F_VIRGL,
	 SIZE(ctx_resource),
	 HEADER,
	 0,
	 false,
	 {AT(ctx_resource, padding)}},
	{VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE,
	 0,
	 VIRTIO_GPU_F_VIRGL,
	 SIZE(ctx_resource),
	 HEADER,
	 0,
	 false,
	 {AT(ctx_resource, padding)}},
	{VIRTIO_GPU_CMD_RESOURCE_CREATE_3D,
	 0,
	 VIRTIO_GPU_F_VIRGL,
	 SIZE(resource_create_3d),
	 HEADER,
	 0,
	 false,
	 {AT(resource_create_3d, padding)}},
	{VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D,
	 0,
	 VIRTIO_GPU_F_VIRGL,
	 SIZE(transfer_host_3d),
	 HEADER,
	 0,
	 false,
	 {0}},
	{VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D,
	 0,
	 VIRTIO_GPU_F_VIRGL,
	 SIZE(transfer_host_3d),
	 HEADER,
	 0,
	 false,
	 {0}},
	/* The end of the structure has a meaning with CONTEXT_INIT, so it is no padding. */
	{VIRTIO_GPU_CMD_SUBMIT_3D, 0, VIRTIO_GPU_F_VIRGL, SIZE(cmd_submit), HEADER, 0, true, {0}},
	{VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB,
	 0,
	 VIRTIO_GPU_F_RESOURCE_BLOB,
	 SIZE(resource_map_blob),
	 SIZE(resp_map_info),
	 0,
	 false,
	 {AT(resource_map_blob, padding)}},
	{VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB,
	 0,
	 VIRTIO_GPU_F_RESOURCE_BLOB,
	 SIZE(resource_unmap_blob),
	 HEADER,
	 0,
	 false,
	 {AT(resource_unmap_blob, padding)}},
	{VIRTIO_GPU_CMD_UPDATE_CURSOR,
	 1,
	 NONE,
	 SIZE(update_cursor),
	 HEADER,
	 0,
	 false,
	 {AT(update_cursor, pos.padding), AT(update_cursor, padding)}},
	{VIRTIO_GPU_CMD_MOVE_CURSOR,
	 1,
	 NONE,
	 SIZE(update_cursor),
	 HEADER,
	 0,
	 false,
	 {AT(update_cursor, pos.padding), AT(update_cursor, padding)}},
};

static const struct lint_command *find(uint32_t type)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].type == type)
			return &commands[i];
	return NULL;
}

static uint32_t u32_at(const struct lint_request *request, size_t offset)
{
	return vgpu_message_u32(request->raw->request, request->raw->request_len, offset);
}

static struct vgpu_rect rect_at(const struct lint_request *request, size_t offset)
{
	return (struct vgpu_rect){
		.x = u32_at(request, offset),
		.y = u32_at(request, offset + 4),
		.width = u32_at(request, offset + 8),
		.height = u32_at(request, offset + 12),
	};
}

static void decode_scanout(struct lint_request *request, bool blob)
{
	request->rect = rect_at(request, AT(set_scanout, r));
	request->scanout = u32_at(request, AT(set_scanout, scanout_id));
	request->id = u32_at(request, AT(set_scanout, resource_id));
	if (!blob)
		return;
	request->width = u32_at(request, AT(set_scanout_blob, width));
	request->height = u32_at(request, AT(set_scanout_blob, height));
	request->format = u32_at(request, AT(set_scanout_blob, format));
}

static void decode_create(struct lint_request *request, size_t format, size_t width, size_t height)
{
	request->id = u32_at(request, HEADER);
	request->format = u32_at(request, format);
	request->width = u32_at(request, width);
	request->height = u32_at(request, height);
}

static void decode_fields(struct lint_request *request)
{
	switch (request->type) {
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_2D:
		decode_create(request, AT(resource_create_2d, format),
			      AT(resource_create_2d, width), AT(resource_create_2d, height));
		break;
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_3D:
		decode_create(request, AT(resource_create_3d, format),
			      AT(resource_create_3d, width), AT(resource_create_3d, height));
		break;
	case VIRTIO_GPU_CMD_SET_SCANOUT:
	case VIRTIO_GPU_CMD_SET_SCANOUT_BLOB:
		decode_scanout(request, request->type == VIRTIO_GPU_CMD_SET_SCANOUT_BLOB);
		break;
	case VIRTIO_GPU_CMD_RESOURCE_FLUSH:
		request->rect = rect_at(request, AT(resource_flush, r));
		request->id = u32_at(request, AT(resource_flush, resource_id));
		break;
	case VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D:
		request->rect = rect_at(request, AT(transfer_to_host_2d, r));
		request->id = u32_at(request, AT(transfer_to_host_2d, resource_id));
		request->offset = vgpu_message_u64(request->raw->request, request->raw->request_len,
						   AT(transfer_to_host_2d, offset));
		break;
	case VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D:
	case VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D:
		request->id = u32_at(request, AT(transfer_host_3d, resource_id));
		break;
	case VIRTIO_GPU_CMD_GET_EDID:
		request->scanout = u32_at(request, AT(cmd_get_edid, scanout));
		break;
	case VIRTIO_GPU_CMD_UPDATE_CURSOR:
		request->id = u32_at(request, AT(update_cursor, resource_id));
		/* fall through */
	case VIRTIO_GPU_CMD_MOVE_CURSOR:
		request->scanout = u32_at(request, AT(update_cursor, pos.scanout_id));
		break;
	case VIRTIO_GPU_CMD_RESOURCE_UNREF:
	case VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING:
	case VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING:
	case VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID:
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB:
	case VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB:
	case VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB:
	case VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE:
	case VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE:
		request->id = u32_at(request, HEADER);
		break;
	default:
		break;
	}
}

static void decode_entries(struct lint_request *request)
{
	const struct lint_command *command = request->command;
	uint64_t bytes;

	if (command->count_at == 0)
		return;
	request->num_entries = u32_at(request, command->count_at);
	bytes = (uint64_t)request->num_entries * sizeof(struct virtio_gpu_mem_entry);
	if (request->raw->request_len >= command->size + bytes)
		request->entries = request->raw->request + command->size;
}

static void measure(struct lint_request *request)
{
	for (unsigned int i = 0; i < request->raw->num_descs; i++) {
		const struct vgpu_chain_desc *desc = &request->raw->descs[i];

		if (desc->device_writable)
			request->writable += desc->len;
		else
			request->readable += desc->len;
	}
}

void lint_request_decode(const struct vgpu_trace_request *raw, struct lint_request *request)
{
	uint32_t answer = vgpu_message_u32(raw->response, raw->used_len, 0);

	*request = (struct lint_request){.raw = raw};
	measure(request);
	request->refused = answer >= VIRTIO_GPU_RESP_ERR_UNSPEC;
	request->answered_ok = answer >= VIRTIO_GPU_RESP_OK_NODATA && !request->refused;
	if (raw->request_len < HEADER)
		return;
	request->type = u32_at(request, 0);
	request->command = find(request->type);
	if (request->command == NULL)
		return;
	request->whole = raw->request_len >= request->command->size;
	if (!request->whole)
		return;
	decode_fields(request);
	decode_entries(request);
}

uint64_t lint_entry_gpa(const struct lint_request *request, uint32_t index)
{
	return vgpu_message_u64(request->entries, UINT64_MAX,
				(uint64_t)index * sizeof(struct virtio_gpu_mem_entry) +
					AT(mem_entry, addr));
}

uint32_t lint_entry_len(const struct lint_request *request, uint32_t index)
{
	return vgpu_message_u32(request->entries, UINT64_MAX,
				(uint64_t)index * sizeof(struct virtio_gpu_mem_entry) +
					AT(mem_entry, length));
}

bool lint_names_resource(const struct lint_request *request)
{
	switch (request->type) {
	case VIRTIO_GPU_CMD_RESOURCE_FLUSH:
	case VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D:
	case VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D:
	case VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D:
	case VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING:
	case VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING:
	case VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID:
	case VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB:
	case VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB:
	case VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE:
	case VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE:
		return true;
	case VIRTIO_GPU_CMD_SET_SCANOUT:
	case VIRTIO_GPU_CMD_SET_SCANOUT_BLOB:
	case VIRTIO_GPU_CMD_UPDATE_CURSOR:
		return request->id != 0;
	default:
		return false;
	}
}

uint64_t lint_common(const struct vgpu_rect *a, const struct vgpu_rect *b)
{
	struct vgpu_rect common;

	return vgpu_rect_intersect(a, b, &common) ? (uint64_t)common.width * common.height : 0;
}
