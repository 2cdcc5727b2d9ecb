/* SPDX-License-Identifier: MIT */
/*
 * Usage: json-lines [KEY]... <FILE
 *
 * Exits with 0 if there is at least one line, each line is one JSON object, and
 * the first one has every KEY; says otherwise what is wrong and exits with 1.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool check_line(const char *line, unsigned long number, char **keys)
{
	const char *end;
	cJSON *object = cJSON_ParseWithOpts(line, &end, false);
	bool good = cJSON_IsObject(object) && strcmp(end, "\n") == 0;

	if (!good)
		printf("line %lu: not one JSON object\n", number);
	for (; good && *keys != NULL; keys++) {
		good = cJSON_HasObjectItem(object, *keys);
		if (!good)
			printf("line %lu: no \"%s\"\n", number, *keys);
	}
	cJSON_Delete(object);
	return good;
}

int main(int argc, char **argv)
{
	unsigned long number = 0;
	char *line = NULL;
	size_t size = 0;
	bool good = true;

	while (good && getline(&line, &size, stdin) > 0) {
		number++;
		good = check_line(line, number, number == 1 ? argv + 1 : argv + argc);
	}
	free(line);
	if (number == 0)
		puts("no line");
	return good && number > 0 ? 0 : 1;
}
