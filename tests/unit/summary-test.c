/* SPDX-License-Identifier: MIT */
#include "trace/summary.h"

#include "player.h"
#include "scene.h"
#include "trace-file.h"
#include "unit.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

extern const struct unit_suite summary_suite;

/* The bytes of the recorded scene. */
static struct bytes scene_bytes(void)
{
	char *folder = scene_folder(), *path = scene_path(folder, "scene.trace");

	CU_ASSERT_TRUE_FATAL(scene_record(path));
	struct bytes bytes = trace_file_load(path);
	free(path);
	scene_folder_remove(folder);
	return bytes;
}

static struct trace_footer footer_of(const struct bytes *file)
{
	struct trace_footer footer;

	memcpy(&footer, file->data + file->len - sizeof(footer), sizeof(footer));
	return footer;
}

/* Where the last block before the index begins; header is a copy of its own. */
static size_t last_block(const struct bytes *file, struct trace_block_header *header)
{
	size_t end = le64toh(footer_of(file).index_offset);
	size_t at = sizeof(struct trace_file_header), next = at;

	while (next < end) {
		at = next;
		memcpy(header, file->data + at, sizeof(*header));
		next = at + sizeof(*header) + le32toh(header->stored_len);
	}
	CU_ASSERT_EQUAL_FATAL(next, end);
	return at;
}

/* The same file with another SUMMARY payload, or with none. */
static struct bytes with_summary(const struct bytes *file, const struct bytes *payload)
{
	struct trace_footer footer = footer_of(file);
	size_t index = le64toh(footer.index_offset);
	struct trace_block_header header;
	struct bytes result = {0};
	size_t at = last_block(file, &header);

	CU_ASSERT_EQUAL(le16toh(header.type), TRACE_BLOCK_SUMMARY);
	bytes_put(&result, file->data, at);
	if (payload == NULL) {
		forge_block(&result, TRACE_BLOCK_SUMMARY + 1, 0, "", 0, 0);
	} else {
		forge_block(&result, TRACE_BLOCK_SUMMARY, 0, payload->data, payload->len,
			    (uint32_t)payload->len);
	}
	footer.index_offset = htole64(result.len);
	bytes_put(&result, file->data + index, file->len - sizeof(footer) - index);
	footer.file_len = htole64(result.len + sizeof(footer));
	footer.checksum = forge_checksum(&footer, offsetof(struct trace_footer, checksum));
	bytes_put(&result, &footer, sizeof(footer));
	return result;
}

/* 1 or 0 as the reader says; then the first record must come. */
static int read_summary(const char *path, struct vgpu_trace_summary *summary)
{
	struct vgpu_trace_record record;
	struct vgpu_error err = {.text = ""};
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	vgpu_trace_reader_read_ahead(reader);
	int ret = vgpu_trace_reader_summary(reader, summary, &err);
	CU_ASSERT_EQUAL(vgpu_trace_reader_next(reader, &record, &err), 1);
	CU_ASSERT_EQUAL(record.type, VGPU_TRACE_OUTPUTS);
	/* Too late. */
	struct vgpu_trace_summary none = {0};
	CU_ASSERT_EQUAL(vgpu_trace_reader_summary(reader, &none, &err), 0);
	CU_ASSERT_EQUAL(vgpu_trace_reader_next(reader, &record, &err), 1);
	CU_ASSERT_NOT_EQUAL(record.type, VGPU_TRACE_OUTPUTS);
	vgpu_trace_reader_close(reader);
	return ret;
}

static struct vgpu_trace_summary count(const char *path)
{
	struct vgpu_trace_summary summary = {0};
	struct vgpu_trace_record record;
	struct vgpu_error err;
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	while (vgpu_trace_reader_next(reader, &record, &err) > 0)
		CU_ASSERT_EQUAL(vgpu_trace_summary_add(&summary, &record, &err), 0);
	vgpu_trace_reader_close(reader);
	vgpu_address_map_merge(&summary.memory);
	return summary;
}

static void a_recording_ends_with_what_playing_it_takes(void)
{
	struct bytes bytes = scene_bytes();
	struct trace_memory memory = trace_memory_new(&bytes);
	struct vgpu_trace_summary counted = count(memory.path), read = {0};

	CU_ASSERT_EQUAL(read_summary(memory.path, &read), 1);
	CU_ASSERT_EQUAL(read.requests, SCENE_REQUESTS);
	CU_ASSERT_EQUAL(read.frames, SCENE_FRAMES);
	CU_ASSERT_EQUAL(memcmp(read.longest, counted.longest, sizeof(read.longest)), 0);
	CU_ASSERT(read.longest[0] > 0);
	CU_ASSERT_EQUAL(read.chain_size, counted.chain_size);
	CU_ASSERT(read.chain_size > 0);
	CU_ASSERT_EQUAL(read.blobs, counted.blobs);
	CU_ASSERT_EQUAL(read.outputs.num_scanouts, counted.outputs.num_scanouts);
	for (unsigned int i = 0; i < VGPU_MAX_SCANOUTS; i++) {
		const struct vgpu_output *a = &read.outputs.outputs[i];
		const struct vgpu_output *b = &counted.outputs.outputs[i];

		CU_ASSERT_EQUAL(a->enabled, b->enabled);
		CU_ASSERT_EQUAL(memcmp(&a->rect, &b->rect, sizeof(a->rect)), 0);
	}
	vgpu_address_map_merge(&read.memory);
	CU_ASSERT(read.memory.count > 0);
	CU_ASSERT_EQUAL_FATAL(read.memory.count, counted.memory.count);
	for (size_t i = 0; i < read.memory.count; i++) {
		CU_ASSERT_EQUAL(read.memory.regions[i].gpa, counted.memory.regions[i].gpa);
		CU_ASSERT_EQUAL(read.memory.regions[i].size, counted.memory.regions[i].size);
	}
	vgpu_trace_summary_fini(&read);
	vgpu_trace_summary_fini(&counted);
	trace_memory_free(&memory);
	bytes_fini(&bytes);
}

/* ---- playing with one ------------------------------------------------------------- */

struct tally {
	uint64_t equal, frames;
};

static void on_answer(void *opaque, const struct vgpu_player_answer *answer)
{
	((struct tally *)opaque)->equal += answer->verdict == VGPU_ANSWER_EQUAL;
}

static void on_frame(void *opaque, const struct vgpu_player_frame *frame)
{
	(void)frame;
	((struct tally *)opaque)->frames++;
}

static enum vgpu_player_end play(const struct bytes *bytes, struct tally *tally,
				 struct vgpu_error *err)
{
	static const struct vgpu_player_events events = {.answer = on_answer, .frame = on_frame};
	struct trace_memory memory = trace_memory_new(bytes);
	enum vgpu_player_end end = VGPU_PLAYER_TRACE_FAILED;
	struct vgpu_target_options options;

	*tally = (struct tally){0};
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(memory.path, err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	struct vgpu_player *player = vgpu_player_new(reader, err);
	if (player != NULL) {
		vgpu_player_target_options(player, &options);
		struct vgpu_target *target = vgpu_target_open("builtin", &options, err);
		CU_ASSERT_PTR_NOT_NULL_FATAL(target);
		end = vgpu_player_play(player, target, &events, tally, err);
		target->ops->close(target);
	}
	vgpu_player_free(player);
	vgpu_trace_reader_close(reader);
	trace_memory_free(&memory);
	return end;
}

/* Where it is, nothing is read twice: what is before the damage is played. */
static void damage_shows_where_it_is(void)
{
	struct bytes bytes = scene_bytes();
	struct trace_block_header header;
	struct vgpu_error err = {.text = ""};
	struct tally tally;

	size_t summary = last_block(&bytes, &header);
	bytes.data[summary - 1] ^= 1;
	CU_ASSERT_EQUAL(play(&bytes, &tally, &err), VGPU_PLAYER_TRACE_FAILED);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "checksum mismatch"));
	bytes.data[summary - 1] ^= 1;
	/* A summary that is damaged itself is none, and that the end is wrong shows at once. */
	bytes.data[summary + sizeof(header)] ^= 1;
	CU_ASSERT_EQUAL(play(&bytes, &tally, &err), VGPU_PLAYER_TRACE_FAILED);
	CU_ASSERT_EQUAL(tally.equal, 0);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "checksum mismatch"));
	bytes_fini(&bytes);
}

static void a_trace_without_one_is_counted(void)
{
	struct bytes bytes = scene_bytes(), without = with_summary(&bytes, NULL);
	struct trace_memory memory = trace_memory_new(&without);
	struct vgpu_trace_summary summary = {0};
	struct vgpu_error err = {.text = ""};
	struct tally tally;

	CU_ASSERT_EQUAL(read_summary(memory.path, &summary), 0);
	/* But for the index, which has the type of the block that was there. */
	CU_ASSERT_EQUAL(play(&without, &tally, &err), VGPU_PLAYER_TRACE_FAILED);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "the index before it"));
	trace_memory_set(&memory, bytes.data, bytes.len - 1);
	CU_ASSERT_EQUAL(read_summary(memory.path, &summary), 0);
	trace_memory_free(&memory);
	bytes_fini(&without);
	bytes_fini(&bytes);
}

/* ---- summaries that are not true -------------------------------------------------- */

/* Decoded, to be changed. */
static struct vgpu_trace_summary summary_of(const struct bytes *bytes)
{
	struct trace_memory memory = trace_memory_new(bytes);
	struct vgpu_trace_summary summary = {0};

	CU_ASSERT_EQUAL_FATAL(read_summary(memory.path, &summary), 1);
	trace_memory_free(&memory);
	return summary;
}

static void play_falsely(const struct bytes *bytes, struct vgpu_trace_summary *summary,
			 const char *why)
{
	struct vgpu_error err = {.text = ""};
	struct bytes payload = {0};
	struct tally tally;

	CU_ASSERT_TRUE_FATAL(trace_summary_encode(summary, &payload));
	struct bytes file = with_summary(bytes, &payload);
	enum vgpu_player_end end = play(&file, &tally, &err);
	CU_ASSERT_EQUAL(end, why == NULL ? VGPU_PLAYER_DONE : VGPU_PLAYER_TRACE_FAILED);
	if (why != NULL)
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, why));
	bytes_fini(&file);
	bytes_fini(&payload);
	vgpu_trace_summary_fini(summary);
}

static void what_a_false_summary_says_is_not_believed(void)
{
	struct bytes bytes = scene_bytes();
	struct vgpu_trace_summary summary = summary_of(&bytes);

	play_falsely(&bytes, &summary, NULL);
	summary = summary_of(&bytes);
	summary.requests++;
	play_falsely(&bytes, &summary, "summary says");
	summary = summary_of(&bytes);
	summary.frames--;
	play_falsely(&bytes, &summary, "summary says");
	summary = summary_of(&bytes);
	summary.memory.count = 0;
	play_falsely(&bytes, &summary, "does not say it needs");
	summary = summary_of(&bytes);
	summary.chain_size = 0;
	play_falsely(&bytes, &summary, "buffers past");
	/* It could not be played, so all is counted: and it can. */
	summary = summary_of(&bytes);
	summary.chain_size = UINT64_MAX;
	play_falsely(&bytes, &summary, NULL);
	summary = summary_of(&bytes);
	CU_ASSERT_EQUAL(vgpu_address_map_add(&summary.memory, 1ull << 40, 5ull << 30), 0);
	play_falsely(&bytes, &summary, "more than 4096 MiB");
	bytes_fini(&bytes);
}

static int decode(const struct bytes *payload)
{
	struct cursor in = {.at = payload->data, .end = payload->data + payload->len};
	struct vgpu_trace_summary summary = {0};
	int ret = trace_summary_decode(&summary, &in);

	vgpu_trace_summary_fini(&summary);
	return ret;
}

static struct bytes numbers(const uint64_t *values, size_t count)
{
	struct bytes bytes = {0};

	for (size_t i = 0; i < count; i++)
		bytes_put_uint(&bytes, values[i]);
	return bytes;
}

static void what_is_beyond_the_limits_is_no_summary(void)
{
	enum { QUEUE_0 = 2, SCANOUTS = 6, REGIONS = 12, GAP, SIZE, GAP_2, SIZE_2, COUNT };
	/* One scanout, two regions, the last of which is the last page of all. */
	const uint64_t good[COUNT] = {
		1, 1, 1024, 1, 64, 1, 1, 1, 0, 0, 9, 9, 2, 3, 5, (1ull << 52) - 9, 1};
	static const struct {
		unsigned int at;
		uint64_t value;
	} wrong[] = {
		{QUEUE_0, 1025},	   {SCANOUTS, 17},	     {REGIONS, 3},
		{REGIONS, UINT64_MAX},	   {REGIONS, 65537},	     {GAP, 1ull << 52},
		{GAP, UINT64_MAX},	   {SIZE, 1ull << 52},	     {SIZE_2, 2},
		{GAP_2, (1ull << 52) - 7}, {SIZE_2, UINT64_MAX - 8},
	};
	struct bytes payload = numbers(good, COUNT);

	CU_ASSERT_EQUAL(decode(&payload), 0);
	for (size_t len = 0; len < payload.len; len++) {
		struct bytes cut = {.data = payload.data, .len = len};
		CU_ASSERT_EQUAL(decode(&cut), -EBADMSG);
	}
	/* What a later version has after it is skipped. */
	bytes_put_uint(&payload, 4711);
	CU_ASSERT_EQUAL(decode(&payload), 0);
	bytes_fini(&payload);
	for (size_t i = 0; i < sizeof(wrong) / sizeof(wrong[0]); i++) {
		uint64_t values[COUNT];

		memcpy(values, good, sizeof(values));
		values[wrong[i].at] = wrong[i].value;
		payload = numbers(values, COUNT);
		CU_ASSERT_EQUAL(decode(&payload), -EBADMSG);
		bytes_fini(&payload);
	}
}

/* ---- where there is none ---------------------------------------------------------- */

/* Writes one request that read pages, each with a hole after it. */
static void write_pages(const char *path, uint32_t pages, uint64_t max_size)
{
	const struct vgpu_trace_writer_options options = {.max_size = max_size};
	struct vgpu_trace_segment *segments = calloc(pages, sizeof(*segments));
	struct vgpu_error err = {.text = ""};
	uint8_t *data = calloc(pages, 8);

	CU_ASSERT_PTR_NOT_NULL_FATAL(segments);
	CU_ASSERT_PTR_NOT_NULL_FATAL(data);
	struct vgpu_trace_writer *writer = vgpu_trace_writer_open(path, &options, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(writer);
	for (uint32_t i = 0; i < pages; i++)
		segments[i] = (struct vgpu_trace_segment){(uint64_t)i << 13, 8};
	trace_file_put_request(writer, segments, pages, data, 0);
	CU_ASSERT_EQUAL(vgpu_trace_writer_close(writer, NULL, &err), 0);
	free(data);
	free(segments);
}

static bool has_summary(const char *path)
{
	struct vgpu_trace_summary summary = {0};
	struct bytes bytes = trace_file_load(path);
	struct trace_block_header header = {0};
	struct vgpu_error err;

	last_block(&bytes, &header);
	bytes_fini(&bytes);
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	int ret = vgpu_trace_reader_summary(reader, &summary, &err);
	CU_ASSERT(ret >= 0);
	vgpu_trace_summary_fini(&summary);
	vgpu_trace_reader_close(reader);
	CU_ASSERT_EQUAL(ret == 1, le16toh(header.type) == TRACE_BLOCK_SUMMARY);
	return ret == 1;
}

static void memory_in_too_many_pieces_has_none(void)
{
	static const struct {
		uint32_t pages;
		bool has;
	} rows[] = {{65536, true}, {65537, false}, {400000, false}};
	char path[TRACE_FILE_PATH];
	unsigned int records;

	trace_file_path(path);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		write_pages(path, rows[i].pages, 0);
		CU_ASSERT_EQUAL(has_summary(path), rows[i].has);
		CU_ASSERT_EQUAL(trace_file_read(path, &records, NULL), 0);
		CU_ASSERT_EQUAL(records, 2);
	}
	trace_file_remove(path);
}

/* A file that is to become no larger is whole without one where there is no room for it. */
static void a_size_limit_comes_first(void)
{
	char path[TRACE_FILE_PATH];
	unsigned int records;
	struct stat info;
	bool without = false;

	trace_file_path(path);
	for (uint64_t limit = 800; limit < 2000; limit += 10) {
		write_pages(path, 300, limit);
		CU_ASSERT_EQUAL(stat(path, &info), 0);
		CU_ASSERT((uint64_t)info.st_size <= limit);
		CU_ASSERT_EQUAL(trace_file_read(path, &records, NULL), 0);
		without |= records == 2 && !has_summary(path);
	}
	CU_ASSERT_TRUE(without);
	CU_ASSERT_TRUE(has_summary(path));
	trace_file_remove(path);
}

static const struct unit_test tests[] = {
	{"a recording ends with what playing it takes",
	 a_recording_ends_with_what_playing_it_takes},
	{"damage shows where it is", damage_shows_where_it_is},
	{"a trace without one is counted", a_trace_without_one_is_counted},
	{"what a false summary says is not believed", what_a_false_summary_says_is_not_believed},
	{"what is beyond the limits is no summary", what_is_beyond_the_limits_is_no_summary},
	{"memory in too many pieces has none", memory_in_too_many_pieces_has_none},
	{"a size limit comes first", a_size_limit_comes_first},
	{NULL, NULL},
};

const struct unit_suite summary_suite = {"summary", tests};
