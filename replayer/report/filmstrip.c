/* SPDX-License-Identifier: MIT */
#include "report/filmstrip.h"

#include "report/html.h"
#include "trace_tools.h"

#include <stdlib.h>

struct picture {
	struct vgpu_frame_hash hash;
	uint64_t index;	    /* among the distinct frames */
	uint64_t number;    /* of the frame that showed it first */
	uint64_t count;	    /* of frames that did */
	uint64_t explained; /* number of the one of them that is, plus 1; 0: none is */
	bool differs;
	uint32_t width, height; /* of the frame */
	struct vgpu_frame small;
};

struct vgpu_filmstrip {
	struct picture *pictures;
	size_t count, capacity;
	unsigned int num_plain; /* of them, neither explained nor kept as the last only */
	uint64_t stride;	/* of the distinct frames, every so many is kept */
	struct vgpu_hash_set seen;
	uint64_t num_seen;
	struct picture last; /* the last distinct one, if it is not among pictures */
	bool has_last;
};

struct vgpu_filmstrip *vgpu_filmstrip_new(void)
{
	struct vgpu_filmstrip *strip = calloc(1, sizeof(*strip));

	if (strip != NULL)
		strip->stride = 1;
	return strip;
}

void vgpu_filmstrip_free(struct vgpu_filmstrip *strip)
{
	if (strip == NULL)
		return;
	for (size_t i = 0; i < strip->count; i++)
		vgpu_frame_fini(&strip->pictures[i].small);
	free(strip->pictures);
	vgpu_frame_fini(&strip->last.small);
	vgpu_hash_set_fini(&strip->seen);
	free(strip);
}

/* ---- scaling -------------------------------------------------------------------------- */

static void average(const struct vgpu_frame *frame, const uint32_t x[2], const uint32_t y[2],
		    uint8_t *rgb)
{
	uint64_t sums[3] = {0}, count = (uint64_t)(x[1] - x[0]) * (y[1] - y[0]);

	/* Scaling down leaves no pixel without any that it stands for. */
	if (count == 0)
		return;
	for (uint32_t row = y[0]; row < y[1]; row++) {
		const uint8_t *at = frame->rgb + ((size_t)row * frame->width + x[0]) * 3;
		for (uint32_t i = x[0]; i < x[1]; i++, at += 3)
			for (unsigned int c = 0; c < 3; c++)
				sums[c] += at[c];
	}
	for (unsigned int c = 0; c < 3; c++)
		rgb[c] = (uint8_t)((sums[c] + count / 2) / count);
}

static uint32_t scaled_side(uint32_t side, uint64_t numerator, uint64_t denominator)
{
	uint64_t scaled = (side * numerator + denominator / 2) / denominator;

	return scaled == 0 ? 1 : (uint32_t)scaled;
}

int vgpu_frame_scale(const struct vgpu_frame *frame, uint32_t width, uint32_t height,
		     struct vgpu_frame *scaled)
{
	uint64_t numerator = 1, denominator = 1;

	if (frame->width > width) {
		numerator = width;
		denominator = frame->width;
	}
	if (frame->height * numerator > height * denominator) {
		numerator = height;
		denominator = frame->height;
	}
	uint32_t w = scaled_side(frame->width, numerator, denominator);
	uint32_t h = scaled_side(frame->height, numerator, denominator);
	int ret = vgpu_frame_resize(scaled, w, h);

	for (uint32_t y = 0; ret == 0 && y < h; y++) {
		const uint32_t rows[2] = {
			(uint32_t)((uint64_t)y * frame->height / h),
			(uint32_t)((uint64_t)(y + 1) * frame->height / h),
		};
		for (uint32_t x = 0; x < w; x++) {
			const uint32_t columns[2] = {
				(uint32_t)((uint64_t)x * frame->width / w),
				(uint32_t)((uint64_t)(x + 1) * frame->width / w),
			};
			average(frame, columns, rows, scaled->rgb + ((size_t)y * w + x) * 3);
		}
	}
	return ret;
}

/* ---- the strip -------------------------------------------------------------------------- */

static struct picture *find(struct vgpu_filmstrip *strip, const struct vgpu_frame_hash *hash)
{
	if (strip->has_last && vgpu_frame_hash_equal(&strip->last.hash, hash))
		return &strip->last;
	for (size_t i = 0; i < strip->count; i++)
		if (vgpu_frame_hash_equal(&strip->pictures[i].hash, hash))
			return &strip->pictures[i];
	return NULL;
}

static bool is_plain(const struct vgpu_filmstrip *strip, const struct picture *picture)
{
	return picture->explained == 0 && picture->index % strip->stride == 0;
}

/* Forgets every second of the plain ones. */
static void thin_out(struct vgpu_filmstrip *strip)
{
	size_t kept = 0;

	strip->stride *= 2;
	strip->num_plain = 0;
	for (size_t i = 0; i < strip->count; i++) {
		struct picture *picture = &strip->pictures[i];
		bool plain = is_plain(strip, picture);

		if (!plain && picture->explained == 0) {
			vgpu_frame_fini(&picture->small);
			continue;
		}
		strip->num_plain += plain;
		strip->pictures[kept++] = *picture;
	}
	strip->count = kept;
}

/* Moves the last one among the pictures; false: no memory, it stays the last. */
static bool keep_last(struct vgpu_filmstrip *strip)
{
	bool plain = is_plain(strip, &strip->last);

	if (strip->count == strip->capacity) {
		size_t capacity = strip->capacity == 0 ? 16 : strip->capacity * 2;
		struct picture *bigger =
			reallocarray(strip->pictures, capacity, sizeof(*strip->pictures));
		if (bigger == NULL)
			return false;
		strip->pictures = bigger;
		strip->capacity = capacity;
	}
	strip->pictures[strip->count++] = strip->last;
	strip->num_plain += plain;
	strip->last = (struct picture){0};
	strip->has_last = false;
	if (strip->num_plain > VGPU_FILMSTRIP_MAX)
		thin_out(strip);
	return true;
}

/* The picture of a frame that is new; NULL: no memory. */
static struct picture *add(struct vgpu_filmstrip *strip, const struct vgpu_replay_frame *frame,
			   const struct vgpu_frame_hash *hash)
{
	struct picture *last = &strip->last;

	if (strip->has_last && (last->explained != 0 || last->index % strip->stride == 0))
		keep_last(strip);
	struct vgpu_frame small = last->small;
	*last = (struct picture){
		.hash = *hash,
		.index = strip->num_seen++,
		.number = frame->recorded->number,
		.width = frame->actual->width,
		.height = frame->actual->height,
		.small = small,
	};
	strip->has_last = vgpu_frame_scale(frame->actual, VGPU_FILMSTRIP_WIDTH,
					   VGPU_FILMSTRIP_HEIGHT, &last->small) == 0;
	return strip->has_last ? last : NULL;
}

void vgpu_filmstrip_add(struct vgpu_filmstrip *strip, const struct vgpu_replay_frame *frame,
			bool explained)
{
	if (frame->actual == NULL || frame->actual->width == 0 || frame->actual->height == 0)
		return;
	struct vgpu_frame_hash hash = vgpu_frame_hash(frame->actual);
	struct picture *picture = find(strip, &hash);
	/* What was seen and is not kept is not shown for being seen again. */
	if (picture == NULL && vgpu_hash_set_add(&strip->seen, &hash) == 1)
		picture = add(strip, frame, &hash);
	if (picture == NULL)
		return;
	picture->count++;
	picture->differs |= frame->verdict == VGPU_FRAME_DIFFERS;
	if (explained && picture->explained == 0)
		picture->explained = frame->recorded->number + 1;
}

static void write_image(const struct picture *picture, FILE *out)
{
	fputs("<img src=\"", out);
	vgpu_html_frame(out, &picture->small);
	fprintf(out,
		"\" width=\"%u\" height=\"%u\" alt=\"frame %llu\" "
		"title=\"%u &#215; %u pixels\">",
		picture->small.width, picture->small.height, (unsigned long long)picture->number,
		picture->width, picture->height);
}

static void write_picture(const struct picture *picture, const char *prefix, FILE *out)
{
	fputs(picture->differs ? "<li data-verdict=\"fail\">" : "<li>", out);
	if (picture->explained > 0)
		fprintf(out, "<a href=\"#%s-frame-%llu\">", prefix,
			(unsigned long long)picture->explained - 1);
	write_image(picture, out);
	fprintf(out, "<span>%llu", (unsigned long long)picture->number);
	if (picture->count > 1)
		fprintf(out, " <span class=\"quiet\">&#215; %llu</span>",
			(unsigned long long)picture->count);
	if (picture->differs)
		fputs(" <span class=\"verdict\">differs</span>", out);
	fputs(picture->explained > 0 ? "</span></a></li>\n" : "</span></li>\n", out);
}

void vgpu_filmstrip_write(const struct vgpu_filmstrip *strip, const char *prefix, FILE *out)
{
	uint64_t shown = strip->count + strip->has_last;

	if (shown == 0)
		return;
	fprintf(out, "<h3>Distinct frames <span class=\"quiet\">%llu",
		(unsigned long long)strip->num_seen);
	if (shown < strip->num_seen)
		fprintf(out, ", %llu of them here", (unsigned long long)shown);
	fputs("</span></h3>\n<ol class=\"film\">\n", out);
	for (size_t i = 0; i < strip->count; i++)
		write_picture(&strip->pictures[i], prefix, out);
	if (strip->has_last)
		write_picture(&strip->last, prefix, out);
	fputs("</ol>\n", out);
}
