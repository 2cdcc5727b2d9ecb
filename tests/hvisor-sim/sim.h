/* SPDX-License-Identifier: MIT */
/*
 * A simulated hvisor with one zone, for tests of the daemon where there is no
 * hypervisor. It imitates hvisor v0.4 with the module of hvisor-tool v0.5, as
 * seen running, and by options the older ones; the comments in sim.c name each
 * fact. What a real machine would not survive, or would get a guest stuck, is
 * written down as a finding, and every wait ends.
 *
 * A vCPU is whoever calls sim_access() with its number: one thread at a time.
 */
#ifndef HVISOR_SIM_H
#define HVISOR_SIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct sim;

enum sim_layout {
	SIM_32X8,
	SIM_32X4,
	SIM_4X4,
};

struct sim_options {
	enum sim_layout layout;
	/* What CONFIG_CHECK gives; 0: a module that does not know it. */
	uint64_t config_version;
	bool by_signal;	   /* a module before SET_EVENTFD: it sends signal 10 */
	int init_result;   /* what INIT_VIRTIO returns instead of doing anything */
	bool no_such_node; /* /dev/hvisor is not there */

	uint64_t virtio_base, virtio_len; /* the zone's one virtio region */
	uint64_t zone0_ipa, zonex_ipa, ram_size;
	unsigned int first_cpu; /* of the zone's CPUs, physical */

	unsigned int drop_wake_every; /* loses every n-th wake-up; 0: none */
	unsigned int wake_busy_us;    /* loses those that come sooner than this after another */
	unsigned int drop_irq_every;  /* loses every n-th interrupt; 0: none */
	bool clean_values;	      /* no garbage above the size of a written value */
	unsigned int timeout_ms;      /* for the daemon to answer an access */
};

/* hvisor v0.4, tool v0.5, and the zone of the RuxOS example: one big virtio region. */
void sim_default_options(struct sim_options *options);

/* folder: for the socket, kept by the caller. NULL with a sentence on stderr. */
struct sim *sim_new(const struct sim_options *options, const char *folder);
void sim_free(struct sim *sim);

/* The value of SIM_ENV_SOCKET for the daemon. */
const char *sim_socket(const struct sim *sim);
/* The zone's memory; NULL outside it. */
void *sim_ram(struct sim *sim, uint64_t gpa, uint64_t len);
/*
 * Waits until there were more INIT_VIRTIO than inits, and the daemon that came
 * asks for wake-ups, which it does when all is set up.
 */
bool sim_wait_ready(struct sim *sim, unsigned int inits, unsigned int timeout_ms);
/* Waits until the vCPU is stuck in an access. */
bool sim_wait_blocked(struct sim *sim, unsigned int cpu, unsigned int timeout_ms);

struct sim_access {
	unsigned int cpu; /* physical */
	bool write;
	uint64_t address;
	unsigned int size;
	uint64_t value; /* to write; what was read */
};

/*
 * A guest's load or store. -EFAULT: in no virtio region, value is as it was;
 * -ENODEV: before INIT_VIRTIO, the CPU is lost; -ETIMEDOUT: the daemon did not
 * answer. The last two are findings.
 */
int sim_access(struct sim *sim, struct sim_access *access);
int sim_read(struct sim *sim, unsigned int cpu, uint64_t address, unsigned int size,
	     uint64_t *value);
int sim_write(struct sim *sim, unsigned int cpu, uint64_t address, unsigned int size,
	      uint64_t value);

/*
 * Takes an interrupt as the guest's CPU does, which makes it active until
 * sim_end_irq(). False if none came in time.
 */
bool sim_take_irq(struct sim *sim, uint32_t irq, unsigned int timeout_ms);
void sim_end_irq(struct sim *sim, uint32_t irq);

/* Compares what can only be known when nothing is going on. */
void sim_check_idle(struct sim *sim);
unsigned int sim_num_findings(const struct sim *sim);
const char *sim_finding(const struct sim *sim, unsigned int index);
/* A test made it on purpose. */
void sim_forget_findings(struct sim *sim);

struct sim_stats {
	unsigned int inits, finishes;
	uint64_t requests, wakes, lost_wakes, irqs, lost_irqs;
};

void sim_stats(struct sim *sim, struct sim_stats *stats);

#endif
