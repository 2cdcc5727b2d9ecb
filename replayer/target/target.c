/* SPDX-License-Identifier: MIT */
#include "target.h"

#include <errno.h>
#include <string.h>

static const struct vgpu_target_ops *const targets[] = {
	&vgpu_target_builtin,
	&vgpu_target_qemu,
	&vgpu_target_vhost_user,
};

const struct vgpu_target_ops *vgpu_target_at(unsigned int index)
{
	return index < sizeof(targets) / sizeof(targets[0]) ? targets[index] : NULL;
}

const struct vgpu_target_ops *vgpu_target_find(const char *spec, const char **argument)
{
	size_t len = strcspn(spec, ":");

	for (size_t i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		if (strlen(targets[i]->name) != len || strncmp(targets[i]->name, spec, len) != 0)
			continue;
		*argument = spec[len] == ':' ? spec + len + 1 : NULL;
		return targets[i];
	}
	return NULL;
}

struct vgpu_target *vgpu_target_open(const char *spec, struct vgpu_target_options *options,
				     struct vgpu_error *err)
{
	const struct vgpu_target_ops *ops = vgpu_target_find(spec, &options->argument);

	if (ops == NULL) {
		vgpu_error_set(err, EINVAL, "no target is called '%s'", spec);
		return NULL;
	}
	return ops->open(options, err);
}
