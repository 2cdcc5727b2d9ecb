/* SPDX-License-Identifier: MIT */
/* QEMU's qtest protocol: the guest's physical bus without a guest. */
#ifndef VGPU_QTEST_H
#define VGPU_QTEST_H

#include "target/line_socket.h"

#include <stdint.h>

/*
 * 32-bit accesses in the guest's byte order (little-endian for Arm). 0, -EPIPE
 * if QEMU is gone, -ETIMEDOUT, -EPROTO if it answers with anything but OK.
 */
int vgpu_qtest_read32(struct vgpu_line_socket *socket, uint64_t address, uint32_t *value);
int vgpu_qtest_write32(struct vgpu_line_socket *socket, uint64_t address, uint32_t value);

#endif
