/* SPDX-License-Identifier: MIT */
#include "decode.h"

#include <endian.h>
#include <inttypes.h>
#include <linux/virtio_config.h>
#include <linux/virtio_gpu.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum kind { U32, U64, RECT, FORMAT, MEMORY, ATTACH_ENTRIES, BLOB_ENTRIES, END };

struct field {
	const char *name;
	enum kind kind;
	size_t offset;
};

#define AT(type, member) offsetof(struct virtio_gpu_##type, member)
#define FIELDS_MAX	 9

/* In the order in which people want to read them, not that of the wire. */
static const struct command {
	uint32_t type;
	struct field fields[FIELDS_MAX];
} commands[] = {
	{VIRTIO_GPU_CMD_GET_DISPLAY_INFO, {{NULL, END, 0}}},
	{VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
	 {{"resource", U32, AT(resource_create_2d, resource_id)},
	  {"format", FORMAT, AT(resource_create_2d, format)},
	  {"width", U32, AT(resource_create_2d, width)},
	  {"height", U32, AT(resource_create_2d, height)},
	  {NULL, END, 0}}},
	{VIRTIO_GPU_CMD_RESOURCE_UNREF,
	 {{"resource", U32, AT(resource_unref, resource_id)}, {NULL, END, 0}}},
	{VIRTIO_GPU_CMD_SET_SCANOUT,
	 {{"scanout", U32, AT(set_scanout, scanout_id)},
	  {"resource", U32, AT(set_scanout, resource_id)},
	  {"rect", RECT, AT(set_scanout, r)},
	  {NULL, END, 0}}},
	{VIRTIO_GPU_CMD_RESOURCE_FLUSH,
	 {{"resource", U32, AT(resource_flush, resource_id)},
	  {"rect", RECT, AT(resource_flush, r)},
	  {NULL, END, 0}}},
	{VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D,
	 {{"resource", U32, AT(transfer_to_host_2d, resource_id)},
	  {"rect", RECT, AT(transfer_to_host_2d, r)},
	  {"offset", U64, AT(transfer_to_host_2d, offset)},
	  {NULL, END, 0}}},
	{VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
	 {{"resource", U32, AT(resource_attach_backing, resource_id)},
	  {"entries", ATTACH_ENTRIES, AT(resource_attach_backing, nr_entries)},
	  {NULL, END, 0}}},
	{VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING,
	 {{"resource", U32, AT(resource_detach_backing, resource_id)}, {NULL, END, 0}}},
	{VIRTIO_GPU_CMD_GET_CAPSET_INFO,
	 {{"index", U32, AT(get_capset_info, capset_index)}, {NULL, END, 0}}},
	{VIRTIO_GPU_CMD_GET_CAPSET,
	 {{"capset", U32, AT(get_capset, capset_id)},
	  {"version", U32, AT(get_capset, capset_version)},
	  {NULL, END, 0}}},
	{VIRTIO_GPU_CMD_GET_EDID, {{"scanout", U32, AT(cmd_get_edid, scanout)}, {NULL, END, 0}}},
	{VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID,
	 {{"resource", U32, AT(resource_assign_uuid, resource_id)}, {NULL, END, 0}}},
	{VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB,
	 {{"resource", U32, AT(resource_create_blob, resource_id)},
	  {"memory", MEMORY, AT(resource_create_blob, blob_mem)},
	  {"blob_flags", U32, AT(resource_create_blob, blob_flags)},
	  {"blob", U64, AT(resource_create_blob, blob_id)},
	  {"size", U64, AT(resource_create_blob, size)},
	  {"entries", BLOB_ENTRIES, AT(resource_create_blob, nr_entries)},
	  {NULL, END, 0}}},
	{VIRTIO_GPU_CMD_SET_SCANOUT_BLOB,
	 {{"scanout", U32, AT(set_scanout_blob, scanout_id)},
	  {"resource", U32, AT(set_scanout_blob, resource_id)},
	  {"rect", RECT, AT(set_scanout_blob, r)},
	  {"format", FORMAT, AT(set_scanout_blob, format)},
	  {"width", U32, AT(set_scanout_blob, width)},
	  {"height", U32, AT(set_scanout_blob, height)},
	  {"stride", U32, AT(set_scanout_blob, strides)},
	  {"offset", U32, AT(set_scanout_blob, offsets)},
	  {NULL, END, 0}}},
	{VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB,
	 {{"resource", U32, AT(resource_map_blob, resource_id)},
	  {"offset", U64, AT(resource_map_blob, offset)},
	  {NULL, END, 0}}},
	{VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB,
	 {{"resource", U32, AT(resource_unmap_blob, resource_id)}, {NULL, END, 0}}},
	{VIRTIO_GPU_CMD_UPDATE_CURSOR,
	 {{"scanout", U32, AT(update_cursor, pos.scanout_id)},
	  {"x", U32, AT(update_cursor, pos.x)},
	  {"y", U32, AT(update_cursor, pos.y)},
	  {"resource", U32, AT(update_cursor, resource_id)},
	  {"hot_x", U32, AT(update_cursor, hot_x)},
	  {"hot_y", U32, AT(update_cursor, hot_y)},
	  {NULL, END, 0}}},
	{VIRTIO_GPU_CMD_MOVE_CURSOR,
	 {{"scanout", U32, AT(update_cursor, pos.scanout_id)},
	  {"x", U32, AT(update_cursor, pos.x)},
	  {"y", U32, AT(update_cursor, pos.y)},
	  {NULL, END, 0}}},
};

static const struct {
	unsigned int bit;
	const char *name;
} features[] = {
	{VIRTIO_GPU_F_VIRGL, "VIRTIO_GPU_F_VIRGL"},
	{VIRTIO_GPU_F_EDID, "VIRTIO_GPU_F_EDID"},
	{VIRTIO_GPU_F_RESOURCE_UUID, "VIRTIO_GPU_F_RESOURCE_UUID"},
	{VIRTIO_GPU_F_RESOURCE_BLOB, "VIRTIO_GPU_F_RESOURCE_BLOB"},
	{VIRTIO_GPU_F_CONTEXT_INIT, "VIRTIO_GPU_F_CONTEXT_INIT"},
	{5, "VIRTIO_GPU_F_BLOB_ALIGNMENT"},
	{VIRTIO_F_NOTIFY_ON_EMPTY, "VIRTIO_F_NOTIFY_ON_EMPTY"},
	{VIRTIO_F_ANY_LAYOUT, "VIRTIO_F_ANY_LAYOUT"},
	{VIRTIO_RING_F_INDIRECT_DESC, "VIRTIO_RING_F_INDIRECT_DESC"},
	{VIRTIO_RING_F_EVENT_IDX, "VIRTIO_RING_F_EVENT_IDX"},
	{VIRTIO_F_VERSION_1, "VIRTIO_F_VERSION_1"},
	{VIRTIO_F_ACCESS_PLATFORM, "VIRTIO_F_ACCESS_PLATFORM"},
	{VIRTIO_F_RING_PACKED, "VIRTIO_F_RING_PACKED"},
	{VIRTIO_F_ORDER_PLATFORM, "VIRTIO_F_ORDER_PLATFORM"},
	{VIRTIO_F_SR_IOV, "VIRTIO_F_SR_IOV"},
	{40, "VIRTIO_F_RING_RESET"}, /* which the kernel's header may lack */
};

const char *vgpu_feature_name(unsigned int bit)
{
	for (size_t i = 0; i < sizeof(features) / sizeof(features[0]); i++)
		if (features[i].bit == bit)
			return features[i].name;
	return NULL;
}

static const struct {
	uint32_t offset;
	const char *name;
} registers[] = {
	{VIRTIO_MMIO_MAGIC_VALUE, "MagicValue"},
	{VIRTIO_MMIO_VERSION, "Version"},
	{VIRTIO_MMIO_DEVICE_ID, "DeviceID"},
	{VIRTIO_MMIO_VENDOR_ID, "VendorID"},
	{VIRTIO_MMIO_DEVICE_FEATURES, "DeviceFeatures"},
	{VIRTIO_MMIO_DEVICE_FEATURES_SEL, "DeviceFeaturesSel"},
	{VIRTIO_MMIO_DRIVER_FEATURES, "DriverFeatures"},
	{VIRTIO_MMIO_DRIVER_FEATURES_SEL, "DriverFeaturesSel"},
	{VIRTIO_MMIO_QUEUE_SEL, "QueueSel"},
	{VIRTIO_MMIO_QUEUE_NUM_MAX, "QueueSizeMax"},
	{VIRTIO_MMIO_QUEUE_NUM, "QueueSize"},
	{VIRTIO_MMIO_QUEUE_READY, "QueueReady"},
	{VIRTIO_MMIO_QUEUE_NOTIFY, "QueueNotify"},
	{VIRTIO_MMIO_INTERRUPT_STATUS, "InterruptStatus"},
	{VIRTIO_MMIO_INTERRUPT_ACK, "InterruptACK"},
	{VIRTIO_MMIO_STATUS, "Status"},
	{VIRTIO_MMIO_QUEUE_DESC_LOW, "QueueDescLow"},
	{VIRTIO_MMIO_QUEUE_DESC_HIGH, "QueueDescHigh"},
	{VIRTIO_MMIO_QUEUE_AVAIL_LOW, "QueueDriverLow"},
	{VIRTIO_MMIO_QUEUE_AVAIL_HIGH, "QueueDriverHigh"},
	{VIRTIO_MMIO_QUEUE_USED_LOW, "QueueDeviceLow"},
	{VIRTIO_MMIO_QUEUE_USED_HIGH, "QueueDeviceHigh"},
	{0x0ac, "SHMSel"},
	{0x0b0, "SHMLenLow"},
	{0x0b4, "SHMLenHigh"},
	{0x0b8, "SHMBaseLow"},
	{0x0bc, "SHMBaseHigh"},
	{VIRTIO_MMIO_CONFIG_GENERATION, "ConfigGeneration"},
	{VIRTIO_MMIO_CONFIG, "events_read"},
	{VIRTIO_MMIO_CONFIG + 4, "events_clear"},
	{VIRTIO_MMIO_CONFIG + 8, "num_scanouts"},
	{VIRTIO_MMIO_CONFIG + 12, "num_capsets"},
	{VIRTIO_MMIO_CONFIG + 16, "blob_alignment"},
};

const char *vgpu_register_name(uint32_t offset)
{
	for (size_t i = 0; i < sizeof(registers) / sizeof(registers[0]); i++)
		if (registers[i].offset == offset)
			return registers[i].name;
	return NULL;
}

static struct vgpu_rect rect_at(const uint8_t *bytes, uint64_t len, uint64_t offset)
{
	return (struct vgpu_rect){
		.x = vgpu_message_u32(bytes, len, offset),
		.y = vgpu_message_u32(bytes, len, offset + 4),
		.width = vgpu_message_u32(bytes, len, offset + 8),
		.height = vgpu_message_u32(bytes, len, offset + 12),
	};
}

static bool has_entries(enum kind kind)
{
	return kind == ATTACH_ENTRIES || kind == BLOB_ENTRIES;
}

/* What the entries that are there add up to. */
static uint64_t entries_size(const struct field *field, const uint8_t *bytes, uint64_t len)
{
	uint64_t count = vgpu_message_u32(bytes, len, field->offset), size = 0;
	uint64_t at = field->kind == BLOB_ENTRIES
			      ? sizeof(struct virtio_gpu_resource_create_blob)
			      : sizeof(struct virtio_gpu_resource_attach_backing);

	for (uint64_t i = 0;
	     i < count && vgpu_message_holds(len, at, sizeof(struct virtio_gpu_mem_entry)); i++) {
		size += vgpu_message_u32(bytes, len,
					 at + offsetof(struct virtio_gpu_mem_entry, length));
		at += sizeof(struct virtio_gpu_mem_entry);
	}
	return size;
}

static const struct command *find(uint32_t type)
{
	for (size_t i = 0; i < sizeof(commands) / sizeof(commands[0]); i++)
		if (commands[i].type == type)
			return &commands[i];
	return NULL;
}

static size_t size_of(enum kind kind)
{
	static const size_t sizes[] = {
		[U32] = 4,	    [U64] = 8,	  [RECT] = 16,
		[FORMAT] = 4,	    [MEMORY] = 4, [ATTACH_ENTRIES] = 4,
		[BLOB_ENTRIES] = 4, [END] = 0,
	};

	return sizes[kind];
}

/* The name of a field's value; NULL: it is a number. */
static const char *value_name(enum kind kind, uint32_t value)
{
	static const char *const memories[] = {
		[VIRTIO_GPU_BLOB_MEM_GUEST] = "GUEST",
		[VIRTIO_GPU_BLOB_MEM_HOST3D] = "HOST3D",
		[VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST] = "HOST3D_GUEST",
	};

	if (kind == FORMAT)
		return vgpu_format_name(value);
	if (kind == MEMORY && value < sizeof(memories) / sizeof(memories[0]))
		return memories[value];
	return NULL;
}

/* ---- text ---------------------------------------------------------------------- */

struct text {
	char *at;
	size_t used;
};

static void add(struct text *text, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void add(struct text *text, const char *format, ...)
{
	size_t room = VGPU_DECODE_TEXT - text->used;
	va_list args;

	va_start(args, format);
	int n = vsnprintf(text->at + text->used, room, format, args);
	va_end(args);
	if (n > 0)
		text->used += (size_t)n < room ? (size_t)n : room - 1;
}

static void add_type(struct text *text, uint32_t type)
{
	const char *name = vgpu_type_name(type);

	if (name != NULL)
		add(text, "%s", name);
	else
		add(text, "type=0x%04x", type);
}

static void add_field(struct text *text, const struct field *field, const uint8_t *bytes,
		      uint64_t len)
{
	uint32_t value = vgpu_message_u32(bytes, len, field->offset);
	const char *name = value_name(field->kind, value);
	struct vgpu_rect rect;

	if (field->kind == RECT) {
		rect = rect_at(bytes, len, field->offset);
		add(text, " %s=%ux%u+%u+%u", field->name, rect.width, rect.height, rect.x, rect.y);
	} else if (field->kind == U64) {
		add(text, " %s=%" PRIu64, field->name, vgpu_message_u64(bytes, len, field->offset));
	} else if (name != NULL) {
		add(text, " %s=%s", field->name, name);
	} else {
		add(text, " %s=%u", field->name, value);
	}
	if (has_entries(field->kind))
		add(text, " bytes=%" PRIu64, entries_size(field, bytes, len));
}

/* Bytes that are too few for a header. */
static void add_scrap(struct text *text, const uint8_t *bytes, uint64_t len)
{
	add(text, "%" PRIu64 " byte%s", len, len == 1 ? "" : "s");
	for (uint64_t i = 0; i < len; i++)
		add(text, " %02x", bytes[i]);
}

static void add_fence(struct text *text, const uint8_t *bytes, uint64_t len)
{
	uint32_t flags = vgpu_message_u32(bytes, len, AT(ctrl_hdr, flags));
	uint32_t context = vgpu_message_u32(bytes, len, AT(ctrl_hdr, ctx_id));

	if ((flags & VIRTIO_GPU_FLAG_FENCE) != 0)
		add(text, " fence=%" PRIu64, vgpu_message_u64(bytes, len, AT(ctrl_hdr, fence_id)));
	if ((flags & ~(uint32_t)VIRTIO_GPU_FLAG_FENCE) != 0)
		add(text, " flags=0x%x", flags);
	if (context != 0)
		add(text, " context=%u", context);
}

void vgpu_decode_request(const uint8_t *bytes, uint64_t len, char text[VGPU_DECODE_TEXT])
{
	struct text out = {text, 0};

	text[0] = '\0';
	if (len < sizeof(struct virtio_gpu_ctrl_hdr)) {
		add(&out, "short request: ");
		add_scrap(&out, bytes, len);
		return;
	}
	uint32_t type = vgpu_message_u32(bytes, len, 0);
	const struct command *command = find(type);
	add_type(&out, type);
	for (size_t i = 0; command != NULL && command->fields[i].kind != END; i++) {
		const struct field *field = &command->fields[i];
		if (vgpu_message_holds(len, field->offset, size_of(field->kind)))
			add_field(&out, field, bytes, len);
	}
	add_fence(&out, bytes, len);
}

static void add_outputs(struct text *text, const uint8_t *bytes, uint64_t len)
{
	for (unsigned int i = 0; i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		uint64_t at = offsetof(struct virtio_gpu_resp_display_info, pmodes) +
			      i * sizeof(struct virtio_gpu_display_one);
		if (vgpu_message_u32(bytes, len,
				     at + offsetof(struct virtio_gpu_display_one, enabled)) == 0)
			continue;
		struct vgpu_rect rect = rect_at(bytes, len, at);
		add(text, " %u:%ux%u+%u+%u", i, rect.width, rect.height, rect.x, rect.y);
	}
}

#define UUID_TEXT sizeof("01234567-0123-0123-0123-0123456789ab")

/* False where the answer ends before it. */
static bool uuid_text(const uint8_t *bytes, uint64_t len, char text[UUID_TEXT])
{
	size_t at = AT(resp_resource_uuid, uuid), used = 0;

	if (!vgpu_message_holds(len, at, 16))
		return false;
	for (size_t i = 0; i < 16; i++) {
		if (i == 4 || i == 6 || i == 8 || i == 10)
			text[used++] = '-';
		used += (size_t)snprintf(text + used, UUID_TEXT - used, "%02x", bytes[at + i]);
	}
	return true;
}

void vgpu_decode_answer(const uint8_t *bytes, uint64_t len, char text[VGPU_DECODE_TEXT])
{
	struct text out = {text, 0};
	char uuid[UUID_TEXT];

	text[0] = '\0';
	if (len == 0) {
		add(&out, "nothing");
		return;
	}
	if (len < sizeof(struct virtio_gpu_ctrl_hdr)) {
		add_scrap(&out, bytes, len);
		return;
	}
	uint32_t type = vgpu_message_u32(bytes, len, 0);
	add_type(&out, type);
	if (type == VIRTIO_GPU_RESP_OK_DISPLAY_INFO)
		add_outputs(&out, bytes, len);
	if (type == VIRTIO_GPU_RESP_OK_EDID)
		add(&out, " size=%u", vgpu_message_u32(bytes, len, AT(resp_edid, size)));
	if (type == VIRTIO_GPU_RESP_OK_RESOURCE_UUID && uuid_text(bytes, len, uuid))
		add(&out, " uuid=%s", uuid);
	add_fence(&out, bytes, len);
}

/* ---- JSON ---------------------------------------------------------------------- */

/* A double would cut it. */
static void json_u64(cJSON *object, const char *name, uint64_t value)
{
	char number[24];

	snprintf(number, sizeof(number), "%" PRIu64, value);
	cJSON_AddRawToObject(object, name, number);
}

static void json_type(cJSON *object, const char *name, uint32_t type)
{
	const char *known = vgpu_type_name(type);
	char text[16];

	snprintf(text, sizeof(text), "0x%04x", type);
	cJSON_AddStringToObject(object, name, known != NULL ? known : text);
}

static void json_rect(cJSON *object, const char *name, const struct vgpu_rect *rect)
{
	cJSON *member = cJSON_AddObjectToObject(object, name);

	cJSON_AddNumberToObject(member, "x", rect->x);
	cJSON_AddNumberToObject(member, "y", rect->y);
	cJSON_AddNumberToObject(member, "width", rect->width);
	cJSON_AddNumberToObject(member, "height", rect->height);
}

static void json_field(cJSON *object, const struct field *field, const uint8_t *bytes, uint64_t len)
{
	uint32_t value = vgpu_message_u32(bytes, len, field->offset);
	const char *name = value_name(field->kind, value);
	struct vgpu_rect rect;

	if (field->kind == RECT) {
		rect = rect_at(bytes, len, field->offset);
		json_rect(object, field->name, &rect);
	} else if (field->kind == U64) {
		json_u64(object, field->name, vgpu_message_u64(bytes, len, field->offset));
	} else if (name != NULL) {
		cJSON_AddStringToObject(object, field->name, name);
	} else {
		cJSON_AddNumberToObject(object, field->name, value);
	}
	if (has_entries(field->kind))
		json_u64(object, "bytes", entries_size(field, bytes, len));
}

static void json_fence(cJSON *object, const uint8_t *bytes, uint64_t len)
{
	uint32_t flags = vgpu_message_u32(bytes, len, AT(ctrl_hdr, flags));

	if ((flags & VIRTIO_GPU_FLAG_FENCE) != 0)
		json_u64(object, "fence", vgpu_message_u64(bytes, len, AT(ctrl_hdr, fence_id)));
}

void vgpu_decode_request_json(const uint8_t *bytes, uint64_t len, cJSON *object)
{
	if (len < sizeof(struct virtio_gpu_ctrl_hdr)) {
		cJSON_AddNullToObject(object, "command");
		return;
	}
	uint32_t type = vgpu_message_u32(bytes, len, 0);
	const struct command *command = find(type);
	json_type(object, "command", type);
	for (size_t i = 0; command != NULL && command->fields[i].kind != END; i++) {
		const struct field *field = &command->fields[i];
		if (vgpu_message_holds(len, field->offset, size_of(field->kind)))
			json_field(object, field, bytes, len);
	}
	json_fence(object, bytes, len);
}

void vgpu_decode_answer_json(const uint8_t *bytes, uint64_t len, cJSON *object)
{
	char uuid[UUID_TEXT];

	if (len < sizeof(struct virtio_gpu_ctrl_hdr)) {
		cJSON_AddNullToObject(object, "answer");
		return;
	}
	uint32_t type = vgpu_message_u32(bytes, len, 0);
	json_type(object, "answer", type);
	if (type == VIRTIO_GPU_RESP_OK_RESOURCE_UUID && uuid_text(bytes, len, uuid))
		cJSON_AddStringToObject(object, "uuid", uuid);
}
