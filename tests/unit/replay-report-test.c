/* SPDX-License-Identifier: MIT */
/* What the reports of a replay are made of, and how much of it there can be. */
#include "report/filmstrip.h"
#include "report/history.h"
#include "report/replay_cases.h"
#include "report/trace_section.h"
#include "text-out.h"
#include "unit.h"

#include <endian.h>
#include <linux/virtio_gpu.h>
#include <stdlib.h>
#include <string.h>

extern const struct unit_suite replay_report_suite;

static unsigned int count_of(const char *text, const char *word)
{
	unsigned int count = 0;

	while ((text = strstr(text, word)) != NULL) {
		text += strlen(word);
		count++;
	}
	return count;
}

static bool has(const char *text, const char *word)
{
	return strstr(text, word) != NULL;
}

/* ---- pictures --------------------------------------------------------------------------- */

static void make_frame(struct vgpu_frame *frame, uint32_t width, uint32_t height, uint32_t seed)
{
	CU_ASSERT_EQUAL_FATAL(vgpu_frame_resize(frame, width, height), 0);
	memset(frame->rgb, 0, (size_t)width * height * 3);
	memcpy(frame->rgb, &seed, 3);
}

static void a_scaled_picture_is_the_mean_of_its_pixels(void)
{
	struct vgpu_frame frame = {0}, scaled = {0};

	make_frame(&frame, 4, 2, 0);
	memset(frame.rgb, 100, 6);	   /* two pixels of the first row, */
	memset(frame.rgb + 4 * 3, 200, 3); /* and one of the second */
	CU_ASSERT_EQUAL_FATAL(vgpu_frame_scale(&frame, 2, 2, &scaled), 0);
	CU_ASSERT_EQUAL(scaled.width, 2);
	CU_ASSERT_EQUAL(scaled.height, 1);
	CU_ASSERT_EQUAL(scaled.rgb[0], 100);
	CU_ASSERT_EQUAL(scaled.rgb[3], 0);
	/* What fits stays as it is, and nothing becomes nothing. */
	CU_ASSERT_EQUAL_FATAL(vgpu_frame_scale(&frame, 4, 2, &scaled), 0);
	CU_ASSERT_EQUAL(memcmp(scaled.rgb, frame.rgb, 24), 0);
	make_frame(&frame, 3, 4000, 0);
	CU_ASSERT_EQUAL_FATAL(vgpu_frame_scale(&frame, 200, 150, &scaled), 0);
	CU_ASSERT_EQUAL(scaled.width, 1);
	CU_ASSERT_EQUAL(scaled.height, 150);
	vgpu_frame_fini(&frame);
	vgpu_frame_fini(&scaled);
}

static void add_frame(struct vgpu_filmstrip *strip, uint32_t number, uint32_t seed, bool explained)
{
	const struct vgpu_trace_frame recorded = {.number = number};
	struct vgpu_frame actual = {0};
	const struct vgpu_replay_frame frame = {
		.recorded = &recorded,
		.verdict = explained ? VGPU_FRAME_DIFFERS : VGPU_FRAME_EQUAL,
		.actual = &actual,
	};

	make_frame(&actual, 8, 8, seed);
	vgpu_filmstrip_add(strip, &frame, explained);
	vgpu_frame_fini(&actual);
}

static char *strip_text(const struct vgpu_filmstrip *strip)
{
	struct text_out memory;

	text_out_open(&memory);
	vgpu_filmstrip_write(strip, "trace-7", memory.out);
	return text_out_close(&memory);
}

static void a_filmstrip_has_each_frame_once(void)
{
	struct vgpu_filmstrip *strip = vgpu_filmstrip_new();

	CU_ASSERT_PTR_NOT_NULL_FATAL(strip);
	char *text = strip_text(strip);
	CU_ASSERT_STRING_EQUAL(text, "");
	free(text);
	for (uint32_t i = 0; i < 9; i++)
		add_frame(strip, i, i % 3, i == 4);
	text = strip_text(strip);
	CU_ASSERT_EQUAL(count_of(text, "<img "), 3);
	CU_ASSERT_EQUAL(count_of(text, "&#215; 3</span>"), 3);
	CU_ASSERT_TRUE(has(text, "Distinct frames <span class=\"quiet\">3</span>"));
	CU_ASSERT_TRUE(has(text, "<li data-verdict=\"fail\"><a href=\"#trace-7-frame-4\">"));
	CU_ASSERT_EQUAL(count_of(text, "<a "), 1);
	free(text);
	vgpu_filmstrip_free(strip);
}

static void a_long_filmstrip_is_a_sample(void)
{
	struct vgpu_filmstrip *strip = vgpu_filmstrip_new();

	CU_ASSERT_PTR_NOT_NULL_FATAL(strip);
	for (uint32_t i = 0; i < 1000; i++)
		add_frame(strip, i, i, i == 501 || i == 999);
	char *text = strip_text(strip);
	unsigned int pictures = count_of(text, "<img ");
	CU_ASSERT_TRUE(pictures > VGPU_FILMSTRIP_MAX / 2 && pictures <= VGPU_FILMSTRIP_MAX + 3);
	CU_ASSERT_TRUE(has(text, ">1000, "));
	CU_ASSERT_TRUE(has(text, "alt=\"frame 0\""));
	CU_ASSERT_TRUE(has(text, "alt=\"frame 512\""));
	CU_ASSERT_TRUE(has(text, "alt=\"frame 501\""));
	CU_ASSERT_TRUE(has(text, "alt=\"frame 999\""));
	CU_ASSERT_FALSE(has(text, "alt=\"frame 998\""));
	free(text);
	vgpu_filmstrip_free(strip);
}

/* ---- who wrote a pixel --------------------------------------------------------------------- */

static uint64_t next_number;

static void play(struct vgpu_history *history, const void *request, uint32_t len, uint32_t answer)
{
	const struct virtio_gpu_ctrl_hdr response = {.type = htole32(answer)};
	const struct vgpu_trace_request played = {
		.number = next_number++,
		.request = request,
		.request_len = len,
		.response = (const uint8_t *)&response,
		.used_len = sizeof(response),
	};

	vgpu_history_add(history, &played);
}

static void transfer(struct vgpu_history *history, uint32_t resource, uint32_t x, uint32_t answer)
{
	const struct virtio_gpu_transfer_to_host_2d request = {
		.hdr.type = htole32(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D),
		.r = {htole32(x), htole32(10), htole32(20), htole32(20)},
		.resource_id = htole32(resource),
	};

	play(history, &request, sizeof(request), answer);
}

static void set_scanout(struct vgpu_history *history, uint32_t resource, uint32_t x)
{
	const struct virtio_gpu_set_scanout request = {
		.hdr.type = htole32(VIRTIO_GPU_CMD_SET_SCANOUT),
		.r = {htole32(x), 0, htole32(100), htole32(100)},
		.scanout_id = htole32(1),
		.resource_id = htole32(resource),
	};

	play(history, &request, sizeof(request), VIRTIO_GPU_RESP_OK_NODATA);
}

static void create(struct vgpu_history *history, uint32_t resource)
{
	const struct virtio_gpu_resource_create_2d request = {
		.hdr.type = htole32(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D),
		.resource_id = htole32(resource),
	};

	play(history, &request, sizeof(request), VIRTIO_GPU_RESP_OK_NODATA);
}

static void create_blob(struct vgpu_history *history, uint32_t resource)
{
	const struct virtio_gpu_resource_create_blob request = {
		.hdr.type = htole32(VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB),
		.resource_id = htole32(resource),
	};

	play(history, &request, sizeof(request), VIRTIO_GPU_RESP_OK_NODATA);
}

/* The request that wrote the pixel; -1: none. */
static int writer(const struct vgpu_history *history, uint32_t x, uint32_t y)
{
	struct vgpu_history_request request;

	return vgpu_history_writer(history, 1, x, y, &request) ? (int)request.number : -1;
}

static void the_last_transfer_of_a_pixel_is_found(void)
{
	struct vgpu_history *history = vgpu_history_new();
	struct vgpu_history_request request;

	CU_ASSERT_PTR_NOT_NULL_FATAL(history);
	next_number = 0;
	CU_ASSERT_FALSE(vgpu_history_last(history, &request));
	create(history, 5);				      /* 0 */
	transfer(history, 5, 10, VIRTIO_GPU_RESP_OK_NODATA);  /* 1 */
	CU_ASSERT_EQUAL(writer(history, 10, 10), -1);	      /* nothing is shown */
	set_scanout(history, 5, 4);			      /* 2 */
	transfer(history, 5, 20, VIRTIO_GPU_RESP_OK_NODATA);  /* 3 */
	transfer(history, 6, 10, VIRTIO_GPU_RESP_OK_NODATA);  /* 4: another resource */
	transfer(history, 5, 10, VIRTIO_GPU_RESP_ERR_UNSPEC); /* 5: refused */
	/* The scanout begins at 4,0 of the resource. */
	CU_ASSERT_EQUAL(writer(history, 5, 10), -1);
	CU_ASSERT_EQUAL(writer(history, 6, 9), -1);
	CU_ASSERT_EQUAL(writer(history, 6, 10), 1);
	CU_ASSERT_EQUAL(writer(history, 15, 29), 1);
	CU_ASSERT_EQUAL(writer(history, 16, 29), 3);
	CU_ASSERT_EQUAL(writer(history, 35, 29), 3);
	CU_ASSERT_EQUAL(writer(history, 36, 29), -1);
	CU_ASSERT_EQUAL(writer(history, UINT32_MAX, UINT32_MAX), -1);
	CU_ASSERT_FALSE(vgpu_history_writer(history, VGPU_MAX_SCANOUTS, 6, 10, &request));
	CU_ASSERT_TRUE(vgpu_history_last(history, &request));
	CU_ASSERT_EQUAL(request.number, 5);
	CU_ASSERT_TRUE(has(request.text, "TRANSFER_TO_HOST_2D resource=5 rect=20x20+10+10"));
	create(history, 5);
	CU_ASSERT_EQUAL(writer(history, 6, 10), -1);
	transfer(history, 5, 10, VIRTIO_GPU_RESP_OK_NODATA); /* 7 */
	CU_ASSERT_EQUAL(writer(history, 6, 10), 7);
	create_blob(history, 5);
	CU_ASSERT_EQUAL(writer(history, 6, 10), -1);
	vgpu_history_free(history);
}

/* ---- the section of a trace -------------------------------------------------------------------
 */

static void tell_answer(struct vgpu_trace_section *section, uint32_t number)
{
	static const struct virtio_gpu_ctrl_hdr request = {0};
	uint8_t response[600] = {0}, other[600] = {0};
	const struct vgpu_trace_request recorded = {
		.number = number,
		.request = (const uint8_t *)&request,
		.request_len = sizeof(request),
		.response = response,
		.used_len = sizeof(response),
	};
	struct vgpu_player_answer answer = {
		.recorded = &recorded,
		.answer = {.used_len = 500, .bytes = other, .len = 500},
		.verdict = VGPU_ANSWER_DIFFERENT,
		.why = "<why>",
	};

	memset(other + 100, 0xff, 300);
	vgpu_trace_section_watch()->answer(section, &answer);
}

static void tell_frame(struct vgpu_trace_section *section, uint32_t number, uint32_t seed)
{
	const struct vgpu_trace_frame recorded = {.number = number};
	struct vgpu_frame expected = {0}, actual = {0};
	const struct vgpu_frame_difference difference = {.pixels = 1};
	const struct vgpu_replay_frame frame = {
		.recorded = &recorded,
		.verdict = VGPU_FRAME_DIFFERS,
		.expected = &expected,
		.actual = &actual,
		.difference = &difference,
		.what = "<what>",
	};

	make_frame(&expected, 8, 8, 0);
	make_frame(&actual, 8, 8, seed);
	vgpu_trace_section_watch()->frame(section, &frame);
	vgpu_frame_fini(&expected);
	vgpu_frame_fini(&actual);
}

static char *section_text(struct vgpu_trace_section *section)
{
	char message[] = "<message>";
	const struct vgpu_replay_result result = {
		.trace = "a<b>",
		.status = VGPU_REPLAY_DIFFERS,
		.messages = {message},
		.num_messages = 1,
	};
	struct text_out memory;

	text_out_open(&memory);
	vgpu_trace_section_write(section, 3, &result, memory.out);
	return text_out_close(&memory);
}

static void a_section_has_a_limit_and_says_so(void)
{
	struct vgpu_trace_section *section = vgpu_trace_section_new(3);

	CU_ASSERT_PTR_NOT_NULL_FATAL(section);
	for (uint32_t i = 0; i < 100; i++) {
		tell_answer(section, i);
		/* Each picture twice. */
		tell_frame(section, i, 1 + i / 2);
	}
	char *text = section_text(section);
	CU_ASSERT_EQUAL(count_of(text, "<table class=\"answers\">"), VGPU_SECTION_ANSWERS);
	CU_ASSERT_TRUE(has(text, "And 80 more answers that differ."));
	CU_ASSERT_EQUAL(count_of(text, "data-picture=\"expected\""), VGPU_SECTION_FRAMES);
	CU_ASSERT_EQUAL(count_of(text, "data-picture=\"difference\""), VGPU_SECTION_FRAMES);
	CU_ASSERT_TRUE(has(text, "And 8 more frames that show the same as one above."));
	CU_ASSERT_TRUE(has(text, "And 84 more frames that differ, without pictures here."));
	CU_ASSERT_EQUAL(count_of(text, "and more bytes"), VGPU_SECTION_ANSWERS);
	CU_ASSERT_TRUE(has(text, "id=\"trace-3\" data-item data-verdict=\"fail\""));
	CU_ASSERT_TRUE(has(text, "<h2>a&lt;b&gt; "));
	CU_ASSERT_TRUE(has(text, "&lt;message&gt;"));
	CU_ASSERT_FALSE(has(text, "<why>"));
	CU_ASSERT_FALSE(has(text, "<what>"));
	CU_ASSERT_EQUAL(count_of(text, "<div"), count_of(text, "</div>"));
	CU_ASSERT_EQUAL(count_of(text, "<article"), count_of(text, "</article>"));
	free(text);
	vgpu_trace_section_free(section);
	/* Also without one there is what the result says. */
	text = section_text(NULL);
	CU_ASSERT_TRUE(has(text, "&lt;message&gt;"));
	free(text);
}

/* ---- cases
 * --------------------------------------------------------------------------------------- */

#define COUNTS(played, equal, compared, frames_equal)                                              \
	"\"requests\":{\"recorded\":9,\"played\":" #played ",\"equal\":" #equal                    \
	"},\"frames\":{\"compared\":" #compared ",\"equal\":" #frames_equal "}"

static void cases_say_what_is_not_as_it_must_be(void)
{
	static const struct {
		const char *members;
		bool compared;
		enum vgpu_case_verdict verdicts[3];
		const char *first; /* message of the first that is none of passed and skipped */
	} samples[] = {
		{"\"status\":\"equal\"," COUNTS(9, 9, 2, 2),
		 true,
		 {VGPU_CASE_PASS, VGPU_CASE_PASS, VGPU_CASE_PASS},
		 NULL},
		{"\"status\":\"equal\"," COUNTS(9, 9, 0, 0),
		 true,
		 {VGPU_CASE_PASS, VGPU_CASE_PASS, VGPU_CASE_SKIP},
		 NULL},
		{"\"status\":\"differs\",\"messages\":[\"m\"]," COUNTS(
			 9, 9, 2,
			 1) ",\"differences\":"
			    "[{\"kind\":\"frame\",\"frame\":1,\"request\":7,\"why\":\"w\"}]",
		 true,
		 {VGPU_CASE_PASS, VGPU_CASE_PASS, VGPU_CASE_FAIL},
		 "frame 1: w"},
		{"\"status\":\"differs\"," COUNTS(
			 9, 8, 2,
			 2) ",\"differences\":"
			    "[{\"kind\":\"answer\",\"request\":7,\"text\":\"t\",\"why\":\"w\"}]",
		 true,
		 {VGPU_CASE_PASS, VGPU_CASE_FAIL, VGPU_CASE_PASS},
		 "request 7: t: w"},
		{"\"status\":\"differs\",\"messages\":[\"target failed\"]," COUNTS(4, 4, 0, 0),
		 true,
		 {VGPU_CASE_ERROR, VGPU_CASE_PASS, VGPU_CASE_SKIP},
		 "target failed"},
		{"\"status\":\"unusable\",\"messages\":[\"no file\"]," COUNTS(0, 0, 0, 0),
		 true,
		 {VGPU_CASE_ERROR, VGPU_CASE_SKIP, VGPU_CASE_SKIP},
		 "no file"},
		{"\"status\":\"differs\",\"messages\":[\"not so\",\"more\"]," COUNTS(18, 9, 2, 1),
		 false,
		 {VGPU_CASE_FAIL},
		 "not so"},
	};
	char text[500];

	for (size_t i = 0; i < sizeof(samples) / sizeof(samples[0]); i++) {
		struct report_cases cases = {0};
		const char *first = NULL;

		snprintf(text, sizeof(text), "{\"trace\":\"a.trace\",\"target\":\"t\",%s}",
			 samples[i].members);
		cJSON *result = cJSON_Parse(text);
		CU_ASSERT_PTR_NOT_NULL_FATAL(result);
		CU_ASSERT_EQUAL(vgpu_replay_cases(&cases, result, samples[i].compared), 0);
		CU_ASSERT_EQUAL_FATAL(cases.count, samples[i].compared ? 3 : 1);
		for (size_t c = 0; c < cases.count; c++) {
			const struct report_case *one = &cases.all[c];
			CU_ASSERT_EQUAL(one->verdict, samples[i].verdicts[c]);
			CU_ASSERT_EQUAL(strncmp(one->name, "a.trace: ", 9), 0);
			CU_ASSERT_STRING_EQUAL(one->classname, "vgpu-replay.t");
			CU_ASSERT_STRING_EQUAL(one->file, "a.trace");
			if (first == NULL && one->verdict != VGPU_CASE_PASS &&
			    one->verdict != VGPU_CASE_SKIP)
				first = one->message;
		}
		CU_ASSERT_EQUAL(first == NULL, samples[i].first == NULL);
		if (first != NULL && samples[i].first != NULL)
			CU_ASSERT_STRING_EQUAL(first, samples[i].first);
		report_cases_fini(&cases);
		cJSON_Delete(result);
	}
}

static const struct unit_test tests[] = {
	{"a scaled picture is the mean of its pixels", a_scaled_picture_is_the_mean_of_its_pixels},
	{"a filmstrip has each frame once", a_filmstrip_has_each_frame_once},
	{"a long filmstrip is a sample", a_long_filmstrip_is_a_sample},
	{"the last transfer of a pixel is found", the_last_transfer_of_a_pixel_is_found},
	{"a section has a limit and says so", a_section_has_a_limit_and_says_so},
	{"cases say what is not as it must be", cases_say_what_is_not_as_it_must_be},
	{NULL, NULL},
};

const struct unit_suite replay_report_suite = {"replay-report", tests};
