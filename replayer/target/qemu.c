/* SPDX-License-Identifier: MIT */
/*
 * QEMU's own virtio-gpu-device: the independent judge. QEMU runs no guest code
 * here. Its RAM is a file in memory that this process maps too, so rings and
 * buffers are plain memory; registers go over the qtest socket, pictures come
 * from screendump into another file in memory, cursors from its display. Nothing
 * touches a file system.
 */
#include "target.h"
#include "target/child.h"
#include "target/ppm.h"
#include "target/qemu_display.h"
#include "target/qmp.h"
#include "target/qtest.h"

#include <errno.h>
#include <linux/virtio_ids.h>
#include <linux/virtio_mmio.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#define DEFAULT_PROGRAM "qemu-system-aarch64"

/* The memory map of -M virt, as hw/arm/virt.c has it. */
#define RAM_BASE  0x40000000ull
#define MMIO_BASE 0x0a000000ull
#define GIC_BASE  0x08000000ull

/* The interrupt of the first virtio-mmio slot, as the interrupt controller numbers it. */
#define INTERRUPT 48u
/* The GICv2 register with its pending bit: of an interrupt that nobody takes, the line's level. */
#define GICD_ISPENDR (0x200u + INTERRUPT / 32 * 4)

/* The machine puts its device tree at the start of RAM when it is reset. */
#define RAM_MIN	  (16ull << 20)
#define RAM_ALIGN (1ull << 20)

#define VIRTIO_MMIO_MAGIC 0x74726976

struct qemu {
	struct vgpu_target target;
	struct vgpu_child child;
	struct vgpu_peer_socket qtest, qmp;
	int picture; /* file that screendump writes */
	bool has_display;
	struct vgpu_qemu_display *display; /* NULL: not connected */
	unsigned int major;
	char version[128];
};

static struct qemu *qemu_of(struct vgpu_target *target)
{
	return (struct qemu *)target;
}

/* Turns the error of a conversation into a sentence that says how QEMU fares. */
static int broken(struct qemu *qemu, int ret, const char *what, struct vgpu_error *err)
{
	char words[VGPU_CHILD_LAST_WORDS];

	vgpu_child_last_words(&qemu->child, ret == -EPIPE ? 1000 : 0, words);
	if (ret == -EPIPE)
		return vgpu_error_set(err, EPIPE, "QEMU is gone: %s", words);
	return vgpu_error_set(err, -ret, "QEMU: %s: %s (%s)", what, strerror(-ret), words);
}

static int qemu_read(struct vgpu_target *target, uint32_t offset, unsigned int size,
		     uint32_t *value, struct vgpu_error *err)
{
	struct qemu *qemu = qemu_of(target);
	int ret = vgpu_qtest_read(&qemu->qtest, MMIO_BASE + offset, size, value);

	return ret < 0 ? broken(qemu, ret, "register read", err) : 0;
}

static int qemu_write(struct vgpu_target *target, uint32_t offset, unsigned int size,
		      uint32_t value, struct vgpu_error *err)
{
	struct qemu *qemu = qemu_of(target);
	int ret = vgpu_qtest_write(&qemu->qtest, MMIO_BASE + offset, size, value);

	if (qemu->display != NULL)
		vgpu_qemu_display_drain(qemu->display);
	return ret < 0 ? broken(qemu, ret, "register write", err) : 0;
}

static int qemu_interrupt(struct vgpu_target *target, bool *level, struct vgpu_error *err)
{
	struct qemu *qemu = qemu_of(target);
	uint32_t pending = 0;
	int ret = vgpu_qtest_read(&qemu->qtest, GIC_BASE + GICD_ISPENDR, 4, &pending);

	*level = (pending & 1u << INTERRUPT % 32) != 0;
	return ret < 0 ? broken(qemu, ret, "interrupt line", err) : 0;
}

static int read_picture(struct qemu *qemu, struct vgpu_frame *frame, struct vgpu_error *err)
{
	struct stat st;

	if (fstat(qemu->picture, &st) < 0 || st.st_size <= 0)
		return vgpu_error_set(err, EBADMSG, "QEMU: screendump wrote nothing");
	size_t len = (size_t)st.st_size;
	void *bytes = mmap(NULL, len, PROT_READ, MAP_SHARED, qemu->picture, 0);
	if (bytes == MAP_FAILED)
		return vgpu_error_set(err, errno, "screendump: %s", strerror(errno));
	int ret = vgpu_ppm_read(bytes, len, frame);
	munmap(bytes, len);
	if (ret < 0)
		return vgpu_error_set(err, -ret, "screendump: not a PPM picture of %zu bytes", len);
	return 0;
}

static int qemu_capture(struct vgpu_target *target, uint32_t scanout_id, struct vgpu_frame *frame,
			struct vgpu_error *err)
{
	struct qemu *qemu = qemu_of(target);
	cJSON *arguments = cJSON_CreateObject();
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", qemu->picture);
	cJSON_AddStringToObject(arguments, "filename", path);
	cJSON_AddStringToObject(arguments, "device", "gpu");
	cJSON_AddNumberToObject(arguments, "head", scanout_id);
	int ret = vgpu_qmp_execute(&qemu->qmp, "screendump", arguments, NULL, err);
	if (ret == -EPIPE)
		return broken(qemu, ret, "screendump", err);
	return ret < 0 ? ret : read_picture(qemu, frame, err);
}

/* Connects if that was not done yet. -ENOTSUP: this QEMU has no such display. */
static int need_display(struct qemu *qemu, struct vgpu_error *err)
{
	int ret;

	if (qemu->display != NULL)
		return 0;
	if (!qemu->has_display)
		return vgpu_error_set(err, ENOTSUP, "this QEMU has no D-Bus display (ui-dbus.so)");
	qemu->display = vgpu_qemu_display_new(&qemu->qmp, qemu->major, qemu->target.num_scanouts,
					      &ret, err);
	if (qemu->display != NULL)
		return 0;
	return ret == -EPIPE ? broken(qemu, ret, "display", err) : ret;
}

static int watch_cursors(struct qemu *qemu, struct vgpu_error *err)
{
	int ret = need_display(qemu, err);

	if (ret == 0)
		ret = vgpu_qemu_display_watch(qemu->display, err);
	return ret == -EPIPE ? broken(qemu, ret, "display", err) : ret;
}

static int qemu_cursor(struct vgpu_target *target, uint32_t scanout_id, struct vgpu_cursor *cursor,
		       struct vgpu_error *err)
{
	struct qemu *qemu = qemu_of(target);
	int ret = need_display(qemu, err);

	if (ret == 0)
		ret = vgpu_qemu_display_cursor(qemu->display, scanout_id, cursor, err);
	return ret == -EPIPE ? broken(qemu, ret, "cursor", err) : ret;
}

static int qemu_set_outputs(struct vgpu_target *target, const struct vgpu_trace_outputs *outputs,
			    struct vgpu_error *err)
{
	struct qemu *qemu = qemu_of(target);
	int ret = need_display(qemu, err);

	for (unsigned int i = 0; ret == 0 && i < outputs->num_scanouts; i++)
		ret = vgpu_qemu_display_set_output(qemu->display, i, &outputs->outputs[i], err);
	return ret == -EPIPE ? broken(qemu, ret, "outputs", err) : ret;
}

static const char *qemu_version(struct vgpu_target *target)
{
	return qemu_of(target)->version;
}

/* A connected pair: one end is ours, the other one QEMU's. */
static int connect_pair(struct vgpu_peer_socket *ours, int *theirs, struct vgpu_error *err)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return vgpu_error_set(err, errno, "socketpair: %s", strerror(errno));
	vgpu_peer_socket_init(ours, pair[0]);
	*theirs = pair[1];
	return 0;
}

static int open_memory(struct vgpu_target *target, uint64_t size, int *fd, struct vgpu_error *err)
{
	size = size < RAM_MIN ? RAM_MIN : size;
	if (size > SIZE_MAX / 2)
		return vgpu_error_set(err, ENOMEM, "guest memory of that size");
	size = (size + RAM_ALIGN - 1) & ~(RAM_ALIGN - 1);
	*fd = memfd_create("vgpu-guest-memory", MFD_CLOEXEC);
	if (*fd < 0 || ftruncate(*fd, (off_t)size) < 0)
		return vgpu_error_set(err, errno, "guest memory: %s", strerror(errno));
	void *memory = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
	if (memory == MAP_FAILED)
		return vgpu_error_set(err, errno, "guest memory: %s", strerror(errno));
	target->memory = memory;
	target->memory_gpa = RAM_BASE;
	target->memory_size = size;
	return 0;
}

static const char *program_of(const struct vgpu_target_options *options)
{
	const char *program = options->argument;

	if (program == NULL || program[0] == '\0')
		program = options->program;
	if (program == NULL || program[0] == '\0')
		program = getenv("VGPU_QEMU");
	return program != NULL && program[0] != '\0' ? program : DEFAULT_PROGRAM;
}

/* What -device says: as the user wants it, with what he did not say. */
static bool name_device(struct qemu *qemu, const struct vgpu_target_options *options, char *text,
			size_t size)
{
	const char *device = options->device != NULL ? options->device : "virtio-gpu-device";
	const struct vgpu_rect *screen = &options->outputs[0].rect;
	const char *outputs = strstr(device, "max_outputs=");
	bool blobs = options->blobs && strstr(device, "blob=") == NULL;
	char rest[64] = "", mode[64] = "";

	if (outputs != NULL)
		qemu->target.num_scanouts =
			(unsigned int)strtoul(outputs + strlen("max_outputs="), NULL, 10);
	else
		snprintf(rest, sizeof(rest), ",max_outputs=%u", options->num_scanouts);
	if (strstr(device, "xres=") == NULL)
		snprintf(mode, sizeof(mode), ",xres=%u,yres=%u", screen->width, screen->height);
	return snprintf(text, size, "%s,id=gpu,bus=virtio-mmio-bus.0%s%s%s", device, rest, mode,
			blobs ? ",blob=on" : "") < (int)size;
}

/* qtest, qmp, memory: QEMU's own descriptors of these. */
static int start(struct qemu *qemu, const struct vgpu_target_options *options, int qtest, int qmp,
		 int memory, struct vgpu_error *err)
{
	char object[128], megabytes[32], qtest_dev[48], qmp_dev[48], device[512];
	const int keep[] = {qtest, qmp, memory, qemu->picture};
	char program[4096];

	if (snprintf(program, sizeof(program), "%s", program_of(options)) >= (int)sizeof(program))
		return vgpu_error_set(err, ENAMETOOLONG, "name of the QEMU program");
	snprintf(object, sizeof(object),
		 "memory-backend-file,id=ram,size=%lluM,mem-path=/proc/self/fd/%d,share=on",
		 (unsigned long long)(qemu->target.memory_size >> 20), memory);
	snprintf(megabytes, sizeof(megabytes), "%lluM",
		 (unsigned long long)(qemu->target.memory_size >> 20));
	snprintf(qtest_dev, sizeof(qtest_dev), "socket,id=qtest,fd=%d", qtest);
	snprintf(qmp_dev, sizeof(qmp_dev), "socket,id=qmp,fd=%d", qmp);
	if (!name_device(qemu, options, device, sizeof(device)))
		return vgpu_error_set(err, ENAMETOOLONG, "description of the device");
	/* clang-format off */
	char *const argv[] = {
		program, "-M", "virt,memory-backend=ram", "-accel", "tcg", "-S",
		"-object", object, "-m", megabytes,
		"-nodefaults", "-no-user-config", "-display", qemu->has_display ? "dbus,p2p=yes" : "none",
		"-global", "virtio-mmio.force-legacy=false", "-device", device,
		"-chardev", qtest_dev, "-qtest", "chardev:qtest", "-qtest-log", "none",
		"-chardev", qmp_dev, "-mon", "chardev=qmp,mode=control",
		NULL,
	};
	/* clang-format on */
	return vgpu_child_start(&qemu->child, argv, keep, sizeof(keep) / sizeof(keep[0]), err);
}

static void describe(struct qemu *qemu, const cJSON *answer)
{
	const cJSON *numbers = cJSON_GetObjectItem(answer, "qemu");
	const char *package = cJSON_GetStringValue(cJSON_GetObjectItem(answer, "package"));
	int part[3] = {0, 0, 0};
	static const char *const names[] = {"major", "minor", "micro"};

	for (int i = 0; i < 3; i++) {
		const cJSON *number = cJSON_GetObjectItem(numbers, names[i]);
		if (cJSON_IsNumber(number))
			part[i] = number->valueint;
	}
	qemu->major = part[0] > 0 ? (unsigned int)part[0] : 0;
	bool known = package != NULL && package[0] != '\0';
	snprintf(qemu->version, sizeof(qemu->version), "QEMU %d.%d.%d%s%.80s%s virtio-gpu-device",
		 part[0], part[1], part[2], known ? " (" : "", known ? package : "",
		 known ? ")" : "");
}

static int check_device(struct qemu *qemu, struct vgpu_error *err)
{
	static const struct {
		uint32_t offset, value;
	} expected[] = {
		{VIRTIO_MMIO_MAGIC_VALUE, VIRTIO_MMIO_MAGIC},
		{VIRTIO_MMIO_VERSION, 2},
		{VIRTIO_MMIO_DEVICE_ID, VIRTIO_ID_GPU},
	};

	for (size_t i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
		uint32_t value;
		int ret = qemu_read(&qemu->target, expected[i].offset, 4, &value, err);
		if (ret < 0)
			return ret;
		if (value != expected[i].value)
			return vgpu_error_set(err, ENODEV,
					      "QEMU: register 0x%x is 0x%x, expected 0x%x",
					      expected[i].offset, value, expected[i].value);
	}
	return 0;
}

static int greet(struct qemu *qemu, struct vgpu_error *err)
{
	cJSON *answer = NULL;
	int ret = vgpu_qmp_hello(&qemu->qmp, err);

	if (ret == 0)
		ret = vgpu_qmp_execute(&qemu->qmp, "query-version", NULL, &answer, err);
	if (ret == -EPIPE || ret == -ETIMEDOUT)
		return broken(qemu, ret, "start", err);
	if (ret < 0)
		return ret;
	describe(qemu, answer);
	cJSON_Delete(answer);
	return check_device(qemu, err);
}

static void stop(struct qemu *qemu)
{
	vgpu_qemu_display_free(qemu->display);
	qemu->display = NULL;
	vgpu_peer_socket_fini(&qemu->qtest);
	vgpu_peer_socket_fini(&qemu->qmp);
	vgpu_child_stop(&qemu->child);
}

static void qemu_close(struct vgpu_target *target)
{
	struct qemu *qemu = qemu_of(target);

	stop(qemu);
	if (qemu->picture >= 0)
		close(qemu->picture);
	if (target->memory != NULL)
		munmap(target->memory, target->memory_size);
	free(qemu);
}

static void close_fd(int fd)
{
	if (fd >= 0)
		close(fd);
}

/* Starts QEMU and meets it; memory is its descriptor of the guest's. */
static int begin(struct qemu *qemu, const struct vgpu_target_options *options, int memory,
		 struct vgpu_error *err)
{
	int qtest = -1, qmp = -1;
	int ret = connect_pair(&qemu->qtest, &qtest, err);

	if (ret == 0)
		ret = connect_pair(&qemu->qmp, &qmp, err);
	if (ret == 0)
		ret = start(qemu, options, qtest, qmp, memory, err);
	/* Ours must be the last ends of QEMU's sockets for its death to be seen. */
	close_fd(qtest);
	close_fd(qmp);
	return ret == 0 ? greet(qemu, err) : ret;
}

/* The display is a module of its own, without which QEMU refuses the option and ends. */
static int begin_with_or_without_display(struct qemu *qemu,
					 const struct vgpu_target_options *options, int memory,
					 struct vgpu_error *err)
{
	qemu->has_display = true;
	int ret = begin(qemu, options, memory, err);
	if (ret != -EPIPE)
		return ret;
	stop(qemu);
	qemu->has_display = false;
	return begin(qemu, options, memory, err);
}

static struct vgpu_target *qemu_open(const struct vgpu_target_options *options,
				     struct vgpu_error *err)
{
	int memory = -1;
	struct qemu *qemu = calloc(1, sizeof(*qemu));

	if (qemu == NULL) {
		vgpu_error_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	qemu->target.ops = &vgpu_target_qemu;
	qemu->target.num_scanouts = options->num_scanouts;
	qemu->child.output = -1;
	qemu->qtest.fd = -1;
	qemu->qmp.fd = -1;
	qemu->picture = memfd_create("vgpu-picture", MFD_CLOEXEC);
	int ret = qemu->picture < 0
			  ? vgpu_error_set(err, errno, "memfd: %s", strerror(errno))
			  : open_memory(&qemu->target, options->memory_size, &memory, err);
	if (ret == 0)
		ret = begin_with_or_without_display(qemu, options, memory, err);
	close_fd(memory);
	if (ret == 0 && options->cursors && qemu->has_display)
		ret = watch_cursors(qemu, err);
	if (ret < 0) {
		qemu_close(&qemu->target);
		return NULL;
	}
	/* What the machine left there is no business of the player. */
	madvise(qemu->target.memory, qemu->target.memory_size, MADV_REMOVE);
	return &qemu->target;
}

const struct vgpu_target_ops vgpu_target_qemu = {
	.name = "qemu",
	.description = "QEMU's own virtio-gpu-device; qemu:PROGRAM names the emulator "
		       "(default: $VGPU_QEMU or " DEFAULT_PROGRAM ")",
	.exact = false,
	.open = qemu_open,
	.close = qemu_close,
	.read = qemu_read,
	.write = qemu_write,
	.capture = qemu_capture,
	.interrupt = qemu_interrupt,
	.cursor = qemu_cursor,
	.set_outputs = qemu_set_outputs,
	.version = qemu_version,
};
