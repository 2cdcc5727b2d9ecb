/* SPDX-License-Identifier: MIT */
/* Text from outside in HTML and XML. */
#ifndef VGPU_MARKUP_H
#define VGPU_MARKUP_H

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

/* What one kind of page can hold. */
struct vgpu_markup {
	bool (*is_legal)(uint32_t character);
	const char *numbered; /* characters that are written as their number: "\r" is &#13; */
};

/*
 * Writes text for an element or for an attribute's value in double quotes. What
 * is no UTF-8, and a character that is not legal, becomes U+FFFD.
 */
void vgpu_markup_text(FILE *out, const struct vgpu_markup *markup, const char *text);

#endif
