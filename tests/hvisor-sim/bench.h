/* SPDX-License-Identifier: MIT */
/* How long a zone's vCPU is blocked by an access to a register. */
#ifndef HVISOR_SIM_BENCH_H
#define HVISOR_SIM_BENCH_H

/* Prints a line for the polling and one for the sleeping daemon. An exit status. */
int bench_run(void);

#endif
