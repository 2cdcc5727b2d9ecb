/* SPDX-License-Identifier: MIT */
/* VG-FEN: fences and the order of answers. */
#include "conformance/vocabulary/command.h"

#include <endian.h>
#include <string.h>

extern const struct vector fen_vectors[];

static struct reply fenced_info(struct rig *t, uint64_t id)
{
	struct virtio_gpu_ctrl_hdr request = fenced(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, id);

	return submit_struct(t, &request, sizeof(request));
}

static void expect_fence(struct rig *t, const struct reply *reply, uint64_t id)
{
	check(t,
	      reply->answered && (reply->hdr.flags & VIRTIO_GPU_FLAG_FENCE) != 0 &&
		      reply->hdr.fence_id == id,
	      "flags are 0x%x, fence_id is %llu, expected %llu", reply->hdr.flags,
	      (unsigned long long)reply->hdr.fence_id, (unsigned long long)id);
}

static struct virtio_gpu_transfer_to_host_2d transfer_all(const struct resource *r,
							  struct virtio_gpu_ctrl_hdr hdr)
{
	return (struct virtio_gpu_transfer_to_host_2d){
		.hdr = hdr,
		.r = {0, 0, htole32(r->width), htole32(r->height)},
		.resource_id = htole32(r->id),
	};
}

static void complete_when_answered(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *old = pattern(t, 64, 64, 1);
	struct virtio_gpu_transfer_to_host_2d request =
		transfer_all(&r, fenced(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, 3));

	store(t, &r, old);
	struct reply reply = submit_struct(t, &request, sizeof(request));
	store(t, &r, pattern(t, 64, 64, 2));
	expect_ok(t, reply);
	expect_fence(t, &reply, 3);
	show(t, &r, 0);
	expect_screen(t, 0, old);
}

static void right_after_a_fence(struct rig *t)
{
	struct resource r = resource_2d(t, 64, 64, B8G8R8X8);
	const struct picture *p = pattern(t, 64, 64, 4);

	show_pattern(t, &r, 0);
	upload(t, &r, p);
	expect_ok(t, flush(t, whole(&r), r.id));
	struct reply reply = fenced_info(t, 5);
	expect_fence(t, &reply, 5);
	expect_screen(t, 0, p);
}

static void failing(struct rig *t)
{
	struct virtio_gpu_resource_unref request = {
		.hdr = fenced(VIRTIO_GPU_CMD_RESOURCE_UNREF, 0x100000001),
		.resource_id = htole32(999),
	};
	struct reply reply = submit_struct(t, &request, sizeof(request));

	expect_error(t, reply, VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_fence(t, &reply, 0x100000001);
}

static void ids(struct rig *t, const uint64_t *list, unsigned int num)
{
	for (unsigned int i = 0; i < num; i++) {
		struct reply reply = fenced_info(t, list[i]);

		expect_fence(t, &reply, list[i]);
	}
}

static void same_id(struct rig *t)
{
	static const uint64_t twice[] = {8, 8};

	ids(t, twice, COUNT(twice));
}

static void id_0(struct rig *t)
{
	static const uint64_t zero[] = {0};

	ids(t, zero, COUNT(zero));
}

static void falling_ids(struct rig *t)
{
	static const uint64_t falling[] = {10, 5, 7};

	ids(t, falling, COUNT(falling));
}

static void ring_index_range(struct rig *t)
{
	static const uint8_t rings[] = {64, 255};

	for (unsigned int i = 0; i < COUNT(rings); i++) {
		struct virtio_gpu_ctrl_hdr request = fenced(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 1);

		request.flags = htole32(VIRTIO_GPU_FLAG_FENCE | 2);
		request.ring_idx = rings[i];
		expect_either(t, submit_struct(t, &request, sizeof(request)),
			      VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	}
}

static void ring_without_fence(struct rig *t)
{
	struct virtio_gpu_ctrl_hdr request = header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);

	request.flags = htole32(2);
	struct reply reply = submit_struct(t, &request, sizeof(request));
	expect_info(t, reply);
	check(t, (reply.hdr.flags & VIRTIO_GPU_FLAG_FENCE) == 0, "a fence that nobody asked for");
}

static void order(struct rig *t)
{
	const struct virtio_gpu_ctrl_hdr requests[] = {fenced(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 1),
						       header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO),
						       fenced(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 2),
						       header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO)};
	struct pending *pending[COUNT(requests)];
	struct reply *replies = keep(t, COUNT(requests) * sizeof(*replies));

	for (unsigned int i = 0; i < COUNT(requests); i++)
		pending[i] = post(t, CONTROL, &requests[i], sizeof(requests[i]), 408, "* / *");
	kick(t, CONTROL);
	collect(t, pending, COUNT(requests), replies);
	for (unsigned int i = 0; i < COUNT(requests); i++)
		expect_info(t, replies[i]);
	expect_fence(t, &replies[0], 1);
	expect_fence(t, &replies[2], 2);
}

#define RING_IDX 2u

/* On one timeline, what ends later says that all before has ended. */
static void one_timeline(struct rig *t)
{
	enum { NUM = 8 };
	struct pending *pending[NUM];
	struct reply *replies = keep(t, NUM * sizeof(*replies));

	for (unsigned int i = 0; i < NUM; i++) {
		struct virtio_gpu_ctrl_hdr request =
			fenced(VIRTIO_GPU_CMD_GET_DISPLAY_INFO, 100 + i);

		request.flags |= htole32(RING_IDX);
		request.ring_idx = 1;
		pending[i] = post(t, CONTROL, &request, sizeof(request), 408, "* / *");
	}
	kick(t, CONTROL);
	collect(t, pending, NUM, replies);
	for (unsigned int i = 0; i < NUM; i++) {
		expect_info(t, replies[i]);
		expect_fence(t, &replies[i], 100 + i);
		check(t, replies[i].order == i, "fence %u is answered as number %u of %u", 100 + i,
		      replies[i].order + 1, NUM);
	}
}

#define WAITING 8
#define LARGE	1024

/*
 * A reset meets fenced commands: some may be in execution, others were never
 * announced. Once it is done nothing of them comes back.
 */
static void dropped_by_reset(struct rig *t)
{
	struct resource r = resource_2d(t, LARGE, LARGE, B8G8R8X8);
	struct ring *ring = ring_of(t, CONTROL);
	size_t size = 6 + 8u * ring->size;
	uint8_t *used = keep(t, size);

	for (unsigned int i = 0; i < WAITING; i++) {
		struct virtio_gpu_transfer_to_host_2d request =
			transfer_all(&r, fenced(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, 1 + i));

		post(t, CONTROL, &request, sizeof(request), sizeof(request.hdr), "* / *");
		if (i == WAITING / 2)
			kick(t, CONTROL);
	}
	reset(t);
	memcpy(used, guest_at(t, ring->device), size);
	set_reg(t, VIRTIO_MMIO_QUEUE_NOTIFY, CONTROL);
	sleep_ms(50);
	check(t, interrupts(t) == 0, "an interrupt after the reset");
	check(t, memcmp(used, guest_at(t, ring->device), size) == 0,
	      "the used ring was written after the reset");
	make_ready(t);
	expect_serving(t);
	sleep_ms(20);
	check(t, ring_num_used(ring_of(t, CONTROL)) == 0, "%u more answers after the reset",
	      ring_num_used(ring_of(t, CONTROL)));
}

const struct vector fen_vectors[] = {
	VECTOR("VG-FEN-001", "a fenced command that is answered is complete",
	       complete_when_answered),
	VECTOR("VG-FEN-002", "after a fence the picture is final", right_after_a_fence),
	VECTOR("VG-FEN-003", "a fenced command that fails returns its fence", failing),
	VECTOR("VG-FEN-004", "a fence_id may come twice", same_id),
	VECTOR("VG-FEN-005", "fence_id 0 is one like others", id_0),
	VECTOR("VG-FEN-006", "fence ids may fall", falling_ids),
	VECTOR("VG-FEN-007", "fences of one timeline are answered in their order", one_timeline),
	VECTOR("VG-FEN-009", "a ring_idx above 63 is answered", ring_index_range),
	VECTOR("VG-FEN-010", "RING_IDX without FENCE has no effect", ring_without_fence),
	VECTOR("VG-FEN-011", "each of several commands is answered once", order),
	VECTOR("VG-FEN-012", "a reset drops what is fenced and not answered", dropped_by_reset,
	       .needs = NEED_REGISTERS),
	{0},
};
