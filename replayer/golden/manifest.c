/* SPDX-License-Identifier: MIT */
#include "golden/golden.h"

#include "out_file.h"
#include "text_file.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

/* A frame takes some 150 bytes, so this is a few hundred thousand of them. */
#define MANIFEST_MAX (64u << 20)
/* Counts in JSON are doubles, exact up to here. */
#define COUNT_MAX 9007199254740992.0

static void free_exception(struct vgpu_golden_exception *exception)
{
	free(exception->target);
	free(exception->reason);
	free(exception->ignore);
}

void vgpu_golden_free(struct vgpu_golden *golden)
{
	if (golden == NULL)
		return;
	for (size_t i = 0; i < golden->num_frames; i++)
		free(golden->frames[i].png);
	for (size_t i = 0; i < golden->num_exceptions; i++)
		free_exception(&golden->exceptions[i]);
	free(golden->frames);
	free(golden->exceptions);
	free(golden->trace);
	free(golden->confirmed_by);
	free(golden);
}

const struct vgpu_golden_frame *vgpu_golden_find(const struct vgpu_golden *golden, uint64_t number)
{
	size_t low = 0, high = golden->num_frames;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (golden->frames[middle].number == number)
			return &golden->frames[middle];
		if (golden->frames[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

const struct vgpu_golden_exception *vgpu_golden_exception(const struct vgpu_golden *golden,
							  uint64_t number, const char *target)
{
	for (size_t i = 0; i < golden->num_exceptions; i++) {
		const struct vgpu_golden_exception *e = &golden->exceptions[i];

		if (number >= e->first && number <= e->last &&
		    (e->target == NULL || strcmp(e->target, target) == 0))
			return e;
	}
	return NULL;
}

int vgpu_golden_hash_file(const char *path, struct vgpu_frame_hash *hash, struct vgpu_error *err)
{
	uint8_t buffer[65536];
	size_t n;
	FILE *file = fopen(path, "rbe");

	if (file == NULL)
		return vgpu_error_set(err, errno, "%s", strerror(errno));
	XXH3_state_t *state = XXH3_createState();
	if (state == NULL) {
		fclose(file);
		return vgpu_error_set(err, ENOMEM, "out of memory");
	}
	XXH3_128bits_reset(state);
	while ((n = fread(buffer, 1, sizeof(buffer), file)) > 0)
		XXH3_128bits_update(state, buffer, n);
	int error = ferror(file) ? errno : 0;
	XXH128_canonical_t canonical;
	XXH128_canonicalFromHash(&canonical, XXH3_128bits_digest(state));
	memcpy(hash->bytes, canonical.digest, sizeof(hash->bytes));
	XXH3_freeState(state);
	fclose(file);
	return error == 0 ? 0 : vgpu_error_set(err, error, "%s", strerror(error));
}

/* ---- reading --------------------------------------------------------------------- */

static int bad(struct vgpu_error *err, const char *what)
{
	return vgpu_error_set(err, EBADMSG, "%s", what);
}

static bool take_count(const cJSON *object, const char *name, uint64_t max, uint64_t *value)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0) || item->valuedouble > COUNT_MAX)
		return false;
	*value = (uint64_t)item->valuedouble;
	return (double)*value == item->valuedouble && *value <= max;
}

static bool take_u32(const cJSON *object, const char *name, uint32_t max, uint32_t *value)
{
	uint64_t wide;

	if (!take_count(object, name, max, &wide))
		return false;
	*value = (uint32_t)wide;
	return true;
}

static char *take_string(const cJSON *object, const char *name)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

	return text != NULL && text[0] != '\0' ? strdup(text) : NULL;
}

static bool take_hash(const cJSON *object, const char *name, struct vgpu_frame_hash *hash)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));

	return text != NULL && vgpu_frame_hash_parse(text, hash) == 0;
}

/* A plain name: the set must not reach out of its folder. */
static bool is_file_name(const char *name)
{
	return name[0] != '\0' && name[0] != '.' && strchr(name, '/') == NULL;
}

static int read_frame(const cJSON *item, struct vgpu_golden_frame *frame, struct vgpu_error *err)
{
	if (!take_count(item, "number", UINT64_MAX, &frame->number) ||
	    !take_u32(item, "scanout", VGPU_MAX_SCANOUTS - 1, &frame->scanout_id) ||
	    !take_u32(item, "width", UINT32_MAX, &frame->width) ||
	    !take_u32(item, "height", UINT32_MAX, &frame->height) ||
	    !take_hash(item, "hash", &frame->hash))
		return bad(err, "a frame without number, scanout, width, height or hash");
	if (!cJSON_HasObjectItem(item, "png"))
		return 0;
	frame->png = take_string(item, "png");
	if (frame->png == NULL || !is_file_name(frame->png))
		return bad(err, "a frame's png is not a file name");
	return 0;
}

static int read_frames(const cJSON *list, struct vgpu_golden *golden, struct vgpu_error *err)
{
	const cJSON *item;

	if (!cJSON_IsArray(list))
		return bad(err, "no list of frames");
	size_t count = (size_t)cJSON_GetArraySize(list);
	golden->frames = calloc(count + 1, sizeof(*golden->frames));
	if (golden->frames == NULL)
		return vgpu_error_set(err, ENOMEM, "out of memory");
	cJSON_ArrayForEach(item, list)
	{
		struct vgpu_golden_frame *frame = &golden->frames[golden->num_frames++];
		int ret = read_frame(item, frame, err);
		if (ret < 0)
			return ret;
		if (golden->num_frames > 1 && frame->number <= frame[-1].number)
			return bad(err, "frames are not in the order of their numbers");
	}
	return 0;
}

static int read_ignore(const cJSON *list, struct vgpu_golden_exception *exception,
		       struct vgpu_error *err)
{
	const cJSON *item;

	if (list == NULL)
		return 0;
	if (!cJSON_IsArray(list))
		return bad(err, "an exception's ignore is not a list");
	exception->ignore =
		calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*exception->ignore));
	if (exception->ignore == NULL)
		return vgpu_error_set(err, ENOMEM, "out of memory");
	cJSON_ArrayForEach(item, list)
	{
		struct vgpu_rect *rect = &exception->ignore[exception->num_ignore++];
		if (!take_u32(item, "x", UINT32_MAX, &rect->x) ||
		    !take_u32(item, "y", UINT32_MAX, &rect->y) ||
		    !take_u32(item, "width", UINT32_MAX, &rect->width) ||
		    !take_u32(item, "height", UINT32_MAX, &rect->height))
			return bad(err, "a rectangle without x, y, width or height");
	}
	return 0;
}

static int read_exception(const cJSON *item, struct vgpu_golden_exception *exception,
			  struct vgpu_error *err)
{
	uint32_t tolerance = 0;

	exception->reason = take_string(item, "reason");
	if (exception->reason == NULL)
		return bad(err, "an exception without a reason");
	if (!take_count(item, "first", UINT64_MAX, &exception->first) ||
	    !take_count(item, "last", UINT64_MAX, &exception->last) ||
	    exception->first > exception->last)
		return bad(err, "an exception without first and last frame");
	if (cJSON_HasObjectItem(item, "tolerance") && !take_u32(item, "tolerance", 255, &tolerance))
		return bad(err, "an exception's tolerance is not 0 to 255");
	exception->tolerance = tolerance;
	exception->target = take_string(item, "target");
	exception->fails = cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(item, "fails"));
	return read_ignore(cJSON_GetObjectItemCaseSensitive(item, "ignore"), exception, err);
}

static int read_exceptions(const cJSON *list, struct vgpu_golden *golden, struct vgpu_error *err)
{
	const cJSON *item;

	if (list == NULL)
		return 0;
	if (!cJSON_IsArray(list))
		return bad(err, "exceptions are not a list");
	golden->exceptions =
		calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*golden->exceptions));
	if (golden->exceptions == NULL)
		return vgpu_error_set(err, ENOMEM, "out of memory");
	cJSON_ArrayForEach(item, list)
	{
		int ret = read_exception(item, &golden->exceptions[golden->num_exceptions++], err);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int read_manifest(const cJSON *manifest, struct vgpu_golden *golden, struct vgpu_error *err)
{
	const cJSON *trace = cJSON_GetObjectItemCaseSensitive(manifest, "trace");
	uint64_t format;

	if (!take_count(manifest, "format", UINT64_MAX, &format))
		return bad(err, "not a golden manifest");
	if (format != VGPU_GOLDEN_FORMAT)
		return vgpu_error_set(err, EBADMSG, "format %llu, this program reads %d",
				      (unsigned long long)format, VGPU_GOLDEN_FORMAT);
	golden->trace = take_string(trace, "file");
	golden->confirmed_by = take_string(manifest, "confirmed_by");
	if (golden->trace == NULL || !take_hash(trace, "xxh3_128", &golden->trace_hash))
		return bad(err, "no trace with file and xxh3_128");
	if (golden->confirmed_by == NULL)
		return bad(err, "not confirmed by an independent device");
	int ret = read_frames(cJSON_GetObjectItemCaseSensitive(manifest, "frames"), golden, err);
	if (ret == 0)
		ret = read_exceptions(cJSON_GetObjectItemCaseSensitive(manifest, "exceptions"),
				      golden, err);
	return ret;
}

struct vgpu_golden *vgpu_golden_load(const char *folder, int *status, struct vgpu_error *err)
{
	struct vgpu_error what;
	char path[4096];

	if (snprintf(path, sizeof(path), "%s/" VGPU_GOLDEN_MANIFEST, folder) >= (int)sizeof(path)) {
		*status = vgpu_error_set(err, ENAMETOOLONG, "%s: name too long", folder);
		return NULL;
	}
	char *text = vgpu_text_file_read(path, MANIFEST_MAX, status);
	if (text == NULL) {
		vgpu_error_set(err, -*status, "%s: %s", path,
			       *status == -EFBIG ? "too large" : strerror(-*status));
		return NULL;
	}
	cJSON *manifest = cJSON_Parse(text);
	free(text);
	struct vgpu_golden *golden = calloc(1, sizeof(*golden));
	*status = golden == NULL     ? vgpu_error_set(&what, ENOMEM, "out of memory")
		  : manifest == NULL ? bad(&what, "not JSON")
				     : read_manifest(manifest, golden, &what);
	cJSON_Delete(manifest);
	if (*status == 0)
		return golden;
	vgpu_golden_free(golden);
	vgpu_error_set(err, -*status, "%s: %s", path, what.text);
	return NULL;
}

/* ---- writing --------------------------------------------------------------------- */

static void add_hash(cJSON *object, const char *name, const struct vgpu_frame_hash *hash)
{
	char text[VGPU_FRAME_HASH_TEXT];

	vgpu_frame_hash_text(hash, text);
	cJSON_AddStringToObject(object, name, text);
}

static cJSON *frame_json(const struct vgpu_golden_frame *frame)
{
	cJSON *item = cJSON_CreateObject();

	cJSON_AddNumberToObject(item, "number", (double)frame->number);
	cJSON_AddNumberToObject(item, "scanout", frame->scanout_id);
	cJSON_AddNumberToObject(item, "width", frame->width);
	cJSON_AddNumberToObject(item, "height", frame->height);
	add_hash(item, "hash", &frame->hash);
	if (frame->png != NULL)
		cJSON_AddStringToObject(item, "png", frame->png);
	return item;
}

static cJSON *exception_json(const struct vgpu_golden_exception *exception)
{
	cJSON *item = cJSON_CreateObject();

	cJSON_AddNumberToObject(item, "first", (double)exception->first);
	cJSON_AddNumberToObject(item, "last", (double)exception->last);
	if (exception->target != NULL)
		cJSON_AddStringToObject(item, "target", exception->target);
	if (exception->tolerance != 0)
		cJSON_AddNumberToObject(item, "tolerance", exception->tolerance);
	cJSON *list = exception->num_ignore != 0 ? cJSON_AddArrayToObject(item, "ignore") : NULL;
	for (size_t i = 0; i < exception->num_ignore; i++) {
		const struct vgpu_rect *rect = &exception->ignore[i];
		cJSON *member = cJSON_CreateObject();
		cJSON_AddNumberToObject(member, "x", rect->x);
		cJSON_AddNumberToObject(member, "y", rect->y);
		cJSON_AddNumberToObject(member, "width", rect->width);
		cJSON_AddNumberToObject(member, "height", rect->height);
		cJSON_AddItemToArray(list, member);
	}
	if (exception->fails)
		cJSON_AddTrueToObject(item, "fails");
	cJSON_AddStringToObject(item, "reason", exception->reason);
	return item;
}

/* Writes and frees an item; false if there was no memory for it. */
static bool put(FILE *file, const char *before, cJSON *item, const char *after)
{
	char *text = cJSON_PrintUnformatted(item);

	cJSON_Delete(item);
	if (text != NULL)
		fprintf(file, "%s%s%s", before, text, after);
	cJSON_free(text);
	return text != NULL;
}

/* One line per frame, so that a change of the set reads well as a diff. */
static bool write_manifest(const struct vgpu_golden *golden, FILE *file)
{
	cJSON *trace = cJSON_CreateObject();

	cJSON_AddStringToObject(trace, "file", golden->trace);
	add_hash(trace, "xxh3_128", &golden->trace_hash);
	fprintf(file, "{\n\t\"format\": %d,\n", VGPU_GOLDEN_FORMAT);
	bool whole = put(file, "\t\"trace\": ", trace, ",\n") &&
		     put(file, "\t\"confirmed_by\": ", cJSON_CreateString(golden->confirmed_by),
			 ",\n\t\"frames\": [");
	for (size_t i = 0; whole && i < golden->num_frames; i++)
		whole = put(file, i == 0 ? "\n\t\t" : ",\n\t\t", frame_json(&golden->frames[i]),
			    "");
	fprintf(file, "\n\t]");
	if (golden->num_exceptions > 0)
		fprintf(file, ",\n\t\"exceptions\": [");
	for (size_t i = 0; whole && i < golden->num_exceptions; i++)
		whole = put(file, i == 0 ? "\n\t\t" : ",\n\t\t",
			    exception_json(&golden->exceptions[i]), "");
	fprintf(file, "%s\n}\n", golden->num_exceptions > 0 ? "\n\t]" : "");
	return whole;
}

int vgpu_golden_save(const struct vgpu_golden *golden, const char *folder, struct vgpu_error *err)
{
	struct vgpu_out_file out;
	char path[4096];

	if (snprintf(path, sizeof(path), "%s/" VGPU_GOLDEN_MANIFEST, folder) >= (int)sizeof(path))
		return vgpu_error_set(err, ENAMETOOLONG, "%s: name too long", folder);
	int ret = vgpu_out_file_open(&out, path, err);
	if (ret < 0)
		return ret;
	if (write_manifest(golden, out.file))
		return vgpu_out_file_close(&out, err);
	vgpu_out_file_abandon(&out);
	return vgpu_error_set(err, ENOMEM, "%s: out of memory", path);
}
