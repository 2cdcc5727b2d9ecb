/* SPDX-License-Identifier: MIT */
/*
 * Buffers of blocks. They go from thread to thread and come back here, to be used
 * again: memory that was touched before costs no page faults, and where the kernel has
 * huge pages there are few of them the first time. Any thread may call this.
 */
#ifndef VGPU_TRACE_POOL_H
#define VGPU_TRACE_POOL_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct trace_buffer {
	struct trace_buffer *next; /* for whoever owns the buffer */
	size_t capacity;
	uint8_t data[];
};

struct trace_pool {
	pthread_mutex_t lock;
	/* Address space that buffers are cut from, one behind the other; NULL: none yet. */
	uint8_t *region;
	size_t used;
	struct trace_buffer *buffers; /* of the region, that have come back */
};

void trace_pool_init(struct trace_pool *pool);
/* All buffers have to be back. */
void trace_pool_fini(struct trace_pool *pool);
/* One of size bytes or not much more; NULL if out of memory. */
struct trace_buffer *trace_pool_get(struct trace_pool *pool, size_t size);
/* NULL is no buffer. */
void trace_pool_put(struct trace_pool *pool, struct trace_buffer *buffer);

#endif
