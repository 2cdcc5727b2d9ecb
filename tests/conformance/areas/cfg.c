/* SPDX-License-Identifier: MIT */
/* VG-CFG: device configuration space. */
#include "conformance/vocabulary/command.h"

#include <endian.h>
#include <string.h>

extern const struct vector cfg_vectors[];

/* What the front end of a device tells of displays and their events is not the device's. */
#define OWN .needs = NEED_REGISTERS

enum { EVENTS_READ = 0, EVENTS_CLEAR = 4, NUM_SCANOUTS = 8, NUM_CAPSETS = 12 };

static void set_config(struct rig *t, uint32_t offset, uint32_t value)
{
	set_reg(t, VIRTIO_MMIO_CONFIG + offset, value);
}

static void expect_config(struct rig *t, uint32_t offset, uint32_t value)
{
	check(t, config(t, offset) == value, "config @%u is 0x%x, expected 0x%x", offset,
	      config(t, offset), value);
}

static void words_and_bytes(struct rig *t)
{
	for (uint32_t offset = 0; offset < 16; offset += 4) {
		uint32_t word = config(t, offset), bytes = 0;

		for (uint32_t i = 0; i < 4; i++)
			bytes |= reg_sized(t, VIRTIO_MMIO_CONFIG + offset + i, 1) << 8 * i;
		check(t, word == bytes, "@%u is 0x%x as a word, 0x%x as bytes", offset, word,
		      bytes);
	}
}

static void scanouts(struct rig *t)
{
	check(t, num_scanouts(t) >= 1 && num_scanouts(t) <= 16, "num_scanouts is %u",
	      num_scanouts(t));
}

static void capsets(struct rig *t)
{
	uint32_t count = config(t, NUM_CAPSETS);
	struct virtio_gpu_get_capset_info request = {.hdr = header(VIRTIO_GPU_CMD_GET_CAPSET_INFO)};

	for (uint32_t i = 0; i < count; i++) {
		request.capset_index = htole32(i);
		expect_type(t, submit_struct(t, &request, sizeof(request)),
			    VIRTIO_GPU_RESP_OK_CAPSET_INFO, 40);
	}
	request.capset_index = htole32(count);
	expect_either(t, submit_struct(t, &request, sizeof(request)),
		      count > 0 ? VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER
				: VIRTIO_GPU_RESP_ERR_UNSPEC);
}

static void no_event(struct rig *t)
{
	expect_config(t, EVENTS_READ, 0);
}

static void events_read_is_the_devices(struct rig *t)
{
	uint32_t before = config(t, EVENTS_READ);

	set_config(t, EVENTS_READ, before ^ 1);
	expect_config(t, EVENTS_READ, before);
}

static void clearing(struct rig *t)
{
	set_output(t, 800, 600);
	expect_config(t, EVENTS_READ, 1);
	set_config(t, EVENTS_CLEAR, 0);
	expect_config(t, EVENTS_READ, 1);
	set_config(t, EVENTS_CLEAR, 2);
	expect_config(t, EVENTS_READ, 1);
	set_config(t, EVENTS_CLEAR, 1);
	expect_config(t, EVENTS_READ, 0);
	restore_output(t);
}

static void clear_does_not_latch(struct rig *t)
{
	set_config(t, EVENTS_CLEAR, 0xffffffff);
	expect_config(t, EVENTS_CLEAR, 0);
}

static void counts_are_the_devices(struct rig *t)
{
	uint32_t count = num_scanouts(t), sets = config(t, NUM_CAPSETS);

	set_config(t, NUM_SCANOUTS, 99);
	set_config(t, NUM_CAPSETS, 99);
	expect_config(t, NUM_SCANOUTS, count);
	expect_config(t, NUM_CAPSETS, sets);
}

static void clearing_nothing(struct rig *t)
{
	ack(t);
	set_config(t, EVENTS_CLEAR, 0xfffffffe);
	expect_config(t, EVENTS_READ, 0);
	check(t, (interrupts(t) & 2) == 0, "a configuration interrupt");
}

/* All fields, also the one of BLOB_ALIGNMENT where that is offered. */
static void before_features_ok(struct rig *t)
{
	uint32_t status[] = {VIRTIO_CONFIG_S_ACKNOWLEDGE,
			     VIRTIO_CONFIG_S_ACKNOWLEDGE | VIRTIO_CONFIG_S_DRIVER};
	uint32_t fields = (t->offered & FEATURE(5)) != 0 ? 5 : 4;
	uint32_t early[2][5];

	for (uint32_t i = 0; i < COUNT(status); i++) {
		set_status(t, status[i]);
		scanouts(t);
		for (uint32_t field = 0; field < fields; field++)
			early[i][field] = config(t, 4 * field);
	}
	make_ready_with(t, usual_features(t) | (t->offered & FEATURE(5)), CONTROL_SIZE,
			CURSOR_SIZE);
	for (uint32_t i = 0; i < COUNT(status); i++)
		for (uint32_t field = 0; field < fields; field++)
			expect_config(t, 4 * field, early[i][field]);
}

static void change_notifies(struct rig *t)
{
	ack(t);
	set_output(t, 800, 600);
	check(t, wait_interrupt(t, 2), "no configuration interrupt");
	expect_config(t, EVENTS_READ, 1);
	restore_output(t);
}

static void generation(struct rig *t)
{
	uint32_t before = reg(t, VIRTIO_MMIO_CONFIG_GENERATION);

	set_output(t, 800, 600);
	if (reg(t, VIRTIO_MMIO_CONFIG_GENERATION) == before)
		note(t, "ConfigGeneration stays: each field is one word, so it may");
	restore_output(t);
}

static void undefined_events(struct rig *t)
{
	check(t, (config(t, EVENTS_READ) & ~1u) == 0, "events_read is 0x%x",
	      config(t, EVENTS_READ));
	reset(t);
	check(t, (config(t, EVENTS_READ) & ~1u) == 0, "events_read is 0x%x",
	      config(t, EVENTS_READ));
}

static void blob_alignment(struct rig *t)
{
	uint32_t alignment = config(t, 16);

	check(t, alignment > 0 && (alignment & (alignment - 1)) == 0, "blob_alignment is %u",
	      alignment);
}

const struct vector cfg_vectors[] = {
	VECTOR("VG-CFG-001", "configuration is the same in words and bytes", words_and_bytes, OWN),
	VECTOR("VG-CFG-002", "num_scanouts is 1 to 16", scanouts, OWN),
	VECTOR("VG-CFG-003", "num_capsets is how many capsets there are", capsets),
	VECTOR("VG-CFG-004", "after a reset there is no event", no_event, OWN),
	VECTOR("VG-CFG-005", "a driver cannot write events_read", events_read_is_the_devices, OWN),
	VECTOR("VG-CFG-006", "events_clear clears the bits that are written", clearing,
	       .needs = NEED_OUTPUTS | NEED_REGISTERS),
	VECTOR("VG-CFG-007", "events_clear reads 0", clear_does_not_latch, OWN),
	VECTOR("VG-CFG-008", "a driver cannot write the counts", counts_are_the_devices, OWN),
	VECTOR("VG-CFG-009", "clearing what is not set does nothing", clearing_nothing, OWN),
	VECTOR("VG-CFG-010", "configuration can be read before FEATURES_OK", before_features_ok,
	       .start = AFTER_RESET, OWN),
	VECTOR("VG-CFG-011", "a change comes with a notification, the event first", change_notifies,
	       .needs = NEED_OUTPUTS | NEED_REGISTERS),
	VECTOR("VG-CFG-012", "ConfigGeneration changes where it must", generation,
	       .needs = NEED_OUTPUTS | NEED_REGISTERS),
	VECTOR("VG-CFG-013", "events that are not defined are not set", undefined_events, OWN),
	VECTOR("VG-CFG-014", "blob_alignment is a power of two", blob_alignment,
	       .with = FEATURE(5)),
	{0},
};
