/* SPDX-License-Identifier: MIT */
/*
 * The front end's end of vhost-user-gpu's display socket: what a back end shows,
 * kept as pictures and cursors, and its questions about displays, answered. It
 * has a thread of its own, since a back end may wait for its display at any time.
 */
#ifndef VGPU_VHOST_USER_SCREEN_H
#define VGPU_VHOST_USER_SCREEN_H

#include "frame.h"

struct vgpu_vhost_user_screen;

/* outputs: one for each of VGPU_MAX_SCANOUTS. NULL: no memory. */
struct vgpu_vhost_user_screen *vgpu_vhost_user_screen_new(const struct vgpu_output *outputs);
void vgpu_vhost_user_screen_free(struct vgpu_vhost_user_screen *screen);

/*
 * Shows nothing, and listens on a new socket, whose other end *theirs becomes
 * the caller's. Scanouts from num_scanouts on have no display. 0 or a negative
 * errno with a sentence.
 */
int vgpu_vhost_user_screen_open(struct vgpu_vhost_user_screen *screen, unsigned int num_scanouts,
				int *theirs, struct vgpu_error *err);
/* Closes the socket; nothing is shown any more. */
void vgpu_vhost_user_screen_close(struct vgpu_vhost_user_screen *screen);
/* What questions are answered with from now on. */
void vgpu_vhost_user_screen_set_output(struct vgpu_vhost_user_screen *screen, uint32_t id,
				       const struct vgpu_output *output);

/*
 * Whether all that has been sent has been looked at; *received, the bytes that
 * ever came, says whether something came between two calls. -EPROTO with a
 * sentence: a message was none, and no more is looked at.
 */
int vgpu_vhost_user_screen_quiet(struct vgpu_vhost_user_screen *screen, bool *quiet,
				 uint64_t *received, struct vgpu_error *err);
/* 0, -ENOENT if the scanout shows nothing, -EINVAL, -ENOTSUP: a dma-buf; -ENOMEM. */
int vgpu_vhost_user_screen_capture(struct vgpu_vhost_user_screen *screen, uint32_t id,
				   struct vgpu_frame *frame, struct vgpu_error *err);
int vgpu_vhost_user_screen_cursor(struct vgpu_vhost_user_screen *screen, uint32_t id,
				  struct vgpu_cursor *cursor, struct vgpu_error *err);

#endif
