/* SPDX-License-Identifier: MIT */
/*
 * The recorder's sandbox, each time in a process of its own, since nothing leads
 * out of it. Where the kernel filters no calls (an emulator's does not), or the
 * program is instrumented, what would end is not tried; what is left is that
 * entering works.
 */
#include "bus/hvisor_abi.h"
#include "sandbox/calls.h"
#include "sandbox/sandbox.h"
#include "scene.h"
#include "trace.h"
#include "unit.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern const struct unit_suite sandbox_suite;

#ifdef VGPU_INSTRUMENTED
static const bool instrumented = true;
#else
static const bool instrumented = false;
#endif

/* What a child ends with. */
enum { GOOD, BAD, NOT_ENTERED };

static bool filters_calls(void)
{
	return sandbox_calls_available() && !instrumented;
}

static void enter(const char *output)
{
	struct vgpu_error err = {.text = "?"};
	struct sandbox *sandbox = sandbox_new(&(struct sandbox_options){.output = output}, &err);

	if (sandbox == NULL || sandbox_enter(sandbox, &err) != 0) {
		fprintf(stderr, "\n  %s\n", err.text);
		_exit(NOT_ENTERED);
	}
	sandbox_free(sandbox);
}

/* Returns how a process has ended that did this, with the name of a trace to be. */
static int in_child(int (*run)(const char *output))
{
	char *folder = scene_folder();
	char *output = scene_path(folder, "x.trace");
	int status = -1;

	fflush(NULL);
	pid_t child = fork();
	CU_ASSERT_TRUE_FATAL(child >= 0);
	if (child == 0)
		_exit(run(output));
	CU_ASSERT_EQUAL(waitpid(child, &status, 0), child);
	free(output);
	scene_folder_remove(folder);
	return status;
}

static bool ended_by(int status, int signal)
{
	return WIFSIGNALED(status) && WTERMSIG(status) == signal;
}

static bool is_good(int status)
{
	return WIFEXITED(status) && WEXITSTATUS(status) == GOOD;
}

/* ---- calls ------------------------------------------------------------------------ */

static int open_socket(const char *output)
{
	enter(output);
	socket(AF_INET, SOCK_STREAM, 0);
	return BAD;
}

static int run_program(const char *output)
{
	char *const arguments[] = {"true", NULL};

	enter(output);
	execv("/bin/true", arguments);
	return BAD;
}

static int start_process(const char *output)
{
	enter(output);
	if (fork() == 0)
		_exit(GOOD);
	return BAD;
}

static int kill_parent(const char *output)
{
	pid_t parent = getppid();

	enter(output);
	kill(parent, 0);
	return BAD;
}

static int map_code(const char *output)
{
	enter(output);
	(void)mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	return BAD;
}

static int make_code(const char *output)
{
	void *page = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	enter(output);
	mprotect(page, 4096, PROT_READ | PROT_EXEC);
	return BAD;
}

static int type_into_terminal(const char *output)
{
	enter(output);
	ioctl(STDIN_FILENO, TIOCSTI, "x");
	return BAD;
}

static int inject_interrupt(const char *output)
{
	enter(output);
	ioctl(STDIN_FILENO, HVISOR_FINISH_REQ);
	return BAD;
}

static int trace_parent(const char *output)
{
	enter(output);
	syscall(SYS_ptrace, 0, 0, 0, 0);
	return BAD;
}

static void *call_later(void *opaque)
{
	pthread_barrier_t *entered = opaque;

	pthread_barrier_wait(entered);
	socket(AF_UNIX, SOCK_STREAM, 0);
	return NULL;
}

/* A thread that was there before is in it as well. */
static int call_in_older_thread(const char *output)
{
	pthread_barrier_t entered;
	pthread_t thread;

	pthread_barrier_init(&entered, NULL, 2);
	if (pthread_create(&thread, NULL, call_later, &entered) != 0)
		return NOT_ENTERED;
	enter(output);
	pthread_barrier_wait(&entered);
	pthread_join(thread, NULL);
	return BAD;
}

static void a_forbidden_call_ends_the_process(void)
{
	static int (*const runs[])(const char *output) = {
		open_socket, run_program,	 map_code,     make_code,	 start_process,
		kill_parent, type_into_terminal, trace_parent, inject_interrupt,
	};

	for (size_t i = 0; i < sizeof(runs) / sizeof(runs[0]) && filters_calls(); i++)
		CU_ASSERT_TRUE(ended_by(in_child(runs[i]), SIGSYS));
}

static void no_thread_is_outside(void)
{
	if (filters_calls())
		CU_ASSERT_TRUE(ended_by(in_child(call_in_older_thread), SIGSYS));
}

static void *nothing(void *opaque)
{
	return opaque;
}

/* Threads, memory, locks, and time are what any program may take. */
static int live(const char *output)
{
	struct timespec now;
	pthread_t thread;

	enter(output);
	void *large = malloc(8u << 20);
	if (large == NULL || clock_gettime(CLOCK_REALTIME, &now) != 0 || usleep(1) != 0)
		return BAD;
	large = realloc(large, 16u << 20);
	free(large);
	if (pthread_create(&thread, NULL, nothing, NULL) != 0 || pthread_join(thread, NULL) != 0)
		return BAD;
	return GOOD;
}

/* An assertion that fails is to say so. */
static int give_up(const char *output)
{
	enter(output);
	abort();
}

static void what_any_program_does_is_allowed(void)
{
	CU_ASSERT_TRUE(is_good(in_child(live)));
	CU_ASSERT_TRUE(ended_by(in_child(give_up), SIGABRT));
}

/* ---- files ------------------------------------------------------------------------- */

static int open_others_file(const char *output)
{
	enter(output);
	if (open("/proc/self/status", O_RDONLY | O_CLOEXEC) >= 0)
		return BAD;
	return errno == EACCES ? GOOD : BAD;
}

static int make_others_file(const char *output)
{
	enter(output);
	if (open("/tmp/vgpu-sandbox-test", O_WRONLY | O_CREAT | O_CLOEXEC, 0600) >= 0) {
		unlink("/tmp/vgpu-sandbox-test");
		return BAD;
	}
	return errno == EACCES ? GOOD : BAD;
}

static int name_trace(const char *output)
{
	char part[300];
	struct stat info;

	enter(output);
	snprintf(part, sizeof(part), "%s.part", output);
	int fd = open(part, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	if (fd < 0 || flock(fd, LOCK_EX | LOCK_NB) != 0 || write(fd, "x", 1) != 1 ||
	    ftruncate(fd, 0) != 0 || fsync(fd) != 0 || close(fd) != 0)
		return BAD;
	return rename(part, output) == 0 && stat(output, &info) == 0 && unlink(output) == 0 ? GOOD
											    : BAD;
}

static bool has_landlock(void)
{
	struct vgpu_error err;
	struct sandbox *sandbox = sandbox_new(
		&(struct sandbox_options){.output = "/dev/null", .required = true}, &err);

	sandbox_free(sandbox);
	return sandbox != NULL;
}

static void no_file_but_the_traces_is_opened(void)
{
	CU_ASSERT_TRUE(is_good(in_child(name_trace)));
	if (!has_landlock())
		return;
	CU_ASSERT_TRUE(is_good(in_child(open_others_file)));
	CU_ASSERT_TRUE(is_good(in_child(make_others_file)));
}

/* ---- privileges and limits ------------------------------------------------------------ */

/* In a file that was opened before: in the sandbox it cannot be. */
static bool file_has(int fd, const char *line)
{
	char text[4096];
	ssize_t len = pread(fd, text, sizeof(text) - 1, 0);

	if (len < 0)
		return false;
	text[len] = '\0';
	return strstr(text, line) != NULL;
}

static int look_at_privileges(const char *output)
{
	int fd = open("/proc/self/status", O_RDONLY | O_CLOEXEC);

	enter(output);
	return fd >= 0 && file_has(fd, "\nCapPrm:\t0000000000000000\n") &&
			       file_has(fd, "\nCapEff:\t0000000000000000\n") &&
			       file_has(fd, "\nNoNewPrivs:\t1\n")
		       ? GOOD
		       : BAD;
}

static int look_at_limits(const char *output)
{
	int fd = open("/proc/self/limits", O_RDONLY | O_CLOEXEC);

	enter(output);
	return fd >= 0 && file_has(fd, "\nMax core file size        0                    0 ") &&
			       file_has(fd, "\nMax open files            256 ")
		       ? GOOD
		       : BAD;
}

/* An emulator shows its own. */
static void no_privilege_is_left(void)
{
	if (sandbox_calls_available())
		CU_ASSERT_TRUE(is_good(in_child(look_at_privileges)));
}

static void no_memory_goes_to_a_core_file(void)
{
	if (sandbox_calls_available())
		CU_ASSERT_TRUE(is_good(in_child(look_at_limits)));
}

/* ---- the recording ------------------------------------------------------------------------ */

static void limit_thread(void *opaque)
{
	sandbox_enter_thread(opaque);
}

static int record(const char *output)
{
	struct vgpu_trace_record frame = {.type = VGPU_TRACE_FRAME};
	struct vgpu_error err;
	struct stat info;
	struct sandbox *sandbox = sandbox_new(&(struct sandbox_options){.output = output}, &err);
	struct vgpu_trace_writer *writer = vgpu_trace_writer_open(
		output,
		&(struct vgpu_trace_writer_options){.on_thread = limit_thread, .opaque = sandbox},
		&err);

	if (writer == NULL || sandbox_enter(sandbox, &err) != 0)
		return NOT_ENTERED;
	for (int i = 0; i < 1000; i++)
		vgpu_trace_writer_put(writer, &frame);
	int rc = vgpu_trace_writer_close(writer, NULL, &err);
	sandbox_free(sandbox);
	return rc == 0 && stat(output, &info) == 0 ? GOOD : BAD;
}

/* Of each thread, in files that were opened before: in the sandbox they cannot be. */
static unsigned int open_statuses(int *fds, unsigned int max)
{
	DIR *tasks = opendir("/proc/self/task");
	unsigned int num = 0;

	for (struct dirent *task; tasks != NULL && (task = readdir(tasks)) != NULL && num < max;) {
		char path[512];

		snprintf(path, sizeof(path), "/proc/self/task/%s/status", task->d_name);
		if (task->d_name[0] != '.' && (fds[num] = open(path, O_RDONLY | O_CLOEXEC)) >= 0)
			num++;
	}
	closedir(tasks);
	return num;
}

/* The thread that writes, and that of --last. */
static int look_at_writers(const char *output)
{
	struct vgpu_error err;
	struct sandbox *sandbox = sandbox_new(
		&(struct sandbox_options){.output = output, .memory_files = true}, &err);
	struct vgpu_trace_writer *writer = vgpu_trace_writer_open(
		output,
		&(struct vgpu_trace_writer_options){
			.on_thread = limit_thread, .opaque = sandbox, .last_ns = 1000000000},
		&err);
	int fds[8];
	unsigned int num = writer != NULL ? open_statuses(fds, 8) : 0;

	if (num < 3 || sandbox_enter(sandbox, &err) != 0)
		return NOT_ENTERED;
	for (unsigned int i = 0; i < num; i++)
		if (!file_has(fds[i], "\nCapPrm:\t0000000000000000\n") ||
		    !file_has(fds[i], "\nCapEff:\t0000000000000000\n"))
			return BAD;
	vgpu_trace_writer_close(writer, NULL, &err);
	sandbox_free(sandbox);
	return GOOD;
}

static void no_thread_that_writes_keeps_a_privilege(void)
{
	if (sandbox_calls_available())
		CU_ASSERT_TRUE(is_good(in_child(look_at_writers)));
}

static void a_trace_is_written_inside(void)
{
	CU_ASSERT_TRUE(is_good(in_child(record)));
}

static const struct unit_test tests[] = {
	{"a forbidden call ends the process", a_forbidden_call_ends_the_process},
	{"no thread is outside", no_thread_is_outside},
	{"what any program does is allowed", what_any_program_does_is_allowed},
	{"no file but the trace's is opened", no_file_but_the_traces_is_opened},
	{"no privilege is left", no_privilege_is_left},
	{"no memory goes to a core file", no_memory_goes_to_a_core_file},
	{"no thread that writes keeps a privilege", no_thread_that_writes_keeps_a_privilege},
	{"a trace is written inside", a_trace_is_written_inside},
	{NULL, NULL},
};

const struct unit_suite sandbox_suite = {"sandbox", tests};
