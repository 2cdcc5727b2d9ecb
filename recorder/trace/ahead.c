/* SPDX-License-Identifier: MIT */
#include "trace/ahead.h"

#include "trace/bytes.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>

/* Blocks that wait: as many as two pictures take, as one comes when the other is done. */
#define SLOTS 8

struct slot {
	int ret; /* of trace_source_next() */
	struct vgpu_error err;
	struct trace_block block;
	struct trace_block_place place;
};

struct trace_ahead {
	struct trace_source *source;
	pthread_t thread;
	struct slot slots[SLOTS];
	unsigned int next; /* slot to be taken */

	pthread_mutex_t lock; /* of what follows */
	pthread_cond_t changed;
	unsigned int filled;
	bool stop;
};

/* What the index must say of the block: the reader checks that it is true. */
static void describe(struct trace_source *source, const struct trace_block *block)
{
	struct cursor in = {.at = block->data, .end = block->data + block->len};
	uint64_t base_ns = cursor_uint(&in), requests = cursor_uint(&in), frames = cursor_uint(&in);

	if (block->type == TRACE_BLOCK_RECORDS && in.why == NULL)
		trace_source_describe(source, base_ns, requests, frames);
}

static void fill(struct trace_source *source, struct slot *slot)
{
	slot->ret = trace_source_next(source, &slot->block, &slot->err);
	slot->place = trace_source_place(source);
	if (slot->ret <= 0)
		return;
	describe(source, &slot->block);
	trace_source_take(source, &slot->block);
}

static void *run(void *opaque)
{
	struct trace_ahead *ahead = opaque;
	int ret = 1;

	for (unsigned int i = 0; ret > 0; i = (i + 1) % SLOTS) {
		pthread_mutex_lock(&ahead->lock);
		while (!ahead->stop && ahead->filled == SLOTS)
			pthread_cond_wait(&ahead->changed, &ahead->lock);
		bool stop = ahead->stop;
		pthread_mutex_unlock(&ahead->lock);
		if (stop)
			return NULL;
		fill(ahead->source, &ahead->slots[i]);
		ret = ahead->slots[i].ret;
		pthread_mutex_lock(&ahead->lock);
		ahead->filled++;
		pthread_cond_signal(&ahead->changed);
		pthread_mutex_unlock(&ahead->lock);
	}
	return NULL;
}

/* Signals are the program's business. */
static int start_thread(struct trace_ahead *ahead)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int ret = pthread_create(&ahead->thread, NULL, run, ahead);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -ret;
}

static void free_all(struct trace_ahead *ahead)
{
	for (; ahead->filled > 0; ahead->filled--, ahead->next = (ahead->next + 1) % SLOTS)
		if (ahead->slots[ahead->next].ret > 0)
			trace_pool_put(trace_source_pool(ahead->source),
				       ahead->slots[ahead->next].block.buffer);
	pthread_cond_destroy(&ahead->changed);
	pthread_mutex_destroy(&ahead->lock);
	free(ahead);
}

struct trace_ahead *trace_ahead_new(struct trace_source *source)
{
	struct trace_ahead *ahead = calloc(1, sizeof(*ahead));

	if (ahead == NULL)
		return NULL;
	ahead->source = source;
	pthread_mutex_init(&ahead->lock, NULL);
	pthread_cond_init(&ahead->changed, NULL);
	if (start_thread(ahead) == 0)
		return ahead;
	free_all(ahead);
	return NULL;
}

void trace_ahead_free(struct trace_ahead *ahead)
{
	if (ahead == NULL)
		return;
	pthread_mutex_lock(&ahead->lock);
	ahead->stop = true;
	pthread_cond_signal(&ahead->changed);
	pthread_mutex_unlock(&ahead->lock);
	pthread_join(ahead->thread, NULL);
	free_all(ahead);
}

int trace_ahead_next(struct trace_ahead *ahead, struct trace_block *block,
		     struct trace_block_place *place, struct vgpu_error *err)
{
	struct slot *slot = &ahead->slots[ahead->next];

	pthread_mutex_lock(&ahead->lock);
	while (ahead->filled == 0)
		pthread_cond_wait(&ahead->changed, &ahead->lock);
	int ret = slot->ret;
	*block = slot->block;
	*place = slot->place;
	/* Of the end and of errors it says the same again, as nothing comes after them. */
	if (ret > 0) {
		ahead->next = (ahead->next + 1) % SLOTS;
		ahead->filled--;
		pthread_cond_signal(&ahead->changed);
	}
	pthread_mutex_unlock(&ahead->lock);
	if (ret < 0 && err != NULL)
		*err = slot->err;
	return ret;
}
