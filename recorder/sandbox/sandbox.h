/* SPDX-License-Identifier: MIT */
/*
 * What a recorder that serves a hostile guest can still do to the machine: no
 * system call that serving does not take, no file but those of the recording,
 * no capability. It must not know what is served or recorded.
 */
#ifndef VGPU_SANDBOX_H
#define VGPU_SANDBOX_H

#include "vgpu.h"

struct sandbox;

struct sandbox_options {
	const char *output;	 /* the trace, in whose folder files are made and renamed */
	const char *socket_path; /* removed at the end; NULL: none */
	const char *user;	 /* whom to become: a name or a number; NULL: stay who we are */
	bool hvisor;		 /* interrupts are injected through its device */
	bool display;		 /* pictures are shown on a card */
	bool memory_files;	 /* files are made in memory */
	bool required;		 /* a kernel that lacks a part of it is an error */
	void (*log)(void *opaque, const char *line);
	void *opaque;
};

/*
 * Prepares all and finds out what cannot be had, and changes nothing yet: a part
 * that this kernel lacks is logged. NULL with a sentence in err where one is
 * required, or the user cannot be had. What options point to must live as long.
 */
struct sandbox *sandbox_new(const struct sandbox_options *options, struct vgpu_error *err);
/*
 * Takes from the calling thread what the kernel takes from one thread at a time.
 * For a thread that is started before sandbox_enter(); what does not work here
 * is an error there.
 */
void sandbox_enter_thread(const struct sandbox *sandbox);
/* There is no way back, for any thread. 0, or a negative errno with a sentence in err. */
int sandbox_enter(struct sandbox *sandbox, struct vgpu_error *err);
void sandbox_free(struct sandbox *sandbox);

#endif
