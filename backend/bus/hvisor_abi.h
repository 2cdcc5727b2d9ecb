/* SPDX-License-Identifier: MIT */
/*
 * What hvisor and the virtio daemon in its root zone agree on: the ioctls of
 * /dev/hvisor and the page that both write. Facts of hvisor v0.1 to v0.4 and of
 * the module of hvisor-tool v0.5; nothing in them carries a version.
 */
#ifndef VGPU_HVISOR_ABI_H
#define VGPU_HVISOR_ABI_H

#include <assert.h>
#include <linux/ioctl.h>
#include <stddef.h>
#include <stdint.h>

#define HVISOR_DEVICE "/dev/hvisor"

/* The magic is the number 1. Arguments of the W ioctls are passed by value. */
#define HVISOR_INIT_VIRTIO  _IO(1, 0)
#define HVISOR_FINISH_REQ   _IO(1, 2)
#define HVISOR_ZONE_LIST    _IOR(1, 5, void *)
#define HVISOR_CONFIG_CHECK _IOR(1, 6, uint64_t *)
#define HVISOR_SET_EVENTFD  _IOW(1, 7, int)

/* What a module without SET_EVENTFD sends to the thread that said INIT_VIRTIO. */
#define HVISOR_SIGNAL 10

struct hvisor_request {
	uint64_t src_cpu; /* physical; index of cfg_flags and cfg_values */
	uint64_t address; /* guest-physical */
	uint64_t size;	  /* 1, 2, 4 or 8 */
	uint64_t value;	  /* of a write; bits beyond size are garbage */
	uint32_t src_zone;
	uint8_t is_write;
	uint8_t need_interrupt; /* 0: the vCPU is blocked until it is answered */
	uint16_t padding;
};
static_assert(sizeof(struct hvisor_request) == 40, "one slot of the request ring");

struct hvisor_result {
	uint32_t target_zone;
	uint32_t irq;
};

#define HVISOR_RING_SIZE 32

/* The part of the page that is the same in every layout. */
struct hvisor_bridge {
	uint32_t req_front; /* the daemon's */
	uint32_t req_rear;  /* the hypervisor's */
	uint32_t res_front; /* the hypervisor's */
	uint32_t res_rear;  /* the daemon's */
	struct hvisor_request requests[HVISOR_RING_SIZE];
	struct hvisor_result results[HVISOR_RING_SIZE];
	uint64_t cfg_flags[];
	/* uint64_t cfg_values[cpus], mmio_addrs[devices]; uint8_t mmio_avail, need_wakeup; */
};
static_assert(offsetof(struct hvisor_bridge, results) == 1296, "result ring");
static_assert(offsetof(struct hvisor_bridge, cfg_flags) == 1552, "flags");

#define HVISOR_BRIDGE_SIZE 4096

struct hvisor_zone_list {
	uint64_t count;
	void *zones;
};

struct hvisor_zone_info {
	uint32_t id;
	uint64_t cpus;
	char name[32];
	uint8_t is_err; /* not with modules that have no CONFIG_CHECK */
};
static_assert(offsetof(struct hvisor_zone_info, is_err) == 48, "the old size");
static_assert(sizeof(struct hvisor_zone_info) == 56, "the new size");

#endif
