/* SPDX-License-Identifier: MIT */
#include "target/vhost_user_program.h"

#include "target/socket_io.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define EXEC	    "exec:"
#define WORDS_MAX   64
#define TEXT_MAX    4096
#define LISTENS_MS  10000
#define ENDS_MS	    2000
#define LAST_MS	    1000
#define FD_WORD	    "{fd}"
#define SOCKET_WORD "{socket}"
#define BLANKS	    " \t\n"

void vgpu_vhost_user_program_init(struct vgpu_vhost_user_program *program, const char *spec)
{
	program->spec = spec;
	program->child = (struct vgpu_child){.output = -1};
}

static bool is_started(const struct vgpu_vhost_user_program *program)
{
	return strncmp(program->spec, EXEC, strlen(EXEC)) == 0;
}

/* ---- a socket that somebody listens on -------------------------------------------- */

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};

	if (strlen(path) >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, path, strlen(path) + 1);
	/* A listener that accepts nobody must not be waited for. */
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	int ret = -errno;
	close(fd);
	return ret;
}

/* ---- a program ------------------------------------------------------------------------ */

struct command {
	char text[TEXT_MAX];
	char *words[WORDS_MAX + 1];
	unsigned int count;
};

static int add_word(struct command *command, char *word, struct vgpu_error *err)
{
	if (command->count == WORDS_MAX)
		return vgpu_error_set(err, E2BIG, "more than %d words in a command", WORDS_MAX);
	command->words[command->count++] = word;
	return 0;
}

/* Appends to text, which is too long if *used passes its size. */
static void append(struct command *command, size_t *used, const char *from, size_t len)
{
	if (*used + len < sizeof(command->text))
		memcpy(command->text + *used, from, len);
	*used += len;
}

/* Copies the command with its placeholders replaced. */
static int expand(struct command *command, const char *from, int fd, const char *path,
		  struct vgpu_error *err)
{
	size_t used = 0;
	char number[16];

	snprintf(number, sizeof(number), "%d", fd);
	while (*from != '\0') {
		const char *with = NULL;
		size_t len = 1;

		if (strncmp(from, FD_WORD, strlen(FD_WORD)) == 0) {
			with = number;
			len = strlen(FD_WORD);
		} else if (strncmp(from, SOCKET_WORD, strlen(SOCKET_WORD)) == 0) {
			with = path;
			len = strlen(SOCKET_WORD);
		}
		append(command, &used, with != NULL ? with : from,
		       with != NULL ? strlen(with) : len);
		from += len;
	}
	if (used >= sizeof(command->text))
		return vgpu_error_set(err, ENAMETOOLONG, "the back end's command");
	command->text[used] = '\0';
	return 0;
}

/* Words are separated by blanks, and nothing else means anything. */
static int split(struct command *command, struct vgpu_error *err)
{
	char *rest = command->text, *word;
	int ret = 0;

	while (ret == 0 && (word = strtok_r(rest, BLANKS, &rest)) != NULL)
		ret = add_word(command, word, err);
	if (ret == 0 && command->count == 0)
		return vgpu_error_set(err, EINVAL, "exec: names no program");
	return ret;
}

static int start(struct vgpu_vhost_user_program *program, int fd, const char *path,
		 struct vgpu_error *err)
{
	const char *from = program->spec + strlen(EXEC);
	struct command *command = calloc(1, sizeof(*command));
	char option[32];

	if (command == NULL)
		return vgpu_error_set(err, ENOMEM, "out of memory");
	int ret = expand(command, from, fd, path, err);
	if (ret == 0)
		ret = split(command, err);
	/* The convention of vhost-user back ends, unless the command says it itself. */
	snprintf(option, sizeof(option), "--fd=%d", fd);
	if (ret == 0 && path == NULL && strstr(from, FD_WORD) == NULL)
		ret = add_word(command, option, err);
	if (ret == 0)
		ret = vgpu_child_start(&program->child, command->words, &fd, path == NULL, err);
	free(command);
	return ret;
}

static int start_with_fd(struct vgpu_vhost_user_program *program, struct vgpu_error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return vgpu_error_set(err, errno, "socketpair: %s", strerror(errno));
	int ret = start(program, pair[1], NULL, err);
	/* Ours is to be the only other end, for its death to be seen. */
	close(pair[1]);
	if (ret == 0)
		return pair[0];
	close(pair[0]);
	return ret;
}

static int connect_when_it_listens(struct vgpu_vhost_user_program *program, const char *path,
				   struct vgpu_error *err)
{
	uint64_t deadline = vgpu_socket_deadline(LISTENS_MS);
	int fd;

	while ((fd = connect_to(path)) < 0) {
		if (vgpu_child_ended(&program->child, 0)) {
			vgpu_error_set(err, EPIPE, "it does not listen");
			return vgpu_vhost_user_program_blame(program, -EPIPE, err);
		}
		if (vgpu_now_ns() >= deadline) {
			vgpu_error_set(err, ETIMEDOUT, "it does not listen on %s", path);
			return vgpu_vhost_user_program_blame(program, -ETIMEDOUT, err);
		}
		usleep(2000);
	}
	return fd;
}

static int start_with_socket(struct vgpu_vhost_user_program *program, struct vgpu_error *err)
{
	const char *tmp = getenv("TMPDIR");
	char folder[64], path[80];

	/* It becomes a part of one word, and of a socket's path. */
	if (tmp == NULL || tmp[0] == '\0' || strpbrk(tmp, BLANKS) != NULL ||
	    snprintf(folder, sizeof(folder), "%s/vgpu-XXXXXX", tmp) >= (int)sizeof(folder))
		snprintf(folder, sizeof(folder), "/tmp/vgpu-XXXXXX");
	if (mkdtemp(folder) == NULL)
		return vgpu_error_set(err, errno, "%s: %s", folder, strerror(errno));
	snprintf(path, sizeof(path), "%s/socket", folder);
	int fd = start(program, -1, path, err);
	if (fd == 0)
		fd = connect_when_it_listens(program, path, err);
	unlink(path);
	rmdir(folder);
	return fd;
}

int vgpu_vhost_user_program_connect(struct vgpu_vhost_user_program *program, struct vgpu_error *err)
{
	if (program->spec[0] == '\0')
		return vgpu_error_set(err, EINVAL, "the target vhost-user names no socket");
	if (is_started(program))
		return strstr(program->spec, SOCKET_WORD) == NULL ? start_with_fd(program, err)
								  : start_with_socket(program, err);
	int fd = connect_to(program->spec);
	return fd >= 0 ? fd : vgpu_error_set(err, -fd, "%s: %s", program->spec, strerror(-fd));
}

void vgpu_vhost_user_program_end(struct vgpu_vhost_user_program *program)
{
	if (program->child.output < 0)
		return;
	vgpu_child_ended(&program->child, ENDS_MS);
	vgpu_child_stop(&program->child);
}

int vgpu_vhost_user_program_blame(struct vgpu_vhost_user_program *program, int ret,
				  struct vgpu_error *err)
{
	char words[VGPU_CHILD_LAST_WORDS];
	struct vgpu_error what = *err;

	if (program->child.output < 0)
		return ret;
	vgpu_child_last_words(&program->child, ret == -EPIPE ? LAST_MS : 0, words);
	return vgpu_error_set(err, -ret, "%.200s (the back end %s)", what.text, words);
}

void vgpu_vhost_user_program_name(const struct vgpu_vhost_user_program *program, char *name,
				  size_t size)
{
	const char *from = program->spec;
	size_t len = strlen(from), begin;

	if (is_started(program)) {
		from += strlen(EXEC);
		from += strspn(from, BLANKS);
		len = strcspn(from, BLANKS);
	}
	for (begin = len; begin > 0 && from[begin - 1] != '/';)
		begin--;
	snprintf(name, size, "%.*s", (int)(len - begin), from + begin);
}
