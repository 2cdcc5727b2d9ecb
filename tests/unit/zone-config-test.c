/* SPDX-License-Identifier: MIT */
/* Configurations of hvisor-tool, as they are and with what can be wrong in them. */
#include "bus/hvisor_memory.h"
#include "unit.h"
#include "zone_config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

extern const struct unit_suite zone_config_suite;

static const char good[] =
	"{\"zones\":[{\"id\":0,\"memory_region\":[],\"devices\":[]},{\"id\":1,\n"
	"\"memory_region\":[{\"zone0_ipa\":\"0x50000000\",\"zonex_ipa\":\"0x40000000\","
	"\"size\":\"0x30000000\"}],\n"
	"\"devices\":[{\"type\":\"blk\",\"status\":\"enable\"},"
	"{\"type\":\"console\",\"status\":\"disable\"},\n"
	"{\"type\":\"gpu\",\"addr\":\"0xa003400\",\"len\":512,\"irq\":74,\"width\":\"1280\","
	"\"height\":800,\"status\":\"enable\"}]}]}";

static const char zone[] =
	"{\"name\":\"ruxos\",\"zone_id\":1,\"memory_regions\":["
	"{\"type\":\"ram\",\"physical_start\":\"0x50000000\",\"virtual_start\":\"0x40000000\","
	"\"size\":\"0x30000000\"},"
	"{\"type\":\"virtio\",\"physical_start\":\"0xa000000\",\"virtual_start\":\"0\","
	"\"size\":\"0x4000\"}],\"interrupts\":[66,74],\"pci_config\":[]}";

struct told {
	struct vgpu_zone_report report;
	unsigned int warnings;
	char text[4096];
};

static void on_tell(void *opaque, bool error, const char *line)
{
	struct told *told = opaque;
	size_t len = strlen(told->text);

	told->warnings += !error;
	snprintf(told->text + len, sizeof(told->text) - len, "%s\n", line);
}

static void write_text(char path[32], const char *text)
{
	strcpy(path, "/tmp/vgpu-zone-XXXXXX");
	int fd = mkstemp(path);
	CU_ASSERT_TRUE_FATAL(fd >= 0);
	CU_ASSERT_EQUAL(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
}

static int load(struct told *told, struct vgpu_zone_config *config, const char *text)
{
	char path[32];

	*told = (struct told){.report = {.tell = on_tell}};
	told->report.opaque = told;
	write_text(path, text);
	int rc = vgpu_zone_config_load(config, path, 1, false, &told->report);
	unlink(path);
	return rc;
}

/* The text with one piece of it changed. */
static void replace(char *out, size_t size, const char *text, const char *from, const char *to)
{
	const char *at = strstr(text, from);

	CU_ASSERT_PTR_NOT_NULL_FATAL(at);
	snprintf(out, size, "%.*s%s%s", (int)(at - text), text, to, at + strlen(from));
}

static void reads_both_number_syntaxes(void)
{
	struct vgpu_zone_config config;
	struct told told;

	CU_ASSERT_EQUAL(load(&told, &config, good), 0);
	CU_ASSERT_EQUAL(config.base, 0xa003400);
	CU_ASSERT_EQUAL(config.len, 0x200);
	CU_ASSERT_EQUAL(config.irq, 74);
	CU_ASSERT_EQUAL(config.width, 1280);
	CU_ASSERT_EQUAL(config.num_regions, 1);
	CU_ASSERT_EQUAL(config.regions[0].zone0_ipa, 0x50000000);
	CU_ASSERT_EQUAL(config.regions[0].size, 0x30000000);
	/* the other device is named, the disabled one is not */
	CU_ASSERT_EQUAL(told.warnings, 1);
	CU_ASSERT_PTR_NOT_NULL(
		strstr(told.text, "zones[1].devices[0]: a blk device is not served"));
}

static void says_everything_that_is_wrong(void)
{
	static const struct {
		const char *from, *to, *said;
	} cases[] = {
		{"\"0xa003400\"", "true", "zones[1].devices[2].addr: want a number"},
		{"\"0xa003400\"", "\"a003400\"", "zones[1].devices[2].addr: want a number"},
		{"\"irq\":74,", "", "zones[1].devices[2].irq: missing"},
		{"74", "-1", "zones[1].devices[2].irq: want a number"},
		{"74", "1.5", "zones[1].devices[2].irq: want a number"},
		{"74", "20", "zones[1].devices[2].irq: want 32 or more"},
		{"74", "4000", "zones[1].devices[2].irq: want at most 1023"},
		{"512", "16", "zones[1].devices[2].len: want 0x200 or more"},
		{"\"size\":\"0x30000000\"", "\"Size\":1",
		 "zones[1].memory_region[0].size: missing"},
		{"\"type\":\"gpu\"", "\"type\":\"net\"", "zones[1]: no gpu for zone 1"},
		{"\"id\":1", "\"id\":7", "zones: no gpu for zone 1"},
		{"\"id\":1", "\"id\":77", "zones[1].id: want at most 31"},
		{"\"zones\":", "\"Zones\":", "zones: missing"},
		{"]}]}", "]}]", "not JSON"},
		{"{\"type\":\"blk\"", "{\"type\":5", "zones[1].devices[0].type: want a string"},
	};
	char text[2048];
	struct vgpu_zone_config config;
	struct told told;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		replace(text, sizeof(text), good, cases[i].from, cases[i].to);
		CU_ASSERT_NOT_EQUAL(load(&told, &config, text), 0);
		CU_ASSERT_TRUE(told.report.errors > 0);
		CU_ASSERT_PTR_NOT_NULL(strstr(told.text, cases[i].said));
	}
	/* all of it at once */
	replace(text, sizeof(text), good, "\"0xa003400\",\"len\":512,\"irq\":74",
		"[],\"len\":1,\"irq\":true");
	CU_ASSERT_EQUAL(load(&told, &config, text), -EINVAL);
	CU_ASSERT_EQUAL(told.report.errors, 3);
	CU_ASSERT_EQUAL(load(&told, &config, "[]"), -EINVAL);
	CU_ASSERT_EQUAL(load(&told, &config, ""), -EINVAL);
	CU_ASSERT_EQUAL(vgpu_zone_config_load(&config, "/nonexistent.json", 1, true, &told.report),
			-EINVAL);
}

static void holds_it_against_the_zone(void)
{
	static const struct {
		const char *from, *to, *said;
	} cases[] = {
		{"\"zone_id\":1", "\"zone_id\":2", "zone_id: is 2"},
		{"\"0x50000000\"", "\"0x60000000\"", "no \"ram\" has the zone's memory"},
		{"\"type\":\"virtio\"", "\"type\":\"io\"", "no region of type \"virtio\""},
		{"[66,74]", "[66]", "interrupts: lacks the gpu's, 74"},
		{",\"pci_config\":[]", "", "pci_config: missing"},
		{"\"memory_regions\"", "\"memory\"", "memory_regions: missing"},
	};
	struct vgpu_zone_config config;
	char text[2048], path[32];
	struct told told;
	uint32_t id;

	CU_ASSERT_EQUAL(load(&told, &config, good), 0);
	write_text(path, zone);
	CU_ASSERT_EQUAL(vgpu_zone_config_check(&config, path, &told.report), 0);
	CU_ASSERT_EQUAL(vgpu_zone_file_id(path, &id, &told.report), 0);
	CU_ASSERT_EQUAL(id, 1);
	unlink(path);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		told.text[0] = '\0';
		replace(text, sizeof(text), zone, cases[i].from, cases[i].to);
		write_text(path, text);
		CU_ASSERT_EQUAL(vgpu_zone_config_check(&config, path, &told.report), -EINVAL);
		CU_ASSERT_PTR_NOT_NULL(strstr(told.text, cases[i].said));
		unlink(path);
	}
}

static void zones_have_numbers(void)
{
	uint32_t id = 99;

	CU_ASSERT_TRUE(vgpu_zone_parse_id("zone1", &id));
	CU_ASSERT_EQUAL(id, 1);
	CU_ASSERT_TRUE(vgpu_zone_parse_id("31", &id));
	CU_ASSERT_FALSE(vgpu_zone_parse_id("32", &id));
	CU_ASSERT_FALSE(vgpu_zone_parse_id("zone", &id));
	CU_ASSERT_FALSE(vgpu_zone_parse_id("ruxos", &id));
	CU_ASSERT_FALSE(vgpu_zone_parse_id("1x", &id));
}

static void write_cells(const char *path, const uint32_t *cells, size_t num)
{
	FILE *file = fopen(path, "w");

	CU_ASSERT_PTR_NOT_NULL_FATAL(file);
	for (size_t i = 0; i < num; i++)
		for (int shift = 24; shift >= 0; shift -= 8)
			fputc((int)(cells[i] >> shift) & 0xff, file);
	fclose(file);
}

static void memory_must_be_there(void)
{
	static const uint32_t two = 2, reg[] = {0, 0x50000000, 0, 0x70000000};
	struct vgpu_hvisor_region region = {0x50000000, 0x40000000, 0x30000000};
	struct vgpu_hvisor_region twice[2];
	char tree[] = "/tmp/vgpu-tree-XXXXXX", path[64];
	struct vgpu_error err;

	CU_ASSERT_PTR_NOT_NULL_FATAL(mkdtemp(tree));
	/* no tree to ask: only what is wrong in itself */
	CU_ASSERT_EQUAL(vgpu_hvisor_check_memory("/nonexistent", &region, 1, &err), 0);
	snprintf(path, sizeof(path), "%s/#address-cells", tree);
	write_cells(path, &two, 1);
	snprintf(path, sizeof(path), "%s/#size-cells", tree);
	write_cells(path, &two, 1);
	snprintf(path, sizeof(path), "%s/memory@50000000", tree);
	CU_ASSERT_EQUAL(mkdir(path, 0700), 0);
	snprintf(path, sizeof(path), "%s/memory@50000000/reg", tree);
	write_cells(path, reg, 4);

	CU_ASSERT_EQUAL(vgpu_hvisor_check_memory(tree, &region, 1, &err), 0);
	twice[0] = twice[1] = region;
	CU_ASSERT_EQUAL(vgpu_hvisor_check_memory(tree, twice, 2, &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "overlap"));
	region.size = 0x70001000;
	CU_ASSERT_EQUAL(vgpu_hvisor_check_memory(tree, &region, 1, &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "would stop the machine"));
	region = (struct vgpu_hvisor_region){0x48000000, 0x40000000, 0x1000};
	CU_ASSERT_EQUAL(vgpu_hvisor_check_memory(tree, &region, 1, &err), -EINVAL);
	region = (struct vgpu_hvisor_region){0x50000800, 0x40000000, 0x1000};
	CU_ASSERT_EQUAL(vgpu_hvisor_check_memory(tree, &region, 1, &err), -EINVAL);
	CU_ASSERT_PTR_NOT_NULL(strstr(err.text, "whole pages"));
	region = (struct vgpu_hvisor_region){0, 0x40000000, 0x1000};
	CU_ASSERT_EQUAL(vgpu_hvisor_check_memory(tree, &region, 1, &err), -EINVAL);
	CU_ASSERT_EQUAL(vgpu_hvisor_check_memory(tree, &region, 0, &err), -EINVAL);
	unlink(path);
	snprintf(path, sizeof(path), "rm -r '%s'", tree);
	CU_ASSERT_EQUAL(system(path), 0);
}

/* Found by the fuzzer of JSON files. */
static void a_report_is_lines(void)
{
	struct vgpu_zone_config config;
	struct told told;
	char text[2048];

	replace(text, sizeof(text), good, "\"blk\"", "\"b\\nl\\u001b[2Jk\"");
	load(&told, &config, text);
	CU_ASSERT_PTR_NULL(strpbrk(told.text, "\x1b\r"));
	CU_ASSERT_PTR_NOT_NULL(strstr(told.text, "b?l?[2Jk"));
}

static const struct unit_test tests[] = {
	{"reads numbers in both syntaxes", reads_both_number_syntaxes},
	{"says everything that is wrong", says_everything_that_is_wrong},
	{"holds the gpu against the zone's file", holds_it_against_the_zone},
	{"a report is lines, whatever the file says", a_report_is_lines},
	{"zones have numbers", zones_have_numbers},
	{"a zone's memory must be in the root zone's", memory_must_be_there},
	{NULL, NULL},
};

const struct unit_suite zone_config_suite = {"zone_config", tests};
