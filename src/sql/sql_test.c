/* Rows on the wire and in answers; a conversation with a helper that keeps the rules, and with some that do not. What values look like as
 * text is what DuckDB 1.5 and 2.0 print for them (SELECT x::VARCHAR), instants and dates excepted, which are RFC 3339. */
#include <sys/socket.h>
#include <unistd.h>

#include "io/io.h"
#include "sql/talk.h"
#include "sql/text.h"
#include "sql/wire.h"
#include "sys/sys.h"
#include "tap.h"

static const uint8_t kinds[] = { SQL_BOOL, SQL_I32, SQL_U32, SQL_I64, SQL_U64, SQL_F32, SQL_F64, SQL_TIME, SQL_DATE, SQL_UUID, SQL_TEXT, SQL_NUMBER, SQL_JSON };
enum { N = sizeof(kinds) };

static void put_rows(struct sql_block *b)
{
	static const uint8_t id[16] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

	sql_put(b, 0, &(uint8_t) { 1 });
	sql_put(b, 1, &(int32_t) { -7 });
	sql_put(b, 2, &(uint32_t) { 7 });
	sql_put(b, 3, &(int64_t) { INT64_C(1) << 60 });
	sql_put(b, 4, &(uint64_t) { 5 });
	sql_put(b, 5, &(float) { 0.1f });
	sql_put(b, 6, &(double) { 0.1 });
	sql_put(b, 7, &(int64_t) { 1700000000500000 });
	sql_put(b, 8, &(int32_t) { 19675 });
	sql_put(b, 9, id);
	sql_put_str(b, 10, "=1+1, \"x\"", 9);
	sql_put_str(b, 11, "1.50", 4);
	sql_put_str(b, 12, "{\"a\": [1]}", 10);
	sql_row(b);
	for (uint32_t i = 0; i < N; i++)
		sql_put_null(b, i);
	sql_row(b);
	for (uint32_t i = 0; i < 10; i++)
		sql_put_null(b, i);
	sql_put_str(b, 10, "\xe7\x82\x89", 3);
	sql_put_str(b, 11, "1.5e9", 5);
	sql_put_str(b, 12, "{\"a\":", 5);
	sql_row(b);
}

static struct buf written(void)
{
	struct buf out = BUF_INIT(&sys_heap, 1 << 20);
	struct sql_block *b;

	if (sql_block_new(kinds, N, &b) < 0)
		return out;
	put_rows(b);
	sql_block_write(b, &out);
	sql_block_free(b);
	return out;
}

TEST(rows_of_all_kinds_come_back_as_they_were_put)
{
	_cleanup_(buf_done) struct buf bytes = written();
	struct sql_column c[N];
	struct cur cur = cur_of(bytes.data, bytes.len);
	uint32_t n = 0;
	int64_t i64;
	size_t len;

	is_int(sql_rows_read(&cur, kinds, N, c, &n), 0);
	is_int(n, 3);
	is_int(cur_left(&cur), 0);
	memcpy(&i64, c[3].body, 8);
	is_int(i64, INT64_C(1) << 60);
	for (unsigned i = 0; i < N; i++) {
		ok(sql_is_valid(&c[i], 0));
		ok(!sql_is_valid(&c[i], 1));
		is_int(sql_is_valid(&c[i], 2), i >= 10);
	}
	ok(!memcmp(sql_text(&c[10], 2, &len), "\xe7\x82\x89", 3));
	is_int(len, 3);
}

TEST(rows_cut_anywhere_are_refused)
{
	_cleanup_(buf_done) struct buf bytes = written();
	struct sql_column c[N];
	uint32_t n;

	for (size_t len = 0; len < bytes.len; len++) {
		struct cur cur = cur_of(bytes.data, len);

		is_int(sql_rows_read(&cur, kinds, N, c, &n), -ERR_CORRUPT);
		err_clear();
	}
}

static void write_as(enum sql_form form, struct buf *out)
{
	static const struct sql_head_column columns[N] = { { SQL_BOOL, "b", "BOOLEAN" }, { SQL_I32, "i", "INTEGER" }, { SQL_U32, "u", "UINTEGER" }, { SQL_I64, "l", "BIGINT" },
		{ SQL_U64, "ul", "UBIGINT" }, { SQL_F32, "f", "FLOAT" }, { SQL_F64, "d", "DOUBLE" }, { SQL_TIME, "t", "TIMESTAMP WITH TIME ZONE" }, { SQL_DATE, "dt", "DATE" },
		{ SQL_UUID, "id", "UUID" }, { SQL_TEXT, "s", "VARCHAR" }, { SQL_NUMBER, "n", "DECIMAL(9,2)" }, { SQL_JSON, "j", "JSON" } };
	_cleanup_(buf_done) struct buf bytes = written();
	struct sql_head head = { N, columns };
	struct sql_column c[N];
	struct sql_rows rows = { N, 0, c };
	struct cur cur = cur_of(bytes.data, bytes.len);
	struct json j = JSON_TO(out);
	uint32_t row = 0;

	is_int(sql_rows_read(&cur, kinds, N, c, &rows.n), 0);
	sql_write_head(form, &head, &j);
	sql_write_rows(form, &head, &rows, &j, &row, 1);
	is_int(row, 1);                 /* what is beyond the room waits */
	sql_write_rows(form, &head, &rows, &j, &row, 1 << 20);
	is_int(row, 3);
}

TEST(an_answer_in_csv_guards_texts_and_leaves_nulls_empty)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT(&sys_heap, 1 << 20);

	write_as(SQL_FORM_CSV, &out);
	is_str(out.data, "b,i,u,l,ul,f,d,t,dt,id,s,n,j\r\n"
		"true,-7,7,1152921504606846976,5,0.1,0.1,2023-11-14T22:13:20.5Z,2023-11-14,01020304-0506-0708-090a-0b0c0d0e0f10,\"'=1+1, \"\"x\"\"\",1.50,\"{\"\"a\"\": [1]}\"\r\n"
		",,,,,,,,,,,,\r\n,,,,,,,,,,\xe7\x82\x89,1.5e9,\"{\"\"a\"\":\"\r\n");
}

TEST(an_answer_in_json_believes_neither_numbers_nor_json_unseen)
{
	_cleanup_(buf_done) struct buf out = BUF_INIT(&sys_heap, 1 << 20);

	write_as(SQL_FORM_NDJSON, &out);
	is_str(out.data, "{\"b\":true,\"i\":-7,\"u\":7,\"l\":\"1152921504606846976\",\"ul\":5,\"f\":0.1,\"d\":0.1,\"t\":\"2023-11-14T22:13:20.5Z\",\"dt\":\"2023-11-14\","
		"\"id\":\"01020304-0506-0708-090a-0b0c0d0e0f10\",\"s\":\"=1+1, \\\"x\\\"\",\"n\":1.50,\"j\":{\"a\": [1]}}\n"
		"{\"b\":null,\"i\":null,\"u\":null,\"l\":null,\"ul\":null,\"f\":null,\"d\":null,\"t\":null,\"dt\":null,\"id\":null,\"s\":null,\"n\":null,\"j\":null}\n"
		"{\"b\":null,\"i\":null,\"u\":null,\"l\":null,\"ul\":null,\"f\":null,\"d\":null,\"t\":null,\"dt\":null,\"id\":null,\"s\":\"\xe7\x82\x89\",\"n\":\"1.5e9\",\"j\":\"{\\\"a\\\":\"}\n");
}

#define IS_TEXT(want, call) do { char t_[100]; struct buf b_ = BUF_FIXED(t_); struct buf *b = &b_; t_[0] = 0; call; is_str(t_, want); } while (0)

TEST(values_read_as_sql_writes_them)
{
	IS_TEXT("1 year 2 months 3 days 04:05:06.7", text_interval(b, 14, 3, INT64_C(14706700000)));
	IS_TEXT("00:00:00", text_interval(b, 0, 0, 0));
	IS_TEXT("-00:00:01", text_interval(b, 0, 0, -1000000));
	IS_TEXT("170141183460469231731687303715884105727", text_huge(b, (__int128) (~(unsigned __int128) 0 >> 1), 0));
	IS_TEXT("-170141183460469231731687303715884105728", text_huge(b, -(__int128) (~(unsigned __int128) 0 >> 1) - 1, 0));
	IS_TEXT("340282366920938463463374607431768211455", text_huge_unsigned(b, ~(unsigned __int128) 0));
	IS_TEXT("-0.05", text_huge(b, -5, 2));
	IS_TEXT("123.450", text_huge(b, 123450, 3));
	IS_TEXT("1969-12-31T23:59:59.999999Z", text_instant(b, -1, 1000000, "Z"));
	IS_TEXT("2026-01-31T08:00:00", text_instant(b, 1769846400, 1, ""));
	IS_TEXT("infinity", text_instant(b, INT64_MAX, 1000000, "Z"));
	IS_TEXT("-infinity", text_date(b, -INT32_MAX));
	IS_TEXT("08:00:00.5", text_clock(b, INT64_C(28800500000)));
}

/* ---- conversations ---- */

static int refuse_all(void *ctx, const struct sql_asked *a, struct sql_shape *ret) { return err_fail(ERR_MISSING, "what", "point", "value", a->texts[0], NULL); }
static const struct sql_source source = { .bind = refuse_all };

/* Messages from a helper, framed; then it is gone. */
static int begin(const struct buf *messages, size_t n, struct sql_query **ret, int *ret_theirs)
{
	struct sql_in in = { .rows = 2, .ms = 1000 };
	struct role role;
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0 || role_of(&role, fds[0]) < 0)
		return -1;
	for (size_t i = 0; i < n; i++)
		role_send(&role, messages[i].data, messages[i].len, NULL, 0);
	role.fd = -1;
	role_close(&role);
	shutdown(fds[0], SHUT_WR);
	*ret_theirs = fds[0];
	return talk_new(&in, &source, NULL, fds[1], ret);
}

static struct buf head_message(void)
{
	struct buf b = BUF_INIT(&sys_heap, 1000);

	sql_put_u8(&b, SQL_HEAD);
	sql_put_u16(&b, 1);
	sql_put_u8(&b, SQL_I64);
	sql_put_text(&b, "n", 1);
	sql_put_text(&b, "BIGINT", 6);
	return b;
}

static struct buf rows_message(uint32_t n)
{
	struct buf b = BUF_INIT(&sys_heap, 1000);

	sql_put_u8(&b, SQL_ROWS);
	sql_put_u32(&b, n);
	sql_put_u8(&b, 0);
	for (uint32_t i = 0; i < n; i++)
		sql_put_u64(&b, i);
	return b;
}

static struct buf short_message(enum sql_message m, uint8_t value, const char *text)
{
	struct buf b = BUF_INIT(&sys_heap, 1000);

	sql_put_u8(&b, (uint8_t) m);
	sql_put_u8(&b, value);
	if (text)
		sql_put_text(&b, text, strlen(text));
	return b;
}

/* The result of the last sql_next(), and the rows before it. */
static int outcome(struct buf *messages, size_t n, uint32_t *ret_rows)
{
	struct sql_query *q = NULL;
	struct sql_rows rows;
	int theirs = -1, r = begin(messages, n, &q, &theirs);

	*ret_rows = 0;
	while (r >= 0 && (r = sql_next(q, &rows)) > 0)
		*ret_rows += rows.n;
	sql_free(q);
	close(theirs);
	for (size_t i = 0; i < n; i++)
		buf_done(&messages[i]);
	return r;
}

TEST(a_helper_that_keeps_the_rules_is_understood)
{
	struct buf m[] = { head_message(), rows_message(1), rows_message(1), short_message(SQL_END, 1, NULL) };
	uint32_t rows;

	is_int(outcome(m, 4, &rows), 0);
	is_int(rows, 2);
}

TEST(a_helper_that_dies_or_breaks_the_rules_is_one_sentence)
{
	struct { struct buf m[3]; size_t n; } bad[] = {
		{ { { .data = (char *) "" } }, 0 },                                             /* it says nothing */
		{ { head_message() }, 1 },                                                      /* or not to the end */
		{ { rows_message(1) }, 1 },                                                     /* rows of what? */
		{ { head_message(), head_message() }, 2 },
		{ { head_message(), rows_message(3) }, 2 },                                     /* more than were asked for */
		{ { short_message(SQL_END, 0, NULL) }, 1 },
		{ { head_message(), short_message(SQL_END, 7, NULL) }, 2 },
		{ { short_message(SQL_NEXT, 0, NULL) }, 1 },
		{ { short_message('?', 0, NULL) }, 1 },
		{ { short_message(SQL_FAILED, 200, "x") }, 1 },
		{ { short_message(SQL_FAILED, SQL_WHY_WRONG, "\xff") }, 1 },
	};
	uint32_t rows;

	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		is_int(outcome(bad[i].m, bad[i].n, &rows), -ERR_SQL_DIED);
		err_clear();
	}
}

TEST(why_a_statement_failed_is_told_by_kind)
{
	static const struct { enum sql_why why; int kind; } all[] = { { SQL_WHY_WRONG, ERR_SQL }, { SQL_WHY_FORBIDDEN, ERR_SQL_FORBIDDEN }, { SQL_WHY_MEMORY, ERR_SQL_MEMORY },
		{ SQL_WHY_LIBRARY, ERR_NO_SQL }, { SQL_WHY_ZONE, ERR_INVALID } };
	uint32_t rows;

	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		struct buf m[] = { short_message(SQL_FAILED, (uint8_t) all[i].why, "why") };

		is_int(outcome(m, 1, &rows), -all[i].kind);
		err_clear();
	}
}

TEST(what_the_source_refuses_is_told_in_its_own_words)
{
	struct buf bind = BUF_INIT(&sys_heap, 1000);
	uint32_t rows;

	sql_put_u8(&bind, SQL_BIND);
	sql_put_u8(&bind, SQL_LAST);
	sql_put_u16(&bind, 1);
	sql_put_text(&bind, "press", 5);
	sql_put_text(&bind, "", 0);
	sql_put_text(&bind, "", 0);
	sql_put_u64(&bind, 0);
	struct buf m[] = { bind, short_message(SQL_FAILED, SQL_WHY_SOURCE, "Binder Error: refused") };
	is_int(outcome(m, 2, &rows), -ERR_MISSING);
	is_str(err_arg(err_peek(), "value"), "press");
	err_clear();
}
