/* SPDX-License-Identifier: MIT */
/*
 * A card: which one, being its master, what it showed before, its connectors.
 * It must not know scanouts.
 */
#ifndef VGPU_KMS_CARD_H
#define VGPU_KMS_CARD_H

#include "vgpu.h"

#include <xf86drm.h>
#include <xf86drmMode.h>

#define KMS_NAME_MAX  32
#define KMS_CRTCS_MAX 32 /* the kernel's masks of CRTCs have so many bits */

/* What a CRTC showed before. */
struct kms_saved {
	drmModeCrtc *crtc;
	uint32_t connectors[KMS_CRTCS_MAX];
	int num_connectors;
};

struct kms_card {
	int fd; /* non-blocking */
	char path[32];
	bool atomic;
	drmModeRes *resources;
	uint32_t used_crtcs; /* by index: those that a display is on, or was */
	uint32_t taken_crtcs;
	struct kms_saved saved[KMS_CRTCS_MAX];
};

/*
 * Opens path, or the first card with a display if it is NULL, and becomes its
 * master. connector as in vgpu_kms_options. -ENODEV, -EACCES or another negative
 * errno with a sentence in err.
 */
int kms_card_open(struct kms_card *card, const char *path, const char *connector, bool legacy,
		  struct vgpu_error *err);
/* Shows what was shown before. */
void kms_card_restore(struct kms_card *card);
/* Gives the card back. */
void kms_card_close(struct kms_card *card);

/*
 * The n-th connector that a display is on and that has the name; a NULL name
 * stands for all. With probe its modes are read anew, which takes the time that
 * the monitor takes; without, nothing is asked of the monitor. NULL: none.
 */
drmModeConnector *kms_card_connector(const struct kms_card *card, unsigned int n, const char *name,
				     bool probe);
bool kms_connector_has_display(const drmModeConnector *connector);
void kms_connector_name(const drmModeConnector *connector, char name[KMS_NAME_MAX]);

#endif
