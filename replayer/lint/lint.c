/* SPDX-License-Identifier: MIT */
#include "lint/lint.h"

#include <linux/virtio_gpu.h>

static const struct lint_area *const areas[] = {
	&lint_area_set_up,    &lint_area_interrupts, &lint_area_messages,
	&lint_area_resources, &lint_area_pictures,   &lint_area_cursors,
	&lint_area_displays,  &lint_area_waits,	     &lint_area_counters,
};

#define NUM_AREAS (sizeof(areas) / sizeof(areas[0]))

uint32_t lint_flags(const struct lint_request *request)
{
	return vgpu_message_u32(request->raw->request, request->raw->request_len,
				offsetof(struct virtio_gpu_ctrl_hdr, flags));
}

void lint_blame(struct lint *lint, enum lint_rule_id id, const struct lint_request *request,
		const char *format, ...)
{
	va_list args;

	lint->explained = true;
	va_start(args, format);
	lint_vfind(&lint->findings, id, request->raw, format, args);
	va_end(args);
}

void lint_fini(struct lint *lint)
{
	lint_guest_reset(&lint->guest);
}

static void end_life(struct lint *lint)
{
	for (size_t i = 0; i < NUM_AREAS; i++)
		if (areas[i]->life_end != NULL)
			areas[i]->life_end(lint);
	lint_guest_reset(&lint->guest);
	lint->life = (struct lint_life){0};
}

static void take_start(struct lint *lint, const struct vgpu_start_event *start)
{
	/* A reset that nobody told of. */
	if (lint->guest.started)
		end_life(lint);
	lint->guest.started = true;
	lint->guest.features_offered = start->features_offered;
	lint->guest.features = start->features_accepted;
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		lint->guest.queue_size[i] = start->queues[i].ready ? start->queues[i].size : 0;
	for (size_t i = 0; i < NUM_AREAS; i++)
		if (areas[i]->start != NULL)
			areas[i]->start(lint, start);
}

static void take_register(struct lint *lint, const struct vgpu_trace_register *reg)
{
	for (size_t i = 0; i < NUM_AREAS; i++)
		if (areas[i]->reg != NULL)
			areas[i]->reg(lint, reg);
}

/*
 * No driver sent it: the model follows, and nobody is blamed. What the driver did to get
 * there is not in the trace, and taken for well done.
 */
static void take_state(struct lint *lint, const struct vgpu_trace_request *raw)
{
	struct lint_request request;

	lint_request_decode(raw, &request);
	lint_guest_apply(&lint->guest, &request, NULL);
	struct lint_resource *resource = lint_guest_living(&lint->guest, request.id);
	if (resource == NULL)
		return;
	resource->used = resource->fenced = true;
	resource->num_pending = 0;
	resource->transferred = 0;
}

static void take_request(struct lint *lint, const struct vgpu_trace_request *raw)
{
	uint32_t answer = vgpu_message_u32(raw->response, raw->used_len, 0);
	const char *name = vgpu_type_name(answer);
	struct lint_request request;

	lint_request_decode(raw, &request);
	lint->explained = false;
	lint->change = (struct lint_change){0};
	lint->sums.requests++;
	if (raw->queue < VGPU_NUM_QUEUES)
		lint->life.requests[raw->queue]++;
	for (size_t i = 0; i < NUM_AREAS; i++)
		if (areas[i]->request != NULL)
			areas[i]->request(lint, &request);
	if (request.refused && !lint->explained)
		lint_find(&lint->findings, MSG_009, raw, "It was answered with 0x%04x%s%s.", answer,
			  name != NULL ? ", " : "", name != NULL ? name : "");
	lint_guest_apply(&lint->guest, &request, &lint->change);
	for (size_t i = 0; i < NUM_AREAS; i++)
		if (areas[i]->applied != NULL)
			areas[i]->applied(lint, &request,
					  lint_guest_living(&lint->guest, request.id));
}

void lint_record(struct lint *lint, const struct vgpu_trace_record *record)
{
	switch (record->type) {
	case VGPU_TRACE_START:
		take_start(lint, &record->start);
		/* Whatever was to be asked at first was asked before the trace began. */
		lint->life.asked_info = lint->life.asked_edid = record->state;
		break;
	case VGPU_TRACE_RESET:
		end_life(lint);
		break;
	case VGPU_TRACE_OUTPUTS:
		lint->guest.num_outputs = record->outputs.num_scanouts;
		break;
	case VGPU_TRACE_REGISTER:
		take_register(lint, &record->reg);
		break;
	case VGPU_TRACE_REQUEST:
		if (record->request.state)
			take_state(lint, &record->request);
		else
			take_request(lint, &record->request);
		break;
	case VGPU_TRACE_FRAME:
		lint->sums.frames++;
		break;
	case VGPU_TRACE_END:
		lint->sums.ended = true;
		lint->sums.end = record->end;
		break;
	}
}

void lint_end(struct lint *lint)
{
	end_life(lint);
	for (size_t i = 0; i < NUM_AREAS; i++)
		if (areas[i]->end != NULL)
			areas[i]->end(lint);
}
