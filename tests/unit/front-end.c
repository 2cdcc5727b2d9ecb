/* SPDX-License-Identifier: MIT */
#include "front-end.h"

#include "picture-requests.h"
#include "target/socket_io.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/* The server runs in this thread: what does not fit into its socket never will. */
#define SAY_MS	 1000
#define FEATURES (1ull << 32 | 1ull << 30 | 1ull << 40)
#define F_AVAIL	 (1u << VRING_PACKED_DESC_F_AVAIL)
#define F_USED	 (1u << VRING_PACKED_DESC_F_USED)

static void on_log(void *opaque, const char *line)
{
	struct front *front = opaque;

	snprintf(front->log, sizeof(front->log), "%s", line);
	front->num_lines++;
}

void front_attach(struct front *front)
{
	int pair[2];

	if (front->fd >= 0)
		close(front->fd);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	front->fd = pair[0];
	CU_ASSERT_EQUAL(vgpu_vhost_user_attach(front->server, pair[1], NULL), 0);
}

void front_start(struct front *front, bool ask)
{
	struct vgpu_device_options options = {
		.num_scanouts = 1,
		.outputs = {{.rect = {.width = 64, .height = 48}, .enabled = true}}};

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
	front->fd = front->gpu = -1;
	front_attach(front);
	front->features = FEATURES;
	front->ram_fd = memfd_create("ram", MFD_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(ftruncate(front->ram_fd, FRONT_RAM_SIZE), 0);
	front->ram =
		mmap(NULL, FRONT_RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, front->ram_fd, 0);
	CU_ASSERT_PTR_NOT_EQUAL_FATAL(front->ram, MAP_FAILED);
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++) {
		front->kick[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
		front->call[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	}
}

void front_stop(struct front *front)
{
	vgpu_vhost_user_free(front->server);
	vgpu_device_free(front->device);
	vgpu_mem_map_free(front->map);
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++) {
		close(front->kick[i]);
		close(front->call[i]);
	}
	munmap(front->ram, FRONT_RAM_SIZE);
	close(front->ram_fd);
	close(front->fd);
	if (front->gpu >= 0)
		close(front->gpu);
}

int front_pump(struct front *front)
{
	int rc = 0;

	for (int i = 0; i < 64 && rc == 0; i++)
		rc = vgpu_vhost_user_run(front->server, 0, -1);
	return rc;
}

void front_say_with_fds(struct front *front, uint32_t request, uint32_t flags, const void *payload,
			uint32_t size, const int *fds, unsigned int num_fds)
{
	struct {
		struct vhost_user_header header;
		uint8_t payload[sizeof(union vhost_user_payload)];
	} message = {.header = {request, flags | VHOST_USER_VERSION, size}};

	CU_ASSERT_FATAL(size <= sizeof(message.payload));
	if (size > 0)
		memcpy(message.payload, payload, size);
	CU_ASSERT_EQUAL(vgpu_socket_send(front->fd, &message, sizeof(message.header) + size, fds,
					 num_fds, vgpu_socket_deadline(SAY_MS)),
			0);
}

void front_say(struct front *front, uint32_t request, const void *payload, uint32_t size)
{
	front_say_with_fds(front, request, 0, payload, size, NULL, 0);
}

void front_say_state(struct front *front, uint32_t request, uint32_t index, uint32_t num)
{
	struct vhost_vring_state state = {.index = index, .num = num};

	front_say(front, request, &state, sizeof(state));
}

void front_say_fd(struct front *front, uint32_t request, uint64_t value, int fd)
{
	front_say_with_fds(front, request, 0, &value, sizeof(value), &fd, 1);
}

int front_hear(struct front *front, uint32_t request, void *payload, size_t room)
{
	struct vhost_user_header header;

	front_pump(front);
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

uint64_t front_ask_u64(struct front *front, uint32_t request)
{
	uint64_t value = 0;

	front_say(front, request, NULL, 0);
	CU_ASSERT_EQUAL(front_hear(front, request, &value, sizeof(value)), 8);
	return value;
}

void front_create(struct front *front)
{
	uint64_t features = front_ask_u64(front, VHOST_USER_GET_FEATURES);
	uint64_t protocol = front_ask_u64(front, VHOST_USER_GET_PROTOCOL_FEATURES);

	CU_ASSERT_TRUE((features & 1ull << VHOST_USER_F_PROTOCOL_FEATURES) != 0);
	CU_ASSERT_TRUE((features & 1ull << 32) != 0);
	CU_ASSERT_TRUE((protocol & 1ull << VHOST_USER_PROTOCOL_F_CONFIG) != 0);
	front_say(front, VHOST_USER_SET_PROTOCOL_FEATURES, &protocol, sizeof(protocol));
	CU_ASSERT_EQUAL(front_ask_u64(front, VHOST_USER_GET_QUEUE_NUM), 2);
	front_say(front, VHOST_USER_SET_OWNER, NULL, 0);
}

void front_send_memory(struct front *front, uint32_t flags)
{
	/* two regions of one file, with a seam where requests lie */
	struct vhost_user_mem_table table = {
		.num = 2,
		.regions = {{.gpa = FRONT_RAM, .size = FRONT_REQUEST + 20, .user_addr = FRONT_USER},
			    {.gpa = FRONT_RAM + FRONT_REQUEST + 20,
			     .size = FRONT_RAM_SIZE - FRONT_REQUEST - 20,
			     .user_addr = FRONT_USER + FRONT_REQUEST + 20,
			     .mmap_offset = FRONT_REQUEST + 20}}};
	int fds[2] = {front->ram_fd, front->ram_fd};

	front_say_with_fds(front, VHOST_USER_SET_MEM_TABLE, flags, &table, 8 + 2 * 32, fds, 2);
}

void front_open_gpu_socket(struct front *front)
{
	int pair[2];

	if (front->gpu >= 0)
		close(front->gpu);
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	front->gpu = pair[0];
	front_say_with_fds(front, VHOST_USER_GPU_SET_SOCKET, 0, NULL, 0, &pair[1], 1);
	close(pair[1]);
}

void front_start_rings(struct front *front, uint32_t base)
{
	uint32_t first = vgpu_first_index(front->features);
	uint64_t ack = 1;

	front_open_gpu_socket(front);
	front_say(front, VHOST_USER_SET_FEATURES, &front->features, sizeof(front->features));
	front_send_memory(front, VHOST_USER_NEED_REPLY);
	CU_ASSERT_EQUAL(front_hear(front, VHOST_USER_SET_MEM_TABLE, &ack, sizeof(ack)), 8);
	CU_ASSERT_EQUAL(ack, 0);
	for (unsigned int q = 0; q < VGPU_NUM_QUEUES; q++) {
		struct vhost_vring_addr addr = {
			.index = q,
			.desc_user_addr = FRONT_USER + FRONT_RING(q),
			.avail_user_addr = FRONT_USER + FRONT_RING(q) + 0x1000,
			.used_user_addr = FRONT_USER + FRONT_RING(q) + 0x2000};

		if (base == first)
			memset(front->ram + FRONT_RING(q), 0, 0x4000);
		front_say_state(front, VHOST_USER_SET_VRING_NUM, q, FRONT_QUEUE_SIZE);
		front_say_state(front, VHOST_USER_SET_VRING_BASE, q, q == 0 ? base : first);
		front_say(front, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr));
		front_say_fd(front, VHOST_USER_SET_VRING_KICK, q, front->kick[q]);
		front_say_fd(front, VHOST_USER_SET_VRING_CALL, q, front->call[q]);
	}
	for (unsigned int q = 0; q < VGPU_NUM_QUEUES; q++)
		front_say_state(front, VHOST_USER_SET_VRING_ENABLE, q, 1);
	front->used_seen = (uint16_t)base;
	if (base == first)
		front->used_seen = 0;
	CU_ASSERT_EQUAL(front_pump(front), 0);
}

uint32_t front_stop_rings(struct front *front)
{
	struct vhost_vring_state state[VGPU_NUM_QUEUES];

	close(front->gpu);
	front->gpu = -1;
	for (unsigned int q = 0; q < VGPU_NUM_QUEUES; q++)
		front_say_state(front, VHOST_USER_SET_VRING_ENABLE, q, 0);
	for (unsigned int q = 0; q < VGPU_NUM_QUEUES; q++) {
		front_say_state(front, VHOST_USER_GET_VRING_BASE, q, 0);
		CU_ASSERT_EQUAL(
			front_hear(front, VHOST_USER_GET_VRING_BASE, &state[q], sizeof(state[q])),
			sizeof(state[q]));
	}
	return state[0].num;
}

void front_kick(struct front *front, unsigned int queue)
{
	uint64_t one = 1;

	CU_ASSERT_EQUAL(write(front->kick[queue], &one, sizeof(one)), sizeof(one));
}

/* The chain takes two slots, so none goes over the end of the ring. */
static void make_available_packed(struct front *front, const struct vring_desc *desc)
{
	struct vring_packed_desc *ring = (void *)(front->ram + FRONT_RING(0));
	unsigned int lap = front->used_seen < FRONT_QUEUE_SIZE ? F_AVAIL : F_USED;

	for (unsigned int i = 0; i < 2; i++)
		ring[front->used_seen % FRONT_QUEUE_SIZE + i] =
			(struct vring_packed_desc){.addr = desc[i].addr,
						   .len = desc[i].len,
						   .id = 7,
						   .flags = (uint16_t)(desc[i].flags | lap)};
}

void front_offer(struct front *front, const void *request, uint32_t len)
{
	struct vring_desc *desc = (void *)(front->ram + FRONT_RING(0));
	struct vring_avail *avail = (void *)(front->ram + FRONT_RING(0) + 0x1000);

	memcpy(front->ram + FRONT_REQUEST, request, len);
	memset(front->ram + FRONT_RESPONSE, 0xaa, 2048);
	const struct vring_desc chain[2] = {
		{FRONT_RAM + FRONT_REQUEST, len, VRING_DESC_F_NEXT, 1},
		{FRONT_RAM + FRONT_RESPONSE, 2048, VRING_DESC_F_WRITE, 0}};
	if ((front->features & FRONT_PACKED) != 0) {
		make_available_packed(front, chain);
		front_kick(front, 0);
		return;
	}
	memcpy(desc, chain, sizeof(chain));
	avail->ring[avail->idx % FRONT_QUEUE_SIZE] = 0;
	avail->idx++;
	front_kick(front, 0);
}

static bool is_used(const struct front *front)
{
	const struct vring_packed_desc *ring = (void *)(front->ram + FRONT_RING(0));
	const struct vring_used *used = (void *)(front->ram + FRONT_RING(0) + 0x2000);

	if ((front->features & FRONT_PACKED) == 0)
		return used->idx != front->used_seen;
	return (ring[front->used_seen % FRONT_QUEUE_SIZE].flags & (F_AVAIL | F_USED)) ==
	       (front->used_seen < FRONT_QUEUE_SIZE ? F_AVAIL | F_USED : 0);
}

uint32_t front_answer(struct front *front)
{
	const struct virtio_gpu_ctrl_hdr *response = (void *)(front->ram + FRONT_RESPONSE);

	if (!is_used(front))
		return 0;
	if ((front->features & FRONT_PACKED) != 0) {
		front->used_seen = (uint16_t)((front->used_seen + 2) % (2 * FRONT_QUEUE_SIZE));
		return response->type;
	}
	front->used_seen++;
	return response->type;
}

uint32_t front_command(struct front *front, const void *request, uint32_t len)
{
	front_offer(front, request, len);
	CU_ASSERT_EQUAL(front_pump(front), 0);
	return front_answer(front);
}

uint32_t front_flush(struct front *front, struct virtio_gpu_rect rect)
{
	struct virtio_gpu_resource_flush request = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_FLUSH, .r = rect, .resource_id = 1};

	return front_command(front, &request, sizeof(request));
}

void front_show(struct front *front, uint32_t width, uint32_t height)
{
	const struct picture_requests show =
		picture_requests(width, height, FRONT_RAM + FRONT_PIXELS);
	uint32_t *pixels = (void *)(front->ram + FRONT_PIXELS);

	for (uint32_t i = 0; i < width * height; i++)
		pixels[i] = i;
	CU_ASSERT_EQUAL(front_command(front, &show.create, sizeof(show.create)),
			VIRTIO_GPU_RESP_OK_NODATA);
	CU_ASSERT_EQUAL(front_command(front, &show.attach, sizeof(show.attach)),
			VIRTIO_GPU_RESP_OK_NODATA);
	CU_ASSERT_EQUAL(front_command(front, &show.scanout, sizeof(show.scanout)),
			VIRTIO_GPU_RESP_OK_NODATA);
	CU_ASSERT_EQUAL(front_command(front, &show.transfer, sizeof(show.transfer)),
			VIRTIO_GPU_RESP_OK_NODATA);
}

bool front_gpu_hear(struct front *front, struct front_gpu_message *message)
{
	size_t done = 0, want = 12;

	for (int i = 0; i < 1000; i++) {
		ssize_t n = recv(front->gpu, (uint8_t *)message + done, want - done, MSG_DONTWAIT);

		if (n > 0)
			done += (size_t)n;
		else
			front_pump(front);
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

void front_gpu_reply(struct front *front, uint32_t request, const void *payload, uint32_t size)
{
	uint32_t header[3] = {request, 4, size};

	CU_ASSERT_EQUAL(send(front->gpu, header, sizeof(header), MSG_NOSIGNAL), sizeof(header));
	CU_ASSERT_EQUAL(send(front->gpu, payload, size, MSG_NOSIGNAL), (ssize_t)size);
}

void front_gpu_handshake(struct front *front)
{
	struct front_gpu_message *message = malloc(sizeof(*message));
	uint64_t features = 3;

	CU_ASSERT_TRUE(front_gpu_hear(front, message));
	CU_ASSERT_EQUAL(message->request, 1);
	front_gpu_reply(front, 1, &features, sizeof(features));
	CU_ASSERT_TRUE(front_gpu_hear(front, message));
	CU_ASSERT_EQUAL(message->request, 2);
	CU_ASSERT_EQUAL(message->size, 8);
	CU_ASSERT_EQUAL(message->words[0] | message->words[1], 0);
	free(message);
}
