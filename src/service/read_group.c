/*
 * read_group.c - one answer for many points: the points of a place, a device, a unit or a label become one series of buckets.
 *
 * Each point's figure of a bucket is worked out as ever; then the figures of a group's points in that bucket are put together. So memory is
 * that of the answer, however many points there are. A point counts with its present type; figures it had as another are another's.
 */
#include <math.h>
#include <stdlib.h>

#include "base/cell.h"
#include "base/num.h"
#include "base/str.h"
#include "base/when.h"
#include "model/plant.h"
#include "model/trend.h"
#include "service/read_asked.h"
#include "sys/sys.h"

enum { CELLS_MAX = 4 << 20 };

struct grouped { const char *name, *unit; uint32_t points; };
struct figure { double v; uint32_t n; };
struct cell { double covered; uint32_t points, worst; };

struct groups {
	struct scope *s;
	const struct query_in *in;
	struct read_asked asked;
	struct grouped *group;
	uint32_t n;
	uint32_t *first, *of;           /* the groups of point i: of[first[i]] to of[first[i + 1] - 1]; by label it may be in several */
	size_t n_buckets;
	int64_t *start;                 /* of each bucket; INT64_MIN: nobody has it */
	struct cell *cell;              /* group by group */
	struct figure *figure;          /* cell by cell, n_aggs each */
	uint32_t series, point;         /* the last one seen; point UINT32_MAX: it is none of those asked for */
};

/* ---- which groups ---- */

/* The first n codes of a path. */
static size_t codes(const char *path, uint32_t n)
{
	size_t at = 0;

	for (; path[at]; at++)
		if (path[at] == '/' && --n == 0)
			break;
	return at;
}

static const char *name_of(struct groups *g, const struct plant_point *p)
{
	static const int32_t level[] = { [READ_BY_PLACE] = -1, [READ_BY_ENTERPRISE] = LEVEL_ENTERPRISE, [READ_BY_SITE] = LEVEL_SITE, [READ_BY_AREA] = LEVEL_AREA,
		[READ_BY_LINE] = LEVEL_LINE, [READ_BY_CELL] = LEVEL_CELL };
	struct scope *s = g->s;
	uint32_t depth;

	switch (g->in->group_by) {
	case READ_BY_ALL: return "*";
	case READ_BY_UNIT: return p->unit;
	case READ_BY_DEVICE: return arena_strn(s->arena, p->path, str_len(p->path) - MIN(str_len(p->code) + 1, str_len(p->path)));
	default:
		depth = plant_depth(s->platform->plant, s->tenant, &p->device, level[g->in->group_by]);
		return depth ? arena_strn(s->arena, p->path, codes(p->path, depth)) : "";
	}
}

struct named { const char *name; uint32_t point; };

static int by_name(const void *a, const void *b)
{
	return str_cmp(((const struct named *) a)->name, ((const struct named *) b)->name);
}

/* A point that is asked for twice counts once. */
static bool is_again(const struct groups *g, uint32_t point)
{
	for (uint32_t i = 0; i < point; i++)
		if (uuid_equal(&g->asked.points[i].id, &g->asked.points[point].id))
			return true;
	return false;
}

/* Of a label: its code. One that went away meanwhile is none. */
static int names_of_labels(struct groups *g, uint32_t point, struct named *to, uint32_t *n)
{
	const struct plant_point *p = &g->asked.points[point];
	char id[UUID_TEXT + 1];
	struct plant_label l;

	for (uint32_t i = 0; i < p->n_labels; i++) {
		int r;

		uuid_format(&p->labels[i], id);
		r = plant_label(g->s->platform->plant, g->s->tenant, "labels", id, g->s->arena, &l);
		if (r == 0)
			to[(*n)++] = (struct named) { l.code, point };
		else if (r != -ERR_NO_SUCH_REF)
			return r;
		err_clear();
	}
	return 0;
}

/* A row for each point and group it is in. */
static int name_all(struct groups *g, struct named *all, uint32_t *ret_n)
{
	uint32_t n = 0;
	int r = 0;

	for (uint32_t i = 0; r == 0 && i < g->asked.n; i++) {
		g->first[i] = n;
		if (is_again(g, i))
			continue;
		if (g->in->group_by == READ_BY_LABEL)
			r = names_of_labels(g, i, all, &n);
		if (n > g->first[i])
			continue;
		all[n] = (struct named) { g->in->group_by == READ_BY_LABEL ? "" : name_of(g, &g->asked.points[i]), i };
		if (!all[n++].name)
			return err_fail(ERR_NO_MEMORY, "what", "query", NULL);
	}
	g->first[g->asked.n] = n;
	*ret_n = n;
	return r;
}

static int make_groups(struct groups *g)
{
	size_t room = g->asked.n + 1;
	struct named *all;
	uint32_t n = 0;
	int r;

	for (uint32_t i = 0; i < g->asked.n; i++)
		room += g->asked.points[i].n_labels;
	all = arena_array(g->s->arena, struct named, room);
	g->group = arena_array(g->s->arena, struct grouped, room);
	g->of = arena_array(g->s->arena, uint32_t, room);
	g->first = arena_array(g->s->arena, uint32_t, g->asked.n + 1);
	uint32_t *next = arena_array(g->s->arena, uint32_t, g->asked.n + 1);
	if (!all || !g->group || !g->of || !g->first || !next)
		return err_fail(ERR_NO_MEMORY, "what", "query", NULL);
	r = name_all(g, all, &n);
	if (r < 0)
		return r;
	memcpy(next, g->first, (g->asked.n + 1) * sizeof(*next));
	qsort(all, n, sizeof(*all), by_name);
	for (uint32_t i = 0; i < n; i++) {
		const struct plant_point *p = &g->asked.points[all[i].point];
		struct grouped *to;

		if (i == 0 || !str_eq(all[i - 1].name, all[i].name))
			g->group[g->n++] = (struct grouped) { .name = all[i].name, .unit = p->unit };
		to = &g->group[g->n - 1];
		to->points++;
		if (!str_eq(to->unit, p->unit))
			to->unit = "";
		g->of[next[all[i].point]++] = g->n - 1;
	}
	return 0;
}

/* ---- which buckets ---- */

static int64_t floor_div(int64_t a, int64_t b) { return a / b - (a % b < 0); }

static size_t bucket_of(const struct groups *g, int64_t start)
{
	const struct tsdb_step *step = &g->asked.step;
	size_t lo = 0, hi = step->n_borders;

	if (!step->border)
		return step->step_ns ? (size_t) (floor_div(start, step->step_ns) - floor_div(g->asked.from_ns, step->step_ns)) : 0;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;

		if (step->border[mid] <= start)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static int make_cells(struct groups *g)
{
	size_t n, each = g->asked.n_aggs + 1;

	g->n_buckets = g->asked.to_ns > g->asked.from_ns ? bucket_of(g, g->asked.to_ns - 1) + 1 : 1;
	if (g->n_buckets > CELLS_MAX / MAX(g->n, 1u) / each)
		return err_at(err_fail(ERR_LIMIT, "what", "@group_figures", "max", "4194304", NULL), "step");
	n = g->n_buckets * g->n;
	g->start = sys_alloc_array(g->n_buckets, sizeof(*g->start));
	g->cell = sys_alloc_array(n + 1, sizeof(*g->cell));
	g->figure = sys_alloc_array(n * g->asked.n_aggs + 1, sizeof(*g->figure));
	if (!g->start || !g->cell || !g->figure)
		return err_fail(ERR_NO_MEMORY, "what", "query", NULL);
	for (size_t i = 0; i < g->n_buckets; i++)
		g->start[i] = INT64_MIN;
	return 0;
}

/* ---- putting together ---- */

static void add(struct figure *f, int32_t across, double v)
{
	if (v != v)
		return;
	if (across == READ_ACROSS_MIN)
		f->v = f->n ? fmin(f->v, v) : v;
	else if (across == READ_ACROSS_MAX)
		f->v = f->n ? fmax(f->v, v) : v;
	else
		f->v += v;
	f->n++;
}

static double figure(const struct figure *f, int32_t across)
{
	if (across == READ_ACROSS_COUNT)
		return f->n;
	return f->n == 0 ? (double) NAN : across == READ_ACROSS_MEAN ? f->v / f->n : f->v;
}

static void see(struct groups *g, uint32_t series)
{
	g->series = series;
	g->point = UINT32_MAX;
	for (uint32_t i = 0; i < g->asked.n && g->point == UINT32_MAX; i++)
		if (g->asked.points[i].series == series && g->first[i] < g->first[i + 1])
			g->point = i;
}

static void take_bucket(struct groups *g, size_t at, const struct tsdb_bucket *k)
{
	g->cell[at].covered += (double) k->covered_ns / (double) ((uint64_t) k->end_ns - (uint64_t) k->start_ns);
	g->cell[at].points += !k->filled;
	if (k->worst >> 30 > g->cell[at].worst >> 30)
		g->cell[at].worst = k->worst;
	for (uint32_t a = 0; a < g->asked.n_aggs; a++)
		add(&g->figure[at * g->asked.n_aggs + a], g->in->across, read_agg_number(&g->asked.aggs[a], k));
}

static int on_buckets(void *ctx, const struct tsdb_bucket *bucket, size_t n)
{
	struct groups *g = ctx;

	for (const struct tsdb_bucket *k = bucket; k < bucket + n; k++) {
		size_t i = bucket_of(g, k->start_ns);

		if (g->series != k->series)
			see(g, k->series);
		if (g->point == UINT32_MAX || i >= g->n_buckets)
			continue;
		g->start[i] = k->start_ns;
		for (uint32_t to = g->first[g->point]; to < g->first[g->point + 1]; to++)
			take_bucket(g, g->of[to] * g->n_buckets + i, k);
	}
	return 0;
}

static int run(struct groups *g)
{
	struct plant_point *some = arena_array(g->s->arena, struct plant_point, g->asked.n + 1);
	int r = some ? 0 : err_fail(ERR_NO_MEMORY, "what", "query", NULL);

	for (int between = BETWEEN_STEP; r == 0 && between <= BETWEEN_LINEAR; between++) {
		struct tsdb_step step = read_step(&g->asked, between);
		struct read_range range = { .points = some, .from_ns = g->asked.from_ns, .to_ns = g->asked.to_ns };

		for (uint32_t i = 0; i < g->asked.n; i++)
			if (g->asked.points[i].between == between)
				some[range.n++] = g->asked.points[i];
		if (range.n)
			r = read_buckets(g->s, &range, &step, on_buckets, g);
	}
	return MIN(r, 0);
}

static int is_of_several(const struct groups *g)
{
	for (uint32_t i = 0; i < g->asked.n_aggs; i++) {
		const struct read_agg *a = &g->asked.aggs[i];

		if (a->kind == AGG_FIRST || a->kind == AGG_LAST || a->kind == AGG_STATES || a->kind == AGG_MIN_TIME || a->kind == AGG_MAX_TIME)
			return err_at(err_fail(ERR_INVALID, "field", "aggregates", "rule", "@not_of_groups", "value", a->name, NULL), "aggregates");
	}
	return 0;
}

static int groups_begin(struct groups *g, struct scope *s, const struct query_in *in)
{
	int r = 0;

	*g = (struct groups) { .s = s, .in = in, .point = UINT32_MAX, .series = UINT32_MAX };
	r = read_asked(s, in, &g->asked);
	if (r == 0)
		r = is_of_several(g);
	if (r == 0)
		r = make_groups(g);
	if (r == 0)
		r = make_cells(g);
	return r < 0 ? r : run(g);
}

static void groups_done(struct groups *g)
{
	sys_free(g->start);
	sys_free(g->cell);
	sys_free(g->figure);
}

/* ---- the answer ---- */

static const char *agg_name(const struct groups *g, uint32_t i, const char *one) { return g->asked.one ? one : g->asked.aggs[i].name; }

static bool is_there(const struct groups *g, uint32_t group, size_t bucket)
{
	const struct cell *c = &g->cell[group * g->n_buckets + bucket];

	return g->start[bucket] != INT64_MIN && (c->points || g->in->fill);
}

static double number(const struct groups *g, uint32_t group, size_t bucket, uint32_t agg)
{
	size_t at = group * g->n_buckets + bucket;
	const struct cell *c = &g->cell[at];

	if (g->asked.aggs[agg].kind == AGG_COVERAGE)
		return c->covered / g->group[group].points;
	return figure(&g->figure[at * g->asked.n_aggs + agg], g->in->across);
}

static void write_number(struct json *j, double v)
{
	if (v == v)
		json_f64(j, v);
	else
		json_null(j);
}

struct cut { uint64_t left; bool is; };

enum { COLUMN_TIME = -4, COLUMN_WITH, COLUMN_COVERED, COLUMN_QUALITY };        /* from 0 on: figures */

static void column(struct json *j, const struct groups *g, uint32_t group, int what, uint64_t n)
{
	json_array(j);
	for (size_t i = 0; i < g->n_buckets && n; i++) {
		const struct cell *c = &g->cell[group * g->n_buckets + i];

		if (!is_there(g, group, i))
			continue;
		n--;
		if (what >= 0)
			write_number(j, number(g, group, i, (uint32_t) what));
		else if (what == COLUMN_TIME)
			json_i64(j, floor_div(g->start[i], 1000));
		else if (what == COLUMN_WITH)
			json_u64(j, c->points);
		else if (what == COLUMN_COVERED)
			json_f64(j, c->covered / g->group[group].points);
		else
			json_u64(j, c->worst);
	}
	json_end(j);
}

static void write_group(struct json *j, const struct groups *g, uint32_t group, struct cut *cut)
{
	const struct grouped *to = &g->group[group];
	bool worst = false;
	uint64_t n = 0;

	for (size_t i = 0; i < g->n_buckets; i++)
		if (is_there(g, group, i)) {
			worst |= g->cell[group * g->n_buckets + i].worst != QUALITY_GOOD;
			n++;
		}
	cut->is |= n > cut->left;
	n = MIN(n, cut->left);
	cut->left -= n;
	if (!n)
		return;
	json_object(j);
	json_kv_str(j, "group", to->name);
	json_kv_str(j, "path", to->name);
	json_kv_u64(j, "points", to->points);
	json_kv_str(j, "type", "f64");
	json_kv_str(j, "unit", to->unit);
	json_key(j, "t");
	column(j, g, group, COLUMN_TIME, n);
	for (uint32_t i = 0; i < g->asked.n_aggs; i++) {
		json_key(j, agg_name(g, i, "v"));
		column(j, g, group, (int) i, n);
	}
	json_key(j, "with");
	column(j, g, group, COLUMN_WITH, n);
	json_key(j, "covered");
	column(j, g, group, COLUMN_COVERED, n);
	if (worst) {
		json_key(j, "q");
		column(j, g, group, COLUMN_QUALITY, n);
	}
	json_end(j);
}

int read_groups(struct scope *s, const struct query_in *in, struct buf *out)
{
	struct cut cut = { .left = in->limit ? in->limit : READ_LIMIT };
	struct json j = JSON_TO(out);
	char text[WHEN_TEXT_MAX];
	struct groups g;
	int r = groups_begin(&g, s, in);

	if (r == 0) {
		json_object(&j);
		when_format(text, g.asked.from_ns);
		json_kv_str(&j, "from", text);
		when_format(text, g.asked.said_to_ns);
		json_kv_str(&j, "to", text);
		json_kv_str(&j, "group_by", trend_group_words[in->group_by].word);
		json_kv_str(&j, "across", trend_across_words[in->across].word);
		json_key(&j, "series");
		json_array(&j);
		for (uint32_t i = 0; i < g.n; i++)
			write_group(&j, &g, i, &cut);
		json_end(&j);
		json_kv_bool(&j, "truncated", cut.is);
		json_end(&j);
		if (out->failed)
			r = err_fail(ERR_LIMIT, "what", "query", "max", "64 MB", NULL);
	}
	groups_done(&g);
	return r;
}

/* ---- as rows ---- */

static void csv_row(const struct groups *g, uint32_t group, size_t bucket, struct buf *out)
{
	const struct cell *c = &g->cell[group * g->n_buckets + bucket];
	char when[WHEN_TEXT_MAX], text[NUM_TEXT_MAX];

	when_format(when, g->start[bucket]);
	buf_addf(out, "%s,", when);
	cell_text(out, g->group[group].name, str_len(g->group[group].name));
	for (uint32_t i = 0; i < g->asked.n_aggs; i++) {
		double v = number(g, group, bucket, i);

		buf_addc(out, ',');
		if (v == v)
			buf_addn(out, text, num_format_f64(text, v));
	}
	buf_addf(out, ",%u,", (unsigned) c->points);
	buf_addn(out, text, num_format_f64(text, c->covered / g->group[group].points));
	buf_addf(out, ",0x%08x\r\n", (unsigned) c->worst);
}

static void json_row(const struct groups *g, uint32_t group, size_t bucket, struct buf *out)
{
	const struct cell *c = &g->cell[group * g->n_buckets + bucket];
	struct json j = JSON_TO(out);
	char when[WHEN_TEXT_MAX];

	when_format(when, g->start[bucket]);
	json_object(&j);
	json_kv_str(&j, "time", when);
	json_kv_str(&j, "group", g->group[group].name);
	for (uint32_t i = 0; i < g->asked.n_aggs; i++) {
		json_key(&j, agg_name(g, i, "value"));
		write_number(&j, number(g, group, bucket, i));
	}
	json_kv_u64(&j, "with", c->points);
	json_kv_f64(&j, "covered", c->covered / g->group[group].points);
	json_kv_u64(&j, "quality", c->worst);
	json_end(&j);
	buf_addc(out, '\n');
}

int read_group_rows(struct scope *s, const struct query_in *in, enum read_form form, struct buf *out)
{
	uint64_t left = in->limit ? in->limit : UINT64_MAX;
	struct groups g;
	int r = groups_begin(&g, s, in);

	if (r == 0 && form == READ_CSV) {
		buf_add(out, "time,group");
		for (uint32_t i = 0; i < g.asked.n_aggs; i++)
			buf_addf(out, ",%s", agg_name(&g, i, "value"));
		buf_add(out, ",with,covered,quality\r\n");
	}
	for (uint32_t i = 0; r == 0 && i < g.n; i++)
		for (size_t k = 0; k < g.n_buckets && left; k++) {
			if (!is_there(&g, i, k))
				continue;
			left--;
			(form == READ_CSV ? csv_row : json_row)(&g, i, k, out);
		}
	if (r == 0 && out->failed)
		r = err_fail(ERR_LIMIT, "what", "query", "max", "64 MB", NULL);
	groups_done(&g);
	return r;
}
