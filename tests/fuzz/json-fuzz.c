/* SPDX-License-Identifier: MIT */
/*
 * Hostile JSON: the first byte says which kind of file the rest is. A refusal
 * has to come with a sentence, and what was accepted has to be fit for use.
 */
#include "conformance/runner/profile.h"
#include "fuzz/fuzz.h"
#include "golden/golden.h"
#include "unit/trace-file.h"
#include "zone_config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum kind { KIND_DAEMON, KIND_ZONE, KIND_MANIFEST, KIND_PROFILE, KIND_RESULTS, NUM_KINDS };

static struct trace_memory memory;
static struct requirements *requirements;
/* A golden set is a folder: the manifest in it is a link to the memory. */
static char folder[64] = "/tmp/vgpu-fuzz-XXXXXX";
static char manifest[96];

static void clean_up(void)
{
	unlink(manifest);
	rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const struct bytes nothing = {0};
	struct vgpu_error err;

	(void)argc;
	(void)argv;
	memory = trace_memory_new(&nothing);
	requirements = requirements_new(&err);
	fuzz_check(requirements != NULL, "there are requirements");
	fuzz_check(mkdtemp(folder) != NULL, "there is a folder for a golden set");
	snprintf(manifest, sizeof(manifest), "%s/" VGPU_GOLDEN_MANIFEST, folder);
	fuzz_check(symlink(memory.path, manifest) == 0, "there is a place for a manifest");
	atexit(clean_up);
	return 0;
}

static void on_line(void *opaque, bool error, const char *line)
{
	(void)opaque;
	(void)error;
	fuzz_check(strlen(line) != 0 && strchr(line, '\n') == NULL, "a report is lines");
}

static void read_daemon(void)
{
	struct vgpu_zone_report report = {.tell = on_line};
	struct vgpu_zone_config config;
	int rc = vgpu_zone_config_load(&config, memory.path, 1, false, &report);

	fuzz_check((rc == 0) == (report.errors == 0), "what is refused is told, and only that");
	fuzz_check(config.num_regions <= VGPU_HVISOR_MAX_REGIONS, "regions fit their list");
}

static void read_zone(void)
{
	const struct vgpu_zone_config config = {
		.zone_id = 1,
		.regions = {{.zone0_ipa = 0x50000000, .zonex_ipa = 0x40000000, .size = 0x30000000}},
		.num_regions = 1,
		.base = 0xa003400,
		.len = 0x200,
		.irq = 74};
	struct vgpu_zone_report report = {.tell = on_line};
	uint32_t id = 0;

	int rc = vgpu_zone_file_id(memory.path, &id, &report);
	fuzz_check((rc == 0) == (report.errors == 0), "what is refused is told, and only that");
	fuzz_check(rc != 0 || id < 32, "a zone's id is one");
	report.errors = 0;
	rc = vgpu_zone_config_check(&config, memory.path, &report);
	fuzz_check((rc == 0) == (report.errors == 0), "what is refused is told, and only that");
}

static void check_golden(const struct vgpu_golden *golden)
{
	fuzz_check(golden->trace != NULL && golden->confirmed_by != NULL, "a golden set is whole");
	for (size_t i = 0; i < golden->num_frames; i++) {
		const struct vgpu_golden_frame *frame = &golden->frames[i];

		fuzz_check(vgpu_golden_find(golden, frame->number) == frame, "a frame is found");
		fuzz_check(frame->png == NULL || strchr(frame->png, '/') == NULL,
			   "a picture lies in its folder");
		vgpu_golden_exception(golden, frame->number, "qemu");
	}
}

static void read_manifest(void)
{
	struct vgpu_error err = {.text = ""};
	int status = 0;
	struct vgpu_golden *golden = vgpu_golden_load(folder, &status, &err);

	fuzz_check((golden == NULL) == (status < 0), "a status says what there is");
	fuzz_check(golden != NULL || strlen(err.text) != 0, "a refusal has a reason");
	if (golden != NULL)
		check_golden(golden);
	vgpu_golden_free(golden);
}

static void read_profile(void)
{
	struct vgpu_error err = {.text = ""};
	struct profile *profile = profile_read(memory.path, requirements, &err);

	fuzz_check(profile != NULL || strlen(err.text) != 0, "a refusal has a reason");
	if (profile == NULL)
		return;
	fuzz_check(profile_device(profile) != NULL, "a profile is one of a device");
	for (unsigned int i = 0; i < requirements_count(requirements); i++) {
		struct result result = {.requirement = requirements_at(requirements, i)};

		profile_judge(profile, &result);
	}
	profile_free(profile);
}

static void read_results(void)
{
	struct vgpu_error err = {.text = ""};
	struct results_summary summary;
	struct results results;

	if (results_read(&results, requirements, memory.path, &err) < 0) {
		fuzz_check(strlen(err.text) != 0, "a refusal has a reason");
		return;
	}
	fuzz_check(results.count == requirements_count(requirements), "a result for each row");
	results_summarize(&results, &summary);
	for (unsigned int i = 0; i < results.count; i++)
		fuzz_check(outcome_reason(&results.all[i].outcome) != NULL, "a reason is a text");
	results_fini(&results);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static void (*const readers[NUM_KINDS])(void) = {[KIND_DAEMON] = read_daemon,
							 [KIND_ZONE] = read_zone,
							 [KIND_MANIFEST] = read_manifest,
							 [KIND_PROFILE] = read_profile,
							 [KIND_RESULTS] = read_results};

	if (size == 0)
		return 0;
	trace_memory_set(&memory, data + 1, size - 1);
	readers[data[0] % NUM_KINDS]();
	return 0;
}
