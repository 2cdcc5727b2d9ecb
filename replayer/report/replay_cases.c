/* SPDX-License-Identifier: MIT */
#include "report/replay_cases.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* ---- what is in a result ---------------------------------------------------------------- */

static const char *text_in(const cJSON *object, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

	return text != NULL ? text : "";
}

static uint64_t count_in(const cJSON *result, const char *group, const char *name)
{
	const cJSON *object = cJSON_GetObjectItemCaseSensitive(result, group);
	double value = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(object, name));

	return value > 0 ? (uint64_t)value : 0;
}

/* Sentences, one in a line. */
struct sentences {
	FILE *out;
	char *text, *first;
	size_t size;
};

static void sentences_init(struct sentences *sentences)
{
	*sentences = (struct sentences){0};
	sentences->out = open_memstream(&sentences->text, &sentences->size);
}

static void sentences_fini(struct sentences *sentences)
{
	free(sentences->first);
	free(sentences->text);
}

static void say(struct sentences *sentences, const char *sentence)
{
	if (sentences->first == NULL)
		sentences->first = strdup(sentence);
	if (sentences->out != NULL)
		fprintf(sentences->out, "%s\n", sentence);
}

/* message and detail of a case; the caller frees neither. */
static void give(struct sentences *sentences, struct report_case *one)
{
	if (sentences->out != NULL && fclose(sentences->out) != 0)
		return;
	one->message = sentences->first;
	if (sentences->text != NULL && strchr(sentences->text, '\n') != NULL)
		one->detail = strchr(sentences->text, '\n') + 1;
	if (one->detail != NULL && one->detail[0] == '\0')
		one->detail = NULL;
}

/* ---- cases --------------------------------------------------------------------------------- */

/* one has the name without the trace's, which many readers tell cases apart by. */
static int add(struct report_cases *cases, const cJSON *result, const struct report_case *one)
{
	struct report_case whole = *one;
	char *classname = NULL, *name = NULL;
	int ret = -ENOMEM;

	whole.suite = text_in(result, "trace");
	whole.file = whole.suite;
	if (asprintf(&classname, "vgpu-replay.%s", text_in(result, "target")) < 0)
		classname = NULL;
	if (asprintf(&name, "%s: %s", whole.suite, one->name) < 0)
		name = NULL;
	whole.classname = classname;
	whole.name = name;
	if (classname != NULL && name != NULL)
		ret = report_cases_add(cases, &whole);
	free(classname);
	free(name);
	return ret;
}

static enum vgpu_case_verdict verdict_of(const cJSON *result, bool compared)
{
	const char *status = text_in(result, "status");
	bool ended =
		count_in(result, "requests", "played") == count_in(result, "requests", "recorded");

	if (strcmp(status, "equal") == 0)
		return VGPU_CASE_PASS;
	if (strcmp(status, "unusable") == 0 || (compared && !ended))
		return VGPU_CASE_ERROR;
	/* What differs in a replay that came to its end has a case of its own. */
	return compared ? VGPU_CASE_PASS : VGPU_CASE_FAIL;
}

static int add_whole(struct report_cases *cases, const cJSON *result, bool compared)
{
	double seconds = cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(result, "seconds"));
	struct report_case one = {
		.name = compared ? "is played to its end" : "has a golden set that is confirmed",
		.time_ns = seconds > 0 ? (uint64_t)(seconds * 1e9) : 0,
		.verdict = verdict_of(result, compared),
	};
	struct sentences sentences;
	const cJSON *message;

	bool elsewhere =
		one.verdict == VGPU_CASE_PASS && strcmp(text_in(result, "status"), "equal") != 0;

	sentences_init(&sentences);
	cJSON_ArrayForEach(message, cJSON_GetObjectItemCaseSensitive(result, "messages"))
	{
		if (!elsewhere)
			say(&sentences, cJSON_GetStringValue(message));
	}
	give(&sentences, &one);
	int ret = add(cases, result, &one);
	sentences_fini(&sentences);
	return ret;
}

static void say_difference(struct sentences *sentences, const cJSON *difference, const char *kind)
{
	uint64_t number =
		(uint64_t)cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(difference, kind));
	char *sentence = NULL;
	int n = asprintf(&sentence, "%s %llu: %s%s%s", kind, (unsigned long long)number,
			 text_in(difference, "text"),
			 text_in(difference, "text")[0] != '\0' ? ": " : "",
			 text_in(difference, "why"));

	if (n < 0)
		return;
	say(sentences, sentence);
	free(sentence);
}

/* The case of all requests or of all frames; there are count of them. */
static int add_compared(struct report_cases *cases, const cJSON *result, const char *kind,
			const char *number, struct report_case *one, uint64_t count, uint64_t equal)
{
	struct sentences sentences;
	const cJSON *difference;

	sentences_init(&sentences);
	if (count == 0) {
		one->verdict = VGPU_CASE_SKIP;
		say(&sentences, "nothing was compared");
	} else if (equal < count) {
		one->verdict = VGPU_CASE_FAIL;
	}
	cJSON_ArrayForEach(difference, cJSON_GetObjectItemCaseSensitive(result, "differences"))
	{
		if (strcmp(text_in(difference, "kind"), kind) == 0)
			say_difference(&sentences, difference, number);
	}
	give(&sentences, one);
	if (one->verdict == VGPU_CASE_FAIL && one->message == NULL)
		one->message = "see what is said of the replay";
	int ret = add(cases, result, one);
	sentences_fini(&sentences);
	return ret;
}

int vgpu_replay_cases(struct report_cases *cases, const cJSON *result, bool compared)
{
	struct report_case answers = {.name = "requests are answered as recorded"};
	struct report_case frames = {.name = "frames are as they must be"};
	int ret = add_whole(cases, result, compared);

	if (ret < 0 || !compared)
		return ret;
	ret = add_compared(cases, result, "answer", "request", &answers,
			   count_in(result, "requests", "played"),
			   count_in(result, "requests", "equal"));
	if (ret < 0)
		return ret;
	return add_compared(cases, result, "frame", "frame", &frames,
			    count_in(result, "frames", "compared"),
			    count_in(result, "frames", "equal"));
}
