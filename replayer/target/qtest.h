/* SPDX-License-Identifier: MIT */
/* QEMU's qtest protocol: the guest's physical bus without a guest. */
#ifndef VGPU_QTEST_H
#define VGPU_QTEST_H

#include "target/peer_socket.h"

#include <stdint.h>

/*
 * Accesses of 1, 2 or 4 bytes in the guest's byte order (little-endian for Arm).
 * 0, -EPIPE if QEMU is gone, -ETIMEDOUT, -EPROTO if it answers with anything but OK.
 */
int vgpu_qtest_read(struct vgpu_peer_socket *socket, uint64_t address, unsigned int size,
		    uint32_t *value);
int vgpu_qtest_write(struct vgpu_peer_socket *socket, uint64_t address, unsigned int size,
		     uint32_t value);

#endif
