/* SPDX-License-Identifier: MIT */
/* VG-UID: RESOURCE_ASSIGN_UUID. */
#include "conformance/vocabulary/command.h"

#include <string.h>

extern const struct vector uid_vectors[];

#define UUID FEATURE(VIRTIO_GPU_F_RESOURCE_UUID)
#define MANY 16

struct uuid {
	uint8_t bytes[16];
};

static struct uuid assign(struct rig *t, uint32_t id)
{
	struct reply reply = assign_uuid(t, id);
	struct uuid uuid;

	expect_type(t, reply, VIRTIO_GPU_RESP_OK_RESOURCE_UUID,
		    sizeof(struct virtio_gpu_resp_resource_uuid));
	memcpy(&uuid, reply.bytes + sizeof(struct virtio_gpu_ctrl_hdr), sizeof(uuid));
	return uuid;
}

static bool equal(const struct uuid *a, const struct uuid *b)
{
	return memcmp(a, b, sizeof(*a)) == 0;
}

static void answer_of_40_bytes(struct rig *t)
{
	struct resource r = bare_2d(t, 16, 16, B8G8R8X8);
	struct uuid uuid = assign(t, r.id);
	unsigned int nothing = 0;

	for (unsigned int i = 0; i < sizeof(uuid); i++)
		nothing += uuid.bytes[i] == UNWRITTEN || uuid.bytes[i] == 0;
	check(t, nothing < sizeof(uuid), "there is no UUID in the answer");
}

static void asked_twice(struct rig *t)
{
	struct resource r = bare_2d(t, 16, 16, B8G8R8X8);
	struct uuid first = assign(t, r.id), second = assign(t, r.id);

	prefer(t, equal(&first, &second), "the second UUID is another one");
}

static void version_4(struct rig *t)
{
	for (unsigned int i = 0; i < MANY; i++) {
		struct resource r = bare_2d(t, 16, 16, B8G8R8X8);
		struct uuid uuid = assign(t, r.id);

		check(t, uuid.bytes[6] >> 4 == 4, "resource %u: version %u", r.id,
		      uuid.bytes[6] >> 4);
		check(t, uuid.bytes[8] >> 6 == 2, "resource %u: variant %u", r.id,
		      uuid.bytes[8] >> 6);
	}
}

static void all_different(struct rig *t)
{
	struct uuid uuids[MANY];

	for (unsigned int i = 0; i < MANY; i++) {
		struct resource r = bare_2d(t, 16, 16, B8G8R8X8);

		uuids[i] = assign(t, r.id);
		for (unsigned int k = 0; k < i; k++)
			check(t, !equal(&uuids[i], &uuids[k]), "resources %u and %u have one UUID",
			      k, i);
	}
}

static void unknown_id(struct rig *t)
{
	expect_error(t, assign_uuid(t, 999), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_error(t, assign_uuid(t, 0), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
}

static void recycled_id(struct rig *t)
{
	struct resource r = bare_2d(t, 16, 16, B8G8R8X8);
	struct uuid old = assign(t, r.id);

	expect_ok(t, unref(t, r.id));
	expect_error(t, assign_uuid(t, r.id), VIRTIO_GPU_RESP_ERR_INVALID_RESOURCE_ID);
	expect_ok(t, create_2d(t, r.id, 16, 16, B8G8R8X8));
	struct uuid new = assign(t, r.id);
	check(t, !equal(&old, &new), "a new resource has the UUID of the old one");
}

/*
 * Where the first fields are little-endian, as in a GUID, the version is in byte 7. Who
 * makes UUIDs without a version cannot be asked.
 */
static void order_of_bytes(struct rig *t)
{
	unsigned int in_place = 0, swapped = 0;

	for (unsigned int i = 0; i < MANY; i++) {
		struct resource r = bare_2d(t, 16, 16, B8G8R8X8);
		struct uuid uuid = assign(t, r.id);

		in_place += uuid.bytes[6] >> 4 == 4;
		swapped += uuid.bytes[7] >> 4 == 4;
	}
	if (in_place < MANY && swapped < MANY)
		not_asked(t, "its UUIDs have no version");
	check(t, in_place == MANY, "the fields of its UUIDs are little-endian");
}

const struct vector uid_vectors[] = {
	VECTOR("VG-UID-001", "the answer of 40 bytes has a UUID", answer_of_40_bytes, .with = UUID),
	VECTOR("VG-UID-002", "a resource that is asked twice has one UUID", asked_twice,
	       .with = UUID),
	VECTOR("VG-UID-003", "UUIDs are of version 4", version_4, .with = UUID),
	VECTOR("VG-UID-004", "no two resources have one UUID", all_different, .with = UUID),
	VECTOR("VG-UID-005", "what is not there has no UUID", unknown_id, .with = UUID),
	VECTOR("VG-UID-006", "a new resource has a new UUID, whatever its id", recycled_id,
	       .with = UUID),
	VECTOR("VG-UID-007", "the bytes of a UUID are in the order of RFC 4122", order_of_bytes,
	       .with = UUID),
	{0},
};
