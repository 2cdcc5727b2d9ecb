/* SPDX-License-Identifier: MIT */
/* VG-MMI: virtio-mmio registers. */
#include "conformance/vocabulary/command.h"

#include <endian.h>

extern const struct vector mmi_vectors[];

#define OWN .needs = NEED_REGISTERS

static void expect_reg(struct rig *t, uint32_t offset, uint32_t value)
{
	uint32_t got = reg(t, offset);

	check(t, got == value, "register 0x%03x is 0x%x, expected 0x%x", offset, got, value);
}

static void magic(struct rig *t)
{
	expect_reg(t, VIRTIO_MMIO_MAGIC_VALUE, 0x74726976);
}

static void version(struct rig *t)
{
	expect_reg(t, VIRTIO_MMIO_VERSION, 2);
}

static void device_id(struct rig *t)
{
	expect_reg(t, VIRTIO_MMIO_DEVICE_ID, 16);
}

static void vendor_id(struct rig *t)
{
	uint32_t vendor = reg(t, VIRTIO_MMIO_VENDOR_ID);

	reset(t);
	expect_reg(t, VIRTIO_MMIO_VENDOR_ID, vendor);
}

static uint32_t feature_word(struct rig *t, uint32_t select)
{
	set_reg(t, VIRTIO_MMIO_DEVICE_FEATURES_SEL, select);
	return reg(t, VIRTIO_MMIO_DEVICE_FEATURES);
}

static void feature_words(struct rig *t)
{
	uint32_t low = feature_word(t, 0), high = feature_word(t, 1);

	check(t, (high & 1) != 0, "word 1 is 0x%x, without VERSION_1", high);
	check(t, feature_word(t, 0) == low && feature_word(t, 1) == high,
	      "the words change from reading to reading");
}

static void feature_word_2(struct rig *t)
{
	prefer(t, feature_word(t, 2) == 0, "word 2 is 0x%x", feature_word(t, 2));
	prefer(t, feature_word(t, 0xffffffff) == 0, "the last word is 0x%x",
	       feature_word(t, 0xffffffff));
}

/* Up to FEATURES_OK, with the words of what is accepted in this order. */
static void accept_words(struct rig *t, uint64_t features, const uint32_t order[2])
{
	const uint32_t known = VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER;

	reset(t);
	set_status(t, VIRTIO_CONFIG_S_ACKNOWLEDGE);
	set_status(t, known);
	for (unsigned int i = 0; i < 2; i++) {
		set_reg(t, VIRTIO_MMIO_DRIVER_FEATURES_SEL, order[i]);
		set_reg(t, VIRTIO_MMIO_DRIVER_FEATURES, (uint32_t)(features >> (32 * order[i])));
	}
	set_status(t, known | VIRTIO_CONFIG_S_FEATURES_OK);
	require(t, (status(t) & VIRTIO_CONFIG_S_FEATURES_OK) != 0, "features 0x%llx are refused",
		(unsigned long long)features);
	t->driver.features = features;
	set_queue(t, CONTROL, CONTROL_SIZE);
	set_queue(t, CURSOR, CURSOR_SIZE);
	driver_ok(t);
}

static void driver_feature_words(struct rig *t)
{
	static const uint32_t orders[2][2] = {{0, 1}, {1, 0}};
	const uint64_t edid = FEATURE(VIRTIO_GPU_F_EDID);

	for (unsigned int i = 0; i < 2; i++) {
		accept_words(t, FEATURE(VIRTIO_F_VERSION_1) | edid, orders[i]);
		expect_type(t, get_edid(t, 0), VIRTIO_GPU_RESP_OK_EDID,
			    sizeof(struct virtio_gpu_resp_edid));
		/* The ring's format is a bit of the other word. */
		if ((t->offered & FEATURE(VIRTIO_F_RING_PACKED)) == 0)
			continue;
		accept_words(t, FEATURE(VIRTIO_F_VERSION_1) | FEATURE(VIRTIO_F_RING_PACKED) | edid,
			     orders[i]);
		expect_type(t, get_edid(t, 0), VIRTIO_GPU_RESP_OK_EDID,
			    sizeof(struct virtio_gpu_resp_edid));
	}
}

static void queues(struct rig *t)
{
	static const uint32_t queue[] = {0, 1, 2, 0xffffffff};

	for (unsigned int i = 0; i < COUNT(queue); i++) {
		set_reg(t, VIRTIO_MMIO_QUEUE_SEL, queue[i]);
		uint32_t size = reg(t, VIRTIO_MMIO_QUEUE_NUM_MAX);
		check(t, (size > 0) == (i < 2), "queue 0x%x has %u entries", queue[i], size);
	}
}

static void queue_sizes(struct rig *t)
{
	for (uint16_t size = 2; size <= 64; size *= 2) {
		make_ready_with(t, usual_features(t), size, 16);
		expect_serving(t);
	}
}

static void bad_sizes(struct rig *t)
{
	static const uint32_t sizes[] = {2048, 3, 0};

	for (unsigned int i = 0; i < COUNT(sizes); i++) {
		make_ready(t);
		set_reg(t, VIRTIO_MMIO_QUEUE_SEL, 0);
		set_reg(t, VIRTIO_MMIO_QUEUE_READY, 0);
		set_reg(t, VIRTIO_MMIO_QUEUE_NUM, sizes[i]);
		set_reg(t, VIRTIO_MMIO_QUEUE_READY, 1);
		set_reg(t, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
		status(t);
	}
	make_ready(t);
	expect_serving(t);
}

static void ready_reads_back(struct rig *t)
{
	set_reg(t, VIRTIO_MMIO_QUEUE_SEL, 0);
	expect_reg(t, VIRTIO_MMIO_QUEUE_READY, 1);
	set_reg(t, VIRTIO_MMIO_QUEUE_READY, 0);
	expect_reg(t, VIRTIO_MMIO_QUEUE_READY, 0);
}

static void not_ready(struct rig *t)
{
	struct virtio_gpu_ctrl_hdr request = header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);

	expect_serving(t);
	set_reg(t, VIRTIO_MMIO_QUEUE_SEL, 0);
	set_reg(t, VIRTIO_MMIO_QUEUE_READY, 0);
	post(t, CONTROL, &request, sizeof(request), 408, "* / *");
	kick(t, CONTROL);
	expect_no_answer(t, CONTROL);
}

static void notify(struct rig *t)
{
	expect_serving(t);
	expect_returned(t, move_cursor(t, 0, 1, 1, 0, 0, 0));
}

static void notify_nobody(struct rig *t)
{
	set_reg(t, VIRTIO_MMIO_QUEUE_NOTIFY, 7);
	set_reg(t, VIRTIO_MMIO_QUEUE_NOTIFY, 0xffffffff);
	expect_serving(t);
}

static void notification_data(struct rig *t)
{
	for (unsigned int i = 0; i < 100; i++) {
		struct reply reply = get_display_info(t);

		require(t, reply.answered, "no answer");
		expect_info(t, reply);
		reply = move_cursor(t, 0, i, 1, 0, 0, 0);
		require(t, reply.answered, "no answer on the cursor queue");
	}
}

/* Used buffers and a change of configuration, which a broken queue is. */
static void one_line(struct rig *t)
{
	struct ring *ring = ring_of(t, CONTROL);

	check(t, !interrupt_line(t), "the line is high before anything has happened");
	expect_serving(t);
	require(t, wait_interrupt(t, 1), "no interrupt");
	check(t, interrupt_line(t), "a buffer was used, and the line is low");
	ack(t);
	check(t, !interrupt_line(t), "the line is high with nothing to tell");
	expect_serving(t);
	ring_publish(ring, 500);
	ring_kick(ring);
	/* That a broken queue is told of is another matter (VG-SPL-007). */
	if (!wait_interrupt(t, 2)) {
		note(t, "no configuration interrupt: the line is asked about one bit only");
		return;
	}
	set_reg(t, VIRTIO_MMIO_INTERRUPT_ACK, 2);
	expect_reg(t, VIRTIO_MMIO_INTERRUPT_STATUS, 1);
	check(t, interrupt_line(t), "the line is low with one of two acknowledged");
	set_reg(t, VIRTIO_MMIO_INTERRUPT_ACK, 1);
	check(t, !interrupt_line(t), "the line is high with both acknowledged");
}

static void interrupt_until_ack(struct rig *t)
{
	expect_serving(t);
	require(t, wait_interrupt(t, 1), "no interrupt");
	expect_reg(t, VIRTIO_MMIO_INTERRUPT_STATUS, 1);
	expect_reg(t, VIRTIO_MMIO_INTERRUPT_STATUS, 1);
	ack(t);
	expect_reg(t, VIRTIO_MMIO_INTERRUPT_STATUS, 0);
}

static void ack_bits(struct rig *t)
{
	expect_serving(t);
	require(t, wait_interrupt(t, 1), "no interrupt");
	set_reg(t, VIRTIO_MMIO_INTERRUPT_ACK, 2);
	expect_reg(t, VIRTIO_MMIO_INTERRUPT_STATUS, 1);
	set_reg(t, VIRTIO_MMIO_INTERRUPT_ACK, 1);
	expect_reg(t, VIRTIO_MMIO_INTERRUPT_STATUS, 0);
}

static void reset_clears(struct rig *t)
{
	expect_serving(t);
	require(t, wait_interrupt(t, 1), "no interrupt");
	reset(t);
	expect_reg(t, VIRTIO_MMIO_INTERRUPT_STATUS, 0);
	for (uint32_t queue = 0; queue < 2; queue++) {
		set_reg(t, VIRTIO_MMIO_QUEUE_SEL, queue);
		expect_reg(t, VIRTIO_MMIO_QUEUE_READY, 0);
	}
}

static void status_0(struct rig *t)
{
	expect_reg(t, VIRTIO_MMIO_STATUS, 15);
	set_status(t, 0);
	expect_reg(t, VIRTIO_MMIO_STATUS, 0);
}

/* What lies at the lower half of an address is not what lies at the address. */
static void addresses(struct rig *t)
{
	static const uint32_t high[] = {VIRTIO_MMIO_QUEUE_DESC_HIGH, VIRTIO_MMIO_QUEUE_AVAIL_HIGH,
					VIRTIO_MMIO_QUEUE_USED_HIGH};
	struct virtio_gpu_ctrl_hdr request = header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	uint64_t areas = guest_alloc(t, QUEUE_AREAS);

	for (unsigned int i = 0; i < COUNT(high); i++) {
		make_ready(t);
		set_reg(t, VIRTIO_MMIO_QUEUE_SEL, CONTROL);
		set_reg(t, VIRTIO_MMIO_QUEUE_READY, 0);
		set_reg(t, high[i], (uint32_t)(t->target->memory_gpa >> 32) ^ 1);
		set_reg(t, VIRTIO_MMIO_QUEUE_READY, 1);
		post(t, CONTROL, &request, sizeof(request), 408, "* / *");
		kick(t, CONTROL);
		expect_no_answer(t, CONTROL);
	}
	reset(t);
	require(t, negotiate(t, usual_features(t)), "features are refused");
	set_queue_at(t, CONTROL, CONTROL_SIZE, areas);
	driver_ok(t);
	expect_serving(t);
}

static void queue_reset(struct rig *t)
{
	expect_serving(t);
	set_reg(t, VIRTIO_MMIO_QUEUE_SEL, CONTROL);
	expect_reg(t, MMIO_QUEUE_RESET, 0);
	reset_queue(t, CONTROL);
	set_queue(t, CONTROL, CONTROL_SIZE);
	expect_reg(t, MMIO_QUEUE_RESET, 0);
	expect_reg(t, VIRTIO_MMIO_QUEUE_READY, 1);
	expect_serving(t);
}

static void missing_shared_memory(struct rig *t)
{
	set_reg(t, VIRTIO_MMIO_SHM_SEL, 9);
	expect_reg(t, VIRTIO_MMIO_SHM_LEN_LOW, 0xffffffff);
	expect_reg(t, VIRTIO_MMIO_SHM_LEN_HIGH, 0xffffffff);
	expect_reg(t, VIRTIO_MMIO_SHM_BASE_LOW, 0xffffffff);
	expect_reg(t, VIRTIO_MMIO_SHM_BASE_HIGH, 0xffffffff);
}

static void generation(struct rig *t)
{
	uint32_t before = reg(t, VIRTIO_MMIO_CONFIG_GENERATION);

	config(t, 8);
	expect_serving(t);
	expect_reg(t, VIRTIO_MMIO_CONFIG_GENERATION, before);
}

static void config_sizes(struct rig *t)
{
	uint32_t word = config(t, 8);
	uint32_t at = VIRTIO_MMIO_CONFIG + 8;

	check(t, reg_sized(t, at, 1) == (word & 0xff), "the byte is 0x%x", reg_sized(t, at, 1));
	check(t, reg_sized(t, at, 2) == (word & 0xffff), "the half is 0x%x", reg_sized(t, at, 2));
	check(t, reg_sized(t, at + 2, 2) == word >> 16, "the upper half is 0x%x",
	      reg_sized(t, at + 2, 2));
}

static void narrow_control(struct rig *t)
{
	for (uint32_t offset = 0; offset < 0x100; offset++)
		reg_sized(t, offset, 1);
	for (uint32_t offset = 0; offset < 0x100; offset += 2)
		reg_sized(t, offset, 2);
	set_reg_sized(t, VIRTIO_MMIO_QUEUE_SEL, 1, 0);
	expect_serving(t);
}

static void undefined(struct rig *t)
{
	static const uint32_t write_only[] = {0x014, 0x020, 0x030, 0x050, 0x064, 0x0f0};

	for (unsigned int i = 0; i < COUNT(write_only); i++)
		prefer(t, reg(t, write_only[i]) == 0, "register 0x%03x reads 0x%x", write_only[i],
		       reg(t, write_only[i]));
	set_reg(t, VIRTIO_MMIO_MAGIC_VALUE, 1);
	set_reg(t, VIRTIO_MMIO_DEVICE_ID, 1);
	set_reg(t, 0x0f0, 1);
	magic(t);
	device_id(t);
	expect_serving(t);
}

/* The queue goes on as it was set up, in all of its registers. */
static void pokes_while_ready(struct rig *t)
{
	static const uint32_t areas[] = {VIRTIO_MMIO_QUEUE_DESC_LOW, VIRTIO_MMIO_QUEUE_AVAIL_LOW,
					 VIRTIO_MMIO_QUEUE_USED_LOW};

	expect_serving(t);
	set_reg(t, VIRTIO_MMIO_QUEUE_SEL, 0);
	for (unsigned int i = 0; i < COUNT(areas); i++) {
		set_reg(t, areas[i], 0xfffff000);
		set_reg(t, areas[i] + 4, 0xffffffff);
		set_reg(t, VIRTIO_MMIO_QUEUE_NOTIFY, 0);
		expect_serving(t);
	}
	make_ready(t);
	expect_serving(t);
}

const struct vector mmi_vectors[] = {
	VECTOR("VG-MMI-001", "the magic value is there", magic, OWN),
	VECTOR("VG-MMI-002", "the version is 2", version, OWN),
	VECTOR("VG-MMI-003", "the device is a GPU", device_id, OWN),
	VECTOR("VG-MMI-004", "the vendor stays the same", vendor_id, OWN),
	VECTOR("VG-MMI-005", "features are read in words", feature_words, OWN),
	VECTOR("VG-MMI-006", "there are no features above word 1", feature_word_2, OWN),
	VECTOR("VG-MMI-007", "features are accepted in words, in any order", driver_feature_words,
	       .with = FEATURE(VIRTIO_GPU_F_EDID), OWN),
	VECTOR("VG-MMI-008", "there are two queues", queues, OWN),
	VECTOR("VG-MMI-009", "a queue has the size that the driver says", queue_sizes, OWN),
	VECTOR("VG-MMI-010", "queue sizes that are none are survived", bad_sizes, OWN),
	VECTOR("VG-MMI-011", "QueueReady reads back", ready_reads_back, OWN),
	VECTOR("VG-MMI-012", "a queue that is not ready is not looked at", not_ready, OWN),
	VECTOR("VG-MMI-013", "a notification names its queue", notify, OWN),
	VECTOR("VG-MMI-014", "a notification of no queue is ignored", notify_nobody, OWN),
	VECTOR("VG-MMI-015", "a notification may have data in it", notification_data,
	       .with = FEATURE(F_NOTIFICATION_DATA), OWN),
	VECTOR("VG-MMI-016", "an interrupt stays until it is acknowledged", interrupt_until_ack,
	       OWN),
	VECTOR("VG-MMI-017", "InterruptACK clears the bits that it is given", ack_bits, OWN),
	VECTOR("VG-MMI-018", "a reset clears interrupts and queues", reset_clears, OWN),
	VECTOR("VG-MMI-019", "status 0 resets", status_0, OWN),
	VECTOR("VG-MMI-020", "a queue is where both halves of its addresses say", addresses, OWN),
	VECTOR("VG-MMI-021", "shared memory that is not there has no base and no length",
	       missing_shared_memory, OWN),
	VECTOR("VG-MMI-022", "QueueReset resets a queue", queue_reset,
	       .with = FEATURE(F_RING_RESET), OWN),
	VECTOR("VG-MMI-023", "ConfigGeneration stays while nothing changes", generation, OWN),
	VECTOR("VG-MMI-024", "configuration is read in any size", config_sizes, OWN),
	VECTOR("VG-MMI-025", "narrow accesses to control registers are survived", narrow_control,
	       OWN),
	VECTOR("VG-MMI-026", "accesses of the wrong direction are survived", undefined, OWN),
	VECTOR("VG-MMI-027", "queue registers may be written while it is ready, without harm",
	       pokes_while_ready, OWN),
	VECTOR("VG-MMI-028", "the interrupt line is high while any bit of InterruptStatus is set",
	       one_line, .needs = NEED_REGISTERS | NEED_INTERRUPT),
	{0},
};
