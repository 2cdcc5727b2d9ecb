/* SPDX-License-Identifier: MIT */
/* vgpu-record: serves a guest with the reference device and writes down what it does. */
#include "recorder.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

enum { EXIT_OK, EXIT_RECORDING, EXIT_USAGE };

struct options {
	const char *socket_path, *output, *note;
	int fd;
	uint32_t width, height; /* 0: what the front end says */
	unsigned int scanouts;
	double duration;       /* seconds; 0: no limit */
	uint64_t frames;       /* 0: no limit */
	uint64_t memory_limit; /* bytes; 0: the device's default */
	uint64_t buffer;       /* bytes; 0: the writer's default */
	bool once, quiet;
};

struct session {
	struct options options;
	struct vgpu_mem_map *memory;
	struct vgpu_device *device;
	struct vgpu_vhost_user *server;
	struct vgpu_trace_writer *writer;
	struct vgpu_recorder *recorder;
	int signal_fd;
	uint64_t begin_ns, shown_ns;
	uint64_t shown_frames;
	bool live; /* a terminal shows a line that is written over */
};

static const char usage[] =
	"Usage: vgpu-record {--socket-path PATH | --fd N} -o FILE [OPTION]...\n"
	"Serve a guest's virtio-gpu as a vhost-user back end and record what it does.\n"
	"\n"
	"      --socket-path=PATH  listen on PATH; a front end such as QEMU connects to it\n"
	"      --fd=N              serve the connected socket that is open as descriptor N\n"
	"  -o, --output=FILE       write the trace to FILE, as FILE.part until it is closed\n"
	"      --size=WxH          tell the guest that each display has this size, whatever\n"
	"                          the front end says\n"
	"      --scanouts=N        number of displays, 1 to 16 (default 1; QEMU: max_outputs)\n"
	"      --duration=S        stop after S seconds\n"
	"      --frames=N          stop after N frames\n"
	"      --once              stop when the first front end has gone\n"
	"      --note=TEXT         a sentence about the guest, kept in the trace\n"
	"      --memory-limit=MIB  memory that the guest's resources may take (default 256)\n"
	"      --buffer=MIB        memory for what waits to be written (default 64); when it is\n"
	"                          full, pixels are dropped, and marked so\n"
	"      --print-capabilities  print what this back end can do as JSON and exit\n"
	"  -q, --quiet             only print errors\n"
	"  -h, --help              print this and exit\n"
	"  -V, --version           print the version and exit\n"
	"\n"
	"SIGINT and SIGTERM close the trace properly.\n"
	"Exit status: 0 recorded, 1 the recording ended by an error, 2 wrong usage or no socket.\n";

static bool parse_number(const char *text, uint64_t min, uint64_t max, uint64_t *value)
{
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	*value = strtoull(text, &end, 10);
	return errno == 0 && *end == '\0' && *value >= min && *value <= max;
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

static int complain(const char *format, const char *value)
{
	fprintf(stderr, "vgpu-record: ");
	fprintf(stderr, format, value);
	fprintf(stderr, "\nTry 'vgpu-record --help'.\n");
	return EXIT_USAGE;
}

enum {
	OPT_SOCKET_PATH = 256,
	OPT_FD,
	OPT_SIZE,
	OPT_SCANOUTS,
	OPT_DURATION,
	OPT_FRAMES,
	OPT_ONCE,
	OPT_NOTE,
	OPT_MEMORY_LIMIT,
	OPT_BUFFER,
	OPT_CAPABILITIES,
};

static const struct option long_options[] = {
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
	{"buffer", required_argument, NULL, OPT_BUFFER},
	{"print-capabilities", no_argument, NULL, OPT_CAPABILITIES},
	{"quiet", no_argument, NULL, 'q'},
	{"help", no_argument, NULL, 'h'},
	{"version", no_argument, NULL, 'V'},
	{NULL, 0, NULL, 0},
};

/* Takes one option. Returns -1 to go on, or the status to exit with. */
static int take_option(struct options *options, int option, const char *value)
{
	uint64_t number = 0;

	switch (option) {
	case OPT_SOCKET_PATH:
		options->socket_path = value;
		return -1;
	case OPT_FD:
		if (!parse_number(value, 0, INT32_MAX, &number))
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
		if (!parse_number(value, 1, VGPU_MAX_SCANOUTS, &number))
			return complain("--scanouts=%s: want 1 to 16", value);
		options->scanouts = (unsigned int)number;
		return -1;
	case OPT_DURATION:
		if (!parse_seconds(value, &options->duration))
			return complain("--duration=%s: want seconds", value);
		return -1;
	case OPT_FRAMES:
		if (!parse_number(value, 1, UINT64_MAX, &options->frames))
			return complain("--frames=%s: want a number from 1", value);
		return -1;
	case OPT_ONCE:
		options->once = true;
		return -1;
	case OPT_NOTE:
		options->note = value;
		return -1;
	case OPT_MEMORY_LIMIT:
		if (!parse_number(value, 1, 1u << 20, &number))
			return complain("--memory-limit=%s: want MiB, 1 to 1048576", value);
		options->memory_limit = number << 20;
		return -1;
	case OPT_BUFFER:
		if (!parse_number(value, 1, 1u << 20, &number))
			return complain("--buffer=%s: want MiB, 1 to 1048576", value);
		options->buffer = number << 20;
		return -1;
	case OPT_CAPABILITIES:
		puts("{\"type\": \"gpu\", \"features\": []}");
		return EXIT_OK;
	case 'q':
		options->quiet = true;
		return -1;
	case 'h':
		fputs(usage, stdout);
		return EXIT_OK;
	case 'V':
		puts("vgpu-record " VGPU_VERSION);
		return EXIT_OK;
	default: /* getopt has said what is wrong */
		fputs("Try 'vgpu-record --help'.\n", stderr);
		return EXIT_USAGE;
	}
}

static int parse(int argc, char **argv, struct options *options)
{
	int option;

	*options = (struct options){.fd = -1, .scanouts = 1};
	while ((option = getopt_long(argc, argv, "o:qhV", long_options, NULL)) != -1) {
		int status = take_option(options, option, optarg);

		if (status >= 0)
			return status;
	}
	if (optind < argc)
		return complain("%s: what is this? Zones of hvisor cannot be recorded yet",
				argv[optind]);
	if ((options->socket_path == NULL) == (options->fd < 0))
		return complain("%s", "give either --socket-path or --fd");
	if (options->output == NULL)
		return complain("%s", "give the trace's name with -o FILE");
	return -1;
}

/* ---- what people see -------------------------------------------------------------- */

static void clear_live_line(const struct session *session)
{
	if (session->live)
		fputs("\r\033[K", stderr);
}

static void on_log(void *opaque, const char *line)
{
	const struct session *session = opaque;

	clear_live_line(session);
	fprintf(stderr, "vgpu-record: %s\n", line);
}

static double mebibytes(uint64_t bytes)
{
	return (double)bytes / (1 << 20);
}

#define LIVE_NS 250000000ull

static void show_live_line(struct session *session)
{
	uint64_t now = vgpu_now_ns();

	if (!session->live || now - session->shown_ns < LIVE_NS)
		return;
	struct vgpu_trace_writer_stats stats = vgpu_trace_writer_stats(session->writer);
	double elapsed = (double)(now - session->shown_ns) / 1e9;
	double fps = (double)(stats.frames - session->shown_frames) / elapsed;

	fprintf(stderr,
		"\r%7.1f s  %" PRIu64 " requests  %" PRIu64 " frames  %.0f fps  %.2f MiB written"
		"  %.1f MiB raw  %" PRIu64 " dropped\033[K",
		(double)(now - session->begin_ns) / 1e9, stats.requests, stats.frames, fps,
		mebibytes(stats.written_bytes), mebibytes(stats.raw_bytes), stats.dropped);
	session->shown_ns = now;
	session->shown_frames = stats.frames;
}

static void show_summary(const struct session *session, const struct vgpu_trace_writer_stats *stats)
{
	const uint64_t *violations = vgpu_device_violations(session->device);

	if (session->options.quiet)
		return;
	printf("%s: %" PRIu64 " requests, %" PRIu64 " frames in %.1f s, %.2f MiB recorded\n",
	       session->options.output, stats->requests, stats->frames,
	       (double)(vgpu_now_ns() - session->begin_ns) / 1e9, mebibytes(stats->raw_bytes));
	if (stats->dropped != 0)
		printf("  %" PRIu64 " requests without their pixels: the disk could not keep up\n",
		       stats->dropped);
	for (int i = 0; i < VGPU_NUM_VIOLATIONS; i++)
		if (violations[i] != 0)
			printf("  guest: %s: %" PRIu64 "x\n",
			       vgpu_violation_text((enum vgpu_violation)i), violations[i]);
}

/* ---- the recording ------------------------------------------------------------------ */

/* What made the trace and when. Nothing in it tells who or on which host. */
static char *describe(const struct session *session)
{
	cJSON *root = cJSON_CreateObject();
	char when[32] = "";
	time_t now = time(NULL);
	struct tm utc;
	struct utsname system;

	if (gmtime_r(&now, &utc) != NULL)
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &utc);
	cJSON_AddStringToObject(root, "tool", "vgpu-record " VGPU_VERSION);
	cJSON_AddStringToObject(root, "time", when);
	cJSON_AddStringToObject(root, "bus", "vhost-user");
	if (uname(&system) == 0) {
		cJSON_AddStringToObject(root, "system", system.sysname);
		cJSON_AddStringToObject(root, "machine", system.machine);
	}
	if (session->options.note != NULL)
		cJSON_AddStringToObject(root, "note", session->options.note);
	cJSON_AddNumberToObject(root, "scanouts", session->options.scanouts);
	if (session->options.width != 0) {
		cJSON_AddNumberToObject(root, "width", session->options.width);
		cJSON_AddNumberToObject(root, "height", session->options.height);
	}
	char *text = cJSON_PrintUnformatted(root);
	cJSON_Delete(root);
	return text;
}

static struct vgpu_device *make_device(const struct session *session)
{
	const struct options *options = &session->options;
	struct vgpu_device_options device = {
		.memory = vgpu_mem_map_memory(session->memory),
		.num_scanouts = options->scanouts,
		.memory_limit = options->memory_limit,
	};

	/* Until the front end says better, the first display is there. */
	for (unsigned int i = 0; i < options->scanouts; i++) {
		device.outputs[i].rect.width = options->width != 0 ? options->width : 1280;
		device.outputs[i].rect.height = options->height != 0 ? options->height : 800;
		device.outputs[i].enabled = options->width != 0 || i == 0;
	}
	return vgpu_device_new(&device);
}

static int open_session(struct session *session)
{
	const struct options *options = &session->options;
	struct vgpu_error err = {.text = "out of memory"};

	session->memory = vgpu_mem_map_new();
	session->device = session->memory != NULL ? make_device(session) : NULL;
	if (session->device == NULL)
		goto fail;
	session->server = vgpu_vhost_user_new(&(struct vgpu_vhost_user_options){
		.device = session->device,
		.memory = session->memory,
		.ask_front_end = options->width == 0,
		.log = on_log,
		.opaque = session,
	});
	if (session->server == NULL)
		goto fail;
	int rc = options->socket_path != NULL
			 ? vgpu_vhost_user_listen(session->server, options->socket_path, &err)
			 : vgpu_vhost_user_attach(session->server, options->fd, &err);
	if (rc != 0)
		goto fail;

	char *metadata = describe(session);
	session->writer = vgpu_trace_writer_open(
		options->output,
		&(struct vgpu_trace_writer_options){.metadata = metadata,
						    .queue_limit = options->buffer},
		&err);
	cJSON_free(metadata);
	if (session->writer == NULL)
		goto fail;
	session->recorder = vgpu_recorder_new(session->device, session->writer);
	if (session->recorder != NULL)
		return 0;
	snprintf(err.text, sizeof(err.text), "out of memory");
fail:
	fprintf(stderr, "vgpu-record: %s\n", err.text);
	return EXIT_USAGE;
}

/* Ends the recording and frees all. Returns the exit status. */
static int close_session(struct session *session)
{
	struct vgpu_trace_writer_stats stats = {0};
	int status = EXIT_OK;

	clear_live_line(session);
	vgpu_recorder_free(session->recorder);
	if (session->writer != NULL) {
		struct vgpu_error err;

		stats = vgpu_trace_writer_stats(session->writer);
		if (vgpu_trace_writer_close(session->writer,
					    vgpu_device_violations(session->device), &err) != 0) {
			fprintf(stderr, "vgpu-record: %s\n", err.text);
			status = EXIT_RECORDING;
		} else {
			show_summary(session, &stats);
		}
	}
	vgpu_vhost_user_free(session->server);
	vgpu_device_free(session->device);
	vgpu_mem_map_free(session->memory);
	if (session->signal_fd >= 0)
		close(session->signal_fd);
	return status;
}

/* Milliseconds until something is to be done without being asked; 0: stop. */
static int time_left(struct session *session)
{
	const struct options *options = &session->options;
	int left = session->live ? (int)(LIVE_NS / 1000000) : 1000;

	if (options->frames != 0 &&
	    vgpu_trace_writer_stats(session->writer).frames >= options->frames)
		return 0;
	if (options->duration == 0)
		return left;
	double rest = options->duration - (double)(vgpu_now_ns() - session->begin_ns) / 1e9;
	if (rest <= 0)
		return 0;
	return rest * 1000 < left ? (int)(rest * 1000) + 1 : left;
}

static int serve(struct session *session)
{
	bool told = false;

	for (;;) {
		int timeout = time_left(session);
		if (timeout == 0)
			return 0;
		int rc = vgpu_vhost_user_run(session->server, timeout, session->signal_fd);
		if (rc > 0)
			return 0;
		if (rc == -ECONNRESET && (session->options.once || session->options.fd >= 0))
			return 0;
		if (rc < 0 && rc != -ECONNRESET) {
			on_log(session, strerror(-rc));
			return EXIT_USAGE;
		}
		show_live_line(session);
		int error = vgpu_trace_writer_stats(session->writer).error;
		if (error != 0 && !told) {
			/* The guest matters more than its recording. */
			on_log(session, strerror(error));
			on_log(session, "the recording has ended; the guest is still served");
			told = true;
		}
	}
}

static int open_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	/* Before any thread is started, so that all of them block these. */
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int main(int argc, char **argv)
{
	struct session session = {.signal_fd = -1};
	int status = parse(argc, argv, &session.options);

	if (status >= 0)
		return status;
	setvbuf(stdout, NULL, _IOLBF, 0);
	session.signal_fd = open_signals();
	session.begin_ns = session.shown_ns = vgpu_now_ns();
	session.live = !session.options.quiet && isatty(STDERR_FILENO) == 1;
	status = open_session(&session);
	if (status == 0)
		status = serve(&session);
	int closed = close_session(&session);
	return status != 0 ? status : closed;
}
