/* SPDX-License-Identifier: MIT */
#include "target/qemu_display.h"

#include "target/dbus.h"
#include "target/qmp.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TIMEOUT_MS 10000

/* From this version on, a listener is told at once what is shown. */
#define TELLS_ALL 8

#define CONSOLE	   "org.qemu.Display1.Console"
#define PEER	   "org.freedesktop.DBus.Peer"
#define PROPERTIES "org.freedesktop.DBus.Properties"

#define CURSOR_PIXELS (VGPU_CURSOR_SIZE * VGPU_CURSOR_SIZE)

/* Messages taken at a time without being asked for. */
#define DRAIN_MAX 64

struct listener {
	bool open;
	int error; /* that ended it; 0: none did */
	struct vgpu_dbus dbus;
	struct vgpu_cursor cursor; /* as QEMU told of it */
};

struct vgpu_qemu_display {
	struct vgpu_dbus dbus;
	bool tells_all;
	unsigned int num_scanouts;
	struct vgpu_dbus_message message; /* the last one that came */
	struct listener listeners[VGPU_MAX_SCANOUTS];
};

/* -EIO: QEMU refused, in its own words. */
static int failed(const struct vgpu_qemu_display *display, int ret, const char *what,
		  struct vgpu_error *err)
{
	const struct vgpu_dbus_message *message = &display->message;
	const char *why = strerror(-ret);
	int len = (int)strlen(why);
	uint32_t said;

	if (ret == -EIO && message->type == VGPU_DBUS_ERROR && message->body_len > sizeof(said)) {
		memcpy(&said, message->body, sizeof(said));
		why = (const char *)message->body + sizeof(said);
		len = said < 128 && said < message->body_len - sizeof(said) ? (int)said : 0;
	}
	return vgpu_error_set(err, -ret, "QEMU's display: %s: %.*s", what, len, why);
}

/* ---- what QEMU is asked for ------------------------------------------------------ */

/* Waits for the reply to the last call; what comes before it is news of no interest. */
static int wait_reply(struct vgpu_qemu_display *display)
{
	struct vgpu_dbus_message *message = &display->message;
	uint64_t begin = vgpu_now_ns();

	while (vgpu_now_ns() - begin < TIMEOUT_MS * 1000000ull) {
		int ret = vgpu_dbus_receive(&display->dbus, message, TIMEOUT_MS);

		if (ret < 0)
			return ret;
		if (message->reply_serial != display->dbus.serial)
			continue;
		return message->type == VGPU_DBUS_RETURN ? 0 : -EIO;
	}
	return -ETIMEDOUT;
}

/* -EIO: QEMU refused. */
static int call_console(struct vgpu_qemu_display *display, uint32_t scanout_id,
			const char *interface, const char *member, const char *signature,
			const struct vgpu_dbus_writer *body, int fd)
{
	char path[64];
	const struct vgpu_dbus_method method = {path, interface, member, signature};

	snprintf(path, sizeof(path), "/org/qemu/Display1/Console_%u", scanout_id);
	int ret = vgpu_dbus_call(&display->dbus, &method, body, fd);
	return ret < 0 ? ret : wait_reply(display);
}

/* QEMU's main loop answers this, so whatever it had begun before is done. */
static int settle(struct vgpu_qemu_display *display, uint32_t scanout_id)
{
	struct vgpu_dbus_writer body = {0};

	vgpu_dbus_put_string(&body, CONSOLE);
	vgpu_dbus_put_string(&body, "Head");
	return call_console(display, scanout_id, PROPERTIES, "Get", "ss", &body, -1);
}

/* ---- what QEMU tells -------------------------------------------------------------- */

static int cursor_defined(struct vgpu_cursor *cursor, const struct vgpu_dbus_message *message)
{
	struct {
		uint32_t width, height, hot_x, hot_y, len;
	} shape;

	if (message->body_len != sizeof(shape) + sizeof(cursor->pixels))
		return -EPROTO;
	memcpy(&shape, message->body, sizeof(shape));
	if (shape.width != VGPU_CURSOR_SIZE || shape.height != VGPU_CURSOR_SIZE)
		return -EPROTO;
	cursor->hot_x = shape.hot_x;
	cursor->hot_y = shape.hot_y;
	memcpy(cursor->pixels, message->body + sizeof(shape), sizeof(cursor->pixels));
	return 0;
}

static int mouse_set(struct vgpu_cursor *cursor, const struct vgpu_dbus_message *message)
{
	uint32_t place[3];

	if (message->body_len != sizeof(place))
		return -EPROTO;
	memcpy(place, message->body, sizeof(place));
	cursor->x = place[0];
	cursor->y = place[1];
	cursor->visible = place[2] != 0;
	return 0;
}

/* QEMU waits until it knows that its listener can do nothing beyond the usual. */
static int tell_properties(struct listener *listener, uint32_t serial)
{
	struct vgpu_dbus_writer body = {0};
	static const char name[] = "Interfaces";

	/* One entry, whose string and variant come to 28 bytes. */
	vgpu_dbus_put_u32(&body, 28);
	vgpu_dbus_put_align(&body, 8);
	vgpu_dbus_put_string(&body, name);
	vgpu_dbus_put_signature(&body, "as");
	vgpu_dbus_put_u32(&body, 0);
	return vgpu_dbus_return(&listener->dbus, serial, "a{sv}", &body);
}

static int handle_call(struct listener *listener, const struct vgpu_dbus_message *message)
{
	int ret = 0;

	if (strcmp(message->member, "GetAll") == 0)
		return tell_properties(listener, message->serial);
	if (strcmp(message->member, "CursorDefine") == 0)
		ret = cursor_defined(&listener->cursor, message);
	else if (strcmp(message->member, "MouseSet") == 0)
		ret = mouse_set(&listener->cursor, message);
	if (ret == 0 && message->wants_reply)
		ret = vgpu_dbus_return(&listener->dbus, message->serial, NULL, NULL);
	return ret;
}

/* Handles calls up to one of that name, or up to the reply to ours if it is NULL. */
static int listen_until(struct vgpu_qemu_display *display, struct listener *listener,
			const char *member)
{
	struct vgpu_dbus_message *message = &display->message;
	uint32_t serial = listener->dbus.serial;
	uint64_t begin = vgpu_now_ns();

	while (vgpu_now_ns() - begin < TIMEOUT_MS * 1000000ull) {
		int ret = vgpu_dbus_receive(&listener->dbus, message, TIMEOUT_MS);

		if (ret == 0 && message->type == VGPU_DBUS_CALL)
			ret = handle_call(listener, message);
		if (ret < 0)
			return ret;
		if (member == NULL ? message->reply_serial == serial
				   : strcmp(message->member, member) == 0)
			return 0;
	}
	return -ETIMEDOUT;
}

/* Messages leave QEMU in one order, so what it sent before its answer is here with it. */
static int catch_up(struct vgpu_qemu_display *display, struct listener *listener)
{
	static const struct vgpu_dbus_method ping = {"/", PEER, "Ping", NULL};

	if (!listener->open)
		return listener->error;
	int ret = vgpu_dbus_call(&listener->dbus, &ping, NULL, -1);

	return ret < 0 ? ret : listen_until(display, listener, NULL);
}

static void stop_listening(struct listener *listener, int error)
{
	if (listener->open)
		vgpu_dbus_close(&listener->dbus);
	listener->open = false;
	listener->error = error;
}

/* QEMU's main loop stands still from RegisterListener until it has our properties. */
static int start_listening(struct vgpu_qemu_display *display, uint32_t scanout_id)
{
	struct listener *listener = &display->listeners[scanout_id];
	struct vgpu_dbus_writer body = {0};
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	memset(&listener->cursor, 0, sizeof(listener->cursor));
	vgpu_dbus_put_u32(&body, 0); /* the first descriptor of the message */
	int ret =
		call_console(display, scanout_id, CONSOLE, "RegisterListener", "h", &body, pair[1]);
	close(pair[1]);
	if (ret < 0) {
		close(pair[0]);
		return ret;
	}
	listener->open = true;
	ret = vgpu_dbus_open(&listener->dbus, pair[0]);
	if (ret == 0)
		ret = listen_until(display, listener, "GetAll");
	if (ret == 0)
		ret = settle(display, scanout_id);
	if (ret == 0)
		ret = catch_up(display, listener);
	if (ret < 0)
		stop_listening(listener, ret);
	return ret;
}

int vgpu_qemu_display_watch(struct vgpu_qemu_display *display, struct vgpu_error *err)
{
	int ret = 0;

	for (unsigned int i = 0; ret == 0 && !display->tells_all && i < display->num_scanouts; i++)
		ret = start_listening(display, i);
	return ret < 0 ? failed(display, ret, "listening", err) : 0;
}

int vgpu_qemu_display_cursor(struct vgpu_qemu_display *display, uint32_t scanout_id,
			     struct vgpu_cursor *cursor, struct vgpu_error *err)
{
	int ret;

	if (scanout_id >= display->num_scanouts)
		return vgpu_error_set(err, EINVAL, "no scanout %u", scanout_id);
	struct listener *listener = &display->listeners[scanout_id];
	if (listener->open || listener->error != 0)
		ret = catch_up(display, listener);
	else
		ret = start_listening(display, scanout_id);
	if (ret < 0)
		return failed(display, ret, "cursor", err);
	*cursor = listener->cursor;
	/*
	 * Such a QEMU forgets what it did not send yet whenever a whole picture
	 * follows: only a new listener is told the truth.
	 */
	if (display->tells_all)
		stop_listening(listener, 0);
	return 0;
}

void vgpu_qemu_display_drain(struct vgpu_qemu_display *display)
{
	struct vgpu_dbus_message *message = &display->message;

	for (unsigned int i = 0; i < display->num_scanouts; i++) {
		struct listener *listener = &display->listeners[i];
		int ret = listener->open ? 0 : -ETIMEDOUT;

		for (unsigned int taken = 0; ret == 0 && taken < DRAIN_MAX; taken++) {
			ret = vgpu_dbus_receive(&listener->dbus, message, 0);
			if (ret == 0 && message->type == VGPU_DBUS_CALL)
				ret = handle_call(listener, message);
		}
		if (ret < 0 && ret != -ETIMEDOUT)
			stop_listening(listener, ret);
	}
}

/* ---- outputs -------------------------------------------------------------------------- */

int vgpu_qemu_display_set_output(struct vgpu_qemu_display *display, uint32_t scanout_id,
				 const struct vgpu_output *output, struct vgpu_error *err)
{
	struct vgpu_dbus_writer body = {0};
	bool on = output->enabled;

	if (scanout_id >= display->num_scanouts)
		return vgpu_error_set(err, EINVAL, "no scanout %u", scanout_id);
	/*
	 * Millimeters, 0: unknown. QEMU ignores what it was told before, and
	 * zeros are what it begins with, also where the output is on.
	 */
	vgpu_dbus_put_u16(&body, on ? 0 : 1);
	vgpu_dbus_put_u16(&body, on ? 0 : 1);
	vgpu_dbus_put_u32(&body, on ? output->rect.x : 0);
	vgpu_dbus_put_u32(&body, on ? output->rect.y : 0);
	vgpu_dbus_put_u32(&body, on ? output->rect.width : 0);
	vgpu_dbus_put_u32(&body, on ? output->rect.height : 0);
	int ret = call_console(display, scanout_id, CONSOLE, "SetUIInfo", "qqiiuu", &body, -1);
	/* It told the device by a timer that was due at once. */
	if (ret == 0)
		ret = settle(display, scanout_id);
	return ret < 0 ? failed(display, ret, "size of an output", err) : 0;
}

/* ---- connecting --------------------------------------------------------------------------- */

/* Gives QEMU one end of a socket pair under a name; *ours is the other. */
static int hand_over(struct vgpu_peer_socket *qmp, int *ours, struct vgpu_error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return vgpu_error_set(err, errno, "socketpair: %s", strerror(errno));
	*ours = pair[0];
	int ret = vgpu_qmp_give_fd(qmp, "display", pair[1], err);
	close(pair[1]);
	if (ret < 0)
		return ret;
	cJSON *arguments = cJSON_CreateObject();
	cJSON_AddStringToObject(arguments, "protocol", "@dbus-display");
	cJSON_AddStringToObject(arguments, "fdname", "display");
	return vgpu_qmp_execute(qmp, "add_client", arguments, NULL, err);
}

/* A QEMU may answer before it knows its own consoles. */
static int wait_ready(struct vgpu_qemu_display *display)
{
	uint64_t begin = vgpu_now_ns();
	int ret;

	while ((ret = settle(display, 0)) == -EIO) {
		if (vgpu_now_ns() - begin > TIMEOUT_MS * 1000000ull)
			return -ETIMEDOUT;
		usleep(1000);
	}
	return ret;
}

static int connect_display(struct vgpu_qemu_display *display, struct vgpu_peer_socket *qmp,
			   struct vgpu_error *err)
{
	int fd = -1;
	int ret = hand_over(qmp, &fd, err);

	if (ret < 0) {
		if (fd >= 0)
			close(fd);
		return ret;
	}
	ret = vgpu_dbus_open(&display->dbus, fd);
	if (ret == 0)
		ret = wait_ready(display);
	return ret < 0 ? failed(display, ret, "connecting", err) : 0;
}

struct vgpu_qemu_display *vgpu_qemu_display_new(struct vgpu_peer_socket *qmp, unsigned int major,
						unsigned int num_scanouts, int *error,
						struct vgpu_error *err)
{
	struct vgpu_qemu_display *display = calloc(1, sizeof(*display));

	if (display == NULL) {
		*error = vgpu_error_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	display->dbus.socket.fd = -1;
	display->tells_all = major >= TELLS_ALL;
	display->num_scanouts = num_scanouts < VGPU_MAX_SCANOUTS ? num_scanouts : VGPU_MAX_SCANOUTS;
	*error = connect_display(display, qmp, err);
	if (*error == 0)
		return display;
	vgpu_qemu_display_free(display);
	return NULL;
}

void vgpu_qemu_display_free(struct vgpu_qemu_display *display)
{
	if (display == NULL)
		return;
	for (unsigned int i = 0; i < VGPU_MAX_SCANOUTS; i++)
		stop_listening(&display->listeners[i], 0);
	vgpu_dbus_close(&display->dbus);
	free(display);
}
