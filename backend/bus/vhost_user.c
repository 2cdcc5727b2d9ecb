/* SPDX-License-Identifier: MIT */
/*
 * The vhost-user-gpu server. One thread serves both sockets and the queues'
 * eventfds and never waits for one of them, since the front end may be waiting
 * for another.
 */
#include "bus/vhost_user.h"

#include "bus/gpu_socket.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_config.h>
#include <linux/virtio_ring.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#define BIT(n) (1ull << (n))

#define PROTOCOL_FEATURES                                                                          \
	(BIT(VHOST_USER_PROTOCOL_F_MQ) | BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |                    \
	 BIT(VHOST_USER_PROTOCOL_F_CONFIG) | BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE))

struct ring {
	int kick_fd, call_fd, err_fd;
	uint16_t num;
	uint32_t base; /* in the form of vgpu_device_set_queue() */
	struct vhost_vring_addr addr;
	bool enabled;
	bool running; /* the device has it */
	bool more;    /* look at it again without a kick; only while running */
};

/* On the wire the payload follows the header's 12 bytes; here it is aligned too. */
struct message {
	uint32_t align;
	struct vhost_user_header header;
	union vhost_user_payload payload;
};

_Static_assert(offsetof(struct message, payload) ==
		       offsetof(struct message, header) + sizeof(struct vhost_user_header),
	       "no padding between them");

struct vgpu_vhost_user {
	struct vgpu_device *device;
	struct vgpu_mem_map *memory;
	struct vgpu_gpu_socket *gpu;
	void (*log)(void *opaque, const char *line);
	void *opaque;
	uint64_t said_since; /* when the first of this many lines was said */
	unsigned int num_said;

	int listen_fd;
	struct sockaddr_un address;
	int fd; /* the front end; -1: none */
	uint64_t features, protocol_features;
	struct vhost_user_mem_table table;
	struct ring rings[VGPU_NUM_QUEUES];
	bool stopped;	    /* queue 0 was stopped by GET_VRING_BASE ... */
	uint32_t stop_base; /* ... at this index */
	bool replied;	    /* the message that is handled had its own reply */

	/* The message that is being received. */
	size_t in_len;
	struct message in;
	int fds[VHOST_USER_MAX_REGIONS];
	unsigned int num_fds;
};

static void say(struct vgpu_vhost_user *server, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* A guest that breaks its rings and resets, again and again, must not fill a log. */
#define SAY_MAX 20
#define SAY_NS	60000000000ull

/* Whether another line may be said. Where it is the first that may not, that is said. */
static bool may_say(struct vgpu_vhost_user *server)
{
	uint64_t now = vgpu_now_ns();

	if (server->num_said == 0 || now - server->said_since >= SAY_NS) {
		server->said_since = now;
		server->num_said = 0;
	}
	if (server->num_said > SAY_MAX)
		return false;
	if (server->num_said++ < SAY_MAX)
		return true;
	server->log(server->opaque, "and so on: the rest of this minute is left out");
	return false;
}

static void say(struct vgpu_vhost_user *server, const char *format, ...)
{
	char line[256];
	va_list args;

	if (server->log == NULL || !may_say(server))
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	server->log(server->opaque, line);
}

static void say_line(void *opaque, const char *line)
{
	say(opaque, "%s", line);
}

static void set_fd(int *slot, int fd)
{
	if (*slot >= 0)
		close(*slot);
	*slot = fd;
}

/* Takes the message's first descriptor; -1 if it came without. */
static int take_fd(struct vgpu_vhost_user *server)
{
	if (server->num_fds == 0)
		return -1;
	int fd = server->fds[0];
	server->fds[0] = -1;
	return fd;
}

static void close_fds(struct vgpu_vhost_user *server)
{
	for (unsigned int i = 0; i < server->num_fds; i++)
		if (server->fds[i] >= 0)
			close(server->fds[i]);
	server->num_fds = 0;
}

/* ---- queues --------------------------------------------------------------------- */

static void signal_fd(int fd)
{
	uint64_t one = 1;

	/* The counter cannot overflow in earnest; a full one has told already. */
	if (fd >= 0 && write(fd, &one, sizeof(one)) < 0)
		return;
}

static void on_used(void *opaque, unsigned int queue)
{
	struct vgpu_vhost_user *server = opaque;

	signal_fd(server->rings[queue].call_fd);
}

static void on_config_changed(void *opaque)
{
	struct vgpu_vhost_user *server = opaque;

	/*
	 * Displays are the front end's, which tells the guest of their changes
	 * itself. That the device needs a reset cannot be told to the guest. A ring
	 * of zeros, in place of what was lost, is no driver's.
	 */
	if (!vgpu_device_needs_reset(server->device) || vgpu_mem_map_lost(server->memory))
		return;
	say(server, "the driver broke a virtqueue; the device waits for a reset");
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		signal_fd(server->rings[i].err_fd);
}

static void on_more(void *opaque, unsigned int queue)
{
	struct vgpu_vhost_user *server = opaque;

	server->rings[queue].more = server->rings[queue].running;
}

static const struct vgpu_bus_ops bus_ops = {
	.used = on_used, .config_changed = on_config_changed, .more = on_more};

static bool to_gpa(const struct vgpu_vhost_user *server, uint64_t user_addr, uint64_t *gpa)
{
	for (uint32_t i = 0; i < server->table.num; i++) {
		const struct vhost_user_region *region = &server->table.regions[i];

		if (user_addr < region->user_addr || user_addr - region->user_addr >= region->size)
			continue;
		*gpa = region->gpa + (user_addr - region->user_addr);
		return true;
	}
	return false;
}

static void reset_device(struct vgpu_vhost_user *server)
{
	vgpu_device_reset(server->device);
	server->stopped = false;
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++) {
		server->rings[i].running = false;
		server->rings[i].more = false;
	}
}

/* Returns how many requests were executed. */
static unsigned int serve_queue(struct vgpu_vhost_user *server, unsigned int queue)
{
	struct ring *ring = &server->rings[queue];
	unsigned int done = vgpu_device_notify(server->device, queue);

	ring->more = done == VGPU_NOTIFY_MAX;
	return done;
}

/* How long after a request the rings are watched, and when other work has its turn. */
#define LINGER_NS     30000u
#define LINGER_MAX_NS 1000000u

/*
 * A driver that has its answer often asks again at once. To see that in the ring takes a
 * fraction of the way through the kernel, where this thread would fall asleep and be
 * woken. What is to be shown does not wait for it.
 */
static void linger(struct vgpu_vhost_user *server)
{
	uint64_t begin = vgpu_now_ns(), now = begin, last = begin;

	while (now - last < LINGER_NS && now - begin < LINGER_MAX_NS &&
	       (vgpu_gpu_socket_events(server->gpu) & POLLOUT) == 0) {
		unsigned int done = 0;

		/* The driver may wait for this very processor. */
		sched_yield();
		for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
			if (server->rings[i].running && server->rings[i].enabled)
				done += serve_queue(server, i);
		now = vgpu_now_ns();
		if (done != 0)
			last = now;
	}
}

/* Gives a queue to the device once all is known of it. */
static void start_queue(struct vgpu_vhost_user *server, unsigned int queue)
{
	struct ring *ring = &server->rings[queue];
	struct vgpu_queue_info info = {.ready = true, .size = ring->num};

	if (ring->running || !ring->enabled || ring->kick_fd < 0)
		return;
	if (!to_gpa(server, ring->addr.desc_user_addr, &info.desc) ||
	    !to_gpa(server, ring->addr.avail_user_addr, &info.driver) ||
	    !to_gpa(server, ring->addr.used_user_addr, &info.device)) {
		say(server, "queue %u: its rings lie outside the guest's memory", queue);
		return;
	}
	vgpu_device_set_features(server->device, server->features);
	int rc = vgpu_device_set_queue(server->device, queue, &info, ring->base);
	if (rc != 0) {
		say(server, "queue %u of size %u cannot be used: %s", queue, ring->num,
		    strerror(-rc));
		return;
	}
	ring->running = true;
	/* The guest may have kicked before anyone listened. */
	ring->more = true;
}

static void stop_queue(struct vgpu_vhost_user *server, unsigned int queue)
{
	struct ring *ring = &server->rings[queue];

	if (!ring->running)
		return;
	ring->base = vgpu_device_queue_index(server->device, queue);
	vgpu_device_set_queue(server->device, queue, &(struct vgpu_queue_info){0}, 0);
	ring->running = false;
	ring->more = false;
}

/* ---- messages ------------------------------------------------------------------- */

static int reply(struct vgpu_vhost_user *server, const void *payload, uint32_t size)
{
	struct message out = {.header = {.request = server->in.header.request,
					 .flags = VHOST_USER_VERSION | VHOST_USER_REPLY,
					 .size = size}};
	size_t len = sizeof(out.header) + size;

	memcpy(&out.payload, payload, size);
	server->replied = true;
	/* A front end that reads its replies leaves room for hundreds of them. */
	if (send(server->fd, &out.header, len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)len)
		return -EPIPE;
	return 0;
}

static int reply_u64(struct vgpu_vhost_user *server, uint64_t value)
{
	return reply(server, &value, sizeof(value));
}

static int get_features(struct vgpu_vhost_user *server)
{
	return reply_u64(server, vgpu_device_features(server->device) |
					 BIT(VHOST_USER_F_PROTOCOL_FEATURES));
}

static int set_features(struct vgpu_vhost_user *server)
{
	/* Front ends accept bits that were not offered; the device masks them. */
	server->features = server->in.payload.u64;
	/* Without the protocol, queues are enabled from the start. */
	bool enabled = (server->features & BIT(VHOST_USER_F_PROTOCOL_FEATURES)) == 0;
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		server->rings[i].enabled |= enabled;
	return 0;
}

static int get_protocol_features(struct vgpu_vhost_user *server)
{
	return reply_u64(server, PROTOCOL_FEATURES);
}

static int set_protocol_features(struct vgpu_vhost_user *server)
{
	server->protocol_features = server->in.payload.u64 & PROTOCOL_FEATURES;
	return 0;
}

static int get_queue_num(struct vgpu_vhost_user *server)
{
	return reply_u64(server, VGPU_NUM_QUEUES);
}

static int ignore(struct vgpu_vhost_user *server)
{
	(void)server;
	return 0;
}

static int set_mem_table(struct vgpu_vhost_user *server)
{
	const struct vhost_user_mem_table *table = &server->in.payload.table;
	int rc = 0;

	if (table->num > VHOST_USER_MAX_REGIONS || table->num != server->num_fds ||
	    server->in.header.size < offsetof(struct vhost_user_mem_table, regions[table->num]))
		return -EINVAL;
	/* Where the rings are in this process changes, too. */
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		stop_queue(server, i);
	vgpu_mem_map_clear(server->memory);
	server->table = *table;
	for (uint32_t i = 0; i < table->num && rc == 0; i++)
		rc = vgpu_mem_map_add_fd(server->memory, table->regions[i].gpa,
					 table->regions[i].size, server->fds[i],
					 table->regions[i].mmap_offset);
	if (rc != 0) {
		say(server, "cannot map the guest's memory: %s", strerror(-rc));
		vgpu_mem_map_clear(server->memory);
		server->table.num = 0;
	}
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES && rc == 0; i++)
		start_queue(server, i);
	return rc;
}

static struct ring *ring_at(struct vgpu_vhost_user *server, uint64_t index)
{
	return index < VGPU_NUM_QUEUES ? &server->rings[index] : NULL;
}

static int set_vring_num(struct vgpu_vhost_user *server)
{
	const struct vhost_vring_state *state = &server->in.payload.state;
	struct ring *ring = ring_at(server, state->index);

	if (ring == NULL || state->num == 0 || state->num > VGPU_QUEUE_SIZE_MAX)
		return -EINVAL;
	ring->num = (uint16_t)state->num;
	return 0;
}

static int set_vring_addr(struct vgpu_vhost_user *server)
{
	struct ring *ring = ring_at(server, server->in.payload.addr.index);

	if (ring == NULL)
		return -EINVAL;
	ring->addr = server->in.payload.addr;
	return 0;
}

static bool other_queue_runs(const struct vgpu_vhost_user *server, unsigned int queue)
{
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		if (i != queue && server->rings[i].running)
			return true;
	return false;
}

/*
 * There is no other sign whether a driver is new or goes on after the guest
 * was stopped: a new one starts from the first index, an old one from where it
 * was. One that has reset this queue alone goes on too (VIRTIO_F_RING_RESET).
 */
static int set_vring_base(struct vgpu_vhost_user *server)
{
	const struct vhost_vring_state *state = &server->in.payload.state;
	struct ring *ring = ring_at(server, state->index);

	if (ring == NULL)
		return -EINVAL;
	if (state->index == VGPU_QUEUE_CONTROL) {
		bool resumes = server->stopped && state->num == server->stop_base &&
			       state->num != vgpu_first_index(server->features);
		bool alone = !ring->running && other_queue_runs(server, state->index);

		if (!resumes && !alone)
			reset_device(server);
		server->stopped = false;
	}
	ring->base = state->num;
	return 0;
}

static int get_vring_base(struct vgpu_vhost_user *server)
{
	struct vhost_vring_state state = server->in.payload.state;
	struct ring *ring = ring_at(server, state.index);

	if (ring == NULL)
		return -EINVAL;
	stop_queue(server, state.index);
	set_fd(&ring->kick_fd, -1);
	state.num = ring->base;
	if (state.index == VGPU_QUEUE_CONTROL) {
		server->stopped = true;
		server->stop_base = ring->base;
	}
	return reply(server, &state, sizeof(state));
}

static int set_vring_kick(struct vgpu_vhost_user *server)
{
	uint64_t index = server->in.payload.u64 & VHOST_USER_VRING_INDEX;
	struct ring *ring = ring_at(server, index);

	if (ring == NULL)
		return -EINVAL;
	set_fd(&ring->kick_fd, take_fd(server));
	if (ring->kick_fd >= 0)
		fcntl(ring->kick_fd, F_SETFL, O_NONBLOCK);
	/* The descriptor before this one may have been kicked and not looked at. */
	ring->more = ring->running;
	start_queue(server, (unsigned int)index);
	return 0;
}

static int set_vring_call(struct vgpu_vhost_user *server)
{
	struct ring *ring = ring_at(server, server->in.payload.u64 & VHOST_USER_VRING_INDEX);

	if (ring == NULL)
		return -EINVAL;
	set_fd(&ring->call_fd, take_fd(server));
	/* A front end that does not read it must not stop the device. */
	if (ring->call_fd >= 0)
		fcntl(ring->call_fd, F_SETFL, O_NONBLOCK);
	return 0;
}

static int set_vring_err(struct vgpu_vhost_user *server)
{
	struct ring *ring = ring_at(server, server->in.payload.u64 & VHOST_USER_VRING_INDEX);

	if (ring == NULL)
		return -EINVAL;
	set_fd(&ring->err_fd, take_fd(server));
	if (ring->err_fd >= 0)
		fcntl(ring->err_fd, F_SETFL, O_NONBLOCK);
	return 0;
}

static int set_vring_enable(struct vgpu_vhost_user *server)
{
	const struct vhost_vring_state *state = &server->in.payload.state;
	struct ring *ring = ring_at(server, state->index);

	if (ring == NULL)
		return -EINVAL;
	ring->enabled = state->num != 0;
	if (ring->running && ring->enabled)
		ring->more = true;
	start_queue(server, state->index);
	return 0;
}

static int get_config(struct vgpu_vhost_user *server)
{
	struct vhost_user_config *config = &server->in.payload.config;

	/* The front end waits for a reply; one without a payload is the error. */
	if (config->size > sizeof(config->bytes) ||
	    config->offset > sizeof(config->bytes) - config->size)
		return reply(server, config, 0);
	vgpu_device_read_config(server->device, config->offset, config->bytes, config->size);
	return reply(server, config,
		     (uint32_t)offsetof(struct vhost_user_config, bytes) + config->size);
}

static int set_gpu_socket(struct vgpu_vhost_user *server)
{
	int fd = take_fd(server);

	if (fd < 0)
		return -EINVAL;
	vgpu_gpu_socket_open(server->gpu, fd);
	return 0;
}

static int reset_by_message(struct vgpu_vhost_user *server)
{
	reset_device(server);
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		server->rings[i].enabled = false;
	return 0;
}

static const struct handler {
	uint32_t request;
	uint32_t min_size; /* of the payload */
	int (*handle)(struct vgpu_vhost_user *server);
} handlers[] = {
	{VHOST_USER_GET_FEATURES, 0, get_features},
	{VHOST_USER_SET_FEATURES, 8, set_features},
	{VHOST_USER_SET_OWNER, 0, ignore},
	{VHOST_USER_RESET_OWNER, 0, ignore},
	{VHOST_USER_SET_MEM_TABLE, 8, set_mem_table},
	{VHOST_USER_SET_VRING_NUM, sizeof(struct vhost_vring_state), set_vring_num},
	{VHOST_USER_SET_VRING_ADDR, sizeof(struct vhost_vring_addr), set_vring_addr},
	{VHOST_USER_SET_VRING_BASE, sizeof(struct vhost_vring_state), set_vring_base},
	{VHOST_USER_GET_VRING_BASE, sizeof(struct vhost_vring_state), get_vring_base},
	{VHOST_USER_SET_VRING_KICK, 8, set_vring_kick},
	{VHOST_USER_SET_VRING_CALL, 8, set_vring_call},
	{VHOST_USER_SET_VRING_ERR, 8, set_vring_err},
	{VHOST_USER_GET_PROTOCOL_FEATURES, 0, get_protocol_features},
	{VHOST_USER_SET_PROTOCOL_FEATURES, 8, set_protocol_features},
	{VHOST_USER_GET_QUEUE_NUM, 0, get_queue_num},
	{VHOST_USER_SET_VRING_ENABLE, sizeof(struct vhost_vring_state), set_vring_enable},
	{VHOST_USER_GET_CONFIG, offsetof(struct vhost_user_config, bytes), get_config},
	{VHOST_USER_SET_CONFIG, 0, ignore}, /* displays and their events are the front end's */
	{VHOST_USER_GPU_SET_SOCKET, 0, set_gpu_socket},
	{VHOST_USER_RESET_DEVICE, 0, reset_by_message},
};

static int handle_message(struct vgpu_vhost_user *server)
{
	const struct vhost_user_header *header = &server->in.header;
	const struct handler *handler = NULL;
	int rc = -ENOSYS;

	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].request == header->request)
			handler = &handlers[i];
	server->replied = false;
	if (handler != NULL)
		rc = header->size >= handler->min_size ? handler->handle(server) : -EINVAL;
	close_fds(server);
	if (rc == -EPIPE) {
		say(server, "the front end does not read its replies");
		return rc;
	}
	if (rc != 0)
		say(server, "vhost-user message %u of %u bytes refused: %s", header->request,
		    header->size, strerror(-rc));
	if (!server->replied && (header->flags & VHOST_USER_NEED_REPLY) != 0 &&
	    (server->protocol_features & BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK)) != 0)
		return reply_u64(server, rc != 0);
	return 0;
}

/* ---- the connection ------------------------------------------------------------- */

static void keep_fds(struct vgpu_vhost_user *server, const struct msghdr *msg)
{
	for (struct cmsghdr *cmsg = CMSG_FIRSTHDR(msg); cmsg != NULL;
	     cmsg = CMSG_NXTHDR((struct msghdr *)(uintptr_t)msg, cmsg)) {
		if (cmsg->cmsg_level != SOL_SOCKET || cmsg->cmsg_type != SCM_RIGHTS)
			continue;
		size_t num = (cmsg->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		const uint8_t *data = CMSG_DATA(cmsg);

		for (size_t i = 0; i < num; i++) {
			int fd;

			memcpy(&fd, data + i * sizeof(fd), sizeof(fd));
			if (server->num_fds < VHOST_USER_MAX_REGIONS)
				server->fds[server->num_fds++] = fd;
			else
				close(fd);
		}
	}
}

/* Receives up to len bytes more. Returns their number or a negative errno. */
static ssize_t receive(struct vgpu_vhost_user *server, size_t len)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int) * VHOST_USER_MAX_REGIONS)];
		struct cmsghdr align;
	} control;
	struct iovec iov = {.iov_base = (uint8_t *)&server->in.header + server->in_len,
			    .iov_len = len};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = control.bytes,
			     .msg_controllen = sizeof(control.bytes)};
	ssize_t n;

	do
		n = recvmsg(server->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	while (n < 0 && errno == EINTR);
	if (n < 0)
		return -errno;
	keep_fds(server, &msg);
	return n != 0 ? n : -ECONNRESET;
}

/*
 * Receives what there is of a message, and handles it if it is whole; 0, or why
 * the connection has to end. After one message queues and display have their
 * turn: a flood of them must not keep the guest waiting, and a front end knows by
 * the replies to two questions that what was drawn before them was sent.
 */
static int serve_socket(struct vgpu_vhost_user *server)
{
	const struct vhost_user_header *header = &server->in.header;

	for (;;) {
		size_t want = sizeof(*header);

		if (server->in_len >= want) {
			if ((header->flags & VHOST_USER_VERSION_MASK) != VHOST_USER_VERSION ||
			    header->size > sizeof(server->in.payload)) {
				say(server,
				    "not a vhost-user message: request %u, flags 0x%x, %u bytes",
				    header->request, header->flags, header->size);
				return -EPROTO;
			}
			want += header->size;
		}
		if (server->in_len == want) {
			server->in_len = 0;
			return handle_message(server);
		}
		ssize_t n = receive(server, want - server->in_len);
		if (n < 0)
			return n == -EAGAIN ? 0 : (int)n;
		server->in_len += (size_t)n;
	}
}

static void disconnect(struct vgpu_vhost_user *server)
{
	vgpu_gpu_socket_close(server->gpu);
	reset_device(server);
	vgpu_mem_map_clear(server->memory);
	server->table.num = 0;
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++) {
		struct ring *ring = &server->rings[i];

		set_fd(&ring->kick_fd, -1);
		set_fd(&ring->call_fd, -1);
		set_fd(&ring->err_fd, -1);
		*ring = (struct ring){.kick_fd = -1, .call_fd = -1, .err_fd = -1};
	}
	close_fds(server);
	set_fd(&server->fd, -1);
	server->in_len = 0;
	server->features = 0;
	server->protocol_features = 0;
}

static int accept_front_end(struct vgpu_vhost_user *server)
{
	int fd = accept4(server->listen_fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return errno == EAGAIN || errno == EINTR || errno == ECONNABORTED ? 0 : -errno;
	server->fd = fd;
	return 0;
}

static void on_kick(struct vgpu_vhost_user *server, unsigned int queue)
{
	struct ring *ring = &server->rings[queue];
	uint64_t count;

	/* Whatever it holds: it was readable, and the ring says the rest. */
	ssize_t n = read(ring->kick_fd, &count, sizeof(count));
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		/* It would stay readable for ever. */
		say(server, "queue %u: its kick descriptor has come to an end", queue);
		set_fd(&ring->kick_fd, -1);
	}
	ring->more = true;
}

static int timeout_for(const struct vgpu_vhost_user *server, int timeout_ms)
{
	uint64_t deadline = vgpu_gpu_socket_deadline(server->gpu);

	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		if (server->rings[i].more && server->rings[i].enabled)
			return 0;
	if (deadline == UINT64_MAX)
		return timeout_ms;
	uint64_t now = vgpu_now_ns();
	int left = deadline > now ? (int)((deadline - now) / 1000000) + 1 : 0;
	return timeout_ms >= 0 && timeout_ms < left ? timeout_ms : left;
}

enum { POLL_EXTRA, POLL_LISTEN, POLL_SOCKET, POLL_GPU, POLL_KICK, POLL_NUM = POLL_KICK + 2 };

_Static_assert(POLL_NUM == POLL_KICK + VGPU_NUM_QUEUES, "one for each queue");

static int serve(struct vgpu_vhost_user *server, const struct pollfd *fds)
{
	unsigned int done = 0;

	if (fds[POLL_LISTEN].revents != 0)
		return accept_front_end(server);
	if (fds[POLL_SOCKET].revents != 0) {
		int rc = serve_socket(server);
		if (rc != 0) {
			disconnect(server);
			return -ECONNRESET;
		}
	}
	/* A message may have changed what the other descriptors are. */
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		if (fds[POLL_KICK + i].revents != 0 && server->rings[i].running &&
		    server->rings[i].kick_fd == fds[POLL_KICK + i].fd)
			on_kick(server, i);
	if (fds[POLL_GPU].fd == vgpu_gpu_socket_fd(server->gpu))
		vgpu_gpu_socket_run(server->gpu, fds[POLL_GPU].revents);
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		if (server->rings[i].more && server->rings[i].running && server->rings[i].enabled)
			done += serve_queue(server, i);
	if (done != 0)
		linger(server);
	return 0;
}

int vgpu_vhost_user_run(struct vgpu_vhost_user *server, int timeout_ms, int extra_fd)
{
	struct pollfd fds[POLL_NUM] = {
		[POLL_EXTRA] = {.fd = extra_fd, .events = POLLIN},
		[POLL_LISTEN] = {.fd = server->fd < 0 ? server->listen_fd : -1, .events = POLLIN},
		[POLL_SOCKET] = {.fd = server->fd, .events = POLLIN},
		[POLL_GPU] = {.fd = vgpu_gpu_socket_fd(server->gpu),
			      .events = vgpu_gpu_socket_events(server->gpu)},
	};
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++) {
		const struct ring *ring = &server->rings[i];

		fds[POLL_KICK + i] =
			(struct pollfd){.fd = ring->running && ring->enabled ? ring->kick_fd : -1,
					.events = POLLIN};
	}
	if (poll(fds, POLL_NUM, timeout_for(server, timeout_ms)) < 0)
		return errno == EINTR ? 0 : -errno;
	int rc = serve(server, fds);
	if (rc != 0)
		return rc;
	if (vgpu_mem_map_lost(server->memory)) {
		say(server, "the front end took away memory of the guest that it had shared");
		disconnect(server);
		return -ECONNRESET;
	}
	return fds[POLL_EXTRA].revents != 0;
}

bool vgpu_vhost_user_connected(const struct vgpu_vhost_user *server)
{
	return server->fd >= 0;
}

struct vgpu_vhost_user *vgpu_vhost_user_new(const struct vgpu_vhost_user_options *options)
{
	struct vgpu_vhost_user *server = calloc(1, sizeof(*server));

	if (server == NULL)
		return NULL;
	server->device = options->device;
	server->memory = options->memory;
	server->log = options->log;
	server->opaque = options->opaque;
	server->listen_fd = -1;
	server->fd = -1;
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		server->rings[i] = (struct ring){.kick_fd = -1, .call_fd = -1, .err_fd = -1};
	server->gpu =
		vgpu_gpu_socket_new(options->device, options->ask_front_end, say_line, server);
	if (server->gpu == NULL) {
		free(server);
		return NULL;
	}
	vgpu_device_set_bus(options->device, &bus_ops, server);
	return server;
}

void vgpu_vhost_user_free(struct vgpu_vhost_user *server)
{
	if (server == NULL)
		return;
	disconnect(server);
	if (server->listen_fd >= 0) {
		close(server->listen_fd);
		unlink(server->address.sun_path);
	}
	vgpu_gpu_socket_free(server->gpu);
	vgpu_device_set_bus(server->device, NULL, NULL);
	free(server);
}

/* Whether the path is a socket that nobody listens on any more. */
static bool is_stale(const struct sockaddr_un *address)
{
	struct stat st;

	if (lstat(address->sun_path, &st) != 0 || !S_ISSOCK(st.st_mode))
		return false;
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	bool stale = connect(fd, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
		     errno == ECONNREFUSED;
	close(fd);
	return stale;
}

int vgpu_vhost_user_listen(struct vgpu_vhost_user *server, const char *path, struct vgpu_error *err)
{
	struct sockaddr_un *address = &server->address;

	if (strlen(path) >= sizeof(address->sun_path))
		return vgpu_error_set(err, ENAMETOOLONG,
				      "%s: a socket's path has at most %zu bytes", path,
				      sizeof(address->sun_path) - 1);
	address->sun_family = AF_UNIX;
	memcpy(address->sun_path, path, strlen(path) + 1);
	if (is_stale(address))
		unlink(path);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 || bind(fd, (const struct sockaddr *)address, sizeof(*address)) != 0) {
		int code = errno;

		if (fd >= 0)
			close(fd);
		return vgpu_error_set(err, code, "%s: %s", path, strerror(code));
	}
	server->listen_fd = fd;
	if (listen(fd, 1) != 0)
		return vgpu_error_set(err, errno, "%s: %s", path, strerror(errno));
	return 0;
}

int vgpu_vhost_user_attach(struct vgpu_vhost_user *server, int fd, struct vgpu_error *err)
{
	int type = 0;
	socklen_t len = sizeof(type);

	if (getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &len) != 0 || type != SOCK_STREAM)
		return vgpu_error_set(err, EINVAL, "file descriptor %d is not a stream socket", fd);
	fcntl(fd, F_SETFD, FD_CLOEXEC);
	server->fd = fd;
	return 0;
}
