/* SPDX-License-Identifier: MIT */
/* Where rules begin and end: the last thing that is right, and the first that is wrong. */
#include "lint-driver.h"

#include <endian.h>
#include <linux/virtio_config.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>

#define BIT(n) (1ull << (n))

/* What the kernel's headers may lack. */
#define RING_RESET  40
#define QUEUE_RESET 0x0c0

#define EDGE  DRIVE_EDGE
#define BYTES (EDGE * EDGE * 4)

static const struct vgpu_rect whole = {0, 0, EDGE, EDGE};

/* ---- set-up ---- */

static void two_requests(struct drive *drive, bool wrong)
{
	drive->accepted &= ~BIT(VIRTIO_RING_F_INDIRECT_DESC);
	drive->size = wrong ? 2 : 4;
	drive_begin(drive);
}

static void largest_queue(struct drive *drive, bool wrong)
{
	drive->size = wrong ? 2 * VGPU_QUEUE_SIZE_MAX : VGPU_QUEUE_SIZE_MAX;
	drive_registers_without(drive, DRIVE_ALL);
}

static void empty_queue(struct drive *drive, bool wrong)
{
	drive->size = wrong ? 0 : 1;
	drive_registers_without(drive, DRIVE_ALL);
}

/* Only split rings have a power of two. */
static void packed_queue(struct drive *drive, bool wrong)
{
	drive->size = 48;
	drive->offered |= BIT(VIRTIO_F_RING_PACKED);
	if (!wrong)
		drive->accepted |= BIT(VIRTIO_F_RING_PACKED);
	drive_registers_without(drive, DRIVE_ALL);
}

/* A queue that was reset is not ready, so all of it may be written again. */
static void queue_after_its_reset(struct drive *drive, bool wrong)
{
	drive->offered |= BIT(RING_RESET);
	drive->accepted |= BIT(RING_RESET);
	drive_registers_without(drive, DRIVE_ALL);
	drive_write(drive, VIRTIO_MMIO_QUEUE_SEL, 0);
	if (!wrong)
		drive_write(drive, QUEUE_RESET, 1);
	drive_queue(drive, 0, drive->size);
}

/* And it may be longer than it was when the driver began. */
static void longer_after_its_reset(struct drive *drive, bool wrong)
{
	const struct virtio_gpu_ctrl_hdr info = drive_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	const struct vgpu_chain_desc descs[] = {
		{8, false}, {8, false}, {4, false}, {4, false}, {408, true}};

	drive->size = 4;
	drive->offered |= BIT(RING_RESET);
	drive->accepted |= BIT(RING_RESET);
	drive_registers_without(drive, DRIVE_ALL);
	drive_begin(drive);
	drive_write(drive, VIRTIO_MMIO_QUEUE_SEL, 0);
	drive_write(drive, QUEUE_RESET, 1);
	drive_queue(drive, 0, wrong ? 4 : 8);
	drive_chain(drive, (struct vgpu_trace_request){.indirect_at = -1,
						       .descs = descs,
						       .num_descs = 5,
						       .request = (const uint8_t *)&info,
						       .request_len = sizeof(info)});
}

static void half_a_probe(struct drive *drive, bool wrong)
{
	drive_read(drive, VIRTIO_MMIO_MAGIC_VALUE, 0x74726976);
	drive_read(drive, VIRTIO_MMIO_VERSION, 2);
	if (!wrong)
		drive_read(drive, VIRTIO_MMIO_DEVICE_ID, 16);
	drive_registers_without(drive, DRIVE_PROBE);
}

static void one_interrupt(struct drive *drive, bool wrong)
{
	drive_registers_without(drive, DRIVE_ALL);
	drive_start(drive);
	drive->interrupt = true;
	/* The recording may have ended before the driver got to it. */
	for (int i = 0; i < (wrong ? 2 : 1); i++)
		drive_ask(drive, VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
}

static void some_answers(struct drive *drive, bool wrong)
{
	drive->accepted &= ~(1ull << VIRTIO_RING_F_EVENT_IDX);
	drive_start(drive);
	drive->interrupt = true;
	for (int i = 0; i < LINT_ANSWERS_MANY - !wrong; i++)
		drive_ask(drive, VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
}

/* Requests that a recording which was cut off has lost had notifies, too. */
static void cut_off(struct drive *drive, bool wrong)
{
	drive_registers_without(drive, DRIVE_ALL);
	drive_begin(drive);
	for (int i = 0; i < 9; i++)
		drive_notify(drive, 0);
	if (wrong)
		drive_end(drive, VGPU_NUM_VIOLATIONS);
}

static void nothing_happened(struct drive *drive, bool wrong)
{
	drive_read(drive, VIRTIO_MMIO_CONFIG, wrong);
	drive_write(drive, VIRTIO_MMIO_CONFIG + 4, 0);
}

/* ---- messages ---- */

static void list(struct drive *drive, int more)
{
	const struct virtio_gpu_mem_entry entries[] = {
		{.addr = htole64(0x100000), .length = htole32(BYTES / 2)},
		{.addr = htole64(0x900000), .length = htole32(BYTES / 2)},
	};

	drive_begin(drive);
	drive_create(drive, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, EDGE);
	drive->readable = (uint32_t)((int)sizeof(struct virtio_gpu_resource_attach_backing) +
				     (int)sizeof(entries) + more);
	drive_attach(drive, 1, entries, 2);
}

static void short_list(struct drive *drive, bool wrong)
{
	list(drive, wrong ? -1 : 0);
}

static void long_list(struct drive *drive, bool wrong)
{
	list(drive, wrong);
}

static void scrap(struct drive *drive, bool wrong)
{
	const struct virtio_gpu_ctrl_hdr info = drive_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);

	drive_begin(drive);
	drive->answer = wrong ? VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER : 0;
	drive->writable = sizeof(struct virtio_gpu_resp_display_info);
	drive_send(drive, &info, sizeof(info) - wrong);
}

static void ring_index(struct drive *drive, bool wrong)
{
	struct virtio_gpu_ctrl_hdr info = drive_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	uint64_t features = 1 << VIRTIO_GPU_F_CONTEXT_INIT | 1 << VIRTIO_GPU_F_VIRGL;

	drive->offered |= features;
	drive->accepted |= features;
	drive_begin(drive);
	info.ring_idx = 3;
	info.flags = htole32(wrong ? 0 : VIRTIO_GPU_FLAG_INFO_RING_IDX);
	drive_send(drive, &info, sizeof(info));
}

static void ring_index_unagreed(struct drive *drive, bool wrong)
{
	struct virtio_gpu_ctrl_hdr info = drive_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);

	drive_begin(drive);
	info.flags = htole32(wrong ? VIRTIO_GPU_FLAG_INFO_RING_IDX : 0);
	drive_send(drive, &info, sizeof(info));
}

static void cursor_padding(struct drive *drive, bool wrong)
{
	struct virtio_gpu_update_cursor move = {.hdr = drive_header(VIRTIO_GPU_CMD_MOVE_CURSOR)};

	move.pos.padding = htole32(wrong);
	drive_begin(drive);
	drive_send_on(drive, VGPU_QUEUE_CURSOR, &move, sizeof(move));
}

static void room_for_a_header(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive->writable = wrong ? 23 : 24;
	drive_resource(drive);
}

/* Fences of a context's ring have a timeline of their own. */
static void timelines(struct drive *drive, bool wrong)
{
	struct virtio_gpu_ctrl_hdr info = drive_header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	uint64_t features = 1 << VIRTIO_GPU_F_CONTEXT_INIT | 1 << VIRTIO_GPU_F_VIRGL;

	drive->offered |= features;
	drive->accepted |= features;
	drive_begin(drive);
	info.fence_id = htole64(9);
	info.flags = htole32(VIRTIO_GPU_FLAG_FENCE);
	drive_send(drive, &info, sizeof(info));
	info.fence_id = htole64(8);
	if (!wrong)
		info.flags |= htole32(VIRTIO_GPU_FLAG_INFO_RING_IDX);
	drive_send(drive, &info, sizeof(info));
}

/* ---- resources ---- */

static void no_size(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive->answer = wrong ? VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER : 0;
	drive_create(drive, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, wrong ? 0 : 1);
}

/* What the device refuses to create is not there. */
static void refused_create(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive->answer = wrong ? VIRTIO_GPU_RESP_ERR_OUT_OF_MEMORY : 0;
	drive_create(drive, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, EDGE);
	drive->answer = wrong ? VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID : 0;
	drive_back(drive, 1, BYTES);
}

static void large_entries(struct drive *drive, bool wrong)
{
	/* Joined they would be longer than an entry can be. */
	uint32_t len = wrong ? 1u << 30 : 1u << 31;
	const struct virtio_gpu_mem_entry entries[] = {
		{.addr = htole64(1ull << 32), .length = htole32(len)},
		{.addr = htole64((1ull << 32) + len), .length = htole32(len)},
	};

	drive_begin(drive);
	drive_create(drive, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, EDGE);
	drive_attach(drive, 1, entries, 2);
}

static void same_entry(struct drive *drive, bool wrong)
{
	const struct virtio_gpu_mem_entry entries[] = {
		{.addr = htole64(0x100000), .length = htole32(BYTES)},
		{.addr = htole64(wrong ? 0x100000 : 0x200000), .length = htole32(BYTES)},
	};

	drive_begin(drive);
	drive_create(drive, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, EDGE);
	drive_attach(drive, 1, entries, 2);
}

/* ---- pictures ---- */

static void other_rectangle(struct drive *drive, uint32_t x, uint32_t y, uint32_t width,
			    uint32_t height)
{
	drive_begin(drive);
	drive_resource(drive);
	drive_scanout(drive, 0, 1, drive_rect(8, 8, 32, 32));
	drive_scanout(drive, 0, 1, drive_rect(x, y, width, height));
}

static void panned(struct drive *drive, bool wrong)
{
	other_rectangle(drive, wrong ? 8 : 9, 8, 32, 32);
}

static void panned_down(struct drive *drive, bool wrong)
{
	other_rectangle(drive, 8, wrong ? 8 : 9, 32, 32);
}

static void resized(struct drive *drive, bool wrong)
{
	other_rectangle(drive, 8, 8, 32, wrong ? 32 : 33);
}

static void hidden_twice(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_show(drive);
	drive_scanout(drive, 0, 0, whole);
	/* Whatever the rectangle says. */
	if (wrong)
		drive_scanout(drive, 0, 0, drive_rect(0, 0, 0, 0));
}

/* Half of what is transferred is new, or a third. */
static void half_new(struct drive *drive, bool wrong)
{
	const struct vgpu_rect all = {0, 0, 544, 544};

	drive_begin(drive);
	drive_create(drive, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 544);
	drive_back(drive, 1, 544 * 544 * 4);
	for (uint32_t i = 0; i < 4; i++)
		for (int times = 0; times < (wrong ? 3 : 2); times++)
			drive_transfer(drive, 1, all, 544, i);
}

/* A resource that nobody looks at need not be flushed. */
static void unseen_texture(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_resource(drive);
	drive_transfer(drive, 1, whole, EDGE, 1);
	if (wrong)
		drive_scanout(drive, 0, 1, whole);
	for (int i = 0; i <= LINT_REQUESTS_LATER; i++)
		drive_ask(drive, VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
}

/* The oldest counts, and there are more than are remembered. */
static void many_unflushed(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_show(drive);
	for (uint32_t i = 0; i < LINT_REQUESTS_LATER + 2u * LINT_PENDING_MAX; i++)
		drive_transfer(drive, 1, drive_rect(i, 0, 1, EDGE), EDGE, i);
	if (!wrong)
		drive_flush(drive, 1, whole);
}

/* Each is another part, and only the last one is a part again. */
static void many_flushes(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_show(drive);
	drive_transfer(drive, 1, whole, EDGE, 1);
	for (uint32_t i = 0; i < 2 * LINT_PENDING_MAX; i++)
		drive_flush(drive, 1, drive_rect(i, 0, 1, EDGE));
	drive_flush(drive, 1, drive_rect(wrong ? 3 : 2 * LINT_PENDING_MAX, 0, 1, EDGE));
}

static void no_entries(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_create(drive, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, EDGE);
	if (wrong)
		drive_attach(drive, 1, NULL, 0);
	/* Nothing was attached, so this is no second backing. */
	drive_back(drive, 1, BYTES);
}

/* A page flip shows what was there, and a flush says so. */
static void flipped(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_show(drive);
	drive_frame(drive, 1);
	drive_scanout(drive, 0, 0, whole);
	if (!wrong)
		drive_scanout(drive, 0, 1, whole);
	drive_flush(drive, 1, whole);
}

/* Alpha in one pixel is enough: such a picture is meant so. */
static void some_alpha(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_create(drive, 1, VIRTIO_GPU_FORMAT_A8R8G8B8_UNORM, EDGE);
	drive_back(drive, 1, BYTES);
	drive_scanout(drive, 0, 1, whole);
	drive_transfer(drive, 1, whole, EDGE, 0x12345600);
	drive_transfer(drive, 1, drive_rect(5, 6, 1, 1), EDGE, wrong ? 0x100 : 0x001);
	drive_flush(drive, 1, whole);
}

/* Nothing at all is black on every display. */
static void black(struct drive *drive, bool wrong)
{
	drive_begin(drive);
	drive_create(drive, 1, VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, EDGE);
	drive_back(drive, 1, BYTES);
	drive_scanout(drive, 0, 1, whole);
	drive_frame(drive, wrong ? 1 : 0);
}

const struct lint_case lint_edge_cases[] = {
	{QUE_001, two_requests},
	{QUE_002, largest_queue},
	{QUE_002, empty_queue},
	{QUE_002, packed_queue},
	{QUE_003, queue_after_its_reset},
	{QUE_004, longer_after_its_reset},
	{INI_007, half_a_probe},
	{INT_001, one_interrupt},
	{INT_004, some_answers},
	{INT_003, cut_off},
	{DSP_004, nothing_happened},
	{MSG_001, short_list},
	{MSG_002, long_list},
	{MSG_001, scrap},
	{MSG_003, ring_index},
	{MSG_003, cursor_padding},
	{MSG_008, ring_index_unagreed},
	{MSG_004, room_for_a_header},
	{FEN_001, timelines},
	{RES_003, no_size},
	{RES_004, refused_create},
	{BAK_005, large_entries},
	{BAK_004, same_entry},
	{SCN_004, panned},
	{SCN_004, panned_down},
	{SCN_004, resized},
	{SCN_004, hidden_twice},
	{XFR_005, half_new},
	{XFR_006, unseen_texture},
	{XFR_006, many_unflushed},
	{FLS_001, many_flushes},
	{BAK_003, no_entries},
	{FLS_002, flipped},
	{SCN_005, some_alpha},
	{SCN_005, black},
};

const size_t lint_num_edge_cases = sizeof(lint_edge_cases) / sizeof(lint_edge_cases[0]);
