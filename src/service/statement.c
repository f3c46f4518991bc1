/* statement.c - a statement from the question to the last byte of its answer. */
#include "service/statement_int.h"

#include "base/str.h"
#include "sys/sys.h"

enum { KEPT_MAX = 96 << 20, AUDIT_TEXT = 4000 };

static const struct rec_field in_fields[] = {
	F_KIND(struct statement_in, sql, REC_TEXT, .flags = REC_REQUIRED, .min = "1", .max = "65536", .label = "Statement", .label_zh = "语句"),
	F(struct statement_in, zone, .max = "60", .label = "Time zone", .label_zh = "时区", .doc = "Of days and clock readings: Asia/Shanghai; default: UTC",
		.doc_zh = "用于日期和钟面时间，如 Asia/Shanghai；默认为 UTC"),
	F(struct statement_in, limit, .def = "10000", .min = "1", .max = "10000000", .label = "Rows at most", .label_zh = "最多行数"),
	F_KIND(struct statement_in, timeout, REC_DURATION, .def = "30s", .min = "100ms", .max = "300s", .label = "Time at most", .label_zh = "最长时间"),
};
const struct rec_type statement_in_type = REC_PLAIN(struct statement_in, "statement", in_fields, .title = "Statement in SQL", .title_zh = "SQL 语句");

/* ---- where its rows come from ---- */

static int on_bind(void *ctx, const struct sql_asked *asked, struct sql_shape *ret)
{
	return asked->function == SQL_RECORDS ? table_bind(ctx, asked, ret) : points_bind(ctx, asked, ret);
}

static int on_open(void *ctx, void *scan, const uint16_t *columns, uint32_t n, void **ret)
{
	struct scan *s = scan;

	return s->noun ? table_open(ctx, s, columns, n, ret) : points_open(ctx, s, columns, n, ret);
}

static int on_next(void *ctx, void *cursor, struct sql_block *out)
{
	struct statement *st = ctx;
	struct reading *r = cursor;
	struct arena *outer = st->s->arena, piece;
	int e;

	/* One answer may take many blocks: what a block needed goes with it. */
	arena_init(&piece, &sys_heap, KEPT_MAX);
	st->s->arena = &piece;
	st->s->reach = NULL;
	e = r->scan->noun ? table_next(st, cursor, out) : points_next(st, cursor, out);
	st->s->arena = outer;
	st->s->reach = NULL;
	arena_done(&piece);
	return e;
}

static void on_close(void *ctx, void *cursor) { }       /* it lies in the statement's arena */

int reading_init(struct statement *st, struct reading *r, struct scan *scan, const uint16_t *columns, uint32_t n)
{
	r->scan = scan;
	r->n = n;
	r->columns = arena_dup(&st->arena, columns, n * sizeof(*columns));
	return r->columns ? 0 : err_fail(ERR_NO_MEMORY, "what", "@statement", NULL);
}

static const struct sql_source source = { .bind = on_bind, .open = on_open, .next = on_next, .close = on_close };

/* ---- beginning ---- */

static int note(struct scope *s, const void *in, void *ret)
{
	const char *sql = in;
	size_t n = str_len(sql), cut = utf8_valid_prefix(sql, MIN(n, (size_t) AUDIT_TEXT));

	return audit_text(s, "sql", arena_fmt(s->arena, "%.*s%s", (int) cut, sql, cut < n ? " …" : ""));
}

static const struct deed sql_query = { .name = "sql.query", .permission = MUST_SAY(PERM_SQL), .store = DEED_TENANT, .placed = true, .run = note };

int statement_new(struct scope *s, const struct statement_in *in, enum sql_form form, const atomic_bool *gone, struct statement **ret)
{
	_cleanup_(statement_freep) struct statement *st = sys_new(struct statement);
	struct sql_in ask = { .text = in->sql, .len = str_len(in->sql), .zone = in->zone, .rows = in->limit, .ms = in->timeout / NS_PER_MS,
		.gone = gone, .ending = &s->platform->ending };
	int r = st ? 0 : err_fail(ERR_NO_MEMORY, "what", "@statement", NULL);

	if (r < 0)
		return r;
	arena_init(&st->arena, &sys_heap, KEPT_MAX);
	st->form = form;
	st->deadline_ns = clock_mono_ns() + in->timeout;
	if (!sql_library(s->platform->sql))
		r = err_fail(ERR_NO_SQL, NULL, NULL);
	if (r >= 0)
		r = scope_do(s, &sql_query, in->sql, NULL);
	if (r >= 0)
		r = sql_begin(s->platform->sql, &ask, &source, st, &st->query);
	if (r >= 0)
		*ret = take(st);
	return r;
}

struct statement *statement_free(struct statement *st)
{
	if (!st)
		return NULL;
	sql_free(st->query);
	tsdb_lease_end(st->lease);
	arena_done(&st->arena);
	return sys_free(st);
}

/* ---- the answer ---- */

bool statement_has_begun(const struct statement *st) { return st->begun; }

static void end_json(struct statement *st)
{
	json_end(&st->json);
	json_kv_u64(&st->json, "count", st->count);
	json_kv_bool(&st->json, "truncated", sql_is_cut(st->query));
}

void statement_error(struct statement *st, const struct err *e, enum lang lang, struct buf *out)
{
	_cleanup_(buf_done) struct buf text = BUF_INIT(&sys_heap, 8192);

	st->json.out = out;
	end_json(st);
	err_text(e, lang, &text);
	json_key(&st->json, "error");
	json_object(&st->json);
	json_kv_str(&st->json, "code", err_code(e->kind));
	json_kv_str(&st->json, "detail", text.data);
	json_end(&st->json);
	json_end(&st->json);
}

static int more(struct statement *st, struct buf *out)
{
	int r = sql_next(st->query, &st->rows);

	if (r < 0)
		return r;
	st->row = 0;
	if (!st->begun) {
		st->begun = true;
		st->json = JSON_TO(out);
		sql_write_head(st->form, sql_head(st->query), &st->json);
	}
	if (r == 0) {
		st->rows.n = 0;
		st->all = true;
		if (st->form != SQL_FORM_JSON)
			return 0;
		end_json(st);
		json_end(&st->json);
	}
	return 0;
}

int statement_next(struct scope *s, struct statement *st, struct buf *out, size_t room)
{
	size_t before = out->len;
	int r = scope_need_somewhere(s, PERM_SQL);

	st->s = s;
	s->reach = NULL;                        /* it may lie in an arena that is gone */
	st->json.out = out;
	while (r >= 0 && !st->all && out->len - before < room) {
		uint32_t from = st->row;

		sql_write_rows(st->form, sql_head(st->query), &st->rows, &st->json, &st->row, room - (out->len - before));
		st->count += st->row - from;
		if (st->row == st->rows.n && out->len - before < room)
			r = more(st, out);
		if (out->failed)
			return err_fail(ERR_NO_MEMORY, "what", "@statement", NULL);
	}
	st->s = NULL;
	s->reach = NULL;
	return r < 0 ? r : !st->all;
}
