/* writer_page.c - one page: levels, the candidates for its values, compression, header; and the dictionary they may share. */
#include "parquet/writer_impl.h"

#include <string.h>

#include "base/err.h"
#include "parquet/code.h"
#include "parquet/crc32.h"
#include "parquet/thrift.h"
#include "sys/sys.h"

enum { SLOTS = PQ_DICT_ENTRIES * 2, HEADER_MAX = 64, LARGE_PAGE = 6144 };

struct candidate { enum pq_encoding encoding; size_t cost, raw; };

static struct pen room(struct buf *b, size_t n)
{
	return buf_reserve(b, n) ? pen_of(b->data + b->len, n) : (struct pen) { .bad = true };
}

static void taken(struct buf *b, const struct pen *p)
{
	if (p->bad)
		b->failed = true;
	else
		b->len = (size_t) ((char *) p->at - b->data);
}

/* Levels that change seldom: runs of eight and more, as most are. False: there are shorter ones, and nothing is said of p. */
static bool put_runs(struct pen *p, const uint8_t *def, uint32_t n)
{
	for (uint32_t i = 0, run; i < n; i += run) {
		const uint8_t *other = memchr(def + i, !def[i], n - i);

		run = other ? (uint32_t) (other - def) - i : n - i;
		if (run < 8 && i + run < n)
			return false;
		pen_varint(p, (uint64_t) run << 1);
		pen_u8(p, def[i]);
	}
	return true;
}

/* Definition levels of data page v1: length, then runs of 0 and 1. def NULL: n nulls. */
static void put_levels(struct pq_writer *w, const uint8_t *def, uint32_t n)
{
	struct pen p = room(&w->levels, 4 + rle_bound(n, 1));
	uint8_t *start = pen_take(&p, 4);
	struct pen before = p;

	if (!def) {
		pen_varint(&p, (uint64_t) n << 1);
		pen_u8(&p, 0);
	} else if (!put_runs(&p, def, n)) {
		p = before;
		for (uint32_t i = 0; i < n; i++)
			w->index[i] = def[i];
		rle_encode(&p, w->index, n, 1);
	}
	if (!p.bad && start) {
		uint32_t len = (uint32_t) (p.at - start - 4);

		memcpy(start, &len, 4);
	}
	taken(&w->levels, &p);
}

static void put_plain(struct buf *out, const struct pq_col *c, const uint64_t *v, uint32_t n, const struct buf *text)
{
	unsigned width = pq_width(c->type);

	if (width) {
		struct pen p = room(out, (size_t) n * width);

		for (uint32_t i = 0; i < n; i++)
			pen_bytes(&p, v + i, width);    /* little-endian: the low bytes stand first */
		taken(out, &p);
		return;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t len = (uint32_t) v[i];

		buf_addn(out, &len, 4);
		if (len)
			buf_addn(out, text->data + (v[i] >> 32), len);
	}
}

static unsigned index_width(uint32_t n) { return n > 1 ? 32 - (unsigned) __builtin_clz(n - 1) : 1; }

static void put_values(struct pq_writer *w, unsigned col, enum pq_encoding encoding)
{
	const struct pq_col *c = &w->config.cols[col];
	struct feed *f = &w->feed[col];
	struct pen p;

	switch (encoding) {
	case PQ_DELTA:
		p = room(&w->raw, dbp_bound(f->n_val));
		dbp_encode(&p, (const int64_t *) f->val, f->n_val, c->type == PQ_INT32 ? 32 : 64);
		taken(&w->raw, &p);
		return;
	case PQ_RLE_DICTIONARY:
		p = room(&w->raw, 1 + rle_bound(f->n_val, 16));
		pen_u8(&p, (uint8_t) index_width(f->dict.n));
		rle_encode(&p, w->index, f->n_val, index_width(f->dict.n));
		taken(&w->raw, &p);
		return;
	default:
		put_plain(&w->raw, c, f->val, f->n_val, &f->text);
	}
}

/* A frame of zstd (RFC 8878, 3.1.1) that holds the bytes as they are: one segment of known size, blocks of 128 KB. `to` has room for the
 * worst that zstd can do, which is this. */
static void put_frame(const struct buf *raw, struct buf *to)
{
	enum { BLOCK_MAX = 128 << 10 };
	uint32_t n = (uint32_t) raw->len, at = 0;
	struct pen p = pen_of(to->data, to->room);

	pen_le32(&p, 0xfd2fb528);
	pen_u8(&p, n < 256 ? 0x20 : 0xa0);
	if (n < 256)
		pen_u8(&p, (uint8_t) n);
	else
		pen_le32(&p, n);
	do {
		uint32_t k = MIN(n - at, (uint32_t) BLOCK_MAX), head = k << 3 | (at + k == n);

		for (unsigned i = 0; i < 3; i++)
			pen_u8(&p, (uint8_t) (head >> 8 * i));
		pen_bytes(&p, raw->data + at, k);
		at += k;
	} while (at < n);
	to->len = (size_t) (p.at - (uint8_t *) to->data);
}

static int compress(struct pq_writer *w, unsigned col, const struct buf *raw, struct buf *to)
{
	enum { OFTEN_WORTH = 12 };
	size_t bound = ZSTD_compressBound(raw->len);

	buf_clear(to);
	if (raw->failed || !buf_reserve(to, bound))
		return pq_writer_no_memory();
	bool large = raw->len > LARGE_PAGE && pq_width(w->config.cols[col].type);
	int level = large ? w->config.level_large : w->config.level;
	size_t n = ZSTD_compressCCtx(w->zstd, to->data, bound, raw->data, raw->len, level);
	if (ZSTD_isError(n))
		return err_failf(ERR_BROKEN, "zstd: %s", ZSTD_getErrorName(n));
	to->len = n;
	/* What is often read is not unpacked for little. */
	if (w->config.cols[col].often && n + raw->len / OFTEN_WORTH > raw->len)
		put_frame(raw, to);
	return 0;
}

/* extra: what the choice costs elsewhere (new entries of the dictionary). */
static int try_encoding(struct pq_writer *w, unsigned col, enum pq_encoding encoding, size_t extra, struct candidate *best)
{
	struct buf *to = &w->packed[!w->best];

	buf_clear(&w->raw);
	if (w->levels.len)
		buf_addn(&w->raw, w->levels.data, w->levels.len);
	put_values(w, col, encoding);
	int r = compress(w, col, &w->raw, to);
	if (r < 0)
		return r;
	if (best->cost == 0 || to->len + extra < best->cost) {
		*best = (struct candidate) { .encoding = encoding, .cost = to->len + extra, .raw = w->raw.len };
		w->best = !w->best;
	}
	return 0;
}

/* --- The dictionary of a chunk: entries are only ever added, so indices of earlier pages stay true. */

static uint32_t hash_of(const struct pq_col *c, uint64_t v, const struct buf *text)
{
	uint64_t h = v;

	if (!pq_width(c->type)) {
		const uint8_t *p = (const uint8_t *) text->data + (v >> 32);

		h = UINT64_C(0xcbf29ce484222325);
		for (uint32_t i = 0; i < (uint32_t) v; i++)
			h = (h ^ p[i]) * UINT64_C(0x100000001b3);
	}
	return (uint32_t) (h * UINT64_C(0x9E3779B97F4A7C15) >> 40) % SLOTS;
}

static bool same(const struct pq_col *c, const struct dict *d, uint32_t i, uint64_t v, const struct buf *text)
{
	if (pq_width(c->type))
		return d->entry[i] == v;
	uint32_t len = (uint32_t) v;
	return (uint32_t) d->entry[i] == len && memcmp(d->text.data + (d->entry[i] >> 32), text->data + (v >> 32), len) == 0;
}

static bool dict_add(const struct pq_col *c, struct dict *d, uint64_t v, const struct buf *text)
{
	uint32_t len = (uint32_t) v;

	if (d->n == PQ_DICT_ENTRIES)
		return false;
	if (pq_width(c->type)) {
		d->entry[d->n++] = v;
		return true;
	}
	if (d->text.len + len > PQ_DICT_BYTES)
		return false;
	size_t at = d->text.len;
	if (len)
		buf_addn(&d->text, text->data + (v >> 32), len);
	if (d->text.failed)
		return false;
	d->entry[d->n++] = text_ref(at, len);
	return true;
}

/* Back to n entries. Linear probing: taking out the youngest first never tears a chain. */
static void dict_cut(const struct pq_col *c, struct dict *d, uint32_t n)
{
	while (d->n > n) {
		uint64_t v = d->entry[--d->n];
		uint32_t s = hash_of(c, v, &d->text);

		while (d->slot[s] != d->n + 1)
			s = (s + 1) % SLOTS;
		d->slot[s] = 0;
		if (!pq_width(c->type))
			d->text.len = v >> 32;
	}
}

static bool dict_ready(struct dict *d)
{
	if (!d->slot)
		d->slot = sys_alloc_array(SLOTS, sizeof(*d->slot));
	if (!d->entry)
		d->entry = sys_alloc_array(PQ_DICT_ENTRIES, sizeof(*d->entry));
	return d->slot && d->entry;
}

/* Fills w->index. False: too many distinct values, nothing was added. */
static bool dict_index(struct pq_writer *w, unsigned col)
{
	const struct pq_col *c = &w->config.cols[col];
	struct feed *f = &w->feed[col];
	struct dict *d = &f->dict;
	uint32_t before = d->n;

	if (c->distinct || !dict_ready(d))
		return false;
	for (uint32_t i = 0; i < f->n_val; i++) {
		uint32_t s = hash_of(c, f->val[i], &f->text);

		while (d->slot[s] && !same(c, d, d->slot[s] - 1u, f->val[i], &f->text))
			s = (s + 1) % SLOTS;
		if (!d->slot[s]) {
			if (d->n - before > 16 + i / 4 || !dict_add(c, d, f->val[i], &f->text)) {
				dict_cut(c, d, before);
				return false;
			}
			d->slot[s] = (uint16_t) d->n;
		}
		w->index[i] = (uint16_t) (d->slot[s] - 1);
	}
	return true;
}

static size_t dict_bytes(const struct pq_col *c, const struct dict *d)
{
	return pq_width(c->type) ? (size_t) d->n * pq_width(c->type) : d->text.len + 4 * (size_t) d->n;
}

static int choose(struct pq_writer *w, unsigned col, struct candidate *best)
{
	const struct pq_col *c = &w->config.cols[col];
	struct feed *f = &w->feed[col];
	bool whole = c->type == PQ_INT32 || c->type == PQ_INT64;
	int r = 0;

	if (whole)
		r = try_encoding(w, col, PQ_DELTA, 0, best);
	if (whole && w->config.quick)
		return r;
	/* Where deltas take less than half, plain values have never been smaller: not one page of the bench's 1,000 series. */
	if (r == 0 && (!whole || best->raw * 2 > (size_t) f->n_val * pq_width(c->type)))
		r = try_encoding(w, col, PQ_PLAIN, 0, best);
	uint32_t n = f->dict.n;
	size_t bytes = dict_bytes(c, &f->dict);
	if (r == 0 && best->cost > 64 && dict_index(w, col)) {
		r = try_encoding(w, col, PQ_RLE_DICTIONARY, dict_bytes(c, &f->dict) - bytes, best);
		if (r == 0 && best->encoding == PQ_RLE_DICTIONARY)
			f->dict_used = true;
		else
			dict_cut(c, &f->dict, n);
	}
	return r;
}

/* --- Headers */

static void header(struct buf *out, enum pq_page_type type, size_t raw, const struct buf *body, uint32_t n, enum pq_encoding encoding)
{
	struct thrift_out t = { .out = out };

	thrift_int(&t, 1, T_I32, type);
	thrift_int(&t, 2, T_I32, (int64_t) raw);
	thrift_int(&t, 3, T_I32, (int64_t) body->len);
	thrift_int(&t, 4, T_I32, (int32_t) crc32_of(body->data, body->len));
	thrift_begin(&t, type == PQ_DATA_PAGE ? 5 : 7);
	thrift_int(&t, 1, T_I32, n);
	thrift_int(&t, 2, T_I32, encoding);
	if (type == PQ_DATA_PAGE) {
		thrift_int(&t, 3, T_I32, PQ_RLE);
		thrift_int(&t, 4, T_I32, PQ_RLE);
	}
	thrift_end(&t);
	buf_addc(out, T_STOP);
}

int pq_writer_dict_page(struct pq_writer *w, unsigned col, struct buf *out)
{
	struct feed *f = &w->feed[col];
	struct chunk *c = &pq_writer_now(w)->chunk[col];
	size_t before = out->len;

	buf_clear(&w->raw);
	put_plain(&w->raw, &w->config.cols[col], f->dict.entry, f->dict.n, &f->dict.text);
	int r = compress(w, col, &w->raw, &w->packed[0]);
	if (r < 0)
		return r;
	header(out, PQ_DICTIONARY_PAGE, w->raw.len, &w->packed[0], f->dict.n, PQ_PLAIN);
	c->raw_size += out->len - before + w->raw.len;
	c->encodings |= 1u << PQ_PLAIN;
	buf_addn(out, w->packed[0].data, w->packed[0].len);
	return out->failed ? pq_writer_no_memory() : 0;
}

static struct page *page_add(struct chunk *c)
{
	if (c->n_pages == c->room) {
		uint32_t n = MAX(c->room * 2, 16u);
		struct page *p = sys_resize(c->page, n * sizeof(*p));

		if (!p)
			return NULL;
		c->page = p;
		c->room = n;
	}
	c->page[c->n_pages] = (struct page) { 0 };
	return &c->page[c->n_pages++];
}

static int emit(struct pq_writer *w, unsigned col, struct pq_page out, size_t raw, enum pq_encoding encoding)
{
	struct feed *f = &w->feed[col];
	struct chunk *c = &pq_writer_now(w)->chunk[col];
	struct page *p = page_add(c);
	const struct buf *body = &w->packed[w->best];

	if (!p)
		return pq_writer_no_memory();
	out.offset = f->body.len;
	header(&f->body, PQ_DATA_PAGE, raw, body, out.rows, encoding);
	c->raw_size += f->body.len - out.offset + raw;
	buf_addn(&f->body, body->data, body->len);
	out.size = (uint32_t) (f->body.len - out.offset);
	c->encodings |= 1u << encoding | 1u << PQ_RLE;
	p->out = out;
	p->nulls = out.all_null ? out.rows : 0;
	return f->body.failed ? pq_writer_no_memory() : 0;
}

int pq_writer_end_nulls(struct pq_writer *w, unsigned col)
{
	struct feed *f = &w->feed[col];

	if (!f->null_rows)
		return 0;
	buf_clear(&w->levels);
	put_levels(w, NULL, f->null_rows);
	int r = compress(w, col, &w->levels, &w->packed[w->best]);
	if (r < 0)
		return r;
	struct pq_page out = { .first_row = f->null_from, .rows = f->null_rows, .all_null = true };
	pq_writer_now(w)->chunk[col].nulls += f->null_rows;
	f->null_rows = 0;
	return emit(w, col, out, w->levels.len, PQ_PLAIN);
}

int pq_writer_end_page(struct pq_writer *w, unsigned col)
{
	struct feed *f = &w->feed[col];
	struct candidate best = { 0 };
	struct pq_page out = { .first_row = w->group_at, .rows = f->n_rows };
	struct bound b;

	if (f->text.failed)
		return pq_writer_no_memory();
	if (f->n_val == 0) {
		if (!f->null_rows)
			f->null_from = w->group_at;
		f->null_rows += f->n_rows;
		f->n_rows = 0;
		return 0;
	}
	int r = pq_writer_end_nulls(w, col);
	buf_clear(&w->levels);
	if (r == 0 && w->config.cols[col].optional)
		put_levels(w, f->def, f->n_rows);
	if (r == 0 && w->levels.failed)
		r = pq_writer_no_memory();
	if (r == 0)
		r = choose(w, col, &best);
	if (r == 0)
		r = pq_bound_of_page(w, col, &b);
	if (r < 0)
		return r;
	if (!w->config.cols[col].unsought) {
		out.lo = (int64_t) b.lo;
		out.hi = (int64_t) b.hi;
	}
	r = emit(w, col, out, best.raw, best.encoding);
	struct chunk *c = &pq_writer_now(w)->chunk[col];
	if (r == 0) {
		c->page[c->n_pages - 1].bound = b;
		c->page[c->n_pages - 1].nulls = f->n_rows - f->n_val;
	}
	c->nulls += f->n_rows - f->n_val;
	f->n_rows = f->n_val = 0;
	buf_clear(&f->text);
	return r;
}
