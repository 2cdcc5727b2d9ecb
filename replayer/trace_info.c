/* SPDX-License-Identifier: MIT */
#include "decode.h"
#include "report/utf8.h"
#include "trace_tools.h"

#include <errno.h>
#include <inttypes.h>
#include <linux/virtio_gpu.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Types that a trace can be full of, so that hostile ones take no memory. */
#define TYPES_MAX 64

struct count {
	uint32_t type;
	uint64_t requests, failed;
};

struct info {
	uint64_t file_size; /* 0: not known */
	uint64_t first_ns, last_ns;
	bool begun;
	struct vgpu_start_event start; /* the last one */
	uint64_t starts, resets, registers, requests, failed, frames, dropped;
	uint64_t guest_bytes, answer_ns;
	struct vgpu_trace_outputs outputs;
	struct count counts[TYPES_MAX];
	unsigned int num_counts;
	uint64_t other;
	struct vgpu_hash_set distinct;
	bool ended;
	struct vgpu_trace_end end;
};

static struct count *count_of(struct info *info, uint32_t type)
{
	for (unsigned int i = 0; i < info->num_counts; i++)
		if (info->counts[i].type == type)
			return &info->counts[i];
	if (info->num_counts == TYPES_MAX)
		return NULL;
	info->counts[info->num_counts].type = type;
	return &info->counts[info->num_counts++];
}

static void add_request(struct info *info, const struct vgpu_trace_request *request)
{
	uint32_t type = vgpu_message_u32(request->request, request->request_len, 0);
	uint32_t answer = vgpu_message_u32(request->response, request->used_len, 0);
	struct count *count = count_of(info, type);
	bool failed = answer >= VIRTIO_GPU_RESP_ERR_UNSPEC;

	info->requests++;
	info->failed += failed;
	info->dropped += request->dropped;
	info->guest_bytes += request->data_len;
	info->answer_ns += request->end_ns - request->begin_ns;
	if (count == NULL) {
		info->other++;
		return;
	}
	count->requests++;
	count->failed += failed;
}

static int add_frame(struct info *info, const struct vgpu_trace_frame *frame)
{
	info->frames++;
	return vgpu_hash_set_add(&info->distinct, &frame->hash);
}

static int add_record(struct info *info, const struct vgpu_trace_record *record)
{
	if (record->type != VGPU_TRACE_END) {
		if (!info->begun)
			info->first_ns = record->time_ns;
		info->begun = true;
		if (record->time_ns > info->last_ns)
			info->last_ns = record->time_ns;
	}
	switch (record->type) {
	case VGPU_TRACE_START:
		info->starts++;
		info->start = record->start;
		return 0;
	case VGPU_TRACE_RESET:
		info->resets++;
		return 0;
	case VGPU_TRACE_OUTPUTS:
		info->outputs = record->outputs;
		return 0;
	case VGPU_TRACE_REGISTER:
		info->registers++;
		return 0;
	case VGPU_TRACE_REQUEST:
		add_request(info, &record->request);
		return 0;
	case VGPU_TRACE_FRAME:
		return add_frame(info, &record->frame);
	case VGPU_TRACE_END:
		info->ended = true;
		info->end = record->end;
		return 0;
	}
	return 0;
}

static double seconds(const struct info *info)
{
	return (double)(info->last_ns - info->first_ns) / 1e9;
}

/* ---- text ------------------------------------------------------------------------------- */

static void print_features(FILE *out, const char *title, uint64_t features)
{
	fprintf(out, "%-15s0x%" PRIx64, title, features);
	for (unsigned int bit = 0; bit < 64; bit++) {
		if ((features >> bit & 1) == 0)
			continue;
		const char *name = vgpu_feature_name(bit);
		if (name != NULL)
			fprintf(out, " %s", name);
		else
			fprintf(out, " bit-%u", bit);
	}
	fputc('\n', out);
}

/* NULL where there is no memory. */
static char *plain_copy(const char *text)
{
	char *copy = strdup(text);

	if (copy != NULL)
		vgpu_utf8_make_plain(copy);
	return copy;
}

/* Who wrote the trace may have had a terminal in mind. */
static void print_member(FILE *out, const cJSON *item)
{
	char *text = cJSON_IsString(item) ? NULL : cJSON_PrintUnformatted(item);
	char *name = plain_copy(item->string);
	char *value = plain_copy(cJSON_IsString(item) ? item->valuestring
				 : text != NULL	      ? text
						      : "");

	if (name != NULL && value != NULL)
		fprintf(out, "%-15s%s\n", name, value);
	free(name);
	free(value);
	cJSON_free(text);
}

static void print_metadata(FILE *out, const char *metadata)
{
	cJSON *object = cJSON_Parse(metadata);
	const cJSON *item;

	/* What is in a list has no name. */
	if (cJSON_IsObject(object))
		cJSON_ArrayForEach(item, object)
		{
			print_member(out, item);
		}
	cJSON_Delete(object);
}

static void print_device(FILE *out, const struct info *info)
{
	static const char *const names[VGPU_NUM_QUEUES] = {"control", "cursor"};

	for (unsigned int i = 0; i < info->outputs.num_scanouts; i++) {
		const struct vgpu_output *output = &info->outputs.outputs[i];
		fprintf(out, "output %-8u%ux%u+%u+%u%s\n", i, output->rect.width,
			output->rect.height, output->rect.x, output->rect.y,
			output->enabled ? "" : " disabled");
	}
	if (info->starts == 0)
		return;
	print_features(out, "offered", info->start.features_offered);
	print_features(out, "accepted", info->start.features_accepted);
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		if (info->start.queues[i].ready)
			fprintf(out, "%s queue%*s%u entries\n", names[i],
				(int)(9 - strlen(names[i])), "", info->start.queues[i].size);
}

static void print_counts(FILE *out, const struct info *info)
{
	fprintf(out, "%-15s%" PRIu64 " in %.3f s, %" PRIu64 " refused, %.1f us to answer\n",
		"requests", info->requests, seconds(info), info->failed,
		info->requests > 0 ? (double)info->answer_ns / 1e3 / (double)info->requests : 0.0);
	for (unsigned int i = 0; i < info->num_counts; i++) {
		const struct count *count = &info->counts[i];
		const char *name = vgpu_type_name(count->type);
		char unknown[16];
		snprintf(unknown, sizeof(unknown), "type 0x%04x", count->type);
		fprintf(out, "  %-26s%8" PRIu64, name != NULL ? name : unknown, count->requests);
		if (count->failed > 0)
			fprintf(out, ", %" PRIu64 " refused", count->failed);
		fputc('\n', out);
	}
	if (info->other > 0)
		fprintf(out, "  %-26s%8" PRIu64 "\n", "of other types", info->other);
	fprintf(out, "%-15s%" PRIu64 ", %zu distinct\n", "frames", info->frames,
		info->distinct.count);
	fprintf(out, "%-15s%" PRIu64 " bytes read by the device", "guest memory",
		info->guest_bytes);
	if (info->dropped > 0)
		fprintf(out, ", of %" PRIu64 " requests dropped", info->dropped);
	fputc('\n', out);
	if (info->file_size > 0)
		fprintf(out, "%-15s%" PRIu64 " bytes\n", "file", info->file_size);
	fprintf(out, "%-15s%" PRIu64 ", %" PRIu64 " resets, %" PRIu64 " register accesses\n",
		"set-ups", info->starts, info->resets, info->registers);
}

static const char *cause_text(uint64_t cause)
{
	switch (cause) {
	case VGPU_TRACE_CAUSE_ASKED:
		return "as its user wanted";
	case VGPU_TRACE_CAUSE_LIMIT:
		return "at the size that it was given";
	case VGPU_TRACE_CAUSE_ERROR:
		return "the file could not be written on";
	default:
		return "not known";
	}
}

static void print_end(FILE *out, const struct info *info)
{
	const struct vgpu_trace_end *end = &info->end;

	if (end->cause == VGPU_TRACE_CAUSE_ASKED && end->lost_requests == 0)
		return;
	fprintf(out, "%-15s%s; %" PRIu64 " requests and %" PRIu64 " frames are not in it\n",
		"ended", cause_text(end->cause), end->lost_requests, end->lost_frames);
}

static void print_violations(FILE *out, const struct info *info)
{
	for (unsigned int i = 0; info->ended && i < VGPU_NUM_VIOLATIONS; i++)
		if (info->end.violations[i] > 0)
			fprintf(out, "%-15s%" PRIu64 " times: %s\n", "violation",
				info->end.violations[i], vgpu_violation_text(i));
}

/* ---- JSON ------------------------------------------------------------------------------- */

static void add_number(cJSON *object, const char *name, uint64_t value)
{
	cJSON_AddNumberToObject(object, name, (double)value);
}

static void add_features(cJSON *object, const char *name, uint64_t features)
{
	cJSON *list = cJSON_AddArrayToObject(object, name);
	char number[16];

	for (unsigned int bit = 0; bit < 64; bit++) {
		if ((features >> bit & 1) == 0)
			continue;
		const char *known = vgpu_feature_name(bit);
		snprintf(number, sizeof(number), "bit-%u", bit);
		cJSON_AddItemToArray(list, cJSON_CreateString(known != NULL ? known : number));
	}
}

static cJSON *commands_json(const struct info *info)
{
	cJSON *list = cJSON_CreateArray();

	for (unsigned int i = 0; i < info->num_counts; i++) {
		const char *name = vgpu_type_name(info->counts[i].type);
		cJSON *item = cJSON_CreateObject();
		add_number(item, "type", info->counts[i].type);
		if (name != NULL)
			cJSON_AddStringToObject(item, "command", name);
		add_number(item, "requests", info->counts[i].requests);
		add_number(item, "refused", info->counts[i].failed);
		cJSON_AddItemToArray(list, item);
	}
	return list;
}

static cJSON *violations_json(const struct info *info)
{
	cJSON *list = cJSON_CreateArray();

	for (unsigned int i = 0; info->ended && i < VGPU_NUM_VIOLATIONS; i++) {
		if (info->end.violations[i] == 0)
			continue;
		cJSON *item = cJSON_CreateObject();
		cJSON_AddStringToObject(item, "violation", vgpu_violation_text(i));
		add_number(item, "count", info->end.violations[i]);
		cJSON_AddItemToArray(list, item);
	}
	return list;
}

static void print_json(FILE *out, const struct info *info, const char *metadata)
{
	cJSON *object = cJSON_CreateObject();

	cJSON_AddItemToObject(object, "metadata", cJSON_Parse(metadata));
	cJSON_AddBoolToObject(object, "whole", info->ended);
	cJSON_AddNumberToObject(object, "seconds", seconds(info));
	add_features(object, "features_offered", info->start.features_offered);
	add_features(object, "features_accepted", info->start.features_accepted);
	add_number(object, "scanouts", info->outputs.num_scanouts);
	add_number(object, "requests", info->requests);
	add_number(object, "refused", info->failed);
	cJSON_AddItemToObject(object, "commands", commands_json(info));
	add_number(object, "frames", info->frames);
	add_number(object, "distinct_frames", info->distinct.count);
	add_number(object, "guest_bytes", info->guest_bytes);
	add_number(object, "dropped", info->dropped);
	cJSON_AddStringToObject(object, "ended",
				info->ended ? cause_text(info->end.cause) : "too early");
	add_number(object, "lost_requests", info->end.lost_requests);
	add_number(object, "lost_frames", info->end.lost_frames);
	add_number(object, "file_bytes", info->file_size);
	add_number(object, "set_ups", info->starts);
	add_number(object, "resets", info->resets);
	add_number(object, "register_accesses", info->registers);
	cJSON_AddItemToObject(object, "violations", violations_json(info));
	char *text = cJSON_PrintUnformatted(object);
	if (text != NULL)
		fprintf(out, "%s\n", text);
	cJSON_free(text);
	cJSON_Delete(object);
}

static int collect(struct vgpu_trace_reader *reader, struct info *info, struct vgpu_error *err)
{
	struct vgpu_trace_record record;
	int ret;

	while ((ret = vgpu_trace_reader_next(reader, &record, err)) > 0)
		if (add_record(info, &record) < 0)
			return vgpu_error_set(err, ENOMEM, "out of memory");
	return ret;
}

int vgpu_trace_info(const char *path, const struct vgpu_trace_tool_options *options, FILE *out,
		    struct vgpu_error *err)
{
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, err);
	struct info info = {0};
	struct stat st;

	if (reader == NULL)
		return 2;
	int ret = collect(reader, &info, err);
	if (strcmp(path, "-") != 0 && stat(path, &st) == 0)
		info.file_size = (uint64_t)st.st_size;
	if (options->json) {
		print_json(out, &info, vgpu_trace_reader_metadata(reader));
	} else {
		print_metadata(out, vgpu_trace_reader_metadata(reader));
		print_device(out, &info);
		print_counts(out, &info);
		print_end(out, &info);
		print_violations(out, &info);
	}
	vgpu_hash_set_fini(&info.distinct);
	vgpu_trace_reader_close(reader);
	return ret < 0 ? 2 : 0;
}
