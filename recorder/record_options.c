/* SPDX-License-Identifier: MIT */
#include "record_options.h"

#include "command_line.h"

#include <getopt.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PROGRAM "vgpu-record"

/* A description and an end go into this. */
#define MAX_SIZE_MIN 4096

static const char usage[] =
	"Usage: vgpu-record ZONE [OPTION]...\n"
	"       vgpu-record {--socket-path PATH | --fd N} -o FILE [OPTION]...\n"
	"       vgpu-record --list\n"
	"Serve a guest's virtio-gpu and record what it does: as the virtio daemon of a zone\n"
	"of hvisor, or as a vhost-user back end.\n"
	"\n"
	"A zone (zone1, 1, or its name):\n"
	"  -c, --config=FILE       hvisor-tool's virtio configuration (default: the one of\n"
	"                          ./virtio_cfg*.json and /etc/hvisor/*.json that has the gpu)\n"
	"      --zone-config=FILE  check it against hvisor-tool's zone configuration first\n"
	"      --bridge-layout=L   page shared with hvisor: auto, 32x8, 32x4, 4x4 (default auto)\n"
	"      --display=D         kms, kms:/dev/dri/cardN[,CONNECTOR], or none (default: kms if\n"
	"                          there is a display)\n"
	"      --list              list the zones that hvisor reports\n"
	"A vhost-user back end:\n"
	"      --socket-path=PATH  listen on PATH; a front end such as QEMU connects to it\n"
	"      --fd=N              serve the connected socket that is open as descriptor N\n"
	"      --once              stop when the first front end has gone\n"
	"      --print-capabilities  print what this back end can do as JSON and exit\n"
	"Both:\n"
	"  -o, --output=FILE       write the trace to FILE, as FILE.part until it is closed\n"
	"                          (default for a zone: ZONE-YYYYmmdd-HHMMSS.trace); -: to the\n"
	"                          standard output\n"
	"      --max-size=SIZE     end the recording, and serve the guest on, before the trace\n"
	"                          is larger than SIZE bytes, or 100K, 100M, 100G\n"
	"      --rotate=SIZE       begin another trace when one has SIZE bytes: FILE is called\n"
	"                          NAME.000.trace, NAME.001.trace ..., and each can be replayed\n"
	"      --rotate-time=S     the same after S seconds\n"
	"      --last=S            keep the last S seconds in memory, and write them to\n"
	"                          NAME.000.trace, NAME.001.trace ... on SIGUSR1, when the guest\n"
	"                          breaks the specification or vanishes, 16 times at most, and\n"
	"                          at the end\n"
	"      --last-memory=MIB   memory for that, 1 to 1048576 (default 64); when it is full,\n"
	"                          it is less than S seconds\n"
	"      --size=WxH          tell the guest that each display has this size, whatever\n"
	"                          the front end, the configuration or the display says\n"
	"      --scanouts=N        number of displays, 1 to 16 (default 1; QEMU: max_outputs)\n"
	"      --duration=S        stop after S seconds\n"
	"      --frames=N          stop after N frames\n"
	"      --note=TEXT         a sentence about the guest, kept in the trace\n"
	"      --memory-limit=MIB  memory that the guest's resources may take (default 256)\n"
	"      --no-blobs          do not offer blob resources: Linux draws without them then\n"
	"      --buffer=MIB        memory for what waits to be written (default 64); when it is\n"
	"                          full, pixels are dropped, and marked so\n"
	"      --user=USER         become USER, a name or a number, once all is open; for root\n"
	"      --no-sandbox        keep all system calls, files and capabilities: to debug\n"
	"      --require-sandbox   end where the kernel lacks a part of the sandbox\n"
	"  -q, --quiet             only print errors\n"
	"  -h, --help              print this and exit\n"
	"  -V, --version           print the version and exit\n"
	"\n"
	"SIGINT and SIGTERM close the trace properly.\n"
	"Exit status: 0 recorded, up to --max-size or as long as somebody read it; 1 the\n"
	"recording ended by an error, 2 wrong usage, or nothing that can be served.\n";

/* Bytes, or as many times 1024 as a letter says. */
static bool parse_bytes(const char *text, uint64_t min, uint64_t *value)
{
	static const char letters[] = "KMG";
	const char *rest;

	if (!vgpu_number_begin(text, &rest, value))
		return false;
	const char *letter = *rest != '\0' ? strchr(letters, *rest) : NULL;
	unsigned int shift = letter != NULL ? 10 * (unsigned int)(letter - letters + 1) : 0;
	if (rest[letter != NULL] != '\0' || *value > UINT64_MAX >> shift)
		return false;
	*value <<= shift;
	return *value >= min;
}

static bool parse_size(const char *text, uint32_t *width, uint32_t *height)
{
	int used = -1;

	return sscanf(text, "%5" SCNu32 "x%5" SCNu32 "%n", width, height, &used) == 2 && used > 0 &&
	       text[used] == '\0' && *width >= 16 && *width <= 16384 && *height >= 16 &&
	       *height <= 16384;
}

static bool parse_seconds(const char *text, double *seconds)
{
	char *end;

	*seconds = strtod(text, &end);
	return end != text && *end == '\0' && *seconds > 0 && *seconds < 1e9;
}

static bool parse_layout(const char *text, enum vgpu_bridge_layout *layout)
{
	static const char *const names[] = {
		[VGPU_BRIDGE_AUTO] = "auto",
		[VGPU_BRIDGE_32X8] = "32x8",
		[VGPU_BRIDGE_32X4] = "32x4",
		[VGPU_BRIDGE_4X4] = "4x4",
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (strcmp(text, names[i]) != 0)
			continue;
		*layout = (enum vgpu_bridge_layout)i;
		return true;
	}
	return false;
}

static int complain(const char *format, const char *value)
{
	return vgpu_usage_error(PROGRAM, format, value);
}

enum {
	OPT_ZONE_CONFIG = 256,
	OPT_LAYOUT,
	OPT_DISPLAY,
	OPT_LIST,
	OPT_SOCKET_PATH,
	OPT_FD,
	OPT_SIZE,
	OPT_SCANOUTS,
	OPT_DURATION,
	OPT_FRAMES,
	OPT_ONCE,
	OPT_NOTE,
	OPT_MEMORY_LIMIT,
	OPT_NO_BLOBS,
	OPT_BUFFER,
	OPT_MAX_SIZE,
	OPT_ROTATE,
	OPT_ROTATE_TIME,
	OPT_LAST,
	OPT_LAST_MEMORY,
	OPT_CAPABILITIES,
	OPT_USER,
	OPT_NO_SANDBOX,
	OPT_REQUIRE_SANDBOX,
};

static const struct option long_options[] = {
	{"config", required_argument, NULL, 'c'},
	{"zone-config", required_argument, NULL, OPT_ZONE_CONFIG},
	{"bridge-layout", required_argument, NULL, OPT_LAYOUT},
	{"display", required_argument, NULL, OPT_DISPLAY},
	{"list", no_argument, NULL, OPT_LIST},
	{"socket-path", required_argument, NULL, OPT_SOCKET_PATH},
	{"fd", required_argument, NULL, OPT_FD},
	{"output", required_argument, NULL, 'o'},
	{"size", required_argument, NULL, OPT_SIZE},
	{"scanouts", required_argument, NULL, OPT_SCANOUTS},
	{"duration", required_argument, NULL, OPT_DURATION},
	{"frames", required_argument, NULL, OPT_FRAMES},
	{"once", no_argument, NULL, OPT_ONCE},
	{"note", required_argument, NULL, OPT_NOTE},
	{"memory-limit", required_argument, NULL, OPT_MEMORY_LIMIT},
	{"no-blobs", no_argument, NULL, OPT_NO_BLOBS},
	{"buffer", required_argument, NULL, OPT_BUFFER},
	{"max-size", required_argument, NULL, OPT_MAX_SIZE},
	{"rotate", required_argument, NULL, OPT_ROTATE},
	{"rotate-time", required_argument, NULL, OPT_ROTATE_TIME},
	{"last", required_argument, NULL, OPT_LAST},
	{"last-memory", required_argument, NULL, OPT_LAST_MEMORY},
	{"print-capabilities", no_argument, NULL, OPT_CAPABILITIES},
	{"user", required_argument, NULL, OPT_USER},
	{"no-sandbox", no_argument, NULL, OPT_NO_SANDBOX},
	{"require-sandbox", no_argument, NULL, OPT_REQUIRE_SANDBOX},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

/* How long a trace may be. As take_option(). */
static int take_length(struct record_options *options, int option, const char *value)
{
	uint64_t number;

	if (option == OPT_LAST)
		return parse_seconds(value, &options->last)
			       ? -1
			       : complain("--last=%s: want seconds", value);
	if (option == OPT_LAST_MEMORY) {
		if (!vgpu_number(value, 1, 1u << 20, &number))
			return complain("--last-memory=%s: want MiB, 1 to 1048576", value);
		options->last_memory = number << 20;
		return -1;
	}
	if (option == OPT_ROTATE_TIME)
		return parse_seconds(value, &options->rotate_time)
			       ? -1
			       : complain("--rotate-time=%s: want seconds", value);
	bool rotate = option == OPT_ROTATE;
	if (parse_bytes(value, MAX_SIZE_MIN, rotate ? &options->rotate_size : &options->max_size))
		return -1;
	return complain(rotate ? "--rotate=%s: want bytes, from 4096, or 100K, 100M, 100G"
			       : "--max-size=%s: want bytes, from 4096, or 100K, 100M, 100G",
			value);
}

/* Takes one option. Returns -1 to go on, or the status to exit with. */
static int take_option(struct record_options *options, int option, const char *value)
{
	uint64_t number = 0;

	switch (option) {
	case 'c':
		options->config = value;
		return -1;
	case OPT_ZONE_CONFIG:
		options->zone_config = value;
		return -1;
	case OPT_LAYOUT:
		if (!parse_layout(value, &options->layout))
			return complain("--bridge-layout=%s: want auto, 32x8, 32x4 or 4x4", value);
		return -1;
	case OPT_DISPLAY:
		if (strcmp(value, "none") != 0 && strcmp(value, "kms") != 0 &&
		    strncmp(value, "kms:", 4) != 0)
			return complain("--display=%s: want kms, kms:CARD[,CONNECTOR] or none",
					value);
		options->display = value;
		return -1;
	case OPT_LIST:
		options->list = true;
		return -1;
	case OPT_SOCKET_PATH:
		options->socket_path = value;
		return -1;
	case OPT_FD:
		if (!vgpu_number(value, 0, INT32_MAX, &number))
			return complain("--fd=%s: not a file descriptor", value);
		options->fd = (int)number;
		return -1;
	case 'o':
		options->output = value;
		return -1;
	case OPT_SIZE:
		if (!parse_size(value, &options->width, &options->height))
			return complain("--size=%s: want WIDTHxHEIGHT, 16x16 to 16384x16384",
					value);
		return -1;
	case OPT_SCANOUTS:
		if (!vgpu_number(value, 1, VGPU_MAX_SCANOUTS, &number))
			return complain("--scanouts=%s: want 1 to 16", value);
		options->scanouts = (unsigned int)number;
		return -1;
	case OPT_DURATION:
		if (!parse_seconds(value, &options->duration))
			return complain("--duration=%s: want seconds", value);
		return -1;
	case OPT_FRAMES:
		if (!vgpu_number(value, 1, UINT64_MAX, &options->frames))
			return complain("--frames=%s: want a number from 1", value);
		return -1;
	case OPT_ONCE:
		options->once = true;
		return -1;
	case OPT_NOTE:
		options->note = value;
		return -1;
	case OPT_MEMORY_LIMIT:
		if (!vgpu_number(value, 1, 1u << 20, &number))
			return complain("--memory-limit=%s: want MiB, 1 to 1048576", value);
		options->memory_limit = number << 20;
		return -1;
	case OPT_NO_BLOBS:
		options->no_blobs = true;
		return -1;
	case OPT_BUFFER:
		if (!vgpu_number(value, 1, 1u << 20, &number))
			return complain("--buffer=%s: want MiB, 1 to 1048576", value);
		options->buffer = number << 20;
		return -1;
	case OPT_MAX_SIZE:
	case OPT_ROTATE:
	case OPT_ROTATE_TIME:
	case OPT_LAST:
	case OPT_LAST_MEMORY:
		return take_length(options, option, value);
	case OPT_CAPABILITIES:
		puts("{\"type\": \"gpu\", \"features\": []}");
		return RECORD_OK;
	case OPT_USER:
		options->user = value;
		return -1;
	case OPT_NO_SANDBOX:
		options->no_sandbox = true;
		return -1;
	case OPT_REQUIRE_SANDBOX:
		options->require_sandbox = true;
		return -1;
	case 'q':
		options->quiet = true;
		return -1;
	case 'h':
		fputs(usage, stdout);
		return RECORD_OK;
	case 'V':
		puts("vgpu-record " VGPU_VERSION);
		return RECORD_OK;
	default: /* getopt has said what is wrong */
		return vgpu_usage_hint(PROGRAM);
	}
}

/* What --last goes with: it has no one file that grows. */
static int check_last(const struct record_options *options)
{
	struct stat info;

	if (options->last == 0)
		return options->last_memory == 0
			       ? -1
			       : complain("%s", "--last-memory is for --last=SECONDS");
	if (options->max_size != 0 || options->rotate_size != 0 || options->rotate_time > 0)
		return complain("%s", "--last keeps no file that --max-size or --rotate is for");
	if (options->output == NULL)
		return -1;
	if (strcmp(options->output, "-") == 0)
		return complain("%s", "-o -: a pipe takes one trace, --last makes many");
	if (stat(options->output, &info) == 0 && !S_ISREG(info.st_mode))
		return complain("-o %s: --last makes files, and this is none", options->output);
	return -1;
}

static int check(const struct record_options *options)
{
	int guests = (options->zone != NULL) + (options->socket_path != NULL) + (options->fd >= 0);

	if (options->list)
		return guests == 0 ? -1 : complain("%s", "--list goes alone");
	if (guests != 1)
		return complain("%s", "give one of ZONE, --socket-path and --fd");
	if (options->no_sandbox && (options->require_sandbox || options->user != NULL))
		return complain("%s", "--no-sandbox goes without --require-sandbox and --user");
	if (options->max_size != 0 && (options->rotate_size != 0 || options->rotate_time > 0))
		return complain("%s", "--max-size is for one trace, --rotate for many");
	if (options->output != NULL && strcmp(options->output, "-") == 0 &&
	    (options->rotate_size != 0 || options->rotate_time > 0))
		return complain("%s", "-o -: a pipe takes one trace");
	if (options->output != NULL && strcmp(options->output, "-") == 0 && isatty(STDOUT_FILENO))
		return complain("%s", "-o -: a trace is not for a terminal");
	int status = check_last(options);
	if (status >= 0 || options->zone != NULL)
		return status;
	if (options->output == NULL)
		return complain("%s", "give the trace's name with -o FILE");
	if (options->config != NULL || options->zone_config != NULL)
		return complain("%s", "a configuration is for a zone");
	if (options->display != NULL && strcmp(options->display, "none") != 0)
		return complain("--display=%s: the front end shows the picture", options->display);
	return -1;
}

int record_options_parse(int argc, char **argv, struct record_options *options)
{
	int option;

	*options = (struct record_options){.fd = -1, .scanouts = 1};
	while ((option = getopt_long(argc, argv, "c:o:qhV", long_options, NULL)) != -1) {
		int status = take_option(options, option, optarg);

		if (status >= 0)
			return status;
	}
	if (optind < argc)
		options->zone = argv[optind++];
	if (optind < argc)
		return complain("%s: only one zone is recorded at a time", argv[optind]);
	return check(options);
}
