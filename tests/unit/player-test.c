/* SPDX-License-Identifier: MIT */
#include "address_map.h"
#include "driver.h"
#include "player.h"
#include "recorder.h"
#include "scene.h"
#include "unit.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_gpu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

extern const struct unit_suite player_suite;

/* ---- where addresses go ------------------------------------------------------------------ */

static void aliases_stay_aliases(void)
{
	struct vgpu_address_map map = {0};
	uint64_t end, a, b, c;

	CU_ASSERT_EQUAL(vgpu_address_map_add(&map, 0x10000ff0, 0x20), 0);
	CU_ASSERT_EQUAL(vgpu_address_map_add(&map, 0x80000010, 1), 0);
	CU_ASSERT_EQUAL(vgpu_address_map_add(&map, 0x10000ff8, 0x10), 0);
	CU_ASSERT_EQUAL(vgpu_address_map_add(&map, 0, 0), 0);
	/* Two pages that touch, one apart from them: three pages in all. */
	CU_ASSERT_EQUAL(vgpu_address_map_lay_out(&map, 0x5000, UINT64_MAX, &end), 0);
	CU_ASSERT_EQUAL(map.count, 2);
	CU_ASSERT_EQUAL(end, 0x8000);
	CU_ASSERT_TRUE(vgpu_address_map_find(&map, 0x10000ff0, 0x20, &a));
	CU_ASSERT_TRUE(vgpu_address_map_find(&map, 0x10000ff8, 0x10, &b));
	CU_ASSERT_TRUE(vgpu_address_map_find(&map, 0x80000010, 1, &c));
	CU_ASSERT_EQUAL(a, 0x5ff0);
	CU_ASSERT_EQUAL(b, a + 8);
	CU_ASSERT_EQUAL(c, 0x7010);
	CU_ASSERT_FALSE(vgpu_address_map_find(&map, 0x10001ff0, 0x11, &a));
	CU_ASSERT_FALSE(vgpu_address_map_find(&map, 0xfff0000, 1, &a));
	CU_ASSERT_FALSE(vgpu_address_map_find(&map, 0x80001000, 1, &a));
	vgpu_address_map_fini(&map);
}

static void a_million_pages_in_any_order_become_one_region(void)
{
	struct vgpu_address_map map = {0};
	uint64_t end, offset;

	for (uint64_t i = 0; i < 1 << 20; i++)
		CU_ASSERT_EQUAL_FATAL(
			vgpu_address_map_add(&map, (i * 0x9e3779b1 % (1 << 20)) * 4096, 4096), 0);
	CU_ASSERT_EQUAL(vgpu_address_map_lay_out(&map, 0, 1ull << 32, &end), 0);
	CU_ASSERT_EQUAL(map.count, 1);
	CU_ASSERT_EQUAL(end, 1ull << 32);
	CU_ASSERT_TRUE(vgpu_address_map_find(&map, 0, 1ull << 32, &offset));
	CU_ASSERT_EQUAL(vgpu_address_map_lay_out(&map, 1, 1ull << 32, &end), -EFBIG);
	vgpu_address_map_fini(&map);
}

static void the_end_of_the_address_space_is_no_trap(void)
{
	struct vgpu_address_map map = {0};
	uint64_t end, offset;

	CU_ASSERT_EQUAL(vgpu_address_map_add(&map, UINT64_MAX, 2), -EINVAL);
	CU_ASSERT_EQUAL(vgpu_address_map_add(&map, 0, UINT64_MAX), -EINVAL);
	CU_ASSERT_EQUAL(vgpu_address_map_add(&map, UINT64_MAX, 1), 0);
	CU_ASSERT_EQUAL(vgpu_address_map_add(&map, UINT64_MAX - 4096, 2), 0);
	CU_ASSERT_EQUAL(vgpu_address_map_add(&map, 0, 1), 0);
	CU_ASSERT_EQUAL(vgpu_address_map_lay_out(&map, 0, UINT64_MAX, &end), 0);
	CU_ASSERT_EQUAL(map.count, 2);
	CU_ASSERT_TRUE(vgpu_address_map_find(&map, UINT64_MAX, 1, &offset));
	CU_ASSERT_EQUAL(offset, 3 * 4096 - 1);
	CU_ASSERT_FALSE(vgpu_address_map_find(&map, UINT64_MAX, 2, &offset));
	vgpu_address_map_fini(&map);
}

/* ---- playing -------------------------------------------------------------------------------- */

struct tally {
	uint64_t equal, tolerated, different, frames, right, incomparable;
	uint64_t first_different;
	uint64_t stop_after;
};

static void on_answer(void *opaque, const struct vgpu_player_answer *answer)
{
	struct tally *tally = opaque;

	if (answer->verdict == VGPU_ANSWER_DIFFERENT && tally->different++ == 0)
		tally->first_different = answer->recorded->number;
	tally->equal += answer->verdict == VGPU_ANSWER_EQUAL;
	tally->tolerated += answer->verdict == VGPU_ANSWER_TOLERATED;
}

static void on_frame(void *opaque, const struct vgpu_player_frame *frame)
{
	struct tally *tally = opaque;

	tally->frames++;
	tally->incomparable += !frame->comparable;
	if (frame->actual == NULL)
		return;
	struct vgpu_frame_hash hash = vgpu_frame_hash(frame->actual);
	tally->right += vgpu_frame_hash_equal(&hash, &frame->recorded->hash);
}

static bool on_stop(void *opaque)
{
	const struct tally *tally = opaque;

	return tally->stop_after != 0 && tally->equal >= tally->stop_after;
}

static const struct vgpu_player_events tally_events = {
	.answer = on_answer,
	.frame = on_frame,
	.stop = on_stop,
};

/* Plays a trace, recording what the target does to copy if that is not NULL. */
static enum vgpu_player_end play(const char *path, const char *spec, const char *copy,
				 struct tally *tally, struct vgpu_error *err)
{
	struct vgpu_target_options options;
	struct vgpu_trace_writer *writer = NULL;
	struct vgpu_recorder *recorder = NULL;
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	struct vgpu_player *player = vgpu_player_new(reader, err);

	if (player == NULL) {
		vgpu_trace_reader_close(reader);
		return VGPU_PLAYER_TRACE_FAILED;
	}
	vgpu_player_target_options(player, &options);
	struct vgpu_target *target = vgpu_target_open(spec, &options, err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(target);
	if (copy != NULL) {
		writer = vgpu_trace_writer_open(copy, &(struct vgpu_trace_writer_options){0}, err);
		CU_ASSERT_PTR_NOT_NULL_FATAL(writer);
		recorder = vgpu_recorder_new(target->ops->device(target), writer);
		CU_ASSERT_PTR_NOT_NULL_FATAL(recorder);
	}
	enum vgpu_player_end end = vgpu_player_play(player, target, &tally_events, tally, err);
	if (copy != NULL) {
		const uint64_t *violations = vgpu_device_violations(target->ops->device(target));
		vgpu_recorder_free(recorder);
		CU_ASSERT_EQUAL(vgpu_trace_writer_close(writer, violations, err), 0);
	}
	target->ops->close(target);
	vgpu_player_free(player);
	vgpu_trace_reader_close(reader);
	return end;
}

static bool no_qemu(void)
{
	if (system("command -v \"${VGPU_QEMU:-qemu-system-aarch64}\" >/dev/null 2>&1") == 0)
		return false;
	printf(" (skipped: no qemu-system-aarch64 in PATH) ");
	return true;
}

static void a_recording_plays_as_it_was(void)
{
	char *folder = scene_folder(), *path = scene_path(folder, "scene.trace");
	struct tally tally = {0};
	struct vgpu_error err;

	scene_record(path);
	CU_ASSERT_EQUAL(play(path, "builtin", NULL, &tally, &err), VGPU_PLAYER_DONE);
	CU_ASSERT_EQUAL(tally.equal, SCENE_REQUESTS);
	CU_ASSERT_EQUAL(tally.tolerated + tally.different, 0);
	CU_ASSERT_EQUAL(tally.frames, SCENE_FRAMES);
	CU_ASSERT_EQUAL(tally.right, SCENE_FRAMES);
	free(path);
	scene_folder_remove(folder);
}

/* Requests, answers and frames of a trace in turn; the rest may differ. */
static bool next_of_interest(struct vgpu_trace_reader *reader, struct vgpu_trace_record *record)
{
	struct vgpu_error err;

	while (vgpu_trace_reader_next(reader, record, &err) > 0)
		if (record->type == VGPU_TRACE_REQUEST || record->type == VGPU_TRACE_FRAME)
			return true;
	return false;
}

static void same_request(const struct vgpu_trace_request *a, const struct vgpu_trace_request *b)
{
	uint32_t type = 0;

	CU_ASSERT_EQUAL(a->queue, b->queue);
	CU_ASSERT_EQUAL(a->head, b->head);
	CU_ASSERT_EQUAL(a->indirect_at, b->indirect_at);
	CU_ASSERT_EQUAL(a->pitch, b->pitch);
	CU_ASSERT_EQUAL_FATAL(a->num_descs, b->num_descs);
	for (unsigned int i = 0; i < a->num_descs; i++) {
		CU_ASSERT_EQUAL(a->descs[i].len, b->descs[i].len);
		CU_ASSERT_EQUAL(a->descs[i].device_writable, b->descs[i].device_writable);
	}
	CU_ASSERT_EQUAL_FATAL(a->request_len, b->request_len);
	CU_ASSERT_EQUAL_FATAL(a->used_len, b->used_len);
	CU_ASSERT_EQUAL(memcmp(a->response, b->response, a->used_len), 0);
	CU_ASSERT_EQUAL_FATAL(a->data_len, b->data_len);
	CU_ASSERT_TRUE(a->data_len == 0 || memcmp(a->data, b->data, a->data_len) == 0);
	memcpy(&type, a->request, sizeof(type));
	/* Addresses have moved. */
	if (le32toh(type) != VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING)
		CU_ASSERT_EQUAL(memcmp(a->request, b->request, a->request_len), 0);
}

static void a_recording_of_a_replay_equals_the_recording(void)
{
	char *folder = scene_folder(), *path = scene_path(folder, "a.trace");
	char *copy = scene_path(folder, "b.trace");
	struct vgpu_trace_record a, b;
	struct tally tally = {0};
	struct vgpu_error err;
	unsigned int records = 0;

	scene_record(path);
	CU_ASSERT_EQUAL(play(path, "builtin", copy, &tally, &err), VGPU_PLAYER_DONE);
	struct vgpu_trace_reader *from = vgpu_trace_reader_open(path, &err);
	struct vgpu_trace_reader *to = vgpu_trace_reader_open(copy, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(from);
	CU_ASSERT_PTR_NOT_NULL_FATAL(to);
	for (; next_of_interest(from, &a); records++) {
		CU_ASSERT_TRUE_FATAL(next_of_interest(to, &b));
		CU_ASSERT_EQUAL_FATAL(a.type, b.type);
		if (a.type == VGPU_TRACE_REQUEST) {
			same_request(&a.request, &b.request);
			continue;
		}
		CU_ASSERT_TRUE(vgpu_frame_hash_equal(&a.frame.hash, &b.frame.hash));
		CU_ASSERT_EQUAL(a.frame.request, b.frame.request);
		CU_ASSERT_EQUAL(memcmp(&a.frame.damage, &b.frame.damage, sizeof(a.frame.damage)),
				0);
	}
	CU_ASSERT_FALSE(next_of_interest(to, &b));
	CU_ASSERT_EQUAL(records, SCENE_REQUESTS + SCENE_FRAMES);
	vgpu_trace_reader_close(from);
	vgpu_trace_reader_close(to);
	free(copy);
	free(path);
	scene_folder_remove(folder);
}

static void playing_stops_when_asked(void)
{
	char *folder = scene_folder(), *path = scene_path(folder, "scene.trace");
	struct tally tally = {.stop_after = 3};
	struct vgpu_error err;

	scene_record(path);
	CU_ASSERT_EQUAL(play(path, "builtin", NULL, &tally, &err), VGPU_PLAYER_STOPPED);
	CU_ASSERT_EQUAL(tally.equal, 3);
	free(path);
	scene_folder_remove(folder);
}

/* ---- altered and hostile traces -----------------------------------------------------------------
 */

static bool drop_pixels(struct vgpu_trace_record *record, void *opaque)
{
	(void)opaque;
	/* The partial transfer of the first picture. */
	if (record->type == VGPU_TRACE_REQUEST && record->request.number == 7) {
		record->request.dropped = true;
		record->request.data = NULL;
		record->request.data_len = 0;
		record->request.num_segments = 0;
	}
	return true;
}

static void dropped_pixels_make_frames_incomparable_until_made_anew(void)
{
	char *folder = scene_folder(), *path = scene_path(folder, "a.trace");
	char *altered = scene_path(folder, "b.trace");
	struct tally tally = {0};
	struct vgpu_error err;

	scene_record(path);
	scene_alter(path, altered, drop_pixels, NULL);
	CU_ASSERT_EQUAL(play(altered, "builtin", NULL, &tally, &err), VGPU_PLAYER_DONE);
	CU_ASSERT_EQUAL(tally.different, 0);
	/* Frames 1 and 2; after the reset all is known again. */
	CU_ASSERT_EQUAL(tally.incomparable, 2);
	CU_ASSERT_EQUAL(tally.right, SCENE_FRAMES - 2);
	free(altered);
	free(path);
	scene_folder_remove(folder);
}

struct request_parts {
	struct vgpu_chain_desc descs[2];
	struct virtio_gpu_ctrl_hdr bytes;
	uint8_t response[24];
	struct vgpu_trace_segment segment;
	uint8_t data[16];
};

static struct vgpu_trace_record make_start(uint16_t size)
{
	return (struct vgpu_trace_record){
		.type = VGPU_TRACE_START,
		.start = {.queues = {{.ready = true, .size = size}}},
	};
}

/* A request that is nothing special: unknown, and answered so. */
static struct vgpu_trace_record make_request(struct request_parts *parts)
{
	*parts = (struct request_parts){
		.descs = {{24, false}, {24, true}},
		.bytes = {.type = htole32(0x4711)},
		.response = {0x00, 0x12},
	};
	return (struct vgpu_trace_record){
		.type = VGPU_TRACE_REQUEST,
		.request = {.indirect_at = -1,
			    .descs = parts->descs,
			    .num_descs = 2,
			    .request = (const uint8_t *)&parts->bytes,
			    .request_len = 24,
			    .response = parts->response,
			    .used_len = 24},
	};
}

static enum vgpu_player_end play_records(const struct vgpu_trace_record *records, size_t count,
					 struct tally *tally, struct vgpu_error *err)
{
	char *folder = scene_folder(), *path = scene_path(folder, "x.trace");

	scene_write(path, records, count);
	enum vgpu_player_end end = play(path, "builtin", NULL, tally, err);
	free(path);
	scene_folder_remove(folder);
	return end;
}

/* Asks for the display info, as often as the outputs change and once before. */
static void record_outputs(const char *path)
{
	static const struct vgpu_trace_outputs changes[] = {
		{2, {{{0, 0, 800, 600}, true}, {{800, 0, 320, 200}, true}}},
		{2, {{{0, 0, 800, 600}, false}, {{0, 0, 320, 240}, true}}},
		{2, {{{0, 0, 1024, 768}, true}, {{0, 0, 320, 240}, false}}},
	};
	const size_t num_changes = sizeof(changes) / sizeof(changes[0]);
	const struct vgpu_target_options options = {
		.memory_size = 1 << 20,
		.num_scanouts = 2,
		.outputs = {{.rect = {.width = 640, .height = 480}, .enabled = true}},
	};
	const struct virtio_gpu_ctrl_hdr ask = {.type = htole32(VIRTIO_GPU_CMD_GET_DISPLAY_INFO)};
	const struct vgpu_chain_desc descs[] = {
		{sizeof(ask), false}, {sizeof(struct virtio_gpu_resp_display_info), true}};
	const struct vgpu_driver_request request = {.descs = descs,
						    .num_descs = 2,
						    .indirect_at = -1,
						    .bytes = (const uint8_t *)&ask,
						    .len = sizeof(ask)};
	struct vgpu_driver_answer answer;
	struct vgpu_driver driver;
	struct vgpu_error err;
	struct vgpu_target *target = vgpu_target_builtin.open(&options, &err);
	struct vgpu_trace_writer *writer =
		vgpu_trace_writer_open(path, &(struct vgpu_trace_writer_options){0}, &err);
	CU_ASSERT_TRUE_FATAL(target != NULL && writer != NULL);
	struct vgpu_device *device = target->ops->device(target);
	struct vgpu_recorder *recorder = vgpu_recorder_new(device, writer);
	CU_ASSERT_PTR_NOT_NULL_FATAL(recorder);

	vgpu_driver_init(&driver, target, 0x10000);
	CU_ASSERT_EQUAL(vgpu_driver_reset(&driver, &err), 0);
	CU_ASSERT_EQUAL(vgpu_driver_negotiate(&driver, 1ull << VIRTIO_F_VERSION_1, &err), 0);
	CU_ASSERT_EQUAL(vgpu_driver_set_queue(&driver, 0, 16, &err), 0);
	CU_ASSERT_EQUAL(vgpu_driver_ok(&driver, &err), 0);
	for (size_t i = 0; i <= num_changes; i++) {
		CU_ASSERT_EQUAL(vgpu_driver_submit(&driver, &request, &answer, &err), 0);
		if (i < num_changes)
			CU_ASSERT_EQUAL(target->ops->set_outputs(target, &changes[i], &err), 0);
	}
	vgpu_recorder_free(recorder);
	CU_ASSERT_EQUAL(vgpu_trace_writer_close(writer, vgpu_device_violations(device), &err), 0);
	vgpu_driver_fini(&driver);
	target->ops->close(target);
}

static void outputs_that_change_are_the_target_s_too(void)
{
	char *folder = scene_folder(), *path = scene_path(folder, "outputs.trace");
	static const char *const specs[] = {"builtin", "qemu"};
	struct vgpu_error err;

	record_outputs(path);
	for (size_t i = 0; i < (no_qemu() ? 1 : 2); i++) {
		struct tally tally = {0};

		CU_ASSERT_EQUAL(play(path, specs[i], NULL, &tally, &err), VGPU_PLAYER_DONE);
		CU_ASSERT_EQUAL(tally.equal, 4);
		CU_ASSERT_EQUAL(tally.different, 0);
	}
	free(path);
	scene_folder_remove(folder);
}

static void a_trace_without_outputs_plays(void)
{
	struct request_parts parts;
	const struct vgpu_trace_record records[] = {make_start(64), make_request(&parts)};
	struct tally tally = {0};
	struct vgpu_error err;

	CU_ASSERT_EQUAL(play_records(records, 2, &tally, &err), VGPU_PLAYER_DONE);
	CU_ASSERT_EQUAL(tally.equal, 1);
}

static void a_queue_that_start_did_not_have_is_set_up_when_used(void)
{
	struct request_parts parts;
	struct vgpu_trace_record records[] = {make_start(64), make_request(&parts)};
	struct tally tally = {0};
	struct vgpu_error err;

	records[1].request.queue = VGPU_QUEUE_CURSOR;
	records[1].request.head = 1023;
	CU_ASSERT_EQUAL(play_records(records, 2, &tally, &err), VGPU_PLAYER_DONE);
	CU_ASSERT_EQUAL(tally.equal, 1);
}

/* A chain over the end of a ring of five, and one from after a reset of the queue. */
static void packed_rings_are_played_over_split_ones(void)
{
	struct request_parts parts[2];
	struct vgpu_chain_desc many[12];
	struct vgpu_trace_record records[] = {make_start(5), make_request(&parts[0]),
					      make_request(&parts[1])};
	struct tally tally = {0};
	struct vgpu_error err;

	records[0].start.features_accepted = 1ull << 40 | 1ull << 34 | 1ull << 32;
	records[1].request.head = 4;
	for (unsigned int i = 0; i < 12; i++)
		many[i] = (struct vgpu_chain_desc){i < 11 ? 4 : 24, i == 11};
	records[2].request.descs = many;
	records[2].request.num_descs = 12;
	CU_ASSERT_EQUAL(play_records(records, 3, &tally, &err), VGPU_PLAYER_DONE);
	CU_ASSERT_EQUAL(tally.equal, 2);
}

static void requests_that_no_driver_can_send_are_refused(void)
{
	struct request_parts parts;
	struct vgpu_trace_record records[] = {make_start(64), make_request(&parts)};
	struct tally tally = {0};
	struct vgpu_error err;

	/* No START before it. */
	CU_ASSERT_EQUAL(play_records(&records[1], 1, &tally, &err), VGPU_PLAYER_TRACE_FAILED);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "request 0 (type=0x4711): no START"));
	/* Buffers of gigabytes. */
	parts.descs[1].len = UINT32_MAX;
	CU_ASSERT_EQUAL(play_records(records, 2, &tally, &err), VGPU_PLAYER_TRACE_FAILED);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "nothing that can be played"));
	/* More guest memory than a player gives. */
	records[1] = make_request(&parts);
	parts.response[0] = 0x00;
	parts.response[1] = 0x11;
	struct {
		struct virtio_gpu_resource_attach_backing attach;
		struct virtio_gpu_mem_entry entries[2];
	} attach = {
		.attach = {.hdr.type = htole32(0x106), .nr_entries = htole32(2)},
		.entries = {{.length = htole32(UINT32_MAX)},
			    {.addr = htole64(1ull << 40), .length = htole32(UINT32_MAX)}},
	};
	records[1].request.request = (const uint8_t *)&attach;
	records[1].request.request_len = sizeof(attach);
	CU_ASSERT_EQUAL(play_records(records, 2, &tally, &err), VGPU_PLAYER_TRACE_FAILED);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "more than 4096 MiB of guest memory"));
	/* Memory that wraps around the end of the address space. */
	attach.entries[1].addr = htole64(UINT64_MAX - 5);
	CU_ASSERT_EQUAL(play_records(records, 2, &tally, &err), VGPU_PLAYER_TRACE_FAILED);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "wraps around"));
	/* The same in a refused command is the guest's business. */
	parts.response[1] = 0x12;
	CU_ASSERT_EQUAL(play_records(records, 2, &tally, &err), VGPU_PLAYER_DONE);
}

static void a_frame_of_nothing_is_told(void)
{
	struct request_parts parts;
	struct vgpu_trace_record records[] = {
		make_start(64),
		make_request(&parts),
		{.type = VGPU_TRACE_FRAME,
		 .frame = {.width = 16, .height = 16, .damage = {0, 0, 1, 1}}}};
	struct tally tally = {0};
	struct vgpu_error err;

	CU_ASSERT_EQUAL(play_records(records, 3, &tally, &err), VGPU_PLAYER_DONE);
	CU_ASSERT_EQUAL(tally.frames, 1);
	CU_ASSERT_EQUAL(tally.right, 0);
	CU_ASSERT_EQUAL(tally.incomparable, 0);
}

/* xorshift: the same on every machine. */
static uint32_t random_below(uint64_t *state, uint32_t limit)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return (uint32_t)(*state >> 32) % limit;
}

struct mutation {
	uint64_t state;
	uint8_t request[4096], response[4096];
	struct vgpu_chain_desc descs[64];
	struct vgpu_trace_segment segments[64];
};

/* A copy that may be written to, of what fits. */
static bool copy_request(struct mutation *mutation, struct vgpu_trace_request *request)
{
	if (request->request_len > sizeof(mutation->request) ||
	    request->used_len > sizeof(mutation->response) || request->num_descs > 64 ||
	    request->num_segments > 64)
		return false;
	memcpy(mutation->request, request->request, request->request_len);
	memcpy(mutation->response, request->response, request->used_len);
	memcpy(mutation->descs, request->descs, request->num_descs * sizeof(*request->descs));
	memcpy(mutation->segments, request->segments,
	       request->num_segments * sizeof(*request->segments));
	request->request = mutation->request;
	request->response = mutation->response;
	request->descs = mutation->descs;
	request->segments = mutation->segments;
	return true;
}

static void mutate_request(struct mutation *m, struct vgpu_trace_request *request)
{
	static const uint32_t lengths[] = {0, 1, 23, 24, 4096, 1 << 20};

	if (!copy_request(m, request))
		return;
	switch (random_below(&m->state, 8)) {
	case 0:
		request->head = (uint16_t)random_below(&m->state, 65536);
		break;
	case 1:
		m->descs[random_below(&m->state, request->num_descs)].len =
			lengths[random_below(&m->state, 6)];
		break;
	case 2:
		request->indirect_at = (int)random_below(&m->state, request->num_descs + 1) - 1;
		break;
	case 3:
		m->descs[random_below(&m->state, request->num_descs)].device_writable ^= true;
		break;
	case 4:
		if (request->num_segments > 0)
			m->segments[random_below(&m->state, (uint32_t)request->num_segments)].gpa =
				m->state;
		break;
	case 5:
		if (request->used_len > 0)
			m->response[random_below(&m->state, request->used_len)] =
				(uint8_t)random_below(&m->state, 256);
		break;
	default:
		if (request->request_len > 0)
			m->request[random_below(&m->state, request->request_len)] =
				(uint8_t)random_below(&m->state, 256);
		break;
	}
}

static bool mutate(struct vgpu_trace_record *record, void *opaque)
{
	struct mutation *m = opaque;

	if (random_below(&m->state, 12) != 0)
		return true;
	switch (record->type) {
	case VGPU_TRACE_REQUEST:
		mutate_request(m, &record->request);
		return random_below(&m->state, 10) != 0;
	case VGPU_TRACE_FRAME:
		record->frame.scanout_id = random_below(&m->state, VGPU_MAX_SCANOUTS);
		return true;
	case VGPU_TRACE_START:
		record->start.features_accepted = m->state;
		record->start.queues[0].size = (uint16_t)(1 << random_below(&m->state, 11));
		return true;
	default:
		return random_below(&m->state, 2) == 0;
	}
}

static void random_alterations_do_no_harm(void)
{
	char *folder = scene_folder(), *path = scene_path(folder, "a.trace");
	char *altered = scene_path(folder, "b.trace");
	struct mutation mutation = {.state = 0x9e3779b97f4a7c15};
	struct tally tally = {0};
	struct vgpu_error err;
	unsigned int played = 0;

	scene_record(path);
	for (int i = 0; i < 100; i++) {
		scene_alter(path, altered, mutate, &mutation);
		enum vgpu_player_end end = play(altered, "builtin", NULL, &tally, &err);
		played += end == VGPU_PLAYER_DONE;
	}
	/* Most are nothing worse than another guest. */
	CU_ASSERT_TRUE(played > 10);
	free(altered);
	free(path);
	scene_folder_remove(folder);
}

/* ---- answers of other devices ------------------------------------------------------------------
 */

static enum vgpu_answer_verdict judge(uint32_t command, const void *recorded, uint32_t recorded_len,
				      const void *got, uint32_t got_len)
{
	const struct vgpu_trace_outputs outputs = {.num_scanouts = 1};
	const struct vgpu_answer_rules rules = {.recorded = &outputs, .given = &outputs};
	const struct virtio_gpu_ctrl_hdr request = {.type = htole32(command)};
	const struct vgpu_trace_request trace = {.request = (const uint8_t *)&request,
						 .request_len = sizeof(request),
						 .response = recorded,
						 .used_len = recorded_len};
	const struct vgpu_answer answer = {.used_len = got_len, .bytes = got, .len = got_len};
	const char *why;

	return vgpu_answer_compare(&rules, &trace, &answer, &why);
}

static void other_devices_are_held_to_what_may_not_differ(void)
{
	struct virtio_gpu_ctrl_hdr ok = {.type = htole32(0x1100)}, other = ok;
	struct virtio_gpu_ctrl_hdr unspec = {.type = htole32(0x1200)};
	struct virtio_gpu_ctrl_hdr invalid = {.type = htole32(0x1203)};
	struct virtio_gpu_resp_edid edid = {.hdr.type = htole32(0x1104)}, other_edid = edid;
	struct virtio_gpu_resp_display_info info = {.hdr.type = htole32(0x1101)}, other_info = info;
	struct virtio_gpu_resp_resource_uuid uuid = {.hdr.type = htole32(0x1105)}, new_uuid = uuid;

	CU_ASSERT_EQUAL(judge(0x101, &ok, 24, &other, 24), VGPU_ANSWER_EQUAL);
	CU_ASSERT_EQUAL(judge(0x101, &ok, 24, &unspec, 24), VGPU_ANSWER_DIFFERENT);
	CU_ASSERT_EQUAL(judge(0x101, &invalid, 24, &unspec, 24), VGPU_ANSWER_TOLERATED);
	CU_ASSERT_EQUAL(judge(0x101, &ok, 24, &ok, 23), VGPU_ANSWER_DIFFERENT);
	CU_ASSERT_EQUAL(judge(0x101, &ok, 24, NULL, 0), VGPU_ANSWER_DIFFERENT);
	CU_ASSERT_EQUAL(judge(0x300, &ok, 24, NULL, 0), VGPU_ANSWER_TOLERATED);
	CU_ASSERT_EQUAL(judge(0x301, &ok, 24, NULL, 0), VGPU_ANSWER_TOLERATED);
	CU_ASSERT_EQUAL(judge(0x301, NULL, 0, &ok, 24), VGPU_ANSWER_DIFFERENT);
	other.fence_id = htole64(1);
	CU_ASSERT_EQUAL(judge(0x104, &ok, 24, &other, 24), VGPU_ANSWER_DIFFERENT);
	other_edid.edid[5] = 1;
	CU_ASSERT_EQUAL(judge(0x10a, &edid, sizeof(edid), &other_edid, sizeof(edid)),
			VGPU_ANSWER_EQUAL);
	new_uuid.uuid[3] = 1;
	CU_ASSERT_EQUAL(judge(0x10b, &uuid, sizeof(uuid), &new_uuid, sizeof(uuid)),
			VGPU_ANSWER_EQUAL);
	CU_ASSERT_EQUAL(judge(0x10b, &uuid, sizeof(uuid), &new_uuid, sizeof(uuid) - 1),
			VGPU_ANSWER_DIFFERENT);
	other_info.pmodes[0].r.x = htole32(5);
	other_info.pmodes[1].r.width = htole32(5);
	CU_ASSERT_EQUAL(judge(0x100, &info, sizeof(info), &other_info, sizeof(info)),
			VGPU_ANSWER_EQUAL);
	other_info.pmodes[0].r.width = htole32(5);
	CU_ASSERT_EQUAL(judge(0x100, &info, sizeof(info), &other_info, sizeof(info)),
			VGPU_ANSWER_EQUAL);
	info.pmodes[0].enabled = htole32(1);
	CU_ASSERT_EQUAL(judge(0x100, &info, sizeof(info), &other_info, sizeof(info)),
			VGPU_ANSWER_DIFFERENT);
	other_info.pmodes[0].enabled = htole32(1);
	CU_ASSERT_EQUAL(judge(0x100, &info, sizeof(info), &other_info, sizeof(info)),
			VGPU_ANSWER_DIFFERENT);
	other_info.pmodes[0].r.width = 0;
	CU_ASSERT_EQUAL(judge(0x100, &info, sizeof(info), &other_info, sizeof(info)),
			VGPU_ANSWER_EQUAL);
}

static const struct unit_test tests[] = {
	{"aliases stay aliases", aliases_stay_aliases},
	{"a million pages in any order become one region",
	 a_million_pages_in_any_order_become_one_region},
	{"the end of the address space is no trap", the_end_of_the_address_space_is_no_trap},
	{"a recording plays as it was", a_recording_plays_as_it_was},
	{"a recording of a replay equals the recording",
	 a_recording_of_a_replay_equals_the_recording},
	{"playing stops when asked", playing_stops_when_asked},
	{"dropped pixels make frames incomparable until made anew",
	 dropped_pixels_make_frames_incomparable_until_made_anew},
	{"outputs that change are the target's too", outputs_that_change_are_the_target_s_too},
	{"a trace without OUTPUTS plays", a_trace_without_outputs_plays},
	{"a queue that START did not have is set up when used",
	 a_queue_that_start_did_not_have_is_set_up_when_used},
	{"packed rings are played over split ones", packed_rings_are_played_over_split_ones},
	{"requests that no driver can send are refused",
	 requests_that_no_driver_can_send_are_refused},
	{"a frame of nothing is told", a_frame_of_nothing_is_told},
	{"random alterations do no harm", random_alterations_do_no_harm},
	{"other devices are held to what may not differ",
	 other_devices_are_held_to_what_may_not_differ},
	{NULL, NULL},
};

const struct unit_suite player_suite = {"player", tests};
