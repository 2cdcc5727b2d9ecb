/* SPDX-License-Identifier: MIT */
#include "golden/png_io.h"
#include "player.h"
#include "trace_tools.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

struct frames {
	const struct vgpu_trace_tool_options *options;
	const char *folder;
	FILE *out;
	struct vgpu_error *err;
	struct vgpu_hash_set written;
	bool failed, differs;
};

static bool stop(void *opaque)
{
	return ((struct frames *)opaque)->failed;
}

static void print_line(struct frames *frames, const struct vgpu_trace_frame *recorded,
		       const char *file)
{
	if (!frames->options->json) {
		fprintf(frames->out, "frame %llu, scanout %u: %s\n",
			(unsigned long long)recorded->number, recorded->scanout_id, file);
		return;
	}
	/* As JSON has it, whatever is in the name. */
	cJSON *name = cJSON_CreateString(file);
	char *text = cJSON_PrintUnformatted(name);

	if (text != NULL)
		fprintf(frames->out, "{\"frame\":%llu,\"scanout\":%u,\"file\":%s}\n",
			(unsigned long long)recorded->number, recorded->scanout_id, text);
	cJSON_free(text);
	cJSON_Delete(name);
}

static void on_frame(void *opaque, const struct vgpu_player_frame *frame)
{
	struct frames *frames = opaque;
	const struct vgpu_trace_frame *recorded = frame->recorded;
	char path[4096];

	if (frame->actual == NULL) {
		frames->differs = true;
		fprintf(stderr, "vgpu-trace: frame %llu: %s\n",
			(unsigned long long)recorded->number, frame->why);
		return;
	}
	struct vgpu_frame_hash hash = vgpu_frame_hash(frame->actual);
	if (vgpu_frame_hash_known(&recorded->hash) &&
	    !vgpu_frame_hash_equal(&hash, &recorded->hash)) {
		frames->differs = true;
		fprintf(stderr, "vgpu-trace: frame %llu is not as it was recorded\n",
			(unsigned long long)recorded->number);
	}
	int added = vgpu_hash_set_add(&frames->written, &hash);
	if (added == 0)
		return;
	int n = snprintf(path, sizeof(path), "%s/frame-%06llu.png", frames->folder,
			 (unsigned long long)recorded->number);
	if (added < 0 || n >= (int)sizeof(path)) {
		vgpu_error_set(frames->err, ENOMEM, "out of memory, or name too long");
		frames->failed = true;
		return;
	}
	frames->failed = vgpu_png_write(path, frame->actual, frames->err) < 0;
	if (!frames->failed)
		print_line(frames, recorded, path);
}

static int play(struct frames *frames, struct vgpu_player *player)
{
	static const struct vgpu_player_events events = {.frame = on_frame, .stop = stop};
	struct vgpu_target_options options;
	struct vgpu_error err;

	vgpu_player_target_options(player, &options);
	struct vgpu_target *target = vgpu_target_open("builtin", &options, frames->err);
	if (target == NULL)
		return 2;
	enum vgpu_player_end end = vgpu_player_play(player, target, &events, frames, &err);
	target->ops->close(target);
	if (end != VGPU_PLAYER_DONE && end != VGPU_PLAYER_STOPPED)
		*frames->err = err;
	if (end != VGPU_PLAYER_DONE || frames->failed)
		return 2;
	return frames->differs ? 1 : 0;
}

int vgpu_trace_frames(const char *path, const struct vgpu_trace_tool_options *options, FILE *out,
		      struct vgpu_error *err)
{
	const char *folder = options->output != NULL ? options->output : ".";
	struct frames frames = {.options = options, .folder = folder, .out = out, .err = err};
	struct vgpu_player *player = NULL;
	int status = 2;

	if (mkdir(folder, 0777) < 0 && errno != EEXIST) {
		vgpu_error_set(err, errno, "%s: %s", folder, strerror(errno));
		return 2;
	}
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, err);
	if (reader != NULL)
		player = vgpu_player_new(reader, err);
	if (player != NULL)
		status = play(&frames, player);
	vgpu_player_free(player);
	if (reader != NULL)
		vgpu_trace_reader_close(reader);
	vgpu_hash_set_fini(&frames.written);
	return status;
}
