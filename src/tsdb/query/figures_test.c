/*
 * figures_test.c - what costs more than a look at the samples, against a second implementation that goes through all of them for every
 * bucket: with NaN, infinities, -0, bad quality, samples without value, and late ones over head and files.
 */
#include <math.h>

#include "tap.h"

#include "tsdb/query/quantile.h"
#include "tsdb/tsdb_fixture.h"

#define S(n) ((int64_t) (n) * NS_PER_S)

enum { N = 4000, GOT = 2000 };
struct got { struct tsdb_bucket b[GOT]; struct tsdb_state s[GOT][TSDB_STATES_MAX]; size_t n; };

static int keep(void *ctx, const struct tsdb_bucket *b, size_t n)
{
	struct got *g = ctx;

	for (size_t i = 0; i < n && g->n < GOT; i++, g->n++) {
		g->b[g->n] = b[i];
		if (b[i].n_states)
			memcpy(g->s[g->n], b[i].states, b[i].n_states * sizeof(b[i].states[0]));
	}
	return 0;
}

static void put(struct fixture *f, uint32_t series, uint8_t type, const struct sample *in, size_t n)
{
	_cleanup_(batch_builder_freep) struct batch_builder *w = NULL;

	must(batch_builder_new(&w, 0) == 0);
	for (size_t i = 0; i < n;) {
		_cleanup_(batch_unrefp) struct batch *b = NULL;

		must(batch_tall(w, 1, 0, (enum vtype) type) == 0);
		for (; i < n && batch_builder_rows(w) < 1000; i++) {
			struct sample s = in[i];

			s.series = series;
			must(batch_tall_add(w, &s) == 0);
		}
		must(batch_seal(w, 0, 0, &b) == 0);
		is_int(fixture_append(f, b), 0);
	}
	is_int(fixture_settle(f), 0);
}

static bool counts(const struct sample *s)
{
	return s->value.type != V_NONE && !quality_is_bad(s->quality) && !(s->value.type == V_F64 && isnan(s->value.f64));
}

static bool near(double a, long double b)
{
	return (isnan(a) && isnan(b)) || (double) b == a || fabsl(a - b) <= 1e-9L * fmaxl(1, fabsl(b));
}

static int by_value(const void *a, const void *b)
{
	double x = *(const double *) a, y = *(const double *) b;

	return (x > y) - (x < y);
}

/* numpy.percentile by its definition. */
static double slow_quantile(double *v, size_t n, double p)
{
	if (!n)
		return (double) NAN;
	qsort(v, n, sizeof(*v), by_value);
	double rank = (double) (n - 1) * p, low = floor(rank), a = v[(size_t) low], b = (size_t) low + 1 < n ? v[(size_t) low + 1] : a;
	return a == b ? a : a + (b - a) * (rank - low);
}

static const double quantiles[] = { 0, 0.05, 0.5, 0.999, 1 };

static bool slow_figures(const struct sample *s, size_t n, const struct tsdb_bucket *got)
{
	static double v[N];
	size_t k = 0;
	long double mean = 0, m2 = 0, delta = 0;
	uint64_t changes = 0;
	const struct sample *before = NULL;
	bool good = true;

	for (size_t i = 0; i < n && s[i].time_ns < got->end_ns; i++) {
		if (!counts(&s[i]))
			continue;
		if (s[i].time_ns >= got->start_ns) {
			double x = s[i].value.f64, y = before ? before->value.f64 : x;

			v[k++] = x;
			changes += x != y;
			if (isfinite(x) && isfinite(y))
				delta += x >= y ? x - y : fmax(x, 0) + (1000 > y ? 1000 - y : 0);
		}
		before = &s[i];
	}
	for (size_t i = 0; i < k; i++)
		mean += (long double) v[i] / (long double) k;
	for (size_t i = 0; i < k; i++)
		m2 += (v[i] - mean) * (v[i] - mean);
	good &= got->n_used == k && got->changes == changes && near(got->delta, delta) && near(got->stddev, k >= 2 ? sqrtl(m2 / (long double) (k - 1)) : (long double) NAN);
	for (size_t i = 0; i < ELEMENTSOF(quantiles); i++)
		good &= near(got->quantile[i], slow_quantile(v, k, quantiles[i]));
	if (!good)
		printf("# %lld: used %llu/%zu changes %llu/%llu delta %g/%Lg stddev %g median %g\n", (long long) got->start_ns, (unsigned long long) got->n_used, k,
			(unsigned long long) got->changes, (unsigned long long) changes, got->delta, delta, got->stddev, got->quantile[2]);
	return good;
}

/* For how long it was in [start, end), how often it began there. */
static void slow_state(const struct sample *s, size_t n, const struct tsdb_bucket *b, const struct value *v, struct tsdb_state *ret)
{
	const struct sample *before = NULL;

	*ret = (struct tsdb_state) { .value = *v };
	for (size_t i = 0; i < n && s[i].time_ns < b->end_ns; i++) {
		int64_t from = MAX(s[i].time_ns, b->start_ns), to = MIN(i + 1 < n ? s[i + 1].time_ns : INT64_MAX, b->end_ns);

		if (!counts(&s[i]))
			continue;
		if (same_value(&s[i].value, v)) {
			ret->ns += MAX(to - from, (int64_t) 0);
			ret->times += s[i].time_ns >= b->start_ns && !(before && same_value(&before->value, v));
		}
		before = &s[i];
	}
}

static struct sample in[N];

static void random_samples(uint64_t *seed, bool infinite)
{
	int64_t t = -S(3000);

	for (size_t i = 0; i < N; i++) {
		uint64_t x = random_next(seed);
		double v = (double) (x >> 32 & 0x3ff);

		t += 1 + (int64_t) (x % (uint64_t) S(x % 50 ? 3 : 300));
		v = (x >> 16 & 15) == 0 ? -0.0 : (x >> 16 & 15) == 1 ? (double) NAN : infinite && (x >> 16 & 255) == 2 ? INFINITY : v;
		in[i] = (struct sample) { .time_ns = t, .quality = x >> 8 & 15 ? 0 : (uint32_t) QUALITY_BAD_NO_COMMUNICATION,
			.value = { .type = (x >> 24 & 31) ? V_F64 : V_NONE, .f64 = v } };
	}
}

/* Everything once, half of it in a file; then a third again, late, with other values before. */
static uint32_t write_all(struct fixture *f, uint8_t type, uint64_t *seed)
{
	static struct sample wrong[N];
	struct uuid p = uuid_new();
	uint32_t s = 0;

	is_int(tsdb_series(f->t, 1, &p, (enum vtype) type, &s), 0);
	for (size_t i = 0; i < N; i++) {
		wrong[i] = in[i];
		if (random_next(seed) % 3 == 0 && in[i].value.type == V_F64)
			wrong[i].value.f64 = 77;
	}
	put(f, s, type, wrong, N);
	is_int(tsdb_flush(f->t), 0);
	put(f, s, type, in, N / 2);
	is_int(tsdb_flush(f->t), 0);
	put(f, s, type, in + N / 3, N - N / 3);
	return s;
}

TEST(changes_counters_deviation_and_quantiles_are_what_a_slow_second_implementation_says)
{
	static struct got g;
	struct fixture f = { .config.n_shards = 1 };
	uint64_t seed = 11;

	must(fixture_begin(&f) == 0);
	random_samples(&seed, false);
	uint32_t s = write_all(&f, V_F64, &seed);
	for (int round = 0; round < 20; round++) {
		int64_t from = in[100 + random_next(&seed) % (N - 200)].time_ns, to = from + 1 + (int64_t) (random_next(&seed) % (uint64_t) S(4000));
		const struct tsdb_query q = { .tenant = 1, .series = &s, .n_series = 1, .from_ns = from, .to_ns = to };
		const struct tsdb_step step = { .step_ns = round % 3 ? S(7 + round * 13) : 0, .want = TSDB_STDDEV | TSDB_DELTA | TSDB_CHANGES, .quantile = quantiles,
			.n_quantiles = ELEMENTSOF(quantiles), .roll_over = 1000, .between = round % 2 ? TSDB_LINEAR : TSDB_STEP };

		g.n = 0;
		is_int(tsdb_aggregate(f.t, &q, &step, keep, &g), 0);
		ok(g.n > 0);
		for (size_t i = 0; i < g.n; i++)
			must(slow_figures(in, N, &g.b[i]));
	}
	fixture_end(&f);
}

TEST(infinities_are_no_readings_of_a_counter_and_stand_at_the_ends_of_the_quantiles)
{
	static struct got g;
	struct fixture f = { .config.n_shards = 1 };
	const struct sample few[] = { { .time_ns = S(1), .value = { .type = V_F64, .f64 = 5 } }, { .time_ns = S(2), .value = { .type = V_F64, .f64 = INFINITY } },
		{ .time_ns = S(3), .value = { .type = V_F64, .f64 = 9 } }, { .time_ns = S(4), .value = { .type = V_F64, .f64 = -INFINITY } } };
	struct uuid p = uuid_new();
	uint32_t s = 0;

	must(fixture_begin(&f) == 0);
	is_int(tsdb_series(f.t, 1, &p, V_F64, &s), 0);
	put(&f, s, V_F64, few, 4);
	const struct tsdb_query q = { .tenant = 1, .series = &s, .n_series = 1, .from_ns = 0, .to_ns = S(5) };
	g.n = 0;
	is_int(tsdb_aggregate(f.t, &q, &(struct tsdb_step) { .want = TSDB_DELTA | TSDB_STDDEV | TSDB_CHANGES, .quantile = quantiles, .n_quantiles = 5 }, keep, &g), 0);
	is_int(g.n, 1);
	ok(g.b[0].delta == 0 && isnan(g.b[0].stddev) && g.b[0].changes == 3);
	ok(g.b[0].quantile[0] == -INFINITY && g.b[0].quantile[2] == 7 && g.b[0].quantile[4] == INFINITY);
	ok(g.b[0].min == -INFINITY && g.b[0].max == INFINITY && isnan(g.b[0].sum));
	ok(isnan(g.b[0].avg) && isnan(g.b[0].integral));
	fixture_end(&f);
}

TEST(a_counter_of_whole_numbers_begins_again_where_doubles_see_no_difference)
{
	static struct got g;
	struct fixture f = { .config.n_shards = 1 };
	const int64_t big = INT64_C(1) << 53;
	const struct sample few[] = { { .time_ns = S(1), .value = { .type = V_I64, .i = big + 1 } }, { .time_ns = S(2), .value = { .type = V_I64, .i = big } } };
	struct uuid p = uuid_new();
	uint32_t s = 0;

	must(fixture_begin(&f) == 0);
	is_int(tsdb_series(f.t, 1, &p, V_I64, &s), 0);
	put(&f, s, V_I64, few, 2);
	const struct tsdb_query q = { .tenant = 1, .series = &s, .n_series = 1, .from_ns = 0, .to_ns = S(3) };
	g.n = 0;
	is_int(tsdb_aggregate(f.t, &q, &(struct tsdb_step) { .want = TSDB_DELTA }, keep, &g), 0);
	is_int(g.n, 1);
	ok(g.b[0].delta == (double) big);
	fixture_end(&f);
}

TEST(the_time_in_each_state_is_what_a_slow_second_implementation_says)
{
	static const char *const words[] = { "run", "stop", "fault" };
	static struct got g;
	struct fixture f = { .config.n_shards = 1 };
	uint64_t seed = 12;

	must(fixture_begin(&f) == 0);
	random_samples(&seed, false);
	for (size_t i = 0; i < N; i++) {
		const char *word = words[random_next(&seed) % 3];

		if (in[i].value.type != V_NONE)
			in[i].value = (struct value) { .type = V_STR, .s = word, .len = (uint32_t) strlen(word) };
	}
	uint32_t s = write_all(&f, V_STR, &seed);
	for (int round = 0; round < 10; round++) {
		int64_t from = in[100 + random_next(&seed) % (N - 200)].time_ns + 1, to = from + S(3000);
		const struct tsdb_query q = { .tenant = 1, .series = &s, .n_series = 1, .from_ns = from, .to_ns = to };

		g.n = 0;
		is_int(tsdb_aggregate(f.t, &q, &(struct tsdb_step) { .step_ns = S(100 + round * 50), .want = TSDB_STATES }, keep, &g), 0);
		for (size_t i = 0; i < g.n; i++) {
			int64_t all = 0;

			for (size_t w = 0; w < 3; w++) {
				struct value v = { .type = V_STR, .s = words[w], .len = (uint32_t) strlen(words[w]) };
				struct tsdb_state want, got = { .value = v };

				slow_state(in, N, &g.b[i], &v, &want);
				for (uint32_t k = 0; k < g.b[i].n_states; k++)
					if (g.s[i][k].value.len == v.len)       /* their texts are gone by now; no two words are of one length */
						got = g.s[i][k];
				is_int(got.ns, want.ns);
				is_int(got.times, want.times);
				all += want.ns;
			}
			is_int(g.b[i].covered_ns, all);
		}
	}
	fixture_end(&f);
}

TEST(more_states_than_a_bucket_has_room_for_are_refused)
{
	static struct got g;
	struct fixture f = { .config.n_shards = 1 };
	uint64_t seed = 13;

	must(fixture_begin(&f) == 0);
	random_samples(&seed, false);
	uint32_t s = write_all(&f, V_F64, &seed);
	const struct tsdb_query q = { .tenant = 1, .series = &s, .n_series = 1, .from_ns = in[0].time_ns, .to_ns = in[N - 1].time_ns };
	is_int(tsdb_aggregate(f.t, &q, &(struct tsdb_step) { .want = TSDB_STATES }, keep, &g), -ERR_LIMIT);
	err_clear();
	fixture_end(&f);
}

TEST(borders_that_are_given_are_kept_to_and_gaps_are_filled)
{
	static struct got g;
	struct fixture f = { .config.n_shards = 1 };
	const struct sample few[] = { { .time_ns = S(5), .value = { .type = V_STR, .s = "a", .len = 1 } }, { .time_ns = S(71), .value = { .type = V_STR, .s = "b", .len = 1 } } };
	const int64_t border[] = { S(-10), S(0), S(7), S(30), S(31), S(70), S(100), S(200) }, want[] = { S(1), S(7), S(30), S(31), S(70), S(100), S(180) };
	struct uuid p = uuid_new();
	uint32_t s = 0;

	must(fixture_begin(&f) == 0);
	is_int(tsdb_series(f.t, 1, &p, V_STR, &s), 0);
	put(&f, s, V_STR, few, 2);
	const struct tsdb_query q = { .tenant = 1, .series = &s, .n_series = 1, .from_ns = S(1), .to_ns = S(180) };
	g.n = 0;
	is_int(tsdb_aggregate(f.t, &q, &(struct tsdb_step) { .border = border, .n_borders = ELEMENTSOF(border) }, keep, &g), 0);
	is_int(g.n, 2);
	ok(g.b[0].start_ns == S(1) && g.b[0].end_ns == S(7) && g.b[1].start_ns == S(70) && g.b[1].end_ns == S(100));
	for (enum tsdb_fill fill = TSDB_FILL_NULL; fill <= TSDB_FILL_LINEAR; fill++) {
		g.n = 0;
		is_int(tsdb_aggregate(f.t, &q, &(struct tsdb_step) { .border = border, .n_borders = ELEMENTSOF(border), .fill = fill }, keep, &g), 0);
		must(g.n == 6);
		for (size_t i = 0; i < 6; i++) {
			ok(g.b[i].start_ns == want[i] && g.b[i].end_ns == want[i + 1] && g.b[i].filled == (i != 0 && i != 4));
			ok((g.b[i].last.type == V_STR) == (fill == TSDB_FILL_PREVIOUS || i == 0 || i == 4));
		}
		/* The limit counts what is made up, too. */
		struct tsdb_query less = q;
		less.limit = 3;
		g.n = 0;
		is_int(tsdb_aggregate(f.t, &less, &(struct tsdb_step) { .border = border, .n_borders = ELEMENTSOF(border), .fill = fill }, keep, &g), 1);
		is_int(g.n, 3);
	}
	fixture_end(&f);
}

static struct sample drawn[N * 2];
static size_t n_drawn;

static int draw(void *ctx, struct batch *b)
{
	struct batch_iter it = batch_iter(b, NULL);
	struct sample s;

	while (batch_next(&it, &s) && n_drawn < ELEMENTSOF(drawn))
		drawn[n_drawn++] = s;
	return 0;
}

static bool was_drawn(const struct sample *s)
{
	for (size_t i = 0; i < n_drawn; i++)
		if (drawn[i].time_ns == s->time_ns)
			return drawn[i].quality == s->quality && same_value(&drawn[i].value, &s->value);
	return false;
}

TEST(of_each_pixel_the_first_lowest_highest_last_and_what_breaks_the_line)
{
	struct fixture f = { .config.n_shards = 1 };
	uint64_t seed = 15;

	must(fixture_begin(&f) == 0);
	random_samples(&seed, false);
	uint32_t s = write_all(&f, V_F64, &seed);
	for (uint32_t pixels = 1; pixels < 400; pixels = pixels * 3 + 1) {
		struct tsdb_query q = { .tenant = 1, .series = &s, .n_series = 1, .from_ns = in[50].time_ns, .to_ns = in[N - 50].time_ns };
		size_t want = 0;

		n_drawn = 0;
		is_int(tsdb_plot(f.t, &q, pixels, draw, NULL), 0);
		for (size_t i = 50; i < N - 50;) {      /* the naive way: all samples of a pixel, one after the other */
			const struct sample *k[5] = { NULL };
			int64_t px = (in[i].time_ns - q.from_ns) * (int64_t) pixels / (q.to_ns - q.from_ns);

			for (; i < N - 50 && (in[i].time_ns - q.from_ns) * (int64_t) pixels / (q.to_ns - q.from_ns) == px; i++) {
				if (!counts(&in[i])) {
					k[4] = k[4] ? k[4] : &in[i];
					continue;
				}
				k[0] = k[0] ? k[0] : &in[i];
				k[1] = k[1] && k[1]->value.f64 <= in[i].value.f64 ? k[1] : &in[i];
				k[2] = k[2] && k[2]->value.f64 >= in[i].value.f64 ? k[2] : &in[i];
				k[3] = &in[i];
			}
			for (size_t a = 0; a < 5; a++) {
				bool again = !k[a];

				for (size_t b = 0; b < a && !again; b++)
					again = k[a] == k[b];
				want += !again;
				ok(!k[a] || was_drawn(k[a]));
			}
		}
		is_int(n_drawn, want);
		for (size_t i = 1; i < n_drawn; i++)
			ok(drawn[i].time_ns > drawn[i - 1].time_ns);
		q.limit = 3;
		n_drawn = 0;
		is_int(tsdb_plot(f.t, &q, pixels, draw, NULL), want > 3);
		is_int(n_drawn, MIN(want, (size_t) 3));
	}
	fixture_end(&f);
}

TEST(quantiles_of_many_keep_their_rank_in_any_order)
{
	enum { MANY = 1000000 };
	static double v[MANY];
	struct quantiles q = { 0 };
	uint64_t seed = 14;

	for (int order = 0; order < 3; order++) {
		quantiles_clear(&q);
		for (size_t i = 0; i < MANY; i++)       /* ascending, descending, shuffled by multiplication with a unit */
			v[i] = order == 0 ? (double) i : order == 1 ? (double) (MANY - 1 - i) : (double) (i * 611953 % MANY);
		for (size_t i = 0; i < MANY;) {
			uint32_t n = (uint32_t) MIN(1 + random_next(&seed) % 5000, (uint64_t) (MANY - i));

			is_int(quantiles_add(&q, v + i, n), 0);
			i += n;
		}
		ok(q.n_centroids < QUANTILES_CENTROIDS);
		for (double p = 0; p <= 1; p += 1.0 / 64)
			ok(fabs(quantiles_get(&q, p) / (MANY - 1) - p) <= 0.001);
		ok(fabs(quantiles_get(&q, 0.99999) / (MANY - 1) - 0.99999) <= 0.00001);
		ok(quantiles_get(&q, 0) == 0 && quantiles_get(&q, 1) == MANY - 1);
	}
	quantiles_done(&q);
}
