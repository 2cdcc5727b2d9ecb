/* SPDX-License-Identifier: MIT */
/* VG-FLS: RESOURCE_FLUSH. */
#include "conformance/vocabulary/command.h"

#include <endian.h>
#include <string.h>

extern const struct vector fls_vectors[];

static void shows(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 48, B8G8R8X8);

	show_pattern(t, &r, 0);
}

/* What is flushed must show; the rest of the screen is old or new. */
static void expect_part(struct rig *t, uint32_t scanout, const struct picture *before,
			const struct picture *after, struct virtio_gpu_rect part)
{
	const struct picture *shown = screen(t, scanout);

	if (!check(t, shown->width == after->width && shown->height == after->height,
		   "scanout %u shows %ux%u", scanout, shown->width, shown->height))
		return;
	for (uint32_t y = 0; y < after->height; y++)
		for (uint32_t x = 0; x < after->width; x++) {
			uint32_t rgb = *pixel(shown, x, y), now = *pixel(after, x, y);
			bool inside = x - part.x < part.width && y - part.y < part.height;

			if (rgb == now || (!inside && rgb == *pixel(before, x, y)))
				continue;
			check(t, false, "scanout %u: (%u, %u) is #%06x, expected #%06x", scanout, x,
			      y, rgb, now);
			return;
		}
}

static void resource_coordinates(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *before = pattern(t, 64, 64, 1), *after = pattern(t, 64, 64, 2);
	const struct virtio_gpu_rect view = rect(16, 32, 32, 16);

	upload(t, &r, before);
	expect_ok(t, set_scanout(t, view, 0, r.id));
	expect_ok(t, flush(t, whole(&r), r.id));
	upload(t, &r, after);
	expect_ok(t, flush(t, rect(16, 32, 4, 4), r.id));
	expect_part(t, 0, part_of(t, before, view), part_of(t, after, view), rect(0, 0, 4, 4));
	expect_ok(t, flush(t, rect(40, 40, 8, 8), r.id));
	expect_part(t, 0, part_of(t, before, view), part_of(t, after, view), rect(24, 8, 8, 8));
}

static void all_scanouts(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = pattern(t, 64, 64, 3);

	for (uint32_t i = 0; i < 3; i++)
		expect_ok(t, set_scanout(t, whole(&r), i, r.id));
	upload(t, &r, p);
	expect_ok(t, flush(t, whole(&r), r.id));
	for (uint32_t i = 0; i < 3; i++)
		expect_screen(t, i, p);
}

static void over_a_seam(struct rig *t)
{
	struct resource r = resource_2d(t, 128, 64, B8G8R8X8);
	const struct picture *before = pattern(t, 128, 64, 4), *after = pattern(t, 128, 64, 5);
	const struct virtio_gpu_rect left = rect(0, 0, 64, 64), right = rect(64, 0, 64, 64);

	upload(t, &r, before);
	expect_ok(t, set_scanout(t, left, 0, r.id));
	expect_ok(t, set_scanout(t, right, 1, r.id));
	expect_ok(t, flush(t, whole(&r), r.id));
	upload(t, &r, after);
	expect_ok(t, flush(t, rect(60, 8, 10, 8), r.id));
	expect_part(t, 0, part_of(t, before, left), part_of(t, after, left), rect(60, 8, 4, 8));
	expect_part(t, 1, part_of(t, before, right), part_of(t, after, right), rect(0, 8, 6, 8));
}

static void beside_the_scanout(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = pattern(t, 64, 64, 6);

	upload(t, &r, p);
	expect_ok(t, set_scanout(t, rect(32, 32, 32, 32), 0, r.id));
	expect_ok(t, flush(t, whole(&r), r.id));
	expect_ok(t, flush(t, rect(0, 0, 4, 4), r.id));
	expect_screen(t, 0, part_of(t, p, rect(32, 32, 32, 32)));
}

static void on_no_scanout(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);

	expect_ok(t, flush(t, whole(&r), r.id));
}

static void unknown(struct rig *t)
{
	expect_error(t, flush(t, rect(0, 0, 16, 16), 999), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_error(t, flush(t, rect(0, 0, 16, 16), 0), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
}

static void refuse_all(struct rig *t, const struct virtio_gpu_rect *rects, unsigned int num)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);

	for (unsigned int i = 0; i < num; i++)
		expect_error(t, flush(t, rects[i], r.id), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	expect_screen(t, 0, p);
}

static void outside(struct rig *t)
{
	const struct virtio_gpu_rect rects[] = {rect(0, 0, 65, 64), rect(60, 60, 5, 1),
						rect(65, 64, 0, 0)};

	refuse_all(t, rects, COUNT(rects));
}

static void wrapping(struct rig *t)
{
	const struct virtio_gpu_rect rects[] = {
		rect(0xffffffff, 0, 2, 1), rect(0, 0xffffffff, 1, 2), rect(1, 0, 0xffffffff, 1),
		rect(0, 1, 1, 0xffffffff)};

	refuse_all(t, rects, COUNT(rects));
}

static void empty(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);

	expect_ok(t, flush(t, rect(0, 0, 0, 0), r.id));
	expect_ok(t, flush(t, rect(64, 64, 0, 0), r.id));
	expect_screen(t, 0, p);
}

static void shows_the_host_copy(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);

	store(t, &r, pattern(t, 64, 64, 7));
	expect_ok(t, flush(t, whole(&r), r.id));
	expect_screen(t, 0, p);
}

static void part_leaves_the_rest(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *before = show_pattern(t, &r, 0), *after = pattern(t, 64, 64, 8);

	upload(t, &r, after);
	expect_ok(t, flush(t, rect(0, 0, 32, 64), r.id));
	expect_part(t, 0, before, after, rect(0, 0, 32, 64));
	expect_ok(t, flush(t, whole(&r), r.id));
	expect_screen(t, 0, after);
}

static void many(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);
	struct mark begin = set_mark(t);

	for (unsigned int i = 0; i < 10000; i++, rewind_to(t, begin))
		expect_ok(t, flush(t, whole(&r), r.id));
	expect_screen(t, 0, p);
}

static void fence(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	struct virtio_gpu_resource_flush request = {
		.hdr = fenced(VIRTIO_GPU_CMD_RESOURCE_FLUSH, 0x1234567890),
		.r = {0, 0, htole32(64), htole32(64)},
		.resource_id = htole32(r.id),
	};
	const struct picture *p = pattern(t, 64, 64, 9);

	show_pattern(t, &r, 0);
	upload(t, &r, p);
	struct reply reply = submit_struct(t, &request, sizeof(request));
	expect_ok(t, reply);
	check(t,
	      (reply.hdr.flags & VIRTIO_GPU_FLAG_FENCE) != 0 && reply.hdr.fence_id == 0x1234567890,
	      "the fence does not come back: flags 0x%x", reply.hdr.flags);
	expect_screen(t, 0, p);
}

const struct vector fls_vectors[] = {
	VECTOR("VG-FLS-001", "a request of 48 bytes shows the picture", shows),
	VECTOR("VG-FLS-002", "the rectangle is in the resource's coordinates",
	       resource_coordinates),
	VECTOR("VG-FLS-003", "a flush updates every scanout that shows the resource", all_scanouts,
	       .scanouts = 3),
	VECTOR("VG-FLS-004", "each scanout updates its part of the rectangle", over_a_seam,
	       .scanouts = 2),
	VECTOR("VG-FLS-005", "a rectangle beside the scanout changes nothing", beside_the_scanout),
	VECTOR("VG-FLS-006", "a resource on no scanout can be flushed", on_no_scanout),
	VECTOR("VG-FLS-007", "a flush of what is not there fails", unknown),
	VECTOR("VG-FLS-008", "a rectangle outside the resource is refused", outside),
	VECTOR("VG-FLS-009", "a rectangle that wraps is refused", wrapping),
	VECTOR("VG-FLS-010", "an empty rectangle inside changes nothing", empty),
	VECTOR("VG-FLS-011", "a flush shows the host's copy, not the guest's memory",
	       shows_the_host_copy),
	VECTOR("VG-FLS-012", "a partial flush shows its part, and the rest is old or new",
	       part_leaves_the_rest),
	VECTOR("VG-FLS-013", "ten thousand flushes are answered", many, .seconds = 180),
	VECTOR("VG-FLS-014", "a fenced flush that is answered is on the screen", fence),
	{0},
};
