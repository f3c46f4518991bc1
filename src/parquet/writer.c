/* writer.c - feeding columns, ending pages and row groups. */
#include "parquet/writer_impl.h"

#include <string.h>

#include "base/err.h"
#include "sys/sys.h"

int pq_writer_no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "writing a Parquet file", NULL); }

int pq_writer_put(struct pq_writer *w, const struct buf *b)
{
	if (b->failed)
		return pq_writer_no_memory();
	int r = file_write_all(w->config.fd, b->data, b->len);
	if (r == 0)
		w->at += b->len;
	return r;
}

static int group_begin(struct pq_writer *w)
{
	if (w->n_groups == w->room) {
		uint32_t room = MAX(w->room * 2, 4u);
		struct group **g = sys_resize(w->group, room * sizeof(*g));

		if (!g)
			return pq_writer_no_memory();
		w->group = g;
		w->room = room;
	}
	struct group *g = sys_alloc(sizeof(*g) + w->config.n_cols * sizeof(g->chunk[0]));
	if (!g)
		return pq_writer_no_memory();
	g->first_row = w->rows;
	w->group[w->n_groups++] = g;
	w->group_at = w->page_at = 0;
	return 0;
}

static int feed_init(struct feed *f, const struct pq_col *c, uint32_t page_rows)
{
	f->val = sys_alloc_array(page_rows, sizeof(*f->val));
	f->def = sys_alloc(page_rows);
	f->text = BUF_INIT(&sys_heap, PQ_PAGE_BYTES * 2 + (1 << 20));
	f->body = BUF_INIT(&sys_heap, PQ_GROUP_BYTES * 2);
	f->dict.text = BUF_INIT(&sys_heap, PQ_DICT_BYTES * 2);
	return f->val && f->def ? 0 : pq_writer_no_memory();
}

int pq_writer_new(struct pq_writer **ret, const struct pq_writer_config *config)
{
	_cleanup_(pq_writer_freep) struct pq_writer *w = sys_alloc(sizeof(*w) + config->n_cols * sizeof(w->feed[0]));
	struct buf head = BUF_INIT(&sys_heap, 64);
	int r = 0;

	if (!w)
		return pq_writer_no_memory();
	w->config = *config;
	if (!w->config.page_rows)
		w->config.page_rows = PQ_PAGE_ROWS;
	if (!w->config.level)
		w->config.level = 1;
	if (!w->config.level_large)
		w->config.level_large = w->config.level;
	arena_init(&w->arena, &sys_heap, 0);
	w->raw = BUF_INIT(&sys_heap, PQ_PAGE_BYTES * 4);
	w->levels = w->packed[0] = w->packed[1] = w->raw;
	for (unsigned i = 0; i < config->n_cols && r == 0; i++)
		r = feed_init(&w->feed[i], &config->cols[i], w->config.page_rows);
	w->index = sys_alloc_array(w->config.page_rows, sizeof(*w->index));
	w->zstd = ZSTD_createCCtx();
	if (r < 0 || !w->index || !w->zstd)
		return pq_writer_no_memory();
	r = group_begin(w);
	if (r < 0)
		return r;
	buf_addn(&head, "PAR1", 4);
	r = pq_writer_put(w, &head);
	buf_done(&head);
	if (r < 0)
		return r;
	*ret = take(w);
	return 0;
}

static void feed_done(struct feed *f)
{
	sys_free(f->val);
	sys_free(f->def);
	sys_free(f->dict.slot);
	sys_free(f->dict.entry);
	buf_done(&f->text);
	buf_done(&f->body);
	buf_done(&f->dict.text);
}

struct pq_writer *pq_writer_free(struct pq_writer *w)
{
	if (!w)
		return NULL;
	for (uint32_t g = 0; g < w->n_groups; g++) {
		for (unsigned i = 0; i < w->config.n_cols; i++)
			sys_free(w->group[g]->chunk[i].page);
		sys_free(w->group[g]);
	}
	for (unsigned i = 0; i < w->config.n_cols; i++)
		feed_done(&w->feed[i]);
	sys_free(w->group);
	sys_free(w->index);
	buf_done(&w->levels);
	buf_done(&w->raw);
	buf_done(&w->packed[0]);
	buf_done(&w->packed[1]);
	arena_done(&w->arena);
	ZSTD_freeCCtx(w->zstd);
	return sys_free(w);
}

uint32_t pq_writer_room(const struct pq_writer *w) { return w->config.page_rows - w->page_at; }

/* Before the page has its values: what they range over, where that is known so. */
static void widen(struct pq_writer *w, unsigned col, uint64_t first, uint64_t last)
{
	struct feed *f = &w->feed[col];

	if (!w->config.cols[col].ordered)
		return;
	f->lo = f->n_val ? MIN(f->lo, (int64_t) first) : (int64_t) first;
	f->hi = f->n_val ? MAX(f->hi, (int64_t) last) : (int64_t) last;
}

void pq_write_values(struct pq_writer *w, unsigned col, const uint64_t *bits, const uint8_t *present, uint32_t n)
{
	struct feed *f = &w->feed[col];

	if (n)
		widen(w, col, bits[0], bits[n - 1]);
	if (!present || !memchr(present, 0, n)) {
		memcpy(f->val + f->n_val, bits, n * sizeof(*bits));
		memset(f->def + f->n_rows, 1, n);
		f->n_val += n;
	} else {
		memcpy(f->def + f->n_rows, present, n);
		for (uint32_t i = 0; i < n; i++) {
			f->val[f->n_val] = bits[i];
			f->n_val += present[i];
		}
	}
	f->n_rows += n;
}

/* The same number n times: what is there is copied behind itself. */
static void fill(uint64_t *to, uint64_t bits, uint32_t n)
{
	for (uint32_t i = 0; i < MIN(n, 8u); i++)
		to[i] = bits;
	for (uint32_t at = 8; at < n; at *= 2)
		memcpy(to + at, to, MIN(at, n - at) * sizeof(*to));
}

void pq_write_const(struct pq_writer *w, unsigned col, uint64_t bits, uint32_t n)
{
	struct feed *f = &w->feed[col];

	widen(w, col, bits, bits);
	fill(f->val + f->n_val, bits, n);
	memset(f->def + f->n_rows, 1, n);
	f->n_val += n;
	f->n_rows += n;
}

void pq_write_nulls(struct pq_writer *w, unsigned col, uint32_t n)
{
	memset(w->feed[col].def + w->feed[col].n_rows, 0, n);
	w->feed[col].n_rows += n;
}

void pq_write_text(struct pq_writer *w, unsigned col, const void *bytes, uint32_t len)
{
	struct feed *f = &w->feed[col];

	f->val[f->n_val++] = text_ref(f->text.len, len);
	f->def[f->n_rows++] = 1;
	if (len)
		buf_addn(&f->text, bytes, len);
	w->text_bytes += len + 4;
}

static int end_page(struct pq_writer *w)
{
	for (unsigned i = 0; i < w->config.n_cols; i++) {
		int r = pq_writer_end_page(w, i);

		if (r < 0)
			return r;
	}
	w->group_at += w->page_at;
	w->page_at = 0;
	w->text_bytes = 0;
	return 0;
}

static int end_chunk(struct pq_writer *w, unsigned col)
{
	struct feed *f = &w->feed[col];
	struct chunk *c = &pq_writer_now(w)->chunk[col];
	struct buf dict = BUF_INIT(&sys_heap, PQ_DICT_BYTES * 4);
	int r = pq_writer_end_nulls(w, col);

	c->offset = w->at;
	if (r == 0 && f->dict_used)
		r = pq_writer_dict_page(w, col, &dict);
	if (r == 0 && dict.len) {
		c->dict_size = (uint32_t) dict.len;
		r = pq_writer_put(w, &dict);
	}
	for (uint32_t i = 0; i < c->n_pages; i++) {
		c->page[i].out.offset += w->at;
		pq_bound_join(&w->config.cols[col], &c->bound, &c->page[i].bound);
	}
	if (r == 0)
		r = pq_writer_put(w, &f->body);
	buf_done(&dict);
	buf_clear(&f->body);
	/* The dictionary ends with the chunk; its tables stay for the next one. */
	f->dict.n = 0;
	if (f->dict.slot)
		memset(f->dict.slot, 0, PQ_DICT_ENTRIES * 2 * sizeof(*f->dict.slot));
	buf_clear(&f->dict.text);
	f->dict_used = false;
	c->size = w->at - c->offset;
	return r;
}

static int end_group(struct pq_writer *w)
{
	struct group *g = pq_writer_now(w);

	g->rows = w->group_at;
	g->offset = w->at;
	for (unsigned i = 0; i < w->config.n_cols; i++) {
		int r = end_chunk(w, i);

		if (r < 0)
			return r;
		g->size += g->chunk[i].size;
		g->raw_size += g->chunk[i].raw_size;
	}
	return 0;
}

uint64_t pq_writer_held_bytes(const struct pq_writer *w)
{
	uint64_t held = 0;

	for (unsigned i = 0; i < w->config.n_cols; i++)
		held += w->feed[i].body.len;
	return held;
}

static bool group_is_full(const struct pq_writer *w)
{
	return w->group_at + w->config.page_rows > PQ_GROUP_ROWS || pq_writer_held_bytes(w) >= PQ_GROUP_BYTES;
}

int pq_write_rows(struct pq_writer *w, uint32_t n)
{
	w->page_at += n;
	w->rows += n;
	if (w->page_at < w->config.page_rows && w->text_bytes < PQ_PAGE_BYTES)
		return 0;
	int r = end_page(w);
	if (r < 0 || !group_is_full(w))
		return r;
	r = end_group(w);
	return r < 0 ? r : group_begin(w);
}

int pq_writer_finish(struct pq_writer *w)
{
	int r = w->page_at ? end_page(w) : 0;

	if (r == 0 && w->group_at)
		r = end_group(w);
	else if (r == 0)
		sys_free(w->group[--w->n_groups]);
	return r < 0 ? r : pq_writer_foot(w);
}

uint64_t pq_writer_total_rows(const struct pq_writer *w) { return w->rows; }
uint64_t pq_writer_total_bytes(const struct pq_writer *w) { return w->at; }

int pq_writer_layout(struct pq_writer *w, struct pq_layout *ret)
{
	struct pq_group *group = arena_array(&w->arena, struct pq_group, w->n_groups + 1);

	if (!group)
		return pq_writer_no_memory();
	for (uint32_t g = 0; g < w->n_groups; g++) {
		group[g] = (struct pq_group) { .first_row = w->group[g]->first_row, .rows = w->group[g]->rows };
		for (unsigned i = 0; i < w->config.n_cols; i++) {
			const struct chunk *c = &w->group[g]->chunk[i];
			struct pq_page *page = arena_array(&w->arena, struct pq_page, c->n_pages);

			if (!page)
				return pq_writer_no_memory();
			for (uint32_t p = 0; p < c->n_pages; p++)
				page[p] = c->page[p].out;
			group[g].chunk[i] = (struct pq_chunk) { .page = page, .n_pages = c->n_pages, .dict_size = c->dict_size,
				.dict_offset = c->dict_size ? c->offset : 0 };
		}
	}
	*ret = (struct pq_layout) { .rows = w->rows, .n_groups = w->n_groups, .n_cols = w->config.n_cols, .group = group };
	return 0;
}
