/* SPDX-License-Identifier: MIT */
#include "recorder.h"

#include "frame.h"
#include "snapshot.h"
#include "trace/bytes.h"
#include "trace/format.h"
#include "watch.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>

/* To copy so much takes longer than to change threads. */
#define LONG_BYTES (64u << 10)

struct vgpu_recorder {
	struct vgpu_device *device;
	struct vgpu_trace_writer *writer;
	struct vgpu_trace_segment *segments;
	size_t segments_capacity;
	uint8_t *data;
	size_t data_capacity;
	/* What another file begins with: how the device was last set up, and what it showed. */
	struct vgpu_trace_record start, outputs;
	bool started; /* and was not reset since */
	struct vgpu_snapshot_room room;
	bool watches;
	struct vgpu_watch watch;
};

static void record_start(void *opaque, const struct vgpu_start_event *event)
{
	struct vgpu_recorder *recorder = opaque;
	struct vgpu_trace_record record = {
		.type = VGPU_TRACE_START,
		.time_ns = event->time_ns,
		.start = *event,
	};

	recorder->start = record;
	recorder->started = true;
	vgpu_trace_writer_put(recorder->writer, &record);
}

static bool shows_something(const struct vgpu_device *device)
{
	for (uint32_t i = 0; i < vgpu_device_num_scanouts(device); i++)
		if (vgpu_device_scanout(device, i)->resource_id != 0)
			return true;
	return false;
}

static void record_reset(void *opaque, uint64_t time_ns)
{
	struct vgpu_recorder *recorder = opaque;
	struct vgpu_trace_record record = {.type = VGPU_TRACE_RESET, .time_ns = time_ns};

	recorder->started = false;
	if (recorder->watches && shows_something(recorder->device))
		vgpu_watch_reset(&recorder->watch, time_ns);
	vgpu_trace_writer_put(recorder->writer, &record);
}

static void record_outputs(void *opaque, uint64_t time_ns, const struct vgpu_output *outputs,
			   unsigned int num_scanouts)
{
	struct vgpu_recorder *recorder = opaque;
	struct vgpu_trace_record record = {.type = VGPU_TRACE_OUTPUTS, .time_ns = time_ns};

	if (num_scanouts > VGPU_MAX_SCANOUTS)
		num_scanouts = VGPU_MAX_SCANOUTS;
	record.outputs.num_scanouts = num_scanouts;
	memcpy(record.outputs.outputs, outputs, num_scanouts * sizeof(*outputs));
	recorder->outputs = record;
	vgpu_trace_writer_put(recorder->writer, &record);
}

static void record_register(void *opaque, uint64_t time_ns, bool write, uint32_t offset,
			    unsigned int size, uint64_t value)
{
	struct vgpu_recorder *recorder = opaque;
	struct vgpu_trace_record record = {
		.type = VGPU_TRACE_REGISTER,
		.time_ns = time_ns,
		.reg = {.write = write, .offset = offset, .size = size, .value = value},
	};

	vgpu_trace_writer_put(recorder->writer, &record);
}

/* Reads that go on where the one before ended are one segment. */
static bool join_segments(struct vgpu_recorder *recorder, const struct vgpu_request_event *event,
			  struct vgpu_trace_request *request)
{
	struct vgpu_trace_segment *segments =
		array_reserve(recorder->segments, &recorder->segments_capacity, event->num_reads,
			      sizeof(*segments));
	size_t n = 0;

	if (segments == NULL)
		return false;
	recorder->segments = segments;
	for (size_t i = 0; i < event->num_reads; i++) {
		const struct vgpu_guest_read *read = &event->reads[i];
		struct vgpu_trace_segment *last = n > 0 ? &segments[n - 1] : NULL;

		if (read->len == 0)
			continue;
		if (last != NULL && last->gpa + last->len == read->gpa &&
		    last->len <= UINT32_MAX - read->len)
			last->len += read->len;
		else
			segments[n++] = (struct vgpu_trace_segment){read->gpa, read->len};
	}
	request->segments = segments;
	request->num_segments = n;
	return true;
}

/* The reads' bytes one behind the other; NULL if out of memory. */
static const uint8_t *join_data(struct vgpu_recorder *recorder,
				const struct vgpu_request_event *event, uint64_t len)
{
	const uint8_t *next = event->reads[0].data;
	size_t i = 0;

	/* Often they lie like that already. */
	while (i < event->num_reads && event->reads[i].data == next)
		next += event->reads[i++].len;
	if (i == event->num_reads)
		return event->reads[0].data;

	uint8_t *data = array_reserve(recorder->data, &recorder->data_capacity, len, 1);
	if (data == NULL)
		return NULL;
	recorder->data = data;
	for (i = 0; i < event->num_reads; i++) {
		memcpy(data, event->reads[i].data, event->reads[i].len);
		data += event->reads[i].len;
	}
	return recorder->data;
}

/* Of a request that has its data_len. */
static void add_reads(struct vgpu_recorder *recorder, const struct vgpu_request_event *event,
		      struct vgpu_trace_request *request)
{
	request->dropped = event->reads_lost;
	if (event->num_reads == 0)
		return;
	request->pitch = event->read_pitch;
	if (!join_segments(recorder, event, request)) {
		request->data_len = 0;
		request->dropped = true;
		return;
	}
	/* More than a trace can hold: a guest must not get memory for it here either. */
	if (request->data_len <= TRACE_MAX_DATA)
		request->data = join_data(recorder, event, request->data_len);
	request->dropped = request->data == NULL && request->data_len > 0;
}

static void record_frame(struct vgpu_recorder *recorder, uint64_t time_ns,
			 const struct vgpu_frame_event *event)
{
	struct vgpu_trace_record record = {
		.type = VGPU_TRACE_FRAME,
		.time_ns = time_ns,
		.frame = {.scanout_id = event->scanout_id,
			  .width = event->width,
			  .height = event->height,
			  .damage = event->damage},
	};
	struct vgpu_frame_hash hash;

	/* Without memory for the picture its hash stays zero: not known. */
	if (vgpu_frame_hash_scanout(recorder->device, event->scanout_id, &hash) == 0)
		record.frame.hash = hash;
	vgpu_trace_writer_put(recorder->writer, &record);
}

static void put_state(void *opaque, const struct vgpu_trace_record *record)
{
	struct vgpu_recorder *recorder = opaque;

	vgpu_trace_writer_put(recorder->writer, record);
}

/* What comes is in another file, which can be played by itself. */
static void put_beginning(struct vgpu_recorder *recorder)
{
	recorder->outputs.time_ns = recorder->start.time_ns = vgpu_now_ns();
	vgpu_trace_writer_put(recorder->writer, &recorder->outputs);
	if (!recorder->started)
		return;
	recorder->start.state = true;
	vgpu_trace_writer_put(recorder->writer, &recorder->start);
	vgpu_snapshot(recorder->device, &recorder->room, put_state, recorder);
}

/*
 * The guest has its answer, but whoever looks for it may be waiting for this very
 * processor: a thread is often woken where the one runs that wakes it, and stays there.
 */
static void give_way(uint64_t data_len, unsigned int num_frames)
{
	if (data_len >= LONG_BYTES || num_frames > 0)
		sched_yield();
}

static void record_request(void *opaque, const struct vgpu_request_event *event)
{
	struct vgpu_recorder *recorder = opaque;
	struct vgpu_trace_record record = {
		.type = VGPU_TRACE_REQUEST,
		.time_ns = event->begin_ns,
		.request = {.begin_ns = event->begin_ns,
			    .end_ns = event->end_ns,
			    .queue = event->queue,
			    .head = event->head,
			    .interrupt = event->interrupt,
			    .indirect_at = event->indirect_at,
			    .descs = event->descs,
			    .num_descs = event->num_descs,
			    .request = event->request,
			    .request_len = event->request_len,
			    .response = event->response,
			    .used_len = event->used_len},
	};

	for (size_t i = 0; i < event->num_reads; i++)
		record.request.data_len += event->reads[i].len;
	give_way(record.request.data_len, event->num_frames);
	add_reads(recorder, event, &record.request);
	vgpu_trace_writer_put(recorder->writer, &record);
	for (unsigned int i = 0; i < event->num_frames; i++)
		record_frame(recorder, event->end_ns, &event->frames[i]);
	if (!vgpu_trace_writer_wants_next(recorder->writer))
		return;
	vgpu_trace_writer_next(recorder->writer);
	put_beginning(recorder);
}

static const struct vgpu_observer_ops observer_ops = {
	.start = record_start,
	.reset = record_reset,
	.outputs = record_outputs,
	.request = record_request,
	.reg = record_register,
};

struct vgpu_recorder *vgpu_recorder_new(struct vgpu_device *device,
					struct vgpu_trace_writer *writer)
{
	struct vgpu_recorder *recorder = calloc(1, sizeof(*recorder));

	if (recorder == NULL)
		return NULL;
	recorder->device = device;
	recorder->writer = writer;
	vgpu_device_set_observer(device, &observer_ops, recorder);
	return recorder;
}

/* ---- the last while ---------------------------------------------------------------- */

void vgpu_recorder_watch(struct vgpu_recorder *recorder, uint64_t wait_ns)
{
	recorder->watches = true;
	vgpu_watch_init(&recorder->watch, wait_ns);
}

static int dump(struct vgpu_recorder *recorder, const struct vgpu_trace_dump *why)
{
	int ret = vgpu_trace_writer_dump(recorder->writer, why);

	if (ret == 0)
		put_beginning(recorder);
	return ret;
}

int vgpu_recorder_dump(struct vgpu_recorder *recorder)
{
	return dump(recorder, &(struct vgpu_trace_dump){.cause = VGPU_TRACE_DUMP_SIGNAL});
}

void vgpu_recorder_look(struct vgpu_recorder *recorder)
{
	uint64_t now = vgpu_now_ns();
	struct vgpu_trace_dump why;

	if (!recorder->watches)
		return;
	vgpu_watch_violations(&recorder->watch, now, vgpu_device_violations(recorder->device));
	if (vgpu_watch_due(&recorder->watch, now, &why) && dump(recorder, &why) == 0)
		vgpu_watch_done(&recorder->watch, now);
}

void vgpu_recorder_faults(const struct vgpu_recorder *recorder, uint64_t *faults, uint64_t *traces)
{
	*faults = recorder->watch.faults;
	*traces = recorder->watch.traces;
}

void vgpu_recorder_free(struct vgpu_recorder *recorder)
{
	if (recorder == NULL)
		return;
	vgpu_device_set_observer(recorder->device, NULL, NULL);
	free(recorder->segments);
	free(recorder->data);
	free(recorder);
}
