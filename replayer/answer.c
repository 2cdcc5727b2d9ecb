/* SPDX-License-Identifier: MIT */
#include "answer.h"

#include "decode.h"

#include <linux/virtio_gpu.h>
#include <string.h>

#define HEADER	    sizeof(struct virtio_gpu_ctrl_hdr)
#define ANY_COMMAND 0

/*
 * Where devices may answer otherwise than the reference device without having
 * gone another way: no state depends on it. Written for QEMU, true of others.
 * Ranges include both ends. An empty answer counts as type 0.
 */
static const struct peculiarity {
	uint32_t command;
	uint32_t recorded_first, recorded_last;
	uint32_t answered_first, answered_last;
	const char *why;
} peculiarities[] = {
	{VIRTIO_GPU_CMD_UPDATE_CURSOR, 0x1100, 0x12ff, 0, 0,
	 "the cursor queue is not answered (VG-CUR-002)"},
	{VIRTIO_GPU_CMD_MOVE_CURSOR, 0x1100, 0x12ff, 0, 0,
	 "the cursor queue is not answered (VG-CUR-002)"},
	{VIRTIO_GPU_CMD_GET_EDID, VIRTIO_GPU_RESP_ERR_UNSPEC, VIRTIO_GPU_RESP_ERR_UNSPEC,
	 VIRTIO_GPU_RESP_OK_EDID, VIRTIO_GPU_RESP_OK_EDID,
	 "an EDID without the feature (VG-FEA-009)"},
	{VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, VIRTIO_GPU_RESP_OK_NODATA,
	 VIRTIO_GPU_RESP_OK_NODATA, VIRTIO_GPU_RESP_ERR_UNSPEC,
	 VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID, "nothing to detach is an error (VG-BAK-020)"},
	{ANY_COMMAND, VIRTIO_GPU_RESP_ERR_UNSPEC, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
	 VIRTIO_GPU_RESP_ERR_UNSPEC, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER,
	 "another error code (no code is mandatory)"},
};

static uint32_t type_of(const uint8_t *bytes, uint64_t len)
{
	return vgpu_message_u32(bytes, len, offsetof(struct virtio_gpu_ctrl_hdr, type));
}

static const char *find_peculiarity(uint32_t command, uint32_t recorded, uint32_t answered)
{
	for (size_t i = 0; i < sizeof(peculiarities) / sizeof(peculiarities[0]); i++) {
		const struct peculiarity *p = &peculiarities[i];

		if ((p->command == ANY_COMMAND || p->command == command) &&
		    recorded >= p->recorded_first && recorded <= p->recorded_last &&
		    answered >= p->answered_first && answered <= p->answered_last)
			return p->why;
	}
	return NULL;
}

/* The driver would not have asked this device. */
static bool is_beyond(const struct vgpu_answer_rules *rules, uint32_t command)
{
	return command == VIRTIO_GPU_CMD_GET_EDID &&
	       (rules->offered & 1ull << VIRTIO_GPU_F_EDID) == 0;
}

static bool same_output(const struct vgpu_output *a, const struct vgpu_output *b)
{
	return a->enabled == b->enabled && a->rect.width == b->rect.width &&
	       a->rect.height == b->rect.height;
}

static uint32_t mode_field(const uint8_t *bytes, uint64_t len, unsigned int scanout, size_t offset)
{
	return vgpu_message_u32(bytes, len,
				offsetof(struct virtio_gpu_resp_display_info, pmodes) +
					scanout * sizeof(struct virtio_gpu_display_one) + offset);
}

/* What is off has no size that matters: QEMU says 0. */
static bool mode_equal(const struct vgpu_trace_request *recorded, const struct vgpu_answer *answer,
		       unsigned int scanout)
{
	static const size_t fields[] = {
		offsetof(struct virtio_gpu_display_one, enabled),
		offsetof(struct virtio_gpu_display_one, r.width),
		offsetof(struct virtio_gpu_display_one, r.height),
	};
	size_t count = sizeof(fields) / sizeof(fields[0]);

	if (mode_field(recorded->response, recorded->used_len, scanout, fields[0]) == 0)
		count = 1;
	for (size_t f = 0; f < count; f++)
		if (mode_field(recorded->response, recorded->used_len, scanout, fields[f]) !=
		    mode_field(answer->bytes, answer->len, scanout, fields[f]))
			return false;
	return true;
}

static bool display_info_equal(const struct vgpu_answer_rules *rules,
			       const struct vgpu_trace_request *recorded,
			       const struct vgpu_answer *answer)
{
	for (unsigned int i = 0; i < rules->given->num_scanouts; i++) {
		if (i >= rules->recorded->num_scanouts ||
		    !same_output(&rules->recorded->outputs[i], &rules->given->outputs[i]))
			continue;
		if (!mode_equal(recorded, answer, i))
			return false;
	}
	return true;
}

/* After the header, for equal types and lengths. */
static bool payload_equal(const struct vgpu_answer_rules *rules,
			  const struct vgpu_trace_request *recorded,
			  const struct vgpu_answer *answer)
{
	switch (type_of(answer->bytes, answer->len)) {
	case VIRTIO_GPU_RESP_OK_DISPLAY_INFO:
		return display_info_equal(rules, recorded, answer);
	case VIRTIO_GPU_RESP_OK_EDID:
		/* Every device has an identity of its own. */
		return true;
	default:
		return answer->len <= HEADER ||
		       memcmp(recorded->response + HEADER, answer->bytes + HEADER,
			      answer->len - HEADER) == 0;
	}
}

/* flags, fence_id and ctx_id: neighbors in the header. */
static bool fence_equal(const struct vgpu_trace_request *recorded, const struct vgpu_answer *answer)
{
	size_t begin = offsetof(struct virtio_gpu_ctrl_hdr, flags);
	size_t end = offsetof(struct virtio_gpu_ctrl_hdr, ring_idx);

	end = answer->len < end ? answer->len : end;
	return end <= begin ||
	       memcmp(recorded->response + begin, answer->bytes + begin, end - begin) == 0;
}

/*
 * A UUID is random, so that no two devices of a guest give the same one: even the
 * device that recorded it gives another when it is asked again.
 */
static bool differs_by_nature(uint32_t type)
{
	return type == VIRTIO_GPU_RESP_OK_RESOURCE_UUID;
}

enum vgpu_answer_verdict vgpu_answer_compare(const struct vgpu_answer_rules *rules,
					     const struct vgpu_trace_request *recorded,
					     const struct vgpu_answer *answer, const char **why)
{
	uint32_t command = type_of(recorded->request, recorded->request_len);
	uint32_t expected = type_of(recorded->response, recorded->used_len);
	uint32_t got = type_of(answer->bytes, answer->len);

	*why = NULL;
	if (recorded->used_len == answer->used_len && recorded->used_len == answer->len &&
	    (answer->len == 0 || memcmp(recorded->response, answer->bytes, answer->len) == 0))
		return VGPU_ANSWER_EQUAL;
	if (!rules->exact && expected != got) {
		*why = is_beyond(rules, command) && got >= VIRTIO_GPU_RESP_ERR_UNSPEC
			       ? "an EDID from a device that offers none"
			       : find_peculiarity(command, expected, got);
		if (*why != NULL)
			return VGPU_ANSWER_TOLERATED;
	}
	if (expected != got)
		*why = "another type of answer";
	else if (recorded->used_len != answer->used_len || answer->used_len != answer->len)
		*why = "another length";
	else if (!fence_equal(recorded, answer))
		*why = "another fence";
	else if (!differs_by_nature(got) &&
		 (rules->exact || !payload_equal(rules, recorded, answer)))
		*why = "other contents";
	return *why == NULL ? VGPU_ANSWER_EQUAL : VGPU_ANSWER_DIFFERENT;
}
