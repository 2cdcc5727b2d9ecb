/* SPDX-License-Identifier: MIT */
/* D-Bus between two processes: what is sent, and what may come back. */
#include "target/dbus.h"
#include "unit.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

extern const struct unit_suite dbus_suite;

#define WELCOME "OK 0123\r\nAGREE_UNIX_FD\r\n"

/* The other end has said its part before it is asked: nobody has to wait. */
static int open_to(struct vgpu_dbus *dbus, const void *said, size_t len, int *peer)
{
	int pair[2];

	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	*peer = pair[1];
	CU_ASSERT_EQUAL_FATAL(write(*peer, said, len), (ssize_t)len);
	return vgpu_dbus_open(dbus, pair[0]);
}

static void the_user_is_who_authenticates(void)
{
	struct vgpu_dbus dbus;
	char sent[128] = "", expected[128];
	int peer;

	CU_ASSERT_EQUAL(open_to(&dbus, WELCOME, strlen(WELCOME), &peer), 0);
	CU_ASSERT_TRUE(read(peer, sent, sizeof(sent) - 1) > 0);
	CU_ASSERT_EQUAL(sent[0], '\0');
	if (getuid() < 10) {
		snprintf(expected, sizeof(expected),
			 "AUTH EXTERNAL 3%u\r\nNEGOTIATE_UNIX_FD\r\nBEGIN\r\n",
			 (unsigned int)getuid());
		CU_ASSERT_STRING_EQUAL(sent + 1, expected);
	}
	vgpu_dbus_close(&dbus);
	close(peer);
}

static void who_is_refused_learns_it(void)
{
	static const struct {
		const char *said;
		bool close;
		int ret;
	} cases[] = {
		{"REJECTED EXTERNAL\r\n", false, -EACCES},
		{"OK 0123\r\nERROR no descriptors\r\n", false, -EACCES},
		{"OK 0123\r\n", true, -EPIPE},
	};
	struct vgpu_dbus dbus;
	int peer;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		int pair[2];

		CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
		peer = pair[1];
		size_t len = strlen(cases[i].said);
		CU_ASSERT_EQUAL(write(peer, cases[i].said, len), (ssize_t)len);
		if (cases[i].close)
			shutdown(peer, SHUT_RDWR);
		CU_ASSERT_EQUAL(vgpu_dbus_open(&dbus, pair[0]), cases[i].ret);
		vgpu_dbus_close(&dbus);
		close(peer);
	}
}

/* What one end calls, the other one receives. */
static void a_call_arrives_with_its_body(void)
{
	static const struct vgpu_dbus_method method = {"/org/qemu", "org.qemu.Test", "Do", "qus"};
	struct vgpu_dbus dbus, other = {.serial = 0};
	struct vgpu_dbus_writer body = {0};
	struct vgpu_dbus_message message;
	char sent[128];
	int peer, null = open("/dev/null", O_RDONLY | O_CLOEXEC);

	CU_ASSERT_TRUE_FATAL(null >= 0);
	CU_ASSERT_EQUAL_FATAL(open_to(&dbus, WELCOME, strlen(WELCOME), &peer), 0);
	CU_ASSERT_TRUE(read(peer, sent, sizeof(sent)) > 0);
	vgpu_peer_socket_init(&other.socket, peer);
	vgpu_dbus_put_u16(&body, 7);
	vgpu_dbus_put_u32(&body, 0x01020304);
	vgpu_dbus_put_string(&body, "abc");
	CU_ASSERT_EQUAL(body.len, 16);
	CU_ASSERT_EQUAL(vgpu_dbus_call(&dbus, &method, &body, null), 0);
	close(null);
	CU_ASSERT_EQUAL_FATAL(vgpu_dbus_receive(&other, &message, 1000), 0);
	CU_ASSERT_EQUAL(message.type, VGPU_DBUS_CALL);
	CU_ASSERT_TRUE(message.wants_reply);
	CU_ASSERT_EQUAL(message.serial, dbus.serial);
	CU_ASSERT_STRING_EQUAL(message.member, "Do");
	CU_ASSERT_EQUAL_FATAL(message.body_len, body.len);
	CU_ASSERT_EQUAL(memcmp(message.body, body.bytes, body.len), 0);

	CU_ASSERT_EQUAL(vgpu_dbus_return(&other, message.serial, NULL, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(vgpu_dbus_receive(&dbus, &message, 1000), 0);
	CU_ASSERT_EQUAL(message.type, VGPU_DBUS_RETURN);
	CU_ASSERT_EQUAL(message.reply_serial, dbus.serial);
	CU_ASSERT_EQUAL(message.body_len, 0);
	CU_ASSERT_FALSE(message.wants_reply);
	CU_ASSERT_EQUAL(vgpu_dbus_receive(&dbus, &message, 0), -ETIMEDOUT);

	body.len = sizeof(body.bytes);
	vgpu_dbus_put_u32(&body, 1);
	CU_ASSERT_EQUAL(vgpu_dbus_call(&dbus, &method, &body, -1), -EMSGSIZE);
	vgpu_dbus_close(&dbus);
	vgpu_dbus_close(&other);
}

/* A call of "Do" without fields beyond that, with a body of that length to come. */
static size_t make_call(uint8_t *bytes, uint32_t body_len)
{
	const uint32_t numbers[] = {body_len, 5, 11};
	const uint8_t head[] = {BYTE_ORDER == LITTLE_ENDIAN ? 'l' : 'B', VGPU_DBUS_CALL, 1, 1};
	const uint8_t field[] = {3, 1, 's', 0};
	const uint32_t len = 2;

	memset(bytes, 0, 32);
	memcpy(bytes, head, 4);
	memcpy(bytes + 4, numbers, 12);
	memcpy(bytes + 16, field, 4);
	memcpy(bytes + 20, &len, 4);
	memcpy(bytes + 24, "Do", 3);
	return 32;
}

static void the_rest_of_a_long_body_is_dropped(void)
{
	static uint8_t said[65536];
	const uint32_t body_len = VGPU_DBUS_BODY_MAX + 1001;
	struct vgpu_dbus_message message;
	struct vgpu_dbus dbus;
	int peer;

	size_t len = (size_t)snprintf((char *)said, sizeof(said), WELCOME);
	len += make_call(said + len, body_len);
	memset(said + len, 0x5a, body_len);
	len += body_len;
	len += make_call(said + len, 0);
	CU_ASSERT_EQUAL_FATAL(open_to(&dbus, said, len, &peer), 0);
	CU_ASSERT_EQUAL(vgpu_dbus_receive(&dbus, &message, 1000), 0);
	CU_ASSERT_EQUAL(message.body_len, body_len);
	CU_ASSERT_EQUAL(message.body[VGPU_DBUS_BODY_MAX - 1], 0x5a);
	CU_ASSERT_FALSE(message.wants_reply);
	CU_ASSERT_EQUAL(vgpu_dbus_receive(&dbus, &message, 1000), 0);
	CU_ASSERT_EQUAL(message.body_len, 0);
	CU_ASSERT_STRING_EQUAL(message.member, "Do");
	vgpu_dbus_close(&dbus);
	close(peer);
}

static void what_is_no_message_is_refused(void)
{
	/* One byte of a message that could be understood is changed. */
	static const struct {
		unsigned int at;
		uint8_t value;
	} cases[] = {
		{0, 'x'}, {3, 2},  {7, 0xff}, {15, 0xff}, {12, 3},   {17, 2}, {18, 'v'},
		{19, 1},  {20, 1}, {20, 200}, {23, 0xff}, {26, 'x'}, {12, 9},
	};
	struct vgpu_dbus_message message;
	struct vgpu_dbus dbus;
	uint8_t said[128];
	int peer;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		size_t begin = (size_t)snprintf((char *)said, sizeof(said), WELCOME);
		size_t len = begin + make_call(said + begin, 0);

		said[begin + cases[i].at] = cases[i].value;
		CU_ASSERT_EQUAL_FATAL(open_to(&dbus, said, len, &peer), 0);
		shutdown(peer, SHUT_WR);
		CU_ASSERT_EQUAL(vgpu_dbus_receive(&dbus, &message, 1000), -EPROTO);
		vgpu_dbus_close(&dbus);
		close(peer);
	}
}

static const struct unit_test tests[] = {
	{"the user is who authenticates", the_user_is_who_authenticates},
	{"who is refused learns it", who_is_refused_learns_it},
	{"a call arrives with its body", a_call_arrives_with_its_body},
	{"the rest of a long body is dropped", the_rest_of_a_long_body_is_dropped},
	{"what is no message is refused", what_is_no_message_is_refused},
	{NULL, NULL},
};

const struct unit_suite dbus_suite = {"dbus", tests};
