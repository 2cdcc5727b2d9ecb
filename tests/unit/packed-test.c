/* SPDX-License-Identifier: MIT */
/* Packed virtqueues: what differs from split ones, and how they are broken. */
#include "guest.h"
#include "unit.h"

#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <string.h>

extern const struct unit_suite packed_suite;

#define NEXT	  VRING_DESC_F_NEXT
#define WRITE	  VRING_DESC_F_WRITE
#define INDIRECT  VRING_DESC_F_INDIRECT
#define AVAIL	  (1u << VRING_PACKED_DESC_F_AVAIL)
#define USED	  (1u << VRING_PACKED_DESC_F_USED)
#define FEATURES  (GUEST_FEATURES | 1ull << VIRTIO_F_RING_PACKED)
#define EVENT_IDX (1ull << VIRTIO_RING_F_EVENT_IDX)
#define REQUEST	  (GUEST_RAM + GUEST_REQUEST)
#define RESPONSE  (GUEST_RAM + GUEST_RESPONSE)
#define TABLE	  0x4000u /* of GUEST_REQUEST */
#define ROOM	  408

/* The driver's side of the control queue. */
struct driver {
	struct guest guest;
	struct vring_packed_desc *ring;
	struct vring_packed_desc_event *wish, *offer; /* the driver's and the device's */
	unsigned int size, next;
	bool wrap;
};

static void take_queue(struct driver *d, unsigned int size)
{
	d->ring = (void *)d->guest.desc[0];
	d->wish = (void *)d->guest.avail[0];
	d->offer = (void *)d->guest.used[0];
	d->size = size;
	d->next = 0;
	d->wrap = true;
}

static void driver_start(struct driver *d, uint64_t features)
{
	guest_start_with(&d->guest, 2, features, 0);
	take_queue(d, GUEST_QUEUE_SIZE);
}

static void driver_resize(struct driver *d, unsigned int size)
{
	memset(d->ring, 0, 16ull * size);
	guest_write(&d->guest, VIRTIO_MMIO_QUEUE_SEL, 0);
	guest_write(&d->guest, VIRTIO_MMIO_QUEUE_READY, 0);
	guest_write(&d->guest, VIRTIO_MMIO_QUEUE_NUM, size);
	guest_write(&d->guest, VIRTIO_MMIO_QUEUE_READY, 1);
	CU_ASSERT_EQUAL(guest_read(&d->guest, VIRTIO_MMIO_QUEUE_READY), 1);
	take_queue(d, size);
}

static uint16_t available(const struct driver *d)
{
	return (uint16_t)(d->wrap ? AVAIL : USED);
}

/* Writes the descriptor after the last one. Returns its slot. */
static unsigned int add(struct driver *d, uint64_t addr, uint32_t len, unsigned int flags,
			uint16_t id)
{
	unsigned int slot = d->next;

	d->ring[slot] = (struct vring_packed_desc){
		.addr = addr, .len = len, .id = id, .flags = (uint16_t)(flags | available(d))};
	d->next = (slot + 1) % d->size;
	d->wrap ^= d->next == 0;
	return slot;
}

static void kick(struct driver *d)
{
	guest_write(&d->guest, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
}

/* GET_DISPLAY_INFO in two descriptors. Returns the slot of the first. */
static unsigned int add_info(struct driver *d, uint16_t id)
{
	struct virtio_gpu_ctrl_hdr request = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};

	memcpy(d->guest.ram + GUEST_REQUEST, &request, sizeof(request));
	memset(d->guest.ram + GUEST_RESPONSE, 0xaa, ROOM + 8);
	unsigned int slot = add(d, REQUEST, sizeof(request), NEXT, 0xffff);
	add(d, RESPONSE, ROOM, WRITE, id);
	return slot;
}

/* As if nothing had been added; the request stays where it is. */
static void take_back(struct driver *d)
{
	memset(d->ring, 0, 16ull * d->size);
	take_queue(d, d->size);
}

static void expect_used(const struct driver *d, unsigned int slot, bool wrap, uint16_t id,
			uint32_t len)
{
	CU_ASSERT_EQUAL(d->ring[slot].flags, (wrap ? AVAIL | USED : 0) | (len > 0 ? WRITE : 0));
	CU_ASSERT_EQUAL(d->ring[slot].id, id);
	CU_ASSERT_EQUAL(d->ring[slot].len, len);
	CU_ASSERT_FALSE(vgpu_device_needs_reset(d->guest.device));
}

static void ask_info(struct driver *d, uint16_t id)
{
	bool wrap = d->wrap;
	unsigned int slot = add_info(d, id);

	kick(d);
	expect_used(d, slot, wrap, id, ROOM);
	CU_ASSERT_EQUAL(guest_response(&d->guest)->type, VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	CU_ASSERT_EQUAL(d->guest.ram[GUEST_RESPONSE + ROOM], 0xaa);
}

/* What an answer sets off: whether there is an interrupt, which is taken away. */
static bool interrupts(struct driver *d)
{
	ask_info(d, 1);
	bool given = (guest_read(&d->guest, VIRTIO_MMIO_INTERRUPT_STATUS) & 1) != 0;
	guest_write(&d->guest, VIRTIO_MMIO_INTERRUPT_ACK, 3);
	return given;
}

static void laps_of_any_size(void)
{
	static const unsigned int sizes[] = {2, 3, 5, 7, 16, 100};
	struct driver d;

	driver_start(&d, FEATURES);
	for (unsigned int i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		driver_resize(&d, sizes[i]);
		for (unsigned int j = 0; j < 3 * sizes[i]; j++)
			ask_info(&d, (uint16_t)j);
	}
	guest_stop(&d.guest);
}

static void only_what_the_driver_made_available(void)
{
	struct driver d;

	driver_start(&d, FEATURES);
	kick(&d);
	CU_ASSERT_EQUAL(d.ring[0].flags, 0);
	add_info(&d, 3);
	struct vring_packed_desc before = d.ring[0];
	/* of the lap after, of the lap before, and used */
	static const uint16_t flags[] = {USED, 0, AVAIL | USED};
	for (unsigned int i = 0; i < sizeof(flags) / sizeof(flags[0]); i++) {
		d.ring[0].flags = NEXT | flags[i];
		kick(&d);
		CU_ASSERT_EQUAL(d.ring[0].flags, NEXT | flags[i]);
	}
	d.ring[0] = before;
	kick(&d);
	expect_used(&d, 0, true, 3, ROOM);
	/* and once only */
	before = d.ring[0];
	kick(&d);
	CU_ASSERT_EQUAL(memcmp(&before, &d.ring[0], sizeof(before)), 0);
	guest_stop(&d.guest);
}

static void nothing_written_has_no_write_flag(void)
{
	struct virtio_gpu_update_cursor move = {.hdr.type = VIRTIO_GPU_CMD_MOVE_CURSOR};
	struct driver d;

	driver_start(&d, FEATURES);
	memcpy(d.guest.ram + GUEST_REQUEST, &move, sizeof(move));
	struct vring_packed_desc *ring = (void *)d.guest.desc[1];
	ring[0] = (struct vring_packed_desc){REQUEST, sizeof(move), 9, AVAIL};
	guest_write(&d.guest, VIRTIO_MMIO_QUEUE_NOTIFY, 1);
	CU_ASSERT_EQUAL(ring[0].flags, AVAIL | USED);
	CU_ASSERT_EQUAL(ring[0].id, 9);
	CU_ASSERT_EQUAL(ring[0].len, 0);
	guest_stop(&d.guest);
}

static void tables_in_sequence(void)
{
	struct driver d;

	driver_start(&d, FEATURES);
	struct vring_packed_desc *table = (void *)(d.guest.ram + GUEST_REQUEST + TABLE);
	/* whatever else is in a table's descriptors, and WRITE on the table itself */
	table[0] = (struct vring_packed_desc){REQUEST, 24, 77, INDIRECT | AVAIL};
	table[1] = (struct vring_packed_desc){RESPONSE, 8, 78, NEXT | WRITE | USED};
	table[2] = (struct vring_packed_desc){RESPONSE + 8, ROOM - 8, 79, WRITE};
	add_info(&d, 4);
	take_back(&d);
	unsigned int slot = add(&d, REQUEST + TABLE, 3 * 16, INDIRECT | WRITE, 5);
	kick(&d);
	expect_used(&d, slot, true, 5, ROOM);
	CU_ASSERT_EQUAL(guest_response(&d.guest)->type, VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	CU_ASSERT_EQUAL(guest_response(&d.guest)->fence_id, 0);
	/* the next one is in the slot after it */
	ask_info(&d, 6);
	guest_stop(&d.guest);
}

static void expect_broken(struct driver *d, enum vgpu_violation violation)
{
	kick(d);
	CU_ASSERT_TRUE(vgpu_device_needs_reset(d->guest.device));
	CU_ASSERT_EQUAL(vgpu_device_violations(d->guest.device)[violation], 1);
	CU_ASSERT_EQUAL(guest_read(&d->guest, VIRTIO_MMIO_STATUS), 0x4f);
	guest_init_device(&d->guest, FEATURES);
	take_queue(d, GUEST_QUEUE_SIZE);
	ask_info(d, 1);
	guest_stop(&d->guest);
}

static void broken_chains(void)
{
	struct driver d;

	/* without an end (VG-PAK-015) */
	driver_start(&d, FEATURES);
	for (unsigned int i = 0; i < GUEST_QUEUE_SIZE; i++)
		add(&d, REQUEST, 8, NEXT, 0);
	expect_broken(&d, VGPU_VIOLATION_BAD_CHAIN);
	/* a part that is not available */
	driver_start(&d, FEATURES);
	add_info(&d, 0);
	d.ring[1].flags = WRITE;
	expect_broken(&d, VGPU_VIOLATION_BAD_CHAIN);
	/* readable after writable (VG-FRM-011) */
	driver_start(&d, FEATURES);
	add(&d, RESPONSE, ROOM, NEXT | WRITE, 0);
	add(&d, REQUEST, 24, 0, 0);
	expect_broken(&d, VGPU_VIOLATION_CHAIN_ORDER);
	/* a table in a chain (VG-PAK-014), at its end and at its begin */
	driver_start(&d, FEATURES);
	add(&d, REQUEST, 24, NEXT, 0);
	add(&d, REQUEST + TABLE, 16, INDIRECT, 0);
	expect_broken(&d, VGPU_VIOLATION_BAD_CHAIN);
	driver_start(&d, FEATURES);
	add(&d, REQUEST + TABLE, 16, INDIRECT | NEXT, 0);
	add(&d, RESPONSE, ROOM, WRITE, 0);
	expect_broken(&d, VGPU_VIOLATION_BAD_CHAIN);
}

static void broken_tables(void)
{
	static const uint32_t lengths[] = {0, 31, 0xfffffff0u, 65537u * 16};
	struct driver d;

	for (unsigned int i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		driver_start(&d, FEATURES);
		add(&d, REQUEST + TABLE, lengths[i], INDIRECT, 0);
		expect_broken(&d, VGPU_VIOLATION_BAD_CHAIN);
	}
	driver_start(&d, FEATURES);
	add(&d, 0xfffffffffffffff0ull, 32, INDIRECT, 0);
	expect_broken(&d, VGPU_VIOLATION_BAD_ADDRESS);
	driver_start(&d, FEATURES);
	struct vring_packed_desc *table = (void *)(d.guest.ram + GUEST_REQUEST + TABLE);
	table[0] = (struct vring_packed_desc){RESPONSE, 24, 0, WRITE};
	table[1] = (struct vring_packed_desc){REQUEST, 24, 0, 0};
	add(&d, REQUEST + TABLE, 32, INDIRECT, 0);
	expect_broken(&d, VGPU_VIOLATION_CHAIN_ORDER);
}

static void memory_that_is_not_there(void)
{
	struct driver d;

	driver_start(&d, FEATURES);
	unsigned int slot = add(&d, GUEST_RAM - 8, 24, NEXT, 0);
	add(&d, RESPONSE, ROOM, WRITE, 2);
	kick(&d);
	expect_used(&d, slot, true, 2, 24);
	CU_ASSERT_EQUAL(guest_response(&d.guest)->type, VIRTIO_GPU_RESP_ERR_UNSPEC);
	slot = add_info(&d, 3);
	d.ring[slot + 1].addr = UINT64_MAX - 4;
	kick(&d);
	expect_used(&d, slot, true, 3, 0);
	guest_stop(&d.guest);
}

static void a_table_without_the_feature_works_and_is_counted(void)
{
	struct driver d;

	driver_start(&d, 1ull << 32 | 1ull << VIRTIO_F_RING_PACKED);
	add_info(&d, 4);
	struct vring_packed_desc *table = (void *)(d.guest.ram + GUEST_REQUEST + TABLE);
	memcpy(table, d.ring, 2 * sizeof(*table));
	take_back(&d);
	add(&d, REQUEST + TABLE, 32, INDIRECT, 5);
	kick(&d);
	expect_used(&d, 0, true, 5, ROOM);
	CU_ASSERT_EQUAL(vgpu_device_violations(d.guest.device)[VGPU_VIOLATION_INDIRECT_UNAGREED],
			1);
	guest_stop(&d.guest);
}

static void interrupts_as_the_driver_wishes(void)
{
	struct driver d;

	driver_start(&d, FEATURES);
	d.wish->flags = VRING_PACKED_EVENT_FLAG_DISABLE;
	CU_ASSERT_FALSE(interrupts(&d)); /* VG-PAK-016 */
	d.wish->flags = VRING_PACKED_EVENT_FLAG_ENABLE;
	CU_ASSERT_TRUE(interrupts(&d));
	/* one slot alone cannot be asked for without EVENT_IDX */
	d.wish->flags = VRING_PACKED_EVENT_FLAG_DESC;
	CU_ASSERT_TRUE(interrupts(&d));
	CU_ASSERT_TRUE(interrupts(&d));
	guest_stop(&d.guest);
}

static void interrupt_at_a_slot(void)
{
	struct driver d;

	driver_start(&d, FEATURES | EVENT_IDX);
	d.wish->flags = VRING_PACKED_EVENT_FLAG_DESC;
	d.wish->off_wrap = 14;
	/* the first answer always notifies, as with split rings */
	CU_ASSERT_TRUE(interrupts(&d));
	/* each takes two of 16 slots: passed at the eighth, the tenth and so on */
	d.wish->off_wrap = (uint16_t)(7 | 1 << 15);
	CU_ASSERT_FALSE(interrupts(&d)); /* 2, 3 */
	CU_ASSERT_FALSE(interrupts(&d));
	CU_ASSERT_TRUE(interrupts(&d)); /* 6, 7 (VG-PAK-017) */
	CU_ASSERT_FALSE(interrupts(&d));
	/* the same slot in the lap after */
	d.wish->off_wrap = 4;
	for (unsigned int i = 10; i < 16 + 4; i += 2)
		CU_ASSERT_FALSE(interrupts(&d));
	CU_ASSERT_TRUE(interrupts(&d));
	/* a slot that is none, and flags that are none (VG-PAK-018) */
	d.wish->off_wrap = GUEST_QUEUE_SIZE;
	CU_ASSERT_TRUE(interrupts(&d));
	d.wish->flags = 3;
	CU_ASSERT_TRUE(interrupts(&d));
	d.wish->flags = VRING_PACKED_EVENT_FLAG_DISABLE | 0x40;
	CU_ASSERT_FALSE(interrupts(&d));
	guest_stop(&d.guest);
}

static int expect_quiet(void *opaque)
{
	struct driver *d = opaque;

	/* while a chain is with the device */
	CU_ASSERT_EQUAL(d->offer->flags, VRING_PACKED_EVENT_FLAG_DISABLE);
	return 0;
}

static void device_says_when_it_wants_to_know(void)
{
	static const struct vgpu_display_ops ops = {.refresh = expect_quiet};
	struct driver d;

	driver_start(&d, FEATURES);
	vgpu_device_set_display(d.guest.device, &ops, &d);
	CU_ASSERT_EQUAL(d.offer->flags, VRING_PACKED_EVENT_FLAG_ENABLE);
	ask_info(&d, 0);
	CU_ASSERT_EQUAL(d.offer->flags, VRING_PACKED_EVENT_FLAG_ENABLE);
	guest_stop(&d.guest);

	driver_start(&d, FEATURES | EVENT_IDX);
	driver_resize(&d, 3);
	for (unsigned int i = 0; i < 7; i++) {
		uint16_t next = (uint16_t)(d.next | (d.wrap ? 1u << 15 : 0));

		CU_ASSERT_EQUAL(d.offer->flags, VRING_PACKED_EVENT_FLAG_DESC);
		CU_ASSERT_EQUAL(d.offer->off_wrap, next);
		ask_info(&d, 0);
	}
	guest_stop(&d.guest);
}

static void queue_begins_where_it_is_told(void)
{
	struct driver d;

	driver_start(&d, FEATURES);
	struct vgpu_queue_info info = {.ready = true,
				       .size = 5,
				       .desc = GUEST_RAM + 0x1000,
				       .driver = GUEST_RAM + 0x2000,
				       .device = GUEST_RAM + 0x3000};
	CU_ASSERT_EQUAL(vgpu_first_index(FEATURES), 0x80008000);
	CU_ASSERT_EQUAL(vgpu_device_queue_index(d.guest.device, 0), 0x80008000);
	take_queue(&d, 5);
	/* slot 4 of the second lap */
	CU_ASSERT_EQUAL(vgpu_device_set_queue(d.guest.device, 0, &info, 0x00040004), 0);
	d.next = 4;
	d.wrap = false;
	ask_info(&d, 1);
	CU_ASSERT_EQUAL(vgpu_device_queue_index(d.guest.device, 0), 0x80018001);
	/* indices past the ring, and addresses that are not aligned */
	CU_ASSERT_EQUAL(vgpu_device_set_queue(d.guest.device, 0, &info, 5), -EINVAL);
	CU_ASSERT_EQUAL(vgpu_device_set_queue(d.guest.device, 0, &info, 0x80058000), -EINVAL);
	info.driver += 2;
	CU_ASSERT_EQUAL(vgpu_device_set_queue(d.guest.device, 0, &info, 0), -EINVAL);
	info.driver -= 2;
	info.device = GUEST_RAM + GUEST_RAM_SIZE;
	CU_ASSERT_EQUAL(vgpu_device_set_queue(d.guest.device, 0, &info, 0), -EFAULT);
	guest_stop(&d.guest);
}

/* A driver may say which features it accepts after it has made its queues ready. */
static void format_agreed_late(void)
{
	struct driver d;

	driver_start(&d, GUEST_FEATURES);
	CU_ASSERT_EQUAL(guest_create(&d.guest, 1, 1, 4, 4), VIRTIO_GPU_RESP_OK_NODATA);
	memset(d.ring, 0, 16ull * GUEST_QUEUE_SIZE);
	guest_write(&d.guest, VIRTIO_MMIO_STATUS, 3);
	guest_write(&d.guest, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	guest_write(&d.guest, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(FEATURES >> 32));
	guest_write(&d.guest, VIRTIO_MMIO_STATUS, 15);
	ask_info(&d, 1);
	guest_stop(&d.guest);
}

static int not_yet(void *opaque)
{
	(void)opaque;
	return -EINPROGRESS;
}

static void waits_for_the_display(void)
{
	static const struct vgpu_display_ops ops = {.refresh = not_yet};
	struct driver d;

	driver_start(&d, FEATURES);
	driver_resize(&d, 3);
	ask_info(&d, 0);
	vgpu_device_set_display(d.guest.device, &ops, NULL);
	/* over the end of the ring, held, and put back */
	unsigned int slot = add_info(&d, 1);
	uint16_t flags = d.ring[slot].flags;
	kick(&d);
	kick(&d);
	CU_ASSERT_EQUAL(d.ring[slot].flags, flags);
	CU_ASSERT_EQUAL(vgpu_device_queue_index(d.guest.device, 0), 0x80028002);
	vgpu_device_refreshed(d.guest.device);
	expect_used(&d, slot, true, 1, ROOM);
	CU_ASSERT_EQUAL(vgpu_device_queue_index(d.guest.device, 0), 0x00010001);
	guest_stop(&d.guest);
}

/* Descriptors at random: nothing that a sanitizer would see, and every call returns. */
static void hostile_rings(void)
{
	uint64_t state = 0x9e3779b97f4a7c15ull;
	struct driver d;

	driver_start(&d, FEATURES | EVENT_IDX);
	for (unsigned int round = 0; round < 20000; round++) {
		if (vgpu_device_needs_reset(d.guest.device))
			guest_init_device(&d.guest, FEATURES | (round & 1 ? EVENT_IDX : 0));
		for (unsigned int i = 0; i < GUEST_QUEUE_SIZE; i++) {
			state = state * 6364136223846793005ull + 1442695040888963407ull;
			uint32_t r = (uint32_t)(state >> 32);

			d.ring[i] = (struct vring_packed_desc){
				.addr = GUEST_RAM + r % (GUEST_RAM_SIZE + 64),
				.len = r % 7 == 0 ? 16 * (r >> 24) : r >> (r % 32),
				.id = (uint16_t)(r >> 5),
				.flags = (uint16_t)(r >> 13),
			};
		}
		d.wish->flags = (uint16_t)(state >> 20);
		d.wish->off_wrap = (uint16_t)(state >> 40);
		kick(&d);
	}
	guest_init_device(&d.guest, FEATURES);
	take_queue(&d, GUEST_QUEUE_SIZE);
	ask_info(&d, 1);
	guest_stop(&d.guest);
}

static const struct unit_test tests[] = {
	{"VG-PAK-003 laps of queues of any size", laps_of_any_size},
	{"VG-PAK-008 only what the driver made available", only_what_the_driver_made_available},
	{"VG-PAK-011 nothing written has no WRITE flag", nothing_written_has_no_write_flag},
	{"VG-PAK-012 tables in sequence", tables_in_sequence},
	{"VG-PAK-015 broken chains need a reset", broken_chains},
	{"VG-PAK-014 broken tables need a reset", broken_tables},
	{"VG-FRM-015 memory that is not there, packed", memory_that_is_not_there},
	{"VG-IND-007 a packed table without the feature works and is counted",
	 a_table_without_the_feature_works_and_is_counted},
	{"VG-PAK-016 interrupts as the driver wishes, packed", interrupts_as_the_driver_wishes},
	{"VG-PAK-017 an interrupt at a slot", interrupt_at_a_slot},
	{"VG-PAK-019 the device says when it wants to know", device_says_when_it_wants_to_know},
	{"a packed queue begins where it is told", queue_begins_where_it_is_told},
	{"the format may be agreed to late", format_agreed_late},
	{"a packed request waits for the display", waits_for_the_display},
	{"hostile packed rings", hostile_rings},
	{NULL, NULL},
};

const struct unit_suite packed_suite = {"packed", tests};
