/* SPDX-License-Identifier: MIT */
/*
 * libvgpu - a reference virtio-gpu device.
 *
 * This is the library's one public header. The device executes what a guest
 * puts on its two virtqueues and knows nothing of who carries the queues, who
 * shows the picture and who listens. Those are three seams, each a struct of
 * function pointers: guest memory, display, observer. A bus drives the device.
 *
 * Nothing here is thread-safe: one device belongs to one thread at a time.
 * Functions that can fail return 0 or a negative errno.
 */
#ifndef VGPU_H
#define VGPU_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define VGPU_VERSION "0.1.0"

/* VIRTIO_GPU_MAX_SCANOUTS: the wire format has room for this many. */
#define VGPU_MAX_SCANOUTS   16
#define VGPU_NUM_QUEUES	    2
#define VGPU_QUEUE_CONTROL  0
#define VGPU_QUEUE_CURSOR   1
#define VGPU_QUEUE_SIZE_MAX 1024
/* A cursor picture is always 64x64 pixels (VG-CUR-009). */
#define VGPU_CURSOR_SIZE	  64
#define VGPU_DEFAULT_MEMORY_LIMIT (256ull << 20)

struct vgpu_device;
struct vgpu_mem_map;
struct vgpu_mmio;

/* A sentence for people about what went wrong; never needs freeing. */
struct vgpu_error {
	char text[512];
};

/*
 * Formats a sentence into err (which may be NULL) and returns -code, so that
 * a function can end with: return vgpu_error_set(err, EINVAL, "...").
 */
int vgpu_error_set(struct vgpu_error *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Monotonic clock in nanoseconds, the clock of every time in a trace. */
uint64_t vgpu_now_ns(void);

struct vgpu_rect {
	uint32_t x, y, width, height;
};

/* ---- guest memory ------------------------------------------------------ */

/*
 * Where guest-physical addresses lie in this process. translate() returns the
 * address of gpa and cuts *len to the bytes that are contiguous there, or
 * returns NULL where the guest has no memory. A range may cross from one
 * region into the next: callers go on after the bytes that they were given.
 */
struct vgpu_memory {
	void *(*translate)(void *opaque, uint64_t gpa, uint64_t *len);
	void *opaque;
};

/*
 * Copy len bytes, from one region into the next. They return the bytes copied,
 * fewer than len where the guest has no memory.
 */
size_t vgpu_memory_read(const struct vgpu_memory *memory, uint64_t gpa, void *data, size_t len);
size_t vgpu_memory_write(const struct vgpu_memory *memory, uint64_t gpa, const void *data,
			 size_t len);

/* A list of regions, the usual implementation of the seam above. */
struct vgpu_mem_map *vgpu_mem_map_new(void);
void vgpu_mem_map_free(struct vgpu_mem_map *map);
/* Adds memory that the caller keeps. -EEXIST if it overlaps a region. */
int vgpu_mem_map_add(struct vgpu_mem_map *map, uint64_t gpa, uint64_t size, void *host);
/*
 * Maps size bytes of fd from offset, shared. fd is not kept. -EINVAL if the
 * file is shorter than that, -EEXIST if the region overlaps another, -ENOMEM if
 * 256 are mapped in this process.
 */
int vgpu_mem_map_add_fd(struct vgpu_mem_map *map, uint64_t gpa, uint64_t size, int fd,
			uint64_t offset);
/* -ENOENT unless a region with exactly this start and size is there. */
int vgpu_mem_map_remove(struct vgpu_mem_map *map, uint64_t gpa, uint64_t size);
void vgpu_mem_map_clear(struct vgpu_mem_map *map);
/*
 * Whoever gave a file can shorten it, and touching what is gone is SIGBUS, which ends a
 * process. After this call, which takes that signal over in this process and is made
 * once, zeros take the place of a region that was mapped from such a file. Any other
 * SIGBUS does what it did before.
 */
void vgpu_mem_guard_start(void);
/* Whether that has happened to a region that is in the map. */
bool vgpu_mem_map_lost(const struct vgpu_mem_map *map);
struct vgpu_memory vgpu_mem_map_memory(struct vgpu_mem_map *map);

/* ---- outputs and what is shown on them --------------------------------- */

/* What GET_DISPLAY_INFO tells of one scanout. */
struct vgpu_output {
	struct vgpu_rect rect;
	bool enabled;
};

/*
 * What SET_SCANOUT or SET_SCANOUT_BLOB made of one scanout; resource_id 0 means
 * disabled.
 */
struct vgpu_scanout {
	uint32_t resource_id;
	struct vgpu_rect rect; /* in the resource, or in the picture that a blob holds */
};

struct vgpu_cursor {
	bool visible;
	uint32_t x, y;
	uint32_t hot_x, hot_y;
	/* a8r8g8b8 words in host byte order, rows of 64, as the resource had them */
	uint32_t pixels[VGPU_CURSOR_SIZE * VGPU_CURSOR_SIZE];
};

/*
 * Where the picture goes. Any member may be NULL. Called while a request is
 * executed, so none may block; read pixels with vgpu_device_read_scanout().
 */
struct vgpu_display_ops {
	/*
	 * The guest asks for display info or an EDID. Return 0 if the outputs
	 * are up to date, or -EINPROGRESS to hold the control queue until
	 * vgpu_device_refreshed() is called.
	 */
	int (*refresh)(void *opaque);
	/* The scanout shows another resource or rectangle, or nothing. */
	void (*set_scanout)(void *opaque, uint32_t scanout_id, const struct vgpu_scanout *scanout);
	/* rect: the part of the scanout that changed, in scanout coordinates. */
	void (*flush)(void *opaque, uint32_t scanout_id, const struct vgpu_rect *rect);
	/* moved_only: the picture and the hot spot are as they were. */
	void (*cursor)(void *opaque, uint32_t scanout_id, const struct vgpu_cursor *cursor,
		       bool moved_only);
};

/* ---- the observer: what a recorder listens to --------------------------- */

/* One descriptor of a chain, in chain order, indirect tables resolved. */
struct vgpu_chain_desc {
	uint32_t len;
	bool device_writable;
};

/* Guest memory that the device read for a request, as it read it. */
struct vgpu_guest_read {
	uint64_t gpa;
	uint32_t len;
	const void *data; /* the device's copy, valid during the callback */
};

/* A flush that touched a scanout: the frame is the scanout's whole rectangle. */
struct vgpu_frame_event {
	uint32_t scanout_id;
	struct vgpu_rect damage; /* in scanout coordinates */
	uint32_t width, height;	 /* of the scanout */
};

struct vgpu_request_event {
	uint64_t begin_ns; /* the chain was taken from the available ring */
	uint64_t end_ns;   /* it was put on the used ring */
	unsigned int queue;
	uint16_t head;	/* slot of the first descriptor in the table or packed ring */
	bool interrupt; /* the driver was notified */
	const struct vgpu_chain_desc *descs;
	unsigned int num_descs;
	int indirect_at;     /* index of the first descriptor from an indirect table; -1: none */
	const void *request; /* the bytes that the device read of the request */
	uint32_t request_len;
	const void *response; /* the bytes that it wrote, used_len of them */
	uint32_t used_len;
	const struct vgpu_guest_read *reads; /* in the order they were read */
	size_t num_reads;
	bool reads_lost;     /* memory was read in too many pieces to list; none is listed */
	uint32_t read_pitch; /* reads are rows of this many bytes in all; 0: not rows */
	const struct vgpu_frame_event *frames;
	unsigned int num_frames;
};

struct vgpu_queue_info {
	bool ready;
	uint16_t size;
	uint64_t desc, driver, device; /* guest-physical */
};

struct vgpu_start_event {
	uint64_t time_ns;
	uint64_t features_offered, features_accepted;
	struct vgpu_queue_info queues[VGPU_NUM_QUEUES];
};

/*
 * All callbacks come after the guest has its answer. Order between them is the
 * order in which things happened to the device. Any member may be NULL.
 */
struct vgpu_observer_ops {
	/* The driver has set the device up; comes before the first request. */
	void (*start)(void *opaque, const struct vgpu_start_event *event);
	/* The driver, or who carries it, resets the device: all state goes after this. */
	void (*reset)(void *opaque, uint64_t time_ns);
	/* What GET_DISPLAY_INFO tells from now on. */
	void (*outputs)(void *opaque, uint64_t time_ns, const struct vgpu_output *outputs,
			unsigned int num_scanouts);
	void (*request)(void *opaque, const struct vgpu_request_event *event);
	/* A register access of the virtio-mmio unit, value as read or written. */
	void (*reg)(void *opaque, uint64_t time_ns, bool write, uint32_t offset, unsigned int size,
		    uint64_t value);
};

/* What a guest did that the specification does not allow, and we let pass. */
enum vgpu_violation {
	VGPU_VIOLATION_NO_VERSION_1,	  /* VIRTIO_F_VERSION_1 not accepted (VG-FEA-006) */
	VGPU_VIOLATION_LONG_REQUEST,	  /* readable bytes after the end of the command */
	VGPU_VIOLATION_SHORT_REQUEST,	  /* fewer readable bytes than the command has */
	VGPU_VIOLATION_SHORT_RESPONSE,	  /* no room for the whole answer */
	VGPU_VIOLATION_CHAIN_ORDER,	  /* readable after writable descriptor (VG-FRM-011) */
	VGPU_VIOLATION_BAD_CHAIN,	  /* loop, index or table out of range */
	VGPU_VIOLATION_BAD_AVAIL,	  /* available index or head out of range */
	VGPU_VIOLATION_BAD_ADDRESS,	  /* a descriptor outside guest memory */
	VGPU_VIOLATION_INDIRECT_UNAGREED, /* indirect table without the feature (VG-IND-007) */
	VGPU_VIOLATION_UNKNOWN_COMMAND,
	VGPU_VIOLATION_FAILED_COMMAND,	 /* answered with an error */
	VGPU_VIOLATION_NO_INTERRUPT_ACK, /* the previous interrupt was not acknowledged */
	VGPU_VIOLATION_REGISTER,	 /* a register access that makes no sense */
	VGPU_NUM_VIOLATIONS
};

/* How bad that is, as the rules of replayer/lint/ judge it. */
enum vgpu_severity {
	VGPU_SEVERITY_WARNING, /* works by luck, or is an answer that is no success */
	VGPU_SEVERITY_ERROR,   /* breaks a MUST for drivers */
};
enum vgpu_severity vgpu_violation_severity(enum vgpu_violation violation);
/* A short sentence, lower case, without a period. */
const char *vgpu_violation_text(enum vgpu_violation violation);

/* ---- the device ---------------------------------------------------------- */

/* What the device says to the bus that carries it. */
struct vgpu_bus_ops {
	/* The used ring of a queue advanced and the driver wants to know. */
	void (*used)(void *opaque, unsigned int queue);
	/* Configuration space or DEVICE_NEEDS_RESET changed. */
	void (*config_changed)(void *opaque);
	/*
	 * A queue that was held has more than was executed when the hold ended:
	 * call vgpu_device_notify() soon.
	 */
	void (*more)(void *opaque, unsigned int queue);
};

struct vgpu_device_options {
	struct vgpu_memory memory;
	unsigned int num_scanouts; /* 1 to VGPU_MAX_SCANOUTS */
	struct vgpu_output outputs[VGPU_MAX_SCANOUTS];
	uint64_t memory_limit; /* bytes of all resources; 0: VGPU_DEFAULT_MEMORY_LIMIT */
	bool no_blobs;	       /* RESOURCE_BLOB is not offered */
};

/* NULL if out of memory or if num_scanouts is out of range. */
struct vgpu_device *vgpu_device_new(const struct vgpu_device_options *options);
void vgpu_device_free(struct vgpu_device *device);

void vgpu_device_set_bus(struct vgpu_device *device, const struct vgpu_bus_ops *ops, void *opaque);
void vgpu_device_set_display(struct vgpu_device *device, const struct vgpu_display_ops *ops,
			     void *opaque);
void vgpu_device_set_observer(struct vgpu_device *device, const struct vgpu_observer_ops *ops,
			      void *opaque);

/* Destroys resources, scanouts, cursors, queues and what was negotiated. */
void vgpu_device_reset(struct vgpu_device *device);
/* Feature bits that the device offers. */
uint64_t vgpu_device_features(const struct vgpu_device *device);
/* Bits that were not offered are masked off (VG-FEA-005). */
void vgpu_device_set_features(struct vgpu_device *device, uint64_t accepted);
uint64_t vgpu_device_accepted_features(const struct vgpu_device *device);

/*
 * Sets a queue up or, with ready false, stops and resets it: what the driver's
 * commands have made stays. Its format is that of the features accepted before.
 *
 * index is where it starts. Split: the available index. Packed, as vhost-user
 * has it: bits 0 to 14 the slot of the next available descriptor, bit 15 its wrap
 * counter, bits 16 to 30 and 31 the same of the next used one. A new driver starts
 * from vgpu_first_index().
 *
 * -EINVAL: size 0, over VGPU_QUEUE_SIZE_MAX or, if split, no power of two; an
 * index past the ring; a misaligned address. -EFAULT: a ring outside guest
 * memory, in two pieces of it, or mapped misaligned.
 */
int vgpu_device_set_queue(struct vgpu_device *device, unsigned int queue,
			  const struct vgpu_queue_info *info, uint32_t index);
/* Where the queue would go on, in the same form. */
uint32_t vgpu_device_queue_index(const struct vgpu_device *device, unsigned int queue);
/* Where a driver that accepted these features starts: 0, or 0x80008000 if packed. */
uint32_t vgpu_first_index(uint64_t features);
/* Guest memory has moved in this process: looks the rings up again. */
void vgpu_device_memory_changed(struct vgpu_device *device);
#define VGPU_NOTIFY_MAX 256
/*
 * Executes what is available on a queue, but begins no request when it has been at it
 * for a tenth of a second. Returns the number of chains used, or VGPU_NOTIFY_MAX if
 * there may be more: then the bus calls again when it has looked after its other
 * business.
 */
unsigned int vgpu_device_notify(struct vgpu_device *device, unsigned int queue);
/* A chain was malformed: the device waits for a reset (VG-STA-008). */
bool vgpu_device_needs_reset(const struct vgpu_device *device);

/*
 * Changes what the guest is told of a scanout. notify: also sets
 * events_read.DISPLAY and says config_changed (VG-RSZ-001).
 */
void vgpu_device_set_output(struct vgpu_device *device, uint32_t scanout_id,
			    const struct vgpu_output *output, bool notify);
/* Ends what refresh() held with -EINPROGRESS, and executes what waited for it. */
void vgpu_device_refreshed(struct vgpu_device *device);
unsigned int vgpu_device_num_scanouts(const struct vgpu_device *device);
const struct vgpu_output *vgpu_device_output(const struct vgpu_device *device, uint32_t scanout_id);

/* Configuration space; bytes past its end read as zero, writes there vanish. */
void vgpu_device_read_config(const struct vgpu_device *device, uint32_t offset, void *data,
			     uint32_t len);
void vgpu_device_write_config(struct vgpu_device *device, uint32_t offset, const void *data,
			      uint32_t len);

/* The scanout as the guest set it; NULL if scanout_id is out of range. */
const struct vgpu_scanout *vgpu_device_scanout(const struct vgpu_device *device,
					       uint32_t scanout_id);
const struct vgpu_cursor *vgpu_device_cursor(const struct vgpu_device *device, uint32_t scanout_id);
/*
 * Copies a part of a scanout, converted to x8r8g8b8 words in host byte order
 * (the top byte is undefined). rect is in scanout coordinates, stride in bytes
 * and a multiple of 4. -ENOENT: scanout disabled; -EINVAL: rect outside it.
 */
int vgpu_device_read_scanout(const struct vgpu_device *device, uint32_t scanout_id,
			     const struct vgpu_rect *rect, uint32_t *pixels, size_t stride);

/* ---- the device's state, for who wants to make the same one elsewhere -------------- */

struct vgpu_backing_entry {
	uint64_t gpa;
	uint32_t len;
};

/* A longer list of backing entries is refused (VG-BAK-008). */
#define VGPU_BACKING_ENTRIES_MAX 16384u

/* Valid until the device executes a request. */
struct vgpu_resource_state {
	uint32_t id;
	uint32_t format, width, height; /* not of a blob */
	/*
	 * Rows of width pixels as the format has them. Of a blob, those of its bytes that
	 * scanouts show, as they were when they were read last, or NULL.
	 */
	const uint8_t *pixels;
	uint64_t pixels_len;
	uint64_t pixels_begin; /* in the blob */
	uint64_t blob_size;    /* 0: this is no blob */
	const struct vgpu_backing_entry *backing;
	size_t num_backing; /* 0: none attached */
	bool has_uuid;
	uint8_t uuid[16];
};

/*
 * The resource that comes after *position, which is 0 for the first and moved on.
 * False: there is none. Resources come in no order that means anything.
 */
bool vgpu_device_next_resource(const struct vgpu_device *device, uint64_t *position,
			       struct vgpu_resource_state *state);
/* Whether there is a resource of that number. */
bool vgpu_device_has_resource(const struct vgpu_device *device, uint32_t id);

/* How the picture that a scanout shows a part of lies in its blob. */
struct vgpu_blob_picture {
	uint32_t format, offset, stride;
};
/* False if the scanout is disabled or shows no blob. */
bool vgpu_device_scanout_blob(const struct vgpu_device *device, uint32_t scanout_id,
			      struct vgpu_blob_picture *picture);

const uint64_t *vgpu_device_violations(const struct vgpu_device *device);
/* Counts a violation that a bus saw. */
void vgpu_device_count(struct vgpu_device *device, enum vgpu_violation violation);
/* Tells the observer of a register access that a bus saw. */
void vgpu_device_tell_register(struct vgpu_device *device, bool write, uint32_t offset,
			       unsigned int size, uint64_t value);

/* ---- what commands are called ------------------------------------------- */

/* "RESOURCE_FLUSH" for 0x0104, "RESP_OK_EDID" for 0x1104; NULL if unknown. */
const char *vgpu_type_name(uint32_t type);
/* "B8G8R8A8" for 1; NULL if it is none of the eight. */
const char *vgpu_format_name(uint32_t format);

/* ---- EDID ------------------------------------------------------------------ */

#define VGPU_EDID_SIZE 256
/*
 * An EDID 1.4 base block and a DisplayID extension whose preferred timing is
 * width x height at 60 Hz. The identity carries scanout_id. A side longer than
 * 16384 is cut to that; if one is 0, the size is 1024x768.
 */
void vgpu_edid(uint8_t edid[VGPU_EDID_SIZE], uint32_t scanout_id, uint32_t width, uint32_t height);

/* ---- virtio-mmio register file (version 2) --------------------------------- */

/* irq: the level of the device's one interrupt line (VG-MMI-028). May be NULL. */
struct vgpu_mmio *vgpu_mmio_new(struct vgpu_device *device, void (*irq)(void *opaque, bool level),
				void *opaque);
void vgpu_mmio_free(struct vgpu_mmio *mmio);
/* size is 1, 2, 4 or 8; offset is in the device's region. */
uint64_t vgpu_mmio_read(struct vgpu_mmio *mmio, uint32_t offset, unsigned int size);
void vgpu_mmio_write(struct vgpu_mmio *mmio, uint32_t offset, unsigned int size, uint64_t value);
/* Goes on with a queue that had more than is done at one notification; call it now and then. */
void vgpu_mmio_poll(struct vgpu_mmio *mmio);

/* ---- vhost-user-gpu server --------------------------------------------------- */

struct vgpu_vhost_user;

struct vgpu_vhost_user_options {
	struct vgpu_device *device;
	struct vgpu_mem_map *memory; /* the device's, filled by the front end's tables */
	bool ask_front_end;	     /* outputs are what the front end says, not what was set */
	/* One line about the connection, without a newline; 21 a minute at most. May be NULL. */
	void (*log)(void *opaque, const char *line);
	void *opaque;
};

/* Takes over the device's bus and display seams until freed. NULL: no memory. */
struct vgpu_vhost_user *vgpu_vhost_user_new(const struct vgpu_vhost_user_options *options);
void vgpu_vhost_user_free(struct vgpu_vhost_user *server);
/* Binds and listens on a path; a stale socket there is replaced. */
int vgpu_vhost_user_listen(struct vgpu_vhost_user *server, const char *path,
			   struct vgpu_error *err);
/* Serves a connection that is there already; owns fd from now on. */
int vgpu_vhost_user_attach(struct vgpu_vhost_user *server, int fd, struct vgpu_error *err);
/*
 * Waits up to timeout_ms (-1: for ever) for something to do and does it.
 * extra_fd, if not -1, also ends the wait. Returns 1 if extra_fd is readable,
 * 0 otherwise, -ECONNRESET when a front end has gone (a listener goes on and
 * takes the next one), or another negative errno.
 */
int vgpu_vhost_user_run(struct vgpu_vhost_user *server, int timeout_ms, int extra_fd);
bool vgpu_vhost_user_connected(const struct vgpu_vhost_user *server);

/* ---- hvisor: the virtio daemon of a zone ----------------------------------------- */

struct vgpu_hvisor;

/*
 * Layouts of the page that hvisor and its daemon share, by what the hypervisor
 * was built with: cpus x devices.
 */
enum vgpu_bridge_layout {
	VGPU_BRIDGE_AUTO,
	VGPU_BRIDGE_32X8,
	VGPU_BRIDGE_32X4,
	VGPU_BRIDGE_4X4,
};

#define VGPU_HVISOR_MAX_REGIONS 64

/* A piece of the zone's memory, in whole pages: where it is for whom. */
struct vgpu_hvisor_region {
	uint64_t zone0_ipa, zonex_ipa, size;
};

struct vgpu_hvisor_options {
	struct vgpu_device *device;
	struct vgpu_mem_map *memory; /* the device's; the zone's memory is mapped into it */
	enum vgpu_bridge_layout layout;
	uint32_t zone_id;
	struct vgpu_hvisor_region regions[VGPU_HVISOR_MAX_REGIONS];
	unsigned int num_regions;
	uint64_t base, len; /* of the device's registers, guest-physical */
	uint32_t irq;	    /* as the interrupt controller numbers it: SPI + 32 */
	void (*log)(void *opaque, const char *line);
	void *opaque;
};

struct pollfd;

/*
 * Becomes the virtio daemon of all zones and takes the device's bus seam over.
 * NULL with a sentence in err; nothing was touched then.
 */
struct vgpu_hvisor *vgpu_hvisor_new(const struct vgpu_hvisor_options *options,
				    struct vgpu_error *err);
/* Answers what still waits, so that no vCPU stays blocked. */
void vgpu_hvisor_free(struct vgpu_hvisor *hvisor);
/*
 * Serves requests for up to timeout_ms. Returns earlier when one of extra (at
 * most 7) has revents, which are filled in, and when a burst of requests has
 * ended, so that the caller can look after a display. 0 or a negative errno.
 */
int vgpu_hvisor_run(struct vgpu_hvisor *hvisor, int timeout_ms, struct pollfd *extra,
		    unsigned int num_extra);

/*
 * Whether the module wakes this process by SIGUSR1, as those without SET_EVENTFD do: the
 * signal has no other meaning then.
 */
bool vgpu_hvisor_by_signal(const struct vgpu_hvisor *hvisor);

struct vgpu_hvisor_zone {
	uint32_t id;
	uint64_t cpus; /* a bit for each */
	char name[33];
	bool failed;
};

/* The zones that the hypervisor reports. Returns their number, at most max. */
int vgpu_hvisor_zones(struct vgpu_hvisor_zone *zones, unsigned int max, struct vgpu_error *err);

/* ---- a display by libdrm ------------------------------------------------------------ */

struct vgpu_kms;

struct vgpu_kms_options {
	struct vgpu_device *device;
	const char *card;      /* "/dev/dri/card0"; NULL: the first with a connected connector */
	const char *connector; /* "HDMI-A-1"; NULL: all that are connected, in order */
	bool legacy;	       /* no atomic commits, even where the driver has them */
	/* One line about the display, without a newline. May be NULL. */
	void (*log)(void *opaque, const char *line);
	void *opaque;
};

/*
 * Takes the device's display seam over: scanout n is shown on the n-th connector.
 * A display that is unplugged is waited for, and one that is plugged in later goes
 * to the first scanout that has none. Until the guest shows its first picture, the
 * screen is left as it is. NULL with a sentence in err, and *code (which may be
 * NULL) set: -ENODEV there is no card or nothing is connected, -EACCES somebody
 * else is master of it, or another negative errno.
 */
struct vgpu_kms *vgpu_kms_new(const struct vgpu_kms_options *options, int *code,
			      struct vgpu_error *err);
/* Restores what was shown before. */
void vgpu_kms_free(struct vgpu_kms *kms);
/*
 * Readable when vgpu_kms_run() has something to do: the guest has shown something,
 * the last picture is on the screen, or, once a second, the connectors are to be
 * looked at. There is no need to run it at any other time.
 */
int vgpu_kms_fd(const struct vgpu_kms *kms);
/*
 * Shows the newest picture where the last one is on the screen. Waits for nothing,
 * except that a mode set, when a display is plugged in or the guest's picture has
 * another size, takes the time that the driver takes.
 */
void vgpu_kms_run(struct vgpu_kms *kms);
/* The preferred size of the n-th display. -ENOENT: there is none. */
int vgpu_kms_size(const struct vgpu_kms *kms, unsigned int n, uint32_t *width, uint32_t *height);

#ifdef __cplusplus
}
#endif

#endif
