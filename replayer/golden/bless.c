/* SPDX-License-Identifier: MIT */
#include "golden/bless.h"

#include "decode.h"
#include "golden/golden.h"
#include "golden/png_io.h"

#include <dirent.h>
#include <errno.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PICTURE_NAME	"frame-%06llu.png"
#define PICTURE_PATTERN "frame-[0-9][0-9][0-9][0-9][0-9][0-9]*.png"

/* One picture of the set that is being made. */
struct picture {
	uint64_t number; /* of the first frame that shows it */
	uint8_t *png;	 /* NULL: not drawn yet, or no room for it */
	size_t len;
	bool kept;
};

/* Frames as one target drew them. */
struct drawing {
	struct vgpu_golden_frame *frames;
	size_t count, capacity;
	char version[128];
};

struct bless {
	const char *trace;
	const struct vgpu_replay_options *options;
	struct vgpu_replay_result *result;
	char folder[4096];
	struct vgpu_golden *old;   /* the set that is there, or NULL */
	struct drawing judge, own; /* of the independent device and of ours */
	struct drawing *drawing;   /* that is being filled */
	const char *target;	   /* that is playing */
	size_t *first;		   /* per frame: index of the first one equal to it */
	struct picture *pictures;
	size_t num_pictures;
	bool refused;
};

static void refuse(struct bless *bless, enum vgpu_replay_status status, const char *text)
{
	bless->refused = true;
	vgpu_replay_note(bless->result, status, "%s", text);
}

/* ---- drawing ------------------------------------------------------------------------ */

static void on_answer(void *opaque, const struct vgpu_player_answer *answer)
{
	struct bless *bless = opaque;
	char request[VGPU_DECODE_TEXT];

	bless->result->requests_played++;
	if (bless->options->progress != NULL)
		bless->options->progress(bless->options->opaque, bless->result->requests_played,
					 2 * bless->result->requests);
	if (answer->verdict != VGPU_ANSWER_DIFFERENT)
		return;
	bless->refused = true;
	vgpu_decode_request(answer->recorded->request, answer->recorded->request_len, request);
	vgpu_replay_note(bless->result, VGPU_REPLAY_DIFFERS, "%s: request %llu: %s: %s",
			 bless->target, (unsigned long long)answer->recorded->number, request,
			 answer->why);
}

static struct vgpu_golden_frame *add_frame(struct drawing *drawing)
{
	if (drawing->count == drawing->capacity) {
		size_t capacity = drawing->capacity == 0 ? 64 : drawing->capacity * 2;
		struct vgpu_golden_frame *bigger =
			reallocarray(drawing->frames, capacity, sizeof(*bigger));
		if (bigger == NULL)
			return NULL;
		drawing->frames = bigger;
		drawing->capacity = capacity;
	}
	return &drawing->frames[drawing->count++];
}

static void on_frame(void *opaque, const struct vgpu_player_frame *frame)
{
	struct bless *bless = opaque;
	const struct vgpu_trace_frame *recorded = frame->recorded;

	if (frame->actual == NULL) {
		bless->refused = true;
		vgpu_replay_note(bless->result,
				 frame->comparable ? VGPU_REPLAY_DIFFERS : VGPU_REPLAY_UNUSABLE,
				 "%s: frame %llu: %s", bless->target,
				 (unsigned long long)recorded->number, frame->why);
		return;
	}
	struct vgpu_golden_frame *drawn = add_frame(bless->drawing);
	if (drawn == NULL) {
		refuse(bless, VGPU_REPLAY_UNUSABLE, "out of memory");
		return;
	}
	*drawn = (struct vgpu_golden_frame){
		.number = recorded->number,
		.scanout_id = recorded->scanout_id,
		.width = frame->actual->width,
		.height = frame->actual->height,
		.hash = vgpu_frame_hash(frame->actual),
	};
	if ((vgpu_frame_hash_known(&recorded->hash) &&
	     !vgpu_frame_hash_equal(&drawn->hash, &recorded->hash)) ||
	    drawn->width != recorded->width || drawn->height != recorded->height) {
		bless->refused = true;
		vgpu_replay_note(bless->result, VGPU_REPLAY_DIFFERS,
				 "%s: frame %llu (scanout %u, %ux%u) is not as it was recorded",
				 bless->target, (unsigned long long)recorded->number,
				 recorded->scanout_id, recorded->width, recorded->height);
	}
}

static bool stop(void *opaque)
{
	const struct bless *bless = opaque;

	return bless->options->stop != NULL && bless->options->stop(bless->options->opaque);
}

static void play(struct bless *bless, struct vgpu_player *player, const char *spec,
		 const struct vgpu_player_events *events, char version[128])
{
	struct vgpu_target_options options;
	struct vgpu_error err;

	vgpu_player_target_options(player, &options);
	struct vgpu_target *target = vgpu_target_open(spec, &options, &err);
	if (target == NULL) {
		refuse(bless, VGPU_REPLAY_UNUSABLE, err.text);
		return;
	}
	bless->target = target->ops->name;
	snprintf(version, 128, "%s", target->ops->version(target));
	enum vgpu_player_end end = vgpu_player_play(player, target, events, bless, &err);
	bless->result->stopped = end == VGPU_PLAYER_STOPPED;
	if (end != VGPU_PLAYER_DONE)
		refuse(bless,
		       end == VGPU_PLAYER_TARGET_FAILED ? VGPU_REPLAY_DIFFERS
							: VGPU_REPLAY_UNUSABLE,
		       err.text);
	target->ops->close(target);
}

static void draw(struct bless *bless, struct vgpu_player *player, const char *spec,
		 struct drawing *drawing)
{
	static const struct vgpu_player_events events = {
		.answer = on_answer,
		.frame = on_frame,
		.stop = stop,
	};

	bless->drawing = drawing;
	play(bless, player, spec, &events, drawing->version);
}

static void compare_drawings(struct bless *bless)
{
	const struct drawing *a = &bless->judge, *b = &bless->own;

	for (size_t i = 0; i < a->count && i < b->count; i++) {
		if (vgpu_frame_hash_equal(&a->frames[i].hash, &b->frames[i].hash)) {
			bless->result->frames_equal++;
			continue;
		}
		bless->refused = true;
		vgpu_replay_note(bless->result, VGPU_REPLAY_DIFFERS,
				 "frame %llu: %s and %s drew different pixels",
				 (unsigned long long)a->frames[i].number, a->version, b->version);
	}
	bless->result->frames_compared = a->count;
	if (a->count != b->count)
		refuse(bless, VGPU_REPLAY_DIFFERS, "the targets drew different numbers of frames");
}

/* ---- which frames get a picture -------------------------------------------------------- */

static int by_hash(const void *a, const void *b, void *frames)
{
	size_t x = *(const size_t *)a, y = *(const size_t *)b;
	const struct vgpu_golden_frame *list = frames;
	int order = memcmp(list[x].hash.bytes, list[y].hash.bytes, sizeof(list[x].hash.bytes));

	return order != 0 ? order : (x > y) - (x < y);
}

/* Sets first, and lists the frames that nothing before them equals. NULL: no memory. */
static size_t *find_distinct(struct bless *bless, size_t *count)
{
	const struct drawing *own = &bless->own;
	size_t *order = calloc(own->count + 1, sizeof(*order));

	bless->first = calloc(own->count + 1, sizeof(*bless->first));
	if (order == NULL || bless->first == NULL) {
		free(order);
		return NULL;
	}
	for (size_t i = 0; i < own->count; i++)
		order[i] = i;
	qsort_r(order, own->count, sizeof(*order), by_hash, own->frames);
	for (size_t i = 0; i < own->count; i++) {
		bool again = i > 0 && vgpu_frame_hash_equal(&own->frames[order[i]].hash,
							    &own->frames[order[i - 1]].hash);
		bless->first[order[i]] = again ? bless->first[order[i - 1]] : order[i];
	}
	*count = 0;
	for (size_t i = 0; i < own->count; i++)
		if (bless->first[i] == i)
			order[(*count)++] = i;
	return order;
}

/* All distinct frames, or as many as may be, evenly from the first to the last. */
static bool choose_pictures(struct bless *bless)
{
	size_t distinct = 0;
	size_t *list = find_distinct(bless, &distinct);

	if (list == NULL)
		return false;
	size_t wanted = distinct < VGPU_BLESS_FILES ? distinct : VGPU_BLESS_FILES;
	bless->pictures = calloc(wanted + 1, sizeof(*bless->pictures));
	for (size_t i = 0; bless->pictures != NULL && i < wanted; i++) {
		size_t at = wanted > 1 ? i * (distinct - 1) / (wanted - 1) : 0;
		bless->pictures[i].number = bless->own.frames[list[at]].number;
		bless->num_pictures++;
	}
	free(list);
	return bless->pictures != NULL;
}

static struct picture *find_picture(const struct bless *bless, uint64_t number)
{
	for (size_t i = 0; i < bless->num_pictures; i++)
		if (bless->pictures[i].number == number)
			return &bless->pictures[i];
	return NULL;
}

static bool wants_picture(void *opaque, const struct vgpu_trace_frame *frame)
{
	return find_picture(opaque, frame->number) != NULL;
}

static void on_picture(void *opaque, const struct vgpu_player_frame *frame)
{
	struct bless *bless = opaque;
	struct picture *picture = find_picture(bless, frame->recorded->number);

	if (frame->actual == NULL ||
	    vgpu_png_encode(frame->actual, &picture->png, &picture->len) < 0)
		refuse(bless, VGPU_REPLAY_UNUSABLE, "a frame cannot be written as PNG");
}

static void keep_if_room(struct picture *picture, size_t *total)
{
	if (picture->kept || picture->png == NULL || picture->len > VGPU_BLESS_BYTES - *total)
		return;
	picture->kept = true;
	*total += picture->len;
}

/* The first and the last always; others by halving the gaps while there is room. */
static size_t keep_pictures(struct bless *bless)
{
	size_t count = bless->num_pictures, step = 1, total = 0;

	if (count == 0)
		return 0;
	struct picture *ends[] = {&bless->pictures[0], &bless->pictures[count - 1]};
	for (size_t i = 0; i < 2; i++) {
		total += ends[i]->kept ? 0 : ends[i]->len;
		ends[i]->kept = true;
	}
	total = total > VGPU_BLESS_BYTES ? VGPU_BLESS_BYTES : total;
	while (step < count)
		step *= 2;
	for (; step > 0; step /= 2)
		for (size_t i = 0; i < count; i += step)
			keep_if_room(&bless->pictures[i], &total);
	return total;
}

/* ---- the set on disk -------------------------------------------------------------------- */

static bool name_pictures(struct bless *bless)
{
	for (size_t i = 0; i < bless->own.count; i++) {
		struct vgpu_golden_frame *frame = &bless->own.frames[i];
		uint64_t number = bless->own.frames[bless->first[i]].number;
		const struct picture *picture = find_picture(bless, number);

		if (picture != NULL && picture->kept &&
		    asprintf(&frame->png, PICTURE_NAME, (unsigned long long)number) < 0)
			return false;
	}
	return true;
}

/* The folder that holds all sets is made too, but nothing above it. */
static int make_folder(const char *path, struct vgpu_error *err)
{
	char parent[4096];
	const char *slash = strrchr(path, '/');

	snprintf(parent, sizeof(parent), "%.*s", slash != NULL ? (int)(slash - path) : 0, path);
	if (parent[0] != '\0' && mkdir(parent, 0777) < 0 && errno != EEXIST)
		return vgpu_error_set(err, errno, "%s: %s", parent, strerror(errno));
	if (mkdir(path, 0777) < 0 && errno != EEXIST)
		return vgpu_error_set(err, errno, "%s: %s", path, strerror(errno));
	return 0;
}

static int write_pictures(const struct bless *bless, struct vgpu_error *err)
{
	char path[4200];

	for (size_t i = 0; i < bless->num_pictures; i++) {
		const struct picture *picture = &bless->pictures[i];
		if (!picture->kept)
			continue;
		snprintf(path, sizeof(path), "%s/" PICTURE_NAME, bless->folder,
			 (unsigned long long)picture->number);
		int ret = vgpu_png_write_bytes(path, picture->png, picture->len, err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static bool shows(const struct drawing *drawing, const char *name)
{
	for (size_t i = 0; i < drawing->count; i++)
		if (drawing->frames[i].png != NULL && strcmp(drawing->frames[i].png, name) == 0)
			return true;
	return false;
}

/* Calls found for every picture in the folder that no frame of the set shows. */
static void find_strays(struct bless *bless, void (*found)(struct bless *bless, const char *name))
{
	struct dirent *entry;
	DIR *dir = opendir(bless->folder);

	if (dir == NULL)
		return;
	while ((entry = readdir(dir)) != NULL)
		if (fnmatch(PICTURE_PATTERN, entry->d_name, 0) == 0 &&
		    !shows(&bless->own, entry->d_name))
			found(bless, entry->d_name);
	closedir(dir);
}

static void remove_stray(struct bless *bless, const char *name)
{
	char path[4400];

	snprintf(path, sizeof(path), "%s/%s", bless->folder, name);
	unlink(path);
}

static void report_stray(struct bless *bless, const char *name)
{
	vgpu_replay_note(bless->result, VGPU_REPLAY_UNUSABLE, "%s/%s: no frame shows it",
			 bless->folder, name);
}

/* Which frames look other than in the set before, or are new, or are gone. */
static void report_changes(struct bless *bless)
{
	uint64_t changed = 0, added = 0, first = 0;
	const struct drawing *own = &bless->own;

	for (size_t i = 0; bless->old != NULL && i < own->count; i++) {
		const struct vgpu_golden_frame *old =
			vgpu_golden_find(bless->old, own->frames[i].number);
		if (old == NULL)
			added++;
		else if (!vgpu_frame_hash_equal(&old->hash, &own->frames[i].hash) && changed++ == 0)
			first = old->number;
	}
	if (bless->old == NULL) {
		vgpu_replay_note(bless->result, VGPU_REPLAY_EQUAL, "new golden set");
		return;
	}
	uint64_t gone = bless->old->num_frames + added - own->count;
	if (changed > 0)
		vgpu_replay_note(bless->result, VGPU_REPLAY_EQUAL,
				 "%llu frames changed, frame %llu first",
				 (unsigned long long)changed, (unsigned long long)first);
	if (added > 0 || gone > 0)
		vgpu_replay_note(bless->result, VGPU_REPLAY_EQUAL, "%llu frames new, %llu gone",
				 (unsigned long long)added, (unsigned long long)gone);
	if (changed == 0 && added == 0 && gone == 0)
		vgpu_replay_note(bless->result, VGPU_REPLAY_EQUAL, "no frame changed");
}

static void write_set(struct bless *bless)
{
	const char *slash = strrchr(bless->trace, '/');
	struct vgpu_golden golden = {
		.trace = (char *)(slash != NULL ? slash + 1 : bless->trace),
		.confirmed_by = bless->judge.version,
		.frames = bless->own.frames,
		.num_frames = bless->own.count,
	};
	struct vgpu_error err;
	size_t total = keep_pictures(bless), files = 0;

	if (bless->old != NULL) {
		golden.exceptions = bless->old->exceptions;
		golden.num_exceptions = bless->old->num_exceptions;
	}
	if (!name_pictures(bless)) {
		refuse(bless, VGPU_REPLAY_UNUSABLE, "out of memory");
		return;
	}
	if (vgpu_golden_hash_file(bless->trace, &golden.trace_hash, &err) < 0 ||
	    make_folder(bless->folder, &err) < 0 || write_pictures(bless, &err) < 0 ||
	    vgpu_golden_save(&golden, bless->folder, &err) < 0) {
		refuse(bless, VGPU_REPLAY_UNUSABLE, err.text);
		return;
	}
	find_strays(bless, remove_stray);
	report_changes(bless);
	for (size_t i = 0; i < bless->num_pictures; i++)
		files += bless->pictures[i].kept;
	vgpu_replay_note(bless->result, VGPU_REPLAY_EQUAL, "%s: %zu frames, %zu PNG files, %zu KiB",
			 bless->folder, golden.num_frames, files, (total + 1023) / 1024);
	vgpu_replay_note(bless->result, VGPU_REPLAY_EQUAL, "confirmed by %s", golden.confirmed_by);
}

/* ---- the set held against what was drawn -------------------------------------------------- */

static void check_frame(struct bless *bless, const struct vgpu_golden_frame *drawn,
			struct vgpu_pictures *pictures)
{
	const struct vgpu_golden_frame *golden = vgpu_golden_find(bless->old, drawn->number);
	struct vgpu_frame_hash hash;
	struct vgpu_error err;

	if (golden == NULL || golden->scanout_id != drawn->scanout_id ||
	    !vgpu_frame_hash_equal(&golden->hash, &drawn->hash)) {
		vgpu_replay_note(bless->result, VGPU_REPLAY_DIFFERS,
				 "golden frame %llu is not what %s draws",
				 (unsigned long long)drawn->number, bless->judge.version);
		return;
	}
	if (golden->png == NULL)
		return;
	const struct vgpu_frame *picture = vgpu_pictures_get(pictures, golden->png, &err);
	if (picture == NULL) {
		vgpu_replay_note(bless->result, VGPU_REPLAY_UNUSABLE, "%s", err.text);
		return;
	}
	hash = vgpu_frame_hash(picture);
	if (picture->width != drawn->width || picture->height != drawn->height ||
	    !vgpu_frame_hash_equal(&hash, &drawn->hash))
		vgpu_replay_note(bless->result, VGPU_REPLAY_DIFFERS,
				 "%s/%s is not frame %llu as %s draws it", bless->folder,
				 golden->png, (unsigned long long)drawn->number,
				 bless->judge.version);
}

/* Takes the names of the old set's pictures: what it does not name is a stray. */
static bool adopt_names(struct bless *bless)
{
	for (size_t i = 0; i < bless->own.count; i++) {
		struct vgpu_golden_frame *frame = &bless->own.frames[i];
		const struct vgpu_golden_frame *old = vgpu_golden_find(bless->old, frame->number);

		if (old == NULL || old->png == NULL)
			continue;
		frame->png = strdup(old->png);
		if (frame->png == NULL)
			return false;
	}
	return true;
}

static void check_set(struct bless *bless)
{
	struct vgpu_pictures *pictures = vgpu_pictures_new(bless->folder, VGPU_BLESS_BYTES);
	struct vgpu_frame_hash hash;
	struct vgpu_error err;

	if (pictures == NULL || !adopt_names(bless)) {
		refuse(bless, VGPU_REPLAY_UNUSABLE, "out of memory");
		goto out;
	}
	if (vgpu_golden_hash_file(bless->trace, &hash, &err) < 0)
		refuse(bless, VGPU_REPLAY_UNUSABLE, err.text);
	else if (!vgpu_frame_hash_equal(&hash, &bless->old->trace_hash))
		refuse(bless, VGPU_REPLAY_UNUSABLE, "the golden set is of another recording");
	for (size_t i = 0; i < bless->own.count; i++)
		check_frame(bless, &bless->own.frames[i], pictures);
	if (bless->old->num_frames != bless->own.count)
		vgpu_replay_note(bless->result, VGPU_REPLAY_DIFFERS,
				 "the golden set has %zu frames, the recording %zu",
				 bless->old->num_frames, bless->own.count);
	find_strays(bless, report_stray);
	if (bless->result->status == VGPU_REPLAY_EQUAL)
		vgpu_replay_note(bless->result, VGPU_REPLAY_EQUAL, "%s: %zu frames confirmed by %s",
				 bless->folder, bless->own.count, bless->judge.version);
out:
	vgpu_pictures_free(pictures);
}

/* ---- both ------------------------------------------------------------------------------- */

static void draw_pictures(struct bless *bless, struct vgpu_player *player)
{
	static const struct vgpu_player_events events = {
		.wants_frame = wants_picture,
		.frame = on_picture,
		.stop = stop,
	};

	if (!choose_pictures(bless))
		refuse(bless, VGPU_REPLAY_UNUSABLE, "out of memory");
	else if (bless->num_pictures > 0)
		play(bless, player, "builtin", &events, bless->own.version);
}

static void bless_player(struct bless *bless, struct vgpu_player *player, bool check)
{
	bless->result->requests = vgpu_player_requests(player);
	bless->result->frames = vgpu_player_frames(player);
	draw(bless, player, "builtin", &bless->own);
	if (!bless->refused)
		draw(bless, player, bless->options->target, &bless->judge);
	if (!bless->refused)
		compare_drawings(bless);
	if (!bless->refused && !check)
		draw_pictures(bless, player);
	if (bless->refused)
		return;
	if (check)
		check_set(bless);
	else
		write_set(bless);
}

static void bless_fini(struct bless *bless)
{
	for (size_t i = 0; i < bless->own.count; i++)
		free(bless->own.frames[i].png);
	for (size_t i = 0; i < bless->num_pictures; i++)
		free(bless->pictures[i].png);
	free(bless->own.frames);
	free(bless->judge.frames);
	free(bless->first);
	free(bless->pictures);
	vgpu_golden_free(bless->old);
}

/* The set that is there. A broken one is replaced, but never confirmed. */
static bool load_old(struct bless *bless, bool check)
{
	struct vgpu_error err;
	int status = vgpu_replay_golden_folder(bless->trace, bless->options->golden, bless->folder,
					       sizeof(bless->folder));

	if (status < 0) {
		refuse(bless, VGPU_REPLAY_UNUSABLE, "name too long");
		return false;
	}
	bless->old = vgpu_golden_load(bless->folder, &status, &err);
	if (bless->old == NULL && (check || status != -ENOENT))
		vgpu_replay_note(bless->result, check ? VGPU_REPLAY_UNUSABLE : VGPU_REPLAY_EQUAL,
				 "%s", err.text);
	return bless->old != NULL || !check;
}

static void run(const char *trace, const struct vgpu_replay_options *options, bool check,
		struct vgpu_replay_result *result)
{
	struct bless bless = {.trace = trace, .options = options, .result = result};
	uint64_t begin = vgpu_now_ns();
	struct vgpu_error err;
	const char *argument;

	*result = (struct vgpu_replay_result){.trace = trace};
	const struct vgpu_target_ops *target = vgpu_target_find(options->target, &argument);
	/* What listens behind a vhost-user socket may be the reference device. */
	if (target == NULL || target->exact || target->own_registers) {
		vgpu_replay_note(result, VGPU_REPLAY_UNUSABLE,
				 "target %s cannot confirm what the reference device draws",
				 options->target);
		return;
	}
	snprintf(result->target, sizeof(result->target), "%s", target->name);
	struct vgpu_trace_reader *reader =
		load_old(&bless, check) ? vgpu_trace_reader_open(trace, &err) : NULL;
	struct vgpu_player *player = reader != NULL ? vgpu_player_new(reader, &err) : NULL;
	if (player != NULL)
		bless_player(&bless, player, check);
	else if (bless.folder[0] != '\0' && result->status == VGPU_REPLAY_EQUAL)
		vgpu_replay_note(result, VGPU_REPLAY_UNUSABLE, "%s", err.text);
	vgpu_player_free(player);
	if (reader != NULL)
		vgpu_trace_reader_close(reader);
	snprintf(result->version, sizeof(result->version), "%s", bless.judge.version);
	bless_fini(&bless);
	result->requests_equal = bless.refused ? 0 : result->requests;
	result->time_ns = vgpu_now_ns() - begin;
}

void vgpu_bless(const char *trace, const struct vgpu_replay_options *options,
		struct vgpu_replay_result *result)
{
	run(trace, options, false, result);
}

void vgpu_bless_check(const char *trace, const struct vgpu_replay_options *options,
		      struct vgpu_replay_result *result)
{
	run(trace, options, true, result);
}
