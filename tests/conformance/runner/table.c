/* SPDX-License-Identifier: MIT */
#include "conformance/runner/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool is_level(const char *level)
{
	const char *known;

	for (unsigned int i = 0; (known = requirement_level(i)) != NULL; i++)
		if (strcmp(known, level) == 0)
			return true;
	return false;
}

static const struct vector *find_vector(const char *id)
{
	for (unsigned int i = 0; i < conform_num_areas; i++)
		for (const struct vector *v = conform_areas[i]; v->id != NULL; v++)
			if (strcmp(v->id, id) == 0)
				return v;
	return NULL;
}

void table_join(struct results *results)
{
	for (unsigned int i = 0; i < results->count; i++)
		results->all[i].vector = find_vector(results->all[i].requirement->id);
}

static unsigned int num_vectors(const char *id)
{
	unsigned int count = 0;

	for (unsigned int i = 0; i < conform_num_areas; i++)
		for (const struct vector *v = conform_areas[i]; v->id != NULL; v++)
			count += strcmp(v->id, id) == 0;
	return count;
}

static bool complain(const char *id, const char *what)
{
	fprintf(stderr, "%s: %s\n", id, what);
	return false;
}

/* Vectors that have no row, or stand where another area's are. */
static bool check_vectors(const struct requirements *requirements)
{
	bool ok = true;

	for (unsigned int i = 0; i < conform_num_areas; i++) {
		const char *last = "";

		for (const struct vector *v = conform_areas[i]; v->id != NULL; v++) {
			if (requirements_find(requirements, v->id) == NULL)
				ok = complain(v->id, "a vector without a requirement");
			if (strcmp(last, v->id) >= 0)
				ok = complain(v->id, "not in the order of the ids");
			last = v->id;
		}
	}
	return ok;
}

static bool check_row(const struct requirements *requirements, const struct requirement *row)
{
	unsigned int count = num_vectors(row->id);

	if (requirements_find(requirements, row->id) != row)
		return complain(row->id, "there are two requirements of this id");
	if (!is_level(row->level))
		return complain(row->id, "the level is none of MUST, SHOULD, text, robust, open");
	if (count > 1)
		return complain(row->id, "has more than one vector");
	if (count == 1 && row->no_vector != NULL)
		return complain(row->id, "has a vector, and no_vector says why it has none");
	return true;
}

bool table_check(const struct requirements *requirements)
{
	unsigned int count = requirements_count(requirements), with = 0, reasons = 0;
	bool ok = check_vectors(requirements);

	for (unsigned int i = 0; i < count; i++) {
		const struct requirement *row = requirements_at(requirements, i);

		ok &= check_row(requirements, row);
		with += num_vectors(row->id) > 0;
		reasons += row->no_vector != NULL;
		if (num_vectors(row->id) == 0)
			printf("%s: no vector: %s\n", row->id,
			       row->no_vector != NULL ? row->no_vector : "not written yet");
	}
	printf("%u requirements: %u with a vector, %u with a reason why not, %u to be written\n",
	       count, with, reasons, count - with - reasons);
	return ok;
}

void table_print(const struct results *results, const struct selection *selection)
{
	for (unsigned int i = 0; i < results->count; i++) {
		const struct requirement *row = results->all[i].requirement;
		const struct vector *vector = results->all[i].vector;

		if (!selection_has(selection, row))
			continue;
		if (vector != NULL)
			printf("%s %-6s %s\n", row->id, row->level, vector->what);
		else
			printf("%s %-6s (no vector: %s) %s\n", row->id, row->level,
			       row->no_vector != NULL ? row->no_vector : "not written yet",
			       row->text);
	}
}
