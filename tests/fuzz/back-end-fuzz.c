/* SPDX-License-Identifier: MIT */
/*
 * A hostile vhost-user-gpu back end: the target vhost-user, its display and its
 * driver are this process's main thread, the back end is another. For each
 * message it takes the next operation of the program, and when there is none left
 * it goes on as a good one would, for a while.
 */
#include "bus/gpu_messages.h"
#include "bus/vhost_user.h"
#include "driver.h"
#include "fuzz/fuzz.h"
#include "fuzz/program.h"
#include "target.h"

#include <linux/virtio_gpu.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MEMORY_SIZE 0x40000u
#define DRIVER_MS   2
#define TURNS_MAX   200
#define DISPLAY_MAX 0x20000u
#define FEATURES    (1ull << 30 | 1ull << 32 | 1ull << 34 | 1ull << 28 | 1ull << 29 | 0x1full)

enum back_end_op {
	OP_RIGHT,   /* the right answer */
	OP_CHANGED, /* the right answer, its payload changed by these bytes */
	OP_WRONG,   /* these bytes, and no more ever */
	OP_DISPLAY, /* request (1), zeros after the payload (3), payload, whole; then the next */
	OP_NOISE,   /* these bytes on the display socket, and its end; then the next */
	OP_MEMORY,  /* guest memory: offset (4), bytes; then the next */
	OP_USED,    /* queue (1), id (2), length (4), how much the index grows (2); then the next */
	NUM_BACK_END_OPS,
};

struct back_end {
	const uint8_t *program;
	size_t size;
	int fd, display;
	uint8_t *memory;
	size_t memory_size;
	uint64_t user;			/* where the front end has the memory */
	uint64_t used[VGPU_NUM_QUEUES]; /* offset of the used ring */
};

static char folder[64] = "/tmp/vgpu-fuzz-XXXXXX";
static char path[96];
static int listener;

static void clean_up(void)
{
	unlink(path);
	rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	(void)argc;
	(void)argv;
	signal(SIGPIPE, SIG_IGN);
	fuzz_check(mkdtemp(folder) != NULL, "there is a folder for a socket");
	snprintf(path, sizeof(path), "%s/socket", folder);
	atexit(clean_up);
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	fuzz_check(bind(listener, (const struct sockaddr *)&address, sizeof(address)) == 0 &&
			   listen(listener, 8) == 0,
		   "there is a socket to listen on");
	return 0;
}

/* ---- the back end -------------------------------------------------------------------------- */

struct turn {
	struct vhost_user_header header;
	union vhost_user_payload payload;
};

static void put(int fd, const void *bytes, size_t len)
{
	if (fd >= 0 && send(fd, bytes, len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}

static void keep_memory(struct back_end *back, const struct turn *turn, int fd)
{
	const struct vhost_user_mem_table *table = &turn->payload.table;
	size_t size = table->regions[0].size + table->regions[1].size;

	if (back->memory != NULL)
		munmap(back->memory, back->memory_size);
	back->memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	back->memory_size = size;
	back->user = table->regions[0].user_addr;
	fuzz_check(back->memory != MAP_FAILED, "the front end sends memory that can be mapped");
}

static void keep_fd(struct back_end *back, const struct turn *turn, int fd, bool first)
{
	if (turn->header.request == VHOST_USER_GPU_SET_SOCKET && first) {
		if (back->display >= 0)
			close(back->display);
		back->display = fd;
		return;
	}
	if (turn->header.request == VHOST_USER_SET_MEM_TABLE && first)
		keep_memory(back, turn, fd);
	close(fd);
}

/* One message of the front end; false: it has gone. */
static bool hear(struct back_end *back, struct turn *turn)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * VHOST_USER_MAX_REGIONS)];
		struct cmsghdr align;
	} control;
	struct iovec iov = {.iov_base = &turn->header, .iov_len = sizeof(turn->header)};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control.bytes)};

	memset(turn, 0, sizeof(*turn));
	if (recvmsg(back->fd, &msg, MSG_WAITALL | MSG_CMSG_CLOEXEC) != sizeof(turn->header))
		return false;
	fuzz_check(turn->header.size <= sizeof(turn->payload), "a message is one");
	if (turn->header.size != 0 &&
	    recv(back->fd, &turn->payload, turn->header.size, MSG_WAITALL) < 0)
		return false;
	const struct cmsghdr *cmsg = CMSG_FIRSTHDR(&msg);
	if (cmsg != NULL)
		for (size_t i = 0; i < (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int); i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(cmsg) + i * sizeof(fd), sizeof(fd));
			keep_fd(back, turn, fd, i == 0);
		}
	if (turn->header.request == VHOST_USER_SET_VRING_ADDR)
		back->used[turn->payload.addr.index & 1] =
			turn->payload.addr.used_user_addr - back->user;
	return true;
}

/* Makes the answer that is right; false: there is none to this message. */
static bool answer(struct turn *turn)
{
	bool acked = (turn->header.flags & VHOST_USER_NEED_REPLY) != 0;

	turn->header.flags = VHOST_USER_VERSION | VHOST_USER_REPLY;
	switch (turn->header.request) {
	case VHOST_USER_GET_CONFIG:
		turn->payload.config.bytes[8] = 2; /* scanouts */
		return true;
	case VHOST_USER_GET_VRING_BASE:
		return true;
	case VHOST_USER_GET_FEATURES:
		turn->payload.u64 = FEATURES;
		break;
	case VHOST_USER_GET_PROTOCOL_FEATURES:
		turn->payload.u64 = 1u << VHOST_USER_PROTOCOL_F_MQ |
				    1u << VHOST_USER_PROTOCOL_F_REPLY_ACK |
				    1u << VHOST_USER_PROTOCOL_F_CONFIG |
				    1u << VHOST_USER_PROTOCOL_F_RESET_DEVICE;
		break;
	case VHOST_USER_GET_QUEUE_NUM:
		turn->payload.u64 = VGPU_NUM_QUEUES;
		break;
	default:
		turn->payload.u64 = 0;
		turn->header.size = sizeof(uint64_t);
		return acked;
	}
	turn->header.size = sizeof(uint64_t);
	return true;
}

static void reply(struct back_end *back, struct turn *turn, const struct program_op *change)
{
	uint8_t bytes[sizeof(*turn)];
	size_t len;

	if (!answer(turn))
		return;
	len = sizeof(turn->header) + turn->header.size;
	memcpy(bytes, &turn->header, sizeof(turn->header));
	memcpy(bytes + sizeof(turn->header), &turn->payload, turn->header.size);
	for (size_t i = 0; change != NULL && i < change->len && i < turn->header.size; i++)
		bytes[sizeof(turn->header) + i] ^= change->bytes[i];
	put(back->fd, bytes, len);
}

static void op_display(struct back_end *back, struct program_op *op)
{
	static uint8_t bytes[sizeof(struct gpu_header) + DISPLAY_MAX + PROGRAM_OP_MAX];
	struct gpu_header header = {.request = (uint32_t)program_number(op, 1)};
	size_t more = program_number(op, 3) % DISPLAY_MAX;

	header.size = (uint32_t)(op->len + more);
	memcpy(bytes, &header, sizeof(header));
	if (op->len != 0)
		memcpy(bytes + sizeof(header), op->bytes, op->len);
	memset(bytes + sizeof(header) + op->len, 0, more);
	put(back->display, bytes, sizeof(header) + header.size);
}

/* What came of it, if anything, is not waited for. */
static void op_noise(struct back_end *back, struct program_op *op)
{
	put(back->display, op->bytes, op->len);
	if (back->display >= 0)
		shutdown(back->display, SHUT_WR);
}

static void op_memory(struct back_end *back, struct program_op *op)
{
	uint64_t at = program_number(op, 4);

	for (size_t i = 0; back->memory != NULL && i < op->len; i++)
		__atomic_store_n(&back->memory[(at + i) % back->memory_size], op->bytes[i],
				 __ATOMIC_RELAXED);
}

static void op_used(struct back_end *back, struct program_op *op)
{
	uint64_t at = back->used[program_number(op, 1) & 1];
	struct vring_used *used;

	if (back->memory == NULL || at > back->memory_size - 64 || at % 4 != 0)
		return;
	used = (void *)(back->memory + at);
	used->ring[used->idx % 2].id = (uint32_t)program_number(op, 2);
	used->ring[used->idx % 2].len = (uint32_t)program_number(op, 4);
	__atomic_store_n(&used->idx, used->idx + (uint16_t)program_number(op, 2), __ATOMIC_RELEASE);
}

/* Whether there is what the operation is about. */
static bool possible(const struct back_end *back, uint8_t op)
{
	switch (op) {
	case OP_DISPLAY:
	case OP_NOISE:
		return back->display >= 0;
	case OP_MEMORY:
		return back->memory != NULL;
	case OP_USED:
		return back->used[0] != 0;
	default:
		return true;
	}
}

/* An operation between messages; false: it is none. */
static bool do_between(struct back_end *back, uint8_t kind, struct program_op *op)
{
	switch (kind) {
	case OP_DISPLAY:
		op_display(back, op);
		return true;
	case OP_NOISE:
		op_noise(back, op);
		return true;
	case OP_MEMORY:
		op_memory(back, op);
		return true;
	case OP_USED:
		op_used(back, op);
		return true;
	default:
		return false;
	}
}

/* Takes operations up to one that answers. False: nothing is said after it. */
static bool take_turn(struct back_end *back, struct turn *turn)
{
	const uint8_t *at = back->program;
	size_t left = back->size;
	struct program_op op;

	while (program_next(&at, &left, &op)) {
		uint8_t kind = op.kind % NUM_BACK_END_OPS;

		/* It waits for its time. */
		if (!possible(back, kind))
			break;
		back->program = at;
		back->size = left;
		if (do_between(back, kind, &op))
			continue;
		if (kind == OP_WRONG) {
			put(back->fd, op.bytes, op.len);
			return false;
		}
		reply(back, turn, kind == OP_CHANGED ? &op : NULL);
		return true;
	}
	reply(back, turn, NULL);
	return true;
}

/* The front end may connect again, after a reset. */
static void serve(struct back_end *back)
{
	struct turn turn;

	for (int i = 0; i < TURNS_MAX && hear(back, &turn); i++)
		if (!take_turn(back, &turn))
			break;
	if (back->display >= 0)
		close(back->display);
	back->display = -1;
	close(back->fd);
}

static void *run_back_end(void *opaque)
{
	struct back_end *back = opaque;

	/* A connection that says nothing is the sign to end. */
	for (;;) {
		char byte;

		back->fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
		if (back->fd < 0 || recv(back->fd, &byte, 1, MSG_PEEK) <= 0)
			break;
		serve(back);
	}
	close(back->fd);
	if (back->memory != NULL)
		munmap(back->memory, back->memory_size);
	return NULL;
}

static void end_back_end(void)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	fuzz_check(connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0,
		   "the back end listens");
	close(fd);
}

/* ---- the front end --------------------------------------------------------------------------- */

static const struct vgpu_output output = {.rect = {.width = 64, .height = 48}, .enabled = true};

static void look(struct vgpu_target *target, struct vgpu_error *err)
{
	struct vgpu_frame frame = {0};
	struct vgpu_cursor cursor;

	for (uint32_t id = 0; id < 3; id++) {
		int ret = target->ops->capture(target, id, &frame, err);

		fuzz_check(ret != 0 || (frame.width != 0 && frame.height != 0), "a frame is one");
		target->ops->cursor(target, id, &cursor, err);
	}
	vgpu_frame_fini(&frame);
}

static int submit(struct vgpu_driver *driver, unsigned int queue, struct vgpu_error *err)
{
	const struct virtio_gpu_ctrl_hdr request = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	const struct vgpu_chain_desc descs[2] = {{.len = sizeof(request)},
						 {.len = 408, .device_writable = true}};
	const struct vgpu_driver_request chain = {.queue = queue,
						  .descs = descs,
						  .num_descs = 2,
						  .indirect_at = -1,
						  .bytes = (const uint8_t *)&request,
						  .len = sizeof(request)};
	struct vgpu_driver_answer got = {0};
	int ret = vgpu_driver_submit(driver, &chain, &got, err);

	fuzz_check(ret != 0 || got.len <= 408, "no answer has more bytes than it had room for");
	return ret;
}

static int set_up(struct vgpu_driver *driver, struct vgpu_error *err)
{
	uint64_t offered = 0;
	int ret = vgpu_driver_reset(driver, err);

	if (ret == 0)
		ret = vgpu_driver_offered(driver, &offered, err);
	if (ret == 0)
		ret = vgpu_driver_negotiate(driver, offered & ~(1ull << 34), err);
	for (unsigned int i = 0; ret == 0 && i < VGPU_NUM_QUEUES; i++)
		ret = vgpu_driver_set_queue(driver, i, 64, err);
	return ret == 0 ? vgpu_driver_ok(driver, err) : ret;
}

static void drive(struct vgpu_target *target, struct vgpu_error *err)
{
	struct vgpu_trace_outputs outputs = {.num_scanouts = 1, .outputs = {output}};
	struct vgpu_driver driver;
	uint32_t value;

	vgpu_driver_init(&driver, target, 0x8000);
	driver.timeout_ms = DRIVER_MS;
	int ret = set_up(&driver, err);
	for (unsigned int i = 0; ret == 0 && i < 3; i++)
		ret = submit(&driver, i & 1, err);
	look(target, err);
	target->ops->set_outputs(target, &outputs, err);
	target->ops->read(target, VIRTIO_MMIO_CONFIG, 4, &value, err);
	target->ops->write(target, VIRTIO_MMIO_CONFIG + 4, 4, 1, err);
	/* A second life. */
	if (set_up(&driver, err) == 0)
		look(target, err);
	vgpu_driver_fini(&driver);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct back_end back = {.program = data, .size = size, .display = -1};
	struct vgpu_target_options options = {
		.memory_size = MEMORY_SIZE, .num_scanouts = 2, .outputs = {output, output}};
	struct vgpu_error err = {.text = ""};
	char spec[128];
	pthread_t thread;

	snprintf(spec, sizeof(spec), "vhost-user:%s", path);
	fuzz_check(pthread_create(&thread, NULL, run_back_end, &back) == 0, "there are threads");
	struct vgpu_target *target = vgpu_target_open(spec, &options, &err);
	fuzz_check(target != NULL || strlen(err.text) != 0, "a refusal has a reason");
	if (target != NULL) {
		drive(target, &err);
		target->ops->close(target);
	}
	end_back_end();
	pthread_join(thread, NULL);
	return 0;
}

/* ---- mutation ----------------------------------------------------------------------------- */

static void make_display(struct dice *dice, struct bytes *op)
{
	uint32_t request = 1 + dice_roll(dice) % 13;
	uint32_t words = 0, more = 0;

	program_put_number(op, request, 1);
	if (request == GPU_CURSOR_UPDATE)
		more = VGPU_CURSOR_SIZE * VGPU_CURSOR_SIZE * 4;
	if (request == GPU_UPDATE && dice_once_in(dice, 2))
		more = 4 * (dice_roll(dice) % 4096);
	program_put_number(op, dice_once_in(dice, 20) ? dice_roll(dice) : more, 3);
	static const uint8_t sizes[] = {0, 0, 2, 0, 3, 3, 5, 3, 5, 10, 5, 1, 12};
	words = sizes[request < sizeof(sizes) ? request : 0];
	for (uint32_t i = 0; i < words; i++)
		program_put_number(op,
				   dice_once_in(dice, 6) ? dice_edge(dice)
							 : dice_roll(dice) % (i == 0 ? 3 : 64),
				   4);
}

static void make(struct dice *dice, uint8_t kind, struct bytes *op)
{
	switch (kind) {
	case OP_RIGHT:
		break;
	case OP_DISPLAY:
		make_display(dice, op);
		break;
	case OP_MEMORY:
		program_put_number(op, dice_roll(dice) % 0x12000, 4);
		program_put_number(op, dice_edge(dice), 4);
		break;
	case OP_USED:
		program_put_number(op, dice_roll(dice), 1);
		program_put_number(op, dice_once_in(dice, 4) ? dice_edge(dice) : 0, 2);
		program_put_number(op, dice_once_in(dice, 2) ? dice_edge(dice) : 24, 4);
		program_put_number(op, dice_once_in(dice, 8) ? dice_edge(dice) : 1, 2);
		break;
	default:
		for (uint32_t i = dice_roll(dice) % 8; i > 0; i--)
			program_put_number(op, dice_edge(dice), 4);
	}
}

const struct program_grammar fuzz_grammar = {
	.num_kinds = NUM_BACK_END_OPS, .usual = OP_DISPLAY, .make = make};
