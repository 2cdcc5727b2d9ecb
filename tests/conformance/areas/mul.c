/* SPDX-License-Identifier: MIT */
/* VG-MUL: several scanouts. */
#include "conformance/vocabulary/command.h"

extern const struct vector mul_vectors[];

static void set_and_flush(struct rig *t, const struct resource *r, struct virtio_gpu_rect part,
			  uint32_t scanout)
{
	expect_ok(t, set_scanout(t, part, scanout, r->id));
	expect_ok(t, flush(t, whole(r), r->id));
}

static void mirror(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = pattern(t, 64, 64, 1);

	for (uint32_t i = 0; i < 3; i++)
		show(t, &r, i);
	upload(t, &r, p);
	expect_ok(t, flush(t, whole(&r), r.id));
	for (uint32_t i = 0; i < 3; i++)
		expect_screen(t, i, p);
}

static void separate(struct rig *t)
{
	struct resource a = resource_2d(t, 64, 64, B8G8R8X8), b = resource_2d(t, 48, 32, B8G8R8X8);
	const struct picture *pb, *next = pattern(t, 64, 64, 2);

	show_pattern(t, &a, 0);
	pb = show_pattern(t, &b, 1);
	upload(t, &a, next);
	expect_ok(t, flush(t, whole(&a), a.id));
	expect_screen(t, 0, next);
	expect_screen(t, 1, pb);
}

static void side_by_side(struct rig *t)
{
	struct resource r = resource_2d(t, 128, 64, B8G8R8X8);
	const struct picture *p = pattern(t, 128, 64, 3), *next = pattern(t, 128, 64, 4);
	struct picture *expected = copy_of(t, p);
	const struct virtio_gpu_rect part = rect(60, 0, 8, 8);

	upload(t, &r, p);
	set_and_flush(t, &r, rect(0, 0, 64, 64), 0);
	set_and_flush(t, &r, rect(64, 0, 64, 64), 1);
	store(t, &r, next);
	expect_ok(t, transfer(t, part, part.x * 4, r.id));
	expect_ok(t, flush(t, part, r.id));
	paste(expected, part.x, part.y, next, part);
	expect_screen(t, 0, part_of(t, expected, rect(0, 0, 64, 64)));
	expect_screen(t, 1, part_of(t, expected, rect(64, 0, 64, 64)));
}

static void overlapping(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = pattern(t, 64, 64, 5);

	set_and_flush(t, &r, rect(0, 0, 48, 48), 0);
	set_and_flush(t, &r, rect(32, 32, 32, 32), 1);
	upload(t, &r, p);
	expect_ok(t, flush(t, whole(&r), r.id));
	expect_screen(t, 0, part_of(t, p, rect(0, 0, 48, 48)));
	expect_screen(t, 1, part_of(t, p, rect(32, 32, 32, 32)));
}

static void one_off(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *old = show_pattern(t, &r, 0), *p = pattern(t, 64, 64, 6);

	show(t, &r, 1);
	expect_ok(t, set_scanout(t, rect(0, 0, 0, 0), 1, 0));
	upload(t, &r, p);
	expect_ok(t, flush(t, whole(&r), r.id));
	expect_screen(t, 0, p);
	expect_off(t, 1, old);
	expect_off(t, 1, p);
}

static void sixteen(struct rig *t)
{
	const struct picture *pictures[16];

	for (uint32_t i = 0; i < 16; i++) {
		struct resource r = resource_2d(t, 32, 16 + i, B8G8R8X8);

		pictures[i] = show_pattern(t, &r, i);
	}
	for (uint32_t i = 0; i < 16; i++)
		expect_screen(t, i, pictures[i]);
	expect_error(t, set_scanout(t, rect(0, 0, 32, 16), 16, 1),
		     VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
}

static void unref_all(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);

	show(t, &r, 1);
	show(t, &r, 2);
	expect_ok(t, unref(t, r.id));
	for (uint32_t i = 0; i < 3; i++)
		expect_off(t, i, p);
}

static void disabled_output(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);

	if (display(t, 1).enabled)
		not_asked(t, "output 1 is enabled");
	show_pattern(t, &r, 1);
}

static void other_sizes(struct rig *t)
{
	static const struct {
		uint32_t width, height;
	} sizes[] = {{64, 64}, {1024, 768}, {16, 16}, {640, 480}};

	for (unsigned int i = 0; i < 4; i++)
		for (uint32_t scanout = 0; scanout < 2; scanout++) {
			struct resource r = resource_2d(t, sizes[(i + scanout) % 4].width,
							sizes[(i + scanout) % 4].height, B8G8R8X8);

			show_pattern(t, &r, scanout);
		}
}

const struct vector mul_vectors[] = {
	VECTOR("VG-MUL-001", "one flush updates all scanouts of a mirror", mirror, .scanouts = 3),
	VECTOR("VG-MUL-002", "scanouts of two resources do not touch each other", separate,
	       .scanouts = 2),
	VECTOR("VG-MUL-003", "two scanouts show one resource side by side", side_by_side,
	       .scanouts = 2),
	VECTOR("VG-MUL-004", "rectangles of scanouts may overlap", overlapping, .scanouts = 2),
	VECTOR("VG-MUL-005", "of a mirror one can be turned off", one_off, .scanouts = 2),
	VECTOR("VG-MUL-006", "sixteen scanouts are independent", sixteen, .scanouts = 16),
	VECTOR("VG-MUL-007", "UNREF turns all scanouts of a mirror off", unref_all, .scanouts = 3),
	VECTOR("VG-MUL-008", "an output that is not enabled can be shown on", disabled_output,
	       .scanouts = 2),
	VECTOR("VG-MUL-009", "scanouts have their own sizes and change them", other_sizes,
	       .scanouts = 2),
	{0},
};
