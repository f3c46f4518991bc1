/*
 * read_book.c - samples as a workbook, as a person sees them in a trend: a row a time, columns a point.
 *
 * Times are those of a clock so many minutes from UTC, which the head says. A state is its text; of buckets it is the one at the end,
 * whatever aggregates were asked for: the mean of two states is none. A second worksheet says which points these are.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/num.h"
#include "base/str.h"
#include "base/when.h"
#include "service/internal.h"
#include "service/read_asked.h"
#include "sheet/sheet.h"

enum { CELLS_MAX = READ_LIMIT_MAX, HEAD_MAX = 400 };
static const double EXACT = 9007199254740992.0; /* 2^53 */

/* One value in its column; texts live in the scope's arena. */
struct cell { int64_t time_ns; double number; const char *text; uint32_t column; };

struct column { const struct plant_point *point; const struct rec_map *states; uint32_t first, n, quality; bool earlier; };

struct drawn {
	struct scope *s;
	const struct query_in *in;
	struct read_asked asked;
	struct column *columns;         /* of each point, and of each so much earlier */
	uint32_t n_columns;
	struct column *under_way;
	int64_t later_ns;               /* what is read is that much older than it is shown */
	struct buf cells;               /* of struct cell */
};

/* ---- the cells ---- */

static int add(struct drawn *t, const struct cell *c)
{
	buf_addn(&t->cells, c, sizeof(*c));
	return t->cells.failed ? err_fail(ERR_LIMIT, "what", "@sheet_rows", "max", "1000000", NULL) : 0;
}

static const char *state_of(const struct rec_map *states, const struct value *v)
{
	char number[NUM_TEXT_MAX];
	size_t n = 0;

	if (!states)
		return NULL;
	switch (v->type) {
	case V_BOOL: n = num_format_i64(number, v->b); break;
	case V_I64: n = num_format_i64(number, v->i); break;
	case V_F32: n = num_format_f32(number, v->f32); break;
	case V_F64: n = num_format_f64(number, v->f64); break;
	default: return NULL;
	}
	number[n] = 0;
	for (uint32_t i = 0; i < states->n; i++)
		if (str_eq(states->items[i].key, number) || (v->type == V_BOOL && str_eq(states->items[i].key, v->b ? "true" : "false")))
			return states->items[i].value;
	return NULL;
}

/* The number people typed, not the double that its 24 bits are. */
static double shortest(float v)
{
	char text[NUM_TEXT_MAX];

	text[num_format_f32(text, v)] = 0;
	return strtod(text, NULL);
}

/* As much of a text as a cell holds, whole characters, in the scope's arena; NULL: no memory. */
static const char *cell_of_text(struct drawn *t, const char *text, size_t len)
{
	size_t n = 0;

	for (uint32_t chars = 0; n < len && chars < BOOK_CELL_MAX; chars++)
		for (n++; n < len && ((uint8_t) text[n] & 0xc0) == 0x80; n++)
			;
	return arena_strn(t->s->arena, text, n);
}

/* What a value is in a cell: a number where it is one, else its text. */
static int set_value(struct drawn *t, const struct value *v, struct cell *c)
{
	char text[WHEN_TEXT_MAX];

	c->number = NAN;
	c->text = state_of(t->under_way->states, v);
	if (c->text)
		return 0;
	switch (v->type) {
	case V_BOOL:
		c->text = v->b ? "true" : "false";
		return 0;
	case V_F32:
		c->number = shortest(v->f32);
		return 0;
	case V_F64:
		c->number = v->f64;
		return 0;
	case V_I64:
		c->number = fabs((double) v->i) < EXACT ? (double) v->i : NAN;
		text[num_format_i64(text, v->i)] = 0;
		c->text = isnan(c->number) ? arena_str(t->s->arena, text) : NULL;
		return isnan(c->number) && !c->text ? err_fail(ERR_NO_MEMORY, "what", "query", NULL) : 0;
	case V_TIME:
		when_format(text, v->i);
		c->text = arena_str(t->s->arena, text);
		break;
	case V_STR:
		c->text = cell_of_text(t, v->s, v->len);
		break;
	default:
		return 0;
	}
	return c->text ? 0 : err_fail(ERR_NO_MEMORY, "what", "query", NULL);
}

static int add_quality(struct drawn *t, int64_t time_ns, uint32_t quality)
{
	return add(t, &(struct cell) { .time_ns = time_ns, .number = NAN, .text = quality_text(quality, t->s->lang == LANG_ZH),
		.column = t->under_way->quality });
}

static int on_batch(void *ctx, struct batch *b)
{
	struct drawn *t = ctx;
	struct batch_iter it = batch_iter(b, NULL);
	struct sample s;
	int r = 0;

	while (r == 0 && batch_next(&it, &s)) {
		struct cell c = { .time_ns = s.time_ns + t->later_ns, .column = t->under_way->first };
		if (!quality_is_bad(s.quality)) {       /* what is bad is a gap, and says so beside it */
			r = set_value(t, &s.value, &c);
			if (r == 0)
				r = add(t, &c);
		}
		if (r == 0)
			r = add_quality(t, c.time_ns, s.quality);
	}
	return r;
}

/* agg NULL: the last value, as a state. */
static int set_figure(struct drawn *t, const struct read_agg *agg, const struct tsdb_bucket *k, struct cell *c)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, 16 << 20);       /* 64 states, each of a text */

	c->text = NULL;
	if (!agg || agg->kind == AGG_FIRST || agg->kind == AGG_LAST)
		return set_value(t, agg && agg->kind == AGG_FIRST ? &k->first : &k->last, c);
	c->number = read_agg_number(agg, k);
	if (t->under_way->point->vtype == V_F32 && (agg->kind == AGG_MIN || agg->kind == AGG_MAX))
		c->number = shortest((float) c->number);
	if (agg->kind != AGG_STATES && agg->kind != AGG_MIN_TIME && agg->kind != AGG_MAX_TIME)
		return 0;
	read_agg_text(&b, agg, k);
	c->text = b.failed ? NULL : cell_of_text(t, b.data, b.len);
	return c->text ? 0 : err_fail(ERR_NO_MEMORY, "what", "query", NULL);
}

static int on_buckets(void *ctx, const struct tsdb_bucket *bucket, size_t n)
{
	struct drawn *t = ctx;
	int r = 0;

	for (const struct tsdb_bucket *k = bucket; r == 0 && k < bucket + n; k++) {
		struct cell c = { .time_ns = k->start_ns + t->later_ns, .column = t->under_way->first };
		if (!k->n && !t->asked.step.fill)       /* nobody measured: on the screen there is a gap */
			continue;
		for (uint32_t i = 0; r == 0 && i < t->under_way->n; i++, c.column++) {
			r = set_figure(t, t->under_way->states ? NULL : &t->asked.aggs[i], k, &c);
			if (r == 0)
				r = add(t, &c);
		}
		if (r == 0)
			r = add_quality(t, c.time_ns, k->worst);
	}
	return r;
}

static int read_column(struct drawn *t, struct column *c)
{
	int64_t back = c->earlier ? t->in->compare : 0;
	struct read_range range = { .points = c->point, .n = 1, .from_ns = t->asked.from_ns - back, .to_ns = t->asked.to_ns - back,
		.limit = t->in->limit ? t->in->limit : CELLS_MAX };
	struct tsdb_step step = read_step(&t->asked, c->point->between);
	int r;

	t->under_way = c;
	t->later_ns = back;
	r = t->asked.n_aggs ? read_buckets(t->s, &range, &step, on_buckets, t) : read_range(t->s, &range, on_batch, t);
	return MIN(r, 0);
}

/* ---- what the columns are ---- */

static int get_point(struct scope *s, const void *in, void *ret)
{
	return store_get(s->tx, &point_type, in, ret, s->arena);
}

/* NULL: its values are numbers. A point that is gone, but has history, has no texts any more. */
static const struct rec_map *states_of(struct drawn *t, const struct plant_point *p)
{
	static const struct deed look = { .name = "sample.query", .permission = MUST_SAY(PERM_SAMPLE_READ), .store = DEED_TENANT, .reads = true,
		.placed = true, .run = get_point };
	struct point *rec = arena_new(t->s->arena, struct point);

	if (!rec)
		return NULL;
	if (scope_do(t->s, &look, &p->id, rec) < 0)
		err_clear();
	return rec->state_texts.n || p->vtype == V_BOOL ? &rec->state_texts : NULL;
}

static int plan_columns(struct drawn *t)
{
	uint32_t passes = t->in->compare ? 2 : 1, next = 1;

	t->columns = arena_array(t->s->arena, struct column, t->asked.n * passes);
	if (!t->columns)
		return err_fail(ERR_NO_MEMORY, "what", "query", NULL);
	for (uint32_t i = 0; i < t->asked.n * passes; i++) {
		struct column *c = &t->columns[t->n_columns++];
		c->point = &t->asked.points[i % t->asked.n];
		c->earlier = i >= t->asked.n;
		c->states = c->earlier ? t->columns[i - t->asked.n].states : states_of(t, c->point);
		c->first = next;
		c->n = c->states || !t->asked.n_aggs ? 1 : t->asked.n_aggs;
		c->quality = next + c->n;
		next += c->n + 1;
	}
	return 0;
}

static bool is_alone(const struct drawn *t, const char *name)
{
	unsigned n = 0;

	for (uint32_t i = 0; i < t->asked.n; i++)
		n += str_eq(t->asked.points[i].name, name);
	return n == 1;
}

static void head_of(const struct drawn *t, const struct column *c, const char *what, char out[HEAD_MAX])
{
	const struct plant_point *p = c->point;
	struct buf b = { .data = out, .room = HEAD_MAX, .max = HEAD_MAX };
	bool zh = t->s->lang == LANG_ZH;

	out[0] = 0;
	buf_add(&b, !str_empty(p->name) && is_alone(t, p->name) ? p->name : p->path);
	if (!str_empty(p->unit) && !c->states)
		buf_addf(&b, " (%s)", p->unit);
	if (c->earlier)
		buf_add(&b, zh ? " · 早前" : " · earlier");
	if (what)
		buf_addf(&b, " %s", what);
}

/* ---- the sheets ---- */

static void write_heads(struct drawn *t, struct book *b)
{
	int32_t min = t->in->zone_minutes;
	bool zh = t->s->lang == LANG_ZH;
	char text[HEAD_MAX];

	snprintf(text, sizeof(text), "%s (UTC%c%02d:%02d)", zh ? "时间" : "Time", min < 0 ? '-' : '+', abs(min) / 60, abs(min) % 60);
	book_text(b, 0, 0, text, BOOK_HEAD);
	for (const struct column *c = t->columns; c < t->columns + t->n_columns; c++) {
		for (uint32_t i = 0; i < c->n; i++) {
			head_of(t, c, c->n > 1 || (t->asked.n_aggs && !c->states) ? read_agg_title(&t->asked.aggs[i], zh) : NULL, text);
			book_text(b, 0, c->first + i, text, BOOK_HEAD);
		}
		head_of(t, c, zh ? "质量" : "quality", text);
		book_text(b, 0, c->quality, text, BOOK_HEAD);
	}
}

static int by_time(const void *a_, const void *b_)
{
	const struct cell *a = a_, *b = b_;

	if (a->time_ns != b->time_ns)
		return a->time_ns < b->time_ns ? -1 : 1;
	return a->column < b->column ? -1 : a->column > b->column;
}

static int write_rows(struct drawn *t, struct book *b)
{
	int64_t zone_ns = t->in->zone_minutes * 60 * NS_PER_S;
	struct cell *cells = (struct cell *) (void *) t->cells.data;
	size_t n = t->cells.len / sizeof(*cells);
	uint32_t row = 0;
	int r = 0;

	qsort(cells, n, sizeof(*cells), by_time);
	for (const struct cell *c = cells; r == 0 && c < cells + n; c++) {
		if (c == cells || c[-1].time_ns != c->time_ns)
			r = book_time(b, ++row, 0, c->time_ns + zone_ns);
		else if (c[-1].column == c->column)     /* a point whose type changed that very moment */
			continue;
		if (r < 0)
			break;
		if (c->text)
			r = book_text(b, row, c->column, c->text, BOOK_PLAIN);
		else if (!isnan(c->number))
			r = book_number(b, row, c->column, c->number);
	}
	return r;
}

static void write_points(struct drawn *t, struct book *b)
{
	static const char *const heads[2][4] = { { "Path", "Code", "Name", "Unit" }, { "路径", "编码", "名称", "单位" } };
	bool zh = t->s->lang == LANG_ZH;

	book_sheet(b, zh ? "点位" : "Points");
	book_widths(b, 0, 0, 50);
	book_widths(b, 1, 3, 20);
	for (uint32_t i = 0; i < 4; i++)
		book_text(b, 0, i, heads[zh][i], BOOK_HEAD);
	for (uint32_t i = 0; i < t->asked.n; i++) {
		const struct plant_point *p = &t->asked.points[i];
		book_text(b, i + 1, 0, p->path ?: "", BOOK_PLAIN);
		book_text(b, i + 1, 1, p->code ?: "", BOOK_PLAIN);
		book_text(b, i + 1, 2, p->name ?: "", BOOK_PLAIN);
		book_text(b, i + 1, 3, p->unit ?: "", BOOK_PLAIN);
	}
}

int read_book(struct scope *s, const struct query_in *in, struct buf *out)
{
	_cleanup_(book_freep) struct book *b = NULL;
	struct drawn t = { .s = s, .in = in, .cells = BUF_INIT(&sys_heap, CELLS_MAX * sizeof(struct cell)) };
	int r = in->group_by ? read_wrong_groups(in->group_by, "@no_file_of_groups") : read_asked(s, in, &t.asked);

	if (r == 0)
		r = plan_columns(&t);
	for (uint32_t i = 0; r == 0 && i < t.n_columns; i++)
		r = read_column(&t, &t.columns[i]);
	if (r == 0)
		r = book_new(&b);
	if (r == 0)
		r = book_sheet(b, s->lang == LANG_ZH ? "趋势" : "Trend");
	if (r == 0) {
		book_widths(b, 0, 0, 24);
		book_widths(b, 1, t.n_columns * (AGGS_MAX + 1), 16);
		book_freeze(b, 1);
		write_heads(&t, b);
		r = write_rows(&t, b);
	}
	if (r == 0) {
		write_points(&t, b);
		r = book_end(b, out);
	}
	buf_done(&t.cells);
	return r;
}
