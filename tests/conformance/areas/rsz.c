/* SPDX-License-Identifier: MIT */
/* VG-RSZ: displays that change. */
#include "conformance/vocabulary/command.h"

#include <endian.h>
#include <string.h>

extern const struct vector rsz_vectors[];

static uint32_t events(struct rig *t)
{
	return config(t, 0);
}

static void clear(struct rig *t)
{
	set_reg(t, VIRTIO_MMIO_CONFIG + 4, 1);
}

static void expect_size(struct rig *t, uint32_t width, uint32_t height)
{
	struct virtio_gpu_display_one one = display(t, 0);

	check(t, one.r.width == width && one.r.height == height, "output 0 is %ux%u", one.r.width,
	      one.r.height);
}

static void event_and_interrupt(struct rig *t)
{
	ack(t);
	set_output(t, 800, 600);
	check(t, wait_interrupt(t, 2), "no configuration interrupt");
	check(t, events(t) == 1, "events_read is 0x%x", events(t));
	restore_output(t);
}

static void info_follows(struct rig *t)
{
	set_output(t, 640, 480);
	require(t, wait_interrupt(t, 2), "no configuration interrupt");
	expect_size(t, 640, 480);
	restore_output(t);
	expect_size(t, 1024, 768);
}

static void edid_follows(struct rig *t)
{
	struct virtio_gpu_resp_edid edid;

	set_output(t, 640, 480);
	struct reply reply = get_edid(t, 0);
	expect_type(t, reply, VIRTIO_GPU_RESP_OK_EDID, sizeof(edid));
	memcpy(&edid, reply.bytes, sizeof(edid));
	const uint8_t *timing = edid.edid + 54;
	uint32_t width = timing[2] | (timing[4] & 0xf0u) << 4;
	uint32_t height = timing[5] | (timing[7] & 0xf0u) << 4;
	check(t, width == 640 && height == 480, "the EDID prefers %ux%u", width, height);
	restore_output(t);
}

static void stays_until_cleared(struct rig *t)
{
	set_output(t, 800, 600);
	for (unsigned int i = 0; i < 2; i++)
		check(t, events(t) == 1, "events_read is 0x%x", events(t));
	clear(t);
	check(t, events(t) == 0, "events_read is 0x%x", events(t));
	restore_output(t);
}

static void second_change(struct rig *t)
{
	set_output(t, 800, 600);
	wait_interrupt(t, 2);
	ack(t);
	set_output(t, 640, 480);
	check(t, events(t) == 1, "events_read is 0x%x", events(t));
	prefer(t, wait_interrupt(t, 2), "no second notification");
	restore_output(t);
}

static void clear_then_query(struct rig *t)
{
	set_output(t, 800, 600);
	clear(t);
	set_output(t, 640, 480);
	expect_size(t, 640, 480);
	check(t, events(t) == 1, "the second event is lost");
	restore_output(t);
}

static void unplugged(struct rig *t)
{
	set_output(t, 0, 0);
	prefer(t, display(t, 0).enabled == 0, "an output without size is enabled");
	restore_output(t);
}

static void picture_stays(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);

	set_output(t, 800, 600);
	expect_ok(t, flush(t, whole(&r), r.id));
	expect_screen(t, 0, p);
	restore_output(t);
}

static void before_driver_ok(struct rig *t)
{
	set_output(t, 800, 600);
	check(t, interrupts(t) == 0, "an interrupt before DRIVER_OK");
	make_ready(t);
	expect_size(t, 800, 600);
	restore_output(t);
}

#define CHANGES .needs = NEED_OUTPUTS
/* Of a device with a front end, events are the front end's. */
#define OWN_CHANGES .needs = NEED_OUTPUTS | NEED_REGISTERS
const struct vector rsz_vectors[] = {
	VECTOR("VG-RSZ-001", "a change sets the event and notifies", event_and_interrupt,
	       OWN_CHANGES),
	VECTOR("VG-RSZ-002", "the new size is there with the notification", info_follows, CHANGES),
	VECTOR("VG-RSZ-003", "the EDID follows", edid_follows, CHANGES,
	       .with = FEATURE(VIRTIO_GPU_F_EDID)),
	VECTOR("VG-RSZ-004", "the event stays until it is cleared", stays_until_cleared,
	       OWN_CHANGES),
	VECTOR("VG-RSZ-005", "a second change is notified too", second_change, OWN_CHANGES),
	VECTOR("VG-RSZ-006", "who clears and then asks loses nothing", clear_then_query, CHANGES),
	VECTOR("VG-RSZ-007", "an output without size is unplugged", unplugged, CHANGES),
	VECTOR("VG-RSZ-008", "a change leaves the picture as it is", picture_stays, CHANGES),
	VECTOR("VG-RSZ-009", "a change before DRIVER_OK does not interrupt", before_driver_ok,
	       CHANGES, .start = AFTER_RESET),
	{0},
};
