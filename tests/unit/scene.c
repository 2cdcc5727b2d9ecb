/* SPDX-License-Identifier: MIT */
#include "scene.h"

#include "driver.h"
#include "recorder.h"
#include "unit.h"

#include <dirent.h>
#include <endian.h>
#include <linux/virtio_config.h>
#include <linux/virtio_gpu.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define ARENA	     0x10000
#define BACKING	     0x40000 /* first byte in target memory that pictures use */
#define MEMORY	     0x200000
#define RESPONSE_MAX 1056

struct scene {
	struct vgpu_target *target;
	struct vgpu_driver driver;
	struct vgpu_error err;
	uint16_t head;
	bool failed;
};

/* ---- files ---------------------------------------------------------------------------- */

char *scene_folder(void)
{
	char *folder = strdup("/tmp/vgpu-test-XXXXXX");

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(folder));
	return folder;
}

char *scene_path(const char *folder, const char *name)
{
	char *path = NULL;

	CU_ASSERT_FATAL(asprintf(&path, "%s/%s", folder, name) > 0);
	return path;
}

static void remove_tree(const char *path)
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	while (dir != NULL && (entry = readdir(dir)) != NULL) {
		if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
			continue;
		char *child = scene_path(path, entry->d_name);
		if (unlink(child) < 0)
			remove_tree(child);
		free(child);
	}
	if (dir != NULL)
		closedir(dir);
	rmdir(path);
}

void scene_folder_remove(char *folder)
{
	remove_tree(folder);
	free(folder);
}

/* ---- requests --------------------------------------------------------------------------- */

static void submit(struct scene *scene, struct vgpu_driver_request *request)
{
	struct vgpu_driver_answer answer;

	if (scene->failed)
		return;
	request->head = scene->head++ % 8;
	scene->failed = vgpu_driver_submit(&scene->driver, request, &answer, &scene->err) < 0;
}

/* A readable and a writable descriptor, as most drivers have it. */
static void send(struct scene *scene, const void *bytes, uint32_t len)
{
	const struct vgpu_chain_desc descs[] = {{len, false}, {RESPONSE_MAX, true}};

	submit(scene, &(struct vgpu_driver_request){
			      .descs = descs,
			      .num_descs = 2,
			      .indirect_at = -1,
			      .bytes = bytes,
			      .len = len,
		      });
}

static struct virtio_gpu_ctrl_hdr header(uint32_t type)
{
	return (struct virtio_gpu_ctrl_hdr){.type = htole32(type)};
}

static void create(struct scene *scene, uint32_t id, uint32_t format, uint32_t width,
		   uint32_t height)
{
	const struct virtio_gpu_resource_create_2d request = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D),
		.resource_id = htole32(id),
		.format = htole32(format),
		.width = htole32(width),
		.height = htole32(height),
	};

	send(scene, &request, sizeof(request));
}

struct attach {
	struct virtio_gpu_resource_attach_backing request;
	struct virtio_gpu_mem_entry entries[3];
};

/* Three pieces that lie in memory in another order than in the resource. */
static struct attach make_attach(const struct scene *scene, uint32_t id, uint32_t offset,
				 uint32_t size)
{
	uint64_t base = scene->target->memory_gpa + BACKING + offset;
	uint32_t part = size / 4;

	return (struct attach){
		.request = {.hdr = header(VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING),
			    .resource_id = htole32(id),
			    .nr_entries = htole32(3)},
		.entries = {{.addr = htole64(base + 0x8000), .length = htole32(part)},
			    {.addr = htole64(base), .length = htole32(part)},
			    {.addr = htole64(base + 0x10010), .length = htole32(size - 2 * part)}},
	};
}

static void paint(const struct scene *scene, uint32_t offset, uint8_t seed)
{
	uint8_t *at = scene->target->memory + BACKING + offset;

	for (uint32_t i = 0; i < 0x20000; i++)
		at[i] = (uint8_t)(seed + i / 3 * 5 + (i >> 8));
}

static void set_scanout(struct scene *scene, uint32_t id, struct virtio_gpu_rect rect)
{
	const struct virtio_gpu_set_scanout request = {
		.hdr = header(VIRTIO_GPU_CMD_SET_SCANOUT),
		.r = rect,
		.resource_id = htole32(id),
	};

	send(scene, &request, sizeof(request));
}

static void transfer(struct scene *scene, uint32_t id, struct virtio_gpu_rect rect, uint64_t offset)
{
	const struct virtio_gpu_transfer_to_host_2d request = {
		.hdr = header(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D),
		.r = rect,
		.offset = htole64(offset),
		.resource_id = htole32(id),
	};

	send(scene, &request, sizeof(request));
}

static void flush(struct scene *scene, uint32_t id, struct virtio_gpu_rect rect, uint64_t fence)
{
	struct virtio_gpu_resource_flush request = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_FLUSH),
		.r = rect,
		.resource_id = htole32(id),
	};

	if (fence != 0) {
		request.hdr.flags = htole32(VIRTIO_GPU_FLAG_FENCE);
		request.hdr.fence_id = htole64(fence);
	}
	send(scene, &request, sizeof(request));
}

static struct virtio_gpu_rect rect(uint32_t x, uint32_t y, uint32_t width, uint32_t height)
{
	return (struct virtio_gpu_rect){htole32(x), htole32(y), htole32(width), htole32(height)};
}

static void cursor(struct scene *scene, uint32_t type, uint32_t id, bool room)
{
	const struct virtio_gpu_update_cursor request = {
		.hdr = header(type),
		.pos = {.x = htole32(7), .y = htole32(9)},
		.resource_id = htole32(id),
	};
	const struct vgpu_chain_desc descs[] = {{sizeof(request), false}, {24, true}};

	submit(scene, &(struct vgpu_driver_request){
			      .queue = VGPU_QUEUE_CURSOR,
			      .descs = descs,
			      .num_descs = room ? 2 : 1,
			      .indirect_at = -1,
			      .bytes = (const uint8_t *)&request,
			      .len = sizeof(request),
		      });
}

/* ---- the scene ------------------------------------------------------------------------------ */

static void start(struct scene *scene, uint64_t features, uint16_t control, uint16_t cursor_size)
{
	struct vgpu_driver *driver = &scene->driver;

	scene->failed = scene->failed || vgpu_driver_reset(driver, &scene->err) < 0 ||
			vgpu_driver_negotiate(driver, features, &scene->err) < 0 ||
			vgpu_driver_set_queue(driver, 0, control, &scene->err) < 0 ||
			vgpu_driver_set_queue(driver, 1, cursor_size, &scene->err) < 0 ||
			vgpu_driver_ok(driver, &scene->err) < 0;
}

static void ask(struct scene *scene)
{
	const struct virtio_gpu_ctrl_hdr info = header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	const struct virtio_gpu_cmd_get_edid edid = {.hdr = header(VIRTIO_GPU_CMD_GET_EDID)};

	send(scene, &info, sizeof(info));
	send(scene, &edid, sizeof(edid));
}

/* Whole, in part, and again without a change. */
static void first_picture(struct scene *scene)
{
	create(scene, 1, VIRTIO_GPU_FORMAT_B8G8R8X8_UNORM, 64, 48);
	const struct attach attach = make_attach(scene, 1, 0, 64 * 48 * 4);
	send(scene, &attach, sizeof(attach));
	set_scanout(scene, 1, rect(0, 0, 64, 48));
	paint(scene, 0, 1);
	transfer(scene, 1, rect(0, 0, 64, 48), 0);
	flush(scene, 1, rect(0, 0, 64, 48), 0);
	paint(scene, 0, 77);
	transfer(scene, 1, rect(16, 8, 32, 16), (8 * 64 + 16) * 4);
	flush(scene, 1, rect(16, 8, 32, 16), 17);
	flush(scene, 1, rect(0, 0, 64, 48), 0);
}

/* A list of entries in an indirect table, and a scanout that is a part. */
static void second_picture(struct scene *scene)
{
	const struct attach attach = make_attach(scene, 2, 0x40000, 80 * 60 * 4);
	const struct vgpu_chain_desc descs[] = {
		{sizeof(attach.request), false}, {sizeof(attach.entries), false}, {24, true}};

	create(scene, 2, VIRTIO_GPU_FORMAT_R8G8B8A8_UNORM, 80, 60);
	submit(scene, &(struct vgpu_driver_request){
			      .descs = descs,
			      .num_descs = 3,
			      .indirect_at = 0,
			      .bytes = (const uint8_t *)&attach,
			      .len = sizeof(attach),
		      });
	paint(scene, 0x40000, 5);
	transfer(scene, 2, rect(0, 0, 80, 60), 0);
	set_scanout(scene, 2, rect(8, 8, 40, 32));
	flush(scene, 2, rect(0, 0, 80, 60), 0);
}

static void use_cursor(struct scene *scene)
{
	const struct attach attach = make_attach(scene, 3, 0x80000, 64 * 64 * 4);

	create(scene, 3, VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM, 64, 64);
	send(scene, &attach, sizeof(attach));
	paint(scene, 0x80000, 9);
	transfer(scene, 3, rect(0, 0, 64, 64), 0);
	cursor(scene, VIRTIO_GPU_CMD_UPDATE_CURSOR, 3, false);
	cursor(scene, VIRTIO_GPU_CMD_MOVE_CURSOR, 3, true);
}

static void make_mistakes(struct scene *scene)
{
	struct attach again = make_attach(scene, 1, 0, 64 * 48 * 4);

	transfer(scene, 99, rect(0, 0, 1, 1), 0);
	/* Refused for two reasons, so that the address is never looked at. */
	again.entries[0].addr = htole64(0x123456789000);
	send(scene, &again, sizeof(again));
	transfer(scene, 1, rect(60, 0, 8, 8), 0);
}

/* The request in bytes, the answer in two pieces, the tail in an indirect table. */
static void cut_oddly(struct scene *scene)
{
	const struct virtio_gpu_ctrl_hdr info = header(VIRTIO_GPU_CMD_GET_DISPLAY_INFO);
	struct vgpu_chain_desc descs[sizeof(info) + 2];

	for (size_t i = 0; i < sizeof(info); i++)
		descs[i] = (struct vgpu_chain_desc){1, false};
	descs[sizeof(info)] = (struct vgpu_chain_desc){1, true};
	descs[sizeof(info) + 1] = (struct vgpu_chain_desc){407, true};
	struct vgpu_driver_request request = {
		.descs = descs,
		.num_descs = sizeof(info) + 2,
		.indirect_at = -1,
		.bytes = (const uint8_t *)&info,
		.len = sizeof(info),
	};
	submit(scene, &request);
	request.indirect_at = 5;
	submit(scene, &request);
}

static void clean_up(struct scene *scene)
{
	struct virtio_gpu_resource_detach_backing detach = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_DETACH_BACKING),
		.resource_id = htole32(1),
	};
	struct virtio_gpu_resource_unref unref = {
		.hdr = header(VIRTIO_GPU_CMD_RESOURCE_UNREF),
		.resource_id = htole32(1),
	};

	send(scene, &detach, sizeof(detach));
	send(scene, &unref, sizeof(unref));
	set_scanout(scene, 0, rect(0, 0, 0, 0));
}

static void play(struct scene *scene)
{
	start(scene,
	      1ull << VIRTIO_F_VERSION_1 | 1ull << VIRTIO_RING_F_INDIRECT_DESC |
		      1ull << VIRTIO_GPU_F_EDID,
	      64, 16);
	ask(scene);
	first_picture(scene);
	second_picture(scene);
	use_cursor(scene);
	make_mistakes(scene);
	cut_oddly(scene);
	clean_up(scene);
	/* Another driver, of the kind that accepts nothing. */
	start(scene, 0, 16, 8);
	first_picture(scene);
	if (scene->failed)
		fprintf(stderr, "scene: %s\n", scene->err.text);
}

bool scene_record(const char *path)
{
	struct vgpu_target_options options = {
		.memory_size = MEMORY,
		.num_scanouts = 1,
		.outputs = {{.rect = {.width = 640, .height = 480}, .enabled = true}},
	};
	const struct vgpu_trace_writer_options writer_options = {.metadata = "{\"by\":\"test\"}"};
	struct scene scene = {0};

	scene.target = vgpu_target_open("builtin", &options, &scene.err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(scene.target);
	struct vgpu_device *device = scene.target->ops->device(scene.target);
	struct vgpu_trace_writer *writer =
		vgpu_trace_writer_open(path, &writer_options, &scene.err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(writer);
	struct vgpu_recorder *recorder = vgpu_recorder_new(device, writer);
	CU_ASSERT_PTR_NOT_NULL_FATAL(recorder);
	vgpu_driver_init(&scene.driver, scene.target, ARENA);
	play(&scene);
	vgpu_recorder_free(recorder);
	int ret = vgpu_trace_writer_close(writer, vgpu_device_violations(device), &scene.err);
	vgpu_driver_fini(&scene.driver);
	scene.target->ops->close(scene.target);
	CU_ASSERT_EQUAL(ret, 0);
	CU_ASSERT_FALSE(scene.failed);
	return ret == 0 && !scene.failed;
}

/* ---- altered traces ----------------------------------------------------------------------------
 */

static bool close_writer(struct vgpu_trace_writer *writer)
{
	static const uint64_t violations[VGPU_NUM_VIOLATIONS];
	struct vgpu_error err;

	return vgpu_trace_writer_close(writer, violations, &err) == 0;
}

bool scene_alter(const char *from, const char *to,
		 bool (*change)(struct vgpu_trace_record *record, void *opaque), void *opaque)
{
	struct vgpu_error err;
	struct vgpu_trace_record record;
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(from, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(reader);
	const struct vgpu_trace_writer_options options = {
		.metadata = vgpu_trace_reader_metadata(reader),
	};
	struct vgpu_trace_writer *writer = vgpu_trace_writer_open(to, &options, &err);
	CU_ASSERT_PTR_NOT_NULL_FATAL(writer);
	int ret;

	while ((ret = vgpu_trace_reader_next(reader, &record, &err)) > 0)
		if (record.type != VGPU_TRACE_END && change(&record, opaque))
			vgpu_trace_writer_put(writer, &record);
	vgpu_trace_reader_close(reader);
	bool closed = close_writer(writer);
	CU_ASSERT_EQUAL(ret, 0);
	CU_ASSERT_TRUE(closed);
	return ret == 0 && closed;
}

bool scene_write(const char *path, const struct vgpu_trace_record *records, size_t count)
{
	struct vgpu_error err;
	const struct vgpu_trace_writer_options options = {0};
	struct vgpu_trace_writer *writer = vgpu_trace_writer_open(path, &options, &err);

	CU_ASSERT_PTR_NOT_NULL_FATAL(writer);
	for (size_t i = 0; i < count; i++)
		vgpu_trace_writer_put(writer, &records[i]);
	bool closed = close_writer(writer);
	CU_ASSERT_TRUE(closed);
	return closed;
}
