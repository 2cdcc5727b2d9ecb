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
	const char *program;  /* --qemu: of the target qemu; NULL: its default */
	const char *device;   /* --device: what QEMU's -device says of it; NULL: its default */
	uint64_t memory_size; /* bytes of guest memory that the player needs */
	bool blobs;	      /* the player needs blob resources */
	unsigned int num_scanouts;
	struct vgpu_output outputs[VGPU_MAX_SCANOUTS];
	bool cursors; /* cursor() will be called: some have to look from the beginning */
};

struct vgpu_target_ops;

struct vgpu_target {
	const struct vgpu_target_ops *ops;
	uint8_t *memory;     /* guest memory as this process sees it */
	uint64_t memory_gpa; /* its first guest-physical address */
	uint64_t memory_size;
	/*
	 * Guest-physical address where a second region of memory begins without a
	 * gap; 0: memory is one region. The device may have mapped them apart.
	 */
	uint64_t memory_seam;
	unsigned int num_scanouts; /* that the device has */
	/* Status 0 replaces the device by a new one, as it has no reset of its own. */
	bool reset_is_new;
};

struct vgpu_target_ops {
	const char *name;	 /* "builtin" */
	const char *description; /* one line for --help */
	/* Answers and frames must be byte-equal, EDID and such included. */
	bool exact;
	/*
	 * Registers and status are not the device's but this process's, which is
	 * the front end: what they do says nothing of the device.
	 */
	bool own_registers;
	/* NULL with a sentence in err. Everything it starts ends in close(). */
	struct vgpu_target *(*open)(const struct vgpu_target_options *options,
				    struct vgpu_error *err);
	void (*close)(struct vgpu_target *target);
	/* Register accesses of 1, 2 or 4 bytes; -EPIPE if the device has died. */
	int (*read)(struct vgpu_target *target, uint32_t offset, unsigned int size, uint32_t *value,
		    struct vgpu_error *err);
	int (*write)(struct vgpu_target *target, uint32_t offset, unsigned int size, uint32_t value,
		     struct vgpu_error *err);
	/*
	 * The frame that the scanout shows now. -ENOENT: it shows nothing.
	 */
	int (*capture)(struct vgpu_target *target, uint32_t scanout_id, struct vgpu_frame *frame,
		       struct vgpu_error *err);
	/*
	 * The cursor of a scanout as it is shown now; NULL, or -ENOTSUP: the target
	 * cannot be asked.
	 */
	int (*cursor)(struct vgpu_target *target, uint32_t scanout_id, struct vgpu_cursor *cursor,
		      struct vgpu_error *err);
	/*
	 * Changes what the device tells of its outputs; NULL, or -ENOTSUP: it
	 * cannot. Of what open() was given, a target that is not exact has the
	 * size of output 0 only.
	 */
	int (*set_outputs)(struct vgpu_target *target, const struct vgpu_trace_outputs *outputs,
			   struct vgpu_error *err);
	/* The level of the device's interrupt line; NULL: nobody sees it. */
	int (*interrupt)(struct vgpu_target *target, bool *level, struct vgpu_error *err);
	/* What drew: "QEMU 7.2.22 (Debian ...) virtio-gpu-device"; kept by the target. */
	const char *(*version)(struct vgpu_target *target);
	/* The device in this process, for an observer; NULL: there is none. */
	struct vgpu_device *(*device)(struct vgpu_target *target);
};

extern const struct vgpu_target_ops vgpu_target_builtin;
extern const struct vgpu_target_ops vgpu_target_qemu;
extern const struct vgpu_target_ops vgpu_target_vhost_user;

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
