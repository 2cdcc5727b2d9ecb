/* SPDX-License-Identifier: MIT */
#include "target/ppm.h"

#include <errno.h>
#include <string.h>

/* No scanout is larger; also keeps every product below within 64 bits. */
#define SIDE_MAX 65536

struct cursor {
	const uint8_t *at, *end;
};

static bool is_space(uint8_t c)
{
	return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

static void skip_space_and_comments(struct cursor *cursor)
{
	while (cursor->at < cursor->end) {
		if (*cursor->at == '#') {
			while (cursor->at < cursor->end && *cursor->at != '\n')
				cursor->at++;
		} else if (!is_space(*cursor->at)) {
			return;
		} else {
			cursor->at++;
		}
	}
}

/* A decimal number up to SIDE_MAX; 0 where there is none. */
static uint32_t take_number(struct cursor *cursor)
{
	uint32_t number = 0;

	skip_space_and_comments(cursor);
	for (; cursor->at < cursor->end && *cursor->at >= '0' && *cursor->at <= '9'; cursor->at++) {
		number = number * 10 + (*cursor->at - '0');
		if (number > SIDE_MAX)
			return 0;
	}
	return number;
}

int vgpu_ppm_read(const uint8_t *bytes, size_t len, struct vgpu_frame *frame)
{
	struct cursor cursor = {bytes, bytes + len};

	if (len < 2 || bytes[0] != 'P' || bytes[1] != '6')
		return -EBADMSG;
	cursor.at += 2;
	uint32_t width = take_number(&cursor);
	uint32_t height = take_number(&cursor);
	uint32_t maximum = take_number(&cursor);
	if (width == 0 || height == 0 || maximum != 255)
		return -EBADMSG;
	if (cursor.at == cursor.end || !is_space(*cursor.at))
		return -EBADMSG;
	cursor.at++;
	uint64_t size = (uint64_t)width * height * 3;
	if ((uint64_t)(cursor.end - cursor.at) != size)
		return -EBADMSG;
	int ret = vgpu_frame_resize(frame, width, height);
	if (ret < 0)
		return ret;
	memcpy(frame->rgb, cursor.at, size);
	return 0;
}
