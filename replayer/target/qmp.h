/* SPDX-License-Identifier: MIT */
/* QEMU's monitor protocol: one command, one answer; events are skipped. */
#ifndef VGPU_QMP_H
#define VGPU_QMP_H

#include "target/peer_socket.h"
#include "vgpu.h"

#include <cjson/cJSON.h>

/* Takes the greeting and leaves negotiation mode. Errors as below. */
int vgpu_qmp_hello(struct vgpu_peer_socket *socket, struct vgpu_error *err);
/*
 * Executes a command. arguments (may be NULL) is owned from now on; result (may
 * be NULL) gets what "return" holds, to be freed with cJSON_Delete(). -EPIPE if
 * QEMU is gone, -ETIMEDOUT, -EPROTO for an answer that is none, -EIO with
 * QEMU's own words if it refused.
 */
int vgpu_qmp_execute(struct vgpu_peer_socket *socket, const char *command, cJSON *arguments,
		     cJSON **result, struct vgpu_error *err);
/* Gives QEMU a copy of a descriptor, which commands then know by name. Errors as above. */
int vgpu_qmp_give_fd(struct vgpu_peer_socket *socket, const char *name, int fd,
		     struct vgpu_error *err);

#endif
