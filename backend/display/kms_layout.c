/* SPDX-License-Identifier: MIT */
#include "display/kms_layout.h"

#define NS_PER_S 1000000000ull

static uint32_t min_u32(uint32_t a, uint32_t b)
{
	return a < b ? a : b;
}

static uint32_t max_u32(uint32_t a, uint32_t b)
{
	return a > b ? a : b;
}

bool kms_rect_empty(const struct vgpu_rect *rect)
{
	return rect->width == 0 || rect->height == 0;
}

struct vgpu_rect kms_rect_merge(const struct vgpu_rect *a, const struct vgpu_rect *b)
{
	if (kms_rect_empty(a))
		return *b;
	if (kms_rect_empty(b))
		return *a;
	uint32_t x = min_u32(a->x, b->x), y = min_u32(a->y, b->y);

	return (struct vgpu_rect){
		.x = x,
		.y = y,
		.width = max_u32(a->x + a->width, b->x + b->width) - x,
		.height = max_u32(a->y + a->height, b->y + b->height) - y,
	};
}

struct vgpu_rect kms_rect_cut(const struct vgpu_rect *a, const struct vgpu_rect *b)
{
	uint32_t x = max_u32(a->x, b->x), y = max_u32(a->y, b->y);
	uint32_t right = min_u32(a->x + a->width, b->x + b->width);
	uint32_t bottom = min_u32(a->y + a->height, b->y + b->height);

	if (right <= x || bottom <= y)
		return (struct vgpu_rect){0};
	return (struct vgpu_rect){.x = x, .y = y, .width = right - x, .height = bottom - y};
}

/* ---- mode and place ---------------------------------------------------------- */

static uint64_t area(const drmModeModeInfo *mode)
{
	return (uint64_t)mode->hdisplay * mode->vdisplay;
}

static bool is_preferred(const drmModeModeInfo *mode)
{
	return (mode->type & DRM_MODE_TYPE_PREFERRED) != 0;
}

/* Not every driver can show such modes, and no text is readable in them. */
static bool is_odd(const drmModeModeInfo *mode)
{
	return (mode->flags & (DRM_MODE_FLAG_INTERLACE | DRM_MODE_FLAG_DBLSCAN)) != 0;
}

/* The kernel sorts modes: of equals, the first is the best. */
static bool fits_better(const drmModeModeInfo *mode, const drmModeModeInfo *best)
{
	if (best == NULL)
		return true;
	if (is_odd(mode) != is_odd(best))
		return is_odd(best);
	if (area(mode) != area(best))
		return area(mode) < area(best);
	return is_preferred(mode) && !is_preferred(best);
}

static const drmModeModeInfo *preferred_mode(const drmModeModeInfo *modes, int count)
{
	for (int i = 0; i < count; i++)
		if (is_preferred(&modes[i]))
			return &modes[i];
	return count > 0 ? modes : NULL;
}

/* Of all modes that hold the picture, one of exactly its size is the smallest. */
const drmModeModeInfo *kms_choose_mode(const drmModeModeInfo *modes, int count, uint32_t width,
				       uint32_t height)
{
	const drmModeModeInfo *best = NULL;

	for (int i = 0; i < count && width > 0; i++)
		if (modes[i].hdisplay >= width && modes[i].vdisplay >= height &&
		    fits_better(&modes[i], best))
			best = &modes[i];
	return best != NULL ? best : preferred_mode(modes, count);
}

uint64_t kms_frame_ns(const drmModeModeInfo *mode)
{
	return NS_PER_S / (mode->vrefresh > 0 ? mode->vrefresh : 60);
}

struct vgpu_rect kms_place(uint32_t screen_width, uint32_t screen_height, uint32_t width,
			   uint32_t height)
{
	return (struct vgpu_rect){
		.x = width < screen_width ? (screen_width - width) / 2 : 0,
		.y = height < screen_height ? (screen_height - height) / 2 : 0,
		.width = min_u32(width, screen_width),
		.height = min_u32(height, screen_height),
	};
}

struct vgpu_rect kms_to_screen(const struct vgpu_rect *place, const struct vgpu_rect *rect)
{
	const struct vgpu_rect shown = {.width = place->width, .height = place->height};
	struct vgpu_rect part = kms_rect_cut(&shown, rect);

	if (!kms_rect_empty(&part)) {
		part.x += place->x;
		part.y += place->y;
	}
	return part;
}

/* ---- two buffers --------------------------------------------------------------- */

void kms_swap_reset(struct kms_swap *swap, uint32_t width, uint32_t height)
{
	const struct vgpu_rect all = {.width = width, .height = height};

	swap->stale[0] = all;
	swap->stale[1] = all;
	swap->changed = true;
}

void kms_swap_damage(struct kms_swap *swap, const struct vgpu_rect *rect)
{
	if (kms_rect_empty(rect))
		return;
	for (int i = 0; i < 2; i++)
		swap->stale[i] = kms_rect_merge(&swap->stale[i], rect);
	swap->changed = true;
}

unsigned int kms_swap_back(const struct kms_swap *swap)
{
	return swap->single ? swap->front : 1 - swap->front;
}

void kms_swap_flip(struct kms_swap *swap)
{
	swap->front = kms_swap_back(swap);
	swap->stale[swap->front] = (struct vgpu_rect){0};
	swap->changed = false;
}

/* ---- the cursor ---------------------------------------------------------------- */

/* One side of the cursor's rectangle; a position left of or above 0 wraps around. */
static void cut_side(uint32_t position, uint32_t limit, uint32_t *start, uint32_t *length)
{
	int64_t begin = (int32_t)position, end = begin + VGPU_CURSOR_SIZE;

	begin = begin < 0 ? 0 : begin;
	end = end > limit ? limit : end;
	*start = end > begin ? (uint32_t)begin : 0;
	*length = end > begin ? (uint32_t)(end - begin) : 0;
}

struct vgpu_rect kms_cursor_rect(const struct vgpu_cursor *cursor, uint32_t width, uint32_t height)
{
	struct vgpu_rect rect = {0};

	if (!cursor->visible)
		return rect;
	cut_side(cursor->x, width, &rect.x, &rect.width);
	cut_side(cursor->y, height, &rect.y, &rect.height);
	if (kms_rect_empty(&rect))
		return (struct vgpu_rect){0};
	return rect;
}

static uint32_t blend_channel(uint32_t over, uint32_t under, uint32_t alpha, unsigned int shift)
{
	uint32_t sum = (over >> shift & 0xff) * alpha + (under >> shift & 0xff) * (255 - alpha);

	return (sum + 127) / 255 << shift;
}

static uint32_t blend(uint32_t over, uint32_t under)
{
	uint32_t alpha = over >> 24;

	return blend_channel(over, under, alpha, 0) | blend_channel(over, under, alpha, 8) |
	       blend_channel(over, under, alpha, 16);
}

uint32_t kms_cursor_premultiplied(uint32_t pixel)
{
	return blend(pixel, 0) | (pixel & 0xff000000);
}

void kms_cursor_blend(const struct vgpu_cursor *cursor, const struct vgpu_rect *rect,
		      uint32_t *pixels, size_t stride)
{
	const struct vgpu_rect covered =
		kms_cursor_rect(cursor, rect->x + rect->width, rect->y + rect->height);
	const struct vgpu_rect both = kms_rect_cut(&covered, rect);

	for (uint32_t y = both.y; y < both.y + both.height; y++) {
		uint32_t *row = (uint32_t *)((uint8_t *)pixels + (y - rect->y) * stride);
		const uint32_t *over = cursor->pixels + (size_t)(y - cursor->y) * VGPU_CURSOR_SIZE;

		for (uint32_t x = both.x; x < both.x + both.width; x++)
			row[x - rect->x] = blend(over[x - cursor->x], row[x - rect->x]);
	}
}
