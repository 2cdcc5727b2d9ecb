/* SPDX-License-Identifier: MIT */
#include "replay.h"

#include "decode.h"
#include "report/utf8.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

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
	if (copy == NULL)
		return;
	/* Names and reasons from a golden set, words of a device: for a terminal, too. */
	vgpu_utf8_make_plain(copy);
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
	cJSON_Delete(result->differences);
	result->differences = NULL;
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
	add_count(object, "messages_left_out", result->messages_left_out);
	cJSON_AddItemToObject(object, "differences",
			      result->differences != NULL
				      ? cJSON_Duplicate(result->differences, true)
				      : cJSON_CreateArray());
	add_count(object, "differences_left_out", result->differences_left_out);
	return object;
}

/* ---- differences ---------------------------------------------------------------------- */

/* NULL: there are enough of them. */
static cJSON *new_difference(struct vgpu_replay_result *result, const char *kind)
{
	if (result->differences == NULL)
		result->differences = cJSON_CreateArray();
	if (cJSON_GetArraySize(result->differences) >= VGPU_REPLAY_MESSAGES) {
		result->differences_left_out++;
		return NULL;
	}
	cJSON *object = cJSON_CreateObject();
	cJSON_AddStringToObject(object, "kind", kind);
	cJSON_AddItemToArray(result->differences, object);
	return object;
}

static void add_answer(cJSON *object, const char *name, const uint8_t *bytes, uint64_t len,
		       uint32_t used_len)
{
	cJSON *answer = cJSON_AddObjectToObject(object, name);
	char text[VGPU_DECODE_TEXT];

	vgpu_decode_answer_json(bytes, len, answer);
	add_count(answer, "used", used_len);
	vgpu_decode_answer(bytes, len, text);
	cJSON_AddStringToObject(answer, "text", text);
}

void vgpu_replay_answer_differs(struct vgpu_replay_result *result,
				const struct vgpu_player_answer *answer)
{
	const struct vgpu_trace_request *recorded = answer->recorded;
	cJSON *object = new_difference(result, "answer");
	char text[VGPU_DECODE_TEXT];

	if (object == NULL)
		return;
	add_count(object, "request", recorded->number);
	vgpu_decode_request_json(recorded->request, recorded->request_len, object);
	vgpu_decode_request(recorded->request, recorded->request_len, text);
	cJSON_AddStringToObject(object, "text", text);
	cJSON_AddStringToObject(object, "why", answer->why);
	add_answer(object, "expected", recorded->response, recorded->used_len, recorded->used_len);
	add_answer(object, "actual", answer->answer.bytes, answer->answer.len,
		   answer->answer.used_len);
}

static void add_pixels(cJSON *object, const struct vgpu_frame_difference *difference)
{
	add_count(object, "pixels", difference->pixels);
	cJSON *box = cJSON_AddObjectToObject(object, "box");
	cJSON_AddNumberToObject(box, "x", difference->box.x);
	cJSON_AddNumberToObject(box, "y", difference->box.y);
	cJSON_AddNumberToObject(box, "width", difference->box.width);
	cJSON_AddNumberToObject(box, "height", difference->box.height);
}

void vgpu_replay_frame_differs(struct vgpu_replay_result *result,
			       const struct vgpu_replay_frame *frame)
{
	cJSON *object = new_difference(result, "frame");

	if (object == NULL)
		return;
	add_count(object, "frame", frame->recorded->number);
	cJSON_AddNumberToObject(object, "scanout", frame->recorded->scanout_id);
	add_count(object, "request", frame->recorded->request);
	cJSON_AddStringToObject(object, "why", frame->what);
	if (frame->difference != NULL && !frame->difference->size_differs)
		add_pixels(object, frame->difference);
}

void vgpu_replay_pictures(const struct vgpu_replay_frame *frame,
			  void (*picture)(void *opaque, const char *what,
					  const struct vgpu_frame *pixels),
			  void *opaque)
{
	struct vgpu_frame difference = {0};

	if (frame->actual == NULL)
		return;
	if (frame->expected != NULL)
		picture(opaque, "expected", frame->expected);
	picture(opaque, "actual", frame->actual);
	if (frame->expected != NULL &&
	    vgpu_frame_difference_picture(frame->expected, frame->actual, &difference) == 0)
		picture(opaque, "difference", &difference);
	vgpu_frame_fini(&difference);
}
