/* layout.c - footer, offset index, column index: where everything lies. */
#include "parquet/reader.h"

#include "base/err.h"
#include "base/str.h"
#include "parquet/thrift.h"
#include "sys/sys.h"

enum { FOOT_MAX = 256 << 20, INDEX_MAX = 16 << 20, CHUNK_BYTES_MIN = 16 };

struct found { int64_t type, codec, data_at, dict_at, offset_index, offset_len, column_index, column_len, size; };

struct walk {
	int fd;
	uint64_t file_size;
	const struct pq_col *cols;
	unsigned n_cols;
	struct arena *a;
	struct pq_group *group;
	uint32_t n_groups;
	struct found *found;            /* n_groups × n_cols */
	int64_t rows;
	bool schema_ok;
	const char *key, *value;        /* what pq_read_meta() looks for */
};

static int damaged(const char *detail) { return err_fail(ERR_CORRUPT, "what", "Parquet file", "detail", detail, NULL); }
static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "reading a Parquet file", NULL); }

/* n bytes at `at` with their place checked; the caller frees. */
static int piece(int fd, uint64_t file_size, int64_t at, int64_t n, uint8_t **ret)
{
	if (at < 4 || n < 0 || n > FOOT_MAX || (uint64_t) at > file_size || (uint64_t) n > file_size - (uint64_t) at)
		return damaged("a part lies outside of it");
	uint8_t *p = sys.malloc((size_t) n + 1);
	if (!p)
		return no_memory();
	int r = file_pread_all(fd, p, (size_t) n, at);
	if (r < 0) {
		sys_free(p);
		return r;
	}
	*ret = p;
	return 0;
}

static bool same_text(const uint8_t *p, size_t n, const char *text) { return p && n == str_len(text) && memcmp(p, text, n) == 0; }

/* One SchemaElement; c NULL: the root. */
static bool read_element(struct thrift_in *t, const struct pq_col *c, unsigned n_cols)
{
	struct thrift_field f = { 0 };
	int64_t type = -1, repetition = 0, children = 0;
	bool name = !c;
	size_t n = 0;

	while (thrift_next(t, &f)) {
		if (f.type == T_I32 && f.id == 1)
			type = thrift_read_int(t);
		else if (f.type == T_I32 && f.id == 3)
			repetition = thrift_read_int(t);
		else if (f.type == T_I32 && f.id == 5)
			children = thrift_read_int(t);
		else if (f.type == T_BINARY && f.id == 4 && c) {
			const uint8_t *p = thrift_read_binary(t, &n);

			name = same_text(p, n, c->name);
		} else
			thrift_skip(t, f.type);
	}
	return name && (c ? type == c->type && repetition == c->optional && !children : children == (int64_t) n_cols);
}

static void read_schema(struct walk *w, struct thrift_in *t)
{
	enum thrift_type of;
	size_t n = thrift_read_list(t, &of);

	w->schema_ok = of == T_STRUCT && n == w->n_cols + 1;
	for (size_t i = 0; i < n && !t->c.bad && w->schema_ok; i++)
		w->schema_ok = read_element(t, i ? &w->cols[i - 1] : NULL, w->n_cols);
	if (!w->schema_ok)
		t->c.bad = true;
}

static void read_chunk_meta(struct thrift_in *t, struct found *c)
{
	struct thrift_field f = { 0 };

	while (thrift_next(t, &f)) {
		int64_t *to = NULL;

		if (f.type == T_I32)
			to = f.id == 1 ? &c->type : f.id == 4 ? &c->codec : NULL;
		else if (f.type == T_I64)
			to = f.id == 7 ? &c->size : f.id == 9 ? &c->data_at : f.id == 11 ? &c->dict_at : NULL;
		if (to)
			*to = thrift_read_int(t);
		else
			thrift_skip(t, f.type);
	}
}

static void read_chunk(struct thrift_in *t, struct found *c)
{
	struct thrift_field f = { 0 };

	while (thrift_next(t, &f)) {
		int64_t *to = NULL;

		if (f.type == T_STRUCT && f.id == 3) {
			read_chunk_meta(t, c);
			continue;
		}
		if (f.type == T_I64 || f.type == T_I32)
			to = f.id == 4 ? &c->offset_index : f.id == 5 ? &c->offset_len : f.id == 6 ? &c->column_index :
				f.id == 7 ? &c->column_len : NULL;
		if (to)
			*to = thrift_read_int(t);
		else
			thrift_skip(t, f.type);
	}
}

static void read_group(struct walk *w, struct thrift_in *t, uint32_t g)
{
	struct thrift_field f = { 0 };
	enum thrift_type of;
	int64_t rows = -1;
	bool cols = false;

	while (thrift_next(t, &f)) {
		if (f.type == T_LIST && f.id == 1) {
			size_t n = thrift_read_list(t, &of);

			cols = of == T_STRUCT && n == w->n_cols;
			for (size_t i = 0; i < n && cols && !t->c.bad; i++)
				read_chunk(t, &w->found[(size_t) g * w->n_cols + i]);
			t->c.bad |= !cols;
		} else if (f.type == T_I64 && f.id == 3) {
			rows = thrift_read_int(t);
		} else {
			thrift_skip(t, f.type);
		}
	}
	if (!cols || rows < 1 || rows > PQ_GROUP_ROWS)
		t->c.bad = true;
	else
		w->group[g].rows = (uint32_t) rows;
}

static int read_groups(struct walk *w, struct thrift_in *t)
{
	enum thrift_type of;
	size_t n = thrift_read_list(t, &of);

	if (t->c.bad || n * w->n_cols > cur_left(&t->c) / CHUNK_BYTES_MIN)
		return damaged("it claims too many row groups");
	w->group = arena_array(w->a, struct pq_group, n + 1);
	w->found = arena_array(w->a, struct found, n * w->n_cols + 1);
	if (!w->group || !w->found)
		return no_memory();
	uint64_t row = 0;
	for (size_t g = 0; g < n && !t->c.bad; g++) {
		w->group[g].first_row = row;
		read_group(w, t, (uint32_t) g);
		row += w->group[g].rows;
	}
	w->n_groups = (uint32_t) n;
	return 0;
}

static int read_meta_pair(struct walk *w, struct thrift_in *t)
{
	struct thrift_field f = { 0 };
	bool hit = false;
	size_t n = 0;

	while (thrift_next(t, &f)) {
		const uint8_t *p = f.type == T_BINARY ? thrift_read_binary(t, &n) : NULL;

		if (f.type != T_BINARY)
			thrift_skip(t, f.type);
		else if (f.id == 1)
			hit = same_text(p, n, w->key);
		else if (f.id == 2 && hit && p && !(w->value = arena_strn(w->a, (const char *) p, n)))
			return no_memory();
	}
	return 0;
}

static int read_meta(struct walk *w, struct thrift_in *t)
{
	enum thrift_type of;
	size_t n = thrift_read_list(t, &of);
	int r = 0;

	for (size_t i = 0; i < n && r == 0 && of == T_STRUCT && !t->c.bad; i++)
		r = read_meta_pair(w, t);
	return r;
}

static int read_foot(struct walk *w, const uint8_t *p, size_t n)
{
	struct thrift_in t = { .c = cur_of(p, n) };
	struct thrift_field f = { 0 };
	int r = 0;

	while (r == 0 && thrift_next(&t, &f)) {
		if (f.type == T_I64 && f.id == 3)
			w->rows = thrift_read_int(&t);
		else if (f.type == T_LIST && f.id == 2 && !w->key)
			read_schema(w, &t);
		else if (f.type == T_LIST && f.id == 4 && !w->key)
			r = w->schema_ok ? read_groups(w, &t) : damaged("it has other columns");
		else if (f.type == T_LIST && f.id == 5 && w->key)
			r = read_meta(w, &t);
		else
			thrift_skip(&t, f.type);
	}
	if (r < 0)
		return r;
	return t.c.bad ? damaged(w->key || w->schema_ok ? "its footer cannot be read" : "it has other columns") : 0;
}

static int foot(struct walk *w)
{
	_cleanup_free_ uint8_t *p = NULL;
	uint8_t tail[8];
	uint32_t len;

	if (w->file_size < 12)
		return damaged("it is too short");
	int r = file_pread_all(w->fd, tail, 8, (int64_t) w->file_size - 8);
	if (r < 0)
		return r;
	memcpy(&len, tail, 4);
	if (memcmp(tail + 4, "PAR1", 4) != 0 || len > w->file_size - 12)
		return damaged("it does not end like one");
	r = piece(w->fd, w->file_size, (int64_t) (w->file_size - 8 - len), len, &p);
	return r < 0 ? r : read_foot(w, p, len);
}

static bool read_location(struct thrift_in *t, struct pq_page *p, uint64_t file_size)
{
	struct thrift_field f = { 0 };
	int64_t offset = -1, size = -1, row = -1;

	while (thrift_next(t, &f)) {
		if (f.id == 1 && f.type == T_I64)
			offset = thrift_read_int(t);
		else if (f.id == 2 && f.type == T_I32)
			size = thrift_read_int(t);
		else if (f.id == 3 && f.type == T_I64)
			row = thrift_read_int(t);
		else
			thrift_skip(t, f.type);
	}
	if (offset < 4 || size < 1 || row < 0 || row > UINT32_MAX || (uint64_t) offset > file_size || (uint64_t) size > file_size - (uint64_t) offset)
		return false;
	*p = (struct pq_page) { .offset = (uint64_t) offset, .size = (uint32_t) size, .first_row = (uint32_t) row };
	return !t->c.bad;
}

static int read_offset_index(struct walk *w, const uint8_t *bytes, size_t len, uint32_t rows, struct pq_chunk *ret)
{
	struct thrift_in t = { .c = cur_of(bytes, len) };
	struct thrift_field f = { 0 };
	enum thrift_type of;

	if (!thrift_next(&t, &f) || f.id != 1 || f.type != T_LIST)
		return damaged("an offset index cannot be read");
	size_t n = thrift_read_list(&t, &of);
	if (t.c.bad || of != T_STRUCT || n == 0 || n > rows)
		return damaged("an offset index cannot be read");
	struct pq_page *p = arena_array(w->a, struct pq_page, n);
	if (!p)
		return no_memory();
	for (size_t i = 0; i < n; i++) {
		if (!read_location(&t, &p[i], w->file_size) || (i ? p[i].first_row <= p[i - 1].first_row : p[i].first_row != 0) ||
				p[i].first_row >= rows)
			return damaged("an offset index is not right");
		if (i)
			p[i - 1].rows = p[i].first_row - p[i - 1].first_row;
	}
	p[n - 1].rows = rows - p[n - 1].first_row;
	ret->page = p;
	ret->n_pages = (uint32_t) n;
	return 0;
}

static int64_t bound_int(const uint8_t *p, size_t n)
{
	int64_t v = 0;
	int32_t v32;

	if (n == 8) {
		memcpy(&v, p, 8);
	} else if (n == 4) {
		memcpy(&v32, p, 4);
		v = v32;
	}
	return v;
}

static void read_column_index(const uint8_t *bytes, size_t len, const struct pq_col *col, struct pq_page *page, uint32_t n_pages)
{
	struct thrift_in t = { .c = cur_of(bytes, len) };
	struct thrift_field f = { 0 };
	enum thrift_type of;
	size_t n;

	while (thrift_next(&t, &f)) {
		if (f.type != T_LIST || f.id > 3) {
			thrift_skip(&t, f.type);
			continue;
		}
		size_t items = thrift_read_list(&t, &of);

		if (items != n_pages || of != (f.id == 1 ? of : T_BINARY))
			return;
		for (size_t i = 0; i < items && !t.c.bad; i++) {
			if (f.id == 1) {
				page[i].all_null = thrift_read_item_bool(&t);
				continue;
			}
			const uint8_t *p = thrift_read_binary(&t, &n);
			if (p && !col->unsought)
				*(f.id == 2 ? &page[i].lo : &page[i].hi) = bound_int(p, n);
		}
	}
}

static int chunk(struct walk *w, const struct found *c, unsigned col, uint32_t rows, struct pq_chunk *ret)
{
	_cleanup_free_ uint8_t *offsets = NULL, *columns = NULL;

	if (c->type != w->cols[col].type || c->codec != PQ_ZSTD)
		return damaged("a column is not as expected");
	if (c->offset_len > INDEX_MAX || c->column_len > INDEX_MAX)
		return damaged("an index is too large");
	int r = piece(w->fd, w->file_size, c->offset_index, c->offset_len, &offsets);
	if (r == 0)
		r = read_offset_index(w, offsets, (size_t) c->offset_len, rows, ret);
	if (r == 0 && c->column_len) {
		r = piece(w->fd, w->file_size, c->column_index, c->column_len, &columns);
		if (r == 0)
			read_column_index(columns, (size_t) c->column_len, &w->cols[col], (struct pq_page *) ret->page, ret->n_pages);
	}
	if (r < 0 || !c->dict_at)
		return r;
	if (c->dict_at < 4 || c->data_at <= c->dict_at || (uint64_t) c->data_at > w->file_size)
		return damaged("a dictionary lies outside of it");
	ret->dict_offset = (uint64_t) c->dict_at;
	ret->dict_size = (uint32_t) (c->data_at - c->dict_at);
	return 0;
}

int pq_read_layout(int fd, uint64_t file_size, const struct pq_col *cols, unsigned n_cols, struct arena *a, struct pq_layout *ret)
{
	struct walk w = { .fd = fd, .file_size = file_size, .cols = cols, .n_cols = n_cols, .a = a, .rows = -1 };
	uint64_t rows = 0;
	int r = foot(&w);

	if (r < 0)
		return r;
	for (uint32_t g = 0; g < w.n_groups; g++) {
		for (unsigned i = 0; i < n_cols; i++) {
			r = chunk(&w, &w.found[(size_t) g * n_cols + i], i, w.group[g].rows, &w.group[g].chunk[i]);
			if (r < 0)
				return r;
		}
		rows += w.group[g].rows;
	}
	if (w.rows < 0 || rows != (uint64_t) w.rows)
		return damaged("its row groups do not add up");
	*ret = (struct pq_layout) { .rows = rows, .n_groups = w.n_groups, .n_cols = n_cols, .group = w.group };
	return 0;
}

int pq_read_meta(int fd, uint64_t file_size, const char *key, struct arena *a, const char **ret)
{
	struct walk w = { .fd = fd, .file_size = file_size, .a = a, .key = key };
	int r = foot(&w);

	if (r < 0)
		return r;
	*ret = w.value;
	return 0;
}
