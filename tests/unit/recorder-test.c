/* SPDX-License-Identifier: MIT */
/* What happens to a device is in its trace, as the device saw it. */
#include "allocation.h"
#include "frame.h"
#include "gpu/device.h"
#include "guest.h"
#include "recorder.h"
#include "replay.h"
#include "trace-file.h"
#include "unit.h"

#include <endian.h>
#include <string.h>
#include <sys/mman.h>

extern const struct unit_suite recorder_suite;

struct recording {
	char path[TRACE_FILE_PATH];
	struct guest guest;
	struct vgpu_trace_writer *writer;
	struct vgpu_recorder *recorder;
	struct vgpu_trace_reader *reader;
	struct vgpu_trace_record record;
};

static void start(struct recording *recording)
{
	trace_file_path(recording->path);
	guest_start(&recording->guest);
	recording->writer = vgpu_trace_writer_open(recording->path, NULL, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(recording->writer);
	recording->recorder = vgpu_recorder_new(recording->guest.device, recording->writer);
	CU_ASSERT_PTR_NOT_NULL_FATAL(recording->recorder);
	/* The device was reset, so that the trace has its set-up. */
	guest_init_device(&recording->guest, GUEST_FEATURES);
}

static void finish(struct recording *recording)
{
	vgpu_recorder_free(recording->recorder);
	CU_ASSERT_EQUAL(vgpu_trace_writer_close(recording->writer,
						vgpu_device_violations(recording->guest.device),
						NULL),
			0);
	recording->reader = vgpu_trace_reader_open(recording->path, NULL);
	CU_ASSERT_PTR_NOT_NULL_FATAL(recording->reader);
}

static void stop(struct recording *recording)
{
	vgpu_trace_reader_close(recording->reader);
	guest_stop(&recording->guest);
	trace_file_remove(recording->path);
}

/* The next record of this type; those of other types before it are skipped. */
static const struct vgpu_trace_record *next(struct recording *recording, enum vgpu_trace_type type)
{
	while (vgpu_trace_reader_next(recording->reader, &recording->record, NULL) == 1)
		if (recording->record.type == type)
			return &recording->record;
	CU_FAIL_FATAL("no such record");
	return NULL;
}

/* The next request with this command. */
static const struct vgpu_trace_request *next_command(struct recording *recording, uint32_t type)
{
	const struct vgpu_trace_request *request;
	uint32_t found;

	do {
		request = &next(recording, VGPU_TRACE_REQUEST)->request;
		memcpy(&found, request->request, sizeof(found));
	} while (le32toh(found) != type);
	return request;
}

static void records_the_set_up(void)
{
	struct recording recording;

	start(&recording);
	guest_show(&recording.guest, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 8, 8);
	finish(&recording);
	const struct vgpu_trace_record *record = next(&recording, VGPU_TRACE_OUTPUTS);
	CU_ASSERT_EQUAL(record->outputs.num_scanouts, 2);
	CU_ASSERT_TRUE(record->outputs.outputs[0].enabled);
	CU_ASSERT_EQUAL(record->outputs.outputs[0].rect.width, 64);
	record = next(&recording, VGPU_TRACE_START);
	CU_ASSERT_EQUAL(record->start.features_accepted, GUEST_FEATURES);
	CU_ASSERT_EQUAL(record->start.queues[0].size, GUEST_QUEUE_SIZE);
	CU_ASSERT_TRUE(record->start.queues[1].ready);
	stop(&recording);
}

static void records_what_a_transfer_read(void)
{
	struct recording recording;
	uint8_t pixels[16 * 16 * 4];

	start(&recording);
	struct guest *guest = &recording.guest;
	guest_show(guest, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 16, 16);
	for (size_t i = 0; i < sizeof(pixels); i++)
		pixels[i] = (uint8_t)(i * 7 ^ i >> 5);
	memcpy(guest->ram + GUEST_PIXELS, pixels, sizeof(pixels));
	guest_transfer(guest, 1, (struct vgpu_rect){0, 0, 16, 16}, 0);
	guest_transfer(guest, 1, (struct vgpu_rect){3, 2, 5, 4}, 2 * 64 + 3 * 4);
	/* The trace holds what was read, not what is there later. */
	memset(guest->ram + GUEST_PIXELS, 0xee, sizeof(pixels));
	finish(&recording);

	const struct vgpu_trace_request *request =
		next_command(&recording, VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D);
	CU_ASSERT_EQUAL(request->num_descs, 2);
	CU_ASSERT_EQUAL(request->request_len, sizeof(struct virtio_gpu_transfer_to_host_2d));
	CU_ASSERT_EQUAL(request->used_len, sizeof(struct virtio_gpu_ctrl_hdr));
	CU_ASSERT_EQUAL(request->pitch, 64);
	CU_ASSERT_EQUAL_FATAL(request->data_len, sizeof(pixels));
	CU_ASSERT_EQUAL(memcmp(request->data, pixels, sizeof(pixels)), 0);
	/* Rows that adjoin are one segment. */
	CU_ASSERT_EQUAL(request->num_segments, 1);
	CU_ASSERT_EQUAL(request->segments[0].gpa, GUEST_RAM + GUEST_PIXELS);

	request = next_command(&recording, VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D);
	CU_ASSERT_EQUAL(request->pitch, 20);
	CU_ASSERT_EQUAL_FATAL(request->num_segments, 4);
	CU_ASSERT_EQUAL_FATAL(request->data_len, 80);
	for (size_t row = 0; row < 4; row++) {
		size_t at = (row + 2) * 64 + 12;
		CU_ASSERT_EQUAL(request->segments[row].gpa, GUEST_RAM + GUEST_PIXELS + at);
		CU_ASSERT_EQUAL(request->segments[row].len, 20);
		CU_ASSERT_EQUAL(memcmp(request->data + row * 20, pixels + at, 20), 0);
	}
	stop(&recording);
}

/* A picture two pixels wide makes a read of every row: the list of them has an end. */
static void transfer_of_too_many_pieces_is_recorded_without_its_pixels(void)
{
	const uint32_t height = GUEST_RAM_SIZE / 8;
	struct recording recording;

	start(&recording);
	struct guest *guest = &recording.guest;
	CU_ASSERT_EQUAL(guest_create(guest, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 2, height),
			VIRTIO_GPU_RESP_OK_NODATA);
	CU_ASSERT_EQUAL(guest_attach(guest, 1, GUEST_RAM, GUEST_RAM_SIZE),
			VIRTIO_GPU_RESP_OK_NODATA);
	/* the guest does not notice */
	CU_ASSERT_EQUAL(guest_transfer(guest, 1, (struct vgpu_rect){0, 0, 1, height}, 0),
			VIRTIO_GPU_RESP_OK_NODATA);
	CU_ASSERT_EQUAL(guest_transfer(guest, 1, (struct vgpu_rect){0, 0, 1, 100}, 0),
			VIRTIO_GPU_RESP_OK_NODATA);
	finish(&recording);
	const struct vgpu_trace_request *request =
		next_command(&recording, VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D);
	CU_ASSERT_TRUE(request->dropped);
	CU_ASSERT_EQUAL(request->num_segments, 0);
	request = next_command(&recording, VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D);
	CU_ASSERT_FALSE(request->dropped);
	CU_ASSERT_EQUAL(request->data_len, 400);
	stop(&recording);
}

static void records_a_frame_per_flush(void)
{
	struct recording recording;
	struct vgpu_frame frame = {0};

	start(&recording);
	struct guest *guest = &recording.guest;
	guest_show(guest, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 16, 8);
	memset(guest->ram + GUEST_PIXELS, 0x5a, 16 * 8 * 4);
	guest_transfer(guest, 1, (struct vgpu_rect){0, 0, 16, 8}, 0);
	guest_flush(guest, 1, (struct vgpu_rect){1, 2, 3, 4});
	CU_ASSERT_EQUAL(vgpu_frame_capture(&frame, guest->device, 0), 0);
	struct vgpu_frame_hash hash = vgpu_frame_hash(&frame);
	finish(&recording);

	uint64_t number = next_command(&recording, VIRTIO_GPU_CMD_RESOURCE_FLUSH)->number;
	CU_ASSERT_EQUAL_FATAL(vgpu_trace_reader_next(recording.reader, &recording.record, NULL), 1);
	const struct vgpu_trace_frame *found = &recording.record.frame;
	CU_ASSERT_EQUAL_FATAL(recording.record.type, VGPU_TRACE_FRAME);
	CU_ASSERT_EQUAL(found->number, 0);
	CU_ASSERT_EQUAL(found->request, number);
	CU_ASSERT(found->width == 16 && found->height == 8);
	CU_ASSERT(found->damage.x == 1 && found->damage.y == 2 && found->damage.width == 3 &&
		  found->damage.height == 4);
	CU_ASSERT_TRUE(vgpu_frame_hash_equal(&found->hash, &hash));
	const struct vgpu_trace_end *end = &next(&recording, VGPU_TRACE_END)->end;
	CU_ASSERT_EQUAL(end->frames, 1);
	vgpu_frame_fini(&frame);
	stop(&recording);
}

static void records_output_changes_and_resets(void)
{
	struct recording recording;
	struct vgpu_output output = {{0, 0, 1920, 1080}, true};

	start(&recording);
	guest_show(&recording.guest, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 8, 8);
	vgpu_device_set_output(recording.guest.device, 1, &output, true);
	vgpu_device_reset(recording.guest.device);
	finish(&recording);
	next_command(&recording, VIRTIO_GPU_CMD_SET_SCANOUT);
	CU_ASSERT_EQUAL(next(&recording, VGPU_TRACE_OUTPUTS)->outputs.outputs[1].rect.width, 1920);
	next(&recording, VGPU_TRACE_RESET);
	stop(&recording);
}

/*
 * A flush reads what each scanout shows of a blob: sixteen times all that the guest
 * may have.
 */
static void more_than_a_trace_can_hold_is_not_put_together(void)
{
	const uint32_t len = 200u << 20;
	const struct virtio_gpu_resource_flush flush = {
		.hdr.type = htole32(VIRTIO_GPU_CMD_RESOURCE_FLUSH)};
	struct recording recording;

	start(&recording);
	void *pixels =
		mmap(NULL, len, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CU_ASSERT_PTR_NOT_EQUAL_FATAL(pixels, MAP_FAILED);
	const struct vgpu_guest_read reads[] = {{GUEST_RAM, len, pixels}, {0, len, pixels}};
	const struct vgpu_request_event event = {.indirect_at = -1,
						 .request = &flush,
						 .request_len = sizeof(flush),
						 .reads = reads,
						 .num_reads = 2};
	const struct vgpu_device *device = recording.guest.device;
	long live = allocation_live();
	device->observer->request(device->observer_opaque, &event);
	/* The list of what was read, and no copy of it. */
	CU_ASSERT_EQUAL(allocation_live() - live, 1);
	munmap(pixels, len);
	finish(&recording);
	const struct vgpu_trace_request *request =
		next_command(&recording, VIRTIO_GPU_CMD_RESOURCE_FLUSH);
	CU_ASSERT_TRUE(request->dropped);
	CU_ASSERT_EQUAL(request->num_segments, 2);
	stop(&recording);
}

/* A request whose header is in the ring's table, in the rest of which are this many buffers. */
static int64_t offer_long_chain(struct guest *guest, uint32_t num)
{
	struct virtio_gpu_ctrl_hdr *request = (void *)(guest->ram + GUEST_REQUEST);
	struct vring_desc *table = (void *)(guest->ram + GUEST_PIXELS);

	*request = (struct virtio_gpu_ctrl_hdr){.type = htole32(VIRTIO_GPU_CMD_GET_DISPLAY_INFO)};
	for (uint32_t i = 0; i < num; i++)
		table[i] =
			(struct vring_desc){.addr = htole64(GUEST_RAM + GUEST_RESPONSE),
					    .len = htole32(1),
					    .flags = htole16(VRING_DESC_F_WRITE |
							     (i + 1 < num ? VRING_DESC_F_NEXT : 0)),
					    .next = htole16((uint16_t)(i + 1))};
	guest_set_desc(guest, 0, 0, GUEST_RAM + GUEST_REQUEST, sizeof(*request), VRING_DESC_F_NEXT,
		       1);
	guest_set_desc(guest, 0, 1, GUEST_RAM + GUEST_PIXELS, num * (uint32_t)sizeof(*table),
		       VRING_DESC_F_INDIRECT, 0);
	return guest_offer(guest, 0, 0);
}

static void no_chain_is_too_long_for_a_trace(void)
{
	const struct vgpu_replay_options options = {
		.target = "builtin", .no_golden = true, .last_frame = UINT64_MAX};
	struct vgpu_replay_result result;
	struct recording recording;

	start(&recording);
	CU_ASSERT_EQUAL(offer_long_chain(&recording.guest, 65535), 408);
	/* One more than a trace takes: no driver means that, and no recording ends for it. */
	CU_ASSERT_EQUAL(offer_long_chain(&recording.guest, 65536), -1);
	CU_ASSERT_TRUE(vgpu_device_needs_reset(recording.guest.device));
	guest_init_device(&recording.guest, GUEST_FEATURES);
	guest_show(&recording.guest, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 8, 8);
	finish(&recording);
	CU_ASSERT_EQUAL(next_command(&recording, VIRTIO_GPU_CMD_GET_DISPLAY_INFO)->num_descs,
			65536);
	next_command(&recording, VIRTIO_GPU_CMD_SET_SCANOUT);
	vgpu_replay(recording.path, &options, &result);
	CU_ASSERT_EQUAL(result.status, VGPU_REPLAY_EQUAL);
	CU_ASSERT_EQUAL(result.requests_equal, result.requests);
	vgpu_replay_result_fini(&result);
	stop(&recording);
}

/* What was true when the recorder gave way; only in the thread that looks. */
static _Thread_local struct {
	struct recording *recording; /* that is looked at, or NULL */
	unsigned int count;
	uint16_t answered;
	uint64_t recorded;
} gave_way;

/* The linker leads calls of sched_yield() here (--wrap); the names are the linker's. */
/* NOLINTBEGIN(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */
int __real_sched_yield(void);
int __wrap_sched_yield(void);

int __wrap_sched_yield(void)
{
	struct recording *recording = gave_way.recording;

	if (recording != NULL) {
		gave_way.count++;
		gave_way.answered = le16toh(recording->guest.used[0]->idx);
		gave_way.recorded = vgpu_trace_writer_stats(recording->writer).requests;
	}
	return __real_sched_yield();
}
/* NOLINTEND(bugprone-reserved-identifier,cert-dcl37-c,cert-dcl51-cpp) */

static void gives_way_between_an_answer_and_a_long_copy(void)
{
	const struct vgpu_rect all = {0, 0, 256, 128}, part = {0, 0, 16, 16};
	struct recording recording;

	start(&recording);
	struct guest *guest = &recording.guest;
	guest_show(guest, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, all.width, all.height);
	uint16_t answered = le16toh(guest->used[0]->idx);
	uint64_t recorded = vgpu_trace_writer_stats(recording.writer).requests;
	gave_way.recording = &recording;
	guest_transfer(guest, 1, all, 0);
	CU_ASSERT_EQUAL(gave_way.count, 1);
	CU_ASSERT_EQUAL(gave_way.answered, answered + 1);
	CU_ASSERT_EQUAL(gave_way.recorded, recorded);
	guest_transfer(guest, 1, part, 0);
	CU_ASSERT_EQUAL(gave_way.count, 1);
	/* Of what is shown a hash is taken. */
	guest_flush(guest, 1, part);
	CU_ASSERT_EQUAL(gave_way.count, 2);
	CU_ASSERT_EQUAL(gave_way.answered, answered + 3);
	CU_ASSERT_EQUAL(gave_way.recorded, recorded + 2);
	gave_way.recording = NULL;
	finish(&recording);
	stop(&recording);
}

static const struct unit_test tests[] = {
	{"no chain is too long for a trace", no_chain_is_too_long_for_a_trace},
	{"more than a trace can hold is not put together",
	 more_than_a_trace_can_hold_is_not_put_together},
	{"records the set-up", records_the_set_up},
	{"records what a transfer read", records_what_a_transfer_read},
	{"a transfer of too many pieces is recorded without its pixels",
	 transfer_of_too_many_pieces_is_recorded_without_its_pixels},
	{"records a frame per flush", records_a_frame_per_flush},
	{"records output changes and resets", records_output_changes_and_resets},
	{"gives way between an answer and a long copy",
	 gives_way_between_an_answer_and_a_long_copy},
	{NULL, NULL},
};

const struct unit_suite recorder_suite = {"recorder", tests};
