/* SPDX-License-Identifier: MIT */
/* The vhost-user messages that a virtio-gpu device sees, as they lie on the wire. */
#ifndef VGPU_VHOST_USER_H
#define VGPU_VHOST_USER_H

#include <linux/vhost_types.h>
#include <stdint.h>

enum {
	VHOST_USER_GET_FEATURES = 1,
	VHOST_USER_SET_FEATURES = 2,
	VHOST_USER_SET_OWNER = 3,
	VHOST_USER_RESET_OWNER = 4,
	VHOST_USER_SET_MEM_TABLE = 5,
	VHOST_USER_SET_VRING_NUM = 8,
	VHOST_USER_SET_VRING_ADDR = 9,
	VHOST_USER_SET_VRING_BASE = 10,
	VHOST_USER_GET_VRING_BASE = 11,
	VHOST_USER_SET_VRING_KICK = 12,
	VHOST_USER_SET_VRING_CALL = 13,
	VHOST_USER_SET_VRING_ERR = 14,
	VHOST_USER_GET_PROTOCOL_FEATURES = 15,
	VHOST_USER_SET_PROTOCOL_FEATURES = 16,
	VHOST_USER_GET_QUEUE_NUM = 17,
	VHOST_USER_SET_VRING_ENABLE = 18,
	VHOST_USER_GET_CONFIG = 24,
	VHOST_USER_SET_CONFIG = 25,
	VHOST_USER_GPU_SET_SOCKET = 33,
	VHOST_USER_RESET_DEVICE = 34,
};

#define VHOST_USER_VERSION	0x1u
#define VHOST_USER_VERSION_MASK 0x3u
#define VHOST_USER_REPLY	0x4u
#define VHOST_USER_NEED_REPLY	0x8u

/* Feature bit of the vhost-user connection itself; the guest never sees it. */
#define VHOST_USER_F_PROTOCOL_FEATURES 30

#define VHOST_USER_PROTOCOL_F_MQ	   0
#define VHOST_USER_PROTOCOL_F_REPLY_ACK	   3
#define VHOST_USER_PROTOCOL_F_CONFIG	   9
#define VHOST_USER_PROTOCOL_F_RESET_DEVICE 13

#define VHOST_USER_MAX_REGIONS	   8
#define VHOST_USER_MAX_CONFIG_SIZE 256
#define VHOST_USER_VRING_INDEX	   0xffu
#define VHOST_USER_VRING_NO_FD	   0x100u

struct vhost_user_header {
	uint32_t request, flags, size;
};

struct vhost_user_region {
	uint64_t gpa, size, user_addr, mmap_offset;
};

struct vhost_user_mem_table {
	uint32_t num, padding;
	struct vhost_user_region regions[VHOST_USER_MAX_REGIONS];
};

struct vhost_user_config {
	uint32_t offset, size, flags;
	uint8_t bytes[VHOST_USER_MAX_CONFIG_SIZE];
};

union vhost_user_payload {
	uint64_t u64;
	struct vhost_vring_state state;
	struct vhost_vring_addr addr;
	struct vhost_user_mem_table table;
	struct vhost_user_config config;
};

_Static_assert(sizeof(struct vhost_user_header) == 12, "wire size");
_Static_assert(sizeof(struct vhost_vring_state) == 8, "wire size");
_Static_assert(sizeof(struct vhost_vring_addr) == 40, "wire size");
_Static_assert(sizeof(struct vhost_user_region) == 32, "wire size");
_Static_assert(sizeof(struct vhost_user_mem_table) == 8 + 32 * 8, "wire size");
_Static_assert(sizeof(struct vhost_user_config) == 12 + 256, "wire size");

#endif
