/* SPDX-License-Identifier: MIT */
#include "bench/bench.h"

#include <errno.h>
#include <stdlib.h>

int bench_serve(int fd)
{
	struct vgpu_mem_map *map = vgpu_mem_map_new();
	struct vgpu_device_options options = {
		.num_scanouts = 1,
		.outputs = {{.rect = {.width = 1280, .height = 800}, .enabled = true}},
	};
	struct vgpu_error err = {.text = "out of memory"};
	int ret = -ENOMEM;

	options.memory = vgpu_mem_map_memory(map);
	struct vgpu_device *device = map != NULL ? vgpu_device_new(&options) : NULL;
	struct vgpu_vhost_user *server =
		device != NULL ? vgpu_vhost_user_new(&(struct vgpu_vhost_user_options){
					 .device = device, .memory = map, .ask_front_end = true})
			       : NULL;
	if (server != NULL)
		ret = vgpu_vhost_user_attach(server, fd, &err);
	if (ret < 0)
		fprintf(stderr, "bench: %s\n", err.text);
	while (ret == 0 && vgpu_vhost_user_connected(server))
		ret = vgpu_vhost_user_run(server, -1, -1);
	vgpu_vhost_user_free(server);
	vgpu_device_free(device);
	vgpu_mem_map_free(map);
	return ret == -ECONNRESET ? 0 : 2;
}
