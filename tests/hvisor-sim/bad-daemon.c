/* SPDX-License-Identifier: MIT */
/*
 * The smallest daemon that a zone can have, with one fault, for the simulator's
 * own tests:
 *
 *   bad-daemon FAULT
 */
#include <fcntl.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define INIT_VIRTIO _IO(1, 0)
#define FINISH_REQ  _IO(1, 2)

/* Layout 32x8. */
struct bridge {
	uint32_t req_front, req_rear, res_front, res_rear;
	struct {
		uint64_t src_cpu, address, size, value;
		uint32_t src_zone;
		uint8_t is_write, need_interrupt;
		uint16_t padding;
	} requests[32];
	struct {
		uint32_t zone, irq;
	} results[32];
	uint64_t cfg_flags[32], cfg_values[32], mmio_addrs[8];
	uint8_t mmio_avail, need_wakeup;
};
_Static_assert(sizeof(struct bridge) == 2136, "the page as hvisor v0.4 knows it");

static const char *fault;

static bool has(const char *name)
{
	return strcmp(fault, name) == 0;
}

static void answer(struct bridge *bridge, uint64_t cpu)
{
	bridge->cfg_values[cpu] = has("unmasked") ? 0x1234567874726976 : 0x74726976;
	__atomic_store_n(&bridge->cfg_flags[cpu], bridge->cfg_flags[cpu] + (has("twice") ? 2 : 1),
			 __ATOMIC_RELEASE);
}

static void serve(struct bridge *bridge)
{
	uint32_t front = bridge->req_front % 32;

	if (__atomic_load_n(&bridge->req_rear, __ATOMIC_ACQUIRE) == front)
		return;
	if (has("never"))
		return;
	uint64_t cpu = bridge->requests[front].src_cpu;
	bool blocks = bridge->requests[front].need_interrupt == 0;
	__atomic_store_n(&bridge->req_front, has("front") ? front + 64 : (front + 1) % 32,
			 __ATOMIC_RELEASE);
	if ((blocks || has("async")) && (cpu == 2 || !has("one-cpu")))
		answer(bridge, cpu);
}

/* Whether the simulator let it pass, as the real module does. */
static bool use_early(int fd)
{
	if (has("early-finish"))
		ioctl(fd, FINISH_REQ);
	if (has("early-map"))
		return mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0) != MAP_FAILED;
	if (has("foreign"))
		return mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0x48000000) !=
		       MAP_FAILED;
	return true;
}

int main(int argc, char **argv)
{
	int fd = open("/dev/hvisor", O_RDWR | O_CLOEXEC);

	if (argc != 2 || fd < 0)
		return 2;
	fault = argv[1];
	if (!use_early(fd) || ioctl(fd, INIT_VIRTIO) != 0)
		return 2;
	struct bridge *bridge = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (bridge == MAP_FAILED)
		return 2;
	if (has("unfinished"))
		bridge->res_rear = 1;
	__atomic_store_n(&bridge->need_wakeup, 1, __ATOMIC_SEQ_CST);
	/* Ends itself if nobody does. */
	for (int i = 0; i < 20 * 10000; i++) {
		serve(bridge);
		usleep(100);
	}
	close(fd);
	return 0;
}
