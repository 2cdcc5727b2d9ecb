/* SPDX-License-Identifier: MIT */
/*
 * A front end that takes the guest's memory away, but for its first bytes, while a
 * request is with the device. Exit status 0: the back end has ended the connection.
 */
#include "target/vhost_user_front.h"
#include "unit/picture-requests.h"

#include <linux/virtio_config.h>
#include <linux/virtio_gpu.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define RAM	 0x40000000ull
#define RAM_SIZE (1u << 20)
#define AVAIL	 0x1000u
#define USED	 0x2000u
#define REQUESTS 0x4000u
#define ANSWERS	 0x8000u
#define PIXELS	 0x80000u
#define SIDE	 64u
#define SLOTS	 16u
#define WAIT_MS	 10000

/* One after the other, each with an answer. */
static void offer(uint8_t *ram, const void *request, uint32_t len)
{
	struct vring_desc *desc = (void *)ram;
	struct vring_avail *avail = (void *)(ram + AVAIL);
	uint32_t n = avail->idx;

	memcpy(ram + REQUESTS + n * 0x100, request, len);
	desc[2 * n] = (struct vring_desc){RAM + REQUESTS + n * 0x100, len, VRING_DESC_F_NEXT,
					  (uint16_t)(2 * n + 1)};
	desc[2 * n + 1] =
		(struct vring_desc){RAM + ANSWERS + n * 0x100, 0x100, VRING_DESC_F_WRITE, 0};
	avail->ring[n] = (uint16_t)(2 * n);
	avail->idx++;
}

static void offer_picture(uint8_t *ram)
{
	const struct picture_requests show = picture_requests(SIDE, SIDE, RAM + PIXELS);

	offer(ram, &show.create, sizeof(show.create));
	offer(ram, &show.attach, sizeof(show.attach));
	offer(ram, &show.scanout, sizeof(show.scanout));
	offer(ram, &show.transfer, sizeof(show.transfer));
	offer(ram, &show.flush, sizeof(show.flush));
}

static int open_memory(struct vgpu_vhost_user_memory *memory)
{
	memory->fd = memfd_create("ram", MFD_CLOEXEC);
	if (memory->fd < 0 || ftruncate(memory->fd, RAM_SIZE) != 0)
		return -1;
	memory->base = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, memory->fd, 0);
	memory->gpa = RAM;
	memory->size = RAM_SIZE;
	memory->seam = RAM_SIZE / 2;
	return memory->base != MAP_FAILED ? 0 : -1;
}

static int start(struct vgpu_vhost_user_front *front, int display, struct vgpu_error *err)
{
	const struct vgpu_queue_info info = {.ready = true,
					     .size = SLOTS,
					     .desc = RAM,
					     .driver = RAM + AVAIL,
					     .device = RAM + USED};
	int ret = vgpu_vhost_user_front_connect(front, err);

	if (ret == 0)
		ret = vgpu_vhost_user_front_start(front, 1ull << VIRTIO_F_VERSION_1, display, err);
	return ret == 0 ? vgpu_vhost_user_front_start_ring(front, 0, &info, err) : ret;
}

int main(int argc, char **argv)
{
	struct vgpu_vhost_user_front front;
	struct vgpu_error err;
	int display[2];

	if (argc != 3) {
		fprintf(stderr, "Usage: take-memory SOCKET BYTES\n");
		return 2;
	}
	vgpu_vhost_user_front_init(&front, argv[1]);
	if (open_memory(&front.memory) != 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, display) != 0)
		return 2;
	if (start(&front, display[1], &err) != 0) {
		fprintf(stderr, "take-memory: %s\n", err.text);
		return 2;
	}
	offer_picture(front.memory.base);
	if (ftruncate(front.memory.fd, strtol(argv[2], NULL, 0)) != 0)
		return 2;
	vgpu_vhost_user_front_kick(&front, 0);
	struct pollfd end = {.fd = front.channel.fd, .events = POLLRDHUP};
	bool ended = poll(&end, 1, WAIT_MS) == 1;
	vgpu_vhost_user_front_fini(&front);
	return ended ? 0 : 1;
}
