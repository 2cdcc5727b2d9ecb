/* SPDX-License-Identifier: MIT */
/* Resources: their ids, their backing, their end. Blobs too. */
#include "lint/lint.h"

#include <inttypes.h>
#include <linux/virtio_gpu.h>
#include <stdlib.h>

#define ENTRIES_SORTED_MAX 65536u

/* ---- creating -------------------------------------------------------------------------- */

static void check_new_id(struct lint *lint, const struct lint_request *request)
{
	if (request->id == 0)
		lint_blame(lint, RES_001, request, "%s", "The new resource has the id 0.");
	else if (lint_guest_living(&lint->guest, request->id) != NULL && !request->answered_ok)
		lint_blame(lint, RES_002, request, "There is a resource %u.", request->id);
}

static void check_create_2d(struct lint *lint, const struct lint_request *request)
{
	check_new_id(lint, request);
	if (vgpu_format_name(request->format) == NULL || request->width == 0 ||
	    request->height == 0)
		lint_blame(lint, RES_003, request, "The format is %u, the size %ux%u.",
			   request->format, request->width, request->height);
}

/* ---- naming ----------------------------------------------------------------------------- */

static void check_id(struct lint *lint, const struct lint_request *request)
{
	const struct lint_resource *resource = lint_guest_find(&lint->guest, request->id);

	/* What the device did not refuse is there, whatever the trace shows. */
	if (lint->guest.lost || request->answered_ok || (resource != NULL && !resource->gone))
		return;
	if (request->type == VIRTIO_GPU_CMD_RESOURCE_UNREF)
		lint_blame(lint, RES_006, request, "Resource %u %s.", request->id,
			   resource != NULL ? "was unref'd before" : "was never created");
	else if (resource != NULL)
		lint_blame(lint, RES_005, request, "Resource %u was unref'd before.", request->id);
	else
		lint_blame(lint, RES_004, request, "Resource %u was never created.", request->id);
}

/* ---- backing ----------------------------------------------------------------------------- */

struct entry {
	uint64_t gpa, len;
};

static int by_address(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	return x->gpa < y->gpa ? -1 : x->gpa > y->gpa;
}

static void check_overlap(struct lint *lint, const struct lint_request *request)
{
	uint32_t num = request->num_entries;

	if (num < 2 || num > ENTRIES_SORTED_MAX)
		return;
	struct entry *list = calloc(num, sizeof(*list));
	if (list == NULL)
		return;
	for (uint32_t i = 0; i < num; i++)
		list[i] = (struct entry){lint_entry_gpa(request, i), lint_entry_len(request, i)};
	qsort(list, num, sizeof(*list), by_address);
	for (uint32_t i = 1; i < num; i++)
		if (list[i].gpa - list[i - 1].gpa < list[i - 1].len && list[i].len != 0) {
			lint_find(&lint->findings, BAK_004, request->raw,
				  "Two entries hold address 0x%" PRIx64 ".", list[i].gpa);
			break;
		}
	free(list);
}

static void check_joined(struct lint *lint, const struct lint_request *request)
{
	uint32_t joinable = 0;

	for (uint32_t i = 1; i < request->num_entries; i++) {
		uint64_t end = lint_entry_gpa(request, i - 1) + lint_entry_len(request, i - 1);
		uint64_t sum =
			(uint64_t)lint_entry_len(request, i - 1) + lint_entry_len(request, i);
		joinable += end == lint_entry_gpa(request, i) && sum <= UINT32_MAX;
	}
	if (joinable > 0)
		lint_find(&lint->findings, BAK_005, request->raw,
			  "%u of %u entries begin where the one before ends.", joinable,
			  request->num_entries);
}

/* size: bytes that there should be; 0: that is not known */
static void check_entries(struct lint *lint, const struct lint_request *request, uint64_t size)
{
	uint64_t total = 0;
	uint32_t empty = 0;

	for (uint32_t i = 0; i < request->num_entries; i++) {
		uint32_t len = lint_entry_len(request, i);
		total += len;
		empty += len == 0;
	}
	if (empty > 0 || request->num_entries == 0)
		lint_blame(lint, BAK_003, request, "%u of %u entries are empty.", empty,
			   request->num_entries);
	if (total < size)
		lint_find(&lint->findings, BAK_002, request->raw,
			  "The backing has %" PRIu64 " bytes, the resource %" PRIu64 ".", total,
			  size);
	check_overlap(lint, request);
	check_joined(lint, request);
}

#define BLOB(field) offsetof(struct virtio_gpu_resource_create_blob, field)
#define BLOB_FLAGS                                                                                 \
	((uint32_t)(VIRTIO_GPU_BLOB_FLAG_USE_MAPPABLE | VIRTIO_GPU_BLOB_FLAG_USE_SHAREABLE |       \
		    VIRTIO_GPU_BLOB_FLAG_USE_CROSS_DEVICE))

static void check_create_blob(struct lint *lint, const struct lint_request *request)
{
	const uint8_t *bytes = request->raw->request;
	uint32_t len = request->raw->request_len;
	uint32_t memory = vgpu_message_u32(bytes, len, BLOB(blob_mem));
	uint32_t flags = vgpu_message_u32(bytes, len, BLOB(blob_flags));
	uint64_t size = vgpu_message_u64(bytes, len, BLOB(size));
	bool on_host =
		memory == VIRTIO_GPU_BLOB_MEM_HOST3D || memory == VIRTIO_GPU_BLOB_MEM_HOST3D_GUEST;

	check_new_id(lint, request);
	/* Memory can be attached later, too. */
	if (request->entries != NULL && request->num_entries > 0)
		check_entries(lint, request, memory == VIRTIO_GPU_BLOB_MEM_GUEST ? size : 0);
	if ((memory != VIRTIO_GPU_BLOB_MEM_GUEST && !on_host) ||
	    (on_host && !lint_guest_accepted(&lint->guest, VIRTIO_GPU_F_VIRGL)) ||
	    (flags & ~BLOB_FLAGS) != 0 || size == 0)
		lint_blame(lint, BLB_001, request,
			   "The memory is %u, the flags are 0x%x, the size is %" PRIu64 ".", memory,
			   flags, size);
}

static void check_attach(struct lint *lint, const struct lint_request *request)
{
	const struct lint_resource *resource = lint_guest_living(&lint->guest, request->id);

	if (resource == NULL)
		return;
	if (resource->kind == LINT_2D && resource->attached)
		lint_blame(lint, BAK_001, request, "Resource %u has a backing.", request->id);
	if (request->entries != NULL)
		check_entries(lint, request, resource->kind == LINT_2D ? resource->size : 0);
}

static void check_detach(struct lint *lint, const struct lint_request *request)
{
	const struct lint_resource *resource = lint_guest_living(&lint->guest, request->id);

	if (resource != NULL && resource->kind == LINT_2D && !resource->attached)
		lint_blame(lint, BAK_007, request, "Resource %u has no backing.", request->id);
}

/* ---- the end ------------------------------------------------------------------------------ */

static void check_unref(struct lint *lint, const struct lint_request *request)
{
	const struct lint_resource *resource = lint_guest_living(&lint->guest, request->id);

	check_id(lint, request);
	if (resource == NULL)
		return;
	if (resource->kind == LINT_2D && resource->attached)
		lint_find(&lint->findings, BAK_006, request->raw,
			  "Resource %u still had its backing.", request->id);
	if (lint_guest_shows(&lint->guest, request->id))
		lint_find(&lint->findings, SCN_006, request->raw, "Resource %u is on a scanout.",
			  request->id);
}

static void check_request(struct lint *lint, const struct lint_request *request)
{
	if (!request->whole)
		return;
	switch (request->type) {
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_2D:
		check_create_2d(lint, request);
		break;
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_3D:
		check_new_id(lint, request);
		break;
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB:
		check_create_blob(lint, request);
		break;
	case VIRTIO_GPU_CMD_RESOURCE_UNREF:
		check_unref(lint, request);
		break;
	case VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING:
		check_attach(lint, request);
		break;
	case VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING:
		check_detach(lint, request);
		break;
	default:
		break;
	}
	if (lint_names_resource(request))
		check_id(lint, request);
}

static bool is_idle(const struct lint *lint, const struct lint_resource *resource)
{
	return !lint_guest_needs(&lint->guest, resource->id) &&
	       lint->sums.requests - resource->last > LINT_IDLE_REQUESTS;
}

/* What is there at the end. A reset is the driver's if it goes on: recordings end with one, too. */
static void end_life(struct lint *lint)
{
	uint64_t idle = 0, idle_bytes = 0;

	lint->sums.left_resources = 0;
	lint->sums.left_bytes = 0;
	for (unsigned int i = 0; i < lint->guest.num_resources; i++) {
		const struct lint_resource *resource = lint->guest.resources[i];

		if (resource->gone)
			continue;
		lint->sums.left_resources++;
		lint->sums.left_bytes += resource->size;
		if (!is_idle(lint, resource))
			continue;
		idle++;
		idle_bytes += resource->size;
	}
	if (idle >= LINT_IDLE_MANY)
		lint_find(&lint->findings, RES_008, NULL,
			  "%" PRIu64 " resources of %" PRIu64 " bytes were left unused.", idle,
			  idle_bytes);
}

static void start(struct lint *lint, const struct vgpu_start_event *event)
{
	(void)event;
	if (lint->sums.left_resources > 0)
		lint_find(&lint->findings, RES_007, NULL,
			  "At the reset there were %" PRIu64 " resources of %" PRIu64 " bytes.",
			  lint->sums.left_resources, lint->sums.left_bytes);
	lint->sums.left_resources = 0;
}

const struct lint_area lint_area_resources = {
	.start = start,
	.request = check_request,
	.life_end = end_life,
};
