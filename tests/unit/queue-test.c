/* SPDX-License-Identifier: MIT */
/* The ring between who answers the guest and who writes. */
#include "trace/queue.h"
#include "unit.h"

#include <stdlib.h>
#include <string.h>

extern const struct unit_suite queue_suite;

#define CAPACITY 4096u
#define ROUNDS	 200000u
#define MAX_DATA 1500u

struct model {
	struct trace_queue queue;
	struct trace_batch batch;
	uint32_t random;
	uint64_t num_put, num_seen;
	uint64_t waiting; /* taken by nobody */
};

static uint32_t next_random(struct model *model, uint32_t below)
{
	model->random = model->random * 1664525 + 1013904223;
	return (model->random >> 8) % below;
}

/* The bytes of a record tell which it is, so that those of another one are found. */
static bool put(struct model *model)
{
	uint8_t data[MAX_DATA];
	uint32_t len = next_random(model, MAX_DATA);
	const struct vgpu_trace_record record = {
		.type = VGPU_TRACE_REQUEST,
		.time_ns = model->num_put,
		.request = {.indirect_at = -1, .data = data, .data_len = len}};
	struct trace_entry *entry =
		trace_queue_reserve(&model->queue, trace_entry_size(&record, false));

	if (entry == NULL)
		return false;
	memset(data, (int)(model->num_put % 251), len);
	trace_entry_fill(entry, &record, false);
	trace_queue_publish(&model->queue, entry);
	model->num_put++;
	model->waiting++;
	return true;
}

static bool is_next(const struct model *model, const struct trace_entry *entry)
{
	const struct vgpu_trace_request *request = &entry->record.request;

	for (uint64_t i = 0; i < request->data_len; i++)
		if (request->data[i] != model->num_seen % 251)
			return false;
	return entry->record.time_ns == model->num_seen;
}

/* One step of the writer's thread, and whether it saw what it had to. */
static bool step(struct model *model)
{
	struct trace_entry *entry = trace_batch_next(&model->batch);

	if (entry != NULL) {
		bool right = is_next(model, entry);
		model->num_seen++;
		if (next_random(model, 3) == 0)
			trace_queue_release(&model->queue, &model->batch);
		return right;
	}
	trace_queue_release(&model->queue, &model->batch);
	trace_queue_take(&model->queue, &model->batch);
	bool right = (model->batch.next != NULL) == (model->waiting > 0);
	model->waiting = 0;
	return right;
}

static void records_come_out_as_they_went_in(void)
{
	struct model model = {.random = 1};
	bool right = true;
	uint64_t full = 0;

	CU_ASSERT_EQUAL_FATAL(trace_queue_init(&model.queue, CAPACITY), 0);
	for (uint32_t i = 0; right && i < ROUNDS; i++) {
		if (next_random(&model, 2) == 0)
			full += !put(&model);
		else
			right = step(&model);
	}
	CU_ASSERT_TRUE(right);
	CU_ASSERT_TRUE(full > ROUNDS / 100);
	while (right && model.num_seen < model.num_put)
		right = step(&model);
	CU_ASSERT_TRUE(right);
	trace_queue_release(&model.queue, &model.batch);
	CU_ASSERT_EQUAL(model.queue.used, 0);
	trace_queue_fini(&model.queue);
}

/* Where nothing waits there is room for any record. */
static void an_empty_queue_grows(void)
{
	static uint8_t data[3 * CAPACITY];
	const struct vgpu_trace_record record = {
		.type = VGPU_TRACE_REQUEST,
		.request = {.indirect_at = -1, .data = data, .data_len = sizeof(data)}};
	size_t size = trace_entry_size(&record, false);
	struct trace_queue queue;
	struct trace_batch batch = {0};

	CU_ASSERT_EQUAL_FATAL(trace_queue_init(&queue, CAPACITY), 0);
	for (int i = 0; i < 3; i++) {
		struct trace_entry *entry = trace_queue_reserve(&queue, size);
		CU_ASSERT_PTR_NOT_NULL_FATAL(entry);
		CU_ASSERT_PTR_NULL(trace_queue_reserve(&queue, size));
		trace_entry_fill(entry, &record, false);
		trace_queue_publish(&queue, entry);
		trace_queue_take(&queue, &batch);
		CU_ASSERT_PTR_EQUAL(trace_batch_next(&batch), entry);
		CU_ASSERT_PTR_NULL(trace_batch_next(&batch));
		trace_queue_release(&queue, &batch);
	}
	trace_queue_fini(&queue);
}

static const struct unit_test tests[] = {
	{"records come out as they went in", records_come_out_as_they_went_in},
	{"an empty queue grows", an_empty_queue_grows},
	{NULL, NULL},
};

const struct unit_suite queue_suite = {"queue", tests};
