/* SPDX-License-Identifier: MIT */
/*
 * The device: its life, its configuration space, and the way of a request from
 * the available ring to the used ring.
 */
#include "gpu/device.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <stdlib.h>
#include <string.h>

#define BIT(n) (1ull << (n))

#define FEATURES                                                                                   \
	(BIT(VIRTIO_F_VERSION_1) | BIT(VIRTIO_RING_F_INDIRECT_DESC) |                              \
	 BIT(VIRTIO_RING_F_EVENT_IDX) | BIT(VIRTIO_F_RING_PACKED) | BIT(VIRTIO_F_RING_RESET) |     \
	 BIT(VIRTIO_GPU_F_EDID) | BIT(VIRTIO_GPU_F_RESOURCE_UUID) |                                \
	 BIT(VIRTIO_GPU_F_RESOURCE_BLOB))

static const struct {
	const char *text;
	enum vgpu_severity severity;
} kinds[VGPU_NUM_VIOLATIONS] = {
	[VGPU_VIOLATION_NO_VERSION_1] = {"driver did not accept VERSION_1", VGPU_SEVERITY_ERROR},
	[VGPU_VIOLATION_LONG_REQUEST] = {"request longer than its command", VGPU_SEVERITY_WARNING},
	[VGPU_VIOLATION_SHORT_REQUEST] = {"request shorter than its command", VGPU_SEVERITY_ERROR},
	[VGPU_VIOLATION_SHORT_RESPONSE] = {"no room for the whole answer", VGPU_SEVERITY_ERROR},
	[VGPU_VIOLATION_CHAIN_ORDER] = {"readable descriptor after a writable one",
					VGPU_SEVERITY_ERROR},
	[VGPU_VIOLATION_BAD_CHAIN] = {"malformed descriptor chain", VGPU_SEVERITY_ERROR},
	[VGPU_VIOLATION_BAD_AVAIL] = {"available ring index out of range", VGPU_SEVERITY_ERROR},
	[VGPU_VIOLATION_BAD_ADDRESS] = {"descriptor outside guest memory", VGPU_SEVERITY_ERROR},
	[VGPU_VIOLATION_INDIRECT_UNAGREED] = {"indirect table without INDIRECT_DESC",
					      VGPU_SEVERITY_ERROR},
	[VGPU_VIOLATION_UNKNOWN_COMMAND] = {"unknown command", VGPU_SEVERITY_ERROR},
	[VGPU_VIOLATION_FAILED_COMMAND] = {"command answered with an error", VGPU_SEVERITY_WARNING},
	[VGPU_VIOLATION_NO_INTERRUPT_ACK] = {"interrupt not acknowledged before the next",
					     VGPU_SEVERITY_WARNING},
	[VGPU_VIOLATION_REGISTER] = {"register access that makes no sense", VGPU_SEVERITY_ERROR},
};

const char *vgpu_violation_text(enum vgpu_violation violation)
{
	return violation < VGPU_NUM_VIOLATIONS ? kinds[violation].text : "unknown";
}

enum vgpu_severity vgpu_violation_severity(enum vgpu_violation violation)
{
	return violation < VGPU_NUM_VIOLATIONS ? kinds[violation].severity : VGPU_SEVERITY_WARNING;
}

struct vgpu_device *vgpu_device_new(const struct vgpu_device_options *options)
{
	if (options->num_scanouts < 1 || options->num_scanouts > VGPU_MAX_SCANOUTS)
		return NULL;
	struct vgpu_device *device = calloc(1, sizeof(*device));
	if (device == NULL)
		return NULL;
	device->offered =
		options->no_blobs ? FEATURES & ~BIT(VIRTIO_GPU_F_RESOURCE_BLOB) : FEATURES;
	device->memory = options->memory;
	device->num_scanouts = options->num_scanouts;
	memcpy(device->outputs, options->outputs, sizeof(device->outputs));
	vgpu_resources_init(&device->resources, options->memory_limit != 0
							? options->memory_limit
							: VGPU_DEFAULT_MEMORY_LIMIT);
	return device;
}

void vgpu_device_free(struct vgpu_device *device)
{
	if (device == NULL)
		return;
	vgpu_resources_clear(&device->resources);
	vgpu_chain_fini(&device->chain);
	free(device->reads.list);
	free(device);
}

void vgpu_device_set_bus(struct vgpu_device *device, const struct vgpu_bus_ops *ops, void *opaque)
{
	device->bus = ops;
	device->bus_opaque = opaque;
}

void vgpu_device_set_display(struct vgpu_device *device, const struct vgpu_display_ops *ops,
			     void *opaque)
{
	device->display = ops;
	device->display_opaque = opaque;
}

static void tell_outputs(struct vgpu_device *device)
{
	if (device->observer != NULL && device->observer->outputs != NULL)
		device->observer->outputs(device->observer_opaque, vgpu_now_ns(), device->outputs,
					  device->num_scanouts);
}

void vgpu_device_set_observer(struct vgpu_device *device, const struct vgpu_observer_ops *ops,
			      void *opaque)
{
	device->observer = ops;
	device->observer_opaque = opaque;
	device->reads.wanted = ops != NULL;
	device->started = false;
	tell_outputs(device);
}

void vgpu_scanout_set(struct vgpu_device *device, uint32_t scanout_id,
		      const struct vgpu_scanout *scanout, const struct vgpu_layout *layout)
{
	static const struct vgpu_scanout disabled;

	device->scanouts[scanout_id] = scanout != NULL ? *scanout : disabled;
	if (layout != NULL)
		device->layouts[scanout_id] = *layout;
	if (device->display != NULL && device->display->set_scanout != NULL)
		device->display->set_scanout(device->display_opaque, scanout_id,
					     &device->scanouts[scanout_id]);
}

void vgpu_device_reset(struct vgpu_device *device)
{
	/* Nobody needs to hear of the reset that comes before anything else. */
	if (device->started && device->observer != NULL && device->observer->reset != NULL)
		device->observer->reset(device->observer_opaque, vgpu_now_ns());
	device->started = false;
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		device->queues[i] = (struct vgpu_virtqueue){0};
	for (uint32_t i = 0; i < device->num_scanouts; i++) {
		if (device->scanouts[i].resource_id != 0)
			vgpu_scanout_set(device, i, NULL, NULL);
		vgpu_cursor_hide(device, i);
	}
	memset(device->cursors, 0, sizeof(device->cursors));
	vgpu_resources_clear(&device->resources);
	device->features = 0;
	device->events_read = 0;
	device->needs_reset = false;
	device->held = false;
	device->refreshed = false;
}

uint64_t vgpu_device_features(const struct vgpu_device *device)
{
	return device->offered;
}

void vgpu_device_set_features(struct vgpu_device *device, uint64_t accepted)
{
	device->features = accepted & device->offered;
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		vgpu_virtqueue_set_features(&device->queues[i], &device->memory, device->features);
}

uint64_t vgpu_device_accepted_features(const struct vgpu_device *device)
{
	return device->features;
}

int vgpu_device_set_queue(struct vgpu_device *device, unsigned int queue,
			  const struct vgpu_queue_info *info, uint32_t index)
{
	if (queue >= VGPU_NUM_QUEUES)
		return -EINVAL;
	if (queue == VGPU_QUEUE_CONTROL) {
		device->held = false;
		device->refreshed = false;
	}
	return vgpu_virtqueue_setup(&device->queues[queue], &device->memory, info, index);
}

uint32_t vgpu_device_queue_index(const struct vgpu_device *device, unsigned int queue)
{
	return vgpu_virtqueue_index(&device->queues[queue]);
}

void vgpu_device_memory_changed(struct vgpu_device *device)
{
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		vgpu_virtqueue_map(&device->queues[i], &device->memory);
}

bool vgpu_device_needs_reset(const struct vgpu_device *device)
{
	return device->needs_reset;
}

const uint64_t *vgpu_device_violations(const struct vgpu_device *device)
{
	return device->violations;
}

void vgpu_device_count(struct vgpu_device *device, enum vgpu_violation violation)
{
	device->violations[violation]++;
}

void vgpu_device_tell_register(struct vgpu_device *device, bool write, uint32_t offset,
			       unsigned int size, uint64_t value)
{
	if (device->observer != NULL && device->observer->reg != NULL)
		device->observer->reg(device->observer_opaque, vgpu_now_ns(), write, offset, size,
				      value);
}

/* ---- configuration space ---------------------------------------------------- */

static void tell_config_changed(struct vgpu_device *device)
{
	if (device->bus != NULL && device->bus->config_changed != NULL)
		device->bus->config_changed(device->bus_opaque);
}

void vgpu_device_read_config(const struct vgpu_device *device, uint32_t offset, void *data,
			     uint32_t len)
{
	struct virtio_gpu_config config = {.events_read = htole32(device->events_read),
					   .num_scanouts = htole32(device->num_scanouts)};

	memset(data, 0, len);
	if (offset >= sizeof(config))
		return;
	uint32_t have = (uint32_t)sizeof(config) - offset;
	memcpy(data, (const uint8_t *)&config + offset, len < have ? len : have);
}

void vgpu_device_write_config(struct vgpu_device *device, uint32_t offset, const void *data,
			      uint32_t len)
{
	struct virtio_gpu_config config = {0};

	if (offset >= sizeof(config))
		return;
	uint32_t have = (uint32_t)sizeof(config) - offset;
	memcpy((uint8_t *)&config + offset, data, len < have ? len : have);
	/* The one field that a driver may write; it clears bits (VG-CFG-006). */
	device->events_read &= ~le32toh(config.events_clear);
}

static bool same_output(const struct vgpu_output *a, const struct vgpu_output *b)
{
	return a->enabled == b->enabled && a->rect.x == b->rect.x && a->rect.y == b->rect.y &&
	       a->rect.width == b->rect.width && a->rect.height == b->rect.height;
}

void vgpu_device_set_output(struct vgpu_device *device, uint32_t scanout_id,
			    const struct vgpu_output *output, bool notify)
{
	if (scanout_id >= device->num_scanouts || same_output(&device->outputs[scanout_id], output))
		return;
	device->outputs[scanout_id] = *output;
	tell_outputs(device);
	if (!notify)
		return;
	device->events_read |= VIRTIO_GPU_EVENT_DISPLAY;
	tell_config_changed(device);
}

unsigned int vgpu_device_num_scanouts(const struct vgpu_device *device)
{
	return device->num_scanouts;
}

const struct vgpu_output *vgpu_device_output(const struct vgpu_device *device, uint32_t scanout_id)
{
	return scanout_id < device->num_scanouts ? &device->outputs[scanout_id] : NULL;
}

/* ---- what is shown ------------------------------------------------------------ */

const struct vgpu_scanout *vgpu_device_scanout(const struct vgpu_device *device,
					       uint32_t scanout_id)
{
	return scanout_id < device->num_scanouts ? &device->scanouts[scanout_id] : NULL;
}

const struct vgpu_cursor *vgpu_device_cursor(const struct vgpu_device *device, uint32_t scanout_id)
{
	return scanout_id < device->num_scanouts ? &device->cursors[scanout_id] : NULL;
}

uint8_t *vgpu_scanout_pixel(const struct vgpu_device *device, uint32_t scanout_id, uint32_t x,
			    uint32_t y)
{
	const struct vgpu_scanout *scanout = &device->scanouts[scanout_id];
	const struct vgpu_layout *layout = &device->layouts[scanout_id];
	/* UNREF disables the scanouts of a resource, so it is there. */
	const struct vgpu_resource *resource =
		vgpu_resource_find(&device->resources, scanout->resource_id);

	uint64_t row = (uint64_t)scanout->rect.y + y, column = (uint64_t)scanout->rect.x + x;
	uint64_t at = layout->offset + row * layout->stride + column * VGPU_BYTES_PER_PIXEL;

	/* A copy of a part of a blob begins behind what the layout's offset says. */
	return resource->pixels + (at - resource->pixels_begin);
}

int vgpu_device_read_scanout(const struct vgpu_device *device, uint32_t scanout_id,
			     const struct vgpu_rect *rect, uint32_t *pixels, size_t stride)
{
	if (scanout_id >= device->num_scanouts || device->scanouts[scanout_id].resource_id == 0)
		return -ENOENT;
	const struct vgpu_rect *shown = &device->scanouts[scanout_id].rect;
	if (!vgpu_rect_within(rect, shown->width, shown->height))
		return -EINVAL;
	const struct vgpu_layout *layout = &device->layouts[scanout_id];
	return vgpu_format_convert(
		layout->format, vgpu_scanout_pixel(device, scanout_id, rect->x, rect->y),
		layout->stride, pixels, stride, rect->width, rect->height, false);
}

/* ---- requests ------------------------------------------------------------------- */

/* Copies the request out of guest memory, once, as far as its command reads it. */
static const struct vgpu_command *fetch_request(struct vgpu_device *device, bool *fault)
{
	const struct vgpu_chain *chain = &device->chain;
	const struct virtio_gpu_ctrl_hdr *hdr = (const void *)device->request;
	const struct vgpu_command *command = NULL;
	size_t wanted[2];

	device->request_len =
		vgpu_chain_read(chain, &device->memory, 0, device->request, sizeof(*hdr), fault);
	if (device->request_len < sizeof(*hdr))
		return NULL;
	command = vgpu_command_find(le32toh(hdr->type));
	if (command == NULL || command->execute == NULL)
		return command;

	wanted[0] = command->request_size - device->request_len;
	device->request_len +=
		vgpu_chain_read(chain, &device->memory, device->request_len,
				device->request + device->request_len, wanted[0], fault);
	if (device->request_len < command->request_size)
		return command;
	wanted[1] = vgpu_command_list_size(command, device->request);
	device->request_len +=
		vgpu_chain_read(chain, &device->memory, device->request_len,
				device->request + device->request_len, wanted[1], fault);
	return command;
}

/* The order of the checks is that of appendix B of the requirements. */
static uint32_t execute(struct vgpu_device *device, const struct vgpu_command *command,
			unsigned int queue, bool fault)
{
	if (fault) {
		vgpu_device_count(device, VGPU_VIOLATION_BAD_ADDRESS);
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	}
	if (device->request_len < sizeof(struct virtio_gpu_ctrl_hdr)) {
		vgpu_device_count(device, VGPU_VIOLATION_SHORT_REQUEST);
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	}
	if (command == NULL || command->execute == NULL || command->queue != queue) {
		vgpu_device_count(device, VGPU_VIOLATION_UNKNOWN_COMMAND);
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	}
	if ((command->feature & ~device->features) != 0)
		return VIRTIO_GPU_RESP_ERR_UNSPEC;
	if (device->request_len < command->request_size) {
		vgpu_device_count(device, VGPU_VIOLATION_SHORT_REQUEST);
		return VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
	}
	if (device->chain.readable > device->request_len)
		vgpu_device_count(device, VGPU_VIOLATION_LONG_REQUEST);
	return command->execute(device);
}

/* Completes the header of the answer. Returns the answer's length. */
static size_t finish_response(struct vgpu_device *device, const struct vgpu_command *command,
			      uint32_t type)
{
	const struct virtio_gpu_ctrl_hdr *request = (const void *)device->request;
	struct virtio_gpu_ctrl_hdr *hdr = &device->response.hdr;
	size_t size = sizeof(*hdr);

	hdr->type = htole32(type);
	/* Fence and context come back together, with errors too (VG-HDR-005 to 008). */
	if (device->request_len >= sizeof(*request) &&
	    (le32toh(request->flags) & VIRTIO_GPU_FLAG_FENCE) != 0) {
		hdr->flags = htole32(VIRTIO_GPU_FLAG_FENCE);
		hdr->fence_id = request->fence_id;
		hdr->ctx_id = request->ctx_id;
	}
	if (type >= VIRTIO_GPU_RESP_ERR_UNSPEC)
		vgpu_device_count(device, VGPU_VIOLATION_FAILED_COMMAND);
	else if (command->response_size != 0)
		size = command->response_size;
	return size;
}

static uint32_t write_response(struct vgpu_device *device, unsigned int queue, size_t size)
{
	bool fault = false;
	size_t written =
		vgpu_chain_write(&device->chain, &device->memory, &device->response, size, &fault);

	if (fault)
		vgpu_device_count(device, VGPU_VIOLATION_BAD_ADDRESS);
	/* Drivers give the cursor queue no room, and none is needed (VG-CUR-003). */
	else if (written < size && (queue == VGPU_QUEUE_CONTROL || device->chain.writable != 0))
		vgpu_device_count(device, VGPU_VIOLATION_SHORT_RESPONSE);
	return (uint32_t)written;
}

static void tell_start(struct vgpu_device *device)
{
	if (device->started)
		return;
	device->started = true;
	if ((device->features & BIT(VIRTIO_F_VERSION_1)) == 0)
		vgpu_device_count(device, VGPU_VIOLATION_NO_VERSION_1);
	if (device->observer == NULL || device->observer->start == NULL)
		return;
	struct vgpu_start_event event = {.time_ns = vgpu_now_ns(),
					 .features_offered = device->offered,
					 .features_accepted = device->features};
	for (unsigned int i = 0; i < VGPU_NUM_QUEUES; i++)
		event.queues[i] = device->queues[i].info;
	device->observer->start(device->observer_opaque, &event);
}

/* The driver broke the ring; only a reset helps (VG-STA-008, VG-STA-009). */
static void fail(struct vgpu_device *device, enum vgpu_violation violation)
{
	vgpu_device_count(device, violation);
	device->needs_reset = true;
	tell_config_changed(device);
}

static bool display_is_busy(struct vgpu_device *device, const struct vgpu_command *command)
{
	if (command == NULL || !command->asks_display || device->refreshed ||
	    device->display == NULL || device->display->refresh == NULL)
		return false;
	return device->display->refresh(device->display_opaque) == -EINPROGRESS;
}

/* Executes the chain that was popped, now. Returns false if it was put back. */
static bool run_chain(struct vgpu_device *device, unsigned int queue, uint64_t now_ns)
{
	struct vgpu_virtqueue *vq = &device->queues[queue];
	struct vgpu_request_event event = {
		.begin_ns = device->refreshed ? device->held_since : now_ns,
		.queue = queue,
		.head = device->chain.head,
		.indirect_at = device->chain.indirect_at,
	};
	bool fault = false;

	memset(&device->response, 0, sizeof(device->response));
	device->reads.num = 0;
	device->reads.lost = false;
	device->read_pitch = 0;
	device->num_frames = 0;
	const struct vgpu_command *command = fetch_request(device, &fault);
	if (queue == VGPU_QUEUE_CONTROL && display_is_busy(device, command)) {
		vgpu_virtqueue_unpop(vq);
		device->held = true;
		device->held_since = event.begin_ns;
		return false;
	}
	if (queue == VGPU_QUEUE_CONTROL)
		device->refreshed = false;
	if (device->chain.indirect_at >= 0 && !vq->indirect)
		vgpu_device_count(device, VGPU_VIOLATION_INDIRECT_UNAGREED);

	uint32_t type = execute(device, command, queue, fault);
	size_t size = finish_response(device, command, type);
	event.used_len = write_response(device, queue, size);
	vgpu_virtqueue_push(vq, &device->chain, event.used_len);
	event.interrupt = vgpu_virtqueue_should_notify(vq);
	if (event.interrupt && device->bus != NULL)
		device->bus->used(device->bus_opaque, queue);
	event.end_ns = vgpu_now_ns();

	/* Whoever listens does so after the guest has its answer. */
	if (device->observer == NULL || device->observer->request == NULL)
		return true;
	event.descs = device->chain.descs;
	event.num_descs = device->chain.num_descs;
	event.request = device->request;
	event.request_len = (uint32_t)device->request_len;
	event.response = &device->response;
	event.reads = device->reads.list;
	event.num_reads = device->reads.num;
	event.reads_lost = device->reads.lost;
	event.read_pitch = device->read_pitch;
	event.frames = device->frames;
	event.num_frames = device->num_frames;
	device->observer->request(device->observer_opaque, &event);
	return true;
}

/* One request can take a second: a flush of sixteen large scanouts, say. */
#define NOTIFY_NS 100000000u

unsigned int vgpu_device_notify(struct vgpu_device *device, unsigned int queue)
{
	unsigned int done = 0;

	if (queue >= VGPU_NUM_QUEUES || device->needs_reset)
		return 0;
	struct vgpu_virtqueue *vq = &device->queues[queue];
	uint64_t begin = 0;

	do {
		/* A guest that never stops must not keep the bus from its other work. */
		if (done == VGPU_NOTIFY_MAX || (queue == VGPU_QUEUE_CONTROL && device->held))
			break;
		enum vgpu_violation violation;
		int rc = vgpu_virtqueue_pop(vq, &device->memory, &device->chain, &violation);
		if (rc < 0) {
			/* Out of memory ends the queue too: the chain cannot be answered. */
			fail(device, rc == -ENOMEM ? VGPU_VIOLATION_BAD_CHAIN : violation);
			break;
		}
		if (rc == 0)
			continue;
		tell_start(device);
		uint64_t now = vgpu_now_ns();
		begin = done == 0 ? now : begin;
		if (now - begin > NOTIFY_NS) {
			vgpu_virtqueue_unpop(vq);
			return VGPU_NOTIFY_MAX;
		}
		if (!run_chain(device, queue, now))
			break;
		done++;
	} while (vgpu_virtqueue_rearm(vq));
	return done;
}

void vgpu_device_refreshed(struct vgpu_device *device)
{
	if (!device->held)
		return;
	device->held = false;
	device->refreshed = true;
	/* Nobody but the bus comes back for the rest. */
	if (vgpu_device_notify(device, VGPU_QUEUE_CONTROL) == VGPU_NOTIFY_MAX &&
	    device->bus != NULL && device->bus->more != NULL)
		device->bus->more(device->bus_opaque, VGPU_QUEUE_CONTROL);
}
