/* SPDX-License-Identifier: MIT */
/* Requirements and vectors beside each other. */
#ifndef CONFORM_TABLE_H
#define CONFORM_TABLE_H

#include "conformance/runner/results.h"
#include "conformance/runner/selection.h"

/* Gives each result the vector that asks for it. */
void table_join(struct results *results);
/*
 * Prints what does not fit: a vector without a row, two for one, a vector for a
 * row that says why there is none. Lists rows without a vector. True: all fits.
 */
bool table_check(const struct requirements *requirements);
/* Prints the chosen requirements, one in a line, with what their vectors say. */
void table_print(const struct results *results, const struct selection *selection);

#endif
