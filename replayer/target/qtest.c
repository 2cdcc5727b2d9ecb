/* SPDX-License-Identifier: MIT */
#include "target/qtest.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define TIMEOUT_MS 10000

/* Sends a command and sets answer to what follows "OK". */
static int command(struct vgpu_line_socket *socket, const char *text, char **answer)
{
	int ret = vgpu_line_socket_send(socket, text, strlen(text), TIMEOUT_MS);

	if (ret < 0)
		return ret;
	do {
		ret = vgpu_line_socket_receive(socket, answer, TIMEOUT_MS);
		if (ret < 0)
			return ret;
	} while (strncmp(*answer, "IRQ ", 4) == 0);
	if (strncmp(*answer, "OK", 2) != 0)
		return -EPROTO;
	*answer += 2;
	return 0;
}

int vgpu_qtest_read32(struct vgpu_line_socket *socket, uint64_t address, uint32_t *value)
{
	char text[64], *answer, *end;

	snprintf(text, sizeof(text), "readl 0x%" PRIx64 "\n", address);
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

int vgpu_qtest_write32(struct vgpu_line_socket *socket, uint64_t address, uint32_t value)
{
	char text[64], *answer;

	snprintf(text, sizeof(text), "writel 0x%" PRIx64 " 0x%" PRIx32 "\n", address, value);
	return command(socket, text, &answer);
}
