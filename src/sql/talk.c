/*
 * talk.c - the platform's side of the conversation about one statement.
 *
 * The helper ran somebody's statement: each of its messages is read with a cursor, counted against limits, and either understood wholly or
 * the end of it. What it asks for goes to the source, which answers for who may see what.
 */
#include <errno.h>
#include <poll.h>
#include <unistd.h>

#include "base/arena.h"
#include "base/str.h"
#include "base/when.h"
#include "sql/engine.h"
#include "sql/talk.h"

enum { LOOK_MS = 200, CURSORS_MAX = 64, NAMES_BYTES = 256 << 10, WHEN_BYTES = 400 };

struct scan { void *scan; uint32_t n; uint8_t *kinds; };
struct reader { void *cursor; struct sql_block *block; };

struct sql_query {
	struct sql_run *run;            /* NULL: the other end is somebody else's (tests) */
	struct role talk;
	const struct sql_source *source;
	void *ctx;
	struct sql_in in;
	struct scan scans[SQL_SCANS_MAX];
	uint32_t n_scans;
	struct reader readers[CURSORS_MAX];
	struct buf answer;
	struct arena arena;             /* the head */
	struct sql_head head;
	uint8_t *kinds;
	struct sql_column *columns;
	bool has_head, over, cut, failed;
	uint64_t rows;
	struct err said;                /* what the source answered when it refused */
	bool has_said;
};

static int bad(const char *detail) { return err_fail(ERR_CORRUPT, "what", "message", "detail", detail, NULL); }

/* ---- waiting ---- */

static int look_around(const struct sql_query *q)
{
	if (q->in.ending && atomic_load_explicit(q->in.ending, memory_order_relaxed))
		return err_fail(ERR_STOPPING, NULL, NULL);
	if (q->in.gone && atomic_load_explicit(q->in.gone, memory_order_relaxed))
		return err_fail(ERR_CANCELLED, NULL, NULL);
	return 0;
}

/* Why it ended, when it did not say so. */
static int ended(struct sql_query *q)
{
	char ms[24];
	struct buf b = BUF_FIXED(ms);
	enum sql_end how;

	err_clear();
	q->over = true;
	how = q->run ? run_end(q->run) : SQL_ENDED;
	buf_addf(&b, "%lld", (long long) q->in.ms);
	if (how == SQL_TIMED_OUT)
		return err_fail(ERR_TIMEOUT, "what", "@statement", "ms", ms, NULL);
	if (how == SQL_NOT_STARTED) {
		err_put(&q->run->failure);
		return -q->run->failure.kind;
	}
	return err_fail(ERR_SQL_DIED, NULL, NULL);
}

static int receive(struct sql_query *q, struct role_message *ret)
{
	struct pollfd p = { .fd = q->talk.fd, .events = POLLIN };
	int r;

	for (;;) {
		r = role_pending(&q->talk, ret);
		if (r)
			break;
		r = look_around(q);
		if (r < 0)
			return r;
		r = poll(&p, 1, LOOK_MS);
		if (r < 0 && errno != EINTR)
			return sys_fail(errno, "poll", NULL);
		if (r <= 0)
			continue;
		r = role_fill(&q->talk);
		if (r <= 0)
			return ended(q);
	}
	if (r < 0) {
		err_clear();
		return bad("frame");
	}
	for (size_t i = 0; i < ret->n_fds; i++)
		sys.close(ret->fds[i]);
	return 0;
}

static int answer(struct sql_query *q)
{
	if (q->answer.failed)
		return err_fail(ERR_NO_MEMORY, "what", "sql", NULL);
	if (role_send(&q->talk, q->answer.data, q->answer.len, NULL, 0) < 0)
		return ended(q);
	return 0;
}

/* The refusal goes to the helper in a few words, and stays here whole for who asked. */
static int refuse(struct sql_query *q, int r, enum sql_message as)
{
	const char *text;

	q->said = err_take(r);
	q->has_said = true;
	text = err_log_text(&q->said);
	buf_clear(&q->answer);
	sql_put_u8(&q->answer, (uint8_t) as);
	if (as == SQL_BOUND)
		sql_put_u8(&q->answer, 1);
	sql_put_text(&q->answer, text, utf8_valid_prefix(text, str_len(text)));
	return answer(q);
}

/* ---- questions ---- */

static int keep_shape(struct sql_query *q, const struct sql_shape *shape)
{
	struct scan *s = &q->scans[q->n_scans];

	*s = (struct scan) { shape->scan, shape->n, sys_alloc_array(shape->n + 1, 1) };
	if (!s->kinds)
		return err_fail(ERR_NO_MEMORY, "what", "sql", NULL);
	buf_clear(&q->answer);
	sql_put_u8(&q->answer, SQL_BOUND);
	sql_put_u8(&q->answer, 0);
	sql_put_u32(&q->answer, q->n_scans++);
	sql_put_u64(&q->answer, shape->rows);
	sql_put_u16(&q->answer, (uint16_t) shape->n);
	for (uint32_t i = 0; i < shape->n; i++) {
		s->kinds[i] = shape->columns[i].kind;
		sql_put_u8(&q->answer, s->kinds[i]);
		sql_put_text(&q->answer, shape->columns[i].name, str_len(shape->columns[i].name));
	}
	return answer(q);
}

/* A text of the message as a C string, in the arena. */
static const char *get_string(struct arena *a, struct cur *c, size_t max)
{
	size_t n;
	const char *s = sql_get_text(c, max, &n);
	char *copy = s ? arena_strn(a, s, n) : NULL;

	c->bad |= !copy;
	return copy ? copy : "";
}

static int read_asked_for(struct arena *a, struct cur *c, struct sql_asked *ret)
{
	const char **texts;

	ret->function = cur_u8(c);
	ret->n = cur_le16(c);
	if (c->bad || ret->function < SQL_TS || ret->function >= SQL_FUNCTIONS_ || ret->n > SQL_TEXTS_MAX)
		return bad("function");
	texts = arena_array(a, const char *, ret->n + 1u);
	if (!texts)
		return err_fail(ERR_NO_MEMORY, "what", "sql", NULL);
	for (uint32_t i = 0; i < ret->n; i++)
		texts[i] = get_string(a, c, SQL_NAME_BYTES);
	ret->texts = texts;
	ret->from = get_string(a, c, WHEN_BYTES);
	ret->to = get_string(a, c, WHEN_BYTES);
	ret->step_ns = (int64_t) cur_le64(c);
	return c->bad || cur_left(c) ? bad("question") : 0;
}

static int on_bind(struct sql_query *q, struct cur *c)
{
	struct sql_shape shape = { .n = 0 };
	struct sql_asked asked;
	struct arena a;
	int r;

	if (q->n_scans == SQL_SCANS_MAX)
		return refuse(q, err_fail(ERR_LIMIT, "what", "@sql_tables", "max", "64", NULL), SQL_BOUND);
	arena_init(&a, &sys_heap, 8 << 20);
	r = read_asked_for(&a, c, &asked);
	if (r >= 0) {
		r = q->source->bind(q->ctx, &asked, &shape);
		r = r >= 0 ? keep_shape(q, &shape) : refuse(q, r, SQL_BOUND);
	}
	arena_done(&a);
	return r;
}

static int open_reader(struct sql_query *q, const struct scan *s, const uint16_t *columns, uint32_t n, struct reader *ret)
{
	uint8_t kinds[SQL_COLUMNS_MAX];
	int r;

	for (uint32_t i = 0; i < n; i++)
		kinds[i] = s->kinds[columns[i]];
	r = sql_block_new(kinds, n, &ret->block);
	if (r >= 0)
		r = q->source->open(q->ctx, s->scan, columns, n, &ret->cursor);
	if (r < 0)
		ret->block = sql_block_free(ret->block);
	return r;
}

static int on_open(struct sql_query *q, struct cur *c)
{
	uint32_t scan = cur_le32(c), n = cur_le16(c), i = 0;
	uint16_t columns[SQL_COLUMNS_MAX];
	int r;

	if (c->bad || scan >= q->n_scans || !n || n > SQL_COLUMNS_MAX)
		return bad("scan");
	for (uint32_t k = 0; k < n; k++) {
		columns[k] = cur_le16(c);
		if (columns[k] >= q->scans[scan].n)
			return bad("column");
	}
	if (c->bad || cur_left(c))
		return bad("scan");
	while (i < CURSORS_MAX && q->readers[i].block)
		i++;
	r = i == CURSORS_MAX ? err_fail(ERR_LIMIT, "what", "@sql_tables", "max", "64", NULL) : open_reader(q, &q->scans[scan], columns, n, &q->readers[i]);
	if (r < 0)
		return refuse(q, r, SQL_FAILED);
	buf_clear(&q->answer);
	sql_put_u8(&q->answer, SQL_OPENED);
	sql_put_u32(&q->answer, i);
	return answer(q);
}

static struct reader *reader_of(struct sql_query *q, struct cur *c)
{
	uint32_t i = cur_le32(c);

	return !c->bad && !cur_left(c) && i < CURSORS_MAX && q->readers[i].block ? &q->readers[i] : NULL;
}

static int on_next(struct sql_query *q, struct cur *c)
{
	struct reader *k = reader_of(q, c);
	int more, r;

	if (!k)
		return bad("cursor");
	sql_block_clear(k->block);
	more = q->source->next(q->ctx, k->cursor, k->block);
	if (more < 0)
		return refuse(q, more, SQL_FAILED);
	buf_clear(&q->answer);
	sql_put_u8(&q->answer, SQL_DATA);
	sql_put_u8(&q->answer, !more);
	r = sql_block_write(k->block, &q->answer);
	return r < 0 ? refuse(q, r, SQL_FAILED) : answer(q);
}

static void close_reader(struct sql_query *q, struct reader *k)
{
	q->source->close(q->ctx, k->cursor);
	sql_block_free(k->block);
	*k = (struct reader) { .cursor = NULL };
}

static int on_close(struct sql_query *q, struct cur *c)
{
	struct reader *k = reader_of(q, c);

	if (!k)
		return bad("cursor");
	close_reader(q, k);
	return 0;
}

/* ---- what comes unasked ---- */

static int on_head(struct sql_query *q, struct cur *c)
{
	uint32_t n = cur_le16(c);
	struct sql_head_column *columns = arena_array(&q->arena, struct sql_head_column, n + 1u);

	q->kinds = arena_array(&q->arena, uint8_t, n + 1u);
	q->columns = arena_array(&q->arena, struct sql_column, n + 1u);
	if (q->has_head || c->bad || !n || n > SQL_COLUMNS_MAX)
		return bad("head");
	if (!columns || !q->kinds || !q->columns)
		return err_fail(ERR_NO_MEMORY, "what", "sql", NULL);
	for (uint32_t i = 0; i < n; i++) {
		q->kinds[i] = columns[i].kind = cur_u8(c);
		columns[i].name = get_string(&q->arena, c, SQL_NAME_BYTES);
		columns[i].type = get_string(&q->arena, c, SQL_NAME_BYTES);
		if (c->bad || sql_kind_size(q->kinds[i]) == SIZE_MAX)
			return bad("head");
	}
	if (cur_left(c))
		return bad("head");
	q->head = (struct sql_head) { n, columns };
	q->has_head = true;
	return 0;
}

static int on_rows(struct sql_query *q, struct cur *c, struct sql_rows *ret)
{
	uint32_t n;
	int r = q->has_head ? sql_rows_read(c, q->kinds, q->head.n, q->columns, &n) : bad("rows");

	if (r >= 0 && (cur_left(c) || n > q->in.rows - q->rows))
		r = bad("rows");
	if (r < 0)
		return r;
	q->rows += n;
	*ret = (struct sql_rows) { q->head.n, n, q->columns };
	return 1;
}

static int on_end(struct sql_query *q, struct cur *c)
{
	uint8_t more = cur_u8(c);

	if (c->bad || more > 1 || cur_left(c) || !q->has_head)
		return bad("end");
	q->cut = more;
	q->over = true;
	return 0;
}

int sql_no_zone(const char *zone)
{
	return err_at(err_fail(ERR_INVALID, "field", "zone", "rule", "@rule_zone", "value", zone, NULL), "zone");
}

static int on_failed(struct sql_query *q, struct cur *c)
{
	uint8_t why = cur_u8(c);
	struct arena a;
	const char *text;
	int r;

	arena_init(&a, &sys_heap, 64 << 10);
	text = get_string(&a, c, 4000);
	q->over = true;
	if (c->bad || why < SQL_WHY_WRONG || why >= SQL_WHYS_) {
		r = bad("failure");
	} else if (q->has_said) {               /* the platform's own sentence says it best */
		err_put(&q->said);
		r = -q->said.kind;
	} else if (why == SQL_WHY_MEMORY) {
		r = err_fail(ERR_SQL_MEMORY, NULL, NULL);
	} else if (why == SQL_WHY_ZONE) {
		r = sql_no_zone(text);
	} else if (why == SQL_WHY_LIBRARY) {    /* where it lies and what is wrong with it is for who runs the platform */
		log_warn("sql", "statements cannot be run: %s", text);
		r = err_fail(ERR_NO_SQL, NULL, NULL);
	} else {
		r = err_fail(why == SQL_WHY_FORBIDDEN ? ERR_SQL_FORBIDDEN : ERR_SQL, "detail", text, NULL);
	}
	arena_done(&a);
	return r;
}

/* 1: rows; 0: goes on (or q->over). */
static int on_message(struct sql_query *q, const struct role_message *m, struct sql_rows *ret)
{
	struct cur c = cur_of(m->bytes, m->n);

	switch (cur_u8(&c)) {
	case SQL_BIND: return on_bind(q, &c);
	case SQL_OPEN: return on_open(q, &c);
	case SQL_NEXT: return on_next(q, &c);
	case SQL_CLOSE: return on_close(q, &c);
	case SQL_HEAD: return on_head(q, &c);
	case SQL_ROWS: return on_rows(q, &c, ret);
	case SQL_END: return on_end(q, &c);
	case SQL_FAILED: return on_failed(q, &c);
	default: return bad("kind");
	}
}

int sql_next(struct sql_query *q, struct sql_rows *ret)
{
	struct sql_rows rows = { .n = 0 };
	struct role_message m;
	char text[40] = "";
	struct buf why = BUF_FIXED(text);
	int r = 0;

	while (r == 0 && !q->over) {
		bool had_head = q->has_head;

		r = receive(q, &m);
		if (r >= 0)
			r = on_message(q, &m, &rows);
		if (r == 0 && q->has_head && !had_head)
			r = 1;                  /* columns without rows yet */
	}
	if (r == -ERR_CORRUPT) {
		const char *broken = err_arg(err_peek(), "detail");

		buf_add(&why, broken ? broken : "");
		r = err_wrap(ended(q), "its helper broke the rules (%s)", why.data);
	}
	q->failed |= r < 0;
	q->over |= r < 0;
	if (r >= 0)
		*ret = rows;
	return r;
}

const struct sql_head *sql_head(const struct sql_query *q) { return &q->head; }
bool sql_is_cut(const struct sql_query *q) { return q->cut; }

/* ---- life ---- */

int talk_new(const struct sql_in *in, const struct sql_source *source, void *ctx, int fd, struct sql_query **ret)
{
	struct sql_query *q = sys_new(struct sql_query);

	if (!q) {
		sys.close(fd);
		return err_fail(ERR_NO_MEMORY, "what", "sql", NULL);
	}
	q->in = *in;
	q->source = source;
	q->ctx = ctx;
	q->answer = BUF_INIT(&sys_heap, SQL_BODY_MAX + 64);
	arena_init(&q->arena, &sys_heap, 8 << 20);
	if (role_of(&q->talk, fd) < 0) {
		sql_free(q);
		return -ERR_NO_MEMORY;
	}
	*ret = q;
	return 0;
}

int sql_begin(struct sql_engine *e, const struct sql_in *in, const struct sql_source *source, void *ctx, struct sql_query **ret)
{
	struct sql_run *run;
	int fd, r = run_new(e, in, &run, &fd);

	if (r < 0)
		return r;
	r = talk_new(in, source, ctx, fd, ret);
	if (r >= 0) {
		(*ret)->run = run;
		return 0;
	}
	run_free(run, true);
	return r;
}

struct sql_query *sql_free(struct sql_query *q)
{
	if (!q)
		return NULL;
	if (q->run)
		run_free(q->run, q->failed);
	role_close(&q->talk);
	for (uint32_t i = 0; i < CURSORS_MAX; i++)
		if (q->readers[i].block)
			close_reader(q, &q->readers[i]);
	for (uint32_t i = 0; i < q->n_scans; i++)
		sys_free(q->scans[i].kinds);
	buf_done(&q->answer);
	arena_done(&q->arena);
	return sys_free(q);
}
