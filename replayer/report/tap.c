/* SPDX-License-Identifier: MIT */
#include "report/cases.h"
#include "report/utf8.h"

#include <string.h>

/* ---- text ------------------------------------------------------------------------------- */

/* In a line of its own kind: nothing that ends it, nothing that begins a directive. */
static void put_description(FILE *out, const char *text)
{
	while (*text != '\0') {
		uint32_t character;
		size_t len = vgpu_utf8_next(text, &character);

		if (character == '#' || character == '\\')
			fputc('\\', out);
		if (vgpu_utf8_is_control(character))
			fputc(' ', out);
		else if (character == VGPU_UTF8_REPLACEMENT)
			fputs("\xef\xbf\xbd", out);
		else
			fwrite(text, 1, len, out);
		text += len;
	}
}

/* A scalar of YAML in double quotes. */
static void put_quoted(FILE *out, const char *text)
{
	fputc('"', out);
	while (*text != '\0') {
		uint32_t character;
		size_t len = vgpu_utf8_next(text, &character);

		if (character == '"' || character == '\\')
			fprintf(out, "\\%c", (char)character);
		else if (character == '\n')
			fputs("\\n", out);
		else if (character < 0x20 || character == 0x7f)
			fprintf(out, "\\x%02x", character);
		else if (vgpu_utf8_is_control(character) || character == VGPU_UTF8_REPLACEMENT)
			fputs("\xef\xbf\xbd", out);
		else
			fwrite(text, 1, len, out);
		text += len;
	}
	fputc('"', out);
}

static void put_field(FILE *out, const char *name, const char *value)
{
	if (value == NULL)
		return;
	fprintf(out, "  %s: ", name);
	put_quoted(out, value);
	fputc('\n', out);
}

/* As YAML's literal text has it, whose first line says how far all are indented. */
static void put_line(FILE *out, const char *line, size_t len)
{
	const char *end = line + len;

	fputs("    ", out);
	while (line < end) {
		uint32_t character;
		size_t n = vgpu_utf8_next(line, &character);

		if ((vgpu_utf8_is_control(character) && character != '\t') ||
		    character == VGPU_UTF8_REPLACEMENT)
			fputs("\xef\xbf\xbd", out);
		else
			fwrite(line, 1, n, out);
		line += n;
	}
	fputc('\n', out);
}

static void put_lines(FILE *out, const char *name, const char *text)
{
	if (text == NULL)
		return;
	text += strspn(text, " \t\n");
	if (*text == '\0')
		return;
	fprintf(out, "  %s: |\n", name);
	while (*text != '\0') {
		size_t len = strcspn(text, "\n");

		put_line(out, text, len);
		text += len + (text[len] == '\n');
	}
}

/* ---- lines --------------------------------------------------------------------------------- */

static void put_diagnostics(FILE *out, const struct report_case *one)
{
	static const char *const severities[] = {
		[VGPU_CASE_PASS] = "comment", [VGPU_CASE_FAIL] = "fail",
		[VGPU_CASE_ERROR] = "error",  [VGPU_CASE_KNOWN] = "known",
		[VGPU_CASE_SKIP] = "skip",
	};

	fputs("  ---\n", out);
	put_field(out, "message", one->message);
	put_field(out, "severity", severities[one->verdict]);
	fprintf(out, "  duration_ms: %.3f\n", (double)one->time_ns / 1e6);
	put_field(out, "suite", one->suite);
	put_field(out, "file", one->file);
	put_lines(out, "detail", one->detail);
	fputs("  ...\n", out);
}

static void put_case(FILE *out, const struct report_case *one, size_t number)
{
	bool ok = one->verdict == VGPU_CASE_PASS || one->verdict == VGPU_CASE_SKIP;

	fprintf(out, "%s %zu - ", ok ? "ok" : "not ok", number);
	put_description(out, one->name);
	if (one->verdict == VGPU_CASE_SKIP || one->verdict == VGPU_CASE_KNOWN) {
		fputs(one->verdict == VGPU_CASE_SKIP ? " # SKIP " : " # TODO ", out);
		put_description(out, one->message != NULL ? one->message : "");
	}
	fputc('\n', out);
	put_diagnostics(out, one);
}

void report_tap(FILE *out, const struct report_run *run, const struct report_cases *cases)
{
	fprintf(out, "TAP version 14\n1..%zu", cases->count);
	fputs(cases->count == 0 ? " # SKIP nothing to test\n" : "\n", out);
	fputs("# ", out);
	put_description(out, run->name);
	fputs(": ", out);
	put_description(out, run->version != NULL ? run->version : run->target);
	fputc('\n', out);
	for (size_t i = 0; i < cases->count; i++)
		put_case(out, &cases->all[i], i + 1);
}
