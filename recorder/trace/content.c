/* SPDX-License-Identifier: MIT */
#include "trace/content.h"
#include "trace/format.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <xxhash.h>

/* Where there are no rows: small enough to find pages again, large enough to be cheap. */
#define CHUNK_SIZE 4096u
/* Rows below this are taken together: a reference should cost less than what it saves. */
#define MIN_ROWS_SIZE 512u
/* A request adds at most 2^19 chunks (256 MiB in pieces of 512), so this many may be before. */
#define MAX_CHUNKS_BEFORE (TRACE_MAX_CHUNKS - (TRACE_MAX_CHUNKS / 2) - 1)
#define FIRST_SLOTS	  1024u

struct trace_content {
	uint64_t limit, stored;
	bool full; /* before the request that is being added */
	/*
	 * The seed keeps a guest from preparing two contents with one hash. It is
	 * not in the file: no hash of a chunk is.
	 */
	uint64_t seed;
	XXH128_hash_t *hashes; /* by chunk id */
	size_t num_chunks, chunks_capacity;
	uint32_t *slots; /* open addressing: chunk id + 1, 0 is free */
	size_t num_slots;
	struct trace_ref *refs;
	size_t num_refs, refs_capacity;
	struct trace_new_chunk *fresh;
	size_t num_fresh, fresh_capacity;
};

struct trace_content *trace_content_new(uint64_t limit)
{
	struct trace_content *content = calloc(1, sizeof(*content));

	if (content == NULL)
		return NULL;
	content->limit = limit;
	/* Without a random seed the table works as well, only guessably. */
	if (getrandom(&content->seed, sizeof(content->seed), GRND_NONBLOCK) < 0)
		content->seed = vgpu_now_ns();
	content->slots = calloc(FIRST_SLOTS, sizeof(*content->slots));
	if (content->slots == NULL) {
		free(content);
		return NULL;
	}
	content->num_slots = FIRST_SLOTS;
	return content;
}

void trace_content_free(struct trace_content *content)
{
	if (content == NULL)
		return;
	free(content->hashes);
	free(content->slots);
	free(content->refs);
	free(content->fresh);
	free(content);
}

void trace_content_clear(struct trace_content *content)
{
	content->num_chunks = 0;
	content->stored = 0;
	memset(content->slots, 0, content->num_slots * sizeof(*content->slots));
}

/* The slot that holds hash, or the free one where it belongs. */
static uint32_t *find_slot(struct trace_content *content, XXH128_hash_t hash)
{
	size_t mask = content->num_slots - 1;

	for (size_t at = hash.low64 & mask;; at = (at + 1) & mask) {
		uint32_t id = content->slots[at];
		if (id == 0 || XXH128_isEqual(content->hashes[id - 1], hash))
			return &content->slots[at];
	}
}

static bool grow_slots(struct trace_content *content)
{
	size_t num_slots = content->num_slots * 2;
	uint32_t *slots = calloc(num_slots, sizeof(*slots));

	if (slots == NULL)
		return false;
	free(content->slots);
	content->slots = slots;
	content->num_slots = num_slots;
	for (size_t id = 0; id < content->num_chunks; id++)
		*find_slot(content, content->hashes[id]) = (uint32_t)id + 1;
	return true;
}

/* Doubles an array when it is full; keeps what is in it. */
static void *grow(void *array, size_t *capacity, size_t used, size_t size)
{
	size_t wanted = *capacity == 0 ? 64 : *capacity * 2;

	if (used < *capacity)
		return array;
	void *grown = reallocarray(array, wanted, size);
	if (grown != NULL)
		*capacity = wanted;
	return grown;
}

static bool make_room(struct trace_content *content)
{
	void *array;

	array = grow(content->hashes, &content->chunks_capacity, content->num_chunks,
		     sizeof(*content->hashes));
	if (array == NULL)
		return false;
	content->hashes = array;
	array = grow(content->refs, &content->refs_capacity, content->num_refs,
		     sizeof(*content->refs));
	if (array == NULL)
		return false;
	content->refs = array;
	array = grow(content->fresh, &content->fresh_capacity, content->num_fresh,
		     sizeof(*content->fresh));
	if (array == NULL)
		return false;
	content->fresh = array;
	return content->num_chunks * 2 < content->num_slots || grow_slots(content);
}

/* Lengthens the last run where the chunk goes on with it, or starts a new one. */
static void add_ref(struct trace_content *content, uint32_t id)
{
	struct trace_ref *last = content->num_refs ? &content->refs[content->num_refs - 1] : NULL;

	if (last != NULL && !last->repeat && id == last->start + last->count) {
		last->count++;
	} else if (last != NULL && id == last->start && (last->repeat || last->count == 1)) {
		last->repeat = true;
		last->count++;
	} else {
		/* Room was made before. NOLINTNEXTLINE(clang-analyzer-core.NullDereference) */
		content->refs[content->num_refs++] = (struct trace_ref){id, 1, false};
	}
}

static int add_chunk(struct trace_content *content, const uint8_t *data, uint32_t len)
{
	XXH128_hash_t hash = XXH3_128bits_withSeed(data, len, content->seed);

	if (!make_room(content))
		return -ENOMEM;
	uint32_t *slot = find_slot(content, hash);
	if (*slot == 0 && content->full)
		return -ENOSPC;
	if (*slot == 0) {
		content->hashes[content->num_chunks++] = hash;
		content->fresh[content->num_fresh++] = (struct trace_new_chunk){data, len};
		content->stored += len;
		*slot = (uint32_t)content->num_chunks;
	}
	add_ref(content, *slot - 1);
	return 0;
}

/* One row, several small ones, or a part of a large one. */
static uint32_t chunk_size(uint32_t pitch)
{
	if (pitch == 0)
		return CHUNK_SIZE;
	if (pitch < MIN_ROWS_SIZE)
		return (MIN_ROWS_SIZE + pitch - 1) / pitch * pitch;
	return pitch;
}

static int add_row(struct trace_content *content, const uint8_t *data, uint64_t len)
{
	while (len > 0) {
		uint32_t part = len < TRACE_MAX_CHUNK ? (uint32_t)len : TRACE_MAX_CHUNK;
		int ret = add_chunk(content, data, part);
		if (ret < 0)
			return ret;
		data += part;
		len -= part;
	}
	return 0;
}

int trace_content_add(struct trace_content *content, const uint8_t *data, uint64_t len,
		      uint32_t pitch, struct trace_pieces *pieces)
{
	uint64_t size = chunk_size(pitch);

	content->full =
		content->stored >= content->limit || content->num_chunks > MAX_CHUNKS_BEFORE;
	content->num_refs = 0;
	content->num_fresh = 0;
	while (len > 0) {
		uint64_t part = len < size ? len : size;
		int ret = add_row(content, data, part);
		if (ret < 0)
			return ret;
		data += part;
		len -= part;
	}
	pieces->refs = content->refs;
	pieces->num_refs = content->num_refs;
	pieces->chunks = content->fresh;
	pieces->num_chunks = content->num_fresh;
	return 0;
}
