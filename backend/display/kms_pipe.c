/* SPDX-License-Identifier: MIT */
#include "display/kms_pipe.h"

#include <errno.h>
#include <string.h>

/* ---- finding the parts ------------------------------------------------------------ */

static const struct {
	uint32_t type;
	const char *name;
} prop_table[KMS_NUM_PROPS] = {
	[KMS_CONNECTOR_CRTC_ID] = {DRM_MODE_OBJECT_CONNECTOR, "CRTC_ID"},
	[KMS_CRTC_ACTIVE] = {DRM_MODE_OBJECT_CRTC, "ACTIVE"},
	[KMS_CRTC_MODE_ID] = {DRM_MODE_OBJECT_CRTC, "MODE_ID"},
	[KMS_PLANE_FB_ID] = {DRM_MODE_OBJECT_PLANE, "FB_ID"},
	[KMS_PLANE_CRTC_ID] = {DRM_MODE_OBJECT_PLANE, "CRTC_ID"},
	[KMS_PLANE_SRC_X] = {DRM_MODE_OBJECT_PLANE, "SRC_X"},
	[KMS_PLANE_SRC_Y] = {DRM_MODE_OBJECT_PLANE, "SRC_Y"},
	[KMS_PLANE_SRC_W] = {DRM_MODE_OBJECT_PLANE, "SRC_W"},
	[KMS_PLANE_SRC_H] = {DRM_MODE_OBJECT_PLANE, "SRC_H"},
	[KMS_PLANE_CRTC_X] = {DRM_MODE_OBJECT_PLANE, "CRTC_X"},
	[KMS_PLANE_CRTC_Y] = {DRM_MODE_OBJECT_PLANE, "CRTC_Y"},
	[KMS_PLANE_CRTC_W] = {DRM_MODE_OBJECT_PLANE, "CRTC_W"},
	[KMS_PLANE_CRTC_H] = {DRM_MODE_OBJECT_PLANE, "CRTC_H"},
	[KMS_PLANE_DAMAGE] = {DRM_MODE_OBJECT_PLANE, "FB_DAMAGE_CLIPS"},
};

static uint32_t object_of(const struct kms_pipe *pipe, enum kms_prop prop)
{
	switch (prop_table[prop].type) {
	case DRM_MODE_OBJECT_CONNECTOR:
		return pipe->connector_id;
	case DRM_MODE_OBJECT_CRTC:
		return pipe->crtc_id;
	default:
		return pipe->plane_id;
	}
}

/* The id of a property of an object, and its value; 0 if it has none of that name. */
static uint32_t find_prop(int fd, uint32_t object, uint32_t type, const char *name, uint64_t *value)
{
	drmModeObjectProperties *all = drmModeObjectGetProperties(fd, object, type);
	uint32_t id = 0;

	for (uint32_t i = 0; all != NULL && id == 0 && i < all->count_props; i++) {
		drmModePropertyRes *prop = drmModeGetProperty(fd, all->props[i]);

		if (prop != NULL && strcmp(prop->name, name) == 0) {
			id = prop->prop_id;
			*value = all->prop_values[i];
		}
		drmModeFreeProperty(prop);
	}
	drmModeFreeObjectProperties(all);
	return id;
}

static int find_props(struct kms_pipe *pipe)
{
	uint64_t value;

	for (enum kms_prop i = 0; i < KMS_NUM_PROPS; i++) {
		pipe->props[i] = find_prop(pipe->card->fd, object_of(pipe, i), prop_table[i].type,
					   prop_table[i].name, &value);
		if (pipe->props[i] == 0 && i != KMS_PLANE_DAMAGE)
			return -ENOENT;
	}
	return 0;
}

static bool is_primary(const struct kms_pipe *pipe, const drmModePlane *plane)
{
	uint64_t type = DRM_PLANE_TYPE_OVERLAY;

	find_prop(pipe->card->fd, plane->plane_id, DRM_MODE_OBJECT_PLANE, "type", &type);
	return type == DRM_PLANE_TYPE_PRIMARY &&
	       (plane->possible_crtcs & 1u << pipe->crtc_index) != 0;
}

/* The plane that is on the CRTC now before one that is on none. */
static int find_plane(struct kms_pipe *pipe)
{
	drmModePlaneRes *planes = drmModeGetPlaneResources(pipe->card->fd);

	pipe->plane_id = 0;
	for (uint32_t i = 0; planes != NULL && i < planes->count_planes; i++) {
		drmModePlane *plane = drmModeGetPlane(pipe->card->fd, planes->planes[i]);

		if (plane != NULL && is_primary(pipe, plane) &&
		    (plane->crtc_id == pipe->crtc_id ||
		     (plane->crtc_id == 0 && pipe->plane_id == 0)))
			pipe->plane_id = plane->plane_id;
		drmModeFreePlane(plane);
	}
	drmModeFreePlaneResources(planes);
	return pipe->plane_id != 0 ? 0 : -ENOENT;
}

static int index_of_crtc(const struct kms_card *card, uint32_t crtc_id)
{
	for (int i = 0; i < card->resources->count_crtcs; i++)
		if (card->resources->crtcs[i] == crtc_id)
			return i;
	return -1;
}

/* The CRTC that feeds the connector already spares a monitor the switch. */
static int current_crtc(const struct kms_card *card, const drmModeConnector *connector)
{
	drmModeEncoder *encoder = drmModeGetEncoder(card->fd, connector->encoder_id);
	int index = encoder != NULL ? index_of_crtc(card, encoder->crtc_id) : -1;

	drmModeFreeEncoder(encoder);
	return index;
}

static uint32_t possible_crtcs(const struct kms_card *card, const drmModeConnector *connector)
{
	uint32_t mask = 0;

	for (int i = 0; i < connector->count_encoders; i++) {
		drmModeEncoder *encoder = drmModeGetEncoder(card->fd, connector->encoders[i]);

		if (encoder != NULL)
			mask |= encoder->possible_crtcs;
		drmModeFreeEncoder(encoder);
	}
	return mask;
}

static int find_crtc(const struct kms_card *card, const drmModeConnector *connector)
{
	uint32_t possible = possible_crtcs(card, connector) & ~card->taken_crtcs;
	int now = current_crtc(card, connector);

	if (now >= 0 && (possible & 1u << now) != 0)
		return now;
	for (int i = 0; i < card->resources->count_crtcs; i++)
		if ((possible & 1u << i) != 0)
			return i;
	return -ENOSPC;
}

int kms_pipe_init(struct kms_pipe *pipe, struct kms_card *card, const drmModeConnector *connector)
{
	int index = find_crtc(card, connector);

	if (index < 0)
		return index;
	*pipe = (struct kms_pipe){
		.card = card,
		.connector_id = connector->connector_id,
		.crtc_id = card->resources->crtcs[index],
		.crtc_index = (unsigned int)index,
	};
	card->taken_crtcs |= 1u << index;
	/* A driver that says it is atomic, and then is not, has the older calls. */
	if (card->atomic && (find_plane(pipe) != 0 || find_props(pipe) != 0))
		card->atomic = false;
	return 0;
}

void kms_pipe_fini(struct kms_pipe *pipe)
{
	struct kms_card *card = pipe->card;

	if ((card->used_crtcs & 1u << pipe->crtc_index) != 0) {
		drmModeSetCursor(card->fd, pipe->crtc_id, 0, 0, 0);
		drmModeSetCrtc(card->fd, pipe->crtc_id, 0, 0, 0, NULL, 0, NULL);
	}
	card->taken_crtcs &= ~(1u << pipe->crtc_index);
}

/* ---- atomic commits ------------------------------------------------------------------ */

struct request {
	const struct kms_pipe *pipe;
	drmModeAtomicReq *atomic;
	bool failed;
};

static void put(struct request *request, enum kms_prop prop, uint64_t value)
{
	if (drmModeAtomicAddProperty(request->atomic, object_of(request->pipe, prop),
				     request->pipe->props[prop], value) < 0)
		request->failed = true;
}

static void put_mode(struct request *request, uint32_t mode_blob, const struct kms_buffer *buffer)
{
	put(request, KMS_CONNECTOR_CRTC_ID, request->pipe->crtc_id);
	put(request, KMS_CRTC_ACTIVE, 1);
	put(request, KMS_CRTC_MODE_ID, mode_blob);
	put(request, KMS_PLANE_CRTC_ID, request->pipe->crtc_id);
	put(request, KMS_PLANE_SRC_X, 0);
	put(request, KMS_PLANE_SRC_Y, 0);
	put(request, KMS_PLANE_SRC_W, (uint64_t)buffer->width << 16);
	put(request, KMS_PLANE_SRC_H, (uint64_t)buffer->height << 16);
	put(request, KMS_PLANE_CRTC_X, 0);
	put(request, KMS_PLANE_CRTC_Y, 0);
	put(request, KMS_PLANE_CRTC_W, buffer->width);
	put(request, KMS_PLANE_CRTC_H, buffer->height);
}

/* mode_blob and damage_blob may be 0. Frees nothing but what it makes. */
static int commit(const struct kms_pipe *pipe, const struct kms_buffer *buffer, uint32_t mode_blob,
		  uint32_t damage_blob, uint32_t flags, void *opaque)
{
	struct request request = {.pipe = pipe, .atomic = drmModeAtomicAlloc()};
	int rc = -ENOMEM;

	if (request.atomic == NULL)
		return rc;
	if (mode_blob != 0)
		put_mode(&request, mode_blob, buffer);
	put(&request, KMS_PLANE_FB_ID, buffer->fb_id);
	/* A mode set shows all of the buffer, whatever was told before. */
	if (pipe->props[KMS_PLANE_DAMAGE] != 0)
		put(&request, KMS_PLANE_DAMAGE, damage_blob);
	if (!request.failed)
		rc = drmModeAtomicCommit(pipe->card->fd, request.atomic, flags, opaque);
	drmModeAtomicFree(request.atomic);
	return rc;
}

#define COMMIT_FLAGS (DRM_MODE_ATOMIC_NONBLOCK | DRM_MODE_PAGE_FLIP_EVENT)

static int atomic_set_mode(const struct kms_pipe *pipe, const drmModeModeInfo *mode,
			   const struct kms_buffer *buffer, void *opaque)
{
	uint32_t blob = 0;
	int rc = drmModeCreatePropertyBlob(pipe->card->fd, mode, sizeof(*mode), &blob);

	if (rc != 0)
		return rc;
	rc = commit(pipe, buffer, blob, 0,
		    DRM_MODE_ATOMIC_TEST_ONLY | DRM_MODE_ATOMIC_ALLOW_MODESET, NULL);
	if (rc == 0)
		rc = commit(pipe, buffer, blob, 0, DRM_MODE_ATOMIC_ALLOW_MODESET | COMMIT_FLAGS,
			    opaque);
	/* The kernel holds what it uses. */
	drmModeDestroyPropertyBlob(pipe->card->fd, blob);
	return rc == 0 ? 1 : rc;
}

static int atomic_flip(const struct kms_pipe *pipe, const struct kms_buffer *buffer,
		       const struct vgpu_rect *damage, void *opaque)
{
	const struct drm_mode_rect clip = {
		.x1 = (int32_t)damage->x,
		.y1 = (int32_t)damage->y,
		.x2 = (int32_t)(damage->x + damage->width),
		.y2 = (int32_t)(damage->y + damage->height),
	};
	uint32_t blob = 0;

	/* Without the blob all of the buffer counts as changed, which is right, but slower. */
	if (pipe->props[KMS_PLANE_DAMAGE] != 0)
		drmModeCreatePropertyBlob(pipe->card->fd, &clip, sizeof(clip), &blob);
	int rc = commit(pipe, buffer, 0, blob, COMMIT_FLAGS, opaque);
	if (blob != 0)
		drmModeDestroyPropertyBlob(pipe->card->fd, blob);
	return rc == 0 ? 1 : rc;
}

/* ---- the calls from before ------------------------------------------------------------- */

static int legacy_set_mode(struct kms_pipe *pipe, const drmModeModeInfo *mode,
			   const struct kms_buffer *buffer)
{
	drmModeModeInfo copy = *mode;

	return drmModeSetCrtc(pipe->card->fd, pipe->crtc_id, buffer->fb_id, 0, 0,
			      &pipe->connector_id, 1, &copy);
}

static int legacy_flip(struct kms_pipe *pipe, const struct kms_buffer *buffer, void *opaque)
{
	int rc = drmModePageFlip(pipe->card->fd, pipe->crtc_id, buffer->fb_id,
				 DRM_MODE_PAGE_FLIP_EVENT, opaque);

	if (rc == -EINVAL || rc == -ENOSYS || rc == -EOPNOTSUPP) {
		pipe->no_flip = true;
		return -EOPNOTSUPP;
	}
	return rc == 0 ? 1 : rc;
}

/* ---- either ------------------------------------------------------------------------------ */

int kms_pipe_set_mode(struct kms_pipe *pipe, const drmModeModeInfo *mode,
		      const struct kms_buffer *buffer, void *opaque)
{
	struct kms_card *card = pipe->card;
	bool first = card->used_crtcs == 0;

	card->used_crtcs |= 1u << pipe->crtc_index;
	if (card->atomic) {
		int rc = atomic_set_mode(pipe, mode, buffer, opaque);

		if (rc != -EINVAL || !first)
			return rc;
		card->atomic = false;
	}
	return legacy_set_mode(pipe, mode, buffer);
}

int kms_pipe_flip(struct kms_pipe *pipe, const struct kms_buffer *buffer,
		  const struct vgpu_rect *damage, void *opaque)
{
	if (pipe->card->atomic)
		return atomic_flip(pipe, buffer, damage, opaque);
	return legacy_flip(pipe, buffer, opaque);
}

void kms_pipe_dirty(struct kms_pipe *pipe, const struct kms_buffer *buffer,
		    const struct vgpu_rect *damage)
{
	drmModeClip clip = {
		.x1 = (uint16_t)damage->x,
		.y1 = (uint16_t)damage->y,
		.x2 = (uint16_t)(damage->x + damage->width),
		.y2 = (uint16_t)(damage->y + damage->height),
	};

	/* A driver that scans the buffer out all the time does not have the call. */
	drmModeDirtyFB(pipe->card->fd, buffer->fb_id, &clip, 1);
}
