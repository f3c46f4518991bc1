/* thrift.c - Thrift's compact protocol, writing and reading. */
#include "parquet/thrift.h"

#include "base/str.h"
#include "parquet/code.h"

static void varint(struct thrift_out *w, uint64_t v)
{
	uint8_t bytes[VARINT_MAX];
	struct pen p = pen_of(bytes, sizeof(bytes));

	pen_varint(&p, v);
	buf_addn(w->out, bytes, (size_t) (p.at - bytes));
}

static void field(struct thrift_out *w, int id, enum thrift_type type)
{
	int step = id - w->last[w->depth];

	if (step > 0 && step < 16) {
		buf_addc(w->out, (char) (step << 4 | (int) type));
	} else {
		buf_addc(w->out, (char) type);
		varint(w, zigzag(id));
	}
	w->last[w->depth] = (int16_t) id;
}

void thrift_int(struct thrift_out *w, int id, enum thrift_type type, int64_t v)
{
	field(w, id, type);
	varint(w, zigzag(v));
}

void thrift_bool(struct thrift_out *w, int id, bool v) { field(w, id, v ? T_TRUE : T_FALSE); }

void thrift_binary(struct thrift_out *w, int id, const void *bytes, size_t n)
{
	field(w, id, T_BINARY);
	thrift_item_binary(w, bytes, n);
}

void thrift_text(struct thrift_out *w, int id, const char *text) { thrift_binary(w, id, text, str_len(text)); }

void thrift_list(struct thrift_out *w, int id, enum thrift_type of, size_t n)
{
	field(w, id, T_LIST);
	if (n < 15) {
		buf_addc(w->out, (char) (n << 4 | of));
	} else {
		buf_addc(w->out, (char) (0xf0 | of));
		varint(w, n);
	}
}

void thrift_item_int(struct thrift_out *w, int64_t v) { varint(w, zigzag(v)); }
void thrift_item_bool(struct thrift_out *w, bool v) { buf_addc(w->out, v ? T_TRUE : T_FALSE); }

void thrift_item_binary(struct thrift_out *w, const void *bytes, size_t n)
{
	varint(w, n);
	if (n)
		buf_addn(w->out, bytes, n);
}

void thrift_item_begin(struct thrift_out *w) { w->last[++w->depth] = 0; }

void thrift_begin(struct thrift_out *w, int id)
{
	field(w, id, T_STRUCT);
	thrift_item_begin(w);
}

void thrift_end(struct thrift_out *w)
{
	buf_addc(w->out, T_STOP);
	w->depth--;
}

bool thrift_next(struct thrift_in *r, struct thrift_field *f)
{
	uint8_t head = cur_u8(&r->c);

	if (r->c.bad || head == T_STOP)
		return false;
	f->type = head & 15;
	if (head >> 4)
		f->id += head >> 4;
	else
		f->id = (int16_t) unzigzag(cur_varint(&r->c));
	if (f->type == T_STOP || f->type > T_STRUCT || f->id > 32767)
		r->c.bad = true;
	return !r->c.bad;
}

int64_t thrift_read_int(struct thrift_in *r) { return unzigzag(cur_varint(&r->c)); }
bool thrift_read_item_bool(struct thrift_in *r) { return cur_u8(&r->c) == T_TRUE; }

const uint8_t *thrift_read_binary(struct thrift_in *r, size_t *ret_n)
{
	uint64_t n = cur_varint(&r->c);

	if (r->c.bad || n > cur_left(&r->c)) {
		r->c.bad = true;
		return NULL;
	}
	*ret_n = n;
	return cur_take(&r->c, n);
}

size_t thrift_read_list(struct thrift_in *r, enum thrift_type *ret_of)
{
	uint8_t head = cur_u8(&r->c);
	uint64_t n = head >> 4 < 15 ? head >> 4 : cur_varint(&r->c);

	*ret_of = head & 15;
	if (r->c.bad || n > cur_left(&r->c) || (n && (*ret_of == T_STOP || *ret_of > T_STRUCT))) {
		r->c.bad = true;
		return 0;
	}
	return n;
}

static void skip(struct thrift_in *r, enum thrift_type type, unsigned depth);

static void skip_many(struct thrift_in *r, enum thrift_type of, size_t n, unsigned depth)
{
	for (size_t i = 0; i < n && !r->c.bad; i++) {
		if (of == T_TRUE || of == T_FALSE)
			cur_u8(&r->c);
		else
			skip(r, of, depth);
	}
}

static void skip_map(struct thrift_in *r, unsigned depth)
{
	uint64_t n = cur_varint(&r->c);
	uint8_t types = n ? cur_u8(&r->c) : 0;

	if (n > cur_left(&r->c))
		r->c.bad = true;
	for (uint64_t i = 0; i < n && !r->c.bad; i++) {
		skip_many(r, types >> 4, 1, depth);
		skip_many(r, types & 15, 1, depth);
	}
}

static void skip_struct(struct thrift_in *r, unsigned depth)
{
	struct thrift_field f = { 0 };

	while (thrift_next(r, &f))
		skip(r, f.type, depth);
}

static void skip(struct thrift_in *r, enum thrift_type type, unsigned depth)
{
	enum thrift_type of;
	size_t n;

	if (depth > THRIFT_DEPTH_MAX) {
		r->c.bad = true;
		return;
	}
	switch (type) {
	case T_TRUE:
	case T_FALSE:
		return;
	case T_BYTE:
		cur_u8(&r->c);
		return;
	case T_I16:
	case T_I32:
	case T_I64:
		cur_varint(&r->c);
		return;
	case T_DOUBLE:
		cur_take(&r->c, 8);
		return;
	case T_BINARY:
		thrift_read_binary(r, &n);
		return;
	case T_LIST:
	case T_SET:
		n = thrift_read_list(r, &of);
		skip_many(r, of, n, depth + 1);
		return;
	case T_MAP:
		skip_map(r, depth + 1);
		return;
	case T_STRUCT:
		skip_struct(r, depth + 1);
		return;
	default:
		r->c.bad = true;
	}
}

void thrift_skip(struct thrift_in *r, enum thrift_type type) { skip(r, type, 0); }
