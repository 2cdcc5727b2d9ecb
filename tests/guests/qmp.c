/* SPDX-License-Identifier: MIT */
/*
 * A client of QEMU's monitor protocol for shell scripts: connects, executes
 * one command, prints what it returns unless that is empty. It knows nothing
 * of guests or devices.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define EXIT_USAGE 2

struct monitor {
	int fd;
	int64_t deadline_ms;
	char *buffer;
	size_t len, size;
};

static int64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static int time_left(const struct monitor *monitor)
{
	int64_t left = monitor->deadline_ms - now_ms();

	return left > 0 ? (int)left : 0;
}

/* QEMU may still be starting: tries until the deadline. */
static int monitor_connect(struct monitor *monitor, const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	strcpy(address.sun_path, path);
	for (;;) {
		int err;

		monitor->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
		if (monitor->fd < 0)
			return -errno;
		if (connect(monitor->fd, (struct sockaddr *)&address, sizeof(address)) == 0)
			return 0;
		err = errno;
		close(monitor->fd);
		monitor->fd = -1;
		if ((err != ENOENT && err != ECONNREFUSED) || time_left(monitor) == 0)
			return -err;
		usleep(20000);
	}
}

/* Reads more into the buffer. 0 at the end of the connection. */
static int monitor_fill(struct monitor *monitor)
{
	struct pollfd pollfd = {.fd = monitor->fd, .events = POLLIN};
	ssize_t got;
	int ready;

	if (monitor->size - monitor->len < 4096) {
		char *bigger = realloc(monitor->buffer, monitor->size + 65536);

		if (!bigger)
			return -ENOMEM;
		monitor->buffer = bigger;
		monitor->size += 65536;
	}
	ready = poll(&pollfd, 1, time_left(monitor));
	if (ready == 0)
		return -ETIMEDOUT;
	if (ready < 0)
		return -errno;
	got = read(monitor->fd, monitor->buffer + monitor->len, monitor->size - monitor->len);
	if (got < 0)
		return errno == ECONNRESET ? 0 : -errno;
	monitor->len += (size_t)got;
	return got > 0;
}

/* Takes the next line, one JSON object. -EPIPE at the end of the connection. */
static int monitor_receive(struct monitor *monitor, cJSON **message)
{
	char *end;

	while (!monitor->len || !(end = memchr(monitor->buffer, '\n', monitor->len))) {
		int ret = monitor_fill(monitor);

		if (ret <= 0)
			return ret < 0 ? ret : -EPIPE;
	}
	*message = cJSON_ParseWithLength(monitor->buffer, (size_t)(end - monitor->buffer));
	monitor->len -= (size_t)(end + 1 - monitor->buffer);
	memmove(monitor->buffer, end + 1, monitor->len);
	return *message ? 0 : -EBADMSG;
}

static int monitor_send(struct monitor *monitor, const cJSON *message)
{
	char *text = cJSON_PrintUnformatted(message);
	size_t len, sent = 0;

	if (!text)
		return -ENOMEM;
	len = strlen(text);
	while (sent < len) {
		ssize_t ret = send(monitor->fd, text + sent, len - sent, MSG_NOSIGNAL);

		if (ret < 0) {
			free(text);
			return -errno;
		}
		sent += (size_t)ret;
	}
	free(text);
	return 0;
}

/* arguments may be NULL and is taken over. *answer has "return" or "error". */
static int monitor_execute(struct monitor *monitor, const char *command, cJSON *arguments,
			   cJSON **answer)
{
	cJSON *message = cJSON_CreateObject();
	int ret;

	cJSON_AddStringToObject(message, "execute", command);
	if (arguments)
		cJSON_AddItemToObject(message, "arguments", arguments);
	ret = monitor_send(monitor, message);
	cJSON_Delete(message);
	while (!ret) {
		ret = monitor_receive(monitor, answer);
		if (!ret && (cJSON_GetObjectItem(*answer, "return") ||
			     cJSON_GetObjectItem(*answer, "error")))
			return 0;
		if (!ret)
			cJSON_Delete(*answer); /* an event */
	}
	return ret;
}

static int monitor_greet(struct monitor *monitor)
{
	cJSON *message;
	int ret = monitor_receive(monitor, &message);

	if (ret)
		return ret;
	cJSON_Delete(message);
	ret = monitor_execute(monitor, "qmp_capabilities", NULL, &message);
	if (!ret)
		cJSON_Delete(message);
	return ret;
}

/* QEMU has its own working directory: file names go there absolute. */
static cJSON *screendump_arguments(char **words, int count)
{
	cJSON *arguments = cJSON_CreateObject();
	const char *file = words[0];
	const char *dot = strrchr(file, '.');
	char path[2 * PATH_MAX] = "";

	if (file[0] != '/' && getcwd(path, PATH_MAX))
		strcat(path, "/");
	strncat(path, file, PATH_MAX - 1);
	cJSON_AddStringToObject(arguments, "filename", path);
	if (dot && strcmp(dot, ".png") == 0)
		cJSON_AddStringToObject(arguments, "format", "png");
	if (count > 1)
		cJSON_AddStringToObject(arguments, "device", words[1]);
	if (count > 2)
		cJSON_AddNumberToObject(arguments, "head", atoi(words[2]));
	return arguments;
}

static int print_answer(const char *socket, const char *command, const cJSON *answer)
{
	const cJSON *error = cJSON_GetObjectItem(answer, "error");
	const cJSON *result = cJSON_GetObjectItem(answer, "return");
	char *text;

	if (error) {
		const char *why = cJSON_GetStringValue(cJSON_GetObjectItem(error, "desc"));

		fprintf(stderr, "qmp: %s: %s: %s\n", socket, command, why ? why : "error");
		return EXIT_FAILURE;
	}
	if (cJSON_IsObject(result) && !result->child)
		return EXIT_SUCCESS;
	text = cJSON_PrintUnformatted(result);
	puts(text ? text : "");
	free(text);
	return EXIT_SUCCESS;
}

static void usage(FILE *out)
{
	fputs("Usage: qmp [--timeout SECONDS] SOCKET screendump FILE [DEVICE [HEAD]]\n"
	      "       qmp [--timeout SECONDS] SOCKET COMMAND [JSON]\n"
	      "\n"
	      "Executes a command of QEMU's monitor protocol and prints what it returns.\n"
	      "Waits for the socket to appear; in all, SECONDS (10).\n"
	      "A screendump to FILE.png is a PNG, to any other FILE a PPM.\n",
	      out);
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{"timeout", required_argument, NULL, 't'},
		{"help", no_argument, NULL, 'h'},
		{0},
	};
	struct monitor monitor = {.fd = -1};
	cJSON *arguments = NULL, *answer = NULL;
	const char *path, *command;
	double timeout = 10;
	int option, ret, status = EXIT_FAILURE;

	while ((option = getopt_long(argc, argv, "+t:h", options, NULL)) != -1) {
		if (option == 't') {
			timeout = atof(optarg);
		} else {
			usage(option == 'h' ? stdout : stderr);
			return option == 'h' ? EXIT_SUCCESS : EXIT_USAGE;
		}
	}
	argc -= optind;
	argv += optind;
	if (argc < 2 || argc > 5 || timeout <= 0 || timeout > 86400) {
		usage(stderr);
		return EXIT_USAGE;
	}
	path = argv[0];
	command = argv[1];
	if (strcmp(command, "screendump") == 0 && argc > 2)
		arguments = screendump_arguments(argv + 2, argc - 2);
	else if (argc > 2 && !(arguments = cJSON_Parse(argv[2]))) {
		fprintf(stderr, "qmp: %s: the arguments are not JSON\n", argv[2]);
		return EXIT_USAGE;
	}

	monitor.deadline_ms = now_ms() + (int64_t)(timeout * 1000);
	ret = monitor_connect(&monitor, path);
	if (!ret)
		ret = monitor_greet(&monitor);
	if (ret)
		cJSON_Delete(arguments);
	else
		ret = monitor_execute(&monitor, command, arguments, &answer);
	if (!ret)
		status = print_answer(path, command, answer);
	else if (ret == -EPIPE && strcmp(command, "quit") == 0)
		status = EXIT_SUCCESS;
	else
		fprintf(stderr, "qmp: %s: %s: %s\n", path, command, strerror(-ret));
	cJSON_Delete(answer);
	free(monitor.buffer);
	if (monitor.fd >= 0)
		close(monitor.fd);
	return status;
}
