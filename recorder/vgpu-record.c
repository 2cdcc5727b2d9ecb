/* SPDX-License-Identifier: MIT */
/* vgpu-record: serves a guest with the reference device and writes down what it does. */
#include "record_options.h"
#include "recorder.h"
#include "sandbox/sandbox.h"
#include "watch.h"
#include "zone_config.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <time.h>
#include <unistd.h>

#define DISPLAY_MS     16
#define DEFAULT_WIDTH  1280
#define DEFAULT_HEIGHT 800

struct session {
	struct record_options options;
	struct vgpu_zone_config zone;
	char output[256]; /* where options give none */
	struct vgpu_mem_map *memory;
	struct vgpu_device *device;
	struct vgpu_vhost_user *server; /* one of these two */
	struct vgpu_hvisor *hvisor;
	struct vgpu_kms *kms; /* NULL: nothing is shown here */
	struct vgpu_trace_writer *writer;
	struct vgpu_recorder *recorder;
	struct sandbox *sandbox; /* NULL: none is wanted */
	int signal_fd;
	uint64_t begin_ns, shown_ns;
	uint64_t shown_frames;
	bool live;    /* a terminal shows a line that is written over */
	bool discard; /* nothing was served: leave no file */
	bool told;    /* that the recording has ended */
	uint64_t faults, fault_traces;
	bool told_enough;	/* that there are no more of these */
	uint64_t asked_in_vain; /* for a trace, while one was written */
};

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

static void show_last(const struct session *session, const struct vgpu_trace_writer_stats *stats,
		      FILE *out)
{
	fprintf(out, "  the last %g s kept in memory, and written %" PRIu64 " times\n",
		session->options.last, stats->dumps);
	if (session->faults != 0)
		fprintf(out,
			"  %" PRIu64 " faults of the guest, %" PRIu64
			" traces because of them: no more %s\n",
			session->faults, session->fault_traces,
			session->told_enough ? "are written" : "in that time");
	if (session->asked_in_vain != 0)
		fprintf(out, "  %" PRIu64 " signals without a trace: one was being written\n",
			session->asked_in_vain);
}

static void show_summary(const struct session *session, const struct vgpu_trace_writer_stats *stats)
{
	const uint64_t *violations = vgpu_device_violations(session->device);

	if (session->options.quiet)
		return;
	bool piped = strcmp(session->options.output, "-") == 0;
	FILE *out = piped ? stderr : stdout;
	fprintf(out, "%s: %" PRIu64 " requests, %" PRIu64 " frames in %.1f s, %.2f MiB recorded\n",
		piped ? "standard output" : session->options.output, stats->requests - stats->state,
		stats->frames, (double)(vgpu_now_ns() - session->begin_ns) / 1e9,
		mebibytes(stats->raw_bytes));
	if (stats->dropped != 0)
		fprintf(out,
			"  %" PRIu64 " requests without their pixels: the disk could not keep up\n",
			stats->dropped);
	if (session->options.last > 0)
		show_last(session, stats, out);
	else if (stats->files > 1)
		fprintf(out, "  in %" PRIu64 " traces\n", stats->files);
	if (stats->lost_requests != 0)
		fprintf(out, "  %" PRIu64 " requests and %" PRIu64 " frames after its end\n",
			stats->lost_requests, stats->lost_frames);
	for (int i = 0; i < VGPU_NUM_VIOLATIONS; i++)
		if (violations[i] != 0)
			fprintf(out, "  guest: %s: %" PRIu64 "x\n",
				vgpu_violation_text((enum vgpu_violation)i), violations[i]);
}

/* ---- a zone of hvisor ---------------------------------------------------------------- */

static void on_report(void *opaque, bool error, const char *line)
{
	(void)opaque;
	fprintf(stderr, "vgpu-record: %s%s\n", error ? "" : "warning: ", line);
}

static int list_zones(void)
{
	struct vgpu_hvisor_zone zones[32];
	struct vgpu_error err;
	int num = vgpu_hvisor_zones(zones, 32, &err);

	if (num < 0) {
		fprintf(stderr, "vgpu-record: %s\n", err.text);
		return RECORD_USAGE;
	}
	for (int i = 0; i < num; i++)
		printf("zone%-3u cpus 0x%" PRIx64 "  %-8s  %s\n", zones[i].id, zones[i].cpus,
		       zones[i].failed ? "failed" : "running", zones[i].name);
	return RECORD_OK;
}

/* "zone1", "1", or a name that the zone's file or the hypervisor knows. */
static int find_zone_id(const struct record_options *options, uint32_t *id,
			struct vgpu_zone_report *report)
{
	struct vgpu_hvisor_zone zones[32];
	struct vgpu_error err;

	if (vgpu_zone_parse_id(options->zone, id))
		return 0;
	if (options->zone_config != NULL)
		return vgpu_zone_file_id(options->zone_config, id, report);
	int num = vgpu_hvisor_zones(zones, 32, &err);
	for (int i = 0; i < num; i++) {
		if (strcmp(zones[i].name, options->zone) != 0)
			continue;
		*id = zones[i].id;
		return 0;
	}
	if (num < 0)
		fprintf(stderr, "vgpu-record: %s\n", err.text);
	fprintf(stderr,
		"vgpu-record: %s: hvisor has no zone of that name; give zoneN, or --zone-config\n",
		options->zone);
	return -ENOENT;
}

/* The one file in the usual places that has this zone's gpu. */
static int search_config(struct vgpu_zone_config *config, uint32_t id,
			 struct vgpu_zone_report *report)
{
	glob_t found = {0};
	int hits = 0, ret = 0;

	glob("virtio_cfg*.json", 0, NULL, &found);
	glob("/etc/hvisor/*.json", GLOB_APPEND, NULL, &found);
	for (size_t i = 0; i < found.gl_pathc; i++) {
		struct vgpu_zone_config one;
		int rc = vgpu_zone_config_load(&one, found.gl_pathv[i], id, true, report);

		if (rc == -ENOENT)
			continue;
		if (rc != 0)
			ret = rc;
		if (hits++ > 0)
			fprintf(stderr,
				"vgpu-record: %s has zone %u's gpu as well; give --config\n",
				found.gl_pathv[i], id);
		*config = one;
	}
	if (hits == 0)
		fprintf(stderr,
			"vgpu-record: no configuration with a gpu for zone %u in "
			"./virtio_cfg*.json "
			"and /etc/hvisor; give --config\n",
			id);
	globfree(&found);
	return hits == 1 ? ret : -EINVAL;
}

/* Reads and checks all that a zone needs before anything is touched. */
static int configure_zone(struct session *session)
{
	struct record_options *options = &session->options;
	struct vgpu_zone_report report = {.tell = on_report};
	uint32_t id;
	int rc = find_zone_id(options, &id, &report);

	if (rc != 0)
		return RECORD_USAGE;
	rc = options->config != NULL
		     ? vgpu_zone_config_load(&session->zone, options->config, id, false, &report)
		     : search_config(&session->zone, id, &report);
	if (rc == 0 && options->zone_config != NULL)
		rc = vgpu_zone_config_check(&session->zone, options->zone_config, &report);
	if (rc != 0 || report.errors != 0)
		return RECORD_USAGE;
	if (options->width == 0) {
		options->width = session->zone.width;
		options->height = session->zone.height;
	}
	if (options->output == NULL) {
		char when[32];
		time_t now = time(NULL);
		struct tm local;

		localtime_r(&now, &local);
		strftime(when, sizeof(when), "%Y%m%d-%H%M%S", &local);
		snprintf(session->output, sizeof(session->output), "%.200s-%s.trace", options->zone,
			 when);
		options->output = session->output;
	}
	return 0;
}

/* "kms:CARD[,CONNECTOR]"; the text is cut in place. */
static void parse_display(char *text, struct vgpu_kms_options *options)
{
	char *comma;

	if (strncmp(text, "kms:", 4) != 0)
		return;
	options->card = text + 4;
	comma = strchr(text, ',');
	if (comma == NULL)
		return;
	*comma = '\0';
	options->connector = comma + 1;
}

/* Where nobody asked for a display, it is no error that there is none. */
static int open_display(struct session *session, struct vgpu_error *err)
{
	struct vgpu_kms_options options = {
		.device = session->device, .log = on_log, .opaque = session};
	const char *wanted = session->options.display;
	char text[256] = "";
	int code = 0;

	if (wanted != NULL && strcmp(wanted, "none") == 0)
		return 0;
	snprintf(text, sizeof(text), "%s", wanted != NULL ? wanted : "kms");
	parse_display(text, &options);
	session->kms = vgpu_kms_new(&options, &code, err);
	if (session->kms == NULL) {
		if (wanted != NULL)
			return code != 0 ? code : -EIO;
		on_log(session, err->text);
		on_log(session, "the picture is not shown");
		return 0;
	}
	/* The display's own size is for a guest that nobody has told another. */
	for (uint32_t i = 0; i < session->options.scanouts && session->options.width == 0; i++) {
		struct vgpu_output output = {.enabled = true};

		if (vgpu_kms_size(session->kms, i, &output.rect.width, &output.rect.height) == 0)
			vgpu_device_set_output(session->device, i, &output, false);
	}
	return 0;
}

static void choose_signals(sigset_t *set, bool last)
{
	sigemptyset(set);
	sigaddset(set, SIGINT);
	sigaddset(set, SIGTERM);
	if (!last)
		return;
	sigaddset(set, SIGUSR1);
	sigaddset(set, SIGUSR2);
}

/* To the module, which wakes us by it. */
static void leave_signal(struct session *session)
{
	sigset_t set;

	choose_signals(&set, true);
	sigdelset(&set, SIGUSR1);
	signalfd(session->signal_fd, &set, 0);
	on_log(session, "this module wakes by SIGUSR1: SIGUSR2 writes a trace");
}

static int open_hvisor(struct session *session, struct vgpu_error *err)
{
	const struct vgpu_zone_config *zone = &session->zone;
	struct vgpu_hvisor_options options = {
		.device = session->device,
		.memory = session->memory,
		.layout = session->options.layout,
		.zone_id = zone->zone_id,
		.num_regions = zone->num_regions,
		.base = zone->base,
		.len = zone->len,
		.irq = zone->irq,
		.log = on_log,
		.opaque = session,
	};

	memcpy(options.regions, zone->regions, sizeof(options.regions));
	session->hvisor = vgpu_hvisor_new(&options, err);
	if (session->hvisor == NULL)
		return -1;
	if (session->options.last > 0 && vgpu_hvisor_by_signal(session->hvisor))
		leave_signal(session);
	return 0;
}

/* ---- the sandbox -------------------------------------------------------------------- */

/* Before the bus is opened, which would disturb who runs there, only to end again. */
static int prepare_sandbox(struct session *session, struct vgpu_error *err)
{
	const struct record_options *options = &session->options;

	if (options->no_sandbox)
		return 0;
	session->sandbox = sandbox_new(
		&(struct sandbox_options){
			.output = options->output,
			.socket_path = options->socket_path,
			.user = options->user,
			.hvisor = options->zone != NULL,
			.display = session->kms != NULL,
			.memory_files = options->last > 0,
			.required = options->require_sandbox,
			.log = options->quiet ? NULL : on_log,
			.opaque = session,
		},
		err);
	return session->sandbox != NULL ? 0 : -EINVAL;
}

static void on_writer_thread(void *opaque)
{
	const struct session *session = opaque;

	if (session->sandbox != NULL)
		sandbox_enter_thread(session->sandbox);
}

static int enter_sandbox(struct session *session, struct vgpu_error *err)
{
	return session->sandbox != NULL ? sandbox_enter(session->sandbox, err) : 0;
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
	cJSON_AddStringToObject(root, "bus",
				session->options.zone != NULL ? "hvisor" : "vhost-user");
	if (session->options.zone != NULL)
		cJSON_AddStringToObject(root, "zone", session->options.zone);
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
	const struct record_options *options = &session->options;
	struct vgpu_device_options device = {
		.memory = vgpu_mem_map_memory(session->memory),
		.num_scanouts = options->scanouts,
		.memory_limit = options->memory_limit,
		.no_blobs = options->no_blobs,
	};

	/* Until the front end says better, the first display is there. */
	for (unsigned int i = 0; i < options->scanouts; i++) {
		device.outputs[i].rect.width = options->width != 0 ? options->width : DEFAULT_WIDTH;
		device.outputs[i].rect.height =
			options->height != 0 ? options->height : DEFAULT_HEIGHT;
		device.outputs[i].enabled = options->width != 0 || i == 0;
	}
	return vgpu_device_new(&device);
}

static int open_vhost_user(struct session *session, struct vgpu_error *err)
{
	const struct record_options *options = &session->options;

	session->server = vgpu_vhost_user_new(&(struct vgpu_vhost_user_options){
		.device = session->device,
		.memory = session->memory,
		.ask_front_end = options->width == 0,
		.log = on_log,
		.opaque = session,
	});
	if (session->server == NULL)
		return vgpu_error_set(err, ENOMEM, "out of memory");
	return options->socket_path != NULL
		       ? vgpu_vhost_user_listen(session->server, options->socket_path, err)
		       : vgpu_vhost_user_attach(session->server, options->fd, err);
}

/* From a thread of the writer. */
static void on_trace(void *opaque, bool error, const char *line)
{
	const struct session *session = opaque;

	if (error || !session->options.quiet)
		on_log(opaque, line);
}

static int open_writer(struct session *session, struct vgpu_error *err)
{
	char *metadata = describe(session);

	session->writer = vgpu_trace_writer_open(
		session->options.output,
		&(struct vgpu_trace_writer_options){
			.metadata = metadata,
			.queue_limit = session->options.buffer,
			.max_size = session->options.max_size,
			.on_thread = on_writer_thread,
			.opaque = session,
			.rotate_size = session->options.rotate_size,
			.rotate_ns = (uint64_t)(session->options.rotate_time * 1e9),
			.last_ns = (uint64_t)(session->options.last * 1e9),
			.last_memory = session->options.last_memory,
			.told = on_trace,
			.violations = vgpu_device_violations(session->device)},
		err);
	cJSON_free(metadata);
	if (session->writer == NULL)
		return -1;
	session->recorder = vgpu_recorder_new(session->device, session->writer);
	if (session->recorder == NULL)
		return vgpu_error_set(err, ENOMEM, "out of memory");
	if (session->options.last > 0)
		vgpu_recorder_watch(session->recorder, (uint64_t)(session->options.last * 1e9));
	return 0;
}

static int open_session(struct session *session)
{
	struct vgpu_error err = {.text = "out of memory"};
	int rc = session->options.zone != NULL ? configure_zone(session) : 0;

	if (rc != 0)
		return rc;
	session->memory = vgpu_mem_map_new();
	session->device = session->memory != NULL ? make_device(session) : NULL;
	if (session->device == NULL)
		goto fail;
	/* The file first: a zone must not lose its daemon for want of a folder. */
	if (session->options.zone != NULL) {
		if (open_display(session, &err) == 0 && prepare_sandbox(session, &err) == 0 &&
		    open_writer(session, &err) == 0 && open_hvisor(session, &err) == 0 &&
		    enter_sandbox(session, &err) == 0)
			return 0;
	} else if (open_vhost_user(session, &err) == 0 && prepare_sandbox(session, &err) == 0 &&
		   open_writer(session, &err) == 0 && enter_sandbox(session, &err) == 0) {
		return 0;
	}
	session->discard = session->writer != NULL;
fail:
	fprintf(stderr, "vgpu-record: %s\n", err.text);
	return RECORD_USAGE;
}

/* And no device, which /dev/null is. */
static void remove_file(const char *path)
{
	struct stat info;

	if (path != NULL && stat(path, &info) == 0 && S_ISREG(info.st_mode))
		unlink(path);
}

static void remove_output(const struct record_options *options)
{
	if (options->last > 0)
		return;
	bool several = options->rotate_size != 0 || options->rotate_time > 0;
	char *first = several ? vgpu_trace_numbered(options->output, 0) : NULL;

	remove_file(several ? first : options->output);
	free(first);
}

/* Ends the recording and frees all. Returns the exit status. */
static int close_session(struct session *session)
{
	struct vgpu_trace_writer_stats stats = {0};
	int status = RECORD_OK;

	clear_live_line(session);
	if (session->recorder != NULL)
		vgpu_recorder_faults(session->recorder, &session->faults, &session->fault_traces);
	vgpu_recorder_free(session->recorder);
	/* Before the disk: a vCPU may be waiting. */
	vgpu_vhost_user_free(session->server);
	vgpu_hvisor_free(session->hvisor);
	vgpu_kms_free(session->kms);
	if (session->writer != NULL) {
		struct vgpu_error err;

		if (vgpu_trace_writer_close_stats(session->writer,
						  vgpu_device_violations(session->device), &stats,
						  &err) != 0) {
			fprintf(stderr, "vgpu-record: %s\n", err.text);
			status = RECORD_FAILED;
		} else if (session->discard) {
			remove_output(&session->options);
		} else {
			show_summary(session, &stats);
		}
	}
	vgpu_device_free(session->device);
	vgpu_mem_map_free(session->memory);
	sandbox_free(session->sandbox);
	if (session->signal_fd >= 0)
		close(session->signal_fd);
	return status;
}

/* Milliseconds until something is to be done without being asked; 0: stop. */
static int time_left(struct session *session)
{
	const struct record_options *options = &session->options;
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

/* Returns 1 when a signal ends the recording, or as the bus's function. */
static int run_bus(struct session *session, int timeout_ms)
{
	struct pollfd extra[2] = {{.fd = session->signal_fd, .events = POLLIN},
				  {.fd = -1, .events = POLLIN}};

	if (session->server != NULL)
		return vgpu_vhost_user_run(session->server, timeout_ms, session->signal_fd);
	if (session->kms != NULL) {
		extra[1].fd = vgpu_kms_fd(session->kms);
		/* A guest that is never idle is to be seen all the same. */
		timeout_ms = timeout_ms < DISPLAY_MS ? timeout_ms : DISPLAY_MS;
	}
	int rc = vgpu_hvisor_run(session->hvisor, timeout_ms, extra, 2);
	if (extra[1].revents != 0)
		vgpu_kms_run(session->kms);
	return rc == 0 && extra[0].revents != 0 ? 1 : rc;
}

/* The guest matters more than its recording. */
static void tell_of_the_end(struct session *session)
{
	const struct vgpu_trace_writer_stats stats = vgpu_trace_writer_stats(session->writer);

	if (!stats.ended || session->told)
		return;
	session->told = true;
	if (stats.error != 0)
		on_log(session, strerror(stats.error));
	else if (stats.reader_gone)
		on_log(session, "nobody reads the trace any more");
	else if (stats.limit_reached)
		on_log(session, "the trace is as large as it may be");
	on_log(session, "the recording has ended; the guest is still served");
}

static void look_at_guest(struct session *session)
{
	vgpu_recorder_look(session->recorder);
	vgpu_recorder_faults(session->recorder, &session->faults, &session->fault_traces);
	if (session->fault_traces < VGPU_WATCH_MAX_TRACES || session->told_enough)
		return;
	session->told_enough = true;
	on_log(session, "as many traces as there may be because of faults: this is the last one");
}

/* Returns whether the signal is one that ends the recording. */
static bool take_signal(struct session *session)
{
	struct signalfd_siginfo info;

	if (read(session->signal_fd, &info, sizeof(info)) != sizeof(info))
		return false;
	if (info.ssi_signo != SIGUSR1 && info.ssi_signo != SIGUSR2)
		return true;
	if (vgpu_recorder_dump(session->recorder) != -EBUSY)
		return false;
	session->asked_in_vain++;
	on_log(session, "the trace before is still being written; the signal is ignored");
	return false;
}

static int serve(struct session *session)
{
	for (;;) {
		int timeout = time_left(session);
		if (timeout == 0)
			return 0;
		int rc = run_bus(session, timeout);
		if (rc > 0 && take_signal(session))
			return 0;
		look_at_guest(session);
		if (rc == -ECONNRESET && (session->options.once || session->options.fd >= 0))
			return 0;
		if (rc < 0 && rc != -ECONNRESET) {
			on_log(session, strerror(-rc));
			return RECORD_USAGE;
		}
		show_live_line(session);
		tell_of_the_end(session);
	}
}

static int open_signals(bool last)
{
	sigset_t set;

	choose_signals(&set, last);
	/* Before any thread is started, so that all of them block these. */
	sigprocmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

int main(int argc, char **argv)
{
	struct session session = {.signal_fd = -1};
	int status = record_options_parse(argc, argv, &session.options);

	if (status >= 0)
		return status;
	/* Where the tarball's loader runs it, it would have the loader's name. */
	prctl(PR_SET_NAME, "vgpu-record");
	setvbuf(stdout, NULL, _IOLBF, 0);
	if (session.options.list)
		return list_zones();
	vgpu_mem_guard_start();
	session.signal_fd = open_signals(session.options.last > 0);
	session.begin_ns = session.shown_ns = vgpu_now_ns();
	session.live = !session.options.quiet && isatty(STDERR_FILENO) == 1;
	status = open_session(&session);
	if (status == 0)
		status = serve(&session);
	int closed = close_session(&session);
	return status != 0 ? status : closed;
}
