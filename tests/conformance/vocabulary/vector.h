/* SPDX-License-Identifier: MIT */
/*
 * A vector: one requirement, asked of a device as a driver asks. It is a row of
 * its area's table (areas/AREA.c) and a function that says what must be true.
 */
#ifndef CONFORM_VECTOR_H
#define CONFORM_VECTOR_H

#include <stdbool.h>
#include <stdint.h>

struct rig;

/* What a target must be able to do for a vector to be asked of it. */
enum {
	NEED_CURSOR = 1 << 0,	 /* the cursor can be looked at */
	NEED_OUTPUTS = 1 << 1,	 /* the outputs can be changed while it runs */
	NEED_REGISTERS = 1 << 2, /* registers and status are the device's own */
	NEED_SEAM = 1 << 3,	 /* its memory is two regions */
	NEED_INTERRUPT = 1 << 4, /* the interrupt line can be looked at */
	NEED_RESET = 1 << 5,	 /* status 0 resets the device that is there */
};

/* In which state the device is when the vector begins. */
enum vector_start {
	READY,	     /* features accepted, queues set up, DRIVER_OK */
	AFTER_RESET, /* status 0 */
};

struct vector {
	const char *id;	  /* of its row in requirements.json: "VG-XFR-007" */
	const char *what; /* in one sentence: what must be true */
	void (*run)(struct rig *t);
	enum vector_start start;
	unsigned int needs;
	/*
	 * Feature bits that must be offered, and are accepted beside the usual
	 * ones (VERSION_1, EDID, INDIRECT_DESC where they are offered).
	 */
	uint64_t with;
	/* Feature bits that are not accepted although they are usual. */
	uint64_t without;
	unsigned int scanouts; /* that the device must have at least; 0: one will do */
	unsigned int seconds;  /* that it may take; 0: CONFORM_SECONDS */
	uint32_t arg;	       /* for rows that share a function */
};

#define CONFORM_SECONDS 10

/* A row: VECTOR("VG-XFR-007", "pixels outside ...", outside_stays, .scanouts = 2) */
#define VECTOR(id_, what_, run_, ...)                                                              \
	{                                                                                          \
		.id = (id_), .what = (what_), .run = (run_), ##__VA_ARGS__                         \
	}

/* All tables, each up to a row without an id. */
extern const struct vector *const conform_areas[];
extern const unsigned int conform_num_areas;

#endif
