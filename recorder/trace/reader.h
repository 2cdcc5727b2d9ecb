/* SPDX-License-Identifier: MIT */
/* What a reader is to those who look at blocks too, and to those who wrote into memory. */
#ifndef VGPU_TRACE_READER_H
#define VGPU_TRACE_READER_H

#include "trace.h"

/* What lies in the blocks whose records have all been delivered. */
struct trace_progress {
	uint32_t blocks;
	uint64_t end; /* of the last of them, in the file */
	uint64_t requests, frames, dropped;
	uint64_t last_ns; /* time of the last record */
	bool ended;	  /* it has the END record */
};

/* Of a reader that does not read ahead. */
const struct trace_progress *trace_reader_progress(const struct vgpu_trace_reader *reader);
/* Reads an open file, which stays open; name is for people. NULL with a sentence in err. */
struct vgpu_trace_reader *trace_reader_open_fd(int fd, const char *name, struct vgpu_error *err);

#endif
