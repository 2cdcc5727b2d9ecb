/* SPDX-License-Identifier: MIT */
/*
 * A golden set: what every frame of one trace must look like, in a folder of
 * its own. golden/README.md documents manifest.json; this header is the same in C.
 */
#ifndef VGPU_GOLDEN_H
#define VGPU_GOLDEN_H

#include "frame.h"

#define VGPU_GOLDEN_FORMAT   1
#define VGPU_GOLDEN_MANIFEST "manifest.json"

struct vgpu_golden_frame {
	uint64_t number;
	uint32_t scanout_id, width, height;
	struct vgpu_frame_hash hash;
	char *png; /* file name in the folder; NULL: the hash is all there is */
};

/* A named departure from "every pixel equal". */
struct vgpu_golden_exception {
	uint64_t first, last; /* frames, both included */
	char *target;	      /* NULL: any */
	char *reason;
	unsigned int tolerance; /* of a color channel */
	struct vgpu_rect *ignore;
	size_t num_ignore;
	bool fails; /* the frame must differ */
};

struct vgpu_golden {
	char *trace; /* file name of the recording */
	struct vgpu_frame_hash trace_hash;
	char *confirmed_by;		  /* the independent device and its version */
	struct vgpu_golden_frame *frames; /* by rising number */
	size_t num_frames;
	struct vgpu_golden_exception *exceptions;
	size_t num_exceptions;
};

/*
 * Reads folder/manifest.json. NULL with a sentence in err; *status is -ENOENT if
 * there is no such file, or another negative errno.
 */
struct vgpu_golden *vgpu_golden_load(const char *folder, int *status, struct vgpu_error *err);
/* Writes folder/manifest.json, under another name first. */
int vgpu_golden_save(const struct vgpu_golden *golden, const char *folder, struct vgpu_error *err);
void vgpu_golden_free(struct vgpu_golden *golden);

/* NULL if the set does not have it. */
const struct vgpu_golden_frame *vgpu_golden_find(const struct vgpu_golden *golden, uint64_t number);
/* The first exception for a frame on a target, or NULL. */
const struct vgpu_golden_exception *vgpu_golden_exception(const struct vgpu_golden *golden,
							  uint64_t number, const char *target);

/* XXH3 128 of a file's bytes. 0 or a negative errno. */
int vgpu_golden_hash_file(const char *path, struct vgpu_frame_hash *hash, struct vgpu_error *err);

/* Decoded pictures of a golden set, the least recently used of them forgotten. */
struct vgpu_pictures;

/* folder is copied. limit: bytes of pixels to keep, at least one picture is. */
struct vgpu_pictures *vgpu_pictures_new(const char *folder, uint64_t limit);
void vgpu_pictures_free(struct vgpu_pictures *pictures);
/*
 * Begins to decode the pictures of the frames from first to last, both included, on a
 * thread of its own, as far as they are kept. Once only. Where it cannot, vgpu_pictures_get()
 * does it.
 */
void vgpu_pictures_read_ahead(struct vgpu_pictures *pictures, const struct vgpu_golden *golden,
			      uint64_t first, uint64_t last);
/* Valid until the next call. NULL with a sentence in err. */
const struct vgpu_frame *vgpu_pictures_get(struct vgpu_pictures *pictures, const char *name,
					   struct vgpu_error *err);

#endif
