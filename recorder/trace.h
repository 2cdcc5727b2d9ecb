/* SPDX-License-Identifier: MIT */
/*
 * The trace file: records, writer, reader. traces/FORMAT.md specifies every
 * byte; this header is the same in C. Nothing here knows how a device works.
 */
#ifndef VGPU_TRACE_H
#define VGPU_TRACE_H

#include "vgpu.h"

#define VGPU_TRACE_MAJOR 1
#define VGPU_TRACE_MINOR 2

enum vgpu_trace_type {
	VGPU_TRACE_START = 1,	 /* the driver has set the device up */
	VGPU_TRACE_RESET = 2,	 /* all device state is gone */
	VGPU_TRACE_OUTPUTS = 3,	 /* what GET_DISPLAY_INFO tells from now on */
	VGPU_TRACE_REGISTER = 4, /* a register access */
	VGPU_TRACE_REQUEST = 5,	 /* a chain, its bytes, its answer, the memory it read */
	VGPU_TRACE_FRAME = 6,	 /* what a scanout shows after the request before */
	VGPU_TRACE_END = 7,	 /* totals; the last record of a trace that was closed */
};

/* Content hash of a frame, see vgpu_frame_hash(). All 0: not known, no memory for the picture. */
struct vgpu_frame_hash {
	uint8_t bytes[16];
};

struct vgpu_trace_outputs {
	unsigned int num_scanouts;
	struct vgpu_output outputs[VGPU_MAX_SCANOUTS];
};

struct vgpu_trace_register {
	bool write;
	uint32_t offset;
	unsigned int size;
	uint64_t value;
};

/* A piece of guest memory: its bytes follow those of the piece before in data. */
struct vgpu_trace_segment {
	uint64_t gpa;
	uint32_t len;
};

struct vgpu_trace_request {
	uint64_t number;	   /* counts from 0 over the whole trace; set by the reader */
	uint64_t begin_ns, end_ns; /* monotonic clock of the recording machine */
	unsigned int queue;
	uint16_t head;
	bool interrupt;
	int indirect_at; /* as in struct vgpu_request_event */
	const struct vgpu_chain_desc *descs;
	unsigned int num_descs;
	const uint8_t *request;
	uint32_t request_len;
	const uint8_t *response;
	uint32_t used_len; /* bytes of response */
	const struct vgpu_trace_segment *segments;
	size_t num_segments;
	const uint8_t *data; /* of all segments; NULL if the recorder dropped it */
	uint64_t data_len;
	uint32_t pitch; /* data is rows of this many bytes; 0: not rows */
	bool dropped;	/* data was not recorded because the disk could not keep up */
	bool state;	/* no driver sent it: it makes what the device had when the trace began */
};

struct vgpu_trace_frame {
	uint64_t number;  /* counts from 0 over the whole trace; set by the reader */
	uint64_t request; /* number of the request that flushed it; set by the reader */
	uint32_t scanout_id;
	uint32_t width, height;
	struct vgpu_rect damage; /* in scanout coordinates */
	struct vgpu_frame_hash hash;
};

/* Why a recording has ended. */
enum vgpu_trace_cause {
	VGPU_TRACE_CAUSE_ASKED, /* its user wanted so */
	VGPU_TRACE_CAUSE_LIMIT, /* the file was to become no larger */
	VGPU_TRACE_CAUSE_ERROR, /* the file could not be written on */
	VGPU_TRACE_CAUSE_NEXT,	/* it goes on in the next file */
};

struct vgpu_trace_end {
	uint64_t requests, frames, dropped; /* dropped: requests without their data */
	uint64_t violations[VGPU_NUM_VIOLATIONS];
	uint64_t cause; /* an enum vgpu_trace_cause, or one of a later version */
	/* What had been answered by then and is not in the file. */
	uint64_t lost_requests, lost_frames;
};

struct vgpu_trace_record {
	enum vgpu_trace_type type;
	uint64_t time_ns; /* for a request: begin_ns */
	bool state;	  /* a START that the driver did before the trace began */
	union {
		struct vgpu_start_event start;
		struct vgpu_trace_outputs outputs;
		struct vgpu_trace_register reg;
		struct vgpu_trace_request request;
		struct vgpu_trace_frame frame;
		struct vgpu_trace_end end;
	};
};

/* ---- writer ---------------------------------------------------------------- */

struct vgpu_trace_writer;

struct vgpu_trace_writer_stats {
	uint64_t requests, frames;
	uint64_t raw_bytes;	/* of what was given to the writer */
	uint64_t written_bytes; /* of the file so far, or of all files */
	uint64_t files;		/* that have been begun */
	uint64_t state;		/* requests that are none of the guest's */
	uint64_t dropped;	/* requests whose data was dropped */
	/* Traces of the last while, and those that could not be written; known at the end. */
	uint64_t dumps, failed_dumps;
	/* What was given to the writer and is not in the file, because that had ended. */
	uint64_t lost_requests, lost_frames;
	bool ended; /* nothing more is written */
	/* Who reads a pipe has closed it, or the size is at its limit: ended, and no error. */
	bool reader_gone, limit_reached;
	int error; /* 0, or the errno that ended the recording */
};

struct vgpu_trace_writer_options {
	const char *metadata;  /* a JSON object, the trace's description; NULL: {} */
	uint64_t queue_limit;  /* bytes waiting for the writer's thread; 0: 64 MiB */
	uint64_t window_limit; /* bytes of content that is remembered; 0: 64 MiB */
	/* Called first in the thread that writes, before the writer is there; may be NULL. */
	void (*on_thread)(void *opaque);
	void *opaque;
	/* What the driver does wrong, as it counts: read by whoever calls put(); or NULL. */
	const uint64_t *violations;
	uint64_t max_size; /* bytes of the file; at most that many are written. 0: no limit */
	/*
	 * After so many bytes, or nanoseconds, another file is wanted; 0: never. Then each
	 * has a number in its name: path is "boot.trace" for "boot.000.trace".
	 */
	uint64_t rotate_size, rotate_ns;
	/*
	 * Keeps so much in memory and no file, until a trace of it is asked for and at the
	 * end; 0: a file. Traces have numbers in their names, as above.
	 */
	uint64_t last_ns;
	/*
	 * Bytes that this may take, compressed; 0: 64 MiB. When they are full it is less than
	 * last_ns. What waits in the queue may come on top, and where what the device has is
	 * larger than a tenth of this, four times that is taken.
	 */
	uint64_t last_memory;
	/* A sentence about such a trace, from a thread of the writer; may be NULL. */
	void (*told)(void *opaque, bool error, const char *line);
};

/* Why a trace of the last while is written. */
struct vgpu_trace_dump {
	enum vgpu_trace_dump_cause {
		VGPU_TRACE_DUMP_SIGNAL, /* somebody asked for it */
		VGPU_TRACE_DUMP_FAULT,	/* the driver broke a MUST: violation */
		VGPU_TRACE_DUMP_RESET,	/* the device was reset while it showed something */
		VGPU_TRACE_DUMP_EXIT,	/* the recording is over */
	} cause;
	enum vgpu_violation violation;
};

/*
 * Creates path.part (an old one is replaced) and starts the thread that writes
 * it; "-" is the standard output, which is only written on. Returns NULL with a
 * sentence in err.
 */
struct vgpu_trace_writer *vgpu_trace_writer_open(const char *path,
						 const struct vgpu_trace_writer_options *options,
						 struct vgpu_error *err);
/*
 * Appends a record: copies it and returns; compression and disk are the
 * thread's business. If too much waits there, the data of a request is dropped
 * and the request marked; the request itself never is: if requests alone are
 * 16 MiB more than the limit, this waits, but not for ever: where nothing moves
 * for two seconds, the recording ends with ETIMEDOUT. A request's data is never
 * too large for an empty queue. Any thread may call this. After the recording has
 * ended it only counts.
 */
void vgpu_trace_writer_put(struct vgpu_trace_writer *writer,
			   const struct vgpu_trace_record *record);
struct vgpu_trace_writer_stats vgpu_trace_writer_stats(struct vgpu_trace_writer *writer);
/*
 * Whether it is time for another file. Whoever puts records then calls
 * vgpu_trace_writer_next() and puts what the next file has to begin with: the
 * device's set-up and its state.
 */
bool vgpu_trace_writer_wants_next(struct vgpu_trace_writer *writer);
void vgpu_trace_writer_next(struct vgpu_trace_writer *writer);
/*
 * Of a writer that keeps the last while: all that was put before becomes a trace. As with
 * next(), the caller puts what the memory then begins with. -EBUSY: a trace is being
 * written; -ESHUTDOWN: the recording has ended. Then nothing is to be put.
 */
int vgpu_trace_writer_dump(struct vgpu_trace_writer *writer, const struct vgpu_trace_dump *dump);
/* Whether such a trace is being written. */
bool vgpu_trace_writer_dumps(struct vgpu_trace_writer *writer);
/* "boot.007.trace" of "boot.trace" and 7, to be freed; NULL: no memory. */
char *vgpu_trace_numbered(const char *path, unsigned int number);
/*
 * Writes what waits, the END record, the index, and renames path.part to path.
 * Frees the writer in any case. On failure returns a negative errno with a
 * sentence in err that says what is lost. Where there was room to, the trace has
 * been ended all the same and says so itself; otherwise path.part stays, readable
 * up to its last whole block. stats (may be NULL) are the last ones.
 */
int vgpu_trace_writer_close_stats(struct vgpu_trace_writer *writer,
				  const uint64_t violations[VGPU_NUM_VIOLATIONS],
				  struct vgpu_trace_writer_stats *stats, struct vgpu_error *err);
static inline int vgpu_trace_writer_close(struct vgpu_trace_writer *writer,
					  const uint64_t violations[VGPU_NUM_VIOLATIONS],
					  struct vgpu_error *err)
{
	return vgpu_trace_writer_close_stats(writer, violations, NULL, err);
}

/* ---- reader ------------------------------------------------------------------ */

struct vgpu_trace_reader;
struct vgpu_trace_summary;

/* "-" reads standard input. Returns NULL with a sentence in err. */
struct vgpu_trace_reader *vgpu_trace_reader_open(const char *path, struct vgpu_error *err);
void vgpu_trace_reader_close(struct vgpu_trace_reader *reader);
/* The JSON object of the trace's description. */
const char *vgpu_trace_reader_metadata(const struct vgpu_trace_reader *reader);
/*
 * The next record, valid until the next call. Returns 1, 0 at the end of a
 * whole trace, or a negative errno with a sentence that names file, block and
 * offset: -EBADMSG for damage, -ENODATA for a trace that ends too early (all
 * before that was delivered), -ENOMEM, or the error of read().
 */
int vgpu_trace_reader_next(struct vgpu_trace_reader *reader, struct vgpu_trace_record *record,
			   struct vgpu_error *err);
/*
 * From here on, blocks are read and decompressed by a thread of the reader's own, before
 * they are needed. Only before the first record; of what is no large file it changes nothing.
 */
void vgpu_trace_reader_read_ahead(struct vgpu_trace_reader *reader);
/*
 * Until the next rewind, requests come without their data, which is checked all the same.
 * Only before the first record; later it changes nothing.
 */
void vgpu_trace_reader_skim(struct vgpu_trace_reader *reader);
/*
 * From the next request on, requests come without their data, which can be copied to where
 * it is wanted instead.
 */
void vgpu_trace_reader_hold_data(struct vgpu_trace_reader *reader);
/*
 * Copies the next len bytes, from the first on, of the data of the request that the last
 * call has delivered; nothing after its data_len, or where that is dropped or skimmed.
 */
void vgpu_trace_reader_copy_data(struct vgpu_trace_reader *reader, uint8_t *to, uint64_t len);
/*
 * What a replay takes, into an empty summary, where the end of the file says it: 1. 0: it
 * has to be counted, as the recording did not end so, is of an older version, or is no file.
 * Whether it is true shows only when all is read. Only before the first record; later it is
 * 0. A negative errno with a sentence in err: there is nothing more to be read.
 */
int vgpu_trace_reader_summary(struct vgpu_trace_reader *reader, struct vgpu_trace_summary *summary,
			      struct vgpu_error *err);
/* Back to the first record. -ESPIPE on standard input. */
int vgpu_trace_reader_rewind(struct vgpu_trace_reader *reader, struct vgpu_error *err);

/* ---- repair ------------------------------------------------------------------ */

/* What was kept of a trace that ended too early or was damaged, and what was not. */
struct vgpu_trace_repair {
	uint64_t requests, frames, dropped;
	uint64_t time_ns;    /* from the first record to the last */
	uint64_t lost_bytes; /* from the first that could not be used to the end of the file */
	bool whole;	     /* there was nothing to repair */
	char reason[512];    /* where it went wrong: "block 17 at offset 4711: ends too early" */
};

/*
 * Writes a whole trace to output: the blocks of path up to the first that is not
 * whole, and what a trace ends with. The description says so too. path is only
 * read; output may be the same. A negative errno with a sentence in err: nothing
 * can be read of path, or output cannot be written; then there is no new file.
 */
int vgpu_trace_make_whole(const char *path, const char *output, struct vgpu_trace_repair *result,
			  struct vgpu_error *err);

#endif
