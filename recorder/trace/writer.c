/* SPDX-License-Identifier: MIT */
#include "trace/codec.h"
#include "trace/content.h"
#include "trace/format.h"
#include "trace/queue.h"
#include "trace/sink.h"

#include <errno.h>
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
/* Of smaller blocks it cannot be said how fast they were compressed. */
#define PACE_MIN (64u << 10)

struct vgpu_trace_writer {
	struct trace_sink *sink;
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
	uint64_t violations[VGPU_NUM_VIOLATIONS]; /* valid once closing */
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

/* A block says by itself where in the trace it is: time, requests, frames before it. */
static void begin_block(struct vgpu_trace_writer *writer, uint64_t time_ns)
{
	if (writer->block.len > 0)
		return;
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
		*done = entry == NULL && writer->closing;
		if (entry != NULL || *done)
			break;
		if (writer->block.len == 0 && rested) {
			sleep_deeply(writer);
			continue;
		}
		rested = nap(writer);
		if (writer->block.len > 0 && vgpu_now_ns() >= deadline_of(writer) &&
		    trace_queue_peek(&writer->queue) == NULL && !writer->closing)
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

/* put() found no memory: what came before is in the file, but it is not whole. */
static bool ended_early(struct vgpu_trace_writer *writer)
{
	pthread_mutex_lock(&writer->lock);
	bool ended = writer->stats.error != 0;
	pthread_mutex_unlock(&writer->lock);
	return ended;
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

	if (ret == 0)
		ret = ended_early(writer) ? flush_block(writer) : write_end(writer);
	if (ret == 0)
		return NULL;
	/* From here on put() does nothing; one that waits for room must not wait longer. */
	pthread_mutex_lock(&writer->lock);
	if (writer->stats.error == 0)
		writer->stats.error = -ret;
	pthread_cond_broadcast(&writer->room);
	pthread_mutex_unlock(&writer->lock);
	return NULL;
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
	pthread_cond_init(&writer->room, NULL);
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
	writer->queue_limit = or_default(options->queue_limit, DEFAULT_QUEUE_LIMIT);
	writer->wake_bytes =
		writer->queue_limit / 4 < WAKE_BYTES ? writer->queue_limit / 4 : WAKE_BYTES;
	writer->content = trace_content_new(window < MAX_WINDOW_LIMIT ? window : MAX_WINDOW_LIMIT);
	if (writer->content == NULL || writer->queue_limit > SIZE_MAX - QUEUE_RESERVE ||
	    trace_queue_init(&writer->queue, writer->queue_limit + QUEUE_RESERVE) < 0) {
		vgpu_error_set(err, ENOMEM, "%s: out of memory", path);
		goto failed;
	}
	writer->sink = trace_sink_open(path, ".part", err);
	if (writer->sink == NULL)
		goto failed;
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

/* Under both locks. NULL only after an error; waiting is the last resort. */
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
	while (writer->stats.error == 0) {
		entry = trace_queue_reserve(&writer->queue, size);
		if (entry != NULL)
			return entry;
		if (writer->queue.used == 0) {
			writer->stats.error = ENOMEM;
			break;
		}
		pthread_cond_wait(&writer->room, &writer->lock);
	}
	return NULL;
}

static void count_put(struct vgpu_trace_writer *writer, const struct vgpu_trace_record *record)
{
	const struct vgpu_trace_request *request = &record->request;
	struct vgpu_trace_writer_stats *stats = &writer->stats;

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
		writer->stats.error == 0 ? reserve(writer, record, &without_data) : NULL;
	pthread_mutex_unlock(&writer->lock);
	if (entry == NULL)
		goto out;
	trace_entry_fill(entry, record, without_data);
	pthread_mutex_lock(&writer->lock);
	trace_queue_publish(&writer->queue);
	count_put(writer, record);
	if (writer->asleep || writer->queue.used >= writer->wake_bytes)
		pthread_cond_signal(&writer->more);
	pthread_mutex_unlock(&writer->lock);
out:
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

int vgpu_trace_writer_close(struct vgpu_trace_writer *writer,
			    const uint64_t violations[VGPU_NUM_VIOLATIONS], struct vgpu_error *err)
{
	pthread_mutex_lock(&writer->lock);
	writer->closing = true;
	if (violations != NULL)
		memcpy(writer->violations, violations, sizeof(writer->violations));
	pthread_cond_signal(&writer->more);
	pthread_mutex_unlock(&writer->lock);
	pthread_join(writer->thread, NULL);
	int ret = -writer->stats.error;
	if (ret == 0)
		ret = trace_sink_commit(writer->sink);
	if (ret < 0)
		vgpu_error_set(err, -ret, "%s: %s", trace_sink_path(writer->sink), strerror(-ret));
	trace_sink_close(writer->sink);
	free_writer(writer);
	return ret;
}
