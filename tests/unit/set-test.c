/* SPDX-License-Identifier: MIT */
/* The sets of the replayer, with members that a hostile trace would choose. */
#include "id_set.h"
#include "trace_tools.h"
#include "unit.h"

#include <stdbool.h>
#include <string.h>
#include <time.h>

extern const struct unit_suite set_suite;

#define HASHES 0x7fffu
#define IDS    0x1ffffu
/* So many times what harmless members take; comparing each with all others takes thousands. */
#define TIMES 20

/* Of this process, since others may want the machine as well. */
static uint64_t cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static uint64_t scramble(uint64_t number)
{
	number *= 0x9e3779b97f4a7c15;
	return number ^ number >> 29;
}

/* Adds hashes that differ in the bytes from place on alone, or everywhere: what that takes. */
static uint64_t add_hashes(size_t place, bool harmless, uint64_t limit_ns)
{
	struct vgpu_hash_set set = {.count = 0};
	uint64_t begin = cpu_ns(), taken = 0;

	for (uint32_t i = 1; i <= HASHES && taken < limit_ns; i++) {
		struct vgpu_frame_hash hash = {{0}};
		const uint64_t number = scramble(i);

		if (harmless)
			memcpy(hash.bytes, (const uint64_t[]){number, scramble(number)}, 16);
		else
			memcpy(hash.bytes + place, &i, sizeof(i));
		int first = vgpu_hash_set_add(&set, &hash);
		int second = vgpu_hash_set_add(&set, &hash);
		if (first != 1 || second != 0)
			CU_FAIL("a hash is new once");
		taken = cpu_ns() - begin;
	}
	CU_ASSERT_EQUAL(set.count, HASHES);
	vgpu_hash_set_fini(&set);
	return taken;
}

static void equal_halves_of_hashes_cost_no_time(void)
{
	uint64_t limit_ns = TIMES * add_hashes(0, true, UINT64_MAX);

	/* First those that agree in the first bytes, then those that agree in the last. */
	CU_ASSERT_TRUE(add_hashes(12, false, limit_ns) < limit_ns);
	CU_ASSERT_TRUE(add_hashes(0, false, limit_ns) < limit_ns);
}

/* Adds ids that are multiples of step, and looks for them: what that takes. */
static uint64_t add_ids(uint32_t step, uint64_t limit_ns)
{
	struct vgpu_id_set set = {.count = 0};
	uint64_t begin = cpu_ns(), taken = 0;

	for (uint32_t i = 1; i <= IDS && taken < limit_ns; i++) {
		if (vgpu_id_set_add(&set, i * step) != 0)
			CU_FAIL("there is memory");
		taken = cpu_ns() - begin;
	}
	CU_ASSERT_EQUAL(set.count, IDS);
	for (uint32_t i = 1; i <= IDS && taken < limit_ns; i++) {
		if (!vgpu_id_set_has(&set, i * step) || vgpu_id_set_has(&set, (IDS + i) * step + 1))
			CU_FAIL("what was added is there, and nothing else");
		taken = cpu_ns() - begin;
	}
	vgpu_id_set_fini(&set);
	return taken;
}

static void ids_of_one_remainder_cost_no_time(void)
{
	uint64_t limit_ns = TIMES * add_ids(7, UINT64_MAX);

	CU_ASSERT_TRUE(add_ids(1u << 15, limit_ns) < limit_ns);
}

static void ids_that_go_leave_the_others(void)
{
	struct vgpu_id_set set = {.count = 0};

	for (uint32_t id = 1; id < 2000; id++)
		CU_ASSERT_EQUAL(vgpu_id_set_add(&set, id), 0);
	for (uint32_t id = 1; id < 2000; id += 2)
		vgpu_id_set_remove(&set, id);
	vgpu_id_set_remove(&set, 5000);
	for (uint32_t id = 1; id < 2000; id++)
		CU_ASSERT_EQUAL(vgpu_id_set_has(&set, id), id % 2 == 0);
	CU_ASSERT_EQUAL(set.count, 999);
	CU_ASSERT_EQUAL(vgpu_id_set_add(&set, 0), 0);
	CU_ASSERT_FALSE(vgpu_id_set_has(&set, 0));
	vgpu_id_set_clear(&set);
	CU_ASSERT_FALSE(vgpu_id_set_has(&set, 2));
	vgpu_id_set_fini(&set);
}

static const struct unit_test tests[] = {
	{"equal halves of hashes cost no time", equal_halves_of_hashes_cost_no_time},
	{"ids of one remainder cost no time", ids_of_one_remainder_cost_no_time},
	{"ids that go leave the others", ids_that_go_leave_the_others},
	{NULL, NULL},
};

const struct unit_suite set_suite = {"set", tests};
