/* SPDX-License-Identifier: MIT */
#include "trace/pool.h"

#include <stdlib.h>

/* What waits here: a content table as this project's writer makes them, and some more. */
#define MAX_SIZE  (96u << 20)
#define MAX_COUNT 256u
/* Blocks of one trace are nearly of one size: rounded up, one does for the other. */
#define ROUND (64u << 10)

void trace_pool_init(struct trace_pool *pool)
{
	*pool = (struct trace_pool){0};
	pthread_mutex_init(&pool->lock, NULL);
}

void trace_pool_fini(struct trace_pool *pool)
{
	while (pool->buffers != NULL) {
		struct trace_buffer *buffer = pool->buffers;

		pool->buffers = buffer->next;
		free(buffer);
	}
	pthread_mutex_destroy(&pool->lock);
}

/* Who gets much more than it asked for would hold memory that nobody accounts for. */
static bool fits(const struct trace_buffer *buffer, size_t size)
{
	return buffer->capacity >= size && buffer->capacity / 2 <= size;
}

static struct trace_buffer *find(struct trace_pool *pool, size_t size)
{
	for (struct trace_buffer **at = &pool->buffers; *at != NULL; at = &(*at)->next) {
		struct trace_buffer *buffer = *at;

		if (!fits(buffer, size))
			continue;
		*at = buffer->next;
		pool->count--;
		pool->size -= buffer->capacity;
		return buffer;
	}
	return NULL;
}

struct trace_buffer *trace_pool_get(struct trace_pool *pool, size_t size)
{
	pthread_mutex_lock(&pool->lock);
	struct trace_buffer *buffer = find(pool, size);
	pthread_mutex_unlock(&pool->lock);
	if (buffer != NULL)
		return buffer;
	if (size >= ROUND)
		size = (size + ROUND - 1) / ROUND * ROUND;
	buffer = malloc(sizeof(*buffer) + size);
	if (buffer != NULL)
		buffer->capacity = size;
	return buffer;
}

void trace_pool_put(struct trace_pool *pool, struct trace_buffer *buffer)
{
	if (buffer == NULL)
		return;
	pthread_mutex_lock(&pool->lock);
	if (pool->count < MAX_COUNT && buffer->capacity <= MAX_SIZE - pool->size) {
		buffer->next = pool->buffers;
		pool->buffers = buffer;
		pool->count++;
		pool->size += buffer->capacity;
		buffer = NULL;
	}
	pthread_mutex_unlock(&pool->lock);
	free(buffer);
}
