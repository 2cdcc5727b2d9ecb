/* SPDX-License-Identifier: MIT */
#include "lint/findings.h"

#include <stdio.h>

static void keep_request(struct lint_finding *finding, const struct vgpu_trace_request *request)
{
	cJSON *object = cJSON_CreateObject();

	finding->has_request = true;
	finding->request = request->number;
	vgpu_decode_request(request->request, request->request_len, finding->text);
	vgpu_decode_request_json(request->request, request->request_len, object);
	if (!cJSON_PrintPreallocated(object, finding->json, sizeof(finding->json), false))
		finding->json[0] = '\0';
	cJSON_Delete(object);
}

void lint_vfind(struct lint_findings *findings, enum lint_rule_id id,
		const struct vgpu_trace_request *request, const char *format, va_list args)
{
	struct lint_finding *finding = &findings->rules[id];

	if (finding->count++ > 0)
		return;
	vsnprintf(finding->sentence, sizeof(finding->sentence), format, args);
	if (request != NULL)
		keep_request(finding, request);
}

void lint_find(struct lint_findings *findings, enum lint_rule_id id,
	       const struct vgpu_trace_request *request, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	lint_vfind(findings, id, request, format, args);
	va_end(args);
}

void lint_sum_up(struct lint_findings *findings, enum lint_rule_id id, uint64_t count,
		 const char *format, ...)
{
	struct lint_finding *finding = &findings->rules[id];
	va_list args;

	va_start(args, format);
	vsnprintf(finding->sentence, sizeof(finding->sentence), format, args);
	va_end(args);
	finding->count = count;
}

void lint_forget(struct lint_findings *findings, enum lint_rule_id id)
{
	findings->rules[id] = (struct lint_finding){0};
}

bool lint_found(const struct lint_findings *findings, enum lint_rule_id id)
{
	return findings->rules[id].count > 0;
}
