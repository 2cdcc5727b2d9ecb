/* SPDX-License-Identifier: MIT */
/*
 * What lies on disk: the fixed structures of a trace file and the limits that
 * bound a reader. traces/FORMAT.md is the specification; names are the same.
 */
#ifndef VGPU_TRACE_FORMAT_H
#define VGPU_TRACE_FORMAT_H

#include <assert.h>
#include <endian.h>
#include <stdint.h>

/* As PNG's: one byte that is no text, line ends that a text transfer would damage. */
#define TRACE_MAGIC	   "\x89VGT\r\n\x1a\n"
#define TRACE_MAGIC_LEN	   8
#define TRACE_BLOCK_MAGIC  0x42544756u /* "VGTB" */
#define TRACE_FOOTER_MAGIC 0x45544756u /* "VGTE" */

/* All integers are little-endian. */
struct trace_file_header {
	uint8_t magic[TRACE_MAGIC_LEN];
	uint16_t major;
	uint16_t minor;
	uint32_t size;	   /* of this header; the first block begins there */
	uint64_t checksum; /* XXH3-64 of all header bytes before it */
};
static_assert(sizeof(struct trace_file_header) == 24, "file header");

struct trace_block_header {
	uint32_t magic;
	uint16_t type;
	uint16_t flags;
	uint32_t number;       /* counts from 0 */
	uint32_t stored_len;   /* of the payload in the file */
	uint32_t raw_len;      /* of the payload when decompressed */
	uint32_t header_check; /* low half of XXH3-64 of the 20 bytes before it */
	uint64_t checksum;     /* XXH3-64 of the 24 bytes before it and the stored payload */
};
static_assert(sizeof(struct trace_block_header) == 32, "block header");

struct trace_footer {
	uint32_t magic;
	uint32_t num_blocks;
	uint64_t index_offset; /* of the first INDEX block */
	uint64_t file_len;     /* with this footer */
	uint64_t checksum;     /* XXH3-64 of the 24 bytes before it */
};
static_assert(sizeof(struct trace_footer) == sizeof(struct trace_block_header), "footer");

struct trace_index_entry {
	uint64_t offset;   /* of the block */
	uint64_t base_ns;  /* of a RECORDS block, else 0 */
	uint64_t requests; /* how many there are in the blocks before this one */
	uint64_t frames;
	uint32_t number;
	uint16_t type;
	uint16_t flags;
};
static_assert(sizeof(struct trace_index_entry) == 40, "index entry");

enum trace_block_type {
	TRACE_BLOCK_META = 1,
	TRACE_BLOCK_RECORDS = 2,
	TRACE_BLOCK_INDEX = 3,
	TRACE_BLOCK_SUMMARY = 4,
};

#define TRACE_FLAG_ZSTD	   0x0001u /* compressed; RECORDS: as a stream since the last restart */
#define TRACE_FLAG_RESTART 0x0002u /* RECORDS: content table and stream begin anew */
/* A reader refuses a block of a type it knows with a bit of these that it does not know. */
#define TRACE_FLAGS_CRITICAL 0x00ffu

/* A record that only the file has: bytes of guest memory that requests refer to. */
#define TRACE_RECORD_CONTENT 32

#define TRACE_WINDOW_LOG 24 /* a reader's zstd needs to remember 2^this bytes */

/* Limits of the format: a reader refuses what is beyond them. */
#define TRACE_MAX_HEADER      4096u
#define TRACE_MAX_BLOCK	      (16u << 20) /* bytes of a payload, stored and raw */
#define TRACE_MAX_META	      (1u << 20)
#define TRACE_MAX_DESCS	      65536u
#define TRACE_MAX_MESSAGE     (4u << 20) /* bytes of a request, and of a response */
#define TRACE_MAX_SEGMENTS    (1u << 20)
#define TRACE_MAX_DATA	      (256ull << 20) /* guest memory that one request read */
#define TRACE_MAX_CHUNK	      65536u
#define TRACE_MAX_CHUNKS      (1u << 20)     /* in the content table */
#define TRACE_MAX_CONTENT     (512ull << 20) /* bytes in the content table */
#define TRACE_MAX_REGIONS     65536u	     /* of guest memory, in a summary */
#define TRACE_MAX_INDEX_ENTRY (TRACE_MAX_BLOCK / sizeof(struct trace_index_entry))

#endif
