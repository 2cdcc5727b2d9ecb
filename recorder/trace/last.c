/* SPDX-License-Identifier: MIT */
#include "trace/last.h"

#include "trace/packer.h"
#include "trace/reader.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define DEFAULT_MEMORY (64ull << 20)
/* So many segments fill the memory: fewer let go of more at once, more cost more states. */
#define NUM_SEGMENTS   5
#define SEGMENT_MIN_NS 1000000000ull
#define META_LEVEL     3

/* A trace in memory. */
struct segment {
	struct segment *next;
	int fd;
	uint64_t bytes;
	uint64_t begin_ns, end_ns;
	uint64_t requests, frames;
	uint64_t sent; /* requests that a driver sent */
	uint64_t violations[VGPU_NUM_VIOLATIONS];
};

/* Segments that follow each other, from the oldest on, and what was counted before them. */
struct run {
	struct segment *first;
	uint64_t violations[VGPU_NUM_VIOLATIONS];
	bool cut; /* an older one had no room */
};

struct trace_last {
	char *path, *metadata;
	uint64_t want_ns, memory;
	unsigned int number; /* of the next trace */
	uint64_t window;
	void (*on_thread)(void *opaque);
	void (*told)(void *opaque, bool error, const char *line);
	void *opaque;
	pthread_t thread;

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	struct run kept;
	uint64_t bytes; /* of all segments, those that are being written among them */
	bool reserved;	/* a dump was asked for and is not on the disk yet */
	bool began, closing;
	bool has_job;
	struct run job;
	struct vgpu_trace_dump why;
	uint64_t written, failed, told_full;
	struct vgpu_error error; /* the first one */
};

/* ---- segments ------------------------------------------------------------------------- */

static uint64_t segment_bytes(const struct trace_last *last)
{
	return last->memory / NUM_SEGMENTS;
}

uint64_t trace_last_segment_bytes(const struct trace_last *last)
{
	return segment_bytes(last);
}

uint64_t trace_last_segment_ns(const struct trace_last *last)
{
	uint64_t half = last->want_ns / 2;

	/* Who wants less than a second wants it for a test. */
	return half < SEGMENT_MIN_NS && last->want_ns >= SEGMENT_MIN_NS ? SEGMENT_MIN_NS : half;
}

static void free_segment(struct segment *segment)
{
	if (segment->fd >= 0)
		close(segment->fd);
	free(segment);
}

/* Under the lock: the oldest of the run is no longer needed. */
static void let_go(struct trace_last *last, struct run *run)
{
	struct segment *segment = run->first;

	run->first = segment->next;
	memcpy(run->violations, segment->violations, sizeof(run->violations));
	last->bytes -= segment->bytes;
	free_segment(segment);
}

static const struct segment *newest(const struct run *run)
{
	const struct segment *segment = run->first;

	while (segment != NULL && segment->next != NULL)
		segment = segment->next;
	return segment;
}

/* Under the lock: what the segments may take, so that there is room for two more of the size. */
static uint64_t budget(const struct trace_last *last)
{
	const struct segment *segment = newest(&last->kept);
	uint64_t size = segment_bytes(last);

	if (segment != NULL && segment->bytes > size)
		size = segment->bytes;
	return 2 * size < last->memory ? last->memory - 2 * size : 0;
}

/* Under the lock. */
static void trim(struct trace_last *last)
{
	struct run *kept = &last->kept;
	uint64_t now = newest(kept)->end_ns;

	while (kept->first->next != NULL && now - kept->first->next->begin_ns >= last->want_ns)
		let_go(last, kept);
	/* The newest is let go of only while a dump has the memory. */
	while (kept->first != NULL && last->bytes > budget(last) &&
	       (kept->first->next != NULL || last->has_job)) {
		kept->cut = true;
		let_go(last, kept);
	}
}

static void tell(const struct trace_last *last, bool error, const struct vgpu_error *line)
{
	if (last->told != NULL)
		last->told(last->opaque, error, line->text);
}

/* Once is enough: the traces say it each. */
static void tell_of_full_memory(struct trace_last *last, uint64_t held_ns)
{
	struct vgpu_error line;

	vgpu_error_set(&line, ENOSPC,
		       "the memory is full with the last %.1f s, of %.1f that were wanted",
		       (double)held_ns / 1e9, (double)last->want_ns / 1e9);
	tell(last, false, &line);
}

static void append(struct run *run, struct segment *segment)
{
	struct segment **at = &run->first;

	while (*at != NULL)
		at = &(*at)->next;
	*at = segment;
}

int trace_last_add(struct trace_last *last, struct trace_sink *sink, uint64_t begin_ns,
		   uint64_t requests, const struct vgpu_trace_end *end)
{
	struct segment *segment = calloc(1, sizeof(*segment));

	if (segment == NULL)
		return -ENOMEM;
	*segment = (struct segment){.fd = trace_sink_take(sink),
				    .bytes = trace_sink_written(sink),
				    .begin_ns = begin_ns,
				    .end_ns = vgpu_now_ns(),
				    .requests = end->requests,
				    .frames = end->frames,
				    .sent = requests};
	memcpy(segment->violations, end->violations, sizeof(segment->violations));
	pthread_mutex_lock(&last->lock);
	append(&last->kept, segment);
	last->bytes += segment->bytes;
	uint64_t now = segment->end_ns;
	trim(last);
	uint64_t held = last->kept.first != NULL ? now - last->kept.first->begin_ns : 0;
	bool tell_it = last->kept.cut && held < last->want_ns && last->told_full++ == 0;
	pthread_mutex_unlock(&last->lock);
	if (tell_it)
		tell_of_full_memory(last, held);
	return 0;
}

/* ---- the trace ------------------------------------------------------------------------- */

static const char *const causes[] = {
	[VGPU_TRACE_DUMP_SIGNAL] = "signal",
	[VGPU_TRACE_DUMP_FAULT] = "fault",
	[VGPU_TRACE_DUMP_RESET] = "reset",
	[VGPU_TRACE_DUMP_EXIT] = "exit",
};

static uint64_t length(const struct run *run)
{
	return run->first != NULL ? newest(run)->end_ns - run->first->begin_ns : 0;
}

static bool is_short(const struct trace_last *last, const struct run *run)
{
	return run->cut && length(run) < last->want_ns;
}

/* The description with a word about why and of how long this is; NULL: no memory. */
static char *describe(const struct trace_last *last, const struct run *run,
		      const struct vgpu_trace_dump *why)
{
	cJSON *root = cJSON_Parse(last->metadata);
	cJSON *object = cJSON_AddObjectToObject(root, "last");
	time_t now = time(NULL);
	char when[32] = "";
	struct tm utc;

	if (gmtime_r(&now, &utc) != NULL)
		strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", &utc);
	cJSON_AddStringToObject(object, "cause", causes[why->cause]);
	if (why->cause == VGPU_TRACE_DUMP_FAULT)
		cJSON_AddStringToObject(object, "fault", vgpu_violation_text(why->violation));
	cJSON_AddStringToObject(object, "time", when);
	cJSON_AddNumberToObject(object, "seconds", (double)(length(run) / 1000000) / 1e3);
	cJSON_AddNumberToObject(object, "wanted", (double)last->want_ns / 1e9);
	cJSON_AddBoolToObject(object, "memory_full", is_short(last, run));
	char *text = cJSON_PrintUnformatted(root);
	cJSON_Delete(root);
	return text;
}

static int write_description(const struct trace_last *last, struct trace_sink *sink,
			     const struct run *run, const struct vgpu_trace_dump *why)
{
	const struct trace_block_info info = {0};
	char *text = describe(last, run, why);

	if (text == NULL)
		return -ENOMEM;
	struct bytes raw = {.data = (uint8_t *)text, .len = strlen(text)};
	int ret = raw.len <= TRACE_MAX_META
			  ? trace_sink_block(sink, TRACE_BLOCK_META, 0, &info, &raw, META_LEVEL)
			  : -EMSGSIZE;
	cJSON_free(text);
	return ret;
}

/* Whether it only repeats, for a segment by itself, what the segments before it led to. */
static bool is_prelude(const struct vgpu_trace_record *record, uint64_t index)
{
	return index == 0 || record->type == VGPU_TRACE_END ||
	       (record->type == VGPU_TRACE_START && record->state) ||
	       (record->type == VGPU_TRACE_REQUEST && record->request.state);
}

static int copy_segment(struct trace_packer *packer, const struct segment *segment, bool first)
{
	struct vgpu_trace_reader *reader =
		trace_reader_open_fd(segment->fd, "the last while in memory", NULL);
	struct vgpu_trace_record record;
	int ret = reader != NULL ? 0 : -ENOMEM;

	for (uint64_t i = 0; ret == 0; i++) {
		ret = vgpu_trace_reader_next(reader, &record, NULL);
		if (ret <= 0)
			break;
		bool left_out = first ? record.type == VGPU_TRACE_END : is_prelude(&record, i);
		ret = left_out ? 0 : trace_packer_put(packer, &record, vgpu_now_ns());
	}
	vgpu_trace_reader_close(reader);
	return ret;
}

/* Frees the segments as they are done. */
static int copy_all(struct trace_last *last, struct trace_packer *packer, struct run *run)
{
	int ret = 0;

	for (bool first = true; ret == 0 && run->first != NULL; first = false) {
		ret = copy_segment(packer, run->first, first);
		if (ret < 0)
			break;
		pthread_mutex_lock(&last->lock);
		let_go(last, run);
		pthread_mutex_unlock(&last->lock);
	}
	return ret;
}

/* What the trace will have: the first segment is copied with its state. */
struct totals {
	uint64_t requests, frames;
};

static struct totals count(const struct run *run)
{
	struct totals totals = {.requests = run->first->requests - run->first->sent};

	for (const struct segment *at = run->first; at != NULL; at = at->next) {
		totals.requests += at->sent;
		totals.frames += at->frames;
	}
	return totals;
}

static int fill(struct trace_last *last, struct trace_packer *packer, struct run *run,
		const struct vgpu_trace_dump *why, struct trace_sink *sink, bool *whole)
{
	struct vgpu_trace_end end = {.cause = VGPU_TRACE_CAUSE_ASKED};
	const struct segment *newest_one = newest(run);
	const struct totals totals = count(run);

	for (int i = 0; i < VGPU_NUM_VIOLATIONS; i++)
		end.violations[i] = newest_one->violations[i] - run->violations[i];
	int ret = write_description(last, sink, run, why);
	if (ret < 0)
		return ret;
	trace_packer_begin(packer, sink);
	ret = copy_all(last, packer, run);
	if (ret == 0)
		ret = trace_packer_end(packer, &end);
	*whole = ret == 0;
	if (ret == 0)
		return 0;
	/* As far as there is room. */
	end.cause = VGPU_TRACE_CAUSE_ERROR;
	*whole = trace_packer_end_early(packer, &end, totals.requests, totals.frames) == 0;
	return ret;
}

static int write_trace(struct trace_last *last, struct run *run, const struct vgpu_trace_dump *why,
		       const char *name, struct vgpu_error *err)
{
	struct trace_packer packer;
	bool whole = false;

	if (trace_packer_init(&packer, last->window) < 0) {
		trace_packer_fini(&packer);
		return vgpu_error_set(err, ENOMEM, "%s: out of memory", name);
	}
	struct trace_sink *sink = trace_sink_open(name, ".part", err);
	if (sink == NULL) {
		trace_packer_fini(&packer);
		return -EIO;
	}
	int ret = fill(last, &packer, run, why, sink, &whole);
	int committed = whole ? trace_sink_commit(sink) : 0;
	if (ret == 0)
		ret = committed;
	trace_packer_fini(&packer);
	if (ret < 0)
		vgpu_error_set(err, -ret, "%s: %s; %s", name, strerror(-ret),
			       whole && committed == 0 ? "the trace ends early" : "there is none");
	/* A disk that is full is not to stay so. */
	if (whole && committed == 0)
		trace_sink_close(sink);
	else
		trace_sink_discard(sink);
	return ret;
}

/* ---- the thread -------------------------------------------------------------------------- */

static void tell_of_trace(const struct trace_last *last, const char *name, uint64_t length_ns,
			  bool is_full, const struct vgpu_trace_dump *why)
{
	bool fault = why->cause == VGPU_TRACE_DUMP_FAULT;
	struct vgpu_error line;

	vgpu_error_set(&line, 0, "%s: the last %.1f s%s, because of: %s%s%s", name,
		       (double)length_ns / 1e9, is_full ? ", which filled the memory" : "",
		       causes[why->cause], fault ? ": " : "",
		       fault ? vgpu_violation_text(why->violation) : "");
	tell(last, false, &line);
}

static void do_job(struct trace_last *last, struct run *run, const struct vgpu_trace_dump *why)
{
	uint64_t length_ns = length(run);
	bool is_full = is_short(last, run);
	char *name = vgpu_trace_numbered(last->path, last->number);
	struct vgpu_error err = {.text = "out of memory"};
	int ret = name != NULL ? write_trace(last, run, why, name, &err) : -ENOMEM;

	if (ret == 0)
		tell_of_trace(last, name, length_ns, is_full, why);
	else
		tell(last, true, &err);
	free(name);
	pthread_mutex_lock(&last->lock);
	while (run->first != NULL)
		let_go(last, run);
	if (ret < 0 && last->failed++ == 0)
		last->error = err;
	/* One that ends early has its name, too. */
	last->number++;
	last->written += ret == 0;
	pthread_mutex_unlock(&last->lock);
}

static void *run_thread(void *opaque)
{
	struct trace_last *last = opaque;

	if (last->on_thread != NULL)
		last->on_thread(last->opaque);
	pthread_mutex_lock(&last->lock);
	last->began = true;
	pthread_cond_broadcast(&last->changed);
	for (;;) {
		while (!last->has_job && !last->closing)
			pthread_cond_wait(&last->changed, &last->lock);
		if (!last->has_job)
			break;
		struct run run = last->job;
		const struct vgpu_trace_dump why = last->why;
		pthread_mutex_unlock(&last->lock);
		do_job(last, &run, &why);
		pthread_mutex_lock(&last->lock);
		last->has_job = false;
		last->reserved = false;
		pthread_cond_broadcast(&last->changed);
	}
	pthread_mutex_unlock(&last->lock);
	return NULL;
}

bool trace_last_reserve(struct trace_last *last)
{
	pthread_mutex_lock(&last->lock);
	bool granted = !last->reserved;
	last->reserved = true;
	pthread_mutex_unlock(&last->lock);
	return granted;
}

bool trace_last_busy(struct trace_last *last)
{
	pthread_mutex_lock(&last->lock);
	bool busy = last->reserved;
	pthread_mutex_unlock(&last->lock);
	return busy;
}

static bool has_news(const struct run *run)
{
	uint64_t sent = 0;

	for (const struct segment *at = run->first; at != NULL; at = at->next)
		sent += at->sent;
	return sent != 0;
}

void trace_last_dump(struct trace_last *last, const struct vgpu_trace_dump *dump)
{
	pthread_mutex_lock(&last->lock);
	while (last->has_job)
		pthread_cond_wait(&last->changed, &last->lock);
	if (last->kept.first != NULL &&
	    (dump->cause != VGPU_TRACE_DUMP_EXIT || has_news(&last->kept))) {
		last->job = last->kept;
		last->why = *dump;
		last->has_job = true;
		memcpy(last->kept.violations, newest(&last->job)->violations,
		       sizeof(last->kept.violations));
		last->kept.first = NULL;
		last->kept.cut = false;
		pthread_cond_broadcast(&last->changed);
	} else {
		last->reserved = false;
	}
	pthread_mutex_unlock(&last->lock);
}

/* ---- open, close ------------------------------------------------------------------------- */

/* Better said now than when the trace is wanted. */
static int try_out(const char *path, struct vgpu_error *err)
{
	char *name = vgpu_trace_numbered(path, 0);

	if (name == NULL)
		return vgpu_error_set(err, ENOMEM, "%s: out of memory", path);
	struct trace_sink *sink = trace_sink_open(name, ".part", err);
	free(name);
	if (sink == NULL)
		return -EIO;
	trace_sink_discard(sink);
	return 0;
}

static int start_thread(struct trace_last *last)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int ret = pthread_create(&last->thread, NULL, run_thread, last);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret != 0)
		return -ret;
	pthread_mutex_lock(&last->lock);
	while (!last->began)
		pthread_cond_wait(&last->changed, &last->lock);
	pthread_mutex_unlock(&last->lock);
	return 0;
}

static void free_last(struct trace_last *last)
{
	while (last->kept.first != NULL)
		let_go(last, &last->kept);
	pthread_cond_destroy(&last->changed);
	pthread_mutex_destroy(&last->lock);
	free(last->path);
	free(last->metadata);
	free(last);
}

struct trace_last *trace_last_new(const char *path, const struct vgpu_trace_writer_options *options,
				  uint64_t window, struct vgpu_error *err)
{
	if (try_out(path, err) < 0)
		return NULL;
	struct trace_last *last = calloc(1, sizeof(*last));
	if (last == NULL) {
		vgpu_error_set(err, ENOMEM, "%s: out of memory", path);
		return NULL;
	}
	pthread_mutex_init(&last->lock, NULL);
	pthread_cond_init(&last->changed, NULL);
	last->path = strdup(path);
	last->metadata = strdup(options->metadata != NULL ? options->metadata : "{}");
	last->want_ns = options->last_ns;
	last->memory = options->last_memory != 0 ? options->last_memory : DEFAULT_MEMORY;
	last->window = window;
	last->on_thread = options->on_thread;
	last->told = options->told;
	last->opaque = options->opaque;
	int ret = last->path != NULL && last->metadata != NULL ? start_thread(last) : -ENOMEM;
	if (ret == 0)
		return last;
	vgpu_error_set(err, -ret, "%s: %s", path, strerror(-ret));
	free_last(last);
	return NULL;
}

int trace_last_close(struct trace_last *last, struct vgpu_trace_writer_stats *stats,
		     struct vgpu_error *err)
{
	pthread_mutex_lock(&last->lock);
	last->closing = true;
	pthread_cond_broadcast(&last->changed);
	pthread_mutex_unlock(&last->lock);
	pthread_join(last->thread, NULL);
	stats->dumps += last->written;
	stats->failed_dumps += last->failed;
	int ret = last->failed != 0 ? -EIO : 0;
	if (ret != 0 && err != NULL)
		*err = last->error;
	free_last(last);
	return ret;
}
