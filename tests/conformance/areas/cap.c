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

static struct reply capset(struct rig *t, uint32_t id)
{
	struct virtio_gpu_get_capset request = {
		.hdr = header(VIRTIO_GPU_CMD_GET_CAPSET),
		.capset_id = htole32(id),
	};

	return submit_struct(t, &request, sizeof(request));
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
	if (config(t, 12) > 0)
		not_asked(t, "the device has capsets");
	expect_error(t, capset_info(t, 0), VIRTIO_GPU_RESP_ERR_UNSPEC);
	expect_error(t, capset(t, 1), VIRTIO_GPU_RESP_ERR_UNSPEC);
}

const struct vector cap_vectors[] = {
	VECTOR("VG-CAP-003", "a capset that the device does not have is no success with data",
	       index_outside),
	VECTOR("VG-CAP-005", "an unknown capset is an error", unknown_id),
	VECTOR("VG-CAP-008", "a device without capsets knows no command for them", only_2d),
	{0},
};
