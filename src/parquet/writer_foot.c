/* writer_foot.c - statistics, column index, offset index, footer. */
#include "parquet/writer_impl.h"

#include "base/err.h"
#include "base/str.h"
#include "parquet/thrift.h"
#include "sys/sys.h"

enum { FOOT_MAX = 256 << 20 };

static double as_double(enum pq_type t, uint64_t bits)
{
	double d;
	float f;
	uint32_t low = (uint32_t) bits;

	if (t == PQ_FLOAT) {
		memcpy(&f, &low, sizeof(f));
		return (double) f;
	}
	memcpy(&d, &bits, sizeof(d));
	return d;
}

static int text_cmp(const uint8_t *a, uint32_t a_len, const uint8_t *b, uint32_t b_len)
{
	uint32_t n = MIN(a_len, b_len);
	int r = n ? memcmp(a, b, n) : 0;

	return r ? r : (a_len > b_len) - (a_len < b_len);
}

void pq_bound_join(const struct pq_col *c, struct bound *all, const struct bound *b)
{
	if (!b->set)
		return;
	if (!all->set) {
		*all = *b;
		return;
	}
	bool lower, higher;
	if (c->type == PQ_BYTES) {
		lower = text_cmp(b->lo_text, b->lo_len, all->lo_text, all->lo_len) < 0;
		higher = text_cmp(b->hi_text, b->hi_len, all->hi_text, all->hi_len) > 0;
	} else if (c->type == PQ_FLOAT || c->type == PQ_DOUBLE) {
		lower = as_double(c->type, b->lo) < as_double(c->type, all->lo);
		higher = as_double(c->type, b->hi) > as_double(c->type, all->hi);
	} else {
		lower = (int64_t) b->lo < (int64_t) all->lo;
		higher = (int64_t) b->hi > (int64_t) all->hi;
	}
	if (lower) {
		all->lo = b->lo;
		all->lo_text = b->lo_text;
		all->lo_len = b->lo_len;
		all->cut_min = b->cut_min;
	}
	if (higher) {
		all->hi = b->hi;
		all->hi_text = b->hi_text;
		all->hi_len = b->hi_len;
		all->cut_max = b->cut_max;
	}
}

/* parquet.thrift: NaN is in no bound; a least zero is written as -0, a greatest as +0. */
static void bound_of_floats(enum pq_type t, const uint64_t *v, uint32_t n, struct bound *ret)
{
	uint64_t minus = t == PQ_FLOAT ? UINT64_C(1) << 31 : UINT64_C(1) << 63;

	for (uint32_t i = 0; i < n; i++) {
		double d = as_double(t, v[i]);

		if (d != d)
			continue;
		if (!ret->set || d < as_double(t, ret->lo))
			ret->lo = v[i];
		if (!ret->set || d > as_double(t, ret->hi))
			ret->hi = v[i];
		ret->set = true;
	}
	if (ret->set && as_double(t, ret->lo) == 0)
		ret->lo = minus;
	if (ret->set && as_double(t, ret->hi) == 0)
		ret->hi = 0;
}

/* How much of a greatest value is kept: its first 64 bytes without the 0xff at their end, the last to be raised so that the bound is
 * no less than the value; all of it when there is nothing to raise. */
static uint32_t kept_of_greatest(const uint8_t *p, uint32_t len)
{
	uint32_t n = PQ_BOUND_BYTES;

	if (len <= n)
		return len;
	while (n && p[n - 1] == 0xff)
		n--;
	return n ? n : len;
}

static int bound_of_texts(struct pq_writer *w, const struct pq_col *c, const struct feed *f, struct bound *ret)
{
	const uint8_t *base = (const uint8_t *) f->text.data;
	uint64_t lo = f->val[0], hi = f->val[0];

	for (uint32_t i = 1; i < f->n_val; i++) {
		uint64_t v = f->val[i];

		if (text_cmp(base + (v >> 32), (uint32_t) v, base + (lo >> 32), (uint32_t) lo) < 0)
			lo = v;
		if (text_cmp(base + (v >> 32), (uint32_t) v, base + (hi >> 32), (uint32_t) hi) > 0)
			hi = v;
	}
	uint32_t lo_len = (uint32_t) lo, hi_len = (uint32_t) hi;
	/* Texts with a character set stay whole: half a character would not be one. */
	if (c->kind != PQ_TEXT) {
		lo_len = MIN(lo_len, (uint32_t) PQ_BOUND_BYTES);
		hi_len = kept_of_greatest(base + (hi >> 32), hi_len);
	}
	uint8_t *lo_text = arena_dup(&w->arena, base + (lo >> 32), lo_len), *hi_text = arena_dup(&w->arena, base + (hi >> 32), hi_len);
	if ((!lo_text && lo_len) || (!hi_text && hi_len))
		return pq_writer_no_memory();
	*ret = (struct bound) { .set = true, .lo_text = lo_text, .lo_len = lo_len, .hi_text = hi_text, .hi_len = hi_len };
	ret->cut_min = lo_len < (uint32_t) lo;
	ret->cut_max = hi_len < (uint32_t) hi;
	if (ret->cut_max)
		hi_text[hi_len - 1]++;
	return 0;
}

int pq_bound_of_page(struct pq_writer *w, unsigned col, struct bound *ret)
{
	const struct pq_col *c = &w->config.cols[col];
	const struct feed *f = &w->feed[col];

	*ret = (struct bound) { 0 };
	if (c->type == PQ_BYTES)
		return bound_of_texts(w, c, f, ret);
	if (c->type == PQ_FLOAT || c->type == PQ_DOUBLE) {
		bound_of_floats(c->type, f->val, f->n_val, ret);
		return 0;
	}
	if (c->unsought)
		return 0;
	const int64_t *v = (const int64_t *) f->val;
	int64_t lo = c->ordered ? f->lo : v[0], hi = c->ordered ? f->hi : v[0];
	for (uint32_t i = 1; i < f->n_val && !c->ordered; i++) {
		lo = MIN(lo, v[i]);
		hi = MAX(hi, v[i]);
	}
	*ret = (struct bound) { .set = true, .lo = (uint64_t) lo, .hi = (uint64_t) hi };
	return 0;
}

/* A bound as statistics want it: the plain bytes. */
static const void *bound_bytes(const struct pq_col *c, const struct bound *b, bool hi, size_t *ret_len)
{
	if (c->type == PQ_BYTES) {
		*ret_len = hi ? b->hi_len : b->lo_len;
		return hi ? b->hi_text : b->lo_text;
	}
	*ret_len = pq_width(c->type);
	return hi ? &b->hi : &b->lo;
}

/* No index when a page has values but no bounds (all NaN): parquet.thrift forbids it. And none where it would only say what nobody asks: it
 * is as large as what a page of a column that hardly changes takes altogether. */
static bool has_column_index(const struct pq_col *col, const struct chunk *c)
{
	bool says = !col->unsought;

	for (uint32_t i = 0; i < c->n_pages && !says; i++)
		says = c->page[i].out.all_null;
	if (!says)
		return false;
	for (uint32_t i = 0; i < c->n_pages; i++)
		if (!c->page[i].out.all_null && !c->page[i].bound.set)
			return false;
	return true;
}

static void column_index(struct thrift_out *t, const struct pq_writer *w, const struct chunk *c, unsigned col)
{
	const struct pq_col *what = &w->config.cols[col];

	thrift_list(t, 1, T_TRUE, c->n_pages);
	for (uint32_t i = 0; i < c->n_pages; i++)
		thrift_item_bool(t, c->page[i].out.all_null);
	for (int hi = 0; hi < 2; hi++) {
		thrift_list(t, 2 + hi, T_BINARY, c->n_pages);
		for (uint32_t i = 0; i < c->n_pages; i++) {
			size_t len = 0;
			const void *p = c->page[i].bound.set ? bound_bytes(what, &c->page[i].bound, hi, &len) : "";

			thrift_item_binary(t, p, len);
		}
	}
	thrift_int(t, 4, T_I32, col == 0 && w->config.n_sorted ? 1 : 0);        /* ASCENDING, UNORDERED */
	thrift_list(t, 5, T_I64, c->n_pages);
	for (uint32_t i = 0; i < c->n_pages; i++)
		thrift_item_int(t, c->page[i].nulls);
	buf_addc(t->out, T_STOP);
}

static void offset_index(struct thrift_out *t, const struct chunk *c)
{
	thrift_list(t, 1, T_STRUCT, c->n_pages);
	for (uint32_t i = 0; i < c->n_pages; i++) {
		thrift_item_begin(t);
		thrift_int(t, 1, T_I64, (int64_t) c->page[i].out.offset);
		thrift_int(t, 2, T_I32, c->page[i].out.size);
		thrift_int(t, 3, T_I64, c->page[i].out.first_row);
		thrift_end(t);
	}
	buf_addc(t->out, T_STOP);
}

static void schema(struct thrift_out *t, const struct pq_writer *w)
{
	thrift_list(t, 2, T_STRUCT, w->config.n_cols + 1);
	thrift_item_begin(t);
	thrift_text(t, 4, "schema");
	thrift_int(t, 5, T_I32, w->config.n_cols);
	thrift_end(t);
	for (unsigned i = 0; i < w->config.n_cols; i++) {
		const struct pq_col *c = &w->config.cols[i];

		thrift_item_begin(t);
		thrift_int(t, 1, T_I32, c->type);
		thrift_int(t, 3, T_I32, c->optional);
		thrift_text(t, 4, c->name);
		if (c->kind == PQ_MICROS_UTC) {
			thrift_int(t, 6, T_I32, 10);            /* TIMESTAMP_MICROS, for old readers */
			thrift_begin(t, 10);
			thrift_begin(t, 8);
			thrift_bool(t, 1, true);
			thrift_begin(t, 2);
			thrift_begin(t, 2);
			thrift_end(t);
			thrift_end(t);
			thrift_end(t);
			thrift_end(t);
		} else if (c->kind == PQ_TEXT) {
			thrift_int(t, 6, T_I32, 0);             /* UTF8 */
			thrift_begin(t, 10);
			thrift_begin(t, 1);
			thrift_end(t);
			thrift_end(t);
		}
		thrift_end(t);
	}
}

static void statistics(struct thrift_out *t, const struct pq_col *what, const struct chunk *c)
{
	thrift_begin(t, 12);
	thrift_int(t, 3, T_I64, (int64_t) c->nulls);
	if (c->bound.set) {
		size_t len;
		const void *p = bound_bytes(what, &c->bound, true, &len);

		thrift_binary(t, 5, p, len);
		p = bound_bytes(what, &c->bound, false, &len);
		thrift_binary(t, 6, p, len);
		thrift_bool(t, 7, !c->bound.cut_max);
		thrift_bool(t, 8, !c->bound.cut_min);
	}
	thrift_end(t);
}

struct place { uint64_t offset; uint32_t len; };

static void column_chunk(struct thrift_out *t, const struct pq_writer *w, const struct group *g, unsigned col, const struct place *index)
{
	const struct chunk *c = &g->chunk[col];
	const struct pq_col *what = &w->config.cols[col];

	thrift_item_begin(t);
	thrift_int(t, 2, T_I64, (int64_t) c->offset);
	thrift_begin(t, 3);
	thrift_int(t, 1, T_I32, what->type);
	thrift_list(t, 2, T_I32, (size_t) __builtin_popcount(c->encodings));
	for (int e = 0; e < 32; e++)
		if (c->encodings >> e & 1)
			thrift_item_int(t, e);
	thrift_list(t, 3, T_BINARY, 1);
	thrift_item_binary(t, what->name, str_len(what->name));
	thrift_int(t, 4, T_I32, PQ_ZSTD);
	thrift_int(t, 5, T_I64, g->rows);
	thrift_int(t, 6, T_I64, (int64_t) c->raw_size);
	thrift_int(t, 7, T_I64, (int64_t) c->size);
	thrift_int(t, 9, T_I64, (int64_t) c->page[0].out.offset);
	if (c->dict_size)
		thrift_int(t, 11, T_I64, (int64_t) c->offset);
	statistics(t, what, c);
	thrift_end(t);
	thrift_int(t, 4, T_I64, (int64_t) index[1].offset);
	thrift_int(t, 5, T_I32, index[1].len);
	if (index[0].len) {
		thrift_int(t, 6, T_I64, (int64_t) index[0].offset);
		thrift_int(t, 7, T_I32, index[0].len);
	}
	thrift_end(t);
}

static void row_group(struct thrift_out *t, const struct pq_writer *w, uint32_t number, const struct place *index)
{
	const struct group *g = w->group[number];

	thrift_item_begin(t);
	thrift_list(t, 1, T_STRUCT, w->config.n_cols);
	for (unsigned i = 0; i < w->config.n_cols; i++)
		column_chunk(t, w, g, i, index + 2 * i);
	thrift_int(t, 2, T_I64, (int64_t) g->raw_size);
	thrift_int(t, 3, T_I64, g->rows);
	thrift_list(t, 4, T_STRUCT, w->config.n_sorted);
	for (unsigned i = 0; i < w->config.n_sorted; i++) {
		thrift_item_begin(t);
		thrift_int(t, 1, T_I32, i);
		thrift_bool(t, 2, false);
		thrift_bool(t, 3, false);
		thrift_end(t);
	}
	thrift_int(t, 5, T_I64, (int64_t) g->offset);
	thrift_int(t, 6, T_I64, (int64_t) g->size);
	if (number <= INT16_MAX)
		thrift_int(t, 7, T_I16, number);
	thrift_end(t);
}

static void file_meta(struct thrift_out *t, const struct pq_writer *w, const struct place *index)
{
	size_t n_meta = 0;

	thrift_int(t, 1, T_I32, 2);
	schema(t, w);
	thrift_int(t, 3, T_I64, (int64_t) w->rows);
	thrift_list(t, 4, T_STRUCT, w->n_groups);
	for (uint32_t g = 0; g < w->n_groups; g++)
		row_group(t, w, g, index + (size_t) g * 2 * w->config.n_cols);
	while (w->config.meta && w->config.meta[n_meta])
		n_meta += 2;
	if (n_meta)
		thrift_list(t, 5, T_STRUCT, n_meta / 2);
	for (size_t i = 0; i < n_meta; i += 2) {
		thrift_item_begin(t);
		thrift_text(t, 1, w->config.meta[i]);
		thrift_text(t, 2, w->config.meta[i + 1]);
		thrift_end(t);
	}
	thrift_text(t, 6, w->config.created_by);
	thrift_list(t, 7, T_STRUCT, w->config.n_cols);
	for (unsigned i = 0; i < w->config.n_cols; i++) {
		thrift_item_begin(t);
		thrift_begin(t, 1);
		thrift_end(t);
		thrift_end(t);
	}
	buf_addc(t->out, T_STOP);
}

/* Column indexes of all chunks, then offset indexes, as the format asks: both near the footer. */
static int indexes(struct pq_writer *w, struct buf *out, struct place *index)
{
	for (int which = 0; which < 2; which++)
		for (uint32_t g = 0; g < w->n_groups; g++) {
			buf_clear(out);
			for (unsigned i = 0; i < w->config.n_cols; i++) {
				const struct chunk *c = &w->group[g]->chunk[i];
				struct place *p = &index[((size_t) g * w->config.n_cols + i) * 2 + (size_t) which];
				struct thrift_out t = { .out = out };

				p->offset = w->at + out->len;
				if (which)
					offset_index(&t, c);
				else if (has_column_index(&w->config.cols[i], c))
					column_index(&t, w, c, i);
				p->len = (uint32_t) (w->at + out->len - p->offset);
			}
			int r = pq_writer_put(w, out);
			if (r < 0)
				return r;
		}
	return 0;
}

int pq_writer_foot(struct pq_writer *w)
{
	struct buf out = BUF_INIT(&sys_heap, FOOT_MAX);
	struct place *index = sys_alloc_array((size_t) w->n_groups * w->config.n_cols * 2 + 1, sizeof(*index));
	int r = index ? indexes(w, &out, index) : pq_writer_no_memory();

	if (r == 0) {
		struct thrift_out t = { .out = &out };

		buf_clear(&out);
		file_meta(&t, w, index);
		uint32_t len = (uint32_t) out.len;
		buf_addn(&out, &len, 4);
		buf_addn(&out, "PAR1", 4);
		r = pq_writer_put(w, &out);
	}
	buf_done(&out);
	sys_free(index);
	return r;
}
