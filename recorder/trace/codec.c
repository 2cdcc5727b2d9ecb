/* SPDX-License-Identifier: MIT */
#include "trace/codec.h"
#include "trace/format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Room for type and length in front of a body whose length is not known yet. */
#define RECORD_PREFIX 16

#define FLAG_READY	 0x1u /* of a queue */
#define FLAG_ENABLED	 0x1u /* of an output */
#define FLAG_WRITE	 0x1u /* of a register access */
#define FLAG_INTERRUPT	 0x1u /* of a request */
#define FLAG_DROPPED	 0x2u
#define FLAG_STATE	 0x4u
#define FLAG_START_STATE 0x1u /* of a START */

/* ---- small parts ----------------------------------------------------------- */

static void put_time(struct trace_encoder *encoder, uint64_t time_ns)
{
	bytes_put_int(encoder->out, (int64_t)(time_ns - encoder->base_ns));
}

static uint64_t take_time(struct trace_decoder *decoder)
{
	return decoder->base_ns + (uint64_t)cursor_int(&decoder->in);
}

static void put_rect(struct bytes *out, const struct vgpu_rect *rect)
{
	bytes_put_uint(out, rect->x);
	bytes_put_uint(out, rect->y);
	bytes_put_uint(out, rect->width);
	bytes_put_uint(out, rect->height);
}

static struct vgpu_rect take_rect(struct cursor *in)
{
	struct vgpu_rect rect;

	rect.x = cursor_u32(in);
	rect.y = cursor_u32(in);
	rect.width = cursor_u32(in);
	rect.height = cursor_u32(in);
	return rect;
}

static bool fail_no_memory(struct trace_decoder *decoder)
{
	decoder->no_memory = true;
	cursor_fail(&decoder->in, "out of memory");
	return false;
}

/* ---- START, RESET, OUTPUTS, REGISTER ----------------------------------------- */

static void put_start(struct trace_encoder *encoder, const struct vgpu_trace_record *record)
{
	const struct vgpu_start_event *start = &record->start;
	struct bytes *out = encoder->out;

	bytes_put_uint(out, start->features_offered);
	bytes_put_uint(out, start->features_accepted);
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++) {
		const struct vgpu_queue_info *queue = &start->queues[i];

		bytes_put_uint(out, queue->ready ? FLAG_READY : 0);
		bytes_put_uint(out, queue->size);
		bytes_put_uint(out, queue->desc);
		bytes_put_uint(out, queue->driver);
		bytes_put_uint(out, queue->device);
	}
	if (record->state)
		bytes_put_uint(out, FLAG_START_STATE);
}

static void take_start(struct trace_decoder *decoder, struct vgpu_trace_record *record)
{
	struct vgpu_start_event *start = &record->start;
	struct cursor *in = &decoder->in;

	start->time_ns = record->time_ns;
	start->features_offered = cursor_uint(in);
	start->features_accepted = cursor_uint(in);
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++) {
		struct vgpu_queue_info *queue = &start->queues[i];

		queue->ready = (cursor_uint(in) & FLAG_READY) != 0;
		queue->size = (uint16_t)cursor_max(in, UINT16_MAX, "queue size out of range");
		queue->desc = cursor_uint(in);
		queue->driver = cursor_uint(in);
		queue->device = cursor_uint(in);
	}
	if (cursor_left(in) > 0)
		record->state = (cursor_uint(in) & FLAG_START_STATE) != 0;
}

/* A RESET is nothing but its time. */
static void put_nothing(struct trace_encoder *encoder, const struct vgpu_trace_record *record)
{
	(void)encoder;
	(void)record;
}

static void take_nothing(struct trace_decoder *decoder, struct vgpu_trace_record *record)
{
	(void)decoder;
	(void)record;
}

void trace_put_outputs(struct bytes *out, const struct vgpu_trace_outputs *outputs)
{
	bytes_put_uint(out, outputs->num_scanouts);
	for (unsigned int i = 0; i < outputs->num_scanouts; i++) {
		bytes_put_uint(out, outputs->outputs[i].enabled ? FLAG_ENABLED : 0);
		put_rect(out, &outputs->outputs[i].rect);
	}
}

void trace_take_outputs(struct cursor *in, struct vgpu_trace_outputs *outputs)
{
	outputs->num_scanouts =
		(unsigned int)cursor_max(in, VGPU_MAX_SCANOUTS, "more than 16 scanouts");
	for (unsigned int i = 0; i < outputs->num_scanouts; i++) {
		outputs->outputs[i].enabled = (cursor_uint(in) & FLAG_ENABLED) != 0;
		outputs->outputs[i].rect = take_rect(in);
	}
}

static void put_outputs(struct trace_encoder *encoder, const struct vgpu_trace_record *record)
{
	trace_put_outputs(encoder->out, &record->outputs);
}

static void take_outputs(struct trace_decoder *decoder, struct vgpu_trace_record *record)
{
	trace_take_outputs(&decoder->in, &record->outputs);
	if (record->outputs.num_scanouts == 0)
		cursor_fail(&decoder->in, "no scanouts");
}

static void put_register(struct trace_encoder *encoder, const struct vgpu_trace_record *record)
{
	const struct vgpu_trace_register *reg = &record->reg;

	bytes_put_uint(encoder->out, reg->write ? FLAG_WRITE : 0);
	bytes_put_uint(encoder->out, reg->offset);
	bytes_put_uint(encoder->out, reg->size);
	bytes_put_uint(encoder->out, reg->value);
}

static void take_register(struct trace_decoder *decoder, struct vgpu_trace_record *record)
{
	struct vgpu_trace_register *reg = &record->reg;
	struct cursor *in = &decoder->in;

	reg->write = (cursor_uint(in) & FLAG_WRITE) != 0;
	reg->offset = cursor_u32(in);
	reg->size = (unsigned int)cursor_max(in, 8, "register of more than 8 bytes");
	if (reg->size == 0 || (reg->size & (reg->size - 1)) != 0)
		cursor_fail(in, "register size is not 1, 2, 4 or 8");
	reg->value = cursor_uint(in);
}

/* ---- REQUEST ------------------------------------------------------------------ */

static void put_descs(struct bytes *out, const struct vgpu_trace_request *request)
{
	bytes_put_uint(out, request->num_descs);
	for (unsigned int i = 0; i < request->num_descs; i++)
		bytes_put_uint(out, (uint64_t)request->descs[i].len << 1 |
					    (request->descs[i].device_writable ? 1 : 0));
	bytes_put_uint(out, (uint64_t)(request->indirect_at + 1));
}

static void take_descs(struct trace_decoder *decoder, struct vgpu_trace_request *request)
{
	struct cursor *in = &decoder->in;
	size_t count = cursor_max(in, TRACE_MAX_DESCS, "too many descriptors");

	/* A descriptor takes a byte at least, so this bounds the memory by the file. */
	if (count > cursor_left(in)) {
		cursor_fail(in, "more descriptors than bytes");
		return;
	}
	struct vgpu_chain_desc *descs =
		array_reserve(decoder->descs, &decoder->descs_capacity, count, sizeof(*descs));
	if (descs == NULL) {
		fail_no_memory(decoder);
		return;
	}
	decoder->descs = descs;
	for (size_t i = 0; i < count; i++) {
		uint64_t desc = cursor_max(in, (uint64_t)UINT32_MAX << 1 | 1,
					   "descriptor of more than 32 bits");
		descs[i].len = (uint32_t)(desc >> 1);
		descs[i].device_writable = (desc & 1) != 0;
	}
	request->descs = descs;
	request->num_descs = (unsigned int)count;
	request->indirect_at =
		(int)cursor_max(in, count, "indirect descriptor outside the chain") - 1;
}

/* How many segments from the first on have its length and lie at equal distances. */
static size_t run_length(const struct vgpu_trace_segment *segments, size_t count)
{
	size_t n = 1;

	if (count < 2)
		return count;
	uint64_t stride = segments[1].gpa - segments[0].gpa;
	while (n < count && segments[n].len == segments[0].len &&
	       segments[n].gpa - segments[n - 1].gpa == stride)
		n++;
	return n;
}

/* As runs {count, len, distance from the end of the segment before, stride - len}. */
static void put_segments(struct bytes *out, const struct vgpu_trace_request *request)
{
	uint64_t expected = 0;

	bytes_put_uint(out, request->num_segments);
	for (size_t at = 0; at < request->num_segments;) {
		const struct vgpu_trace_segment *segment = &request->segments[at];
		size_t count = run_length(segment, request->num_segments - at);

		bytes_put_uint(out, count);
		bytes_put_uint(out, segment->len);
		bytes_put_int(out, (int64_t)(segment->gpa - expected));
		if (count > 1)
			bytes_put_int(out,
				      (int64_t)(segment[1].gpa - segment[0].gpa - segment[0].len));
		expected = segment[count - 1].gpa + segment[count - 1].len;
		at += count;
	}
}

static void take_run(struct cursor *in, struct vgpu_trace_segment *segment, size_t count,
		     uint64_t *expected)
{
	uint32_t len = cursor_u32(in);
	uint64_t gpa = *expected + (uint64_t)cursor_int(in);
	uint64_t stride = count > 1 ? len + (uint64_t)cursor_int(in) : 0;

	for (size_t i = 0; i < count; i++) {
		segment[i].gpa = gpa + i * stride;
		segment[i].len = len;
	}
	*expected = segment[count - 1].gpa + len;
}

static void take_segments(struct trace_decoder *decoder, struct vgpu_trace_request *request)
{
	struct cursor *in = &decoder->in;
	size_t total = cursor_max(in, TRACE_MAX_SEGMENTS, "too many segments");
	struct vgpu_trace_segment *segments = array_reserve(
		decoder->segments, &decoder->segments_capacity, total, sizeof(*segments));
	uint64_t expected = 0;

	if (segments == NULL) {
		fail_no_memory(decoder);
		return;
	}
	decoder->segments = segments;
	request->segments = segments;
	request->num_segments = total;
	for (size_t done = 0; done < total;) {
		size_t count = cursor_max(in, total - done, "more segments than it says");
		if (count == 0)
			cursor_fail(in, "empty run of segments");
		if (in->why != NULL)
			return;
		take_run(in, segments + done, count, &expected);
		done += count;
	}
	for (size_t i = 0; i < total; i++)
		request->data_len += segments[i].len; /* 2^20 of less than 2^32: no wrap */
}

/* As runs {count * 2 + repeat, distance from the chunk after the one before}. */
static void put_refs(struct trace_encoder *encoder)
{
	uint32_t expected = 0;

	bytes_put_uint(encoder->out, encoder->num_refs);
	for (size_t i = 0; i < encoder->num_refs; i++) {
		const struct trace_ref *ref = &encoder->refs[i];

		bytes_put_uint(encoder->out, (uint64_t)ref->count << 1 | (ref->repeat ? 1 : 0));
		bytes_put_int(encoder->out, (int64_t)ref->start - expected);
		expected = ref->start + (ref->repeat ? 1 : ref->count);
	}
}

static void take_refs(struct trace_decoder *decoder)
{
	struct cursor *in = &decoder->in;
	size_t count = cursor_uint(in);
	uint64_t expected = 0;

	if (count > cursor_left(in) / 2) {
		cursor_fail(in, "more references than bytes");
		return;
	}
	struct trace_ref *refs =
		array_reserve(decoder->refs, &decoder->refs_capacity, count, sizeof(*refs));
	if (refs == NULL) {
		fail_no_memory(decoder);
		return;
	}
	decoder->refs = refs;
	decoder->num_refs = count;
	for (size_t i = 0; i < count; i++) {
		uint64_t run = cursor_max(in, (uint64_t)UINT32_MAX << 1 | 1,
					  "reference to too many chunks");
		uint64_t start = expected + (uint64_t)cursor_int(in);

		refs[i].repeat = (run & 1) != 0;
		refs[i].count = (uint32_t)(run >> 1);
		if (start > TRACE_MAX_CHUNKS)
			cursor_fail(in, "reference outside the content table");
		refs[i].start = (uint32_t)start;
		expected = start + (refs[i].repeat ? 1 : refs[i].count);
	}
}

static void put_request(struct trace_encoder *encoder, const struct vgpu_trace_record *record)
{
	const struct vgpu_trace_request *request = &record->request;
	struct bytes *out = encoder->out;

	bytes_put_int(out, (int64_t)(request->end_ns - request->begin_ns));
	bytes_put_uint(out, (request->interrupt ? FLAG_INTERRUPT : 0) |
				    (request->dropped ? FLAG_DROPPED : 0) |
				    (request->state ? FLAG_STATE : 0));
	bytes_put_uint(out, request->queue);
	bytes_put_uint(out, request->head);
	put_descs(out, request);
	bytes_put_uint(out, request->request_len);
	bytes_put(out, request->request, request->request_len);
	bytes_put_uint(out, request->used_len);
	bytes_put(out, request->response, request->used_len);
	bytes_put_uint(out, request->pitch);
	put_segments(out, request);
	if (!request->dropped)
		put_refs(encoder);
}

static void take_request(struct trace_decoder *decoder, struct vgpu_trace_record *record)
{
	struct vgpu_trace_request *request = &record->request;
	struct cursor *in = &decoder->in;

	request->begin_ns = record->time_ns;
	request->end_ns = record->time_ns + (uint64_t)cursor_int(in);
	uint64_t flags = cursor_uint(in);
	request->interrupt = (flags & FLAG_INTERRUPT) != 0;
	request->dropped = (flags & FLAG_DROPPED) != 0;
	request->state = (flags & FLAG_STATE) != 0;
	request->queue = (unsigned int)cursor_max(in, VGPU_NUM_QUEUES - 1, "no such queue");
	request->head = (uint16_t)cursor_max(in, UINT16_MAX, "head out of range");
	take_descs(decoder, request);
	request->request_len = (uint32_t)cursor_max(in, TRACE_MAX_MESSAGE, "request too long");
	request->request = cursor_take(in, request->request_len);
	request->used_len = (uint32_t)cursor_max(in, TRACE_MAX_MESSAGE, "response too long");
	request->response = cursor_take(in, request->used_len);
	request->pitch = cursor_u32(in);
	take_segments(decoder, request);
	decoder->num_refs = 0;
	if (request->dropped)
		return;
	take_refs(decoder);
	if (request->data_len > TRACE_MAX_DATA)
		cursor_fail(in, "more than 256 MiB of guest memory");
}

/* ---- FRAME, END ------------------------------------------------------------------ */

static void put_frame(struct trace_encoder *encoder, const struct vgpu_trace_record *record)
{
	const struct vgpu_trace_frame *frame = &record->frame;

	bytes_put_uint(encoder->out, frame->scanout_id);
	bytes_put_uint(encoder->out, frame->width);
	bytes_put_uint(encoder->out, frame->height);
	put_rect(encoder->out, &frame->damage);
	bytes_put(encoder->out, frame->hash.bytes, sizeof(frame->hash.bytes));
}

static void take_frame(struct trace_decoder *decoder, struct vgpu_trace_record *record)
{
	struct vgpu_trace_frame *frame = &record->frame;
	struct cursor *in = &decoder->in;

	frame->scanout_id = (uint32_t)cursor_max(in, VGPU_MAX_SCANOUTS - 1, "no such scanout");
	frame->width = cursor_u32(in);
	frame->height = cursor_u32(in);
	frame->damage = take_rect(in);
	const uint8_t *hash = cursor_take(in, sizeof(frame->hash.bytes));
	if (hash != NULL)
		memcpy(frame->hash.bytes, hash, sizeof(frame->hash.bytes));
}

static void put_end(struct trace_encoder *encoder, const struct vgpu_trace_record *record)
{
	const struct vgpu_trace_end *end = &record->end;

	bytes_put_uint(encoder->out, end->requests);
	bytes_put_uint(encoder->out, end->frames);
	bytes_put_uint(encoder->out, end->dropped);
	bytes_put_uint(encoder->out, VGPU_NUM_VIOLATIONS);
	for (unsigned int i = 0; i < VGPU_NUM_VIOLATIONS; i++)
		bytes_put_uint(encoder->out, end->violations[i]);
	bytes_put_uint(encoder->out, end->cause);
	bytes_put_uint(encoder->out, end->lost_requests);
	bytes_put_uint(encoder->out, end->lost_frames);
}

static void take_end(struct trace_decoder *decoder, struct vgpu_trace_record *record)
{
	struct vgpu_trace_end *end = &record->end;
	struct cursor *in = &decoder->in;

	end->requests = cursor_uint(in);
	end->frames = cursor_uint(in);
	end->dropped = cursor_uint(in);
	uint64_t count = cursor_uint(in);
	/* A later version may know more kinds: those are skipped, but must be there. */
	for (uint64_t i = 0; i < count && in->why == NULL; i++) {
		uint64_t violations = cursor_uint(in);
		if (i < VGPU_NUM_VIOLATIONS)
			end->violations[i] = violations;
	}
	/* Version 1.0 ends here. */
	if (cursor_left(in) == 0)
		return;
	end->cause = cursor_uint(in);
	end->lost_requests = cursor_uint(in);
	end->lost_frames = cursor_uint(in);
}

/* ---- all of them --------------------------------------------------------------- */

struct record_type {
	const char *name;
	void (*put)(struct trace_encoder *encoder, const struct vgpu_trace_record *record);
	void (*take)(struct trace_decoder *decoder, struct vgpu_trace_record *record);
};

static const struct record_type record_types[] = {
	[VGPU_TRACE_START] = {"START", put_start, take_start},
	[VGPU_TRACE_RESET] = {"RESET", put_nothing, take_nothing},
	[VGPU_TRACE_OUTPUTS] = {"OUTPUTS", put_outputs, take_outputs},
	[VGPU_TRACE_REGISTER] = {"REGISTER", put_register, take_register},
	[VGPU_TRACE_REQUEST] = {"REQUEST", put_request, take_request},
	[VGPU_TRACE_FRAME] = {"FRAME", put_frame, take_frame},
	[VGPU_TRACE_END] = {"END", put_end, take_end},
};

static const struct record_type *find_type(uint64_t type)
{
	if (type >= sizeof(record_types) / sizeof(record_types[0]))
		return NULL;
	return record_types[type].put == NULL ? NULL : &record_types[type];
}

const char *trace_record_name(uint64_t type)
{
	const struct record_type *known = find_type(type);

	if (type == TRACE_RECORD_CONTENT)
		return "CONTENT";
	return known == NULL ? "record" : known->name;
}

static bool encodable(const struct vgpu_trace_record *record)
{
	const struct vgpu_trace_request *request = &record->request;

	if (record->type == VGPU_TRACE_OUTPUTS)
		return record->outputs.num_scanouts >= 1 &&
		       record->outputs.num_scanouts <= VGPU_MAX_SCANOUTS;
	if (record->type != VGPU_TRACE_REQUEST)
		return true;
	return request->queue < VGPU_NUM_QUEUES && request->num_descs <= TRACE_MAX_DESCS &&
	       request->indirect_at >= -1 && request->indirect_at < (int)request->num_descs &&
	       request->request_len <= TRACE_MAX_MESSAGE &&
	       request->used_len <= TRACE_MAX_MESSAGE &&
	       request->num_segments <= TRACE_MAX_SEGMENTS;
}

/* Puts type and length in front of the body that follows the room left for them. */
static void close_record(struct bytes *out, size_t start, uint64_t type)
{
	size_t body = out->len - start - RECORD_PREFIX;
	uint8_t room[RECORD_PREFIX];
	struct bytes prefix = {.data = room, .capacity = sizeof(room)};

	bytes_put_u8(&prefix, (uint8_t)type);
	bytes_put_uint(&prefix, body);
	memcpy(out->data + start, prefix.data, prefix.len);
	memmove(out->data + start + prefix.len, out->data + start + RECORD_PREFIX, body);
	out->len = start + prefix.len + body;
}

bool trace_encode(struct trace_encoder *encoder, const struct vgpu_trace_record *record)
{
	const struct record_type *type = find_type(record->type);
	struct bytes *out = encoder->out;
	size_t start = out->len;

	if (type == NULL || !encodable(record) || !bytes_reserve(out, RECORD_PREFIX))
		return false;
	out->len += RECORD_PREFIX;
	put_time(encoder, record->time_ns);
	type->put(encoder, record);
	if (out->failed || out->len > TRACE_MAX_BLOCK) {
		out->len = start;
		return false;
	}
	close_record(out, start, record->type);
	return true;
}

int trace_decode(struct trace_decoder *decoder, uint64_t type, struct vgpu_trace_record *record)
{
	const struct record_type *known = find_type(type);

	if (known == NULL)
		return 0;
	memset(record, 0, sizeof(*record));
	record->type = (enum vgpu_trace_type)type;
	decoder->no_memory = false;
	record->time_ns = take_time(decoder);
	known->take(decoder, record);
	if (decoder->no_memory)
		return -ENOMEM;
	return decoder->in.why == NULL ? 1 : -EBADMSG;
}

void trace_decoder_fini(struct trace_decoder *decoder)
{
	free(decoder->descs);
	free(decoder->segments);
	free(decoder->refs);
	*decoder = (struct trace_decoder){0};
}
