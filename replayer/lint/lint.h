/* SPDX-License-Identifier: MIT */
/*
 * Holds a driver to the rules while its trace is read, once and in order. An
 * area is a set of rules about one idea; it sees each record before the model of
 * the guest follows it, and the end of each life of the device.
 */
#ifndef VGPU_LINT_H
#define VGPU_LINT_H

#include "lint/findings.h"
#include "lint/guest.h"

/* What the registers of virtio-mmio said, where they were recorded. */
struct lint_registers {
	bool seen;			/* since the device began or was reset */
	bool status_set;		/* Status was written since the trace began */
	bool magic, version, device_id; /* were read, ever */
	uint32_t status;
	bool read_back; /* Status was read after FEATURES_OK was set */
	bool device_sel_set, driver_sel_set;
	uint32_t device_sel, driver_sel, queue_sel;
	uint64_t offered, accepted;
	bool offered_known[2];
	uint32_t size_max, queue_size;
	bool ready[VGPU_NUM_QUEUES];
	uint64_t notifies[VGPU_NUM_QUEUES];
	uint64_t acks;
	bool event_read; /* events_read had a bit that was not cleared */
};

/* What is counted from one set-up to the next. */
struct lint_life {
	uint64_t requests[VGPU_NUM_QUEUES];
	uint64_t interrupts;
	bool asked_info, asked_edid;
	bool shown;	     /* a scanout was set */
	bool told;	     /* that the displays changed, and has not asked since */
	uint64_t since_told; /* requests */
	uint64_t last_fence;
	bool fenced;
	/* The request before on the control queue, to see a flush that waited. */
	struct {
		bool transfer;
		uint16_t head;
		uint32_t id;
		uint64_t end_ns;
	} before;
};

/* Sums over the whole trace. */
struct lint_sums {
	uint64_t requests, frames;
	uint64_t transfers, transfer_bytes, wasted_bytes, wasteful, unchanged;
	uint64_t flushes, large_flushes, flushed_pixels, transferred_pixels;
	uint64_t repeated_notifies;
	uint64_t pairs, waited, idle_ns;     /* of transfers and their flushes */
	uint64_t left_resources, left_bytes; /* at the last reset */
	bool ended;
	struct vgpu_trace_end end;
};

struct lint {
	struct lint_guest guest;
	struct lint_registers registers;
	struct lint_life life;
	struct lint_sums sums;
	struct lint_findings findings;
	/* The request that is looked at. */
	bool explained; /* an error was found in it */
	struct lint_change change;
};

struct lint_area {
	/* Any member may be NULL. */
	void (*start)(struct lint *lint, const struct vgpu_start_event *start);
	void (*reg)(struct lint *lint, const struct vgpu_trace_register *reg);
	void (*request)(struct lint *lint, const struct lint_request *request);
	/* The model has followed the request; resource is the one that it names, or NULL. */
	void (*applied)(struct lint *lint, const struct lint_request *request,
			struct lint_resource *resource);
	/* The device was reset, or the trace is over. */
	void (*life_end)(struct lint *lint);
	void (*end)(struct lint *lint);
};

extern const struct lint_area lint_area_set_up;
extern const struct lint_area lint_area_interrupts;
extern const struct lint_area lint_area_messages;
extern const struct lint_area lint_area_resources;
extern const struct lint_area lint_area_pictures;
extern const struct lint_area lint_area_cursors;
extern const struct lint_area lint_area_displays;
extern const struct lint_area lint_area_waits;
extern const struct lint_area lint_area_counters;

/* Counts a finding about a request that explains why the device refuses it. */
void lint_blame(struct lint *lint, enum lint_rule_id id, const struct lint_request *request,
		const char *format, ...) __attribute__((format(printf, 4, 5)));

/* The bits of the header's flags. */
uint32_t lint_flags(const struct lint_request *request);

void lint_fini(struct lint *lint);
void lint_record(struct lint *lint, const struct vgpu_trace_record *record);
/* After the last record. */
void lint_end(struct lint *lint);

#endif
