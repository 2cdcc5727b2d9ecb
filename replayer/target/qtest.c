/* SPDX-License-Identifier: MIT */
#include "target/qtest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 10000

/* Sends a command and sets answer to what follows "OK". */
static int command(struct vgpu_peer_socket *socket, const char *text, char **answer)
{
	int ret = vgpu_peer_socket_send(socket, text, strlen(text), TIMEOUT_MS);

	if (ret < 0)
		return ret;
	do {
		ret = vgpu_peer_socket_receive(socket, answer, TIMEOUT_MS);
		if (ret < 0)
			return ret;
	} while (strncmp(*answer, "IRQ ", 4) == 0);
	if (strncmp(*answer, "OK", 2) != 0)
		return -EPROTO;
	*answer += 2;
	return 0;
}

/* readb, readw, readl */
static char suffix_of(unsigned int size)
{
	return size == 1 ? 'b' : size == 2 ? 'w' : 'l';
}

int vgpu_qtest_read(struct vgpu_peer_socket *socket, uint64_t address, unsigned int size,
		    uint32_t *value)
{
	char text[64], *answer, *end;

	snprintf(text, sizeof(text), "read%c 0x%" PRIx64 "\n", suffix_of(size), address);
	int ret = command(socket, text, &answer);
	if (ret < 0)
		return ret;
	errno = 0;
	unsigned long long number = strtoull(answer, &end, 16);
	if (errno != 0 || end == answer || *end != '\0' || number > UINT32_MAX)
		return -EPROTO;
	*value = (uint32_t)number;
	return 0;
}

int vgpu_qtest_write(struct vgpu_peer_socket *socket, uint64_t address, unsigned int size,
		     uint32_t value)
{
	char text[64], *answer;

	snprintf(text, sizeof(text), "write%c 0x%" PRIx64 " 0x%" PRIx32 "\n", suffix_of(size),
		 address, value);
	return command(socket, text, &answer);
}
