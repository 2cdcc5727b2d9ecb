/* SPDX-License-Identifier: MIT */
#include "zone_config.h"

#include "command_line.h"
#include "text_file.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* No configuration is longer; more is another kind of file. */
#define FILE_MAX      (1u << 20)
#define ZONE_MAX      32
#define PATH_MAX_TEXT 128

struct context {
	const char *file;
	struct vgpu_zone_report *report;
};

static void tell(const struct context *context, bool error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void tell(const struct context *context, bool error, const char *format, ...)
{
	char text[512], line[1024];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	snprintf(line, sizeof(line), "%s: %s", context->file, text);
	/* What is quoted from a file must not end the line or steer a terminal. */
	for (char *at = line; *at != '\0'; at++)
		if (iscntrl((unsigned char)*at))
			*at = '?';
	context->report->errors += error;
	context->report->tell(context->report->opaque, error, line);
}

static cJSON *load(const struct context *context)
{
	const char *end = NULL;
	int status;
	char *text = vgpu_text_file_read(context->file, FILE_MAX, &status);
	cJSON *root = text != NULL ? cJSON_ParseWithOpts(text, &end, true) : NULL;

	if (text == NULL) {
		tell(context, true, "%s", status == -EFBIG ? "too long" : strerror(-status));
	} else if (root == NULL) {
		int line = 1;

		for (const char *at = text; end != NULL && at < end; at++)
			line += *at == '\n';
		tell(context, true, "line %d: not JSON", line);
	} else if (!cJSON_IsObject(root)) {
		tell(context, true, "want an object");
		cJSON_Delete(root);
		root = NULL;
	}
	free(text);
	return root;
}

/* A number, or a string as C writes one: hvisor-tool takes both. */
static bool to_number(const cJSON *item, uint64_t *value)
{
	char *end;

	if (cJSON_IsNumber(item)) {
		if (item->valuedouble < 0 || item->valuedouble > 9007199254740992.0 ||
		    item->valuedouble != floor(item->valuedouble))
			return false;
		*value = (uint64_t)item->valuedouble;
		return true;
	}
	if (!cJSON_IsString(item) || item->valuestring[0] < '0' || item->valuestring[0] > '9')
		return false;
	errno = 0;
	*value = strtoull(item->valuestring, &end, 0);
	return errno == 0 && *end == '\0';
}

/* Reads field name of object, which is at path. Tells what is wrong with it. */
static uint64_t number_at(const struct context *context, const cJSON *object, const char *path,
			  const char *name, uint64_t max)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);
	uint64_t value = 0;

	if (item == NULL)
		tell(context, true, "%s.%s: missing", path, name);
	else if (!to_number(item, &value))
		tell(context, true, "%s.%s: want a number, or a string such as \"0x1000\"", path,
		     name);
	else if (value > max)
		tell(context, true, "%s.%s: want at most %llu, got %llu", path, name,
		     (unsigned long long)max, (unsigned long long)value);
	else
		return value;
	return 0;
}

static const cJSON *array_at(const struct context *context, const cJSON *object, const char *path,
			     const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	if (cJSON_IsArray(item))
		return item;
	tell(context, true, "%s%s%s: %s", path, *path != '\0' ? "." : "", name,
	     item == NULL ? "missing" : "want an array");
	return NULL;
}

static const char *string_at(const cJSON *object, const char *name)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(object, name);

	return cJSON_IsString(item) ? item->valuestring : "";
}

bool vgpu_zone_parse_id(const char *text, uint32_t *id)
{
	uint64_t value;

	if (strncmp(text, "zone", 4) == 0)
		text += 4;
	if (!vgpu_number(text, 0, ZONE_MAX - 1, &value))
		return false;
	*id = (uint32_t)value;
	return true;
}

/* ---- the daemon's file --------------------------------------------------------------- */

static void load_memory(const struct context *context, struct vgpu_zone_config *config,
			const cJSON *zone, const char *path)
{
	const cJSON *list = array_at(context, zone, path, "memory_region");
	const cJSON *item;
	int index = 0;

	cJSON_ArrayForEach(item, list)
	{
		char at[PATH_MAX_TEXT];

		snprintf(at, sizeof(at), "%s.memory_region[%d]", path, index++);
		if (config->num_regions == VGPU_HVISOR_MAX_REGIONS) {
			tell(context, true, "%s: more than %d", at, VGPU_HVISOR_MAX_REGIONS);
			return;
		}
		config->regions[config->num_regions++] = (struct vgpu_hvisor_region){
			.zone0_ipa = number_at(context, item, at, "zone0_ipa", UINT64_MAX),
			.zonex_ipa = number_at(context, item, at, "zonex_ipa", UINT64_MAX),
			.size = number_at(context, item, at, "size", UINT64_MAX),
		};
	}
	if (list != NULL && index == 0)
		tell(context, true, "%s.memory_region: empty", path);
}

static void load_gpu(const struct context *context, struct vgpu_zone_config *config,
		     const cJSON *device, const char *path)
{
	config->base = number_at(context, device, path, "addr", UINT64_MAX);
	config->len = number_at(context, device, path, "len", UINT32_MAX);
	config->irq = (uint32_t)number_at(context, device, path, "irq", 1023);
	if (config->len != 0 && config->len < 0x200)
		tell(context, true, "%s.len: want 0x200 or more, got 0x%llx", path,
		     (unsigned long long)config->len);
	/* Interrupts below 32 belong to a CPU. */
	if (config->irq != 0 && config->irq < 32)
		tell(context, true, "%s.irq: want 32 or more (the SPI's number + 32), got %u", path,
		     config->irq);
	if (cJSON_GetObjectItemCaseSensitive(device, "width") == NULL &&
	    cJSON_GetObjectItemCaseSensitive(device, "height") == NULL)
		return;
	config->width = (uint32_t)number_at(context, device, path, "width", 16384);
	config->height = (uint32_t)number_at(context, device, path, "height", 16384);
}

/* Returns whether there is a gpu. */
static bool load_devices(const struct context *context, struct vgpu_zone_config *config,
			 const cJSON *zone, const char *path)
{
	const cJSON *list = array_at(context, zone, path, "devices");
	const cJSON *item;
	bool found = false;
	int index = 0;

	cJSON_ArrayForEach(item, list)
	{
		const char *type = string_at(item, "type");
		char at[PATH_MAX_TEXT];

		snprintf(at, sizeof(at), "%s.devices[%d]", path, index++);
		if (strcmp(string_at(item, "status"), "disable") == 0)
			continue;
		if (*type == '\0') {
			tell(context, true, "%s.type: want a string such as \"gpu\"", at);
		} else if (strcmp(type, "gpu") != 0) {
			tell(context, false, "%s: a %s device is not served: its registers read 0",
			     at, type);
		} else if (found) {
			tell(context, true, "%s: a second gpu", at);
		} else {
			load_gpu(context, config, item, at);
			found = true;
		}
	}
	return found;
}

static const cJSON *find_zone(const struct context *context, const cJSON *root, uint32_t zone_id,
			      char path[PATH_MAX_TEXT])
{
	const cJSON *zones = array_at(context, root, "", "zones");
	const cJSON *zone;
	int index = 0;

	cJSON_ArrayForEach(zone, zones)
	{
		snprintf(path, PATH_MAX_TEXT, "zones[%d]", index++);
		if (number_at(context, zone, path, "id", ZONE_MAX - 1) == zone_id)
			return zone;
	}
	return NULL;
}

int vgpu_zone_config_load(struct vgpu_zone_config *config, const char *path, uint32_t zone_id,
			  bool quiet, struct vgpu_zone_report *report)
{
	const struct context context = {.file = path, .report = report};
	unsigned int errors = report->errors;
	char at[PATH_MAX_TEXT] = "";
	cJSON *root = load(&context);
	bool found = false;

	*config = (struct vgpu_zone_config){.zone_id = zone_id};
	const cJSON *zone = root != NULL ? find_zone(&context, root, zone_id, at) : NULL;
	if (zone != NULL) {
		found = load_devices(&context, config, zone, at);
		if (found)
			load_memory(&context, config, zone, at);
	}
	if (root != NULL && !found && !quiet)
		tell(&context, true, "%s: no gpu for zone %u", zone != NULL ? at : "zones",
		     zone_id);
	cJSON_Delete(root);
	if (root != NULL && !found)
		return -ENOENT;
	return report->errors != errors ? -EINVAL : 0;
}

/* ---- the zone's file ------------------------------------------------------------------- */

int vgpu_zone_file_id(const char *path, uint32_t *id, struct vgpu_zone_report *report)
{
	const struct context context = {.file = path, .report = report};
	unsigned int errors = report->errors;
	cJSON *root = load(&context);

	if (root == NULL)
		return -EINVAL;
	*id = (uint32_t)number_at(&context, root, "zone", "zone_id", ZONE_MAX - 1);
	cJSON_Delete(root);
	return report->errors != errors ? -EINVAL : 0;
}

#define MAX_REGIONS 64

struct region {
	const char *type;
	uint64_t physical, virtual, size;
};

struct region_list {
	struct region list[MAX_REGIONS];
	unsigned int num;
};

static void load_regions(const struct context *context, const cJSON *root,
			 struct region_list *regions)
{
	const cJSON *item;

	cJSON_ArrayForEach(item, array_at(context, root, "", "memory_regions"))
	{
		char at[PATH_MAX_TEXT];

		snprintf(at, sizeof(at), "memory_regions[%u]", regions->num);
		if (regions->num == MAX_REGIONS) {
			tell(context, true, "%s: more than %d", at, MAX_REGIONS);
			return;
		}
		regions->list[regions->num++] = (struct region){
			.type = string_at(item, "type"),
			.physical = number_at(context, item, at, "physical_start", UINT64_MAX),
			.virtual = number_at(context, item, at, "virtual_start", UINT64_MAX),
			.size = number_at(context, item, at, "size", UINT64_MAX),
		};
	}
}

static bool within(uint64_t base, uint64_t size, uint64_t outer, uint64_t outer_size)
{
	return base >= outer && size <= outer_size && base - outer <= outer_size - size;
}

static bool is_ram(const struct region_list *regions, const struct vgpu_hvisor_region *wanted)
{
	for (unsigned int i = 0; i < regions->num; i++) {
		const struct region *region = &regions->list[i];

		if (strcmp(region->type, "ram") == 0 &&
		    within(wanted->zonex_ipa, wanted->size, region->virtual, region->size) &&
		    wanted->zone0_ipa - region->physical == wanted->zonex_ipa - region->virtual)
			return true;
	}
	return false;
}

/* hvisor goes by physical_start and ignores virtual_start here. */
static bool is_virtio(const struct region_list *regions, uint64_t base, uint64_t len)
{
	for (unsigned int i = 0; i < regions->num; i++)
		if (strcmp(regions->list[i].type, "virtio") == 0 &&
		    within(base, len, regions->list[i].physical, regions->list[i].size))
			return true;
	return false;
}

static void check_regions(const struct context *context, const cJSON *root,
			  const struct vgpu_zone_config *config)
{
	struct region_list regions = {.num = 0};

	load_regions(context, root, &regions);
	for (unsigned int i = 0; i < config->num_regions; i++) {
		const struct vgpu_hvisor_region *region = &config->regions[i];

		if (!is_ram(&regions, region))
			tell(context, true,
			     "memory_regions: no \"ram\" has the zone's memory 0x%llx at 0x%llx, "
			     "0x%llx bytes",
			     (unsigned long long)region->zonex_ipa,
			     (unsigned long long)region->zone0_ipa,
			     (unsigned long long)region->size);
	}
	if (!is_virtio(&regions, config->base, config->len))
		tell(context, true,
		     "memory_regions: no region of type \"virtio\" has the gpu at 0x%llx",
		     (unsigned long long)config->base);
}

static void check_interrupt(const struct context *context, const cJSON *root, uint32_t irq)
{
	const cJSON *list = array_at(context, root, "", "interrupts");
	const cJSON *item;
	uint64_t value;

	cJSON_ArrayForEach(item, list)
	{
		if (to_number(item, &value) && value == irq)
			return;
	}
	if (list != NULL)
		tell(context, true, "interrupts: lacks the gpu's, %u", irq);
}

int vgpu_zone_config_check(const struct vgpu_zone_config *config, const char *path,
			   struct vgpu_zone_report *report)
{
	const struct context context = {.file = path, .report = report};
	unsigned int errors = report->errors;
	cJSON *root = load(&context);

	if (root == NULL)
		return -EINVAL;
	uint64_t id = number_at(&context, root, "zone", "zone_id", ZONE_MAX - 1);
	if (id != config->zone_id)
		tell(&context, true, "zone_id: is %llu, but the gpu is for zone %u",
		     (unsigned long long)id, config->zone_id);
	check_regions(&context, root, config);
	check_interrupt(&context, root, config->irq);
	if (cJSON_GetObjectItemCaseSensitive(root, "pci_config") == NULL)
		tell(&context, true,
		     "pci_config: missing; hvisor-tool v0.5 starts no zone without it ([] will "
		     "do)");
	cJSON_Delete(root);
	return report->errors != errors ? -EINVAL : 0;
}
