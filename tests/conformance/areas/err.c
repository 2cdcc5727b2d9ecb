/* SPDX-License-Identifier: MIT */
/* VG-ERR: error codes. */
#include "conformance/vocabulary/command.h"

#include <endian.h>

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

/* A code for 3D commands alone: whatever context a 2D command says, it fails as without. */
static void invalid_context(struct rig *t)
{
	bool is_3d = (t->offered & FEATURE(VIRTIO_GPU_F_VIRGL)) != 0;
	struct virtio_gpu_cmd_submit submit = {.hdr = header(VIRTIO_GPU_CMD_SUBMIT_3D)};
	struct virtio_gpu_resource_unref unref = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_UNREF),
		.resource_id = htole32(999),
	};

	make_ready_with(t, usual_features(t) | (t->offered & FEATURE(VIRTIO_GPU_F_VIRGL)),
			CONTROL_SIZE, CURSOR_SIZE);
	submit.hdr.ctx_id = htole32(9);
	unref.hdr.ctx_id = htole32(9);
	expect_error(t, submit_struct(t, &submit, sizeof(submit)),
		     is_3d ? VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID : VIRTIO_GPU_RESP_ERR_UNSPEC);
	struct reply reply = submit_struct(t, &unref, sizeof(unref));
	expect_error(t, reply, VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	check(t, reply.type != VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID,
	      "a 2D command fails for its context");
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
	VECTOR("VG-ERR-005", "ERR_INVALID_CONTEXT_ID is for 3D commands", invalid_context,
	       .start = AFTER_RESET),
	VECTOR("VG-ERR-006", "ERR_INVALID_PARAMETER", invalid_parameter),
	VECTOR("VG-ERR-008", "no failed command changes what is seen", nothing_changes),
	{0},
};
