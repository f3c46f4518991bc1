/*
 * model_test.c - a store that lives through everything at random, against a record in memory that does the same naively.
 *
 * A step writes (all types, late, repeated, out of order, in lists and sample by sample), corrects and undoes, sends what must be refused, deletes,
 * flushes, merges, purges, moves files to a second folder, lets days pass and the clock jump, keeps some series longer or shorter than others, takes a
 * lease, starts again, loses a side index; then some of range, last, last_before, aggregates and plots are asked, all of what they answer compared.
 *
 *   test-tsdb-model                                a fixed sample
 *   TENON_MODEL_SEED=17 TENON_MODEL_STEPS=400      one life; a failing one says its seed
 *   TENON_MODEL_SECONDS=600                        lives of other seeds until the time is over (seeds from TENON_MODEL_SEED or 1000 on)
 *   TENON_MODEL_KEEP=DIR                           the folder of the (one) life, left as it is; in it what was written, samples.jsonl, and what
 *                                                  the store says of it, buckets.jsonl, for others to compare (test/e2e/test_model.py)
 */
#include "tap.h"

#include "tsdb/model_test.h"

/* --- Asking */

struct wanted { struct model *m; const struct record *of; };

static size_t some_series(struct model *m, uint32_t *series, uint8_t *ret_index)
{
	size_t n = 0;
	unsigned every = once_in(m, 3) ? 1 : 1 + (unsigned) rnd(m, SERIES);

	for (unsigned i = (unsigned) rnd(m, every); i < SERIES; i += every) {
		ret_index[n] = (uint8_t) i;
		series[n++] = m->series[i];
	}
	return n;
}

static void some_range(struct model *m, int64_t *ret_from, int64_t *ret_to)
{
	int64_t from = T0 + (int64_t) rnd(m, (uint64_t) (m->now - T0) / 1000 + 1) * 1000, to = m->now;

	switch (rnd(m, 5)) {
	case 0:
		to = from + 1 + (int64_t) rnd(m, 3600) * NS_PER_S;
		break;
	case 1:
		from = m->now - (int64_t) rnd(m, 7200) * NS_PER_S;
		to = m->now + 1 + (int64_t) rnd(m, 7200) * NS_PER_S;
		break;
	case 2:
		from = from / DAY * DAY;
		to = from + DAY * (int64_t) (1 + rnd(m, 3));
		break;
	case 3:
		from = once_in(m, 2) ? -DAY * 500 : 0;          /* a bucket is shorter than 292 years */
		to = from ? m->now + DAY : INT64_C(9214646400) * NS_PER_S + DAY;
		break;
	default:
		to = MAX(to, from + 1);
	}
	*ret_from = from;
	*ret_to = to;
}

/* Samples must come as `want` has them, a batch at a time; those that may be missing (model_old_test.h) may be missing. */
struct stream { const struct sample *want; const uint8_t *may; size_t n, at, missed; bool wrong; };
enum { MAY_MISS = 1, MAY_BE_OLDER = 2 };

static bool is_as_wanted(const struct stream *s, const struct sample *got)
{
	const struct sample *w = &s->want[s->at];

	return same_sample(got, w) || (s->may && s->may[s->at] & MAY_BE_OLDER && got->series == w->series && got->time_ns == w->time_ns);
}

static void pass_missed(struct stream *s, const struct sample *got)
{
	while (s->may && s->at < s->n && s->may[s->at] & MAY_MISS && !(got && is_as_wanted(s, got))) {
		s->at++;
		s->missed++;
	}
}

static int on_samples(void *ctx, struct batch *b)
{
	struct stream *s = ctx;
	struct batch_iter it = batch_iter(b, NULL);
	struct sample got;

	while (!s->wrong && batch_next(&it, &got)) {
		pass_missed(s, &got);
		s->wrong = s->at >= s->n || !is_as_wanted(s, &got);
		if (s->wrong)
			printf("# sample %zu of %zu: got series %u time %lld q %x type %d bits %llx; want series %u time %lld q %x\n", s->at, s->n, got.series,
				(long long) got.time_ns, got.quality, got.value.type, (unsigned long long) got.value.i, s->at < s->n ? s->want[s->at].series : 0,
				s->at < s->n ? (long long) s->want[s->at].time_ns : 0, s->at < s->n ? s->want[s->at].quality : 0);
		s->at++;
	}
	return s->wrong ? -ERR_INVALID : 0;
}

static struct naive_ask asking(const struct model *m, const struct record *of, unsigned i, const struct tsdb_query *q, const struct tsdb_step *step)
{
	struct naive_ask a = { .s = of[i].item, .n = of[i].n, .type = m->types[i], .q = q, .step = step };
	size_t old = naive_find(&a, m->sure[i]);

	a.s += old;
	a.n -= old;
	return a;
}

/* The time from which on all series that are asked for are sure; INT64_MIN: each is exact as it is. */
static int64_t sure_from(const struct model *m, const uint8_t *index, size_t n)
{
	int64_t from = INT64_MIN;

	for (size_t i = 0; i < n; i++)
		if (!exact(m, index[i]))
			from = MAX(from, m->sure[index[i]]);
	return from;
}

static void within_sure(const struct model *m, const uint8_t *index, struct tsdb_query *q)
{
	q->from_ns = MAX(q->from_ns, sure_from(m, index, q->n_series));
	q->to_ns = MAX(q->to_ns, q->from_ns + 1);
}

static bool answered(struct stream *s, const struct tsdb_query *q, int r, const char *what)
{
	size_t cut = q->limit && q->limit < s->n ? (size_t) q->limit : s->n;
	bool good = !s->wrong && r == (cut < s->n) && s->at == cut;

	if (!good)
		printf("# %s %lld..%lld limit %llu: %zu of %zu samples, answer %d %s\n", what, (long long) q->from_ns, (long long) q->to_ns,
			(unsigned long long) q->limit, s->at, s->n, r, r < 0 ? err_log_text(err_peek()) : "");
	return good;
}

/* Of each series what may be seen at all, from `none` on. */
static bool range_is_right(struct model *m, const struct record *of, const struct tsdb_query *q, const uint8_t *index)
{
	struct stream s = { .n = 0 };
	size_t room = 0;

	for (size_t i = 0; i < q->n_series; i++)
		room += of[index[i]].n;
	struct sample *want = malloc((room + 1) * sizeof(*want));
	uint8_t *may = malloc(room + 1);
	for (size_t i = 0; i < q->n_series; i++) {
		const struct record *r = &of[index[i]];
		struct naive_ask a = { .s = r->item, .n = r->n };

		for (size_t k = naive_find(&a, MAX(q->from_ns, m->none[index[i]])); k < naive_find(&a, q->to_ns); k++) {
			may[s.n] = a.s[k].s.time_ns >= m->sure[index[i]] ? 0 : MAY_MISS | (m->came_back[index[i]] ? MAY_BE_OLDER : 0);
			want[s.n++] = a.s[k].s;
		}
	}
	s.want = want;
	s.may = may;
	int r = tsdb_range(m->f.t, q, on_samples, &s);
	pass_missed(&s, NULL);
	bool good = answered(&s, q, r, "range");
	if (!good) {
		printf("# today %d, now %d, kept %u, %u, %u days, lease %d\n", m->today, today_of(m), m->f.config.keep.days[0], m->f.config.keep.days[1],
			m->f.config.keep.days[2], q->lease != NULL);
		for (size_t i = 0; i < q->n_series; i++)
			printf("#  series %u: %u days of its own, none before %lld, sure from %lld, the store says %lld\n", q->series[i], m->own_days[index[i]],
				(long long) m->none[index[i]], (long long) m->sure[index[i]], (long long) tsdb_kept_from(m->f.t, 1, q->series[i]));
	}
	free(want);
	free(may);
	return good;
}

static bool ask_range(struct model *m, const struct record *of, const struct tsdb_lease *l)
{
	uint32_t series[SERIES];
	uint8_t index[SERIES];
	struct tsdb_query q = ask(series, some_series(m, series, index), 0, 0);

	some_range(m, &q.from_ns, &q.to_ns);
	if (once_in(m, 4)) {
		q.from_ns = INT64_MIN;
		q.to_ns = INT64_MAX;
	}
	if (sure_from(m, index, q.n_series) == INT64_MIN)
		q.limit = once_in(m, 3) ? 1 + rnd(m, 3000) : 0;
	q.lease = l;
	return range_is_right(m, of, &q, index);
}

static bool ask_plot(struct model *m, const struct record *of, const struct tsdb_lease *l)
{
	uint32_t series[SERIES], pixels = 1 + (uint32_t) rnd(m, PIXELS_MAX);
	uint8_t index[SERIES];
	struct tsdb_query q = ask(series, some_series(m, series, index), 0, 0);
	struct stream s = { .n = 0 };
	struct sample *want = malloc((SERIES * 5 * PIXELS_MAX + 1) * sizeof(*want));

	some_range(m, &q.from_ns, &q.to_ns);
	within_sure(m, index, &q);
	q.limit = once_in(m, 4) ? 1 + rnd(m, 300) : 0;
	q.lease = l;
	for (size_t i = 0; i < q.n_series; i++) {
		struct naive_ask a = asking(m, of, index[i], &q, NULL);

		s.n += naive_plot(&a, pixels, want + s.n);
	}
	s.want = want;
	bool good = answered(&s, &q, tsdb_plot(m->f.t, &q, pixels, on_samples, &s), "plot");
	free(want);
	return good;
}

static bool ask_last(struct model *m, const struct record *of, const struct tsdb_lease *l)
{
	struct sample last[SERIES];
	struct arena a;
	struct tsdb_query q = ask(m->series, SERIES, INT64_MIN, INT64_MAX);
	bool before = l || once_in(m, 2), good = true;

	if (before)
		some_range(m, &q.from_ns, &q.to_ns);
	if (once_in(m, 2))
		q.from_ns = INT64_MIN;
	q.lease = l;
	arena_init(&a, &sys_heap, 0);
	int r = before ? tsdb_last_before(m->f.t, &q, &a, last) : tsdb_last(m->f.t, 1, m->series, SERIES, &a, last);
	for (unsigned i = 0; i < SERIES && r == 0 && good; i++) {
		struct naive_ask n = asking(m, of, i, &q, NULL);
		size_t to = before ? naive_find(&n, q.to_ns) : n.n;
		struct sample want = { .series = m->series[i], .time_ns = TSDB_NEVER };

		if (to && (!before || n.s[to - 1].s.time_ns >= q.from_ns))
			want = n.s[to - 1].s;
		else if (!exact(m, i))
			continue;               /* nothing that is sure: something older may be known or not */
		good = same_sample(&want, &last[i]);
		if (!good)
			printf("# last of series %u, %lld..%lld: got %lld q %x type %d bits or length %llx, want %lld q %x type %d %llx\n", want.series,
				before ? (long long) q.from_ns : 0, before ? (long long) q.to_ns : 0, (long long) last[i].time_ns, last[i].quality, last[i].value.type,
				(unsigned long long) (naive_is_text(m->types[i]) ? last[i].value.len : (uint64_t) last[i].value.i), (long long) want.time_ns, want.quality,
				want.value.type, (unsigned long long) (naive_is_text(m->types[i]) ? want.value.len : (uint64_t) want.value.i));
	}
	if (r < 0)
		printf("# last: %s\n", err_log_text(err_peek()));
	arena_done(&a);
	return good && r == 0;
}

/* --- Aggregates */

struct figures {
	struct naive_ask ask[SERIES];
	uint32_t series[SERIES];
	size_t n_asks, at_ask;
	int64_t at;
	bool looked, has, any;          /* of the series: whether it has a bucket at all was looked for; it has; one came */
	struct naive before;            /* the last that was not made up */
	bool wrong;
	uint64_t n;
	FILE *dump;
};

static bool has_any(const struct naive_ask *a, uint32_t series)
{
	struct naive g;

	for (int64_t start = a->q->from_ns, end; start < a->q->to_ns; start = end) {
		end = naive_border(a, start);
		if (naive_bucket(a, series, start, end, &g))
			return true;
	}
	return false;
}

/* The next bucket that should come. */
static bool next_bucket(struct figures *f, struct naive *ret)
{
	for (; f->at_ask < f->n_asks; f->at_ask++, f->at = f->ask[0].q->from_ns, f->any = f->looked = false) {
		const struct naive_ask *a = &f->ask[f->at_ask];

		if (a->step->fill && !f->looked)
			f->has = has_any(a, f->series[f->at_ask]);
		f->looked = true;
		while (f->at < a->q->to_ns) {
			int64_t start = f->at;

			f->at = naive_border(a, start);
			if (naive_bucket(a, f->series[f->at_ask], start, f->at, ret)) {
				f->before = *ret;
				f->any = true;
				return true;
			}
			if (a->step->fill && f->has) {
				naive_fill(a, f->any ? &f->before : NULL, ret);
				return true;
			}
		}
	}
	return false;
}

static void begin_again(struct figures *f)
{
	f->at_ask = 0;
	f->at = f->ask[0].q->from_ns;
	f->any = f->looked = false;
}

static void dump_bucket(FILE *to, const struct naive_ask *a, const struct tsdb_bucket *b)
{
	fprintf(to, "{\"series\":%u,\"start\":%lld,\"end\":%lld,\"n\":%llu,\"used\":%llu", b->series, (long long) b->start_ns, (long long) b->end_ns,
		(unsigned long long) b->n, (unsigned long long) b->n_used);
	if (!naive_is_text(a->type) && b->n_used)
		fprintf(to, ",\"min\":\"%a\",\"max\":\"%a\",\"sum\":\"%a\",\"mean\":\"%a\",\"median\":\"%a\",\"stddev\":\"%a\"", b->min, b->max, b->sum, b->mean,
			b->quantile[0], b->stddev);
	fprintf(to, "}\n");
}

static int on_buckets(void *ctx, const struct tsdb_bucket *b, size_t n)
{
	struct figures *f = ctx;
	struct naive want;

	for (size_t i = 0; i < n && !f->wrong; i++, f->n++) {
		f->wrong = !next_bucket(f, &want);
		if (f->wrong)
			printf("# a bucket too many: series %u %lld..%lld n %llu\n", b[i].series, (long long) b[i].start_ns, (long long) b[i].end_ns,
				(unsigned long long) b[i].n);
		else
			f->wrong = !naive_equal(&f->ask[f->at_ask], &b[i], &want);
		if (f->dump)
			dump_bucket(f->dump, &f->ask[f->at_ask], &b[i]);
	}
	return f->wrong ? -ERR_INVALID : 0;
}

/* Would a bucket have more states than there may be? */
static bool too_many_states(struct figures *f)
{
	struct naive g;
	bool hit = false;

	while (!hit && next_bucket(f, &g))
		hit = g.n_states > TSDB_STATES_MAX;
	begin_again(f);
	return hit;
}

static const double quantiles[] = { 0.5, 0, 0.05, 0.999, 1 };

static struct tsdb_step some_step(struct model *m, const struct tsdb_query *q, int64_t border[12])
{
	static const int64_t rounds[] = { 60, 3600, 600, 900, 86400, 7 };
	struct tsdb_step s = { .between = once_in(m, 2) ? TSDB_STEP : TSDB_LINEAR, .only_time = once_in(m, 4) };
	uint64_t all = (uint64_t) q->to_ns - (uint64_t) q->from_ns;

	switch (rnd(m, 4)) {
	case 0:
		break;
	case 1:
		s.step_ns = (int64_t) (all / (1 + rnd(m, 500)) + 1);
		s.origin_ns = (int64_t) rnd(m, 1000) * NS_PER_S;
		break;
	case 2:
		s.step_ns = rounds[rnd(m, ELEMENTSOF(rounds))] * NS_PER_S;
		if (all / (uint64_t) s.step_ns > BUCKETS_MAX)
			s.step_ns = ((int64_t) (all / BUCKETS_MAX) / NS_PER_S / 60 + 1) * 60 * NS_PER_S;
		break;
	default:
		s.border = border;
		int64_t at = q->from_ns - NS_PER_S;
		do
			border[s.n_borders++] = at;
		while (s.n_borders < 12 && !__builtin_add_overflow(at, 1 + (int64_t) rnd(m, all / 8 + 1), &at) && at < q->to_ns);
	}
	if (once_in(m, 2)) {
		s.want = (unsigned) rnd(m, 16);
		s.quantile = quantiles;
		s.n_quantiles = (uint32_t) rnd(m, ELEMENTSOF(quantiles) + 1);
	}
	s.roll_over = once_in(m, 2) ? 1000 : 0;
	s.lean = once_in(m, 4);
	if (once_in(m, 4))
		s.fill = TSDB_FILL_NULL + (enum tsdb_fill) rnd(m, 3);
	return s;
}

static bool ask_figures(struct model *m, const struct record *of, const struct tsdb_lease *l)
{
	uint32_t series[SERIES];
	uint8_t index[SERIES];
	int64_t border[12];
	struct tsdb_query q = ask(series, some_series(m, series, index), 0, 0);
	struct figures f = { .n_asks = q.n_series };

	some_range(m, &q.from_ns, &q.to_ns);
	within_sure(m, index, &q);
	struct tsdb_step step = some_step(m, &q, border);
	step.only_time |= sure_from(m, index, q.n_series) != INT64_MIN;
	q.limit = once_in(m, 6) ? 1 + rnd(m, 100) : 0;
	q.raw_only = once_in(m, 4);
	q.lease = l;
	for (size_t i = 0; i < q.n_series; i++) {
		f.ask[i] = asking(m, of, index[i], &q, &step);
		f.series[i] = series[i];
	}
	f.at = q.from_ns;
	bool refused = step.want & TSDB_STATES && too_many_states(&f);
	int r = tsdb_aggregate(m->f.t, &q, &step, on_buckets, &f);
	if (!f.wrong && refused && (r == -ERR_LIMIT || (q.limit && r == 1))) {
		err_clear();
		return true;
	}
	struct naive more;
	bool cut = q.limit && f.n == q.limit, rest = !f.wrong && next_bucket(&f, &more), good = !f.wrong && r == (cut && rest) && rest == (cut && rest);
	if (!good)
		printf("# aggregate %lld..%lld step %lld origin %lld borders %zu between %d only %d want %x fill %d limit %llu lease %d raw %d lean %d: answer %d %s, %llu buckets%s\n",
			(long long) q.from_ns, (long long) q.to_ns, (long long) step.step_ns, (long long) step.origin_ns, step.n_borders, step.between, step.only_time,
			step.want, step.fill, (unsigned long long) q.limit, l != NULL, q.raw_only, step.lean, r, r < 0 ? err_log_text(err_peek()) : "", (unsigned long long) f.n, rest ? ", some missing" : "");
	return good;
}

/* Hours of which, for some of the time, only figures are kept: they say what the samples said. */
static bool ask_sums(struct model *m)
{
	unsigned i = (unsigned) rnd(m, SERIES);

	for (unsigned n = 0; n < SERIES && (exact(m, i) || m->muddled[i] || naive_is_text(m->types[i])); n++)
		i = (i + 1) % SERIES;
	struct tsdb_step step = { .step_ns = (int64_t) (1 + rnd(m, 30)) * 3600 * NS_PER_S, .only_time = once_in(m, 2), .lean = once_in(m, 4) };
	struct tsdb_query q = ask(&m->series[i], 1, 0, 0);
	const struct record *r = &m->of[i];

	some_range(m, &q.from_ns, &q.to_ns);
	if (exact(m, i) || m->muddled[i] || naive_is_text(m->types[i]))
		return true;
	q.from_ns = MAX(roll_start(q.from_ns, ROLL_HOUR), m->none[i]);
	q.to_ns = MAX(q.from_ns, roll_start(MIN(q.to_ns, m->now), ROLL_HOUR)) + roll_ns(ROLL_HOUR);
	if ((q.to_ns - q.from_ns) / step.step_ns > BUCKETS_MAX)
		return true;
	struct naive_ask a = { .s = r->item, .n = r->n, .type = m->types[i], .q = &q, .step = &step };
	size_t old = naive_find(&a, m->none[i]);
	a.s += old;
	a.n -= old;
	struct figures f = { .n_asks = 1, .ask = { a }, .series = { m->series[i] }, .at = q.from_ns };
	int e = tsdb_aggregate(m->f.t, &q, &step, on_buckets, &f);
	struct naive more;
	bool rest = e == 0 && !f.wrong && next_bucket(&f, &more);
	if (e || f.wrong || rest)
		printf("# sums %lld..%lld step %lld only %d lean %d, none before %lld, sure from %lld: answer %d, %llu buckets%s\n", (long long) q.from_ns,
			(long long) q.to_ns, (long long) step.step_ns, step.only_time, step.lean, (long long) m->none[i], (long long) m->sure[i], e,
			(unsigned long long) f.n, rest ? ", some missing" : "");
	m->summed += f.n;
	return e == 0 && !f.wrong && !rest;
}

static bool ask_one(struct model *m, const struct record *of, const struct tsdb_lease *l)
{
	switch (rnd(m, 7)) {
	case 0:
		return ask_range(m, of, l);
	case 1:
		return ask_last(m, of, l);
	case 2:
		return ask_plot(m, of, l);
	case 3:
		return l || ask_sums(m);
	default:
		return ask_figures(m, of, l);
	}
}

/* When a day ended meanwhile (a flush behind our back may let it), it is no answer to compare. */
static bool ask_some(struct model *m, const struct record *of, const struct tsdb_lease *l)
{
	look_at_days(m);
	m->asked++;
	if (ask_one(m, of, l))
		return true;
	if (m->today == today_of(m))
		return false;
	printf("# a day ended\n");
	err_clear();
	return true;
}

/* --- A life */

static bool step_of_life(struct model *m)
{
	if (!model_live(m))
		return false;
	m->now += (int64_t) rnd(m, once_in(m, 10) ? 14400 : 300) * NS_PER_S + (int64_t) rnd(m, 1000000) * 100;
	if (m->now > atomic_load(&wall_ns))
		atomic_store(&wall_ns, m->now);
	for (unsigned i = 0; i < LEASES; i++)
		if (m->held[i].lease && !ask_some(m, m->held[i].of, m->held[i].lease))
			return false;
	if (!settle(m))
		return false;
	return ask_some(m, m->of, NULL) && ask_some(m, m->of, NULL);
}

/* Everything there is, at the end: as it is, after a start, and when all is merged. */
static bool all_equal(struct model *m)
{
	struct tsdb_query q = ask(m->series, SERIES, INT64_MIN, INT64_MAX);
	uint8_t index[SERIES];
	bool good;

	for (unsigned i = 0; i < SERIES; i++)
		index[i] = (uint8_t) i;
	do {
		look_at_days(m);
		good = range_is_right(m, m->of, &q, index);
	} while (!good && m->today != today_of(m));
	return good;
}

/* All that is sure, and nothing that was not written. */
static bool counts_so(struct model *m, uint64_t n)
{
	uint64_t all = 0, sure = 0;

	look_at_days(m);
	for (unsigned i = 0; i < SERIES; i++) {
		struct tsdb_query q = { .n_series = 1 };

		all += m->of[i].n;
		sure += asking(m, m->of, i, &q, NULL).n;
	}
	if (n < sure || n > all)
		printf("# want %llu of %llu samples\n", (unsigned long long) sure, (unsigned long long) all);
	return n >= sure && n <= all;
}

/* Samples as they were written, one a line: times and whole numbers as they are, others as the hex of their bits. */
static bool dump_samples(struct model *m)
{
	snprintf(m->text, sizeof(m->text), "%s/samples.jsonl", m->f.dir);
	FILE *to = fopen(m->text, "w");

	for (unsigned i = 0; to && i < SERIES; i++)
		for (size_t k = 0; k < m->of[i].n; k++) {
			const struct sample *s = &m->of[i].item[k].s;
			uint32_t half;

			fprintf(to, "{\"series\":%u,\"type\":\"%s\",\"t\":%lld,\"q\":%u,\"v\":", s->series, vtype_name((enum vtype) m->types[i]),
				(long long) s->time_ns, s->quality);
			if (s->value.type == V_NONE) {
				fprintf(to, "null}\n");
				continue;
			}
			memcpy(&half, &s->value.f32, 4);
			if (s->value.type == V_BOOL)
				fprintf(to, "\"%d", s->value.b);
			else if (s->value.type == V_F32)
				fprintf(to, "\"%08x", half);
			else if (s->value.type == V_F64)
				fprintf(to, "\"%016llx", (unsigned long long) s->value.i);
			else if (!naive_is_text(m->types[i]))
				fprintf(to, "\"%lld", (long long) s->value.i);
			for (uint32_t b = 0; naive_is_text(m->types[i]) && b < s->value.len; b++)
				fprintf(to, "%s%02x", b ? "" : "\"", (uint8_t) s->value.s[b]);
			fprintf(to, "%s\"}\n", naive_is_text(m->types[i]) && !s->value.len ? "\"" : "");
		}
	return to && fclose(to) == 0;
}

static bool dump_figures(struct model *m)
{
	struct tsdb_query q = ask(m->series, SERIES, T0, m->now / DAY * DAY + DAY);
	struct tsdb_step step = { .step_ns = 3600 * NS_PER_S, .want = TSDB_STDDEV, .quantile = quantiles, .n_quantiles = 1, .only_time = true };
	struct figures f = { .n_asks = SERIES, .at = q.from_ns };

	for (unsigned i = 0; i < SERIES; i++) {
		f.ask[i] = asking(m, m->of, i, &q, &step);
		f.series[i] = m->series[i];
	}
	snprintf(m->text, sizeof(m->text), "%s/buckets.jsonl", m->f.dir);
	f.dump = fopen(m->text, "w");
	return f.dump && tsdb_aggregate(m->f.t, &q, &step, on_buckets, &f) == 0 && fclose(f.dump) == 0;
}

static unsigned all_files(struct model *m)
{
	snprintf(m->text, sizeof(m->text), "%s/tenants/1/ts", m->second);
	return bare_files(m) + files_on_disk(&m->f) + (m->second[0] && file_exists(m->text) ? count_names(m->text) : 0);
}

static bool life(uint64_t seed, unsigned steps, struct model *m)
{
	unsigned at = 0;

	*m = (struct model) { .seed = seed };
	bool good = model_begin(m);
	while (good && at < steps) {
		good = step_of_life(m);
		at++;
	}
	good = good && settle(m) && all_equal(m) && restart(m, true) && settle(m) && all_equal(m);
	good = good && tsdb_flush(m->f.t) == 0 && tsdb_compact(m->f.t, NULL) == 0 && move_files(m) && all_equal(m) && purge(m) && all_equal(m);
	if (good) {
		struct tsdb_stats s = stats_of(&m->f);
		unsigned on_disk = 0;
		/* A file that moves just now is there twice for a moment. */
		for (int i = 0; i < 2000 && (i == 0 || on_disk != s.n_files); i++, usleep(5000)) {
			on_disk = all_files(m);
			s = stats_of(&m->f);
		}
		good = counts_so(m, s.file_samples) && s.head_samples == 0 && on_disk == s.n_files && nothing_old_is_left(m);
		if (!good)
			printf("# %llu samples in %llu files (%u on disk), %llu in memory\n", (unsigned long long) s.file_samples,
				(unsigned long long) s.n_files, on_disk, (unsigned long long) s.head_samples);
	}
	if (getenv("TENON_MODEL_KEEP"))
		good = good && dump_samples(m) && dump_figures(m);
	if (!good)
		printf("# seed %llu fails at step %u of %u: TENON_MODEL_SEED=%llu TENON_MODEL_STEPS=%u %s\n", (unsigned long long) seed, at, steps,
			(unsigned long long) seed, steps, err_peek()->kind ? err_log_text(err_peek()) : "");
	return good;
}

static uint64_t from_environment(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);
	uint64_t v;

	return text && num_parse_u64(text, text + strlen(text), &v) ? v : otherwise;
}

TEST(a_life_of_writes_flushes_merges_leases_and_restarts_answers_as_the_model_does)
{
	static struct model m;
	uint64_t one = from_environment("TENON_MODEL_SEED", 0), seconds = from_environment("TENON_MODEL_SECONDS", 0), samples = 0, asked = 0, lives = 0;
	uint64_t deleted = 0, moved = 0, rolled = 0, aged = 0, corrected = 0, undone = 0, summed = 0;
	unsigned steps = (unsigned) from_environment("TENON_MODEL_STEPS", seconds ? 400 : 130);
	int64_t deadline = clock_deadline((int64_t) seconds * 1000);
	bool good = true;

	for (uint64_t seed = one ? one : seconds ? 1000 : 1; good && (seconds ? clock_mono_ns() < deadline : lives < (one ? 1 : 2)); seed++, lives++) {
		good = life(seed, steps, &m);
		samples += m.samples;
		asked += m.asked;
		deleted += m.deleted;
		moved += m.moved;
		rolled += m.rolled;
		aged += m.ages;
		corrected += m.corrections;
		undone += m.undone;
		summed += m.summed;
		model_end(&m);
	}
	ok(good);
	printf("# %llu lives (%llu with retention), %llu samples, %llu deleted, %llu corrected (%llu undone), %llu files moved, %llu questions, %llu rows of "
		"roll-ups used, %llu figures without their samples\n", (unsigned long long) lives, (unsigned long long) aged, (unsigned long long) samples,
		(unsigned long long) deleted, (unsigned long long) corrected, (unsigned long long) undone, (unsigned long long) moved, (unsigned long long) asked,
		(unsigned long long) rolled, (unsigned long long) summed);
}
