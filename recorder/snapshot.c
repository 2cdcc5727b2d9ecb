/* SPDX-License-Identifier: MIT */
#include "snapshot.h"

#include "trace/format.h"

#include <endian.h>
#include <linux/virtio_gpu.h>
#include <string.h>

/*
 * Where no guest has memory: what a resource holds need not be what is behind it now,
 * so it is transferred from here, piece by piece.
 */
#define SPARE_GPA     (1ull << 46)
#define PIECE_SIZE    (32u << 20)
#define CURSOR_PIXELS ((size_t)VGPU_CURSOR_SIZE * VGPU_CURSOR_SIZE)

_Static_assert(sizeof(struct vgpu_snapshot_room) >= 4 * CURSOR_PIXELS, "a cursor has room");

struct snapshot {
	const struct vgpu_device *device;
	void (*put)(void *opaque, const struct vgpu_trace_record *record);
	void *opaque;
	struct vgpu_snapshot_room *room;
	uint64_t time_ns;
};

/* Guest memory that a request reads: one piece, at SPARE_GPA and as far behind. */
struct piece {
	const void *data;
	uint32_t len, pitch;
	uint64_t offset;
};

static void put_answered(const struct snapshot *snapshot, unsigned int queue, const void *request,
			 uint32_t len, const void *response, uint32_t response_len,
			 const struct piece *piece)
{
	const struct vgpu_chain_desc descs[] = {{len, false}, {response_len, true}};
	struct vgpu_trace_segment segment;
	struct vgpu_trace_record record = {
		.type = VGPU_TRACE_REQUEST,
		.time_ns = snapshot->time_ns,
		.request = {.begin_ns = snapshot->time_ns,
			    .end_ns = snapshot->time_ns,
			    .queue = queue,
			    .indirect_at = -1,
			    .descs = descs,
			    .num_descs = 2,
			    .request = request,
			    .request_len = len,
			    .response = response,
			    .used_len = response_len,
			    .state = true},
	};

	if (piece != NULL) {
		segment = (struct vgpu_trace_segment){SPARE_GPA + piece->offset, piece->len};
		record.request.segments = &segment;
		record.request.num_segments = 1;
		record.request.data = piece->data;
		record.request.data_len = piece->len;
		record.request.pitch = piece->pitch;
	}
	snapshot->put(snapshot->opaque, &record);
}

static void put(const struct snapshot *snapshot, uint32_t type, void *request, uint32_t len,
		const struct piece *piece)
{
	const struct virtio_gpu_ctrl_hdr answer = {.type = htole32(VIRTIO_GPU_RESP_OK_NODATA)};
	bool cursor = type == VIRTIO_GPU_CMD_UPDATE_CURSOR || type == VIRTIO_GPU_CMD_MOVE_CURSOR;
	struct virtio_gpu_ctrl_hdr *header = request;

	header->type = htole32(type);
	put_answered(snapshot, cursor ? VGPU_QUEUE_CURSOR : VGPU_QUEUE_CONTROL, request, len,
		     &answer, sizeof(answer), piece);
}

/* ---- resources --------------------------------------------------------------------- */

static void create(const struct snapshot *snapshot, uint32_t id, uint32_t format, uint32_t width,
		   uint32_t height)
{
	struct virtio_gpu_resource_create_2d request = {.resource_id = htole32(id),
							.format = htole32(format),
							.width = htole32(width),
							.height = htole32(height)};

	put(snapshot, VIRTIO_GPU_CMD_RESOURCE_CREATE_2D, &request, sizeof(request), NULL);
}

/* The whole picture, whose rows of pitch bytes lie behind each other. */
static void fill(const struct snapshot *snapshot, uint32_t id, uint32_t width, uint32_t height,
		 const uint8_t *pixels)
{
	uint64_t pitch = (uint64_t)width * 4;
	uint32_t rows = pitch < PIECE_SIZE ? (uint32_t)(PIECE_SIZE / pitch) : 1;
	struct {
		struct virtio_gpu_resource_attach_backing head;
		struct virtio_gpu_mem_entry entry;
	} attach = {.head = {.resource_id = htole32(id), .nr_entries = htole32(1)}};
	struct virtio_gpu_resource_detach_backing detach = {.resource_id = htole32(id)};

	rows = rows < height ? rows : height;
	attach.entry.addr = htole64(SPARE_GPA);
	attach.entry.length = htole32((uint32_t)(rows * pitch));
	put(snapshot, VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, &attach, sizeof(attach), NULL);
	for (uint32_t y = 0; y < height; y += rows) {
		uint32_t count = height - y < rows ? height - y : rows;
		const struct piece piece = {.data = pixels + y * pitch,
					    .len = (uint32_t)(count * pitch),
					    .pitch = (uint32_t)pitch};
		struct virtio_gpu_transfer_to_host_2d transfer = {
			.r = {.y = htole32(y), .width = htole32(width), .height = htole32(count)},
			.resource_id = htole32(id)};

		put(snapshot, VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D, &transfer, sizeof(transfer),
		    &piece);
	}
	put(snapshot, VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, &detach, sizeof(detach), NULL);
}

static bool is_blank(const uint8_t *pixels, uint64_t len)
{
	return len == 0 || (pixels[0] == 0 && memcmp(pixels, pixels + 1, len - 1) == 0);
}

/* A request with the list of what is behind the resource. */
static void put_entries(const struct snapshot *snapshot, uint32_t type, const void *fixed,
			size_t fixed_len, const struct vgpu_resource_state *state)
{
	size_t len = fixed_len + state->num_backing * sizeof(struct virtio_gpu_mem_entry);
	uint8_t *request = snapshot->room->bytes;

	memcpy(request, fixed, fixed_len);
	for (size_t i = 0; i < state->num_backing; i++) {
		const struct virtio_gpu_mem_entry entry = {.addr = htole64(state->backing[i].gpa),
							   .length =
								   htole32(state->backing[i].len)};

		memcpy(request + fixed_len + i * sizeof(entry), &entry, sizeof(entry));
	}
	put(snapshot, type, request, (uint32_t)len, NULL);
}

static void put_backing(const struct snapshot *snapshot, const struct vgpu_resource_state *state)
{
	const struct virtio_gpu_resource_attach_backing attach = {
		.resource_id = htole32(state->id),
		.nr_entries = htole32((uint32_t)state->num_backing)};

	if (state->num_backing != 0)
		put_entries(snapshot, VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING, &attach,
			    sizeof(attach), state);
}

static void put_blob(const struct snapshot *snapshot, const struct vgpu_resource_state *state)
{
	const struct virtio_gpu_resource_create_blob create_blob = {
		.resource_id = htole32(state->id),
		.blob_mem = htole32(VIRTIO_GPU_BLOB_MEM_GUEST),
		.nr_entries = htole32((uint32_t)state->num_backing),
		.size = htole64(state->blob_size)};

	put_entries(snapshot, VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB, &create_blob,
		    sizeof(create_blob), state);
}

/*
 * Whether the blob is shown though there is no guest memory behind it any more: what was
 * read of that last. What lies beyond the first 4 GiB of a blob is not said again.
 */
static bool outlives_backing(const struct snapshot *snapshot,
			     const struct vgpu_resource_state *state)
{
	bool shown = false;

	if (state->blob_size == 0 || state->num_backing != 0 || state->pixels == NULL ||
	    state->pixels_len > TRACE_MAX_DATA ||
	    state->pixels_begin + state->pixels_len > UINT32_MAX)
		return false;
	for (uint32_t i = 0; i < vgpu_device_num_scanouts(snapshot->device); i++)
		shown |= vgpu_device_scanout(snapshot->device, i)->resource_id == state->id;
	return shown;
}

/* With spare memory that is large enough for what is shown, as often as it takes. */
static void put_spare_blob(const struct snapshot *snapshot, struct vgpu_resource_state *state)
{
	const uint64_t max = VGPU_BACKING_ENTRIES_MAX;
	const uint64_t least = (state->blob_size + max - 1) / max;
	uint64_t len = state->pixels_begin + state->pixels_len;
	struct vgpu_backing_entry *entries = snapshot->room->entries;

	/* As large as what was behind it, which had no more entries. */
	len = len > least ? len : least;
	state->num_backing = (size_t)((state->blob_size + len - 1) / len);
	for (size_t i = 0; i < state->num_backing; i++)
		entries[i] = (struct vgpu_backing_entry){SPARE_GPA, (uint32_t)len};
	state->backing = entries;
	put_blob(snapshot, state);
}

/* Its scanouts read it once more, and then the memory goes. */
static void put_shown_blob(const struct snapshot *snapshot, const struct vgpu_resource_state *state)
{
	const struct piece piece = {.data = state->pixels,
				    .len = (uint32_t)state->pixels_len,
				    .offset = state->pixels_begin};
	struct virtio_gpu_resource_flush flush = {
		.r = {.width = htole32(UINT32_MAX), .height = htole32(UINT32_MAX)},
		.resource_id = htole32(state->id)};
	struct virtio_gpu_resource_detach_backing detach = {.resource_id = htole32(state->id)};

	put(snapshot, VIRTIO_GPU_CMD_RESOURCE_FLUSH, &flush, sizeof(flush), &piece);
	put(snapshot, VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING, &detach, sizeof(detach), NULL);
}

static void put_2d(const struct snapshot *snapshot, const struct vgpu_resource_state *state)
{
	create(snapshot, state->id, state->format, state->width, state->height);
	if (!is_blank(state->pixels, state->pixels_len))
		fill(snapshot, state->id, state->width, state->height, state->pixels);
	put_backing(snapshot, state);
}

static void put_uuid(const struct snapshot *snapshot, const struct vgpu_resource_state *state)
{
	const struct virtio_gpu_resource_assign_uuid request = {
		.hdr.type = htole32(VIRTIO_GPU_CMD_RESOURCE_ASSIGN_UUID),
		.resource_id = htole32(state->id)};
	struct virtio_gpu_resp_resource_uuid answer = {
		.hdr.type = htole32(VIRTIO_GPU_RESP_OK_RESOURCE_UUID)};

	memcpy(answer.uuid, state->uuid, sizeof(answer.uuid));
	put_answered(snapshot, VGPU_QUEUE_CONTROL, &request, sizeof(request), &answer,
		     sizeof(answer), NULL);
}

static void put_resources(const struct snapshot *snapshot)
{
	struct vgpu_resource_state state;
	uint64_t position = 0;

	while (vgpu_device_next_resource(snapshot->device, &position, &state)) {
		if (outlives_backing(snapshot, &state))
			put_spare_blob(snapshot, &state);
		else if (state.blob_size != 0)
			put_blob(snapshot, &state);
		else
			put_2d(snapshot, &state);
		if (state.has_uuid)
			put_uuid(snapshot, &state);
	}
}

static void put_shown_blobs(const struct snapshot *snapshot)
{
	struct vgpu_resource_state state;
	uint64_t position = 0;

	while (vgpu_device_next_resource(snapshot->device, &position, &state))
		if (outlives_backing(snapshot, &state))
			put_shown_blob(snapshot, &state);
}

/* ---- scanouts ------------------------------------------------------------------------ */

static struct virtio_gpu_rect wire_rect(const struct vgpu_rect *rect)
{
	return (struct virtio_gpu_rect){htole32(rect->x), htole32(rect->y), htole32(rect->width),
					htole32(rect->height)};
}

static void put_scanout(const struct snapshot *snapshot, uint32_t scanout_id)
{
	const struct vgpu_scanout *scanout = vgpu_device_scanout(snapshot->device, scanout_id);
	struct virtio_gpu_set_scanout plain = {.r = wire_rect(&scanout->rect),
					       .scanout_id = htole32(scanout_id),
					       .resource_id = htole32(scanout->resource_id)};
	struct vgpu_blob_picture picture;

	if (scanout->resource_id == 0)
		return;
	if (!vgpu_device_scanout_blob(snapshot->device, scanout_id, &picture)) {
		put(snapshot, VIRTIO_GPU_CMD_SET_SCANOUT, &plain, sizeof(plain), NULL);
		return;
	}
	/* The picture goes as far as the scanout does: what is beyond is not shown. */
	struct virtio_gpu_set_scanout_blob blob = {
		.r = plain.r,
		.scanout_id = plain.scanout_id,
		.resource_id = plain.resource_id,
		.width = htole32(scanout->rect.x + scanout->rect.width),
		.height = htole32(scanout->rect.y + scanout->rect.height),
		.format = htole32(picture.format),
		.strides = {htole32(picture.stride)},
		.offsets = {htole32(picture.offset)}};
	put(snapshot, VIRTIO_GPU_CMD_SET_SCANOUT_BLOB, &blob, sizeof(blob), NULL);
}

/* ---- cursors --------------------------------------------------------------------------- */

/* A picture that outlives its resource, as the guest's may have done (VG-CUR-015). */
static void put_cursor(const struct snapshot *snapshot, uint32_t scanout_id, uint32_t id)
{
	const struct vgpu_cursor *cursor = vgpu_device_cursor(snapshot->device, scanout_id);
	struct virtio_gpu_update_cursor request = {.pos = {.scanout_id = htole32(scanout_id),
							   .x = htole32(cursor->x),
							   .y = htole32(cursor->y)},
						   .resource_id = htole32(id),
						   .hot_x = htole32(cursor->hot_x),
						   .hot_y = htole32(cursor->hot_y)};
	struct virtio_gpu_resource_unref unref = {.resource_id = htole32(id)};

	if (!cursor->visible) {
		if (cursor->x != 0 || cursor->y != 0)
			put(snapshot, VIRTIO_GPU_CMD_MOVE_CURSOR, &request, sizeof(request), NULL);
		return;
	}
	uint32_t *pixels = (uint32_t *)snapshot->room->bytes;
	for (size_t i = 0; i < CURSOR_PIXELS; i++)
		pixels[i] = htole32(cursor->pixels[i]);
	create(snapshot, id, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, VGPU_CURSOR_SIZE, VGPU_CURSOR_SIZE);
	fill(snapshot, id, VGPU_CURSOR_SIZE, VGPU_CURSOR_SIZE, (const uint8_t *)pixels);
	put(snapshot, VIRTIO_GPU_CMD_UPDATE_CURSOR, &request, sizeof(request), NULL);
	put(snapshot, VIRTIO_GPU_CMD_RESOURCE_UNREF, &unref, sizeof(unref), NULL);
}

void vgpu_snapshot(const struct vgpu_device *device, struct vgpu_snapshot_room *room,
		   void (*put_record)(void *opaque, const struct vgpu_trace_record *record),
		   void *opaque)
{
	const struct snapshot snapshot = {.device = device,
					  .put = put_record,
					  .opaque = opaque,
					  .room = room,
					  .time_ns = vgpu_now_ns()};
	uint32_t id = UINT32_MAX;

	while (vgpu_device_has_resource(device, id))
		id--;
	/* Cursors first: their resource is gone before the others take their memory. */
	for (uint32_t i = 0; i < vgpu_device_num_scanouts(device); i++)
		put_cursor(&snapshot, i, id);
	put_resources(&snapshot);
	for (uint32_t i = 0; i < vgpu_device_num_scanouts(device); i++)
		put_scanout(&snapshot, i);
	put_shown_blobs(&snapshot);
}
