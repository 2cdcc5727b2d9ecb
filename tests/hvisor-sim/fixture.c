/* SPDX-License-Identifier: MIT */
#include "hvisor-sim/fixture.h"

#include "hvisor-sim/wire.h"

#include <dirent.h>
#include <fcntl.h>
#include <ftw.h>
#include <inttypes.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

/* Against hanging; a busy or emulated machine is slow. */
#define WAIT_MS 60000

static char tests_folder[512] = ".";

void fixture_set_program(const char *argv0)
{
	char copy[512];

	snprintf(copy, sizeof(copy), "%s", argv0);
	snprintf(tests_folder, sizeof(tests_folder), "%s", dirname(copy));
}

static void die(const char *what)
{
	perror(what);
	exit(2);
}

void fixture_init(struct fixture *fixture)
{
	*fixture = (struct fixture){.width = 1280, .height = 800};
	sim_default_options(&fixture->options);
}

void fixture_write_config(const struct fixture *fixture, const char *json)
{
	FILE *file = fopen(fixture->config, "we");

	if (file == NULL || fputs(json, file) < 0 || fclose(file) != 0)
		die(fixture->config);
}

/* As the example's of hvisor-tool, with this machine's numbers. */
static void write_config(const struct fixture *fixture)
{
	char json[1024];

	snprintf(json, sizeof(json),
		 "{\"zones\": [{\"id\": 1,\n"
		 " \"memory_region\": [{\"zone0_ipa\": \"0x%" PRIx64
		 "\", \"zonex_ipa\": \"0x%" PRIx64 "\", \"size\": \"0x%" PRIx64 "\"}],\n"
		 " \"devices\": [{\"type\": \"gpu\", \"addr\": \"0x%llx\", \"len\": \"0x%llx\",\n"
		 "  \"irq\": 74, \"width\": %u, \"height\": %u, \"status\": \"enable\"}]}]}\n",
		 fixture->options.zone0_ipa, fixture->options.zonex_ipa, fixture->options.ram_size,
		 GPU_BASE, GPU_SIZE, fixture->width, fixture->height);
	fixture_write_config(fixture, json);
}

void fixture_open(struct fixture *fixture)
{
	const char *tmp = getenv("TMPDIR");

	snprintf(fixture->folder, sizeof(fixture->folder), "%.40s/hvisor-sim-XXXXXX",
		 tmp != NULL && strlen(tmp) <= 40 ? tmp : "/tmp");
	if (mkdtemp(fixture->folder) == NULL)
		die(fixture->folder);
	snprintf(fixture->config, sizeof(fixture->config), "%s/virtio_cfg.json", fixture->folder);
	snprintf(fixture->log, sizeof(fixture->log), "%s/log", fixture->folder);
	write_config(fixture);
	fixture->sim = sim_new(&fixture->options, fixture->folder);
	if (fixture->sim == NULL)
		exit(2);
}

static int remove_one(const char *path, const struct stat *status, int type, struct FTW *walk)
{
	(void)status;
	(void)type;
	(void)walk;
	return remove(path);
}

static void print_log(const struct fixture *fixture)
{
	FILE *file = fopen(fixture->log, "re");
	char line[512];

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		fprintf(stderr, "    %s", line);
	if (file != NULL)
		fclose(file);
}

static void end_daemon(struct fixture *fixture)
{
	if (fixture->daemon == 0)
		return;
	kill(fixture->daemon, SIGKILL);
	fixture_wait(fixture);
}

void fixture_close_quietly(struct fixture *fixture)
{
	end_daemon(fixture);
	sim_free(fixture->sim);
	nftw(fixture->folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

unsigned int fixture_close(struct fixture *fixture)
{
	end_daemon(fixture);
	sim_check_idle(fixture->sim);
	unsigned int findings = sim_num_findings(fixture->sim);
	for (unsigned int i = 0; i < findings; i++)
		fprintf(stderr, "\n  finding: %s\n", sim_finding(fixture->sim, i));
	if (findings != 0)
		print_log(fixture);
	fixture_close_quietly(fixture);
	return findings + fixture->was_not_ready;
}

/* ---- the daemon ------------------------------------------------------------------------ */

#define MAX_ARGUMENTS 24

struct command {
	char *arguments[MAX_ARGUMENTS];
	unsigned int count;
};

static void add_argument(struct command *command, const char *argument)
{
	if (command->count + 1 < MAX_ARGUMENTS)
		command->arguments[command->count++] = strdup(argument);
}

/* What runs programs of another architecture comes before them. */
static void add_emulator(struct command *command)
{
	const char *emulator = getenv("EMULATOR");
	char *copy = strdup(emulator != NULL ? emulator : ""), *rest = copy, *word;

	while ((word = strsep(&rest, " ")) != NULL)
		if (*word != '\0')
			add_argument(command, word);
	free(copy);
}

static void set_environment(const struct fixture *fixture)
{
	const char *asan = getenv("ASAN_OPTIONS");
	char text[1024];

	setenv(SIM_ENV_SOCKET, sim_socket(fixture->sim), 1);
	snprintf(text, sizeof(text), "%s/preload.so", tests_folder);
	setenv("LD_PRELOAD", text, 1);
	/* AddressSanitizer wants to be first in line, where the preload library is. */
	snprintf(text, sizeof(text), "%s%sverify_asan_link_order=0", asan != NULL ? asan : "",
		 asan != NULL ? ":" : "");
	setenv("ASAN_OPTIONS", text, 1);
}

static void run_daemon(const struct fixture *fixture, struct command *command)
{
	int log = open(fixture->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);

	if (log < 0 || dup2(log, STDOUT_FILENO) < 0 || dup2(log, STDERR_FILENO) < 0)
		_exit(127);
	set_environment(fixture);
	execvp(command->arguments[0], command->arguments);
	perror(command->arguments[0]);
	_exit(127);
}

/* Starts the program of that name, whose first arguments these are. */
static void start(struct fixture *fixture, const char *program, const char *const *arguments)
{
	struct command command = {.count = 0};
	struct sim_stats stats;
	char path[600];

	sim_stats(fixture->sim, &stats);
	fixture->inits = stats.inits;
	snprintf(path, sizeof(path), "%s/%s", tests_folder, program);
	add_emulator(&command);
	add_argument(&command, path);
	for (; *arguments != NULL; arguments++)
		add_argument(&command, *arguments);
	fflush(NULL);
	fixture->daemon = fork();
	if (fixture->daemon < 0)
		die("fork");
	if (fixture->daemon == 0)
		run_daemon(fixture, &command);
	for (unsigned int i = 0; i < command.count; i++)
		free(command.arguments[i]);
}

void fixture_run(struct fixture *fixture, const char *const *arguments)
{
	start(fixture, "../../vgpu-record", arguments);
}

void fixture_start(struct fixture *fixture, const char *trace, const char *argument)
{
	const char *arguments[] = {
		"zone1", "--config",	 fixture->config, "--display=none",
		"-o",	 fixture->trace, argument,	  NULL,
	};

	snprintf(fixture->trace, sizeof(fixture->trace), "%.64s/%.60s", fixture->folder, trace);
	fixture_run(fixture, arguments);
}

void fixture_start_bad(struct fixture *fixture, const char *fault)
{
	start(fixture, "bad-daemon", (const char *[]){fault, NULL});
}

bool fixture_ready(struct fixture *fixture)
{
	if (sim_wait_ready(fixture->sim, fixture->inits, WAIT_MS))
		return true;
	fixture->was_not_ready = true;
	print_log(fixture);
	return false;
}

bool fixture_serve(struct fixture *fixture, const char *trace)
{
	fixture_start(fixture, trace, NULL);
	return fixture_ready(fixture);
}

void fixture_signal(const struct fixture *fixture, int signal)
{
	kill(fixture->daemon, signal);
}

void fixture_pause(const struct fixture *fixture)
{
	int status;

	kill(fixture->daemon, SIGSTOP);
	waitpid(fixture->daemon, &status, WUNTRACED);
}

int fixture_wait(struct fixture *fixture)
{
	int status;

	for (int ms = 0; ms < WAIT_MS; ms++) {
		if (waitpid(fixture->daemon, &status, WNOHANG) == fixture->daemon) {
			fixture->daemon = 0;
			return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		}
		usleep(1000);
	}
	return -1;
}

int fixture_stop(struct fixture *fixture)
{
	fixture_signal(fixture, SIGTERM);
	int status = fixture_wait(fixture);
	if (status != 0)
		print_log(fixture);
	return status;
}

static bool has_said(const struct fixture *fixture, const char *text)
{
	FILE *file = fopen(fixture->log, "re");
	char line[1024];
	bool said = false;

	while (file != NULL && fgets(line, sizeof(line), file) != NULL)
		said |= strstr(line, text) != NULL;
	if (file != NULL)
		fclose(file);
	return said;
}

bool fixture_said(const struct fixture *fixture, const char *text)
{
	bool said = has_said(fixture, text);

	if (!said)
		print_log(fixture);
	return said;
}

bool fixture_says(const struct fixture *fixture, const char *text)
{
	for (int ms = 0; ms < WAIT_MS && !has_said(fixture, text); ms += 20)
		usleep(20000);
	return fixture_said(fixture, text);
}

uint64_t fixture_cpu_ns(const struct fixture *fixture)
{
	char path[128];
	uint64_t sum = 0;

	snprintf(path, sizeof(path), "/proc/%d/task", (int)fixture->daemon);
	DIR *tasks = opendir(path);
	struct dirent *entry;
	while (tasks != NULL && (entry = readdir(tasks)) != NULL) {
		uint64_t ns;

		snprintf(path, sizeof(path), "/proc/%d/task/%.20s/schedstat", (int)fixture->daemon,
			 entry->d_name);
		FILE *file = fopen(path, "re");
		if (file != NULL && fscanf(file, "%" SCNu64, &ns) == 1)
			sum += ns;
		if (file != NULL)
			fclose(file);
	}
	if (tasks != NULL)
		closedir(tasks);
	return sum;
}
