/* SPDX-License-Identifier: MIT */
#include "report/cases.h"
#include "report/markup.h"

#include <stdlib.h>
#include <string.h>

#define NS_PER_SECOND 1e9

struct totals {
	size_t tests, failures, errors, skipped;
	uint64_t time_ns;
};

/* ---- text that XML 1.0 can hold --------------------------------------------------------- */

static bool is_legal(uint32_t character)
{
	return character == '\t' || character == '\n' || character == '\r' ||
	       (character >= 0x20 && character != 0xfffe && character != 0xffff);
}

/* Blanks that are not numbered are plain blanks in an attribute. */
static const struct vgpu_markup xml = {.is_legal = is_legal, .numbered = "\t\n\r"};

static void put_attribute(FILE *out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	fprintf(out, " %s=\"", name);
	vgpu_markup_text(out, &xml, value);
	fputc('"', out);
}

/* Line ends of an element's text are kept readable. */
static void put_lines(FILE *out, const char *text)
{
	for (;;) {
		size_t len = strcspn(text, "\n");
		char *line = strndup(text, len);

		if (line != NULL)
			vgpu_markup_text(out, &xml, line);
		free(line);
		fputc('\n', out);
		if (text[len] == '\0' || text[len + 1] == '\0')
			return;
		text += len + 1;
	}
}

/* ---- elements ------------------------------------------------------------------------------ */

/* There is no word for what is known to fail, and this one fails nobody's pipeline. */
static bool is_skipped(const struct report_case *one)
{
	return one->verdict == VGPU_CASE_SKIP || one->verdict == VGPU_CASE_KNOWN;
}

static void count(struct totals *totals, const struct report_case *one)
{
	totals->tests++;
	totals->failures += one->verdict == VGPU_CASE_FAIL;
	totals->errors += one->verdict == VGPU_CASE_ERROR;
	totals->skipped += is_skipped(one);
	totals->time_ns += one->time_ns;
}

static void put_totals(FILE *out, const struct totals *totals)
{
	fprintf(out, " tests=\"%zu\" failures=\"%zu\" errors=\"%zu\" skipped=\"%zu\" time=\"%.6f\"",
		totals->tests, totals->failures, totals->errors, totals->skipped,
		(double)totals->time_ns / NS_PER_SECOND);
}

/* Who shows only one of message and text must show both. */
static void put_problem(FILE *out, const char *element, const struct report_case *one)
{
	fprintf(out, "      <%s", element);
	put_attribute(out, "message", one->message != NULL ? one->message : "");
	put_attribute(out, "type", element);
	fputc('>', out);
	if (one->message != NULL)
		put_lines(out, one->message);
	if (one->detail != NULL)
		put_lines(out, one->detail);
	fprintf(out, "</%s>\n", element);
}

static void put_output(FILE *out, const struct report_case *one)
{
	if (one->detail == NULL && (is_skipped(one) || one->message == NULL))
		return;
	fputs("      <system-out>", out);
	if (one->message != NULL && !is_skipped(one))
		put_lines(out, one->message);
	if (one->detail != NULL)
		put_lines(out, one->detail);
	fputs("</system-out>\n", out);
}

static void put_case(FILE *out, const struct report_case *one)
{
	fputs("    <testcase", out);
	put_attribute(out, "name", one->name);
	put_attribute(out, "classname", one->classname != NULL ? one->classname : one->suite);
	put_attribute(out, "file", one->file);
	fprintf(out, " time=\"%.6f\">\n", (double)one->time_ns / NS_PER_SECOND);
	if (one->verdict == VGPU_CASE_FAIL)
		put_problem(out, "failure", one);
	if (one->verdict == VGPU_CASE_ERROR)
		put_problem(out, "error", one);
	if (is_skipped(one)) {
		fputs(one->verdict == VGPU_CASE_KNOWN ? "      <skipped type=\"known\""
						      : "      <skipped",
		      out);
		put_attribute(out, "message", one->message);
		fputs("/>\n", out);
	}
	if (one->verdict == VGPU_CASE_PASS || is_skipped(one))
		put_output(out, one);
	fputs("    </testcase>\n", out);
}

static void put_property(FILE *out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	fputs("      <property", out);
	put_attribute(out, "name", name);
	put_attribute(out, "value", value);
	fputs("/>\n", out);
}

/* The cases from first on that are of one suite; returns how many. */
static size_t put_suite(FILE *out, const struct report_run *run, const struct report_cases *cases,
			size_t first)
{
	const struct report_case *all = cases->all + first;
	struct totals totals = {0};
	size_t n = 0;

	for (; first + n < cases->count && strcmp(all[n].suite, all[0].suite) == 0; n++)
		count(&totals, &all[n]);
	fputs("  <testsuite", out);
	put_attribute(out, "name", all[0].suite);
	put_totals(out, &totals);
	fputs(">\n    <properties>\n", out);
	put_property(out, "target", run->target);
	put_property(out, "version", run->version);
	fputs("    </properties>\n", out);
	for (size_t i = 0; i < n; i++)
		put_case(out, &all[i]);
	fputs("  </testsuite>\n", out);
	return n;
}

void report_junit(FILE *out, const struct report_run *run, const struct report_cases *cases)
{
	struct totals totals = {0};

	for (size_t i = 0; i < cases->count; i++)
		count(&totals, &cases->all[i]);
	fputs("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites", out);
	put_attribute(out, "name", run->name);
	put_totals(out, &totals);
	fputs(">\n", out);
	for (size_t i = 0; i < cases->count;)
		i += put_suite(out, run, cases, i);
	fputs("</testsuites>\n", out);
}
