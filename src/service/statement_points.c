/*
 * statement_points.c - ts(), last(), rollup(): samples in blocks, each from where the last one ended.
 *
 * Series are read in groups in ascending order, as the store of samples answers them. When a block is full in the middle of a series, the next
 * one begins behind the last sample taken of it, and then goes on with the group. So memory is one block's, whatever is asked for.
 */
#include <stdlib.h>

#include "base/map.h"
#include "base/num.h"
#include "base/str.h"
#include "base/when.h"
#include "service/reach.h"
#include "service/statement_int.h"
#include "sys/sys.h"
#include "wal/wal.h"

enum { OLDER_MAX = 8 /* as in read.c */, GROUP = 64, AT_ONCE = 8192, PATIENCE_MS = 1000 };
enum { COLUMN_TIME, COLUMN_POINT, COLUMN_VALUE };

static const struct points_column sample_columns[] = { { "time", SQL_TIME }, { "point", SQL_TEXT }, { "value", 0 }, { "quality", SQL_U32 } };
static const struct points_column bucket_columns[] = { { "time", SQL_TIME }, { "point", SQL_TEXT }, { "avg", SQL_F64 }, { "mean", SQL_F64 },
	{ "min", SQL_F64 }, { "max", SQL_F64 }, { "sum", SQL_F64 }, { "count", SQL_I64 }, { "first", SQL_F64 }, { "last", SQL_F64 },
	{ "coverage", SQL_F64 }, { "quality", SQL_U32 } };

const struct points_column *points_columns(enum sql_function f, uint32_t *ret_n)
{
	*ret_n = f == SQL_ROLLUP ? ELEMENTSOF(bucket_columns) : ELEMENTSOF(sample_columns);
	return f == SQL_ROLLUP ? bucket_columns : sample_columns;
}

struct one { uint32_t series; uint8_t between; const struct plant_point *point; };
struct read_asked_points { struct plant_point *points; uint32_t n; struct one *series; uint32_t n_series; };

struct reader {
	struct reading r;
	uint32_t at;                    /* the series, or point of last(), that comes next */
	int64_t next_ns;                /* and of it from here on; from_ns: all of it */
	/* the call under way */
	struct sql_block *out;
	uint32_t seen;                  /* of the group: the series last seen */
	int64_t seen_ns;
	bool full;
};

/* ---- which points ---- */

struct found { struct statement *st; struct plant_point *points; uint32_t n, room; struct map by_id; /* of 1 + the index */ };
struct wanted { const struct found *found; const struct uuid *id; };

static bool same_point(const void *item, const void *key)
{
	const struct wanted *w = key;

	return uuid_equal(&w->found->points[(uintptr_t) item - 1].id, w->id);
}

/* Who is named twice is there once. */
static int add_point(struct found *f, const struct plant_point *p)
{
	uint64_t hash = hash_bytes(&p->id, sizeof(p->id));
	struct arena *a = &f->st->arena;
	struct plant_point *to;

	if (map_find(&f->by_id, hash, same_point, &(struct wanted) { f, &p->id }))
		return 0;
	if (f->n == STATEMENT_POINTS_MAX)
		return err_fail(ERR_LIMIT, "what", "@sql_points", "max", "20000", NULL);
	if (f->n == f->room) {
		uint32_t room = f->room ? f->room * 2 : 64;
		struct plant_point *more = arena_array(a, struct plant_point, room);

		if (!more)
			return err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
		if (f->n)
			memcpy(more, f->points, f->n * sizeof(*more));
		f->points = more;
		f->room = room;
	}
	to = &f->points[f->n++];
	*to = *p;
	to->path = arena_str(a, p->path);
	to->code = to->name = to->unit = "";
	return to->path && map_put(&f->by_id, hash, (void *) (uintptr_t) f->n) ? 0 : err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
}

/* Does the text match the pattern, in which * stands for any letters? */
static bool matches(const char *text, const char *pattern)
{
	const char *star = NULL, *again = NULL;

	while (*text) {
		if (*pattern == '*') {
			star = pattern++;
			again = text;
		} else if (*pattern == *text) {
			pattern++;
			text++;
		} else if (star) {
			pattern = star + 1;
			text = ++again;
		} else {
			return false;
		}
	}
	while (*pattern == '*')
		pattern++;
	return !*pattern;
}

static int add_matching(struct found *f, const char *pattern)
{
	struct scope *s = f->st->s;
	size_t n_prefix = (size_t) (str_find(pattern, "*") - pattern);
	struct arena a;                         /* of this pattern: there may be many, and as many points each */
	struct plant_point *all;
	bool any = false;
	char *prefix;
	int r = 0, n;

	arena_init(&a, &sys_heap, 0);
	prefix = arena_strn(&a, pattern, n_prefix);
	n = prefix ? plant_list(s->platform->plant, s->tenant, NULL, prefix, &a, &all) : -ERR_NO_MEMORY;
	for (int i = 0; r >= 0 && i < n; i++) {
		if (!matches(all[i].path, pattern) || !reach_device(s, PERM_SAMPLE_READ, &all[i].device))
			continue;
		any = true;
		r = add_point(f, &all[i]);
	}
	arena_done(&a);
	if (n < 0 || r < 0)
		return MIN(n, r);
	return any ? 0 : err_fail(ERR_MISSING, "what", "@point", "value", pattern, NULL);
}

static int find_points(struct statement *st, const struct sql_asked *asked, struct found *f)
{
	int r = scope_need_somewhere(st->s, PERM_SAMPLE_READ);

	f->by_id = MAP_INIT(&sys_heap);
	for (uint32_t i = 0; r >= 0 && i < asked->n; i++) {
		struct plant_point *one;

		if (str_find(asked->texts[i], "*")) {
			r = add_matching(f, asked->texts[i]);
			continue;
		}
		r = read_points(st->s, &asked->texts[i], 1, &one);
		if (r >= 0)
			r = add_point(f, one);
	}
	map_done(&f->by_id);
	return r;
}

/* ---- which series, and what they hold ---- */

static int by_series(const void *a, const void *b)
{
	const struct one *x = a, *y = b;

	if (x->between != y->between)
		return x->between < y->between ? -1 : 1;
	return x->series < y->series ? -1 : x->series > y->series;
}

static uint8_t kind_of(enum vtype t)
{
	static const uint8_t kinds[] = { [V_BOOL] = SQL_BOOL, [V_I64] = SQL_I64, [V_F32] = SQL_F32, [V_F64] = SQL_F64, [V_STR] = SQL_TEXT, [V_BYTES] = SQL_TEXT,
		[V_TIME] = SQL_TIME };

	return t < ELEMENTSOF(kinds) ? kinds[t] : SQL_F64;
}

/* One type for all: of numbers DOUBLE, with anything else a text. */
static uint8_t both(uint8_t a, uint8_t b)
{
	if (!a || a == b)
		return b;
	return a == SQL_TEXT || b == SQL_TEXT || a == SQL_TIME || b == SQL_TIME ? SQL_TEXT : SQL_F64;
}

static int find_series(struct statement *st, struct scan *scan)
{
	struct read_asked_points *p = scan->points;
	struct tsdb *t = st->s->platform->tsdb;
	struct tsdb_series_info info;

	p->series = arena_array(&st->arena, struct one, (size_t) p->n * OLDER_MAX + 1);
	if (!p->series)
		return err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	for (uint32_t i = 0; i < p->n; i++) {
		uint32_t of[OLDER_MAX];
		size_t n = MIN(tsdb_series_of(t, st->s->tenant, &p->points[i].id, of, OLDER_MAX), (size_t) OLDER_MAX);

		scan->value_kind = both(scan->value_kind, kind_of(p->points[i].vtype));
		for (size_t k = 0; k < n; k++) {
			p->series[p->n_series++] = (struct one) { of[k], scan->function == SQL_ROLLUP ? p->points[i].between : 0, &p->points[i] };
			if (scan->function == SQL_TS && tsdb_series_get(t, st->s->tenant, of[k], &info) >= 0)
				scan->value_kind = both(scan->value_kind, kind_of(info.type));
		}
	}
	qsort(p->series, p->n_series, sizeof(*p->series), by_series);
	/* Who is named twice is read once. */
	uint32_t n = 0;
	for (uint32_t i = 0; i < p->n_series; i++)
		if (!n || p->series[n - 1].series != p->series[i].series)
			p->series[n++] = p->series[i];
	p->n_series = n;
	return 0;
}

static int find_cost(struct statement *st, const struct scan *scan)
{
	const struct read_asked_points *p = scan->points;
	uint32_t *series = sys_alloc_array(p->n_series + 1u, sizeof(*series));
	struct tsdb_query q = { .tenant = st->s->tenant, .series = series, .n_series = p->n_series, .from_ns = scan->from_ns, .to_ns = scan->to_ns, .deadline_ns = st->deadline_ns };
	struct tsdb_cost cost = { 0 };
	int r = series ? 0 : err_fail(ERR_NO_MEMORY, "what", "@list", NULL);

	for (uint32_t i = 0; r == 0 && i < p->n_series; i++)
		series[i] = p->series[i].series;
	if (r == 0 && scan->function != SQL_LAST)
		r = tsdb_cost(st->s->platform->tsdb, &q, 0, &cost);
	st->scans++;
	st->cost += scan->function == SQL_LAST ? p->n : cost.samples;
	sys_free(series);
	return r;
}

/* A statement that is answered from several readings sees one state of history in all of them: what is in memory goes to files, and these are held. Where
 * memory cannot go to files it reads what is newest, as one does that is answered from a single block. */
static void hold_state(struct statement *st)
{
	struct tsdb *t = st->s->platform->tsdb;

	if (st->has_read)
		return;
	st->has_read = true;
	if ((st->scans > 1 || st->cost > AT_ONCE) && (tsdb_flush(t) < 0 || tsdb_lease(t, st->s->tenant, &st->lease) < 0)) {
		log_warn("sql", "statement reads without a lease error=\"%s\"", err_log_text(err_peek()));
		err_clear();
	}
}

static int parse_times(struct scan *scan, const struct sql_asked *asked)
{
	int64_t now = clock_now_ns();
	const char *to = str_empty(asked->to) ? "now" : asked->to;

	if (scan->function == SQL_LAST)
		return 0;
	if (!when_parse_relative(asked->from, str_len(asked->from), now, &scan->from_ns))
		return err_fail(ERR_WRONG_TYPE, "field", "from", "want", "@moment", "value", asked->from, NULL);
	if (!when_parse_relative(to, str_len(to), now, &scan->to_ns))
		return err_fail(ERR_WRONG_TYPE, "field", "to", "want", "@moment", "value", to, NULL);
	if (scan->to_ns <= scan->from_ns)
		return err_fail(ERR_INVALID, "field", "to", "rule", "@after_from", "value", to, NULL);
	scan->step_ns = asked->step_ns;
	if (scan->function == SQL_ROLLUP)       /* the last value is not held into the future */
		scan->to_ns = MIN(scan->to_ns, MAX(now, scan->from_ns));
	return scan->function == SQL_ROLLUP && scan->step_ns <= 0 ? err_fail(ERR_INVALID, "field", "step", "rule", "@rule_positive", "value", "", NULL) : 0;
}

static int shape_of(struct statement *st, struct scan *scan, struct sql_shape *ret)
{
	uint32_t n;
	const struct points_column *c = points_columns(scan->function, &n);
	struct sql_shape_column *columns = arena_array(&st->arena, struct sql_shape_column, n);

	if (!columns)
		return err_fail(ERR_NO_MEMORY, "what", "@statement", NULL);
	for (uint32_t i = 0; i < n; i++)
		columns[i] = (struct sql_shape_column) { c[i].kind ? c[i].kind : scan->value_kind ? scan->value_kind : SQL_F64, c[i].name };
	scan->value_kind = columns[COLUMN_VALUE].kind;
	*ret = (struct sql_shape) { .n = n, .columns = columns, .scan = scan, .rows = scan->function == SQL_LAST ? scan->points->n : 0 };
	return 0;
}

int points_bind(struct statement *st, const struct sql_asked *asked, struct sql_shape *ret)
{
	struct found found = { .st = st };
	struct scan *scan = arena_new(&st->arena, struct scan);
	struct platform *p = st->s->platform;
	int r;

	if (scan)
		scan->points = arena_new(&st->arena, struct read_asked_points);
	if (!scan || !scan->points)
		return err_fail(ERR_NO_MEMORY, "what", "@statement", NULL);
	scan->function = asked->function;
	r = parse_times(scan, asked);
	if (r >= 0)
		r = find_points(st, asked, &found);
	if (r < 0)
		return r;
	scan->points->points = found.points;
	scan->points->n = found.n;
	/* What was acknowledged before the question belongs into its answer. */
	if (tsdb_wait(p->tsdb, wal_durable(p->wal), PATIENCE_MS) < 0)
		err_clear();
	r = find_series(st, scan);
	if (r >= 0)
		r = find_cost(st, scan);
	return r < 0 ? r : shape_of(st, scan, ret);
}

/* ---- cells ---- */

static void put_number(struct sql_block *out, uint32_t column, double v)
{
	if (v == v)
		sql_put(out, column, &v);
	else
		sql_put_null(out, column);
}

static double number_of(const struct value *v)
{
	switch (v->type) {
	case V_BOOL: return v->b;
	case V_I64: return (double) v->i;
	case V_F32: return v->f32;
	case V_F64: return v->f64;
	default: return __builtin_nan("");
	}
}

static void put_as_text(struct sql_block *out, uint32_t column, const struct value *v)
{
	char text[WHEN_TEXT_MAX + NUM_TEXT_MAX];
	size_t n;

	switch (v->type) {
	case V_STR: sql_put_str(out, column, v->s, v->len); return;
	case V_BOOL: sql_put_str(out, column, v->b ? "true" : "false", v->b ? 4 : 5); return;
	case V_I64: n = num_format_i64(text, v->i); break;
	case V_F32: n = num_format_f32(text, v->f32); break;
	case V_F64: n = num_format_f64(text, v->f64); break;
	case V_TIME: n = when_format(text, v->i); break;
	default: sql_put_null(out, column); return;     /* bytes have no like in a text */
	}
	sql_put_str(out, column, text, n);
}

static int64_t micros(int64_t ns) { return ns / 1000 - (ns % 1000 < 0); }

static void put_value(struct sql_block *out, uint32_t column, uint8_t kind, const struct value *v)
{
	int64_t us;

	if (v->type == V_NONE) {
		sql_put_null(out, column);
	} else if (kind == SQL_TEXT) {
		put_as_text(out, column, v);
	} else if (kind_of(v->type) != kind) {
		put_number(out, column, number_of(v));
	} else if (v->type == V_TIME) {
		us = micros(v->i);
		sql_put(out, column, &us);
	} else if (v->type == V_BOOL) {
		sql_put(out, column, &(uint8_t) { v->b });
	} else {
		sql_put(out, column, v->type == V_F32 ? (const void *) &v->f32 : &v->i);
	}
}

static void put_sample(struct reader *r, const struct plant_point *p, const struct sample *s)
{
	for (uint32_t i = 0; i < r->r.n; i++)
		switch (r->r.columns[i]) {
		case COLUMN_TIME: sql_put(r->out, i, &(int64_t) { micros(s->time_ns) }); break;
		case COLUMN_POINT: sql_put_str(r->out, i, p->path, str_len(p->path)); break;
		case COLUMN_VALUE: put_value(r->out, i, r->r.scan->value_kind, &s->value); break;
		default: sql_put(r->out, i, &s->quality);
		}
	sql_row(r->out);
}

static void put_bucket(struct reader *r, const struct plant_point *p, const struct tsdb_bucket *k)
{
	const double figures[] = { k->avg, k->mean, k->min, k->max, k->n_used ? k->sum : __builtin_nan("") };
	enum { FIGURES = 2, COUNT = 7, FIRST, LAST, COVERAGE, QUALITY };

	for (uint32_t i = 0; i < r->r.n; i++)
		switch (r->r.columns[i]) {
		case COLUMN_TIME: sql_put(r->out, i, &(int64_t) { micros(k->start_ns) }); break;
		case COLUMN_POINT: sql_put_str(r->out, i, p->path, str_len(p->path)); break;
		case COUNT: sql_put(r->out, i, &k->n); break;
		case FIRST: put_number(r->out, i, number_of(&k->first)); break;
		case LAST: put_number(r->out, i, number_of(&k->last)); break;
		case COVERAGE: put_number(r->out, i, (double) k->covered_ns / (double) (k->end_ns - k->start_ns)); break;
		case QUALITY: sql_put(r->out, i, &k->worst); break;
		default: put_number(r->out, i, figures[r->r.columns[i] - FIGURES]);
		}
	sql_row(r->out);
}

/* ---- from block to block ---- */

/* The one of the group whose turn it is: they come in ascending order. */
static const struct plant_point *point_of(struct reader *r, uint32_t series)
{
	const struct read_asked_points *p = r->r.scan->points;

	while (r->seen + 1 < p->n_series && p->series[r->seen].series != series)
		r->seen++;
	return p->series[r->seen].point;
}

/* Ends the reading where it is; the caller knows. */
static int enough(struct reader *r)
{
	r->full = true;
	return err_fail(ERR_FULL, "what", "block", NULL);
}

static int on_batch(void *ctx, struct batch *b)
{
	struct reader *r = ctx;
	struct batch_iter it = batch_iter(b, NULL);
	struct sample s;

	while (batch_next(&it, &s)) {
		if (sql_block_is_full(r->out))
			return enough(r);
		put_sample(r, point_of(r, s.series), &s);
		r->seen_ns = s.time_ns + 1;
	}
	return 0;
}

static int on_buckets(void *ctx, const struct tsdb_bucket *bucket, size_t n)
{
	struct reader *r = ctx;

	for (const struct tsdb_bucket *k = bucket; k < bucket + n; k++) {
		if (sql_block_is_full(r->out))
			return enough(r);
		put_bucket(r, point_of(r, k->series), k);
		r->seen_ns = k->end_ns;
	}
	return 0;
}

/* How many series from r->at on go into one reading: the rest of one, or a group that is read alike. */
static uint32_t group_of(const struct reader *r, uint32_t ret[GROUP])
{
	const struct read_asked_points *p = r->r.scan->points;
	uint32_t n = 0, max = r->next_ns > r->r.scan->from_ns ? 1 : GROUP;

	for (; n < max && r->at + n < p->n_series && p->series[r->at + n].between == p->series[r->at].between; n++)
		ret[n] = p->series[r->at + n].series;
	return n;
}

static int read_group(struct statement *st, struct reader *r)
{
	const struct scan *scan = r->r.scan;
	uint32_t series[GROUP], n = group_of(r, series);
	struct tsdb_query q = { .tenant = st->s->tenant, .series = series, .n_series = n, .from_ns = r->next_ns, .to_ns = scan->to_ns, .limit = AT_ONCE,
		.deadline_ns = st->deadline_ns, .cancel = st->s->cancel, .lease = st->lease };
	struct tsdb_step step = { .step_ns = scan->step_ns, .between = scan->points->series[r->at].between == BETWEEN_LINEAR ? TSDB_LINEAR : TSDB_STEP };
	int cut;

	r->seen = r->at;
	r->seen_ns = r->next_ns;
	r->full = false;
	cut = scan->function == SQL_ROLLUP ? tsdb_aggregate(st->s->platform->tsdb, &q, &step, on_buckets, r)
		: tsdb_range(st->s->platform->tsdb, &q, on_batch, r);
	if (cut < 0 && !r->full)
		return cut;
	if (cut) {
		err_clear();
		r->at = r->seen;
		r->next_ns = r->seen_ns;
		if (r->next_ns < scan->to_ns)
			return 0;
		n = 1;                          /* that one is read to its end */
	}
	r->at += n;
	r->next_ns = scan->from_ns;
	return 0;
}

/* The last samples, now or of the state that is held. */
static int read_newest(struct statement *st, const struct plant_point *points, uint32_t n, struct sample *ret)
{
	uint32_t *series = arena_array(st->s->arena, uint32_t, n + 1u);
	struct tsdb_query q = { .tenant = st->s->tenant, .series = series, .n_series = n, .from_ns = INT64_MIN, .to_ns = INT64_MAX, .deadline_ns = st->deadline_ns,
		.cancel = st->s->cancel, .lease = st->lease };

	if (!st->lease)
		return read_last(st->s, points, n, ret);
	if (!series)
		return err_fail(ERR_NO_MEMORY, "what", "@list", NULL);
	for (uint32_t i = 0; i < n; i++)
		series[i] = points[i].series;
	return tsdb_last_before(st->s->platform->tsdb, &q, st->s->arena, ret);
}

static int read_lasts(struct statement *st, struct reader *r)
{
	const struct read_asked_points *p = r->r.scan->points;
	uint32_t n = MIN(p->n - r->at, (uint32_t) READ_POINTS_MAX);
	struct sample *last = arena_array(st->s->arena, struct sample, n + 1u);
	int e = last ? read_newest(st, p->points + r->at, n, last) : err_fail(ERR_NO_MEMORY, "what", "@list", NULL);

	for (uint32_t i = 0; e >= 0 && i < n; i++, r->at++) {
		if (sql_block_is_full(r->out))
			break;
		/* A point that never had a value has no row. */
		if (last[i].time_ns != TSDB_NEVER)
			put_sample(r, &p->points[r->at], &last[i]);
	}
	return e;
}

int points_open(struct statement *st, struct scan *scan, const uint16_t *columns, uint32_t n, void **ret)
{
	struct reader *r = arena_new(&st->arena, struct reader);
	int e = r ? reading_init(st, &r->r, scan, columns, n) : err_fail(ERR_NO_MEMORY, "what", "@statement", NULL);

	if (e < 0)
		return e;
	r->next_ns = scan->from_ns;
	*ret = r;
	return 0;
}

int points_next(struct statement *st, void *cursor, struct sql_block *out)
{
	struct reader *r = cursor;
	const struct scan *scan = r->r.scan;
	uint32_t n = scan->function == SQL_LAST ? scan->points->n : scan->points->n_series;
	int e = scope_need_somewhere(st->s, PERM_SAMPLE_READ);

	r->out = out;
	if (e >= 0)
		hold_state(st);
	while (e >= 0 && r->at < n && !sql_block_is_full(out))
		e = scan->function == SQL_LAST ? read_lasts(st, r) : read_group(st, r);
	return e < 0 ? e : r->at < n;
}
