/* SPDX-License-Identifier: MIT */
#include "trace/bytes.h"

#include <stdlib.h>
#include <string.h>

#define UINT_MAX_LEN 10 /* of a 64-bit LEB128 */

void bytes_fini(struct bytes *bytes)
{
	free(bytes->data);
	*bytes = (struct bytes){0};
}

bool bytes_reserve(struct bytes *bytes, size_t more)
{
	size_t need, capacity;

	if (bytes->failed)
		return false;
	if (more <= bytes->capacity - bytes->len)
		return true;
	if (__builtin_add_overflow(bytes->len, more, &need))
		goto failed;
	capacity = bytes->capacity < 256 ? 256 : bytes->capacity;
	while (capacity < need)
		capacity = capacity > SIZE_MAX / 2 ? need : capacity * 2;
	uint8_t *data = realloc(bytes->data, capacity);
	if (data == NULL)
		goto failed;
	bytes->data = data;
	bytes->capacity = capacity;
	return true;
failed:
	bytes->failed = true;
	return false;
}

void bytes_put(struct bytes *bytes, const void *data, size_t len)
{
	if (len == 0 || !bytes_reserve(bytes, len))
		return;
	memcpy(bytes->data + bytes->len, data, len);
	bytes->len += len;
}

void bytes_put_u8(struct bytes *bytes, uint8_t value)
{
	bytes_put(bytes, &value, 1);
}

void bytes_put_uint(struct bytes *bytes, uint64_t value)
{
	if (!bytes_reserve(bytes, UINT_MAX_LEN))
		return;
	while (value >= 0x80) {
		bytes->data[bytes->len++] = (uint8_t)(value | 0x80);
		value >>= 7;
	}
	bytes->data[bytes->len++] = (uint8_t)value;
}

void bytes_put_int(struct bytes *bytes, int64_t value)
{
	bytes_put_uint(bytes, ((uint64_t)value << 1) ^ (value < 0 ? UINT64_MAX : 0));
}

void cursor_fail(struct cursor *cursor, const char *why)
{
	if (cursor->why == NULL)
		cursor->why = why;
	cursor->at = cursor->end;
}

const uint8_t *cursor_take(struct cursor *cursor, uint64_t len)
{
	const uint8_t *at = cursor->at;

	if (cursor->why != NULL)
		return NULL;
	if (len > cursor_left(cursor)) {
		cursor_fail(cursor, "ends too early");
		return NULL;
	}
	cursor->at += len;
	return at;
}

uint8_t cursor_u8(struct cursor *cursor)
{
	const uint8_t *at = cursor_take(cursor, 1);

	return at == NULL ? 0 : *at;
}

uint64_t cursor_uint(struct cursor *cursor)
{
	uint64_t value = 0;

	for (unsigned int shift = 0; shift < 64; shift += 7) {
		const uint8_t *at = cursor_take(cursor, 1);
		if (at == NULL)
			return 0;
		if (shift == 63 && *at > 1)
			break;
		value |= (uint64_t)(*at & 0x7f) << shift;
		if ((*at & 0x80) == 0)
			return value;
	}
	cursor_fail(cursor, "number of more than 64 bits");
	return 0;
}

int64_t cursor_int(struct cursor *cursor)
{
	uint64_t value = cursor_uint(cursor);

	return (int64_t)((value >> 1) ^ (value & 1 ? UINT64_MAX : 0));
}

uint64_t cursor_max(struct cursor *cursor, uint64_t max, const char *why)
{
	uint64_t value = cursor_uint(cursor);

	if (value <= max)
		return value;
	cursor_fail(cursor, why);
	return 0;
}

uint32_t cursor_u32(struct cursor *cursor)
{
	return (uint32_t)cursor_max(cursor, UINT32_MAX, "number of more than 32 bits");
}

void *array_reserve(void *array, size_t *capacity, size_t count, size_t size)
{
	size_t bytes, wanted = count + count / 4 + 1;

	if (array != NULL && count <= *capacity)
		return array;
	if (wanted < count || __builtin_mul_overflow(wanted, size, &bytes))
		return NULL;
	void *grown = malloc(bytes);
	if (grown == NULL)
		return NULL;
	free(array);
	*capacity = wanted;
	return grown;
}
