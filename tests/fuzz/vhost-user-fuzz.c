/* SPDX-License-Identifier: MIT */
/*
 * A hostile front end: the vhost-user-gpu server on both its sockets, in this
 * process. A program sends messages with and without descriptors, answers or does
 * not answer on the display socket, writes to guest memory and kicks. In the end
 * every descriptor is closed and no host memory is taken.
 */
#include "bus/vhost_user.h"
#include "fuzz/commands.h"
#include "fuzz/fuzz.h"
#include "fuzz/rings.h"
#include "fuzz/vhost-user-ops.h"
#include "gpu/device.h"
#include "target/socket_io.h"

#include <fcntl.h>
#include <linux/virtio_config.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define MEMORY_LIMIT (2u << 20)
/* Where the front end has guest memory, as far as the server is told. */
#define USER	    0x7f0000000000ull
#define SEAM	    0x11000u
#define OPS_MAX	    100
#define RUNS	    8
#define FDS_COUNTED 128

/* What a message can bring along. */
enum { FD_RAM, FD_EVENT, FD_PIPE, FD_SOCKET, FD_NULL, NUM_FDS };

struct front {
	struct vgpu_mem_map *map;
	struct vgpu_device *device;
	struct vgpu_vhost_user *server;
	int fd, gpu; /* -1: closed */
	int fds[NUM_FDS];
	uint8_t *ram;
	int kicks[VGPU_NUM_QUEUES];
	struct rings rings;
};

static struct front front = {.ram = NULL};

static void guest_write(void *opaque, uint32_t offset, const void *data, size_t len)
{
	const struct front *self = opaque;

	if (offset >= FUZZ_RAM_SIZE)
		return;
	len = len < FUZZ_RAM_SIZE - offset ? len : FUZZ_RAM_SIZE - offset;
	if (len != 0)
		memcpy(self->ram + offset, data, len);
}

/* Once for all inputs: making them anew would be most of the work. */
int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	int pair[2];

	(void)argc;
	(void)argv;
	/* As vgpu-record does. */
	signal(SIGPIPE, SIG_IGN);
	front.fds[FD_RAM] = memfd_create("ram", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	front.fds[FD_EVENT] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	front.fds[FD_NULL] = open("/dev/null", O_RDWR | O_CLOEXEC);
	fuzz_check(ftruncate(front.fds[FD_RAM], FUZZ_RAM_SIZE) == 0 && pipe2(pair, O_CLOEXEC) == 0,
		   "there are descriptors");
	front.fds[FD_PIPE] = pair[1];
	close(pair[0]);
	fuzz_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0,
		   "there are sockets");
	front.fds[FD_SOCKET] = pair[0];
	close(pair[1]);
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		front.kicks[i] = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	front.ram =
		mmap(NULL, FUZZ_RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, front.fds[FD_RAM], 0);
	fuzz_check(front.ram != MAP_FAILED, "there is guest memory");
	return 0;
}

static void pump(struct front *self)
{
	for (int i = 0; i < RUNS; i++)
		if (!vgpu_vhost_user_connected(self->server) ||
		    vgpu_vhost_user_run(self->server, 0, -1) != 0)
			return;
}

/* What the server says is read, or its socket would soon be full. */
static void hear(int fd)
{
	static uint8_t bytes[1 << 18];

	while (fd >= 0 && recv(fd, bytes, sizeof(bytes), MSG_DONTWAIT) > 0)
		continue;
}

/* As much as there is room for. */
static void send_message(const struct front *self, const void *bytes, size_t len, const int *fds,
			 unsigned int num_fds)
{
	if (self->fd >= 0)
		vgpu_socket_send(self->fd, bytes, len, fds, num_fds, 0);
}

static void say(const struct front *self, uint32_t request, const void *payload, uint32_t size,
		const int *fds, unsigned int num_fds)
{
	struct {
		struct vhost_user_header header;
		uint8_t payload[sizeof(union vhost_user_payload)];
	} message = {.header = {request, VHOST_USER_VERSION, size}};

	memcpy(message.payload, payload, size);
	send_message(self, &message, sizeof(message.header) + size, fds, num_fds);
}

static void say_state(const struct front *self, uint32_t request, uint32_t index, uint32_t num)
{
	struct vhost_vring_state state = {.index = index, .num = num};

	say(self, request, &state, sizeof(state), NULL, 0);
}

/* ---- operations ------------------------------------------------------------------------- */

static void open_display(struct front *self)
{
	const uint8_t none = 0;
	int pair[2];

	if (self->gpu >= 0)
		close(self->gpu);
	fuzz_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0,
		   "there are sockets");
	self->gpu = pair[0];
	say(self, VHOST_USER_GPU_SET_SOCKET, &none, 0, &pair[1], 1);
	close(pair[1]);
}

static void send_memory(const struct front *self)
{
	struct vhost_user_mem_table table = {
		.num = 2,
		.regions = {{.gpa = FUZZ_RAM, .size = SEAM, .user_addr = USER},
			    {.gpa = FUZZ_RAM + SEAM,
			     .size = FUZZ_RAM_SIZE - SEAM,
			     .user_addr = USER + SEAM,
			     .mmap_offset = SEAM}}};
	int fds[2] = {self->fds[FD_RAM], self->fds[FD_RAM]};

	say(self, VHOST_USER_SET_MEM_TABLE, &table,
	    offsetof(struct vhost_user_mem_table, regions[2]), fds, 2);
}

static void start_queue(struct front *self, unsigned int queue, uint16_t size, uint16_t base)
{
	struct vhost_vring_addr addr = {.index = queue,
					.desc_user_addr = USER + RINGS_DESC(queue),
					.avail_user_addr = USER + RINGS_AVAIL(queue),
					.used_user_addr = USER + RINGS_USED(queue)};
	uint64_t index = queue;

	memset(self->ram + RINGS_DESC(queue), 0, RINGS_BYTES);
	rings_set_up(&self->rings, queue, size);
	self->rings.queues[queue].avail = base;
	say_state(self, VHOST_USER_SET_VRING_NUM, queue, size);
	say_state(self, VHOST_USER_SET_VRING_BASE, queue, base);
	say(self, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr), NULL, 0);
	say(self, VHOST_USER_SET_VRING_KICK, &index, sizeof(index), &self->kicks[queue], 1);
	say(self, VHOST_USER_SET_VRING_CALL, &index, sizeof(index), &self->fds[FD_EVENT], 1);
	say_state(self, VHOST_USER_SET_VRING_ENABLE, queue, 1);
}

static void op_set_up(struct front *self, struct program_op *op)
{
	uint64_t features = program_number(op, 8), protocol = UINT64_MAX;
	uint8_t sizes = (uint8_t)program_number(op, 1);
	uint16_t base = (uint16_t)program_number(op, 2);

	features &= vgpu_device_features(self->device) | 1ull << VHOST_USER_F_PROTOCOL_FEATURES;
	self->rings.packed = (features & 1ull << VIRTIO_F_RING_PACKED) != 0;
	say(self, VHOST_USER_SET_PROTOCOL_FEATURES, &protocol, sizeof(protocol), NULL, 0);
	open_display(self);
	say(self, VHOST_USER_SET_FEATURES, &features, sizeof(features), NULL, 0);
	send_memory(self);
	pump(self);
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		start_queue(self, i, (uint16_t)(1u << (sizes >> 4 * i) % 11), i == 0 ? base : 0);
}

static void op_command(struct front *self, struct program_op *op)
{
	int queue = rings_command(&self->rings, op);
	uint64_t one = 1;

	if (queue >= 0 && write(self->kicks[queue], &one, sizeof(one)) < 0)
		return;
}

static void op_message(struct front *self, struct program_op *op)
{
	uint8_t kinds[VHOST_USER_MAX_REGIONS + 2];
	int fds[VHOST_USER_MAX_REGIONS + 2];
	unsigned int num = program_number(op, 1) % (VHOST_USER_MAX_REGIONS + 3);
	struct {
		struct vhost_user_header header;
		uint8_t payload[1024];
	} message;

	for (unsigned int i = 0; i < num; i++) {
		kinds[i] = (uint8_t)program_number(op, 1);
		fds[i] = self->fds[kinds[i] % NUM_FDS];
	}
	message.header.request = (uint32_t)program_number(op, 1);
	message.header.flags = (uint32_t)program_number(op, 1);
	size_t len = op->len < sizeof(message.payload) ? op->len : sizeof(message.payload);
	message.header.size = (uint32_t)len;
	memcpy(message.payload, op->bytes, len);
	send_message(self, &message, sizeof(message.header) + len, fds, num);
}

static void op_bytes(struct front *self, struct program_op *op)
{
	send_message(self, op->bytes, op->len, NULL, 0);
}

static void op_display_bytes(struct front *self, struct program_op *op)
{
	if (self->gpu >= 0 && send(self->gpu, op->bytes, op->len, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}

/* A reply on the display socket: request (1), then the outputs as they stand. */
static void op_display_reply(struct front *self, struct program_op *op)
{
	struct {
		uint32_t request, flags, size;
		union {
			uint64_t features;
			struct virtio_gpu_resp_display_info info;
		};
	} __attribute__((packed)) reply = {.flags = 4};

	memset(&reply.info, 0, sizeof(reply.info));
	reply.request = (program_number(op, 1) & 1) != 0 ? 3 : 1;
	reply.size = reply.request == 1 ? sizeof(reply.features) : sizeof(reply.info);
	size_t len = op->len < sizeof(reply.info) ? op->len : sizeof(reply.info);
	memcpy(&reply.info, op->bytes, len);
	if (self->gpu >= 0 &&
	    send(self->gpu, &reply, 12 + reply.size, MSG_NOSIGNAL | MSG_DONTWAIT) < 0)
		return;
}

static void op_memory(struct front *self, struct program_op *op)
{
	uint32_t offset = (uint32_t)program_number(op, 4);

	guest_write(self, offset % FUZZ_RAM_SIZE, op->bytes, op->len);
}

static void op_desc(struct front *self, struct program_op *op)
{
	rings_desc(&self->rings, op);
}

static void op_avail(struct front *self, struct program_op *op)
{
	uint64_t one = 1;
	int queue = op->len != 0 && (op->bytes[0] & 1) != 0;

	rings_avail(&self->rings, op);
	if (write(self->kicks[queue], &one, sizeof(one)) < 0)
		return;
}

static void op_stop(struct front *self, struct program_op *op)
{
	uint32_t queue = (uint32_t)program_number(op, 1);

	say_state(self, VHOST_USER_SET_VRING_ENABLE, queue & 1, 0);
	say_state(self, VHOST_USER_GET_VRING_BASE, queue & 1, 0);
}

static void op_close(struct front *self, struct program_op *op)
{
	int *fd = (program_number(op, 1) & 1) != 0 ? &self->gpu : &self->fd;

	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void (*const ops[NUM_VHOST_USER_OPS])(struct front *self, struct program_op *op) = {
	[VHOST_USER_OP_SET_UP] = op_set_up,
	[VHOST_USER_OP_COMMAND] = op_command,
	[VHOST_USER_OP_MESSAGE] = op_message,
	[VHOST_USER_OP_BYTES] = op_bytes,
	[VHOST_USER_OP_DISPLAY_BYTES] = op_display_bytes,
	[VHOST_USER_OP_DISPLAY_REPLY] = op_display_reply,
	[VHOST_USER_OP_MEMORY] = op_memory,
	[VHOST_USER_OP_DESC] = op_desc,
	[VHOST_USER_OP_AVAIL] = op_avail,
	[VHOST_USER_OP_STOP] = op_stop,
	[VHOST_USER_OP_CLOSE] = op_close,
};

/* ---- a run ------------------------------------------------------------------------------- */

static void on_log(void *opaque, const char *line)
{
	(void)opaque;
	fuzz_check(strlen(line) != 0 && strchr(line, '\n') == NULL, "a line of log is one line");
}

/* Of the lowest, which are those that are used again and again. */
static unsigned int count_fds(void)
{
	unsigned int count = 0;

	for (int fd = 0; fd < FDS_COUNTED; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void start(struct front *self, bool ask)
{
	struct vgpu_device_options options = {
		.num_scanouts = 2,
		.outputs = {{.rect = {.width = 64, .height = 48}, .enabled = true}},
		.memory_limit = MEMORY_LIMIT};
	int pair[2];

	self->map = vgpu_mem_map_new();
	options.memory = vgpu_mem_map_memory(self->map);
	self->device = vgpu_device_new(&options);
	fuzz_check(self->device != NULL, "there is memory for a device");
	self->server = vgpu_vhost_user_new(&(struct vgpu_vhost_user_options){
		.device = self->device, .memory = self->map, .ask_front_end = ask, .log = on_log});
	fuzz_check(self->server != NULL, "there is memory for a server");
	fuzz_check(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) == 0,
		   "there are sockets");
	self->fd = pair[0];
	self->gpu = -1;
	fuzz_check(vgpu_vhost_user_attach(self->server, pair[1], NULL) == 0,
		   "a socket can be served");
	self->rings = (struct rings){.write = guest_write, .opaque = self};
}

static void stop(struct front *self)
{
	pump(self);
	vgpu_device_reset(self->device);
	fuzz_check(self->device->resources.used == 0, "a reset gives all memory back");
	vgpu_vhost_user_free(self->server);
	vgpu_device_free(self->device);
	vgpu_mem_map_free(self->map);
	if (self->fd >= 0)
		close(self->fd);
	if (self->gpu >= 0)
		close(self->gpu);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	unsigned int fds = count_fds();
	struct program_op op;
	uint64_t count;

	start(&front, size == 0 || (data[0] & 0x80) == 0);
	for (int i = 0; i < OPS_MAX && program_next(&data, &size, &op); i++) {
		ops[(op.kind & 0x7f) % NUM_VHOST_USER_OPS](&front, &op);
		pump(&front);
		hear(front.fd);
		hear(front.gpu);
	}
	stop(&front);
	/* Nothing may be left for the next input. */
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		while (read(front.kicks[i], &count, sizeof(count)) > 0)
			continue;
	fuzz_check(count_fds() == fds, "every descriptor is closed in the end");
	return 0;
}

/* ---- mutation ----------------------------------------------------------------------------- */

static void make_message(struct dice *dice, struct bytes *op)
{
	unsigned int num = dice_once_in(dice, 2) ? dice_roll(dice) % 4 : 0;

	program_put_number(op, num, 1);
	for (unsigned int i = 0; i < num; i++)
		program_put_number(op, dice_roll(dice) % NUM_FDS, 1);
	program_put_number(op, 1 + dice_roll(dice) % 40, 1);
	program_put_number(op, dice_once_in(dice, 8) ? dice_roll(dice) : 1 | (dice_roll(dice) & 8),
			   1);
	program_put_number(op, dice_roll(dice) % 4, 4); /* index, or the number of regions */
	for (uint32_t i = dice_roll(dice) % 18; i > 0; i--)
		program_put_number(op,
				   dice_once_in(dice, 3) ? USER + dice_roll(dice) % FUZZ_RAM_SIZE
							 : dice_edge(dice),
				   dice_once_in(dice, 2) ? 8 : 4);
}

static void make(struct dice *dice, uint8_t kind, struct bytes *op)
{
	switch (kind) {
	case VHOST_USER_OP_SET_UP:
		program_put_number(op, UINT64_MAX, 4);
		program_put_number(op, dice_once_in(dice, 4) ? dice_roll(dice) : UINT64_MAX, 4);
		program_put_number(op, dice_once_in(dice, 4) ? dice_roll(dice) : 0x66, 1);
		program_put_number(op, dice_once_in(dice, 4) ? dice_edge(dice) : 0, 2);
		break;
	case VHOST_USER_OP_COMMAND:
		rings_make_command(dice, op);
		break;
	case VHOST_USER_OP_DESC:
		rings_make_desc(dice, op);
		break;
	case VHOST_USER_OP_AVAIL:
		rings_make_avail(dice, op);
		break;
	case VHOST_USER_OP_MESSAGE:
		make_message(dice, op);
		break;
	default:
		program_put_number(op, dice_roll(dice), 1);
		for (uint32_t i = dice_roll(dice) % 12; i > 0; i--)
			program_put_number(op, dice_edge(dice), 4);
	}
}

static bool change(struct dice *dice, uint8_t kind, uint8_t *bytes, size_t len)
{
	return kind == VHOST_USER_OP_COMMAND && rings_change_command(dice, bytes, len);
}

const struct program_grammar fuzz_grammar = {.num_kinds = NUM_VHOST_USER_OPS,
					     .usual = VHOST_USER_OP_MESSAGE,
					     .make = make,
					     .change = change};
