/* SPDX-License-Identifier: MIT */
#include "unit.h"
#include "vgpu.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
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

static const uint8_t zeros[4096];

static void zeros_take_the_place_of_what_is_lost(void)
{
	struct vgpu_mem_map *map = vgpu_mem_map_new(), *other = vgpu_mem_map_new();
	struct vgpu_memory memory = vgpu_mem_map_memory(map);
	int fd = memfd_create("ram", MFD_CLOEXEC), kept = memfd_create("ram", MFD_CLOEXEC);
	struct sigaction before;
	uint8_t page[4096];

	sigaction(SIGBUS, NULL, &before);
	vgpu_mem_guard_start();
	CU_ASSERT_EQUAL_FATAL(ftruncate(fd, 8192), 0);
	CU_ASSERT_EQUAL_FATAL(ftruncate(kept, 8192), 0);
	CU_ASSERT_EQUAL(pwrite(fd, "x", 1, 4096), 1);
	CU_ASSERT_EQUAL(pwrite(kept, "y", 1, 0), 1);
	CU_ASSERT_EQUAL(vgpu_mem_map_add_fd(map, 0x1000, 8192, fd, 0), 0);
	CU_ASSERT_EQUAL(vgpu_mem_map_add_fd(map, 0x8000, 4096, kept, 0), 0);
	CU_ASSERT_EQUAL(vgpu_mem_map_add_fd(other, 0x8000, 4096, kept, 0), 0);
	CU_ASSERT_EQUAL_FATAL(ftruncate(fd, 4096), 0);
	CU_ASSERT_EQUAL(vgpu_memory_read(&memory, 0x1000, page, 4096), 4096);
	CU_ASSERT_FALSE(vgpu_mem_map_lost(map));
	/* What is gone, whoever reads or writes it, and what was mapped with it. */
	CU_ASSERT_EQUAL(vgpu_memory_read(&memory, 0x2000, page, 4096), 4096);
	CU_ASSERT_EQUAL(memcmp(page, zeros, 4096), 0);
	CU_ASSERT_TRUE(vgpu_mem_map_lost(map));
	CU_ASSERT_EQUAL(vgpu_memory_write(&memory, 0x2000, "z", 1), 1);
	CU_ASSERT_EQUAL(vgpu_memory_read(&memory, 0x2000, page, 1), 1);
	CU_ASSERT_EQUAL(page[0], 'z');
	CU_ASSERT_EQUAL(vgpu_memory_read(&memory, 0x8000, page, 1), 1);
	CU_ASSERT_EQUAL(page[0], 'y');
	CU_ASSERT_FALSE(vgpu_mem_map_lost(other));
	/* Another takes its place. */
	CU_ASSERT_EQUAL(vgpu_mem_map_remove(map, 0x1000, 8192), 0);
	CU_ASSERT_EQUAL(vgpu_mem_map_add_fd(map, 0x1000, 8192, kept, 0), 0);
	CU_ASSERT_FALSE(vgpu_mem_map_lost(map));
	sigaction(SIGBUS, &before, NULL);
	vgpu_mem_map_free(map);
	vgpu_mem_map_free(other);
	close(fd);
	close(kept);
}

/* By a fault of the program's own, or because somebody sends the signal. */
static void end_by_a_bus_error(bool sent)
{
	int fd = memfd_create("own", MFD_CLOEXEC), null = open("/dev/null", O_WRONLY);

	if (ftruncate(fd, 4096) != 0)
		return;
	volatile uint8_t *own = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

	/* A sanitizer says much about it. */
	dup2(null, STDERR_FILENO);
	vgpu_mem_guard_start();
	if (sent)
		kill(getpid(), SIGBUS);
	else if (ftruncate(fd, 0) == 0)
		own[0] = 1;
}

static void any_other_bus_error_ends_the_process(void)
{
	for (int sent = 0; sent < 2; sent++) {
		int status = 0;
		pid_t child = fork();

		if (child == 0) {
			end_by_a_bus_error(sent != 0);
			_exit(0);
		}
		CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
		CU_ASSERT_TRUE(!WIFEXITED(status) || WEXITSTATUS(status) != 0);
	}
}

static void no_file_is_mapped_without_a_guard(void)
{
	struct vgpu_mem_map *map = vgpu_mem_map_new();
	int fd = memfd_create("ram", MFD_CLOEXEC);

	CU_ASSERT_EQUAL_FATAL(ftruncate(fd, 4096), 0);
	for (uint64_t i = 0; i < 256; i++)
		CU_ASSERT_EQUAL(vgpu_mem_map_add_fd(map, i * 4096, 4096, fd, 0), 0);
	CU_ASSERT_EQUAL(vgpu_mem_map_add_fd(map, 1u << 30, 4096, fd, 0), -ENOMEM);
	vgpu_mem_map_clear(map);
	CU_ASSERT_EQUAL(vgpu_mem_map_add_fd(map, 1u << 30, 4096, fd, 0), 0);
	vgpu_mem_map_free(map);
	close(fd);
}

static const struct unit_test tests[] = {
	{"finds every byte, cut at region ends", finds_every_byte},
	{"refuses overlap and wrap", refuses_overlap_and_wrap},
	{"maps a file and refuses a short one", maps_a_file_and_refuses_a_short_one},
	{"zeros take the place of what is lost", zeros_take_the_place_of_what_is_lost},
	{"any other bus error ends the process", any_other_bus_error_ends_the_process},
	{"no file is mapped without a guard", no_file_is_mapped_without_a_guard},
	{NULL, NULL},
};

const struct unit_suite mem_map_suite = {"mem_map", tests};
