/* SPDX-License-Identifier: MIT */
/* The vhost-user-gpu server, seen from its front end. */
#include "front-end.h"
#include "unit.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

extern const struct unit_suite vhost_user_suite;

static void speaks_as_qemu_expects(void)
{
	struct front front;
	struct vhost_user_config config = {.size = 20};

	front_start(&front, false);
	front_create(&front);
	/* a config longer than we know is filled with zeros */
	front_say(&front, VHOST_USER_GET_CONFIG, &config, 12 + 20);
	CU_ASSERT_EQUAL(front_hear(&front, VHOST_USER_GET_CONFIG, &config, sizeof(config)), 32);
	CU_ASSERT_EQUAL(config.bytes[8], 1);
	CU_ASSERT_EQUAL(config.bytes[16], 0);
	front_start_rings(&front, 0);
	front_gpu_handshake(&front);
	front_show(&front, 64, 48);
	uint64_t calls = 0;
	CU_ASSERT_EQUAL(read(front.call[0], &calls, sizeof(calls)), sizeof(calls));
	CU_ASSERT_EQUAL(calls, 4);
	front_stop(&front);
}

static void stop_and_continue_keeps_everything(void)
{
	struct front_gpu_message *message = malloc(sizeof(*message));
	struct front front;

	front_start(&front, false);
	front_create(&front);
	front_start_rings(&front, 0);
	front_gpu_handshake(&front);
	front_show(&front, 64, 48);
	uint32_t base = front_stop_rings(&front);
	CU_ASSERT_EQUAL(base, 4);
	/* a request that came while it was stopped, with a kick that nobody saw */
	struct virtio_gpu_ctrl_hdr request = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	uint64_t count;
	front_offer(&front, &request, sizeof(request));
	CU_ASSERT_EQUAL(read(front.kick[0], &count, sizeof(count)), sizeof(count));
	front_start_rings(&front, base);
	const struct vring_used *used = (void *)(front.ram + FRONT_RING(0) + 0x2000);
	CU_ASSERT_EQUAL(used->idx, 5); /* and none was done twice */
	CU_ASSERT_EQUAL(front_answer(&front), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	front_gpu_handshake(&front);
	/* the new display hears of the picture without being asked */
	CU_ASSERT_TRUE(front_gpu_hear(&front, message));
	CU_ASSERT_EQUAL(message->request, 7);
	CU_ASSERT_TRUE(front_gpu_hear(&front, message));
	CU_ASSERT_EQUAL(message->request, 8);
	CU_ASSERT_EQUAL(message->words[3], 64);
	CU_ASSERT_EQUAL(front_flush(&front, (struct virtio_gpu_rect){0, 0, 64, 48}),
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
		front_create(&front);
		((struct vring_avail *)(front.ram + FRONT_RING(0) + 0x1000))->idx =
			(uint16_t)bases[i][0];
		front_start_rings(&front, bases[i][0]);
		front_show(&front, 64, 48);
		CU_ASSERT_EQUAL(front_stop_rings(&front), (uint16_t)(bases[i][0] + 4));
		((struct vring_avail *)(front.ram + FRONT_RING(0) + 0x1000))->idx =
			(uint16_t)bases[i][1];
		front_start_rings(&front, bases[i][1]);
		CU_ASSERT_EQUAL(vgpu_device_scanout(front.device, 0)->resource_id, 0);
		front_stop(&front);
	}
}

static void new_driver_finds_nothing(void)
{
	struct front front;

	front_start(&front, false);
	front_create(&front);
	front_start_rings(&front, 0);
	front_show(&front, 64, 48);
	front_stop_rings(&front);
	front_start_rings(&front, 0);
	CU_ASSERT_EQUAL(front_flush(&front, (struct virtio_gpu_rect){0, 0, 64, 48}),
			VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	front_show(&front, 64, 48);
	front_say(&front, VHOST_USER_RESET_DEVICE, NULL, 0);
	front_pump(&front);
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
	front.features |= FRONT_PACKED;
	CU_ASSERT_TRUE((front_ask_u64(&front, VHOST_USER_GET_FEATURES) & FRONT_PACKED) != 0);
	front_create(&front);
	front_start_rings(&front, 0x80008000);
	front_show(&front, 64, 48);
	/* once around the ring, and a half */
	for (unsigned int i = 0; i < 44; i++)
		CU_ASSERT_EQUAL(front_flush(&front, all), VIRTIO_GPU_RESP_OK_NODATA);
	uint16_t seen = front.used_seen;
	CU_ASSERT_EQUAL(seen, 96);
	CU_ASSERT_EQUAL(front_stop_rings(&front), 32u << 16 | 32);
	front_start_rings(&front, 32u << 16 | 32);
	front.used_seen = seen;
	CU_ASSERT_EQUAL(front_flush(&front, all), VIRTIO_GPU_RESP_OK_NODATA);
	/* at slot 0 of the second lap, which is 0, and no new driver */
	while (front.used_seen != FRONT_QUEUE_SIZE)
		CU_ASSERT_EQUAL(front_command(&front, &request, sizeof(request)),
				VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	CU_ASSERT_EQUAL(front_stop_rings(&front), 0);
	front_start_rings(&front, 0);
	front.used_seen = FRONT_QUEUE_SIZE;
	CU_ASSERT_EQUAL(front_flush(&front, all), VIRTIO_GPU_RESP_OK_NODATA);
	/* and one that is */
	front_stop_rings(&front);
	front_start_rings(&front, 0x80008000);
	CU_ASSERT_EQUAL(front_flush(&front, all), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	front_stop(&front);
}

/* VIRTIO_F_RING_RESET: the other queue runs on, so the driver is the same. */
static void one_queue_begins_anew(void)
{
	struct vhost_vring_addr addr = {.desc_user_addr = FRONT_USER + FRONT_RING(0),
					.avail_user_addr = FRONT_USER + FRONT_RING(0) + 0x1000,
					.used_user_addr = FRONT_USER + FRONT_RING(0) + 0x2000};
	struct vhost_vring_state state;
	struct front front;

	front_start(&front, false);
	front_create(&front);
	front_start_rings(&front, 0);
	front_show(&front, 64, 48);
	front_say_state(&front, VHOST_USER_GET_VRING_BASE, 0, 0);
	CU_ASSERT_EQUAL(front_hear(&front, VHOST_USER_GET_VRING_BASE, &state, sizeof(state)), 8);
	memset(front.ram + FRONT_RING(0), 0, 0x4000);
	front.used_seen = 0;
	front_say_state(&front, VHOST_USER_SET_VRING_BASE, 0, 0);
	front_say(&front, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr));
	front_say_fd(&front, VHOST_USER_SET_VRING_KICK, 0, front.kick[0]);
	CU_ASSERT_EQUAL(front_flush(&front, (struct virtio_gpu_rect){0, 0, 64, 48}),
			VIRTIO_GPU_RESP_OK_NODATA);
	front_stop(&front);
}

/* Whether the server waits when there is nothing to do, instead of spinning. */
static bool rests(struct front *front)
{
	front_pump(front);
	uint64_t begin = vgpu_now_ns();
	CU_ASSERT_EQUAL(vgpu_vhost_user_run(front->server, 20, -1), 0);
	return vgpu_now_ns() - begin >= 19000000;
}

static void rests_after_a_reset(void)
{
	static const struct virtio_gpu_ctrl_hdr request = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	struct front front;

	front_start(&front, false);
	front_create(&front);
	front_start_rings(&front, 0);
	front_gpu_handshake(&front);
	CU_ASSERT_TRUE(rests(&front));
	/* each comes while a queue still has to be looked at */
	front_say_state(&front, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	front_say_state(&front, VHOST_USER_SET_VRING_BASE, 0, 0);
	CU_ASSERT_TRUE(rests(&front));
	front_stop_rings(&front);
	front_start_rings(&front, 0);
	front_gpu_handshake(&front);
	front_say_state(&front, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	front_say(&front, VHOST_USER_RESET_DEVICE, NULL, 0);
	CU_ASSERT_TRUE(rests(&front));
	CU_ASSERT_EQUAL(front_command(&front, &request, sizeof(request)), 0);
	front_start_rings(&front, 0);
	CU_ASSERT_EQUAL(front_command(&front, &request, sizeof(request)),
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
	front_create(&front);
	front_start_rings(&front, 0);
	front_gpu_handshake(&front);
	CU_ASSERT_EQUAL_FATAL(pipe(ends), 0);
	front_say_fd(&front, VHOST_USER_SET_VRING_KICK, 0, ends[0]);
	close(ends[0]);
	front_pump(&front);
	CU_ASSERT_EQUAL(write(ends[1], &front, 8), 8);
	front_offer(&front, &request, sizeof(request));
	close(ends[1]);
	CU_ASSERT_TRUE(rests(&front));
	CU_ASSERT_EQUAL(front_answer(&front), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	CU_ASSERT_PTR_NOT_NULL(strstr(front.log, "kick"));
	front_say_fd(&front, VHOST_USER_SET_VRING_KICK, 0, front.kick[0]);
	CU_ASSERT_EQUAL(front_command(&front, &request, sizeof(request)),
			VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	front_stop(&front);
}

static void reset_disables_the_queues(void)
{
	static const struct virtio_gpu_ctrl_hdr request = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	struct front front;

	front_start(&front, false);
	front_create(&front);
	front_start_rings(&front, 0);
	front_say(&front, VHOST_USER_RESET_DEVICE, NULL, 0);
	/* a new kick alone does not make them run again */
	front_say_fd(&front, VHOST_USER_SET_VRING_KICK, 0, front.kick[0]);
	CU_ASSERT_EQUAL(front_command(&front, &request, sizeof(request)), 0);
	front_say_state(&front, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	front_pump(&front);
	CU_ASSERT_EQUAL(front_answer(&front), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	front_stop(&front);
}

static void memory_table_may_change(void)
{
	struct vhost_user_mem_table none = {.num = 0};
	struct front front;

	front_start(&front, false);
	front_create(&front);
	front_start_rings(&front, 0);
	front_show(&front, 64, 48);
	front_send_memory(&front, 0);
	front_pump(&front);
	CU_ASSERT_EQUAL(front_flush(&front, (struct virtio_gpu_rect){0, 0, 64, 48}),
			VIRTIO_GPU_RESP_OK_NODATA);
	/* all of it gone: nothing is touched any more */
	front_say(&front, VHOST_USER_SET_MEM_TABLE, &none, 8);
	front_pump(&front);
	CU_ASSERT_EQUAL(front_flush(&front, (struct virtio_gpu_rect){0, 0, 64, 48}), 0);
	front_stop(&front);
}

static void late_kick_is_not_lost(void)
{
	static const struct virtio_gpu_ctrl_hdr request = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	struct front front;
	uint64_t count;

	front_start(&front, false);
	front_create(&front);
	front_start_rings(&front, 0);
	front_say_state(&front, VHOST_USER_SET_VRING_ENABLE, 0, 0);
	front_pump(&front);
	front_offer(&front, &request, sizeof(request));
	front_pump(&front);
	CU_ASSERT_EQUAL(front_answer(&front), 0);
	/* the kick was eaten while the queue was off */
	CU_ASSERT_EQUAL(read(front.kick[0], &count, sizeof(count)), sizeof(count));
	front_say_state(&front, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	front_pump(&front);
	CU_ASSERT_EQUAL(front_answer(&front), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	front_stop(&front);
}

static void kick_before_another_descriptor_is_not_lost(void)
{
	static const struct virtio_gpu_ctrl_hdr request = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	struct front front;

	front_start(&front, false);
	front_create(&front);
	front_start_rings(&front, 0);
	int other = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	/* both are there when the server looks, and the message comes first */
	front_offer(&front, &request, sizeof(request));
	front_say_fd(&front, VHOST_USER_SET_VRING_KICK, 0, other);
	front_pump(&front);
	CU_ASSERT_EQUAL(front_answer(&front), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
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
	front_create(&front);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		uint64_t ack = 0;

		front_say_with_fds(&front, bad[i].request, VHOST_USER_NEED_REPLY, &bad[i].value,
				   bad[i].size, NULL, 0);
		CU_ASSERT_EQUAL(front_hear(&front, bad[i].request, &ack, sizeof(ack)), 8);
		CU_ASSERT_NOT_EQUAL(ack, 0);
	}
	/* a table without its file, a file without its table */
	struct vhost_user_mem_table table = {
		.num = 1,
		.regions = {{.gpa = FRONT_RAM, .size = FRONT_RAM_SIZE, .user_addr = FRONT_USER}}};
	uint64_t ack = 0;
	front_say_with_fds(&front, VHOST_USER_SET_MEM_TABLE, VHOST_USER_NEED_REPLY, &table, 40,
			   NULL, 0);
	CU_ASSERT_EQUAL(front_hear(&front, VHOST_USER_SET_MEM_TABLE, &ack, sizeof(ack)), 8);
	CU_ASSERT_NOT_EQUAL(ack, 0);
	front_say_with_fds(&front, VHOST_USER_SET_MEM_TABLE, VHOST_USER_NEED_REPLY, &table, 39,
			   &front.ram_fd, 1);
	CU_ASSERT_EQUAL(front_hear(&front, VHOST_USER_SET_MEM_TABLE, &ack, sizeof(ack)), 8);
	CU_ASSERT_NOT_EQUAL(ack, 0);
	/* more descriptors than there is room for, where none belong */
	int fds[12];
	for (int i = 0; i < 12; i++)
		fds[i] = front.ram_fd;
	int before = dup(front.ram_fd);
	close(before);
	front_say_with_fds(&front, VHOST_USER_SET_OWNER, 0, NULL, 0, fds, 12);
	CU_ASSERT_NOT_EQUAL(front_ask_u64(&front, VHOST_USER_GET_FEATURES), 0);
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
	front_say_with_fds(&front, VHOST_USER_SET_OWNER, VHOST_USER_NEED_REPLY, NULL, 0, NULL, 0);
	front_pump(&front);
	CU_ASSERT_EQUAL(recv(front.fd, &header, sizeof(header), MSG_DONTWAIT), -1);
	front_create(&front);
	front_say(&front, VHOST_USER_SET_OWNER, NULL, 0);
	front_pump(&front);
	CU_ASSERT_EQUAL(recv(front.fd, &header, sizeof(header), MSG_DONTWAIT), -1);
	front_stop(&front);
}

/* A front end that waits for a configuration gets an answer, if an empty one. */
static void config_that_is_not_there(void)
{
	static const uint32_t bad[][2] = {{0, 257}, {256, 1}, {UINT32_MAX, 2}, {1, UINT32_MAX}};
	struct front front;

	front_start(&front, false);
	front_create(&front);
	for (unsigned int i = 0; i < 4; i++) {
		struct vhost_user_config config = {.offset = bad[i][0], .size = bad[i][1]};

		front_say(&front, VHOST_USER_GET_CONFIG, &config, 16);
		CU_ASSERT_EQUAL(front_hear(&front, VHOST_USER_GET_CONFIG, &config, sizeof(config)),
				0);
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
	front_create(&front);
	front_start_rings(&front, 0);
	for (unsigned int q = 0; q < VGPU_NUM_QUEUES; q++)
		front_say_state(&front, VHOST_USER_SET_VRING_ENABLE, q, 0);
	front_say(&front, VHOST_USER_SET_FEATURES, &features, sizeof(features));
	CU_ASSERT_EQUAL(front_command(&front, &request, sizeof(request)),
			VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	/* a call descriptor that is full and blocks stops nobody */
	int call = eventfd(0, EFD_CLOEXEC), error = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	CU_ASSERT_EQUAL(write(call, &count, sizeof(count)), sizeof(count));
	front_say_fd(&front, VHOST_USER_SET_VRING_CALL, 0, call);
	front_say_fd(&front, VHOST_USER_SET_VRING_ERR, 0, error);
	CU_ASSERT_EQUAL(front_command(&front, &request, sizeof(request)),
			VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	CU_ASSERT_EQUAL(read(error, &count, sizeof(count)), -1);
	((struct vring_avail *)(front.ram + FRONT_RING(0) + 0x1000))->idx += 1000;
	front_kick(&front, 0);
	CU_ASSERT_EQUAL(front_pump(&front), 0);
	CU_ASSERT_EQUAL(read(error, &count, sizeof(count)), sizeof(count));
	CU_ASSERT_PTR_NOT_NULL(strstr(front.log, "waits for a reset"));
	close(call);
	close(error);
	front_stop(&front);
}

/* A guest does so as often as it likes, and each time there is something to say. */
static void a_log_is_not_filled(void)
{
	struct front front;

	front_start(&front, false);
	front_create(&front);
	for (int i = 0; i < 100; i++) {
		front_start_rings(&front, 0);
		((struct vring_avail *)(front.ram + FRONT_RING(0) + 0x1000))->idx = 1000;
		front_kick(&front, 0);
		CU_ASSERT_EQUAL(front_pump(&front), 0);
		CU_ASSERT_TRUE(vgpu_device_needs_reset(front.device));
		front_stop_rings(&front);
	}
	CU_ASSERT_EQUAL(front.num_lines, 21);
	CU_ASSERT_PTR_NOT_NULL(strstr(front.log, "left out"));
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
					.avail_user_addr = FRONT_USER,
					.used_user_addr = FRONT_USER + FRONT_RAM_SIZE - 4};
	struct front front;

	front_start(&front, false);
	front_create(&front);
	front_start_rings(&front, 0);
	front_stop_rings(&front);
	for (int i = 0; i < 2; i++) {
		front_say(&front, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr));
		front_say_fd(&front, VHOST_USER_SET_VRING_KICK, 0, front.kick[0]);
		front_say_state(&front, VHOST_USER_SET_VRING_ENABLE, 0, 1);
		front_kick(&front, 0);
		CU_ASSERT_EQUAL(front_pump(&front), 0);
		addr.desc_user_addr = FRONT_USER; /* now it is the used ring that ends too late */
	}
	front_stop(&front);
}

static void nonsense_ends_the_connection(void)
{
	static const uint32_t bad[][3] = {{1, 0, 0}, {1, 1, 100000}, {1, 2, 0}};
	struct front front;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		front_start(&front, false);
		front_create(&front);
		front_start_rings(&front, 0);
		CU_ASSERT_EQUAL(send(front.fd, bad[i], 12, 0), 12);
		CU_ASSERT_EQUAL(front_pump(&front), -ECONNRESET);
		CU_ASSERT_FALSE(vgpu_vhost_user_connected(front.server));
		/* nothing of it is left: neither its display nor the guest's memory */
		struct vgpu_memory memory = vgpu_mem_map_memory(front.map);
		uint64_t len = 1;
		char end[64];
		CU_ASSERT_PTR_NULL(memory.translate(memory.opaque, FRONT_RAM, &len));
		while ((len = (uint64_t)recv(front.gpu, end, sizeof(end), MSG_DONTWAIT)) != 0)
			CU_ASSERT_FATAL(len <= sizeof(end));
		front_stop(&front);
	}
	/* nonsense on the display socket costs the display only */
	front_start(&front, false);
	front_create(&front);
	front_start_rings(&front, 0);
	uint32_t header[3] = {3, 4, 0xfffffff0};
	CU_ASSERT_EQUAL(send(front.gpu, header, 12, 0), 12);
	CU_ASSERT_EQUAL(front_pump(&front), 0);
	front_show(&front, 64, 48);
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
		front_pump(&front);
	}
	CU_ASSERT_EQUAL(front_hear(&front, VHOST_USER_GET_FEATURES, &value, sizeof(value)), 8);
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
			CU_ASSERT_EQUAL(front_pump(&front), -ECONNRESET);
			CU_ASSERT_FALSE(vgpu_vhost_user_connected(front.server));
			front.fd = connect_to(path);
			CU_ASSERT_FATAL(front.fd >= 0);
			CU_ASSERT_EQUAL(front_pump(&front), 0);
			front_create(&front);
			front_start_rings(&front, 0);
			front_show(&front, 64, 48);
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

static void begin_to_draw(struct front *front)
{
	front_create(front);
	front_start_rings(front, 0);
	front_gpu_handshake(front);
	front_show(front, 64, 48);
}

/* Its rings, the pixels of a transfer, or what it kicks for. */
static void memory_that_is_taken_away_ends_the_connection(void)
{
	static const off_t left[] = {0, FRONT_REQUEST, FRONT_PIXELS};
	const struct virtio_gpu_transfer_to_host_2d transfer = {
		.hdr.type = VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D,
		.r = {.width = 64, .height = 48},
		.resource_id = 1};
	struct sigaction before;
	struct front front;

	sigaction(SIGBUS, NULL, &before);
	vgpu_mem_guard_start();
	front_start(&front, false);
	for (size_t i = 0; i < sizeof(left) / sizeof(left[0]); i++) {
		begin_to_draw(&front);
		front_offer(&front, &transfer, sizeof(transfer));
		CU_ASSERT_EQUAL_FATAL(ftruncate(front.ram_fd, left[i]), 0);
		CU_ASSERT_EQUAL(front_pump(&front), -ECONNRESET);
		CU_ASSERT_STRING_EQUAL(
			front.log,
			"the front end took away memory of the guest that it had shared");
		CU_ASSERT_FALSE(vgpu_vhost_user_connected(front.server));
		CU_ASSERT_FALSE(vgpu_mem_map_lost(front.map));
		CU_ASSERT_EQUAL_FATAL(ftruncate(front.ram_fd, FRONT_RAM_SIZE), 0);
		front_attach(&front);
	}
	begin_to_draw(&front);
	front_stop(&front);
	sigaction(SIGBUS, &before, NULL);
}

static const struct unit_test tests[] = {
	{"speaks as QEMU expects", speaks_as_qemu_expects},
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
	{"a log is not filled", a_log_is_not_filled},
	{"another descriptor ends the wait", other_descriptor_ends_the_wait},
	{"rings outside memory are not used", rings_outside_memory_are_not_used},
	{"nonsense ends the connection", nonsense_ends_the_connection},
	{"memory that is taken away ends the connection",
	 memory_that_is_taken_away_ends_the_connection},
	{"messages may come in pieces", messages_in_pieces},
	{"unread replies end the connection", unread_replies_end_the_connection},
	{"a listener takes one front end after another",
	 listener_takes_one_front_end_after_another},
	{"a busy path is not waited for", busy_path_is_not_waited_for},
	{NULL, NULL},
};

const struct unit_suite vhost_user_suite = {"vhost-user", tests};
