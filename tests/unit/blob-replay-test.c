/* SPDX-License-Identifier: MIT */
/* A guest that draws with blobs is recorded, and plays as it was. */
#include "guest.h"
#include "player.h"
#include "recorder.h"
#include "scene.h"
#include "unit.h"

#include <endian.h>
#include <linux/virtio_gpu.h>
#include <stdlib.h>
#include <string.h>

extern const struct unit_suite blob_replay_suite;

#define FEATURES                                                                                   \
	(GUEST_FEATURES | 1ull << VIRTIO_GPU_F_RESOURCE_BLOB | 1ull << VIRTIO_GPU_F_RESOURCE_UUID)
#define FRAMES	  6
#define REQUESTS  14
#define CREATE	  0 /* numbers of requests */
#define FLUSH	  2
#define FLUSH_TWO 4

/* 64 x 48 pixels in rows of 300 bytes, from byte 400 on; the halves are in two places. */
static void draw(struct guest *guest, uint8_t seed)
{
	for (uint32_t i = 0; i < 0x10000; i++)
		guest->ram[GUEST_PIXELS + i] = (uint8_t)(seed + i / 3 * 5 + (i >> 8));
}

static void create(struct guest *guest, uint32_t id)
{
	const struct {
		struct virtio_gpu_resource_create_blob head;
		struct virtio_gpu_mem_entry entries[2];
	} request = {
		.head = {.hdr.type = VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB,
			 .resource_id = id,
			 .blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST,
			 .nr_entries = 2,
			 .size = 20000},
		.entries = {{.addr = GUEST_RAM + GUEST_PIXELS + 0x8004, .length = 10001},
			    {.addr = GUEST_RAM + GUEST_PIXELS + 7, .length = 9999}},
	};

	CU_ASSERT_EQUAL(guest_command(guest, &request, sizeof(request)), VIRTIO_GPU_RESP_OK_NODATA);
}

static void show(struct guest *guest, uint32_t scanout, uint32_t id, struct virtio_gpu_rect rect)
{
	const struct virtio_gpu_set_scanout_blob request = {
		.hdr.type = VIRTIO_GPU_CMD_SET_SCANOUT_BLOB,
		.r = rect,
		.scanout_id = scanout,
		.resource_id = id,
		.width = 64,
		.height = 48,
		.format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
		.strides = {300},
		.offsets = {400},
	};

	CU_ASSERT_EQUAL(guest_command(guest, &request, sizeof(request)), VIRTIO_GPU_RESP_OK_NODATA);
}

static void assign_uuid(struct guest *guest, uint32_t id)
{
	const struct virtio_gpu_resource_assign_uuid request = {
		.hdr.type = VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, .resource_id = id};

	CU_ASSERT_EQUAL(guest_command(guest, &request, sizeof(request)),
			VIRTIO_GPU_RESP_OK_RESOURCE_UUID);
}

static void cursor(struct guest *guest, uint32_t id)
{
	const struct virtio_gpu_update_cursor request = {.hdr.type = VIRTIO_GPU_CMD_UPDATE_CURSOR,
							 .resource_id = id};

	CU_ASSERT_EQUAL(guest_send(guest, VGPU_QUEUE_CURSOR, &request, sizeof(request), 24), 24);
}

static void play_guest(struct guest *guest)
{
	const struct vgpu_rect all = {0, 0, 64, 48};

	create(guest, 1);
	show(guest, 0, 1, (struct virtio_gpu_rect){0, 0, 64, 48});
	draw(guest, 1);
	guest_flush(guest, 1, all);
	/* a part of it on another screen, in another place of the first one's picture */
	show(guest, 1, 1, (struct virtio_gpu_rect){3, 5, 20, 30});
	draw(guest, 77);
	guest_flush(guest, 1, (struct vgpu_rect){3, 5, 1, 1});
	guest_transfer(guest, 1, all, 0);
	draw(guest, 200);
	guest_flush(guest, 1, (struct vgpu_rect){0, 0, 1, 1});
	cursor(guest, 1);
	assign_uuid(guest, 1);
	assign_uuid(guest, 1);
	create(guest, 2);
	show(guest, 0, 2, (struct virtio_gpu_rect){0, 0, 64, 48});
	guest_flush(guest, 2, all);
	draw(guest, 9);
	guest_flush(guest, 1, all);
}

static void record_of(const char *path, void (*run)(struct guest *guest))
{
	struct guest guest;

	guest_start_with(&guest, 2, FEATURES, 0);
	struct vgpu_trace_writer *writer = vgpu_trace_writer_open(path, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(writer);
	struct vgpu_recorder *recorder = vgpu_recorder_new(guest.device, writer);
	CU_ASSERT_PTR_NOT_NULL_FATAL(recorder);
	guest_init_device(&guest, FEATURES);
	run(&guest);
	vgpu_recorder_free(recorder);
	CU_ASSERT_EQUAL(vgpu_trace_writer_close(writer, vgpu_device_violations(guest.device), NULL),
			0);
	guest_stop(&guest);
}

static void record(const char *path)
{
	record_of(path, play_guest);
}

struct tally {
	unsigned int equal, different, right, wrong, incomparable;
};

static void on_answer(void *opaque, const struct vgpu_player_answer *answer)
{
	struct tally *tally = opaque;

	tally->equal += answer->verdict == VGPU_ANSWER_EQUAL;
	tally->different += answer->verdict != VGPU_ANSWER_EQUAL;
}

static void on_frame(void *opaque, const struct vgpu_player_frame *frame)
{
	struct tally *tally = opaque;
	struct vgpu_frame_hash hash;

	tally->incomparable += !frame->comparable;
	if (frame->actual == NULL)
		return;
	hash = vgpu_frame_hash(frame->actual);
	tally->right += vgpu_frame_hash_equal(&hash, &frame->recorded->hash);
	tally->wrong += !vgpu_frame_hash_equal(&hash, &frame->recorded->hash);
}

/* False if the trace is none that can be played. */
static bool try_to_play(const char *path, struct tally *tally)
{
	const struct vgpu_player_events events = {.answer = on_answer, .frame = on_frame};
	struct vgpu_target_options options;
	struct vgpu_error err;
	bool done = false;
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	struct vgpu_player *player = vgpu_player_new(reader, &err);

	*tally = (struct tally){0};
	if (player != NULL) {
		vgpu_player_target_options(player, &options);
		CU_ASSERT_TRUE(options.blobs);
		struct vgpu_target *target = vgpu_target_open("builtin", &options, &err);
		CU_ASSERT_PTR_NOT_NULL_FATAL(target);
		done = vgpu_player_play(player, target, &events, tally, &err) == VGPU_PLAYER_DONE;
		target->ops->close(target);
		vgpu_player_free(player);
	}
	vgpu_trace_reader_close(reader);
	return done;
}

static struct tally play(const char *path)
{
	struct tally tally;

	CU_ASSERT_TRUE(try_to_play(path, &tally));
	return tally;
}

static void a_recording_of_blobs_plays_as_it_was(void)
{
	char *folder = scene_folder(), *path = scene_path(folder, "blobs.trace");

	record(path);
	struct tally tally = play(path);
	/* the UUIDs too, which are others each time */
	CU_ASSERT_EQUAL(tally.equal, REQUESTS);
	CU_ASSERT_EQUAL(tally.different, 0);
	CU_ASSERT_EQUAL(tally.right, FRAMES);
	CU_ASSERT_EQUAL(tally.wrong, 0);
	free(path);
	scene_folder_remove(folder);
}

static void a_flush_has_the_memory_that_it_read(void)
{
	char *folder = scene_folder(), *path = scene_path(folder, "blobs.trace");
	struct vgpu_trace_record record_;
	struct vgpu_error err;

	record(path);
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	while (vgpu_trace_reader_next(reader, &record_, &err) > 0) {
		const struct vgpu_trace_request *request = &record_.request;
		if (record_.type != VGPU_TRACE_REQUEST)
			continue;
		if (request->number == CREATE)
			CU_ASSERT_EQUAL(request->num_segments, 0);
		if (request->number == FLUSH) {
			CU_ASSERT_EQUAL(request->pitch, 256);
			CU_ASSERT_EQUAL(request->data_len, 64 * 48 * 4);
			CU_ASSERT_EQUAL_FATAL(request->num_segments, 49);
			CU_ASSERT_EQUAL(request->segments[1].gpa,
					GUEST_RAM + GUEST_PIXELS + 0x8004 + 700);
			CU_ASSERT_EQUAL(request->segments[1].len, 256);
		}
		if (request->number == FLUSH_TWO) {
			CU_ASSERT_EQUAL(request->pitch, 0);
			CU_ASSERT_EQUAL(request->data_len, (64 * 48 + 20 * 30) * 4);
		}
	}
	vgpu_trace_reader_close(reader);
	free(path);
	scene_folder_remove(folder);
}

static bool drop_first_flush(struct vgpu_trace_record *record_, void *opaque)
{
	const uint64_t *number = opaque;

	if (record_->type == VGPU_TRACE_REQUEST && record_->request.number == *number) {
		record_->request.dropped = true;
		record_->request.data = NULL;
		record_->request.data_len = 0;
		record_->request.num_segments = 0;
	}
	return true;
}

static void a_dropped_flush_is_made_good_by_the_next(void)
{
	char *folder = scene_folder(), *path = scene_path(folder, "a.trace");
	char *altered = scene_path(folder, "b.trace");
	uint64_t number = FLUSH;

	record(path);
	scene_alter(path, altered, drop_first_flush, &number);
	struct tally tally = play(altered);
	/* after it another scanout shows a part: what was dropped is not known there */
	CU_ASSERT_EQUAL(tally.different + tally.wrong, 0);
	CU_ASSERT_EQUAL(tally.incomparable, 4);
	CU_ASSERT_EQUAL(tally.right, FRAMES - 4);
	number = 12;
	scene_alter(path, altered, drop_first_flush, &number);
	tally = play(altered);
	CU_ASSERT_EQUAL(tally.different + tally.wrong, 0);
	CU_ASSERT_EQUAL(tally.incomparable, 1);
	free(altered);
	free(path);
	scene_folder_remove(folder);
}

#define NEW_FLUSH 6

/* The first blob is on both scanouts when it ends, the next one of its number on one. */
static void reuse_an_id(struct guest *guest)
{
	const struct virtio_gpu_rect rect = {0, 0, 64, 48};
	const struct vgpu_rect all = {0, 0, 64, 48};

	create(guest, 1);
	show(guest, 0, 1, rect);
	show(guest, 1, 1, rect);
	CU_ASSERT_EQUAL(guest_unref(guest, 1), VIRTIO_GPU_RESP_OK_NODATA);
	create(guest, 1);
	show(guest, 0, 1, rect);
	draw(guest, 1);
	guest_flush(guest, 1, all);
	draw(guest, 77);
	guest_flush(guest, 1, all);
}

static void what_unref_turned_off_shows_no_later_blob(void)
{
	char *folder = scene_folder(), *path = scene_path(folder, "a.trace");
	char *altered = scene_path(folder, "b.trace");
	uint64_t number = NEW_FLUSH;

	record_of(path, reuse_an_id);
	scene_alter(path, altered, drop_first_flush, &number);
	struct tally tally = play(altered);
	CU_ASSERT_EQUAL(tally.different + tally.wrong, 0);
	CU_ASSERT_EQUAL(tally.incomparable, 1);
	CU_ASSERT_EQUAL(tally.right, 1);
	free(altered);
	free(path);
	scene_folder_remove(folder);
}

struct mutation {
	uint64_t state;
	uint8_t request[256];
};

static uint32_t random_below(struct mutation *mutation, uint32_t limit)
{
	mutation->state = mutation->state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(mutation->state >> 33) % limit;
}

/* Another byte in one request of four, and not in its type. */
static bool change_a_byte(struct vgpu_trace_record *record_, void *opaque)
{
	struct mutation *mutation = opaque;
	struct vgpu_trace_request *request = &record_->request;

	if (record_->type != VGPU_TRACE_REQUEST || random_below(mutation, 4) != 0 ||
	    request->request_len > sizeof(mutation->request))
		return true;
	memcpy(mutation->request, request->request, request->request_len);
	mutation->request[24 + random_below(mutation, request->request_len - 24)] =
		(uint8_t)random_below(mutation, 256);
	request->request = mutation->request;
	return true;
}

static void altered_recordings_do_no_harm(void)
{
	char *folder = scene_folder(), *path = scene_path(folder, "a.trace");
	char *altered = scene_path(folder, "b.trace");
	struct mutation mutation = {.state = 0x5eed};
	unsigned int played = 0;

	record(path);
	for (int i = 0; i < 100; i++) {
		struct tally tally;

		scene_alter(path, altered, change_a_byte, &mutation);
		played += try_to_play(altered, &tally);
	}
	CU_ASSERT_TRUE(played > 50);
	free(altered);
	free(path);
	scene_folder_remove(folder);
}

static const struct unit_test tests[] = {
	{"a recording of blobs plays as it was", a_recording_of_blobs_plays_as_it_was},
	{"a flush has the memory that it read", a_flush_has_the_memory_that_it_read},
	{"a dropped flush is made good by the next", a_dropped_flush_is_made_good_by_the_next},
	{"what UNREF turned off shows no later blob", what_unref_turned_off_shows_no_later_blob},
	{"altered recordings do no harm", altered_recordings_do_no_harm},
	{NULL, NULL},
};

const struct unit_suite blob_replay_suite = {"blob-replay", tests};
