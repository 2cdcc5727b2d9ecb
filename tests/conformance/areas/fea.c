/* SPDX-License-Identifier: MIT */
/* VG-FEA: feature bits and their negotiation. */
#include "conformance/vocabulary/command.h"

#include <endian.h>
#include <string.h>

extern const struct vector fea_vectors[];

#define VERSION_1 FEATURE(VIRTIO_F_VERSION_1)
#define OWN	  .needs = NEED_REGISTERS

static void version_1(struct rig *t)
{
	check(t, (t->offered & VERSION_1) != 0, "0x%llx is offered, without VERSION_1",
	      (unsigned long long)t->offered);
}

static bool offers(const struct rig *t, unsigned int bit)
{
	return (t->offered & FEATURE(bit)) != 0;
}

static void prerequisites(struct rig *t)
{
	check(t, !offers(t, 4) || offers(t, 0), "CONTEXT_INIT without VIRGL");
	check(t, !offers(t, 5) || offers(t, 3), "BLOB_ALIGNMENT without RESOURCE_BLOB");
}

static void no_undefined_bits(struct rig *t)
{
	uint64_t undefined = 0;

	for (unsigned int bit = 6; bit <= 23; bit++)
		undefined |= FEATURE(bit);
	for (unsigned int bit = 44; bit <= 49; bit++)
		undefined |= FEATURE(bit);
	undefined |= FEATURE(30);
	check(t, (t->offered & undefined) == 0, "0x%llx is offered",
	      (unsigned long long)(t->offered & undefined));
}

static void any_subset(struct rig *t)
{
	/* Of the GPU's own; a bit that needs another one comes with it. */
	for (uint64_t bits = 0; bits < 64; bits++) {
		bool valid = ((bits & FEATURE(4)) == 0 || (bits & 1) != 0) &&
			     ((bits & FEATURE(5)) == 0 || (bits & FEATURE(3)) != 0);

		if ((bits & ~t->offered) != 0 || !valid)
			continue;
		reset(t);
		check(t, negotiate(t, VERSION_1 | bits), "features 0x%llx are refused",
		      (unsigned long long)bits);
	}
}

static void not_offered(struct rig *t)
{
	/* GPU bit 20 is nobody's. */
	if (negotiate(t, VERSION_1 | FEATURE(20)))
		prefer(t, false, "a feature that is not offered is accepted");
}

static void without_version_1(struct rig *t)
{
	if (!negotiate(t, 0)) {
		note(t, "a driver without VERSION_1 is refused");
		return;
	}
	note(t, "a driver without VERSION_1 is served");
	set_queue(t, CONTROL, CONTROL_SIZE);
	set_queue(t, CURSOR, CURSOR_SIZE);
	driver_ok(t);
	expect_serving(t);
}

static void again(struct rig *t)
{
	for (unsigned int i = 0; i < 3; i++) {
		reset(t);
		check(t, negotiate(t, usual_features(t)), "refused the %u. time", i + 1);
	}
}

static void fixed_after_features_ok(struct rig *t)
{
	make_ready_with(t, VERSION_1, 64, 16);
	set_reg(t, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 0);
	set_reg(t, VIRTIO_MMIO_DRIVER_FEATURES, 0);
	set_reg(t, VIRTIO_MMIO_DRIVER_FEATURES_SEL, 1);
	set_reg(t, VIRTIO_MMIO_DRIVER_FEATURES, 0);
	expect_serving(t);
}

static void edid_gate(struct rig *t)
{
	expect_either(t, get_edid(t, 0), VIRTIO_GPU_RESP_ERR_UNSPEC);
}

static void uuid_gate(struct rig *t)
{
	struct resource r = bare_2d(t, 16, 16, B8G8R8X8);

	expect_error(t, assign_uuid(t, r.id), VIRTIO_GPU_RESP_ERR_UNSPEC);
}

static void blob_gate(struct rig *t)
{
	struct virtio_gpu_set_scanout_blob scanout = {
		.hdr = header(VIRTIO_GPU_CMD_SET_SCANOUT_BLOB),
		.resource_id = htole32(1),
	};
	struct virtio_gpu_resource_map_blob map = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_MAP_BLOB),
		.resource_id = htole32(1),
	};
	struct virtio_gpu_resource_unmap_blob unmap = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_UNMAP_BLOB),
		.resource_id = htole32(1),
	};

	expect_error(t, create_blob_of(t, blob_request(1, 4096), NULL, 0),
		     VIRTIO_GPU_RESP_ERR_UNSPEC);
	expect_error(t, submit_struct(t, &scanout, sizeof(scanout)), VIRTIO_GPU_RESP_ERR_UNSPEC);
	expect_error(t, submit_struct(t, &map, sizeof(map)), VIRTIO_GPU_RESP_ERR_UNSPEC);
	expect_error(t, submit_struct(t, &unmap, sizeof(unmap)), VIRTIO_GPU_RESP_ERR_UNSPEC);
	expect_error(t, unref(t, 1), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
}

static void virgl_gate(struct rig *t)
{
	uint8_t request[96];

	for (uint32_t type = 0x200; type <= 0x207; type++) {
		struct virtio_gpu_ctrl_hdr hdr = header(type);

		memset(request, 0, sizeof(request));
		memcpy(request, &hdr, sizeof(hdr));
		expect_error(t, submit_struct(t, request, sizeof(request)),
			     VIRTIO_GPU_RESP_ERR_UNSPEC);
	}
}

/* Neither a context of a kind nor a timeline, for the driver asked for neither. */
static void context_init_gate(struct rig *t)
{
	struct virtio_gpu_ctx_create create = {
		.hdr = header(VIRTIO_GPU_CMD_CTX_CREATE),
		.context_init = htole32(1),
	};
	struct virtio_gpu_ctrl_hdr info = fenced(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 7);

	create.hdr.ctx_id = htole32(1);
	expect_error(t, submit_struct(t, &create, sizeof(create)), VIRTIO_GPU_RESP_ERR_UNSPEC);
	info.flags |= htole32(2);
	info.ring_idx = 5;
	struct reply reply = submit_struct(t, &info, sizeof(info));
	expect_info(t, reply);
	check(t, (reply.hdr.flags & VIRTIO_GPU_FLAG_FENCE) != 0 && reply.hdr.fence_id == 7,
	      "flags are 0x%x and fence_id is %llu", reply.hdr.flags,
	      (unsigned long long)reply.hdr.fence_id);
}

/* Each alone, and with all others. NOTIFICATION_DATA has a form of its own (VG-MMI-015). */
static void each_works(struct rig *t)
{
	static const unsigned int bits[] = {VIRTIO_RING_F_INDIRECT_DESC, VIRTIO_RING_F_EVENT_IDX,
					    VIRTIO_F_RING_PACKED, VIRTIO_F_IN_ORDER, 40};
	uint64_t all = 0;

	for (unsigned int i = 0; i <= COUNT(bits); i++) {
		uint64_t features = i < COUNT(bits) ? FEATURE(bits[i]) & t->offered : all;
		struct resource r;

		all |= features;
		if (features == 0)
			continue;
		make_ready_with(t, VERSION_1 | features, CONTROL_SIZE, CURSOR_SIZE);
		r = resource_2d(t, 64, 64, B8G8R8X8);
		show_pattern(t, &r, 0);
		for (unsigned int j = 0; j < 2 * CONTROL_SIZE; j++)
			expect_serving(t);
	}
}

static void plain_addresses(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);

	show_pattern(t, &r, 0);
}

static void suspend(struct rig *t)
{
	set_status(t, status(t) | 0x10);
	expect_serving(t);
}

const struct vector fea_vectors[] = {
	VECTOR("VG-FEA-001", "VERSION_1 is offered", version_1, .start = AFTER_RESET),
	VECTOR("VG-FEA-002", "what a feature needs is offered with it", prerequisites,
	       .start = AFTER_RESET),
	VECTOR("VG-FEA-003", "undefined features are not offered", no_undefined_bits,
	       .start = AFTER_RESET),
	VECTOR("VG-FEA-004", "any valid subset is accepted", any_subset, .start = AFTER_RESET, OWN),
	VECTOR("VG-FEA-005", "a feature that is not offered is refused or ignored", not_offered,
	       .start = AFTER_RESET, OWN),
	VECTOR("VG-FEA-006", "a driver without VERSION_1 is refused or served", without_version_1,
	       .start = AFTER_RESET),
	VECTOR("VG-FEA-007", "what was accepted is accepted again", again, .start = AFTER_RESET,
	       OWN),
	VECTOR("VG-FEA-008", "features stay as they were at FEATURES_OK", fixed_after_features_ok,
	       OWN),
	VECTOR("VG-FEA-009", "GET_EDID without the feature is answered", edid_gate,
	       .without = FEATURE(VIRTIO_GPU_F_EDID)),
	VECTOR("VG-FEA-010", "ASSIGN_UUID without the feature is an error", uuid_gate),
	VECTOR("VG-FEA-011", "blob commands without the feature are errors", blob_gate),
	VECTOR("VG-FEA-012", "3D commands without the feature are errors", virgl_gate),
	VECTOR("VG-FEA-013", "contexts of a kind and timelines need a feature", context_init_gate),
	VECTOR("VG-FEA-014", "each ring feature that is offered works", each_works,
	       .start = AFTER_RESET),
	VECTOR("VG-FEA-015", "addresses are guest-physical", plain_addresses),
	VECTOR("VG-FEA-016", "SUSPEND that is not offered is ignored", suspend, OWN),
	{0},
};
