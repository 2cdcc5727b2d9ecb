/* SPDX-License-Identifier: MIT */
/*
 * Says what is in a virtio-gpu message, for people and for machines. Messages
 * may be cut anywhere and hold anything; fields that are not there are left out.
 */
#ifndef VGPU_DECODE_H
#define VGPU_DECODE_H

#include "request.h"

#include <cjson/cJSON.h>

/* Enough for any message; longer text would be cut. */
#define VGPU_DECODE_TEXT 512

/* "RESOURCE_FLUSH resource=1 rect=1280x800+0+0 fence=7" */
void vgpu_decode_request(const uint8_t *bytes, uint64_t len, char text[VGPU_DECODE_TEXT]);
/* "RESP_OK_DISPLAY_INFO 0:1280x800+0+0", "nothing", or the bytes if they are no header. */
void vgpu_decode_answer(const uint8_t *bytes, uint64_t len, char text[VGPU_DECODE_TEXT]);
/* Adds the same as members of object: "command", "resource", "rect", ... */
void vgpu_decode_request_json(const uint8_t *bytes, uint64_t len, cJSON *object);
void vgpu_decode_answer_json(const uint8_t *bytes, uint64_t len, cJSON *object);

/* "VIRTIO_F_VERSION_1"; NULL for a bit without a name. */
const char *vgpu_feature_name(unsigned int bit);
/* "QueueReady", as the specification names the registers of virtio-mmio; NULL: none. */
const char *vgpu_register_name(uint32_t offset);

#endif
