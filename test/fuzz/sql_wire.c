/*
 * Fuzzes what the process that runs a statement may say to the platform (sql/wire.h): a statement that took it over can send anything. The
 * input is messages, each with two bytes of length in front; they are framed as the socket wants them. What comes out is written in all
 * three forms.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/str.h"
#include "io/io.h"
#include "sql/talk.h"
#include "sql/wire.h"
#include "sys/sys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static int bound, opened;

static int on_bind(void *ctx, const struct sql_asked *a, struct sql_shape *ret)
{
	static const struct sql_shape_column columns[] = { { SQL_TIME, "time" }, { SQL_TEXT, "point" }, { SQL_F64, "value" } };

	if (a->function < SQL_TS || a->function >= SQL_FUNCTIONS_ || a->n > SQL_TEXTS_MAX)
		abort();
	for (uint32_t i = 0; i < a->n; i++)
		if (!utf8_is_valid(a->texts[i], str_len(a->texts[i])))
			abort();
	if (a->n && str_eq(a->texts[0], "no"))
		return err_fail(ERR_MISSING, "what", "point", "value", "no", NULL);
	bound++;
	*ret = (struct sql_shape) { .n = ELEMENTSOF(columns), .columns = columns, .scan = &bound };
	return 0;
}

static int on_open(void *ctx, void *scan, const uint16_t *columns, uint32_t n, void **ret)
{
	if (scan != &bound || !bound)
		abort();
	for (uint32_t i = 0; i < n; i++)
		if (columns[i] >= 3)
			abort();
	opened++;
	*ret = &opened;
	return 0;
}

static int on_next(void *ctx, void *cursor, struct sql_block *out)
{
	if (cursor != &opened || opened <= 0)
		abort();
	return sql_block_rows(out) == 0;
}

static void on_close(void *ctx, void *cursor) { opened--; }

static void send_all(int fd, const uint8_t *data, size_t n)
{
	while (n >= 2) {
		size_t len = MIN((size_t) (data[0] | data[1] << 8), n - 2);
		uint8_t head[4] = { (uint8_t) len, (uint8_t) (len >> 8), 0, 0 };

		if (send(fd, head, 4, MSG_DONTWAIT | MSG_NOSIGNAL) != 4 || send(fd, data + 2, len, MSG_DONTWAIT | MSG_NOSIGNAL) != (ssize_t) len)
			return;
		data += 2 + len;
		n -= 2 + len;
	}
}

static void take_all(struct sql_query *q)
{
	struct sql_rows rows;
	uint64_t all = 0;
	bool head = false;

	while (sql_next(q, &rows) > 0) {
		for (enum sql_form f = SQL_FORM_JSON; f <= SQL_FORM_CSV; f++) {
			struct buf out = BUF_INIT(&sys_heap, 16 << 20);
			struct json j = JSON_TO(&out);
			uint32_t row = 0;

			if (!head || f == SQL_FORM_JSON)
				sql_write_head(f, sql_head(q), &j);
			sql_write_rows(f, sql_head(q), &rows, &j, &row, 1 << 20);
			if (!out.failed && !utf8_is_valid(out.data, out.len))
				abort();
			buf_done(&out);
		}
		head = true;
		all += rows.n;
		if (all > 1000)
			abort();                /* more than were asked for */
	}
	err_clear();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	static const struct sql_source source = { .bind = on_bind, .open = on_open, .next = on_next, .close = on_close };
	const struct timeval soon = { .tv_usec = 1000 };
	struct sql_in in = { .rows = 1000, .ms = 1000 };
	struct sql_query *q;
	int fds[2];

	if (n > 60000 || socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0)
		return 0;
	bound = opened = 0;
	setsockopt(fds[1], SOL_SOCKET, SO_SNDTIMEO, &soon, sizeof(soon));      /* nobody reads the answers */
	send_all(fds[0], data, n);
	shutdown(fds[0], SHUT_WR);
	if (talk_new(&in, &source, NULL, fds[1], &q) == 0) {
		take_all(q);
		sql_free(q);
		if (opened)
			abort();
	}
	close(fds[0]);
	err_clear();
	return 0;
}
