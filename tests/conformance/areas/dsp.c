/* SPDX-License-Identifier: MIT */
/* VG-DSP: GET_DISPLAY_INFO. */
#include "conformance/vocabulary/command.h"

#include <string.h>

extern const struct vector dsp_vectors[];

static void sixteen_modes(struct rig *t)
{
	expect_serving(t);
}

static void plausible(struct rig *t)
{
	for (uint32_t i = 0; i < num_scanouts(t); i++) {
		struct virtio_gpu_display_one one = display(t, i);

		check(t, one.enabled <= 1, "output %u: enabled is %u", i, one.enabled);
		check(t, one.r.width <= 32768 && one.r.height <= 32768, "output %u is %ux%u", i,
		      one.r.width, one.r.height);
	}
}

static void rest_is_zero(struct rig *t)
{
	const struct virtio_gpu_display_one none = {0};

	for (uint32_t i = num_scanouts(t); i < VIRTIO_GPU_MAX_SCANOUTS; i++) {
		struct virtio_gpu_display_one one = display(t, i);

		check(t, memcmp(&one, &none, sizeof(one)) == 0, "output %u is not zero", i);
	}
}

static void enabled_outputs(struct rig *t)
{
	for (uint32_t i = 0; i < num_scanouts(t); i++) {
		struct virtio_gpu_display_one one = display(t, i);

		check(t, (one.enabled == 1) == (i == 0), "output %u: enabled is %u", i,
		      one.enabled);
		check(t, one.enabled == 0 || (one.r.width > 0 && one.r.height > 0),
		      "output %u is enabled and %ux%u", i, one.r.width, one.r.height);
	}
}

static bool are_apart(const struct virtio_gpu_rect *a, const struct virtio_gpu_rect *b)
{
	return a->x >= (uint64_t)b->x + b->width || b->x >= (uint64_t)a->x + a->width ||
	       a->y >= (uint64_t)b->y + b->height || b->y >= (uint64_t)a->y + a->height;
}

/* Two displays beside each other, and the second one below the first. */
static void two_outputs(struct rig *t)
{
	static const struct vgpu_rect places[] = {{800, 0, 640, 480}, {16, 600, 320, 240}};
	const struct vgpu_output first = {.rect = {0, 0, 800, 600}, .enabled = true};

	for (unsigned int i = 0; i < COUNT(places); i++) {
		const struct vgpu_rect *place = &places[i];
		const struct vgpu_output both[] = {first, {.rect = *place, .enabled = true}};

		set_outputs(t, both, 2);
		struct virtio_gpu_display_one a = display(t, 0), b = display(t, 1);
		check(t, a.enabled == 1 && b.enabled == 1, "enabled are %u and %u", a.enabled,
		      b.enabled);
		check(t, a.r.width == 800 && a.r.height == 600, "output 0 is %ux%u", a.r.width,
		      a.r.height);
		check(t, b.r.width == place->width && b.r.height == place->height,
		      "output 1 is %ux%u", b.r.width, b.r.height);
		prefer(t, a.r.x == 0 && a.r.y == 0 && b.r.x == place->x && b.r.y == place->y,
		       "the outputs are at (%u, %u) and (%u, %u), expected (0, 0) and (%u, %u)",
		       a.r.x, a.r.y, b.r.x, b.r.y, place->x, place->y);
		prefer(t, are_apart(&a.r, &b.r), "the outputs overlap");
	}
	set_outputs(t, (struct vgpu_output[2]){first}, 2);
	restore_output(t);
}

static void flags(struct rig *t)
{
	for (uint32_t i = 0; i < num_scanouts(t); i++)
		prefer(t, display(t, i).flags == 0, "output %u: flags are 0x%x", i,
		       display(t, i).flags);
}

static void resized(struct rig *t)
{
	set_output(t, 800, 600);
	struct virtio_gpu_display_one one = display(t, 0);
	check(t, one.r.width == 800 && one.r.height == 600 && one.enabled == 1, "output 0 is %ux%u",
	      one.r.width, one.r.height);
	set_output(t, OUTPUT_WIDTH, OUTPUT_HEIGHT);
}

static void long_request(struct rig *t)
{
	uint8_t request[224] = {0x00, 0x01};

	memset(request + 24, 0xff, sizeof(request) - 24);
	struct reply reply = submit(t, CONTROL, request, sizeof(request), DISPLAY_INFO_SIZE);
	expect_info(t, reply);
	struct reply usual = get_display_info(t);
	expect_beginning(t, &reply, &usual);
}

static void short_response(struct rig *t)
{
	static const uint32_t rooms[] = {24, 25, 407};
	struct virtio_gpu_ctrl_hdr request = header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	struct reply all = get_display_info(t);

	for (unsigned int i = 0; i < COUNT(rooms); i++) {
		struct reply reply = submit(t, CONTROL, &request, sizeof(request), rooms[i]);

		expect_info(t, reply);
		expect_beginning(t, &reply, &all);
	}
}

const struct vector dsp_vectors[] = {
	VECTOR("VG-DSP-001", "the answer is 408 bytes, always 16 modes", sixteen_modes),
	VECTOR("VG-DSP-002", "modes are plausible", plausible),
	VECTOR("VG-DSP-003", "modes of outputs that are not there are zero", rest_is_zero),
	VECTOR("VG-DSP-004", "an output that is enabled has a size", enabled_outputs),
	VECTOR("VG-DSP-005", "two displays have their sizes, and their places", two_outputs,
	       .needs = NEED_OUTPUTS, .scanouts = 2),
	VECTOR("VG-DSP-006", "a mode's flags are 0", flags),
	VECTOR("VG-DSP-007", "the answer follows a resize at once", resized, .needs = NEED_OUTPUTS),
	VECTOR("VG-DSP-008", "bytes after the request are ignored", long_request),
	VECTOR("VG-DSP-009", "a short response has what fits", short_response),
	{0},
};
