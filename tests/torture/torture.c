/* SPDX-License-Identifier: MIT */
/*
 * Kills a live recording at a random moment, again and again, and holds what it
 * left against what its driver saw: the file opens, repair makes a whole trace of
 * it, every request is there that was answered 100 ms before the end, and what is
 * there replays with equal answers and frames.
 */
#include "replay.h"
#include "torture/drawing.h"
#include "torture/waits.h"
#include "unit/trace-file.h"

#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* What traces/FORMAT.md promises. */
#define MISSING_MS 100u
#define LONGEST_MS 400u
/* For a recorder that may have been killed before it listened. */
#define PATIENCE_MS 1000u
#define JOBS_MAX    16u
#define WORDS_MAX   16

/* Of all runs, in memory that the workers share. */
struct sums {
	atomic_uint failed, early, incomparable;
	atomic_ullong requests, frames;
	/* The longest time that was missing, and less what it waited for processor and disk. */
	atomic_ullong missing_ns, own_ns;
};

struct plan {
	char *recorder[WORDS_MAX + 1]; /* its words */
	unsigned int runs, jobs;
	unsigned int limit_ms; /* how much may be missing */
	uint64_t seed;
	char folder[32];
};

struct run {
	const struct plan *plan;
	unsigned int number;
	uint64_t seed;
	struct sums *sums;
	char trace[64], part[72], socket[72];
	pid_t pid;
	unsigned int delay_us;
	uint64_t killed_ns;
	struct drawing drawing;
	struct waits waits;
	bool failed;
};

static void fail(struct run *run, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void fail(struct run *run, const char *format, ...)
{
	char text[600];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fprintf(stderr, "FAIL  run %u, killed after %u us, %zu answers: %s\n", run->number,
		run->delay_us, run->drawing.num_answers, text);
	if (!run->failed)
		atomic_fetch_add(&run->sums->failed, 1);
	run->failed = true;
}

/* ---- the recorder ------------------------------------------------------------------ */

static void become_recorder(const struct run *run, pid_t parent)
{
	char *argv[WORDS_MAX + 8];
	int n = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(127);
	for (; run->plan->recorder[n] != NULL; n++)
		argv[n] = run->plan->recorder[n];
	argv[n++] = "--quiet";
	argv[n++] = "--socket-path";
	argv[n++] = (char *)run->socket;
	argv[n++] = "-o";
	argv[n++] = (char *)run->trace;
	argv[n] = NULL;
	execvp(argv[0], argv);
	_exit(127);
}

static void *kill_later(void *opaque)
{
	struct run *run = opaque;

	waits_watch(&run->waits, run->pid, vgpu_now_ns() + run->delay_us * 1000ull);
	run->killed_ns = vgpu_now_ns();
	kill(run->pid, SIGKILL);
	return NULL;
}

static void record_and_kill(struct run *run)
{
	pid_t self = getpid();
	pthread_t killer;

	run->pid = fork();
	if (run->pid == 0)
		become_recorder(run, self);
	if (run->pid < 0 || pthread_create(&killer, NULL, kill_later, run) != 0) {
		fail(run, "no process, or no thread");
		return;
	}
	run->drawing.patience_ms = PATIENCE_MS;
	drawing_until_death(&run->drawing, run->socket, run->seed);
	pthread_join(killer, NULL);
	int status = 0;
	waitpid(run->pid, &status, 0);
	if (!WIFSIGNALED(status) || WTERMSIG(status) != SIGKILL)
		fail(run, "the recorder ended by itself, status 0x%x", (unsigned int)status);
}

/* ---- what it left ------------------------------------------------------------------- */

/* The requests of the file, which must be those that were sent. */
static uint64_t count_requests(struct run *run, struct vgpu_trace_reader *reader)
{
	const struct drawing *drawing = &run->drawing;
	struct vgpu_trace_record record;
	struct vgpu_error err;
	uint64_t count = 0;
	int ret;

	while ((ret = vgpu_trace_reader_next(reader, &record, &err)) > 0) {
		uint32_t type = 0;

		if (record.type != VGPU_TRACE_REQUEST)
			continue;
		if (record.request.request_len >= sizeof(type))
			memcpy(&type, record.request.request, sizeof(type));
		if (count >= drawing->num_sent || type != drawing->sent[count])
			fail(run, "request %" PRIu64 " is not what was sent", count);
		count++;
	}
	if (ret != -ENODATA)
		fail(run, "%s: %s", run->part, ret == 0 ? "is whole" : err.text);
	return count;
}

static void raise_to(atomic_ullong *most, unsigned long long value)
{
	unsigned long long old = atomic_load(most);

	while (value > old && !atomic_compare_exchange_weak(most, &old, value))
		;
}

/* Every request that was answered long enough before the end must be there. */
static void check_missing(struct run *run, uint64_t count)
{
	const struct drawing *drawing = &run->drawing;

	if (count >= drawing->num_answers)
		return;
	uint64_t answered = drawing->answered_ns[count];
	uint64_t missing = run->killed_ns > answered ? run->killed_ns - answered : 0;
	uint64_t waited = waits_since(&run->waits, answered);
	uint64_t own = missing > waited ? missing - waited : 0;

	raise_to(&run->sums->missing_ns, missing);
	raise_to(&run->sums->own_ns, own);
	if (own > run->plan->limit_ms * 1000000ull)
		fail(run,
		     "request %" PRIu64 " is missing, answered %.1f ms before the end, of which "
		     "the recorder waited %.1f ms for processor or disk",
		     count, (double)missing / 1e6, (double)waited / 1e6);
}

static void replay(struct run *run)
{
	const struct vgpu_replay_options options = {
		.target = "builtin", .no_golden = true, .last_frame = UINT64_MAX};
	struct vgpu_replay_result result;

	vgpu_replay(run->trace, &options, &result);
	if (result.status != VGPU_REPLAY_EQUAL && result.frames_incomparable == 0)
		fail(run, "replay: %s", result.num_messages > 0 ? result.messages[0] : "differs");
	if (result.frames_equal + result.frames_incomparable != result.frames)
		fail(run, "replay: not all frames are equal");
	if (result.requests_equal != result.requests)
		fail(run, "replay: not all answers are equal");
	atomic_fetch_add(&run->sums->requests, result.requests);
	atomic_fetch_add(&run->sums->frames, result.frames_equal);
	atomic_fetch_add(&run->sums->incomparable, result.frames_incomparable > 0);
	vgpu_replay_result_fini(&result);
}

static void inspect(struct run *run)
{
	struct vgpu_trace_repair repair;
	struct vgpu_error err = {.text = ""};
	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(run->part, &err);

	if (reader == NULL) {
		/* There is nothing to open before the first guest can be served. */
		if (run->drawing.num_sent > 0)
			fail(run, "%s", err.text);
		atomic_fetch_add(&run->sums->early, 1);
		return;
	}
	uint64_t count = count_requests(run, reader);
	vgpu_trace_reader_close(reader);
	check_missing(run, count);
	if (vgpu_trace_make_whole(run->part, run->trace, &repair, &err) < 0) {
		fail(run, "repair: %s", err.text);
		return;
	}
	if (repair.requests != count)
		fail(run, "repair kept %" PRIu64 " of %" PRIu64 " requests", repair.requests,
		     count);
	if (trace_file_read(run->trace, NULL, &err) != 0)
		fail(run, "not whole: %s", err.text);
	replay(run);
}

/* ---- all of them ----------------------------------------------------------------------- */

static void do_run(struct run *run)
{
	uint64_t dice = run->seed;

	snprintf(run->trace, sizeof(run->trace), "%s/%u", run->plan->folder, run->number);
	snprintf(run->part, sizeof(run->part), "%s.part", run->trace);
	snprintf(run->socket, sizeof(run->socket), "%s.s", run->trace);
	run->delay_us = (unsigned int)(drawing_random(&dice) % (LONGEST_MS * 1000));
	record_and_kill(run);
	inspect(run);
	drawing_fini(&run->drawing);
	unlink(run->socket);
	/* What failed is kept, for who wants to know. */
	if (run->failed)
		return;
	unlink(run->trace);
	unlink(run->part);
}

static void work(const struct plan *plan, unsigned int first, struct sums *sums)
{
	for (unsigned int i = first; i < plan->runs; i += plan->jobs) {
		struct run run = {.plan = plan, .number = i, .seed = plan->seed + i, .sums = sums};

		do_run(&run);
	}
}

static void run_all(const struct plan *plan, struct sums *sums)
{
	unsigned int started = 0;
	int status;

	for (unsigned int i = 0; i < plan->jobs; i++) {
		pid_t pid = fork();

		if (pid == 0) {
			work(plan, i, sums);
			_exit(0);
		}
		started += pid > 0;
	}
	if (started < plan->jobs)
		atomic_fetch_add(&sums->failed, 1);
	while (started-- > 0)
		if (wait(&status) < 0 || status != 0)
			atomic_fetch_add(&sums->failed, 1);
}

static int report(const struct plan *plan, const struct sums *sums)
{
	unsigned int failed = atomic_load(&sums->failed);

	printf("%u recorders killed, %u of them before they had begun\n", plan->runs,
	       atomic_load(&sums->early));
	printf("%llu requests and %llu frames replayed equal, %u recordings without some pixels\n",
	       (unsigned long long)atomic_load(&sums->requests),
	       (unsigned long long)atomic_load(&sums->frames), atomic_load(&sums->incomparable));
	printf("missing at the end: %.1f ms at most; %.1f ms without waits for processor or disk\n",
	       (double)atomic_load(&sums->missing_ns) / 1e6,
	       (double)atomic_load(&sums->own_ns) / 1e6);
	if (failed == 0 && rmdir(plan->folder) == 0)
		return 0;
	printf("%u failed; what they left is in %s\n", failed, plan->folder);
	return 1;
}

static int usage(void)
{
	fprintf(stderr, "Usage: torture [--runs N] [--seed N] [--jobs N] [--limit MS] RECORDER "
			"[EMULATOR...]\n");
	return 2;
}

/* "RECORDER EMULATOR ARG..." as the words of a call. */
static void take_command(struct plan *plan, int argc, char **argv)
{
	int n = 0;

	for (int i = optind + 1; i < argc && n < WORDS_MAX - 1; i++)
		plan->recorder[n++] = argv[i];
	plan->recorder[n] = argv[optind];
}

static bool take_options(struct plan *plan, int argc, char **argv)
{
	static const struct option options[] = {{"runs", required_argument, NULL, 'r'},
						{"seed", required_argument, NULL, 's'},
						{"jobs", required_argument, NULL, 'j'},
						{"limit", required_argument, NULL, 'l'},
						{NULL, 0, NULL, 0}};
	int option;

	/* What comes after the recorder is the emulator's. */
	while ((option = getopt_long(argc, argv, "+", options, NULL)) != -1) {
		uint64_t number = optarg != NULL ? strtoull(optarg, NULL, 10) : 0;

		switch (option) {
		case 'r':
			plan->runs = (unsigned int)number;
			break;
		case 's':
			plan->seed = number;
			break;
		case 'j':
			plan->jobs = (unsigned int)number;
			break;
		case 'l':
			plan->limit_ms = (unsigned int)number;
			break;
		default:
			return false;
		}
	}
	if (optind == argc || plan->runs == 0 || plan->jobs == 0 || plan->jobs > JOBS_MAX)
		return false;
	take_command(plan, argc, argv);
	return true;
}

int main(int argc, char **argv)
{
	struct plan plan = {.runs = 30,
			    .jobs = 2,
			    .limit_ms = MISSING_MS,
			    .folder = "/tmp/vgpu-torture-XXXXXX"};

	if (!take_options(&plan, argc, argv))
		return usage();
	if (plan.seed == 0)
		plan.seed = vgpu_now_ns() % 1000000000;
	struct sums *sums = mmap(NULL, sizeof(*sums), PROT_READ | PROT_WRITE,
				 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (sums == MAP_FAILED || mkdtemp(plan.folder) == NULL) {
		perror("torture");
		return 2;
	}
	printf("torture: %u runs from seed %" PRIu64 "\n", plan.runs, plan.seed);
	fflush(stdout);
	signal(SIGPIPE, SIG_IGN);
	run_all(&plan, sums);
	return report(&plan, sums);
}
