/*
 * parquet.c - any bytes as a Parquet file, read whole by its own indexes, or as the inside of one page. The first byte says which; refused or read,
 * nothing is touched outside.
 */
#include <sys/mman.h>
#include <unistd.h>
#include <zstd.h>

#include "base/err.h"
#include "parquet/parquet.h"
#include "parquet/thrift.h"
#include "sys/sys.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static volatile uint64_t sink;

/* One of each sort; named as in the store's files, which lie in the corpus. */
static const struct pq_col cols[] = {
	{ .name = "series", .type = PQ_INT32, .ordered = true },
	{ .name = "ts", .type = PQ_INT64, .kind = PQ_MICROS_UTC, .distinct = true, .ordered = true, .steady = true },
	{ .name = "ns", .type = PQ_INT32, .optional = true, .unsought = true },
	{ .name = "lag", .type = PQ_INT32, .optional = true, .unsought = true },
	{ .name = "m", .type = PQ_INT64, .optional = true, .unsought = true },
	{ .name = "e", .type = PQ_INT32, .optional = true, .steady = true, .unsought = true },
	{ .name = "f", .type = PQ_FLOAT, .optional = true, .unsought = true },
	{ .name = "d", .type = PQ_DOUBLE, .optional = true, .unsought = true },
	{ .name = "s", .type = PQ_BYTES, .optional = true },
	{ .name = "q", .type = PQ_INT32, .optional = true },
};
enum { COLS = ELEMENTSOF(cols) };

static int file_of(const void *bytes, size_t len)
{
	int fd = memfd_create("fuzz-parquet", MFD_CLOEXEC);

	if (fd >= 0 && write(fd, bytes, len) != (ssize_t) len) {
		close(fd);
		return -1;
	}
	return fd;
}

static void touch_text(const uint8_t *text)
{
	uint32_t n;

	memcpy(&n, text, 4);
	for (uint32_t i = 0; i < n; i++)
		sink += text[4 + i];
}

static void touch(const struct pq_view *v, uint32_t n)
{
	for (uint32_t i = 0; i < n && !v->null; i++) {
		if (v->def && !v->def[i])
			continue;
		if (v->text)
			touch_text(v->text[i]);
		else
			sink += v->run ? (uint64_t) v->first + i * v->step : (uint64_t) v->v[i];
	}
}

/* Row by row as far as views go; 60 of them say enough of a chunk. */
static void read_chunk(struct pq_scratch *s, int fd, const struct pq_layout *l, uint32_t g, unsigned col)
{
	const struct pq_chunk *chunk = &l->group[g].chunk[col];
	struct pq_column c = { 0 };

	for (uint32_t row = 0, n, i = 0; row < l->group[g].rows && i < 60; row += n, i++) {
		uint32_t p = pq_page_of(chunk, i % 2 ? c.page : UINT32_MAX, row), at = row - chunk->page[p].first_row;

		n = chunk->page[p].rows - at;
		if (chunk->page[p].all_null)
			continue;
		if (pq_column_load(&c, s, fd, &cols[col], chunk, (struct pq_at) { g, p }) < 0)
			break;
		struct pq_view v = pq_column_view(&c, at, &n);
		touch(&v, n);
	}
	pq_column_done(&c);
}

static void as_file(const uint8_t *bytes, size_t len)
{
	struct pq_scratch *s = NULL;
	struct pq_layout l;
	struct arena a;
	const char *meta;
	int fd = file_of(bytes, len);

	arena_init(&a, &sys_heap, 64 << 20);
	if (fd >= 0 && pq_read_meta(fd, len, "tenon.layout", &a, &meta) == 0)
		sink += meta != NULL;
	if (fd >= 0 && pq_read_layout(fd, len, cols, COLS, &a, &l) == 0 && pq_scratch_new(&s) == 0)
		for (uint32_t g = 0; g < l.n_groups && g < 4; g++)
			for (unsigned col = 0; col < COLS; col++)
				read_chunk(s, fd, &l, g, col);
	pq_scratch_free(s);
	arena_done(&a);
	close(fd);
}

static void put_page(struct buf *out, enum pq_page_type type, uint32_t n, enum pq_encoding encoding, const uint8_t *raw, size_t len)
{
	struct thrift_out t = { .out = out };
	char packed[70000];
	size_t size = ZSTD_compress(packed, sizeof(packed), raw, len, 1);

	thrift_int(&t, 1, T_I32, type);
	thrift_int(&t, 2, T_I32, (int64_t) len);
	thrift_int(&t, 3, T_I32, (int64_t) size);
	thrift_begin(&t, type == PQ_DATA_PAGE ? 5 : 7);
	thrift_int(&t, 1, T_I32, n);
	thrift_int(&t, 2, T_I32, encoding);
	thrift_int(&t, 3, T_I32, PQ_RLE);
	thrift_end(&t);
	buf_addc(out, T_STOP);
	buf_addn(out, packed, size);
}

/* Column, encoding, rows, bytes of the dictionary, then raw bytes of a dictionary and a page: compressed here, so that what is
 * wrong with them is what lies in them. */
static void as_page(const uint8_t *data, size_t len)
{
	static const enum pq_encoding encodings[] = { PQ_PLAIN, PQ_DELTA, PQ_RLE_DICTIONARY, PQ_RLE };
	struct cur c = cur_of(data, len);
	const struct pq_col *col = &cols[cur_u8(&c) % COLS];
	enum pq_encoding encoding = encodings[cur_u8(&c) % 4];
	uint32_t rows = cur_le16(&c) % 9000, n_dict = cur_u8(&c), dict_len = cur_le16(&c);
	const uint8_t *dict = cur_take(&c, dict_len = (uint32_t) MIN((size_t) dict_len, cur_left(&c)));
	struct buf out = BUF_INIT(&sys_heap, 1 << 20);
	struct pq_scratch *s = NULL;
	struct pq_values v = { 0 };
	struct pq_dict d = { 0 };

	if (c.bad || !rows || len > 60000)
		return;
	put_page(&out, PQ_DICTIONARY_PAGE, n_dict, PQ_PLAIN, dict, dict_len);
	struct pq_chunk chunk = { .dict_size = (uint32_t) out.len };
	struct pq_page page = { .offset = out.len, .rows = rows };
	put_page(&out, PQ_DATA_PAGE, rows, encoding, c.at, cur_left(&c));
	page.size = (uint32_t) (out.len - page.offset);
	int fd = out.failed ? -1 : file_of(out.data, out.len);
	if (fd >= 0 && pq_scratch_new(&s) == 0) {
		bool has_dict = pq_read_dict(s, fd, col, &chunk, &d) == 0;

		if (pq_read_page(s, fd, col, &page, has_dict ? &d : NULL, &v) == 0)
			for (uint32_t i = 0; i < v.rows; i++) {
				if (pq_has(&v, i) && col->type == PQ_BYTES)
					touch_text(v.text[pq_place(&v, i)]);
				else if (pq_has(&v, i))
					sink += (uint64_t) pq_number(&v, i);
			}
	}
	close(fd);
	pq_values_done(&v);
	pq_dict_done(&d);
	pq_scratch_free(s);
	buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	if (len < 2)
		return 0;
	if (data[0] % 2)
		as_page(data + 1, len - 1);
	else
		as_file(data + 1, len - 1);
	err_clear();
	return 0;
}
