/* SPDX-License-Identifier: MIT */
/* The sets of the replayer, with members that a hostile trace would choose. */
#include "id_set.h"
#include "trace_tools.h"
#include "unit.h"

#include <string.h>
#include <time.h>

extern const struct unit_suite set_suite;

#define HASHES 0x7fffu
#define IDS    0x1ffffu
/* A hundred times what it takes, and less than it takes to compare each with all others. */
#define LONG_NS 1000000000ull

/* Of this process, since others may want the machine as well. */
static uint64_t cpu_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
	return (uint64_t)time.tv_sec * 1000000000u + (uint64_t)time.tv_nsec;
}

static void equal_halves_of_hashes_cost_no_time(void)
{
	/* First those that agree in the first bytes, then those that agree in the last. */
	for (size_t place = 0; place < 16; place += 12) {
		struct vgpu_hash_set set = {.count = 0};
		uint64_t begin = cpu_ns();

		for (uint32_t i = 1; i <= HASHES && cpu_ns() - begin < LONG_NS; i++) {
			struct vgpu_frame_hash hash = {{0}};

			memcpy(hash.bytes + 12 - place, &i, sizeof(i));
			int first = vgpu_hash_set_add(&set, &hash);
			int second = vgpu_hash_set_add(&set, &hash);
			if (first != 1 || second != 0)
				CU_FAIL("a hash is new once");
		}
		CU_ASSERT_EQUAL(set.count, HASHES);
		vgpu_hash_set_fini(&set);
	}
}

static void ids_of_one_remainder_cost_no_time(void)
{
	uint64_t begin = cpu_ns();
	struct vgpu_id_set set = {.count = 0};

	for (uint32_t i = 1; i <= IDS && cpu_ns() - begin < LONG_NS; i++)
		if (vgpu_id_set_add(&set, i << 15) != 0)
			CU_FAIL("there is memory");
	for (uint32_t i = 1; i <= IDS && cpu_ns() - begin < LONG_NS; i++)
		if (!vgpu_id_set_has(&set, i << 15) || vgpu_id_set_has(&set, (i << 15) + 1))
			CU_FAIL("what was added is there, and nothing else");
	CU_ASSERT_EQUAL(set.count, IDS);
	CU_ASSERT_TRUE(cpu_ns() - begin < LONG_NS);
	vgpu_id_set_fini(&set);
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
