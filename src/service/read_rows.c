/*
 * read_rows.c - samples as rows of text, a piece at a time: point after point, each series of it from where the last piece ended.
 * So an answer of any length needs the memory of one piece.
 */
#include "base/cell.h"
#include "base/num.h"
#include "base/str.h"
#include "base/when.h"
#include "service/read_asked.h"
#include "sys/sys.h"

enum { SERIES_MAX = 8 /* as in read.c */, PIECE_MIN = 64, PIECE_MAX = 4096, ROW_BYTES = 64 };

struct read_rows {
	struct read_asked asked;
	struct arena arena;             /* of the points: they outlive the request */
	enum read_form form;
	uint32_t point;                 /* the one under way */
	uint32_t series[SERIES_MAX];
	size_t n_series, k;             /* of it; series[k] is under way */
	int64_t next_ns;                /* and goes on here */
	uint64_t done, left;            /* rows; left: UINT64_MAX: no limit */
	bool begun;
	/* Filling goes on from one piece to the next: */
	bool any;
	struct tsdb_bucket before;      /* of the series under way, the last that was not made up */
	struct buf before_text;         /* its last value's */
};

struct piece { struct read_rows *rows; struct buf *out; };

/* ---- one row ---- */

static void time_text(char text[WHEN_TEXT_MAX], int64_t ns) { when_format(text, ns); }

static void value_cell(struct buf *out, const struct value *v)
{
	if (v->type == V_STR)
		cell_text(out, v->s, v->len);
	else
		read_value_text(out, v);
}

static void begin_row(const struct read_rows *r, int64_t ns, struct json *j, struct buf *out)
{
	const struct plant_point *p = &r->asked.points[r->point];
	char when[WHEN_TEXT_MAX], id[UUID_TEXT + 1];

	time_text(when, ns);
	if (r->form == READ_CSV) {
		buf_addf(out, "%s,", when);
		cell_text(out, p->path, str_len(p->path));
		buf_addc(out, ',');
		return;
	}
	uuid_format(&p->id, id);
	json_object(j);
	json_kv_str(j, "time", when);
	json_kv_str(j, "point", id);
	json_kv_str(j, "path", p->path);
}

static void end_row(struct read_rows *r, uint32_t quality, struct json *j, struct buf *out)
{
	if (r->form == READ_CSV) {
		buf_addf(out, ",0x%08x\r\n", quality);
	} else {
		json_kv_u64(j, "quality", quality);
		json_end(j);
		buf_addc(out, '\n');
	}
	r->done++;
	if (r->left != UINT64_MAX)
		r->left--;
}

static int on_batch(void *ctx, struct batch *b)
{
	struct piece *piece = ctx;
	struct read_rows *r = piece->rows;
	struct batch_iter it = batch_iter(b, NULL);
	struct sample s;

	while (batch_next(&it, &s)) {
		struct json j = JSON_TO(piece->out);
		begin_row(r, s.time_ns, &j, piece->out);
		if (r->form == READ_CSV) {
			value_cell(piece->out, &s.value);
		} else {
			json_key(&j, "value");
			read_value_json(&j, &s.value);
		}
		end_row(r, s.quality, &j, piece->out);
		r->next_ns = s.time_ns + 1;
	}
	return piece->out->failed ? err_fail(ERR_NO_MEMORY, "what", "query", NULL) : 0;
}

static const char *agg_name(const struct read_rows *r, uint32_t i)
{
	return r->asked.one ? "value" : r->asked.aggs[i].name;
}

static void agg_cell(struct buf *out, const struct read_agg *agg, const struct tsdb_bucket *k)
{
	struct buf text = BUF_INIT(&sys_heap, 4 << 20);

	read_agg_text(&text, agg, k);
	bool is_text = agg->kind == AGG_STATES || (agg->kind == AGG_FIRST && k->first.type == V_STR) || (agg->kind == AGG_LAST && k->last.type == V_STR);
	if (is_text)
		cell_text(out, text.data, text.len);
	else
		cell_plain(out, text.data, text.len);
	out->failed |= text.failed;
	buf_done(&text);
}

static int keep_bucket(struct read_rows *r, const struct tsdb_bucket *k)
{
	r->any = true;
	r->before = *k;
	r->before.states = NULL;
	if (k->last.type == V_STR || k->last.type == V_BYTES) {
		buf_clear(&r->before_text);
		buf_addn(&r->before_text, k->last.s, k->last.len);
		r->before.last.s = r->before_text.data;
	}
	return r->before_text.failed ? err_fail(ERR_NO_MEMORY, "what", "query", NULL) : 0;
}

static int on_buckets(void *ctx, const struct tsdb_bucket *bucket, size_t n)
{
	struct piece *piece = ctx;
	struct read_rows *r = piece->rows;

	for (const struct tsdb_bucket *k = bucket; k < bucket + n; k++) {
		struct json j = JSON_TO(piece->out);
		begin_row(r, k->start_ns, &j, piece->out);
		for (uint32_t i = 0; i < r->asked.n_aggs; i++) {
			if (r->form == READ_CSV) {
				if (i)
					buf_addc(piece->out, ',');
				agg_cell(piece->out, &r->asked.aggs[i], k);
			} else {
				json_key(&j, agg_name(r, i));
				read_agg_json(&j, &r->asked.aggs[i], k);
			}
		}
		end_row(r, k->worst, &j, piece->out);
		r->next_ns = k->end_ns;
	}
	for (const struct tsdb_bucket *k = bucket + n; r->asked.step.fill && k-- > bucket;)
		if (!k->filled)
			return piece->out->failed ? err_fail(ERR_NO_MEMORY, "what", "query", NULL) : keep_bucket(r, k);
	return piece->out->failed ? err_fail(ERR_NO_MEMORY, "what", "query", NULL) : 0;
}

/* ---- from piece to piece ---- */

static void head(const struct read_rows *r, struct buf *out)
{
	buf_add(out, "time,point");
	if (!r->asked.n_aggs)
		buf_add(out, ",value");
	for (uint32_t i = 0; i < r->asked.n_aggs; i++)
		buf_addf(out, ",%s", agg_name(r, i));
	buf_add(out, ",quality\r\n");
}

/* The next series with something left to read; false: there is none. */
static bool settle(struct scope *s, struct read_rows *r)
{
	while (r->left && r->point < r->asked.n) {
		if (r->k < r->n_series && r->next_ns < r->asked.to_ns)
			return true;
		r->k++;
		r->any = false;
		if (r->k >= r->n_series) {
			if (r->n_series)
				r->point++;
			for (; r->point < r->asked.n; r->point++) {
				r->n_series = tsdb_series_of(s->platform->tsdb, s->tenant, &r->asked.points[r->point].id, r->series, SERIES_MAX);
				r->n_series = MIN(r->n_series, (size_t) SERIES_MAX);
				if (r->n_series)
					break;
			}
			r->k = 0;
		}
		r->next_ns = r->asked.from_ns;
	}
	return false;
}

static int read_piece(struct scope *s, struct read_rows *r, uint64_t rows, struct piece *piece)
{
	struct tsdb_query q = { .tenant = s->tenant, .series = &r->series[r->k], .n_series = 1, .from_ns = r->next_ns, .to_ns = r->asked.to_ns,
		.limit = MIN(rows, r->left), .deadline_ns = s->deadline_ns, .cancel = s->cancel };
	struct tsdb_step step = read_step(&r->asked, r->asked.points[r->point].between);

	step.before = r->any ? &r->before : NULL;
	int cut = r->asked.n_aggs ? tsdb_aggregate(s->platform->tsdb, &q, &step, on_buckets, piece)
		: tsdb_range(s->platform->tsdb, &q, on_batch, piece);

	if (cut == 0)
		r->next_ns = r->asked.to_ns;    /* all of this series */
	return MIN(cut, 0);
}

int read_rows_next(struct scope *s, struct read_rows *r, struct buf *out, size_t room)
{
	size_t before = out->len;
	int e = scope_need_somewhere(s, PERM_SAMPLE_READ);      /* read_points() looked at places */

	if (e >= 0 && !r->begun && r->form == READ_CSV)
		head(r, out);
	r->begun = true;
	while (e >= 0 && out->len - before < room && settle(s, r)) {
		struct piece piece = { r, out };
		uint64_t rows = (room - (out->len - before)) / ROW_BYTES;
		e = read_piece(s, r, MIN(MAX(rows, (uint64_t) PIECE_MIN), (uint64_t) PIECE_MAX), &piece);
	}
	return e < 0 ? e : settle(s, r);
}

struct read_rows *read_rows_free(struct read_rows *r)
{
	if (!r)
		return NULL;
	arena_done(&r->arena);
	buf_done(&r->before_text);
	return sys_free(r);
}

int read_rows_new(struct scope *s, const struct query_in *in, enum read_form form, struct read_rows **ret)
{
	_cleanup_(read_rows_freep) struct read_rows *rows = sys_new(struct read_rows);
	struct arena *arena = s->arena;
	int r;

	if (!rows)
		return err_fail(ERR_NO_MEMORY, "what", "query", NULL);
	if (in->group_by)
		return read_wrong_groups(in->group_by, "@no_file_of_groups");
	arena_init(&rows->arena, &sys_heap, 64 << 20);
	rows->before_text = BUF_INIT(&sys_heap, 16 << 20);
	s->arena = &rows->arena;                /* the points are to live as long as the rows */
	r = read_asked(s, in, &rows->asked);
	s->arena = arena;
	if (r < 0)
		return r;
	rows->form = form;
	rows->left = in->limit ? in->limit : UINT64_MAX;
	rows->next_ns = rows->asked.from_ns;
	*ret = take(rows);
	return 0;
}

void read_rows_done(const struct read_rows *r, uint64_t *ret_rows, uint32_t *ret_points, uint32_t *ret_n)
{
	*ret_rows = r->done;
	*ret_points = MIN(r->point, r->asked.n);
	*ret_n = r->asked.n;
}
