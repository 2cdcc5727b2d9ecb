/* SPDX-License-Identifier: MIT */
/* vgpu-trace(1): says what is in a recording. */
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
	{"info", vgpu_trace_info, false},
	{"dump", vgpu_trace_dump, false},
	{"verify", vgpu_trace_verify, true},
	{"frames", vgpu_trace_frames, false},
};

static void print_help(void)
{
	printf("Usage: " PROGRAM " info [--json] FILE\n"
	       "       " PROGRAM " dump [--json] [--registers] FILE\n"
	       "       " PROGRAM " verify [--json] FILE...\n"
	       "       " PROGRAM " frames [--json] -o DIR FILE\n"
	       "Says what is in a recorded virtio-gpu stream. FILE may be - for standard input,\n"
	       "except for frames.\n"
	       "\n"
	       "  info    who recorded it, and what there is of each command\n"
	       "  dump    every request and frame, one line each\n"
	       "  verify  read all of it and check every checksum\n"
	       "  frames  draw it and write every distinct frame as PNG\n"
	       "\n"
	       "      --json        for machines: one JSON object per line\n"
	       "  -r, --registers   dump register accesses too\n"
	       "  -o, --output DIR  folder for the pictures (default: .)\n"
	       "  -h, --help        print this and exit\n"
	       "  -V, --version     print the version and exit\n"
	       "\n"
	       "Exit status: 0, 1 if a frame was not drawn as recorded, 2 if a file or the call\n"
	       "cannot be used.\n");
}

static int usage_error(const char *format, const char *what)
{
	fprintf(stderr, PROGRAM ": ");
	fprintf(stderr, format, what);
	fprintf(stderr, "\nTry '" PROGRAM " --help'.\n");
	return 2;
}

static const struct tool *find_tool(const char *name)
{
	for (size_t i = 0; i < sizeof(tools) / sizeof(tools[0]); i++)
		if (strcmp(tools[i].name, name) == 0)
			return &tools[i];
	return NULL;
}

enum long_option { JSON = 256 };

static const struct option options[] = {
	{"json", no_argument, NULL, JSON},	  {"registers", no_argument, NULL, 'r'},
	{"output", required_argument, NULL, 'o'}, {"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},	  {NULL, 0, NULL, 0},
};

/* Returns -1 to go on, or an exit status. */
static int parse_options(int argc, char **argv, struct vgpu_trace_tool_options *tool)
{
	int option;

	while ((option = getopt_long(argc, argv, "ro:hV", options, NULL)) != -1) {
		switch (option) {
		case JSON:
			tool->json = true;
			break;
		case 'r':
			tool->registers = true;
			break;
		case 'o':
			tool->folder = optarg;
			break;
		case 'h':
			print_help();
			return 0;
		case 'V':
			printf(PROGRAM " " VGPU_VERSION "\n");
			return 0;
		default:
			fprintf(stderr, "Try '" PROGRAM " --help'.\n");
			return 2;
		}
	}
	return -1;
}

int main(int argc, char **argv)
{
	struct vgpu_trace_tool_options tool_options = {.folder = "."};
	struct vgpu_error err;
	int worst = parse_options(argc, argv, &tool_options);

	if (worst >= 0)
		return worst;
	if (optind == argc)
		return usage_error("%s", "no command named");
	const struct tool *tool = find_tool(argv[optind]);
	if (tool == NULL)
		return usage_error("no command is called '%s'", argv[optind]);
	if (optind + 1 == argc)
		return usage_error("%s: no file named", tool->name);
	if (optind + 2 < argc && !tool->several)
		return usage_error("%s: takes one file", tool->name);
	worst = 0;
	for (int i = optind + 1; i < argc; i++) {
		int status = tool->run(argv[i], &tool_options, stdout, &err);
		if (status == 2)
			fprintf(stderr, PROGRAM ": %s: %s\n", argv[i],
				vgpu_replay_strip(argv[i], err.text));
		worst = status > worst ? status : worst;
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, PROGRAM ": standard output: cannot be written to\n");
		return 2;
	}
	return worst;
}
