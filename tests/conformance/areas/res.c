/* SPDX-License-Identifier: MIT */
/* VG-RES: RESOURCE_CREATE_2D and RESOURCE_UNREF. */
#include "conformance/vocabulary/command.h"

extern const struct vector res_vectors[];

static void create(struct rig *t)
{
	expect_ok(t, create_2d(t, 1, 64, 48, B8G8R8X8));
}

static void create_id_0(struct rig *t)
{
	expect_error(t, create_2d(t, 0, 64, 48, B8G8R8X8), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
}

static void create_live_id(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);

	expect_error(t, create_2d(t, r.id, 32, 32, B8G8R8X8),
		     VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_ok(t, transfer(t, rect(0, 0, 64, 64), 0, r.id));
	expect_ok(t, flush(t, whole(&r), r.id));
	expect_screen(t, 0, p);
}

static void create_after_unref(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);

	expect_ok(t, unref(t, r.id));
	expect_ok(t, create_2d(t, r.id, 32, 16, R8G8B8A8));
	expect_error(t, flush(t, rect(0, 0, 64, 64), r.id), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
}

static void create_any_id(struct rig *t)
{
	expect_ok(t, create_2d(t, 0xffffffff, 16, 16, B8G8R8X8));
	expect_ok(t, create_2d(t, 0x80000000, 16, 16, B8G8R8X8));
	expect_ok(t, unref(t, 0xffffffff));
	expect_ok(t, unref(t, 0x80000000));
}

const struct vector res_vectors[] = {
	VECTOR("VG-RES-001", "a request of 40 bytes makes a resource", create),
	VECTOR("VG-RES-002", "resource_id 0 is refused", create_id_0),
	VECTOR("VG-RES-003", "a second create with a live id is refused and changes nothing",
	       create_live_id),
	VECTOR("VG-RES-004", "after UNREF the id makes a resource of another size",
	       create_after_unref),
	VECTOR("VG-RES-005", "any id but 0 is allowed", create_any_id),
	{0},
};
