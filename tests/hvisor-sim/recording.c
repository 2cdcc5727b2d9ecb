/* SPDX-License-Identifier: MIT */
#include "hvisor-sim/recording.h"

#include "golden/golden.h"
#include "replay.h"

#include <linux/virtio_mmio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static void count(struct recording *recording, const struct vgpu_trace_record *record)
{
	switch (record->type) {
	case VGPU_TRACE_START:
		recording->starts++;
		break;
	case VGPU_TRACE_RESET:
		recording->resets++;
		break;
	case VGPU_TRACE_REQUEST:
		recording->requests++;
		break;
	case VGPU_TRACE_REGISTER:
		recording->registers++;
		recording->notifies +=
			record->reg.write && record->reg.offset == VIRTIO_MMIO_QUEUE_NOTIFY;
		break;
	case VGPU_TRACE_FRAME:
		recording->frames = reallocarray(recording->frames, recording->num_frames + 1,
						 sizeof(*recording->frames));
		if (recording->frames == NULL)
			abort();
		recording->frames[recording->num_frames++] = record->frame.hash;
		break;
	default:
		break;
	}
}

bool recording_load(struct recording *recording, const char *path)
{
	struct vgpu_trace_record record;
	struct vgpu_error err;
	int ret;

	*recording = (struct recording){0};
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, &err);
	if (reader == NULL) {
		fprintf(stderr, "\n%s\n", err.text);
		return false;
	}
	while ((ret = vgpu_trace_reader_next(reader, &record, &err)) > 0)
		count(recording, &record);
	recording->whole = ret == 0;
	vgpu_trace_reader_close(reader);
	return true;
}

void recording_fini(struct recording *recording)
{
	free(recording->frames);
	recording->frames = NULL;
}

static bool replay(const char *path, const struct vgpu_replay_options *options)
{
	struct vgpu_replay_result result;
	char text[VGPU_REPLAY_VERDICT_TEXT];

	vgpu_replay(path, options, &result);
	bool equal = result.status == VGPU_REPLAY_EQUAL;
	if (!equal) {
		vgpu_replay_verdict(&result, text);
		fprintf(stderr, "\n%s: %s\n", path, text);
	}
	for (unsigned int i = 0; i < result.num_messages; i++)
		fprintf(stderr, "  %s\n", result.messages[i]);
	vgpu_replay_result_fini(&result);
	return equal;
}

bool recording_replays(const char *path, const char *target)
{
	return replay(path, &(struct vgpu_replay_options){
				    .target = target,
				    .no_golden = true,
				    .last_frame = UINT64_MAX,
			    });
}

/* The same golden frames, said of another file. Hashes do; the pictures stay where they are. */
static bool move_golden(const char *path, const char *name, const char *folder,
			uint64_t *num_frames)
{
	struct vgpu_error err;
	char from[512], to[512];
	int status;

	snprintf(from, sizeof(from), "golden/%s", name);
	struct vgpu_golden *golden = vgpu_golden_load(from, &status, &err);
	if (golden == NULL || vgpu_golden_hash_file(path, &golden->trace_hash, &err) < 0) {
		fprintf(stderr, "\n%s\n", err.text);
		vgpu_golden_free(golden);
		return false;
	}
	for (size_t i = 0; i < golden->num_frames; i++) {
		free(golden->frames[i].png);
		golden->frames[i].png = NULL;
	}
	*num_frames = golden->num_frames;
	/* A trace NAME.trace has its set in FOLDER/NAME. */
	int ret = vgpu_replay_golden_folder(path, folder, to, sizeof(to));
	mkdir(folder, 0700);
	mkdir(to, 0700);
	if (ret == 0)
		ret = vgpu_golden_save(golden, to, &err);
	vgpu_golden_free(golden);
	return ret == 0;
}

bool recording_is_golden(const char *path, const char *name, const char *folder, const char *target)
{
	struct vgpu_replay_options options = {
		.target = target,
		.golden = folder,
		.last_frame = UINT64_MAX,
	};
	struct recording recording;
	uint64_t num_frames = 0;

	if (!move_golden(path, name, folder, &num_frames) || !recording_load(&recording, path))
		return false;
	bool all = recording.num_frames == num_frames;
	if (!all)
		fprintf(stderr, "\n%s: %u frames, not %llu\n", path, recording.num_frames,
			(unsigned long long)num_frames);
	recording_fini(&recording);
	return replay(path, &options) && all;
}
