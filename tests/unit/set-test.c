/* SPDX-License-Identifier: MIT */
/* The sets of the replayer, with members that a hostile trace would choose. */
#include "id_set.h"
#include "trace_tools.h"
#include "unit.h"
#include "vgpu.h"

#include <string.h>

extern const struct unit_suite set_suite;

#define MANY 100000u
/* Some hundred times what it takes; were each compared with all others, it would be minutes. */
#define LONG_NS 4000000000ull

static void equal_halves_of_hashes_cost_no_time(void)
{
	uint64_t begin = vgpu_now_ns();

	/* First those that agree in the first bytes, then those that agree in the last. */
	for (size_t place = 0; place < 16; place += 12) {
		struct vgpu_hash_set set = {.count = 0};

		for (uint32_t i = 1; i <= MANY && vgpu_now_ns() - begin < LONG_NS; i++) {
			struct vgpu_frame_hash hash = {{0}};

			memcpy(hash.bytes + 12 - place, &i, sizeof(i));
			if (vgpu_hash_set_add(&set, &hash) != 1 ||
			    vgpu_hash_set_add(&set, &hash) != 0)
				CU_FAIL("a hash is new once");
		}
		CU_ASSERT_EQUAL(set.count, MANY);
		vgpu_hash_set_fini(&set);
	}
}

static void ids_of_one_remainder_cost_no_time(void)
{
	uint64_t begin = vgpu_now_ns();
	struct vgpu_id_set set = {.count = 0};

	for (uint32_t i = 1; i <= MANY && vgpu_now_ns() - begin < LONG_NS; i++)
		if (vgpu_id_set_add(&set, i << 14) != 0)
			CU_FAIL("there is memory");
	for (uint32_t i = 1; i <= MANY; i++)
		if (!vgpu_id_set_has(&set, i << 14) || vgpu_id_set_has(&set, (i << 14) + 1))
			CU_FAIL("what was added is there, and nothing else");
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
