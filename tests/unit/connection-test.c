/* SPDX-License-Identifier: MIT */
/*
 * Front ends that come and go. One conversation, from the first message to a
 * picture on the display, is broken off at each of its steps and in the middle
 * of each message; whatever was open, mapped, shown or waited for then is gone,
 * and the next front end finds the device as the first one did.
 */
#include "allocation.h"
#include "bus/gpu_messages.h"
#include "bus/vhost_user.h"
#include "picture-requests.h"
#include "sandbox/calls.h"
#include "scene.h"
#include "target/socket_io.h"
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <linux/virtio_gpu.h>
#include <linux/virtio_ring.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

extern const struct unit_suite connection_suite;

#define RAM	     0x40000000ull
#define RAM_SIZE     (1u << 20)
#define USER	     0x7f0000000000ull
#define QUEUE_SIZE   64
#define RING(q)	     (0x1000u + (q)*0x4000u)
#define REQUEST(n)   (0x10000u + (n)*0x1000u)
#define RESPONSE(n)  (0x20000u + (n)*0x1000u)
#define PIXELS	     0x40000u
#define WIDTH	     64u
#define HEIGHT	     48u
#define FEATURES     (1ull << 32 | 1ull << 30 | 1ull << 1)
#define NUM_REQUESTS 6
#define MAX_STEPS    64
#define SAY_MS	     1000

/* What a front end does in one go. */
struct step {
	enum { MESSAGE, OFFER, DISPLAY_ANSWER } kind;
	uint32_t request; /* of a message; of an OFFER, how many are available then */
	uint32_t size;
	uint8_t payload[256];
	enum { NO_FDS, DISPLAY_FD, MEMORY_FDS, EVENT_FD } fds;
};

struct stage {
	char *folder, *path;
	struct vgpu_mem_map *map;
	struct vgpu_device *device;
	struct vgpu_vhost_user *server;
	uint8_t *ram;
	int ram_fd, event;
	struct step steps[MAX_STEPS];
	unsigned int num_steps;
	unsigned int driver_step; /* from which on a driver that starts has them taken */
	/* the front end, while there is one */
	int fd, display;
};

/* ---- the conversation --------------------------------------------------------------- */

static struct step *add(struct stage *stage, uint32_t request, const void *payload, uint32_t size)
{
	struct step *step = &stage->steps[stage->num_steps++];

	CU_ASSERT_FATAL(stage->num_steps <= MAX_STEPS && size <= sizeof(step->payload));
	*step = (struct step){.kind = MESSAGE, .request = request, .size = size};
	if (size != 0)
		memcpy(step->payload, payload, size);
	return step;
}

static void add_u64(struct stage *stage, uint32_t request, uint64_t value)
{
	add(stage, request, &value, sizeof(value));
}

static void add_ring(struct stage *stage, unsigned int queue)
{
	const struct vhost_vring_state num = {.index = queue, .num = QUEUE_SIZE};
	const struct vhost_vring_state base = {.index = queue};
	const struct vhost_vring_addr addr = {.index = queue,
					      .desc_user_addr = USER + RING(queue),
					      .avail_user_addr = USER + RING(queue) + 0x1000,
					      .used_user_addr = USER + RING(queue) + 0x2000};
	const uint64_t index = queue;

	add(stage, VHOST_USER_SET_VRING_NUM, &num, sizeof(num));
	add(stage, VHOST_USER_SET_VRING_BASE, &base, sizeof(base));
	add(stage, VHOST_USER_SET_VRING_ADDR, &addr, sizeof(addr));
	add(stage, VHOST_USER_SET_VRING_KICK, &index, sizeof(index))->fds = EVENT_FD;
	add(stage, VHOST_USER_SET_VRING_CALL, &index, sizeof(index))->fds = EVENT_FD;
	add(stage, VHOST_USER_SET_VRING_ERR, &index, sizeof(index))->fds = EVENT_FD;
}

static void write_conversation(struct stage *stage)
{
	const struct vhost_user_mem_table table = {
		.num = 2,
		.regions = {{.gpa = RAM, .size = PIXELS, .user_addr = USER},
			    {.gpa = RAM + PIXELS,
			     .size = RAM_SIZE - PIXELS,
			     .user_addr = USER + PIXELS,
			     .mmap_offset = PIXELS}}};
	const struct vhost_user_config config = {.size = 16};

	add(stage, VHOST_USER_GET_FEATURES, NULL, 0);
	add(stage, VHOST_USER_GET_PROTOCOL_FEATURES, NULL, 0);
	add_u64(stage, VHOST_USER_SET_PROTOCOL_FEATURES,
		1ull << VHOST_USER_PROTOCOL_F_CONFIG | 1ull << VHOST_USER_PROTOCOL_F_REPLY_ACK);
	add(stage, VHOST_USER_GET_QUEUE_NUM, NULL, 0);
	add(stage, VHOST_USER_SET_OWNER, NULL, 0);
	add(stage, VHOST_USER_GET_CONFIG, &config, 12 + 16);
	stage->driver_step = stage->num_steps;
	add(stage, VHOST_USER_GPU_SET_SOCKET, NULL, 0)->fds = DISPLAY_FD;
	add(stage, GPU_GET_PROTOCOL_FEATURES, NULL, 0)->kind = DISPLAY_ANSWER;
	add_u64(stage, VHOST_USER_SET_FEATURES, FEATURES);
	add(stage, VHOST_USER_SET_MEM_TABLE, &table, 8 + 2 * 32)->fds = MEMORY_FDS;
	for (unsigned int q = 0; q < VGPU_NUM_QUEUES; q++)
		add_ring(stage, q);
	for (unsigned int q = 0; q < VGPU_NUM_QUEUES; q++) {
		const struct vhost_vring_state enable = {.index = q, .num = 1};

		add(stage, VHOST_USER_SET_VRING_ENABLE, &enable, sizeof(enable));
	}
	for (uint32_t n = 1; n <= NUM_REQUESTS; n++)
		add(stage, n, NULL, 0)->kind = OFFER;
	/* The last request, GET_DISPLAY_INFO, waits for this. */
	add(stage, GPU_GET_DISPLAY_INFO, NULL, 0)->kind = DISPLAY_ANSWER;
}

/* ---- the guest ------------------------------------------------------------------------ */

static void write_request(struct stage *stage, unsigned int n, const void *request, uint32_t len)
{
	struct vring_desc *desc = (void *)(stage->ram + RING(0));
	struct vring_avail *avail = (void *)(stage->ram + RING(0) + 0x1000);

	memcpy(stage->ram + REQUEST(n), request, len);
	desc[2 * n] = (struct vring_desc){RAM + REQUEST(n), len, VRING_DESC_F_NEXT,
					  (uint16_t)(2 * n + 1)};
	desc[2 * n + 1] = (struct vring_desc){RAM + RESPONSE(n), 2048, VRING_DESC_F_WRITE, 0};
	avail->ring[n] = (uint16_t)(2 * n);
}

static void boot_guest(struct stage *stage)
{
	const struct picture_requests show = picture_requests(WIDTH, HEIGHT, RAM + PIXELS);
	const struct virtio_gpu_ctrl_hdr info = {.type = VIRTIO_GPU_CMD_GET_DISPLAY_INFO};

	memset(stage->ram, 0, PIXELS);
	write_request(stage, 0, &show.create, sizeof(show.create));
	write_request(stage, 1, &show.attach, sizeof(show.attach));
	write_request(stage, 2, &show.scanout, sizeof(show.scanout));
	write_request(stage, 3, &show.transfer, sizeof(show.transfer));
	write_request(stage, 4, &show.flush, sizeof(show.flush));
	write_request(stage, 5, &info, sizeof(info));
}

static uint32_t answer(const struct stage *stage, unsigned int n)
{
	const struct virtio_gpu_ctrl_hdr *response = (void *)(stage->ram + RESPONSE(n));

	return response->type;
}

/* ---- the front end ----------------------------------------------------------------------- */

/* One message, and what follows from it, takes a few rounds. */
#define ROUNDS 4

/* Returns the server's last verdict. */
static int pump(struct stage *stage, unsigned int messages)
{
	int rc = 0;

	for (unsigned int i = 0; i < messages * ROUNDS && rc == 0; i++)
		rc = vgpu_vhost_user_run(stage->server, 0, -1);
	return rc;
}

static unsigned int choose_fds(struct stage *stage, const struct step *step, int fds[2])
{
	int pair[2];

	switch (step->fds) {
	case NO_FDS:
		return 0;
	case DISPLAY_FD:
		CU_ASSERT_EQUAL_FATAL(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair), 0);
		stage->display = pair[0];
		fds[0] = pair[1];
		return 1;
	case MEMORY_FDS:
		fds[0] = fds[1] = stage->ram_fd;
		return 2;
	default:
		fds[0] = stage->event;
		return 1;
	}
}

/* All of it, or so many bytes less than all. */
static void say(struct stage *stage, const struct step *step, size_t less)
{
	struct vhost_user_header header = {step->request, VHOST_USER_VERSION, step->size};
	uint8_t bytes[sizeof(header) + sizeof(step->payload)];
	int fds[2];
	unsigned int num_fds = choose_fds(stage, step, fds);

	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), step->payload, step->size);
	CU_ASSERT_EQUAL(vgpu_socket_send(stage->fd, bytes, sizeof(header) + step->size - less, fds,
					 num_fds, vgpu_socket_deadline(SAY_MS)),
			0);
	if (step->fds == DISPLAY_FD)
		close(fds[0]);
}

/* On the display socket; for some its end comes in the middle. */
static void answer_display(const struct stage *stage, uint32_t request, size_t less)
{
	const uint64_t features = 1;
	struct virtio_gpu_resp_display_info info = {
		.hdr.type = VIRTIO_GPU_RESP_OK_DISPLAY_INFO,
		.pmodes = {{.r = {.width = WIDTH, .height = HEIGHT}, .enabled = 1}}};
	bool asks = request == GPU_GET_PROTOCOL_FEATURES;
	struct gpu_header header = {.request = request,
				    .flags = GPU_FLAG_REPLY,
				    .size = asks ? sizeof(features) : sizeof(info)};
	uint8_t bytes[sizeof(header) + sizeof(info)];

	memcpy(bytes, &header, sizeof(header));
	memcpy(bytes + sizeof(header), asks ? (const void *)&features : &info, header.size);
	CU_ASSERT_TRUE(
		send(stage->display, bytes, sizeof(header) + header.size - less, MSG_NOSIGNAL) > 0);
}

static void take_step(struct stage *stage, const struct step *step, size_t less)
{
	struct vring_avail *avail = (void *)(stage->ram + RING(0) + 0x1000);

	switch (step->kind) {
	case MESSAGE:
		say(stage, step, less);
		break;
	case DISPLAY_ANSWER:
		answer_display(stage, step->request, less);
		break;
	case OFFER:
		avail->idx = (uint16_t)step->request;
		/* Cut off here: what is offered, nobody is told of. */
		if (less == 0)
			eventfd_write(stage->event, 1);
		break;
	}
}

static void front_connect(struct stage *stage)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	snprintf(address.sun_path, sizeof(address.sun_path), "%s", stage->path);
	boot_guest(stage);
	stage->display = -1;
	stage->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	CU_ASSERT_EQUAL_FATAL(connect(stage->fd, (struct sockaddr *)&address, sizeof(address)), 0);
}

/* late: the server sees none of them before the last. */
static void take_steps(struct stage *stage, unsigned int first, unsigned int end, size_t less,
		       bool late)
{
	unsigned int unseen = 1;

	for (unsigned int i = first; i < end; i++, unseen++) {
		/* An answer to a question that was not asked yet is another test's matter. */
		if (!late || stage->steps[i].kind == DISPLAY_ANSWER) {
			pump(stage, unseen);
			unseen = 0;
		}
		take_step(stage, &stage->steps[i], i + 1 == end ? less : 0);
	}
}

/* A front end's first num steps. */
static void converse(struct stage *stage, unsigned int num, size_t less, bool late)
{
	front_connect(stage);
	take_steps(stage, 0, num, less, late);
}

/* It dies: the kernel closes its ends in any order. */
static void front_die(struct stage *stage, bool display_first, bool seen)
{
	struct vgpu_memory memory = vgpu_mem_map_memory(stage->map);
	uint64_t len = 1;

	if (seen)
		pump(stage, MAX_STEPS);
	if (display_first && stage->display >= 0)
		close(stage->display);
	if (display_first && seen)
		pump(stage, 1);
	close(stage->fd);
	if (!display_first && stage->display >= 0)
		close(stage->display);
	CU_ASSERT_EQUAL(pump(stage, MAX_STEPS), -ECONNRESET);
	CU_ASSERT_FALSE(vgpu_vhost_user_connected(stage->server));
	CU_ASSERT_PTR_NULL(memory.translate(memory.opaque, RAM, &len));
}

/* ---- the stage ------------------------------------------------------------------------------ */

static void stage_open(struct stage *stage)
{
	struct vgpu_device_options options = {
		.num_scanouts = 1,
		.outputs = {{.rect = {.width = WIDTH, .height = HEIGHT}, .enabled = true}}};

	*stage = (struct stage){.fd = -1, .display = -1};
	stage->folder = scene_folder();
	stage->path = scene_path(stage->folder, "socket");
	stage->map = vgpu_mem_map_new();
	options.memory = vgpu_mem_map_memory(stage->map);
	stage->device = vgpu_device_new(&options);
	stage->server = vgpu_vhost_user_new(&(struct vgpu_vhost_user_options){
		.device = stage->device, .memory = stage->map, .ask_front_end = true});
	CU_ASSERT_PTR_NOT_NULL_FATAL(stage->server);
	CU_ASSERT_EQUAL_FATAL(vgpu_vhost_user_listen(stage->server, stage->path, NULL), 0);
	stage->ram_fd = memfd_create("ram", MFD_CLOEXEC);
	CU_ASSERT_EQUAL_FATAL(ftruncate(stage->ram_fd, RAM_SIZE), 0);
	stage->ram = mmap(NULL, RAM_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, stage->ram_fd, 0);
	CU_ASSERT_PTR_NOT_EQUAL_FATAL(stage->ram, MAP_FAILED);
	stage->event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	write_conversation(stage);
}

static void stage_close(struct stage *stage)
{
	vgpu_vhost_user_free(stage->server);
	vgpu_device_free(stage->device);
	vgpu_mem_map_free(stage->map);
	munmap(stage->ram, RAM_SIZE);
	close(stage->ram_fd);
	close(stage->event);
	free(stage->path);
	scene_folder_remove(stage->folder);
}

struct holdings {
	unsigned int fds;
	unsigned long pages; /* in memory */
	long allocations;
};

static struct holdings count_holdings(void)
{
	struct holdings now = {.allocations = allocation_live()};
	DIR *folder = opendir("/proc/self/fd");
	FILE *file = fopen("/proc/self/statm", "re");

	while (folder != NULL && readdir(folder) != NULL)
		now.fds++;
	closedir(folder);
	CU_ASSERT_TRUE(file != NULL && fscanf(file, "%*u %lu", &now.pages) == 1);
	fclose(file);
	return now;
}

static bool holds_no_more(const struct holdings *before)
{
	struct holdings now = count_holdings();

	return now.fds == before->fds && now.allocations == before->allocations;
}

static void check_answers(struct stage *stage)
{
	pump(stage, 1);
	for (unsigned int n = 0; n + 1 < NUM_REQUESTS; n++)
		CU_ASSERT_EQUAL(answer(stage, n), VIRTIO_GPU_RESP_OK_NODATA);
	CU_ASSERT_EQUAL(answer(stage, NUM_REQUESTS - 1), VIRTIO_GPU_RESP_OK_DISPLAY_INFO);
}

/* A whole conversation: the last one has left nothing, and the device works. */
static void serve_another(struct stage *stage)
{
	converse(stage, stage->num_steps, 0, false);
	check_answers(stage);
	front_die(stage, true, true);
}

/* ---- tests ----------------------------------------------------------------------------------- */

static void a_front_end_may_die_at_any_step(void)
{
	struct stage stage;

	stage_open(&stage);
	/* A device keeps the room that its first request took. */
	serve_another(&stage);
	struct holdings before = count_holdings();
	for (unsigned int num = 0; num <= stage.num_steps; num++) {
		for (unsigned int how = 0; how < 16; how++) {
			converse(&stage, num, (how & 1) != 0 ? 5 : 0, (how & 2) != 0);
			front_die(&stage, (how & 4) != 0, (how & 8) != 0);
			CU_ASSERT_TRUE_FATAL(holds_no_more(&before));
		}
	}
	serve_another(&stage);
	stage_close(&stage);
}

/* What a front end says when the guest's driver writes 0 to the status, or is gone. */
static void reset_guest(struct stage *stage, bool by_message)
{
	for (unsigned int q = 0; q < VGPU_NUM_QUEUES; q++) {
		struct step base = {.request = VHOST_USER_GET_VRING_BASE, .size = 8};

		base.payload[0] = (uint8_t)q;
		say(stage, &base, 0);
	}
	if (by_message)
		say(stage, &(struct step){.request = VHOST_USER_RESET_DEVICE}, 0);
	if (stage->display >= 0)
		close(stage->display);
	stage->display = -1;
	boot_guest(stage);
}

static void a_guest_may_reset_at_any_step(void)
{
	struct stage stage;

	stage_open(&stage);
	serve_another(&stage);
	struct holdings before = count_holdings();
	for (unsigned int num = stage.driver_step; num <= stage.num_steps; num++) {
		for (unsigned int how = 0; how < 8; how++) {
			converse(&stage, num, 0, (how & 1) != 0);
			if ((how & 2) != 0)
				pump(&stage, MAX_STEPS);
			reset_guest(&stage, (how & 4) != 0);
			pump(&stage, MAX_STEPS);
			take_steps(&stage, stage.driver_step, stage.num_steps, 0, false);
			check_answers(&stage);
			front_die(&stage, true, true);
			CU_ASSERT_TRUE_FATAL(holds_no_more(&before));
		}
	}
	stage_close(&stage);
}

static uint32_t draw(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 8;
}

#define FRONT_ENDS 10000

/* A sanitizer keeps what was freed, and an emulator has accounts of its own. */
static unsigned long spare_pages(void)
{
#ifdef VGPU_INSTRUMENTED
	return 4ul * FRONT_ENDS;
#else
	return sandbox_calls_available() ? 100 : 4ul * FRONT_ENDS;
#endif
}

static void ten_thousand_front_ends_leave_nothing(void)
{
	uint32_t state = 1;
	struct stage stage;

	stage_open(&stage);
	serve_another(&stage);
	struct holdings before = count_holdings();
	for (unsigned int i = 0; i < FRONT_ENDS; i++) {
		converse(&stage, draw(&state) % (stage.num_steps + 1), draw(&state) % 2 * 5,
			 draw(&state) % 2 != 0);
		front_die(&stage, draw(&state) % 2 != 0, draw(&state) % 2 != 0);
	}
	CU_ASSERT_TRUE(holds_no_more(&before));
	CU_ASSERT_TRUE(count_holdings().pages < before.pages + spare_pages());
	serve_another(&stage);
	stage_close(&stage);
}

static const struct unit_test tests[] = {
	{"a front end may die at any step", a_front_end_may_die_at_any_step},
	{"a guest may reset at any step", a_guest_may_reset_at_any_step},
	{"ten thousand front ends leave nothing", ten_thousand_front_ends_leave_nothing},
	{NULL, NULL},
};

const struct unit_suite connection_suite = {"connection", tests};
