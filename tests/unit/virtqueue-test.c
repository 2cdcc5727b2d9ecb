/* SPDX-License-Identifier: MIT */
/* Chains cut in every way that is allowed, and in those that are not. */
#include "guest.h"
#include "unit.h"

#include <errno.h>
#include <linux/virtio_mmio.h>
#include <string.h>
#include <time.h>

extern const struct unit_suite virtqueue_suite;

#define NEXT	 VRING_DESC_F_NEXT
#define WRITE	 VRING_DESC_F_WRITE
#define INDIRECT VRING_DESC_F_INDIRECT
#define REQUEST	 (GUEST_RAM + GUEST_REQUEST)
#define RESPONSE (GUEST_RAM + GUEST_RESPONSE)

static const struct virtio_gpu_resource_create_2d create = {
	.hdr = {.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_2D,
		.flags = VIRTIO_GPU_FLAG_FENCE,
		.fence_id = 0x1122334455667788ull},
	.resource_id = 1,
	.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
	.width = 16,
	.height = 16};

static void put_request(struct guest *guest, uint32_t offset)
{
	memcpy(guest->ram + GUEST_REQUEST + offset, &create, sizeof(create));
	memset(guest->ram + GUEST_RESPONSE, 0xaa, 64);
}

static void expect_created(struct guest *guest, int64_t used)
{
	CU_ASSERT_EQUAL(used, 24);
	CU_ASSERT_EQUAL(guest_response(guest)->type, VIRTIO_GPU_RESP_OK_NODATA);
	CU_ASSERT_EQUAL(guest_response(guest)->fence_id, create.hdr.fence_id);
	CU_ASSERT_EQUAL(guest->ram[GUEST_RESPONSE + 24], 0xaa);
	CU_ASSERT_FALSE(vgpu_device_needs_reset(guest->device));
}

static void expect_broken(struct guest *guest, int64_t used, enum vgpu_violation violation)
{
	CU_ASSERT_EQUAL(used, -1);
	CU_ASSERT_TRUE(vgpu_device_needs_reset(guest->device));
	CU_ASSERT_EQUAL(vgpu_device_violations(guest->device)[violation], 1);
	CU_ASSERT_EQUAL(guest_read(guest, VIRTIO_MMIO_STATUS), 0x4f);
	CU_ASSERT_EQUAL(guest_read(guest, VIRTIO_MMIO_INTERRUPT_STATUS) & 2, 2);
	/* neither queue goes on, whatever the driver says */
	guest_write(guest, VIRTIO_MMIO_STATUS, 15);
	CU_ASSERT_EQUAL(guest_read(guest, VIRTIO_MMIO_STATUS), 0x4f);
	guest_set_desc(guest, 1, 0, REQUEST, 24, 0, 0);
	CU_ASSERT_EQUAL(guest_offer(guest, 1, 0), -1);
	/* VG-STA-010 */
	guest_init_device(guest, GUEST_FEATURES);
	CU_ASSERT_EQUAL(guest_create(guest, 9, 1, 16, 16), VIRTIO_GPU_RESP_OK_NODATA);
}

static void pieces_of_any_size(void)
{
	struct guest guest;

	guest_start(&guest);
	put_request(&guest, 0);
	/* 24+16, answered in 10+14 (VG-FRM-001, VG-FRM-002) */
	guest_set_desc(&guest, 0, 0, REQUEST, 24, NEXT, 1);
	guest_set_desc(&guest, 0, 1, REQUEST + 24, 16, NEXT, 2);
	guest_set_desc(&guest, 0, 2, RESPONSE, 10, NEXT | WRITE, 3);
	guest_set_desc(&guest, 0, 3, RESPONSE + 10, 14, WRITE, 0);
	expect_created(&guest, guest_offer(&guest, 0, 0));

	/* one byte each, through an indirect table, with an empty one among them */
	guest_unref(&guest, 1);
	put_request(&guest, 0);
	struct vring_desc *table = (void *)(guest.ram + GUEST_REQUEST + 0x1000);
	for (unsigned int i = 0; i < 65; i++) {
		bool request = i < 40;

		table[i] = (struct vring_desc){.addr = request ? REQUEST + i
							       : RESPONSE + (i > 40 ? i - 41 : 0),
					       .len = i == 40 ? 0 : 1,
					       .flags = (request ? 0 : WRITE) | (i < 64 ? NEXT : 0),
					       .next = (uint16_t)(i + 1)};
	}
	guest_set_desc(&guest, 0, 5, REQUEST + 0x1000, 65 * 16, INDIRECT, 0);
	expect_created(&guest, guest_offer(&guest, 0, 5));
	guest_stop(&guest);
}

static void request_and_table_across_a_seam(void)
{
	struct guest guest;
	uint32_t seam = 0x1800;

	guest_start(&guest);
	put_request(&guest, seam - 20);
	guest_set_desc(&guest, 0, 0, REQUEST + seam - 20, 40, NEXT, 1);
	guest_set_desc(&guest, 0, 1, RESPONSE, 24, WRITE, 0);
	expect_created(&guest, guest_offer(&guest, 0, 0));

	guest_unref(&guest, 1);
	put_request(&guest, 0);
	/* VG-IND-010, VG-IND-011: odd address, over the seam */
	struct vring_desc table[2] = {{.addr = REQUEST, .len = 40, .flags = NEXT, .next = 1},
				      {.addr = RESPONSE, .len = 24, .flags = WRITE}};
	memcpy(guest.ram + GUEST_REQUEST + seam - 17, table, sizeof(table));
	guest_set_desc(&guest, 0, 0, REQUEST + seam - 17, sizeof(table), INDIRECT, 0);
	expect_created(&guest, guest_offer(&guest, 0, 0));
	guest_stop(&guest);
}

static void direct_descriptors_before_an_indirect_tail(void)
{
	struct guest guest;

	guest_start(&guest);
	put_request(&guest, 0);
	struct vring_desc *table = (void *)(guest.ram + GUEST_REQUEST + 0x1000);
	table[0] = (struct vring_desc){.addr = REQUEST + 24, .len = 16, .flags = NEXT, .next = 1};
	table[1] = (struct vring_desc){.addr = RESPONSE, .len = 24, .flags = WRITE};
	guest_set_desc(&guest, 0, 0, REQUEST, 24, NEXT, 1);
	/* WRITE here is ignored (VG-IND-002), and the rest is VG-IND-003 */
	guest_set_desc(&guest, 0, 1, REQUEST + 0x1000, 32, INDIRECT | WRITE, 0);
	expect_created(&guest, guest_offer(&guest, 0, 0));
	guest_stop(&guest);
}

static void indirect_without_the_feature_works_and_is_counted(void)
{
	struct guest guest;

	guest_start_with(&guest, 1, 1ull << 32, 0);
	put_request(&guest, 0);
	struct vring_desc *table = (void *)(guest.ram + GUEST_REQUEST + 0x1000);
	table[0] = (struct vring_desc){.addr = REQUEST, .len = 40, .flags = NEXT, .next = 1};
	table[1] = (struct vring_desc){.addr = RESPONSE, .len = 24, .flags = WRITE};
	guest_set_desc(&guest, 0, 0, REQUEST + 0x1000, 32, INDIRECT | NEXT, 7);
	expect_created(&guest, guest_offer(&guest, 0, 0));
	CU_ASSERT_EQUAL(vgpu_device_violations(guest.device)[VGPU_VIOLATION_INDIRECT_UNAGREED], 1);
	guest_stop(&guest);
}

static void broken_chains(void)
{
	struct guest guest;

	guest_start(&guest);
	put_request(&guest, 0);
	/* a loop (VG-SPL-009) */
	guest_set_desc(&guest, 0, 0, REQUEST, 24, NEXT, 1);
	guest_set_desc(&guest, 0, 1, REQUEST, 24, NEXT, 0);
	expect_broken(&guest, guest_offer(&guest, 0, 0), VGPU_VIOLATION_BAD_CHAIN);
	guest_stop(&guest);

	guest_start(&guest);
	/* next out of range (VG-SPL-008) */
	guest_set_desc(&guest, 0, 0, REQUEST, 24, NEXT, GUEST_QUEUE_SIZE);
	expect_broken(&guest, guest_offer(&guest, 0, 0), VGPU_VIOLATION_BAD_CHAIN);
	guest_stop(&guest);

	guest_start(&guest);
	/* readable after writable (VG-FRM-011) */
	guest_set_desc(&guest, 0, 0, RESPONSE, 24, NEXT | WRITE, 1);
	guest_set_desc(&guest, 0, 1, REQUEST, 40, 0, 0);
	expect_broken(&guest, guest_offer(&guest, 0, 0), VGPU_VIOLATION_CHAIN_ORDER);
	guest_stop(&guest);
}

static void broken_tables(void)
{
	static const uint32_t lengths[] = {0, 31, 0xfffffff0u, 65537u * 16};
	struct guest guest;

	for (unsigned int i = 0; i < sizeof(lengths) / sizeof(lengths[0]); i++) {
		guest_start(&guest);
		guest_set_desc(&guest, 0, 0, REQUEST, lengths[i], INDIRECT, 0);
		expect_broken(&guest, guest_offer(&guest, 0, 0), VGPU_VIOLATION_BAD_CHAIN);
		guest_stop(&guest);
	}
	guest_start(&guest);
	struct vring_desc *table = (void *)(guest.ram + GUEST_REQUEST);
	/* a table in a table (VG-IND-005) */
	table[0] = (struct vring_desc){.addr = REQUEST, .len = 16, .flags = INDIRECT};
	guest_set_desc(&guest, 0, 0, REQUEST, 16, INDIRECT, 0);
	expect_broken(&guest, guest_offer(&guest, 0, 0), VGPU_VIOLATION_BAD_CHAIN);
	guest_stop(&guest);

	guest_start(&guest);
	table = (void *)(guest.ram + GUEST_REQUEST);
	/* a loop in the table (VG-IND-009) */
	table[0] = (struct vring_desc){.addr = REQUEST, .len = 1, .flags = NEXT, .next = 0};
	guest_set_desc(&guest, 0, 0, REQUEST, 16, INDIRECT, 0);
	expect_broken(&guest, guest_offer(&guest, 0, 0), VGPU_VIOLATION_BAD_CHAIN);
	guest_stop(&guest);

	guest_start(&guest);
	guest_set_desc(&guest, 0, 0, 0xfffffffffffffff0ull, 32, INDIRECT, 0);
	expect_broken(&guest, guest_offer(&guest, 0, 0), VGPU_VIOLATION_BAD_ADDRESS);
	guest_stop(&guest);
}

static void broken_available_ring(void)
{
	struct guest guest;

	guest_start(&guest);
	expect_broken(&guest, guest_offer(&guest, 0, 500), VGPU_VIOLATION_BAD_AVAIL);
	guest_stop(&guest);

	guest_start(&guest);
	guest.avail[0]->idx += 100; /* VG-SPL-010 */
	expect_broken(&guest, guest_offer(&guest, 0, 0), VGPU_VIOLATION_BAD_AVAIL);
	guest_stop(&guest);

	guest_start(&guest);
	guest.avail[0]->idx -= 2; /* VG-SPL-011 */
	expect_broken(&guest, guest_offer(&guest, 0, 0), VGPU_VIOLATION_BAD_AVAIL);
	guest_stop(&guest);
}

static void memory_that_is_not_there(void)
{
	static const uint64_t addresses[] = {0, 0xfffffffffff00000ull, UINT64_MAX,
					     GUEST_RAM + GUEST_RAM_SIZE};
	struct guest guest;

	guest_start(&guest);
	for (unsigned int i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++) {
		/* VG-FRM-015 */
		guest_set_desc(&guest, 0, 0, addresses[i], 40, NEXT, 1);
		guest_set_desc(&guest, 0, 1, RESPONSE, 24, WRITE, 0);
		CU_ASSERT_EQUAL(guest_offer(&guest, 0, 0), 24);
		CU_ASSERT_EQUAL(guest_response(&guest)->type, VIRTIO_GPU_RESP_ERR_UNSPEC);
		/* VG-FRM-016: what cannot be written is not reported as written */
		put_request(&guest, 0);
		guest_set_desc(&guest, 0, 0, REQUEST, 40, NEXT, 1);
		guest_set_desc(&guest, 0, 1, addresses[i], 24, WRITE, 0);
		CU_ASSERT_EQUAL(guest_offer(&guest, 0, 0), 0);
		CU_ASSERT_EQUAL(guest_unref(&guest, 1), VIRTIO_GPU_RESP_OK_NODATA);
	}
	CU_ASSERT_EQUAL(vgpu_device_violations(guest.device)[VGPU_VIOLATION_BAD_ADDRESS], 8);
	/* length up to the end of the address space (VG-FRM-018) */
	put_request(&guest, 0);
	guest_set_desc(&guest, 0, 0, REQUEST, UINT32_MAX, NEXT, 1);
	guest_set_desc(&guest, 0, 1, RESPONSE, UINT32_MAX, WRITE, 0);
	expect_created(&guest, guest_offer(&guest, 0, 0));
	guest_stop(&guest);
}

static void interrupts_as_the_driver_wishes(void)
{
	struct guest guest;

	guest_start(&guest);
	put_request(&guest, 0);
	guest.avail[0]->flags = VRING_AVAIL_F_NO_INTERRUPT;
	guest_create(&guest, 1, 1, 16, 16);
	CU_ASSERT_EQUAL(guest.interrupts, 0); /* VG-SPL-015 */
	guest.avail[0]->flags = 0;
	guest_create(&guest, 2, 1, 16, 16);
	CU_ASSERT_EQUAL(guest.interrupts, 1);
	CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_INTERRUPT_STATUS), 1);
	guest_write(&guest, VIRTIO_MMIO_INTERRUPT_ACK, 1);
	CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	guest_stop(&guest);
}

static void event_index(void)
{
	struct guest guest;

	guest_start_with(&guest, 1, GUEST_FEATURES | 1ull << VIRTIO_RING_F_EVENT_IDX, 0);
	uint16_t *used_event = &guest.avail[0]->ring[GUEST_QUEUE_SIZE];
	const uint16_t *avail_event = (const void *)&guest.used[0]->ring[GUEST_QUEUE_SIZE];

	guest.avail[0]->flags = VRING_AVAIL_F_NO_INTERRUPT; /* ignored (VG-EVI-003) */
	*used_event = 0;
	guest_create(&guest, 1, 1, 16, 16);
	CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_INTERRUPT_STATUS), 1);
	guest_write(&guest, VIRTIO_MMIO_INTERRUPT_ACK, 1);
	CU_ASSERT_EQUAL(*avail_event, 1); /* VG-EVI-005 */
	*used_event = 0;		  /* already passed (VG-EVI-002) */
	guest_create(&guest, 2, 1, 16, 16);
	CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	*used_event = 2; /* the next (VG-EVI-001) */
	guest_create(&guest, 3, 1, 16, 16);
	CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_INTERRUPT_STATUS), 1);
	CU_ASSERT_EQUAL(guest.used[0]->flags, 0); /* VG-EVI-004 */
	guest_stop(&guest);
}

/* Memory of a zone that restarts is as it was, and virtio-drivers 0.11 clears none of it. */
static void stale_event_index(void)
{
	const uint64_t features = GUEST_FEATURES | 1ull << VIRTIO_RING_F_EVENT_IDX;
	struct guest guest;

	guest_start_with(&guest, 1, features, 0);
	uint16_t *avail_event = (void *)&guest.used[0]->ring[GUEST_QUEUE_SIZE];

	guest_write(&guest, VIRTIO_MMIO_QUEUE_SEL, 0);
	guest_write(&guest, VIRTIO_MMIO_QUEUE_READY, 0);
	guest.used[0]->idx = 15;
	*avail_event = 15;
	guest_write(&guest, VIRTIO_MMIO_QUEUE_READY, 1);
	CU_ASSERT_EQUAL(guest.used[0]->idx, 0);
	CU_ASSERT_EQUAL(*avail_event, 0);
	guest_stop(&guest);
}

/* The event index lies behind each ring; a driver may agree to it after it has set them up. */
static void event_index_agreed_late(void)
{
	static const struct virtio_gpu_ctrl_hdr request = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	uint32_t avail = GUEST_RAM_SIZE - 4 - 2 * GUEST_QUEUE_SIZE;
	uint32_t used = GUEST_RAM_SIZE - 4 - 8 * GUEST_QUEUE_SIZE;

	for (int i = 0; i < 2; i++) {
		struct guest guest;

		guest_start_with(&guest, 1, 0, 0);
		guest_write(&guest, VIRTIO_MMIO_QUEUE_SEL, 0);
		guest_write(&guest, VIRTIO_MMIO_QUEUE_READY, 0);
		if (i == 0) {
			guest.avail[0] = (void *)(guest.ram + avail);
			guest_write(&guest, VIRTIO_MMIO_QUEUE_AVAIL_LOW, GUEST_RAM + avail);
		} else {
			guest.used[0] = (void *)(guest.ram + used);
			guest_write(&guest, VIRTIO_MMIO_QUEUE_USED_LOW, GUEST_RAM + used);
		}
		guest_write(&guest, VIRTIO_MMIO_QUEUE_READY, 1);
		/* the ring ends where the memory ends, which is fine without the index */
		CU_ASSERT_EQUAL(guest_send(&guest, 0, &request, sizeof(request), 408), 408);
		guest_write(&guest, VIRTIO_MMIO_STATUS, 3);
		guest_write(&guest, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
		guest_write(&guest, VIRTIO_MMIO_DRIVER_FEATURES, 1u << VIRTIO_RING_F_EVENT_IDX);
		guest_write(&guest, VIRTIO_MMIO_STATUS, 15);
		CU_ASSERT_EQUAL(guest_send(&guest, 0, &request, sizeof(request), 408), -1);
		guest_stop(&guest);
	}
}

/* Aligned for the guest is not aligned here if the memory is mapped at an odd offset. */
static void rings_at_an_odd_place_of_this_process(void)
{
	const uint64_t odd = 0x80000000;
	struct guest guest;

	guest_start(&guest);
	CU_ASSERT_EQUAL(vgpu_mem_map_add(guest.map, odd, 0x10000, guest.ram + GUEST_PIXELS + 1), 0);
	struct vgpu_queue_info info = {.ready = true,
				       .size = GUEST_QUEUE_SIZE,
				       .desc = odd,
				       .driver = odd + 0x1000,
				       .device = odd + 0x2000};
	CU_ASSERT_EQUAL(vgpu_device_set_queue(guest.device, 0, &info, 0), -EFAULT);
	guest_stop(&guest);
}

static void first_answer_always_notifies(void)
{
	struct guest guest;

	guest_start_with(&guest, 1, GUEST_FEATURES | 1ull << VIRTIO_RING_F_EVENT_IDX, 0);
	for (int i = 0; i < 2; i++) {
		/* passed already, as it seems */
		guest.avail[0]->ring[GUEST_QUEUE_SIZE] = 1;
		guest_create(&guest, 1 + 2 * i, 1, 16, 16);
		CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_INTERRUPT_STATUS), 1);
		guest_write(&guest, VIRTIO_MMIO_INTERRUPT_ACK, 1);
		guest.avail[0]->ring[GUEST_QUEUE_SIZE] = 100;
		guest_create(&guest, 2 + 2 * i, 1, 16, 16);
		CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
		/* and so again once the queue was off */
		guest.avail[0]->idx = 0;
		guest_write(&guest, VIRTIO_MMIO_QUEUE_SEL, 0);
		guest_write(&guest, VIRTIO_MMIO_QUEUE_READY, 0);
		guest_write(&guest, VIRTIO_MMIO_QUEUE_READY, 1);
	}
	guest_stop(&guest);
}

static struct vgpu_queue_info queue_of(const struct guest *guest)
{
	return (struct vgpu_queue_info){
		.ready = true,
		.size = GUEST_QUEUE_SIZE,
		.desc = GUEST_RAM + (uint64_t)((uint8_t *)guest->desc[0] - guest->ram),
		.driver = GUEST_RAM + (uint64_t)((uint8_t *)guest->avail[0] - guest->ram),
		.device = GUEST_RAM + (uint64_t)((uint8_t *)guest->used[0] - guest->ram)};
}

static void queue_begins_where_it_is_told(void)
{
	static const struct virtio_gpu_ctrl_hdr request = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};
	struct guest guest;

	guest_start(&guest);
	struct vgpu_queue_info info = queue_of(&guest);
	/* an earlier driver's leavings */
	guest.used[0]->flags = 1;
	guest.used[0]->idx = 77;
	CU_ASSERT_EQUAL(vgpu_device_set_queue(guest.device, 0, &info, 7), 0);
	CU_ASSERT_EQUAL(guest.used[0]->flags, 0);
	CU_ASSERT_EQUAL(guest.used[0]->idx, 7);
	guest.avail[0]->idx = 7;
	CU_ASSERT_EQUAL(guest_send(&guest, 0, &request, sizeof(request), 408), 408);
	CU_ASSERT_EQUAL(guest.used[0]->idx, 8);
	CU_ASSERT_EQUAL(vgpu_device_queue_index(guest.device, 0), 8);
	guest_stop(&guest);
}

static void misaligned_rings_are_refused(void)
{
	struct guest guest;

	guest_start(&guest);
	struct vgpu_queue_info info = queue_of(&guest);
	info.desc += 8;
	CU_ASSERT_EQUAL(vgpu_device_set_queue(guest.device, 0, &info, 0), -EINVAL);
	info = queue_of(&guest);
	info.driver += 1;
	CU_ASSERT_EQUAL(vgpu_device_set_queue(guest.device, 0, &info, 0), -EINVAL);
	info = queue_of(&guest);
	info.device += 2;
	CU_ASSERT_EQUAL(vgpu_device_set_queue(guest.device, 0, &info, 0), -EINVAL);
	info = queue_of(&guest);
	CU_ASSERT_EQUAL(vgpu_device_set_queue(guest.device, VGPU_NUM_QUEUES, &info, 0), -EINVAL);
	CU_ASSERT_EQUAL(vgpu_device_set_queue(guest.device, 0, &info, 0), 0);
	/* nor does a reset leave one running (VG-STA-005) */
	guest.avail[0]->idx++;
	vgpu_device_reset(guest.device);
	CU_ASSERT_EQUAL(vgpu_device_notify(guest.device, 0), 0);
	CU_ASSERT_EQUAL(guest.used[0]->idx, 0);
	guest_stop(&guest);
}

/* VG-FRM-003: as many descriptors as the queue has, and none more. */
static void chain_as_long_as_the_queue(void)
{
	struct guest guest;

	guest_start(&guest);
	put_request(&guest, 0);
	for (uint16_t i = 0; i < GUEST_QUEUE_SIZE - 1; i++)
		guest_set_desc(&guest, 0, i, REQUEST + i, i < 14 ? 1 : 26, NEXT, i + 1);
	guest_set_desc(&guest, 0, GUEST_QUEUE_SIZE - 1, RESPONSE, 24, WRITE, 0);
	expect_created(&guest, guest_offer(&guest, 0, 0));
	guest_stop(&guest);
}

static void bus_gets_its_turn(void)
{
	const struct vgpu_queue_info info = {.ready = true,
					     .size = 512,
					     .desc = GUEST_RAM + GUEST_PIXELS,
					     .driver = GUEST_RAM + GUEST_PIXELS + 0x4000,
					     .device = GUEST_RAM + GUEST_PIXELS + 0x8000};
	struct guest guest;

	guest_start(&guest);
	struct vring_avail *avail = (void *)(guest.ram + GUEST_PIXELS + 0x4000);
	CU_ASSERT_EQUAL(vgpu_device_set_queue(guest.device, 0, &info, 0), 0);
	avail->idx = VGPU_NOTIFY_MAX + 44;
	CU_ASSERT_EQUAL(vgpu_device_notify(guest.device, 0), VGPU_NOTIFY_MAX);
	CU_ASSERT_EQUAL(vgpu_device_notify(guest.device, 0), 44);
	CU_ASSERT_EQUAL(vgpu_device_notify(guest.device, 0), 0);
	guest_stop(&guest);
}

static void take_long(void *opaque, uint32_t scanout_id, const struct vgpu_rect *rect)
{
	(void)opaque;
	(void)scanout_id;
	(void)rect;
	nanosleep(&(struct timespec){.tv_nsec = 40000000}, NULL);
}

static void bus_gets_its_turn_from_slow_requests(void)
{
	static const struct vgpu_display_ops ops = {.flush = take_long};
	const struct vgpu_rect all = {.width = 8, .height = 8};
	const uint16_t num = 8;
	struct guest guest;

	guest_start(&guest);
	guest_show(&guest, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 8, 8);
	CU_ASSERT_EQUAL(guest_flush(&guest, 1, all), VIRTIO_GPU_RESP_OK_NODATA);
	vgpu_device_set_display(guest.device, &ops, NULL);
	/* The same flush again and again, whose chain is still there. */
	uint16_t begin = guest.used[0]->idx;
	for (uint16_t i = 0; i < num; i++)
		guest.avail[0]->ring[(begin + i) % GUEST_QUEUE_SIZE] =
			guest.avail[0]->ring[(begin - 1) % GUEST_QUEUE_SIZE];
	guest.avail[0]->idx += num;
	CU_ASSERT_EQUAL(vgpu_device_notify(guest.device, 0), VGPU_NOTIFY_MAX);
	CU_ASSERT_TRUE((uint16_t)(guest.used[0]->idx - begin) < num);
	while (vgpu_device_notify(guest.device, 0) == VGPU_NOTIFY_MAX)
		CU_ASSERT_TRUE((uint16_t)(guest.used[0]->idx - begin) < num);
	CU_ASSERT_EQUAL((uint16_t)(guest.used[0]->idx - begin), num);
	vgpu_device_set_display(guest.device, NULL, NULL);
	guest_stop(&guest);
}

static void indices_wrap_at_65536(void)
{
	static const struct virtio_gpu_ctrl_hdr nonsense = {.type = 0xdead};
	struct guest guest;
	bool all = true;

	guest_start(&guest);
	for (unsigned int i = 0; i < 70000; i++)
		all = all && guest_send(&guest, 0, &nonsense, sizeof(nonsense), 24) == 24;
	CU_ASSERT_TRUE(all);
	CU_ASSERT_EQUAL(guest.used[0]->idx, (uint16_t)70000);
	guest_stop(&guest);
}

static void batch_of_requests_is_answered_in_order(void)
{
	struct guest guest;

	guest_start(&guest);
	put_request(&guest, 0);
	for (uint16_t i = 0; i < 6; i++) {
		guest_set_desc(&guest, 0, 2 * i, REQUEST, 40, NEXT, 2 * i + 1);
		guest_set_desc(&guest, 0, 2 * i + 1, RESPONSE + 64u * i, 24, WRITE, 0);
		guest.avail[0]->ring[i] = 2 * i;
	}
	guest.avail[0]->idx = 6;
	guest_write(&guest, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
	CU_ASSERT_EQUAL(guest.used[0]->idx, 6);
	for (unsigned int i = 0; i < 6; i++)
		CU_ASSERT_EQUAL(guest.used[0]->ring[i].id, 2 * i);
	/* no driver could have acknowledged the first before the last */
	CU_ASSERT_EQUAL(vgpu_device_violations(guest.device)[VGPU_VIOLATION_NO_INTERRUPT_ACK], 0);
	guest_stop(&guest);
}

static const struct unit_test tests[] = {
	{"VG-FRM-001 chains in pieces of any size", pieces_of_any_size},
	{"VG-FRM-017 request and table across a seam of memory", request_and_table_across_a_seam},
	{"VG-IND-003 direct descriptors before an indirect tail",
	 direct_descriptors_before_an_indirect_tail},
	{"VG-IND-007 a table without the feature works and is counted",
	 indirect_without_the_feature_works_and_is_counted},
	{"VG-SPL-009 broken chains need a reset", broken_chains},
	{"VG-IND-004 broken tables need a reset", broken_tables},
	{"VG-SPL-007 a broken available ring needs a reset", broken_available_ring},
	{"VG-FRM-015 memory that is not there", memory_that_is_not_there},
	{"VG-SPL-014 interrupts as the driver wishes", interrupts_as_the_driver_wishes},
	{"VG-EVI-001 event index", event_index},
	{"a stale event index does not keep a new driver silent", stale_event_index},
	{"VG-EVI-001 an event index agreed to late lies in guest memory", event_index_agreed_late},
	{"VG-SPL-018 rings at an odd place of this process are refused",
	 rings_at_an_odd_place_of_this_process},
	{"VG-EVI-002 the first answer always notifies", first_answer_always_notifies},
	{"a queue begins where it is told", queue_begins_where_it_is_told},
	{"VG-SPL-018 misaligned rings are refused", misaligned_rings_are_refused},
	{"VG-FRM-003 a chain as long as the queue", chain_as_long_as_the_queue},
	{"the bus gets its turn after 256 chains", bus_gets_its_turn},
	{"the bus gets its turn from slow requests", bus_gets_its_turn_from_slow_requests},
	{"VG-SPL-005 indices wrap at 65536", indices_wrap_at_65536},
	{"VG-FRM-019 a batch is answered in order", batch_of_requests_is_answered_in_order},
	{NULL, NULL},
};

const struct unit_suite virtqueue_suite = {"virtqueue", tests};
