/*
 * roll_test.c - aggregates from figures of minutes and hours are what the samples say: to the bit where sums are exact, else to 1e-12.
 *
 * The samples themselves are the reference (raw_only), and they have theirs in agg_test.c and figures_test.c. Steps, borders and ranges are
 * random; so is what lies where: day files, windows, flushed ones, the head, late samples in the middle of rolled hours.
 */
#include <fcntl.h>
#include <math.h>
#include <sys/stat.h>

#include "tap.h"

#include "tsdb/keep/remove.h"
#include "tsdb/roll_plant.h"

TEST(aggregates_from_figures_are_what_the_samples_say_whatever_lies_where)
{
	struct plant p;

	plant_begin(&p);
	ok(compare(&p, 400, T0 - 4 * HOUR, T0 + 21 * HOUR));
	struct tsdb_stats s = stats_of(&p.f);
	ok(s.rolled > 10000);
	/* Late, here and there, and over again; windows of today; the head. */
	write_all(&p, T0 + 2 * HOUR, T0 + 4 * HOUR, 64);
	must(fixture_settle(&p.f) == 0);
	ok(compare(&p, 250, T0 - 4 * HOUR, T0 + 21 * HOUR));
	must(flush(&p.f));
	write_all(&p, T0 + 20 * HOUR, T0 + 22 * HOUR, 0);
	must(fixture_settle(&p.f) == 0);
	ok(compare(&p, 250, T0 - 4 * HOUR, T0 + 23 * HOUR));
	must(tsdb_compact(p.f.t, NULL) == 0);
	/* Deleted, and not yet gone from the files. */
	struct tsdb_stretch gone[] = { { p.series[0], T0 + S(3700), T0 + 5 * HOUR + S(7) }, { p.series[4], T0 - HOUR, T0 + HOUR } };
	must(tsdb_delete(p.f.t, 1, gone, ELEMENTSOF(gone), 60000) == 0);
	ok(compare(&p, 250, T0 - 4 * HOUR, T0 + 23 * HOUR));
	fixture_stop(&p.f);
	must(fixture_start(&p.f) == 0);
	ok(compare(&p, 250, T0 - 4 * HOUR, T0 + 23 * HOUR));
	plant_end(&p);
}

static bool same_number(double x, double y) { return x == y || (isnan(x) && isnan(y)); }

/* Pages of figures, and what is known of the minute before, go from series to series of one query: none hears of another. */
TEST(series_asked_for_together_get_what_each_gets_alone)
{
	struct plant p;
	bool good = true;

	plant_begin(&p);
	for (unsigned i = 0; i < 60 && good; i++) {
		uint64_t x = random_next(&p.seed);
		struct tsdb_step step = { .step_ns = i % 2 ? 3 * HOUR : S(600) * (int64_t) (1 + (x & 7)) * 6, .lean = x >> 8 & 1, .want = (x >> 9 & 7) == 0 ? TSDB_DELTA : 0 };
		struct tsdb_query q = { .tenant = 1, .series = p.series, .n_series = PLENTY, .from_ns = T0 - 2 * HOUR + S(600) * (int64_t) (x >> 12 & 31),
			.to_ns = T0 + 21 * HOUR };

		with.n = without.n = 0;
		good = tsdb_aggregate(p.f.t, &q, &step, keep, &with) == 0;
		q.n_series = 1;
		for (unsigned k = 0; k < PLENTY && good; k++) {
			q.series = &p.series[k];
			good = tsdb_aggregate(p.f.t, &q, &step, keep, &without) == 0;
		}
		good = good && with.n == without.n && with.n > PLENTY;
		for (size_t j = 0; j < with.n && good; j++) {
			const struct tsdb_bucket *a = &with.b[j], *b = &without.b[j];

			good = a->series == b->series && same_counts(a, b) && same_number(a->avg, b->avg) && same_number(a->sum, b->sum) &&
				same_number(a->delta, b->delta) && a->last_ns == b->last_ns && same_value(&a->last, &b->last);
		}
	}
	ok(good);
	ok(stats_of(&p.f).rolled > 1000);
	plant_end(&p);
}

/* --- Plots */

struct drawn { struct sample s[20000]; size_t n; };
static struct drawn some, all;

static int draw(void *ctx, struct batch *b)
{
	struct drawn *d = ctx;
	struct batch_iter it = batch_iter(b, NULL);
	struct sample s;

	while (d->n < ELEMENTSOF(d->s) && batch_next(&it, &s))
		d->s[d->n++] = s;
	return 0;
}

/* A pixel of which something is Bad is drawn from samples. Beyond 2^53 (kind 5) which of two is lower
 * is seen by figures alone. */
TEST(a_plot_from_figures_has_the_samples_of_a_plot_from_samples)
{
	struct plant p;
	bool good = true;

	plant_begin(&p);
	for (unsigned i = 0; i < 100 && good; i++) {
		uint64_t x = random_next(&p.seed);
		unsigned k = (unsigned) (x % PLENTY) == 5 ? 0 : (unsigned) (x % PLENTY), pixels = 1 + (unsigned) (x >> 8 & 0x1ff);
		struct tsdb_query q = { .tenant = 1, .series = &p.series[k], .n_series = 1, .from_ns = some_time_of(x >> 20, T0 - 4 * HOUR, T0), .to_ns = T0 + 21 * HOUR };

		some.n = all.n = 0;
		good = tsdb_plot(p.f.t, &q, pixels, draw, &some) == 0;
		q.raw_only = true;
		good = good && tsdb_plot(p.f.t, &q, pixels, draw, &all) == 0 && all.n > 0 && some.n == all.n;
		for (size_t j = 0; j < all.n && good; j++)
			good = same_sample(&some.s[j], &all.s[j]);
		if (!good)
			printf("# kind %u, %u pixels: %zu and %zu\n", k, pixels, some.n, all.n);
	}
	ok(good);
	ok(stats_of(&p.f).rolled > 1000);
	plant_end(&p);
}

/* --- Lost and damaged */

static char first_base[64];

static int note_first(void *ctx, const char *base)
{
	if (!first_base[0] && str_ends(base, ".1m"))
		snprintf(first_base, sizeof(first_base), "%.*s", (int) (strlen(base) - 3), base);
	return 0;
}

static void path_of(const struct plant *p, const char *suffix, char path[256])
{
	snprintf(path, 256, "%s/tenants/1/ts/%s%s", p->f.dir, first_base, suffix);
}

static bool spoil(const struct plant *p, const char *suffix, long at, off_t cut)
{
	char path[256];

	path_of(p, suffix, path);
	FILE *f = fopen(path, "r+");
	if (!f)
		return false;
	if (at >= 0) {
		fseek(f, at, SEEK_SET);
		fputs("????????????????", f);
	}
	bool good = fclose(f) == 0 && (cut < 0 || truncate(path, cut) == 0);
	return good;
}

static bool restart_and_compare(struct plant *p)
{
	fixture_stop(&p->f);
	return fixture_start(&p->f) == 0 && compare(p, 40, T0 - 4 * HOUR, T0 + 21 * HOUR);
}

TEST(figures_that_are_lost_or_torn_change_no_answer_and_the_next_merge_makes_them_anew)
{
	static const struct { const char *suffix; long at; off_t cut; bool lost; } damage[] = { { ".1m.parquet", 100, -1, false },
		{ ".1m.parquet", -1, 1000, false }, { ".1m.parquet", -1, 0, false }, { ".1h.parquet", -1, 40, false }, { ".1h.idx", 60, -1, false },
		{ ".1m.idx", -1, 30, false }, { ".1m.idx", 0, 0, true }, { ".1h.parquet", 0, 0, true }, { ".1m.parquet", 0, 0, true } };
	struct plant p;
	char path[256];

	plant_begin(&p);
	for (size_t i = 0; i < ELEMENTSOF(damage); i++) {
		snprintf(path, sizeof(path), "%s/tenants/1/ts/manifest", p.f.dir);
		first_base[0] = 0;
		must(tsdb_manifest_files(path, 1, note_first, NULL) == 0 && first_base[0]);
		path_of(&p, damage[i].suffix, path);
		ok(damage[i].lost ? unlink(path) == 0 : spoil(&p, damage[i].suffix, damage[i].at, damage[i].cut));
		ok(restart_and_compare(&p));
		/* A side index is there again; the others come with the next merge of that day. */
		write_stretch(&p, 0, T0 - HOUR, T0 - HOUR + S(5), 0);
		must(flush(&p.f) && tsdb_compact(p.f.t, NULL) == 0);
		uint64_t before = stats_of(&p.f).rolled;
		ok(compare(&p, 20, T0 - 4 * HOUR, T0) && stats_of(&p.f).rolled > before);
	}
	plant_end(&p);
}

static void open_first(const struct plant *p, struct idx *ret)
{
	char path[256];
	int64_t size;

	path_of(p, ".1m.parquet", path);
	must(file_size(path, &size) == 0);
	path_of(p, ".1m.idx", path);
	must(idx_open_cols(path, (uint64_t) size, ROLL_COLS, ret) == 0);
}

/* Of a series with a sample each period and nothing else to tell the side index says so; made anew it says the same. */
TEST(a_side_index_of_figures_knows_the_clocks_and_says_the_same_when_it_is_made_anew)
{
	struct idx before, after;
	struct plant p;
	char path[256];

	plant_begin(&p);
	snprintf(path, sizeof(path), "%s/tenants/1/ts/manifest", p.f.dir);
	first_base[0] = 0;
	must(tsdb_manifest_files(path, 1, note_first, NULL) == 0 && first_base[0]);
	open_first(&p, &before);
	for (unsigned k = 0; k < PLENTY; k++) {
		const struct idx_entry *e = idx_find(&before, p.series[k]);
		bool clock = !kinds[k].jitter && !kinds[k].bad && !kinds[k].nan;

		/* Noise is decimals here and there. */
		if (e && (!clock || kinds[k].shape != NOISE))
			is_int((int64_t) e->first_bits, clock ? kinds[k].period : 0);
	}
	is_int(idx_find(&before, p.series[4])->last_q, 0);
	is_int(idx_find(&before, p.series[8])->last_q, 1);
	path_of(&p, ".1m.idx", path);
	must(unlink(path) == 0);
	ok(restart_and_compare(&p));
	open_first(&p, &after);
	is_int(after.n, before.n);
	for (uint32_t i = 0; i < MIN(before.n, after.n); i++)
		ok(memcmp(&before.entry[i], &after.entry[i], sizeof(*before.entry)) == 0);
	idx_close(&before);
	idx_close(&after);
	plant_end(&p);
}
