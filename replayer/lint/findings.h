/* SPDX-License-Identifier: MIT */
/* What was found: of each rule how often, where first, and one sentence on that. */
#ifndef VGPU_LINT_FINDINGS_H
#define VGPU_LINT_FINDINGS_H

#include "decode.h"
#include "lint/rules.h"
#include "trace.h"

#include <stdarg.h>

struct lint_finding {
	uint64_t count;		     /* 0: not found */
	bool has_request;	     /* otherwise it is about set-up, registers or the whole */
	uint64_t request;	     /* number of the first one */
	char text[VGPU_DECODE_TEXT]; /* it, decoded */
	char json[VGPU_DECODE_TEXT]; /* the same as an object; empty: out of memory */
	char sentence[256];
};

struct lint_findings {
	struct lint_finding rules[LINT_NUM_RULES];
};

/*
 * Counts a finding about a request, or about none with NULL. The first one's
 * sentence is kept.
 */
void lint_find(struct lint_findings *findings, enum lint_rule_id id,
	       const struct vgpu_trace_request *request, const char *format, ...)
	__attribute__((format(printf, 4, 5)));
void lint_vfind(struct lint_findings *findings, enum lint_rule_id id,
		const struct vgpu_trace_request *request, const char *format, va_list args);
/* Gives a rule that was found another count and sentence: sums, at the end. */
void lint_sum_up(struct lint_findings *findings, enum lint_rule_id id, uint64_t count,
		 const char *format, ...) __attribute__((format(printf, 4, 5)));
/* As if it had never been found. */
void lint_forget(struct lint_findings *findings, enum lint_rule_id id);
bool lint_found(const struct lint_findings *findings, enum lint_rule_id id);

#endif
