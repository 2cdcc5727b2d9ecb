/* SPDX-License-Identifier: MIT */
#include "bench/guest.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <stdlib.h>
#include <string.h>

#define ARENA_SIZE (1ull << 20)
#define QUEUE_SIZE 64

int guest_open_target(struct guest *guest, const char *spec, uint64_t bytes, struct vgpu_error *err)
{
	uint64_t memory = VGPU_DRIVER_RINGS_BYTES + ARENA_SIZE;
	/* In the built-in target the second half is a region of its own. */
	struct vgpu_target_options options = {
		.memory_size = 2 * (memory + bytes),
		.num_scanouts = 1,
		.outputs = {{.rect = {.width = 1280, .height = 800}, .enabled = true}},
	};

	*guest = (struct guest){.memory = memory};
	guest->entries = calloc(GUEST_ENTRIES_MAX, sizeof(*guest->entries));
	if (guest->entries == NULL)
		return vgpu_error_set(err, ENOMEM, "out of memory");
	guest->target = vgpu_target_open(spec, &options, err);
	if (guest->target == NULL)
		return -ENODEV;
	vgpu_driver_init(&guest->driver, guest->target, ARENA_SIZE);
	return 0;
}

int guest_start(struct guest *guest, struct vgpu_error *err)
{
	int ret = vgpu_driver_reset(&guest->driver, err);

	if (ret == 0)
		ret = vgpu_driver_negotiate(&guest->driver, 1ull << VIRTIO_F_VERSION_1, err);
	for (unsigned int i = 0; ret == 0 && i < VGPU_NUM_QUEUES; i++)
		ret = vgpu_driver_set_queue(&guest->driver, i, QUEUE_SIZE, err);
	return ret == 0 ? vgpu_driver_ok(&guest->driver, err) : ret;
}

int guest_open(struct guest *guest, const char *spec, uint64_t bytes, struct vgpu_error *err)
{
	int ret = guest_open_target(guest, spec, bytes, err);

	return ret == 0 ? guest_start(guest, err) : ret;
}

void guest_close(struct guest *guest)
{
	vgpu_driver_fini(&guest->driver);
	if (guest->target != NULL)
		guest->target->ops->close(guest->target);
	free(guest->entries);
	*guest = (struct guest){0};
}

uint8_t *guest_memory(const struct guest *guest, uint64_t offset)
{
	return guest->target->memory + guest->memory + offset;
}

static struct virtio_gpu_ctrl_hdr header(uint32_t type)
{
	return (struct virtio_gpu_ctrl_hdr){.type = htole32(type)};
}

static struct virtio_gpu_rect rect_of(const struct vgpu_rect *rect)
{
	return (struct virtio_gpu_rect){.x = htole32(rect->x),
					.y = htole32(rect->y),
					.width = htole32(rect->width),
					.height = htole32(rect->height)};
}

static int ask(struct guest *guest, const void *bytes, size_t len, struct vgpu_error *err)
{
	const struct vgpu_chain_desc descs[] = {{(uint32_t)len, false}, {24, true}};
	const struct vgpu_driver_request request = {
		.descs = descs, .num_descs = 2, .indirect_at = -1, .bytes = bytes, .len = len};
	struct vgpu_driver_answer answer;
	struct virtio_gpu_ctrl_hdr hdr = {0};
	int ret = vgpu_driver_submit(&guest->driver, &request, &answer, err);

	if (ret < 0)
		return ret;
	memcpy(&hdr, answer.bytes, answer.len < sizeof(hdr) ? answer.len : sizeof(hdr));
	if (le32toh(hdr.type) == VIRTIO_GPU_RESP_OK_NODATA)
		return 0;
	memcpy(&hdr, bytes, sizeof(hdr));
	return vgpu_error_set(err, EREMOTEIO, "command 0x%x was answered with an error",
			      le32toh(hdr.type));
}

int guest_create(struct guest *guest, uint32_t id, uint32_t width, uint32_t height,
		 struct vgpu_error *err)
{
	const struct virtio_gpu_resource_create_2d request = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D),
		.resource_id = htole32(id),
		.format = htole32(VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM),
		.width = htole32(width),
		.height = htole32(height),
	};

	return ask(guest, &request, sizeof(request), err);
}

int guest_unref(struct guest *guest, uint32_t id, struct vgpu_error *err)
{
	const struct virtio_gpu_resource_unref request = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_UNREF), .resource_id = htole32(id)};

	return ask(guest, &request, sizeof(request), err);
}

int guest_attach(struct guest *guest, uint32_t id, const uint64_t *offsets, uint32_t num,
		 uint32_t size, struct vgpu_error *err)
{
	const struct virtio_gpu_resource_attach_backing request = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING),
		.resource_id = htole32(id),
		.nr_entries = htole32(num),
	};
	size_t len = sizeof(request) + num * sizeof(*guest->entries);
	uint8_t *bytes = num <= GUEST_ENTRIES_MAX ? malloc(len) : NULL;

	if (bytes == NULL)
		return vgpu_error_set(err, ENOMEM, "%u backing entries", num);
	for (uint32_t i = 0; i < num; i++) {
		uint64_t offset = offsets != NULL ? offsets[i] : (uint64_t)i * size;

		guest->entries[i] = (struct virtio_gpu_mem_entry){
			.addr = htole64(guest->target->memory_gpa + guest->memory + offset),
			.length = htole32(size)};
	}
	memcpy(bytes, &request, sizeof(request));
	memcpy(bytes + sizeof(request), guest->entries, num * sizeof(*guest->entries));
	int ret = ask(guest, bytes, len, err);
	free(bytes);
	return ret;
}

int guest_set_scanout(struct guest *guest, uint32_t id, uint32_t width, uint32_t height,
		      struct vgpu_error *err)
{
	const struct virtio_gpu_set_scanout request = {
		.hdr = header(VIRTIO_GPU_CMD_SET_SCANOUT),
		.r = {.width = htole32(width), .height = htole32(height)},
		.resource_id = htole32(id),
	};

	return ask(guest, &request, sizeof(request), err);
}

int guest_transfer(struct guest *guest, uint32_t id, const struct vgpu_rect *rect, uint64_t offset,
		   struct vgpu_error *err)
{
	const struct virtio_gpu_transfer_to_host_2d request = {
		.hdr = header(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D),
		.r = rect_of(rect),
		.offset = htole64(offset),
		.resource_id = htole32(id),
	};

	return ask(guest, &request, sizeof(request), err);
}

int guest_flush(struct guest *guest, uint32_t id, const struct vgpu_rect *rect,
		struct vgpu_error *err)
{
	const struct virtio_gpu_resource_flush request = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_FLUSH),
		.r = rect_of(rect),
		.resource_id = htole32(id),
	};

	return ask(guest, &request, sizeof(request), err);
}

int guest_show(struct guest *guest, uint32_t id, uint32_t width, uint32_t height,
	       struct vgpu_error *err)
{
	int ret = guest_create(guest, id, width, height, err);

	if (ret == 0)
		ret = guest_attach(guest, id, NULL, 1, width * height * 4, err);
	return ret == 0 ? guest_set_scanout(guest, id, width, height, err) : ret;
}

int guest_draw(struct guest *guest, uint32_t id, uint32_t width, uint32_t height,
	       struct vgpu_error *err)
{
	const struct vgpu_rect all = {.width = width, .height = height};
	int ret = guest_transfer(guest, id, &all, 0, err);

	return ret == 0 ? guest_flush(guest, id, &all, err) : ret;
}
