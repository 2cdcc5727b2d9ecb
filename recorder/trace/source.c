/* SPDX-License-Identifier: MIT */
#include "trace/source.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

struct trace_source {
	char *name; /* for people */
	int fd;
	bool owned, rewindable;
	uint64_t position;		  /* in the file */
	uint64_t offset;		  /* of the block that was read last */
	struct trace_block_header header; /* of that block */
	uint8_t file_header[TRACE_MAX_HEADER];
	size_t file_header_len;
	uint32_t number;       /* of that block */
	uint32_t next_number;  /* of the one after it */
	uint64_t index_offset; /* of the first INDEX block; 0: none yet */
	bool has_entry;	       /* the block read last is not in the expected index yet */
	struct trace_index_entry entry;
	/* The index is compared by hash, so that no file makes the reader remember its blocks. */
	XXH3_state_t *expected, *found;
	uint64_t expected_len, found_len;
	ZSTD_DCtx *zstd;   /* for blocks that stand alone */
	ZSTD_DCtx *stream; /* for RECORDS blocks */
	struct trace_pool pool;
	struct trace_buffer *stored, *raw; /* of the block that was read last, unless taken */
};

int trace_source_fail(const struct trace_source *source, struct vgpu_error *err, int code,
		      const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	return vgpu_error_set(err, code, "%s: block %" PRIu32 " at offset %" PRIu64 ": %s",
			      source->name, source->number, source->offset, text);
}

void trace_source_take(struct trace_source *source, struct trace_block *block)
{
	bool raw = source->raw != NULL && block->data == source->raw->data;

	block->buffer = raw ? source->raw : source->stored;
	*(raw ? &source->raw : &source->stored) = NULL;
}

struct trace_pool *trace_source_pool(struct trace_source *source)
{
	return &source->pool;
}

/* Makes *buffer one of that size; what was in it is lost. */
static bool need(struct trace_source *source, struct trace_buffer **buffer, size_t size)
{
	if (*buffer != NULL && (*buffer)->capacity >= size)
		return true;
	trace_pool_put(&source->pool, *buffer);
	*buffer = trace_pool_get(&source->pool, size);
	return *buffer != NULL;
}

struct trace_block_place trace_source_place(const struct trace_source *source)
{
	return (struct trace_block_place){.number = source->number, .offset = source->offset};
}

const char *trace_source_name(const struct trace_source *source)
{
	return source->name;
}

uint64_t trace_source_size(const struct trace_source *source)
{
	struct stat info;

	return fstat(source->fd, &info) == 0 && S_ISREG(info.st_mode) ? (uint64_t)info.st_size : 0;
}

/* As many bytes as there are, up to len, or a negative errno. */
static ssize_t read_all(struct trace_source *source, void *data, size_t len)
{
	size_t done = 0;

	while (done < len) {
		ssize_t n = read(source->fd, (uint8_t *)data + done, len - done);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (n == 0)
			break;
		done += (size_t)n;
	}
	source->position += done;
	return (ssize_t)done;
}

/* ---- the file header ------------------------------------------------------------- */

static int check_file_header(const struct trace_source *source, const uint8_t *bytes, size_t len,
			     struct vgpu_error *err)
{
	struct trace_file_header header;
	uint64_t checksum;

	memcpy(&header, bytes, sizeof(header));
	memcpy(&checksum, bytes + len - sizeof(checksum), sizeof(checksum));
	if (le64toh(checksum) != XXH3_64bits(bytes, len - sizeof(checksum)))
		return vgpu_error_set(err, EBADMSG,
				      "%s: file header at offset 0: checksum mismatch",
				      source->name);
	if (le16toh(header.major) != VGPU_TRACE_MAJOR)
		return vgpu_error_set(err, ENOTSUP,
				      "%s: format version %u.%u, this program reads %u.x",
				      source->name, le16toh(header.major), le16toh(header.minor),
				      VGPU_TRACE_MAJOR);
	return 0;
}

static int read_file_header(struct trace_source *source, struct vgpu_error *err)
{
	uint8_t *bytes = source->file_header;
	struct trace_file_header header;
	ssize_t n = read_all(source, bytes, sizeof(header));

	if (n < 0)
		return vgpu_error_set(err, (int)-n, "%s: %s", source->name, strerror((int)-n));
	size_t magic_len = (size_t)n < TRACE_MAGIC_LEN ? (size_t)n : TRACE_MAGIC_LEN;
	if (memcmp(bytes, TRACE_MAGIC, magic_len) != 0)
		return vgpu_error_set(err, EBADMSG, "%s: offset 0: not a trace", source->name);
	if ((size_t)n < sizeof(header))
		goto too_early;
	memcpy(&header, bytes, sizeof(header));
	uint32_t size = le32toh(header.size);
	if (size < sizeof(header) || size > TRACE_MAX_HEADER)
		return vgpu_error_set(err, EBADMSG, "%s: file header at offset 0: impossible size",
				      source->name);
	n = read_all(source, bytes + sizeof(header), size - sizeof(header));
	if (n < 0)
		return vgpu_error_set(err, (int)-n, "%s: %s", source->name, strerror((int)-n));
	if ((size_t)n < size - sizeof(header))
		goto too_early;
	source->file_header_len = size;
	return check_file_header(source, bytes, size, err);
too_early:
	return vgpu_error_set(err, ENODATA,
			      "%s: offset %" PRIu64 ": the file header ends too early",
			      source->name, source->position);
}

static int start(struct trace_source *source, struct vgpu_error *err)
{
	source->position = source->offset = source->index_offset = 0;
	source->number = source->next_number = 0;
	source->has_entry = false;
	source->expected_len = source->found_len = 0;
	XXH3_64bits_reset(source->expected);
	XXH3_64bits_reset(source->found);
	return read_file_header(source, err);
}

/* ---- open, close --------------------------------------------------------------------- */

static bool open_file(struct trace_source *source, const char *path, int fd, struct vgpu_error *err)
{
	if (fd >= 0) {
		source->fd = fd;
		source->rewindable = true;
		if (lseek(fd, 0, SEEK_SET) == 0)
			return true;
		vgpu_error_set(err, errno, "%s: %s", path, strerror(errno));
		return false;
	}
	bool standard_input = strcmp(path, "-") == 0;

	source->owned = source->rewindable = !standard_input;
	source->fd = standard_input ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
	if (source->fd >= 0)
		return true;
	vgpu_error_set(err, errno, "%s: %s", path, strerror(errno));
	return false;
}

static struct trace_source *open_source(const char *path, int fd, struct vgpu_error *err)
{
	struct trace_source *source = calloc(1, sizeof(*source));

	if (source == NULL)
		goto no_memory;
	source->fd = -1;
	trace_pool_init(&source->pool);
	source->name = strdup(strcmp(path, "-") == 0 ? "standard input" : path);
	source->expected = XXH3_createState();
	source->found = XXH3_createState();
	source->zstd = ZSTD_createDCtx();
	source->stream = ZSTD_createDCtx();
	if (source->name == NULL || source->expected == NULL || source->found == NULL ||
	    source->zstd == NULL || source->stream == NULL)
		goto no_memory;
	/* A stream that wants more memory than this is not a recorder's. */
	ZSTD_DCtx_setParameter(source->stream, ZSTD_d_windowLogMax, TRACE_WINDOW_LOG);
	if (open_file(source, path, fd, err) && start(source, err) == 0)
		return source;
	trace_source_close(source);
	return NULL;
no_memory:
	vgpu_error_set(err, ENOMEM, "%s: out of memory", path);
	trace_source_close(source);
	return NULL;
}

struct trace_source *trace_source_open(const char *path, struct vgpu_error *err)
{
	return open_source(path, -1, err);
}

struct trace_source *trace_source_open_fd(int fd, const char *name, struct vgpu_error *err)
{
	return open_source(name, fd, err);
}

void trace_source_close(struct trace_source *source)
{
	if (source == NULL)
		return;
	if (source->owned && source->fd >= 0)
		close(source->fd);
	ZSTD_freeDCtx(source->zstd);
	ZSTD_freeDCtx(source->stream);
	XXH3_freeState(source->expected);
	XXH3_freeState(source->found);
	trace_pool_put(&source->pool, source->stored);
	trace_pool_put(&source->pool, source->raw);
	trace_pool_fini(&source->pool);
	free(source->name);
	free(source);
}

int trace_source_rewind(struct trace_source *source, struct vgpu_error *err)
{
	if (!source->rewindable)
		return vgpu_error_set(err, ESPIPE, "%s: cannot be read twice", source->name);
	if (lseek(source->fd, 0, SEEK_SET) < 0)
		return vgpu_error_set(err, errno, "%s: %s", source->name, strerror(errno));
	return start(source, err);
}

/* ---- blocks ----------------------------------------------------------------------------- */

static int check_block_header(const struct trace_source *source,
			      const struct trace_block_header *header, struct vgpu_error *err)
{
	uint32_t check =
		(uint32_t)XXH3_64bits(header, offsetof(struct trace_block_header, header_check));

	if (le32toh(header->magic) != TRACE_BLOCK_MAGIC)
		return trace_source_fail(source, err, EBADMSG, "no block begins here");
	if (le32toh(header->header_check) != check)
		return trace_source_fail(source, err, EBADMSG, "header checksum mismatch");
	if (le32toh(header->number) != source->number)
		return trace_source_fail(source, err, EBADMSG, "is numbered %" PRIu32,
					 le32toh(header->number));
	if (le32toh(header->stored_len) > TRACE_MAX_BLOCK ||
	    le32toh(header->raw_len) > TRACE_MAX_BLOCK)
		return trace_source_fail(source, err, EBADMSG, "longer than 16 MiB");
	return 0;
}

static int read_payload(struct trace_source *source, const struct trace_block_header *header,
			struct vgpu_error *err)
{
	/* The checksum covers header and payload but not itself, so they are joined here. */
	size_t prefix = offsetof(struct trace_block_header, checksum);
	size_t len = le32toh(header->stored_len);

	if (!need(source, &source->stored, prefix + len))
		return trace_source_fail(source, err, ENOMEM, "out of memory");
	uint8_t *stored = source->stored->data;
	memcpy(stored, header, prefix);
	ssize_t n = read_all(source, stored + prefix, len);
	if (n < 0)
		return trace_source_fail(source, err, (int)-n, "%s", strerror((int)-n));
	if ((size_t)n < len)
		return trace_source_fail(source, err, ENODATA, "ends too early");
	if (le64toh(header->checksum) != XXH3_64bits(stored, prefix + len))
		return trace_source_fail(source, err, EBADMSG, "checksum mismatch");
	return 0;
}

static bool known_type(uint16_t type)
{
	return type >= TRACE_BLOCK_META && type <= TRACE_BLOCK_SUMMARY;
}

/*
 * RECORDS payloads, from one restart to the next, are one stream of zstd frames
 * that is flushed at the end of each block.
 */
static int decompress_stream(struct trace_source *source, const uint8_t *stored, size_t stored_len,
			     uint8_t *raw, size_t raw_len, struct vgpu_error *err)
{
	ZSTD_inBuffer in = {.src = stored, .size = stored_len};
	/* With room for one byte too many, to see it. */
	ZSTD_outBuffer out = {.dst = raw, .size = raw_len + 1};
	size_t before;

	do {
		before = in.pos + out.pos;
		size_t n = ZSTD_decompressStream(source->stream, &out, &in);
		if (ZSTD_isError(n))
			return trace_source_fail(source, err, EBADMSG, "zstd: %s",
						 ZSTD_getErrorName(n));
	} while (out.pos < out.size && in.pos + out.pos > before);
	if (out.pos > raw_len || in.pos < in.size)
		return trace_source_fail(source, err, EBADMSG, "more than %zu bytes", raw_len);
	if (out.pos < raw_len)
		return trace_source_fail(source, err, EBADMSG, "%zu bytes instead of %zu", out.pos,
					 raw_len);
	return 0;
}

static int decompress(struct trace_source *source, struct trace_block *block, size_t stored_len,
		      size_t raw_len, struct vgpu_error *err)
{
	const uint8_t *stored =
		source->stored->data + offsetof(struct trace_block_header, checksum);

	block->buffer = NULL;
	block->data = stored;
	block->len = stored_len;
	/* A reader may not even know how such a block is compressed. */
	if (!known_type(block->type))
		return 0;
	if ((block->flags & TRACE_FLAGS_CRITICAL & ~(TRACE_FLAG_ZSTD | TRACE_FLAG_RESTART)) != 0)
		return trace_source_fail(source, err, EBADMSG, "flags 0x%x are not known",
					 block->flags);
	if (block->type == TRACE_BLOCK_RECORDS && (block->flags & TRACE_FLAG_RESTART) != 0)
		ZSTD_DCtx_reset(source->stream, ZSTD_reset_session_only);
	if ((block->flags & TRACE_FLAG_ZSTD) == 0) {
		if (stored_len != raw_len)
			return trace_source_fail(source, err, EBADMSG, "two lengths");
		return 0;
	}
	if (!need(source, &source->raw, raw_len + 1))
		return trace_source_fail(source, err, ENOMEM, "out of memory");
	uint8_t *raw = source->raw->data;
	block->data = raw;
	block->len = raw_len;
	if (block->type == TRACE_BLOCK_RECORDS)
		return decompress_stream(source, stored, stored_len, raw, raw_len, err);
	size_t n = ZSTD_decompressDCtx(source->zstd, raw, raw_len, stored, stored_len);
	if (ZSTD_isError(n))
		return trace_source_fail(source, err, EBADMSG, "zstd: %s", ZSTD_getErrorName(n));
	if (n != raw_len)
		return trace_source_fail(source, err, EBADMSG, "%zu bytes instead of %zu", n,
					 raw_len);
	return 0;
}

/* ---- the index and the end ------------------------------------------------------------------ */

/* What is known of the block before goes into the index that the file should have. */
static void close_entry(struct trace_source *source)
{
	if (!source->has_entry)
		return;
	XXH3_64bits_update(source->expected, &source->entry, sizeof(source->entry));
	source->expected_len += sizeof(source->entry);
	source->has_entry = false;
}

static void open_entry(struct trace_source *source, const struct trace_block_header *header)
{
	source->entry = (struct trace_index_entry){
		.offset = htole64(source->offset),
		.number = header->number,
		.type = header->type,
		.flags = header->flags,
	};
	source->has_entry = true;
}

void trace_source_describe(struct trace_source *source, uint64_t base_ns, uint64_t requests,
			   uint64_t frames)
{
	source->entry.base_ns = htole64(base_ns);
	source->entry.requests = htole64(requests);
	source->entry.frames = htole64(frames);
}

static void take_index(struct trace_source *source, const struct trace_block *block)
{
	if (source->index_offset == 0)
		source->index_offset = source->offset;
	XXH3_64bits_update(source->found, block->data, block->len);
	source->found_len += block->len;
}

static bool index_is_right(const struct trace_source *source)
{
	return source->found_len == source->expected_len &&
	       XXH3_64bits_digest(source->found) == XXH3_64bits_digest(source->expected);
}

static int fail_footer(const struct trace_source *source, struct vgpu_error *err, const char *why)
{
	return vgpu_error_set(err, EBADMSG,
			      "%s: footer after block %" PRIu32 " at offset %" PRIu64 ": %s",
			      source->name, source->number - 1, source->offset, why);
}

static int check_footer(struct trace_source *source, const struct trace_footer *footer,
			struct vgpu_error *err)
{
	uint8_t byte;

	if (le64toh(footer->checksum) !=
	    XXH3_64bits(footer, offsetof(struct trace_footer, checksum)))
		return fail_footer(source, err, "checksum mismatch");
	if (source->index_offset == 0)
		return fail_footer(source, err, "no index before it");
	if (le32toh(footer->num_blocks) != source->number ||
	    le64toh(footer->index_offset) != source->index_offset ||
	    le64toh(footer->file_len) != source->position)
		return fail_footer(source, err, "does not describe this file");
	if (!index_is_right(source))
		return fail_footer(source, err, "the index before it does not describe this file");
	ssize_t n = read_all(source, &byte, sizeof(byte));
	if (n < 0)
		return vgpu_error_set(err, (int)-n, "%s: %s", source->name, strerror((int)-n));
	if (n > 0)
		return fail_footer(source, err, "something follows it");
	return 0;
}

/* A block header, or the footer, which is as long: 1, 0 at the end, or an error. */
static int read_header(struct trace_source *source, struct trace_block_header *header,
		       struct vgpu_error *err)
{
	struct trace_footer footer;

	source->offset = source->position;
	source->number = source->next_number;
	ssize_t n = read_all(source, header, sizeof(*header));
	if (n < 0)
		return trace_source_fail(source, err, (int)-n, "%s", strerror((int)-n));
	if (n == 0)
		return trace_source_fail(source, err, ENODATA,
					 "is not there; the recording was not finished");
	if ((size_t)n < sizeof(*header))
		return trace_source_fail(source, err, ENODATA, "ends too early");
	close_entry(source);
	if (le32toh(header->magic) == TRACE_FOOTER_MAGIC) {
		memcpy(&footer, header, sizeof(footer));
		return check_footer(source, &footer, err);
	}
	int ret = check_block_header(source, header, err);
	return ret < 0 ? ret : 1;
}

static int read_block(struct trace_source *source, struct trace_block *block,
		      struct vgpu_error *err)
{
	struct trace_block_header header;
	int ret = read_header(source, &header, err);

	if (ret <= 0)
		return ret;
	ret = read_payload(source, &header, err);
	if (ret < 0)
		return ret;
	source->header = header;
	block->type = le16toh(header.type);
	block->flags = le16toh(header.flags);
	ret = decompress(source, block, le32toh(header.stored_len), le32toh(header.raw_len), err);
	if (ret < 0)
		return ret;
	if (source->next_number == UINT32_MAX)
		return trace_source_fail(source, err, EBADMSG, "too many blocks");
	source->next_number++;
	if (block->type == TRACE_BLOCK_INDEX)
		return 1;
	if (source->index_offset != 0)
		return trace_source_fail(source, err, EBADMSG, "comes after the index");
	open_entry(source, &header);
	return 1;
}

int trace_source_next(struct trace_source *source, struct trace_block *block,
		      struct vgpu_error *err)
{
	for (;;) {
		int ret = read_block(source, block, err);
		if (ret <= 0 || block->type != TRACE_BLOCK_INDEX)
			return ret;
		take_index(source, block);
	}
}

/* ---- the summary ----------------------------------------------------------------------------- */

static bool seek_to(struct trace_source *source, uint64_t offset)
{
	source->position = offset;
	return offset <= INT64_MAX && lseek(source->fd, (off_t)offset, SEEK_SET) >= 0;
}

/* Where the index begins, as the end of the file says; 0: nowhere. */
static uint64_t find_index(struct trace_source *source, uint64_t size)
{
	struct trace_footer footer;

	if (size < sizeof(footer) || !seek_to(source, size - sizeof(footer)) ||
	    read_all(source, &footer, sizeof(footer)) != sizeof(footer) ||
	    le32toh(footer.magic) != TRACE_FOOTER_MAGIC ||
	    le64toh(footer.checksum) !=
		    XXH3_64bits(&footer, offsetof(struct trace_footer, checksum)))
		return 0;
	return le64toh(footer.index_offset);
}

/* The block at the offset, whichever its number. */
static bool read_at(struct trace_source *source, uint64_t offset, struct trace_block *block)
{
	struct trace_block_header header;

	if (!seek_to(source, offset) ||
	    read_all(source, &header, sizeof(header)) != sizeof(header) || !seek_to(source, offset))
		return false;
	source->next_number = le32toh(header.number);
	return read_block(source, block, NULL) > 0;
}

/* The offset of the last block before the index; 0: nowhere. */
static uint64_t find_last(struct trace_source *source, uint64_t index, uint64_t end)
{
	struct trace_index_entry entry = {0};
	struct trace_block block;

	for (uint64_t at = index; at > 0 && at < end; at = source->position) {
		if (!read_at(source, at, &block) || block.type != TRACE_BLOCK_INDEX ||
		    block.len < sizeof(entry))
			return 0;
		memcpy(&entry, block.data + block.len - sizeof(entry), sizeof(entry));
	}
	return le16toh(entry.type) == TRACE_BLOCK_SUMMARY ? le64toh(entry.offset) : 0;
}

bool trace_source_summary(struct trace_source *source, struct trace_block *block)
{
	uint64_t size = source->rewindable ? trace_source_size(source) : 0;
	uint64_t index = find_index(source, size);
	uint64_t last =
		index > 0 ? find_last(source, index, size - sizeof(struct trace_footer)) : 0;

	return last > 0 && read_at(source, last, block) && block->type == TRACE_BLOCK_SUMMARY;
}

void trace_source_stored(const struct trace_source *source, struct trace_block_header *header,
			 const uint8_t **payload)
{
	*header = source->header;
	*payload = source->stored->data + offsetof(struct trace_block_header, checksum);
}

uint32_t trace_source_blocks(const struct trace_source *source)
{
	return source->next_number;
}

uint64_t trace_source_position(const struct trace_source *source)
{
	return source->position;
}

const uint8_t *trace_source_file_header(const struct trace_source *source, size_t *len)
{
	*len = source->file_header_len;
	return source->file_header;
}
