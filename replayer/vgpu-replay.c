/* SPDX-License-Identifier: MIT */
/* vgpu-replay(1): plays recordings into a device and says what differs. */
#include "command_line.h"
#include "golden/bless.h"
#include "replay.h"
#include "report/replay_report.h"
#include "report/trace_section.h"

#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define PROGRAM	 "vgpu-replay"
#define JOBS_MAX 256

/* Progress is for work that takes long enough to wonder. */
#define PROGRESS_AFTER_NS 500000000ull
#define PROGRESS_EVERY_NS 100000000ull

typedef void action_fn(const char *trace, const struct vgpu_replay_options *options,
		       struct vgpu_replay_result *result);

struct settings {
	struct vgpu_replay_options replay;
	action_fn *action;
	bool json, quiet;
	struct vgpu_replay_report_options files;
	struct vgpu_replay_report *report; /* NULL: no file is wanted */
	uint64_t jobs;
	char *const *traces;
	unsigned int num_traces;
};

struct progress {
	const char *trace;
	bool shown;
	uint64_t begin_ns, last_ns;
};

/* The one thing that a signal handler can reach. */
static volatile sig_atomic_t interrupted;

static void on_signal(int number)
{
	interrupted = number;
}

static bool was_interrupted(void *opaque)
{
	(void)opaque;
	return interrupted != 0;
}

static void show_progress(void *opaque, uint64_t done, uint64_t total)
{
	struct progress *progress = opaque;
	uint64_t now = vgpu_now_ns();

	if (progress->trace == NULL || now - progress->begin_ns < PROGRESS_AFTER_NS ||
	    now - progress->last_ns < PROGRESS_EVERY_NS)
		return;
	fprintf(stderr, "\r%s: request %llu of %llu\033[K", progress->trace,
		(unsigned long long)done, (unsigned long long)total);
	progress->last_ns = now;
	progress->shown = true;
}

/* ---- the command line ----------------------------------------------------------------- */

static void print_help(void)
{
	const struct vgpu_target_ops *target;

	printf("Usage: " PROGRAM " [OPTION]... TRACE...\n"
	       "Plays recorded virtio-gpu streams into a device and compares answers and frames.\n"
	       "\n"
	       "  -t, --target TARGET  device to play into (default: builtin)\n"
	       "  -g, --golden DIR     folder of the golden sets (default: ../golden beside the\n"
	       "                       trace)\n"
	       "      --no-golden      hold against the answers and frame hashes in the trace "
	       "instead\n"
	       "  -k, --keep DIR       keep actual, expected and difference pictures there\n"
	       "  -f, --frames A-B     compare frames A to B only, counted from 0\n"
	       "  -j, --jobs N         play N traces at a time (default: 1)\n"
	       "      --bless          make the golden sets anew, if QEMU draws the same\n"
	       "      --check-golden   check that QEMU draws what the golden sets have\n"
	       "      --report FILE    write a page with pictures of what was drawn and differs\n"
	       "      --junit FILE     write test cases as JUnit XML\n"
	       "      --tap[=FILE]     write them as TAP, to the standard output if not to a file\n"
	       "      --json           print one JSON object per trace\n"
	       "  -q, --quiet          print only what is wrong\n"
	       "  -h, --help           print this and exit\n"
	       "  -V, --version        print the version and exit\n"
	       "\n"
	       "Targets:\n");
	for (unsigned int i = 0; (target = vgpu_target_at(i)) != NULL; i++)
		printf("  %-11s %s\n", target->name, target->description);
	printf("\n"
	       "Exit status: 0 if all is equal, 1 if something differs, 2 if a trace, its golden\n"
	       "set or the call cannot be used.\n");
}

/* "A-B", "A-" or "A" */
static bool parse_frames(const char *text, struct vgpu_replay_options *options)
{
	uint64_t first, last;
	const char *rest;

	if (!vgpu_number_begin(text, &rest, &first))
		return false;
	options->first_frame = first;
	options->last_frame = *rest == '\0' ? first : UINT64_MAX;
	if (*rest == '\0' || strcmp(rest, "-") == 0)
		return true;
	if (*rest != '-' || !vgpu_number(rest + 1, first, UINT64_MAX, &last))
		return false;
	options->last_frame = last;
	return true;
}

enum long_option { NO_GOLDEN = 256, BLESS, CHECK_GOLDEN, REPORT, JUNIT, TAP, JSON };

static const struct option options[] = {
	{"target", required_argument, NULL, 't'},
	{"golden", required_argument, NULL, 'g'},
	{"no-golden", no_argument, NULL, NO_GOLDEN},
	{"keep", required_argument, NULL, 'k'},
	{"frames", required_argument, NULL, 'f'},
	{"jobs", required_argument, NULL, 'j'},
	{"bless", no_argument, NULL, BLESS},
	{"check-golden", no_argument, NULL, CHECK_GOLDEN},
	{"report", required_argument, NULL, REPORT},
	{"junit", required_argument, NULL, JUNIT},
	{"tap", optional_argument, NULL, TAP},
	{"json", no_argument, NULL, JSON},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

/* Returns -1 to go on, or an exit status. */
static int take_option(int option, struct settings *settings)
{
	switch (option) {
	case 't':
		settings->replay.target = optarg;
		return -1;
	case 'g':
		settings->replay.golden = optarg;
		return -1;
	case NO_GOLDEN:
		settings->replay.no_golden = true;
		return -1;
	case 'k':
		settings->replay.keep = optarg;
		return -1;
	case 'f':
		if (!parse_frames(optarg, &settings->replay))
			return vgpu_usage_error(PROGRAM, "not a range of frames: '%s'", optarg);
		return -1;
	case 'j':
		if (!vgpu_number(optarg, 1, JOBS_MAX, &settings->jobs))
			return vgpu_usage_error(PROGRAM, "not a number of jobs: '%s'", optarg);
		return -1;
	case BLESS:
		settings->action = vgpu_bless;
		return -1;
	case CHECK_GOLDEN:
		settings->action = vgpu_bless_check;
		return -1;
	case REPORT:
		settings->files.html = optarg;
		return -1;
	case JUNIT:
		settings->files.junit = optarg;
		return -1;
	case TAP:
		settings->files.tap = optarg != NULL ? optarg : "-";
		return -1;
	case JSON:
		settings->json = true;
		return -1;
	case 'q':
		settings->quiet = true;
		return -1;
	case 'h':
		print_help();
		return 0;
	case 'V':
		printf(PROGRAM " " VGPU_VERSION "\n");
		return 0;
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
	const struct vgpu_replay_report_options *files = &settings->files;
	int on_output = settings->json + is_output(files->html) + is_output(files->junit) +
			is_output(files->tap);

	if (on_output > 1)
		return vgpu_usage_error(PROGRAM,
					"the standard output can have only one of JSON, page, "
					"JUnit and TAP");
	/* Then it has nothing for people. */
	if (on_output > 0)
		settings->quiet = true;
	settings->files.compared = settings->action == vgpu_replay;
	return -1;
}

static int parse_options(int argc, char **argv, struct settings *settings)
{
	const char *argument;
	int option;

	while ((option = getopt_long(argc, argv, "t:g:k:f:j:qhV", options, NULL)) != -1) {
		int status = take_option(option, settings);
		if (status >= 0)
			return status;
	}
	if (settings->replay.target == NULL)
		settings->replay.target = settings->action == vgpu_replay ? "builtin" : "qemu";
	if (vgpu_target_find(settings->replay.target, &argument) == NULL)
		return vgpu_usage_error(PROGRAM, "no target is called '%s'",
					settings->replay.target);
	if (optind == argc)
		return vgpu_usage_error(PROGRAM, "no trace named");
	settings->traces = argv + optind;
	settings->num_traces = (unsigned int)(argc - optind);
	return check_files(settings);
}

/* ---- one trace ------------------------------------------------------------------------ */

static const char *color_of(enum vgpu_replay_status status)
{
	const char *no_color = getenv("NO_COLOR");

	if (!isatty(STDOUT_FILENO) || (no_color != NULL && no_color[0] != '\0'))
		return NULL;
	return status == VGPU_REPLAY_EQUAL ? "\033[32m" : "\033[31m";
}

static void print_text(const struct settings *settings, const char *trace,
		       const struct vgpu_replay_result *result)
{
	bool equal = result->status == VGPU_REPLAY_EQUAL;
	const char *color = color_of(result->status);
	char verdict[VGPU_REPLAY_VERDICT_TEXT];

	for (unsigned int i = 0; i < result->num_messages; i++) {
		if (!equal)
			fprintf(stderr, PROGRAM ": %s: %s\n", trace, result->messages[i]);
		else if (!settings->quiet)
			printf("%s: %s\n", trace, result->messages[i]);
	}
	if (result->messages_left_out > 0)
		fprintf(stderr, PROGRAM ": %s: and %llu more\n", trace,
			(unsigned long long)result->messages_left_out);
	/* Where nothing was played there is nothing to count. */
	if (settings->quiet || (!equal && result->requests_played == 0))
		return;
	vgpu_replay_verdict(result, verdict);
	printf("%s: %s%s%s\n", trace, color != NULL ? color : "", verdict,
	       color != NULL ? "\033[0m" : "");
}

static void print_json(const struct vgpu_replay_result *result)
{
	cJSON *object = vgpu_replay_json(result);
	char *text = cJSON_PrintUnformatted(object);

	if (text != NULL)
		puts(text);
	cJSON_free(text);
	cJSON_Delete(object);
}

/* What a trace's part of the reports is made of: files in memory; -1: not wanted. */
struct sheets {
	int result;  /* a JSON object */
	int section; /* of the page */
};

static bool sheets_open(const struct settings *settings, struct sheets *sheets)
{
	*sheets = (struct sheets){.result = -1, .section = -1};
	if (settings->report == NULL)
		return true;
	sheets->result = memfd_create("result", MFD_CLOEXEC);
	if (settings->files.html != NULL)
		sheets->section = memfd_create("section", MFD_CLOEXEC);
	return sheets->result >= 0 && (settings->files.html == NULL || sheets->section >= 0);
}

static void sheets_close(struct sheets *sheets)
{
	if (sheets->result >= 0)
		close(sheets->result);
	if (sheets->section >= 0)
		close(sheets->section);
}

static FILE *sheet_file(int sheet)
{
	int copy = sheet >= 0 ? dup(sheet) : -1;

	return copy >= 0 ? fdopen(copy, "w") : NULL;
}

static void write_sheets(const struct sheets *sheets, unsigned int id,
			 struct vgpu_trace_section *section,
			 const struct vgpu_replay_result *result)
{
	if (sheets->result < 0)
		return;
	cJSON *object = vgpu_replay_json(result);
	char *text = cJSON_PrintUnformatted(object);
	FILE *out = sheet_file(sheets->result);
	if (out != NULL) {
		fputs(text != NULL ? text : "", out);
		fclose(out);
	}
	cJSON_free(text);
	cJSON_Delete(object);
	out = sheet_file(sheets->section);
	if (out == NULL)
		return;
	vgpu_trace_section_write(section, id, result, out);
	fclose(out);
}

/* id counts the traces of the call from 1. */
static enum vgpu_replay_status run_trace(const struct settings *settings, unsigned int id,
					 bool show, const struct sheets *sheets)
{
	const char *trace = settings->traces[id - 1];
	struct vgpu_replay_options replay = settings->replay;
	struct vgpu_trace_section *section = NULL;
	struct vgpu_replay_result result;
	struct progress progress = {.trace = show ? trace : NULL, .begin_ns = vgpu_now_ns()};

	replay.opaque = &progress;
	if (sheets->section >= 0)
		section = vgpu_trace_section_new(id);
	if (section != NULL)
		replay.watch = vgpu_trace_section_watch();
	replay.watch_opaque = section;
	settings->action(trace, &replay, &result);
	if (progress.shown)
		fprintf(stderr, "\r\033[K");
	if (settings->json)
		print_json(&result);
	else
		print_text(settings, trace, &result);
	write_sheets(sheets, id, section, &result);
	vgpu_trace_section_free(section);
	vgpu_replay_result_fini(&result);
	return result.status;
}

/* ---- reports ------------------------------------------------------------------------- */

/* The JSON object in the sheet; NULL: there is none. */
static cJSON *read_result(int sheet)
{
	off_t size = lseek(sheet, 0, SEEK_END);
	char *text = size > 0 ? malloc((size_t)size) : NULL;
	cJSON *object = NULL;

	if (text != NULL && pread(sheet, text, (size_t)size, 0) == size)
		object = cJSON_ParseWithLength(text, (size_t)size);
	free(text);
	return object;
}

static cJSON *failed_result(const struct settings *settings, const char *trace)
{
	const char *argument;
	const struct vgpu_target_ops *target = vgpu_target_find(settings->replay.target, &argument);
	struct vgpu_replay_result result = {.trace = trace};

	snprintf(result.target, sizeof(result.target), "%s", target->name);
	vgpu_replay_note(&result, VGPU_REPLAY_UNUSABLE, "worker failed");
	cJSON *object = vgpu_replay_json(&result);
	vgpu_replay_result_fini(&result);
	return object;
}

/* Takes a trace's part into the reports, and closes the sheets. */
static void report_trace(const struct settings *settings, const char *trace, struct sheets *sheets)
{
	struct vgpu_error err;

	if (settings->report != NULL) {
		cJSON *result = read_result(sheets->result);
		if (result == NULL)
			result = failed_result(settings, trace);
		if (vgpu_replay_report_add(settings->report, result, sheets->section, &err) < 0)
			fprintf(stderr, PROGRAM ": %s: %s\n", trace, err.text);
	}
	sheets_close(sheets);
}

/* ---- several traces at a time ------------------------------------------------------------ */

/* A process that plays one trace; what it prints waits until it is its turn. */
struct worker {
	pid_t pid;
	int out, err;
	struct sheets sheets;
};

static bool start_worker(const struct settings *settings, unsigned int id, struct worker *worker)
{
	worker->pid = -1;
	worker->out = memfd_create("stdout", MFD_CLOEXEC);
	worker->err = memfd_create("stderr", MFD_CLOEXEC);
	if (sheets_open(settings, &worker->sheets) && worker->out >= 0 && worker->err >= 0)
		worker->pid = fork();
	if (worker->pid == 0) {
		dup2(worker->out, STDOUT_FILENO);
		dup2(worker->err, STDERR_FILENO);
		enum vgpu_replay_status status = run_trace(settings, id, false, &worker->sheets);
		exit(fflush(stdout) == 0 ? status : VGPU_REPLAY_UNUSABLE);
	}
	return worker->pid > 0;
}

static void copy_out(int from, FILE *to)
{
	char buffer[4096];
	off_t offset = 0;
	ssize_t n;

	while (from >= 0 && (n = pread(from, buffer, sizeof(buffer), offset)) > 0) {
		fwrite(buffer, 1, (size_t)n, to);
		offset += n;
	}
	fflush(to);
	if (from >= 0)
		close(from);
}

static enum vgpu_replay_status end_worker(const struct settings *settings, const char *trace,
					  struct worker *worker)
{
	int status = 0;
	bool ended = worker->pid > 0;

	do {
		/* Ctrl-C reaches it anyway; kill(1) reached only this process. */
		if (ended && interrupted != 0)
			kill(worker->pid, interrupted);
	} while (ended && waitpid(worker->pid, &status, 0) < 0 && (ended = errno == EINTR));
	copy_out(worker->err, stderr);
	copy_out(worker->out, stdout);
	report_trace(settings, trace, &worker->sheets);
	if (ended && WIFEXITED(status) && WEXITSTATUS(status) <= VGPU_REPLAY_UNUSABLE)
		return (enum vgpu_replay_status)WEXITSTATUS(status);
	fprintf(stderr, PROGRAM ": %s: worker failed\n", trace);
	return VGPU_REPLAY_UNUSABLE;
}

static void run_workers(const struct settings *settings, unsigned int counts[3])
{
	struct worker workers[JOBS_MAX];
	unsigned int started = 0;

	fflush(NULL);
	for (unsigned int i = 0; i < settings->num_traces; i++) {
		while (interrupted == 0 && started < settings->num_traces &&
		       started < i + settings->jobs) {
			start_worker(settings, started + 1, &workers[started % settings->jobs]);
			started++;
		}
		if (i >= started)
			return;
		counts[end_worker(settings, settings->traces[i], &workers[i % settings->jobs])]++;
	}
}

static void run_one_by_one(const struct settings *settings, unsigned int counts[3])
{
	bool show = isatty(STDERR_FILENO) && !settings->quiet && !settings->json;

	for (unsigned int i = 0; i < settings->num_traces && interrupted == 0; i++) {
		struct sheets sheets;

		if (!sheets_open(settings, &sheets))
			fprintf(stderr, PROGRAM ": %s: no memory for the reports\n",
				settings->traces[i]);
		counts[run_trace(settings, i + 1, show, &sheets)]++;
		fflush(stdout);
		report_trace(settings, settings->traces[i], &sheets);
	}
}

/* False, and said why: a file cannot be written. */
static bool write_reports(struct settings *settings)
{
	struct vgpu_error err;

	if (settings->report == NULL)
		return true;
	int ret = vgpu_replay_report_write(settings->report, &err);
	vgpu_replay_report_free(settings->report);
	settings->report = NULL;
	if (ret < 0)
		fprintf(stderr, PROGRAM ": %s\n", err.text);
	return ret == 0;
}

static bool open_reports(struct settings *settings)
{
	const struct vgpu_replay_report_options *files = &settings->files;
	struct vgpu_error err;

	if (files->html == NULL && files->junit == NULL && files->tap == NULL)
		return true;
	settings->report = vgpu_replay_report_new(files, &err);
	if (settings->report == NULL)
		fprintf(stderr, PROGRAM ": %s\n", err.text);
	return settings->report != NULL;
}

static void die_of_signal(void)
{
	fflush(NULL);
	signal(interrupted, SIG_DFL);
	raise(interrupted);
}

int main(int argc, char **argv)
{
	struct settings settings = {
		.replay = {.last_frame = UINT64_MAX,
			   .stop = was_interrupted,
			   .progress = show_progress},
		.action = vgpu_replay,
		.jobs = 1,
	};
	const struct sigaction action = {.sa_handler = on_signal};
	unsigned int counts[3] = {0, 0, 0};
	int status = parse_options(argc, argv, &settings);

	if (status >= 0)
		return status;
	if (!open_reports(&settings))
		return VGPU_REPLAY_UNUSABLE;
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (settings.jobs > 1)
		run_workers(&settings, counts);
	else
		run_one_by_one(&settings, counts);
	bool reported = write_reports(&settings);
	if (interrupted != 0)
		die_of_signal();
	if (settings.num_traces > 1 && !settings.quiet && !settings.json)
		printf("%u traces: %u equal, %u differ, %u unusable\n", settings.num_traces,
		       counts[VGPU_REPLAY_EQUAL], counts[VGPU_REPLAY_DIFFERS],
		       counts[VGPU_REPLAY_UNUSABLE]);
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, PROGRAM ": standard output: cannot be written to\n");
		return VGPU_REPLAY_UNUSABLE;
	}
	if (counts[VGPU_REPLAY_UNUSABLE] > 0 || !reported)
		return VGPU_REPLAY_UNUSABLE;
	return counts[VGPU_REPLAY_DIFFERS] > 0 ? VGPU_REPLAY_DIFFERS : VGPU_REPLAY_EQUAL;
}
