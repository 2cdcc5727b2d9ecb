/* SPDX-License-Identifier: MIT */
/*
 * A ring of records between the thread that the guest waits for and the thread
 * that writes. Records are copied into it whole, so nothing is allocated per
 * record, and when it runs empty it starts from its beginning again, where the
 * memory is warm. The thread takes and releases them many at a time, so that the two
 * sides seldom meet. Not locked: the writer does that.
 */
#ifndef VGPU_TRACE_QUEUE_H
#define VGPU_TRACE_QUEUE_H

#include "trace.h"

struct trace_queue {
	uint8_t *ring;
	size_t capacity;
	size_t head, tail; /* where the next is put, where the last one released ended */
	size_t used;	   /* bytes of the ring that are taken */
	/* What is published and not taken, oldest first; NULL: nothing. */
	struct trace_entry *first, *last;
};

/*
 * The types of what is no record: those after it go to the next file; and those before it
 * become a trace for the cause that is end.cause, with the violation end.violations[0].
 */
#define TRACE_ENTRY_NEXT ((enum vgpu_trace_type)0)
#define TRACE_ENTRY_DUMP ((enum vgpu_trace_type) - 1)

/* A record in the queue. Its pointers point behind it. */
struct trace_entry {
	struct trace_entry *next; /* that was published after it */
	size_t size;		  /* bytes of the ring */
	uint64_t put_ns;	  /* when it was put */
	struct vgpu_trace_record record;
};

/* 0 or -ENOMEM. */
int trace_queue_init(struct trace_queue *queue, size_t capacity);
void trace_queue_fini(struct trace_queue *queue);
/* Bytes that the record takes in the ring; without_data: if its data is left out. */
size_t trace_entry_size(const struct vgpu_trace_record *record, bool without_data);
/*
 * Takes size bytes off the ring, or returns NULL if there are not that many in
 * one piece. An empty ring grows to any size, so NULL then means no memory.
 */
struct trace_entry *trace_queue_reserve(struct trace_queue *queue, size_t size);
/*
 * Copies the record to where trace_queue_reserve() made room for it. This needs
 * no lock: nobody else looks there before trace_queue_publish().
 */
void trace_entry_fill(struct trace_entry *entry, const struct vgpu_trace_record *record,
		      bool without_data);
void trace_queue_publish(struct trace_queue *queue, struct trace_entry *entry);

/* Records that were taken together. All zero is none of them. */
struct trace_batch {
	struct trace_entry *next; /* still to be looked at; NULL: none */
	struct trace_entry *done; /* the last that was, and is not released; NULL: none */
	size_t size;		  /* bytes of those that were, and are not released */
};

/* Takes all that is published. What was taken before must have been released. */
void trace_queue_take(struct trace_queue *queue, struct trace_batch *batch);
/* The oldest one that was not looked at, or NULL. It stays until released. Needs no lock. */
struct trace_entry *trace_batch_next(struct trace_batch *batch);
/* Gives the room of those back that were looked at. */
void trace_queue_release(struct trace_queue *queue, struct trace_batch *batch);

#endif
