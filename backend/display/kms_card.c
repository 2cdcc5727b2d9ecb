/* SPDX-License-Identifier: MIT */
#include "display/kms_card.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CARDS_MAX 64

/* ---- connectors ----------------------------------------------------------------- */

bool kms_connector_has_display(const drmModeConnector *connector)
{
	return connector->connection == DRM_MODE_CONNECTED;
}

void kms_connector_name(const drmModeConnector *connector, char name[KMS_NAME_MAX])
{
	const char *type = drmModeGetConnectorTypeName(connector->connector_type);

	snprintf(name, KMS_NAME_MAX, "%s-%u", type != NULL ? type : "Unknown",
		 connector->connector_type_id);
}

static bool has_name(const drmModeConnector *connector, const char *name)
{
	char own[KMS_NAME_MAX];

	kms_connector_name(connector, own);
	return name == NULL || strcmp(own, name) == 0;
}

static drmModeConnector *probed(const struct kms_card *card, drmModeConnector *connector)
{
	drmModeConnector *fresh = drmModeGetConnector(card->fd, connector->connector_id);

	drmModeFreeConnector(connector);
	return fresh;
}

drmModeConnector *kms_card_connector(const struct kms_card *card, unsigned int n, const char *name,
				     bool probe)
{
	/* Connectors come and go where monitors are chained: the list is asked for anew. */
	drmModeRes *resources = drmModeGetResources(card->fd);
	drmModeConnector *found = NULL;

	for (int i = 0; resources != NULL && i < resources->count_connectors; i++) {
		found = drmModeGetConnectorCurrent(card->fd, resources->connectors[i]);
		if (found != NULL && has_name(found, name) && probe)
			found = probed(card, found);
		if (found != NULL && has_name(found, name) && kms_connector_has_display(found) &&
		    n-- == 0)
			break;
		drmModeFreeConnector(found);
		found = NULL;
	}
	drmModeFreeResources(resources);
	return found;
}

/* ---- what was shown before --------------------------------------------------------- */

static uint32_t crtc_of(const struct kms_card *card, uint32_t connector_id)
{
	drmModeConnector *connector = drmModeGetConnectorCurrent(card->fd, connector_id);
	drmModeEncoder *encoder = NULL;
	uint32_t crtc_id = 0;

	if (connector != NULL)
		encoder = drmModeGetEncoder(card->fd, connector->encoder_id);
	if (encoder != NULL)
		crtc_id = encoder->crtc_id;
	drmModeFreeEncoder(encoder);
	drmModeFreeConnector(connector);
	return crtc_id;
}

static void save(struct kms_card *card)
{
	for (int i = 0; i < card->resources->count_crtcs; i++)
		card->saved[i].crtc = drmModeGetCrtc(card->fd, card->resources->crtcs[i]);
	for (int i = 0; i < card->resources->count_connectors; i++) {
		uint32_t connector_id = card->resources->connectors[i];
		uint32_t crtc_id = crtc_of(card, connector_id);

		for (int k = 0; crtc_id != 0 && k < card->resources->count_crtcs; k++) {
			struct kms_saved *saved = &card->saved[k];

			if (card->resources->crtcs[k] == crtc_id &&
			    saved->num_connectors < KMS_CRTCS_MAX)
				saved->connectors[saved->num_connectors++] = connector_id;
		}
	}
}

/* By the call that every driver has, whatever showed our own pictures. */
static void restore(const struct kms_card *card, struct kms_saved *saved)
{
	drmModeCrtc *crtc = saved->crtc;

	drmModeSetCursor(card->fd, crtc->crtc_id, 0, 0, 0);
	/* What was shown may be gone together with the program that showed it. */
	if (!crtc->mode_valid || crtc->buffer_id == 0 || saved->num_connectors == 0 ||
	    drmModeSetCrtc(card->fd, crtc->crtc_id, crtc->buffer_id, crtc->x, crtc->y,
			   saved->connectors, saved->num_connectors, &crtc->mode) != 0)
		drmModeSetCrtc(card->fd, crtc->crtc_id, 0, 0, 0, NULL, 0, NULL);
}

void kms_card_restore(struct kms_card *card)
{
	for (unsigned int i = 0; i < KMS_CRTCS_MAX; i++)
		if (card->saved[i].crtc != NULL && (card->used_crtcs & 1u << i) != 0)
			restore(card, &card->saved[i]);
	card->used_crtcs = 0;
}

/* ---- opening ----------------------------------------------------------------------- */

static int open_fd(struct kms_card *card, const char *path, struct vgpu_error *err)
{
	card->fd = open(path, O_RDWR | O_CLOEXEC | O_NONBLOCK);
	if (card->fd >= 0)
		return 0;
	if (errno == ENOENT || errno == ENXIO)
		return vgpu_error_set(err, ENODEV, "%s: there is no such card", path);
	return vgpu_error_set(err, errno, "%s: %s", path, strerror(errno));
}

static int load_resources(struct kms_card *card, const char *path, struct vgpu_error *err)
{
	uint64_t dumb = 0;

	card->resources = drmModeGetResources(card->fd);
	if (card->resources == NULL || card->resources->count_crtcs == 0)
		return vgpu_error_set(err, ENODEV, "%s: the card renders, but has no displays",
				      path);
	if (drmGetCap(card->fd, DRM_CAP_DUMB_BUFFER, &dumb) != 0 || dumb == 0)
		return vgpu_error_set(err, ENODEV, "%s: the driver has no dumb buffers", path);
	if (card->resources->count_crtcs > KMS_CRTCS_MAX)
		card->resources->count_crtcs = KMS_CRTCS_MAX;
	return 0;
}

static int find_display(const struct kms_card *card, const char *path, const char *name,
			struct vgpu_error *err)
{
	drmModeConnector *connector = kms_card_connector(card, 0, name, true);

	if (connector == NULL && name != NULL)
		return vgpu_error_set(err, ENODEV, "%s: no display is connected to %s", path, name);
	if (connector == NULL)
		return vgpu_error_set(err, ENODEV, "%s: no display is connected", path);
	drmModeFreeConnector(connector);
	return 0;
}

static int become_master(const struct kms_card *card, const char *path, struct vgpu_error *err)
{
	if (drmSetMaster(card->fd) == 0)
		return 0;
	return vgpu_error_set(err, EACCES,
			      "%s: cannot become its master: another program shows on it, "
			      "such as a desktop, or this one is not root",
			      path);
}

static int open_one(struct kms_card *card, const char *path, const char *connector, bool legacy,
		    struct vgpu_error *err)
{
	*card = (struct kms_card){.fd = -1};
	snprintf(card->path, sizeof(card->path), "%s", path);
	int rc = open_fd(card, path, err);
	if (rc == 0)
		rc = load_resources(card, path, err);
	if (rc == 0)
		rc = find_display(card, path, connector, err);
	if (rc == 0)
		rc = become_master(card, path, err);
	if (rc != 0) {
		kms_card_close(card);
		return rc;
	}
	card->atomic = !legacy && drmSetClientCap(card->fd, DRM_CLIENT_CAP_ATOMIC, 1) == 0;
	save(card);
	return 0;
}

int kms_card_open(struct kms_card *card, const char *path, const char *connector, bool legacy,
		  struct vgpu_error *err)
{
	int result = vgpu_error_set(err, ENODEV, "there is no card in /dev/dri");

	if (path != NULL)
		return open_one(card, path, connector, legacy, err);
	for (int i = 0; i < CARDS_MAX; i++) {
		struct vgpu_error why = {0};
		char name[32];

		snprintf(name, sizeof(name), "/dev/dri/card%d", i);
		if (access(name, F_OK) != 0)
			continue;
		int rc = open_one(card, name, connector, legacy, &why);
		if (rc == 0)
			return 0;
		/* That a card with a display is taken says more than that another has none. */
		if (result == -ENODEV)
			result = vgpu_error_set(err, -rc, "%s", why.text);
	}
	return result;
}

void kms_card_close(struct kms_card *card)
{
	for (int i = 0; i < KMS_CRTCS_MAX; i++)
		drmModeFreeCrtc(card->saved[i].crtc);
	memset(card->saved, 0, sizeof(card->saved));
	drmModeFreeResources(card->resources);
	card->resources = NULL;
	if (card->fd < 0)
		return;
	drmDropMaster(card->fd);
	close(card->fd);
	card->fd = -1;
}
