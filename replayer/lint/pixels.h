/* SPDX-License-Identifier: MIT */
/* The pictures that the host has: what a transfer changes, and whether it can be seen. */
#ifndef VGPU_LINT_PIXELS_H
#define VGPU_LINT_PIXELS_H

#include "lint/guest.h"

/* Makes room for the picture; without room it is not kept. */
void lint_pixels_new(struct lint_guest *guest, struct lint_resource *resource);
void lint_pixels_free(struct lint_guest *guest, struct lint_resource *resource);
/* Takes the rows of a transfer over and says what was new. */
void lint_pixels_transfer(struct lint_resource *resource, const struct lint_request *request,
			  struct lint_change *change);
/* Whether there are colors, and alpha nowhere, in a format that has alpha. */
bool lint_pixels_invisible(const struct lint_resource *resource);

#endif
