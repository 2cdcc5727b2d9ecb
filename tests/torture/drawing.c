/* SPDX-License-Identifier: MIT */
#include "torture/drawing.h"

#include "driver.h"

#include <endian.h>
#include <linux/virtio_config.h>
#include <linux/virtio_gpu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define WIDTH	    160u
#define HEIGHT	    100u
#define ARENA	    0x20000u
#define PIXELS	    (VGPU_DRIVER_RINGS_BYTES + ARENA)
#define PIXELS_SIZE (WIDTH * HEIGHT * 4)
#define CURSOR_SIZE (VGPU_CURSOR_SIZE * VGPU_CURSOR_SIZE * 4u)
#define MEMORY	    (1u << 20)
#define CURSOR_ID   100u

struct pen {
	struct drawing *drawing;
	struct vgpu_target *target;
	struct vgpu_driver driver;
	uint64_t random;
	uint32_t resource; /* that is shown; 0: none yet */
};

uint64_t drawing_random(uint64_t *state)
{
	uint64_t z = *state += 0x9e3779b97f4a7c15;

	z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
	z = (z ^ z >> 27) * 0x94d049bb133111eb;
	return z ^ z >> 31;
}

static uint32_t roll(struct pen *pen, uint32_t sides)
{
	return (uint32_t)(drawing_random(&pen->random) % sides);
}

static void rest(unsigned int us)
{
	const struct timespec time = {.tv_nsec = us * 1000l};

	nanosleep(&time, NULL);
}

/* ---- requests ---------------------------------------------------------------------- */

/* False if the device has died. */
static bool send(struct pen *pen, unsigned int queue, uint32_t type, void *request, uint32_t len)
{
	struct drawing *drawing = pen->drawing;
	struct virtio_gpu_ctrl_hdr *header = request;
	const struct vgpu_chain_desc descs[] = {{len, false}, {512, true}};
	struct vgpu_driver_answer answer;
	struct vgpu_error err;

	if (drawing->num_sent == drawing->sent_capacity)
		return false;
	header->type = htole32(type);
	drawing->sent[drawing->num_sent++] = header->type;
	const struct vgpu_driver_request message = {.queue = queue,
						    .descs = descs,
						    .num_descs = 2,
						    .indirect_at = -1,
						    .bytes = request,
						    .len = len};
	if (vgpu_driver_submit(&pen->driver, &message, &answer, &err) < 0)
		return false;
	drawing->answered_ns[drawing->num_answers++] = vgpu_now_ns();
	return true;
}

static bool make_resource(struct pen *pen, uint32_t id, uint32_t width, uint32_t height)
{
	struct virtio_gpu_resource_create_2d create = {
		.resource_id = htole32(id),
		.format = htole32(VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM),
		.width = htole32(width),
		.height = htole32(height)};
	struct {
		struct virtio_gpu_resource_attach_backing head;
		struct virtio_gpu_mem_entry entry;
	} attach = {.head = {.resource_id = htole32(id), .nr_entries = htole32(1)},
		    .entry = {.addr = htole64(pen->target->memory_gpa + PIXELS),
			      .length = htole32(PIXELS_SIZE)}};

	return send(pen, 0, VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, &create, sizeof(create)) &&
	       send(pen, 0, VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, &attach, sizeof(attach));
}

static struct virtio_gpu_rect rect(uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
	return (struct virtio_gpu_rect){htole32(x), htole32(y), htole32(width), htole32(height)};
}

static bool transfer(struct pen *pen, uint32_t id, struct virtio_gpu_rect area, uint64_t offset)
{
	struct virtio_gpu_transfer_to_host_2d request = {
		.r = area, .offset = htole64(offset), .resource_id = htole32(id)};

	return send(pen, 0, VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, &request, sizeof(request));
}

/* ---- pictures ------------------------------------------------------------------------ */

/* Another resource than before is shown, and the one before is destroyed. */
static bool show_new(struct pen *pen)
{
	uint32_t old = pen->resource;

	pen->resource = old % 8 + 1;
	if (!make_resource(pen, pen->resource, WIDTH, HEIGHT))
		return false;
	struct virtio_gpu_set_scanout scanout = {.r = rect(0, 0, WIDTH, HEIGHT),
						 .resource_id = htole32(pen->resource)};
	if (!send(pen, 0, VIRTIO_GPU_CMD_SET_SCANOUT, &scanout, sizeof(scanout)))
		return false;
	struct virtio_gpu_resource_unref unref = {.resource_id = htole32(old)};
	return old == 0 || send(pen, 0, VIRTIO_GPU_CMD_RESOURCE_UNREF, &unref, sizeof(unref));
}

static bool draw(struct pen *pen)
{
	uint32_t x = roll(pen, WIDTH / 2), y = roll(pen, HEIGHT / 2);
	uint32_t width = 1 + roll(pen, WIDTH / 2), height = 1 + roll(pen, HEIGHT / 2);
	uint64_t noise = drawing_random(&pen->random);

	for (uint32_t row = y; row < y + height; row++) {
		uint8_t *at = pen->target->memory + PIXELS + ((size_t)row * WIDTH + x) * 4;
		for (uint32_t column = 0; column < width; column++, at += 4) {
			memcpy(at, &noise, 4);
			noise = noise << 7 ^ noise >> 9;
		}
	}
	struct virtio_gpu_rect area = rect(x, y, width, height);
	struct virtio_gpu_resource_flush flush = {.r = area, .resource_id = htole32(pen->resource)};
	return transfer(pen, pen->resource, area, ((uint64_t)y * WIDTH + x) * 4) &&
	       send(pen, 0, VIRTIO_GPU_CMD_RESOURCE_FLUSH, &flush, sizeof(flush));
}

static bool move_cursor(struct pen *pen, uint32_t type)
{
	struct virtio_gpu_update_cursor cursor = {
		.pos = {.x = htole32(roll(pen, WIDTH)), .y = htole32(roll(pen, HEIGHT))},
		.resource_id = htole32(CURSOR_ID)};

	return send(pen, 1, type, &cursor, sizeof(cursor));
}

static bool do_something(struct pen *pen)
{
	switch (roll(pen, 16)) {
	case 0:
		return show_new(pen);
	case 1:
		return move_cursor(pen, VIRTIO_GPU_CMD_UPDATE_CURSOR);
	case 2:
	case 3:
		return move_cursor(pen, VIRTIO_GPU_CMD_MOVE_CURSOR);
	default:
		return draw(pen);
	}
}

/* ---- the driver ------------------------------------------------------------------------- */

static bool set_up(struct pen *pen)
{
	struct vgpu_error err;
	uint64_t offered;

	return vgpu_driver_reset(&pen->driver, &err) == 0 &&
	       vgpu_driver_offered(&pen->driver, &offered, &err) == 0 &&
	       vgpu_driver_negotiate(&pen->driver, 1ull << VIRTIO_F_VERSION_1, &err) == 0 &&
	       vgpu_driver_set_queue(&pen->driver, 0, 64, &err) == 0 &&
	       vgpu_driver_set_queue(&pen->driver, 1, 16, &err) == 0 &&
	       vgpu_driver_ok(&pen->driver, &err) == 0;
}

static struct vgpu_target *connect_when_there(const char *socket, unsigned int patience_ms)
{
	struct vgpu_target_options options = {
		.memory_size = MEMORY,
		.num_scanouts = 1,
		.outputs = {{.rect = {.width = WIDTH, .height = HEIGHT}, .enabled = true}},
	};
	uint64_t end = vgpu_now_ns() + patience_ms * 1000000ull;
	struct vgpu_error err;
	char spec[128];

	snprintf(spec, sizeof(spec), "vhost-user:%s", socket);
	while (vgpu_now_ns() < end) {
		struct vgpu_target *target =
			access(socket, F_OK) == 0 ? vgpu_target_open(spec, &options, &err) : NULL;
		if (target != NULL)
			return target;
		rest(1000);
	}
	return NULL;
}

static bool has_enough(const struct drawing *drawing, uint64_t begin_ns)
{
	return drawing->enough != 0 && drawing->num_answers >= drawing->enough &&
	       vgpu_now_ns() - begin_ns >= drawing->time_ns;
}

bool drawing_until_death(struct drawing *drawing, const char *socket, uint64_t seed)
{
	struct pen pen = {.drawing = drawing, .random = seed};

	drawing->sent_capacity = drawing->answers_capacity = 1u << 20;
	drawing->sent = calloc(drawing->sent_capacity, sizeof(*drawing->sent));
	drawing->answered_ns = calloc(drawing->answers_capacity, sizeof(*drawing->answered_ns));
	if (drawing->sent == NULL || drawing->answered_ns == NULL)
		return false;
	pen.target = connect_when_there(socket, drawing->patience_ms);
	if (pen.target == NULL)
		return false;
	/* Some guests are busy, some draw now and then. */
	uint32_t pause_us = roll(&pen, 3) == 0 || drawing->quick ? 0 : roll(&pen, 20000);
	bool alive = true;

	vgpu_driver_init(&pen.driver, pen.target, ARENA);
	alive = set_up(&pen) && show_new(&pen) && make_resource(&pen, CURSOR_ID, 64, 64);
	uint64_t begin = vgpu_now_ns();
	while (alive && !has_enough(drawing, begin)) {
		alive = do_something(&pen);
		if (pause_us > 0)
			rest(pause_us);
	}
	vgpu_driver_fini(&pen.driver);
	pen.target->ops->close(pen.target);
	return alive;
}

void drawing_fini(struct drawing *drawing)
{
	free(drawing->sent);
	free(drawing->answered_ns);
	*drawing = (struct drawing){0};
}
