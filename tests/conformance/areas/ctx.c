/* SPDX-License-Identifier: MIT */
/*
 * VG-CTX: contexts and 3D commands. VIRGL is accepted where it is offered. A
 * device without it is asked too: it must refuse each of them and change nothing,
 * neither the picture nor guest memory.
 */
#include "conformance/vocabulary/command.h"

#include <endian.h>
#include <string.h>

extern const struct vector ctx_vectors[];

#define VIRGL	  FEATURE(VIRTIO_GPU_F_VIRGL)
#define PROTOCOLS FEATURE(VIRTIO_GPU_F_CONTEXT_INIT)
#define NAME	  64u

/* What must be as it was when all is over. */
struct scene {
	struct resource r; /* 2D, on scanout 0 */
	const struct picture *shown;
	const struct picture *stored; /* in its backing, and not transferred */
};

static bool is_3d(const struct rig *t)
{
	return (t->offered & VIRGL) != 0;
}

static struct scene begin(struct rig *t)
{
	struct scene scene;

	make_ready_with(t, usual_features(t) | (t->offered & (VIRGL | PROTOCOLS)), CONTROL_SIZE,
			CURSOR_SIZE);
	scene.r = resource_2d(t, 64, 64, B8G8R8X8);
	scene.shown = show_pattern(t, &scene.r, 0);
	scene.stored = pattern(t, 64, 64, 99);
	store(t, &scene.r, scene.stored);
	return scene;
}

static void expect_backing(struct rig *t, const struct scene *scene)
{
	uint64_t gpa = guest_alloc(t, scene->r.size);

	store_picture(t, gpa, scene->r.stride, scene->r.format, scene->stored);
	check(t, memcmp(guest_at(t, gpa), guest_at(t, scene->r.gpa), scene->r.size) == 0,
	      "the backing was written");
}

static void expect_unchanged(struct rig *t, const struct scene *scene)
{
	expect_ok(t, flush(t, whole(&scene->r), scene->r.id));
	expect_screen(t, 0, scene->shown);
	expect_backing(t, scene);
	/* The resource and its backing are still there. */
	expect_ok(t, transfer(t, whole(&scene->r), 0, scene->r.id));
	expect_ok(t, flush(t, whole(&scene->r), scene->r.id));
	expect_screen(t, 0, scene->stored);
}

/* An error; code is the best one of a device that knows contexts. */
static void expect_refused(struct rig *t, struct reply reply, uint32_t code)
{
	expect_error(t, reply, is_3d(t) ? code : VIRTIO_GPU_RESP_ERR_UNSPEC);
}

/* A device that knows contexts may also have done it. */
static void expect_refused_or_done(struct rig *t, struct reply reply, uint32_t code)
{
	if (is_3d(t))
		expect_either(t, reply, code);
	else
		expect_error(t, reply, VIRTIO_GPU_RESP_ERR_UNSPEC);
}

/* Success where there are contexts, an error where there are none. */
static void expect_done(struct rig *t, struct reply reply)
{
	if (is_3d(t))
		expect_ok(t, reply);
	else
		expect_error(t, reply, VIRTIO_GPU_RESP_ERR_UNSPEC);
}

static struct virtio_gpu_ctrl_hdr in_context(uint32_t type, uint32_t ctx)
{
	struct virtio_gpu_ctrl_hdr hdr = header(type);

	hdr.ctx_id = htole32(ctx);
	return hdr;
}

static struct reply create(struct rig *t, uint32_t ctx, uint32_t nlen, uint32_t context_init)
{
	struct virtio_gpu_ctx_create request = {
		.hdr = in_context(VIRTIO_GPU_CMD_CTX_CREATE, ctx),
		.nlen = htole32(nlen),
		.context_init = htole32(context_init),
	};

	memset(request.debug_name, 'n', sizeof(request.debug_name));
	return submit_struct(t, &request, sizeof(request));
}

static struct reply destroy(struct rig *t, uint32_t ctx)
{
	struct virtio_gpu_ctrl_hdr request = in_context(VIRTIO_GPU_CMD_CTX_DESTROY, ctx);

	return submit_struct(t, &request, sizeof(request));
}

/* type is CTX_ATTACH_RESOURCE or CTX_DETACH_RESOURCE. */
static struct reply context_resource(struct rig *t, uint32_t type, uint32_t ctx, uint32_t id)
{
	struct virtio_gpu_ctx_resource request = {
		.hdr = in_context(type, ctx),
		.resource_id = htole32(id),
	};

	return submit_struct(t, &request, sizeof(request));
}

static struct reply attach_resource(struct rig *t, uint32_t ctx, uint32_t id)
{
	return context_resource(t, VIRTIO_GPU_CMD_CTX_ATTACH_RESOURCE, ctx, id);
}

static struct reply detach_resource(struct rig *t, uint32_t ctx, uint32_t id)
{
	return context_resource(t, VIRTIO_GPU_CMD_CTX_DETACH_RESOURCE, ctx, id);
}

/* A texture that can be drawn to and shown; target 2 is PIPE_TEXTURE_2D. */
static struct reply create_3d(struct rig *t, uint32_t id, uint32_t target)
{
	struct virtio_gpu_resource_create_3d request = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_CREATE_3D),
		.resource_id = htole32(id),
		.target = htole32(target),
		.format = htole32(B8G8R8X8),
		.bind = htole32(2),
		.width = htole32(64),
		.height = htole32(64),
		.depth = htole32(1),
		.array_size = htole32(1),
	};

	return submit_struct(t, &request, sizeof(request));
}

/* type is TRANSFER_TO_HOST_3D or TRANSFER_FROM_HOST_3D. */
static struct reply transfer_3d(struct rig *t, uint32_t type, uint32_t id,
				struct virtio_gpu_box box, uint64_t offset)
{
	struct virtio_gpu_transfer_host_3d request = {
		.hdr = in_context(type, 1),
		.box = {.x = htole32(box.x),
			.y = htole32(box.y),
			.z = htole32(box.z),
			.w = htole32(box.w),
			.h = htole32(box.h),
			.d = htole32(box.d)},
		.offset = htole64(offset),
		.resource_id = htole32(id),
	};

	return submit_struct(t, &request, sizeof(request));
}

static const struct virtio_gpu_box everything = {.w = 64, .h = 64, .d = 1};

/* A command buffer of num zero bytes, which is NOP, in a request that says size. */
static struct reply submit_3d(struct rig *t, uint32_t ctx, uint32_t size, uint32_t num)
{
	struct {
		struct virtio_gpu_cmd_submit head;
		uint8_t commands[64];
	} request = {
		.head = {.hdr = in_context(VIRTIO_GPU_CMD_SUBMIT_3D, ctx), .size = htole32(size)},
	};

	return submit_struct(t, &request, (uint32_t)sizeof(request.head) + num);
}

static void creates(struct rig *t)
{
	const struct scene scene = begin(t);

	expect_done(t, create(t, 1, 0, 0));
	expect_done(t, submit_3d(t, 1, 8, 8));
	expect_done(t, create(t, 2, NAME, 0));
	expect_done(t, submit_3d(t, 2, 8, 8));
	expect_unchanged(t, &scene);
}

static void context_0(struct rig *t)
{
	const struct scene scene = begin(t);

	expect_refused(t, create(t, 0, 4, 0), VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID);
	expect_unchanged(t, &scene);
}

static void long_name(struct rig *t)
{
	const struct scene scene = begin(t);

	expect_refused_or_done(t, create(t, 1, NAME + 1, 0), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	expect_refused_or_done(t, create(t, 2, 0xffffffff, 0),
			       VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	expect_unchanged(t, &scene);
}

/* Without CONTEXT_INIT nothing says what is in that field, and a device need not look. */
static void unknown_protocol(struct rig *t)
{
	static const uint32_t protocols[] = {0x7f, 0x100};
	const struct scene scene = begin(t);

	for (uint32_t i = 0; i < COUNT(protocols); i++) {
		struct reply reply = create(t, i + 1, 0, protocols[i]);

		if ((t->offered & PROTOCOLS) != 0)
			expect_refused(t, reply, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
		else
			expect_refused_or_done(t, reply, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	}
	expect_unchanged(t, &scene);
}

static void destroy_unknown(struct rig *t)
{
	const struct scene scene = begin(t);

	expect_refused_or_done(t, destroy(t, 9), VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID);
	expect_unchanged(t, &scene);
}

static void destroy_leaves_resources(struct rig *t)
{
	const struct scene scene = begin(t);

	expect_done(t, create(t, 1, 0, 0));
	expect_done(t, attach_resource(t, 1, scene.r.id));
	expect_done(t, destroy(t, 1));
	expect_unchanged(t, &scene);
}

static void attaches(struct rig *t)
{
	const struct scene scene = begin(t);

	expect_done(t, create(t, 1, 0, 0));
	expect_done(t, attach_resource(t, 1, scene.r.id));
	expect_done(t, detach_resource(t, 1, scene.r.id));
	expect_unchanged(t, &scene);
}

static void attach_unknown(struct rig *t)
{
	const struct scene scene = begin(t);

	expect_refused(t, attach_resource(t, 9, scene.r.id),
		       VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID);
	expect_done(t, create(t, 1, 0, 0));
	expect_refused(t, attach_resource(t, 1, 999), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_refused(t, attach_resource(t, 1, 0), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_unchanged(t, &scene);
}

static void attach_twice(struct rig *t)
{
	const struct scene scene = begin(t);

	expect_done(t, create(t, 1, 0, 0));
	for (unsigned int i = 0; i < 2; i++)
		expect_done(t, attach_resource(t, 1, scene.r.id));
	for (unsigned int i = 0; i < 2; i++)
		expect_done(t, detach_resource(t, 1, scene.r.id));
	expect_unchanged(t, &scene);
}

/* Whether there is a resource of this id; it is free afterwards. */
static void expect_made(struct rig *t, uint32_t id, bool made)
{
	struct reply reply = unref(t, id);

	if (made)
		expect_ok(t, reply);
	else
		expect_error(t, reply, VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_ok(t, create_2d(t, id, 16, 16, B8G8R8X8));
	expect_ok(t, unref(t, id));
}

static void creates_texture(struct rig *t)
{
	const struct scene scene = begin(t);

	expect_done(t, create_3d(t, 50, 2));
	expect_made(t, 50, is_3d(t));
	expect_unchanged(t, &scene);
}

static void texture_ids(struct rig *t)
{
	const struct scene scene = begin(t);

	expect_refused(t, create_3d(t, 0, 2), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_refused(t, create_3d(t, scene.r.id, 2), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_unchanged(t, &scene);
}

static void texture_of_no_kind(struct rig *t)
{
	const struct scene scene = begin(t);
	struct reply reply = create_3d(t, 50, 99);

	expect_refused_or_done(t, reply, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	expect_made(t, 50, is_ok(&reply));
	expect_unchanged(t, &scene);
}

/* Into the resource where there are contexts, nowhere where there are none, and back. */
static void transfers(struct rig *t)
{
	struct scene scene = begin(t);

	expect_done(t, create(t, 1, 0, 0));
	expect_done(t, attach_resource(t, 1, scene.r.id));
	expect_done(t,
		    transfer_3d(t, VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D, scene.r.id, everything, 0));
	if (is_3d(t))
		scene.shown = scene.stored;
	expect_ok(t, flush(t, whole(&scene.r), scene.r.id));
	expect_screen(t, 0, scene.shown);
	scene.stored = pattern(t, 64, 64, 77);
	store(t, &scene.r, scene.stored);
	expect_done(
		t, transfer_3d(t, VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D, scene.r.id, everything, 0));
	if (is_3d(t))
		scene.stored = scene.shown;
	expect_unchanged(t, &scene);
}

static void outside(struct rig *t)
{
	static const uint32_t types[] = {VIRTIO_GPU_CMD_TRANSFER_TO_HOST_3D,
					 VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D};
	static const struct virtio_gpu_box boxes[] = {
		{.x = 1, .w = 64, .h = 64, .d = 1},
		{.x = 0xffffffff, .w = 2, .h = 1, .d = 1},
		{.w = 64, .h = 64, .d = 2},
	};
	const struct scene scene = begin(t);

	expect_done(t, create(t, 1, 0, 0));
	expect_done(t, attach_resource(t, 1, scene.r.id));
	for (unsigned int i = 0; i < COUNT(types); i++) {
		for (unsigned int j = 0; j < COUNT(boxes); j++)
			expect_refused_or_done(t, transfer_3d(t, types[i], scene.r.id, boxes[j], 0),
					       VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
		expect_refused_or_done(
			t, transfer_3d(t, types[i], scene.r.id, everything, scene.r.size),
			VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
		expect_refused_or_done(t,
				       transfer_3d(t, types[i], scene.r.id, everything, UINT64_MAX),
				       VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	}
	/* Whatever was done of these, guest memory outside the backing is as it was. */
	if (!is_3d(t))
		expect_unchanged(t, &scene);
}

static void without_backing(struct rig *t)
{
	const struct scene scene = begin(t);
	struct resource bare = bare_2d(t, 64, 64, B8G8R8X8);

	expect_refused(t,
		       transfer_3d(t, VIRTIO_GPU_CMD_TRANSFER_FROM_HOST_3D, bare.id, everything, 0),
		       VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_unchanged(t, &scene);
}

static void submit_lies(struct rig *t)
{
	const struct scene scene = begin(t);

	expect_done(t, create(t, 1, 0, 0));
	expect_refused(t, submit_3d(t, 1, 64, 32), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	expect_refused(t, submit_3d(t, 1, 0xffffffff, 32), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	expect_refused(t, submit_3d(t, 1, 0xfffffffc, 0), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	expect_unchanged(t, &scene);
}

static void submit_odd(struct rig *t)
{
	const struct scene scene = begin(t);

	expect_done(t, create(t, 1, 0, 0));
	expect_refused_or_done(t, submit_3d(t, 1, 6, 6), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
	expect_refused_or_done(t, submit_3d(t, 1, 0, 0), VIRTIO_GPU_RESP_OK_NODATA);
	expect_unchanged(t, &scene);
}

static void submit_unknown(struct rig *t)
{
	const struct scene scene = begin(t);

	expect_refused(t, submit_3d(t, 9, 8, 8), VIRTIO_GPU_RESP_ERR_INVALID_CONTEXT_ID);
	expect_unchanged(t, &scene);
}

#define LEN(request) ((uint32_t)sizeof(request))

/* A resource's whole life in the name of a context that nobody made. */
static void context_of_2d(struct rig *t)
{
	enum { ID = 70, CTX = 99 };
	const struct picture *p = pattern(t, 64, 64, 5);
	const struct virtio_gpu_rect r = rect(0, 0, htole32(64), htole32(64));
	uint64_t gpa = guest_alloc(t, 64 * 64 * 4);
	const struct virtio_gpu_resource_create_2d make = {
		.hdr = in_context(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, CTX),
		.resource_id = htole32(ID),
		.format = htole32(B8G8R8X8),
		.width = htole32(64),
		.height = htole32(64),
	};
	const struct {
		struct virtio_gpu_resource_attach_backing head;
		struct virtio_gpu_mem_entry entry;
	} back = {
		.head = {.hdr = in_context(VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, CTX),
			 .resource_id = htole32(ID),
			 .nr_entries = htole32(1)},
		.entry = entry(gpa, 64 * 64 * 4),
	};
	const struct virtio_gpu_transfer_to_host_2d copy = {
		.hdr = in_context(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, CTX),
		.r = r,
		.resource_id = htole32(ID),
	};
	const struct virtio_gpu_set_scanout scanout = {
		.hdr = in_context(VIRTIO_GPU_CMD_SET_SCANOUT, CTX),
		.r = r,
		.resource_id = htole32(ID),
	};
	const struct virtio_gpu_resource_flush update = {
		.hdr = in_context(VIRTIO_GPU_CMD_RESOURCE_FLUSH, CTX),
		.r = r,
		.resource_id = htole32(ID),
	};
	const struct virtio_gpu_resource_detach_backing drop = {
		.hdr = in_context(VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, CTX),
		.resource_id = htole32(ID),
	};
	const struct virtio_gpu_resource_unref end = {
		.hdr = in_context(VIRTIO_GPU_CMD_RESOURCE_UNREF, CTX),
		.resource_id = htole32(ID),
	};
	const struct virtio_gpu_ctrl_hdr info = in_context(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, CTX);

	store_picture(t, gpa, 64 * 4, B8G8R8X8, p);
	expect_ok(t, submit_struct(t, &make, LEN(make)));
	expect_ok(t, submit_struct(t, &back, LEN(back)));
	expect_ok(t, submit_struct(t, &copy, LEN(copy)));
	expect_ok(t, submit_struct(t, &scanout, LEN(scanout)));
	expect_ok(t, submit_struct(t, &update, LEN(update)));
	expect_screen(t, 0, p);
	expect_ok(t, submit_struct(t, &drop, LEN(drop)));
	expect_ok(t, submit_struct(t, &end, LEN(end)));
	expect_info(t, submit_struct(t, &info, LEN(info)));
	/* It was one and the same resource for requests without a context. */
	expect_error(t, unref(t, ID), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_off(t, 0, p);
}

#define ASKED .start = AFTER_RESET
const struct vector ctx_vectors[] = {
	VECTOR("VG-CTX-001", "contexts are made only where there is 3D", creates, ASKED),
	VECTOR("VG-CTX-002", "a context 0 is refused", context_0, ASKED),
	VECTOR("VG-CTX-004", "a name longer than its field does no harm", long_name, ASKED),
	VECTOR("VG-CTX-007", "a context of an unknown protocol is refused", unknown_protocol,
	       ASKED),
	VECTOR("VG-CTX-009", "the end of an unknown context does no harm", destroy_unknown, ASKED),
	VECTOR("VG-CTX-010", "resources outlive the context they were attached to",
	       destroy_leaves_resources, ASKED),
	VECTOR("VG-CTX-011", "resources are attached to contexts only where there is 3D", attaches,
	       ASKED),
	VECTOR("VG-CTX-012", "what is not there is not attached to a context", attach_unknown,
	       ASKED),
	VECTOR("VG-CTX-013", "attaching and detaching twice does no harm", attach_twice, ASKED),
	VECTOR("VG-CTX-014", "RESOURCE_CREATE_3D makes a resource only where there is 3D",
	       creates_texture, ASKED),
	VECTOR("VG-CTX-015", "RESOURCE_CREATE_3D with id 0 or a live one is refused", texture_ids,
	       ASKED),
	VECTOR("VG-CTX-016", "RESOURCE_CREATE_3D that is refused makes no resource",
	       texture_of_no_kind, ASKED),
	VECTOR("VG-CTX-017", "3D transfers move bytes only where there is 3D", transfers, ASKED),
	VECTOR("VG-CTX-019", "3D transfers outside resource or backing do no harm", outside, ASKED),
	VECTOR("VG-CTX-020", "a 3D transfer without backing is refused", without_backing, ASKED),
	VECTOR("VG-CTX-022", "SUBMIT_3D that says more bytes than it has is refused", submit_lies,
	       ASKED),
	VECTOR("VG-CTX-023", "SUBMIT_3D of odd or no bytes does no harm", submit_odd, ASKED),
	VECTOR("VG-CTX-024", "SUBMIT_3D in an unknown context is refused", submit_unknown, ASKED),
	VECTOR("VG-CTX-026", "ctx_id does not matter to 2D commands", context_of_2d),
	{0},
};
