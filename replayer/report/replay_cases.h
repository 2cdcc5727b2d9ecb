/* SPDX-License-Identifier: MIT */
/* The results of replays as test cases. */
#ifndef VGPU_REPLAY_CASES_H
#define VGPU_REPLAY_CASES_H

#include "report/cases.h"

#include <cjson/cJSON.h>

/*
 * Adds the cases of one trace from what vgpu_replay_json() made of its result: a
 * suite of its own, with a case each for the replay as such, the answers and the
 * frames; without compared only the first, as for golden sets that were made or
 * checked. 0 or -ENOMEM.
 */
int vgpu_replay_cases(struct report_cases *cases, const cJSON *result, bool compared);

#endif
