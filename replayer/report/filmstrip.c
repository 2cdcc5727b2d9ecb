/* SPDX-License-Identifier: MIT */
#include "report/filmstrip.h"

#include "golden/png_io.h"
#include "report/html.h"
#include "trace_tools.h"

#include <stdlib.h>

struct picture {
	struct vgpu_frame_hash hash;
	uint64_t number;    /* of the frame that showed it first */
	uint64_t count;	    /* of frames that did */
	uint64_t explained; /* number of the one of them that is, plus 1; 0: none is */
	bool differs;
	uint32_t width, height; /* of the frame */
	uint8_t *png;		/* small; NULL: no memory */
	size_t len;
};

struct vgpu_filmstrip {
	struct picture pictures[VGPU_FILMSTRIP_MAX];
	unsigned int count;
	struct vgpu_hash_set others; /* what there was no room for */
	uint64_t num_others;
	struct vgpu_frame scaled;
};

struct vgpu_filmstrip *vgpu_filmstrip_new(void)
{
	return calloc(1, sizeof(struct vgpu_filmstrip));
}

void vgpu_filmstrip_free(struct vgpu_filmstrip *strip)
{
	if (strip == NULL)
		return;
	for (unsigned int i = 0; i < strip->count; i++)
		free(strip->pictures[i].png);
	vgpu_hash_set_fini(&strip->others);
	vgpu_frame_fini(&strip->scaled);
	free(strip);
}

/* ---- scaling -------------------------------------------------------------------------- */

static void average(const struct vgpu_frame *frame, const uint32_t x[2], const uint32_t y[2],
		    uint8_t *rgb)
{
	uint64_t sums[3] = {0}, count = (uint64_t)(x[1] - x[0]) * (y[1] - y[0]);

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
	for (unsigned int i = 0; i < strip->count; i++)
		if (vgpu_frame_hash_equal(&strip->pictures[i].hash, hash))
			return &strip->pictures[i];
	return NULL;
}

/* NULL: there is no room. */
static struct picture *add(struct vgpu_filmstrip *strip, const struct vgpu_replay_frame *frame,
			   const struct vgpu_frame_hash *hash)
{
	if (strip->count == VGPU_FILMSTRIP_MAX) {
		strip->num_others += vgpu_hash_set_add(&strip->others, hash) == 1;
		return NULL;
	}
	struct picture *picture = &strip->pictures[strip->count++];
	*picture = (struct picture){
		.hash = *hash,
		.number = frame->recorded->number,
		.width = frame->actual->width,
		.height = frame->actual->height,
	};
	if (vgpu_frame_scale(frame->actual, VGPU_FILMSTRIP_WIDTH, VGPU_FILMSTRIP_HEIGHT,
			     &strip->scaled) == 0 &&
	    vgpu_png_encode(&strip->scaled, &picture->png, &picture->len) < 0)
		picture->png = NULL;
	return picture;
}

void vgpu_filmstrip_add(struct vgpu_filmstrip *strip, const struct vgpu_replay_frame *frame,
			bool explained)
{
	if (frame->actual == NULL || frame->actual->width == 0 || frame->actual->height == 0)
		return;
	struct vgpu_frame_hash hash = vgpu_frame_hash(frame->actual);
	struct picture *picture = find(strip, &hash);
	if (picture == NULL)
		picture = add(strip, frame, &hash);
	if (picture == NULL)
		return;
	picture->count++;
	picture->differs |= frame->verdict == VGPU_FRAME_DIFFERS;
	if (explained && picture->explained == 0)
		picture->explained = frame->recorded->number + 1;
}

static void write_picture(const struct picture *picture, const char *prefix, FILE *out)
{
	fputs(picture->differs ? "<li data-verdict=\"fail\">" : "<li>", out);
	if (picture->explained > 0)
		fprintf(out, "<a href=\"#%s-frame-%llu\">", prefix,
			(unsigned long long)picture->explained - 1);
	if (picture->png != NULL) {
		fputs("<img src=\"", out);
		vgpu_html_png(out, picture->png, picture->len);
		fprintf(out, "\" alt=\"frame %llu\" title=\"%u &#215; %u pixels\">",
			(unsigned long long)picture->number, picture->width, picture->height);
	}
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
	if (strip->count == 0)
		return;
	fprintf(out, "<h3>Distinct frames <span class=\"quiet\">%llu</span></h3>\n",
		(unsigned long long)(strip->count + strip->num_others));
	fputs("<ol class=\"film\">\n", out);
	for (unsigned int i = 0; i < strip->count; i++)
		write_picture(&strip->pictures[i], prefix, out);
	fputs("</ol>\n", out);
	if (strip->num_others > 0)
		fprintf(out, "<p class=\"quiet\">And %llu more distinct frames.</p>\n",
			(unsigned long long)strip->num_others);
}
