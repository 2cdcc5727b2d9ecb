/* SPDX-License-Identifier: MIT */
/*
 * The rules that a driver is held to, one row each: an id that never changes its
 * meaning, what must be true, what to do about it, and who says so.
 */
#ifndef VGPU_LINT_RULES_H
#define VGPU_LINT_RULES_H

#include <stdbool.h>
#include <stddef.h>

enum lint_severity {
	LINT_ADVICE,  /* there are better ways */
	LINT_WARNING, /* works by luck, or wastes much */
	LINT_ERROR,   /* breaks a MUST for drivers, or asks for what no device can do */
};

/* In the order of the report; names are the ids. */
enum lint_rule_id {
	FEA_001,
	FEA_002,
	FEA_003,
	FEA_004,
	INI_001,
	INI_002,
	INI_003,
	INI_004,
	INI_005,
	INI_006,
	INI_007,
	QUE_001,
	QUE_002,
	QUE_003,
	QUE_004,
	QUE_005,
	QUE_006,
	REG_001,
	REG_002,
	REG_003,
	INT_001,
	INT_002,
	INT_003,
	INT_004,
	TIM_001,
	DSP_001,
	DSP_002,
	DSP_003,
	DSP_004,
	MSG_001,
	MSG_002,
	MSG_003,
	MSG_004,
	MSG_005,
	MSG_006,
	MSG_007,
	MSG_008,
	MSG_009,
	FEN_001,
	FEN_002,
	FEN_003,
	RES_001,
	RES_002,
	RES_003,
	RES_004,
	RES_005,
	RES_006,
	RES_007,
	RES_008,
	BAK_001,
	BAK_002,
	BAK_003,
	BAK_004,
	BAK_005,
	BAK_006,
	BAK_007,
	XFR_001,
	XFR_002,
	XFR_003,
	XFR_004,
	XFR_005,
	XFR_006,
	XFR_007,
	FLS_001,
	FLS_002,
	FLS_003,
	FLS_004,
	FLS_005,
	SCN_001,
	SCN_002,
	SCN_003,
	SCN_004,
	SCN_005,
	SCN_006,
	CUR_001,
	CUR_002,
	CUR_003,
	CUR_004,
	CUR_005,
	CUR_006,
	BLB_001,
	BLB_002,
	REC_001,
	REC_002,
	LINT_NUM_RULES
};

struct lint_rule {
	const char *id; /* "VD-FEA-001" */
	enum lint_severity severity;
	const char *rule;   /* a sentence: what must be true */
	const char *advice; /* a sentence: what to do */
	const char *source; /* a section of the virtio specification 1.3, or a fact */
};

/* NULL after the last. */
const struct lint_rule *lint_rule_at(size_t index);
/* "error" */
const char *lint_severity_name(enum lint_severity severity);
/* False if there is none of that name. */
bool lint_severity_parse(const char *name, enum lint_severity *severity);
/*
 * Whether text, ids or beginnings of ids with commas between them, names the
 * rule; NULL names all.
 */
bool lint_rule_is_named(const struct lint_rule *rule, const char *text);
/* The first part of text that names no rule, its length in *len; NULL: there is none. */
const char *lint_rule_unknown(const char *text, size_t *len);

#endif
