/* SPDX-License-Identifier: MIT */
/* A recording in many files: each begins with the state that it needs, whatever that is. */
#include "guest.h"
#include "recorder.h"
#include "replay.h"
#include "scene.h"
#include "snapshot.h"
#include "unit.h"

#include <linux/virtio_gpu.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

extern const struct unit_suite rotate_suite;

#define FEATURES                                                                                   \
	(GUEST_FEATURES | 1ull << VIRTIO_GPU_F_RESOURCE_BLOB | 1ull << VIRTIO_GPU_F_RESOURCE_UUID)

struct recording {
	struct guest guest;
	struct vgpu_trace_writer *writer;
	struct vgpu_recorder *recorder;
};

/* Until the next request comes to a file that has only the state. */
static void wait_for_file(struct recording *recording, uint64_t files)
{
	for (int i = 0; i < 60000; i++) {
		if (vgpu_trace_writer_stats(recording->writer).files > files)
			return;
		nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
	}
	CU_FAIL("no next file");
}

/* Sends a request, after which another file begins. */
static void step(struct recording *recording, unsigned int queue, uint32_t type, void *request,
		 uint32_t len)
{
	uint64_t files = vgpu_trace_writer_stats(recording->writer).files;
	struct virtio_gpu_ctrl_hdr *header = request;

	header->type = type;
	CU_ASSERT(guest_send(&recording->guest, queue, request, len, 64) >= 24);
	CU_ASSERT(guest_response(&recording->guest)->type < VIRTIO_GPU_RESP_ERR_UNSPEC);
	wait_for_file(recording, files);
}

static void draw(struct recording *recording, uint8_t seed)
{
	for (uint32_t i = 0; i < 0x8000; i++)
		recording->guest.ram[GUEST_PIXELS + i] = (uint8_t)(seed + i / 3 * 5 + (i >> 8));
}

static void make_2d(struct recording *recording, uint32_t id, uint32_t width, uint32_t height)
{
	struct virtio_gpu_resource_create_2d create = {
		.resource_id = id, .format = 3, .width = width, .height = height};
	struct {
		struct virtio_gpu_resource_attach_backing head;
		struct virtio_gpu_mem_entry entries[2];
	} attach = {.head = {.resource_id = id, .nr_entries = 2},
		    .entries = {{.addr = GUEST_RAM + GUEST_PIXELS, .length = 5000},
				{.addr = GUEST_RAM + GUEST_PIXELS + 6000, .length = 20000}}};
	struct virtio_gpu_transfer_to_host_2d transfer = {.r = {0, 0, width, height - 1},
							  .resource_id = id};

	step(recording, 0, VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, &create, sizeof(create));
	step(recording, 0, VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, &attach, sizeof(attach));
	step(recording, 0, VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, &transfer, sizeof(transfer));
}

static void flush(struct recording *recording, uint32_t id)
{
	struct virtio_gpu_resource_flush request = {.r = {0, 0, 16, 16}, .resource_id = id};

	step(recording, 0, VIRTIO_GPU_CMD_RESOURCE_FLUSH, &request, sizeof(request));
}

static void play_2d(struct recording *recording)
{
	struct virtio_gpu_set_scanout show = {
		.r = {3, 2, 40, 30}, .scanout_id = 1, .resource_id = 7};
	struct virtio_gpu_update_cursor cursor = {
		.pos = {.scanout_id = 1, .x = 5, .y = 6}, .resource_id = 8, .hot_x = 3, .hot_y = 4};
	struct virtio_gpu_resource_unref unref = {.resource_id = 8};
	struct virtio_gpu_resource_detach_backing detach = {.resource_id = 7};

	draw(recording, 1);
	make_2d(recording, 7, 64, 48);
	step(recording, 0, VIRTIO_GPU_CMD_SET_SCANOUT, &show, sizeof(show));
	flush(recording, 7);
	/* What the host has is not what is behind it any more. */
	draw(recording, 2);
	flush(recording, 7);
	make_2d(recording, 8, 64, 64);
	step(recording, 1, VIRTIO_GPU_CMD_UPDATE_CURSOR, &cursor, sizeof(cursor));
	step(recording, 0, VIRTIO_GPU_CMD_RESOURCE_UNREF, &unref, sizeof(unref));
	step(recording, 1, VIRTIO_GPU_CMD_MOVE_CURSOR, &cursor, sizeof(cursor));
	step(recording, 0, VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, &detach, sizeof(detach));
	flush(recording, 7);
}

static void play_blob(struct recording *recording)
{
	struct {
		struct virtio_gpu_resource_create_blob head;
		struct virtio_gpu_mem_entry entries[2];
	} create = {.head = {.resource_id = UINT32_MAX,
			     .blob_mem = VIRTIO_GPU_BLOB_MEM_GUEST,
			     .nr_entries = 2,
			     .size = 20000},
		    .entries = {{.addr = GUEST_RAM + GUEST_PIXELS + 0x4004, .length = 10001},
				{.addr = GUEST_RAM + GUEST_PIXELS + 7, .length = 9999}}};
	struct virtio_gpu_set_scanout_blob show = {.r = {4, 4, 60, 40},
						   .resource_id = UINT32_MAX,
						   .width = 64,
						   .height = 48,
						   .format = VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM,
						   .strides = {300},
						   .offsets = {400}};
	struct virtio_gpu_resource_assign_uuid uuid = {.resource_id = UINT32_MAX};
	struct virtio_gpu_resource_detach_backing detach = {.resource_id = UINT32_MAX};

	step(recording, 0, VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, &create, sizeof(create));
	step(recording, 0, VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, &uuid, sizeof(uuid));
	step(recording, 0, VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID, &uuid, sizeof(uuid));
	step(recording, 0, VIRTIO_GPU_CMD_SET_SCANOUT_BLOB, &show, sizeof(show));
	flush(recording, UINT32_MAX);
	draw(recording, 9);
	flush(recording, UINT32_MAX);
	/* What is shown stays, and nothing is read any more. */
	step(recording, 0, VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, &detach, sizeof(detach));
	draw(recording, 10);
	flush(recording, UINT32_MAX);
}

/* Returns how many frames were equal. */
static uint64_t replay(const char *path)
{
	const struct vgpu_replay_options options = {
		.target = "builtin", .no_golden = true, .last_frame = UINT64_MAX};
	struct vgpu_replay_result result;

	vgpu_replay(path, &options, &result);
	CU_ASSERT_EQUAL(result.status, VGPU_REPLAY_EQUAL);
	CU_ASSERT_EQUAL(result.frames_equal, result.frames);
	CU_ASSERT_EQUAL(result.requests_equal, result.requests);
	for (unsigned int i = 0; i < result.num_messages; i++)
		fprintf(stderr, "%s: %s\n", path, result.messages[i]);
	uint64_t frames = result.frames_equal;
	vgpu_replay_result_fini(&result);
	return frames;
}

static void every_file_can_be_played_by_itself(void)
{
	char *folder = scene_folder(), *path = scene_path(folder, "x.trace");
	const struct vgpu_trace_writer_options options = {.rotate_ns = 1};
	struct vgpu_trace_writer_stats stats;
	struct recording recording;
	uint64_t frames = 0;

	guest_start_with(&recording.guest, 2, FEATURES, 0);
	recording.writer = vgpu_trace_writer_open(path, &options, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(recording.writer);
	recording.recorder = vgpu_recorder_new(recording.guest.device, recording.writer);
	CU_ASSERT_PTR_NOT_NULL_FATAL(recording.recorder);
	guest_init_device(&recording.guest, FEATURES);
	play_2d(&recording);
	play_blob(&recording);
	guest_init_device(&recording.guest, GUEST_FEATURES);
	play_2d(&recording);
	vgpu_recorder_free(recording.recorder);
	CU_ASSERT_EQUAL(vgpu_trace_writer_close_stats(recording.writer, NULL, &stats, NULL), 0);
	guest_stop(&recording.guest);
	CU_ASSERT(stats.files > 30);
	for (unsigned int i = 0; i < stats.files; i++) {
		char *name = vgpu_trace_numbered(path, i);

		frames += replay(name);
		unlink(name);
		free(name);
	}
	CU_ASSERT_EQUAL(frames, stats.frames);
	CU_ASSERT(frames >= 8);
	free(path);
	scene_folder_remove(folder);
}

static void count_record(void *opaque, const struct vgpu_trace_record *record)
{
	unsigned int *count = opaque;

	*count += record->type == VGPU_TRACE_REQUEST;
}

static uint64_t cpu_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

/* What it takes to put the state of many resources, of which the first has this number. */
static uint64_t snapshot_ns(uint32_t first)
{
	const uint32_t num = 10000;
	struct vgpu_snapshot_room *room = malloc(sizeof(*room));
	unsigned int count = 0;
	struct guest guest;

	CU_ASSERT_PTR_NOT_NULL_FATAL(room);
	guest_start(&guest);
	for (uint32_t i = 0; i < num; i++)
		CU_ASSERT_EQUAL(guest_create(&guest, first + i, 1, 1, 1),
				VIRTIO_GPU_RESP_OK_NODATA);
	uint64_t begin = cpu_ns();
	vgpu_snapshot(guest.device, room, count_record, &count);
	uint64_t end = cpu_ns();
	CU_ASSERT_EQUAL(count, num);
	guest_stop(&guest);
	free(room);
	return end - begin;
}

/* The state needs a number that is free, and the guest waits while it is looked for. */
static void the_numbers_of_resources_cost_no_time(void)
{
	uint64_t low = snapshot_ns(1), high = snapshot_ns(UINT32_MAX - 9999);

	CU_ASSERT_TRUE(high < 50 * low);
}

static void put_data(struct vgpu_trace_writer *writer, const uint8_t *data, uint32_t len)
{
	const struct vgpu_trace_segment segment = {.gpa = GUEST_RAM, .len = len};
	const struct vgpu_trace_record record = {.type = VGPU_TRACE_REQUEST,
						 .request = {.indirect_at = -1,
							     .segments = &segment,
							     .num_segments = 1,
							     .data = data,
							     .data_len = len}};

	vgpu_trace_writer_put(writer, &record);
}

/* While the thread is still busy with what it took together with the end of the file before. */
static void no_file_is_full_when_it_begins(void)
{
	static uint8_t noise[4u << 20];
	char *folder = scene_folder(), *path = scene_path(folder, "x.trace");
	const struct vgpu_trace_writer_options options = {.rotate_size = 1ull << 40};
	struct vgpu_trace_writer *writer = vgpu_trace_writer_open(path, &options, NULL);

	CU_ASSERT_PTR_NOT_NULL_FATAL(writer);
	for (uint32_t i = 0, state = 1; i < sizeof(noise); i++) {
		state = state * 1664525 + 1013904223;
		noise[i] = (uint8_t)(state >> 24);
	}
	put_data(writer, noise, sizeof(noise));
	vgpu_trace_writer_next(writer);
	put_data(writer, noise, sizeof(noise));
	bool wants = false;
	/* Looks all the time: what would be wrong is not so for long. */
	for (uint64_t end = vgpu_now_ns() + 60000000000; vgpu_now_ns() < end;)
		if (vgpu_trace_writer_stats(writer).files == 2)
			break;
	for (int i = 0; i < 100; i++)
		wants = wants || vgpu_trace_writer_wants_next(writer);
	CU_ASSERT_FALSE(wants);
	CU_ASSERT_EQUAL(vgpu_trace_writer_stats(writer).files, 2);
	CU_ASSERT_EQUAL(vgpu_trace_writer_close(writer, NULL, NULL), 0);
	for (unsigned int i = 0; i < 2; i++) {
		char *name = vgpu_trace_numbered(path, i);

		unlink(name);
		free(name);
	}
	free(path);
	scene_folder_remove(folder);
}

static const struct unit_test tests[] = {
	{"the numbers of resources cost no time", the_numbers_of_resources_cost_no_time},
	{"every file can be played by itself", every_file_can_be_played_by_itself},
	{"no file is full when it begins", no_file_is_full_when_it_begins},
	{NULL, NULL},
};

const struct unit_suite rotate_suite = {"rotate", tests};
