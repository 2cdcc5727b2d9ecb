/* SPDX-License-Identifier: MIT */
/* The last while of a recording, kept in memory until a trace of it is wanted. */
#include "allocation.h"
#include "guest.h"
#include "lint/lint.h"
#include "recorder.h"
#include "replay.h"
#include "scene.h"
#include "unit.h"
#include "watch.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_gpu.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

extern const struct unit_suite last_suite;

#define MINUTE 60000000000ull

struct recording {
	struct guest guest;
	struct vgpu_trace_writer *writer;
	struct vgpu_recorder *recorder;
	struct vgpu_trace_writer_stats stats;
	char *folder, *path;
	char told[2048];       /* one after the other */
	unsigned int threads;  /* that were begun */
	unsigned int starve;   /* which one, from 1 on, has too little memory ... */
	unsigned int enough;   /* ... after so many allocations */
	uint64_t buffer;       /* for what waits; 0: the usual */
	struct vgpu_error err; /* of its end */
};

static void hear(void *opaque, bool error, const char *line)
{
	struct recording *recording = opaque;

	(void)error;
	strncat(recording->told, line, sizeof(recording->told) - 1 - strlen(recording->told));
}

/* The one that writes traces, and then the one that fills the memory. */
static void on_thread(void *opaque)
{
	struct recording *recording = opaque;

	if (++recording->threads == recording->starve)
		allocation_fail_after(recording->enough);
}

/* starve, enough and buffer are set, and all else is zero. */
static void start_as_set(struct recording *recording, uint64_t last_ns, uint64_t memory)
{
	recording->folder = scene_folder();
	recording->path = scene_path(recording->folder, "x.trace");
	guest_start(&recording->guest);
	recording->writer = vgpu_trace_writer_open(
		recording->path,
		&(struct vgpu_trace_writer_options){
			.last_ns = last_ns,
			.last_memory = memory,
			.told = hear,
			.on_thread = on_thread,
			.violations = vgpu_device_violations(recording->guest.device),
			.queue_limit = recording->buffer,
			.opaque = recording},
		NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(recording->writer);
	recording->recorder = vgpu_recorder_new(recording->guest.device, recording->writer);
	CU_ASSERT_PTR_NOT_NULL_FATAL(recording->recorder);
	vgpu_recorder_watch(recording->recorder, MINUTE);
	guest_init_device(&recording->guest, GUEST_FEATURES);
	guest_show(&recording->guest, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 64, 48);
}

static void start(struct recording *recording, uint64_t last_ns, uint64_t memory)
{
	*recording = (struct recording){0};
	start_as_set(recording, last_ns, memory);
}

static int stop(struct recording *recording)
{
	vgpu_recorder_free(recording->recorder);
	int ret = vgpu_trace_writer_close_stats(recording->writer, NULL, &recording->stats,
						&recording->err);
	guest_stop(&recording->guest);
	return ret;
}

static void clean(struct recording *recording)
{
	for (unsigned int i = 0; i < 8; i++) {
		char *name = vgpu_trace_numbered(recording->path, i);

		unlink(name);
		free(name);
	}
	free(recording->path);
	scene_folder_remove(recording->folder);
}

/* Pictures that no compressor makes smaller. */
static void draw(struct recording *recording, unsigned int count)
{
	static uint32_t seed = 1;

	while (count-- > 0) {
		for (uint32_t i = 0; i < 64 * 48 * 4; i++) {
			seed = seed * 1664525 + 1013904223;
			recording->guest.ram[GUEST_PIXELS + i] = (uint8_t)(seed >> 24);
		}
		guest_transfer(&recording->guest, 1, (struct vgpu_rect){0, 0, 64, 48}, 0);
		guest_flush(&recording->guest, 1, (struct vgpu_rect){0, 0, 64, 48});
	}
}

static void wait_for_dump(struct recording *recording)
{
	for (int i = 0; i < 60000 && vgpu_trace_writer_dumps(recording->writer); i++)
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	CU_ASSERT_FALSE(vgpu_trace_writer_dumps(recording->writer));
}

/* Returns how many frames the trace with this number has, all of them equal. */
static uint64_t replay(struct recording *recording, unsigned int number)
{
	const struct vgpu_replay_options options = {
		.target = "builtin", .no_golden = true, .last_frame = UINT64_MAX};
	char *name = vgpu_trace_numbered(recording->path, number);
	struct vgpu_replay_result result;

	vgpu_replay(name, &options, &result);
	CU_ASSERT_EQUAL(result.status, VGPU_REPLAY_EQUAL);
	CU_ASSERT_EQUAL(result.frames_equal, result.frames);
	uint64_t frames = result.frames_equal;
	vgpu_replay_result_fini(&result);
	free(name);
	return frames;
}

/* Whether its description has the text. */
static bool describes(struct recording *recording, unsigned int number, const char *text)
{
	char *name = vgpu_trace_numbered(recording->path, number);
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(name, NULL);
	bool found = reader != NULL && strstr(vgpu_trace_reader_metadata(reader), text) != NULL;

	vgpu_trace_reader_close(reader);
	free(name);
	return found;
}

static void what_was_drawn_replays_and_recording_goes_on(void)
{
	struct recording recording;

	start(&recording, MINUTE, 0);
	draw(&recording, 10);
	CU_ASSERT_EQUAL(vgpu_recorder_dump(recording.recorder), 0);
	draw(&recording, 7);
	wait_for_dump(&recording);
	CU_ASSERT_EQUAL(replay(&recording, 0), 10);
	CU_ASSERT_TRUE(describes(&recording, 0, "\"cause\":\"signal\""));
	CU_ASSERT_EQUAL(stop(&recording), 0);
	CU_ASSERT_EQUAL(replay(&recording, 1), 7);
	CU_ASSERT_TRUE(describes(&recording, 1, "\"cause\":\"exit\""));
	CU_ASSERT_EQUAL(recording.stats.dumps, 2);
	clean(&recording);
}

/* Many segments become one trace, and the oldest are not in it. */
static void only_the_last_while_is_kept(void)
{
	struct recording recording;

	start(&recording, 200000000, 0);
	for (int i = 0; i < 20; i++) {
		draw(&recording, 1);
		nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
	}
	CU_ASSERT_EQUAL(stop(&recording), 0);
	CU_ASSERT(recording.stats.files > 3);
	uint64_t frames = replay(&recording, 0);
	CU_ASSERT(frames > 0 && frames < 20);
	clean(&recording);
}

static void a_full_memory_keeps_less_and_says_so(void)
{
	struct recording recording;
	struct stat info = {0};

	start(&recording, MINUTE, 1 << 20);
	for (int i = 0; i < 40; i++) {
		draw(&recording, 10);
		nanosleep(&(struct timespec){.tv_nsec = 5000000}, NULL);
	}
	CU_ASSERT_EQUAL(vgpu_recorder_dump(recording.recorder), 0);
	wait_for_dump(&recording);
	draw(&recording, 2);
	CU_ASSERT_EQUAL(stop(&recording), 0);
	/* Once. */
	const char *said = strstr(recording.told, "the memory is full");
	CU_ASSERT_PTR_NOT_NULL_FATAL(said);
	CU_ASSERT_PTR_NULL(strstr(said + 1, "the memory is full"));
	CU_ASSERT_TRUE(describes(&recording, 0, "\"memory_full\":true"));
	CU_ASSERT_TRUE(describes(&recording, 1, "\"memory_full\":false"));
	char *name = vgpu_trace_numbered(recording.path, 0);
	CU_ASSERT_EQUAL(stat(name, &info), 0);
	free(name);
	CU_ASSERT(info.st_size < 400 * 64 * 48 * 4);
	uint64_t frames = replay(&recording, 0);
	CU_ASSERT(frames > 0 && frames < 400);
	clean(&recording);
}

static void an_error_of_the_driver_is_a_cause_and_no_storm(void)
{
	struct recording recording;
	struct virtio_gpu_ctrl_hdr unknown = {.type = 0x4711};
	uint64_t faults, traces;

	start(&recording, MINUTE, 0);
	for (int i = 0; i < 20; i++) {
		draw(&recording, 1);
		guest_command(&recording.guest, &unknown, sizeof(unknown));
		vgpu_recorder_look(recording.recorder);
		wait_for_dump(&recording);
	}
	vgpu_recorder_faults(recording.recorder, &faults, &traces);
	CU_ASSERT_EQUAL(faults, 20);
	CU_ASSERT_EQUAL(traces, 1);
	CU_ASSERT_EQUAL(stop(&recording), 0);
	CU_ASSERT_TRUE(describes(&recording, 0, "\"fault\":\"unknown command\""));
	CU_ASSERT_EQUAL(replay(&recording, 0), 1);
	CU_ASSERT_EQUAL(replay(&recording, 1), 19);
	clean(&recording);
}

static void a_reset_without_warning_is_a_cause(void)
{
	struct recording recording;
	const struct vgpu_rect all = {0, 0, 64, 48};

	start(&recording, MINUTE, 0);
	guest_set_scanout(&recording.guest, 0, 0, all);
	vgpu_device_reset(recording.guest.device);
	vgpu_recorder_look(recording.recorder);
	CU_ASSERT_FALSE(vgpu_trace_writer_dumps(recording.writer));
	guest_init_device(&recording.guest, GUEST_FEATURES);
	guest_show(&recording.guest, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 64, 48);
	draw(&recording, 3);
	vgpu_device_reset(recording.guest.device);
	vgpu_recorder_look(recording.recorder);
	wait_for_dump(&recording);
	CU_ASSERT_EQUAL(stop(&recording), 0);
	CU_ASSERT_TRUE(describes(&recording, 0, "\"cause\":\"reset\""));
	CU_ASSERT_EQUAL(replay(&recording, 0), 3);
	/* Nothing came after it. */
	CU_ASSERT_EQUAL(recording.stats.dumps, 1);
	clean(&recording);
}

static void a_trace_that_cannot_be_written_is_said(void)
{
	struct recording recording;

	start(&recording, MINUTE, 0);
	char *blocked = scene_path(recording.folder, "x.000.trace.part");
	CU_ASSERT_EQUAL(mkdir(blocked, 0700), 0);
	draw(&recording, 2);
	CU_ASSERT_EQUAL(vgpu_recorder_dump(recording.recorder), 0);
	draw(&recording, 3);
	wait_for_dump(&recording);
	CU_ASSERT_PTR_NOT_NULL(strstr(recording.told, "Is a directory"));
	CU_ASSERT(stop(&recording) < 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(recording.err.text, "Is a directory"));
	CU_ASSERT_EQUAL(recording.stats.failed_dumps, 1);
	CU_ASSERT_EQUAL(replay(&recording, 1), 3);
	rmdir(blocked);
	free(blocked);
	clean(&recording);
}

/* What can be found of a trace: its end, and what is in it. */
struct found {
	uint64_t requests, frames;
	struct vgpu_trace_end end;
};

static bool find(struct recording *recording, unsigned int number, struct found *found)
{
	char *name = vgpu_trace_numbered(recording->path, number);
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(name, NULL);
	struct vgpu_trace_record record;

	*found = (struct found){0};
	free(name);
	if (reader == NULL)
		return false;
	while (vgpu_trace_reader_next(reader, &record, NULL) == 1) {
		found->requests += record.type == VGPU_TRACE_REQUEST;
		found->frames += record.type == VGPU_TRACE_FRAME;
		if (record.type == VGPU_TRACE_END)
			found->end = record.end;
	}
	vgpu_trace_reader_close(reader);
	return true;
}

static bool is_part_left(const struct recording *recording)
{
	DIR *folder = opendir(recording->folder);
	bool left = false;

	for (struct dirent *entry; (entry = readdir(folder)) != NULL;)
		left |= strstr(entry->d_name, ".part") != NULL;
	closedir(folder);
	return left;
}

/* No file may become longer: neither the trace nor one of the segments in memory. */
static void limit_files(rlim_t bytes)
{
	struct rlimit limit;

	CU_ASSERT_EQUAL(getrlimit(RLIMIT_FSIZE, &limit), 0);
	limit.rlim_cur = bytes;
	CU_ASSERT_EQUAL(setrlimit(RLIMIT_FSIZE, &limit), 0);
	signal(SIGXFSZ, bytes != RLIM_INFINITY ? SIG_IGN : SIG_DFL);
}

/* Slowly, so that a segment ends where it should. */
static void draw_slowly(struct recording *recording, unsigned int count)
{
	while (count-- > 0) {
		draw(recording, 1);
		nanosleep(&(struct timespec){.tv_nsec = 2000000}, NULL);
	}
}

/* Each segment is shorter than the limit, and all of them are longer. */
static void a_disk_that_fills_ends_the_trace_early(void)
{
	struct recording recording;
	struct found found;

	start(&recording, MINUTE, 4 << 20);
	draw_slowly(&recording, 150);
	limit_files(1200000);
	CU_ASSERT_EQUAL(vgpu_recorder_dump(recording.recorder), 0);
	wait_for_dump(&recording);
	limit_files(RLIM_INFINITY);
	CU_ASSERT_PTR_NOT_NULL(strstr(recording.told, "File too large; the trace ends early"));
	draw(&recording, 3);
	CU_ASSERT(stop(&recording) < 0);
	CU_ASSERT_EQUAL(recording.stats.failed_dumps, 1);
	CU_ASSERT_EQUAL(recording.stats.dumps, 1);
	CU_ASSERT_TRUE(find(&recording, 0, &found));
	CU_ASSERT_EQUAL(found.end.cause, VGPU_TRACE_CAUSE_ERROR);
	CU_ASSERT_EQUAL(found.end.requests, found.requests);
	CU_ASSERT_EQUAL(found.end.frames, found.frames);
	CU_ASSERT(found.frames > 0 && found.end.lost_frames > 0);
	CU_ASSERT_EQUAL(found.frames + found.end.lost_frames, 150);
	CU_ASSERT_EQUAL(found.requests + found.end.lost_requests, 3 + 2 * 150);
	CU_ASSERT_EQUAL(replay(&recording, 0), found.frames);
	/* The one after it has what came then. */
	CU_ASSERT_EQUAL(replay(&recording, 1), 3);
	CU_ASSERT_FALSE(is_part_left(&recording));
	clean(&recording);
}

static void a_trace_that_gets_no_name_leaves_no_rest(void)
{
	struct recording recording;

	start(&recording, MINUTE, 0);
	char *blocked = scene_path(recording.folder, "x.000.trace");
	draw(&recording, 10);
	CU_ASSERT_EQUAL(mkdir(blocked, 0700), 0);
	CU_ASSERT_EQUAL(vgpu_recorder_dump(recording.recorder), 0);
	wait_for_dump(&recording);
	CU_ASSERT_PTR_NOT_NULL(strstr(recording.told, "Is a directory; there is none"));
	CU_ASSERT(stop(&recording) < 0);
	CU_ASSERT_EQUAL(recording.stats.failed_dumps, 1);
	CU_ASSERT_FALSE(is_part_left(&recording));
	rmdir(blocked);
	free(blocked);
	clean(&recording);
}

/* In the thread that writes traces, at every place of two of them. */
static void a_trace_without_memory_is_said(void)
{
	static const uint64_t frames[] = {4, 3};
	bool failed = true;
	unsigned int whole = 0;

	for (unsigned int enough = 0; failed && enough < 200; enough++) {
		struct recording recording = {.starve = 1, .enough = enough};
		struct found found;

		start_as_set(&recording, MINUTE, 0);
		draw(&recording, 4);
		CU_ASSERT_EQUAL(vgpu_recorder_dump(recording.recorder), 0);
		draw(&recording, 3);
		wait_for_dump(&recording);
		failed = stop(&recording) < 0;
		CU_ASSERT_EQUAL(recording.stats.failed_dumps, failed);
		CU_ASSERT_EQUAL(recording.stats.dumps, 2 - failed);
		CU_ASSERT_EQUAL(strstr(recording.told, "emory") != NULL, failed);
		for (unsigned int i = 0; i < 2; i++) {
			if (!find(&recording, i, &found))
				continue;
			whole += failed && found.end.lost_frames == 0;
			CU_ASSERT_EQUAL(found.frames + found.end.lost_frames, frames[i]);
			CU_ASSERT_EQUAL(replay(&recording, i), found.frames);
		}
		CU_ASSERT_FALSE(is_part_left(&recording));
		clean(&recording);
	}
	CU_ASSERT_FALSE(failed);
	CU_ASSERT(whole > 0);
}

/* In the thread that fills the memory: what was kept before remains. */
static void a_memory_that_cannot_grow_ends_the_recording(void)
{
	unsigned int kept = 0;

	for (unsigned int enough = 0; enough < 40; enough++) {
		struct recording recording = {.starve = 2, .enough = enough};
		struct found found;

		start_as_set(&recording, MINUTE, 1 << 20);
		draw_slowly(&recording, 60);
		bool failed = stop(&recording) < 0;
		if (find(&recording, 0, &found)) {
			CU_ASSERT_EQUAL(replay(&recording, 0), found.frames);
			kept += failed && found.frames > 0;
		}
		CU_ASSERT_TRUE(failed || found.frames > 0);
		CU_ASSERT_FALSE(is_part_left(&recording));
		clean(&recording);
	}
	CU_ASSERT(kept > 0);
}

/* Bytes of all segments that the kernel keeps for this process. */
static uint64_t in_memory(void)
{
	DIR *folder = opendir("/proc/self/fd");
	uint64_t bytes = 0;

	for (struct dirent *entry; (entry = readdir(folder)) != NULL;) {
		char name[64] = "";
		struct stat info;

		if (readlinkat(dirfd(folder), entry->d_name, name, sizeof(name) - 1) > 0 &&
		    strstr(name, "the last while in memory") != NULL &&
		    fstatat(dirfd(folder), entry->d_name, &info, 0) == 0)
			bytes += (uint64_t)info.st_blocks * 512;
	}
	closedir(folder);
	return bytes;
}

/*
 * Fifty times what it may be, faster than it can be compressed, and while traces of it are
 * written. What waits comes on top: in a segment that is full and in the one after it.
 */
static void a_flood_takes_no_more_memory(void)
{
	struct recording recording = {.buffer = 1 << 20};
	uint64_t most = 0;

	start_as_set(&recording, MINUTE, 1 << 20);
	for (int i = 0; i < 400; i++) {
		draw(&recording, 10);
		uint64_t now = in_memory();
		most = now > most ? now : most;
		if (i % 100 == 50)
			vgpu_recorder_dump(recording.recorder);
	}
	CU_ASSERT_EQUAL(stop(&recording), 0);
	CU_ASSERT(most > 1 << 19);
	CU_ASSERT(most < 6 << 20);
	clean(&recording);
}

static void break_a_rule(struct recording *recording)
{
	const struct virtio_gpu_ctrl_hdr unknown = {.type = 0x4711};

	guest_command(&recording->guest, &unknown, sizeof(unknown));
}

static uint64_t broken_rules(struct recording *recording, unsigned int number)
{
	struct found found;

	CU_ASSERT_TRUE(find(recording, number, &found));
	return found.end.violations[VGPU_VIOLATION_UNKNOWN_COMMAND];
}

static void a_trace_counts_what_is_in_it(void)
{
	struct recording recording;

	start(&recording, 200000000, 0);
	break_a_rule(&recording);
	break_a_rule(&recording);
	CU_ASSERT_EQUAL(vgpu_recorder_dump(recording.recorder), 0);
	wait_for_dump(&recording);
	break_a_rule(&recording);
	CU_ASSERT_EQUAL(vgpu_recorder_dump(recording.recorder), 0);
	wait_for_dump(&recording);
	break_a_rule(&recording);
	/* Long enough for that to be forgotten. */
	for (int i = 0; i < 20; i++) {
		draw(&recording, 1);
		nanosleep(&(struct timespec){.tv_nsec = 50000000}, NULL);
	}
	CU_ASSERT_EQUAL(stop(&recording), 0);
	CU_ASSERT_EQUAL(broken_rules(&recording, 0), 2);
	CU_ASSERT_EQUAL(broken_rules(&recording, 1), 1);
	CU_ASSERT_EQUAL(broken_rules(&recording, 2), 0);
	clean(&recording);
}

static void the_end_waits_for_the_trace_before_it(void)
{
	struct recording recording;

	start(&recording, MINUTE, 0);
	draw(&recording, 400);
	CU_ASSERT_EQUAL(vgpu_recorder_dump(recording.recorder), 0);
	/* One at a time. */
	CU_ASSERT_EQUAL(vgpu_recorder_dump(recording.recorder), -EBUSY);
	draw(&recording, 3);
	CU_ASSERT_EQUAL(stop(&recording), 0);
	CU_ASSERT_EQUAL(replay(&recording, 0), 400);
	CU_ASSERT_EQUAL(replay(&recording, 1), 3);
	clean(&recording);
}

static void the_memory_is_free_again_after_a_trace(void)
{
	struct recording recording;

	start(&recording, MINUTE, 4 << 20);
	for (unsigned int i = 0; i < 3; i++) {
		draw_slowly(&recording, 150);
		CU_ASSERT_EQUAL(vgpu_recorder_dump(recording.recorder), 0);
		wait_for_dump(&recording);
		CU_ASSERT_EQUAL(replay(&recording, i), 150);
	}
	CU_ASSERT_EQUAL(stop(&recording), 0);
	clean(&recording);
}

static void lint_blames_nobody_for_the_state(void)
{
	struct recording recording;
	struct lint *lint = calloc(1, sizeof(*lint));
	struct vgpu_trace_record record;

	CU_ASSERT_PTR_NOT_NULL_FATAL(lint);
	start(&recording, MINUTE, 0);
	draw(&recording, 1);
	CU_ASSERT_EQUAL(vgpu_recorder_dump(recording.recorder), 0);
	wait_for_dump(&recording);
	guest_flush(&recording.guest, 1, (struct vgpu_rect){0, 0, 64, 48});
	CU_ASSERT_EQUAL(stop(&recording), 0);
	char *name = vgpu_trace_numbered(recording.path, 1);
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(name, NULL);
	free(name);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	while (vgpu_trace_reader_next(reader, &record, NULL) == 1)
		lint_record(lint, &record);
	lint_end(lint);
	CU_ASSERT_EQUAL(lint->sums.requests, 1);
	CU_ASSERT_EQUAL(lint->findings.rules[XFR_006].count, 0);
	CU_ASSERT_EQUAL(lint->findings.rules[DSP_001].count, 0);
	CU_ASSERT_EQUAL(lint->findings.rules[BAK_006].count, 0);
	lint_fini(lint);
	free(lint);
	vgpu_trace_reader_close(reader);
	clean(&recording);
}

static void severities_are_those_of_the_rules(void)
{
	static const struct {
		enum vgpu_violation violation;
		enum lint_rule_id rule;
	} pairs[] = {
		{VGPU_VIOLATION_NO_VERSION_1, FEA_001},
		{VGPU_VIOLATION_LONG_REQUEST, MSG_002},
		{VGPU_VIOLATION_SHORT_REQUEST, MSG_001},
		{VGPU_VIOLATION_SHORT_RESPONSE, MSG_004},
		{VGPU_VIOLATION_CHAIN_ORDER, REC_001},
		{VGPU_VIOLATION_BAD_CHAIN, REC_001},
		{VGPU_VIOLATION_BAD_AVAIL, REC_001},
		{VGPU_VIOLATION_BAD_ADDRESS, REC_001},
		{VGPU_VIOLATION_INDIRECT_UNAGREED, QUE_005},
		{VGPU_VIOLATION_UNKNOWN_COMMAND, MSG_005},
		{VGPU_VIOLATION_FAILED_COMMAND, MSG_009},
		{VGPU_VIOLATION_NO_INTERRUPT_ACK, INT_001},
		{VGPU_VIOLATION_REGISTER, REC_002},
	};

	CU_ASSERT_EQUAL(sizeof(pairs) / sizeof(pairs[0]), VGPU_NUM_VIOLATIONS);
	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		CU_ASSERT_EQUAL(vgpu_violation_severity(pairs[i].violation) == VGPU_SEVERITY_ERROR,
				lint_rule_at(pairs[i].rule)->severity == LINT_ERROR);
}

static void faults_that_go_on_wait_longer(void)
{
	uint64_t violations[VGPU_NUM_VIOLATIONS] = {0};
	struct vgpu_trace_dump why;
	struct vgpu_watch watch;
	unsigned int traces = 0;

	vgpu_watch_init(&watch, 10);
	for (uint64_t now = 0; now < 1000; now++) {
		violations[VGPU_VIOLATION_BAD_CHAIN]++;
		vgpu_watch_violations(&watch, now, violations);
		if (!vgpu_watch_due(&watch, now, &why))
			continue;
		CU_ASSERT_EQUAL(why.violation, VGPU_VIOLATION_BAD_CHAIN);
		vgpu_watch_done(&watch, now);
		traces++;
	}
	/* At 0, 10, 30, 70, 150, 310, 630. */
	CU_ASSERT_EQUAL(traces, 7);
	CU_ASSERT_EQUAL(watch.faults, 1000);
	/* What is no error is no fault. */
	violations[VGPU_VIOLATION_LONG_REQUEST]++;
	vgpu_watch_init(&watch, 10);
	memcpy(watch.seen, violations, sizeof(violations));
	violations[VGPU_VIOLATION_LONG_REQUEST]++;
	vgpu_watch_violations(&watch, 5000, violations);
	CU_ASSERT_FALSE(vgpu_watch_due(&watch, 5000, &why));
}

/* Not for ever: a driver that is broken for long leaves some traces all the same. */
static void the_wait_has_an_end(void)
{
	uint64_t violations[VGPU_NUM_VIOLATIONS] = {0}, now = 0;
	struct vgpu_watch watch;

	vgpu_watch_init(&watch, 10);
	for (int i = 0; i < 15; i++) {
		violations[VGPU_VIOLATION_BAD_CHAIN] += 3;
		vgpu_watch_violations(&watch, now, violations);
		now = watch.next_ns;
		vgpu_watch_done(&watch, now);
		CU_ASSERT(watch.next_ns - now <= 10240);
	}
	CU_ASSERT_EQUAL(watch.next_ns - now, 10240);
	CU_ASSERT_EQUAL(watch.faults, 15 * 3);
	/* After some quiet it is as at first. */
	now = watch.next_ns + 1;
	violations[VGPU_VIOLATION_BAD_CHAIN]++;
	vgpu_watch_violations(&watch, now, violations);
	vgpu_watch_done(&watch, now);
	CU_ASSERT_EQUAL(watch.next_ns - now, 10);
}

/* Days of it, with time enough in between. */
static void faults_do_not_fill_the_disk(void)
{
	uint64_t violations[VGPU_NUM_VIOLATIONS] = {0};
	struct vgpu_trace_dump why;
	struct vgpu_watch watch;

	vgpu_watch_init(&watch, 10);
	for (uint64_t i = 0; i < 3 * VGPU_WATCH_MAX_TRACES; i++) {
		violations[VGPU_VIOLATION_BAD_CHAIN]++;
		vgpu_watch_violations(&watch, i * 100, violations);
		CU_ASSERT_EQUAL(vgpu_watch_due(&watch, i * 100, &why), i < VGPU_WATCH_MAX_TRACES);
		if (i < VGPU_WATCH_MAX_TRACES)
			vgpu_watch_done(&watch, i * 100);
	}
	CU_ASSERT_EQUAL(watch.traces, VGPU_WATCH_MAX_TRACES);
	CU_ASSERT_EQUAL(watch.faults, 3 * VGPU_WATCH_MAX_TRACES);
}

/* RuxOS does not, and is no less well for that. */
static void no_version_1_is_no_cause(void)
{
	struct recording recording;
	uint64_t faults, traces;

	start(&recording, MINUTE, 0);
	vgpu_device_reset(recording.guest.device);
	vgpu_recorder_look(recording.recorder);
	wait_for_dump(&recording);
	guest_init_device(&recording.guest, 0);
	draw(&recording, 1);
	CU_ASSERT_EQUAL(vgpu_device_violations(recording.guest.device)[VGPU_VIOLATION_NO_VERSION_1],
			1);
	vgpu_recorder_look(recording.recorder);
	CU_ASSERT_FALSE(vgpu_trace_writer_dumps(recording.writer));
	vgpu_recorder_faults(recording.recorder, &faults, &traces);
	/* The reset. */
	CU_ASSERT_EQUAL(faults, 1);
	CU_ASSERT_EQUAL(stop(&recording), 0);
	clean(&recording);
}

static const struct unit_test tests[] = {
	{"what was drawn replays, and recording goes on",
	 what_was_drawn_replays_and_recording_goes_on},
	{"only the last while is kept", only_the_last_while_is_kept},
	{"a full memory keeps less, and says so", a_full_memory_keeps_less_and_says_so},
	{"an error of the driver is a cause, and no storm",
	 an_error_of_the_driver_is_a_cause_and_no_storm},
	{"a reset without warning is a cause", a_reset_without_warning_is_a_cause},
	{"a trace that cannot be written is said", a_trace_that_cannot_be_written_is_said},
	{"a disk that fills ends the trace early", a_disk_that_fills_ends_the_trace_early},
	{"a trace that gets no name leaves no rest", a_trace_that_gets_no_name_leaves_no_rest},
	{"a trace without memory is said", a_trace_without_memory_is_said},
	{"a memory that cannot grow ends the recording",
	 a_memory_that_cannot_grow_ends_the_recording},
	{"a flood takes no more memory", a_flood_takes_no_more_memory},
	{"a trace counts what is in it", a_trace_counts_what_is_in_it},
	{"the end waits for the trace before it", the_end_waits_for_the_trace_before_it},
	{"the memory is free again after a trace", the_memory_is_free_again_after_a_trace},
	{"lint blames nobody for the state", lint_blames_nobody_for_the_state},
	{"severities are those of the rules", severities_are_those_of_the_rules},
	{"faults that go on wait longer", faults_that_go_on_wait_longer},
	{"the wait has an end", the_wait_has_an_end},
	{"faults do not fill the disk", faults_do_not_fill_the_disk},
	{"no VERSION_1 is no cause", no_version_1_is_no_cause},
	{NULL, NULL},
};

const struct unit_suite last_suite = {"last", tests};
