/* SPDX-License-Identifier: MIT */
/* VG-CAP: capsets. */
#include "conformance/vocabulary/command.h"

#include <endian.h>

extern const struct vector cap_vectors[];

static struct reply capset_info(struct rig *t, uint32_t index)
{
	struct virtio_gpu_get_capset_info request = {
		.hdr = header(VIRTIO_GPU_CMD_GET_CAPSET_INFO),
		.capset_index = htole32(index),
	};

	return submit_struct(t, &request, sizeof(request));
}

static struct virtio_gpu_get_capset capset_request(uint32_t id, uint32_t version)
{
	return (struct virtio_gpu_get_capset){
		.hdr = header(VIRTIO_GPU_CMD_GET_CAPSET),
		.capset_id = htole32(id),
		.capset_version = htole32(version),
	};
}

static struct reply capset(struct rig *t, uint32_t id)
{
	struct virtio_gpu_get_capset request = capset_request(id, 0);

	return submit_struct(t, &request, sizeof(request));
}

static bool has_capsets(struct rig *t)
{
	return config(t, 12) > 0;
}

/* Success with data, or an error, which is all that there is without capsets. */
static void expect_capset(struct rig *t, struct reply reply)
{
	if (has_capsets(t))
		expect_either(t, reply, VIRTIO_GPU_RESP_OK_CAPSET);
	else
		expect_error(t, reply, VIRTIO_GPU_RESP_ERR_UNSPEC);
}

static void unknown_version(struct rig *t)
{
	static const uint32_t versions[] = {1, 1000, 0xffffffff};

	for (unsigned int i = 0; i < COUNT(versions); i++) {
		struct virtio_gpu_get_capset request = capset_request(1, versions[i]);

		expect_capset(t, submit_struct(t, &request, sizeof(request)));
	}
}

/* That nothing is written beyond what there is room for is seen at every request. */
static void short_response(struct rig *t)
{
	static const uint32_t rooms[] = {1, 23, 24, 25, 64};
	struct virtio_gpu_get_capset request = capset_request(1, 0);

	for (unsigned int i = 0; i < COUNT(rooms); i++) {
		struct reply reply = submit(t, CONTROL, &request, sizeof(request), rooms[i]);

		expect_returned(t, reply);
		if (rooms[i] >= sizeof(reply.hdr))
			expect_capset(t, reply);
		else
			prefer(t, reply.used_len == rooms[i], "%u bytes answered in a room of %u",
			       reply.used_len, rooms[i]);
	}
}

static void index_outside(struct rig *t)
{
	expect_either(t, capset_info(t, config(t, 12)), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	expect_either(t, capset_info(t, 0xffffffff), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
}

static void unknown_id(struct rig *t)
{
	expect_error(t, capset(t, 0), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	expect_error(t, capset(t, 99), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
}

static void only_2d(struct rig *t)
{
	if (has_capsets(t))
		not_asked(t, "the device has capsets");
	expect_error(t, capset_info(t, 0), VIRTIO_GPU_RESP_ERR_UNSPEC);
	expect_error(t, capset(t, 1), VIRTIO_GPU_RESP_ERR_UNSPEC);
}

const struct vector cap_vectors[] = {
	VECTOR("VG-CAP-003", "a capset that the device does not have is no success with data",
	       index_outside),
	VECTOR("VG-CAP-005", "an unknown capset is an error", unknown_id),
	VECTOR("VG-CAP-006", "a version that no capset has is answered", unknown_version),
	VECTOR("VG-CAP-007", "a short response to GET_CAPSET has what fits", short_response),
	VECTOR("VG-CAP-008", "a device without capsets knows no command for them", only_2d),
	{0},
};
