/* SPDX-License-Identifier: MIT */
/*
 * A conversation in lines, or in bytes, over a stream socket whose other end may
 * fall silent or die at any time: every wait ends, and a dead peer is an error,
 * no signal.
 */
#ifndef VGPU_PEER_SOCKET_H
#define VGPU_PEER_SOCKET_H

#include <stddef.h>

/* The longest line; QEMU's answers to what we ask are far shorter. */
#define VGPU_LINE_MAX 65536

struct vgpu_peer_socket {
	int fd; /* owned */
	size_t begin, end;
	char buffer[VGPU_LINE_MAX];
};

void vgpu_peer_socket_init(struct vgpu_peer_socket *socket, int fd);
void vgpu_peer_socket_fini(struct vgpu_peer_socket *socket);
/* Sends len bytes. 0, -EPIPE if the peer is gone, -ETIMEDOUT. */
int vgpu_peer_socket_send(struct vgpu_peer_socket *socket, const char *bytes, size_t len,
			  int timeout_ms);
/* The same, and with the first byte a descriptor, which stays the caller's; -1: none. len > 0. */
int vgpu_peer_socket_send_fd(struct vgpu_peer_socket *socket, const char *bytes, size_t len, int fd,
			     int timeout_ms);
/*
 * Waits for a line, without its end, valid until the next call. 0, -EPIPE if
 * the peer is gone, -ETIMEDOUT, -EMSGSIZE for a line past VGPU_LINE_MAX.
 */
int vgpu_peer_socket_receive(struct vgpu_peer_socket *socket, char **line, int timeout_ms);
/*
 * Waits for len bytes; bytes NULL: drops them. 0, -EPIPE if the peer is gone,
 * -ETIMEDOUT: some may have been taken.
 */
int vgpu_peer_socket_read(struct vgpu_peer_socket *socket, void *bytes, size_t len, int timeout_ms);

#endif
