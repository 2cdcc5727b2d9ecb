/* SPDX-License-Identifier: MIT */
#include "trace-file.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xxhash.h>

void trace_file_path(char path[TRACE_FILE_PATH])
{
	strcpy(path, "/tmp/vgpu-unit-XXXXXX");
	if (mkdtemp(path) == NULL)
		abort();
	strcat(path, "/x.trace");
}

void trace_file_remove(const char *path)
{
	char other[TRACE_FILE_PATH + 8];

	unlink(path);
	snprintf(other, sizeof(other), "%s.part", path);
	unlink(other);
	snprintf(other, sizeof(other), "%s", path);
	rmdir(dirname(other));
}

struct bytes trace_file_load(const char *path)
{
	struct bytes bytes = {0};
	uint8_t part[4096];
	ssize_t n;
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return bytes;
	while ((n = read(fd, part, sizeof(part))) > 0)
		bytes_put(&bytes, part, (size_t)n);
	close(fd);
	return bytes;
}

struct trace_memory trace_memory_new(const struct bytes *bytes)
{
	struct trace_memory memory = {.fd = memfd_create("trace", MFD_CLOEXEC)};

	if (memory.fd < 0)
		abort();
	snprintf(memory.path, sizeof(memory.path), "/proc/self/fd/%d", memory.fd);
	trace_memory_set(&memory, bytes->data, bytes->len);
	return memory;
}

void trace_memory_set(const struct trace_memory *memory, const uint8_t *data, size_t len)
{
	if (ftruncate(memory->fd, 0) < 0 || pwrite(memory->fd, data, len, 0) != (ssize_t)len)
		abort();
}

void trace_memory_free(const struct trace_memory *memory)
{
	close(memory->fd);
}

int trace_file_read(const char *path, unsigned int *num_records, struct vgpu_error *err)
{
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, err);
	struct vgpu_trace_record record;
	unsigned int count = 0;
	int ret = -EIO;

	if (reader != NULL) {
		while ((ret = vgpu_trace_reader_next(reader, &record, err)) > 0)
			count++;
		vgpu_trace_reader_close(reader);
	}
	if (num_records != NULL)
		*num_records = count;
	return ret;
}

uint64_t forge_checksum(const void *data, size_t len)
{
	return htole64(XXH3_64bits(data, len));
}

void forge_begin(struct bytes *file)
{
	struct trace_file_header header = {
		.magic = TRACE_MAGIC,
		.major = htole16(VGPU_TRACE_MAJOR),
		.size = htole32(sizeof(header)),
	};

	header.checksum = forge_checksum(&header, sizeof(header) - 8);
	bytes_put(file, &header, sizeof(header));
	forge_block(file, TRACE_BLOCK_META, 0, "{}", 2, 2);
}

static uint32_t count_blocks(const struct bytes *file)
{
	struct trace_block_header header;
	uint32_t count = 0;

	for (size_t at = sizeof(struct trace_file_header); at + sizeof(header) <= file->len;
	     at += sizeof(header) + le32toh(header.stored_len)) {
		memcpy(&header, file->data + at, sizeof(header));
		count++;
	}
	return count;
}

void forge_block(struct bytes *file, uint16_t type, uint16_t flags, const void *payload,
		 size_t stored_len, uint32_t raw_len)
{
	struct trace_block_header header = {
		.magic = htole32(TRACE_BLOCK_MAGIC),
		.type = htole16(type),
		.flags = htole16(flags),
		.number = htole32(count_blocks(file)),
		.stored_len = htole32((uint32_t)stored_len),
		.raw_len = htole32(raw_len),
	};
	XXH3_state_t *state = XXH3_createState();

	header.header_check = htole32((uint32_t)XXH3_64bits(&header, 20));
	XXH3_64bits_reset(state);
	XXH3_64bits_update(state, &header, 24);
	XXH3_64bits_update(state, payload, stored_len);
	header.checksum = htole64(XXH3_64bits_digest(state));
	XXH3_freeState(state);
	bytes_put(file, &header, sizeof(header));
	bytes_put(file, payload, stored_len);
}

/* The first three numbers of RECORDS are in the index too; of compressed ones they are 0. */
static void put_entry(struct bytes *index, const struct bytes *file, size_t at)
{
	struct trace_block_header header;
	struct trace_index_entry entry = {.offset = htole64(at)};

	memcpy(&header, file->data + at, sizeof(header));
	entry.number = header.number;
	entry.type = header.type;
	entry.flags = header.flags;
	if (le16toh(header.type) == TRACE_BLOCK_RECORDS &&
	    (le16toh(header.flags) & TRACE_FLAG_ZSTD) == 0) {
		struct cursor in = {.at = file->data + at + sizeof(header),
				    .end = file->data + file->len};
		entry.base_ns = htole64(cursor_uint(&in));
		entry.requests = htole64(cursor_uint(&in));
		entry.frames = htole64(cursor_uint(&in));
	}
	bytes_put(index, &entry, sizeof(entry));
}

void forge_end(struct bytes *file)
{
	struct trace_footer footer = {
		.magic = htole32(TRACE_FOOTER_MAGIC),
		.index_offset = htole64(file->len),
	};
	struct trace_block_header header;
	struct bytes index = {0};

	for (size_t at = sizeof(struct trace_file_header); at + sizeof(header) <= file->len;
	     at += sizeof(header) + le32toh(header.stored_len)) {
		memcpy(&header, file->data + at, sizeof(header));
		put_entry(&index, file, at);
	}
	forge_block(file, TRACE_BLOCK_INDEX, 0, index.data, index.len, (uint32_t)index.len);
	bytes_fini(&index);
	footer.num_blocks = htole32(count_blocks(file));
	footer.file_len = htole64(file->len + sizeof(footer));
	footer.checksum = forge_checksum(&footer, sizeof(footer) - 8);
	bytes_put(file, &footer, sizeof(footer));
}

void forge_records(struct bytes *payload, uint64_t requests, uint64_t frames)
{
	payload->len = 0;
	bytes_put_uint(payload, 1000);
	bytes_put_uint(payload, requests);
	bytes_put_uint(payload, frames);
}

void forge_record(struct bytes *payload, uint64_t type, const struct bytes *body)
{
	bytes_put_uint(payload, type);
	bytes_put_uint(payload, body->len);
	bytes_put(payload, body->data, body->len);
}

void trace_file_put_request(struct vgpu_trace_writer *writer,
			    const struct vgpu_trace_segment *segments, size_t num_segments,
			    const uint8_t *data, uint32_t pitch)
{
	static const struct vgpu_chain_desc descs[] = {{56, false}, {24, true}};
	static const uint8_t request[56] = {5, 1}, response[24] = {0, 0x11};
	struct vgpu_trace_record record = {
		.type = VGPU_TRACE_REQUEST,
		.request = {.indirect_at = -1,
			    .descs = descs,
			    .num_descs = 2,
			    .request = request,
			    .request_len = sizeof(request),
			    .response = response,
			    .used_len = sizeof(response),
			    .segments = segments,
			    .num_segments = num_segments,
			    .data = data,
			    .pitch = pitch},
	};

	for (size_t i = 0; i < num_segments; i++)
		record.request.data_len += segments[i].len;
	vgpu_trace_writer_put(writer, &record);
}
