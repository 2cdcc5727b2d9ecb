/* SPDX-License-Identifier: MIT */
#include "driver.h"

#include "request.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Where a queue's areas lie in its VGPU_DRIVER_RING_BYTES. */
#define AVAIL_OFFSET (VGPU_QUEUE_SIZE_MAX * sizeof(struct vring_desc))
#define USED_OFFSET  (AVAIL_OFFSET + 0x1000)
_Static_assert(AVAIL_OFFSET + sizeof(struct vring_avail) + 2ull * VGPU_QUEUE_SIZE_MAX + 2 <=
		       USED_OFFSET,
	       "available ring");
_Static_assert(USED_OFFSET + sizeof(struct vring_used) +
			       VGPU_QUEUE_SIZE_MAX * sizeof(struct vring_used_elem) + 2 <=
		       VGPU_DRIVER_RING_BYTES,
	       "used ring");

/* As many as an indirect table can link. */
#define DESCS_MAX 65536u

/* Buffers get a byte that no answer starts with, so that stale bytes show. */
#define UNWRITTEN 0xaa

/*
 * Gives way for as long as a full frame takes, as a sleep takes longer than it says;
 * then asks whether the device lives, and again while it sleeps.
 */
#define YIELD_NS     1000000u
#define SLEEP_MIN_NS 20000
#define SLEEP_MAX_NS 1000000
#define ALIVE_NS     50000000ull

void vgpu_driver_init(struct vgpu_driver *driver, struct vgpu_target *target, uint64_t arena_size)
{
	memset(driver, 0, sizeof(*driver));
	driver->target = target;
	driver->arena_size = arena_size;
	driver->timeout_ms = VGPU_DRIVER_TIMEOUT_MS;
}

void vgpu_driver_fini(struct vgpu_driver *driver)
{
	free(driver->response);
	driver->response = NULL;
}

/* ---- registers --------------------------------------------------------------- */

static int read_register(struct vgpu_driver *driver, uint32_t offset, uint32_t *value,
			 struct vgpu_error *err)
{
	return driver->target->ops->read(driver->target, offset, 4, value, err);
}

static int write_register(struct vgpu_driver *driver, uint32_t offset, uint32_t value,
			  struct vgpu_error *err)
{
	return driver->target->ops->write(driver->target, offset, 4, value, err);
}

struct register_write {
	uint32_t offset, value;
};

static int write_registers(struct vgpu_driver *driver, const struct register_write *writes,
			   size_t count, struct vgpu_error *err)
{
	for (size_t i = 0; i < count; i++) {
		int ret = write_register(driver, writes[i].offset, writes[i].value, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static bool is_past(uint64_t begin_ns, unsigned int timeout_ms)
{
	return vgpu_now_ns() - begin_ns > timeout_ms * 1000000ull;
}

static void sleep_ns(long ns)
{
	nanosleep(&(struct timespec){.tv_nsec = ns}, NULL);
}

int vgpu_driver_reset(struct vgpu_driver *driver, struct vgpu_error *err)
{
	uint64_t begin = vgpu_now_ns();
	int ret = write_register(driver, VIRTIO_MMIO_STATUS, 0, err);
	uint32_t status = 0;

	if (ret < 0)
		return ret;
	memset(driver->queues, 0, sizeof(driver->queues));
	driver->features = 0;
	for (;;) {
		ret = read_register(driver, VIRTIO_MMIO_STATUS, &status, err);
		if (ret < 0 || status == 0)
			return ret;
		if (is_past(begin, driver->timeout_ms))
			return vgpu_error_set(err, ETIMEDOUT, "device does not reset: status 0x%x",
					      status);
		sleep_ns(SLEEP_MAX_NS);
	}
}

int vgpu_driver_offered(struct vgpu_driver *driver, uint64_t *features, struct vgpu_error *err)
{
	*features = 0;
	for (uint32_t word = 0; word < 2; word++) {
		uint32_t bits = 0;
		int ret = write_register(driver, VIRTIO_MMIO_DEVICE_FEATURES_SEL, word, err);
		if (ret == 0)
			ret = read_register(driver, VIRTIO_MMIO_DEVICE_FEATURES, &bits, err);
		if (ret < 0)
			return ret;
		*features |= (uint64_t)bits << (32 * word);
	}
	return 0;
}

int vgpu_driver_negotiate(struct vgpu_driver *driver, uint64_t features, struct vgpu_error *err)
{
	const uint32_t known = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;
	const struct register_write writes[] = {
		{VIRTIO_MMIO_STATUS, VIRTIO_CONFIG_S_ACKNOWLEDGE},
		{VIRTIO_MMIO_STATUS, known},
		{VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0},
		{VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)features},
		{VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1},
		{VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> 32)},
		{VIRTIO_MMIO_STATUS, known | VIRTIO_CONFIG_S_FEATURES_OK},
	};
	uint32_t status = 0;
	int ret = write_registers(driver, writes, sizeof(writes) / sizeof(writes[0]), err);

	if (ret == 0)
		ret = read_register(driver, VIRTIO_MMIO_STATUS, &status, err);
	if (ret < 0)
		return ret;
	if ((status & VIRTIO_CONFIG_S_FEATURES_OK) == 0)
		return vgpu_error_set(err, ENOTSUP, "device refuses features 0x%llx",
				      (unsigned long long)features);
	driver->features = features;
	return 0;
}

static uint64_t ring_gpa(const struct vgpu_driver *driver, unsigned int queue)
{
	return driver->target->memory_gpa + (uint64_t)queue * VGPU_DRIVER_RING_BYTES;
}

static bool is_queue_size(const struct vgpu_driver *driver, uint16_t size)
{
	bool packed = (driver->features & 1ull << VIRTIO_F_RING_PACKED) != 0;

	return size > 0 && size <= VGPU_QUEUE_SIZE_MAX && (packed || (size & (size - 1)) == 0);
}

int vgpu_driver_set_queue(struct vgpu_driver *driver, unsigned int queue, uint16_t size,
			  struct vgpu_error *err)
{
	uint32_t size_max = 0;

	if (queue >= VGPU_NUM_QUEUES || !is_queue_size(driver, size))
		return vgpu_error_set(err, EINVAL, "queue %u of %u entries", queue, size);
	int ret = write_register(driver, VIRTIO_MMIO_QUEUE_SEL, queue, err);
	if (ret == 0)
		ret = read_register(driver, VIRTIO_MMIO_QUEUE_NUM_MAX, &size_max, err);
	if (ret < 0)
		return ret;
	if (size_max == 0)
		return vgpu_error_set(err, ENODEV, "device has no queue %u", queue);
	while (size > size_max)
		size /= 2;
	struct vgpu_queue_info info = {
		.ready = true,
		.size = size,
		.desc = ring_gpa(driver, queue),
		.driver = ring_gpa(driver, queue) + AVAIL_OFFSET,
		.device = ring_gpa(driver, queue) + USED_OFFSET,
	};
	const struct register_write writes[] = {
		{VIRTIO_MMIO_QUEUE_NUM, size},
		{VIRTIO_MMIO_QUEUE_DESC_LOW, (uint32_t)info.desc},
		{VIRTIO_MMIO_QUEUE_DESC_HIGH, (uint32_t)(info.desc >> 32)},
		{VIRTIO_MMIO_QUEUE_AVAIL_LOW, (uint32_t)info.driver},
		{VIRTIO_MMIO_QUEUE_AVAIL_HIGH, (uint32_t)(info.driver >> 32)},
		{VIRTIO_MMIO_QUEUE_USED_LOW, (uint32_t)info.device},
		{VIRTIO_MMIO_QUEUE_USED_HIGH, (uint32_t)(info.device >> 32)},
		{VIRTIO_MMIO_QUEUE_READY, 1},
	};
	memset(driver->target->memory + (uint64_t)queue * VGPU_DRIVER_RING_BYTES, 0,
	       VGPU_DRIVER_RING_BYTES);
	driver->queues[queue] = (struct vgpu_driver_queue){.info = info};
	return write_registers(driver, writes, sizeof(writes) / sizeof(writes[0]), err);
}

int vgpu_driver_ok(struct vgpu_driver *driver, struct vgpu_error *err)
{
	return write_register(driver, VIRTIO_MMIO_STATUS,
			      VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER |
				      VIRTIO_CONFIG_S_FEATURES_OK | VIRTIO_CONFIG_S_DRIVER_OK,
			      err);
}

/* ---- rings ------------------------------------------------------------------- */

static uint8_t *at_gpa(const struct vgpu_driver *driver, uint64_t gpa)
{
	return driver->target->memory + (gpa - driver->target->memory_gpa);
}

static struct vring_desc *desc_table(const struct vgpu_driver *driver, unsigned int queue)
{
	return (struct vring_desc *)at_gpa(driver, driver->queues[queue].info.desc);
}

static struct vring_avail *avail_ring(const struct vgpu_driver *driver, unsigned int queue)
{
	return (struct vring_avail *)at_gpa(driver, driver->queues[queue].info.driver);
}

static struct vring_used *used_ring(const struct vgpu_driver *driver, unsigned int queue)
{
	return (struct vring_used *)at_gpa(driver, driver->queues[queue].info.device);
}

static uint64_t round_up(uint64_t value, uint64_t to)
{
	return (value + to - 1) / to * to;
}

/*
 * Gives out the arena's bytes. Buffers are aligned as a driver's allocator would
 * have them; the size was checked before.
 */
struct arena {
	uint64_t next, end; /* guest-physical */
};

static uint64_t arena_take(struct arena *arena, uint64_t len)
{
	uint64_t gpa = round_up(arena->next, 8);

	arena->next = gpa + len;
	return gpa;
}

/* Places one buffer and fills it; *bytes and *len are what is left to send. */
static uint64_t place_buffer(struct vgpu_driver *driver, struct arena *arena,
			     const struct vgpu_chain_desc *desc, const uint8_t **bytes,
			     uint64_t *len)
{
	uint64_t gpa = arena_take(arena, desc->len);
	uint8_t *buffer = at_gpa(driver, gpa);

	if (desc->device_writable) {
		memset(buffer, UNWRITTEN, desc->len);
		return gpa;
	}
	uint64_t filled = *len < desc->len ? *len : desc->len;
	if (filled > 0)
		memcpy(buffer, *bytes, filled);
	memset(buffer + filled, 0, desc->len - filled);
	*bytes += filled;
	*len -= filled;
	return gpa;
}

static int check_request(const struct vgpu_driver *driver,
			 const struct vgpu_driver_request *request, struct vgpu_error *err)
{
	if (request->queue >= VGPU_NUM_QUEUES || !driver->queues[request->queue].info.ready)
		return vgpu_error_set(err, EINVAL, "queue %u is not set up", request->queue);
	uint16_t size = driver->queues[request->queue].info.size;
	unsigned int direct = vgpu_chain_direct_descs(request->num_descs, request->indirect_at);
	if (request->num_descs == 0 || request->num_descs > DESCS_MAX || direct > size ||
	    request->indirect_at >= (int)request->num_descs || request->head >= size)
		return vgpu_error_set(err, EINVAL,
				      "chain of %u descriptors from head %u in a queue of %u",
				      request->num_descs, request->head, size);
	if (vgpu_chain_size(request->descs, request->num_descs, request->indirect_at) >
	    driver->arena_size)
		return vgpu_error_set(err, ENOSPC, "chain with buffers past %llu bytes",
				      (unsigned long long)driver->arena_size);
	return 0;
}

static struct vring_desc make_desc(uint64_t gpa, uint64_t len, unsigned int flags,
				   unsigned int next)
{
	return (struct vring_desc){
		.addr = htole64(gpa),
		.len = htole32((uint32_t)len),
		.flags = htole16((uint16_t)flags),
		.next = (flags & VRING_DESC_F_NEXT) != 0 ? htole16((uint16_t)next) : 0,
	};
}

/* Buffer addresses of the chain are kept in addresses for reading it back. */
static void lay_out(struct vgpu_driver *driver, const struct vgpu_driver_request *request,
		    uint64_t *addresses)
{
	uint64_t base = driver->target->memory_gpa + VGPU_DRIVER_RINGS_BYTES;
	struct arena arena = {base, base + driver->arena_size};
	uint16_t size = driver->queues[request->queue].info.size;
	struct vring_desc *table = desc_table(driver, request->queue);
	struct vring_desc *indirect = NULL;
	unsigned int count = request->num_descs, first = count;
	const uint8_t *bytes = request->bytes;
	uint64_t len = request->len;

	if (request->indirect_at >= 0) {
		first = (unsigned int)request->indirect_at;
		uint64_t table_len = (count - first) * sizeof(*indirect);
		uint64_t gpa = arena_take(&arena, table_len);
		indirect = (struct vring_desc *)at_gpa(driver, gpa);
		table[(request->head + first) % size] =
			make_desc(gpa, table_len, VRING_DESC_F_INDIRECT, 0);
	}
	for (unsigned int i = 0; i < count; i++) {
		const struct vgpu_chain_desc *desc = &request->descs[i];
		unsigned int flags = desc->device_writable ? VRING_DESC_F_WRITE : 0;
		bool in_ring = i < first;
		unsigned int at = in_ring ? (request->head + i) % size : i - first;
		unsigned int next = in_ring ? (request->head + i + 1) % size : at + 1;

		if (i + 1 < count)
			flags |= VRING_DESC_F_NEXT;
		addresses[i] = place_buffer(driver, &arena, desc, &bytes, &len);
		*(in_ring ? &table[at] : &indirect[at]) =
			make_desc(addresses[i], desc->len, flags, next);
	}
}

static int publish(struct vgpu_driver *driver, unsigned int queue, uint16_t head,
		   struct vgpu_error *err)
{
	struct vgpu_driver_queue *q = &driver->queues[queue];
	struct vring_avail *avail = avail_ring(driver, queue);

	avail->ring[q->available % q->info.size] = htole16(head);
	q->available++;
	/* The device may look as soon as it sees the index: the rest comes before. */
	__atomic_store_n(&avail->idx, htole16(q->available), __ATOMIC_RELEASE);
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	return write_register(driver, VIRTIO_MMIO_QUEUE_NOTIFY, queue, err);
}

static uint16_t used_index(const struct vgpu_driver *driver, unsigned int queue)
{
	return le16toh(__atomic_load_n(&used_ring(driver, queue)->idx, __ATOMIC_ACQUIRE));
}

/* Waits until the used index moves on from the driver's. */
static int wait_used(struct vgpu_driver *driver, unsigned int queue, struct vgpu_error *err)
{
	uint64_t begin = vgpu_now_ns(), alive = 0;
	long pause = SLEEP_MIN_NS;
	uint32_t status = 0;

	while (used_index(driver, queue) == driver->queues[queue].used) {
		if (vgpu_now_ns() - begin < YIELD_NS) {
			sched_yield();
			continue;
		}
		if (vgpu_now_ns() - alive > ALIVE_NS) {
			int ret = read_register(driver, VIRTIO_MMIO_STATUS, &status, err);
			if (ret < 0)
				return ret;
			if ((status & VIRTIO_CONFIG_S_NEEDS_RESET) != 0)
				return vgpu_error_set(err, EPROTO, "device asks for a reset");
			alive = vgpu_now_ns();
		}
		if (is_past(begin, driver->timeout_ms))
			return vgpu_error_set(err, ETIMEDOUT, "no answer within %g seconds",
					      driver->timeout_ms / 1000.0);
		sleep_ns(pause);
		pause = pause * 2 > SLEEP_MAX_NS ? SLEEP_MAX_NS : pause * 2;
	}
	return 0;
}

static int take_used(struct vgpu_driver *driver, const struct vgpu_driver_request *request,
		     uint32_t *used_len, struct vgpu_error *err)
{
	struct vgpu_driver_queue *q = &driver->queues[request->queue];
	const struct vring_used *used = used_ring(driver, request->queue);
	struct vring_used_elem element = used->ring[q->used % q->info.size];

	q->used++;
	if (used_index(driver, request->queue) != q->used)
		return vgpu_error_set(err, EPROTO, "used index is %u, expected %u",
				      used_index(driver, request->queue), q->used);
	if (le32toh(element.id) != request->head)
		return vgpu_error_set(err, EPROTO, "device used chain %u, expected %u",
				      le32toh(element.id), request->head);
	*used_len = le32toh(element.len);
	return 0;
}

static int gather(struct vgpu_driver *driver, const struct vgpu_driver_request *request,
		  const uint64_t *addresses, struct vgpu_driver_answer *answer,
		  struct vgpu_error *err)
{
	uint64_t room = 0, done = 0;

	for (unsigned int i = 0; i < request->num_descs; i++)
		if (request->descs[i].device_writable)
			room += request->descs[i].len;
	answer->len = answer->used_len < room ? answer->used_len : room;
	if (answer->len > driver->response_capacity) {
		uint8_t *bigger = realloc(driver->response, answer->len);
		if (bigger == NULL)
			return vgpu_error_set(err, ENOMEM, "out of memory");
		driver->response = bigger;
		driver->response_capacity = answer->len;
	}
	for (unsigned int i = 0; i < request->num_descs && done < answer->len; i++) {
		const struct vgpu_chain_desc *desc = &request->descs[i];
		if (!desc->device_writable)
			continue;
		uint64_t left = answer->len - done;
		uint64_t len = desc->len < left ? desc->len : left;
		memcpy(driver->response + done, at_gpa(driver, addresses[i]), len);
		done += len;
	}
	answer->bytes = driver->response;
	return 0;
}

int vgpu_driver_submit(struct vgpu_driver *driver, const struct vgpu_driver_request *request,
		       struct vgpu_driver_answer *answer, struct vgpu_error *err)
{
	int ret = check_request(driver, request, err);

	if (ret < 0)
		return ret;
	uint64_t *addresses = malloc(request->num_descs * sizeof(*addresses));
	if (addresses == NULL)
		return vgpu_error_set(err, ENOMEM, "out of memory");
	lay_out(driver, request, addresses);
	ret = publish(driver, request->queue, request->head, err);
	if (ret == 0)
		ret = wait_used(driver, request->queue, err);
	if (ret == 0)
		ret = take_used(driver, request, &answer->used_len, err);
	if (ret == 0)
		ret = gather(driver, request, addresses, answer, err);
	free(addresses);
	return ret;
}
