/* SPDX-License-Identifier: MIT */
/*
 * Hostile trace files: the reader, what vgpu-trace prints of a trace, and the
 * player on the reference device. A program of trace-forge.h makes the file.
 */
#include "fuzz/fuzz.h"
#include "fuzz/trace-forge.h"
#include "player.h"
#include "trace_tools.h"
#include "unit/trace-file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* What one input may take; a real replay has other limits. */
#define MEMORY_MAX   (32ull << 20)
#define REQUESTS_MAX 200u
#define PIXELS_MAX   (1u << 16)

struct play {
	unsigned int requests;
	struct vgpu_target *target;
};

static FILE *nowhere;
static struct trace_memory memory;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct bytes nothing = {0};

	(void)argc;
	(void)argv;
	nowhere = fopen("/dev/null", "we");
	fuzz_check(nowhere != NULL, "there is a /dev/null");
	memory = trace_memory_new(&nothing);
	return 0;
}

static void on_answer(void *opaque, const struct vgpu_player_answer *answer)
{
	struct play *play = opaque;

	play->requests++;
	fuzz_check(answer->why == NULL || strlen(answer->why) != 0, "a difference has a reason");
}

static bool wants_frame(void *opaque, const struct vgpu_trace_frame *frame)
{
	const struct play *play = opaque;
	const struct vgpu_scanout *scanout =
		vgpu_device_scanout(play->target->ops->device(play->target), frame->scanout_id);

	return scanout == NULL || (uint64_t)scanout->rect.width * scanout->rect.height < PIXELS_MAX;
}

static void on_frame(void *opaque, const struct vgpu_player_frame *frame)
{
	(void)opaque;
	fuzz_check(frame->actual != NULL || frame->why != NULL, "no picture has a reason");
	if (frame->actual != NULL)
		vgpu_frame_hash(frame->actual);
}

static bool stop(void *opaque)
{
	return ((struct play *)opaque)->requests >= REQUESTS_MAX;
}

static const struct vgpu_player_events events = {
	.answer = on_answer, .wants_frame = wants_frame, .frame = on_frame, .stop = stop};

static void play_trace(struct vgpu_player *player)
{
	struct vgpu_target_options options;
	struct vgpu_error err = {.text = ""};
	struct play play = {0};

	vgpu_player_target_options(player, &options);
	if (options.memory_size > MEMORY_MAX)
		return;
	play.target = vgpu_target_open("builtin", &options, &err);
	fuzz_check(play.target != NULL, "what a player wants of a target can be had");
	enum vgpu_player_end end = vgpu_player_play(player, play.target, &events, &play, &err);
	fuzz_check(end == VGPU_PLAYER_DONE || strlen(err.text) != 0, "an early end has a reason");
	play.target->ops->close(play.target);
}

static void read_trace(void)
{
	const struct vgpu_trace_tool_options text = {.registers = true}, json = {.json = true};
	struct vgpu_error err = {.text = ""};
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(memory.path, &err);

	fuzz_check(reader != NULL || strlen(err.text) != 0, "a refusal has a reason");
	if (reader == NULL)
		return;
	struct vgpu_player *player = vgpu_player_new(reader, &err);
	fuzz_check(player != NULL || strlen(err.text) != 0, "a refusal has a reason");
	if (player != NULL)
		play_trace(player);
	vgpu_player_free(player);
	vgpu_trace_reader_close(reader);
	vgpu_trace_dump(memory.path, &text, nowhere, &err);
	vgpu_trace_dump(memory.path, &json, nowhere, &err);
	vgpu_trace_info(memory.path, &text, nowhere, &err);
	vgpu_trace_info(memory.path, &json, nowhere, &err);
	vgpu_trace_lint(memory.path, &text, nowhere, &err);
	vgpu_trace_lint(memory.path, &json, nowhere, &err);
}

/* What repair makes of anything is whole. */
static void repair_trace(void)
{
	struct vgpu_error err = {.text = ""};
	struct vgpu_trace_repair repair;
	char output[64];

	snprintf(output, sizeof(output), "/dev/shm/vgpu-fuzz-%d.trace", (int)getpid());
	int ret = vgpu_trace_make_whole(memory.path, output, &repair, &err);
	fuzz_check(ret == 0 || strlen(err.text) != 0, "a refusal has a reason");
	if (ret < 0)
		return;
	fuzz_check(trace_file_read(output, NULL, &err) == 0, "what was repaired is whole");
	unlink(output);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bytes file = {0};

	trace_forge(data, size, &file);
	trace_memory_set(&memory, file.data, file.len);
	bytes_fini(&file);
	read_trace();
	repair_trace();
	return 0;
}

/* ---- mutation ------------------------------------------------------------------------- */

static void make_request(struct dice *dice, struct bytes *op)
{
	program_put_number(op, VGPU_TRACE_REQUEST, 2);
	bytes_put_int(op, dice_roll(dice) % 100); /* time, duration */
	bytes_put_int(op, dice_roll(dice) % 100);
	bytes_put_uint(op, dice_roll(dice) % 4);
	bytes_put_uint(op, dice_once_in(dice, 8)); /* queue, head */
	bytes_put_uint(op, dice_roll(dice) % 16);
	bytes_put_uint(op, 2); /* descriptors */
	bytes_put_uint(op, (dice_once_in(dice, 8) ? dice_edge(dice) : 64) * 2ull);
	bytes_put_uint(op, (dice_once_in(dice, 8) ? dice_edge(dice) : 64) * 2ull + 1);
	bytes_put_uint(op, dice_roll(dice) % 3); /* indirect */
	bytes_put_uint(op, 24);			 /* request */
	for (int i = 0; i < 6; i++)
		program_put_number(op, i == 0 ? 0x100 + dice_roll(dice) % 12 : 0, 4);
	bytes_put_uint(op, 24); /* response */
	for (int i = 0; i < 6; i++)
		program_put_number(op, i == 0 ? 0x1100 : 0, 4);
	bytes_put_uint(op, dice_roll(dice) % 2 * 64); /* pitch */
	bytes_put_uint(op, 2);			      /* segments: one run */
	bytes_put_uint(op, 2);
	bytes_put_uint(op, 64);
	bytes_put_int(op, dice_once_in(dice, 8) ? -1 : 0x1000);
	bytes_put_int(op, 0);
	bytes_put_uint(op, 1); /* references */
	bytes_put_uint(op, 1 * 2 + dice_roll(dice) % 2);
	bytes_put_int(op, -(int64_t)(dice_roll(dice) % 3));
}

static void make_record(struct dice *dice, struct bytes *op)
{
	if (dice_once_in(dice, 2)) {
		make_request(dice, op);
		return;
	}
	program_put_number(op, dice_once_in(dice, 8) ? dice_edge(dice) : 1 + dice_roll(dice) % 8,
			   2);
	for (uint32_t i = dice_roll(dice) % 24; i > 0; i--)
		bytes_put_uint(op, dice_once_in(dice, 4) ? dice_edge(dice) : dice_roll(dice) % 64);
}

static void make(struct dice *dice, uint8_t kind, struct bytes *op)
{
	switch (kind) {
	case TRACE_OP_RECORD:
		make_record(dice, op);
		break;
	case TRACE_OP_BLOCK:
	case TRACE_OP_RAW:
		program_put_number(op, dice_roll(dice) % (dice_once_in(dice, 8) ? 16 : 4), 1);
		break;
	case TRACE_OP_CONTENT:
		program_put_number(op, 1 + dice_roll(dice) % 40, 2);
		program_put_number(op, dice_once_in(dice, 8) ? dice_edge(dice) : 64, 2);
		program_put_number(op, dice_roll(dice), 1);
		break;
	case TRACE_OP_OTHER:
		program_put_number(op, dice_roll(dice) % 6, 2);
		program_put_number(op, dice_once_in(dice, 2) ? dice_edge(dice) : 0, 2);
		break;
	case TRACE_OP_CUT:
	case TRACE_OP_DAMAGE:
		program_put_number(op, dice_roll(dice) % 4096, 4);
		program_put_number(op, dice_roll(dice), 1);
		break;
	default:
		break;
	}
}

const struct program_grammar fuzz_grammar = {
	.num_kinds = NUM_TRACE_OPS, .usual = TRACE_OP_RECORD, .make = make};
