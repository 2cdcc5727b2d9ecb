/* SPDX-License-Identifier: MIT */
/* VG-CUR: Cursor queue (UPDATE_CURSOR 0x0300, MOVE_CURSOR 0x0301). */
#include "conformance/vocabulary/command.h"

#include <endian.h>
#include <string.h>

extern const struct vector cur_vectors[];

#define SIDE   64u
#define PIXELS (SIDE * SIDE)

/* What a cursor must be. */
struct pointer {
	const uint32_t *argb; /* 0xAARRGGBB, rows from the top */
	uint32_t x, y, hot_x, hot_y;
};

/* Each pixel another color, with every alpha, or opaque. */
static const uint32_t *image(struct rig *t, uint32_t seed, bool opaque)
{
	const struct picture *p = pattern(t, SIDE, SIDE, seed);

	for (uint32_t i = 0; i < PIXELS; i++)
		p->rgb[i] |= (opaque ? 0xff : (i + seed) & 0xff) << 24;
	return p->rgb;
}

/* Fenced, as a driver has to before it uses the resource on the other queue. */
static void load(struct rig *t, const struct resource *r, const uint32_t *argb)
{
	const struct virtio_gpu_transfer_to_host_2d request = {
		.hdr = fenced(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, 1),
		.r = rect(0, 0, htole32(SIDE), htole32(SIDE)),
		.resource_id = htole32(r->id),
	};

	for (uint32_t i = 0; i < PIXELS; i++)
		encode_pixel(guest_at(t, r->gpa + 4ull * i), r->format, argb[i] & 0xffffff,
			     (uint8_t)(argb[i] >> 24));
	expect_ok(t, submit_struct(t, &request, sizeof(request)));
}

static struct resource loaded(struct rig *t, uint32_t format, const uint32_t *argb)
{
	struct resource r = resource_2d(t, SIDE, SIDE, format);

	load(t, &r, argb);
	return r;
}

/* Success, or a buffer that came back with nothing in it (VG-CUR-002). */
static void expect_done(struct rig *t, struct reply reply)
{
	if (reply.answered && reply.used_len == 0)
		return;
	expect_ok(t, reply);
}

/* An error, or a buffer that came back with nothing in it. */
static void expect_refused(struct rig *t, struct reply reply, uint32_t code)
{
	expect_returned(t, reply);
	if (reply.answered && reply.used_len == 0)
		prefer(t, false, "the request is dropped, best would be %s", vgpu_type_name(code));
	else if (reply.answered)
		expect_error(t, reply, code);
}

/* As above, and success is accepted for what is ignored. */
static void expect_refused_or_ignored(struct rig *t, struct reply reply, uint32_t code)
{
	if (!is_ok(&reply)) {
		expect_refused(t, reply, code);
		return;
	}
	expect_ok(t, reply);
	prefer(t, false, "%s: ignored, best would be %s", reply.name, vgpu_type_name(code));
}

static void update(struct rig *t, uint32_t scanout, const struct resource *r,
		   const struct pointer *p)
{
	expect_done(t, update_cursor(t, scanout, p->x, p->y, r->id, p->hot_x, p->hot_y));
}

static void expect_image(struct rig *t, const struct vgpu_cursor *cursor, const uint32_t *argb)
{
	for (uint32_t i = 0; i < PIXELS; i++)
		if (!check(t, cursor->pixels[i] == argb[i],
			   "the cursor's pixel (%u, %u) is 0x%08x, expected 0x%08x", i % SIDE,
			   i / SIDE, cursor->pixels[i], argb[i]))
			return;
}

static void expect_pointer(struct rig *t, uint32_t scanout, const struct pointer *p)
{
	if (!is_cursor_seen(t))
		return;
	const struct vgpu_cursor cursor = cursor_of(t, scanout);

	if (!check(t, cursor.visible, "the cursor of scanout %u is hidden", scanout))
		return;
	check(t, cursor.x == p->x && cursor.y == p->y,
	      "the cursor of scanout %u is at (%u, %u), expected (%u, %u)", scanout, cursor.x,
	      cursor.y, p->x, p->y);
	check(t, cursor.hot_x == p->hot_x && cursor.hot_y == p->hot_y,
	      "the hot spot is (%u, %u), expected (%u, %u)", cursor.hot_x, cursor.hot_y, p->hot_x,
	      p->hot_y);
	expect_image(t, &cursor, p->argb);
}

static bool is_transparent(const struct vgpu_cursor *cursor)
{
	for (uint32_t i = 0; i < PIXELS; i++)
		if (cursor->pixels[i] >> 24 != 0)
			return false;
	return true;
}

/* Nobody sees a cursor that is transparent either. */
static void expect_hidden(struct rig *t, uint32_t scanout)
{
	if (!is_cursor_seen(t))
		return;
	const struct vgpu_cursor cursor = cursor_of(t, scanout);

	if (check(t, !cursor.visible || is_transparent(&cursor),
		  "the cursor of scanout %u is visible", scanout))
		prefer(t, !cursor.visible, "a transparent cursor is shown, best would be none");
}

/* A cursor on scanout 0: what is there before something is tried. */
static struct pointer begin(struct rig *t, struct resource *r)
{
	const struct pointer p = {
		.argb = image(t, 1, false), .x = 10, .y = 20, .hot_x = 3, .hot_y = 4};

	*r = loaded(t, B8G8R8A8, p.argb);
	update(t, 0, r, &p);
	expect_pointer(t, 0, &p);
	return p;
}

static void comes_back(struct rig *t)
{
	struct resource r = loaded(t, B8G8R8A8, image(t, 1, false));

	expect_returned(t, update_cursor(t, 0, 10, 20, r.id, 3, 4));
	expect_returned(t, move_cursor(t, 0, 30, 40, r.id, 3, 4));
}

static void success(struct rig *t)
{
	struct resource r = loaded(t, B8G8R8A8, image(t, 1, false));
	struct reply *replies = keep(t, 2 * sizeof(*replies));

	replies[0] = update_cursor(t, 0, 10, 20, r.id, 3, 4);
	replies[1] = move_cursor(t, 0, 30, 40, 0, 0, 0);
	for (unsigned int i = 0; i < 2; i++) {
		expect_done(t, replies[i]);
		prefer(t, replies[i].used_len != 0, "%s: nothing answered, best would be %s",
		       replies[i].name, vgpu_type_name(VIRTIO_GPU_RESP_OK_NODATA));
	}
}

static struct virtio_gpu_update_cursor cursor_request(uint32_t type, uint32_t x, uint32_t y,
						      uint32_t id)
{
	return (struct virtio_gpu_update_cursor){
		.hdr = header(type),
		.pos = {.x = htole32(x), .y = htole32(y)},
		.resource_id = htole32(id),
		.hot_x = htole32(3),
		.hot_y = htole32(4),
	};
}

static void expect_silent(struct rig *t, const struct virtio_gpu_update_cursor *request)
{
	struct reply reply = submit_shaped(t, CURSOR, request, sizeof(*request), 0, "*");

	expect_returned(t, reply);
	check(t, reply.used_len == 0, "%s: %u bytes answered without room for any", reply.name,
	      reply.used_len);
}

/* The request is executed all the same. */
static void without_response(struct rig *t)
{
	struct pointer p = {.argb = image(t, 1, false), .x = 10, .y = 20, .hot_x = 3, .hot_y = 4};
	struct resource r = loaded(t, B8G8R8A8, p.argb);
	struct virtio_gpu_update_cursor request =
		cursor_request(VIRTIO_GPU_CMD_UPDATE_CURSOR, p.x, p.y, r.id);

	expect_silent(t, &request);
	expect_pointer(t, 0, &p);
	p.x = 30;
	p.y = 40;
	request = cursor_request(VIRTIO_GPU_CMD_MOVE_CURSOR, p.x, p.y, r.id);
	expect_silent(t, &request);
	expect_pointer(t, 0, &p);
}

static void picture_and_place(struct rig *t)
{
	struct resource r;

	begin(t, &r);
	const struct pointer next = {
		.argb = image(t, 2, false), .x = 500, .y = 300, .hot_x = 63, .hot_y = 0};
	load(t, &r, next.argb);
	update(t, 0, &r, &next);
	expect_pointer(t, 0, &next);
}

static void moves(struct rig *t)
{
	struct resource r;
	struct pointer p = begin(t, &r);

	p.x = 30;
	p.y = 40;
	expect_done(t, move_cursor(t, 0, p.x, p.y, r.id, p.hot_x, p.hot_y));
	expect_pointer(t, 0, &p);
}

/* Neither hides nor shows it, nor moves the hot spot, whatever else the request says. */
static void moves_only(struct rig *t)
{
	struct resource r, other = loaded(t, B8G8R8A8, image(t, 2, false));
	struct pointer p = begin(t, &r);
	const uint32_t ids[] = {0, 999, other.id};

	for (uint32_t i = 0; i < COUNT(ids); i++) {
		p.x = 30 + i;
		p.y = 40 + i;
		expect_done(t, move_cursor(t, 0, p.x, p.y, ids[i], 9, 0xffffffff));
		expect_pointer(t, 0, &p);
	}
	expect_done(t, update_cursor(t, 0, 1, 2, 0, 0, 0));
	expect_done(t, move_cursor(t, 0, 5, 6, other.id, 0, 0));
	expect_hidden(t, 0);
}

static void hides(struct rig *t)
{
	struct resource r;
	const struct pointer p = begin(t, &r);

	expect_done(t, update_cursor(t, 0, 50, 60, 0, 0, 0));
	expect_hidden(t, 0);
	const struct vgpu_cursor cursor = cursor_of(t, 0);
	check(t, cursor.x == 50 && cursor.y == 60, "the hidden cursor is at (%u, %u)", cursor.x,
	      cursor.y);
	update(t, 0, &r, &p);
	expect_pointer(t, 0, &p);
}

/* The place may change, the picture may not. */
static void expect_old_image(struct rig *t, const struct pointer *p)
{
	if (!is_cursor_seen(t))
		return;
	const struct vgpu_cursor cursor = cursor_of(t, 0);

	check(t, cursor.visible, "the cursor is hidden");
	expect_image(t, &cursor, p->argb);
}

static void unknown_resource(struct rig *t)
{
	struct resource r;
	const struct pointer p = begin(t, &r);

	expect_refused_or_ignored(t, update_cursor(t, 0, 10, 20, 77, 3, 4),
				  VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_old_image(t, &p);
}

static void other_sizes(struct rig *t)
{
	static const struct {
		uint32_t width, height;
	} sizes[] = {{32, 32}, {128, 128}, {64, 63}, {63, 64}, {64, 128}, {128, 64}};
	struct resource r;
	const struct pointer p = begin(t, &r);

	for (unsigned int i = 0; i < COUNT(sizes); i++) {
		struct resource wrong = resource_2d(t, sizes[i].width, sizes[i].height, B8G8R8A8);

		upload(t, &wrong, pattern(t, sizes[i].width, sizes[i].height, 5));
		expect_refused_or_ignored(t, update_cursor(t, 0, 10, 20, wrong.id, 3, 4),
					  VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
		expect_old_image(t, &p);
	}
}

static void each_format(struct rig *t)
{
	static const struct {
		uint32_t format;
		bool opaque;
	} formats[] = {
		{B8G8R8A8, false}, {B8G8R8X8, true}, {A8R8G8B8, false}, {X8R8G8B8, true},
		{R8G8B8A8, false}, {X8B8G8R8, true}, {A8B8G8R8, false}, {R8G8B8X8, true},
	};

	for (uint32_t i = 0; i < COUNT(formats); i++) {
		const struct pointer p = {
			.argb = image(t, i, formats[i].opaque), .x = i, .y = 2 * i};
		struct resource r = loaded(t, formats[i].format, p.argb);

		update(t, 0, &r, &p);
		expect_pointer(t, 0, &p);
	}
}

static void without_alpha(struct rig *t)
{
	const struct picture *colors = pattern(t, SIDE, SIDE, 3);
	struct resource r = loaded(t, B8G8R8X8, colors->rgb);
	unsigned int transparent = 0;

	expect_done(t, update_cursor(t, 0, 10, 20, r.id, 0, 0));
	struct vgpu_cursor cursor = cursor_of(t, 0);
	check(t, cursor.visible, "the cursor is hidden");
	for (uint32_t i = 0; i < PIXELS; i++) {
		uint32_t alpha = cursor.pixels[i] >> 24;

		check(t, alpha == 0 || alpha == 0xff, "an alpha of 0x%x, from an X byte of 0",
		      alpha);
		transparent += alpha != 0xff;
		cursor.pixels[i] &= 0xffffff;
	}
	expect_image(t, &cursor, colors->rgb);
	prefer(t, transparent == 0, "the X byte is taken for alpha: %u pixels are transparent",
	       transparent);
}

static void no_such_scanout(struct rig *t)
{
	const uint32_t ids[] = {num_scanouts(t), 16, 0xffffffff};
	struct resource r;
	const struct pointer p = begin(t, &r);

	for (unsigned int i = 0; i < COUNT(ids); i++) {
		expect_refused_or_ignored(t, update_cursor(t, ids[i], 1, 2, r.id, 5, 6),
					  VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
		expect_refused_or_ignored(t, update_cursor(t, ids[i], 1, 2, 0, 5, 6),
					  VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
		expect_refused_or_ignored(t, move_cursor(t, ids[i], 1, 2, r.id, 5, 6),
					  VIRTIO_GPU_RESP_ERR_INVALID_SCANOUT_ID);
	}
	expect_pointer(t, 0, &p);
}

/* Far left and far above: -1 and the least there is. */
static void far_away(struct rig *t)
{
	static const uint32_t places[] = {0xffffffff, 0x80000000, 0x7fffffff};
	struct resource r;
	struct pointer p = begin(t, &r);

	for (unsigned int i = 0; i < COUNT(places); i++) {
		expect_done(t, move_cursor(t, 0, places[i], 7, 0, 0, 0));
		expect_done(t, move_cursor(t, 0, 7, places[i], 0, 0, 0));
		expect_done(t, update_cursor(t, 0, places[i], places[i], r.id, p.hot_x, p.hot_y));
	}
	p.x = 5;
	p.y = 6;
	expect_done(t, move_cursor(t, 0, p.x, p.y, r.id, p.hot_x, p.hot_y));
	expect_pointer(t, 0, &p);
}

static void hot_spot_outside(struct rig *t)
{
	static const uint32_t spots[] = {64, 0xffffffff};
	struct resource r;
	const struct pointer p = begin(t, &r);

	for (unsigned int i = 0; i < COUNT(spots); i++) {
		expect_returned(t, update_cursor(t, 0, 10, 20, r.id, spots[i], 0));
		expect_returned(t, update_cursor(t, 0, 10, 20, r.id, 0, spots[i]));
		expect_returned(t, update_cursor(t, 0, 10, 20, r.id, spots[i], spots[i]));
	}
	update(t, 0, &r, &p);
	expect_pointer(t, 0, &p);
}

static void sampled_at_update(struct rig *t)
{
	struct resource r;
	struct pointer p = begin(t, &r);
	const uint32_t *next = image(t, 2, false);

	load(t, &r, next);
	expect_pointer(t, 0, &p);
	p.x = 30;
	expect_done(t, move_cursor(t, 0, p.x, p.y, r.id, p.hot_x, p.hot_y));
	expect_pointer(t, 0, &p);
	p.argb = next;
	update(t, 0, &r, &p);
	expect_pointer(t, 0, &p);
}

#define WAITING 8

/*
 * The control queue is full of requests, and the device was told of none: what
 * is on the cursor queue does not wait for them.
 */
static void apart_from_control(struct rig *t)
{
	struct resource r;
	struct pointer p = begin(t, &r);
	const struct virtio_gpu_transfer_to_host_2d request = {
		.hdr = fenced(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, 5),
		.r = rect(0, 0, htole32(SIDE), htole32(SIDE)),
		.resource_id = htole32(r.id),
	};
	struct pending *pending[WAITING];
	struct reply *replies = keep(t, WAITING * sizeof(*replies));

	for (unsigned int i = 0; i < WAITING; i++)
		pending[i] =
			post(t, CONTROL, &request, sizeof(request), sizeof(request.hdr), "* / *");
	p.x = 30;
	p.y = 40;
	expect_done(t, move_cursor(t, 0, p.x, p.y, r.id, p.hot_x, p.hot_y));
	expect_pointer(t, 0, &p);
	kick(t, CONTROL);
	collect(t, pending, WAITING, replies);
	for (unsigned int i = 0; i < WAITING; i++)
		expect_ok(t, replies[i]);
}

/* No request of the control queue is executed here, nor taken for one of the cursor. */
static void no_cursor_command(struct rig *t)
{
	struct resource r, shown = resource_2d(t, 64, 64, B8G8R8X8);
	const struct pointer p = begin(t, &r);
	const struct picture *old = show_pattern(t, &shown, 0);
	const struct virtio_gpu_ctrl_hdr info = header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	const struct virtio_gpu_resource_create_2d create = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D),
		.resource_id = htole32(99),
		.format = htole32(B8G8R8X8),
		.width = htole32(16),
		.height = htole32(16),
	};
	/* As long as a cursor command; taken for an UPDATE it would hide the cursor. */
	const struct virtio_gpu_transfer_to_host_2d copy = {
		.hdr = header(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D),
		.r = rect(0, htole32(7), htole32(9), htole32(1)),
		.resource_id = htole32(shown.id),
	};

	expect_refused(
		t,
		submit(t, CURSOR, &info, sizeof(info), sizeof(struct virtio_gpu_resp_display_info)),
		VIRTIO_GPU_RESP_ERR_UNSPEC);
	expect_refused(t, submit(t, CURSOR, &create, sizeof(create), sizeof(create.hdr)),
		       VIRTIO_GPU_RESP_ERR_UNSPEC);
	expect_error(t, unref(t, 99), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	store(t, &shown, pattern(t, 64, 64, 9));
	expect_refused(t, submit(t, CURSOR, &copy, sizeof(copy), sizeof(copy.hdr)),
		       VIRTIO_GPU_RESP_ERR_UNSPEC);
	expect_ok(t, flush(t, whole(&shown), shown.id));
	expect_screen(t, 0, old);
	expect_pointer(t, 0, &p);
}

static void short_command(struct rig *t)
{
	static const uint32_t types[] = {VIRTIO_GPU_CMD_UPDATE_CURSOR, VIRTIO_GPU_CMD_MOVE_CURSOR};
	static const uint32_t lens[] = {24, 55};
	struct resource r, other = loaded(t, B8G8R8A8, image(t, 2, false));
	const struct pointer p = begin(t, &r);

	for (unsigned int i = 0; i < COUNT(types); i++)
		for (unsigned int j = 0; j < COUNT(lens); j++) {
			const struct virtio_gpu_update_cursor request =
				cursor_request(types[i], 50, 60, other.id);

			expect_refused(t, submit(t, CURSOR, &request, lens[j], sizeof(request.hdr)),
				       VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
			expect_pointer(t, 0, &p);
		}
}

#define FENCE_ID 0x123456789abcdef0ull

static void fence(struct rig *t)
{
	static const uint32_t types[] = {VIRTIO_GPU_CMD_UPDATE_CURSOR, VIRTIO_GPU_CMD_MOVE_CURSOR};
	struct resource r = loaded(t, B8G8R8A8, image(t, 1, false));

	for (unsigned int i = 0; i < COUNT(types); i++) {
		struct virtio_gpu_update_cursor request = cursor_request(types[i], 10, 20, r.id);

		request.hdr = fenced(types[i], FENCE_ID);
		struct reply reply = submit_struct(t, &request, sizeof(request));
		expect_done(t, reply);
		if (!reply.answered || reply.used_len == 0)
			continue;
		check(t,
		      (reply.hdr.flags & VIRTIO_GPU_FLAG_FENCE) != 0 &&
			      reply.hdr.fence_id == FENCE_ID,
		      "%s: flags 0x%x and fence 0x%llx are answered", reply.name, reply.hdr.flags,
		      (unsigned long long)reply.hdr.fence_id);
	}
}

/* Neither scanout shows anything: the cursor is a layer of its own. */
static void one_per_scanout(struct rig *t)
{
	struct resource r;
	const struct pointer p = begin(t, &r);
	struct pointer other = {
		.argb = image(t, 2, false), .x = 70, .y = 80, .hot_x = 5, .hot_y = 6};
	struct resource second = loaded(t, B8G8R8A8, other.argb);

	update(t, 1, &second, &other);
	expect_pointer(t, 0, &p);
	expect_pointer(t, 1, &other);
	other.x = 90;
	expect_done(t, move_cursor(t, 1, other.x, other.y, second.id, other.hot_x, other.hot_y));
	expect_pointer(t, 0, &p);
	expect_pointer(t, 1, &other);
	expect_done(t, update_cursor(t, 0, 1, 2, 0, 0, 0));
	expect_hidden(t, 0);
	expect_pointer(t, 1, &other);
}

static void blob(struct rig *t)
{
	const struct pointer p = {
		.argb = image(t, 1, false), .x = 10, .y = 20, .hot_x = 3, .hot_y = 4};
	struct resource r = {.id = new_id(t), .gpa = guest_alloc(t, 4 * PIXELS)};
	for (uint32_t i = 0; i < PIXELS; i++)
		encode_pixel(guest_at(t, r.gpa + 4ull * i), B8G8R8A8, p.argb[i] & 0xffffff,
			     (uint8_t)(p.argb[i] >> 24));
	expect_ok(t, create_blob(t, r.id, r.gpa, 4 * PIXELS, VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE));
	update(t, 0, &r, &p);
	expect_pointer(t, 0, &p);
}

static void hidden_by_reset(struct rig *t)
{
	struct resource r;

	begin(t, &r);
	reset(t);
	expect_hidden(t, 0);
	make_ready(t);
	expect_hidden(t, 0);
}

const struct vector cur_vectors[] = {
	VECTOR("VG-CUR-001", "a request of 56 bytes comes back, for both commands", comes_back),
	VECTOR("VG-CUR-002", "success is answered, or nothing", success),
	VECTOR("VG-CUR-003", "a request without room for an answer is executed", without_response),
	VECTOR("VG-CUR-004", "UPDATE sets picture, hot spot and position", picture_and_place,
	       .needs = NEED_CURSOR),
	VECTOR("VG-CUR-005", "MOVE sets the position", moves, .needs = NEED_CURSOR),
	VECTOR("VG-CUR-006", "MOVE ignores resource and hot spot", moves_only,
	       .needs = NEED_CURSOR),
	VECTOR("VG-CUR-007", "UPDATE with resource_id 0 hides the cursor and moves it", hides,
	       .needs = NEED_CURSOR),
	VECTOR("VG-CUR-008", "UPDATE with an unknown resource leaves the old picture",
	       unknown_resource),
	VECTOR("VG-CUR-009", "UPDATE with a resource that is not 64x64 leaves the old picture",
	       other_sizes),
	VECTOR("VG-CUR-010", "a cursor has its colors in each of the eight formats", each_format,
	       .needs = NEED_CURSOR),
	VECTOR("VG-CUR-011", "a cursor of a format without alpha is opaque", without_alpha,
	       .needs = NEED_CURSOR),
	VECTOR("VG-CUR-012", "a scanout that the device does not have changes no cursor",
	       no_such_scanout),
	VECTOR("VG-CUR-013", "positions left of 0 and far away do no harm", far_away),
	VECTOR("VG-CUR-014", "a hot spot outside the picture does no harm", hot_spot_outside),
	VECTOR("VG-CUR-015", "the cursor's picture is the one of the last UPDATE",
	       sampled_at_update, .needs = NEED_CURSOR),
	VECTOR("VG-CUR-016", "MOVE is done while the control queue waits", apart_from_control),
	VECTOR("VG-CUR-017", "other commands are not executed on the cursor queue",
	       no_cursor_command),
	VECTOR("VG-CUR-018", "a short command is refused and changes nothing", short_command),
	VECTOR("VG-CUR-019", "an answer on the cursor queue has the request's fence", fence),
	VECTOR("VG-CUR-020", "each scanout has a cursor of its own", one_per_scanout,
	       .needs = NEED_CURSOR, .scanouts = 2),
	VECTOR("VG-CUR-021", "a blob of 16384 bytes is a cursor", blob,
	       .with = FEATURE(VIRTIO_GPU_F_RESOURCE_BLOB)),
	VECTOR("VG-CUR-022", "a reset hides the cursor", hidden_by_reset,
	       .needs = NEED_CURSOR | NEED_RESET),
	{0},
};
