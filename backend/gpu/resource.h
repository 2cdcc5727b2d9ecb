/* SPDX-License-Identifier: MIT */
/*
 * Resources: pictures that the guest names by number, the host's copy of their
 * pixels, and the guest memory behind them. All of them together take no more
 * than the limit. It must not know commands or scanouts.
 */
#ifndef VGPU_RESOURCE_H
#define VGPU_RESOURCE_H

#include "gpu/format.h"

struct vgpu_resource {
	uint32_t id, width, height;
	const struct vgpu_format *format;
	size_t stride;	     /* bytes from row to row, of pixels and of the backing */
	uint8_t *pixels;     /* zero until the first transfer (VG-RES-014) */
	uint64_t pixels_len; /* bytes */
	/*
	 * A blob is bytes: it has no size in pixels, no format and no stride. Its
	 * pixels are a copy of those bytes that scanouts show, and NULL until one does.
	 */
	uint64_t blob_size;    /* 0: this is no blob */
	uint64_t pixels_begin; /* where in the blob the copy begins */
	bool has_uuid;
	uint8_t uuid[16];
	struct vgpu_backing_entry *backing; /* NULL: none attached */
	size_t num_backing;
	uint64_t backing_len;	    /* bytes in all entries */
	struct vgpu_resource *next; /* in its bucket */
};

/* As many as nearly every guest does with; a power of two. */
#define VGPU_RESOURCE_BUCKETS 1024

struct vgpu_resources {
	uint64_t limit, used; /* bytes */
	size_t num;
	/* Odd, and not known to a guest, which could choose numbers that share a bucket. */
	uint64_t key;
	/* In one of these by their number and the key: in more, if that is not NULL. */
	struct vgpu_resource *first[VGPU_RESOURCE_BUCKETS];
	struct vgpu_resource **more;
	size_t num_more;
};

void vgpu_resources_init(struct vgpu_resources *resources, uint64_t limit);
/* Destroys all of them; what is left can be used again. */
void vgpu_resources_clear(struct vgpu_resources *resources);

struct vgpu_resource *vgpu_resource_find(const struct vgpu_resources *resources, uint32_t id);
/*
 * One after the other, in any order; *position is 0 for the first. NULL: that were
 * all. Not while resources come and go.
 */
const struct vgpu_resource *vgpu_resource_next(const struct vgpu_resources *resources,
					       uint64_t *position);
/*
 * The id must be free. -EINVAL for a size of 0, -ENOMEM over the limit or
 * where no memory is to be had.
 */
int vgpu_resource_create(struct vgpu_resources *resources, uint32_t id,
			 const struct vgpu_format *format, uint32_t width, uint32_t height);
/* The same for a blob of size bytes, which must not be 0. -ENOMEM. */
int vgpu_resource_create_blob(struct vgpu_resources *resources, uint32_t id, uint64_t size);
void vgpu_resource_destroy(struct vgpu_resources *resources, struct vgpu_resource *resource);

/*
 * Attaches guest memory. The resource must have none. Takes entries over in
 * any case. -EFAULT: an entry is empty or not all in guest memory; -EINVAL: a
 * blob is larger than all of them; -ENOMEM.
 */
int vgpu_resource_attach(struct vgpu_resources *resources, struct vgpu_resource *resource,
			 const struct vgpu_memory *memory, struct vgpu_backing_entry *entries,
			 size_t num_entries);
void vgpu_resource_detach(struct vgpu_resources *resources, struct vgpu_resource *resource);

/*
 * Makes the copy of a blob hold its bytes from begin to end, beside those that it
 * holds if keep says so. What it has not held before is zero. The range must lie in
 * the blob. -ENOMEM: the copy is as it was.
 */
int vgpu_resource_hold(struct vgpu_resources *resources, struct vgpu_resource *resource,
		       uint64_t begin, uint64_t end, bool keep);

/* What a request read, for an observer. */
struct vgpu_reads {
	struct vgpu_guest_read *list;
	size_t num, capacity;
	bool wanted; /* nobody listens: do not collect */
	bool lost;   /* there were too many; the list is empty */
};

/*
 * Copies a rectangle, which must lie in the resource, from the backing, whose
 * byte at offset is the rectangle's first (VG-XFR-002). Rows that the backing
 * does not reach stay as they are (VG-XFR-018). -EINVAL: offset outside the
 * backing; -EFAULT: the guest's memory has gone meanwhile.
 */
int vgpu_resource_transfer(struct vgpu_resource *resource, const struct vgpu_memory *memory,
			   const struct vgpu_rect *rect, uint64_t offset, struct vgpu_reads *reads);

/* Rows of bytes, stride bytes apart, in the backing and in the copy of a resource alike. */
struct vgpu_rows {
	uint64_t offset; /* of the first one in the backing */
	uint64_t stride;
	uint64_t len; /* of each */
	uint32_t count;
};

/*
 * Copies rows from the backing to where to is, as far as the backing reaches.
 * -EFAULT: the guest's memory has gone meanwhile.
 */
int vgpu_resource_copy_rows(const struct vgpu_resource *resource, const struct vgpu_memory *memory,
			    const struct vgpu_rows *rows, uint8_t *to, struct vgpu_reads *reads);

/* Whether rect lies in width x height. */
bool vgpu_rect_within(const struct vgpu_rect *rect, uint32_t width, uint32_t height);
/* Cuts a to b; false if nothing is left. */
bool vgpu_rect_intersect(const struct vgpu_rect *a, const struct vgpu_rect *b,
			 struct vgpu_rect *result);

#endif
