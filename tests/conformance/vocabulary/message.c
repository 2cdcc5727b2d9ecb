/* SPDX-License-Identifier: MIT */
#include "conformance/vocabulary/message.h"

#include <ctype.h>
#include <endian.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bytes around each buffer that nobody may write. */
#define GUARD	   64
#define GUARD_BYTE 0xc5
/* A moment in which a device that wants to answer would have done so. */
#define MOMENT_MS 50

/* More than any ring or table of a vector has. */
#define PIECES_MAX 70000

struct pending {
	struct rig *rig;
	unsigned int queue;
	uint16_t head;
	const char *name;
	uint64_t memory, memory_len; /* of all buffers, guest-physical */
	uint8_t *before;	     /* what was there when it was sent */
	uint32_t room;
	struct piece *pieces; /* the buffers of the chain, tables resolved */
	unsigned int num_pieces;
};

/* ---- shapes ------------------------------------------------------------------------ */

struct shape {
	struct rig *rig;
	const char *text, *next;
	uint32_t left[2]; /* bytes that are not cut off yet: of request, of answer */
	unsigned int side;
	struct piece *pieces;
	unsigned int num, capacity;
	int table_begin, table_end; /* indices of pieces; -1: no table */
};

static void add_piece(struct shape *s, uint32_t len)
{
	require(s->rig, s->num < PIECES_MAX && len <= s->left[s->side],
		"the shape \"%s\" does not fit the request", s->text);
	if (s->num == s->capacity) {
		struct piece *pieces = keep(s->rig, 2 * s->capacity * sizeof(*pieces));

		memcpy(pieces, s->pieces, s->num * sizeof(*pieces));
		s->pieces = pieces;
		s->capacity *= 2;
	}
	s->left[s->side] -= len;
	s->pieces[s->num++] = (struct piece){
		.len = len,
		.flags = s->side == 0 ? 0 : VRING_DESC_F_WRITE,
	};
}

/* "8", "3x8" */
static void take_lengths(struct shape *s)
{
	char *end;
	unsigned long count = 1, len = strtoul(s->next, &end, 10);

	if (*end == 'x') {
		count = len;
		len = strtoul(end + 1, &end, 10);
	}
	require(s->rig, end != s->next, "\"%s\" is no shape", s->text);
	s->next = end;
	for (unsigned long i = 0; i < count; i++)
		add_piece(s, (uint32_t)len);
}

static void take_token(struct shape *s)
{
	if (isdigit((unsigned char)*s->next)) {
		take_lengths(s);
		return;
	}
	char token = *s->next++;

	if (token == '*' && s->left[s->side] > 0)
		add_piece(s, s->left[s->side]);
	else if (token == '/')
		s->side = 1;
	else if (token == '[')
		s->table_begin = (int)s->num;
	else if (token == ']')
		s->table_end = (int)s->num;
	else
		require(s->rig, token == '*' || token == ' ', "\"%s\" is no shape", s->text);
}

static void cut(struct rig *t, struct shape *s, uint32_t len, uint32_t room, const char *text)
{
	*s = (struct shape){
		.rig = t,
		.text = text,
		.next = text,
		.left = {len, room},
		.pieces = keep(t, 4 * sizeof(*s->pieces)),
		.capacity = 4,
		.table_begin = -1,
		.table_end = -1,
	};
	while (*s->next != '\0')
		take_token(s);
	require(t, s->left[0] == 0 && s->left[1] == 0, "the shape \"%s\" leaves bytes out", text);
}

/* ---- sending ------------------------------------------------------------------------- */

/* Gives each piece a buffer with guards around it, and fills those of the request. */
static void place(struct rig *t, struct pending *p, const uint8_t *request)
{
	uint64_t size = GUARD;

	for (unsigned int i = 0; i < p->num_pieces; i++)
		size += p->pieces[i].len + GUARD;
	p->memory = guest_alloc_aligned(t, size, 8);
	p->memory_len = size;
	memset(guest_at(t, p->memory), GUARD_BYTE, size);
	uint64_t gpa = p->memory + GUARD;
	for (unsigned int i = 0; i < p->num_pieces; i++) {
		struct piece *piece = &p->pieces[i];

		piece->gpa = gpa;
		gpa += piece->len + GUARD;
		if ((piece->flags & VRING_DESC_F_WRITE) != 0) {
			memset(guest_at(t, piece->gpa), UNWRITTEN, piece->len);
			continue;
		}
		memcpy(guest_at(t, piece->gpa), request, piece->len);
		request += piece->len;
	}
	p->before = keep(t, size);
	memcpy(p->before, guest_at(t, p->memory), size);
}

/* The table of the pieces [begin, end) as split and packed rings have it. */
static struct piece make_table(struct rig *t, const struct piece *pieces, unsigned int num,
			       bool packed)
{
	uint64_t gpa = guest_alloc_aligned(t, num * sizeof(struct vring_desc), 16);
	struct vring_desc *split = (struct vring_desc *)(void *)guest_at(t, gpa);
	struct vring_packed_desc *desc = (struct vring_packed_desc *)(void *)split;

	for (unsigned int i = 0; i < num; i++) {
		bool last = i + 1 == num;

		if (packed)
			desc[i] = (struct vring_packed_desc){
				.addr = htole64(pieces[i].gpa),
				.len = htole32(pieces[i].len),
				.flags = htole16(pieces[i].flags),
			};
		else
			split[i] = (struct vring_desc){
				.addr = htole64(pieces[i].gpa),
				.len = htole32(pieces[i].len),
				.flags = htole16(pieces[i].flags | (last ? 0 : VRING_DESC_F_NEXT)),
				.next = last ? 0 : htole16((uint16_t)(i + 1)),
			};
	}
	return (struct piece){
		.gpa = gpa,
		.len = num * (uint32_t)sizeof(struct vring_desc),
		.flags = VRING_DESC_F_INDIRECT,
	};
}

struct pending *post(struct rig *t, unsigned int queue, const void *request, uint32_t len,
		     uint32_t room, const char *shape)
{
	struct ring *ring = ring_of(t, queue);
	struct pending *p = keep(t, sizeof(*p));
	uint32_t type = 0;
	struct shape s;

	cut(t, &s, len, room, shape);
	memcpy(&type, request, len < sizeof(type) ? len : sizeof(type));
	p->rig = t;
	p->queue = queue;
	p->name = vgpu_type_name(le32toh(type));
	if (p->name == NULL)
		p->name = "the request";
	p->room = room;
	p->pieces = s.pieces;
	p->num_pieces = s.num;
	place(t, p, request);
	if (s.table_begin < 0) {
		p->head = ring_add(ring, s.pieces, s.num);
	} else {
		unsigned int begin = (unsigned int)s.table_begin;
		struct piece *direct = keep(t, (begin + 1) * sizeof(*direct));

		memcpy(direct, s.pieces, begin * sizeof(*direct));
		direct[begin] = make_table(t, s.pieces + begin, (unsigned int)s.table_end - begin,
					   ring->packed);
		p->head = ring_add(ring, direct, begin + 1);
	}
	ring_publish(ring, p->head);
	return p;
}

void kick(struct rig *t, unsigned int queue)
{
	ring_kick(ring_of(t, queue));
}

/* ---- the answer --------------------------------------------------------------------------- */

/* Takes the answer's bytes, and sees that all other bytes are as they were. */
static void read_answer(const struct pending *p, struct reply *reply)
{
	const uint8_t *now = guest_at(p->rig, p->memory);
	uint8_t *expected = keep(p->rig, p->memory_len);
	uint32_t done = 0, said = reply->used_len < p->room ? reply->used_len : p->room;

	memset(reply->bytes, UNWRITTEN, sizeof(reply->bytes));
	memcpy(expected, p->before, p->memory_len);
	for (unsigned int i = 0; i < p->num_pieces && done < said; i++) {
		const struct piece *piece = &p->pieces[i];
		uint64_t at = piece->gpa - p->memory;
		uint32_t len = piece->len < said - done ? piece->len : said - done;

		if ((piece->flags & VRING_DESC_F_WRITE) == 0)
			continue;
		memcpy(expected + at, now + at, len);
		if (done < sizeof(reply->bytes))
			memcpy(reply->bytes + done, now + at,
			       len < sizeof(reply->bytes) - done ? len
								 : sizeof(reply->bytes) - done);
		done += len;
	}
	for (uint64_t i = 0; i < p->memory_len; i++)
		if (!check(p->rig, now[i] == expected[i],
			   "%s: the device wrote outside the %u bytes that it says, 0x%llx bytes "
			   "into the buffers",
			   p->name, reply->used_len, (unsigned long long)i))
			break;
}

static void decode_answer(const struct pending *p, struct reply *reply)
{
	if (reply->used_len < sizeof(reply->type) || p->room < sizeof(reply->type))
		return;
	memcpy(&reply->hdr, reply->bytes, sizeof(reply->hdr));
	reply->hdr.type = le32toh(reply->hdr.type);
	reply->hdr.flags = le32toh(reply->hdr.flags);
	reply->hdr.fence_id = le64toh(reply->hdr.fence_id);
	reply->hdr.ctx_id = le32toh(reply->hdr.ctx_id);
	reply->type = reply->hdr.type;
}

static void take_one(struct rig *t, struct pending *const *pending, unsigned int num,
		     struct reply *replies, unsigned int order)
{
	unsigned int queue = pending[0]->queue;
	struct used used = ring_take(ring_of(t, queue));
	unsigned int i = 0;

	while (i < num && (pending[i]->head != used.id || replies[i].answered))
		i++;
	require(t, i < num, "the device used chain %u, which it was not given", used.id);
	replies[i].answered = true;
	replies[i].order = order;
	replies[i].used_len = used.len;
	check(t, used.len <= pending[i]->room, "%s: %u bytes written, with room for %u",
	      pending[i]->name, used.len, pending[i]->room);
	read_answer(pending[i], &replies[i]);
	decode_answer(pending[i], &replies[i]);
}

void collect(struct rig *t, struct pending *const *pending, unsigned int num, struct reply *replies)
{
	if (num == 0)
		return;
	struct ring *ring = ring_of(t, pending[0]->queue);
	bool all = ring_wait(ring, num);
	unsigned int count = ring_num_used(ring);

	for (unsigned int i = 0; i < num; i++) {
		memset(&replies[i], 0, sizeof(replies[i]));
		replies[i].name = pending[i]->name;
		replies[i].room = pending[i]->room;
	}
	check(t, count <= num, "%u chains used, %u were given", count, num);
	for (unsigned int i = 0; i < (all ? num : count); i++)
		take_one(t, pending, num, replies, i);
}

struct reply submit_shaped(struct rig *t, unsigned int queue, const void *request, uint32_t len,
			   uint32_t room, const char *shape)
{
	struct reply reply;
	struct pending *p = post(t, queue, request, len, room, shape);

	kick(t, queue);
	collect(t, &p, 1, &reply);
	return reply;
}

struct reply submit(struct rig *t, unsigned int queue, const void *request, uint32_t len,
		    uint32_t room)
{
	return submit_shaped(t, queue, request, len, room, "* / *");
}

void expect_no_answer(struct rig *t, unsigned int queue)
{
	struct ring *ring = ring_of(t, queue);

	sleep_ms(MOMENT_MS);
	/* One round trip, so that a device in another process had its turn. */
	status(t);
	check(t, ring_num_used(ring) == 0, "%u chains of queue %u were used", ring_num_used(ring),
	      queue);
}

/* ---- expectations ------------------------------------------------------------------ */

bool is_ok(const struct reply *reply)
{
	return reply->answered && reply->type >= VIRTIO_GPU_RESP_OK_NODATA &&
	       reply->type < VIRTIO_GPU_RESP_ERR_UNSPEC;
}

bool is_error(const struct reply *reply)
{
	return reply->answered && reply->type >= VIRTIO_GPU_RESP_ERR_UNSPEC &&
	       reply->type <= VIRTIO_GPU_RESP_ERR_INVALID_PARAMETER;
}

static const char *said(const struct reply *reply, char text[32])
{
	const char *name = vgpu_type_name(reply->type);

	if (!reply->answered)
		return "no answer";
	if (name != NULL)
		return name;
	snprintf(text, 32, "0x%x", reply->type);
	return text;
}

void expect_type(struct rig *t, struct reply reply, uint32_t type, uint32_t used_len)
{
	char text[32];

	if (!check(t, reply.answered && reply.type == type, "%s: %s, expected %s", reply.name,
		   said(&reply, text), vgpu_type_name(type)))
		return;
	check(t, reply.used_len == (used_len < reply.room ? used_len : reply.room),
	      "%s: %u bytes answered, expected %u", reply.name, reply.used_len, used_len);
	for (unsigned int i = 0; i < sizeof(reply.hdr.padding); i++)
		check(t, reply.hdr.padding[i] == 0, "%s: padding of the answer is 0x%x", reply.name,
		      reply.hdr.padding[i]);
}

void expect_ok(struct rig *t, struct reply reply)
{
	expect_type(t, reply, VIRTIO_GPU_RESP_OK_NODATA, sizeof(reply.hdr));
}

void expect_error(struct rig *t, struct reply reply, uint32_t code)
{
	char text[32];

	if (!check(t, is_error(&reply), "%s: %s, expected an error", reply.name,
		   said(&reply, text)))
		return;
	check(t, reply.used_len == sizeof(reply.hdr), "%s: %u bytes answered, expected %zu",
	      reply.name, reply.used_len, sizeof(reply.hdr));
	prefer(t, reply.type == code, "%s: %s, best would be %s", reply.name, said(&reply, text),
	       vgpu_type_name(code));
}

void expect_either(struct rig *t, struct reply reply, uint32_t type)
{
	char text[32];

	if (check(t, is_ok(&reply) || is_error(&reply), "%s: %s, expected an answer", reply.name,
		  said(&reply, text)))
		prefer(t, reply.type == type, "%s: %s, best would be %s", reply.name,
		       said(&reply, text), vgpu_type_name(type));
}

void expect_beginning(struct rig *t, const struct reply *reply, const struct reply *whole)
{
	for (uint32_t i = 0; i < reply->used_len && i < sizeof(reply->bytes); i++)
		if (!check(t, reply->bytes[i] == whole->bytes[i],
			   "%s: byte %u of the answer is 0x%02x, with more room it is 0x%02x",
			   reply->name, i, reply->bytes[i], whole->bytes[i]))
			return;
}

void expect_returned(struct rig *t, struct reply reply)
{
	check(t, reply.answered, "%s: no answer", reply.name);
}

bool expect_survived(struct rig *t, const struct reply *reply)
{
	bool stopped = (status(t) & VIRTIO_CONFIG_S_NEEDS_RESET) != 0;

	if (!reply->answered && !stopped)
		note(t, "%s: dropped in silence", reply->name);
	return stopped;
}
