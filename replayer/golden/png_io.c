/* SPDX-License-Identifier: MIT */
#include "golden/png_io.h"

#include "out_file.h"

#include <errno.h>
#include <png.h>
#include <setjmp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What libpng's callbacks need of a picture in progress. */
struct png_context {
	struct vgpu_error *err;
	uint8_t *bytes;
	size_t len, capacity;
	bool out_of_memory;
};

static void on_error(png_structp png, png_const_charp text)
{
	struct png_context *context = png_get_error_ptr(png);

	vgpu_error_set(context->err, EBADMSG, "%s", text);
	longjmp(png_jmpbuf(png), 1);
}

static void on_warning(png_structp png, png_const_charp text)
{
	(void)png;
	(void)text;
}

/* ---- writing --------------------------------------------------------------------- */

static void append(png_structp png, png_bytep data, size_t len)
{
	struct png_context *context = png_get_io_ptr(png);

	if (len > context->capacity - context->len) {
		size_t capacity = (context->len + len) * 2;
		uint8_t *bigger = realloc(context->bytes, capacity);
		if (bigger == NULL) {
			context->out_of_memory = true;
			png_error(png, "out of memory");
		}
		context->bytes = bigger;
		context->capacity = capacity;
	}
	memcpy(context->bytes + context->len, data, len);
	context->len += len;
}

static void flush(png_structp png)
{
	(void)png;
}

/* Between setjmp() and its return: no locals that live across it. */
/* zlib's: what is kept for good, and what is looked at once */
#define LEVEL_SMALL 9
#define LEVEL_FAST  3

static int encode(png_structp png, png_infop info, const struct vgpu_frame *frame, int filters,
		  int level)
{
	if (setjmp(png_jmpbuf(png)))
		return -EBADMSG;
	png_set_IHDR(png, info, frame->width, frame->height, 8, PNG_COLOR_TYPE_RGB,
		     PNG_INTERLACE_NONE, PNG_COMPRESSION_TYPE_DEFAULT, PNG_FILTER_TYPE_DEFAULT);
	png_set_compression_level(png, level);
	png_set_filter(png, PNG_FILTER_TYPE_BASE, filters);
	png_write_info(png, info);
	for (uint32_t y = 0; y < frame->height; y++)
		png_write_row(png, frame->rgb + (size_t)y * frame->width * 3);
	png_write_end(png, NULL);
	return 0;
}

static int encode_with(const struct vgpu_frame *frame, int filters, int level, uint8_t **bytes,
		       size_t *len)
{
	struct png_context context = {0};
	int ret = -ENOMEM;

	if (frame->width == 0 || frame->width > VGPU_PNG_SIDE_MAX || frame->height == 0 ||
	    frame->height > VGPU_PNG_SIDE_MAX)
		return -EINVAL;
	png_structp png =
		png_create_write_struct(PNG_LIBPNG_VER_STRING, &context, on_error, on_warning);
	png_infop info = png != NULL ? png_create_info_struct(png) : NULL;

	if (info != NULL) {
		png_set_write_fn(png, &context, append, flush);
		ret = encode(png, info, frame, filters, level);
	}
	png_destroy_write_struct(&png, &info);
	if (ret < 0) {
		free(context.bytes);
		return context.out_of_memory ? -ENOMEM : ret;
	}
	*bytes = context.bytes;
	*len = context.len;
	return 0;
}

int vgpu_png_encode(const struct vgpu_frame *frame, uint8_t **bytes, size_t *len)
{
	/* Text is smallest without a filter, areas and patterns with one. */
	static const int filters[] = {PNG_FILTER_NONE, PNG_FILTER_NONE | PNG_FILTER_UP};
	uint8_t *other;
	size_t other_len;

	int ret = encode_with(frame, filters[0], LEVEL_SMALL, bytes, len);
	if (ret < 0)
		return ret;
	ret = encode_with(frame, filters[1], LEVEL_SMALL, &other, &other_len);
	if (ret < 0) {
		free(*bytes);
		return ret;
	}
	if (other_len >= *len) {
		free(other);
		return 0;
	}
	free(*bytes);
	*bytes = other;
	*len = other_len;
	return 0;
}

int vgpu_png_encode_fast(const struct vgpu_frame *frame, uint8_t **bytes, size_t *len)
{
	return encode_with(frame, PNG_FILTER_NONE, LEVEL_FAST, bytes, len);
}

int vgpu_png_write_bytes(const char *path, const uint8_t *bytes, size_t len, struct vgpu_error *err)
{
	struct vgpu_out_file out;
	int ret = vgpu_out_file_open(&out, path, err);

	if (ret < 0)
		return ret;
	fwrite(bytes, 1, len, out.file);
	return vgpu_out_file_close(&out, err);
}

int vgpu_png_write(const char *path, const struct vgpu_frame *frame, struct vgpu_error *err)
{
	uint8_t *bytes;
	size_t len;
	int ret = vgpu_png_encode_fast(frame, &bytes, &len);

	if (ret < 0)
		return vgpu_error_set(err, -ret, "%s: %s", path, strerror(-ret));
	ret = vgpu_png_write_bytes(path, bytes, len, err);
	free(bytes);
	return ret;
}

/* ---- reading --------------------------------------------------------------------- */

static int check_size(png_structp png, png_infop info, struct vgpu_frame *frame)
{
	uint32_t width = png_get_image_width(png, info);
	uint32_t height = png_get_image_height(png, info);

	if (png_get_rowbytes(png, info) != (size_t)width * 3)
		return -EBADMSG;
	return vgpu_frame_resize(frame, width, height);
}

static void convert_to_rgb(png_structp png)
{
	png_set_expand(png);
	png_set_scale_16(png);
	png_set_gray_to_rgb(png);
	png_set_strip_alpha(png);
}

static int decode(png_structp png, png_infop info, FILE *file, struct vgpu_frame *frame)
{
	int ret;

	if (setjmp(png_jmpbuf(png)))
		return -EBADMSG;
	png_set_user_limits(png, VGPU_PNG_SIDE_MAX, VGPU_PNG_SIDE_MAX);
#ifdef PNG_IGNORE_ADLER32 /* where libpng was built with it */
	/* PNG's own checksum covers the same bytes, as they are in the file. */
	png_set_option(png, PNG_IGNORE_ADLER32, PNG_OPTION_ON);
#endif
	png_init_io(png, file);
	png_read_info(png, info);
	convert_to_rgb(png);
	int passes = png_set_interlace_handling(png);
	png_read_update_info(png, info);
	ret = check_size(png, info, frame);
	if (ret < 0)
		return ret;
	for (int pass = 0; pass < passes; pass++)
		for (uint32_t y = 0; y < frame->height; y++)
			png_read_row(png, frame->rgb + (size_t)y * frame->width * 3, NULL);
	png_read_end(png, NULL);
	return 0;
}

int vgpu_png_read(const char *path, struct vgpu_frame *frame, struct vgpu_error *err)
{
	struct vgpu_error detail = {"out of memory"};
	struct png_context context = {.err = &detail};
	int ret = -ENOMEM;
	FILE *file = fopen(path, "rbe");

	if (file == NULL)
		return vgpu_error_set(err, errno, "%s: %s", path, strerror(errno));
	png_structp png =
		png_create_read_struct(PNG_LIBPNG_VER_STRING, &context, on_error, on_warning);
	png_infop info = png != NULL ? png_create_info_struct(png) : NULL;
	if (info != NULL)
		ret = decode(png, info, file, frame);
	png_destroy_read_struct(&png, &info, NULL);
	fclose(file);
	if (ret < 0)
		return vgpu_error_set(err, -ret, "%s: %s", path,
				      ret == -EBADMSG ? detail.text : strerror(-ret));
	return 0;
}
