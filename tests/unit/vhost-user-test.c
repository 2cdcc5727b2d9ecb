/* SPDX-License-Identifier: MIT */
/*
 * The vhost-user-gpu server, seen from a front end that speaks as QEMU does:
 * the messages and their order are those captured from QEMU 7.2 and 10.0.
 * A real QEMU is what `make live` runs; this one can also break the rules.
 */
#include "bus/vhost_user.h"
#include "unit.h"
#include "vgpu.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_gpu.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

extern const struct unit_suite vhost_user_suite;

#define RAM	 0x40000000ull
#define RAM_SIZE (8u << 20)
/* Where the front end has the guest's memory, as far as the server is told. */
#define USER	   0x7f0000000000ull
#define QUEUE_SIZE 64
#define RING(q)	   (0x1000u + (q)*0x4000u)
#define REQUEST	   0x10000u
#define RESPONSE   0x20000u
#define PIXELS	   0x100000u
#define FEATURES   (1ull << 32 | 1ull << 30 | 1ull << 40)
#define PACKED	   (1ull << VIRTIO_F_RING_PACKED)
#define F_AVAIL	   (1u << VRING_PACKED_DESC_F_AVAIL)
#define F_USED	   (1u << VRING_PACKED_DESC_F_USED)

struct front {
	struct vgpu_mem_map *map;
	struct vgpu_device *device;
	struct vgpu_vhost_user *server;
	int fd, gpu, ram_fd;
	int kick[VGPU_NUM_QUEUES], call[VGPU_NUM_QUEUES];
	uint8_t *ram;
	uint64_t features;  /* of the guest */
	uint16_t used_seen; /* packed: slots over two laps, as the device counts them */
	char log[1024];
};

static void on_log(void *opaque, const char *line)
{
	struct front *front = opaque;

	snprintf(front->log, sizeof(front->log), "%s", line);
}

static void front_start(struct front *front, bool ask)
{
	struct vgpu_device_options options = {
		.num_scanouts = 1,
		.outputs = {{.rect = {.width = 64, .height = 48}, .enabled = true}}};
	int pair[2];

	memset(front, 0, sizeof(*front));
	front->map = vgpu_mem_map_new();
	options.memory = vgpu_mem_map_memory(front->map);
	front->device = vgpu_device_new(&options);
	front->server =
		vgpu_vhost_user_new(&(struct vgpu_vhost_user_options){.device = front->device,
								      .memory = front->map,
								      .ask_front_end = ask,
								      .log = on_log,
								      .opaque = front});
	CU_ASSERT_PTR_NOT_NULL_FATAL(front->server);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	front->fd = pair[0];
	CU_ASSERT_EQUAL(vgpu_vhost_user_attach(front->server, pair[1], NULL), 0);
	front->gpu = -1;
	front->features = FEATURES;
	front->ram_fd = memfd_create("ram", MFD_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(ftruncate(front->ram_fd, RAM_SIZE), 0);
	front->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, front->ram_fd, 0);
	CU_ASSERT_PTR_NOT_EQUAL_FATAL(front->ram, MAP_FAILED);
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++) {
		front->kick[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		front->call[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	}
}

static void front_stop(struct front *front)
{
	vgpu_vhost_user_free(front->server);
	vgpu_device_free(front->device);
	vgpu_mem_map_free(front->map);
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++) {
		close(front->kick[i]);
		close(front->call[i]);
	}
	munmap(front->ram, RAM_SIZE);
	close(front->ram_fd);
	close(front->fd);
	if (front->gpu >= 0)
		close(front->gpu);
}

/* Lets the server do all that it can do now. Returns its last verdict. */
static int pump(struct front *front)
{
	int rc = 0;

	for (int i = 0; i < 64 && rc == 0; i++)
		rc = vgpu_vhost_user_run(front->server, 0, -1);
	return rc;
}

static void say_with_fds(struct front *front, uint32_t request, uint32_t flags, const void *payload,
			 uint32_t size, const int *fds, unsigned int num_fds)
{
	struct vhost_user_header header = {request, flags | VHOST_USER_VERSION, size};
	struct iovec iov[2] = {{&header, sizeof(header)}, {(void *)(uintptr_t)payload, size}};
	char control[CMSG_SPACE(sizeof(int) * 16)] = {0};
	struct msghdr msg = {.msg_iov = iov, .msg_iovlen = 2};

	if (num_fds != 0) {
		msg.msg_control = control;
		msg.msg_controllen = CMSG_SPACE(sizeof(int) * num_fds);
		struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
		cmsg->cmsg_level = SOL_SOCKET;
		cmsg->cmsg_type = SCM_RIGHTS;
		cmsg->cmsg_len = CMSG_LEN(sizeof(int) * num_fds);
		memcpy(CMSG_DATA(cmsg), fds, sizeof(int) * num_fds);
	}
	CU_ASSERT_EQUAL(sendmsg(front->fd, &msg, MSG_NOSIGNAL), (ssize_t)(sizeof(header) + size));
}

static void say(struct front *front, uint32_t request, const void *payload, uint32_t size)
{
	say_with_fds(front, request, 0, payload, size, NULL, 0);
}

static void say_state(struct front *front, uint32_t request, uint32_t index, uint32_t num)
{
	struct vhost_vring_state state = {.index = index, .num = num};

	say(front, request, &state, sizeof(state));
}

static void say_fd(struct front *front, uint32_t request, uint64_t value, int fd)
{
	say_with_fds(front, request, 0, &value, sizeof(value), &fd, 1);
}

/* The reply to a request of this kind; returns its payload's size or -1. */
static int hear(struct front *front, uint32_t request, void *payload, size_t room)
{
	struct vhost_user_header header;

	pump(front);
	if (recv(front->fd, &header, sizeof(header), MSG_DONTWAIT) != sizeof(header))
		return -1;
	CU_ASSERT_EQUAL(header.request, request);
	CU_ASSERT_EQUAL(header.flags, VHOST_USER_VERSION | VHOST_USER_REPLY);
	CU_ASSERT_FATAL(header.size <= room);
	if (header.size != 0)
		CU_ASSERT_EQUAL(recv(front->fd, payload, header.size, MSG_DONTWAIT),
				(ssize_t)header.size);
	return (int)header.size;
}

static uint64_t ask_u64(struct front *front, uint32_t request)
{
	uint64_t value = 0;

	say(front, request, NULL, 0);
	CU_ASSERT_EQUAL(hear(front, request, &value, sizeof(value)), 8);
	return value;
}

/* Sequence A: what a front end says when it creates the device. */
static void create(struct front *front)
{
	uint64_t features = ask_u64(front, VHOST_USER_GET_FEATURES);
	uint64_t protocol = ask_u64(front, VHOST_USER_GET_PROTOCOL_FEATURES);

	CU_ASSERT_TRUE((features & 1ull << VHOST_USER_F_PROTOCOL_FEATURES) != 0);
	CU_ASSERT_TRUE((features & 1ull << 32) != 0);
	CU_ASSERT_TRUE((protocol & 1ull << VHOST_USER_PROTOCOL_F_CONFIG) != 0);
	say(front, VHOST_USER_SET_PROTOCOL_FEATURES, &protocol, sizeof(protocol));
	CU_ASSERT_EQUAL(ask_u64(front, VHOST_USER_GET_QUEUE_NUM), 2);
	say(front, VHOST_USER_SET_OWNER, NULL, 0);
}

static void send_memory(struct front *front, uint32_t flags)
{
	/* two regions of one file, with a seam where requests lie */
	struct vhost_user_mem_table table = {
		.num = 2,
		.regions = {{.gpa = RAM, .size = REQUEST + 20, .user_addr = USER},
			    {.gpa = RAM + REQUEST + 20,
			     .size = RAM_SIZE - REQUEST - 20,
			     .user_addr = USER + REQUEST + 20,
			     .mmap_offset = REQUEST + 20}}};
	int fds[2] = {front->ram_fd, front->ram_fd};

	say_with_fds(front, VHOST_USER_SET_MEM_TABLE, flags, &table, 8 + 2 * 32, fds, 2);
}

static void open_gpu_socket(struct front *front)
{
	int pair[2];

	if (front->gpu >= 0)
		close(front->gpu);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	front->gpu = pair[0];
	say_with_fds(front, VHOST_USER_GPU_SET_SOCKET, 0, NULL, 0, &pair[1], 1);
	close(pair[1]);
}

/* Sequence B: the guest's driver says DRIVER_OK, or the guest goes on. */
static void start_rings(struct front *front, uint32_t base)
{
	uint32_t first = vgpu_first_index(front->features);
	uint64_t ack = 1;

	open_gpu_socket(front);
	say(front, VHOST_USER_SET_FEATURES, &front->features, sizeof(front->features));
	send_memory(front, VHOST_USER_NEED_REPLY);
	CU_ASSERT_EQUAL(hear(front, VHOST_USER_SET_MEM_TABLE, &ack, sizeof(ack)), 8);
	CU_ASSERT_EQUAL(ack, 0);
	for (unsigned int q = 0; q < VGPU_NUM_QUEUES; q++) {
		struct vhost_vring_addr addr = {.index = q,
						.desc_user_addr = USER + RING(q),
						.avail_user_addr = USER + RING(q) + 0x1000,
						.used_user_addr = USER + RING(q) + 0x2000};

		if (base == first)
			memset(front->ram + RING(q), 0, 0x4000);
		say_state(front, VHOST_USER_SET_VRING_NUM, q, QUEUE_SIZE);
		say_state(front, VHOST_USER_SET_VRING_BASE, q, q == 0 ? base : first);
		say(front, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr));
		say_fd(front, VHOST_USER_SET_VRING_KICK, q, front->kick[q]);
		say_fd(front, VHOST_USER_SET_VRING_CALL, q, front->call[q]);
	}
	for (unsigned int q = 0; q < VGPU_NUM_QUEUES; q++)
		say_state(front, VHOST_USER_SET_VRING_ENABLE, q, 1);
	front->used_seen = (uint16_t)base;
	if (base == first)
		front->used_seen = 0;
	CU_ASSERT_EQUAL(pump(front), 0);
}

/* Sequence C: a reset of the guest, or a stop. Returns the base of queue 0. */
static uint32_t stop_rings(struct front *front)
{
	struct vhost_vring_state state[VGPU_NUM_QUEUES];

	close(front->gpu);
	front->gpu = -1;
	for (unsigned int q = 0; q < VGPU_NUM_QUEUES; q++)
		say_state(front, VHOST_USER_SET_VRING_ENABLE, q, 0);
	for (unsigned int q = 0; q < VGPU_NUM_QUEUES; q++) {
		say_state(front, VHOST_USER_GET_VRING_BASE, q, 0);
		CU_ASSERT_EQUAL(hear(front, VHOST_USER_GET_VRING_BASE, &state[q], sizeof(state[q])),
				sizeof(state[q]));
	}
	return state[0].num;
}

static void kick(struct front *front, unsigned int queue)
{
	uint64_t one = 1;

	CU_ASSERT_EQUAL(write(front->kick[queue], &one, sizeof(one)), sizeof(one));
}

/* The chain takes two slots, so none goes over the end of the ring. */
static void make_available_packed(struct front *front, const struct vring_desc *desc)
{
	struct vring_packed_desc *ring = (void *)(front->ram + RING(0));
	unsigned int lap = front->used_seen < QUEUE_SIZE ? F_AVAIL : F_USED;

	for (unsigned int i = 0; i < 2; i++)
		ring[front->used_seen % QUEUE_SIZE + i] =
			(struct vring_packed_desc){.addr = desc[i].addr,
						   .len = desc[i].len,
						   .id = 7,
						   .flags = (uint16_t)(desc[i].flags | lap)};
}

static void offer(struct front *front, const void *request, uint32_t len)
{
	struct vring_desc *desc = (void *)(front->ram + RING(0));
	struct vring_avail *avail = (void *)(front->ram + RING(0) + 0x1000);

	memcpy(front->ram + REQUEST, request, len);
	memset(front->ram + RESPONSE, 0xaa, 2048);
	const struct vring_desc chain[2] = {{RAM + REQUEST, len, VRING_DESC_F_NEXT, 1},
					    {RAM + RESPONSE, 2048, VRING_DESC_F_WRITE, 0}};
	if ((front->features & PACKED) != 0) {
		make_available_packed(front, chain);
		kick(front, 0);
		return;
	}
	memcpy(desc, chain, sizeof(chain));
	avail->ring[avail->idx % QUEUE_SIZE] = 0;
	avail->idx++;
	kick(front, 0);
}

static bool is_used(const struct front *front)
{
	const struct vring_packed_desc *ring = (void *)(front->ram + RING(0));
	const struct vring_used *used = (void *)(front->ram + RING(0) + 0x2000);

	if ((front->features & PACKED) == 0)
		return used->idx != front->used_seen;
	return (ring[front->used_seen % QUEUE_SIZE].flags & (F_AVAIL | F_USED)) ==
	       (front->used_seen < QUEUE_SIZE ? F_AVAIL | F_USED : 0);
}

/* The answer's type, or 0 if there is none yet. */
static uint32_t answer(struct front *front)
{
	const struct virtio_gpu_ctrl_hdr *response = (void *)(front->ram + RESPONSE);

	if (!is_used(front))
		return 0;
	if ((front->features & PACKED) != 0) {
		front->used_seen = (uint16_t)((front->used_seen + 2) % (2 * QUEUE_SIZE));
		return response->type;
	}
	front->used_seen++;
	return response->type;
}

static uint32_t command(struct front *front, const void *request, uint32_t len)
{
	offer(front, request, len);
	CU_ASSERT_EQUAL(pump(front), 0);
	return answer(front);
}

static uint32_t flush(struct front *front, struct virtio_gpu_rect rect)
{
	struct virtio_gpu_resource_flush request = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_FLUSH, .r = rect, .resource_id = 1};

	return command(front, &request, sizeof(request));
}

/* Shows a picture of width x height whose pixel n is n. */
static void show(struct front *front, uint32_t width, uint32_t height)
{
	struct virtio_gpu_rect all = {.width = width, .height = height};
	struct virtio_gpu_resource_create_2d new = {.hdr.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
						    .resource_id = 1,
						    .format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
						    .width = width,
						    .height = height};
	struct {
		struct virtio_gpu_resource_attach_backing head;
		struct virtio_gpu_mem_entry entry;
	} attach = {.head.hdr.type = VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
		    .head.resource_id = 1,
		    .head.nr_entries = 1,
		    .entry = {.addr = RAM + PIXELS, .length = width * height * 4}};
	struct virtio_gpu_set_scanout scanout = {
		.hdr.type = VIRTIO_GPU_CMD_SET_SCANOUT, .r = all, .resource_id = 1};
	struct virtio_gpu_transfer_to_host_2d transfer = {
		.hdr.type = VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, .r = all, .resource_id = 1};
	uint32_t *pixels = (void *)(front->ram + PIXELS);

	for (uint32_t i = 0; i < width * height; i++)
		pixels[i] = i;
	CU_ASSERT_EQUAL(command(front, &new, sizeof(new)), VIRTIO_GPU_RESP_OK_NODATA);
	CU_ASSERT_EQUAL(command(front, &attach, sizeof(attach)), VIRTIO_GPU_RESP_OK_NODATA);
	CU_ASSERT_EQUAL(command(front, &scanout, sizeof(scanout)), VIRTIO_GPU_RESP_OK_NODATA);
	CU_ASSERT_EQUAL(command(front, &transfer, sizeof(transfer)), VIRTIO_GPU_RESP_OK_NODATA);
}

struct gpu_message {
	uint32_t request, flags, size;
	uint32_t words[5 + (128 << 10) / 4];
};

/* The server's next message on the display socket; false if there is none. */
static bool gpu_hear(struct front *front, struct gpu_message *message)
{
	size_t done = 0, want = 12;

	for (int i = 0; i < 1000; i++) {
		ssize_t n = recv(front->gpu, (uint8_t *)message + done, want - done, MSG_DONTWAIT);

		if (n > 0)
			done += (size_t)n;
		else
			pump(front);
		if (done == 12 && want == 12)
			want += message->size;
		CU_ASSERT_FATAL(want <= sizeof(*message));
		if (done == want)
			return true;
		if (n <= 0 && done == 0 && i > 3)
			return false;
	}
	return false;
}

static void gpu_reply(struct front *front, uint32_t request, const void *payload, uint32_t size)
{
	uint32_t header[3] = {request, 4, size};

	CU_ASSERT_EQUAL(send(front->gpu, header, sizeof(header), MSG_NOSIGNAL), sizeof(header));
	CU_ASSERT_EQUAL(send(front->gpu, payload, size, MSG_NOSIGNAL), (ssize_t)size);
}

/* What QEMU does first on a new display socket. */
static void gpu_handshake(struct front *front)
{
	struct gpu_message *message = malloc(sizeof(*message));
	uint64_t features = 3;

	CU_ASSERT_TRUE(gpu_hear(front, message));
	CU_ASSERT_EQUAL(message->request, 1);
	gpu_reply(front, 1, &features, sizeof(features));
	CU_ASSERT_TRUE(gpu_hear(front, message));
	CU_ASSERT_EQUAL(message->request, 2);
	CU_ASSERT_EQUAL(message->size, 8);
	CU_ASSERT_EQUAL(message->words[0] | message->words[1], 0);
	free(message);
}

static void speaks_as_qemu_expects(void)
{
	struct front front;
	struct vhost_user_config config = {.size = 20};

	front_start(&front, false);
	create(&front);
	/* a config longer than we know is filled with zeros */
	say(&front, VHOST_USER_GET_CONFIG, &config, 12 + 20);
	CU_ASSERT_EQUAL(hear(&front, VHOST_USER_GET_CONFIG, &config, sizeof(config)), 32);
	CU_ASSERT_EQUAL(config.bytes[8], 1);
	CU_ASSERT_EQUAL(config.bytes[16], 0);
	start_rings(&front, 0);
	gpu_handshake(&front);
	show(&front, 64, 48);
	uint64_t calls = 0;
	CU_ASSERT_EQUAL(read(front.call[0], &calls, sizeof(calls)), sizeof(calls));
	CU_ASSERT_EQUAL(calls, 4);
	front_stop(&front);
}

static void picture_comes_in_bands(void)
{
	struct gpu_message *message = malloc(sizeof(*message));
	struct front front;
	uint32_t next_row = 0;
	bool right = true;

	front_start(&front, false);
	create(&front);
	start_rings(&front, 0);
	gpu_handshake(&front);
	show(&front, 1024, 600);
	/* nothing is shown before a flush but the size */
	CU_ASSERT_TRUE(gpu_hear(&front, message));
	CU_ASSERT_EQUAL(message->request, 7);
	CU_ASSERT_EQUAL(message->words[1], 1024);
	CU_ASSERT_EQUAL(message->words[2], 600);
	CU_ASSERT_FALSE(gpu_hear(&front, message));
	/* the first flush after it shows all, however small it is */
	CU_ASSERT_EQUAL(flush(&front, (struct virtio_gpu_rect){5, 5, 1, 1}),
			VIRTIO_GPU_RESP_OK_NODATA);
	while (next_row < 600 && gpu_hear(&front, message)) {
		CU_ASSERT_EQUAL(message->request, 8);
		CU_ASSERT_EQUAL(message->words[2], next_row);
		CU_ASSERT_EQUAL(message->words[3], 1024);
		CU_ASSERT_EQUAL(message->size, 20 + 4 * 1024 * message->words[4]);
		for (uint32_t i = 0; i < 1024 * message->words[4]; i++)
			right = right && (message->words[5 + i] & 0xffffff) == 1024 * next_row + i;
		next_row += message->words[4];
	}
	CU_ASSERT_EQUAL(next_row, 600);
	CU_ASSERT_TRUE(right);
	/* later ones are merged into one rectangle while none can be sent */
	struct virtio_gpu_resource_flush two[2] = {
		{.hdr.type = VIRTIO_GPU_CMD_RESOURCE_FLUSH, .r = {10, 20, 4, 4}, .resource_id = 1},
		{.hdr.type = VIRTIO_GPU_CMD_RESOURCE_FLUSH, .r = {2, 30, 5, 6}, .resource_id = 1}};
	struct vring_desc *desc = (void *)(front.ram + RING(0));
	struct vring_avail *avail = (void *)(front.ram + RING(0) + 0x1000);
	memcpy(front.ram + REQUEST, two, sizeof(two));
	for (unsigned int i = 0; i < 2; i++) {
		desc[i] = (struct vring_desc){RAM + REQUEST + i * sizeof(two[0]), sizeof(two[0]), 0,
					      0};
		avail->ring[(avail->idx + i) % QUEUE_SIZE] = (uint16_t)i;
	}
	avail->idx += 2;
	kick(&front, 0);
	CU_ASSERT_TRUE(gpu_hear(&front, message));
	CU_ASSERT_EQUAL(message->words[1], 2);
	CU_ASSERT_EQUAL(message->words[2], 20);
	CU_ASSERT_EQUAL(message->words[3], 12);
	CU_ASSERT_EQUAL(message->words[4], 16);
	CU_ASSERT_FALSE(gpu_hear(&front, message));
	front_stop(&front);
	free(message);
}

static void cursor_command(struct front *front, uint32_t type, uint32_t resource, uint32_t x)
{
	struct virtio_gpu_update_cursor request = {.hdr.type = type,
						   .pos = {.x = x, .y = 7},
						   .resource_id = resource,
						   .hot_x = 3,
						   .hot_y = 4};
	struct vring_desc *desc = (void *)(front->ram + RING(1));
	struct vring_avail *avail = (void *)(front->ram + RING(1) + 0x1000);

	memcpy(front->ram + REQUEST, &request, sizeof(request));
	desc[0] = (struct vring_desc){RAM + REQUEST, sizeof(request), 0, 0};
	avail->ring[avail->idx % QUEUE_SIZE] = 0;
	avail->idx++;
	kick(front, 1);
}

static void expect_cursor(struct front *front, struct gpu_message *message, uint32_t request,
			  uint32_t size, uint32_t x)
{
	CU_ASSERT_TRUE(gpu_hear(front, message));
	CU_ASSERT_EQUAL(message->request, request);
	CU_ASSERT_EQUAL(message->size, size);
	CU_ASSERT(message->words[0] == 0 && message->words[1] == x && message->words[2] == 7);
}

static void cursor_is_shown_moved_and_hidden(void)
{
	struct gpu_message *message = malloc(sizeof(*message));
	struct front front;

	front_start(&front, false);
	create(&front);
	start_rings(&front, 0);
	gpu_handshake(&front);
	show(&front, 64, 64);
	CU_ASSERT_TRUE(gpu_hear(&front, message));
	cursor_command(&front, VIRTIO_GPU_CMD_UPDATE_CURSOR, 1, 10);
	expect_cursor(&front, message, 6, 16404, 10);
	CU_ASSERT(message->words[3] == 3 && message->words[4] == 4);
	CU_ASSERT_EQUAL(message->words[5 + 65], 0xff000000 | 65);
	cursor_command(&front, VIRTIO_GPU_CMD_MOVE_CURSOR, 0, 11);
	expect_cursor(&front, message, 4, 12, 11);
	CU_ASSERT_FALSE(gpu_hear(&front, message));
	/* a new display hears of the cursor without being asked */
	uint32_t base = stop_rings(&front);
	memset(front.ram + RING(1), 0, 0x4000);
	start_rings(&front, base);
	gpu_handshake(&front);
	CU_ASSERT_TRUE(gpu_hear(&front, message));
	CU_ASSERT_EQUAL(message->request, 7);
	expect_cursor(&front, message, 6, 16404, 11);
	CU_ASSERT_TRUE(gpu_hear(&front, message));
	CU_ASSERT_EQUAL(message->request, 8);
	cursor_command(&front, VIRTIO_GPU_CMD_UPDATE_CURSOR, 0, 12);
	expect_cursor(&front, message, 5, 12, 12);
	CU_ASSERT_FALSE(gpu_hear(&front, message));
	front_stop(&front);
	free(message);
}

/* What was half sent or half received on the old one has nothing to do with the new one. */
static void new_display_socket_begins_anew(void)
{
	struct front front;

	front_start(&front, false);
	create(&front);
	start_rings(&front, 0);
	gpu_handshake(&front);
	show(&front, 1024, 768);
	flush(&front, (struct virtio_gpu_rect){0, 0, 1024, 768});
	pump(&front);
	CU_ASSERT_EQUAL(send(front.gpu, "half", 4, MSG_NOSIGNAL), 4);
	pump(&front);
	open_gpu_socket(&front);
	gpu_handshake(&front);
	front_stop(&front);
}

static void guest_is_served_while_nobody_looks(void)
{
	struct front front;
	bool all = true;

	front_start(&front, false);
	create(&front);
	start_rings(&front, 0);
	show(&front, 1024, 768);
	/* the display socket is never read; its buffer fills; the guest goes on */
	for (int i = 0; i < 200; i++)
		all = all && flush(&front, (struct virtio_gpu_rect){0, 0, 1024, 768}) ==
				     VIRTIO_GPU_RESP_OK_NODATA;
	CU_ASSERT_TRUE(all);
	/* and so does the other socket */
	CU_ASSERT_NOT_EQUAL(ask_u64(&front, VHOST_USER_GET_FEATURES), 0);
	front_stop(&front);
}

static void front_end_says_how_large(void)
{
	static const struct virtio_gpu_ctrl_hdr request = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	struct virtio_gpu_resp_display_info info = {
		.hdr.type = VIRTIO_GPU_RESP_OK_DISPLAY_INFO,
		.pmodes = {{.r = {.width = 800, .height = 600}, .enabled = 1}}};
	struct gpu_message *message = malloc(sizeof(*message));
	struct front front;

	front_start(&front, true);
	create(&front);
	start_rings(&front, 0);
	gpu_handshake(&front);
	offer(&front, &request, sizeof(request));
	CU_ASSERT_TRUE(gpu_hear(&front, message));
	CU_ASSERT_EQUAL(message->request, 3);
	CU_ASSERT_EQUAL(answer(&front), 0); /* held, without blocking */
	CU_ASSERT_NOT_EQUAL(ask_u64(&front, VHOST_USER_GET_FEATURES), 0);
	gpu_reply(&front, 3, &info, sizeof(info));
	pump(&front);
	CU_ASSERT_EQUAL(answer(&front), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	const struct virtio_gpu_resp_display_info *told = (void *)(front.ram + RESPONSE);
	CU_ASSERT_EQUAL(told->pmodes[0].r.width, 800);
	CU_ASSERT_EQUAL(told->pmodes[0].enabled, 1);
	/* a display that is off, and one that the device has no scanout for */
	info.pmodes[0].enabled = 0;
	info.pmodes[1].enabled = 1;
	offer(&front, &request, sizeof(request));
	CU_ASSERT_TRUE(gpu_hear(&front, message));
	gpu_reply(&front, 3, &info, sizeof(info));
	pump(&front);
	CU_ASSERT_EQUAL(answer(&front), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	CU_ASSERT_EQUAL(told->pmodes[0].enabled, 0);
	CU_ASSERT_EQUAL(told->pmodes[1].enabled, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(front.log, "more displays"));
	/* the front end tells the guest of changes itself */
	uint32_t events = 1;
	vgpu_device_read_config(front.device, 0, &events, sizeof(events));
	CU_ASSERT_EQUAL(events, 0);
	/* a front end that closes the display while it is asked does not hang the guest */
	offer(&front, &request, sizeof(request));
	pump(&front);
	CU_ASSERT_EQUAL(answer(&front), 0);
	close(front.gpu);
	front.gpu = -1;
	pump(&front);
	CU_ASSERT_EQUAL(answer(&front), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	front_stop(&front);
	free(message);
}

/* More than the device executes at a time, behind a request that is held. */
static void long_queue_goes_on_after_the_front_end_has_answered(void)
{
	enum { SIZE = 512, DESC = 0x30000, AVAIL = 0x34000, USED = 0x38000, NUM = 400 };
	static const struct virtio_gpu_ctrl_hdr requests[2] = {
		{.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO}, {.type = 0x0999}};
	struct vhost_vring_addr addr = {.desc_user_addr = USER + DESC,
					.avail_user_addr = USER + AVAIL,
					.used_user_addr = USER + USED};
	struct vhost_vring_state state;
	struct front front;

	front_start(&front, true);
	create(&front);
	start_rings(&front, 0);
	say_state(&front, VHOST_USER_GET_VRING_BASE, 0, 0);
	CU_ASSERT_EQUAL(hear(&front, VHOST_USER_GET_VRING_BASE, &state, sizeof(state)), 8);
	say_state(&front, VHOST_USER_SET_VRING_NUM, 0, SIZE);
	say_state(&front, VHOST_USER_SET_VRING_BASE, 0, 0);
	say(&front, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr));
	say_fd(&front, VHOST_USER_SET_VRING_KICK, 0, front.kick[0]);
	say_state(&front, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	pump(&front);

	struct vring_desc *desc = (void *)(front.ram + DESC);
	struct vring_avail *avail = (void *)(front.ram + AVAIL);
	const struct vring_used *used = (void *)(front.ram + USED);
	memcpy(front.ram + REQUEST, requests, sizeof(requests));
	desc[0] = (struct vring_desc){RAM + REQUEST, 24, 0, 0};
	desc[1] = (struct vring_desc){RAM + REQUEST + 24, 24, 0, 0};
	for (unsigned int i = 1; i < NUM; i++)
		avail->ring[i] = 1;
	avail->idx = NUM;
	kick(&front, 0);
	pump(&front);
	CU_ASSERT_EQUAL(used->idx, 0);
	close(front.gpu);
	front.gpu = -1;
	pump(&front);
	CU_ASSERT_EQUAL(used->idx, NUM);
	front_stop(&front);
}

static void silent_front_end_is_not_waited_for_long(void)
{
	static const struct virtio_gpu_ctrl_hdr request = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	struct front front;
	uint64_t begin = vgpu_now_ns();

	front_start(&front, true);
	create(&front);
	start_rings(&front, 0);
	offer(&front, &request, sizeof(request));
	while (answer(&front) == 0 && vgpu_now_ns() - begin < 5000000000ull)
		vgpu_vhost_user_run(front.server, -1, -1);
	CU_ASSERT_TRUE(vgpu_now_ns() - begin < 3000000000ull);
	CU_ASSERT_PTR_NOT_NULL(strstr(front.log, "does not answer"));
	/* it is not asked again, but the next one on the socket is */
	CU_ASSERT_EQUAL(command(&front, &request, sizeof(request)),
			VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	open_gpu_socket(&front);
	gpu_handshake(&front);
	offer(&front, &request, sizeof(request));
	pump(&front);
	CU_ASSERT_EQUAL(answer(&front), 0);
	/* which answers the one question, and not the other */
	begin = vgpu_now_ns();
	while (answer(&front) == 0 && vgpu_now_ns() - begin < 5000000000ull)
		vgpu_vhost_user_run(front.server, -1, -1);
	CU_ASSERT_TRUE(vgpu_now_ns() - begin < 3000000000ull);
	front_stop(&front);
}

/* A picture is shown even by a front end that does not say what it can do. */
static void silent_display_is_shown_to(void)
{
	struct gpu_message *message = malloc(sizeof(*message));
	struct front front;

	front_start(&front, false);
	create(&front);
	start_rings(&front, 0);
	show(&front, 64, 48);
	CU_ASSERT_TRUE(gpu_hear(&front, message));
	CU_ASSERT_EQUAL(message->request, 1);
	CU_ASSERT_FALSE(gpu_hear(&front, message));
	vgpu_vhost_user_run(front.server, 3000, -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(front.log, "does not answer"));
	CU_ASSERT_TRUE(gpu_hear(&front, message));
	CU_ASSERT_EQUAL(message->request, 7);
	front_stop(&front);
	free(message);
}

static void stop_and_continue_keeps_everything(void)
{
	struct gpu_message *message = malloc(sizeof(*message));
	struct front front;

	front_start(&front, false);
	create(&front);
	start_rings(&front, 0);
	gpu_handshake(&front);
	show(&front, 64, 48);
	uint32_t base = stop_rings(&front);
	CU_ASSERT_EQUAL(base, 4);
	/* a request that came while it was stopped, with a kick that nobody saw */
	struct virtio_gpu_ctrl_hdr request = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	uint64_t count;
	offer(&front, &request, sizeof(request));
	CU_ASSERT_EQUAL(read(front.kick[0], &count, sizeof(count)), sizeof(count));
	start_rings(&front, base);
	const struct vring_used *used = (void *)(front.ram + RING(0) + 0x2000);
	CU_ASSERT_EQUAL(used->idx, 5); /* and none was done twice */
	CU_ASSERT_EQUAL(answer(&front), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	gpu_handshake(&front);
	/* the new display hears of the picture without being asked */
	CU_ASSERT_TRUE(gpu_hear(&front, message));
	CU_ASSERT_EQUAL(message->request, 7);
	CU_ASSERT_TRUE(gpu_hear(&front, message));
	CU_ASSERT_EQUAL(message->request, 8);
	CU_ASSERT_EQUAL(message->words[3], 64);
	CU_ASSERT_EQUAL(flush(&front, (struct virtio_gpu_rect){0, 0, 64, 48}),
			VIRTIO_GPU_RESP_OK_NODATA);
	front_stop(&front);
	free(message);
}

/* Only from where the old driver was does it go on; from 0 never. */
static void driver_that_begins_elsewhere_is_new(void)
{
	static const uint32_t bases[][2] = {{0, 5}, {65532, 0}};
	struct front front;

	for (unsigned int i = 0; i < 2; i++) {
		front_start(&front, false);
		create(&front);
		((struct vring_avail *)(front.ram + RING(0) + 0x1000))->idx = (uint16_t)bases[i][0];
		start_rings(&front, bases[i][0]);
		show(&front, 64, 48);
		CU_ASSERT_EQUAL(stop_rings(&front), (uint16_t)(bases[i][0] + 4));
		((struct vring_avail *)(front.ram + RING(0) + 0x1000))->idx = (uint16_t)bases[i][1];
		start_rings(&front, bases[i][1]);
		CU_ASSERT_EQUAL(vgpu_device_scanout(front.device, 0)->resource_id, 0);
		front_stop(&front);
	}
}

static void new_driver_finds_nothing(void)
{
	struct front front;

	front_start(&front, false);
	create(&front);
	start_rings(&front, 0);
	show(&front, 64, 48);
	stop_rings(&front);
	start_rings(&front, 0);
	CU_ASSERT_EQUAL(flush(&front, (struct virtio_gpu_rect){0, 0, 64, 48}),
			VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	show(&front, 64, 48);
	say(&front, VHOST_USER_RESET_DEVICE, NULL, 0);
	pump(&front);
	CU_ASSERT_EQUAL(vgpu_device_scanout(front.device, 0)->resource_id, 0);
	front_stop(&front);
}

/* As above with packed rings, whose bases have wrap counters in them. */
static void packed_rings_stop_and_go_on(void)
{
	static const struct virtio_gpu_ctrl_hdr request = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	const struct virtio_gpu_rect all = {0, 0, 64, 48};
	struct front front;

	front_start(&front, false);
	front.features |= PACKED;
	CU_ASSERT_TRUE((ask_u64(&front, VHOST_USER_GET_FEATURES) & PACKED) != 0);
	create(&front);
	start_rings(&front, 0x80008000);
	show(&front, 64, 48);
	/* once around the ring, and a half */
	for (unsigned int i = 0; i < 44; i++)
		CU_ASSERT_EQUAL(flush(&front, all), VIRTIO_GPU_RESP_OK_NODATA);
	uint16_t seen = front.used_seen;
	CU_ASSERT_EQUAL(seen, 96);
	CU_ASSERT_EQUAL(stop_rings(&front), 32u << 16 | 32);
	start_rings(&front, 32u << 16 | 32);
	front.used_seen = seen;
	CU_ASSERT_EQUAL(flush(&front, all), VIRTIO_GPU_RESP_OK_NODATA);
	/* at slot 0 of the second lap, which is 0, and no new driver */
	while (front.used_seen != QUEUE_SIZE)
		CU_ASSERT_EQUAL(command(&front, &request, sizeof(request)),
				VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	CU_ASSERT_EQUAL(stop_rings(&front), 0);
	start_rings(&front, 0);
	front.used_seen = QUEUE_SIZE;
	CU_ASSERT_EQUAL(flush(&front, all), VIRTIO_GPU_RESP_OK_NODATA);
	/* and one that is */
	stop_rings(&front);
	start_rings(&front, 0x80008000);
	CU_ASSERT_EQUAL(flush(&front, all), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	front_stop(&front);
}

/* VIRTIO_F_RING_RESET: the other queue runs on, so the driver is the same. */
static void one_queue_begins_anew(void)
{
	struct vhost_vring_addr addr = {.desc_user_addr = USER + RING(0),
					.avail_user_addr = USER + RING(0) + 0x1000,
					.used_user_addr = USER + RING(0) + 0x2000};
	struct vhost_vring_state state;
	struct front front;

	front_start(&front, false);
	create(&front);
	start_rings(&front, 0);
	show(&front, 64, 48);
	say_state(&front, VHOST_USER_GET_VRING_BASE, 0, 0);
	CU_ASSERT_EQUAL(hear(&front, VHOST_USER_GET_VRING_BASE, &state, sizeof(state)), 8);
	memset(front.ram + RING(0), 0, 0x4000);
	front.used_seen = 0;
	say_state(&front, VHOST_USER_SET_VRING_BASE, 0, 0);
	say(&front, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr));
	say_fd(&front, VHOST_USER_SET_VRING_KICK, 0, front.kick[0]);
	CU_ASSERT_EQUAL(flush(&front, (struct virtio_gpu_rect){0, 0, 64, 48}),
			VIRTIO_GPU_RESP_OK_NODATA);
	front_stop(&front);
}

/* Whether the server waits when there is nothing to do, instead of spinning. */
static bool rests(struct front *front)
{
	pump(front);
	uint64_t begin = vgpu_now_ns();
	CU_ASSERT_EQUAL(vgpu_vhost_user_run(front->server, 20, -1), 0);
	return vgpu_now_ns() - begin >= 19000000;
}

static void rests_after_a_reset(void)
{
	static const struct virtio_gpu_ctrl_hdr request = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	struct front front;

	front_start(&front, false);
	create(&front);
	start_rings(&front, 0);
	gpu_handshake(&front);
	CU_ASSERT_TRUE(rests(&front));
	/* each comes while a queue still has to be looked at */
	say_state(&front, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	say_state(&front, VHOST_USER_SET_VRING_BASE, 0, 0);
	CU_ASSERT_TRUE(rests(&front));
	stop_rings(&front);
	start_rings(&front, 0);
	gpu_handshake(&front);
	say_state(&front, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	say(&front, VHOST_USER_RESET_DEVICE, NULL, 0);
	CU_ASSERT_TRUE(rests(&front));
	CU_ASSERT_EQUAL(command(&front, &request, sizeof(request)), 0);
	start_rings(&front, 0);
	CU_ASSERT_EQUAL(command(&front, &request, sizeof(request)),
			VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	front_stop(&front);
}

/* A kick may be a pipe, and a pipe has an end. */
static void kick_that_ends_is_let_go(void)
{
	static const struct virtio_gpu_ctrl_hdr request = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	struct front front;
	int ends[2];

	front_start(&front, false);
	create(&front);
	start_rings(&front, 0);
	gpu_handshake(&front);
	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	say_fd(&front, VHOST_USER_SET_VRING_KICK, 0, ends[0]);
	close(ends[0]);
	pump(&front);
	CU_ASSERT_EQUAL(write(ends[1], &front, 8), 8);
	offer(&front, &request, sizeof(request));
	close(ends[1]);
	CU_ASSERT_TRUE(rests(&front));
	CU_ASSERT_EQUAL(answer(&front), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	CU_ASSERT_PTR_NOT_NULL(strstr(front.log, "kick"));
	say_fd(&front, VHOST_USER_SET_VRING_KICK, 0, front.kick[0]);
	CU_ASSERT_EQUAL(command(&front, &request, sizeof(request)),
			VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	front_stop(&front);
}

static void reset_disables_the_queues(void)
{
	static const struct virtio_gpu_ctrl_hdr request = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	struct front front;

	front_start(&front, false);
	create(&front);
	start_rings(&front, 0);
	say(&front, VHOST_USER_RESET_DEVICE, NULL, 0);
	/* a new kick alone does not make them run again */
	say_fd(&front, VHOST_USER_SET_VRING_KICK, 0, front.kick[0]);
	CU_ASSERT_EQUAL(command(&front, &request, sizeof(request)), 0);
	say_state(&front, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	pump(&front);
	CU_ASSERT_EQUAL(answer(&front), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	front_stop(&front);
}

static void memory_table_may_change(void)
{
	struct vhost_user_mem_table none = {.num = 0};
	struct front front;

	front_start(&front, false);
	create(&front);
	start_rings(&front, 0);
	show(&front, 64, 48);
	send_memory(&front, 0);
	pump(&front);
	CU_ASSERT_EQUAL(flush(&front, (struct virtio_gpu_rect){0, 0, 64, 48}),
			VIRTIO_GPU_RESP_OK_NODATA);
	/* all of it gone: nothing is touched any more */
	say(&front, VHOST_USER_SET_MEM_TABLE, &none, 8);
	pump(&front);
	CU_ASSERT_EQUAL(flush(&front, (struct virtio_gpu_rect){0, 0, 64, 48}), 0);
	front_stop(&front);
}

static void late_kick_is_not_lost(void)
{
	static const struct virtio_gpu_ctrl_hdr request = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	struct front front;
	uint64_t count;

	front_start(&front, false);
	create(&front);
	start_rings(&front, 0);
	say_state(&front, VHOST_USER_SET_VRING_ENABLE, 0, 0);
	pump(&front);
	offer(&front, &request, sizeof(request));
	pump(&front);
	CU_ASSERT_EQUAL(answer(&front), 0);
	/* the kick was eaten while the queue was off */
	CU_ASSERT_EQUAL(read(front.kick[0], &count, sizeof(count)), sizeof(count));
	say_state(&front, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	pump(&front);
	CU_ASSERT_EQUAL(answer(&front), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	front_stop(&front);
}

static void kick_before_another_descriptor_is_not_lost(void)
{
	static const struct virtio_gpu_ctrl_hdr request = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	struct front front;

	front_start(&front, false);
	create(&front);
	start_rings(&front, 0);
	int other = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	/* both are there when the server looks, and the message comes first */
	offer(&front, &request, sizeof(request));
	say_fd(&front, VHOST_USER_SET_VRING_KICK, 0, other);
	pump(&front);
	CU_ASSERT_EQUAL(answer(&front), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	close(other);
	front_stop(&front);
}

static void bad_messages_are_refused(void)
{
	static const struct {
		uint32_t request, size;
		uint64_t value;
	} bad[] = {
		{VHOST_USER_SET_VRING_NUM, 8, 2048ull << 32},
		{VHOST_USER_SET_VRING_NUM, 8, 0},
		{VHOST_USER_SET_VRING_NUM, 4, 0},
		{VHOST_USER_SET_VRING_BASE, 8, 99},
		{VHOST_USER_SET_VRING_KICK, 8, 0xff},
		{VHOST_USER_SET_VRING_CALL, 8, 2},
		{VHOST_USER_SET_VRING_ENABLE, 8, 0xffffffff},
		{VHOST_USER_SET_VRING_ADDR, 8, 0},
		{VHOST_USER_SET_MEM_TABLE, 8, 9},
		{VHOST_USER_SET_MEM_TABLE, 8, 1},
		{VHOST_USER_GPU_SET_SOCKET, 0, 0},
		{VHOST_USER_GET_CONFIG, 8, 0xffffffffffffffffull},
		{4711, 8, 0},
	};
	struct front front;

	front_start(&front, false);
	create(&front);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t ack = 0;

		say_with_fds(&front, bad[i].request, VHOST_USER_NEED_REPLY, &bad[i].value,
			     bad[i].size, NULL, 0);
		CU_ASSERT_EQUAL(hear(&front, bad[i].request, &ack, sizeof(ack)), 8);
		CU_ASSERT_NOT_EQUAL(ack, 0);
	}
	/* a table without its file, a file without its table */
	struct vhost_user_mem_table table = {
		.num = 1, .regions = {{.gpa = RAM, .size = RAM_SIZE, .user_addr = USER}}};
	uint64_t ack = 0;
	say_with_fds(&front, VHOST_USER_SET_MEM_TABLE, VHOST_USER_NEED_REPLY, &table, 40, NULL, 0);
	CU_ASSERT_EQUAL(hear(&front, VHOST_USER_SET_MEM_TABLE, &ack, sizeof(ack)), 8);
	CU_ASSERT_NOT_EQUAL(ack, 0);
	say_with_fds(&front, VHOST_USER_SET_MEM_TABLE, VHOST_USER_NEED_REPLY, &table, 39,
		     &front.ram_fd, 1);
	CU_ASSERT_EQUAL(hear(&front, VHOST_USER_SET_MEM_TABLE, &ack, sizeof(ack)), 8);
	CU_ASSERT_NOT_EQUAL(ack, 0);
	/* more descriptors than there is room for, where none belong */
	int fds[12];
	for (int i = 0; i < 12; i++)
		fds[i] = front.ram_fd;
	int before = dup(front.ram_fd);
	close(before);
	say_with_fds(&front, VHOST_USER_SET_OWNER, 0, NULL, 0, fds, 12);
	CU_ASSERT_NOT_EQUAL(ask_u64(&front, VHOST_USER_GET_FEATURES), 0);
	/* none of them was kept */
	int after = dup(front.ram_fd);
	close(after);
	CU_ASSERT_EQUAL(before, after);
	front_stop(&front);
}

static void acks_only_where_they_were_agreed(void)
{
	struct vhost_user_header header;
	struct front front;

	front_start(&front, false);
	say_with_fds(&front, VHOST_USER_SET_OWNER, VHOST_USER_NEED_REPLY, NULL, 0, NULL, 0);
	pump(&front);
	CU_ASSERT_EQUAL(recv(front.fd, &header, sizeof(header), MSG_DONTWAIT), -1);
	create(&front);
	say(&front, VHOST_USER_SET_OWNER, NULL, 0);
	pump(&front);
	CU_ASSERT_EQUAL(recv(front.fd, &header, sizeof(header), MSG_DONTWAIT), -1);
	front_stop(&front);
}

/* A front end that waits for a configuration gets an answer, if an empty one. */
static void config_that_is_not_there(void)
{
	static const uint32_t bad[][2] = {{0, 257}, {256, 1}, {UINT32_MAX, 2}, {1, UINT32_MAX}};
	struct front front;

	front_start(&front, false);
	create(&front);
	for (unsigned int i = 0; i < 4; i++) {
		struct vhost_user_config config = {.offset = bad[i][0], .size = bad[i][1]};

		say(&front, VHOST_USER_GET_CONFIG, &config, 16);
		CU_ASSERT_EQUAL(hear(&front, VHOST_USER_GET_CONFIG, &config, sizeof(config)), 0);
	}
	front_stop(&front);
}

/* QEMU before bit 30: no SET_VRING_ENABLE. And what happens to a driver that breaks its ring. */
static void rings_without_enable_and_with_errors(void)
{
	static const struct virtio_gpu_ctrl_hdr request = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	uint64_t features = 1ull << 32, count = UINT64_MAX - 1;
	struct front front;

	front_start(&front, false);
	create(&front);
	start_rings(&front, 0);
	for (unsigned int q = 0; q < VGPU_NUM_QUEUES; q++)
		say_state(&front, VHOST_USER_SET_VRING_ENABLE, q, 0);
	say(&front, VHOST_USER_SET_FEATURES, &features, sizeof(features));
	CU_ASSERT_EQUAL(command(&front, &request, sizeof(request)),
			VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	/* a call descriptor that is full and blocks stops nobody */
	int call = eventfd(0, EFD_CLOEXEC), error = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	CU_ASSERT_EQUAL(write(call, &count, sizeof(count)), sizeof(count));
	say_fd(&front, VHOST_USER_SET_VRING_CALL, 0, call);
	say_fd(&front, VHOST_USER_SET_VRING_ERR, 0, error);
	CU_ASSERT_EQUAL(command(&front, &request, sizeof(request)),
			VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	CU_ASSERT_EQUAL(read(error, &count, sizeof(count)), -1);
	((struct vring_avail *)(front.ram + RING(0) + 0x1000))->idx += 1000;
	kick(&front, 0);
	CU_ASSERT_EQUAL(pump(&front), 0);
	CU_ASSERT_EQUAL(read(error, &count, sizeof(count)), sizeof(count));
	CU_ASSERT_PTR_NOT_NULL(strstr(front.log, "waits for a reset"));
	close(call);
	close(error);
	front_stop(&front);
}

static void other_descriptor_ends_the_wait(void)
{
	struct front front;
	uint64_t one = 1;

	front_start(&front, false);
	CU_ASSERT_EQUAL(vgpu_vhost_user_run(front.server, 0, front.call[0]), 0);
	CU_ASSERT_EQUAL(write(front.call[0], &one, sizeof(one)), sizeof(one));
	CU_ASSERT_EQUAL(vgpu_vhost_user_run(front.server, -1, front.call[0]), 1);
	front_stop(&front);
}

static void rings_outside_memory_are_not_used(void)
{
	struct vhost_vring_addr addr = {.desc_user_addr = UINT64_MAX,
					.avail_user_addr = USER,
					.used_user_addr = USER + RAM_SIZE - 4};
	struct front front;

	front_start(&front, false);
	create(&front);
	start_rings(&front, 0);
	stop_rings(&front);
	for (int i = 0; i < 2; i++) {
		say(&front, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr));
		say_fd(&front, VHOST_USER_SET_VRING_KICK, 0, front.kick[0]);
		say_state(&front, VHOST_USER_SET_VRING_ENABLE, 0, 1);
		kick(&front, 0);
		CU_ASSERT_EQUAL(pump(&front), 0);
		addr.desc_user_addr = USER; /* now it is the used ring that ends too late */
	}
	front_stop(&front);
}

static void nonsense_ends_the_connection(void)
{
	static const uint32_t bad[][3] = {{1, 0, 0}, {1, 1, 100000}, {1, 2, 0}};
	struct front front;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		front_start(&front, false);
		create(&front);
		start_rings(&front, 0);
		CU_ASSERT_EQUAL(send(front.fd, bad[i], 12, 0), 12);
		CU_ASSERT_EQUAL(pump(&front), -ECONNRESET);
		CU_ASSERT_FALSE(vgpu_vhost_user_connected(front.server));
		/* nothing of it is left: neither its display nor the guest's memory */
		struct vgpu_memory memory = vgpu_mem_map_memory(front.map);
		uint64_t len = 1;
		char end[64];
		CU_ASSERT_PTR_NULL(memory.translate(memory.opaque, RAM, &len));
		while ((len = (uint64_t)recv(front.gpu, end, sizeof(end), MSG_DONTWAIT)) != 0)
			CU_ASSERT_FATAL(len <= sizeof(end));
		front_stop(&front);
	}
	/* nonsense on the display socket costs the display only */
	front_start(&front, false);
	create(&front);
	start_rings(&front, 0);
	uint32_t header[3] = {3, 4, 0xfffffff0};
	CU_ASSERT_EQUAL(send(front.gpu, header, 12, 0), 12);
	CU_ASSERT_EQUAL(pump(&front), 0);
	show(&front, 64, 48);
	front_stop(&front);
}

static void messages_in_pieces(void)
{
	struct vhost_user_header header = {VHOST_USER_GET_FEATURES, 1, 0};
	struct front front;
	uint64_t value;

	front_start(&front, false);
	for (size_t i = 0; i < sizeof(header); i++) {
		CU_ASSERT_EQUAL(send(front.fd, (uint8_t *)&header + i, 1, 0), 1);
		pump(&front);
	}
	CU_ASSERT_EQUAL(hear(&front, VHOST_USER_GET_FEATURES, &value, sizeof(value)), 8);
	front_stop(&front);
}

static void unread_replies_end_the_connection(void)
{
	struct vhost_user_header header = {VHOST_USER_GET_FEATURES, 1, 0};
	struct front front;
	int rc = 0;

	front_start(&front, false);
	for (int i = 0; i < 100000 && rc == 0; i++) {
		if (send(front.fd, &header, sizeof(header), MSG_DONTWAIT | MSG_NOSIGNAL) < 0)
			CU_ASSERT_EQUAL(errno, EAGAIN);
		rc = vgpu_vhost_user_run(front.server, 0, -1);
	}
	CU_ASSERT_EQUAL(rc, -ECONNRESET);
	front_stop(&front);
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	if (connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	close(fd);
	return -1;
}

static void listener_takes_one_front_end_after_another(void)
{
	char dir[] = "/tmp/vgpu-test-XXXXXX", path[64], long_path[200];
	struct vgpu_error err;
	struct front front;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/s", dir);
	memset(long_path, 'x', sizeof(long_path) - 1);
	long_path[sizeof(long_path) - 1] = '\0';
	for (int round = 0; round < 2; round++) {
		front_start(&front, false);
		CU_ASSERT_EQUAL(vgpu_vhost_user_listen(front.server, long_path, &err),
				-ENAMETOOLONG);
		CU_ASSERT_EQUAL(vgpu_vhost_user_listen(front.server, dir, &err), -EADDRINUSE);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, dir));
		/* in the second round there is a stale socket in the way */
		CU_ASSERT_EQUAL(vgpu_vhost_user_listen(front.server, path, &err), 0);
		for (int i = 0; i < 2; i++) {
			close(front.fd);
			CU_ASSERT_EQUAL(pump(&front), -ECONNRESET);
			CU_ASSERT_FALSE(vgpu_vhost_user_connected(front.server));
			front.fd = connect_to(path);
			CU_ASSERT_FATAL(front.fd >= 0);
			CU_ASSERT_EQUAL(pump(&front), 0);
			create(&front);
			start_rings(&front, 0);
			show(&front, 64, 48);
		}
		front_stop(&front);
		CU_ASSERT_EQUAL(access(path, F_OK), -1);
		if (round == 0) {
			struct sockaddr_un address = {.sun_family = AF_UNIX};
			int fd = socket(AF_UNIX, SOCK_STREAM, 0);

			snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
			CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
			close(fd);
		}
	}
	rmdir(dir);
}

/* Somebody serves there, is busy, and has more callers than it takes. */
static void busy_path_is_not_waited_for(void)
{
	char dir[] = "/tmp/vgpu-test-XXXXXX";
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	struct vgpu_error err;
	struct front front;
	int callers[8];

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(dir));
	snprintf(address.sun_path, sizeof(address.sun_path), "%s/s", dir);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL(bind(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	CU_ASSERT_EQUAL(listen(fd, 0), 0);
	for (int i = 0; i < 8; i++) {
		callers[i] = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
		(void)connect(callers[i], (struct sockaddr *)&address, sizeof(address));
	}
	front_start(&front, false);
	CU_ASSERT_EQUAL(vgpu_vhost_user_listen(front.server, address.sun_path, &err), -EADDRINUSE);
	front_stop(&front);
	CU_ASSERT_EQUAL(access(address.sun_path, F_OK), 0);
	for (int i = 0; i < 8; i++)
		close(callers[i]);
	close(fd);
	unlink(address.sun_path);
	rmdir(dir);
}

static const struct unit_test tests[] = {
	{"speaks as QEMU expects", speaks_as_qemu_expects},
	{"the picture comes in bands", picture_comes_in_bands},
	{"VG-CUR-004 the cursor is shown, moved and hidden", cursor_is_shown_moved_and_hidden},
	{"a new display socket begins anew", new_display_socket_begins_anew},
	{"the guest is served while nobody looks", guest_is_served_while_nobody_looks},
	{"the front end says how large its displays are", front_end_says_how_large},
	{"a long queue goes on after the front end has answered",
	 long_queue_goes_on_after_the_front_end_has_answered},
	{"a silent front end is not waited for long", silent_front_end_is_not_waited_for_long},
	{"a silent display is shown to", silent_display_is_shown_to},
	{"stop and continue keeps everything", stop_and_continue_keeps_everything},
	{"a driver that begins elsewhere is new", driver_that_begins_elsewhere_is_new},
	{"a new driver finds nothing", new_driver_finds_nothing},
	{"packed rings stop and go on", packed_rings_stop_and_go_on},
	{"VG-STA-014 one queue begins anew", one_queue_begins_anew},
	{"rests after a reset", rests_after_a_reset},
	{"a kick that ends is let go", kick_that_ends_is_let_go},
	{"RESET_DEVICE disables the queues", reset_disables_the_queues},
	{"VG-BAK-025 the memory table may change", memory_table_may_change},
	{"a late kick is not lost", late_kick_is_not_lost},
	{"a kick before another descriptor is not lost",
	 kick_before_another_descriptor_is_not_lost},
	{"bad messages are refused", bad_messages_are_refused},
	{"acknowledgments only where they were agreed", acks_only_where_they_were_agreed},
	{"a configuration that is not there", config_that_is_not_there},
	{"rings without SET_VRING_ENABLE, and with errors", rings_without_enable_and_with_errors},
	{"another descriptor ends the wait", other_descriptor_ends_the_wait},
	{"rings outside memory are not used", rings_outside_memory_are_not_used},
	{"nonsense ends the connection", nonsense_ends_the_connection},
	{"messages may come in pieces", messages_in_pieces},
	{"unread replies end the connection", unread_replies_end_the_connection},
	{"a listener takes one front end after another",
	 listener_takes_one_front_end_after_another},
	{"a busy path is not waited for", busy_path_is_not_waited_for},
	{NULL, NULL},
};

const struct unit_suite vhost_user_suite = {"vhost-user", tests};
