/* SPDX-License-Identifier: MIT */
#include "target/dbus.h"

#include <endian.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define TIMEOUT_MS 10000

/* What the protocol allows a message to have. */
#define MESSAGE_MAX (128u << 20)
/* Fields of a header: a path, an interface, a member, each a short name. */
#define FIELDS_MAX 1024u

#define NO_REPLY_EXPECTED 0x1
#define VERSION		  1

/* Both ends are processes of this machine, and speak in its byte order. */
#define BYTE_ORDER_MARK (BYTE_ORDER == LITTLE_ENDIAN ? 'l' : 'B')

enum field {
	FIELD_PATH = 1,
	FIELD_INTERFACE = 2,
	FIELD_MEMBER = 3,
	FIELD_REPLY_SERIAL = 5,
	FIELD_SIGNATURE = 8,
	FIELD_UNIX_FDS = 9,
};

struct header {
	uint8_t order, type, flags, version;
	uint32_t body_len, serial, fields_len;
};

_Static_assert(sizeof(struct header) == 16, "a D-Bus header");

/* ---- marshalling ------------------------------------------------------------- */

void vgpu_dbus_put(struct vgpu_dbus_writer *writer, const void *bytes, size_t len)
{
	if (writer->len > sizeof(writer->bytes) || len > sizeof(writer->bytes) - writer->len) {
		writer->len = sizeof(writer->bytes) + 1;
		return;
	}
	memcpy(writer->bytes + writer->len, bytes, len);
	writer->len += len;
}

void vgpu_dbus_put_align(struct vgpu_dbus_writer *writer, size_t align)
{
	static const uint8_t zeros[8];

	vgpu_dbus_put(writer, zeros, (align - writer->len % align) % align);
}

void vgpu_dbus_put_u16(struct vgpu_dbus_writer *writer, uint16_t value)
{
	vgpu_dbus_put_align(writer, sizeof(value));
	vgpu_dbus_put(writer, &value, sizeof(value));
}

void vgpu_dbus_put_u32(struct vgpu_dbus_writer *writer, uint32_t value)
{
	vgpu_dbus_put_align(writer, sizeof(value));
	vgpu_dbus_put(writer, &value, sizeof(value));
}

void vgpu_dbus_put_string(struct vgpu_dbus_writer *writer, const char *text)
{
	vgpu_dbus_put_u32(writer, (uint32_t)strlen(text));
	vgpu_dbus_put(writer, text, strlen(text) + 1);
}

void vgpu_dbus_put_signature(struct vgpu_dbus_writer *writer, const char *text)
{
	uint8_t len = (uint8_t)strlen(text);

	vgpu_dbus_put(writer, &len, 1);
	vgpu_dbus_put(writer, text, strlen(text) + 1);
}

/* The field's code and the type of its value, which has to follow. */
static void put_field(struct vgpu_dbus_writer *writer, enum field field, const char *type)
{
	uint8_t code = field;

	vgpu_dbus_put_align(writer, 8);
	vgpu_dbus_put(writer, &code, 1);
	vgpu_dbus_put_signature(writer, type);
}

static void put_string_field(struct vgpu_dbus_writer *writer, enum field field, const char *type,
			     const char *text)
{
	put_field(writer, field, type);
	vgpu_dbus_put_string(writer, text);
}

static void put_u32_field(struct vgpu_dbus_writer *writer, enum field field, uint32_t value)
{
	put_field(writer, field, "u");
	vgpu_dbus_put_u32(writer, value);
}

/* ---- sending ----------------------------------------------------------------- */

/* A message whose header's fields are there up to those of its body. */
static int finish(struct vgpu_dbus *dbus, struct vgpu_dbus_writer *message, uint8_t type,
		  const char *signature, const struct vgpu_dbus_writer *body, int fd)
{
	struct header header = {.order = BYTE_ORDER_MARK, .type = type, .version = VERSION};

	if (signature != NULL) {
		put_field(message, FIELD_SIGNATURE, "g");
		vgpu_dbus_put_signature(message, signature);
	}
	if (fd >= 0)
		put_u32_field(message, FIELD_UNIX_FDS, 1);
	header.fields_len = (uint32_t)(message->len - sizeof(header));
	vgpu_dbus_put_align(message, 8);
	if (body != NULL) {
		header.body_len = (uint32_t)body->len;
		vgpu_dbus_put(message, body->bytes, body->len);
	}
	if (message->len > sizeof(message->bytes))
		return -EMSGSIZE;
	header.serial = ++dbus->serial;
	memcpy(message->bytes, &header, sizeof(header));
	const char *bytes = (const char *)message->bytes;
	return vgpu_peer_socket_send_fd(&dbus->socket, bytes, message->len, fd, TIMEOUT_MS);
}

int vgpu_dbus_call(struct vgpu_dbus *dbus, const struct vgpu_dbus_method *method,
		   const struct vgpu_dbus_writer *body, int fd)
{
	struct vgpu_dbus_writer message = {.len = sizeof(struct header)};

	put_string_field(&message, FIELD_PATH, "o", method->path);
	put_string_field(&message, FIELD_INTERFACE, "s", method->interface);
	put_string_field(&message, FIELD_MEMBER, "s", method->member);
	return finish(dbus, &message, VGPU_DBUS_CALL, method->signature, body, fd);
}

int vgpu_dbus_return(struct vgpu_dbus *dbus, uint32_t serial, const char *signature,
		     const struct vgpu_dbus_writer *body)
{
	struct vgpu_dbus_writer message = {.len = sizeof(struct header)};

	put_u32_field(&message, FIELD_REPLY_SERIAL, serial);
	return finish(dbus, &message, VGPU_DBUS_RETURN, signature, body, -1);
}

/* ---- receiving ---------------------------------------------------------------- */

struct reader {
	const uint8_t *bytes;
	size_t len, at;
};

/* NULL if there are not so many bytes. */
static const uint8_t *take(struct reader *reader, size_t align, size_t len)
{
	size_t at = (reader->at + align - 1) / align * align;

	if (at > reader->len || len > reader->len - at)
		return NULL;
	reader->at = at + len;
	return reader->bytes + at;
}

static bool take_u32(struct reader *reader, uint32_t *value)
{
	const uint8_t *bytes = take(reader, sizeof(*value), sizeof(*value));

	if (bytes != NULL)
		memcpy(value, bytes, sizeof(*value));
	return bytes != NULL;
}

/* Text whose length came before it, with a zero behind. */
static bool take_text(struct reader *reader, size_t len, char *text, size_t size)
{
	const uint8_t *bytes = len < FIELDS_MAX ? take(reader, 1, len + 1) : NULL;

	if (bytes == NULL || bytes[len] != '\0')
		return false;
	if (text != NULL)
		snprintf(text, size, "%s", (const char *)bytes);
	return true;
}

static bool take_field(struct reader *reader, struct vgpu_dbus_message *message)
{
	const uint8_t *start = take(reader, 8, 4), *short_len;
	uint32_t value;

	/* Code, and the signature of one basic type. */
	if (start == NULL || start[1] != 1 || start[3] != 0)
		return false;
	bool is_member = start[0] == FIELD_MEMBER;
	switch (start[2]) {
	case 's':
	case 'o':
		return take_u32(reader, &value) &&
		       take_text(reader, value, is_member ? message->member : NULL,
				 sizeof(message->member));
	case 'g':
		short_len = take(reader, 1, 1);
		return short_len != NULL && take_text(reader, *short_len, NULL, 0);
	case 'u':
		if (!take_u32(reader, &value))
			return false;
		if (start[0] == FIELD_REPLY_SERIAL)
			message->reply_serial = value;
		return true;
	default:
		return false;
	}
}

static int read_fields(struct vgpu_dbus *dbus, uint32_t len, struct vgpu_dbus_message *message)
{
	uint8_t bytes[FIELDS_MAX + 8];
	struct reader reader = {.bytes = bytes, .len = len};
	size_t padded = ((size_t)len + 7) / 8 * 8;
	int ret = vgpu_peer_socket_read(&dbus->socket, bytes, padded, TIMEOUT_MS);

	while (ret == 0 && reader.at < reader.len)
		if (!take_field(&reader, message))
			ret = -EPROTO;
	return ret;
}

static int read_body(struct vgpu_dbus *dbus, struct vgpu_dbus_message *message)
{
	size_t kept =
		message->body_len < VGPU_DBUS_BODY_MAX ? message->body_len : VGPU_DBUS_BODY_MAX;
	int ret = vgpu_peer_socket_read(&dbus->socket, message->body, kept, TIMEOUT_MS);

	if (ret < 0)
		return ret;
	return vgpu_peer_socket_read(&dbus->socket, NULL, message->body_len - kept, TIMEOUT_MS);
}

/* The rest of a message of which the first byte came. */
static int read_message(struct vgpu_dbus *dbus, struct header *header,
			struct vgpu_dbus_message *message)
{
	int ret = vgpu_peer_socket_read(&dbus->socket, &header->type, sizeof(*header) - 1,
					TIMEOUT_MS);

	if (ret < 0)
		return ret;
	if (header->order != BYTE_ORDER_MARK || header->version != VERSION ||
	    header->fields_len > FIELDS_MAX || header->body_len > MESSAGE_MAX)
		return -EPROTO;
	message->type = header->type;
	message->wants_reply =
		header->type == VGPU_DBUS_CALL && (header->flags & NO_REPLY_EXPECTED) == 0;
	message->serial = header->serial;
	message->reply_serial = 0;
	message->member[0] = '\0';
	message->body_len = header->body_len;
	ret = read_fields(dbus, header->fields_len, message);
	return ret < 0 ? ret : read_body(dbus, message);
}

int vgpu_dbus_receive(struct vgpu_dbus *dbus, struct vgpu_dbus_message *message, int timeout_ms)
{
	struct header header;
	int ret = vgpu_peer_socket_read(&dbus->socket, &header.order, 1, timeout_ms);

	if (ret < 0)
		return ret;
	ret = read_message(dbus, &header, message);
	return ret == -ETIMEDOUT ? -EPROTO : ret;
}

/* ---- authentication -------------------------------------------------------------- */

static int say(struct vgpu_dbus *dbus, const char *text, const char *expected)
{
	char *line;
	int ret = vgpu_peer_socket_send(&dbus->socket, text, strlen(text), TIMEOUT_MS);

	if (ret < 0)
		return ret;
	ret = vgpu_peer_socket_receive(&dbus->socket, &line, TIMEOUT_MS);
	if (ret < 0)
		return ret;
	return strncmp(line, expected, strlen(expected)) == 0 ? 0 : -EACCES;
}

int vgpu_dbus_open(struct vgpu_dbus *dbus, int fd)
{
	char uid[16], text[64];
	const int on = 1;

	vgpu_peer_socket_init(&dbus->socket, fd);
	dbus->serial = 0;
	snprintf(uid, sizeof(uid), "%u", (unsigned int)getuid());
	size_t len = (size_t)snprintf(text, sizeof(text), "AUTH EXTERNAL ");
	/* The number in digits, and each of them as a character in hexadecimal: 3x. */
	for (const char *digit = uid; *digit != '\0'; digit++) {
		text[len++] = '3';
		text[len++] = *digit;
	}
	memcpy(text + len, "\r\n", 3);
	/* So that the kernel says with the first byte who we are. */
	if (setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
		return -errno;
	int ret = vgpu_peer_socket_send(&dbus->socket, "", 1, TIMEOUT_MS);
	if (ret == 0)
		ret = say(dbus, text, "OK ");
	if (ret == 0)
		ret = say(dbus, "NEGOTIATE_UNIX_FD\r\n", "AGREE_UNIX_FD");
	if (ret == 0)
		ret = vgpu_peer_socket_send(&dbus->socket, "BEGIN\r\n", 7, TIMEOUT_MS);
	return ret;
}

void vgpu_dbus_close(struct vgpu_dbus *dbus)
{
	vgpu_peer_socket_fini(&dbus->socket);
}
