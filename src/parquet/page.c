/* page.c - one page from the file to values in memory. */
#include "parquet/reader.h"

#include <string.h>
#include <zstd.h>

#include "base/err.h"
#include "parquet/code.h"
#include "parquet/crc32.h"
#include "parquet/thrift.h"
#include "sys/sys.h"

enum { RAW_MAX = 32 << 20, PACKED_MAX = 34 << 20, ROWS_MAX = PQ_GROUP_ROWS };

struct pq_scratch {
	ZSTD_DCtx *zstd;
	uint8_t *packed;
	size_t packed_room;
	uint16_t *index;
	uint32_t index_room;
	struct pq_spare *spare;
};

struct header { int64_t type, raw, packed, crc, n, encoding, levels; bool has_crc; };

static int damaged(const char *detail) { return err_fail(ERR_CORRUPT, "what", "Parquet page", "detail", detail, NULL); }
static int no_memory(void) { return err_fail(ERR_NO_MEMORY, "what", "reading a Parquet page", NULL); }

int pq_scratch_new(struct pq_scratch **ret)
{
	struct pq_scratch *s = sys_new(struct pq_scratch);

	if (!s)
		return no_memory();
	s->zstd = ZSTD_createDCtx();
	if (!s->zstd) {
		sys_free(s);
		return no_memory();
	}
	*ret = s;
	return 0;
}

struct pq_scratch *pq_scratch_free(struct pq_scratch *s)
{
	if (!s)
		return NULL;
	if (s->spare)
		s->spare->free(s->spare);
	ZSTD_freeDCtx(s->zstd);
	sys_free(s->packed);
	sys_free(s->index);
	return sys_free(s);
}

int64_t pq_number(const struct pq_values *v, uint32_t row)
{
	uint32_t at = pq_place(v, row), i = v->n_runs;

	if (!i)
		return v->v[at];
	while (v->run[--i].first > at)
		;
	return (int64_t) ((uint64_t) v->run[i].value + (at - v->run[i].first) * v->run[i].step);
}

struct pq_spare **pq_scratch_spare(struct pq_scratch *s) { return &s->spare; }

void pq_values_done(struct pq_values *v)
{
	sys_free(v->v);
	sys_free(v->text);
	sys_free(v->def_room);
	sys_free(v->raw);
	*v = (struct pq_values) { 0 };
}

void pq_dict_done(struct pq_dict *d)
{
	sys_free(d->v);
	sys_free(d->text);
	sys_free(d->raw);
	*d = (struct pq_dict) { 0 };
}

/* Room for n items of `size` bytes in *p; contents are lost. */
static bool need(void *pp, uint32_t *room, size_t n, size_t size)
{
	void **p = pp;

	if (n <= *room)
		return true;
	void *fresh = sys.malloc(n * size);
	if (!fresh)
		return false;
	sys_free(*p);
	*p = fresh;
	*room = (uint32_t) n;
	return true;
}

static void read_page_header(struct thrift_in *t, struct header *h)
{
	struct thrift_field f = { 0 };

	while (thrift_next(t, &f)) {
		if (f.type != T_I32)
			thrift_skip(t, f.type);
		else if (f.id == 1)
			h->n = thrift_read_int(t);
		else if (f.id == 2)
			h->encoding = thrift_read_int(t);
		else if (f.id == 3)
			h->levels = thrift_read_int(t);
		else
			thrift_skip(t, f.type);
	}
}

static bool read_header(struct thrift_in *t, struct header *h)
{
	struct thrift_field f = { 0 };

	*h = (struct header) { .type = -1, .raw = -1, .packed = -1, .n = -1, .encoding = -1, .levels = PQ_RLE };
	while (thrift_next(t, &f)) {
		if (f.type == T_STRUCT && (f.id == 5 || f.id == 7)) {
			read_page_header(t, h);
		} else if (f.type == T_I32 && f.id <= 4) {
			int64_t v = thrift_read_int(t);

			*(f.id == 1 ? &h->type : f.id == 2 ? &h->raw : f.id == 3 ? &h->packed : &h->crc) = v;
			h->has_crc |= f.id == 4;
		} else {
			thrift_skip(t, f.type);
		}
	}
	return !t->c.bad;
}

struct piece { uint64_t offset; uint32_t size; enum pq_page_type type; };
struct raw { uint8_t **bytes; size_t *room; };

/* Reads header and body of a page, checks, decompresses (room grows) with CODE_SLACK bytes behind. */
static int load(struct pq_scratch *s, int fd, struct piece at, struct header *h, struct raw raw)
{
	uint32_t size = at.size;

	if (size > PACKED_MAX)
		return damaged("it is too large");
	if (size > s->packed_room) {
		uint8_t *p = sys_resize(s->packed, size);

		if (!p)
			return no_memory();
		s->packed = p;
		s->packed_room = size;
	}
	int r = file_pread_all(fd, s->packed, size, (int64_t) at.offset);
	if (r < 0)
		return r;
	struct thrift_in t = { .c = cur_of(s->packed, size) };
	if (!read_header(&t, h) || h->type != (int64_t) at.type || h->packed < 0 || (uint64_t) h->packed != cur_left(&t.c))
		return damaged("its header is not one");
	if (h->raw < 0 || h->raw > RAW_MAX || h->n < 0 || h->n > ROWS_MAX)
		return damaged("it claims too much");
	if (h->has_crc && (uint32_t) h->crc != crc32_of(t.c.at, (size_t) h->packed))
		return damaged("its checksum is wrong");
	if ((size_t) h->raw + CODE_SLACK > *raw.room) {
		uint8_t *p = sys_resize(*raw.bytes, (size_t) h->raw + CODE_SLACK);

		if (!p)
			return no_memory();
		*raw.bytes = p;
		*raw.room = (size_t) h->raw + CODE_SLACK;
	}
	size_t n = ZSTD_decompressDCtx(s->zstd, *raw.bytes, (size_t) h->raw, t.c.at, (size_t) h->packed);
	if (ZSTD_isError(n) || n != (size_t) h->raw)
		return damaged("it does not decompress");
	memset(*raw.bytes + h->raw, 0, CODE_SLACK);
	return 0;
}

static bool plain_values(struct cur *c, const struct pq_col *col, int64_t *v, uint32_t n)
{
	unsigned width = pq_width(col->type);
	const uint8_t *p = cur_take(c, (size_t) n * width);

	if (!p)
		return false;
	if (width == 8) {
		memcpy(v, p, (size_t) n * 8);
		return true;
	}
	for (uint32_t i = 0; i < n; i++) {
		uint32_t x;

		memcpy(&x, p + 4 * (size_t) i, 4);
		v[i] = col->type == PQ_INT32 ? (int64_t) (int32_t) x : (int64_t) x;
	}
	return true;
}

static bool plain_texts(struct cur *c, const uint8_t **text, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		text[i] = c->at;
		cur_take(c, cur_le32(c));
	}
	return !c->bad;
}

int pq_read_dict(struct pq_scratch *s, int fd, const struct pq_col *col, const struct pq_chunk *chunk, struct pq_dict *ret)
{
	struct pq_dict d = { 0 };
	struct header h;
	size_t room = 0;
	int r = load(s, fd, (struct piece) { chunk->dict_offset, chunk->dict_size, PQ_DICTIONARY_PAGE }, &h, (struct raw) { &d.raw, &room });

	if (r == 0 && h.n > UINT16_MAX)
		r = damaged("its dictionary is too large");
	if (r == 0) {
		struct cur c = cur_of(d.raw, (size_t) h.raw);
		bool good;

		d.n = (uint32_t) h.n;
		if (col->type == PQ_BYTES) {
			d.text = sys_alloc_array(d.n + 1, sizeof(*d.text));
			good = d.text && plain_texts(&c, d.text, d.n);
		} else {
			d.v = sys_alloc_array(d.n + 1, sizeof(*d.v));
			good = d.v && plain_values(&c, col, d.v, d.n);
		}
		if (!good)
			r = d.text || d.v ? damaged("its dictionary ends too early") : no_memory();
	}
	if (r < 0) {
		pq_dict_done(&d);
		return r;
	}
	*ret = d;
	return 0;
}

static int dict_values(struct pq_scratch *s, struct cur *c, const struct pq_col *col, const struct pq_dict *dict,
	struct pq_values *to)
{
	uint32_t n = to->rows;

	if (!dict || !dict->n)
		return damaged("its dictionary is missing");
	unsigned width = cur_u8(c);
	if (col->type != PQ_BYTES) {
		const struct rle_of of = { dict->v, dict->n, width };

		return !c->bad && width <= 16 && rle_lookup(c, &of, to->v, n) ? 0 : damaged("its indices are not right");
	}
	if (!need(&s->index, &s->index_room, n, sizeof(*s->index)))
		return no_memory();
	if (c->bad || width > 16 || !rle_decode(c, s->index, n, width))
		return damaged("its indices are not right");
	const uint16_t *index = s->index;
	uint32_t most = 0;
	for (uint32_t i = 0; i < n; i++)
		most = MAX(most, (uint32_t) index[i]);
	if (most >= dict->n)
		return damaged("an index is beyond its dictionary");
	for (uint32_t i = 0; i < n; i++)
		to->text[i] = dict->text[index[i]];
	return 0;
}

/* n values that are there, without gaps. */
static int dense(struct pq_scratch *s, struct cur *c, const struct header *h, const struct pq_col *col, const struct pq_dict *dict,
	struct pq_values *to)
{
	uint32_t n = to->rows;
	bool good;

	if (h->encoding == PQ_RLE_DICTIONARY)
		return dict_values(s, c, col, dict, to);
	if (h->encoding == PQ_PLAIN)
		good = col->type == PQ_BYTES ? plain_texts(c, to->text, n) : plain_values(c, col, to->v, n);
	else {
		unsigned bits = col->type == PQ_INT32 ? 32 : 64;

		if (col->steady && !to->def)
			to->n_runs = (uint32_t) dbp_runs(c, n, bits, to->run, PQ_RUNS_MAX);
		good = h->encoding == PQ_DELTA && (col->type == PQ_INT32 || col->type == PQ_INT64) && (to->n_runs || dbp_decode(c, to->v, n, bits));
	}
	return good ? 0 : damaged("its values are not right");
}

/* Definition levels. Sets all_null, def, from and to, and *ret_n, the number of values that are there. */
static int levels(struct cur *c, struct pq_values *to, uint32_t *ret_n)
{
	uint32_t len = cur_le32(c);
	const uint8_t *p = cur_take(c, len);
	uint16_t level;
	size_t n;

	if (!p)
		return damaged("its levels end too early");
	struct cur l = cur_of(p, len);
	if (rle_is_const(&l, to->rows, 1, &level)) {
		to->all_null = !level;
		*ret_n = level ? to->rows : 0;
		return 0;
	}
	if (!rle_levels(&l, to->def_room, to->rows, &n))
		return damaged("its levels are not right");
	*ret_n = (uint32_t) n;
	const uint8_t *first = memchr(to->def_room, 1, to->rows), *last = memrchr(to->def_room, 1, to->rows);
	to->def = first && (size_t) (last - first) + 1 != n ? to->def_room : NULL;
	to->from = first ? (uint32_t) (first - to->def_room) : 0;
	to->to = to->from + (uint32_t) n;
	return 0;
}

/* How far back from `end` on it is all `x`. */
static uint32_t back_over(const uint8_t *def, uint32_t end, uint8_t x)
{
	uint64_t eight = x * UINT64_C(0x0101010101010101), at;

	for (; end >= sizeof(at); end -= sizeof(at)) {
		memcpy(&at, def + end - sizeof(at), sizeof(at));
		if (at != eight)
			break;
	}
	while (end && def[end - 1] == x)
		end--;
	return end;
}

/* Spreads dense values over their rows, from the back so that it can be done in place: what is there and what is not mostly comes in stretches. */
static void spread(struct pq_values *to, uint32_t n, bool text)
{
	size_t width = text ? sizeof(*to->text) : sizeof(*to->v);
	uint8_t *base = text ? (uint8_t *) to->text : (uint8_t *) to->v;

	for (uint32_t end = to->rows, gap, first; end; end = first) {
		gap = back_over(to->def, end, 0);
		first = back_over(to->def, gap, 1);
		n -= gap - first;
		memset(base + gap * width, 0, (end - gap) * width);
		memmove(base + first * width, base + n * width, (gap - first) * width);
	}
}

static bool rooms(struct pq_values *v, const struct pq_col *col, uint32_t rows)
{
	if (rows > v->room || !v->def_room) {
		uint8_t *def = sys_resize(v->def_room, rows + 1);

		if (!def)
			return false;
		v->def_room = def;
	}
	if (col->type == PQ_BYTES)
		return need(&v->text, &v->text_room, rows, sizeof(*v->text));
	return need(&v->v, &v->room, rows, sizeof(*v->v));
}

int pq_read_page(struct pq_scratch *s, int fd, const struct pq_col *col, const struct pq_page *page, const struct pq_dict *dict,
	struct pq_values *ret)
{
	struct header h;
	uint32_t n = page->rows;
	int r = load(s, fd, (struct piece) { page->offset, page->size, PQ_DATA_PAGE }, &h, (struct raw) { &ret->raw, &ret->raw_room });

	if (r < 0)
		return r;
	if ((uint64_t) h.n != page->rows || h.levels != PQ_RLE)
		return damaged("it has another number of rows than its index says");
	if (!rooms(ret, col, n))
		return no_memory();
	ret->rows = n;
	ret->def = NULL;
	ret->all_null = false;
	ret->from = ret->n_runs = 0;
	ret->to = n;
	struct cur c = cur_of(ret->raw, (size_t) h.raw);
	if (col->optional)
		r = levels(&c, ret, &n);
	if (r < 0 || n == 0) {
		ret->all_null |= n == 0;
		return r;
	}
	ret->rows = n;
	r = dense(s, &c, &h, col, dict, ret);
	ret->rows = page->rows;
	if (r == 0 && ret->def)
		spread(ret, n, col->type == PQ_BYTES);
	return r;
}
