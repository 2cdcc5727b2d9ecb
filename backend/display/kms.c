/* SPDX-License-Identifier: MIT */
/* The device's display on a card: which scanout is where, plugging, and waiting. */
#include "display/kms_output.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#define NS_PER_S 1000000000ull
/* How often connectors are looked at: the kernel has no call that waits for one. */
#define CHECK_NS NS_PER_S
/* How long a connector that cannot show a picture is let alone. */
#define FAILED_NS (10 * NS_PER_S)

struct vgpu_kms {
	struct vgpu_device *device;
	struct kms_card card;
	char *connector; /* NULL: all */
	void (*log)(void *opaque, const char *line);
	void *opaque;

	int epoll;   /* of the three: the card, and ... */
	int wake_fd; /* ... readable when the guest has shown something ... */
	int timer;   /* ... or when it is time for what had to wait */
	bool woken;
	bool lost_master;
	uint64_t check_ns;
	uint64_t timer_ns; /* what the timer is set to */
	unsigned int num_outputs;
	struct kms_output outputs[VGPU_MAX_SCANOUTS];
};

static void __attribute__((format(printf, 2, 3)))
say(const struct vgpu_kms *kms, const char *format, ...)
{
	char line[256];
	va_list args;

	if (kms->log == NULL)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	kms->log(kms->opaque, line);
}

/* ---- the display seam: note what is to be shown -------------------------------------- */

static void wake(struct vgpu_kms *kms)
{
	const uint64_t one = 1;

	if (kms->woken)
		return;
	kms->woken = write(kms->wake_fd, &one, sizeof(one)) == sizeof(one);
}

static void on_set_scanout(void *opaque, uint32_t id, const struct vgpu_scanout *scanout)
{
	struct vgpu_kms *kms = opaque;

	kms_output_set_scanout(&kms->outputs[id], scanout);
	wake(kms);
}

static void on_flush(void *opaque, uint32_t id, const struct vgpu_rect *rect)
{
	struct vgpu_kms *kms = opaque;

	kms_output_flush(&kms->outputs[id], rect);
	wake(kms);
}

static void on_cursor(void *opaque, uint32_t id, const struct vgpu_cursor *cursor, bool moved_only)
{
	struct vgpu_kms *kms = opaque;

	(void)cursor;
	kms_output_cursor(&kms->outputs[id], moved_only);
	wake(kms);
}

static const struct vgpu_display_ops display_ops = {
	.set_scanout = on_set_scanout,
	.flush = on_flush,
	.cursor = on_cursor,
};

/* ---- plugging ---------------------------------------------------------------------------- */

static bool in_use(const struct vgpu_kms *kms, const drmModeConnector *connector)
{
	for (unsigned int i = 0; i < kms->num_outputs; i++)
		if (kms->outputs[i].connector != NULL &&
		    kms->outputs[i].pipe.connector_id == connector->connector_id)
			return true;
	return false;
}

/* A connector with a display that no scanout is on, its modes known; NULL: none. */
static drmModeConnector *free_connector(const struct vgpu_kms *kms)
{
	drmModeConnector *connector;
	uint32_t connector_id;

	for (unsigned int n = 0;; n++) {
		connector = kms_card_connector(&kms->card, n, kms->connector, false);
		if (connector == NULL)
			return NULL;
		if (!in_use(kms, connector))
			break;
		drmModeFreeConnector(connector);
	}
	connector_id = connector->connector_id;
	drmModeFreeConnector(connector);
	return drmModeGetConnector(kms->card.fd, connector_id);
}

static void attach(struct vgpu_kms *kms, struct kms_output *output, uint64_t now)
{
	drmModeConnector *connector = free_connector(kms);

	if (connector == NULL)
		return;
	if (kms_output_attach(output, connector) != 0) {
		output->next_ns = now + FAILED_NS;
		return;
	}
	const drmModeModeInfo *mode =
		kms_choose_mode(connector->modes, connector->count_modes, 0, 0);
	say(kms, "scanout %u is on %s of %s, which prefers %ux%u", output->scanout_id, output->name,
	    kms->card.path, mode->hdisplay, mode->vdisplay);
}

static void check_unplugged(struct vgpu_kms *kms, struct kms_output *output)
{
	drmModeConnector *connector =
		drmModeGetConnectorCurrent(kms->card.fd, output->pipe.connector_id);

	if (connector == NULL || !kms_connector_has_display(connector)) {
		say(kms, "%s has lost its display", output->name);
		kms_output_detach(output);
	}
	drmModeFreeConnector(connector);
}

static void check(struct vgpu_kms *kms, uint64_t now)
{
	if (kms->lost_master && drmSetMaster(kms->card.fd) == 0) {
		say(kms, "%s is ours again", kms->card.path);
		kms->lost_master = false;
	}
	for (unsigned int i = 0; i < kms->num_outputs; i++)
		if (kms->outputs[i].connector != NULL)
			check_unplugged(kms, &kms->outputs[i]);
	for (unsigned int i = 0; i < kms->num_outputs; i++)
		if (kms->outputs[i].connector == NULL && now >= kms->outputs[i].next_ns)
			attach(kms, &kms->outputs[i], now);
}

/* ---- running ------------------------------------------------------------------------------- */

static void on_flip(int fd, unsigned int sequence, unsigned int seconds, unsigned int us,
		    unsigned int crtc_id, void *opaque)
{
	(void)fd;
	(void)sequence;
	(void)seconds;
	(void)us;
	(void)crtc_id;
	kms_output_flipped(opaque);
}

static void failed(struct vgpu_kms *kms, struct kms_output *output, int rc, uint64_t now)
{
	if (rc == -EACCES || rc == -EPERM) {
		if (!kms->lost_master)
			say(kms, "%s has another master now; waiting for it", kms->card.path);
		kms->lost_master = true;
		output->mode_is_set = false;
		return;
	}
	say(kms, "%s: cannot show a picture: %s", output->name, strerror(-rc));
	kms_output_detach(output);
	output->next_ns = now + FAILED_NS;
}

/* What a file that counts has counted is of no interest. */
static void drain(int fd)
{
	uint64_t count;

	while (read(fd, &count, sizeof(count)) == sizeof(count))
		continue;
}

static void set_timer(struct vgpu_kms *kms, uint64_t ns)
{
	/* A time of 0 would stop it. */
	const uint64_t at = ns == 0 ? 1 : ns;
	const struct itimerspec when = {
		.it_value = {.tv_sec = (time_t)(at / NS_PER_S), .tv_nsec = (long)(at % NS_PER_S)},
	};

	if (kms->timer_ns == ns)
		return;
	timerfd_settime(kms->timer, TFD_TIMER_ABSTIME, &when, NULL);
	kms->timer_ns = ns;
}

void vgpu_kms_run(struct vgpu_kms *kms)
{
	drmEventContext events = {.version = 3, .page_flip_handler2 = on_flip};
	uint64_t now = vgpu_now_ns();

	/* The card does not block: where there is no event, nothing happens. */
	drmHandleEvent(kms->card.fd, &events);
	if (kms->woken)
		drain(kms->wake_fd);
	kms->woken = false;
	if (now >= kms->timer_ns) {
		drain(kms->timer);
		kms->timer_ns = UINT64_MAX;
	}
	if (now >= kms->check_ns) {
		check(kms, now);
		kms->check_ns = now + CHECK_NS;
	}
	uint64_t wanted = kms->check_ns;
	for (unsigned int i = 0; i < kms->num_outputs && !kms->lost_master; i++) {
		uint64_t next;
		int rc = kms_output_run(&kms->outputs[i], now, &next);

		if (rc != 0)
			failed(kms, &kms->outputs[i], rc, now);
		else if (next < wanted)
			wanted = next;
	}
	set_timer(kms, wanted);
}

int vgpu_kms_fd(const struct vgpu_kms *kms)
{
	return kms->epoll;
}

int vgpu_kms_size(const struct vgpu_kms *kms, unsigned int n, uint32_t *width, uint32_t *height)
{
	if (n >= kms->num_outputs || kms->outputs[n].connector == NULL)
		return -ENOENT;
	const drmModeConnector *connector = kms->outputs[n].connector;
	const drmModeModeInfo *mode =
		kms_choose_mode(connector->modes, connector->count_modes, 0, 0);

	*width = mode->hdisplay;
	*height = mode->vdisplay;
	return 0;
}

/* ---- life ------------------------------------------------------------------------------------ */

static int watch(const struct vgpu_kms *kms, int fd)
{
	struct epoll_event event = {.events = EPOLLIN};

	if (fd < 0 || epoll_ctl(kms->epoll, EPOLL_CTL_ADD, fd, &event) < 0)
		return -errno;
	return 0;
}

static int open_waiting(struct vgpu_kms *kms, struct vgpu_error *err)
{
	kms->epoll = epoll_create1(EPOLL_CLOEXEC);
	kms->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	kms->timer = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
	if (kms->epoll < 0 || watch(kms, kms->wake_fd) != 0 || watch(kms, kms->timer) != 0 ||
	    watch(kms, kms->card.fd) != 0)
		return vgpu_error_set(err, errno, "cannot wait for the display: %s",
				      strerror(errno));
	return 0;
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* The guest may have shown something before there was a display. */
static void take_over(struct vgpu_kms *kms)
{
	for (unsigned int i = 0; i < kms->num_outputs; i++) {
		const struct vgpu_scanout *scanout = vgpu_device_scanout(kms->device, i);
		const struct vgpu_rect all = {.width = scanout->rect.width,
					      .height = scanout->rect.height};

		if (scanout->resource_id != 0)
			kms_output_flush(&kms->outputs[i], &all);
	}
	vgpu_device_set_display(kms->device, &display_ops, kms);
	wake(kms);
}

static int open_display(struct vgpu_kms *kms, const struct vgpu_kms_options *options,
			struct vgpu_error *err)
{
	kms->device = options->device;
	kms->log = options->log;
	kms->opaque = options->opaque;
	if (options->connector != NULL) {
		kms->connector = strdup(options->connector);
		if (kms->connector == NULL)
			return vgpu_error_set(err, ENOMEM, "out of memory");
	}
	int rc = kms_card_open(&kms->card, options->card, options->connector, options->legacy, err);
	if (rc == 0)
		rc = open_waiting(kms, err);
	if (rc != 0)
		return rc;
	kms->num_outputs = vgpu_device_num_scanouts(kms->device);
	for (unsigned int i = 0; i < kms->num_outputs; i++) {
		kms->outputs[i].device = kms->device;
		kms->outputs[i].card = &kms->card;
		kms->outputs[i].scanout_id = i;
	}
	kms->timer_ns = UINT64_MAX;
	check(kms, vgpu_now_ns());
	take_over(kms);
	return 0;
}

struct vgpu_kms *vgpu_kms_new(const struct vgpu_kms_options *options, int *code,
			      struct vgpu_error *err)
{
	struct vgpu_kms *kms = calloc(1, sizeof(*kms));
	int rc = -ENOMEM;

	if (kms == NULL) {
		vgpu_error_set(err, ENOMEM, "out of memory");
	} else {
		kms->card.fd = -1;
		kms->epoll = -1;
		kms->wake_fd = -1;
		kms->timer = -1;
		rc = open_display(kms, options, err);
	}
	if (rc != 0) {
		vgpu_kms_free(kms);
		kms = NULL;
	}
	if (code != NULL)
		*code = rc;
	return kms;
}

void vgpu_kms_free(struct vgpu_kms *kms)
{
	if (kms == NULL)
		return;
	if (kms->num_outputs > 0)
		vgpu_device_set_display(kms->device, NULL, NULL);
	/* First what was shown before, then what we showed: the screen is never dark. */
	kms_card_restore(&kms->card);
	for (unsigned int i = 0; i < kms->num_outputs; i++)
		kms_output_fini(&kms->outputs[i]);
	kms_card_close(&kms->card);
	close_fd(kms->timer);
	close_fd(kms->wake_fd);
	close_fd(kms->epoll);
	free(kms->connector);
	free(kms);
}
