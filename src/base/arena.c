/* arena.c - see arena.h. */
#include "base/arena.h"

#include <stdarg.h>

#include "base/buf.h"
#include "base/str.h"

enum { CHUNK_FIRST = 2048, CHUNK_MAX = 65536 };

struct arena_chunk {
	struct arena_chunk *next;
	size_t room, used;
	_Alignas(16) char bytes[];
};

void arena_init(struct arena *a, const struct mem *mem, size_t max)
{
	*a = (struct arena) { .mem = mem, .max = max };
}

void arena_done(struct arena *a)
{
	for (struct arena_chunk *c = a->first, *next; c; c = next) {
		next = c->next;
		mem_free(a->mem, c, sizeof(*c) + c->room);
	}
	a->first = a->last = NULL;
	a->used = 0;
}

void arena_reset(struct arena *a)
{
	struct arena_chunk *first = a->first;

	if (!first)
		return;
	for (struct arena_chunk *c = first->next, *next; c; c = next) {
		next = c->next;
		mem_free(a->mem, c, sizeof(*c) + c->room);
	}
	first->next = NULL;
	first->used = 0;
	a->last = first;
	a->used = 0;
}

static struct arena_chunk *chunk_add(struct arena *a, size_t room)
{
	struct arena_chunk *c;
	size_t need;

	if (__builtin_add_overflow(room, sizeof(*c), &need))
		return NULL;
	c = mem_alloc(a->mem, need);
	if (!c)
		return NULL;
	*c = (struct arena_chunk) { .room = room };
	if (a->last)
		a->last->next = c;
	else
		a->first = c;
	a->last = c;
	return c;
}

bool arena_reserve(struct arena *a, size_t n)
{
	return chunk_add(a, n);
}

void *arena_alloc(struct arena *a, size_t n)
{
	struct arena_chunk *c = a->last;
	void *p;

	if (n > SIZE_MAX - 64)
		return NULL;
	n = ALIGN_UP(MAX(n, (size_t) 1), 16);
	if (a->max && (n > a->max || a->used > a->max - n))
		return NULL;
	if (!c || c->room - c->used < n) {
		c = chunk_add(a, MAX(n, c ? MIN(c->room * 2, (size_t) CHUNK_MAX) : (size_t) CHUNK_FIRST));
		if (!c)
			return NULL;
	}
	p = c->bytes + c->used;
	c->used += n;
	a->used += n;
	memset(p, 0, n);
	return p;
}

void *arena_dup(struct arena *a, const void *p, size_t n)
{
	void *copy = arena_alloc(a, n);

	if (copy && n)
		memcpy(copy, p, n);
	return copy;
}

char *arena_strn(struct arena *a, const char *text, size_t len)
{
	char *copy = arena_alloc(a, len + 1);

	if (copy && len)
		memcpy(copy, text, len);
	return copy;
}

char *arena_str(struct arena *a, const char *text)
{
	return text ? arena_strn(a, text, str_len(text)) : NULL;
}

char *arena_fmt(struct arena *a, const char *fmt, ...)
{
	char room[512], *text = NULL;
	struct buf b = BUF_FIXED(room);
	va_list args;

	va_start(args, fmt);
	buf_vaddf(&b, fmt, args);
	va_end(args);
	if (!b.failed)
		return arena_strn(a, b.data, b.len);

	b = BUF_INIT(a->mem, 1 << 20);          /* longer than most: format on the heap, then move in */
	va_start(args, fmt);
	buf_vaddf(&b, fmt, args);
	va_end(args);
	if (!b.failed)
		text = arena_strn(a, b.data, b.len);
	buf_done(&b);
	return text;
}
