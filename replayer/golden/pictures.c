/* SPDX-License-Identifier: MIT */
#include "golden/golden.h"
#include "golden/png_io.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* More than this many pictures ahead would only fill the memory. */
#define AHEAD_MAX 256

struct picture {
	struct picture *next; /* used less recently */
	char *name;
	struct vgpu_frame frame;
};

struct vgpu_pictures {
	char *folder;
	uint64_t limit;

	pthread_mutex_t lock;	/* of what follows */
	pthread_cond_t decoded; /* the thread is done with one */
	uint64_t kept;		/* bytes of pixels */
	struct picture *newest; /* list by time of use; what was read ahead is at its end */
	/* One that is being decoded, by the thread and by who asks; NULL: none. */
	const char *by_thread, *by_caller;
	bool stop;

	pthread_t thread;
	char **ahead; /* names, what the thread goes through */
	size_t num_ahead;
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
	pthread_mutex_init(&pictures->lock, NULL);
	pthread_cond_init(&pictures->decoded, NULL);
	return pictures;
}

static void free_ahead(struct vgpu_pictures *pictures)
{
	for (size_t i = 0; i < pictures->num_ahead; i++)
		free(pictures->ahead[i]);
	free(pictures->ahead);
	pictures->ahead = NULL;
	pictures->num_ahead = 0;
}

static void end_thread(struct vgpu_pictures *pictures)
{
	if (pictures->ahead == NULL)
		return;
	pthread_mutex_lock(&pictures->lock);
	pictures->stop = true;
	pthread_mutex_unlock(&pictures->lock);
	pthread_join(pictures->thread, NULL);
	free_ahead(pictures);
}

void vgpu_pictures_free(struct vgpu_pictures *pictures)
{
	if (pictures == NULL)
		return;
	end_thread(pictures);
	while (pictures->newest != NULL) {
		struct picture *picture = pictures->newest;
		pictures->newest = picture->next;
		free_picture(picture);
	}
	pthread_cond_destroy(&pictures->decoded);
	pthread_mutex_destroy(&pictures->lock);
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

/* Without the lock: decoding is what takes the time. */
static struct picture *load(const struct vgpu_pictures *pictures, const char *name,
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

static bool has(const struct vgpu_pictures *pictures, const char *name)
{
	for (const struct picture *picture = pictures->newest; picture != NULL;
	     picture = picture->next)
		if (strcmp(picture->name, name) == 0)
			return true;
	return false;
}

static bool is_named(const char *name, const char *other)
{
	return other != NULL && strcmp(name, other) == 0;
}

/* Takes the picture from where it is, or decodes it. Under the lock, which it lets go of. */
static struct picture *obtain(struct vgpu_pictures *pictures, const char *name,
			      struct vgpu_error *err)
{
	while (is_named(name, pictures->by_thread))
		pthread_cond_wait(&pictures->decoded, &pictures->lock);
	struct picture *picture = take(pictures, name);
	if (picture != NULL)
		return picture;
	pictures->by_caller = name;
	pthread_mutex_unlock(&pictures->lock);
	picture = load(pictures, name, err);
	pthread_mutex_lock(&pictures->lock);
	pictures->by_caller = NULL;
	if (picture != NULL)
		pictures->kept += size_of(picture);
	return picture;
}

const struct vgpu_frame *vgpu_pictures_get(struct vgpu_pictures *pictures, const char *name,
					   struct vgpu_error *err)
{
	pthread_mutex_lock(&pictures->lock);
	struct picture *picture = obtain(pictures, name, err);
	if (picture != NULL) {
		picture->next = pictures->newest;
		pictures->newest = picture;
		forget(pictures);
	}
	pthread_mutex_unlock(&pictures->lock);
	return picture != NULL ? &picture->frame : NULL;
}

/* ---- reading ahead ---------------------------------------------------------------- */

/* At the end of the list: what was used is kept rather than what may be. */
static void append(struct vgpu_pictures *pictures, struct picture *picture)
{
	struct picture **link = &pictures->newest;

	while (*link != NULL)
		link = &(*link)->next;
	*link = picture;
	pictures->kept += size_of(picture);
}

/* Under the lock, which it lets go of. False: no more. */
static bool read_one(struct vgpu_pictures *pictures, const char *name)
{
	struct vgpu_error err;

	if (pictures->stop || pictures->kept >= pictures->limit)
		return false;
	if (has(pictures, name) || is_named(name, pictures->by_caller))
		return true;
	pictures->by_thread = name;
	pthread_mutex_unlock(&pictures->lock);
	/* What is wrong with it is said when it is asked for. */
	struct picture *picture = load(pictures, name, &err);
	pthread_mutex_lock(&pictures->lock);
	pictures->by_thread = NULL;
	if (picture != NULL)
		append(pictures, picture);
	pthread_cond_signal(&pictures->decoded);
	return true;
}

static void *read_ahead(void *opaque)
{
	struct vgpu_pictures *pictures = opaque;

	pthread_mutex_lock(&pictures->lock);
	for (size_t i = 0; i < pictures->num_ahead; i++)
		if (!read_one(pictures, pictures->ahead[i]))
			break;
	pthread_mutex_unlock(&pictures->lock);
	return NULL;
}

/* Signals are the program's business. */
static int start_thread(struct vgpu_pictures *pictures)
{
	sigset_t all, old;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int ret = pthread_create(&pictures->thread, NULL, read_ahead, pictures);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return -ret;
}

void vgpu_pictures_read_ahead(struct vgpu_pictures *pictures, const struct vgpu_golden *golden,
			      uint64_t first, uint64_t last)
{
	pictures->ahead = calloc(AHEAD_MAX, sizeof(*pictures->ahead));
	for (size_t i = 0;
	     pictures->ahead != NULL && i < golden->num_frames && pictures->num_ahead < AHEAD_MAX;
	     i++) {
		const struct vgpu_golden_frame *frame = &golden->frames[i];

		if (frame->png == NULL || frame->number < first || frame->number > last)
			continue;
		char *name = strdup(frame->png);
		if (name != NULL)
			pictures->ahead[pictures->num_ahead++] = name;
	}
	if (pictures->ahead != NULL && (pictures->num_ahead == 0 || start_thread(pictures) < 0))
		free_ahead(pictures);
}
