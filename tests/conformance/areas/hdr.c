/* SPDX-License-Identifier: MIT */
/* VG-HDR: the header of requests and responses. */
#include "conformance/vocabulary/command.h"

#include <endian.h>
#include <string.h>

extern const struct vector hdr_vectors[];

/* GET_DISPLAY_INFO with any header. */
static struct reply ask(struct rig *t, uint32_t flags, uint64_t fence_id, uint32_t ctx_id,
			uint8_t ring_idx)
{
	struct virtio_gpu_ctrl_hdr request = {
		.type = htole32(VIRTIO_GPU_CMD_GET_DISPLAY_INFO),
		.flags = htole32(flags),
		.fence_id = htole64(fence_id),
		.ctx_id = htole32(ctx_id),
		.ring_idx = ring_idx,
	};

	return submit_struct(t, &request, sizeof(request));
}

static void layout(struct rig *t)
{
	const uint8_t request[24] = {0x00, 0x01, 0,    0,    1,	   0,	 0,    0,
				     0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11};
	const uint8_t begin[16] = {0x01, 0x11, 0,    0,	   1,	 0,    0,    0,
				   0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11};
	struct reply reply = submit(t, CONTROL, request, sizeof(request),
				    sizeof(struct virtio_gpu_resp_display_info));

	expect_info(t, reply);
	check(t, memcmp(reply.bytes, begin, sizeof(begin)) == 0,
	      "type, flags and fence_id are not at 0, 4 and 8, or not little-endian");
}

static void success(struct rig *t)
{
	expect_ok(t, create_2d(t, 1, 16, 16, B8G8R8X8));
}

static void success_with_payload(struct rig *t)
{
	expect_info(t, get_display_info(t));
	if ((t->driver.features & FEATURE(VIRTIO_GPU_F_EDID)) != 0)
		expect_type(t, get_edid(t, 0), VIRTIO_GPU_RESP_OK_EDID,
			    sizeof(struct virtio_gpu_resp_edid));
}

static void failure(struct rig *t)
{
	expect_error(t, unref(t, 999), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_error(t, command(t, 0x1ff), VIRTIO_GPU_RESP_ERR_UNSPEC);
}

static void fence_flag(struct rig *t)
{
	struct reply reply = ask(t, VIRTIO_GPU_FLAG_FENCE, 1, 0, 0);

	expect_info(t, reply);
	check(t, (reply.hdr.flags & VIRTIO_GPU_FLAG_FENCE) != 0, "flags are 0x%x", reply.hdr.flags);
}

static void fence_id(struct rig *t)
{
	struct reply reply = ask(t, VIRTIO_GPU_FLAG_FENCE, 0x1122334455667788, 0, 0);

	expect_info(t, reply);
	check(t, reply.hdr.fence_id == 0x1122334455667788, "fence_id is 0x%llx",
	      (unsigned long long)reply.hdr.fence_id);
}

static void no_fence(struct rig *t)
{
	struct reply reply = ask(t, 0, 5, 0, 0);

	expect_info(t, reply);
	prefer(t, reply.hdr.flags == 0 && reply.hdr.fence_id == 0,
	       "flags are 0x%x, fence_id is 0x%llx", reply.hdr.flags,
	       (unsigned long long)reply.hdr.fence_id);
}

static void context(struct rig *t)
{
	for (uint32_t flags = 0; flags <= VIRTIO_GPU_FLAG_FENCE; flags++) {
		struct reply reply = ask(t, flags, 1, 7, 0);

		expect_info(t, reply);
		check(t, reply.hdr.ctx_id == 0 || reply.hdr.ctx_id == 7, "ctx_id is %u",
		      reply.hdr.ctx_id);
	}
}

static void ring_index(struct rig *t)
{
	struct reply reply = ask(t, VIRTIO_GPU_FLAG_FENCE | 2, 1, 0, 5);

	expect_info(t, reply);
	check(t, reply.hdr.ring_idx == 0 || reply.hdr.ring_idx == 5, "ring_idx is %u",
	      reply.hdr.ring_idx);
	check(t, (reply.hdr.flags & VIRTIO_GPU_FLAG_FENCE) != 0, "flags are 0x%x", reply.hdr.flags);
}

static void undefined_flags(struct rig *t)
{
	/* Without the bit of RING_IDX, which has a meaning. */
	struct reply reply = ask(t, 0xfffffffd, 1, 0, 0);

	expect_info(t, reply);
	prefer(t, reply.hdr.flags == VIRTIO_GPU_FLAG_FENCE, "flags are 0x%x", reply.hdr.flags);
}

static void request_padding(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = pattern(t, 64, 64, 9);
	const struct virtio_gpu_transfer_to_host_2d copy = {
		.hdr = {.type = htole32(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D),
			.padding = {0xff, 0xff, 0xff}},
		.r = {0, 0, htole32(64), htole32(64)},
		.resource_id = htole32(r.id),
		.padding = 0xffffffff,
	};
	const struct virtio_gpu_resource_flush update = {
		.hdr = {.type = htole32(VIRTIO_GPU_CMD_RESOURCE_FLUSH),
			.padding = {0xff, 0xff, 0xff}},
		.r = {0, 0, htole32(64), htole32(64)},
		.resource_id = htole32(r.id),
		.padding = 0xffffffff,
	};

	show_pattern(t, &r, 0);
	store(t, &r, p);
	expect_ok(t, submit_struct(t, &copy, sizeof(copy)));
	expect_ok(t, submit_struct(t, &update, sizeof(update)));
	expect_screen(t, 0, p);
}

static void response_padding(struct rig *t)
{
	struct reply reply = ask(t, 0, 0, 0, 0);

	expect_info(t, reply);
	check(t, reply.hdr.ring_idx == 0, "ring_idx is 0x%x", reply.hdr.ring_idx);
	reply = unref(t, 999);
	expect_error(t, reply, VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	for (unsigned int i = 0; i < sizeof(reply.hdr.padding); i++)
		check(t, reply.hdr.padding[i] == 0, "padding is 0x%x", reply.hdr.padding[i]);
}

static void unknown_types(struct rig *t)
{
	static const uint32_t types[] = {0,	0x1,	0xff,	0x10e,	   0x20a,
					 0x302, 0x1100, 0x1200, 0xffffffff};

	for (unsigned int i = 0; i < COUNT(types); i++) {
		expect_error(t, command(t, types[i]), VIRTIO_GPU_RESP_ERR_UNSPEC);
		expect_info(t, get_display_info(t));
	}
}

static void cursor_on_controlq(struct rig *t)
{
	struct virtio_gpu_update_cursor request = {
		.hdr = header(VIRTIO_GPU_CMD_UPDATE_CURSOR),
	};

	expect_either(t, submit(t, CONTROL, &request, sizeof(request), 24),
		      VIRTIO_GPU_RESP_ERR_UNSPEC);
	request.hdr = header(VIRTIO_GPU_CMD_MOVE_CURSOR);
	expect_either(t, submit(t, CONTROL, &request, sizeof(request), 24),
		      VIRTIO_GPU_RESP_ERR_UNSPEC);
}

const struct vector hdr_vectors[] = {
	VECTOR("VG-HDR-001", "the header's fields are where the specification has them", layout),
	VECTOR("VG-HDR-002", "success without payload is 24 bytes of OK_NODATA", success),
	VECTOR("VG-HDR-003", "success with payload names it", success_with_payload),
	VECTOR("VG-HDR-004", "an error is one of six and has no payload", failure),
	VECTOR("VG-HDR-005", "FLAG_FENCE comes back", fence_flag),
	VECTOR("VG-HDR-006", "fence_id comes back with all its bits", fence_id),
	VECTOR("VG-HDR-007", "without FLAG_FENCE there is no fence in the answer", no_fence),
	VECTOR("VG-HDR-008", "ctx_id comes back, or 0", context),
	VECTOR("VG-HDR-009", "ring_idx comes back, or 0, and FLAG_FENCE does", ring_index),
	VECTOR("VG-HDR-010", "undefined flags are ignored", undefined_flags),
	VECTOR("VG-HDR-011", "padding of a request is ignored", request_padding),
	VECTOR("VG-HDR-012", "padding of a response is zero", response_padding),
	VECTOR("VG-HDR-013", "an unknown command is an error, and the queue goes on",
	       unknown_types),
	VECTOR("VG-HDR-014", "a cursor command on the control queue is answered",
	       cursor_on_controlq),
	{0},
};
