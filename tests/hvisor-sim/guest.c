/* SPDX-License-Identifier: MIT */
#include "hvisor-sim/guest.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_gpu.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define MAX_CHAINS  16
#define MAX_WORDS   16
#define MAX_ENTRIES 256
#define TIMEOUT_NS  60000000000ull

struct queue {
	uint64_t desc, avail, used;
	uint32_t size;
	uint16_t available, seen; /* as the driver has them: it never reads them back */
	uint16_t next_desc;
};

struct chain {
	unsigned int queue;
	uint16_t head;
	uint32_t type;
	uint64_t answer;
};

struct entry {
	uint64_t gpa;
	uint32_t len;
};

struct guest {
	struct guest_options options;
	const char *line;
	unsigned int line_number;
	uint64_t out, in, indirect;
	bool event_idx;
	struct queue queues[VGPU_NUM_QUEUES];
	uint32_t queue_sel;
	struct chain chains[MAX_CHAINS];
	unsigned int num_chains;
	unsigned int num_requests;

	struct entry backing[MAX_ENTRIES];
	unsigned int num_backing;
	uint8_t *drawn, *resource; /* what the guest has, and what it has transferred */
	unsigned int num_drawn;
	struct vgpu_frame_hash *frames;
	unsigned int num_frames;
};

static bool fail(const struct guest *guest, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static bool fail(const struct guest *guest, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "\n%s:%u: ", guest->options.script, guest->line_number);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, "\n");
	return false;
}

static void *at(const struct guest *guest, uint64_t gpa, uint64_t len)
{
	void *host = sim_ram(guest->options.sim, gpa, len);

	if (host == NULL) {
		fail(guest, "0x%llx is not in the zone's memory", (unsigned long long)gpa);
		abort();
	}
	return host;
}

static size_t picture_size(const struct guest *guest)
{
	return 4 * (size_t)guest->options.width * guest->options.height;
}

/* ---- pictures -------------------------------------------------------------------------- */

/* Draws, as an application does before it flushes. */
static void draw(struct guest *guest)
{
	const uint8_t *pixels = guest->drawn;

	guest->options.draw(guest->options.opaque, guest->num_drawn++, guest->drawn);
	for (unsigned int i = 0; i < guest->num_backing; i++) {
		const struct entry *entry = &guest->backing[i];

		memcpy(at(guest, entry->gpa, entry->len), pixels, entry->len);
		pixels += entry->len;
	}
}

static void transfer(struct guest *guest, const uint32_t *rect)
{
	size_t stride = 4 * (size_t)guest->options.width;

	for (uint32_t y = rect[1]; y < rect[1] + rect[3]; y++) {
		size_t offset = y * stride + 4 * (size_t)rect[0];

		memcpy(guest->resource + offset, guest->drawn + offset, 4 * (size_t)rect[2]);
	}
}

static void expect_frame(struct guest *guest)
{
	struct vgpu_frame frame = {0};
	size_t count = (size_t)guest->options.width * guest->options.height;
	uint32_t *pixels = malloc(4 * count);

	guest->frames = reallocarray(guest->frames, guest->num_frames + 1, sizeof(*guest->frames));
	if (pixels == NULL || guest->frames == NULL ||
	    vgpu_frame_resize(&frame, guest->options.width, guest->options.height) != 0)
		abort();
	memcpy(pixels, guest->resource, 4 * count);
	for (size_t i = 0; i < count; i++)
		pixels[i] = le32toh(pixels[i]);
	vgpu_frame_pack(frame.rgb, pixels, count);
	guest->frames[guest->num_frames++] = vgpu_frame_hash(&frame);
	vgpu_frame_fini(&frame);
	free(pixels);
}

/*
 * Where the framebuffer is: as the request says, or for several entries in
 * pieces of different sizes that lie apart.
 */
static void set_backing(struct guest *guest, const uint32_t *words)
{
	uint64_t gpa = guest->in + 0x1000000, left = picture_size(guest);
	unsigned int count = words[1];

	guest->num_backing = count;
	if (count == 1) {
		guest->backing[0] = (struct entry){words[2], words[4]};
		return;
	}
	for (unsigned int i = 0; i < count; i++) {
		uint64_t pages = i + 1 < count ? 1 + i % 10 : left / 4096;

		guest->backing[i] = (struct entry){gpa, (uint32_t)(4096 * pages)};
		gpa += 4096 * (pages + 1 + i % 3);
		left -= 4096 * pages;
	}
}

/* What the command means for what the screen must show. */
static void follow(struct guest *guest, uint32_t type, const uint32_t *words)
{
	switch (type) {
	case VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING:
		set_backing(guest, words);
		break;
	case VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D:
		draw(guest);
		transfer(guest, words);
		break;
	case VIRTIO_GPU_CMD_RESOURCE_FLUSH:
		expect_frame(guest);
		break;
	}
}

/* ---- rings ----------------------------------------------------------------------------- */

static struct vring_desc *descs(const struct guest *guest, const struct queue *queue)
{
	return at(guest, queue->desc, queue->size * sizeof(struct vring_desc));
}

static struct vring_avail *avail_ring(const struct guest *guest, const struct queue *queue)
{
	return at(guest, queue->avail, 6 + 2 * (uint64_t)queue->size);
}

static struct vring_used *used_ring(const struct guest *guest, const struct queue *queue)
{
	return at(guest, queue->used, 6 + 8 * (uint64_t)queue->size);
}

/* The driver's word at the end of the available ring, the device's at that of the used one. */
static uint16_t *used_event(const struct guest *guest, const struct queue *queue)
{
	return (uint16_t *)&avail_ring(guest, queue)->ring[queue->size];
}

static const uint16_t *avail_event(const struct guest *guest, const struct queue *queue)
{
	return (const uint16_t *)(const void *)&used_ring(guest, queue)->ring[queue->size];
}

static void write_entries(const struct guest *guest, uint64_t gpa)
{
	struct virtio_gpu_mem_entry *entries =
		at(guest, gpa, guest->num_backing * sizeof(struct virtio_gpu_mem_entry));

	for (unsigned int i = 0; i < guest->num_backing; i++)
		entries[i] = (struct virtio_gpu_mem_entry){
			.addr = htole64(guest->backing[i].gpa),
			.length = htole32(guest->backing[i].len),
		};
}

struct buffer {
	uint64_t gpa;
	uint32_t len;
	bool writable;
};

/*
 * In virtio-drivers 0.11 the last entry of a table names its follower, 2 of 2,
 * without the flag that there is one.
 */
static uint16_t place_indirect(struct guest *guest, struct queue *queue,
			       const struct buffer *buffers, unsigned int count)
{
	struct vring_desc *table = at(guest, guest->indirect, count * sizeof(struct vring_desc));

	for (unsigned int i = 0; i < count; i++)
		table[i] = (struct vring_desc){
			.addr = htole64(buffers[i].gpa),
			.len = htole32(buffers[i].len),
			.flags = htole16((buffers[i].writable ? VRING_DESC_F_WRITE : 0) |
					 (i + 1 < count ? VRING_DESC_F_NEXT : 0)),
			.next = htole16((uint16_t)(i + 1)),
		};
	descs(guest, queue)[0] = (struct vring_desc){
		.addr = htole64(guest->indirect),
		.len = htole32((uint32_t)(count * sizeof(*table))),
		.flags = htole16(VRING_DESC_F_INDIRECT),
	};
	return 0;
}

static uint16_t place_direct(struct guest *guest, struct queue *queue, const struct buffer *buffers,
			     unsigned int count)
{
	uint16_t head = queue->next_desc;

	for (unsigned int i = 0; i < count; i++) {
		uint16_t next = (uint16_t)((queue->next_desc + 1) % queue->size);

		descs(guest, queue)[queue->next_desc] = (struct vring_desc){
			.addr = htole64(buffers[i].gpa),
			.len = htole32(buffers[i].len),
			.flags = htole16((buffers[i].writable ? VRING_DESC_F_WRITE : 0) |
					 (i + 1 < count ? VRING_DESC_F_NEXT : 0)),
			.next = htole16(next),
		};
		queue->next_desc = next;
	}
	return head;
}

static void make_available(struct guest *guest, const struct chain *chain)
{
	struct queue *queue = &guest->queues[chain->queue];
	struct vring_avail *avail = avail_ring(guest, queue);

	avail->ring[queue->available % queue->size] = htole16(chain->head);
	queue->available++;
	__atomic_store_n(&avail->idx, htole16(queue->available), __ATOMIC_RELEASE);
	guest->chains[guest->num_chains++] = *chain;
	guest->num_requests++;
}

/* The pieces of a chain line behind its type. */
struct command {
	unsigned int queue;
	uint32_t type;
	uint32_t readable[2], writable;
	uint32_t words[MAX_WORDS];
	unsigned int num_words;
};

static void write_request(const struct guest *guest, const struct command *command, uint64_t gpa)
{
	uint8_t *request = at(guest, gpa, command->readable[0]);
	struct virtio_gpu_ctrl_hdr header = {.type = htole32(command->type)};

	memcpy(request, &header, sizeof(header));
	for (unsigned int i = 0; i < command->num_words; i++) {
		uint32_t word = htole32(command->words[i]);

		memcpy(request + sizeof(header) + sizeof(word) * i, &word, sizeof(word));
	}
}

static void send_command(struct guest *guest, const struct command *command)
{
	struct queue *queue = &guest->queues[command->queue];
	/* A driver with one request in flight has one pair of buffers. */
	uint64_t apart = queue->size > 2 ? 0x2000 * (uint64_t)guest->num_chains : 0;
	struct buffer buffers[3] = {{guest->out + apart, command->readable[0], false}};
	unsigned int count = 1;

	write_request(guest, command, buffers[0].gpa);
	follow(guest, command->type, command->words);
	if (command->readable[1] != 0) {
		buffers[count] =
			(struct buffer){guest->out + apart + 0x1000, command->readable[1], false};
		write_entries(guest, buffers[count++].gpa);
	}
	buffers[count++] = (struct buffer){guest->in + apart, command->writable, true};
	struct chain chain = {
		.queue = command->queue,
		.type = command->type,
		.answer = guest->in + apart,
	};
	chain.head = guest->indirect != 0 ? place_indirect(guest, queue, buffers, count)
					  : place_direct(guest, queue, buffers, count);
	make_available(guest, &chain);
}

/* Whether the device wants to be told; virtio-drivers' test does not wrap around. */
static bool wants_notify(const struct guest *guest, const struct queue *queue)
{
	if (queue->size == 0)
		return true;
	__atomic_thread_fence(__ATOMIC_SEQ_CST);
	if (guest->event_idx)
		return queue->available >= le16toh(*avail_event(guest, queue)) + 1;
	return (le16toh(used_ring(guest, queue)->flags) & VRING_USED_F_NO_NOTIFY) == 0;
}

static bool check_answer(struct guest *guest, const struct chain *chain)
{
	const struct virtio_gpu_resp_display_info *info =
		at(guest, chain->answer, sizeof(struct virtio_gpu_ctrl_hdr));
	bool asks = chain->type == VIRTIO_GPU_CMD_GET_DISPLAY_INFO;
	uint32_t type = le32toh(info->hdr.type);

	if (type != (asks ? VIRTIO_GPU_RESP_OK_DISPLAY_INFO : VIRTIO_GPU_RESP_OK_NODATA))
		return fail(guest, "command 0x%x was answered 0x%x", chain->type, type);
	if (asks && (le32toh(info->pmodes[0].r.width) != guest->options.width ||
		     le32toh(info->pmodes[0].r.height) != guest->options.height))
		return fail(guest, "the display is %ux%u", le32toh(info->pmodes[0].r.width),
			    le32toh(info->pmodes[0].r.height));
	return true;
}

/* Takes what is used; a driver believes used.idx, however old it is. */
static bool take_used(struct guest *guest, const struct chain *chain)
{
	struct queue *queue = &guest->queues[chain->queue];
	const struct vring_used *used = used_ring(guest, queue);
	uint64_t end = vgpu_now_ns() + TIMEOUT_NS;

	while (le16toh(__atomic_load_n(&used->idx, __ATOMIC_ACQUIRE)) == queue->seen) {
		if (vgpu_now_ns() > end)
			return fail(guest, "command 0x%x is never used", chain->type);
		usleep(20);
	}
	uint32_t id = le32toh(used->ring[queue->seen % queue->size].id);
	if (id != chain->head)
		return fail(guest, "chain %u is used, not %u", id, chain->head);
	queue->seen++;
	if (guest->event_idx)
		*used_event(guest, queue) = htole16(queue->seen);
	return check_answer(guest, chain);
}

static bool take_all_used(struct guest *guest)
{
	for (unsigned int i = 0; i < guest->num_chains; i++) {
		struct queue *queue = &guest->queues[guest->chains[i].queue];

		if (!take_used(guest, &guest->chains[i]))
			return false;
		/* virtio-drivers forgets address and length of what it recycles. */
		if (queue->size == 2)
			for (unsigned int j = 0; j < 2; j++) {
				descs(guest, queue)[j].addr = 0;
				descs(guest, queue)[j].len = 0;
			}
	}
	guest->num_chains = 0;
	return true;
}

/* ---- steps ----------------------------------------------------------------------------- */

/* Keeps what the script tells the device of its queues. */
static void note_write(struct guest *guest, uint64_t offset, uint32_t value)
{
	struct queue *queue = &guest->queues[guest->queue_sel % VGPU_NUM_QUEUES];

	switch (offset) {
	case VIRTIO_MMIO_QUEUE_SEL:
		guest->queue_sel = value;
		break;
	case VIRTIO_MMIO_QUEUE_NUM:
		*queue = (struct queue){.size = value};
		break;
	case VIRTIO_MMIO_QUEUE_DESC_LOW:
		queue->desc = value;
		break;
	case VIRTIO_MMIO_QUEUE_AVAIL_LOW:
		queue->avail = value;
		break;
	case VIRTIO_MMIO_QUEUE_USED_LOW:
		queue->used = value;
		break;
	}
}

static bool do_write(struct guest *guest, unsigned int cpu, uint64_t address, uint32_t value)
{
	uint64_t offset = address - guest->options.gpu_base;

	if (offset == VIRTIO_MMIO_QUEUE_NOTIFY &&
	    !wants_notify(guest, &guest->queues[value % VGPU_NUM_QUEUES]))
		return true;
	note_write(guest, offset, value);
	int ret = sim_write(guest->options.sim, cpu, address, 4, value);
	return ret == 0 || ret == -EFAULT ? true : fail(guest, "write: %s", strerror(-ret));
}

static bool do_read(struct guest *guest, unsigned int cpu, uint64_t address, const char *expected)
{
	uint64_t value = 0;
	int ret = sim_read(guest->options.sim, cpu, address, 4, &value);

	/* Outside the zone's regions the register keeps what it had. */
	if (ret == -EFAULT)
		return true;
	if (ret != 0)
		return fail(guest, "read: %s", strerror(-ret));
	if (expected[0] != '?' && value != strtoull(expected, NULL, 16))
		return fail(guest, "read 0x%llx", (unsigned long long)value);
	return true;
}

static bool do_access(struct guest *guest)
{
	unsigned int cpu;
	char direction, value[32];
	unsigned long long address;

	if (sscanf(guest->line, "%u %c %llx %31s", &cpu, &direction, &address, value) != 4)
		return fail(guest, "no step: %s", guest->line);
	if (direction == 'W')
		return do_write(guest, cpu, address, (uint32_t)strtoull(value, NULL, 16));
	return do_read(guest, cpu, address, value);
}

static bool do_chain(struct guest *guest)
{
	struct command command = {0};
	int used = 0;

	if (sscanf(guest->line, "chain %u %x %u%n", &command.queue, &command.type,
		   &command.readable[0], &used) != 3 ||
	    command.queue >= VGPU_NUM_QUEUES || guest->num_chains == MAX_CHAINS)
		return fail(guest, "no chain: %s", guest->line);
	const char *rest = guest->line + used;
	if (sscanf(rest, "+%u%n", &command.readable[1], &used) == 1)
		rest += used;
	if (sscanf(rest, " %u%n", &command.writable, &used) != 1)
		return fail(guest, "no chain: %s", guest->line);
	rest += used;
	while (command.num_words < MAX_WORDS &&
	       sscanf(rest, " %x%n", &command.words[command.num_words], &used) == 1) {
		command.num_words++;
		rest += used;
	}
	send_command(guest, &command);
	return true;
}

static bool do_irq(struct guest *guest)
{
	return sim_take_irq(guest->options.sim, GUEST_IRQ, 5000) ? true
								 : fail(guest, "no interrupt");
}

static bool starts_with(const char *line, const char *word)
{
	return strncmp(line, word, strlen(word)) == 0;
}

static bool do_step(struct guest *guest)
{
	unsigned long long out, in;

	if (guest->line[0] == '#')
		return true;
	if (sscanf(guest->line, "buffers %llx %llx", &out, &in) == 2) {
		guest->out = out;
		guest->in = in;
		return true;
	}
	if (sscanf(guest->line, "indirect %llx", &out) == 1) {
		guest->indirect = out;
		return true;
	}
	if (starts_with(guest->line, "event-idx"))
		return guest->event_idx = true;
	if (starts_with(guest->line, "chain"))
		return do_chain(guest);
	if (starts_with(guest->line, "poll"))
		return take_all_used(guest);
	if (starts_with(guest->line, "irq"))
		return do_irq(guest);
	if (starts_with(guest->line, "reap")) {
		sim_end_irq(guest->options.sim, GUEST_IRQ);
		return take_all_used(guest);
	}
	return do_access(guest);
}

bool guest_run(struct guest *guest)
{
	FILE *file = fopen(guest->options.script, "re");
	char line[256];
	bool good = true;

	guest->line_number = 0;
	guest->num_chains = 0;
	memset(guest->queues, 0, sizeof(guest->queues));
	if (file == NULL)
		return fail(guest, "%s", strerror(errno));
	while (good && fgets(line, sizeof(line), file) != NULL) {
		line[strcspn(line, "\n")] = '\0';
		guest->line = line;
		guest->line_number++;
		good = do_step(guest);
		if (guest->options.pause_us != 0)
			usleep(guest->options.pause_us);
	}
	fclose(file);
	return good;
}

struct guest *guest_new(const struct guest_options *options)
{
	struct guest *guest = calloc(1, sizeof(*guest));

	if (guest == NULL)
		return NULL;
	guest->options = *options;
	guest->drawn = calloc(1, picture_size(guest));
	guest->resource = calloc(1, picture_size(guest));
	if (guest->drawn != NULL && guest->resource != NULL)
		return guest;
	guest_free(guest);
	return NULL;
}

void guest_free(struct guest *guest)
{
	if (guest == NULL)
		return;
	free(guest->drawn);
	free(guest->resource);
	free(guest->frames);
	free(guest);
}

unsigned int guest_num_frames(const struct guest *guest)
{
	return guest->num_frames;
}

struct vgpu_frame_hash guest_frame(const struct guest *guest, unsigned int index)
{
	return guest->frames[index];
}

unsigned int guest_num_requests(const struct guest *guest)
{
	return guest->num_requests;
}
