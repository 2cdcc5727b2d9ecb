/* SPDX-License-Identifier: MIT */
/*
 * How a vhost-user back end is reached: "SOCKET" is the path of one that listens
 * there; "exec:PROGRAM ARG..." is started, and ends with its connection.
 */
#ifndef VGPU_VHOST_USER_PROGRAM_H
#define VGPU_VHOST_USER_PROGRAM_H

#include "target/child.h"

struct vgpu_vhost_user_program {
	const char *spec;	 /* kept by the caller */
	struct vgpu_child child; /* pid 0: none was started */
};

void vgpu_vhost_user_program_init(struct vgpu_vhost_user_program *program, const char *spec);
/* A connection, or a negative errno with a sentence. */
int vgpu_vhost_user_program_connect(struct vgpu_vhost_user_program *program,
				    struct vgpu_error *err);
/* Its connection is closed: waits for its end, and ends it if it does not come. */
void vgpu_vhost_user_program_end(struct vgpu_vhost_user_program *program);
/* Adds to a sentence how the program fares, if it was started; returns ret. */
int vgpu_vhost_user_program_blame(struct vgpu_vhost_user_program *program, int ret,
				  struct vgpu_error *err);
/* "vhost-user-gpu" of "exec:/usr/lib/qemu/vhost-user-gpu --virgl". */
void vgpu_vhost_user_program_name(const struct vgpu_vhost_user_program *program, char *name,
				  size_t size);

#endif
