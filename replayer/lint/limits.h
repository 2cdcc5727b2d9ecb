/* SPDX-License-Identifier: MIT */
/* The numbers of the rules, and what bounds the memory that a trace can ask for. */
#ifndef VGPU_LINT_LIMITS_H
#define VGPU_LINT_LIMITS_H

/* Plain numbers: rules.c puts them into sentences. */
#define LINT_DESCS_PLENTY 8
#define LINT_ANSWERS_MANY 8
#define LINT_WASTE_KIB	  1024
#define LINT_FLUSH_FACTOR 4
#define LINT_FLUSHES_MANY 8
/* Transfers that were answered before their flush was queued. */
#define LINT_WAITS_MANY 4
/* Resources that are forgotten, not cached: as many, unused for as many requests. */
#define LINT_IDLE_MANY	   8
#define LINT_IDLE_REQUESTS 256
/* Requests after which something that nobody flushed or asked for counts as left out. */
#define LINT_REQUESTS_LATER 8

/* Resources, living and gone, that are followed at a time. */
#define LINT_RESOURCES_MAX 65536u
/* Bytes of the pictures that are kept to compare with. */
#define LINT_PIXELS_MAX (256ull << 20)

#endif
