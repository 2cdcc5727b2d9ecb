/* SPDX-License-Identifier: MIT */
#include "trace/pool.h"

#include <stdlib.h>
#include <sys/mman.h>

/* A content table as this project's writer makes them, and some more; the rest is malloc()'s. */
#define REGION_SIZE (96u << 20)
/* Blocks of one trace are nearly of one size: rounded up, one does for the other. */
#define ROUND (64u << 10)

void trace_pool_init(struct trace_pool *pool)
{
	*pool = (struct trace_pool){0};
	pthread_mutex_init(&pool->lock, NULL);
}

void trace_pool_fini(struct trace_pool *pool)
{
	if (pool->region != NULL)
		munmap(pool->region, REGION_SIZE);
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
		return buffer;
	}
	return NULL;
}

static bool map_region(struct trace_pool *pool)
{
	void *region = mmap(NULL, REGION_SIZE, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

	if (region == MAP_FAILED)
		return false;
	/* Where there are none, small ones do. */
	madvise(region, REGION_SIZE, MADV_HUGEPAGE);
	pool->region = region;
	return true;
}

/* The next of the region; NULL: nothing is left of it. */
static struct trace_buffer *cut(struct trace_pool *pool, size_t size)
{
	if (pool->region == NULL && !map_region(pool))
		return NULL;
	if (size > REGION_SIZE - pool->used)
		return NULL;
	struct trace_buffer *buffer = (struct trace_buffer *)(void *)(pool->region + pool->used);
	pool->used += size;
	buffer->capacity = size - sizeof(*buffer);
	return buffer;
}

struct trace_buffer *trace_pool_get(struct trace_pool *pool, size_t size)
{
	struct trace_buffer *buffer = NULL;
	size_t whole = sizeof(*buffer) + size;

	if (whole >= ROUND) {
		whole = (whole + ROUND - 1) / ROUND * ROUND;
		pthread_mutex_lock(&pool->lock);
		buffer = find(pool, size);
		if (buffer == NULL)
			buffer = cut(pool, whole);
		pthread_mutex_unlock(&pool->lock);
	}
	if (buffer != NULL)
		return buffer;
	buffer = malloc(whole);
	if (buffer != NULL)
		buffer->capacity = whole - sizeof(*buffer);
	return buffer;
}

static bool is_of_region(const struct trace_pool *pool, const struct trace_buffer *buffer)
{
	uintptr_t begin = (uintptr_t)pool->region, at = (uintptr_t)buffer;

	return pool->region != NULL && at >= begin && at - begin < REGION_SIZE;
}

void trace_pool_put(struct trace_pool *pool, struct trace_buffer *buffer)
{
	if (buffer == NULL)
		return;
	pthread_mutex_lock(&pool->lock);
	if (is_of_region(pool, buffer)) {
		buffer->next = pool->buffers;
		pool->buffers = buffer;
		buffer = NULL;
	}
	pthread_mutex_unlock(&pool->lock);
	free(buffer);
}
