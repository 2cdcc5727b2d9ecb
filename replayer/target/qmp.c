/* SPDX-License-Identifier: MIT */
#include "target/qmp.h"

#include <errno.h>
#include <string.h>

#define TIMEOUT_MS 10000

static int receive(struct vgpu_peer_socket *socket, cJSON **message, struct vgpu_error *err)
{
	char *line;
	int ret = vgpu_peer_socket_receive(socket, &line, TIMEOUT_MS);

	if (ret < 0)
		return vgpu_error_set(err, -ret, "QMP: %s", strerror(-ret));
	*message = cJSON_Parse(line);
	if (!cJSON_IsObject(*message)) {
		cJSON_Delete(*message);
		return vgpu_error_set(err, EPROTO, "QMP: not an answer: %.80s", line);
	}
	return 0;
}

/* fd, if it is not -1, goes with the command. */
static int send_command(struct vgpu_peer_socket *socket, const char *command, cJSON *arguments,
			int fd, struct vgpu_error *err)
{
	int ret = -ENOMEM;
	char *text = NULL;
	cJSON *message = cJSON_CreateObject();

	if (cJSON_AddStringToObject(message, "execute", command) == NULL) {
		cJSON_Delete(arguments);
		goto out;
	}
	if (arguments != NULL)
		cJSON_AddItemToObject(message, "arguments", arguments);
	text = cJSON_PrintUnformatted(message);
	if (text == NULL)
		goto out;
	ret = vgpu_peer_socket_send_fd(socket, text, strlen(text), fd, TIMEOUT_MS);
	if (ret == 0)
		ret = vgpu_peer_socket_send(socket, "\n", 1, TIMEOUT_MS);
out:
	cJSON_free(text);
	cJSON_Delete(message);
	if (ret < 0)
		return vgpu_error_set(err, -ret, "QMP %s: %s", command, strerror(-ret));
	return 0;
}

static int receive_answer(struct vgpu_peer_socket *socket, const char *command, cJSON **result,
			  struct vgpu_error *err)
{
	cJSON *message = NULL;
	int ret;

	do {
		cJSON_Delete(message);
		message = NULL;
		ret = receive(socket, &message, err);
		if (ret < 0)
			return ret;
	} while (cJSON_HasObjectItem(message, "event"));
	cJSON *answer = cJSON_DetachItemFromObject(message, "return");
	if (answer == NULL) {
		const cJSON *error = cJSON_GetObjectItem(message, "error");
		const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(error, "desc"));
		ret = vgpu_error_set(err, EIO, "QMP %s: %s", command,
				     text != NULL ? text : "an answer without a result");
	}
	cJSON_Delete(message);
	if (result != NULL)
		*result = answer;
	else
		cJSON_Delete(answer);
	return ret;
}

int vgpu_qmp_execute(struct vgpu_peer_socket *socket, const char *command, cJSON *arguments,
		     cJSON **result, struct vgpu_error *err)
{
	int ret = send_command(socket, command, arguments, -1, err);

	return ret < 0 ? ret : receive_answer(socket, command, result, err);
}

int vgpu_qmp_give_fd(struct vgpu_peer_socket *socket, const char *name, int fd,
		     struct vgpu_error *err)
{
	cJSON *arguments = cJSON_CreateObject();

	cJSON_AddStringToObject(arguments, "fdname", name);
	int ret = send_command(socket, "getfd", arguments, fd, err);
	return ret < 0 ? ret : receive_answer(socket, "getfd", NULL, err);
}

int vgpu_qmp_hello(struct vgpu_peer_socket *socket, struct vgpu_error *err)
{
	cJSON *greeting = NULL;
	int ret = receive(socket, &greeting, err);

	if (ret < 0)
		return ret;
	bool known = cJSON_HasObjectItem(greeting, "QMP");
	cJSON_Delete(greeting);
	if (!known)
		return vgpu_error_set(err, EPROTO, "QMP: no greeting");
	return vgpu_qmp_execute(socket, "qmp_capabilities", NULL, NULL, err);
}
