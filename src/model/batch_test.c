#include "model/batch.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/err.h"
#include "base/str.h"
#include "sys/sys.h"
#include "tap.h"

#define T0 (INT64_C(1767225600) * NS_PER_S)

static struct value f64(double v) { return (struct value) { .type = V_F64, .f64 = v }; }
static struct value f32(float v) { return (struct value) { .type = V_F32, .f32 = v }; }
static struct value i64(int64_t v) { return (struct value) { .type = V_I64, .i = v }; }
static struct value instant(int64_t v) { return (struct value) { .type = V_TIME, .i = v }; }
static struct value boolean(bool v) { return (struct value) { .type = V_BOOL, .b = v }; }
static struct value text(const char *s) { return (struct value) { .type = V_STR, .s = s, .len = (uint32_t) strlen(s) }; }
static struct value bytes(const char *s, uint32_t n) { return (struct value) { .type = V_BYTES, .s = s, .len = n }; }
static const struct value none;

/* The same contents as test/golden/make-batch.py writes. */
static int make_tall(struct batch_builder *w, struct batch **ret)
{
	const struct sample samples[] = {
		{ 7, 0, T0, f64(21.5) }, { 8, 0x40000000u, T0 + 1, f64(-0.0) }, { 7, 0, T0 + NS_PER_S, f64(1e-310) },
		{ 9, (uint32_t) QUALITY_BAD_NO_COMMUNICATION, T0 + NS_PER_S, none },
		{ 8, QUALITY_GOOD_LOCAL_OVERRIDE, T0 + 2 * NS_PER_S, f64(INFINITY) },
	};
	int r = batch_tall(w, 3, 1001, V_F64);

	for (size_t i = 0; i < ELEMENTSOF(samples) && r == 0; i++)
		r = batch_tall_add(w, &samples[i]);
	return r < 0 ? r : batch_seal(w, T0 + 5, 0, ret);
}

static int make_group(struct batch_builder *w, struct batch **ret)
{
	static const uint32_t series[] = { 100, 101, 102, 103, 104, 105, 106 };
	static const uint8_t types[] = { V_BOOL, V_I64, V_F32, V_F64, V_STR, V_BYTES, V_TIME };
	const struct value rows[2][7] = {
		{ boolean(true), i64(INT64_MIN), f32(0.1f), f64(0.1), text("运行 running"), bytes("\0\xff\xfe", 3), instant(0) },
		{ boolean(false), i64(INT64_MAX), none, f64(2.5), text(""), none, instant(T0) },
	};
	int r = batch_group(w, 1, 42, series, types, 7);

	for (uint32_t m = 0; m < 2 && r == 0; m++) {
		r = batch_group_row(w, m ? T0 - NS_PER_MS : T0);
		for (uint32_t i = 0; i < 7 && r == 0; i++)
			if (i == 5)
				r = batch_group_set(w, i, rows[m][i], QUALITY_UNCERTAIN_LAST_USABLE);
			else if (rows[m][i].type)       /* the other keeps what a new row has: no value, Bad waiting */
				r = batch_group_set(w, i, rows[m][i], QUALITY_GOOD);
	}
	return r < 0 ? r : batch_seal(w, -1, BATCH_DERIVED, ret);
}

static int make_rows(struct batch_builder *w, struct batch **ret)
{
	static const char *const names[] = { "event", "批次", "ok" };
	static const uint8_t types[] = { V_STR, V_I64, V_BOOL };
	const struct value rows[3][3] = {
		{ text("start"), i64(1), none }, { none, i64(2), boolean(true) }, { text("stop"), i64(3), boolean(false) },
	};
	int r = batch_rows(w, 2, 9, names, types, 3);

	for (uint32_t i = 0; i < 3 && r == 0; i++)
		r = batch_rows_add(w, T0 + i, rows[i]);
	return r < 0 ? r : batch_seal(w, T0, 0, ret);
}

static int (*const makers[])(struct batch_builder *, struct batch **) = { make_tall, make_group, make_rows };
static const char *const golden[] = { "tall", "group", "rows" };

static int read_golden(const char *name, struct buf *out)
{
	char path[512];
	const char *top = getenv("TENON_SOURCE");

	snprintf(path, sizeof path, "%s/test/golden/batch-%s-v1.bin", top ? top : ".", name);
	return file_read(path, BATCH_SIZE_MAX, out);
}

TEST(a_sealed_batch_has_the_golden_bytes)
{
	/* Reference: test/golden/make-batch.py, written from batch.h without this code. */
	_cleanup_(batch_builder_freep) struct batch_builder *w = NULL;

	is_int(batch_builder_new(&w, 16), 0);
	for (size_t i = 0; i < ELEMENTSOF(makers); i++) {
		_cleanup_(batch_unrefp) struct batch *b = NULL;
		struct buf want = BUF_INIT(&sys_heap, BATCH_SIZE_MAX + 1);
		is_int(read_golden(golden[i], &want), 0);
		is_int(makers[i](w, &b), 0);
		must(b);
		is_int(b->size, want.len);
		if (b->size == want.len)
			is_bytes(b, want.data, want.len);
		is_int((uintptr_t) b % BATCH_ALIGN, 0);
		buf_done(&want);
	}
}

static bool same_value(const struct value *a, const struct value *b)
{
	if (a->type != b->type)
		return false;
	switch (a->type) {
	case V_NONE:
		return true;
	case V_BOOL:
		return a->b == b->b;
	case V_F32:
		return memcmp(&a->f32, &b->f32, 4) == 0;
	case V_STR:
	case V_BYTES:
		return a->len == b->len && memcmp(a->s, b->s, a->len) == 0;
	default:
		return a->i == b->i;
	}
}

TEST(golden_blocks_are_read_value_by_value)
{
	struct buf block = BUF_INIT(&sys_heap, BATCH_SIZE_MAX + 1);
	_cleanup_(batch_unrefp) struct batch *group = NULL, *rows = NULL, *tall = NULL;
	struct sample s;

	is_int(read_golden("tall", &block), 0);
	is_int(batch_copy(block.data, block.len, &tall), 0);
	buf_clear(&block);
	is_int(read_golden("group", &block), 0);
	is_int(batch_copy(block.data, block.len, &group), 0);
	buf_clear(&block);
	is_int(read_golden("rows", &block), 0);
	is_int(batch_copy(block.data, block.len, &rows), 0);
	buf_done(&block);
	must(tall && group && rows);

	struct batch_iter it = batch_iter(tall, NULL);
	static const uint32_t series[] = { 7, 8, 7, 9, 8 };
	static const uint32_t quality[] = { 0, 0x40000000u, 0, 0x80310000u, 0x00960000u };
	const struct value values[] = { f64(21.5), f64(-0.0), f64(1e-310), none, f64(INFINITY) };
	for (int i = 0; i < 5; i++) {
		must(batch_next(&it, &s));
		is_int(s.series, series[i]);
		is_int(s.quality, quality[i]);
		ok(same_value(&s.value, &values[i]));
	}
	ok(!batch_next(&it, &s));
	is_int(batch_n_samples(tall), 5);

	it = batch_iter(group, NULL);
	const struct value cells[] = { boolean(true), i64(INT64_MIN), f32(0.1f), f64(0.1), text("运行 running"), bytes("\0\xff\xfe", 3),
		instant(0), boolean(false), i64(INT64_MAX), none, f64(2.5), text(""), none, instant(T0) };
	for (unsigned i = 0; i < 14; i++) {
		must(batch_next(&it, &s));
		is_int(s.series, 100 + i % 7);
		is_int(s.time_ns, i < 7 ? T0 : T0 - NS_PER_MS);
		is_int(s.quality, i % 7 == 5 ? 0x40900000u : i == 9 ? 0x80320000u : 0);
		ok(same_value(&s.value, &cells[i]));
	}
	ok(!batch_next(&it, &s));
	is_int(batch_n_samples(group), 14);
	ok(!(group->flags & BATCH_SORTED));

	const struct batch_col *names = batch_find(rows, BATCH_NAME_NAMES);
	must(names);
	struct value name = batch_value(rows, names, 1);
	is_int(name.len, 6);
	ok(memcmp(name.s, "批次", 6) == 0);
	is_int(batch_n_values(rows), 3);
	is_int(batch_value(rows, batch_find(rows, BATCH_NAME_VALUE + 1), 2).i, 3);
	is_int(batch_value(rows, batch_find(rows, BATCH_NAME_VALUE), 1).type, V_NONE);
	it = batch_iter(rows, NULL);
	ok(!batch_next(&it, &s));
}

TEST(equal_series_times_and_qualities_of_a_tall_batch_are_stored_once)
{
	_cleanup_(batch_builder_freep) struct batch_builder *w = NULL;
	_cleanup_(batch_unrefp) struct batch *b = NULL;

	is_int(batch_builder_new(&w, 0), 0);
	is_int(batch_tall(w, 1, 1, V_F32), 0);
	for (uint32_t i = 0; i < 1000; i++)
		is_int(batch_tall_add(w, &(struct sample) { 5, QUALITY_UNCERTAIN, T0, f32((float) i) }), 0);
	is_int(batch_seal(w, 0, 0, &b), 0);
	must(b);
	is_int(b->size, ALIGN_UP(48 + 4 * 16 + 8 + 8 + 4000 + 8, 64));
	is_int(batch_check(b, b->size), 0);
	struct batch_iter it = batch_iter(b, NULL);
	struct sample s;
	for (uint32_t i = 0; i < 1000; i++) {
		must(batch_next(&it, &s));
		ok(s.series == 5 && s.quality == (uint32_t) QUALITY_UNCERTAIN && s.time_ns == T0 && s.value.f32 == (float) i);
	}
}

TEST(a_builder_is_full_at_its_rows_and_at_one_megabyte_and_loses_nothing)
{
	_cleanup_(batch_builder_freep) struct batch_builder *w = NULL;
	_cleanup_free_ char *big = sys_alloc(60000);
	struct sample s = { 1, 0, T0, { .type = V_STR, .s = big, .len = 60000 } };
	unsigned n = 0, sealed = 0, blocks = 0;

	must(big);
	memset(big, 'x', 60000);
	is_int(batch_builder_new(&w, 16), 0);
	is_int(batch_tall(w, 1, 1, V_STR), 0);
	for (n = 0; n < 40; n++) {
		int r = batch_tall_add(w, &s);
		if (r == -ERR_FULL) {
			_cleanup_(batch_unrefp) struct batch *b = NULL;
			err_clear();
			is_int(batch_seal(w, 0, 0, &b), 0);
			must(b);
			is_int(batch_check(b, b->size), 0);
			sealed += b->n_rows;
			blocks++;
			r = batch_tall_add(w, &s);
		}
		is_int(r, 0);
	}
	is_int(sealed + batch_builder_rows(w), 40);
	is_int(blocks, 2);                      /* 16 rows of 60,000 bytes fit into 1 MB, and 16 rows are the most */
}

TEST(what_does_not_fit_its_column_is_refused_and_nothing_is_added)
{
	_cleanup_(batch_builder_freep) struct batch_builder *w = NULL;
	_cleanup_(batch_unrefp) struct batch *b = NULL;
	struct sample s = { 3, 0, T0, i64(1) };

	is_int(batch_builder_new(&w, 16), 0);
	is_int(batch_tall(w, 1, 1, V_F64), 0);
	is_int(batch_tall_add(w, &s), -ERR_TYPE_CONFLICT);
	is_str(err_log_text(err_peek()), "series 3 holds f64, the sample is i64");
	is_int(batch_seal(w, 0, 0, &b), -ERR_INVALID);
	is_int(batch_tall(w, 1, 1, V_STR), 0);
	s.value = text("\xff\xfe");
	is_int(batch_tall_add(w, &s), -ERR_INVALID);
	s.value = (struct value) { .type = V_STR, .s = "", .len = BATCH_TEXT_MAX + 1 };
	is_int(batch_tall_add(w, &s), -ERR_TOO_LARGE);
	is_int(batch_builder_rows(w), 0);
	is_int(batch_tall(w, 1, 1, V_NONE), -ERR_INVALID);
	is_int(batch_tall_add(w, &s), -ERR_BROKEN);
	is_int(batch_rows(w, 1, 1, (const char *const[]) { "a", "a" }, (const uint8_t[]) { V_I64, V_I64 }, 2), -ERR_EXISTS);
	err_clear();
	ok(!b);
}

TEST(a_group_of_the_most_series_and_a_registered_list_are_sealed)
{
	_cleanup_(batch_builder_freep) struct batch_builder *w = NULL;
	_cleanup_(batch_unrefp) struct batch *b = NULL;
	uint32_t series[BATCH_SERIES_MAX];
	uint8_t types[BATCH_SERIES_MAX];
	struct sample s;
	uint32_t n = 0;

	for (uint32_t i = 0; i < BATCH_SERIES_MAX; i++) {
		series[i] = i + 1;
		types[i] = V_F32;
	}
	is_int(batch_builder_new(&w, 0), 0);
	is_int(batch_group_list(w, 1, 1, 77, types, BATCH_SERIES_MAX), 0);
	is_int(batch_group_row(w, T0), 0);
	for (uint32_t i = 0; i < BATCH_SERIES_MAX; i += 2)
		is_int(batch_group_set(w, i, f32((float) i), QUALITY_GOOD), 0);
	is_int(batch_seal(w, 0, 0, &b), 0);
	must(b);
	is_int(b->list, 77);
	is_int(batch_check(b, b->size), 0);
	struct batch_iter it = batch_iter(b, NULL);
	ok(!batch_next(&it, &s));               /* nobody said which series */
	it = batch_iter(b, series);
	while (batch_next(&it, &s)) {
		ok(s.series == n + 1);
		ok(n % 2 ? s.value.type == V_NONE && s.quality == (uint32_t) QUALITY_BAD_WAITING : s.value.f32 == (float) n && !s.quality);
		n++;
	}
	is_int(n, BATCH_SERIES_MAX);
	is_int(batch_group(w, 1, 1, series, types, BATCH_SERIES_MAX + 1), -ERR_LIMIT);
	err_clear();
}

/* One cell after the other is what the golden bytes were made with: rows that come whole give the same block, whatever comes between them. */
TEST(rows_that_come_whole_are_those_set_cell_by_cell)
{
	enum { K = 5 };
	static const uint32_t series[K] = { 9, 3, 4, 5, 6 };
	static const uint8_t types[K] = { V_F64, V_BOOL, V_F32, V_I64, V_TIME };
	uint32_t seed = 1;

	for (int round = 0; round < 64; round++) {
		_cleanup_(batch_builder_freep) struct batch_builder *a = NULL, *b = NULL;
		_cleanup_(batch_unrefp) struct batch *x = NULL, *y = NULL;

		is_int(batch_builder_new(&a, 0), 0);
		is_int(batch_builder_new(&b, 0), 0);
		is_int(batch_group(a, 1, 2, series, types, K), 0);
		is_int(batch_group(b, 1, 2, series, types, K), 0);
		for (int filled = 0; filled < 2; filled++) {            /* a builder is used again */
			x = batch_unref(x);
			y = batch_unref(y);
			for (int m = 0; m < 1 + round; m++) {
				uint64_t bits[K];
				bool whole = round % 4 == 0 || (seed >> 13) % 4 != 0;
				const uint32_t quality = round % 4 == 2 && !whole ? QUALITY_GOOD_LOCAL_OVERRIDE : QUALITY_GOOD;

				if (!whole)
					is_int(batch_group_row(a, T0 + m), 0);
				is_int(batch_group_row(b, T0 + m), 0);
				for (uint32_t i = 0; i < K; i++) {
					seed = seed * 1664525 + 1013904223;
					bits[i] = types[i] == V_BOOL ? seed >> 31 : types[i] == V_F32 ? 0x40000000 + (seed >> 16) : (uint64_t) seed << 20;
					struct value v = types[i] == V_BOOL ? boolean(bits[i]) : (struct value) { .type = types[i], .i = (int64_t) bits[i] };

					if (whole || i != 3)
						is_int(batch_group_set(b, i, v, quality), 0);
					if (!whole && i != 3)
						is_int(batch_group_set(a, i, v, quality), 0);
				}
				if (whole)
					is_int(batch_group_full(a, T0 + m, bits), 0);
			}
			is_int(batch_seal(a, T0, 0, &x), 0);
			is_int(batch_seal(b, T0, 0, &y), 0);
			ok(x->size == y->size && memcmp(x, y, x->size) == 0);
		}
	}
}

TEST(sorted_is_claimed_when_it_is_so_and_only_then)
{
	_cleanup_(batch_builder_freep) struct batch_builder *w = NULL;
	static const struct { uint32_t series[3]; int64_t times[3]; bool sorted; } cases[] = {
		{ { 2, 1, 2 }, { 1, 1, 2 }, true },     /* by time */
		{ { 1, 1, 2 }, { 5, 6, 1 }, true },     /* by series, then time */
		{ { 2, 2, 1 }, { 5, 6, 1 }, false },
		{ { 1, 1, 2 }, { 6, 5, 7 }, false },
	};

	is_int(batch_builder_new(&w, 16), 0);
	for (size_t c = 0; c < ELEMENTSOF(cases); c++) {
		_cleanup_(batch_unrefp) struct batch *b = NULL;
		is_int(batch_tall(w, 1, 1, V_I64), 0);
		for (int i = 0; i < 3; i++)
			batch_tall_add(w, &(struct sample) { cases[c].series[i], 0, cases[c].times[i], i64(i) });
		is_int(batch_seal(w, 0, BATCH_SORTED, &b), 0);
		must(b);
		is_int(b->flags & BATCH_SORTED, cases[c].sorted);
		b->flags |= BATCH_SORTED;
		is_int(batch_check(b, b->size), cases[c].sorted ? 0 : -ERR_CORRUPT);
		err_clear();
	}
}

/* Reads whatever a checked block gives, so that a sanitizer sees every access. */
static uint64_t touch(const struct batch *b)
{
	uint64_t sum = 0;
	uint32_t k = batch_n_values(b), list[BATCH_SERIES_MAX] = { 0 };
	struct batch_iter it = batch_iter(b, b->list ? list : NULL);
	struct sample s;

	while (batch_next(&it, &s))
		sum += s.series + s.quality + (uint64_t) s.time_ns + (s.value.type == V_STR && s.value.len ? (uint8_t) s.value.s[s.value.len - 1] : 0);
	for (uint32_t i = 0; b->shape == SHAPE_ROWS && i < k; i++)
		for (uint32_t r = 0; r < b->n_rows; r++)
			sum += batch_value(b, batch_find(b, BATCH_NAME_VALUE + i), r).len;
	return sum;
}

TEST(blocks_with_any_bit_flipped_or_cut_short_are_refused_or_safe_to_read)
{
	unsigned refused = 0, read = 0;

	for (size_t i = 0; i < ELEMENTSOF(golden); i++) {
		struct buf block = BUF_INIT(&sys_heap, BATCH_SIZE_MAX + 1);
		is_int(read_golden(golden[i], &block), 0);
		for (size_t n = 0; n < block.len; n++) {
			_cleanup_(batch_unrefp) struct batch *b = NULL;
			ok(batch_copy(block.data, n, &b) < 0);
			err_clear();
		}
		for (size_t bit = 0; bit < block.len * 8; bit++) {
			_cleanup_(batch_unrefp) struct batch *b = NULL;
			block.data[bit / 8] ^= (char) (1 << (bit % 8));
			if (batch_copy(block.data, block.len, &b) < 0)
				refused++;
			else if (touch(b) != 1)
				read++;
			err_clear();
			block.data[bit / 8] ^= (char) (1 << (bit % 8));
		}
		buf_done(&block);
	}
	ok(refused > 1000 && read > 1000);
}

TEST(a_small_block_cannot_claim_a_flood_of_values)
{
	/* 4,094 columns by 4,096 rows, each column the same one stored entry: 16 M samples out of 66 KB. */
	enum { K = BATCH_SERIES_MAX };
	size_t size = ALIGN_UP(sizeof(struct batch) + (K + 1) * 16 + 16, 64);
	_cleanup_(batch_unrefp) struct batch *b = NULL;

	is_int(batch_alloc(size, &b), 0);
	must(b);
	memset(b, 0, size);
	*b = (struct batch) { .size = (uint32_t) size, .version = 1, .shape = SHAPE_GROUP, .n_rows = BATCH_ROWS_MAX, .n_cols = K + 1, .list = 1 };
	uint32_t at = sizeof *b + (K + 1) * 16;
	b->col[0] = (struct batch_col) { V_TIME, ENC_CONST, BATCH_NAME_TIME, 0, at, 0 };
	for (uint32_t i = 0; i < K; i++)
		b->col[i + 1] = (struct batch_col) { V_F32, ENC_CONST, (uint16_t) (BATCH_NAME_VALUE + i), 0, at + 8, 0 };
	is_int(batch_check(b, size), -ERR_CORRUPT);
	err_clear();
	b->n_rows = BATCH_SAMPLES_MAX / K;
	is_int(batch_check(b, size), 0);
}

TEST(a_newer_version_says_so)
{
	_cleanup_(batch_builder_freep) struct batch_builder *w = NULL;
	_cleanup_(batch_unrefp) struct batch *b = NULL;

	is_int(batch_builder_new(&w, 16), 0);
	is_int(make_tall(w, &b), 0);
	must(b);
	b->version = 2;
	is_int(batch_check(b, b->size), -ERR_NEWER);
	err_clear();
}

TEST(when_memory_ends_at_any_call_nothing_leaks_and_the_next_try_works)
{
	for (size_t i = 0; i < ELEMENTSOF(makers); i++) {
		bool clean = false;
		for (unsigned n = 1; n < 50 && !clean; n++) {
			_cleanup_(batch_builder_freep) struct batch_builder *w = NULL;
			_cleanup_(batch_unrefp) struct batch *b = NULL, *copy = NULL;
			struct ArrowSchema schema;
			struct ArrowArray array;
			sys_fault_nth(SYS_ANY_MEMORY, n, ENOMEM);
			int r = batch_builder_new(&w, 16);
			r = r < 0 ? r : makers[i](w, &b);
			r = r < 0 ? r : batch_copy(b, b->size, &copy);
			if (r == 0 && (r = batch_to_arrow(b, &schema, &array)) == 0) {
				schema.release(&schema);
				array.release(&array);
			}
			clean = !sys_fault_hit();
			sys_restore();
			is_int(r, clean ? 0 : -ERR_NO_MEMORY);
			err_clear();
			if (w && !clean) {
				b = batch_unref(b);
				is_int(makers[i](w, &b), 0);
			}
		}
		ok(clean);
	}
}

TEST(an_arrow_view_borrows_the_columns_and_children_may_outlive_their_parent)
{
	_cleanup_(batch_builder_freep) struct batch_builder *w = NULL;
	struct batch *b = NULL;
	struct ArrowSchema schema;
	struct ArrowArray array;

	is_int(batch_builder_new(&w, 16), 0);
	is_int(make_group(w, &b), 0);
	must(b);
	is_int(batch_to_arrow(b, &schema, &array), 0);
	const struct batch_col *col = batch_find(b, BATCH_NAME_VALUE + 1);
	const int64_t *stored = batch_body(b, col);
	batch_unref(b);                         /* the view holds it */
	is_str(schema.format, "+s");
	is_int(schema.n_children, 10);
	is_int(array.n_children, 10);
	is_str(schema.children[0]->name, "time");
	is_str(schema.children[2]->name, "101");
	is_str(schema.children[2]->format, "l");
	is_str(schema.children[8]->name, "102.quality");
	is_str(schema.children[9]->format, "+r");
	ok(array.children[2]->buffers[1] == stored);
	struct ArrowArray moved = *array.children[2];
	array.children[2]->release = NULL;      /* moved, as the specification says */
	array.release(&array);
	ok(!array.release);
	is_int(((const int64_t *) moved.buffers[1])[1], INT64_MAX);
	moved.release(&moved);
	schema.release(&schema);
}

TEST(types_and_qualities_have_names)
{
	is_str(vtype_name(V_TIME), "time");
	is_str(vtype_name(V_NONE), "none");
	is_int(vtype_parse("f32"), V_F32);
	is_int(vtype_parse("float"), V_NONE);
	is_str(quality_id(QUALITY_GOOD), "good");
	is_str(quality_id((uint32_t) QUALITY_BAD_NO_COMMUNICATION | 0x480), "bad_no_communication");      /* info bits do not matter */
	is_str(quality_id(0x80AB0000u), "bad");
	is_str(quality_id(0x40AB0000u), "uncertain");
	is_str(quality_text(QUALITY_UNCERTAIN_CLOCK, true), "不确定：源时钟错误");
	ok(quality_is_bad((uint32_t) QUALITY_BAD_ADDRESS) && quality_is_uncertain(QUALITY_UNCERTAIN) && quality_is_good(QUALITY_GOOD_LOCAL_OVERRIDE));
}
