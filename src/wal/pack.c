/*
 * pack.c - a segment that somebody still needs after a while, compressed: packs of whole records, then the sorted series.
 *
 * Read with a fixed amount of memory, written under a temporary name, synced, renamed: with its name it is complete.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <zstd.h>

#include "wal/impl.h"

enum { LEVEL = 1, SET_SLOTS = 1 << 17, SET_MAX = SET_SLOTS / 2, RAW_AIM = 512 << 10 };

/* The series seen, tenant << 32 | series; open addressing, 0 is free. */
struct set { uint64_t *slot; uint32_t n; bool full, has_zero; };

static void set_add(struct set *s, uint64_t key)
{
	if (key == 0) {
		s->has_zero = true;
		return;
	}
	uint32_t i = (uint32_t) ((key * UINT64_C(0x9E3779B97F4A7C15)) >> 47);
	for (; s->slot[i]; i = (i + 1) % SET_SLOTS)
		if (s->slot[i] == key)
			return;
	if (s->n == SET_MAX) {
		s->full = true;
		return;
	}
	s->slot[i] = key;
	s->n++;
}

/* What cannot be known here makes the list incomplete: registered lists, and rows, which have no series. */
static void set_add_batch(struct set *s, const struct batch *b)
{
	uint64_t tenant = (uint64_t) b->tenant << 32;

	if (b->shape == SHAPE_ROWS || b->list) {
		s->full = true;
		return;
	}
	const struct batch_col *c = batch_find(b, BATCH_NAME_SERIES);
	uint32_t n = b->shape == SHAPE_GROUP ? batch_n_values(b) : c->enc & ENC_CONST ? 1 : b->n_rows;
	for (uint32_t i = 0; i < n && !s->full; i++)
		set_add(s, tenant | batch_u32(b, c, i));
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *) a, y = *(const uint64_t *) b;

	return x < y ? -1 : x > y;
}

/* The keys in order at the front of the slots. */
static uint32_t set_sort(struct set *s)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < SET_SLOTS; i++)
		if (s->slot[i])
			s->slot[n++] = s->slot[i];
	if (s->has_zero)
		s->slot[n++] = 0;
	qsort(s->slot, n, sizeof s->slot[0], compare);
	return n;
}

struct packer {
	struct wal *w;
	const struct segment *s;
	int from, to;
	uint64_t from_at, to_at;
	uint8_t *raw, *packed;
	size_t raw_len, packed_room;
	struct batch *block;            /* aligned room for one block, to look at its series */
	ZSTD_CCtx *zstd;
	struct set set;
};

/* Writes raw[0 … len) as one pack, padded to 32. */
static int put_pack(struct packer *p, const void *raw, size_t len, uint64_t first, uint64_t last)
{
	size_t n = ZSTD_compressCCtx(p->zstd, p->packed + PACK_HEAD, p->packed_room - PACK_HEAD - 32, raw, len, LEVEL);

	if (ZSTD_isError(n))
		return err_failf(ERR_BROKEN, "zstd: %s", ZSTD_getErrorName(n));
	pack_head_encode(&(struct pack_head) { .packed_len = (uint32_t) n, .raw_len = (uint32_t) len,
		.crc = crc32c(0, p->packed + PACK_HEAD, n), .first = first, .last = last }, p->packed);
	size_t end = ALIGN_UP(PACK_HEAD + n, 32);
	memset(p->packed + PACK_HEAD + n, 0, end - PACK_HEAD - n);
	int r = file_pwrite_all(p->to, p->packed, end, (int64_t) p->to_at);
	if (r == 0)
		p->to_at += end;
	return r;
}

/* Whole records from what is in `raw`, as many as RAW_AIM asks for; damaged bytes in between are dropped. */
static int pack_records(struct packer *p, bool end, size_t *ret_used)
{
	uint64_t first = 0, last = 0;
	size_t at = 0, n = 0;
	int r = 0;

	while (at + REC_HEAD <= p->raw_len && n < RAW_AIM) {
		struct rec_view v;
		enum rec_found found = rec_decode(p->raw + at, p->raw_len - at, &v);
		if (found == REC_SHORT && !end)
			break;
		if (found != REC_WHOLE || v.seq > p->s->last) {
			at += 32;
			continue;
		}
		memcpy(p->block, v.block, v.len);
		size_t rec = REC_HEAD + v.len;
		if (batch_check(p->block, v.len) == 0) {
			set_add_batch(&p->set, p->block);
			memmove(p->raw + n, p->raw + at, rec);
			n += rec;
			first = first ? first : v.seq;
			last = v.seq;
		} else {
			err_clear();
		}
		at += rec;
	}
	if (n)
		r = put_pack(p, p->raw, n, first, last);
	*ret_used = end && at + REC_HEAD > p->raw_len ? p->raw_len : at;
	return r;
}

static bool is_stopping(struct wal *w)
{
	mutex_hold(&w->lock);
	return w->stopping;
}

static int pack_all(struct packer *p)
{
	bool end = false;

	while (!end || p->raw_len) {
		uint64_t want = MIN((uint64_t) PACK_RAW_MAX - p->raw_len, p->s->bytes - p->from_at);
		ssize_t got = want ? sys.pread(p->from, p->raw + p->raw_len, want, (off_t) p->from_at) : 0;
		if (got < 0)
			return sys_fail(errno, "read", "a segment of the log");
		p->raw_len += (size_t) got;
		p->from_at += (uint64_t) got;
		end = p->from_at >= p->s->bytes || (want && got == 0);
		size_t used;
		int r = pack_records(p, end, &used);
		if (r < 0)
			return r;
		memmove(p->raw, p->raw + used, p->raw_len - used);
		p->raw_len -= used;
		if (is_stopping(p->w))
			return err_fail(ERR_STOPPING, NULL, NULL);
	}
	return 0;
}

static int finish(struct packer *p)
{
	struct seg_head h = { .packed = true, .any_series = p->set.full, .no = p->s->no, .first = p->s->first, .prev = p->s->prev,
		.last = p->s->last, .series_at = p->to_at };
	uint8_t head[SEG_HEAD];
	int r = 0;

	if (!p->set.full) {
		h.n_series = set_sort(&p->set);
		r = put_pack(p, p->set.slot, h.n_series * sizeof p->set.slot[0], 0, 0);
	}
	seg_head_encode(&h, head);
	if (r == 0)
		r = file_pwrite_all(p->to, head, sizeof head, 0);
	if (r == 0 && sys.fdatasync(p->to) < 0)
		r = sys_fail(errno, "sync", "a compressed segment");
	return r;
}

static int pack_files(struct packer *p, const char *from, const char *temp, const char *to)
{
	int r = file_open(from, O_RDONLY, 0, &p->from);

	if (r == 0)
		r = file_open(temp, O_RDWR | O_CREAT | O_TRUNC, 0600, &p->to);
	if (r == 0)
		r = pack_all(p);
	if (r == 0)
		r = finish(p);
	if (r == 0)
		r = file_rename(temp, to);
	if (r < 0)
		sys.unlink(temp);
	return r < 0 ? r : 1;
}

int pack_segment(struct wal *w, const struct segment *s, uint64_t *ret_bytes)
{
	char from[PATH_MAX], to[PATH_MAX], temp[PATH_MAX];
	struct buf b = BUF_FIXED(temp);
	struct packer p = { .w = w, .s = s, .from = -1, .to = -1, .from_at = SEG_HEAD, .to_at = SEG_HEAD,
		.packed_room = PACK_HEAD + 32 + ZSTD_compressBound(PACK_RAW_MAX) };
	int r = 0;

	seg_path(w, s->no, false, from);
	seg_path(w, s->no, true, to);
	buf_addf(&b, "%s.tmp", to);
	p.raw = sys_resize(NULL, PACK_RAW_MAX);
	p.packed = sys_resize(NULL, p.packed_room);
	p.set.slot = sys_alloc_array(SET_SLOTS, sizeof p.set.slot[0]);
	p.zstd = ZSTD_createCCtx();
	if (!p.raw || !p.packed || !p.set.slot || !p.zstd)
		r = err_fail(ERR_NO_MEMORY, "what", "the log", NULL);
	if (r == 0)
		r = batch_alloc(BATCH_SIZE_MAX, &p.block);
	if (r == 0)
		r = pack_files(&p, from, temp, to);
	if (r > 0)
		*ret_bytes = p.to_at;
	if (p.from >= 0)
		sys.close(p.from);
	if (p.to >= 0)
		sys.close(p.to);
	ZSTD_freeCCtx(p.zstd);
	batch_unref(p.block);
	sys_free(p.set.slot);
	sys_free(p.packed);
	sys_free(p.raw);
	return r;
}

/* The head is lost: the packs tell what they hold; which series, nobody. */
static int head_from_packs(int fd, struct seg_head *ret)
{
	struct seg_head h = { .packed = true, .any_series = true };
	struct pack_head p;
	uint8_t head[PACK_HEAD];
	uint64_t at = SEG_HEAD;
	int r;

	while ((r = file_pread_all(fd, head, sizeof head, (int64_t) at)) == 0) {
		bool good = pack_head_decode(head, &p);
		at += good ? ALIGN_UP(PACK_HEAD + (uint64_t) p.packed_len, 32) : 32;
		if (!good || p.first == 0)
			continue;
		h.first = h.first ? h.first : p.first;
		h.last = p.last;
	}
	if (r != -ERR_CORRUPT)
		return r;
	err_clear();                            /* the end of the file */
	h.prev = h.first ? h.first - 1 : 0;
	h.series_at = at;
	*ret = h;
	return 0;
}

int pack_head_read(int fd, struct seg_head *ret)
{
	uint8_t head[SEG_HEAD];
	int r = file_pread_all(fd, head, sizeof head, 0);

	if (r == 0 && seg_head_decode(head, ret) && ret->packed)
		return 0;
	if (r < 0 && r != -ERR_CORRUPT)
		return r;
	err_clear();
	return head_from_packs(fd, ret);
}

/* The pack at `at`, unpacked into `to`: exactly `bytes`. 1: done, 0: damaged. */
static int read_list(int fd, uint64_t at, void *to, size_t bytes)
{
	uint8_t head[PACK_HEAD];
	struct pack_head p;
	int r = file_pread_all(fd, head, sizeof head, (int64_t) at);

	if (r < 0)
		return r == -ERR_CORRUPT ? 0 : r;
	if (!pack_head_decode(head, &p) || p.raw_len != bytes || p.packed_len == 0)
		return 0;
	_cleanup_free_ uint8_t *packed = sys_alloc(p.packed_len);
	if (!packed)
		return err_fail(ERR_NO_MEMORY, "what", "the log", NULL);
	r = file_pread_all(fd, packed, p.packed_len, (int64_t) at + PACK_HEAD);
	if (r < 0)
		return r == -ERR_CORRUPT ? 0 : r;
	return crc32c(0, packed, p.packed_len) == p.crc && ZSTD_decompress(to, bytes, packed, p.packed_len) == bytes;
}

int pack_series(int fd, const struct seg_head *h, uint64_t **ret, size_t *ret_n)
{
	size_t bytes = h->n_series * sizeof(uint64_t);

	*ret = NULL;
	*ret_n = 0;
	if (h->any_series || h->n_series == 0 || h->n_series > SET_MAX + 1)
		return 0;
	_cleanup_free_ uint64_t *list = sys_alloc(bytes);
	if (!list)
		return err_fail(ERR_NO_MEMORY, "what", "the log", NULL);
	int r = read_list(fd, h->series_at, list, bytes);
	if (r < 0)
		return r;
	if (r == 0) {
		err_clear();                    /* damaged: then any series may be in it */
		return 0;
	}
	*ret = take(list);
	*ret_n = h->n_series;
	return 0;
}
