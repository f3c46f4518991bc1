/* parquet_test.c - encodings, the writer and the reader of Parquet. Whole files are read by DuckDB and pyarrow in test/e2e. */
#include <fcntl.h>
#include <unistd.h>

#include "tap.h"

#include "base/err.h"
#include "parquet/parquet.h"
#include "sys/sys.h"

static uint64_t next_random(uint64_t *state)
{
	uint64_t z = (*state += UINT64_C(0x9E3779B97F4A7C15));        /* splitmix64 */

	z = (z ^ z >> 30) * UINT64_C(0xBF58476D1CE4E5B9);
	z = (z ^ z >> 27) * UINT64_C(0x94D049BB133111EB);
	return z ^ z >> 31;
}

TEST(crc32_gives_the_check_value_of_its_catalogue_entry)
{
	/* CRC RevEng catalogue, CRC-32/ISO-HDLC: check 0xcbf43926. */
	is_int(crc32_of("123456789", 9), 0xcbf43926u);
	is_int(crc32_more(crc32_of("1234", 4), "56789", 5), 0xcbf43926u);
	is_int(crc32_of("", 0), 0);
}

TEST(crc32_is_the_same_in_one_piece_and_byte_by_byte)
{
	uint8_t bytes[700];
	uint64_t seed = 9;

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t) next_random(&seed);
	/* Single bytes go through the table, 64 and more at once are folded. */
	for (size_t from = 0; from < 20; from++) {
		uint32_t each = 0;

		for (size_t n = 0; from + n < sizeof(bytes); n++) {
			must(crc32_of(bytes + from, n) == each);
			must(crc32_more(crc32_of(bytes + from, n / 3), bytes + from + n / 3, n - n / 3) == each);
			each = crc32_more(each, bytes + from + n, 1);
		}
	}
}

TEST(four_and_four_gives_the_bits_of_one_by_one)
{
	uint8_t packed[64 * 300 / 8 + CODE_SLACK];
	int64_t a[300], b[300];
	uint64_t seed = 10;
	bool wide = lanes_are_wide();          /* else both are the same way */

	for (size_t i = 0; i < sizeof(packed); i++)
		packed[i] = (uint8_t) next_random(&seed);
	for (unsigned width = 0; width <= 64; width++)
		for (size_t n = 1; n < 300; n += n < 20 ? 1 : 31) {
			uint64_t least = next_random(&seed), sum = next_random(&seed);

			const struct lanes_packed p = { packed, width, least };

			is_int(lanes_unpack(false, &p, n, sum, a), lanes_unpack(wide, &p, n, sum, b));
			must(memcmp(a, b, n * sizeof(*a)) == 0);
			struct lanes_sum x = lanes_sum(false, a, n), y = lanes_sum(wide, a, n);
			must(x.sum == y.sum && x.min == y.min && x.max == y.max);
			for (size_t i = 0; i < n; i += 1 + i / 4)
				must(lanes_find(false, a, n, a[i]) == lanes_find(wide, a, n, a[i]));
			must(lanes_find(wide, a, n, INT64_MIN) == lanes_find(false, a, n, INT64_MIN));
			lanes_steps(false, a, n, sum, least);
			lanes_steps(wide, b, n, sum, least);
			must(memcmp(a, b, n * sizeof(*a)) == 0);
			for (size_t i = 0; i < n; i++)
				a[i] = i % 5 ? (int64_t) (next_random(&seed) >> MIN(width | 1, 63u)) : -(int64_t) (i & 1);
			struct lanes_total t = lanes_total(false, a, n), u = lanes_total(wide, a, n);
			bool small = true, bits = true;
			for (size_t i = 0; i < n; i++) {
				small &= a[i] >= -(INT64_C(1) << 51) && a[i] < INT64_C(1) << 51;
				bits &= a[i] == 0 || a[i] == 1;
			}
			must(t.sum == lanes_sum(false, a, n).sum && u.sum == t.sum && t.small == small && u.small == small && t.bits == bits && u.bits == bits);
		}
	for (unsigned i = 0; i < 2000 && wide; i++) {
		uint64_t x = next_random(&seed), least = next_random(&seed), sum = next_random(&seed), s = sum;
		uint8_t width[4];

		for (unsigned m = 0; m < 4; m++)
			width[m] = (uint8_t) ((x >> 8 * m & 0xff) % (x >> 40 & 1 ? 57 : 9));
		lanes_unpack_four(&(struct lanes_four) { packed, width, least, 64 }, sum, b);
		for (size_t m = 0, at = 0; m < 4; at += 8 * width[m++])
			s = lanes_unpack(false, &(struct lanes_packed) { packed + at, width[m], least }, 64, s, a + 64 * m);
		must(memcmp(a, b, 256 * sizeof(*a)) == 0);
	}
}

TEST(delta_binary_packed_is_as_the_standard_shows)
{
	/* parquet-format Encodings.md, example 1: 1 2 3 4 5 has the header 128? there: block size, miniblocks, count, first value
	 * zigzag; then min delta 1 (zigzag 2) and four bit widths of 0. */
	const int64_t v[] = { 1, 2, 3, 4, 5 };
	const uint8_t want[] = { 0x80, 0x01, 0x04, 0x05, 0x02, 0x02, 0, 0, 0, 0 };
	uint8_t out[4096];
	struct pen p = pen_of(out, sizeof(out));

	dbp_encode(&p, v, 5, 64);
	is_int(p.at - out, sizeof(want));
	is_bytes(out, want, sizeof(want));

	/* example 2: 7 5 3 1 2 3 4 5: deltas -2 -2 -2 1 1 1 1, min -2 (zigzag 3), rests 0 0 0 3 3 3 3 in 2 bits. */
	const int64_t v2[] = { 7, 5, 3, 1, 2, 3, 4, 5 };
	const uint8_t want2[] = { 0x80, 0x01, 0x04, 0x08, 0x0e, 0x03, 2, 0, 0, 0, 0xc0, 0x3f, 0, 0, 0, 0, 0, 0 };
	p = pen_of(out, sizeof(out));
	dbp_encode(&p, v2, 8, 64);
	is_int(p.at - out, sizeof(want2));
	is_bytes(out, want2, sizeof(want2));
}

TEST(delta_binary_packed_brings_every_width_back)
{
	static uint8_t out[1 << 16];
	int64_t v[700], back[700];
	uint64_t seed = 1;

	for (unsigned bits = 32; bits <= 64; bits += 32)
		for (unsigned width = 0; width <= 64; width++)
			for (size_t n = 0; n < 700; n = n * 2 + 1) {
				for (size_t i = 0; i < n; i++) {
					uint64_t x = width ? next_random(&seed) >> (64 - width) : 7;

					v[i] = bits == 32 ? (int32_t) x : (int64_t) x;
				}
				struct pen p = pen_of(out, sizeof(out) - CODE_SLACK);
				dbp_encode(&p, v, n, bits);
				must(!p.bad && (size_t) (p.at - out) <= dbp_bound(n));
				struct cur c = cur_of(out, (size_t) (p.at - out));
				must(dbp_decode(&c, back, n, bits));
				is_int(cur_left(&c), 0);
				must(n == 0 || memcmp(v, back, n * sizeof(*v)) == 0);
				/* Any cut is noticed, none is read beyond. */
				if (n) {
					c = cur_of(out, (size_t) (p.at - out) - 1);
					bool good = dbp_decode(&c, back, n, bits);

					must(!good || memcmp(v, back, n * sizeof(*v)) == 0);
				}
			}
}

TEST(runs_of_equal_steps_are_the_values_they_stand_for)
{
	static uint8_t out[1 << 16];
	static int64_t v[9000];
	struct code_run run[40];
	uint64_t seed = 8;
	size_t had = 0;

	for (unsigned round = 0; round < 400; round++) {
		unsigned bits = round % 2 ? 64 : 32, per = 1 + (unsigned) (next_random(&seed) % 600);
		size_t n = 1 + next_random(&seed) % ELEMENTSOF(v);
		uint64_t step = 0, x = 0;

		for (size_t i = 0; i < n; i++) {
			if (next_random(&seed) % per == 0) {
				step = next_random(&seed) >> next_random(&seed) % 64;
				x = next_random(&seed);
			}
			x += step;
			v[i] = bits == 32 ? (int32_t) x : (int64_t) x;
		}
		struct pen p = pen_of(out, sizeof(out) - CODE_SLACK);
		dbp_encode(&p, v, n, bits);
		must(!p.bad || n > 6000);
		struct cur c = cur_of(out, (size_t) (p.at - out));
		size_t k = dbp_runs(&c, n, bits, run, ELEMENTSOF(run));
		had += k != 0;
		for (size_t i = 0, r = 0; i < n && k; i++) {
			r += r + 1 < k && run[r + 1].first == i;
			must(run[r].first <= i && (uint64_t) run[r].value + (i - run[r].first) * run[r].step == (uint64_t) v[i]);
		}
		/* Cut short they are none, or the same. */
		c.end = c.at + next_random(&seed) % (size_t) (p.at - out);
		must(dbp_runs(&c, n, bits, run, ELEMENTSOF(run)) == 0 || (size_t) (c.end - c.at) + 200 > (size_t) (p.at - out));
	}
	ok(had > 100 && had < 390);
}

TEST(levels_are_what_the_hybrid_says)
{
	uint8_t out[4096], level[1000];
	uint16_t v[1000];
	uint64_t seed = 12;

	for (unsigned round = 0; round < 300; round++) {
		size_t n = 1 + next_random(&seed) % 1000, ones = 0, got = 0;

		for (size_t i = 0; i < n; i++)
			ones += v[i] = i && next_random(&seed) % 100 < round / 3 ? v[i - 1] : (uint16_t) (next_random(&seed) & 1);
		struct pen p = pen_of(out, sizeof(out) - CODE_SLACK);
		rle_encode(&p, v, n, 1);
		struct cur c = cur_of(out, (size_t) (p.at - out));
		must(rle_levels(&c, level, n, &got) && cur_left(&c) == 0 && got == ones);
		for (size_t i = 0; i < n; i++)
			must(level[i] == v[i]);
		c = cur_of(out, (size_t) (p.at - out) - 1);
		must(!rle_levels(&c, level, n, &got) || n % 8);
	}
}

TEST(the_run_length_hybrid_brings_every_width_back)
{
	static int64_t meant[1 << 16], stood[1000];
	static uint8_t out[1 << 16];
	uint16_t v[1000], back[1000];
	uint64_t seed = 2;

	for (size_t i = 0; i < ELEMENTSOF(meant); i++)
		meant[i] = (int64_t) (i * 2654435761u) - 7;
	for (unsigned width = 0; width <= 16; width++)
		for (unsigned mix = 0; mix < 8; mix++)
			for (size_t n = 1; n <= 1000; n += 37) {
				for (size_t i = 0; i < n; i++)
					v[i] = i && next_random(&seed) % 8 < mix ? v[i - 1] :
						(uint16_t) (next_random(&seed) & ((1u << width) - 1));
				struct pen p = pen_of(out, sizeof(out) - CODE_SLACK);
				rle_encode(&p, v, n, width);
				must(!p.bad && (size_t) (p.at - out) <= rle_bound(n, width));
				struct cur c = cur_of(out, (size_t) (p.at - out));
				must(rle_decode(&c, back, n, width));
				must(memcmp(v, back, n * sizeof(*v)) == 0);
				is_int(cur_left(&c), 0);
				/* The same as what they stand for; an index that stands for nothing is refused. */
				uint16_t most = 0;
				for (size_t i = 0; i < n; i++)
					most = MAX(most, v[i]);
				c = cur_of(out, (size_t) (p.at - out));
				must(rle_lookup(&c, &(struct rle_of) { meant, most + 1u, width }, stood, n));
				for (size_t i = 0; i < n; i++)
					must(stood[i] == meant[v[i]]);
				is_int(cur_left(&c), 0);
				c = cur_of(out, (size_t) (p.at - out));
				must(!most || !rle_lookup(&c, &(struct rle_of) { meant, most, width }, stood, n));
			}
}

static const struct pq_col cols[] = {
	{ .name = "a", .type = PQ_INT32, .steady = true },
	{ .name = "b", .type = PQ_INT64, .optional = true },
	{ .name = "c", .type = PQ_DOUBLE, .optional = true, .often = true },
	{ .name = "d", .type = PQ_BYTES, .optional = true, .often = true },
	{ .name = "e", .type = PQ_FLOAT, .optional = true },
};

enum { N_ROWS = 300000 };

static uint64_t cell(unsigned col, uint32_t row, bool *there)
{
	uint64_t seed = row * 5 + col, x = next_random(&seed);

	*there = col == 0 || (col == 1 ? row % 3 != 1 : col == 2 ? row > 20000 && row < 60000 : col == 3 ? row % 1000 < 500 : row % 7 == 0);
	switch (col) {
	case 0: return (uint64_t) (int64_t) (int32_t) (row < 100000 ? row / 500 - 50 : row / 100 - 850);
	case 1: return row % 9 ? row : x;
	case 2: return x;
	case 3: return x % 5;
	default: return x & UINT32_MAX;
	}
}

static int write_profile(int fd, bool compact)
{
	const char *const meta[] = { "tenon.test", "yes", NULL };
	_cleanup_(pq_writer_freep) struct pq_writer *w = NULL;
	int r = pq_writer_new(&w, &(struct pq_writer_config) { .cols = cols, .n_cols = 5, .n_sorted = 1, .created_by = "tenon test", .meta = meta, .fd = fd,
		.page_rows = compact ? 2 * PQ_PAGE_ROWS : 0, .level = compact ? 15 : 0 });
	uint64_t bits[64];
	uint8_t there[64];
	bool is;

	for (uint32_t row = 0; r == 0 && row < N_ROWS;) {
		uint32_t n = MIN(MIN(N_ROWS - row, pq_writer_room(w)), 1 + row % 64);

		for (unsigned c = 0; c < 5; c++)
			for (uint32_t i = 0; i < n; i++) {
				bits[i] = cell(c, row + i, &is);
				there[i] = is;
				if (c == 3 && is)
					pq_write_text(w, c, "abcdefgh", (uint32_t) bits[i]);
				else if (c == 3)
					pq_write_nulls(w, c, 1);
				else if (i + 1 == n)
					pq_write_values(w, c, bits, c ? there : NULL, n);
			}
		r = pq_write_rows(w, n);
		row += n;
	}
	return r < 0 ? r : pq_writer_finish(w);
}

static int write_file(int fd) { return write_profile(fd, false); }

static bool check_page(const struct pq_values *v, unsigned col, uint64_t row)
{
	for (uint32_t i = 0; i < v->rows; i++) {
		bool is;
		uint64_t want = cell(col, (uint32_t) row + i, &is);
		bool got = pq_has(v, i);
		uint32_t at = pq_place(v, i);

		if (got != is)
			return false;
		if (!is)
			continue;
		uint32_t len;
		if (col == 3 && (memcpy(&len, v->text[at], 4), len != want || memcmp(v->text[at] + 4, "abcdefgh", len) != 0))
			return false;
		if (col != 3 && (uint64_t) pq_number(v, i) != want)
			return false;
	}
	return true;
}

static void read_back(bool compact)
{
	char path[] = "/tmp/tenon-pq-XXXXXX";
	int fd = mkstemp(path);
	struct arena a;
	struct pq_layout l;
	_cleanup_(pq_scratch_freep) struct pq_scratch *s = NULL;
	struct pq_values v = { 0 };
	struct pq_dict dict;
	uint64_t checked = 0, dictionaries = 0, in_runs = 0;
	const char *meta = NULL;

	arena_init(&a, &sys_heap, 0);
	must(fd >= 0 && unlink(path) == 0);
	is_int(write_profile(fd, compact), 0);
	uint64_t size = (uint64_t) lseek(fd, 0, SEEK_END);
	is_int(pq_read_layout(fd, size, cols, 5, &a, &l), 0);
	is_int(pq_read_meta(fd, size, "tenon.test", &a, &meta), 0);
	is_str(meta, "yes");
	is_int(pq_read_layout(fd, size, cols, 4, &a, &l), -ERR_CORRUPT);
	is_int(pq_read_layout(fd, size, cols, 5, &a, &l), 0);
	is_int(l.rows, N_ROWS);
	is_int(l.n_groups, 3);
	must(pq_scratch_new(&s) == 0);
	for (uint32_t g = 0; g < l.n_groups; g++)
		for (unsigned c = 0; c < 5; c++) {
			const struct pq_chunk *ch = &l.group[g].chunk[c];

			dict = (struct pq_dict) { 0 };
			if (ch->dict_size)
				is_int(pq_read_dict(s, fd, &cols[c], ch, &dict), 0);
			dictionaries += ch->dict_size != 0;
			for (uint32_t p = 0; p < ch->n_pages; p++) {
				is_int(pq_read_page(s, fd, &cols[c], &ch->page[p], &dict, &v), 0);
				ok(check_page(&v, c, l.group[g].first_row + ch->page[p].first_row));
				is_int(v.all_null, ch->page[p].all_null);
				checked += v.rows;
				in_runs += v.n_runs != 0;
			}
			pq_dict_done(&dict);
			pq_values_done(&v);
		}
	is_int(checked, 5 * N_ROWS);
	ok(dictionaries > 0);
	ok(compact || (in_runs > 5 && in_runs < 20));
	arena_done(&a);
	close(fd);
}

TEST(a_file_of_all_kinds_is_read_back_page_by_page) { read_back(false); }
TEST(so_is_one_of_large_pages) { read_back(true); }

static int count_page(void *ctx, const struct pq_visit *at, const struct pq_values *v)
{
	*(uint64_t *) ctx += v->rows;
	return v->rows == at->page->rows && at->row == at->group->first_row + at->page->first_row && check_page(v, at->col, at->row) ? 0 : -1;
}

static int stop_at_once(void *ctx, const struct pq_visit *at, const struct pq_values *v)
{
	++*(uint64_t *) ctx;
	return -ERR_CANCELLED;
}

TEST(a_file_read_whole_brings_every_page_once_and_names_one_with_a_wrong_byte)
{
	char path[] = "/tmp/tenon-pq-XXXXXX";
	int fd = mkstemp(path);
	uint64_t rows = 0, calls = 0;
	struct pq_file f;
	uint8_t was, now;

	must(fd >= 0 && write_file(fd) == 0);
	is_int(pq_open("/tmp/tenon-pq-none", cols, 5, &f), -ERR_MISSING);
	is_int(pq_open(path, cols, 4, &f), -ERR_CORRUPT);
	must(pq_open(path, cols, 5, &f) == 0);
	is_int(pq_each_page(&f, count_page, &rows), 0);
	is_int(rows, 5 * N_ROWS);
	is_int(pq_each_page(&f, NULL, NULL), 0);
	is_int(pq_each_page(&f, stop_at_once, &calls), -ERR_CANCELLED);
	is_int(calls, 1);
	off_t at = (off_t) (f.layout.group[1].chunk[2].page[0].offset + f.layout.group[1].chunk[2].page[0].size - 1);
	must(pread(fd, &was, 1, at) == 1);
	now = was ^ 16;
	must(pwrite(fd, &now, 1, at) == 1);
	is_int(pq_each_page(&f, NULL, NULL), -ERR_CORRUPT);
	pq_close(&f);
	unlink(path);
	close(fd);
}

TEST(a_file_with_any_byte_wrong_is_refused_or_read_but_never_crashes)
{
	char path[] = "/tmp/tenon-pq-XXXXXX";
	int fd = mkstemp(path);
	uint64_t seed = 3;

	must(fd >= 0 && unlink(path) == 0);
	is_int(write_file(fd), 0);
	uint64_t size = (uint64_t) lseek(fd, 0, SEEK_END);
	for (int round = 0; round < 400; round++) {
		struct arena a;
		struct pq_layout l;
		uint8_t was, now;
		/* Mostly in footer and indexes; pages have their checksum. */
		uint64_t at = size - 1 - next_random(&seed) % MIN(size, UINT64_C(12000));

		must(pread(fd, &was, 1, (off_t) at) == 1);
		now = (uint8_t) (was ^ (1u << next_random(&seed) % 8));
		must(pwrite(fd, &now, 1, (off_t) at) == 1);
		arena_init(&a, &sys_heap, 64 << 20);
		int r = pq_read_layout(fd, size, cols, 5, &a, &l);
		ok(r == 0 || r == -ERR_CORRUPT || r == -ERR_NO_MEMORY);
		arena_done(&a);
		must(pwrite(fd, &was, 1, (off_t) at) == 1);
	}
	close(fd);
}

static int write_noise(int fd, const struct pq_col *of, uint32_t rows)
{
	_cleanup_(pq_writer_freep) struct pq_writer *w = NULL;
	int r = pq_writer_new(&w, &(struct pq_writer_config) { .cols = of, .n_cols = 2, .created_by = "tenon test", .fd = fd });
	uint64_t seed = 3, text[13], bits;

	for (uint32_t row = 0; row < rows && r == 0; row++) {
		bits = next_random(&seed);
		for (unsigned i = 0; i < ELEMENTSOF(text); i++)
			text[i] = next_random(&seed);
		pq_write_text(w, 0, text, sizeof(text));
		pq_write_values(w, 1, &bits, NULL, 1);
		r = pq_write_rows(w, 1);
	}
	return r < 0 ? r : pq_writer_finish(w);
}

/* Frames of a length of one byte and of four, of one block and of three; who unpacks them is zstd. */
TEST(pages_that_are_often_read_are_stored_as_they_are_where_packing_saves_little)
{
	static const struct pq_col noise[] = { { .name = "t", .type = PQ_BYTES, .often = true }, { .name = "n", .type = PQ_INT64, .often = true } };
	static const uint32_t sizes[] = { 1, 2, 30, 3000 };
	_cleanup_(pq_scratch_freep) struct pq_scratch *s = NULL;
	struct pq_values v[2] = { 0 };

	must(pq_scratch_new(&s) == 0);
	for (size_t i = 0; i < ELEMENTSOF(sizes); i++) {
		char path[] = "/tmp/tenon-pq-XXXXXX";
		int fd = mkstemp(path);
		uint64_t seed = 3;
		struct pq_layout l;
		struct arena a;

		arena_init(&a, &sys_heap, 0);
		must(fd >= 0 && unlink(path) == 0 && write_noise(fd, noise, sizes[i]) == 0);
		is_int(pq_read_layout(fd, (uint64_t) lseek(fd, 0, SEEK_END), noise, 2, &a, &l), 0);
		for (unsigned c = 0; c < 2; c++) {
			const struct pq_chunk *ch = &l.group[0].chunk[c];

			ok(ch->n_pages == 1 && ch->page[0].size > sizes[i] * (c ? 8 : 108));
			is_int(pq_read_page(s, fd, &noise[c], &ch->page[0], NULL, &v[c]), 0);
		}
		for (uint32_t row = 0; row < sizes[i]; row++) {
			must((uint64_t) pq_number(&v[1], row) == next_random(&seed));
			for (unsigned k = 0; k < 13; k++) {
				uint64_t want = next_random(&seed);

				must(memcmp(v[0].text[row] + 4 + 8 * k, &want, 8) == 0);
			}
		}
		arena_done(&a);
		close(fd);
	}
	pq_values_done(&v[0]);
	pq_values_done(&v[1]);
}
