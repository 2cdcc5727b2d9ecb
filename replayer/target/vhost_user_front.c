/* SPDX-License-Identifier: MIT */
#include "target/vhost_user_front.h"

#include "bus/vhost_user.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <stddef.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#define BIT(n) (1ull << (n))

/* Bits that are between front end and back end, or need what is not done here. */
#define F_LOG_ALL	    26
#define F_NOTIFICATION_DATA 38
#define F_RING_RESET	    40
#define NOT_FOR_DRIVERS                                                                            \
	(BIT(F_LOG_ALL) | BIT(VHOST_USER_F_PROTOCOL_FEATURES) | BIT(VIRTIO_F_ACCESS_PLATFORM) |    \
	 BIT(F_NOTIFICATION_DATA) | BIT(F_RING_RESET))

#define WANTED_PROTOCOL                                                                            \
	(BIT(VHOST_USER_PROTOCOL_F_MQ) | BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK) |                    \
	 BIT(VHOST_USER_PROTOCOL_F_CONFIG) | BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE))

/* Adds to the sentence how the program fares. */
static int done(struct vgpu_vhost_user_front *front, int ret, struct vgpu_error *err)
{
	return ret == -EPIPE || ret == -ETIMEDOUT || ret == -EPROTO
		       ? vgpu_vhost_user_program_blame(&front->program, ret, err)
		       : ret;
}

static int tell(struct vgpu_vhost_user_front *front, uint32_t request, const void *payload,
		uint32_t size, struct vgpu_error *err)
{
	return vgpu_vhost_user_tell(&front->channel,
				    &(struct vgpu_vhost_user_message){
					    .request = request, .payload = payload, .size = size},
				    err);
}

static int tell_state(struct vgpu_vhost_user_front *front, uint32_t request, unsigned int queue,
		      uint32_t num, struct vgpu_error *err)
{
	const struct vhost_vring_state state = {.index = queue, .num = num};

	return tell(front, request, &state, sizeof(state), err);
}

static int tell_fd(struct vgpu_vhost_user_front *front, uint32_t request, uint64_t value, int fd,
		   struct vgpu_error *err)
{
	return vgpu_vhost_user_tell(&front->channel,
				    &(struct vgpu_vhost_user_message){.request = request,
								      .payload = &value,
								      .size = sizeof(value),
								      .fds = &fd,
								      .num_fds = 1},
				    err);
}

static int ask_u64(struct vgpu_vhost_user_front *front, uint32_t request, uint64_t *value,
		   struct vgpu_error *err)
{
	return vgpu_vhost_user_ask(&front->channel,
				   &(struct vgpu_vhost_user_message){.request = request}, value,
				   sizeof(*value), err);
}

/* ---- life --------------------------------------------------------------------------- */

void vgpu_vhost_user_front_init(struct vgpu_vhost_user_front *front, const char *spec)
{
	memset(front, 0, sizeof(*front));
	vgpu_vhost_user_program_init(&front->program, spec);
	vgpu_vhost_user_channel_init(&front->channel, -1);
	front->memory.fd = -1;
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		front->rings[i] =
			(struct vgpu_vhost_user_ring){.kick = -1, .call = -1, .error = -1};
}

static void close_fd(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

static void close_ring(struct vgpu_vhost_user_ring *ring)
{
	close_fd(&ring->kick);
	close_fd(&ring->call);
	close_fd(&ring->error);
	ring->running = false;
}

static void leave(struct vgpu_vhost_user_front *front)
{
	vgpu_vhost_user_channel_fini(&front->channel);
	vgpu_vhost_user_program_end(&front->program);
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		close_ring(&front->rings[i]);
}

void vgpu_vhost_user_front_fini(struct vgpu_vhost_user_front *front)
{
	leave(front);
}

static int agree(struct vgpu_vhost_user_front *front, struct vgpu_error *err)
{
	uint64_t features = 0, protocol = 0, queues = VGPU_NUM_QUEUES;
	int ret = ask_u64(front, VHOST_USER_GET_FEATURES, &features, err);

	if (ret < 0)
		return ret;
	if ((features & BIT(VHOST_USER_F_PROTOCOL_FEATURES)) == 0)
		return vgpu_error_set(err, EPROTO,
				      "the back end offers 0x%llx, without PROTOCOL_FEATURES",
				      (unsigned long long)features);
	ret = ask_u64(front, VHOST_USER_GET_PROTOCOL_FEATURES, &protocol, err);
	if (ret < 0)
		return ret;
	/* QEMU refuses such a device too. */
	if ((protocol & BIT(VHOST_USER_PROTOCOL_F_CONFIG)) == 0)
		return vgpu_error_set(err, EPROTO,
				      "the back end's protocol features 0x%llx have no CONFIG",
				      (unsigned long long)protocol);
	protocol &= WANTED_PROTOCOL;
	ret = tell(front, VHOST_USER_SET_PROTOCOL_FEATURES, &protocol, sizeof(protocol), err);
	front->channel.ack = (protocol & BIT(VHOST_USER_PROTOCOL_F_REPLY_ACK)) != 0;
	front->has_reset = (protocol & BIT(VHOST_USER_PROTOCOL_F_RESET_DEVICE)) != 0;
	front->features = features & ~NOT_FOR_DRIVERS;
	if (ret == 0 && (protocol & BIT(VHOST_USER_PROTOCOL_F_MQ)) != 0)
		ret = ask_u64(front, VHOST_USER_GET_QUEUE_NUM, &queues, err);
	if (ret == 0 && queues < VGPU_NUM_QUEUES)
		return vgpu_error_set(err, EPROTO, "the back end has %llu queues",
				      (unsigned long long)queues);
	return ret == 0 ? tell(front, VHOST_USER_SET_OWNER, NULL, 0, err) : ret;
}

int vgpu_vhost_user_front_connect(struct vgpu_vhost_user_front *front, struct vgpu_error *err)
{
	int fd = vgpu_vhost_user_program_connect(&front->program, err);

	if (fd < 0)
		return fd;
	vgpu_vhost_user_channel_init(&front->channel, fd);
	front->used = false;
	return done(front, agree(front, err), err);
}

/* ---- memory and rings ------------------------------------------------------------------ */

static int tell_memory(struct vgpu_vhost_user_front *front, struct vgpu_error *err)
{
	const struct vgpu_vhost_user_memory *memory = &front->memory;
	const uint64_t user = (uint64_t)(uintptr_t)memory->base;
	const int fds[] = {memory->fd, memory->fd};
	struct vhost_user_mem_table table = {0};
	const uint64_t cuts[] = {0, memory->seam, memory->size};

	for (unsigned int i = 0; i < 2; i++)
		table.regions[table.num++] =
			(struct vhost_user_region){.gpa = memory->gpa + cuts[i],
						   .size = cuts[i + 1] - cuts[i],
						   .user_addr = user + cuts[i],
						   .mmap_offset = cuts[i]};
	return vgpu_vhost_user_tell(
		&front->channel,
		&(struct vgpu_vhost_user_message){
			.request = VHOST_USER_SET_MEM_TABLE,
			.payload = &table,
			.size = (uint32_t)offsetof(struct vhost_user_mem_table, regions) +
				table.num * (uint32_t)sizeof(table.regions[0]),
			.fds = fds,
			.num_fds = table.num},
		err);
}

static int tell_display(struct vgpu_vhost_user_front *front, int display, struct vgpu_error *err)
{
	return vgpu_vhost_user_tell(
		&front->channel,
		&(struct vgpu_vhost_user_message){
			.request = VHOST_USER_GPU_SET_SOCKET, .fds = &display, .num_fds = 1},
		err);
}

int vgpu_vhost_user_front_start(struct vgpu_vhost_user_front *front, uint64_t accepted, int display,
				struct vgpu_error *err)
{
	const uint64_t features = accepted | BIT(VHOST_USER_F_PROTOCOL_FEATURES);
	int ret = tell_display(front, display, err);

	front->used = true;
	front->accepted = accepted;
	if (ret == 0)
		ret = tell(front, VHOST_USER_SET_FEATURES, &features, sizeof(features), err);
	if (ret == 0)
		ret = tell_memory(front, err);
	return done(front, ret, err);
}

static bool to_user(const struct vgpu_vhost_user_memory *memory, uint64_t gpa, __u64 *user)
{
	if (gpa < memory->gpa || gpa - memory->gpa >= memory->size)
		return false;
	*user = (uint64_t)(uintptr_t)memory->base + (gpa - memory->gpa);
	return true;
}

static int open_ring(struct vgpu_vhost_user_ring *ring, struct vgpu_error *err)
{
	close_ring(ring);
	ring->kick = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ring->call = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	ring->error = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (ring->kick >= 0 && ring->call >= 0 && ring->error >= 0)
		return 0;
	return vgpu_error_set(err, errno, "eventfd: %s", strerror(errno));
}

static int tell_ring(struct vgpu_vhost_user_front *front, unsigned int queue, uint16_t size,
		     const struct vhost_vring_addr *addr, struct vgpu_error *err)
{
	const struct vgpu_vhost_user_ring *ring = &front->rings[queue];
	int ret = tell_state(front, VHOST_USER_SET_VRING_NUM, queue, size, err);

	if (ret == 0)
		ret = tell_state(front, VHOST_USER_SET_VRING_BASE, queue,
				 vgpu_first_index(front->accepted), err);
	if (ret == 0)
		ret = tell(front, VHOST_USER_SET_VRING_ADDR, addr, sizeof(*addr), err);
	if (ret == 0)
		ret = tell_fd(front, VHOST_USER_SET_VRING_CALL, queue, ring->call, err);
	if (ret == 0)
		ret = tell_fd(front, VHOST_USER_SET_VRING_ERR, queue, ring->error, err);
	if (ret == 0)
		ret = tell_fd(front, VHOST_USER_SET_VRING_KICK, queue, ring->kick, err);
	return ret == 0 ? tell_state(front, VHOST_USER_SET_VRING_ENABLE, queue, 1, err) : ret;
}

int vgpu_vhost_user_front_start_ring(struct vgpu_vhost_user_front *front, unsigned int queue,
				     const struct vgpu_queue_info *info, struct vgpu_error *err)
{
	struct vgpu_vhost_user_ring *ring = &front->rings[queue];
	struct vhost_vring_addr addr = {.index = queue};

	if (!to_user(&front->memory, info->desc, &addr.desc_user_addr) ||
	    !to_user(&front->memory, info->driver, &addr.avail_user_addr) ||
	    !to_user(&front->memory, info->device, &addr.used_user_addr))
		return vgpu_error_set(err, EFAULT, "queue %u is not in guest memory", queue);
	int ret = open_ring(ring, err);
	if (ret == 0)
		ret = tell_ring(front, queue, info->size, &addr, err);
	ring->running = ret == 0;
	return done(front, ret, err);
}

int vgpu_vhost_user_front_stop_ring(struct vgpu_vhost_user_front *front, unsigned int queue,
				    struct vgpu_error *err)
{
	struct vhost_vring_state state = {.index = queue};

	if (!front->rings[queue].running)
		return 0;
	int ret = tell_state(front, VHOST_USER_SET_VRING_ENABLE, queue, 0, err);
	if (ret == 0)
		ret = vgpu_vhost_user_ask(
			&front->channel,
			&(struct vgpu_vhost_user_message){.request = VHOST_USER_GET_VRING_BASE,
							  .payload = &state,
							  .size = sizeof(state)},
			&state, sizeof(state), err);
	close_ring(&front->rings[queue]);
	return done(front, ret, err);
}

int vgpu_vhost_user_front_reset(struct vgpu_vhost_user_front *front, struct vgpu_error *err)
{
	int ret = 0;

	if (!front->used)
		return 0;
	for (unsigned int i = 0; ret == 0 && i < VGPU_NUM_QUEUES; i++)
		ret = vgpu_vhost_user_front_stop_ring(front, i, err);
	if (ret < 0)
		return ret;
	if (!front->has_reset) {
		leave(front);
		return vgpu_vhost_user_front_connect(front, err);
	}
	front->used = false;
	return done(front, tell(front, VHOST_USER_RESET_DEVICE, NULL, 0, err), err);
}

/* ---- while it runs --------------------------------------------------------------------- */

void vgpu_vhost_user_front_kick(struct vgpu_vhost_user_front *front, unsigned int queue)
{
	if (front->rings[queue].running)
		eventfd_write(front->rings[queue].kick, 1);
}

bool vgpu_vhost_user_front_called(struct vgpu_vhost_user_front *front)
{
	eventfd_t count;
	bool called = false;

	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		if (front->rings[i].running && eventfd_read(front->rings[i].call, &count) == 0)
			called = true;
	return called;
}

bool vgpu_vhost_user_front_failed(struct vgpu_vhost_user_front *front)
{
	eventfd_t count;
	bool failed = false;

	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		if (front->rings[i].running && eventfd_read(front->rings[i].error, &count) == 0)
			failed = true;
	return failed;
}

int vgpu_vhost_user_front_check(struct vgpu_vhost_user_front *front, bool turn,
				struct vgpu_error *err)
{
	uint64_t features;
	int ret = vgpu_vhost_user_channel_check(&front->channel, err);

	if (ret == 0 && turn)
		ret = ask_u64(front, VHOST_USER_GET_FEATURES, &features, err);
	return done(front, ret, err);
}

static uint32_t config_size(uint32_t size)
{
	return (uint32_t)offsetof(struct vhost_user_config, bytes) + size;
}

int vgpu_vhost_user_front_get_config(struct vgpu_vhost_user_front *front, void *config,
				     uint32_t size, struct vgpu_error *err)
{
	struct vhost_user_config message = {.size = size};
	int ret = vgpu_vhost_user_ask(
		&front->channel,
		&(struct vgpu_vhost_user_message){.request = VHOST_USER_GET_CONFIG,
						  .payload = &message,
						  .size = config_size(size)},
		&message, config_size(size), err);

	if (ret == 0)
		memcpy(config, message.bytes, size);
	return done(front, ret, err);
}

int vgpu_vhost_user_front_set_config(struct vgpu_vhost_user_front *front, const void *config,
				     uint32_t size, struct vgpu_error *err)
{
	struct vhost_user_config message = {.size = size};

	memcpy(message.bytes, config, size);
	int ret = tell(front, VHOST_USER_SET_CONFIG, &message, config_size(size), err);
	return done(front, ret, err);
}
