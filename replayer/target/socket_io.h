/* SPDX-License-Identifier: MIT */
/*
 * Bytes over a stream socket whose other end may fall silent or die at any time:
 * every wait has a deadline, and a dead peer is -EPIPE, no signal.
 */
#ifndef VGPU_SOCKET_IO_H
#define VGPU_SOCKET_IO_H

#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/* Descriptors that can go with bytes. */
#define VGPU_SOCKET_MAX_FDS 16

/* The time in vgpu_now_ns() that is so far from now. */
uint64_t vgpu_socket_deadline(int timeout_ms);
/* The negative errno for what a read or write failed with; -EPIPE if that is a dead peer's. */
int vgpu_socket_error(int error);
/*
 * Sends len bytes, and with the first of them num_fds descriptors, which stay the
 * caller's. 0, -EPIPE, -ETIMEDOUT: some may have been sent, -EMSGSIZE for too
 * many descriptors.
 */
int vgpu_socket_send(int fd, const void *bytes, size_t len, const int *fds, unsigned int num_fds,
		     uint64_t deadline);
/*
 * Waits for bytes and takes up to size of them, which is not 0. Returns how many,
 * -EPIPE or -ETIMEDOUT. Descriptors that come along are closed by the kernel.
 */
ssize_t vgpu_socket_receive(int fd, void *bytes, size_t size, uint64_t deadline);

#endif
