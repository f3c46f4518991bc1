/* idx.c - the side index: building, writing, opening. */
#include "tsdb/idx.h"

#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/err.h"
#include "parquet/parquet.h"
#include "sys/sys.h"

const struct pq_col sample_cols[SAMPLE_COLS] = {
	[COL_SERIES] = { .name = "series", .type = PQ_INT32, .ordered = true },
	[COL_TS] = { .name = "ts", .type = PQ_INT64, .kind = PQ_MICROS_UTC, .distinct = true, .ordered = true, .steady = true },
	[COL_NS] = { .name = "ns", .type = PQ_INT32, .optional = true, .unsought = true },
	[COL_LAG] = { .name = "lag", .type = PQ_INT32, .optional = true, .unsought = true },
	[COL_M] = { .name = "m", .type = PQ_INT64, .optional = true, .unsought = true },
	[COL_E] = { .name = "e", .type = PQ_INT32, .optional = true, .steady = true, .unsought = true },
	[COL_F] = { .name = "f", .type = PQ_FLOAT, .optional = true, .unsought = true },
	[COL_D] = { .name = "d", .type = PQ_DOUBLE, .optional = true, .unsought = true },
	[COL_S] = { .name = "s", .type = PQ_BYTES, .optional = true },
	[COL_Q] = { .name = "q", .type = PQ_INT32, .optional = true },
};

enum { VERSION = 2 };

struct idx_head {
	char magic[4];
	uint32_t version, crc, n_entries, n_groups, n_cols;
	uint64_t n_pages, file_size, rows;
};
struct idx_group { uint64_t first_row; uint32_t rows, zero_; };
struct idx_chunk { uint64_t first_page, dict_offset; uint32_t n_pages, dict_size; };
_Static_assert(sizeof(struct idx_head) == 48 && sizeof(struct idx_group) == 16 && sizeof(struct idx_chunk) == 24, "file layout");

static int damaged(const char *detail) { return err_fail(ERR_CORRUPT, "what", "side index", "detail", detail, NULL); }
static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "side index", NULL); }

/* --- Building */

static double as_number(const struct span *s, uint32_t i)
{
	switch (s->type) {
	case V_BOOL:
		return ((const uint8_t *) s->v)[i];
	case V_F32:
		return (double) ((const float *) s->v)[i];
	case V_F64:
		return ((const double *) s->v)[i];
	default:
		return (double) ((const int64_t *) s->v)[i];
	}
}

static bool is_text(uint8_t type) { return type == V_STR || type == V_BYTES; }

/* Neumaier's sum: `carry` holds what the additions lost, found by Knuth's two-sum (TAOCP 4.2.2), which asks nothing. */
static void two_sum(double *sum, double *carry, double v)
{
	double all = *sum + v, back = all - *sum;

	*carry += *sum - (all - back) + (v - back);
	*sum = all;
}

static void add_number(struct idx_entry *e, double *carry, double v, int64_t t)
{
	two_sum(&e->sum, carry, v);
	if (!(e->min <= v)) {
		e->min = v;
		e->min_ns = t;
	}
	if (!(e->max >= v)) {
		e->max = v;
		e->max_ns = t;
	}
}

/* What is no number counts as 0: then nobody asks. */
static double held_number(const struct span *s, uint32_t i)
{
	double v = s->cell && s->cell[i] != CELL_VALUE ? 0 : as_number(s, i);

	return v == v ? v : 0;
}

/* The area under the values, each held until the next: the same however the samples are cut into spans. */
static void add_held(struct idx_builder *b, struct idx_entry *e, const struct span *s, uint32_t from)
{
	for (uint32_t i = from; i < s->n; i++) {
		double v = held_number(s, i);

		if (e->n + i)
			two_sum(&e->held, &b->held_carry, b->last * (double) (s->t[i] - b->last_ns));
		b->last = v;
		b->last_ns = s->t[i];
	}
}

/* --- Many at once: samples of Good quality that all are numbers, two and two side by side in vectors of 16 bytes, which every x86-64 and ARM64 has. */

enum { MANY = 64 };
typedef double v2d __attribute__((vector_size(16)));
typedef int64_t v2i __attribute__((vector_size(16)));
struct lanes { v2d sum, carry, held, held_carry, lo, hi, odd; };

static inline __attribute__((always_inline)) void two_sums(v2d *sum, v2d *carry, v2d v)
{
	v2d all = *sum + v, back = all - *sum;

	*carry += *sum - (all - back) + (v - back);
	*sum = all;
}

/* The two values from v on, and those before them with the time until these. */
static inline __attribute__((always_inline)) void two(struct lanes *l, const double *v, const int64_t *t)
{
	/* A whole number below 2^52 put into the mantissa of 2^52 is that much more: int to double without a conversion. */
	const v2d two52 = { 0x1p52, 0x1p52 };
	v2d x, before;
	v2i from, to;

	memcpy(&x, v, sizeof(x));
	memcpy(&before, v - 1, sizeof(before));
	memcpy(&from, t - 1, sizeof(from));
	memcpy(&to, t, sizeof(to));
	two_sums(&l->sum, &l->carry, x);
	two_sums(&l->held, &l->held_carry, before * ((v2d) ((to - from) | (v2i) two52) - two52));
	v2i lower = x < l->lo, higher = x > l->hi;
	l->lo = (v2d) (((v2i) x & lower) | ((v2i) l->lo & ~lower));
	l->hi = (v2d) (((v2i) x & higher) | ((v2i) l->hi & ~higher));
	l->odd = (v2d) ((v2i) l->odd | (x - x != (v2d) { 0, 0 }));
}

static void as_numbers(const struct span *s, uint32_t from, double *to)
{
	if (s->type == V_F64)
		memcpy(to, (const double *) s->v + from, MANY * sizeof(*to));
	else
		for (uint32_t i = 0; i < MANY; i++)
			to[i] = as_number(s, from + i);
}

static void fold(double *sum, double *carry, v2d more, v2d more_carry)
{
	two_sum(sum, carry, more[0]);
	two_sum(sum, carry, more[1]);
	*carry += more_carry[0] + more_carry[1];
}

static int64_t first_of(const double *v, double wanted, const int64_t *t)
{
	uint32_t i = 0;

	while (v[i] != wanted)
		i++;
	return t[i];
}

/* MANY samples from `from` on, before which there is another of the same series. False: one is not finite, or they are of more than 52 days; nothing was done. */
static bool add_many(struct idx_builder *b, struct idx_entry *e, const struct span *s, uint32_t from)
{
	double room[1 + MANY], *v = room + 1;
	int64_t times[1 + MANY], *t = times + 1;

	room[0] = b->last;
	times[0] = b->last_ns;
	as_numbers(s, from, v);
	memcpy(t, s->t + from, MANY * sizeof(*t));
	struct lanes l = { .lo = { v[0], v[0] }, .hi = { v[0], v[0] } }, k = l;
	if ((uint64_t) t[MANY - 1] - (uint64_t) times[0] >= UINT64_C(1) << 52)
		return false;
	for (uint32_t i = 0; i < MANY; i += 4) {
		two(&l, v + i, t + i);
		two(&k, v + i + 2, t + i + 2);
	}
	v2i odd = (v2i) l.odd | (v2i) k.odd;
	if (odd[0] | odd[1] || b->last - b->last != 0)
		return false;
	double lo = MIN(MIN(l.lo[0], l.lo[1]), MIN(k.lo[0], k.lo[1])), hi = MAX(MAX(l.hi[0], l.hi[1]), MAX(k.hi[0], k.hi[1]));
	fold(&e->sum, &b->carry, l.sum, l.carry);
	fold(&e->sum, &b->carry, k.sum, k.carry);
	fold(&e->held, &b->held_carry, l.held, l.held_carry);
	fold(&e->held, &b->held_carry, k.held, k.held_carry);
	if (!(e->min <= lo)) {
		e->min = lo;
		e->min_ns = first_of(v, lo, t);
	}
	if (!(e->max >= hi)) {
		e->max = hi;
		e->max_ns = first_of(v, hi, t);
	}
	e->n_used += MANY;
	b->last = v[MANY - 1];
	b->last_ns = t[MANY - 1];
	return true;
}

/* Samples of Good quality that all have a value: nothing is asked of each but whether it is a number. */
static void add_plain(struct idx_builder *b, struct idx_entry *e, const struct span *s)
{
	if (e->n == 0)
		e->worst_q = 0;
	e->n_good += s->n;
	for (uint32_t i = 0, end; i < s->n; i = end) {
		struct span some = *s;

		end = MIN(i + MANY, s->n);
		if (end - i == MANY && e->n + i && add_many(b, e, s, i))
			continue;
		for (uint32_t j = i; j < end; j++) {
			double v = as_number(s, j);

			if (v != v)
				continue;
			e->n_used++;
			add_number(e, &b->carry, v, s->t[j]);
		}
		some.n = end;
		add_held(b, e, &some, i);
	}
}

static void add_each(struct idx_builder *b, struct idx_entry *e, const struct span *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		uint32_t q = s->q ? s->q[i] : 0;

		e->n_good += quality_is_good(q);
		if (q >> 30 > e->worst_q >> 30 || (i == 0 && e->n == 0))
			e->worst_q = q;
		if (quality_is_bad(q) || (s->cell && s->cell[i] != CELL_VALUE))
			continue;
		double v = is_text(s->type) ? 0 : as_number(s, i);
		if (v != v)
			continue;
		e->n_used++;
		if (!is_text(s->type))
			add_number(e, &b->carry, v, s->t[i]);
	}
}

void idx_builder_close(struct idx_builder *b)
{
	if (!b->n)
		return;
	struct idx_entry *e = &b->entry[b->n - 1];
	double sum = e->sum + b->carry;

	e->sum = isfinite(sum) ? sum : e->sum;          /* the carry of an infinity is NaN */
	b->carry = 0;
	sum = e->held + b->held_carry;
	e->held = isfinite(sum) ? sum : e->held;
	b->held_carry = 0;
}

static struct idx_entry *entry_of(struct idx_builder *b, uint32_t series, const struct span *s)
{
	if (b->n && b->entry[b->n - 1].series == series)
		return &b->entry[b->n - 1];
	if (b->n == b->room) {
		size_t room = MAX(b->room * 2, (size_t) 64);
		struct idx_entry *e = sys_resize(b->entry, room * sizeof(*e));

		if (!e)
			return NULL;
		b->entry = e;
		b->room = room;
	}
	idx_builder_close(b);
	uint64_t row = b->n ? b->entry[b->n - 1].first_row + b->entry[b->n - 1].n : 0;
	struct idx_entry *e = &b->entry[b->n++];
	*e = (struct idx_entry) { .series = series, .type = s->type, .first_row = row, .t_min = s->t[0], .min = (double) NAN,
		.max = (double) NAN };
	return e;
}

int idx_add(struct idx_builder *b, uint32_t series, const struct span *s)
{
	if (!s->n)
		return 0;
	struct idx_entry *e = entry_of(b, series, s);
	if (!e)
		return no_memory();
	if (e->n == 0 && !is_text(s->type) && !(s->cell && s->cell[0] != CELL_VALUE))
		memcpy(&e->first_bits, s->v, slot_width(s->type));
	if (!s->q && !s->cell && !is_text(s->type)) {
		add_plain(b, e, s);
	} else {
		add_each(b, e, s);
		if (!is_text(s->type))
			add_held(b, e, s, 0);
	}
	uint32_t last = s->n - 1;
	e->n += s->n;
	e->t_max = s->t[last];
	e->last_q = s->q ? s->q[last] : 0;
	e->last_bits = 0;
	e->last_kind = s->cell && s->cell[last] != CELL_VALUE ? IDX_LAST_NONE : is_text(s->type) ? IDX_LAST_IN_FILE : IDX_LAST_BITS;
	if (e->last_kind == IDX_LAST_BITS)
		memcpy(&e->last_bits, (const char *) s->v + (size_t) last * slot_width(s->type), slot_width(s->type));
	return 0;
}

int idx_add_rows(struct idx_builder *b, const struct idx_entry *e)
{
	struct idx_entry *to = entry_of(b, e->series, &(struct span) { .type = e->type, .t = &e->t_min });
	uint64_t row = to ? to->first_row : 0;

	if (!to)
		return no_memory();
	*to = *e;
	to->first_row = row;
	return 0;
}

void idx_builder_done(struct idx_builder *b)
{
	sys_free(b->entry);
	*b = (struct idx_builder) { 0 };
}

/* --- Writing */

static uint64_t count_pages(const struct pq_layout *l)
{
	uint64_t n = 0;

	for (uint32_t g = 0; g < l->n_groups; g++)
		for (unsigned c = 0; c < l->n_cols; c++)
			n += l->group[g].chunk[c].n_pages;
	return n;
}

static void put_layout(struct buf *b, const struct pq_layout *l)
{
	uint64_t page = 0;

	for (uint32_t g = 0; g < l->n_groups; g++) {
		struct idx_group group = { .first_row = l->group[g].first_row, .rows = l->group[g].rows };

		buf_addn(b, &group, sizeof(group));
	}
	for (uint32_t g = 0; g < l->n_groups; g++)
		for (unsigned c = 0; c < l->n_cols; c++) {
			const struct pq_chunk *from = &l->group[g].chunk[c];
			struct idx_chunk chunk = { .first_page = page, .n_pages = from->n_pages, .dict_offset = from->dict_offset,
				.dict_size = from->dict_size };

			page += from->n_pages;
			buf_addn(b, &chunk, sizeof(chunk));
		}
	for (uint32_t g = 0; g < l->n_groups; g++)
		for (unsigned c = 0; c < l->n_cols; c++)
			buf_addn(b, l->group[g].chunk[c].page, l->group[g].chunk[c].n_pages * sizeof(struct pq_page));
}

int idx_write(const char *path, struct idx_builder *b, const struct pq_layout *l, uint64_t parquet_size)
{
	struct buf out = BUF_INIT(&sys_heap, UINT32_MAX);
	struct idx_head head = { .magic = "TNIX", .version = VERSION, .n_entries = (uint32_t) b->n, .n_groups = l->n_groups,
		.n_cols = l->n_cols, .n_pages = count_pages(l), .file_size = parquet_size, .rows = l->rows };
	int fd = -1;

	idx_builder_close(b);
	buf_addn(&out, &head, sizeof(head));
	if (b->n)
		buf_addn(&out, b->entry, b->n * sizeof(*b->entry));
	put_layout(&out, l);
	int r = out.failed ? no_memory() : 0;
	if (r == 0) {
		((struct idx_head *) (void *) out.data)->crc = crc32_of(out.data + sizeof(head), out.len - sizeof(head));
		r = file_open(path, O_WRONLY | O_CREAT | O_TRUNC, 0640, &fd);
	}
	if (r == 0) {
		r = file_write_all(fd, out.data, out.len);
		if (sys.close(fd) < 0 && r == 0)
			r = sys_fail(errno, "close", path);
	}
	buf_done(&out);
	return r;
}

/* --- Opening */

static bool entries_are_right(const struct idx *x)
{
	uint64_t row = 0;

	for (uint32_t i = 0; i < x->n; i++) {
		const struct idx_entry *e = &x->entry[i];

		if ((i && e->series <= x->entry[i - 1].series) || e->first_row != row || e->n == 0 || e->n > x->layout.rows - row ||
				e->t_min > e->t_max || e->type < V_BOOL || e->type > V_TIME || e->last_kind > IDX_LAST_IN_FILE)
			return false;
		row += e->n;
	}
	return row == x->layout.rows;
}

static bool chunk_is_right(const struct pq_chunk *c, uint32_t rows, uint64_t file_size)
{
	uint32_t row = 0;

	if (c->dict_offset > file_size || c->dict_size > file_size - c->dict_offset)
		return false;
	for (uint32_t i = 0; i < c->n_pages; i++) {
		const struct pq_page *p = &c->page[i];

		if (p->offset > file_size || p->size > file_size - p->offset || p->first_row != row || p->rows == 0 || p->rows > rows - row ||
				p->all_null > 1)
			return false;
		row += p->rows;
	}
	return row == rows;
}

static int read_layout(struct idx *x, const struct idx_head *h, const struct idx_group *groups, const struct idx_chunk *chunks,
	const struct pq_page *pages)
{
	struct pq_group *g = arena_array(&x->arena, struct pq_group, h->n_groups + 1);
	uint64_t row = 0;

	if (!g)
		return no_memory();
	for (uint32_t i = 0; i < h->n_groups; i++) {
		if (groups[i].first_row != row || groups[i].rows == 0 || groups[i].rows > PQ_GROUP_ROWS)
			return damaged("its row groups are not right");
		g[i].first_row = row;
		g[i].rows = groups[i].rows;
		row += groups[i].rows;
		for (unsigned c = 0; c < h->n_cols; c++) {
			const struct idx_chunk *from = &chunks[(size_t) i * h->n_cols + c];

			if (from->first_page > h->n_pages || from->n_pages > h->n_pages - from->first_page)
				return damaged("its pages are not right");
			g[i].chunk[c] = (struct pq_chunk) { .page = pages + from->first_page, .n_pages = from->n_pages,
				.dict_size = from->dict_size, .dict_offset = from->dict_offset };
			if (!chunk_is_right(&g[i].chunk[c], g[i].rows, h->file_size))
				return damaged("its pages are not right");
		}
	}
	if (row != h->rows)
		return damaged("its row groups do not add up");
	x->layout = (struct pq_layout) { .rows = row, .n_groups = h->n_groups, .n_cols = h->n_cols, .group = g };
	return 0;
}

static int read_map(struct idx *x, uint64_t file_size, uint32_t n_cols)
{
	const struct idx_head *h = x->map;
	const char *p = (const char *) x->map + sizeof(*h);
	uint64_t left = x->map_size - sizeof(*h);

	if (memcmp(h->magic, "TNIX", 4) != 0 || h->n_cols != n_cols)
		return damaged("its head is not one");
	if (h->version != VERSION)
		return err_fail(ERR_NEWER, "what", "side index", "value", "another", "want", "2", NULL);
	if (h->n_pages > left / sizeof(struct pq_page) || h->file_size != file_size)
		return damaged("it belongs to another file");
	uint64_t want = h->n_entries * sizeof(struct idx_entry) + h->n_groups * sizeof(struct idx_group) +
		(uint64_t) h->n_groups * n_cols * sizeof(struct idx_chunk) + h->n_pages * sizeof(struct pq_page);
	if (want != left || h->crc != crc32_of(p, left))
		return damaged("its checksum is wrong");
	x->entry = (const struct idx_entry *) (const void *) p;
	x->n = h->n_entries;
	const struct idx_group *groups = (const void *) (x->entry + x->n);
	const struct idx_chunk *chunks = (const void *) (groups + h->n_groups);
	const struct pq_page *pages = (const void *) (chunks + (size_t) h->n_groups * n_cols);
	int r = read_layout(x, h, groups, chunks, pages);
	if (r == 0 && !entries_are_right(x))
		r = damaged("its series are not right");
	return r;
}

int idx_open(const char *path, uint64_t parquet_size, struct idx *ret) { return idx_open_cols(path, parquet_size, SAMPLE_COLS, ret); }

int idx_open_cols(const char *path, uint64_t parquet_size, uint32_t n_cols, struct idx *ret)
{
	_cleanup_close_ int fd = -1;
	struct idx x = { 0 };
	struct stat st;
	int r = file_open(path, O_RDONLY, 0, &fd);

	if (r < 0)
		return r;
	/* Of what is open, not of what has its name by now: beyond the end of a mapped file there is SIGBUS. */
	if (fstat(fd, &st) < 0)
		return sys_fail(errno, "stat", path);
	if (st.st_size < (off_t) sizeof(struct idx_head))
		return damaged("it is too short");
	x.map_size = (size_t) st.st_size;
	x.map = sys.mmap(NULL, x.map_size, PROT_READ, MAP_SHARED, fd, 0);
	if (x.map == MAP_FAILED)
		return sys_fail(errno, "map", path);
	arena_init(&x.arena, &sys_heap, 0);
	r = read_map(&x, parquet_size, n_cols);
	if (r < 0) {
		idx_close(&x);
		return r;
	}
	*ret = x;
	return 0;
}

void idx_close(struct idx *x)
{
	if (x->map)
		sys.munmap(x->map, x->map_size);
	arena_done(&x->arena);
	*x = (struct idx) { 0 };
}

const struct idx_entry *idx_find(const struct idx *x, uint32_t series)
{
	uint32_t lo = 0, hi = x->n;

	while (lo < hi) {
		uint32_t mid = lo + (hi - lo) / 2;

		if (x->entry[mid].series < series)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < x->n && x->entry[lo].series == series ? &x->entry[lo] : NULL;
}
