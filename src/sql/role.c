/*
 * role.c - inside the confined process: DuckDB is loaded, the door is shut, one statement is run, the end.
 *
 * Only the library is opened before the door is shut; the database, its threads and the statement come after, so all of them live with what
 * the profile leaves: memory, time, and one socket.
 */
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/num.h"
#include "base/str.h"
#include "sql/helper.h"

enum { NICE = 10, NO_ROLE = 70, CPU_S = 1200, AROUND_BYTES = 512 << 20, DETAIL = 1500 };

void sql_profile(uint64_t memory_bytes, struct child_profile *ret)
{
	*ret = (struct child_profile) { .may = CHILD_MAY_THREAD, .cpu_s = CPU_S, .files = 16,
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)     /* these reserve terabytes */
		/* DuckDB keeps count of most of what it takes; this ends the rest. The library itself and stacks come on top. */
		.memory_bytes = 2 * memory_bytes + AROUND_BYTES,
#endif
	};
}

int helper_send(struct helper *h, const struct buf *message)
{
	mutex_hold(&h->lock);
	return message->failed ? err_fail(ERR_NO_MEMORY, "what", "message", NULL) : role_send(&h->talk, message->data, message->len, NULL, 0);
}

/* text: DuckDB's words, or a term of ours ("@…"), which the platform says in the language of who asks. */
static int say_failed(struct helper *h, enum sql_why why, const char *text)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, SQL_BODY_MAX);

	if (atomic_load(&h->source_failed))
		why = SQL_WHY_SOURCE;
	if (atomic_load(&h->wrong)) {           /* without the words that DuckDB put around it */
		why = SQL_WHY_WRONG;
		text = atomic_load(&h->wrong);
	}
	sql_put_u8(&b, SQL_FAILED);
	sql_put_u8(&b, (uint8_t) why);
	text = text ? text : "";
	sql_put_text(&b, text, utf8_valid_prefix(text, MIN(str_len(text), (size_t) DETAIL)));
	return helper_send(h, &b);
}

/* ---- the database ---- */

static int set(struct helper *h, void *config, const char *name, const char *value)
{
	return h->duck.set_config(config, name, value) ? err_failf(ERR_BROKEN, "sql: setting %s", name) : 0;
}

static int open_database(struct helper *h, const char *memory, const char *threads)
{
	static const char *const settings[][2] = { { "temp_directory", "" }, { "autoinstall_known_extensions", "false" },
		{ "autoload_known_extensions", "false" }, { "allow_unsigned_extensions", "false" }, { "allow_community_extensions", "false" },
		{ "allow_persistent_secrets", "false" }, { "enable_external_access", "false" } };       /* last: it locks others */
	void *config = NULL;
	char *error = NULL;
	int r = h->duck.create_config(&config) ? err_failf(ERR_BROKEN, "sql: no configuration") : 0;

	for (size_t i = 0; r >= 0 && i < ELEMENTSOF(settings); i++)
		r = set(h, config, settings[i][0], settings[i][1]);
	if (r >= 0)
		r = set(h, config, "memory_limit", memory);
	if (r >= 0)
		r = set(h, config, "threads", threads);
	if (r >= 0 && h->duck.open_ext(NULL, &h->db, config, &error))
		r = err_failf(ERR_BROKEN, "sql: %s", error ? error : "no database");
	if (r >= 0 && h->duck.connect(h->db, &h->con))
		r = err_failf(ERR_BROKEN, "sql: no connection");
	h->duck.destroy_config(&config);
	return r < 0 ? r : scan_register(h);
}

static int run_quietly(struct helper *h, const char *sql)
{
	struct duck_result r = { .internal = NULL };
	int state = h->duck.query(h->con, sql, &r);

	if (state)
		err_failf(ERR_BROKEN, "%s", h->duck.result_error(&r));
	h->duck.destroy_result(&r);
	return state ? -ERR_BROKEN : 0;
}

/* How clocks are read. */
static int set_zone(struct helper *h, const char *zone)
{
	char sql[200];
	struct buf b = BUF_FIXED(sql);

	buf_addf(&b, "SET TimeZone = '%s'", zone);
	return run_quietly(h, sql);
}

/* ---- the statement ---- */

static enum sql_why why_of(const char *text)
{
	if (str_find(text, "Out of Memory Error") || str_find(text, "could not allocate") || str_find(text, "bad_alloc") || str_find(text, "Failed to allocate"))
		return SQL_WHY_MEMORY;
	return str_starts(text, "Permission Error") || str_find(text, "has been disabled by configuration") ? SQL_WHY_FORBIDDEN : SQL_WHY_WRONG;
}

static int fail_with(struct helper *h, const char *text)
{
	return say_failed(h, why_of(text ? text : ""), text);
}

static int send_rows(struct helper *h, struct render *r, struct buf *b)
{
	int e;

	buf_clear(b);
	sql_put_u8(b, SQL_ROWS);
	e = sql_block_write(render_block(r), b);
	sql_block_clear(render_block(r));
	return e < 0 ? e : helper_send(h, b);
}

/* 1: as many as were wanted, and there are more. */
static int send_chunk(struct helper *h, struct render *r, void *chunk, uint64_t *left, struct buf *b)
{
	uint64_t n = h->duck.data_chunk_get_size(chunk);
	int e = 0;

	for (uint64_t i = 0; e >= 0 && i < n; i++) {
		if (!*left)
			return 1;
		e = render_row(r, chunk, i);
		--*left;
		if (e >= 0 && sql_block_is_full(render_block(r)))
			e = send_rows(h, r, b);
	}
	return e;
}

static int send_result(struct helper *h, struct duck_result *result, uint64_t left)
{
	_cleanup_(buf_done) struct buf b = BUF_INIT(&sys_heap, SQL_BODY_MAX + 64);
	_cleanup_(render_freep) struct render *r = NULL;
	int64_t told_ns = clock_mono_ns();
	void *chunk;
	int e = render_new(h, result, &r);

	if (e >= 0)
		e = render_head(r, &b);
	if (e >= 0)
		e = helper_send(h, &b);
	while (e == 0 && (chunk = h->duck.fetch_chunk(*result))) {
		e = send_chunk(h, r, chunk, &left, &b);
		h->duck.destroy_data_chunk(&chunk);
		/* The first rows soon, then at least every now and then. */
		if (e == 0 && sql_block_rows(render_block(r)) && clock_mono_ns() - told_ns > 200 * NS_PER_MS) {
			e = send_rows(h, r, &b);
			told_ns = clock_mono_ns();
		}
	}
	if (e == 0 && !str_empty(h->duck.result_error(result)))
		return fail_with(h, h->duck.result_error(result));
	bool more = e == 1;
	if (e >= 0 && sql_block_rows(render_block(r)))
		e = send_rows(h, r, &b);
	if (e < 0)
		return e;
	buf_clear(&b);
	sql_put_u8(&b, SQL_END);
	sql_put_u8(&b, more);
	return helper_send(h, &b);
}

static int execute(struct helper *h, void *statement, uint64_t rows)
{
	struct duck_result result = { .internal = NULL };
	int type = h->duck.prepared_statement_type(statement), e;
	void *pending = NULL;

	if (type != DUCK_SELECT && type != DUCK_EXPLAIN)
		return say_failed(h, SQL_WHY_FORBIDDEN, "@sql_only_select");
	if (h->duck.nparams(statement))
		return say_failed(h, SQL_WHY_WRONG, "@sql_parameters");
	if (h->duck.pending_prepared_streaming(statement, &pending))
		return fail_with(h, h->duck.pending_error(pending));
	if (h->duck.execute_pending(pending, &result))
		return fail_with(h, h->duck.result_error(&result));
	e = send_result(h, &result, rows);
	if (e < 0 && e != -ERR_IO) {
		struct err said = err_take(e);

		return say_failed(h, e == -ERR_NO_MEMORY ? SQL_WHY_MEMORY : SQL_WHY_WRONG, e == -ERR_TOO_LARGE ? "@sql_rule_long"
			: e == -ERR_UNSUPPORTED ? "@sql_rule_type" : err_log_text(&said));
	}
	return e;
}

static int run_statement(struct helper *h, const char *sql, uint64_t rows)
{
	void *all = NULL, *statement = NULL;
	uint64_t n = h->duck.extract_statements(h->con, sql, &all);
	const char *error = h->duck.extract_statements_error(all);

	if (!n)
		return say_failed(h, SQL_WHY_WRONG, str_empty(error) ? "@sql_none" : error);
	if (n > 1)
		return say_failed(h, SQL_WHY_FORBIDDEN, "@sql_one");
	if (h->duck.prepare_extracted_statement(h->con, all, 0, &statement))
		return fail_with(h, h->duck.prepare_error(statement));
	return execute(h, statement, rows);
}

/* A failure of ours, without the sentence around it: the platform has its own. */
static const char *own_words(void)
{
	const char *detail = err_arg(err_peek(), "detail");

	return detail ? detail : err_log_text(err_peek());
}

/* The one message from the parent: what to run, and the socket for it. */
static int take_query(struct helper *h, const struct role_message *m, int opened)
{
	struct cur c = cur_of(m->bytes, m->n);
	size_t n_zone = 0, n_sql = 0;
	const char *zone, *sql;
	uint64_t rows;
	char zone_text[80];
	_cleanup_free_ char *text = NULL;
	struct buf z = BUF_FIXED(zone_text);
	int r = m->n_fds == 1 && cur_u8(&c) == SQL_QUERY ? role_of(&h->talk, m->fds[0]) : -ERR_CORRUPT;

	rows = cur_le64(&c);
	zone = sql_get_text(&c, sizeof(zone_text) - 1, &n_zone);
	sql = sql_get_text(&c, SQL_TEXT_MAX, &n_sql);
	if (r < 0 || c.bad || cur_left(&c))
		return -ERR_CORRUPT;
	text = sys_strndup(sql, n_sql);
	buf_addf(&z, "%.*s", (int) n_zone, zone);
	if (opened < 0 || !text)
		return say_failed(h, SQL_WHY_LIBRARY, own_words());
	if (set_zone(h, zone_text) < 0) {
		err_clear();            /* whatever DuckDB says of it: this is said in both languages */
		return say_failed(h, SQL_WHY_ZONE, zone_text);
	}
	r = run_quietly(h, "SET lock_configuration = true");    /* said last: nothing may be set any more */
	return r < 0 ? say_failed(h, SQL_WHY_WRONG, own_words()) : run_statement(h, text, rows);
}

int sql_role(void)
{
	const char *library = getenv("TENON_SQL_LIBRARY"), *memory = getenv("TENON_SQL_MEMORY"), *threads = getenv("TENON_SQL_THREADS");
	struct helper *h = sys_new(struct helper);
	struct child_profile profile;
	struct role_message m;
	char limit[40];
	struct buf b = BUF_FIXED(limit);
	struct role parent;
	uint64_t bytes = 0;
	int r;

	if (!h || !library || !memory || !threads || !num_parse_u64(memory, memory + str_len(memory), &bytes) || role_open(&parent) < 0)
		return NO_ROLE;
	mutex_init(&h->lock);
	setpriority(PRIO_PROCESS, 0, NICE);
	buf_addf(&b, "%lluB", (unsigned long long) bytes);
	sql_profile(bytes, &profile);
	r = duck_load(&h->duck, library);
	if (role_confine(&profile) < 0)
		return NO_ROLE;
	if (r >= 0)
		r = open_database(h, limit, threads);
	if (role_receive(&parent, &m) != 1)
		return 0;
	_exit(take_query(h, &m, r) < 0 ? NO_ROLE : 0);  /* threads of the library may still be at work */
}
