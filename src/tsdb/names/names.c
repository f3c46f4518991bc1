/* names.c - the series dictionary of a tenant: file, tables. */
#include "tsdb/names/names.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "base/err.h"
#include "base/num.h"
#include "parquet/parquet.h"
#include "sys/sys.h"

enum {
	HEAD_BYTES = 16, RECORD_HEAD = 12, VERSION = 1,
	SERIES_BYTES = 28,                              /* kind, type, 2 zero, number, point, 4 zero */
	LIST_BYTES = 12,                                /* kind, 3 zero, number, k, then k × u32 */
	SEEN = 256,
	KIND_SERIES = 1, KIND_LIST = 2,
	FILE_MAX = 1 << 30,
	SPARE_MAX = 1 << 16,
};
static const uint32_t MARK = 0x5345524e;                /* "NRES" */

struct table { uint32_t *slot; uint32_t size, used; };  /* open addressing: numbers; size is a power of two */

struct names {
	struct mutex mutex;
	char path[PATH_MAX];
	int fd;
	bool spoiled;                                   /* an append failed half-way: the tail must be cut first */
	uint64_t end, cut;
	uint32_t tenant;
	_Atomic uint32_t n_series, n_lists;             /* highest numbers */
	/* Read without a lock: arrays are replaced whole, their items are written once. */
	struct series *_Atomic *_Atomic block;
	struct list *_Atomic *_Atomic list;
	uint32_t block_room, list_room;
	void **retired;                                 /* outgrown arrays: a reader may still look into one */
	uint32_t n_retired;
	struct table by_point, by_content;
	uint64_t seen[SEEN];                            /* hashes of what names_share() gave no list lately, each in one place */
};

static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "series dictionary", NULL); }

static uint64_t mix(uint64_t h, const void *bytes, size_t n)
{
	const uint8_t *p = bytes;

	for (size_t i = 0; i < n; i++)
		h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	return h ^ h >> 29;
}

static uint64_t hash_point(const struct uuid *p) { return mix(UINT64_C(0xcbf29ce484222325), p, sizeof(*p)); }
static uint64_t hash_list(const uint32_t *s, uint32_t k) { return mix(UINT64_C(0xcbf29ce484222325) + k, s, (size_t) k * 4); }

struct series *names_series(struct names *n, uint32_t number)
{
	if (number == 0 || number > atomic_load_explicit(&n->n_series, memory_order_acquire))
		return NULL;
	struct series *_Atomic *blocks = atomic_load_explicit(&n->block, memory_order_acquire);
	uint32_t at = (number - 1) / SERIES_BLOCK;
	struct series *b = at < n->block_room ? blocks[at] : NULL;
	struct series *s = b ? &b[(number - 1) % SERIES_BLOCK] : NULL;
	return s && s->number ? s : NULL;
}

struct list *names_list_get(struct names *n, uint32_t number)
{
	/* After an append that ended for lack of memory a number may have no place yet. */
	if (number == 0 || number > atomic_load_explicit(&n->n_lists, memory_order_acquire) || number > n->list_room)
		return NULL;
	return n->list[number - 1];
}

uint32_t names_count(struct names *n) { return atomic_load(&n->n_series); }
uint32_t names_list_count(struct names *n) { return atomic_load(&n->n_lists); }
bool names_any(struct names *n) { return n->by_point.used > 0; }
uint64_t names_cut(const struct names *n) { return n->cut; }

/* --- Tables */

static uint64_t entry_hash(struct names *n, const struct table *t, uint32_t number)
{
	if (t == &n->by_point)
		return hash_point(&names_series(n, number)->point);
	struct list *l = names_list_get(n, number);
	return hash_list(l->series, l->k);
}

static void table_place(struct table *t, uint64_t hash, uint32_t number)
{
	uint32_t i = (uint32_t) hash & (t->size - 1);

	while (t->slot[i])
		i = (i + 1) & (t->size - 1);
	t->slot[i] = number;
}

/* Room for one more. */
static int table_grow(struct names *n, struct table *t)
{
	if ((t->used + 1) * 2 <= t->size)
		return 0;
	struct table bigger = { .size = MAX(t->size * 2, 64u), .used = t->used };
	bigger.slot = sys_alloc_array(bigger.size, sizeof(*bigger.slot));
	if (!bigger.slot)
		return no_memory();
	for (uint32_t i = 0; i < t->size; i++)
		if (t->slot[i])
			table_place(&bigger, entry_hash(n, t, t->slot[i]), t->slot[i]);
	sys_free(t->slot);
	*t = bigger;
	return 0;
}

/* The slot of a point, or of the empty place where it would stand. */
static uint32_t *find_point(struct names *n, const struct uuid *p)
{
	struct table *t = &n->by_point;
	uint32_t i = (uint32_t) hash_point(p) & (t->size - 1);

	while (t->slot[i] && !uuid_equal(&names_series(n, t->slot[i])->point, p))
		i = (i + 1) & (t->size - 1);
	return &t->slot[i];
}

static uint32_t *find_list(struct names *n, const uint32_t *s, uint32_t k)
{
	struct table *t = &n->by_content;
	uint32_t i = (uint32_t) hash_list(s, k) & (t->size - 1);

	for (; t->slot[i]; i = (i + 1) & (t->size - 1)) {
		const struct list *l = names_list_get(n, t->slot[i]);

		if (l->k == k && memcmp(l->series, s, (size_t) k * 4) == 0)
			break;
	}
	return &t->slot[i];
}

/* --- Putting what a record says into the tables */

static int retire(struct names *n, void *p)
{
	void **list = sys_resize(n->retired, (n->n_retired + 1) * sizeof(*list));

	if (!list)
		return no_memory();
	n->retired = list;
	n->retired[n->n_retired++] = p;
	return 0;
}

/* Room for pointer number `at` in one of the arrays that are read without a lock. */
static int array_room(struct names *n, void *_Atomic *array, uint32_t *room, uint32_t at)
{
	if (at < *room)
		return 0;
	uint32_t more = MAX(*room * 2, MAX(at + 1, 16u));
	void **fresh = sys_alloc_array(more, sizeof(*fresh));
	int r = fresh ? retire(n, *array) : no_memory();

	if (r < 0) {
		sys_free(fresh);
		return r;
	}
	if (*room)
		memcpy(fresh, *array, *room * sizeof(*fresh));
	atomic_store_explicit(array, (void *) fresh, memory_order_release);
	*room = more;
	return 0;
}

static int put_series(struct names *n, uint32_t number, const struct uuid *point, uint8_t type)
{
	uint32_t b = (number - 1) / SERIES_BLOCK;

	if (number == 0 || number > NUMBERS_MAX)
		return err_fail(ERR_LIMIT, "what", "series of a tenant", "max", "16777216", NULL);
	int r = array_room(n, (void *_Atomic *) &n->block, &n->block_room, b);
	if (r == 0)
		r = table_grow(n, &n->by_point);
	if (r < 0)
		return r;
	if (!n->block[b]) {
		struct series *fresh = sys_alloc_array(SERIES_BLOCK, sizeof(*fresh));

		if (!fresh)
			return no_memory();
		n->block[b] = fresh;
	}
	struct series *s = &n->block[b][(number - 1) % SERIES_BLOCK];
	if (s->number)
		return 0;               /* said twice: a torn append that was written again */
	uint32_t *slot = find_point(n, point);
	n->by_point.used += !*slot;
	while (*slot > number)          /* what is restored may be older than what the point has by now */
		slot = &names_series(n, *slot)->older;
	s->point = *point;
	s->type = type;
	s->older = *slot;
	s->number = number;
	if (number > n->n_series)
		atomic_store_explicit(&n->n_series, number, memory_order_release);
	*slot = number;
	return 0;
}

/* Room for one more membership, so that adding it cannot fail. */
static int members_grow(struct names *n, struct series *s)
{
	struct members *old = s->members;
	uint32_t used = old ? old->n : 0;

	if (old && used < old->room)
		return 0;
	uint32_t room = MAX(used * 2, 2u);
	struct members *fresh = sys_alloc(sizeof(*fresh) + room * sizeof(fresh->item[0]));
	if (!fresh)
		return no_memory();
	int r = old ? retire(n, old) : 0;
	if (r < 0) {
		sys_free(fresh);
		return r;
	}
	fresh->room = room;
	if (old)
		memcpy(fresh->item, old->item, used * sizeof(fresh->item[0]));
	atomic_store(&fresh->n, used);
	atomic_store_explicit(&s->members, fresh, memory_order_release);
	return 0;
}

static int put_list(struct names *n, uint32_t number, const uint32_t *series, uint32_t k)
{
	if (number == 0 || number > NUMBERS_MAX)
		return err_fail(ERR_LIMIT, "what", "lists of a tenant", "max", "16777216", NULL);
	int r = array_room(n, (void *_Atomic *) &n->list, &n->list_room, number - 1);
	if (r == 0)
		r = table_grow(n, &n->by_content);
	for (uint32_t i = 0; i < k && r == 0; i++)
		if (names_series(n, series[i]))
			r = members_grow(n, names_series(n, series[i]));
	if (r < 0 || names_list_get(n, number))
		return r;
	struct list *l = sys_alloc(sizeof(*l) + (size_t) k * sizeof(l->series[0]));
	if (!l)
		return no_memory();
	l->number = number;
	l->k = k;
	memcpy(l->series, series, (size_t) k * sizeof(l->series[0]));
	atomic_store_explicit(&n->list[number - 1], l, memory_order_release);
	if (number > n->n_lists)
		atomic_store_explicit(&n->n_lists, number, memory_order_release);
	uint32_t *slot = find_list(n, series, k);
	n->by_content.used += !*slot;
	*slot = number;
	for (uint32_t i = 0; i < k; i++) {
		struct series *s = names_series(n, series[i]);
		struct members *m = s ? s->members : NULL;

		/* A list that names a series twice may find no room the second time: once is enough to find its samples. */
		if (m && m->n < m->room) {
			m->item[m->n] = (struct member) { number, i };
			atomic_fetch_add_explicit(&m->n, 1, memory_order_release);
		}
	}
	return 0;
}

/* --- The file */

static void put_record(struct buf *b, const void *payload, size_t len)
{
	uint32_t head[3] = { MARK, (uint32_t) len, crc32_of(payload, len) };

	buf_addn(b, head, RECORD_HEAD);
	buf_addn(b, payload, len);
}

static void record_series(struct buf *b, uint32_t number, const struct uuid *point, uint8_t type)
{
	uint8_t bytes[SERIES_BYTES];
	struct pen p = pen_of(bytes, sizeof(bytes));

	pen_u8(&p, KIND_SERIES);
	pen_u8(&p, type);
	pen_le16(&p, 0);
	pen_le32(&p, number);
	pen_bytes(&p, point, sizeof(*point));
	pen_le32(&p, 0);
	put_record(b, bytes, sizeof(bytes));
}

static void record_list(struct buf *b, uint32_t number, const uint32_t *series, uint32_t k)
{
	size_t len = LIST_BYTES + (size_t) k * 4;
	uint32_t head[3] = { KIND_LIST, number, k };
	uint32_t crc = crc32_more(crc32_of(head, LIST_BYTES), series, (size_t) k * 4);
	uint32_t record[3] = { MARK, (uint32_t) len, crc };

	buf_addn(b, record, RECORD_HEAD);
	buf_addn(b, head, LIST_BYTES);
	buf_addn(b, series, (size_t) k * 4);
}

static void header(const struct names *n, struct buf *b)
{
	uint32_t head[4] = { 0, VERSION, n->tenant, 0 };

	memcpy(head, "TNSD", 4);
	head[3] = crc32_of(head, 12);
	buf_addn(b, head, HEAD_BYTES);
}

/* Everything anew into another file that takes the old one's place: after a failed write or sync nobody knows what is on the
 * medium, and asking again would only make it look well. */
static int rewrite(struct names *n)
{
	struct buf b = BUF_INIT(&sys_heap, FILE_MAX);
	int fd = -1;

	header(n, &b);
	for (uint32_t i = 1; i <= n->n_series; i++) {
		const struct series *s = names_series(n, i);

		if (s)
			record_series(&b, i, &s->point, s->type);
	}
	for (uint32_t i = 1; i <= n->n_lists; i++) {
		const struct list *l = names_list_get(n, i);

		if (l && !l->only_here)
			record_list(&b, i, l->series, l->k);
	}
	int r = b.failed ? no_memory() : file_write(n->path, b.data, b.len, 0640);
	if (r == 0)
		r = file_open(n->path, O_WRONLY | O_APPEND, 0, &fd);
	if (r == 0) {
		if (n->fd >= 0)
			sys.close(n->fd);
		n->fd = fd;
		n->end = b.len;
		n->spoiled = false;
	}
	buf_done(&b);
	return r;
}

static int append(struct names *n, const struct buf *b)
{
	if (b->failed)
		return no_memory();
	if (n->spoiled) {
		int r = rewrite(n);

		if (r < 0)
			return r;
	}
	int r = file_write_all(n->fd, b->data, b->len);
	if (r == 0 && sys.fdatasync(n->fd) < 0)
		r = sys_fail(errno, "sync", n->path);
	if (r < 0)
		n->spoiled = true;
	else
		n->end += b->len;
	return err_wrap(r, "%s: ", n->path);
}

static int read_record(struct names *n, struct cur *c)
{
	const uint8_t *start = c->at;
	uint8_t kind = cur_u8(c), type = cur_u8(c);
	struct uuid point;

	cur_le16(c);
	uint32_t number = cur_le32(c);
	if (kind == KIND_SERIES) {
		const uint8_t *p = cur_take(c, sizeof(point));

		if (!p || type < V_BOOL || type > V_TIME)
			return 0;
		memcpy(&point, p, sizeof(point));
		return put_series(n, number, &point, type);
	}
	uint32_t k = cur_le32(c);
	if (kind == KIND_LIST && k && k <= LIST_MEMBERS_MAX && cur_left(c) == (size_t) k * 4)
		return put_list(n, number, (const uint32_t *) (const void *) (start + LIST_BYTES), k);
	return 0;               /* a kind of a later version: its mark and length are enough to pass it over */
}

static bool record_at(const uint8_t *p, size_t left, uint32_t *ret_len)
{
	uint32_t head[3];

	if (left < RECORD_HEAD)
		return false;
	memcpy(head, p, RECORD_HEAD);
	if (head[0] != MARK || head[1] % 4 || head[1] > left - RECORD_HEAD || head[2] != crc32_of(p + RECORD_HEAD, head[1]))
		return false;
	*ret_len = head[1];
	return true;
}

/* ret_end: behind the last good record. */
static int read_records(struct names *n, const uint8_t *bytes, size_t size, size_t *ret_end)
{
	size_t at = HEAD_BYTES, end = HEAD_BYTES;

	while (at < size) {
		uint32_t len;

		if (!record_at(bytes + at, size - at, &len)) {
			at += 4;
			continue;
		}
		struct cur c = cur_of(bytes + at + RECORD_HEAD, len);
		int r = read_record(n, &c);
		if (r < 0)
			return r;
		n->cut += at - end;
		at += RECORD_HEAD + len;
		end = at;
	}
	*ret_end = end;
	return 0;
}

static int check_header(const struct names *n, const uint8_t *bytes)
{
	uint32_t head[4];

	memcpy(head, bytes, HEAD_BYTES);
	if (memcmp(head, "TNSD", 4) == 0 && head[3] == crc32_of(head, 12) && head[1] > VERSION)
		return err_fail(ERR_NEWER, "what", n->path, "value", "2 or later", "want", "1", NULL);
	return 0;               /* a damaged head says nothing the records do not */
}

static int load(struct names *n)
{
	struct buf b = BUF_INIT(&sys_heap, FILE_MAX + 65536);
	size_t end = 0;
	int r = file_read(n->path, FILE_MAX, &b);

	if (r == -ERR_MISSING) {
		err_clear();
		r = 0;
	}
	if (r == 0 && b.len >= HEAD_BYTES)
		r = check_header(n, (const uint8_t *) b.data);
	if (r == 0 && b.len >= HEAD_BYTES)
		r = read_records(n, (const uint8_t *) b.data, b.len, &end);
	if (r < 0) {
		buf_done(&b);
		return r;
	}
	bool fresh = b.len < HEAD_BYTES;
	n->cut += fresh ? b.len : b.len - end;
	/* A tail that is longer than a record may have been whole once: the log may know its numbers, so nobody else gets them. */
	uint32_t spare = fresh ? 0 : (uint32_t) MIN((b.len - end) / (RECORD_HEAD + SERIES_BYTES), (size_t) SPARE_MAX);
	n->n_series += spare;
	n->n_lists += spare;
	n->end = end;
	buf_done(&b);
	if (fresh)
		return rewrite(n);
	r = file_open(n->path, O_WRONLY | O_APPEND, 0, &n->fd);
	if (r == 0 && sys.ftruncate(n->fd, (off_t) end) < 0)
		r = sys_fail(errno, "cut", n->path);
	return r;
}

/* A record that says a number of a series, or nothing. */
static void tell_series(const uint8_t *payload, size_t len, const struct names_looker *to)
{
	struct cur c = cur_of(payload, len);
	uint8_t kind = cur_u8(&c), type = cur_u8(&c);
	struct uuid point;

	cur_le16(&c);
	uint32_t number = cur_le32(&c);
	const uint8_t *p = kind == KIND_SERIES ? cur_take(&c, sizeof(point)) : NULL;
	if (!p || !number || number > NUMBERS_MAX || type < V_BOOL || type > V_TIME)
		return;
	memcpy(&point, p, sizeof(point));
	to->on_series(to->ctx, number, &point, type);
}

int names_look(const char *path, uint32_t tenant, const struct names_looker *to, uint64_t *ret_damaged)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, FILE_MAX + 65536);
	uint64_t damaged = 0;
	uint32_t head[4];
	int r = file_read(path, FILE_MAX, &b);

	if (r < 0)
		return r;
	const uint8_t *bytes = (const uint8_t *) b.data;
	if (b.len < HEAD_BYTES) {
		*ret_damaged = b.len ? b.len : 1;
		return 0;
	}
	memcpy(head, bytes, HEAD_BYTES);
	if (memcmp(head, "TNSD", 4) != 0 || head[3] != crc32_of(head, 12) || head[2] != tenant)
		damaged += HEAD_BYTES;
	for (size_t at = HEAD_BYTES; at < b.len;) {
		uint32_t len;

		if (record_at(bytes + at, b.len - at, &len)) {
			tell_series(bytes + at + RECORD_HEAD, len, to);
			at += RECORD_HEAD + len;
		} else {
			damaged += MIN(b.len - at, (size_t) 4);
			at += 4;
		}
	}
	*ret_damaged = damaged;
	return 0;
}

int names_open(const char *path, uint32_t tenant, uint32_t floor, struct names **ret)
{
	_cleanup_(names_freep) struct names *n = sys_new(struct names);
	struct buf b;

	if (!n)
		return no_memory();
	n->fd = -1;
	mutex_init(&n->mutex);
	n->tenant = tenant;
	b = BUF_FIXED(n->path);
	buf_add(&b, path);
	if (b.failed)
		return sys_fail(ENAMETOOLONG, "open", path);
	int r = table_grow(n, &n->by_point);
	if (r == 0)
		r = table_grow(n, &n->by_content);
	if (r == 0)
		r = load(n);
	if (r < 0)
		return r;
	if (floor > n->n_series)
		n->n_series = floor;
	*ret = take(n);
	return 0;
}

struct names *names_free(struct names *n)
{
	if (!n)
		return NULL;
	for (uint32_t b = 0; b < n->block_room; b++) {
		for (uint32_t i = 0; n->block[b] && i < SERIES_BLOCK; i++)
			sys_free(n->block[b][i].members);
		sys_free(n->block[b]);
	}
	for (uint32_t i = 0; i < n->n_lists && i < n->list_room; i++)
		sys_free(n->list[i]);
	for (uint32_t i = 0; i < n->n_retired; i++)
		sys_free(n->retired[i]);
	sys_free(n->retired);
	sys_free((void *) n->block);
	sys_free((void *) n->list);
	sys_free(n->by_point.slot);
	sys_free(n->by_content.slot);
	if (n->fd >= 0)
		sys.close(n->fd);
	mutex_done(&n->mutex);
	return sys_free(n);
}

uint32_t names_newest(struct names *n, const struct uuid *point)
{
	mutex_hold(&n->mutex);
	return *find_point(n, point);
}

/* The series of (point, type), 0 when there is none. */
static uint32_t lookup(struct names *n, const struct uuid *point, uint8_t type)
{
	for (uint32_t i = *find_point(n, point); i; ) {
		const struct series *s = names_series(n, i);

		if (s->type == type)
			return i;
		i = s->older;
	}
	return 0;
}

struct wish { const struct uuid *points; const uint8_t *types; uint32_t *number; struct table seen; };

/* The number given to the same (point, type) earlier in this call; else 0, and wish i is noted. */
static uint32_t seen_before(struct wish *w, size_t i)
{
	uint32_t at = (uint32_t) (hash_point(&w->points[i]) + w->types[i]) & (w->seen.size - 1);

	for (; w->seen.slot[at]; at = (at + 1) & (w->seen.size - 1)) {
		size_t j = w->seen.slot[at] - 1;

		if (w->types[j] == w->types[i] && uuid_equal(&w->points[j], &w->points[i]))
			return w->number[j];
	}
	w->seen.slot[at] = (uint32_t) i + 1;
	return 0;
}

static int add(struct names *n, size_t count, struct wish *w, struct buf *b)
{
	uint32_t next = n->n_series + 1, known = n->n_series;
	int r = 0;

	for (size_t i = 0; i < count; i++) {
		if (w->types[i] < V_BOOL || w->types[i] > V_TIME)
			return err_fail(ERR_WRONG_TYPE, "field", "type", "want", "a value type", "value", "none", NULL);
		w->number[i] = lookup(n, &w->points[i], w->types[i]);
		if (!w->number[i])
			w->number[i] = seen_before(w, i);
		if (w->number[i])
			continue;
		if (next > NUMBERS_MAX)
			return err_fail(ERR_LIMIT, "what", "series of a tenant", "max", "16777216", NULL);
		w->number[i] = next;
		record_series(b, next++, &w->points[i], w->types[i]);
	}
	if (b->len || b->failed)
		r = append(n, b);
	/* Should memory end here, the records are there already: the next start finds them. */
	for (size_t i = 0; i < count && r == 0; i++)
		if (w->number[i] > known)
			r = put_series(n, w->number[i], &w->points[i], w->types[i]);
	if (r < 0 && b->len)
		n->n_series = MAX(n->n_series, next - 1);
	return r;
}

int names_add(struct names *n, size_t count, const struct uuid *points, const uint8_t *types, uint32_t *ret)
{
	struct buf b = BUF_INIT(&sys_heap, FILE_MAX);
	struct wish w = { .points = points, .types = types, .seen = { .size = 16 } };

	if (count > NUMBERS_MAX)
		return err_fail(ERR_LIMIT, "what", "series of a tenant", "max", "16777216", NULL);
	while (w.seen.size < count * 2)
		w.seen.size *= 2;
	w.number = sys_alloc_array(count + 1, sizeof(*w.number));
	w.seen.slot = sys_alloc_array(w.seen.size, sizeof(*w.seen.slot));
	int r = w.number && w.seen.slot ? 0 : no_memory();
	if (r == 0) {
		mutex_hold(&n->mutex);
		r = add(n, count, &w, &b);
	}
	if (r == 0 && count)
		memcpy(ret, w.number, count * sizeof(*ret));
	sys_free(w.number);
	sys_free(w.seen.slot);
	buf_done(&b);
	return r;
}

int names_restore(struct names *n, const struct names_lost *lost, size_t count)
{
	int r = 0;

	mutex_hold(&n->mutex);
	for (size_t i = 0; i < count && r == 0; i++)
		r = put_series(n, lost[i].number, &lost[i].point, lost[i].type);
	return r == 0 ? rewrite(n) : r;
}

int names_list(struct names *n, const uint32_t *series, uint32_t k, uint32_t *ret)
{
	struct buf b = BUF_INIT(&sys_heap, FILE_MAX);
	char text[NUM_TEXT_MAX];

	if (k == 0 || k > LIST_MEMBERS_MAX)
		return err_fail(ERR_OUT_OF_RANGE, "field", "series", "min", "1", "max", "1048576", "value", k ? "more" : "0", NULL);
	for (uint32_t i = 0; i < k; i++)
		if (!names_series(n, series[i])) {
			num_format_u64(text, series[i]);
			return err_fail(ERR_MISSING, "what", "series", "value", text, NULL);
		}
	mutex_hold(&n->mutex);
	uint32_t number = *find_list(n, series, k);
	struct list *known = names_list_get(n, number);
	if (!known || known->only_here) {
		number = known ? number : n->n_lists + 1;
		record_list(&b, number, series, k);
		int r = append(n, &b);
		buf_done(&b);
		if (r == 0 && known)
			known->only_here = false;
		else if (r == 0 && (r = put_list(n, number, series, k)) < 0)
			n->n_lists = MAX(n->n_lists, number);
		if (r < 0)
			return r;
	}
	*ret = number;
	return 0;
}

/* --- Lists nobody gave a number */

static struct list *list_among(struct names *n, const struct members *m, const uint32_t *series, uint32_t k)
{
	uint32_t all = m ? atomic_load_explicit(&m->n, memory_order_acquire) : 0;

	for (uint32_t i = 0; i < all; i++) {
		struct list *l = names_list_get(n, m->item[i].list);

		if (l && l->k == k && memcmp(l->series, series, (size_t) k * sizeof(*series)) == 0)
			return l;
	}
	return NULL;
}

/* All known, none in too many lists. *ret_fresh: none is in a list. */
static bool may_share(struct names *n, const uint32_t *series, uint32_t k, bool *ret_fresh)
{
	*ret_fresh = true;
	for (uint32_t i = 0; i < k; i++) {
		const struct series *s = names_series(n, series[i]);
		const struct members *m = s ? s->members : NULL;

		if (!s || (m && m->n >= SHARED_LISTS_MAX))
			return false;
		*ret_fresh = *ret_fresh && !(m && m->n);
	}
	return true;
}

static int by_number(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *) a, y = *(const uint32_t *) b;

	return (x > y) - (x < y);
}

/* Or no memory to see that they are. */
static bool are_different(const uint32_t *series, uint32_t k)
{
	_cleanup_free_ uint32_t *sorted = sys_alloc_array(k, sizeof(*sorted));

	if (!sorted)
		return false;
	memcpy(sorted, series, (size_t) k * sizeof(*sorted));
	qsort(sorted, k, sizeof(*sorted), by_number);
	for (uint32_t i = 1; i < k; i++)
		if (sorted[i] == sorted[i - 1])
			return false;
	return true;
}

/* Sets that change with every batch are not worth a list each: one that overlaps another has to come again before long. */
static bool seen_again(struct names *n, const uint32_t *series, uint32_t k)
{
	uint64_t hash = hash_list(series, k), *at = &n->seen[hash % SEEN];
	bool again = *at == hash;

	*at = hash;
	return again;
}

struct list *names_share(struct names *n, const uint32_t *series, uint32_t k)
{
	const struct series *first = k >= SHARED_MIN && k <= LIST_MEMBERS_MAX ? names_series(n, series[0]) : NULL;
	struct list *l = first ? list_among(n, first->members, series, k) : NULL;
	bool fresh;

	if (!first || l)
		return l;
	mutex_hold(&n->mutex);
	if (!may_share(n, series, k, &fresh) || (!fresh && !seen_again(n, series, k)) || !are_different(series, k))
		return NULL;
	uint32_t number = n->n_lists + 1;
	if (put_list(n, number, series, k) < 0) {
		err_clear();
		return NULL;
	}
	l = names_list_get(n, number);
	l->only_here = true;
	return l;
}
