/* SPDX-License-Identifier: MIT */
/* VG-XFR: TRANSFER_TO_HOST_2D. */
#include "conformance/vocabulary/command.h"

extern const struct vector xfr_vectors[];

/* What is outside the rectangle stays, whatever its shape. */
static void outside_stays(struct rig *t)
{
	const struct virtio_gpu_rect rects[] = {rect(5, 7, 11, 3), rect(0, 0, 64, 20),
						rect(0, 30, 64, 34), rect(63, 63, 1, 1)};
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	struct picture *expected = copy_of(t, show_pattern(t, &r, 0));

	for (unsigned int i = 0; i < sizeof(rects) / sizeof(rects[0]); i++) {
		const struct picture *next = pattern(t, 64, 64, 100 + i);

		store(t, &r, next);
		expect_ok(t, transfer(t, rects[i], rects[i].y * r.stride + rects[i].x * 4, r.id));
		expect_ok(t, flush(t, whole(&r), r.id));
		paste(expected, rects[i].x, rects[i].y, next, rects[i]);
		expect_screen(t, 0, expected);
	}
}

static void offset_past_end(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);

	store(t, &r, pattern(t, 64, 64, 9));
	expect_either(t, transfer(t, rect(0, 0, 1, 1), r.size, r.id),
		      VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	expect_either(t, transfer(t, rect(0, 0, 1, 1), r.size + 4, r.id),
		      VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	expect_ok(t, flush(t, whole(&r), r.id));
	expect_screen(t, 0, p);
}

const struct vector xfr_vectors[] = {
	VECTOR("VG-XFR-007", "pixels outside the rectangle do not change", outside_stays),
	VECTOR("VG-XFR-016", "an offset at or past the end of the backing copies nothing",
	       offset_past_end),
	{0},
};
