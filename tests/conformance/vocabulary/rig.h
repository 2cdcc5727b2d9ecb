/* SPDX-License-Identifier: MIT */
/*
 * The rig holds a device under test and what a vector found out about it.
 *
 * There are three kinds of finding. Hard: an answer came, it is of the right
 * kind, nothing changed on an error, nothing was written outside the response.
 * Exact: the error has the code that fits best. Note: worth knowing. Only hard
 * findings decide whether the device meets the requirement.
 *
 * A vector simply calls what it needs: whatever cannot go on (the device died)
 * ends it.
 */
#ifndef CONFORM_RIG_H
#define CONFORM_RIG_H

#include "conformance/vocabulary/vector.h"
#include "driver.h"

#include <linux/virtio_config.h>
#include <linux/virtio_gpu.h>
#include <linux/virtio_mmio.h>
#include <linux/virtio_ring.h>
#include <setjmp.h>

#define FEATURE(bit) (1ull << (bit))

/* What the kernel's headers may lack. */
#define F_NOTIFICATION_DATA 38
#define F_RING_RESET	    40
#define MMIO_QUEUE_RESET    0x0c0
#define COUNT(array)	    (sizeof(array) / sizeof((array)[0]))

enum finding {
	FINDING_HARD,
	FINDING_EXACT,
	FINDING_NOTE,
	FINDING_DEATH,	   /* the device died */
	FINDING_NOT_ASKED, /* with the reason */
};

struct rig {
	struct vgpu_target *target;
	struct vgpu_driver driver;
	const struct vector *vector;
	uint64_t offered;	 /* features */
	unsigned int timeout_ms; /* for an answer */
	uint32_t next_resource;
	uint64_t next_gpa, guest_end; /* guest memory not given out yet */
	uint64_t vector_gpa;	      /* where it began */
	struct kept *kept;	      /* what ends with the vector */
	struct ring *rings[VGPU_NUM_QUEUES];
	bool asked; /* and alive, as far as one knows */
	void (*tell)(void *opaque, enum finding finding, const char *text);
	void *opaque;
	jmp_buf end;
};

/* ---- findings ----------------------------------------------------------------- */

/* What must be true. Returns ok, for what makes no sense without. */
bool check(struct rig *t, bool ok, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* As check(), and ends the vector if it is not. */
void require(struct rig *t, bool ok, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* What should be true, but no device fails for it. */
void prefer(struct rig *t, bool ok, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* Something about this device that its author may want to know. */
void note(struct rig *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Ends the vector: it cannot be asked of this target. */
void not_asked(struct rig *t, const char *format, ...)
	__attribute__((format(printf, 2, 3), noreturn));
/* Ends the vector for what the target said; -EPIPE is the device's death. */
void give_up(struct rig *t, int ret, const struct vgpu_error *err) __attribute__((noreturn));

/* ---- registers ------------------------------------------------------------------- */

uint32_t reg(struct rig *t, uint32_t offset);
void set_reg(struct rig *t, uint32_t offset, uint32_t value);
/* size is 1, 2 or 4. */
uint32_t reg_sized(struct rig *t, uint32_t offset, unsigned int size);
void set_reg_sized(struct rig *t, uint32_t offset, unsigned int size, uint32_t value);
uint32_t status(struct rig *t);
void set_status(struct rig *t, uint32_t value);
/* InterruptStatus, and InterruptACK for all of it. */
uint32_t interrupts(struct rig *t);
void ack(struct rig *t);
/* Waits until one of the bits of InterruptStatus is set; false after the time-out. */
bool wait_interrupt(struct rig *t, uint32_t bits);
/* The level of the interrupt line, for vectors that NEED_INTERRUPT. */
bool interrupt_line(struct rig *t);
/* A field of the configuration space; struct virtio_gpu_config. */
uint32_t config(struct rig *t, uint32_t offset);
uint32_t num_scanouts(struct rig *t);
/* Changes outputs 0 to num - 1, for vectors that NEED_OUTPUTS. */
void set_outputs(struct rig *t, const struct vgpu_output *outputs, unsigned int num);
/* Changes the size of output 0, for vectors that NEED_OUTPUTS; 0 x 0 unplugs it. */
void set_output(struct rig *t, uint32_t width, uint32_t height);
/* Back to what other vectors expect, and no event is pending. */
void restore_output(struct rig *t);
/* Size of output 0 before anybody changes it. */
#define OUTPUT_WIDTH  1024
#define OUTPUT_HEIGHT 768

/* ---- set-up ------------------------------------------------------------------------ */

/* Status 0, and waits for it. */
void reset(struct rig *t);
/* Up to FEATURES_OK; false if the device takes that back. */
bool negotiate(struct rig *t, uint64_t features);
/* The usual features of this vector: what begins READY has accepted them. */
uint64_t usual_features(struct rig *t);
/* A queue with a ring of size entries, which must be possible. */
void set_queue(struct rig *t, unsigned int queue, uint16_t size);
/* The same with the ring's areas elsewhere, at multiples of 4096. */
void set_queue_at(struct rig *t, unsigned int queue, uint16_t size, uint64_t areas);
/* Bytes that set_queue_at() wants there. */
#define QUEUE_AREAS 0x8000
/* Resets one queue, which must be possible, and waits for it. */
void reset_queue(struct rig *t, unsigned int queue);
void driver_ok(struct rig *t);
/* All of the above, as a vector that begins READY has it. */
void make_ready(struct rig *t);
/* The same with other features and sizes. */
void make_ready_with(struct rig *t, uint64_t features, uint16_t control_size, uint16_t cursor_size);
#define CONTROL_SIZE 64
#define CURSOR_SIZE  16
/*
 * That the device serves on: display info is answered, after a reset if it asks
 * for one. The runner does this after every vector too.
 */
void expect_alive(struct rig *t);

/* ---- guest memory -------------------------------------------------------------------- */

/* Guest memory for this vector, zeros, at a multiple of align; guest-physical. */
uint64_t guest_alloc_aligned(struct rig *t, uint64_t size, uint64_t align);
/* In whole pages. */
uint64_t guest_alloc(struct rig *t, uint64_t size);
/* Where the process sees it. */
uint8_t *guest_at(struct rig *t, uint64_t gpa);
/* As guest_alloc_aligned(t, before + after, 1): the seam of memory comes after that many bytes. */
uint64_t guest_alloc_at_seam(struct rig *t, uint64_t before, uint64_t after);
/* No guest has memory here. */
#define NO_MEMORY 0xfffffffff0000000ull

/* Zeroed memory of this process that is freed when the vector ends. */
void *keep(struct rig *t, size_t size);
/*
 * For vectors that do the same thousands of times: what was allocated after the
 * mark, in the guest and here, is given back. Nothing of it may be in use.
 */
struct mark {
	uint64_t gpa;
	struct kept *kept;
};
struct mark set_mark(struct rig *t);
void rewind_to(struct rig *t, struct mark mark);

void sleep_ms(unsigned int ms);

/* ---- for the runner --------------------------------------------------------------------- */

#define CONFORM_MEMORY (48ull << 20)

/* The target must be open; its memory has CONFORM_MEMORY bytes. */
void rig_init(struct rig *t, struct vgpu_target *target);
void rig_fini(struct rig *t);
/* Runs a vector from its start state to the proof that the device still serves. */
void rig_run(struct rig *t, const struct vector *vector);

#endif
