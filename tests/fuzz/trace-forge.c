/* SPDX-License-Identifier: MIT */
#include "fuzz/trace-forge.h"

#include "fuzz/fuzz.h"
#include "unit/trace-file.h"

#include <string.h>
#include <zstd.h>

/* No more content than this comes of one operation. */
#define CONTENT_MAX (1u << 20)
#define FILE_MAX    (8u << 20)

struct forge {
	struct bytes *file;
	struct bytes records; /* of the block that is being filled; empty: none is */
	uint8_t how;
	uint64_t requests, frames; /* in all records so far */
	struct bytes index;
	uint32_t blocks;
	ZSTD_CCtx *zstd;
	struct bytes packed;
};

static void add_to_index(struct forge *forge, uint16_t type, uint16_t flags, const uint8_t *records,
			 size_t len)
{
	struct trace_index_entry entry = {.offset = htole64(forge->file->len),
					  .number = htole32(forge->blocks++),
					  .type = htole16(type),
					  .flags = htole16(flags)};

	if (type == TRACE_BLOCK_RECORDS && len != 0) {
		struct cursor in = {.at = records, .end = records + len};

		entry.base_ns = htole64(cursor_uint(&in));
		entry.requests = htole64(cursor_uint(&in));
		entry.frames = htole64(cursor_uint(&in));
	}
	if (type != TRACE_BLOCK_INDEX)
		bytes_put(&forge->index, &entry, sizeof(entry));
}

static void compress(struct forge *forge, const uint8_t *data, size_t len, bool restart)
{
	ZSTD_inBuffer in = {.src = data, .size = len};

	forge->packed.len = 0;
	if (!bytes_reserve(&forge->packed, ZSTD_compressBound(len) + 64))
		return;
	if (restart)
		ZSTD_CCtx_reset(forge->zstd, ZSTD_reset_session_only);
	ZSTD_outBuffer out = {.dst = forge->packed.data, .size = forge->packed.capacity};
	size_t left = ZSTD_compressStream2(forge->zstd, &out, &in, ZSTD_e_flush);
	fuzz_check(left == 0, "zstd compresses");
	forge->packed.len = out.pos;
}

static void put_records(struct forge *forge, uint8_t how, const uint8_t *data, size_t len)
{
	uint16_t flags = (how & TRACE_HOW_RESTART) != 0 ? TRACE_FLAG_RESTART : 0;
	uint32_t raw_len = (uint32_t)len + ((how & TRACE_HOW_LENGTH) != 0);

	if (forge->file->len > FILE_MAX)
		return;
	if ((how & TRACE_HOW_ZSTD) != 0) {
		compress(forge, data, len, flags != 0);
		flags |= TRACE_FLAG_ZSTD;
	}
	add_to_index(forge, TRACE_BLOCK_RECORDS, flags, data, len);
	if ((how & TRACE_HOW_ZSTD) != 0)
		forge_block(forge->file, TRACE_BLOCK_RECORDS, flags, forge->packed.data,
			    forge->packed.len, raw_len);
	else
		forge_block(forge->file, TRACE_BLOCK_RECORDS, flags, data, len, raw_len);
}

static void end_block(struct forge *forge)
{
	if (forge->records.len != 0)
		put_records(forge, forge->how, forge->records.data, forge->records.len);
	forge->records.len = 0;
}

static void begin_block(struct forge *forge, uint8_t how)
{
	uint64_t wrong = (how & TRACE_HOW_MISCOUNTED) != 0;

	end_block(forge);
	forge->how = how;
	forge_records(&forge->records, forge->requests + wrong, forge->frames);
}

static void put_record(struct forge *forge, uint64_t type, const struct bytes *body)
{
	if (forge->records.len == 0)
		begin_block(forge, TRACE_HOW_RESTART);
	forge_record(&forge->records, type, body);
	forge->requests += type == VGPU_TRACE_REQUEST;
	forge->frames += type == VGPU_TRACE_FRAME;
}

static void op_record(struct forge *forge, struct program_op *op)
{
	uint64_t type = program_number(op, 2);
	struct bytes body = {.data = (uint8_t *)(uintptr_t)op->bytes, .len = op->len};

	put_record(forge, type, &body);
}

static void op_block(struct forge *forge, struct program_op *op)
{
	begin_block(forge, (uint8_t)program_number(op, 1));
}

static void op_content(struct forge *forge, struct program_op *op)
{
	uint64_t count = program_number(op, 2), len = program_number(op, 2);
	uint8_t byte = (uint8_t)program_number(op, 1);
	struct bytes body = {0};

	if (count * len > CONTENT_MAX)
		count = len == 0 ? 0 : CONTENT_MAX / len;
	bytes_put_uint(&body, count);
	bytes_put_uint(&body, len);
	if (count * len != 0 && bytes_reserve(&body, count * len)) {
		memset(body.data + body.len, byte, count * len);
		body.len += count * len;
	}
	put_record(forge, TRACE_RECORD_CONTENT, &body);
	bytes_fini(&body);
}

static void op_end(struct forge *forge, struct program_op *op)
{
	struct bytes body = {0};

	bytes_put_int(&body, 0);
	bytes_put_uint(&body, forge->requests);
	bytes_put_uint(&body, forge->frames);
	bytes_put_uint(&body, program_number(op, 1)); /* requests without their data */
	bytes_put_uint(&body, 0);
	put_record(forge, VGPU_TRACE_END, &body);
	bytes_fini(&body);
}

static void op_raw(struct forge *forge, struct program_op *op)
{
	uint8_t how = (uint8_t)program_number(op, 1);

	end_block(forge);
	put_records(forge, how, op->bytes, op->len);
}

static void op_other(struct forge *forge, struct program_op *op)
{
	uint16_t type = (uint16_t)program_number(op, 2), flags = (uint16_t)program_number(op, 2);

	end_block(forge);
	add_to_index(forge, type, flags, op->bytes, op->len);
	forge_block(forge->file, type, flags, op->bytes, op->len, (uint32_t)op->len);
}

static void (*const ops[NUM_TRACE_OPS])(struct forge *forge, struct program_op *op) = {
	[TRACE_OP_RECORD] = op_record, [TRACE_OP_BLOCK] = op_block, [TRACE_OP_CONTENT] = op_content,
	[TRACE_OP_END] = op_end,       [TRACE_OP_RAW] = op_raw,	    [TRACE_OP_OTHER] = op_other,
};

static void put_footer(struct forge *forge)
{
	struct trace_footer footer = {.magic = htole32(TRACE_FOOTER_MAGIC),
				      .index_offset = htole64(forge->file->len),
				      .num_blocks = htole32(forge->blocks + 1)};

	forge_block(forge->file, TRACE_BLOCK_INDEX, 0, forge->index.data, forge->index.len,
		    (uint32_t)forge->index.len);
	footer.file_len = htole64(forge->file->len + sizeof(footer));
	footer.checksum = forge_checksum(&footer, sizeof(footer) - sizeof(footer.checksum));
	bytes_put(forge->file, &footer, sizeof(footer));
}

/* What is done to the file as a whole. */
static void spoil(struct bytes *file, const uint8_t *program, size_t size)
{
	struct program_op op;

	while (program_next(&program, &size, &op)) {
		uint64_t at = 0;

		switch (op.kind % NUM_TRACE_OPS) {
		case TRACE_OP_DAMAGE:
			at = program_number(&op, 4);
			if (file->len != 0)
				file->data[at % file->len] ^= (uint8_t)program_number(&op, 1);
			break;
		case TRACE_OP_CUT:
			at = program_number(&op, 4);
			file->len = at < file->len ? at : file->len;
			break;
		case TRACE_OP_PLAIN:
			file->len = 0;
			bytes_put(file, op.bytes, op.len);
			break;
		}
	}
}

void trace_forge(const uint8_t *program, size_t size, struct bytes *file)
{
	struct forge forge = {.file = file, .zstd = ZSTD_createCCtx()};
	const uint8_t *at = program;
	size_t left = size;
	struct program_op op;

	fuzz_check(forge.zstd != NULL, "there is memory for zstd");
	forge_begin(file);
	/* The description, which is there already. */
	struct trace_index_entry meta = {.offset = htole64(sizeof(struct trace_file_header)),
					 .type = htole16(TRACE_BLOCK_META)};
	bytes_put(&forge.index, &meta, sizeof(meta));
	forge.blocks = 1;
	while (program_next(&at, &left, &op))
		if (ops[op.kind % NUM_TRACE_OPS] != NULL)
			ops[op.kind % NUM_TRACE_OPS](&forge, &op);
	end_block(&forge);
	put_footer(&forge);
	spoil(file, program, size);
	ZSTD_freeCCtx(forge.zstd);
	bytes_fini(&forge.records);
	bytes_fini(&forge.index);
	bytes_fini(&forge.packed);
}
