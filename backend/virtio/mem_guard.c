/* SPDX-License-Identifier: MIT */
#include "virtio/mem_guard.h"

#include "vgpu.h"

#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>

/* Thirty front ends that send as many regions as they may. */
#define MAX_GUARDS 256

/* Of a bool that is not so everywhere: RISC-V has instructions for words only. */
_Static_assert(ATOMIC_POINTER_LOCK_FREE == 2 && ATOMIC_LONG_LOCK_FREE == 2 &&
		       ATOMIC_INT_LOCK_FREE == 2,
	       "a signal handler waits for no lock");

/* A signal handler finds nothing but what is global. */
static struct guard {
	atomic_int taken;	 /* 0 or 1 */
	_Atomic uintptr_t begin; /* 0: nothing is guarded */
	_Atomic size_t len;
	atomic_int lost;
} guards[MAX_GUARDS];

static struct sigaction before;

int vgpu_mem_guard_add(void *begin, size_t len)
{
	for (int i = 0; i < MAX_GUARDS; i++) {
		if (atomic_exchange(&guards[i].taken, 1))
			continue;
		guards[i].lost = 0;
		guards[i].len = len;
		guards[i].begin = (uintptr_t)begin;
		return i;
	}
	return -ENOMEM;
}

void vgpu_mem_guard_remove(int guard)
{
	guards[guard].begin = 0;
	guards[guard].taken = 0;
}

bool vgpu_mem_guard_lost(int guard)
{
	return guards[guard].lost != 0;
}

static struct guard *find(uintptr_t address)
{
	for (int i = 0; i < MAX_GUARDS; i++) {
		uintptr_t begin = guards[i].begin;

		if (begin != 0 && address >= begin && address - begin < guards[i].len)
			return &guards[i];
	}
	return NULL;
}

/* All of the mapping: huge pages are replaced in no smaller pieces. */
static bool replace(struct guard *guard)
{
	guard->lost = 1;
	/* No function of the standard's async-signal-safe ones, but a mere system call. */
	return mmap((void *)guard->begin, guard->len, PROT_READ | PROT_WRITE,
		    MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0) != MAP_FAILED;
}

static void on_bus_error(int signal, siginfo_t *info, void *context)
{
	int saved = errno;
	bool sent = info->si_code <= 0; /* by a process */
	struct guard *guard = sent ? NULL : find((uintptr_t)info->si_addr);

	(void)context;
	if (guard == NULL || !replace(guard)) {
		/* It happens again at once, and then what would have happened. */
		sigaction(signal, &before, NULL);
		if (sent)
			raise(signal);
	}
	errno = saved;
}

void vgpu_mem_guard_start(void)
{
	struct sigaction action = {.sa_sigaction = on_bus_error, .sa_flags = SA_SIGINFO};

	sigaction(SIGBUS, &action, &before);
}
