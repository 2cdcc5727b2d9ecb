/* SPDX-License-Identifier: MIT */
/*
 * A guest of the simulated zone that does what a file of guests/ says, one step
 * a line, numbers in hexadecimal:
 *
 *   buffers OUT IN          where requests and answers lie
 *   indirect ADDRESS        chains are in an indirect table there
 *   event-idx               notifies are suppressed by avail_event, as virtio-drivers does it
 *   CPU R ADDRESS VALUE     a read, and what it must give, ? for anything
 *   CPU W ADDRESS VALUE     a write
 *   chain QUEUE TYPE READABLE[+READABLE] WRITABLE WORD...
 *                           makes a command available; sizes are decimal. The words
 *                           follow the command's header
 *   poll                    waits until all chains are used, without an interrupt
 *   irq                     waits for the interrupt
 *   reap                    ends it, and waits until all chains are used
 *
 * It leaves everything in memory as real drivers do: rings are not cleared, and
 * requests have the residue of those before.
 */
#ifndef HVISOR_SIM_GUEST_H
#define HVISOR_SIM_GUEST_H

#include "frame.h"
#include "hvisor-sim/sim.h"

#define GUEST_IRQ 74

struct guest;

struct guest_options {
	struct sim *sim;
	const char *script; /* path */
	uint64_t gpu_base;
	uint32_t width, height; /* of the framebuffer that the script makes */
	/* Draws the n-th picture, rows of width pixels of bytes B, G, R, X. */
	void (*draw)(void *opaque, unsigned int n, uint8_t *pixels);
	void *opaque;
	unsigned int pause_us; /* between steps, so that the daemon falls asleep */
};

struct guest *guest_new(const struct guest_options *options);
void guest_free(struct guest *guest);
/* Boots: the script from its first line. False after a line on stderr that says why. */
bool guest_run(struct guest *guest);

/* What each flush so far must have shown. */
unsigned int guest_num_frames(const struct guest *guest);
struct vgpu_frame_hash guest_frame(const struct guest *guest, unsigned int index);
unsigned int guest_num_requests(const struct guest *guest);

#endif
