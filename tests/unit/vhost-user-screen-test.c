/* SPDX-License-Identifier: MIT */
/* The front end's display socket, seen from a back end that may say anything. */
#include "bus/gpu_messages.h"
#include "target/vhost_user_screen.h"
#include "unit.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_gpu.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

extern const struct unit_suite vhost_user_screen_suite;

/* Against hanging; a busy machine is slow. */
#define HANGS_NS 60000000000ull

struct stage {
	struct vgpu_vhost_user_screen *screen;
	int fd; /* the back end's end */
	struct vgpu_error err;
};

static void open_stage(struct stage *stage)
{
	const struct vgpu_output outputs[VGPU_MAX_SCANOUTS] = {
		{.rect = {.x = 1, .y = 2, .width = 64, .height = 48}, .enabled = true},
		{.rect = {.width = 32, .height = 16}},
		{.rect = {.width = 9, .height = 9}, .enabled = true},
	};

	*stage = (struct stage){.fd = -1};
	stage->screen = vgpu_vhost_user_screen_new(outputs);
	CU_ASSERT_PTR_NOT_NULL_FATAL(stage->screen);
	CU_ASSERT_EQUAL_FATAL(
		vgpu_vhost_user_screen_open(stage->screen, 2, &stage->fd, &stage->err), 0);
}

static void close_stage(struct stage *stage)
{
	vgpu_vhost_user_screen_free(stage->screen);
	close(stage->fd);
}

static void say(struct stage *stage, uint32_t request, const void *payload, uint32_t size)
{
	const struct gpu_header header = {request, 0, size};

	CU_ASSERT_EQUAL(send(stage->fd, &header, sizeof(header), MSG_NOSIGNAL), sizeof(header));
	if (size > 0)
		CU_ASSERT_EQUAL(send(stage->fd, payload, size, MSG_NOSIGNAL), (ssize_t)size);
}

/* Waits until all has been looked at; 0, or what was found. */
static int settle(struct stage *stage)
{
	uint64_t received, end = vgpu_now_ns() + HANGS_NS;
	bool quiet = false;
	int ret = 0;

	while (!quiet && ret == 0 && vgpu_now_ns() < end)
		ret = vgpu_vhost_user_screen_quiet(stage->screen, &quiet, &received, &stage->err);
	CU_ASSERT_TRUE(quiet || ret < 0);
	return ret;
}

static void finds(struct stage *stage, const char *what)
{
	uint64_t end = vgpu_now_ns() + HANGS_NS;
	int ret = 0;

	while (ret == 0 && vgpu_now_ns() < end)
		ret = settle(stage);
	CU_ASSERT_EQUAL(ret, -EPROTO);
	CU_ASSERT_PTR_NOT_NULL(strstr(stage->err.text, what));
	if (strstr(stage->err.text, what) == NULL)
		fprintf(stderr, "expected '%s', got '%s'\n", what, stage->err.text);
}

/* The reply to a request, its payload's size, or -1 if none comes in a moment. */
static int hear(struct stage *stage, uint32_t request, void *payload, size_t room, int timeout_ms)
{
	struct pollfd poller = {.fd = stage->fd, .events = POLLIN};
	struct gpu_header header;

	if (poll(&poller, 1, timeout_ms) != 1)
		return -1;
	CU_ASSERT_EQUAL(recv(stage->fd, &header, sizeof(header), MSG_WAITALL), sizeof(header));
	CU_ASSERT_EQUAL(header.request, request);
	CU_ASSERT_EQUAL(header.flags, GPU_FLAG_REPLY);
	CU_ASSERT_FATAL(header.size <= room);
	if (header.size > 0)
		CU_ASSERT_EQUAL(recv(stage->fd, payload, header.size, MSG_WAITALL),
				(ssize_t)header.size);
	return (int)header.size;
}

static void say_scanout(struct stage *stage, uint32_t id, uint32_t width, uint32_t height)
{
	const struct gpu_scanout scanout = {id, width, height};

	say(stage, GPU_SCANOUT, &scanout, sizeof(scanout));
}

static void say_update(struct stage *stage, uint32_t id, struct vgpu_rect rect, uint32_t pixel)
{
	uint32_t size = (uint32_t)sizeof(struct gpu_update) + rect.width * rect.height * 4;
	struct gpu_update *update = malloc(size);

	CU_ASSERT_PTR_NOT_NULL_FATAL(update);
	*update = (struct gpu_update){id, rect.x, rect.y, rect.width, rect.height};
	for (uint32_t i = 0; i < rect.width * rect.height; i++)
		update->pixels[i] = pixel;
	say(stage, GPU_UPDATE, update, size);
	free(update);
}

static uint32_t pixel_at(const struct vgpu_frame *frame, uint32_t x, uint32_t y)
{
	const uint8_t *rgb = frame->rgb + 3 * ((size_t)y * frame->width + x);

	return (uint32_t)rgb[0] << 16 | (uint32_t)rgb[1] << 8 | rgb[2];
}

static void updates_become_a_picture(void)
{
	struct vgpu_frame frame = {0};
	struct stage stage;

	open_stage(&stage);
	CU_ASSERT_EQUAL(vgpu_vhost_user_screen_capture(stage.screen, 0, &frame, &stage.err),
			-ENOENT);
	say_scanout(&stage, 0, 8, 4);
	say_update(&stage, 0, (struct vgpu_rect){1, 1, 2, 2}, 0xff112233);
	/* Over the edges, and beside the picture. */
	say_update(&stage, 0, (struct vgpu_rect){6, 3, 4, 4}, 0x445566);
	say_update(&stage, 0, (struct vgpu_rect){0, UINT32_MAX, 2, 2}, 0x778899);
	say_update(&stage, 0, (struct vgpu_rect){8, 0, 1, 1}, 0x778899);
	say_update(&stage, 0, (struct vgpu_rect){0, 0, 0, 7}, 0);
	CU_ASSERT_EQUAL(settle(&stage), 0);
	CU_ASSERT_EQUAL_FATAL(vgpu_vhost_user_screen_capture(stage.screen, 0, &frame, &stage.err),
			      0);
	CU_ASSERT_EQUAL(frame.width, 8);
	CU_ASSERT_EQUAL_FATAL(frame.height, 4);
	for (uint32_t y = 0; y < 4; y++)
		for (uint32_t x = 0; x < 8; x++) {
			bool first = x >= 1 && x < 3 && y >= 1 && y < 3, second = x >= 6 && y == 3;
			CU_ASSERT_EQUAL(pixel_at(&frame, x, y),
					first ? 0x112233u : (second ? 0x445566u : 0));
		}
	say_scanout(&stage, 0, 0, 0);
	CU_ASSERT_EQUAL(settle(&stage), 0);
	CU_ASSERT_EQUAL(vgpu_vhost_user_screen_capture(stage.screen, 0, &frame, &stage.err),
			-ENOENT);
	vgpu_frame_fini(&frame);
	close_stage(&stage);
}

static void a_new_scanout_is_black(void)
{
	struct vgpu_frame frame = {0};
	struct stage stage;

	open_stage(&stage);
	say_scanout(&stage, 1, 2, 1);
	say_update(&stage, 1, (struct vgpu_rect){0, 0, 2, 1}, 0x112233);
	say_scanout(&stage, 1, 2, 1);
	CU_ASSERT_EQUAL(settle(&stage), 0);
	CU_ASSERT_EQUAL_FATAL(vgpu_vhost_user_screen_capture(stage.screen, 1, &frame, &stage.err),
			      0);
	CU_ASSERT_EQUAL(pixel_at(&frame, 0, 0), 0);
	vgpu_frame_fini(&frame);
	close_stage(&stage);
}

static void a_cursor_is_shown_moved_and_hidden(void)
{
	static struct gpu_cursor_update update = {.pos = {1, 10, 20}, .hot_x = 3, .hot_y = 4};
	struct gpu_cursor_pos pos = {1, 11, 21}, nowhere = {16, 1, 1};
	struct vgpu_cursor cursor;
	struct stage stage;

	open_stage(&stage);
	update.pixels[4095] = 0x80123456;
	say(&stage, GPU_CURSOR_UPDATE, &update, sizeof(update));
	say(&stage, GPU_CURSOR_POS, &nowhere, sizeof(nowhere));
	CU_ASSERT_EQUAL(settle(&stage), 0);
	CU_ASSERT_EQUAL(vgpu_vhost_user_screen_cursor(stage.screen, 1, &cursor, &stage.err), 0);
	CU_ASSERT_TRUE(cursor.visible && cursor.x == 10 && cursor.y == 20);
	CU_ASSERT_TRUE(cursor.hot_x == 3 && cursor.hot_y == 4);
	CU_ASSERT_EQUAL(cursor.pixels[4095], 0x80123456);
	say(&stage, GPU_CURSOR_POS, &pos, sizeof(pos));
	CU_ASSERT_EQUAL(settle(&stage), 0);
	CU_ASSERT_EQUAL(vgpu_vhost_user_screen_cursor(stage.screen, 1, &cursor, &stage.err), 0);
	CU_ASSERT_TRUE(cursor.visible && cursor.x == 11 && cursor.y == 21 && cursor.hot_x == 3);
	say(&stage, GPU_CURSOR_POS_HIDE, &pos, sizeof(pos));
	CU_ASSERT_EQUAL(settle(&stage), 0);
	CU_ASSERT_EQUAL(vgpu_vhost_user_screen_cursor(stage.screen, 1, &cursor, &stage.err), 0);
	CU_ASSERT_FALSE(cursor.visible);
	CU_ASSERT_EQUAL(vgpu_vhost_user_screen_cursor(stage.screen, 16, &cursor, &stage.err),
			-EINVAL);
	close_stage(&stage);
}

static void displays_are_told(void)
{
	const struct vgpu_output bigger = {.rect = {.width = 100, .height = 50}, .enabled = true};
	struct virtio_gpu_resp_display_info info;
	struct stage stage;
	uint64_t features = 0;

	open_stage(&stage);
	say(&stage, GPU_GET_PROTOCOL_FEATURES, NULL, 0);
	CU_ASSERT_EQUAL(hear(&stage, GPU_GET_PROTOCOL_FEATURES, &features, 8, 5000), 8);
	CU_ASSERT_EQUAL(features, 1u << GPU_PROTOCOL_F_EDID);
	say(&stage, GPU_SET_PROTOCOL_FEATURES, &features, 8);
	say(&stage, GPU_GET_DISPLAY_INFO, NULL, 0);
	CU_ASSERT_EQUAL_FATAL(hear(&stage, GPU_GET_DISPLAY_INFO, &info, sizeof(info), 5000),
			      sizeof(info));
	CU_ASSERT_EQUAL(le32toh(info.hdr.type), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	CU_ASSERT_EQUAL(le32toh(info.pmodes[0].r.x), 1);
	CU_ASSERT_EQUAL(le32toh(info.pmodes[0].r.width), 64);
	CU_ASSERT_EQUAL(le32toh(info.pmodes[0].enabled), 1);
	CU_ASSERT_EQUAL(le32toh(info.pmodes[1].r.height), 16);
	CU_ASSERT_EQUAL(le32toh(info.pmodes[1].enabled), 0);
	/* There are two scanouts, whatever lies behind them. */
	CU_ASSERT_EQUAL(le32toh(info.pmodes[2].enabled), 0);
	vgpu_vhost_user_screen_set_output(stage.screen, 0, &bigger);
	say(&stage, GPU_GET_DISPLAY_INFO, NULL, 0);
	CU_ASSERT_EQUAL_FATAL(hear(&stage, GPU_GET_DISPLAY_INFO, &info, sizeof(info), 5000),
			      sizeof(info));
	CU_ASSERT_EQUAL(le32toh(info.pmodes[0].r.width), 100);
	close_stage(&stage);
}

static void an_edid_is_for_a_scanout_that_is_there(void)
{
	struct virtio_gpu_resp_edid edid;
	uint32_t id = 1, absent = 2;
	struct stage stage;

	open_stage(&stage);
	say(&stage, GPU_GET_EDID, &id, sizeof(id));
	CU_ASSERT_EQUAL_FATAL(hear(&stage, GPU_GET_EDID, &edid, sizeof(edid), 5000), sizeof(edid));
	CU_ASSERT_EQUAL(le32toh(edid.hdr.type), VIRTIO_GPU_RESP_OK_EDID);
	CU_ASSERT_EQUAL(le32toh(edid.size), VGPU_EDID_SIZE);
	CU_ASSERT_EQUAL(edid.edid[56], 32);
	say(&stage, GPU_GET_EDID, &absent, sizeof(absent));
	CU_ASSERT_EQUAL(settle(&stage), 0);
	CU_ASSERT_EQUAL(hear(&stage, GPU_GET_EDID, &edid, sizeof(edid), 20), -1);
	close_stage(&stage);
}

static void a_dmabuf_is_not_read(void)
{
	const uint32_t scanout[10] = {0, 0, 0, 64, 48, 64, 48, 256, 0, 0x34325258};
	const struct gpu_update update = {0, 0, 0, 64, 48};
	struct vgpu_frame frame = {0};
	struct stage stage;

	open_stage(&stage);
	say(&stage, GPU_DMABUF_SCANOUT, scanout, sizeof(scanout));
	say(&stage, GPU_DMABUF_UPDATE, &update, sizeof(update));
	CU_ASSERT_EQUAL(hear(&stage, GPU_DMABUF_UPDATE, NULL, 0, 5000), 0);
	CU_ASSERT_EQUAL(vgpu_vhost_user_screen_capture(stage.screen, 0, &frame, &stage.err),
			-ENOTSUP);
	CU_ASSERT_PTR_NOT_NULL(strstr(stage.err.text, "dma-buf"));
	close_stage(&stage);
}

static void nonsense_is_found_and_read_on(void)
{
	static const uint8_t zeros[16404 + 4];
	static const struct {
		uint32_t request, size;
		const char *what;
	} cases[] = {
		{0, 0, "no message 0 has 0 bytes"},
		{13, 0, "no message 13 has 0 bytes"},
		{0xffffffff, 16, "no message 4294967295 has 16 bytes"},
		{GPU_SCANOUT, 8, "no message 7 has 8 bytes"},
		{GPU_SCANOUT, 16, "no message 7 has 16 bytes"},
		{GPU_CURSOR_UPDATE, 16404 - 4, "no message 6 has 16400 bytes"},
		{GPU_CURSOR_UPDATE, 16404 + 4, "no message 6 has 16408 bytes"},
		{GPU_UPDATE, 16, "no message 8 has 16 bytes"},
		{GPU_GET_EDID, 0, "no message 11 has 0 bytes"},
		{GPU_DMABUF_SCANOUT2, 40, "no message 12 has 40 bytes"},
	};
	struct stage stage;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		open_stage(&stage);
		say(&stage, cases[i].request, zeros, cases[i].size);
		finds(&stage, cases[i].what);
		/* More than the socket holds: it is still read, or this would not end. */
		for (unsigned int n = 0; n < 64; n++)
			say(&stage, GPU_CURSOR_UPDATE, zeros, 16404);
		close_stage(&stage);
	}
}

static void sizes_that_lie_are_found(void)
{
	const struct gpu_header huge = {GPU_UPDATE, 0, 0xfffffff0};
	const struct gpu_update more = {0, 0, 0, 0x10000, 0x10001};
	const uint64_t features = 6;
	struct stage stage;

	open_stage(&stage);
	CU_ASSERT_EQUAL(send(stage.fd, &huge, sizeof(huge), 0), sizeof(huge));
	finds(&stage, "no message 8 has 4294967280 bytes");
	close_stage(&stage);
	open_stage(&stage);
	say_scanout(&stage, 0, 8, 8);
	say(&stage, GPU_UPDATE, &more, sizeof(more));
	finds(&stage, "an update of 65536x65537 pixels in 20 bytes");
	close_stage(&stage);
	open_stage(&stage);
	say_scanout(&stage, 0, 16384, 16384);
	finds(&stage, "a scanout of 16384x16384");
	close_stage(&stage);
	open_stage(&stage);
	say(&stage, GPU_SET_PROTOCOL_FEATURES, &features, sizeof(features));
	finds(&stage, "protocol features 0x6 were not offered");
	close_stage(&stage);
}

/* Each is as large as a picture may be, and room for one comes back when it ends. */
static void pictures_are_bounded_together(void)
{
	struct stage stage;

	open_stage(&stage);
	for (unsigned int round = 0; round < 2; round++)
		for (uint32_t id = 0; id < 4; id++)
			say_scanout(&stage, id, 8192, 8192);
	CU_ASSERT_EQUAL(settle(&stage), 0);
	say_scanout(&stage, 4, 8192, 8192);
	finds(&stage, "a scanout of 8192x8192");
	close_stage(&stage);
}

/* QEMU ends there. */
static void an_update_of_what_is_off_is_found(void)
{
	struct stage stage;

	open_stage(&stage);
	say_update(&stage, 1, (struct vgpu_rect){0, 0, 1, 1}, 0);
	finds(&stage, "an update of scanout 1, which is off");
	close_stage(&stage);
}

static void half_a_message_is_not_quiet(void)
{
	const struct gpu_header header = {GPU_SCANOUT, 0, sizeof(struct gpu_scanout)};
	const struct gpu_scanout scanout = {0, 4, 4};
	uint64_t received = 0;
	struct stage stage;
	bool quiet = true;

	open_stage(&stage);
	CU_ASSERT_EQUAL(send(stage.fd, &header, sizeof(header), 0), sizeof(header));
	for (unsigned int i = 0; i < 60000 && received < sizeof(header); i++, usleep(1000))
		CU_ASSERT_EQUAL(
			vgpu_vhost_user_screen_quiet(stage.screen, &quiet, &received, &stage.err),
			0);
	CU_ASSERT_FALSE(quiet);
	CU_ASSERT_EQUAL(received, sizeof(header));
	CU_ASSERT_EQUAL(send(stage.fd, &scanout, sizeof(scanout), 0), sizeof(scanout));
	CU_ASSERT_EQUAL(settle(&stage), 0);
	/* And its end comes in the middle of one. */
	CU_ASSERT_EQUAL(send(stage.fd, &header, sizeof(header), 0), sizeof(header));
	shutdown(stage.fd, SHUT_RDWR);
	finds(&stage, "the back end has closed it");
	close_stage(&stage);
}

static void unread_answers_are_found(void)
{
	struct stage stage;
	bool found = false;

	open_stage(&stage);
	for (unsigned int i = 0; i < 5000 && !found; i++) {
		say(&stage, GPU_GET_DISPLAY_INFO, NULL, 0);
		found = settle(&stage) == -EPROTO;
	}
	CU_ASSERT_TRUE(found);
	CU_ASSERT_PTR_NOT_NULL(strstr(stage.err.text, "is not read"));
	close_stage(&stage);
}

struct flood {
	int fd;
	atomic_bool stop;
};

#define FLOOD 1000

/* Many in one call, so that there is always one more than was read. */
static void *send_for_ever(void *opaque)
{
	struct flood *flood = opaque;
	struct {
		struct gpu_header header;
		struct gpu_cursor_pos pos;
	} messages[FLOOD];

	for (unsigned int i = 0; i < FLOOD; i++) {
		messages[i].header = (struct gpu_header){.request = GPU_CURSOR_POS,
							 .size = sizeof(struct gpu_cursor_pos)};
		messages[i].pos = (struct gpu_cursor_pos){.x = 1, .y = 2};
	}
	while (!atomic_load(&flood->stop) &&
	       send(flood->fd, messages, sizeof(messages), MSG_NOSIGNAL) == sizeof(messages))
		;
	return NULL;
}

/* However much there is to read, who asks gets its turn. */
static void a_flood_keeps_nobody_waiting(void)
{
	uint64_t received = 0, begin = vgpu_now_ns();
	struct vgpu_cursor cursor;
	struct stage stage;
	pthread_t threads[3];
	bool quiet;

	open_stage(&stage);
	struct flood flood = {.fd = stage.fd};
	for (unsigned int i = 0; i < 3; i++)
		CU_ASSERT_EQUAL_FATAL(pthread_create(&threads[i], NULL, send_for_ever, &flood), 0);
	while (received < 1 << 20)
		CU_ASSERT_EQUAL_FATAL(
			vgpu_vhost_user_screen_quiet(stage.screen, &quiet, &received, &stage.err),
			0);
	for (unsigned int i = 0; i < 100; i++)
		CU_ASSERT_EQUAL(vgpu_vhost_user_screen_cursor(stage.screen, 0, &cursor, &stage.err),
				0);
	CU_ASSERT_TRUE(cursor.visible && cursor.y == 2);
	CU_ASSERT_TRUE(vgpu_now_ns() - begin < HANGS_NS);
	atomic_store(&flood.stop, true);
	for (unsigned int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
	close_stage(&stage);
}

static void it_opens_again(void)
{
	struct vgpu_frame frame = {0};
	struct stage stage;

	open_stage(&stage);
	say_scanout(&stage, 0, 4, 4);
	CU_ASSERT_EQUAL(settle(&stage), 0);
	int old = stage.fd;
	CU_ASSERT_EQUAL(vgpu_vhost_user_screen_open(stage.screen, 2, &stage.fd, &stage.err), 0);
	CU_ASSERT_EQUAL(send(old, "x", 1, MSG_NOSIGNAL), -1);
	close(old);
	CU_ASSERT_EQUAL(vgpu_vhost_user_screen_capture(stage.screen, 0, &frame, &stage.err),
			-ENOENT);
	say_scanout(&stage, 0, 5, 5);
	CU_ASSERT_EQUAL(settle(&stage), 0);
	CU_ASSERT_EQUAL(vgpu_vhost_user_screen_capture(stage.screen, 0, &frame, &stage.err), 0);
	CU_ASSERT_EQUAL(frame.width, 5);
	vgpu_frame_fini(&frame);
	close_stage(&stage);
}

static const struct unit_test tests[] = {
	{"updates become a picture", updates_become_a_picture},
	{"a new scanout is black", a_new_scanout_is_black},
	{"a cursor is shown, moved and hidden", a_cursor_is_shown_moved_and_hidden},
	{"displays are told", displays_are_told},
	{"an EDID is for a scanout that is there", an_edid_is_for_a_scanout_that_is_there},
	{"a dma-buf is not read", a_dmabuf_is_not_read},
	{"nonsense is found, and read on", nonsense_is_found_and_read_on},
	{"sizes that lie are found", sizes_that_lie_are_found},
	{"pictures are bounded together", pictures_are_bounded_together},
	{"an update of what is off is found", an_update_of_what_is_off_is_found},
	{"half a message is not quiet", half_a_message_is_not_quiet},
	{"unread answers are found", unread_answers_are_found},
	{"a flood keeps nobody waiting", a_flood_keeps_nobody_waiting},
	{"it opens again", it_opens_again},
	{NULL, NULL},
};

const struct unit_suite vhost_user_screen_suite = {"vhost-user screen", tests};
