/* SPDX-License-Identifier: MIT */
#include "conformance/runner/selection.h"

#include <fnmatch.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* Whether one pattern of the list fits the word, whatever the case. */
static bool list_has(const char *list, const char *word)
{
	char pattern[64];

	if (list == NULL)
		return true;
	while (*list != '\0') {
		size_t len = strcspn(list, ",");

		snprintf(pattern, sizeof(pattern), "%.*s", (int)len, list);
		if (fnmatch(pattern, word, FNM_CASEFOLD) == 0)
			return true;
		list += len + (list[len] == ',');
	}
	return false;
}

bool selection_has(const struct selection *selection, const struct requirement *requirement)
{
	return list_has(selection->areas, requirement->area) &&
	       list_has(selection->levels, requirement->level) &&
	       list_has(selection->ids, requirement->id);
}
