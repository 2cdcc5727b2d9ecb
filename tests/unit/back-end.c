/* SPDX-License-Identifier: MIT */
#include "back-end.h"

#include "scene.h"
#include "unit.h"

#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define PREFIX "vhost-user:"

struct back_end {
	char *folder, *path;
	char spec[160];
	pthread_t thread;
	int stop;
	atomic_uint connections;
	/* One of them. */
	struct vgpu_mem_map *memory;
	struct vgpu_device *device;
	struct vgpu_vhost_user *server;

	int listen_fd;
	void (*talk)(int fd, void *opaque);
	void *opaque;
};

static void *serve(void *opaque)
{
	struct back_end *back_end = opaque;

	while (vgpu_vhost_user_run(back_end->server, -1, back_end->stop) != 1)
		;
	return NULL;
}

static void *talk(void *opaque)
{
	struct back_end *back_end = opaque;
	struct pollfd fds[2] = {{.fd = back_end->stop, .events = POLLIN},
				{.fd = back_end->listen_fd, .events = POLLIN}};

	while (poll(fds, 2, -1) > 0 && fds[0].revents == 0) {
		int fd = accept4(back_end->listen_fd, NULL, NULL, SOCK_CLOEXEC);

		if (fd < 0)
			continue;
		atomic_fetch_add(&back_end->connections, 1);
		back_end->talk(fd, back_end->opaque);
		close(fd);
	}
	return NULL;
}

static struct back_end *make(void)
{
	struct back_end *back_end = calloc(1, sizeof(*back_end));

	CU_ASSERT_PTR_NOT_NULL_FATAL(back_end);
	back_end->folder = scene_folder();
	back_end->path = scene_path(back_end->folder, "socket");
	back_end->listen_fd = -1;
	back_end->stop = eventfd(0, EFD_CLOEXEC);
	snprintf(back_end->spec, sizeof(back_end->spec), PREFIX "%s", back_end->path);
	return back_end;
}

struct back_end *back_end_start(unsigned int num_scanouts)
{
	struct back_end *back_end = make();
	struct vgpu_device_options options = {
		.num_scanouts = num_scanouts,
		.outputs = {{.rect = {.width = 64, .height = 48}, .enabled = true}}};

	back_end->memory = vgpu_mem_map_new();
	options.memory = vgpu_mem_map_memory(back_end->memory);
	back_end->device = vgpu_device_new(&options);
	back_end->server = vgpu_vhost_user_new(&(struct vgpu_vhost_user_options){
		.device = back_end->device, .memory = back_end->memory, .ask_front_end = true});
	CU_ASSERT_PTR_NOT_NULL_FATAL(back_end->server);
	CU_ASSERT_EQUAL_FATAL(vgpu_vhost_user_listen(back_end->server, back_end->path, NULL), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&back_end->thread, NULL, serve, back_end), 0);
	return back_end;
}

struct back_end *back_end_start_talk(void (*say)(int fd, void *opaque), void *opaque)
{
	struct back_end *back_end = make();
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	back_end->talk = say;
	back_end->opaque = opaque;
	snprintf(address.sun_path, sizeof(address.sun_path), "%s", back_end->path);
	back_end->listen_fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(
		bind(back_end->listen_fd, (struct sockaddr *)&address, sizeof(address)), 0);
	CU_ASSERT_EQUAL_FATAL(listen(back_end->listen_fd, 4), 0);
	CU_ASSERT_EQUAL_FATAL(pthread_create(&back_end->thread, NULL, talk, back_end), 0);
	return back_end;
}

void back_end_stop(struct back_end *back_end)
{
	eventfd_write(back_end->stop, 1);
	pthread_join(back_end->thread, NULL);
	if (back_end->server != NULL) {
		vgpu_vhost_user_free(back_end->server);
		vgpu_device_free(back_end->device);
		vgpu_mem_map_free(back_end->memory);
	}
	if (back_end->listen_fd >= 0)
		close(back_end->listen_fd);
	close(back_end->stop);
	unlink(back_end->path);
	free(back_end->path);
	scene_folder_remove(back_end->folder);
	free(back_end);
}

const char *back_end_spec(const struct back_end *back_end)
{
	return back_end->spec;
}

unsigned int back_end_connections(const struct back_end *back_end)
{
	return atomic_load(&back_end->connections);
}
