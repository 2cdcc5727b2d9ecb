/* SPDX-License-Identifier: MIT */
/* vgpu-conform(1): asks a virtio-gpu device for each requirement. */
#include "command_line.h"
#include "conformance/report/markdown.h"
#include "conformance/report/page.h"
#include "conformance/runner/profile.h"
#include "conformance/runner/results_cases.h"
#include "conformance/runner/runner.h"
#include "conformance/runner/selection.h"
#include "conformance/runner/table.h"

#include <CUnit/CUnit.h>
#include <CUnit/TestDB.h>
#include <CUnit/TestRun.h>
#include <errno.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PROGRAM "vgpu-conform"

enum exit_status {
	AS_EXPECTED = 0,
	UNEXPECTED = 1,
	UNUSABLE = 2, /* the call, the target or a file */
};

struct settings {
	struct runner_options runner;
	struct selection selection;
	const char *profile, *write_profile;
	const char *name, *json, *markdown, *html;
	const char *junit, *tap;
	const char **with; /* files of results */
	unsigned int num_with;
	bool silent; /* the standard output is for machines */
	bool list, check, merge, quiet, verbose;
};

/* CUnit's functions take no argument: this is what they would be given. */
static struct {
	struct settings settings;
	struct requirements *requirements;
	struct profile *profile;
	struct runner *runner;
	struct results results;
	struct results *others; /* of settings.with */
} session;

static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	interrupted = number;
}

/* ---- the command line ----------------------------------------------------------------- */

static void print_help(void)
{
	const struct vgpu_target_ops *target;

	printf("Usage: " PROGRAM " [OPTION]...\n"
	       "Asks a virtio-gpu device for each requirement of the specification and beyond.\n"
	       "\n"
	       "  -t, --target TARGET      device to ask (default: builtin)\n"
	       "      --qemu PROGRAM       emulator of the target qemu\n"
	       "      --device DEVICE      what the emulator's -device says\n"
	       "  -a, --area AREA,...      only these areas, such as XFR\n"
	       "  -i, --id ID,...          only these requirements; patterns as the shell has\n"
	       "  -L, --level LEVEL,...    only these levels: MUST, SHOULD, text, robust, open\n"
	       "  -p, --profile NAME       what is known of the device: a file, or one of those\n"
	       "                           that come with the program\n"
	       "      --write-profile FILE write what failed as a profile\n"
	       "      --json FILE          write the results (- is the standard output)\n"
	       "      --junit FILE         write them as test cases in JUnit XML\n"
	       "      --tap[=FILE]         write them as TAP, to the standard output if not to a\n"
	       "                           file\n"
	       "      --name NAME          what reports call the device (default: what it says)\n"
	       "      --with FILE          results of another run, as --json writes them, for\n"
	       "                           reports; runs of one name are one device; repeatable\n"
	       "      --merge              ask no device: report what --with says\n"
	       "      --markdown FILE      write a report of all devices\n"
	       "      --html FILE          write it as a page with filters and search\n"
	       "      --list               print the requirements and exit\n"
	       "      --check              check that vectors and requirements fit and exit\n"
	       "  -q, --quiet              print the totals only\n"
	       "  -v, --verbose            print what passed, and notes\n"
	       "  -h, --help               print this and exit\n"
	       "  -V, --version            print the version and exit\n"
	       "\n"
	       "Targets:\n");
	for (unsigned int i = 0; (target = vgpu_target_at(i)) != NULL; i++)
		printf("  %-11s %s\n", target->name, target->description);
	printf("\n"
	       "Exit status: 0 if all that was asked passed or is known, 1 if not, 2 if the\n"
	       "call, the target or a file cannot be used.\n");
}

enum long_option {
	QEMU = 256,
	DEVICE,
	WRITE_PROFILE,
	JSON,
	JUNIT,
	TAP,
	NAME,
	WITH,
	MERGE,
	MARKDOWN,
	HTML,
	LIST,
	CHECK,
};

static const struct option options[] = {
	{"target", required_argument, NULL, 't'},
	{"qemu", required_argument, NULL, QEMU},
	{"device", required_argument, NULL, DEVICE},
	{"area", required_argument, NULL, 'a'},
	{"id", required_argument, NULL, 'i'},
	{"level", required_argument, NULL, 'L'},
	{"profile", required_argument, NULL, 'p'},
	{"write-profile", required_argument, NULL, WRITE_PROFILE},
	{"json", required_argument, NULL, JSON},
	{"junit", required_argument, NULL, JUNIT},
	{"tap", optional_argument, NULL, TAP},
	{"name", required_argument, NULL, NAME},
	{"with", required_argument, NULL, WITH},
	{"merge", no_argument, NULL, MERGE},
	{"markdown", required_argument, NULL, MARKDOWN},
	{"html", required_argument, NULL, HTML},
	{"list", no_argument, NULL, LIST},
	{"check", no_argument, NULL, CHECK},
	{"quiet", no_argument, NULL, 'q'},
	{"verbose", no_argument, NULL, 'v'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

/* Where an option's argument goes; NULL: it has none. */
static const char **argument_of(int option, struct settings *settings)
{
	switch (option) {
	case 't':
		return &settings->runner.target;
	case QEMU:
		return &settings->runner.program;
	case DEVICE:
		return &settings->runner.device;
	case 'a':
		return &settings->selection.areas;
	case 'i':
		return &settings->selection.ids;
	case 'L':
		return &settings->selection.levels;
	case 'p':
		return &settings->profile;
	case WRITE_PROFILE:
		return &settings->write_profile;
	case JSON:
		return &settings->json;
	case JUNIT:
		return &settings->junit;
	case NAME:
		return &settings->name;
	case MARKDOWN:
		return &settings->markdown;
	case HTML:
		return &settings->html;
	default:
		return NULL;
	}
}

static int add_with(struct settings *settings, const char *path)
{
	const char **with =
		realloc(settings->with, (settings->num_with + 1) * sizeof(*settings->with));

	if (with == NULL)
		return UNUSABLE;
	settings->with = with;
	with[settings->num_with++] = path;
	return -1;
}

/* Returns -1 to go on, or an exit status. */
static int take_option(int option, struct settings *settings)
{
	const char **argument = argument_of(option, settings);

	if (argument != NULL) {
		*argument = optarg;
		return -1;
	}
	switch (option) {
	case TAP:
		settings->tap = optarg != NULL ? optarg : "-";
		return -1;
	case WITH:
		return add_with(settings, optarg);
	case MERGE:
		settings->merge = true;
		return -1;
	case LIST:
		settings->list = true;
		return -1;
	case CHECK:
		settings->check = true;
		return -1;
	case 'q':
		settings->quiet = true;
		return -1;
	case 'v':
		settings->verbose = true;
		return -1;
	case 'h':
		print_help();
		return AS_EXPECTED;
	case 'V':
		printf(PROGRAM " " VGPU_VERSION "\n");
		return AS_EXPECTED;
	default:
		return vgpu_usage_hint(PROGRAM);
	}
}

static bool is_output(const char *file)
{
	return file != NULL && strcmp(file, "-") == 0;
}

/* Returns -1 to go on, or an exit status. */
static int check_files(struct settings *settings)
{
	int on_output =
		is_output(settings->json) + is_output(settings->junit) + is_output(settings->tap);

	settings->silent = on_output > 0;
	if (on_output < 2)
		return -1;
	return vgpu_usage_error(PROGRAM, "the standard output can have only one of JSON, JUnit "
					 "and TAP");
}

static int parse(int argc, char **argv, struct settings *settings)
{
	int option, ret;

	settings->runner.target = "builtin";
	while ((option = getopt_long(argc, argv, "t:a:i:L:p:qvhV", options, NULL)) != -1) {
		ret = take_option(option, settings);
		if (ret >= 0)
			return ret;
	}
	if (settings->merge && settings->num_with == 0)
		return vgpu_usage_error(PROGRAM, "--merge needs --with");
	if (optind == argc)
		return check_files(settings);
	return vgpu_usage_error(PROGRAM, "'%s' is no option", argv[optind]);
}

/* ---- one vector ------------------------------------------------------------------------- */

static const char *const marks[] = {
	[FINDING_HARD] = "",	    [FINDING_EXACT] = "inexact: ", [FINDING_NOTE] = "note: ",
	[FINDING_DEATH] = "died: ", [FINDING_NOT_ASKED] = "",
};

static bool is_worth_saying(const struct result *result)
{
	const struct settings *settings = &session.settings;

	if (settings->silent)
		return false;
	return settings->verbose || (result->unexpected && !settings->quiet);
}

static void print_result(const struct result *result)
{
	const struct outcome *outcome = &result->outcome;

	if (!is_worth_saying(result))
		return;
	printf("%s %s%s: %s\n", result->requirement->id, verdict_name(outcome->verdict),
	       result->known != NULL && !result->unexpected ? " (known)" : "",
	       result->vector->what);
	for (unsigned int i = 0; i < outcome->num_findings; i++)
		printf("    %s%s\n", marks[outcome->findings[i].kind], outcome->findings[i].text);
	fflush(stdout);
}

static void show_progress(const char *id)
{
	static bool shown;

	if (!isatty(STDERR_FILENO) || session.settings.verbose)
		return;
	if (id != NULL || shown)
		fprintf(stderr, "\r%s\033[K%s", id != NULL ? id : "", id != NULL ? "" : "\r");
	shown = id != NULL;
}

/* The function of every CUnit test, which knows it by its name. */
static void run_one(void)
{
	struct result *result = results_find(&session.results, CU_get_current_test()->pName);
	const struct outcome *outcome = &result->outcome;

	if (interrupted != 0)
		return;
	show_progress(result->requirement->id);
	runner_run(session.runner, result->vector, &result->outcome);
	result->done = true;
	profile_judge(session.profile, result);
	show_progress(NULL);
	print_result(result);
	CU_assertImplementation(result->unexpected ? CU_FALSE : CU_TRUE, __LINE__,
				outcome->num_findings > 0 ? outcome->findings[0].text : "",
				result->requirement->id, "", CU_FALSE);
}

/* ---- all of them -------------------------------------------------------------------------- */

/* A suite for each area, a test for each vector. */
static int register_tests(void)
{
	unsigned int count = 0;
	CU_pSuite suite = NULL;

	if (CU_initialize_registry() != CUE_SUCCESS)
		return -ENOMEM;
	for (unsigned int i = 0; i < session.results.count; i++) {
		struct result *result = &session.results.all[i];
		const struct requirement *requirement = result->requirement;

		if (result->vector == NULL ||
		    !selection_has(&session.settings.selection, requirement))
			continue;
		if (suite == NULL || strcmp(suite->pName, requirement->area) != 0)
			suite = CU_add_suite(requirement->area, NULL, NULL);
		if (suite == NULL || CU_add_test(suite, requirement->id, run_one) == NULL)
			return -ENOMEM;
		result->chosen = true;
		count++;
	}
	return (int)count;
}

static void print_totals(const struct results_summary *sum)
{
	const unsigned int *verdicts = sum->verdicts;
	unsigned int bad = verdicts[FAILED] + verdicts[CRASHED] + verdicts[HUNG];

	printf("%s: %u requirements asked: %u passed (%u with another code than the one that "
	       "fits best)",
	       session.results.version, verdicts[PASSED] + bad, verdicts[PASSED], sum->inexact);
	if (bad > 0)
		printf(", %u failed, %u crashed, %u hung", verdicts[FAILED], verdicts[CRASHED],
		       verdicts[HUNG]);
	if (sum->known > 0)
		printf("; %u of these are known", sum->known);
	printf("; %u not asked\n", verdicts[NOT_ASKED]);
	printf("%u passed, %u failed, %u skipped\n", verdicts[PASSED], sum->unexpected,
	       verdicts[NOT_ASKED]);
}

/* Says what the profile says and is no longer so. */
static void print_outdated(void)
{
	for (unsigned int i = 0; i < session.results.count; i++) {
		const struct result *result = &session.results.all[i];

		if (result->done && result->outcome.verdict == PASSED && result->known != NULL)
			printf("%s passed, but the profile knows: %s\n", result->requirement->id,
			       result->known);
	}
}

/* The device that was asked, and those of --with. */
static int write_reports(struct vgpu_error *err)
{
	const struct settings *settings = &session.settings;
	struct devices devices = {0};
	int ret = 0;

	if (!settings->merge)
		ret = devices_add(&devices, &session.results);
	for (unsigned int i = 0; ret == 0 && i < settings->num_with; i++)
		ret = devices_add(&devices, &session.others[i]);
	if (ret < 0)
		ret = vgpu_error_set(err, ENOMEM, "out of memory");
	if (ret == 0 && settings->markdown != NULL)
		ret = markdown_write(&devices, session.requirements, settings->markdown, err);
	if (ret == 0 && settings->html != NULL)
		ret = page_write(&devices, session.requirements, settings->html, err);
	devices_fini(&devices);
	return ret;
}

static int write_files(void)
{
	const struct settings *settings = &session.settings;
	struct vgpu_error err;
	int ret = 0;

	if (settings->json != NULL && !settings->merge)
		ret = results_write(&session.results, settings->json, &err);
	if (ret == 0 && settings->junit != NULL)
		ret = results_write_cases(&session.results, report_junit, settings->junit, &err);
	if (ret == 0 && settings->tap != NULL)
		ret = results_write_cases(&session.results, report_tap, settings->tap, &err);
	if (ret == 0 && settings->write_profile != NULL && !settings->merge)
		ret = profile_write(&session.results, settings->write_profile, &err);
	if (ret == 0)
		ret = write_reports(&err);
	if (ret < 0)
		fprintf(stderr, PROGRAM ": %s\n", err.text);
	return ret;
}

static int run_all(void)
{
	struct results_summary sum;
	int count = register_tests();

	if (count <= 0) {
		fprintf(stderr, PROGRAM ": %s\n",
			count < 0 ? "out of memory" : "no vector is chosen");
		return UNUSABLE;
	}
	CU_run_all_tests();
	CU_cleanup_registry();
	results_summarize(&session.results, &sum);
	if (!session.settings.quiet && !session.settings.silent)
		print_outdated();
	if (!session.settings.silent)
		print_totals(&sum);
	if (write_files() < 0 || interrupted != 0)
		return UNUSABLE;
	return sum.unexpected > 0 ? UNEXPECTED : AS_EXPECTED;
}

static int read_others(struct vgpu_error *err)
{
	const struct settings *settings = &session.settings;

	session.others = calloc(settings->num_with + 1, sizeof(*session.others));
	if (session.others == NULL)
		return vgpu_error_set(err, ENOMEM, "out of memory");
	for (unsigned int i = 0; i < settings->num_with; i++)
		if (results_read(&session.others[i], session.requirements, settings->with[i], err) <
		    0)
			return -1;
	return 0;
}

/* One option of the call, quoted for a shell where it must be. */
static void add_option(char *command, size_t size, const char *option, const char *argument)
{
	size_t len = strlen(command);
	bool plain = strspn(argument, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789-_=+,./:@%") == strlen(argument);

	snprintf(command + len, size - len, "%s%s %s%s%s", len > 0 ? " " : "", option,
		 plain ? "" : "'", argument, plain ? "" : "'");
}

static void name_results(void)
{
	const struct settings *settings = &session.settings;
	struct results *results = &session.results;
	const char *version = runner_version(session.runner);

	snprintf(results->name, sizeof(results->name), "%s",
		 settings->name != NULL ? settings->name : version);
	snprintf(results->target, sizeof(results->target), "%s", settings->runner.target);
	snprintf(results->version, sizeof(results->version), "%s", version);
	add_option(results->command, sizeof(results->command), "--target", settings->runner.target);
	if (settings->runner.program != NULL)
		add_option(results->command, sizeof(results->command), "--qemu",
			   settings->runner.program);
	if (settings->runner.device != NULL)
		add_option(results->command, sizeof(results->command), "--device",
			   settings->runner.device);
}

static int open_session(struct vgpu_error *err)
{
	const struct settings *settings = &session.settings;

	if (settings->profile != NULL) {
		session.profile = profile_read(settings->profile, session.requirements, err);
		if (session.profile == NULL)
			return -1;
	}
	session.runner = runner_new(&settings->runner, err);
	if (session.runner == NULL)
		return -1;
	name_results();
	return 0;
}

static int act(void)
{
	const struct settings *settings = &session.settings;
	struct vgpu_error err = {""};

	session.requirements = requirements_new(&err);
	if (session.requirements == NULL ||
	    results_init(&session.results, session.requirements) < 0) {
		fprintf(stderr, PROGRAM ": %s\n", err.text);
		return UNUSABLE;
	}
	table_join(&session.results);
	if (settings->check)
		return table_check(session.requirements) ? AS_EXPECTED : UNEXPECTED;
	if (settings->list) {
		table_print(&session.results, &settings->selection);
		return AS_EXPECTED;
	}
	if (read_others(&err) < 0) {
		fprintf(stderr, PROGRAM ": %s\n", err.text);
		return UNUSABLE;
	}
	if (settings->merge)
		return write_files() < 0 ? UNUSABLE : AS_EXPECTED;
	if (open_session(&err) < 0) {
		fprintf(stderr, PROGRAM ": %s: %s\n", settings->runner.target, err.text);
		return UNUSABLE;
	}
	return run_all();
}

int main(int argc, char **argv)
{
	const struct sigaction action = {.sa_handler = on_signal, .sa_flags = SA_RESTART};
	int ret = parse(argc, argv, &session.settings);

	if (ret >= 0)
		return ret;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	ret = act();
	runner_free(session.runner);
	profile_free(session.profile);
	results_fini(&session.results);
	for (unsigned int i = 0; session.others != NULL && i < session.settings.num_with; i++)
		results_fini(&session.others[i]);
	free(session.others);
	free(session.settings.with);
	requirements_free(session.requirements);
	return ret;
}
