/* SPDX-License-Identifier: MIT */
/* VG-FRM: how requests and responses lie in descriptors. */
#include "conformance/vocabulary/command.h"

#include <endian.h>
#include <string.h>

extern const struct vector frm_vectors[];

#define NO_MEMORY_GPA 0xfffffffffff00000ull

static const struct virtio_gpu_ctrl_hdr info = {.type = 0x0100};

static struct virtio_gpu_resource_create_2d create_request(uint32_t id)
{
	return (struct virtio_gpu_resource_create_2d){
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D),
		.resource_id = htole32(id),
		.format = htole32(B8G8R8X8),
		.width = htole32(64),
		.height = htole32(64),
	};
}

static void cut_requests(struct rig *t)
{
	static const char *const shapes[] = {"24 16 / *", "40x1 / *", "1 38 1 / *",
					     "3 5 7 11 14 / *"};

	for (uint32_t i = 0; i < COUNT(shapes); i++) {
		struct virtio_gpu_resource_create_2d request = create_request(i + 1);

		expect_ok(t, submit_shaped(t, CONTROL, &request, sizeof(request), 24, shapes[i]));
		expect_ok(t, flush(t, rect(0, 0, 64, 64), i + 1));
	}
}

static void cut_responses(struct rig *t)
{
	static const char *const shapes[] = {"* / 1 407", "* / 24x1 384", "* / 51x8",
					     "* / 27 53 101 227"};
	struct virtio_gpu_resource_create_2d request = create_request(1);
	struct reply usual = get_display_info(t);

	expect_ok(t, submit_shaped(t, CONTROL, &request, sizeof(request), 24, "* / 10 14"));
	for (unsigned int i = 0; i < COUNT(shapes); i++) {
		struct reply reply = get_display_info_shaped(t, shapes[i]);

		expect_info(t, reply);
		expect_beginning(t, &reply, &usual);
	}
}

static void long_chains(struct rig *t)
{
	expect_info(t, get_display_info_shaped(t, "24x1 / 39x1 *"));
	expect_info(t, get_display_info_shaped(t, "24x1 / 10x40 *"));
}

static void short_header(struct rig *t)
{
	static const uint32_t lens[] = {4, 23};

	for (unsigned int i = 0; i < COUNT(lens); i++) {
		/* With room for the answer, should it be taken for the request that it begins. */
		struct reply reply = submit(t, CONTROL, &info, lens[i], DISPLAY_INFO_SIZE);

		expect_error(t, reply, VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
		if (reply.answered)
			expect_serving(t);
		else
			make_ready(t);
	}
}

static void short_body(struct rig *t)
{
	static const uint32_t lens[] = {24, 39};
	struct virtio_gpu_resource_create_2d request = create_request(1);

	for (unsigned int i = 0; i < COUNT(lens); i++) {
		expect_error(t, submit(t, CONTROL, &request, lens[i], 24),
			     VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
		expect_error(t, unref(t, 1), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	}
}

static void long_body(struct rig *t)
{
	uint8_t request[240];
	struct virtio_gpu_resource_create_2d create = create_request(1);

	memset(request, 0xff, sizeof(request));
	memcpy(request, &create, sizeof(create));
	expect_ok(t, submit(t, CONTROL, request, sizeof(request), 24));
	expect_ok(t, unref(t, 1));
}

static void no_response(struct rig *t)
{
	struct virtio_gpu_resource_create_2d request = create_request(1);
	struct reply reply = submit(t, CONTROL, &request, sizeof(request), 0);

	expect_returned(t, reply);
	check(t, reply.used_len == 0, "%u bytes written to nothing", reply.used_len);
	expect_ok(t, unref(t, 1));
}

static void short_response(struct rig *t)
{
	static const uint32_t rooms[] = {1, 4, 23};

	struct virtio_gpu_resource_create_2d first = create_request(10);
	struct reply whole = submit(t, CONTROL, &first, sizeof(first), 24);

	expect_ok(t, whole);
	for (uint32_t i = 0; i < COUNT(rooms); i++) {
		struct virtio_gpu_resource_create_2d request = create_request(i + 1);
		struct reply reply = submit(t, CONTROL, &request, sizeof(request), rooms[i]);

		expect_returned(t, reply);
		prefer(t, reply.used_len == rooms[i], "%u bytes answered in %u", reply.used_len,
		       rooms[i]);
		expect_beginning(t, &reply, &whole);
		/* Best is that it is executed all the same. */
		expect_either(t, unref(t, i + 1), VIRTIO_GPU_RESP_OK_NODATA);
	}
}

static void long_response(struct rig *t)
{
	struct virtio_gpu_resource_create_2d request = create_request(1);

	expect_ok(t, submit(t, CONTROL, &request, sizeof(request), 2048));
}

static void only_writable(struct rig *t)
{
	expect_error(t, submit(t, CONTROL, &info, 0, 24), VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER);
}

/* Descriptors by hand; what the device does with them is survived. */
static void by_hand(struct rig *t, const struct piece *pieces, unsigned int num)
{
	struct ring *ring = ring_of(t, CONTROL);
	struct reply reply = {.name = "a chain", .answered = false};
	unsigned int timeout = t->timeout_ms;

	ring_publish(ring, ring_add(ring, pieces, num));
	ring_kick(ring);
	/* It need not answer. */
	t->timeout_ms = 200;
	reply.answered = ring_wait(ring, 1);
	t->timeout_ms = timeout;
	if (expect_survived(t, &reply) || !reply.answered)
		make_ready(t);
	else
		ring_take(ring);
}

static void wrong_order(struct rig *t)
{
	uint64_t gpa = guest_display_info(t);
	const struct piece write_first[] = {{gpa + 1024, 24, VRING_DESC_F_WRITE}, {gpa, 24, 0}};
	const struct piece between[] = {{gpa, 12, 0},
					{gpa + 1024, DISPLAY_INFO_SIZE, VRING_DESC_F_WRITE},
					{gpa + 12, 12, 0}};

	by_hand(t, write_first, COUNT(write_first));
	by_hand(t, between, COUNT(between));
	expect_serving(t);
}

/* Which every request sees; this one is the longest. */
static void request_is_left_alone(struct rig *t)
{
	struct virtio_gpu_mem_entry entries[64];
	uint64_t gpa = guest_alloc(t, 4096);
	struct resource r = bare_2d(t, 64, 64, B8G8R8X8);

	for (unsigned int i = 0; i < COUNT(entries); i++)
		entries[i] = entry(gpa, 64);
	expect_ok(t, attach(t, r.id, entries, COUNT(entries)));
}

/* A complete request where the answer is to be. */
static void response_is_not_read(struct rig *t)
{
	uint64_t gpa = guest_alloc(t, 4096);
	struct ring *ring = ring_of(t, CONTROL);
	struct virtio_gpu_resource_create_2d create = create_request(1);
	const struct piece pieces[] = {{gpa, 24, 0}, {gpa + 1024, 40, VRING_DESC_F_WRITE}};

	/* The body lies in what is writable: it is not the request's. */
	memcpy(guest_at(t, gpa), &create, 24);
	memcpy(guest_at(t, gpa + 1024), (const uint8_t *)&create + 24, 16);
	ring_publish(ring, ring_add(ring, pieces, COUNT(pieces)));
	ring_kick(ring);
	require(t, ring_wait(ring, 1), "no answer");
	ring_take(ring);
	expect_error(t, unref(t, 1), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
}

static void empty_descriptor(struct rig *t)
{
	uint64_t gpa = guest_display_info(t);
	const struct piece readable[] = {
		{gpa, 24, 0}, {gpa, 0, 0}, {gpa + 1024, DISPLAY_INFO_SIZE, VRING_DESC_F_WRITE}};
	const struct piece writable[] = {{gpa, 24, 0},
					 {gpa + 1024, 0, VRING_DESC_F_WRITE},
					 {gpa + 1024, DISPLAY_INFO_SIZE, VRING_DESC_F_WRITE}};

	by_hand(t, readable, COUNT(readable));
	by_hand(t, writable, COUNT(writable));
	expect_serving(t);
}

static void unmapped_request(struct rig *t)
{
	uint64_t gpa = guest_display_info(t);
	const struct piece pieces[] = {{NO_MEMORY_GPA, 24, 0},
				       {gpa + 1024, 24, VRING_DESC_F_WRITE}};

	by_hand(t, pieces, COUNT(pieces));
	expect_serving(t);
}

static void unmapped_response(struct rig *t)
{
	uint64_t gpa = guest_display_info(t);
	const struct piece pieces[] = {{gpa, 24, 0}, {NO_MEMORY_GPA, 24, VRING_DESC_F_WRITE}};

	by_hand(t, pieces, COUNT(pieces));
	expect_serving(t);
}

static void over_the_seam(struct rig *t)
{
	uint64_t request = guest_alloc_at_seam(t, 11, 13 + 5 + 408);
	uint64_t response = request + 24 + 5;
	struct ring *ring = ring_of(t, CONTROL);
	struct virtio_gpu_ctrl_hdr hdr = header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	const struct piece across_request[] = {{request, 24, 0},
					       {response, DISPLAY_INFO_SIZE, VRING_DESC_F_WRITE}};
	const struct piece across_response[] = {{response, 24, 0},
						{request - 100, 111 + 100, VRING_DESC_F_WRITE}};
	uint32_t type;

	memcpy(guest_at(t, request), &hdr, sizeof(hdr));
	ring_publish(ring, ring_add(ring, across_request, 2));
	ring_kick(ring);
	require(t, ring_wait(ring, 1), "no answer");
	check(t, ring_take(ring).len == DISPLAY_INFO_SIZE, "not all of the answer");
	memcpy(&type, guest_at(t, response), sizeof(type));
	check(t, le32toh(type) == VIRTIO_GPU_RESP_OK_DISPLAY_INFO, "answer 0x%x", le32toh(type));

	memcpy(guest_at(t, response), &hdr, sizeof(hdr));
	ring_publish(ring, ring_add(ring, across_response, 2));
	ring_kick(ring);
	require(t, ring_wait(ring, 1), "no answer");
	check(t, ring_take(ring).len == 211, "not all of the room");
}

static void huge_lengths(struct rig *t)
{
	uint64_t gpa = guest_display_info(t);
	const struct piece long_request[] = {{gpa, 0xffffffff, 0},
					     {gpa + 1024, 24, VRING_DESC_F_WRITE}};
	const struct piece long_response[] = {{gpa, 24, 0},
					      {gpa + 1024, 0xffffffff, VRING_DESC_F_WRITE}};
	const struct piece wrapping[] = {{UINT64_MAX - 3, 24, 0},
					 {gpa + 1024, 24, VRING_DESC_F_WRITE}};

	by_hand(t, long_request, 2);
	by_hand(t, long_response, 2);
	by_hand(t, wrapping, 2);
	expect_serving(t);
}

static void batch(struct rig *t)
{
	struct virtio_gpu_ctrl_hdr request = header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	struct pending *pending[4];
	struct reply *replies = keep(t, 4 * sizeof(*replies));

	for (unsigned int i = 0; i < 4; i++)
		pending[i] =
			post(t, CONTROL, &request, sizeof(request), DISPLAY_INFO_SIZE, "* / *");
	kick(t, CONTROL);
	collect(t, pending, 4, replies);
	for (unsigned int i = 0; i < 4; i++)
		expect_info(t, replies[i]);
}

static void response_over_request(struct rig *t)
{
	uint64_t gpa = guest_display_info(t);
	const struct piece pieces[] = {{gpa, 24, 0}, {gpa, 24, VRING_DESC_F_WRITE}};

	by_hand(t, pieces, COUNT(pieces));
	expect_serving(t);
}

const struct vector frm_vectors[] = {
	VECTOR("VG-FRM-001", "a request may be cut in any way", cut_requests),
	VECTOR("VG-FRM-002", "a response may be cut in any way", cut_responses),
	VECTOR("VG-FRM-003", "a chain may be as long as the queue", long_chains),
	VECTOR("VG-FRM-004", "a header that is cut short is answered with an error", short_header),
	VECTOR("VG-FRM-005", "a command that is cut short is an error and does nothing",
	       short_body),
	VECTOR("VG-FRM-006", "bytes after the command are ignored", long_body),
	VECTOR("VG-FRM-007", "a command without room for an answer is executed", no_response),
	VECTOR("VG-FRM-008", "a short response has what fits", short_response),
	VECTOR("VG-FRM-009", "what is left of a long response is not touched", long_response),
	VECTOR("VG-FRM-010", "a chain without a request is answered with an error", only_writable),
	VECTOR("VG-FRM-011", "readable descriptors after writable ones are survived", wrong_order),
	VECTOR("VG-FRM-012", "the request is left alone", request_is_left_alone),
	VECTOR("VG-FRM-013", "what is in a writable descriptor is not read", response_is_not_read),
	VECTOR("VG-FRM-014", "an empty descriptor is survived", empty_descriptor),
	VECTOR("VG-FRM-015", "a request where there is no memory is survived", unmapped_request),
	VECTOR("VG-FRM-016", "a response where there is no memory is survived", unmapped_response),
	VECTOR("VG-FRM-017", "a descriptor may cross the seam of two regions", over_the_seam,
	       .needs = NEED_SEAM),
	VECTOR("VG-FRM-018", "huge and wrapping lengths are survived", huge_lengths),
	VECTOR("VG-FRM-019", "several requests may come with one notification", batch),
	VECTOR("VG-FRM-020", "a response that overwrites its request is survived",
	       response_over_request),
	{0},
};
