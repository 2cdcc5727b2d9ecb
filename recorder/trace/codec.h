/* SPDX-License-Identifier: MIT */
/*
 * Records as bytes and back: one row per record type. Knows nothing of blocks
 * and files, and nothing of where the content of guest memory is kept: a
 * request's data is a list of references into the content table.
 */
#ifndef VGPU_TRACE_CODEC_H
#define VGPU_TRACE_CODEC_H

#include "trace.h"
#include "trace/bytes.h"

/*
 * Chunks of the content table, in the order in which they make up the data:
 * start, start + 1, ... or, with repeat, start again and again.
 */
struct trace_ref {
	uint32_t start;
	uint32_t count;
	bool repeat;
};

struct trace_encoder {
	struct bytes *out;
	uint64_t base_ns; /* times are written relative to it */
	const struct trace_ref *refs;
	size_t num_refs;
};

/* Owns the arrays that a decoded record points to. All zero is a new one. */
struct trace_decoder {
	struct cursor in;
	uint64_t base_ns;
	bool no_memory; /* the record may be good, but there is no room for it */
	struct vgpu_chain_desc *descs;
	size_t descs_capacity;
	struct vgpu_trace_segment *segments;
	size_t segments_capacity;
	struct trace_ref *refs;
	size_t refs_capacity, num_refs;
};

/*
 * Appends a whole record, with its type and length. False if out would grow
 * beyond a block, if a part is beyond what the format allows, or if out of
 * memory (out->failed); then nothing was appended.
 */
bool trace_encode(struct trace_encoder *encoder, const struct vgpu_trace_record *record);

/*
 * Decodes the body of a record of this type from decoder->in. Returns 1, 0 if
 * the type is not known, or a negative errno with decoder->in.why set. Bytes
 * after what is known are ignored: a later minor version put them there. The
 * data of a request is not filled in, but its length and decoder->refs are.
 */
int trace_decode(struct trace_decoder *decoder, uint64_t type, struct vgpu_trace_record *record);
void trace_decoder_fini(struct trace_decoder *decoder);

/* The number of scanouts, from 0 to 16, and each of them; taking fails as the cursor does. */
void trace_put_outputs(struct bytes *out, const struct vgpu_trace_outputs *outputs);
void trace_take_outputs(struct cursor *in, struct vgpu_trace_outputs *outputs);

/* "REQUEST" for 5; "record" if unknown. */
const char *trace_record_name(uint64_t type);

#endif
