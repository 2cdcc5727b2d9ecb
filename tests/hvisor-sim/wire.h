/* SPDX-License-Identifier: MIT */
/*
 * What the preload library in the daemon and the simulator say to each other
 * over a SOCK_SEQPACKET socket: one system call on /dev/hvisor, and its result.
 * A descriptor may come with either.
 */
#ifndef HVISOR_SIM_WIRE_H
#define HVISOR_SIM_WIRE_H

#include <stdint.h>

/* The path of the socket, in the daemon's environment. */
#define SIM_ENV_SOCKET "HVISOR_SIM_SOCKET"
/* Beside the socket: what stands for /dev/hvisor and for /proc/device-tree. */
#define SIM_NODE_SUFFIX ".node"
#define SIM_TREE_SUFFIX ".tree"
/* And, with a process ID behind it, what /proc/PID/maps says instead. */
#define SIM_MAPS_SUFFIX ".maps-"

enum sim_call {
	SIM_IOCTL,
	SIM_MMAP,
};

struct sim_request {
	uint32_t call;
	int32_t tid; /* the thread that calls: INIT_VIRTIO remembers it */
	uint64_t command;
	uint64_t argument; /* by value; of ZONE_LIST the number of entries there is room for */
	uint64_t offset, len;
	uint32_t prot, flags;
};

#define SIM_DATA_MAX 2048

struct sim_reply {
	int32_t result;	 /* of the system call */
	int32_t error;	 /* errno if it is negative */
	uint64_t offset; /* in the descriptor that comes along; without one nothing is there */
	uint32_t data_len;
	uint8_t data[SIM_DATA_MAX]; /* what an ioctl writes to its argument */
};

#endif
