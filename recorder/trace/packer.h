/* SPDX-License-Identifier: MIT */
/*
 * Records become blocks of a file: guest memory is cut into chunks, what the file has
 * already is only referred to, and each block is written when it is full or old
 * enough. Remembers where the file could end. Knows nothing of threads and queues.
 */
#ifndef VGPU_TRACE_PACKER_H
#define VGPU_TRACE_PACKER_H

#include "trace/content.h"
#include "trace/sink.h"
#include "trace/summary.h"

/* The format promises 100 ms: compressor, disk and scheduler have the other half. */
#define BLOCK_AGE_NS 50000000u

/* Where a file could end: before a block. */
struct trace_place {
	struct trace_mark mark;
	uint64_t requests, frames, dropped;
};
#define TRACE_NUM_PLACES 16

struct trace_packer {
	struct trace_sink *sink;
	struct trace_content *content;
	struct bytes block; /* the records of the block to be */
	uint64_t base_ns;   /* of its times */
	uint64_t record_ns; /* when the record at hand was put */
	uint64_t first_ns;  /* when the block's first was */
	uint64_t pace;	    /* nanoseconds to compress 1024 bytes, as it was last */
	bool hurry;	    /* nothing is to be compressed: set by who knows what waits */
	struct trace_block_info info;
	bool restart;			    /* the block to be starts with an empty content table */
	uint64_t requests, frames, dropped; /* in this file */
	struct vgpu_trace_summary summary;  /* likewise */
	bool no_summary;		    /* it became too large */
	struct trace_place places[TRACE_NUM_PLACES]; /* the last ones */
	unsigned int num_places;
};

/* 0 or -ENOMEM. window: bytes of content that is remembered. */
int trace_packer_init(struct trace_packer *packer, uint64_t window);
void trace_packer_fini(struct trace_packer *packer);
/* From now on records go to this file, which has its description and nothing else. */
void trace_packer_begin(struct trace_packer *packer, struct trace_sink *sink);
/* A record that was put then; it may be changed to fit. 0 or a negative errno. */
int trace_packer_put(struct trace_packer *packer, struct vgpu_trace_record *record,
		     uint64_t put_ns);
/* Writes the block that has begun. 0 or a negative errno. */
int trace_packer_flush(struct trace_packer *packer);
/* When that has to be; 0: no block has begun. */
uint64_t trace_packer_deadline(const struct trace_packer *packer);
/* Writes END, whose totals are filled in, and makes the file whole. */
int trace_packer_end(struct trace_packer *packer, struct vgpu_trace_end *end);
/*
 * Makes the file whole where there is room for its end: at a full disk there may be
 * none unless blocks are given up for it. So many requests and frames were put; end
 * says how many of them are in the file, also after an error.
 */
int trace_packer_end_early(struct trace_packer *packer, struct vgpu_trace_end *end,
			   uint64_t requests, uint64_t frames);

#endif
