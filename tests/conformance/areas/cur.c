/* SPDX-License-Identifier: MIT */
/* VG-CUR: the cursor queue. */
#include "conformance/vocabulary/command.h"

#include <endian.h>
#include <string.h>

extern const struct vector cur_vectors[];

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Answered with a header, or with nothing at all: devices do either. */
static void expect_taken(struct rig *t, struct reply reply)
{
	if (!check(t, reply.answered, "%s: no answer", reply.name))
		return;
	if (reply.used_len > 0)
		expect_ok(t, reply);
}

/* An error, or nothing: what was wrong was not done. */
static void expect_refused(struct rig *t, struct reply reply, uint32_t code)
{
	if (!check(t, reply.answered, "%s: no answer", reply.name) || reply.used_len == 0)
		return;
	expect_either(t, reply, code);
}

static struct resource cursor_picture(struct rig *t, uint32_t format, uint32_t seed)
{
	struct resource r = resource_2d(t, 64, 64, format);

	upload(t, &r, pattern(t, 64, 64, seed));
	return r;
}

static void expect_picture(struct rig *t, uint32_t scanout, uint32_t seed)
{
	struct vgpu_cursor cursor = cursor_of(t, scanout);
	const struct picture *p = pattern(t, 64, 64, seed);

	for (unsigned int i = 0; i < 64 * 64; i++)
		if (!check(t, (cursor.pixels[i] & 0xffffff) == p->rgb[i],
			   "pixel %u of the cursor is #%06x, expected #%06x", i,
			   cursor.pixels[i] & 0xffffff, p->rgb[i]))
			return;
}

static void expect_at(struct rig *t, uint32_t scanout, uint32_t x, uint32_t y)
{
	struct vgpu_cursor cursor = cursor_of(t, scanout);

	check(t, cursor.visible, "the cursor is not visible");
	check(t, cursor.x == x && cursor.y == y, "the cursor is at (%u, %u), expected (%u, %u)",
	      cursor.x, cursor.y, x, y);
}

static void comes_back(struct rig *t)
{
	expect_returned(t, update_cursor(t, 0, 1, 2, 0, 0, 0));
	expect_returned(t, move_cursor(t, 0, 3, 4, 0, 0, 0));
}

static void response(struct rig *t)
{
	struct resource r = cursor_picture(t, B8G8R8A8, 1);

	expect_taken(t, update_cursor(t, 0, 1, 2, r.id, 0, 0));
	expect_taken(t, move_cursor(t, 0, 3, 4, r.id, 0, 0));
}

static void without_response(struct rig *t)
{
	struct virtio_gpu_update_cursor request = {
		.hdr = header(VIRTIO_GPU_CMD_MOVE_CURSOR),
	};
	struct reply reply = submit(t, CURSOR, &request, sizeof(request), 0);

	expect_returned(t, reply);
	check(t, reply.used_len == 0, "%u bytes written to nothing", reply.used_len);
}

static void update(struct rig *t)
{
	struct resource r = cursor_picture(t, B8G8R8A8, 2);

	expect_taken(t, update_cursor(t, 0, 10, 20, r.id, 3, 4));
	expect_at(t, 0, 10, 20);
	expect_picture(t, 0, 2);
	struct vgpu_cursor cursor = cursor_of(t, 0);
	check(t, cursor.hot_x == 3 && cursor.hot_y == 4, "the hot spot is (%u, %u)", cursor.hot_x,
	      cursor.hot_y);
}

static void move(struct rig *t)
{
	struct resource r = cursor_picture(t, B8G8R8A8, 3);

	expect_taken(t, update_cursor(t, 0, 10, 20, r.id, 3, 4));
	expect_taken(t, move_cursor(t, 0, 30, 40, r.id, 3, 4));
	expect_at(t, 0, 30, 40);
	expect_picture(t, 0, 3);
}

static void move_ignores(struct rig *t)
{
	static const uint32_t ids[] = {0, 999};
	struct resource r = cursor_picture(t, B8G8R8A8, 4);

	expect_taken(t, update_cursor(t, 0, 10, 20, r.id, 3, 4));
	for (uint32_t i = 0; i < COUNT(ids); i++) {
		expect_taken(t, move_cursor(t, 0, 30 + i, 40, ids[i], 50, 60));
		expect_at(t, 0, 30 + i, 40);
		expect_picture(t, 0, 4);
		struct vgpu_cursor cursor = cursor_of(t, 0);
		check(t, cursor.hot_x == 3 && cursor.hot_y == 4, "the hot spot is (%u, %u)",
		      cursor.hot_x, cursor.hot_y);
	}
}

static void hide(struct rig *t)
{
	struct resource r = cursor_picture(t, B8G8R8A8, 5);

	expect_taken(t, update_cursor(t, 0, 10, 20, r.id, 0, 0));
	expect_taken(t, update_cursor(t, 0, 11, 21, 0, 0, 0));
	check(t, !cursor_of(t, 0).visible, "the cursor is visible");
}

static void unknown_resource(struct rig *t)
{
	struct resource r = cursor_picture(t, B8G8R8A8, 6);

	expect_taken(t, update_cursor(t, 0, 10, 20, r.id, 0, 0));
	expect_refused(t, update_cursor(t, 0, 10, 20, 77, 0, 0),
		       VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_picture(t, 0, 6);
}

static void other_sizes(struct rig *t)
{
	static const struct {
		uint32_t width, height;
	} sizes[] = {{32, 32}, {128, 128}, {64, 63}, {63, 64}};
	struct resource r = cursor_picture(t, B8G8R8A8, 7);

	expect_taken(t, update_cursor(t, 0, 10, 20, r.id, 0, 0));
	for (unsigned int i = 0; i < COUNT(sizes); i++) {
		struct resource other = resource_2d(t, sizes[i].width, sizes[i].height, B8G8R8A8);

		expect_refused(t, update_cursor(t, 0, 10, 20, other.id, 0, 0),
			       VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
		expect_picture(t, 0, 7);
	}
}

static void invalid_scanout(struct rig *t)
{
	const uint32_t ids[] = {num_scanouts(t), 16, 0xffffffff};
	struct resource r = cursor_picture(t, B8G8R8A8, 8);

	for (unsigned int i = 0; i < COUNT(ids); i++)
		expect_refused(t, update_cursor(t, ids[i], 10, 20, r.id, 0, 0),
			       VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
}

static void any_position(struct rig *t)
{
	struct resource r = cursor_picture(t, B8G8R8A8, 9);

	expect_returned(t, update_cursor(t, 0, 0xffffffff, 0xffffffff, r.id, 0, 0));
	expect_returned(t, move_cursor(t, 0, 0x80000000, 0x7fffffff, r.id, 0, 0));
}

static void any_hot_spot(struct rig *t)
{
	struct resource r = cursor_picture(t, B8G8R8A8, 10);

	expect_returned(t, update_cursor(t, 0, 1, 1, r.id, 64, 64));
	expect_returned(t, update_cursor(t, 0, 1, 1, r.id, 0xffffffff, 0xffffffff));
}

static void sampled_at_update(struct rig *t)
{
	struct resource r = cursor_picture(t, B8G8R8A8, 11);

	expect_taken(t, update_cursor(t, 0, 10, 20, r.id, 0, 0));
	upload(t, &r, pattern(t, 64, 64, 12));
	expect_taken(t, move_cursor(t, 0, 11, 21, r.id, 0, 0));
	expect_picture(t, 0, 11);
}

static void other_command(struct rig *t)
{
	struct virtio_gpu_ctrl_hdr request = header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);

	expect_refused(t, submit(t, CURSOR, &request, sizeof(request), 408),
		       VIRTIO_GPU_RESP_ERR_UNSPEC);
}

static void short_command(struct rig *t)
{
	static const uint32_t lens[] = {24, 55};
	struct virtio_gpu_update_cursor request = {
		.hdr = header(VIRTIO_GPU_CMD_UPDATE_CURSOR),
	};

	for (unsigned int i = 0; i < COUNT(lens); i++)
		expect_refused(t, submit(t, CURSOR, &request, lens[i], 24),
			       VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
}

static void fence(struct rig *t)
{
	struct virtio_gpu_update_cursor request = {
		.hdr = fenced(VIRTIO_GPU_CMD_MOVE_CURSOR, 0x55),
	};
	struct reply reply = submit_struct(t, &request, sizeof(request));

	expect_returned(t, reply);
	if (reply.used_len > 0)
		check(t,
		      (reply.hdr.flags & VIRTIO_GPU_FLAG_FENCE) != 0 && reply.hdr.fence_id == 0x55,
		      "flags are 0x%x", reply.hdr.flags);
}

static void one_for_each_scanout(struct rig *t)
{
	struct resource a = cursor_picture(t, B8G8R8A8, 13), b = cursor_picture(t, B8G8R8A8, 14);

	expect_taken(t, update_cursor(t, 0, 10, 20, a.id, 0, 0));
	expect_taken(t, update_cursor(t, 1, 30, 40, b.id, 0, 0));
	expect_at(t, 0, 10, 20);
	expect_picture(t, 0, 13);
	expect_at(t, 1, 30, 40);
	expect_picture(t, 1, 14);
	expect_taken(t, move_cursor(t, 1, 31, 41, b.id, 0, 0));
	expect_at(t, 0, 10, 20);
	expect_at(t, 1, 31, 41);
}

static void reset_hides(struct rig *t)
{
	struct resource r = cursor_picture(t, B8G8R8A8, 15);

	expect_taken(t, update_cursor(t, 0, 10, 20, r.id, 0, 0));
	make_ready(t);
	prefer(t, !cursor_of(t, 0).visible, "the cursor is visible after a reset");
}

const struct vector cur_vectors[] = {
	VECTOR("VG-CUR-001", "commands of 56 bytes come back", comes_back),
	VECTOR("VG-CUR-002", "a response is OK_NODATA, or nothing", response),
	VECTOR("VG-CUR-003", "a command without room for an answer is fine", without_response),
	VECTOR("VG-CUR-004", "UPDATE sets picture, hot spot and position", update,
	       .needs = NEED_CURSOR),
	VECTOR("VG-CUR-005", "MOVE sets the position", move, .needs = NEED_CURSOR),
	VECTOR("VG-CUR-006", "MOVE ignores resource and hot spot", move_ignores,
	       .needs = NEED_CURSOR),
	VECTOR("VG-CUR-007", "UPDATE with resource_id 0 hides the cursor", hide,
	       .needs = NEED_CURSOR),
	VECTOR("VG-CUR-008", "UPDATE with an unknown resource leaves the picture", unknown_resource,
	       .needs = NEED_CURSOR),
	VECTOR("VG-CUR-009", "a picture that is not 64x64 is not taken", other_sizes,
	       .needs = NEED_CURSOR),
	VECTOR("VG-CUR-012", "a scanout that the device does not have does no harm",
	       invalid_scanout),
	VECTOR("VG-CUR-013", "any position does no harm", any_position),
	VECTOR("VG-CUR-014", "any hot spot does no harm", any_hot_spot),
	VECTOR("VG-CUR-015", "the picture is that of the UPDATE", sampled_at_update,
	       .needs = NEED_CURSOR),
	VECTOR("VG-CUR-017", "another command on the cursor queue comes back", other_command),
	VECTOR("VG-CUR-018", "a command that is cut short comes back", short_command),
	VECTOR("VG-CUR-019", "a response has the fence", fence),
	VECTOR("VG-CUR-020", "each scanout has its own cursor", one_for_each_scanout,
	       .needs = NEED_CURSOR, .scanouts = 2),
	VECTOR("VG-CUR-022", "a reset hides the cursor", reset_hides, .needs = NEED_CURSOR),
	{0},
};
