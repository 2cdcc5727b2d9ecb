/* SPDX-License-Identifier: MIT */
/*
 * No memory, at every place in turn: what was begun is given back, an error comes
 * with a sentence, and nothing ends the process. The device is cve-test.c's.
 */
#include "allocation.h"
#include "bus/vhost_user.h"
#include "golden/golden.h"
#include "player.h"
#include "scene.h"
#include "trace_tools.h"
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

extern const struct unit_suite no_memory_suite;

/* More allocations than any of these makes before it only does more of the same. */
#define PLACES 400u

/* Returns whether it could be done; a failure has said why. */
typedef bool task_fn(void *opaque);

static void fail_everywhere(task_fn *task, void *opaque)
{
	bool failed = true;

	/* What a library keeps for good is there from now on. */
	CU_ASSERT_TRUE(task(opaque));
	for (unsigned int at = 0; failed && at < PLACES; at++) {
		long before = allocation_live();

		allocation_fail_after(at);
		bool done = task(opaque);
		failed = allocation_end();
		if (allocation_live() != before || (!failed && !done)) {
			printf("allocation %u: %ld left\n", at, allocation_live() - before);
			CU_FAIL("all is given back");
		}
	}
}

static bool has_reason(const struct vgpu_error *err)
{
	CU_ASSERT_NOT_EQUAL(strlen(err->text), 0);
	return false;
}

static bool read_all(void *opaque)
{
	struct vgpu_error err = {.text = ""};
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(opaque, &err);
	struct vgpu_trace_record record;
	int ret = 0;

	if (reader == NULL)
		return has_reason(&err);
	while ((ret = vgpu_trace_reader_next(reader, &record, &err)) > 0)
		continue;
	vgpu_trace_reader_close(reader);
	return ret == 0 || has_reason(&err);
}

static bool play_on(struct vgpu_player *player, struct vgpu_error *err)
{
	static const struct vgpu_player_events events = {.answer = NULL};
	struct vgpu_target_options options;

	vgpu_player_target_options(player, &options);
	struct vgpu_target *target = vgpu_target_open("builtin", &options, err);
	if (target == NULL)
		return has_reason(err);
	enum vgpu_player_end end = vgpu_player_play(player, target, &events, NULL, err);
	target->ops->close(target);
	return end == VGPU_PLAYER_DONE || has_reason(err);
}

static bool play_all(void *opaque)
{
	struct vgpu_error err = {.text = ""};
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(opaque, &err);

	if (reader == NULL)
		return has_reason(&err);
	struct vgpu_player *player = vgpu_player_new(reader, &err);
	bool done = player != NULL ? play_on(player, &err) : has_reason(&err);
	vgpu_player_free(player);
	vgpu_trace_reader_close(reader);
	return done;
}

static bool print_info(void *opaque)
{
	const struct vgpu_trace_tool_options options = {.json = false};
	struct vgpu_error err = {.text = ""};
	FILE *nowhere = fopen("/dev/null", "we");

	if (nowhere == NULL)
		return true;
	int ret = vgpu_trace_info(opaque, &options, nowhere, &err);
	fclose(nowhere);
	return ret == 0 || has_reason(&err);
}

static char trace[] = "traces/ruxos_boot.trace";

static void a_reader_without_memory(void)
{
	fail_everywhere(read_all, trace);
}

static void a_player_without_memory(void)
{
	fail_everywhere(play_all, trace);
}

/* Nor of a trace that ends with what it takes. */
static void a_player_of_a_summary_without_memory(void)
{
	char *folder = scene_folder(), *path = scene_path(folder, "scene.trace");

	CU_ASSERT_TRUE_FATAL(scene_record(path));
	fail_everywhere(play_all, path);
	free(path);
	scene_folder_remove(folder);
}

static void a_report_without_memory(void)
{
	fail_everywhere(print_info, trace);
}

static bool load_golden(void *opaque)
{
	struct vgpu_error err = {.text = ""};
	int status = 0;
	struct vgpu_golden *golden = vgpu_golden_load(opaque, &status, &err);

	if (golden == NULL)
		return has_reason(&err);
	vgpu_golden_free(golden);
	return true;
}

static void a_golden_set_without_memory(void)
{
	fail_everywhere(load_golden, "golden/ruxos_boot");
}

static bool serve(struct vgpu_device *device, struct vgpu_mem_map *map)
{
	const struct vgpu_vhost_user_options options = {.device = device, .memory = map};
	struct vgpu_vhost_user *server = vgpu_vhost_user_new(&options);
	int pair[2];

	if (server == NULL)
		return false;
	CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
	CU_ASSERT_EQUAL(vgpu_vhost_user_attach(server, pair[1], NULL), 0);
	vgpu_vhost_user_run(server, 0, -1);
	vgpu_vhost_user_free(server);
	close(pair[0]);
	return true;
}

static bool make_server(void *opaque)
{
	struct vgpu_device_options options = {.num_scanouts = 1};
	struct vgpu_mem_map *map = vgpu_mem_map_new();
	bool done = false;

	(void)opaque;
	if (map == NULL)
		return false;
	options.memory = vgpu_mem_map_memory(map);
	struct vgpu_device *device = vgpu_device_new(&options);
	if (device != NULL)
		done = serve(device, map);
	vgpu_device_free(device);
	vgpu_mem_map_free(map);
	return done;
}

static void a_server_without_memory(void)
{
	fail_everywhere(make_server, NULL);
}

static const struct unit_test tests[] = {
	{"a reader without memory", a_reader_without_memory},
	{"a player without memory", a_player_without_memory},
	{"a player of a summary without memory", a_player_of_a_summary_without_memory},
	{"a report without memory", a_report_without_memory},
	{"a golden set without memory", a_golden_set_without_memory},
	{"a server without memory", a_server_without_memory},
	{NULL, NULL},
};

const struct unit_suite no_memory_suite = {"no-memory", tests};
