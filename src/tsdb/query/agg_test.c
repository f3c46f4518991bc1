/* agg_test.c - aggregates against figures worked out by hand, and against a slow second implementation. */
#include <math.h>

#include "tap.h"

#include "tsdb/tsdb_fixture.h"

#define S(n) ((int64_t) (n) * NS_PER_S)
#define NONE ((struct value) { .type = V_NONE })
#define NUM(x) ((struct value) { .type = V_F64, .f64 = (x) })

struct got { struct tsdb_bucket b[4096]; size_t n; };

static int keep(void *ctx, const struct tsdb_bucket *b, size_t n)
{
	struct got *g = ctx;

	for (size_t i = 0; i < n && g->n < ELEMENTSOF(g->b); i++)
		g->b[g->n++] = b[i];
	return 0;
}

static uint32_t new_series(struct fixture *f, uint8_t type)
{
	struct uuid p = uuid_new();
	uint32_t s = 0;

	is_int(tsdb_series(f->t, 1, &p, (enum vtype) type, &s), 0);
	return s;
}

static void put(struct fixture *f, uint32_t series, const struct sample *samples, size_t n)
{
	_cleanup_(batch_builder_freep) struct batch_builder *w = NULL;

	must(batch_builder_new(&w, 0) == 0);
	for (size_t i = 0; i < n;) {
		_cleanup_(batch_unrefp) struct batch *b = NULL;
		enum vtype type = V_F64;

		for (size_t j = i; j < n; j++)
			if (samples[j].value.type != V_NONE) {
				type = samples[j].value.type;
				break;
			}
		must(batch_tall(w, 1, 0, type) == 0);
		for (; i < n && batch_builder_rows(w) < 1000; i++) {
			struct sample s = samples[i];

			s.series = series;
			must(batch_tall_add(w, &s) == 0);
		}
		must(batch_seal(w, 0, 0, &b) == 0);
		is_int(fixture_append(f, b), 0);
	}
	is_int(fixture_settle(f), 0);
}

static int ask(struct fixture *f, uint32_t series, const int64_t range[2], const struct tsdb_step *step, struct got *g)
{
	const struct tsdb_query q = { .tenant = 1, .series = &series, .n_series = 1, .from_ns = range[0], .to_ns = range[1] };

	g->n = 0;
	return tsdb_aggregate(f->t, &q, step, keep, g);
}

TEST(figures_worked_out_by_hand)
{
	/* Before: 5 at -10 s. 10 at 0 s, 20 at 30 s, Bad at 60 s, 40 at 90 s; minutes from 0 to 2 min.
	 * First minute, step: 30 s of 10, 30 s of 20 = 15. Linear: the first half runs from 10 to 20 = 15, the second from 20 on
	 * flat (no value follows) = 20; mean 17.5. Second: Bad from 60 to 90, 40 from 90 on: 40 over 30 of 60 seconds. */
	struct fixture f = { 0 };
	struct got g;
	const struct sample in[] = {
		{ .time_ns = S(-10), .value = NUM(5) }, { .time_ns = S(0), .value = NUM(10) }, { .time_ns = S(30), .value = NUM(20) },
		{ .time_ns = S(60), .value = NUM(99), .quality = (uint32_t) QUALITY_BAD }, { .time_ns = S(90), .value = NUM(40) },
	};
	const int64_t range[2] = { 0, S(120) }, late[2] = { S(-5), S(60) }, gap[2] = { S(65), S(80) };

	must(fixture_begin(&f) == 0);
	uint32_t s = new_series(&f, V_F64);
	put(&f, s, in, ELEMENTSOF(in));
	is_int(ask(&f, s, range, &(struct tsdb_step) { .step_ns = S(60) }, &g), 0);
	is_int(g.n, 2);
	ok(g.b[0].avg == 15 && g.b[0].mean == 15 && g.b[0].min == 10 && g.b[0].max == 20 && g.b[0].sum == 30);
	is_int(g.b[0].n, 2);
	is_int(g.b[0].covered_ns, S(60));
	is_int(g.b[0].max_ns, S(30));
	ok(g.b[0].first.f64 == 10 && g.b[0].last.f64 == 20);
	ok(g.b[1].avg == 40 && g.b[1].mean == 40 && g.b[1].min == 40);
	is_int(g.b[1].n, 2);
	is_int(g.b[1].n_good, 1);
	is_int(g.b[1].n_used, 1);
	is_int(g.b[1].worst, (uint32_t) QUALITY_BAD);
	is_int(g.b[1].covered_ns, S(30));

	is_int(ask(&f, s, range, &(struct tsdb_step) { .step_ns = S(60), .between = TSDB_LINEAR }, &g), 0);
	ok(g.b[0].avg == 17.5);

	/* From -5 s: 5 s of the 5 from before, 30 of 10, 30 of 20. Without the look back 5 s are not covered. */
	is_int(ask(&f, s, late, &(struct tsdb_step) { 0 }, &g), 0);
	is_int(g.n, 1);
	is_int(g.b[0].covered_ns, S(65));
	ok(fabs(g.b[0].avg - (5 * 5 + 30 * 10 + 30 * 20) / 65.0) < 1e-12);
	is_int(ask(&f, s, late, &(struct tsdb_step) { .only_time = true }, &g), 0);
	is_int(g.b[0].covered_ns, S(60));
	ok(g.b[0].avg == 15);
	/* In the gap a Bad sample left nothing goes on: no bucket. */
	is_int(ask(&f, s, gap, &(struct tsdb_step) { .step_ns = S(5) }, &g), 0);
	is_int(g.n, 0);
	fixture_end(&f);
}

TEST(a_line_between_two_values_near_nothing_is_straight)
{
	/* Thirty years from 0 to the smallest normal numbers: an eighth, three eighths, … of it. */
	struct fixture f = { 0 };
	struct got g;
	const struct sample in[] = { { .time_ns = 0, .value = NUM(0) }, { .time_ns = S(1000000000), .value = NUM(-3e-306) } };
	const int64_t range[2] = { 0, S(1000000000) };

	must(fixture_begin(&f) == 0);
	uint32_t s = new_series(&f, V_F64);
	put(&f, s, in, 2);
	is_int(ask(&f, s, range, &(struct tsdb_step) { .step_ns = S(250000000), .between = TSDB_LINEAR }, &g), 0);
	is_int(g.n, 4);
	for (int i = 0; i < 4; i++)
		ok(fabs(g.b[i].avg / -3e-306 - (2 * i + 1) / 8.0) < 1e-12);
	fixture_end(&f);
}

TEST(a_value_goes_on_through_buckets_without_samples_and_a_constant_stays_itself)
{
	struct fixture f = { 0 };
	struct got g;
	const struct sample in[] = { { .time_ns = S(7), .value = NUM(0.1) }, { .time_ns = S(3601), .value = NUM(0.1) } };
	const int64_t range[2] = { 0, S(7200) };
	struct tsdb_query q;

	must(fixture_begin(&f) == 0);
	uint32_t s = new_series(&f, V_F64);
	put(&f, s, in, 2);
	is_int(ask(&f, s, range, &(struct tsdb_step) { .step_ns = S(60), .origin_ns = S(30) }, &g), 0);
	is_int(g.n, 121);
	is_int(g.b[0].start_ns, 0);
	is_int(g.b[0].end_ns, S(30));
	is_int(g.b[0].covered_ns, S(23));
	is_int(g.b[120].end_ns, S(7200));
	for (size_t i = 0; i < g.n; i++)
		ok(g.b[i].avg == 0.1 && g.b[i].start_ns == (i ? g.b[i - 1].end_ns : 0));
	q = (struct tsdb_query) { .tenant = 1, .series = &s, .n_series = 1, .from_ns = 0, .to_ns = S(7200), .limit = 5 };
	g.n = 0;
	is_int(tsdb_aggregate(f.t, &q, &(struct tsdb_step) { .step_ns = S(60) }, keep, &g), 1);
	is_int(g.n, 5);
	fixture_end(&f);
}

TEST(texts_give_counts_first_and_last_and_bools_count_as_numbers)
{
	struct fixture f = { 0 };
	struct got g;
	struct sample in[100], on[4];
	const int64_t range[2] = { 0, S(100) };

	must(fixture_begin(&f) == 0);
	uint32_t s = new_series(&f, V_STR), b = new_series(&f, V_BOOL);
	for (int i = 0; i < 100; i++)
		in[i] = (struct sample) { .time_ns = S(i), .value = { .type = V_STR, .s = i % 2 ? "odd" : "even", .len = i % 2 ? 3 : 4 } };
	put(&f, s, in, 100);
	is_int(ask(&f, s, range, &(struct tsdb_step) { .step_ns = S(10) }, &g), 0);
	is_int(g.n, 10);
	is_int(g.b[3].n_used, 10);
	is_int(g.b[3].first_ns, S(30));
	is_int(g.b[3].last_ns, S(39));
	ok(isnan(g.b[3].avg) && isnan(g.b[3].min));
	for (int i = 0; i < 4; i++)
		on[i] = (struct sample) { .time_ns = S(i * 25), .value = { .type = V_BOOL, .b = i == 1 } };
	put(&f, b, on, 4);
	is_int(ask(&f, b, range, &(struct tsdb_step) { 0 }, &g), 0);
	ok(g.b[0].avg == 0.25 && g.b[0].max == 1 && g.b[0].sum == 1);
	ok(g.b[0].first.type == V_BOOL && !g.b[0].first.b);
	fixture_end(&f);
}

/* Of files whose times lie between each other's, sample for sample: more bytes go by than an answer may keep. */
TEST(a_bucket_of_any_length_keeps_its_first_and_last_text_alone)
{
	enum { N = 300, LEN = 60000 };
	static char text[LEN];
	static struct sample in[2][N];
	struct fixture f = { .config = { .compact_rate = -1 } };
	struct got g;
	const int64_t range[2] = { 0, S(2 * N) };

	must(fixture_begin(&f) == 0);
	uint32_t s = new_series(&f, V_STR);
	memset(text, 'x', LEN);
	for (int i = 0; i < 2 * N; i++)
		in[i % 2][i / 2] = (struct sample) { .time_ns = S(i), .value = { .type = V_STR, .s = text, .len = (uint32_t) (LEN - i) } };
	for (int i = 0; i < 2; i++) {
		for (int k = 0; k < N; k += 10)
			put(&f, s, in[i] + k, 10);
		is_int(tsdb_flush(f.t), 0);
	}
	is_int(ask(&f, s, range, &(struct tsdb_step) { 0 }, &g), 0);
	must(g.n == 1);
	is_int(g.b[0].n_used, 2 * N);
	is_int(g.b[0].first.len, LEN);
	is_int(g.b[0].last.len, LEN - 2 * N + 1);
	is_int(g.b[0].last_ns, S(2 * N - 1));
	fixture_end(&f);
}

/* IEEE 754: the sum of both infinities is no number, and so is their mean. */
TEST(the_mean_of_both_infinities_is_no_number_and_no_clock_is_too_long)
{
	struct fixture f = { 0 };
	struct got g;
	const struct sample in[] = { { .time_ns = S(1), .value = NUM(INFINITY) }, { .time_ns = S(2), .value = NUM(-INFINITY) },
		{ .time_ns = S(3), .value = NUM(1) } };
	/* From 1681 to 2255: longer than a difference of int64 ns can be. */
	const struct sample far[] = { { .time_ns = -S(9100000000), .value = NUM(1) }, { .time_ns = S(9000000000), .value = NUM(3) } };
	const int64_t range[2] = { 0, S(4) }, all[2] = { -S(9100000000), S(9000000000) };

	must(fixture_begin(&f) == 0);
	uint32_t s = new_series(&f, V_F64), t = new_series(&f, V_F64);
	put(&f, s, in, 3);
	put(&f, t, far, 2);
	is_int(ask(&f, s, range, &(struct tsdb_step) { 0 }, &g), 0);
	must(g.n == 1);
	ok(isnan(g.b[0].mean) && isnan(g.b[0].avg) && isnan(g.b[0].integral));
	is_int(ask(&f, t, all, &(struct tsdb_step) { .between = TSDB_LINEAR }, &g), 0);
	must(g.n == 1);
	ok(fabs(g.b[0].avg - 2) < 1e-9);
	is_int(g.b[0].covered_ns, INT64_MAX);
	is_int(ask(&f, t, all, &(struct tsdb_step) { .step_ns = S(9050000000), .origin_ns = -S(9100000000), .between = TSDB_LINEAR }, &g), 0);
	must(g.n == 2);
	ok(fabs(g.b[0].avg - 1.5) < 1e-9 && fabs(g.b[1].avg - 2.5) < 1e-9);
	is_int(g.b[1].covered_ns, S(9050000000));
	fixture_end(&f);
}

/* Before its first sample a series has no value, whatever the one asked about before it had. */
TEST(several_series_of_one_query_know_nothing_of_each_other)
{
	struct fixture f = { 0 };
	static struct got g;
	const struct sample one[] = { { .time_ns = S(10), .value = NUM(7) }, { .time_ns = S(22), .value = NUM(7) } };
	const struct sample two[] = { { .time_ns = S(25), .value = NUM(1) } };
	const struct sample three[] = { { .time_ns = S(10), .value = { .type = V_BOOL, .b = true } } };

	must(fixture_begin(&f) == 0);
	uint32_t s[3] = { new_series(&f, V_F64), new_series(&f, V_F64), new_series(&f, V_BOOL) };
	put(&f, s[0], one, 2);
	put(&f, s[1], two, 1);
	put(&f, s[2], three, 1);
	struct tsdb_query q = { .tenant = 1, .series = s, .n_series = 3, .from_ns = S(20), .to_ns = S(30) };
	is_int(tsdb_aggregate(f.t, &q, &(struct tsdb_step) { 0 }, keep, &g), 0);
	is_int(g.n, 3);
	ok(g.b[0].avg == 7 && g.b[0].covered_ns == S(10));
	ok(g.b[1].avg == 1 && g.b[1].covered_ns == S(5));
	ok(g.b[2].avg == 1 && g.b[2].covered_ns == S(10) && g.b[2].n == 0);
	fixture_end(&f);
}

/* --- The slow way: for every bucket all samples are looked at, in long double. */

static bool counts(const struct sample *s)
{
	return s->value.type == V_F64 && !quality_is_bad(s->quality) && !isnan(s->value.f64);
}

static bool near(double a, long double b)
{
	return (isnan(a) && isnan(b)) || (double) b == a || fabsl(a - b) <= 1e-11L * fmaxl(1, fabsl(b));
}

static bool slow_bucket(const struct sample *s, size_t n, const int64_t range[2], bool linear, const struct tsdb_bucket *got)
{
	int64_t start = got->start_ns, end = got->end_ns, covered = 0;
	long double integral = 0, sum = 0, min = NAN, max = NAN;
	uint64_t in = 0, used = 0;

	for (size_t i = 0; i < n; i++) {
		int64_t at = s[i].time_ns, next = i + 1 < n && s[i + 1].time_ns < range[1] ? s[i + 1].time_ns : range[1];

		if (at >= range[1])
			break;
		if (at < range[0] && next <= range[0])
			continue;
		if (at >= start && at < end) {
			in++;
			if (counts(&s[i])) {
				used++;
				sum += (long double) s[i].value.f64;
				min = !(min <= s[i].value.f64) ? s[i].value.f64 : min;
				max = !(max >= s[i].value.f64) ? s[i].value.f64 : max;
			}
		}
		if (!counts(&s[i]))
			continue;
		int64_t from = at < range[0] ? range[0] : at, a = from > start ? from : start, b = next < end ? next : end;
		if (a >= b)
			continue;
		long double v0 = s[i].value.f64, v1 = v0;
		int64_t then = i + 1 < n ? s[i + 1].time_ns : range[1];         /* may lie behind the range: a line runs on to there */
		if (linear && i + 1 < n && counts(&s[i + 1]))
			v1 = s[i + 1].value.f64;
		long double va = v0 + (v1 - v0) * (long double) (a - at) / (long double) (then - at);
		long double vb = v0 + (v1 - v0) * (long double) (b - at) / (long double) (then - at);
		covered += b - a;
		integral += (va + vb) / 2 * (long double) (b - a);
	}
	bool good = got->n == in && got->n_used == used && got->covered_ns == covered && near(got->sum, sum) &&
		near(got->mean, used ? sum / (long double) used : (long double) NAN) && near(got->min, min) && near(got->max, max) &&
		near(got->avg, covered ? integral / (long double) covered : (long double) NAN);
	if (!good)
		printf("# bucket at %lld: n %llu/%llu used %llu/%llu covered %lld/%lld sum %.17g/%.17Lg avg %.17g/%.17Lg min %g/%Lg\n",
			(long long) start, (unsigned long long) got->n, (unsigned long long) in, (unsigned long long) got->n_used,
			(unsigned long long) used, (long long) got->covered_ns, (long long) covered, got->sum, sum, got->avg,
			integral / (long double) covered, got->min, min);
	return good;
}

TEST(every_bucket_is_what_a_slow_second_implementation_says)
{
	enum { N = 6000 };
	static struct sample in[N];
	static struct got g;
	struct fixture f = { .config.n_shards = 1 };
	uint64_t seed = 5;
	int64_t t = -S(5000);

	must(fixture_begin(&f) == 0);
	uint32_t s = new_series(&f, V_F64);
	for (size_t i = 0; i < N; i++) {
		uint64_t x = random_next(&seed);

		t += 1 + (int64_t) (x % (uint64_t) S(x % 50 ? 3 : 300));
		in[i] = (struct sample) { .time_ns = t, .quality = x >> 8 & 15 ? 0 : (uint32_t) QUALITY_BAD_NO_COMMUNICATION,
			.value = NUM((double) (int64_t) (x >> 32 & 0xffff) / 100 - 300) };
		if ((x >> 16 & 31) == 0)
			in[i].value = NONE;
		if ((x >> 21 & 31) == 0)
			in[i].value.f64 = (double) NAN;
	}
	/* Head alone, then half in a file, and a file and head that overlap. */
	put(&f, s, in, N / 2);
	is_int(tsdb_flush(f.t), 0);
	put(&f, s, in + N / 3, N - N / 3);
	for (int round = 0; round < 24; round++) {
		int64_t from = in[random_next(&seed) % N].time_ns + (round % 3 == 0), to = from + 1 + (int64_t) (random_next(&seed) % (uint64_t) S(4000));
		const int64_t range[2] = { from, to };
		struct tsdb_step step = { .step_ns = round % 4 ? S(7 + round * 5) + 13 : 0, .origin_ns = round % 2 ? S(3) : -S(100000),
			.between = round % 2 ? TSDB_LINEAR : TSDB_STEP };

		is_int(ask(&f, s, range, &step, &g), 0);
		ok(g.n > 0);
		for (size_t i = 0; i < g.n; i++)
			must(slow_bucket(in, N, range, step.between == TSDB_LINEAR, &g.b[i]));
	}
	fixture_end(&f);
}

TEST(figures_of_whole_files_say_what_their_samples_say)
{
	enum { EACH = 500, FILES = 12 };
	static struct sample in[EACH];
	static struct got a, b;
	struct fixture f = { .config.n_shards = 1, .config.compact_rate = -1 };
	const uint8_t types[] = { V_F64, V_I64, V_BOOL, V_F32 };
	uint32_t s[4];
	uint64_t seed = 21;

	must(fixture_begin(&f) == 0);
	for (int k = 0; k < 4; k++)
		s[k] = new_series(&f, types[k]);
	/* Files of ten minutes; the fourth has Bad samples, the sixth a NaN or an extreme whole number, the eighth lies over the seventh. */
	for (int file = 0; file < FILES; file++) {
		for (int k = 0; k < 4; k++) {
			for (int i = 0; i < EACH; i++) {
				uint64_t x = random_next(&seed);
				struct value v = { .type = (enum vtype) types[k] };

				if (types[k] == V_F64)
					v.f64 = file == 5 && i == 9 ? (double) NAN : (double) (x >> 40 & 0xfff) / 8 - 100;
				else if (types[k] == V_I64)
					v.i = file == 5 && i == 9 ? INT64_MAX : (int64_t) (x >> 40 & 0xfff) - 2000;
				else if (types[k] == V_BOOL)
					v.b = x >> 40 & 1;
				else
					v.f32 = (float) (x >> 40 & 0xfff) / 4;
				in[i] = (struct sample) { .time_ns = S((file == 7 ? 6 : file) * 600 + i) + (file == 7 ? 5 : 0), .value = v,
					.quality = file == 3 && i % 7 == 0 ? (uint32_t) QUALITY_BAD : file == 2 ? 0x40000000 : 0 };
			}
			put(&f, s[k], in, EACH);
		}
		is_int(tsdb_flush(f.t), 0);
	}
	for (int round = 0; round < 40; round++) {
		const int64_t range[2] = { S(round % 3 ? -50 : 700), S(round % 5 ? 8000 : 6700) };
		struct tsdb_step step = { .step_ns = round % 4 ? S(300 + round * 150) : 0, .origin_ns = S(round % 7) }, slow = step;

		slow.want = TSDB_CHANGES;       /* asks for every sample */
		is_int(ask(&f, s[round % 4], range, &step, &a), 0);
		is_int(ask(&f, s[round % 4], range, &slow, &b), 0);
		must(a.n == b.n && a.n > 0);
		for (size_t i = 0; i < a.n; i++) {
			const struct tsdb_bucket *x = &a.b[i], *y = &b.b[i];

			ok(x->start_ns == y->start_ns && x->n == y->n && x->n_good == y->n_good && x->n_used == y->n_used && x->covered_ns == y->covered_ns);
			ok(x->worst == y->worst && x->min_ns == y->min_ns && x->max_ns == y->max_ns && x->min_i == y->min_i && x->max_i == y->max_i);
			ok(near(x->min, y->min) && near(x->max, y->max) && near(x->sum, y->sum) && near(x->avg, y->avg) && near(x->mean, y->mean));
			ok(same_value(&x->first, &y->first) && same_value(&x->last, &y->last) && x->first_ns == y->first_ns && x->last_ns == y->last_ns);
		}
	}
	fixture_end(&f);
}

static int spoil(void *ctx, const char *base)
{
	const struct fixture *f = ctx;
	char path[256];

	snprintf(path, sizeof(path), "%s/tenants/1/ts/%s.parquet", f->dir, base);
	FILE *file = fopen(path, "r+");
	ok(file != NULL);
	if (file) {
		fseek(file, 100, SEEK_SET);     /* in its first page */
		fputs("????????????????????????????????", file);
		fclose(file);
	}
	return 0;
}

TEST(a_bucket_over_a_whole_file_reads_none_of_its_pages)
{
	static struct sample in[500];
	static struct got g;
	struct fixture f = { .config.n_shards = 1, .config.compact_rate = -1 };
	const int64_t range[2] = { 0, S(1000) }, part[2] = { S(5), S(1000) };
	char manifest[128];

	must(fixture_begin(&f) == 0);
	uint32_t s = new_series(&f, V_F64);
	for (int i = 0; i < 500; i++)
		in[i] = (struct sample) { .time_ns = S(i), .value = NUM(i) };
	put(&f, s, in, 500);
	is_int(tsdb_flush(f.t), 0);
	snprintf(manifest, sizeof(manifest), "%s/tenants/1/ts/manifest", f.dir);
	is_int(tsdb_manifest_files(manifest, 1, spoil, &f), 0);
	/* What it would cost is told before: one look, all samples, half of them. */
	struct tsdb_query q = { .tenant = 1, .series = &s, .n_series = 1, .from_ns = 0, .to_ns = S(1000) };
	struct tsdb_cost cost;
	is_int(tsdb_cost(f.t, &q, INT64_MAX, &cost), 0);
	ok(cost.series == 1 && cost.files == 1 && cost.samples == 1);
	is_int(tsdb_cost(f.t, &q, 0, &cost), 0);
	is_int(cost.samples, 500);
	q.to_ns = S(250);
	is_int(tsdb_cost(f.t, &q, 0, &cost), 0);
	ok(cost.samples >= 249 && cost.samples <= 251);
	is_int(ask(&f, s, range, &(struct tsdb_step) { 0 }, &g), 0);
	ok(g.n == 1 && g.b[0].n == 500 && g.b[0].sum == 499 * 250 && g.b[0].max == 499);
	is_int(ask(&f, s, part, &(struct tsdb_step) { 0 }, &g), -ERR_CORRUPT);  /* and this one must read them */
	err_clear();
	fixture_end(&f);
}

static int sum_up(void *ctx, const struct tsdb_bucket *b, size_t n)
{
	for (size_t i = 0; i < n; i++)
		*(uint64_t *) ctx += b[i].n;
	return 0;
}

TEST(a_query_ends_when_its_time_is_over_or_it_is_called_off)
{
	struct fixture f = { 0 };
	struct sample in[100];
	uint64_t n = 0;
	bool cancel = true;
	const struct tsdb_step step = { 0 };

	must(fixture_begin(&f) == 0);
	uint32_t s = new_series(&f, V_F64);
	for (int i = 0; i < 100; i++)
		in[i] = (struct sample) { .time_ns = S(i), .value = NUM(i) };
	put(&f, s, in, 100);
	struct tsdb_query q = { .tenant = 1, .series = &s, .n_series = 1, .from_ns = 0, .to_ns = S(1000), .deadline_ns = 1 };
	is_int(tsdb_aggregate(f.t, &q, &step, sum_up, &n), -ERR_TIMEOUT);
	q.deadline_ns = 0;
	q.cancel = &cancel;
	is_int(tsdb_aggregate(f.t, &q, &step, sum_up, &n), -ERR_CANCELLED);
	is_int(n, 0);
	cancel = false;
	is_int(tsdb_aggregate(f.t, &q, &step, sum_up, &n), 0);
	is_int(n, 100);
	is_int(tsdb_aggregate(f.t, &q, &(struct tsdb_step) { .step_ns = -1 }, sum_up, &n), -ERR_BAD_ARGUMENT);
	err_clear();
	q.tenant = 99;
	is_int(tsdb_aggregate(f.t, &q, &step, sum_up, &n), 0);
	fixture_end(&f);
}

/* What figures beyond the plain ones need goes through the samples one by one as doubles: the other way to the same figures. */
static void same_figures(struct fixture *f, uint32_t series, const int64_t range[2], int64_t step)
{
	static struct got plain, careful;

	is_int(ask(f, series, range, &(struct tsdb_step) { .step_ns = step, .only_time = true }, &plain), 0);
	is_int(ask(f, series, range, &(struct tsdb_step) { .step_ns = step, .only_time = true, .want = TSDB_CHANGES }, &careful), 0);
	is_int(plain.n, careful.n);
	for (size_t i = 0; i < plain.n; i++) {
		const struct tsdb_bucket *a = &plain.b[i], *b = &careful.b[i];
		double scale = fmax(fabs(b->min), fabs(b->max)) * 1e-12 + 1e-300;

		must(a->start_ns == b->start_ns && a->n == b->n && a->n_good == b->n_good && a->n_used == b->n_used && a->covered_ns == b->covered_ns);
		if (!a->n_used) {               /* a gap: the value before goes on */
			must(a->avg == b->avg && isnan(a->min) && isnan(b->min));
			continue;
		}
		must(a->min == b->min && a->max == b->max && a->min_ns == b->min_ns && a->max_ns == b->max_ns && a->min_i == b->min_i && a->max_i == b->max_i);
		must(a->first_ns == b->first_ns && a->last_ns == b->last_ns && a->first.type == b->first.type && memcmp(&a->first.i, &b->first.i, 1) == 0);
		must(a->first.type != V_F64 || (a->first.f64 == b->first.f64 && a->last.f64 == b->last.f64));
		must(a->first.type != V_I64 || (a->first.i == b->first.i && a->last.i == b->last.i));
		must(fabs(a->mean - b->mean) <= scale && fabs(a->sum - b->sum) <= scale * (double) a->n && fabs(a->avg - b->avg) <= scale);
	}
}

/* Times of a clock with gaps, jitter and a second series in the page; decimals of one and of changing length, beyond 2^52, whole, bool. */
TEST(whole_numbers_summed_as_such_give_the_figures_of_doubles)
{
	enum { KINDS = 7, N_OF = 12000 };
	struct fixture f = { 0 };
	uint32_t series[KINDS];
	uint64_t seed = 21;

	must(fixture_begin(&f) == 0);
	for (unsigned k = 0; k < KINDS; k++) {
		struct sample *in = calloc(N_OF, sizeof(*in));
		int64_t t = S(1000);

		series[k] = new_series(&f, k == 3 || k == 4 ? V_I64 : k == 5 ? V_BOOL : k == 6 ? V_F32 : V_F64);
		for (size_t i = 0; i < N_OF; i++) {
			int64_t m = (int64_t) (random_next(&seed) % 200001) - 100000;
			struct value v = { .type = k == 3 || k == 4 ? V_I64 : k == 5 ? V_BOOL : k == 6 ? V_F32 : V_F64 };

			t += i % 3001 == 3000 ? S(77) : k == 2 && i % 50 == 0 ? S(1) + 1000 : S(1);
			if (k == 3 || k == 4)
				v.i = k == 3 ? m : (int64_t) (random_next(&seed) >> 1) * (i % 2 ? 1 : -1);
			else if (k == 5)
				v.b = m > 60000;
			else if (k == 6)
				v.f32 = (float) m / 8;
			else
				v.f64 = (double) m / (k == 1 && i % 700 > 350 ? 100000.0 : 100.0);
			in[i] = (struct sample) { .time_ns = t, .value = v };
		}
		put(&f, series[k], in, N_OF);
		free(in);
	}
	is_int(tsdb_flush(f.t), 0);
	for (unsigned k = 0; k < KINDS; k++) {
		same_figures(&f, series[k], (int64_t[2]) { 0, S(20000) }, S(600));
		same_figures(&f, series[k], (int64_t[2]) { S(1003), S(9003) }, S(7));
		same_figures(&f, series[k], (int64_t[2]) { 0, S(20000) }, 0);
	}
	fixture_end(&f);
}
