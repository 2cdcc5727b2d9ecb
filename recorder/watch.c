/* SPDX-License-Identifier: MIT */
#include "watch.h"

#include <string.h>

/* A driver that is broken for days leaves few traces a day and not none. */
#define LONGEST 1024u

void vgpu_watch_init(struct vgpu_watch *watch, uint64_t wait_ns)
{
	*watch = (struct vgpu_watch){.wait_ns = wait_ns, .longer = 1};
}

static bool is_fault(enum vgpu_violation violation)
{
	return violation != VGPU_VIOLATION_NO_VERSION_1 &&
	       vgpu_violation_severity(violation) >= VGPU_SEVERITY_ERROR;
}

static void note(struct vgpu_watch *watch, uint64_t now_ns, const struct vgpu_trace_dump *why)
{
	if (watch->pending)
		return;
	watch->pending = true;
	watch->first = *why;
	watch->since_ns = now_ns;
}

void vgpu_watch_violations(struct vgpu_watch *watch, uint64_t now_ns,
			   const uint64_t violations[VGPU_NUM_VIOLATIONS])
{
	if (memcmp(watch->seen, violations, sizeof(watch->seen)) == 0)
		return;
	for (enum vgpu_violation i = 0; i < VGPU_NUM_VIOLATIONS; i++) {
		if (!is_fault(i) || violations[i] == watch->seen[i])
			continue;
		watch->faults += violations[i] - watch->seen[i];
		note(watch, now_ns,
		     &(struct vgpu_trace_dump){.cause = VGPU_TRACE_DUMP_FAULT, .violation = i});
	}
	memcpy(watch->seen, violations, sizeof(watch->seen));
}

void vgpu_watch_reset(struct vgpu_watch *watch, uint64_t now_ns)
{
	watch->faults++;
	note(watch, now_ns, &(struct vgpu_trace_dump){.cause = VGPU_TRACE_DUMP_RESET});
}

bool vgpu_watch_due(const struct vgpu_watch *watch, uint64_t now_ns, struct vgpu_trace_dump *why)
{
	if (!watch->pending || now_ns < watch->next_ns || watch->traces >= VGPU_WATCH_MAX_TRACES)
		return false;
	*why = watch->first;
	return true;
}

void vgpu_watch_done(struct vgpu_watch *watch, uint64_t now_ns)
{
	bool had_to_wait = watch->since_ns < watch->next_ns;

	if (!had_to_wait)
		watch->longer = 1;
	else if (watch->longer < LONGEST)
		watch->longer *= 2;
	watch->next_ns = now_ns + watch->longer * watch->wait_ns;
	watch->pending = false;
	watch->traces++;
}
