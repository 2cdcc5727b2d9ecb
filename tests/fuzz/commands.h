/* SPDX-License-Identifier: MIT */
/*
 * Requests to fuzz with: every command that linux/virtio_gpu.h has, field by
 * field, filled with values that mostly make sense to the device.
 */
#ifndef VGPU_FUZZ_COMMANDS_H
#define VGPU_FUZZ_COMMANDS_H

#include "fuzz/program.h"

/* Where a guest's pictures lie, for backing entries. */
#define FUZZ_RAM	 0x40000000ull
#define FUZZ_RAM_SIZE	 0x40000u
#define FUZZ_PICTURES	 0x20000u
#define FUZZ_ENTRIES	 64u /* of a backing, at most */
#define FUZZ_REQUEST_MAX 2048u

/* Appends a request; *queue is where it belongs, mostly. */
void command_make(struct dice *dice, struct bytes *request, unsigned int *queue);
/* Gives one field of a request another value. False if it is none that is known. */
bool command_change(struct dice *dice, uint8_t *request, size_t len);
/*
 * A recorded request as one that fits the small memory above: pictures shrink to
 * a sixteenth of their sides, and addresses move. It may become shorter.
 */
size_t command_shrink(uint8_t *request, size_t len);

#endif
