/* wire.c - messages and columns, both ways. */
#include "sql/wire.h"

#include <string.h>

#include "base/str.h"
#include "sys/sys.h"

struct side { struct buf valid, body, offsets; bool has_null; };

struct sql_block {
	uint32_t n_columns, n;
	size_t bytes;
	uint8_t *kinds;
	struct side *sides;
};

void sql_put_u32(struct buf *b, uint32_t v) { buf_addn(b, &v, sizeof(v)); }
void sql_put_u64(struct buf *b, uint64_t v) { buf_addn(b, &v, sizeof(v)); }

void sql_put_text(struct buf *b, const char *s, size_t n)
{
	sql_put_u32(b, (uint32_t) n);
	buf_addn(b, s, n);
}

const char *sql_get_text(struct cur *c, size_t max, size_t *ret_n)
{
	size_t n = cur_le32(c);
	const char *s = n <= max ? (const char *) cur_take(c, n) : NULL;

	if (!s || memchr(s, 0, n) || !utf8_is_valid(s, n)) {
		c->bad = true;
		return NULL;
	}
	*ret_n = n;
	return s;
}

size_t sql_kind_size(enum sql_kind k)
{
	static const uint8_t sizes[SQL_KINDS_] = { [SQL_BOOL] = 1, [SQL_I32] = 4, [SQL_U32] = 4, [SQL_I64] = 8, [SQL_U64] = 8, [SQL_F32] = 4,
		[SQL_F64] = 8, [SQL_TIME] = 8, [SQL_DATE] = 4, [SQL_UUID] = 16 };

	return k >= SQL_BOOL && k < SQL_KINDS_ ? sizes[k] : SIZE_MAX;
}

/* ---- reading ---- */

static uint32_t offset_at(const struct sql_column *c, uint32_t i)
{
	uint32_t v;

	memcpy(&v, c->offsets + (size_t) i * 4, 4);
	return v;
}

const char *sql_text(const struct sql_column *c, uint32_t row, size_t *ret_n)
{
	uint32_t from = offset_at(c, row);

	*ret_n = offset_at(c, row + 1) - from;
	return (const char *) c->body + from;
}

static bool read_texts(struct cur *c, uint32_t n, struct sql_column *ret)
{
	uint32_t before = 0;

	ret->offsets = cur_take(c, ((size_t) n + 1) * 4);
	if (!ret->offsets || offset_at(ret, 0) != 0)
		return false;
	for (uint32_t i = 1; i <= n; i++) {
		uint32_t at = offset_at(ret, i);

		if (at < before)
			return false;
		before = at;
	}
	ret->text_len = before;
	ret->body = cur_take(c, before);
	if (!ret->body)
		return false;
	for (uint32_t i = 0; i < n; i++) {
		size_t len;
		const char *s = sql_text(ret, i, &len);

		if (!utf8_is_valid(s, len))
			return false;
	}
	return true;
}

static bool read_column(struct cur *c, uint32_t n, struct sql_column *ret)
{
	size_t size = sql_kind_size(ret->kind);
	uint8_t has_valid = cur_u8(c);

	if (has_valid > 1 || size == SIZE_MAX)
		return false;
	ret->valid = has_valid ? cur_take(c, ((size_t) n + 7) / 8) : NULL;
	if (has_valid && !ret->valid)
		return false;
	if (!size)
		return read_texts(c, n, ret);
	ret->body = cur_take(c, n * size);
	for (uint32_t i = 0; ret->body && ret->kind == SQL_BOOL && i < n; i++)
		if (ret->body[i] > 1)
			return false;
	return ret->body != NULL;
}

int sql_rows_read(struct cur *c, const uint8_t *kinds, uint32_t n_columns, struct sql_column *columns, uint32_t *ret_rows)
{
	uint32_t n = cur_le32(c);

	/* Rows of no columns would cost the sender nothing. */
	if (c->bad || n > SQL_BODY_MAX || (n && !n_columns))
		return err_fail(ERR_CORRUPT, "what", "message", "detail", "rows", NULL);
	for (uint32_t i = 0; i < n_columns; i++) {
		columns[i] = (struct sql_column) { .kind = kinds[i] };
		if (!read_column(c, n, &columns[i]))
			return err_fail(ERR_CORRUPT, "what", "message", "detail", "column", NULL);
	}
	*ret_rows = n;
	return 0;
}

/* ---- writing ---- */

int sql_block_new(const uint8_t *kinds, uint32_t n_columns, struct sql_block **ret)
{
	_cleanup_(sql_block_freep) struct sql_block *b = sys_new(struct sql_block);

	if (!b)
		return err_fail(ERR_NO_MEMORY, "what", "rows", NULL);
	b->kinds = sys_alloc_array(n_columns + 1, 1);
	b->sides = sys_alloc_array(n_columns + 1, sizeof(*b->sides));
	if (!b->kinds || !b->sides)
		return err_fail(ERR_NO_MEMORY, "what", "rows", NULL);
	memcpy(b->kinds, kinds, n_columns);
	b->n_columns = n_columns;
	for (uint32_t i = 0; i < n_columns; i++)
		b->sides[i] = (struct side) { BUF_INIT(&sys_heap, SQL_BODY_MAX), BUF_INIT(&sys_heap, SQL_BODY_MAX), BUF_INIT(&sys_heap, SQL_BODY_MAX), false };
	*ret = take(b);
	return 0;
}

struct sql_block *sql_block_free(struct sql_block *b)
{
	if (!b)
		return NULL;
	for (uint32_t i = 0; b->sides && i < b->n_columns; i++) {
		buf_done(&b->sides[i].valid);
		buf_done(&b->sides[i].body);
		buf_done(&b->sides[i].offsets);
	}
	sys_free(b->kinds);
	sys_free(b->sides);
	return sys_free(b);
}

void sql_block_clear(struct sql_block *b)
{
	for (uint32_t i = 0; i < b->n_columns; i++) {
		buf_clear(&b->sides[i].valid);
		buf_clear(&b->sides[i].body);
		buf_clear(&b->sides[i].offsets);
		b->sides[i].has_null = false;
	}
	b->n = 0;
	b->bytes = 0;
}

static void mark(struct sql_block *b, uint32_t column, bool valid)
{
	struct side *s = &b->sides[column];

	if (b->n % 8 == 0)
		buf_addc(&s->valid, 0);
	if (valid && s->valid.len > b->n / 8)
		s->valid.data[b->n / 8] |= (char) (1u << (b->n % 8));
	s->has_null |= !valid;
}

void sql_put(struct sql_block *b, uint32_t column, const void *value)
{
	size_t size = sql_kind_size(b->kinds[column]);

	mark(b, column, true);
	buf_addn(&b->sides[column].body, value, size);
	b->bytes += size;
}

void sql_put_str(struct sql_block *b, uint32_t column, const char *text, size_t n)
{
	struct side *s = &b->sides[column];

	mark(b, column, true);
	sql_put_u32(&s->offsets, (uint32_t) s->body.len);
	buf_addn(&s->body, text, n);
	b->bytes += n + 4;
}

void sql_put_null(struct sql_block *b, uint32_t column)
{
	static const uint8_t none[16];
	struct side *s = &b->sides[column];
	size_t size = sql_kind_size(b->kinds[column]);

	mark(b, column, false);
	if (size)
		buf_addn(&s->body, none, size);
	else
		sql_put_u32(&s->offsets, (uint32_t) s->body.len);
	b->bytes += size ? size : 4;
}

void sql_row(struct sql_block *b) { b->n++; }
uint32_t sql_block_rows(const struct sql_block *b) { return b->n; }
uint8_t sql_block_kind(const struct sql_block *b, uint32_t column) { return b->kinds[column]; }
bool sql_block_is_full(const struct sql_block *b) { return b->bytes >= SQL_BLOCK_BYTES || b->n >= SQL_BLOCK_ROWS; }

int sql_block_write(const struct sql_block *b, struct buf *out)
{
	sql_put_u32(out, b->n);
	for (uint32_t i = 0; i < b->n_columns; i++) {
		const struct side *s = &b->sides[i];

		if (s->valid.failed || s->body.failed || s->offsets.failed)
			return err_fail(ERR_TOO_LARGE, "what", "@row", "max", "1048000", NULL);
		sql_put_u8(out, s->has_null);
		if (s->has_null)
			buf_addn(out, s->valid.data, s->valid.len);
		if (!sql_kind_size(b->kinds[i])) {
			buf_addn(out, s->offsets.data, s->offsets.len);
			sql_put_u32(out, (uint32_t) s->body.len);
		}
		buf_addn(out, s->body.data, s->body.len);
	}
	return out->failed ? err_fail(ERR_TOO_LARGE, "what", "@row", "max", "1048000", NULL) : 0;
}
