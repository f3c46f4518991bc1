/* snappy.c - snappy's block format, reading. Every element is checked against what is left of the input and of the output. */

#include "base/err.h"
#include "proto/remote_write/remote_write.h"

static int wrong(void)
{
	return err_fail(ERR_BAD_BODY, "what", "@body", "detail", "@snappy_damaged", NULL);
}

/* The length in front: a varint of 32 bits. */
static bool read_size(struct cur *c, uint32_t *ret)
{
	uint64_t v = 0;

	for (unsigned shift = 0; shift < 35; shift += 7) {
		uint8_t b = cur_u8(c);

		v |= (uint64_t) (b & 127) << shift;
		if (b < 128) {
			*ret = (uint32_t) v;
			return !c->bad && v <= UINT32_MAX;
		}
	}
	return false;
}

int snappy_size(const void *in, size_t len, size_t *ret)
{
	struct cur c = cur_of(in, len);
	uint32_t size;

	if (!read_size(&c, &size))
		return wrong();
	*ret = size;
	return 0;
}

/* A literal: the tag's upper six bits are its length - 1, or say in how many bytes that follows. */
static bool literal(struct cur *c, uint8_t tag, struct pen *out)
{
	size_t n = tag >> 2;

	if (n >= 60) {
		size_t bytes = n - 59;

		n = 0;
		for (size_t i = 0; i < bytes; i++)
			n |= (size_t) cur_u8(c) << (8 * i);
	}
	if (c->bad || n >= cur_left(c) || n >= pen_left(out))
		return false;
	pen_bytes(out, cur_take(c, n + 1), n + 1);
	return true;
}

/* A copy of what was written `back` bytes before; it may overlap itself and then repeats a pattern. */
static bool copy(struct cur *c, uint8_t tag, struct pen *out, const uint8_t *start)
{
	size_t n, back;
	uint8_t *to;

	if ((tag & 3) == 1) {
		n = 4 + ((tag >> 2) & 7);
		back = (size_t) (tag >> 5) << 8 | cur_u8(c);
	} else {
		n = 1 + (tag >> 2);
		back = (tag & 3) == 2 ? cur_le16(c) : cur_le32(c);
	}
	if (c->bad || back == 0 || back > (size_t) (out->at - start) || n > pen_left(out))
		return false;
	to = pen_take(out, n);
	if (back >= n) {
		memcpy(to, to - back, n);
		return true;
	}
	for (size_t i = 0; i < n; i++)
		to[i] = *(to + i - back);
	return true;
}

int snappy_unpack(const void *in, size_t len, void *out, size_t room)
{
	struct cur c = cur_of(in, len);
	struct pen to = pen_of(out, room);
	uint32_t size;

	if (!read_size(&c, &size) || size != room)
		return wrong();
	while (cur_left(&c)) {
		uint8_t tag = cur_u8(&c);

		if (!((tag & 3) == 0 ? literal(&c, tag, &to) : copy(&c, tag, &to, out)))
			return wrong();
	}
	return pen_left(&to) ? wrong() : 0;
}
