/* SPDX-License-Identifier: MIT */
/*
 * A ring of records between the thread that the guest waits for and the thread
 * that writes. Records are copied into it whole, so nothing is allocated per
 * record, and when it runs empty it starts from its beginning again, where the
 * memory is warm. Not locked: the writer does that.
 */
#ifndef VGPU_TRACE_QUEUE_H
#define VGPU_TRACE_QUEUE_H

#include "trace.h"

struct trace_queue {
	uint8_t *ring;
	size_t capacity;
	size_t head, tail; /* where the next is put, where the oldest lies */
	size_t wrap;	   /* what was put before the head went back to 0 ends here */
	size_t used;	   /* bytes of the ring that are taken */
	size_t reserved;   /* the last of them, that are not published yet */
};

/*
 * The types of what is no record: those after it go to the next file; and those before it
 * become a trace for the cause that is end.cause, with the violation end.violations[0].
 */
#define TRACE_ENTRY_NEXT ((enum vgpu_trace_type)0)
#define TRACE_ENTRY_DUMP ((enum vgpu_trace_type) - 1)

/* A record in the queue. Its pointers point behind it. */
struct trace_entry {
	size_t size;	 /* bytes of the ring */
	uint64_t put_ns; /* when it was put */
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
void trace_queue_publish(struct trace_queue *queue);
/* The oldest published record, or NULL. It stays until released. */
struct trace_entry *trace_queue_peek(struct trace_queue *queue);
void trace_queue_release(struct trace_queue *queue);

#endif
