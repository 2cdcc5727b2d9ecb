/* SPDX-License-Identifier: MIT */
/* What only the recording device saw, and counted. */
#include "lint/lint.h"

#include <inttypes.h>

#define FIND(lint, rule, ...) lint_find(&(lint)->findings, rule, NULL, __VA_ARGS__)

static const enum vgpu_violation ring_violations[] = {
	VGPU_VIOLATION_BAD_CHAIN,
	VGPU_VIOLATION_BAD_AVAIL,
	VGPU_VIOLATION_CHAIN_ORDER,
	VGPU_VIOLATION_BAD_ADDRESS,
};

static void check_rings(struct lint *lint)
{
	uint64_t count = 0;

	for (size_t i = 0; i < sizeof(ring_violations) / sizeof(ring_violations[0]); i++) {
		uint64_t times = lint->sums.end.violations[ring_violations[i]];
		if (times == 0)
			continue;
		FIND(lint, REC_001, "%" PRIu64 " times: %s.", times,
		     vgpu_violation_text(ring_violations[i]));
		count += times;
	}
	if (count > 0)
		lint->findings.rules[REC_001].count = count;
}

static void end(struct lint *lint)
{
	static const enum lint_rule_id explain[] = {REG_001, REG_002, QUE_002,
						    QUE_003, FEA_004, INI_006};
	uint64_t accesses = lint->sums.end.violations[VGPU_VIOLATION_REGISTER];

	check_rings(lint);
	/* Rules that looked at the accesses themselves say more. */
	for (size_t i = 0; i < sizeof(explain) / sizeof(explain[0]); i++)
		if (lint_found(&lint->findings, explain[i]))
			accesses = 0;
	if (accesses == 0)
		return;
	FIND(lint, REC_002, "%s", "");
	lint_sum_up(&lint->findings, REC_002, accesses, "%" PRIu64 " accesses were refused.",
		    accesses);
}

const struct lint_area lint_area_counters = {.end = end};
