/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include "vgpu.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

extern const struct unit_suite mem_map_suite;

static uint8_t ram[2][4096];

static void *at(struct vgpu_mem_map *map, uint64_t gpa, uint64_t *len)
{
	struct vgpu_memory memory = vgpu_mem_map_memory(map);

	return memory.translate(memory.opaque, gpa, len);
}

static void finds_every_byte(void)
{
	struct vgpu_mem_map *map = vgpu_mem_map_new();
	uint64_t len = 16;

	CU_ASSERT_EQUAL(vgpu_mem_map_add(map, 0x2000, 4096, ram[1]), 0);
	CU_ASSERT_EQUAL(vgpu_mem_map_add(map, 0x1000, 4096, ram[0]), 0);
	CU_ASSERT_PTR_EQUAL(at(map, 0x1000, &len), ram[0]);
	CU_ASSERT_EQUAL(len, 16);
	len = 100;
	CU_ASSERT_PTR_EQUAL(at(map, 0x1fff, &len), ram[0] + 4095);
	CU_ASSERT_EQUAL(len, 1);
	len = UINT64_MAX;
	CU_ASSERT_PTR_EQUAL(at(map, 0x2000, &len), ram[1]);
	CU_ASSERT_EQUAL(len, 4096);
	len = 1;
	CU_ASSERT_PTR_NULL(at(map, 0xfff, &len));
	CU_ASSERT_PTR_NULL(at(map, 0x3000, &len));
	CU_ASSERT_PTR_NULL(at(map, UINT64_MAX, &len));
	vgpu_mem_map_free(map);
}

static void refuses_overlap_and_wrap(void)
{
	struct vgpu_mem_map *map = vgpu_mem_map_new();

	CU_ASSERT_EQUAL(vgpu_mem_map_add(map, 0x1000, 4096, ram[0]), 0);
	CU_ASSERT_EQUAL(vgpu_mem_map_add(map, 0x1fff, 1, ram[1]), -EEXIST);
	CU_ASSERT_EQUAL(vgpu_mem_map_add(map, 0, 0x1001, ram[1]), -EEXIST);
	CU_ASSERT_EQUAL(vgpu_mem_map_add(map, 0x1000, 4096, ram[1]), -EEXIST);
	CU_ASSERT_EQUAL(vgpu_mem_map_add(map, 0x8000, 0, ram[1]), -EINVAL);
	CU_ASSERT_EQUAL(vgpu_mem_map_add(map, UINT64_MAX, 2, ram[1]), -EINVAL);
	CU_ASSERT_EQUAL(vgpu_mem_map_remove(map, 0x1000, 1), -ENOENT);
	CU_ASSERT_EQUAL(vgpu_mem_map_remove(map, 0x1000, 4096), 0);
	CU_ASSERT_EQUAL(vgpu_mem_map_add(map, 0x1fff, 1, ram[1]), 0);
	vgpu_mem_map_free(map);
}

static void maps_a_file_and_refuses_a_short_one(void)
{
	struct vgpu_mem_map *map = vgpu_mem_map_new();
	int fd = memfd_create("ram", MFD_CLOEXEC);
	uint64_t len = 1;

	CU_ASSERT_EQUAL_FATAL(ftruncate(fd, 8192), 0);
	CU_ASSERT_EQUAL(pwrite(fd, "x", 1, 4096), 1);
	CU_ASSERT_EQUAL(vgpu_mem_map_add_fd(map, 0x40000000, 4097, fd, 4096), -EINVAL);
	CU_ASSERT_EQUAL(vgpu_mem_map_add_fd(map, 0x40000000, UINT64_MAX, fd, 4096), -EINVAL);
	CU_ASSERT_EQUAL(vgpu_mem_map_add_fd(map, 0x40000000, 4096, -1, 0), -EBADF);
	CU_ASSERT_EQUAL(vgpu_mem_map_add_fd(map, 0x40000000, 4096, fd, 4096), 0);
	CU_ASSERT_EQUAL(vgpu_mem_map_add_fd(map, 0x40000000, 4096, fd, 0), -EEXIST);
	char *byte = at(map, 0x40000000, &len);
	CU_ASSERT_PTR_NOT_NULL_FATAL(byte);
	CU_ASSERT_EQUAL(*byte, 'x');
	close(fd);
	vgpu_mem_map_clear(map);
	CU_ASSERT_PTR_NULL(at(map, 0x40000000, &len));
	vgpu_mem_map_free(map);
}

static const struct unit_test tests[] = {
	{"finds every byte, cut at region ends", finds_every_byte},
	{"refuses overlap and wrap", refuses_overlap_and_wrap},
	{"maps a file and refuses a short one", maps_a_file_and_refuses_a_short_one},
	{NULL, NULL},
};

const struct unit_suite mem_map_suite = {"mem_map", tests};
