/* SPDX-License-Identifier: MIT */
#include "conformance/report/page.h"

#include "out_file.h"
#include "report/html.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
__asm__(".section .rodata\n"
	"conform_page_css:\n"
	".incbin \"tests/conformance/report/page.css\"\n"
	".byte 0\n"
	"conform_page_js:\n"
	".incbin \"tests/conformance/report/page.js\"\n"
	".byte 0\n"
	".text\n");
/* clang-format on */
/* Hidden: through the GOT, the linker of AArch64 finds the section and not the label. */
extern const char conform_page_css[] __attribute__((visibility("hidden")));
extern const char conform_page_js[] __attribute__((visibility("hidden")));

struct writer {
	FILE *out;
	const struct devices *devices;
	const struct requirements *requirements;
	unsigned int num_rows;
};

/* ---- verdicts --------------------------------------------------------------------------- */

/* What a device, or all of them, made of a requirement, as html.h calls it; worst last. */
enum tone { TONE_SKIP, TONE_PASS, TONE_KNOWN, TONE_FAIL, TONE_ERROR, NUM_TONES };

static const char *const tones[NUM_TONES] = {
	[TONE_SKIP] = "skip", [TONE_PASS] = "pass",   [TONE_KNOWN] = "known",
	[TONE_FAIL] = "fail", [TONE_ERROR] = "error",
};

static enum tone tone_of(const struct answer *answer)
{
	switch (answer_verdict(answer)) {
	case PASSED:
		return TONE_PASS;
	case FAILED:
		return answer->result->known != NULL ? TONE_KNOWN : TONE_FAIL;
	case CRASHED:
	case HUNG:
		return answer->result->known != NULL ? TONE_KNOWN : TONE_ERROR;
	default:
		return TONE_SKIP;
	}
}

static enum tone worst_tone(const struct writer *w, unsigned int row)
{
	enum tone worst = TONE_SKIP;

	for (unsigned int i = 0; i < w->devices->count; i++) {
		struct answer answer = device_answer(&w->devices->all[i], row);
		enum tone tone = tone_of(&answer);

		worst = tone > worst ? tone : worst;
	}
	return worst;
}

/* What a filter calls it; a verdict's name without its space. */
static const char *value_of(enum verdict verdict)
{
	return verdict == NOT_ASKED ? "none" : verdict_name(verdict);
}

static void put_verdict(FILE *out, const struct answer *answer)
{
	fprintf(out, "<span class=\"verdict\" data-verdict=\"%s\">%s</span>",
		tones[tone_of(answer)], verdict_name(answer_verdict(answer)));
}

/* ---- small pieces ------------------------------------------------------------------------- */

static void put_element(FILE *out, const char *tag, const char *attributes, const char *text)
{
	fprintf(out, "<%s%s>", tag, attributes);
	vgpu_html_text(out, text);
	fprintf(out, "</%s>", tag);
}

static const struct device *device_at(const struct writer *w, unsigned int index)
{
	return &w->devices->all[index];
}

/* ---- the summary -------------------------------------------------------------------------- */

static void put_count(FILE *out, unsigned int count, const char *tone)
{
	if (count == 0)
		fputs("<td class=\"number quiet\">–</td>", out);
	else
		fprintf(out, "<td class=\"number\" data-verdict=\"%s\">%u</td>", tone, count);
}

static void put_device(const struct writer *w, const struct device *device)
{
	unsigned int verdicts[NUM_VERDICTS] = {0}, known = 0;

	for (unsigned int i = 0; i < w->num_rows; i++) {
		struct answer answer = device_answer(device, i);

		verdicts[answer_verdict(&answer)]++;
		known += tone_of(&answer) == TONE_KNOWN;
	}
	fputs("<tr>", w->out);
	put_element(w->out, "th", " scope=\"row\"", device->name);
	put_element(w->out, "td", "", device->runs[0]->version);
	put_count(w->out, verdicts[PASSED], "pass");
	put_count(w->out, verdicts[FAILED], "fail");
	put_count(w->out, verdicts[CRASHED], "error");
	put_count(w->out, verdicts[HUNG], "error");
	put_count(w->out, known, "known");
	put_count(w->out, verdicts[NOT_ASKED], "skip");
	fputs("</tr>\n", w->out);
}

static void put_summary(const struct writer *w)
{
	fputs("<div class=\"scroll\">\n<table class=\"devices\">\n<thead><tr><th>device</th>"
	      "<th>what it says of itself</th><th class=\"number\">passed</th>"
	      "<th class=\"number\">failed</th><th class=\"number\">crashed</th>"
	      "<th class=\"number\">hung</th><th class=\"number\">of these known</th>"
	      "<th class=\"number\">not asked</th></tr></thead>\n<tbody>\n",
	      w->out);
	for (unsigned int i = 0; i < w->devices->count; i++)
		put_device(w, device_at(w, i));
	fputs("</tbody>\n</table>\n</div>\n", w->out);
}

/* ---- the filter ------------------------------------------------------------------------------ */

static void begin_select(FILE *out, const char *field, const char *label)
{
	fprintf(out, "<select data-field=\"%s\" aria-label=\"", field);
	vgpu_html_text(out, label);
	fputs("\">\n", out);
}

static void put_option(FILE *out, const char *value, const char *text)
{
	fputs("<option value=\"", out);
	vgpu_html_text(out, value);
	fputs("\">", out);
	vgpu_html_text(out, text);
	fputs("</option>\n", out);
}

static void put_area_select(const struct writer *w)
{
	const char *last = "";

	begin_select(w->out, "area", "area");
	put_option(w->out, "", "all areas");
	for (unsigned int i = 0; i < w->num_rows; i++) {
		const struct requirement *row = requirements_at(w->requirements, i);
		char text[128];

		if (strcmp(row->area, last) == 0)
			continue;
		last = row->area;
		snprintf(text, sizeof(text), "%s – %.40s", row->area, row->area_name);
		put_option(w->out, row->area, text);
	}
	fputs("</select>\n", w->out);
}

static void put_level_select(const struct writer *w)
{
	const char *level;

	begin_select(w->out, "level", "level");
	put_option(w->out, "", "all levels");
	for (unsigned int i = 0; (level = requirement_level(i)) != NULL; i++)
		put_option(w->out, level, level);
	fputs("</select>\n", w->out);
}

static void put_device_select(const struct writer *w, unsigned int index)
{
	char field[16], text[320];

	snprintf(field, sizeof(field), "d%u", index);
	snprintf(text, sizeof(text), "verdict of %s", device_at(w, index)->name);
	begin_select(w->out, field, text);
	snprintf(text, sizeof(text), "%s: any", device_at(w, index)->name);
	put_option(w->out, "", text);
	for (unsigned int i = 0; i < NUM_VERDICTS; i++) {
		snprintf(text, sizeof(text), "%s: %s", device_at(w, index)->name,
			 verdict_name((enum verdict)i));
		put_option(w->out, value_of((enum verdict)i), text);
	}
	fputs("</select>\n", w->out);
}

static void put_filter(const struct writer *w)
{
	static const struct {
		enum tone tone;
		const char *text;
	} buttons[] = {
		{TONE_PASS, "met by all asked"},  {TONE_FAIL, "somebody deviates"},
		{TONE_ERROR, "somebody crashes"}, {TONE_KNOWN, "known only"},
		{TONE_SKIP, "nobody asked"},
	};

	fputs("<form class=\"filter\" data-for=\"requirements\">\n"
	      "<input type=\"search\" placeholder=\"search requirements and findings\" "
	      "aria-label=\"search\">\n",
	      w->out);
	put_area_select(w);
	put_level_select(w);
	for (unsigned int i = 0; i < w->devices->count; i++)
		put_device_select(w, i);
	for (size_t i = 0; i < COUNT(buttons); i++)
		fprintf(w->out,
			"<button type=\"button\" data-field=\"verdict\" data-value=\"%s\" "
			"data-verdict=\"%s\">%s</button>\n",
			tones[buttons[i].tone], tones[buttons[i].tone], buttons[i].text);
	fputs("<button type=\"reset\">show all</button>\n<output></output>\n"
	      "<div class=\"row heads\" "
	      "aria-hidden=\"true\"><span></span><span></span><span></span>",
	      w->out);
	for (unsigned int i = 0; i < w->devices->count; i++)
		put_element(w->out, "span", "", device_at(w, i)->name);
	fputs("</div>\n</form>\n", w->out);
}

/* ---- the requirements ------------------------------------------------------------------------ */

static void put_fact(FILE *out, const char *name, const char *text)
{
	if (text == NULL)
		return;
	fprintf(out, "<dt>%s</dt><dd>", name);
	vgpu_html_text(out, text);
	fputs("</dd>\n", out);
}

static void put_findings(FILE *out, const struct outcome *outcome)
{
	static const char *const kinds[] = {
		[FINDING_HARD] = "hard",	   [FINDING_EXACT] = "another code",
		[FINDING_NOTE] = "note",	   [FINDING_DEATH] = "died",
		[FINDING_NOT_ASKED] = "not asked",
	};

	if (outcome->num_findings == 0)
		return;
	fputs("<ul>\n", out);
	for (unsigned int i = 0; i < outcome->num_findings; i++) {
		fprintf(out, "<li><span class=\"quiet\">%s:</span> ",
			kinds[outcome->findings[i].kind]);
		vgpu_html_text(out, outcome->findings[i].text);
		fputs("</li>\n", out);
	}
	fputs("</ul>\n", out);
}

static void put_answer(const struct writer *w, const struct device *device, unsigned int index)
{
	const struct answer answer = device_answer(device, index);

	fputs("<section class=\"answer\">\n<h4>", w->out);
	vgpu_html_text(w->out, device->name);
	fputc(' ', w->out);
	put_verdict(w->out, &answer);
	fputs("</h4>\n", w->out);
	if (answer.result != NULL) {
		put_findings(w->out, &answer.result->outcome);
		if (answer.result->known != NULL) {
			fputs("<p class=\"quiet\">Known: ", w->out);
			vgpu_html_text(w->out, answer.result->known);
			fputs("</p>\n", w->out);
		}
		fputs("<pre tabindex=\"0\">", w->out);
		vgpu_html_format(w->out, "vgpu-conform %s --id %s", answer.run->command,
				 answer.result->requirement->id);
		fputs("</pre>\n", w->out);
	}
	fputs("</section>\n", w->out);
}

static void put_summary_line(const struct writer *w, const struct requirement *row,
			     unsigned int index)
{
	fprintf(w->out,
		"<summary><span class=\"row\"><code>%s</code><span class=\"quiet\">%s</span><span>",
		row->id, row->level);
	vgpu_html_text(w->out, row->text);
	fputs("</span>", w->out);
	for (unsigned int i = 0; i < w->devices->count; i++) {
		struct answer answer = device_answer(device_at(w, i), index);

		fputs("<span class=\"cell\"><span class=\"device\">", w->out);
		vgpu_html_text(w->out, device_at(w, i)->name);
		fputs("</span> ", w->out);
		put_verdict(w->out, &answer);
		fputs("</span>", w->out);
	}
	fputs("</span></summary>\n", w->out);
}

static void put_requirement(const struct writer *w, unsigned int index)
{
	const struct requirement *row = requirements_at(w->requirements, index);

	fprintf(w->out,
		"<details data-item id=\"%s\" data-area=\"%s\" data-level=\"%s\" "
		"data-verdict=\"%s\"",
		row->id, row->area, row->level, tones[worst_tone(w, index)]);
	for (unsigned int i = 0; i < w->devices->count; i++) {
		struct answer answer = device_answer(device_at(w, i), index);

		fprintf(w->out, " data-d%u=\"%s\"", i, value_of(answer_verdict(&answer)));
	}
	fputs(">\n", w->out);
	put_summary_line(w, row, index);
	fputs("<dl class=\"facts-list\">\n", w->out);
	put_fact(w->out, "source", row->source);
	put_fact(w->out, "check", row->check);
	put_fact(w->out, "expected", row->expected);
	put_fact(w->out, "no vector", row->no_vector);
	fputs("</dl>\n", w->out);
	for (unsigned int i = 0; i < w->devices->count && row->no_vector == NULL; i++)
		put_answer(w, device_at(w, i), index);
	fputs("</details>\n", w->out);
}

static void put_requirements(const struct writer *w)
{
	const char *last = NULL;

	fputs("<div id=\"requirements\" data-items>\n", w->out);
	for (unsigned int i = 0; i < w->num_rows; i++) {
		const struct requirement *row = requirements_at(w->requirements, i);

		if (last == NULL || strcmp(row->area, last) != 0) {
			fputs(last != NULL ? "</section>\n" : "", w->out);
			fputs("<section data-group>\n<h2>", w->out);
			vgpu_html_format(w->out, "%s – %s", row->area, row->area_name);
			fputs("</h2>\n", w->out);
			last = row->area;
		}
		put_requirement(w, i);
	}
	fputs(last != NULL ? "</section>\n</div>\n" : "</div>\n", w->out);
}

int page_write(const struct devices *devices, const struct requirements *requirements,
	       const char *path, struct vgpu_error *err)
{
	struct vgpu_html_page page = {
		.title = "virtio-gpu conformance",
		.program = "vgpu-conform",
		.lead = "For each requirement, what each device made of it. Open one for the "
			"findings and the command that repeats them.",
		.script = conform_page_js,
	};
	struct vgpu_out_file file;
	char *style = NULL;
	int ret = vgpu_out_file_open(&file, path, err);

	if (ret < 0)
		return ret;
	const struct writer w = {
		.out = file.file,
		.devices = devices,
		.requirements = requirements,
		.num_rows = requirements_count(requirements),
	};
	/* How many columns there are, in the page's style: markup may not have any. */
	if (asprintf(&style, ":root { --devices: %u; }\n%s", devices->count, conform_page_css) <
	    0) {
		vgpu_out_file_abandon(&file);
		return vgpu_error_set(err, ENOMEM, "out of memory");
	}
	page.style = style;
	ret = vgpu_html_begin(file.file, &page, err);
	free(style);
	if (ret < 0) {
		vgpu_out_file_abandon(&file);
		return ret;
	}
	put_summary(&w);
	put_filter(&w);
	put_requirements(&w);
	vgpu_html_end(file.file, &page);
	return vgpu_out_file_close(&file, err);
}
