/* SPDX-License-Identifier: MIT */
#include "conformance/runner/requirements.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* clang-format off */
__asm__(".section .rodata\n"
	"requirements_json:\n"
	".incbin \"tests/conformance/requirements.json\"\n"
	".byte 0\n"
	".text\n");
/* clang-format on */
extern const char requirements_json[];

struct requirements {
	cJSON *json;
	struct requirement *rows;
	unsigned int count;
};

const char *requirement_level(unsigned int index)
{
	static const char *const levels[] = {"MUST", "SHOULD", "text", "robust", "open"};

	return index < sizeof(levels) / sizeof(levels[0]) ? levels[index] : NULL;
}

static const char *string_in(const cJSON *object, const char *name)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, name));
}

/* "XFR" of "VG-XFR-007", as the key of the areas has it. */
static const cJSON *area_of(const cJSON *areas, const char *id)
{
	const cJSON *area;

	if (strlen(id) != strlen("VG-XFR-007") || strncmp(id, "VG-", 3) != 0)
		return NULL;
	cJSON_ArrayForEach(area, areas)
	{
		if (strncmp(area->string, id + 3, 3) == 0)
			return area;
	}
	return NULL;
}

static int read_row(struct requirement *row, const cJSON *areas, const cJSON *object,
		    struct vgpu_error *err)
{
	row->id = string_in(object, "id");
	row->level = string_in(object, "level");
	row->text = string_in(object, "requirement");
	row->source = string_in(object, "source");
	row->check = string_in(object, "check");
	row->expected = string_in(object, "expected");
	row->no_vector = string_in(object, "no_vector");
	if (row->id == NULL || row->level == NULL || row->text == NULL || row->source == NULL)
		return vgpu_error_set(err, EBADMSG,
				      "a requirement without id, level, requirement "
				      "or source");
	const cJSON *area = area_of(areas, row->id);
	if (area == NULL)
		return vgpu_error_set(err, EBADMSG, "%s: no such area", row->id);
	row->area = area->string;
	row->area_name = cJSON_GetStringValue(area);
	return 0;
}

static int read_rows(struct requirements *requirements, struct vgpu_error *err)
{
	const cJSON *areas = cJSON_GetObjectItemCaseSensitive(requirements->json, "areas");
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(requirements->json, "requirements");
	const cJSON *object;
	int ret = 0;

	requirements->rows =
		calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*requirements->rows));
	if (requirements->rows == NULL)
		return vgpu_error_set(err, ENOMEM, "out of memory");
	cJSON_ArrayForEach(object, list)
	{
		if (ret < 0)
			break;
		ret = read_row(&requirements->rows[requirements->count++], areas, object, err);
	}
	return ret;
}

struct requirements *requirements_new(struct vgpu_error *err)
{
	struct requirements *requirements = calloc(1, sizeof(*requirements));

	if (requirements == NULL) {
		vgpu_error_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	requirements->json = cJSON_Parse(requirements_json);
	int ret = requirements->json == NULL
			  ? vgpu_error_set(err, EBADMSG, "requirements.json is no JSON")
			  : read_rows(requirements, err);
	if (ret == 0)
		return requirements;
	requirements_free(requirements);
	return NULL;
}

void requirements_free(struct requirements *requirements)
{
	if (requirements == NULL)
		return;
	cJSON_Delete(requirements->json);
	free(requirements->rows);
	free(requirements);
}

unsigned int requirements_count(const struct requirements *requirements)
{
	return requirements->count;
}

const struct requirement *requirements_at(const struct requirements *requirements,
					  unsigned int index)
{
	return &requirements->rows[index];
}

const struct requirement *requirements_find(const struct requirements *requirements, const char *id)
{
	for (unsigned int i = 0; i < requirements->count; i++)
		if (strcmp(requirements->rows[i].id, id) == 0)
			return &requirements->rows[i];
	return NULL;
}
