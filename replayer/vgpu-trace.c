/* SPDX-License-Identifier: MIT */
/* vgpu-trace(1): says what is in a recording. */
#include "command_line.h"
#include "lint/report.h"
#include "replay.h"
#include "trace_tools.h"

#include <getopt.h>
#include <string.h>

#define PROGRAM "vgpu-trace"

static const struct tool {
	const char *name;
	vgpu_trace_tool_fn *run;
	bool several; /* takes more than one file */
} tools[] = {
	{"info", vgpu_trace_info, false},    {"dump", vgpu_trace_dump, false},
	{"verify", vgpu_trace_verify, true}, {"frames", vgpu_trace_frames, false},
	{"lint", vgpu_trace_lint, true},     {"repair", vgpu_trace_repair, false},
};

static void print_help(void)
{
	printf("Usage: " PROGRAM " info [--json] FILE\n"
	       "       " PROGRAM " dump [--json] [--registers] FILE\n"
	       "       " PROGRAM " verify [--json] FILE...\n"
	       "       " PROGRAM " frames [--json] -o DIR FILE\n"
	       "       " PROGRAM " repair [--json] [-o OUT] FILE\n"
	       "       " PROGRAM " lint [--json] [--severity LEVEL] [--rule ID,...] FILE...\n"
	       "       " PROGRAM " lint [--json] [--rule ID,...] --list-rules\n"
	       "Says what is in a recorded virtio-gpu stream. FILE may be - for standard input,\n"
	       "except for frames and repair.\n"
	       "\n"
	       "  info    who recorded it, and what there is of each command\n"
	       "  dump    every request and frame, one line each\n"
	       "  verify  read all of it and check every checksum\n"
	       "  frames  draw it and write every distinct frame as PNG\n"
	       "  repair  make a whole trace of one that ends too early: NAME of NAME.part\n"
	       "  lint    what the driver did wrong or unwisely\n"
	       "\n"
	       "      --json        for machines: one JSON object per line\n"
	       "  -r, --registers   dump register accesses too\n"
	       "  -o, --output DIR  folder for the pictures (default: .), or file for the trace\n"
	       "                    that was repaired\n"
	       "  -s, --severity LEVEL  error, warning or advice: findings below it are printed,\n"
	       "                    but do not matter for the exit status (default: warning)\n"
	       "      --rule ID,... hold the driver only to these rules, or to those whose ids\n"
	       "                    begin so: VD-XFR\n"
	       "      --list-rules  print the rules\n"
	       "  -h, --help        print this and exit\n"
	       "  -V, --version     print the version and exit\n"
	       "\n"
	       "Exit status: 0, 1 if a frame was not drawn as recorded or the driver has broken\n"
	       "a rule, 2 if a file or the call cannot be used.\n");
}

static const struct tool *find_tool(const char *name)
{
	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++)
		if (strcmp(tools[i].name, name) == 0)
			return &tools[i];
	return NULL;
}

enum long_option { JSON = 256, RULE, LIST_RULES };

static const struct option options[] = {
	{"json", no_argument, NULL, JSON},
	{"registers", no_argument, NULL, 'r'},
	{"output", required_argument, NULL, 'o'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{"severity", required_argument, NULL, 's'},
	{"rule", required_argument, NULL, RULE},
	{"list-rules", no_argument, NULL, LIST_RULES},
	{NULL, 0, NULL, 0},
};

/* Returns -1 to go on, or an exit status. */
static int parse_options(int argc, char **argv, struct vgpu_trace_tool_options *tool)
{
	int option;

	while ((option = getopt_long(argc, argv, "ro:s:hV", options, NULL)) != -1) {
		switch (option) {
		case JSON:
			tool->json = true;
			break;
		case 'r':
			tool->registers = true;
			break;
		case 'o':
			tool->output = optarg;
			break;
		case 's':
			if (!lint_severity_parse(optarg, &tool->severity))
				return vgpu_usage_error(
					PROGRAM, "--severity=%s: not error, warning or advice",
					optarg);
			break;
		case RULE:
			tool->rules = optarg;
			break;
		case LIST_RULES:
			tool->list_rules = true;
			break;
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
	return -1;
}

/* Returns -1 if all rules that are named exist, or an exit status. */
static int check_rules(const char *rules)
{
	size_t len;
	const char *unknown = rules != NULL ? lint_rule_unknown(rules, &len) : NULL;

	if (unknown == NULL)
		return -1;
	return vgpu_usage_error(PROGRAM, "--rule=%s: no rule is called '%.*s'", rules, (int)len,
				unknown);
}

static int end_output(int status)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return status;
	fprintf(stderr, PROGRAM ": standard output: cannot be written to\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct vgpu_trace_tool_options tool_options = {.severity = LINT_WARNING};
	struct vgpu_error err;
	int worst = parse_options(argc, argv, &tool_options);

	if (worst < 0)
		worst = check_rules(tool_options.rules);
	if (worst >= 0)
		return worst;
	if (optind == argc)
		return vgpu_usage_error(PROGRAM, "no command named");
	const struct tool *tool = find_tool(argv[optind]);
	if (tool == NULL)
		return vgpu_usage_error(PROGRAM, "no command is called '%s'", argv[optind]);
	if (tool_options.list_rules && tool->run == vgpu_trace_lint && optind + 1 == argc) {
		lint_report_rules(stdout, tool_options.json, tool_options.rules);
		return end_output(0);
	}
	if (tool_options.list_rules)
		return vgpu_usage_error(PROGRAM, "%s: --list-rules is for lint, without a file",
					tool->name);
	if (optind + 1 == argc)
		return vgpu_usage_error(PROGRAM, "%s: no file named", tool->name);
	if (optind + 2 < argc && !tool->several)
		return vgpu_usage_error(PROGRAM, "%s: takes one file", tool->name);
	worst = 0;
	for (int i = optind + 1; i < argc; i++) {
		int status = tool->run(argv[i], &tool_options, stdout, &err);
		if (status == 2)
			fprintf(stderr, PROGRAM ": %s: %s\n", argv[i],
				vgpu_replay_strip(argv[i], err.text));
		worst = status > worst ? status : worst;
	}
	return end_output(worst);
}
