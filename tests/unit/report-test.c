/* SPDX-License-Identifier: MIT */
/* What reports are made of: files, escaped text, pages, and cases for machines. */
#include "golden/png_io.h"
#include "out_file.h"
#include "report/cases.h"
#include "report/html.h"
#include "report/utf8.h"
#include "scene.h"
#include "text-out.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const struct unit_suite report_suite;

static void expect_text(struct text_out *memory, const char *expected)
{
	char *text = text_out_close(memory);

	CU_ASSERT_STRING_EQUAL(text, expected);
	if (strcmp(text, expected) != 0)
		printf("\n--- got\n%s--- expected\n%s", text, expected);
	free(text);
}

/* ---- UTF-8 -------------------------------------------------------------------------------- */

static void utf8_that_is_none_is_replaced_byte_by_byte(void)
{
	static const struct {
		const char *text;
		size_t len;
		uint32_t character;
	} cases[] = {
		{"a", 1, 'a'},
		{"\x7f", 1, 0x7f},
		{"\xc2\x80", 2, 0x80},
		{"\xe2\x82\xac", 3, 0x20ac},
		{"\xf0\x9f\x98\x80", 4, 0x1f600},
		{"\xf4\x8f\xbf\xbf", 4, 0x10ffff},
		/* alone, cut, overlong, surrogate, too large, no lead byte */
		{"\x80", 1, VGPU_UTF8_REPLACEMENT},
		{"\xe2\x82", 1, VGPU_UTF8_REPLACEMENT},
		{"\xe2\x82z", 1, VGPU_UTF8_REPLACEMENT},
		{"\xc0\xaf", 1, VGPU_UTF8_REPLACEMENT},
		{"\xe0\x80\x80", 1, VGPU_UTF8_REPLACEMENT},
		{"\xf0\x80\x80\x80", 1, VGPU_UTF8_REPLACEMENT},
		{"\xed\xa0\x80", 1, VGPU_UTF8_REPLACEMENT},
		{"\xf4\x90\x80\x80", 1, VGPU_UTF8_REPLACEMENT},
		{"\xff", 1, VGPU_UTF8_REPLACEMENT},
	};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		uint32_t character;
		CU_ASSERT_EQUAL(vgpu_utf8_next(cases[i].text, &character), cases[i].len);
		CU_ASSERT_EQUAL(character, cases[i].character);
	}
}

/* ---- files -------------------------------------------------------------------------------- */

static char *file_text(const char *path)
{
	FILE *file = fopen(path, "r");
	char *text = calloc(1, 4096);

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	CU_ASSERT_PTR_NOT_NULL_FATAL(text);
	CU_ASSERT_TRUE(fread(text, 1, 4095, file) > 0);
	fclose(file);
	return text;
}

static void expect_file(const char *path, const char *expected)
{
	char *text = file_text(path);

	CU_ASSERT_STRING_EQUAL(text, expected);
	free(text);
}

static void a_file_is_there_whole_or_not_at_all(void)
{
	char *folder = scene_folder(), *path = scene_path(folder, "a"),
	     *part = scene_path(folder, "a.part");
	struct vgpu_out_file out;
	struct vgpu_error err;

	CU_ASSERT_EQUAL_FATAL(vgpu_out_file_open(&out, path, &err), 0);
	fputs("first", out.file);
	CU_ASSERT_EQUAL(access(path, F_OK), -1);
	CU_ASSERT_EQUAL(vgpu_out_file_close(&out, &err), 0);
	expect_file(path, "first");
	CU_ASSERT_EQUAL_FATAL(vgpu_out_file_open(&out, path, &err), 0);
	fputs("second", out.file);
	vgpu_out_file_abandon(&out);
	vgpu_out_file_abandon(&out);
	expect_file(path, "first");
	CU_ASSERT_EQUAL(access(part, F_OK), -1);
	/* Somebody else's link is not followed. */
	CU_ASSERT_EQUAL_FATAL(symlink(path, part), 0);
	CU_ASSERT_EQUAL(vgpu_out_file_open(&out, path, &err), -ELOOP);
	expect_file(path, "first");
	CU_ASSERT_EQUAL(unlink(part), 0);
	CU_ASSERT_EQUAL(vgpu_out_file_open(&out, "/nonexistent/a", &err), -ENOENT);
	CU_ASSERT_STRING_EQUAL(err.text, "/nonexistent/a: No such file or directory");
	free(path);
	free(part);
	scene_folder_remove(folder);
}

static void what_is_no_regular_file_is_not_replaced(void)
{
	char *folder = scene_folder(), *path = scene_path(folder, "link"),
	     *target = scene_path(folder, "target");
	struct vgpu_out_file out;
	struct vgpu_error err;
	struct stat status;

	CU_ASSERT_EQUAL_FATAL(symlink(target, path), 0);
	CU_ASSERT_EQUAL_FATAL(vgpu_out_file_open(&out, path, &err), 0);
	fputs("text", out.file);
	CU_ASSERT_EQUAL(vgpu_out_file_close(&out, &err), 0);
	CU_ASSERT_EQUAL(lstat(path, &status), 0);
	CU_ASSERT_TRUE(S_ISLNK(status.st_mode));
	expect_file(target, "text");
	CU_ASSERT_EQUAL_FATAL(vgpu_out_file_open(&out, "/dev/full", &err), 0);
	fputs("text", out.file);
	CU_ASSERT_EQUAL(vgpu_out_file_close(&out, &err), -ENOSPC);
	CU_ASSERT_STRING_EQUAL(err.text, "/dev/full: No space left on device");
	free(path);
	free(target);
	scene_folder_remove(folder);
}

/* ---- pages ---------------------------------------------------------------------------------- */

static void text_in_a_page_is_only_text(void)
{
	struct text_out memory;

	text_out_open(&memory);
	vgpu_html_text(memory.out, "<a href=\"x\">&'\t\n\x01\x7f\xc2\x85\xff\xe2\x82\xac");
	vgpu_html_format(memory.out, "%s%d", "<", 5);
	expect_text(&memory, "&lt;a href=&quot;x&quot;&gt;&amp;&#39;\t\n"
			     "&#xfffd;&#xfffd;&#xfffd;&#xfffd;\xe2\x82\xac&lt;5");
}

static void json_in_a_page_does_not_end_its_script(void)
{
	cJSON *object = cJSON_CreateObject();
	struct text_out memory;

	cJSON_AddStringToObject(object, "a", "</script><!--");
	text_out_open(&memory);
	vgpu_html_json(memory.out, "data", object);
	expect_text(&memory, "<script type=\"application/json\" id=\"data\">"
			     "{\"a\":\"\\u003c/script>\\u003c!--\"}</script>\n");
	cJSON_Delete(object);
}

static void pictures_become_urls(void)
{
	static const char *const expected[] = {
		"data:image/png;base64,",     "data:image/png;base64,Zg==",
		"data:image/png;base64,Zm8=", "data:image/png;base64,Zm9v",
		"data:image/png;base64,Zm//",
	};
	static const uint8_t bytes[] = {'f', 'o', 'o'}, other[] = {'f', 0x6f, 0xff};
	struct vgpu_frame frame = {.width = VGPU_PNG_SIDE_MAX + 1, .height = 1};
	struct text_out memory;

	for (size_t len = 0; len <= sizeof(bytes); len++) {
		text_out_open(&memory);
		vgpu_html_png(memory.out, bytes, len);
		expect_text(&memory, expected[len]);
	}
	text_out_open(&memory);
	vgpu_html_png(memory.out, other, sizeof(other));
	expect_text(&memory, expected[4]);
	text_out_open(&memory);
	CU_ASSERT_EQUAL(vgpu_html_frame(memory.out, &frame), -EINVAL);
	expect_text(&memory, "data:,");
}

static char *page_with(const char *title)
{
	const struct vgpu_html_page page = {
		.title = title, .program = "vgpu-test", .lead = "<lead>", .script = "own();\n"};
	struct vgpu_error err;
	struct text_out memory;

	text_out_open(&memory);
	CU_ASSERT_EQUAL(vgpu_html_begin(memory.out, &page, &err), 0);
	vgpu_html_end(memory.out, &page);
	return text_out_close(&memory);
}

/* The nonce that the policy of a page names. */
static void nonce_of(const char *text, char nonce[25])
{
	const char *at = strstr(text, "script-src 'nonce-");

	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	CU_ASSERT_EQUAL(sscanf(at, "script-src 'nonce-%24[0-9a-f]'", nonce), 1);
}

static void a_page_runs_only_its_own_scripts(void)
{
	char *page = page_with("</title><script>"), *other = page_with("other");
	char nonce[25], second[25], script[100];

	CU_ASSERT_EQUAL(strncmp(page, "<!DOCTYPE html>\n", 16), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(page, "content=\"default-src 'none'; "));
	CU_ASSERT_PTR_NOT_NULL(strstr(page, "<title>&lt;/title&gt;&lt;script&gt;</title>"));
	CU_ASSERT_PTR_NOT_NULL(strstr(page, "<p>&lt;lead&gt;</p>"));
	nonce_of(page, nonce);
	nonce_of(other, second);
	CU_ASSERT_EQUAL(strlen(nonce), 24);
	CU_ASSERT_STRING_NOT_EQUAL(nonce, second);
	snprintf(script, sizeof(script), "<script nonce=\"%s\">\nown();\n</script>", nonce);
	CU_ASSERT_PTR_NOT_NULL(strstr(page, script));
	free(page);
	free(other);
}

/* ---- cases ---------------------------------------------------------------------------------- */

static const struct report_run run = {"vgpu-test", "builtin", "vgpu <0>"};

static const struct report_case samples[] = {
	{.suite = "A", .name = "passes", .file = "a.c", .time_ns = 1500000},
	{.suite = "A",
	 .name = "fails # \\ <&>",
	 .verdict = VGPU_CASE_FAIL,
	 .message = "expected \"1\"\ngot \x1b 2",
	 .detail = "first\n<second> \x01\n",
	 .time_ns = 2000000000},
	{.suite = "B",
	 .name = "dies",
	 .classname = "test.B",
	 .verdict = VGPU_CASE_ERROR,
	 .message = "killed"},
	{.suite = "B",
	 .name = "is skipped",
	 .verdict = VGPU_CASE_SKIP,
	 .message = "known: # 7\nas said",
	 .detail = "why"},
	{.suite = "B", .name = "has a note\n\xff", .message = "a note"},
	{.suite = "B", .name = "fails again", .verdict = VGPU_CASE_KNOWN, .message = "seen before"},
};

static void expect_cases(report_cases_fn *write, size_t count, const char *expected)
{
	struct report_cases cases = {0};
	struct text_out memory;

	for (size_t i = 0; i < count; i++)
		CU_ASSERT_EQUAL(report_cases_add(&cases, &samples[i]), 0);
	text_out_open(&memory);
	write(memory.out, &run, &cases);
	expect_text(&memory, expected);
	report_cases_fini(&cases);
}

static void junit_counts_and_escapes(void)
{
	expect_cases(report_junit, 0,
		     "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		     "<testsuites name=\"vgpu-test\" tests=\"0\" failures=\"0\" errors=\"0\" "
		     "skipped=\"0\" time=\"0.000000\">\n"
		     "</testsuites>\n");
	expect_cases(
		report_junit, sizeof(samples) / sizeof(samples[0]),
		"<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
		"<testsuites name=\"vgpu-test\" tests=\"6\" failures=\"1\" errors=\"1\" "
		"skipped=\"2\" time=\"2.001500\">\n"
		"  <testsuite name=\"A\" tests=\"2\" failures=\"1\" errors=\"0\" skipped=\"0\" "
		"time=\"2.001500\">\n"
		"    <properties>\n"
		"      <property name=\"target\" value=\"builtin\"/>\n"
		"      <property name=\"version\" value=\"vgpu &lt;0&gt;\"/>\n"
		"    </properties>\n"
		"    <testcase name=\"passes\" classname=\"A\" file=\"a.c\" time=\"0.001500\">\n"
		"    </testcase>\n"
		"    <testcase name=\"fails # \\ &lt;&amp;&gt;\" classname=\"A\" "
		"time=\"2.000000\">\n"
		"      <failure message=\"expected &quot;1&quot;&#10;got &#xfffd; 2\" "
		"type=\"failure\">expected &quot;1&quot;\n"
		"got &#xfffd; 2\n"
		"first\n"
		"&lt;second&gt; &#xfffd;\n"
		"</failure>\n"
		"    </testcase>\n"
		"  </testsuite>\n"
		"  <testsuite name=\"B\" tests=\"4\" failures=\"0\" errors=\"1\" skipped=\"2\" "
		"time=\"0.000000\">\n"
		"    <properties>\n"
		"      <property name=\"target\" value=\"builtin\"/>\n"
		"      <property name=\"version\" value=\"vgpu &lt;0&gt;\"/>\n"
		"    </properties>\n"
		"    <testcase name=\"dies\" classname=\"test.B\" time=\"0.000000\">\n"
		"      <error message=\"killed\" type=\"error\">killed\n"
		"</error>\n"
		"    </testcase>\n"
		"    <testcase name=\"is skipped\" classname=\"B\" time=\"0.000000\">\n"
		"      <skipped message=\"known: # 7&#10;as said\"/>\n"
		"      <system-out>why\n"
		"</system-out>\n"
		"    </testcase>\n"
		"    <testcase name=\"has a note&#10;&#xfffd;\" classname=\"B\" "
		"time=\"0.000000\">\n"
		"      <system-out>a note\n"
		"</system-out>\n"
		"    </testcase>\n"
		"    <testcase name=\"fails again\" classname=\"B\" time=\"0.000000\">\n"
		"      <skipped type=\"known\" message=\"seen before\"/>\n"
		"    </testcase>\n"
		"  </testsuite>\n"
		"</testsuites>\n");
}

static void tap_has_a_line_for_each_case(void)
{
	expect_cases(report_tap, 0,
		     "TAP version 14\n1..0 # SKIP nothing to test\n# vgpu-test: vgpu <0>\n");
	expect_cases(report_tap, sizeof(samples) / sizeof(samples[0]),
		     "TAP version 14\n"
		     "1..6\n"
		     "# vgpu-test: vgpu <0>\n"
		     "ok 1 - passes\n"
		     "  ---\n"
		     "  severity: \"comment\"\n"
		     "  duration_ms: 1.500\n"
		     "  suite: \"A\"\n"
		     "  file: \"a.c\"\n"
		     "  ...\n"
		     "not ok 2 - fails \\# \\\\ <&>\n"
		     "  ---\n"
		     "  message: \"expected \\\"1\\\"\\ngot \\x1b 2\"\n"
		     "  severity: \"fail\"\n"
		     "  duration_ms: 2000.000\n"
		     "  suite: \"A\"\n"
		     "  detail: |\n"
		     "    first\n"
		     "    <second> \xef\xbf\xbd\n"
		     "  ...\n"
		     "not ok 3 - dies\n"
		     "  ---\n"
		     "  message: \"killed\"\n"
		     "  severity: \"error\"\n"
		     "  duration_ms: 0.000\n"
		     "  suite: \"B\"\n"
		     "  ...\n"
		     "ok 4 - is skipped # SKIP known: \\# 7 as said\n"
		     "  ---\n"
		     "  message: \"known: # 7\\nas said\"\n"
		     "  severity: \"skip\"\n"
		     "  duration_ms: 0.000\n"
		     "  suite: \"B\"\n"
		     "  detail: |\n"
		     "    why\n"
		     "  ...\n"
		     "ok 5 - has a note \xef\xbf\xbd\n"
		     "  ---\n"
		     "  message: \"a note\"\n"
		     "  severity: \"comment\"\n"
		     "  duration_ms: 0.000\n"
		     "  suite: \"B\"\n"
		     "  ...\n"
		     "not ok 6 - fails again # TODO seen before\n"
		     "  ---\n"
		     "  message: \"seen before\"\n"
		     "  severity: \"known\"\n"
		     "  duration_ms: 0.000\n"
		     "  suite: \"B\"\n"
		     "  ...\n");
}

static void cases_go_to_a_file(void)
{
	char *folder = scene_folder(), *path = scene_path(folder, "a.tap");
	struct report_cases cases = {0};
	struct vgpu_error err;

	CU_ASSERT_EQUAL(report_cases_write(report_tap, path, &run, &cases, &err), 0);
	expect_file(path, "TAP version 14\n1..0 # SKIP nothing to test\n# vgpu-test: vgpu <0>\n");
	CU_ASSERT_EQUAL(report_cases_write(report_tap, "/nonexistent/a", &run, &cases, &err),
			-ENOENT);
	free(path);
	scene_folder_remove(folder);
}

static const struct unit_test tests[] = {
	{"UTF-8 that is none is replaced byte by byte", utf8_that_is_none_is_replaced_byte_by_byte},
	{"a file is there whole or not at all", a_file_is_there_whole_or_not_at_all},
	{"what is no regular file is not replaced", what_is_no_regular_file_is_not_replaced},
	{"text in a page is only text", text_in_a_page_is_only_text},
	{"JSON in a page does not end its script", json_in_a_page_does_not_end_its_script},
	{"pictures become URLs", pictures_become_urls},
	{"a page runs only its own scripts", a_page_runs_only_its_own_scripts},
	{"JUnit counts and escapes", junit_counts_and_escapes},
	{"TAP has a line for each case", tap_has_a_line_for_each_case},
	{"cases go to a file", cases_go_to_a_file},
	{NULL, NULL},
};

const struct unit_suite report_suite = {"report", tests};
