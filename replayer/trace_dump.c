/* SPDX-License-Identifier: MIT */
#include "decode.h"
#include "trace_tools.h"

#include <inttypes.h>
#include <string.h>

struct dump {
	FILE *out;
	const struct vgpu_trace_tool_options *options;
	uint64_t begin_ns;
	bool begun;
};

static const char *queue_name(unsigned int queue)
{
	static const char *const names[VGPU_NUM_QUEUES] = {"control", "cursor"};

	return queue < VGPU_NUM_QUEUES ? names[queue] : "?";
}

static double since_begin(const struct dump *dump, uint64_t time_ns)
{
	return time_ns > dump->begin_ns ? (double)(time_ns - dump->begin_ns) / 1e9 : 0.0;
}

/* ---- text: a number or a mark, the time, and what happened ------------------------------- */

static void text_request(const struct dump *dump, const struct vgpu_trace_request *request)
{
	char text[VGPU_DECODE_TEXT], answer[VGPU_DECODE_TEXT];

	vgpu_decode_request(request->request, request->request_len, text);
	vgpu_decode_answer(request->response, request->used_len, answer);
	fprintf(dump->out, "%8" PRIu64 " %12.6f %-7s %s -> %s used=%u", request->number,
		since_begin(dump, request->begin_ns), queue_name(request->queue), text, answer,
		request->used_len);
	if (request->state)
		fprintf(dump->out, " state");
	if (request->dropped)
		fprintf(dump->out, " read=dropped");
	else if (request->data_len > 0)
		fprintf(dump->out, " read=%" PRIu64, request->data_len);
	fprintf(dump->out, " us=%.1f\n", (double)(request->end_ns - request->begin_ns) / 1e3);
}

static void text_frame(const struct dump *dump, const struct vgpu_trace_frame *frame,
		       uint64_t time_ns)
{
	char hash[VGPU_FRAME_HASH_TEXT];

	vgpu_frame_hash_text(&frame->hash, hash);
	fprintf(dump->out,
		"%8s %12.6f FRAME   frame=%" PRIu64
		" scanout=%u size=%ux%u damage=%ux%u+%u+%u hash=%s\n",
		"", since_begin(dump, time_ns), frame->number, frame->scanout_id, frame->width,
		frame->height, frame->damage.width, frame->damage.height, frame->damage.x,
		frame->damage.y, hash);
}

static void text_start(const struct dump *dump, const struct vgpu_start_event *start,
		       uint64_t time_ns)
{
	fprintf(dump->out, "%8s %12.6f START   offered=0x%" PRIx64 " accepted=0x%" PRIx64, "",
		since_begin(dump, time_ns), start->features_offered, start->features_accepted);
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		if (start->queues[i].ready)
			fprintf(dump->out, " %s=%u", queue_name(i), start->queues[i].size);
	fputc('\n', dump->out);
}

static void text_outputs(const struct dump *dump, const struct vgpu_trace_outputs *outputs,
			 uint64_t time_ns)
{
	fprintf(dump->out, "%8s %12.6f OUTPUTS", "", since_begin(dump, time_ns));
	for (unsigned int i = 0; i < outputs->num_scanouts; i++) {
		const struct vgpu_rect *rect = &outputs->outputs[i].rect;
		fprintf(dump->out, " %u:%ux%u+%u+%u%s", i, rect->width, rect->height, rect->x,
			rect->y, outputs->outputs[i].enabled ? "" : ":disabled");
	}
	fputc('\n', dump->out);
}

static void text_register(const struct dump *dump, const struct vgpu_trace_register *reg,
			  uint64_t time_ns)
{
	const char *name = vgpu_register_name(reg->offset);

	fprintf(dump->out, "%8s %12.6f %-7s 0x%03x %-17s size=%u value=0x%" PRIx64 "\n", "",
		since_begin(dump, time_ns), reg->write ? "WRITE" : "READ", reg->offset,
		name != NULL ? name : "-", reg->size, reg->value);
}

static void text_record(const struct dump *dump, const struct vgpu_trace_record *record)
{
	switch (record->type) {
	case VGPU_TRACE_START:
		text_start(dump, &record->start, record->time_ns);
		break;
	case VGPU_TRACE_RESET:
		fprintf(dump->out, "%8s %12.6f RESET\n", "", since_begin(dump, record->time_ns));
		break;
	case VGPU_TRACE_OUTPUTS:
		text_outputs(dump, &record->outputs, record->time_ns);
		break;
	case VGPU_TRACE_REGISTER:
		text_register(dump, &record->reg, record->time_ns);
		break;
	case VGPU_TRACE_REQUEST:
		text_request(dump, &record->request);
		break;
	case VGPU_TRACE_FRAME:
		text_frame(dump, &record->frame, record->time_ns);
		break;
	case VGPU_TRACE_END:
		fprintf(dump->out,
			"END requests=%" PRIu64 " frames=%" PRIu64 " dropped=%" PRIu64
			" lost=%" PRIu64 "\n",
			record->end.requests, record->end.frames, record->end.dropped,
			record->end.lost_requests);
		break;
	}
}

/* ---- JSON: an object per line --------------------------------------------------------------- */

static void add_u64(cJSON *object, const char *name, uint64_t value)
{
	char number[24];

	snprintf(number, sizeof(number), "%" PRIu64, value);
	cJSON_AddRawToObject(object, name, number);
}

static void add_rect(cJSON *object, const char *name, const struct vgpu_rect *rect)
{
	cJSON *member = cJSON_AddObjectToObject(object, name);

	cJSON_AddNumberToObject(member, "x", rect->x);
	cJSON_AddNumberToObject(member, "y", rect->y);
	cJSON_AddNumberToObject(member, "width", rect->width);
	cJSON_AddNumberToObject(member, "height", rect->height);
}

static void json_request(cJSON *object, const struct vgpu_trace_request *request)
{
	add_u64(object, "number", request->number);
	cJSON_AddStringToObject(object, "queue", queue_name(request->queue));
	cJSON_AddNumberToObject(object, "head", request->head);
	cJSON *list = cJSON_AddArrayToObject(object, "descriptors");
	for (unsigned int i = 0; i < request->num_descs; i++) {
		cJSON *item = cJSON_CreateObject();
		cJSON_AddNumberToObject(item, "len", request->descs[i].len);
		cJSON_AddBoolToObject(item, "device_writable", request->descs[i].device_writable);
		cJSON_AddItemToArray(list, item);
	}
	if (request->indirect_at >= 0)
		cJSON_AddNumberToObject(object, "indirect_at", request->indirect_at);
	cJSON_AddItemToObject(object, "request", cJSON_CreateObject());
	vgpu_decode_request_json(request->request, request->request_len,
				 cJSON_GetObjectItem(object, "request"));
	vgpu_decode_answer_json(request->response, request->used_len, object);
	cJSON_AddNumberToObject(object, "request_len", request->request_len);
	cJSON_AddNumberToObject(object, "used_len", request->used_len);
	add_u64(object, "read", request->data_len);
	cJSON_AddBoolToObject(object, "dropped", request->dropped);
	cJSON_AddBoolToObject(object, "state", request->state);
	cJSON_AddBoolToObject(object, "interrupt", request->interrupt);
	add_u64(object, "duration_ns", request->end_ns - request->begin_ns);
}

static void json_frame(cJSON *object, const struct vgpu_trace_frame *frame)
{
	char hash[VGPU_FRAME_HASH_TEXT];

	vgpu_frame_hash_text(&frame->hash, hash);
	add_u64(object, "number", frame->number);
	add_u64(object, "request", frame->request);
	cJSON_AddNumberToObject(object, "scanout", frame->scanout_id);
	cJSON_AddNumberToObject(object, "width", frame->width);
	cJSON_AddNumberToObject(object, "height", frame->height);
	add_rect(object, "damage", &frame->damage);
	cJSON_AddStringToObject(object, "hash", hash);
}

static void json_start(cJSON *object, const struct vgpu_start_event *start)
{
	add_u64(object, "features_offered", start->features_offered);
	add_u64(object, "features_accepted", start->features_accepted);
	cJSON *list = cJSON_AddArrayToObject(object, "queues");
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++) {
		cJSON *item = cJSON_CreateObject();
		cJSON_AddBoolToObject(item, "ready", start->queues[i].ready);
		cJSON_AddNumberToObject(item, "size", start->queues[i].size);
		cJSON_AddItemToArray(list, item);
	}
}

static void json_outputs(cJSON *object, const struct vgpu_trace_outputs *outputs)
{
	cJSON *list = cJSON_AddArrayToObject(object, "outputs");

	for (unsigned int i = 0; i < outputs->num_scanouts; i++) {
		cJSON *item = cJSON_CreateObject();
		cJSON_AddBoolToObject(item, "enabled", outputs->outputs[i].enabled);
		add_rect(item, "rect", &outputs->outputs[i].rect);
		cJSON_AddItemToArray(list, item);
	}
}

static void json_register(cJSON *object, const struct vgpu_trace_register *reg)
{
	cJSON_AddBoolToObject(object, "write", reg->write);
	cJSON_AddNumberToObject(object, "offset", reg->offset);
	cJSON_AddNumberToObject(object, "size", reg->size);
	add_u64(object, "value", reg->value);
}

static void json_record(const struct dump *dump, const struct vgpu_trace_record *record)
{
	static const char *const types[] = {
		[VGPU_TRACE_START] = "start",	  [VGPU_TRACE_RESET] = "reset",
		[VGPU_TRACE_OUTPUTS] = "outputs", [VGPU_TRACE_REGISTER] = "register",
		[VGPU_TRACE_REQUEST] = "request", [VGPU_TRACE_FRAME] = "frame",
		[VGPU_TRACE_END] = "end",
	};
	cJSON *object = cJSON_CreateObject();

	cJSON_AddStringToObject(object, "type", types[record->type]);
	if (record->type != VGPU_TRACE_END)
		add_u64(object, "time_ns", record->time_ns);
	switch (record->type) {
	case VGPU_TRACE_START:
		json_start(object, &record->start);
		break;
	case VGPU_TRACE_RESET:
		break;
	case VGPU_TRACE_OUTPUTS:
		json_outputs(object, &record->outputs);
		break;
	case VGPU_TRACE_REGISTER:
		json_register(object, &record->reg);
		break;
	case VGPU_TRACE_REQUEST:
		json_request(object, &record->request);
		break;
	case VGPU_TRACE_FRAME:
		json_frame(object, &record->frame);
		break;
	case VGPU_TRACE_END:
		add_u64(object, "requests", record->end.requests);
		add_u64(object, "frames", record->end.frames);
		add_u64(object, "dropped", record->end.dropped);
		add_u64(object, "lost_requests", record->end.lost_requests);
		add_u64(object, "lost_frames", record->end.lost_frames);
		break;
	}
	char *text = cJSON_PrintUnformatted(object);
	if (text != NULL)
		fprintf(dump->out, "%s\n", text);
	cJSON_free(text);
	cJSON_Delete(object);
}

static void dump_record(struct dump *dump, const struct vgpu_trace_record *record)
{
	if (!dump->begun)
		dump->begin_ns = record->time_ns;
	dump->begun = true;
	if (record->type == VGPU_TRACE_REGISTER && !dump->options->registers)
		return;
	if (dump->options->json)
		json_record(dump, record);
	else
		text_record(dump, record);
}

int vgpu_trace_dump(const char *path, const struct vgpu_trace_tool_options *options, FILE *out,
		    struct vgpu_error *err)
{
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, err);
	struct dump dump = {.out = out, .options = options};
	struct vgpu_trace_record record;
	int ret;

	if (reader == NULL)
		return 2;
	while ((ret = vgpu_trace_reader_next(reader, &record, err)) > 0 && !ferror(out))
		dump_record(&dump, &record);
	vgpu_trace_reader_close(reader);
	return ret < 0 ? 2 : 0;
}

int vgpu_trace_verify(const char *path, const struct vgpu_trace_tool_options *options, FILE *out,
		      struct vgpu_error *err)
{
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, err);
	struct vgpu_trace_record record;
	uint64_t requests = 0, frames = 0;
	int ret;

	if (reader == NULL)
		return 2;
	while ((ret = vgpu_trace_reader_next(reader, &record, err)) > 0) {
		requests += record.type == VGPU_TRACE_REQUEST;
		frames += record.type == VGPU_TRACE_FRAME;
	}
	vgpu_trace_reader_close(reader);
	if (options->json)
		fprintf(out, "{\"whole\":%s,\"requests\":%" PRIu64 ",\"frames\":%" PRIu64 "}\n",
			ret == 0 ? "true" : "false", requests, frames);
	else if (ret == 0)
		fprintf(out, "%s: whole: %" PRIu64 " requests, %" PRIu64 " frames\n", path,
			requests, frames);
	return ret < 0 ? 2 : 0;
}
