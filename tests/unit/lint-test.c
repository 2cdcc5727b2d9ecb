/* SPDX-License-Identifier: MIT */
/* The rules, each broken and kept; and what is found in recordings of real drivers. */
#include "lint-driver.h"
#include "lint/report.h"
#include "scene.h"
#include "text-out.h"
#include "trace_tools.h"
#include "unit.h"

#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct unit_suite lint_suite;

static const struct {
	const struct lint_case *cases;
	const size_t *count;
} tables[] = {
	{lint_set_up_cases, &lint_num_set_up_cases},
	{lint_request_cases, &lint_num_request_cases},
	{lint_edge_cases, &lint_num_edge_cases},
};

#define NUM_TABLES (sizeof(tables) / sizeof(tables[0]))

/* Names what was found, or not found, in vain; CUnit only says where it noticed. */
static void complain(const struct lint_case *c, const struct drive *drive, enum lint_rule_id id)
{
	fprintf(stderr, "\n  %s: %s: %s ", lint_rule_at(c->rule)->id, lint_rule_at(id)->id,
		drive->lint->findings.rules[id].sentence);
}

static void run_case(const struct lint_case *c, bool wrong)
{
	struct drive *drive = drive_new();

	c->run(drive, wrong);
	lint_end(drive->lint);
	for (unsigned int id = 0; id < LINT_NUM_RULES; id++) {
		bool found = lint_found(&drive->lint->findings, (enum lint_rule_id)id);
		/* What breaks one rule may break another as well. */
		bool right = wrong ? found || id != c->rule : !found;

		if (!right)
			complain(c, drive, (enum lint_rule_id)id);
		CU_ASSERT_TRUE(right);
		CU_ASSERT_TRUE(!found || drive->lint->findings.rules[id].sentence[0] != '\0');
	}
	drive_free(drive);
}

static void run_cases(bool wrong)
{
	for (size_t t = 0; t < NUM_TABLES; t++)
		for (size_t i = 0; i < *tables[t].count; i++)
			run_case(&tables[t].cases[i], wrong);
}

static void broken_rules_are_found(void)
{
	run_cases(true);
}

static void kept_rules_are_not_found(void)
{
	run_cases(false);
}

static void every_rule_has_a_case(void)
{
	unsigned int cases[LINT_NUM_RULES] = {0};

	for (size_t t = 0; t < NUM_TABLES; t++)
		for (size_t i = 0; i < *tables[t].count; i++)
			cases[tables[t].cases[i].rule]++;
	for (unsigned int id = 0; id < LINT_NUM_RULES; id++)
		CU_ASSERT_TRUE(cases[id] > 0);
}

static bool is_sentence(const char *text)
{
	size_t len = strlen(text);

	/* A bar would be the end of a column. */
	return len > 0 && text[len - 1] == '.' && strchr(text, '|') == NULL;
}

static void rules_are_sentences(void)
{
	const struct lint_rule *rule, *before = NULL;

	for (size_t i = 0; (rule = lint_rule_at(i)) != NULL; i++, before = rule) {
		CU_ASSERT_EQUAL(strlen(rule->id), strlen("VD-FEA-001"));
		CU_ASSERT_TRUE(is_sentence(rule->rule));
		CU_ASSERT_TRUE(is_sentence(rule->advice));
		CU_ASSERT_TRUE(strlen(rule->source) > 0 && strchr(rule->source, '|') == NULL);
		CU_ASSERT_TRUE(before == NULL || strcmp(before->id, rule->id) != 0);
	}
}

static void a_correct_driver_breaks_none(void)
{
	struct drive *drive = drive_new();

	drive_registers_without(drive, DRIVE_ALL);
	drive->interrupt = false;
	drive_begin(drive);
	drive_notify(drive, 0);
	drive_show(drive);
	for (uint32_t i = 0; i < 100; i++)
		drive_frame(drive, i);
	drive_cursor_picture(drive);
	drive_cursor(drive, VIRTIO_GPU_CMD_UPDATE_CURSOR, 2, 3);
	drive_cursor(drive, VIRTIO_GPU_CMD_MOVE_CURSOR, 2, 3);
	drive_cursor(drive, VIRTIO_GPU_CMD_UPDATE_CURSOR, 0, 0);
	drive_scanout(drive, 0, 0, drive_rect(0, 0, 0, 0));
	for (uint32_t id = 1; id <= 2; id++) {
		drive_detach(drive, id);
		drive_unref(drive, id);
	}
	drive_step(drive, DRIVE_RESET);
	drive_reset(drive);
	drive_registers_without(drive, DRIVE_PROBE);
	drive_begin(drive);
	drive_end(drive, VGPU_NUM_VIOLATIONS);
	lint_end(drive->lint);
	for (unsigned int id = 0; id < LINT_NUM_RULES; id++) {
		bool found = lint_found(&drive->lint->findings, (enum lint_rule_id)id);
		if (found)
			fprintf(stderr, "\n  %s ", lint_rule_at(id)->id);
		CU_ASSERT_FALSE(found);
	}
	drive_free(drive);
}

static void the_first_request_is_told(void)
{
	struct drive *drive = drive_new();
	const struct lint_finding *finding = &drive->lint->findings.rules[FLS_003];

	drive_begin(drive);
	drive_show(drive);
	for (uint32_t i = 0; i < 3; i++) {
		drive->answer = VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
		drive_flush(drive, 1, drive_rect(1, 2, 70 + i, 3));
	}
	CU_ASSERT_EQUAL(finding->count, 3);
	CU_ASSERT_TRUE(finding->has_request);
	CU_ASSERT_EQUAL(finding->request, 5);
	CU_ASSERT_STRING_EQUAL(finding->text, "RESOURCE_FLUSH resource=1 rect=70x3+1+2");
	CU_ASSERT_STRING_EQUAL(finding->sentence, "70x3+1+2 is not in 64x64.");
	/* It explains why the device refused. */
	CU_ASSERT_FALSE(lint_found(&drive->lint->findings, MSG_009));
	drive_free(drive);
}

/* What the device says is there is there, although the trace does not show why. */
static void the_device_knows_better(void)
{
	struct drive *drive = drive_new();

	drive_begin(drive);
	drive_flush(drive, 77, drive_rect(0, 0, 9999, 9999));
	drive_transfer(drive, 77, drive_rect(0, 0, 10, 10), 10, 1);
	drive_unref(drive, 77);
	CU_ASSERT_FALSE(lint_found(&drive->lint->findings, RES_004));
	CU_ASSERT_FALSE(lint_found(&drive->lint->findings, XFR_001));
	CU_ASSERT_FALSE(lint_found(&drive->lint->findings, RES_006));
	drive_free(drive);
}

/* Pictures that nobody has seen may be opaque, and may have been new. */
static void nothing_is_said_of_what_was_dropped(void)
{
	const struct vgpu_rect all = {0, 0, 544, 544}, part = {0, 0, 544, 8};
	struct drive *drive = drive_new();

	drive_begin(drive);
	drive_create(drive, 1, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 544);
	drive_back(drive, 1, 544 * 544 * 4);
	drive_scanout(drive, 0, 1, all);
	for (uint32_t i = 0; i < 3; i++) {
		drive_transfer(drive, 1, all, 544, 1);
		drive->dropped = true;
		drive_transfer(drive, 1, part, 544, 0xff000002);
		drive->dropped = false;
		drive_flush(drive, 1, all);
	}
	lint_end(drive->lint);
	CU_ASSERT_FALSE(lint_found(&drive->lint->findings, XFR_005));
	CU_ASSERT_FALSE(lint_found(&drive->lint->findings, SCN_005));
	drive_free(drive);
}

static void pictures_are_kept_within_a_limit(void)
{
	struct drive *drive = drive_new();

	drive_begin(drive);
	/* 64 MiB each, then one of nearly 2^64 bytes. */
	for (uint32_t id = 1; id <= 5; id++)
		drive_create(drive, id, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 4096);
	drive_create(drive, 6, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, UINT32_MAX);
	CU_ASSERT_TRUE(drive->lint->guest.pixel_bytes <= LINT_PIXELS_MAX);
	CU_ASSERT_EQUAL(drive->lint->guest.unkept, 3);
	drive_unref(drive, 1);
	drive_create(drive, 7, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 4096);
	CU_ASSERT_EQUAL(drive->lint->guest.unkept, 3);
	drive_free(drive);
}

static void resources_are_followed_within_a_limit(void)
{
	struct drive *drive = drive_new();

	drive_begin(drive);
	for (uint32_t id = 1; id <= LINT_RESOURCES_MAX + 1; id++)
		drive_create(drive, id, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 1);
	CU_ASSERT_EQUAL(drive->lint->guest.num_resources, LINT_RESOURCES_MAX);
	drive->answer = VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID;
	drive_unref(drive, LINT_RESOURCES_MAX + 1);
	CU_ASSERT_FALSE(lint_found(&drive->lint->findings, RES_006));
	drive_free(drive);
}

/* Numbers from a fixed sequence, so that a failure comes again. */
static uint32_t any(uint32_t *state)
{
	*state = *state * 1664525 + 1013904223;
	return *state >> 8;
}

/* Small numbers more often: ids and sizes that fit together. */
static void send_anything(struct drive *drive, uint32_t *state)
{
	static const uint32_t types[] = {0x100, 0x200, 0x300};
	uint32_t words[64];
	uint8_t bytes[sizeof(words)];
	uint32_t len = any(state) % (sizeof(bytes) + 1);

	for (size_t i = 0; i < 64; i++)
		words[i] = htole32(any(state) % 8 == 0 ? any(state) << 12 : any(state) % 8);
	words[0] = htole32(types[any(state) % 3] + any(state) % 16);
	memcpy(bytes, words, sizeof(bytes));
	drive->answer = any(state) % 4 == 0 ? VIRTIO_GPU_RESP_ERR_UNSPEC : 0;
	drive->readable = any(state) % 2 == 0 ? any(state) : 0;
	drive_send_on(drive, any(state) % 2, bytes, len);
}

static void anything_is_survived(void)
{
	struct drive *drive = drive_new();
	uint32_t state = 1;

	for (int i = 0; i < 50000; i++) {
		send_anything(drive, &state);
		if (any(&state) % 64 == 0)
			drive_access(drive, &(struct vgpu_trace_register){
						    any(&state) % 2 == 0, any(&state) % 0x120,
						    1u << any(&state) % 4, any(&state)});
		if (any(&state) % 512 == 0)
			drive_start(drive);
		if (any(&state) % 512 == 0)
			drive_reset(drive);
	}
	lint_end(drive->lint);
	CU_ASSERT_TRUE(lint_found(&drive->lint->findings, MSG_001));
	drive_free(drive);
}

/* ---- recordings of real drivers -------------------------------------------------------------- */

/* Each of these was looked at; see replayer/lint/RULES.md. */
static const struct {
	const char *trace;
	enum lint_rule_id rule;
	uint64_t count;
} expected[] = {
	{"ruxos_boot", FEA_001, 1},	 {"ruxos_boot", MSG_002, 15},
	{"ruxos_boot", XFR_005, 4},	 {"ruxos_boot", SCN_005, 5},
	{"ruxos_boot", QUE_001, 1},	 {"ruxos_boot", INT_004, 1},
	{"ruxos_boot", TIM_001, 5},	 {"linux_console", XFR_005, 262},
	{"linux_console", SCN_004, 1},	 {"linux_modetest", XFR_005, 295},
	{"linux_modetest", CUR_002, 2},	 {"linux_modetest", BAK_006, 4},
	{"linux_modetest", SCN_004, 11}, {"edk2_console", TIM_001, 380},
};

static uint64_t expected_count(const char *trace, enum lint_rule_id rule)
{
	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++)
		if (strcmp(expected[i].trace, trace) == 0 && expected[i].rule == rule)
			return expected[i].count;
	return 0;
}

static void lint_recording(const char *name)
{
	char path[64];
	struct vgpu_error err;
	struct vgpu_trace_record record;
	struct lint *lint = calloc(1, sizeof(*lint));

	snprintf(path, sizeof(path), "traces/%s.trace", name);
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	CU_ASSERT_PTR_NOT_NULL_FATAL(lint);
	while (vgpu_trace_reader_next(reader, &record, &err) > 0)
		lint_record(lint, &record);
	lint_end(lint);
	vgpu_trace_reader_close(reader);
	for (unsigned int id = 0; id < LINT_NUM_RULES; id++) {
		uint64_t count = lint->findings.rules[id].count;
		if (count != expected_count(name, (enum lint_rule_id)id))
			fprintf(stderr, "\n  %s: %s %llu times ", name, lint_rule_at(id)->id,
				(unsigned long long)count);
		CU_ASSERT_EQUAL(count, expected_count(name, (enum lint_rule_id)id));
	}
	lint_fini(lint);
	free(lint);
}

static void recordings_are_found_as_they_are_known(void)
{
	lint_recording("ruxos_boot");
	lint_recording("linux_console");
	lint_recording("linux_modetest");
	lint_recording("edk2_console");
}

/* ---- the tool -----------------------------------------------------------------------------------
 */

static int lint_file(const char *path, enum lint_severity severity, const char *rules, bool json,
		     char **text)
{
	const struct vgpu_trace_tool_options options = {
		.json = json, .rules = rules, .severity = severity};
	struct vgpu_error err;
	struct text_out memory;

	text_out_open(&memory);
	int status = vgpu_trace_lint(path, &options, memory.out, &err);
	*text = text_out_close(&memory);
	return status;
}

static void severity_decides_the_status(void)
{
	static const char *const path = "traces/linux_console.trace";
	char *text;

	CU_ASSERT_EQUAL(lint_file(path, LINT_ADVICE, NULL, false, &text), 1);
	free(text);
	CU_ASSERT_EQUAL(lint_file(path, LINT_WARNING, NULL, false, &text), 1);
	free(text);
	CU_ASSERT_EQUAL(lint_file(path, LINT_ERROR, NULL, false, &text), 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "VD-SCN-004  advice   1 time, first in request 9: "));
	free(text);
	CU_ASSERT_EQUAL(lint_file("no/such.trace", LINT_ERROR, NULL, false, &text), 2);
	free(text);
}

static void rules_can_be_named(void)
{
	static const char *const path = "traces/ruxos_boot.trace";
	size_t len;
	char *text;

	CU_ASSERT_EQUAL(lint_file(path, LINT_ADVICE, "VD-CUR,VD-MSG-002", true, &text), 1);
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"rule\":\"VD-MSG-002\""));
	CU_ASSERT_PTR_NULL(strstr(text, "VD-FEA-001"));
	CU_ASSERT_PTR_NOT_NULL(strstr(text, "\"errors\":0,\"warnings\":1,\"advice\":0"));
	free(text);
	CU_ASSERT_PTR_NULL(lint_rule_unknown("VD-CUR,VD-MSG-002", &len));
	CU_ASSERT_STRING_EQUAL(lint_rule_unknown("VD-CUR,VD-NO", &len), "VD-NO");
	CU_ASSERT_PTR_NOT_NULL(lint_rule_unknown("", &len));
	CU_ASSERT_PTR_NOT_NULL(lint_rule_unknown("VD-CUR,", &len));
}

/* A driver that makes mistakes, by way of a device, a recorder and a file. */
static void mistakes_are_found_in_a_file(void)
{
	char *folder = scene_folder(), *path = scene_path(folder, "x.trace"), *text;

	if (scene_record(path)) {
		CU_ASSERT_EQUAL(lint_file(path, LINT_ERROR, NULL, false, &text), 1);
		static const char *const found[] = {"VD-INI-007", "VD-RES-004", "VD-BAK-001",
						    "VD-XFR-002", "VD-CUR-006", "VD-FEN-003",
						    "VD-RES-007"};
		for (size_t i = 0; i < sizeof(found) / sizeof(found[0]); i++)
			CU_ASSERT_PTR_NOT_NULL(strstr(text, found[i]));
		free(text);
	}
	free(path);
	scene_folder_remove(folder);
}

static const struct unit_test tests[] = {
	{"every rule has a case", every_rule_has_a_case},
	{"rules are sentences", rules_are_sentences},
	{"broken rules are found", broken_rules_are_found},
	{"kept rules are not found", kept_rules_are_not_found},
	{"a correct driver breaks none", a_correct_driver_breaks_none},
	{"the first request is told", the_first_request_is_told},
	{"the device knows better", the_device_knows_better},
	{"nothing is said of what was dropped", nothing_is_said_of_what_was_dropped},
	{"pictures are kept within a limit", pictures_are_kept_within_a_limit},
	{"resources are followed within a limit", resources_are_followed_within_a_limit},
	{"anything is survived", anything_is_survived},
	{"recordings are found as they are known", recordings_are_found_as_they_are_known},
	{"severity decides the status", severity_decides_the_status},
	{"rules can be named", rules_can_be_named},
	{"mistakes are found in a file", mistakes_are_found_in_a_file},
	{NULL, NULL},
};

const struct unit_suite lint_suite = {"lint", tests};
