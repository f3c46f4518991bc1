/*
 * sql.c - statements in SQL. The deeds are those of service/statement.h.
 *
 * The answer begins when there are rows or it is known that there are none, so that what is wrong with a statement has a status. An answer
 * that is whole by then goes out at once, a longer one as a stream. Whoever hangs up ends his statement.
 */
#include "api/internal.h"
#include "service/statement.h"

enum { FIRST_BYTES = 256 << 10 };

static const char *const offers[] = { "application/json", "application/x-ndjson", "text/csv", NULL };
static const enum sql_form forms[] = { SQL_FORM_JSON, SQL_FORM_NDJSON, SQL_FORM_CSV };
static const char *const types[] = { "application/json", "application/x-ndjson", "text/csv; charset=utf-8" };

/* Lies in the call's arena. */
struct stream { struct call *c; struct statement *st; struct arena piece; struct buf first; };

/* Of JSON alone what went wrong has a place behind the rows; the others are cut, which their readers notice. */
static int broken(struct stream *s, int r, struct buf *out)
{
	struct err e = err_take(r);

	log_info("api", "statement broken request=%s error=\"%s\"", s->c->scope.request, err_log_text(&e));
	if (forms[s->c->offer] != SQL_FORM_JSON || e.kind == ERR_CANCELLED)
		return r;
	statement_error(s->st, &e, s->c->scope.lang, out);
	return HTTP_END;
}

static int fill(void *ctx, struct buf *out, size_t room, void *worker)
{
	struct stream *s = ctx;
	int r;

	if (s->first.len) {
		buf_addn(out, s->first.data, s->first.len);
		buf_done(&s->first);
		return HTTP_MORE;
	}
	s->c->scope.arena = &s->piece;
	r = statement_next(&s->c->scope, s->st, out, room);
	if (r < 0)
		r = broken(s, r, out);
	s->c->scope.arena = &s->c->arena;
	arena_reset(&s->piece);
	return r < 0 ? r : r ? HTTP_MORE : HTTP_END;
}

static void cut(void *ctx)
{
	struct stream *s = ctx;

	atomic_store(&s->c->gone, true);
}

static void streamed(void *ctx)
{
	struct stream *s = ctx;

	statement_free(s->st);
	buf_done(&s->first);
	arena_done(&s->piece);
	call_unref(s->c);
}

static int run_sql(struct call *c)
{
	_cleanup_(statement_freep) struct statement *st = NULL;
	struct stream *s = arena_new(&c->arena, struct stream);
	int r = s ? statement_new(&c->scope, c->in, forms[c->offer], &c->gone, &st) : err_fail(ERR_NO_MEMORY, "what", "@statement", NULL);

	if (r < 0)
		return r;
	call_cancels(c);
	c->content_type = types[c->offer];
	r = statement_next(&c->scope, st, &c->out, FIRST_BYTES);
	if (r < 0)
		return r;
	if (forms[c->offer] != SQL_FORM_JSON)
		call_field(c, "Content-Disposition", c->offer == 2 ? "attachment; filename=\"query.csv\"" : "attachment; filename=\"query.ndjson\"");
	if (r == 0)
		return 0;
	*s = (struct stream) { .c = call_ref(c), .st = take(st), .first = c->out };
	arena_init(&s->piece, &sys_heap, 64 << 20);
	c->out = BUF_INIT(&sys_heap, OUT_MAX);
	c->source = (struct http_source) { .fill = fill, .done = streamed, .cut = cut, .ctx = s, .pool = c->api->workers, .room = FIRST_BYTES };
	return 0;
}

static int run_tables(struct call *c)
{
	struct json j = answer_json(c);

	return statement_tables(&c->scope, &j);
}

static const struct route rows[] = {
	ROUTE("POST", "/sql", PERM_SQL, "sql.query", run_sql, .placed = true, .in = &statement_in_type, .offers = offers, .reads = true,
		.doc = "A SELECT over history (ts, last, rollup) and records, as JSON, NDJSON or CSV"),
	ROUTE("GET", "/sql/tables", PERM_SQL, "sql.tables", run_tables, .placed = true, .doc = "Tables, functions and columns that a statement may name"),
};
const struct routes routes_sql = { rows, ELEMENTSOF(rows) };
