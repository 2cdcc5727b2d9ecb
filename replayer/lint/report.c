/* SPDX-License-Identifier: MIT */
#include "lint/report.h"

#include <inttypes.h>
#include <string.h>

static void print_line(FILE *out, cJSON *object)
{
	char *text = cJSON_PrintUnformatted(object);

	if (text != NULL)
		fprintf(out, "%s\n", text);
	cJSON_free(text);
	cJSON_Delete(object);
}

/* ---- text ------------------------------------------------------------------------------- */

static void text_finding(const struct lint_report *report, const struct lint_rule *rule,
			 const struct lint_finding *finding)
{
	fprintf(report->out, "%s  %-7s  %" PRIu64 " time%s", rule->id,
		lint_severity_name(rule->severity), finding->count, finding->count == 1 ? "" : "s");
	if (finding->has_request)
		fprintf(report->out, ", first in request %" PRIu64 ": %s", finding->request,
			finding->text);
	fprintf(report->out, "\n    %s\n    %s\n    %s\n", rule->rule, finding->sentence,
		rule->advice);
}

static void text_summary(const struct lint_report *report, const struct lint *lint,
			 const unsigned int counts[LINT_ERROR + 1])
{
	const struct lint_guest *guest = &lint->guest;

	if (guest->unkept > 0)
		fprintf(report->out,
			"%s: no room for the pictures of %" PRIu64
			" resources, whose transfers were not compared\n",
			report->path, guest->unkept);
	fprintf(report->out,
		"%s: %u error%s, %u warning%s, %u advice in %" PRIu64 " requests, %" PRIu64
		" frames%s\n",
		report->path, counts[LINT_ERROR], counts[LINT_ERROR] == 1 ? "" : "s",
		counts[LINT_WARNING], counts[LINT_WARNING] == 1 ? "" : "s", counts[LINT_ADVICE],
		lint->sums.requests, lint->sums.frames,
		lint->registers.seen ? "" : "; without register accesses");
}

/* ---- JSON ------------------------------------------------------------------------------- */

static void json_finding(const struct lint_report *report, const struct lint_rule *rule,
			 const struct lint_finding *finding)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "type", "finding");
	cJSON_AddStringToObject(object, "rule", rule->id);
	cJSON_AddStringToObject(object, "severity", lint_severity_name(rule->severity));
	cJSON_AddNumberToObject(object, "count", (double)finding->count);
	if (finding->has_request) {
		cJSON_AddNumberToObject(object, "number", (double)finding->request);
		if (finding->json[0] != '\0')
			cJSON_AddRawToObject(object, "request", finding->json);
	}
	cJSON_AddStringToObject(object, "must", rule->rule);
	cJSON_AddStringToObject(object, "found", finding->sentence);
	cJSON_AddStringToObject(object, "advice", rule->advice);
	cJSON_AddStringToObject(object, "source", rule->source);
	print_line(report->out, object);
}

static void json_summary(const struct lint_report *report, const struct lint *lint,
			 const unsigned int counts[LINT_ERROR + 1])
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "type", "summary");
	cJSON_AddStringToObject(object, "trace", report->path);
	cJSON_AddBoolToObject(object, "whole", report->whole);
	cJSON_AddNumberToObject(object, "errors", counts[LINT_ERROR]);
	cJSON_AddNumberToObject(object, "warnings", counts[LINT_WARNING]);
	cJSON_AddNumberToObject(object, "advice", counts[LINT_ADVICE]);
	cJSON_AddNumberToObject(object, "requests", (double)lint->sums.requests);
	cJSON_AddNumberToObject(object, "frames", (double)lint->sums.frames);
	cJSON_AddBoolToObject(object, "registers", lint->registers.seen);
	cJSON_AddNumberToObject(object, "not_compared", (double)lint->guest.unkept);
	print_line(report->out, object);
}

/* ---- both ------------------------------------------------------------------------------- */

static void report_severity(const struct lint_report *report, const struct lint *lint,
			    enum lint_severity severity, unsigned int *count)
{
	const struct lint_rule *rule;

	*count = 0;
	for (size_t i = 0; (rule = lint_rule_at(i)) != NULL; i++) {
		const struct lint_finding *finding = &lint->findings.rules[i];

		if (rule->severity != severity || finding->count == 0 ||
		    !lint_rule_is_named(rule, report->rules))
			continue;
		(*count)++;
		if (report->json)
			json_finding(report, rule, finding);
		else
			text_finding(report, rule, finding);
	}
}

void lint_report(const struct lint_report *report, const struct lint *lint,
		 unsigned int counts[LINT_ERROR + 1])
{
	report_severity(report, lint, LINT_ERROR, &counts[LINT_ERROR]);
	report_severity(report, lint, LINT_WARNING, &counts[LINT_WARNING]);
	report_severity(report, lint, LINT_ADVICE, &counts[LINT_ADVICE]);
	if (report->json)
		json_summary(report, lint, counts);
	else
		text_summary(report, lint, counts);
}

static void json_rule(FILE *out, const struct lint_rule *rule)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "rule", rule->id);
	cJSON_AddStringToObject(object, "severity", lint_severity_name(rule->severity));
	cJSON_AddStringToObject(object, "must", rule->rule);
	cJSON_AddStringToObject(object, "advice", rule->advice);
	cJSON_AddStringToObject(object, "source", rule->source);
	print_line(out, object);
}

void lint_report_rules(FILE *out, bool json, const char *rules)
{
	const struct lint_rule *rule;

	if (!json)
		fprintf(out, "| rule | severity | what must be true | what to do | source |\n"
			     "|---|---|---|---|---|\n");
	for (size_t i = 0; (rule = lint_rule_at(i)) != NULL; i++) {
		if (!lint_rule_is_named(rule, rules))
			continue;
		if (json)
			json_rule(out, rule);
		else
			fprintf(out, "| %s | %s | %s | %s | %s |\n", rule->id,
				lint_severity_name(rule->severity), rule->rule, rule->advice,
				rule->source);
	}
}
