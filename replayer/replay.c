/* SPDX-License-Identifier: MIT */
#include "replay.h"

#include "decode.h"
#include "golden/compare.h"
#include "golden/golden.h"
#include "golden/png_io.h"

#include <errno.h>
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
	struct vgpu_error what;			 /* what is wrong with the frame at hand */
	struct vgpu_frame_difference difference; /* of its pictures */
};

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
		vgpu_replay_answer_differs(result, answer);
		break;
	}
	if (replay->options->watch != NULL)
		replay->options->watch->answer(replay->options->watch_opaque, answer);
	if (replay->options->progress != NULL)
		replay->options->progress(replay->options->opaque, result->requests_played,
					  result->requests);
}

/* ---- frames ------------------------------------------------------------------------- */

/* A picture of a frame that differs. */
struct kept {
	struct replay *replay;
	uint64_t number;
};

static void keep_picture(void *opaque, const char *what, const struct vgpu_frame *pixels)
{
	const struct kept *kept = opaque;
	struct vgpu_error err;
	char path[4400];

	snprintf(path, sizeof(path), "%s/%s-%06llu.png", kept->replay->keep, what,
		 (unsigned long long)kept->number);
	if (vgpu_png_write(path, pixels, &err) < 0)
		vgpu_replay_note(kept->replay->result, VGPU_REPLAY_UNUSABLE, "%s", err.text);
}

static void frame_differs(struct replay *replay, const struct vgpu_replay_frame *frame)
{
	const struct vgpu_trace_frame *recorded = frame->recorded;
	struct kept kept = {.replay = replay, .number = recorded->number};

	vgpu_replay_note(replay->result, VGPU_REPLAY_DIFFERS,
			 "frame %llu (scanout %u, %ux%u, flushed by request %llu): %s",
			 (unsigned long long)recorded->number, recorded->scanout_id,
			 recorded->width, recorded->height, (unsigned long long)recorded->request,
			 frame->what);
	vgpu_replay_frame_differs(replay->result, frame);
	/* What is equal and should not be has nothing to look at. */
	if (replay->keep[0] != '\0' && (frame->expected == NULL || frame->difference != NULL))
		vgpu_replay_pictures(frame, keep_picture, &kept);
}

/* Counts the frame, and tells who wants to know. */
static void conclude(struct replay *replay, const struct vgpu_replay_frame *frame)
{
	struct vgpu_replay_result *result = replay->result;

	switch (frame->verdict) {
	case VGPU_FRAME_EXCEPTED:
		result->frames_excepted++;
		result->frames_equal++;
		break;
	case VGPU_FRAME_EQUAL:
		result->frames_equal++;
		break;
	case VGPU_FRAME_DIFFERS:
		frame_differs(replay, frame);
		break;
	case VGPU_FRAME_NOT_COMPARABLE:
		if (result->frames_incomparable++ == 0)
			vgpu_replay_note(result, VGPU_REPLAY_UNUSABLE,
					 "frame %llu is the first that is not comparable: %s",
					 (unsigned long long)frame->recorded->number, frame->what);
		break;
	case VGPU_FRAME_UNUSABLE:
		vgpu_replay_note(result, VGPU_REPLAY_UNUSABLE, "%s", frame->what);
		break;
	}
	if (replay->options->watch != NULL)
		replay->options->watch->frame(replay->options->watch_opaque, frame);
}

/* Without a picture to hold it against. */
static void compare_hash(struct replay *replay, struct vgpu_replay_frame *frame, uint32_t width,
			 uint32_t height, const struct vgpu_frame_hash *hash)
{
	const struct vgpu_frame *actual = frame->actual;
	struct vgpu_frame_hash got;
	char expected_text[VGPU_FRAME_HASH_TEXT], got_text[VGPU_FRAME_HASH_TEXT];

	frame->verdict = VGPU_FRAME_DIFFERS;
	frame->what = replay->what.text;
	if (actual->width != width || actual->height != height) {
		vgpu_error_set(&replay->what, EINVAL, "expected %ux%u pixels, got %ux%u", width,
			       height, actual->width, actual->height);
	} else {
		got = vgpu_frame_hash(actual);
		if (vgpu_frame_hash_equal(&got, hash)) {
			frame->verdict = VGPU_FRAME_EQUAL;
			frame->what = NULL;
		}
		vgpu_frame_hash_text(hash, expected_text);
		vgpu_frame_hash_text(&got, got_text);
		vgpu_error_set(&replay->what, EINVAL, "expected hash %s, got %s", expected_text,
			       got_text);
	}
	conclude(replay, frame);
}

/* What an exception makes of a frame that is equal to its picture, or is not. */
static void judge(struct replay *replay, struct vgpu_replay_frame *frame, bool equal,
		  const struct vgpu_golden_exception *exception)
{
	bool fails = exception != NULL && exception->fails;

	if (equal == !fails) {
		frame->verdict = exception != NULL ? VGPU_FRAME_EXCEPTED : VGPU_FRAME_EQUAL;
	} else if (equal) {
		frame->verdict = VGPU_FRAME_DIFFERS;
		frame->what = "is equal, but an exception says it is not";
	} else {
		frame->verdict = VGPU_FRAME_DIFFERS;
		vgpu_frame_difference_text(frame->difference, frame->expected, frame->actual,
					   replay->what.text);
		frame->what = replay->what.text;
	}
	conclude(replay, frame);
}

/* As replay->what says. */
static void unusable(struct replay *replay, struct vgpu_replay_frame *frame)
{
	frame->verdict = VGPU_FRAME_UNUSABLE;
	frame->what = replay->what.text;
	conclude(replay, frame);
}

static void compare_picture(struct replay *replay, struct vgpu_replay_frame *frame,
			    const struct vgpu_golden_frame *golden)
{
	const struct vgpu_golden_exception *exception =
		vgpu_golden_exception(replay->golden, golden->number, replay->target->name);
	struct vgpu_frame_difference *difference = &replay->difference;
	struct vgpu_compare_rules rules = {0};
	struct vgpu_error err;

	frame->expected = vgpu_pictures_get(replay->pictures, golden->png, &err);
	if (frame->expected == NULL) {
		vgpu_error_set(&replay->what, EBADMSG, "golden frame %llu: %s",
			       (unsigned long long)golden->number, err.text);
		unusable(replay, frame);
		return;
	}
	bool equal = vgpu_frame_compare(frame->expected, frame->actual, NULL, difference);
	/* An exception counts only where it was needed. */
	if (equal && exception != NULL && !exception->fails)
		exception = NULL;
	if (!equal && exception != NULL && !exception->fails) {
		rules.tolerance = exception->tolerance;
		rules.ignore = exception->ignore;
		rules.num_ignore = exception->num_ignore;
		equal = vgpu_frame_compare(frame->expected, frame->actual, &rules, difference);
	}
	frame->difference = equal ? NULL : difference;
	judge(replay, frame, equal, exception);
}

static bool wants_frame(void *opaque, const struct vgpu_trace_frame *frame)
{
	const struct replay *replay = opaque;

	return frame->number >= replay->options->first_frame &&
	       frame->number <= replay->options->last_frame;
}

static void compare(struct replay *replay, struct vgpu_replay_frame *frame)
{
	const struct vgpu_trace_frame *recorded = frame->recorded;
	const struct vgpu_golden_frame *golden = NULL;

	replay->result->frames_compared++;
	if (replay->golden != NULL)
		golden = vgpu_golden_find(replay->golden, recorded->number);
	if (replay->golden != NULL && golden == NULL) {
		vgpu_error_set(&replay->what, ENOENT, "the golden set has no frame %llu",
			       (unsigned long long)recorded->number);
		unusable(replay, frame);
	} else if (frame->actual == NULL) {
		frame->verdict = VGPU_FRAME_DIFFERS;
		conclude(replay, frame);
	} else if (golden == NULL) {
		compare_hash(replay, frame, recorded->width, recorded->height, &recorded->hash);
	} else if (golden->png == NULL) {
		compare_hash(replay, frame, golden->width, golden->height, &golden->hash);
	} else {
		compare_picture(replay, frame, golden);
	}
}

static void on_frame(void *opaque, const struct vgpu_player_frame *played)
{
	struct replay *replay = opaque;
	struct vgpu_replay_frame frame = {
		.recorded = played->recorded,
		.verdict = VGPU_FRAME_NOT_COMPARABLE,
		.actual = played->actual,
		.what = played->why,
	};

	if (played->comparable && replay->golden == NULL &&
	    !vgpu_frame_hash_known(&played->recorded->hash))
		frame.what = "the recording does not say how it looked";
	else if (played->comparable) {
		compare(replay, &frame);
		return;
	}
	conclude(replay, &frame);
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
	vgpu_pictures_read_ahead(replay->pictures, replay->golden, replay->options->first_frame,
				 replay->options->last_frame);
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
