/* SPDX-License-Identifier: MIT */
#include "player.h"

#include "decode.h"
#include "driver.h"
#include "id_set.h"
#include "request.h"
#include "trace/summary.h"

#include <endian.h>
#include <errno.h>
#include <linux/virtio_config.h>
#include <linux/virtio_gpu.h>
#include <linux/virtio_ring.h>
#include <stdlib.h>
#include <string.h>

/* A trace that says nothing of its outputs gets this one. */
#define DEFAULT_WIDTH  1280
#define DEFAULT_HEIGHT 800

/*
 * Features that are negotiated as the guest did: all of the device type, and
 * of the transport those that a request's fate can depend on. Notifications are
 * the player's own business: it polls. So is the format of the rings: they are
 * split, and a chain that lay in a packed one is cut there as it was.
 */
#define DEVICE_FEATURES ((1ull << 24) - 1)
#define KEPT_FEATURES                                                                              \
	(DEVICE_FEATURES | 1ull << VIRTIO_RING_F_INDIRECT_DESC | 1ull << VIRTIO_F_VERSION_1)

struct vgpu_player {
	struct vgpu_trace_reader *reader;
	struct vgpu_trace_summary summary; /* its memory laid out, its outputs never none */
	uint64_t arena_size, memory_size;
	/* A request with its addresses moved. */
	uint8_t *request;
	uint32_t request_capacity;
};

/* ---- what playing the trace takes ---------------------------------------------- */

static int plan_record(struct vgpu_player *player, const struct vgpu_trace_record *record,
		       struct vgpu_error *err)
{
	const struct vgpu_trace_request *request = &record->request;

	if (record->type == VGPU_TRACE_REQUEST) {
		uint64_t size = vgpu_chain_size(request->descs, request->num_descs, 0);

		if (request->num_descs == 0 || size > VGPU_PLAYER_CHAIN_MAX)
			return vgpu_error_set(err, EINVAL,
					      "request %llu: %u descriptors, %llu bytes: nothing "
					      "that can be played",
					      (unsigned long long)request->number,
					      request->num_descs, (unsigned long long)size);
	}
	return vgpu_trace_summary_add(&player->summary, record, err);
}

static int lay_out(struct vgpu_player *player, struct vgpu_error *err)
{
	const uint64_t page = 4096;
	uint64_t begin;

	player->arena_size = (player->summary.chain_size + page - 1) & ~(page - 1);
	begin = VGPU_DRIVER_RINGS_BYTES + player->arena_size;
	if (vgpu_address_map_lay_out(&player->summary.memory, begin, VGPU_PLAYER_MEMORY_MAX,
				     &player->memory_size) < 0)
		return vgpu_error_set(err, EFBIG, "needs more than %llu MiB of guest memory",
				      VGPU_PLAYER_MEMORY_MAX >> 20);
	return 0;
}

/* Reads the whole trace once. */
static int count(struct vgpu_player *player, struct vgpu_error *err)
{
	struct vgpu_trace_record record;
	int ret;

	vgpu_trace_summary_fini(&player->summary);
	vgpu_trace_reader_skim(player->reader);
	while ((ret = vgpu_trace_reader_next(player->reader, &record, err)) > 0) {
		ret = plan_record(player, &record, err);
		if (ret < 0)
			break;
	}
	return ret;
}

static int plan(struct vgpu_player *player, struct vgpu_error *err)
{
	int ret = vgpu_trace_reader_summary(player->reader, &player->summary, err);

	/* Which request it is that cannot be played, the summary does not say. */
	if (ret == 0 || (ret > 0 && player->summary.chain_size > VGPU_PLAYER_CHAIN_MAX))
		ret = count(player, err);
	if (ret < 0)
		return ret;
	if (player->summary.outputs.num_scanouts == 0) {
		player->summary.outputs.num_scanouts = 1;
		player->summary.outputs.outputs[0] = (struct vgpu_output){
			.rect = {.width = DEFAULT_WIDTH, .height = DEFAULT_HEIGHT},
			.enabled = true,
		};
	}
	return lay_out(player, err);
}

struct vgpu_player *vgpu_player_new(struct vgpu_trace_reader *reader, struct vgpu_error *err)
{
	struct vgpu_player *player = calloc(1, sizeof(*player));

	if (player == NULL) {
		vgpu_error_set(err, ENOMEM, "out of memory");
		return NULL;
	}
	player->reader = reader;
	vgpu_trace_reader_read_ahead(reader);
	vgpu_trace_reader_hold_data(reader);
	if (plan(player, err) < 0) {
		vgpu_player_free(player);
		return NULL;
	}
	return player;
}

void vgpu_player_free(struct vgpu_player *player)
{
	if (player == NULL)
		return;
	vgpu_trace_summary_fini(&player->summary);
	free(player->request);
	free(player);
}

uint64_t vgpu_player_requests(const struct vgpu_player *player)
{
	return player->summary.requests;
}

uint64_t vgpu_player_frames(const struct vgpu_player *player)
{
	return player->summary.frames;
}

void vgpu_player_target_options(const struct vgpu_player *player,
				struct vgpu_target_options *options)
{
	*options = (struct vgpu_target_options){
		.memory_size = player->memory_size,
		.blobs = player->summary.blobs,
		.num_scanouts = player->summary.outputs.num_scanouts,
	};
	memcpy(options->outputs, player->summary.outputs.outputs, sizeof(options->outputs));
}

/* ---- playing --------------------------------------------------------------------- */

struct play {
	struct vgpu_player *player;
	struct vgpu_target *target;
	struct vgpu_driver driver;
	const struct vgpu_player_events *events;
	void *opaque;
	bool started;			    /* the driver is set up */
	uint64_t offered;		    /* features, by the target */
	struct vgpu_trace_outputs recorded; /* what the recording had last */
	struct vgpu_trace_outputs given;    /* what the target has, as far as it can */
	uint32_t shown[VGPU_MAX_SCANOUTS];  /* resource of each scanout */
	struct vgpu_id_set stale; /* their pixels were dropped, until they are made anew */
	struct vgpu_frame frame;
	uint64_t requests, frames; /* that the trace has had */
	/* An error that is the trace's fault, not the target's. */
	bool trace_failed;
};

static int trace_fault(struct play *play, int ret)
{
	play->trace_failed = true;
	return ret;
}

static int play_reset(struct play *play, struct vgpu_error *err)
{
	play->started = false;
	vgpu_id_set_clear(&play->stale);
	memset(play->shown, 0, sizeof(play->shown));
	return vgpu_driver_reset(&play->driver, err);
}

static int set_up(struct play *play, const struct vgpu_start_event *start, struct vgpu_error *err)
{
	uint64_t features = start->features_accepted & KEPT_FEATURES;
	int ret = vgpu_driver_reset(&play->driver, err);

	/*
	 * QEMU's vhost-user-gpu ends where a driver does not accept this one (VG-FEA-006),
	 * and what is said to a device is not the matter here, only what it draws.
	 */
	if (!play->target->ops->exact)
		features |= 1ull << VIRTIO_F_VERSION_1;
	if (ret == 0)
		ret = vgpu_driver_offered(&play->driver, &play->offered, err);
	if (ret == 0)
		ret = vgpu_driver_negotiate(&play->driver, features & play->offered, err);
	return ret;
}

/*
 * Packed rings have any size, and a queue that the guest has reset may be longer
 * than START says.
 */
static uint16_t split_size(const struct play *play, unsigned int queue, uint16_t recorded)
{
	unsigned int longest = play->player->summary.longest[queue];
	unsigned int size = 1;

	if (recorded == 0 || recorded > VGPU_QUEUE_SIZE_MAX)
		return recorded;
	while (size < recorded || size < longest)
		size *= 2;
	return (uint16_t)size;
}

/* A guest that stops and goes on starts again without a reset in between. */
static int play_start(struct play *play, const struct vgpu_start_event *start,
		      struct vgpu_error *err)
{
	bool again = play->started;
	int ret = again ? 0 : set_up(play, start, err);

	for (unsigned int i = 0; ret == 0 && i < VGPU_NUM_QUEUES; i++) {
		if (!start->queues[i].ready || play->driver.queues[i].info.ready)
			continue;
		ret = vgpu_driver_set_queue(&play->driver, i,
					    split_size(play, i, start->queues[i].size), err);
		if (ret == -EINVAL)
			return trace_fault(play, ret);
	}
	if (ret == 0 && !again)
		ret = vgpu_driver_ok(&play->driver, err);
	play->started = ret == 0;
	return ret;
}

static bool outputs_equal(const struct vgpu_trace_outputs *a, const struct vgpu_trace_outputs *b)
{
	if (a->num_scanouts != b->num_scanouts)
		return false;
	for (unsigned int i = 0; i < a->num_scanouts; i++)
		if (a->outputs[i].enabled != b->outputs[i].enabled ||
		    memcmp(&a->outputs[i].rect, &b->outputs[i].rect, sizeof(struct vgpu_rect)) != 0)
			return false;
	return true;
}

static int play_outputs(struct play *play, const struct vgpu_trace_outputs *outputs,
			struct vgpu_error *err)
{
	const struct vgpu_target_ops *ops = play->target->ops;

	play->recorded = *outputs;
	if (ops->set_outputs == NULL || outputs_equal(&play->given, outputs))
		return 0;
	int ret = ops->set_outputs(play->target, outputs, err);
	if (ret == 0)
		play->given = *outputs;
	return ret == -ENOTSUP ? 0 : ret;
}

/* Puts the memory that the device read where the device will read it. */
static int place_memory(struct play *play, const struct vgpu_trace_request *request,
			struct vgpu_error *err)
{
	if (request->dropped)
		return 0;
	for (size_t i = 0; i < request->num_segments; i++) {
		const struct vgpu_trace_segment *segment = &request->segments[i];
		uint64_t offset;

		if (segment->len == 0)
			continue;
		/* Who counted had every segment. */
		if (!vgpu_address_map_find(&play->player->summary.memory, segment->gpa,
					   segment->len, &offset))
			return trace_fault(play, vgpu_error_set(err, EBADMSG,
								"reads guest memory that the trace "
								"does not say it needs"));
		vgpu_trace_reader_copy_data(play->player->reader, play->target->memory + offset,
					    segment->len);
	}
	return 0;
}

/* The request's bytes with moved addresses; valid until the next call. */
static const uint8_t *move_addresses(struct play *play, const struct vgpu_trace_request *request)
{
	struct vgpu_player *player = play->player;
	const struct vgpu_entry_list list = vgpu_request_entries(request);

	if (list.count == 0)
		return request->request;
	if (request->request_len > player->request_capacity) {
		uint8_t *bigger = realloc(player->request, request->request_len);
		if (bigger == NULL)
			return NULL;
		player->request = bigger;
		player->request_capacity = request->request_len;
	}
	memcpy(player->request, request->request, request->request_len);
	for (uint32_t i = 0; i < list.count; i++) {
		struct virtio_gpu_mem_entry entry = vgpu_request_entry(request, &list, i);
		uint64_t offset;

		if (!vgpu_address_map_find(&player->summary.memory, le64toh(entry.addr),
					   le32toh(entry.length), &offset))
			continue;
		entry.addr = htole64(play->target->memory_gpa + offset);
		memcpy(player->request + list.first + i * sizeof(entry), &entry, sizeof(entry));
	}
	return player->request;
}

static int follow_scanout(struct play *play, uint32_t scanout, uint32_t resource)
{
	if (scanout < VGPU_MAX_SCANOUTS)
		play->shown[scanout] = resource;
	return 0;
}

/* UNREF turns its scanouts off; the next resource may have the same number. */
static int follow_unref(struct play *play, uint32_t resource)
{
	for (unsigned int i = 0; i < VGPU_MAX_SCANOUTS; i++)
		if (play->shown[i] == resource)
			play->shown[i] = 0;
	return 0;
}

/*
 * Of a 2D resource a flush reads nothing. Of a blob it reads all that a scanout shows,
 * which is exact again if no other scanout shows a part of it that was dropped.
 */
static int follow_flush(struct play *play, const struct vgpu_trace_request *request)
{
	uint32_t resource =
		vgpu_request_u32(request, offsetof(struct virtio_gpu_resource_flush, resource_id));
	unsigned int scanouts = 0;

	if (request->dropped)
		return vgpu_id_set_add(&play->stale, resource);
	for (unsigned int i = 0; i < VGPU_MAX_SCANOUTS; i++)
		scanouts += play->shown[i] == resource;
	if (request->num_segments > 0 && scanouts == 1)
		vgpu_id_set_remove(&play->stale, resource);
	return 0;
}

/* Follows what scanouts show, and which resources cannot be compared. */
static int follow(struct play *play, const struct vgpu_trace_request *request)
{
	uint32_t resource;

	if (!vgpu_request_accepted(request))
		return 0;
	switch (vgpu_request_command(request)) {
	case VIRTIO_GPU_CMD_SET_SCANOUT:
		return follow_scanout(
			play,
			vgpu_request_u32(request,
					 offsetof(struct virtio_gpu_set_scanout, scanout_id)),
			vgpu_request_u32(request,
					 offsetof(struct virtio_gpu_set_scanout, resource_id)));
	case VIRTIO_GPU_CMD_SET_SCANOUT_BLOB:
		return follow_scanout(
			play,
			vgpu_request_u32(request,
					 offsetof(struct virtio_gpu_set_scanout_blob, scanout_id)),
			vgpu_request_u32(request, offsetof(struct virtio_gpu_set_scanout_blob,
							   resource_id)));
	case VIRTIO_GPU_CMD_RESOURCE_UNREF:
		return follow_unref(
			play, vgpu_request_u32(request, offsetof(struct virtio_gpu_resource_unref,
								 resource_id)));
	case VIRTIO_GPU_CMD_TRANSFER_TO_HOST_2D:
		resource = vgpu_request_u32(
			request, offsetof(struct virtio_gpu_transfer_to_host_2d, resource_id));
		return request->dropped ? vgpu_id_set_add(&play->stale, resource) : 0;
	case VIRTIO_GPU_CMD_RESOURCE_FLUSH:
		return follow_flush(play, request);
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_2D:
	case VIRTIO_GPU_CMD_RESOURCE_CREATE_BLOB:
		/* Both have the number of the new resource in the same place. */
		resource = vgpu_request_u32(
			request, offsetof(struct virtio_gpu_resource_create_2d, resource_id));
		vgpu_id_set_remove(&play->stale, resource);
		return 0;
	default:
		return 0;
	}
}

/* A driver may have made a queue ready after START; any size will do for it. */
static int want_queue(struct play *play, unsigned int queue, struct vgpu_error *err)
{
	if (!play->started)
		return trace_fault(play, vgpu_error_set(err, EBADMSG, "no START before it"));
	if (play->driver.queues[queue].info.ready)
		return 0;
	return vgpu_driver_set_queue(&play->driver, queue, VGPU_QUEUE_SIZE_MAX, err);
}

static int submit(struct play *play, const struct vgpu_trace_request *request,
		  struct vgpu_driver_answer *answer, struct vgpu_error *err)
{
	const uint8_t *bytes = move_addresses(play, request);
	uint16_t size = play->driver.queues[request->queue].info.size;
	struct vgpu_driver_request chain = {
		.queue = request->queue,
		.head = request->head % size,
		.descs = request->descs,
		.num_descs = request->num_descs,
		.indirect_at = request->indirect_at,
		.bytes = bytes,
		.len = request->request_len,
	};

	if (bytes == NULL)
		return trace_fault(play, vgpu_error_set(err, ENOMEM, "out of memory"));
	/*
	 * QEMU 7.2 misreads a chain that begins with direct descriptors and ends in an
	 * indirect table (VG-IND-003), and how a ring is read is not the matter there.
	 */
	if (chain.indirect_at > 0 && !play->target->ops->exact)
		chain.indirect_at = 0;
	int ret = vgpu_driver_submit(&play->driver, &chain, answer, err);
	if (ret == -EINVAL || ret == -ENOSPC)
		play->trace_failed = true;
	return ret;
}

static int play_request(struct play *play, const struct vgpu_trace_request *request,
			struct vgpu_error *err)
{
	struct vgpu_driver_answer got;
	int ret = want_queue(play, request->queue, err);

	if (ret == 0)
		ret = place_memory(play, request, err);
	if (ret == 0)
		ret = submit(play, request, &got, err);
	if (ret == 0 && follow(play, request) < 0)
		ret = trace_fault(play, vgpu_error_set(err, ENOMEM, "out of memory"));
	if (ret < 0 || play->events->answer == NULL)
		return ret;
	struct vgpu_player_answer answer = {
		.recorded = request,
		.answer = {.used_len = got.used_len, .bytes = got.bytes, .len = got.len},
	};
	const struct vgpu_answer_rules rules = {
		.exact = play->target->ops->exact,
		.offered = play->offered,
		.recorded = &play->recorded,
		.given = &play->given,
	};
	answer.verdict = vgpu_answer_compare(&rules, request, &answer.answer, &answer.why);
	play->events->answer(play->opaque, &answer);
	return 0;
}

static int play_frame(struct play *play, const struct vgpu_trace_frame *recorded,
		      struct vgpu_error *err)
{
	struct vgpu_player_frame frame = {.recorded = recorded, .comparable = true};
	struct vgpu_error why;

	if (play->events->frame == NULL || (play->events->wants_frame != NULL &&
					    !play->events->wants_frame(play->opaque, recorded)))
		return 0;
	if (vgpu_id_set_has(&play->stale, play->shown[recorded->scanout_id])) {
		frame.comparable = false;
		frame.why = "the recording dropped pixels";
		play->events->frame(play->opaque, &frame);
		return 0;
	}
	int ret =
		play->target->ops->capture(play->target, recorded->scanout_id, &play->frame, &why);
	if (ret == -EPIPE || ret == -ETIMEDOUT)
		return vgpu_error_set(err, -ret, "%s", why.text);
	if (ret < 0)
		frame.why = why.text;
	else
		frame.actual = &play->frame;
	play->events->frame(play->opaque, &frame);
	return 0;
}

static int play_record(struct play *play, const struct vgpu_trace_record *record,
		       struct vgpu_error *err)
{
	switch (record->type) {
	case VGPU_TRACE_START:
		return play_start(play, &record->start, err);
	case VGPU_TRACE_RESET:
		return play_reset(play, err);
	case VGPU_TRACE_OUTPUTS:
		return play_outputs(play, &record->outputs, err);
	case VGPU_TRACE_REQUEST:
		play->requests++;
		return play_request(play, &record->request, err);
	case VGPU_TRACE_FRAME:
		play->frames++;
		return play_frame(play, &record->frame, err);
	case VGPU_TRACE_REGISTER:
	case VGPU_TRACE_END:
		return 0;
	}
	return 0;
}

/* Says where in the trace something went wrong. */
static void locate(const struct vgpu_trace_record *record, struct vgpu_error *err)
{
	struct vgpu_error what = *err;
	char text[VGPU_DECODE_TEXT];

	if (record->type == VGPU_TRACE_FRAME) {
		vgpu_error_set(err, EIO, "frame %llu: %s", (unsigned long long)record->frame.number,
			       what.text);
	} else if (record->type == VGPU_TRACE_REQUEST) {
		vgpu_decode_request(record->request.request, record->request.request_len, text);
		vgpu_error_set(err, EIO, "request %llu (%.120s): %s",
			       (unsigned long long)record->request.number, text, what.text);
	} else if (record->type == VGPU_TRACE_START) {
		vgpu_error_set(err, EIO, "set-up: %s", what.text);
	}
}

/* All has been played that there is. */
static enum vgpu_player_end check_totals(const struct play *play, struct vgpu_error *err)
{
	const struct vgpu_trace_summary *summary = &play->player->summary;

	if (play->requests == summary->requests && play->frames == summary->frames)
		return VGPU_PLAYER_DONE;
	vgpu_error_set(err, EBADMSG,
		       "the trace has %llu requests and %llu frames, not %llu and %llu as its "
		       "summary says",
		       (unsigned long long)play->requests, (unsigned long long)play->frames,
		       (unsigned long long)summary->requests, (unsigned long long)summary->frames);
	return VGPU_PLAYER_TRACE_FAILED;
}

static enum vgpu_player_end play_all(struct play *play, struct vgpu_error *err)
{
	struct vgpu_trace_record record;
	int ret = vgpu_trace_reader_rewind(play->player->reader, err);

	if (ret < 0)
		return VGPU_PLAYER_TRACE_FAILED;
	while (ret == 0) {
		if (play->events->stop != NULL && play->events->stop(play->opaque)) {
			vgpu_error_set(err, ECANCELED, "stopped");
			return VGPU_PLAYER_STOPPED;
		}
		ret = vgpu_trace_reader_next(play->player->reader, &record, err);
		if (ret <= 0)
			return ret == 0 ? check_totals(play, err) : VGPU_PLAYER_TRACE_FAILED;
		ret = play_record(play, &record, err);
		if (ret < 0)
			locate(&record, err);
	}
	return play->trace_failed ? VGPU_PLAYER_TRACE_FAILED : VGPU_PLAYER_TARGET_FAILED;
}

enum vgpu_player_end vgpu_player_play(struct vgpu_player *player, struct vgpu_target *target,
				      const struct vgpu_player_events *events, void *opaque,
				      struct vgpu_error *err)
{
	struct play play = {
		.player = player,
		.target = target,
		.events = events,
		.opaque = opaque,
		.recorded = player->summary.outputs,
		.given = player->summary.outputs,
	};

	if (target->memory_size < player->memory_size) {
		vgpu_error_set(err, EINVAL, "target has too little memory");
		return VGPU_PLAYER_TARGET_FAILED;
	}
	if (!target->ops->exact) {
		play.given.num_scanouts = 1;
		play.given.outputs[0].enabled = true;
	}
	vgpu_driver_init(&play.driver, target, player->arena_size);
	enum vgpu_player_end end = play_all(&play, err);
	vgpu_driver_fini(&play.driver);
	vgpu_frame_fini(&play.frame);
	vgpu_id_set_fini(&play.stale);
	return end;
}

_Static_assert(offsetof(struct virtio_gpu_resource_create_2d, resource_id) ==
		       offsetof(struct virtio_gpu_resource_create_blob, resource_id),
	       "place of the new resource's number");
