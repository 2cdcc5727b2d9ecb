/* SPDX-License-Identifier: MIT */
/*
 * A target: a virtio-gpu device that the player can drive, whoever wrote it.
 * It is a virtio-mmio register file, memory that both sides see, and a way to
 * look at the picture. Player and vectors do not know which target they have.
 */
#ifndef VGPU_TARGET_H
#define VGPU_TARGET_H

#include "frame.h"

struct vgpu_target_options {
	const char *argument; /* what follows the colon of --target NAME:ARGUMENT, or NULL */
	uint64_t memory_size; /* bytes of guest memory that the player needs */
	unsigned int num_scanouts;
	struct vgpu_output outputs[VGPU_MAX_SCANOUTS];
};

struct vgpu_target_ops;

struct vgpu_target {
	const struct vgpu_target_ops *ops;
	uint8_t *memory;     /* guest memory as this process sees it */
	uint64_t memory_gpa; /* its first guest-physical address */
	uint64_t memory_size;
};

struct vgpu_target_ops {
	const char *name;	 /* "builtin" */
	const char *description; /* one line for --help */
	/* Answers and frames must be byte-equal, EDID and such included. */
	bool exact;
	/* NULL with a sentence in err. Everything it starts ends in close(). */
	struct vgpu_target *(*open)(const struct vgpu_target_options *options,
				    struct vgpu_error *err);
	void (*close)(struct vgpu_target *target);
	/* 32-bit register accesses; -EPIPE if the device has died. */
	int (*read)(struct vgpu_target *target, uint32_t offset, uint32_t *value,
		    struct vgpu_error *err);
	int (*write)(struct vgpu_target *target, uint32_t offset, uint32_t value,
		     struct vgpu_error *err);
	/*
	 * The frame that the scanout shows now. -ENOENT: it shows nothing.
	 */
	int (*capture)(struct vgpu_target *target, uint32_t scanout_id, struct vgpu_frame *frame,
		       struct vgpu_error *err);
	/*
	 * Changes what the device tells of its outputs; NULL: it cannot, and of
	 * what open() was given it has the size of output 0 only.
	 */
	int (*set_outputs)(struct vgpu_target *target, const struct vgpu_trace_outputs *outputs,
			   struct vgpu_error *err);
	/* What drew: "QEMU 7.2.22 (Debian ...) virtio-gpu-device"; kept by the target. */
	const char *(*version)(struct vgpu_target *target);
	/* The device in this process, for an observer; NULL: there is none. */
	struct vgpu_device *(*device)(struct vgpu_target *target);
};

extern const struct vgpu_target_ops vgpu_target_builtin;
extern const struct vgpu_target_ops vgpu_target_qemu;

/*
 * The target that "NAME" or "NAME:ARGUMENT" says, NULL if there is none of that
 * name; *argument points into spec, or is NULL without a colon.
 */
const struct vgpu_target_ops *vgpu_target_find(const char *spec, const char **argument);
/*
 * Opens the target that "NAME" or "NAME:ARGUMENT" says; options->argument is
 * set from it. NULL with a sentence in err.
 */
struct vgpu_target *vgpu_target_open(const char *spec, struct vgpu_target_options *options,
				     struct vgpu_error *err);
/* NULL after the last. */
const struct vgpu_target_ops *vgpu_target_at(unsigned int index);

#endif
