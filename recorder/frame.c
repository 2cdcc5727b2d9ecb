/* SPDX-License-Identifier: MIT */
#include "frame.h"

#include <endian.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#ifdef __x86_64__
#include <tmmintrin.h>
#endif
#include <xxhash.h>

/* Pixels that are read at a time, so that they are packed while still in the cache. */
#define STRIP_PIXELS 8192u

void vgpu_frame_fini(struct vgpu_frame *frame)
{
	free(frame->rgb);
	*frame = (struct vgpu_frame){0};
}

int vgpu_frame_resize(struct vgpu_frame *frame, uint32_t width, uint32_t height)
{
	size_t size;

	if (__builtin_mul_overflow((size_t)width, height, &size) ||
	    __builtin_mul_overflow(size, 3, &size))
		return -ENOMEM;
	if (size > frame->capacity) {
		uint8_t *rgb = malloc(size);
		if (rgb == NULL)
			return -ENOMEM;
		free(frame->rgb);
		frame->rgb = rgb;
		frame->capacity = size;
	}
	frame->width = width;
	frame->height = height;
	return 0;
}

/* Four pixels are 12 bytes: one store of eight and one of four. */
static void pack_words(uint8_t *rgb, const uint32_t *pixels, size_t count)
{
	for (; count >= 4; count -= 4, pixels += 4, rgb += 12) {
		uint64_t a = pixels[0] & 0xffffff, b = pixels[1] & 0xffffff;
		uint64_t c = pixels[2] & 0xffffff, d = pixels[3] & 0xffffff;
		uint64_t first = htobe64(a << 40 | b << 16 | c >> 8);
		uint32_t last = htobe32((uint32_t)(c << 24 | d));

		memcpy(rgb, &first, sizeof(first));
		memcpy(rgb + sizeof(first), &last, sizeof(last));
	}
	for (; count > 0; count--, pixels++, rgb += 3) {
		rgb[0] = (uint8_t)(*pixels >> 16);
		rgb[1] = (uint8_t)(*pixels >> 8);
		rgb[2] = (uint8_t)*pixels;
	}
}

#ifdef __x86_64__
/* The same by one shuffle. Returns the pixels that are done; the rest is for pack_words(). */
__attribute__((target("ssse3"))) static size_t pack_shuffled(uint8_t *rgb, const uint32_t *pixels,
							     size_t count)
{
	const __m128i order = _mm_setr_epi8(2, 1, 0, 6, 5, 4, 10, 9, 8, 14, 13, 12, -1, -1, -1, -1);
	size_t done = 0;

	/* A store is 16 bytes, of which the next one writes the last four again. */
	for (; count - done >= 6; done += 4) {
		__m128i four = _mm_loadu_si128((const __m128i *)(const void *)(pixels + done));

		_mm_storeu_si128((__m128i *)(void *)(rgb + done * 3),
				 _mm_shuffle_epi8(four, order));
	}
	return done;
}
#else
static size_t pack_shuffled(uint8_t *rgb, const uint32_t *pixels, size_t count)
{
	(void)rgb;
	(void)pixels;
	(void)count;
	return 0;
}
#endif

static bool can_shuffle(void)
{
#ifdef __x86_64__
	return __builtin_cpu_supports("ssse3");
#else
	return false;
#endif
}

void vgpu_frame_pack(uint8_t *rgb, const uint32_t *pixels, size_t count)
{
	size_t done = can_shuffle() ? pack_shuffled(rgb, pixels, count) : 0;

	pack_words(rgb + done * 3, pixels + done, count - done);
}

static struct vgpu_frame_hash canonical(XXH128_hash_t value)
{
	XXH128_canonical_t bytes;
	struct vgpu_frame_hash hash;

	XXH128_canonicalFromHash(&bytes, value);
	memcpy(hash.bytes, bytes.digest, sizeof(hash.bytes));
	return hash;
}

struct vgpu_frame_hash vgpu_frame_hash(const struct vgpu_frame *frame)
{
	return canonical(XXH3_128bits(frame->rgb, (size_t)frame->width * frame->height * 3));
}

void vgpu_frame_hash_text(const struct vgpu_frame_hash *hash, char text[VGPU_FRAME_HASH_TEXT])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < sizeof(hash->bytes); i++) {
		text[2 * i] = digits[hash->bytes[i] >> 4];
		text[2 * i + 1] = digits[hash->bytes[i] & 15];
	}
	text[VGPU_FRAME_HASH_TEXT - 1] = '\0';
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	return -1;
}

int vgpu_frame_hash_parse(const char *text, struct vgpu_frame_hash *hash)
{
	struct vgpu_frame_hash parsed;

	for (size_t i = 0; i < sizeof(parsed.bytes); i++) {
		int high = hex_digit(text[2 * i]);
		int low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);
		if (low < 0)
			return -EINVAL;
		parsed.bytes[i] = (uint8_t)(high << 4 | low);
	}
	if (text[VGPU_FRAME_HASH_TEXT - 1] != '\0')
		return -EINVAL;
	*hash = parsed;
	return 0;
}

bool vgpu_frame_hash_known(const struct vgpu_frame_hash *hash)
{
	static const struct vgpu_frame_hash unknown;

	return !vgpu_frame_hash_equal(hash, &unknown);
}

bool vgpu_frame_hash_equal(const struct vgpu_frame_hash *a, const struct vgpu_frame_hash *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

/* Reads a scanout in strips, from the top; stops where put() returns an error. */
static int read_strips(const struct vgpu_device *device, uint32_t scanout_id, uint32_t width,
		       uint32_t height,
		       int (*put)(void *opaque, const uint32_t *pixels, size_t count), void *opaque)
{
	uint32_t rows = STRIP_PIXELS / width > 0 ? STRIP_PIXELS / width : 1;
	struct vgpu_rect rect = {.width = width};
	uint32_t *strip = malloc((size_t)rows * width * sizeof(*strip));
	int ret = strip == NULL ? -ENOMEM : 0;

	for (; ret == 0 && rect.y < height; rect.y += rect.height) {
		rect.height = height - rect.y < rows ? height - rect.y : rows;
		ret = vgpu_device_read_scanout(device, scanout_id, &rect, strip,
					       (size_t)width * sizeof(*strip));
		if (ret == 0)
			ret = put(opaque, strip, (size_t)width * rect.height);
	}
	free(strip);
	return ret;
}

static int pack_strip(void *opaque, const uint32_t *pixels, size_t count)
{
	uint8_t **rgb = opaque;

	vgpu_frame_pack(*rgb, pixels, count);
	*rgb += count * 3;
	return 0;
}

static const struct vgpu_scanout *shown(const struct vgpu_device *device, uint32_t scanout_id)
{
	const struct vgpu_scanout *scanout = vgpu_device_scanout(device, scanout_id);

	return scanout != NULL && scanout->resource_id != 0 && scanout->rect.width != 0 ? scanout
											: NULL;
}

int vgpu_frame_capture(struct vgpu_frame *frame, const struct vgpu_device *device,
		       uint32_t scanout_id)
{
	const struct vgpu_scanout *scanout = shown(device, scanout_id);

	if (scanout == NULL)
		return -ENOENT;
	int ret = vgpu_frame_resize(frame, scanout->rect.width, scanout->rect.height);
	if (ret < 0)
		return ret;
	uint8_t *rgb = frame->rgb;
	return read_strips(device, scanout_id, frame->width, frame->height, pack_strip, &rgb);
}

/* A strip is packed and hashed while it is in the cache, and no frame is written. */
struct hasher {
	XXH3_state_t *state;
	uint8_t *rgb; /* of a strip */
};

static int hash_strip(void *opaque, const uint32_t *pixels, size_t count)
{
	struct hasher *hasher = opaque;

	vgpu_frame_pack(hasher->rgb, pixels, count);
	return XXH3_128bits_update(hasher->state, hasher->rgb, count * 3) == XXH_OK ? 0 : -EINVAL;
}

int vgpu_frame_hash_scanout(const struct vgpu_device *device, uint32_t scanout_id,
			    struct vgpu_frame_hash *hash)
{
	const struct vgpu_scanout *scanout = shown(device, scanout_id);
	struct hasher hasher;
	int ret = -ENOMEM;

	if (scanout == NULL)
		return -ENOENT;
	size_t longest = scanout->rect.width > STRIP_PIXELS ? scanout->rect.width : STRIP_PIXELS;
	hasher.state = XXH3_createState();
	hasher.rgb = malloc(longest * 3);
	if (hasher.state != NULL && hasher.rgb != NULL) {
		XXH3_128bits_reset(hasher.state);
		ret = read_strips(device, scanout_id, scanout->rect.width, scanout->rect.height,
				  hash_strip, &hasher);
		*hash = canonical(XXH3_128bits_digest(hasher.state));
	}
	free(hasher.rgb);
	XXH3_freeState(hasher.state);
	return ret;
}
