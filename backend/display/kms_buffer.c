/* SPDX-License-Identifier: MIT */
#include "display/kms_buffer.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

static int create(struct kms_buffer *buffer, int fd, uint32_t width, uint32_t height)
{
	struct drm_mode_create_dumb request = {.width = width, .height = height, .bpp = 32};

	if (drmIoctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &request) != 0)
		return -errno;
	buffer->handle = request.handle;
	buffer->width = width;
	buffer->height = height;
	buffer->pitch = request.pitch;
	buffer->size = request.size;
	if (buffer->pitch % 4 != 0 || buffer->pitch / 4 < width ||
	    buffer->size / buffer->pitch < height)
		return -EINVAL;
	return 0;
}

static int map(struct kms_buffer *buffer, int fd)
{
	struct drm_mode_map_dumb request = {.handle = buffer->handle};

	if (drmIoctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &request) != 0)
		return -errno;
	void *pixels = mmap(NULL, buffer->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
			    (off_t)request.offset);
	if (pixels == MAP_FAILED)
		return -errno;
	buffer->map = pixels;
	memset(buffer->map, 0, buffer->size);
	return 0;
}

int kms_buffer_init(struct kms_buffer *buffer, int fd, uint32_t width, uint32_t height,
		    bool framebuffer)
{
	*buffer = (struct kms_buffer){0};
	int rc = create(buffer, fd, width, height);
	if (rc == 0)
		rc = map(buffer, fd);
	/* The older call for a frame buffer is the one that means words in host byte order. */
	if (rc == 0 && framebuffer &&
	    drmModeAddFB(fd, width, height, 24, 32, buffer->pitch, buffer->handle,
			 &buffer->fb_id) != 0)
		rc = -errno;
	if (rc != 0)
		kms_buffer_fini(buffer, fd);
	return rc;
}

void kms_buffer_fini(struct kms_buffer *buffer, int fd)
{
	struct drm_mode_destroy_dumb request = {.handle = buffer->handle};

	if (buffer->fb_id != 0)
		drmModeRmFB(fd, buffer->fb_id);
	if (buffer->map != NULL)
		munmap(buffer->map, buffer->size);
	if (buffer->handle != 0)
		drmIoctl(fd, DRM_IOCTL_MODE_DESTROY_DUMB, &request);
	*buffer = (struct kms_buffer){0};
}

uint32_t *kms_buffer_pixel(const struct kms_buffer *buffer, uint32_t x, uint32_t y)
{
	return (uint32_t *)(void *)(buffer->map + (size_t)y * buffer->pitch + (size_t)x * 4);
}

void kms_buffer_clear(const struct kms_buffer *buffer, const struct vgpu_rect *rect)
{
	for (uint32_t y = rect->y; y < rect->y + rect->height; y++)
		memset(kms_buffer_pixel(buffer, rect->x, y), 0, (size_t)rect->width * 4);
}
