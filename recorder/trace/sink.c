/* SPDX-License-Identifier: MIT */
#include "trace/sink.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <xxhash.h>
#include <zstd.h>

#define INDEX_SLICE (TRACE_MAX_INDEX_ENTRY * sizeof(struct trace_index_entry))
#define INDEX_LEVEL 3
#define END_ROOM    512 /* for the block with the END record */
#define POLL_MS	    100
/* MFD_NOEXEC_SEAL, which is newer than some headers. */
#define NO_EXEC 0x0008u

struct trace_sink {
	char *path, *part;
	int fd;
	bool created;	/* there was no such file before */
	bool piped;	/* nothing can be taken back: it is a pipe or a device */
	uint64_t limit; /* of its bytes when finished; 0: none */
	bool (*give_up)(void *opaque);
	void *opaque;
	uint64_t written; /* up to the end of the last whole block */
	uint32_t num_blocks;
	struct bytes index;
	ZSTD_CCtx *zstd;   /* for blocks that stand alone */
	ZSTD_CCtx *stream; /* for RECORDS blocks, from restart to restart */
	bool begin;	   /* it is to begin anew */
	XXH3_state_t *check;
	uint8_t *room; /* for what is compressed */
	size_t capacity;
};

/* A block without its header, as it is stored. */
struct payload {
	const uint8_t *data;
	size_t len;
};

/* Until a pipe takes as much as is written at once, or nobody wants to wait any more. */
static int wait_for_room(struct trace_sink *sink)
{
	struct pollfd fd = {.fd = sink->fd, .events = POLLOUT};

	while (poll(&fd, 1, POLL_MS) <= 0)
		if (sink->give_up != NULL && sink->give_up(sink->opaque))
			return -ETIMEDOUT;
	return 0;
}

static int write_all(struct trace_sink *sink, const uint8_t *data, size_t len)
{
	while (len > 0) {
		size_t part = sink->piped && len > PIPE_BUF ? PIPE_BUF : len;
		int ret = sink->piped ? wait_for_room(sink) : 0;
		if (ret < 0)
			return ret;
		ssize_t n = write(sink->fd, data, part);
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		data += n;
		len -= (size_t)n;
	}
	return 0;
}

/* What was appended stays, or the file becomes what it was. */
static int keep(struct trace_sink *sink, int ret, size_t len)
{
	if (ret == 0) {
		sink->written += len;
		return 0;
	}
	/* A block that is cut off is of no use; where this fails the reader copes. */
	if (!sink->piped && ftruncate(sink->fd, (off_t)sink->written) == 0)
		lseek(sink->fd, (off_t)sink->written, SEEK_SET);
	return ret;
}

static int append(struct trace_sink *sink, const uint8_t *data, size_t len)
{
	return keep(sink, write_all(sink, data, len), len);
}

static int append_block(struct trace_sink *sink, const struct trace_block_header *header,
			const struct payload *payload)
{
	int ret = write_all(sink, (const uint8_t *)header, sizeof(*header));

	if (ret == 0)
		ret = write_all(sink, payload->data, payload->len);
	return keep(sink, ret, sizeof(*header) + payload->len);
}

void trace_sink_limit(struct trace_sink *sink, uint64_t max_size)
{
	sink->limit = max_size;
}

void trace_sink_patience(struct trace_sink *sink, bool (*give_up)(void *opaque), void *opaque)
{
	sink->give_up = give_up;
	sink->opaque = opaque;
}

struct trace_mark trace_sink_mark(const struct trace_sink *sink)
{
	return (struct trace_mark){sink->written, sink->num_blocks, sink->index.len};
}

int trace_sink_return(struct trace_sink *sink, const struct trace_mark *mark)
{
	if (sink->piped)
		return -ESPIPE;
	if (ftruncate(sink->fd, (off_t)mark->written) < 0 ||
	    lseek(sink->fd, (off_t)mark->written, SEEK_SET) < 0)
		return -errno;
	sink->written = mark->written;
	sink->num_blocks = mark->num_blocks;
	sink->index.len = mark->index_len;
	return 0;
}

/* Whether the file can still be finished within its limit when len more bytes are in it. */
static bool fits(const struct trace_sink *sink, size_t len)
{
	uint64_t index = sink->index.len + 2 * sizeof(struct trace_index_entry);
	uint64_t blocks = (index / INDEX_SLICE + 1) * sizeof(struct trace_block_header);

	return sink->limit == 0 ||
	       sink->written + len + END_ROOM + index + blocks + sizeof(struct trace_footer) <=
		       sink->limit;
}

static int write_file_header(struct trace_sink *sink)
{
	struct trace_file_header header = {
		.magic = TRACE_MAGIC,
		.major = htole16(VGPU_TRACE_MAJOR),
		.minor = htole16(VGPU_TRACE_MINOR),
		.size = htole32(sizeof(header)),
	};

	header.checksum =
		htole64(XXH3_64bits(&header, offsetof(struct trace_file_header, checksum)));
	return append(sink, (const uint8_t *)&header, sizeof(header));
}

/* It is written to as it is: /dev/null by who wants no recording. */
static bool is_device(const char *path)
{
	struct stat info;

	return stat(path, &info) == 0 && S_ISCHR(info.st_mode);
}

/*
 * In a folder that others write to, .part may be a link to what they would have
 * overwritten; it is what was opened only if it is none.
 */
static bool is_linked_file(const char *part, const struct stat *opened)
{
	struct stat named;

	return S_ISREG(opened->st_mode) && lstat(part, &named) == 0 &&
	       (named.st_dev != opened->st_dev || named.st_ino != opened->st_ino);
}

static int begin_file(struct trace_sink *sink, struct vgpu_error *err)
{
	int ret = write_file_header(sink);

	return ret < 0 ? vgpu_error_set(err, -ret, "%s: %s", trace_sink_path(sink), strerror(-ret))
		       : 0;
}

/*
 * Not O_TRUNC: another recorder may be writing this very file, so its content
 * may only go once the lock is ours.
 */
static int open_part(struct trace_sink *sink, struct vgpu_error *err)
{
	struct stat info;

	if (strcmp(sink->path, "-") == 0) {
		sink->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
		sink->piped = true;
		return sink->fd < 0
			       ? vgpu_error_set(err, errno, "standard output: %s", strerror(errno))
			       : begin_file(sink, err);
	}
	sink->created = access(sink->part, F_OK) != 0;
	sink->fd = open(sink->part, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
	if (sink->fd < 0)
		return vgpu_error_set(err, errno, "%s: %s", sink->part, strerror(errno));
	/* A file system without locks is no reason to fail. */
	if (!is_device(sink->part) && flock(sink->fd, LOCK_EX | LOCK_NB) < 0 &&
	    errno == EWOULDBLOCK) {
		sink->created = false;
		return vgpu_error_set(err, EBUSY, "%s: another recorder is writing it", sink->part);
	}
	int ret = fstat(sink->fd, &info);
	if (ret == 0 && is_linked_file(sink->part, &info))
		return vgpu_error_set(err, ELOOP, "%s: is a link to another file", sink->part);
	if (ret < 0 || (S_ISREG(info.st_mode) && ftruncate(sink->fd, 0) < 0))
		return vgpu_error_set(err, errno, "%s: %s", sink->part, strerror(errno));
	sink->piped = !S_ISREG(info.st_mode);
	return begin_file(sink, err);
}

/* With nothing open yet. NULL: no memory. */
static struct trace_sink *new_sink(const char *path, const char *suffix)
{
	struct trace_sink *sink = calloc(1, sizeof(*sink));

	if (sink == NULL)
		return NULL;
	sink->fd = -1;
	sink->path = strdup(path);
	sink->zstd = ZSTD_createCCtx();
	sink->stream = ZSTD_createCCtx();
	sink->check = XXH3_createState();
	if (sink->path != NULL && sink->zstd != NULL && sink->stream != NULL &&
	    sink->check != NULL && asprintf(&sink->part, "%s%s", path, suffix) >= 0)
		return sink;
	trace_sink_close(sink);
	return NULL;
}

struct trace_sink *trace_sink_open(const char *path, const char *suffix, struct vgpu_error *err)
{
	bool in_place = is_device(path) || strcmp(path, "-") == 0;
	struct trace_sink *sink = new_sink(path, in_place ? "" : suffix);

	if (sink == NULL) {
		vgpu_error_set(err, ENOMEM, "%s: out of memory", path);
		return NULL;
	}
	if (open_part(sink, err) == 0)
		return sink;
	trace_sink_discard(sink);
	return NULL;
}

/* Where the kernel can tell that nobody will run it, some want to be told. */
static int open_memory(const char *name)
{
	int fd = memfd_create(name, MFD_CLOEXEC | NO_EXEC);

	return fd < 0 && errno == EINVAL ? memfd_create(name, MFD_CLOEXEC) : fd;
}

struct trace_sink *trace_sink_open_memory(const char *name, struct vgpu_error *err)
{
	struct trace_sink *sink = new_sink(name, "");

	if (sink == NULL) {
		vgpu_error_set(err, ENOMEM, "%s: out of memory", name);
		return NULL;
	}
	sink->fd = open_memory(name);
	if (sink->fd < 0)
		vgpu_error_set(err, errno, "%s: %s", name, strerror(errno));
	else if (begin_file(sink, err) == 0)
		return sink;
	trace_sink_close(sink);
	return NULL;
}

int trace_sink_take(struct trace_sink *sink)
{
	int fd = sink->fd;

	sink->fd = -1;
	return fd;
}

int trace_sink_file_header(struct trace_sink *sink, const uint8_t *header, size_t len)
{
	const struct trace_mark begin = {0};
	int ret = trace_sink_return(sink, &begin);

	return ret < 0 ? ret : append(sink, header, len);
}

/* Room for what a block is compressed to, of len bytes at most. */
static uint8_t *reserve_room(struct trace_sink *sink, size_t len)
{
	uint8_t *room = array_reserve(sink->room, &sink->capacity, len, 1);

	if (room != NULL)
		sink->room = room;
	return room;
}

/* The block's flag, and what is stored; 0: as it is. */
static int compress(struct trace_sink *sink, const struct bytes *raw, int level,
		    struct payload *stored)
{
	size_t bound = ZSTD_compressBound(raw->len);
	uint8_t *room = reserve_room(sink, bound);

	if (room == NULL)
		return -ENOMEM;
	size_t len = ZSTD_compressCCtx(sink->zstd, room, bound, raw->data, raw->len, level);
	if (ZSTD_isError(len))
		return -ENOMEM;
	if (len >= raw->len)
		return 0;
	*stored = (struct payload){room, len};
	return TRACE_FLAG_ZSTD;
}

/*
 * The same for RECORDS: the compressor remembers the blocks before, back to
 * the last restart, and all that it was given is in the file after each.
 */
static int compress_stream(struct trace_sink *sink, const struct bytes *raw, int level,
			   struct payload *stored)
{
	/* What a flush may add to the bound of a frame: an empty block. */
	size_t bound = ZSTD_compressBound(raw->len) + 64;
	uint8_t *room = reserve_room(sink, bound);
	ZSTD_inBuffer in = {.src = raw->data, .size = raw->len};
	ZSTD_outBuffer out = {.dst = room, .size = bound};

	if (room == NULL)
		return -ENOMEM;
	if (sink->begin) {
		ZSTD_CCtx_reset(sink->stream, ZSTD_reset_session_only);
		ZSTD_CCtx_setParameter(sink->stream, ZSTD_c_compressionLevel, level);
		ZSTD_CCtx_setParameter(sink->stream, ZSTD_c_windowLog, TRACE_WINDOW_LOG);
		/* Rows of a console repeat in parts, and from far back. */
		ZSTD_CCtx_setParameter(sink->stream, ZSTD_c_enableLongDistanceMatching, 1);
		sink->begin = false;
	}
	size_t left = ZSTD_compressStream2(sink->stream, &out, &in, ZSTD_e_flush);
	if (ZSTD_isError(left) || left != 0)
		return -ENOMEM;
	*stored = (struct payload){room, out.pos};
	return TRACE_FLAG_ZSTD;
}

static void add_to_index(struct trace_sink *sink, const struct trace_block_header *header,
			 const struct trace_block_info *info)
{
	struct trace_index_entry entry = {
		.offset = htole64(sink->written),
		.base_ns = htole64(info->base_ns),
		.requests = htole64(info->requests),
		.frames = htole64(info->frames),
		.number = header->number,
		.type = header->type,
		.flags = header->flags,
	};

	bytes_put(&sink->index, &entry, sizeof(entry));
}

int trace_sink_block(struct trace_sink *sink, enum trace_block_type type, uint16_t flags,
		     const struct trace_block_info *info, const struct bytes *raw, int level)
{
	struct payload stored = {raw->data, raw->len};
	struct trace_block_header header;
	int zstd = 0;

	if (raw->len > TRACE_MAX_BLOCK)
		return -EMSGSIZE;
	if ((flags & TRACE_FLAG_RESTART) != 0)
		sink->begin = true;
	if (level != TRACE_LEVEL_NONE)
		zstd = type == TRACE_BLOCK_RECORDS ? compress_stream(sink, raw, level, &stored)
						   : compress(sink, raw, level, &stored);
	if (zstd < 0)
		return zstd;
	header.magic = htole32(TRACE_BLOCK_MAGIC);
	header.type = htole16((uint16_t)type);
	header.flags = htole16((uint16_t)(flags | zstd));
	header.number = htole32(sink->num_blocks);
	header.stored_len = htole32((uint32_t)stored.len);
	header.raw_len = htole32((uint32_t)raw->len);
	header.header_check = htole32(
		(uint32_t)XXH3_64bits(&header, offsetof(struct trace_block_header, header_check)));
	/* The checksum covers both sides of its own place. */
	XXH3_64bits_reset(sink->check);
	XXH3_64bits_update(sink->check, &header, offsetof(struct trace_block_header, checksum));
	XXH3_64bits_update(sink->check, stored.data, stored.len);
	header.checksum = htole64(XXH3_64bits_digest(sink->check));
	/* Room for the index was kept by all the others. */
	if (type != TRACE_BLOCK_INDEX && !fits(sink, sizeof(header) + stored.len))
		return -EOVERFLOW;
	const struct trace_mark mark = trace_sink_mark(sink);
	if (type != TRACE_BLOCK_INDEX)
		add_to_index(sink, &header, info);
	if (sink->index.failed)
		return -ENOMEM;
	int ret = append_block(sink, &header, &stored);
	if (ret == 0)
		sink->num_blocks++;
	else
		sink->index.len = mark.index_len;
	return ret;
}

int trace_sink_copy(struct trace_sink *sink, const struct trace_block_header *header,
		    const uint8_t *payload, const struct trace_block_info *info)
{
	const struct payload stored = {payload, le32toh(header->stored_len)};

	add_to_index(sink, header, info);
	if (sink->index.failed)
		return -ENOMEM;
	int ret = append_block(sink, header, &stored);
	if (ret == 0)
		sink->num_blocks++;
	return ret;
}

static int write_index(struct trace_sink *sink)
{
	const struct trace_block_info info = {0};
	size_t done = 0;

	do {
		size_t left = sink->index.len - done;
		struct bytes slice = {.data = sink->index.data + done,
				      .len = left < INDEX_SLICE ? left : INDEX_SLICE};
		int ret = trace_sink_block(sink, TRACE_BLOCK_INDEX, 0, &info, &slice, INDEX_LEVEL);
		if (ret < 0)
			return ret;
		done += slice.len;
	} while (done < sink->index.len);
	return 0;
}

int trace_sink_finish(struct trace_sink *sink)
{
	struct trace_footer footer = {
		.magic = htole32(TRACE_FOOTER_MAGIC),
		.index_offset = htole64(sink->written),
	};
	int ret = write_index(sink);

	if (ret < 0)
		return ret;
	footer.num_blocks = htole32(sink->num_blocks);
	footer.file_len = htole64(sink->written + sizeof(footer));
	footer.checksum = htole64(XXH3_64bits(&footer, offsetof(struct trace_footer, checksum)));
	ret = append(sink, (const uint8_t *)&footer, sizeof(footer));
	if (ret < 0)
		return ret;
	/* EINVAL: not a file that has a disk behind it. */
	return fsync(sink->fd) < 0 && errno != EINVAL ? -errno : 0;
}

/* The new name is on disk only when the folder is. */
static int sync_folder(const char *path)
{
	char *copy = strdup(path);

	if (copy == NULL)
		return -ENOMEM;
	int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	free(copy);
	/* A folder that may be written but not read is no reason to fail. */
	if (fd < 0)
		return 0;
	int ret = fsync(fd) < 0 && errno != EINVAL ? -errno : 0;
	close(fd);
	return ret;
}

int trace_sink_commit(struct trace_sink *sink)
{
	if (strcmp(sink->part, sink->path) == 0)
		return 0;
	if (rename(sink->part, sink->path) < 0)
		return -errno;
	return sync_folder(sink->path);
}

void trace_sink_close(struct trace_sink *sink)
{
	if (sink == NULL)
		return;
	if (sink->fd >= 0)
		close(sink->fd);
	ZSTD_freeCCtx(sink->zstd);
	ZSTD_freeCCtx(sink->stream);
	XXH3_freeState(sink->check);
	bytes_fini(&sink->index);
	free(sink->room);
	free(sink->part);
	free(sink->path);
	free(sink);
}

void trace_sink_discard(struct trace_sink *sink)
{
	if (sink->fd >= 0 && sink->created)
		unlink(sink->part);
	trace_sink_close(sink);
}

uint64_t trace_sink_written(const struct trace_sink *sink)
{
	return sink->written;
}

const char *trace_sink_path(const struct trace_sink *sink)
{
	return strcmp(sink->part, "-") == 0 ? "standard output" : sink->part;
}

const char *trace_sink_name(const struct trace_sink *sink)
{
	return sink->path;
}
