/* SPDX-License-Identifier: MIT */
/* The driver and the targets: what must hold of every one, and how QEMU can fail. */
#include "driver.h"
#include "target/ppm.h"
#include "unit.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_gpu.h>
#include <linux/virtio_ring.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

extern const struct unit_suite target_suite;

#define ARENA  0x20000
#define WIDTH  64
#define HEIGHT 48

struct bench {
	struct vgpu_target *target;
	struct vgpu_driver driver;
	struct vgpu_error err;
};

/* Whether the test has to be left out, which it says. */
static bool no_qemu(void)
{
	if (system("command -v \"${VGPU_QEMU:-qemu-system-aarch64}\" >/dev/null 2>&1") == 0)
		return false;
	printf(" (skipped: no qemu-system-aarch64 in PATH) ");
	return true;
}

/* cursors: to be looked at, with a cursor queue. */
static void open_bench_with(struct bench *bench, const char *spec, unsigned int num_scanouts,
			    bool cursors)
{
	struct vgpu_target_options options = {
		.memory_size = 1 << 20,
		.num_scanouts = num_scanouts,
		.outputs = {{.rect = {.width = WIDTH, .height = HEIGHT}, .enabled = true}},
		.cursors = cursors,
	};
	uint64_t offered;

	*bench = (struct bench){0};
	bench->target = vgpu_target_open(spec, &options, &bench->err);
	if (bench->target == NULL)
		fprintf(stderr, "%s\n", bench->err.text);
	CU_ASSERT_PTR_NOT_NULL_FATAL(bench->target);
	vgpu_driver_init(&bench->driver, bench->target, ARENA);
	CU_ASSERT_EQUAL(vgpu_driver_reset(&bench->driver, &bench->err), 0);
	CU_ASSERT_EQUAL(vgpu_driver_offered(&bench->driver, &offered, &bench->err), 0);
	CU_ASSERT_TRUE((offered & 1ull << VIRTIO_F_VERSION_1) != 0);
	CU_ASSERT_EQUAL(vgpu_driver_negotiate(&bench->driver,
					      offered & (1ull << VIRTIO_F_VERSION_1 |
							 1ull << VIRTIO_RING_F_INDIRECT_DESC),
					      &bench->err),
			0);
	CU_ASSERT_EQUAL(vgpu_driver_set_queue(&bench->driver, 0, 1024, &bench->err), 0);
	if (cursors)
		CU_ASSERT_EQUAL(vgpu_driver_set_queue(&bench->driver, 1, 16, &bench->err), 0);
	CU_ASSERT_EQUAL(vgpu_driver_ok(&bench->driver, &bench->err), 0);
}

static void open_bench(struct bench *bench, const char *spec)
{
	open_bench_with(bench, spec, 1, false);
}

static void close_bench(struct bench *bench)
{
	vgpu_driver_fini(&bench->driver);
	bench->target->ops->close(bench->target);
}

static int send_cut(struct bench *bench, const struct vgpu_chain_desc *descs,
		    unsigned int num_descs, int indirect_at, const void *bytes, uint64_t len,
		    struct vgpu_driver_answer *answer)
{
	return vgpu_driver_submit(&bench->driver,
				  &(struct vgpu_driver_request){
					  .head = 1000, /* so that chains wrap around the table */
					  .descs = descs,
					  .num_descs = num_descs,
					  .indirect_at = indirect_at,
					  .bytes = bytes,
					  .len = len,
				  },
				  answer, &bench->err);
}

static uint32_t send(struct bench *bench, const void *bytes, uint32_t len)
{
	const struct vgpu_chain_desc descs[] = {{len, false}, {24, true}};
	struct vgpu_driver_answer answer;
	uint32_t type = 0;

	CU_ASSERT_EQUAL(send_cut(bench, descs, 2, -1, bytes, len, &answer), 0);
	CU_ASSERT_EQUAL(answer.len, 24);
	memcpy(&type, answer.bytes, sizeof(type));
	return le32toh(type);
}

static void is_display_info(const struct vgpu_driver_answer *answer)
{
	struct virtio_gpu_resp_display_info info;

	CU_ASSERT_EQUAL(answer->used_len, sizeof(info));
	CU_ASSERT_EQUAL_FATAL(answer->len, sizeof(info));
	memcpy(&info, answer->bytes, sizeof(info));
	CU_ASSERT_EQUAL(le32toh(info.hdr.type), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
	CU_ASSERT_EQUAL(le32toh(info.pmodes[0].r.width), WIDTH);
	CU_ASSERT_EQUAL(le32toh(info.pmodes[0].r.height), HEIGHT);
	CU_ASSERT_EQUAL(le32toh(info.pmodes[0].enabled), 1);
}

/* 24 readable bytes and 408 writable ones, one by one: 432 descriptors. */
static void cuts_chains_to_bytes(struct bench *bench)
{
	const struct virtio_gpu_ctrl_hdr request = {.type = htole32(0x100)};
	struct vgpu_chain_desc descs[24 + 408];
	struct vgpu_driver_answer answer;

	for (unsigned int i = 0; i < 24 + 408; i++)
		descs[i] = (struct vgpu_chain_desc){1, i >= 24};
	CU_ASSERT_EQUAL(send_cut(bench, descs, 24 + 408, -1, &request, 24, &answer), 0);
	is_display_info(&answer);
	CU_ASSERT_EQUAL(send_cut(bench, descs, 24 + 408, 0, &request, 24, &answer), 0);
	is_display_info(&answer);
}

static void fills_the_whole_table(struct bench *bench)
{
	const struct virtio_gpu_ctrl_hdr request = {.type = htole32(0x100)};
	struct vgpu_chain_desc descs[1024];
	struct vgpu_driver_answer answer;

	descs[0] = (struct vgpu_chain_desc){24, false};
	for (unsigned int i = 1; i < 1024; i++)
		descs[i] = (struct vgpu_chain_desc){1, true};
	CU_ASSERT_EQUAL(send_cut(bench, descs, 1024, -1, &request, 24, &answer), 0);
	is_display_info(&answer);
}

static void works_without_room_for_an_answer(struct bench *bench)
{
	const struct virtio_gpu_ctrl_hdr request = {.type = htole32(0x100)};
	const struct vgpu_chain_desc desc = {24, false};
	struct vgpu_driver_answer answer;

	CU_ASSERT_EQUAL(send_cut(bench, &desc, 1, -1, &request, 24, &answer), 0);
	CU_ASSERT_EQUAL(answer.used_len, 0);
	CU_ASSERT_EQUAL(answer.len, 0);
}

static void refuses_what_cannot_be_laid_out(struct bench *bench)
{
	const struct virtio_gpu_ctrl_hdr request = {.type = htole32(0x100)};
	struct vgpu_chain_desc descs[1025] = {{24, false}};
	struct vgpu_driver_answer answer;

	CU_ASSERT_EQUAL(send_cut(bench, descs, 0, -1, &request, 24, &answer), -EINVAL);
	CU_ASSERT_EQUAL(send_cut(bench, descs, 1025, -1, &request, 24, &answer), -EINVAL);
	CU_ASSERT_EQUAL(send_cut(bench, descs, 1, 1, &request, 24, &answer), -EINVAL);
	descs[0].len = ARENA + 1;
	CU_ASSERT_EQUAL(send_cut(bench, descs, 1, -1, &request, 24, &answer), -ENOSPC);
	CU_ASSERT_EQUAL(vgpu_driver_set_queue(&bench->driver, 0, 3, &bench->err), -EINVAL);
	CU_ASSERT_EQUAL(vgpu_driver_set_queue(&bench->driver, 2, 4, &bench->err), -EINVAL);
	CU_ASSERT_EQUAL(vgpu_driver_submit(&bench->driver,
					   &(struct vgpu_driver_request){
						   .queue = 1, .descs = descs, .num_descs = 1},
					   &answer, &bench->err),
			-EINVAL);
}

static void shows_what_was_drawn(struct bench *bench)
{
	const uint32_t size = WIDTH * HEIGHT * 4;
	const uint64_t offset = 0x80000;
	const struct virtio_gpu_resource_create_2d create = {
		.hdr.type = htole32(0x101),
		.resource_id = htole32(1),
		.format = htole32(VIRTIO_GPU_FORMAT_R8G8B8X8_UNORM),
		.width = htole32(WIDTH),
		.height = htole32(HEIGHT)};
	const struct {
		struct virtio_gpu_resource_attach_backing request;
		struct virtio_gpu_mem_entry entry;
	} attach = {
		{.hdr.type = htole32(0x106), .resource_id = htole32(1), .nr_entries = htole32(1)},
		{.addr = htole64(bench->target->memory_gpa + offset), .length = htole32(size)}};
	const struct virtio_gpu_rect all = {.width = htole32(WIDTH), .height = htole32(HEIGHT)};
	const struct virtio_gpu_set_scanout scanout = {
		.hdr.type = htole32(0x103), .r = all, .resource_id = htole32(1)};
	const struct virtio_gpu_transfer_to_host_2d transfer = {
		.hdr.type = htole32(0x105), .r = all, .resource_id = htole32(1)};
	const struct virtio_gpu_resource_flush flush = {
		.hdr.type = htole32(0x104), .r = all, .resource_id = htole32(1)};
	struct vgpu_frame frame = {0};

	for (uint32_t i = 0; i < size; i++)
		bench->target->memory[offset + i] = (uint8_t)(i + i / 256);
	CU_ASSERT_EQUAL(send(bench, &create, sizeof(create)), 0x1100);
	CU_ASSERT_EQUAL(send(bench, &attach, sizeof(attach)), 0x1100);
	CU_ASSERT_EQUAL(send(bench, &scanout, sizeof(scanout)), 0x1100);
	CU_ASSERT_EQUAL(send(bench, &transfer, sizeof(transfer)), 0x1100);
	CU_ASSERT_EQUAL(send(bench, &flush, sizeof(flush)), 0x1100);
	CU_ASSERT_EQUAL_FATAL(bench->target->ops->capture(bench->target, 0, &frame, &bench->err),
			      0);
	CU_ASSERT_EQUAL(frame.width, WIDTH);
	CU_ASSERT_EQUAL(frame.height, HEIGHT);
	for (uint32_t i = 0; i < WIDTH * HEIGHT; i++)
		CU_ASSERT_EQUAL(
			memcmp(&frame.rgb[i * 3], &bench->target->memory[offset + i * 4], 3), 0);
	vgpu_frame_fini(&frame);
}

static void drives(const char *spec)
{
	struct bench bench;

	open_bench(&bench, spec);
	CU_ASSERT_TRUE(strlen(bench.target->ops->version(bench.target)) > 4);
	cuts_chains_to_bytes(&bench);
	fills_the_whole_table(&bench);
	works_without_room_for_an_answer(&bench);
	shows_what_was_drawn(&bench);
	refuses_what_cannot_be_laid_out(&bench);
	close_bench(&bench);
}

static void builtin_is_driven(void)
{
	drives("builtin");
}

static void qemu_is_driven(void)
{
	if (!no_qemu())
		drives("qemu");
}

/* Whether the test has to be left out, which it says: QEMU's display is a module of its own. */
static bool no_display(int ret)
{
	if (ret == -ENOTSUP)
		printf(" (skipped: this QEMU has no D-Bus display) ");
	return ret == -ENOTSUP;
}

#define CURSOR_PIXELS (VGPU_CURSOR_SIZE * VGPU_CURSOR_SIZE)

/* Resource 1: a cursor with another color and alpha in each pixel, to be found in memory at once.
 */
static const uint8_t *make_cursor(struct bench *bench)
{
	const uint64_t offset = 0x80000;
	const struct virtio_gpu_resource_create_2d create = {
		.hdr.type = htole32(VIRTIO_GPU_CMD_RESOURCE_CREATE_2D),
		.resource_id = htole32(1),
		.format = htole32(VIRTIO_GPU_FORMAT_B8G8R8A8_UNORM),
		.width = htole32(VGPU_CURSOR_SIZE),
		.height = htole32(VGPU_CURSOR_SIZE)};
	const struct {
		struct virtio_gpu_resource_attach_backing request;
		struct virtio_gpu_mem_entry entry;
	} attach = {{.hdr.type = htole32(VIRTIO_GPU_CMD_RESOURCE_ATTACH_BACKING),
		     .resource_id = htole32(1),
		     .nr_entries = htole32(1)},
		    {.addr = htole64(bench->target->memory_gpa + offset),
		     .length = htole32(CURSOR_PIXELS * 4)}};
	const struct virtio_gpu_transfer_to_host_2d transfer = {
		.hdr.type = htole32(VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D),
		.r = {.width = htole32(VGPU_CURSOR_SIZE), .height = htole32(VGPU_CURSOR_SIZE)},
		.resource_id = htole32(1)};
	uint8_t *bytes = bench->target->memory + offset;

	for (uint32_t i = 0; i < CURSOR_PIXELS * 4; i++)
		bytes[i] = (uint8_t)(i * 7 + i / 256);
	CU_ASSERT_EQUAL(send(bench, &create, sizeof(create)), VIRTIO_GPU_RESP_OK_NODATA);
	CU_ASSERT_EQUAL(send(bench, &attach, sizeof(attach)), VIRTIO_GPU_RESP_OK_NODATA);
	CU_ASSERT_EQUAL(send(bench, &transfer, sizeof(transfer)), VIRTIO_GPU_RESP_OK_NODATA);
	return bytes;
}

static void send_cursor(struct bench *bench, uint32_t type, uint32_t scanout_id,
			uint32_t resource_id, uint32_t x, uint32_t y)
{
	const struct virtio_gpu_update_cursor request = {
		.hdr.type = htole32(type),
		.pos = {.scanout_id = htole32(scanout_id), .x = htole32(x), .y = htole32(y)},
		.resource_id = htole32(resource_id),
		.hot_x = htole32(3),
		.hot_y = htole32(4),
	};
	const struct vgpu_chain_desc descs[] = {{sizeof(request), false}};
	struct vgpu_driver_answer answer;

	CU_ASSERT_EQUAL(
		vgpu_driver_submit(&bench->driver,
				   &(struct vgpu_driver_request){.queue = 1,
								 .descs = descs,
								 .num_descs = 1,
								 .indirect_at = -1,
								 .bytes = (const uint8_t *)&request,
								 .len = sizeof(request)},
				   &answer, &bench->err),
		0);
}

static void expect_cursor(struct bench *bench, uint32_t scanout_id, bool visible, uint32_t x,
			  uint32_t y, const uint8_t *bytes)
{
	struct vgpu_cursor cursor;

	CU_ASSERT_EQUAL_FATAL(
		bench->target->ops->cursor(bench->target, scanout_id, &cursor, &bench->err), 0);
	CU_ASSERT_EQUAL(cursor.visible, visible);
	CU_ASSERT_EQUAL(cursor.x, x);
	CU_ASSERT_EQUAL(cursor.y, y);
	if (!visible)
		return;
	CU_ASSERT_EQUAL(cursor.hot_x, 3);
	CU_ASSERT_EQUAL(cursor.hot_y, 4);
	for (uint32_t i = 0; i < CURSOR_PIXELS; i++) {
		uint32_t argb;

		memcpy(&argb, bytes + i * 4ul, sizeof(argb));
		CU_ASSERT_EQUAL(cursor.pixels[i], le32toh(argb));
	}
}

static void shows_cursors(const char *spec)
{
	struct vgpu_cursor cursor;
	struct bench bench;

	open_bench_with(&bench, spec, 2, true);
	int ret = bench.target->ops->cursor(bench.target, 0, &cursor, &bench.err);
	if (!no_display(ret)) {
		const uint8_t *bytes = make_cursor(&bench);

		expect_cursor(&bench, 0, false, 0, 0, NULL);
		send_cursor(&bench, VIRTIO_GPU_CMD_UPDATE_CURSOR, 1, 1, 10, 20);
		expect_cursor(&bench, 1, true, 10, 20, bytes);
		expect_cursor(&bench, 0, false, 0, 0, NULL);
		send_cursor(&bench, VIRTIO_GPU_CMD_MOVE_CURSOR, 1, 1, 0xfffffff0, 5);
		expect_cursor(&bench, 1, true, 0xfffffff0, 5, bytes);
		send_cursor(&bench, VIRTIO_GPU_CMD_UPDATE_CURSOR, 1, 0, 7, 8);
		expect_cursor(&bench, 1, false, 7, 8, NULL);
		CU_ASSERT_EQUAL(bench.target->ops->cursor(bench.target, 2, &cursor, &bench.err),
				-EINVAL);
	}
	close_bench(&bench);
}

static void cursors_are_seen(void)
{
	shows_cursors("builtin");
	if (!no_qemu())
		shows_cursors("qemu");
}

static void expect_outputs(struct bench *bench, const struct vgpu_trace_outputs *outputs)
{
	const struct virtio_gpu_ctrl_hdr request = {
		.type = htole32(VIRTIO_GPU_CMD_GET_DISPLAY_INFO)};
	struct virtio_gpu_resp_display_info info;
	const struct vgpu_chain_desc descs[] = {{sizeof(request), false}, {sizeof(info), true}};
	struct vgpu_driver_answer answer;

	CU_ASSERT_EQUAL(send_cut(bench, descs, 2, -1, &request, sizeof(request), &answer), 0);
	CU_ASSERT_EQUAL_FATAL(answer.len, sizeof(info));
	memcpy(&info, answer.bytes, sizeof(info));
	for (unsigned int i = 0; i < outputs->num_scanouts; i++) {
		const struct vgpu_rect *rect = &outputs->outputs[i].rect;

		CU_ASSERT_EQUAL(le32toh(info.pmodes[i].enabled), outputs->outputs[i].enabled);
		if (!outputs->outputs[i].enabled)
			continue;
		CU_ASSERT_EQUAL(le32toh(info.pmodes[i].r.width), rect->width);
		CU_ASSERT_EQUAL(le32toh(info.pmodes[i].r.height), rect->height);
		/* QEMU keeps to itself where they are. */
		if (!bench->target->ops->exact)
			continue;
		CU_ASSERT_EQUAL(le32toh(info.pmodes[i].r.x), rect->x);
		CU_ASSERT_EQUAL(le32toh(info.pmodes[i].r.y), rect->y);
	}
}

/* The first change unplugs what has been on from the beginning. */
static void changes_outputs(const char *spec)
{
	struct vgpu_trace_outputs outputs = {
		.num_scanouts = 2,
		.outputs = {{.enabled = false}, {{0, 0, 640, 480}, true}},
	};
	struct bench bench;

	open_bench_with(&bench, spec, 2, false);
	int ret = bench.target->ops->set_outputs(bench.target, &outputs, &bench.err);
	if (!no_display(ret)) {
		CU_ASSERT_EQUAL(ret, 0);
		expect_outputs(&bench, &outputs);
		outputs.outputs[0] = (struct vgpu_output){{640, 32, 800, 600}, true};
		CU_ASSERT_EQUAL(bench.target->ops->set_outputs(bench.target, &outputs, &bench.err),
				0);
		expect_outputs(&bench, &outputs);
		outputs.outputs[1].enabled = false;
		CU_ASSERT_EQUAL(bench.target->ops->set_outputs(bench.target, &outputs, &bench.err),
				0);
		expect_outputs(&bench, &outputs);
		outputs.num_scanouts = 3;
		CU_ASSERT_EQUAL(bench.target->ops->set_outputs(bench.target, &outputs, &bench.err),
				-EINVAL);
	}
	close_bench(&bench);
}

static void outputs_are_changed(void)
{
	changes_outputs("builtin");
	if (!no_qemu())
		changes_outputs("qemu");
}

/* QEMU 7.2 never answers a request that is shorter than a header. */
static void silence_ends_the_wait(void)
{
	const struct vgpu_chain_desc descs[] = {{4, false}, {24, true}};
	struct vgpu_driver_answer answer;
	struct bench bench;

	if (no_qemu())
		return;
	open_bench(&bench, "qemu");
	bench.driver.timeout_ms = 150;
	int ret = send_cut(&bench, descs, 2, -1, "\0\1\0\0", 4, &answer);
	CU_ASSERT_TRUE(ret == 0 || ret == -ETIMEDOUT);
	if (ret == -ETIMEDOUT)
		CU_ASSERT_PTR_NOT_NULL(strstr(bench.err.text, "no answer within 0.15 seconds"));
	close_bench(&bench);
}

/* The child of this process that runs QEMU; 0 if there is none. */
static pid_t find_qemu(void)
{
	char path[64], name[16];
	pid_t found = 0;
	int pid;

	snprintf(path, sizeof(path), "/proc/self/task/%d/children", (int)getpid());
	FILE *children = fopen(path, "re");
	CU_ASSERT_PTR_NOT_NULL_FATAL(children);
	while (found == 0 && fscanf(children, "%d", &pid) == 1) {
		snprintf(path, sizeof(path), "/proc/%d/comm", pid);
		FILE *comm = fopen(path, "re");
		if (comm == NULL)
			continue;
		if (fgets(name, sizeof(name), comm) != NULL && strncmp(name, "qemu", 4) == 0)
			found = pid;
		fclose(comm);
	}
	fclose(children);
	return found;
}

static void the_death_of_qemu_is_an_error(void)
{
	const struct vgpu_trace_outputs outputs = {.num_scanouts = 1};
	struct vgpu_frame frame = {0};
	struct vgpu_cursor cursor;
	struct bench bench;
	uint32_t value;

	if (no_qemu())
		return;
	open_bench_with(&bench, "qemu", 1, true);
	int ret = bench.target->ops->cursor(bench.target, 0, &cursor, &bench.err);
	pid_t pid = find_qemu();
	CU_ASSERT_TRUE_FATAL(pid > 0);
	kill(pid, SIGKILL);
	CU_ASSERT_EQUAL(bench.target->ops->read(bench.target, 0, 4, &value, &bench.err), -EPIPE);
	CU_ASSERT_PTR_NOT_NULL(strstr(bench.err.text, "killed by signal 9"));
	CU_ASSERT_EQUAL(bench.target->ops->write(bench.target, 0x70, 4, 0, &bench.err), -EPIPE);
	CU_ASSERT_EQUAL(bench.target->ops->capture(bench.target, 0, &frame, &bench.err), -EPIPE);
	if (!no_display(ret)) {
		CU_ASSERT_EQUAL(bench.target->ops->cursor(bench.target, 0, &cursor, &bench.err),
				-EPIPE);
		CU_ASSERT_EQUAL(bench.target->ops->set_outputs(bench.target, &outputs, &bench.err),
				-EPIPE);
		CU_ASSERT_PTR_NOT_NULL(strstr(bench.err.text, "QEMU is gone"));
	}
	vgpu_frame_fini(&frame);
	close_bench(&bench);
}

static void a_target_that_cannot_open_says_why(void)
{
	static const struct {
		const char *spec, *why;
	} cases[] = {
		{"nonsense", "no target is called 'nonsense'"},
		{"builtin:x", "takes no argument"},
		{"qemu:/nonexistent/qemu", "/nonexistent/qemu: No such file or directory"},
		{"qemu:false", "ended with status 1"},
	};
	struct vgpu_target_options options = {.num_scanouts = 1};
	struct vgpu_error err;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		CU_ASSERT_PTR_NULL(vgpu_target_open(cases[i].spec, &options, &err));
		CU_ASSERT_PTR_NOT_NULL(strstr(err.text, cases[i].why));
	}
	options.num_scanouts = 17;
	CU_ASSERT_PTR_NULL(vgpu_target_open("builtin", &options, &err));
	options.memory_size = UINT64_MAX;
	CU_ASSERT_PTR_NULL(vgpu_target_open("builtin", &options, &err));
	CU_ASSERT_PTR_NULL(vgpu_target_open("qemu", &options, &err));
}

static void ppm_is_read_and_refused(void)
{
	static const struct {
		const char *bytes;
		size_t len;
		int ret;
	} cases[] = {
		{"P6\n2 1\n255\nabcdef", 17, 0},
		{"P6 # a comment\n2\t1 255 abcdef", 29, 0},
		{"P6\n2 1\n255\nabcde", 16, -EBADMSG},
		{"P6\n2 1\n255\nabcdefg", 18, -EBADMSG},
		{"P6\n2 1\n65535\nabcdef", 19, -EBADMSG},
		{"P6\n0 1\n255\n", 11, -EBADMSG},
		{"P6\n65537 1\n255\n", 15, -EBADMSG},
		{"P6\n99999999999999999999 1\n255\n", 30, -EBADMSG},
		{"P5\n2 1\n255\nabcdef", 17, -EBADMSG},
		{"P6\n2 1", 6, -EBADMSG},
		{"P6\n2 1 255", 10, -EBADMSG},
		{"P", 1, -EBADMSG},
		{"", 0, -EBADMSG},
	};
	struct vgpu_frame frame = {0};

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
		CU_ASSERT_EQUAL(
			vgpu_ppm_read((const uint8_t *)cases[i].bytes, cases[i].len, &frame),
			cases[i].ret);
	CU_ASSERT_EQUAL(memcmp(frame.rgb, "abcdef", 6), 0);
	vgpu_frame_fini(&frame);
}

static const struct unit_test tests[] = {
	{"builtin is driven through odd chains", builtin_is_driven},
	{"qemu is driven through odd chains", qemu_is_driven},
	{"cursors are seen", cursors_are_seen},
	{"outputs are changed", outputs_are_changed},
	{"silence ends the wait", silence_ends_the_wait},
	{"the death of QEMU is an error", the_death_of_qemu_is_an_error},
	{"a target that cannot open says why", a_target_that_cannot_open_says_why},
	{"PPM is read and refused", ppm_is_read_and_refused},
	{NULL, NULL},
};

const struct unit_suite target_suite = {"target", tests};
