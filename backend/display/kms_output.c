/* SPDX-License-Identifier: MIT */
#include "display/kms_output.h"

#include <errno.h>
#include <string.h>

#define NS_PER_MS 1000000ull
/* A guest that goes to and fro between sizes must not make the monitor flicker. */
#define MODE_INTERVAL_NS (500 * NS_PER_MS)
/* The event of a flip is lost when the display goes away in between. */
#define FLIP_LOST_NS (1000 * NS_PER_MS)
#define RETRY_NS     (20 * NS_PER_MS)

/* ---- what the guest shows --------------------------------------------------------- */

static void damage(struct kms_output *output, const struct vgpu_rect *rect)
{
	const struct vgpu_rect part = kms_to_screen(&output->place, rect);

	kms_swap_damage(&output->swap, &part);
}

static void set_picture(struct kms_output *output, uint32_t width, uint32_t height)
{
	output->width = width;
	output->height = height;
	output->place = kms_place(output->mode.hdisplay, output->mode.vdisplay, width, height);
	kms_swap_reset(&output->swap, output->mode.hdisplay, output->mode.vdisplay);
	output->cursor_moved = true;
}

/* As on the wire, a picture is complete with a flush: until then the last one stays. */
void kms_output_set_scanout(struct kms_output *output, const struct vgpu_scanout *scanout)
{
	output->awaits_flush = scanout->resource_id != 0;
	if (!output->awaits_flush && output->width != 0)
		set_picture(output, 0, 0);
}

void kms_output_flush(struct kms_output *output, const struct vgpu_rect *rect)
{
	const struct vgpu_rect *shown =
		&vgpu_device_scanout(output->device, output->scanout_id)->rect;
	const struct vgpu_rect all = {.width = shown->width, .height = shown->height};

	if (output->width != all.width || output->height != all.height)
		set_picture(output, all.width, all.height);
	damage(output, output->awaits_flush ? &all : rect);
	output->awaits_flush = false;
}

void kms_output_cursor(struct kms_output *output, bool moved_only)
{
	output->cursor_moved = true;
	output->cursor_changed |= !moved_only;
}

static const struct vgpu_cursor *cursor_of(const struct kms_output *output)
{
	return vgpu_device_cursor(output->device, output->scanout_id);
}

static struct vgpu_rect cursor_rect(const struct kms_output *output)
{
	return kms_cursor_rect(cursor_of(output), output->place.width, output->place.height);
}

/* ---- drawing ------------------------------------------------------------------------ */

static bool contains(const struct vgpu_rect *outer, const struct vgpu_rect *inner)
{
	const struct vgpu_rect both = kms_rect_cut(outer, inner);

	return both.width == inner->width && both.height == inner->height;
}

/* part is in the picture's coordinates, as everything that the device knows. */
static bool read_picture(const struct kms_output *output, const struct vgpu_rect *part,
			 uint32_t *pixels, size_t stride)
{
	return vgpu_device_read_scanout(output->device, output->scanout_id, part, pixels, stride) ==
	       0;
}

/*
 * The buffer is slow to read, so that the cursor meets the picture elsewhere. part
 * is what is drawn anew.
 */
static void draw_cursor(const struct kms_output *output, const struct kms_buffer *buffer,
			const struct vgpu_rect *part)
{
	uint32_t pixels[VGPU_CURSOR_SIZE * VGPU_CURSOR_SIZE];
	const size_t stride = VGPU_CURSOR_SIZE * sizeof(pixels[0]);
	struct vgpu_rect covered = cursor_rect(output);

	covered = kms_rect_cut(&covered, part);
	if (kms_rect_empty(&covered) || !read_picture(output, &covered, pixels, stride))
		return;
	kms_cursor_blend(cursor_of(output), &covered, pixels, stride);
	for (uint32_t y = 0; y < covered.height; y++)
		memcpy(kms_buffer_pixel(buffer, output->place.x + covered.x,
					output->place.y + covered.y + y),
		       pixels + (size_t)y * VGPU_CURSOR_SIZE, covered.width * sizeof(pixels[0]));
}

/* rect is in the screen's coordinates. */
static void draw(const struct kms_output *output, const struct kms_buffer *buffer,
		 const struct vgpu_rect *rect)
{
	struct vgpu_rect part = kms_rect_cut(&output->place, rect);

	if (!contains(&output->place, rect))
		kms_buffer_clear(buffer, rect);
	if (kms_rect_empty(&part))
		return;
	uint32_t *pixels = kms_buffer_pixel(buffer, part.x, part.y);

	part.x -= output->place.x;
	part.y -= output->place.y;
	if (read_picture(output, &part, pixels, buffer->pitch) && output->soft_cursor)
		draw_cursor(output, buffer, &part);
}

/* ---- the cursor ----------------------------------------------------------------------- */

static void go_soft(struct kms_output *output)
{
	drmModeSetCursor(output->card->fd, output->pipe.crtc_id, 0, 0, 0);
	output->soft_cursor = true;
	output->cursor_drawn = (struct vgpu_rect){0};
}

static void load_cursor(struct kms_output *output)
{
	const struct vgpu_cursor *cursor = cursor_of(output);
	const struct kms_buffer *buffer = &output->cursor_buffer;

	for (uint32_t y = 0; y < VGPU_CURSOR_SIZE; y++) {
		const uint32_t *from = cursor->pixels + (size_t)y * VGPU_CURSOR_SIZE;
		uint32_t *to = kms_buffer_pixel(buffer, 0, y);

		for (uint32_t x = 0; x < VGPU_CURSOR_SIZE; x++)
			to[x] = kms_cursor_premultiplied(from[x]);
	}
}

static int set_cursor(const struct kms_output *output, bool visible)
{
	const struct vgpu_cursor *cursor = cursor_of(output);
	int fd = output->card->fd;

	if (!visible)
		return drmModeSetCursor(fd, output->pipe.crtc_id, 0, 0, 0);
	return drmModeSetCursor2(fd, output->pipe.crtc_id, output->cursor_buffer.handle,
				 VGPU_CURSOR_SIZE, VGPU_CURSOR_SIZE, (int32_t)cursor->hot_x,
				 (int32_t)cursor->hot_y);
}

/*
 * By the calls that are for cursors alone, also beside atomic commits: these do
 * not wait for the screen, and a cursor in a commit would.
 */
static int show_cursor(struct kms_output *output)
{
	const struct vgpu_cursor *cursor = cursor_of(output);
	const struct vgpu_rect covered = cursor_rect(output);
	bool visible = !kms_rect_empty(&covered);
	int rc = 0;

	if (visible && output->cursor_buffer.handle == 0) {
		rc = kms_buffer_init(&output->cursor_buffer, output->card->fd, VGPU_CURSOR_SIZE,
				     VGPU_CURSOR_SIZE, false);
		output->cursor_changed = true;
	}
	if (rc == 0 && visible && output->cursor_changed)
		load_cursor(output);
	if (rc == 0 && (output->cursor_changed || visible == kms_rect_empty(&output->cursor_drawn)))
		rc = set_cursor(output, visible);
	if (rc == 0 && visible)
		rc = drmModeMoveCursor(output->card->fd, output->pipe.crtc_id,
				       (int)output->place.x + (int32_t)cursor->x,
				       (int)output->place.y + (int32_t)cursor->y);
	output->cursor_drawn = covered;
	return rc;
}

static void run_cursor(struct kms_output *output)
{
	const struct vgpu_rect covered = cursor_rect(output);

	if (!output->cursor_moved)
		return;
	if (!output->soft_cursor && show_cursor(output) != 0)
		go_soft(output);
	if (output->soft_cursor) {
		damage(output, &output->cursor_drawn);
		damage(output, &covered);
		output->cursor_drawn = covered;
	}
	output->cursor_moved = false;
	output->cursor_changed = false;
}

/* ---- onto the screen -------------------------------------------------------------------- */

static void free_buffers(const struct kms_output *output, struct kms_buffer buffers[2])
{
	for (int i = 0; i < 2; i++)
		kms_buffer_fini(&buffers[i], output->card->fd);
}

static int new_buffers(const struct kms_output *output, struct kms_buffer buffers[2])
{
	int rc = 0;

	for (int i = 0; i < 2 && rc == 0; i++)
		rc = kms_buffer_init(&buffers[i], output->card->fd, output->mode.hdisplay,
				     output->mode.vdisplay, true);
	if (rc != 0)
		free_buffers(output, buffers);
	return rc;
}

static void began(struct kms_output *output, bool flipping, uint64_t now)
{
	output->flipping = flipping;
	output->flip_ns = now;
	/* Half a frame early: where flips wait for the screen, that is what paces them. */
	output->next_ns = now + kms_frame_ns(&output->mode) / 2;
	kms_swap_flip(&output->swap);
}

static const struct kms_buffer *draw_back(struct kms_output *output)
{
	unsigned int back = kms_swap_back(&output->swap);

	draw(output, &output->buffers[back], &output->swap.stale[back]);
	return &output->buffers[back];
}

/* The old buffers stay until the new ones are on the screen, which never is dark so. */
static int set_mode(struct kms_output *output, const drmModeModeInfo *mode, uint64_t now)
{
	struct kms_buffer old[2] = {output->buffers[0], output->buffers[1]};
	const drmModeModeInfo old_mode = output->mode;

	memset(output->buffers, 0, sizeof(output->buffers));
	output->mode = *mode;
	int rc = new_buffers(output, output->buffers);
	if (rc == 0) {
		set_picture(output, output->width, output->height);
		output->swap.single = output->pipe.no_flip;
		rc = kms_pipe_set_mode(&output->pipe, mode, draw_back(output), output);
	}
	if (rc < 0) {
		free_buffers(output, output->buffers);
		memcpy(output->buffers, old, sizeof(old));
		output->mode = old_mode;
		set_picture(output, output->width, output->height);
		return rc;
	}
	began(output, rc == 1, now);
	free_buffers(output, old);
	output->mode_is_set = true;
	output->mode_ns = now + MODE_INTERVAL_NS;
	output->cursor_changed = true;
	return 0;
}

static int flip(struct kms_output *output, uint64_t now)
{
	unsigned int back = kms_swap_back(&output->swap);
	const struct kms_buffer *buffer = draw_back(output);
	/*
	 * All that was drawn since this buffer was shown last, not just since the
	 * last frame: some drivers copy buffers, and copy no more than they are told.
	 */
	const struct vgpu_rect stale = output->swap.stale[back];
	int rc;

	if (output->swap.single) {
		kms_pipe_dirty(&output->pipe, buffer, &stale);
		began(output, false, now);
		return 0;
	}
	rc = kms_pipe_flip(&output->pipe, buffer, &stale, output);
	if (rc == -EOPNOTSUPP) {
		/* Once more a mode set, to a buffer that then stays. */
		output->mode_is_set = false;
		output->mode_ns = 0;
		return 0;
	}
	if (rc >= 0)
		began(output, rc == 1, now);
	return rc < 0 ? rc : 0;
}

/* The mode that the picture wants in place of the one that is set; NULL: none. */
static const drmModeModeInfo *wanted_mode(const struct kms_output *output)
{
	const drmModeModeInfo *mode;

	/* Without a picture, any mode shows black as well. */
	if (output->width == 0)
		return NULL;
	mode = kms_choose_mode(output->connector->modes, output->connector->count_modes,
			       output->width, output->height);
	if (output->mode_is_set && memcmp(mode, &output->mode, sizeof(*mode)) == 0)
		return NULL;
	return mode;
}

static int show(struct kms_output *output, uint64_t now)
{
	const drmModeModeInfo *mode = wanted_mode(output);

	if (mode != NULL && now >= output->mode_ns)
		return set_mode(output, mode, now);
	run_cursor(output);
	return output->swap.changed ? flip(output, now) : 0;
}

/* When there is something to do, if anything; before the first picture there is not. */
static uint64_t work_ns(const struct kms_output *output)
{
	if (output->mode_is_set && (output->swap.changed || output->cursor_moved))
		return output->next_ns;
	if (wanted_mode(output) == NULL)
		return UINT64_MAX;
	return output->mode_ns > output->next_ns ? output->mode_ns : output->next_ns;
}

int kms_output_run(struct kms_output *output, uint64_t now, uint64_t *next_ns)
{
	int rc = 0;

	*next_ns = UINT64_MAX;
	if (output->connector == NULL || output->awaits_flush)
		return 0;
	if (output->flipping && now - output->flip_ns >= FLIP_LOST_NS)
		output->flipping = false;
	if (!output->flipping && now >= work_ns(output))
		rc = show(output, now);
	if (rc == -EBUSY) {
		output->next_ns = now + RETRY_NS;
		rc = 0;
	}
	*next_ns = output->flipping ? output->flip_ns + FLIP_LOST_NS : work_ns(output);
	return rc;
}

void kms_output_flipped(struct kms_output *output)
{
	output->flipping = false;
}

/* ---- coming and going ---------------------------------------------------------------------- */

int kms_output_attach(struct kms_output *output, drmModeConnector *connector)
{
	int rc = connector->count_modes > 0 ? 0 : -ENODEV;

	if (rc == 0)
		rc = kms_pipe_init(&output->pipe, output->card, connector);
	if (rc != 0) {
		drmModeFreeConnector(connector);
		return rc;
	}
	output->connector = connector;
	kms_connector_name(connector, output->name);
	output->mode_is_set = false;
	output->flipping = false;
	output->next_ns = 0;
	output->mode_ns = 0;
	output->soft_cursor = false;
	output->cursor_drawn = (struct vgpu_rect){0};
	output->cursor_changed = true;
	output->cursor_moved = true;
	return 0;
}

void kms_output_fini(struct kms_output *output)
{
	free_buffers(output, output->buffers);
	kms_buffer_fini(&output->cursor_buffer, output->card->fd);
	drmModeFreeConnector(output->connector);
	output->connector = NULL;
	output->mode = (drmModeModeInfo){0};
}

void kms_output_detach(struct kms_output *output)
{
	if (output->connector == NULL)
		return;
	kms_pipe_fini(&output->pipe);
	kms_output_fini(output);
	set_picture(output, output->width, output->height);
}
