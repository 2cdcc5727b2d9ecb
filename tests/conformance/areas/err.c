/* SPDX-License-Identifier: MIT */
/* VG-ERR: error codes. */
#include "conformance/vocabulary/command.h"

extern const struct vector err_vectors[];

static void unspecified(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);

	expect_error(t, command(t, 0x1fe), VIRTIO_GPU_RESP_ERR_UNSPEC);
	expect_either(t, attach_one(t, r.id, r.gpa, r.size), VIRTIO_GPU_RESP_ERR_UNSPEC);
}

static void out_of_memory(struct rig *t)
{
	expect_error(t, create_2d(t, 1, 0x7fff, 0x7fff, B8G8R8X8),
		     VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY);
}

static void invalid_scanout(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);

	expect_error(t, set_scanout(t, whole(&r), num_scanouts(t), r.id),
		     VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
}

static void invalid_resource(struct rig *t)
{
	expect_error(t, unref(t, 999), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_error(t, create_2d(t, 0, 16, 16, B8G8R8X8), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
}

static void invalid_parameter(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);

	expect_error(t, create_2d(t, 9, 16, 16, 99), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	expect_error(t, flush(t, rect(0, 0, 65, 1), r.id), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
}

/* Everything that fails everywhere, one after another, on a picture that must stay. */
static void nothing_changes(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = show_pattern(t, &r, 0);

	store(t, &r, pattern(t, 64, 64, 1));
	expect_error(t, create_2d(t, r.id, 16, 16, B8G8R8X8),
		     VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_error(t, create_2d(t, 9, 16, 16, 99), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	expect_error(t, unref(t, 9), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_error(t, set_scanout(t, rect(1, 0, 64, 64), 0, r.id),
		     VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	expect_error(t, set_scanout(t, whole(&r), 0, 9), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_error(t, transfer(t, rect(1, 0, 64, 64), 0, r.id),
		     VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	expect_error(t, transfer(t, whole(&r), 0, 9), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_error(t, flush(t, rect(0, 1, 64, 64), r.id), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	expect_error(t, attach_one(t, 9, r.gpa, r.size), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_error(t, detach(t, 9), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_error(t, command(t, 0x1fe), VIRTIO_GPU_RESP_ERR_UNSPEC);
	expect_ok(t, flush(t, whole(&r), r.id));
	expect_screen(t, 0, p);
	expect_ok(t, transfer(t, whole(&r), 0, r.id));
	expect_ok(t, flush(t, whole(&r), r.id));
	expect_screen(t, 0, pattern(t, 64, 64, 1));
}

const struct vector err_vectors[] = {
	VECTOR("VG-ERR-001", "ERR_UNSPEC", unspecified),
	VECTOR("VG-ERR-002", "ERR_OUT_OF_MEMORY", out_of_memory),
	VECTOR("VG-ERR-003", "ERR_INVALID_SCANOUT_ID", invalid_scanout),
	VECTOR("VG-ERR-004", "ERR_INVALID_RESOURCE_ID", invalid_resource),
	VECTOR("VG-ERR-006", "ERR_INVALID_PARAMETER", invalid_parameter),
	VECTOR("VG-ERR-008", "no failed command changes what is seen", nothing_changes),
	{0},
};
