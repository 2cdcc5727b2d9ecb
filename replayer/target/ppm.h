/* SPDX-License-Identifier: MIT */
/* Reads the binary PPM picture that a screendump writes. */
#ifndef VGPU_PPM_H
#define VGPU_PPM_H

#include "frame.h"

/* 0, -EBADMSG if bytes are no whole P6 picture of 8-bit channels, -ENOMEM. */
int vgpu_ppm_read(const uint8_t *bytes, size_t len, struct vgpu_frame *frame);

#endif
