/* SPDX-License-Identifier: MIT */
#include "trace/packer.h"

#include "trace/codec.h"

#include <errno.h>
#include <string.h>

#define BLOCK_TARGET (1u << 20)
/* What would be older than this when it is compressed is written as it is. */
#define LATE_NS	      70000000u
#define RECORDS_LEVEL 3
/* Of smaller blocks it cannot be said how fast they were compressed. */
#define PACE_MIN      (64u << 10)
#define SUMMARY_LEVEL 3
/* Where memory is in so many pieces, a summary is not worth what it takes. */
#define REGIONS_MAX ((size_t)TRACE_MAX_REGIONS * 4)

int trace_packer_init(struct trace_packer *packer, uint64_t window)
{
	*packer = (struct trace_packer){.content = trace_content_new(window)};
	return packer->content != NULL ? 0 : -ENOMEM;
}

void trace_packer_fini(struct trace_packer *packer)
{
	trace_content_free(packer->content);
	bytes_fini(&packer->block);
	vgpu_trace_summary_fini(&packer->summary);
}

void trace_packer_begin(struct trace_packer *packer, struct trace_sink *sink)
{
	packer->sink = sink;
	packer->block.len = 0;
	packer->restart = true;
	packer->requests = packer->frames = packer->dropped = 0;
	packer->num_places = 0;
	vgpu_trace_summary_fini(&packer->summary);
	packer->no_summary = false;
	trace_content_clear(packer->content);
}

/* ---- blocks ---------------------------------------------------------- */

/*
 * Where the guest is faster than the compressor, the disk may not be. What waits in
 * memory is lost if the recorder is killed, so it goes there as it is.
 */
static int choose_level(const struct trace_packer *packer, uint64_t now)
{
	uint64_t takes = packer->pace * (packer->block.len >> 10);

	return packer->hurry || now + takes > packer->first_ns + LATE_NS ? TRACE_LEVEL_NONE
									 : RECORDS_LEVEL;
}

int trace_packer_flush(struct trace_packer *packer)
{
	if (packer->block.len == 0)
		return 0;
	uint64_t now = vgpu_now_ns();
	int level = choose_level(packer, now);
	int ret = trace_sink_block(packer->sink, TRACE_BLOCK_RECORDS,
				   packer->restart ? TRACE_FLAG_RESTART : 0, &packer->info,
				   &packer->block, level);
	if (ret < 0)
		return ret;
	if (level != TRACE_LEVEL_NONE && packer->block.len >= PACE_MIN)
		packer->pace = (vgpu_now_ns() - now) / (packer->block.len >> 10);
	else
		packer->pace -= packer->pace >> 3;
	packer->block.len = 0;
	packer->restart = false;
	return 0;
}

/* What is in the file now is all that has been given to the thread so far. */
static void note_place(struct trace_packer *packer)
{
	if (packer->num_places == TRACE_NUM_PLACES) {
		memmove(packer->places, packer->places + 1,
			(TRACE_NUM_PLACES - 1) * sizeof(*packer->places));
		packer->num_places--;
	}
	packer->places[packer->num_places++] = (struct trace_place){
		trace_sink_mark(packer->sink), packer->requests, packer->frames, packer->dropped};
}

/* A block says by itself where in the trace it is: time, requests, frames before it. */
static void begin_block(struct trace_packer *packer, uint64_t time_ns)
{
	if (packer->block.len > 0)
		return;
	note_place(packer);
	packer->base_ns = time_ns;
	packer->first_ns = packer->record_ns;
	packer->info = (struct trace_block_info){time_ns, packer->requests, packer->frames};
	bytes_put_uint(&packer->block, time_ns);
	bytes_put_uint(&packer->block, packer->requests);
	bytes_put_uint(&packer->block, packer->frames);
}

static bool try_append(struct trace_packer *packer, const struct vgpu_trace_record *record,
		       const struct trace_pieces *pieces)
{
	begin_block(packer, record->time_ns);
	struct trace_encoder encoder = {
		.out = &packer->block,
		.base_ns = packer->base_ns,
		.refs = pieces->refs,
		.num_refs = pieces->num_refs,
	};
	return trace_encode(&encoder, record);
}

/* Appends to the block, or to a new one if there is no room in it. */
static int append_record(struct trace_packer *packer, const struct vgpu_trace_record *record,
			 const struct trace_pieces *pieces)
{
	if (!try_append(packer, record, pieces)) {
		int ret = trace_packer_flush(packer);
		if (ret < 0)
			return ret;
		if (!try_append(packer, record, pieces))
			return packer->block.failed ? -ENOMEM : -EMSGSIZE;
	}
	return packer->block.len < BLOCK_TARGET ? 0 : trace_packer_flush(packer);
}

/* ---- guest memory --------------------------------------------------- */

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

static int store_chunks(struct trace_packer *packer, uint64_t time_ns,
			const struct trace_new_chunk *chunks, size_t num_chunks)
{
	while (num_chunks > 0) {
		begin_block(packer, time_ns);
		size_t room =
			packer->block.len < BLOCK_TARGET ? BLOCK_TARGET - packer->block.len : 0;
		size_t count = content_run(chunks, num_chunks, room);
		put_content(&packer->block, chunks, count);
		if (packer->block.failed)
			return -ENOMEM;
		if (packer->block.len >= BLOCK_TARGET - TRACE_MAX_CHUNK) {
			int ret = trace_packer_flush(packer);
			if (ret < 0)
				return ret;
		}
		chunks += count;
		num_chunks -= count;
	}
	return 0;
}

/* Both sides forget what they know; the block after is one to start reading at. */
static int restart(struct trace_packer *packer)
{
	int ret = trace_packer_flush(packer);

	if (ret < 0)
		return ret;
	trace_content_clear(packer->content);
	packer->restart = true;
	return 0;
}

static int store_data(struct trace_packer *packer, const struct vgpu_trace_record *record,
		      struct trace_pieces *pieces)
{
	const struct vgpu_trace_request *request = &record->request;
	int ret = trace_content_add(packer->content, request->data, request->data_len,
				    request->pitch, pieces);

	if (ret == -ENOSPC) {
		ret = restart(packer);
		if (ret == 0)
			ret = trace_content_add(packer->content, request->data, request->data_len,
						request->pitch, pieces);
	}
	if (ret < 0)
		return ret;
	return store_chunks(packer, record->time_ns, pieces->chunks, pieces->num_chunks);
}

/* ---- records ------------------------------------------------------------ */

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

static int write_request(struct trace_packer *packer, struct vgpu_trace_record *record)
{
	struct trace_pieces pieces = {0};
	int ret;

	record->time_ns = record->request.begin_ns;
	fit_request(&record->request);
	if (!record->request.dropped) {
		ret = store_data(packer, record, &pieces);
		if (ret < 0)
			return ret;
	}
	ret = append_record(packer, record, &pieces);
	if (ret == -EMSGSIZE && record->request.num_segments > 0) {
		/* Memory in so many pieces that their list does not fit into a block. */
		record->request.dropped = true;
		record->request.num_segments = 0;
		ret = append_record(packer, record, &pieces);
	}
	if (ret < 0)
		return ret;
	packer->requests++;
	packer->dropped += record->request.dropped;
	return 0;
}

static int write_record(struct trace_packer *packer, struct vgpu_trace_record *record)
{
	const struct trace_pieces none = {0};

	if (record->type == VGPU_TRACE_REQUEST)
		return write_request(packer, record);
	int ret = append_record(packer, record, &none);
	if (ret == 0 && record->type == VGPU_TRACE_FRAME)
		packer->frames++;
	return ret;
}

/* The record as it was written. */
static void summarize(struct trace_packer *packer, const struct vgpu_trace_record *record)
{
	if (packer->no_summary)
		return;
	packer->no_summary = vgpu_trace_summary_add(&packer->summary, record, NULL) < 0 ||
			     packer->summary.memory.capacity > REGIONS_MAX;
	if (packer->no_summary)
		vgpu_trace_summary_fini(&packer->summary);
}

int trace_packer_put(struct trace_packer *packer, struct vgpu_trace_record *record, uint64_t put_ns)
{
	packer->record_ns = put_ns;
	int ret = write_record(packer, record);
	if (ret == 0)
		summarize(packer, record);
	return ret;
}

uint64_t trace_packer_deadline(const struct trace_packer *packer)
{
	return packer->block.len > 0 ? packer->first_ns + BLOCK_AGE_NS : 0;
}

/* ---- the end ----------------------------------------------------------------------------- */

static int write_summary(struct trace_packer *packer)
{
	const struct trace_block_info info = {0};
	struct bytes raw = {0};
	int ret = 0;

	if (!packer->no_summary && trace_summary_encode(&packer->summary, &raw))
		ret = trace_sink_block(packer->sink, TRACE_BLOCK_SUMMARY, 0, &info, &raw,
				       SUMMARY_LEVEL);
	bytes_fini(&raw);
	/* A file that is to become no larger does without. */
	return ret == -EOVERFLOW ? 0 : ret;
}

int trace_packer_end(struct trace_packer *packer, struct vgpu_trace_end *end)
{
	struct vgpu_trace_record record = {.type = VGPU_TRACE_END, .time_ns = vgpu_now_ns()};

	end->requests = packer->requests;
	end->frames = packer->frames;
	end->dropped = packer->dropped;
	record.end = *end;
	int ret = trace_packer_put(packer, &record, record.time_ns);
	if (ret == 0)
		ret = trace_packer_flush(packer);
	if (ret == 0)
		ret = write_summary(packer);
	return ret < 0 ? ret : trace_sink_finish(packer->sink);
}

/* Only an END record, which needs nothing of what the compressor knew. */
static int finish_at(struct trace_packer *packer, const struct trace_place *place,
		     const struct vgpu_trace_end *end)
{
	const struct vgpu_trace_record record = {
		.type = VGPU_TRACE_END, .time_ns = vgpu_now_ns(), .end = *end};
	const struct trace_pieces none = {0};

	int ret = trace_sink_return(packer->sink, &place->mark);
	if (ret < 0)
		return ret;
	packer->block.len = 0;
	packer->requests = place->requests;
	packer->frames = place->frames;
	if (!try_append(packer, &record, &none))
		return -ENOMEM;
	ret = trace_sink_block(packer->sink, TRACE_BLOCK_RECORDS, TRACE_FLAG_RESTART, &packer->info,
			       &packer->block, TRACE_LEVEL_NONE);
	return ret < 0 ? ret : trace_sink_finish(packer->sink);
}

static void describe_end(struct vgpu_trace_end *end, const struct trace_place *place,
			 uint64_t requests, uint64_t frames)
{
	end->requests = place->requests;
	end->frames = place->frames;
	end->dropped = place->dropped;
	end->lost_requests = requests - place->requests;
	end->lost_frames = frames - place->frames;
}

int trace_packer_end_early(struct trace_packer *packer, struct vgpu_trace_end *end,
			   uint64_t requests, uint64_t frames)
{
	struct trace_place places[TRACE_NUM_PLACES];
	int ret = -ENOSPC;

	/* There may be nothing that could not be written. */
	if (packer->block.len == 0)
		note_place(packer);
	unsigned int num = packer->num_places, left = num;
	memcpy(places, packer->places, sizeof(places));
	trace_sink_limit(packer->sink, 0);
	while (ret < 0 && left > 0) {
		describe_end(end, &places[--left], requests, frames);
		ret = finish_at(packer, &places[left], end);
	}
	/* Then the file is as long as it can be. */
	if (ret < 0)
		describe_end(end, &places[num - 1], requests, frames);
	return ret;
}
