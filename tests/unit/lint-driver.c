/* SPDX-License-Identifier: MIT */
#include "lint-driver.h"

#include <endian.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>

#define FEATURES                                                                                   \
	(1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_RING_F_INDIRECT_DESC |                        \
	 1ull << VIRTIO_RING_F_EVENT_IDX | 1ull << VIRTIO_GPU_F_EDID)

struct drive *drive_new(void)
{
	struct drive *drive = calloc(1, sizeof(*drive));

	if (drive == NULL || (drive->lint = calloc(1, sizeof(*drive->lint))) == NULL)
		abort();
	drive->offered = drive->accepted = FEATURES;
	drive->size = 64;
	drive->outputs = 1;
	drive->now = 1000;
	return drive;
}

void drive_free(struct drive *drive)
{
	lint_fini(drive->lint);
	free(drive->lint);
	free(drive);
}

/* ---- records ----------------------------------------------------------------------------- */

static void put(struct drive *drive, struct vgpu_trace_record record)
{
	record.time_ns = drive->now += 1000;
	lint_record(drive->lint, &record);
}

void drive_outputs(struct drive *drive)
{
	struct vgpu_trace_record record = {.type = VGPU_TRACE_OUTPUTS};

	record.outputs.num_scanouts = drive->outputs;
	for (unsigned int i = 0; i < drive->outputs; i++)
		record.outputs.outputs[i] =
			(struct vgpu_output){.rect = {0, 0, 640, 480}, .enabled = true};
	put(drive, record);
}

void drive_start(struct drive *drive)
{
	const struct vgpu_queue_info queue = {.ready = true, .size = drive->size};

	put(drive, (struct vgpu_trace_record){.type = VGPU_TRACE_START,
					      .start = {.features_offered = drive->offered,
							.features_accepted = drive->accepted,
							.queues = {queue, queue}}});
}

void drive_reset(struct drive *drive)
{
	put(drive, (struct vgpu_trace_record){.type = VGPU_TRACE_RESET});
}

void drive_access(struct drive *drive, const struct vgpu_trace_register *reg)
{
	put(drive, (struct vgpu_trace_record){.type = VGPU_TRACE_REGISTER, .reg = *reg});
}

void drive_read(struct drive *drive, uint32_t offset, uint64_t value)
{
	drive_access(drive, &(struct vgpu_trace_register){false, offset, 4, value});
}

void drive_write(struct drive *drive, uint32_t offset, uint64_t value)
{
	drive_access(drive, &(struct vgpu_trace_register){true, offset, 4, value});
}

void drive_chain(struct drive *drive, struct vgpu_trace_request request)
{
	struct virtio_gpu_ctrl_hdr answer = {.type = htole32(VIRTIO_GPU_RESP_OK_NODATA)};

	if (drive->answer != 0)
		answer.type = htole32(drive->answer);
	drive->answer = 0;
	request.number = drive->number++;
	request.begin_ns = drive->now + 1000;
	request.end_ns = drive->now += 2000;
	request.interrupt = drive->interrupt;
	request.head = drive->one_head ? 0 : drive->head++ % 8;
	if (request.used_len == 0 && request.queue == VGPU_QUEUE_CONTROL) {
		request.response = (const uint8_t *)&answer;
		request.used_len = sizeof(answer);
	}
	put(drive, (struct vgpu_trace_record){.type = VGPU_TRACE_REQUEST, .request = request});
}

/* Room for the answer that a command has. */
static uint32_t room(const void *bytes, uint32_t len)
{
	uint32_t type = vgpu_message_u32(bytes, len, 0);

	return type == VIRTIO_GPU_CMD_GET_DISPLAY_INFO ? sizeof(struct virtio_gpu_resp_display_info)
	       : type == VIRTIO_GPU_CMD_GET_EDID       ? sizeof(struct virtio_gpu_resp_edid)
						       : sizeof(struct virtio_gpu_ctrl_hdr);
}

static void send_data(struct drive *drive, unsigned int queue, const void *bytes, uint32_t len,
		      const void *data, uint64_t data_len)
{
	const struct vgpu_chain_desc descs[] = {
		{drive->readable != 0 ? drive->readable : len, false},
		{drive->writable != 0 ? drive->writable : room(bytes, len), true}};

	drive->readable = 0;
	drive_chain(
		drive,
		(struct vgpu_trace_request){
			.queue = queue,
			.indirect_at = -1,
			.descs = descs,
			.num_descs = queue == VGPU_QUEUE_CONTROL || drive->writable != 0 ? 2 : 1,
			.request = bytes,
			.request_len = len,
			.data = drive->dropped ? NULL : data,
			.data_len = drive->dropped ? 0 : data_len,
			.dropped = drive->dropped && data != NULL,
		});
	drive->writable = 0;
}

void drive_send_on(struct drive *drive, unsigned int queue, const void *bytes, uint32_t len)
{
	send_data(drive, queue, bytes, len, NULL, 0);
}

void drive_send(struct drive *drive, const void *bytes, uint32_t len)
{
	drive_send_on(drive, VGPU_QUEUE_CONTROL, bytes, len);
}

void drive_end(struct drive *drive, enum vgpu_violation violation)
{
	struct vgpu_trace_record record = {.type = VGPU_TRACE_END};

	if (violation < VGPU_NUM_VIOLATIONS)
		record.end.violations[violation] = 1;
	put(drive, record);
}

/* ---- registers ----------------------------------------------------------------------------- */

void drive_queue(struct drive *drive, uint32_t queue, uint32_t size)
{
	drive_write(drive, VIRTIO_MMIO_QUEUE_SEL, queue);
	drive_read(drive, VIRTIO_MMIO_QUEUE_READY, 0);
	drive_read(drive, VIRTIO_MMIO_QUEUE_NUM_MAX, VGPU_QUEUE_SIZE_MAX);
	drive_write(drive, VIRTIO_MMIO_QUEUE_NUM, size);
	drive_write(drive, VIRTIO_MMIO_QUEUE_DESC_LOW, 0x1000);
	drive_write(drive, VIRTIO_MMIO_QUEUE_DESC_HIGH, 0);
	drive_write(drive, VIRTIO_MMIO_QUEUE_AVAIL_LOW, 0x2000);
	drive_write(drive, VIRTIO_MMIO_QUEUE_AVAIL_HIGH, 0);
	drive_write(drive, VIRTIO_MMIO_QUEUE_USED_LOW, 0x3000);
	drive_write(drive, VIRTIO_MMIO_QUEUE_USED_HIGH, 0);
	drive_write(drive, VIRTIO_MMIO_QUEUE_READY, 1);
}

static void negotiate(struct drive *drive)
{
	drive_write(drive, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 1);
	drive_read(drive, VIRTIO_MMIO_DEVICE_FEATURES, drive->offered >> 32);
	drive_write(drive, VIRTIO_MMIO_DEVICE_FEATURES_SEL, 0);
	drive_read(drive, VIRTIO_MMIO_DEVICE_FEATURES, (uint32_t)drive->offered);
	drive_write(drive, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	drive_write(drive, VIRTIO_MMIO_DRIVER_FEATURES, drive->accepted >> 32);
	drive_write(drive, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	drive_write(drive, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)drive->accepted);
}

void drive_step(struct drive *drive, enum drive_step step)
{
	switch (step) {
	case DRIVE_PROBE:
		drive_read(drive, VIRTIO_MMIO_MAGIC_VALUE, 0x74726976);
		drive_read(drive, VIRTIO_MMIO_VERSION, 2);
		drive_read(drive, VIRTIO_MMIO_DEVICE_ID, 16);
		break;
	case DRIVE_RESET:
		drive_write(drive, VIRTIO_MMIO_STATUS, 0);
		break;
	case DRIVE_DRIVER:
		drive_write(drive, VIRTIO_MMIO_STATUS, 1);
		drive_write(drive, VIRTIO_MMIO_STATUS, 3);
		break;
	case DRIVE_FEATURES:
		negotiate(drive);
		break;
	case DRIVE_FEATURES_OK:
		drive_write(drive, VIRTIO_MMIO_STATUS, 0xb);
		break;
	case DRIVE_READ_BACK:
		drive_read(drive, VIRTIO_MMIO_STATUS, 0xb);
		break;
	case DRIVE_QUEUES:
		drive_queue(drive, 0, drive->size);
		drive_queue(drive, 1, drive->size);
		break;
	case DRIVE_DRIVER_OK:
		drive_write(drive, VIRTIO_MMIO_STATUS, 0xf);
		break;
	case DRIVE_ALL:
		break;
	}
}

void drive_registers_without(struct drive *drive, enum drive_step step)
{
	for (unsigned int i = 0; i < DRIVE_ALL; i++)
		if (i != step)
			drive_step(drive, (enum drive_step)i);
}

void drive_notify(struct drive *drive, uint32_t queue)
{
	drive_write(drive, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
}

/* ---- commands ---------------------------------------------------------------------------------
 */

struct virtio_gpu_ctrl_hdr drive_header(uint32_t type)
{
	return (struct virtio_gpu_ctrl_hdr){.type = htole32(type)};
}

struct vgpu_rect drive_rect(uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
	return (struct vgpu_rect){x, y, width, height};
}

static struct virtio_gpu_rect on_wire(struct vgpu_rect rect)
{
	return (struct virtio_gpu_rect){htole32(rect.x), htole32(rect.y), htole32(rect.width),
					htole32(rect.height)};
}

void drive_ask(struct drive *drive, uint32_t type)
{
	const struct virtio_gpu_cmd_get_edid request = {.hdr = drive_header(type)};

	if (type == VIRTIO_GPU_CMD_GET_EDID)
		drive_send(drive, &request, sizeof(request));
	else
		drive_send(drive, &request, sizeof(request.hdr));
}

void drive_begin(struct drive *drive)
{
	drive_outputs(drive);
	drive_start(drive);
	drive_ask(drive, VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	drive_ask(drive, VIRTIO_GPU_CMD_GET_EDID);
}

void drive_create(struct drive *drive, uint32_t id, uint32_t format, uint32_t edge)
{
	const struct virtio_gpu_resource_create_2d request = {
		.hdr = drive_header(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D),
		.resource_id = htole32(id),
		.format = htole32(format),
		.width = htole32(edge),
		.height = htole32(edge),
	};

	drive_send(drive, &request, sizeof(request));
}

void drive_attach(struct drive *drive, uint32_t id, const struct virtio_gpu_mem_entry *entries,
		  uint32_t num)
{
	struct {
		struct virtio_gpu_resource_attach_backing request;
		struct virtio_gpu_mem_entry entries[4];
	} message = {
		.request = {.hdr = drive_header(VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING),
			    .resource_id = htole32(id),
			    .nr_entries = htole32(num)},
	};

	if (num > 0)
		memcpy(message.entries, entries, num * sizeof(*entries));
	drive_send(drive, &message, sizeof(message.request) + num * sizeof(*entries));
}

void drive_back(struct drive *drive, uint32_t id, uint32_t bytes)
{
	const struct virtio_gpu_mem_entry entry = {.addr = htole64(0x100000),
						   .length = htole32(bytes)};

	drive_attach(drive, id, &entry, 1);
}

void drive_detach(struct drive *drive, uint32_t id)
{
	const struct virtio_gpu_resource_detach_backing request = {
		.hdr = drive_header(VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING),
		.resource_id = htole32(id),
	};

	drive_send(drive, &request, sizeof(request));
}

void drive_unref(struct drive *drive, uint32_t id)
{
	const struct virtio_gpu_resource_unref request = {
		.hdr = drive_header(VIRTIO_GPU_CMD_RESOURCE_UNREF),
		.resource_id = htole32(id),
	};

	drive_send(drive, &request, sizeof(request));
}

void drive_scanout(struct drive *drive, uint32_t scanout, uint32_t id, struct vgpu_rect rect)
{
	const struct virtio_gpu_set_scanout request = {
		.hdr = drive_header(VIRTIO_GPU_CMD_SET_SCANOUT),
		.r = on_wire(rect),
		.scanout_id = htole32(scanout),
		.resource_id = htole32(id),
	};

	drive_send(drive, &request, sizeof(request));
}

void drive_transfer_at(struct drive *drive, uint32_t id, struct vgpu_rect rect, uint64_t offset,
		       uint32_t pixel, uint64_t fence)
{
	struct virtio_gpu_transfer_to_host_2d request = {
		.hdr = drive_header(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D),
		.r = on_wire(rect),
		.offset = htole64(offset),
		.resource_id = htole32(id),
	};
	size_t count = (size_t)rect.width * rect.height;
	uint32_t *pixels = malloc(count * sizeof(*pixels) + 1);

	if (pixels == NULL)
		abort();
	for (size_t i = 0; i < count; i++)
		pixels[i] = htole32(pixel);
	if (fence != 0) {
		request.hdr.flags = htole32(VIRTIO_GPU_FLAG_FENCE);
		request.hdr.fence_id = htole64(fence);
	}
	send_data(drive, VGPU_QUEUE_CONTROL, &request, sizeof(request), pixels,
		  count * sizeof(*pixels));
	free(pixels);
}

void drive_transfer(struct drive *drive, uint32_t id, struct vgpu_rect rect, uint32_t width,
		    uint32_t pixel)
{
	uint64_t offset = ((uint64_t)rect.y * width + rect.x) * 4;

	drive_transfer_at(drive, id, rect, offset, pixel, 0);
}

void drive_flush(struct drive *drive, uint32_t id, struct vgpu_rect rect)
{
	const struct virtio_gpu_resource_flush request = {
		.hdr = drive_header(VIRTIO_GPU_CMD_RESOURCE_FLUSH),
		.r = on_wire(rect),
		.resource_id = htole32(id),
	};

	drive_send(drive, &request, sizeof(request));
}

void drive_resource(struct drive *drive)
{
	drive_create(drive, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, DRIVE_EDGE);
	drive_back(drive, 1, DRIVE_EDGE * DRIVE_EDGE * 4);
}

void drive_show(struct drive *drive)
{
	drive_resource(drive);
	drive_scanout(drive, 0, 1, drive_rect(0, 0, DRIVE_EDGE, DRIVE_EDGE));
}

void drive_frame(struct drive *drive, uint32_t pixel)
{
	const struct vgpu_rect all = drive_rect(0, 0, DRIVE_EDGE, DRIVE_EDGE);

	drive_transfer(drive, 1, all, DRIVE_EDGE, pixel);
	drive_flush(drive, 1, all);
}

void drive_cursor_picture(struct drive *drive)
{
	drive_create(drive, 2, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, VGPU_CURSOR_SIZE);
	drive_back(drive, 2, VGPU_CURSOR_SIZE * VGPU_CURSOR_SIZE * 4);
	drive_transfer_at(drive, 2, drive_rect(0, 0, VGPU_CURSOR_SIZE, VGPU_CURSOR_SIZE), 0,
			  0xff00ff00, drive->number + 1);
}

void drive_cursor(struct drive *drive, uint32_t type, uint32_t id, uint32_t hot)
{
	const struct virtio_gpu_update_cursor request = {
		.hdr = drive_header(type),
		.resource_id = htole32(id),
		.hot_x = htole32(hot),
	};

	drive_send_on(drive, VGPU_QUEUE_CURSOR, &request, sizeof(request));
}
