/* SPDX-License-Identifier: MIT */
#include "conformance/runner/runner.h"

#include <errno.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/* Opening a target may take this long, and a vector no more beyond its own time. */
#define OPEN_MS 30000

#define USUAL_SCANOUTS 2

struct runner {
	struct runner_options options;
	pid_t pid; /* of the worker; 0: there is none */
	int channel;
	char version[256];
};

/* ---- what worker and runner say to each other -------------------------------------------- */

/* To the worker: which vector. */
struct order {
	const struct vector *vector; /* the worker is a fork: the same address there */
};

enum word { OPENED, CANNOT_OPEN, FOUND, DONE };

/* From the worker, as one packet each. */
struct report {
	enum word word;
	enum finding finding;
	char text[1024];
};

/* ---- the worker ------------------------------------------------------------------------------ */

struct worker {
	struct runner_options options;
	int channel;
	struct vgpu_target *target;
	unsigned int num_scanouts;
	struct rig rig;
	bool dead;
};

static void say(const struct worker *worker, enum word word, enum finding finding, const char *text)
{
	struct report report = {.word = word, .finding = finding};

	snprintf(report.text, sizeof(report.text), "%s", text);
	if (send(worker->channel, &report, sizeof(report), 0) != sizeof(report))
		_exit(1);
}

static void on_finding(void *opaque, enum finding finding, const char *text)
{
	struct worker *worker = opaque;

	worker->dead |= finding == FINDING_DEATH;
	say(worker, FOUND, finding, text);
}

static void close_target(struct worker *worker)
{
	if (worker->target == NULL)
		return;
	rig_fini(&worker->rig);
	worker->target->ops->close(worker->target);
	worker->target = NULL;
}

static int open_target(struct worker *worker, unsigned int num_scanouts, struct vgpu_error *err)
{
	struct vgpu_target_options options = {
		.program = worker->options.program,
		.device = worker->options.device,
		.memory_size = CONFORM_MEMORY,
		.num_scanouts = num_scanouts,
		.outputs = {{.rect = {0, 0, OUTPUT_WIDTH, OUTPUT_HEIGHT}, .enabled = true}},
		.cursors = true,
	};

	worker->target = vgpu_target_open(worker->options.target, &options, err);
	if (worker->target == NULL)
		return -1;
	worker->num_scanouts = num_scanouts;
	worker->dead = false;
	rig_init(&worker->rig, worker->target);
	worker->rig.tell = on_finding;
	worker->rig.opaque = worker;
	return 0;
}

static void run_vector(struct worker *worker, const struct vector *vector)
{
	unsigned int scanouts =
		vector->scanouts > USUAL_SCANOUTS ? vector->scanouts : USUAL_SCANOUTS;
	struct vgpu_error err;

	/* Who is the front end of a device begins anew with one: its reset is our doing. */
	if (worker->target != NULL && (worker->dead || worker->num_scanouts != scanouts ||
				       worker->target->ops->own_registers))
		close_target(worker);
	if (worker->target == NULL && open_target(worker, scanouts, &err) < 0) {
		say(worker, CANNOT_OPEN, 0, err.text);
		return;
	}
	rig_run(&worker->rig, vector);
	say(worker, DONE, 0, "");
}

static void work(const struct runner_options *options, int channel)
{
	struct worker worker = {.options = *options, .channel = channel};
	struct vgpu_error err;
	struct order order;

	if (open_target(&worker, USUAL_SCANOUTS, &err) < 0) {
		say(&worker, CANNOT_OPEN, 0, err.text);
		return;
	}
	say(&worker, OPENED, 0, worker.target->ops->version(worker.target));
	while (recv(channel, &order, sizeof(order), 0) == sizeof(order))
		run_vector(&worker, order.vector);
	close_target(&worker);
}

/* ---- the runner ---------------------------------------------------------------------------------
 */

/* 1: a report; 0: none in time; -1: the worker is gone. */
static int receive(struct runner *runner, struct report *report, uint64_t deadline)
{
	struct pollfd pfd = {.fd = runner->channel, .events = POLLIN};
	uint64_t now;
	int ret;

	do {
		now = vgpu_now_ns();
		ret = poll(&pfd, 1, now < deadline ? (int)((deadline - now) / 1000000) + 1 : 0);
	} while (ret < 0 && errno == EINTR);
	if (ret == 0)
		return 0;
	return recv(runner->channel, report, sizeof(*report), 0) == sizeof(*report) ? 1 : -1;
}

/* Ends the worker and says in text how it ended. */
static void stop_worker(struct runner *runner, bool at_once, char *text, size_t size)
{
	int wait_status = 0;

	if (runner->pid == 0)
		return;
	close(runner->channel);
	if (at_once)
		kill(runner->pid, SIGKILL);
	while (waitpid(runner->pid, &wait_status, 0) < 0 && errno == EINTR)
		;
	runner->pid = 0;
	if (WIFSIGNALED(wait_status))
		snprintf(text, size, "the process was killed by signal %d (%s)",
			 WTERMSIG(wait_status), strsignal(WTERMSIG(wait_status)));
	else
		snprintf(text, size, "the process ended with status %d", WEXITSTATUS(wait_status));
}

static int start_worker(struct runner *runner, struct vgpu_error *err)
{
	struct report report;
	char text[128];
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return vgpu_error_set(err, errno, "socketpair: %s", strerror(errno));
	fflush(NULL);
	pid_t parent = getpid(), pid = fork();
	if (pid < 0) {
		close(pair[0]);
		close(pair[1]);
		return vgpu_error_set(err, errno, "fork: %s", strerror(errno));
	}
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(1);
		close(pair[0]);
		work(&runner->options, pair[1]);
		exit(0);
	}
	close(pair[1]);
	runner->pid = pid;
	runner->channel = pair[0];
	int ret = receive(runner, &report, vgpu_now_ns() + OPEN_MS * 1000000ull);
	if (ret == 1 && report.word == OPENED) {
		snprintf(runner->version, sizeof(runner->version), "%.250s", report.text);
		return 0;
	}
	stop_worker(runner, true, text, sizeof(text));
	if (ret == 1)
		return vgpu_error_set(err, ENODEV, "%s", report.text);
	return vgpu_error_set(err, ENODEV, "the target cannot be opened: %s",
			      ret == 0 ? "it took too long" : text);
}

struct runner *runner_new(const struct runner_options *options, struct vgpu_error *err)
{
	struct runner *runner = calloc(1, sizeof(*runner));

	if (runner == NULL) {
		vgpu_error_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	runner->options = *options;
	if (start_worker(runner, err) == 0)
		return runner;
	free(runner);
	return NULL;
}

void runner_free(struct runner *runner)
{
	char text[128];

	if (runner == NULL)
		return;
	stop_worker(runner, false, text, sizeof(text));
	free(runner);
}

const char *runner_version(const struct runner *runner)
{
	return runner->version;
}

/* Reads what the worker finds until it is done, or gone, or out of time. */
static void listen_to(struct runner *runner, uint64_t deadline, struct outcome *outcome)
{
	struct report report;
	char text[128];

	for (;;) {
		int ret = receive(runner, &report, deadline);

		if (ret == 0) {
			outcome_add(outcome, FINDING_HARD, "no end in its time");
			outcome->verdict = HUNG;
			stop_worker(runner, true, text, sizeof(text));
			return;
		}
		if (ret < 0) {
			stop_worker(runner, true, text, sizeof(text));
			outcome_add(outcome, FINDING_DEATH, text);
			return;
		}
		if (report.word == DONE)
			return;
		outcome_add(outcome,
			    report.word == CANNOT_OPEN ? FINDING_NOT_ASKED : report.finding,
			    report.text);
		if (report.word == CANNOT_OPEN)
			return;
	}
}

void runner_run(struct runner *runner, const struct vector *vector, struct outcome *outcome)
{
	const struct order order = {.vector = vector};
	unsigned int seconds = vector->seconds != 0 ? vector->seconds : CONFORM_SECONDS;
	uint64_t begin = vgpu_now_ns();
	struct vgpu_error err;

	*outcome = (struct outcome){.verdict = PASSED, .exact = true};
	if (runner->pid == 0 && start_worker(runner, &err) < 0) {
		outcome_add(outcome, FINDING_DEATH, err.text);
		return;
	}
	if (send(runner->channel, &order, sizeof(order), MSG_NOSIGNAL) == sizeof(order))
		listen_to(runner, begin + seconds * 1000000000ull, outcome);
	else
		outcome_add(outcome, FINDING_DEATH, "the process is gone");
	outcome->time_ns = vgpu_now_ns() - begin;
}
