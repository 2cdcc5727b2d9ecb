/* SPDX-License-Identifier: MIT */
/* What the driver asks of the displays. */
#include "lint/lint.h"

#include <inttypes.h>
#include <linux/virtio_gpu.h>
#include <linux/virtio_mmio.h>

#define FIND(lint, rule, ...) lint_find(&(lint)->findings, rule, NULL, __VA_ARGS__)

static bool names_scanout(uint32_t type)
{
	return type == VIRTIO_GPU_CMD_SET_SCANOUT || type == VIRTIO_GPU_CMD_SET_SCANOUT_BLOB ||
	       type == VIRTIO_GPU_CMD_GET_EDID || type == VIRTIO_GPU_CMD_UPDATE_CURSOR ||
	       type == VIRTIO_GPU_CMD_MOVE_CURSOR;
}

static void check_scanout(struct lint *lint, const struct lint_request *request)
{
	unsigned int have = lint->guest.num_outputs;

	if (names_scanout(request->type) && have != 0 && request->scanout >= have)
		lint_blame(lint, SCN_001, request, "Scanout %u is named, and there are %u.",
			   request->scanout, have);
	if ((request->type == VIRTIO_GPU_CMD_SET_SCANOUT ||
	     request->type == VIRTIO_GPU_CMD_SET_SCANOUT_BLOB) &&
	    request->id != 0 && !lint->life.shown) {
		if (!lint->life.asked_info)
			lint_find(&lint->findings, DSP_001, request->raw,
				  "Resource %u is shown as %ux%u.", request->id,
				  request->rect.width, request->rect.height);
		lint->life.shown = true;
	}
}

static void see_question(struct lint *lint, uint32_t type)
{
	if (type == VIRTIO_GPU_CMD_GET_DISPLAY_INFO)
		lint->life.asked_info = true;
	else if (type == VIRTIO_GPU_CMD_GET_EDID)
		lint->life.asked_edid = true;
	else
		return;
	lint->life.told = false;
}

/*
 * Outputs change without a word as well: what a driver must answer is what it was
 * told by an interrupt or has read.
 */
static void check_register(struct lint *lint, const struct vgpu_trace_register *reg)
{
	bool told;

	if (reg->write)
		return;
	if (reg->offset == VIRTIO_MMIO_CONFIG)
		told = (reg->value & VIRTIO_GPU_EVENT_DISPLAY) != 0;
	else if (reg->offset == VIRTIO_MMIO_INTERRUPT_STATUS)
		told = lint->life.told || (reg->value & VIRTIO_MMIO_INT_CONFIG) != 0;
	else
		return;
	if (told && !lint->life.told)
		lint->life.since_told = 0;
	lint->life.told = told;
}

static void check_change(struct lint *lint)
{
	if (lint->life.told && lint->life.since_told > LINT_REQUESTS_LATER)
		FIND(lint, DSP_003,
		     "The driver was told, and none of %" PRIu64 " requests after that asked.",
		     lint->life.since_told);
}

static void check_request(struct lint *lint, const struct lint_request *request)
{
	lint->life.since_told++;
	if (!request->whole)
		return;
	check_scanout(lint, request);
	see_question(lint, request->type);
}

static void end_life(struct lint *lint)
{
	if (lint->life.requests[0] > LINT_REQUESTS_LATER && !lint->life.asked_edid &&
	    lint->guest.started && lint_guest_accepted(&lint->guest, VIRTIO_GPU_F_EDID))
		FIND(lint, DSP_002, "EDID was accepted, and none of %" PRIu64 " requests asked.",
		     lint->life.requests[0]);
	check_change(lint);
}

const struct lint_area lint_area_displays = {
	.reg = check_register, .request = check_request, .life_end = end_life};
