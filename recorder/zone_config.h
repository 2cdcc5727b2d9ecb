/* SPDX-License-Identifier: MIT */
/*
 * hvisor-tool's two configuration files, as far as a zone's gpu needs them: the
 * virtio daemon's and the zone's. Everything wrong in them is told, not only the
 * first, each with the path of the field and what was expected.
 */
#ifndef VGPU_ZONE_CONFIG_H
#define VGPU_ZONE_CONFIG_H

#include "vgpu.h"

struct vgpu_zone_config {
	uint32_t zone_id;
	struct vgpu_hvisor_region regions[VGPU_HVISOR_MAX_REGIONS];
	unsigned int num_regions;
	uint64_t base, len; /* of the gpu's registers */
	uint32_t irq;
	uint32_t width, height; /* 0: the file does not say */
};

/* Told one sentence at a time, with file and field, without a newline. */
struct vgpu_zone_report {
	void (*tell)(void *opaque, bool error, const char *line);
	void *opaque;
	unsigned int errors; /* counted here */
};

/* "zone1" or "1". False for anything else, such as a zone's name. */
bool vgpu_zone_parse_id(const char *text, uint32_t *id);

/*
 * Reads the daemon's file. 0; -ENOENT if the file has no such zone or the zone
 * no gpu (which is told unless quiet); -EINVAL if something was wrong.
 */
int vgpu_zone_config_load(struct vgpu_zone_config *config, const char *path, uint32_t zone_id,
			  bool quiet, struct vgpu_zone_report *report);
/* The id of the zone in a zone's file. 0 or -EINVAL, told. */
int vgpu_zone_file_id(const char *path, uint32_t *id, struct vgpu_zone_report *report);
/* Holds the configuration against the zone's file. 0, or -EINVAL if it would not work. */
int vgpu_zone_config_check(const struct vgpu_zone_config *config, const char *path,
			   struct vgpu_zone_report *report);

#endif
