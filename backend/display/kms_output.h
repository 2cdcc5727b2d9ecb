/* SPDX-License-Identifier: MIT */
/*
 * One scanout on one connector: what of it is new, its two buffers, its cursor,
 * and when the next picture may go to the screen. It must not know the others.
 */
#ifndef VGPU_KMS_OUTPUT_H
#define VGPU_KMS_OUTPUT_H

#include "display/kms_buffer.h"
#include "display/kms_layout.h"
#include "display/kms_pipe.h"

struct kms_output {
	struct vgpu_device *device;
	struct kms_card *card;
	uint32_t scanout_id;

	/* What the guest shows. */
	uint32_t width, height; /* of the picture; 0: none */
	bool awaits_flush;	/* the scanout was set, and its picture is not complete */
	bool cursor_changed, cursor_moved;

	/* Where that goes. */
	drmModeConnector *connector; /* NULL: nowhere */
	char name[KMS_NAME_MAX];
	struct kms_pipe pipe;
	drmModeModeInfo mode;
	bool mode_is_set;
	struct kms_buffer buffers[2];
	struct kms_swap swap;
	struct vgpu_rect place; /* of the picture on the screen */
	bool flipping;
	uint64_t next_ns; /* nothing is done before, attaching neither */
	uint64_t mode_ns; /* no other mode is set before */
	uint64_t flip_ns; /* when the last flip began */

	bool soft_cursor; /* the card has no cursor, or not such a one */
	struct kms_buffer cursor_buffer;
	struct vgpu_rect cursor_drawn; /* in software, in the picture's coordinates */
};

/* From the device's display seam: these note what is to be done, and do nothing. */
void kms_output_set_scanout(struct kms_output *output, const struct vgpu_scanout *scanout);
void kms_output_flush(struct kms_output *output, const struct vgpu_rect *rect);
void kms_output_cursor(struct kms_output *output, bool moved_only);

/*
 * Goes to a connector, which it owns from now on also if that fails; the scanout
 * is shown there with the next run.
 */
int kms_output_attach(struct kms_output *output, drmModeConnector *connector);
/* The display is gone: the CRTC is switched off. */
void kms_output_detach(struct kms_output *output);
/* Only frees memory: kms_card_restore() has the screen already. */
void kms_output_fini(struct kms_output *output);

/*
 * Shows what is new if the screen is ready for it. Returns when it wants to run
 * again whatever happens in between (UINT64_MAX: it does not) in *next_ns, and 0
 * or the errno for which nothing can be shown.
 */
int kms_output_run(struct kms_output *output, uint64_t now, uint64_t *next_ns);
/* The kernel says that the last flip is on the screen. */
void kms_output_flipped(struct kms_output *output);

#endif
