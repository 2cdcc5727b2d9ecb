/* SPDX-License-Identifier: MIT */
/* The commands, by their arguments in the order of the specification's structures. */
#ifndef CONFORM_COMMAND_H
#define CONFORM_COMMAND_H

#include "conformance/vocabulary/message.h"
#include "conformance/vocabulary/picture.h"

/* Formats, as the specification calls them. */
enum {
	B8G8R8A8 = 1,
	B8G8R8X8 = 2,
	A8R8G8B8 = 3,
	X8R8G8B8 = 4,
	R8G8B8A8 = 67,
	X8B8G8R8 = 68,
	A8B8G8R8 = 121,
	R8G8B8X8 = 134,
};

/* struct virtio_gpu_ctrl_hdr with nothing but a type. */
struct virtio_gpu_ctrl_hdr header(uint32_t type);
/* The same with a fence. */
struct virtio_gpu_ctrl_hdr fenced(uint32_t type, uint64_t fence_id);
struct virtio_gpu_rect rect(uint32_t x, uint32_t y, uint32_t width, uint32_t height);

/* A request that is only a header, or any structure; room as its answer needs. */
struct reply command(struct rig *t, uint32_t type);
struct reply submit_struct(struct rig *t, const void *request, uint32_t len);

struct reply get_display_info(struct rig *t);
/* The same, cut as submit_shaped() does. */
struct reply get_display_info_shaped(struct rig *t, const char *shape);
/* A page of guest memory that begins with the request of GET_DISPLAY_INFO. */
uint64_t guest_display_info(struct rig *t);
#define DISPLAY_INFO_SIZE sizeof(struct virtio_gpu_resp_display_info)
/* GET_DISPLAY_INFO was answered as it must be. */
void expect_info(struct rig *t, struct reply reply);
/* It is when it is asked now: the device serves. */
void expect_serving(struct rig *t);
struct reply get_edid(struct rig *t, uint32_t scanout);
struct reply create_2d(struct rig *t, uint32_t id, uint32_t width, uint32_t height,
		       uint32_t format);
/* A blob of size bytes of guest memory in one piece. */
struct reply create_blob(struct rig *t, uint32_t id, uint64_t gpa, uint32_t size,
			 uint32_t blob_flags);
/* The request for a blob of guest memory, without flags and entries, and its sending. */
struct virtio_gpu_resource_create_blob blob_request(uint32_t id, uint64_t size);
struct reply create_blob_of(struct rig *t, struct virtio_gpu_resource_create_blob request,
			    const struct virtio_gpu_mem_entry *entries, uint32_t num_entries);
struct reply assign_uuid(struct rig *t, uint32_t id);
struct reply unref(struct rig *t, uint32_t id);
struct reply set_scanout(struct rig *t, struct virtio_gpu_rect r, uint32_t scanout, uint32_t id);
struct reply flush(struct rig *t, struct virtio_gpu_rect r, uint32_t id);
struct reply transfer(struct rig *t, struct virtio_gpu_rect r, uint64_t offset, uint32_t id);
struct reply attach(struct rig *t, uint32_t id, const struct virtio_gpu_mem_entry *entries,
		    uint32_t num_entries);
/* One entry. */
struct reply attach_one(struct rig *t, uint32_t id, uint64_t gpa, uint32_t len);
struct reply detach(struct rig *t, uint32_t id);
struct reply update_cursor(struct rig *t, uint32_t scanout, uint32_t x, uint32_t y, uint32_t id,
			   uint32_t hot_x, uint32_t hot_y);
struct reply move_cursor(struct rig *t, uint32_t scanout, uint32_t x, uint32_t y, uint32_t id,
			 uint32_t hot_x, uint32_t hot_y);
struct virtio_gpu_mem_entry entry(uint64_t gpa, uint32_t len);
/* What GET_DISPLAY_INFO says of a scanout; ends the vector if it is not answered. */
struct virtio_gpu_display_one display(struct rig *t, uint32_t scanout);

/* ---- resources with their backing -------------------------------------------------------- */

struct resource {
	uint32_t id, width, height, format;
	uint32_t stride; /* of its backing, in bytes: width * 4 */
	uint64_t gpa;	 /* of its backing */
	uint32_t size;	 /* of its backing, in bytes */
};

/* An id that this vector has not used. */
uint32_t new_id(struct rig *t);
/* Made with an id of its own and zeroed backing of just its size, all of which must succeed. */
struct resource resource_2d(struct rig *t, uint32_t width, uint32_t height, uint32_t format);
/* The same without backing; gpa and size are 0. */
struct resource bare_2d(struct rig *t, uint32_t width, uint32_t height, uint32_t format);
/* A blob of zeros that is a picture of that size. */
struct resource resource_blob(struct rig *t, uint32_t width, uint32_t height, uint32_t format);
/* The request that sets a scanout to all of it. */
struct virtio_gpu_set_scanout_blob scanout_request(const struct resource *blob, uint32_t scanout);
struct virtio_gpu_rect whole(const struct resource *r);
/* Writes a picture of its size into its backing. */
void store(struct rig *t, const struct resource *r, const struct picture *p);
/* The same, then transfers all of it. */
void upload(struct rig *t, const struct resource *r, const struct picture *p);
/* Scanout to all of it, then flushes all of it. */
void show(struct rig *t, const struct resource *r, uint32_t scanout);
void show_blob(struct rig *t, const struct resource *blob, uint32_t scanout);
/* A picture with a pattern, uploaded and shown: what a screen shows before something is tried. */
const struct picture *show_pattern(struct rig *t, const struct resource *r, uint32_t scanout);

#endif
