/* SPDX-License-Identifier: MIT */
/* VG-EDI: GET_EDID. */
#include "conformance/vocabulary/command.h"

#include <endian.h>
#include <string.h>

extern const struct vector edi_vectors[];

#define EDID FEATURE(VIRTIO_GPU_F_EDID)

static void expect_edid(struct rig *t, struct reply reply)
{
	expect_type(t, reply, VIRTIO_GPU_RESP_OK_EDID, sizeof(struct virtio_gpu_resp_edid));
}

static struct virtio_gpu_resp_edid edid_of(struct rig *t, uint32_t scanout)
{
	struct reply reply = get_edid(t, scanout);
	struct virtio_gpu_resp_edid edid;

	expect_edid(t, reply);
	require(t, reply.type == VIRTIO_GPU_RESP_OK_EDID, "no EDID");
	memcpy(&edid, reply.bytes, sizeof(edid));
	edid.size = le32toh(edid.size);
	return edid;
}

static void answered(struct rig *t)
{
	expect_edid(t, get_edid(t, 0));
}

static void size(struct rig *t)
{
	struct virtio_gpu_resp_edid edid = edid_of(t, 0);

	check(t, edid.size >= 128 && edid.size <= 1024 && edid.size % 128 == 0, "size is %u",
	      edid.size);
	check(t, 128u * (1u + edid.edid[126]) <= edid.size, "%u extensions in %u bytes",
	      edid.edid[126], edid.size);
}

static void expect_valid(struct rig *t, const struct virtio_gpu_resp_edid *edid)
{
	static const uint8_t magic[8] = {0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0};

	check(t, memcmp(edid->edid, magic, sizeof(magic)) == 0, "no header of an EDID");
	for (unsigned int block = 0; block <= edid->edid[126] && block < 8; block++) {
		uint8_t sum = 0;

		for (unsigned int i = 0; i < 128; i++)
			sum = (uint8_t)(sum + edid->edid[128 * block + i]);
		check(t, sum == 0, "the bytes of block %u add up to %u", block, sum);
	}
}

static void valid(struct rig *t)
{
	struct virtio_gpu_resp_edid edid = edid_of(t, 0);

	expect_valid(t, &edid);
}

static void expect_preferred(struct rig *t, const struct virtio_gpu_resp_edid *edid)
{
	struct virtio_gpu_display_one one = display(t, 0);
	const uint8_t *timing = edid->edid + 54;
	uint32_t width = timing[2] | (timing[4] & 0xf0u) << 4;
	uint32_t height = timing[5] | (timing[7] & 0xf0u) << 4;

	check(t, width == one.r.width && height == one.r.height,
	      "the EDID prefers %ux%u, the display is %ux%u", width, height, one.r.width,
	      one.r.height);
}

static void preferred(struct rig *t)
{
	struct virtio_gpu_resp_edid edid = edid_of(t, 0);

	expect_preferred(t, &edid);
}

static void resized(struct rig *t)
{
	static const struct {
		uint32_t width, height;
	} sizes[] = {{640, 480}, {1280, 1024}, {1920, 1200}, {800, 600}};
	struct virtio_gpu_resp_edid first = edid_of(t, 0), last = first;

	for (unsigned int i = 0; i < COUNT(sizes); i++) {
		set_output(t, sizes[i].width, sizes[i].height);
		struct virtio_gpu_resp_edid edid = edid_of(t, 0);
		expect_valid(t, &edid);
		expect_preferred(t, &edid);
		check(t, memcmp(edid.edid, last.edid, sizeof(edid.edid)) != 0,
		      "the EDID of %ux%u is the one from before", sizes[i].width, sizes[i].height);
		last = edid;
	}
	restore_output(t);
	last = edid_of(t, 0);
	check(t, memcmp(last.edid, first.edid, sizeof(last.edid)) == 0,
	      "the EDID of the first size is another one now");
}

static void invalid_scanout(struct rig *t)
{
	const uint32_t ids[] = {num_scanouts(t), 16, 0xffffffff};

	for (unsigned int i = 0; i < 3; i++)
		expect_error(t, get_edid(t, ids[i]), VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
}

static void disabled(struct rig *t)
{
	if (display(t, 1).enabled)
		not_asked(t, "output 1 is enabled");
	expect_either(t, get_edid(t, 1), VIRTIO_GPU_RESP_OK_EDID);
}

static void tail(struct rig *t)
{
	struct virtio_gpu_resp_edid edid = edid_of(t, 0);

	for (unsigned int i = 128 * (1u + edid.edid[126]); i < sizeof(edid.edid); i++)
		if (!check(t, edid.edid[i] == 0, "byte %u of edid is 0x%x", i, edid.edid[i]))
			return;
}

static void short_response(struct rig *t)
{
	static const uint32_t rooms[] = {24, 64, 1055};
	struct virtio_gpu_cmd_get_edid request = {.hdr = header(VIRTIO_GPU_CMD_GET_EDID)};
	struct reply all = get_edid(t, 0);

	for (unsigned int i = 0; i < COUNT(rooms); i++) {
		struct reply reply = submit(t, CONTROL, &request, sizeof(request), rooms[i]);

		expect_edid(t, reply);
		expect_beginning(t, &reply, &all);
	}
}

static void identities(struct rig *t)
{
	struct virtio_gpu_resp_edid a = edid_of(t, 0), b = edid_of(t, 1);

	/* Serial number and descriptors. */
	prefer(t,
	       memcmp(a.edid + 12, b.edid + 12, 4) != 0 ||
		       memcmp(a.edid + 72, b.edid + 72, 54) != 0,
	       "two displays of the same identity");
}

static void fence(struct rig *t)
{
	struct virtio_gpu_cmd_get_edid request = {.hdr = fenced(VIRTIO_GPU_CMD_GET_EDID, 0x99)};
	struct reply reply = submit_struct(t, &request, sizeof(request));

	expect_edid(t, reply);
	check(t, (reply.hdr.flags & VIRTIO_GPU_FLAG_FENCE) != 0 && reply.hdr.fence_id == 0x99,
	      "flags are 0x%x", reply.hdr.flags);
}

const struct vector edi_vectors[] = {
	VECTOR("VG-EDI-001", "a request of 32 bytes is answered", answered, .with = EDID),
	VECTOR("VG-EDI-002", "the answer is 1056 bytes", answered, .with = EDID),
	VECTOR("VG-EDI-003", "size covers the blocks of the EDID", size, .with = EDID),
	VECTOR("VG-EDI-004", "the EDID has a header and valid checksums", valid, .with = EDID),
	VECTOR("VG-EDI-005", "the preferred timing is the size of the display", preferred,
	       .with = EDID),
	VECTOR("VG-EDI-006", "a scanout that the device does not have has no EDID", invalid_scanout,
	       .with = EDID),
	VECTOR("VG-EDI-007", "the EDID of a disabled output is answered", disabled, .with = EDID,
	       .scanouts = 2),
	VECTOR("VG-EDI-008", "the EDID follows each change of the display's size", resized,
	       .needs = NEED_OUTPUTS, .with = EDID),
	VECTOR("VG-EDI-009", "what is after the EDID is zero", tail, .with = EDID),
	VECTOR("VG-EDI-010", "a short response has what fits", short_response, .with = EDID),
	VECTOR("VG-EDI-011", "two displays are told apart", identities, .with = EDID,
	       .scanouts = 2),
	VECTOR("VG-EDI-012", "a fence comes back", fence, .with = EDID),
	{0},
};
