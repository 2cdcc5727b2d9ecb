/* SPDX-License-Identifier: MIT */
#include "conformance/runner/devices.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct device *find(struct devices *devices, const char *name)
{
	for (unsigned int i = 0; i < devices->count; i++)
		if (strcmp(devices->all[i].name, name) == 0)
			return &devices->all[i];
	return NULL;
}

static struct device *append(struct devices *devices, const char *name)
{
	struct device *all = realloc(devices->all, (devices->count + 1) * sizeof(*all));

	if (all == NULL)
		return NULL;
	devices->all = all;
	all[devices->count] = (struct device){.name = name};
	return &all[devices->count++];
}

int devices_add(struct devices *devices, const struct results *run)
{
	struct device *device = find(devices, run->name);

	if (device == NULL)
		device = append(devices, run->name);
	if (device == NULL)
		return -ENOMEM;
	const struct results **runs =
		realloc(device->runs, (device->num_runs + 1) * sizeof(void *));
	if (runs == NULL)
		return -ENOMEM;
	device->runs = runs;
	runs[device->num_runs++] = run;
	return 0;
}

void devices_fini(struct devices *devices)
{
	for (unsigned int i = 0; i < devices->count; i++)
		free(devices->all[i].runs);
	free(devices->all);
	memset(devices, 0, sizeof(*devices));
}

struct answer device_answer(const struct device *device, unsigned int index)
{
	struct answer answer = {NULL, NULL};

	for (unsigned int i = 0; i < device->num_runs; i++) {
		const struct result *result = &device->runs[i]->all[index];

		if (!result->done ||
		    (answer.result != NULL && result->outcome.verdict == NOT_ASKED))
			continue;
		answer = (struct answer){result, device->runs[i]};
		if (result->outcome.verdict != NOT_ASKED)
			break;
	}
	return answer;
}

enum verdict answer_verdict(const struct answer *answer)
{
	return answer->result != NULL ? answer->result->outcome.verdict : NOT_ASKED;
}
