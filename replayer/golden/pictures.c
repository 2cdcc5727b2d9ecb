/* SPDX-License-Identifier: MIT */
#include "golden/golden.h"
#include "golden/png_io.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct picture {
	struct picture *next; /* used less recently */
	char *name;
	struct vgpu_frame frame;
};

struct vgpu_pictures {
	char *folder;
	uint64_t limit, kept;	/* bytes of pixels */
	struct picture *newest; /* list by time of use */
};

static uint64_t size_of(const struct picture *picture)
{
	return (uint64_t)picture->frame.width * picture->frame.height * 3;
}

static void free_picture(struct picture *picture)
{
	vgpu_frame_fini(&picture->frame);
	free(picture->name);
	free(picture);
}

struct vgpu_pictures *vgpu_pictures_new(const char *folder, uint64_t limit)
{
	struct vgpu_pictures *pictures = calloc(1, sizeof(*pictures));

	if (pictures == NULL)
		return NULL;
	pictures->limit = limit;
	pictures->folder = strdup(folder);
	if (pictures->folder == NULL) {
		free(pictures);
		return NULL;
	}
	return pictures;
}

void vgpu_pictures_free(struct vgpu_pictures *pictures)
{
	if (pictures == NULL)
		return;
	while (pictures->newest != NULL) {
		struct picture *picture = pictures->newest;
		pictures->newest = picture->next;
		free_picture(picture);
	}
	free(pictures->folder);
	free(pictures);
}

/* Takes the picture out of the list; NULL if it is not there. */
static struct picture *take(struct vgpu_pictures *pictures, const char *name)
{
	for (struct picture **link = &pictures->newest; *link != NULL; link = &(*link)->next) {
		struct picture *picture = *link;

		if (strcmp(picture->name, name) != 0)
			continue;
		*link = picture->next;
		return picture;
	}
	return NULL;
}

static struct picture *load(struct vgpu_pictures *pictures, const char *name,
			    struct vgpu_error *err)
{
	char path[4096];
	struct picture *picture = calloc(1, sizeof(*picture));

	if (picture == NULL || (picture->name = strdup(name)) == NULL) {
		vgpu_error_set(err, ENOMEM, "out of memory");
		goto fail;
	}
	if (snprintf(path, sizeof(path), "%s/%s", pictures->folder, name) >= (int)sizeof(path)) {
		vgpu_error_set(err, ENAMETOOLONG, "%s: name too long", name);
		goto fail;
	}
	if (vgpu_png_read(path, &picture->frame, err) < 0)
		goto fail;
	pictures->kept += size_of(picture);
	return picture;
fail:
	if (picture != NULL)
		free_picture(picture);
	return NULL;
}

/* Forgets from the far end, but never the newest. */
static void forget(struct vgpu_pictures *pictures)
{
	while (pictures->kept > pictures->limit && pictures->newest->next != NULL) {
		struct picture **link = &pictures->newest->next;

		while ((*link)->next != NULL)
			link = &(*link)->next;
		pictures->kept -= size_of(*link);
		free_picture(*link);
		*link = NULL;
	}
}

const struct vgpu_frame *vgpu_pictures_get(struct vgpu_pictures *pictures, const char *name,
					   struct vgpu_error *err)
{
	struct picture *picture = take(pictures, name);

	if (picture == NULL)
		picture = load(pictures, name, err);
	if (picture == NULL)
		return NULL;
	picture->next = pictures->newest;
	pictures->newest = picture;
	forget(pictures);
	return &picture->frame;
}
