/* SPDX-License-Identifier: MIT */
/* The whole way: a recording, its golden set, and a verdict for each kind of damage. */
#include "golden/bless.h"
#include "golden/golden.h"
#include "golden/png_io.h"
#include "replay.h"
#include "scene.h"
#include "text-out.h"
#include "trace_tools.h"
#include "unit.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_gpu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const struct unit_suite replay_suite;

/* A trace with a golden set beside it: FOLDER/traces/scene.trace, FOLDER/golden/scene. */
struct place {
	char *folder, *traces, *trace, *golden, *set;
	struct vgpu_replay_options options;
	struct vgpu_replay_result result;
};

static void make_golden(const struct place *place);

static void place_init(struct place *place)
{
	*place = (struct place){.options = {.target = "builtin", .last_frame = UINT64_MAX}};
	place->folder = scene_folder();
	place->traces = scene_path(place->folder, "traces");
	place->golden = scene_path(place->folder, "golden");
	place->set = scene_path(place->golden, "scene");
	place->trace = scene_path(place->traces, "scene.trace");
	CU_ASSERT_EQUAL(mkdir(place->traces, 0777), 0);
	CU_ASSERT_EQUAL(mkdir(place->golden, 0777), 0);
	CU_ASSERT_EQUAL(mkdir(place->set, 0777), 0);
	scene_record(place->trace);
	make_golden(place);
}

static void place_fini(struct place *place)
{
	vgpu_replay_result_fini(&place->result);
	scene_folder_remove(place->folder);
	free(place->traces);
	free(place->golden);
	free(place->set);
	free(place->trace);
}

/* Replays; the caller looks at result. */
static enum vgpu_replay_status replay(struct place *place)
{
	vgpu_replay_result_fini(&place->result);
	vgpu_replay(place->trace, &place->options, &place->result);
	return place->result.status;
}

static bool says(const struct place *place, const char *text)
{
	for (unsigned int i = 0; i < place->result.num_messages; i++)
		if (strstr(place->result.messages[i], text) != NULL)
			return true;
	return false;
}

/*
 * The set that QEMU would have confirmed: pictures from the pixels that the trace
 * shows, one of them for every second frame, so that hashes are used too.
 */
static void make_golden(const struct place *place)
{
	const struct vgpu_trace_tool_options tool = {.output = place->set};
	struct vgpu_golden_frame frames[SCENE_FRAMES];
	static const int picture_of[SCENE_FRAMES] = {0, 1, -1, 3, -1, 1, -1};
	char names[SCENE_FRAMES][32];
	struct vgpu_golden golden = {
		.trace = "scene.trace", .confirmed_by = "a test", .frames = frames};
	struct vgpu_trace_record record;
	struct vgpu_error err;
	FILE *null = fopen("/dev/null", "w");

	CU_ASSERT_EQUAL(vgpu_trace_frames(place->trace, &tool, null, &err), 0);
	fclose(null);
	CU_ASSERT_EQUAL(vgpu_golden_hash_file(place->trace, &golden.trace_hash, &err), 0);
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(place->trace, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	while (vgpu_trace_reader_next(reader, &record, &err) > 0) {
		if (record.type != VGPU_TRACE_FRAME)
			continue;
		size_t i = golden.num_frames++;
		CU_ASSERT_TRUE_FATAL(i < SCENE_FRAMES);
		frames[i] = (struct vgpu_golden_frame){
			.number = record.frame.number,
			.width = record.frame.width,
			.height = record.frame.height,
			.hash = record.frame.hash,
		};
		if (picture_of[i] < 0)
			continue;
		snprintf(names[i], sizeof(names[i]), "frame-%06d.png", picture_of[i]);
		frames[i].png = names[i];
	}
	vgpu_trace_reader_close(reader);
	CU_ASSERT_EQUAL(golden.num_frames, SCENE_FRAMES);
	CU_ASSERT_EQUAL(vgpu_golden_save(&golden, place->set, &err), 0);
}

static void an_untouched_set_is_equal(void)
{
	struct place place;
	char verdict[VGPU_REPLAY_VERDICT_TEXT];

	place_init(&place);
	CU_ASSERT_EQUAL(replay(&place), VGPU_REPLAY_EQUAL);
	CU_ASSERT_EQUAL(place.result.num_messages, 0);
	vgpu_replay_verdict(&place.result, verdict);
	CU_ASSERT_STRING_EQUAL(verdict, "builtin: 36 of 36 requests, 7 of 7 frames equal");
	place.options.first_frame = 2;
	place.options.last_frame = 3;
	CU_ASSERT_EQUAL(replay(&place), VGPU_REPLAY_EQUAL);
	vgpu_replay_verdict(&place.result, verdict);
	CU_ASSERT_STRING_EQUAL(verdict, "builtin: 36 of 36 requests, 2 of 2 frames equal (of 7)");
	cJSON *json = vgpu_replay_json(&place.result);
	CU_ASSERT_STRING_EQUAL(cJSON_GetStringValue(cJSON_GetObjectItem(json, "status")), "equal");
	cJSON_Delete(json);
	place_fini(&place);
}

/* Changes one channel of one pixel of a picture by delta. */
static void change_pixel(const struct place *place, const char *name, uint8_t delta)
{
	char *path = scene_path(place->set, name);
	struct vgpu_frame frame = {0};
	struct vgpu_error err;

	CU_ASSERT_EQUAL_FATAL(vgpu_png_read(path, &frame, &err), 0);
	frame.rgb[(5 * frame.width + 9) * 3 + 1] += delta;
	CU_ASSERT_EQUAL(vgpu_png_write(path, &frame, &err), 0);
	vgpu_frame_fini(&frame);
	free(path);
}

/* The one difference of the result, which is of this kind. */
static const cJSON *only_difference(const struct place *place, const char *kind)
{
	const cJSON *one = cJSON_GetArrayItem(place->result.differences, 0);

	CU_ASSERT_EQUAL(cJSON_GetArraySize(place->result.differences), 1);
	CU_ASSERT_PTR_NOT_NULL_FATAL(one);
	CU_ASSERT_STRING_EQUAL(cJSON_GetStringValue(cJSON_GetObjectItem(one, "kind")), kind);
	return one;
}

static double number_in(const cJSON *object, const char *name)
{
	return cJSON_GetNumberValue(cJSON_GetObjectItem(object, name));
}

static const char *text_in(const cJSON *object, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(object, name));

	return text != NULL ? text : "";
}

static void a_changed_golden_pixel_differs_and_names_the_frame(void)
{
	struct place place;

	place_init(&place);
	change_pixel(&place, "frame-000003.png", 1);
	char *keep = scene_path(place.folder, "keep");
	place.options.keep = keep;
	CU_ASSERT_EQUAL(replay(&place), VGPU_REPLAY_DIFFERS);
	CU_ASSERT_EQUAL(place.result.num_messages, 1);
	CU_ASSERT_TRUE(says(&place, "frame 3 (scanout 0, 40x32, flushed by request 14): 1 pixel "
				    "differs in 1x1+9+5, first at 9,5: "));
	CU_ASSERT_EQUAL(place.result.frames_equal, SCENE_FRAMES - 1);
	const cJSON *difference = only_difference(&place, "frame");
	CU_ASSERT_EQUAL(number_in(difference, "frame"), 3);
	CU_ASSERT_EQUAL(number_in(difference, "request"), 14);
	CU_ASSERT_EQUAL(number_in(difference, "pixels"), 1);
	CU_ASSERT_EQUAL(number_in(cJSON_GetObjectItem(difference, "box"), "x"), 9);
	static const char *const kept[] = {"actual-000003.png", "expected-000003.png",
					   "difference-000003.png"};
	for (size_t i = 0; i < sizeof(kept) / sizeof(kept[0]); i++) {
		char *folder = scene_path(keep, "scene"), *path = scene_path(folder, kept[i]);
		CU_ASSERT_EQUAL(access(path, R_OK), 0);
		free(path);
		free(folder);
	}
	free(keep);
	place_fini(&place);
}

/* Makes the answer to one request an error; copy has room for it. */
static void make_error(struct vgpu_trace_request *request, uint8_t copy[24])
{
	memcpy(copy, request->response, 24);
	copy[1] = 0x12;
	request->response = copy;
}

static bool change_answer(struct vgpu_trace_record *record, void *opaque)
{
	if (record->type == VGPU_TRACE_REQUEST && record->request.number == SCENE_CREATE_1)
		make_error(&record->request, opaque);
	return true;
}

static void a_changed_answer_differs_and_names_the_request(void)
{
	struct place place;
	uint8_t answer[24];

	place_init(&place);
	char *original = scene_path(place.folder, "original");
	CU_ASSERT_EQUAL(rename(place.trace, original), 0);
	scene_alter(original, place.trace, change_answer, answer);
	CU_ASSERT_EQUAL(replay(&place), VGPU_REPLAY_DIFFERS);
	CU_ASSERT_TRUE(says(&place,
			    "request 2 diverged first: RESOURCE_CREATE_2D resource=1 "
			    "format=B8G8R8X8 width=64 height=48: another type of answer: "
			    "expected RESP_ERR_UNSPEC (24 bytes), got RESP_OK_NODATA (24 bytes)"));
	CU_ASSERT_TRUE(says(&place, "is of another recording"));
	CU_ASSERT_EQUAL(place.result.requests_equal, SCENE_REQUESTS - 1);
	const cJSON *difference = only_difference(&place, "answer");
	CU_ASSERT_EQUAL(number_in(difference, "request"), 2);
	CU_ASSERT_STRING_EQUAL(text_in(difference, "command"), "RESOURCE_CREATE_2D");
	CU_ASSERT_STRING_EQUAL(text_in(difference, "why"), "another type of answer");
	const cJSON *expected = cJSON_GetObjectItem(difference, "expected");
	CU_ASSERT_STRING_EQUAL(text_in(expected, "answer"), "RESP_ERR_UNSPEC");
	CU_ASSERT_EQUAL(number_in(cJSON_GetObjectItem(difference, "actual"), "used"), 24);
	free(original);
	place_fini(&place);
}

static bool change_all_answers(struct vgpu_trace_record *record, void *opaque)
{
	uint8_t *answer = opaque;

	if (record->type != VGPU_TRACE_REQUEST || record->request.used_len != 24)
		return true;
	memcpy(answer, record->request.response, 24);
	answer[23] ^= 1;
	record->request.response = answer;
	return true;
}

static void differences_are_listed_up_to_a_number(void)
{
	struct place place;
	uint8_t answer[24];

	place_init(&place);
	char *original = scene_path(place.folder, "original");
	CU_ASSERT_EQUAL(rename(place.trace, original), 0);
	scene_alter(original, place.trace, change_all_answers, answer);
	CU_ASSERT_EQUAL(replay(&place), VGPU_REPLAY_DIFFERS);
	uint64_t different = place.result.requests_played - place.result.requests_equal;
	CU_ASSERT_TRUE(different > VGPU_REPLAY_MESSAGES);
	CU_ASSERT_EQUAL(cJSON_GetArraySize(place.result.differences), VGPU_REPLAY_MESSAGES);
	CU_ASSERT_EQUAL(place.result.differences_left_out, different - VGPU_REPLAY_MESSAGES);
	cJSON *object = vgpu_replay_json(&place.result);
	CU_ASSERT_EQUAL(number_in(object, "differences_left_out"),
			(double)place.result.differences_left_out);
	cJSON_Delete(object);
	free(original);
	place_fini(&place);
}

static void a_changed_byte_is_unusable(void)
{
	struct place place;
	struct stat st;

	place_init(&place);
	CU_ASSERT_EQUAL(stat(place.trace, &st), 0);
	FILE *file = fopen(place.trace, "r+b");
	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	fseek(file, st.st_size / 2, SEEK_SET);
	int byte = fgetc(file);
	fseek(file, st.st_size / 2, SEEK_SET);
	fputc(byte ^ 0x10, file);
	fclose(file);
	CU_ASSERT_EQUAL(replay(&place), VGPU_REPLAY_UNUSABLE);
	CU_ASSERT_TRUE(says(&place, "block"));
	CU_ASSERT_FALSE(says(&place, "scene.trace: "));
	place_fini(&place);
}

static bool forget_hash(struct vgpu_trace_record *record, void *opaque)
{
	(void)opaque;
	if (record->type == VGPU_TRACE_FRAME && record->frame.number == 1)
		record->frame.hash = (struct vgpu_frame_hash){{0}};
	return true;
}

static void a_frame_without_a_recorded_hash_needs_a_golden_set(void)
{
	struct place place;

	place_init(&place);
	char *original = scene_path(place.folder, "original");
	CU_ASSERT_EQUAL(rename(place.trace, original), 0);
	scene_alter(original, place.trace, forget_hash, NULL);
	CU_ASSERT_EQUAL(replay(&place), VGPU_REPLAY_UNUSABLE);
	CU_ASSERT_EQUAL(place.result.frames_equal, SCENE_FRAMES);
	place.options.golden = "/nonexistent";
	CU_ASSERT_EQUAL(replay(&place), VGPU_REPLAY_UNUSABLE);
	CU_ASSERT_TRUE(says(&place, "frame 1 is the first that is not comparable: the recording "
				    "does not say how it looked"));
	CU_ASSERT_EQUAL(place.result.frames_equal, SCENE_FRAMES - 1);
	free(original);
	place_fini(&place);
}

static void without_a_golden_set_there_is_no_passing(void)
{
	struct place place;

	place_init(&place);
	place.options.golden = "/nonexistent";
	CU_ASSERT_EQUAL(replay(&place), VGPU_REPLAY_UNUSABLE);
	CU_ASSERT_TRUE(says(&place, "no golden set in /nonexistent/scene"));
	/* unless nobody asked for one */
	place.options.no_golden = true;
	CU_ASSERT_EQUAL(replay(&place), VGPU_REPLAY_EQUAL);
	CU_ASSERT_EQUAL(place.result.frames_equal, SCENE_FRAMES);
	CU_ASSERT_EQUAL(place.result.requests_equal, SCENE_REQUESTS);
	CU_ASSERT_EQUAL(place.result.frames_equal, SCENE_FRAMES);
	place_fini(&place);
}

static bool keep_all(struct vgpu_trace_record *record, void *opaque)
{
	(void)opaque;
	return record->type != VGPU_TRACE_REGISTER;
}

static void a_set_of_another_recording_is_unusable(void)
{
	struct place place;

	place_init(&place);
	char *original = scene_path(place.folder, "original");
	CU_ASSERT_EQUAL(rename(place.trace, original), 0);
	scene_alter(original, place.trace, keep_all, NULL);
	CU_ASSERT_EQUAL(replay(&place), VGPU_REPLAY_UNUSABLE);
	CU_ASSERT_TRUE(says(&place, "is of another recording: bless the trace again"));
	CU_ASSERT_EQUAL(place.result.frames_equal, SCENE_FRAMES);
	free(original);
	place_fini(&place);
}

/* Lets edit alter the set's manifest. */
static void edit_golden(const struct place *place, void (*edit)(struct vgpu_golden *golden))
{
	struct vgpu_error err;
	int status;
	struct vgpu_golden *golden = vgpu_golden_load(place->set, &status, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(golden);
	edit(golden);
	CU_ASSERT_EQUAL(vgpu_golden_save(golden, place->set, &err), 0);
	vgpu_golden_free(golden);
}

static void change_last_hash(struct vgpu_golden *golden)
{
	golden->frames[golden->num_frames - 1].hash.bytes[0] ^= 1;
}

static void forget_last_frame(struct vgpu_golden *golden)
{
	free(golden->frames[--golden->num_frames].png);
}

static void a_frame_without_picture_is_held_to_its_hash(void)
{
	struct place place;

	place_init(&place);
	edit_golden(&place, change_last_hash);
	CU_ASSERT_EQUAL(replay(&place), VGPU_REPLAY_DIFFERS);
	CU_ASSERT_TRUE(says(&place, "frame 6 (scanout 0, 64x48, flushed by request 35): expected "
				    "hash "));
	place_fini(&place);
}

static void a_frame_or_picture_that_is_missing_is_unusable(void)
{
	struct place place;

	place_init(&place);
	edit_golden(&place, forget_last_frame);
	CU_ASSERT_EQUAL(replay(&place), VGPU_REPLAY_UNUSABLE);
	CU_ASSERT_TRUE(says(&place, "the golden set has no frame 6"));
	char *picture = scene_path(place.set, "frame-000003.png");
	CU_ASSERT_EQUAL(truncate(picture, 100), 0);
	CU_ASSERT_EQUAL(replay(&place), VGPU_REPLAY_UNUSABLE);
	CU_ASSERT_TRUE(says(&place, "golden frame 3: "));
	CU_ASSERT_EQUAL(unlink(picture), 0);
	CU_ASSERT_EQUAL(replay(&place), VGPU_REPLAY_UNUSABLE);
	free(picture);
	place_fini(&place);
}

static void add_exception(struct vgpu_golden *golden, struct vgpu_golden_exception exception)
{
	golden->exceptions = calloc(1, sizeof(exception));
	CU_ASSERT_PTR_NOT_NULL_FATAL(golden->exceptions);
	exception.first = 3;
	exception.last = 3;
	exception.reason = strdup("a test");
	golden->exceptions[0] = exception;
	golden->num_exceptions = 1;
}

static void tolerate_one(struct vgpu_golden *golden)
{
	add_exception(golden, (struct vgpu_golden_exception){.tolerance = 1});
}

static void expect_failure(struct vgpu_golden *golden)
{
	add_exception(golden, (struct vgpu_golden_exception){.fails = true});
}

static void an_exception_lets_pass_what_it_names(void)
{
	struct place place;

	place_init(&place);
	change_pixel(&place, "frame-000003.png", 1);
	edit_golden(&place, tolerate_one);
	CU_ASSERT_EQUAL(replay(&place), VGPU_REPLAY_EQUAL);
	CU_ASSERT_EQUAL(place.result.frames_excepted, 1);
	change_pixel(&place, "frame-000003.png", 1);
	CU_ASSERT_EQUAL(replay(&place), VGPU_REPLAY_DIFFERS);
	place_fini(&place);
}

static void a_failure_that_is_expected_must_happen(void)
{
	struct place place;

	place_init(&place);
	edit_golden(&place, expect_failure);
	CU_ASSERT_EQUAL(replay(&place), VGPU_REPLAY_DIFFERS);
	CU_ASSERT_TRUE(says(&place, "frame 3"));
	change_pixel(&place, "frame-000003.png", 1);
	CU_ASSERT_EQUAL(replay(&place), VGPU_REPLAY_EQUAL);
	CU_ASSERT_EQUAL(place.result.frames_excepted, 1);
	place_fini(&place);
}

static void golden_folders_lie_beside_the_traces(void)
{
	static const struct {
		const char *trace, *folder, *path;
	} cases[] = {
		{"traces/a.trace", NULL, "golden/a"},
		{"/x/y/traces/a.trace", NULL, "/x/y/golden/a"},
		{"x//traces//a.trace", NULL, "x//golden/a"},
		{"a.trace", NULL, "../golden/a"},
		{"./a", NULL, "./../golden/a"},
		{"../a.trace", NULL, "../../golden/a"},
		{"/a.trace", NULL, "/../golden/a"},
		{"traces/a.trace", "/g", "/g/a"},
		{"traces/.trace", "/g", "/g/.trace"},
	};
	char path[64];

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_EQUAL(vgpu_replay_golden_folder(cases[i].trace, cases[i].folder, path,
							  sizeof(path)),
				0);
		CU_ASSERT_STRING_EQUAL(path, cases[i].path);
	}
	CU_ASSERT_EQUAL(vgpu_replay_golden_folder("traces/a.trace", NULL, path, 8), -ENAMETOOLONG);
}

/* ---- blessing
 * ------------------------------------------------------------------------------------ */

static bool no_qemu(void)
{
	if (system("command -v \"${VGPU_QEMU:-qemu-system-aarch64}\" >/dev/null 2>&1") == 0)
		return false;
	printf(" (skipped: no qemu-system-aarch64 in PATH) ");
	return true;
}

static enum vgpu_replay_status run_bless(struct place *place, bool check)
{
	place->options.target = "qemu";
	vgpu_replay_result_fini(&place->result);
	(check ? vgpu_bless_check : vgpu_bless)(place->trace, &place->options, &place->result);
	place->options.target = "builtin";
	return place->result.status;
}

static void what_qemu_draws_too_becomes_golden(void)
{
	struct place place;

	if (no_qemu())
		return;
	place_init(&place);
	char *stray = scene_path(place.set, "frame-000099.png");
	char *manifest = scene_path(place.set, VGPU_GOLDEN_MANIFEST);
	CU_ASSERT_EQUAL(unlink(manifest), 0);
	fclose(fopen(stray, "w"));
	CU_ASSERT_EQUAL(run_bless(&place, false), VGPU_REPLAY_EQUAL);
	CU_ASSERT_TRUE(says(&place, "new golden set"));
	CU_ASSERT_TRUE(says(&place, "7 frames, 3 PNG files"));
	CU_ASSERT_TRUE(says(&place, "confirmed by QEMU "));
	CU_ASSERT_EQUAL(strncmp(place.result.version, "QEMU ", 5), 0);
	CU_ASSERT_TRUE(access(stray, F_OK) < 0);
	CU_ASSERT_EQUAL(replay(&place), VGPU_REPLAY_EQUAL);
	place.options.target = "qemu";
	CU_ASSERT_EQUAL(replay(&place), VGPU_REPLAY_EQUAL);
	CU_ASSERT_EQUAL(run_bless(&place, true), VGPU_REPLAY_EQUAL);
	edit_golden(&place, change_last_hash);
	CU_ASSERT_EQUAL(run_bless(&place, true), VGPU_REPLAY_DIFFERS);
	CU_ASSERT_TRUE(says(&place, "golden frame 6 is not what QEMU "));
	CU_ASSERT_EQUAL(run_bless(&place, false), VGPU_REPLAY_EQUAL);
	CU_ASSERT_TRUE(says(&place, "1 frames changed, frame 6 first"));
	change_pixel(&place, "frame-000000.png", 1);
	CU_ASSERT_EQUAL(run_bless(&place, true), VGPU_REPLAY_DIFFERS);
	CU_ASSERT_EQUAL(run_bless(&place, false), VGPU_REPLAY_EQUAL);
	fclose(fopen(stray, "w"));
	CU_ASSERT_EQUAL(run_bless(&place, true), VGPU_REPLAY_UNUSABLE);
	free(stray);
	free(manifest);
	place_fini(&place);
}

static bool change_pixels_of_flush(struct vgpu_trace_record *record, void *opaque)
{
	(void)opaque;
	if (record->type == VGPU_TRACE_FRAME && record->frame.number == 1)
		record->frame.hash.bytes[3] ^= 1;
	return true;
}

static void what_was_not_drawn_as_recorded_never_becomes_golden(void)
{
	struct place place;

	place_init(&place);
	char *original = scene_path(place.folder, "original");
	CU_ASSERT_EQUAL(rename(place.trace, original), 0);
	scene_alter(original, place.trace, change_pixels_of_flush, NULL);
	CU_ASSERT_EQUAL(run_bless(&place, false), VGPU_REPLAY_DIFFERS);
	CU_ASSERT_TRUE(says(&place, "builtin: frame 1 (scanout 0, 64x48) is not as it was "
				    "recorded"));
	/* Nor what only the reference device drew, or may have drawn. */
	static const char *const targets[] = {"builtin", "vhost-user:socket"};
	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		place.options.target = targets[i];
		vgpu_replay_result_fini(&place.result);
		vgpu_bless(place.trace, &place.options, &place.result);
		CU_ASSERT_EQUAL(place.result.status, VGPU_REPLAY_UNUSABLE);
		CU_ASSERT_TRUE(says(&place, "cannot confirm"));
	}
	free(original);
	place_fini(&place);
}

/* A transfer from behind the end of the backing, which QEMU up to now dies of. */
static bool read_past_the_end(struct vgpu_trace_record *record, void *opaque)
{
	static struct virtio_gpu_transfer_to_host_2d transfer;

	if (record->type != VGPU_TRACE_REQUEST || record->request.number != 7)
		return true;
	memcpy(&transfer, record->request.request, sizeof(transfer));
	transfer.offset = htole64(64 * 48 * 4);
	record->request.request = (const uint8_t *)&transfer;
	record->request.num_segments = 0;
	record->request.data = NULL;
	record->request.data_len = 0;
	make_error(&record->request, opaque);
	return true;
}

static void a_target_that_dies_is_named_with_the_request(void)
{
	struct place place;
	uint8_t answer[24];

	if (no_qemu())
		return;
	place_init(&place);
	char *original = scene_path(place.folder, "original");
	CU_ASSERT_EQUAL(rename(place.trace, original), 0);
	scene_alter(original, place.trace, read_past_the_end, answer);
	place.options.target = "qemu";
	CU_ASSERT_EQUAL(replay(&place), VGPU_REPLAY_DIFFERS);
	if (place.result.requests_played < SCENE_REQUESTS) {
		CU_ASSERT_EQUAL(place.result.requests_played, 7);
		CU_ASSERT_TRUE(says(&place, "target failed: request 7 (TRANSFER_TO_HOST_2D "));
		CU_ASSERT_TRUE(says(&place, "QEMU is gone: killed by signal 6 (Aborted): "));
	}
	free(original);
	place_fini(&place);
}

/* ---- what the tools print -------------------------------------------------------------- */

static char *run_tool(vgpu_trace_tool_fn *tool, const char *path,
		      const struct vgpu_trace_tool_options *options, int expected)
{
	struct vgpu_error err;
	struct text_out text;

	text_out_open(&text);
	CU_ASSERT_EQUAL(tool(path, options, text.out, &err), expected);
	return text_out_close(&text);
}

static void the_tools_say_what_is_in_a_trace(void)
{
	struct vgpu_trace_tool_options options = {0};
	struct place place;

	place_init(&place);
	char *dump = run_tool(vgpu_trace_dump, place.trace, &options, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(dump,
				      " RESOURCE_FLUSH resource=1 rect=32x16+16+8 fence=17 -> "
				      "RESP_OK_NODATA fence=17 used=24"));
	CU_ASSERT_PTR_NOT_NULL(strstr(dump, "END requests=36 frames=7 dropped=0"));
	CU_ASSERT_PTR_NULL(strstr(dump, "WRITE"));
	free(dump);
	char *info = run_tool(vgpu_trace_info, place.trace, &options, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(info, "VIRTIO_GPU_F_EDID"));
	CU_ASSERT_PTR_NOT_NULL(strstr(info, "7, 3 distinct"));
	CU_ASSERT_PTR_NOT_NULL(strstr(info, "  5, 1 refused"));
	free(info);
	options.json = true;
	options.registers = true;
	dump = run_tool(vgpu_trace_dump, place.trace, &options, 0);
	for (char *line = strtok(dump, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		cJSON *object = cJSON_Parse(line);
		CU_ASSERT_TRUE(cJSON_IsObject(object));
		cJSON_Delete(object);
	}
	free(dump);
	info = run_tool(vgpu_trace_info, place.trace, &options, 0);
	cJSON *object = cJSON_Parse(info);
	CU_ASSERT_EQUAL(cJSON_GetNumberValue(cJSON_GetObjectItem(object, "frames")), 7);
	cJSON_Delete(object);
	free(info);
	CU_ASSERT_EQUAL(truncate(place.trace, 1000), 0);
	free(run_tool(vgpu_trace_verify, place.trace, &options, 2));
	free(run_tool(vgpu_trace_info, place.trace, &options, 2));
	free(run_tool(vgpu_trace_dump, "/nonexistent", &options, 2));
	place_fini(&place);
}

static char *info_of(const char *metadata)
{
	const struct vgpu_trace_tool_options options = {0};
	const struct vgpu_trace_writer_options writer_options = {.metadata = metadata};
	char *folder = scene_folder(), *path = scene_path(folder, "x.trace");
	struct vgpu_trace_writer *writer = vgpu_trace_writer_open(path, &writer_options, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(writer);
	CU_ASSERT_EQUAL(vgpu_trace_writer_close(writer, NULL, NULL), 0);
	char *info = run_tool(vgpu_trace_info, path, &options, 0);
	unlink(path);
	free(path);
	scene_folder_remove(folder);
	return info;
}

/* An escape, a bell, a character that is an escape of its own, and half of one. */
#define STEERS                                                                                     \
	"\033[2J\a\xc2\x9b"                                                                        \
	"2J\xe2\x82\n\x7f"
#define PLAIN "?[2J??2J????"

static void nothing_in_a_trace_steers_a_terminal(void)
{
	struct vgpu_replay_result result = {.trace = "x"};

	char *info = info_of("{\"note\": \"\\u001b]0;x\\u0007 gr\xc3\xb6\xc3\x9f"
			     "er\xc2\x9b"
			     "2J\", \"\\u001b[2J\": [\"\x7f\"]}");
	for (const char *at = info; *at != '\0'; at++)
		CU_ASSERT_TRUE(*at == '\n' || (unsigned char)*at >= ' ');
	CU_ASSERT_PTR_NOT_NULL(strstr(info, "note           ?]0;x? gr\xc3\xb6\xc3\x9f"
					    "er?2J\n"));
	CU_ASSERT_PTR_NOT_NULL(strstr(info, "?[2J           [\"?\"]\n"));
	free(info);
	info = info_of("[\"a list\"]");
	CU_ASSERT_PTR_NULL(strstr(info, "null"));
	free(info);
	/* As from a golden set. */
	vgpu_replay_note(&result, VGPU_REPLAY_EQUAL, "x: %s", STEERS);
	CU_ASSERT_STRING_EQUAL(result.messages[0], PLAIN);
	vgpu_replay_result_fini(&result);
}

static const struct unit_test tests[] = {
	{"nothing in a trace steers a terminal", nothing_in_a_trace_steers_a_terminal},
	{"an untouched set is equal", an_untouched_set_is_equal},
	{"a changed golden pixel differs and names the frame",
	 a_changed_golden_pixel_differs_and_names_the_frame},
	{"a changed answer differs and names the request",
	 a_changed_answer_differs_and_names_the_request},
	{"differences are listed up to a number", differences_are_listed_up_to_a_number},
	{"a changed byte is unusable", a_changed_byte_is_unusable},
	{"without a golden set there is no passing", without_a_golden_set_there_is_no_passing},
	{"a frame without a recorded hash needs a golden set",
	 a_frame_without_a_recorded_hash_needs_a_golden_set},
	{"a set of another recording is unusable", a_set_of_another_recording_is_unusable},
	{"a frame without picture is held to its hash",
	 a_frame_without_picture_is_held_to_its_hash},
	{"a frame or picture that is missing is unusable",
	 a_frame_or_picture_that_is_missing_is_unusable},
	{"an exception lets pass what it names", an_exception_lets_pass_what_it_names},
	{"a failure that is expected must happen", a_failure_that_is_expected_must_happen},
	{"golden folders lie beside the traces", golden_folders_lie_beside_the_traces},
	{"what QEMU draws too becomes golden", what_qemu_draws_too_becomes_golden},
	{"what was not drawn as recorded never becomes golden",
	 what_was_not_drawn_as_recorded_never_becomes_golden},
	{"a target that dies is named with the request",
	 a_target_that_dies_is_named_with_the_request},
	{"the tools say what is in a trace", the_tools_say_what_is_in_a_trace},
	{NULL, NULL},
};

const struct unit_suite replay_suite = {"replay", tests};
