/* SPDX-License-Identifier: MIT */
/*
 * Usage: make-seeds FOLDER TRACE...
 *
 * Makes what the fuzzers begin with from recorded traces: FOLDER/device and
 * FOLDER/vhost-user get the guest's requests, made small, FOLDER/trace gets the
 * records of the trace itself.
 */
#include "fuzz/seeds.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

int main(int argc, char **argv)
{
	static const struct {
		const char *name;
		seed_fn *make;
	} kinds[] = {
		{"device", seed_device},
		{"vhost-user", seed_vhost_user},
		{"trace", seed_trace},
	};

	if (argc < 3) {
		fprintf(stderr, "usage: make-seeds FOLDER TRACE...\n");
		return 2;
	}
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		char folder[4096];

		snprintf(folder, sizeof(folder), "%s/%s", argv[1], kinds[i].name);
		if (mkdir(folder, 0777) != 0 && errno != EEXIST) {
			fprintf(stderr, "make-seeds: %s: %s\n", folder, strerror(errno));
			return 2;
		}
		for (int trace = 2; trace < argc; trace++)
			if (!kinds[i].make(argv[trace], folder))
				return 2;
	}
	return 0;
}
