/* SPDX-License-Identifier: MIT */
#include "hvisor-sim/internal.h"

#include <errno.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

/* Polls this often without a break, as a vCPU at EL2 does, then leaves CPUs to others. */
#define SPINS 20000

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

static uint64_t deadline_ns(unsigned int timeout_ms)
{
	return now_ns() + timeout_ms * 1000000ull;
}

/* One turn of a wait. False when it has lasted too long. */
static bool wait_turn(unsigned int *turns, uint64_t deadline)
{
	if (++*turns < SPINS)
		return true;
	if (*turns % 64 == 0 && now_ns() > deadline)
		return false;
	if (*turns < 2 * SPINS)
		sched_yield();
	else
		nanosleep(&(struct timespec){.tv_nsec = 20000}, NULL);
	return true;
}

/* ---- findings -------------------------------------------------------------------------- */

void sim_note(struct sim *sim, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	pthread_mutex_lock(&sim->lock);
	char **more = reallocarray(sim->findings, sim->num_findings + 1, sizeof(*sim->findings));
	if (more != NULL) {
		sim->findings = more;
		sim->findings[sim->num_findings] = strdup(text);
		sim->num_findings += sim->findings[sim->num_findings] != NULL;
	}
	pthread_mutex_unlock(&sim->lock);
}

unsigned int sim_num_findings(const struct sim *sim)
{
	return __atomic_load_n(&sim->num_findings, __ATOMIC_ACQUIRE);
}

const char *sim_finding(const struct sim *sim, unsigned int index)
{
	return sim->findings[index];
}

void sim_forget_findings(struct sim *sim)
{
	pthread_mutex_lock(&sim->lock);
	while (sim->num_findings > 0)
		free(sim->findings[--sim->num_findings]);
	pthread_mutex_unlock(&sim->lock);
}

/* Counts; fields of the statistics only. */
static void add(struct sim *sim, uint64_t *counter)
{
	pthread_mutex_lock(&sim->lock);
	++*counter;
	pthread_mutex_unlock(&sim->lock);
}

void sim_stats(struct sim *sim, struct sim_stats *stats)
{
	pthread_mutex_lock(&sim->lock);
	*stats = sim->stats;
	pthread_mutex_unlock(&sim->lock);
}

/* ---- the shared page ------------------------------------------------------------------- */

/* Layouts by the hypervisor's MAX_CPUS and MAX_DEVS; the fields follow each other. */
static struct geometry geometry_of(enum sim_layout layout)
{
	static const struct geometry counts[] = {
		[SIM_32X8] = {.cpus = 32, .devices = 8},
		[SIM_32X4] = {.cpus = 32, .devices = 4},
		[SIM_4X4] = {.cpus = 4, .devices = 4},
	};
	struct geometry geometry = counts[layout];
	size_t mmio_avail = CFG_FLAGS + 16 * (size_t)geometry.cpus + 8 * (size_t)geometry.devices;

	geometry.cfg_values = CFG_FLAGS + 8 * (size_t)geometry.cpus;
	geometry.need_wakeup = mmio_avail + 1;
	geometry.size = (geometry.need_wakeup + 1 + 7) & ~(size_t)7;
	return geometry;
}

static uint32_t *u32_at(uint8_t *page, size_t offset)
{
	return (uint32_t *)(void *)(page + offset);
}

static uint64_t *u64_at(uint8_t *page, size_t offset)
{
	return (uint64_t *)(void *)(page + offset);
}

uint8_t *sim_page(const struct sim *sim)
{
	unsigned int num = __atomic_load_n(&sim->num_pages, __ATOMIC_ACQUIRE);

	return num != 0 ? sim->pages[num - 1].bytes : NULL;
}

static uint64_t flag_of(const struct sim *sim, unsigned int cpu)
{
	return __atomic_load_n(u64_at(sim_page(sim), CFG_FLAGS + 8 * (size_t)cpu),
			       __ATOMIC_ACQUIRE);
}

/* ---- hypercalls ------------------------------------------------------------------------ */

/*
 * hvisor's vCPUs read the page's address in each poll, which takes nanoseconds:
 * none of them misses a page between two system calls of the daemon. Ours are
 * threads that may not be running, so they are waited for.
 */
static void wait_for_polls(struct sim *sim)
{
	uint64_t deadline = deadline_ns(10000);

	for (unsigned int cpu = 0; cpu < MAX_CPUS; cpu++) {
		struct vcpu *vcpu = &sim->vcpus[cpu];
		uint64_t polls = __atomic_load_n(&vcpu->polls, __ATOMIC_ACQUIRE);

		while (__atomic_load_n(&vcpu->blocked, __ATOMIC_ACQUIRE) &&
		       __atomic_load_n(&vcpu->polls, __ATOMIC_ACQUIRE) < polls + 2 &&
		       now_ns() < deadline)
			sched_yield();
	}
}

/* Each INIT_VIRTIO allocates a page and clears what it knows of it, not the rest. */
int sim_init_virtio(struct sim *sim)
{
	unsigned int num = sim->num_pages;
	struct page page;

	if (num == MAX_PAGES)
		return -ENOMEM;
	page.fd = memfd_create("hvisor-bridge", MFD_CLOEXEC);
	if (page.fd < 0 || ftruncate(page.fd, PAGE_SIZE) != 0)
		return -ENOMEM;
	page.bytes = mmap(NULL, PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, page.fd, 0);
	if (page.bytes == MAP_FAILED)
		return -ENOMEM;
	memset(page.bytes + sim->geometry.size, 0xa5, PAGE_SIZE - sim->geometry.size);
	sim->pages[num] = page;
	pthread_mutex_lock(&sim->request_lock);
	__atomic_store_n(&sim->num_pages, num + 1, __ATOMIC_RELEASE);
	pthread_mutex_unlock(&sim->request_lock);
	pthread_mutex_lock(&sim->lock);
	sim->stats.inits++;
	pthread_mutex_unlock(&sim->lock);
	wait_for_polls(sim);
	return 0;
}

/*
 * A list register takes an interrupt unless one of that number is in another,
 * pending or active: then the new one is dropped without a word.
 */
static void deliver_irqs(struct sim *sim)
{
	for (unsigned int i = 0; i < sim->num_listed; i++) {
		uint32_t irq = sim->irq_list[i];

		if (sim->irq_pending[irq] || sim->irq_active[irq]) {
			add(sim, &sim->stats.lost_irqs);
			continue;
		}
		sim->irq_pending[irq] = true;
	}
	sim->num_listed = 0;
	pthread_cond_broadcast(&sim->irq_changed);
}

static void inject(struct sim *sim, uint32_t zone, uint32_t irq)
{
	unsigned int every = sim->options.drop_irq_every;
	bool listed = false;

	if (irq >= MAX_IRQS) {
		sim_note(sim, "interrupt %u injected", irq);
		return;
	}
	/* Skipped since v0.1.2; before that the hypervisor hung. */
	if (zone != ZONE_ID) {
		sim_note(sim, "interrupt %u injected into zone %u, which is not there", irq, zone);
		return;
	}
	add(sim, &sim->stats.irqs);
	if (every != 0 && sim->stats.irqs % every == 0) {
		add(sim, &sim->stats.lost_irqs);
		return;
	}
	pthread_mutex_lock(&sim->irq_lock);
	for (unsigned int i = 0; i < sim->num_listed; i++)
		listed |= sim->irq_list[i] == irq;
	if (!listed && sim->num_listed + 1 >= sim->geometry.devices)
		sim_note(sim, "more than %u interrupts wait: EL2 panic, the root zone is dead",
			 sim->geometry.devices - 1);
	else if (!listed)
		sim->irq_list[sim->num_listed++] = irq;
	/* A CPU that spins at EL2 has its interrupts masked. */
	if (!__atomic_load_n(&sim->vcpus[sim->options.first_cpu].blocked, __ATOMIC_ACQUIRE))
		deliver_irqs(sim);
	pthread_mutex_unlock(&sim->irq_lock);
}

/* Empties the result ring before it returns. */
int sim_finish_req(struct sim *sim)
{
	uint8_t *page = sim_page(sim);

	if (page == NULL) {
		sim_note(sim, "FINISH_REQ before INIT_VIRTIO: EL2 panic, the root zone is dead");
		return -EPERM;
	}
	pthread_mutex_lock(&sim->lock);
	sim->stats.finishes++;
	pthread_mutex_unlock(&sim->lock);
	uint32_t front = *u32_at(page, RES_FRONT);
	uint32_t rear = __atomic_load_n(u32_at(page, RES_REAR), __ATOMIC_ACQUIRE);
	if (rear >= RING_SIZE || front >= RING_SIZE) {
		sim_note(sim, "result ring from %u to %u", front, rear);
		return 0;
	}
	while (front != rear) {
		const uint32_t *result = u32_at(page, RESULTS + 8 * (size_t)front);

		inject(sim, result[0], result[1]);
		front = (front + 1) % RING_SIZE;
		__atomic_store_n(u32_at(page, RES_FRONT), front, __ATOMIC_RELEASE);
	}
	return 0;
}

bool sim_take_irq(struct sim *sim, uint32_t irq, unsigned int timeout_ms)
{
	struct timespec until;

	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += timeout_ms / 1000;
	until.tv_nsec += timeout_ms % 1000 * 1000000;
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_mutex_lock(&sim->irq_lock);
	while (!sim->irq_pending[irq])
		if (pthread_cond_timedwait(&sim->irq_changed, &sim->irq_lock, &until) != 0)
			break;
	bool taken = sim->irq_pending[irq];
	sim->irq_pending[irq] = false;
	sim->irq_active[irq] |= taken;
	pthread_mutex_unlock(&sim->irq_lock);
	return taken;
}

void sim_end_irq(struct sim *sim, uint32_t irq)
{
	pthread_mutex_lock(&sim->irq_lock);
	sim->irq_active[irq] = false;
	pthread_mutex_unlock(&sim->irq_lock);
}

/* ---- trapped accesses ------------------------------------------------------------------ */

static bool in_region(const struct sim *sim, const struct sim_access *access)
{
	const struct sim_options *options = &sim->options;

	return access->address >= options->virtio_base &&
	       access->address - options->virtio_base + access->size <= options->virtio_len;
}

/* The flag as it is before the request is in the ring; and what it must not be. */
static uint64_t sample_flag(struct sim *sim, unsigned int cpu)
{
	struct vcpu *vcpu = &sim->vcpus[cpu];
	uint64_t flag = flag_of(sim, cpu);

	if (vcpu->page != sim->num_pages) {
		/* A daemon may free vCPUs of one that died by one increment each. */
		if (flag > 1)
			sim_note(sim, "cpu %u: flag %llu before its first access", cpu,
				 (unsigned long long)flag);
		vcpu->page = sim->num_pages;
	} else if (flag != vcpu->flag) {
		sim_note(sim,
			 "cpu %u: flag is %llu, not %llu: an increment that no access waited for",
			 cpu, (unsigned long long)flag, (unsigned long long)vcpu->flag);
	}
	vcpu->flag = flag;
	return flag;
}

/* Puts a request into the ring if there is room: 31 slots of 32 can be full. */
static bool push(struct sim *sim, const struct request *request)
{
	uint8_t *page;
	bool full;

	pthread_mutex_lock(&sim->request_lock);
	page = sim_page(sim);
	uint32_t rear = *u32_at(page, REQ_REAR) % RING_SIZE;
	uint32_t front = __atomic_load_n(u32_at(page, REQ_FRONT), __ATOMIC_ACQUIRE);

	if (front >= RING_SIZE)
		sim_note(sim, "the daemon set req_front to %u", front);
	full = (rear + 1) % RING_SIZE == front;
	if (!full) {
		memcpy(page + REQUESTS + sizeof(*request) * rear, request, sizeof(*request));
		__atomic_store_n(u32_at(page, REQ_REAR), (rear + 1) % RING_SIZE, __ATOMIC_RELEASE);
	}
	pthread_mutex_unlock(&sim->request_lock);
	return !full;
}

static int push_or_spin(struct sim *sim, const struct request *request)
{
	uint64_t deadline = deadline_ns(sim->options.timeout_ms);
	unsigned int turns = 0;

	while (!push(sim, request))
		if (!wait_turn(&turns, deadline)) {
			sim_note(sim, "cpu %u: the request ring stayed full",
				 (unsigned int)request->src_cpu);
			return -ETIMEDOUT;
		}
	add(sim, &sim->stats.requests);
	/*
	 * Once, only exactly 1 counts, and as in hvisor nothing keeps this load
	 * from being done before the store of req_rear.
	 */
	uint8_t need = __atomic_load_n(sim_page(sim) + sim->geometry.need_wakeup, __ATOMIC_RELAXED);
	__atomic_thread_fence(__ATOMIC_ACQUIRE);
	if (need == 1)
		module_wake(sim);
	return 0;
}

/* The daemon's answer, which hvisor hands on as it is: 64 bits into the register. */
static void take_answer(struct sim *sim, struct sim_access *access, uint64_t flag,
			unsigned int page)
{
	struct vcpu *vcpu = &sim->vcpus[access->cpu];
	uint64_t now = flag_of(sim, access->cpu);

	if (page == sim->num_pages && now != flag + 1)
		sim_note(sim, "cpu %u: flag went from %llu to %llu", access->cpu,
			 (unsigned long long)flag, (unsigned long long)now);
	vcpu->flag = now;
	vcpu->page = sim->num_pages;
	/* By what daemon the vCPU was freed does not matter: nothing is to be compared. */
	if (page != sim->num_pages)
		vcpu->page = 0;
	if (access->write)
		return;
	access->value = __atomic_load_n(
		u64_at(sim_page(sim), sim->geometry.cfg_values + 8 * (size_t)access->cpu),
		__ATOMIC_RELAXED);
	if (access->size < 8 && access->value >> (8 * access->size) != 0)
		sim_note(sim, "read of %u bytes at 0x%llx was answered 0x%llx", access->size,
			 (unsigned long long)access->address, (unsigned long long)access->value);
}

static int wait_for_answer(struct sim *sim, struct sim_access *access, uint64_t flag,
			   unsigned int page)
{
	struct vcpu *vcpu = &sim->vcpus[access->cpu];
	uint64_t deadline = deadline_ns(sim->options.timeout_ms);
	unsigned int turns = 0;

	while (flag_of(sim, access->cpu) == flag) {
		__atomic_add_fetch(&vcpu->polls, 1, __ATOMIC_RELEASE);
		if (!wait_turn(&turns, deadline)) {
			sim_note(sim, "cpu %u: %s of 0x%llx was never answered", access->cpu,
				 access->write ? "write" : "read",
				 (unsigned long long)access->address);
			vcpu->page = 0;
			return -ETIMEDOUT;
		}
	}
	take_answer(sim, access, flag, page);
	return 0;
}

static int trap(struct sim *sim, struct sim_access *access)
{
	const uint64_t garbage = 0xfedcba9876543210;
	struct request request = {
		.src_cpu = access->cpu,
		.address = access->address,
		.size = access->size,
		.value = access->write ? access->value : 0,
		.src_zone = ZONE_ID,
		.is_write = access->write,
		/* By the offset in the zone's region, not in the device; of reads too. */
		.need_interrupt = access->address - sim->options.virtio_base == 0x50,
	};
	unsigned int page = __atomic_load_n(&sim->num_pages, __ATOMIC_ACQUIRE);
	uint64_t flag = sample_flag(sim, access->cpu);

	/* The whole source register is sent, whatever the size of the store. */
	if (access->write && access->size < 8 && !sim->options.clean_values)
		request.value = (access->value & ((1ull << 8 * access->size) - 1)) |
				garbage << 8 * access->size;
	int ret = push_or_spin(sim, &request);
	if (ret < 0 || request.need_interrupt != 0) {
		/* A read that nobody answers gives 0 at once. */
		if (!access->write)
			access->value = 0;
		return ret;
	}
	return wait_for_answer(sim, access, flag, page);
}

int sim_access(struct sim *sim, struct sim_access *access)
{
	struct vcpu *vcpu = &sim->vcpus[access->cpu];
	int ret;

	/* The instruction is skipped, the register stays, and the zone's status is "error". */
	if (!in_region(sim, access)) {
		sim->zone_failed = true;
		return -EFAULT;
	}
	if (sim_page(sim) == NULL) {
		sim_note(sim, "cpu %u: access before INIT_VIRTIO: EL2 panic, the CPU is lost",
			 access->cpu);
		return -ENODEV;
	}
	if (__atomic_exchange_n(&vcpu->blocked, true, __ATOMIC_ACQ_REL)) {
		sim_note(sim, "cpu %u: two accesses at once: the test is wrong", access->cpu);
		return -EBUSY;
	}
	__atomic_store_n(&vcpu->polls, 0, __ATOMIC_RELAXED);
	ret = trap(sim, access);
	__atomic_store_n(&vcpu->blocked, false, __ATOMIC_RELEASE);
	if (access->cpu == sim->options.first_cpu) {
		pthread_mutex_lock(&sim->irq_lock);
		deliver_irqs(sim);
		pthread_mutex_unlock(&sim->irq_lock);
	}
	return ret;
}

int sim_read(struct sim *sim, unsigned int cpu, uint64_t address, unsigned int size,
	     uint64_t *value)
{
	struct sim_access access = {
		.cpu = cpu,
		.address = address,
		.size = size,
		.value = *value,
	};
	int ret = sim_access(sim, &access);

	*value = access.value;
	return ret;
}

int sim_write(struct sim *sim, unsigned int cpu, uint64_t address, unsigned int size,
	      uint64_t value)
{
	struct sim_access access = {
		.cpu = cpu,
		.write = true,
		.address = address,
		.size = size,
		.value = value,
	};

	return sim_access(sim, &access);
}

/* ---- the whole ------------------------------------------------------------------------- */

void sim_check_idle(struct sim *sim)
{
	uint8_t *page = sim_page(sim);

	if (page == NULL)
		return;
	for (unsigned int cpu = 0; cpu < sim->geometry.cpus; cpu++) {
		const struct vcpu *vcpu = &sim->vcpus[cpu];
		uint64_t flag = flag_of(sim, cpu);

		if (vcpu->page != sim->num_pages ? flag > 1 + (vcpu->page == 0)
						 : flag != vcpu->flag)
			sim_note(sim, "cpu %u: flag is %llu at the end", cpu,
				 (unsigned long long)flag);
	}
	if (*u32_at(page, RES_FRONT) != *u32_at(page, RES_REAR))
		sim_note(sim, "interrupts in the result ring without a FINISH_REQ");
}

static bool wait_for(bool (*done)(struct sim *sim, unsigned int which), struct sim *sim,
		     unsigned int which, unsigned int timeout_ms)
{
	uint64_t deadline = deadline_ns(timeout_ms);

	while (!done(sim, which)) {
		if (now_ns() > deadline)
			return false;
		nanosleep(&(struct timespec){.tv_nsec = 200000}, NULL);
	}
	return true;
}

static bool is_ready(struct sim *sim, unsigned int inits)
{
	return __atomic_load_n(&sim->num_pages, __ATOMIC_ACQUIRE) > inits &&
	       __atomic_load_n(sim_page(sim) + sim->geometry.need_wakeup, __ATOMIC_ACQUIRE) == 1;
}

bool sim_wait_ready(struct sim *sim, unsigned int inits, unsigned int timeout_ms)
{
	return wait_for(is_ready, sim, inits, timeout_ms);
}

static bool is_blocked(struct sim *sim, unsigned int cpu)
{
	const struct vcpu *vcpu = &sim->vcpus[cpu];

	return __atomic_load_n(&vcpu->blocked, __ATOMIC_ACQUIRE) &&
	       __atomic_load_n(&vcpu->polls, __ATOMIC_ACQUIRE) > 0;
}

bool sim_wait_blocked(struct sim *sim, unsigned int cpu, unsigned int timeout_ms)
{
	return wait_for(is_blocked, sim, cpu, timeout_ms);
}

void *sim_ram(struct sim *sim, uint64_t gpa, uint64_t len)
{
	const struct sim_options *options = &sim->options;
	uint64_t offset = gpa - options->zonex_ipa;

	if (gpa < options->zonex_ipa || offset > options->ram_size ||
	    len > options->ram_size - offset)
		return NULL;
	return sim->ram + offset;
}

void sim_default_options(struct sim_options *options)
{
	*options = (struct sim_options){
		.layout = SIM_32X8,
		.config_version = 5,
		.virtio_base = 0xa000000,
		.virtio_len = 0x4000,
		.zone0_ipa = 0x50000000,
		.zonex_ipa = 0x40000000,
		.ram_size = 0x30000000,
		.first_cpu = 2,
		.timeout_ms = 60000,
	};
}

static int open_ram(struct sim *sim)
{
	sim->ram_fd = memfd_create("zone-ram", MFD_CLOEXEC);
	if (sim->ram_fd < 0 || ftruncate(sim->ram_fd, (off_t)sim->options.ram_size) != 0)
		return -1;
	void *ram = mmap(NULL, sim->options.ram_size, PROT_READ | PROT_WRITE, MAP_SHARED,
			 sim->ram_fd, 0);
	if (ram == MAP_FAILED)
		return -1;
	sim->ram = ram;
	return 0;
}

struct sim *sim_new(const struct sim_options *options, const char *folder)
{
	struct sim *sim = calloc(1, sizeof(*sim));

	if (sim == NULL)
		return NULL;
	sim->options = *options;
	sim->geometry = geometry_of(options->layout);
	sim->ram_fd = -1;
	sim->wake_fd = -1;
	pthread_mutex_init(&sim->request_lock, NULL);
	pthread_mutex_init(&sim->irq_lock, NULL);
	pthread_cond_init(&sim->irq_changed, NULL);
	pthread_mutex_init(&sim->lock, NULL);
	if (open_ram(sim) == 0)
		sim->module = module_new(sim, folder);
	if (sim->module != NULL)
		return sim;
	fprintf(stderr, "hvisor-sim: %s: %s\n", folder, strerror(errno));
	sim_free(sim);
	return NULL;
}

void sim_free(struct sim *sim)
{
	if (sim == NULL)
		return;
	module_free(sim->module);
	for (unsigned int i = 0; i < sim->num_pages; i++) {
		munmap(sim->pages[i].bytes, PAGE_SIZE);
		close(sim->pages[i].fd);
	}
	if (sim->ram != NULL)
		munmap(sim->ram, sim->options.ram_size);
	if (sim->ram_fd >= 0)
		close(sim->ram_fd);
	if (sim->wake_fd >= 0)
		close(sim->wake_fd);
	sim_forget_findings(sim);
	free(sim->findings);
	free(sim);
}

const char *sim_socket(const struct sim *sim)
{
	return module_socket(sim->module);
}
