/* SPDX-License-Identifier: MIT */
/*
 * Makes a whole trace of one that ends too early or is damaged. Blocks are not
 * written anew but copied, so what is kept is what was recorded, bit for bit.
 */
#include "trace/codec.h"
#include "trace/reader.h"
#include "trace/sink.h"
#include "trace/source.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#define LEVEL 3

/* ---- what is whole ----------------------------------------------------------------- */

static const char *without_name(const char *text, const char *path)
{
	size_t len = strlen(path);

	return strncmp(text, path, len) == 0 && strncmp(text + len, ": ", 2) == 0 ? text + len + 2
										  : text;
}

/* Reads all that can be read. A negative errno only if that is nothing. */
static int survey(const char *path, struct trace_progress *progress,
		  struct vgpu_trace_repair *result, struct vgpu_error *err)
{
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, err);
	struct vgpu_trace_record record;
	struct vgpu_error why = {0};
	uint64_t first_ns = 0;
	bool begun = false;
	int ret;

	if (reader == NULL)
		return -EINVAL;
	while ((ret = vgpu_trace_reader_next(reader, &record, &why)) > 0) {
		first_ns = begun ? first_ns : record.time_ns;
		begun = true;
	}
	*progress = *trace_reader_progress(reader);
	vgpu_trace_reader_close(reader);
	/* What this machine cannot do now says nothing of the file. */
	if (ret < 0 && ret != -ENODATA && ret != -EBADMSG)
		return vgpu_error_set(err, -ret, "%s", why.text);
	*result = (struct vgpu_trace_repair){
		.requests = progress->requests,
		.frames = progress->frames,
		.dropped = progress->dropped,
		.time_ns = progress->last_ns > first_ns ? progress->last_ns - first_ns : 0,
		.whole = ret == 0,
	};
	snprintf(result->reason, sizeof(result->reason), "%s",
		 ret == 0 ? "" : without_name(why.text, path));
	return 0;
}

static uint64_t lost_bytes(const char *path, const struct trace_progress *progress)
{
	struct stat info;

	if (stat(path, &info) < 0 || (uint64_t)info.st_size < progress->end)
		return 0;
	return (uint64_t)info.st_size - progress->end;
}

/* ---- the new file ------------------------------------------------------------------- */

/* The description with a word about the repair; NULL: it takes none. */
static char *describe(const struct trace_block *block, const struct vgpu_trace_repair *result)
{
	cJSON *root = cJSON_ParseWithLength((const char *)block->data, block->len);
	char text[sizeof(result->reason) + 64];
	char *printed = NULL;

	snprintf(text, sizeof(text), "lost: %" PRIu64 " bytes, %s", result->lost_bytes,
		 result->reason);
	if (cJSON_IsObject(root) && cJSON_AddStringToObject(root, "repaired", text) != NULL)
		printed = cJSON_PrintUnformatted(root);
	cJSON_Delete(root);
	if (printed != NULL && strlen(printed) <= TRACE_MAX_META)
		return printed;
	cJSON_free(printed);
	return NULL;
}

static int copy_block(struct trace_sink *sink, struct trace_source *source,
		      const struct trace_block *block, const struct vgpu_trace_repair *result)
{
	struct cursor in = {.at = block->data, .end = block->data + block->len};
	struct trace_block_header header;
	struct trace_block_info info = {0};
	const uint8_t *payload;

	if (block->type == TRACE_BLOCK_META && !result->whole) {
		char *text = describe(block, result);
		struct bytes raw = {.data = (uint8_t *)text,
				    .len = text != NULL ? strlen(text) : 0};

		if (text != NULL) {
			int ret = trace_sink_block(sink, TRACE_BLOCK_META, 0, &info, &raw, LEVEL);
			cJSON_free(text);
			return ret;
		}
	}
	if (block->type == TRACE_BLOCK_RECORDS) {
		info.base_ns = cursor_uint(&in);
		info.requests = cursor_uint(&in);
		info.frames = cursor_uint(&in);
	}
	trace_source_stored(source, &header, &payload);
	return trace_sink_copy(sink, &header, payload, &info);
}

/* What is written here is for a reader of whatever version wrote it. */
static int copy_header(struct trace_sink *sink, const struct trace_source *source,
		       struct vgpu_error *err)
{
	size_t len;
	const uint8_t *header = trace_source_file_header(source, &len);
	int ret = trace_sink_file_header(sink, header, len);

	return ret < 0 ? vgpu_error_set(err, -ret, "%s: %s", trace_sink_path(sink), strerror(-ret))
		       : 0;
}

static int copy_blocks(struct trace_sink *sink, const char *path,
		       const struct trace_progress *progress,
		       const struct vgpu_trace_repair *result, struct vgpu_error *err)
{
	struct trace_source *source = trace_source_open(path, err);
	struct trace_block block;
	int ret = source != NULL ? copy_header(sink, source, err) : -EIO;

	for (uint32_t i = 0; ret == 0 && i < progress->blocks; i++) {
		ret = trace_source_next(source, &block, err);
		if (ret == 0)
			ret = vgpu_error_set(err, EIO, "%s: became shorter", path);
		if (ret < 0)
			break;
		ret = copy_block(sink, source, &block, result);
		if (ret < 0)
			vgpu_error_set(err, -ret, "%s: %s", trace_sink_path(sink), strerror(-ret));
	}
	trace_source_close(source);
	return ret;
}

/* What the compressor knew is not known here, so the block begins anew. */
static int write_end(struct trace_sink *sink, const struct trace_progress *progress)
{
	const struct vgpu_trace_record record = {
		.type = VGPU_TRACE_END,
		.time_ns = progress->last_ns,
		.end = {.requests = progress->requests,
			.frames = progress->frames,
			.dropped = progress->dropped},
	};
	const struct trace_block_info info = {progress->last_ns, progress->requests,
					      progress->frames};
	struct bytes block = {0};
	struct trace_encoder encoder = {.out = &block, .base_ns = progress->last_ns};
	int ret = -ENOMEM;

	bytes_put_uint(&block, info.base_ns);
	bytes_put_uint(&block, info.requests);
	bytes_put_uint(&block, info.frames);
	if (trace_encode(&encoder, &record))
		ret = trace_sink_block(sink, TRACE_BLOCK_RECORDS, TRACE_FLAG_RESTART, &info, &block,
				       LEVEL);
	bytes_fini(&block);
	return ret;
}

int vgpu_trace_make_whole(const char *path, const char *output, struct vgpu_trace_repair *result,
			  struct vgpu_error *err)
{
	struct trace_progress progress;
	int ret = survey(path, &progress, result, err);

	if (ret < 0)
		return ret;
	result->lost_bytes = result->whole ? 0 : lost_bytes(path, &progress);
	struct trace_sink *sink = trace_sink_open(output, ".repair", err);
	if (sink == NULL)
		return -EIO;
	ret = copy_blocks(sink, path, &progress, result, err);
	if (ret < 0)
		goto failed;
	if (!progress.ended)
		ret = write_end(sink, &progress);
	if (ret == 0)
		ret = trace_sink_finish(sink);
	if (ret == 0)
		ret = trace_sink_commit(sink);
	if (ret == 0) {
		trace_sink_close(sink);
		return 0;
	}
	vgpu_error_set(err, -ret, "%s: %s", trace_sink_path(sink), strerror(-ret));
failed:
	trace_sink_discard(sink);
	return ret;
}
