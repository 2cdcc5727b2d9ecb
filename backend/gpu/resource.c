/* SPDX-License-Identifier: MIT */
#include "gpu/resource.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

void vgpu_resources_init(struct vgpu_resources *resources, uint64_t limit)
{
	uint64_t key;

	/* Without a random key the buckets work as well, only guessably. */
	if (getrandom(&key, sizeof(key), GRND_NONBLOCK) != sizeof(key))
		key = vgpu_now_ns();
	*resources = (struct vgpu_resources){.limit = limit, .key = key | 1};
}

static size_t num_buckets(const struct vgpu_resources *resources)
{
	return resources->more != NULL ? resources->num_more : VGPU_RESOURCE_BUCKETS;
}

static struct vgpu_resource **buckets_of(struct vgpu_resources *resources)
{
	return resources->more != NULL ? resources->more : resources->first;
}

/*
 * Which of num buckets, a power of two, an id belongs in. This is multiply-shift
 * hashing: any two ids meet with no more than two of num keys.
 */
static size_t home(const struct vgpu_resources *resources, uint32_t id, size_t num)
{
	return (resources->key * id >> 32) & (num - 1);
}

static struct vgpu_resource **bucket(struct vgpu_resources *resources, uint32_t id)
{
	return &buckets_of(resources)[home(resources, id, num_buckets(resources))];
}

struct vgpu_resource *vgpu_resource_find(const struct vgpu_resources *resources, uint32_t id)
{
	struct vgpu_resource *const *buckets =
		resources->more != NULL ? resources->more : resources->first;
	struct vgpu_resource *resource = buckets[home(resources, id, num_buckets(resources))];

	while (resource != NULL && resource->id != id)
		resource = resource->next;
	return resource;
}

const struct vgpu_resource *vgpu_resource_next(const struct vgpu_resources *resources,
					       uint64_t *position)
{
	struct vgpu_resource *const *buckets =
		resources->more != NULL ? resources->more : resources->first;

	/* A position is a bucket, above, and how many of its resources have been seen. */
	for (uint64_t at = *position >> 32, seen = *position & UINT32_MAX;
	     at < num_buckets(resources); at++, seen = 0) {
		const struct vgpu_resource *resource = buckets[at];

		for (uint64_t i = 0; i < seen && resource != NULL; i++)
			resource = resource->next;
		*position = at << 32 | (seen + 1);
		if (resource != NULL)
			return resource;
	}
	return NULL;
}

static int charge(struct vgpu_resources *resources, uint64_t bytes)
{
	if (bytes > resources->limit - resources->used)
		return -ENOMEM;
	resources->used += bytes;
	return 0;
}

/* Pixels and the struct: a guest must not get the latter for nothing either. */
static uint64_t cost(const struct vgpu_resource *resource)
{
	return sizeof(*resource) + resource->pixels_len;
}

static void link_in(struct vgpu_resource **head, struct vgpu_resource *resource)
{
	resource->next = *head;
	*head = resource;
}

/* Without memory for more buckets there are more resources in each. */
static void grow_buckets(struct vgpu_resources *resources)
{
	size_t num = num_buckets(resources), more = num * 4;
	struct vgpu_resource **to = calloc(more, sizeof(struct vgpu_resource *));

	if (to == NULL)
		return;
	for (size_t i = 0; i < num; i++) {
		struct vgpu_resource *resource = buckets_of(resources)[i];

		while (resource != NULL) {
			struct vgpu_resource *next = resource->next;

			link_in(&to[home(resources, resource->id, more)], resource);
			resource = next;
		}
	}
	memset(resources->first, 0, sizeof(resources->first));
	free(resources->more);
	resources->more = to;
	resources->num_more = more;
}

static void insert(struct vgpu_resources *resources, struct vgpu_resource *resource)
{
	if (resources->num >= num_buckets(resources))
		grow_buckets(resources);
	link_in(bucket(resources, resource->id), resource);
	resources->num++;
}

int vgpu_resource_create(struct vgpu_resources *resources, uint32_t id,
			 const struct vgpu_format *format, uint32_t width, uint32_t height)
{
	uint64_t stride = (uint64_t)width * VGPU_BYTES_PER_PIXEL;
	uint64_t bytes;

	if (width == 0 || height == 0)
		return -EINVAL;
	/* pixman's strides are int (VG-RES-010). */
	if (stride > INT_MAX || __builtin_mul_overflow(stride, (uint64_t)height, &bytes) ||
	    bytes > resources->limit)
		return -ENOMEM;

	struct vgpu_resource *resource = calloc(1, sizeof(*resource));
	if (resource == NULL)
		return -ENOMEM;
	resource->id = id;
	resource->width = width;
	resource->height = height;
	resource->format = format;
	resource->stride = stride;
	resource->pixels_len = bytes;
	if (charge(resources, cost(resource)) != 0) {
		free(resource);
		return -ENOMEM;
	}
	resource->pixels = calloc(height, stride);
	if (resource->pixels == NULL) {
		resources->used -= cost(resource);
		free(resource);
		return -ENOMEM;
	}
	insert(resources, resource);
	return 0;
}

int vgpu_resource_create_blob(struct vgpu_resources *resources, uint32_t id, uint64_t size)
{
	struct vgpu_resource *resource = calloc(1, sizeof(*resource));

	if (resource == NULL)
		return -ENOMEM;
	resource->id = id;
	resource->blob_size = size;
	if (charge(resources, cost(resource)) != 0) {
		free(resource);
		return -ENOMEM;
	}
	insert(resources, resource);
	return 0;
}

void vgpu_resource_destroy(struct vgpu_resources *resources, struct vgpu_resource *resource)
{
	struct vgpu_resource **link = bucket(resources, resource->id);

	while (*link != resource)
		link = &(*link)->next;
	*link = resource->next;
	resources->num--;
	vgpu_resource_detach(resources, resource);
	resources->used -= cost(resource);
	free(resource->pixels);
	free(resource);
}

void vgpu_resources_clear(struct vgpu_resources *resources)
{
	struct vgpu_resource **buckets = buckets_of(resources);

	for (size_t i = 0; i < num_buckets(resources); i++)
		while (buckets[i] != NULL)
			/* It was taken from this bucket, which the analyzer cannot know. */
			/* NOLINTNEXTLINE(clang-analyzer-unix.Malloc) */
			vgpu_resource_destroy(resources, buckets[i]);
	free(resources->more);
	resources->more = NULL;
}

static bool in_guest_memory(const struct vgpu_memory *memory, uint64_t gpa, uint64_t len)
{
	uint64_t end;

	if (len == 0 || __builtin_add_overflow(gpa, len, &end))
		return false;
	while (gpa < end) {
		uint64_t piece = end - gpa;

		if (memory->translate(memory->opaque, gpa, &piece) == NULL)
			return false;
		gpa += piece;
	}
	return true;
}

int vgpu_resource_attach(struct vgpu_resources *resources, struct vgpu_resource *resource,
			 const struct vgpu_memory *memory, struct vgpu_backing_entry *entries,
			 size_t num_entries)
{
	uint64_t len = 0;
	int rc = charge(resources, num_entries * sizeof(*entries));

	if (rc != 0)
		goto refuse;
	for (size_t i = 0; i < num_entries; i++) {
		if (!in_guest_memory(memory, entries[i].gpa, entries[i].len)) {
			resources->used -= num_entries * sizeof(*entries);
			rc = -EFAULT;
			goto refuse;
		}
		len += entries[i].len;
	}
	if (len < resource->blob_size) {
		resources->used -= num_entries * sizeof(*entries);
		rc = -EINVAL;
		goto refuse;
	}
	resource->backing = entries;
	resource->num_backing = num_entries;
	resource->backing_len = len;
	return 0;
refuse:
	free(entries);
	return rc;
}

void vgpu_resource_detach(struct vgpu_resources *resources, struct vgpu_resource *resource)
{
	resources->used -= resource->num_backing * sizeof(*resource->backing);
	free(resource->backing);
	resource->backing = NULL;
	resource->num_backing = 0;
	resource->backing_len = 0;
}

/* A place in the backing that only moves forward. */
struct cursor {
	size_t entry;
	uint64_t start; /* offset of the entry's first byte in the backing */
};

/*
 * More pieces than the rows and the entries of a picture that somebody looks
 * at. A guest must not get memory for a list of any length.
 */
#define READS_MAX (1u << 17)

static bool grow_reads(struct vgpu_reads *reads)
{
	size_t capacity = reads->capacity != 0 ? reads->capacity * 2 : 1024;

	if (capacity > READS_MAX)
		return false;
	struct vgpu_guest_read *list = reallocarray(reads->list, capacity, sizeof(*list));
	if (list == NULL)
		return false;
	reads->list = list;
	reads->capacity = capacity;
	return true;
}

/* The guest does not notice where the list cannot be kept. */
static void note_read(struct vgpu_reads *reads, uint64_t gpa, uint32_t len, const void *data)
{
	if (!reads->wanted || reads->lost)
		return;
	if (reads->num == reads->capacity && !grow_reads(reads)) {
		reads->lost = true;
		reads->num = 0;
		return;
	}
	reads->list[reads->num++] = (struct vgpu_guest_read){.gpa = gpa, .len = len, .data = data};
}

/*
 * A page is copied in blocks that the compiler makes plain loads and stores of: with
 * a call of memcpy() for each page, the copy takes about a third longer.
 */
#define BLOCK_BYTES 128u
/* Longer pieces are left to memcpy(). */
#define BLOCKS_MAX 16384u
#define CACHE_LINE 64u

/*
 * What comes next is guessed by no processor where pages lie anywhere, but it is in
 * the list: its first bytes are fetched while these are copied. The rest a processor
 * fetches by itself once a copy has begun.
 */
struct ahead {
	const uint8_t *host;
	uint64_t len;
};
#define AHEAD_MAX 2048u

static struct ahead look_ahead(const struct vgpu_memory *memory,
			       const struct vgpu_backing_entry *entry)
{
	struct ahead ahead = {.len = entry->len < AHEAD_MAX ? entry->len : AHEAD_MAX};

	ahead.host = memory->translate(memory->opaque, entry->gpa, &ahead.len);
	if (ahead.host == NULL)
		ahead.len = 0;
	return ahead;
}

static void copy_pixels(uint8_t *to, const uint8_t *from, uint64_t len, struct ahead ahead)
{
	uint64_t at = 0;

	for (; len <= BLOCKS_MAX && at + BLOCK_BYTES <= len; at += BLOCK_BYTES) {
		for (uint64_t line = at; line < at + BLOCK_BYTES && line < ahead.len;
		     line += CACHE_LINE)
			__builtin_prefetch(ahead.host + line);
		memcpy(to + at, from + at, BLOCK_BYTES);
	}
	memcpy(to + at, from + at, len - at);
}

static int copy_entry(const struct vgpu_memory *memory, uint64_t gpa, uint8_t *to, uint32_t len,
		      struct ahead ahead, struct vgpu_reads *reads)
{
	for (uint64_t done = 0, piece; done < len; done += piece) {
		piece = len - done;
		const uint8_t *from = memory->translate(memory->opaque, gpa + done, &piece);
		if (from == NULL)
			return -EFAULT;
		copy_pixels(to + done, from, piece, ahead);
	}
	note_read(reads, gpa, len, to);
	return 0;
}

/* len bytes of the backing from offset, or as many as there are. */
static int gather(const struct vgpu_resource *resource, const struct vgpu_memory *memory,
		  struct cursor *at, uint64_t offset, uint8_t *to, uint64_t len,
		  struct vgpu_reads *reads)
{
	while (len > 0 && at->entry < resource->num_backing) {
		const struct vgpu_backing_entry *entry = &resource->backing[at->entry];

		if (offset - at->start >= entry->len) {
			at->start += entry->len;
			at->entry++;
			continue;
		}
		uint32_t skip = (uint32_t)(offset - at->start);
		uint32_t piece = entry->len - skip < len ? entry->len - skip : (uint32_t)len;
		struct ahead ahead = {0};
		if (piece < len && at->entry + 1 < resource->num_backing)
			ahead = look_ahead(memory, entry + 1);
		int rc = copy_entry(memory, entry->gpa + skip, to, piece, ahead, reads);
		if (rc != 0)
			return rc;
		to += piece;
		offset += piece;
		len -= piece;
	}
	return 0;
}

int vgpu_resource_copy_rows(const struct vgpu_resource *resource, const struct vgpu_memory *memory,
			    const struct vgpu_rows *rows, uint8_t *to, struct vgpu_reads *reads)
{
	struct cursor at = {0};

	/* Whole rows follow each other on both sides. */
	if (rows->len == rows->stride)
		return gather(resource, memory, &at, rows->offset, to, rows->len * rows->count,
			      reads);
	for (uint32_t y = 0; y < rows->count; y++) {
		/* Cannot overflow: the rows and what they are copied to are each below 2^63. */
		uint64_t from = rows->offset + y * rows->stride;

		if (from >= resource->backing_len)
			break;
		int rc = gather(resource, memory, &at, from, to, rows->len, reads);
		if (rc != 0)
			return rc;
		to += rows->stride;
	}
	return 0;
}

int vgpu_resource_transfer(struct vgpu_resource *resource, const struct vgpu_memory *memory,
			   const struct vgpu_rect *rect, uint64_t offset, struct vgpu_reads *reads)
{
	const struct vgpu_rows rows = {.offset = offset,
				       .stride = resource->stride,
				       .len = (uint64_t)rect->width * VGPU_BYTES_PER_PIXEL,
				       .count = rect->height};
	uint8_t *to = resource->pixels + rect->y * resource->stride +
		      (size_t)rect->x * VGPU_BYTES_PER_PIXEL;

	if (rect->width == 0 || rect->height == 0)
		return 0;
	if (offset >= resource->backing_len)
		return -EINVAL;
	return vgpu_resource_copy_rows(resource, memory, &rows, to, reads);
}

int vgpu_resource_hold(struct vgpu_resources *resources, struct vgpu_resource *resource,
		       uint64_t begin, uint64_t end, bool keep)
{
	uint64_t old_end = resource->pixels_begin + resource->pixels_len;
	bool any = resource->pixels != NULL;

	if (any && begin >= resource->pixels_begin && end <= old_end)
		return 0;
	if (any && keep) {
		begin = begin < resource->pixels_begin ? begin : resource->pixels_begin;
		end = end > old_end ? end : old_end;
	}
	resources->used -= resource->pixels_len;
	if (charge(resources, end - begin) != 0)
		goto refuse;
	uint8_t *pixels = calloc(1, end - begin);
	if (pixels == NULL) {
		resources->used -= end - begin;
		goto refuse;
	}
	if (any && keep)
		memcpy(pixels + (resource->pixels_begin - begin), resource->pixels,
		       resource->pixels_len);
	free(resource->pixels);
	resource->pixels = pixels;
	resource->pixels_begin = begin;
	resource->pixels_len = end - begin;
	return 0;
refuse:
	resources->used += resource->pixels_len;
	return -ENOMEM;
}

bool vgpu_rect_within(const struct vgpu_rect *rect, uint32_t width, uint32_t height)
{
	return rect->x <= width && rect->width <= width - rect->x && rect->y <= height &&
	       rect->height <= height - rect->y;
}

bool vgpu_rect_intersect(const struct vgpu_rect *a, const struct vgpu_rect *b,
			 struct vgpu_rect *result)
{
	/* Both lie within 32 bits, so their ends do in 64. */
	uint64_t left = a->x > b->x ? a->x : b->x;
	uint64_t top = a->y > b->y ? a->y : b->y;
	uint64_t a_right = (uint64_t)a->x + a->width, b_right = (uint64_t)b->x + b->width;
	uint64_t a_bottom = (uint64_t)a->y + a->height, b_bottom = (uint64_t)b->y + b->height;
	uint64_t right = a_right < b_right ? a_right : b_right;
	uint64_t bottom = a_bottom < b_bottom ? a_bottom : b_bottom;

	if (left >= right || top >= bottom)
		return false;
	*result = (struct vgpu_rect){.x = (uint32_t)left,
				     .y = (uint32_t)top,
				     .width = (uint32_t)(right - left),
				     .height = (uint32_t)(bottom - top)};
	return true;
}
