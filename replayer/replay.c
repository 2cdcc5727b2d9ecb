/* SPDX-License-Identifier: MIT */
#include "replay.h"

#include "decode.h"
#include "golden/compare.h"
#include "golden/golden.h"
#include "golden/png_io.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Decoded golden pictures: all 64 of a budget at 1280x800 fit. */
#define PICTURES_MAX (256ull << 20)

struct replay {
	const struct vgpu_replay_options *options;
	struct vgpu_replay_result *result;
	const struct vgpu_target_ops *target;
	struct vgpu_golden *golden; /* NULL: there is none */
	struct vgpu_pictures *pictures;
	char keep[4096]; /* folder for this trace, or empty */
	uint64_t requests_different;
};

/* ---- the result --------------------------------------------------------------------- */

void vgpu_replay_note(struct vgpu_replay_result *result, enum vgpu_replay_status status,
		      const char *format, ...)
{
	struct vgpu_error text;
	va_list args;

	/* A difference that was found stays one, whatever else is wrong. */
	if (status != VGPU_REPLAY_EQUAL && result->status != VGPU_REPLAY_DIFFERS)
		result->status = status;
	if (result->num_messages == VGPU_REPLAY_MESSAGES) {
		result->messages_left_out++;
		return;
	}
	va_start(args, format);
	vsnprintf(text.text, sizeof(text.text), format, args);
	va_end(args);
	char *copy = strdup(vgpu_replay_strip(result->trace, text.text));
	if (copy != NULL)
		result->messages[result->num_messages++] = copy;
}

const char *vgpu_replay_strip(const char *trace, const char *text)
{
	size_t len = strlen(trace);

	return strncmp(text, trace, len) == 0 && strncmp(text + len, ": ", 2) == 0 ? text + len + 2
										   : text;
}

void vgpu_replay_result_fini(struct vgpu_replay_result *result)
{
	for (unsigned int i = 0; i < result->num_messages; i++)
		free(result->messages[i]);
	result->num_messages = 0;
}

static void append(char *text, size_t size, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void append(char *text, size_t size, const char *format, ...)
{
	size_t used = strlen(text);
	va_list args;

	va_start(args, format);
	vsnprintf(text + used, size - used, format, args);
	va_end(args);
}

void vgpu_replay_verdict(const struct vgpu_replay_result *result,
			 char text[VGPU_REPLAY_VERDICT_TEXT])
{
	const size_t size = VGPU_REPLAY_VERDICT_TEXT;

	snprintf(text, size, "%s: ", result->target);
	if (result->stopped)
		append(text, size, "stopped: ");
	append(text, size, "%llu of %llu requests, %llu of %llu frames equal",
	       (unsigned long long)result->requests_equal, (unsigned long long)result->requests,
	       (unsigned long long)result->frames_equal,
	       (unsigned long long)result->frames_compared);
	if (result->frames_compared != result->frames)
		append(text, size, " (of %llu)", (unsigned long long)result->frames);
	if (result->requests_tolerated > 0)
		append(text, size, ", %llu answer%s tolerated",
		       (unsigned long long)result->requests_tolerated,
		       result->requests_tolerated == 1 ? "" : "s");
	if (result->frames_excepted > 0)
		append(text, size, ", %llu by exception",
		       (unsigned long long)result->frames_excepted);
	if (result->frames_incomparable > 0)
		append(text, size, ", %llu not comparable",
		       (unsigned long long)result->frames_incomparable);
}

static void add_count(cJSON *object, const char *name, uint64_t value)
{
	cJSON_AddNumberToObject(object, name, (double)value);
}

cJSON *vgpu_replay_json(const struct vgpu_replay_result *result)
{
	static const char *const words[] = {"equal", "differs", "unusable"};
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "trace", result->trace);
	cJSON_AddStringToObject(object, "target", result->target);
	cJSON_AddStringToObject(object, "version", result->version);
	cJSON_AddStringToObject(object, "status", words[result->status]);
	cJSON_AddBoolToObject(object, "stopped", result->stopped);
	cJSON *requests = cJSON_AddObjectToObject(object, "requests");
	add_count(requests, "recorded", result->requests);
	add_count(requests, "played", result->requests_played);
	add_count(requests, "equal", result->requests_equal);
	add_count(requests, "tolerated", result->requests_tolerated);
	cJSON *frames = cJSON_AddObjectToObject(object, "frames");
	add_count(frames, "recorded", result->frames);
	add_count(frames, "compared", result->frames_compared);
	add_count(frames, "equal", result->frames_equal);
	add_count(frames, "excepted", result->frames_excepted);
	add_count(frames, "not_comparable", result->frames_incomparable);
	cJSON_AddNumberToObject(object, "seconds", (double)(result->time_ns / 1000) / 1e6);
	cJSON *messages = cJSON_AddArrayToObject(object, "messages");
	for (unsigned int i = 0; i < result->num_messages; i++)
		cJSON_AddItemToArray(messages, cJSON_CreateString(result->messages[i]));
	return object;
}

/* ---- answers ------------------------------------------------------------------------ */

static void describe_difference(struct replay *replay, const struct vgpu_player_answer *answer)
{
	const struct vgpu_trace_request *recorded = answer->recorded;
	char request[VGPU_DECODE_TEXT], expected[VGPU_DECODE_TEXT], got[VGPU_DECODE_TEXT];

	vgpu_decode_request(recorded->request, recorded->request_len, request);
	vgpu_decode_answer(recorded->response, recorded->used_len, expected);
	vgpu_decode_answer(answer->answer.bytes, answer->answer.len, got);
	vgpu_replay_note(replay->result, VGPU_REPLAY_DIFFERS,
			 "request %llu diverged first: %s: %s: expected %s (%u bytes), got %s "
			 "(%u bytes)",
			 (unsigned long long)recorded->number, request, answer->why, expected,
			 recorded->used_len, got, answer->answer.used_len);
}

static void on_answer(void *opaque, const struct vgpu_player_answer *answer)
{
	struct replay *replay = opaque;
	struct vgpu_replay_result *result = replay->result;

	result->requests_played++;
	switch (answer->verdict) {
	case VGPU_ANSWER_TOLERATED:
		result->requests_tolerated++;
		result->requests_equal++;
		break;
	case VGPU_ANSWER_EQUAL:
		result->requests_equal++;
		break;
	case VGPU_ANSWER_DIFFERENT:
		if (replay->requests_different++ == 0)
			describe_difference(replay, answer);
		break;
	}
	if (replay->options->progress != NULL)
		replay->options->progress(replay->options->opaque, result->requests_played,
					  result->requests);
}

/* ---- frames ------------------------------------------------------------------------- */

static void keep_picture(struct replay *replay, const char *what, uint64_t number,
			 const struct vgpu_frame *frame)
{
	struct vgpu_error err;
	char path[4400];

	snprintf(path, sizeof(path), "%s/%s-%06llu.png", replay->keep, what,
		 (unsigned long long)number);
	if (vgpu_png_write(path, frame, &err) < 0)
		vgpu_replay_note(replay->result, VGPU_REPLAY_UNUSABLE, "%s", err.text);
}

static void keep_pictures(struct replay *replay, uint64_t number, const struct vgpu_frame *expected,
			  const struct vgpu_frame *actual)
{
	struct vgpu_frame picture = {0};

	if (replay->keep[0] == '\0')
		return;
	keep_picture(replay, "actual", number, actual);
	if (expected == NULL)
		return;
	keep_picture(replay, "expected", number, expected);
	if (vgpu_frame_difference_picture(expected, actual, &picture) == 0)
		keep_picture(replay, "difference", number, &picture);
	vgpu_frame_fini(&picture);
}

static void frame_differs(struct replay *replay, const struct vgpu_trace_frame *recorded,
			  const char *what)
{
	vgpu_replay_note(replay->result, VGPU_REPLAY_DIFFERS,
			 "frame %llu (scanout %u, %ux%u, flushed by request %llu): %s",
			 (unsigned long long)recorded->number, recorded->scanout_id,
			 recorded->width, recorded->height, (unsigned long long)recorded->request,
			 what);
}

/* Without a picture to hold it against. */
static void compare_hash(struct replay *replay, const struct vgpu_player_frame *frame,
			 uint32_t width, uint32_t height, const struct vgpu_frame_hash *hash)
{
	const struct vgpu_frame *actual = frame->actual;
	struct vgpu_frame_hash got;
	char text[160], expected_text[VGPU_FRAME_HASH_TEXT], got_text[VGPU_FRAME_HASH_TEXT];

	if (actual->width != width || actual->height != height) {
		snprintf(text, sizeof(text), "expected %ux%u pixels, got %ux%u", width, height,
			 actual->width, actual->height);
	} else {
		got = vgpu_frame_hash(actual);
		if (vgpu_frame_hash_equal(&got, hash)) {
			replay->result->frames_equal++;
			return;
		}
		vgpu_frame_hash_text(hash, expected_text);
		vgpu_frame_hash_text(&got, got_text);
		snprintf(text, sizeof(text), "expected hash %s, got %s", expected_text, got_text);
	}
	frame_differs(replay, frame->recorded, text);
	keep_pictures(replay, frame->recorded->number, NULL, actual);
}

/* The frame differs, or should have differed: what an exception makes of it. */
static void judge(struct replay *replay, const struct vgpu_player_frame *frame, bool equal,
		  const struct vgpu_golden_exception *exception, const struct vgpu_frame *expected,
		  const struct vgpu_frame_difference *difference)
{
	char text[VGPU_DIFFERENCE_TEXT];
	bool fails = exception != NULL && exception->fails;

	if (equal == !fails) {
		replay->result->frames_equal++;
		if (exception != NULL)
			replay->result->frames_excepted++;
		return;
	}
	if (equal) {
		frame_differs(replay, frame->recorded, "is equal, but an exception says it is not");
		return;
	}
	vgpu_frame_difference_text(difference, expected, frame->actual, text);
	frame_differs(replay, frame->recorded, text);
	keep_pictures(replay, frame->recorded->number, expected, frame->actual);
}

static void compare_picture(struct replay *replay, const struct vgpu_player_frame *frame,
			    const struct vgpu_golden_frame *golden)
{
	const struct vgpu_golden_exception *exception =
		vgpu_golden_exception(replay->golden, golden->number, replay->target->name);
	struct vgpu_frame_difference difference;
	struct vgpu_compare_rules rules = {0};
	struct vgpu_error err;
	const struct vgpu_frame *expected = vgpu_pictures_get(replay->pictures, golden->png, &err);

	if (expected == NULL) {
		vgpu_replay_note(replay->result, VGPU_REPLAY_UNUSABLE, "golden frame %llu: %s",
				 (unsigned long long)golden->number, err.text);
		return;
	}
	bool equal = vgpu_frame_compare(expected, frame->actual, NULL, &difference);
	/* An exception counts only where it was needed. */
	if (equal && exception != NULL && !exception->fails)
		exception = NULL;
	if (!equal && exception != NULL && !exception->fails) {
		rules.tolerance = exception->tolerance;
		rules.ignore = exception->ignore;
		rules.num_ignore = exception->num_ignore;
		equal = vgpu_frame_compare(expected, frame->actual, &rules, &difference);
	}
	judge(replay, frame, equal, exception, expected, &difference);
}

static bool wants_frame(void *opaque, const struct vgpu_trace_frame *frame)
{
	const struct replay *replay = opaque;

	return frame->number >= replay->options->first_frame &&
	       frame->number <= replay->options->last_frame;
}

static void not_comparable(struct replay *replay, const struct vgpu_trace_frame *recorded,
			   const char *why)
{
	if (replay->result->frames_incomparable++ == 0)
		vgpu_replay_note(replay->result, VGPU_REPLAY_UNUSABLE,
				 "frame %llu is the first that is not comparable: %s",
				 (unsigned long long)recorded->number, why);
}

static void on_frame(void *opaque, const struct vgpu_player_frame *frame)
{
	struct replay *replay = opaque;
	const struct vgpu_trace_frame *recorded = frame->recorded;
	const struct vgpu_golden_frame *golden = NULL;

	if (!frame->comparable) {
		not_comparable(replay, recorded, frame->why);
		return;
	}
	if (replay->golden == NULL && !vgpu_frame_hash_known(&recorded->hash)) {
		not_comparable(replay, recorded, "the recording does not say how it looked");
		return;
	}
	replay->result->frames_compared++;
	if (replay->golden != NULL) {
		golden = vgpu_golden_find(replay->golden, recorded->number);
		if (golden == NULL) {
			vgpu_replay_note(replay->result, VGPU_REPLAY_UNUSABLE,
					 "the golden set has no frame %llu",
					 (unsigned long long)recorded->number);
			return;
		}
	}
	if (frame->actual == NULL)
		frame_differs(replay, recorded, frame->why);
	else if (golden == NULL)
		compare_hash(replay, frame, recorded->width, recorded->height, &recorded->hash);
	else if (golden->png == NULL)
		compare_hash(replay, frame, golden->width, golden->height, &golden->hash);
	else
		compare_picture(replay, frame, golden);
}

/* ---- one trace ---------------------------------------------------------------------- */

/* The length of the folder above the one of the first len bytes; -1: not in the text. */
static int parent_len(const char *path, int len)
{
	const char *name;

	while (len > 0 && path[len - 1] == '/')
		len--;
	for (name = path + len; name > path && name[-1] != '/';)
		name--;
	/* Above "." and ".." lies what the text does not say. */
	if (len == 0 || name[0] == '.')
		return -1;
	return (int)(name - path);
}

int vgpu_replay_golden_folder(const char *trace, const char *folder, char *path, size_t size)
{
	const char *slash = strrchr(trace, '/');
	const char *name = slash != NULL ? slash + 1 : trace;
	int parent = parent_len(trace, (int)(name - trace));
	size_t len = strlen(name);
	int n;

	if (len > 6 && strcmp(name + len - 6, ".trace") == 0)
		len -= 6;
	if (folder != NULL)
		n = snprintf(path, size, "%s/%.*s", folder, (int)len, name);
	else if (parent >= 0)
		n = snprintf(path, size, "%.*sgolden/%.*s", parent, trace, (int)len, name);
	else
		n = snprintf(path, size, "%.*s../golden/%.*s", (int)(name - trace), trace, (int)len,
			     name);
	return n >= (int)size ? -ENAMETOOLONG : 0;
}

static bool load_golden(struct replay *replay, const char *trace)
{
	struct vgpu_replay_result *result = replay->result;
	struct vgpu_frame_hash hash;
	struct vgpu_error err;
	char folder[4096];
	int status =
		vgpu_replay_golden_folder(trace, replay->options->golden, folder, sizeof(folder));

	if (replay->options->no_golden)
		return true;
	if (status == 0)
		replay->golden = vgpu_golden_load(folder, &status, &err);
	if (status == -ENOENT) {
		vgpu_replay_note(result, VGPU_REPLAY_UNUSABLE,
				 "no golden set in %s: held against the recording only", folder);
		return true;
	}
	if (replay->golden == NULL) {
		vgpu_replay_note(result, VGPU_REPLAY_UNUSABLE, "%s",
				 status == -ENAMETOOLONG ? "name too long" : err.text);
		return false;
	}
	replay->pictures = vgpu_pictures_new(folder, PICTURES_MAX);
	if (replay->pictures == NULL || vgpu_golden_hash_file(trace, &hash, &err) < 0) {
		vgpu_replay_note(result, VGPU_REPLAY_UNUSABLE, "%s",
				 replay->pictures == NULL ? "out of memory" : err.text);
		return false;
	}
	if (!vgpu_frame_hash_equal(&hash, &replay->golden->trace_hash))
		vgpu_replay_note(result, VGPU_REPLAY_UNUSABLE,
				 "%s is of another recording: bless the trace again", folder);
	return true;
}

static bool make_keep_folder(struct replay *replay, const char *trace)
{
	const char *keep = replay->options->keep;

	if (keep == NULL)
		return true;
	if (vgpu_replay_golden_folder(trace, keep, replay->keep, sizeof(replay->keep)) == 0 &&
	    (mkdir(keep, 0777) == 0 || errno == EEXIST) &&
	    (mkdir(replay->keep, 0777) == 0 || errno == EEXIST))
		return true;
	vgpu_replay_note(replay->result, VGPU_REPLAY_UNUSABLE, "%s: %s", keep, strerror(errno));
	return false;
}

static bool stop(void *opaque)
{
	const struct vgpu_replay_options *options = ((struct replay *)opaque)->options;

	return options->stop != NULL && options->stop(options->opaque);
}

static void play(struct replay *replay, struct vgpu_player *player)
{
	static const struct vgpu_player_events events = {
		.answer = on_answer,
		.wants_frame = wants_frame,
		.frame = on_frame,
		.stop = stop,
	};
	struct vgpu_replay_result *result = replay->result;
	struct vgpu_target_options options;
	struct vgpu_error err;

	vgpu_player_target_options(player, &options);
	struct vgpu_target *target = vgpu_target_open(replay->options->target, &options, &err);
	if (target == NULL) {
		vgpu_replay_note(result, VGPU_REPLAY_UNUSABLE, "target %s: %s",
				 replay->options->target, err.text);
		return;
	}
	snprintf(result->version, sizeof(result->version), "%s", target->ops->version(target));
	switch (vgpu_player_play(player, target, &events, replay, &err)) {
	case VGPU_PLAYER_DONE:
		break;
	case VGPU_PLAYER_STOPPED:
		result->stopped = true;
		vgpu_replay_note(result, VGPU_REPLAY_UNUSABLE, "stopped");
		break;
	case VGPU_PLAYER_TARGET_FAILED:
		vgpu_replay_note(result, VGPU_REPLAY_DIFFERS, "target failed: %s", err.text);
		break;
	case VGPU_PLAYER_TRACE_FAILED:
		vgpu_replay_note(result, VGPU_REPLAY_UNUSABLE, "%s", err.text);
		break;
	}
	target->ops->close(target);
}

static void replay_reader(struct replay *replay, struct vgpu_trace_reader *reader)
{
	struct vgpu_error err;
	struct vgpu_player *player = vgpu_player_new(reader, &err);

	if (player == NULL) {
		vgpu_replay_note(replay->result, VGPU_REPLAY_UNUSABLE, "%s", err.text);
		return;
	}
	replay->result->requests = vgpu_player_requests(player);
	replay->result->frames = vgpu_player_frames(player);
	play(replay, player);
	vgpu_player_free(player);
	if (replay->requests_different > 1)
		vgpu_replay_note(replay->result, VGPU_REPLAY_DIFFERS,
				 "%llu requests were answered otherwise in all",
				 (unsigned long long)replay->requests_different);
}

void vgpu_replay(const char *trace, const struct vgpu_replay_options *options,
		 struct vgpu_replay_result *result)
{
	struct replay replay = {.options = options, .result = result};
	uint64_t begin = vgpu_now_ns();
	struct vgpu_error err;
	const char *argument;

	*result = (struct vgpu_replay_result){.trace = trace};
	replay.target = vgpu_target_find(options->target, &argument);
	if (replay.target == NULL) {
		vgpu_replay_note(result, VGPU_REPLAY_UNUSABLE, "no target is called '%s'",
				 options->target);
		return;
	}
	snprintf(result->target, sizeof(result->target), "%s", replay.target->name);
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(trace, &err);
	if (reader == NULL)
		vgpu_replay_note(result, VGPU_REPLAY_UNUSABLE, "%s", err.text);
	else if (load_golden(&replay, trace) && make_keep_folder(&replay, trace))
		replay_reader(&replay, reader);
	if (reader != NULL)
		vgpu_trace_reader_close(reader);
	vgpu_golden_free(replay.golden);
	vgpu_pictures_free(replay.pictures);
	result->time_ns = vgpu_now_ns() - begin;
}
