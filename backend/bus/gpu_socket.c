/* SPDX-License-Identifier: MIT */
#include "bus/gpu_socket.h"

#include "bus/gpu_messages.h"
#include "gpu/resource.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_gpu.h>
#include <poll.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * The front end reads a message with blocking reads in its main loop, so one
 * message is a short band of the picture, and never half of it waits for long.
 */
#define BAND_BYTES (128u << 10)
#define WIDTH_MAX  (BAND_BYTES / 4)
#define OUT_SIZE   (sizeof(struct gpu_header) + sizeof(struct gpu_update) + BAND_BYTES)
#define IN_SIZE	   (sizeof(struct gpu_header) + sizeof(struct virtio_gpu_resp_display_info))
#define REPLY_NS   1000000000ull

_Static_assert(OUT_SIZE >= sizeof(struct gpu_header) + sizeof(struct gpu_cursor_update), "fits");

/* What the front end has not been told yet. */
struct pending {
	bool scanout; /* another resource or rectangle, or none */
	bool whole;   /* so the next flush changes all of it, whatever it says */
	bool damaged;
	struct vgpu_rect damage; /* all that changed, as one rectangle */
	bool cursor_picture, cursor_position;
};

struct vgpu_gpu_socket {
	struct vgpu_device *device;
	bool ask;
	void (*log)(void *opaque, const char *line);
	void *opaque;

	int fd;
	bool send_features, send_features_reply, send_display_info;
	uint32_t awaited; /* the request whose reply comes next; 0: none */
	uint64_t deadline;
	bool gave_up; /* it does not answer; ask no more */
	struct pending pending[VGPU_MAX_SCANOUTS];
	size_t out_len, out_done;
	size_t in_len;
	/* Payloads follow a header of 12 bytes; so they are aligned. */
	uint32_t align_out __attribute__((aligned(8)));
	uint8_t out[OUT_SIZE];
	uint32_t align_in __attribute__((aligned(8)));
	uint8_t in[IN_SIZE];
};

_Static_assert((offsetof(struct vgpu_gpu_socket, out) + sizeof(struct gpu_header)) % 8 == 0,
	       "aligned");
_Static_assert((offsetof(struct vgpu_gpu_socket, in) + sizeof(struct gpu_header)) % 8 == 0,
	       "aligned");

static void say(struct vgpu_gpu_socket *gpu, const char *line)
{
	if (gpu->log != NULL)
		gpu->log(gpu->opaque, line);
}

/* ---- the display seam: note what is to be sent ---------------------------- */

static int on_refresh(void *opaque)
{
	struct vgpu_gpu_socket *gpu = opaque;

	if (!gpu->ask || gpu->fd < 0 || gpu->gave_up)
		return 0;
	gpu->send_display_info = true;
	if (gpu->deadline == UINT64_MAX)
		gpu->deadline = vgpu_now_ns() + REPLY_NS;
	return -EINPROGRESS;
}

static void damage_all(struct vgpu_gpu_socket *gpu, uint32_t id)
{
	const struct vgpu_scanout *scanout = vgpu_device_scanout(gpu->device, id);

	gpu->pending[id].damaged = scanout->resource_id != 0;
	gpu->pending[id].damage =
		(struct vgpu_rect){.width = scanout->rect.width, .height = scanout->rect.height};
}

static void on_set_scanout(void *opaque, uint32_t id, const struct vgpu_scanout *scanout)
{
	struct vgpu_gpu_socket *gpu = opaque;

	gpu->pending[id].scanout = true;
	gpu->pending[id].whole = scanout->resource_id != 0;
	gpu->pending[id].damaged = false;
}

static void on_flush(void *opaque, uint32_t id, const struct vgpu_rect *rect)
{
	struct vgpu_gpu_socket *gpu = opaque;
	struct pending *pending = &gpu->pending[id];

	if (pending->whole) {
		pending->whole = false;
		damage_all(gpu, id);
	} else if (pending->damaged) {
		struct vgpu_rect *all = &pending->damage;
		uint32_t right = rect->x + rect->width, bottom = rect->y + rect->height;
		uint32_t all_right = all->x + all->width, all_bottom = all->y + all->height;

		all->x = rect->x < all->x ? rect->x : all->x;
		all->y = rect->y < all->y ? rect->y : all->y;
		all->width = (right > all_right ? right : all_right) - all->x;
		all->height = (bottom > all_bottom ? bottom : all_bottom) - all->y;
	} else {
		pending->damaged = true;
		pending->damage = *rect;
	}
}

static void on_cursor(void *opaque, uint32_t id, const struct vgpu_cursor *cursor, bool moved_only)
{
	struct vgpu_gpu_socket *gpu = opaque;

	gpu->pending[id].cursor_position = true;
	if (!moved_only && cursor->visible)
		gpu->pending[id].cursor_picture = true;
}

static const struct vgpu_display_ops display_ops = {
	.refresh = on_refresh,
	.set_scanout = on_set_scanout,
	.flush = on_flush,
	.cursor = on_cursor,
};

/* ---- out ----------------------------------------------------------------------- */

static void *begin(struct vgpu_gpu_socket *gpu, uint32_t request, uint32_t size)
{
	struct gpu_header *header = (void *)gpu->out;

	*header = (struct gpu_header){.request = request, .size = size};
	gpu->out_len = sizeof(*header) + size;
	gpu->out_done = 0;
	return header + 1;
}

static bool make_question(struct vgpu_gpu_socket *gpu)
{
	if (gpu->send_features) {
		begin(gpu, GPU_GET_PROTOCOL_FEATURES, 0);
		gpu->send_features = false;
		gpu->awaited = GPU_GET_PROTOCOL_FEATURES;
		if (gpu->deadline == UINT64_MAX)
			gpu->deadline = vgpu_now_ns() + REPLY_NS;
		return true;
	}
	if (gpu->send_features_reply) {
		/* EDIDs are ours and buffers are copied: no feature is of use. */
		uint64_t *features = begin(gpu, GPU_SET_PROTOCOL_FEATURES, sizeof(*features));

		*features = 0;
		gpu->send_features_reply = false;
		return true;
	}
	if (gpu->send_display_info && gpu->awaited == 0) {
		begin(gpu, GPU_GET_DISPLAY_INFO, 0);
		gpu->send_display_info = false;
		gpu->awaited = GPU_GET_DISPLAY_INFO;
		return true;
	}
	return false;
}

static bool make_scanout(struct vgpu_gpu_socket *gpu, uint32_t id)
{
	const struct vgpu_scanout *scanout = vgpu_device_scanout(gpu->device, id);

	if (!gpu->pending[id].scanout)
		return false;
	gpu->pending[id].scanout = false;
	struct gpu_scanout *payload = begin(gpu, GPU_SCANOUT, sizeof(*payload));
	*payload = (struct gpu_scanout){.scanout_id = id};
	if (scanout->resource_id != 0) {
		payload->width = scanout->rect.width;
		payload->height = scanout->rect.height;
	}
	return true;
}

static bool make_cursor(struct vgpu_gpu_socket *gpu, uint32_t id)
{
	const struct vgpu_cursor *cursor = vgpu_device_cursor(gpu->device, id);
	struct pending *pending = &gpu->pending[id];
	struct gpu_cursor_pos pos = {.scanout_id = id, .x = cursor->x, .y = cursor->y};

	if (!pending->cursor_position)
		return false;
	if (pending->cursor_picture && cursor->visible) {
		struct gpu_cursor_update *payload = begin(gpu, GPU_CURSOR_UPDATE, sizeof(*payload));

		payload->pos = pos;
		payload->hot_x = cursor->hot_x;
		payload->hot_y = cursor->hot_y;
		memcpy(payload->pixels, cursor->pixels, sizeof(payload->pixels));
	} else {
		struct gpu_cursor_pos *payload =
			begin(gpu, cursor->visible ? GPU_CURSOR_POS : GPU_CURSOR_POS_HIDE,
			      sizeof(*payload));

		*payload = pos;
	}
	pending->cursor_picture = false;
	pending->cursor_position = false;
	return true;
}

/* The next band of what changed. */
static bool make_update(struct vgpu_gpu_socket *gpu, uint32_t id)
{
	struct pending *pending = &gpu->pending[id];
	struct vgpu_rect band = pending->damage;

	if (!pending->damaged)
		return false;
	/* No display has more columns than one band can hold. */
	if (band.width > WIDTH_MAX)
		band.width = WIDTH_MAX;
	uint32_t rows = BAND_BYTES / (band.width * 4);
	if (band.height > rows)
		band.height = rows;
	struct gpu_update *payload = (void *)(gpu->out + sizeof(struct gpu_header));
	if (vgpu_device_read_scanout(gpu->device, id, &band, payload->pixels, band.width * 4ul)) {
		/* Disabled or made smaller since: SCANOUT has told, or will tell. */
		pending->damaged = false;
		return false;
	}
	begin(gpu, GPU_UPDATE, (uint32_t)(sizeof(*payload) + band.width * 4ul * band.height));
	payload->scanout_id = id;
	payload->x = band.x;
	payload->y = band.y;
	payload->width = band.width;
	payload->height = band.height;
	pending->damage.y += band.height;
	pending->damage.height -= band.height;
	pending->damaged = pending->damage.height != 0;
	return true;
}

/* Nothing is shown before both ends know what the other can do. */
static bool is_new(const struct vgpu_gpu_socket *gpu)
{
	return gpu->awaited == GPU_GET_PROTOCOL_FEATURES && !gpu->gave_up;
}

/* Puts the next message into out. Returns false if there is none. */
static bool make_message(struct vgpu_gpu_socket *gpu)
{
	static bool (*const makers[])(struct vgpu_gpu_socket *,
				      uint32_t) = {make_scanout, make_cursor, make_update};

	if (make_question(gpu))
		return true;
	if (is_new(gpu))
		return false;
	/* Nothing before a SCANOUT of its own: an UPDATE without one ends QEMU. */
	for (size_t i = 0; i < sizeof(makers) / sizeof(makers[0]); i++)
		for (uint32_t id = 0; id < vgpu_device_num_scanouts(gpu->device); id++)
			if (makers[i](gpu, id))
				return true;
	return false;
}

static int send_some(struct vgpu_gpu_socket *gpu)
{
	while (gpu->out_done < gpu->out_len) {
		ssize_t n = send(gpu->fd, gpu->out + gpu->out_done, gpu->out_len - gpu->out_done,
				 MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0)
			return errno == EINTR ? 0 : -errno;
		gpu->out_done += (size_t)n;
	}
	return 0;
}

/* A share of the messages, so that a busy display leaves time for the guest. */
#define MESSAGES_PER_RUN 8

static int flush_out(struct vgpu_gpu_socket *gpu)
{
	for (int i = 0; i < MESSAGES_PER_RUN; i++) {
		if (gpu->out_done == gpu->out_len && !make_message(gpu))
			return 0;
		int rc = send_some(gpu);
		if (rc != 0)
			return rc == -EAGAIN ? 0 : rc;
	}
	return 0;
}

/* ---- in ------------------------------------------------------------------------ */

static void answered(struct vgpu_gpu_socket *gpu)
{
	gpu->awaited = 0;
	gpu->deadline = gpu->send_display_info ? vgpu_now_ns() + REPLY_NS : UINT64_MAX;
}

static void on_display_info(struct vgpu_gpu_socket *gpu,
			    const struct virtio_gpu_resp_display_info *info)
{
	bool beyond = false;

	for (uint32_t i = 0; i < VGPU_MAX_SCANOUTS; i++) {
		const struct virtio_gpu_display_one *one = &info->pmodes[i];
		struct vgpu_output output = {.rect = {.x = le32toh(one->r.x),
						      .y = le32toh(one->r.y),
						      .width = le32toh(one->r.width),
						      .height = le32toh(one->r.height)},
					     .enabled = one->enabled != 0};

		if (i >= vgpu_device_num_scanouts(gpu->device))
			beyond |= output.enabled;
		/* The front end tells the guest of changes itself. */
		vgpu_device_set_output(gpu->device, i, &output, false);
	}
	if (beyond)
		say(gpu, "the front end has more displays than the device has scanouts");
}

static int take_reply(struct vgpu_gpu_socket *gpu, const struct gpu_header *header)
{
	if ((header->flags & GPU_FLAG_REPLY) == 0 || header->request != gpu->awaited)
		return -EPROTO;
	switch (header->request) {
	case GPU_GET_PROTOCOL_FEATURES:
		if (header->size != sizeof(uint64_t))
			return -EPROTO;
		gpu->send_features_reply = true;
		answered(gpu);
		return 0;
	case GPU_GET_DISPLAY_INFO:
		if (header->size != sizeof(struct virtio_gpu_resp_display_info))
			return -EPROTO;
		on_display_info(gpu, (const void *)(header + 1));
		answered(gpu);
		vgpu_device_refreshed(gpu->device);
		return 0;
	default:
		return -EPROTO;
	}
}

static int read_in(struct vgpu_gpu_socket *gpu)
{
	const struct gpu_header *header = (const void *)gpu->in;

	for (;;) {
		size_t want = sizeof(*header);

		if (gpu->in_len >= want) {
			if (header->size > sizeof(gpu->in) - sizeof(*header))
				return -EPROTO;
			want += header->size;
		}
		if (gpu->in_len == want) {
			gpu->in_len = 0;
			int rc = take_reply(gpu, header);
			if (rc != 0)
				return rc;
			continue;
		}
		ssize_t n = recv(gpu->fd, gpu->in + gpu->in_len, want - gpu->in_len, MSG_DONTWAIT);
		if (n == 0)
			return -ECONNRESET;
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		gpu->in_len += (size_t)n;
	}
}

/* ---- life ---------------------------------------------------------------------- */

struct vgpu_gpu_socket *vgpu_gpu_socket_new(struct vgpu_device *device, bool ask,
					    void (*log)(void *opaque, const char *line),
					    void *opaque)
{
	struct vgpu_gpu_socket *gpu = calloc(1, sizeof(*gpu));

	if (gpu == NULL)
		return NULL;
	gpu->device = device;
	gpu->ask = ask;
	gpu->log = log;
	gpu->opaque = opaque;
	gpu->fd = -1;
	gpu->deadline = UINT64_MAX;
	vgpu_device_set_display(device, &display_ops, gpu);
	return gpu;
}

void vgpu_gpu_socket_free(struct vgpu_gpu_socket *gpu)
{
	if (gpu == NULL)
		return;
	vgpu_device_set_display(gpu->device, NULL, NULL);
	if (gpu->fd >= 0)
		close(gpu->fd);
	free(gpu);
}

void vgpu_gpu_socket_close(struct vgpu_gpu_socket *gpu)
{
	if (gpu->fd < 0)
		return;
	close(gpu->fd);
	gpu->fd = -1;
	gpu->send_features = false;
	gpu->send_features_reply = false;
	gpu->send_display_info = false;
	gpu->awaited = 0;
	gpu->deadline = UINT64_MAX;
	gpu->out_len = 0;
	gpu->out_done = 0;
	gpu->in_len = 0;
	/* A request that waits for the front end is answered with what is known. */
	vgpu_device_refreshed(gpu->device);
}

void vgpu_gpu_socket_open(struct vgpu_gpu_socket *gpu, int fd)
{
	const int room = MESSAGES_PER_RUN * BAND_BYTES;

	vgpu_gpu_socket_close(gpu);
	/* So that a share of the messages goes at once; less will do. */
	setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	gpu->fd = fd;
	gpu->gave_up = false;
	gpu->send_features = true;
	memset(gpu->pending, 0, sizeof(gpu->pending));
	for (uint32_t id = 0; id < vgpu_device_num_scanouts(gpu->device); id++) {
		struct pending *pending = &gpu->pending[id];

		pending->scanout = vgpu_device_scanout(gpu->device, id)->resource_id != 0;
		pending->cursor_picture = vgpu_device_cursor(gpu->device, id)->visible;
		pending->cursor_position = pending->cursor_picture;
		damage_all(gpu, id);
	}
}

int vgpu_gpu_socket_fd(const struct vgpu_gpu_socket *gpu)
{
	return gpu->fd;
}

static bool has_work(const struct vgpu_gpu_socket *gpu)
{
	if (gpu->out_done < gpu->out_len || gpu->send_features || gpu->send_features_reply ||
	    (gpu->send_display_info && gpu->awaited == 0))
		return true;
	for (uint32_t id = 0; id < VGPU_MAX_SCANOUTS && !is_new(gpu); id++) {
		const struct pending *pending = &gpu->pending[id];

		if (pending->scanout || pending->damaged || pending->cursor_position)
			return true;
	}
	return false;
}

short vgpu_gpu_socket_events(const struct vgpu_gpu_socket *gpu)
{
	return has_work(gpu) ? POLLIN | POLLOUT : POLLIN;
}

uint64_t vgpu_gpu_socket_deadline(const struct vgpu_gpu_socket *gpu)
{
	return gpu->deadline;
}

static void give_up(struct vgpu_gpu_socket *gpu)
{
	say(gpu, "the front end does not answer on its display socket; going on without");
	gpu->gave_up = true;
	gpu->send_display_info = false;
	gpu->deadline = UINT64_MAX;
	vgpu_device_refreshed(gpu->device);
}

void vgpu_gpu_socket_run(struct vgpu_gpu_socket *gpu, short revents)
{
	int rc = 0;

	if (gpu->fd < 0)
		return;
	if ((revents & (POLLIN | POLLHUP | POLLERR)) != 0)
		rc = read_in(gpu);
	if (rc == 0 && (revents & POLLOUT) != 0)
		rc = flush_out(gpu);
	if (rc != 0) {
		/* Its end, at every reset of the guest, is nothing to speak of. */
		if (rc == -EPROTO)
			say(gpu, "the front end sent nonsense on its display socket; closing it");
		vgpu_gpu_socket_close(gpu);
		return;
	}
	if (vgpu_now_ns() >= gpu->deadline)
		give_up(gpu);
}
