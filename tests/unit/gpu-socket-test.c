/* SPDX-License-Identifier: MIT */
/* The server's display socket: pictures, cursors, and who says how large displays are. */
#include "front-end.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

extern const struct unit_suite gpu_socket_suite;

/* The server waits for a second; this is against waiting for ever, on any machine. */
#define HANGS_NS 60000000000ull

static void picture_comes_in_bands(void)
{
	struct front_gpu_message *message = malloc(sizeof(*message));
	struct front front;
	uint32_t next_row = 0;
	bool right = true;

	front_start(&front, false);
	front_create(&front);
	front_start_rings(&front, 0);
	front_gpu_handshake(&front);
	front_show(&front, 1024, 600);
	/* nothing is shown before a flush but the size */
	CU_ASSERT_TRUE(front_gpu_hear(&front, message));
	CU_ASSERT_EQUAL(message->request, 7);
	CU_ASSERT_EQUAL(message->words[1], 1024);
	CU_ASSERT_EQUAL(message->words[2], 600);
	CU_ASSERT_FALSE(front_gpu_hear(&front, message));
	/* the first flush after it shows all, however small it is */
	CU_ASSERT_EQUAL(front_flush(&front, (struct virtio_gpu_rect){5, 5, 1, 1}),
			VIRTIO_GPU_RESP_OK_NODATA);
	while (next_row < 600 && front_gpu_hear(&front, message)) {
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
	struct vring_desc *desc = (void *)(front.ram + FRONT_RING(0));
	struct vring_avail *avail = (void *)(front.ram + FRONT_RING(0) + 0x1000);
	memcpy(front.ram + FRONT_REQUEST, two, sizeof(two));
	for (unsigned int i = 0; i < 2; i++) {
		desc[i] = (struct vring_desc){FRONT_RAM + FRONT_REQUEST + i * sizeof(two[0]),
					      sizeof(two[0]), 0, 0};
		avail->ring[(avail->idx + i) % FRONT_QUEUE_SIZE] = (uint16_t)i;
	}
	avail->idx += 2;
	front_kick(&front, 0);
	CU_ASSERT_TRUE(front_gpu_hear(&front, message));
	CU_ASSERT_EQUAL(message->words[1], 2);
	CU_ASSERT_EQUAL(message->words[2], 20);
	CU_ASSERT_EQUAL(message->words[3], 12);
	CU_ASSERT_EQUAL(message->words[4], 16);
	CU_ASSERT_FALSE(front_gpu_hear(&front, message));
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
	struct vring_desc *desc = (void *)(front->ram + FRONT_RING(1));
	struct vring_avail *avail = (void *)(front->ram + FRONT_RING(1) + 0x1000);

	memcpy(front->ram + FRONT_REQUEST, &request, sizeof(request));
	desc[0] = (struct vring_desc){FRONT_RAM + FRONT_REQUEST, sizeof(request), 0, 0};
	avail->ring[avail->idx % FRONT_QUEUE_SIZE] = 0;
	avail->idx++;
	front_kick(front, 1);
}

static void expect_cursor(struct front *front, struct front_gpu_message *message, uint32_t request,
			  uint32_t size, uint32_t x)
{
	CU_ASSERT_TRUE(front_gpu_hear(front, message));
	CU_ASSERT_EQUAL(message->request, request);
	CU_ASSERT_EQUAL(message->size, size);
	CU_ASSERT(message->words[0] == 0 && message->words[1] == x && message->words[2] == 7);
}

static void cursor_is_shown_moved_and_hidden(void)
{
	struct front_gpu_message *message = malloc(sizeof(*message));
	struct front front;

	front_start(&front, false);
	front_create(&front);
	front_start_rings(&front, 0);
	front_gpu_handshake(&front);
	front_show(&front, 64, 64);
	CU_ASSERT_TRUE(front_gpu_hear(&front, message));
	cursor_command(&front, VIRTIO_GPU_CMD_UPDATE_CURSOR, 1, 10);
	expect_cursor(&front, message, 6, 16404, 10);
	CU_ASSERT(message->words[3] == 3 && message->words[4] == 4);
	CU_ASSERT_EQUAL(message->words[5 + 65], 0xff000000 | 65);
	cursor_command(&front, VIRTIO_GPU_CMD_MOVE_CURSOR, 0, 11);
	expect_cursor(&front, message, 4, 12, 11);
	CU_ASSERT_FALSE(front_gpu_hear(&front, message));
	/* a new display hears of the cursor without being asked */
	uint32_t base = front_stop_rings(&front);
	memset(front.ram + FRONT_RING(1), 0, 0x4000);
	front_start_rings(&front, base);
	front_gpu_handshake(&front);
	CU_ASSERT_TRUE(front_gpu_hear(&front, message));
	CU_ASSERT_EQUAL(message->request, 7);
	expect_cursor(&front, message, 6, 16404, 11);
	CU_ASSERT_TRUE(front_gpu_hear(&front, message));
	CU_ASSERT_EQUAL(message->request, 8);
	cursor_command(&front, VIRTIO_GPU_CMD_UPDATE_CURSOR, 0, 12);
	expect_cursor(&front, message, 5, 12, 12);
	CU_ASSERT_FALSE(front_gpu_hear(&front, message));
	front_stop(&front);
	free(message);
}

/* What was half sent or half received on the old one has nothing to do with the new one. */
static void new_display_socket_begins_anew(void)
{
	struct front front;

	front_start(&front, false);
	front_create(&front);
	front_start_rings(&front, 0);
	front_gpu_handshake(&front);
	front_show(&front, 1024, 768);
	front_flush(&front, (struct virtio_gpu_rect){0, 0, 1024, 768});
	front_pump(&front);
	CU_ASSERT_EQUAL(send(front.gpu, "half", 4, MSG_NOSIGNAL), 4);
	front_pump(&front);
	front_open_gpu_socket(&front);
	front_gpu_handshake(&front);
	front_stop(&front);
}

static void guest_is_served_while_nobody_looks(void)
{
	struct front front;
	bool all = true;

	front_start(&front, false);
	front_create(&front);
	front_start_rings(&front, 0);
	front_show(&front, 1024, 768);
	/* the display socket is never read; its buffer fills; the guest goes on */
	for (int i = 0; i < 200; i++)
		all = all && front_flush(&front, (struct virtio_gpu_rect){0, 0, 1024, 768}) ==
				     VIRTIO_GPU_RESP_OK_NODATA;
	CU_ASSERT_TRUE(all);
	/* and so does the other socket */
	CU_ASSERT_NOT_EQUAL(front_ask_u64(&front, VHOST_USER_GET_FEATURES), 0);
	front_stop(&front);
}

static void front_end_says_how_large(void)
{
	static const struct virtio_gpu_ctrl_hdr request = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	struct virtio_gpu_resp_display_info info = {
		.hdr.type = VIRTIO_GPU_RESP_OK_DISPLAY_INFO,
		.pmodes = {{.r = {.width = 800, .height = 600}, .enabled = 1}}};
	struct front_gpu_message *message = malloc(sizeof(*message));
	struct front front;

	front_start(&front, true);
	front_create(&front);
	front_start_rings(&front, 0);
	front_gpu_handshake(&front);
	front_offer(&front, &request, sizeof(request));
	CU_ASSERT_TRUE(front_gpu_hear(&front, message));
	CU_ASSERT_EQUAL(message->request, 3);
	CU_ASSERT_EQUAL(front_answer(&front), 0); /* held, without blocking */
	CU_ASSERT_NOT_EQUAL(front_ask_u64(&front, VHOST_USER_GET_FEATURES), 0);
	front_gpu_reply(&front, 3, &info, sizeof(info));
	front_pump(&front);
	CU_ASSERT_EQUAL(front_answer(&front), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	const struct virtio_gpu_resp_display_info *told = (void *)(front.ram + FRONT_RESPONSE);
	CU_ASSERT_EQUAL(told->pmodes[0].r.width, 800);
	CU_ASSERT_EQUAL(told->pmodes[0].enabled, 1);
	/* a display that is off, and one that the device has no scanout for */
	info.pmodes[0].enabled = 0;
	info.pmodes[1].enabled = 1;
	front_offer(&front, &request, sizeof(request));
	CU_ASSERT_TRUE(front_gpu_hear(&front, message));
	front_gpu_reply(&front, 3, &info, sizeof(info));
	front_pump(&front);
	CU_ASSERT_EQUAL(front_answer(&front), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	CU_ASSERT_EQUAL(told->pmodes[0].enabled, 0);
	CU_ASSERT_EQUAL(told->pmodes[1].enabled, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(front.log, "more displays"));
	/* the front end tells the guest of changes itself */
	uint32_t events = 1;
	vgpu_device_read_config(front.device, 0, &events, sizeof(events));
	CU_ASSERT_EQUAL(events, 0);
	/* a front end that closes the display while it is asked does not hang the guest */
	front_offer(&front, &request, sizeof(request));
	front_pump(&front);
	CU_ASSERT_EQUAL(front_answer(&front), 0);
	close(front.gpu);
	front.gpu = -1;
	front_pump(&front);
	CU_ASSERT_EQUAL(front_answer(&front), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	front_stop(&front);
	free(message);
}

/* More than the device executes at a time, behind a request that is held. */
static void long_queue_goes_on_after_the_front_end_has_answered(void)
{
	enum { SIZE = 512, DESC = 0x30000, AVAIL = 0x34000, USED = 0x38000, NUM = 400 };
	static const struct virtio_gpu_ctrl_hdr requests[2] = {
		{.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO}, {.type = 0x0999}};
	struct vhost_vring_addr addr = {.desc_user_addr = FRONT_USER + DESC,
					.avail_user_addr = FRONT_USER + AVAIL,
					.used_user_addr = FRONT_USER + USED};
	struct vhost_vring_state state;
	struct front front;

	front_start(&front, true);
	front_create(&front);
	front_start_rings(&front, 0);
	front_say_state(&front, VHOST_USER_GET_VRING_BASE, 0, 0);
	CU_ASSERT_EQUAL(front_hear(&front, VHOST_USER_GET_VRING_BASE, &state, sizeof(state)), 8);
	front_say_state(&front, VHOST_USER_SET_VRING_NUM, 0, SIZE);
	front_say_state(&front, VHOST_USER_SET_VRING_BASE, 0, 0);
	front_say(&front, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr));
	front_say_fd(&front, VHOST_USER_SET_VRING_KICK, 0, front.kick[0]);
	front_say_state(&front, VHOST_USER_SET_VRING_ENABLE, 0, 1);
	front_pump(&front);

	struct vring_desc *desc = (void *)(front.ram + DESC);
	struct vring_avail *avail = (void *)(front.ram + AVAIL);
	const struct vring_used *used = (void *)(front.ram + USED);
	memcpy(front.ram + FRONT_REQUEST, requests, sizeof(requests));
	desc[0] = (struct vring_desc){FRONT_RAM + FRONT_REQUEST, 24, 0, 0};
	desc[1] = (struct vring_desc){FRONT_RAM + FRONT_REQUEST + 24, 24, 0, 0};
	for (unsigned int i = 1; i < NUM; i++)
		avail->ring[i] = 1;
	avail->idx = NUM;
	front_kick(&front, 0);
	front_pump(&front);
	CU_ASSERT_EQUAL(used->idx, 0);
	close(front.gpu);
	front.gpu = -1;
	front_pump(&front);
	CU_ASSERT_EQUAL(used->idx, NUM);
	front_stop(&front);
}

/* The answer, which is taken, or 0 if none ever comes. */
static uint32_t wait_for_answer(struct front *front)
{
	uint64_t begin = vgpu_now_ns();
	uint32_t answer = 0;

	while ((answer = front_answer(front)) == 0 && vgpu_now_ns() - begin < HANGS_NS)
		vgpu_vhost_user_run(front->server, -1, -1);
	return answer;
}

static void silent_front_end_is_not_waited_for_long(void)
{
	static const struct virtio_gpu_ctrl_hdr request = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	struct front front;

	front_start(&front, true);
	front_create(&front);
	front_start_rings(&front, 0);
	front_offer(&front, &request, sizeof(request));
	CU_ASSERT_EQUAL(wait_for_answer(&front), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	CU_ASSERT_PTR_NOT_NULL(strstr(front.log, "does not answer"));
	/* it is not asked again, but the next one on the socket is */
	CU_ASSERT_EQUAL(front_command(&front, &request, sizeof(request)),
			VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	front_open_gpu_socket(&front);
	front_gpu_handshake(&front);
	front_offer(&front, &request, sizeof(request));
	front_pump(&front);
	CU_ASSERT_EQUAL(front_answer(&front), 0);
	/* which answers the one question, and not the other */
	CU_ASSERT_EQUAL(wait_for_answer(&front), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	front_stop(&front);
}

/* A picture is shown even by a front end that does not say what it can do. */
static void silent_display_is_shown_to(void)
{
	struct front_gpu_message *message = malloc(sizeof(*message));
	struct front front;

	front_start(&front, false);
	front_create(&front);
	front_start_rings(&front, 0);
	front_show(&front, 64, 48);
	CU_ASSERT_TRUE(front_gpu_hear(&front, message));
	CU_ASSERT_EQUAL(message->request, 1);
	CU_ASSERT_FALSE(front_gpu_hear(&front, message));
	vgpu_vhost_user_run(front.server, 60000, -1);
	CU_ASSERT_PTR_NOT_NULL(strstr(front.log, "does not answer"));
	CU_ASSERT_TRUE(front_gpu_hear(&front, message));
	CU_ASSERT_EQUAL(message->request, 7);
	front_stop(&front);
	free(message);
}

static const struct unit_test tests[] = {
	{"the picture comes in bands", picture_comes_in_bands},
	{"VG-CUR-004 the cursor is shown, moved and hidden", cursor_is_shown_moved_and_hidden},
	{"a new display socket begins anew", new_display_socket_begins_anew},
	{"the guest is served while nobody looks", guest_is_served_while_nobody_looks},
	{"the front end says how large its displays are", front_end_says_how_large},
	{"a long queue goes on after the front end has answered",
	 long_queue_goes_on_after_the_front_end_has_answered},
	{"a silent front end is not waited for long", silent_front_end_is_not_waited_for_long},
	{"a silent display is shown to", silent_display_is_shown_to},
	{NULL, NULL},
};

const struct unit_suite gpu_socket_suite = {"gpu-socket", tests};
