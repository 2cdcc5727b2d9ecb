/* SPDX-License-Identifier: MIT */
#include "conformance/vocabulary/command.h"

#include <endian.h>
#include <string.h>

struct virtio_gpu_ctrl_hdr header(uint32_t type)
{
	return (struct virtio_gpu_ctrl_hdr){.type = htole32(type)};
}

struct virtio_gpu_ctrl_hdr fenced(uint32_t type, uint64_t fence_id)
{
	return (struct virtio_gpu_ctrl_hdr){
		.type = htole32(type),
		.flags = htole32(VIRTIO_GPU_FLAG_FENCE),
		.fence_id = htole64(fence_id),
	};
}

struct virtio_gpu_rect rect(uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
	return (struct virtio_gpu_rect){x, y, width, height};
}

static struct virtio_gpu_rect le_rect(struct virtio_gpu_rect r)
{
	return rect(htole32(r.x), htole32(r.y), htole32(r.width), htole32(r.height));
}

/* Answers that are longer than a header, each the length of its structure. */
static uint32_t room_of(uint32_t type)
{
	switch (type) {
	case VIRTIO_GPU_CMD_GET_DISPLAY_INFO:
		return sizeof(struct virtio_gpu_resp_display_info);
	case VIRTIO_GPU_CMD_GET_EDID:
		return sizeof(struct virtio_gpu_resp_edid);
	case VIRTIO_GPU_CMD_GET_CAPSET_INFO:
		return sizeof(struct virtio_gpu_resp_capset_info);
	case VIRTIO_GPU_CMD_GET_CAPSET:
		return REPLY_ROOM_MAX;
	case VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID:
		return sizeof(struct virtio_gpu_resp_resource_uuid);
	case VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB:
		return sizeof(struct virtio_gpu_resp_map_info);
	default:
		return sizeof(struct virtio_gpu_ctrl_hdr);
	}
}

struct reply submit_struct(struct rig *t, const void *request, uint32_t len)
{
	uint32_t type;

	memcpy(&type, request, sizeof(type));
	type = le32toh(type);
	bool cursor = type == VIRTIO_GPU_CMD_UPDATE_CURSOR || type == VIRTIO_GPU_CMD_MOVE_CURSOR;
	return submit(t, cursor ? CURSOR : CONTROL, request, len, room_of(type));
}

struct reply command(struct rig *t, uint32_t type)
{
	struct virtio_gpu_ctrl_hdr request = header(type);

	return submit_struct(t, &request, sizeof(request));
}

struct reply get_display_info(struct rig *t)
{
	return command(t, VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
}

struct reply get_display_info_shaped(struct rig *t, const char *shape)
{
	struct virtio_gpu_ctrl_hdr request = header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);

	return submit_shaped(t, CONTROL, &request, sizeof(request), DISPLAY_INFO_SIZE, shape);
}

uint64_t guest_display_info(struct rig *t)
{
	uint64_t gpa = guest_alloc(t, 4096);
	struct virtio_gpu_ctrl_hdr request = header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);

	memcpy(guest_at(t, gpa), &request, sizeof(request));
	return gpa;
}

void expect_info(struct rig *t, struct reply reply)
{
	expect_type(t, reply, VIRTIO_GPU_RESP_OK_DISPLAY_INFO, DISPLAY_INFO_SIZE);
}

void expect_serving(struct rig *t)
{
	expect_info(t, get_display_info(t));
}

struct reply get_edid(struct rig *t, uint32_t scanout)
{
	struct virtio_gpu_cmd_get_edid request = {
		.hdr = header(VIRTIO_GPU_CMD_GET_EDID),
		.scanout = htole32(scanout),
	};

	return submit_struct(t, &request, sizeof(request));
}

struct reply create_2d(struct rig *t, uint32_t id, uint32_t width, uint32_t height, uint32_t format)
{
	struct virtio_gpu_resource_create_2d request = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D),
		.resource_id = htole32(id),
		.format = htole32(format),
		.width = htole32(width),
		.height = htole32(height),
	};

	return submit_struct(t, &request, sizeof(request));
}

struct virtio_gpu_resource_create_blob blob_request(uint32_t id, uint64_t size)
{
	return (struct virtio_gpu_resource_create_blob){
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB),
		.resource_id = htole32(id),
		.blob_mem = htole32(VIRTIO_GPU_BLOB_MEM_GUEST),
		.size = htole64(size),
	};
}

/* A request whose fixed part knows how many entries follow it. */
static struct reply submit_with_entries(struct rig *t, const void *fixed, size_t fixed_size,
					const struct virtio_gpu_mem_entry *entries,
					uint32_t num_entries)
{
	size_t len = fixed_size + num_entries * sizeof(*entries);
	uint8_t *request = keep(t, len);

	memcpy(request, fixed, fixed_size);
	if (num_entries > 0)
		memcpy(request + fixed_size, entries, num_entries * sizeof(*entries));
	return submit_struct(t, request, (uint32_t)len);
}

struct reply create_blob_of(struct rig *t, struct virtio_gpu_resource_create_blob request,
			    const struct virtio_gpu_mem_entry *entries, uint32_t num_entries)
{
	request.nr_entries = htole32(num_entries);
	return submit_with_entries(t, &request, sizeof(request), entries, num_entries);
}

struct reply create_blob(struct rig *t, uint32_t id, uint64_t gpa, uint32_t size,
			 uint32_t blob_flags)
{
	struct virtio_gpu_resource_create_blob request = blob_request(id, size);
	struct virtio_gpu_mem_entry one = entry(gpa, size);

	request.blob_flags = htole32(blob_flags);
	return create_blob_of(t, request, &one, 1);
}

struct reply assign_uuid(struct rig *t, uint32_t id)
{
	struct virtio_gpu_resource_assign_uuid request = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID),
		.resource_id = htole32(id),
	};

	return submit_struct(t, &request, sizeof(request));
}

struct reply unref(struct rig *t, uint32_t id)
{
	struct virtio_gpu_resource_unref request = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_UNREF),
		.resource_id = htole32(id),
	};

	return submit_struct(t, &request, sizeof(request));
}

struct reply set_scanout(struct rig *t, struct virtio_gpu_rect r, uint32_t scanout, uint32_t id)
{
	struct virtio_gpu_set_scanout request = {
		.hdr = header(VIRTIO_GPU_CMD_SET_SCANOUT),
		.r = le_rect(r),
		.scanout_id = htole32(scanout),
		.resource_id = htole32(id),
	};

	return submit_struct(t, &request, sizeof(request));
}

struct reply flush(struct rig *t, struct virtio_gpu_rect r, uint32_t id)
{
	struct virtio_gpu_resource_flush request = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_FLUSH),
		.r = le_rect(r),
		.resource_id = htole32(id),
	};

	return submit_struct(t, &request, sizeof(request));
}

struct reply transfer(struct rig *t, struct virtio_gpu_rect r, uint64_t offset, uint32_t id)
{
	struct virtio_gpu_transfer_to_host_2d request = {
		.hdr = header(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D),
		.r = le_rect(r),
		.offset = htole64(offset),
		.resource_id = htole32(id),
	};

	return submit_struct(t, &request, sizeof(request));
}

struct virtio_gpu_mem_entry entry(uint64_t gpa, uint32_t len)
{
	return (struct virtio_gpu_mem_entry){.addr = htole64(gpa), .length = htole32(len)};
}

struct reply attach(struct rig *t, uint32_t id, const struct virtio_gpu_mem_entry *entries,
		    uint32_t num_entries)
{
	struct virtio_gpu_resource_attach_backing head = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING),
		.resource_id = htole32(id),
		.nr_entries = htole32(num_entries),
	};

	return submit_with_entries(t, &head, sizeof(head), entries, num_entries);
}

struct reply attach_one(struct rig *t, uint32_t id, uint64_t gpa, uint32_t len)
{
	struct virtio_gpu_mem_entry one = entry(gpa, len);

	return attach(t, id, &one, 1);
}

struct reply detach(struct rig *t, uint32_t id)
{
	struct virtio_gpu_resource_detach_backing request = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING),
		.resource_id = htole32(id),
	};

	return submit_struct(t, &request, sizeof(request));
}

static struct reply cursor_command(struct rig *t, uint32_t type, struct virtio_gpu_cursor_pos pos,
				   uint32_t id, uint32_t hot_x, uint32_t hot_y)
{
	struct virtio_gpu_update_cursor request = {
		.hdr = header(type),
		.pos = pos,
		.resource_id = htole32(id),
		.hot_x = htole32(hot_x),
		.hot_y = htole32(hot_y),
	};

	return submit_struct(t, &request, sizeof(request));
}

static struct virtio_gpu_cursor_pos cursor_pos(uint32_t scanout, uint32_t x, uint32_t y)
{
	return (struct virtio_gpu_cursor_pos){
		.scanout_id = htole32(scanout), .x = htole32(x), .y = htole32(y)};
}

struct reply update_cursor(struct rig *t, uint32_t scanout, uint32_t x, uint32_t y, uint32_t id,
			   uint32_t hot_x, uint32_t hot_y)
{
	return cursor_command(t, VIRTIO_GPU_CMD_UPDATE_CURSOR, cursor_pos(scanout, x, y), id, hot_x,
			      hot_y);
}

struct reply move_cursor(struct rig *t, uint32_t scanout, uint32_t x, uint32_t y, uint32_t id,
			 uint32_t hot_x, uint32_t hot_y)
{
	return cursor_command(t, VIRTIO_GPU_CMD_MOVE_CURSOR, cursor_pos(scanout, x, y), id, hot_x,
			      hot_y);
}

struct virtio_gpu_display_one display(struct rig *t, uint32_t scanout)
{
	struct reply reply = get_display_info(t);
	struct virtio_gpu_resp_display_info info;

	require(t,
		reply.answered && reply.type == VIRTIO_GPU_RESP_OK_DISPLAY_INFO &&
			reply.used_len == sizeof(info),
		"GET_DISPLAY_INFO: answer 0x%x of %u bytes", reply.type, reply.used_len);
	memcpy(&info, reply.bytes, sizeof(info));
	struct virtio_gpu_display_one one = info.pmodes[scanout];
	one.r = rect(le32toh(one.r.x), le32toh(one.r.y), le32toh(one.r.width),
		     le32toh(one.r.height));
	one.enabled = le32toh(one.enabled);
	one.flags = le32toh(one.flags);
	return one;
}

/* ---- resources with their backing ------------------------------------------------------ */

uint32_t new_id(struct rig *t)
{
	return ++t->next_resource;
}

static void must(struct rig *t, struct reply reply)
{
	require(t, is_ok(&reply), "%s: %s 0x%x, and the vector cannot go on without", reply.name,
		reply.answered ? "answer" : "no answer", reply.type);
}

struct resource bare_2d(struct rig *t, uint32_t width, uint32_t height, uint32_t format)
{
	struct resource r = {
		.id = new_id(t),
		.width = width,
		.height = height,
		.format = format,
		.stride = width * 4,
	};

	must(t, create_2d(t, r.id, width, height, format));
	return r;
}

struct resource resource_2d(struct rig *t, uint32_t width, uint32_t height, uint32_t format)
{
	struct resource r = bare_2d(t, width, height, format);

	r.size = r.stride * height;
	r.gpa = guest_alloc(t, r.size);
	must(t, attach_one(t, r.id, r.gpa, r.size));
	return r;
}

struct resource resource_blob(struct rig *t, uint32_t width, uint32_t height, uint32_t format)
{
	struct resource r = {
		.id = new_id(t),
		.width = width,
		.height = height,
		.format = format,
		.stride = width * 4,
		.size = width * 4 * height,
	};

	r.gpa = guest_alloc(t, r.size);
	must(t, create_blob(t, r.id, r.gpa, r.size, VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE));
	return r;
}

struct virtio_gpu_set_scanout_blob scanout_request(const struct resource *blob, uint32_t scanout)
{
	return (struct virtio_gpu_set_scanout_blob){
		.hdr = header(VIRTIO_GPU_CMD_SET_SCANOUT_BLOB),
		.r = le_rect(whole(blob)),
		.scanout_id = htole32(scanout),
		.resource_id = htole32(blob->id),
		.width = htole32(blob->width),
		.height = htole32(blob->height),
		.format = htole32(blob->format),
		.strides = {htole32(blob->stride)},
	};
}

struct virtio_gpu_rect whole(const struct resource *r)
{
	return rect(0, 0, r->width, r->height);
}

void store(struct rig *t, const struct resource *r, const struct picture *p)
{
	store_picture(t, r->gpa, r->stride, r->format, p);
}

void upload(struct rig *t, const struct resource *r, const struct picture *p)
{
	store(t, r, p);
	must(t, transfer(t, whole(r), 0, r->id));
}

void show(struct rig *t, const struct resource *r, uint32_t scanout)
{
	must(t, set_scanout(t, whole(r), scanout, r->id));
	must(t, flush(t, whole(r), r->id));
}

void show_blob(struct rig *t, const struct resource *blob, uint32_t scanout)
{
	const struct virtio_gpu_set_scanout_blob request = scanout_request(blob, scanout);

	must(t, submit_struct(t, &request, sizeof(request)));
	must(t, flush(t, whole(blob), blob->id));
}

const struct picture *show_pattern(struct rig *t, const struct resource *r, uint32_t scanout)
{
	const struct picture *p = pattern(t, r->width, r->height, r->id);

	upload(t, r, p);
	show(t, r, scanout);
	expect_screen(t, scanout, p);
	return p;
}
