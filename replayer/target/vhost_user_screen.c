/* SPDX-License-Identifier: MIT */
#include "target/vhost_user_screen.h"

#include "bus/gpu_messages.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/virtio_gpu.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* The largest picture, and so the largest message; and all pictures together. */
#define SIDE_MAX    16384u
#define PIXELS_MAX  (64u << 20)
#define ALL_MAX	    (4ull * PIXELS_MAX)
#define PAYLOAD_MAX (sizeof(struct gpu_update) + 4ull * PIXELS_MAX)
/* Bytes that are read before others may look. */
#define TURN_BYTES (1u << 20)

struct picture {
	uint32_t width, height; /* 0: the scanout shows nothing */
	uint32_t *pixels;	/* x8r8g8b8 words */
	bool dmabuf;		/* it shows a buffer that is not read */
};

struct vgpu_vhost_user_screen {
	pthread_t thread;
	bool running;
	/* The thread holds it unless it waits; it guards all that follows. */
	pthread_mutex_t lock;
	/* Others who want it: the thread gives way, however much there is to read. */
	atomic_uint wanted;
	int fd;
	unsigned int num_scanouts;
	struct vgpu_output outputs[VGPU_MAX_SCANOUTS];
	struct picture pictures[VGPU_MAX_SCANOUTS];
	struct vgpu_cursor cursors[VGPU_MAX_SCANOUTS];
	uint64_t received;
	bool broken;
	struct vgpu_error why;
	/* The message that is being received. */
	struct gpu_header header;
	uint8_t *payload;
	size_t in_len, capacity;
};

/* ---- what a back end says ------------------------------------------------------- */

static int nonsense(struct vgpu_vhost_user_screen *screen, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static int nonsense(struct vgpu_vhost_user_screen *screen, const char *format, ...)
{
	struct vgpu_error text;
	va_list args;

	va_start(args, format);
	vsnprintf(text.text, sizeof(text.text), format, args);
	va_end(args);
	return vgpu_error_set(&screen->why, EPROTO, "display socket: %.400s", text.text);
}

/* A back end that leaves its answers unread is not waited for. */
static int reply(struct vgpu_vhost_user_screen *screen, const void *payload, uint32_t size)
{
	struct {
		struct gpu_header header;
		uint8_t payload[sizeof(struct virtio_gpu_resp_edid)];
	} out = {.header = {screen->header.request, GPU_FLAG_REPLY, size}};
	size_t len = sizeof(out.header) + size;

	if (size > 0)
		memcpy(out.payload, payload, size);
	if (send(screen->fd, &out, len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t)len)
		return nonsense(screen, "the answer to message %u is not read",
				screen->header.request);
	return 0;
}

static int get_protocol_features(struct vgpu_vhost_user_screen *screen)
{
	const uint64_t features = 1u << GPU_PROTOCOL_F_EDID;

	return reply(screen, &features, sizeof(features));
}

static int set_protocol_features(struct vgpu_vhost_user_screen *screen)
{
	uint64_t features;

	memcpy(&features, screen->payload, sizeof(features));
	if ((features & ~(1ull << GPU_PROTOCOL_F_EDID)) != 0)
		return nonsense(screen, "protocol features 0x%llx were not offered",
				(unsigned long long)features);
	return 0;
}

static int get_display_info(struct vgpu_vhost_user_screen *screen)
{
	struct virtio_gpu_resp_display_info info = {
		.hdr.type = htole32(VIRTIO_GPU_RESP_OK_DISPLAY_INFO)};

	for (unsigned int i = 0; i < screen->num_scanouts; i++) {
		const struct vgpu_output *output = &screen->outputs[i];

		info.pmodes[i].r.x = htole32(output->rect.x);
		info.pmodes[i].r.y = htole32(output->rect.y);
		info.pmodes[i].r.width = htole32(output->rect.width);
		info.pmodes[i].r.height = htole32(output->rect.height);
		info.pmodes[i].enabled = htole32(output->enabled);
	}
	return reply(screen, &info, sizeof(info));
}

/* As from QEMU, there is no answer for a scanout that is not there: the asker must know. */
static int get_edid(struct vgpu_vhost_user_screen *screen)
{
	struct virtio_gpu_resp_edid edid = {.hdr.type = htole32(VIRTIO_GPU_RESP_OK_EDID),
					    .size = htole32(VGPU_EDID_SIZE)};
	uint32_t id;

	memcpy(&id, screen->payload, sizeof(id));
	if (id >= screen->num_scanouts)
		return 0;
	vgpu_edid(edid.edid, id, screen->outputs[id].rect.width, screen->outputs[id].rect.height);
	return reply(screen, &edid, sizeof(edid));
}

static int cursor_pos(struct vgpu_vhost_user_screen *screen)
{
	struct gpu_cursor_pos pos;

	memcpy(&pos, screen->payload, sizeof(pos));
	if (pos.scanout_id >= VGPU_MAX_SCANOUTS)
		return 0;
	struct vgpu_cursor *cursor = &screen->cursors[pos.scanout_id];
	cursor->visible = screen->header.request != GPU_CURSOR_POS_HIDE;
	cursor->x = pos.x;
	cursor->y = pos.y;
	return 0;
}

static int cursor_update(struct vgpu_vhost_user_screen *screen)
{
	const struct gpu_cursor_update *update = (const void *)screen->payload;

	if (update->pos.scanout_id >= VGPU_MAX_SCANOUTS)
		return 0;
	struct vgpu_cursor *cursor = &screen->cursors[update->pos.scanout_id];
	cursor->hot_x = update->hot_x;
	cursor->hot_y = update->hot_y;
	memcpy(cursor->pixels, update->pixels, sizeof(cursor->pixels));
	return cursor_pos(screen);
}

static void clear_picture(struct picture *picture)
{
	free(picture->pixels);
	*picture = (struct picture){0};
}

static uint64_t pixels_shown(const struct vgpu_vhost_user_screen *screen)
{
	uint64_t pixels = 0;

	for (unsigned int i = 0; i < VGPU_MAX_SCANOUTS; i++)
		pixels += (uint64_t)screen->pictures[i].width * screen->pictures[i].height;
	return pixels;
}

/* A new scanout is black until it is updated. */
static int set_scanout(struct vgpu_vhost_user_screen *screen)
{
	struct gpu_scanout scanout;

	memcpy(&scanout, screen->payload, sizeof(scanout));
	if (scanout.scanout_id >= VGPU_MAX_SCANOUTS)
		return 0;
	struct picture *picture = &screen->pictures[scanout.scanout_id];
	clear_picture(picture);
	if (scanout.width == 0 || scanout.height == 0)
		return 0;
	uint64_t pixels = (uint64_t)scanout.width * scanout.height;
	if (scanout.width > SIDE_MAX || scanout.height > SIDE_MAX || pixels > PIXELS_MAX ||
	    pixels > ALL_MAX - pixels_shown(screen))
		return nonsense(screen, "a scanout of %ux%u", scanout.width, scanout.height);
	picture->pixels = calloc((size_t)scanout.width * scanout.height, sizeof(uint32_t));
	if (picture->pixels == NULL)
		return nonsense(screen, "no memory for a scanout of %ux%u", scanout.width,
				scanout.height);
	picture->width = scanout.width;
	picture->height = scanout.height;
	return 0;
}

static uint32_t cut(uint32_t from, uint32_t length, uint32_t end)
{
	if (from >= end)
		return 0;
	return length < end - from ? length : end - from;
}

static int update(struct vgpu_vhost_user_screen *screen)
{
	const struct gpu_update *update = (const void *)screen->payload;

	if ((uint64_t)update->width * update->height >
	    (screen->header.size - sizeof(*update)) / sizeof(uint32_t))
		return nonsense(screen, "an update of %ux%u pixels in %u bytes", update->width,
				update->height, screen->header.size);
	if (update->scanout_id >= VGPU_MAX_SCANOUTS || update->width == 0 || update->height == 0)
		return 0;
	struct picture *picture = &screen->pictures[update->scanout_id];
	if (picture->pixels == NULL)
		return nonsense(screen, "an update of scanout %u, which is off: that ends QEMU",
				update->scanout_id);
	/* What lies outside is not seen. */
	uint32_t width = cut(update->x, update->width, picture->width);
	uint32_t height = cut(update->y, update->height, picture->height);
	for (uint32_t y = 0; y < height; y++)
		memcpy(picture->pixels + (size_t)(update->y + y) * picture->width + update->x,
		       update->pixels + (size_t)y * update->width, width * sizeof(uint32_t));
	return 0;
}

/* No dma-buf is read here; that it is one is told to who wants the picture. */
static int dmabuf_scanout(struct vgpu_vhost_user_screen *screen)
{
	uint32_t id, size[2];

	memcpy(&id, screen->payload, sizeof(id));
	memcpy(size, screen->payload + 12, sizeof(size));
	if (id >= VGPU_MAX_SCANOUTS)
		return 0;
	clear_picture(&screen->pictures[id]);
	screen->pictures[id].dmabuf = size[0] != 0 && size[1] != 0;
	return 0;
}

static int dmabuf_update(struct vgpu_vhost_user_screen *screen)
{
	return reply(screen, NULL, 0);
}

static const struct handler {
	uint32_t request;
	uint32_t size; /* of the payload */
	bool more;     /* it may be longer */
	int (*handle)(struct vgpu_vhost_user_screen *screen);
} handlers[] = {
	{GPU_GET_PROTOCOL_FEATURES, 0, false, get_protocol_features},
	{GPU_SET_PROTOCOL_FEATURES, 8, false, set_protocol_features},
	{GPU_GET_DISPLAY_INFO, 0, false, get_display_info},
	{GPU_CURSOR_POS, sizeof(struct gpu_cursor_pos), false, cursor_pos},
	{GPU_CURSOR_POS_HIDE, sizeof(struct gpu_cursor_pos), false, cursor_pos},
	{GPU_CURSOR_UPDATE, sizeof(struct gpu_cursor_update), false, cursor_update},
	{GPU_SCANOUT, sizeof(struct gpu_scanout), false, set_scanout},
	{GPU_UPDATE, sizeof(struct gpu_update), true, update},
	{GPU_DMABUF_SCANOUT, 40, false, dmabuf_scanout},
	{GPU_DMABUF_UPDATE, sizeof(struct gpu_update), false, dmabuf_update},
	{GPU_GET_EDID, 4, false, get_edid},
	{GPU_DMABUF_SCANOUT2, 48, false, dmabuf_scanout},
};

/* ---- receiving -------------------------------------------------------------------- */

static const struct handler *handler_of(uint32_t request)
{
	for (size_t i = 0; i < sizeof(handlers) / sizeof(handlers[0]); i++)
		if (handlers[i].request == request)
			return &handlers[i];
	return NULL;
}

/* The header is there: makes room for the payload. */
static int begin_payload(struct vgpu_vhost_user_screen *screen)
{
	const struct gpu_header *header = &screen->header;
	const struct handler *handler = handler_of(header->request);

	if (handler == NULL || header->size < handler->size || header->size > PAYLOAD_MAX ||
	    (header->size != handler->size && !handler->more))
		return nonsense(screen, "no message %u has %u bytes", header->request,
				header->size);
	if (header->size <= screen->capacity)
		return 0;
	uint8_t *bigger = realloc(screen->payload, header->size);
	if (bigger == NULL)
		return nonsense(screen, "no memory for a message of %u bytes", header->size);
	screen->payload = bigger;
	screen->capacity = header->size;
	return 0;
}

/* Bytes that the message in progress still lacks, and where they go. */
static size_t missing(const struct vgpu_vhost_user_screen *screen, uint8_t **to)
{
	const size_t header = sizeof(screen->header);

	if (screen->in_len < header) {
		*to = (uint8_t *)&screen->header + screen->in_len;
		return header - screen->in_len;
	}
	size_t left = header + screen->header.size - screen->in_len;
	/* Before the first payload there is no place for one. */
	*to = left != 0 ? screen->payload + (screen->in_len - header) : NULL;
	return left;
}

/*
 * Takes what is there and looks at none of it: a back end that talks nonsense is
 * to be told of by what it said, not by the signal that a closed socket gives it.
 */
static int pass_over(struct vgpu_vhost_user_screen *screen)
{
	uint8_t bytes[4096];
	ssize_t n = recv(screen->fd, bytes, sizeof(bytes), MSG_DONTWAIT);

	return n > 0 || (n < 0 && (errno == EAGAIN || errno == EINTR)) ? 0 : -EPIPE;
}

/* Takes what is there, for a turn. 0, or why there will be no more. */
static int take(struct vgpu_vhost_user_screen *screen)
{
	const uint64_t end = screen->received + TURN_BYTES;

	for (;;) {
		uint8_t *to;
		size_t want = missing(screen, &to);
		int ret = 0;

		if (want == 0) {
			screen->in_len = 0;
			ret = handler_of(screen->header.request)->handle(screen);
			if (ret < 0)
				return ret;
			continue;
		}
		if (screen->received >= end)
			return 0;
		ssize_t n = recv(screen->fd, to, want, MSG_DONTWAIT);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return 0;
		if (n <= 0) {
			nonsense(screen, "the back end has closed it");
			screen->broken = true;
			return -EPIPE;
		}
		screen->received += (size_t)n;
		screen->in_len += (size_t)n;
		if (screen->in_len == sizeof(screen->header))
			ret = begin_payload(screen);
		if (ret < 0)
			return ret;
	}
}

static void *serve(void *opaque)
{
	struct vgpu_vhost_user_screen *screen = opaque;
	struct pollfd poller = {.fd = screen->fd, .events = POLLIN};
	int ret = 0;

	while (ret == 0) {
		if (poll(&poller, 1, -1) < 0 && errno != EINTR)
			break;
		while (atomic_load(&screen->wanted) > 0)
			sched_yield();
		pthread_mutex_lock(&screen->lock);
		ret = screen->broken ? pass_over(screen) : take(screen);
		if (ret == -EPROTO) {
			screen->broken = true;
			ret = 0;
		}
		pthread_mutex_unlock(&screen->lock);
	}
	return NULL;
}

/* ---- life --------------------------------------------------------------------------- */

static void lock(struct vgpu_vhost_user_screen *screen)
{
	atomic_fetch_add(&screen->wanted, 1);
	pthread_mutex_lock(&screen->lock);
	atomic_fetch_sub(&screen->wanted, 1);
}

struct vgpu_vhost_user_screen *vgpu_vhost_user_screen_new(const struct vgpu_output *outputs)
{
	struct vgpu_vhost_user_screen *screen = calloc(1, sizeof(*screen));

	if (screen == NULL)
		return NULL;
	screen->fd = -1;
	memcpy(screen->outputs, outputs, sizeof(screen->outputs));
	pthread_mutex_init(&screen->lock, NULL);
	return screen;
}

void vgpu_vhost_user_screen_free(struct vgpu_vhost_user_screen *screen)
{
	if (screen == NULL)
		return;
	vgpu_vhost_user_screen_close(screen);
	pthread_mutex_destroy(&screen->lock);
	free(screen->payload);
	free(screen);
}

void vgpu_vhost_user_screen_close(struct vgpu_vhost_user_screen *screen)
{
	if (screen->running) {
		/* That ends the thread's wait. */
		shutdown(screen->fd, SHUT_RDWR);
		pthread_join(screen->thread, NULL);
	}
	screen->running = false;
	if (screen->fd >= 0)
		close(screen->fd);
	screen->fd = -1;
	screen->in_len = 0;
	screen->broken = false;
	for (unsigned int i = 0; i < VGPU_MAX_SCANOUTS; i++)
		clear_picture(&screen->pictures[i]);
	memset(screen->cursors, 0, sizeof(screen->cursors));
}

int vgpu_vhost_user_screen_open(struct vgpu_vhost_user_screen *screen, unsigned int num_scanouts,
				int *theirs, struct vgpu_error *err)
{
	int pair[2];

	vgpu_vhost_user_screen_close(screen);
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return vgpu_error_set(err, errno, "socketpair: %s", strerror(errno));
	screen->fd = pair[0];
	screen->num_scanouts = num_scanouts;
	int ret = pthread_create(&screen->thread, NULL, serve, screen);
	screen->running = ret == 0;
	if (ret != 0) {
		close(pair[1]);
		return vgpu_error_set(err, ret, "thread: %s", strerror(ret));
	}
	*theirs = pair[1];
	return 0;
}

void vgpu_vhost_user_screen_set_output(struct vgpu_vhost_user_screen *screen, uint32_t id,
				       const struct vgpu_output *output)
{
	lock(screen);
	screen->outputs[id] = *output;
	pthread_mutex_unlock(&screen->lock);
}

/* ---- what is shown ------------------------------------------------------------------ */

int vgpu_vhost_user_screen_quiet(struct vgpu_vhost_user_screen *screen, bool *quiet,
				 uint64_t *received, struct vgpu_error *err)
{
	int waiting = 0, ret = 0;

	lock(screen);
	if (screen->broken)
		ret = vgpu_error_set(err, EPROTO, "%s", screen->why.text);
	else if (screen->fd >= 0)
		ioctl(screen->fd, FIONREAD, &waiting);
	*quiet = waiting == 0 && screen->in_len == 0;
	*received = screen->received;
	pthread_mutex_unlock(&screen->lock);
	return ret;
}

static int copy_picture(const struct picture *picture, uint32_t id, struct vgpu_frame *frame,
			struct vgpu_error *err)
{
	if (picture->dmabuf)
		return vgpu_error_set(err, ENOTSUP, "scanout %u shows a dma-buf, which is not read",
				      id);
	if (picture->pixels == NULL)
		return vgpu_error_set(err, ENOENT, "scanout %u shows nothing", id);
	if (vgpu_frame_resize(frame, picture->width, picture->height) < 0)
		return vgpu_error_set(err, ENOMEM, "out of memory");
	vgpu_frame_pack(frame->rgb, picture->pixels, (size_t)picture->width * picture->height);
	return 0;
}

int vgpu_vhost_user_screen_capture(struct vgpu_vhost_user_screen *screen, uint32_t id,
				   struct vgpu_frame *frame, struct vgpu_error *err)
{
	if (id >= VGPU_MAX_SCANOUTS)
		return vgpu_error_set(err, EINVAL, "no scanout %u", id);
	lock(screen);
	int ret = copy_picture(&screen->pictures[id], id, frame, err);
	pthread_mutex_unlock(&screen->lock);
	return ret;
}

int vgpu_vhost_user_screen_cursor(struct vgpu_vhost_user_screen *screen, uint32_t id,
				  struct vgpu_cursor *cursor, struct vgpu_error *err)
{
	if (id >= VGPU_MAX_SCANOUTS)
		return vgpu_error_set(err, EINVAL, "no scanout %u", id);
	lock(screen);
	*cursor = screen->cursors[id];
	pthread_mutex_unlock(&screen->lock);
	return 0;
}
