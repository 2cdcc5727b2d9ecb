/* SPDX-License-Identifier: MIT */
/*
 * libvgpu in this process, reached as a guest reaches it: through its register
 * file and its virtqueues, so that a replay runs the code that served the guest.
 */
#include "target.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define RAM_BASE 0x40000000ull

struct builtin {
	struct vgpu_target target;
	struct vgpu_mem_map *map;
	struct vgpu_device *device;
	struct vgpu_mmio *mmio;
	bool interrupt;
};

static struct builtin *builtin_of(struct vgpu_target *target)
{
	return (struct builtin *)target;
}

static int builtin_read(struct vgpu_target *target, uint32_t offset, unsigned int size,
			uint32_t *value, struct vgpu_error *err)
{
	(void)err;
	*value = (uint32_t)vgpu_mmio_read(builtin_of(target)->mmio, offset, size);
	return 0;
}

/*
 * What is left after one notification is done at once: nobody else would call.
 */
static int builtin_write(struct vgpu_target *target, uint32_t offset, unsigned int size,
			 uint32_t value, struct vgpu_error *err)
{
	(void)err;
	vgpu_mmio_write(builtin_of(target)->mmio, offset, size, value);
	vgpu_mmio_poll(builtin_of(target)->mmio);
	return 0;
}

static int builtin_capture(struct vgpu_target *target, uint32_t scanout_id,
			   struct vgpu_frame *frame, struct vgpu_error *err)
{
	int ret = vgpu_frame_capture(frame, builtin_of(target)->device, scanout_id);

	if (ret == -ENOENT)
		return vgpu_error_set(err, ENOENT, "scanout %u shows nothing", scanout_id);
	if (ret < 0)
		return vgpu_error_set(err, -ret, "scanout %u: %s", scanout_id, strerror(-ret));
	return 0;
}

static int builtin_cursor(struct vgpu_target *target, uint32_t scanout_id,
			  struct vgpu_cursor *cursor, struct vgpu_error *err)
{
	const struct vgpu_cursor *shown =
		vgpu_device_cursor(builtin_of(target)->device, scanout_id);

	if (shown == NULL)
		return vgpu_error_set(err, EINVAL, "no scanout %u", scanout_id);
	*cursor = *shown;
	return 0;
}

static int builtin_set_outputs(struct vgpu_target *target, const struct vgpu_trace_outputs *outputs,
			       struct vgpu_error *err)
{
	struct vgpu_device *device = builtin_of(target)->device;

	if (outputs->num_scanouts > vgpu_device_num_scanouts(device))
		return vgpu_error_set(err, EINVAL, "%u outputs on a device with %u",
				      outputs->num_scanouts, vgpu_device_num_scanouts(device));
	for (unsigned int i = 0; i < outputs->num_scanouts; i++)
		vgpu_device_set_output(device, i, &outputs->outputs[i], true);
	return 0;
}

static int builtin_interrupt(struct vgpu_target *target, bool *level, struct vgpu_error *err)
{
	(void)err;
	*level = builtin_of(target)->interrupt;
	return 0;
}

static const char *builtin_version(struct vgpu_target *target)
{
	(void)target;
	return "libvgpu " VGPU_VERSION;
}

static struct vgpu_device *builtin_device(struct vgpu_target *target)
{
	return builtin_of(target)->device;
}

static void builtin_close(struct vgpu_target *target)
{
	struct builtin *builtin = builtin_of(target);

	if (builtin->mmio != NULL)
		vgpu_mmio_free(builtin->mmio);
	if (builtin->device != NULL)
		vgpu_device_free(builtin->device);
	if (builtin->map != NULL)
		vgpu_mem_map_free(builtin->map);
	if (target->memory != NULL)
		munmap(target->memory, target->memory_size);
	free(builtin);
}

static int open_memory(struct builtin *builtin, uint64_t size, struct vgpu_error *err)
{
	struct vgpu_target *target = &builtin->target;
	uint64_t mapped = (size + 4095) & ~4095ull;

	if (mapped < size || mapped > SIZE_MAX / 2)
		return vgpu_error_set(err, ENOMEM, "guest memory of that size");
	mapped = mapped == 0 ? 4096 : mapped;
	void *memory = mmap(NULL, mapped, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (memory == MAP_FAILED)
		return vgpu_error_set(err, errno, "guest memory: %s", strerror(errno));
	target->memory = memory;
	target->memory_gpa = RAM_BASE;
	target->memory_size = mapped;
	return 0;
}

/* Two regions, so that what lies across their seam is tried. */
static int map_memory(struct builtin *builtin, struct vgpu_error *err)
{
	struct vgpu_target *target = &builtin->target;
	uint64_t first = target->memory_size / 2 & ~4095ull;

	builtin->map = vgpu_mem_map_new();
	if (builtin->map == NULL)
		return vgpu_error_set(err, ENOMEM, "out of memory");
	int ret = first == 0 ? 0 : vgpu_mem_map_add(builtin->map, RAM_BASE, first, target->memory);
	if (ret == 0)
		ret = vgpu_mem_map_add(builtin->map, RAM_BASE + first, target->memory_size - first,
				       target->memory + first);
	if (ret < 0)
		return vgpu_error_set(err, -ret, "guest memory: %s", strerror(-ret));
	target->memory_seam = first == 0 ? 0 : RAM_BASE + first;
	return 0;
}

static void on_irq(void *opaque, bool level)
{
	struct builtin *builtin = opaque;

	builtin->interrupt = level;
}

static int open_device(struct builtin *builtin, const struct vgpu_target_options *options,
		       struct vgpu_error *err)
{
	struct vgpu_device_options device = {
		.memory = vgpu_mem_map_memory(builtin->map),
		.num_scanouts = options->num_scanouts,
	};

	memcpy(device.outputs, options->outputs, sizeof(device.outputs));
	builtin->device = vgpu_device_new(&device);
	if (builtin->device == NULL)
		return vgpu_error_set(err, EINVAL, "no device with %u scanouts",
				      options->num_scanouts);
	builtin->mmio = vgpu_mmio_new(builtin->device, on_irq, builtin);
	if (builtin->mmio == NULL)
		return vgpu_error_set(err, ENOMEM, "out of memory");
	return 0;
}

static struct vgpu_target *builtin_open(const struct vgpu_target_options *options,
					struct vgpu_error *err)
{
	if (options->argument != NULL && options->argument[0] != '\0') {
		vgpu_error_set(err, EINVAL, "the target builtin takes no argument");
		return NULL;
	}
	struct builtin *builtin = calloc(1, sizeof(*builtin));
	if (builtin == NULL) {
		vgpu_error_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	builtin->target.ops = &vgpu_target_builtin;
	builtin->target.num_scanouts = options->num_scanouts;
	int ret = open_memory(builtin, options->memory_size, err);
	if (ret == 0)
		ret = map_memory(builtin, err);
	if (ret == 0)
		ret = open_device(builtin, options, err);
	if (ret < 0) {
		builtin_close(&builtin->target);
		return NULL;
	}
	return &builtin->target;
}

const struct vgpu_target_ops vgpu_target_builtin = {
	.name = "builtin",
	.description = "the reference device in this process (default)",
	.exact = true,
	.open = builtin_open,
	.close = builtin_close,
	.read = builtin_read,
	.write = builtin_write,
	.capture = builtin_capture,
	.cursor = builtin_cursor,
	.set_outputs = builtin_set_outputs,
	.interrupt = builtin_interrupt,
	.version = builtin_version,
	.device = builtin_device,
};
