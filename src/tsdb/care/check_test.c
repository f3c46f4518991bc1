/* check_test.c - whatever is flipped, cut or lost is named, with whom it concerns; and what is not named changes no answer. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "tap.h"

#include "base/str.h"
#include "tsdb/merge/merge_test.h"

struct told { struct tsdb_checked sum; unsigned n[TSDB_FAULTS]; struct tsdb_fault first; char file[200], path[100]; };

static int on_fault(void *ctx, const struct tsdb_fault *f)
{
	struct told *t = ctx;

	t->n[f->kind]++;
	if (t->first.n_points || (t->first.file && !f->n_points))
		return 0;
	t->first = *f;
	snprintf(t->file, sizeof(t->file), "%s", f->file);
	snprintf(t->path, sizeof(t->path), "%s", f->n_listed ? f->point[0].path : "");
	t->first.file = t->file;
	return 0;
}

static int look(const struct fixture *f, struct told *ret)
{
	*ret = (struct told) { 0 };
	return tsdb_check(&(struct tsdb_check) { .data_dir = f->dir, .on_fault = on_fault, .ctx = ret }, &ret->sum);
}

static void describe(void *ctx, uint32_t tenant, const struct uuid *p, struct tsdb_name *ret)
{
	unsigned i;

	memcpy(&i, p->b + 12, 4);
	snprintf(ret->path, sizeof(ret->path), "Works/Line/P%02u", i);
}

/* Two days of files, one of them merged. */
static void make(struct world *w)
{
	w->f.config = by_hand;
	w->f.config.describe = describe;
	w->seed = 5;
	must(fixture_begin(&w->f) == 0 && world_series(w));
	for (unsigned i = 0; i < 3; i++) {
		write_round(w, 2 + i);
		must(flush(&w->f));
	}
	must(tsdb_compact(w->f.t, NULL) == 0);
	write_round(w, 40);
	must(flush(&w->f));
	record_settle(&w->record);
	fixture_stop(&w->f);
}

static void end(struct world *w)
{
	record_done(&w->record);
	fixture_end(&w->f);
}

/* --- Files of the folder, by the end of their name */

struct found { char path[300]; const char *suffix; int64_t size; bool largest; };

static void find(struct found *f, const char *dir);

struct walk { struct found *f; const char *dir; };

static int on_name(void *ctx, const char *name)
{
	struct walk *w = ctx;
	char path[300];
	struct stat st;

	snprintf(path, sizeof(path), "%.200s/%.90s", w->dir, name);
	if (stat(path, &st) < 0)
		return 0;
	if (S_ISDIR(st.st_mode)) {
		find(w->f, path);
	} else if (str_ends(name, w->f->suffix) && (st.st_size > w->f->size || !w->f->path[0]) &&
			(!str_eq(w->f->suffix, ".parquet") || !str_eq(name, "series.parquet"))) {
		memcpy(w->f->path, path, sizeof(path));
		w->f->size = st.st_size;
	}
	return 0;
}

static void find(struct found *f, const char *dir) { dir_each(dir, on_name, &(struct walk) { f, dir }); }

/* The largest file with that end. */
static struct found largest(const struct fixture *f, const char *suffix)
{
	struct found r = { .suffix = suffix };

	find(&r, f->dir);
	ok(r.path[0]);
	return r;
}

static void flip(const char *path, int64_t at, uint8_t bit)
{
	uint8_t b;
	int fd = open(path, O_RDWR);

	must(fd >= 0 && pread(fd, &b, 1, at) == 1);
	b ^= bit;
	must(pwrite(fd, &b, 1, at) == 1);
	close(fd);
}

/* --- */

TEST(a_whole_store_has_no_faults_open_or_not)
{
	struct world w = { 0 };
	struct told t;

	make(&w);
	is_int(look(&w.f, &t), 0);
	is_int(t.sum.faults, 0);
	if (t.sum.faults)
		printf("# %s %s %s\n", tsdb_fault_id(t.first.kind), t.file, err_log_text(&t.first.why));
	is_int(t.sum.lost, 0);
	is_int(t.sum.tenants, 1);
	must(fixture_start(&w.f) == 0 && fixture_settle(&w.f) == 0);
	is_int(t.sum.samples, stats_of(&w.f).file_samples);
	is_int(t.sum.files, stats_of(&w.f).n_files);
	is_int(look(&w.f, &t), 0);
	is_int(t.sum.faults, 0);
	end(&w);
}

/* Doubles behind decimals: pages of nulls beside pages of values in columns without an index of them. */
TEST(a_file_of_pages_with_and_without_values_has_no_faults)
{
	struct world w = { .f.config = by_hand };
	_cleanup_(batch_builder_freep) struct batch_builder *b = NULL;
	const struct uuid points[2] = { point(1), point(2) };
	uint32_t series[2];
	struct told t;

	must(fixture_begin(&w.f) == 0 && tsdb_series_many(w.f.t, 1, 2, points, (const uint8_t[]) { V_F64, V_F64 }, series) == 0);
	must(batch_builder_new(&b, 0) == 0);
	for (int64_t i = 0; i < 60000;) {
		_cleanup_(batch_unrefp) struct batch *batch = NULL;

		must(batch_tall(b, 1, 0, V_F64) == 0);
		for (unsigned n = 0; n < 1000; n++, i++) {
			double v = i < 30000 ? (double) i / 100 : (double) i / 3;

			must(batch_tall_add(b, &(struct sample) { .series = series[i >= 30000], .time_ns = T0 + i * NS_PER_S / 4, .value = { .type = V_F64, .f64 = v } }) == 0);
		}
		must(batch_seal(b, 0, 0, &batch) == 0 && fixture_append(&w.f, batch) == 0);
	}
	must(flush(&w.f));
	for (int merged = 0; merged < 2; merged++) {
		is_int(look(&w.f, &t), 0);
		is_int(t.sum.samples, 60000);
		is_int(t.sum.faults, 0);
		must(tsdb_compact(w.f.t, NULL) == 0);
	}
	/* And where the side index is one of these that were made from the file. */
	fixture_stop(&w.f);
	struct found index = largest(&w.f, ".idx");
	must(unlink(index.path) == 0 && fixture_start(&w.f) == 0);
	struct record got = { 0 };
	const struct tsdb_query q = ask(series, 2, INT64_MIN, INT64_MAX);
	is_int(tsdb_range(w.f.t, &q, record_batch, &got), 0);
	is_int(got.n, 60000);
	record_done(&got);
	is_int(look(&w.f, &t), 0);
	is_int(t.sum.faults, 0);
	fixture_end(&w.f);
}

/* Every bit of a file of samples either is missed by the check, or its loss changes no answer. */
TEST(a_flipped_bit_of_a_file_of_samples_is_named_or_changes_nothing)
{
	struct world w = { 0 };
	struct told t;
	unsigned named = 0, silent = 0, wrong = 0;

	make(&w);
	struct found f = largest(&w.f, ".parquet");
	for (int64_t at = 0; at < f.size; at += 149) {
		uint8_t bit = (uint8_t) (1 << at % 8);

		flip(f.path, at, bit);
		must(look(&w.f, &t) == 0);
		if (t.sum.faults - t.sum.harmless) {
			named++;
			wrong += !str_ends(f.path, t.file);
		} else {
			silent++;
			must(fixture_start(&w.f) == 0 && fixture_settle(&w.f) == 0);
			must(world_equals(&w));
			fixture_stop(&w.f);
		}
		flip(f.path, at, bit);
	}
	printf("# %lld bytes: %u flips named, %u change no answer\n", (long long) f.size, named, silent);
	ok(named > silent * 4);
	is_int(wrong, 0);
	end(&w);
}

TEST(a_damaged_page_names_its_points_and_times)
{
	struct world w = { 0 };
	struct told t;

	make(&w);
	struct found f = largest(&w.f, ".parquet");
	flip(f.path, f.size / 3, 4);
	is_int(look(&w.f, &t), 0);
	is_int(t.n[TSDB_FAULT_PAGE], 1);
	ok(t.first.n_points > 0 && t.first.n_points <= N_SERIES);
	ok(str_starts(t.path, "Works/Line/P"));
	ok(t.first.rows > 0 && t.sum.lost == t.first.rows);
	ok(t.first.from_ns <= t.first.to_ns && t.first.from_ns > T0 - DAY && t.first.to_ns < T0 + 3 * DAY);
	end(&w);
}

TEST(a_file_that_is_cut_is_read_as_far_as_its_side_index_says)
{
	struct world w = { 0 };
	struct told t;

	make(&w);
	struct found f = largest(&w.f, ".parquet");
	must(truncate(f.path, f.size / 2) == 0);
	is_int(look(&w.f, &t), 0);
	is_int(t.n[TSDB_FAULT_FOOTER], 1);
	is_int(t.n[TSDB_FAULT_PAGE], 1);
	char index[320];
	snprintf(index, sizeof(index), "%.*s.idx", (int) strlen(f.path) - 8, f.path);
	must(unlink(index) == 0);
	is_int(look(&w.f, &t), 0);
	is_int(t.n[TSDB_FAULT_FILE], 1);
	ok(t.sum.lost > 0 && t.first.n_points > 0);
	must(unlink(f.path) == 0);
	is_int(look(&w.f, &t), 0);
	is_int(t.n[TSDB_FAULT_MISSING], 1);
	end(&w);
}

static unsigned flips_named(struct world *w, const char *suffix, enum tsdb_fault_kind kind, int64_t step, unsigned *ret_all)
{
	struct found f = largest(&w->f, suffix);
	unsigned named = 0, all = 0;
	struct told t;

	for (int64_t at = 0; at < f.size; at += step, all++) {
		flip(f.path, at, 1);
		ok(look(&w->f, &t) == 0);
		named += t.n[kind] != 0;
		flip(f.path, at, 1);
	}
	*ret_all = all;
	return named;
}

TEST(every_flipped_bit_of_the_small_files_is_named)
{
	struct world w = { 0 };
	unsigned all;

	make(&w);
	is_int(flips_named(&w, "manifest", TSDB_FAULT_MANIFEST, 3, &all), all);
	is_int(flips_named(&w, ".idx", TSDB_FAULT_INDEX, 401, &all), all);
	is_int(flips_named(&w, "series.dict", TSDB_FAULT_DICTIONARY, 17, &all), all);
	/* Of the sheets the text of created_by and the like is under no checksum. */
	unsigned named = flips_named(&w, "series.parquet", TSDB_FAULT_SHEET, 13, &all);
	printf("# %u of %u flips of a sheet are named\n", named, all);
	ok(named * 4 > all * 2);
	end(&w);
}

TEST(a_lost_dictionary_names_series_without_points)
{
	struct world w = { 0 };
	struct told t;

	make(&w);
	unlink(largest(&w.f, "series.dict").path);
	is_int(look(&w.f, &t), 0);
	is_int(t.n[TSDB_FAULT_DICTIONARY], 1);
	ok(t.n[TSDB_FAULT_NAMELESS] >= 2);
	end(&w);
}

TEST(a_damaged_segment_of_the_log_is_named)
{
	struct world w = { 0 };
	struct told t;

	make(&w);
	flip(largest(&w.f, ".wal").path, 2000, 1);
	is_int(look(&w.f, &t), 0);
	is_int(t.n[TSDB_FAULT_LOG], 1);
	ok(str_starts(t.file, "wal/"));
	end(&w);
}

TEST(a_file_that_no_manifest_names_is_told_and_harmless)
{
	struct world w = { 0 };
	char path[320];
	struct told t;

	make(&w);
	struct found f = largest(&w.f, ".parquet");
	size_t n = strlen(f.path) - 18;
	snprintf(path, sizeof(path), "%.*s0000000001.parquet", (int) n, f.path);
	must(link(f.path, path) == 0);
	is_int(look(&w.f, &t), 0);
	is_int(t.n[TSDB_FAULT_UNNAMED], 1);
	is_int(t.sum.faults, t.sum.harmless);
	end(&w);
}

TEST(a_check_without_memory_says_so)
{
	struct world w = { 0 };
	unsigned failed = 0;
	struct told t;

	make(&w);
	flip(largest(&w.f, ".parquet").path, 3000, 1);
	for (unsigned nth = 1, clean = 0; clean < 2; nth += 1 + nth / 40) {
		sys_fault_nth(SYS_ANY_MEMORY, nth, ENOMEM);
		int r = look(&w.f, &t);
		bool hit = sys_fault_hit();

		sys_fault_nth(SYS_ANY_MEMORY, 0, 0);
		clean = hit ? 0 : clean + 1;
		if (hit && r != -ERR_NO_MEMORY)
			printf("# %u: %d %u kind %s %s %s\n", nth, r, (unsigned) t.sum.faults, tsdb_fault_id(t.first.kind), t.file, err_log_text(&t.first.why));
		if (hit)
			must(r == -ERR_NO_MEMORY);
		else
			must(r == 0 && t.n[TSDB_FAULT_PAGE] == 1);
		failed += r < 0;
		err_clear();
	}
	sys_restore();
	ok(failed > 20);
	end(&w);
}

static bool at_once(void *ctx) { return true; }

TEST(a_check_can_be_cancelled)
{
	struct world w = { 0 };
	struct tsdb_checked sum;

	make(&w);
	is_int(tsdb_check(&(struct tsdb_check) { .data_dir = w.f.dir, .is_cancelled = at_once }, &sum), -ERR_CANCELLED);
	end(&w);
}

TEST(figures_that_cannot_be_read_are_told_and_harmless_while_their_samples_are_there)
{
	_cleanup_(batch_builder_freep) struct batch_builder *w = NULL;
	struct fixture f = { .config = by_hand };
	struct uuid id = point(1);
	uint32_t series;
	struct told t;

	must(fixture_begin(&f) == 0 && tsdb_series(f.t, 1, &id, V_F64, &series) == 0 && batch_builder_new(&w, 0) == 0);
	for (int64_t i = 0; i < 7200; i += 1000) {
		_cleanup_(batch_unrefp) struct batch *b = NULL;

		must(batch_tall(w, 1, 0, V_F64) == 0);
		for (int64_t k = i; k < MIN(i + 1000, INT64_C(7200)); k++)
			must(batch_tall_add(w, &(struct sample) { .series = series, .time_ns = T0 + k * NS_PER_S, .value = { .type = V_F64, .f64 = (double) (k % 97) / 4 } }) == 0);
		must(batch_seal(w, T0, 0, &b) == 0 && fixture_append(&f, b) == 0);
	}
	must(flush(&f) && tsdb_compact(f.t, NULL) == 0);
	fixture_stop(&f);
	is_int(look(&f, &t), 0);
	is_int(t.sum.faults, 0);
	struct found m = largest(&f, ".1m.parquet");
	flip(m.path, m.size / 3, 1);
	is_int(look(&f, &t), 0);
	is_int(t.n[TSDB_FAULT_ROLLUP], 1);
	ok(str_ends(m.path, t.file));
	is_int(t.sum.faults, t.sum.harmless);
	must(unlink(m.path) == 0);
	is_int(look(&f, &t), 0);
	is_int(t.n[TSDB_FAULT_ROLLUP], 1);
	fixture_end(&f);
}

/* --- Repair */

struct mended { unsigned n[TSDB_MENDED_LEFT + 1]; struct tsdb_repaired sum; };

static void on_mended(void *ctx, const struct tsdb_mended *m)
{
	((struct mended *) ctx)->n[m->how]++;
}

static int repair(const struct fixture *f, struct mended *ret)
{
	*ret = (struct mended) { 0 };
	return tsdb_repair(&(struct tsdb_repair) { .data_dir = f->dir, .on_mended = on_mended, .ctx = ret }, &ret->sum);
}

/* Everything that is read is what was written, and so much of it is there. */
static uint64_t what_is_left(struct world *w)
{
	struct tsdb_query q = ask(w->series, N_SERIES, INT64_MIN, INT64_MAX);
	struct record got = { 0 };
	uint64_t n = 0;
	size_t k = 0;

	ok(fixture_start(&w->f) == 0 && fixture_settle(&w->f) == 0);
	is_int(tsdb_range(w->f.t, &q, record_batch, &got), 0);
	for (size_t i = 0; i < got.n; i++) {
		while (k < w->record.n && (w->record.item[k].s.series < got.item[i].s.series ||
				(w->record.item[k].s.series == got.item[i].s.series && w->record.item[k].s.time_ns < got.item[i].s.time_ns)))
			k++;
		n += k < w->record.n && same_sample(&w->record.item[k].s, &got.item[i].s);
	}
	is_int(n, got.n);
	record_done(&got);
	fixture_stop(&w->f);
	return n;
}

/* A sample that was lost in one file may lie in another, too: it was written twice. */
static bool has_left(struct world *w, uint64_t lost)
{
	uint64_t n = what_is_left(w);

	return n >= w->record.n - lost && n < w->record.n;
}

TEST(a_repair_keeps_the_pages_that_can_be_read_and_deletes_nothing)
{
	struct world w = { 0 };
	struct told t;
	struct mended m;

	make(&w);
	struct found f = largest(&w.f, ".parquet");
	flip(f.path, f.size / 3, 4);
	must(look(&w.f, &t) == 0 && t.n[TSDB_FAULT_PAGE] == 1);
	uint64_t lost = t.sum.lost;
	is_int(repair(&w.f, &m), 0);
	is_int(m.n[TSDB_MENDED_REWRITTEN], 1);
	is_int(m.sum.lost, lost);
	is_int(m.sum.left, 0);
	ok(m.sum.kept > 0);
	must(look(&w.f, &t) == 0);
	is_int(t.sum.faults, 0);
	ok(has_left(&w, lost));
	/* The damaged file lies aside, with a report. */
	char path[PATH_MAX + 100];
	snprintf(path, sizeof(path), "%s/REPORT", m.sum.aside);
	ok(file_exists(path));
	snprintf(path, sizeof(path), "%s%s", m.sum.aside, f.path + strlen(w.f.dir));
	ok(file_exists(path) && !file_exists(f.path));
	is_int(repair(&w.f, &m), 0);
	is_int(m.sum.faults, 0);
	end(&w);
}

TEST(a_repair_of_a_file_that_is_cut_keeps_its_first_half)
{
	struct world w = { 0 };
	struct mended m;
	struct told t;

	make(&w);
	struct found f = largest(&w.f, ".parquet");
	must(truncate(f.path, f.size * 3 / 4) == 0 && look(&w.f, &t) == 0);
	uint64_t lost = t.sum.lost;
	is_int(repair(&w.f, &m), 0);
	must(look(&w.f, &t) == 0);
	is_int(t.sum.faults, 0);
	ok(has_left(&w, lost));
	end(&w);
}

TEST(a_repair_makes_side_index_manifest_and_sheet_again)
{
	struct world w = { 0 };
	struct mended m;
	struct told t;

	make(&w);
	flip(largest(&w.f, ".idx").path, 300, 1);
	is_int(repair(&w.f, &m), 0);
	is_int(m.n[TSDB_MENDED_REMADE], 1);
	is_int(what_is_left(&w), w.record.n);
	struct found sheet = largest(&w.f, "series.parquet");
	flip(sheet.path, sheet.size / 4, 1);
	is_int(repair(&w.f, &m), 0);
	flip(largest(&w.f, "manifest").path, 20, 1);
	is_int(repair(&w.f, &m), 0);
	is_int(look(&w.f, &t), 0);
	is_int(t.sum.faults, 0);
	is_int(what_is_left(&w), w.record.n);
	end(&w);
}

TEST(a_file_of_which_nothing_can_be_read_is_put_aside_and_one_that_is_lost_named_no_more)
{
	struct world w = { 0 };
	struct mended m;
	struct told t;

	make(&w);
	struct found f = largest(&w.f, ".parquet");
	char index[320];
	snprintf(index, sizeof(index), "%.*s.idx", (int) strlen(f.path) - 8, f.path);
	must(truncate(f.path, f.size / 2) == 0 && unlink(index) == 0);
	is_int(repair(&w.f, &m), 0);
	is_int(m.n[TSDB_MENDED_ASIDE], 1);
	uint64_t left = what_is_left(&w);
	ok(left > 0 && left < w.record.n);
	unlink(largest(&w.f, ".parquet").path);
	is_int(repair(&w.f, &m), 0);
	is_int(m.n[TSDB_MENDED_DROPPED], 1);
	is_int(look(&w.f, &t), 0);
	is_int(t.sum.faults, t.sum.harmless);
	end(&w);
}

/* Whatever cannot be written: it is begun again, and nothing has gone. */
static void repair_with_fault(enum sys_call call, int error, unsigned step)
{
	struct world w = { 0 };
	unsigned failed = 0;
	struct mended m;
	struct told t;

	make(&w);
	flip(largest(&w.f, ".parquet").path, 9000, 1);
	must(look(&w.f, &t) == 0 && t.n[TSDB_FAULT_PAGE]);
	uint64_t lost = t.sum.lost;
	bool hit = true;
	for (unsigned nth = 1; nth < 3000 && hit; nth += every(step)) {
		sys_fault_nth(call, nth, error);
		failed += repair(&w.f, &m) < 0;
		hit = sys_fault_hit();
		sys_fault_nth(call, 0, 0);
		err_clear();
	}
	sys_restore();
	ok(!hit && failed > 0);
	must(repair(&w.f, &m) == 0 && look(&w.f, &t) == 0);
	is_int(t.sum.faults, t.sum.harmless);
	ok(has_left(&w, lost));
	end(&w);
}

TEST(a_write_that_fails_during_a_repair_costs_nothing) { repair_with_fault(SYS_WRITE, ENOSPC, 1); }
TEST(a_sync_that_fails_during_a_repair_costs_nothing) { repair_with_fault(SYS_FSYNC, EIO, 1); }
TEST(a_rename_that_fails_during_a_repair_costs_nothing) { repair_with_fault(SYS_RENAME, EIO, 1); }
TEST(memory_that_ends_during_a_repair_costs_nothing) { repair_with_fault(SYS_ANY_MEMORY, ENOMEM, 37); }
