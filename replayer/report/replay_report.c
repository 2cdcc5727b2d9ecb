/* SPDX-License-Identifier: MIT */
#include "report/replay_report.h"

#include "out_file.h"
#include "report/html.h"
#include "report/replay_cases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* clang-format off */
__asm__(".section .rodata\n"
	"vgpu_replay_css:\n"
	".incbin \"replayer/report/replay.css\"\n"
	".byte 0\n"
	"vgpu_replay_js:\n"
	".incbin \"replayer/report/viewer.js\"\n"
	".byte 0\n"
	".text\n");
/* clang-format on */
/* Hidden: through the GOT, the linker of AArch64 finds the section and not the label. */
extern const char vgpu_replay_css[] __attribute__((visibility("hidden")));
extern const char vgpu_replay_js[] __attribute__((visibility("hidden")));

struct vgpu_replay_report {
	struct vgpu_replay_report_options options;
	FILE *sections; /* on disk until the summary above them is known */
	cJSON *results;
};

struct vgpu_replay_report *vgpu_replay_report_new(const struct vgpu_replay_report_options *options,
						  struct vgpu_error *err)
{
	struct vgpu_replay_report *report = calloc(1, sizeof(*report));

	if (report == NULL) {
		vgpu_error_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	report->options = *options;
	report->results = cJSON_CreateArray();
	report->sections = tmpfile();
	if (report->results != NULL && report->sections != NULL)
		return report;
	vgpu_error_set(err, errno, "temporary file: %s", strerror(errno));
	vgpu_replay_report_free(report);
	return NULL;
}

void vgpu_replay_report_free(struct vgpu_replay_report *report)
{
	if (report == NULL)
		return;
	if (report->sections != NULL)
		fclose(report->sections);
	cJSON_Delete(report->results);
	free(report);
}

int vgpu_replay_report_add(struct vgpu_replay_report *report, cJSON *result, int section,
			   struct vgpu_error *err)
{
	char buffer[16384];
	off_t offset = 0;
	ssize_t n;

	cJSON_AddItemToArray(report->results, result);
	while (section >= 0 && (n = pread(section, buffer, sizeof(buffer), offset)) > 0) {
		if (fwrite(buffer, 1, (size_t)n, report->sections) != (size_t)n)
			return vgpu_error_set(err, errno, "temporary file: %s", strerror(errno));
		offset += n;
	}
	/* Nothing may wait here that a process forked from this one would write too. */
	if (fflush(report->sections) != 0)
		return vgpu_error_set(err, errno, "temporary file: %s", strerror(errno));
	return 0;
}

/* ---- the page ------------------------------------------------------------------------------ */

static const char *text_in(const cJSON *object, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

	return text != NULL ? text : "";
}

static double number_in(const cJSON *object, const char *name)
{
	const cJSON *number = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsNumber(number) ? number->valuedouble : 0;
}

static const cJSON *group(const cJSON *result, const char *name)
{
	return cJSON_GetObjectItemCaseSensitive(result, name);
}

static unsigned int status_of(const cJSON *result)
{
	const char *status = text_in(result, "status");

	if (strcmp(status, "equal") == 0)
		return 0;
	return strcmp(status, "differs") == 0 ? 1 : 2;
}

/* What the target says of itself where it could be asked; NULL: nowhere. */
static const char *version_of(const struct vgpu_replay_report *report)
{
	const cJSON *result;

	cJSON_ArrayForEach(result, report->results)
	{
		if (text_in(result, "version")[0] != '\0')
			return text_in(result, "version");
	}
	return NULL;
}

static const struct {
	const char *verdict, *word;
} statuses[] = {{"pass", "equal"}, {"fail", "differs"}, {"error", "unusable"}};

struct totals {
	unsigned int traces, statuses[3];
	double requests, frames, seconds;
};

static void sum_up(const struct vgpu_replay_report *report, struct totals *totals)
{
	const cJSON *result;

	*totals = (struct totals){0};
	cJSON_ArrayForEach(result, report->results)
	{
		totals->traces++;
		totals->statuses[status_of(result)]++;
		totals->requests += number_in(group(result, "requests"), "played");
		totals->frames += number_in(group(result, "frames"), "compared");
		totals->seconds += number_in(result, "seconds");
	}
}

static void put_fact(FILE *out, const char *name, double value, const char *verdict)
{
	fputs(value > 0 && verdict != NULL ? "<div data-verdict=\"" : "<div", out);
	if (value > 0 && verdict != NULL)
		fprintf(out, "%s\"", verdict);
	fprintf(out, "><dt>%s</dt><dd>%.0f</dd></div>\n", name, value);
}

static void put_facts(FILE *out, const struct totals *totals)
{
	fputs("<dl class=\"facts\">\n", out);
	put_fact(out, "traces", totals->traces, NULL);
	put_fact(out, "equal", totals->statuses[0], "pass");
	put_fact(out, "differ", totals->statuses[1], "fail");
	put_fact(out, "unusable", totals->statuses[2], "error");
	put_fact(out, "requests played", totals->requests, NULL);
	put_fact(out, "frames compared", totals->frames, NULL);
	fprintf(out, "<div><dt>time</dt><dd>%.2f s</dd></div>\n</dl>\n", totals->seconds);
}

static void put_count(FILE *out, double part, double all, double others, const char *what)
{
	fprintf(out, "<td class=\"number\">%.0f of %.0f", part, all);
	if (others > 0)
		fprintf(out, "<br><span class=\"quiet\">%.0f %s</span>", others, what);
	fputs("</td>", out);
}

static void put_row(FILE *out, const cJSON *result, unsigned int id)
{
	const cJSON *requests = group(result, "requests"), *frames = group(result, "frames");
	unsigned int status = status_of(result);

	fprintf(out, "<tr data-verdict=\"%s\"><td><a href=\"#trace-%u\">", statuses[status].verdict,
		id);
	vgpu_html_text(out, text_in(result, "trace"));
	fprintf(out, "</a></td><td><span class=\"verdict\">%s</span></td>", statuses[status].word);
	put_count(out, number_in(requests, "equal"), number_in(requests, "recorded"),
		  number_in(requests, "tolerated"), "tolerated");
	put_count(out, number_in(frames, "equal"), number_in(frames, "compared"),
		  number_in(frames, "excepted"), "by exception");
	fprintf(out, "<td class=\"number\">%.2f s</td></tr>\n", number_in(result, "seconds"));
}

static void put_table(FILE *out, const struct vgpu_replay_report *report)
{
	const cJSON *result;
	unsigned int id = 0;

	fputs("<div class=\"scroll\"><table>\n<thead><tr><th scope=\"col\">trace</th><th "
	      "scope=\"col\">verdict</th><th scope=\"col\" class=\"number\">requests equal</th>"
	      "<th scope=\"col\" class=\"number\">frames equal</th><th scope=\"col\" "
	      "class=\"number\">time</th></tr></thead>\n<tbody>\n",
	      out);
	cJSON_ArrayForEach(result, report->results)
	{
		put_row(out, result, ++id);
	}
	fputs("</tbody>\n</table></div>\n", out);
}

static void put_filter(FILE *out, const struct totals *totals)
{
	/* Where all is of one kind there is nothing to choose. */
	bool kinds = totals->statuses[0] < totals->traces && totals->statuses[1] < totals->traces &&
		     totals->statuses[2] < totals->traces;

	if (totals->traces < 2)
		return;
	fputs("<form class=\"filter\" data-for=\"traces\" role=\"search\">\n"
	      "<input type=\"search\" aria-label=\"Search traces\" placeholder=\"Search\">\n",
	      out);
	for (unsigned int i = 0; kinds && i < 3; i++)
		if (totals->statuses[i] > 0)
			fprintf(out,
				"<button type=\"button\" data-field=\"verdict\" data-value=\"%s\" "
				"data-verdict=\"%s\">%s</button>\n",
				statuses[i].verdict, statuses[i].verdict, statuses[i].word);
	fputs("<output></output>\n</form>\n", out);
}

static int put_sections(FILE *out, FILE *sections, struct vgpu_error *err)
{
	char buffer[16384];
	size_t n;

	if (fseek(sections, 0, SEEK_SET) != 0)
		return vgpu_error_set(err, errno, "temporary file: %s", strerror(errno));
	while ((n = fread(buffer, 1, sizeof(buffer), sections)) > 0)
		fwrite(buffer, 1, n, out);
	return ferror(sections) ? vgpu_error_set(err, EIO, "temporary file: cannot be read") : 0;
}

static int write_page(const struct vgpu_replay_report *report, FILE *out, struct vgpu_error *err)
{
	struct totals totals;

	sum_up(report, &totals);
	const struct vgpu_html_page page = {
		.title = totals.traces == totals.statuses[0] ? "Replay: all equal"
							     : "Replay: not all equal",
		.program = "vgpu-replay",
		.lead = version_of(report),
		.style = vgpu_replay_css,
		.script = vgpu_replay_js,
	};
	int ret = vgpu_html_begin(out, &page, err);
	if (ret < 0)
		return ret;
	put_facts(out, &totals);
	put_table(out, report);
	put_filter(out, &totals);
	fputs("<div id=\"traces\" data-items>\n", out);
	ret = put_sections(out, report->sections, err);
	fputs("</div>\n", out);
	/* For who has kept the page and nothing else. */
	vgpu_html_json(out, "results", report->results);
	vgpu_html_end(out, &page);
	return ret;
}

static int write_html(const struct vgpu_replay_report *report, struct vgpu_error *err)
{
	struct vgpu_out_file out;
	int ret = vgpu_out_file_open(&out, report->options.html, err);

	if (ret < 0)
		return ret;
	ret = write_page(report, out.file, err);
	if (ret == 0)
		return vgpu_out_file_close(&out, err);
	vgpu_out_file_abandon(&out);
	return ret;
}

/* ---- all of them --------------------------------------------------------------------------- */

static int write_cases(const struct vgpu_replay_report *report, struct vgpu_error *err)
{
	const struct vgpu_replay_report_options *options = &report->options;
	const cJSON *first = cJSON_GetArrayItem(report->results, 0), *result;
	const struct report_run run = {
		.name = "vgpu-replay",
		.target = text_in(first, "target"),
		.version = version_of(report),
	};
	struct report_cases cases = {0};
	int ret = 0;

	cJSON_ArrayForEach(result, report->results)
	{
		if (ret == 0)
			ret = vgpu_replay_cases(&cases, result, options->compared);
	}
	if (ret < 0)
		vgpu_error_set(err, ENOMEM, "out of memory");
	if (ret == 0 && options->junit != NULL)
		ret = report_cases_write(report_junit, options->junit, &run, &cases, err);
	if (ret == 0 && options->tap != NULL)
		ret = report_cases_write(report_tap, options->tap, &run, &cases, err);
	report_cases_fini(&cases);
	return ret;
}

int vgpu_replay_report_write(struct vgpu_replay_report *report, struct vgpu_error *err)
{
	int ret = 0;

	if (report->options.html != NULL)
		ret = write_html(report, err);
	return ret < 0 ? ret : write_cases(report, err);
}
