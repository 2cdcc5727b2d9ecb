/* SPDX-License-Identifier: MIT */
/*
 * A driver for tests of the rules: it makes the records of a trace as a correct
 * driver would, one step a function, and a test has it do one thing wrong.
 */
#ifndef VGPU_UNIT_LINT_DRIVER_H
#define VGPU_UNIT_LINT_DRIVER_H

#include "lint/lint.h"

#include <linux/virtio_gpu.h>

#define DRIVE_EDGE 64 /* of its pictures */

struct drive {
	struct lint *lint;
	uint64_t offered, accepted;
	uint16_t size;	      /* of its queues */
	unsigned int outputs; /* that the device has */
	uint32_t answer;      /* of the next request; 0: that it was carried out */
	bool interrupt;	      /* with each answer */
	bool one_head;	      /* each request waits for the one before */
	bool dropped;	      /* what the device reads is not recorded */
	uint32_t readable;    /* of the next request; 0: as long as its bytes */
	uint32_t writable;    /* likewise, as long as its answer */
	uint64_t now, number;
	uint16_t head;
};

struct drive *drive_new(void);
void drive_free(struct drive *drive);

/* ---- records ---- */
void drive_outputs(struct drive *drive);
void drive_start(struct drive *drive);
void drive_reset(struct drive *drive);
void drive_read(struct drive *drive, uint32_t offset, uint64_t value);
void drive_write(struct drive *drive, uint32_t offset, uint64_t value);
void drive_access(struct drive *drive, const struct vgpu_trace_register *reg);
/* A request in a chain of any form; data is what the device read for it. */
void drive_chain(struct drive *drive, struct vgpu_trace_request request);
/* On the control queue, in two descriptors. */
void drive_send(struct drive *drive, const void *bytes, uint32_t len);
void drive_send_on(struct drive *drive, unsigned int queue, const void *bytes, uint32_t len);
/* The last record, with one violation counted; VGPU_NUM_VIOLATIONS: none. */
void drive_end(struct drive *drive, enum vgpu_violation violation);

/* ---- what a driver does ---- */
/* The registers of a set-up up to before a step; DRIVE_ALL: all of it. */
enum drive_step {
	DRIVE_PROBE,
	DRIVE_RESET,
	DRIVE_DRIVER,
	DRIVE_FEATURES,
	DRIVE_FEATURES_OK,
	DRIVE_READ_BACK,
	DRIVE_QUEUES,
	DRIVE_DRIVER_OK,
	DRIVE_ALL,
};
void drive_step(struct drive *drive, enum drive_step step);
/* All steps but one. */
void drive_registers_without(struct drive *drive, enum drive_step step);
void drive_queue(struct drive *drive, uint32_t queue, uint32_t size);
void drive_notify(struct drive *drive, uint32_t queue);

struct virtio_gpu_ctrl_hdr drive_header(uint32_t type);
struct vgpu_rect drive_rect(uint32_t x, uint32_t y, uint32_t width, uint32_t height);
/* Outputs, set-up, display info and EDID. */
void drive_begin(struct drive *drive);
void drive_ask(struct drive *drive, uint32_t type);
void drive_create(struct drive *drive, uint32_t id, uint32_t format, uint32_t edge);
void drive_attach(struct drive *drive, uint32_t id, const struct virtio_gpu_mem_entry *entries,
		  uint32_t num);
/* One entry of that many bytes. */
void drive_back(struct drive *drive, uint32_t id, uint32_t bytes);
void drive_detach(struct drive *drive, uint32_t id);
void drive_unref(struct drive *drive, uint32_t id);
void drive_scanout(struct drive *drive, uint32_t scanout, uint32_t id, struct vgpu_rect rect);
/* The device reads pixels of one value in rows of a resource of that width. */
void drive_transfer(struct drive *drive, uint32_t id, struct vgpu_rect rect, uint32_t width,
		    uint32_t pixel);
void drive_transfer_at(struct drive *drive, uint32_t id, struct vgpu_rect rect, uint64_t offset,
		       uint32_t pixel, uint64_t fence);
void drive_flush(struct drive *drive, uint32_t id, struct vgpu_rect rect);
/* Resource 1 with DRIVE_EDGE pixels a side and a backing; shown on scanout 0. */
void drive_resource(struct drive *drive);
void drive_show(struct drive *drive);
/* All of resource 1, transferred and flushed. */
void drive_frame(struct drive *drive, uint32_t pixel);
/* Resource 2: a cursor whose picture is there. */
void drive_cursor_picture(struct drive *drive);
void drive_cursor(struct drive *drive, uint32_t type, uint32_t id, uint32_t hot);

/* ---- cases ---- */
/* Breaks one rule, or keeps it in almost the same way. */
struct lint_case {
	enum lint_rule_id rule;
	void (*run)(struct drive *drive, bool wrong);
};

extern const struct lint_case lint_set_up_cases[], lint_request_cases[], lint_edge_cases[];
extern const size_t lint_num_set_up_cases, lint_num_request_cases, lint_num_edge_cases;

#endif
