/* SPDX-License-Identifier: MIT */
/* What the hypervisor (sim.c) and the root zone's kernel module (module.c) share. */
#ifndef HVISOR_SIM_INTERNAL_H
#define HVISOR_SIM_INTERNAL_H

#include "hvisor-sim/sim.h"

#include <pthread.h>

#define MAX_CPUS  32
#define MAX_IRQS  1024
#define MAX_PAGES 64
#define RING_SIZE 32
#define PAGE_SIZE 4096
#define ZONE_ID	  1

/* Where the fields of the shared page are. */
enum {
	REQ_FRONT = 0,
	REQ_REAR = 4,
	RES_FRONT = 8,
	RES_REAR = 12,
	REQUESTS = 16,
	RESULTS = 1296,
	CFG_FLAGS = 1552,
};

struct geometry {
	unsigned int cpus, devices;
	size_t cfg_values, need_wakeup, size;
};

/* One access, as it lies in the request ring. */
struct request {
	uint64_t src_cpu, address, size, value;
	uint32_t src_zone;
	uint8_t is_write, need_interrupt;
	uint16_t padding;
};
_Static_assert(sizeof(struct request) == 40, "one slot of the request ring");

struct page {
	uint8_t *bytes;
	int fd;
};

struct vcpu {
	bool blocked;
	uint64_t polls;	   /* of its flag, while it is blocked */
	unsigned int page; /* that flag was last seen in, counted from 1 */
	uint64_t flag;	   /* as it must be at the next access */
};

struct sim {
	struct sim_options options;
	struct geometry geometry;
	uint8_t *ram;
	int ram_fd;

	/* The pages of all INIT_VIRTIO, none of which is ever freed. num_pages is atomic. */
	struct page pages[MAX_PAGES];
	unsigned int num_pages;

	pthread_mutex_t request_lock; /* of the ring's producers */
	struct vcpu vcpus[MAX_CPUS];
	bool zone_failed; /* an access was in no region */

	pthread_mutex_t irq_lock;
	pthread_cond_t irq_changed;
	uint32_t irq_list[8]; /* waits for the zone's first CPU to leave its access */
	unsigned int num_listed;
	bool irq_pending[MAX_IRQS], irq_active[MAX_IRQS];

	pthread_mutex_t lock; /* of all below */
	char **findings;
	unsigned int num_findings;
	struct sim_stats stats;
	int wake_fd;			 /* the registered eventfd */
	pid_t task_process, task_thread; /* that called INIT_VIRTIO last */
	uint64_t woken_at;

	struct module *module;
};

void sim_note(struct sim *sim, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* The page in use, or NULL before the first INIT_VIRTIO. */
uint8_t *sim_page(const struct sim *sim);

/* ---- hypercalls, and what the module is told ------------------------------------------- */

/* Hypercall 0, with a fresh page. */
int sim_init_virtio(struct sim *sim);
/* Hypercall 1. */
int sim_finish_req(struct sim *sim);

/* Virtual interrupt 64 in the root zone: wakes the daemon as the module does. */
void module_wake(struct sim *sim);
struct module *module_new(struct sim *sim, const char *folder);
void module_free(struct module *module);
const char *module_socket(const struct module *module);

#endif
