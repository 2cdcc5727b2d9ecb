/* SPDX-License-Identifier: MIT */
/*
 * Plays a trace into a target as the guest's driver: sets the device up as it
 * was, puts recorded guest memory in place, sends every request in its recorded
 * layout, and hands answers and frames to its user, who judges them.
 *
 * Guest-physical addresses are always moved to the target's memory; of the
 * request bytes only the entries of RESOURCE_ATTACH_BACKING and
 * RESOURCE_CREATE_BLOB change for that.
 */
#ifndef VGPU_PLAYER_H
#define VGPU_PLAYER_H

#include "answer.h"
#include "target.h"

/* A trace that needs more guest memory than this is refused. */
#define VGPU_PLAYER_MEMORY_MAX (4ull << 30)
/* A chain whose buffers take more than this is refused. */
#define VGPU_PLAYER_CHAIN_MAX (64ull << 20)

struct vgpu_player;

struct vgpu_player_answer {
	const struct vgpu_trace_request *recorded;
	struct vgpu_answer answer;
	enum vgpu_answer_verdict verdict;
	const char *why; /* NULL if equal */
};

struct vgpu_player_frame {
	const struct vgpu_trace_frame *recorded;
	const struct vgpu_frame *actual; /* NULL: see why */
	/* Why there is no picture: the recording does not say what it was, or ... */
	bool comparable;
	const char *why; /* ... why the target has none */
};

/* Everything here is valid during the call only. Any member may be NULL. */
struct vgpu_player_events {
	void (*answer)(void *opaque, const struct vgpu_player_answer *answer);
	/* Whether the picture of a frame is wanted; NULL: always. */
	bool (*wants_frame)(void *opaque, const struct vgpu_trace_frame *frame);
	void (*frame)(void *opaque, const struct vgpu_player_frame *frame);
	/* Asked between requests: true ends the play. */
	bool (*stop)(void *opaque);
};

enum vgpu_player_end {
	VGPU_PLAYER_DONE,
	VGPU_PLAYER_STOPPED,	   /* as stop() said */
	VGPU_PLAYER_TARGET_FAILED, /* died, fell silent, or refuses what the recording had */
	VGPU_PLAYER_TRACE_FAILED,  /* damaged, or nothing that a driver could send */
};

/*
 * Learns what playing the trace takes: from its summary or, where it has none, by reading
 * all of it once. The reader, which is not owned, is a new one, and playing begins at the
 * first record. NULL with a sentence in err if it cannot be played; what is wrong with a
 * trace that has a summary may show only when it is played.
 */
struct vgpu_player *vgpu_player_new(struct vgpu_trace_reader *reader, struct vgpu_error *err);
void vgpu_player_free(struct vgpu_player *player);

uint64_t vgpu_player_requests(const struct vgpu_player *player);
uint64_t vgpu_player_frames(const struct vgpu_player *player);
/* What a target has to be opened with; argument is left NULL. */
void vgpu_player_target_options(const struct vgpu_player *player,
				struct vgpu_target_options *options);

/*
 * Plays the trace from its start; target was opened with the options above. Can
 * be called again with another target. Unless the end is VGPU_PLAYER_DONE, err
 * says which request it came to and why.
 */
enum vgpu_player_end vgpu_player_play(struct vgpu_player *player, struct vgpu_target *target,
				      const struct vgpu_player_events *events, void *opaque,
				      struct vgpu_error *err);

#endif
