/* SPDX-License-Identifier: MIT */
/* A vhost-user-gpu back end in a thread: the reference device, or one that misbehaves. */
#ifndef VGPU_BACK_END_H
#define VGPU_BACK_END_H

#include "vgpu.h"

struct back_end;

/* The reference device, which takes one front end after the other. */
struct back_end *back_end_start(unsigned int num_scanouts);
/* Calls talk for each connection, which is closed when that returns. Nothing may be asserted there.
 */
struct back_end *back_end_start_talk(void (*talk)(int fd, void *opaque), void *opaque);
void back_end_stop(struct back_end *back_end);
/* "vhost-user:SOCKET" */
const char *back_end_spec(const struct back_end *back_end);
/* Connections so far. */
unsigned int back_end_connections(const struct back_end *back_end);

#endif
