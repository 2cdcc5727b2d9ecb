/* SPDX-License-Identifier: MIT */
/*
 * hvisor.ko of the simulated root zone: what its ioctls and its mmap do, for
 * whoever connects. As in the real module all state is global, a connection has
 * none, and the end of one changes nothing.
 */
#include "hvisor-sim/internal.h"
#include "hvisor-sim/wire.h"

#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define INIT_VIRTIO  _IO(1, 0)
#define FINISH_REQ   _IO(1, 2)
#define ZONE_LIST    _IOR(1, 5, void *)
#define CONFIG_CHECK _IOR(1, 6, uint64_t *)
#define SET_EVENTFD  _IOW(1, 7, int)

#define MAX_CONNECTIONS 8
#define WAKE_SIGNAL	10
/* zone_info, and the module's before CONFIG_CHECK, which had no is_err. */
#define ZONE_INFO_SIZE	   56
#define ZONE_INFO_OLD_SIZE 48

struct module {
	struct sim *sim;
	char socket_path[108], node_path[128], tree_path[128];
	pthread_t thread;
	bool running;
	int stop_fd;
	/* [0] is stop_fd, [1] listens, others are connections. */
	struct pollfd fds[2 + MAX_CONNECTIONS];
	unsigned int num_fds;
};

/* ---- waking the daemon ----------------------------------------------------------------- */

static uint64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000000000 + (uint64_t)now.tv_nsec;
}

/*
 * hvisor drops virtual interrupt 64 while the list register still holds the one
 * before, which it does until the handler has ended it.
 */
static bool is_lost(struct sim *sim)
{
	const struct sim_options *options = &sim->options;
	uint64_t now = now_ns();
	bool busy = now - sim->woken_at < options->wake_busy_us * 1000ull;

	sim->stats.wakes++;
	if (busy ||
	    (options->drop_wake_every != 0 && sim->stats.wakes % options->drop_wake_every == 0)) {
		sim->stats.lost_wakes++;
		return true;
	}
	sim->woken_at = now;
	return false;
}

/* Directed at the thread, with the number 1 for company. */
static void send_signal(const struct sim *sim)
{
	siginfo_t info = {.si_signo = WAKE_SIGNAL, .si_code = SI_QUEUE};

	info.si_value.sival_int = 1;
	if (sim->task_process != 0)
		syscall(SYS_rt_tgsigqueueinfo, sim->task_process, sim->task_thread, WAKE_SIGNAL,
			&info);
}

void module_wake(struct sim *sim)
{
	const uint64_t one = 1;

	pthread_mutex_lock(&sim->lock);
	if (is_lost(sim))
		;
	else if (sim->options.by_signal)
		send_signal(sim);
	else if (sim->wake_fd < 0 || write(sim->wake_fd, &one, sizeof(one)) < 0)
		sim->stats.lost_wakes++;
	pthread_mutex_unlock(&sim->lock);
}

/* ---- ioctl ----------------------------------------------------------------------------- */

static int init_virtio(struct sim *sim, pid_t process, pid_t thread)
{
	/* The module of old returns a positive error where the device tree has no node. */
	if (sim->options.init_result != 0)
		return sim->options.init_result;
	pthread_mutex_lock(&sim->lock);
	sim->task_process = process;
	sim->task_thread = thread;
	pthread_mutex_unlock(&sim->lock);
	return sim_init_virtio(sim);
}

static bool is_eventfd(int fd)
{
	char path[64], target[64] = "";

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return readlink(path, target, sizeof(target) - 1) > 0 &&
	       strcmp(target, "anon_inode:[eventfd]") == 0;
}

/* There is one, of whoever came last. */
static int set_eventfd(struct sim *sim, int fd)
{
	if (sim->options.by_signal)
		return -EINVAL;
	if (fd < 0)
		return -EBADF;
	if (!is_eventfd(fd))
		return -EINVAL;
	pthread_mutex_lock(&sim->lock);
	if (sim->wake_fd >= 0)
		close(sim->wake_fd);
	sim->wake_fd = dup(fd);
	pthread_mutex_unlock(&sim->lock);
	return 0;
}

static int config_check(const struct sim *sim, struct sim_reply *reply)
{
	if (sim->options.config_version == 0)
		return -EINVAL;
	memcpy(reply->data, &sim->options.config_version, sizeof(uint64_t));
	reply->data_len = sizeof(uint64_t);
	return 0;
}

static void put_zone(uint8_t *info, uint32_t id, uint64_t cpus, const char *name)
{
	memcpy(info, &id, sizeof(id));
	memcpy(info + 8, &cpus, sizeof(cpus));
	snprintf((char *)info + 16, 32, "%s", name);
}

/* Bytes 49 to 55 of an entry are what was on the hypervisor's stack. */
static int zone_list(const struct sim *sim, uint64_t room, struct sim_reply *reply)
{
	size_t size = sim->options.config_version == 0 ? ZONE_INFO_OLD_SIZE : ZONE_INFO_SIZE;
	unsigned int count = room < 2 ? (unsigned int)room : 2;
	uint8_t infos[2][ZONE_INFO_SIZE] = {0};

	put_zone(infos[0], 0, 3, "root-linux");
	put_zone(infos[1], ZONE_ID, 3ull << sim->options.first_cpu, "ruxos_display");
	infos[1][48] = sim->zone_failed;
	for (unsigned int i = 0; i < count; i++) {
		memset(infos[i] + 49, 0xa5, 7);
		memcpy(reply->data + i * size, infos[i], size);
	}
	reply->data_len = (uint32_t)(count * size);
	return (int)count;
}

static int on_ioctl(struct sim *sim, const struct sim_request *request, pid_t process, int fd,
		    struct sim_reply *reply)
{
	switch (request->command) {
	case INIT_VIRTIO:
		return init_virtio(sim, process, request->tid);
	case FINISH_REQ:
		return sim_finish_req(sim);
	case ZONE_LIST:
		return zone_list(sim, request->argument, reply);
	case CONFIG_CHECK:
		return config_check(sim, reply);
	case SET_EVENTFD:
		return set_eventfd(sim, fd);
	default:
		return -EINVAL;
	}
}

/* ---- mmap ------------------------------------------------------------------------------ */

static int map_bridge(struct sim *sim, const struct sim_request *request)
{
	if (request->len != PAGE_SIZE)
		sim_note(sim, "%llu bytes mapped of a page shared with the hypervisor",
			 (unsigned long long)request->len);
	/* Succeeds, and a touch kills the process. */
	if (sim->num_pages == 0) {
		sim_note(sim, "the shared page was mapped before INIT_VIRTIO");
		return -1;
	}
	return sim->pages[sim->num_pages - 1].fd;
}

/* Nothing is checked: the offset is a physical address of the root zone. */
static int map_memory(struct sim *sim, const struct sim_request *request, struct sim_reply *reply)
{
	const struct sim_options *options = &sim->options;
	uint64_t offset = request->offset - options->zone0_ipa;

	if (request->offset < options->zone0_ipa || offset > options->ram_size ||
	    request->len > options->ram_size - offset) {
		sim_note(sim,
			 "0x%llx bytes mapped at 0x%llx, not the zone's memory: "
			 "a touch would have been the root zone's death",
			 (unsigned long long)request->len, (unsigned long long)request->offset);
		return -1;
	}
	reply->offset = offset;
	return sim->ram_fd;
}

static int on_mmap(struct sim *sim, const struct sim_request *request, struct sim_reply *reply)
{
	if ((request->flags & MAP_SHARED) == 0)
		sim_note(sim, "a private mapping of /dev/hvisor");
	return request->offset == 0 ? map_bridge(sim, request) : map_memory(sim, request, reply);
}

/* ---- the socket ------------------------------------------------------------------------ */

union control {
	struct cmsghdr header;
	char bytes[CMSG_SPACE(sizeof(int))];
};

static ssize_t receive(int connection, struct sim_request *request, int *fd)
{
	union control control;
	struct iovec iov = {.iov_base = request, .iov_len = sizeof(*request)};
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control.bytes),
	};
	ssize_t got = recvmsg(connection, &message, MSG_CMSG_CLOEXEC);

	*fd = -1;
	if (got > 0 && CMSG_FIRSTHDR(&message) != NULL)
		memcpy(fd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(*fd));
	return got;
}

static void send_reply(int connection, struct sim_reply *reply, int fd)
{
	union control control = {.bytes = {0}};
	struct iovec iov = {.iov_base = reply, .iov_len = sizeof(*reply)};
	struct msghdr message = {.msg_iov = &iov, .msg_iovlen = 1};

	if (fd >= 0) {
		message.msg_control = &control;
		message.msg_controllen = sizeof(control.bytes);
		control.header.cmsg_level = SOL_SOCKET;
		control.header.cmsg_type = SCM_RIGHTS;
		control.header.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.header), &fd, sizeof(fd));
	}
	sendmsg(connection, &message, MSG_NOSIGNAL);
}

static pid_t process_of(int connection)
{
	struct ucred credentials = {0};
	socklen_t len = sizeof(credentials);

	getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &credentials, &len);
	return credentials.pid;
}

/* False when the connection has ended. */
static bool serve(struct sim *sim, int connection)
{
	struct sim_request request;
	struct sim_reply reply = {0};
	int received, sent = -1;

	if (receive(connection, &request, &received) != sizeof(request))
		return false;
	if (request.call == SIM_MMAP)
		sent = on_mmap(sim, &request, &reply);
	else
		reply.result = on_ioctl(sim, &request, process_of(connection), received, &reply);
	if (received >= 0)
		close(received);
	if (reply.result < 0) {
		reply.error = -reply.result;
		reply.result = -1;
	}
	send_reply(connection, &reply, sent);
	return true;
}

static void take_connection(struct module *module)
{
	int fd = accept4(module->fds[1].fd, NULL, NULL, SOCK_CLOEXEC);

	if (fd < 0)
		return;
	if (module->num_fds == sizeof(module->fds) / sizeof(module->fds[0])) {
		close(fd);
		return;
	}
	module->fds[module->num_fds++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static void *run(void *opaque)
{
	struct module *module = opaque;

	for (;;) {
		if (poll(module->fds, module->num_fds, -1) < 0)
			continue;
		if (module->fds[0].revents != 0)
			return NULL;
		for (unsigned int i = module->num_fds; i-- > 2;) {
			if (module->fds[i].revents == 0 || serve(module->sim, module->fds[i].fd))
				continue;
			close(module->fds[i].fd);
			module->fds[i] = module->fds[--module->num_fds];
		}
		if (module->fds[1].revents != 0)
			take_connection(module);
	}
}

/* ---- files ----------------------------------------------------------------------------- */

static int write_cells(const char *folder, const char *name, const uint32_t *cells, size_t count)
{
	char path[300];

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	FILE *file = fopen(path, "we");
	if (file == NULL)
		return -1;
	for (size_t i = 0; i < count; i++) {
		uint32_t cell = htobe32(cells[i]);

		fwrite(&cell, sizeof(cell), 1, file);
	}
	return fclose(file);
}

/* The root zone's memory is that of the example: 0x50000000, 0x70000000 bytes. */
static int write_tree(const struct module *module)
{
	char folder[160];

	snprintf(folder, sizeof(folder), "%s/memory@50000000", module->tree_path);
	if (mkdir(module->tree_path, 0700) != 0 || mkdir(folder, 0700) != 0 ||
	    write_cells(module->tree_path, "#address-cells", (uint32_t[]){2}, 1) != 0 ||
	    write_cells(module->tree_path, "#size-cells", (uint32_t[]){2}, 1) != 0)
		return -1;
	return write_cells(folder, "reg", (uint32_t[]){0, 0x50000000, 0, 0x70000000}, 4);
}

static int write_node(const struct module *module)
{
	int fd;

	if (module->sim->options.no_such_node)
		return 0;
	fd = open(module->node_path, O_CREAT | O_RDWR | O_CLOEXEC, 0600);
	return fd < 0 ? -1 : close(fd);
}

static int listen_at(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);

	strcpy(address.sun_path, path);
	if (fd >= 0 && bind(fd, (struct sockaddr *)&address, sizeof(address)) == 0 &&
	    listen(fd, MAX_CONNECTIONS) == 0)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

static int start(struct module *module)
{
	if (write_node(module) != 0 || write_tree(module) != 0)
		return -1;
	module->fds[0] = (struct pollfd){.fd = eventfd(0, EFD_CLOEXEC), .events = POLLIN};
	module->fds[1] = (struct pollfd){.fd = listen_at(module->socket_path), .events = POLLIN};
	module->num_fds = 2;
	if (module->fds[0].fd < 0 || module->fds[1].fd < 0 ||
	    pthread_create(&module->thread, NULL, run, module) != 0)
		return -1;
	module->running = true;
	return 0;
}

struct module *module_new(struct sim *sim, const char *folder)
{
	struct module *module = calloc(1, sizeof(*module));

	if (module == NULL)
		return NULL;
	module->sim = sim;
	if (snprintf(module->socket_path, sizeof(module->socket_path), "%s/hvisor", folder) <
	    (int)sizeof(module->socket_path)) {
		snprintf(module->node_path, sizeof(module->node_path), "%s" SIM_NODE_SUFFIX,
			 module->socket_path);
		snprintf(module->tree_path, sizeof(module->tree_path), "%s" SIM_TREE_SUFFIX,
			 module->socket_path);
		if (start(module) == 0)
			return module;
	}
	module_free(module);
	return NULL;
}

void module_free(struct module *module)
{
	if (module == NULL)
		return;
	if (module->running) {
		eventfd_write(module->fds[0].fd, 1);
		pthread_join(module->thread, NULL);
	}
	for (unsigned int i = 0; i < module->num_fds; i++)
		if (module->fds[i].fd >= 0)
			close(module->fds[i].fd);
	free(module);
}

const char *module_socket(const struct module *module)
{
	return module->socket_path;
}
