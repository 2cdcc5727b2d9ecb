/* SPDX-License-Identifier: MIT */
/* The front end's display, as a back end sees it that breaks rules. */
#include "bus/gpu_messages.h"
#include "target/vhost_user_screen.h"
#include "unit.h"

#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

extern const struct unit_suite screen_suite;

/* Against hanging; a busy machine is slow. */
#define WAIT_MS 60000

static const struct vgpu_output outputs[VGPU_MAX_SCANOUTS] = {
	{.rect = {.width = 64, .height = 48}, .enabled = true}};

static int open_screen(struct vgpu_vhost_user_screen **screen)
{
	struct vgpu_error err;
	int fd = -1;

	*screen = vgpu_vhost_user_screen_new(outputs);
	CU_ASSERT_PTR_NOT_NULL_FATAL(*screen);
	CU_ASSERT_EQUAL_FATAL(vgpu_vhost_user_screen_open(*screen, 1, &fd, &err), 0);
	return fd;
}

static void say(int fd, uint32_t request, const void *payload, uint32_t size)
{
	const struct gpu_header header = {.request = request, .size = size};

	CU_ASSERT_EQUAL(send(fd, &header, sizeof(header), MSG_NOSIGNAL), sizeof(header));
	if (size != 0)
		CU_ASSERT_EQUAL(send(fd, payload, size, MSG_NOSIGNAL), (ssize_t)size);
}

/* Whatever was said has been looked at; 0, or what it was found to be. */
static int settle(struct vgpu_vhost_user_screen *screen)
{
	uint64_t begin = vgpu_now_ns(), received;
	struct vgpu_error err;
	bool quiet = false;
	int ret = 0;

	while (ret == 0 && !quiet && vgpu_now_ns() - begin < WAIT_MS * 1000000ull) {
		ret = vgpu_vhost_user_screen_quiet(screen, &quiet, &received, &err);
		sched_yield();
	}
	CU_ASSERT_TRUE(ret != 0 || quiet);
	return ret;
}

/* Found by the fuzzer of the front end: there was no place for it yet. */
static void a_first_message_without_a_payload_is_answered(void)
{
	struct vgpu_vhost_user_screen *screen;
	struct {
		struct gpu_header header;
		uint64_t features;
	} __attribute__((packed)) answer;
	int fd = open_screen(&screen);
	struct pollfd poller = {.fd = fd, .events = POLLIN};

	say(fd, GPU_GET_PROTOCOL_FEATURES, NULL, 0);
	CU_ASSERT_EQUAL(poll(&poller, 1, WAIT_MS), 1);
	CU_ASSERT_EQUAL(recv(fd, &answer, sizeof(answer), MSG_WAITALL), sizeof(answer));
	CU_ASSERT_EQUAL(answer.header.request, GPU_GET_PROTOCOL_FEATURES);
	CU_ASSERT_EQUAL(answer.header.flags, GPU_FLAG_REPLY);
	close(fd);
	vgpu_vhost_user_screen_free(screen);
}

static void updates_stay_in_their_picture(void)
{
	static const uint32_t corners[][2] = {{0, 0},	       {7, 7},
					      {8, 8},	       {0xffffffff, 0},
					      {0, 0xffffffff}, {0xfffffffc, 0xfffffffc},
					      {0x80000000, 4}};
	const struct gpu_scanout scanout = {.width = 8, .height = 8};
	struct vgpu_vhost_user_screen *screen;
	struct vgpu_frame frame = {0};
	struct vgpu_error err;
	uint32_t update[5 + 16] = {0, 0, 0, 4, 4}; /* a struct gpu_update with its pixels */
	int fd = open_screen(&screen);

	memset(update + 5, 0xff, sizeof(update) - sizeof(struct gpu_update));
	say(fd, GPU_SCANOUT, &scanout, sizeof(scanout));
	for (size_t i = 0; i < sizeof(corners) / sizeof(corners[0]); i++) {
		update[1] = corners[i][0];
		update[2] = corners[i][1];
		say(fd, GPU_UPDATE, update, sizeof(update));
	}
	CU_ASSERT_EQUAL(settle(screen), 0);
	CU_ASSERT_EQUAL(vgpu_vhost_user_screen_capture(screen, 0, &frame, &err), 0);
	CU_ASSERT_EQUAL(frame.rgb[0], 0xff);
	CU_ASSERT_EQUAL(frame.rgb[(8 * 5 + 5) * 3], 0);
	vgpu_frame_fini(&frame);
	close(fd);
	vgpu_vhost_user_screen_free(screen);
}

static const struct unit_test tests[] = {
	{"a first message without a payload is answered",
	 a_first_message_without_a_payload_is_answered},
	{"updates stay in their picture", updates_stay_in_their_picture},
	{NULL, NULL},
};

const struct unit_suite screen_suite = {"screen", tests};
