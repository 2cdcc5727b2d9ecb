/* SPDX-License-Identifier: MIT */
#include "trace/pool.h"
#include "unit.h"

#include <string.h>

extern const struct unit_suite pool_suite;

enum { MANY = 200, SIZE = 1u << 20 };

/* More than the region takes; each is the caller's alone. */
static void there_are_as_many_buffers_as_are_wanted(void)
{
	struct trace_buffer *buffers[MANY];
	struct trace_pool pool;

	trace_pool_init(&pool);
	for (int round = 0; round < 2; round++) {
		for (unsigned int i = 0; i < MANY; i++) {
			buffers[i] = trace_pool_get(&pool, SIZE);
			CU_ASSERT_PTR_NOT_NULL_FATAL(buffers[i]);
			CU_ASSERT_FATAL(buffers[i]->capacity >= SIZE);
			memset(buffers[i]->data, (int)i, buffers[i]->capacity);
		}
		for (unsigned int i = 0; i < MANY; i++) {
			const struct trace_buffer *buffer = buffers[i];

			CU_ASSERT_EQUAL(buffer->data[0], (uint8_t)i);
			CU_ASSERT_EQUAL(buffer->data[buffer->capacity - 1], (uint8_t)i);
			trace_pool_put(&pool, buffers[i]);
		}
	}
	trace_pool_fini(&pool);
}

static void what_came_back_is_used_again(void)
{
	struct trace_pool pool;

	trace_pool_init(&pool);
	struct trace_buffer *large = trace_pool_get(&pool, SIZE);
	CU_ASSERT_PTR_NOT_NULL_FATAL(large);
	trace_pool_put(&pool, large);
	/* Not by who needs less than half of it. */
	struct trace_buffer *less = trace_pool_get(&pool, SIZE / 4);
	CU_ASSERT_PTR_NOT_NULL_FATAL(less);
	CU_ASSERT_PTR_NOT_EQUAL(less, large);
	CU_ASSERT(less->capacity < SIZE / 2);
	struct trace_buffer *again = trace_pool_get(&pool, SIZE - 100);
	CU_ASSERT_PTR_EQUAL(again, large);
	trace_pool_put(&pool, again);
	trace_pool_put(&pool, less);
	trace_pool_put(&pool, NULL);
	trace_pool_fini(&pool);
}

static const struct unit_test tests[] = {
	{"there are as many buffers as are wanted", there_are_as_many_buffers_as_are_wanted},
	{"what came back is used again", what_came_back_is_used_again},
	{NULL, NULL},
};

const struct unit_suite pool_suite = {"pool", tests};
