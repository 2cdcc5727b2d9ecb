/* SPDX-License-Identifier: MIT */
/*
 * Bytes to append to, and bytes to take from. Both remember the first failure,
 * so that an encoder or a decoder is a plain sequence of calls with one check
 * at its end.
 */
#ifndef VGPU_BYTES_H
#define VGPU_BYTES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A growing buffer. All zero is an empty one. */
struct bytes {
	uint8_t *data;
	size_t len, capacity;
	bool failed; /* out of memory: nothing was appended since */
};

void bytes_fini(struct bytes *bytes);
/* Makes room for more bytes without appending them; false if out of memory. */
bool bytes_reserve(struct bytes *bytes, size_t more);
void bytes_put(struct bytes *bytes, const void *data, size_t len);
void bytes_put_u8(struct bytes *bytes, uint8_t value);
/* LEB128: seven bits a byte, the lowest first, the top bit says that more follow. */
void bytes_put_uint(struct bytes *bytes, uint64_t value);
/* Zigzag: 0, -1, 1, -2, ... as 0, 1, 2, 3, ... */
void bytes_put_int(struct bytes *bytes, int64_t value);

/* A place in bytes that somebody else owns. */
struct cursor {
	const uint8_t *at, *end;
	const char *why; /* NULL, or the first thing that was wrong */
};

/* Remembers why and moves to the end; later takes return zeros. */
void cursor_fail(struct cursor *cursor, const char *why);
/* NULL if fewer than len bytes are left. */
const uint8_t *cursor_take(struct cursor *cursor, uint64_t len);
uint8_t cursor_u8(struct cursor *cursor);
uint64_t cursor_uint(struct cursor *cursor);
int64_t cursor_int(struct cursor *cursor);
/* As cursor_uint(), and fails with why if the value is greater than max. */
uint64_t cursor_max(struct cursor *cursor, uint64_t max, const char *why);
uint32_t cursor_u32(struct cursor *cursor);
static inline size_t cursor_left(const struct cursor *cursor)
{
	return (size_t)(cursor->end - cursor->at);
}

/*
 * Makes room for count elements of size bytes; old contents may be lost.
 * Returns the array, wherever it is now, or NULL if out of memory; then the old
 * one is still there.
 */
void *array_reserve(void *array, size_t *capacity, size_t count, size_t size);

#endif
