/* SPDX-License-Identifier: MIT */
#include "trace/format.h"
#include "trace/last.h"
#include "trace/packer.h"
#include "trace/queue.h"
#include "trace/sink.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DEFAULT_QUEUE_LIMIT  (64ull << 20)
#define DEFAULT_WINDOW_LIMIT (64ull << 20)
/* With what one request may add, the reader's limit (TRACE_MAX_CONTENT) is kept. */
#define MAX_WINDOW_LIMIT (TRACE_MAX_CONTENT - TRACE_MAX_DATA)
/*
 * Above the limit, requests without their data may take this much more, before
 * put() has to wait.
 */
#define QUEUE_RESERVE (16u << 20)
/*
 * While requests come, the thread looks for them every so often, and is woken where
 * so much waits, or this share of the limit: to wake it for each of them would cost the
 * guest a system call each. More of them would not stay in the processor's caches.
 */
#define NAP_NS	   10000000u
#define WAKE_BYTES (1u << 20)
#define WAKE_SHARE 4
/* Where this share of the limit waits behind a record, it is not compressed. */
#define HURRY_SHARE 2
/* The room of what was taken is given back in pieces of this size. */
#define RELEASE_BYTES (1u << 20)
#define META_LEVEL    3
/* How long a guest is held up, and the end of the program, where a pipe takes nothing. */
#define PUT_NS	 2000000000ull
#define CLOSE_NS 3000000000ull

struct vgpu_trace_writer {
	struct trace_sink *sink;
	struct trace_last *last; /* keeps what is written in memory; NULL: there are files */
	char *path;
	pthread_t thread;
	uint64_t queue_limit;
	uint64_t wake_bytes; /* that wake the thread from a nap */
	void (*on_thread)(void *opaque);
	void *opaque;

	/* One put() at a time; taken before lock. */
	pthread_mutex_t put_lock;

	pthread_mutex_t lock; /* of what follows, up to stats */
	pthread_cond_t more;  /* a record was put, or closing */
	pthread_cond_t room;  /* a record was taken, or began */
	struct trace_queue queue;
	bool asleep; /* the thread waits for a signal, however little there is to do */
	bool began;  /* on_thread() has returned */
	bool closing;
	uint64_t closing_ns; /* since when */
	uint64_t waits_ns;   /* since when a put() waits; 0: none does */
	uint64_t violations[VGPU_NUM_VIOLATIONS];
	const uint64_t *live; /* where they come from, or NULL */
	struct vgpu_trace_writer_stats stats;

	/* What follows belongs to the thread. */
	struct trace_batch batch;
	struct trace_packer packer;
	bool committed; /* the file is whole and has its name */
	bool nowhere;	/* the next file could not be begun */
	struct vgpu_error why_nowhere;
	char *metadata;
	uint64_t rotate_size, rotate_ns;
	uint64_t max_size;
	unsigned int number; /* of the file; only where there are several */
	uint64_t begin_ns;   /* of the file */
	bool next_asked;     /* its end has been put */
	/* Of the file: requests that no driver sent, and bytes up to the last of them. */
	uint64_t state_requests, state_bytes;
	/* Of the files before it. */
	struct {
		uint64_t requests, frames, dropped, bytes;
	} before;
};

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u),
				 .tv_nsec = (long)(ns % 1000000000u)};
}

/* For a nap, or until the deadline (0: none) if that is sooner. Under the lock. */
static bool nap(struct vgpu_trace_writer *writer, uint64_t deadline)
{
	uint64_t until = vgpu_now_ns() + NAP_NS;

	if (deadline != 0 && deadline < until)
		until = deadline;
	struct timespec time = to_timespec(until);
	return pthread_cond_timedwait(&writer->more, &writer->lock, &time) == ETIMEDOUT;
}

/* Until there is something to do, however little. Under the lock. */
static void sleep_deeply(struct vgpu_trace_writer *writer)
{
	writer->asleep = true;
	pthread_cond_wait(&writer->more, &writer->lock);
	writer->asleep = false;
}

/* Under the lock. */
static void update_stats(struct vgpu_trace_writer *writer)
{
	writer->stats.written_bytes = writer->before.bytes + trace_sink_written(writer->sink);
	writer->stats.dropped = writer->before.dropped + writer->packer.dropped;
}

/* What comes next is put off no longer than the rest can wait. Under the lock. */
static void note_waiting(struct vgpu_trace_writer *writer)
{
	const struct trace_entry *next = writer->batch.next;
	uint64_t behind = writer->queue.used - (next != NULL ? next->size : 0);

	writer->packer.hurry = behind > writer->queue_limit / HURRY_SHARE;
}

/* Under the lock. */
static void release_batch(struct vgpu_trace_writer *writer)
{
	trace_queue_release(&writer->queue, &writer->batch);
	note_waiting(writer);
	update_stats(writer);
	pthread_cond_signal(&writer->room);
}

/*
 * Takes what waits. False when there is nothing: the block has to be written or, with
 * *done, nothing more comes.
 */
static bool wait_for_batch(struct vgpu_trace_writer *writer, bool *done)
{
	bool rested = false, any;

	pthread_mutex_lock(&writer->lock);
	release_batch(writer);
	for (;;) {
		trace_queue_take(&writer->queue, &writer->batch);
		note_waiting(writer);
		any = writer->batch.next != NULL;
		*done = !any && (writer->closing || writer->stats.ended);
		uint64_t deadline = trace_packer_deadline(&writer->packer);
		if (any || *done || (deadline != 0 && vgpu_now_ns() >= deadline))
			break;
		if (deadline == 0 && rested)
			sleep_deeply(writer);
		else
			rested = nap(writer, deadline);
	}
	pthread_mutex_unlock(&writer->lock);
	return any;
}

/* The next record, or NULL as above. The lock is only taken now and then. */
static struct trace_entry *next_entry(struct vgpu_trace_writer *writer, bool *done)
{
	if (writer->batch.next == NULL && !wait_for_batch(writer, done))
		return NULL;
	if (writer->batch.size >= RELEASE_BYTES) {
		pthread_mutex_lock(&writer->lock);
		release_batch(writer);
		pthread_mutex_unlock(&writer->lock);
	}
	return trace_batch_next(&writer->batch);
}

static int flush(struct vgpu_trace_writer *writer)
{
	int ret = trace_packer_flush(&writer->packer);

	pthread_mutex_lock(&writer->lock);
	update_stats(writer);
	pthread_mutex_unlock(&writer->lock);
	return ret;
}

/* ---- the thread: the next file ------------------------------------------------------- */

/* A pipe takes nothing: for how long is that to be borne? */
static bool give_up(void *opaque)
{
	struct vgpu_trace_writer *writer = opaque;
	uint64_t now = vgpu_now_ns();

	pthread_mutex_lock(&writer->lock);
	bool enough = (writer->closing && now - writer->closing_ns > CLOSE_NS) ||
		      (writer->waits_ns != 0 && now - writer->waits_ns > PUT_NS);
	pthread_mutex_unlock(&writer->lock);
	return enough;
}

static int write_metadata(struct vgpu_trace_writer *writer, const char *text,
			  struct vgpu_error *err)
{
	const struct trace_block_info info = {0};
	struct bytes raw = {.data = (uint8_t *)text, .len = strlen(text)};

	if (raw.len > TRACE_MAX_META)
		return vgpu_error_set(err, EMSGSIZE, "%s: metadata of more than 1 MiB",
				      writer->path);
	int ret = trace_sink_block(writer->sink, TRACE_BLOCK_META, 0, &info, &raw, META_LEVEL);
	if (ret < 0)
		return vgpu_error_set(err, -ret, "%s: %s", trace_sink_path(writer->sink),
				      strerror(-ret));
	return 0;
}

static struct trace_sink *open_sink(struct vgpu_trace_writer *writer, struct vgpu_error *err)
{
	if (writer->last != NULL)
		return trace_sink_open_memory("the last while in memory", err);
	bool several = writer->rotate_size != 0 || writer->rotate_ns != 0;
	char *name =
		several ? vgpu_trace_numbered(writer->path, writer->number) : strdup(writer->path);

	if (name == NULL) {
		vgpu_error_set(err, ENOMEM, "%s: out of memory", writer->path);
		return NULL;
	}
	struct trace_sink *sink = trace_sink_open(name, ".part", err);
	free(name);
	return sink;
}

/* Opens a file and writes its description. */
static int begin_file(struct vgpu_trace_writer *writer, struct vgpu_error *err)
{
	struct trace_sink *sink = open_sink(writer, err);

	if (sink == NULL)
		return -EIO;
	trace_sink_close(writer->sink);
	writer->sink = sink;
	writer->committed = false;
	trace_sink_limit(sink, writer->max_size);
	trace_sink_patience(sink, give_up, writer);
	trace_packer_begin(&writer->packer, sink);
	return write_metadata(writer, writer->metadata, err);
}

/* The file is whole: it gets its name, or is kept in memory with those before it. */
static int commit(struct vgpu_trace_writer *writer, const struct vgpu_trace_end *end)
{
	int ret = writer->last == NULL
			  ? trace_sink_commit(writer->sink)
			  : trace_last_add(writer->last, writer->sink, writer->begin_ns,
					   end->requests - writer->state_requests, end);

	writer->committed = ret == 0;
	return ret;
}

/* The file is whole, and what comes is for another one. */
static int next_file(struct vgpu_trace_writer *writer)
{
	struct vgpu_trace_end end = {.cause = VGPU_TRACE_CAUSE_NEXT};

	pthread_mutex_lock(&writer->lock);
	memcpy(end.violations, writer->violations, sizeof(end.violations));
	pthread_mutex_unlock(&writer->lock);
	int ret = trace_packer_end(&writer->packer, &end);
	if (ret == 0)
		ret = commit(writer, &end);
	if (ret < 0)
		return ret;
	writer->number++;
	uint64_t bytes = trace_sink_written(writer->sink);
	ret = begin_file(writer, &writer->why_nowhere);
	writer->nowhere = ret < 0;
	pthread_mutex_lock(&writer->lock);
	writer->before.requests += end.requests;
	writer->before.frames += end.frames;
	writer->before.dropped += end.dropped;
	writer->before.bytes += bytes;
	writer->begin_ns = vgpu_now_ns();
	writer->next_asked = false;
	writer->state_requests = writer->state_bytes = 0;
	writer->stats.files += ret == 0;
	/* Whether another file is wanted is found by this, less what is before. */
	if (ret == 0)
		update_stats(writer);
	pthread_mutex_unlock(&writer->lock);
	return ret;
}

/* All that was put so far, and nothing after it. */
static int dump_all(struct vgpu_trace_writer *writer, const struct vgpu_trace_end *marks)
{
	int ret = next_file(writer);

	trace_last_dump(writer->last,
			&(struct vgpu_trace_dump){
				.cause = (enum vgpu_trace_dump_cause)marks->cause,
				.violation = (enum vgpu_violation)marks->violations[0],
			});
	return ret;
}

static int take_entry(struct vgpu_trace_writer *writer, struct trace_entry *entry)
{
	struct vgpu_trace_record *record = &entry->record;

	if (record->type == TRACE_ENTRY_NEXT)
		return next_file(writer);
	if (record->type == TRACE_ENTRY_DUMP)
		return dump_all(writer, &record->end);
	int ret = trace_packer_put(&writer->packer, record, entry->put_ns);
	if (record->type == VGPU_TRACE_REQUEST && record->request.state) {
		pthread_mutex_lock(&writer->lock);
		writer->state_requests++;
		writer->state_bytes = trace_sink_written(writer->sink);
		pthread_mutex_unlock(&writer->lock);
	}
	return ret;
}

/* Writes until the end or an error. */
static int write_records(struct vgpu_trace_writer *writer)
{
	bool done = false;

	while (!done) {
		struct trace_entry *entry = next_entry(writer, &done);
		int ret = 0;
		if (entry != NULL)
			ret = take_entry(writer, entry);
		uint64_t deadline = trace_packer_deadline(&writer->packer);
		if (ret == 0 && !done && deadline != 0 &&
		    (entry == NULL || vgpu_now_ns() >= deadline))
			ret = flush(writer);
		if (ret < 0)
			return ret;
	}
	return 0;
}

/* ---- the thread: the end ----------------------------------------------------------------- */

/* What was taken, and what was not. Under the lock. */
static void drop_waiting(struct vgpu_trace_writer *writer)
{
	do {
		while (trace_batch_next(&writer->batch) != NULL)
			;
		trace_queue_release(&writer->queue, &writer->batch);
		trace_queue_take(&writer->queue, &writer->batch);
	} while (writer->batch.next != NULL);
}

/*
 * Nothing more is taken. ret is what a block met, or 0 if put() could not go on;
 * one that waits for room must not wait longer.
 */
static void stop_taking(struct vgpu_trace_writer *writer, int ret)
{
	struct vgpu_trace_writer_stats *stats = &writer->stats;

	pthread_mutex_lock(&writer->lock);
	stats->ended = true;
	if (ret == -EOVERFLOW)
		stats->limit_reached = true;
	else if (ret == -EPIPE)
		stats->reader_gone = true;
	else if (ret < 0 && stats->error == 0)
		stats->error = -ret;
	drop_waiting(writer);
	pthread_cond_broadcast(&writer->room);
	pthread_mutex_unlock(&writer->lock);
}

/* What is not in the file is lost. */
static void count_lost(struct vgpu_trace_writer *writer, const struct vgpu_trace_end *end)
{
	struct vgpu_trace_writer_stats *stats = &writer->stats;

	pthread_mutex_lock(&writer->lock);
	stats->lost_requests += end->lost_requests;
	stats->lost_frames += end->lost_frames;
	stats->requests = writer->before.requests + end->requests;
	stats->frames = writer->before.frames + end->frames;
	stats->dropped = writer->before.dropped + end->dropped;
	if (!writer->nowhere)
		stats->written_bytes = writer->before.bytes + trace_sink_written(writer->sink);
	pthread_mutex_unlock(&writer->lock);
}

static void end_early(struct vgpu_trace_writer *writer, int ret)
{
	struct vgpu_trace_end end = {0};

	stop_taking(writer, ret);
	if (ret == 0 && !writer->nowhere)
		trace_packer_flush(&writer->packer);
	/* Nobody else changes these any more. */
	const struct vgpu_trace_writer_stats stats = vgpu_trace_writer_stats(writer);
	end.cause = stats.limit_reached ? VGPU_TRACE_CAUSE_LIMIT : VGPU_TRACE_CAUSE_ERROR;
	memcpy(end.violations, writer->violations, sizeof(end.violations));
	end.lost_requests = stats.requests - writer->before.requests;
	end.lost_frames = stats.frames - writer->before.frames;
	if (writer->nowhere) {
		count_lost(writer, &end);
		return;
	}
	ret = trace_packer_end_early(&writer->packer, &end, end.lost_requests, end.lost_frames);
	count_lost(writer, &end);
	if (ret == 0)
		commit(writer, &end);
}

static int end_as_asked(struct vgpu_trace_writer *writer, struct vgpu_trace_end *end)
{
	*end = (struct vgpu_trace_end){.cause = VGPU_TRACE_CAUSE_ASKED};
	memcpy(end->violations, writer->violations, sizeof(end->violations));
	return trace_packer_end(&writer->packer, end);
}

static void begin_thread(struct vgpu_trace_writer *writer)
{
	if (writer->on_thread != NULL)
		writer->on_thread(writer->opaque);
	pthread_mutex_lock(&writer->lock);
	writer->began = true;
	pthread_cond_broadcast(&writer->room);
	pthread_mutex_unlock(&writer->lock);
}

static void write_all(struct vgpu_trace_writer *writer)
{
	struct vgpu_trace_end end;
	int ret = write_records(writer);
	bool asked = ret == 0 && !vgpu_trace_writer_stats(writer).ended;

	if (asked)
		ret = end_as_asked(writer, &end);
	if (!asked || ret < 0) {
		end_early(writer, ret);
		return;
	}
	ret = commit(writer, &end);
	pthread_mutex_lock(&writer->lock);
	update_stats(writer);
	writer->stats.ended = true;
	writer->stats.error = -ret;
	pthread_mutex_unlock(&writer->lock);
}

static void *run(void *opaque)
{
	struct vgpu_trace_writer *writer = opaque;

	begin_thread(writer);
	write_all(writer);
	if (writer->last != NULL)
		trace_last_dump(writer->last,
				&(struct vgpu_trace_dump){.cause = VGPU_TRACE_DUMP_EXIT});
	return NULL;
}

/* ---- open ----------------------------------------------------------------------------- */

/* Signals are the program's business; a full disk must be an error, not SIGXFSZ. */
static int start_thread(struct vgpu_trace_writer *writer)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int ret = pthread_create(&writer->thread, NULL, run, writer);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (ret != 0)
		return -ret;
	pthread_mutex_lock(&writer->lock);
	while (!writer->began)
		pthread_cond_wait(&writer->room, &writer->lock);
	pthread_mutex_unlock(&writer->lock);
	return 0;
}

static void init_locks(struct vgpu_trace_writer *writer)
{
	pthread_condattr_t monotonic;

	pthread_mutex_init(&writer->put_lock, NULL);
	pthread_mutex_init(&writer->lock, NULL);
	pthread_condattr_init(&monotonic);
	pthread_condattr_setclock(&monotonic, CLOCK_MONOTONIC);
	pthread_cond_init(&writer->more, &monotonic);
	pthread_cond_init(&writer->room, &monotonic);
	pthread_condattr_destroy(&monotonic);
}

static void free_writer(struct vgpu_trace_writer *writer)
{
	pthread_cond_destroy(&writer->room);
	pthread_cond_destroy(&writer->more);
	pthread_mutex_destroy(&writer->lock);
	pthread_mutex_destroy(&writer->put_lock);
	trace_packer_fini(&writer->packer);
	trace_queue_fini(&writer->queue);
	free(writer->path);
	free(writer->metadata);
	free(writer);
}

static uint64_t or_default(uint64_t value, uint64_t standard)
{
	return value == 0 ? standard : value;
}

/* Then its segments are what there is instead of files. */
static int open_last(struct vgpu_trace_writer *writer,
		     const struct vgpu_trace_writer_options *options, uint64_t window,
		     struct vgpu_error *err)
{
	writer->last = trace_last_new(writer->path, options, window, err);
	if (writer->last == NULL)
		return -EIO;
	writer->rotate_size = trace_last_segment_bytes(writer->last);
	writer->rotate_ns = trace_last_segment_ns(writer->last);
	return 0;
}

struct vgpu_trace_writer *vgpu_trace_writer_open(const char *path,
						 const struct vgpu_trace_writer_options *options,
						 struct vgpu_error *err)
{
	const struct vgpu_trace_writer_options defaults = {0};
	struct vgpu_trace_writer *writer = calloc(1, sizeof(*writer));

	if (writer == NULL) {
		vgpu_error_set(err, ENOMEM, "%s: out of memory", path);
		return NULL;
	}
	if (options == NULL)
		options = &defaults;
	uint64_t window = or_default(options->window_limit, DEFAULT_WINDOW_LIMIT);
	init_locks(writer);
	writer->live = options->violations;
	writer->on_thread = options->on_thread;
	writer->opaque = options->opaque;
	writer->path = strdup(path);
	writer->metadata = strdup(options->metadata != NULL ? options->metadata : "{}");
	writer->rotate_size = options->rotate_size;
	writer->rotate_ns = options->rotate_ns;
	writer->max_size = options->max_size;
	writer->stats.files = 1;
	writer->queue_limit = or_default(options->queue_limit, DEFAULT_QUEUE_LIMIT);
	writer->wake_bytes = writer->queue_limit / WAKE_SHARE;
	if (writer->wake_bytes > WAKE_BYTES)
		writer->wake_bytes = WAKE_BYTES;
	if (window > MAX_WINDOW_LIMIT)
		window = MAX_WINDOW_LIMIT;
	if (writer->path == NULL || writer->metadata == NULL ||
	    trace_packer_init(&writer->packer, window) < 0 ||
	    writer->queue_limit > SIZE_MAX - QUEUE_RESERVE ||
	    trace_queue_init(&writer->queue, writer->queue_limit + QUEUE_RESERVE) < 0) {
		vgpu_error_set(err, ENOMEM, "%s: out of memory", path);
		goto failed;
	}
	if (options->last_ns != 0 && open_last(writer, options, window, err) < 0)
		goto failed;
	int ret = begin_file(writer, err);
	writer->begin_ns = vgpu_now_ns();
	if (ret == 0) {
		update_stats(writer);
		ret = start_thread(writer);
		if (ret < 0)
			vgpu_error_set(err, -ret, "%s: no thread: %s", path, strerror(-ret));
	}
	if (ret == 0)
		return writer;
	if (writer->sink != NULL)
		trace_sink_discard(writer->sink);
	if (writer->last != NULL)
		trace_last_close(writer->last, &writer->stats, NULL);
failed:
	free_writer(writer);
	return NULL;
}

/* ---- put -------------------------------------------------------------------------------- */

/* As reserve(), for whoever has to wait. The thread gives a pipe up a little earlier. */
static struct trace_entry *wait_for_room(struct vgpu_trace_writer *writer, size_t size)
{
	uint64_t now = vgpu_now_ns();
	const struct timespec until = to_timespec(now + PUT_NS + PUT_NS / 2);
	struct trace_entry *entry = NULL;
	int error = 0;

	writer->waits_ns = now;
	while (!writer->stats.ended && error == 0) {
		entry = trace_queue_reserve(&writer->queue, size);
		if (entry != NULL)
			break;
		error = writer->queue.used == 0
				? ENOMEM
				: pthread_cond_timedwait(&writer->room, &writer->lock, &until);
	}
	writer->waits_ns = 0;
	if (entry == NULL && !writer->stats.ended) {
		writer->stats.error = error;
		writer->stats.ended = true;
		pthread_cond_signal(&writer->more);
	}
	return entry;
}

/* Under both locks. NULL only when the recording has ended; waiting is the last resort. */
static struct trace_entry *reserve(struct vgpu_trace_writer *writer,
				   const struct vgpu_trace_record *record, bool *without_data)
{
	const struct vgpu_trace_request *request = &record->request;
	struct trace_entry *entry = NULL;
	size_t size;

	*without_data = record->type == VGPU_TRACE_REQUEST &&
			(request->dropped || request->data_len > TRACE_MAX_DATA ||
			 (request->data == NULL && request->data_len > 0));
	if (!*without_data) {
		size = trace_entry_size(record, false);
		/* One that is larger than the limit is let in where nothing else waits. */
		if (writer->queue.used == 0 || writer->queue.used + size <= writer->queue_limit)
			entry = trace_queue_reserve(&writer->queue, size);
		if (entry != NULL)
			return entry;
		/* Without state a trace cannot be played, so that is waited for. */
		*without_data = record->type == VGPU_TRACE_REQUEST && request->data_len > 0 &&
				!request->state;
	}
	size = trace_entry_size(record, *without_data);
	return wait_for_room(writer, size);
}

/* Under the lock. */
static void count_put(struct vgpu_trace_writer *writer, const struct vgpu_trace_record *record)
{
	const struct vgpu_trace_request *request = &record->request;
	struct vgpu_trace_writer_stats *stats = &writer->stats;

	if (stats->ended) {
		stats->lost_requests += record->type == VGPU_TRACE_REQUEST;
		stats->lost_frames += record->type == VGPU_TRACE_FRAME;
		return;
	}
	if (writer->live != NULL)
		memcpy(writer->violations, writer->live, sizeof(writer->violations));
	if (record->type == TRACE_ENTRY_NEXT || record->type == TRACE_ENTRY_DUMP)
		return;
	if (record->type == VGPU_TRACE_REQUEST) {
		stats->requests++;
		stats->state += request->state;
		stats->raw_bytes += request->num_descs * sizeof(*request->descs) +
				    request->request_len + request->used_len + request->data_len;
	} else {
		stats->raw_bytes += sizeof(*record);
		stats->frames += record->type == VGPU_TRACE_FRAME;
	}
}

void vgpu_trace_writer_put(struct vgpu_trace_writer *writer, const struct vgpu_trace_record *record)
{
	bool without_data;

	pthread_mutex_lock(&writer->put_lock);
	pthread_mutex_lock(&writer->lock);
	struct trace_entry *entry =
		writer->stats.ended ? NULL : reserve(writer, record, &without_data);
	if (entry != NULL) {
		pthread_mutex_unlock(&writer->lock);
		trace_entry_fill(entry, record, without_data);
		pthread_mutex_lock(&writer->lock);
		trace_queue_publish(&writer->queue, entry);
	}
	count_put(writer, record);
	if (writer->asleep || writer->queue.used >= writer->wake_bytes)
		pthread_cond_signal(&writer->more);
	pthread_mutex_unlock(&writer->lock);
	pthread_mutex_unlock(&writer->put_lock);
}

bool vgpu_trace_writer_wants_next(struct vgpu_trace_writer *writer)
{
	if (writer->rotate_size == 0 && writer->rotate_ns == 0)
		return false;
	pthread_mutex_lock(&writer->lock);
	uint64_t bytes = writer->stats.written_bytes - writer->before.bytes;
	/* In memory, no more than half of all is to be state, however large that is. */
	uint64_t size = writer->last != NULL && 2 * writer->state_bytes > writer->rotate_size
				? 2 * writer->state_bytes
				: writer->rotate_size;
	bool due =
		(writer->rotate_size != 0 && bytes >= size) ||
		(writer->rotate_ns != 0 && vgpu_now_ns() - writer->begin_ns >= writer->rotate_ns);
	bool wants = due && !writer->next_asked && !writer->stats.ended;
	pthread_mutex_unlock(&writer->lock);
	return wants;
}

static void put_mark(struct vgpu_trace_writer *writer, const struct vgpu_trace_record *mark)
{
	pthread_mutex_lock(&writer->lock);
	writer->next_asked = true;
	pthread_mutex_unlock(&writer->lock);
	vgpu_trace_writer_put(writer, mark);
}

void vgpu_trace_writer_next(struct vgpu_trace_writer *writer)
{
	const struct vgpu_trace_record next = {.type = TRACE_ENTRY_NEXT};

	put_mark(writer, &next);
}

int vgpu_trace_writer_dump(struct vgpu_trace_writer *writer, const struct vgpu_trace_dump *dump)
{
	const struct vgpu_trace_record mark = {
		.type = TRACE_ENTRY_DUMP,
		.end = {.cause = dump->cause, .violations = {dump->violation}}};

	if (vgpu_trace_writer_stats(writer).ended)
		return -ESHUTDOWN;
	if (!trace_last_reserve(writer->last))
		return -EBUSY;
	put_mark(writer, &mark);
	return 0;
}

bool vgpu_trace_writer_dumps(struct vgpu_trace_writer *writer)
{
	return trace_last_busy(writer->last);
}

char *vgpu_trace_numbered(const char *path, unsigned int number)
{
	static const char ending[] = ".trace";
	size_t len = strlen(path), stem = len;
	char *name;

	if (len > strlen(ending) && strcmp(path + len - strlen(ending), ending) == 0)
		stem -= strlen(ending);
	return asprintf(&name, "%.*s.%03u%s", (int)stem, path, number, path + stem) < 0 ? NULL
											: name;
}

struct vgpu_trace_writer_stats vgpu_trace_writer_stats(struct vgpu_trace_writer *writer)
{
	pthread_mutex_lock(&writer->lock);
	struct vgpu_trace_writer_stats stats = writer->stats;
	pthread_mutex_unlock(&writer->lock);
	return stats;
}

/* ---- close -------------------------------------------------------------------------------- */

/* What became of the file, for people. */
static int explain(const struct vgpu_trace_writer *writer, struct vgpu_error *err)
{
	const struct vgpu_trace_writer_stats *stats = &writer->stats;
	const char *part = trace_sink_path(writer->sink);

	if (stats->error == 0)
		return 0;
	if (writer->nowhere)
		return vgpu_error_set(err, stats->error, "%s", writer->why_nowhere.text);
	if (stats->error == ENOENT && !writer->committed)
		return vgpu_error_set(err, ENOENT,
				      "%s: was removed while it was written; the "
				      "recording is lost",
				      part);
	return vgpu_error_set(
		err, stats->error,
		"%s: %s; %s after %" PRIu64 " requests and %" PRIu64 " frames, and lacks %" PRIu64
		" and %" PRIu64,
		writer->committed ? trace_sink_name(writer->sink) : part, strerror(stats->error),
		writer->committed ? "the trace ends" : "it is cut off", stats->requests,
		stats->frames, stats->lost_requests, stats->lost_frames);
}

int vgpu_trace_writer_close_stats(struct vgpu_trace_writer *writer,
				  const uint64_t violations[VGPU_NUM_VIOLATIONS],
				  struct vgpu_trace_writer_stats *stats, struct vgpu_error *err)
{
	pthread_mutex_lock(&writer->lock);
	writer->closing = true;
	writer->closing_ns = vgpu_now_ns();
	if (violations != NULL && !writer->stats.ended)
		memcpy(writer->violations, violations, sizeof(writer->violations));
	pthread_cond_signal(&writer->more);
	pthread_mutex_unlock(&writer->lock);
	pthread_join(writer->thread, NULL);
	int ret = explain(writer, err);
	if (writer->last != NULL) {
		int dumped = trace_last_close(writer->last, &writer->stats, ret == 0 ? err : NULL);
		ret = ret == 0 ? dumped : ret;
	}
	if (stats != NULL)
		*stats = writer->stats;
	trace_sink_close(writer->sink);
	free_writer(writer);
	return ret;
}
