/* SPDX-License-Identifier: MIT */
/* What tests of several topics do with a machine, a daemon and a guest. */
#ifndef HVISOR_SIM_SESSION_H
#define HVISOR_SIM_SESSION_H

#include "hvisor-sim/fixture.h"
#include "hvisor-sim/guest.h"

#include <pthread.h>

#define MAGIC 0x74726976

enum guest_kind {
	RUXOS_0_4,
	RUXOS_0_11,
	LINUX_6_1,
};

/* One device, one region: a notify does not block the vCPU. */
void use_device_region(struct fixture *fixture);
/* As hvisor's own examples have it: memory where it is, and a region for each device. */
void use_linux_zone(struct fixture *fixture);

/* Boots a guest with a pause between its steps, and asserts that it gets through. */
struct guest *boot_guest(struct fixture *fixture, enum guest_kind kind, unsigned int pause_us);
/*
 * Asserts that the recording has so many segments and what the guest did, that its
 * frames are what the guest drew, and that it replays.
 */
void check_recording(const struct fixture *fixture, const struct guest *guest, unsigned int starts);
/* A whole session of one guest on this machine, which is opened and closed. */
void run_guest(struct fixture *fixture, enum guest_kind kind, unsigned int pause_us);

/* Accesses of a vCPU while the test does something else. */
struct vcpu_job {
	struct sim *sim;
	unsigned int cpu;
	uint64_t address, value;
	unsigned int count;
	bool write;
	/* What came of it. */
	unsigned int wrong;
	int ret;
	uint64_t got;
};

pthread_t start_vcpu(struct vcpu_job *job);

#endif
