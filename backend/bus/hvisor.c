/* SPDX-License-Identifier: MIT */
/*
 * The virtio daemon of an hvisor zone. hvisor traps the zone's accesses to
 * virtio registers and hands each to this process through a ring in a shared
 * page; the vCPU spins until the answer is there.
 *
 * A wrong access stops the whole machine, and a wrong answer stops the guest,
 * so everything is checked before anything is touched.
 */
#include "bus/hvisor_abi.h"
#include "bus/hvisor_memory.h"
#include "vgpu.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <unistd.h>

/*
 * hvisor drops its wake-up while the root zone still handles the one before, so
 * the ring is polled for longer than that takes before a wake-up is asked for.
 */
#define POLL_NS 400000ull
/* And no sleep is longer than this, should one be lost all the same. */
#define SLEEP_MS 10
/* A driver that acknowledges interrupts gets one again that it has not seen. */
#define REPEAT_MIN_NS 2000000ull
#define REPEAT_MAX_NS 128000000ull
/* A config check that says more is not one: old hypervisors leave the value as it was. */
#define CONFIG_VERSION_MAX 32

struct layout {
	const char *name;
	unsigned int cpus, devices;
};

static const struct layout layouts[] = {
	[VGPU_BRIDGE_32X8] = {"32x8", 32, 8},
	[VGPU_BRIDGE_32X4] = {"32x4", 32, 4},
	[VGPU_BRIDGE_4X4] = {"4x4", 4, 4},
};

struct vgpu_hvisor {
	struct vgpu_mmio *mmio;
	void (*log)(void *opaque, const char *line);
	void *opaque;
	uint32_t zone_id, irq;
	uint64_t base, len;

	int fd, wake_fd;
	bool by_signal; /* wake_fd is a signalfd */
	const struct layout *layout;
	struct hvisor_bridge *bridge;
	_Atomic uint64_t *cfg_values;
	_Atomic uint8_t *need_wakeup;
	uint32_t front; /* of the request ring, ours alone */
	void *ram[VGPU_HVISOR_MAX_REGIONS];
	uint64_t ram_size[VGPU_HVISOR_MAX_REGIONS];
	unsigned int num_ram;

	bool level; /* of the interrupt line */
	bool acks;  /* the driver has acknowledged one since its last reset */
	uint64_t repeat_at, repeat_ns;
	bool told_foreign; /* of accesses that are nobody's */
};

static void say(struct vgpu_hvisor *hvisor, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

static void say(struct vgpu_hvisor *hvisor, const char *format, ...)
{
	char line[256];
	va_list args;

	if (hvisor->log == NULL)
		return;
	va_start(args, format);
	vsnprintf(line, sizeof(line), format, args);
	va_end(args);
	hvisor->log(hvisor->opaque, line);
}

/* ---- interrupts -------------------------------------------------------------------- */

static void inject(struct vgpu_hvisor *hvisor)
{
	struct hvisor_bridge *bridge = hvisor->bridge;
	uint32_t rear = bridge->res_rear;

	/* The hypervisor empties the ring in each FINISH_REQ, so there is room. */
	bridge->results[rear % HVISOR_RING_SIZE] =
		(struct hvisor_result){.target_zone = hvisor->zone_id, .irq = hvisor->irq};
	atomic_store_explicit((_Atomic uint32_t *)&bridge->res_rear, (rear + 1) % HVISOR_RING_SIZE,
			      memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
	if (ioctl(hvisor->fd, HVISOR_FINISH_REQ) != 0)
		say(hvisor, "FINISH_REQ: %s", strerror(errno));
}

/*
 * InterruptStatus is the truth. While the driver has not acknowledged, further
 * interrupts are merged into the one that it has; but hvisor drops one that
 * comes while the guest still handles the last, and that one is repeated.
 */
static void on_irq(void *opaque, bool level)
{
	struct vgpu_hvisor *hvisor = opaque;

	hvisor->level = level;
	if (!level) {
		hvisor->acks = true;
		return;
	}
	hvisor->repeat_ns = REPEAT_MIN_NS;
	hvisor->repeat_at = vgpu_now_ns() + hvisor->repeat_ns;
	inject(hvisor);
}

static void repeat_interrupt(struct vgpu_hvisor *hvisor)
{
	uint64_t now;

	if (!hvisor->level || !hvisor->acks)
		return;
	now = vgpu_now_ns();
	if (now < hvisor->repeat_at)
		return;
	if (hvisor->repeat_ns < REPEAT_MAX_NS)
		hvisor->repeat_ns *= 2;
	hvisor->repeat_at = now + hvisor->repeat_ns;
	inject(hvisor);
}

/* ---- requests ---------------------------------------------------------------------- */

static uint64_t mask_of(uint64_t size)
{
	return size < 8 ? (1ull << (8 * size)) - 1 : UINT64_MAX;
}

static bool is_ours(const struct vgpu_hvisor *hvisor, const struct hvisor_request *request)
{
	return request->src_zone == hvisor->zone_id && request->address >= hvisor->base &&
	       request->address - hvisor->base < hvisor->len;
}

/* What a blocked vCPU is answered. */
static uint64_t execute(struct vgpu_hvisor *hvisor, const struct hvisor_request *request)
{
	unsigned int size = (unsigned int)request->size;
	uint64_t mask = mask_of(request->size);

	if (request->size != 1 && request->size != 2 && request->size != 4 && request->size != 8)
		return 0;
	if (!is_ours(hvisor, request)) {
		/* Drivers probe for devices: slots without one read 0, as no magic value. */
		if (request->src_zone != hvisor->zone_id && !hvisor->told_foreign) {
			hvisor->told_foreign = true;
			say(hvisor, "zone %u wants virtio too and is not served: reads give 0",
			    request->src_zone);
		}
		return 0;
	}
	uint32_t offset = (uint32_t)(request->address - hvisor->base);
	if (!request->is_write)
		return vgpu_mmio_read(hvisor->mmio, offset, size) & mask;
	/* A reset begins anew with a driver that may not acknowledge. */
	if (offset == 0x070 && (request->value & mask) == 0)
		hvisor->acks = false;
	vgpu_mmio_write(hvisor->mmio, offset, size, request->value & mask);
	return 0;
}

/* Exactly once for each request that blocks: a vCPU takes one too many for its next. */
static void answer(struct vgpu_hvisor *hvisor, const struct hvisor_request *request, uint64_t value)
{
	if (request->need_interrupt != 0)
		return;
	if (request->src_cpu >= hvisor->layout->cpus) {
		say(hvisor, "an access from CPU %llu, but --bridge-layout=%s has %u",
		    (unsigned long long)request->src_cpu, hvisor->layout->name,
		    hvisor->layout->cpus);
		return;
	}
	_Atomic uint64_t *flag = (_Atomic uint64_t *)&hvisor->bridge->cfg_flags[request->src_cpu];

	atomic_store_explicit(&hvisor->cfg_values[request->src_cpu], value, memory_order_relaxed);
	/* The value is there before the flag changes. Only we write either. */
	atomic_store_explicit(flag, atomic_load_explicit(flag, memory_order_relaxed) + 1,
			      memory_order_release);
	atomic_thread_fence(memory_order_seq_cst);
}

static bool take(struct vgpu_hvisor *hvisor, struct hvisor_request *request)
{
	struct hvisor_bridge *bridge = hvisor->bridge;
	uint32_t rear =
		atomic_load_explicit((_Atomic uint32_t *)&bridge->req_rear, memory_order_acquire);

	if (rear == hvisor->front || rear >= HVISOR_RING_SIZE)
		return false;
	*request = bridge->requests[hvisor->front];
	hvisor->front = (hvisor->front + 1) % HVISOR_RING_SIZE;
	atomic_store_explicit((_Atomic uint32_t *)&bridge->req_front, hvisor->front,
			      memory_order_release);
	return true;
}

static uint32_t num_waiting(struct vgpu_hvisor *hvisor)
{
	uint32_t rear = atomic_load_explicit((_Atomic uint32_t *)&hvisor->bridge->req_rear,
					     memory_order_acquire);

	return (rear - hvisor->front) % HVISOR_RING_SIZE;
}

/* Returns whether there was anything to do. */
static bool serve_ring(struct vgpu_hvisor *hvisor)
{
	struct hvisor_request request;
	bool any = false;

	/* A guest that never stops must not keep us from all else. */
	for (int i = 0; i < 4 * HVISOR_RING_SIZE && take(hvisor, &request); i++) {
		answer(hvisor, &request, execute(hvisor, &request));
		any = true;
	}
	return any;
}

static void set_need_wakeup(struct vgpu_hvisor *hvisor, uint8_t value)
{
	atomic_store_explicit(hvisor->need_wakeup, value, memory_order_relaxed);
	/* Before the ring is looked at again. */
	atomic_thread_fence(memory_order_seq_cst);
}

static void drain_wake_fd(const struct vgpu_hvisor *hvisor)
{
	struct signalfd_siginfo info;

	/* An eventfd has 8 bytes to read and a signalfd one record at a time. */
	while (read(hvisor->wake_fd, &info, hvisor->by_signal ? sizeof(info) : 8) > 0)
		;
}

static int sleep_for(struct vgpu_hvisor *hvisor, int timeout_ms, struct pollfd *extra,
		     unsigned int num_extra)
{
	struct pollfd fds[8] = {{.fd = hvisor->wake_fd, .events = POLLIN}};

	if (num_extra > 7)
		return -EINVAL;
	for (unsigned int i = 0; i < num_extra; i++)
		fds[1 + i] = extra[i];
	int ret = poll(fds, 1 + num_extra, timeout_ms);
	if (ret < 0)
		return errno == EINTR ? 0 : -errno;
	for (unsigned int i = 0; i < num_extra; i++)
		extra[i].revents = fds[1 + i].revents;
	if (fds[0].revents != 0)
		drain_wake_fd(hvisor);
	return 0;
}

static bool any_revents(const struct pollfd *extra, unsigned int num_extra)
{
	for (unsigned int i = 0; i < num_extra; i++)
		if (extra[i].revents != 0)
			return true;
	return false;
}

/* Serves the ring until it has been empty for a while, or the time has come. */
static void poll_ring(struct vgpu_hvisor *hvisor, uint64_t until_ns)
{
	uint64_t now = vgpu_now_ns();
	uint64_t idle_at = now + POLL_NS;

	while (now < idle_at && now < until_ns) {
		bool busy = serve_ring(hvisor);

		now = vgpu_now_ns();
		if (busy)
			idle_at = now + POLL_NS;
	}
}

/*
 * One round: polls after there was something, sleeps while there is nothing.
 * Returns 1 if there was something, 0, or a negative errno.
 */
static int round_of(struct vgpu_hvisor *hvisor, uint64_t end, struct pollfd *extra,
		    unsigned int num_extra)
{
	uint64_t now = vgpu_now_ns();
	int left = now < end ? (int)((end - now + 999999) / 1000000) : 0;

	/* Ask for a wake-up, then look once more: one of both sees the other. */
	set_need_wakeup(hvisor, 1);
	bool busy = serve_ring(hvisor);
	int ret = sleep_for(hvisor, busy ? 0 : left < SLEEP_MS ? left : SLEEP_MS, extra, num_extra);
	set_need_wakeup(hvisor, 0);
	busy |= serve_ring(hvisor);
	if (busy)
		poll_ring(hvisor, end);
	return ret < 0 ? ret : busy;
}

int vgpu_hvisor_run(struct vgpu_hvisor *hvisor, int timeout_ms, struct pollfd *extra,
		    unsigned int num_extra)
{
	uint64_t end = vgpu_now_ns() + (uint64_t)timeout_ms * 1000000;
	int ret;

	do {
		vgpu_mmio_poll(hvisor->mmio);
		repeat_interrupt(hvisor);
		ret = round_of(hvisor, end, extra, num_extra);
	} while (ret == 0 && !any_revents(extra, num_extra) && vgpu_now_ns() < end);
	return ret < 0 ? ret : 0;
}

/* ---- set-up ------------------------------------------------------------------------ */

/* Whether a process other than this one has the device mapped: the daemon of old. */
static int find_daemon(pid_t *pid, char *name, size_t size)
{
	DIR *proc = opendir("/proc");
	struct dirent *entry;
	int found = 0;

	if (proc == NULL)
		return 0;
	while (found == 0 && (entry = readdir(proc)) != NULL) {
		char path[300], line[512];
		long number = strtol(entry->d_name, NULL, 10);

		if (number <= 0 || number == (long)getpid())
			continue;
		snprintf(path, sizeof(path), "/proc/%ld/maps", number);
		FILE *maps = fopen(path, "re");
		while (maps != NULL && found == 0 && fgets(line, sizeof(line), maps) != NULL)
			found = strstr(line, " " HVISOR_DEVICE "\n") != NULL;
		if (maps != NULL)
			fclose(maps);
		if (found == 0)
			continue;
		*pid = (pid_t)number;
		snprintf(path, sizeof(path), "/proc/%ld/comm", number);
		FILE *comm = fopen(path, "re");
		if (comm == NULL || fgets(name, (int)size, comm) == NULL)
			snprintf(name, size, "?");
		name[strcspn(name, "\n")] = '\0';
		if (comm != NULL)
			fclose(comm);
	}
	closedir(proc);
	return found;
}

static int open_device(struct vgpu_error *err)
{
	char name[32] = "";
	pid_t pid = 0;
	int fd = open(HVISOR_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0 && errno == ENOENT)
		return vgpu_error_set(err, ENOENT,
				      HVISOR_DEVICE
				      ": not there; this must be the root zone of hvisor, "
				      "with hvisor.ko loaded");
	if (fd < 0 && (errno == EACCES || errno == EPERM))
		return vgpu_error_set(err, errno, HVISOR_DEVICE ": %s; this needs root",
				      strerror(errno));
	if (fd < 0)
		return vgpu_error_set(err, errno, HVISOR_DEVICE ": %s", strerror(errno));
	/* INIT_VIRTIO would take every zone from a daemon that serves it. */
	if (flock(fd, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
		close(fd);
		return vgpu_error_set(err, EBUSY, HVISOR_DEVICE ": another vgpu-record serves it");
	}
	if (find_daemon(&pid, name, sizeof(name)) != 0) {
		close(fd);
		return vgpu_error_set(err, EBUSY,
				      HVISOR_DEVICE ": process %d (%s) serves it; end that first",
				      (int)pid, name);
	}
	return fd;
}

/* The layout is the hypervisor's, which does not tell; its version says what it can be. */
static int choose_layout(struct vgpu_hvisor *hvisor, enum vgpu_bridge_layout wanted,
			 struct vgpu_error *err)
{
	uint64_t version = 0;

	if (wanted != VGPU_BRIDGE_AUTO) {
		hvisor->layout = &layouts[wanted];
		return 0;
	}
	if (ioctl(hvisor->fd, HVISOR_CONFIG_CHECK, &version) != 0) {
		if (errno != EINVAL && errno != ENOTTY)
			return vgpu_error_set(err, errno, "CONFIG_CHECK: %s", strerror(errno));
		hvisor->layout = &layouts[VGPU_BRIDGE_4X4];
		return 0;
	}
	if (version < 2 || version > CONFIG_VERSION_MAX)
		return vgpu_error_set(err, ENOTSUP,
				      "hvisor says version %llu, which had several page layouts; "
				      "give --bridge-layout=32x8, 32x4 or 4x4",
				      (unsigned long long)version);
	hvisor->layout = &layouts[VGPU_BRIDGE_32X8];
	return 0;
}

static int map_memory(struct vgpu_hvisor *hvisor, const struct vgpu_hvisor_options *options,
		      struct vgpu_error *err)
{
	for (unsigned int i = 0; i < options->num_regions; i++) {
		const struct vgpu_hvisor_region *region = &options->regions[i];
		void *host = mmap(NULL, region->size, PROT_READ | PROT_WRITE, MAP_SHARED,
				  hvisor->fd, (off_t)region->zone0_ipa);

		if (host == MAP_FAILED)
			return vgpu_error_set(err, errno, "the zone's memory at 0x%llx: %s",
					      (unsigned long long)region->zone0_ipa,
					      strerror(errno));
		hvisor->ram[hvisor->num_ram] = host;
		hvisor->ram_size[hvisor->num_ram] = region->size;
		hvisor->num_ram++;
		int ret = vgpu_mem_map_add(options->memory, region->zonex_ipa, region->size, host);
		if (ret != 0)
			return vgpu_error_set(err, -ret, "the zone's memory at 0x%llx: %s",
					      (unsigned long long)region->zonex_ipa,
					      strerror(-ret));
	}
	return 0;
}

static int init_bridge(struct vgpu_hvisor *hvisor, struct vgpu_error *err)
{
	/* Some modules return a positive number for an error. */
	int ret = ioctl(hvisor->fd, HVISOR_INIT_VIRTIO);

	if (ret != 0)
		return vgpu_error_set(err, ret < 0 ? errno : ret,
				      "INIT_VIRTIO: %s; does zone 0's device tree have the node "
				      "/hvisor_virtio_device with interrupts?",
				      strerror(ret < 0 ? errno : ret));
	void *page =
		mmap(NULL, HVISOR_BRIDGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, hvisor->fd, 0);
	if (page == MAP_FAILED)
		return vgpu_error_set(err, errno, "the page shared with hvisor: %s",
				      strerror(errno));
	size_t cpus = hvisor->layout->cpus, devices = hvisor->layout->devices;
	uint8_t *values = (uint8_t *)page + offsetof(struct hvisor_bridge, cfg_flags) + 8 * cpus;

	hvisor->bridge = page;
	hvisor->cfg_values = (_Atomic uint64_t *)(void *)values;
	hvisor->need_wakeup = (_Atomic uint8_t *)(values + 8 * cpus + 8 * devices + 1);
	set_need_wakeup(hvisor, 0);
	return 0;
}

/*
 * A daemon that died may have left vCPUs waiting. Each sees that its flag has
 * changed, takes 0 for an answer and goes on. One whose request is in the new
 * page already was freed by that page, and gets its answer instead.
 */
static void free_stuck_cpus(struct vgpu_hvisor *hvisor)
{
	struct hvisor_bridge *bridge = hvisor->bridge;
	uint32_t rear =
		atomic_load_explicit((_Atomic uint32_t *)&bridge->req_rear, memory_order_acquire);
	struct hvisor_request none = {0};
	uint64_t waiting = 0;

	for (uint32_t i = 0; i < rear && i < HVISOR_RING_SIZE; i++)
		waiting |= 1ull << (bridge->requests[i].src_cpu % 64);
	for (none.src_cpu = 0; none.src_cpu < hvisor->layout->cpus; none.src_cpu++)
		if ((waiting >> none.src_cpu & 1) == 0)
			answer(hvisor, &none, 0);
}

bool vgpu_hvisor_by_signal(const struct vgpu_hvisor *hvisor)
{
	return hvisor->by_signal;
}

static int open_wake_fd(struct vgpu_hvisor *hvisor, struct vgpu_error *err)
{
	sigset_t set;

	hvisor->wake_fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (hvisor->wake_fd < 0)
		return vgpu_error_set(err, errno, "eventfd: %s", strerror(errno));
	if (ioctl(hvisor->fd, HVISOR_SET_EVENTFD, hvisor->wake_fd) == 0)
		return 0;
	if (errno != EINVAL && errno != ENOTTY)
		return vgpu_error_set(err, errno, "SET_EVENTFD: %s", strerror(errno));
	close(hvisor->wake_fd);
	sigemptyset(&set);
	sigaddset(&set, HVISOR_SIGNAL);
	hvisor->by_signal = true;
	hvisor->wake_fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (hvisor->wake_fd < 0)
		return vgpu_error_set(err, errno, "signalfd: %s", strerror(errno));
	return 0;
}

/* Modules without SET_EVENTFD send a signal from INIT_VIRTIO on, which would end us. */
static void block_signal(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, HVISOR_SIGNAL);
	sigprocmask(SIG_BLOCK, &set, NULL);
}

static int check_options(const struct vgpu_hvisor_options *options, struct vgpu_error *err)
{
	if (options->len < 0x100 || options->len > UINT32_MAX ||
	    options->base + options->len < options->base)
		return vgpu_error_set(err, EINVAL, "registers at 0x%llx of 0x%llx bytes",
				      (unsigned long long)options->base,
				      (unsigned long long)options->len);
	return vgpu_hvisor_check_memory(HVISOR_DEVICE_TREE, options->regions, options->num_regions,
					err);
}

static int set_up(struct vgpu_hvisor *hvisor, const struct vgpu_hvisor_options *options,
		  struct vgpu_error *err)
{
	int ret = check_options(options, err);

	if (ret != 0)
		return ret;
	hvisor->fd = open_device(err);
	if (hvisor->fd < 0)
		return hvisor->fd;
	ret = choose_layout(hvisor, options->layout, err);
	if (ret == 0)
		ret = map_memory(hvisor, options, err);
	if (ret != 0)
		return ret;
	hvisor->mmio = vgpu_mmio_new(options->device, on_irq, hvisor);
	if (hvisor->mmio == NULL)
		return vgpu_error_set(err, ENOMEM, "out of memory");
	block_signal();
	ret = init_bridge(hvisor, err);
	if (ret == 0)
		ret = open_wake_fd(hvisor, err);
	if (ret == 0)
		free_stuck_cpus(hvisor);
	return ret;
}

struct vgpu_hvisor *vgpu_hvisor_new(const struct vgpu_hvisor_options *options,
				    struct vgpu_error *err)
{
	struct vgpu_hvisor *hvisor = calloc(1, sizeof(*hvisor));

	if (hvisor == NULL) {
		vgpu_error_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	hvisor->log = options->log;
	hvisor->opaque = options->opaque;
	hvisor->zone_id = options->zone_id;
	hvisor->irq = options->irq;
	hvisor->base = options->base;
	hvisor->len = options->len;
	hvisor->fd = -1;
	hvisor->wake_fd = -1;
	if (set_up(hvisor, options, err) == 0)
		return hvisor;
	vgpu_hvisor_free(hvisor);
	return NULL;
}

void vgpu_hvisor_free(struct vgpu_hvisor *hvisor)
{
	if (hvisor == NULL)
		return;
	if (hvisor->bridge != NULL) {
		/*
		 * Nobody may be left waiting for an answer that never comes. What a
		 * vCPU asks after that is for the next daemon: emptying the ring until
		 * it stays empty would answer a busy one 0 for as long as it is fast.
		 */
		struct hvisor_request request;

		set_need_wakeup(hvisor, 0);
		for (uint32_t waiting = num_waiting(hvisor); waiting > 0; waiting--)
			if (take(hvisor, &request))
				answer(hvisor, &request, 0);
		munmap(hvisor->bridge, HVISOR_BRIDGE_SIZE);
	}
	vgpu_mmio_free(hvisor->mmio);
	for (unsigned int i = 0; i < hvisor->num_ram; i++)
		munmap(hvisor->ram[i], hvisor->ram_size[i]);
	if (hvisor->wake_fd >= 0)
		close(hvisor->wake_fd);
	if (hvisor->fd >= 0)
		close(hvisor->fd);
	free(hvisor);
}

int vgpu_hvisor_zones(struct vgpu_hvisor_zone *zones, unsigned int max, struct vgpu_error *err)
{
	uint64_t version;
	int fd = open(HVISOR_DEVICE, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return vgpu_error_set(err, errno, HVISOR_DEVICE ": %s", strerror(errno));
	/* Without CONFIG_CHECK an entry ends before is_err. */
	size_t stride = ioctl(fd, HVISOR_CONFIG_CHECK, &version) == 0
				? sizeof(struct hvisor_zone_info)
				: offsetof(struct hvisor_zone_info, is_err);
	struct hvisor_zone_info *infos = calloc(max, sizeof(*infos));
	struct hvisor_zone_list list = {.count = max, .zones = infos};
	int num = infos != NULL ? ioctl(fd, HVISOR_ZONE_LIST, &list) : -1;
	int code = infos != NULL ? errno : ENOMEM;

	close(fd);
	for (int i = 0; i < num && i < (int)max; i++) {
		struct hvisor_zone_info info = {0};

		memcpy(&info, (const uint8_t *)infos + (size_t)i * stride, stride);
		zones[i] = (struct vgpu_hvisor_zone){
			.id = info.id, .cpus = info.cpus, .failed = info.is_err != 0};
		memcpy(zones[i].name, info.name, sizeof(info.name));
	}
	free(infos);
	if (num < 0)
		return vgpu_error_set(err, code, "ZONE_LIST: %s", strerror(code));
	return num < (int)max ? num : (int)max;
}
