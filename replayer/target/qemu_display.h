/* SPDX-License-Identifier: MIT */
/*
 * The display side of QEMU (-display dbus,p2p=yes): what its cursors look like
 * and which sizes its outputs shall have. The connections are socket pairs that
 * QEMU gets through its monitor.
 */
#ifndef VGPU_QEMU_DISPLAY_H
#define VGPU_QEMU_DISPLAY_H

#include "target/peer_socket.h"
#include "vgpu.h"

struct vgpu_qemu_display;

/* Connects. NULL with a sentence in err, and *error set to a negative errno. */
struct vgpu_qemu_display *vgpu_qemu_display_new(struct vgpu_peer_socket *qmp, unsigned int major,
						unsigned int num_scanouts, int *error,
						struct vgpu_error *err);
void vgpu_qemu_display_free(struct vgpu_qemu_display *display);
/*
 * Listens to a QEMU that has to be listened to all the time: before version 8 it
 * tells only of what happens from then on. For others this does nothing.
 */
int vgpu_qemu_display_watch(struct vgpu_qemu_display *display, struct vgpu_error *err);
/* Takes what came and was not asked for, so that it does not pile up in QEMU. */
void vgpu_qemu_display_drain(struct vgpu_qemu_display *display);
/* As it is after everything that QEMU did before this call. */
int vgpu_qemu_display_cursor(struct vgpu_qemu_display *display, uint32_t scanout_id,
			     struct vgpu_cursor *cursor, struct vgpu_error *err);
/* When it returns, the device knows. */
int vgpu_qemu_display_set_output(struct vgpu_qemu_display *display, uint32_t scanout_id,
				 const struct vgpu_output *output, struct vgpu_error *err);

#endif
