/* SPDX-License-Identifier: MIT */
/* The command line of vgpu-record. */
#ifndef VGPU_RECORD_OPTIONS_H
#define VGPU_RECORD_OPTIONS_H

#include "vgpu.h"

enum { RECORD_OK, RECORD_FAILED, RECORD_USAGE };

struct record_options {
	/* Where the guest is: a zone of hvisor, or a front end behind one of two sockets. */
	const char *zone;
	const char *socket_path;
	int fd;	   /* -1: none */
	bool list; /* the zones, and no more */

	const char *output; /* "-": standard output; NULL, for a zone only: one is made up */
	const char *note;
	const char *config, *zone_config; /* hvisor-tool's files, or NULL */
	const char *display; /* "none", "kms", "kms:CARD[,CONNECTOR]"; NULL: as it comes */
	enum vgpu_bridge_layout layout;
	uint32_t width, height; /* 0: not given */
	unsigned int scanouts;
	double duration;       /* seconds; 0: no limit */
	uint64_t frames;       /* 0: no limit */
	uint64_t memory_limit; /* bytes; 0: the device's default */
	uint64_t buffer;       /* bytes; 0: the writer's default */
	uint64_t max_size;     /* bytes of the trace; 0: no limit */
	uint64_t rotate_size;  /* bytes of each trace; 0: it is one */
	double rotate_time;    /* seconds, likewise */
	double last;	       /* seconds to keep in memory; 0: all goes to a file */
	uint64_t last_memory;  /* bytes for that; 0: the writer's default */
	const char *user;      /* whom to become; NULL: nobody else */
	bool no_sandbox, require_sandbox;
	bool no_blobs, once, quiet;
};

/* Returns -1 to go on, or the status to exit with; all that is to be said has been. */
int record_options_parse(int argc, char **argv, struct record_options *options);

#endif
