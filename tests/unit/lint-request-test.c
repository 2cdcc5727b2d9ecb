/* SPDX-License-Identifier: MIT */
/* Rules about requests: messages, fences, resources, pictures, cursors, blobs. */
#include "lint-driver.h"

#include <endian.h>
#include <linux/virtio_ring.h>
#include <string.h>

#define EDGE  DRIVE_EDGE
#define BYTES (EDGE * EDGE * 4)

static const struct vgpu_rect whole = {0, 0, EDGE, EDGE}, corner = {32, 32, 16, 16},
			      outside = {56, 56, 16, 16}, empty = {0, 0, 0, 16};

/* ---- messages ---- */

static void short_request(struct drive *drive, bool wrong)
{
	const struct virtio_gpu_resource_unref request = {
		.hdr = drive_header(VIRTIO_GPU_CMD_RESOURCE_UNREF), .resource_id = htole32(1)};

	drive_begin(drive);
	drive_resource(drive);
	drive_detach(drive, 1);
	drive->answer = wrong ? VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER : 0;
	drive_send(drive, &request, wrong ? sizeof(request) - 4 : sizeof(request));
}

static void long_request(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive->readable = wrong ? 4096 : 0;
	drive_resource(drive);
}

static void padding(struct drive *drive, bool wrong)
{
	struct virtio_gpu_mem_entry entry = {.addr = htole64(0x1000), .length = htole32(BYTES)};

	entry.padding = wrong;
	drive_begin(drive);
	drive_create(drive, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, EDGE);
	drive_attach(drive, 1, &entry, 1);
}

static void little_room(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive->writable = wrong ? 407 : 408;
	drive_ask(drive, VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
}

static void unknown_command(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive->answer = wrong ? VIRTIO_GPU_RESP_ERR_UNSPEC : 0;
	drive_ask(drive, wrong ? 0x10f : VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
}

static void feature_not_accepted(struct drive *drive, bool wrong)
{
	drive->accepted &= ~(uint64_t)(wrong ? 1 << VIRTIO_GPU_F_EDID : 0);
	drive_start(drive);
	drive->answer = wrong ? VIRTIO_GPU_RESP_ERR_UNSPEC : 0;
	drive_ask(drive, VIRTIO_GPU_CMD_GET_EDID);
}

static void wrong_queue(struct drive *drive, bool wrong)
{
	const struct virtio_gpu_update_cursor move = {
		.hdr = drive_header(VIRTIO_GPU_CMD_MOVE_CURSOR)};

	drive_begin(drive);
	drive->answer = wrong ? VIRTIO_GPU_RESP_ERR_UNSPEC : 0;
	drive_send_on(drive, wrong ? VGPU_QUEUE_CONTROL : VGPU_QUEUE_CURSOR, &move, sizeof(move));
}

static void unknown_flags(struct drive *drive, bool wrong)
{
	struct virtio_gpu_ctrl_hdr info = drive_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);

	info.flags = htole32(wrong ? 4 : VIRTIO_GPU_FLAG_FENCE);
	drive_begin(drive);
	drive_send(drive, &info, sizeof(info));
}

static void refused(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive->answer = wrong ? VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY : 0;
	drive_create(drive, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, EDGE);
}

/* ---- fences ---- */

static void fence_again(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_show(drive);
	drive_transfer_at(drive, 1, whole, 0, 1, 7);
	drive_transfer_at(drive, 1, whole, 0, 2, wrong ? 7 : 8);
}

static void fence_without_flag(struct drive *drive, bool wrong)
{
	struct virtio_gpu_ctrl_hdr info = drive_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);

	info.fence_id = htole64(5);
	info.flags = htole32(wrong ? 0 : VIRTIO_GPU_FLAG_FENCE);
	drive_begin(drive);
	drive_send(drive, &info, sizeof(info));
}

static void cursor_unfenced(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_cursor_picture(drive);
	if (wrong)
		drive_transfer_at(drive, 2, whole, 0, 5, 0);
	drive_cursor(drive, VIRTIO_GPU_CMD_UPDATE_CURSOR, 2, 0);
}

/* ---- resources ---- */

static void id_0(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive->answer = wrong ? VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID : 0;
	drive_create(drive, wrong ? 0 : 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, EDGE);
}

static void id_taken(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_create(drive, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, EDGE);
	if (!wrong)
		drive_unref(drive, 1);
	drive->answer = wrong ? VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID : 0;
	drive_create(drive, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, EDGE);
}

static void no_format(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive->answer = wrong ? VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER : 0;
	drive_create(drive, 1, wrong ? 5 : VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM, EDGE);
}

static void never_created(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_show(drive);
	drive->answer = wrong ? VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID : 0;
	drive_flush(drive, wrong ? 9 : 1, whole);
}

static void after_unref(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_create(drive, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, EDGE);
	if (wrong)
		drive_unref(drive, 1);
	drive->answer = wrong ? VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID : 0;
	drive_back(drive, 1, BYTES);
}

static void unref_twice(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_create(drive, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, EDGE);
	drive_unref(drive, 1);
	if (!wrong)
		drive_create(drive, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, EDGE);
	drive->answer = wrong ? VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID : 0;
	drive_unref(drive, 1);
}

static void left_behind(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_create(drive, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, EDGE);
	if (!wrong)
		drive_unref(drive, 1);
	drive_reset(drive);
	drive_begin(drive);
	/* What ends with the recording was not left by the driver. */
	drive_create(drive, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, EDGE);
	drive_reset(drive);
}

static void forgotten(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	for (uint32_t id = 1; id <= LINT_IDLE_MANY; id++)
		drive_create(drive, id, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, EDGE);
	/* One that is shown is not forgotten. */
	if (!wrong)
		drive_scanout(drive, 0, 1, whole);
	for (int i = 0; i <= LINT_IDLE_REQUESTS; i++)
		drive_ask(drive, VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
}

/* ---- backing ---- */

static void attach_twice(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_resource(drive);
	if (!wrong)
		drive_detach(drive, 1);
	drive->answer = wrong ? VIRTIO_GPU_RESP_ERR_UNSPEC : 0;
	drive_back(drive, 1, BYTES);
}

static void short_backing(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_create(drive, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, EDGE);
	drive_back(drive, 1, wrong ? BYTES - 1 : BYTES);
}

static void two_entries(struct drive *drive, uint64_t second, uint32_t len)
{
	const struct virtio_gpu_mem_entry entries[] = {
		{.addr = htole64(0x100000), .length = htole32(BYTES)},
		{.addr = htole64(second), .length = htole32(len)},
	};

	drive_begin(drive);
	drive_create(drive, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, EDGE);
	drive_attach(drive, 1, entries, 2);
}

static void empty_entry(struct drive *drive, bool wrong)
{
	drive->answer = 0;
	two_entries(drive, 0x900000, wrong ? 0 : 1);
}

static void overlap(struct drive *drive, bool wrong)
{
	/* In front of the first one, too. */
	two_entries(drive, wrong ? 0xff800 : 0xff000, 0x900);
}

static void joinable(struct drive *drive, bool wrong)
{
	two_entries(drive, 0x100000 + BYTES + (wrong ? 0 : 4096), 4096);
}

static void unref_attached(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_resource(drive);
	if (!wrong)
		drive_detach(drive, 1);
	drive_unref(drive, 1);
}

static void detach_twice(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_resource(drive);
	drive_detach(drive, 1);
	if (!wrong)
		drive_back(drive, 1, BYTES);
	drive_detach(drive, 1);
}

/* ---- transfers ---- */

static void transfer_without_backing(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_create(drive, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, EDGE);
	if (!wrong)
		drive_back(drive, 1, BYTES);
	drive->answer = wrong ? VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID : 0;
	drive_transfer(drive, 1, whole, EDGE, 1);
}

static void transfer_outside(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_resource(drive);
	drive->answer = wrong ? VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER : 0;
	drive_transfer(drive, 1, wrong ? outside : corner, EDGE, 1);
}

static void transfer_beyond(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_resource(drive);
	/* The last byte is that of the last pixel. */
	drive_transfer_at(drive, 1, drive_rect(48, 48, 16, 16), (48 * EDGE + 48) * 4 + wrong, 1, 0);
}

static void offset_of_nothing(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_resource(drive);
	if (wrong) {
		drive_transfer_at(drive, 1, corner, 0, 1, 0);
		return;
	}
	drive_transfer(drive, 1, corner, EDGE, 1);
	/* Two pictures in one backing. */
	drive_detach(drive, 1);
	drive_back(drive, 1, 2 * BYTES);
	drive_transfer_at(drive, 1, whole, BYTES, 1, 0);
}

/* 1 MiB and a bit, all of it twice; or only what has changed. */
static void waste(struct drive *drive, bool wrong)
{
	const struct vgpu_rect all = {0, 0, 544, 544}, part = {100, 200, 8, 8};

	drive_begin(drive);
	drive_create(drive, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 544);
	drive_back(drive, 1, 544 * 544 * 4);
	drive_transfer(drive, 1, all, 544, 1);
	for (uint32_t i = 0; i < 3; i++)
		drive_transfer(drive, 1, wrong ? all : part, 544, wrong ? 1 : 2 + i);
}

static void not_flushed(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_show(drive);
	drive_transfer(drive, 1, whole, EDGE, 1);
	if (!wrong)
		drive_flush(drive, 1, whole);
	for (int i = 0; i <= LINT_REQUESTS_LATER; i++)
		drive_ask(drive, VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
}

static void empty_transfer(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_resource(drive);
	drive_transfer(drive, 1, wrong ? empty : corner, EDGE, 1);
}

/* ---- flushes ---- */

static void flush_again(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_show(drive);
	drive_transfer(drive, 1, whole, EDGE, 1);
	/* In two parts, which is no repetition. */
	drive_flush(drive, 1, drive_rect(0, 0, EDGE, 32));
	drive_flush(drive, 1, drive_rect(0, wrong ? 16 : 32, EDGE, wrong ? 16 : 32));
}

static void flush_unseen(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_resource(drive);
	if (!wrong)
		drive_scanout(drive, 0, 1, whole);
	drive_frame(drive, 1);
}

static void flush_outside(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_show(drive);
	drive_transfer(drive, 1, corner, EDGE, 1);
	drive->answer = wrong ? VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER : 0;
	drive_flush(drive, 1, wrong ? outside : corner);
}

static void flush_beside(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_resource(drive);
	drive_scanout(drive, 0, 1, drive_rect(0, 0, 32, wrong ? 32 : 33));
	drive_transfer(drive, 1, drive_rect(0, 32, EDGE, 16), EDGE, 1);
	drive_flush(drive, 1, drive_rect(0, 32, EDGE, 16));
}

static void flush_too_much(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_show(drive);
	for (uint32_t i = 0; i < LINT_FLUSHES_MANY; i++) {
		drive_transfer(drive, 1, corner, EDGE, i);
		drive_flush(drive, 1, wrong ? whole : corner);
	}
}

/* ---- scanouts ---- */

static void no_scanout(struct drive *drive, bool wrong)
{
	drive->outputs = 2;
	drive_begin(drive);
	drive_resource(drive);
	drive->answer = wrong ? VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID : 0;
	drive_scanout(drive, wrong ? 2 : 1, 1, whole);
}

static void scanout_outside(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_resource(drive);
	drive->answer = wrong ? VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER : 0;
	drive_scanout(drive, 0, 1, wrong ? outside : corner);
}

static void scanout_small(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_resource(drive);
	drive_scanout(drive, 0, 1, drive_rect(0, 0, wrong ? 15 : 16, 16));
}

static void scanout_again(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_show(drive);
	drive_scanout(drive, 0, 1, wrong ? whole : corner);
}

static void no_alpha(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_create(drive, 1, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, EDGE);
	drive_back(drive, 1, BYTES);
	drive_scanout(drive, 0, 1, whole);
	drive_frame(drive, wrong ? 0x00123456 : 0xff123456);
}

static void unref_shown(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_show(drive);
	drive_detach(drive, 1);
	if (!wrong)
		drive_scanout(drive, 0, 0, empty);
	drive_unref(drive, 1);
}

/* ---- cursor ---- */

static void cursor_of(struct drive *drive, uint32_t format, uint32_t edge)
{
	drive_begin(drive);
	drive_create(drive, 2, format, edge);
	drive_back(drive, 2, edge * edge * 4);
	drive_transfer_at(drive, 2, drive_rect(0, 0, edge, edge), 0, 0xff00ff00, 3);
	drive->answer = 0;
	drive_cursor(drive, VIRTIO_GPU_CMD_UPDATE_CURSOR, 2, 0);
}

static void cursor_size(struct drive *drive, bool wrong)
{
	cursor_of(drive, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, wrong ? 32 : 64);
}

static void cursor_format(struct drive *drive, bool wrong)
{
	cursor_of(drive,
		  wrong ? VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM : VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 64);
}

static void update_to_move(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_cursor_picture(drive);
	drive_cursor(drive, VIRTIO_GPU_CMD_UPDATE_CURSOR, 2, 0);
	drive_cursor(drive, wrong ? VIRTIO_GPU_CMD_UPDATE_CURSOR : VIRTIO_GPU_CMD_MOVE_CURSOR, 2,
		     0);
	/* Another hot spot, another picture, and after hiding it: all need an update. */
	drive_cursor(drive, VIRTIO_GPU_CMD_UPDATE_CURSOR, 2, 1);
	drive_transfer_at(drive, 2, whole, 0, 0xff0000ff, drive->number + 1);
	drive_cursor(drive, VIRTIO_GPU_CMD_UPDATE_CURSOR, 2, 1);
	drive_cursor(drive, VIRTIO_GPU_CMD_UPDATE_CURSOR, 0, 1);
	drive_cursor(drive, VIRTIO_GPU_CMD_UPDATE_CURSOR, 2, 1);
}

static void cursor_without_picture(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	if (!wrong) {
		drive_cursor_picture(drive);
	} else {
		drive_create(drive, 2, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, VGPU_CURSOR_SIZE);
		drive_back(drive, 2, BYTES);
	}
	drive_cursor(drive, VIRTIO_GPU_CMD_UPDATE_CURSOR, 2, 0);
}

static void hot_spot(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_cursor_picture(drive);
	drive_cursor(drive, VIRTIO_GPU_CMD_UPDATE_CURSOR, 2, wrong ? 64 : 63);
}

static void room_on_cursor_queue(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive->writable = wrong ? 24 : 0;
	drive_cursor(drive, VIRTIO_GPU_CMD_MOVE_CURSOR, 0, 0);
}

/* ---- blobs ---- */

static void create_blob(struct drive *drive, uint32_t memory, uint32_t backed)
{
	struct {
		struct virtio_gpu_resource_create_blob request;
		struct virtio_gpu_mem_entry entry;
	} message = {
		.request = {.hdr = drive_header(VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB),
			    .resource_id = htole32(7),
			    .blob_mem = htole32(memory),
			    .blob_flags = htole32(VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE),
			    .nr_entries = htole32(1),
			    .size = htole64(BYTES)},
		.entry = {.addr = htole64(0x100000), .length = htole32(backed)},
	};

	drive->offered |= 1 << VIRTIO_GPU_F_RESOURCE_BLOB;
	drive->accepted |= 1 << VIRTIO_GPU_F_RESOURCE_BLOB;
	drive_begin(drive);
	drive->answer =
		memory == VIRTIO_GPU_BLOB_MEM_GUEST ? 0 : VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	drive_send(drive, &message, sizeof(message));
}

static void blob_memory(struct drive *drive, bool wrong)
{
	create_blob(drive, wrong ? VIRTIO_GPU_BLOB_MEM_HOST3D : VIRTIO_GPU_BLOB_MEM_GUEST, BYTES);
}

static void short_blob(struct drive *drive, bool wrong)
{
	create_blob(drive, VIRTIO_GPU_BLOB_MEM_GUEST, wrong ? BYTES - 1 : BYTES);
}

/* A blob needs no transfer: it is flushed again and again, and unref'd as it is. */
static void blob_scanout(struct drive *drive, bool wrong)
{
	struct virtio_gpu_set_scanout_blob request = {
		.hdr = drive_header(VIRTIO_GPU_CMD_SET_SCANOUT_BLOB),
		.r = {.width = htole32(EDGE), .height = htole32(EDGE)},
		.resource_id = htole32(7),
		.width = htole32(EDGE),
		.height = htole32(EDGE),
		.format = htole32(VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM),
		.strides = {htole32(EDGE * 4)},
		.offsets = {htole32(wrong ? 4 : 0)},
	};

	create_blob(drive, VIRTIO_GPU_BLOB_MEM_GUEST, BYTES);
	drive->answer = wrong ? VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER : 0;
	drive_send(drive, &request, sizeof(request));
	if (wrong)
		return;
	for (int i = 0; i <= LINT_REQUESTS_LATER; i++)
		drive_flush(drive, 7, whole);
	drive_scanout(drive, 0, 0, empty);
	drive_detach(drive, 7);
	drive_unref(drive, 7);
}

const struct lint_case lint_request_cases[] = {
	{MSG_001, short_request},
	{MSG_002, long_request},
	{MSG_003, padding},
	{MSG_004, little_room},
	{MSG_005, unknown_command},
	{MSG_006, feature_not_accepted},
	{MSG_007, wrong_queue},
	{MSG_008, unknown_flags},
	{MSG_009, refused},
	{FEN_001, fence_again},
	{FEN_002, fence_without_flag},
	{FEN_003, cursor_unfenced},
	{RES_001, id_0},
	{RES_002, id_taken},
	{RES_003, no_format},
	{RES_004, never_created},
	{RES_005, after_unref},
	{RES_006, unref_twice},
	{RES_007, left_behind},
	{RES_008, forgotten},
	{BAK_001, attach_twice},
	{BAK_002, short_backing},
	{BAK_003, empty_entry},
	{BAK_004, overlap},
	{BAK_005, joinable},
	{BAK_006, unref_attached},
	{BAK_007, detach_twice},
	{XFR_001, transfer_without_backing},
	{XFR_002, transfer_outside},
	{XFR_003, transfer_beyond},
	{XFR_004, offset_of_nothing},
	{XFR_005, waste},
	{XFR_006, not_flushed},
	{XFR_007, empty_transfer},
	{FLS_001, flush_again},
	{FLS_002, flush_unseen},
	{FLS_003, flush_outside},
	{FLS_004, flush_beside},
	{FLS_005, flush_too_much},
	{SCN_001, no_scanout},
	{SCN_002, scanout_outside},
	{SCN_003, scanout_small},
	{SCN_004, scanout_again},
	{SCN_005, no_alpha},
	{SCN_006, unref_shown},
	{CUR_001, cursor_size},
	{CUR_002, cursor_format},
	{CUR_003, update_to_move},
	{CUR_004, cursor_without_picture},
	{CUR_005, hot_spot},
	{CUR_006, room_on_cursor_queue},
	{BLB_001, blob_memory},
	{BAK_002, short_blob},
	{BLB_002, blob_scanout},
};

const size_t lint_num_request_cases = sizeof(lint_request_cases) / sizeof(lint_request_cases[0]);
