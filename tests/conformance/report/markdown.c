/* SPDX-License-Identifier: MIT */
#include "conformance/report/markdown.h"

#include "out_file.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>

struct writer {
	FILE *out;
	const struct devices *devices;
	const struct requirements *requirements;
	unsigned int num_rows;
};

/* ---- text -------------------------------------------------------------------------------- */

/* Text in a table's cell or in a paragraph: what Markdown takes for markup is not. */
static void put_text(FILE *out, const char *text)
{
	char before = ' ';

	for (; *text != '\0'; before = *text++) {
		/* A line in the middle of a word is none. */
		bool inside = *text == '_' && isalnum((unsigned char)before) &&
			      isalnum((unsigned char)text[1]);

		if (!inside && strchr("\\`*_<>|[]", *text) != NULL)
			fputc('\\', out);
		fputc(*text == '\n' ? ' ' : *text, out);
	}
}

/* Between backticks nothing is markup but they themselves, and a bar in a table. */
static void put_code(FILE *out, const char *text)
{
	fputc('`', out);
	for (; *text != '\0'; text++) {
		if (*text == '|')
			fputc('\\', out);
		fputc(*text == '\n' ? ' ' : *text == '`' ? '\'' : *text, out);
	}
	fputc('`', out);
}

static void put_command(FILE *out, const struct results *run, const char *id)
{
	char command[1200];

	snprintf(command, sizeof(command), "build/vgpu-conform %s%s%s", run->command,
		 id != NULL ? " --id " : "", id != NULL ? id : "");
	put_code(out, command);
}

static const struct requirement *row(const struct writer *w, unsigned int index)
{
	return requirements_at(w->requirements, index);
}

/* ---- counts -------------------------------------------------------------------------------- */

/* Which rows: NULL is any. */
struct part {
	const char *area, *level;
};

static bool part_has(const struct part *part, const struct requirement *requirement)
{
	return (part->area == NULL || strcmp(part->area, requirement->area) == 0) &&
	       (part->level == NULL || strcmp(part->level, requirement->level) == 0);
}

static unsigned int part_size(const struct writer *w, const struct part *part)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < w->num_rows; i++)
		count += part_has(part, row(w, i));
	return count;
}

static void put_count(FILE *out, unsigned int count, const char *mark)
{
	if (count > 0)
		fprintf(out, " %u %s", count, mark);
}

static void put_counts(const struct writer *w, const struct device *device, const struct part *part)
{
	unsigned int verdicts[NUM_VERDICTS] = {0};

	for (unsigned int i = 0; i < w->num_rows; i++) {
		struct answer answer = device_answer(device, i);

		if (part_has(part, row(w, i)))
			verdicts[answer_verdict(&answer)]++;
	}
	put_count(w->out, verdicts[PASSED], "✓");
	put_count(w->out, verdicts[FAILED], "✗");
	put_count(w->out, verdicts[CRASHED], "†");
	put_count(w->out, verdicts[HUNG], "∞");
	put_count(w->out, verdicts[NOT_ASKED], "–");
	fputs(" |", w->out);
}

static void put_heads(const struct writer *w, const char *first)
{
	fprintf(w->out, "| %s | rows |", first);
	for (unsigned int i = 0; i < w->devices->count; i++) {
		fputc(' ', w->out);
		put_text(w->out, w->devices->all[i].name);
		fputs(" |", w->out);
	}
	fputs("\n|---|---|", w->out);
	for (unsigned int i = 0; i < w->devices->count; i++)
		fputs("---|", w->out);
	fputc('\n', w->out);
}

static void put_part(const struct writer *w, const char *head, const struct part *part)
{
	unsigned int size = part_size(w, part);

	if (size == 0)
		return;
	fputs("| ", w->out);
	put_text(w->out, head);
	fprintf(w->out, " | %u |", size);
	for (unsigned int i = 0; i < w->devices->count; i++)
		put_counts(w, &w->devices->all[i], part);
	fputc('\n', w->out);
}

static void put_areas(const struct writer *w, const char *level)
{
	const char *last = "";

	put_heads(w, "area");
	for (unsigned int i = 0; i < w->num_rows; i++) {
		const struct requirement *requirement = row(w, i);
		const struct part part = {.area = requirement->area, .level = level};
		char head[256];

		if (strcmp(requirement->area, last) == 0)
			continue;
		last = requirement->area;
		snprintf(head, sizeof(head), "%s %s", requirement->area, requirement->area_name);
		put_part(w, head, &part);
	}
}

static void put_tables(const struct writer *w)
{
	const char *level;

	fputs("\n## How many requirements are met\n\n"
	      "✓ passed, ✗ deviates, † the device died, ∞ it hung, – it could not be asked.\n\n",
	      w->out);
	put_heads(w, "level");
	for (unsigned int i = 0; (level = requirement_level(i)) != NULL; i++)
		put_part(w, level, &(const struct part){.level = level});
	put_part(w, "all", &(const struct part){NULL, NULL});
	fputs("\n### By area\n\n", w->out);
	put_areas(w, NULL);
	for (unsigned int i = 0; (level = requirement_level(i)) != NULL; i++) {
		fprintf(w->out, "\n### By area: %s\n\n", level);
		put_areas(w, level);
	}
}

/* ---- what was found ----------------------------------------------------------------------------
 */

static void put_devices(const struct writer *w)
{
	fputs("## Devices\n\n| device | what it says of itself | how it was asked "
	      "|\n|---|---|---|\n",
	      w->out);
	for (unsigned int i = 0; i < w->devices->count; i++) {
		const struct device *device = &w->devices->all[i];

		fputs("| ", w->out);
		put_text(w->out, device->name);
		fputs(" | ", w->out);
		put_text(w->out, device->runs[0]->version);
		fputs(" | ", w->out);
		for (unsigned int run = 0; run < device->num_runs; run++) {
			fputs(run > 0 ? "; " : "", w->out);
			put_command(w->out, device->runs[run], NULL);
		}
		fputs(" |\n", w->out);
	}
}

static bool is_bad(enum verdict verdict)
{
	return verdict != PASSED && verdict != NOT_ASKED;
}

static bool is_met_by_all(const struct writer *w, unsigned int index)
{
	for (unsigned int i = 0; i < w->devices->count; i++) {
		struct answer answer = device_answer(&w->devices->all[i], index);

		if (is_bad(answer_verdict(&answer)))
			return false;
	}
	return true;
}

static void put_requirement(FILE *out, const struct requirement *requirement)
{
	fprintf(out, "\n### %s (%s)\n\n", requirement->id, requirement->level);
	put_text(out, requirement->text);
	fputs(" Source: ", out);
	put_text(out, requirement->source);
	fputc('.', out);
	if (requirement->expected != NULL) {
		fputs(" Expected: ", out);
		put_text(out, requirement->expected);
	}
	fputs("\n\n", out);
}

static bool same_finding(const struct answer *a, const struct answer *b)
{
	return is_bad(answer_verdict(a)) && answer_verdict(a) == answer_verdict(b) &&
	       strcmp(outcome_reason(&a->result->outcome), outcome_reason(&b->result->outcome)) ==
		       0;
}

/* The first device that found the same; itself if none did. */
static unsigned int first_of_same(const struct writer *w, unsigned int device, unsigned int index)
{
	struct answer mine = device_answer(&w->devices->all[device], index);

	for (unsigned int i = 0; i < device; i++) {
		struct answer other = device_answer(&w->devices->all[i], index);

		if (same_finding(&other, &mine))
			return i;
	}
	return device;
}

/* A finding with all devices that it is of, and the command of each. */
static void put_finding(const struct writer *w, unsigned int device, unsigned int index)
{
	struct answer mine = device_answer(&w->devices->all[device], index);

	fputs("* ", w->out);
	for (unsigned int i = device; i < w->devices->count; i++) {
		if (first_of_same(w, i, index) != device)
			continue;
		fputs(i > device ? ", " : "", w->out);
		put_text(w->out, w->devices->all[i].name);
	}
	fprintf(w->out, " **%s**: ", verdict_name(answer_verdict(&mine)));
	put_code(w->out, outcome_reason(&mine.result->outcome));
	for (unsigned int i = device; i < w->devices->count; i++) {
		struct answer answer = device_answer(&w->devices->all[i], index);

		if (first_of_same(w, i, index) != device)
			continue;
		fputs("<br>\n  ", w->out);
		put_command(w->out, answer.run, row(w, index)->id);
	}
	fputc('\n', w->out);
}

static void put_deviations(const struct writer *w)
{
	fputs("\n## Deviations and crashes\n", w->out);
	for (unsigned int i = 0; i < w->num_rows; i++) {
		if (is_met_by_all(w, i))
			continue;
		put_requirement(w->out, row(w, i));
		for (unsigned int d = 0; d < w->devices->count; d++) {
			struct answer answer = device_answer(&w->devices->all[d], i);

			if (is_bad(answer_verdict(&answer)) && first_of_same(w, d, i) == d)
				put_finding(w, d, i);
		}
	}
}

/* ---- other answers, and none ------------------------------------------------------------------
 */

/* Rows with one thing in common, as a line: "* thing: VG-XFR-001 to 007, VG-XFR-016". */
struct group {
	const char *thing;
	bool *rows; /* by their index */
};

struct groups {
	const struct writer *w;
	struct group *all;
	unsigned int count;
};

static struct group *group_of(struct groups *groups, const char *thing)
{
	for (unsigned int i = 0; i < groups->count; i++)
		if (strcmp(groups->all[i].thing, thing) == 0)
			return &groups->all[i];
	struct group *all = realloc(groups->all, (groups->count + 1) * sizeof(*all));
	if (all == NULL)
		return NULL;
	groups->all = all;
	all[groups->count] = (struct group){
		.thing = thing,
		.rows = calloc(groups->w->num_rows, sizeof(bool)),
	};
	return &all[groups->count++];
}

static void add_to_group(struct groups *groups, const char *thing, unsigned int index)
{
	struct group *group = group_of(groups, thing);

	if (group != NULL && group->rows != NULL)
		group->rows[index] = true;
}

/* The last row of those that follow each other, in one area, from index on. */
static unsigned int last_in_a_row(const struct writer *w, const struct group *group,
				  unsigned int index)
{
	const char *area = row(w, index)->area;

	while (index + 1 < w->num_rows && group->rows[index + 1] &&
	       strcmp(row(w, index + 1)->area, area) == 0)
		index++;
	return index;
}

static void put_group(const struct writer *w, const struct group *group)
{
	const char *comma = ": ";

	fputs("* ", w->out);
	put_text(w->out, group->thing);
	for (unsigned int i = 0; group->rows != NULL && i < w->num_rows; i++) {
		if (!group->rows[i])
			continue;
		unsigned int last = last_in_a_row(w, group, i);

		fprintf(w->out, "%s%s", comma, row(w, i)->id);
		/* The number alone: "VG-XFR-" is 7 characters. */
		if (last > i)
			fprintf(w->out, "%s%s", last > i + 1 ? " to " : ", ",
				row(w, last)->id + (last > i + 1 ? strlen("VG-XFR-") : 0));
		comma = ", ";
		i = last;
	}
	fputc('\n', w->out);
}

static void put_groups(struct groups *groups)
{
	for (unsigned int i = 0; i < groups->count; i++) {
		put_group(groups->w, &groups->all[i]);
		free(groups->all[i].rows);
	}
	free(groups->all);
	*groups = (struct groups){.w = groups->w};
}

static void put_device_groups(const struct writer *w, bool (*wanted)(const struct answer *answer))
{
	for (unsigned int d = 0; d < w->devices->count; d++) {
		const struct device *device = &w->devices->all[d];
		struct groups groups = {.w = w};

		for (unsigned int i = 0; i < w->num_rows; i++) {
			struct answer answer = device_answer(device, i);

			if (answer.result != NULL && wanted(&answer))
				add_to_group(&groups, outcome_reason(&answer.result->outcome), i);
		}
		if (groups.count == 0)
			continue;
		fputs("\n### ", w->out);
		put_text(w->out, device->name);
		fputs("\n\n", w->out);
		put_groups(&groups);
	}
}

static bool is_inexact(const struct answer *answer)
{
	return answer_verdict(answer) == PASSED && !answer->result->outcome.exact;
}

static bool is_not_asked(const struct answer *answer)
{
	return answer_verdict(answer) == NOT_ASKED;
}

static void put_rest(const struct writer *w)
{
	struct groups groups = {.w = w};

	fputs("\n## Answers with another code than the one that fits best\n\n"
	      "No device fails for these: the specification does not say which code it is.\n",
	      w->out);
	put_device_groups(w, is_inexact);
	fputs("\n## What could not be asked\n", w->out);
	put_device_groups(w, is_not_asked);
	fputs("\n### Requirements without a vector\n\n", w->out);
	for (unsigned int i = 0; i < w->num_rows; i++)
		if (row(w, i)->no_vector != NULL)
			add_to_group(&groups, row(w, i)->no_vector, i);
	put_groups(&groups);
}

int markdown_write(const struct devices *devices, const struct requirements *requirements,
		   const char *path, struct vgpu_error *err)
{
	struct vgpu_out_file file;
	int ret = vgpu_out_file_open(&file, path, err);

	if (ret < 0)
		return ret;
	const struct writer w = {
		.out = file.file,
		.devices = devices,
		.requirements = requirements,
		.num_rows = requirements_count(requirements),
	};
	put_devices(&w);
	put_tables(&w);
	put_deviations(&w);
	put_rest(&w);
	return vgpu_out_file_close(&file, err);
}
