/* SPDX-License-Identifier: MIT */
/*
 * Guest memory that changes while the device works on it. What the device has
 * checked must be what it uses, so it may look at each byte of a request once.
 *
 * The first tests change every byte as soon as it has been looked at, which needs
 * no luck. The others let a thread change requests, descriptors, ring indices and
 * backings all the time, for ASan and TSan to see what comes of it. The thread's
 * stores are atomic; the device's copies of what guests may change at will are
 * not, which is why tests/fuzz/tsan.supp names the function that makes them.
 */
#include "gpu/device.h"
#include "guest.h"
#include "unit.h"

#include <linux/virtio_config.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

extern const struct unit_suite double_fetch_suite;

#define OK	VIRTIO_GPU_RESP_OK_NODATA
#define SIDE	32u
#define ENTRIES 12u
#define ROUNDS	10000
#define PLACES	24u
#define SPIED	0x800u /* bytes from GUEST_REQUEST */

/* ---- bytes that change once they were looked at ------------------------------------------ */

struct spy {
	struct guest guest;
	struct vgpu_memory memory;
	uint8_t looks[SPIED]; /* at each byte of the request */
	bool changed[SPIED];
};

static void change_what_was_seen(struct spy *spy)
{
	for (uint32_t i = 0; i < SPIED; i++) {
		if (spy->looks[i] == 0 || spy->changed[i])
			continue;
		spy->guest.ram[GUEST_REQUEST + i] ^= 0xff;
		spy->changed[i] = true;
	}
}

static void *spy_translate(void *opaque, uint64_t gpa, uint64_t *len)
{
	struct spy *spy = opaque;
	void *host = spy->memory.translate(spy->memory.opaque, gpa, len);

	change_what_was_seen(spy);
	for (uint64_t i = 0; i < *len; i++)
		if (gpa + i >= GUEST_RAM + GUEST_REQUEST &&
		    gpa + i < GUEST_RAM + GUEST_REQUEST + SPIED)
			spy->looks[gpa + i - GUEST_RAM - GUEST_REQUEST]++;
	return host;
}

static void spy_start(struct spy *spy)
{
	guest_start(&spy->guest);
	guest_show(&spy->guest, 1, 1, SIDE, SIDE);
	CU_ASSERT_EQUAL(guest_create(&spy->guest, 2, 1, SIDE, SIDE), OK);
	spy->memory = spy->guest.device->memory;
	spy->guest.device->memory.translate = spy_translate;
	spy->guest.device->memory.opaque = spy;
}

static void spy_stop(struct spy *spy)
{
	spy->guest.device->memory = spy->memory;
	guest_stop(&spy->guest);
}

/* Sends a request that must be executed as it was when it was looked at. */
static uint32_t spy_send(struct spy *spy, unsigned int queue, const void *request, uint32_t len)
{
	memset(spy->looks, 0, sizeof(spy->looks));
	memset(spy->changed, 0, sizeof(spy->changed));
	CU_ASSERT_TRUE(guest_send(&spy->guest, queue, request, len, 1056) >= 24);
	for (uint32_t i = 0; i < SPIED; i++)
		CU_ASSERT_EQUAL(spy->looks[i], i < len);
	return guest_response(&spy->guest)->type;
}

static void a_request_is_looked_at_once(void)
{
	struct virtio_gpu_transfer_to_host_2d transfer = {
		.hdr.type = VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D,
		.hdr.flags = VIRTIO_GPU_FLAG_FENCE,
		.hdr.fence_id = 77,
		.r = {.x = 1, .y = 2, .width = 3, .height = 4},
		.resource_id = 1};
	struct virtio_gpu_set_scanout scanout = {.hdr.type = VIRTIO_GPU_CMD_SET_SCANOUT,
						 .r = {.width = SIDE, .height = SIDE / 2},
						 .scanout_id = 1,
						 .resource_id = 1};
	struct virtio_gpu_resource_flush flush = {.hdr.type = VIRTIO_GPU_CMD_RESOURCE_FLUSH,
						  .r = {.width = SIDE, .height = SIDE},
						  .resource_id = 1};
	struct virtio_gpu_resource_create_2d create = {.hdr.type =
							       VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
						       .resource_id = 9,
						       .format = 1,
						       .width = 5,
						       .height = 6};
	struct virtio_gpu_update_cursor cursor = {.hdr.type = VIRTIO_GPU_CMD_MOVE_CURSOR,
						  .pos = {.scanout_id = 1, .x = 5, .y = 6}};
	struct spy spy;

	spy_start(&spy);
	CU_ASSERT_EQUAL(spy_send(&spy, 0, &transfer, sizeof(transfer)), OK);
	CU_ASSERT_EQUAL(guest_response(&spy.guest)->fence_id, 77);
	CU_ASSERT_EQUAL(spy_send(&spy, 0, &scanout, sizeof(scanout)), OK);
	CU_ASSERT_EQUAL(vgpu_device_scanout(spy.guest.device, 1)->rect.height, SIDE / 2);
	CU_ASSERT_EQUAL(spy_send(&spy, 0, &flush, sizeof(flush)), OK);
	CU_ASSERT_EQUAL(spy_send(&spy, 0, &create, sizeof(create)), OK);
	CU_ASSERT_PTR_NOT_NULL(vgpu_resource_find(&spy.guest.device->resources, 9));
	CU_ASSERT_EQUAL(spy_send(&spy, 1, &cursor, sizeof(cursor)), OK);
	CU_ASSERT_EQUAL(vgpu_device_cursor(spy.guest.device, 1)->x, 5);
	spy_stop(&spy);
}

static void a_list_of_entries_is_looked_at_once(void)
{
	struct {
		struct virtio_gpu_resource_attach_backing head;
		struct virtio_gpu_mem_entry entries[ENTRIES];
	} attach = {.head = {.hdr.type = VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
			     .resource_id = 2,
			     .nr_entries = ENTRIES}};
	struct spy spy;

	spy_start(&spy);
	for (uint32_t i = 0; i < ENTRIES; i++) {
		attach.entries[i].addr = GUEST_RAM + GUEST_PIXELS + i * 4096;
		attach.entries[i].length = 100 + i;
	}
	CU_ASSERT_EQUAL(spy_send(&spy, 0, &attach, sizeof(attach)), OK);
	const struct vgpu_resource *resource = vgpu_resource_find(&spy.guest.device->resources, 2);
	CU_ASSERT_EQUAL_FATAL(resource->num_backing, ENTRIES);
	for (uint32_t i = 0; i < ENTRIES; i++) {
		CU_ASSERT_EQUAL(resource->backing[i].gpa, attach.entries[i].addr);
		CU_ASSERT_EQUAL(resource->backing[i].len, 100 + i);
	}
	spy_stop(&spy);
}

/* The table lies where requests do; what it points to lies behind. */
static void an_indirect_table_is_looked_at_once(void)
{
	struct virtio_gpu_ctrl_hdr request = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	struct vring_desc table[2] = {{.addr = GUEST_RAM + GUEST_REQUEST + SPIED,
				       .len = sizeof(request),
				       .flags = 1,
				       .next = 1},
				      {.addr = GUEST_RAM + GUEST_RESPONSE, .len = 408, .flags = 2}};
	struct spy spy = {.looks = {0}};

	spy_start(&spy);
	memset(spy.looks, 0, sizeof(spy.looks));
	memset(spy.changed, 0, sizeof(spy.changed));
	memcpy(spy.guest.ram + GUEST_REQUEST, table, sizeof(table));
	memcpy(spy.guest.ram + GUEST_REQUEST + SPIED, &request, sizeof(request));
	guest_set_desc(&spy.guest, 0, 0, GUEST_RAM + GUEST_REQUEST, sizeof(table), 4, 0);
	CU_ASSERT_EQUAL(guest_offer(&spy.guest, 0, 0), 408);
	CU_ASSERT_EQUAL(guest_response(&spy.guest)->type, VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	for (uint32_t i = 0; i < SPIED; i++)
		CU_ASSERT_EQUAL(spy.looks[i], i < sizeof(table));
	spy_stop(&spy);
}

/* ---- a thread that changes bytes ----------------------------------------------------------- */

struct place {
	uint8_t *byte;
	uint8_t values[2];
};

struct flipper {
	struct guest guest;
	struct place places[PLACES];
	unsigned int num_places;
	atomic_bool stop;
	pthread_t thread;
	bool packed;
	unsigned int position; /* in a packed ring */
	unsigned int done, refused, wrong;
};

static void *flip(void *opaque)
{
	struct flipper *flipper = opaque;

	for (unsigned int i = 0; !atomic_load_explicit(&flipper->stop, memory_order_relaxed); i++) {
		const struct place *place = &flipper->places[i % flipper->num_places];

		__atomic_store_n(place->byte, place->values[i / flipper->num_places % 2],
				 __ATOMIC_RELAXED);
	}
	return NULL;
}

static void add_place(struct flipper *flipper, void *byte, uint8_t good, uint8_t bad)
{
	CU_ASSERT_FATAL(flipper->num_places < PLACES);
	flipper->places[flipper->num_places++] =
		(struct place){.byte = byte, .values = {good, bad}};
}

static uint64_t bytes_read(const struct vgpu_request_event *event)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < event->num_reads; i++)
		sum += event->reads[i].len;
	return sum;
}

/* Whether what was done is what the copied request asks for. */
static bool is_right(const struct vgpu_request_event *event)
{
	const struct virtio_gpu_transfer_to_host_2d *transfer = event->request;
	const struct virtio_gpu_resource_flush *flush = event->request;
	const struct virtio_gpu_ctrl_hdr *response = event->response;

	if (event->request_len < sizeof(*flush))
		return response->type != OK;
	struct vgpu_rect rect = {transfer->r.x, transfer->r.y, transfer->r.width,
				 transfer->r.height};
	bool inside = vgpu_rect_within(&rect, SIDE, SIDE);
	if (transfer->hdr.type == VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D &&
	    event->request_len == sizeof(*transfer)) {
		bool good = inside && transfer->resource_id == 1 && transfer->offset == 0;
		uint64_t bytes = good ? 4ull * rect.width * rect.height : 0;

		return (response->type == OK) == good && bytes_read(event) == bytes;
	}
	if (transfer->hdr.type == VIRTIO_GPU_CMD_RESOURCE_FLUSH) {
		bool good = inside && flush->resource_id == 1;

		if ((response->type == OK) != good || event->num_frames != good)
			return false;
		return !good || memcmp(&event->frames[0].damage, &rect, sizeof(rect)) == 0;
	}
	return response->type != OK;
}

static void on_request(void *opaque, const struct vgpu_request_event *event)
{
	struct flipper *flipper = opaque;
	uint64_t room = 0;

	for (unsigned int i = 0; i < event->num_descs; i++)
		room += event->descs[i].device_writable ? event->descs[i].len : 0;
	flipper->done++;
	flipper->refused += ((const struct virtio_gpu_ctrl_hdr *)event->response)->type != OK;
	flipper->wrong += event->used_len > room || !is_right(event);
}

static const struct vgpu_observer_ops observer = {.request = on_request};

static void set_up(struct flipper *flipper)
{
	flipper->done = flipper->refused = 0;
	guest_init_device(&flipper->guest, GUEST_FEATURES);
	guest_show(&flipper->guest, 1, 1, SIDE, SIDE);
}

static void flipper_start(struct flipper *flipper)
{
	*flipper = (struct flipper){.num_places = 0};
	guest_start(&flipper->guest);
	set_up(flipper);
	vgpu_device_set_observer(flipper->guest.device, &observer, flipper);
}

/* Written once, then it is the thread's; each round makes it available again. */
static void put_request(struct flipper *flipper, const void *request, uint32_t len)
{
	struct guest *guest = &flipper->guest;

	memcpy(guest->ram + GUEST_REQUEST, request, len);
	guest_set_desc(guest, 0, 0, GUEST_RAM + GUEST_REQUEST, len, 1, 1);
	guest_set_desc(guest, 0, 1, GUEST_RAM + GUEST_RESPONSE, 24, 2, 0);
}

static void offer_split(struct flipper *flipper)
{
	struct vring_avail *avail = flipper->guest.avail[0];
	uint16_t index = __atomic_load_n(&avail->idx, __ATOMIC_RELAXED);

	__atomic_store_n(&avail->ring[index % GUEST_QUEUE_SIZE], 0, __ATOMIC_RELAXED);
	__atomic_store_n(&avail->idx, (uint16_t)(index + 1), __ATOMIC_RELAXED);
}

static void put_packed(struct flipper *flipper, unsigned int position, uint64_t addr, uint32_t len,
		       unsigned int flags)
{
	struct vring_packed_desc *ring = (void *)flipper->guest.desc[0];
	struct vring_packed_desc *desc = &ring[position % GUEST_QUEUE_SIZE];
	bool wrap = position % (2 * GUEST_QUEUE_SIZE) < GUEST_QUEUE_SIZE;

	flags |= 1u << (wrap ? VRING_PACKED_DESC_F_AVAIL : VRING_PACKED_DESC_F_USED);
	__atomic_store_n(&desc->addr, addr, __ATOMIC_RELAXED);
	__atomic_store_n(&desc->len, len, __ATOMIC_RELAXED);
	__atomic_store_n(&desc->id, 0, __ATOMIC_RELAXED);
	__atomic_store_n(&desc->flags, (uint16_t)flags, __ATOMIC_RELEASE);
}

/* Two descriptors each time, the first of them last. */
static void offer_packed(struct flipper *flipper, uint32_t len)
{
	unsigned int at = flipper->position;

	put_packed(flipper, at + 1, GUEST_RAM + GUEST_RESPONSE, 24, VRING_DESC_F_WRITE);
	put_packed(flipper, at, GUEST_RAM + GUEST_REQUEST, len, VRING_DESC_F_NEXT);
	flipper->position += 2;
}

static void offer(struct flipper *flipper)
{
	if (flipper->packed)
		offer_packed(flipper, sizeof(struct virtio_gpu_transfer_to_host_2d));
	else
		offer_split(flipper);
}

static void run(struct flipper *flipper)
{
	struct guest *guest = &flipper->guest;
	unsigned int rounds = 0;

	CU_ASSERT_EQUAL_FATAL(pthread_create(&flipper->thread, NULL, flip, flipper), 0);
	for (; rounds < ROUNDS && !vgpu_device_needs_reset(guest->device); rounds++) {
		offer(flipper);
		guest_write(guest, 0x050, 0);
	}
	atomic_store(&flipper->stop, true);
	pthread_join(flipper->thread, NULL);
	CU_ASSERT_EQUAL(flipper->wrong, 0);
}

static void flipper_stop(struct flipper *flipper)
{
	guest_stop(&flipper->guest);
}

static const struct virtio_gpu_transfer_to_host_2d whole_transfer = {
	.hdr.type = VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D,
	.r = {.width = SIDE, .height = SIDE},
	.resource_id = 1};

static void the_rectangle_that_is_checked_is_used(void)
{
	struct flipper flipper;
	struct virtio_gpu_transfer_to_host_2d *request;

	flipper_start(&flipper);
	put_request(&flipper, &whole_transfer, sizeof(whole_transfer));
	request = (void *)(flipper.guest.ram + GUEST_REQUEST);
	add_place(&flipper, (uint8_t *)&request->r.x + 3, 0, 0xff);
	add_place(&flipper, (uint8_t *)&request->r.width, SIDE, SIDE + 1);
	add_place(&flipper, (uint8_t *)&request->r.height + 1, 0, 0x7f);
	add_place(&flipper, (uint8_t *)&request->offset + 7, 0, 0xff);
	add_place(&flipper, (uint8_t *)&request->resource_id, 1, 2);
	add_place(&flipper, (uint8_t *)&request->hdr.type, 5, 4);
	run(&flipper);
	CU_ASSERT_EQUAL(flipper.done, ROUNDS);
	flipper_stop(&flipper);
}

static void pixels_that_change_do_no_harm(void)
{
	struct flipper flipper;

	flipper_start(&flipper);
	put_request(&flipper, &whole_transfer, sizeof(whole_transfer));
	for (uint32_t i = 0; i < PLACES; i++)
		add_place(&flipper, flipper.guest.ram + GUEST_PIXELS + i * 97, 0, 0xff);
	run(&flipper);
	CU_ASSERT_EQUAL(flipper.done, ROUNDS);
	CU_ASSERT_EQUAL(flipper.refused, 0);
	flipper_stop(&flipper);
}

static void command_packed(struct flipper *flipper, const void *request, uint32_t len)
{
	memcpy(flipper->guest.ram + GUEST_REQUEST, request, len);
	offer_packed(flipper, len);
	guest_write(&flipper->guest, 0x050, 0);
	CU_ASSERT_EQUAL(guest_response(&flipper->guest)->type, OK);
}

/* The same resource as on split rings, made on a packed one. */
static void set_up_packed(struct flipper *flipper)
{
	struct {
		struct virtio_gpu_resource_attach_backing head;
		struct virtio_gpu_mem_entry entry;
	} attach = {.head = {.hdr.type = VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING,
			     .resource_id = 1,
			     .nr_entries = 1},
		    .entry = {.addr = GUEST_RAM + GUEST_PIXELS, .length = SIDE * SIDE * 4}};
	struct virtio_gpu_resource_create_2d create = {.hdr.type =
							       VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
						       .resource_id = 1,
						       .format = 1,
						       .width = SIDE,
						       .height = SIDE};

	vgpu_device_set_observer(flipper->guest.device, NULL, NULL);
	guest_init_device(&flipper->guest, GUEST_FEATURES | 1ull << VIRTIO_F_RING_PACKED);
	flipper->packed = true;
	command_packed(flipper, &create, sizeof(create));
	command_packed(flipper, &attach, sizeof(attach));
	vgpu_device_set_observer(flipper->guest.device, &observer, flipper);
	memcpy(flipper->guest.ram + GUEST_REQUEST, &whole_transfer, sizeof(whole_transfer));
}

/* The device may ask for a reset, at once or later, and do nothing else. */
static void check_ring(void (*places)(struct flipper *flipper), bool packed)
{
	struct flipper flipper;
	unsigned int done = 0;

	/* Where threads take turns the ring may be broken before a request is looked at. */
	for (int i = 0; i < 40 || (done == 0 && i < 10000); i++) {
		flipper_start(&flipper);
		put_request(&flipper, &whole_transfer, sizeof(whole_transfer));
		if (packed)
			set_up_packed(&flipper);
		places(&flipper);
		run(&flipper);
		done += flipper.done;
		set_up(&flipper);
		flipper_stop(&flipper);
	}
	CU_ASSERT_NOT_EQUAL(done, 0);
}

static void flip_packed(struct flipper *flipper)
{
	struct vring_packed_desc *desc = (void *)flipper->guest.desc[0];

	for (unsigned int i = 0; i < 4; i++) {
		unsigned int slot = (flipper->position + i) % GUEST_QUEUE_SIZE;

		add_place(flipper, (uint8_t *)&desc[slot].len + i, 0, 0xff);
		add_place(flipper, (uint8_t *)&desc[slot].flags, 1, i % 2 != 0 ? 4 : 3);
		add_place(flipper, (uint8_t *)&desc[slot].flags + 1, 0, 0x80);
		add_place(flipper, (uint8_t *)&desc[slot].addr + 3, GUEST_RAM >> 24, 0xff);
	}
}

static void flip_descriptors(struct flipper *flipper)
{
	struct vring_desc *desc = flipper->guest.desc[0];

	add_place(flipper, (uint8_t *)&desc[0].addr + 7, 0, 0xff);
	add_place(flipper, (uint8_t *)&desc[0].len, sizeof(whole_transfer), 24);
	add_place(flipper, (uint8_t *)&desc[1].len + 3, 0, 0xff);
	add_place(flipper, (uint8_t *)&desc[1].addr + 2, GUEST_RESPONSE >> 16, 0xff);
}

static void flip_links(struct flipper *flipper)
{
	struct vring_desc *desc = flipper->guest.desc[0];

	add_place(flipper, (uint8_t *)&desc[0].next, 1, 0);
	add_place(flipper, (uint8_t *)&desc[0].next + 1, 0, 0xff);
	add_place(flipper, (uint8_t *)&desc[0].flags, 1, 4);
	add_place(flipper, (uint8_t *)&desc[1].flags, 2, 3);
}

static void flip_indices(struct flipper *flipper)
{
	struct vring_avail *avail = flipper->guest.avail[0];
	struct vring_used *used = flipper->guest.used[0];

	for (unsigned int i = 0; i < GUEST_QUEUE_SIZE; i++)
		add_place(flipper, &avail->ring[i], 0, 0x77);
	add_place(flipper, (uint8_t *)&avail->idx + 1, 0, 0x40);
	/* And what is the device's to write. */
	add_place(flipper, &used->ring[0].len, 0, 0xff);
	add_place(flipper, &used->idx, 0, 0xff);
}

static void descriptors_that_change_do_no_harm(void)
{
	check_ring(flip_descriptors, false);
}

static void links_that_change_do_no_harm(void)
{
	check_ring(flip_links, false);
}

static void indices_that_change_do_no_harm(void)
{
	check_ring(flip_indices, false);
}

static void packed_descriptors_that_change_do_no_harm(void)
{
	check_ring(flip_packed, true);
}

static const struct unit_test tests[] = {
	{"a request is looked at once", a_request_is_looked_at_once},
	{"a list of entries is looked at once", a_list_of_entries_is_looked_at_once},
	{"an indirect table is looked at once", an_indirect_table_is_looked_at_once},
	{"the rectangle that is checked is used", the_rectangle_that_is_checked_is_used},
	{"pixels that change do no harm", pixels_that_change_do_no_harm},
	{"descriptors that change do no harm", descriptors_that_change_do_no_harm},
	{"packed descriptors that change do no harm", packed_descriptors_that_change_do_no_harm},
	{"links that change do no harm", links_that_change_do_no_harm},
	{"indices that change do no harm", indices_that_change_do_no_harm},
	{NULL, NULL},
};

const struct unit_suite double_fetch_suite = {"double-fetch", tests};
