/* SPDX-License-Identifier: MIT */
/* Requests that wait for each other although the device executes them in order. */
#include "lint/lint.h"

#include <inttypes.h>
#include <linux/virtio_gpu.h>

static void check_request(struct lint *lint, const struct lint_request *request)
{
	const struct vgpu_trace_request *raw = request->raw;
	struct lint_life *life = &lint->life;
	struct lint_sums *sums = &lint->sums;

	if (!request->whole || raw->queue != VGPU_QUEUE_CONTROL)
		return;
	if (request->type == VIRTIO_GPU_CMD_RESOURCE_FLUSH && life->before.transfer &&
	    life->before.id == request->id) {
		sums->pairs++;
		/* Descriptors of a request that is not answered yet cannot be used again. */
		if (raw->head == life->before.head && raw->begin_ns > life->before.end_ns) {
			sums->waited++;
			sums->idle_ns += raw->begin_ns - life->before.end_ns;
			lint_find(&lint->findings, TIM_001, raw, "%s", "");
		}
	}
	life->before.transfer = request->type == VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D;
	life->before.head = raw->head;
	life->before.id = request->id;
	life->before.end_ns = raw->end_ns;
}

static void end(struct lint *lint)
{
	const struct lint_sums *sums = &lint->sums;

	/* A driver that waits now and then has its reasons. */
	if (sums->waited >= LINT_WAITS_MANY && sums->waited * 10 >= sums->pairs * 9)
		lint_sum_up(
			&lint->findings, TIM_001, sums->waited,
			"%" PRIu64 " of %" PRIu64
			" flushes were queued after the answer to their transfer; the queue was "
			"empty for %.3f ms each.",
			sums->waited, sums->pairs,
			(double)sums->idle_ns / 1e6 / (double)sums->waited);
	else
		lint_forget(&lint->findings, TIM_001);
}

const struct lint_area lint_area_waits = {.request = check_request, .end = end};
