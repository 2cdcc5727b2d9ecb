/* SPDX-License-Identifier: MIT */
/*
 * What the guest has made of the device: its resources with the pictures that
 * the host has of them, its scanouts and cursors. It follows the trace, judges
 * nothing, and takes a bounded amount of memory.
 */
#ifndef VGPU_LINT_GUEST_H
#define VGPU_LINT_GUEST_H

#include "lint/command.h"
#include "lint/limits.h"

enum lint_kind {
	LINT_UNKNOWN, /* the device knows it, the trace does not say why */
	LINT_2D,
	LINT_3D,
	LINT_BLOB,
};

#define LINT_PENDING_MAX 16

struct lint_resource {
	uint32_t id;
	bool gone; /* was unref'd */
	enum lint_kind kind;
	uint32_t format, width, height; /* of 2D and 3D */
	uint64_t size;			/* bytes of a picture; of a blob all */
	bool attached;
	uint64_t backing_len;
	uint64_t last;	      /* number of the last request that named it */
	bool used;	      /* something was transferred, or may have been */
	bool fenced;	      /* the last transfer was */
	uint64_t transferred; /* pixels since the last flush */
	/* Rectangles of transfers that no flush has touched. */
	struct vgpu_rect pending[LINT_PENDING_MAX];
	unsigned int num_pending;
	uint64_t pending_since; /* number of the request that made the oldest */
	/* Rectangles of flushes since the last transfer or SET_SCANOUT. */
	struct vgpu_rect flushed[LINT_PENDING_MAX];
	unsigned int num_flushed;
	uint8_t *pixels; /* as the host has them; NULL: not kept */
	struct lint_row *rows;
	uint32_t generation;	 /* rows of another are not known */
	bool unseen;		 /* something came that is not in the trace */
	uint32_t alpha, colored; /* rows with alpha that is not 0; with colors */
};

/* What is known of a row, from the transfers of it. */
struct lint_row {
	uint32_t generation;
	uint32_t begin, end; /* pixels that were transferred */
	bool alpha, colored;
};

struct lint_scanout {
	bool set;	      /* by a SET_SCANOUT of this driver */
	uint32_t resource_id; /* 0: nothing is shown */
	struct vgpu_rect rect;
	bool blob;
};

struct lint_cursor {
	bool updated; /* by an UPDATE_CURSOR of this driver */
	uint32_t resource_id, hot_x, hot_y;
	bool stale; /* its resource was transferred to since */
};

struct lint_guest {
	uint64_t features_offered, features; /* of the last set-up */
	uint16_t queue_size[VGPU_NUM_QUEUES];
	bool started;
	unsigned int num_outputs;	  /* 0: not known */
	struct lint_resource **resources; /* by id, with those that are gone */
	unsigned int num_resources, capacity;
	bool lost; /* there were too many; ids say nothing any more */
	uint64_t pixel_bytes;
	uint64_t unkept; /* resources whose picture there was no room for */
	struct lint_scanout scanouts[VGPU_MAX_SCANOUTS];
	struct lint_cursor cursors[VGPU_MAX_SCANOUTS];
};

/* What a transfer brought. */
struct lint_change {
	bool compared;	       /* all of it was known before */
	uint64_t bytes;	       /* of the transfer */
	uint64_t needed;       /* of the smallest rectangle around what changed */
	struct vgpu_rect rect; /* it, in the resource */
};

bool lint_guest_accepted(const struct lint_guest *guest, unsigned int feature);
/* NULL if there never was one. */
struct lint_resource *lint_guest_find(const struct lint_guest *guest, uint32_t id);
/* NULL if there is none now. */
struct lint_resource *lint_guest_living(const struct lint_guest *guest, uint32_t id);
/* Whether it is on a scanout, or a cursor. */
bool lint_guest_needs(const struct lint_guest *guest, uint32_t id);
bool lint_guest_shows(const struct lint_guest *guest, uint32_t id);

/* The driver starts anew, or all device state is gone. */
void lint_guest_reset(struct lint_guest *guest);
/*
 * Takes over what a request did, as its answer says. change, of a transfer, may
 * be NULL.
 */
void lint_guest_apply(struct lint_guest *guest, const struct lint_request *request,
		      struct lint_change *change);

#endif
