/* SPDX-License-Identifier: MIT */
#include "guest.h"

#include "gpu/device.h"
#include "unit.h"

#include <linux/virtio_mmio.h>
#include <stdlib.h>
#include <string.h>

static void on_irq(void *opaque, bool level)
{
	struct guest *guest = opaque;

	guest->interrupts += level;
}

uint32_t guest_read(struct guest *guest, uint32_t offset)
{
	return (uint32_t)vgpu_mmio_read(guest->mmio, offset, 4);
}

void guest_write(struct guest *guest, uint32_t offset, uint32_t value)
{
	vgpu_mmio_write(guest->mmio, offset, 4, value);
}

static void init_queue(struct guest *guest, unsigned int queue)
{
	uint32_t desc = 0x1000 + queue * 0x4000, avail = desc + 0x1000, used = desc + 0x2000;

	guest->desc[queue] = (void *)(guest->ram + desc);
	guest->avail[queue] = (void *)(guest->ram + avail);
	guest->used[queue] = (void *)(guest->ram + used);
	memset(guest->ram + desc, 0, 0x4000);
	guest_write(guest, VIRTIO_MMIO_QUEUE_SEL, queue);
	guest_write(guest, VIRTIO_MMIO_QUEUE_NUM, GUEST_QUEUE_SIZE);
	guest_write(guest, VIRTIO_MMIO_QUEUE_DESC_LOW, GUEST_RAM + desc);
	guest_write(guest, VIRTIO_MMIO_QUEUE_AVAIL_LOW, GUEST_RAM + avail);
	guest_write(guest, VIRTIO_MMIO_QUEUE_USED_LOW, GUEST_RAM + used);
	guest_write(guest, VIRTIO_MMIO_QUEUE_READY, 1);
}

void guest_init_device(struct guest *guest, uint64_t features)
{
	guest_write(guest, VIRTIO_MMIO_STATUS, 0);
	guest_write(guest, VIRTIO_MMIO_STATUS, 1);
	guest_write(guest, VIRTIO_MMIO_STATUS, 3);
	guest_write(guest, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	guest_write(guest, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features);
	guest_write(guest, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	guest_write(guest, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32));
	guest_write(guest, VIRTIO_MMIO_STATUS, 11);
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		init_queue(guest, i);
	guest_write(guest, VIRTIO_MMIO_STATUS, 15);
}

void guest_start_with(struct guest *guest, unsigned int scanouts, uint64_t features,
		      uint64_t memory_limit)
{
	struct vgpu_device_options options = {.num_scanouts = scanouts,
					      .memory_limit = memory_limit};

	*guest = (struct guest){0};
	guest->ram = calloc(1, GUEST_RAM_SIZE);
	guest->map = vgpu_mem_map_new();
	/* The seam is in the middle of GUEST_REQUEST's second page. */
	vgpu_mem_map_add(guest->map, GUEST_RAM, GUEST_REQUEST + 0x1800, guest->ram);
	vgpu_mem_map_add(guest->map, GUEST_RAM + GUEST_REQUEST + 0x1800,
			 GUEST_RAM_SIZE - GUEST_REQUEST - 0x1800,
			 guest->ram + GUEST_REQUEST + 0x1800);
	options.memory = vgpu_mem_map_memory(guest->map);
	for (unsigned int i = 0; i < scanouts; i++)
		options.outputs[i] = (struct vgpu_output){
			.rect = {.x = 64 * i, .width = 64, .height = 48}, .enabled = true};
	guest->device = vgpu_device_new(&options);
	CU_ASSERT_PTR_NOT_NULL_FATAL(guest->device);
	guest->mmio = vgpu_mmio_new(guest->device, on_irq, guest);
	CU_ASSERT_PTR_NOT_NULL_FATAL(guest->mmio);
	guest_init_device(guest, features);
}

void guest_start(struct guest *guest)
{
	guest_start_with(guest, 2, GUEST_FEATURES, 0);
}

void guest_stop(struct guest *guest)
{
	vgpu_mmio_free(guest->mmio);
	vgpu_device_free(guest->device);
	vgpu_mem_map_free(guest->map);
	free(guest->ram);
}

void guest_set_desc(struct guest *guest, unsigned int queue, unsigned int index, uint64_t addr,
		    uint32_t len, uint16_t flags, uint16_t next)
{
	guest->desc[queue][index] =
		(struct vring_desc){.addr = addr, .len = len, .flags = flags, .next = next};
}

int64_t guest_offer(struct guest *guest, unsigned int queue, uint16_t head)
{
	uint16_t used = guest->used[queue]->idx;

	guest->avail[queue]->ring[guest->avail[queue]->idx % GUEST_QUEUE_SIZE] = head;
	guest->avail[queue]->idx++;
	guest_write(guest, VIRTIO_MMIO_QUEUE_NOTIFY, queue);
	if (guest->used[queue]->idx == used)
		return -1;
	CU_ASSERT_EQUAL(guest->used[queue]->ring[used % GUEST_QUEUE_SIZE].id, head);
	return guest->used[queue]->ring[used % GUEST_QUEUE_SIZE].len;
}

int64_t guest_send(struct guest *guest, unsigned int queue, const void *request, uint32_t len,
		   uint32_t response_room)
{
	uint16_t flags = response_room != 0 ? VRING_DESC_F_NEXT : 0;

	memcpy(guest->ram + GUEST_REQUEST, request, len);
	memset(guest->ram + GUEST_RESPONSE, 0xaa, 2048);
	guest_set_desc(guest, queue, 0, GUEST_RAM + GUEST_REQUEST, len, flags, 1);
	guest_set_desc(guest, queue, 1, GUEST_RAM + GUEST_RESPONSE, response_room,
		       VRING_DESC_F_WRITE, 0);
	return guest_offer(guest, queue, 0);
}

const struct virtio_gpu_ctrl_hdr *guest_response(const struct guest *guest)
{
	return (const void *)(guest->ram + GUEST_RESPONSE);
}

uint32_t guest_command(struct guest *guest, const void *request, uint32_t len)
{
	int64_t used = guest_send(guest, VGPU_QUEUE_CONTROL, request, len, 2048);

	return used >= 24 ? guest_response(guest)->type : 0;
}

unsigned int guest_queue_of(uint32_t type)
{
	return type >= VIRTIO_GPU_CMD_UPDATE_CURSOR && type < 0x400 ? VGPU_QUEUE_CURSOR
								    : VGPU_QUEUE_CONTROL;
}

uint32_t guest_ask(struct guest *guest, const struct guest_request *request)
{
	int64_t used = guest_send(guest, guest_queue_of(request->header.type), request,
				  sizeof(*request), 2048);

	CU_ASSERT_TRUE(used >= (int64_t)sizeof(struct virtio_gpu_ctrl_hdr));
	return guest_response(guest)->type;
}

bool guest_is_error(uint32_t type)
{
	return type >= VIRTIO_GPU_RESP_ERR_UNSPEC && type <= VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
}

uint64_t guest_charged(const struct guest *guest)
{
	return guest->device->resources.used;
}

uint32_t guest_create(struct guest *guest, uint32_t id, uint32_t format, uint32_t width,
		      uint32_t height)
{
	struct virtio_gpu_resource_create_2d request = {.hdr.type =
								VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
							.resource_id = id,
							.format = format,
							.width = width,
							.height = height};

	return guest_command(guest, &request, sizeof(request));
}

uint32_t guest_attach(struct guest *guest, uint32_t id, uint64_t gpa, uint32_t len)
{
	struct {
		struct virtio_gpu_resource_attach_backing head;
		struct virtio_gpu_mem_entry entry;
	} request = {.head.hdr.type = VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
		     .head.resource_id = id,
		     .head.nr_entries = 1,
		     .entry = {.addr = gpa, .length = len}};

	return guest_command(guest, &request, sizeof(request));
}

static struct virtio_gpu_rect wire(struct vgpu_rect rect)
{
	return (struct virtio_gpu_rect){
		.x = rect.x, .y = rect.y, .width = rect.width, .height = rect.height};
}

uint32_t guest_transfer(struct guest *guest, uint32_t id, struct vgpu_rect rect, uint64_t offset)
{
	struct virtio_gpu_transfer_to_host_2d request = {.hdr.type =
								 VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D,
							 .r = wire(rect),
							 .offset = offset,
							 .resource_id = id};

	return guest_command(guest, &request, sizeof(request));
}

uint32_t guest_set_scanout(struct guest *guest, uint32_t scanout, uint32_t id,
			   struct vgpu_rect rect)
{
	struct virtio_gpu_set_scanout request = {.hdr.type = VIRTIO_GPU_CMD_SET_SCANOUT,
						 .r = wire(rect),
						 .scanout_id = scanout,
						 .resource_id = id};

	return guest_command(guest, &request, sizeof(request));
}

uint32_t guest_flush(struct guest *guest, uint32_t id, struct vgpu_rect rect)
{
	struct virtio_gpu_resource_flush request = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_FLUSH, .r = wire(rect), .resource_id = id};

	return guest_command(guest, &request, sizeof(request));
}

uint32_t guest_unref(struct guest *guest, uint32_t id)
{
	struct virtio_gpu_resource_unref request = {.hdr.type = VIRTIO_GPU_CMD_RESOURCE_UNREF,
						    .resource_id = id};

	return guest_command(guest, &request, sizeof(request));
}

void guest_show(struct guest *guest, uint32_t id, uint32_t format, uint32_t width, uint32_t height)
{
	struct vgpu_rect all = {.width = width, .height = height};

	CU_ASSERT_EQUAL(guest_create(guest, id, format, width, height), VIRTIO_GPU_RESP_OK_NODATA);
	CU_ASSERT_EQUAL(guest_attach(guest, id, GUEST_RAM + GUEST_PIXELS, width * height * 4),
			VIRTIO_GPU_RESP_OK_NODATA);
	CU_ASSERT_EQUAL(guest_set_scanout(guest, 0, id, all), VIRTIO_GPU_RESP_OK_NODATA);
}

uint32_t guest_pixel(struct guest *guest, uint32_t scanout, uint32_t x, uint32_t y)
{
	struct vgpu_rect rect = {.x = x, .y = y, .width = 1, .height = 1};
	uint32_t pixel = 0;

	CU_ASSERT_EQUAL(vgpu_device_read_scanout(guest->device, scanout, &rect, &pixel, 4), 0);
	return pixel & 0xffffff;
}
