/* SPDX-License-Identifier: MIT */
#include "report/trace_section.h"

#include "decode.h"
#include "golden/png_io.h"
#include "report/filmstrip.h"
#include "report/history.h"
#include "report/html.h"

#include <stdlib.h>
#include <string.h>

/* Rows of bytes that are shown of two answers. */
#define ROW_BYTES 16
#define ROWS_MAX  8

/* Bytes of pixels that are not even compressed to see what becomes of them. */
#define PIXELS_MAX (4ull * VGPU_SECTION_BYTES)

#define PREFIX_TEXT 32

/* Markup that is made while the trace is played. */
struct markup {
	FILE *out; /* NULL: no memory, nothing is kept */
	char *text;
	size_t size;
};

/* What was drawn where another picture was expected; the same once more is only counted. */
struct shown {
	struct vgpu_frame_hash actual, expected;
	uint64_t count;
};

struct vgpu_trace_section {
	char prefix[PREFIX_TEXT];
	struct vgpu_filmstrip *film;
	struct vgpu_history *history;
	struct markup answers, frames;
	uint64_t num_answers, num_frames;
	struct shown shown[VGPU_SECTION_FRAMES];
	unsigned int num_shown;
	uint64_t frames_left_out;
	size_t picture_bytes;
};

static void markup_init(struct markup *markup)
{
	markup->out = open_memstream(&markup->text, &markup->size);
}

static void markup_fini(struct markup *markup)
{
	if (markup->out != NULL)
		fclose(markup->out);
	free(markup->text);
}

static void markup_write(struct markup *markup, FILE *out)
{
	if (markup->out != NULL && fflush(markup->out) == 0)
		fwrite(markup->text, 1, markup->size, out);
}

struct vgpu_trace_section *vgpu_trace_section_new(unsigned int id)
{
	struct vgpu_trace_section *section = calloc(1, sizeof(*section));

	if (section == NULL)
		return NULL;
	snprintf(section->prefix, sizeof(section->prefix), "trace-%u", id);
	markup_init(&section->answers);
	markup_init(&section->frames);
	section->film = vgpu_filmstrip_new();
	section->history = vgpu_history_new();
	if (section->film != NULL && section->history != NULL && section->answers.out != NULL &&
	    section->frames.out != NULL)
		return section;
	vgpu_trace_section_free(section);
	return NULL;
}

void vgpu_trace_section_free(struct vgpu_trace_section *section)
{
	if (section == NULL)
		return;
	markup_fini(&section->answers);
	markup_fini(&section->frames);
	vgpu_filmstrip_free(section->film);
	vgpu_history_free(section->history);
	free(section);
}

/* ---- answers that differ ------------------------------------------------------------------ */

/* A message that is there up to its length. */
struct message {
	const uint8_t *bytes;
	uint64_t len;
};

static bool byte_differs(const struct message *a, const struct message *b, uint64_t at)
{
	return at >= a->len || at >= b->len || a->bytes[at] != b->bytes[at];
}

static bool row_differs(const struct message *a, const struct message *b, uint64_t begin)
{
	for (uint64_t i = begin; i < begin + ROW_BYTES && (i < a->len || i < b->len); i++)
		if (byte_differs(a, b, i))
			return true;
	return false;
}

static void put_row(FILE *out, const struct message *message, const struct message *other,
		    uint64_t begin)
{
	fputs("<td><code>", out);
	for (uint64_t i = begin; i < begin + ROW_BYTES && i < message->len; i++) {
		bool differs = byte_differs(message, other, i);
		fprintf(out, differs ? "<mark>%02x</mark> " : "%02x ", message->bytes[i]);
	}
	fputs("</code></td>", out);
}

static void put_rows(FILE *out, const struct message *expected, const struct message *actual)
{
	uint64_t len = expected->len > actual->len ? expected->len : actual->len;
	unsigned int rows = 0;

	for (uint64_t begin = 0; begin < len; begin += ROW_BYTES) {
		if (!row_differs(expected, actual, begin))
			continue;
		if (rows++ == ROWS_MAX) {
			fputs("<tr><th></th><td colspan=\"2\" class=\"quiet\">and more bytes</td>"
			      "</tr>\n",
			      out);
			return;
		}
		fprintf(out, "<tr><th scope=\"row\">byte %llu</th>", (unsigned long long)begin);
		put_row(out, expected, actual, begin);
		put_row(out, actual, expected, begin);
		fputs("</tr>\n", out);
	}
}

static void put_answer_text(FILE *out, const struct message *message, uint32_t used_len)
{
	char text[VGPU_DECODE_TEXT];

	vgpu_decode_answer(message->bytes, message->len, text);
	fputs("<td><code>", out);
	vgpu_html_text(out, text);
	fprintf(out, "</code> <span class=\"quiet\">%u bytes</span></td>", used_len);
}

static void put_request(FILE *out, uint64_t number, const char *text)
{
	fprintf(out, "request %llu: <code>", (unsigned long long)number);
	vgpu_html_text(out, text);
	fputs("</code>", out);
}

static void put_answer(struct vgpu_trace_section *section, const struct vgpu_player_answer *answer)
{
	const struct vgpu_trace_request *recorded = answer->recorded;
	const struct message expected = {recorded->response, recorded->used_len};
	const struct message actual = {answer->answer.bytes, answer->answer.len};
	FILE *out = section->answers.out;
	char text[VGPU_DECODE_TEXT];

	vgpu_decode_request(recorded->request, recorded->request_len, text);
	fputs("<article class=\"difference\" data-stop data-verdict=\"fail\" id=\"", out);
	fprintf(out, "%s-request-%llu\">\n<h4>Answer to ", section->prefix,
		(unsigned long long)recorded->number);
	put_request(out, recorded->number, text);
	fputs("</h4>\n<p>", out);
	vgpu_html_text(out, answer->why != NULL ? answer->why : "");
	fputs("</p>\n<div class=\"scroll\"><table class=\"answers\">\n<tr><th></th><th "
	      "scope=\"col\">recorded</th><th scope=\"col\">answered</th></tr>\n"
	      "<tr><th scope=\"row\">answer</th>",
	      out);
	put_answer_text(out, &expected, recorded->used_len);
	put_answer_text(out, &actual, answer->answer.used_len);
	fputs("</tr>\n", out);
	put_rows(out, &expected, &actual);
	fputs("</table></div>\n</article>\n", out);
}

static void on_answer(void *opaque, const struct vgpu_player_answer *answer)
{
	struct vgpu_trace_section *section = opaque;

	vgpu_history_add(section->history, answer->recorded);
	if (answer->verdict != VGPU_ANSWER_DIFFERENT)
		return;
	if (section->num_answers++ < VGPU_SECTION_ANSWERS)
		put_answer(section, answer);
}

/* ---- frames that differ ------------------------------------------------------------------- */

static void put_picture(void *opaque, const char *what, const struct vgpu_frame *pixels)
{
	static const char *const captions[][2] = {
		{"expected", "Reference"},
		{"actual", "Output"},
		{"difference", "Difference"},
	};
	struct vgpu_trace_section *section = opaque;
	FILE *out = section->frames.out;
	const char *caption = what;
	uint8_t *png = NULL;
	size_t len = 0;

	for (size_t i = 0; i < sizeof(captions) / sizeof(captions[0]); i++)
		if (strcmp(captions[i][0], what) == 0)
			caption = captions[i][1];
	fprintf(out, "<figure data-picture=\"%s\"><figcaption>%s</figcaption>", what, caption);
	if (3ull * pixels->width * pixels->height > PIXELS_MAX ||
	    vgpu_png_encode_fast(pixels, &png, &len) < 0 ||
	    section->picture_bytes + len > VGPU_SECTION_BYTES) {
		fputs("<p class=\"quiet\">left out: too large</p></figure>\n", out);
	} else {
		fprintf(out, "<img alt=\"%s\" width=\"%u\" height=\"%u\" src=\"", caption,
			pixels->width, pixels->height);
		vgpu_html_png(out, png, len);
		fputs("\"></figure>\n", out);
		section->picture_bytes += len;
	}
	free(png);
}

static void put_pictures(struct vgpu_trace_section *section, const struct vgpu_replay_frame *frame)
{
	const struct vgpu_frame_difference *difference = frame->difference;
	FILE *out = section->frames.out;

	if (frame->actual == NULL)
		return;
	fputs("<div class=\"viewer\"", out);
	if (difference != NULL && !difference->size_differs)
		fprintf(out, " data-x=\"%u\" data-y=\"%u\" data-box=\"%u %u %u %u\"", difference->x,
			difference->y, difference->box.x, difference->box.y, difference->box.width,
			difference->box.height);
	fputs(">\n", out);
	vgpu_replay_pictures(frame, put_picture, section);
	fputs("</div>\n", out);
	if (frame->expected == NULL)
		fputs("<p class=\"quiet\">Only the hash of the right picture is known.</p>\n", out);
}

/* Which request is to blame, as far as the stream tells. */
static void put_requests(struct vgpu_trace_section *section, const struct vgpu_replay_frame *frame)
{
	const struct vgpu_frame_difference *difference = frame->difference;
	struct vgpu_history_request request;
	FILE *out = section->frames.out;

	fputs("<ul class=\"requests\">\n", out);
	if (difference != NULL && !difference->size_differs &&
	    vgpu_history_writer(section->history, frame->recorded->scanout_id, difference->x,
				difference->y, &request)) {
		fprintf(out, "<li>Pixel %u,%u was written by ", difference->x, difference->y);
		put_request(out, request.number, request.text);
		fputs("</li>\n", out);
	}
	if (vgpu_history_last(section->history, &request)) {
		fputs("<li>Shown by ", out);
		put_request(out, request.number, request.text);
		fputs("</li>\n", out);
	}
	fputs("</ul>\n", out);
}

static void put_frame(struct vgpu_trace_section *section, const struct vgpu_replay_frame *frame)
{
	const struct vgpu_trace_frame *recorded = frame->recorded;
	FILE *out = section->frames.out;

	fprintf(out,
		"<article class=\"difference\" data-stop data-verdict=\"fail\" "
		"id=\"%s-frame-%llu\">\n<h4>Frame %llu <span class=\"quiet\">scanout %u, %u &#215; "
		"%u</span></h4>\n<p>",
		section->prefix, (unsigned long long)recorded->number,
		(unsigned long long)recorded->number, recorded->scanout_id, recorded->width,
		recorded->height);
	vgpu_html_text(out, frame->what != NULL ? frame->what : "");
	fputs("</p>\n", out);
	put_requests(section, frame);
	put_pictures(section, frame);
	fputs("</article>\n", out);
}

/* Whether the same pictures are shown already; counts it if so. */
static bool is_shown(struct vgpu_trace_section *section, const struct vgpu_replay_frame *frame)
{
	static const struct vgpu_frame none;
	struct shown one = {
		.actual = vgpu_frame_hash(frame->actual != NULL ? frame->actual : &none),
		.expected = vgpu_frame_hash(frame->expected != NULL ? frame->expected : &none),
	};

	for (unsigned int i = 0; i < section->num_shown; i++) {
		struct shown *shown = &section->shown[i];
		if (!vgpu_frame_hash_equal(&shown->actual, &one.actual) ||
		    !vgpu_frame_hash_equal(&shown->expected, &one.expected))
			continue;
		shown->count++;
		return true;
	}
	if (section->num_shown < VGPU_SECTION_FRAMES)
		section->shown[section->num_shown++] = one;
	return false;
}

/* Returns whether there is an article about the frame. */
static bool explain(struct vgpu_trace_section *section, const struct vgpu_replay_frame *frame)
{
	bool room = section->num_shown < VGPU_SECTION_FRAMES;

	section->num_frames++;
	if (is_shown(section, frame))
		return false;
	if (room)
		put_frame(section, frame);
	else
		section->frames_left_out++;
	return room;
}

static void on_frame(void *opaque, const struct vgpu_replay_frame *frame)
{
	struct vgpu_trace_section *section = opaque;
	bool explained = frame->verdict == VGPU_FRAME_DIFFERS && explain(section, frame);

	vgpu_filmstrip_add(section->film, frame, explained);
}

const struct vgpu_replay_watch *vgpu_trace_section_watch(void)
{
	static const struct vgpu_replay_watch watch = {.answer = on_answer, .frame = on_frame};

	return &watch;
}

/* ---- the whole --------------------------------------------------------------------------- */

static void put_left_out(FILE *out, uint64_t count, const char *what)
{
	if (count > 0)
		fprintf(out, "<p class=\"quiet\">And %llu more %s.</p>\n",
			(unsigned long long)count, what);
}

static void put_heading(const struct vgpu_replay_result *result, unsigned int id, FILE *out)
{
	static const struct {
		const char *verdict, *word;
	} words[] = {{"pass", "equal"}, {"fail", "differs"}, {"error", "unusable"}};
	char verdict[VGPU_REPLAY_VERDICT_TEXT];

	fprintf(out,
		"<section class=\"trace\" id=\"trace-%u\" data-item data-verdict=\"%s\">\n<h2>", id,
		words[result->status].verdict);
	vgpu_html_text(out, result->trace);
	fprintf(out, " <span class=\"verdict\">%s</span></h2>\n<p class=\"quiet\">",
		words[result->status].word);
	vgpu_replay_verdict(result, verdict);
	vgpu_html_text(out, verdict);
	fprintf(out, "; %.2f seconds</p>\n", (double)result->time_ns / 1e9);
}

static void put_messages(const struct vgpu_replay_result *result, FILE *out)
{
	if (result->num_messages == 0)
		return;
	fputs("<ul class=\"messages\">\n", out);
	for (unsigned int i = 0; i < result->num_messages; i++) {
		fputs("<li>", out);
		vgpu_html_text(out, result->messages[i]);
		fputs("</li>\n", out);
	}
	fputs("</ul>\n", out);
	put_left_out(out, result->messages_left_out, "messages");
}

static uint64_t shown_again(const struct vgpu_trace_section *section)
{
	uint64_t count = 0;

	for (unsigned int i = 0; i < section->num_shown; i++)
		count += section->shown[i].count;
	return count;
}

static void put_differences(struct vgpu_trace_section *section, FILE *out)
{
	if (section->num_answers > 0) {
		fprintf(out, "<h3>Answers that differ <span class=\"quiet\">%llu</span></h3>\n",
			(unsigned long long)section->num_answers);
		markup_write(&section->answers, out);
		if (section->num_answers > VGPU_SECTION_ANSWERS)
			put_left_out(out, section->num_answers - VGPU_SECTION_ANSWERS,
				     "answers that differ");
	}
	if (section->num_frames == 0)
		return;
	fprintf(out, "<h3>Frames that differ <span class=\"quiet\">%llu</span></h3>\n",
		(unsigned long long)section->num_frames);
	markup_write(&section->frames, out);
	put_left_out(out, shown_again(section), "frames that show the same as one above");
	put_left_out(out, section->frames_left_out, "frames that differ, without pictures here");
}

void vgpu_trace_section_write(struct vgpu_trace_section *section, unsigned int id,
			      const struct vgpu_replay_result *result, FILE *out)
{
	put_heading(result, id, out);
	put_messages(result, out);
	if (section != NULL) {
		vgpu_filmstrip_write(section->film, section->prefix, out);
		put_differences(section, out);
	}
	fputs("</section>\n", out);
}
