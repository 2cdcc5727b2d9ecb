/* SPDX-License-Identifier: MIT */
/* The target vhost-user: the front end of our own back end, and of bad ones. */
#include "back-end.h"
#include "bus/vhost_user.h"
#include "driver.h"
#include "replay.h"
#include "scene.h"
#include "target/vhost_user_channel.h"
#include "unit.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_gpu.h>
#include <linux/virtio_mmio.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

extern const struct unit_suite vhost_user_target_suite;

#define BIT(n)	  (1ull << (n))
#define VERSION_1 BIT(VIRTIO_F_VERSION_1)
#define ARENA	  0x20000

/* ---- our own back end -------------------------------------------------------------- */

static void replays(const char *trace, bool no_golden, uint64_t requests, uint64_t frames)
{
	struct back_end *back_end = back_end_start(2);
	const struct vgpu_replay_options options = {.target = back_end_spec(back_end),
						    .no_golden = no_golden,
						    .last_frame = UINT64_MAX};
	struct vgpu_replay_result result;

	vgpu_replay(trace, &options, &result);
	CU_ASSERT_EQUAL(result.status, VGPU_REPLAY_EQUAL);
	CU_ASSERT_EQUAL(result.requests_equal, requests);
	CU_ASSERT_EQUAL(result.requests_tolerated, 0);
	CU_ASSERT_EQUAL(result.frames_equal, frames);
	for (unsigned int i = 0; i < result.num_messages; i++)
		fprintf(stderr, "%s\n", result.messages[i]);
	vgpu_replay_result_fini(&result);
	back_end_stop(back_end);
}

static void a_golden_trace_is_equal(void)
{
	replays("traces/ruxos_boot.trace", false, 15, 5);
}

static void a_trace_that_starts_twice_is_equal(void)
{
	char *folder = scene_folder(), *path = scene_path(folder, "scene.trace");

	scene_record(path);
	replays(path, true, SCENE_REQUESTS, SCENE_FRAMES);
	free(path);
	scene_folder_remove(folder);
}

struct bench {
	struct back_end *back_end;
	struct vgpu_target *target;
	struct vgpu_driver driver;
	struct vgpu_error err;
};

static void open_target(struct bench *bench)
{
	struct vgpu_target_options options = {
		.memory_size = 1 << 20,
		.num_scanouts = 1,
		.outputs = {{.rect = {.width = 64, .height = 48}, .enabled = true}},
	};

	bench->target = vgpu_target_open(back_end_spec(bench->back_end), &options, &bench->err);
	if (bench->target == NULL)
		fprintf(stderr, "%s\n", bench->err.text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(bench->target);
	vgpu_driver_init(&bench->driver, bench->target, ARENA);
}

static int start_driver(struct bench *bench)
{
	uint64_t offered = 0;
	int ret = vgpu_driver_reset(&bench->driver, &bench->err);

	if (ret == 0)
		ret = vgpu_driver_offered(&bench->driver, &offered, &bench->err);
	if (ret == 0)
		ret = vgpu_driver_negotiate(&bench->driver, VERSION_1, &bench->err);
	for (unsigned int i = 0; ret == 0 && i < VGPU_NUM_QUEUES; i++)
		ret = vgpu_driver_set_queue(&bench->driver, i, 16, &bench->err);
	return ret == 0 ? vgpu_driver_ok(&bench->driver, &bench->err) : ret;
}

static void open_bench(struct bench *bench)
{
	*bench = (struct bench){.back_end = back_end_start(1)};
	open_target(bench);
	CU_ASSERT_EQUAL(start_driver(bench), 0);
}

static void close_bench(struct bench *bench)
{
	vgpu_driver_fini(&bench->driver);
	bench->target->ops->close(bench->target);
	back_end_stop(bench->back_end);
}

static uint32_t reg(struct bench *bench, uint32_t offset)
{
	uint32_t value = UINT32_MAX;

	CU_ASSERT_EQUAL(bench->target->ops->read(bench->target, offset, 4, &value, &bench->err), 0);
	return value;
}

static void set_reg(struct bench *bench, uint32_t offset, uint32_t value)
{
	CU_ASSERT_EQUAL(bench->target->ops->write(bench->target, offset, 4, value, &bench->err), 0);
}

/* Sends a request; the answer's bytes are valid until the next one. */
static struct vgpu_driver_answer ask(struct bench *bench, unsigned int queue, const void *request,
				     uint32_t len, uint32_t room)
{
	const struct vgpu_chain_desc descs[] = {{len, false}, {room, true}};
	struct vgpu_driver_answer answer = {0};

	CU_ASSERT_EQUAL(vgpu_driver_submit(&bench->driver,
					   &(struct vgpu_driver_request){.queue = queue,
									 .descs = descs,
									 .num_descs = 2,
									 .indirect_at = -1,
									 .bytes = request,
									 .len = len},
					   &answer, &bench->err),
			0);
	return answer;
}

static uint32_t type_of(const struct vgpu_driver_answer *answer)
{
	uint32_t type = 0;

	if (answer->len >= sizeof(type))
		memcpy(&type, answer->bytes, sizeof(type));
	return le32toh(type);
}

static uint32_t create(struct bench *bench, uint32_t id)
{
	const struct virtio_gpu_resource_create_2d request = {
		.hdr.type = htole32(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D),
		.resource_id = htole32(id),
		.format = htole32(VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM),
		.width = htole32(64),
		.height = htole32(64)};
	struct vgpu_driver_answer answer = ask(bench, 0, &request, sizeof(request), 24);

	return type_of(&answer);
}

static uint32_t width_of_output(struct bench *bench)
{
	const struct virtio_gpu_ctrl_hdr request = {
		.type = htole32(VIRTIO_GPU_CMD_GET_DISPLAY_INFO)};
	struct vgpu_driver_answer answer = ask(bench, 0, &request, sizeof(request), 408);
	struct virtio_gpu_resp_display_info info = {0};

	CU_ASSERT_EQUAL(type_of(&answer), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	if (answer.len == sizeof(info))
		memcpy(&info, answer.bytes, sizeof(info));
	return le32toh(info.pmodes[0].r.width);
}

static void a_changed_output_is_told(void)
{
	const struct vgpu_trace_outputs outputs = {
		.num_scanouts = 1,
		.outputs = {{.rect = {.width = 99, .height = 48}, .enabled = true}}};
	const uint32_t events_read = VIRTIO_MMIO_CONFIG, events_clear = VIRTIO_MMIO_CONFIG + 4;
	struct bench bench;

	open_bench(&bench);
	CU_ASSERT_EQUAL(width_of_output(&bench), 64);
	set_reg(&bench, VIRTIO_MMIO_INTERRUPT_ACK, 3);
	uint32_t generation = reg(&bench, VIRTIO_MMIO_CONFIG_GENERATION);
	CU_ASSERT_EQUAL(bench.target->ops->set_outputs(bench.target, &outputs, &bench.err), 0);
	CU_ASSERT_EQUAL(reg(&bench, VIRTIO_MMIO_INTERRUPT_STATUS) & 2, 2);
	CU_ASSERT_EQUAL(reg(&bench, events_read), 1);
	CU_ASSERT_NOT_EQUAL(reg(&bench, VIRTIO_MMIO_CONFIG_GENERATION), generation);
	CU_ASSERT_EQUAL(width_of_output(&bench), 99);
	set_reg(&bench, events_clear, 1);
	CU_ASSERT_EQUAL(reg(&bench, events_read), 0);
	close_bench(&bench);
}

static void an_answer_interrupts(void)
{
	struct bench bench;

	open_bench(&bench);
	CU_ASSERT_EQUAL(reg(&bench, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	CU_ASSERT_EQUAL(create(&bench, 1), VIRTIO_GPU_RESP_OK_NODATA);
	for (unsigned int i = 0; i < 60000; i++, usleep(1000))
		if (reg(&bench, VIRTIO_MMIO_INTERRUPT_STATUS) != 0)
			break;
	CU_ASSERT_EQUAL(reg(&bench, VIRTIO_MMIO_INTERRUPT_STATUS), 1);
	set_reg(&bench, VIRTIO_MMIO_INTERRUPT_ACK, 1);
	CU_ASSERT_EQUAL(reg(&bench, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	close_bench(&bench);
}

static void a_moved_cursor_is_seen(void)
{
	const struct virtio_gpu_update_cursor move = {.hdr.type =
							      htole32(VIRTIO_GPU_CMD_MOVE_CURSOR),
						      .pos = {.x = htole32(7), .y = htole32(8)}};
	struct vgpu_cursor cursor;
	struct bench bench;

	open_bench(&bench);
	ask(&bench, 1, &move, sizeof(move), 24);
	CU_ASSERT_EQUAL(bench.target->ops->cursor(bench.target, 0, &cursor, &bench.err), 0);
	CU_ASSERT_EQUAL(cursor.x, 7);
	CU_ASSERT_EQUAL(cursor.y, 8);
	close_bench(&bench);
}

static void status_0_resets_the_device(void)
{
	struct bench bench;

	open_bench(&bench);
	CU_ASSERT_FALSE(bench.target->reset_is_new);
	CU_ASSERT_EQUAL(create(&bench, 5), VIRTIO_GPU_RESP_OK_NODATA);
	CU_ASSERT_EQUAL(create(&bench, 5), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	for (unsigned int i = 0; i < 3; i++) {
		CU_ASSERT_EQUAL(start_driver(&bench), 0);
		CU_ASSERT_EQUAL(create(&bench, 5), VIRTIO_GPU_RESP_OK_NODATA);
		CU_ASSERT_EQUAL(width_of_output(&bench), 64);
	}
	close_bench(&bench);
}

/* A queue that is broken: the device says so by the descriptor for errors. */
static void a_broken_queue_asks_for_a_reset(void)
{
	struct bench bench;

	open_bench(&bench);
	/* The available ring follows the largest table: index 1, head 500. */
	uint16_t *avail = (uint16_t *)(bench.target->memory + VGPU_QUEUE_SIZE_MAX * 16ul);
	avail[2] = htole16(500);
	__atomic_store_n(&avail[1], htole16(1), __ATOMIC_RELEASE);
	set_reg(&bench, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	for (unsigned int i = 0; i < 60000; i++, usleep(1000))
		if ((reg(&bench, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET) != 0)
			break;
	CU_ASSERT_NOT_EQUAL(reg(&bench, VIRTIO_MMIO_STATUS) & VIRTIO_CONFIG_S_NEEDS_RESET, 0);
	CU_ASSERT_EQUAL(reg(&bench, VIRTIO_MMIO_INTERRUPT_STATUS) & 2, 2);
	CU_ASSERT_EQUAL(start_driver(&bench), 0);
	CU_ASSERT_EQUAL(create(&bench, 1), VIRTIO_GPU_RESP_OK_NODATA);
	close_bench(&bench);
}

/* ---- bad back ends ------------------------------------------------------------------- */

struct script {
	uint64_t features, protocol, queues;
	uint32_t num_scanouts;
	uint32_t config_size; /* of the reply's payload; 0: what is right */
	uint32_t refused;     /* this request is not obeyed */
	uint32_t last;	      /* this request ends the connection */
	atomic_uint resets;   /* that were asked for */
	atomic_uint cut;      /* files of guest memory that could be cut off */
};

#define GOOD                                                                                       \
	{                                                                                          \
		.features = VERSION_1 | BIT(VHOST_USER_F_PROTOCOL_FEATURES),                       \
		.protocol = BIT(VHOST_USER_PROTOCOL_F_CONFIG) |                                    \
			    BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) | BIT(VHOST_USER_PROTOCOL_F_MQ),  \
		.queues = 2                                                                        \
	}

static bool reply(int fd, uint32_t request, const void *payload, uint32_t size)
{
	const struct vhost_user_header header = {request, VHOST_USER_VERSION | VHOST_USER_REPLY,
						 size};

	return send(fd, &header, sizeof(header), MSG_NOSIGNAL) == sizeof(header) &&
	       send(fd, payload, size, MSG_NOSIGNAL) == (ssize_t)size;
}

static bool reply_u64(int fd, uint32_t request, uint64_t value)
{
	return reply(fd, request, &value, sizeof(value));
}

static bool obey(int fd, struct script *script, const struct vhost_user_header *header,
		 union vhost_user_payload *payload)
{
	uint32_t right = offsetof(struct vhost_user_config, bytes) + payload->config.size;

	switch (header->request) {
	case VHOST_USER_GET_FEATURES:
		return reply_u64(fd, header->request, script->features);
	case VHOST_USER_GET_PROTOCOL_FEATURES:
		return reply_u64(fd, header->request, script->protocol);
	case VHOST_USER_GET_QUEUE_NUM:
		return reply_u64(fd, header->request, script->queues);
	case VHOST_USER_GET_VRING_BASE:
		return reply(fd, header->request, payload, sizeof(payload->state));
	case VHOST_USER_GET_CONFIG:
		memset(payload->config.bytes, 0, sizeof(payload->config.bytes));
		memcpy(payload->config.bytes + 8, &script->num_scanouts, 4);
		return reply(fd, header->request, payload,
			     script->config_size != 0 ? script->config_size : right);
	case VHOST_USER_RESET_DEVICE:
		atomic_fetch_add(&script->resets, 1);
		return reply_u64(fd, header->request, 0);
	default:
		return (header->flags & VHOST_USER_NEED_REPLY) == 0 ||
		       reply_u64(fd, header->request, header->request == script->refused);
	}
}

/* Receives a header, and cuts off the file that comes with it. */
static bool receive_header(int fd, struct script *script, struct vhost_user_header *header)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control;
	struct iovec iov = {header, sizeof(*header)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control)};

	if (recvmsg(fd, &msg, MSG_WAITALL | MSG_CMSG_CLOEXEC) != sizeof(*header))
		return false;
	const struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg == NULL || cmsg->cmsg_type != SCM_RIGHTS)
		return true;
	for (size_t i = 0; i < (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
		int file;

		memcpy(&file, CMSG_DATA(cmsg) + i * sizeof(file), sizeof(file));
		if (header->request == VHOST_USER_SET_MEM_TABLE && ftruncate(file, 0) == 0)
			atomic_fetch_add(&script->cut, 1);
		close(file);
	}
	return true;
}

static void follow(int fd, void *opaque)
{
	struct script *script = opaque;
	union vhost_user_payload payload = {0};
	struct vhost_user_header header;
	bool more = true;

	while (more && receive_header(fd, script, &header)) {
		if (header.size > sizeof(payload) || header.request == script->last ||
		    (header.size > 0 &&
		     recv(fd, &payload, header.size, MSG_WAITALL) != (ssize_t)header.size))
			return;
		more = obey(fd, script, &header, &payload);
	}
}

static void cannot_be_opened(struct script script, const char *why)
{
	struct vgpu_target_options options = {.memory_size = 1 << 20, .num_scanouts = 1};
	struct back_end *back_end = back_end_start_talk(follow, &script);
	struct vgpu_error err = {""};

	CU_ASSERT_PTR_NULL(vgpu_target_open(back_end_spec(back_end), &options, &err));
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, why));
	if (strstr(err.text, why) == NULL)
		fprintf(stderr, "expected '%s', got '%s'\n", why, err.text);
	back_end_stop(back_end);
}

static void a_back_end_that_cannot_be_met_is_refused(void)
{
	struct script script = GOOD;

	script.features = VERSION_1;
	cannot_be_opened(script, "without PROTOCOL_FEATURES");
	script = (struct script)GOOD;
	script.protocol = BIT(VHOST_USER_PROTOCOL_F_MQ);
	cannot_be_opened(script, "have no CONFIG");
	script = (struct script)GOOD;
	script.queues = 1;
	cannot_be_opened(script, "has 1 queues");
	script = (struct script)GOOD;
	script.config_size = 12;
	cannot_be_opened(script, "is answered by message 24, flags 0x5, of 12 bytes");
	script = (struct script)GOOD;
	script.config_size = 200;
	cannot_be_opened(script, "of 200 bytes");
	script = (struct script)GOOD;
	script.refused = VHOST_USER_SET_OWNER;
	cannot_be_opened(script, "refuses vhost-user message 3");
	for (uint32_t last = 1; last <= VHOST_USER_GET_CONFIG; last++) {
		script = (struct script)GOOD;
		script.last = last;
		if (last == VHOST_USER_GET_FEATURES || last == VHOST_USER_SET_OWNER ||
		    last == VHOST_USER_GET_PROTOCOL_FEATURES ||
		    last == VHOST_USER_SET_PROTOCOL_FEATURES || last == VHOST_USER_GET_QUEUE_NUM ||
		    last == VHOST_USER_GET_CONFIG)
			cannot_be_opened(script, "has closed the connection");
	}
}

/* What the driver is told when the back end goes with a request. */
static void ends_with(uint32_t last, uint32_t refused, int expected)
{
	struct script script = GOOD;
	struct bench bench = {.back_end = NULL};

	script.last = last;
	script.refused = refused;
	bench.back_end = back_end_start_talk(follow, &script);
	open_target(&bench);
	CU_ASSERT_EQUAL(start_driver(&bench), expected);
	if (expected == -EPIPE) {
		uint32_t value;

		/* And from now on. */
		CU_ASSERT_EQUAL(bench.target->ops->read(bench.target, VIRTIO_MMIO_STATUS, 4, &value,
							&bench.err),
				-EPIPE);
		CU_ASSERT_EQUAL(bench.target->ops->write(bench.target, VIRTIO_MMIO_QUEUE_NOTIFY, 4,
							 0, &bench.err),
				-EPIPE);
	}
	close_bench(&bench);
}

static void the_end_of_a_back_end_is_an_error(void)
{
	static const uint32_t messages[] = {
		VHOST_USER_GPU_SET_SOCKET,   VHOST_USER_SET_FEATURES,	VHOST_USER_SET_MEM_TABLE,
		VHOST_USER_SET_VRING_NUM,    VHOST_USER_SET_VRING_BASE, VHOST_USER_SET_VRING_ADDR,
		VHOST_USER_SET_VRING_KICK,   VHOST_USER_SET_VRING_CALL, VHOST_USER_SET_VRING_ERR,
		VHOST_USER_SET_VRING_ENABLE,
	};

	for (size_t i = 0; i < sizeof(messages) / sizeof(messages[0]); i++) {
		ends_with(messages[i], 0, -EPIPE);
		ends_with(0, messages[i], -EREMOTEIO);
	}
	ends_with(0, 0, 0);
}

static void without_reset_a_new_device_takes_its_place(void)
{
	struct script script = GOOD;
	struct bench bench = {.back_end = back_end_start_talk(follow, &script)};

	open_target(&bench);
	CU_ASSERT_TRUE(bench.target->reset_is_new);
	/* A reset of what nobody has used yet changes nothing. */
	CU_ASSERT_EQUAL(vgpu_driver_reset(&bench.driver, &bench.err), 0);
	CU_ASSERT_EQUAL(start_driver(&bench), 0);
	CU_ASSERT_EQUAL(back_end_connections(bench.back_end), 1);
	CU_ASSERT_EQUAL(start_driver(&bench), 0);
	CU_ASSERT_EQUAL(back_end_connections(bench.back_end), 2);
	close_bench(&bench);
}

static void with_reset_the_device_stays(void)
{
	struct script script = GOOD;
	struct bench bench = {.back_end = NULL};

	script.protocol |= BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE);
	bench.back_end = back_end_start_talk(follow, &script);
	open_target(&bench);
	CU_ASSERT_FALSE(bench.target->reset_is_new);
	CU_ASSERT_EQUAL(start_driver(&bench), 0);
	CU_ASSERT_EQUAL(atomic_load(&script.resets), 0);
	CU_ASSERT_EQUAL(start_driver(&bench), 0);
	CU_ASSERT_EQUAL(atomic_load(&script.resets), 1);
	CU_ASSERT_EQUAL(back_end_connections(bench.back_end), 1);
	close_bench(&bench);
}

static void guest_memory_cannot_be_cut_off(void)
{
	struct script script = GOOD;
	struct bench bench = {.back_end = back_end_start_talk(follow, &script)};

	open_target(&bench);
	CU_ASSERT_EQUAL(start_driver(&bench), 0);
	/* The memory was acknowledged, so it has been tried. */
	CU_ASSERT_EQUAL(atomic_load(&script.cut), 0);
	memset(bench.target->memory, 0xff, bench.target->memory_size);
	close_bench(&bench);
}

static void scanouts_are_the_back_ends_if_it_says_how_many(void)
{
	static const struct {
		uint32_t says, has;
	} cases[] = {{0, 1}, {1, 1}, {5, 5}, {16, 16}, {17, 1}, {0xffffffff, 1}};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct script script = GOOD;
		struct bench bench = {.back_end = NULL};

		script.num_scanouts = htole32(cases[i].says);
		bench.back_end = back_end_start_talk(follow, &script);
		open_target(&bench);
		CU_ASSERT_EQUAL(bench.target->num_scanouts, cases[i].has);
		CU_ASSERT_EQUAL(reg(&bench, VIRTIO_MMIO_CONFIG + 8), cases[i].has);
		close_bench(&bench);
	}
}

static void features_between_the_ends_are_not_offered(void)
{
	struct script script = GOOD;
	struct bench bench = {.back_end = NULL};
	uint64_t offered;

	script.features = ~0ull;
	bench.back_end = back_end_start_talk(follow, &script);
	open_target(&bench);
	CU_ASSERT_EQUAL(vgpu_driver_offered(&bench.driver, &offered, &bench.err), 0);
	CU_ASSERT_EQUAL(offered, ~(BIT(26) | BIT(30) | BIT(33) | BIT(38) | BIT(40)));
	close_bench(&bench);
}

/* ---- the channel -------------------------------------------------------------------------- */

/* Asks for the features where these bytes are the answer. */
static int answered_by(const void *bytes, size_t len, bool end, struct vgpu_error *err)
{
	struct vgpu_vhost_user_channel channel;
	uint64_t features;
	int pair[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	vgpu_vhost_user_channel_init(&channel, pair[0]);
	channel.timeout_ms = 50;
	if (len > 0)
		CU_ASSERT_EQUAL(send(pair[1], bytes, len, 0), (ssize_t)len);
	if (end)
		shutdown(pair[1], SHUT_WR);
	int ret = vgpu_vhost_user_ask(
		&channel, &(struct vgpu_vhost_user_message){.request = VHOST_USER_GET_FEATURES},
		&features, sizeof(features), err);
	vgpu_vhost_user_channel_fini(&channel);
	close(pair[1]);
	return ret;
}

static void every_wait_ends(void)
{
	const struct {
		struct vhost_user_header header;
		uint32_t payload[2];
	} good = {{VHOST_USER_GET_FEATURES, 5, 8}, {0, 1}};
	struct vgpu_error err;

	CU_ASSERT_EQUAL(answered_by(&good, 20, false, &err), 0);
	for (size_t len = 0; len < 20; len++) {
		CU_ASSERT_EQUAL(answered_by(&good, len, false, &err), -ETIMEDOUT);
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "message 1: no answer"));
		CU_ASSERT_EQUAL(answered_by(&good, len, true, &err), -EPIPE);
	}
}

static void what_is_no_answer_is_refused(void)
{
	static const struct vhost_user_header bad[] = {
		{VHOST_USER_SET_FEATURES, 5, 8},
		{VHOST_USER_GET_FEATURES, 1, 8},
		{VHOST_USER_GET_FEATURES, 6, 8},
		{VHOST_USER_GET_FEATURES, 13, 8},
		{VHOST_USER_GET_FEATURES, 5, 0},
		{VHOST_USER_GET_FEATURES, 5, 0xffffffff},
		{0, 0, 0},
	};
	struct vgpu_error err;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		CU_ASSERT_EQUAL(answered_by(&bad[i], sizeof(bad[i]), false, &err), -EPROTO);
}

static void nobody_speaks_unasked(void)
{
	struct vgpu_vhost_user_channel channel;
	struct vgpu_error err;
	int pair[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	vgpu_vhost_user_channel_init(&channel, pair[0]);
	CU_ASSERT_EQUAL(vgpu_vhost_user_channel_check(&channel, &err), 0);
	CU_ASSERT_EQUAL(send(pair[1], "x", 1, 0), 1);
	CU_ASSERT_EQUAL(vgpu_vhost_user_channel_check(&channel, &err), -EPROTO);
	close(pair[1]);
	vgpu_vhost_user_channel_fini(&channel);
	CU_ASSERT_EQUAL(vgpu_vhost_user_channel_check(&channel, &err), -EPIPE);
}

/* Nobody reads what is said. */
static void a_full_socket_ends_the_wait(void)
{
	static const uint8_t payload[VHOST_USER_MAX_CONFIG_SIZE];
	struct vgpu_vhost_user_channel channel;
	struct vgpu_error err;
	int pair[2], ret = 0;

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	vgpu_vhost_user_channel_init(&channel, pair[0]);
	channel.timeout_ms = 50;
	for (unsigned int i = 0; i < 100000 && ret == 0; i++)
		ret = vgpu_vhost_user_tell(
			&channel,
			&(struct vgpu_vhost_user_message){.request = VHOST_USER_SET_CONFIG,
							  .payload = payload,
							  .size = sizeof(payload)},
			&err);
	CU_ASSERT_EQUAL(ret, -ETIMEDOUT);
	vgpu_vhost_user_channel_fini(&channel);
	close(pair[1]);
}

static const struct unit_test tests[] = {
	{"a golden trace is equal", a_golden_trace_is_equal},
	{"a trace that starts twice is equal", a_trace_that_starts_twice_is_equal},
	{"a changed output is told", a_changed_output_is_told},
	{"an answer interrupts", an_answer_interrupts},
	{"a moved cursor is seen", a_moved_cursor_is_seen},
	{"status 0 resets the device", status_0_resets_the_device},
	{"a broken queue asks for a reset", a_broken_queue_asks_for_a_reset},
	{"a back end that cannot be met is refused", a_back_end_that_cannot_be_met_is_refused},
	{"the end of a back end is an error", the_end_of_a_back_end_is_an_error},
	{"without RESET_DEVICE a new device takes its place",
	 without_reset_a_new_device_takes_its_place},
	{"with RESET_DEVICE the device stays", with_reset_the_device_stays},
	{"guest memory cannot be cut off", guest_memory_cannot_be_cut_off},
	{"scanouts are the back end's if it says how many",
	 scanouts_are_the_back_ends_if_it_says_how_many},
	{"features between the two ends are not offered",
	 features_between_the_ends_are_not_offered},
	{"every wait ends", every_wait_ends},
	{"what is no answer is refused", what_is_no_answer_is_refused},
	{"nobody speaks unasked", nobody_speaks_unasked},
	{"a full socket ends the wait", a_full_socket_ends_the_wait},
	{NULL, NULL},
};

const struct unit_suite vhost_user_target_suite = {"vhost-user target", tests};
