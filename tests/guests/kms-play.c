/* SPDX-License-Identifier: MIT */
/*
 * Plays a trace into the built-in device with a card as its display, as fast as
 * it goes, and leaves the last picture there until it is told to end: the way of
 * a picture from a guest to a screen, without the guest. From the first picture on
 * it is in the sandbox of a recorder that has a display.
 */
#include "player.h"
#include "sandbox/sandbox.h"

#include <endian.h>
#include <getopt.h>
#include <inttypes.h>
#include <linux/virtio_gpu.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

#define EXIT_USAGE     2
#define EXIT_NO_SCREEN 3

struct play {
	struct vgpu_kms *kms; /* NULL: there is none */
	uint64_t requests, until;
	uint64_t runs;
	int end_fd;
	bool slow;
	bool flushed; /* the last request was a flush */
};

/* Longer than a frame takes on the screen. */
#define SLOW_NS 20000000ull

struct settings {
	struct vgpu_kms_options display;
	bool none; /* play without a display, to compare */
	bool slow;
	uint64_t until;
};

static const char usage[] =
	"Usage: kms-play [OPTION]... TRACE\n"
	"\n"
	"  --card PATH        this card instead of the first with a display\n"
	"  --connector NAME   this connector instead of all\n"
	"  --legacy           no atomic commits\n"
	"  --none             no display at all, to compare how long that takes\n"
	"  --slow             give every frame the time to be shown\n"
	"  --until COUNT      stop after so many requests, not after the last\n"
	"\n"
	"Ends with SIGTERM. Exit status: 0, 1 if the trace cannot be played, 3 if there is\n"
	"no display.\n";

static uint64_t min_u64(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static void say(void *opaque, const char *line)
{
	(void)opaque;
	printf("kms-play: %s\n", line);
	fflush(stdout);
}

static void run_display(struct play *play, int timeout_ms, int end_fd, bool *end)
{
	struct pollfd fds[2] = {
		{.fd = play->kms != NULL ? vgpu_kms_fd(play->kms) : -1, .events = POLLIN},
		{.fd = end_fd, .events = POLLIN},
	};

	if (poll(fds, 2, timeout_ms) <= 0)
		return;
	if (fds[0].revents != 0) {
		vgpu_kms_run(play->kms);
		play->runs++;
	}
	*end = fds[1].revents != 0;
}

static void on_answer(void *opaque, const struct vgpu_player_answer *answer)
{
	struct play *play = opaque;
	const struct vgpu_trace_request *recorded = answer->recorded;
	uint32_t type = 0;

	if (recorded->request_len >= sizeof(type))
		memcpy(&type, recorded->request, sizeof(type));
	play->flushed = le32toh(type) == VIRTIO_GPU_CMD_RESOURCE_FLUSH;
	play->requests++;
}

/* As a bus does it: the display has its turn between the guest's requests. */
static bool on_stop(void *opaque)
{
	struct play *play = opaque;
	uint64_t until = play->slow && play->flushed ? vgpu_now_ns() + SLOW_NS : 0;
	bool end = false;

	do
		run_display(play, until != 0, -1, &end);
	while (vgpu_now_ns() < until);
	return play->requests >= play->until;
}

static int end_signals(void)
{
	sigset_t set;

	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return signalfd(-1, &set, SFD_CLOEXEC);
}

static int play_all(struct vgpu_player *player, struct vgpu_target *target, struct play *play,
		    struct vgpu_error *err)
{
	static const struct vgpu_player_events events = {
		.answer = on_answer,
		.stop = on_stop,
	};
	uint64_t begin = vgpu_now_ns();
	bool end = play->end_fd < 0;

	enum vgpu_player_end how = vgpu_player_play(player, target, &events, play, err);
	if (how != VGPU_PLAYER_DONE && how != VGPU_PLAYER_STOPPED)
		return 1;
	printf("kms-play: %" PRIu64 " requests in %" PRIu64 " ms, display runs: %" PRIu64 "\n",
	       play->requests, (vgpu_now_ns() - begin) / 1000000, play->runs);
	say(NULL, "played");
	while (!end && play->kms != NULL)
		run_display(play, -1, play->end_fd, &end);
	return 0;
}

/* For a trace that is a device nothing but what is open stays open. */
static int enter_sandbox(struct vgpu_error *err)
{
	struct sandbox *sandbox = sandbox_new(
		&(struct sandbox_options){.output = "/dev/null", .display = true, .required = true},
		err);
	int rc = sandbox != NULL ? sandbox_enter(sandbox, err) : -1;

	sandbox_free(sandbox);
	return rc;
}

static int play_on(struct vgpu_player *player, const struct settings *settings,
		   struct vgpu_error *err)
{
	struct vgpu_kms_options options = settings->display;
	struct vgpu_target_options target_options;
	/* What comes after the last request, such as a reset, would leave no picture. */
	struct play play = {
		.until = min_u64(settings->until, vgpu_player_requests(player)),
		.end_fd = -1,
		.slow = settings->slow,
	};
	int rc = 1;

	vgpu_player_target_options(player, &target_options);
	struct vgpu_target *target = vgpu_target_builtin.open(&target_options, err);
	if (target == NULL)
		return 1;
	options.device = target->ops->device(target);
	options.log = say;
	if (!settings->none) {
		play.kms = vgpu_kms_new(&options, NULL, err);
		rc = EXIT_NO_SCREEN;
	}
	play.end_fd = end_signals();
	if (settings->none || play.kms != NULL)
		rc = enter_sandbox(err) == 0 ? play_all(player, target, &play, err) : 1;
	vgpu_kms_free(play.kms);
	vgpu_target_builtin.close(target);
	if (play.end_fd >= 0)
		close(play.end_fd);
	return rc;
}

static int play_file(const char *path, const struct settings *settings)
{
	struct vgpu_error err = {0};
	struct vgpu_player *player = NULL;
	int rc = 1;

	struct vgpu_trace_reader *reader = vgpu_trace_reader_open(path, &err);
	if (reader != NULL)
		player = vgpu_player_new(reader, &err);
	if (player != NULL)
		rc = play_on(player, settings, &err);
	if (rc != 0)
		fprintf(stderr, "kms-play: %s\n", err.text);
	else
		say(NULL, "ended");
	vgpu_player_free(player);
	vgpu_trace_reader_close(reader);
	return rc;
}

int main(int argc, char **argv)
{
	static const struct option longs[] = {
		{"card", required_argument, NULL, 'c'},
		{"connector", required_argument, NULL, 'n'},
		{"legacy", no_argument, NULL, 'l'},
		{"none", no_argument, NULL, '0'},
		{"slow", no_argument, NULL, 's'},
		{"until", required_argument, NULL, 'u'},
		{NULL, 0, NULL, 0},
	};
	struct settings settings = {.until = UINT64_MAX};
	int c;

	while ((c = getopt_long(argc, argv, "", longs, NULL)) != -1) {
		switch (c) {
		case 'c':
			settings.display.card = optarg;
			break;
		case 'n':
			settings.display.connector = optarg;
			break;
		case 'l':
			settings.display.legacy = true;
			break;
		case '0':
			settings.none = true;
			break;
		case 's':
			settings.slow = true;
			break;
		case 'u':
			settings.until = strtoull(optarg, NULL, 0);
			break;
		default:
			fputs(usage, stderr);
			return EXIT_USAGE;
		}
	}
	if (optind + 1 != argc) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	return play_file(argv[optind], &settings);
}
