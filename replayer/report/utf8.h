/* SPDX-License-Identifier: MIT */
/* Text from outside, which may be no text. */
#ifndef VGPU_UTF8_H
#define VGPU_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define VGPU_UTF8_REPLACEMENT 0xfffdu

/*
 * The character at text, which is not at its end, and how many bytes it takes.
 * A byte that begins none (also an overlong one, a surrogate, one past U+10FFFF)
 * counts as a replacement character.
 */
size_t vgpu_utf8_next(const char *text, uint32_t *character);
/* Whether it is no part of a line: it ends one, or steers a terminal. */
bool vgpu_utf8_is_control(uint32_t character);
/* Puts a question mark in place of each control character and each byte that begins none. */
void vgpu_utf8_make_plain(char *text);

#endif
