/* SPDX-License-Identifier: MIT */
#include "trace/codec.h"
#include "trace/content.h"
#include "trace/format.h"
#include "trace/queue.h"
#include "trace/sink.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
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
#define BLOCK_TARGET  (1u << 20)
/* The format promises 100 ms: compressor, disk and scheduler have the other half. */
#define BLOCK_AGE_NS 50000000u
/* What would be older than this when it is compressed is written as it is. */
#define LATE_NS 70000000u
/*
 * While requests come, the thread looks for them every so often, and is woken where
 * so much waits: to wake it for each of them would cost the guest a system call each.
 */
#define NAP_NS	      10000000u
#define WAKE_BYTES    (256u << 10)
#define RECORDS_LEVEL 3
#define META_LEVEL    3
/* How long a guest is held up, and the end of the program, where a pipe takes nothing. */
#define PUT_NS	 2000000000ull
#define CLOSE_NS 3000000000ull
/* Of smaller blocks it cannot be said how fast they were compressed. */
#define PACE_MIN (64u << 10)

/* Where a trace could end: before a block. */
struct place {
	struct trace_mark mark;
	uint64_t requests, frames, dropped;
};
#define NUM_PLACES 16

struct vgpu_trace_writer {
	struct trace_sink *sink;
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
	struct trace_content *content;
	struct bytes block; /* the records of the block to be */
	uint64_t base_ns;   /* of its times */
	uint64_t record_ns; /* when the record at hand was put */
	uint64_t first_ns;  /* when the block's first was */
	uint64_t pace;	    /* nanoseconds to compress 1024 bytes, as it was last */
	struct trace_block_info info;
	bool restart; /* the block to be starts with an empty content table */
	uint64_t requests, frames, dropped;
	struct place places[NUM_PLACES]; /* the last ones; the newest is at num_places - 1 */
	unsigned int num_places;
	bool committed; /* the file is whole and has its name */
};

/* ---- the thread: blocks ---------------------------------------------------------- */

/*
 * Where the guest is faster than the compressor, the disk may not be. What waits in
 * memory is lost if the recorder is killed, so it goes there as it is.
 */
static int choose_level(const struct vgpu_trace_writer *writer, uint64_t now)
{
	uint64_t takes = writer->pace * (writer->block.len >> 10);

	return now + takes > writer->first_ns + LATE_NS ? TRACE_LEVEL_NONE : RECORDS_LEVEL;
}

static int flush_block(struct vgpu_trace_writer *writer)
{
	if (writer->block.len == 0)
		return 0;
	uint64_t now = vgpu_now_ns();
	int level = choose_level(writer, now);
	int ret = trace_sink_block(writer->sink, TRACE_BLOCK_RECORDS,
				   writer->restart ? TRACE_FLAG_RESTART : 0, &writer->info,
				   &writer->block, level);
	if (ret < 0)
		return ret;
	if (level != TRACE_LEVEL_NONE && writer->block.len >= PACE_MIN)
		writer->pace = (vgpu_now_ns() - now) / (writer->block.len >> 10);
	else
		writer->pace -= writer->pace >> 3;
	writer->block.len = 0;
	writer->restart = false;
	pthread_mutex_lock(&writer->lock);
	writer->stats.written_bytes = trace_sink_written(writer->sink);
	pthread_mutex_unlock(&writer->lock);
	return 0;
}

/* What is in the file now is all that has been given to the thread so far. */
static void note_place(struct vgpu_trace_writer *writer)
{
	if (writer->num_places == NUM_PLACES) {
		memmove(writer->places, writer->places + 1,
			(NUM_PLACES - 1) * sizeof(*writer->places));
		writer->num_places--;
	}
	writer->places[writer->num_places++] = (struct place){
		trace_sink_mark(writer->sink), writer->requests, writer->frames, writer->dropped};
}

/* A block says by itself where in the trace it is: time, requests, frames before it. */
static void begin_block(struct vgpu_trace_writer *writer, uint64_t time_ns)
{
	if (writer->block.len > 0)
		return;
	note_place(writer);
	writer->base_ns = time_ns;
	writer->first_ns = writer->record_ns;
	writer->info = (struct trace_block_info){time_ns, writer->requests, writer->frames};
	bytes_put_uint(&writer->block, time_ns);
	bytes_put_uint(&writer->block, writer->requests);
	bytes_put_uint(&writer->block, writer->frames);
}

static bool try_append(struct vgpu_trace_writer *writer, const struct vgpu_trace_record *record,
		       const struct trace_pieces *pieces)
{
	begin_block(writer, record->time_ns);
	struct trace_encoder encoder = {
		.out = &writer->block,
		.base_ns = writer->base_ns,
		.refs = pieces->refs,
		.num_refs = pieces->num_refs,
	};
	return trace_encode(&encoder, record);
}

/* Appends to the block, or to a new one if there is no room in it. */
static int append_record(struct vgpu_trace_writer *writer, const struct vgpu_trace_record *record,
			 const struct trace_pieces *pieces)
{
	if (!try_append(writer, record, pieces)) {
		int ret = flush_block(writer);
		if (ret < 0)
			return ret;
		if (!try_append(writer, record, pieces))
			return writer->block.failed ? -ENOMEM : -EMSGSIZE;
	}
	return writer->block.len < BLOCK_TARGET ? 0 : flush_block(writer);
}

/* ---- the thread: guest memory --------------------------------------------------- */

/* How many of the chunks go into one CONTENT record: those of one length, up to a block. */
static size_t content_run(const struct trace_new_chunk *chunks, size_t num_chunks, size_t room)
{
	size_t n = 1;

	while (n < num_chunks && chunks[n].len == chunks[0].len && (n + 1) * chunks[0].len <= room)
		n++;
	return n;
}

static void put_content(struct bytes *block, const struct trace_new_chunk *chunks, size_t count)
{
	uint8_t room[32];
	struct bytes head = {.data = room, .capacity = sizeof(room)};

	bytes_put_uint(&head, count);
	bytes_put_uint(&head, chunks[0].len);
	bytes_put_uint(block, TRACE_RECORD_CONTENT);
	bytes_put_uint(block, head.len + count * chunks[0].len);
	bytes_put(block, head.data, head.len);
	for (size_t i = 0; i < count; i++)
		bytes_put(block, chunks[i].data, chunks[i].len);
}

static int store_chunks(struct vgpu_trace_writer *writer, uint64_t time_ns,
			const struct trace_new_chunk *chunks, size_t num_chunks)
{
	while (num_chunks > 0) {
		begin_block(writer, time_ns);
		size_t room =
			writer->block.len < BLOCK_TARGET ? BLOCK_TARGET - writer->block.len : 0;
		size_t count = content_run(chunks, num_chunks, room);
		put_content(&writer->block, chunks, count);
		if (writer->block.failed)
			return -ENOMEM;
		if (writer->block.len >= BLOCK_TARGET - TRACE_MAX_CHUNK) {
			int ret = flush_block(writer);
			if (ret < 0)
				return ret;
		}
		chunks += count;
		num_chunks -= count;
	}
	return 0;
}

/* Both sides forget what they know; the block after is one to start reading at. */
static int restart(struct vgpu_trace_writer *writer)
{
	int ret = flush_block(writer);

	if (ret < 0)
		return ret;
	trace_content_clear(writer->content);
	writer->restart = true;
	return 0;
}

static int store_data(struct vgpu_trace_writer *writer, const struct vgpu_trace_record *record,
		      struct trace_pieces *pieces)
{
	const struct vgpu_trace_request *request = &record->request;
	int ret = trace_content_add(writer->content, request->data, request->data_len,
				    request->pitch, pieces);

	if (ret == -ENOSPC) {
		ret = restart(writer);
		if (ret == 0)
			ret = trace_content_add(writer->content, request->data, request->data_len,
						request->pitch, pieces);
	}
	if (ret < 0)
		return ret;
	return store_chunks(writer, record->time_ns, pieces->chunks, pieces->num_chunks);
}

/* ---- the thread: records ------------------------------------------------------------ */

static uint64_t segments_len(const struct vgpu_trace_request *request)
{
	uint64_t len = 0;

	for (size_t i = 0; i < request->num_segments; i++)
		len += request->segments[i].len;
	return len;
}

/* What cannot be written with its data is written without, as the reader has limits. */
static void fit_request(struct vgpu_trace_request *request)
{
	if (request->num_segments > TRACE_MAX_SEGMENTS) {
		request->num_segments = 0;
		request->dropped = true;
	}
	if (request->data_len > TRACE_MAX_DATA)
		request->dropped = true;
	if (!request->dropped && (request->data_len != segments_len(request) ||
				  (request->data == NULL && request->data_len > 0)))
		request->dropped = true;
}

static void count_dropped(struct vgpu_trace_writer *writer)
{
	writer->dropped++;
	pthread_mutex_lock(&writer->lock);
	writer->stats.dropped = writer->dropped;
	pthread_mutex_unlock(&writer->lock);
}

static int write_request(struct vgpu_trace_writer *writer, struct vgpu_trace_record *record)
{
	struct trace_pieces pieces = {0};
	int ret;

	record->time_ns = record->request.begin_ns;
	fit_request(&record->request);
	if (!record->request.dropped) {
		ret = store_data(writer, record, &pieces);
		if (ret < 0)
			return ret;
	}
	ret = append_record(writer, record, &pieces);
	if (ret == -EMSGSIZE && record->request.num_segments > 0) {
		/* Memory in so many pieces that their list does not fit into a block. */
		record->request.dropped = true;
		record->request.num_segments = 0;
		ret = append_record(writer, record, &pieces);
	}
	if (ret < 0)
		return ret;
	writer->requests++;
	if (record->request.dropped)
		count_dropped(writer);
	return 0;
}

static int write_record(struct vgpu_trace_writer *writer, struct vgpu_trace_record *record)
{
	const struct trace_pieces none = {0};

	if (record->type == VGPU_TRACE_REQUEST)
		return write_request(writer, record);
	int ret = append_record(writer, record, &none);
	if (ret == 0 && record->type == VGPU_TRACE_FRAME)
		writer->frames++;
	return ret;
}

static struct timespec to_timespec(uint64_t ns)
{
	return (struct timespec){.tv_sec = (time_t)(ns / 1000000000u),
				 .tv_nsec = (long)(ns % 1000000000u)};
}

/* When the block has to be written at the latest. */
static uint64_t deadline_of(const struct vgpu_trace_writer *writer)
{
	return writer->first_ns + BLOCK_AGE_NS;
}

/* For a nap, or until the block has to be written if that is sooner. Under the lock. */
static bool nap(struct vgpu_trace_writer *writer)
{
	uint64_t until = vgpu_now_ns() + NAP_NS;

	if (writer->block.len > 0 && deadline_of(writer) < until)
		until = deadline_of(writer);
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

/*
 * The next record, NULL when the block has to be written or, with *done, when
 * nothing more comes.
 */
static struct trace_entry *wait_for_entry(struct vgpu_trace_writer *writer, bool *done)
{
	struct trace_entry *entry;
	bool rested = false;

	pthread_mutex_lock(&writer->lock);
	for (;;) {
		entry = trace_queue_peek(&writer->queue);
		*done = entry == NULL && (writer->closing || writer->stats.ended);
		if (entry != NULL || *done)
			break;
		if (writer->block.len == 0 && rested) {
			sleep_deeply(writer);
			continue;
		}
		rested = nap(writer);
		if (writer->block.len > 0 && vgpu_now_ns() >= deadline_of(writer) &&
		    trace_queue_peek(&writer->queue) == NULL && !writer->closing &&
		    !writer->stats.ended)
			break;
	}
	pthread_mutex_unlock(&writer->lock);
	return entry;
}

static void release_entry(struct vgpu_trace_writer *writer)
{
	pthread_mutex_lock(&writer->lock);
	trace_queue_release(&writer->queue);
	pthread_cond_signal(&writer->room);
	pthread_mutex_unlock(&writer->lock);
}

/* Writes until the end or an error. */
static int write_records(struct vgpu_trace_writer *writer)
{
	bool done = false;

	while (!done) {
		struct trace_entry *entry = wait_for_entry(writer, &done);
		int ret = 0;
		if (entry != NULL) {
			writer->record_ns = entry->put_ns;
			ret = write_record(writer, &entry->record);
			release_entry(writer);
		}
		if (ret == 0 && !done && writer->block.len > 0 &&
		    (entry == NULL || vgpu_now_ns() >= deadline_of(writer)))
			ret = flush_block(writer);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int write_end(struct vgpu_trace_writer *writer)
{
	struct vgpu_trace_record record = {.type = VGPU_TRACE_END, .time_ns = vgpu_now_ns()};

	writer->record_ns = record.time_ns;
	record.end.requests = writer->requests;
	record.end.frames = writer->frames;
	record.end.dropped = writer->dropped;
	memcpy(record.end.violations, writer->violations, sizeof(record.end.violations));
	int ret = write_record(writer, &record);
	if (ret == 0)
		ret = flush_block(writer);
	if (ret == 0)
		ret = trace_sink_finish(writer->sink);
	return ret;
}

/* ---- the thread: an early end ------------------------------------------------------------ */

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
	while (trace_queue_peek(&writer->queue) != NULL)
		trace_queue_release(&writer->queue);
	pthread_cond_broadcast(&writer->room);
	pthread_mutex_unlock(&writer->lock);
}

/* What is not in the file up to there is lost. */
static void count_lost(struct vgpu_trace_writer *writer, const struct place *place)
{
	struct vgpu_trace_writer_stats *stats = &writer->stats;

	pthread_mutex_lock(&writer->lock);
	stats->lost_requests += stats->requests - place->requests;
	stats->lost_frames += stats->frames - place->frames;
	stats->requests = place->requests;
	stats->frames = place->frames;
	stats->dropped = place->dropped;
	stats->written_bytes = trace_sink_written(writer->sink);
	pthread_mutex_unlock(&writer->lock);
}

/* Only an END record, which needs nothing of what the compressor knew. */
static int finish_at(struct vgpu_trace_writer *writer, const struct place *place)
{
	const struct vgpu_trace_writer_stats stats = vgpu_trace_writer_stats(writer);
	struct vgpu_trace_record record = {
		.type = VGPU_TRACE_END,
		.time_ns = vgpu_now_ns(),
		.end = {.requests = place->requests,
			.frames = place->frames,
			.dropped = place->dropped,
			.cause = stats.limit_reached ? VGPU_TRACE_CAUSE_LIMIT
						     : VGPU_TRACE_CAUSE_ERROR,
			.lost_requests = stats.lost_requests,
			.lost_frames = stats.lost_frames},
	};
	const struct trace_pieces none = {0};

	int ret = trace_sink_return(writer->sink, &place->mark);
	if (ret < 0)
		return ret;
	memcpy(record.end.violations, writer->violations, sizeof(record.end.violations));
	writer->block.len = 0;
	writer->restart = true;
	writer->requests = place->requests;
	writer->frames = place->frames;
	if (!try_append(writer, &record, &none))
		return -ENOMEM;
	ret = trace_sink_block(writer->sink, TRACE_BLOCK_RECORDS, TRACE_FLAG_RESTART, &writer->info,
			       &writer->block, TRACE_LEVEL_NONE);
	return ret < 0 ? ret : trace_sink_finish(writer->sink);
}

/*
 * Makes the file whole where there is room for its end: a full disk may have none
 * unless a block is given up for it.
 */
static void end_early(struct vgpu_trace_writer *writer, int ret)
{
	struct place places[NUM_PLACES];

	stop_taking(writer, ret);
	if (ret == 0 && flush_block(writer) == 0)
		note_place(writer);
	unsigned int left = writer->num_places;
	memcpy(places, writer->places, sizeof(places));
	trace_sink_limit(writer->sink, 0);
	if (left > 0)
		count_lost(writer, &places[left - 1]);
	ret = -EPIPE;
	while (!writer->stats.reader_gone && ret < 0 && left > 0) {
		count_lost(writer, &places[--left]);
		ret = finish_at(writer, &places[left]);
	}
	if (ret == 0)
		writer->committed = trace_sink_commit(writer->sink) == 0;
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

static void *run(void *opaque)
{
	struct vgpu_trace_writer *writer = opaque;

	begin_thread(writer);
	int ret = write_records(writer);

	/* Nobody else writes it any more. */
	if (ret == 0 && !vgpu_trace_writer_stats(writer).ended)
		ret = write_end(writer);
	else if (ret == 0)
		ret = 1;
	if (ret != 0) {
		end_early(writer, ret < 0 ? ret : 0);
		return NULL;
	}
	ret = trace_sink_commit(writer->sink);
	writer->committed = ret == 0;
	pthread_mutex_lock(&writer->lock);
	writer->stats.ended = true;
	writer->stats.error = -ret;
	pthread_mutex_unlock(&writer->lock);
	return NULL;
}

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

/* ---- open ----------------------------------------------------------------------------- */

static int write_metadata(struct vgpu_trace_writer *writer, const char *path, const char *metadata,
			  struct vgpu_error *err)
{
	const struct trace_block_info info = {0};
	const char *text = metadata == NULL ? "{}" : metadata;
	struct bytes raw = {.data = (uint8_t *)text, .len = strlen(text)};

	if (raw.len > TRACE_MAX_META)
		return vgpu_error_set(err, EMSGSIZE, "%s: metadata of more than 1 MiB", path);
	int ret = trace_sink_block(writer->sink, TRACE_BLOCK_META, 0, &info, &raw, META_LEVEL);
	if (ret < 0)
		return vgpu_error_set(err, -ret, "%s: %s", trace_sink_path(writer->sink),
				      strerror(-ret));
	writer->stats.written_bytes = trace_sink_written(writer->sink);
	return 0;
}

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
	trace_content_free(writer->content);
	trace_queue_fini(&writer->queue);
	bytes_fini(&writer->block);
	free(writer->path);
	free(writer);
}

static uint64_t or_default(uint64_t value, uint64_t standard)
{
	return value == 0 ? standard : value;
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
	writer->restart = true;
	writer->on_thread = options->on_thread;
	writer->opaque = options->opaque;
	writer->live = options->violations;
	writer->path = strdup(path);
	writer->queue_limit = or_default(options->queue_limit, DEFAULT_QUEUE_LIMIT);
	writer->wake_bytes =
		writer->queue_limit / 4 < WAKE_BYTES ? writer->queue_limit / 4 : WAKE_BYTES;
	writer->content = trace_content_new(window < MAX_WINDOW_LIMIT ? window : MAX_WINDOW_LIMIT);
	if (writer->path == NULL || writer->content == NULL ||
	    writer->queue_limit > SIZE_MAX - QUEUE_RESERVE ||
	    trace_queue_init(&writer->queue, writer->queue_limit + QUEUE_RESERVE) < 0) {
		vgpu_error_set(err, ENOMEM, "%s: out of memory", path);
		goto failed;
	}
	writer->sink = trace_sink_open(path, ".part", err);
	if (writer->sink == NULL)
		goto failed;
	trace_sink_limit(writer->sink, options->max_size);
	trace_sink_patience(writer->sink, give_up, writer);
	int ret = write_metadata(writer, path, options->metadata, err);
	if (ret == 0) {
		ret = start_thread(writer);
		if (ret < 0)
			vgpu_error_set(err, -ret, "%s: no thread: %s", path, strerror(-ret));
	}
	if (ret == 0)
		return writer;
	trace_sink_discard(writer->sink);
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
		*without_data = record->type == VGPU_TRACE_REQUEST && request->data_len > 0;
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
	if (record->type == VGPU_TRACE_REQUEST) {
		stats->requests++;
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
		trace_queue_publish(&writer->queue);
	}
	count_put(writer, record);
	if (writer->asleep || writer->queue.used >= writer->wake_bytes)
		pthread_cond_signal(&writer->more);
	pthread_mutex_unlock(&writer->lock);
	pthread_mutex_unlock(&writer->put_lock);
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
	if (stats->error == ENOENT && !writer->committed)
		return vgpu_error_set(err, ENOENT,
				      "%s: was removed while it was written; the "
				      "recording is lost",
				      part);
	return vgpu_error_set(err, stats->error,
			      "%s: %s; %s after %" PRIu64 " requests and %" PRIu64
			      " frames, and lacks %" PRIu64 " and %" PRIu64,
			      writer->committed ? writer->path : part, strerror(stats->error),
			      writer->committed ? "the trace ends" : "it is cut off",
			      stats->requests, stats->frames, stats->lost_requests,
			      stats->lost_frames);
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
	if (stats != NULL)
		*stats = writer->stats;
	trace_sink_close(writer->sink);
	free_writer(writer);
	return ret;
}
