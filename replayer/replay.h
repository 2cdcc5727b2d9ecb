/* SPDX-License-Identifier: MIT */
/*
 * Replays one trace on one target against its golden set, and comes to a
 * verdict. Prints nothing: what there is to say is in the result.
 */
#ifndef VGPU_REPLAY_H
#define VGPU_REPLAY_H

#include "golden/compare.h"
#include "player.h"

#include <cjson/cJSON.h>

/* Exit statuses, worse ones larger. */
enum vgpu_replay_status {
	VGPU_REPLAY_EQUAL = 0,
	VGPU_REPLAY_DIFFERS = 1,
	VGPU_REPLAY_UNUSABLE = 2, /* the trace, the golden set or the call */
};

enum vgpu_frame_verdict {
	VGPU_FRAME_EQUAL,
	VGPU_FRAME_EXCEPTED, /* as an exception of the golden set has it */
	VGPU_FRAME_DIFFERS,
	VGPU_FRAME_NOT_COMPARABLE, /* the recording does not say how it looked */
	VGPU_FRAME_UNUSABLE,	   /* the golden set does not have it */
};

/* What became of a frame. */
struct vgpu_replay_frame {
	const struct vgpu_trace_frame *recorded;
	enum vgpu_frame_verdict verdict;
	const struct vgpu_frame *expected;		/* NULL: there is no golden picture */
	const struct vgpu_frame *actual;		/* NULL: the target has no picture */
	const struct vgpu_frame_difference *difference; /* of the two; NULL: equal, or not both */
	const char *what;				/* what is wrong; NULL: nothing */
};

/* Who watches is told everything; all of it is valid during the call only. */
struct vgpu_replay_watch {
	void (*answer)(void *opaque, const struct vgpu_player_answer *answer);
	void (*frame)(void *opaque, const struct vgpu_replay_frame *frame);
};

struct vgpu_replay_options {
	const char *target; /* NAME or NAME:ARGUMENT */
	const char *golden; /* folder of golden sets; NULL: "../golden" beside the trace */
	bool no_golden;	    /* hold against the answers and frame hashes of the recording */
	const char *keep;   /* folder for pictures of what differs, or NULL */
	uint64_t first_frame, last_frame; /* frames to compare, both included */
	bool (*stop)(void *opaque);	  /* asked between requests; may be NULL */
	/* Told after every request; may be NULL. */
	void (*progress)(void *opaque, uint64_t done, uint64_t total);
	void *opaque;
	const struct vgpu_replay_watch *watch; /* NULL: nobody does */
	void *watch_opaque;
};

/* More than this many sentences would not be read. */
#define VGPU_REPLAY_MESSAGES 20

struct vgpu_replay_result {
	const char *trace; /* as it was named */
	enum vgpu_replay_status status;
	bool stopped;
	char target[32];   /* "builtin" */
	char version[128]; /* what drew */
	uint64_t requests, requests_played, requests_equal, requests_tolerated;
	uint64_t frames, frames_compared, frames_equal;
	uint64_t frames_excepted;     /* equal only by an exception of the golden set */
	uint64_t frames_incomparable; /* the recording dropped their pixels */
	uint64_t time_ns;	      /* of playing and comparing */
	char *messages[VGPU_REPLAY_MESSAGES];
	unsigned int num_messages;
	uint64_t messages_left_out;
	cJSON *differences; /* array, no longer than that; NULL: none */
	uint64_t differences_left_out;
};

void vgpu_replay(const char *trace, const struct vgpu_replay_options *options,
		 struct vgpu_replay_result *result);
void vgpu_replay_result_fini(struct vgpu_replay_result *result);

/* "builtin: 15 of 15 requests, 5 of 5 frames equal" and what else is to be said. */
#define VGPU_REPLAY_VERDICT_TEXT 400
void vgpu_replay_verdict(const struct vgpu_replay_result *result,
			 char text[VGPU_REPLAY_VERDICT_TEXT]);
/* The result as an object, documented in vgpu-replay(1); NULL: no memory. */
cJSON *vgpu_replay_json(const struct vgpu_replay_result *result);

/*
 * Adds a sentence, which is kept if there is room; a name of the trace in front
 * of it is not. A status other than EQUAL becomes the result's, except that
 * DIFFERS stays.
 */
void vgpu_replay_note(struct vgpu_replay_result *result, enum vgpu_replay_status status,
		      const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Adds to the list of differences what is described in text. */
void vgpu_replay_answer_differs(struct vgpu_replay_result *result,
				const struct vgpu_player_answer *answer);
void vgpu_replay_frame_differs(struct vgpu_replay_result *result,
			       const struct vgpu_replay_frame *frame);

/*
 * Calls picture for each picture of a frame that differs: "expected", "actual"
 * and "difference", as far as they are there.
 */
void vgpu_replay_pictures(const struct vgpu_replay_frame *frame,
			  void (*picture)(void *opaque, const char *what,
					  const struct vgpu_frame *pixels),
			  void *opaque);

/* Reports name the file themselves: text without a "TRACE: " in front. */
const char *vgpu_replay_strip(const char *trace, const char *text);

/* FOLDER/NAME or, with folder NULL, DIR/../golden/NAME for the trace DIR/NAME.trace. */
int vgpu_replay_golden_folder(const char *trace, const char *folder, char *path, size_t size);

#endif
