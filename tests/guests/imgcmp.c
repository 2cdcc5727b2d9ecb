/* SPDX-License-Identifier: MIT */
/*
 * Compares two pictures, PNG or binary PPM, as 8-bit RGB pixels. It knows
 * nothing of traces.
 */
#include <png.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define EXIT_DIFFERENT 1
#define EXIT_UNUSABLE  2
#define MAX_SIDE       32768

struct image {
	uint32_t width, height;
	uint8_t *rgb;
};

static uint8_t *alloc_pixels(uint32_t width, uint32_t height)
{
	return calloc((size_t)width * height, 3);
}

static const char *read_ppm(FILE *file, struct image *image)
{
	unsigned int max;
	size_t size;

	if (fscanf(file, "P6 %u %u %u", &image->width, &image->height, &max) != 3 || max != 255 ||
	    fgetc(file) == EOF)
		return "not a PPM of 8 bits";
	if (image->width == 0 || image->width > MAX_SIDE || image->height == 0 ||
	    image->height > MAX_SIDE)
		return "too large";
	image->rgb = alloc_pixels(image->width, image->height);
	if (!image->rgb)
		return "out of memory";
	size = (size_t)image->width * image->height * 3;
	return fread(image->rgb, 1, size, file) == size ? NULL : "the file is cut short";
}

static const char *read_png(FILE *file, struct image *image)
{
	static char why[sizeof(((png_image *)NULL)->message)];
	png_image png = {.version = PNG_IMAGE_VERSION};

	if (!png_image_begin_read_from_stdio(&png, file))
		goto fail;
	png.format = PNG_FORMAT_RGB;
	image->width = png.width;
	image->height = png.height;
	if (image->width > MAX_SIDE || image->height > MAX_SIDE ||
	    !(image->rgb = alloc_pixels(image->width, image->height))) {
		png_image_free(&png);
		return "too large";
	}
	if (!png_image_finish_read(&png, NULL, image->rgb, 0, NULL))
		goto fail;
	return NULL;
fail:
	snprintf(why, sizeof(why), "%s", png.message);
	png_image_free(&png);
	return why;
}

static bool read_image(const char *path, struct image *image)
{
	FILE *file = fopen(path, "rb");
	const char *why;
	int first;

	if (!file) {
		perror(path);
		return false;
	}
	first = fgetc(file);
	rewind(file);
	why = first == 'P' ? read_ppm(file, image) : read_png(file, image);
	fclose(file);
	if (why)
		fprintf(stderr, "imgcmp: %s: %s\n", path, why);
	return !why;
}

/* A smaller picture becomes one of the other's size: centered, black around it. */
static bool center(struct image *image, uint32_t width, uint32_t height)
{
	uint8_t *rgb;
	uint32_t left, top;

	if (image->width > width || image->height > height)
		return false;
	rgb = alloc_pixels(width, height);
	if (!rgb)
		return false;
	left = (width - image->width) / 2;
	top = (height - image->height) / 2;
	for (uint32_t y = 0; y < image->height; y++)
		memcpy(rgb + (((size_t)top + y) * width + left) * 3,
		       image->rgb + (size_t)y * image->width * 3, (size_t)image->width * 3);
	free(image->rgb);
	*image = (struct image){.width = width, .height = height, .rgb = rgb};
	return true;
}

/* Prints how many pixels differ, the first of them and the rectangle of all. */
static bool same_pixels(const struct image *a, const struct image *b)
{
	uint32_t first_x = 0, first_y = 0, left = UINT32_MAX, right = 0, bottom = 0;
	const uint8_t *in_a, *in_b;
	size_t count = 0;

	for (uint32_t y = 0; y < a->height; y++) {
		for (uint32_t x = 0; x < a->width; x++) {
			size_t at = ((size_t)y * a->width + x) * 3;

			if (memcmp(a->rgb + at, b->rgb + at, 3) == 0)
				continue;
			if (count++ == 0) {
				first_x = x;
				first_y = y;
			}
			left = x < left ? x : left;
			right = x > right ? x : right;
			bottom = y;
		}
	}
	if (count == 0)
		return true;
	in_a = a->rgb + ((size_t)first_y * a->width + first_x) * 3;
	in_b = b->rgb + ((size_t)first_y * b->width + first_x) * 3;
	printf("%zu pixels differ, all in %ux%u+%u+%u; the first at %u,%u: "
	       "#%02x%02x%02x, #%02x%02x%02x\n",
	       count, right - left + 1, bottom - first_y + 1, left, first_y, first_x, first_y,
	       in_a[0], in_a[1], in_a[2], in_b[0], in_b[1], in_b[2]);
	return false;
}

int main(int argc, char **argv)
{
	struct image a = {0}, b = {0};
	bool centered = argc == 4 && strcmp(argv[1], "--centered") == 0;
	int status = EXIT_SUCCESS;

	if (centered) {
		argv++;
	} else if (argc != 3) {
		fputs("Usage: imgcmp [--centered] A B\n"
		      "\n"
		      "Compares two pictures, PNG or PPM, as 8-bit RGB pixels; with --centered A "
		      "is\n"
		      "in the middle of B, and all around is black. Exit status: 0 if they are\n"
		      "equal, 1 if not, 2 if one cannot be read.\n",
		      stderr);
		return EXIT_UNUSABLE;
	}
	if (!read_image(argv[1], &a) || !read_image(argv[2], &b)) {
		status = EXIT_UNUSABLE;
	} else if (centered && !center(&a, b.width, b.height)) {
		puts("A is larger than B");
		status = EXIT_DIFFERENT;
	} else if (a.width != b.width || a.height != b.height) {
		printf("sizes differ: %ux%u, %ux%u\n", a.width, a.height, b.width, b.height);
		status = EXIT_DIFFERENT;
	} else if (!same_pixels(&a, &b)) {
		status = EXIT_DIFFERENT;
	}
	free(a.rgb);
	free(b.rgb);
	return status;
}
