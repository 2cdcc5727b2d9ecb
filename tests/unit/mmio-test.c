/* SPDX-License-Identifier: MIT */
/* The register file, poked as a driver does and as none should. */
#include "guest.h"
#include "unit.h"

#include <linux/virtio_mmio.h>

extern const struct unit_suite mmio_suite;

static void identity(void)
{
	struct guest guest;

	guest_start(&guest);
	CU_ASSERT_EQUAL(guest_read(&guest, 0x000), 0x74726976);
	CU_ASSERT_EQUAL(guest_read(&guest, 0x004), 2);
	CU_ASSERT_EQUAL(guest_read(&guest, 0x008), 16);
	/* the empty shared-memory region reads all ones (VG-MMI-021) */
	guest_write(&guest, 0x0ac, 1);
	for (uint32_t offset = 0x0b0; offset <= 0x0bc; offset += 4)
		CU_ASSERT_EQUAL(guest_read(&guest, offset), UINT32_MAX);
	guest_stop(&guest);
}

static void features(void)
{
	struct guest guest;

	guest_start(&guest);
	guest_write(&guest, 0x014, 1);
	/* VERSION_1 (VG-FEA-001), RING_PACKED, RING_RESET */
	CU_ASSERT_EQUAL(guest_read(&guest, 0x010), 0x105);
	guest_write(&guest, 0x014, 2);
	CU_ASSERT_EQUAL(guest_read(&guest, 0x010), 0); /* VG-MMI-006 */
	/* agreed features cannot change (VG-FEA-008) */
	guest_write(&guest, 0x024, 0);
	guest_write(&guest, 0x020, 0);
	CU_ASSERT_EQUAL(vgpu_device_accepted_features(guest.device), GUEST_FEATURES);
	/* what was not offered is not accepted (VG-FEA-005) */
	guest_init_device(&guest, GUEST_FEATURES | 1);
	CU_ASSERT_EQUAL(guest_read(&guest, 0x070) & 8, 0);
	guest_init_device(&guest, GUEST_FEATURES);
	CU_ASSERT_EQUAL(guest_read(&guest, 0x070), 15);
	guest_stop(&guest);
}

static void queues(void)
{
	static const uint32_t bad_sizes[] = {0, 3, 2048, 0x10000, UINT32_MAX};
	struct guest guest;

	guest_start(&guest);
	guest_write(&guest, VIRTIO_MMIO_QUEUE_SEL, 1);
	CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_QUEUE_NUM_MAX), 1024);
	CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_QUEUE_READY), 1);
	guest_write(&guest, VIRTIO_MMIO_QUEUE_SEL, 2);
	CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_QUEUE_NUM_MAX), 0);
	CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_QUEUE_READY), 0);
	guest_write(&guest, VIRTIO_MMIO_QUEUE_READY, 1);
	/* off: no access (VG-MMI-012); and no register of a ready one moves (VG-MMI-027) */
	guest_write(&guest, VIRTIO_MMIO_QUEUE_SEL, 0);
	guest_write(&guest, VIRTIO_MMIO_QUEUE_DESC_LOW, 0);
	CU_ASSERT_EQUAL(guest_create(&guest, 1, 1, 4, 4), VIRTIO_GPU_RESP_OK_NODATA);
	guest_write(&guest, VIRTIO_MMIO_QUEUE_READY, 0);
	CU_ASSERT_EQUAL(guest_create(&guest, 2, 1, 4, 4), 0);
	for (unsigned int i = 0; i < sizeof(bad_sizes) / sizeof(bad_sizes[0]); i++) {
		guest_write(&guest, VIRTIO_MMIO_QUEUE_NUM, bad_sizes[i]);
		guest_write(&guest, VIRTIO_MMIO_QUEUE_READY, 1);
		CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_QUEUE_READY), 0);
	}
	/* rings that are nowhere (VG-SPL-018) */
	guest_write(&guest, VIRTIO_MMIO_QUEUE_NUM, 16);
	guest_write(&guest, VIRTIO_MMIO_QUEUE_USED_HIGH, UINT32_MAX);
	guest_write(&guest, VIRTIO_MMIO_QUEUE_READY, 1);
	CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_QUEUE_READY), 0);
	guest_stop(&guest);
}

static void nothing_runs_before_driver_ok(void)
{
	struct guest guest;

	guest_start(&guest);
	guest_write(&guest, VIRTIO_MMIO_STATUS, 0);
	CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_STATUS), 0);
	guest_write(&guest, VIRTIO_MMIO_QUEUE_SEL, 0);
	CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_QUEUE_READY), 0); /* VG-MMI-018 */
	guest_init_device(&guest, GUEST_FEATURES);
	guest_write(&guest, VIRTIO_MMIO_STATUS, 11);
	CU_ASSERT_EQUAL(guest_create(&guest, 1, 1, 4, 4), 0);
	guest_write(&guest, VIRTIO_MMIO_STATUS, 15);
	CU_ASSERT_EQUAL(guest.used[0]->idx, 1); /* VG-STA-007 */
	guest_stop(&guest);
}

/* Zones of hvisor restart with their memory as it was, and RuxOS does not clear its rings. */
static void a_stale_available_index_is_not_believed(void)
{
	struct guest guest;

	guest_start(&guest);
	guest_write(&guest, VIRTIO_MMIO_STATUS, 0);
	guest_init_device(&guest, GUEST_FEATURES);
	guest_write(&guest, VIRTIO_MMIO_STATUS, 11);
	guest.avail[0]->idx = 0x7fff;
	guest_write(&guest, VIRTIO_MMIO_STATUS, 15);
	CU_ASSERT_EQUAL(guest.used[0]->idx, 0);
	CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_STATUS), 15);
	guest.avail[0]->idx = 0;
	CU_ASSERT_EQUAL(guest_create(&guest, 1, 1, 4, 4), VIRTIO_GPU_RESP_OK_NODATA);
	guest_stop(&guest);
}

static void odd_accesses_do_no_harm(void)
{
	static const unsigned int sizes[] = {1, 2, 4, 8, 3, 16};
	struct guest guest;

	guest_start(&guest);
	for (unsigned int s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
		for (uint32_t offset = 0; offset < 0x300; offset++)
			vgpu_mmio_read(guest.mmio, offset, sizes[s]);
	for (unsigned int s = 0; s < sizeof(sizes) / sizeof(sizes[0]); s++)
		for (uint32_t offset = 0; offset < 0x300; offset++)
			vgpu_mmio_write(guest.mmio, offset, sizes[s], UINT64_MAX);
	vgpu_mmio_write(guest.mmio, UINT32_MAX, 4, 1);
	CU_ASSERT_EQUAL(vgpu_mmio_read(guest.mmio, UINT32_MAX, 8), 0);
	/* config in any size (VG-MMI-024) */
	CU_ASSERT_EQUAL(vgpu_mmio_read(guest.mmio, 0x108, 1), 2);
	CU_ASSERT_EQUAL(vgpu_mmio_read(guest.mmio, 0x106, 4), 2u << 16);
	CU_ASSERT_EQUAL(vgpu_mmio_read(guest.mmio, 0x108, 8), 2);
	guest_init_device(&guest, GUEST_FEATURES);
	CU_ASSERT_EQUAL(guest_create(&guest, 1, 1, 4, 4), VIRTIO_GPU_RESP_OK_NODATA);
	guest_stop(&guest);
}

/* VG-MMI-016, VG-MMI-017, VG-MMI-028: one line for both kinds of interrupt */
static void interrupt_line(void)
{
	struct vgpu_output output = {.rect = {.width = 800, .height = 600}, .enabled = true};
	struct guest guest;

	guest_start(&guest);
	guest_create(&guest, 1, 1, 4, 4);
	CU_ASSERT_EQUAL(guest.interrupts, 1);
	vgpu_device_set_output(guest.device, 0, &output, true);
	CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_INTERRUPT_STATUS), 3);
	guest_write(&guest, VIRTIO_MMIO_INTERRUPT_ACK, 2);
	CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_INTERRUPT_STATUS), 1);
	/* it never went low */
	CU_ASSERT_EQUAL(guest.interrupts, 1);
	/* a reset takes it down, and before DRIVER_OK nothing raises it (VG-MMI-018, VG-RSZ-009) */
	guest_write(&guest, VIRTIO_MMIO_STATUS, 0);
	CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	output.rect.width = 640;
	vgpu_device_set_output(guest.device, 0, &output, true);
	CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_INTERRUPT_STATUS), 0);
	CU_ASSERT_EQUAL(guest_read(&guest, 0x100), VIRTIO_GPU_EVENT_DISPLAY);
	CU_ASSERT_EQUAL(guest.interrupts, 1);
	guest_stop(&guest);
}

/* VG-MMI-020 and VG-MMI-027 */
static void addresses_have_two_halves(void)
{
	static const uint32_t high[] = {VIRTIO_MMIO_QUEUE_DESC_HIGH, VIRTIO_MMIO_QUEUE_AVAIL_HIGH,
					VIRTIO_MMIO_QUEUE_USED_HIGH};
	struct guest guest;

	guest_start(&guest);
	guest_write(&guest, VIRTIO_MMIO_QUEUE_SEL, 0);
	for (unsigned int i = 0; i < 3; i++) {
		/* not while the queue is ready: what is written then is not kept */
		guest_write(&guest, high[i], 1);
		guest_write(&guest, VIRTIO_MMIO_QUEUE_READY, 0);
		guest_write(&guest, VIRTIO_MMIO_QUEUE_READY, 1);
		CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_QUEUE_READY), 1);
		guest_write(&guest, VIRTIO_MMIO_QUEUE_READY, 0);
		guest_write(&guest, high[i], 1);
		guest_write(&guest, VIRTIO_MMIO_QUEUE_READY, 1);
		CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_QUEUE_READY), 0);
		guest_write(&guest, high[i], 0);
		guest_write(&guest, VIRTIO_MMIO_QUEUE_READY, 1);
	}
	/* memory above 4 GiB */
	CU_ASSERT_EQUAL(vgpu_mem_map_add(guest.map, 1ull << 32, GUEST_PIXELS, guest.ram), 0);
	guest_write(&guest, VIRTIO_MMIO_QUEUE_READY, 0);
	guest_write(&guest, VIRTIO_MMIO_QUEUE_DESC_HIGH, 1);
	guest_write(&guest, VIRTIO_MMIO_QUEUE_DESC_LOW, 0x1000);
	guest_write(&guest, VIRTIO_MMIO_QUEUE_READY, 1);
	CU_ASSERT_EQUAL(guest_create(&guest, 1, 1, 4, 4), VIRTIO_GPU_RESP_OK_NODATA);
	guest_stop(&guest);
}

/* VG-MMI-022, VG-STA-014 and VG-STA-015 */
static void one_queue_is_reset(void)
{
	const uint64_t features = GUEST_FEATURES | 1ull << 40;
	struct guest guest;

	guest_start_with(&guest, 1, features, 0);
	CU_ASSERT_EQUAL(guest_create(&guest, 1, 1, 4, 4), VIRTIO_GPU_RESP_OK_NODATA);
	guest_write(&guest, VIRTIO_MMIO_QUEUE_SEL, 0);
	/* only 1 resets */
	guest_write(&guest, 0x0c0, 2);
	CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_QUEUE_READY), 1);
	guest_write(&guest, 0x0c0, 1);
	CU_ASSERT_EQUAL(guest_read(&guest, 0x0c0), 0);
	CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_QUEUE_READY), 0);
	CU_ASSERT_EQUAL(guest_create(&guest, 2, 1, 4, 4), 0);
	/* the cursor queue goes on */
	guest_set_desc(&guest, 1, 0, GUEST_RAM + GUEST_REQUEST, 56, 0, 0);
	CU_ASSERT_EQUAL(guest_offer(&guest, 1, 0), 0);
	/* nothing of its set-up is left */
	guest_write(&guest, VIRTIO_MMIO_QUEUE_READY, 1);
	CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_QUEUE_READY), 0);
	/* it begins anew elsewhere, with another size */
	guest.desc[0] = (void *)(guest.ram + GUEST_PIXELS);
	guest.avail[0] = (void *)(guest.ram + GUEST_PIXELS + 0x1000);
	guest.used[0] = (void *)(guest.ram + GUEST_PIXELS + 0x2000);
	guest_write(&guest, VIRTIO_MMIO_QUEUE_NUM, 2 * GUEST_QUEUE_SIZE);
	guest_write(&guest, VIRTIO_MMIO_QUEUE_DESC_LOW, GUEST_RAM + GUEST_PIXELS);
	guest_write(&guest, VIRTIO_MMIO_QUEUE_AVAIL_LOW, GUEST_RAM + GUEST_PIXELS + 0x1000);
	guest_write(&guest, VIRTIO_MMIO_QUEUE_USED_LOW, GUEST_RAM + GUEST_PIXELS + 0x2000);
	guest_write(&guest, VIRTIO_MMIO_QUEUE_READY, 1);
	/* and what was made before is there */
	CU_ASSERT_EQUAL(guest_create(&guest, 1, 1, 4, 4), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	CU_ASSERT_EQUAL(guest.used[0]->idx, 1);
	/* not without the feature */
	guest_init_device(&guest, GUEST_FEATURES);
	guest_write(&guest, VIRTIO_MMIO_QUEUE_SEL, 0);
	guest_write(&guest, 0x0c0, 1);
	CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_QUEUE_READY), 1);
	guest_stop(&guest);
}

static void features_are_forgotten_by_a_reset(void)
{
	struct guest guest;

	guest_start(&guest);
	guest_write(&guest, VIRTIO_MMIO_STATUS, 0);
	/* a driver that accepts nothing, and says so by not saying anything */
	guest_write(&guest, VIRTIO_MMIO_STATUS, 11);
	CU_ASSERT_EQUAL(vgpu_device_accepted_features(guest.device), 0);
	/* NEEDS_RESET is not the driver's to set */
	guest_write(&guest, VIRTIO_MMIO_STATUS, 11 | 0x40);
	CU_ASSERT_EQUAL(guest_read(&guest, VIRTIO_MMIO_STATUS), 11);
	guest_stop(&guest);
}

static void count_register(void *opaque, uint64_t time_ns, bool write, uint32_t offset,
			   unsigned int size, uint64_t value)
{
	(void)time_ns;
	CU_ASSERT_EQUAL(size, 4);
	if (write && offset == VIRTIO_MMIO_QUEUE_SEL)
		*(uint64_t *)opaque = value;
}

static void observer_sees_accesses(void)
{
	static const struct vgpu_observer_ops ops = {.reg = count_register};
	uint64_t seen = 0;
	struct guest guest;

	guest_start(&guest);
	vgpu_device_set_observer(guest.device, &ops, &seen);
	guest_write(&guest, VIRTIO_MMIO_QUEUE_SEL, 77);
	CU_ASSERT_EQUAL(seen, 77);
	guest_stop(&guest);
}

static const struct unit_test tests[] = {
	{"VG-MMI-001 identity", identity},
	{"VG-MMI-005 features", features},
	{"VG-MMI-008 queues", queues},
	{"VG-STA-006 nothing runs before DRIVER_OK", nothing_runs_before_driver_ok},
	{"a stale available index is not believed at DRIVER_OK",
	 a_stale_available_index_is_not_believed},
	{"VG-MMI-025 odd accesses do no harm", odd_accesses_do_no_harm},
	{"VG-MMI-028 the interrupt line", interrupt_line},
	{"VG-MMI-020 addresses have two halves", addresses_have_two_halves},
	{"VG-MMI-022 one queue is reset", one_queue_is_reset},
	{"VG-STA-005 features are forgotten by a reset", features_are_forgotten_by_a_reset},
	{"an observer sees register accesses", observer_sees_accesses},
	{NULL, NULL},
};

const struct unit_suite mmio_suite = {"mmio", tests};
