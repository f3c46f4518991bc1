/* check_test.c - whatever is flipped, cut or lost is named, with whom it concerns; and what is not named changes no answer. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "tap.h"

#include "base/str.h"
#include "tsdb/merge_test.h"

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
