/* SPDX-License-Identifier: MIT */
/* What the command lines of all programs have in common. */
#ifndef VGPU_COMMAND_LINE_H
#define VGPU_COMMAND_LINE_H

#include <stdbool.h>
#include <stdint.h>

/* What a program exits with when its call cannot be used. */
#define VGPU_USAGE 2

/*
 * The decimal number that text begins with; rest is what follows it. False if
 * there is none (a sign or a blank is none) or it has more than 64 bits.
 */
bool vgpu_number_begin(const char *text, const char **rest, uint64_t *value);
/* Whether all of text is a decimal number, and from min to max. */
bool vgpu_number(const char *text, uint64_t min, uint64_t max, uint64_t *value);

/* Says on the standard error what is wrong with the call, and where help is. Returns VGPU_USAGE. */
int vgpu_usage_error(const char *program, const char *format, ...)
	__attribute__((format(printf, 2, 3)));
/* The same where getopt_long() has said what is wrong. */
int vgpu_usage_hint(const char *program);

#endif
