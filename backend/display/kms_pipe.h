/* SPDX-License-Identifier: MIT */
/*
 * The way of a picture through a card: plane, CRTC, connector. It sets modes and
 * flips, by atomic commits or by the calls from before them; no pixel is touched.
 */
#ifndef VGPU_KMS_PIPE_H
#define VGPU_KMS_PIPE_H

#include "display/kms_buffer.h"
#include "display/kms_card.h"

enum kms_prop {
	KMS_CONNECTOR_CRTC_ID,
	KMS_CRTC_ACTIVE,
	KMS_CRTC_MODE_ID,
	KMS_PLANE_FB_ID,
	KMS_PLANE_CRTC_ID,
	KMS_PLANE_SRC_X,
	KMS_PLANE_SRC_Y,
	KMS_PLANE_SRC_W,
	KMS_PLANE_SRC_H,
	KMS_PLANE_CRTC_X,
	KMS_PLANE_CRTC_Y,
	KMS_PLANE_CRTC_W,
	KMS_PLANE_CRTC_H,
	KMS_PLANE_DAMAGE, /* 0 where the driver has no use for it */
	KMS_NUM_PROPS
};

struct kms_pipe {
	struct kms_card *card;
	uint32_t connector_id, crtc_id, plane_id;
	unsigned int crtc_index;
	uint32_t props[KMS_NUM_PROPS];
	bool no_flip; /* the driver cannot: draw into what is shown, then kms_pipe_dirty() */
};

/* Takes a CRTC for the connector. -ENOSPC: none is free. */
int kms_pipe_init(struct kms_pipe *pipe, struct kms_card *card, const drmModeConnector *connector);
/* Switches the CRTC off and gives it back. */
void kms_pipe_fini(struct kms_pipe *pipe);

/*
 * Both begin to show a buffer and return 1 if an event with opaque will tell
 * that it is on the screen, 0 if it is there already, or a negative errno:
 * -EBUSY to try again later, -EACCES if the card has another master.
 * kms_pipe_flip() returns -EOPNOTSUPP, and sets no_flip, where it cannot work.
 */
int kms_pipe_set_mode(struct kms_pipe *pipe, const drmModeModeInfo *mode,
		      const struct kms_buffer *buffer, void *opaque);
int kms_pipe_flip(struct kms_pipe *pipe, const struct kms_buffer *buffer,
		  const struct vgpu_rect *damage, void *opaque);
/* Tells of changes in the buffer that is shown. */
void kms_pipe_dirty(struct kms_pipe *pipe, const struct kms_buffer *buffer,
		    const struct vgpu_rect *damage);

#endif
