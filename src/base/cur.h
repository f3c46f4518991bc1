/*
 * cur.h - the one way to read and write bytes from outside: a checked cursor.
 *
 * A read past the end sets `bad`, returns 0 and moves nothing; ask once, at the end. be = big-endian, le = little-endian.
 */
#pragma once

#include "base/base.h"

struct cur { const uint8_t *at, *end; bool bad; };
struct pen { uint8_t *at, *end; bool bad; };

static inline struct cur cur_of(const void *p, size_t n) { return (struct cur) { p, (const uint8_t *) p + n, false }; }
static inline struct pen pen_of(void *p, size_t n) { return (struct pen) { p, (uint8_t *) p + n, false }; }
static inline size_t cur_left(const struct cur *c) { return (size_t) (c->end - c->at); }
static inline size_t pen_left(const struct pen *p) { return (size_t) (p->end - p->at); }

static inline const uint8_t *cur_take(struct cur *c, size_t n)
{
	if (c->bad || cur_left(c) < n) { c->bad = true; return NULL; }
	c->at += n;
	return c->at - n;
}

static inline uint8_t *pen_take(struct pen *p, size_t n)
{
	if (p->bad || pen_left(p) < n) { p->bad = true; return NULL; }
	p->at += n;
	return p->at - n;
}

#define CUR_INT_(name, type, bytes, swap)                                                                              \
	static inline type cur_##name(struct cur *c)                                                                   \
	{                                                                                                              \
		const uint8_t *p = cur_take(c, bytes);                                                                 \
		type v = 0;                                                                                            \
		if (p) { memcpy(&v, p, bytes); v = swap(v); }                                                          \
		return v;                                                                                              \
	}                                                                                                              \
	static inline void pen_##name(struct pen *w, type v)                                                           \
	{                                                                                                              \
		uint8_t *p = pen_take(w, bytes);                                                                       \
		v = swap(v);                                                                                           \
		if (p) memcpy(p, &v, bytes);                                                                           \
	}
#define CUR_SAME_(v) (v)
#if __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
#define CUR_BE16_ __builtin_bswap16
#define CUR_BE32_ __builtin_bswap32
#define CUR_BE64_ __builtin_bswap64
#define CUR_LE16_ CUR_SAME_
#define CUR_LE32_ CUR_SAME_
#define CUR_LE64_ CUR_SAME_
#else
#error "written for little-endian machines; the batch layout is little-endian as it lies in memory"
#endif
CUR_INT_(u8, uint8_t, 1, CUR_SAME_)
CUR_INT_(be16, uint16_t, 2, CUR_BE16_)
CUR_INT_(be32, uint32_t, 4, CUR_BE32_)
CUR_INT_(be64, uint64_t, 8, CUR_BE64_)
CUR_INT_(le16, uint16_t, 2, CUR_LE16_)
CUR_INT_(le32, uint32_t, 4, CUR_LE32_)
CUR_INT_(le64, uint64_t, 8, CUR_LE64_)

static inline void pen_bytes(struct pen *w, const void *from, size_t n)
{
	uint8_t *p = pen_take(w, n);
	if (p && n) memcpy(p, from, n);
}
