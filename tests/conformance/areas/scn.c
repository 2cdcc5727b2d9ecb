/* SPDX-License-Identifier: MIT */
/* VG-SCN: SET_SCANOUT. */
#include "conformance/vocabulary/command.h"

#include <endian.h>
#include <string.h>

extern const struct vector scn_vectors[];

static void shows_the_rectangle(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = pattern(t, 64, 64, 1);

	upload(t, &r, p);
	expect_ok(t, set_scanout(t, rect(16, 32, 32, 16), 0, r.id));
	expect_ok(t, flush(t, whole(&r), r.id));
	expect_screen(t, 0, part_of(t, p, rect(16, 32, 32, 16)));
}

static void set(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 48, B8G8R8X8);

	show_pattern(t, &r, 0);
}

/* Each is refused, and what was shown stays. */
static void refuse_all(struct rig *t, const struct virtio_gpu_rect *rects, unsigned int num)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);

	for (unsigned int i = 0; i < num; i++)
		expect_error(t, set_scanout(t, rects[i], 0, r.id),
			     VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	expect_ok(t, flush(t, whole(&r), r.id));
	expect_screen(t, 0, p);
}

static void outside_resource(struct rig *t)
{
	const struct virtio_gpu_rect rects[] = {rect(0, 0, 65, 64), rect(1, 0, 64, 64),
						rect(49, 48, 16, 16), rect(0, 49, 16, 16)};

	refuse_all(t, rects, COUNT(rects));
}

static void at_the_edge(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = pattern(t, 64, 64, 2);

	upload(t, &r, p);
	expect_ok(t, set_scanout(t, rect(48, 48, 16, 16), 0, r.id));
	expect_ok(t, flush(t, whole(&r), r.id));
	expect_screen(t, 0, part_of(t, p, rect(48, 48, 16, 16)));
}

static void wrapping(struct rig *t)
{
	const struct virtio_gpu_rect rects[] = {
		rect(0xfffffff0, 0, 32, 32), rect(0, 0xfffffff0, 32, 32),
		rect(32, 0, 0xfffffff0, 32), rect(0, 32, 32, 0xfffffff0)};

	refuse_all(t, rects, COUNT(rects));
}

static void invalid_scanout(struct rig *t)
{
	const uint32_t ids[] = {num_scanouts(t), 16, 0xffffffff};
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);

	for (unsigned int i = 0; i < COUNT(ids); i++)
		expect_error(t, set_scanout(t, whole(&r), ids[i], r.id),
			     VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
	expect_screen(t, 0, p);
}

static void unknown_resource(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);

	expect_error(t, set_scanout(t, whole(&r), 0, 999), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_ok(t, flush(t, whole(&r), r.id));
	expect_screen(t, 0, p);
}

static void both_unknown(struct rig *t)
{
	expect_error(t, set_scanout(t, rect(0, 0, 64, 64), 99, 999),
		     VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
}

static void disable(struct rig *t, struct virtio_gpu_rect r)
{
	struct resource shown = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &shown, 0);

	expect_ok(t, set_scanout(t, r, 0, 0));
	expect_off(t, 0, p);
}

static void disabled_by_0(struct rig *t)
{
	disable(t, rect(0, 0, 0, 0));
}

static void disabled_whatever_rectangle(struct rig *t)
{
	disable(t, rect(9, 9, 9999, 9999));
}

static void disable_invalid(struct rig *t)
{
	const uint32_t ids[] = {num_scanouts(t), 16, 0xffffffff};
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);

	for (unsigned int i = 0; i < COUNT(ids); i++)
		expect_error(t, set_scanout(t, rect(0, 0, 0, 0), ids[i], 0),
			     VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
	expect_ok(t, flush(t, whole(&r), r.id));
	expect_screen(t, 0, p);
}

static void disable_twice(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);

	expect_ok(t, set_scanout(t, rect(0, 0, 0, 0), 1, 0));
	const struct picture *p = show_pattern(t, &r, 0);
	expect_ok(t, set_scanout(t, rect(0, 0, 0, 0), 0, 0));
	expect_ok(t, set_scanout(t, rect(0, 0, 0, 0), 0, 0));
	expect_off(t, 0, p);
	show(t, &r, 0);
	expect_screen(t, 0, p);
}

/* Refused, so that the old one stays, or taken. */
static void either(struct rig *t, struct virtio_gpu_rect part, uint32_t wanted)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);
	struct reply reply = set_scanout(t, part, 0, r.id);

	expect_either(t, reply, wanted);
	expect_ok(t, flush(t, whole(&r), r.id));
	if (!is_ok(&reply))
		expect_screen(t, 0, p);
	else if (part.width > 0 && part.height > 0)
		expect_screen(t, 0, part_of(t, p, part));
}

static void empty(struct rig *t)
{
	either(t, rect(0, 0, 0, 0), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
}

static void tiny(struct rig *t)
{
	either(t, rect(0, 0, 15, 64), VIRTIO_GPU_RESP_OK_NODATA);
	either(t, rect(0, 0, 64, 15), VIRTIO_GPU_RESP_OK_NODATA);
	either(t, rect(5, 6, 1, 1), VIRTIO_GPU_RESP_OK_NODATA);
}

static void same_on_two(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);

	show(t, &r, 1);
	expect_screen(t, 0, p);
	expect_screen(t, 1, p);
}

static void set_again(struct rig *t)
{
	struct resource a = resource_2d(t, 64, 64, B8G8R8X8), b = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *pa = show_pattern(t, &a, 0), *pb = show_pattern(t, &b, 0);

	show(t, &a, 0);
	expect_screen(t, 0, pa);
	show(t, &b, 0);
	expect_screen(t, 0, pb);
	expect_ok(t, set_scanout(t, rect(32, 16, 16, 32), 0, a.id));
	expect_ok(t, flush(t, whole(&a), a.id));
	expect_screen(t, 0, part_of(t, pa, rect(32, 16, 16, 32)));
}

static void without_flush(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = pattern(t, 64, 64, 3);

	upload(t, &r, p);
	expect_ok(t, set_scanout(t, whole(&r), 0, r.id));
	expect_ok(t, flush(t, whole(&r), r.id));
	expect_screen(t, 0, p);
}

static void without_backing(struct rig *t)
{
	struct resource r = bare_2d(t, 64, 64, B8G8R8X8);

	struct reply reply = set_scanout(t, whole(&r), 0, r.id);
	expect_either(t, reply, VIRTIO_GPU_RESP_OK_NODATA);
	expect_ok(t, flush(t, whole(&r), r.id));
	if (!is_ok(&reply))
		return;
	/* What is in it nobody says (VG-RES-014). */
	const struct picture *shown = screen(t, 0);
	check(t, shown->width == 64 && shown->height == 64, "the screen is %ux%u", shown->width,
	      shown->height);
}

static void largest(struct rig *t)
{
	static const struct {
		uint32_t width, height;
	} sizes[] = {{8192, 4320}, {16384, 16}};

	for (unsigned int i = 0; i < COUNT(sizes); i++) {
		uint32_t id = new_id(t);
		struct virtio_gpu_rect all = rect(0, 0, sizes[i].width, sizes[i].height);
		struct reply made = create_2d(t, id, sizes[i].width, sizes[i].height, B8G8R8X8);

		expect_either(t, made, VIRTIO_GPU_RESP_OK_NODATA);
		if (!is_ok(&made))
			continue;
		expect_ok(t, attach_one(t, id, guest_alloc(t, 4096), 4096));
		struct reply set = set_scanout(t, all, 0, id);
		expect_either(t, set, VIRTIO_GPU_RESP_OK_NODATA);
		expect_ok(t, flush(t, all, id));
		if (is_ok(&set)) {
			const struct picture *shown = screen(t, 0);

			check(t, shown->width == sizes[i].width && shown->height == sizes[i].height,
			      "the screen is %ux%u", shown->width, shown->height);
		}
	}
}

static void blob(struct rig *t)
{
	expect_ok(t, create_blob(t, 1, guest_alloc(t, 4096), 4096, 0));
	expect_error(t, set_scanout(t, rect(0, 0, 16, 16), 0, 1),
		     VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
}

static void moved_away(struct rig *t)
{
	struct resource a = resource_2d(t, 64, 64, B8G8R8X8), b = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p;

	show_pattern(t, &a, 0);
	p = show_pattern(t, &b, 0);
	upload(t, &a, pattern(t, 64, 64, 4));
	expect_ok(t, flush(t, whole(&a), a.id));
	expect_screen(t, 0, p);
}

const struct vector scn_vectors[] = {
	VECTOR("VG-SCN-001", "a request of 48 bytes shows a resource", set),
	VECTOR("VG-SCN-002", "the screen has the rectangle's size and shows what is in it",
	       shows_the_rectangle),
	VECTOR("VG-SCN-003", "a rectangle outside the resource is refused, the old one stays",
	       outside_resource),
	VECTOR("VG-SCN-004", "a rectangle may touch the far edge", at_the_edge),
	VECTOR("VG-SCN-005", "a rectangle that wraps is refused", wrapping),
	VECTOR("VG-SCN-006", "a scanout that the device does not have is refused", invalid_scanout),
	VECTOR("VG-SCN-007", "an unknown resource is refused, the old one stays", unknown_resource),
	VECTOR("VG-SCN-008", "with both ids wrong it is an error", both_unknown),
	VECTOR("VG-SCN-009", "resource_id 0 turns the scanout off", disabled_by_0),
	VECTOR("VG-SCN-010", "resource_id 0 turns it off whatever the rectangle",
	       disabled_whatever_rectangle),
	VECTOR("VG-SCN-011", "what the device does not have cannot be turned off", disable_invalid),
	VECTOR("VG-SCN-012", "what is off can be turned off", disable_twice, .scanouts = 2),
	VECTOR("VG-SCN-013", "an empty rectangle is answered and does no harm", empty),
	VECTOR("VG-SCN-014", "a tiny rectangle is shown or refused", tiny),
	VECTOR("VG-SCN-015", "two scanouts may show the same", same_on_two, .scanouts = 2),
	VECTOR("VG-SCN-016", "a scanout may be set again", set_again),
	VECTOR("VG-SCN-017", "after a flush the picture is right", without_flush),
	VECTOR("VG-SCN-018", "a resource without backing is shown, or refused", without_backing),
	VECTOR("VG-SCN-019", "the largest screens are shown or refused", largest, .seconds = 30),
	VECTOR("VG-SCN-021", "a blob is no resource for SET_SCANOUT", blob,
	       .with = FEATURE(VIRTIO_GPU_F_RESOURCE_BLOB)),
	VECTOR("VG-SCN-022", "a resource that is shown no more changes no screen", moved_away),
	{0},
};
